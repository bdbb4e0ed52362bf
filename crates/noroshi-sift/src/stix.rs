//! Selectors out of STIX 2.1: indicators of a bundle, as far as their patterns reduce to selectors.
//!
//! | pattern | selector |
//! |---|---|
//! | `ipv4-addr:value`, `ipv6-addr:value` with `=`, `IN`; with `ISSUBSET` | address; prefix |
//! | `domain-name:value` with `=`, `IN` | that name only |
//! | `url:value` with `=`, `IN` | host and path; without a path the host only |
//! | `file:hashes.…`, `x509-certificate:hashes.…` | digest of a file, of a certificate |
//! | `email-addr:value` | keyed hash, where the key is at hand |
//! | `network-traffic:src_ref.value`, `…dst_ref.value`, `AND` with the port of that end and `protocols[*]` | with that condition |
//!
//! joined by `OR`, inside brackets or between them. Everything else says more or other than that one of some values
//! was seen; it is refused with a code, indicator by indicator, and never taken for something wider.
//!
//! The id of a selector is that of the indicator, its version the second in which the indicator was modified, so that
//! of two versions the later one stays. Indicators that are revoked are passed over.

use std::io;

use jiff::Timestamp;
use noroshi_evidence::mechanical::Protocol;
use noroshi_evidence::pattern::normal::normal;
use noroshi_evidence::pattern::parse::parse;
use noroshi_evidence::pattern::syntax::{
    Comparison, Joint, Literal, ObjectPath, Observation, Predicate, Relation, Step, Test,
};
use serde_json::Value;

use crate::selector::{
    EmailKey, HexDigest, ListProblem, ListReason, Only, Selector, SelectorValue, Side, has_scheme,
};

/// The longest bundle, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 1 << 30;

/// Why a text is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum ReadBundle {
    /// Longer than [`BUNDLE_BYTES_MAX`].
    #[error("NRS-SIFT-0040: bundle is longer than {BUNDLE_BYTES_MAX} bytes")]
    TooLong,
    /// Not JSON.
    #[error("NRS-SIFT-0041: bundle is not JSON")]
    NotJson(#[source] io::Error),
    /// JSON, but nothing with objects.
    #[error("NRS-SIFT-0042: text is not a STIX bundle")]
    NotABundle,
}

