//! Zeek's JSON logs and Suricata's EVE, one object a line.
//!
//! The whole line is checked to be JSON (RFC 8259), but only the values of known members are looked at, as
//! slices of the line. Both formats use the same code, because their member names do not collide.
//!
//! Where strings may end is found for many lines at once ([`Special`]), so that the check steps from one quote to
//! the next and never looks at what lies between.

use std::cell::Cell;
use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use crate::bits;
use crate::problem::Reason;
use crate::text::{parse_address, parse_count, parse_port, parse_seconds_us, parse_time_us};
use crate::view::{Detail, Ends, Look, View, sum};

pub(crate) mod shape;

/// How deep objects and arrays may be nested.
pub(crate) const DEPTH_MAX: u32 = 32;
/// How many members with further addresses a record may have.
pub(crate) const ADDRESS_MEMBERS_MAX: usize = 16;
/// How many values of inner members are noted without asking for memory.
const INNER_VALUES: usize = 12;

/// A member that decides something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    Uri,
    Flow,
    Id,
}

const MEMBERS: usize = Member::Id as usize + 1;

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
        b"uri" => Member::Uri,
        // One direction of a flow, in the same words but for the counters.
        b"flow" | b"netflow" => Member::Flow,
        // The ends and their ports, where somebody between Zeek and us made one object of them.
        b"id" => Member::Id,
        _ => return None,
    })
}

/// Whether Zeek gives a member of this name the type `addr`; JSON does not say so itself.
#[inline]
fn holds_address(name: &[u8]) -> bool {
    // Most names are none of these by their last letter.
    let may = matches!(name.last(), Some(b'c' | b't' | b'r' | b's' | b'h'));
    may && ends_like_address(name)
}

fn ends_like_address(name: &[u8]) -> bool {
    matches!(name, b"src" | b"dst" | b"bound.host" | b"request.host")
        || name.ends_with(b"_addr")
        || name.ends_with(b"_hosts")
        || name.ends_with(b".orig_h")
        || name.ends_with(b".resp_h")
}

/// What a value inside a record is, and what is looked for in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Inner {
    /// EVE's `dns`, at any depth.
    Dns,
    /// Its `grouped`: lists of answers.
    Grouped,
    /// A name asked for or answered.
    DnsName,
    /// EVE's `tls` or `quic`.
    Tls,
    TlsName,
    Certificate,
    /// `ja3` or `ja3s`, and which.
    Hashed(u8),
    Fingerprint(u8),
    /// EVE's `http`.
    Http,
    HttpHost,
    HttpPath,
    /// EVE's `fileinfo`.
    FileInfo,
    File,
    /// EVE's `smtp`.
    Smtp,
    Email,
}

impl Inner {
    /// What a member of the record that decides nothing is.
    fn of_record(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"dns" => Self::Dns,
            b"tls" | b"quic" => Self::Tls,
            b"http" => Self::Http,
            b"fileinfo" => Self::FileInfo,
            b"smtp" => Self::Smtp,
            b"md5" | b"sha1" | b"sha256" => Self::File,
            b"cert_chain_fps" | b"client_cert_chain_fps" | b"fingerprint" => Self::Certificate,
            b"ja3" => Self::Fingerprint(b'3'),
            b"ja3s" => Self::Fingerprint(b's'),
            b"ja4" => Self::Fingerprint(b'4'),
            b"mailfrom" | b"rcptto" => Self::Email,
            _ => return None,
        })
    }

    /// What a member of such a value is.
    fn of_member(self, name: &[u8]) -> Option<Self> {
        match (self, name) {
            (Self::Grouped, _) => Some(Self::Grouped),
            (Self::Dns | Self::DnsName, b"rrname" | b"rdata") => Some(Self::DnsName),
            (Self::Dns | Self::DnsName, b"grouped") => Some(Self::Grouped),
            (Self::Dns | Self::DnsName, _) => Some(Self::Dns),
            (Self::Tls, b"sni") => Some(Self::TlsName),
            (Self::Tls, b"fingerprint" | b"fingerprint_sha256") => Some(Self::Certificate),
            (Self::Tls, b"ja3") => Some(Self::Hashed(b'3')),
            (Self::Tls, b"ja3s") => Some(Self::Hashed(b's')),
            (Self::Tls, b"ja4") => Some(Self::Fingerprint(b'4')),
            (Self::Hashed(which), b"hash") => Some(Self::Fingerprint(which)),
            (Self::Http, b"hostname") => Some(Self::HttpHost),
            (Self::Http, b"url") => Some(Self::HttpPath),
            (Self::FileInfo, b"md5" | b"sha1" | b"sha256") => Some(Self::File),
            (Self::Smtp, b"mail_from" | b"rcpt_to") => Some(Self::Email),
            _ => None,
        }
    }

    /// What an element of such a list is.
    const fn of_element(self) -> Option<Self> {
        match self {
            Self::DnsName => Some(Self::Dns),
            Self::Dns | Self::Grouped | Self::Certificate | Self::Email => Some(self),
            _ => None,
        }
    }

    /// Whether a string that is this is looked at.
    const fn is_value(self) -> bool {
        !matches!(
            self,
            Self::Dns | Self::Tls | Self::Hashed(_) | Self::Http | Self::FileInfo | Self::Smtp
        )
    }
}

