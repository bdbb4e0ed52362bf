//! The house: what every handler and job holds. One value, shared, made once at start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::office::authorise::{Authoriser, BadPolicy};
use crate::office::claim::{Claim, ClaimFailure};
use crate::office::clock::Clock;
use crate::office::commit::{CommitFailure, Door};
use crate::office::log::{LogFailure, Publisher};
use crate::office::passkey::Ceremonies;
use crate::office::store::{Store, StoreFailure};
use crate::web::tls::{self, Peer, Secured, TlsFailure};

/// Everything a request or a job can reach.
pub struct House {
    /// The data folder.
    pub dir: PathBuf,
    /// What was configured.
    pub config: Config,
    /// The only source of the present time.
    pub clock: Clock,
    /// Reads.
    pub store: Arc<Store>,
    /// Writes.
    pub door: Door,
    /// May this hat do this?
    pub authoriser: Authoriser,
    /// The published log.
    pub log: Arc<Publisher>,
    /// The loaded warning lists.
    pub lists: crate::evidence::lists::Held,
    /// Who names what, for the correlation.
    pub names: crate::analyse::names::Names,
    /// Passkey ceremonies under way.
    pub passkeys: Ceremonies,
    /// What the gate said of the files for operators' tools.
    pub exports: crate::share::council::kept::Held,
    /// Change streams that are followed.
    pub followers: crate::share::stream::followers::Followers,
    stopping: watch::Sender<bool>,
    /// True when this house plays the demonstration: fictional data, and a persona switcher.
    pub demo: bool,
}

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// The store.
    #[error("its store")]
    Store(#[from] StoreFailure),
    /// Somebody else works on it.
    #[error("it is not free")]
    Claim(#[from] ClaimFailure),
    /// The commit door.
    #[error("its commit door")]
    Door(#[from] CommitFailure),
    /// The log.
    #[error("its log")]
    Log(#[from] LogFailure),
    /// The policy.
    #[error("its policy")]
    Policy(#[from] BadPolicy),
    /// The address to listen on.
    #[error("the address `{address}` cannot be listened on")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// TLS.
    #[error("TLS cannot be offered")]
    Tls(#[from] TlsFailure),
}

impl House {
    /// Opens the folder: schema, commit door, log. Nothing listens yet.
    pub fn open(dir: &Path, config: Config, demo: bool) -> Result<Arc<Self>, OpenFailure> {
        let clock = Clock;
        let claim = Claim::on(dir)?;
        let store = Arc::new(Store::open(dir)?);
        let door = Door::open(&store, clock, &config.log.origin, &claim)?;
        let log =
            Publisher::open(dir, &config.log.origin, Arc::clone(&store), door.size(), &claim)?;
        let authoriser = Authoriser::new()?;
        let lists = crate::evidence::lists::Held::open(&store)?;
        // Made before anybody can ask for it: two who make it at once would each hold another.
        crate::office::log::load_or_make_seed(&dir.join("keys").join(crate::share::act::KEY))?;
        drop(crate::sift::law::load_key(dir)?);
        Ok(Arc::new(Self {
            dir: dir.to_owned(),
            config,
            clock,
            store,
            door,
            authoriser,
            log,
            lists,
            names: crate::analyse::names::Names::default(),
            passkeys: Ceremonies::default(),
            exports: crate::share::council::kept::Held::default(),
            followers: crate::share::stream::followers::Followers::default(),
            stopping: watch::Sender::new(false),
            demo,
        }))
    }

    /// Turns true when the house stops: long answers end then.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

/// A house with its doors open: the listener and the job runner.
pub struct Serving {
    origin: String,
    address: std::net::SocketAddr,
    house: Arc<House>,
    web: JoinHandle<()>,
    jobs: JoinHandle<()>,
    shares: JoinHandle<()>,
    hooks: JoinHandle<()>,
}

/// What the house listens on.
enum Doors {
    Plain(tokio::net::TcpListener),
    Secured(Secured),
}

impl Serving {
    /// Listens and runs jobs. With port 0 the machine picks a free one.
    pub async fn start(house: Arc<House>) -> Result<Self, OpenFailure> {
        let address = house.config.web.listen;
        let acceptor = tls::acceptor(&house.config.tls)?;
        let listen = |source| OpenFailure::Listen { address, source };
        let listener = tokio::net::TcpListener::bind(address).await.map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let origin = if house.config.web.origin.is_empty() {
            let scheme = if acceptor.is_some() { "https" } else { "http" };
            format!("{scheme}://localhost:{}", bound.port())
        } else {
            house.config.origin()
        };
        house.stopping.send_replace(false);
        let mut stopped = house.stopping();
        let app = crate::web::app(Arc::clone(&house));
        let doors = match acceptor {
            Some(acceptor) => Doors::Secured(Secured::new(listener, acceptor).map_err(listen)?),
            None => Doors::Plain(listener),
        };
        let web = tokio::spawn(async move {
            let ended = async move { drop(stopped.wait_for(|stop| *stop).await) };
            let served = match doors {
                Doors::Secured(secured) => {
                    let app = app.into_make_service_with_connect_info::<Peer>();
                    axum::serve(secured, app).with_graceful_shutdown(ended).await
                }
                Doors::Plain(listener) => {
                    axum::serve(listener, app).with_graceful_shutdown(ended).await
                }
            };
            if let Err(problem) = served {
                tracing::error!(%problem, "the listener ended");
            }
        });
        let shares = tokio::spawn(crate::share::watch::watch(Arc::clone(&house)));
        let jobs = tokio::spawn(crate::office::jobs::run(Arc::clone(&house)));
        let hooks = tokio::spawn(crate::share::stream::hooks::run(Arc::clone(&house)));
        Ok(Self { origin, address: bound, house, web, jobs, shares, hooks })
    }

    /// The address people type.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where it listens: with port 0 in the configuration, the one the machine picked.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Serves until asked to stop, then lets running requests finish.
    pub async fn until_signal(self) {
        asked_to_stop().await;
        self.stop().await;
    }

    /// Stops listening, lets running requests finish, ends the job runner.
    pub async fn stop(self) {
        self.house.stopping.send_replace(true);
        self.jobs.abort();
        self.shares.abort();
        self.hooks.abort();
        if let Err(problem) = self.web.await {
            tracing::error!(%problem, "the listener did not end well");
        }
    }
}

/// Waits until the terminal or the service manager asks to stop.
pub async fn asked_to_stop() {
    let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(term) => term,
        Err(problem) => {
            tracing::error!(%problem, "signals cannot be received");
            return;
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => drop(interrupted),
        _ = term.recv() => {}
    }
}
