//! Coordination held against two published tools on real shares. The data lie beside the repository; where they are
//! absent the test says so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail like tests, and say what they skip"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use noroshi_insight::coordination::generate::{self, Family, Plant};
use noroshi_insight::coordination::peers::{self, PeerEdge};
use noroshi_insight::coordination::{
    Builder, Edge, Event, Level, Member, Models, Options, Records, Refused, Semantics, Share,
    Trace, TraceKind, analyse,
};

/// Four cells of each row of a data set: object, account, post, time.
fn rows(file: &str, columns: [&str; 4]) -> Option<Vec<[String; 4]>> {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora")).join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("corpora absent: skipped {file}");
        return None;
    };
    let mut lines = text.trim_start_matches('\u{feff}').lines();
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
    let sample = "coordination-toolkit/tests/data/coretweet_test_input.csv";
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

fn numbered(events: Vec<Event>) -> Records {
    Records::numbered(Trace::of(TraceKind::Other).window(60).objects_min(3), events)
}

/// The null model and nothing beside it.
fn plain() -> Options {
    Options { shuffled_copy: false, bootstrap_runs: 0, ..Options::default() }
}

/// Whatever the activity model does not know of.
#[test]
fn where_nobody_is_coordinated_nobody_is_named() {
    for family in Family::ALL {
        let answer = analyse(&numbered(generate::background(family, 77)), &plain()).unwrap();
        assert!(answer.traces[0].meetings > 5_000, "{family:?} would be too quiet to say anything");
        assert!(answer.edges.is_empty(), "{family:?}: {:?}", answer.edges);
        assert!(answer.companions.is_empty() && answer.groups.is_empty(), "{family:?}");
    }
}

#[test]
fn real_shares_dealt_out_anew_have_no_edge_and_the_tools_filters_mark_many() {
    let Some(rows) = german("url_id") else { return };
    let real = records(&rows, 60);
    for seed in 500..503 {
        let shuffled = numbered(generate::shuffled_days(&real.traces()[0].events, seed));
        assert!(analyse(&shuffled, &plain()).unwrap().edges.is_empty(), "seed {seed}");
        let tool = edges(&shuffled, Semantics::CoorTweet { participation_min: 2 });
        let limit = peers::threshold(&tool, 0.5);
        assert!(tool.iter().filter(|edge| f64::from(edge.weight) > limit).count() > 20);
    }
}

#[test]
fn planted_groups_are_found_and_nobody_else() {
    for (setting, least) in [(3, 0.85), (4, 0.97), (7, 0.97)] {
        let mut events = generate::background(Family::Dense, 5);
        let plant = Plant::SETTINGS[setting];
        let first = plant.into(&mut events, 5);
        let answer = analyse(&numbered(events), &plain()).unwrap();
        let found: BTreeSet<u32> = answer.edges.iter().flat_map(|edge| [edge.a, edge.b]).collect();
        assert!(found.iter().all(|&account| account >= first), "setting {setting}");
        let planted = f64::from(plant.groups * plant.accounts);
        let recall = f64::from(u32::try_from(found.len()).unwrap()) / planted;
        assert!(recall >= least, "setting {setting}: {recall}");
        assert_eq!(answer.groups.len(), plant.groups as usize, "setting {setting}");
        assert!(answer.groups.iter().all(|group| group.level >= Level::E2));
    }
}

