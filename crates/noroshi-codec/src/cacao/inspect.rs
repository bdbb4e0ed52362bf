//! What is wrong with a playbook of others, all of it (CACAO 2.0; the clause is in each check).
//!
//! Published playbooks break the standard in many small ways, so that import is tolerant: it keeps the bytes, runs
//! nothing, and tells what it found. Only [`super::Playbook::executable`] decides what runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Finding, STEPS_MAX};

/// Most findings told; beyond it a playbook is hardly one.
pub const FINDINGS_MAX: usize = 1_000;
/// Longest name of a variable (§10.18).
const VARIABLE_CHARS_MAX: usize = 250;
/// The types of playbooks in the vocabulary (§3.1.1).
const PLAYBOOK_TYPES: &[&str] = &[
    "attack",
    "detection",
    "engagement",
    "investigation",
    "mitigation",
    "notification",
    "prevention",
    "remediation",
];
/// The types of steps (§4.1).
const STEP_TYPES: &[&str] = &[
    "start",
    "end",
    "action",
    "playbook-action",
    "parallel",
    "if-condition",
    "while-condition",
    "switch-condition",
];
/// Commands that carry their text themselves (§5).
const TEXT_COMMANDS: &[&str] = &["manual", "bash", "caldera-cmd", "powershell", "ssh"];
/// The members by which a step leads on.
const NEXT: &[&str] = &["on_completion", "on_success", "on_failure", "on_true", "on_false"];

/// Everything found, in the order of the text's parts.
pub fn inspect(value: &Value) -> Vec<Finding> {
    let Some(playbook) = value.as_object() else {
        return vec![finding("NRS-CACO-0101", "", "is not an object")];
    };
    let mut all = Inspection { playbook, findings: Vec::new() };
    all.head();
    all.identifiers();
    all.workflow();
    all.definitions();
    all.findings.truncate(FINDINGS_MAX);
    all.findings
}

fn finding(code: &'static str, place: &str, message: &'static str) -> Finding {
    Finding { code, place: place.chars().take(200).collect(), message }
}

struct Inspection<'a> {
    playbook: &'a Map<String, Value>,
    findings: Vec<Finding>,
}

impl<'a> Inspection<'a> {
    fn find(&mut self, code: &'static str, place: &str, message: &'static str) {
        self.findings.push(finding(code, place, message));
    }

    fn check(&mut self, holds: bool, code: &'static str, place: &str, message: &'static str) {
        if !holds {
            self.find(code, place, message);
        }
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.playbook.get(name)?.as_str()
    }

