//! From a request to the device and back: real gateway processes, a real packet filter in a name space of its own, a
//! real resolver. What this machine cannot do is printed and left out.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use noroshi::config::{Actuator, Config};
use noroshi::office::commit::Change;
use noroshi::office::id::OrgId;
use noroshi::office::people::{self, Org};
use noroshi::response::{draft, read, seal};
use noroshi_charter::hat::Hat;
use noroshi_codec::dsse;
use serde_json::{Value, json};

use crate::house::{Someone, TestHouse, ask, system};

const ADDRESS: &str = "203.0.113.77";
const NAME: &str = "c2.lantern.example";
const TOKEN: &str = "a-bearer-secret-for-tests";

/// A network name space for one test; goes with it.
struct Netns(String);

impl Netns {
    fn make(name: &str) -> Option<Self> {
        let netns = format!("nrs-test-{}-{name}", std::process::id());
        let quiet = |arguments: &[&str]| {
            let status = Command::new("ip")
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        if !quiet(&["netns", "add", &netns]) {
            println!("not root, or no `ip`: the packet filter is not tested");
            return None;
        }
        let made = Self(netns);
        if quiet(&["netns", "exec", &made.0, "nft", "list", "tables"]) {
            return Some(made);
        }
        println!("no `nft` in a name space here: the packet filter is not tested");
        None
    }

    /// The set of blocked addresses, as the kernel has it.
    fn set(&self) -> String {
        let output = Command::new("ip")
            .args(["netns", "exec", &self.0, "nft", "list", "set", "inet", "noroshi", "block4"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _gone = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

/// A gateway process of this very program.
struct Gateway {
    child: Option<Child>,
    place: PathBuf,
    port: u16,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl Gateway {
    fn prepare(
        place: &Path,
        netns: Option<&Netns>,
        reload: &[String],
        trust: (&str, &str),
    ) -> Self {
        let place = place.join("gateway");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("token"), TOKEN).unwrap();
        let port = free_port();
        let path = |name: &str| format!("{:?}", place.join(name).display().to_string());
        let mut text = format!(
            "name = \"gw\"\norg = \"org-power\"\nlisten = \"127.0.0.1:{port}\"\ntoken_file = {}\nstate_dir = {}\n\
             commission_key = \"{}\"\nlog_vkey = \"{}\"\n[rpz]\nzone = \"rpz.example\"\nfile = {}\nreload = {reload:?}\n",
            path("token"),
            path("state"),
            trust.0,
            trust.1,
            path("rpz.zone"),
        );
        if let Some(netns) = netns {
            text.push_str(&format!("[nft]\nnetns = \"{}\"\n", netns.0));
        }
        std::fs::write(place.join("gateway.toml"), text).unwrap();
        Self { child: None, place, port }
    }

    fn start(&mut self) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_noroshi"))
            .args(["gateway", "serve", "--config"])
            .arg(self.place.join("gateway.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It says where it listens once it does.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(&self.port.to_string()), "{line}");
        self.child = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }

    fn zone(&self) -> String {
        std::fs::read_to_string(self.place.join("rpz.zone")).unwrap_or_default()
    }

    /// Sends a message as the office would.
    async fn send(&self, message: Value) -> (u16, Value) {
        let url = format!("http://127.0.0.1:{}/.well-known/openc2", self.port);
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut answer = agent
                .post(url)
                .header("authorization", &format!("Bearer {TOKEN}"))
                .header("content-type", "application/openc2+json;version=1.0")
                .send(message.to_string())
                .unwrap();
            let status = answer.status().as_u16();
            (status, serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap())
        })
        .await
        .unwrap()
    }
}

/// Everybody of the story.
struct Cast {
    test: TestHouse,
    gateway: Gateway,
    officer: Someone,
    police: Someone,
    chair: Someone,
    members: Vec<Someone>,
    executor: Someone,
}

fn config(port: u16, token: &Path) -> Config {
    let mut config = TestHouse::config();
    config.actuators = vec![Actuator {
        name: "gw".to_owned(),
        org: "org-power".to_owned(),
        url: format!("http://127.0.0.1:{port}/.well-known/openc2"),
        token_file: token.to_owned(),
    }];
    config
}

/// A house, an operator with a gateway that is not started yet, a commission of three, police, an executor.
async fn cast(netns: Option<&Netns>, reload: &[String]) -> Cast {
    let dir = tempfile::tempdir().unwrap();
    let seed = seal::load_key(dir.path()).unwrap();
    let mut gateway =
        Gateway::prepare(dir.path(), netns, reload, (&dsse::public_key_text(&seed), "to be set"));
    let test = TestHouse::open_with(dir, config(gateway.port, &gateway.place.join("token"))).await;
    let file = gateway.place.join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("to be set", test.house.log.vkey());
    std::fs::write(&file, text).unwrap();
    gateway.child = None;
    let power = Org {
        org: OrgId::parse("org-power").unwrap(),
        name_ja: "架空電力".to_owned(),
        name_en: "Fictional Power".to_owned(),
        kind: "operator".to_owned(),
        sector: Some("electricity".to_owned()),
    };
    let change = Change::office("org.add", "org-power").write(people::insert_org(&power));
    test.house.door.commit(&system(&test.house), change).await.unwrap();
    let commission = test.org("commission", "commission", None).await;
    let police_org = test.org("police", "police", None).await;
    let response = test.org("response", "office", None).await;
    let officer = test.person("officer", &power, Hat::OperatorOfficer).await;
    let police = test.person("police", &police_org, Hat::PoliceRequester).await;
    let chair = test.person("chair", &commission, Hat::CommissionChair).await;
    let members = vec![
        test.person("member-a", &commission, Hat::CommissionMember).await,
        test.person("member-b", &commission, Hat::CommissionMember).await,
    ];
    let executor = test.person("executor", &response, Hat::Executor).await;
    Cast { test, gateway, officer, police, chair, members, executor }
}

fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Cast {
    async fn post(&self, who: &Someone, path: &str, body: Value) -> (u16, Value) {
        ask("POST", self.test.url(&format!("/api/v1{path}")), &who.token, Some(body)).await
    }

    async fn done(&self, who: &Someone, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(who, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    async fn consent(&self) {
        let expires = stamp(Timestamp::now() + SignedDuration::from_hours(1));
        let consent = json!({ "actuator": "gw", "actions": ["deny.address", "deny.domain"], "assets": "border", "expires_at": expires });
        self.done(&self.officer, "/consents", consent).await;
    }

    fn measure(with_address: bool, seconds: u64, window: i64) -> Value {
        let mut targets = vec![NAME];
        let mut actions =
            vec![json!({ "target": NAME, "action": "deny.domain", "actuators": ["gw"] })];
        if with_address {
            targets.push(ADDRESS);
            actions
                .push(json!({ "target": ADDRESS, "action": "deny.address", "actuators": ["gw"] }));
        }
        let now = Timestamp::now();
        json!({
            "case": "case-1", "kind": "defensive", "purpose": "stop commands", "legal_basis": "consent",
            "necessity": "notices do not suffice", "proportionality": "two targets", "scope": "one operator",
            "side_effects": "none known", "location": "unknown",
            "consultations": [{ "who": "minister.foreign", "at": stamp(now), "reference": "record-1" }],
            "targets": targets, "actions": actions, "not_before": stamp(now),
            "not_after": stamp(now + SignedDuration::from_secs(window)), "effect_seconds_max": seconds,
        })
    }

    fn vote(digest: &Value) -> Value {
        json!({ "choice": "approve", "reasons": "necessary and in proportion", "conditions": ["report"], "request_digest": digest })
    }

    /// Asks and has it approved; gives the measure's identifier.
    async fn approved(&self, measure: Value) -> String {
        self.consent().await;
        let asked = self.done(&self.police, "/measures", measure).await;
        let id = asked["id"].as_str().unwrap().to_owned();
        for member in &self.members {
            let vote = self
                .done(
                    member,
                    &format!("/measures/{id}/votes"),
                    Self::vote(&asked["request_digest"]),
                )
                .await;
            assert_eq!(vote["state"], "requested");
        }
        let vote = Self::vote(&asked["request_digest"]);
        let decided = self.done(&self.chair, &format!("/measures/{id}/votes"), vote).await;
        assert_eq!(decided["state"], "approved", "{decided}");
        id
    }

    async fn state(&self, id: &str) -> Value {
        let (status, state) =
            ask("GET", self.test.url(&format!("/api/v1/measures/{id}")), &self.police.token, None)
                .await;
        assert_eq!(status, 200, "{state}");
        state
    }

    async fn until(&self, id: &str, wanted: &str) -> Value {
        let began = Instant::now();
        loop {
            let state = self.state(id).await;
            if state["state"] == wanted {
                return state;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "never `{wanted}`: {state}");
            crate::house::pause(Duration::from_millis(50)).await;
        }
    }

    /// The kinds of measure leaves in the log, in order.
    fn leaves(&self) -> Vec<String> {
        let kinds = self.test.house.store.read_now(|reader| {
            reader.all("SELECT bytes FROM office_leaf ORDER BY position", &[], |row| {
                let leaf = noroshi_ledger::leaf::Leaf::decode(&row.blob(0)?).unwrap();
                Ok(leaf.fact.kind().to_owned())
            })
        });
        kinds.unwrap().into_iter().filter(|kind| kind.starts_with("measure.")).collect()
    }
}

/// The published log, as a stranger reads it.
struct Folder(PathBuf);

impl noroshi_ledger::verify::Source for Folder {
    fn read(
        &mut self,
        path: &str,
        _most: usize,
    ) -> Result<Option<Vec<u8>>, noroshi_ledger::verify::SourceError> {
        Ok(std::fs::read(self.0.join(path)).ok())
    }
}

impl Cast {
    /// Whoever holds the log finds every rule of a measure kept.
    async fn verify_log(&self) {
        let house = &self.test.house;
        let last = *house.door.size().borrow() - 1;
        house.log.covers(last).await.unwrap();
        let options = noroshi_ledger::verify::Options {
            key: house.log.vkey().parse().unwrap(),
            earlier: None,
        };
        let report =
            noroshi_ledger::verify::verify(&mut Folder(self.test.dir.path().join("log")), &options)
                .unwrap();
        assert_eq!(report.measures.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measure_from_request_to_its_end_at_a_real_device() {
    let netns = Netns::make("whole");
    let mut cast = cast(netns.as_ref(), &[]).await;
    cast.gateway.start();
    let id = cast.approved(Cast::measure(netns.is_some(), 4, 600)).await;
    let (status, refused) =
        cast.post(&cast.police, &format!("/measures/{id}/execute"), json!({})).await;
    assert_eq!(status, 403, "{refused}");
    cast.done(&cast.executor, &format!("/measures/{id}/execute"), json!({})).await;
    let active = cast.until(&id, "active").await;
    assert!(cast.gateway.zone().contains(&format!("*.{NAME} CNAME .")), "{}", cast.gateway.zone());
    if let Some(netns) = &netns {
        let set = netns.set();
        assert!(set.contains(ADDRESS) && set.contains("timeout 4s"), "{set}");
    }
    assert!(
        active["effects"].as_array().unwrap().iter().all(|effect| effect["state"] == "active"),
        "{active}"
    );
    let ended = cast.until(&id, "ended").await;
    assert!(
        ended["effects"].as_array().unwrap().iter().all(|effect| effect["state"] == "expired"),
        "{ended}"
    );
    assert!(!cast.gateway.zone().contains(NAME));
    if let Some(netns) = &netns {
        assert!(!netns.set().contains(ADDRESS), "{}", netns.set());
    }
    cast.done(&cast.police, &format!("/measures/{id}/after-report"), json!({ "text": "done" }))
        .await;
    let leaves = cast.leaves();
    assert_eq!(
        leaves[..6],
        [
            "measure.requested",
            "measure.vote",
            "measure.vote",
            "measure.vote",
            "measure.decided",
            "measure.execute.begin"
        ]
    );
    assert_eq!(leaves.last().unwrap(), "measure.report");
    cast.verify_log().await;
}

impl Cast {
    /// The message that the office would send for the first effect, to be spoiled.
    async fn message(&self, id: &str) -> Value {
        let wanted = id.to_owned();
        let house = &self.test.house;
        let found =
            house.store.read(move |reader| read::measure(reader, &wanted)).await.unwrap().unwrap();
        let planned = &found.plan.effects[0];
        let target = noroshi::response::gateway::guard().check(&planned.target).unwrap();
        let command =
            draft::command_of(id, &planned.effect, "gw", &target, found.body.effect_seconds_max);
        let proof = house.log.prove(u64::try_from(found.position.unwrap()).unwrap()).await.unwrap();
        let carried = seal::Carried {
            authorisation: serde_json::from_str(&found.authorisation.unwrap()).unwrap(),
            plan: found.plan.clone(),
            proof: proof.into(),
        };
        json!({ "headers": { "x-noroshi": carried }, "body": { "openc2": { "request": command } } })
    }
}

/// Status and words of a gateway's answer.
fn told(answer: &(u16, Value)) -> (u16, String) {
    let text = answer
        .1
        .pointer("/body/openc2/response/status_text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    (answer.0, text.chars().take(13).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_believes_nobodys_word_and_acts_once() {
    let mut cast = cast(None, &[]).await;
    cast.gateway.start();
    let id = cast.approved(Cast::measure(false, 60, 600)).await;
    let sound = cast.message(&id).await;
    let spoil = |change: &dyn Fn(&mut Value)| {
        let mut message = sound.clone();
        change(&mut message);
        message
    };
    let sign = |payload: &[u8]| json!(dsse::Envelope::sign(dsse::IN_TOTO, payload, &[9; 32]));
    let cases: Vec<(&str, Value)> = vec![
        ("NRS-GATE-0003", spoil(&|m| m["headers"] = json!({}))),
        ("NRS-GATE-0003", spoil(&|m| m["headers"]["x-noroshi"]["authorisation"] = sign(b"{}"))),
        (
            "NRS-GATE-0003",
            spoil(&|m| m["headers"]["x-noroshi"]["authorisation"]["signatures"] = json!([])),
        ),
        (
            "NRS-GATE-0005",
            spoil(&|m| {
                m["headers"]["x-noroshi"]["plan"]["effects"][0]["target"] = json!("other.example")
            }),
        ),
        (
            "NRS-GATE-0006",
            spoil(&|m| {
                m["body"]["openc2"]["request"]["target"] = json!({ "domain_name": "other.example" })
            }),
        ),
        (
            "NRS-GATE-0006",
            spoil(&|m| m["body"]["openc2"]["request"]["args"]["duration"] = json!(6_000_000)),
        ),
        (
            "NRS-GATE-0006",
            spoil(&|m| m["body"]["openc2"]["request"]["command_id"] = json!("another")),
        ),
        ("NRS-GATE-0008", spoil(&|m| m["headers"]["x-noroshi"]["proof"]["index"] = json!(0))),
        (
            "NRS-GATE-0008",
            spoil(&|m| m["headers"]["x-noroshi"]["proof"]["checkpoint"] = json!("x\n\n")),
        ),
    ];
    for (code, message) in cases {
        assert_eq!(told(&cast.gateway.send(message).await), (403, code.to_owned()));
    }
    assert!(!cast.gateway.zone().contains(NAME), "nothing took effect");
    let first = cast.gateway.send(sound.clone()).await;
    assert_eq!(first.0, 200, "{}", first.1);
    let zone = cast.gateway.zone();
    assert!(zone.contains(NAME));
    let again = cast.gateway.send(sound.clone()).await;
    assert_eq!(again.1["body"], first.1["body"], "the same command is answered as before");
    assert_eq!(cast.gateway.zone(), zone, "and has no second effect");
    // Across a restart too.
    cast.gateway.kill();
    cast.gateway.start();
    assert_eq!(cast.gateway.send(sound.clone()).await.1["body"], first.1["body"]);
    // The operator's own switch ends everything.
    std::fs::write(cast.gateway.place.join("state/stop"), "").unwrap();
    cast.gateway.kill();
    cast.gateway.start();
    assert!(!cast.gateway.zone().contains(NAME));
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_belong_to_a_text_and_never_to_who_asked() {
    let cast = cast(None, &[]).await;
    cast.consent().await;
    let asked = cast.done(&cast.police, "/measures", Cast::measure(false, 60, 600)).await;
    let id = asked["id"].as_str().unwrap().to_owned();
    let votes = format!("/measures/{id}/votes");
    let vote = Cast::vote(&asked["request_digest"]);
    assert_eq!(cast.post(&cast.police, &votes, vote.clone()).await.0, 403);
    assert_eq!(cast.post(&cast.executor, &votes, vote.clone()).await.0, 403);
    let silent =
        json!({ "choice": "refuse", "reasons": " ", "request_digest": asked["request_digest"] });
    assert_eq!(cast.post(&cast.chair, &votes, silent).await.1["code"], "NRS-RESP-0007");
    cast.done(&cast.chair, &votes, vote.clone()).await;
    assert_eq!(
        cast.post(&cast.chair, &votes, vote.clone()).await.1["code"],
        "NRS-RESP-0017",
        "one vote a member"
    );
    cast.done(&cast.members[0], &votes, vote.clone()).await;
    // An edit is another text: two votes are void, and the third alone decides nothing.
    let mut edited = Cast::measure(false, 60, 600);
    edited["purpose"] = json!("stop commands, more of them");
    let (status, again) = ask(
        "PUT",
        cast.test.url(&format!("/api/v1/measures/{id}")),
        &cast.police.token,
        Some(edited.clone()),
    )
    .await;
    assert_eq!(status, 200, "{again}");
    assert_ne!(again["request_digest"], asked["request_digest"]);
    assert_eq!(cast.post(&cast.members[1], &votes, vote).await.1["code"], "NRS-RESP-0002");
    let vote = Cast::vote(&again["request_digest"]);
    assert_eq!(cast.done(&cast.members[1], &votes, vote.clone()).await["state"], "requested");
    assert_eq!(cast.done(&cast.members[0], &votes, vote.clone()).await["state"], "requested");
    assert_eq!(cast.done(&cast.chair, &votes, vote).await["state"], "approved");
    // After approval too: what was approved is not what stands there now.
    edited["purpose"] = json!("something else again");
    ask("PUT", cast.test.url(&format!("/api/v1/measures/{id}")), &cast.police.token, Some(edited))
        .await;
    let (status, refused) =
        cast.post(&cast.executor, &format!("/measures/{id}/execute"), json!({})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("NRS-RESP-0003")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_begin_does_not_begin() {
    let cast = cast(None, &[]).await;
    // Without consent a request names nobody's network.
    let (status, refused) =
        cast.post(&cast.police, "/measures", Cast::measure(false, 60, 600)).await;
    assert_eq!((status, &refused["items"][0]["code"]), (422, &json!("NRS-RESP-0015")), "{refused}");
    let id = cast.approved(Cast::measure(false, 60, 3)).await;
    let mut guarded = Cast::measure(false, 60, 600);
    guarded["targets"] = json!(["www.cyber.go.jp"]);
    guarded["actions"] =
        json!([{ "target": "www.cyber.go.jp", "action": "deny.domain", "actuators": ["gw"] }]);
    assert_eq!(cast.post(&cast.police, "/measures", guarded).await.0, 422);
    let (_, consents) =
        ask("GET", cast.test.url("/api/v1/consents"), &cast.officer.token, None).await;
    let consent = consents["items"][0]["consent"].as_str().unwrap().to_owned();
    let gone = ask(
        "DELETE",
        cast.test.url(&format!("/api/v1/consents/{consent}")),
        &cast.officer.token,
        None,
    )
    .await;
    assert_eq!(gone.0, 204, "{}", gone.1);
    let execute = format!("/measures/{id}/execute");
    let (status, refused) = cast.post(&cast.executor, &execute, json!({})).await;
    assert_eq!((status, &refused["items"][0]["code"]), (409, &json!("NRS-RESP-0304")), "{refused}");
    cast.consent().await;
    let state = cast.state(&id).await;
    let over: Timestamp = state["not_after"].as_str().unwrap().parse().unwrap();
    while Timestamp::now() < over {
        crate::house::pause(Duration::from_millis(50)).await;
    }
    let (status, refused) = cast.post(&cast.executor, &execute, json!({})).await;
    assert_eq!((status, &refused["items"][0]["code"]), (409, &json!("NRS-RESP-0303")), "{refused}");
    assert!(!cast.leaves().iter().any(|kind| kind == "measure.execute.begin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_begin_and_end_is_made_good_once() {
    let cast = cast(None, &[]).await;
    let id = cast.approved(Cast::measure(false, 60, 600)).await;
    // The gateway is down: the effect has begun and cannot end.
    cast.done(&cast.executor, &format!("/measures/{id}/execute"), json!({})).await;
    assert_eq!(cast.state(&id).await["effects"][0]["state"], "begun");
    let Cast { test, mut gateway, officer, police, chair, members, executor } = cast;
    let TestHouse { house, serving, dir } = test;
    serving.stop().await;
    drop(house);
    gateway.start();
    let test = TestHouse::open_with(dir, config(gateway.port, &gateway.place.join("token"))).await;
    let cast = Cast { test, gateway, officer, police, chair, members, executor };
    cast.until(&id, "active").await;
    assert!(cast.gateway.zone().contains(NAME));
    let count = |wanted: &str| cast.leaves().iter().filter(|kind| *kind == wanted).count();
    assert_eq!((count("measure.execute.begin"), count("measure.execute.end")), (1, 1));
    // One person takes it back, without approval.
    cast.done(
        &cast.executor,
        &format!("/measures/{id}/rollback"),
        json!({ "reason": "side effects" }),
    )
    .await;
    let ended = cast.until(&id, "ended").await;
    assert_eq!(ended["effects"][0]["state"], "rolled_back", "{ended}");
    assert!(!cast.gateway.zone().contains(NAME));
    assert_eq!(count("measure.ended"), 1);
    cast.verify_log().await;
}

/// A resolver on the loopback with the policy zone of the gateway.
struct Named {
    child: Child,
    port: u16,
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Named {
    /// The reload command and the configuration, before the gateway exists.
    fn reload(dir: &Path) -> Option<(Vec<String>, u16)> {
        let have = |program: &str| {
            Command::new(program)
                .arg("-v")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok()
        };
        if !have("named") || !have("rndc") || !have("dig") {
            println!("no `named`, `rndc` or `dig`: the resolver is not tested");
            return None;
        }
        let control = free_port();
        let key = dir.join("rndc.key");
        std::fs::write(&key, "key \"k\" { algorithm hmac-sha256; secret \"c2VjcmV0IGZvciB0ZXN0cyBvbmx5ISEhISEhISEhISE=\"; };\n").unwrap();
        let key = key.display().to_string();
        let command = [
            "rndc",
            "-s",
            "127.0.0.1",
            "-p",
            &control.to_string(),
            "-k",
            &key,
            "-y",
            "k",
            "reload",
            "rpz.example",
        ];
        Some((command.map(str::to_owned).to_vec(), control))
    }

    fn start(dir: &Path, zone: &Path, control: u16) -> Self {
        let port = free_port();
        let here = dir.display();
        std::fs::write(
            dir.join("lantern.zone"),
            "$TTL 5\n@ IN SOA localhost. root.localhost. 1 60 30 3600 5\n@ IN NS localhost.\nc2 IN A 192.0.2.55\n",
        )
        .unwrap();
        std::fs::write(
            dir.join("named.conf"),
            format!(
                "include \"{here}/rndc.key\";\ncontrols {{ inet 127.0.0.1 port {control} allow {{ 127.0.0.1; }} keys {{ k; }}; }};\n\
                 options {{ directory \"{here}\"; pid-file \"{here}/named.pid\"; session-keyfile \"{here}/session.key\"; \
                 listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion yes; dnssec-validation no; \
                 response-policy {{ zone \"rpz.example\"; }} min-update-interval 0; }};\n\
                 zone \"rpz.example\" {{ type primary; file \"{}\"; }};\n\
                 zone \"lantern.example\" {{ type primary; file \"{here}/lantern.zone\"; }};\n",
                zone.display()
            ),
        )
        .unwrap();
        let child = Command::new("named")
            .args(["-g", "-c"])
            .arg(dir.join("named.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    fn ask(&self) -> String {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &self.port.to_string(), "+time=1", "+tries=1", NAME, "A"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    async fn until(&self, wanted: &str) {
        let began = Instant::now();
        loop {
            let said = self.ask();
            if said.contains(wanted) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "never `{wanted}`: {said}");
            crate::house::pause(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_answers_no_such_name_and_then_the_truth_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some((reload, control)) = Named::reload(dir.path()) else { return };
    let mut cast = cast(None, &reload).await;
    // The zone must be there before the resolver starts; an empty one names nothing.
    let zone = cast.gateway.place.join("rpz.zone");
    std::fs::write(&zone, noroshi_codec::rpz::zone(1, &std::collections::BTreeMap::new())).unwrap();
    let named = Named::start(dir.path(), &zone, control);
    named.until("192.0.2.55").await;
    cast.gateway.start();
    let id = cast.approved(Cast::measure(false, 600, 1200)).await;
    cast.done(&cast.executor, &format!("/measures/{id}/execute"), json!({})).await;
    cast.until(&id, "active").await;
    named.until("NXDOMAIN").await;
    cast.done(&cast.executor, &format!("/measures/{id}/rollback"), json!({ "reason": "over" }))
        .await;
    cast.until(&id, "ended").await;
    named.until("192.0.2.55").await;
}