/// The pair the method's description names, with its numbers there: 51 joint links, 0.0156 expected by activity, 1.207 by
/// shared interest. The expectation by interest is drawn, so it is met within a fifth.
#[test]
fn a_known_pair_has_its_known_numbers() {
    let Some(rows) = german("url_id") else { return };
    let mut builder = Builder::default();
    let trace = builder.trace(Trace::of(TraceKind::Url).window(60));
    for [object, account, post, time] in &rows {
        builder.share(trace, &Share { object, account, post, time_seconds: time.parse().unwrap() });
    }
    let records = builder.finish();
    let answer = analyse(&records, &Options::default()).unwrap();
    assert_eq!(answer.shuffled_copy.as_ref().unwrap().edges, 0);
    let name = |account: u32| records.accounts().name(account).into_owned();
    let pair = |edge: &&Edge| [name(edge.a), name(edge.b)] == ["fb_14615", "fb_7772"];
    let edge = answer.edges.iter().find(pair).unwrap();
    let told = &edge.traces[0];
    assert_eq!((told.objects, told.common), (51, Some(51)));
    let (activity, interest) = (told.expected_activity.unwrap(), told.expected_interest.unwrap());
    // Days are those of UTC here, and an account does not meet itself; that moves the expectation by a twentieth.
    assert!((activity - 0.0156).abs() < 0.001, "{activity}");
    assert!((interest - 1.207).abs() < 0.25, "{interest}");
    assert!(told.synchronous && told.significant);
    // 765 edges in the description, which are those of the activity model; rates here leave out pairs of an account with itself.
    let activity = Options { models: Models::Activity, ..plain() };
    let activity = analyse(&records, &activity).unwrap().edges.len();
    assert!((750..785).contains(&activity), "{activity}");
    // Shared interest explains some of them.
    assert!((600..activity).contains(&answer.edges.len()), "{}", answer.edges.len());
}

#[test]
fn reposts_without_a_pair_that_can_be_named_yield_a_watch_list_only() {
    let Some(rows) = russian() else { return };
    let answer = analyse(&records(&rows, 60), &Options::default()).unwrap();
    assert!(answer.edges.is_empty() && answer.groups.is_empty());
    assert!(answer.watched_all > 0);
}

#[test]
fn one_account_with_half_of_all_shares_makes_nobody_suspicious() {
    let mut events = generate::background(Family::Dense, 9);
    let hyper = 1 << 20;
    let extra: Vec<Event> = events
        .iter()
        .map(|event| Event {
            account: hyper,
            time: event.time + 17,
            post: event.post + hyper,
            ..*event
        })
        .collect();
    events.extend(extra);
    let answer = analyse(&numbered(events), &plain()).unwrap();
    // It follows everybody within seconds, which is a fact about it; nobody else is drawn in.
    assert!(answer.edges.iter().all(|edge| edge.b == hyper), "{:?}", answer.edges.len());
}

/// One pair of posts with ten tags is one thing two accounts did, and not ten; without a post each share is one.
#[test]
fn two_posts_with_ten_tags_have_weight_one() {
    let shared = |post: bool| {
        let mut builder = Builder::default();
        let trace = builder.trace(Trace::of(TraceKind::Hashtag).window(60));
        for tag in 0..10 {
            for (account, time_seconds) in [("ash", 1_764_000_000), ("elm", 1_764_000_020)] {
                let post = if post { account } else { "" };
                builder.share(
                    trace,
                    &Share { object: &format!("t{tag}"), account, post, time_seconds },
                );
            }
        }
        let records = builder.finish();
        let weight = |semantics: Semantics| {
            let off = Options { null_model: false, semantics, ..plain() };
            analyse(&records, &off)
                .unwrap()
                .edges
                .iter()
                .map(|edge| edge.weight)
                .collect::<Vec<_>>()
        };
        [weight(Semantics::Distinct), weight(Semantics::Toolkit)]
    };
    assert_eq!(shared(true), [[1], [1]]);
    assert_eq!(shared(false), [[10], [10]]);
}

/// Among strangers who post three tags each, two post the same three once, at the same time: that is no repetition. Who does it
/// in five posts repeats it five times.
#[test]
fn a_habit_of_three_tags_is_one_repetition_and_makes_no_edge() {
    let edges = |times: u64| {
        let mut builder = Builder::default();
        let trace = builder.trace(Trace::of(TraceKind::Hashtag).window(60));
        let mut share = |object: &str, account: &str, post: &str, time: u64| {
            let time_seconds = 1_764_000_000 + i64::try_from(time).unwrap();
            builder.share(trace, &Share { object, account, post, time_seconds });
        };
        for post in 0..6_000_u64 {
            let drawn = mixed(post);
            let (account, time) = (format!("reader {}", drawn % 600), (drawn >> 16) % 600_000);
            for tag in 0..3 {
                let object = format!("t{}", mixed(post * 3 + tag + 1_000_000) % 500);
                share(&object, &account, &format!("r{post}"), time);
            }
        }
        for time in 0..times {
            for (account, late) in [("ash", 0), ("elm", 9)] {
                for tag in 0..3 {
                    let post = format!("{account}{time}");
                    share(
                        &format!("own{time}-{tag}"),
                        account,
                        &post,
                        50_000 + time * 90_000 + late,
                    );
                }
            }
        }
        let records = builder.finish();
        let answer = analyse(&records, &Options { models: Models::Activity, ..plain() }).unwrap();
        let name = |account| records.accounts().name(account).into_owned();
        answer
            .edges
            .iter()
            .map(|edge| (name(edge.a), name(edge.b), edge.weight))
            .collect::<Vec<_>>()
    };
    assert_eq!(edges(1), []);
    assert_eq!(edges(5), [("ash".to_owned(), "elm".to_owned(), 5)]);
}

