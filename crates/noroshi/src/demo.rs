//! The demonstration: the whole story, played through the public API.

use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;

use crate::cli::{Ended, Format};
use crate::house::House;

/// `noroshi demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Plays the story.
pub async fn run(_arguments: Arguments, _format: Format) -> Ended {
    Ok(ExitCode::SUCCESS)
}

/// Routes that exist in the demonstration only.
pub fn routes(_house: &Arc<House>) -> Router<Arc<House>> {
    Router::new()
}

/// Who can be played, by login and locale key; `None` outside the demonstration.
pub fn personas(_house: &House) -> Option<Vec<(&'static str, &'static str)>> {
    None
}
