//! Schema versions: numbered SQL files, applied in order, each in its own transaction. Expand first, contract later.

use rusqlite::Connection;

use super::store::StoreFailure;

/// Every migration in order; a pillar's file carries the pillar's name.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_office", include_str!("../../migrations/0001_office.sql")),
    ("0002_evidence", include_str!("../../migrations/0002_evidence.sql")),
    ("0003_intake", include_str!("../../migrations/0003_intake.sql")),
    ("0004_sift", include_str!("../../migrations/0004_sift.sql")),
    ("0005_analyse", include_str!("../../migrations/0005_analyse.sql")),
    ("0006_response", include_str!("../../migrations/0006_response.sql")),
    ("0007_share", include_str!("../../migrations/0007_share.sql")),
    ("0008_oversight", include_str!("../../migrations/0008_oversight.sql")),
    ("0009_evidence", include_str!("../../migrations/0009_evidence.sql")),
    ("0013_tongues", include_str!("../../migrations/0013_tongues.sql")),
    ("0015_pages", include_str!("../../migrations/0015_pages.sql")),
];

/// Brings the schema up to date; refuses a folder written by a later program.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreFailure> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreFailure::Newer { found, known });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (number, (name, sql)) in (1i64..).zip(MIGRATIONS).skip(done) {
        let step = connection.transaction()?;
        step.execute_batch(sql)?;
        step.pragma_update(None, "user_version", number)?;
        step.commit()?;
        tracing::info!(migration = name, "schema brought forward");
    }
    Ok(())
}
