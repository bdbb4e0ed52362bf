//! From what a requester typed to exactly what would be done: the canonical request, the plan, the playbook.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_charter::approval::{
    Action, Consultation, Consulted, Effect, Kind, Limits, Location, Party, PlaybookRef, Request,
    Route, Window,
};
use noroshi_charter::finding::{Digest, Finding};
use noroshi_charter::guard::{self, Target};
use noroshi_charter::hat::Hat;
use noroshi_codec::cacao::{self, NewAction, Playbook};
use noroshi_codec::openc2::Command;
use noroshi_codec::{nft, rpz};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read::Consent;
use super::seal::{Batch, Plan, Planned, command_name};
use crate::evidence::lists::{Loaded, names};
use crate::house::House;
use crate::office::clock::stamp;
use crate::office::ctx::Ctx;

const TEMPLATE: &str = include_str!("../../../../examples/playbooks/deny-at-operators.json");

/// What is asked for, as it comes in.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The case.
    pub case: String,
    /// `defensive` or `legal-order`.
    pub kind: String,
    /// What for.
    pub purpose: String,
    /// On what legal ground.
    pub legal_basis: String,
    /// Why milder means fail.
    pub necessity: String,
    /// Why the harm done is in proportion to the harm prevented.
    pub proportionality: String,
    /// How far it reaches, in words.
    pub scope: String,
    /// What else may happen.
    pub side_effects: String,
    /// `jp`, `not_jp` or `unknown`.
    pub location: String,
    /// Who was heard before.
    #[serde(default)]
    pub consultations: Vec<AskConsultation>,
    /// What it is aimed at.
    pub targets: Vec<String>,
    /// What is done where; empty for a legal order.
    #[serde(default)]
    pub actions: Vec<AskAction>,
    /// First moment, RFC 3339.
    pub not_before: String,
    /// First moment after, RFC 3339.
    pub not_after: String,
    /// Longest life of one effect, in seconds; 0 for a legal order.
    #[serde(default)]
    pub effect_seconds_max: u64,
}

/// A consultation.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskConsultation {
    /// `minister.foreign`, `pm`, `npsc`, `npa.chief`, `minister.defense` or `nsc`.
    pub who: String,
    /// When, RFC 3339.
    pub at: String,
    /// Where the record of it is found.
    pub reference: String,
}

/// One action.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskAction {
    /// One of the targets.
    pub target: String,
    /// `deny.address` or `deny.domain`.
    pub action: String,
    /// Names of actuators.
    pub actuators: Vec<String>,
}

/// What the guard says about one target, and how far a block of it would reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Guarded {
    /// As typed.
    pub target: String,
    /// In its one form; empty when refused.
    pub canonical: String,
    /// `pass` or `refuse`.
    pub verdict: String,
    /// Codes and words of the refusals.
    pub reasons: Vec<String>,
    /// How many addresses it covers; a name is counted as itself and everything below it.
    pub reach: String,
}

/// Everything that follows from what was asked.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Exactly what is asked.
    pub request: Request,
    /// What would be done.
    pub plan: Plan,
    /// What would run.
    pub playbook: Option<Value>,
    /// What the guard says.
    pub guard: Vec<Guarded>,
    /// Everything there is to say, refusals included.
    pub findings: Vec<Finding>,
}

fn form(code: &'static str, place: impl Into<String>, message: &str) -> Finding {
    Finding::refuses(code, "API", place, message)
}

