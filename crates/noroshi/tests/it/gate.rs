//! The gate from outside: handing in tells nothing, a release is what was looked at, what is derived stays, a page has
//! an end.

use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::Change;
use noroshi::office::store::Value as Cell;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::house::{Someone, release};
use super::taxii::{Call, Stage, id_of, indicator, malware, uuid, version};

/// Marked TLP:GREEN by its own author.
fn green(text: &str) -> String {
    let marking = Tlp::Green.marking_id();
    text.replace(r#""name":"#, &format!(r#""object_marking_refs":["{marking}"],"name":"#))
}

async fn hold(stage: &Stage, text: &str, class: LegalClass, tlp: Tlp) {
    let objects = [NewObject {
        object: StixObject::parse(text).unwrap(),
        tlp,
        class,
        originator: "office".to_owned(),
        source: "import:test".to_owned(),
    }];
    let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
    change.writes = rows::insert_objects(&objects, stage.legal.ctx.now);
    stage.test.house.door.commit(&stage.legal.ctx, change).await.unwrap();
}

/// Releases one object to the ally's own audience.
async fn let_out(stage: &Stage, id: &str) -> Value {
    let body = json!({ "audience": format!("partner:{}", stage.ally.ctx.org), "objects": [id] });
    let (status, done) = release(&stage.test, &stage.legal.token, body).await;
    assert_eq!(status, 201, "{done}");
    done
}

async fn count(stage: &Stage, sql: &'static str, params: Vec<Cell>) -> i64 {
    stage.test.house.store.read(move |reader| reader.number(sql, &params)).await.unwrap()
}

/// Lines of the change stream that carry exactly these words.
async fn told(stage: &Stage, who: &Someone, text: &str) -> usize {
    let url = stage.test.url("/api/v1/changes");
    let got = Call::get(url).header("authorization", format!("Bearer {}", who.token)).send().await;
    got.text.lines().filter(|line| line.contains(text)).count()
}

/// Everything a pusher can find out about one object by handing it in, twice, with what it reads and takes back between.
async fn transcript(stage: &Stage, shelf: &str, text: &str) -> Vec<String> {
    let (who, id) = (&stage.ally, id_of(text));
    let mut told_all = Vec::new();
    for _ in 0..2 {
        for _ in 0..2 {
            let status = stage.pushed(who, shelf, &[text.to_owned()]).await;
            told_all.push(format!(
                "{} {} {} {:?}",
                status["total_count"],
                status["success_count"],
                status["failure_count"],
                status["successes"][0]["message"]
            ));
        }
        for path in [
            format!("/objects/{id}/"),
            format!("/objects/{id}/?match[version]=all"),
            format!("/objects/{id}/versions/"),
            format!("/objects/?match[id]={id}"),
            format!("/objects/?match[id]={id}&match[version]=first"),
            format!("/manifest/?match[id]={id}"),
        ] {
            let got = stage.get(who, stage.below(shelf, &path)).await;
            let versions = got.json["versions"].as_array().map(Vec::len);
            let own = got.text.matches(text).count();
            told_all.push(format!("{} {} {versions:?} {own}", got.status, got.objects().len()));
        }
        let walked = stage.get(who, stage.below(shelf, "/objects/?limit=1000")).await;
        told_all.push(format!("{}", walked.ids().iter().filter(|one| **one == id).count()));
        told_all.push(format!("{}", told(stage, who, text).await));
        let got = stage.delete(who, shelf, &id).await;
        told_all.push(format!("{} {}", got.status, got.code()));
        let got = stage.get(who, stage.below(shelf, &format!("/objects/{id}/"))).await;
        told_all.push(format!("{} {}", got.status, got.code()));
    }
    told_all
}

#[tokio::test(flavor = "multi_thread")]
async fn handing_in_tells_nothing_of_what_is_held_and_hidden() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let other = |text: &str, number: usize| {
        text.replace(&format!("\"i{number}\""), &format!("\"hidden{number}\""))
    };
    let nothing = transcript(&stage, &shelf, &green(&indicator(1))).await;
    // Held with other words, with the very same words, and in a newer version; above what the ally may see, or selected.
    hold(&stage, &other(&green(&indicator(2)), 2), LegalClass::CiaN, Tlp::Red).await;
    hold(&stage, &green(&indicator(3)), LegalClass::Cia, Tlp::Red).await;
    let newer = version(4, "2026-05-01T00:00:00.000Z");
    hold(&stage, &newer, LegalClass::Cia, Tlp::Green).await;
    // In the ally's own stream, and kept back from it since: the same words and others.
    for text in [
        green(&indicator(5)),
        other(&green(&indicator(6)), 6),
        green(&version(7, "2026-05-01T00:00:00.000Z")),
    ] {
        hold(&stage, &text, LegalClass::CiaN, Tlp::Green).await;
        let_out(&stage, &id_of(&text)).await;
        let said = json!({ "objects": [id_of(&text)], "restricted_to": ["org-somebody"] });
        stage.office("POST", "/handling", said, 201).await;
    }
    // Taken back by the office before the ally ever read it.
    let recalled = green(&indicator(8));
    hold(&stage, &recalled, LegalClass::CiaN, Tlp::Green).await;
    let_out(&stage, &id_of(&recalled)).await;
    let recall = json!({ "object": id_of(&recalled), "kind": "recall", "reason": "wrong" });
    stage.office("POST", "/recalls", recall, 201).await;
    for number in 2..=8 {
        let found = transcript(&stage, &shelf, &green(&indicator(number))).await;
        assert_eq!(found, nothing, "object {number}");
    }
    // Nothing is lost: a person finds the words that contradict what is held, and what came back after a recall.
    for number in [2, 4, 6, 7, 8] {
        let text = green(&indicator(number));
        let kept = count(
            &stage,
            "SELECT COUNT(*) FROM evidence_aside WHERE id = $1 AND bytes = $2 AND state = 'open'",
            vec![Cell::from(id_of(&text)), Cell::Blob(text.into_bytes())],
        )
        .await;
        assert_eq!(kept, 1, "object {number}");
    }
    // And what is held was not touched, nor is the ally's copy anybody else's to read.
    let (id, digest) = (id_of(&indicator(2)), StixObject::parse(&other(&green(&indicator(2)), 2)));
    let held = count(
        &stage,
        "SELECT COUNT(*) FROM evidence_object WHERE id = $1 AND digest = $2",
        vec![Cell::from(id), Cell::from(digest.unwrap().digest().to_string())],
    )
    .await;
    assert_eq!(held, 1);
}

