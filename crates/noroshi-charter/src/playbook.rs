//! Which playbooks may run.
//!
//! # What it decides
//! Whether a playbook may be executed: what its steps do, by whom, and whether each step that has an effect says under
//! which authority and how it is undone.
//!
//! # Source
//! Safeguards Z-9 (nothing offensive is executable; the only commands with an effect are OpenC2 commands to our own
//! actuator agents) and Z-10 (values are passed as data, never pasted into commands); specs 1.4 (an action at an
//! actuator carries the authorisation extension).
//!
//! # Refuses when
//! The playbook is of type `attack` or another that is not a defence (`NRS-RESP-0401`), it is revoked or out of its
//! time (`0402`), a command is of a kind that does not run here (`0403`), an effect is aimed at something that is not
//! one of our actuators (`0404`), it lacks its authorisation (`0405`) or its way back (`0406`), a variable is pasted into
//! a command (`0407`), a step has a form that is not executed (`0408`), or there are too many steps (`0409`).
//!
//! # Example
//! ```
//! use noroshi_charter::playbook::{Agent, Command, Outline, Step, StepKind, check};
//! let step = Step {
//!     id: "action--1".to_owned(),
//!     kind: StepKind::Action { agent: Agent::Other("ssh".to_owned()), commands: vec![Command::of("ssh")], authority: None },
//! };
//! let outline = Outline { types: ["attack".to_owned()].into(), steps: vec![step], ..Outline::default() };
//! let codes: Vec<_> = check(&outline, jiff::Timestamp::UNIX_EPOCH).iter().map(|finding| finding.code).collect();
//! assert_eq!(codes, ["NRS-RESP-0401", "NRS-RESP-0403"]);
//! ```

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::finding::Finding;

/// Most steps of one run (specs 1.5).
pub const STEPS_MAX: usize = 1_000;

/// Types of playbooks that defend (CACAO 2.0 §3.1.1). `attack` and `engagement` are not among them.
const DEFENSIVE_TYPES: &[&str] =
    &["notification", "detection", "investigation", "prevention", "mitigation", "remediation"];

/// The one command type that has an effect through this program.
const EXECUTED: &str = "openc2-http";
/// A command a person reads and carries out; the program only waits for the answer.
const READ_BY_A_PERSON: &str = "manual";

/// What the rule looks at; whoever reads the file fills it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// `playbook_types`.
    pub types: BTreeSet<String>,
    /// `revoked`.
    pub revoked: bool,
    /// `valid_from`.
    pub valid_from: Option<Timestamp>,
    /// `valid_until`.
    pub valid_until: Option<Timestamp>,
    /// Its steps, in the order of their identifiers.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its identifier.
    pub id: String,
    /// What it is.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Start and end: nothing.
    Mark,
    /// Leads to other steps.
    Parallel,
    /// Commands carried out by an agent.
    Action {
        /// By whom.
        agent: Agent,
        /// What.
        commands: Vec<Command>,
        /// The authorisation extension.
        authority: Option<Authority>,
    },
    /// A form that is not executed, by its CACAO name: conditions, loops, other playbooks.
    Other(String),
}

/// Who carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// One of our actuators, by name.
    Actuator(String),
    /// A person or organisation.
    Person,
    /// Anything else, by its CACAO type.
    Other(String),
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its CACAO type.
    pub kind: String,
    /// The texts a variable could be pasted into: start line, headers, content.
    pub texts: Vec<String>,
}

impl Command {
    /// A command of this type without any text.
    pub fn of(kind: &str) -> Self {
        Self { kind: kind.to_owned(), texts: Vec::new() }
    }
}

/// What an action at an actuator says about its authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The measure it belongs to.
    pub measure: Option<String>,
    /// How long its effect lasts, in seconds.
    pub ttl_seconds: Option<u64>,
    /// The step that undoes it.
    pub rollback_step: Option<String>,
}