/// Works out a draft. `consents` are those in force now.
pub fn draft(
    house: &Arc<House>,
    ctx: &Ctx,
    measure: &str,
    ask: &Ask,
    consents: &[Consent],
) -> Draft {
    let mut findings = Vec::new();
    let (guard, targets) = judge(house, ask);
    for (at, judged) in guard.iter().enumerate().filter(|(_, judged)| judged.verdict == "refuse") {
        let message = format!("`{}`: {}", judged.target, judged.reasons.join("; "));
        findings.push(form("NRS-RESP-0010", format!("/targets/{at}"), &message));
    }
    let (plan, actions) = plan(house, measure, ask, &targets, consents, &mut findings);
    let playbook =
        (!plan.effects.is_empty()).then(|| playbook(house, measure, &plan, ask, ctx.now)).flatten();
    let mut request = request(ctx, measure, ask, &mut findings);
    request.targets = targets.values().map(ToString::to_string).collect();
    request.actions = actions;
    if request.kind == Kind::Defensive {
        let aimed: BTreeSet<&String> =
            request.actions.iter().map(|action| &action.target).collect();
        if request.targets.iter().any(|target| !aimed.contains(target)) {
            findings.push(form("NRS-RESP-0011", "/targets", "a target has no action"));
        }
        request.plan_digest = Some(plan.digest());
        request.playbook = playbook.as_ref().and_then(reference);
    }
    findings.extend(request.check(Limits::default()));
    Draft { request, plan, playbook, guard, findings }
}

fn judge(house: &House, ask: &Ask) -> (Vec<Guarded>, BTreeMap<String, Target>) {
    let judged = judge_all(house, ask.targets.iter().map(String::as_str));
    let guard = &house.config.response.guard;
    let passed = judged
        .iter()
        .filter_map(|one| Some((one.target.clone(), guard.check(&one.canonical).ok()?)));
    let targets = passed.collect();
    (judged, targets)
}

/// What the guard says about each text, and how far a block would reach.
pub fn judge_all<'a>(house: &House, texts: impl Iterator<Item = &'a str>) -> Vec<Guarded> {
    let lists = house.lists.current();
    let judge = |text: &str| {
        let judged = house.config.response.guard.check(&refang(text));
        let judged = judged.and_then(|target| match doubt(&lists, &target) {
            Some(finding) => Err(vec![finding]),
            None => Ok(target),
        });
        let (canonical, reach) = judged
            .as_ref()
            .map_or_else(|_| Default::default(), |one| (one.to_string(), reach(one)));
        let verdict = if judged.is_ok() { "pass" } else { "refuse" }.to_owned();
        let reasons = judged.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        Guarded { target: text.to_owned(), canonical, verdict, reasons, reach }
    };
    texts.map(str::trim).filter(|text| !text.is_empty()).map(judge).collect()
}

/// What the warning lists say about a target, unless a person vouched for it.
fn doubt(lists: &Loaded, target: &Target) -> Option<Finding> {
    let observable = target.observable();
    guard::doubt(target, &names(&lists.hits(&observable)), lists.is_vouched(&observable))
}

/// People paste defanged text (`c2[.]example`); that is its only leniency.
fn refang(text: &str) -> String {
    text.replace("[.]", ".").replace("[:]", ":")
}

fn reach(target: &Target) -> String {
    match target {
        Target::Network(net) => {
            let bits = net.max_prefix_len().saturating_sub(net.prefix_len());
            1u128
                .checked_shl(u32::from(bits))
                .map_or_else(|| format!("2^{bits}"), |count| count.to_string())
        }
        Target::Domain(_) => "+ *.".to_owned(),
    }
}

