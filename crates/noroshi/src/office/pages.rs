//! The pages of this pillar.

use std::sync::Arc;

use axum::Router;

use crate::house::House;

/// Routes of this pillar.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
}
