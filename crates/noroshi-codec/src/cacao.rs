//! CACAO 2.0 playbooks: the strict part that is executed, and nothing that cannot be.
//!
//! [`Playbook::executable`] reads a playbook whose workflow is start, parallel branches or a sequence of `openc2-http`
//! actions, and ends. Everything else of the standard is answered with a finding: an office that "skips" a step it does
//! not know has done something nobody decided.

pub mod inspect;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::openc2::{self, Command};

/// Steps a playbook may have.
pub const STEPS_MAX: usize = 1_000;

/// Why a playbook is not executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: `{place}` {message}")]
pub struct Finding {
    /// Stable code.
    pub code: &'static str,
    /// Step or member.
    pub place: String,
    /// What is wrong.
    pub message: &'static str,
}

/// One action: which agent gets which command.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Step identifier.
    pub step: String,
    /// Name of the agent at playbook level.
    pub agent: String,
    /// The command, read strictly.
    pub command: Command,
    /// Milliseconds after which the step has failed (§4.1); whoever runs it keeps to it.
    pub timeout_ms: Option<u64>,
}

/// A playbook that can be executed: branches that run side by side, each a sequence of actions.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The branches in their order.
    pub branches: Vec<Vec<Action>>,
}

/// What is needed to write one action step.
#[derive(Debug, Clone)]
pub struct NewAction {
    /// Step identifier, `action--` and a version 4 UUID.
    pub step: String,
    /// A line for people.
    pub name: String,
    /// The command.
    pub command: Command,
}

/// Fills a template with branches of actions; one branch an agent. `ids` gives version 4 UUIDs.
///
/// Only typed members are set: no text of a template is searched and replaced, so a target can never become part of
/// another field.
pub fn fill(
    template: &Value,
    (id, created): (&str, &str),
    branches: &[((String, String), Vec<NewAction>)],
    mut ids: impl FnMut() -> String,
) -> Value {
    let mut playbook = template.clone();
    let (start, finish) = (format!("start--{}", ids()), format!("end--{}", ids()));
    let mut workflow = serde_json::Map::new();
    let mut agents = serde_json::Map::new();
    let mut firsts = Vec::new();
    for ((agent, url), actions) in branches {
        let key = format!("http-api--{}", ids());
        agents.insert(
            key.clone(),
            json!({ "type": "http-api", "name": agent, "address": { "url": [url] } }),
        );
        let branch_end = format!("end--{}", ids());
        let mut next = branch_end.clone();
        workflow.insert(branch_end, json!({ "type": "end" }));
        for action in actions.iter().rev() {
            workflow.insert(action.step.clone(), action_step(action, &key, &next));
            next.clone_from(&action.step);
        }
        firsts.push(next);
    }
    let after_start = if let [only] = firsts.as_slice() {
        only.clone()
    } else {
        let id = format!("parallel--{}", ids());
        let step = json!({ "type": "parallel", "next_steps": firsts, "on_completion": finish });
        workflow.insert(id.clone(), step);
        workflow.insert(finish, json!({ "type": "end" }));
        id
    };
    workflow.insert(start.clone(), json!({ "type": "start", "on_completion": after_start }));
    if let Some(members) = playbook.as_object_mut() {
        for (name, value) in [
            ("id", json!(id)),
            ("created", json!(created)),
            ("modified", json!(created)),
            ("workflow_start", json!(start)),
            ("workflow", Value::Object(workflow)),
            ("agent_definitions", Value::Object(agents)),
        ] {
            members.insert(name.to_owned(), value);
        }
    }
    playbook
}

fn action_step(action: &NewAction, agent: &str, next: &str) -> Value {
    json!({
        "type": "action", "name": action.name, "agent": agent, "on_completion": next,
        "commands": [{
            "type": "openc2-http",
            "command": format!("POST {} HTTP/1.1", openc2::PATH),
            "headers": { "Content-Type": [openc2::CONTENT_TYPE] },
            "content_b64": STANDARD.encode(action.command.to_value().to_string()),
        }],
    })
}

/// SHA-256 of the canonical form (RFC 8785) of a playbook: what an approval binds. `None` when it has none.
pub fn digest(value: &Value) -> Option<[u8; 32]> {
    let canonical = serde_json_canonicalizer::to_vec(value).ok()?;
    Some(Sha256::digest(canonical).into())
}

impl Playbook {
    /// Reads a playbook to execute it; every reason not to is told.
    pub fn executable(value: &Value) -> Result<Self, Vec<Finding>> {
        let mut reading = Reading { value, findings: Vec::new(), seen: BTreeSet::new() };
        let branches = reading.branches();
        if !reading.findings.is_empty() {
            return Err(reading.findings);
        }
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { id: text("id"), name: text("name"), branches })
    }

    /// The action of a step.
    pub fn action(&self, step: &str) -> Option<&Action> {
        self.branches.iter().flatten().find(|action| action.step == step)
    }

    /// The action that follows a step in its branch.
    pub fn after(&self, step: &str) -> Option<&Action> {
        let branch =
            self.branches.iter().find(|branch| branch.iter().any(|action| action.step == step))?;
        let at = branch.iter().position(|action| action.step == step)?;
        branch.get(at + 1)
    }
}

