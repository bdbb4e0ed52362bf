//! OpenC2 Language 1.0 (CS02): commands and responses, and the few pairs that a gateway of ours carries out.
//!
//! [`Command::decode`] checks the language (exactly one action of the closed list, exactly one target, arguments that do
//! not contradict themselves); [`Command::order`] says which of our five orders it is, or that it is none of them. There
//! is no order that reaches out to a foreign machine: only to deny on one's own network, to look, and to take back.

mod language;

use ipnet::IpNet;
use noroshi_evidence::observable::DomainName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Bytes of a message that are read.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Content type of a message (HTTP transfer 1.1 §3.2.2).
pub const CONTENT_TYPE: &str = "application/openc2+json;version=1.0";
/// Path of a consumer.
pub const PATH: &str = "/.well-known/openc2";
/// Longest `command_id`; longer ones are refused.
pub const COMMAND_ID_CHARS_MAX: usize = 200;

/// The closed list of actions (§3.3.1.1).
const ACTIONS: [&str; 20] = [
    "scan",
    "locate",
    "query",
    "deny",
    "contain",
    "allow",
    "start",
    "stop",
    "restart",
    "cancel",
    "set",
    "update",
    "redirect",
    "create",
    "delete",
    "detonate",
    "restore",
    "copy",
    "investigate",
    "remediate",
];
/// The statuses of a response (§3.3.2.1).
const STATUSES: [u16; 9] = [102, 200, 400, 401, 403, 404, 500, 501, 503];
/// Features that can be asked for, each at most once (§3.4.1.5).
const FEATURES: [&str; 4] = ["versions", "profiles", "pairs", "rate_limit"];

/// Why bytes are no command of the language. Answered with 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotACommand {
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("the message is too long")]
    TooLarge,
    /// Not I-JSON (RFC 7493): broken, or a name twice.
    #[error("not JSON, or a name stands twice")]
    Json,
    /// A member is missing, unknown or of another form.
    #[error("`{0}` is missing, unknown or of another form")]
    Member(&'static str),
}

/// A command of the language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// One of the closed list.
    pub action: String,
    /// Exactly one member: type and value.
    pub target: Map<String, Value>,
    /// Never empty when present.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Who is meant.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub actuator: Map<String, Value>,
    /// Names the command; the same one twice is one command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
}

/// What a command asks of a gateway of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Drop what goes to or comes from the network, for so many milliseconds.
    DenyNet(IpNet, u64),
    /// Answer "no such name", for so many milliseconds.
    DenyName(DomainName, u64),
    /// Take a rule back.
    Delete(u64),
    /// Say whether a rule stands.
    QueryRule(u64),
    /// Say what can be asked for.
    QueryFeatures(Vec<String>),
}

/// The pair or an argument is not carried out here. Answered with 501.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not implemented")]
pub struct NotImplemented(pub &'static str);

/// JSON in which a name stands twice is refused: two readers could read two commands.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> serde::de::Visitor<'de> for Visit {
            type Value = Value;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::from(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::from(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::from(value))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::from(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::from(value))
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<Value, A::Error> {
                let mut all = Vec::new();
                while let Some(Unique(item)) = items.next_element()? {
                    all.push(item);
                }
                Ok(Value::Array(all))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<Value, A::Error> {
                let mut all = Map::new();
                while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
                    if all.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a name stands twice"));
                    }
                }
                Ok(Value::Object(all))
            }
        }
        deserializer.deserialize_any(Visit).map(Self)
    }
}

/// Reads I-JSON: no name stands twice in one object.
pub fn parse_json(bytes: &[u8]) -> Result<Value, NotACommand> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(NotACommand::TooLarge);
    }
    serde_json::from_slice::<Unique>(bytes).map(|unique| unique.0).map_err(|_| NotACommand::Json)
}

