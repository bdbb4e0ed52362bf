//! The story, step by step. Each step asks the house as any program would, and checks what it got.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::client::{Broken, Client, list_of, number_of, text_of};
use super::gateways::Gateways;
use super::nation::{self, ORGS, PEOPLE};
use super::telemetry;
use crate::cli::{Failed, Format, print};
use crate::office::secret::Secret;
use crate::web::locale::Words;
use crate::web::refusal::chain;

/// How long the blocks of the story last on the devices before they end by themselves.
const EFFECT_SECONDS: u64 = 8;
/// How long the story waits for something that must happen by itself.
const PATIENCE: Duration = Duration::from_secs(25);
/// Between two looks at it.
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// The stage: where the story plays, and how it is told.
pub(super) struct Stage {
    dir: PathBuf,
    base: String,
    program: PathBuf,
    format: Format,
    words: Words,
    began: Instant,
    steps: u32,
    gateways: Option<Gateways>,
}

/// Everybody who acts, once they can sign in.
pub(super) struct Cast {
    anyone: Client,
    tokens: BTreeMap<String, String>,
    orgs: BTreeMap<String, String>,
}

impl Cast {
    fn who(&self, login: &str) -> Result<Client, Broken> {
        let token = self
            .tokens
            .get(login)
            .ok_or_else(|| Broken::Unlike(format!("`{login}` has no token")))?;
        Ok(self.anyone.with_token(token))
    }

    fn org(&self, key: &str) -> Result<&str, Broken> {
        let org = self
            .orgs
            .get(key)
            .ok_or_else(|| Broken::Unlike(format!("`{key}` is no organisation")))?;
        Ok(org)
    }
}

/// What one step knows for the next ones.
#[derive(Default)]
struct Plot {
    reports: Vec<String>,
    group: Value,
    case: String,
    measure: String,
    request: String,
    decided_at: u64,
    collection: String,
}

impl Stage {
    pub(super) fn new(dir: &Path, port: u16, format: Format, words: Words) -> Result<Self, Failed> {
        let program = std::env::current_exe()
            .map_err(|source| Failed::Io { what: "the program's own file".to_owned(), source })?;
        let base = format!("http://localhost:{port}");
        let began = began();
        Ok(Self {
            dir: dir.to_owned(),
            base,
            program,
            format,
            words,
            began,
            steps: 0,
            gateways: None,
        })
    }

    /// Set-up, organisations, people, sensors; then the actuators are written into the configuration.
    pub(super) fn set_the_stage(mut self, setup_token: &str) -> Result<(Self, Cast), Failed> {
        let cast = self.people(setup_token).map_err(|broken| self.failed(&broken))?;
        self.tell(
            "demo-people",
            &[("orgs", cast.orgs.len().to_string()), ("people", cast.tokens.len().to_string())],
        );
        let tokens = self.configure_actuators(&cast).map_err(|broken| self.failed(&broken))?;
        self.gateways = Some(tokens);
        Ok((self, cast))
    }

    /// Plays the seven parts of the story.
    pub(super) fn play(mut self, mut cast: Cast) -> Result<Self, Failed> {
        // Connections of before the restart lead nowhere; a pool would hand one out sooner or later.
        cast.anyone = Client::new(&self.base, "");
        let mut plot = Plot::default();
        let parts: [fn(&mut Self, &Cast, &mut Plot) -> Result<(), Broken>; 9] = [
            Self::operators_report,
            Self::sensors_select,
            Self::picture_forms,
            Self::police_request,
            Self::commission_decides,
            Self::playbook_runs,
            Self::block_ends,
            Self::ally_reads,
            Self::log_verifies,
        ];
        for part in parts {
            part(&mut self, &cast, &mut plot).map_err(|broken| self.failed(&broken))?;
        }
        let seconds = format!("{:.1}", self.began.elapsed().as_secs_f64());
        self.tell("demo-done", &[("seconds", seconds)]);
        Ok(self)
    }

    /// Says where to look on.
    pub(super) fn invite(&self) {
        match self.format {
            Format::Json => print(&json!({ "url": self.base }).to_string()),
            Format::Human | Format::Plain => {
                print(&self.say("demo-invite", &[("url", self.base.clone())]))
            }
        }
    }

    /// Ends the operators' gateways.
    pub(super) fn close(mut self) -> ExitCode {
        if let Some(gateways) = self.gateways.take() {
            gateways.stop();
        }
        ExitCode::SUCCESS
    }

