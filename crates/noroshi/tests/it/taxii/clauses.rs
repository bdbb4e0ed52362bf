//! The standard, clause by clause (TAXII 2.1, OASIS Standard). `docs/taxii-conformance.md` names these tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_evidence::marking::Tlp;
use serde_json::{Value, json};

use super::super::house::TestHouse;
use super::{Call, Stage, TAXII, id_of, ids_of, indicator, malware, uuid, version, with_roots};

// ---- §1.6: requests and answers --------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn s1_6_media_types_are_negotiated() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let url = stage.below(&shelf, "/objects/");
    let bearer = format!("Bearer {}", stage.ally.token);
    let with = |accept: &str| {
        Call::get(url.clone()).header("authorization", &bearer).header("accept", accept).send()
    };
    for good in
        [TAXII, "application/taxii+json", "*/*", "text/html, application/taxii+json;version=2.1"]
    {
        let got = with(good).await;
        assert_eq!((got.status, got.header("content-type")), (200, Some(TAXII)), "{good}");
    }
    for bad in ["text/html", "application/json", "application/taxii+json;version=2.0"] {
        let got = with(bad).await;
        assert_eq!((got.status, got.header("content-type")), (406, Some(TAXII)), "{bad}");
        assert_eq!((got.json["http_status"].as_str(), got.code()), (Some("406"), "NRS-SHAR-0201"));
        assert!(got.json["title"].as_str().is_some_and(|title| !title.is_empty()));
    }
    let body = format!(r#"{{"objects":[{}]}}"#, indicator(1));
    for bad in [
        "application/json",
        "application/stix+json;version=2.1",
        "application/taxii+json;version=2.0",
    ] {
        let call = Call { method: "POST", url: url.clone(), body: body.clone(), ..Call::default() };
        let got = call.of(&stage.ally).header("content-type", bad).send().await;
        assert_eq!((got.status, got.code()), (415, "NRS-SHAR-0207"), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_6_strangers_are_challenged_and_learn_nothing() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let places = [
        "/taxii2/".to_owned(),
        "/taxii2/nowhere/".to_owned(),
        format!("/{}/status/1/", stage.root),
    ];
    for place in places.into_iter().chain([format!("/{}/collections/{shelf}/objects/", stage.root)])
    {
        for method in ["GET", "POST", "DELETE"] {
            for authorization in [None, Some("Bearer wrong"), Some("Basic !"), Some("Digest x")] {
                let mut call = Call { method, url: stage.test.url(&place), ..Call::default() };
                if let Some(value) = authorization {
                    call = call.header("authorization", value);
                }
                let got = call.send().await;
                assert_eq!((got.status, got.header("content-type")), (401, Some(TAXII)), "{place}");
                let challenge = got.header("www-authenticate").unwrap();
                assert!(challenge.contains("Basic") && challenge.contains("Bearer"), "{challenge}");
            }
        }
    }
    // Basic: whatever the name, the password is the token.
    let basic = format!("Basic {}", STANDARD.encode(format!("anyone:{}", stage.ally.token)));
    let got = Call::get(stage.test.url("/taxii2/")).header("authorization", basic).send().await;
    assert_eq!(got.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_6_each_place_says_which_methods_it_knows() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let objects = format!("/{}/collections/{shelf}/objects/", stage.root);
    for (path, method, allow) in [
        ("/taxii2/".to_owned(), "POST", "GET, HEAD"),
        (objects.clone(), "DELETE", "GET, HEAD, POST"),
        (format!("{objects}{}/", id_of(&indicator(1))), "POST", "GET, HEAD, DELETE"),
        (format!("/{}/collections/{shelf}/manifest/", stage.root), "PUT", "GET, HEAD"),
    ] {
        let call = Call { method, url: stage.test.url(&path), ..Call::default() };
        let got = call.of(&stage.ally).send().await;
        assert_eq!((got.status, got.header("allow")), (405, Some(allow)), "{path}");
        assert_eq!(got.header("content-type"), Some(TAXII));
    }
}

// ---- §4: discovery, API roots, status ---------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn s4_1_discovery_names_every_api_root_and_s4_2_each_describes_itself() {
    let mut config = with_roots(&[("trustgroup1", "Trust group"), ("taxii2/inner", "Inner")]);
    config.taxii.title = "Beacon".to_owned();
    config.taxii.contact = "desk@office.example".to_owned();
    let stage = Stage::open_with(config).await;
    let got = stage.get(&stage.ally, stage.test.url("/taxii2/")).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some(TAXII)));
    assert_eq!(got.json["api_roots"], json!(["/trustgroup1/", "/taxii2/inner/"]));
    assert_eq!(
        (&got.json["default"], &got.json["title"]),
        (&json!("/trustgroup1/"), &json!("Beacon"))
    );
    assert_eq!(got.json["contact"], "desk@office.example");
    for (path, title) in [("/trustgroup1/", "Trust group"), ("/taxii2/inner/", "Inner")] {
        for path in [path, path.trim_end_matches('/')] {
            let got = stage.get(&stage.ally, stage.test.url(path)).await;
            assert_eq!((got.status, got.header("content-type")), (200, Some(TAXII)), "{path}");
            assert_eq!(
                (&got.json["title"], &got.json["versions"]),
                (&json!(title), &json!([TAXII]))
            );
            assert!(got.json["max_content_length"].as_u64().is_some_and(|bytes| bytes > 0));
        }
    }
    for path in ["/taxii2/root/", "/trustgroup1/x/", "/taxii2/inner/collections/x/y/"] {
        let got = stage.get(&stage.ally, stage.test.url(path)).await;
        assert_eq!((got.status, got.header("content-type")), (404, Some(TAXII)), "{path}");
    }
    // A collection stands under the API root it was given to, and under no other.
    let here = stage.collection(&stage.ally, "Here", json!({})).await;
    let there = stage.collection(&stage.ally, "There", json!({ "root": "taxii2/inner" })).await;
    for (root, has, lacks) in [("trustgroup1", &here, &there), ("taxii2/inner", &there, &here)] {
        let listed = stage.get(&stage.ally, stage.test.url(&format!("/{root}/collections/"))).await;
        let listed = listed.json["collections"].as_array().unwrap().clone();
        assert_eq!(listed.iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&json!(has)]);
        let of = |id: &str| stage.test.url(&format!("/{root}/collections/{id}/"));
        assert_eq!(stage.get(&stage.ally, of(has)).await.status, 200);
        assert_eq!(stage.get(&stage.ally, of(lacks)).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_1_a_house_that_knows_its_address_gives_whole_ones() {
    let mut config = with_roots(&[("api1", "One")]);
    config.web.origin = "https://office.example/".to_owned();
    let stage = Stage::open_with(config).await;
    let got = stage.get(&stage.ally, stage.test.url("/taxii2/")).await;
    assert_eq!(got.json["api_roots"], json!(["https://office.example/api1/"]));
    assert_eq!(got.json["default"], "https://office.example/api1/");
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_3_the_status_counts_each_object_and_is_for_its_pusher_only() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let bad = indicator(2).replace(r#""pattern_type":"stix","#, "");
    let sent = [indicator(1), bad.clone(), "7".to_owned(), malware(3)];
    let status = stage.pushed(&stage.ally, &shelf, &sent).await;
    let count = |name: &str| status[name].as_u64();
    assert_eq!(
        [
            count("total_count"),
            count("success_count"),
            count("failure_count"),
            count("pending_count")
        ],
        [Some(4), Some(2), Some(2), Some(0)],
        "{status}"
    );
    assert_eq!(status["successes"][0]["id"], id_of(&indicator(1)));
    assert_eq!(status["successes"][0]["version"], "2026-01-01T00:00:00.000Z");
    for failure in status["failures"].as_array().unwrap() {
        assert!(failure["message"].as_str().unwrap().starts_with("NRS-"), "{failure}");
    }
    let url = stage.url(&format!("/status/{}/", status["id"].as_str().unwrap()));
    let again = stage.get(&stage.ally, url.clone()).await;
    assert_eq!((again.status, &again.json), (200, &status));
    // For anybody else, and for one that never was, it is absent alike.
    let foreign = stage.get(&stage.other, url).await;
    let absent = stage.get(&stage.other, stage.url("/status/2223/")).await;
    assert_eq!((foreign.status, &foreign.text), (404, &absent.text));
}

// ---- §5: collections -----------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn s5_1_and_s5_2_collections_are_listed_and_found_by_alias() {
    let stage = Stage::open().await;
    let none = stage.get(&stage.ally, stage.url("/collections/")).await;
    assert_eq!((none.status, none.json), (200, json!({})));
    let wish = json!({ "alias": "lantern", "description": "Lights", "can_write": true });
    let shelf = stage.collection(&stage.ally, "Lantern", wish).await;
    let listed = stage.get(&stage.ally, stage.url("/collections/")).await;
    let one = json!({
        "id": shelf, "title": "Lantern", "description": "Lights", "alias": "lantern", "can_read": true,
        "can_write": true, "media_types": ["application/stix+json;version=2.1"],
    });
    assert_eq!(listed.json, json!({ "collections": [one] }));
    for name in [shelf.as_str(), "lantern"] {
        let got = stage.get(&stage.ally, stage.below(name, "/")).await;
        assert_eq!((got.status, &got.json), (200, &one), "{name}");
        assert_eq!(stage.get(&stage.ally, stage.below(name, "/objects/")).await.json, json!({}));
    }
    // Another partner's and one that never was: the same answer.
    let foreign = stage.get(&stage.other, stage.below(&shelf, "/")).await;
    let absent = stage.get(&stage.other, stage.below(&uuid(9), "/")).await;
    assert_eq!((foreign.status, &foreign.text), (404, &absent.text));
    // An alias is of one collection.
    let other = stage.collection(&stage.ally, "Second", json!({})).await;
    let path = format!("/collections/{other}/taxii");
    let refused = stage.office("PUT", &path, json!({ "alias": "lantern" }), 409).await;
    assert_eq!(refused["code"], "NRS-SHAR-0234");
    for bad in
        [json!({ "alias": uuid(1) }), json!({ "root": "nowhere" }), json!({ "push_class": "CIA" })]
    {
        stage.office("PUT", &path, bad, 422).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_4_to_s5_8_what_cannot_be_read_or_written_is_said() {
    let stage = Stage::open().await;
    let closed = stage
        .collection(&stage.ally, "Drop box", json!({ "can_read": false, "can_write": true }))
        .await;
    let fixed = stage.collection(&stage.ally, "Shelf", json!({})).await;
    let sealed = stage.collection(&stage.ally, "Sealed", json!({ "can_read": false })).await;
    let object = id_of(&indicator(1));
    for path in [
        "/objects/",
        "/manifest/",
        &format!("/objects/{object}/"),
        &format!("/objects/{object}/versions/"),
    ] {
        let got = stage.get(&stage.ally, stage.below(&closed, path)).await;
        assert_eq!((got.status, got.code()), (403, "NRS-SHAR-0210"), "{path}");
    }
    let got = stage.push(&stage.ally, &fixed, &[indicator(1)]).await;
    assert_eq!((got.status, got.code()), (403, "NRS-SHAR-0203"));
    // §5.7: deleting needs both.
    assert_eq!(stage.delete(&stage.ally, &closed, &object).await.status, 403);
    assert_eq!(stage.delete(&stage.ally, &fixed, &object).await.status, 403);
    assert_eq!(stage.delete(&stage.ally, &sealed, &object).await.status, 404);
    // The box takes what it cannot show.
    assert_eq!(stage.pushed(&stage.ally, &closed, &[indicator(1)]).await["success_count"], 1);
    // Collections are views of one audience: the shelf shows what came through the box.
    assert_eq!(stage.get(&stage.ally, stage.below(&fixed, "/objects/")).await.ids(), [object]);
}

async fn filled() -> (Stage, String, Vec<String>) {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts: Vec<String> = (1..=5).map(indicator).chain([malware(9)]).collect();
    stage.hold(&texts, Tlp::Green).await;
    stage.release(&shelf, &ids_of(&texts)).await;
    (stage, shelf, texts)
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_3_and_s3_4_filters_and_limits() {
    let (stage, shelf, texts) = filled().await;
    let all = ids_of(&texts);
    let read =
        |query: String| stage.get(&stage.ally, stage.below(&shelf, &format!("/objects/{query}")));
    let manifest = stage.get(&stage.ally, stage.below(&shelf, "/manifest/")).await;
    let added: Vec<&str> = manifest.json["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["date_added"].as_str().unwrap())
        .collect();
    assert!(added.windows(2).all(|pair| pair[0] < pair[1]), "{added:?}");
    for (query, wanted) in [
        (String::new(), &all[..]),
        ("?match[type]=malware".to_owned(), &all[5..]),
        ("?match[type]=malware,indicator".to_owned(), &all[..]),
        (format!("?match[id]={},{}", all[3], all[1]), &[all[1].clone(), all[3].clone()][..]),
        (format!("?match[id]={}&match[type]=malware", all[3]), &[][..]),
        ("?match[spec_version]=2.1".to_owned(), &all[..]),
        ("?match[spec_version]=2.0".to_owned(), &[][..]),
        (format!("?added_after={}", added[3]), &all[4..]),
        (format!("?added_after={}&match[type]=indicator", added[3]), &all[4..5]),
        // Fractions are fractions: a hair before and a hair after the same microsecond.
        (format!("?added_after={}0001Z", added[3].trim_end_matches('Z')), &all[4..]),
        ("?match[version]=2026-01-01T00:00:00Z".to_owned(), &all[..]),
        ("?match[version]=2027-01-01T00:00:00Z".to_owned(), &[][..]),
        ("?unknown=parameters&are=passed-over".to_owned(), &all[..]),
    ] {
        let got = read(query.clone()).await;
        assert_eq!((got.status, got.ids()), (200, wanted.to_vec()), "{query}: {}", got.text);
        // §3.2: the headers are those of the entries; nothing is dated where nothing is.
        let place = |id: &String| added[all.iter().position(|one| one == id).unwrap()];
        let (first, last) = (wanted.first().map(place), wanted.last().map(place));
        assert_eq!(got.header("x-taxii-date-added-first"), first, "{query}");
        assert_eq!(got.header("x-taxii-date-added-last"), last, "{query}");
        if wanted.is_empty() {
            assert_eq!(got.json, json!({}));
        } else {
            assert_eq!(got.json["more"], false);
        }
    }
    for bad in [
        "limit=0",
        "limit=-20",
        "limit=x",
        "added_after=today",
        "match[x]=1",
        "match[version]=new",
        "next=x",
    ] {
        let got = read(format!("?{bad}")).await;
        assert_eq!((got.status, got.header("content-type")), (400, Some(TAXII)), "{bad}");
        assert!(got.code().starts_with("NRS-SHAR-020"), "{bad}");
    }
    // §3.5: pages follow each other; the last one says so.
    let first = read("?limit=4".to_owned()).await;
    assert_eq!((first.ids(), &first.json["more"]), (all[..4].to_vec(), &json!(true)));
    let next = first.json["next"].as_str().unwrap();
    let second = read(format!("?limit=4&next={next}")).await;
    assert_eq!((second.ids(), &second.json["more"]), (all[4..].to_vec(), &json!(false)));
    assert!(second.json.get("next").is_none());
    // A whole page that is the last one has no next.
    assert_eq!(read("?limit=6".to_owned()).await.json["more"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_6_and_s5_8_versions_of_one_object() {
    let (stage, shelf, texts) = filled().await;
    let newer = version(1, "2026-02-01T00:00:00.5Z");
    stage.hold(std::slice::from_ref(&newer), Tlp::Green).await;
    stage.release(&shelf, &[id_of(&newer)]).await;
    let id = id_of(&newer);
    let of = |query: &str| {
        stage.get(&stage.ally, stage.below(&shelf, &format!("/objects/{id}/{query}")))
    };
    let modified = |got: &super::Got| -> Vec<Value> {
        got.objects().iter().map(|one| one["modified"].clone()).collect()
    };
    let (old, new) = (json!("2026-01-01T00:00:00.000Z"), json!("2026-02-01T00:00:00.5Z"));
    for (query, wanted) in [
        ("", vec![&new]),
        ("?match[version]=last", vec![&new]),
        ("?match[version]=first", vec![&old]),
        ("?match[version]=all", vec![&old, &new]),
        ("?match[version]=first,last", vec![&old, &new]),
        ("?match[version]=2026-02-01T00:00:00.500Z", vec![&new]),
        ("?match[version]=2026-02-01T00:00:00.500Z,first", vec![&old, &new]),
    ] {
        let got = of(query).await;
        assert_eq!(modified(&got).iter().collect::<Vec<_>>(), wanted, "{query}");
    }
    let versions = of("versions/").await;
    assert_eq!(versions.json, json!({ "more": false, "versions": [old, new] }));
    let page = of("versions/?limit=1").await;
    assert_eq!((&page.json["versions"], &page.json["more"]), (&json!([old]), &json!(true)));
    let rest = of(&format!("versions/?limit=1&next={}", page.json["next"].as_str().unwrap())).await;
    assert_eq!(rest.json, json!({ "more": false, "versions": [new] }));
    // In a list the newest stands for the object, once.
    let list = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert_eq!(list.ids(), [&ids_of(&texts)[1..], &[id.clone()]].concat());
    // A filter that leaves nothing of an object that is there is an empty answer, no error.
    let nothing = of("?added_after=2100-01-01T00:00:00Z").await;
    assert_eq!((nothing.status, nothing.json), (200, json!({})));
    let absent = stage
        .get(&stage.ally, stage.below(&shelf, &format!("/objects/{}/", id_of(&malware(77)))))
        .await;
    assert_eq!(absent.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_3_the_manifest_dates_what_has_no_version_by_its_addition() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let name = r#"{"type":"domain-name","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"example.com","spec_version":"2.1"}"#;
    let mark = r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41d1","created":"2026-03-01T00:00:00Z","definition_type":"statement","definition":{"statement":"(fictional)"}}"#;
    let done = stage.pushed(&stage.ally, &shelf, &[name.to_owned(), mark.to_owned()]).await;
    assert_eq!(done["success_count"], 2, "{done}");
    let manifest = stage.get(&stage.ally, stage.below(&shelf, "/manifest/")).await;
    let entries = manifest.json["objects"].as_array().unwrap();
    assert_eq!(entries[0]["version"], entries[0]["date_added"]);
    assert_eq!(entries[1]["version"], "2026-03-01T00:00:00Z");
    assert_eq!(entries[0]["media_type"], "application/stix+json;version=2.1");
    for entry in entries {
        let path = format!("/objects/?match[version]={}", entry["version"].as_str().unwrap());
        let got = stage.get(&stage.ally, stage.below(&shelf, &path)).await;
        assert_eq!(got.ids(), [entry["id"].as_str().unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_5_what_is_handed_in_is_read_back_with_its_own_bytes() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts: Vec<String> = (1..=3).map(indicator).collect();
    let got = stage.push(&stage.ally, &shelf, &texts).await;
    assert_eq!((got.status, got.header("content-type")), (202, Some(TAXII)));
    let again = stage.pushed(&stage.ally, &shelf, &texts).await;
    assert_eq!((again["success_count"].as_u64(), again.get("failures")), (Some(3), None));
    let read = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert_eq!(read.ids(), ids_of(&texts), "once, though handed in twice");
    assert!(texts.iter().all(|text| read.text.contains(text.as_str())));
    // The same version with other words is no version: kept aside, and the first stands. Its pusher is told no more than
    // if nothing were held.
    let changed = indicator(1).replace("\"i1\"", "\"changed\"");
    let status = stage.pushed(&stage.ally, &shelf, &[changed]).await;
    assert_eq!((status["success_count"].as_u64(), status.get("failures")), (Some(1), None));
    assert!(
        stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await.text.contains(&texts[0])
    );
    for bad in
        ["", "{}", "[]", r#"{"objects":[]}"#, r#"{"objects":"x"}"#, "{\"objects\":[", &indicator(1)]
    {
        let call = Call {
            method: "POST",
            url: stage.below(&shelf, "/objects/"),
            body: bad.to_owned(),
            ..Call::default()
        };
        let got = call.of(&stage.ally).header("content-type", TAXII).send().await;
        assert_eq!((got.status, got.code()), (422, "NRS-SHAR-0220"), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_2_more_than_max_content_length_is_refused() {
    let mut config = TestHouse::config();
    config.taxii.content_bytes_max = 2_000;
    let stage = Stage::open_with(config).await;
    let shelf = stage.shelf(&stage.ally).await;
    let texts: Vec<String> = (1..=8).map(indicator).collect();
    let got = stage.push(&stage.ally, &shelf, &texts).await;
    assert_eq!((got.status, got.code()), (413, "NRS-SHAR-0208"), "{}", got.text);
    assert_eq!(stage.pushed(&stage.ally, &shelf, &texts[..2]).await["success_count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_5_the_collection_says_what_it_takes_and_how_it_is_marked() {
    let stage = Stage::open().await;
    let body = json!({
        "audience": format!("partner:{}", stage.ally.ctx.org), "title": "Indicators", "types": ["indicator"],
        "tlp_max": "green",
    });
    let shelf =
        stage.office("POST", "/collections", body, 201).await["id"].as_str().unwrap().to_owned();
    let wish = json!({ "can_write": true, "push_tlp": "green", "push_class": "CIA-P" });
    stage.office("PUT", &format!("/collections/{shelf}/taxii"), wish, 200).await;
    let red = version(2, "2026-01-02T00:00:00Z").replace(
        r#""name""#,
        r#""object_marking_refs":["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"],"name""#,
    );
    let green = indicator(3).replace(
        r#""name""#,
        r#""object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],"name""#,
    );
    let status = stage.pushed(&stage.ally, &shelf, &[malware(1), red, green.clone()]).await;
    let codes: Vec<&str> = status["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"].as_str().unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(codes, ["NRS-SHAR-0110", "NRS-SHAR-0111"], "{status}");
    assert_eq!(
        stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await.ids(),
        [id_of(&green)]
    );
    let id = id_of(&green);
    let kept = stage
        .test
        .house
        .store
        .read(move |reader| {
            reader.first(
                "SELECT originator, class, tlp FROM evidence_object WHERE id = $1",
                &[noroshi::office::store::Value::from(id)],
                |row| Ok([row.text(0)?, row.text(1)?, row.text(2)?]),
            )
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept, [stage.ally.ctx.org.to_string(), "CIA-P".to_owned(), "green".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_7_deleting_takes_back_ones_own_and_destroys_nothing() {
    let (stage, shelf, _) = filled().await;
    let theirs = id_of(&indicator(1));
    let got = stage.delete(&stage.ally, &shelf, &theirs).await;
    assert_eq!((got.status, got.code()), (403, "NRS-SHAR-0211"), "what the office released stays");
    let texts: Vec<String> =
        (1..=4).map(|month| version(50, &format!("2026-0{month}-01T00:00:00.000Z"))).collect();
    assert_eq!(stage.pushed(&stage.ally, &shelf, &texts).await["success_count"], 4);
    let id = id_of(&texts[0]);
    let versions = || async {
        let url = stage.below(&shelf, &format!("/objects/{id}/versions/"));
        stage.get(&stage.ally, url).await.json["versions"].clone()
    };
    for (query, left) in [
        (
            "?match[version]=2026-02-01T00:00:00.000Z",
            json!([
                "2026-01-01T00:00:00.000Z",
                "2026-03-01T00:00:00.000Z",
                "2026-04-01T00:00:00.000Z"
            ]),
        ),
        ("?match[version]=first", json!(["2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"])),
        ("", json!(["2026-03-01T00:00:00.000Z"])),
    ] {
        let before = stage.leaves();
        let got = stage.delete(&stage.ally, &shelf, &format!("{id}/{query}")).await;
        assert_eq!((got.status, got.header("content-type")), (200, Some(TAXII)), "{query}");
        assert!(stage.leaves() > before, "taking back is recorded");
        assert_eq!(versions().await, left, "{query}");
    }
    assert_eq!(
        stage.delete(&stage.ally, &shelf, &format!("{id}/?match[version]=all")).await.status,
        200
    );
    for path in ["", "versions/"] {
        let got =
            stage.get(&stage.ally, stage.below(&shelf, &format!("/objects/{id}/{path}"))).await;
        assert_eq!(got.status, 404, "{path}");
    }
    assert_eq!(stage.delete(&stage.ally, &shelf, &id).await.status, 404);
    // The evidence stays, and so do the places it had.
    let asked = id.clone();
    let (held, places) = stage
        .test
        .house
        .store
        .read(move |reader| {
            let of = |sql: &str| reader.number(sql, &[noroshi::office::store::Value::from(&asked)]);
            Ok((
                of("SELECT COUNT(*) FROM evidence_object WHERE id = $1")?,
                of("SELECT COUNT(*) FROM share_item WHERE id = $1 AND withdrawn_at IS NOT NULL")?,
            ))
        })
        .await
        .unwrap();
    assert_eq!((held, places), (4, 4));
    // Handed in again it is there again, later than before, and the earlier place is kept.
    assert_eq!(stage.pushed(&stage.ally, &shelf, &texts[3..]).await["success_count"], 1);
    assert_eq!(versions().await, json!(["2026-04-01T00:00:00.000Z"]));
    let list = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert_eq!(list.ids().last(), Some(&id));
    let past = stage
        .test
        .house
        .store
        .read(|reader| reader.number("SELECT COUNT(*) FROM share_item_past", &[]))
        .await
        .unwrap();
    assert_eq!(past, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_5_next_is_good_for_its_own_list_only() {
    let (stage, shelf, _) = filled().await;
    let second = stage.shelf(&stage.ally).await;
    let read = |collection: &str, query: String| {
        stage.get(&stage.ally, stage.below(collection, &format!("/objects/{query}")))
    };
    let first = read(&shelf, "?limit=2".to_owned()).await;
    let next = first.json["next"].as_str().unwrap().to_owned();
    // Another limit is no other list.
    assert_eq!(read(&shelf, format!("?limit=3&next={next}")).await.status, 200);
    let mut forged = next.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for (collection, query, code) in [
        (&shelf, format!("?match[type]=malware&next={next}"), "NRS-SHAR-0206"),
        (&shelf, format!("?added_after=2026-01-01T00:00:00Z&next={next}"), "NRS-SHAR-0206"),
        (&second, format!("?next={next}"), "NRS-SHAR-0206"),
        (&shelf, format!("?next={forged}"), "NRS-SHAR-0204"),
        (&shelf, "?next=made-up".to_owned(), "NRS-SHAR-0204"),
    ] {
        let got = read(collection, query.clone()).await;
        assert_eq!((got.status, got.code()), (400, code), "{query}");
    }
    let manifest =
        stage.get(&stage.ally, stage.below(&shelf, &format!("/manifest/?next={next}"))).await;
    assert_eq!((manifest.status, manifest.code()), (400, "NRS-SHAR-0206"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_recorded_with_the_places_it_handed_out() {
    let (stage, shelf, _) = filled().await;
    let before = stage.leaves();
    let got = stage.get(&stage.ally, stage.below(&shelf, "/objects/?limit=3")).await;
    assert_eq!(stage.leaves(), before + 1);
    let org = stage.ally.ctx.org.to_string();
    let (row, leaf) = stage
        .test
        .house
        .store
        .read(move |reader| {
            let row = reader.first(
                "SELECT recipient, first_added, added, via, position FROM share_delivery ORDER BY delivery DESC LIMIT 1",
                &[],
                |row| Ok((row.text(0)?, row.int(1)?, row.blob(2)?, row.text(3)?, row.count(4)?)),
            )?;
            Ok((row.unwrap(), noroshi::oversight::read::leaf(reader, before)?))
        })
        .await
        .unwrap();
    assert_eq!((row.0, row.3.as_str(), row.4), (org, "taxii", before));
    let places = noroshi::share::deltas::decode(row.1, &row.2).unwrap();
    assert_eq!(places.len(), 3);
    let date = |at: i64| format!("{:.6}", jiff::Timestamp::from_microsecond(at).unwrap());
    assert_eq!(got.header("x-taxii-date-added-first"), Some(date(places[0]).as_str()));
    assert_eq!(got.header("x-taxii-date-added-last"), Some(date(places[2]).as_str()));
    let fact = serde_json::to_value(&leaf.unwrap().leaf.fact).unwrap();
    assert_eq!((fact["kind"].as_str(), fact["objects"].as_u64()), (Some("share.read"), Some(3)));
}