impl Command {
    /// Reads a command strictly.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotACommand> {
        Self::from_value(&parse_json(bytes)?)
    }

    /// Reads a command strictly from JSON whose names are known to be unique.
    pub fn from_value(value: &Value) -> Result<Self, NotACommand> {
        let whole = value.as_object().ok_or(NotACommand::Json)?;
        let known = ["action", "target", "args", "actuator", "command_id"];
        if whole.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(NotACommand::Member("command"));
        }
        let action = whole.get("action").and_then(Value::as_str).unwrap_or_default();
        if !ACTIONS.contains(&action) {
            return Err(NotACommand::Member("action"));
        }
        let target =
            whole.get("target").and_then(Value::as_object).filter(|target| target.len() == 1);
        let target = target.ok_or(NotACommand::Member("target"))?;
        if !language::target(target) {
            return Err(NotACommand::Member("target"));
        }
        let part = |name: &'static str| match whole.get(name) {
            None => Ok(Map::new()),
            Some(Value::Object(members)) if !members.is_empty() => Ok(members.clone()),
            Some(_) => Err(NotACommand::Member(name)),
        };
        let args = part("args")?;
        if !language::args(&args) {
            return Err(NotACommand::Member("args"));
        }
        let command_id = match whole.get("command_id") {
            None => None,
            Some(Value::String(id)) if (1..=COMMAND_ID_CHARS_MAX).contains(&id.chars().count()) => {
                Some(id.clone())
            }
            Some(_) => return Err(NotACommand::Member("command_id")),
        };
        let actuator = part("actuator")?;
        if !language::actuator(&actuator) {
            return Err(NotACommand::Member("actuator"));
        }
        Ok(Self { action: action.to_owned(), target: target.clone(), args, actuator, command_id })
    }

    /// Denies traffic from and to a network at one actuator. Both directions are said, because profiles differ in
    /// what they read into silence; not persistent, because a restart of the device is a rollback.
    pub fn deny_net(net: IpNet, milliseconds: u64, actuator: &str, command_id: &str) -> Self {
        let (kind, text) = match net {
            IpNet::V4(net) => ("ipv4_net", net.to_string()),
            IpNet::V6(net) => ("ipv6_net", net.to_string()),
        };
        Self {
            action: "deny".to_owned(),
            target: object(json!({ kind: text })),
            args: object(json!({
                "duration": milliseconds, "response_requested": "complete",
                "slpf": { "direction": "both", "drop_process": "none", "persistent": false },
            })),
            actuator: object(json!({ "slpf": { "asset_id": actuator } })),
            command_id: Some(command_id.to_owned()),
        }
    }

    /// Denies a name and everything below it at one actuator.
    pub fn deny_name(
        name: &DomainName,
        milliseconds: u64,
        actuator: &str,
        command_id: &str,
    ) -> Self {
        Self {
            action: "deny".to_owned(),
            target: object(json!({ "domain_name": name.as_str() })),
            args: object(json!({ "duration": milliseconds, "response_requested": "complete" })),
            actuator: object(json!({ "slpf": { "asset_id": actuator } })),
            command_id: Some(command_id.to_owned()),
        }
    }

    /// Takes the rule of an earlier command back.
    pub fn delete(denied: &str, actuator: &str, command_id: &str) -> Self {
        Self {
            action: "delete".to_owned(),
            target: object(json!({ "slpf:rule_number": rule_number(denied) })),
            args: object(json!({ "response_requested": "complete" })),
            actuator: object(json!({ "slpf": { "asset_id": actuator } })),
            command_id: Some(command_id.to_owned()),
        }
    }

    /// The order it is, for a gateway of ours.
    pub fn order(&self) -> Result<Order, NotImplemented> {
        let (kind, value) = self.target.iter().next().ok_or(NotImplemented("target"))?;
        if self.args.get("response_requested").is_some_and(|asked| asked != "complete") {
            return Err(NotImplemented("response_requested"));
        }
        let text = value.as_str().unwrap_or_default();
        match (self.action.as_str(), kind.as_str()) {
            ("deny", "ipv4_net" | "ipv6_net") => {
                let net = language::net(kind, text).ok_or(NotImplemented("target"))?;
                self.only_arguments(&["duration", "response_requested", "slpf"])?;
                Ok(Order::DenyNet(net, self.duration()?))
            }
            ("deny", "domain_name") => {
                let name = DomainName::parse(text).map_err(|_| NotImplemented("target"))?;
                self.only_arguments(&["duration", "response_requested"])?;
                Ok(Order::DenyName(name, self.duration()?))
            }
            ("delete", "slpf:rule_number") => {
                Ok(Order::Delete(value.as_u64().ok_or(NotImplemented("target"))?))
            }
            ("query", "slpf:rule_number") => {
                Ok(Order::QueryRule(value.as_u64().ok_or(NotImplemented("target"))?))
            }
            ("query", "features") => {
                let names = value.as_array().map(Vec::as_slice).unwrap_or_default();
                Ok(Order::QueryFeatures(
                    names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                ))
            }
            _ => Err(NotImplemented("this pair of action and target")),
        }
    }

    /// What is not understood is never carried out "as far as possible".
    fn only_arguments(&self, known: &[&str]) -> Result<(), NotImplemented> {
        if self.args.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(NotImplemented("args"));
        }
        let profile = self.args.get("slpf").and_then(Value::as_object);
        let understood = |(name, value): (&String, &Value)| match name.as_str() {
            "direction" => value == "both",
            "drop_process" => value == "none",
            "persistent" => value == &Value::Bool(false),
            _ => false,
        };
        if profile.is_some_and(|members| !members.iter().all(understood)) {
            return Err(NotImplemented("slpf"));
        }
        Ok(())
    }

    fn duration(&self) -> Result<u64, NotImplemented> {
        self.args
            .get("duration")
            .and_then(Value::as_u64)
            .filter(|time| *time > 0)
            .ok_or(NotImplemented("duration"))
    }

    /// The actuator that is meant, by its `asset_id`.
    pub fn asset(&self) -> Option<&str> {
        self.actuator.values().next()?.get("asset_id")?.as_str()
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical form (RFC 8785): what an authorisation binds.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(serde_json_canonicalizer::to_vec(self).unwrap_or_default()).into()
    }
}

