//! What a converter from another format into STIX gives: objects, and what was put aside with its place.

use noroshi_evidence::object::StixObject;

/// Objects made and entries put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted<Problem> {
    /// The objects, in the order of the input.
    pub objects: Vec<StixObject>,
    /// What was put aside, in the order of the input.
    pub aside: Vec<Put<Problem>>,
    /// Whether the input was read to its end.
    pub complete: bool,
}

impl<Problem> Default for Converted<Problem> {
    fn default() -> Self {
        Self { objects: Vec::new(), aside: Vec::new(), complete: false }
    }
}

/// An entry put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put<Problem> {
    /// Which entry, from 0; of a format of lines the line, from 1; `None` when the whole input is meant.
    pub entry: Option<usize>,
    /// What it calls itself.
    pub id: Option<String>,
    /// The entry's own bytes, so that a person can look at it.
    pub bytes: Vec<u8>,
    /// Why.
    pub problem: Problem,
}
