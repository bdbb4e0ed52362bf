//! The council's desk and its recipients in a browser; hats of members and suppliers, which see what their organisation was
//! sent as that, answer it, and nothing else; reviews, certificates and warning lists on their pages.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use noroshi::evidence::rows::{self, NewObject};
use noroshi::office::commit::{Change, Write};
use noroshi::office::store::Value as Cell;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::{LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use serde_json::{Value, json};

use super::evidence_pages::Browser;
use super::house::{Someone, TestHouse, ask};

struct Scene {
    test: TestHouse,
    legal: Someone,
    second: Someone,
    analyst: Someone,
    /// Power's own officer, and who represents it in the council.
    officer: Someone,
    member: Someone,
    /// Water sits in the council too.
    other: Someone,
    supplier: Someone,
}

impl Scene {
    async fn open() -> Self {
        let test = TestHouse::open().await;
        let office = test.org("Office (fictional)", "office", None).await;
        let legal = test.person("legal", &office, Hat::Legal).await;
        let second = test.person("second", &office, Hat::Legal).await;
        let analyst = test.person("analyst", &office, Hat::CaoAnalyst).await;
        let power = test.org("Power (fictional)", "operator", Some("electricity")).await;
        let water = test.org("Water (fictional)", "operator", Some("water")).await;
        let maker = test.org("Maker (fictional)", "supplier", None).await;
        let officer = test.person("officer", &power, Hat::OperatorOfficer).await;
        let member = test.person("member", &power, Hat::CouncilMember).await;
        let other = test.person("other", &water, Hat::CouncilMember).await;
        let supplier = test.person("supplier", &maker, Hat::SupplierOfficer).await;
        let scene = Self { test, legal, second, analyst, officer, member, other, supplier };
        for who in [&scene.member, &scene.other] {
            let path = format!("/council/{}", who.ctx.org);
            assert_eq!(
                scene.post(&scene.legal, &path, json!({ "consent": "letter" })).await.0,
                201
            );
        }
        scene
    }

    async fn post(&self, who: &Someone, path: &str, body: Value) -> (u16, Value) {
        ask("POST", self.test.url(&format!("/api/v1{path}")), &who.token, Some(body)).await
    }

    async fn get(&self, who: &Someone, path: &str) -> (u16, Value) {
        ask("GET", self.test.url(&format!("/api/v1{path}")), &who.token, None).await
    }

    async fn hold(&self, text: &str, class: LegalClass, originator: &str) {
        let objects = [NewObject {
            object: StixObject::parse(text).unwrap(),
            tlp: Tlp::Green,
            class,
            originator: originator.to_owned(),
            source: "import:test".to_owned(),
        }];
        let mut change = Change::new("evidence.import", "test", rows::fact("test", &objects));
        change.writes = rows::insert_objects(&objects, self.legal.ctx.now);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    async fn release(&self, audience: &str, id: &str) {
        let body = json!({ "audience": audience, "objects": [id] });
        let (status, done) = super::house::release(&self.test, &self.legal.token, body).await;
        assert_eq!((status, done["released"].as_u64()), (201, Some(1)), "{done}");
    }

    async fn advise(&self, audience: &str, title: &str) -> String {
        let wish = json!({ "audience": audience, "title": title, "text": "About this.", "tlp": "green",
            "class": "CIA-N", "needs": "apply" });
        let (status, made) = self.post(&self.legal, "/advisories", wish).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }
}

fn indicator(number: usize) -> (String, String) {
    let id = format!("indicator--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}");
    let text = json!({
        "type": "indicator", "spec_version": "2.1", "id": id, "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z", "pattern": format!("[domain-name:value = 'c{number}.lantern.example']"),
        "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "name": format!("word{number}word"),
        "object_marking_refs": [Tlp::Green.marking_id().as_str()],
    });
    (id, text.to_string())
}

/// The fields of a day in Japanese time.
fn day(at: &DateTime) -> [(&'static str, String); 5] {
    [
        ("due_at-year", at.year().to_string()),
        ("due_at-month", at.month().to_string()),
        ("due_at-day", at.day().to_string()),
        ("due_at-hour", at.hour().to_string()),
        ("due_at-minute", at.minute().to_string()),
    ]
}

fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    page.split(&start).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advisory_is_written_looked_at_issued_answered_and_reminded_in_a_browser() {
    let scene = Scene::open().await;
    let (id, text) = indicator(1);
    scene.hold(&text, LegalClass::CiaN, "office").await;
    scene.release("council", &id).await;
    let office = Browser::of(&scene.test, &scene.legal).await;
    let (status, page) = office.get("/share/advisories").await;
    assert!(status == 200 && page.contains("No advisories yet"), "{page}");
    let (status, page) = office.get("/share/advisories/new").await;
    assert!(status == 200 && page.contains("Members of the council"), "{page}");
    // What is missing is said at its field, and nothing that was written is lost.
    let (status, _, page) =
        office.post("/share/advisories/preview", &[("text", "Block these <names>.")]).await;
    assert_eq!(status, 422);
    assert!(
        page.contains("Block these &#60;names&#62;.") && page.contains("NRS-FORM-0001"),
        "{page}"
    );
    let due = jiff::tz::offset(9)
        .to_datetime(scene.test.house.clock.now() + SignedDuration::from_hours(24 * 30));
    let due = day(&due);
    let mut fields = vec![
        ("audience", "council"),
        ("title", "Lantern again"),
        ("text", "Block these <names>."),
        ("objects", id.as_str()),
        ("tlp", "green"),
        ("class", "CIA-N"),
        ("needs", "apply"),
    ];
    fields.extend(due.iter().map(|(name, value)| (*name, value.as_str())));
    let (status, _, page) = office.post("/share/advisories/preview", &fields).await;
    assert_eq!(status, 200, "{page}");
    for word in
        ["Power (fictional)", "Water (fictional)", "Designated operator", id.as_str(), "bytes"]
    {
        assert!(page.contains(word), "{word} in {page}");
    }
    // The bytes on the page are those that the API gives before the release.
    let wish = json!({ "audience": "council", "title": "Lantern again", "text": "Block these <names>.",
        "objects": [id], "tlp": "green", "class": "CIA-N", "needs": "apply" });
    let (_, judged) = scene.post(&scene.legal, "/advisories/preview", wish).await;
    assert_eq!(judged["contents"][0]["recipients"].as_array().unwrap().len(), 2, "{judged}");
    let digest = hidden(&page, "digest");
    let (status, _, page) = office.post("/share/advisories", &fields).await;
    assert!(status == 428 && page.contains("NRS-SHAR-0015"), "not without having looked: {page}");
    fields.push(("digest", &digest));
    let (status, to, page) = office.post("/share/advisories", &fields).await;
    assert_eq!(status, 303, "{page}");
    let (status, page) = office.get(&to).await;
    assert!(status == 200 && page.contains("Remind all 2 who owe an answer"), "{page}");

    answered_and_reminded(&scene, &office, &to).await;
}

/// A member sees it as it was written, and says why it does not apply it; who owes an answer is reminded.
async fn answered_and_reminded(scene: &Scene, office: &Browser, to: &str) {
    let member = Browser::of(&scene.test, &scene.member).await;
    let (status, page) = member.get("/advisories").await;
    assert!(
        status == 200 && page.contains("Lantern again") && page.contains(&indicator(1).0),
        "{page}"
    );
    let name = to.rsplit('/').next().unwrap().to_owned();
    let answers = format!("/advisories/{name}/answers");
    let why = [("answer", "not-applied"), ("reason", "The resolver is being replaced.")];
    assert_eq!(member.post(&answers, &why).await.0, 303);
    let (_, page) = office.get(to).await;
    assert!(
        page.contains("The resolver is being replaced.") && page.contains("Remind the one"),
        "{page}"
    );
    let remind = format!("{to}/remind");
    let power = scene.member.ctx.org.to_string();
    let (status, _, page) = office.post(&remind, &[("who", "picked"), ("org", &power)]).await;
    assert!(status == 422 && page.contains("NRS-SHAR-0512"), "it has answered: {page}");
    assert_eq!(office.post(&remind, &[("who", "all")]).await.0, 303);
    let other = Browser::of(&scene.test, &scene.other).await;
    let (_, page) = other.get("/advisories").await;
    assert!(page.contains("eminded"), "{page}");
    let (_, page) = member.get("/advisories").await;
    assert!(!page.contains("eminded"), "only who owes an answer is reminded: {page}");
    let (_, page) = office.get("/share/advisories").await;
    assert!(page.contains("1 of 2") && page.contains("being answered"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_advisory_waits_for_a_second_person_on_its_page() {
    let scene = Scene::open().await;
    let first = Browser::of(&scene.test, &scene.legal).await;
    let fields = [
        ("audience", "operators"),
        ("title", "Strict"),
        ("text", "For few."),
        ("tlp", "amber"),
        ("class", "CIA-N"),
        ("needs", ""),
    ];
    let (_, _, page) = first.post("/share/advisories/preview", &fields).await;
    assert!(page.contains("A second person must agree"), "{page}");
    let digest = hidden(&page, "digest");
    let all: Vec<(&str, &str)> = fields.into_iter().chain([("digest", digest.as_str())]).collect();
    let (status, to, page) = first.post("/share/advisories", &all).await;
    assert_eq!(status, 303, "{page}");
    let (_, page) = first.get(&to).await;
    assert!(page.contains("your own proposal") && !page.contains("/second\""), "{page}");
    let officer = Browser::of(&scene.test, &scene.officer).await;
    assert!(!officer.get("/advisories").await.1.contains("Strict"));
    let second = Browser::of(&scene.test, &scene.second).await;
    let (_, page) = second.get(&to).await;
    let digest = hidden(&page, "digest");
    assert_eq!(second.post(&format!("{to}/second"), &[("digest", &digest)]).await.0, 303);
    assert!(officer.get("/advisories").await.1.contains("Strict"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advisory_is_withdrawn_and_a_proposal_dismissed_on_its_page() {
    let scene = Scene::open().await;
    let issued = scene.advise("council", "Wrong names.").await;
    let wish = json!({ "audience": "operators", "title": "Strict", "text": "For few.", "tlp": "amber",
        "class": "CIA-N" });
    let (status, waits) = scene.post(&scene.legal, "/advisories", wish).await;
    assert_eq!(status, 202, "{waits}");
    let member = Browser::of(&scene.test, &scene.member).await;
    let answers = format!("/advisories/{issued}/answers");
    assert!(member.get("/advisories").await.1.contains(&answers));
    let office = Browser::of(&scene.test, &scene.second).await;
    let issued = format!("/share/advisories/{issued}");
    let waits = format!("/share/advisories/{}", waits["id"].as_str().unwrap());
    let reason = [("reason", "The names are those of a <hospital>.")];
    for (page, verb, other, state) in [
        (&issued, "withdraw", "dismiss", "withdrawn"),
        (&waits, "dismiss", "withdraw", "dismissed"),
    ] {
        let form = format!("action=\"{page}/{verb}\"");
        let (_, shown) = office.get(page).await;
        assert!(shown.contains(&form) && !shown.contains(&format!("{page}/{other}")), "{shown}");
        let (status, _, refused) = office.post(&format!("{page}/{verb}"), &[]).await;
        assert!(status == 422 && refused.contains("NRS-SHAR-0513"), "{refused}");
        assert_eq!(office.post(&format!("{page}/{verb}"), &reason).await.0, 303);
        let (_, shown) = office.get(page).await;
        assert!(shown.contains("a &#60;hospital&#62;.") && !shown.contains(&form), "{shown}");
        assert!(!shown.contains("/remind\" ") && !shown.contains("/second\""), "{shown}");
        assert!(!shown.contains("Remind all"), "{shown}");
        let (_, list) = office.get("/share/advisories").await;
        assert!(list.contains(state), "{list}");
    }
    let (_, list) = office.get("/share/advisories").await;
    assert!(list.contains("0 of 2") && !list.contains("waits for a second"), "{list}");
    let (_, page) = member.get("/advisories").await;
    assert!(page.contains("has withdrawn this advisory") && page.contains("hospital"), "{page}");
    assert!(!page.contains(&answers), "there is nothing to answer: {page}");
    let (_, page) = Browser::of(&scene.test, &scene.other).await.get("/advisories").await;
    assert!(!page.contains("Wrong names."), "it was never shown to them: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_go_both_ways_and_stand_with_their_dates() {
    let scene = Scene::open().await;
    let office = Browser::of(&scene.test, &scene.legal).await;
    let due = jiff::tz::offset(9)
        .to_datetime(scene.test.house.clock.now() + SignedDuration::from_hours(48));
    let due = day(&due);
    let maker = scene.supplier.ctx.org.to_string();
    let mut fields = vec![("to", maker.as_str()), ("words", "Which versions?")];
    assert_eq!(office.post("/share/questions", &fields).await.0, 422, "without a date");
    fields.extend(due.iter().map(|(name, value)| (*name, value.as_str())));
    assert_eq!(office.post("/share/questions", &fields).await.0, 303);
    let supplier = Browser::of(&scene.test, &scene.supplier).await;
    let (_, page) = supplier.get("/advisories").await;
    assert!(page.contains("Which versions?"), "{page}");
    let member = Browser::of(&scene.test, &scene.member).await;
    assert!(!member.get("/advisories").await.1.contains("Which versions?"));
    let reply = page.split("/questions/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let words = [("reply", "From 2 on."), ("answer", "answered")];
    assert_eq!(supplier.post(&format!("/questions/{reply}/reply"), &words).await.0, 303);
    let (_, page) = office.get("/share/questions").await;
    assert!(page.contains("From 2 on.") && page.contains("Maker (fictional)"), "{page}");

    let mut mine = vec![("words", "Is it the same campaign?")];
    mine.extend(due.iter().map(|(name, value)| (*name, value.as_str())));
    assert_eq!(member.post("/questions", &mine).await.0, 303);
    let (_, page) = office.get("/share/questions").await;
    let asked =
        page.split("/share/questions/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let said = [("reply", "We do not know yet."), ("answer", "declined")];
    assert_eq!(office.post(&format!("/share/questions/{asked}/reply"), &said).await.0, 303);
    assert!(member.get("/advisories").await.1.contains("We do not know yet."));
    // The officer of the same organisation, without the seat's hat, sees it; another member does not.
    let other = Browser::of(&scene.test, &scene.other).await;
    assert!(!other.get("/advisories").await.1.contains("campaign"));
}

/// What anybody with a session may open, and what these hats are for.
const OPEN_PAGES: [&str; 5] = ["/advisories", "/messages", "/opinions", "/oversight", "/profile"];

#[tokio::test(flavor = "multi_thread")]
async fn a_member_and_a_supplier_see_what_they_were_sent_as_that_and_nothing_else() {
    let scene = Scene::open().await;
    let supplied = format!("supplier:{}", scene.supplier.ctx.org);
    let operated = format!("operator:{}", scene.officer.ctx.org);
    let places = ["council", supplied.as_str(), operated.as_str(), "operators"];
    for (number, audience) in (1..).zip(places) {
        let (id, text) = indicator(number);
        scene.hold(&text, LegalClass::CiaN, "office").await;
        scene.release(audience, &id).await;
        scene.advise(audience, &format!("Advisory {number}.")).await;
        let open =
            json!({ "audience": audience, "title": format!("View {number}."), "tlp_max": "amber" });
        assert_eq!(scene.post(&scene.legal, "/collections", open).await.0, 201);
    }
    for (who, own) in [(&scene.member, 1), (&scene.supplier, 2)] {
        sees_its_own(&scene, who, own).await;
        for (number, place) in (1..).zip(places).chain([(2, "own")]) {
            let url = format!("/exports/{place}/csv");
            let (status, file) = scene.get(who, &url).await;
            assert_eq!(status == 200, number == own, "{} {url}: {file}", who.ctx.hat);
        }
        opens_its_own_pages(&scene, who).await;
        reads_its_own_api(&scene, who).await;
    }
    // Nor is it theirs to act for the organisation in anything else.
    let report = json!({ "stage": "initial" });
    assert!(scene.post(&scene.member, "/reports", report).await.0 >= 400);
    let wish = json!({ "audience": "council", "title": "x", "text": "x", "tlp": "green", "class": "CIA-N" });
    assert_eq!(scene.post(&scene.member, "/advisories", wish).await.0, 403);
}

/// Of what was sent to four audiences exactly one is there, wherever it is looked for.
async fn sees_its_own(scene: &Scene, who: &Someone, own: usize) {
    let (_, inbox) = scene.get(who, "/advisories/received").await;
    let (_, changes) = scene.get(who, "/changes").await;
    let taxii = scene.test.url("/taxii2/root/collections/");
    let (_, views) = ask("GET", taxii, &who.token, None).await;
    let (_, page) = Browser::of(&scene.test, who).await.get("/advisories").await;
    for (text, word) in [
        (inbox.to_string(), "Advisory "),
        (changes.to_string(), "word"),
        (views.to_string(), "View "),
        (page, "Advisory "),
    ] {
        for number in 1..=4 {
            let there = text.contains(&format!("{word}{number}"));
            assert_eq!(there, number == own, "{} {word}{number}: {text}", who.ctx.hat);
        }
    }
}

/// Every page that stands in anybody's menu is closed, but those that are for this hat or for everybody.
async fn opens_its_own_pages(scene: &Scene, who: &Someone) {
    let browser = Browser::of(&scene.test, who).await;
    for path in CLOSED_PAGES {
        let (status, page) = browser.get(path).await;
        assert!(status == 403 || status == 404, "{} {path}: {status} {page}", who.ctx.hat);
    }
    for path in OPEN_PAGES {
        let (status, page) = browser.get(path).await;
        let opens = who.ctx.hat == Hat::CouncilMember || path != "/opinions";
        assert_eq!(status == 200, opens, "{} {path}: {page}", who.ctx.hat);
    }
}

/// Of every address of the API that is read, only these answer.
async fn reads_its_own_api(scene: &Scene, who: &Someone) {
    let (_, api) = scene.get(who, "/openapi.json").await;
    let mut seen = Vec::new();
    for (path, verbs) in api["paths"].as_object().unwrap() {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let reads = verbs.get("get").is_some() && !EVERYBODY.contains(&path.as_str());
        if reads && scene.get(who, &path).await.0 == 200 {
            seen.push(path);
        }
    }
    seen.sort();
    let (_, measures) = scene.get(who, "/measures").await;
    assert_eq!(measures["items"], json!([]), "{}", who.ctx.hat);
    let mut wanted = vec!["/advisories/received", "/changes", "/hooks", "/messages", "/questions"];
    if who.ctx.hat == Hat::CouncilMember {
        wanted.push("/opinions");
    }
    wanted.sort_unstable();
    assert_eq!(seen, wanted, "{}", who.ctx.hat);
}

const CLOSED_PAGES: [&str; 22] = [
    "/intake",
    "/analyse",
    "/analyse/cases",
    "/evidence",
    "/evidence/lists",
    "/evidence/lookup",
    "/analyse/matrix",
    "/analyse/inbox",
    "/sift",
    "/influence",
    "/response",
    "/share",
    "/share/advisories",
    "/share/advisories/new",
    "/share/questions",
    "/share/recalls",
    "/share/peers",
    "/share/reviews",
    "/office",
    "/office/orgs",
    "/office/certificates",
    "/office/system",
];

/// What everybody may read: what is public, what is one's own, and a list of which each sees the measures that concern them.
const EVERYBODY: [&str; 7] =
    ["/commission/key", "/drafts", "/log/checkpoint", "/log/leaves", "/me", "/measures", "/tokens"];

/// A refusal without the request's own number and the name asked for.
fn plain(refused: &Value, id: &str) -> String {
    let mut refused = refused.clone();
    refused.as_object_mut().unwrap().remove("instance");
    refused.to_string().replace(id, "ID")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_says_how_what_it_originated_is_handled_and_nothing_of_anything_else() {
    let scene = Scene::open().await;
    let (own, text) = indicator(1);
    let (foreign, other) = indicator(2);
    let (selected, comms) = indicator(3);
    let power = scene.member.ctx.org.to_string();
    scene.hold(&text, LegalClass::CiaN, &power).await;
    scene.hold(&other, LegalClass::CiaN, scene.other.ctx.org.as_str()).await;
    scene.hold(&comms, LegalClass::Cia, &power).await;
    scene.release("council", &own).await;
    let (_, before) = scene.get(&scene.other, "/changes").await;
    assert!(before.to_string().contains("word1word"), "{before}");
    let nobody = |id: &str| json!({ "objects": [id], "restricted_to": [] });
    assert_eq!(
        scene.post(&scene.officer, "/opinions", nobody(&own)).await.0,
        403,
        "the seat's hat"
    );
    let (status, refused) = scene.post(&scene.member, "/opinions", nobody(&foreign)).await;
    assert_eq!((status, refused["code"].as_str()), (422, Some("NRS-SHAR-0527")), "{refused}");
    for id in [selected, indicator(99).0] {
        let (_, same) = scene.post(&scene.member, "/opinions", nobody(&id)).await;
        assert_eq!(
            plain(&same, &id),
            plain(&refused, &foreign),
            "what is not there and what is not theirs look alike"
        );
    }
    let bare = json!({ "objects": [own] });
    assert_eq!(scene.post(&scene.member, "/opinions", bare).await.1["code"], "NRS-SHAR-0526");

    let browser = Browser::of(&scene.test, &scene.member).await;
    let form = [("objects", own.as_str()), ("opinion", "nobody")];
    let (status, to, page) = browser.post("/opinions", &form).await;
    assert_eq!((status, to.as_str()), (303, "/opinions"), "{page}");
    let (_, page) = browser.get("/opinions").await;
    assert!(page.contains(&own) && page.contains("nobody outside the office"), "{page}");
    let (_, after) = scene.get(&scene.other, "/changes").await;
    assert!(!after.to_string().contains("word1word"), "{after}");
    let (_, told) = scene.get(&scene.other, "/messages").await;
    assert_eq!(told["items"][0]["kind"], "remark", "whoever had it is told: {told}");
    let note = after.to_string();
    let note = note.split("note--").nth(1).unwrap().get(..36).unwrap();
    let about = scene.post(&scene.member, "/opinions", nobody(&format!("note--{note}"))).await;
    assert_eq!(about.1["code"], "NRS-SHAR-0527", "a message of the office is nobody's own");

    assert_eq!(
        browser.post("/opinions", &[("objects", own.as_str()), ("opinion", "lift")]).await.0,
        303
    );
    let (_, after) = scene.get(&scene.other, "/changes").await;
    assert!(after.to_string().contains("word1word"), "{after}");
    let seat = scene.test.url(&format!("/api/v1/council/{power}"));
    assert_eq!(ask("DELETE", seat, &scene.legal.token, None).await.0, 200);
    assert_eq!(
        scene.post(&scene.member, "/opinions", nobody(&own)).await.1["code"],
        "NRS-SHAR-0525"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_carry_a_review_to_its_end_on_its_page() {
    let scene = Scene::open().await;
    let (id, text) = indicator(1);
    scene.hold(&text, LegalClass::Cia, "office").await;
    let analyst = Browser::of(&scene.test, &scene.analyst).await;
    let (status, page) = analyst.get("/share/reviews").await;
    assert!(status == 200 && page.contains("No review is open"), "{page}");
    let (status, _, page) = analyst.post("/share/reviews", &[("object", id.as_str())]).await;
    assert!(status == 422 && page.contains("NRS-FORM-0001"), "{page}");
    let (status, _, _) =
        analyst.post("/share/reviews", &[("object", "tool--none"), ("reason", "x")]).await;
    assert_eq!(status, 422);
    let fields = [("object", id.as_str()), ("reason", "For operators.")];
    let (status, to, page) = analyst.post("/share/reviews", &fields).await;
    assert_eq!(status, 303, "{page}");
    let desk = scene.test.org("Desk (fictional)", "office", None).await;
    let pm = scene.test.person("pm", &desk, Hat::PmDesk).await;
    let (pm, legal) =
        (Browser::of(&scene.test, &pm).await, Browser::of(&scene.test, &scene.legal).await);
    let mut taken = Vec::new();
    for (browser, step) in [
        (&analyst, "provenance_checked"),
        (&pm, "secret_checked"),
        (&legal, "rights_checked"),
        (&legal, "released"),
    ] {
        let (status, page) = browser.get(&to).await;
        assert!(status == 200 && page.contains("selected communications information"), "{page}");
        assert!(page.contains(&format!("value=\"{step}\"")), "{step} is offered: {page}");
        let digest = hidden(&page, "digest");
        let fields = [("to", step), ("reason", "Looked at."), ("digest", digest.as_str())];
        let (status, _, page) = browser.post(&format!("{to}/step"), &fields).await;
        assert_eq!(status, 303, "{step}: {page}");
        taken.push(step);
        if taken.len() == 1 {
            let (_, page) = analyst.get(&to).await;
            assert!(page.contains("Another person takes this step"), "{page}");
            let again = [("to", "secret_checked"), ("reason", "Looked at."), ("digest", &digest)];
            let (status, _, page) = analyst.post(&format!("{to}/step"), &again).await;
            assert!(status == 422 && page.contains("NRS-SHAR-0312"), "{page}");
        }
    }
    let (_, page) = legal.get(&to).await;
    assert!(page.contains("cleared") && !page.contains("Refuse the review"), "{page}");
    let (_, page) = analyst.get("/share/reviews").await;
    assert!(page.contains("Ended reviews"), "{page}");
    let officer = Browser::of(&scene.test, &scene.officer).await;
    assert_eq!(officer.get(&to).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_register_of_certificates_is_kept_on_its_page() {
    let scene = Scene::open().await;
    let office = scene.test.org("Desk (fictional)", "office", None).await;
    let admin = scene.test.person("admin", &office, Hat::Administrator).await;
    let browser = Browser::of(&scene.test, &admin).await;
    let (status, page) = browser.get("/office/certificates").await;
    assert!(status == 200 && page.contains("No certificates"), "{page}");
    assert!(page.contains("does not ask for client certificates"), "{page}");
    let member = &scene.member.ctx;
    let holder = format!("{} {} {}", member.person, member.org, member.hat.id());
    let fingerprint = "AB:".repeat(31) + "AB";
    let wrong = [("label", ""), ("fingerprint", "ab"), ("hat", holder.as_str()), ("days", "0")];
    let (status, _, page) = browser.post("/office/certificates", &wrong).await;
    assert_eq!(status, 422);
    for code in ["NRS-SHAR-0250", "NRS-OFFC-0017", "NRS-OFFC-0016"] {
        assert!(page.contains(code), "{code}: {page}");
    }
    let fields =
        [("label", "Gateway 1"), ("fingerprint", &fingerprint), ("hat", &holder), ("days", "30")];
    assert_eq!(browser.post("/office/certificates", &fields).await.0, 303);
    let (status, _, page) = browser.post("/office/certificates", &fields).await;
    assert!(status == 409 && page.contains("NRS-SHAR-0252"), "{status} {page}");
    let (_, page) = browser.get("/office/certificates").await;
    assert!(
        page.contains("Gateway 1") && page.contains("in force") && page.contains("Council member"),
        "{page}"
    );
    let plain = "ab".repeat(32);
    assert_eq!(browser.post(&format!("/office/certificates/{plain}/revoke"), &[]).await.0, 303);
    assert!(browser.get("/office/certificates").await.1.contains("taken back"));
    let officer = Browser::of(&scene.test, &scene.officer).await;
    assert_eq!(officer.get("/office/certificates").await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn warning_lists_are_loaded_and_what_they_hit_is_shown() {
    let scene = Scene::open().await;
    let (id, text) = indicator(1);
    scene.hold(&text, LegalClass::CiaN, "office").await;
    let (_, closed) = indicator(2);
    scene.hold(&closed, LegalClass::Cia, "office").await;
    let analyst = Browser::of(&scene.test, &scene.analyst).await;
    let (status, page) = analyst.get("/evidence/lists").await;
    assert!(status == 200 && page.contains("No list is loaded"), "{page}");
    let (status, page) = analyst.upload("/evidence/lists", &analyst.csrf, &[], b"{}").await;
    assert!(status == 422 && page.contains("Not readable as a warning list"), "{page}");
    let list = json!({ "name": "Popular (fictional)", "version": 2, "type": "hostname", "description": "popular",
        "matching_attributes": ["domain", "hostname"], "list": ["c1.lantern.example", "c2.lantern.example"] });
    let bytes = list.to_string().into_bytes();
    let (status, page) = analyst.upload("/evidence/lists", &analyst.csrf, &[], &bytes).await;
    assert!(status == 200 && page.contains("is loaded."), "{page}");
    let mut older = list.clone();
    older["version"] = json!(1);
    let older = older.to_string().into_bytes();
    let (status, page) = analyst.upload("/evidence/lists", &analyst.csrf, &[], &older).await;
    assert!(status == 409 && page.contains("NRS-EVID-0314"), "{page}");
    let (_, page) = analyst.get("/evidence/lists").await;
    for word in ["Popular (fictional)", "c1.lantern.example", "kept out of blocks", id.as_str()] {
        assert!(page.contains(word), "{word}: {page}");
    }
    // Who may not see what holds a value is not told that it is held.
    let nco = scene.test.org("Analysts (fictional)", "office", None).await;
    let nco = scene.test.person("nco", &nco, Hat::NcoAnalyst).await;
    let reader = Browser::of(&scene.test, &nco).await;
    let (status, page) = reader.get("/evidence/lists").await;
    assert!(status == 200 && page.contains("c1.lantern.example"), "{page}");
    assert!(!page.contains("c2.lantern.example") && !page.contains("Take out"), "{page}");
    let vouch = [("value", "c1.lantern.example"), ("reason", "It was taken over.")];
    assert_eq!(reader.post("/evidence/lists/vouch", &vouch).await.0, 403);
    assert_eq!(analyst.post("/evidence/lists/vouch", &vouch).await.0, 303);
    let (_, page) = analyst.get("/evidence/lists").await;
    assert!(page.contains("It was taken over.") && page.contains("vouched for"), "{page}");
    assert_eq!(
        analyst.post("/evidence/lists/drop", &[("list", "Popular (fictional)")]).await.0,
        303
    );
    assert!(analyst.get("/evidence/lists").await.1.contains("No list is loaded"));
}

impl Scene {
    /// Questions asked of the store for what `work` asks of the house.
    async fn cost<T>(&self, work: impl Future<Output = T>) -> (u64, T) {
        let before = self.test.house.store.lookups();
        let answer = work.await;
        (self.test.house.store.lookups() - before, answer)
    }

    /// An answer as it is kept.
    async fn answered(&self, advisory: &str, org: &str, answer: &str) {
        let write = Write::one(
            "INSERT INTO share_advisory_answer (advisory, org, answer, person, at) VALUES ($1, $2, $3, 'p', $4)",
            vec![
                Cell::from(advisory),
                Cell::from(org),
                Cell::from(answer),
                Cell::from(self.test.house.clock.now()),
            ],
        );
        let change = Change::office("test.answer", advisory).write(write);
        self.test.house.door.commit(&self.legal.ctx, change).await.unwrap();
    }

    /// Every advisory of a list, page by page.
    async fn all(&self, who: &Someone, path: &str) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.get(who, &format!("{path}?limit=7{cursor}")).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 7, "{page}");
            found.extend(items.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["cursor"].as_str() else { return found };
            cursor = format!("&cursor={next}");
        }
    }
}

/// P-10b: a list asks something for each of its entries, and for each recipient of each.
#[tokio::test(flavor = "multi_thread")]
async fn p10b_the_desk_of_advisories_asks_as_much_whatever_the_recipients_and_advisories() {
    let scene = Scene::open().await;
    let office = Browser::of(&scene.test, &scene.legal).await;
    let officer = Browser::of(&scene.test, &scene.officer).await;
    let first = scene.advise("operators", "First.").await;
    let one = format!("/share/advisories/{first}");
    let answers = format!("/advisories/{first}/answers");
    let answer = json!({ "answer": "acknowledged" });
    // What is shown for the first time is noted; after that only reading is compared.
    officer.get("/advisories").await;
    let costs = async || {
        [
            scene.cost(office.get("/share/advisories")).await.0,
            scene.cost(office.get(&one)).await.0,
            scene.cost(scene.get(&scene.legal, "/advisories")).await.0,
            scene.cost(scene.get(&scene.legal, &format!("/advisories/{first}"))).await.0,
            scene.cost(officer.get("/advisories")).await.0,
            scene.cost(scene.get(&scene.officer, "/advisories/received")).await.0,
            scene.cost(scene.post(&scene.officer, &answers, answer.clone())).await.0,
        ]
    };
    let few = costs().await;
    for number in 0..30 {
        scene.test.org(&format!("Operator {number} (fictional)"), "operator", Some("water")).await;
    }
    let mut advisories = vec![first.clone()];
    for number in 0..60 {
        advisories.push(scene.advise("operators", &format!("Number {number}.")).await);
    }
    let newest = advisories[60].clone();
    let (_, whole) = scene.get(&scene.legal, &format!("/advisories/{newest}")).await;
    let orgs: Vec<String> = whole["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["org"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(orgs.len(), 32);
    for org in &orgs[..5] {
        scene.answered(&newest, org, "acknowledged").await;
    }
    for org in &orgs[3..8] {
        scene.answered(&newest, org, "applied").await;
    }
    scene.answered(&newest, &orgs[0], "not-applied").await;
    scene.all(&scene.officer, "/advisories/received").await;
    let many = costs().await;
    assert_eq!(few, many, "the same questions for 2 and for 1,900 recipients");

    // Page by page each is there once.
    advisories.sort();
    for (who, path) in [(&scene.legal, "/advisories"), (&scene.officer, "/advisories/received")] {
        let mut all = scene.all(who, path).await;
        assert_eq!(all.last(), Some(&first), "the oldest is the last: {path}");
        all.sort();
        assert_eq!(all, advisories, "{path}");
    }
    // What was counted when it came is what counting now gives: 24 never answered, 2 have only seen it.
    let (_, page) = office.get("/share/advisories").await;
    assert!(page.contains("26 of 32") && page.contains("32 of 32"), "{page}");
    let (asked, (_, page)) = scene.cost(office.get(&format!("/share/advisories/{newest}"))).await;
    assert_eq!(asked, few[1], "32 recipients are asked about at once");
    assert!(page.contains("Remind all 26 who owe an answer"), "{page}");
    assert!(!office.get("/share/advisories").await.1.contains("First."), "on the next page");
}

/// Those that are answered follow the open ones, and the last of all is found too.
#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_found_page_by_page() {
    let scene = Scene::open().await;
    let supplier = scene.supplier.ctx.org.clone();
    let write = Write::new(
        "INSERT INTO share_question (question, org, by_office, words, due_at, person, at, capacity, state) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 620) \
         SELECT printf('question-%04d', i), $1, 1, printf('words %d.', i), \
         printf('2026-%02d-01T00:00:00.000Z', 1 + i % 7), 'p', '2026-01-01T00:00:00.000Z', 'supplier', \
         CASE WHEN i > 600 THEN 'answered' ELSE 'open' END FROM n",
        vec![Cell::from(&supplier)],
    );
    let change = Change::office("test.ask", "test").write(write);
    scene.test.house.door.commit(&scene.legal.ctx, change).await.unwrap();
    let wanted: Vec<String> = (1..=620).map(|number| format!("question-{number:04}")).collect();
    for who in [&scene.legal, &scene.supplier] {
        let mut all = scene.all(who, "/questions").await;
        assert!(all[600..].iter().all(|id| id.as_str() > "question-0600"), "{all:?}");
        all.sort();
        assert_eq!(all, wanted, "{}", who.ctx.hat);
    }
    assert_eq!(scene.get(&scene.legal, "/questions?cursor=else").await.0, 422);
    // The same on both pages.
    for (who, start) in [(&scene.legal, "/share/questions"), (&scene.supplier, "/advisories")] {
        let browser = Browser::of(&scene.test, who).await;
        let (mut at, mut pages) = (start.to_owned(), 0);
        let last = loop {
            let (status, page) = browser.get(&at).await;
            assert_eq!(status, 200, "{page}");
            pages += 1;
            assert!(pages < 40, "it goes on and on: {at}");
            let next = page.split(&format!("class=\"btn\" href=\"{start}?questions=")).nth(1);
            match next.and_then(|rest| rest.split('"').next()) {
                Some(place) => at = format!("{start}?questions={place}"),
                None => break page,
            }
        };
        assert!(last.contains("words 615.") && pages > 12, "{pages} pages: {last}");
    }
}