/// The number of the rule that a command makes: the same at both ends without asking. 52 bits survive every JSON reader.
pub fn rule_number(command_id: &str) -> u64 {
    let digest = Sha256::digest(command_id.as_bytes());
    let number = digest.iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    number >> 12
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A response of the language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// One of 102, 200, 400, 401, 403, 404, 500, 501, 503.
    pub status: u16,
    /// Why, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_text: Option<String>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Value>,
}

impl Response {
    /// Reads a response strictly: only the statuses and results of the language.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotACommand> {
        let mut value = parse_json(bytes)?;
        // JSON has one kind of number: `200.0` is the integer 200 (RFC 8259 §6).
        if let Some(status) = value.get_mut("status")
            && let Some(number) = status.as_f64().filter(|_| status.is_f64())
            && let Some(known) =
                STATUSES.into_iter().find(|known| (f64::from(*known) - number).abs() < f64::EPSILON)
        {
            *status = Value::from(known);
        }
        let response: Self =
            serde_json::from_value(value).map_err(|_| NotACommand::Member("response"))?;
        if !STATUSES.contains(&response.status) {
            return Err(NotACommand::Member("status"));
        }
        if response.results.as_ref().is_some_and(|results| !language::results(results)) {
            return Err(NotACommand::Member("results"));
        }
        Ok(response)
    }

    /// As JSON.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_commands_are_read_back_as_the_order_they_are() {
        let net: IpNet = "203.0.113.7/32".parse().unwrap();
        let command = Command::deny_net(net, 60_000, "gw", "measure-1/effect-1");
        let read = Command::decode(command.to_value().to_string().as_bytes()).unwrap();
        assert_eq!(read, command);
        assert_eq!(read.order(), Ok(Order::DenyNet(net, 60_000)));
        assert_eq!((read.asset(), read.digest()), (Some("gw"), command.digest()));
        let name = DomainName::parse("c2.example").unwrap();
        assert_eq!(Command::deny_name(&name, 5, "gw", "a").order(), Ok(Order::DenyName(name, 5)));
        let delete = Command::delete("measure-1/effect-1", "gw", "b");
        assert_eq!(delete.order(), Ok(Order::Delete(rule_number("measure-1/effect-1"))));
    }

    #[test]
    fn what_is_not_understood_is_not_carried_out() {
        let order = |text: &str| Command::decode(text.as_bytes()).unwrap().order();
        assert!(
            order(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"}}"#).is_err(),
            "without a time"
        );
        assert!(order(r#"{"action":"detonate","target":{"file":{"name":"x"}}}"#).is_err());
        assert!(order(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{"duration":5,"slpf":{"direction":"ingress"}}}"#).is_err());
        assert!(order(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{"duration":5,"response_requested":"none"}}"#).is_err());
    }

    #[test]
    fn the_language_is_kept() {
        let refused = |text: &str| Command::decode(text.as_bytes()).is_err();
        assert!(
            refused(r#"{"action":"deny","action":"allow","target":{"ipv4_net":"203.0.113.7"}}"#),
            "a name twice"
        );
        assert!(refused(r#"{"action":"attack","target":{"ipv4_net":"203.0.113.7"}}"#));
        assert!(refused(
            r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7","domain_name":"a.example"}}"#
        ));
        assert!(refused(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{}}"#));
        assert!(refused(r#"{"action":"query","target":{"features":["pairs","pairs"]}}"#));
        assert!(!refused(r#"{"action":"query","target":{"features":[]}}"#));
        assert!(refused(
            r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{"start_time":1,"stop_time":2,"duration":1}}"#
        ));
    }

    /// The test sets, folder by folder, with what is judged otherwise here. CS02 decides:
    /// - a name space has at most 16 characters (§3.4.2.12), `args` is no feature (§3.4.2.4);
    /// - version 1.1 writes name spaces `x_…` and `slpf/rule_number`, which 1.0 does not know;
    /// - what only one profile's schema forbids is sound in the language, and is refused by [`Command::order`].
    const SETS: &[(&str, &[&str])] = &[
        ("v1.0.1/language", &[]),
        ("v1.0.1/slpf", &[]),
        (
            "v1.0.1/slpf+acme",
            &[
                "commands/good/query_features_ext_args_underscore",
                "responses/bad/results_castle",
                "responses/bad/results_poetry",
                "responses/bad/slpf_query_pairs_bad_action",
                "responses/bad/slpf_query_pairs_bad_pair",
                "responses/bad/slpf_query_pairs_bad_target",
            ],
        ),
        (
            "v1.1/language",
            &[
                "commands/good/query_features_args",
                "responses/bad/ls_example_query_features_v1.0",
                "responses/bad/query_features_all_v1.0",
                "responses/good/ls_example_query_features",
                "responses/good/query_features_all",
                "responses/good/results_query_args",
            ],
        ),
        (
            "v1.1/slpf",
            &[
                "commands/good/slpf_example_delete_rulenumber",
                "responses/bad/slpf_query_pairs_bad_action",
                "responses/bad/slpf_query_pairs_bad_pair",
                "responses/good/results_slpf_query_args",
                "responses/good/slpf_example_query_features_pairs_example",
            ],
        ),
    ];

    #[test]
    fn the_test_sets_are_judged_as_labelled() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/corpora/specs/openc2/Test");
        if !root.try_exists().unwrap() {
            println!("corpora absent: skipped the test sets of OpenC2");
            return;
        }
        for (set, expected) in SETS {
            let mut otherwise = Vec::new();
            for (kind, label) in ["commands", "responses"]
                .into_iter()
                .flat_map(|kind| [(kind, "good"), (kind, "bad")])
            {
                let Ok(folder) = std::fs::read_dir(root.join(set).join(kind).join(label)) else {
                    continue;
                };
                for entry in folder {
                    let path = entry.unwrap().path();
                    let bytes = std::fs::read(&path).unwrap();
                    let accepted = match kind {
                        "commands" => Command::decode(&bytes).is_ok(),
                        _ => Response::decode(&bytes).is_ok(),
                    };
                    if accepted != (label == "good") {
                        otherwise.push(format!(
                            "{kind}/{label}/{}",
                            path.file_stem().unwrap().to_string_lossy()
                        ));
                    }
                }
            }
            otherwise.sort();
            assert_eq!(otherwise, *expected, "{set}");
        }
    }
}