struct Reading<'a> {
    value: &'a Value,
    findings: Vec<Finding>,
    seen: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    fn find(&mut self, code: &'static str, place: &str, message: &'static str) {
        self.findings.push(Finding { code, place: place.to_owned(), message });
    }

    fn text(&self, name: &str) -> &'a str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn head(&mut self) {
        if self.text("type") != "playbook" || self.text("spec_version") != "cacao-2.0" {
            self.find("NRS-CACO-0001", "type", "is not a CACAO 2.0 playbook");
        }
        for name in ["id", "name", "created_by", "created", "modified", "workflow_start"] {
            if self.text(name).is_empty() {
                self.find("NRS-CACO-0002", name, "is missing");
            }
        }
        let kinds = self
            .value
            .get("playbook_types")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if kinds.iter().any(|kind| kind == "attack") {
            self.find(
                "NRS-CACO-0003",
                "playbook_types",
                "is an attack; there is nothing here that runs one",
            );
        }
        if self.value.get("revoked") == Some(&Value::Bool(true)) {
            self.find("NRS-CACO-0004", "revoked", "is true");
        }
    }

    fn branches(&mut self) -> Vec<Vec<Action>> {
        self.head();
        let Some(steps) = self.value.get("workflow").and_then(Value::as_object) else {
            self.find("NRS-CACO-0002", "workflow", "is missing");
            return Vec::new();
        };
        if steps.len() > STEPS_MAX {
            self.find("NRS-CACO-0005", "workflow", "has too many steps");
            return Vec::new();
        }
        let steps: BTreeMap<&str, &'a Value> =
            steps.iter().map(|(id, step)| (id.as_str(), step)).collect();
        for (id, step) in &steps {
            let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
            if id.split_once("--").is_none_or(|(prefix, _)| prefix != kind) {
                self.find("NRS-CACO-0006", id, "does not begin with its type");
            }
            self.form(id, kind, step);
        }
        let start = self.text("workflow_start");
        let Some(first) = steps.get(start).and_then(|step| next(step)) else {
            self.find("NRS-CACO-0007", "workflow_start", "leads nowhere");
            return Vec::new();
        };
        let kind =
            |id: &str| steps.get(id).and_then(|step| step.get("type")).and_then(Value::as_str);
        let firsts: Vec<&str> = if kind(first) == Some("parallel") {
            self.seen.insert(first.to_owned());
            let step = steps.get(first).copied().unwrap_or(&Value::Null);
            self.ends(&steps, next(step).unwrap_or_default());
            let branches = step
                .get("next_steps")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            branches.iter().filter_map(Value::as_str).collect()
        } else {
            vec![first]
        };
        self.seen.insert(start.to_owned());
        let branches =
            firsts.into_iter().map(|first| self.branch(&steps, first)).collect::<Vec<_>>();
        let unseen = steps.keys().find(|id| !self.seen.contains(**id)).copied();
        if let Some(unseen) = unseen {
            self.find("NRS-CACO-0008", unseen, "is never reached by what can be executed");
        }
        branches
    }

    /// Forms of steps that are not executed are refused by name, not passed over.
    fn form(&mut self, id: &str, kind: &str, step: &Value) {
        if !matches!(kind, "start" | "end" | "action" | "parallel") {
            self.find(
                "NRS-CACO-0015",
                id,
                "is a condition, a loop or another playbook; none is executed",
            );
        }
        let has = |name: &str| step.get(name).is_some();
        if has("on_success") || has("on_failure") {
            self.find("NRS-CACO-0014", id, "branches on success or failure, which is not executed");
        }
        if has("delay") {
            self.find("NRS-CACO-0016", id, "waits, which is not executed");
        }
        if step.get("timeout").is_some_and(|value| value.as_u64().is_none()) {
            self.find("NRS-CACO-0017", id, "has a time that is no number of milliseconds");
        }
    }

    fn ends(&mut self, steps: &BTreeMap<&str, &'a Value>, id: &str) {
        let is_end =
            steps.get(id).and_then(|step| step.get("type")).is_some_and(|kind| kind == "end");
        if !is_end || !self.seen.insert(id.to_owned()) {
            self.find("NRS-CACO-0009", id, "is not an end of its own");
        }
    }

    fn branch(&mut self, steps: &BTreeMap<&str, &'a Value>, first: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut at = first.to_owned();
        loop {
            let Some(step) = steps.get(at.as_str()) else {
                self.find("NRS-CACO-0007", &at, "leads nowhere");
                return actions;
            };
            if step.get("type").and_then(Value::as_str) != Some("action") {
                self.ends(steps, &at);
                return actions;
            }
            if !self.seen.insert(at.clone()) {
                self.find("NRS-CACO-0010", &at, "is reached twice");
                return actions;
            }
            actions.extend(self.action(&at, step));
            at = next(step).unwrap_or_default().to_owned();
        }
    }

    fn action(&mut self, id: &str, step: &Value) -> Option<Action> {
        let commands =
            step.get("commands").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let [command] = commands else {
            self.find("NRS-CACO-0011", id, "has not exactly one command");
            return None;
        };
        if command.get("type").and_then(Value::as_str) != Some("openc2-http") {
            self.find("NRS-CACO-0012", id, "is no OpenC2 command; other kinds are never executed");
            return None;
        }
        let content = command
            .get("content_b64")
            .and_then(Value::as_str)
            .and_then(|text| STANDARD.decode(text).ok());
        let read = content.and_then(|bytes| Command::decode(&bytes).ok());
        let agent = step.get("agent").and_then(Value::as_str);
        let agents = self.value.get("agent_definitions");
        let name = agent.and_then(|agent| agents?.get(agent)?.get("name")?.as_str());
        let (Some(command), Some(agent)) = (read, name) else {
            self.find("NRS-CACO-0013", id, "has no readable command or no agent of the playbook");
            return None;
        };
        let timeout_ms = step.get("timeout").and_then(Value::as_u64);
        Some(Action { step: id.to_owned(), agent: agent.to_owned(), command, timeout_ms })
    }
}