/// Where a value stands in the block: its first byte and the one behind it. Nothing begins at the very end, so both
/// zero is none.
type Span = (u32, u32);

/// Where in a block strings may end, and whether it is UTF-8.
#[derive(Debug, Default)]
pub(crate) struct Special {
    words: Vec<u64>,
    is_utf8: bool,
}

impl Special {
    /// Goes through a block.
    ///
    /// INVARIANT: the block is shorter than 4 GiB.
    pub(crate) fn index(&mut self, block: &[u8]) {
        self.words.clear();
        let (chunks, rest) = block.as_chunks::<{ bits::BLOCK_BYTES }>();
        let last = bits::padded(rest);
        let mut high = 0;
        self.words.extend(chunks.iter().chain([&last]).map(|chunk| {
            let (words, _) = chunk.as_chunks::<8>();
            high |= words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
            bits::ends_plain_text(chunk)
        }));
        // Behind each word there is another one.
        self.words.push(0);
        self.is_utf8 = high & 0x8080_8080_8080_8080 == 0 || std::str::from_utf8(block).is_ok();
    }
}

/// Where the values of a record stand that are looked at. Taken for record after record without being wiped.
#[derive(Debug)]
pub(crate) struct Found {
    /// A bit for each member there is.
    present: u32,
    members: [Span; MEMBERS],
    addresses: [Span; ADDRESS_MEMBERS_MAX],
    address_count: usize,
    inner: [(Inner, Span); INNER_VALUES],
    inner_count: usize,
    /// What `inner` has no room for.
    more: Vec<(Inner, Span)>,
    second: Cell<Second>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            present: 0,
            members: [(0, 0); MEMBERS],
            addresses: [(0, 0); ADDRESS_MEMBERS_MAX],
            address_count: 0,
            inner: [(Inner::Dns, (0, 0)); INNER_VALUES],
            inner_count: 0,
            more: Vec::new(),
            second: Cell::new(([0; 20], 0)),
        }
    }
}

/// One record.
pub(crate) struct JsonRecord<'a> {
    scan: Scan<'a>,
    found: Room<'a>,
}

enum Room<'a> {
    Lent(&'a Found),
    Own(Box<Found>),
}

impl Found {
    fn clear(&mut self) {
        (self.present, self.address_count, self.inner_count) = (0, 0, 0);
        self.more.clear();
    }

    /// Checks the line from `begin` to `end` of a block and notes where the wanted values stand.
    fn parse(&mut self, mut scan: Scan<'_>) -> Result<(), Reason> {
        self.clear();
        scan.blank();
        scan.members(0, |scan, name| self.note(scan, name))?;
        scan.blank();
        if scan.at == scan.text.len() { Ok(()) } else { Err(Reason::BadJson) }
    }

    /// Takes in one member of the record.
    #[inline]
    fn note(&mut self, scan: &mut Scan<'_>, name: &[u8]) -> Result<(), Reason> {
        if let Some(member) = member_of(name) {
            let is_null = scan.byte() == b'n';
            let place = scan.spanned(0)?;
            return if is_null { Ok(()) } else { self.member(member, place) };
        }
        if let Some(inner) = Inner::of_record(name) {
            return self.inner(scan, inner, 0);
        }
        let place = scan.spanned(0)?;
        if holds_address(name) { self.address(place) } else { Ok(()) }
    }

