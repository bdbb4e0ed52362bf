//! Filing a report: what is kept, who sees it, what is refused and how, and what the receipt proves.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

use noroshi_charter::hat::Hat;
use noroshi_ledger::digest::Digest;
use serde_json::{Value, json};

use crate::house::{Someone, TestHouse, ask};

/// The people of these tests, in two sectors.
struct Cast {
    test: TestHouse,
    officer: Someone,
    rival: Someone,
    minister: Someone,
    other_minister: Someone,
    pm: Someone,
    police: Someone,
}

async fn cast() -> Cast {
    let test = TestHouse::open().await;
    let power = test.org("架空電力", "operator", Some("electricity")).await;
    let rival = test.org("架空運輸", "operator", Some("logistics")).await;
    let ministry = test.org("架空電力所管課", "ministry", Some("electricity")).await;
    let other = test.org("架空運輸所管課", "ministry", Some("logistics")).await;
    let cabinet = test.org("架空窓口", "office", None).await;
    let police = test.org("架空警察", "police", None).await;
    Cast {
        officer: test.person("officer", &power, Hat::OperatorOfficer).await,
        rival: test.person("rival", &rival, Hat::OperatorOfficer).await,
        minister: test.person("minister", &ministry, Hat::MinisterSector).await,
        other_minister: test.person("other-minister", &other, Hat::MinisterSector).await,
        pm: test.person("pm", &cabinet, Hat::PmDesk).await,
        police: test.person("police", &police, Hat::PoliceRequester).await,
        test,
    }
}

impl Cast {
    async fn ask(
        &self,
        method: &'static str,
        path: &str,
        who: &Someone,
        body: Option<Value>,
    ) -> (u16, Value) {
        ask(method, self.test.url(&format!("/api/v1{path}")), &who.token, body).await
    }

    async fn file(&self, who: &Someone, body: Value) -> Value {
        let (status, filed) = self.ask("POST", "/reports", who, Some(body)).await;
        assert_eq!(status, 201, "{filed}");
        filed
    }
}

fn initial(aware_at: &str) -> Value {
    json!({
        "stage": "initial", "aware_at": aware_at, "trigger": "alert", "event_kinds": ["unauthorised-access"],
        "computers": [{ "class": "K1", "name": "給電指令サーバー", "registered": true }],
        "operator": { "name": "架空電力", "contact": "soc@operator.example", "phone24h": "+81-3-0000-0000" },
        "outline": "不審な外向き通信", "indicators": ["203.0.113[.]7", "c2.example"],
        "impact": { "service_stop_minutes": 42, "personal_data": false }, "damage_kind": "intrusion",
    })
}

fn whole(aware_at: &str) -> Value {
    let mut body = initial(aware_at);
    for (name, text) in [("technical", "痕跡"), ("response", "切離し"), ("other", "特になし")]
    {
        body[name] = json!(text);
    }
    body["stage"] = json!("final");
    body
}

fn hours_ago(hours: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string()
}