/// A collection that the ally and the other read and write, as members of the council.
async fn common_shelf(stage: &Stage) -> String {
    for who in [&stage.ally, &stage.other] {
        let path = format!("/council/{}", who.ctx.org);
        stage.office("POST", &path, json!({ "consent": "letter" }), 201).await;
    }
    let opened =
        stage.office("POST", "/collections", json!({ "audience": "council", "title": "All" }), 201);
    let shelf = opened.await["id"].as_str().unwrap().to_owned();
    let path = format!("/collections/{shelf}/taxii");
    stage.office("PUT", &path, json!({ "can_write": true }), 200).await;
    shelf
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_stands_twice_in_an_envelope_is_taken_as_it_stands_first() {
    let stage = Stage::open().await;
    let shelf = common_shelf(&stage).await;
    let words = green(&indicator(1));
    let others = words.replace("\"i1\"", "\"otherwise\"");
    let envelope = [words.clone(), others.clone(), words.clone()];
    let status = stage.pushed(&stage.ally, &shelf, &envelope).await;
    assert_eq!(status["success_count"], 3, "{status}");
    for who in [&stage.ally, &stage.other] {
        let got = stage.get(who, stage.below(&shelf, "/objects/?match[version]=all")).await;
        assert!(got.text.contains(&words) && !got.text.contains(&others), "{}", got.text);
    }
    // The second is for a person to look at, and stands nowhere else.
    let aside = "SELECT COUNT(*) FROM evidence_aside WHERE bytes = $1 AND state = 'open'";
    assert_eq!(count(&stage, aside, vec![Cell::Blob(others.into_bytes())]).await, 1);
    assert_eq!(count(&stage, "SELECT COUNT(*) FROM share_own", Vec::new()).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn own_words_beside_the_stream_are_for_their_pusher_alone() {
    let stage = Stage::open().await;
    let shelf = common_shelf(&stage).await;
    hold(&stage, &green(&indicator(1)), LegalClass::CiaN, Tlp::Red).await;
    let words = green(&indicator(1)).replace("\"i1\"", "\"of the ally\"");
    let free = green(&indicator(2));
    let status = stage.pushed(&stage.ally, &shelf, &[words.clone(), free.clone()]).await;
    assert_eq!(status["success_count"], 2, "{status}");
    let all = stage.below(&shelf, "/objects/");
    let got = stage.get(&stage.ally, all.clone()).await;
    assert!(got.text.contains(&words) && got.text.contains(&free), "{}", got.text);
    let got = stage.get(&stage.other, all).await;
    assert_eq!(got.ids(), [id_of(&free)]);
    assert_eq!(
        (told(&stage, &stage.ally, &words).await, told(&stage, &stage.other, &words).await),
        (1, 0)
    );
    let export = |who: &Someone| {
        let url = stage.test.url("/api/v1/exports/council/csv");
        Call::get(url).header("authorization", format!("Bearer {}", who.token)).send()
    };
    assert!(export(&stage.ally).await.text.contains("198.51.100.1"));
    assert!(!export(&stage.other).await.text.contains("198.51.100.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_what_was_looked_at_and_nothing_else() {
    let stage = Stage::open().await;
    hold(&stage, &indicator(1), LegalClass::CiaN, Tlp::Green).await;
    let mut wish = json!({ "audience": "operators", "objects": [id_of(&indicator(1))] });
    let water = stage.test.org("Water (fictional)", "operator", Some("water")).await;
    let before = stage.leaves();
    let refused = stage.office("POST", "/releases", wish.clone(), 428).await;
    assert_eq!(refused["code"], "NRS-SHAR-0015", "{refused}");
    let seen = stage.office("POST", "/releases/preview", wish.clone(), 200).await;
    wish["digest"] = json!("");
    stage.office("POST", "/releases", wish.clone(), 428).await;
    // One more recipient, or other bytes, and it is another release.
    stage.test.org("Power (fictional)", "operator", Some("electricity")).await;
    wish["digest"] = seen["digest"].clone();
    let refused = stage.office("POST", "/releases", wish.clone(), 409).await;
    assert_eq!(refused["code"], "NRS-SHAR-0014", "{refused}");
    let unread = "SELECT COUNT(*) FROM share_item WHERE audience = $1";
    assert_eq!(count(&stage, unread, vec![Cell::from("operators")]).await, 0);
    assert_eq!(stage.leaves(), before + 1, "only the organisation was added");
    let mut again = wish.clone();
    again.as_object_mut().unwrap().remove("digest");
    let (status, done) = release(&stage.test, &stage.legal.token, again).await;
    assert_eq!((status, done["released"].as_u64()), (201, Some(1)), "{done}");
    assert_eq!(seen["recipients"][0]["org"], water.org.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_comes_back_with_a_new_release() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let text = green(&indicator(1));
    let id = id_of(&text);
    assert_eq!(stage.pushed(&stage.ally, &shelf, &[text]).await["success_count"], 1);
    assert_eq!(stage.delete(&stage.ally, &shelf, &id).await.status, 200);
    let wish = json!({ "collection": shelf, "objects": [id] });
    let seen = stage.office("POST", "/releases/preview", wish, 200).await;
    assert_eq!(seen["passes"][0]["already"], false, "{seen}");
    let done = let_out(&stage, &id).await;
    assert_eq!((done["released"].as_u64(), &done["already"]), (Some(1), &json!([])), "{done}");
    let got = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert_eq!(got.ids(), std::slice::from_ref(&id));
    assert_eq!(count(&stage, "SELECT COUNT(*) FROM share_item_past", Vec::new()).await, 1);
    let done = let_out(&stage, &id).await;
    assert_eq!((done["released"].as_u64(), &done["already"]), (Some(0), &json!([id])), "{done}");
}

fn relates(number: usize, kind: &str, from: &str, to: &str) -> String {
    json!({
        "type": "relationship", "spec_version": "2.1", "id": format!("relationship--{}", uuid(number)),
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": kind, "source_ref": from, "target_ref": to,
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relationship_says_is_derived_carries_the_bit_of_its_source() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let of = |number: usize| id_of(&indicator(number));
    hold(&stage, &malware(1), LegalClass::Cia, Tlp::Green).await;
    for number in 2..=5 {
        hold(&stage, &indicator(number), LegalClass::CiaN, Tlp::Green).await;
    }
    // Beside messages about what was taken back.
    let shown = || async {
        let mut ids = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await.ids();
        ids.retain(|id| !id.starts_with("note--"));
        ids
    };
    let_out(&stage, &of(3)).await;
    assert_eq!(shown().await, [of(3)]);
    // Two steps; the other way round, and another type, say nothing.
    for edge in [
        relates(20, "derived-from", &of(2), &id_of(&malware(1))),
        relates(21, "based-on", &of(3), &of(2)),
        relates(22, "derived-from", &id_of(&malware(1)), &of(4)),
        relates(23, "related-to", &of(5), &id_of(&malware(1))),
    ] {
        hold(&stage, &edge, LegalClass::CiaN, Tlp::Green).await;
    }
    assert_eq!(shown().await, Vec::<String>::new(), "what was released before is not served");
    for number in [2, 3] {
        let done = let_out(&stage, &of(number)).await;
        assert_eq!(done["refused"][0]["code"], "NRS-SHAR-0101", "{done}");
    }
    for number in [4, 5] {
        assert_eq!(let_out(&stage, &of(number)).await["released"], 1, "{number}");
    }
    // A later version of the relationship takes nothing back; only a review does.
    let withdrawn = relates(20, "related-to", &of(2), &id_of(&malware(1)))
        .replace(r#""modified":"2026-01"#, r#""modified":"2026-02"#)
        .replace(r#""source_ref""#, r#""revoked":true,"source_ref""#);
    hold(&stage, &withdrawn, LegalClass::CiaN, Tlp::Green).await;
    assert_eq!(let_out(&stage, &of(3)).await["refused"][0]["code"], "NRS-SHAR-0101");
    assert_eq!(shown().await, [of(4), of(5)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_bounded_by_its_bytes_and_nothing_is_lost_between_pages() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let large = |number: usize, bytes: usize| {
        let text = format!(r#""description":"{}","name":"#, "x".repeat(bytes));
        malware(number).replace(r#""name":"#, &text)
    };
    let mega = 1 << 20;
    // One that alone is nearly a page, between smaller ones.
    let texts: Vec<String> = (1..=14)
        .map(|number| large(number, if number == 7 { 8 * mega - 1_000 } else { mega }))
        .collect();
    stage.hold(&texts, Tlp::Green).await;
    let ids: Vec<String> = texts.iter().map(|text| id_of(text)).collect();
    for part in ids.chunks(2) {
        stage.release(&shelf, part).await;
    }
    let (mut walked, mut next, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let url = stage.below(&shelf, &format!("/objects/?limit=100{next}"));
        let got = stage.get(&stage.ally, url).await;
        assert_eq!(got.status, 200, "{}", got.code());
        assert!(got.text.len() <= 8 * mega + 4_096, "{} bytes", got.text.len());
        assert!(!got.ids().is_empty(), "always at least one");
        walked.extend(got.ids());
        pages += 1;
        match got.json["next"].as_str() {
            Some(place) => next = format!("&next={place}"),
            None => break,
        }
        assert_eq!(got.json["more"], true);
    }
    assert_eq!((walked, pages), (ids, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_a_body_and_no_reading() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    hold(&stage, &indicator(1), LegalClass::CiaN, Tlp::Green).await;
    let_out(&stage, &id_of(&indicator(1))).await;
    let below = |path: &str| stage.below(&shelf, path);
    for url in [
        stage.test.url("/taxii2/"),
        stage.url("/"),
        stage.url("/collections/"),
        below("/"),
        below("/manifest/"),
        below("/objects/"),
        below(&format!("/objects/{}/", id_of(&indicator(1)))),
        below(&format!("/objects/{}/versions/", id_of(&indicator(1)))),
        below(&format!("/objects/{}/", id_of(&indicator(2)))),
        stage.url("/status/none/"),
    ] {
        let before = stage.leaves();
        let head = Call { method: "HEAD", url: url.clone(), ..Call::default() };
        let head = head.of(&stage.ally).send().await;
        assert_eq!(stage.leaves(), before, "{url}: nothing is handed out");
        let get = stage.get(&stage.ally, url.clone()).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{url}");
        for name in [
            "content-type",
            "content-length",
            "vary",
            "x-taxii-date-added-first",
            "x-taxii-date-added-last",
        ] {
            assert_eq!(head.header(name), get.header(name), "{url}: {name}");
        }
    }
    let post = Call { method: "PATCH", url: below("/objects/"), ..Call::default() };
    assert_eq!(post.of(&stage.ally).send().await.status, 405);
}

/// A report of this version with these references.
fn report(number: usize, modified: &str, refs: &[String]) -> String {
    json!({
        "type": "report", "spec_version": "2.1", "id": format!("report--{}", uuid(number)),
        "created": "2026-01-01T00:00:00.000Z", "modified": modified, "name": "r",
        "published": "2026-01-01T00:00:00Z", "object_refs": refs,
    })
    .to_string()
}

fn tool(number: usize, modified: &str, description: &str) -> String {
    json!({
        "type": "tool", "spec_version": "2.1", "id": format!("tool--{}", uuid(number)),
        "created": "2026-01-01T00:00:00.000Z", "modified": modified, "name": "t", "description": description,
    })
    .to_string()
}

const FIRST: &str = "2026-01-01T00:00:00.000Z";
const LATER: &str = "2026-02-01T00:00:00.000Z";

/// The code for which an object does not leave, or nothing when it does.
async fn kept_for(stage: &Stage, id: &str) -> Option<String> {
    let done = let_out(stage, id).await;
    done["refused"][0]["code"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_that_names_less_carries_what_an_earlier_one_named() {
    let stage = Stage::open().await;
    hold(&stage, &malware(1), LegalClass::Cia, Tlp::Green).await;
    let selected = id_of(&malware(1));
    let free = [format!("tool--{}", uuid(999))];
    let said = format!("seen with {selected}");
    for (number, (first, later)) in (40..).zip([
        (report(2, FIRST, std::slice::from_ref(&selected)), report(2, LATER, &free)),
        (tool(3, FIRST, &said), tool(3, LATER, "seen")),
    ]) {
        hold(&stage, &first, LegalClass::CiaN, Tlp::Green).await;
        let id = id_of(&first);
        assert_eq!(kept_for(&stage, &id).await.as_deref(), Some("NRS-SHAR-0101"));
        hold(&stage, &later, LegalClass::CiaN, Tlp::Green).await;
        assert_eq!(kept_for(&stage, &id).await.as_deref(), Some("NRS-SHAR-0101"), "{later}");
        // Nor does what is made from it.
        let made = report(number, FIRST, std::slice::from_ref(&id));
        hold(&stage, &made, LegalClass::CiaN, Tlp::Green).await;
        assert_eq!(kept_for(&stage, &id_of(&made)).await.as_deref(), Some("NRS-SHAR-0101"));
    }
    // The same without a selected source leaves.
    hold(&stage, &report(5, FIRST, &free), LegalClass::CiaN, Tlp::Green).await;
    hold(&stage, &report(5, LATER, &free), LegalClass::CiaN, Tlp::Green).await;
    assert_eq!(kept_for(&stage, &id_of(&report(5, LATER, &free))).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_that_is_kept_hides_no_older_one() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let (one, two) = (malware(1), malware(2));
    let first = report(3, FIRST, &[id_of(&one)]);
    let later = report(3, LATER, &[id_of(&two)]);
    for text in [&one, &two, &first, &later] {
        hold(&stage, text, LegalClass::CiaN, Tlp::Green).await;
        assert_eq!(let_out(&stage, &id_of(text)).await["released"], 1);
    }
    let versions = async |query: &str| {
        let url = stage.below(&shelf, &format!("/objects/?match[type]=report{query}"));
        let got = stage.get(&stage.ally, url).await;
        let objects = got.objects();
        objects.iter().map(|one| one["modified"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(versions("").await, [LATER]);
    assert_eq!(versions("&match[version]=all").await, [FIRST, LATER]);
    let recall = json!({ "object": id_of(&two), "kind": "recall", "reason": "wrong" });
    stage.office("POST", "/recalls", recall, 201).await;
    // What the later one was about is gone, and it goes with that; the one before it is what there is.
    for query in ["", "&match[version]=all", "&match[version]=last", "&match[version]=first"] {
        assert_eq!(versions(query).await, [FIRST], "{query}");
    }
    let url = stage.below(&shelf, &format!("/objects/{}/", id_of(&first)));
    assert!(stage.get(&stage.ally, url).await.text.contains(FIRST));
}

/// A review that cleared exactly this version, as it stands when its last step was taken.
async fn cleared(stage: &Stage, text: &str) {
    let object = StixObject::parse(text).unwrap();
    let modified = rows::version_key(&object);
    let review = noroshi::office::commit::Write::one(
        "INSERT INTO share_review (review, id, modified, digest, salt, state, at, terms, seq) \
         SELECT $1, $2, $3, $4, 's', 'released', $5, class || ' ' || has_comms || ' ' || has_secret, \
         (SELECT MAX(seq) FROM evidence_object) FROM evidence_object WHERE id = $2 AND modified = $3",
        vec![
            Cell::from(format!("review-{modified}-{}-{}", object.id(), stage.leaves())),
            Cell::from(object.id().as_str()),
            Cell::from(modified),
            Cell::from(object.digest().to_string()),
            Cell::from(stage.legal.ctx.now),
        ],
    );
    let change = Change::office("share.review", "test").write(review);
    stage.test.house.door.commit(&stage.legal.ctx, change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_cleared_frees_nothing_that_was_made_from_another() {
    let mut config = super::house::TestHouse::config();
    // That two must release what was reviewed is another test's business.
    config.share.second_person_reviewed = false;
    let stage = Stage::open_with(config).await;
    let shelf = stage.shelf(&stage.ally).await;
    let (old, new) = (tool(1, FIRST, "as selected"), tool(1, LATER, "as may be told"));
    hold(&stage, &old, LegalClass::Cia, Tlp::Green).await;
    let made = indicator(2);
    hold(&stage, &made, LegalClass::CiaN, Tlp::Green).await;
    let edge = relates(20, "derived-from", &id_of(&made), &id_of(&old));
    hold(&stage, &edge, LegalClass::CiaN, Tlp::Green).await;
    hold(&stage, &new, LegalClass::CiaN, Tlp::Green).await;
    assert_eq!(kept_for(&stage, &id_of(&new)).await.as_deref(), Some("NRS-SHAR-0101"));
    cleared(&stage, &new).await;
    // That version leaves; what was made from the one before it does not, also beside the cleared one.
    assert_eq!(kept_for(&stage, &id_of(&new)).await, None);
    assert_eq!(kept_for(&stage, &id_of(&made)).await.as_deref(), Some("NRS-SHAR-0101"));
    let got = stage.get(&stage.ally, stage.below(&shelf, "/objects/")).await;
    assert_eq!(got.ids(), [id_of(&new)]);
    assert!(!got.text.contains("as selected"));
    cleared(&stage, &old).await;
    assert_eq!(kept_for(&stage, &id_of(&made)).await, None, "both versions were cleared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_keeps_nothing_from_anybody_by_saying_what_it_was_made_from() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let (selected, theirs) = (id_of(&malware(1)), id_of(&indicator(2)));
    hold(&stage, &malware(1), LegalClass::Cia, Tlp::Green).await;
    hold(&stage, &indicator(2), LegalClass::CiaN, Tlp::Green).await;
    assert_eq!(kept_for(&stage, &theirs).await, None);
    let of_others = green(&relates(20, "derived-from", &theirs, &selected));
    let own = green(&indicator(3));
    let of_own = green(&relates(21, "derived-from", &id_of(&own), &selected));
    let texts = [own.clone(), of_others.clone(), of_own.clone()];
    assert_eq!(stage.pushed(&stage.ally, &shelf, &texts).await["success_count"], 3);
    // Asking for it tells nothing of what is held, and nobody loses it.
    let got = stage.get(&stage.ally, stage.below(&shelf, &format!("/objects/{theirs}/"))).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let audience = format!("partner:{}", stage.other.ctx.org);
    for (id, wanted) in [(&theirs, None), (&id_of(&own), Some("NRS-SHAR-0101"))] {
        let wish = json!({ "audience": audience, "objects": [id] });
        let (_, done) = release(&stage.test, &stage.legal.token, wish).await;
        assert_eq!(done["refused"][0]["code"].as_str(), wanted, "{done}");
    }
    // What it said of others is before a person, and no more than that.
    let aside = |text: &str| {
        let params = vec![Cell::from("NRS-SHAR-0224"), Cell::Blob(text.as_bytes().to_vec())];
        let sql =
            "SELECT COUNT(*) FROM evidence_aside WHERE code = $1 AND bytes = $2 AND state = 'open'";
        count(&stage, sql, params)
    };
    assert_eq!((aside(&of_others).await, aside(&of_own).await), (1, 0));
    // The office says the same: now it counts.
    let office = relates(22, "derived-from", &theirs, &selected);
    hold(&stage, &office, LegalClass::CiaN, Tlp::Green).await;
    let got = stage.get(&stage.ally, stage.below(&shelf, &format!("/objects/{theirs}/"))).await;
    assert_eq!(got.status, 404, "{}", got.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_for_provision_reaches_no_operator_whatever_a_later_version_says() {
    let stage = Stage::open().await;
    stage.test.org("Water (fictional)", "operator", Some("water")).await;
    hold(&stage, &tool(1, FIRST, "one"), LegalClass::CiaP, Tlp::Clear).await;
    hold(&stage, &tool(1, LATER, "one"), LegalClass::CiaN, Tlp::Clear).await;
    hold(&stage, &tool(2, FIRST, "two"), LegalClass::CiaN, Tlp::Clear).await;
    let ids = [id_of(&tool(1, FIRST, "")), id_of(&tool(2, FIRST, ""))];
    for (audience, wanted) in [
        ("operators".to_owned(), vec!["NRS-SHAR-0115"]),
        ("public".to_owned(), vec!["NRS-SHAR-0115"]),
        (format!("partner:{}", stage.ally.ctx.org), vec![]),
    ] {
        let wish = json!({ "audience": audience, "objects": ids });
        let (status, done) = release(&stage.test, &stage.legal.token, wish).await;
        assert_eq!(status, 201, "{done}");
        let refused = done["refused"].as_array().unwrap();
        let codes: Vec<&str> = refused.iter().map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(codes, wanted, "{audience}: {done}");
        assert_eq!(done["released"], json!(2 - wanted.len()), "{audience}: {done}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agreement_brought_and_what_is_made_from_it_waits_for_the_party() {
    let stage = Stage::open().await;
    let text = tool(1, FIRST, "from the party");
    let bundle = noroshi::evidence::act::Bundle {
        bytes: format!(r#"{{"type":"bundle","id":"bundle--{}","objects":[{text}]}}"#, uuid(900))
            .into_bytes()
            .into(),
        tlp: Some(Tlp::Green),
        class: LegalClass::CiaN,
        originator: "office".to_owned(),
    };
    let analyst = noroshi::office::ctx::Ctx {
        hat: noroshi_charter::hat::Hat::CaoAnalyst,
        ..stage.legal.ctx.clone()
    };
    let house = &stage.test.house;
    let done = noroshi::evidence::act::import_agreed(house, &analyst, bundle, "agreement-7").await;
    assert_eq!(done.unwrap().imported, 1);
    let (first, made, on) = (
        id_of(&text),
        report(2, FIRST, &[id_of(&text)]),
        report(3, FIRST, &[id_of(&report(2, FIRST, &[]))]),
    );
    for one in [&made, &on] {
        hold(&stage, one, LegalClass::CiaN, Tlp::Green).await;
    }
    // A later version that came openly is the same thing still.
    hold(&stage, &tool(1, LATER, "from the party"), LegalClass::CiaN, Tlp::Green).await;
    let (made, on) = (id_of(&made), id_of(&on));
    for id in [&first, &made, &on] {
        assert_eq!(kept_for(&stage, id).await.as_deref(), Some("NRS-SHAR-0105"), "{id}");
    }
    let said = json!({ "objects": [first], "consent": "letter 1" });
    stage.office("POST", "/handling", said, 201).await;
    for id in [&first, &made, &on] {
        assert_eq!(kept_for(&stage, id).await, None, "{id}");
    }
}

fn analyst(stage: &Stage) -> noroshi::office::ctx::Ctx {
    let hat = noroshi_charter::hat::Hat::CaoAnalyst;
    noroshi::office::ctx::Ctx { hat, ..stage.legal.ctx.clone() }
}

/// One object as a bundle of the office.
fn bundled(text: &str, class: LegalClass) -> noroshi::evidence::act::Bundle {
    noroshi::evidence::act::Bundle {
        bytes: format!(r#"{{"type":"bundle","id":"bundle--{}","objects":[{text}]}}"#, uuid(900))
            .into_bytes()
            .into(),
        tlp: Some(Tlp::Green),
        class,
        originator: "office".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agreement_brought_is_what_it_brought_when_it_is_mended_or_taken() {
    use noroshi::evidence::act::import_agreed;
    use noroshi::evidence::mend::{self, As, Tried};
    let stage = Stage::open().await;
    let (house, analyst) = (&stage.test.house, analyst(&stage));
    let how = As {
        tlp: None,
        class: LegalClass::CiaN,
        originator: None,
        reason: "a day that is".to_owned(),
    };
    // Wrong when it came, and mended by a person.
    let good = tool(1, FIRST, "of the party");
    let bad = good
        .replace("\"created\":\"2026-", "\"created\":\"2026-02-31T00:00:00Z\",\"x_was\":\"2026-");
    // The same bytes came openly before: the agreement still counts.
    for agreement in [None, Some("agreement-7")] {
        let bundle = bundled(&bad, LegalClass::CiaN);
        let done = match agreement {
            None => noroshi::evidence::act::import(house, &analyst, bundle).await,
            Some(agreement) => import_agreed(house, &analyst, bundle, agreement).await,
        };
        assert_eq!(done.unwrap().quarantined.len(), 1);
    }
    let tried = mend::retry(house, &analyst, 1, Some(good.clone()), &how).await.unwrap();
    assert!(matches!(tried, Tried::In(_)), "{tried:?}");
    assert_eq!(kept_for(&stage, &id_of(&good)).await.as_deref(), Some("NRS-SHAR-0105"));
    // In contradiction to what is held, and taken as its next version.
    hold(&stage, &tool(2, FIRST, "as held"), LegalClass::CiaN, Tlp::Green).await;
    let other = tool(2, FIRST, "as the party has it");
    let bundle = bundled(&other, LegalClass::CiaN);
    let done = import_agreed(house, &analyst, bundle, "agreement-7").await.unwrap();
    assert_eq!(done.conflicts.len(), 1);
    let aside = count(&stage, "SELECT MAX(aside) FROM evidence_aside", Vec::new()).await;
    mend::take(house, &analyst, u64::try_from(aside).unwrap(), &how).await.unwrap();
    assert_eq!(kept_for(&stage, &id_of(&other)).await.as_deref(), Some("NRS-SHAR-0105"));
    let brought = "SELECT COUNT(*) FROM evidence_object WHERE source = 'agreement:agreement-7'";
    assert_eq!(count(&stage, brought, Vec::new()).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_gives_no_consent_and_ends_when_more_comes_to_a_version() {
    let mut config = super::house::TestHouse::config();
    config.share.second_person_reviewed = false;
    let stage = Stage::open_with(config).await;
    let (house, analyst) = (&stage.test.house, analyst(&stage));
    // Made from what the party brought: two people clear bits, and consent is the party's.
    let theirs = tool(1, FIRST, "of the party");
    let bundle = bundled(&theirs, LegalClass::CiaN);
    noroshi::evidence::act::import_agreed(house, &analyst, bundle, "agreement-7").await.unwrap();
    let made = report(2, FIRST, &[id_of(&theirs)]);
    let on = report(3, FIRST, &[id_of(&made)]);
    for text in [&made, &on] {
        hold(&stage, text, LegalClass::CiaN, Tlp::Green).await;
    }
    for text in [&theirs, &made] {
        cleared(&stage, text).await;
    }
    for text in [&theirs, &made, &on] {
        let kept = kept_for(&stage, &id_of(text)).await;
        assert_eq!(kept.as_deref(), Some("NRS-SHAR-0105"), "{text}");
    }
    stage
        .office(
            "POST",
            "/handling",
            json!({ "objects": [id_of(&theirs)], "consent": "letter" }),
            201,
        )
        .await;
    for text in [&theirs, &made, &on] {
        assert_eq!(kept_for(&stage, &id_of(text)).await, None, "{text}");
    }
    // Cleared as selected information, it turns out to be a secret as well.
    let selected = malware(4);
    hold(&stage, &selected, LegalClass::Cia, Tlp::Green).await;
    cleared(&stage, &selected).await;
    assert_eq!(kept_for(&stage, &id_of(&selected)).await, None);
    let again = bundled(&selected, LegalClass::CiaPm);
    let done = noroshi::evidence::act::import(house, &analyst, again).await.unwrap();
    assert_eq!((done.unchanged, done.tightened), (1, 1));
    assert_eq!(kept_for(&stage, &id_of(&selected)).await.as_deref(), Some("NRS-SHAR-0101"));
    // Cleared, and then said to be made from something else that is selected.
    let later = tool(5, FIRST, "made");
    hold(&stage, &later, LegalClass::Cia, Tlp::Green).await;
    let before = relates(20, "derived-from", &id_of(&later), &id_of(&selected));
    hold(&stage, &before, LegalClass::CiaN, Tlp::Green).await;
    cleared(&stage, &later).await;
    assert_eq!(kept_for(&stage, &id_of(&later)).await, None);
    let same = relates(21, "derived-from", &id_of(&later), &id_of(&selected));
    hold(&stage, &same, LegalClass::CiaN, Tlp::Green).await;
    assert_eq!(kept_for(&stage, &id_of(&later)).await, None, "that was known");
    hold(&stage, &malware(6), LegalClass::Cia, Tlp::Green).await;
    let other = relates(22, "derived-from", &id_of(&later), &id_of(&malware(6)));
    hold(&stage, &other, LegalClass::CiaN, Tlp::Green).await;
    assert_eq!(kept_for(&stage, &id_of(&later)).await.as_deref(), Some("NRS-SHAR-0101"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_stops_when_its_version_is_held_on_stricter_terms() {
    use noroshi::share::review::{self, Asked};
    use noroshi_charter::derivation::State;
    let stage = Stage::open().await;
    let (house, analyst) = (&stage.test.house, analyst(&stage));
    hold(&stage, &malware(1), LegalClass::Cia, Tlp::Green).await;
    let made = review::draft(house, &analyst, &id_of(&malware(1)), "for the ally", None).await;
    let review = made.unwrap().id;
    let again = bundled(&malware(1), LegalClass::CiaPm);
    noroshi::evidence::act::import(house, &analyst, again).await.unwrap();
    let digest = StixObject::parse(&malware(1)).unwrap().digest().to_string();
    let step = |to| Asked { to, reason: "checked", digest: &digest };
    let refused = review::step(house, &analyst, &review, step(State::ProvenanceChecked)).await;
    let Err(noroshi::web::refusal::Failure::Refused(refused)) = refused else {
        panic!("it went on")
    };
    assert_eq!(refused.code, "NRS-SHAR-0314");
    assert!(review::step(house, &analyst, &review, step(State::Refused)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_on_stricter_terms_since_it_was_looked_at_does_not_leave() {
    let stage = Stage::open().await;
    let (house, analyst) = (&stage.test.house, analyst(&stage));
    stage.test.org("Water (fictional)", "operator", Some("water")).await;
    let text = tool(1, FIRST, "for operators");
    hold(&stage, &text, LegalClass::CiaN, Tlp::Clear).await;
    let id = id_of(&text);
    let mut wish = json!({ "audience": "operators", "objects": [id] });
    let seen = stage.office("POST", "/releases/preview", wish.clone(), 200).await;
    wish["digest"] = seen["digest"].clone();
    // Between the judgement and the transaction that lets it out.
    let wanted = id.clone();
    let judged = house.store.read(move |reader| noroshi::share::read::candidate(reader, &wanted));
    let judged = judged.await.unwrap().unwrap();
    let known = noroshi::office::commit::Write::new(
        "INSERT INTO share_audience (audience, last_added) VALUES ('operators', 0) ON CONFLICT DO NOTHING",
        Vec::new(),
    );
    let guarded = async || {
        let guard = noroshi::share::act::still_as_judged("operators", &judged);
        let change = Change::office("test", "x").write(known.clone()).write(guard);
        house.door.commit(&stage.legal.ctx, change).await.is_ok()
    };
    assert!(guarded().await);
    let again = bundled(&text, LegalClass::CiaN);
    let done = noroshi::evidence::act::import(house, &analyst, again).await.unwrap();
    assert_eq!(done.tightened, 1, "from TLP:CLEAR to TLP:GREEN");
    assert!(!guarded().await);
    // The colour is part of what was looked at, although not a byte differs.
    let refused = stage.office("POST", "/releases", wish.clone(), 409).await;
    assert_eq!(refused["code"], "NRS-SHAR-0014", "{refused}");
    wish.as_object_mut().unwrap().remove("digest");
    let (status, done) = release(&stage.test, &stage.legal.token, wish).await;
    assert_eq!((status, done["released"].as_u64()), (201, Some(1)), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_something_is_that_is_kept_is_not_told() {
    let stage = Stage::open().await;
    let shelf = stage.shelf(&stage.ally).await;
    let long = |at: &str| tool(1, at, &"x".repeat(1 << 20));
    let versions: Vec<String> =
        (1..=8).map(|month| long(&format!("2026-0{month}-01T00:00:00.000Z"))).collect();
    for text in &versions {
        hold(&stage, text, LegalClass::CiaN, Tlp::Green).await;
        let_out(&stage, &id_of(text)).await;
    }
    hold(&stage, &long("2026-09-01T00:00:00.000Z"), LegalClass::CiaN, Tlp::Red).await;
    let store = &stage.test.house.store;
    for path in ["", "versions/", "?match[version]=all"] {
        // A job may look something up meanwhile, so the least of several tries counts.
        let cost = async |id: &str| {
            let mut least = (u64::MAX, u64::MAX);
            for _ in 0..20 {
                let before = (store.lookups(), store.text_bytes());
                let url = stage.below(&shelf, &format!("/objects/{id}/{path}"));
                assert_eq!(stage.get(&stage.ally, url).await.status, 404);
                least.0 = least.0.min(store.lookups() - before.0);
                least.1 = least.1.min(store.text_bytes() - before.1);
            }
            least
        };
        let absent = cost(&format!("tool--{}", uuid(999))).await;
        let kept = cost(&id_of(&versions[0])).await;
        assert_eq!(kept.0, absent.0, "{path}");
        assert!(kept.1 < absent.1 + 8_192, "{path}: {kept:?} {absent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_at_amber_that_somebody_gets_needs_a_second_person() {
    let stage = Stage::open().await;
    stage.test.org("Water (fictional)", "operator", Some("water")).await;
    let text = json!({
        "type": "tool", "spec_version": "2.1", "id": format!("tool--{}", uuid(1)), "created": FIRST, "modified": FIRST,
        "name": "t", "description": "for operators",
        "granular_markings": [{ "marking_ref": Tlp::Amber.marking_id().as_str(), "selectors": ["description"] }],
    })
    .to_string();
    hold(&stage, &text, LegalClass::CiaN, Tlp::Green).await;
    let wish = |audience: &str| json!({ "audience": audience, "objects": [id_of(&text)] });
    // The council gets it without the part.
    let council = format!("/council/{}", stage.ally.ctx.org);
    stage.office("POST", &council, json!({ "consent": "letter" }), 201).await;
    let (status, done) = release(&stage.test, &stage.legal.token, wish("council")).await;
    assert_eq!(status, 201, "{done}");
    let (status, done) = release(&stage.test, &stage.legal.token, wish("operators")).await;
    assert_eq!(status, 202, "{done}");
    let unread = "SELECT COUNT(*) FROM share_item WHERE audience = $1";
    assert_eq!(count(&stage, unread, vec![Cell::from("operators")]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_comes_into_no_other_stream_by_being_handed_in() {
    let stage = Stage::open().await;
    for who in [&stage.ally, &stage.other] {
        let path = format!("/council/{}", who.ctx.org);
        stage.office("POST", &path, json!({ "consent": "letter" }), 201).await;
    }
    let opened =
        stage.office("POST", "/collections", json!({ "audience": "council", "title": "All" }), 201);
    let shelf = opened.await["id"].as_str().unwrap().to_owned();
    let path = format!("/collections/{shelf}/taxii");
    stage.office("PUT", &path, json!({ "can_write": true }), 200).await;
    // One recalled where the ally got it, one withdrawn by its originator with a newer version.
    let (recalled, revoked) = (green(&indicator(1)), green(&indicator(2)));
    for text in [&recalled, &revoked] {
        hold(&stage, text, LegalClass::CiaN, Tlp::Green).await;
        let_out(&stage, &id_of(text)).await;
    }
    let recall = json!({ "object": id_of(&recalled), "kind": "recall", "reason": "wrong" });
    stage.office("POST", "/recalls", recall, 201).await;
    let newer = green(&version(2, LATER)).replace(r#""name":"#, r#""revoked":true,"name":"#);
    hold(&stage, &newer, LegalClass::CiaN, Tlp::Green).await;
    let free = green(&indicator(3));
    let texts = [recalled.clone(), revoked.clone(), free.clone()];
    assert_eq!(stage.pushed(&stage.ally, &shelf, &texts).await["success_count"], 3);
    let all = stage.below(&shelf, "/objects/?match[version]=all");
    assert_eq!(stage.get(&stage.other, all.clone()).await.ids(), [id_of(&free)]);
    let mut own = stage.get(&stage.ally, all).await.ids();
    own.sort();
    assert_eq!(own, [id_of(&recalled), id_of(&revoked), id_of(&free)], "its own words come back");
    let aside =
        "SELECT COUNT(*) FROM evidence_aside WHERE code = 'NRS-SHAR-0223' AND state = 'open'";
    assert_eq!(count(&stage, aside, Vec::new()).await, 2);
}
