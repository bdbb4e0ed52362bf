//! When an object was released; for those who may release.

use jiff::Timestamp;

use crate::office::store::{Reader, StoreFailure, Value};

/// Releases of one object after `since`, newest first, at most `limit`.
pub fn of_object(
    reader: &Reader<'_>,
    id: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<(String, Timestamp)>, StoreFailure> {
    reader.all(
        "SELECT DISTINCT r.release, r.at FROM share_audience a \
         JOIN share_item i ON i.audience = a.audience AND i.id = $1 \
         JOIN share_release r ON r.release = i.release WHERE r.at > $2 ORDER BY r.at DESC LIMIT $3",
        &[Value::from(id), Value::from(since), Value::Int(i64::from(limit))],
        |row| Ok((row.text(0)?, row.time(1)?)),
    )
}
