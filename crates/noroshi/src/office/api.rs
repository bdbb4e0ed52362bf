//! The API of this pillar.

use std::sync::Arc;

use axum::Router;
use utoipa::OpenApi;

use crate::house::House;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(paths())]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
}
