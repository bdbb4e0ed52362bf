//! `response::read`.
