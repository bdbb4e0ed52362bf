//! What is for one reader alone: what is closed to others and open to its organisation, and what an opinion closes to it.
//! Both are few beside what stands on the shelves, and are looked at one by one.

use super::{COLUMNS, EDGE_SHELVES, ObjectRow, Sees, admits, object_row, stands_apart};
use crate::office::store::{Reader, StoreFailure, Value};

/// The latest versions that are closed by their colour and open to the organisation with the key `$1`: its own, and
/// those whose opinion names it.
const OPEN_TO_OWN: &str = "SELECT o.seq FROM evidence_object o WHERE o.closed = 1 AND o.originator = $1 AND o.latest = 1 \
     AND o.from_report = 0 UNION SELECT o.seq FROM share_handling sh JOIN json_each(sh.restricted_to) sj ON sj.value = $1 \
     CROSS JOIN evidence_id n ON n.slot IN (fresh(sh.id), settled(sh.id)) AND n.id = sh.id \
     JOIN evidence_object o ON o.node = n.node AND o.latest = 1 AND o.closed = 1 AND o.from_report = 0 \
     AND o.has_comms = 0 AND o.has_secret = 0";

/// Whether there is anything to look at: who sees all needs no exception, and who has no organisation has none.
fn is_nobody(key: &Value) -> bool {
    matches!(key, Value::Text(text) if text.is_empty() || text == "*")
}

/// What would stand on `shelf` if it were not closed to others, before an order of arrival, newest first.
pub(super) fn listed(
    reader: &Reader<'_>,
    sees: Sees,
    kind: &str,
    shelf: i64,
    before: i64,
    limit: u32,
) -> Result<Vec<ObjectRow>, StoreFailure> {
    let key = sees.key();
    if is_nobody(&key) {
        return Ok(Vec::new());
    }
    let shelf = if stands_apart(kind) { shelf + EDGE_SHELVES } else { shelf };
    let sql = format!(
        "SELECT {COLUMNS} FROM evidence_object o WHERE o.seq IN ({OPEN_TO_OWN}) AND o.shelf = $2 + 1 AND o.seq < $3 \
         AND ($4 = '' OR o.type = $4) ORDER BY o.seq DESC LIMIT $5"
    );
    let rows = Value::Int(i64::from(limit));
    reader.all(
        &sql,
        &[key, Value::Int(shelf), Value::Int(before), Value::from(kind), rows],
        object_row,
    )
}

/// What stands on a shelf and is restricted to others. The shelf is asked of what was found by its identifier (`+`): it is not
/// walked.
fn restricted() -> String {
    format!(
        "SELECT o.type, -COUNT(*) FROM share_handling sh \
         CROSS JOIN evidence_id n ON n.slot IN (fresh(sh.id), settled(sh.id)) AND n.id = sh.id \
         CROSS JOIN evidence_object o ON o.node = n.node AND +o.shelf = $2 \
         WHERE sh.restricted_to IS NOT NULL AND NOT {} GROUP BY o.type",
        admits("o", "$1")
    )
}

/// By how much the number on an open shelf differs for this reader, by type.
pub(super) fn differences(
    reader: &Reader<'_>,
    sees: Sees,
    shelf: i64,
) -> Result<Vec<(String, i64)>, StoreFailure> {
    let key = sees.key();
    if sees.reports() {
        return Ok(Vec::new());
    }
    let sql = restricted();
    let counted = |row: &crate::office::store::Row<'_, '_>| Ok((row.text(0)?, row.int(1)?));
    let mut found = reader.all(&sql, &[key.clone(), Value::Int(shelf)], counted)?;
    if !is_nobody(&key) {
        let sql = format!(
            "SELECT o.type, COUNT(*) FROM evidence_object o WHERE o.seq IN ({OPEN_TO_OWN}) AND o.shelf = $2 + 1 GROUP BY o.type"
        );
        found.extend(reader.all(&sql, &[key, Value::Int(shelf)], counted)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use crate::office::store::tests::plan_of;

    #[test]
    fn what_is_restricted_is_found_by_its_identifier_and_no_shelf_is_walked() {
        let plan = plan_of(&super::restricted());
        let place = |what: &str| plan.iter().position(|line| line.starts_with(what));
        assert!(place("SEARCH s USING PRIMARY KEY (slot=?)") < place("SEARCH o USING"), "{plan:?}");
        assert_eq!(place("SEARCH o USING INDEX evidence_object_shelf"), None, "{plan:?}");
    }
}
