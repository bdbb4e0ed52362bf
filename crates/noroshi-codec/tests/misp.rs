//! MISP against the recorded work of another converter, against itself, and against hostile input.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests that may fail"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use noroshi_codec::misp::{self, Catalogue, Distribution, Recipients};
use noroshi_codec::stix::{decode_bundle, encode_bundle};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::validate;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The recorded pairs, or `None` where the corpora are not.
fn records(name: &str) -> Option<Vec<Value>> {
    let path =
        format!("{}/../../../shared/corpora/vectors-misp-stix/{name}", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("corpora absent: skipped {name}");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn counts<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

/// Properties that carry a value, of everything but containers and notes.
fn values_of(objects: &[Value], names: &[&str]) -> BTreeMap<(String, String, String), usize> {
    let told =
        |object: &&Value| !matches!(object["type"].as_str(), Some("note" | "grouping" | "report"));
    counts(objects.iter().filter(told).flat_map(|object| {
        names.iter().filter_map(|name| {
            let kind = object["type"].as_str()?.to_owned();
            Some((kind, (*name).to_owned(), object.get(name)?.to_string()))
        })
    }))
}

/// In the name of pairs that were recorded for readers who hold ATT&CK.
const BESIDE: &str = "Interoperability";

/// ATT&CK as the corpora hold it; empty where they are not.
fn catalogue() -> &'static Catalogue {
    static HELD: OnceLock<Catalogue> = OnceLock::new();
    HELD.get_or_init(|| {
        let name = "attack-enterprise-21/enterprise-attack-18.1-derived.json";
        let path = format!("{}/../../../shared/corpora/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap_or_default();
        Catalogue::of(&decode_bundle(&bytes).objects)
    })
}

/// What the containers of a bundle name, without order.
fn contents(objects: &[Value]) -> BTreeMap<String, usize> {
    let refs = objects
        .iter()
        .filter(|object| matches!(object["type"].as_str(), Some("grouping" | "report")))
        .flat_map(|object| object["object_refs"].as_array().into_iter().flatten());
    counts(refs.map(ToString::to_string))
}

/// Why a recorded pair differs; what is not named here must not differ.
fn cause(test: &str, theirs: &[Value], ours: &[Value]) -> &'static str {
    let pattern = |objects: &[Value], of: &str| {
        objects
            .iter()
            .any(|object| object["pattern"].as_str().is_some_and(|text| text.contains(of)))
    };
    if test.contains(BESIDE) && catalogue().is_empty() {
        "a catalogue that is not here"
    } else if theirs
        .iter()
        .any(|object| object["key"].as_str().is_some_and(|key| key.starts_with("HKLM")))
    {
        // STIX 2.1 section 6.17: the hive must be written out.
        "a hive written out"
    } else if theirs
        .iter()
        .any(|object| object["pattern_type"].as_str().is_some_and(|kind| kind != "stix"))
    {
        // Brackets around a rule of another language make it no rule of that language.
        "a rule without brackets"
    } else if pattern(theirs, "received_lines") {
        "a list compared by its entries"
    } else if pattern(theirs, "additional_header_fields") {
        // The observable has the header under its own name.
        "a header under its own name"
    } else if pattern(theirs, "modified_time = '") {
        "a time compared as a time"
    } else if quoted_number(theirs) && !quoted_number(ours) {
        // STIX 2.1 section 9.2: a number in quotes equals no number.
        "a number compared as a number"
    } else {
        "unexplained"
    }
}

/// Whether a pattern compares a numeric property with a number in quotes.
fn quoted_number(objects: &[Value]) -> bool {
    ["number = '", "port = '", "size = '", "pid = '"].iter().any(|path| {
        objects
            .iter()
            .any(|object| object["pattern"].as_str().is_some_and(|text| text.contains(path)))
    })
}

#[test]
fn events_become_the_objects_another_converter_makes_of_them() {
    let Some(records) = records("misp_to_stix21.dev.jsonl") else { return };
    let names = ["value", "name", "hashes", "key", "path", "number", "payload_bin", "opinion"];
    let (mut types, mut values, mut patterns) = (0, 0, 0);
    let mut causes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for record in &records {
        let test = record["test"].as_str().unwrap();
        let event = record["misp"].to_string();
        let none = Catalogue::default();
        let beside = test.contains(BESIDE);
        let held = if beside { catalogue() } else { &none };
        let made = misp::to_stix_beside(event.as_bytes(), held);
        let ours: Vec<Value> = made.objects.iter().map(StixObject::to_value).collect();
        for object in &ours {
            let findings = validate::object(object, validate::Options::default());
            assert!(validate::is_valid(&findings, false), "{test}: {findings:?} in {object}");
        }
        let theirs = record["stix"]["objects"].as_array().unwrap();
        let kinds =
            |objects: &[Value]| counts(objects.iter().map(|object| object["type"].to_string()));
        let same_types = kinds(theirs) == kinds(&ours);
        let same_values = same_types && values_of(theirs, &names) == values_of(&ours, &names);
        if beside && !held.is_empty() {
            assert_eq!(contents(&ours), contents(theirs), "{test}");
        }
        let same = same_values && values_of(theirs, &["pattern"]) == values_of(&ours, &["pattern"]);
        types += usize::from(same_types);
        values += usize::from(same_values);
        patterns += usize::from(same);
        if !same {
            causes.entry(cause(test, theirs, &ours)).or_default().push(test.to_owned());
        }
    }
    let all = records.len();
    println!(
        "{all} records: {types} equal types, {values} equal values, {patterns} equal patterns"
    );
    for (cause, tests) in &causes {
        println!("{:4} {cause}", tests.len());
    }
    assert_eq!(causes.get("unexplained"), None);
    assert!(types * 100 >= all * 95, "{types} of {all}");
    assert!(catalogue().is_empty() || values * 100 >= all * 95, "{values} of {all}");
}

/// Attributes, names of objects and knowledge of events, without their order.
type Told =
    (BTreeMap<(String, String), usize>, BTreeMap<String, usize>, BTreeMap<(String, String), usize>);

fn told(events: &[Value]) -> Told {
    let (mut attributes, mut objects, mut galaxies) = (Vec::new(), Vec::new(), Vec::new());
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for event in events {
        let event = event.get("Event").unwrap_or(event);
        let inner = list(event, "Object")
            .iter()
            .flat_map(|object| list(object, "Attribute"))
            .collect::<Vec<_>>();
        objects.extend(list(event, "Object").iter().map(|object| plain(&object["name"])));
        let mut carriers = vec![event.clone()];
        for attribute in list(event, "Attribute").into_iter().chain(inner) {
            let mut value = plain(&attribute["value"]);
            if let (true, Ok(number)) = (value.contains('.'), value.parse::<f64>()) {
                value = number.to_string();
            }
            attributes.push((plain(&attribute["type"]), value));
            carriers.push(attribute);
        }
        for galaxy in carriers.iter().flat_map(|carrier| list(carrier, "Galaxy")) {
            let clusters = list(&galaxy, "GalaxyCluster");
            galaxies
                .extend(clusters.iter().map(|one| (plain(&galaxy["name"]), plain(&one["value"]))));
        }
    }
    (counts(attributes), counts(objects), counts(galaxies))
}

#[test]
fn bundles_of_others_become_the_events_another_converter_makes_of_them() {
    let Some(records) = records("external_stix21_to_misp.dev.jsonl") else { return };
    let mut differ = Vec::new();
    for record in &records {
        let decoded = decode_bundle(record["stix"].to_string().as_bytes());
        assert_eq!(decoded.problems, [], "{}", record["test"]);
        let made = misp::from_stix(&decoded.objects);
        if told(&made.events) != told(record["misp"].as_array().unwrap()) {
            differ.push(record["test"].as_str().unwrap().to_owned());
        }
    }
    println!("{} of {} bundles agree; not {differ:?}", records.len() - differ.len(), records.len());
    assert!((records.len() - differ.len()) * 100 >= records.len() * 95);
}

/// What must survive the way there and back.
fn kept(event: &Value) -> Value {
    let event = event.get("Event").unwrap_or(event);
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let sorted = |mut values: Vec<Value>| {
        values.sort_by_key(ToString::to_string);
        values
    };
    let tags =
        |value: &Value| sorted(list(value, "Tag").iter().map(|tag| tag["name"].clone()).collect());
    let galaxies = |value: &Value| {
        let clusters = list(value, "Galaxy");
        let clusters = clusters.iter().flat_map(|galaxy| {
            let kind = galaxy["type"].clone();
            list(galaxy, "GalaxyCluster")
                .into_iter()
                .map(move |one| json!([kind, one["uuid"], one["value"]]))
        });
        sorted(clusters.collect())
    };
    let said = |value: &Value| {
        let notes = list(value, "Note").into_iter().map(|one| json!([one["uuid"], one["note"]]));
        let opinions =
            list(value, "Opinion").into_iter().map(|one| json!([one["uuid"], one["opinion"]]));
        let seen = list(value, "Sighting")
            .into_iter()
            .map(|one| json!([one["uuid"], one["type"], one["date_sighting"]]));
        sorted(notes.chain(opinions).chain(seen).collect())
    };
    let attribute = |one: &Value| {
        json!([
            one["uuid"],
            one["type"],
            one["category"],
            one["value"],
            one["to_ids"],
            one["comment"],
            one["object_relation"],
            one["data"],
            tags(one),
            galaxies(one),
            said(one),
        ])
    };
    let objects = list(event, "Object").into_iter().map(|object| {
        let attributes: Vec<Value> = list(&object, "Attribute").iter().map(attribute).collect();
        let references = list(&object, "ObjectReference").into_iter();
        let references = references
            .map(|one| json!([one["uuid"], one["referenced_uuid"], one["relationship_type"]]));
        json!([
            object["uuid"],
            object["name"],
            object["meta-category"],
            attributes,
            sorted(references.collect()),
            said(&object)
        ])
    });
    let reports = list(event, "EventReport")
        .into_iter()
        .map(|one| json!([one["uuid"], one["name"], one["content"]]));
    json!({
        "uuid": event["uuid"], "info": event["info"], "date": event["date"], "distribution": event["distribution"],
        "tags": tags(event), "galaxies": galaxies(event), "said": said(event),
        "attributes": sorted(list(event, "Attribute").iter().map(attribute).collect()),
        "objects": sorted(objects.collect()), "reports": sorted(reports.collect()),
    })
}

fn there_and_back(event: &Value) -> Value {
    let made = misp::to_stix(event.to_string().as_bytes());
    // What leaves as a bundle is what a stranger would read.
    let bundle = encode_bundle(made.bundle.as_ref().unwrap(), &made.objects).unwrap();
    let read = decode_bundle(bundle.as_bytes());
    assert_eq!(read.problems, []);
    let back = misp::from_stix(&read.objects);
    assert_eq!((back.events.len(), back.problems.len()), (1, 0), "{:?}", back.problems);
    back.events.into_iter().next().unwrap()
}

/// Fills in what a server fills in, so that both sides say it.
fn filled(mut event: Value) -> Value {
    if event.get("Event").is_none() {
        event = json!({ "Event": event });
    }
    let fill = |attribute: &mut Value| {
        let made = misp::to_stix(
            json!({ "info": "x", "Attribute": [attribute.clone()] }).to_string().as_bytes(),
        );
        let values: Vec<Value> = made.objects.iter().map(StixObject::to_value).collect();
        let record = values.iter().find_map(|value| value.get("x_misp_attribute")).unwrap();
        attribute["category"] = record["category"].clone();
        attribute["to_ids"] = record["to_ids"].clone();
    };
    let members = event["Event"].as_object_mut().unwrap();
    for attribute in
        members.get_mut("Attribute").and_then(Value::as_array_mut).into_iter().flatten()
    {
        fill(attribute);
    }
    for object in members.get_mut("Object").and_then(Value::as_array_mut).into_iter().flatten() {
        for attribute in object["Attribute"].as_array_mut().into_iter().flatten() {
            fill(attribute);
        }
    }
    event
}

#[test]
fn recorded_events_come_back_as_they_went() {
    let Some(records) = records("misp_to_stix21.dev.jsonl") else { return };
    for record in &records {
        let event = filled(record["misp"].clone());
        assert_eq!(kept(&there_and_back(&event)), kept(&event), "{}", record["test"]);
    }
}

/// Events other programs test themselves with.
#[test]
fn events_of_other_suites_are_read() {
    let root = format!("{}/../../../shared/corpora", env!("CARGO_MANIFEST_DIR"));
    let names = [
        "misp-pymisp-testdata/tests/57c4445b-c548-4654-af0b-4be3950d210f.json",
        "misp-pymisp-testdata/tests/misp_event.json",
        "misp-pymisp-testdata/tests/mispevent_testfiles/existing_event.json",
        "misp-pymisp-testdata/tests/mispevent_testfiles/shadow.json",
        "misp-stix-goldens/tests/test_events_collection_1.json",
        "misp-stix-goldens/tests/test_objects_collection_1.json",
        "misp-stix-goldens/tests/test_attributes_collection_1.json",
    ];
    for name in names {
        let Ok(bytes) = std::fs::read(format!("{root}/{name}")) else {
            println!("corpora absent: skipped {name}");
            continue;
        };
        let made = misp::to_stix(&bytes);
        println!("{name}: {} objects, {} problems", made.objects.len(), made.problems.len());
        assert!(made.objects.len() > 2, "{name}");
        let fatal: Vec<_> =
            made.problems.iter().filter(|problem| problem.reason.is_fatal()).collect();
        assert!(fatal.is_empty(), "{name}: {fatal:?}");
    }
}

const UUID: &str = "5d0092c5-5f74-4287-9642-33f4c354e56d";

fn event(members: Value) -> Value {
    let mut event = json!({ "uuid": UUID, "info": "Kiln", "timestamp": "1764000000", "date": "2025-11-24", "distribution": "1" });
    if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
        event.extend(members);
    }
    json!({ "Event": event })
}

