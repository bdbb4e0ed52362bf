//! The council and operators: advisories and their answers, questions both ways, and exports for operators' own tools.
//!
//! An answer is a duty to endeavour (Act art. 40, 45) and nobody is ranked or punished by it.

pub mod act;
pub mod api;
pub mod desk;
pub mod exports;
pub mod kept;
pub mod pages;
pub mod read;