fn items(problem: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    problem["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (text(item, "pointer"), text(item, "code")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_proves_offline_what_was_filed() {
    let cast = cast().await;
    let filed = cast.file(&cast.officer, initial(&hours_ago(2))).await;
    let path = format!("/reports/{}/receipt?stage=initial", filed["id"].as_str().unwrap());
    let (status, receipt) = cast.ask("GET", &path, &cast.officer, None).await;
    assert_eq!(status, 200, "{receipt}");
    assert_eq!(receipt["number"], filed["receipt"]["number"]);
    let snapshot = receipt["snapshot"].as_str().unwrap();
    assert_eq!(Digest::of(snapshot.as_bytes()).to_string(), receipt["digest"].as_str().unwrap());
    // The leaf names number and digest, and leads to the root of the signed checkpoint.
    let leaf: Value = serde_json::from_str(receipt["leaf"].as_str().unwrap()).unwrap();
    assert_eq!(leaf["fact"]["kind"], "intake.report");
    assert_eq!(leaf["fact"]["receipt"], receipt["number"]);
    assert_eq!(leaf["fact"]["digest"], receipt["digest"]);
    let checkpoint = receipt["proof"]["checkpoint"].as_str().unwrap();
    let vkey: noroshi_ledger::note::Vkey = receipt["vkey"].as_str().unwrap().parse().unwrap();
    let signed = noroshi_ledger::note::verify(checkpoint.as_bytes(), &[vkey]).unwrap();
    let root: noroshi_ledger::checkpoint::Checkpoint = signed.text.parse().unwrap();
    let hashes: Vec<Digest> = receipt["proof"]["hashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| hash.as_str().unwrap().parse().unwrap())
        .collect();
    let index = receipt["proof"]["index"].as_u64().unwrap();
    assert_eq!(Some(index), receipt["position"].as_u64());
    let hash = noroshi_ledger::tree::leaf_hash(receipt["leaf"].as_str().unwrap().as_bytes());
    noroshi_ledger::tree::verify_inclusion(index, root.size, &hash, &hashes, &root.root).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stages_follow_each_other_and_the_clock_stays_with_the_awareness() {
    let cast = cast().await;
    let aware = hours_ago(3);
    let filed = cast.file(&cast.officer, initial(&aware)).await;
    let id = filed["id"].as_str().unwrap().to_owned();
    let stages = format!("/reports/{id}/stages");
    let mut supplement = initial(&aware);
    supplement["stage"] = json!("supplement");
    supplement["indicators"] = json!(["198.51.100.9"]);
    let (status, answer) = cast.ask("POST", &stages, &cast.officer, Some(supplement)).await;
    assert_eq!(status, 201, "{answer}");
    // Another awareness is no part of a further stage.
    let (status, problem) =
        cast.ask("POST", &stages, &cast.officer, Some(whole(&hours_ago(1)))).await;
    assert_eq!(
        (status, items(&problem)),
        (422, vec![("/aware_at".to_owned(), "NRS-INTK-0029".to_owned())])
    );
    let mut last = whole(&aware);
    last["aware_at"] = Value::Null;
    let (status, answer) = cast.ask("POST", &stages, &cast.officer, Some(last)).await;
    assert_eq!(status, 201, "{answer}");
    let (_, report) = cast.ask("GET", &format!("/reports/{id}"), &cast.officer, None).await;
    assert_eq!(report["state"], "final-filed");
    let names: Vec<&str> =
        report["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap()).collect();
    assert_eq!(names, ["initial", "supplement", "final"]);
    assert!(
        report["obligations"].as_array().unwrap().iter().all(|owed| owed["met"].is_u64()),
        "{report}"
    );
    let (status, _) = cast.ask("POST", &stages, &cast.officer, Some(initial(&aware))).await;
    assert_eq!(status, 422, "an initial report does not follow a final one");
    let read = cast.test.house.store.read(noroshi::intake::read::correlation_items).await.unwrap();
    let values: Vec<String> = read[0].observables.iter().map(ToString::to_string).collect();
    assert_eq!(values, ["198.51.100.9", "203.0.113.7", "c2.example"]);
    // The same commits put it into the evidence graph: three versions of one incident, owned by the operator.
    let (source, org) = (format!("intake:{id}"), cast.officer.ctx.org.clone());
    let count = cast.test.house.store.read(move |reader| {
        reader.number(
            "SELECT count(*) FROM evidence_object WHERE type = 'incident' AND source = $1 AND originator = $2 \
             AND tlp = 'amber' AND has_comms = 0 AND has_secret = 0",
            &[noroshi::office::store::Value::from(source), noroshi::office::store::Value::from(&org)],
        )
    });
    assert_eq!(count.await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desks_of_the_law_see_it_and_nobody_else_does() {
    let cast = cast().await;
    let filed = cast.file(&cast.officer, initial(&hours_ago(2))).await;
    let path = format!("/reports/{}", filed["id"].as_str().unwrap());
    let absent = cast
        .ask("GET", "/reports/report-00000000000000000000000000000000", &cast.rival, None)
        .await;
    for (who, sees) in [
        (&cast.officer, true),
        (&cast.minister, true),
        (&cast.pm, true),
        (&cast.rival, false),
        (&cast.other_minister, false),
        (&cast.police, false),
    ] {
        let (status, answer) = cast.ask("GET", &path, who, None).await;
        assert_eq!(status, if sees { 200 } else { 404 }, "{} {answer}", who.ctx.hat);
        if !sees {
            assert_eq!(answer["code"], absent.1["code"], "absent and forbidden look the same");
        }
        let (_, list) = cast.ask("GET", "/reports", who, None).await;
        assert_eq!(
            list["items"].as_array().is_some_and(|items| items.len() == 1),
            sees,
            "{}",
            who.ctx.hat
        );
        assert_eq!(answer.get("seen_by").is_some(), who.ctx.hat == Hat::OperatorOfficer && sees);
    }
    // The operator sees which desks have read, and each reading is a leaf.
    let (_, report) = cast.ask("GET", &path, &cast.officer, None).await;
    let hats: Vec<&str> = report["seen_by"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seen| seen["hat"].as_str().unwrap())
        .collect();
    assert_eq!(hats, ["pm.desk", "minister.sector"]);
    let position = report["seen_by"][0]["position"].as_u64().unwrap();
    let proof = cast.test.house.log.prove(position).await.unwrap();
    let leaf: Value = serde_json::from_slice(&proof.leaf).unwrap();
    assert_eq!(leaf["fact"]["kind"], "access.view");
    for who in [&cast.rival, &cast.minister] {
        let stages = format!("{path}/stages");
        let (status, _) = cast.ask("POST", &stages, who, Some(whole(&hours_ago(2)))).await;
        assert!(status == 404 || status == 403, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_true_is_refused_with_its_place_and_a_next_step() {
    let cast = cast().await;
    let check = async |spoil: fn(&mut Value), pointer: &str, code: &str| {
        let mut body = initial(&hours_ago(2));
        spoil(&mut body);
        let (status, problem) = cast.ask("POST", "/reports", &cast.officer, Some(body)).await;
        assert_eq!(
            (status, items(&problem)),
            (422, vec![(pointer.to_owned(), code.to_owned())]),
            "{problem}"
        );
        assert!(
            !problem["next"].as_str().unwrap().contains('\u{27e6}'),
            "the next step has words: {problem}"
        );
        assert!(!problem["items"][0]["title"].as_str().unwrap().contains('\u{27e6}'), "{problem}");
    };
    check(|b| b["aware_at"] = json!("2026-02-31T00:00:00Z"), "/aware_at", "NRS-INTK-0023").await;
    check(|b| b["aware_at"] = json!("2199-01-01T00:00:00Z"), "/aware_at", "NRS-INTK-0011").await;
    check(|b| b["occurred_from"] = json!(hours_ago(1)), "/aware_at", "NRS-INTK-0012").await;
    check(|b| b["computers"][0]["class"] = json!("K9"), "/computers/0/class", "NRS-INTK-0020")
        .await;
    check(|b| b["outline"] = json!("長".repeat(20_001)), "/outline", "NRS-INTK-0021").await;
    check(|b| b["operator"]["name"] = json!(""), "/operator/name", "NRS-INTK-0002").await;
    check(|b| b["stage"] = json!("supplement"), "/stage", "NRS-INTK-0028").await;
    let mut last = initial(&hours_ago(2));
    last["stage"] = json!("final");
    let (_, problem) = cast.ask("POST", "/reports", &cast.officer, Some(last)).await;
    let pointers: Vec<String> = items(&problem).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(
        pointers,
        ["/technical", "/response", "/other"],
        "all that is missing is told at once"
    );
    let (_, kept) = cast.ask("GET", "/reports", &cast.officer, None).await;
    assert_eq!(kept["items"], json!([]), "nothing of a refused report was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_refused_before_they_are_read() {
    let cast = cast().await;
    let (url, token) = (cast.test.url("/api/v1/reports"), cast.officer.token.clone());
    let (deep, wide) =
        ("[".repeat(100_000), format!("{{\"outline\":\"{}\"}}", "x".repeat(12_000_000)));
    for (text, expected) in [(deep, 400), (wide, 413), ("{\"stage\":".to_owned(), 400)] {
        let (url, token) = (url.clone(), token.clone());
        let status = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let sent =
                agent.post(&url).header("authorization", format!("Bearer {token}")).send(text);
            // A server that stops reading may close before everything is sent.
            sent.map_or(413, |answer| answer.status().as_u16())
        });
        assert_eq!(status.await.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unregistered_computer_is_filed_with_a_remark() {
    let cast = cast().await;
    let mut body = initial(&hours_ago(2));
    body["computers"][0]["registered"] = json!(false);
    let filed = cast.file(&cast.officer, body).await;
    assert_eq!(
        filed["notes"],
        json!([{ "code": "NRS-INTK-0016", "pointer": "/computers/0/registered" }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_final_report_is_due_on_the_days_of_the_vectors() {
    let cast = cast().await;
    // Vectors that lie ahead of the machine's clock are checked beside the rule (`intake::act`).
    let aware: jiff::Timestamp = hours_ago(2).parse().unwrap();
    let filed = cast.file(&cast.officer, initial(&aware.to_string())).await;
    let day = noroshi_charter::calendar::civil_day(aware);
    let thirtieth = day.checked_add(jiff::Span::new().days(30)).unwrap();
    assert_eq!(filed["due"]["statutory"], thirtieth.to_string());
    let shifted: jiff::civil::Date = filed["due"]["shifted"].as_str().unwrap().parse().unwrap();
    assert!(shifted >= thirtieth);
    let filed = cast.file(&cast.officer, initial("2026-10-16T12:00:00+09:00")).await;
    // 15 November 2026 is a Sunday.
    assert_eq!(filed["due"], json!({ "statutory": "2026-11-15", "shifted": "2026-11-16" }));
    let filed = cast.file(&cast.officer, initial("2026-09-30T12:00:00+09:00")).await;
    assert_eq!(
        filed["due"],
        json!({ "statutory": null, "shifted": null }),
        "no clock before the Act is in force"
    );
    let (_, late) = cast.ask("GET", "/reports?overdue=true", &cast.pm, None).await;
    let late: Vec<&Value> =
        late["items"].as_array().unwrap().iter().map(|item| &item["due"]["shifted"]).collect();
    let now_late = jiff::Timestamp::now() >= "2026-11-17T00:00:00+09:00".parse().unwrap();
    assert_eq!(late.len(), usize::from(now_late), "late is computed from the data when it is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_of_the_awareness_is_appended_and_counts_anew() {
    let cast = cast().await;
    let filed = cast.file(&cast.officer, initial("2026-11-02T12:00:00+09:00")).await;
    let id = filed["id"].as_str().unwrap().to_owned();
    let path = format!("/reports/{id}/awareness");
    let corrected =
        json!({ "aware_at": "2026-11-01T09:00:00+09:00", "reason": "夜勤の記録で判明" });
    let (status, problem) = cast
        .ask(
            "POST",
            &path,
            &cast.officer,
            Some(json!({ "aware_at": "2026-11-01T09:00:00+09:00", "reason": " " })),
        )
        .await;
    assert_eq!(
        (status, items(&problem)),
        (422, vec![("/reason".to_owned(), "NRS-INTK-0031".to_owned())])
    );
    let (status, _) = cast.ask("POST", &path, &cast.rival, Some(corrected.clone())).await;
    assert_eq!(status, 404);
    let (status, answer) = cast.ask("POST", &path, &cast.officer, Some(corrected)).await;
    assert_eq!(status, 201, "{answer}");
    let (_, report) = cast.ask("GET", &format!("/reports/{id}"), &cast.officer, None).await;
    assert_eq!(report["due"]["statutory"], "2026-12-01");
    let said: Vec<&str> = report["awareness"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["aware_at"].as_str().unwrap())
        .collect();
    assert_eq!(
        said,
        ["2026-11-02T03:00:00.000Z", "2026-11-01T00:00:00.000Z"],
        "the first word stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_filing_is_one_report_with_one_receipt() {
    let cast = cast().await;
    let body = initial(&hours_ago(2)).to_string();
    let send = |text: String| {
        let (url, token) = (cast.test.url("/api/v1/reports"), cast.officer.token.clone());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let sent = agent
                .post(&url)
                .header("authorization", format!("Bearer {token}"))
                .header("idempotency-key", "one")
                .send(text)
                .unwrap();
            let status = sent.status().as_u16();
            let text = sent.into_body().read_to_string().unwrap();
            (status, serde_json::from_str::<Value>(&text).unwrap())
        })
    };
    let first = send(body.clone()).await.unwrap();
    let again = send(body.clone()).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(first.0, 201);
    let other = send(body.replace("alert", "other")).await.unwrap();
    assert_eq!(other.0, 422, "the same key for another request");
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_kept_shared_in_the_house_and_never_overwritten_unseen() {
    let cast = cast().await;
    let draft = json!({ "content": { "stage": "initial", "outline": "途中" } });
    let (status, begun) = cast.ask("POST", "/drafts", &cast.officer, Some(draft)).await;
    assert_eq!(status, 201, "{begun}");
    let path = format!("/drafts/{}", begun["id"].as_str().unwrap());
    assert_eq!(cast.ask("GET", &path, &cast.rival, None).await.0, 404);
    assert_eq!(cast.ask("GET", &path, &cast.minister, None).await.0, 404);
    let mut more = initial(&hours_ago(2));
    more["outline"] = json!("続き");
    let save = |version: u64| json!({ "version": version, "content": more });
    assert_eq!(cast.ask("PUT", &path, &cast.officer, Some(save(1))).await.0, 200);
    assert_eq!(
        cast.ask("PUT", &path, &cast.officer, Some(save(1))).await.0,
        409,
        "somebody saved meanwhile"
    );
    let (_, kept) = cast.ask("GET", &path, &cast.officer, None).await;
    assert_eq!(kept["content"]["outline"], "続き");
    // A refused filing leaves the draft as it was; a filing ends it and gives the report its id.
    let query = format!("/reports?draft={}", begun["id"].as_str().unwrap());
    let mut bad = more.clone();
    bad["operator"]["contact"] = json!("");
    assert_eq!(cast.ask("POST", &query, &cast.officer, Some(bad)).await.0, 422);
    assert_eq!(cast.ask("GET", &path, &cast.officer, None).await.0, 200);
    let (status, filed) = cast.ask("POST", &query, &cast.officer, Some(more)).await;
    assert_eq!((status, &filed["id"]), (201, &begun["id"]));
    assert_eq!(cast.ask("GET", &path, &cast.officer, None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_by_cursor_without_gap_or_repeat() {
    let cast = cast().await;
    let mut filed = Vec::new();
    for _ in 0..5 {
        filed.push(
            cast.file(&cast.officer, initial(&hours_ago(2))).await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    filed.sort_unstable_by(|a, b| b.cmp(a));
    let (mut seen, mut path) = (Vec::new(), "/reports?limit=2".to_owned());
    loop {
        let (_, page) = cast.ask("GET", &path, &cast.pm, None).await;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["cursor"].as_str() else { break };
        path = format!("/reports?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, filed);
    assert_eq!(cast.ask("GET", "/reports?cursor=!!", &cast.pm, None).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_final_report_is_reminded_of_once_and_in_the_log() {
    let cast = cast().await;
    let filed = cast.file(&cast.officer, initial("2026-10-02T12:00:00+09:00")).await;
    let id = filed["id"].as_str().unwrap().to_owned();
    let mut grown = cast.test.house.door.size();
    let reminded = async |id: String| {
        let rows = cast.test.house.store.read(move |reader| {
            reader.number(
                "SELECT count(*) FROM office_audit WHERE command = 'intake.remind' AND subject = $1",
                &[noroshi::office::store::Value::from(id)],
            )
        });
        rows.await.unwrap()
    };
    while reminded(id.clone()).await == 0 {
        grown.changed().await.unwrap();
    }
    let org = cast.officer.ctx.org.clone();
    let rows = cast
        .test
        .house
        .store
        .read(move |reader| noroshi::intake::read::reminders(reader, &org))
        .await
        .unwrap();
    assert_eq!(rows.iter().map(|(_, kind)| kind.as_str()).collect::<Vec<_>>(), ["over"]);
    assert_eq!(reminded(id).await, 1);
}

/// A browser: a session cookie and the token its forms carry.
struct Browser<'a> {
    cast: &'a Cast,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    async fn of(cast: &'a Cast, who: &Someone) -> Self {
        use noroshi::office::people;
        let house = &cast.test.house;
        let (person, hat) = (who.ctx.person.clone(), who.ctx.hat);
        let hats = house.store.read(move |reader| people::hats_of(reader, &person)).await.unwrap();
        let held = hats.into_iter().find(|held| held.hat == hat).unwrap();
        let (change, secret) = people::open_session(&who.ctx.person, &held, house.clock.now(), 1);
        house.door.commit(&who.ctx, change).await.unwrap();
        let (found, now) = (secret.reveal().to_owned(), house.clock.now());
        let session = house
            .store
            .read(move |reader| people::find_session(reader, &found, now))
            .await
            .unwrap()
            .unwrap();
        Self { cast, cookie: format!("noroshi_session={}", secret.reveal()), csrf: session.csrf }
    }

    /// Status, where it leads, and the page.
    async fn go(&self, path: &str, form: Option<&[(&str, &str)]>) -> (u16, String, String) {
        let (url, cookie) = (self.cast.test.url(path), self.cookie.clone());
        let form: Option<Vec<(String, String)>> = form.map(|pairs| {
            let own = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            own.chain([("csrf".to_owned(), self.csrf.clone())]).collect()
        });
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .build()
                .into();
            let answer = match form {
                Some(form) => agent.post(&url).header("cookie", &cookie).send_form(form),
                None => agent.get(&url).header("cookie", &cookie).call(),
            };
            let mut answer = answer.unwrap();
            let to =
                answer.headers().get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
            (answer.status().as_u16(), to, answer.body_mut().read_to_string().unwrap())
        })
        .await
        .unwrap()
    }
}

fn today() -> (String, String, String) {
    let day = noroshi_charter::calendar::civil_day(
        jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1),
    );
    (format!("R{}", day.year() - 2018), day.month().to_string(), day.day().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_files_on_the_form_without_javascript() {
    let cast = cast().await;
    let officer = Browser::of(&cast, &cast.officer).await;
    let (status, _, page) = officer.go("/intake", None).await;
    assert_eq!(status, 200);
    assert!(page.contains("href=\"/intake/new\""), "one way to report, always there");
    // An impossible day: refused, what was typed is kept, a draft exists.
    let bad = [
        ("aware-year", "２０２６"),
        ("aware-month", "2"),
        ("aware-day", "31"),
        ("outline", "配電停止"),
        ("go", "next"),
    ];
    let (status, _, page) = officer.go("/intake/new", Some(&bad)).await;
    assert_eq!(status, 422);
    assert!(
        page.contains("NRS-FORM-0004")
            && page.contains("配電停止")
            && page.contains("value=\"31\""),
        "{page}"
    );
    let (_, _, list) = officer.go("/intake", None).await;
    let draft = list.split("/intake/drafts/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let step = |name: &str| format!("/intake/drafts/{draft}/{name}");
    assert!(
        page.contains(&format!("action=\"{}\"", step("what"))),
        "sent again, it goes on with the same draft"
    );
    let (year, month, day) = today();
    let good = [
        ("aware-year", year.as_str()),
        ("aware-month", &month),
        ("aware-day", &day),
        ("aware-hour", "０"),
        ("aware-minute", "0"),
        ("outline", "配電停止"),
        ("events", "traces"),
        ("events", "unauthorised-access"),
        ("go", "next"),
    ];
    let (status, to, page) = officer.go(&step("what"), Some(&good)).await;
    assert_eq!((status, to.as_str()), (303, step("computers").as_str()), "{page}");
    let (status, to, _) = officer
        .go(
            &to,
            Some(&[
                ("rows", "1"),
                ("computer-0-class", "K1"),
                ("computer-0-name", "EMS"),
                ("go", "more"),
            ]),
        )
        .await;
    assert_eq!((status, to.as_str()), (303, step("computers").as_str()));
    let (_, _, page) = officer.go(&to, None).await;
    assert!(page.contains("computer-1-class"), "another row");
    let rows = [
        ("rows", "2"),
        ("computer-0-class", "K1"),
        ("computer-0-name", "EMS"),
        ("computer-0-registered", "yes"),
        ("go", "next"),
    ];
    let (_, to, _) = officer.go(&to, Some(&rows)).await;
    let (_, to, _) = officer
        .go(&to, Some(&[("indicators", "hxxp://c2[.]example/ 203.0.113.7 ???"), ("go", "check")]))
        .await;
    assert_eq!(to, step("technical"));
    let (_, _, page) = officer.go(&to, None).await;
    assert!(
        page.contains("203[.]0[.]113[.]7") && page.contains("???"),
        "shows what was understood and what was not"
    );
    let (_, to, _) = officer.go(&to, Some(&[("indicators", "203.0.113.7"), ("go", "next")])).await;
    let (_, to, _) =
        officer.go(&to, Some(&[("damage", "intrusion"), ("stop", "４２"), ("go", "next")])).await;
    assert_eq!(to, step("review"));
    // Nothing to say who reports: told on the page, nothing lost.
    let (status, _, page) =
        officer.go(&to, Some(&[("operator-name", "架空電力"), ("go", "file")])).await;
    assert_eq!(status, 422);
    assert!(page.contains("NRS-INTK-0003") && page.contains("配電停止"), "{page}");
    let file = [
        ("operator-name", "架空電力"),
        ("operator-contact", "soc@operator.example"),
        ("go", "file"),
    ];
    let (status, receipt, page) = officer.go(&step("review"), Some(&file)).await;
    assert_eq!(status, 303, "{page}");
    let (status, _, page) = officer.go(&receipt, None).await;
    assert_eq!(status, 200);
    assert!(page.contains("tlog-proof") && page.contains("SHA-256"));
    assert!(!page.contains('\u{27e6}'), "every word is there");
    // The button pressed twice leads to the same report.
    let (status, to, _) = officer.go(&step("review"), Some(&file)).await;
    assert_eq!((status, to.as_str()), (303, format!("/intake/reports/{draft}").as_str()));
    let base = receipt.split('?').next().unwrap().to_owned();
    let (_, _, proof) = officer.go(&format!("{base}/proof.txt"), None).await;
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nindex "), "{proof}");
    // The full report begins with what the initial one said.
    let report = format!("/intake/reports/{draft}");
    let (status, to, _) =
        officer.go(&format!("{report}/stages"), Some(&[("stage", "final")])).await;
    assert_eq!(status, 303);
    let (_, _, page) = officer.go(&to, None).await;
    assert!(
        page.contains("配電停止") && !page.contains("name=\"aware-year\""),
        "prefilled, the awareness stands"
    );
    // The desks see it on their page, the officer sees that they did.
    let minister = Browser::of(&cast, &cast.minister).await;
    let (_, _, page) = minister.go("/intake?overdue=&state=initial-filed", None).await;
    assert!(page.contains("配電停止"));
    assert_eq!(minister.go(&report, None).await.0, 200);
    let rival = Browser::of(&cast, &cast.rival).await;
    assert_eq!(rival.go(&report, None).await.0, 404);
    assert_eq!(rival.go(&base, None).await.0, 404);
    let (_, _, page) = officer.go(&report, None).await;
    assert!(page.contains("所管大臣の窓口"), "who has read it");
    assert!(!page.contains('\u{27e6}'), "every word is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_one_draft_do_not_overwrite_each_other() {
    let cast = cast().await;
    let officer = Browser::of(&cast, &cast.officer).await;
    let (status, _, page) =
        officer.go("/intake/new", Some(&[("outline", "一"), ("go", "save")])).await;
    assert_eq!(status, 303, "{page}");
    let (_, _, list) = officer.go("/intake", None).await;
    let draft = list.split("/intake/drafts/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let path = format!("/intake/drafts/{draft}/technical");
    let save = |text: &'static str| [("technical", text), ("version", "1"), ("go", "save")];
    assert_eq!(officer.go(&path, Some(&save("甲の記述"))).await.0, 303);
    let (status, _, page) = officer.go(&path, Some(&save("乙の記述"))).await;
    assert_eq!(status, 409);
    assert!(page.contains("乙の記述"), "the later writer's words are still on the page");
    let (_, _, page) = officer.go(&path, None).await;
    assert!(page.contains("甲の記述"), "and the earlier ones in the draft");
}
