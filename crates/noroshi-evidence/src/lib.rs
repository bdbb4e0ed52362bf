//! What is known, and how is it named?
pub mod id;
pub mod json;
pub mod marking;
pub mod object;
pub mod observable;
pub mod version;