    #[inline]
    fn member(&mut self, member: Member, place: Span) -> Result<(), Reason> {
        let bit = 1 << member as u32;
        if self.present & bit != 0 {
            return Err(Reason::DuplicateMember);
        }
        self.present |= bit;
        if let Some(slot) = self.members.get_mut(member as usize) {
            *slot = place;
        }
        Ok(())
    }

    fn address(&mut self, place: Span) -> Result<(), Reason> {
        let slot = self.addresses.get_mut(self.address_count);
        *slot.ok_or(Reason::TooManyAddresses)? = place;
        self.address_count += 1;
        Ok(())
    }

    /// Passes over a value and notes the strings in it that are looked at.
    fn inner(&mut self, scan: &mut Scan<'_>, inner: Inner, depth: u32) -> Result<(), Reason> {
        match scan.byte() {
            b'"' if inner.is_value() => {
                let begin = scan.at + 1;
                let end = scan.string().ok_or(Reason::BadJson)?;
                self.push(inner, span(begin, end));
                Ok(())
            }
            b'{' => scan.members(depth + 1, |scan, name| match inner.of_member(name) {
                Some(inner) => self.inner(scan, inner, depth + 1),
                None => scan.value(depth + 1),
            }),
            b'[' if inner.of_element().is_some() => {
                let element = inner.of_element().unwrap_or(inner);
                scan.elements(depth + 1, |scan| self.inner(scan, element, depth + 1))
            }
            _ => scan.value(depth),
        }
    }

    #[inline]
    fn push(&mut self, inner: Inner, span: Span) {
        match self.inner.get_mut(self.inner_count) {
            Some(slot) => {
                *slot = (inner, span);
                self.inner_count += 1;
            }
            None => self.more.push((inner, span)),
        }
    }

    #[inline]
    fn span(&self, member: Member) -> Option<Span> {
        let is_there = self.present & 1 << member as u32 != 0;
        self.members.get(member as usize).copied().filter(|_| is_there)
    }

    fn inner_values(&self) -> impl Iterator<Item = (Inner, Span)> {
        self.inner.iter().take(self.inner_count).chain(&self.more).copied()
    }
}

impl<'a> JsonRecord<'a> {
    /// Checks the line from `begin` to `end` of a block and notes where the wanted values stand.
    pub(crate) fn parse(
        block: &'a [u8],
        begin: usize,
        end: usize,
        special: &'a Special,
    ) -> Result<Self, Reason> {
        let scan = Scan::new(block, begin, end, special)?;
        let mut found = Box::<Found>::default();
        found.parse(scan)?;
        Ok(Self { scan, found: Room::Own(found) })
    }

    #[inline]
    fn found(&self) -> &Found {
        match &self.found {
            Room::Lent(found) => found,
            Room::Own(found) => found,
        }
    }

