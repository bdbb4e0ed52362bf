//! Zeek's JSON logs and Suricata's EVE, one object a line.
//!
//! The whole line is checked to be JSON (RFC 8259), but only the values of known members are looked at, as
//! slices of the line. Both formats use the same code, because their member names do not collide.

use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use crate::problem::Reason;
use crate::text::{parse_address, parse_count, parse_port, parse_seconds_us, parse_time_us};
use crate::view::{Detail, Ends, Look, View, sum};

/// How deep objects and arrays may be nested.
pub(crate) const DEPTH_MAX: u32 = 32;
/// How many members with further addresses a record may have.
pub(crate) const ADDRESS_MEMBERS_MAX: usize = 16;

/// A member that decides something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Member {
    Time,
    Src,
    Dst,
    SrcPort,
    DstPort,
    Proto,
    Duration,
    OrigWireBytes,
    RespWireBytes,
    OrigBytes,
    RespBytes,
    OrigPackets,
    RespPackets,
    Query,
    Answers,
    Host,
    ServerName,
    Dns,
    Tls,
    Http,
    Quic,
    Flow,
}

const MEMBERS: usize = Member::Flow as usize + 1;

/// The member of a name in Zeek's or in EVE's words.
fn member_of(name: &[u8]) -> Option<Member> {
    Some(match name {
        b"ts" | b"timestamp" => Member::Time,
        b"id.orig_h" | b"id_orig_h" | b"src_ip" => Member::Src,
        b"id.resp_h" | b"id_resp_h" | b"dest_ip" => Member::Dst,
        b"id.orig_p" | b"id_orig_p" | b"src_port" => Member::SrcPort,
        b"id.resp_p" | b"id_resp_p" | b"dest_port" => Member::DstPort,
        b"proto" => Member::Proto,
        b"duration" => Member::Duration,
        b"orig_ip_bytes" => Member::OrigWireBytes,
        b"resp_ip_bytes" => Member::RespWireBytes,
        b"orig_bytes" => Member::OrigBytes,
        b"resp_bytes" => Member::RespBytes,
        b"orig_pkts" => Member::OrigPackets,
        b"resp_pkts" => Member::RespPackets,
        b"query" => Member::Query,
        b"answers" => Member::Answers,
        b"host" => Member::Host,
        b"server_name" => Member::ServerName,
        b"dns" => Member::Dns,
        b"tls" => Member::Tls,
        b"http" => Member::Http,
        b"quic" => Member::Quic,
        // One direction of a flow, in the same words but for the counters.
        b"flow" | b"netflow" => Member::Flow,
        _ => return None,
    })
}

/// Whether Zeek gives a member of this name the type `addr`; JSON does not say so itself.
fn holds_address(name: &[u8]) -> bool {
    matches!(name, b"src" | b"dst" | b"bound.host" | b"request.host")
        || name.ends_with(b"_addr")
        || name.ends_with(b"_hosts")
        || name.ends_with(b".orig_h")
        || name.ends_with(b".resp_h")
}

