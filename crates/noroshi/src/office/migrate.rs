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
    ("0010_share", include_str!("../../migrations/0010_share.sql")),
    ("0011_peer", include_str!("../../migrations/0011_peer.sql")),
    ("0012_taxii", include_str!("../../migrations/0012_taxii.sql")),
    ("0013_tongues", include_str!("../../migrations/0013_tongues.sql")),
    ("0014_desk", include_str!("../../migrations/0014_desk.sql")),
    ("0015_pages", include_str!("../../migrations/0015_pages.sql")),
    ("0016_council", include_str!("../../migrations/0016_council.sql")),
    ("0020_law", include_str!("../../migrations/0020_law.sql")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::keyed::{self, Key};

    /// A folder written before the graph was in integers keeps every object, version, edge and name.
    #[test]
    fn a_folder_of_texts_becomes_one_of_integers() {
        let mut old = Connection::open_in_memory().unwrap();
        keyed::register(&old, Key::of(&old).unwrap()).unwrap();
        for (name, sql) in MIGRATIONS.iter().take_while(|(name, _)| *name < "0009") {
            old.execute_batch(sql).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        }
        let before = MIGRATIONS.iter().take_while(|(name, _)| *name < "0009").count();
        old.pragma_update(None, "user_version", i64::try_from(before).unwrap()).unwrap();
        for (seq, id, modified, kind, hidden, report) in [
            (1, "indicator--a", "2026-11-01", "indicator", 0, 0),
            (2, "indicator--a", "2026-11-02", "indicator", 0, 0),
            (3, "malware--b", "2026-11-01", "malware", 1, 0),
            (4, "relationship--c", "2026-11-01", "relationship", 0, 1),
            (5, "ipv4-addr--d", "", "ipv4-addr", 0, 0),
        ] {
            old.execute(
                "INSERT INTO evidence_object (seq, id, modified, type, revoked, hidden, digest, bytes, tlp, class, \
                 has_comms, has_secret, originator, source, from_report, arrived_at) \
                 VALUES (?1, ?2, ?3, ?4, 0, ?5, 'd', '{}', 'green', 'CIA-N', 0, 0, 'o', 's', ?6, 't')",
                rusqlite::params![seq, id, modified, kind, hidden, report],
            )
            .unwrap();
        }
        old.execute_batch(
            "INSERT INTO evidence_head SELECT id, MAX(modified) FROM evidence_object GROUP BY id;
             INSERT INTO evidence_edge VALUES ('relationship--c', 'indicates', 'indicator--a', 'malware--b'),
               ('indicator--a', 'object_refs', 'indicator--a', 'tool--not-held');
             INSERT INTO evidence_observable VALUES ('ipv4-addr', '203.0.113.7', 'ipv4-addr--d'),
               ('ipv4-addr', '203.0.113.7', 'indicator--a');",
        )
        .unwrap();
        migrate(&mut old).unwrap();
        let texts = |sql: &str| -> Vec<String> {
            let mut statement = old.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        assert_eq!(
            texts(
                "SELECT id || ' ' || modified || ' ' || latest || ' ' || shelf FROM evidence_object ORDER BY seq"
            ),
            [
                "indicator--a 2026-11-01 0 0",
                "indicator--a 2026-11-02 1 1",
                "malware--b 2026-11-01 1 3",
                "relationship--c 2026-11-01 1 6",
                "ipv4-addr--d  1 1"
            ],
        );
        assert_eq!(
            texts(
                "SELECT a.id || ' ' || k.name || ' ' || b.id || ' ' || e.way || ' ' || e.via FROM evidence_edge e \
                   JOIN evidence_node a ON a.node = e.node JOIN evidence_node b ON b.node = e.other \
                   JOIN evidence_kind k ON k.kind = e.kind ORDER BY 1"
            ),
            [
                "indicator--a indicates malware--b 0 4",
                "indicator--a object_refs tool--not-held 0 2",
                "malware--b indicates indicator--a 1 4",
                "tool--not-held object_refs indicator--a 1 2"
            ],
        );
        assert_eq!(
            texts(
                "SELECT n.seq || ' ' || n.value FROM evidence_naming n JOIN evidence_posting p \
                   ON p.slot = keyed(n.value) AND p.seq = n.seq ORDER BY 1"
            ),
            ["2 203.0.113.7", "5 203.0.113.7"],
        );
        assert_eq!(
            texts("SELECT type || ' ' || shelf || ' ' || objects FROM evidence_shelf ORDER BY 1"),
            ["indicator 1 1", "ipv4-addr 1 1", "malware 3 1", "relationship 6 1"],
        );
    }
}
