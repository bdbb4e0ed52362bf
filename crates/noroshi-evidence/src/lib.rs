//! What is known, and how is it named?
pub mod id;
pub mod observable;