#[test]
fn a_word_that_everybody_says_is_bounded_and_named_as_such() {
    let events: Vec<Event> = (0..200_000)
        .map(|i| Event { object: i % 2, time: 1_000_000 + i / 50, account: i % 40_000, post: i })
        .collect();
    let answer = analyse(&numbered(events), &plain()).unwrap();
    let report = &answer.traces[0];
    assert!(report.meetings <= 200_000 * 64);
    assert!(report.meetings_left_out > 0 && report.viral_objects == 2);
    assert!(answer.edges.is_empty());
}

#[test]
fn one_thread_or_two_little_memory_or_much_the_answer_is_the_same() {
    let mut events = generate::background(Family::Organic, 6);
    Plant::SETTINGS[5].into(&mut events, 6);
    let records = numbered(events);
    let mut expected = analyse(&records, &Options::default()).unwrap();
    assert!(!expected.edges.is_empty());
    let options = Options { threads: 2, pair_bytes_max: 1 << 16, ..Options::default() };
    let other = analyse(&records, &options).unwrap();
    expected.options = options;
    assert_eq!(other, expected);
}

/// Links and pictures of the same accounts: the same four act in both, others in one.
fn two_traces(days: i64) -> (Records, usize) {
    let mut builder = Builder::default();
    let links = builder.trace(Trace::of(TraceKind::Url).window(60));
    let pictures = builder.trace(Trace::of(TraceKind::Media));
    for (trace, kind) in [(links, "link"), (pictures, "picture")] {
        for act in 0..9_i64 {
            let begin = 1_699_920_000 + act % days * 86_400 + act * 900;
            let object = &format!("{kind} {act}");
            for (account, late) in ["ash", "elm", "fir", "oak"].into_iter().zip(0..) {
                let time_seconds = begin + late * 3;
                builder.share(trace, &Share { object, account, post: "", time_seconds });
            }
            for reader in 0..60_i64 {
                let account = &format!("reader {}", (act * 37 + reader * 11) % 200);
                let time_seconds = begin + (reader + 1) * 240;
                builder.share(trace, &Share { object, account, post: "", time_seconds });
            }
        }
    }
    (builder.finish(), 4)
}

#[test]
fn levels_follow_their_table() {
    for (days, level) in [(1, Level::E2), (3, Level::E3)] {
        let (records, accounts) = two_traces(days);
        let answer = analyse(&records, &Options::default()).unwrap();
        assert_eq!(answer.groups.len(), 1, "{:?}", answer.edges.len());
        let group = &answer.groups[0];
        assert_eq!((group.members.len(), group.traces, group.level), (accounts, 2, level));
        assert_eq!((group.edges.len(), group.core_truss), (6, 4));
        // The first account leads the last one in every act: a sign test of 18 or 9 to nothing.
        let first = &answer.edges[0].traces[0].leads;
        assert_eq!((first.a, first.b), (9, 0));
        assert!(first.p < 0.01);
        let apart =
            analyse(&records, &Options { bootstrap_runs: 0, ..Options::default() }).unwrap();
        assert_eq!(apart.groups[0].level, Level::E2, "without samples nothing is stable");
    }
}

