//! TLS for the whole house: rustls in front of the same routes, with client certificates for those who have one.
//!
//! A certificate proves a caller only when its fingerprint stands in the register (`office::certificates`); being
//! signed by the configured authority is a condition, never enough.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Tls;
use crate::office::secret::hex;

/// Handshakes under way at once; further callers wait in the system's queue.
const HANDSHAKES_MAX: usize = 256;
/// A handshake that is not done by then is given up.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// Connections that are ready and wait to be taken.
const READY_MAX: usize = 64;
/// Pause after the system refused to accept (for example no free descriptors).
const PAUSE: Duration = Duration::from_millis(100);

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsFailure {
    /// A file cannot be read, or holds nothing of its kind.
    #[error("NRS-CONF-0020: `{path}` holds no usable {what}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("NRS-CONF-0021: certificate and key cannot be used together")]
    Pair(#[from] rustls::Error),
    /// The authority for client certificates cannot be used.
    #[error("NRS-CONF-0022: the authority for client certificates cannot be used")]
    ClientAuthority(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Only one of certificate and key is given.
    #[error("NRS-CONF-0023: `tls.certificate` and `tls.key` are given together or not at all")]
    Half,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where from.
    pub address: SocketAddr,
    /// SHA-256 over the client certificate that was proved in the handshake, in hexadecimal.
    pub certificate: Option<String>,
}

/// The fingerprint of a certificate: SHA-256 over its DER, in hexadecimal.
pub fn fingerprint(certificate: &[u8]) -> String {
    hex(&Sha256::digest(certificate))
}

/// What to present and whom to ask, from the configuration; `None` when TLS is not configured.
pub fn acceptor(tls: &Tls) -> Result<Option<TlsAcceptor>, TlsFailure> {
    let set = |path: &Path| !path.as_os_str().is_empty();
    match (set(&tls.certificate), set(&tls.key)) {
        (false, false) => return Ok(None),
        (true, true) => {}
        _ => return Err(TlsFailure::Half),
    }
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|source| unusable(&tls.key, "private key", Some(source.into())))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if set(&tls.client_ca) {
        let mut roots = RootCertStore::empty();
        for root in certificates(&tls.client_ca)? {
            roots.add(root)?;
        }
        // Browsers have no certificate; they sign in as ever.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|problem| TlsFailure::ClientAuthority(problem.into()))?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    let failed =
        |source: rustls::pki_types::pem::Error| unusable(path, "certificate", Some(source.into()));
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(|source| unusable(path, "certificate", Some(source.into())))?;
    if all.is_empty() { Err(unusable(path, "certificate", None)) } else { Ok(all) }
}

fn unusable(
    path: &Path,
    what: &'static str,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> TlsFailure {
    TlsFailure::File { path: path.to_owned(), what, source }
}

/// A listener whose connections are encrypted before the house sees them. A slow or silent caller delays nobody.
pub struct Secured {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, Peer)>,
    local: SocketAddr,
}

impl Secured {
    /// Encrypts what `listener` accepts. The work ends when this value is dropped.
    pub fn new(listener: TcpListener, acceptor: TlsAcceptor) -> std::io::Result<Self> {
        let local = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY_MAX);
        tokio::spawn(accept_all(listener, acceptor, sender));
        Ok(Self { ready, local })
    }
}

async fn accept_all(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<(TlsStream<TcpStream>, Peer)>,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = sender.closed() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(problem) => {
                tracing::warn!(%problem, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE_WAIT, acceptor.accept(stream)).await;
            drop(place);
            if let Ok(Ok(stream)) = shaken {
                let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certificate = leaf.map(|one| fingerprint(one.as_ref()));
                // A house that stops takes no more.
                drop(sender.send((stream, Peer { address, certificate })).await);
            }
        });
    }
}

impl Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // Nothing will come any more; the caller ends by its own signal.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Peer> {
        Ok(Peer { address: self.local, certificate: None })
    }
}

impl Connected<IncomingStream<'_, Secured>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Secured>) -> Self {
        stream.remote_addr().clone()
    }
}
