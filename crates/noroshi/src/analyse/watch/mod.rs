//! What somebody asked to be told of, what is new there, and the digest of a day.
//!
//! News is not a copy: it is read from what happened, by what the hat may see at that moment, so that it is complete
//! after any failure and tells nothing that may not be seen. The digest of a day is made by a job, once, and holds
//! identifiers only; what it may say is looked at again when it is read. It stands in the inbox and in a feed; mail is
//! not sent.

pub mod act;
pub mod api;
pub mod jobs;
pub mod news;
pub mod pages;
