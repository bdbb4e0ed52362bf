//! What stands around a thing: an object, a case or a group, some steps out, with a budget of marks.
//!
//! What does not fit is put together by type, relation and marking into one mark with its count, and the answer says
//! exactly what is not shown. The cost is bounded by the limits here, however many edges a thing has.

pub mod api;
mod draw;
pub mod gather;
pub mod pages;
