//! Connections, sockets, flows and requests: two ends, and what went between them.

use serde_json::{Map, Value, json};

use super::super::attributes::{address_type, as_number, id, is_domain, observable};
use super::super::emit::{Properties, Shape, put};
use super::super::model::{Attribute, Object};
use super::super::patterns::equals;
use super::super::shapes::TRAFFIC;
use super::{Filled, custom_name, place};

/// What may stand at an end: the relation, the end.
const ENDS: &[(&str, &str)] = &[
    ("ip-src", "src"),
    ("ip", "dst"),
    ("ip-dst", "dst"),
    ("hostname-src", "src"),
    ("hostname-dst", "dst"),
    ("domain", "dst"),
    ("hostname", "dst"),
    ("host", "dst"),
];
/// Numbers of autonomous systems: the relation, the address it belongs to.
const SYSTEMS: &[(&str, &str)] = &[("src-as", "src"), ("dst-as", "dst"), ("AS", "dst")];
/// Protocols, from the outermost inwards.
const PROTOCOLS: &[&str] = &["protocol", "layer3-protocol", "layer4-protocol", "layer7-protocol"];
/// Headers of a request: the relation, the header.
const HEADERS: &[(&str, &str)] = &[
    ("content-type", "Content-Type"),
    ("cookie", "Cookie"),
    ("referer", "Referer"),
    ("user-agent", "User-Agent"),
    ("proxy-user", "Proxy-User"),
];
/// Address families of section 6.12.6.
const FAMILIES: &[&str] = &[
    "AF_UNSPEC",
    "AF_INET",
    "AF_IPX",
    "AF_APPLETALK",
    "AF_NETBIOS",
    "AF_INET6",
    "AF_IRDA",
    "AF_BTH",
];
/// Kinds of sockets of section 6.12.6.
const SOCKETS: &[&str] = &["SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET"];

pub(super) fn shape(object: &Object) -> Option<Shape> {
    let mut link = Link {
        object,
        filled: Filled::rows(object, TRAFFIC, "network-traffic", ""),
        others: Vec::new(),
    };
    link.filled.comparisons.clear();
    link.ends();
    link.systems();
    link.extensions();
    link.protocols();
    link.counted();
    // Section 6.12: at least one end must be known.
    let known = |name: &str| link.filled.properties.contains_key(name);
    if !known("src_ref") && !known("dst_ref") {
        return None;
    }
    let Link { mut filled, others, .. } = link;
    filled.rest(object, "network-traffic", "", &[]);
    let comparisons = comparisons(object);
    let made = observable("network-traffic", object.uuid, Value::Object(filled.properties));
    let mut observables = vec![made];
    observables.extend(others);
    Some(Shape::Seen { observables, comparisons })
}

struct Link<'a> {
    object: &'a Object,
    filled: Filled,
    others: Vec<Properties>,
}

impl<'a> Link<'a> {
    fn every(&self, relation: &str) -> Vec<(usize, &'a Attribute)> {
        let all = self.object.attributes.iter().enumerate();
        all.filter(|(_, attribute)| attribute.relation == relation).collect()
    }

    fn ends(&mut self) {
        for (relation, end) in ENDS {
            for (at, attribute) in self.every(relation) {
                // An address in `ip` may say by its type at which end it stands.
                let end = if *relation == "ip" && attribute.kind == "ip-src" { "src" } else { end };
                let host = *relation == "host";
                let kind = match address_type(&attribute.value) {
                    Some(kind) => kind,
                    None if is_domain(&attribute.value) => "domain-name",
                    None => continue,
                };
                let property = format!("{end}_ref");
                let free = !self.filled.properties.contains_key(&property);
                if !free && !host {
                    continue;
                }
                let mut made = json!({ "value": attribute.value });
                let held = self.filled.properties.get(&property).cloned();
                if let (false, Some(made), Some(Value::String(held))) =
                    (free, made.as_object_mut(), held)
                    && kind == "domain-name"
                {
                    put(made, "resolves_to_refs", json!([held]));
                }
                self.others.push(observable(kind, attribute.uuid, made));
                if free {
                    put(&mut self.filled.properties, &property, id(kind, attribute.uuid));
                }
                self.filled.used.insert(at);
            }
        }
    }