    fn failed(&self, broken: &Broken) -> Failed {
        Failed::Found {
            code: "NRS-DEMO-0002",
            message: format!(
                "step {} of the story did not hold: {}",
                self.steps + 1,
                chain(broken)
            ),
        }
    }

    fn say(&self, key: &str, args: &[(&'static str, String)]) -> String {
        crate::web::refusal::say(self.words, key, args)
    }

    /// Prints one step that was checked.
    fn tell(&mut self, key: &'static str, args: &[(&'static str, String)]) {
        self.steps += 1;
        let text = self.say(key, args);
        let seconds = self.began.elapsed().as_secs_f64();
        match self.format {
            Format::Json => {
                let facts: BTreeMap<&str, &str> =
                    args.iter().map(|(name, value)| (*name, value.as_str())).collect();
                print(
                    &json!({ "step": self.steps, "key": key, "text": text, "facts": facts })
                        .to_string(),
                );
            }
            Format::Plain => print(&format!("{}. {text}", self.steps)),
            Format::Human => print(&format!("{:>3}  {seconds:>5.1}s  {text}", self.steps)),
        }
    }

    // ---- people -------------------------------------------------------------------------------------------------

    fn people(&mut self, setup_token: &str) -> Result<Cast, Broken> {
        let anyone = Client::new(&self.base, "");
        let password = Secret::fresh("demo-");
        let setup = json!({
            "token": setup_token,
            "org": { "name_ja": "国家サイバー統括室（架空）", "name_en": "National Cybersecurity Office (fictional)", "kind": "office" },
            "admin": { "login": "administrator", "name": "管理者 / Administrator", "password": password.reveal() },
        });
        let made = anyone.post("/setup", &setup)?;
        let code = anyone.refused("POST", "/setup", &setup, 403)?;
        if code.is_empty() {
            return Err(Broken::Unlike(
                "a replayed set-up token was refused without a code".to_owned(),
            ));
        }
        let admin = anyone.with_token(text_of(&made, "/token"));
        let mut orgs = BTreeMap::from([("office".to_owned(), text_of(&made, "/org").to_owned())]);
        for org in &ORGS {
            let body = json!({ "name_ja": org.name_ja, "name_en": org.name_en, "kind": org.kind, "sector": org.sector });
            let made = admin.post("/orgs", &body)?;
            orgs.insert(org.key.to_owned(), text_of(&made, "/id").to_owned());
        }
        let mut cast = Cast { anyone, tokens: BTreeMap::new(), orgs };
        cast.tokens.insert("administrator".to_owned(), text_of(&made, "/token").to_owned());
        for person in &PEOPLE {
            let token = invite(&cast, &admin, person)?;
            cast.tokens.insert(person.0.to_owned(), token);
        }
        for (key, login) in [("power", "sensor-power"), ("logistics", "sensor-logistics")] {
            let body = json!({ "org": cast.org(key)?, "login": login, "name": login });
            let made = admin.post("/sensors", &body)?;
            cast.tokens.insert(login.to_owned(), text_of(&made, "/token").to_owned());
        }
        let path = format!("/partners/{}/token", cast.org("ally")?);
        let made = admin.post(&path, &json!({}))?;
        cast.tokens.insert("ally".to_owned(), text_of(&made, "/token").to_owned());
        Ok(cast)
    }

    fn configure_actuators(&self, cast: &Cast) -> Result<Gateways, Broken> {
        let orgs =
            [("power-gateway", cast.org("power")?), ("logistics-gateway", cast.org("logistics")?)];
        let key = cast.who("chair")?.get("/commission/key")?;
        let vkey = cast.anyone.text("/log/log.vkey")?;
        Gateways::prepare(&self.dir, &self.program, &orgs, &key, vkey.trim())
    }

    // ---- 1: three operators report ------------------------------------------------------------------------------

    fn operators_report(&mut self, cast: &Cast, plot: &mut Plot) -> Result<(), Broken> {
        let now = Timestamp::now();
        for (number, operator) in [(0, "power"), (1, "hospital"), (2, "logistics")] {
            let aware = now - SignedDuration::from_mins(90 + 240 * number);
            let officer = cast.who(&format!("officer-{operator}"))?;
            let filed =
                officer.post("/reports", &nation::initial_report(operator, &stamp(aware)))?;
            let id = text_of(&filed, "/id").to_owned();
            let receipt = officer.get(&format!("/reports/{id}/receipt?stage=initial"))?;
            check_receipt(&receipt)?;
            self.tell(
                "demo-report",
                &[
                    ("operator", operator.to_owned()),
                    ("number", text_of(&receipt, "/number").to_owned()),
                    ("leaf", number_of(&receipt, "/position").to_string()),
                    ("due", text_of(&filed, "/due/shifted").to_owned()),
                ],
            );
            plot.reports.push(id);
        }
        self.others_see_nothing(cast, plot)
    }

