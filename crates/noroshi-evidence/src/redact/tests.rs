use proptest::prelude::*;
use serde_json::json;

use super::*;

const RED: &str = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1";
const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";

fn uuid(number: usize) -> String {
    format!("1b6ea7d9-2b0f-4f55-8f0a-{number:012x}")
}

/// An object of a type with the members that all have, and these.
fn object(kind: &str, number: usize, more: &Value) -> Parts {
    let mut tree = json!({ "type": kind, "spec_version": "2.1", "id": format!("{kind}--{}", uuid(number)),
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z" });
    for (name, value) in more.as_object().unwrap() {
        tree[name] = value.clone();
    }
    Parts::read(StixObject::parse(&tree.to_string()).unwrap())
}

fn left(parts: &Parts, hidden: &[usize], names: &[&str]) -> Result<Value, Stays> {
    let text = parts.redact(hidden, &|name| names.contains(&name))?;
    assert_eq!(parts.redact(hidden, &|name| names.contains(&name)).as_ref(), Ok(&text));
    let mut tree: Value = serde_json::from_str(&text).unwrap();
    let said = tree["extensions"].as_object_mut().unwrap().remove(REDACTED_EXTENSION).unwrap();
    assert_eq!(said, json!({ "extension_type": "property-extension", "redacted": true }));
    for name in ["type", "spec_version", "id", "created", "modified"] {
        tree.as_object_mut().unwrap().remove(name);
    }
    Ok(tree)
}

fn marks(marking: &str, selectors: &[&str]) -> Value {
    json!({ "marking_ref": marking, "selectors": selectors })
}

#[test]
fn parts_go_with_everything_that_tells_of_them() {
    let tool = object(
        "tool",
        1,
        &json!({
            "name": "n", "description": "few", "labels": ["a", "b", "c"],
            "external_references": [{ "source_name": "s", "description": "d" }, { "source_name": "t", "url": "u" }],
            "x_deep": { "list": [{ "one": 1, "two": 2 }, { "one": 3 }] },
            "granular_markings": [
                marks(RED, &["description", "labels.[1]", "x_deep.list.[0].one"]),
                marks(GREEN, &["labels.[2]", "labels.[1]", "description", "name", "x_deep.list.[1].one"]),
                marks(GREEN, &["description"]),
                { "lang": "ja", "selectors": ["labels.[1]"] },
            ],
        }),
    );
    assert_eq!(
        left(&tool, &[0], &[]).unwrap(),
        json!({
            "name": "n", "labels": ["a", "c"],
            "external_references": [{ "source_name": "s", "description": "d" }, { "source_name": "t", "url": "u" }],
            "x_deep": { "list": [{ "two": 2 }, { "one": 3 }] },
            "granular_markings": [marks(GREEN, &["labels.[1]", "name", "x_deep.list.[1].one"])],
            "extensions": {},
        })
    );
}

#[test]
fn what_the_standard_requires_keeps_the_object_here() {
    let check = |kind: &str, more: Value, selectors: &[&str], member: &str| {
        let mut more = more;
        more["granular_markings"] = json!([marks(RED, selectors)]);
        let stays = object(kind, 1, &more).survives(&[0], &|_| false);
        assert_eq!(stays, Err(Stays::Required(member.to_owned())), "{kind} {selectors:?}");
    };
    let indicator = json!({ "pattern": "p", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z" });
    check("indicator", indicator.clone(), &["pattern"], "pattern");
    // Without its end it would be valid for ever.
    check("indicator", indicator, &["valid_until"], "valid_until");
    check("tool", json!({ "name": "n", "revoked": true }), &["revoked"], "revoked");
    check(
        "report",
        json!({ "name": "n", "published": "2026-01-01T00:00:00Z", "object_refs": ["tool--1b6ea7d9-2b0f-4f55-8f0a-000000000002"] }),
        &["object_refs.[0]"],
        "object_refs",
    );
    check(
        "tool",
        json!({ "name": "n", "object_marking_refs": [GREEN, RED] }),
        &["object_marking_refs.[1]"],
        "object_marking_refs",
    );
    // Nobody here knows what a type of somebody else requires.
    check("x-house-thing", json!({ "name": "n" }), &["name"], "type");
    let place = json!({ "region": "r", "country": "jp", "granular_markings": [marks(RED, &["region", "country"]), marks(RED, &["region"])] });
    let place = object("location", 1, &place);
    assert_eq!(place.survives(&[0], &|_| false), Err(Stays::Invalid));
    assert_eq!(place.survives(&[1], &|_| false), Ok(()));
}

#[test]
fn an_identifier_computed_from_a_value_does_not_go_out_without_the_value() {
    let text = r#"{"type":"user-account","id":"user-account--28bb3599-77cd-5a82-a950-b5bc3caf07c4","user_id":"u","display_name":"d",
        "granular_markings":[{"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["user_id"]},
        {"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["display_name"]}]}"#;
    let account = Parts::read(StixObject::parse(text).unwrap());
    assert_eq!(account.survives(&[0], &|_| false), Err(Stays::Required("user_id".to_owned())));
    assert_eq!(account.survives(&[1], &|_| false), Ok(()));
}

#[test]
fn a_marking_whose_place_is_not_found_is_about_the_whole() {
    for selector in ["missing", "name.[0]", "labels.[7]", "", "labels.[x]", "x..y"] {
        let tool = object(
            "tool",
            1,
            &json!({ "name": "n", "labels": ["a"], "granular_markings": [marks(RED, &[selector])] }),
        );
        assert_eq!(tool.survives(&[0], &|_| false), Err(Stays::Unreadable), "{selector}");
    }
    for wrong in
        [json!("x"), json!([{ "selectors": [] }]), json!([{ "marking_ref": RED }]), json!([7])]
    {
        let tool = object("tool", 1, &json!({ "name": "n", "granular_markings": wrong }));
        assert_eq!(tool.survives(&[0], &|_| false), Err(Stays::Unreadable), "{wrong}");
    }
    let most: Vec<Value> = (0..65_535).map(|_| json!("name")).collect();
    let tool = |selectors: &[Value]| {
        object(
            "tool",
            1,
            &json!({ "name": "n", "description": "d",
            "granular_markings": [{ "marking_ref": RED, "selectors": ["description"] }, { "marking_ref": GREEN, "selectors": selectors }] }),
        )
    };
    assert_eq!(tool(&most[1..]).survives(&[0], &|_| false), Ok(()));
    assert_eq!(tool(&most).survives(&[1], &|_| false), Err(Stays::Unreadable));
    let description = left(&tool(&most[1..]), &[0], &[]).unwrap();
    assert_eq!(description["granular_markings"][0]["selectors"].as_array().unwrap().len(), 65_534);
}

#[test]
fn identifiers_are_found_wherever_and_however_they_stand() {
    let hidden = format!("indicator--{}", uuid(7));
    let escaped = hidden.replace("--", "\\u002d-");
    for (what, text) in [
        ("in words", format!("see {hidden}.")),
        ("glued to letters", format!("xx{hidden}")),
        ("after a hyphen", format!("the-{hidden}")),
        ("in capitals", hidden.to_ascii_uppercase()),
        ("with a third hyphen", hidden.replace("--", "---")),
        ("twice", format!("tool--{} {hidden}", uuid(8))),
    ] {
        let note = object("tool", 1, &json!({ "name": "n", "description": text }));
        assert!(note.names().contains(&hidden), "{what}: {:?}", note.names());
        assert_eq!(
            left(&note, &[], &[&hidden]).unwrap(),
            json!({ "name": "n", "extensions": {} }),
            "{what}"
        );
    }
    let text = format!(
        r#"{{"type":"tool","spec_version":"2.1","id":"tool--{}","created":"2026-01-01T00:00:00Z",
        "modified":"2026-01-01T00:00:00Z","name":"n","x_{escaped}":1,"x_more":["{escaped}"]}}"#,
        uuid(1)
    );
    let escaped = Parts::read(StixObject::parse(&text).unwrap());
    assert_eq!(left(&escaped, &[], &[&hidden]).unwrap(), json!({ "name": "n", "extensions": {} }));
}

#[test]
fn references_lose_what_stays_or_keep_the_object_here() {
    let (stays, goes) = (format!("tool--{}", uuid(7)), format!("tool--{}", uuid(8)));
    let report = json!({ "name": "n", "published": "2026-01-01T00:00:00Z", "created_by_ref": stays, "object_refs": [stays, goes] });
    let report = object("report", 1, &report);
    assert_eq!(
        left(&report, &[], &[&stays]).unwrap(),
        json!({ "name": "n", "published": "2026-01-01T00:00:00Z", "object_refs": [goes], "extensions": {} })
    );
    assert_eq!(report.survives(&[], &|_| true), Err(Stays::Required("object_refs".to_owned())));
    let edge = object(
        "relationship",
        1,
        &json!({ "relationship_type": "uses", "source_ref": stays, "target_ref": goes }),
    );
    assert_eq!(
        edge.survives(&[], &|name| name == stays),
        Err(Stays::Required("source_ref".to_owned()))
    );
    let marked = object(
        "tool",
        1,
        &json!({ "name": "n", "granular_markings": [marks(&format!("marking-definition--{}", uuid(9)), &["name"])] }),
    );
    assert_eq!(
        marked.survives(&[], &|_| true),
        Err(Stays::Required("granular_markings".to_owned()))
    );
}

#[test]
fn another_versions_markings_count_for_the_whole_member() {
    let mut old =
        object("tool", 1, &json!({ "name": "n", "labels": ["a", "b"], "description": "d" }));
    let new = object(
        "tool",
        1,
        &json!({ "name": "n", "labels": ["a"], "aliases": ["x"],
        "granular_markings": [marks(RED, &["labels.[0]", "aliases"])] }),
    );
    old.also(&new);
    assert_eq!(
        left(&old, &[0], &[]).unwrap(),
        json!({ "name": "n", "description": "d", "extensions": {} })
    );
}

/// Notes about each other: which are allowed, whom they name as their objects, whom in words.
fn notes(spec: &[(bool, BTreeSet<usize>, BTreeSet<usize>)]) -> BTreeMap<String, Node> {
    let id = |number: &usize| format!("note--{}", uuid(*number));
    let node = |(at, (allowed, refs, words)): (
        usize,
        &(bool, BTreeSet<usize>, BTreeSet<usize>),
    )| {
        let words: Vec<String> = words.iter().map(id).collect();
        let mut note = json!({ "content": "c", "abstract": words.join(" "), "object_refs": refs.iter().map(id).collect::<Vec<_>>() });
        if refs.is_empty() {
            note["object_refs"] = json!([format!("tool--{}", uuid(900))]);
        }
        (id(&at), Node { allowed: *allowed, body: Some((object("note", at, &note), vec![])) })
    };
    spec.iter().enumerate().map(node).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_leaves_is_the_largest_set_that_holds_together(
        spec in prop::collection::vec((any::<bool>(), prop::collection::btree_set(0usize..9, 0..4), prop::collection::btree_set(0usize..9, 0..3)), 1..9)
    ) {
        let nodes = notes(&spec);
        let holds = |set: &BTreeSet<&String>| set.iter().all(|id| {
            let node = &nodes[*id];
            let (parts, hidden) = node.body.as_ref().unwrap();
            node.allowed && parts.survives(hidden, &|name| nodes.contains_key(name) && !set.iter().any(|one| *one == name)).is_ok()
        });
        let leaving = settle(&nodes);
        prop_assert!(holds(&leaving.iter().collect()));
        let ids: Vec<&String> = nodes.keys().collect();
        for mask in 0u32..(1 << ids.len()) {
            let subset: BTreeSet<&String> =
                ids.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, id)| *id).collect();
            prop_assert!(!holds(&subset) || subset.iter().all(|id| leaving.contains(*id)));
        }
        // And nothing that leaves says anything of what stays.
        for id in &leaving {
            let (parts, hidden) = nodes[id].body.as_ref().unwrap();
            let text = parts.redact(hidden, &|name| nodes.contains_key(name) && !leaving.contains(name)).unwrap();
            for other in nodes.keys().filter(|other| !leaving.contains(*other)) {
                prop_assert!(!text.contains(other.as_str()));
            }
        }
    }

    #[test]
    fn hostile_selectors_never_panic(selectors in prop::collection::vec("[a-z.\\[\\]0-9]{0,12}", 0..6), text in "\\PC{0,80}") {
        let tool = object("tool", 1, &json!({ "name": "n", "labels": [text], "granular_markings": [marks(RED, &selectors.iter().map(String::as_str).collect::<Vec<_>>())] }));
        let _ = tool.redact(&[0, 9], &|_| true);
    }
}
