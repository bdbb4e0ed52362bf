//! What a caller is told when the answer is no: one value, rendered once, as a page or as a problem document.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::locale::Words;
use crate::office::authorise::Denied;
use crate::office::commit::CommitFailure;
use crate::office::store::StoreFailure;

/// A refusal a person can act on. The words stand in the locales under the code:
/// `NRS-INTK-0001 = title`, `NRS-INTK-0001-next = what to do next`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code, e.g. `NRS-INTK-0001`.
    pub code: &'static str,
    /// Status of the answer.
    pub status: StatusCode,
    /// Values that the words show.
    pub args: Vec<(&'static str, String)>,
    /// What is wrong where, for forms and bulk requests.
    pub items: Vec<Item>,
}

/// One finding inside a refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// JSON pointer or form field it is about.
    pub pointer: String,
    /// Stable code; the words stand in the locales under it.
    pub code: String,
    /// Values that the words show.
    pub args: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal with this code and status.
    pub fn new(code: &'static str, status: StatusCode) -> Self {
        Self { code, status, args: Vec::new(), items: Vec::new() }
    }

    /// With a value for its words.
    #[must_use]
    pub fn arg(mut self, name: &'static str, value: impl ToString) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// With findings.
    #[must_use]
    pub fn items(mut self, items: Vec<Item>) -> Self {
        self.items = items;
        self
    }

    /// "There is no such thing, or it is not for you": one answer for both.
    pub fn absent() -> Self {
        Self::new("NRS-HOUS-0004", StatusCode::NOT_FOUND)
    }
}

/// Why a handler has no ordinary answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The caller is told why and what to do.
    #[error("refused with `{}`", .0.code)]
    Refused(Box<Refusal>),
    /// The house failed; the caller gets the request's id, the operator the chain.
    #[error("the house failed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A handler's answer.
pub type Answer<T = Response> = Result<T, Failure>;

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Refusal::new(Denied::CODE, StatusCode::FORBIDDEN)
            .arg("hat", denied.hat)
            .arg("action", denied.action)
            .into()
    }
}

impl From<StoreFailure> for Failure {
    fn from(problem: StoreFailure) -> Self {
        Self::Broken(Box::new(problem))
    }
}

impl From<CommitFailure> for Failure {
    fn from(problem: CommitFailure) -> Self {
        match problem {
            CommitFailure::Conflict { subject } => {
                Refusal::new("NRS-HOUS-0002", StatusCode::CONFLICT).arg("subject", subject).into()
            }
            CommitFailure::Repeated { subject, .. } => {
                Refusal::new("NRS-HOUS-0003", StatusCode::UNPROCESSABLE_ENTITY)
                    .arg("subject", subject)
                    .into()
            }
            CommitFailure::NotDurable | CommitFailure::Stopping => {
                Refusal::new("NRS-HOUS-0005", StatusCode::SERVICE_UNAVAILABLE).into()
            }
            CommitFailure::Leaf(_) | CommitFailure::Store(_) => Self::Broken(Box::new(problem)),
        }
    }
}

/// Travels in the response until [`super::finish`] renders it.
#[derive(Clone)]
pub(super) struct Pending(pub(super) Refusal);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let refusal = match self {
            Self::Refused(refusal) => *refusal,
            Self::Broken(source) => {
                tracing::error!(chain = chain(source.as_ref()), "a request failed");
                Refusal::new("NRS-HOUS-0001", StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        refusal.into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Pending(self));
        response
    }
}

/// The words of `key` with `args` filled in.
pub fn say(words: Words, key: &str, args: &[(&'static str, String)]) -> String {
    let args: Vec<_> = args.iter().map(|(name, value)| (*name, value.as_str().into())).collect();
    words.tv(key, &args)
}

/// An error with all its causes on one line.
pub fn chain(problem: &dyn std::error::Error) -> String {
    let mut text = problem.to_string();
    let mut source = problem.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