/// One record.
pub(crate) struct JsonRecord<'a> {
    /// The values, as they stand in the line.
    members: [Option<&'a [u8]>; MEMBERS],
    addresses: [Option<&'a [u8]>; ADDRESS_MEMBERS_MAX],
}

impl<'a> JsonRecord<'a> {
    /// Checks a line and notes where the wanted values stand.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Reason> {
        if std::str::from_utf8(line).is_err() {
            return Err(Reason::BadUtf8);
        }
        let mut record = Self { members: [None; MEMBERS], addresses: [None; ADDRESS_MEMBERS_MAX] };
        let mut scan = Scan { rest: line };
        scan.blank();
        scan.object(0, &mut |name, value| record.note(name, value))?;
        scan.blank();
        if scan.rest.is_empty() { Ok(record) } else { Err(Reason::BadJson) }
    }

    fn note(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Reason> {
        if let Some(member) = member_of(name) {
            if value == b"null" {
                return Ok(());
            }
            return match self.members.get_mut(member as usize) {
                Some(slot @ None) => {
                    *slot = Some(value);
                    Ok(())
                }
                _ => Err(Reason::DuplicateMember),
            };
        }
        if holds_address(name) {
            let slot = self.addresses.iter_mut().find(|slot| slot.is_none());
            *slot.ok_or(Reason::TooManyAddresses)? = Some(value);
        }
        Ok(())
    }

    #[inline]
    fn raw(&self, member: Member) -> Option<&'a [u8]> {
        self.members.get(member as usize).copied().flatten()
    }

    fn address(&self, member: Member) -> Result<Option<IpAddr>, Reason> {
        let Some(raw) = self.raw(member) else { return Ok(None) };
        let address = string_of(raw).and_then(parse_address);
        address.map(Some).ok_or(Reason::BadAddress)
    }

    /// The strings of the members that hold addresses, and of `host`, which holds one in some logs.
    fn further_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let members = self.addresses.iter().copied().flatten().chain(self.raw(Member::Host));
        members.flat_map(strings_of).filter_map(parse_address)
    }

    fn time(&self) -> Result<i64, Reason> {
        let raw = self.raw(Member::Time).ok_or(Reason::BadTime)?;
        let time = match string_of(raw) {
            Some(text) => parse_time_us(text),
            None => parse_seconds_us(raw),
        };
        time.ok_or(Reason::BadTime)
    }

    fn counts(&self, one: Member, other: Member) -> Result<Option<u64>, Reason> {
        let count = |member| {
            self.raw(member).map(|raw| parse_count(raw).ok_or(Reason::BadNumber)).transpose()
        };
        Ok(sum(count(one)?, count(other)?))
    }

    fn port(&self, member: Member) -> Result<Option<u16>, Reason> {
        self.raw(member).map(|raw| parse_port(raw).ok_or(Reason::BadNumber)).transpose()
    }
}