    /// The sector's desk sees its own sector, a competitor nothing at all.
    fn others_see_nothing(&mut self, cast: &Cast, plot: &Plot) -> Result<(), Broken> {
        let [power, hospital, ..] = plot.reports.as_slice() else {
            return Err(Broken::Unlike("three reports were to be filed".to_owned()));
        };
        let desk = cast.who("minister")?;
        desk.get(&format!("/reports/{power}"))?;
        desk.refused("GET", &format!("/reports/{hospital}"), &Value::Null, 404)?;
        cast.who("officer-logistics")?.refused(
            "GET",
            &format!("/reports/{power}"),
            &Value::Null,
            404,
        )?;
        cast.who("pm")?.get(&format!("/reports/{hospital}"))?;
        self.tell("demo-desks", &[]);
        Ok(())
    }

    // ---- 2: the sensors select ----------------------------------------------------------------------------------

    fn sensors_select(&mut self, cast: &Cast, _plot: &mut Plot) -> Result<(), Broken> {
        let now = Timestamp::now();
        let start = now - SignedDuration::from_hours(13);
        let power =
            telemetry::conn_log("192.0.2", telemetry::RECORDS, Some(160), start.as_second());
        self.select(cast, "sensor-power", "conn.log", &power)?;
        let logistics = telemetry::eve_log("192.0.2", telemetry::RECORDS, Some(200), start);
        self.select(cast, "sensor-logistics", "eve.json", &logistics)
    }

    fn select(
        &mut self,
        cast: &Cast,
        sensor: &str,
        name: &str,
        telemetry: &str,
    ) -> Result<(), Broken> {
        let place = self.dir.join("operators").join(sensor);
        let client = cast.who(sensor)?;
        let selectors = client.text("/api/v1/sift/selectors")?;
        write(&place.join("selectors.txt"), selectors.as_bytes())?;
        write(&place.join(name), telemetry.as_bytes())?;
        let token = cast.tokens.get(sensor).cloned().unwrap_or_default();
        write(&place.join("token"), token.as_bytes())?;
        let mut run = Command::new(&self.program);
        run.args([
            "sift",
            "run",
            "--mode",
            "own-network",
            "--retention-days",
            "30",
            "--format",
            "json",
        ])
        .args(["--own-network", "192.0.2.0/24", "--sensor", sensor, "--selectors"])
        .arg(place.join("selectors.txt"))
        .arg("--out")
        .arg(place.join("out"))
        .arg(place.join(name));
        let summary = output_of(run)?;
        let mut submit = Command::new(&self.program);
        submit
            .args(["sift", "submit", "--to", &self.base, "--format", "json", "--token-file"])
            .arg(place.join("token"))
            .arg(place.join("out"));
        output_of(submit)?;
        let counts = json_of(&summary)?;
        let (seen, kept) = (number_of(&counts, "/counts/seen"), number_of(&counts, "/counts/kept"));
        if seen != telemetry::RECORDS || kept == 0 || kept >= seen {
            return Err(Broken::Unlike(format!(
                "selection looked at {seen} and kept {kept} records"
            )));
        }
        self.tell(
            "demo-sift",
            &[
                ("sensor", sensor.to_owned()),
                ("seen", seen.to_string()),
                ("kept", kept.to_string()),
            ],
        );
        Ok(())
    }

    // ---- 3: the picture -----------------------------------------------------------------------------------------