    /// A value as it stands in the line.
    #[inline]
    fn raw(&self, member: Member) -> Option<&'a [u8]> {
        self.span(member).map(|span| self.scan.slice(span))
    }

    #[inline]
    fn span(&self, member: Member) -> Option<Span> {
        self.found().span(member)
    }

    /// What stands for an end or its port: a member of the record, or one of its `id`.
    #[inline]
    fn of_end(&self, member: Member, in_id: &[u8]) -> Result<Option<&'a [u8]>, Reason> {
        match (self.raw(member), self.span(Member::Id)) {
            (None, Some((begin, _))) => self.in_id(begin, in_id),
            (raw, _) => Ok(raw),
        }
    }

    fn in_id(&self, begin: u32, wanted: &[u8]) -> Result<Option<&'a [u8]>, Reason> {
        let (mut scan, mut found) = (self.scan, None);
        scan.at = begin as usize;
        if scan.byte() != b'{' {
            return Ok(None);
        }
        scan.members(0, |scan, name| {
            let is_wanted = name == wanted && scan.byte() != b'n';
            let place = scan.spanned(0)?;
            if is_wanted && found.replace(scan.slice(place)).is_some() {
                return Err(Reason::DuplicateMember);
            }
            Ok(())
        })?;
        Ok(found)
    }

    #[inline]
    fn address(&self, member: Member, in_id: &[u8]) -> Result<Option<IpAddr>, Reason> {
        let Some(raw) = self.of_end(member, in_id)? else { return Ok(None) };
        let address = string_of(raw).and_then(parse_address);
        address.map(Some).ok_or(Reason::BadAddress)
    }

    /// Hands over the strings of the members that hold addresses.
    fn other_addresses(&self, mut take: impl FnMut(IpAddr)) {
        let found = self.found();
        for span in found.addresses.iter().take(found.address_count) {
            self.addresses_of(*span, &mut take);
        }
    }

    fn addresses_of(&self, place: Span, mut take: impl FnMut(IpAddr)) {
        self.strings(place, |text| {
            parse_address(self.scan.slice(text)).into_iter().for_each(&mut take);
        });
    }

    /// Hands over where the string stands, or the strings of the list, without the quotes.
    fn strings(&self, place: Span, mut take: impl FnMut(Span)) {
        let mut scan = self.scan;
        scan.at = place.0 as usize;
        match scan.byte() {
            b'"' => take((place.0 + 1, place.1 - 1)),
            b'[' => {
                // The list has been gone through before and is well-formed.
                let read = scan.elements(0, |scan| {
                    let is_string = scan.byte() == b'"';
                    let (begin, end) = scan.spanned(0)?;
                    if is_string {
                        take((begin + 1, end - 1));
                    }
                    Ok(())
                });
                debug_assert!(read.is_ok());
            }
            _ => {}
        }
    }

    /// Hands over the text of a string, with its escapes resolved.
    #[inline]
    fn plain(&self, text: Span, take: impl FnOnce(&[u8])) {
        let raw = self.scan.slice(text);
        // Nothing but an escape stands before the end of a string that was checked.
        let special = self.scan.near_special(text.0 as usize);
        if special == Some(text.1 as usize) || memchr::memchr(b'\\', raw).is_none() {
            return take(raw);
        }
        let quoted = [b"\"", raw, b"\""].concat();
        if let Ok(plain) = serde_json::from_slice::<String>(&quoted) {
            take(plain.as_bytes());
        }
    }

    /// Where the text of the string of a member stands.
    fn text(&self, member: Member) -> Option<Span> {
        let (begin, end) = self.span(member)?;
        string_of(self.scan.slice((begin, end))).map(|_| (begin + 1, end - 1))
    }

    fn time(&self) -> Result<i64, Reason> {
        let raw = self.raw(Member::Time).ok_or(Reason::BadTime)?;
        let time = match string_of(raw) {
            Some(text) => time_us(text, &self.found().second),
            None => parse_seconds_us(raw),
        };
        time.ok_or(Reason::BadTime)
    }

    fn counts(&self, one: Member, other: Member) -> Result<Option<u64>, Reason> {
        let count =
            |member| self.raw(member).map(|raw| count_of(raw).ok_or(Reason::BadNumber)).transpose();
        Ok(sum(count(one)?, count(other)?))
    }

    fn port(&self, member: Member, in_id: &[u8]) -> Option<u16> {
        let raw = self.of_end(member, in_id).ok().flatten()?;
        parse_port(string_of(raw).unwrap_or(raw))
    }

    /// The host an HTTP client asked for, and the path, wherever they stand.
    fn look_at_url(&self, host: Option<Span>, path: Option<Span>, look: &mut Look<'_>) {
        let path = self.text(Member::Uri).or(path);
        let host = || self.text(Member::Host).or(host);
        if let Some((path, host)) = path.and_then(|path| Some((path, host()?))) {
            self.plain(host, |host| self.plain(path, |path| look.url(host, path)));
        }
    }
}