impl View for JsonRecord<'_> {
    fn ends(&mut self) -> Result<Option<Ends>, Reason> {
        let mut src = self.address(Member::Src)?;
        let mut dst = self.address(Member::Dst)?;
        if src.is_none() && dst.is_none() {
            for address in self.further_addresses() {
                if src.is_none() {
                    src = Some(address);
                } else if dst.is_none() && src != Some(address) {
                    dst = Some(address);
                }
            }
        }
        if src.is_none() && dst.is_none() {
            return Ok(None);
        }
        Ok(Some(Ends { ts_us: self.time()?, src, dst }))
    }

    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        for value in self.addresses.iter().copied().flatten().flat_map(strings_of) {
            if let Some(address) = parse_address(value) {
                look.address(address);
            }
        }
        for member in [Member::Query, Member::Host, Member::ServerName, Member::Answers] {
            self.raw(member).into_iter().flat_map(strings_of).for_each(|raw| name(raw, look));
        }
        // In EVE the same is found one level down or more: names asked for and answered, and host names.
        if let Some(raw) = self.raw(Member::Dns) {
            dns_names(raw, false, 0, look)?;
        }
        for (member, wanted) in
            [(Member::Tls, "sni"), (Member::Quic, "sni"), (Member::Http, "hostname")]
        {
            let Some(raw) = self.raw(member) else { continue };
            members_of(raw, &mut |found, value| {
                if found == wanted.as_bytes()
                    && let Some(raw) = string_of(value)
                {
                    name(raw, look);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn detail(&self) -> Result<Detail, Reason> {
        let proto = self.raw(Member::Proto).and_then(string_of);
        let proto = proto.and_then(|text| std::str::from_utf8(text).ok());
        let proto = proto.and_then(Protocol::from_name);
        let wire_bytes = self.counts(Member::OrigWireBytes, Member::RespWireBytes)?;
        let bytes = match wire_bytes {
            Some(bytes) => Some(bytes),
            None => self.counts(Member::OrigBytes, Member::RespBytes)?,
        };
        let duration = self.raw(Member::Duration);
        let duration_us =
            duration.map(|raw| parse_seconds_us(raw).ok_or(Reason::BadNumber)).transpose()?;
        let ts_us = self.time()?;
        let mut detail = Detail {
            src_port: self.port(Member::SrcPort)?,
            dst_port: self.port(Member::DstPort)?,
            proto,
            bytes,
            packets: self.counts(Member::OrigPackets, Member::RespPackets)?,
            flow_start_us: duration_us.map(|_| ts_us),
            flow_end_us: duration_us.map(|duration_us| ts_us.saturating_add(duration_us)),
        };
        if let Some(raw) = self.raw(Member::Flow) {
            flow(raw, &mut detail)?;
        }
        if proto.is_some_and(Protocol::has_no_ports) {
            (detail.src_port, detail.dst_port) = (None, None);
        }
        Ok(detail)
    }
}

/// The member `flow` or `netflow` of EVE.
fn flow(raw: &[u8], detail: &mut Detail) -> Result<(), Reason> {
    let mut counters = [None; 4];
    members_of(raw, &mut |name, value| {
        let at = match name {
            b"bytes_toserver" | b"bytes" => 0,
            b"bytes_toclient" => 1,
            b"pkts_toserver" | b"pkts" => 2,
            b"pkts_toclient" => 3,
            b"start" | b"end" => {
                let time = string_of(value).and_then(parse_time_us);
                let time = Some(time.ok_or(Reason::BadTime)?);
                let is_start = name == b"start";
                *(if is_start { &mut detail.flow_start_us } else { &mut detail.flow_end_us }) =
                    time;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let count = parse_count(value).ok_or(Reason::BadNumber)?;
        counters.iter_mut().skip(at).take(1).for_each(|slot| *slot = Some(count));
        Ok(())
    })?;
    let [to_server, to_client, packets_to_server, packets_to_client] = counters;
    detail.bytes = sum(to_server, to_client).or(detail.bytes);
    detail.packets = sum(packets_to_server, packets_to_client).or(detail.packets);
    Ok(())
}

/// Looks at every `rrname` and `rdata` inside `dns`, and at the lists under `grouped`.
///
/// INVARIANT: `raw` has passed the check of the whole line, so the depth is bounded.
fn dns_names(raw: &[u8], grouped: bool, depth: u32, look: &mut Look<'_>) -> Result<(), Reason> {
    if depth > DEPTH_MAX {
        return Err(Reason::TooDeep);
    }
    if let Some(text) = string_of(raw) {
        if grouped {
            name(text, look);
        }
        return Ok(());
    }
    if raw.first() == Some(&b'[') {
        let mut scan = Scan { rest: raw };
        return scan.array(depth, &mut |value| dns_names(value, grouped, depth + 1, look));
    }
    members_of(raw, &mut |found, value| match (found, string_of(value)) {
        (b"rrname" | b"rdata", Some(text)) => {
            name(text, look);
            Ok(())
        }
        _ => dns_names(value, grouped || found == b"grouped", depth + 1, look),
    })
}

/// Looks up a name out of a JSON string.
fn name(raw: &[u8], look: &mut Look<'_>) {
    if memchr::memchr(b'\\', raw).is_none() {
        return look.name(raw);
    }
    let quoted = [b"\"", raw, b"\""].concat();
    if let Ok(plain) = serde_json::from_slice::<String>(&quoted) {
        look.name(plain.as_bytes());
    }
}

/// What stands between the quotes; `None` if the value is no string.
fn string_of(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The string, or the strings of the array.
fn strings_of(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut scan = Scan { rest: raw.strip_prefix(b"[").unwrap_or_default() };
    let rest = std::iter::from_fn(move || {
        scan.blank();
        scan.take(b',');
        scan.blank();
        if scan.rest.is_empty() { None } else { scan.value(0).ok() }
    });
    string_of(raw).into_iter().chain(rest.filter_map(string_of))
}

/// Hands on the members of an object; of anything else nothing.
fn members_of<'a>(
    raw: &'a [u8],
    take: &mut dyn FnMut(&'a [u8], &'a [u8]) -> Result<(), Reason>,
) -> Result<(), Reason> {
    if raw.first() != Some(&b'{') {
        return Ok(());
    }
    Scan { rest: raw }.object(0, take)
}

/// A strict reader of JSON that keeps nothing.
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    #[inline]
    fn blank(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> bool {
        match self.rest {
            [byte, rest @ ..] if *byte == wanted => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn require(&mut self, wanted: u8) -> Result<(), Reason> {
        if self.take(wanted) { Ok(()) } else { Err(Reason::BadJson) }
    }

    /// Passes over a value and returns it as it stands.
    fn value(&mut self, depth: u32) -> Result<&'a [u8], Reason> {
        let before = self.rest;
        match before {
            [b'"', ..] => {
                self.string()?;
            }
            [b'{', ..] => self.object(depth + 1, &mut |_, _| Ok(()))?,
            [b'[', ..] => self.array(depth + 1, &mut |_| Ok(()))?,
            [b't', b'r', b'u', b'e', rest @ ..]
            | [b'n', b'u', b'l', b'l', rest @ ..]
            | [b'f', b'a', b'l', b's', b'e', rest @ ..] => self.rest = rest,
            _ => self.number()?,
        }
        Ok(before.get(..before.len() - self.rest.len()).unwrap_or_default())
    }

    fn object(
        &mut self,
        depth: u32,
        take: &mut dyn FnMut(&'a [u8], &'a [u8]) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        if depth > DEPTH_MAX {
            return Err(Reason::TooDeep);
        }
        self.require(b'{')?;
        self.blank();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let name = self.string()?;
            self.blank();
            self.require(b':')?;
            self.blank();
            let value = self.value(depth)?;
            take(name, value)?;
            self.blank();
            if self.take(b'}') {
                return Ok(());
            }
            self.require(b',')?;
            self.blank();
        }
    }

    fn array(
        &mut self,
        depth: u32,
        take: &mut dyn FnMut(&'a [u8]) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        if depth > DEPTH_MAX {
            return Err(Reason::TooDeep);
        }
        self.require(b'[')?;
        self.blank();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            let value = self.value(depth)?;
            take(value)?;
            self.blank();
            if self.take(b']') {
                return Ok(());
            }
            self.require(b',')?;
            self.blank();
        }
    }

    /// A string with its quotes; returns what stands between them.
    fn string(&mut self) -> Result<&'a [u8], Reason> {
        self.require(b'"')?;
        let text = self.rest;
        let mut at = 0;
        loop {
            let ahead = text.get(at..).ok_or(Reason::BadJson)?;
            at += memchr::memchr2(b'"', b'\\', ahead).ok_or(Reason::BadJson)?;
            let (inside, behind) = text.split_at_checked(at).ok_or(Reason::BadJson)?;
            at += match behind {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    // RFC 8259 §7: control characters are escaped. Folded without a branch, to run fast.
                    let lowest = inside.iter().fold(u8::MAX, |lowest, byte| lowest.min(*byte));
                    return if lowest < 0x20 { Err(Reason::BadJson) } else { Ok(inside) };
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
                [b'\\', b'u', a, b, c, d, ..]
                    if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) =>
                {
                    6
                }
                _ => return Err(Reason::BadJson),
            };
        }
    }

    /// RFC 8259 §6.
    fn number(&mut self) -> Result<(), Reason> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Reason> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
        if count == 0 { Err(Reason::BadJson) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::SelectorIndex;
    use crate::selector::parse_list;

    /// Which of the selectors are found in a record.
    fn check(record: &str, expected: &[&str]) {
        let list = b"203.0.113.5\nevil.example\nbad.example\nworse.example\n2001:db8::5";
        let index = SelectorIndex::build(parse_list(list).0).unwrap();
        let (mut found, mut scratch) = (Vec::new(), Vec::new());
        let parsed = JsonRecord::parse(record.as_bytes()).unwrap();
        parsed.look(&mut Look { index: &index, found: &mut found, scratch: &mut scratch }).unwrap();
        let mut found: Vec<String> =
            found.iter().map(|at| index.selector(*at).unwrap().value.to_string()).collect();
        found.sort();
        found.dedup();
        assert_eq!(found, expected, "{record}");
    }

    #[test]
    fn names_and_addresses_are_found_where_they_may_stand() {
        check(
            r#"{"query":"EVIL.example","answers":["bad.example","203.0.113.5","TXT 3 x"]}"#,
            &["203.0.113.5", "bad.example", "evil.example"],
        );
        check(r#"{"host":"www.evil.example:8080","uri":"/bad.example"}"#, &["evil.example"]);
        check(r#"{"host":"[2001:db8::5]:443"}"#, &["2001:db8::5"]);
        check(r#"{"server_name":"evil\u002eexample"}"#, &["evil.example"]);
        check(r#"{"tx_hosts":["203.0.113.5"]}"#, &["203.0.113.5"]);
        check(
            r#"{"dns":{"type":"answer","rrname":"evil.example","answers":[{"rrname":"x.example","rdata":"203.0.113.5"}],
            "grouped":{"CNAME":["bad.example."]},"queries":[{"rrname":"worse.example"}]}}"#,
            &["203.0.113.5", "bad.example", "evil.example", "worse.example"],
        );
        check(
            r#"{"tls":{"sni":"evil.example","subject":"CN=bad.example"},"http":{"hostname":"worse.example","url":"bad.example"}}"#,
            &["evil.example", "worse.example"],
        );
        check(
            r#"{"email":{"from":"bad.example"},"payload":"evil.example","user_agent":"bad.example"}"#,
            &[],
        );
    }

    #[test]
    fn a_flow_of_eve_is_read() {
        let line = r#"{"timestamp":"2026-01-01T00:00:10.000000+0000","event_type":"flow","src_ip":"192.0.2.1",
            "src_port":4000,"dest_ip":"203.0.113.5","dest_port":53,"proto":"UDP","flow":{"pkts_toserver":1,
            "pkts_toclient":2,"bytes_toserver":30,"bytes_toclient":40,"start":"2026-01-01T00:00:01.000000+0000",
            "end":"2026-01-01T00:00:02.000000+0000"}}"#;
        let detail = JsonRecord::parse(line.as_bytes()).unwrap().detail().unwrap();
        let second = parse_time_us(b"2026-01-01T00:00:01Z").unwrap();
        let expected = Detail {
            src_port: Some(4000),
            dst_port: Some(53),
            proto: Some(Protocol::UDP),
            bytes: Some(70),
            packets: Some(3),
            flow_start_us: Some(second),
            flow_end_us: Some(second + 1_000_000),
        };
        assert_eq!(detail, expected);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
        for (text, reason) in [
            ("{", Reason::BadJson),
            ("{\"a\":01}", Reason::BadJson),
            ("{\"a\":1,}", Reason::BadJson),
            ("{\"a\":\"\t\"}", Reason::BadJson),
            ("{\"a\":\"\\x\"}", Reason::BadJson),
            ("{\"a\":1} {}", Reason::BadJson),
            ("{\"ts\":1,\"ts\":2}", Reason::DuplicateMember),
            (&deep, Reason::TooDeep),
            (&"[".repeat(100_000), Reason::BadJson),
            (&format!("{{\"a\":{}", "{\"a\":".repeat(100_000)), Reason::TooDeep),
        ] {
            assert_eq!(JsonRecord::parse(text.as_bytes()).err(), Some(reason), "{text:.40}");
        }
        assert_eq!(JsonRecord::parse(b"{\"a\":\"\xff\"}").err(), Some(Reason::BadUtf8));
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::btree_map("[a-z]{0,3}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_reader_agrees_with_another_about_what_is_json(
            value in any_json(), cut in 0_usize..200, put: Option<char>,
        ) {
            let mut text = serde_json::json!({ "a": value }).to_string();
            if let Some(put) = put {
                let at = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
                text.insert(at, put);
            }
            // The other reader refuses numbers beyond f64, which this one does not interpret.
            let other = serde_json::from_str::<serde_json::Map<_, _>>(&text);
            let out_of_range = other.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
            prop_assume!(!out_of_range);
            prop_assert_eq!(JsonRecord::parse(text.as_bytes()).is_ok(), other.is_ok(), "{}", text);
        }
    }
}