fn attribute(n: u64, kind: &str, value: &str) -> Value {
    json!({ "uuid": format!("00000000-0000-4000-8000-{n:012}"), "type": kind, "value": value, "to_ids": true, "category": "Other", "timestamp": "1764000000" })
}

/// One line for each problem: code and place.
fn problems(text: &str) -> Vec<String> {
    let made = misp::to_stix(text.as_bytes());
    made.problems
        .iter()
        .map(|problem| format!("{} {}", problem.reason.code(), problem.place))
        .collect()
}

#[test]
fn a_bad_entry_costs_itself() {
    let good = attribute(1, "domain", "evil.example").to_string();
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let bad = [
        ("7", "NRS-CODC-0106"),
        (r#"{"type":"domain"}"#, "NRS-CODC-0107"),
        (r#"{"value":"x"}"#, "NRS-CODC-0107"),
        (r#"{"type":"domain","value":{}}"#, "NRS-CODC-0107"),
        (r#"{"type":"domain","value":"a.example","value":"b.example"}"#, "NRS-CODC-0105"),
        (r#"{"type":"text","value":"x","n":1e999}"#, "NRS-CODC-0105"),
        (&format!(r#"{{"type":"text","value":"x","n":{deep}}}"#), "NRS-CODC-0105"),
        (r#"{"type":"text","value":"x","uuid":"nonsense"}"#, "NRS-CODC-0106"),
        (r#"{"type":"text","value":"x","Tag":"red"}"#, "NRS-CODC-0106"),
        (r#"{"type":"text","value":"x","Sighting":[{"type":"9"}]}"#, "NRS-CODC-0106"),
    ];
    for (entry, code) in bad {
        let text = format!(
            r#"{{"Event":{{"uuid":"{UUID}","info":"Kiln","Attribute":[{entry},{good}]}}}}"#
        );
        let found = problems(&text);
        assert!(found[0].starts_with(code), "{entry}: {found:?}");
        assert!(found[0].contains("Attribute/0"), "{entry}: {found:?}");
        let made = misp::to_stix(text.as_bytes());
        let types: BTreeSet<&str> = made.objects.iter().map(StixObject::object_type).collect();
        assert!(types.contains("indicator"), "{entry}: {types:?}");
    }
}

#[test]
fn what_is_no_event_is_refused() {
    for (text, code) in [
        ("", "NRS-CODC-0102"),
        ("{", "NRS-CODC-0102"),
        ("{} {}", "NRS-CODC-0102"),
        ("7", "NRS-CODC-0103"),
        ("[]", "NRS-CODC-0103"),
        ("{}", "NRS-CODC-0103"),
        (r#"{"type":"bundle","objects":[]}"#, "NRS-CODC-0103"),
        (&"[".repeat(100_000), "NRS-CODC-0102"),
        (&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), "NRS-CODC-0103"),
    ] {
        let found = problems(text);
        assert!(found.first().is_some_and(|line| line.starts_with(code)), "{found:?}");
    }
    assert_eq!(misp::to_stix(b"\xff{}").problems[0].reason.code(), "NRS-CODC-0101");
}

#[test]
fn values_that_are_none_of_their_kind_become_custom_objects() {
    for (kind, value) in [
        ("ip-dst", "not an address"),
        ("ip-dst|port", "192.0.2.1|99999"),
        ("md5", "short"),
        ("mac-address", "1:2:3"),
        ("AS", "AS-PATH"),
        ("domain|ip", "evil.example"),
        ("malware-sample", "name without hash"),
        ("no-such-type", "x"),
    ] {
        let text = event(json!({ "Attribute": [attribute(1, kind, value)] }));
        let made = misp::to_stix(text.to_string().as_bytes());
        assert_eq!(made.problems, [], "{kind}");
        let custom = made.objects.iter().find(|object| object.object_type() == "x-misp-attribute");
        assert_eq!(custom.unwrap().to_value()["x_misp_value"], value, "{kind}");
    }
}

#[test]
fn one_uuid_for_two_things_makes_two_names() {
    let twice = [attribute(1, "domain", "a.example"), attribute(1, "domain", "b.example")];
    let made = misp::to_stix(event(json!({ "Attribute": twice })).to_string().as_bytes());
    let ids: BTreeSet<_> = made.objects.iter().map(StixObject::id).collect();
    assert_eq!(ids.len(), made.objects.len());
    assert!(made.problems.iter().all(|problem| problem.reason.code() == "NRS-CODC-0108"));
    assert!(!made.problems.is_empty());
    let values: Vec<_> =
        made.objects.iter().filter_map(|object| object.head().value.as_deref()).collect();
    assert_eq!(values, ["a.example", "b.example"]);
}

#[test]
fn markings_of_the_event_hold_for_what_has_none_of_its_own() {
    let mut white = attribute(2, "domain", "b.example");
    white["Tag"] = json!([{ "name": "tlp:white" }]);
    let members = json!({
        "Tag": [{ "name": "tlp:red" }, { "name": "kiln:fired" }],
        "Attribute": [attribute(1, "domain", "a.example"), white],
    });
    let made = misp::to_stix(event(members).to_string().as_bytes());
    let of = |value: &str| {
        let object = made
            .objects
            .iter()
            .find(|object| object.head().value.as_deref() == Some(value))
            .unwrap();
        noroshi_evidence::marking::Marks::read(&object.head().object_marking_refs)
            .tlp
            .unwrap()
            .label()
    };
    assert_eq!((of("a.example"), of("b.example")), ("TLP:RED", "TLP:CLEAR"));
    for object in &made.objects {
        let bare = matches!(object.object_type(), "identity" | "marking-definition");
        assert!(bare || !object.head().object_marking_refs.is_empty(), "{}", object.text());
    }
}

#[test]
fn an_empty_sharing_group_is_nobody() {
    let org = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let group = |members: Value| json!({ "distribution": "4", "SharingGroup": { "uuid": org(9), "name": "Kiln", "SharingGroupOrg": members } });
    let check = |members: Value, expected: Recipients| {
        let made = misp::to_stix(event(members).to_string().as_bytes());
        assert_eq!(made.audiences[0].recipients(), expected);
        // Who else may see it does not travel with it.
        assert!(!made.objects.iter().any(|object| object.text().contains("Group")));
    };
    check(group(json!([])), Recipients::Nobody);
    check(json!({ "distribution": "4" }), Recipients::Nobody);
    check(json!({ "distribution": "0" }), Recipients::Nobody);
    check(json!({ "distribution": "nonsense" }), Recipients::Nobody);
    check(json!({ "distribution": 3 }), Recipients::Community(Distribution::AllCommunities));
    let member =
        json!([{ "extend": true, "Organisation": { "uuid": org(1), "name": "Kiln Works" } }]);
    check(group(member), Recipients::Organisations([org(1).parse().unwrap()].into()));
    let maker = json!({ "distribution": "0", "Orgc": { "uuid": org(2), "name": "Kiln Works" } });
    check(maker, Recipients::Organisations([org(2).parse().unwrap()].into()));
}

#[test]
fn withdrawn_entries_are_revoked_and_expired_sightings_told() {
    let mut gone = attribute(1, "domain", "a.example");
    gone["deleted"] = json!(true);
    gone["Sighting"] = json!([{ "uuid": UUID, "type": "2", "date_sighting": "1764000001" }]);
    let text = event(json!({ "Attribute": [gone] }));
    let made = misp::to_stix(text.to_string().as_bytes());
    let revoked: Vec<_> = made
        .objects
        .iter()
        .filter(|object| object.head().revoked)
        .map(StixObject::object_type)
        .collect();
    assert_eq!(revoked, ["observed-data", "indicator"]);
    assert_eq!(kept(&there_and_back(&text)), kept(&text));
}

#[test]
fn patterns_that_say_more_stay_whole() {
    let check = |pattern: &str, expected: &[(&str, &str)]| {
        let bundle = json!({ "type": "bundle", "id": format!("bundle--{UUID}"), "objects": [{
            "type": "indicator", "spec_version": "2.1", "id": format!("indicator--{UUID}"), "pattern": pattern, "pattern_type": "stix",
            "created": "2026-10-01T00:00:00.000Z", "modified": "2026-10-01T00:00:00.000Z", "valid_from": "2026-10-01T00:00:00Z",
        }]});
        let made = misp::from_stix(&decode_bundle(bundle.to_string().as_bytes()).objects);
        let (attributes, _, _) = told(&made.events);
        let found: Vec<(&str, &str)> =
            attributes.keys().map(|(kind, value)| (kind.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    };
    check(
        "[domain-name:value = 'a.example' OR domain-name:value = 'b.example']",
        &[("domain", "a.example"), ("domain", "b.example")],
    );
    for pattern in [
        "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
        "[domain-name:value LIKE '%.example']",
        "[domain-name:value NOT = 'a.example']",
        "[ipv4-addr:value ISSUBSET '198.51.100.0/24']",
        "[file:size > 5]",
        "[x-kiln:value = 'a']",
        "nonsense",
    ] {
        check(pattern, &[("stix2-pattern", pattern)]);
    }
}

#[test]
fn a_relation_named_data_is_no_content_of_its_neighbours() {
    let mut picture = attribute(1, "attachment", "a.png");
    picture["object_relation"] = json!("data");
    let mut value = attribute(2, "text", "b");
    value["object_relation"] = json!("data");
    let text = event(json!({ "Object": [{
        "uuid": UUID, "name": "registry-key", "meta-category": "misc", "timestamp": "1764000000", "Attribute": [value, picture],
    }]}));
    assert_eq!(kept(&there_and_back(&text)), kept(&text));
}

fn text_value() -> impl Strategy<Value = String> {
    prop_oneof![".{1,24}", "[a-z0-9.|@:/ -]{1,24}"]
        .prop_filter("not empty", |text| !text.is_empty())
}

fn typed() -> impl Strategy<Value = (String, String)> {
    let kinds = [
        "AS",
        "attachment",
        "btc",
        "domain",
        "domain|ip",
        "email-dst",
        "email-subject",
        "filename",
        "filename|md5",
        "hostname|port",
        "ip-dst",
        "ip-src|port",
        "link",
        "mac-address",
        "malware-sample",
        "md5",
        "mutex",
        "port",
        "regkey",
        "regkey|value",
        "sha512/256",
        "sigma",
        "text",
        "url",
        "user-agent",
        "vulnerability",
        "x509-fingerprint-sha1",
        "yara",
        "made-up",
    ];
    let fitting = prop_oneof![
        Just(("ip-dst".to_owned(), "192.0.2.7".to_owned())),
        Just(("ip-src|port".to_owned(), "2001:db8::7|443".to_owned())),
        Just(("md5".to_owned(), "b2a5abfeef9e36964281a31e17b57c97".to_owned())),
        Just(("domain|ip".to_owned(), "evil.example|192.0.2.7".to_owned())),
        Just(("regkey|value".to_owned(), r"HKLM\Software|%DATA%\x".to_owned())),
    ];
    let any = (prop::sample::select(kinds.to_vec()), text_value())
        .prop_map(|(kind, value)| (kind.to_owned(), value));
    prop_oneof![any, fitting]
}

fn any_attribute(relations: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let tags =
        prop::collection::btree_set("(tlp:(white|amber|red|clear)|[a-z]{1,6}:[a-z]{1,6})", 0..3);
    (typed(), any::<bool>(), any::<u128>(), tags, prop::option::of(".{1,20}"), prop::sample::select(relations.to_vec()), 0..2_000_000_000_u32).prop_map(
        |((kind, value), to_ids, uuid, tags, comment, relation, at)| {
            let tags: Vec<Value> = tags.into_iter().map(|name| json!({ "name": name })).collect();
            let mut made = json!({
                "uuid": uuid::Uuid::from_u128(uuid).to_string(), "type": kind, "value": value, "to_ids": to_ids,
                "category": "Other", "timestamp": at.to_string(), "Tag": tags,
            });
            if let Some(comment) = comment {
                made["comment"] = json!(comment);
            }
            if !relation.is_empty() {
                made["object_relation"] = json!(relation);
            }
            made
        },
    )
}

const RELATIONS: &[&str] = &[
    "md5",
    "filename",
    "size-in-bytes",
    "malware-sample",
    "path",
    "ip",
    "ip-src",
    "ip-dst",
    "dst-port",
    "domain",
    "hostname",
    "from",
    "to",
    "to-display-name",
    "subject",
    "attachment",
    "pid",
    "parent-pid",
    "image",
    "key",
    "name",
    "data",
    "data-type",
    "url",
    "asn",
    "text",
    "username",
    "first-seen",
    "last-seen",
    "latitude",
    "longitude",
    "countrycode",
    "id",
    "references",
    "rule-name",
    "Made Up!",
];

fn any_object() -> impl Strategy<Value = Value> {
    let names = [
        "file",
        "pe",
        "domain-ip",
        "ip-port",
        "network-connection",
        "network-socket",
        "netflow",
        "http-request",
        "email",
        "process",
        "registry-key",
        "registry-key-value",
        "x509",
        "url",
        "asn",
        "user-account",
        "credential",
        "vulnerability",
        "attack-pattern",
        "course-of-action",
        "geolocation",
        "person",
        "yara",
        "image",
        "lnk",
        "script",
        "artifact",
        "annotation",
        "made-up",
    ];
    let attributes = prop::collection::vec(any_attribute(RELATIONS), 0..6);
    (prop::sample::select(names.to_vec()), any::<u128>(), attributes).prop_map(|(name, uuid, attributes)| {
        json!({
            "uuid": uuid::Uuid::from_u128(uuid).to_string(), "name": name, "meta-category": "misc", "timestamp": "1764000000",
            "Attribute": attributes,
        })
    })
}

fn any_galaxy() -> impl Strategy<Value = Value> {
    let kinds = [
        "mitre-attack-pattern",
        "country",
        "region",
        "sector",
        "threat-actor",
        "stix-2.1-malware",
        "made-up",
    ];
    (prop::sample::select(kinds.to_vec()), any::<u128>(), ".{1,12}").prop_map(|(kind, uuid, value)| {
        json!({
            "uuid": UUID, "name": kind, "type": kind, "description": "",
            "GalaxyCluster": [{ "uuid": uuid::Uuid::from_u128(uuid).to_string(), "type": kind, "value": value, "description": "", "meta": { "synonyms": ["a"], "Odd Key": "b" } }],
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn made_up_events_come_back_as_they_went(
        attributes in prop::collection::vec(any_attribute(&[""]), 0..6),
        mut objects in prop::collection::vec(any_object(), 0..4),
        galaxy in prop::option::of(any_galaxy()),
        published in any::<bool>(),
    ) {
        // Objects refer to the next one, so that those which belong together are written together.
        for at in 1..objects.len() {
            let target = objects[at]["uuid"].clone();
            let uuid = uuid::Uuid::from_u128(at as u128).to_string();
            objects[at - 1]["ObjectReference"] = json!([{ "uuid": uuid, "referenced_uuid": target, "relationship_type": "includes" }]);
        }
        let galaxies: Vec<Value> = galaxy.into_iter().collect();
        let event = event(json!({
            "Attribute": attributes, "Object": objects, "Galaxy": galaxies, "published": published, "Tag": [{ "name": "tlp:green" }],
        }));
        let made = misp::to_stix(event.to_string().as_bytes());
        prop_assert_eq!(&made.problems, &[]);
        prop_assert_eq!(kept(&there_and_back(&event)), kept(&event));
    }

    #[test]
    fn whatever_comes_nothing_breaks(text in "[\\[\\]{}:,\"0-9a-zEvntAribuOjecT ]{0,60}") {
        let made = misp::to_stix(text.as_bytes());
        misp::from_stix(&made.objects);
    }
}

#[test]
fn what_a_catalogue_holds_is_referred_to_and_not_copied() {
    let held = StixObject::parse(
        r#"{"type":"attack-pattern","spec_version":"2.1","id":"attack-pattern--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"Kiln",
        "external_references":[{"source_name":"capec","external_id":"T9001"},{"source_name":"mitre-attack","external_id":"T9000"}]}"#,
    )
    .unwrap();
    let catalogue = Catalogue::of([&held]);
    let check = |kind: &str, number: &str, referred: bool| {
        let mut named = attribute(1, "domain", "a.example");
        named["Galaxy"] = json!([{ "uuid": UUID, "name": kind, "type": kind, "description": "", "GalaxyCluster": [{
            "uuid": "00000000-0000-4000-8000-0000000000aa", "type": kind, "value": "Kiln - T9000", "description": "",
            "meta": { "external_id": number } }] }]);
        let text = event(json!({ "Attribute": [named] })).to_string();
        let made = misp::to_stix_beside(text.as_bytes(), &catalogue);
        assert_eq!(made.problems, [], "{kind} {number}");
        let copies = made.objects.iter().filter(|one| one.object_type() == "attack-pattern");
        assert_eq!(copies.count(), usize::from(!referred), "{kind} {number}");
        // The event names it, and so does what the attribute became.
        let naming = made.objects.iter().filter(|one| one.text().contains(held.id().as_str()));
        let kinds: BTreeSet<&str> = naming.map(StixObject::object_type).collect();
        let expected = if referred { vec!["grouping", "relationship"] } else { Vec::new() };
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected, "{kind} {number}");
    };
    check("mitre-attack-pattern", "T9000", true);
    check("mitre-mobile-attack-attack-pattern", "T9000", true);
    // Another number, the number of another source, another kind of thing, and a galaxy of somebody else.
    check("mitre-attack-pattern", "T9002", false);
    check("mitre-attack-pattern", "T9001", false);
    check("cmtmf-attack-pattern", "T9000", false);
}