    fn map(&self, name: &str) -> Option<&'a Map<String, Value>> {
        self.playbook.get(name)?.as_object()
    }

    /// §3.1: what every playbook has.
    fn head(&mut self) {
        let is_playbook =
            self.text("type") == Some("playbook") && self.text("spec_version") == Some("cacao-2.0");
        self.check(is_playbook, "NRS-CACO-0102", "spec_version", "is not of CACAO 2.0");
        for name in ["id", "name", "created_by", "created", "modified", "workflow_start"] {
            let filled = self.text(name).is_some_and(|text| !text.is_empty());
            self.check(filled, "NRS-CACO-0103", name, "is missing");
        }
        for name in ["created", "modified", "valid_from", "valid_until"] {
            if let Some(value) = self.playbook.get(name) {
                let sound = value.as_str().is_some_and(is_timestamp);
                self.check(sound, "NRS-CACO-0104", name, "is not UTC with three digits");
            }
        }
        let time = |name: &str| self.text(name).and_then(|text| text.parse::<Timestamp>().ok());
        let ordered =
            |first: &str, last: &str| time(first).zip(time(last)).is_none_or(|(a, b)| a <= b);
        let (versions, validity) =
            (ordered("created", "modified"), ordered("valid_from", "valid_until"));
        self.check(versions, "NRS-CACO-0105", "modified", "lies before `created`");
        self.check(validity, "NRS-CACO-0105", "valid_until", "lies before `valid_from`");
        let texts = |name: &str| texts(self.playbook.get(name));
        let known = texts("playbook_types").iter().any(|kind| PLAYBOOK_TYPES.contains(kind));
        let active = !texts("playbook_activities").is_empty();
        self.check(
            !known || active,
            "NRS-CACO-0106",
            "playbook_activities",
            "is missing beside types",
        );
    }

    /// §10.10: a type and a UUID, no UUID twice; steps have version 4, a playbook may have version 5.
    fn identifiers(&mut self) {
        let mut seen = BTreeSet::new();
        let own = self.text("id").unwrap_or_default();
        let sound = uuid_of(own, "playbook").is_some_and(|uuid| {
            seen.insert(uuid);
            matches!(uuid.get_version_num(), 4 | 5)
        });
        self.check(sound, "NRS-CACO-0107", "id", "is not `playbook--` and a UUID");
        for (group, is_step) in
            [("workflow", true), ("agent_definitions", false), ("target_definitions", false)]
        {
            let Some(members) = self.map(group) else { continue };
            for (id, member) in members {
                let kind = member.get("type").and_then(Value::as_str).unwrap_or_default();
                let Some(uuid) = uuid_of(id, kind) else {
                    self.find("NRS-CACO-0108", id, "is not its type and a UUID");
                    continue;
                };
                self.check(seen.insert(uuid), "NRS-CACO-0109", id, "has a UUID that stands twice");
                let version = !is_step || uuid.get_version_num() == 4;
                self.check(version, "NRS-CACO-0110", id, "is not of version 4");
            }
        }
    }

    /// §4: the steps and how they lead on.
    fn workflow(&mut self) {
        let Some(steps) = self.map("workflow") else {
            self.find("NRS-CACO-0103", "workflow", "is missing");
            return;
        };
        if steps.len() > STEPS_MAX {
            self.find("NRS-CACO-0111", "workflow", "has too many steps");
            return;
        }
        let kind =
            |id: &str| steps.get(id).and_then(|step| step.get("type")).and_then(Value::as_str);
        let has = |kinds: &[&str]| {
            steps.keys().any(|id| kind(id).is_some_and(|one| kinds.contains(&one)))
        };
        let whole = has(&["start"]) && has(&["action", "playbook-action"]) && has(&["end"]);
        self.check(whole, "NRS-CACO-0112", "workflow", "has no start, no action or no end");
        let begins = self.text("workflow_start").is_some_and(|id| kind(id) == Some("start"));
        self.check(begins, "NRS-CACO-0113", "workflow_start", "does not name a start");
        if let Some(id) = self.text("workflow_exception") {
            self.check(
                steps.contains_key(id),
                "NRS-CACO-0114",
                "workflow_exception",
                "names no step",
            );
        }
        for (id, step) in steps {
            self.step(id, step, steps);
        }
        self.branches(steps);
    }

    fn step(&mut self, id: &str, step: &Value, steps: &Map<String, Value>) {
        let has = |name: &str| step.get(name).is_some();
        let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
        self.check(STEP_TYPES.contains(&kind), "NRS-CACO-0115", id, "is of no known type");
        for target in leads_to(step) {
            self.check(
                steps.contains_key(target),
                "NRS-CACO-0116",
                id,
                "leads to a step that is not there",
            );
        }
        let (one, two) = (has("on_completion"), has("on_success") || has("on_failure"));
        // §4.1, and the clauses on start and end.
        let exclusive = match kind {
            "start" => one && !two,
            "end" => !one && !two,
            _ => !(one && two),
        };
        self.check(exclusive, "NRS-CACO-0117", id, "leads on in ways that exclude each other");
        for name in ["timeout", "delay"] {
            let sound = step.get(name).is_none_or(|value| value.as_u64().is_some());
            self.check(sound, "NRS-CACO-0118", id, "has a time that is no number of milliseconds");
        }
        match kind {
            "action" => self.action(id, step),
            "playbook-action" => {
                self.check(has("playbook_id"), "NRS-CACO-0119", id, "names no playbook");
            }
            "parallel" => {
                let several = texts(step.get("next_steps")).len() >= 2;
                self.check(several, "NRS-CACO-0120", id, "has fewer than two branches");
            }
            "if-condition" | "while-condition" => {
                let whole = has("condition") && has("on_true");
                self.check(whole, "NRS-CACO-0121", id, "has no condition or no `on_true`");
            }
            "switch-condition" => {
                let whole = has("switch") && step.get("cases").is_some_and(Value::is_object);
                self.check(whole, "NRS-CACO-0121", id, "has no `switch` or no `cases`");
            }
            _ => {}
        }
        self.extensions(id, step.get("step_extensions"));
        self.variables(id, step.get("step_variables"));
    }

    /// §4.5 and §5.
    fn action(&mut self, id: &str, step: &Value) {
        let commands =
            step.get("commands").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.check(!commands.is_empty(), "NRS-CACO-0122", id, "has no command");
        for command in commands {
            let has = |name: &str| command.get(name).is_some_and(Value::is_string);
            let sound = match command.get("type").and_then(Value::as_str) {
                None => false,
                Some("openc2-http") => {
                    let line = command.get("command").and_then(Value::as_str).unwrap_or_default();
                    line.starts_with("POST ") && has("content_b64")
                }
                Some(kind) if TEXT_COMMANDS.contains(&kind) => has("command") || has("command_b64"),
                Some(_) => true,
            };
            self.check(sound, "NRS-CACO-0123", id, "has a command without its type or its text");
        }
        let agents = self.map("agent_definitions");
        let agent = step.get("agent").and_then(Value::as_str);
        let defined = agent.is_some_and(|agent| agents.is_some_and(|all| all.contains_key(agent)));
        self.check(defined, "NRS-CACO-0124", id, "has no agent that is defined");
        let targets = self.map("target_definitions");
        let known = |target: &&str| targets.is_some_and(|all| all.contains_key(*target));
        let all_known = texts(step.get("targets")).iter().all(known);
        self.check(all_known, "NRS-CACO-0125", id, "has a target that is not defined");
    }

    /// §4.7 to §4.10: each branch has an end of its own. A branch is followed along its ordinary way.
    fn branches(&mut self, steps: &Map<String, Value>) {
        let mut ends: BTreeMap<&str, &str> = BTreeMap::new();
        for (id, step) in steps {
            let parallel = step.get("type").and_then(Value::as_str) == Some("parallel");
            let firsts = if parallel { texts(step.get("next_steps")) } else { Vec::new() };
            for first in firsts {
                let Some(end) = end_of(first, steps) else {
                    self.find("NRS-CACO-0126", id, "has a branch without an end");
                    continue;
                };
                let alone = ends.insert(end, first).is_none_or(|other| other == first);
                self.check(alone, "NRS-CACO-0126", id, "has two branches with one end");
            }
        }
    }

    /// What is defined beside the workflow.
    fn definitions(&mut self) {
        self.variables("playbook_variables", self.playbook.get("playbook_variables"));
        self.extensions("playbook_extensions", self.playbook.get("playbook_extensions"));
        let markings = self.map("data_marking_definitions");
        let known = |id: &&str| markings.is_some_and(|all| all.contains_key(*id));
        let marked = texts(self.playbook.get("markings")).iter().all(known);
        self.check(marked, "NRS-CACO-0127", "markings", "names a marking that is not defined");
        for (id, info) in self.map("authentication_info_definitions").into_iter().flatten() {
            let kms = info.get("kms").and_then(Value::as_bool) == Some(true);
            let told = info.get("password").is_some() || info.get("user_id").is_some();
            // §6: a secret that a key store holds does not stand in the playbook as well.
            self.check(
                !(kms && told),
                "NRS-CACO-0128",
                id,
                "tells a secret that a key store holds",
            );
        }
        let signatures = self.playbook.get("signatures").and_then(Value::as_array);
        for (at, signature) in signatures.into_iter().flatten().enumerate() {
            self.signature(&format!("signatures/{at}"), signature);
        }
    }

    /// §10.15.
    fn signature(&mut self, place: &str, signature: &Value) {
        let needed = [
            "type",
            "id",
            "created",
            "modified",
            "signee",
            "related_to",
            "related_version",
            "hash_algorithm",
            "algorithm",
            "value",
        ];
        let whole = needed.iter().all(|name| signature.get(*name).is_some_and(Value::is_string));
        let keys = ["public_key", "public_cert_chain", "cert_url", "thumbprint"];
        let one_key = keys.iter().filter(|name| signature.get(**name).is_some()).count() == 1;
        self.check(whole && one_key, "NRS-CACO-0129", place, "lacks a member or has not one key");
        let this = self.playbook.get("modified");
        let same = signature.get("related_version") == this;
        self.check(same, "NRS-CACO-0130", place, "signs another version");
    }

    /// §8: extensions are named by their definition.
    fn extensions(&mut self, place: &str, extensions: Option<&Value>) {
        let definitions = self.map("extension_definitions");
        let known = |id: &String| definitions.is_some_and(|all| all.contains_key(id));
        let all = extensions.and_then(Value::as_object);
        let sound = all.is_none_or(|all| all.keys().all(known));
        self.check(sound, "NRS-CACO-0131", place, "has an extension that is not defined");
    }

    /// §10.18: `__name__`, letter first; a value is text or null.
    fn variables(&mut self, place: &str, variables: Option<&Value>) {
        let Some(variables) = variables.and_then(Value::as_object) else { return };
        for (name, variable) in variables {
            let inner = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
            let sound = name.len() <= VARIABLE_CHARS_MAX
                && inner.is_some_and(|inner| {
                    inner.starts_with(|first: char| first.is_ascii_alphabetic()) && inner.is_ascii()
                });
            self.check(sound, "NRS-CACO-0132", place, "has a variable with a bad name");
            let text =
                variable.get("value").is_none_or(|value| value.is_string() || value.is_null());
            self.check(text, "NRS-CACO-0133", place, "has a variable whose value is no text");
        }
    }
}

