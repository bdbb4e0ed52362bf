//! The demonstration: a fictional nation, a fresh folder, and the whole story played through the public API.
//!
//! There is no back door: the story signs people in, files, selects, asks, votes, executes and verifies with the
//! same requests any program could send, and the same binaries any operator would run. What exists only here is the
//! persona bar, which lets one reader look through everybody's eyes.

mod client;
mod gateways;
mod nation;
mod proof;
mod story;
mod telemetry;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;

use crate::cli::{Ended, Failed, Format};
use crate::config::{Config, terminal_lang};
use crate::house::{House, Serving};
use crate::office::claim::Claim;
use crate::office::ctx::{Ctx, Via};
use crate::office::people;
use crate::web::layout::paths;
use crate::web::locale::Words;
use crate::web::page::local_path;
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{PostedByStranger, SESSION_COOKIE};

/// The port the demonstration listens on when it is free.
const PORT: u16 = 8420;

/// `noroshi demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the fictional nation; must be absent or empty. A temporary one when not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Port to listen on; 8420 when it is free and none is given, else any free one.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// End after the story: status 0 only if every step was checked.
    #[arg(long)]
    exit: bool,
}

/// Plays the story; then serves it until interrupted, unless `--exit`.
pub async fn run(arguments: Arguments, format: Format) -> Ended {
    let (dir, temporary) = folder(arguments.data.as_deref())?;
    let words = Words::new(terminal_lang());
    let port = arguments.port.map_or_else(free_port, Ok)?;
    let stage = story::Stage::new(&dir, port, format, words)?;
    let first = open(&dir, port).await?;
    let set = set_the_stage(&first.house, stage).await;
    // The actuators of the operators are configured now that the operators exist. The office starts again, as any
    // office does after a change of its configuration; nothing of what was done is lost by it.
    first.close().await;
    let (stage, cast) = set?;
    let second = open(&dir, port).await?;
    let played = off_thread(move || stage.play(cast)).await;
    if let Ok(stage) = &played
        && !arguments.exit
    {
        stage.invite();
        crate::house::asked_to_stop().await;
    }
    second.close().await;
    let ended = played.map(story::Stage::close);
    drop(temporary);
    ended
}

async fn set_the_stage(
    house: &Arc<House>,
    stage: story::Stage,
) -> Result<(story::Stage, story::Cast), Failed> {
    let setup = crate::office::act::setup_token(house).await.map_err(broken)?;
    let token = setup.map(|secret| secret.reveal().to_owned()).unwrap_or_default();
    off_thread(move || stage.set_the_stage(&token)).await
}

struct Open {
    house: Arc<House>,
    serving: Serving,
}

impl Open {
    async fn close(self) {
        self.serving.stop().await;
        drop(self.house);
    }
}

async fn open(dir: &Path, port: u16) -> Result<Open, Failed> {
    let mut config = Config::load(dir)?;
    config.web.listen.set_port(port);
    let house = House::open(dir, config, true)?;
    let serving = Serving::start(Arc::clone(&house)).await?;
    Ok(Open { house, serving })
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|problem| broken(std::io::Error::other(problem)))?
}

fn broken(problem: impl std::error::Error + Send + Sync + 'static) -> Failed {
    Failed::House(Box::new(problem))
}

/// The folder to play in, and the temporary one's guard.
fn folder(asked: Option<&Path>) -> Result<(PathBuf, Option<TemporaryFolder>), Failed> {
    let Some(dir) = asked else {
        let dir = std::env::temp_dir().join(format!("noroshi-demo-{}", std::process::id()));
        make(&dir)?;
        return Ok((dir.clone(), Some(TemporaryFolder(dir))));
    };
    make(dir)?;
    let taken = std::fs::read_dir(dir).map(|mut entries| entries.next().is_some());
    if matches!(taken, Ok(false)) {
        return Ok((dir.to_owned(), None));
    }
    Err(Failed::Usage {
        code: "NRS-DEMO-0001",
        message: format!(
            "`{}` is not empty; the demonstration needs an empty folder",
            dir.display()
        ),
    })
}

fn make(dir: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(dir)
        .map_err(|source| Failed::Io { what: dir.display().to_string(), source })
}

/// Removes the demonstration's folder when it ends.
struct TemporaryFolder(PathBuf);

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // The publishing thread may still be putting its last file there; once the folder can be claimed nobody writes.
        let claimed = Claim::on(&self.0);
        let removed = std::fs::remove_dir_all(&self.0);
        drop(claimed);
        if let Err(problem) = removed {
            tracing::warn!(%problem, "the demonstration's folder was not removed");
        }
    }
}

fn free_port() -> Result<u16, Failed> {
    let any =
        |port| std::net::TcpListener::bind(("127.0.0.1", port)).and_then(|open| open.local_addr());
    any(PORT)
        .or_else(|_| any(0))
        .map(|address| address.port())
        .map_err(|source| Failed::Io { what: "a free port".to_owned(), source })
}

/// Routes that exist in the demonstration only.
pub fn routes(house: &Arc<House>) -> Router<Arc<House>> {
    if house.demo {
        Router::new().route(paths::PERSONA, post(become_persona))
    } else {
        Router::new()
    }
}

/// Who can be played, by login and locale key; `None` outside the demonstration.
pub fn personas(house: &House) -> Option<Vec<(&'static str, &'static str)>> {
    house.demo.then(|| nation::PERSONAS.to_vec())
}

/// Opens a session as one of the fictional people. Exists only where [`House::demo`] is set.
async fn become_persona(State(house): State<Arc<House>>, form: PostedByStranger) -> Answer {
    let login = form.values.get("persona").to_owned();
    let known = nation::PERSONAS.iter().any(|(id, _)| *id == login);
    let found = house
        .store
        .read(move |reader| {
            let Some(found) = people::find_login(reader, &login)? else { return Ok(None) };
            let held = people::hats_of(reader, &found.person)?.into_iter().next();
            Ok(held.map(|held| (found.person, held)))
        })
        .await?;
    let Some((person, held)) = found.filter(|_| known) else {
        return Err(Refusal::absent().into());
    };
    let now = house.clock.now();
    let (change, secret) =
        people::open_session(&person, &held, now, house.config.web.session_hours);
    let ctx = Ctx {
        person,
        org: held.org.org.clone(),
        hat: held.hat,
        sector: held.org.sector.clone(),
        via: Via::Session,
        now,
        request: String::new(),
    };
    house.door.commit(&ctx, change).await?;
    let mut response = Redirect::to(&local_path(form.values.get("back"))).into_response();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let cookie = format!("{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", secret.reveal());
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(axum::http::header::SET_COOKIE, value);
    }
    Ok(response)
}
