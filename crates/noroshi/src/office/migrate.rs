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
    ("0017_gate", include_str!("../../migrations/0017_gate.sql")),
    ("0018_recall", include_str!("../../migrations/0018_recall.sql")),
    ("0019_graph", include_str!("../../migrations/0019_graph.sql")),
    ("0020_law", include_str!("../../migrations/0020_law.sql")),
    ("0021_influence", include_str!("../../migrations/0021_influence.sql")),
    ("0022_hunt", include_str!("../../migrations/0022_hunt.sql")),
    ("0023_closed", include_str!("../../migrations/0023_closed.sql")),
    ("0024_council", include_str!("../../migrations/0024_council.sql")),
    ("0025_feeds", include_str!("../../migrations/0025_feeds.sql")),
    ("0026_seen", include_str!("../../migrations/0026_seen.sql")),
    ("0027_withdrawal", include_str!("../../migrations/0027_withdrawal.sql")),
    ("0028_hunt", include_str!("../../migrations/0028_hunt.sql")),
    ("0029_influence_guard", include_str!("../../migrations/0029_influence_guard.sql")),
    ("0030_told", include_str!("../../migrations/0030_told.sql")),
    ("0033_advisory_counts", include_str!("../../migrations/0033_advisory_counts.sql")),
    ("0034_export_left_out", include_str!("../../migrations/0034_export_left_out.sql")),
    ("0035_settling", include_str!("../../migrations/0035_settling.sql")),
    ("0036_hook_batch", include_str!("../../migrations/0036_hook_batch.sql")),
    ("0037_advisory_withdrawn", include_str!("../../migrations/0037_advisory_withdrawn.sql")),
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
                   ON p.slot = settled(n.value) AND p.seq = n.seq ORDER BY 1"
            ),
            ["2 203.0.113.7", "5 203.0.113.7"],
        );
        assert_eq!(
            texts("SELECT type || ' ' || shelf || ' ' || objects FROM evidence_shelf ORDER BY 1"),
            ["indicator 1 1", "ipv4-addr 1 1", "malware 3 1", "relationship 6 1"],
        );
    }

    /// A folder of the program before the migration called `until`.
    fn folder_before(until: &str) -> Connection {
        let old = Connection::open_in_memory().unwrap();
        keyed::register(&old, Key::of(&old).unwrap()).unwrap();
        let before = MIGRATIONS.iter().take_while(|(name, _)| *name < until);
        let count = before.clone().count();
        for (name, sql) in before {
            old.execute_batch(sql).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        }
        old.pragma_update(None, "user_version", i64::try_from(count).unwrap()).unwrap();
        old
    }

    fn texts(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The one record of hunts that a sensor had goes on under its name.
    #[test]
    fn a_sensors_record_of_hunts_becomes_one_of_many() {
        let mut old = folder_before("0028");
        old.execute_batch(
            "INSERT INTO hunt_sensor VALUES ('org-a', 'sensor', 2, 'd1');
             INSERT INTO hunt_entry VALUES ('d0', 'org-a', 'sensor', 0, 'beacons', 'case-7', 't', '{}', 0, 't'),
               ('d1', 'org-a', 'sensor', 1, 'ended', NULL, 't', '{}', 3, 't');",
        )
        .unwrap();
        migrate(&mut old).unwrap();
        let sql = "SELECT digest || ' ' || record || ' ' || sequence || ' ' || into_graph FROM hunt_entry ORDER BY 1";
        assert_eq!(texts(&old, sql), ["d0 d0 0 0", "d1 d0 1 3"]);
        let sql = "SELECT record || ' ' || name || ' ' || next || ' ' || last FROM hunt_record";
        assert_eq!(texts(&old, sql), ["d0 sensor 2 d1"]);
    }

    /// Collections of a partner become views of the partner's one stream: every version stands in it once, in the order
    /// in which it was added, and what was read before counts as handed out.
    #[test]
    fn a_folder_of_collections_becomes_one_of_streams() {
        let mut old = folder_before("0010");
        old.execute_batch(
            "INSERT INTO office_org VALUES ('org-ally', 'a', 'a', 'partner', NULL);
             INSERT INTO share_collection VALUES ('c1', 'org-ally', 'One', '[]', 'green', 12, 't'),
               ('c2', 'org-ally', 'Two', '[\"malware\"]', 'amber', 11, 't');
             INSERT INTO share_release VALUES ('r1', 'c1', 'p', '2026-11-01', '{}'), ('r2', 'c2', 'p', '2026-11-02', '{}');
             INSERT INTO share_item VALUES ('c1', 10, 'malware--a', 'v1', 'd', 'r1'), ('c1', 12, 'tool--b', 'v1', 'd', 'r1'),
               ('c2', 10, 'malware--c', 'v1', 'd', 'r2'), ('c2', 11, 'malware--a', 'v1', 'd', 'r2');
             INSERT INTO office_leaf (position, bytes) VALUES (7, x'00');
             INSERT INTO office_audit VALUES (7, '2026-11-03', 'p', 'h', 'org-ally', 'share.read', 'c1', x'00',
               '{\"objects\":[\"malware--a\"]}');",
        )
        .unwrap();
        migrate(&mut old).unwrap();
        assert_eq!(
            texts(
                &old,
                "SELECT id || ' ' || added || ' ' || type || ' ' || release FROM share_item ORDER BY added"
            ),
            ["malware--a 10 malware r1", "malware--c 11 malware r2", "tool--b 12 tool r1"],
            "each once, no two at one moment"
        );
        assert_eq!(
            texts(&old, "SELECT audience || ' ' || last_added FROM share_audience"),
            ["partner:org-ally 12"]
        );
        assert_eq!(
            texts(
                &old,
                "SELECT collection || ' ' || audience || ' ' || types || ' ' || tlp_max FROM share_collection ORDER BY 1"
            ),
            ["c1 partner:org-ally [] green", "c2 partner:org-ally [\"malware\"] amber"]
        );
        assert_eq!(
            texts(
                &old,
                "SELECT recipient || ' ' || first_added || ' ' || position FROM share_delivery"
            ),
            ["org-ally 10 7"]
        );
    }

    /// Selected information is no longer on the shelves for all, whatever its colour, also where a later version was
    /// brought without the bit; what relationships say was made from what stands apart, with whose word it is.
    #[test]
    fn a_folder_with_selected_information_on_open_shelves_closes_them() {
        let mut old = folder_before("0021");
        for (seq, node, latest, kind, comms, secret, originator) in [
            (1, 1, 1, "tool", 0, 0, "o"),
            (2, 2, 1, "tool", 1, 0, "o"),
            (3, 3, 0, "tool", 0, 1, "o"),
            (4, 3, 1, "tool", 0, 0, "o"),
            (5, 5, 1, "relationship", 0, 0, "o"),
            (6, 6, 1, "relationship", 0, 0, "org-ally"),
        ] {
            old.execute(
                "INSERT INTO evidence_object (seq, node, latest, id, modified, type, revoked, hidden, digest, bytes, tlp, \
                 class, has_comms, has_secret, originator, source, from_report, arrived_at) VALUES (?1, ?2, ?3, \
                 ?4 || '--' || ?2, ?1, ?4, 0, 0, 'd', '{}', 'amber', 'CIA-N', ?5, ?6, ?7, 's', 0, 't')",
                rusqlite::params![seq, node, latest, kind, comms, secret, originator],
            )
            .unwrap();
        }
        old.execute_batch(
            "INSERT INTO office_org VALUES ('org-ally', 'a', 'a', 'partner', NULL);
             INSERT INTO evidence_shelf SELECT type, shelf, COUNT(*) FROM evidence_object WHERE shelf <> 0 GROUP BY type, shelf;
             INSERT INTO evidence_kind VALUES (1, 'derived-from'), (2, 'indicates');
             INSERT INTO evidence_edge (node, via, way, kind, other) VALUES (1, 5, 0, 1, 2), (2, 5, 1, 1, 1),
               (1, 6, 0, 1, 3), (3, 6, 1, 1, 1);",
        )
        .unwrap();
        migrate(&mut old).unwrap();
        assert_eq!(
            texts(
                &old,
                "SELECT seq || ' ' || closed || ' ' || shelf FROM evidence_object ORDER BY seq"
            ),
            ["1 0 1", "2 1 2", "3 1 0", "4 1 2", "5 0 5", "6 0 5"]
        );
        assert_eq!(
            texts(
                &old,
                "SELECT type || ' ' || shelf || ' ' || objects FROM evidence_shelf ORDER BY 1"
            ),
            ["relationship 5 2", "tool 1 1", "tool 2 2"]
        );
        assert_eq!(
            texts(
                &old,
                "SELECT via || ' ' || made || ' ' || source || ' ' || stated_by || ' ' || guest FROM evidence_deriving"
            ),
            ["5 1 2 o 0", "6 1 3 org-ally 1"]
        );
    }

    /// Notes of cases stay as they were, beside notes of objects.
    #[test]
    fn a_folder_of_notes_becomes_one_of_remarks() {
        let mut old = folder_before("0014");
        old.execute_batch(
            "INSERT INTO analyse_case VALUES ('case-1', 't', 's', 'open', NULL, 'org-1', 't');
             INSERT INTO analyse_note VALUES ('note-1', 'case-1', '2026-11-01', 'org-1', 'cao.analyst', '覚え書き');",
        )
        .unwrap();
        migrate(&mut old).unwrap();
        assert_eq!(
            texts(
                &old,
                "SELECT note || ' ' || subject || ' ' || tlp || ' ' || audience || ' ' || at || ' ' || org || ' ' || hat \
                 || ' ' || text || ' (' || person || ')' FROM analyse_remark"
            ),
            ["note-1 case-1 amber subject 2026-11-01 org-1 cao.analyst 覚え書き ()"]
        );
    }

    /// What is marked for few stands apart from what is for all, and both are counted where they stand.
    #[test]
    fn a_folder_without_recipients_keeps_what_is_marked_for_few_apart() {
        let mut old = folder_before("0019");
        for (seq, tlp, report, hidden) in
            [(1, "green", 0, 0), (2, "red", 0, 0), (3, "amber-strict", 0, 1), (4, "amber", 1, 0)]
        {
            old.execute(
                "INSERT INTO evidence_object (seq, node, latest, id, modified, type, revoked, hidden, digest, bytes, tlp, \
                 class, has_comms, has_secret, originator, source, from_report, arrived_at) \
                 VALUES (?1, ?1, 1, 'tool--' || ?1, '', 'tool', 0, ?4, 'd', '{}', ?2, 'CIA-N', 0, 0, 'o', 's', ?3, 't')",
                rusqlite::params![seq, tlp, report, hidden],
            )
            .unwrap();
        }
        old.execute_batch(
            "INSERT INTO evidence_shelf SELECT type, shelf, COUNT(*) FROM evidence_object GROUP BY type, shelf;
             INSERT INTO evidence_aside (at, kind, code, reason, bytes, source, digest)
               VALUES ('t', 'quarantine', 'c', 'r', x'00', 's', 'd');",
        )
        .unwrap();
        migrate(&mut old).unwrap();
        assert_eq!(
            texts(
                &old,
                "SELECT seq || ' ' || closed || ' ' || shelf FROM evidence_object ORDER BY seq"
            ),
            ["1 0 1", "2 1 2", "3 1 4", "4 1 2"]
        );
        assert_eq!(
            texts(&old, "SELECT shelf || ' ' || objects FROM evidence_shelf ORDER BY shelf"),
            ["1 1", "2 2", "4 1"]
        );
        assert_eq!(texts(&old, "SELECT code FROM evidence_aside WHERE class IS NULL"), ["c"]);
    }
}
