use proptest::prelude::*;
use serde_json::{Value, json};

use super::matcher::PatternSet;
use super::normal::{equivalent, normal};
use super::observed::Observations;
use super::parse::{DEPTH_MAX, parse, parse_grammar};
use super::syntax::Pattern;

fn vectors(file: &str) -> Option<Vec<Value>> {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/vectors-stix-patterning/");
    let Ok(text) = std::fs::read_to_string(format!("{folder}{file}")) else {
        println!("corpora absent: skipped {file}");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// `match`, `nomatch` or `error`, as the recorded outcomes have it.
fn outcome(pattern: &str, observed: &Value) -> &'static str {
    let mut set = PatternSet::default();
    if set.add(pattern).is_err() {
        return "error";
    }
    let Ok(observations) = Observations::read(observed.clone()) else { return "error" };
    match set.run(&observations).pop().unwrap() {
        Ok(Some(_)) => "match",
        Ok(None) => "nomatch",
        Err(_) => "error",
    }
}

#[test]
fn the_recorded_syntax_is_judged_as_recorded() {
    let Some(vectors) = vectors("syntax.dev.jsonl") else { return };
    for vector in &vectors {
        let pattern = vector["pattern"].as_str().unwrap();
        let read = parse(pattern);
        assert_eq!(read.is_ok(), vector["valid"].as_bool().unwrap(), "{pattern}: {read:?}");
    }
    println!("{} patterns judged as recorded", vectors.len());
}

#[test]
fn the_recorded_matches_are_found_and_no_others() {
    let Some(vectors) = vectors("match.dev.jsonl") else { return };
    let (mut right, mut old) = (0, Vec::new());
    for vector in &vectors {
        let pattern = vector["pattern"].as_str().unwrap();
        let answer = outcome(pattern, &vector["observed"]);
        if vector["stix_version"] == "2.1" {
            assert_eq!(answer, vector["outcome"], "{vector}");
            right += 1;
        } else if answer != vector["outcome"] {
            old.push(format!("{pattern}: {answer}, recorded {}", vector["outcome"]));
        }
    }
    println!("{right} of version 2.1 as recorded; {} of version 2.0 differ: {old:#?}", old.len());
}

#[test]
fn the_recorded_equivalences_hold() {
    let Some(vectors) = vectors("equivalence.dev.jsonl") else { return };
    for vector in &vectors {
        let read = |member: &str| parse_grammar(vector[member].as_str().unwrap()).unwrap().pattern;
        let answer = equivalent(&read("a"), &read("b"));
        assert_eq!(answer, Ok(vector["equivalent"].as_bool().unwrap()), "{vector}");
    }
    println!("{} pairs judged as recorded", vectors.len());
}

/// Observations of `kind`s at seconds: `(kind, first, last, times)`.
fn seen(list: &[(&str, i64, i64, u64)]) -> Observations {
    let time = |second: i64| {
        format!("2026-11-23T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
    };
    let mut all = Vec::new();
    for (number, (kind, first, last, times)) in list.iter().enumerate() {
        all.push(json!({"type": "x", "id": format!("x--{number}"), "kind": kind}));
        all.push(json!({"type": "observed-data", "id": format!("observed-data--{number}"), "number_observed": times,
            "first_observed": time(*first), "last_observed": time(*last), "object_refs": [format!("x--{number}")]}));
    }
    Observations::read(Value::Array(all)).unwrap()
}

fn check(pattern: &str, observations: &Observations, expected: Option<&[u32]>) {
    // `a` stands for `[x:kind = 'a']`.
    let words = pattern.split(' ').map(|word| {
        let bare = word.trim_matches(['(', ')']);
        if bare.len() == 1 && bare.chars().all(|c| c.is_ascii_lowercase()) {
            word.replace(bare, &format!("[x:kind = '{bare}']"))
        } else {
            word.to_owned()
        }
    });
    let pattern = words.collect::<Vec<_>>().join(" ");
    let mut set = PatternSet::default();
    set.add(&pattern).unwrap();
    let found = set.run(observations).pop().unwrap().unwrap();
    assert_eq!(found.as_ref().map(|found| found.observed.as_slice()), expected, "{pattern}");
}

#[test]
fn observations_are_bound_once_and_in_time() {
    let all = seen(&[("a", 0, 0, 1), ("b", 10, 10, 2), ("c", 5, 60, 1), ("a", 100, 100, 1)]);
    check("a AND b", &all, Some(&[0, 1]));
    check("a AND a", &all, Some(&[0, 3]));
    check("c AND c", &all, None);
    check("b AND b", &all, Some(&[1, 1]));
    check("b FOLLOWEDBY a", &all, Some(&[1, 3]));
    check("a FOLLOWEDBY b FOLLOWEDBY a", &all, Some(&[0, 1, 3]));
    check("b FOLLOWEDBY c", &all, Some(&[1, 2]));
    check("(b FOLLOWEDBY a) WITHIN 89 SECONDS", &all, None);
    check("(b FOLLOWEDBY a) WITHIN 90 SECONDS", &all, Some(&[1, 3]));
    check("b REPEATS 2 TIMES", &all, Some(&[1, 1]));
    check("b REPEATS 3 TIMES", &all, None);
    check("a REPEATS 2 TIMES WITHIN 99.5 SECONDS", &all, None);
    check("a REPEATS 2 TIMES WITHIN 100 SECONDS", &all, Some(&[0, 3]));
    check("z OR a", &all, Some(&[0]));
    check("(z OR b) FOLLOWEDBY a", &all, Some(&[1, 3]));
    check("a START t'2026-11-23T00:00:01Z' STOP t'2026-11-23T00:01:41Z'", &all, Some(&[3]));
    check("a START t'2026-11-23T00:00:01Z' STOP t'2026-11-23T00:01:40Z'", &all, None);
    check("(a AND b) REPEATS 2 TIMES", &all, Some(&[0, 1, 3, 1]));
    check("(a AND c) REPEATS 2 TIMES", &all, None);
}

#[test]
fn a_bracket_gives_way_to_one_that_needs_its_observation() {
    let mut objects = Vec::new();
    for (number, (left, right)) in [(1, 1), (1, 0), (1, 0)].iter().enumerate() {
        objects.push(json!({"type": "x", "id": format!("x--{number}"), "l": left, "r": right}));
        objects.push(json!({"type": "observed-data", "id": "o", "number_observed": 1,
            "first_observed": "2026-11-23T00:00:00Z", "last_observed": "2026-11-23T00:00:00Z",
            "object_refs": [format!("x--{number}")]}));
    }
    let all = Observations::read(Value::Array(objects)).unwrap();
    check("[x:l=1] AND [x:r=1]", &all, Some(&[1, 0]));
    check("[x:l=1] REPEATS 2 TIMES AND [x:r=1]", &all, Some(&[1, 2, 0]));
    check("[x:l=1] REPEATS 3 TIMES AND [x:r=1]", &all, None);
    check("[x:l=1] REPEATS 3 TIMES", &all, Some(&[0, 1, 2]));
}

fn fault(pattern: &str, code: &str, start: usize) {
    let fault = PatternSet::default().add(pattern).and(parse(pattern).map(|_| 0)).unwrap_err();
    assert_eq!(
        (fault.code(), fault.span.start),
        (code, start),
        "{pattern}: {fault}\n{}",
        fault.picture(pattern)
    );
}

#[test]
fn faults_name_the_place() {
    fault("[a:b = ]", "NRS-EVID-0203", 7);
    fault("[a:b = 'x]", "NRS-EVID-0204", 7);
    fault("[a:b-c = 1]", "NRS-EVID-0203", 3);
    fault("[a:b = 1] AND", "NRS-EVID-0203", 13);
    fault("[a:b IN (1, 'x')]", "NRS-EVID-0210", 1);
    fault("[a:b = 1 OR a:c = t'2026-02-30T00:00:00Z']", "NRS-EVID-0212", 12);
    fault("[a:b = 1] WITHIN 0 SECONDS", "NRS-EVID-0211", 10);
    fault("[a:b = 1] REPEATS 9999999 TIMES", "NRS-EVID-0215", 10);
    fault(r"[a:b MATCHES '(a)\\1']", "NRS-EVID-0213", 1);
    fault("[a:b ISSUBSET '192.0.2.1/33']", "NRS-EVID-0214", 1);
    fault("[file:hashes.MD5 = 'f00']", "NRS-EVID-0206", 1);
    fault("[a:b = 1] WITHIN 5 SECONDS WITHIN 6 SECONDS", "NRS-EVID-0207", 27);
    fault(&format!("[a:b = {}]", "9".repeat(60)), "NRS-EVID-0205", 7);
    let shown = parse("[a:b = 1]\n OR [ü:b = 2]").unwrap_err().picture("[a:b = 1]\n OR [ü:b = 2]");
    assert_eq!(shown, "2:6\n   OR [ü:b = 2]\n       ^");
}

#[test]
fn hostile_patterns_are_refused_in_bounds() {
    let code = |pattern: &str| parse(pattern).unwrap_err().code();
    assert_eq!(code(&"(".repeat(60_000)), "NRS-EVID-0201");
    assert_eq!(code(&format!("[{}", "(".repeat(60_000))), "NRS-EVID-0201");
    assert_eq!(code(&" ".repeat(70_000)), "NRS-EVID-0200");
    assert_eq!(code(&format!("[a:b IN ({}1)]", "1,".repeat(32_000))), "NRS-EVID-0202");
    let deep = format!("{}[a:b=1]{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
    assert!(parse(&deep).is_ok());
    let qualified = format!("({}){}", "[a:b=1]", " WITHIN 5 SECONDS".repeat(3_000));
    let qualified = parse(&qualified).unwrap();
    assert_eq!(parse(&normal(&qualified).unwrap().to_string()).unwrap(), qualified);
    let mut set = PatternSet::default();
    set.add(&qualified.to_string()).unwrap();
    assert_eq!(set.run(&seen(&[("a", 0, 0, 1)])), [Ok(None)]);
}

#[test]
fn work_is_bounded() {
    let mut set = PatternSet::default();
    assert!(set.add("[a:b MATCHES '(((a{100}){100}){100}){100}']").is_err());
    assert!(set.add(&format!("[a:b MATCHES '{}a{}']", "(".repeat(200), ")".repeat(200))).is_err());
    assert!(set.add("([x:kind = 'a'] AND [x:kind = 'b']) REPEATS 1000000 TIMES").is_err());
    set.add("[x:kind MATCHES '^(a+)+$']").unwrap();
    let long = format!("{}!", "a".repeat(100_000));
    assert_eq!(set.run(&seen(&[(&long, 0, 0, 1)])), [Ok(None)]);
    // Pairs are asked for that all need one scarce observation.
    let mut hard = PatternSet::default();
    hard.add("([x:kind = 'a'] FOLLOWEDBY [x:kind = 'b']) REPEATS 40 TIMES").unwrap();
    let mut list = vec![("a", 0, 0, 1); 60];
    list.extend(vec![("b", 1, 1, 1); 39]);
    let answer = hard.run(&seen(&list)).pop().unwrap();
    assert!(!matches!(answer, Ok(Some(_))), "{answer:?}");
    let clauses: Vec<String> = (0..20).map(|n| format!("(a:b={n} OR a:c={n})")).collect();
    let product = parse(&format!("[{}]", clauses.join(" AND "))).unwrap();
    assert_eq!(normal(&product).unwrap_err().code(), "NRS-EVID-0216");
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        "(-|\\+)?(0|[1-9][0-9]{0,6})",
        "-?[0-9]{0,3}\\.[0-9]{1,5}",
        "'([a-z0-9 ./]|\\\\\\\\|\\\\'|ü|語){0,8}'",
        Just("true".to_owned()),
        Just("t'2026-11-23T00:00:00.250Z'".to_owned()),
        "h'([0-9a-f]{2}){0,4}'",
        "b'([A-Za-z0-9+/]{4}){1,3}'",
    ]
}

fn test() -> impl Strategy<Value = String> {
    let path = "(a|ipv4-addr|x_y):(value|c_ref|'k-l')(\\.d|\\.'e f'|\\[\\*\\]|\\[3\\]){0,3}";
    let predicate = prop_oneof![
        ("(=|==|!=|<>)", literal()).prop_map(|(sign, value)| format!("{sign} {value}")),
        ("(<|<=|>|>=)", literal().prop_filter("has an order", |value| value != "true"))
            .prop_map(|(sign, value)| format!("{sign}{value}")),
        prop::collection::vec(literal(), 0..4)
            .prop_map(|values| format!("IN ({})", values.join(","))),
        "(LIKE|MATCHES|ISSUBSET|ISSUPERSET) '[a-z0-9.%_/]{0,8}'",
    ];
    prop_oneof![
        5 => (path, "( NOT)?", predicate).prop_map(|(path, not, rest)| format!("{path}{not} {rest}")),
        1 => (path, "(NOT )?").prop_map(|(path, not)| format!("{not}EXISTS {path}")),
    ]
}

fn comparison() -> impl Strategy<Value = String> {
    test().prop_recursive(3, 8, 3, |inner| {
        (prop::collection::vec(inner, 1..4), "(AND|OR)")
            .prop_map(|(parts, joint)| format!("({})", parts.join(&format!(" {joint} "))))
    })
}

fn pattern() -> impl Strategy<Value = String> {
    let one = comparison().prop_map(|comparison| format!("[{comparison}]"));
    one.prop_recursive(3, 8, 3, |inner| {
        let joined = (prop::collection::vec(inner.clone(), 1..4), "(AND|OR|FOLLOWEDBY)")
            .prop_map(|(parts, joint)| format!("({})", parts.join(&format!(" {joint} "))));
        let qualifier =
            "( WITHIN [1-9] SECONDS| REPEATS [1-9] TIMES| START t'2026-01-01T00:00:00Z' STOP t'2027-01-01T00:00:00Z')";
        prop_oneof![2 => joined, 1 => (inner, qualifier).prop_map(|(inner, qualifier)| format!("({inner}{qualifier})"))]
    })
}

fn read(text: &str) -> Pattern {
    parse_grammar(text)
        .unwrap_or_else(|fault| panic!("{text}: {fault}\n{}", fault.picture(text)))
        .pattern
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_reads_back(text in pattern()) {
        let pattern = read(&text);
        let written = pattern.to_string();
        prop_assert_eq!(&read(&written), &pattern);
        prop_assert_eq!(read(&written).to_string(), written);
    }

    #[test]
    fn the_normal_form_is_settled_and_writable(text in pattern()) {
        if let Ok(once) = normal(&read(&text)) {
            prop_assert_eq!(normal(&once).unwrap(), once.clone());
            prop_assert_eq!(read(&once.to_string()), once);
        }
    }

    #[test]
    fn equivalence_is_reflexive_and_symmetric(a in pattern(), b in pattern()) {
        let (a, b) = (read(&a), read(&b));
        if let (Ok(to), Ok(from)) = (equivalent(&a, &b), equivalent(&b, &a)) {
            prop_assert_eq!(to, from);
            prop_assert!(equivalent(&a, &a).unwrap());
        }
    }

    #[test]
    fn a_normal_form_matches_the_same(text in "[ab]( (AND|OR|FOLLOWEDBY) [abc]){1,3}", times in prop::collection::vec((0_i64..9, 0_i64..4, 1_u64..3), 1..6)) {
        let kinds = ["a", "b", "c"];
        let list: Vec<_> = times.iter().enumerate().map(|(n, (first, long, count))| (kinds[n % 3], *first, first + long, *count)).collect();
        let all = seen(&list);
        let words: Vec<String> = text.split(' ').map(|w| if w.len() == 1 { format!("[x:kind = '{w}']") } else { w.to_owned() }).collect();
        let pattern = read(&words.join(" "));
        let mut set = PatternSet::default();
        set.add(&pattern.to_string()).unwrap();
        set.add(&normal(&pattern).unwrap().to_string()).unwrap();
        let outcomes = set.run(&all);
        let matched: Vec<bool> = outcomes.iter().map(|outcome| outcome.as_ref().unwrap().is_some()).collect();
        prop_assert_eq!(matched[0], matched[1]);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "([\\[\\]()'\\\\,=!<>:.*+-]| |OR|AND|NOT|IN|a:b|'x'|1|t'|WITHIN|\\PC){0,40}") {
        if let Ok(pattern) = parse(&text) {
            prop_assert_eq!(parse(&pattern.to_string()).unwrap(), pattern);
        }
    }
}