    /// An autonomous system belongs to the address at its end.
    fn systems(&mut self) {
        for (relation, end) in SYSTEMS {
            for (at, attribute) in self.every(relation) {
                let Some(number) = as_number(&attribute.value) else { continue };
                let address = self.filled.properties.get(&format!("{end}_ref")).cloned();
                let mine = |other: &Properties| other.get("id") == address.as_ref();
                let Some(address) = self.others.iter_mut().find(|other| mine(other)) else {
                    continue;
                };
                let networked = address.get("type").is_some_and(|kind| kind != "domain-name");
                if !networked || address.contains_key("belongs_to_refs") {
                    continue;
                }
                put(address, "belongs_to_refs", json!([id("autonomous-system", attribute.uuid)]));
                let made = json!({ "number": number });
                self.others.push(observable("autonomous-system", attribute.uuid, made));
                self.filled.used.insert(at);
            }
        }
    }

    fn protocols(&mut self) {
        let mut protocols: Vec<String> = Vec::new();
        if self.extended("tcp-ext") || self.object.name == "http-request" {
            protocols.push("tcp".to_owned());
        }
        for relation in PROTOCOLS {
            for (at, attribute) in self.every(relation) {
                let name: String = attribute.value.to_ascii_lowercase();
                let name = name.split_whitespace().collect::<Vec<_>>().join("-");
                if name.is_empty() || protocols.contains(&name) {
                    continue;
                }
                protocols.push(name);
                self.filled.used.insert(at);
            }
        }
        if self.object.name == "http-request" {
            protocols.push("http".to_owned());
        }
        if protocols.is_empty() {
            let end = ["dst_ref", "src_ref"]
                .iter()
                .find_map(|name| self.filled.properties.get(*name).and_then(Value::as_str));
            let known = match end.unwrap_or_default().split_once("--").map(|(kind, _)| kind) {
                Some("ipv4-addr") if self.object.name == "ip-port" => "ipv4",
                Some("ipv6-addr") if self.object.name == "ip-port" => "ipv6",
                _ => "tcp",
            };
            protocols.push(known.to_owned());
        }
        put(&mut self.filled.properties, "protocols", protocols);
    }

    fn extended(&self, name: &str) -> bool {
        self.filled.properties.get("extensions").is_some_and(|all| all.get(name).is_some())
    }

    fn extensions(&mut self) {
        match self.object.name.as_str() {
            "http-request" => self.request(),
            "network-socket" => self.socket(),
            "netflow" => self.flags(),
            _ => {}
        }
    }

