//! Where something of the evidence graph is used.

use crate::office::store::{Reader, StoreFailure, Value};

/// Cases named.
const CASES_MAX: i64 = 50;

/// The joint cases that something is a member of now: identifier, title, state. For whoever may read cases.
pub fn cases_with(
    reader: &Reader<'_>,
    item: &str,
) -> Result<Vec<(String, String, String)>, StoreFailure> {
    reader.all(
        "SELECT c.case_id, c.title, c.state FROM analyse_member m JOIN analyse_case c ON c.case_id = m.case_id \
         WHERE m.item = $1 AND m.removed_at IS NULL ORDER BY c.opened_at DESC LIMIT $2",
        &[Value::from(item), Value::Int(CASES_MAX)],
        |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?)),
    )
}
