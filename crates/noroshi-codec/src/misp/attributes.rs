//! What each type of attribute becomes: observables and, when it is meant for detection, a pattern.
//!
//! A value that is none of its kind (an address that is no address) has no valid observable; the attribute then
//! becomes a custom object, so that it is neither lost nor passed off as what it is not.

use core::net::IpAddr;
use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::emit::{Properties, Shape, put};
use super::model::Attribute;
use super::patterns::{equals, equals_number, path};

/// How a type is written; the first column of [`RECIPES`] names it.
#[derive(Debug, Clone, Copy)]
enum Recipe {
    /// One observable with a `value`.
    Value(&'static str),
    /// A header or body of a message.
    Message(&'static str),
    /// An address a message went from or to.
    Correspondent(&'static str),
    /// A header STIX has no property for.
    Header(&'static str),
    /// An address at one end of a connection; with a port when the value has two parts.
    Connection(&'static str),
    /// A pattern without an observable.
    Path(&'static str, &'static str),
    /// A number in a pattern without an observable.
    Number(&'static str, &'static str),
    /// A rule in another language.
    Rule(&'static str),
    /// A fingerprint of a certificate.
    Fingerprint(&'static str),
    As,
    Attachment,
    Campaign,
    DomainIp,
    EmailAttachment,
    Filename,
    Github,
    HostPort,
    Mac,
    Mutex,
    Regkey,
    RegkeyValue,
    Sample,
    Vulnerability,
}

const RECIPES: &[(&str, Recipe)] = &[
    ("AS", Recipe::As),
    ("attachment", Recipe::Attachment),
    ("campaign-name", Recipe::Campaign),
    ("domain", Recipe::Value("domain-name")),
    ("domain|ip", Recipe::DomainIp),
    ("email", Recipe::Value("email-addr")),
    ("email-attachment", Recipe::EmailAttachment),
    ("email-body", Recipe::Message("body")),
    ("email-dst", Recipe::Correspondent("to_refs")),
    ("email-header", Recipe::Message("received_lines")),
    ("email-message-id", Recipe::Message("message_id")),
    ("email-reply-to", Recipe::Header("Reply-To")),
    ("email-src", Recipe::Correspondent("from_ref")),
    ("email-subject", Recipe::Message("subject")),
    ("email-x-mailer", Recipe::Header("X-Mailer")),
    ("filename", Recipe::Filename),
    ("github-username", Recipe::Github),
    ("hostname", Recipe::Value("domain-name")),
    ("hostname|port", Recipe::HostPort),
    ("http-method", Recipe::Path("network-traffic", "extensions.http-request-ext.request_method")),
    ("ip-dst", Recipe::Connection("dst")),
    ("ip-dst|port", Recipe::Connection("dst")),
    ("ip-src", Recipe::Connection("src")),
    ("ip-src|port", Recipe::Connection("src")),
    ("link", Recipe::Value("url")),
    ("mac-address", Recipe::Mac),
    ("malware-sample", Recipe::Sample),
    ("mutex", Recipe::Mutex),
    ("port", Recipe::Number("network-traffic", "dst_port")),
    ("regkey", Recipe::Regkey),
    ("regkey|value", Recipe::RegkeyValue),
    ("sigma", Recipe::Rule("sigma")),
    ("size-in-bytes", Recipe::Number("file", "size")),
    ("snort", Recipe::Rule("snort")),
    ("suricata", Recipe::Rule("suricata")),
    ("uri", Recipe::Value("url")),
    ("url", Recipe::Value("url")),
    (
        "user-agent",
        Recipe::Path("network-traffic", "extensions.http-request-ext.request_header.User-Agent"),
    ),
    ("vulnerability", Recipe::Vulnerability),
    ("x509-fingerprint-md5", Recipe::Fingerprint("MD5")),
    ("x509-fingerprint-sha1", Recipe::Fingerprint("SHA-1")),
    ("x509-fingerprint-sha256", Recipe::Fingerprint("SHA-256")),
    ("yara", Recipe::Rule("yara")),
];

/// Hashes of files: MISP's name, the key in a file, the key in a pattern.
pub(super) const HASHES: &[(&str, &str, &str)] = &[
    ("md5", "MD5", "MD5"),
    ("sha1", "SHA-1", "SHA-1"),
    ("sha224", "SHA224", "SHA-224"),
    ("sha256", "SHA-256", "SHA-256"),
    ("sha384", "SHA384", "SHA-384"),
    ("sha512", "SHA-512", "SHA-512"),
    ("sha512/224", "SHA224", "SHA-224"),
    ("sha512/256", "SHA-256", "SHA-256"),
    ("sha3-224", "SHA3224", "SHA3-224"),
    ("sha3-256", "SHA3-256", "SHA3-256"),
    ("sha3-384", "SHA3384", "SHA3-384"),
    ("sha3-512", "SHA3-512", "SHA3-512"),
    ("ssdeep", "SSDEEP", "SSDEEP"),
    ("tlsh", "TLSH", "TLSH"),
    ("authentihash", "AUTHENTIHASH", "AUTHENTIHASH"),
    ("imphash", "IMPHASH", "IMPHASH"),
    ("pehash", "PEHASH", "PEHASH"),
    ("telfhash", "TELFHASH", "TELFHASH"),
    ("vhash", "VHASH", "VHASH"),
];

/// The key of a hash in a file and in a pattern, if the value can be one.
pub(super) fn hash(kind: &str, value: &str) -> Option<(&'static str, &'static str)> {
    let (_, key, written) = HASHES.iter().find(|(name, _, _)| *name == kind)?;
    is_hash(key, value).then_some((key, written))
}

/// STIX 2.1 section 10.6: the form of the hashes the standard knows.
pub(super) fn is_hash(key: &str, value: &str) -> bool {
    let hex =
        |digits: usize| value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    match key {
        "MD5" => hex(32),
        "SHA-1" => hex(40),
        "SHA224" | "SHA3224" => hex(56),
        "SHA-256" | "SHA3-256" => hex(64),
        "SHA384" | "SHA3384" => hex(96),
        "SHA-512" | "SHA3-512" => hex(128),
        "SSDEEP" => {
            let mut parts = value.splitn(3, ':');
            parts
                .next()
                .is_some_and(|size| !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit()))
                && parts.clone().count() == 2
                && value.bytes().all(|byte| byte.is_ascii_graphic())
        }
        "TLSH" => {
            let digits = value.strip_prefix("T1").unwrap_or(value);
            digits.len() == 70 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        _ => !value.is_empty(),
    }
}

/// What the attribute becomes.
pub(super) fn shape(attribute: &Attribute) -> Shape {
    let kind = attribute.kind.as_str();
    let found = RECIPES.iter().find(|(name, _)| *name == kind).map(|(_, recipe)| *recipe);
    let made = match found {
        Some(recipe) => follow(recipe, attribute),
        None => hashes(attribute),
    };
    match made {
        // A pattern without an observable says nothing unless it is meant for detection.
        Some(Shape::Pattern { .. }) if !attribute.to_ids => Shape::Custom,
        Some(shape) => shape,
        None => Shape::Custom,
    }
}

fn follow(recipe: Recipe, attribute: &Attribute) -> Option<Shape> {
    let (uuid, value) = (attribute.uuid, attribute.value.as_str());
    match recipe {
        Recipe::Value(object) => valued(object, uuid, value),
        Recipe::Message(property) => Some(message(property, uuid, value)),
        Recipe::Correspondent(property) => correspondent(property, uuid, value),
        Recipe::Header(name) => Some(header(name, uuid, value)),
        Recipe::Connection(end) => connection(end, uuid, value),
        Recipe::Path(object, steps) => {
            Some(Shape::Pattern { comparisons: vec![equals(&path(object, steps), value)] })
        }
        Recipe::Number(object, steps) => {
            let number = value.trim().parse().ok().filter(|number| *number >= 0)?;
            Some(Shape::Pattern { comparisons: vec![equals_number(&path(object, steps), number)] })
        }
        Recipe::Rule(language) => Some(rule(language, attribute)),
        Recipe::Fingerprint(key) => fingerprint(key, uuid, value),
        Recipe::As => autonomous_system(uuid, value),
        Recipe::Attachment => attachment(attribute),
        Recipe::Campaign => Some(named("campaign", value)),
        Recipe::DomainIp => domain_ip(uuid, value),
        Recipe::EmailAttachment => Some(email_attachment(uuid, value)),
        Recipe::Filename => Some(filename(uuid, value)),
        Recipe::Github => Some(github(uuid, value)),
        Recipe::HostPort => host_port(uuid, value),
        Recipe::Mac => mac(uuid, value),
        Recipe::Mutex => Some(mutex(uuid, value)),
        Recipe::Regkey => Some(regkey(uuid, value)),
        Recipe::RegkeyValue => regkey_value(uuid, value),
        Recipe::Sample => sample(attribute),
        Recipe::Vulnerability => Some(vulnerability(value)),
    }
}

/// An observable with its id.
pub(super) fn observable(object: &str, uuid: Uuid, properties: Value) -> Properties {
    let mut made = match properties {
        Value::Object(made) => made,
        _ => Map::new(),
    };
    put(&mut made, "type", object);
    put(&mut made, "id", id(object, uuid));
    made
}

/// The id of an observable.
pub(super) fn id(object: &str, uuid: Uuid) -> String {
    format!("{object}--{uuid}")
}

fn seen(observables: Vec<Properties>, comparisons: Vec<String>) -> Shape {
    Shape::Seen { observables, comparisons }
}

fn valued(object: &'static str, uuid: Uuid, value: &str) -> Option<Shape> {
    let fits = match object {
        "domain-name" => is_domain(value),
        "email-addr" => is_email(value),
        "url" => is_locator(value),
        _ => !value.contains(char::is_whitespace),
    };
    let comparisons = vec![equals(&path(object, "value"), value)];
    if fits {
        Some(seen(vec![observable(object, uuid, json!({ "value": value }))], comparisons))
    } else {
        // A locator without a scheme, or a name with a low line, can be looked for all the same.
        let looked =
            matches!(object, "url" | "domain-name") && !value.contains(char::is_whitespace);
        looked.then_some(Shape::Pattern { comparisons })
    }
}

/// RFC 3986 section 3: a scheme and something behind it, without spaces.
pub(super) fn is_locator(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        && !rest.is_empty()
        && !value.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// RFC 1034: letters, digits and hyphens, or the same in another script.
pub(super) fn is_domain(value: &str) -> bool {
    let shaped = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    value.len() <= 253 && value.trim_end_matches('.').split('.').all(shaped)
}

/// RFC 5322: something on both sides of the sign, and no spaces.
pub(super) fn is_email(value: &str) -> bool {
    value.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !value.contains(char::is_whitespace)
}

/// The type of an address or network; `None` if it is neither.
pub(super) fn address_type(value: &str) -> Option<&'static str> {
    let address = IpAddr::from_str(value).ok();
    let address = address.or_else(|| IpNet::from_str(value).ok().map(|network| network.addr()))?;
    Some(if address.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" })
}

/// A port; text that is none is nothing.
pub(super) fn port(value: &str) -> Option<u16> {
    value.trim().parse().ok()
}

fn message(property: &str, uuid: Uuid, value: &str) -> Shape {
    let mut made = observable("email-message", uuid, json!({ "is_multipart": false }));
    let held = if property == "received_lines" { json!([value]) } else { json!(value) };
    put(&mut made, property, held);
    let steps = if property == "received_lines" { "received_lines[*]" } else { property };
    seen(vec![made], vec![equals(&path("email-message", steps), value)])
}

fn correspondent(property: &str, uuid: Uuid, value: &str) -> Option<Shape> {
    if !is_email(value) {
        return None;
    }
    let address = id("email-addr", uuid);
    let mut made = observable("email-message", uuid, json!({ "is_multipart": false }));
    let list = property == "to_refs";
    put(&mut made, property, if list { json!([address]) } else { json!(address) });
    let steps = if list { "to_refs[*].value" } else { "from_ref.value" };
    let addr = observable("email-addr", uuid, json!({ "value": value }));
    Some(seen(vec![made, addr], vec![equals(&path("email-message", steps), value)]))
}

fn header(name: &str, uuid: Uuid, value: &str) -> Shape {
    let properties = json!({ "is_multipart": false, "additional_header_fields": { name: value } });
    let steps = format!("additional_header_fields.{name}");
    let comparison = equals(&path("email-message", &steps), value);
    seen(vec![observable("email-message", uuid, properties)], vec![comparison])
}

fn connection(end: &str, uuid: Uuid, value: &str) -> Option<Shape> {
    let (address, wanted) = value.split_once('|').map_or((value, None), |(a, p)| (a, Some(p)));
    let object = address_type(address)?;
    let mut properties = Map::new();
    put(&mut properties, "protocols", json!(["tcp"]));
    put(&mut properties, &format!("{end}_ref"), id(object, uuid));
    let mut comparisons = vec![
        equals(&format!("network-traffic:{end}_ref.type"), object),
        equals(&format!("network-traffic:{end}_ref.value"), address),
    ];
    if let Some(wanted) = wanted {
        let number = port(wanted)?;
        put(&mut properties, &format!("{end}_port"), number);
        comparisons.push(equals_number(&format!("network-traffic:{end}_port"), number.into()));
    }
    let traffic = observable("network-traffic", uuid, Value::Object(properties));
    let addr = observable(object, uuid, json!({ "value": address }));
    Some(seen(vec![traffic, addr], comparisons))
}

/// A rule keeps its text; brackets around it would make another rule of it.
fn rule(language: &str, attribute: &Attribute) -> Shape {
    let mut properties = Map::new();
    put(&mut properties, "pattern", attribute.value.as_str());
    put(&mut properties, "pattern_type", language);
    put(&mut properties, "pattern_version", "2.1");
    Shape::Rule { properties }
}

fn fingerprint(key: &str, uuid: Uuid, value: &str) -> Option<Shape> {
    is_hash(key, value).then(|| {
        let made = observable("x509-certificate", uuid, json!({ "hashes": { key: value } }));
        let steps = format!("hashes.{key}");
        seen(vec![made], vec![equals(&path("x509-certificate", &steps), value)])
    })
}

/// The number of an autonomous system, with or without `AS`.
pub(super) fn as_number(value: &str) -> Option<u32> {
    let digits = value.trim();
    let digits = digits.strip_prefix("AS").or_else(|| digits.strip_prefix("as")).unwrap_or(digits);
    digits.trim().parse().ok()
}

fn autonomous_system(uuid: Uuid, value: &str) -> Option<Shape> {
    let number = as_number(value)?;
    let made = observable("autonomous-system", uuid, json!({ "number": number }));
    Some(seen(vec![made], vec![equals_number("autonomous-system:number", number.into())]))
}

/// Whether the content of an attachment is base64, as a payload must be.
pub(super) fn is_payload(data: &str) -> bool {
    STANDARD.decode(data).is_ok()
}

fn attachment(attribute: &Attribute) -> Option<Shape> {
    let (uuid, value) = (attribute.uuid, attribute.value.as_str());
    let Some(data) = &attribute.data else { return Some(filename(uuid, value)) };
    if !is_payload(data) {
        return None;
    }
    let artifact = observable("artifact", uuid, json!({ "payload_bin": data }));
    let properties = json!({ "name": value, "content_ref": id("artifact", uuid) });
    let file = observable("file", uuid, properties);
    let comparisons =
        vec![equals("file:name", value), equals("file:content_ref.payload_bin", data)];
    Some(seen(vec![file, artifact], comparisons))
}

fn named(object: &str, name: &str) -> Shape {
    let mut properties = Map::new();
    put(&mut properties, "type", object);
    put(&mut properties, "name", name);
    Shape::Domain { properties }
}

fn vulnerability(value: &str) -> Shape {
    let mut properties = Map::new();
    put(&mut properties, "type", "vulnerability");
    put(&mut properties, "name", value);
    if is_cve(value) {
        let known = json!([{ "source_name": "cve", "external_id": value }]);
        put(&mut properties, "external_references", known);
    }
    Shape::Domain { properties }
}

/// `CVE-` with a year and a number.
pub(super) fn is_cve(value: &str) -> bool {
    let number = value.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    number.is_some_and(|(year, number)| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        year.len() == 4 && digits(year) && number.len() >= 4 && digits(number)
    })
}

fn domain_ip(uuid: Uuid, value: &str) -> Option<Shape> {
    let (domain, address) = value.split_once('|')?;
    let object = address_type(address).filter(|_| is_domain(domain))?;
    let properties = json!({ "value": domain, "resolves_to_refs": [id(object, uuid)] });
    let name = observable("domain-name", uuid, properties);
    let addr = observable(object, uuid, json!({ "value": address }));
    let comparisons = vec![
        equals("domain-name:value", domain),
        equals("domain-name:resolves_to_refs[*].value", address),
    ];
    Some(seen(vec![name, addr], comparisons))
}

fn email_attachment(uuid: Uuid, value: &str) -> Shape {
    let part = json!({
        "body_raw_ref": id("file", uuid),
        "content_disposition": format!("attachment; filename='{value}'"),
    });
    let properties = json!({ "is_multipart": true, "body_multipart": [part] });
    let message = observable("email-message", uuid, properties);
    let file = observable("file", uuid, json!({ "name": value }));
    let steps = "email-message:body_multipart[*].body_raw_ref.name";
    seen(vec![message, file], vec![equals(steps, value)])
}

fn filename(uuid: Uuid, value: &str) -> Shape {
    seen(vec![observable("file", uuid, json!({ "name": value }))], vec![equals("file:name", value)])
}

fn github(uuid: Uuid, value: &str) -> Shape {
    let properties = json!({ "account_type": "github", "account_login": value });
    let comparisons = vec![
        equals("user-account:account_type", "github"),
        equals("user-account:account_login", value),
    ];
    seen(vec![observable("user-account", uuid, properties)], comparisons)
}

fn host_port(uuid: Uuid, value: &str) -> Option<Shape> {
    let (host, wanted) = value.split_once('|')?;
    let number = port(wanted).filter(|_| is_domain(host))?;
    let name = observable("domain-name", uuid, json!({ "value": host }));
    let properties = json!({
        "dst_ref": id("domain-name", uuid), "dst_port": number, "protocols": ["tcp"],
    });
    let traffic = observable("network-traffic", uuid, properties);
    let comparisons = vec![
        equals("domain-name:value", host),
        equals_number("network-traffic:dst_port", number.into()),
    ];
    Some(seen(vec![name, traffic], comparisons))
}

fn mac(uuid: Uuid, value: &str) -> Option<Shape> {
    // STIX 2.1 §6.10: lower case, with colons.
    let address = value.to_ascii_lowercase().replace('-', ":");
    let parts: Vec<&str> = address.split(':').collect();
    let octet = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    (parts.len() == 6 && parts.iter().all(octet)).then(|| {
        let made = observable("mac-addr", uuid, json!({ "value": address }));
        seen(vec![made], vec![equals("mac-addr:value", &address)])
    })
}

fn mutex(uuid: Uuid, value: &str) -> Shape {
    let made = observable("mutex", uuid, json!({ "name": value }));
    seen(vec![made], vec![equals("mutex:name", value)])
}

/// STIX 2.1 section 6.17: the hive is written out.
pub(super) fn hive(key: &str) -> String {
    let (hive, rest) =
        key.split_at_checked(key.find('\\').unwrap_or(key.len())).unwrap_or((key, ""));
    let full = match hive.to_ascii_uppercase().as_str() {
        "HKLM" => "HKEY_LOCAL_MACHINE",
        "HKCC" => "HKEY_CURRENT_CONFIG",
        "HKCR" => "HKEY_CLASSES_ROOT",
        "HKCU" => "HKEY_CURRENT_USER",
        "HKU" => "HKEY_USERS",
        _ => hive,
    };
    format!("{full}{rest}")
}

fn regkey(uuid: Uuid, value: &str) -> Shape {
    let value = hive(value);
    let value = value.as_str();
    let made = observable("windows-registry-key", uuid, json!({ "key": value }));
    seen(vec![made], vec![equals("windows-registry-key:key", value)])
}

fn regkey_value(uuid: Uuid, value: &str) -> Option<Shape> {
    let (key, data) = value.split_once('|')?;
    let key = hive(key);
    let properties = json!({ "key": key, "values": [{ "data": data }] });
    let made = observable("windows-registry-key", uuid, properties);
    let comparisons = vec![
        equals("windows-registry-key:key", &key),
        equals("windows-registry-key:values[*].data", data),
    ];
    Some(seen(vec![made], comparisons))
}

/// A sample travels in a zip file with the password everybody in the trade uses.
fn sample(attribute: &Attribute) -> Option<Shape> {
    let (uuid, value) = (attribute.uuid, attribute.value.as_str());
    let (name, md5) = value.split_once('|').filter(|(_, md5)| is_hash("MD5", md5))?;
    let mut properties = json!({ "name": name, "hashes": { "MD5": md5 } });
    let mut observables = Vec::new();
    let mut comparisons = Vec::new();
    if let Some(data) = attribute.data.as_deref().filter(|data| is_payload(data)) {
        comparisons.push(equals("file:content_ref.payload_bin", data));
        let artifact = json!({
            "payload_bin": data, "mime_type": "application/zip",
            "encryption_algorithm": "mime-type-indicated", "decryption_key": "infected",
        });
        observables.push(observable("artifact", uuid, artifact));
        if let Some(file) = properties.as_object_mut() {
            put(file, "content_ref", id("artifact", uuid));
        }
    }
    comparisons.push(equals("file:name", name));
    comparisons.push(equals("file:hashes.MD5", md5));
    if !observables.is_empty() {
        comparisons.extend(zipped());
    }
    observables.insert(0, observable("file", uuid, properties));
    Some(seen(observables, comparisons))
}

/// What a pattern says of a zipped sample.
pub(super) fn zipped() -> [String; 3] {
    [
        equals("file:content_ref.mime_type", "application/zip"),
        equals("file:content_ref.encryption_algorithm", "mime-type-indicated"),
        equals("file:content_ref.decryption_key", "infected"),
    ]
}

/// Hashes, and file names with a hash.
fn hashes(attribute: &Attribute) -> Option<Shape> {
    let (uuid, value) = (attribute.uuid, attribute.value.as_str());
    let (name, kind, digest) = match attribute.kind.strip_prefix("filename|") {
        Some(kind) => {
            let (name, digest) = value.rsplit_once('|')?;
            (Some(name), kind, digest)
        }
        None => (None, attribute.kind.as_str(), value),
    };
    let (key, written) = hash(kind, digest)?;
    let mut properties = json!({ "hashes": { key: digest } });
    let mut comparisons = Vec::new();
    if let Some(name) = name {
        comparisons.push(equals("file:name", name));
        if let Some(file) = properties.as_object_mut() {
            put(file, "name", name);
        }
    }
    comparisons.push(equals(&path("file", &format!("hashes.{written}")), digest));
    Some(seen(vec![observable("file", uuid, properties)], comparisons))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hives_are_written_out_and_nothing_else_is_touched() {
        assert_eq!(hive(r"HKLM\Software\Kiln"), r"HKEY_LOCAL_MACHINE\Software\Kiln");
        assert_eq!(hive("hku"), "HKEY_USERS");
        assert_eq!(hive(r"HKEY_USERS\HKLM"), r"HKEY_USERS\HKLM");
        assert_eq!(hive("狼煙"), "狼煙");
    }

    #[test]
    fn values_that_are_none_of_their_kind_are_known() {
        assert_eq!(address_type("192.0.2.1"), Some("ipv4-addr"));
        assert_eq!(address_type("2001:db8::/32"), Some("ipv6-addr"));
        assert_eq!(address_type("192.0.2.256"), None);
        assert!(
            is_domain("evil.example")
                && is_domain("狼煙.example")
                && !is_domain("a b")
                && !is_domain("")
        );
        assert!(is_cve("CVE-2026-0001") && !is_cve("CVE-26-1") && !is_cve("cve"));
        assert_eq!(
            (as_number("AS64496"), as_number("64496"), as_number("ASX")),
            (Some(64496), Some(64496), None)
        );
        assert!(
            is_hash("MD5", &"a".repeat(32)) && !is_hash("MD5", "a") && !is_hash("SSDEEP", "3:a")
        );
    }
}