/// Reads a bundle. A problem names the object by its number, counted from one; objects that are no indicators are
/// passed over.
pub fn parse_bundle(
    input: &[u8],
    key: Option<&EmailKey>,
) -> Result<(Vec<Selector>, Vec<ListProblem>), ReadBundle> {
    if input.len() > BUNDLE_BYTES_MAX {
        return Err(ReadBundle::TooLong);
    }
    let bundle: Value =
        serde_json::from_slice(input).map_err(|problem| ReadBundle::NotJson(problem.into()))?;
    let is_bundle = text(&bundle, "type") == Some("bundle");
    let objects = bundle.get("objects").and_then(Value::as_array);
    let objects = match objects.filter(|_| is_bundle) {
        Some(objects) => objects.as_slice(),
        None if is_bundle && bundle.get("objects").is_none() => &[],
        None if text(&bundle, "type") == Some("indicator") => std::slice::from_ref(&bundle),
        None => return Err(ReadBundle::NotABundle),
    };
    let (mut selectors, mut problems) = (Vec::new(), Vec::new());
    for (line, object) in (1..).zip(objects) {
        let is_revoked = object.get("revoked").and_then(Value::as_bool) == Some(true);
        if text(object, "type") != Some("indicator") || is_revoked {
            continue;
        }
        match indicator(object, key) {
            Ok(found) => selectors.extend(found),
            Err(reason) => problems.push(ListProblem { line, reason }),
        }
    }
    Ok((selectors, problems))
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn time(object: &Value, name: &str) -> Result<Option<Timestamp>, ListReason> {
    text(object, name).map(|text| text.parse().map_err(|_| ListReason::BadObject)).transpose()
}

fn indicator(object: &Value, key: Option<&EmailKey>) -> Result<Vec<Selector>, ListReason> {
    let language = text(object, "pattern_type").unwrap_or("stix");
    if language != "stix" {
        return Err(ListReason::PatternNotRead);
    }
    let pattern = text(object, "pattern").ok_or(ListReason::BadObject)?;
    let id = text(object, "id").and_then(|id| id.parse().ok()).ok_or(ListReason::BadObject)?;
    let modified = time(object, "modified")?.map(Timestamp::as_second);
    // Since when its author vouches for it, usually the day it was published, is no window within which it may be
    // looked for: what was seen before is what a hunt is for. Such a window stands in a list (`valid_from` there).
    time(object, "valid_from")?;
    let template = Selector {
        id: Some(id),
        version: modified.and_then(|second| u32::try_from(second).ok()).unwrap_or(1),
        expires: time(object, "valid_until")?,
        ..Selector::plain(SelectorValue::Address(std::net::Ipv4Addr::UNSPECIFIED.into()))
    };
    let values = compile(pattern, key)?;
    let selectors =
        values.into_iter().map(|(value, only)| Selector { value, only, ..template.clone() });
    Ok(selectors.collect())
}

/// The values one of which the pattern asks for, and what must hold besides. Each once, sorted.
pub fn compile(
    pattern: &str,
    key: Option<&EmailKey>,
) -> Result<Vec<(SelectorValue, Only)>, ListReason> {
    let pattern = parse(pattern).map_err(|_| ListReason::PatternNotRead)?;
    let pattern = normal(&pattern).map_err(|_| ListReason::PatternNotReducible)?;
    let mut found = Vec::new();
    observation(&pattern.root, key, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn observation(
    observation_: &Observation,
    key: Option<&EmailKey>,
    found: &mut Vec<(SelectorValue, Only)>,
) -> Result<(), ListReason> {
    match observation_ {
        Observation::One(comparison) => alternatives(comparison, key, found),
        Observation::Joined(Joint::Or, parts) => {
            parts.iter().try_for_each(|part| observation(part, key, found))
        }
        Observation::Joined(..) | Observation::Qualified(..) => {
            Err(ListReason::PatternNotReducible)
        }
    }
}

fn alternatives(
    comparison: &Comparison,
    key: Option<&EmailKey>,
    found: &mut Vec<(SelectorValue, Only)>,
) -> Result<(), ListReason> {
    match comparison {
        Comparison::Or(parts) => parts.iter().try_for_each(|part| alternatives(part, key, found)),
        Comparison::Test(test) => term(&[test], key, found),
        Comparison::And(parts) => {
            let tests = parts.iter().map(|part| match part {
                Comparison::Test(test) => Ok(test),
                Comparison::And(_) | Comparison::Or(_) => Err(ListReason::PatternNotReducible),
            });
            term(&tests.collect::<Result<Vec<_>, _>>()?, key, found)
        }
    }
}

/// What one test of a term says.
enum Said {
    /// One of these is the value, at that end where one is named.
    Values(Vec<SelectorValue>, Option<Side>),
    Port(Side, u16),
    Protocol(Protocol),
}

/// Tests that must hold together: exactly one about a value, and conditions about the same end.
fn term(
    tests: &[&Test],
    key: Option<&EmailKey>,
    found: &mut Vec<(SelectorValue, Only)>,
) -> Result<(), ListReason> {
    let (mut values, mut only, mut port) = (None, Only::NOTHING, None);
    for test in tests {
        match said(test, key)? {
            Said::Values(list, side) if values.is_none() => {
                values = Some(list);
                only.side = side;
            }
            Said::Port(side, number) if port.is_none() => port = Some((side, number)),
            Said::Protocol(proto) if only.proto.is_none() => only.proto = Some(proto),
            _ => return Err(ListReason::PatternNotReducible),
        }
    }
    let values = values.ok_or(ListReason::PatternNotReducible)?;
    if let Some((side, number)) = port {
        if only.side != Some(side) {
            return Err(ListReason::PatternNotReducible);
        }
        only.port = Some(number);
    }
    // A condition is about an address at an end of the traffic; a value of its own object has none.
    if only.side.is_none() && only != Only::NOTHING {
        return Err(ListReason::PatternNotReducible);
    }
    found.extend(values.into_iter().map(|value| (value, only)));
    Ok(())
}

fn said(test: &Test, key: Option<&EmailKey>) -> Result<Said, ListReason> {
    if test.negated {
        return Err(ListReason::PatternNotReducible);
    }
    let steps: Vec<&str> = names(&test.path).ok_or(ListReason::PatternNotReducible)?;
    let values = |kind: &str| values(test, kind, key);
    match (test.path.object_type.as_str(), steps.as_slice()) {
        ("ipv4-addr" | "ipv6-addr", ["value"]) => Ok(Said::Values(values("cidr")?, None)),
        ("domain-name", ["value"]) => Ok(Said::Values(values("domain-exact")?, None)),
        ("url", ["value"]) => Ok(Said::Values(values("url")?, None)),
        ("email-addr", ["value"]) => Ok(Said::Values(values("email")?, None)),
        ("file", ["hashes", algorithm]) => {
            Ok(Said::Values(digests(test, algorithm, SelectorValue::File)?, None))
        }
        ("x509-certificate", ["hashes", algorithm]) => {
            Ok(Said::Values(digests(test, algorithm, SelectorValue::Certificate)?, None))
        }
        ("network-traffic", ["src_ref", "value"]) => {
            Ok(Said::Values(values("address")?, Some(Side::Src)))
        }
        ("network-traffic", ["dst_ref", "value"]) => {
            Ok(Said::Values(values("address")?, Some(Side::Dst)))
        }
        ("network-traffic", ["src_port"]) => Ok(Said::Port(Side::Src, port(test)?)),
        ("network-traffic", ["dst_port"]) => Ok(Said::Port(Side::Dst, port(test)?)),
        ("network-traffic", ["protocols"]) => {
            let name = literals(test)?;
            match name.as_slice() {
                [Literal::Text(name)] => Protocol::from_name(name)
                    .map(Said::Protocol)
                    .ok_or(ListReason::PatternNotReducible),
                _ => Err(ListReason::PatternNotReducible),
            }
        }
        _ => Err(ListReason::PatternNotReducible),
    }
}

/// The names of a path. `[*]` says that any element will do, which a name alone says too.
fn names(path: &ObjectPath) -> Option<Vec<&str>> {
    let steps = path.steps.iter().filter(|step| !matches!(step, Step::Any));
    steps
        .map(|step| match step {
            Step::Key(name) => Some(name.as_str()),
            Step::Index(_) | Step::Any => None,
        })
        .collect()
}

/// The constants of which the property is to be one.
fn literals(test: &Test) -> Result<Vec<&Literal>, ListReason> {
    match &test.predicate {
        Predicate::Compare(Relation::Equal, literal) => Ok(vec![literal]),
        Predicate::In(literals) => Ok(literals.iter().collect()),
        _ => Err(ListReason::PatternNotReducible),
    }
}

fn port(test: &Test) -> Result<u16, ListReason> {
    match literals(test)?.as_slice() {
        [Literal::Integer(port)] => {
            u16::try_from(*port).map_err(|_| ListReason::PatternNotReducible)
        }
        _ => Err(ListReason::PatternNotReducible),
    }
}

fn values(
    test: &Test,
    kind: &str,
    key: Option<&EmailKey>,
) -> Result<Vec<SelectorValue>, ListReason> {
    if let Predicate::IsSubset(network) = &test.predicate {
        return Ok(vec![value(network, kind, key)?]);
    }
    let one = |text: &str| match value(text, kind, key)? {
        // Equality compares texts and holds for no address inside of the network.
        SelectorValue::Network(_) => Err(ListReason::PatternNotReducible),
        value => Ok(value),
    };
    texts(test)?.into_iter().map(one).collect()
}

fn value(text: &str, kind: &str, key: Option<&EmailKey>) -> Result<SelectorValue, ListReason> {
    let value = match kind {
        "url" if has_scheme(text) => SelectorValue::parse(text)?,
        "url" => return Err(ListReason::NotASelector),
        _ => SelectorValue::parse_with(text, key)?,
    };
    let fits = match &value {
        SelectorValue::Address(_) | SelectorValue::Network(_) => {
            matches!(kind, "cidr" | "address" | "url")
        }
        SelectorValue::Domain { .. } => matches!(kind, "domain-exact" | "address" | "url"),
        SelectorValue::Url(_) => kind == "url",
        SelectorValue::Email(_) => kind == "email",
        SelectorValue::File(_) | SelectorValue::Certificate(_) | SelectorValue::Fingerprint(_) => {
            false
        }
    };
    match value {
        _ if !fits => Err(ListReason::WrongKind),
        // The pattern names that name, not those below it.
        SelectorValue::Domain { name, .. } => Ok(SelectorValue::Domain { name, subdomains: false }),
        value => Ok(value),
    }
}

fn texts(test: &Test) -> Result<Vec<&str>, ListReason> {
    let texts = literals(test)?.into_iter().map(|literal| match literal {
        Literal::Text(found) => Ok(found.as_str()),
        _ => Err(ListReason::PatternNotReducible),
    });
    texts.collect()
}

fn digests(
    test: &Test,
    algorithm: &str,
    wrap: fn(HexDigest) -> SelectorValue,
) -> Result<Vec<SelectorValue>, ListReason> {
    let bytes = match algorithm.to_ascii_uppercase().replace('-', "").as_str() {
        "MD5" => 16,
        "SHA1" => 20,
        "SHA256" => 32,
        "SHA512" => 64,
        _ => return Err(ListReason::PatternNotReducible),
    };
    let digests = texts(test)?.into_iter().map(|text| {
        let digest = HexDigest::parse(text).filter(|digest| digest.as_bytes().len() == bytes);
        digest.map(wrap).ok_or(ListReason::NotASelector)
    });
    digests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[&str]) {
        let key = EmailKey::new(b"a key that is long enough").unwrap();
        let found = compile(pattern, Some(&key)).unwrap();
        let found: Vec<String> =
            found.iter().map(|(value, only)| format!("{} {value}{only}", value.kind())).collect();
        assert_eq!(found, expected, "{pattern}");
    }

    fn refused(pattern: &str, reason: ListReason) {
        assert_eq!(compile(pattern, None), Err(reason), "{pattern}");
    }

    #[test]
    fn patterns_that_reduce_become_selectors() {
        check("[ipv4-addr:value = '203.0.113.5']", &["ipv4 203.0.113.5"]);
        check("[ipv4-addr:value ISSUBSET '203.0.113.0/24']", &["cidr 203.0.113.0/24"]);
        check(
            "[ipv6-addr:value IN ('2001:db8::1', '2001:db8::2')]",
            &["ipv6 2001:db8::1", "ipv6 2001:db8::2"],
        );
        check(
            "[domain-name:value = 'Evil.example' OR ipv4-addr:value = '203.0.113.5'] OR [url:value = 'http://bad.example/x']",
            &["ipv4 203.0.113.5", "domain-exact =evil.example", "url url:bad.example/x"],
        );
        check("[url:value = 'https://bad.example/']", &["domain-exact =bad.example"]);
        check(
            "[network-traffic:dst_ref.type = 'ipv4-addr' OR ipv4-addr:value = '203.0.113.5'] OR [ipv4-addr:value = '203.0.113.5']"
                .split(" OR [").last().map(|last| format!("[{last}")).unwrap().as_str(),
            &["ipv4 203.0.113.5"],
        );
        check(
            "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443 AND network-traffic:protocols[*] = 'tcp']",
            &["ipv4 203.0.113.5 dst:443/tcp"],
        );
        check(
            "[network-traffic:src_ref.value ISSUBSET '203.0.113.0/24']",
            &["cidr 203.0.113.0/24 src:*"],
        );
        check(
            "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e' OR x509-certificate:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']",
            &[
                "file d41d8cd98f00b204e9800998ecf8427e",
                "cert cert:da39a3ee5e6b4b0d3255bfef95601890afd80709",
            ],
        );
        let key = EmailKey::new(b"a key that is long enough").unwrap();
        let email = SelectorValue::parse_with("someone@evil.example", Some(&key)).unwrap();
        check("[email-addr:value = 'someone@evil.example']", &[&format!("email {email}")]);
    }

    #[test]
    fn what_does_not_reduce_is_refused_and_not_widened() {
        let no = ListReason::PatternNotReducible;
        refused("[ipv4-addr:value != '203.0.113.5']", no);
        refused("[ipv4-addr:value = '203.0.113.0/24']", no);
        refused("[ipv4-addr:value IN ('203.0.113.5', '203.0.113.0/24')]", no);
        refused("[ipv4-addr:value = '203.0.113.5' AND domain-name:value = 'evil.example']", no);
        refused("[ipv4-addr:value = '203.0.113.5'] AND [domain-name:value = 'evil.example']", no);
        refused(
            "[ipv4-addr:value = '203.0.113.5'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.6']",
            no,
        );
        refused("[ipv4-addr:value = '203.0.113.5'] REPEATS 3 TIMES", no);
        refused("[domain-name:value LIKE '%.evil.example']", no);
        refused("[domain-name:value MATCHES 'evil']", no);
        refused(
            "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:src_port = 443]",
            no,
        );
        refused("[network-traffic:dst_port = 443]", no);
        refused("[process:name = 'x']", no);
        refused("[email-addr:value = 'someone@evil.example']", ListReason::NeedsKey);
        refused("[ipv4-addr:value = '0.0.0.0/0']", ListReason::TooWide);
        refused("[ipv4-addr:value = ", ListReason::PatternNotRead);
    }

    #[test]
    fn a_bundle_gives_what_is_good_and_says_what_is_bad() {
        let bundle = br#"{"type":"bundle","id":"bundle--1","objects":[
            {"type":"identity","id":"identity--1"},
            {"type":"indicator","id":"indicator--1","pattern_type":"stix","pattern":"[ipv4-addr:value = '203.0.113.5']",
             "modified":"2026-11-23T00:00:00Z","valid_from":"2026-11-01T00:00:00Z","valid_until":"2026-12-01T00:00:00Z"},
            {"type":"indicator","id":"indicator--2","pattern_type":"stix","pattern":"[process:pid = 1]"},
            {"type":"indicator","id":"indicator--3","pattern_type":"stix","revoked":true,"pattern":"[ipv4-addr:value = '203.0.113.6']"},
            {"type":"indicator","id":"indicator--4","pattern_type":"snort","pattern":"alert"},
            {"type":"indicator","id":"indicator--5","pattern":"[domain-name:value = 'evil.example']","valid_from":"soon"}]}"#;
        let (selectors, problems) = parse_bundle(bundle, None).unwrap();
        let [only] = selectors.as_slice() else { panic!("{selectors:?}") };
        assert_eq!(only.effective_id().as_str(), "indicator--1");
        assert_eq!(
            i64::from(only.version),
            "2026-11-23T00:00:00Z".parse::<Timestamp>().unwrap().as_second()
        );
        assert_eq!(only.valid_from, None);
        assert_eq!(only.expires, Some("2026-12-01T00:00:00Z".parse().unwrap()));
        let expected = [
            (3, ListReason::PatternNotReducible),
            (5, ListReason::PatternNotRead),
            (6, ListReason::BadObject),
        ];
        assert_eq!(problems, expected.map(|(line, reason)| ListProblem { line, reason }));
        assert!(matches!(parse_bundle(b"[]", None), Err(ReadBundle::NotABundle)));
        assert!(matches!(parse_bundle(b"{", None), Err(ReadBundle::NotJson(_))));
        assert!(matches!(
            parse_bundle(b"{\"type\":\"bundle\",\"objects\":1}", None),
            Err(ReadBundle::NotABundle)
        ));
    }
}