#[test]
fn what_is_asked_beyond_a_limit_is_refused() {
    let (records, _) = two_traces(1);
    for (options, refusal) in [
        (Options { look_back: 0, ..Options::default() }, Refused::LookBack(0)),
        (Options { look_back: 256, ..Options::default() }, Refused::LookBack(256)),
        (Options { slice_seconds: 10, ..Options::default() }, Refused::Slice(10)),
        (Options { false_discovery_max: 1.0, ..Options::default() }, Refused::FalseDiscovery),
        (Options { null_model: false, ..Options::default() }, Refused::OneWindow),
    ] {
        assert_eq!(analyse(&records, &options).unwrap_err(), refusal);
    }
    let wide = Records::numbered(Trace::of(TraceKind::Other).window(86_401), Vec::new());
    assert_eq!(analyse(&wide, &plain()).unwrap_err(), Refused::Windows);
    let single = Records::numbered(Trace::of(TraceKind::Other).objects_min(1), Vec::new());
    assert_eq!(analyse(&single, &plain()).unwrap_err(), Refused::ObjectsMin(1));
}

#[test]
fn nothing_in_nothing_out() {
    let answer = analyse(&numbered(Vec::new()), &Options::default()).unwrap();
    assert!(answer.edges.is_empty() && answer.groups.is_empty() && answer.watched.is_empty());
}

/// Closed circles that read the same: the activity model alone names pairs, in wide windows many; what is asked by default names
/// none, whatever the window.
#[test]
fn circles_that_read_the_same_name_nobody_in_any_window() {
    for (seed, window) in [(11, 300), (12, 599), (13, 600)] {
        let records = Records::numbered(
            Trace::of(TraceKind::Other).window(window).objects_min(3),
            generate::background(Family::Blocks, seed),
        );
        let by = |models| analyse(&records, &Options { models, ..plain() }).unwrap();
        let activity = by(Models::Activity);
        assert!(activity.edges.len() > usize::from(window > 300), "seed {seed}, {window} s");
        let told = activity.edges.iter().flat_map(|edge| &edge.traces);
        assert!(told.clone().all(|told| told.significant && !told.confirmed));
        assert!(activity.groups.iter().all(|group| group.families == 0));
        assert!(by(Models::Confirmed).edges.is_empty(), "seed {seed}, {window} s");
        assert!(by(Models::Both).edges.is_empty(), "seed {seed}, {window} s");
    }
}

/// What is as close as thirty seconds within ten minutes is found among such circles, and nobody else is.
#[test]
fn those_who_act_together_are_found_among_circles_in_a_wide_window() {
    let mut events = generate::background(Family::Blocks, 21);
    let plant = Plant::SETTINGS[6];
    let first = plant.into(&mut events, 21);
    let trace = Trace::of(TraceKind::Other).window(600).objects_min(3);
    let answer = analyse(&Records::numbered(trace, events), &plain()).unwrap();
    let found: BTreeSet<u32> = answer.edges.iter().flat_map(|edge| [edge.a, edge.b]).collect();
    let right = found.iter().filter(|&&account| account >= first).count();
    // At most one edge in a hundred may be false, and these are many; no group is.
    assert!(
        (found.len() - right) * 20 <= found.len(),
        "{} of {}",
        found.len() - right,
        found.len()
    );
    let planted = |member: &Member| member.account >= first;
    assert!(answer.groups.iter().all(|group| group.members.iter().all(planted)));
    assert!(right * 10 >= (plant.groups * plant.accounts) as usize * 8, "{right}");
    assert!(answer.edges.iter().flat_map(|edge| &edge.traces).all(|told| told.confirmed));
}

/// Links and their domains tell of one share: four loyal readers of an outlet are no strong group by having been counted twice.
/// Shared interest explains them, and by default nobody is named at all.
#[test]
fn one_share_counted_in_two_traces_confirms_nothing() {
    let events = generate::loyal_readers(3);
    let asked = |domains: bool, models| {
        let mut builder = Builder::default();
        let links = builder.trace(Trace::of(TraceKind::Url).window(60));
        let hosts = domains.then(|| builder.trace(Trace::of(TraceKind::Domain).window(60)));
        for event in &events {
            let (account, post) = (&event.account.to_string(), &event.post.to_string());
            let time_seconds = event.time.into();
            let object = &format!("https://news.example/{}", event.object);
            builder.share(links, &Share { object, account, post, time_seconds });
            let host = if event.object < 14 { 0 } else { 1 + event.object % 200 };
            if let Some(hosts) = hosts {
                let object = &format!("outlet-{host}.example");
                builder.share(hosts, &Share { object, account, post, time_seconds });
            }
        }
        let options = Options { models, shuffled_copy: false, ..Options::default() };
        analyse(&builder.finish(), &options).unwrap()
    };
    for domains in [false, true] {
        let activity = asked(domains, Models::Activity);
        let readers: Vec<&Edge> = activity.edges.iter().filter(|edge| edge.weight >= 10).collect();
        assert_eq!(readers.len(), 6, "activity alone names the readers");
        assert!(
            activity.groups.iter().all(|group| group.level <= Level::E2 && group.families == 0)
        );
        assert_eq!(activity.groups[0].traces, 1 + u32::from(domains));
        let answer = asked(domains, Models::Confirmed);
        assert!(answer.edges.is_empty() && answer.groups.is_empty(), "{:?}", answer.edges);
    }
}

fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Texts that only those share who act together leave nobody to tell what chance gives. They are found all the same: how likely
/// strangers would meet is taken as if what is shared lay over ten windows.
#[test]
fn groups_are_found_where_nobody_else_shares_anything_of_theirs() {
    for (groups, members, acts) in [(1, 4, 12), (12, 20, 6)] {
        let mut events = Vec::new();
        let mut add = |object: u32, account: u32, time: u32| {
            let post = u32::try_from(events.len()).unwrap();
            events.push(Event { object, account, time: 1_748_822_400 + time, post });
        };
        for group in 0..groups {
            for act in 0..acts {
                let drawn = mixed(u64::from(group * 100 + act)) % 500_000;
                let begin = u32::try_from(drawn).unwrap();
                for member in 0..members {
                    add(group * 100 + act, group * 100 + member, begin + member * 7 % 25);
                }
            }
        }
        // Others share what nobody else does.
        for other in 0..360 {
            let drawn = mixed(9_000 + u64::from(other));
            add(10_000 + other, 5_000 + other % 300, u32::try_from(drawn % 500_000).unwrap());
        }
        let answer = analyse(&numbered(events), &Options::default()).unwrap();
        let pairs = usize::try_from(groups * members * (members - 1) / 2).unwrap();
        assert_eq!((answer.edges.len(), answer.groups.len()), (pairs, groups as usize));
        assert_eq!(answer.shuffled_copy.unwrap().edges, 0);
    }
}

/// Five accounts share the same links within seconds on several days, among many that share them within hours.
#[test]
fn those_who_are_close_in_time_again_and_again_are_a_strong_group() {
    let mut builder = Builder::default();
    let links = builder.trace(Trace::of(TraceKind::Url).window(60));
    for story in 0..40_i64 {
        let start = 1_764_000_000 + story * 9_000;
        let object = &format!("https://news.example/{story}");
        let mut add = |account: &str, time_seconds: i64| {
            builder.share(links, &Share { object, account, post: "", time_seconds });
        };
        for reader in 0..40_i64 {
            let drawn = mixed(u64::try_from(story * 1_000 + reader).unwrap());
            let late = 40 + i64::try_from(drawn % 8_000).unwrap();
            add(&format!("reader{}", (drawn >> 20) % 400), start + late);
        }
        for at in 0..5 {
            add(&format!("kiln{at}"), start + at * 3);
        }
    }
    let answer = analyse(&builder.finish(), &Options::default()).unwrap();
    assert_eq!((answer.edges.len(), answer.groups.len()), (10, 1));
    let group = &answer.groups[0];
    assert_eq!((group.level, group.edges_synchronous, group.families), (Level::E3, 10, 1));
    assert_eq!(answer.shuffled_copy.unwrap().edges, 0);
}

