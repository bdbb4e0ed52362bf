//! The OpenC2 consumer: authenticate, read, check, act, read back, answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Held;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE as TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response as Answer};
use axum::routing::{get, post};
use jiff::Timestamp;
use noroshi_charter::finding::Digest;
use noroshi_charter::guard::Target;
use noroshi_codec::openc2::{self, Command, Order, Response, rule_number};
use noroshi_codec::{dsse, nft, rpz};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::Config;
use super::device::{self, Rule, State};
use crate::cli::{Failed, Format, print, tell};
use crate::office::clock::{Clock, stamp};
use crate::office::secret;
use crate::response::seal::{self, Carried, Trust};

/// Longest time between two looks at the devices.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The member of a message's headers that carries the authorisation.
pub(crate) const CARRIED: &str = "x-noroshi";

struct Gateway {
    config: Config,
    trust: Trust,
    token: String,
    clock: Clock,
    dry_run: bool,
    /// Owns what is in force; held over each change of the devices, so that there is one at a time.
    state: Mutex<State>,
    changed: tokio::sync::Notify,
}

fn mistake(message: String) -> Failed {
    Failed::Usage { code: "NRS-GATE-0001", message }
}

fn prepare(config: Config, dry_run: bool) -> Result<Gateway, Failed> {
    let commission = dsse::parse_public_key(&config.commission_key)
        .ok_or_else(|| mistake("`commission_key` is no Ed25519 public key in base64".to_owned()))?;
    let log =
        config.log_vkey.parse().map_err(|problem| mistake(format!("`log_vkey`: {problem}")))?;
    let io = |what: &std::path::Path| {
        let what = what.display().to_string();
        |source| Failed::Io { what, source }
    };
    let token = std::fs::read_to_string(&config.token_file)
        .map_err(io(&config.token_file))?
        .trim()
        .to_owned();
    if token.len() < 16 {
        return Err(mistake("the secret in `token_file` is shorter than 16 characters".to_owned()));
    }
    std::fs::create_dir_all(&config.state_dir).map_err(io(&config.state_dir))?;
    let state =
        State::load(&config.state_dir).map_err(|problem| Failed::House(Box::new(problem)))?;
    let trust = Trust { commission, log, actuator: config.name.clone(), org: config.org.clone() };
    let (state, changed) = (Mutex::new(state), tokio::sync::Notify::new());
    Ok(Gateway { config, trust, token, clock: Clock, dry_run, state, changed })
}

/// Serves until the terminal or the service manager asks to stop.
pub(super) async fn serve(mut config: Config, dry_run: bool, format: Format) -> Result<(), Failed> {
    if let Some(filter) = &config.nft
        && let Err(problem) = device::filter_answers(filter).await
    {
        tell(&format!(
            "no packet filter here ({problem}); addresses will not be blocked, names will"
        ));
        config.nft = None;
    }
    let gateway = Arc::new(prepare(config, dry_run)?);
    if !dry_run {
        // What was in force before a restart is in force again, or ends now.
        let mut state = gateway.state.lock().await;
        gateway.restate(&mut state).await.map_err(|problem| Failed::House(Box::new(problem)))?;
    }
    let address = gateway.config.listen;
    let failed = |source| Failed::Io { what: address.to_string(), source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}{}", listener.local_addr().map_err(failed)?, openc2::PATH);
    print(&if format == Format::Json { json!({ "url": url }).to_string() } else { url });
    let app = Router::new()
        .route(openc2::PATH, post(receive))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(axum::extract::DefaultBodyLimit::max(openc2::MESSAGE_BYTES_MAX))
        .with_state(Arc::clone(&gateway));
    let keeper = tokio::spawn(keep(Arc::clone(&gateway)));
    let served = axum::serve(listener, app).with_graceful_shutdown(asked_to_stop()).await;
    keeper.abort();
    served.map_err(failed)
}