impl View for JsonRecord<'_> {
    #[inline]
    fn ends(&mut self) -> Result<Option<Ends>, Reason> {
        let mut src = self.address(Member::Src, b"orig_h")?;
        let mut dst = self.address(Member::Dst, b"resp_h")?;
        if src.is_none() && dst.is_none() {
            let mut take = |address| {
                if src.is_none() {
                    src = Some(address);
                } else if dst.is_none() && src != Some(address) {
                    dst = Some(address);
                }
            };
            self.other_addresses(&mut take);
            // `host` holds an address in some logs.
            if let Some(span) = self.span(Member::Host) {
                self.addresses_of(span, &mut take);
            }
        }
        if src.is_none() && dst.is_none() {
            return Ok(None);
        }
        Ok(Some(Ends { ts_us: self.time()?, src, dst }))
    }

    #[inline]
    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        self.other_addresses(|address| look.address(address));
        if let Some(span) = self.span(Member::Host) {
            self.strings(span, |text| self.plain(text, |text| look.http_host(text)));
        }
        if let Some(span) = self.span(Member::ServerName) {
            self.strings(span, |text| self.plain(text, |text| look.tls_name(text)));
        }
        for member in [Member::Query, Member::Answers] {
            if let Some(span) = self.span(member) {
                self.strings(span, |text| self.plain(text, |text| look.dns_name(text)));
            }
        }
        let (mut host, mut path) = (None, None);
        let mut before: (Option<Inner>, &[u8]) = (None, &[]);
        for (inner, span) in self.found().inner_values() {
            // A name stands in each answer, and an address again in what is grouped.
            let value = (Some(inner), self.scan.slice(span));
            if value == std::mem::replace(&mut before, value) {
                continue;
            }
            match inner {
                Inner::HttpHost => host = host.or(Some(span)),
                Inner::HttpPath => path = path.or(Some(span)),
                _ => {}
            }
            self.plain(span, |text| match inner {
                Inner::DnsName | Inner::Grouped => look.dns_name(text),
                Inner::TlsName => look.tls_name(text),
                Inner::HttpHost => look.http_host(text),
                Inner::Certificate => look.certificate(text),
                Inner::Fingerprint(which) => look.fingerprint(which, text),
                Inner::File => look.file(text),
                Inner::Email => look.email(text),
                Inner::HttpPath
                | Inner::Dns
                | Inner::Tls
                | Inner::Hashed(_)
                | Inner::Http
                | Inner::FileInfo
                | Inner::Smtp => {}
            });
        }
        if look.switches.url_paths {
            self.look_at_url(host, path, look);
        }
        Ok(())
    }

    fn detail(&self) -> Result<Detail, Reason> {
        let proto = self.raw(Member::Proto).and_then(string_of);
        let proto = proto.and_then(|text| std::str::from_utf8(text).ok());
        let proto = proto.and_then(Protocol::from_name);
        // What cannot be read of these is absent; the record is not lost for it.
        let counts = |one, other| self.counts(one, other).unwrap_or_default();
        let wire_bytes = counts(Member::OrigWireBytes, Member::RespWireBytes);
        let bytes = wire_bytes.or_else(|| counts(Member::OrigBytes, Member::RespBytes));
        let duration = self.raw(Member::Duration);
        let duration_us = duration.and_then(|raw| parse_seconds_us(string_of(raw).unwrap_or(raw)));
        let ts_us = self.time()?;
        let mut detail = Detail {
            src_port: self.port(Member::SrcPort, b"orig_p"),
            dst_port: self.port(Member::DstPort, b"resp_p"),
            proto,
            bytes,
            packets: counts(Member::OrigPackets, Member::RespPackets),
            flow_start_us: duration_us.map(|_| ts_us),
            flow_end_us: duration_us.map(|duration_us| ts_us.saturating_add(duration_us)),
        };
        if let Some((begin, _)) = self.span(Member::Flow) {
            let mut scan = self.scan;
            scan.at = begin as usize;
            if scan.byte() == b'{' {
                flow(&mut scan, &mut detail)?;
            }
        }
        if proto.is_some_and(Protocol::has_no_ports) {
            (detail.src_port, detail.dst_port) = (None, None);
        }
        Ok(detail)
    }
}

