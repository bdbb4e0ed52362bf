//! Who acts: the first parameter of everything that changes anything.

use jiff::Timestamp;
use noroshi_charter::hat::Hat;

use super::id::{OrgId, PersonId};

/// How the caller proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A browser session.
    Session,
    /// An API token.
    Token,
    /// A client certificate, proved in the handshake.
    Certificate,
    /// The house itself, finishing what somebody with authority started.
    Job,
}

/// One person acting under exactly one hat, now.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// The login.
    pub person: PersonId,
    /// The organisation the hat belongs to.
    pub org: OrgId,
    /// The role this action is done under.
    pub hat: Hat,
    /// Sector of the organisation, for operators and ministries.
    pub sector: Option<String>,
    /// How the caller proved it.
    pub via: Via,
    /// The instant of the request.
    pub now: Timestamp,
    /// Names this request in answers, logs and error pages.
    pub request: String,
}