    fn picture_forms(&mut self, cast: &Cast, plot: &mut Plot) -> Result<(), Broken> {
        let analyst = cast.who("analyst")?;
        let created = stamp(Timestamp::now() - SignedDuration::from_hours(30));
        let bundle = telemetry::ally_bundle(&created);
        let path = "/api/v1/evidence/bundles?tlp=amber&originator=allied-cert";
        let answered = analyst.send("POST", path, "application/json", bundle)?;
        if answered.status != 200 || number_of(&answered.json(), "/imported") != 3 {
            return Err(Broken::Unlike(format!(
                "the ally's bundle: {} {}",
                answered.status, answered.body
            )));
        }
        let picture = analyst.get("/analyse/picture")?;
        let correlated = analyst.get("/analyse/correlations")?;
        let groups = list_of(&correlated, "/groups");
        let group = groups
            .iter()
            .find(|group| plot.reports.iter().all(|report| group.to_string().contains(report)))
            .ok_or_else(|| {
                Broken::Unlike(format!("no group holds all three reports: {correlated}"))
            })?;
        let reasons = list_of(group, "/reasons").len();
        self.tell(
            "demo-picture",
            &[
                ("cells", list_of(&picture, "/cells").len().to_string()),
                ("members", list_of(group, "/members").len().to_string()),
                ("reasons", reasons.to_string()),
            ],
        );
        plot.group = group.clone();
        Ok(())
    }

    // ---- 4: a case, a request -----------------------------------------------------------------------------------

    fn police_request(&mut self, cast: &Cast, plot: &mut Plot) -> Result<(), Broken> {
        let analyst = cast.who("analyst")?;
        let members: Vec<&str> =
            list_of(&plot.group, "/members").iter().map(|one| text_of(one, "/id")).collect();
        let case = analyst.post(
            "/cases",
            &json!({
                "title": "灯籠作戦（架空）合同事案 / Operation Lantern (fictional)",
                "summary": "三事業者に共通する指令サーバー。",
                "group_key": text_of(&plot.group, "/key"), "members": members,
            }),
        )?;
        text_of(&case, "/id").clone_into(&mut plot.case);
        for (officer, actuator) in
            [("officer-power", "power-gateway"), ("officer-logistics", "logistics-gateway")]
        {
            let consent = json!({
                "actuator": actuator, "actions": ["deny.address", "deny.domain"], "assets": "border and resolver",
                "expires_at": stamp(Timestamp::now() + SignedDuration::from_hours(24 * 30)),
            });
            cast.who(officer)?.post("/consents", &consent)?;
        }
        let now = Timestamp::now();
        let (from, to) = (stamp(now), stamp(now + SignedDuration::from_hours(12)));
        let police = cast.who("police")?;
        let asked =
            police.post("/measures", &nation::measure(&plot.case, &from, &to, EFFECT_SECONDS))?;
        text_of(&asked, "/id").clone_into(&mut plot.measure);
        text_of(&asked, "/request_digest").clone_into(&mut plot.request);
        police.post("/measures", &nation::legal_order(&plot.case, &from, &to))?;
        self.tell(
            "demo-request",
            &[
                ("digest", plot.request.clone()),
                ("batches", list_of(&asked, "/plan/batches").len().to_string()),
            ],
        );
        Ok(())
    }

    // ---- the commission -----------------------------------------------------------------------------------------

    fn commission_decides(&mut self, cast: &Cast, plot: &mut Plot) -> Result<(), Broken> {
        let path = |verb: &str| format!("/measures/{}/{verb}", plot.measure);
        let (chair, police) = (cast.who("chair")?, cast.who("police")?);
        // Nobody can act before the decision, and nobody who asked can decide.
        cast.who("executor")?.refused("POST", &path("execute"), &json!({}), 409)?;
        chair
            .post(&path("questions"), &json!({ "text": "予備系への影響と、戻すまでの時間は。" }))?;
        police.post(
            &path("answers"),
            &json!({ "text": "予備系は対象外。戻しは一人で即時、または期限で自動。" }),
        )?;
        let vote = |choice: &str| {
            json!({
                "choice": choice, "reasons": "必要最小限であり、期限と戻しが確保されている。",
                "conditions": ["期限後に結果を報告すること"], "request_digest": plot.request,
            })
        };
        police.refused("POST", &path("votes"), &vote("approve"), 403)?;
        let stale = json!({ "choice": "approve", "reasons": "x", "conditions": [], "request_digest": "00".repeat(32) });
        chair.refused("POST", &path("votes"), &stale, 409)?;
        cast.who("member-a")?.post(&path("votes"), &vote("approve"))?;
        cast.who("member-b")?.post(&path("votes"), &vote("approve"))?;
        let decided = chair.post(&path("votes"), &vote("approve"))?;
        if text_of(&decided, "/state") != "approved" {
            return Err(Broken::Unlike(format!("three votes did not decide: {decided}")));
        }
        plot.decided_at = number_of(&decided, "/position");
        self.tell("demo-decision", &[("votes", "3".to_owned()), ("digest", plot.request.clone())]);
        Ok(())
    }

