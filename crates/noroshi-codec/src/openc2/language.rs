//! The types of the language, member by member (Language 1.0 CS02 §3.4): what a sound message is, whoever carries it out.
//!
//! A target or argument of a profile is checked as far as the language goes: its name space and that it is not empty.
//! What it means is for the profile.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Map, Value};

use super::{ACTIONS, FEATURES};

/// Deepest nesting of `process.parent`.
const PARENTS_MAX: usize = 8;
/// Most features in one query (§3.4.1.5) and most names in one list of properties.
const LIST_MAX: usize = 10;
/// Profiles of the standard itself; every other name space begins with `x-` (§3.1.4).
const PROFILES: [&str; 2] = ["slpf", "pf"];
/// Longest name space identifier (§3.4.2.12).
const NSID_CHARS_MAX: usize = 16;
/// Targets of the language (§3.3.1.2).
const TARGETS: [&str; 18] = [
    "artifact",
    "command",
    "device",
    "domain_name",
    "email_addr",
    "features",
    "file",
    "idn_domain_name",
    "idn_email_addr",
    "ipv4_net",
    "ipv6_net",
    "ipv4_connection",
    "ipv6_connection",
    "iri",
    "mac_addr",
    "process",
    "properties",
    "uri",
];

/// A check of one value.
type Sound = fn(&Value) -> bool;

/// Exactly one target of the language or of a profile.
pub(super) fn target(target: &Map<String, Value>) -> bool {
    let mut members = target.iter();
    let (Some((kind, value)), None) = (members.next(), members.next()) else { return false };
    match kind.as_str() {
        "artifact" => {
            record(value, &[("mime_type", text), ("payload", payload), ("hashes", hashes)])
        }
        "command" => value.as_str().is_some_and(|id| !id.contains(char::is_whitespace)),
        "device" => {
            record(value, &[("hostname", hostname), ("idn_hostname", text), ("device_id", text)])
        }
        "domain_name" => hostname(value),
        "idn_domain_name" => text(value),
        "email_addr" | "idn_email_addr" => mail(value),
        "features" => features(value),
        "file" => file(value),
        "ipv4_net" | "ipv6_net" => value.as_str().is_some_and(|text| net(kind, text).is_some()),
        "ipv4_connection" => connection(value, ipv4_net),
        "ipv6_connection" => connection(value, ipv6_net),
        "iri" | "uri" => uri(value),
        "mac_addr" => value.as_str().is_some_and(is_mac),
        "process" => process(value, PARENTS_MAX),
        "properties" => unique_texts(value) && value.as_array().is_some_and(|all| !all.is_empty()),
        name => of_profile(name) && !value.is_null(),
    }
}

/// Arguments: not empty, of begin, end and length at most two (§3.3.1.4).
pub(super) fn args(args: &Map<String, Value>) -> bool {
    let times = ["start_time", "stop_time", "duration"];
    let given = times.iter().filter(|name| args.contains_key(**name)).count();
    let sound = |(name, value): (&String, &Value)| match name.as_str() {
        // §3.4.2.2 and §3.4.2.3: milliseconds; RFC 7493 §2.2: what a double can hold.
        "start_time" | "stop_time" | "duration" => {
            value.as_u64().is_some_and(|time| time <= noroshi_evidence::json::INTEGER_MAX)
        }
        "response_requested" => {
            matches!(value.as_str(), Some("none" | "ack" | "status" | "complete"))
        }
        name => is_nsid(name) && filled(value),
    };
    given < times.len() && args.iter().all(sound)
}

/// At most one profile, with its specifiers.
pub(super) fn actuator(actuator: &Map<String, Value>) -> bool {
    actuator.len() <= 1 && actuator.iter().all(|(name, value)| is_nsid(name) && value.is_object())
}

/// Results of a response (§3.3.2.2): not empty, each member of its type.
pub(super) fn results(value: &Value) -> bool {
    let Some(members) = value.as_object() else { return false };
    let sound = |(name, value): (&String, &Value)| match name.as_str() {
        "versions" => unique_texts(value),
        "profiles" => {
            // §3.4.2.12 bounds the length only; what another consumer calls its profiles is its affair.
            let short = |item: &Value| {
                item.as_str()
                    .is_some_and(|name| (1..=NSID_CHARS_MAX).contains(&name.chars().count()))
            };
            value.as_array().is_some_and(|items| items.iter().all(short))
        }
        "pairs" => pairs(value),
        "rate_limit" => value.as_f64().is_some_and(|rate| rate >= 0.0),
        name => is_nsid(name) && value.is_object(),
    };
    !members.is_empty() && members.iter().all(sound)
}

fn pairs(value: &Value) -> bool {
    let Some(pairs) = value.as_object() else { return false };
    let target = |name: &str| TARGETS.contains(&name) || of_profile(name);
    let sound = |(action, targets): (&String, &Value)| {
        let known = |item: &Value| item.as_str().is_some_and(target);
        ACTIONS.contains(&action.as_str())
            && unique_texts(targets)
            && targets.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(known))
    };
    !pairs.is_empty() && pairs.iter().all(sound)
}

