//! `response::act`.