/// Everything that keeps the playbook from running.
pub fn check(outline: &Outline, now: Timestamp) -> Vec<Finding> {
    let mut findings = whole(outline, now);
    if outline.steps.len() > STEPS_MAX {
        let message = format!("it has more than {STEPS_MAX} steps");
        findings.push(Finding::refuses("NRS-RESP-0409", "limit", "/workflow", message));
        return findings;
    }
    let ids: BTreeSet<&str> = outline.steps.iter().map(|step| step.id.as_str()).collect();
    for step in &outline.steps {
        findings.extend(check_step(step, &ids));
    }
    findings
}

fn whole(outline: &Outline, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let foreign: Vec<&String> =
        outline.types.iter().filter(|kind| !DEFENSIVE_TYPES.contains(&kind.as_str())).collect();
    if !foreign.is_empty() || outline.types.is_empty() {
        let message = format!("its types {foreign:?} are not those of a defence");
        findings.push(Finding::refuses(
            "NRS-RESP-0401",
            "safeguard Z-9",
            "/playbook_types",
            message,
        ));
    }
    let early = outline.valid_from.is_some_and(|from| now < from);
    let late = outline.valid_until.is_some_and(|until| now >= until);
    if outline.revoked || early || late {
        let message = "it is revoked or outside its time";
        findings.push(Finding::refuses("NRS-RESP-0402", "CACAO 2.0 §3.1", "/valid_until", message));
    }
    findings
}

fn check_step(step: &Step, ids: &BTreeSet<&str>) -> Vec<Finding> {
    let place = format!("/workflow/{}", step.id);
    match &step.kind {
        StepKind::Mark | StepKind::Parallel => Vec::new(),
        StepKind::Other(kind) => {
            let message = format!("steps of the form `{kind}` are not executed");
            vec![Finding::refuses("NRS-RESP-0408", "specs 1.5", place, message)]
        }
        StepKind::Action { agent, commands, authority } => {
            check_action(&place, agent, commands, authority.as_ref(), ids)
        }
    }
}

fn check_action(
    place: &str,
    agent: &Agent,
    commands: &[Command],
    authority: Option<&Authority>,
    ids: &BTreeSet<&str>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuses = |code, clause, at: String, message: String| {
        findings.push(Finding::refuses(code, clause, at, message));
    };
    let mut has_effect = false;
    for (number, command) in commands.iter().enumerate() {
        let at = format!("{place}/commands/{number}");
        match (command.kind.as_str(), agent) {
            (EXECUTED, Agent::Actuator(_)) => has_effect = true,
            (EXECUTED, _) => {
                let message = "the command is not for one of our actuators".to_owned();
                refuses("NRS-RESP-0404", "safeguard Z-9", at.clone(), message);
            }
            (READ_BY_A_PERSON, Agent::Person) => {}
            (kind, _) => {
                let message = format!("commands of type `{kind}` do not run here");
                refuses("NRS-RESP-0403", "safeguard Z-9", at.clone(), message);
            }
        }
        // A person reads a manual command; everything else would paste text into something that acts.
        if command.kind != READ_BY_A_PERSON && command.texts.iter().any(|text| has_variable(text)) {
            let message = "a variable is pasted into the command".to_owned();
            refuses("NRS-RESP-0407", "safeguard Z-10", at, message);
        }
    }
    if !has_effect {
        return findings;
    }
    let extension = format!("{place}/step_extensions");
    let complete = authority.is_some_and(|it| {
        it.measure.is_some() && it.ttl_seconds.is_some_and(|seconds| seconds > 0)
    });
    if !complete {
        let message = "an effect without measure or end".to_owned();
        refuses("NRS-RESP-0405", "specs 1.4", extension.clone(), message);
    }
    let back = authority.and_then(|it| it.rollback_step.as_deref());
    if !back.is_some_and(|step| ids.contains(step)) {
        let message = "an effect without a step that undoes it".to_owned();
        refuses("NRS-RESP-0406", "safeguard Z-6", extension, message);
    }
    findings
}