    // ---- 5: the playbook ----------------------------------------------------------------------------------------

    fn playbook_runs(&mut self, cast: &Cast, plot: &mut Plot) -> Result<(), Broken> {
        let Some(gateways) = self.gateways.as_mut() else {
            return Err(Broken::Unlike("the gateways were not prepared".to_owned()));
        };
        gateways.start()?;
        cast.who("executor")?.post(&format!("/measures/{}/execute", plot.measure), &json!({}))?;
        let state = self.wait_for(cast, plot, "active")?;
        let shown = match self.gateways.as_ref() {
            Some(gateways) => gateways.show_blocked()?,
            None => String::new(),
        };
        let effects = list_of(&state, "/effects").len();
        self.tell("demo-active", &[("effects", effects.to_string()), ("where", shown)]);
        Ok(())
    }

    fn block_ends(&mut self, cast: &Cast, plot: &mut Plot) -> Result<(), Broken> {
        self.wait_for(cast, plot, "ended")?;
        if let Some(gateways) = self.gateways.as_ref() {
            gateways.check_open()?;
        }
        let report = json!({ "text": "期限まで実施し、自動で終了。副作用の申し出はなし。" });
        cast.who("police")?.post(&format!("/measures/{}/after-report", plot.measure), &report)?;
        self.tell("demo-ended", &[("seconds", EFFECT_SECONDS.to_string())]);
        self.full_report(cast, plot)
    }

    /// The second stage of the law: the full report, within thirty days of awareness.
    fn full_report(&mut self, cast: &Cast, plot: &Plot) -> Result<(), Broken> {
        let Some(report) = plot.reports.first() else {
            return Err(Broken::Unlike("the power company filed no report".to_owned()));
        };
        let officer = cast.who("officer-power")?;
        let filed = officer.get(&format!("/reports/{report}"))?;
        let full = nation::final_report(text_of(&filed, "/aware_at"));
        officer.post(&format!("/reports/{report}/stages"), &full)?;
        let receipt = officer.get(&format!("/reports/{report}/receipt?stage=final"))?;
        check_receipt(&receipt)?;
        self.tell("demo-full-report", &[("number", text_of(&receipt, "/number").to_owned())]);
        Ok(())
    }