/// A window that shared interest explains takes nothing from a narrower one that it does not: three accounts do twelve of thirty
/// things within seconds of each other, and all thirty, like everybody who does them, within ten minutes.
#[test]
fn adding_a_window_loses_no_edge_that_another_one_carries() {
    let mut events = Vec::new();
    let mut add = |object: u32, account: u32, time: u32| {
        let post = u32::try_from(events.len()).unwrap();
        events.push(Event { object, account, time, post });
    };
    for act in 0..30_u32 {
        let begin = 1_748_822_400 + act * 40_000;
        for member in 0..3 {
            let late = if act < 12 { 200 + member * 3 } else { (act * 37 + member * 170) % 500 };
            add(act, member, begin + late);
        }
        for stranger in 0..40 {
            add(act, 100 + act * 40 + stranger, begin + (stranger * 211 + act * 17) % 500);
        }
    }
    for i in 0..20_000_u32 {
        let (object, account) = (100 + i.wrapping_mul(2_654_435_761) % 5_000, 2_000 + i % 1_500);
        add(object, account, 1_748_822_400 + i.wrapping_mul(40_503) % 1_200_000);
    }
    let edges = |windows: &[u32], models| {
        let trace = Trace { windows_seconds: windows.to_vec(), ..Trace::of(TraceKind::Other) };
        let records = Records::numbered(trace, events.clone());
        analyse(&records, &Options { models, ..plain() }).unwrap().edges
    };
    for models in [Models::Both, Models::Confirmed] {
        assert_eq!(edges(&[10], models).len(), 3, "{models:?}");
        let both = edges(&[10, 600], models);
        assert_eq!(both.len(), 3, "{models:?}");
    }
    let wide = edges(&[10, 600], Models::Both);
    assert!(wide.iter().all(|edge| edge.traces[0].window_seconds == 10), "{wide:?}");
    assert!(edges(&[600], Models::Both).is_empty(), "shared interest explains the wide window");
}

/// Everybody shares the news of the morning within two minutes, where one slice ends and the next begins: 00:00 UTC is nine in
/// Japan. Meetings across the boundary are expected like others, so that nobody is named.
#[test]
fn a_crowd_at_the_boundary_of_two_slices_makes_nobody_suspicious() {
    for slice_seconds in [86_400, 21_600] {
        for seed in 3..6 {
            let records = numbered(generate::background(Family::MorningNews, seed));
            let options = Options { slice_seconds, shuffled_copy: true, ..plain() };
            let answer = analyse(&records, &options).unwrap();
            assert!(answer.traces[0].meetings > 100_000);
            assert!(answer.edges.is_empty(), "seed {seed}: {:?}", answer.edges);
            assert_eq!(answer.shuffled_copy.unwrap().edges, 0, "seed {seed}");
        }
    }
}

/// Two who never share within one slice met three times across its boundary. That is expected of them, if seldom: no
/// probability is 0, and nothing that is written is no number.
#[test]
fn whoever_met_was_expected_to() {
    let night = 1_748_822_400;
    let noise: Vec<(u32, u32, u32)> =
        (0..600).map(|i| (10 + i % 150, 10 + i % 97, night + i * 1_439)).collect();
    let acts = [(0, 86_400), (1, 3 * 86_400), (2, 5 * 86_400)];
    for late in [15, 40] {
        let both = acts.iter().flat_map(|&(object, day)| {
            [(object, 0, night + day - 20), (object, 1, night + day + late)]
        });
        let mut builder = Builder::default();
        let traces = [(); 2].map(|()| builder.trace(Trace::of(TraceKind::Other).window(60)));
        for (object, account, time) in noise.iter().copied().chain(both) {
            for trace in traces {
                let (object, account) = (&object.to_string(), &account.to_string());
                let share = Share { object, account, post: "", time_seconds: time.into() };
                builder.share(trace, &share);
            }
        }
        let options = Options { false_discovery_max: 0.5, models: Models::Activity, ..plain() };
        let answer = analyse(&builder.finish(), &options).unwrap();
        let watched = answer.watched.iter().map(|one| (one.expected_activity, one.p));
        let told = answer.edges.iter().flat_map(|edge| &edge.traces);
        let told = told.map(|told| (told.expected_activity.unwrap(), told.p.unwrap()));
        let all: Vec<(f64, f64)> = watched.chain(told).collect();
        assert!(!all.is_empty(), "the pair is told in some way");
        assert!(all.iter().all(|&(expected, p)| expected > 1e-6 && p > 1e-12), "{all:?}");
        for edge in &answer.edges {
            assert!(edge.strength.is_finite() && edge.strength > 0.0 && edge.p > Some(0.0));
        }
        let written = serde_json::to_value(&answer).unwrap();
        let told = written["edges"].as_array().unwrap().iter().flat_map(|edge| {
            edge["traces"].as_array().unwrap().iter().map(|told| told["log10_p"].is_number())
        });
        assert!(told.clone().all(|is_number| is_number));
    }
}