async fn asked_to_stop() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut term) => tokio::select! {
            interrupted = tokio::signal::ctrl_c() => drop(interrupted),
            _ = term.recv() => {}
        },
        Err(problem) => tracing::error!(%problem, "signals cannot be received"),
    }
}

/// Ends what is over, and puts back what somebody took out of our table.
async fn keep(gateway: Arc<Gateway>) {
    loop {
        let wait = {
            let mut state = gateway.state.lock().await;
            if !gateway.dry_run
                && let Err(problem) = gateway.restate(&mut state).await
            {
                tracing::error!(%problem, "the devices were not brought in line");
            }
            let now = gateway.clock.now();
            let left = state
                .next_end(now)
                .and_then(|end| Duration::try_from(end.duration_since(now)).ok());
            left.map_or(LOOK_AGAIN, |left| (left + Duration::from_millis(5)).min(LOOK_AGAIN))
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = gateway.changed.notified() => {}
        }
    }
}

fn refuse(status: u16, why: impl std::fmt::Display) -> Response {
    Response { status, status_text: Some(format!("{why}")), results: None }
}

async fn receive(Held(gateway): Held<Arc<Gateway>>, headers: HeaderMap, body: Bytes) -> Answer {
    let response = gateway.answer(&headers, &body).await;
    let request_id = headers.get("x-request-id").cloned();
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    let message = json!({
        "headers": { "request_id": id, "created": gateway.clock.now().as_millisecond(), "from": gateway.config.name },
        "body": { "openc2": { "response": response } },
    });
    let mut answer = (status, message.to_string()).into_response();
    answer.headers_mut().insert(TYPE, HeaderValue::from_static(openc2::CONTENT_TYPE));
    if let Some(id) = request_id {
        answer.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    answer
}

impl Gateway {
    async fn restate(&self, state: &mut State) -> Result<(), device::DeviceFailure> {
        let now = self.clock.now();
        device::state_devices(&self.config, state, now).await?;
        state.save(&self.config.state_dir, now)
    }

    async fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let text = |name: HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let bearer = text(AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default();
        if !secret::same(bearer, &self.token) {
            return refuse(401, "NRS-GATE-0002: the bearer secret is not this gateway's");
        }
        if !text(TYPE).starts_with("application/openc2+json") {
            return refuse(400, "NRS-GATE-0010: the content type is not OpenC2's");
        }
        let message = match openc2::parse_json(body) {
            Ok(message) => message,
            Err(problem) => return refuse(400, format!("NRS-GATE-0010: {problem}")),
        };
        let request = message.pointer("/body/openc2/request").unwrap_or(&Value::Null);
        let command = match Command::from_value(request) {
            Ok(command) => command,
            Err(problem) => return refuse(400, format!("NRS-GATE-0010: {problem}")),
        };
        let carried = message.get("headers").and_then(|headers| headers.get(CARRIED));
        match command.order() {
            Err(problem) => refuse(501, format!("NRS-GATE-0011: {problem}")),
            Ok(Order::QueryFeatures(asked)) => features(&asked),
            Ok(_) if command.asset().is_some_and(|asset| asset != self.config.name) => {
                refuse(403, "NRS-GATE-0006: another actuator is meant")
            }
            Ok(Order::QueryRule(number)) => self.query(number).await,
            Ok(Order::Delete(number)) => self.take_back(number).await,
            Ok(Order::DenyNet(net, millis)) => {
                self.deny(&command, Target::Network(net), millis, carried).await
            }
            Ok(Order::DenyName(name, millis)) => {
                self.deny(&command, Target::Domain(name), millis, carried).await
            }
        }
    }

    async fn query(&self, number: u64) -> Response {
        let state = self.state.lock().await;
        let Some(rule) = state.rules.get(&number) else {
            return refuse(404, "there is no such rule");
        };
        self.show(rule, number).await
    }

    async fn show(&self, rule: &Rule, number: u64) -> Response {
        let Some(target) = rule.target() else { return refuse(500, "the rule cannot be read") };
        match device::look(&self.config, &target).await {
            Ok(read_back) => {
                let results = json!({
                    "slpf": { "rule_number": number },
                    CARRIED: { "readback": read_back, "applied_at": stamp(rule.from), "expires_at": stamp(rule.until) },
                });
                Response { status: 200, status_text: None, results: Some(results) }
            }
            Err(problem) => refuse(500, format!("NRS-GATE-0012: {problem}")),
        }
    }

    /// Taking back needs no approval: it leads back to the network as its owner had it.
    async fn take_back(&self, number: u64) -> Response {
        if self.dry_run {
            return refuse(501, "NRS-GATE-0013: a dry run changes nothing");
        }
        let mut state = self.state.lock().await;
        let known = state.rules.get_mut(&number).map(|rule| rule.taken_back = true);
        if known.is_none() {
            state.barred.insert(number);
        }
        if let Err(problem) = self.restate(&mut state).await {
            return refuse(500, format!("NRS-GATE-0012: {problem}"));
        }
        self.changed.notify_one();
        match state.rules.get(&number) {
            Some(rule) => self.show(rule, number).await,
            None => refuse(404, "there was no such rule, and its command is barred from now on"),
        }
    }

    async fn deny(
        &self,
        command: &Command,
        target: Target,
        millis: u64,
        carried: Option<&Value>,
    ) -> Response {
        let Some(command_id) = command.command_id.as_deref() else {
            return refuse(
                400,
                "NRS-GATE-0010: a command that changes something has a `command_id`",
            );
        };
        let digest = Digest(command.digest());
        let number = rule_number(command_id);
        let mut state = self.state.lock().await;
        if state.barred.contains(&number) {
            return refuse(403, "NRS-GATE-0014: the command was taken back before it came");
        }
        match state.rules.get(&number) {
            Some(rule) if rule.command_id != command_id || rule.digest != digest.to_string() => {
                return refuse(403, "NRS-GATE-0007: a command of this name was another one");
            }
            // The same command twice is one command: the answer from before, and no second effect.
            Some(Rule { answer: Some(answer), .. }) => return answer.clone(),
            Some(_) | None => {}
        }
        let until = match self.covered(command_id, digest, &target, millis, carried) {
            Ok(until) => until,
            Err(refused) => return refused,
        };
        if self.dry_run {
            return self.show_only(&target, until);
        }
        let from = self.clock.now();
        let rule = Rule {
            command_id: command_id.to_owned(),
            digest: digest.to_string(),
            target: target.to_string(),
            from,
            until,
            taken_back: false,
            answer: None,
        };
        self.apply(&mut state, number, rule).await
    }

    /// Whether the effect is covered, and until when it may last.
    fn covered(
        &self,
        command_id: &str,
        digest: Digest,
        target: &Target,
        millis: u64,
        carried: Option<&Value>,
    ) -> Result<Timestamp, Response> {
        let now = self.clock.now();
        if device::is_stopped(&self.config) {
            return Err(refuse(503, "NRS-GATE-0015: this gateway was stopped by its operator"));
        }
        let carried: Carried =
            carried.and_then(|carried| serde_json::from_value(carried.clone()).ok()).ok_or_else(
                || refuse(403, "NRS-GATE-0003: no readable authorisation came with the command"),
            )?;
        let (planned, predicate) = seal::check(&carried, &self.trust, (digest, command_id), now)
            .map_err(|problem| refuse(403, problem))?;
        if planned.target != target.to_string() {
            return Err(refuse(403, seal::NotAuthorised::Drift("target")));
        }
        let judged = self.config.guard.check(&target.to_string());
        if judged.as_ref().ok() != Some(target) {
            let why = judged.err().and_then(|findings| findings.first().map(ToString::to_string));
            return Err(refuse(
                403,
                format!("NRS-GATE-0009: the guard refuses it: {}", why.unwrap_or_default()),
            ));
        }
        let longest = i64::try_from(predicate.max_ttl_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        let life = i64::try_from(millis).unwrap_or(i64::MAX);
        if life > longest {
            return Err(refuse(403, "NRS-GATE-0016: it would last longer than was approved"));
        }
        match (target, &self.config.nft, &self.config.rpz) {
            (Target::Network(_), None, _) => {
                return Err(refuse(501, "NRS-GATE-0017: there is no packet filter here"));
            }
            (Target::Domain(_), _, None) => {
                return Err(refuse(501, "NRS-GATE-0017: there is no policy zone here"));
            }
            _ => {}
        }
        let end =
            now.checked_add(jiff::SignedDuration::from_millis(life)).unwrap_or(predicate.not_after);
        Ok(end.min(predicate.not_after))
    }

    async fn apply(&self, state: &mut State, number: u64, rule: Rule) -> Response {
        if let Some(Target::Network(net)) = rule.target()
            && let Some(other) = state
                .elements(rule.from)
                .keys()
                .find(|other| **other != net && overlap(other, &net))
        {
            return refuse(
                403,
                format!("NRS-GATE-0018: `{net}` overlaps `{other}`, which is in force"),
            );
        }
        state.rules.insert(number, rule);
        // The intent is on disk before the effect: a restart in between brings the devices in line.
        let done = match state.save(&self.config.state_dir, self.clock.now()) {
            Ok(()) => self.restate(state).await,
            Err(problem) => Err(problem),
        };
        let shown = match (&done, state.rules.get(&number)) {
            (Ok(()), Some(rule)) => self.show(rule, number).await,
            (Err(problem), _) => refuse(500, format!("NRS-GATE-0012: {problem}")),
            (Ok(()), None) => refuse(500, "NRS-GATE-0012: the rule is gone"),
        };
        let place = format!("/{CARRIED}/readback/present");
        let present = shown.results.as_ref().and_then(|results| results.pointer(&place))
            == Some(&Value::Bool(true));
        if shown.status == 200 && present {
            if let Some(rule) = state.rules.get_mut(&number) {
                rule.answer = Some(shown.clone());
            }
            if let Err(problem) = state.save(&self.config.state_dir, self.clock.now()) {
                tracing::error!(%problem, "the answer was not kept");
            }
            self.changed.notify_one();
            return shown;
        }
        state.rules.remove(&number);
        if let Err(problem) = self.restate(state).await {
            tracing::error!(%problem, "a failed effect was not taken back");
        }
        let why = shown
            .status_text
            .unwrap_or_else(|| "NRS-GATE-0012: the device does not hold it".to_owned());
        refuse(500, why)
    }

    fn show_only(&self, target: &Target, until: Timestamp) -> Response {
        let seconds = u64::try_from(until.duration_since(self.clock.now()).as_secs()).unwrap_or(0);
        let batch = match target {
            Target::Network(net) => {
                let table =
                    self.config.nft.as_ref().map_or("noroshi", |filter| filter.table.as_str());
                nft::lines(table, &nft::Elements::from([(*net, seconds)]))
            }
            Target::Domain(name) => rpz::zone(1, &[(name.clone(), rpz::Answer::NoSuchName)].into()),
        };
        print(&batch);
        refuse(501, "NRS-GATE-0013: a dry run changes nothing")
    }
}

fn overlap(one: &ipnet::IpNet, other: &ipnet::IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

fn features(asked: &[String]) -> Response {
    let mut results = serde_json::Map::new();
    for feature in asked {
        let value = match feature.as_str() {
            "versions" => json!(["1.0"]),
            "profiles" => json!(["slpf"]),
            "pairs" => json!({
                "deny": ["ipv4_net", "ipv6_net", "domain_name"],
                "delete": ["slpf:rule_number"],
                "query": ["features", "slpf:rule_number"],
            }),
            _ => json!(60),
        };
        results.insert(feature.clone(), value);
    }
    let results = Some(Value::Object(results)).filter(|_| !asked.is_empty());
    Response { status: 200, status_text: None, results }
}
