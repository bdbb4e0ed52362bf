//! What was done, and can a stranger prove it?
pub mod checkpoint;
pub mod digest;
pub mod leaf;
pub mod note;
pub mod tile;
pub mod tree;