/// CACAO 2.0 §10.18: `__name__:value`, where names begin with a letter.
fn has_variable(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("__") {
        if after.starts_with(|c: char| c.is_ascii_alphabetic()) && after.contains("__:") {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(agent: Agent, command: Command, authority: Option<Authority>) -> Outline {
        let kind = StepKind::Action { agent, commands: vec![command], authority };
        let mark = |id: &str| Step { id: id.to_owned(), kind: StepKind::Mark };
        let step = Step { id: "action--1".to_owned(), kind };
        Outline {
            types: ["mitigation".to_owned()].into(),
            steps: vec![mark("start--1"), step, mark("end--1")],
            ..Outline::default()
        }
    }

    fn authority() -> Authority {
        Authority {
            measure: Some("measure-1".to_owned()),
            ttl_seconds: Some(3_600),
            rollback_step: Some("end--1".to_owned()),
        }
    }

    fn ours() -> Agent {
        Agent::Actuator("power-edge".to_owned())
    }

    #[track_caller]
    fn check_codes(outline: &Outline, expected: &[&str]) {
        let found: Vec<_> =
            check(outline, Timestamp::UNIX_EPOCH).iter().map(|finding| finding.code).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn only_openc2_to_our_actuators_and_words_to_people_run() {
        check_codes(&action(ours(), Command::of(EXECUTED), Some(authority())), &[]);
        check_codes(&action(Agent::Person, Command::of("manual"), None), &[]);
        for kind in
            ["bash", "ssh", "powershell", "caldera-cmd", "http-api", "yara", "openc2", "new"]
        {
            check_codes(&action(ours(), Command::of(kind), Some(authority())), &["NRS-RESP-0403"]);
        }
        let elsewhere = Agent::Other("http-api".to_owned());
        check_codes(&action(elsewhere, Command::of(EXECUTED), None), &["NRS-RESP-0404"]);
    }

    #[test]
    fn attack_is_never_a_type_that_runs() {
        for types in [&["attack"][..], &["mitigation", "attack"], &["engagement"], &[]] {
            let mut outline = action(ours(), Command::of(EXECUTED), Some(authority()));
            outline.types = types.iter().map(|kind| (*kind).to_owned()).collect();
            check_codes(&outline, &["NRS-RESP-0401"]);
        }
    }

    #[test]
    fn an_effect_says_its_authority_and_its_way_back() {
        let run = |authority| action(ours(), Command::of(EXECUTED), authority);
        check_codes(&run(None), &["NRS-RESP-0405", "NRS-RESP-0406"]);
        let endless = Authority { ttl_seconds: Some(0), ..authority() };
        check_codes(&run(Some(endless)), &["NRS-RESP-0405"]);
        let nowhere = Authority { rollback_step: Some("action--9".to_owned()), ..authority() };
        check_codes(&run(Some(nowhere)), &["NRS-RESP-0406"]);
    }

    #[test]
    fn variables_are_data() {
        let pasted = |text: &str| {
            let texts = vec![text.to_owned()];
            action(ours(), Command { texts, ..Command::of(EXECUTED) }, Some(authority()))
        };
        check_codes(&pasted("{\"ipv4_net\":\"__target__:value\"}"), &["NRS-RESP-0407"]);
        check_codes(&pasted("____a__:value"), &["NRS-RESP-0407"]);
        check_codes(&pasted("a__b and _c_"), &[]);
    }

    #[test]
    fn time_and_revocation_hold_it_up() {
        let mut outline = action(ours(), Command::of(EXECUTED), Some(authority()));
        outline.valid_until = Some(Timestamp::UNIX_EPOCH);
        check_codes(&outline, &["NRS-RESP-0402"]);
        outline.valid_until = None;
        outline.revoked = true;
        check_codes(&outline, &["NRS-RESP-0402"]);
    }

    #[test]
    fn other_forms_and_too_many_steps() {
        let mut outline = action(ours(), Command::of(EXECUTED), Some(authority()));
        let kind = StepKind::Other("while-condition".to_owned());
        outline.steps.push(Step { id: "while-condition--1".to_owned(), kind });
        check_codes(&outline, &["NRS-RESP-0408"]);
        let mark = Step { id: "end--1".to_owned(), kind: StepKind::Mark };
        outline.steps = vec![mark; STEPS_MAX + 1];
        check_codes(&outline, &["NRS-RESP-0409"]);
    }
}