    /// Section 6.12.3: a request has a method and a value.
    fn request(&mut self) {
        let method = self.every("method").first().copied();
        let uri = self.every("uri").first().copied().or_else(|| self.every("url").first().copied());
        let (Some((method_at, method)), Some((uri_at, uri))) = (method, uri) else { return };
        let mut request = Map::new();
        put(&mut request, "request_method", method.value.as_str());
        put(&mut request, "request_value", uri.value.as_str());
        self.filled.used.extend([method_at, uri_at]);
        let mut headers = Map::new();
        for (relation, header) in HEADERS {
            for (at, attribute) in self.every(relation) {
                let list = headers.entry(*header).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(json!(attribute.value));
                }
                self.filled.used.insert(at);
            }
        }
        if !headers.is_empty() {
            put(&mut request, "request_header", headers);
        }
        place(&mut self.filled.properties, "extensions.http-request-ext", Value::Object(request));
    }

    /// Section 6.12.6: the family of a socket is required, and both words come from lists.
    fn socket(&mut self) {
        let family = self.every("address-family").first().copied();
        let Some((family_at, family)) =
            family.filter(|(_, f)| FAMILIES.contains(&f.value.as_str()))
        else {
            return;
        };
        let mut socket = Map::new();
        put(&mut socket, "address_family", family.value.as_str());
        self.filled.used.insert(family_at);
        for (at, attribute) in self.every("socket-type") {
            if SOCKETS.contains(&attribute.value.as_str()) && !socket.contains_key("socket_type") {
                put(&mut socket, "socket_type", attribute.value.as_str());
                self.filled.used.insert(at);
            }
        }
        for (at, attribute) in self.every("state") {
            let property = match attribute.value.as_str() {
                "listening" => "is_listening",
                "blocking" => "is_blocking",
                _ => continue,
            };
            put(&mut socket, property, true);
            self.filled.used.insert(at);
        }
        place(&mut self.filled.properties, "extensions.socket-ext", Value::Object(socket));
    }

    /// Section 6.12.5: flags are hexadecimal.
    fn flags(&mut self) {
        for (at, attribute) in self.every("tcp-flags") {
            let hex = attribute.value.strip_prefix("0x").unwrap_or(&attribute.value);
            let fits = !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let even = hex.len().is_multiple_of(2);
            if fits && even {
                let property = "extensions.tcp-ext.src_flags_hex";
                if place(&mut self.filled.properties, property, json!(hex)) {
                    self.filled.used.insert(at);
                }
            }
        }
    }

    /// Ports fit 16 bits and the end is not before the start; what does not fit is custom.
    fn counted(&mut self) {
        let properties = &mut self.filled.properties;
        for name in ["src_port", "dst_port"] {
            let port = properties.get(name).and_then(Value::as_u64);
            if port.is_some_and(|port| port > u64::from(u16::MAX)) {
                super::aside(properties, name);
            }
        }
        let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(start), Some(end)) = (text("start"), text("end"))
            && end < start
        {
            super::aside(properties, "end");
        }
        // A connection that ended is not active; one without an end says nothing about it.
    }
}

/// What a pattern says: the ends, in the order of the table, then what was asked for.
fn comparisons(object: &Object) -> Vec<String> {
    let mut comparisons = Vec::new();
    let mut placed: Vec<&str> = Vec::new();
    for (relation, end) in ENDS {
        placed.push(relation);
        for attribute in object.all(relation).filter(|attribute| attribute.to_ids) {
            let end = if *relation == "ip" && attribute.kind == "ip-src" { "src" } else { end };
            let kind = address_type(&attribute.value).unwrap_or("domain-name");
            comparisons.push(format!(
                "({} AND {})",
                equals(&format!("network-traffic:{end}_ref.type"), kind),
                equals(&format!("network-traffic:{end}_ref.value"), &attribute.value),
            ));
        }
    }
    for attribute in object.attributes.iter().filter(|attribute| attribute.to_ids) {
        let relation = attribute.relation.as_str();
        if placed.contains(&relation) {
            continue;
        }
        let value = attribute.value.as_str();
        let request = "network-traffic:extensions.'http-request-ext'";
        let header = HEADERS.iter().find(|(name, _)| *name == relation);
        comparisons.push(match (relation, header) {
            ("src-port" | "dst-port", _) => {
                let end = relation.split('-').next().unwrap_or_default();
                format!(
                    "network-traffic:{end}_port = {}",
                    value.trim().parse::<u16>().unwrap_or_default()
                )
            }
            ("uri" | "url", _) => equals(&format!("{request}.request_value"), value),
            ("method", _) => equals(&format!("{request}.request_method"), value),
            (_, Some((_, header))) => {
                equals(&format!("{request}.request_header.'{header}'[*]"), value)
            }
            _ => equals(&format!("network-traffic:{}", custom_name(relation)), value),
        });
    }
    comparisons
}
