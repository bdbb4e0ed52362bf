//! Coordination held against two published tools on real shares. The data lie beside the repository; where they are
//! absent the test says so.

use std::collections::BTreeMap;
use std::path::PathBuf;

use noroshi_insight::coordination::peers::{self, PeerEdge};
use noroshi_insight::coordination::{
    Builder, Options, Records, Semantics, Share, Trace, TraceKind, analyse,
};

/// Four cells of each row of a data set: object, account, post, time.
fn rows(file: &str, columns: [&str; 4]) -> Option<Vec<[String; 4]>> {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora")).join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("corpora absent: skipped {file}");
        return None;
    };
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next()?.split(',').collect();
    let places = columns.map(|column| head.iter().position(|cell| *cell == column).unwrap());
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        places.map(|place| cells[place].to_owned())
    };
    Some(lines.map(row).collect())
}

const GERMAN: &str = "influence/german_elections.csv";
const RUSSIAN: &str = "vectors-coordination/russian_coord_tweets.csv";

fn german(object: &str) -> Option<Vec<[String; 4]>> {
    rows(GERMAN, [object, "account_id", "post_id", "timestamp"])
}

fn russian() -> Option<Vec<[String; 4]>> {
    rows(RUSSIAN, ["object_id", "account_id", "content_id", "timestamp_share"])
}

fn records(rows: &[[String; 4]], window: u32) -> Records {
    let mut builder = Builder::default();
    let trace = builder.trace(Trace::of(TraceKind::Other).window(window));
    for [object, account, post, time] in rows {
        let time_seconds = time.parse().unwrap();
        builder.share(trace, &Share { object, account, post, time_seconds });
    }
    builder.finish()
}

fn edges(records: &Records, semantics: Semantics) -> Vec<PeerEdge> {
    let traced = &records.traces()[0];
    peers::edges(records, traced, traced.trace.windows_seconds[0], semantics)
}

/// Rows, pairs of posts, edges, and edges over the default threshold, as `CooRTweet` 2.1.3 gave them on the same files.
#[test]
fn coortweet_is_met_in_eight_settings() {
    let cases: [(&str, u32, u32, [usize; 4]); 8] = [
        ("", 10, 2, [35_124, 447, 442, 4]),
        ("", 10, 5, [35_124, 22, 20, 1]),
        ("", 60, 2, [35_124, 3_791, 3_721, 60]),
        ("", 60, 5, [35_124, 1_235, 1_193, 36]),
        ("url_id", 30, 2, [41_100, 5_658, 1_453, 661]),
        ("url_id", 60, 2, [41_100, 6_760, 1_772, 792]),
        ("phash_id", 30, 2, [16_934, 2_131, 337, 113]),
        ("phash_id", 60, 2, [16_934, 2_458, 455, 164]),
    ];
    for (object, window, participation_min, expected) in cases {
        let rows = if object.is_empty() { russian() } else { german(object) };
        let Some(rows) = rows else { return };
        let records = records(&rows, window);
        let found = edges(&records, Semantics::CoorTweet { participation_min });
        let limit = peers::threshold(&found, 0.5);
        let told = [
            records.traces()[0].events.len(),
            found.iter().map(|edge| edge.weight as usize).sum(),
            found.len(),
            found.iter().filter(|edge| f64::from(edge.weight) > limit).count(),
        ];
        assert_eq!(told, expected, "{object} {window} s, participation {participation_min}");
    }
}

/// Undirected edges, as `coordination_network_toolkit` 1.5.2 gave them on the same files.
#[test]
fn the_toolkit_is_met() {
    for (object, window, expected) in
        [("", 60, 6_206), ("url_id", 30, 2_166), ("url_id", 60, 2_906)]
    {
        let rows = if object.is_empty() { russian() } else { german(object) };
        let Some(rows) = rows else { return };
        let records = records(&rows, window);
        assert_eq!(edges(&records, Semantics::Toolkit).len(), expected, "{object} {window} s");
        // What the analysis hands on is the same set.
        let options =
            Options { null_model: false, semantics: Semantics::Toolkit, ..Options::default() };
        assert_eq!(analyse(&records, &options).unwrap().edges.len(), expected);
    }
}

/// The toolkit's own sample: directed edges and weights of a co-repost network, and their sums.
#[test]
fn the_toolkits_sample_is_met_weight_by_weight() {
    let sample = "coordination-toolkit/examples/sample_data.csv";
    let Some(rows) = rows(sample, ["repost_id", "user_id", "message_id", "timestamp"]) else {
        return;
    };
    let directed = |window: u32, least: u32| {
        let records = records(&rows, window);
        let mut all = BTreeMap::new();
        for edge in edges(&records, Semantics::Toolkit) {
            let names = (records.accounts().name(edge.a), records.accounts().name(edge.b));
            let (a, b) = (names.0.into_owned(), names.1.into_owned());
            all.insert((a.clone(), b.clone()), edge.forth);
            all.insert((b, a), edge.back);
        }
        all.retain(|_, weight| *weight >= least);
        all
    };
    let names = |pairs: &[(&str, &str, u32)]| -> BTreeMap<(String, String), u32> {
        pairs.iter().map(|&(a, b, weight)| ((a.to_owned(), b.to_owned()), weight)).collect()
    };
    assert_eq!(
        directed(60, 2),
        names(&[("uid0", "uid1", 2), ("uid4", "uid5", 2), ("uid5", "uid4", 2)])
    );
    assert_eq!(directed(1, 1), names(&[("uid4", "uid5", 1), ("uid5", "uid4", 1)]));
    let hour = directed(60, 1);
    assert_eq!((hour.len(), hour.values().sum::<u32>()), (6, 9));
    assert!(directed(60, 5).is_empty());
    assert!(directed(600, 5).is_empty());
    assert!(directed(10, 2).is_empty());
}