fn request(ctx: &Ctx, measure: &str, ask: &Ask, findings: &mut Vec<Finding>) -> Request {
    let kind = match ask.kind.as_str() {
        "defensive" => Kind::Defensive,
        "legal-order" => Kind::LegalOrder,
        _ => {
            findings.push(form(
                "NRS-RESP-0012",
                "/kind",
                "is neither `defensive` nor `legal-order`",
            ));
            Kind::LegalOrder
        }
    };
    let location = match ask.location.as_str() {
        "jp" => Location::Jp,
        "not_jp" => Location::NotJp,
        "unknown" => Location::Unknown,
        _ => {
            findings.push(form(
                "NRS-RESP-0012",
                "/location",
                "is none of `jp`, `not_jp`, `unknown`",
            ));
            Location::Unknown
        }
    };
    let mut time = |place: &str, text: &str| {
        let read = text.parse::<Timestamp>().ok();
        if read.is_none() {
            findings.push(form("NRS-RESP-0013", place, "is no moment (RFC 3339)"));
        }
        // Whole milliseconds, which is what the log can hold.
        let read = read.unwrap_or(Timestamp::UNIX_EPOCH);
        Timestamp::from_millisecond(read.as_millisecond()).unwrap_or(read)
    };
    let window = Window {
        not_before: time("/not_before", &ask.not_before),
        not_after: time("/not_after", &ask.not_after),
    };
    let heard: Vec<_> = ask
        .consultations
        .iter()
        .enumerate()
        .map(|(at, heard)| (at, heard, time(&format!("/consultations/{at}/at"), &heard.at)))
        .collect();
    let mut consultations = Vec::new();
    for (at, heard, moment) in heard {
        match Consulted::parse(&heard.who) {
            Some(who) => consultations.push(Consultation {
                who,
                at: moment,
                reference: heard.reference.clone(),
            }),
            None => findings.push(form(
                "NRS-RESP-0012",
                format!("/consultations/{at}/who"),
                "is nobody to consult",
            )),
        }
    }
    let route = if ctx.hat == Hat::SdfRequester { Route::Sdf } else { Route::Police };
    Request {
        measure: measure.to_owned(),
        case: ask.case.clone(),
        kind,
        route,
        requester: Party { person: ctx.person.to_string(), org: ctx.org.to_string() },
        purpose: ask.purpose.clone(),
        legal_basis: ask.legal_basis.clone(),
        necessity: ask.necessity.clone(),
        proportionality: ask.proportionality.clone(),
        scope: ask.scope.clone(),
        side_effects: ask.side_effects.clone(),
        location,
        consultations,
        targets: BTreeSet::new(),
        actions: BTreeSet::new(),
        window,
        effect_seconds_max: ask.effect_seconds_max,
        playbook: None,
        plan_digest: None,
    }
}

fn plan(
    house: &House,
    measure: &str,
    ask: &Ask,
    targets: &BTreeMap<String, Target>,
    consents: &[Consent],
    findings: &mut Vec<Finding>,
) -> (Plan, BTreeSet<Action>) {
    let mut actions = BTreeSet::new();
    let mut wanted: Vec<(String, String, Effect, Target)> = Vec::new();
    for (at, asked) in ask.actions.iter().enumerate() {
        let place = format!("/actions/{at}");
        let target = targets.get(asked.target.trim());
        let effect = Effect::parse(&asked.action);
        let (Some(target), Some(effect)) = (target, effect) else {
            findings.push(form(
                "NRS-RESP-0014",
                &place,
                "names no target of the request or no action that exists",
            ));
            continue;
        };
        if matches!(target, Target::Network(_)) != (effect == Effect::DenyAddress) {
            findings.push(form("NRS-RESP-0014", &place, "the action does not fit the target"));
            continue;
        }
        let mut relied = BTreeSet::new();
        for actuator in &asked.actuators {
            let known = house.config.actuators.iter().find(|known| known.name == *actuator);
            let consent = known.and_then(|known| {
                consents.iter().find(|consent| {
                    consent.org == known.org
                        && consent.actuator == *actuator
                        && consent.actions.contains(&effect)
                })
            });
            let (Some(known), Some(consent)) = (known, consent) else {
                let message =
                    format!("no consent in force covers `{}` at `{actuator}`", effect.id());
                findings.push(form("NRS-RESP-0015", &place, &message));
                continue;
            };
            relied.insert(consent.consent.clone());
            wanted.push((actuator.clone(), known.org.clone(), effect, target.clone()));
        }
        let actuators = asked.actuators.iter().cloned().collect();
        actions.insert(Action {
            target: target.to_string(),
            action: effect,
            actuators,
            consents: relied,
        });
    }
    wanted.sort();
    wanted.dedup();
    (assemble(measure, ask.effect_seconds_max, &wanted), actions)
}

