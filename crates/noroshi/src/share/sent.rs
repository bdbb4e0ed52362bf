//! When an object was released; for those who may release.

use jiff::Timestamp;

use crate::office::store::{Reader, StoreFailure, Value};

/// Releases of one object after `since` and before `until`, newest first, at most `limit`.
pub fn of_object(
    reader: &Reader<'_>,
    id: &str,
    (since, until): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<(String, Timestamp)>, StoreFailure> {
    reader.all(
        "SELECT DISTINCT r.release, r.at FROM share_audience a \
         JOIN share_item i ON i.audience = a.audience AND i.id = $1 \
         JOIN share_release r ON r.release = i.release WHERE r.at > $2 AND r.at < $3 ORDER BY r.at DESC LIMIT $4",
        &[
            Value::from(id),
            Value::from(since),
            Value::from(until),
            Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
        ],
        |row| Ok((row.text(0)?, row.time(1)?)),
    )
}