/// §10.17: UTC, `Z`, exactly three digits.
fn is_timestamp(text: &str) -> bool {
    let fraction = text.strip_suffix('Z').and_then(|rest| rest.rsplit_once('.'));
    let digits = fraction.is_some_and(|(_, digits)| {
        digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    digits && text.parse::<Timestamp>().is_ok()
}

/// The UUID of `kind--UUID`.
fn uuid_of(id: &str, kind: &str) -> Option<Uuid> {
    let text = id.strip_prefix(kind)?.strip_prefix("--")?;
    (text.len() == 36 && !kind.is_empty()).then(|| Uuid::try_parse(text).ok())?
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Every step that a step names.
fn leads_to(step: &Value) -> Vec<&str> {
    let mut targets: Vec<&str> =
        NEXT.iter().filter_map(|name| step.get(*name)).filter_map(Value::as_str).collect();
    targets.extend(texts(step.get("next_steps")));
    let cases = step.get("cases").and_then(Value::as_object);
    targets.extend(cases.into_iter().flat_map(Map::values).filter_map(Value::as_str));
    targets
}

/// The end a step leads to along `on_completion` or `on_success`; `None` when it leads round or nowhere.
fn end_of<'a>(first: &'a str, steps: &'a Map<String, Value>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    let mut at = first;
    while seen.insert(at) {
        let step = steps.get(at)?;
        if step.get("type").and_then(Value::as_str) == Some("end") {
            return Some(at);
        }
        at = step.get("on_completion").or_else(|| step.get("on_success"))?.as_str()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpora(path: &str) -> Option<Value> {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/specs/cacao");
        let Ok(text) = std::fs::read_to_string(format!("{root}/{path}")) else {
            println!("corpora absent: skipped {path}");
            return None;
        };
        Some(serde_json::from_str(&text).unwrap())
    }

    #[track_caller]
    fn check(path: &str, expected: &[&str]) {
        let Some(value) = corpora(path) else { return };
        let codes: BTreeSet<&str> = inspect(&value).iter().map(|finding| finding.code).collect();
        assert_eq!(codes.into_iter().collect::<Vec<_>>(), expected, "{path}");
    }

    #[test]
    fn the_two_sound_examples_are_clean() {
        check("examples/tc/basic-example-1.json", &[]);
        check("examples/tc/spec-3.1-example.json", &[]);
    }

    #[test]
    fn the_others_are_told_what_is_wrong() {
        for (path, expected) in OTHERS {
            check(path, expected);
        }
    }

    /// Timestamps with six digits, no start, steps and UUIDs that are not what they say, undefined targets.
    const OTHERS: &[(&str, &[&str])] = &[
        (
            "examples/tc/locky-bart-mbc-examples.json",
            &["NRS-CACO-0109", "NRS-CACO-0110", "NRS-CACO-0125"],
        ),
        (
            "examples/layout/playbook--aa1898b6-5251-49b4-aeb7-fd5e912583ff.json",
            &["NRS-CACO-0121", "NRS-CACO-0122", "NRS-CACO-0124"],
        ),
        ("examples/soarca/openc2-playbook.json", &["NRS-CACO-0104", "NRS-CACO-0106"]),
        ("examples/soarca/ssh-playbook.json", &["NRS-CACO-0104", "NRS-CACO-0106"]),
        ("examples/soarca/manual-playbook.json", &["NRS-CACO-0106", "NRS-CACO-0108"]),
        (
            "examples/soarca-tests/missing_step_playbook.json",
            &[
                "NRS-CACO-0104",
                "NRS-CACO-0106",
                "NRS-CACO-0112",
                "NRS-CACO-0113",
                "NRS-CACO-0114",
                "NRS-CACO-0116",
            ],
        ),
    ];

    #[test]
    fn the_digest_is_the_published_one() {
        let Some(vector) = corpora("signature/rsa-vector.json") else { return };
        let digest = super::super::digest(&vector["playbook_to_sign"]).unwrap();
        let text = digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(text, vector["jcs_sha256_hex"]);
    }

    /// A sound playbook with one thing wrong has exactly this finding.
    #[track_caller]
    fn check_change(change: impl Fn(&mut Value), code: &str) {
        let mut value = serde_json::json!({
            "type": "playbook", "spec_version": "cacao-2.0", "name": "x",
            "id": "playbook--fe85f68d-1960-4596-96a2-228113e143cf",
            "created_by": "identity--351b1469-64b4-4778-8d93-f7949a88990d",
            "created": "2026-11-01T00:00:00.000Z", "modified": "2026-11-01T00:00:00.000Z",
            "workflow_start": START,
            "workflow": {
                START: { "type": "start", "on_completion": ACTION },
                ACTION: {
                    "type": "action", "agent": AGENT, "on_completion": END,
                    "commands": [{ "type": "openc2-http", "command": "POST / HTTP/1.1", "content_b64": "" }],
                },
                END: { "type": "end" },
            },
            "agent_definitions": { AGENT: { "type": "http-api", "name": "x" } },
        });
        assert_eq!(inspect(&value), []);
        change(&mut value);
        let codes: Vec<_> = inspect(&value).iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [code]);
    }

    const START: &str = "start--fa16a4e9-e6b9-4658-b464-ca1632ff57f4";
    const ACTION: &str = "action--6398eb05-3eb8-43f5-87d3-f24e07492a41";
    const END: &str = "end--116cdac5-63f1-4d8f-b3a8-e5667936e9b6";
    const AGENT: &str = "http-api--75baba7d-a198-4c5c-805c-af616b4f7a31";

    #[test]
    fn each_clause_has_its_own_finding() {
        use serde_json::json;
        check_change(|p| p["spec_version"] = json!("cacao-1.1"), "NRS-CACO-0102");
        check_change(|p| p["name"] = json!(""), "NRS-CACO-0103");
        check_change(|p| p["created"] = json!("2026-11-01T00:00:00Z"), "NRS-CACO-0104");
        check_change(|p| p["created"] = json!("2026-12-01T00:00:00.000Z"), "NRS-CACO-0105");
        check_change(|p| p["playbook_types"] = json!(["mitigation"]), "NRS-CACO-0106");
        check_change(|p| p["id"] = json!("playbook--1"), "NRS-CACO-0107");
        check_change(|p| p["workflow_start"] = json!(END), "NRS-CACO-0113");
        check_change(|p| p["workflow_exception"] = json!("end--1"), "NRS-CACO-0114");
        check_change(|p| p["workflow"][ACTION]["on_completion"] = json!("end--1"), "NRS-CACO-0116");
        check_change(|p| p["workflow"][ACTION]["on_failure"] = json!(END), "NRS-CACO-0117");
        check_change(|p| p["workflow"][END]["on_completion"] = json!(ACTION), "NRS-CACO-0117");
        check_change(|p| p["workflow"][ACTION]["timeout"] = json!(-1), "NRS-CACO-0118");
        check_change(|p| p["workflow"][ACTION]["commands"] = json!([]), "NRS-CACO-0122");
        check_change(
            |p| p["workflow"][ACTION]["commands"][0]["command"] = json!("GET /"),
            "NRS-CACO-0123",
        );
        check_change(
            |p| p["workflow"][ACTION]["commands"][0] = json!({ "type": "bash" }),
            "NRS-CACO-0123",
        );
        check_change(|p| p["workflow"][ACTION]["agent"] = json!("http-api--1"), "NRS-CACO-0124");
        check_change(|p| p["workflow"][ACTION]["targets"] = json!(["x--1"]), "NRS-CACO-0125");
        check_change(|p| p["markings"] = json!(["marking-tlp--1"]), "NRS-CACO-0127");
        let told = json!({ "x--1": { "kms": true, "password": "" } });
        check_change(move |p| p["authentication_info_definitions"] = told.clone(), "NRS-CACO-0128");
        check_change(
            |p| p["playbook_extensions"] = json!({ "extension-definition--1": {} }),
            "NRS-CACO-0131",
        );
        check_change(|p| p["playbook_variables"] = json!({ "__1a__": {} }), "NRS-CACO-0132");
        check_change(
            |p| p["playbook_variables"] = json!({ "__a__": { "value": 1 } }),
            "NRS-CACO-0133",
        );
    }

    #[test]
    fn two_branches_need_two_ends() {
        use serde_json::json;
        let parallel = "parallel--0b0e2c5e-6a0f-4a44-9d0b-2c0a7b6a3a10";
        let change = |p: &mut Value| {
            let second = "action--0b0e2c5e-6a0f-4a44-9d0b-2c0a7b6a3a11";
            let copy = p["workflow"][ACTION].clone();
            p["workflow"][second] = copy;
            p["workflow"][START]["on_completion"] = json!(parallel);
            p["workflow"][parallel] =
                json!({ "type": "parallel", "next_steps": [ACTION, second], "on_completion": END });
        };
        check_change(change, "NRS-CACO-0126");
    }

    #[test]
    fn whatever_is_not_a_playbook_is_survived() {
        for text in
            ["null", "[]", "{}", r#"{"workflow":[]}"#, r#"{"workflow":{"a":1,"b":{"type":7}}}"#]
        {
            assert!(!inspect(&serde_json::from_str(text).unwrap()).is_empty(), "{text}");
        }
    }
}
