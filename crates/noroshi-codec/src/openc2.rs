//! OpenC2 Language 1.0 (CS02): commands and responses, and the few pairs that a gateway of ours carries out.
//!
//! [`Command::decode`] checks the language (exactly one action of the closed list, exactly one target, arguments that do
//! not contradict themselves); [`Command::order`] says which of our five orders it is, or that it is none of them. There
//! is no order that reaches out to a foreign machine: only to deny on one's own network, to look, and to take back.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
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
    "scan", "locate", "query", "deny", "contain", "allow", "start", "stop", "restart", "cancel", "set", "update",
    "redirect", "create", "delete", "detonate", "restore", "copy", "investigate", "remediate",
];
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
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut all = Vec::new();
                while let Some(Unique(item)) = items.next_element()? {
                    all.push(item);
                }
                Ok(Value::Array(all))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
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
        let target = whole.get("target").and_then(Value::as_object).filter(|target| target.len() == 1);
        let target = target.ok_or(NotACommand::Member("target"))?;
        check_target(target)?;
        let part = |name: &'static str| match whole.get(name) {
            None => Ok(Map::new()),
            Some(Value::Object(members)) if !members.is_empty() => Ok(members.clone()),
            Some(_) => Err(NotACommand::Member(name)),
        };
        let args = part("args")?;
        check_args(&args)?;
        let command_id = match whole.get("command_id") {
            None => None,
            Some(Value::String(id)) if (1..=COMMAND_ID_CHARS_MAX).contains(&id.chars().count()) => Some(id.clone()),
            Some(_) => return Err(NotACommand::Member("command_id")),
        };
        let actuator = part("actuator")?;
        if actuator.len() > 1 || actuator.values().any(|specifiers| !specifiers.is_object()) {
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
    pub fn deny_name(name: &DomainName, milliseconds: u64, actuator: &str, command_id: &str) -> Self {
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
                let net = read_net(kind, text).ok_or(NotImplemented("target"))?;
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
                Ok(Order::QueryFeatures(names.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
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
        self.args.get("duration").and_then(Value::as_u64).filter(|time| *time > 0).ok_or(NotImplemented("duration"))
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

fn read_net(kind: &str, text: &str) -> Option<IpNet> {
    let net = match kind {
        "ipv4_net" => IpNet::V4(text.parse::<Ipv4Net>().ok().or_else(|| Some(Ipv4Net::from(text.parse::<std::net::Ipv4Addr>().ok()?)))?),
        _ => IpNet::V6(text.parse::<Ipv6Net>().ok().or_else(|| Some(Ipv6Net::from(text.parse::<std::net::Ipv6Addr>().ok()?)))?),
    };
    Some(net)
}

fn check_target(target: &Map<String, Value>) -> Result<(), NotACommand> {
    let wrong = Err(NotACommand::Member("target"));
    let Some((kind, value)) = target.iter().next() else { return wrong };
    let sound = match kind.as_str() {
        "ipv4_net" | "ipv6_net" => value.as_str().is_some_and(|text| read_net(kind, text).is_some()),
        "domain_name" | "idn_domain_name" | "uri" | "iri" | "email_addr" | "idn_email_addr" => {
            value.as_str().is_some_and(|text| !text.is_empty())
        }
        "mac_addr" => value.as_str().is_some_and(is_mac),
        "features" => value.as_array().is_some_and(|names| are_features(names)),
        "artifact" | "device" | "file" | "process" | "ipv4_connection" | "ipv6_connection" | "properties" => {
            is_filled(value) && check_connection(kind, value)
        }
        // A name of a profile: `nsid:name` (§3.1.4).
        _ => kind.split_once([':', '/']).is_some_and(|(nsid, name)| is_nsid(nsid) && !name.is_empty()) && !value.is_null(),
    };
    if sound { Ok(()) } else { wrong }
}

fn check_connection(kind: &str, value: &Value) -> bool {
    if !kind.ends_with("_connection") {
        return true;
    }
    let net = if kind.starts_with("ipv4") { "ipv4_net" } else { "ipv6_net" };
    let Some(members) = value.as_object() else { return false };
    members.iter().all(|(name, value)| match name.as_str() {
        "src_addr" | "dst_addr" => value.as_str().is_some_and(|text| read_net(net, text).is_some()),
        "src_port" | "dst_port" => value.as_u64().is_some_and(|port| port <= 65_535),
        "protocol" => value.as_str().is_some_and(|name| ["icmp", "tcp", "udp", "sctp"].contains(&name)),
        _ => false,
    })
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    matches!(parts.len(), 6 | 8)
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_nsid(text: &str) -> bool {
    (1..=16).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn are_features(names: &[Value]) -> bool {
    let mut seen = Vec::new();
    names.iter().all(|name| {
        let known = name.as_str().filter(|name| FEATURES.contains(name) && !seen.contains(name));
        seen.extend(known);
        known.is_some()
    })
}

fn check_args(args: &Map<String, Value>) -> Result<(), NotACommand> {
    let times = ["start_time", "stop_time", "duration"];
    let given = times.iter().filter_map(|name| args.get(*name)).collect::<Vec<_>>();
    // Of begin, end and length at most two: the third follows (§3.3.1.4).
    let times_sound = given.len() < 3 && given.iter().all(|time| time.as_u64().is_some());
    let requested = args.get("response_requested").is_none_or(|asked| {
        asked.as_str().is_some_and(|asked| ["none", "ack", "status", "complete"].contains(&asked))
    });
    let names_sound = args.iter().all(|(name, value)| {
        times.contains(&name.as_str())
            || name == "response_requested"
            || (is_nsid(name) && value.as_object().is_some_and(|members| !members.is_empty()))
    });
    if times_sound && requested && names_sound { Ok(()) } else { Err(NotACommand::Member("args")) }
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
    /// Reads a response strictly: only the statuses of the language.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotACommand> {
        let value = parse_json(bytes)?;
        let response: Self = serde_json::from_value(value).map_err(|_| NotACommand::Member("response"))?;
        let known = [102, 200, 400, 401, 403, 404, 500, 501, 503].contains(&response.status);
        let filled = response.results.as_ref().is_none_or(is_filled);
        if known && filled { Ok(response) } else { Err(NotACommand::Member("status")) }
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
        assert!(order(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"}}"#).is_err(), "without a time");
        assert!(order(r#"{"action":"detonate","target":{"file":{"name":"x"}}}"#).is_err());
        assert!(order(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{"duration":5,"slpf":{"direction":"ingress"}}}"#).is_err());
        assert!(order(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{"duration":5,"response_requested":"none"}}"#).is_err());
    }

    #[test]
    fn the_language_is_kept() {
        let refused = |text: &str| Command::decode(text.as_bytes()).is_err();
        assert!(refused(r#"{"action":"deny","action":"allow","target":{"ipv4_net":"203.0.113.7"}}"#), "a name twice");
        assert!(refused(r#"{"action":"attack","target":{"ipv4_net":"203.0.113.7"}}"#));
        assert!(refused(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7","domain_name":"a.example"}}"#));
        assert!(refused(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{}}"#));
        assert!(refused(r#"{"action":"query","target":{"features":["pairs","pairs"]}}"#));
        assert!(!refused(r#"{"action":"query","target":{"features":[]}}"#));
        assert!(refused(r#"{"action":"deny","target":{"ipv4_net":"203.0.113.7"},"args":{"start_time":1,"stop_time":2,"duration":1}}"#));
    }

    /// Commands of the test set that are judged otherwise here, each for a reason.
    const DISAGREED: &[&str] = &[];

    #[test]
    fn the_test_set_is_judged_as_labelled() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/specs/openc2/Test/v1.1/language");
        if !root.exists() {
            println!("corpora absent: skipped the_test_set_is_judged_as_labelled");
            return;
        }
        let mut otherwise = Vec::new();
        let mut judged = 0;
        for (part, verdict) in [("good", true), ("bad", false)] {
            for entry in std::fs::read_dir(root.join("commands").join(part)).unwrap() {
                let path = entry.unwrap().path();
                let accepted = Command::decode(&std::fs::read(&path).unwrap()).is_ok();
                judged += 1;
                if accepted != verdict {
                    otherwise.push(format!("{part}/{}", path.file_name().unwrap().to_string_lossy()));
                }
            }
        }
        otherwise.sort();
        assert_eq!(otherwise, DISAGREED, "of {judged}");
        assert!(judged > 50);
    }
}