/// `on_completion`; branching on success or failure is not executed.
fn next(step: &Value) -> Option<&str> {
    if step.get("on_success").is_some() || step.get("on_failure").is_some() {
        return None;
    }
    step.get("on_completion")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(agents: usize) -> Value {
        let template = json!({ "type": "playbook", "spec_version": "cacao-2.0", "name": "x", "created_by": "identity--x" });
        let mut number = 0;
        let mut id = || {
            number += 1;
            format!("00000000-0000-4000-8000-{number:012}")
        };
        let branch = |agent: usize| {
            let action = |at: usize| NewAction {
                step: format!("action--{agent}-{at}"),
                name: String::new(),
                command: Command::deny_net(
                    "203.0.113.7/32".parse().unwrap(),
                    5,
                    "gw",
                    &format!("{agent}/{at}"),
                ),
            };
            ((format!("gw{agent}"), "http://gw.example/".to_owned()), vec![action(0), action(1)])
        };
        let branches: Vec<_> = (0..agents).map(branch).collect();
        fill(&template, ("playbook--1", "2026-11-23T00:00:00.000Z"), &branches, &mut id)
    }

    #[test]
    fn what_is_filled_can_be_executed_in_its_order() {
        for agents in 1..4 {
            let playbook = Playbook::executable(&filled(agents)).unwrap();
            assert_eq!(playbook.branches.len(), agents);
            assert_eq!(playbook.after("action--0-0").unwrap().step, "action--0-1");
            assert_eq!(playbook.after("action--0-1"), None);
            assert_eq!(playbook.action("action--0-1").unwrap().agent, "gw0");
        }
    }

    #[test]
    fn what_cannot_be_executed_is_told_and_never_skipped() {
        let refused = |change: fn(&mut Value)| {
            let mut value = filled(2);
            change(&mut value);
            Playbook::executable(&value)
                .unwrap_err()
                .into_iter()
                .map(|finding| finding.code)
                .collect::<Vec<_>>()
        };
        assert!(
            refused(|value| value["playbook_types"] = json!(["attack"])).contains(&"NRS-CACO-0003")
        );
        assert!(refused(|value| value["workflow"]["action--0-0"]["commands"][0]["type"] = json!("bash")).contains(&"NRS-CACO-0012"));
        assert!(
            refused(
                |value| value["workflow"]["action--0-1"]["on_completion"] = json!("action--0-0")
            )
            .contains(&"NRS-CACO-0010")
        );
        assert!(
            refused(|value| value["workflow"]["action--9-9"] = json!({ "type": "action" }))
                .contains(&"NRS-CACO-0008")
        );
        assert!(
            refused(|value| value["workflow"]["action--0-0"]["on_failure"] = json!("end--1"))
                .contains(&"NRS-CACO-0014")
        );
        assert!(
            refused(
                |value| value["workflow"]["if-condition--1"] = json!({ "type": "if-condition" })
            )
            .contains(&"NRS-CACO-0015")
        );
        assert!(
            refused(|value| value["workflow"]["action--0-0"]["delay"] = json!(1))
                .contains(&"NRS-CACO-0016")
        );
        assert!(
            refused(|value| value["workflow"]["action--0-0"]["timeout"] = json!("1"))
                .contains(&"NRS-CACO-0017")
        );
        assert!(refused(|value| value["revoked"] = json!(true)).contains(&"NRS-CACO-0004"));
    }

    #[test]
    fn published_examples_are_read_without_a_panic_and_attacks_are_refused() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/corpora/specs/cacao/examples");
        if !root.try_exists().unwrap() {
            println!(
                "corpora absent: skipped published_examples_are_read_without_a_panic_and_attacks_are_refused"
            );
            return;
        }
        let mut folders = vec![root];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(value) =
                    serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap())
                {
                    read += 1;
                    assert!(
                        Playbook::executable(&value).is_err(),
                        "{} is not for our agents",
                        path.display()
                    );
                }
            }
        }
        assert!(read > 3);
    }
}