/// The member `flow` or `netflow` of EVE.
fn flow(scan: &mut Scan<'_>, detail: &mut Detail) -> Result<(), Reason> {
    // What stands there but cannot be read leaves the sum unknown.
    let (mut counters, mut unread) = ([None; 4], [false; 2]);
    scan.members(0, |scan, name| {
        let place = scan.spanned(0)?;
        let value = scan.slice(place);
        let at = match name {
            b"bytes_toserver" | b"bytes" => 0,
            b"bytes_toclient" => 1,
            b"pkts_toserver" | b"pkts" => 2,
            b"pkts_toclient" => 3,
            b"start" | b"end" => {
                let time = string_of(value).and_then(parse_time_us);
                let is_start = name == b"start";
                *(if is_start { &mut detail.flow_start_us } else { &mut detail.flow_end_us }) =
                    time;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let count = count_of(value);
        counters.iter_mut().skip(at).take(1).for_each(|slot| *slot = count);
        unread.iter_mut().skip(at / 2).take(1).for_each(|slot| *slot |= count.is_none());
        Ok(())
    })?;
    let [to_server, to_client, packets_to_server, packets_to_client] = counters;
    let [bytes_unread, packets_unread] = unread;
    let bytes = sum(to_server, to_client).filter(|_| !bytes_unread);
    let packets = sum(packets_to_server, packets_to_client).filter(|_| !packets_unread);
    (detail.bytes, detail.packets) = (bytes.or(detail.bytes), packets.or(detail.packets));
    Ok(())
}

/// A counter, perhaps written as a text.
fn count_of(raw: &[u8]) -> Option<u64> {
    parse_count(string_of(raw).unwrap_or(raw))
}

/// The second of the record before, up to the point, and when it began: nearly all times differ from the one before
/// in the fraction only.
type Second = ([u8; 20], i64);

/// What [`parse_time_us`] says.
#[inline]
fn time_us(text: &[u8], second: &Cell<Second>) -> Option<i64> {
    let Some((digits, fraction)) = utc_parts(text) else { return parse_time_us(text) };
    let (known, begin) = second.get();
    if known == *digits {
        return Some(begin + fraction);
    }
    let us = parse_time_us(text)?;
    second.set((*digits, us - fraction));
    Some(us)
}

/// The second and the microseconds of a time as EVE writes it in UTC, `2026-01-01T00:00:01.000000+0000`.
#[inline]
fn utc_parts(text: &[u8]) -> Option<(&[u8; 20], i64)> {
    let (second, rest) = text.split_first_chunk::<20>()?;
    let (fraction, zone) = rest.split_first_chunk::<8>()?;
    // Six digits and the first two bytes of the zone, which are taken for zeroes.
    let word = u64::from_le_bytes(*fraction);
    let is_plain = bits::leading_digits(word) == 6 && second.last() == Some(&b'.');
    let is_utc = fraction.ends_with(b"+0") && zone == b"000";
    let hundredths = bits::eight_digits(word & 0xffff_ffff_ffff | 0x3030 << 48);
    (is_plain && is_utc).then_some((second, hundredths.cast_signed() / 100))
}

/// What stands between the quotes; `None` if the value is no string.
fn string_of(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A strict reader of JSON that keeps nothing.
#[derive(Debug, Clone, Copy)]
struct Scan<'a> {
    /// The block up to the end of the line.
    text: &'a [u8],
    at: usize,
    /// [`Special::words`] of the block.
    special: &'a [u64],
}

impl<'a> Scan<'a> {
    /// The line from `begin` to `end` of a block.
    #[inline]
    fn new(
        block: &'a [u8],
        begin: usize,
        end: usize,
        special: &'a Special,
    ) -> Result<Self, Reason> {
        let text = block.get(..end).unwrap_or_default();
        let line = || text.get(begin..).unwrap_or_default();
        if !special.is_utf8 && std::str::from_utf8(line()).is_err() {
            return Err(Reason::BadUtf8);
        }
        Ok(Self { text, at: begin, special: &special.words })
    }

    /// The byte at hand; zero behind the end, which JSON nowhere allows.
    #[inline]
    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn slice(&self, (begin, end): Span) -> &'a [u8] {
        self.text.get(begin as usize..end as usize).unwrap_or_default()
    }

    #[inline]
    fn blank(&mut self) {
        if self.byte() <= b' ' {
            self.long_blank();
        }
    }

    fn long_blank(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> bool {
        let is_there = self.byte() == wanted;
        self.at += usize::from(is_there);
        is_there
    }

    #[inline]
    fn require(&mut self, wanted: u8) -> Result<(), Reason> {
        if self.take(wanted) { Ok(()) } else { Err(Reason::BadJson) }
    }

    /// Passes over a value and says where it stands, quotes included.
    #[inline]
    fn spanned(&mut self, depth: u32) -> Result<Span, Reason> {
        let begin = self.at;
        self.value(depth)?;
        Ok(span(begin, self.at))
    }

    /// Passes over a value.
    #[inline]
    fn value(&mut self, depth: u32) -> Result<(), Reason> {
        match self.byte() {
            b'"' => self.string().map(drop).ok_or(Reason::BadJson),
            b'{' => self.members(depth + 1, |scan, _| scan.value(depth + 1)),
            b'[' => self.elements(depth + 1, |scan| scan.value(depth + 1)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Reason> {
        let is_there = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        self.at += word.len();
        if is_there { Ok(()) } else { Err(Reason::BadJson) }
    }

    /// Goes through an object; `take` passes over each value. What sensors write has no blanks between its parts, so
    /// two bytes at a time say how it goes on; anything else takes the long way.
    #[inline]
    fn members(
        &mut self,
        depth: u32,
        mut take: impl FnMut(&mut Self, &'a [u8]) -> Result<(), Reason>,
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
            let begin = self.at + 1;
            let end = self.string().ok_or(Reason::BadJson)?;
            let name = self.text.get(begin..end).unwrap_or_default();
            match self.text.get(self.at..) {
                Some([b':', after, ..]) if *after > b' ' => self.at += 1,
                _ => self.long_colon()?,
            }
            take(self, name)?;
            match self.text.get(self.at..) {
                Some([b',', b'"', ..]) => self.at += 1,
                Some([b'}', ..]) => {
                    self.at += 1;
                    return Ok(());
                }
                _ => {
                    if self.long_comma(b'}')? {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn long_colon(&mut self) -> Result<(), Reason> {
        self.blank();
        self.require(b':')?;
        self.blank();
        Ok(())
    }

    /// Passes over a comma and blanks around it; `true` where the end stands there instead.
    fn long_comma(&mut self, end: u8) -> Result<bool, Reason> {
        self.blank();
        if self.take(end) {
            return Ok(true);
        }
        self.require(b',')?;
        self.blank();
        Ok(false)
    }

    /// Goes through an array; `take` passes over each value.
    #[inline]
    fn elements(
        &mut self,
        depth: u32,
        mut take: impl FnMut(&mut Self) -> Result<(), Reason>,
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
            take(self)?;
            if self.long_comma(b']')? {
                return Ok(());
            }
        }
    }

    /// Passes over a string and says where its closing quote stands. Nothing but a number is handed back, so that it
    /// stays in a register.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "some fifty times a record")]
    fn string(&mut self) -> Option<usize> {
        if self.byte() != b'"' {
            return None;
        }
        let end = self.text_end(self.at + 1)?;
        self.at = end + 1;
        Some(end)
    }

    /// Where the string that began before ends.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "some fifty times a record")]
    fn text_end(self, from: usize) -> Option<usize> {
        if let Some(at) = self.near_special(from)
            && self.text.get(at) == Some(&b'"')
        {
            return Some(at);
        }
        far_text_end(self.text, self.special, from)
    }

    /// Where the next byte of [`Special`] stands if it is one of the next 64. Two words make one that begins there, or
    /// whether it stands within the first would have to be guessed, and often wrong.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "some fifty times a record")]
    fn near_special(self, from: usize) -> Option<usize> {
        let (word, shift) = (from / 64, from % 64);
        let (low, high) = (self.special.get(word)?, self.special.get(word + 1)?);
        let bits = low >> shift | high << 1 << (63 - shift);
        (bits != 0).then(|| from + bits.trailing_zeros() as usize)
    }

    fn long_string(&mut self, mut from: usize) -> Option<usize> {
        loop {
            let at = self.next_special(from)?;
            match self.text.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Some(at);
                }
                Some(b'\\') => from = at + self.escape(at)?,
                // RFC 8259 §7: control characters are escaped.
                _ => return None,
            }
        }
    }

    fn next_special(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = *self.special.get(word)? >> (from % 64) << (from % 64);
        while bits == 0 {
            word += 1;
            bits = *self.special.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// How long the escape is that begins there.
    fn escape(&self, at: usize) -> Option<usize> {
        match self.text.get(at + 1..)? {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
            [b'u', a, b, c, d, ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => {
                Some(6)
            }
            _ => None,
        }
    }

    /// RFC 8259 §6.
    #[inline]
    fn number(&mut self) -> Result<(), Reason> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Reason> {
        let begin = self.at;
        while let Some(eight) = self.text.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let count = bits::leading_digits(u64::from_le_bytes(*eight));
            self.at += count;
            if count < 8 {
                return if self.at > begin { Ok(()) } else { Err(Reason::BadJson) };
            }
        }
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > begin { Ok(()) } else { Err(Reason::BadJson) }
    }
}

/// Where a string ends that has escapes or is long. What is handed over stays in registers.
#[inline(never)]
fn far_text_end(text: &[u8], special: &[u64], from: usize) -> Option<usize> {
    Scan { text, at: from, special }.long_string(from)
}

/// INVARIANT: a block is shorter than 4 GiB.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a block is shorter than that")]
const fn span(begin: usize, end: usize) -> Span {
    (begin as u32, end as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::SelectorIndex;
    use crate::mode::Mode;
    use crate::selector::parse_list;
    use crate::switches::Switches;
    use crate::view::Goal;

    /// Asks something of the record of a line, behind another one.
    fn with<T>(line: &[u8], ask: impl FnOnce(Result<JsonRecord<'_>, Reason>) -> T) -> T {
        let block = [b"{\"before\":1}\n", line, b"\n"].concat();
        let begin = block.len() - line.len() - 1;
        let mut special = Special::default();
        special.index(&block);
        ask(JsonRecord::parse(&block, begin, begin + line.len(), &special))
    }

    fn refusal(line: &[u8]) -> Option<Reason> {
        with(line, |record| record.err())
    }

    /// Which of the selectors are found in a record.
    fn check(record: &str, expected: &[&str]) {
        let list = b"203.0.113.5\nevil.example\nbad.example\nworse.example\n2001:db8::5\nurl:paths.example/a?b\n\
            \xe7\x8b\xbc\xe7\x85\x99.example\ncert:0102030405060708090a0b0c0d0e0f1011121314\n\
            ja3:d41d8cd98f00b204e9800998ecf8427e\nja4:t13d_a_b\nd41d8cd98f00b204e9800998ecf8427e";
        let index = SelectorIndex::build(parse_list(list).0).unwrap();
        let (mut found, mut scratch) = (Vec::new(), Vec::new());
        let switches = Switches { url_paths: true, ..Switches::of_mode(Mode::OwnNetwork) };
        with(record.as_bytes(), |parsed| {
            let lookup = index.lookup();
            let goal = Goal::Found(&mut found);
            let mut look =
                Look { lookup: &lookup, switches, email_key: None, goal, scratch: &mut scratch };
            parsed.unwrap().look(&mut look).unwrap();
        });
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
            r#"{"http":{"hostname":"Paths.example:8080","url":"/a?b"}}"#,
            &["url:paths.example/a?b"],
        );
        check(
            r#"{"host":"paths.example","uri":"http://paths.example/a?b#c"}"#,
            &["url:paths.example/a?b"],
        );
        check(r#"{"query":"x.狼煙.example"}"#, &["xn--ouxv8a.example"]);
        check(
            r#"{"tls":{"fingerprint":"01:02:03:04:05:06:07:08:09:0A:0b:0c:0d:0e:0f:10:11:12:13:14",
            "ja3":{"hash":"D41D8CD98F00B204E9800998ECF8427E","string":"x"},"ja4":"t13d_A_b"}}"#,
            &[
                "cert:0102030405060708090a0b0c0d0e0f1011121314",
                "ja3:d41d8cd98f00b204e9800998ecf8427e",
                "ja4:t13d_a_b",
            ],
        );
        check(
            r#"{"fileinfo":{"md5":"d41d8cd98f00b204e9800998ecf8427e"}}"#,
            &["d41d8cd98f00b204e9800998ecf8427e"],
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
        let detail = with(line.as_bytes(), |record| record.unwrap().detail().unwrap());
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
            assert_eq!(refusal(text.as_bytes()), Some(reason), "{text:.40}");
        }
        assert_eq!(refusal(b"{\"a\":\"\xff\"}"), Some(Reason::BadUtf8));
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
        fn a_second_that_is_remembered_changes_no_time(
            texts in proptest::collection::vec(
                "20(26-01-0[12]|24-02-(29|30))T0[12]:00:(0[12]|60)[.,][0-9]{5,7}([+]0000|[+]0900|[+]000|Z)", 1..30),
        ) {
            let second = Found::default().second;
            for text in texts {
                prop_assert_eq!(time_us(text.as_bytes(), &second), parse_time_us(text.as_bytes()), "{}", text);
            }
        }

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
            prop_assert_eq!(refusal(text.as_bytes()).is_none(), other.is_ok(), "{}", text);
        }
    }
}