    fn wait_for(&self, cast: &Cast, plot: &Plot, wanted: &str) -> Result<Value, Broken> {
        let police = cast.who("police")?;
        let start = began();
        loop {
            let state = police.get(&format!("/measures/{}", plot.measure))?;
            if text_of(&state, "/state") == wanted {
                return Ok(state);
            }
            if start.elapsed() > PATIENCE {
                return Err(Broken::Unlike(format!(
                    "the measure did not become `{wanted}`: {state}"
                )));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    // ---- 6: the ally reads --------------------------------------------------------------------------------------

    fn ally_reads(&mut self, cast: &Cast, plot: &mut Plot) -> Result<(), Broken> {
        let legal = cast.who("legal")?;
        let ally = cast.org("ally")?.to_owned();
        let until = stamp(Timestamp::now() + SignedDuration::from_hours(24 * 365));
        legal.post(
            &format!("/partners/{ally}/findings"),
            &json!({ "scope": "CIA-P", "valid_until": until }),
        )?;
        let collection = legal
            .post("/collections", &json!({ "partner": ally, "title": "Lantern (fictional)" }))?;
        text_of(&collection, "/id").clone_into(&mut plot.collection);
        let objects = self.objects_to_release(cast)?;
        let mut asked = json!({ "collection": plot.collection, "objects": objects });
        let preview = legal.post("/releases/preview", &asked)?;
        asked["digest"] = json!(text_of(&preview, "/digest"));
        let released = legal.post("/releases", &asked)?;
        if number_of(&released, "/released") != 1 || list_of(&preview, "/refused").len() != 2 {
            return Err(Broken::Unlike(format!(
                "one object was to pass and two to stay: {preview}"
            )));
        }
        let partner = cast.who("ally")?;
        let objects =
            partner.text(&format!("/taxii2/root/collections/{}/objects/", plot.collection))?;
        let envelope = json_of(&objects)?;
        if objects.contains(telemetry::FROM_COMMUNICATIONS)
            || !objects.contains(telemetry::OWN_PRODUCT)
        {
            return Err(Broken::Unlike(format!(
                "the ally reads something else than was released: {objects}"
            )));
        }
        self.tell(
            "demo-share",
            &[
                ("objects", list_of(&envelope, "/objects").len().to_string()),
                ("refused", list_of(&preview, "/refused").len().to_string()),
            ],
        );
        Ok(())
    }

    /// The office's own product, what stems from communications information, and an operator's AMBER indicator.
    fn objects_to_release(&self, cast: &Cast) -> Result<Vec<String>, Broken> {
        let analyst = cast.who("analyst")?;
        let created = stamp(Timestamp::now());
        for (bundle, query) in [
            (telemetry::own_product(&created), "tlp=green"),
            (telemetry::from_communications(&created), "tlp=green&class=CIA"),
        ] {
            let path =
                format!("/api/v1/evidence/bundles?{query}&originator={}", cast.org("cabinet")?);
            let answered = analyst.send("POST", &path, "application/json", bundle)?;
            if answered.status != 200 || number_of(&answered.json(), "/imported") != 1 {
                return Err(Broken::Unlike(format!(
                    "an own bundle: {} {}",
                    answered.status, answered.body
                )));
            }
        }
        let listed = analyst.get("/evidence/objects?type=indicator&limit=100")?;
        let reported = list_of(&listed, "/items")
            .iter()
            .map(|item| (text_of(item, "/id"), text_of(item, "/name")))
            .find(|(_, name)| name.starts_with('R'))
            .ok_or_else(|| Broken::Unlike(format!("no indicator stems from a report: {listed}")))?;
        Ok([telemetry::OWN_PRODUCT, telemetry::FROM_COMMUNICATIONS, reported.0]
            .map(str::to_owned)
            .into())
    }

    // ---- 7: the log verifies ------------------------------------------------------------------------------------

    fn log_verifies(&mut self, cast: &Cast, _plot: &mut Plot) -> Result<(), Broken> {
        let copy = self.dir.join("copy-of-the-log");
        let verdict = super::proof::verify_copy(&self.dir.join("log"), &copy)?;
        let lie = super::proof::verify_tampered(&copy)?;
        let counts = cast.who("chair")?.get("/counts")?;
        self.tell(
            "demo-verified",
            &[
                ("leaves", verdict),
                ("lie", lie),
                ("counts", list_of(&counts, "/rows").len().to_string()),
            ],
        );
        Ok(())
    }
}

/// Creates a login, takes up the invitation and gets a token for it, as the person would.
fn invite(
    cast: &Cast,
    admin: &Client,
    person: &(&str, &str, &str, &str),
) -> Result<String, Broken> {
    let (login, name, org, hat) = *person;
    let made = admin.post("/persons", &json!({ "login": login, "name": name }))?;
    let hats = format!("/persons/{}/hats", text_of(&made, "/id"));
    admin.post(&hats, &json!({ "org": cast.org(org)?, "hat": hat }))?;
    let password = Secret::fresh("demo-");
    let invitation = format!("/invitations/{}", text_of(&made, "/invitation"));
    cast.anyone.post(&invitation, &json!({ "password": password.reveal() }))?;
    let asked = json!({
        "login": login, "password": password.reveal(), "org": cast.org(org)?, "hat": hat, "label": "demo", "days": 7,
    });
    Ok(text_of(&cast.anyone.post("/tokens", &asked)?, "/token").to_owned())
}

/// The receipt proves its own leaf against the checkpoint it carries.
fn check_receipt(receipt: &Value) -> Result<(), Broken> {
    super::proof::check_inclusion(receipt)
}

fn stamp(at: Timestamp) -> String {
    crate::office::clock::stamp(at)
}

#[expect(clippy::disallowed_methods, reason = "measures how long the story takes; decides nothing")]
fn began() -> Instant {
    Instant::now()
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Broken> {
    let failed = |source| Broken::Io { what: path.display().to_string(), source };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, bytes).map_err(failed)
}

fn output_of(mut command: Command) -> Result<String, Broken> {
    let name = format!("{command:?}");
    let output = command.output().map_err(|source| Broken::Io { what: name.clone(), source })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Broken::Unlike(format!("`{name}` ended with {}: {words}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn json_of(text: &str) -> Result<Value, Broken> {
    serde_json::from_str(text)
        .map_err(|problem| Broken::Unlike(format!("not JSON ({problem}): {text}")))
}
