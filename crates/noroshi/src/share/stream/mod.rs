//! The change stream: what was released to an organisation, in order, as lines of JSON that can be gone on with from
//! any line; and webhooks, which carry the same lines signed.
//!
//! The stream is no log of its own. It reads the streams of the audiences to which an organisation belongs at that
//! moment, through the gate, and keeps no copy; so nothing can be missed by a peer that was away, and one that was away
//! longer than the stream reaches back is told so instead of being given half.

pub mod api;
pub mod cursor;
pub mod followers;
pub mod hooks;
pub mod read;