fn assemble(measure: &str, seconds: u64, wanted: &[(String, String, Effect, Target)]) -> Plan {
    let mut plan = Plan { measure: measure.to_owned(), ..Plan::default() };
    let mut devices: BTreeMap<&str, (nft::Elements, BTreeMap<_, rpz::Answer>)> = BTreeMap::new();
    for (at, (actuator, org, action, target)) in wanted.iter().enumerate() {
        let effect = format!("effect-{}", at + 1);
        let command = command_of(measure, &effect, actuator, target, seconds);
        plan.effects.push(Planned {
            step: format!("action--{}", uuid_of(&format!("{measure}/{effect}"))),
            effect,
            actuator: actuator.clone(),
            org: org.clone(),
            action: *action,
            target: target.to_string(),
            command: Digest(command.digest()),
        });
        let (elements, names) = devices.entry(actuator).or_default();
        match target {
            Target::Network(net) => drop(elements.insert(*net, seconds)),
            Target::Domain(name) => drop(names.insert(name.clone(), rpz::Answer::NoSuchName)),
        }
    }
    plan.batches = devices
        .into_iter()
        .map(|(actuator, (elements, names))| Batch {
            actuator: actuator.to_owned(),
            nft: nft::lines("noroshi", &elements),
            rpz: if names.is_empty() { String::new() } else { rpz::zone(1, &names) },
        })
        .collect();
    plan
}

/// The command of an effect: follows from the plan alone, so that its digest can be bound before anything is sent.
pub fn command_of(
    measure: &str,
    effect: &str,
    actuator: &str,
    target: &Target,
    seconds: u64,
) -> Command {
    let (name, millis) = (command_name(measure, effect), seconds.saturating_mul(1000));
    match target {
        Target::Network(net) => Command::deny_net(*net, millis, actuator, &name),
        Target::Domain(domain) => Command::deny_name(domain, millis, actuator, &name),
    }
}

/// A version 4 UUID that follows from a text, so that the same request has the same playbook.
fn uuid_of(text: &str) -> String {
    let Digest(bytes) = Digest::of(text.as_bytes());
    let mut first = [0u8; 16];
    first.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    uuid::Builder::from_random_bytes(first).into_uuid().to_string()
}

fn playbook(house: &House, measure: &str, plan: &Plan, ask: &Ask, now: Timestamp) -> Option<Value> {
    let template: Value = serde_json::from_str(TEMPLATE).ok()?;
    let mut branches: BTreeMap<&str, Vec<NewAction>> = BTreeMap::new();
    for planned in &plan.effects {
        let target = house.config.response.guard.check(&planned.target).ok()?;
        let command = command_of(
            measure,
            &planned.effect,
            &planned.actuator,
            &target,
            ask.effect_seconds_max,
        );
        let name = format!("{} {} at {}", planned.action.id(), planned.target, planned.actuator);
        branches.entry(&planned.actuator).or_default().push(NewAction {
            step: planned.step.clone(),
            name,
            command,
        });
    }
    let url = |name: &str| {
        let found = house.config.actuators.iter().find(|known| known.name == name);
        found.map_or_else(String::new, |known| known.url.clone())
    };
    let branches: Vec<_> = branches
        .into_iter()
        .map(|(name, actions)| ((name.to_owned(), url(name)), actions))
        .collect();
    let mut number = 0u32;
    let ids = || {
        number += 1;
        uuid_of(&format!("{measure}/playbook/{number}"))
    };
    let id = format!("playbook--{}", uuid_of(&format!("{measure}/playbook")));
    Some(cacao::fill(&template, (&id, &stamp(now)), &branches, ids))
}

fn reference(playbook: &Value) -> Option<PlaybookRef> {
    // What cannot be executed is not put to the vote.
    Playbook::executable(playbook).ok()?;
    let text = |name: &str| playbook.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(PlaybookRef {
        id: text("id")?,
        modified: text("modified")?,
        digest: Digest::of_canonical(playbook)?,
    })
}
