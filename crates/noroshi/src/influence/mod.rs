//! Who manipulates the public from outside, and by what machinery? Behaviour is looked at, opinions are not.

pub mod cli;
