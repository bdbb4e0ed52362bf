//! From a request to the device and back: real gateway processes, a real packet filter in a name space of its own, a
//! real resolver. What this machine cannot do is printed and left out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use noroshi::config::{Actuator, Config};
use noroshi::office::commit::Change;
use noroshi::office::id::OrgId;
use noroshi::office::people::{self, Org};
use noroshi::response::seal;
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
            let status = Command::new("ip").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
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
    fn prepare(place: &Path, netns: Option<&Netns>, reload: &[String], trust: (&str, &str)) -> Self {
        let place = place.join("gateway");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("token"), TOKEN).unwrap();
        let port = free_port();
        let path = |name: &str| format!("{:?}", place.join(name).display().to_string());
        let mut text = format!(
            "name = \"gw\"\norg = \"org-power\"\nlisten = \"127.0.0.1:{port}\"\ntoken_file = {}\nstate_dir = {}\n\
             commission_key = \"{}\"\nlog_vkey = \"{}\"\n[rpz]\nzone = \"rpz.example\"\nfile = {}\nreload = {reload:?}\n",
            path("token"), path("state"), trust.0, trust.1, path("rpz.zone"),
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
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
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
    port: u16,
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
    let mut gateway = Gateway::prepare(dir.path(), netns, reload, (&dsse::public_key_text(&seed), "to be set"));
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
    let port = gateway.port;
    Cast { test, gateway, officer, police, chair, members, executor, port }
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
        let mut actions = vec![json!({ "target": NAME, "action": "deny.domain", "actuators": ["gw"] })];
        if with_address {
            targets.push(ADDRESS);
            actions.push(json!({ "target": ADDRESS, "action": "deny.address", "actuators": ["gw"] }));
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
            let vote = self.done(member, &format!("/measures/{id}/votes"), Self::vote(&asked["request_digest"])).await;
            assert_eq!(vote["state"], "requested");
        }
        let vote = Self::vote(&asked["request_digest"]);
        let decided = self.done(&self.chair, &format!("/measures/{id}/votes"), vote).await;
        assert_eq!(decided["state"], "approved", "{decided}");
        id
    }

    async fn state(&self, id: &str) -> Value {
        let (status, state) = ask("GET", self.test.url(&format!("/api/v1/measures/{id}")), &self.police.token, None).await;
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
            tokio::time::sleep(Duration::from_millis(50)).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_measure_from_request_to_its_end_at_a_real_device() {
    let netns = Netns::make("whole");
    let mut cast = cast(netns.as_ref(), &[]).await;
    cast.gateway.start();
    let id = cast.approved(Cast::measure(netns.is_some(), 4, 600)).await;
    let (status, refused) = cast.post(&cast.police, &format!("/measures/{id}/execute"), json!({})).await;
    assert_eq!(status, 403, "{refused}");
    cast.done(&cast.executor, &format!("/measures/{id}/execute"), json!({})).await;
    let active = cast.until(&id, "active").await;
    assert!(cast.gateway.zone().contains(&format!("*.{NAME} CNAME .")), "{}", cast.gateway.zone());
    if let Some(netns) = &netns {
        let set = netns.set();
        assert!(set.contains(ADDRESS) && set.contains("timeout 4s"), "{set}");
    }
    assert!(active["effects"].as_array().unwrap().iter().all(|effect| effect["state"] == "active"), "{active}");
    let ended = cast.until(&id, "ended").await;
    assert!(ended["effects"].as_array().unwrap().iter().all(|effect| effect["state"] == "expired"), "{ended}");
    assert!(!cast.gateway.zone().contains(NAME));
    if let Some(netns) = &netns {
        assert!(!netns.set().contains(ADDRESS), "{}", netns.set());
    }
    cast.done(&cast.police, &format!("/measures/{id}/after-report"), json!({ "text": "done" })).await;
    let leaves = cast.leaves();
    assert_eq!(leaves[..6], ["measure.requested", "measure.vote", "measure.vote", "measure.vote", "measure.decided", "measure.execute.begin"]);
    assert_eq!(leaves.last().unwrap(), "measure.report");
}