/// A network as text; without a prefix, one host (§3.4.1.9, §3.4.1.11).
pub(super) fn net(kind: &str, text: &str) -> Option<IpNet> {
    if kind == "ipv4_net" {
        let host = || text.parse::<std::net::Ipv4Addr>().ok().map(Ipv4Net::from);
        text.parse::<Ipv4Net>().ok().or_else(host).map(IpNet::V4)
    } else {
        let host = || text.parse::<std::net::Ipv6Addr>().ok().map(Ipv6Net::from);
        text.parse::<Ipv6Net>().ok().or_else(host).map(IpNet::V6)
    }
}

fn ipv4_net(value: &Value) -> bool {
    value.as_str().is_some_and(|text| net("ipv4_net", text).is_some())
}

fn ipv6_net(value: &Value) -> bool {
    value.as_str().is_some_and(|text| net("ipv6_net", text).is_some())
}

/// A map or record with at least one member and none that is not listed.
fn record(value: &Value, members: &[(&str, Sound)]) -> bool {
    let Some(given) = value.as_object() else { return false };
    let sound = |(name, value): (&String, &Value)| {
        members.iter().any(|(known, sound)| known == name && sound(value))
    };
    !given.is_empty() && given.iter().all(sound)
}

fn filled(value: &Value) -> bool {
    value.as_object().is_some_and(|members| !members.is_empty())
}

fn text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// RFC 1123 §2.1: labels of letters, digits and inner hyphens; underscores as service names have them.
fn hostname(value: &Value) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    value.as_str().is_some_and(|name| name.len() <= 253 && name.split('.').all(label))
}

fn mail(value: &Value) -> bool {
    let parts = value.as_str().and_then(|text| text.rsplit_once('@'));
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// RFC 3986 §3: a scheme and something after it.
fn uri(value: &Value) -> bool {
    let scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let parts = value.as_str().and_then(|text| text.split_once(':'));
    parts.is_some_and(|(before, rest)| scheme(before) && !rest.contains(char::is_whitespace))
}

fn payload(value: &Value) -> bool {
    value.as_object().is_some_and(|one| one.len() == 1)
        && record(value, &[("bin", text), ("url", uri)])
}

fn hashes(value: &Value) -> bool {
    let hexadecimal = |value: &Value, length: usize| {
        value.as_str().is_some_and(|text| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let Some(members) = value.as_object() else { return false };
    let sound = |(name, value): (&String, &Value)| match name.as_str() {
        "md5" => hexadecimal(value, 32),
        "sha1" => hexadecimal(value, 40),
        "sha256" => hexadecimal(value, 64),
        _ => false,
    };
    !members.is_empty() && members.iter().all(sound)
}

fn file(value: &Value) -> bool {
    record(value, &[("name", text), ("path", text), ("hashes", hashes)])
}

fn connection(value: &Value, address: Sound) -> bool {
    let port: Sound = |value| value.as_u64().is_some_and(|port| port <= 65_535);
    let protocol: Sound = |value| matches!(value.as_str(), Some("icmp" | "tcp" | "udp" | "sctp"));
    record(
        value,
        &[
            ("src_addr", address),
            ("dst_addr", address),
            ("src_port", port),
            ("dst_port", port),
            ("protocol", protocol),
        ],
    )
}

fn process(value: &Value, parents: usize) -> bool {
    let Some(members) = value.as_object() else { return false };
    let sound = |(name, value): (&String, &Value)| match name.as_str() {
        "pid" => value.as_u64().is_some(),
        "name" | "cwd" | "command_line" => text(value),
        "executable" => file(value),
        "parent" => parents > 0 && process(value, parents - 1),
        _ => false,
    };
    !members.is_empty() && members.iter().all(sound)
}

fn features(value: &Value) -> bool {
    let known = |item: &Value| item.as_str().is_some_and(|name| FEATURES.contains(&name));
    unique_texts(value)
        && value.as_array().is_some_and(|all| all.len() <= LIST_MAX && all.iter().all(known))
}

fn unique_texts(value: &Value) -> bool {
    let Some(items) = value.as_array() else { return false };
    let mut seen = std::collections::BTreeSet::new();
    items.iter().all(|item| item.as_str().is_some_and(|text| seen.insert(text)))
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    let octet = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    matches!(parts.len(), 6 | 8) && parts.iter().all(octet)
}

/// `nsid:name` (§3.1.4).
fn of_profile(name: &str) -> bool {
    name.split_once(':').is_some_and(|(nsid, name)| is_nsid(nsid) && is_word(name))
}

/// A name space: of the standard, or `x-` and a word.
fn is_nsid(text: &str) -> bool {
    let foreign = text.strip_prefix("x-").is_some_and(is_word);
    text.len() <= NSID_CHARS_MAX && (foreign || PROFILES.contains(&text))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
