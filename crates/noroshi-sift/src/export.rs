//! Flows that routers and probes export: NetFlow 5 and 9 (RFC 3954) and IPFIX (RFC 7011).
//!
//! | what | where it is counted |
//! |---|---|
//! | a flow record | like any record |
//! | a record of options, or one without addresses | `content` |
//! | a set whose template has not come | `errors` once for the set, [`Reason::NoTemplate`]; how many records it holds cannot be known |
//! | a datagram or set that contradicts itself, a set of data without one whole record | `errors`, [`Reason::BadExport`]; what stood before it counts |
//! | what was lost on the way | nowhere, because it was never seen; [`ExportNotes`] states it |
//!
//! Counters are taken as exported: where the exporter samples, they are those of the sample.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use noroshi_evidence::mechanical::Protocol;

use crate::bytes::Bytes;
use crate::engine::{Engine, Read};
use crate::flow::FlowRecord;
use crate::problem::Reason;
use crate::sealed::Sealed;
use crate::view::{Detail, Ends, sum};

/// How many observation domains are known at a time. For a further one that which was silent longest is forgotten.
pub const DOMAINS_MAX: usize = 4_096;
/// How many templates one domain may have.
pub const TEMPLATES_MAX: usize = 1_024;
/// How many fields one template may have.
pub const FIELDS_MAX: usize = 512;
/// How many fields the templates of all domains may have together; each template counts [`TEMPLATE_COST`] more. When they
/// are more, the domains that were silent longest are forgotten: who sends can give any sender and any domain.
pub const FIELDS_SUM_MAX: usize = 1_000_000;
/// What a template takes beside its fields, counted in fields.
pub const TEMPLATE_COST: usize = 16;
/// The longest datagram.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;
/// How much of a file is held at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// The ports on which exports are received by custom or assignment.
pub(crate) const PORTS: [u16; 5] = [2055, 4739, 9555, 9995, 9996];

/// The enterprise whose elements are those of the other direction (RFC 5103 §6.1).
const REVERSE: u32 = 29_305;
/// Seconds from 1900, where NTP begins to count, to 1970.
const NTP_TO_UNIX: i64 = 2_208_988_800;
const US: i64 = 1_000_000;

/// What a collector saw beside records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportNotes {
    /// Datagrams taken in.
    pub datagrams: u64,
    /// Records that the sequence numbers say were sent and never came (NetFlow 5, IPFIX).
    pub lost_records: u64,
    /// Datagrams that the sequence numbers say were sent and never came (NetFlow 9).
    pub lost_datagrams: u64,
    /// How often a sequence went back: the exporter began anew, or datagrams came in another order.
    pub restarts: u64,
    /// Templates learnt, renewals not counted.
    pub templates: u64,
    /// Templates refused because a limit was reached.
    pub refused: u64,
    /// Domains forgotten because a limit was reached.
    pub forgotten: u64,
}

/// Who sends, in which numbering, about which domain.
///
/// INVARIANT: the port comes last, so that the ports of one address stand next to each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sender {
    /// None for what is read from a file.
    address: Option<IpAddr>,
    version: u16,
    domain: u32,
    /// Two exporters may stand behind one address: RFC 7011 §8 numbers templates for each transport session.
    port: u16,
}

impl Sender {
    fn new(exporter: Option<SocketAddr>, version: u16, domain: u32) -> Self {
        let address = exporter.map(|exporter| exporter.ip().to_canonical());
        Self { address, version, domain, port: exporter.map_or(0, |exporter| exporter.port()) }
    }
}

/// How many ports of one address are asked for a template that the port of a datagram does not have.
const PORTS_ASKED_MAX: usize = 8;

/// What is known of exporters from one datagram to the next: templates and sequence numbers, no record.
///
/// INVARIANT: bounded by [`DOMAINS_MAX`], [`TEMPLATES_MAX`], [`FIELDS_MAX`] and [`FIELDS_SUM_MAX`].
/// What is not changed is shared between copies, so that one can be taken at every interval.
#[derive(Clone, Default)]
pub struct Collector {
    domains: BTreeMap<Sender, Arc<Domain>>,
    /// The domains by when they were heard last.
    heard: BTreeMap<u64, Sender>,
    /// What all templates cost.
    cost: usize,
    notes: ExportNotes,
}

#[derive(Clone, Default)]
struct Domain {
    templates: BTreeMap<u16, Arc<Template>>,
    /// When it was heard last: the number of a datagram.
    heard: u64,
    /// The sequence number the next datagram should have; unknown where records could not be counted.
    next: Option<u32>,
}

#[derive(Clone, PartialEq, Eq)]
struct Template {
    fields: Vec<Field>,
    is_options: bool,
    /// The length of the shortest record.
    bytes_min: usize,
}

impl Template {
    fn cost(&self) -> usize {
        self.fields.len().saturating_add(TEMPLATE_COST)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Field {
    enterprise: u32,
    kind: u16,
    /// 65,535: the length stands in front of the value.
    length: u16,
}

/// What the header of a datagram says of time.
#[derive(Clone, Copy)]
struct Clock {
    /// When it was sent.
    export_us: i64,
    /// How long the exporter had been running then, in milliseconds.
    uptime_ms: Option<u32>,
}

impl Clock {
    /// The time of a reading of the exporter's running time, which begins anew every 49 days.
    fn at_uptime(self, ms: u32) -> Option<i64> {
        let ago_ms = self.uptime_ms?.wrapping_sub(ms);
        // A little ahead is a clock that was read twice; half the range ahead is none.
        let ago = i64::from(ago_ms.cast_signed());
        self.export_us.checked_sub(ago.checked_mul(1_000)?)
    }
}

/// How many data records a datagram held.
#[derive(Clone, Copy)]
enum Counted {
    Records(u32),
    /// A set whose template has not come cannot be counted.
    Unknown,
}

impl Counted {
    const fn and(self, more: u32) -> Self {
        match self {
            Self::Records(records) => Self::Records(records.wrapping_add(more)),
            Self::Unknown => Self::Unknown,
        }
    }
}

type Take<'t> = &'t mut dyn FnMut(Result<FlowRecord, Reason>);

impl Collector {
    /// What was seen so far.
    pub const fn notes(&self) -> ExportNotes {
        self.notes
    }

    /// Decodes one datagram.
    fn decode(&mut self, exporter: Option<SocketAddr>, datagram: &[u8], take: Take<'_>) {
        self.notes.datagrams = self.notes.datagrams.saturating_add(1);
        let mut bytes = Bytes(datagram);
        let done = match bytes.u16() {
            Some(5) => self.version_5(exporter, bytes, take),
            Some(9) => self.version_9(exporter, bytes, take),
            Some(10) => self.version_10(exporter, bytes, take),
            _ => None,
        };
        if done.is_none() {
            take(Err(Reason::BadExport));
        }
    }

    /// The domain of a sender, heard just now; for a further one that which was silent longest is forgotten.
    fn domain(&mut self, sender: Sender) -> &mut Domain {
        if !self.domains.contains_key(&sender) && self.domains.len() >= DOMAINS_MAX {
            self.forget_oldest();
        }
        let domain = Arc::make_mut(self.domains.entry(sender).or_default());
        self.heard.remove(&domain.heard);
        domain.heard = self.notes.datagrams;
        self.heard.insert(domain.heard, sender);
        domain
    }

    /// Forgets the domain that was silent longest.
    fn forget_oldest(&mut self) {
        let Some((_, sender)) = self.heard.pop_first() else { return };
        if let Some(domain) = self.domains.remove(&sender) {
            let cost: usize = domain.templates.values().map(|template| template.cost()).sum();
            self.cost = self.cost.saturating_sub(cost);
            self.notes.forgotten = self.notes.forgotten.saturating_add(1);
        }
    }

    /// Notes a sequence number and how far this datagram moves it on.
    fn sequence(&mut self, sender: Sender, sequence: u32, step: Option<u32>) {
        let domain = self.domain(sender);
        let before =
            std::mem::replace(&mut domain.next, step.map(|step| sequence.wrapping_add(step)));
        if let Some(next) = before {
            let ahead = sequence.wrapping_sub(next);
            let is_lost = ahead.cast_signed() > 0;
            let lost = if sender.version == 9 {
                &mut self.notes.lost_datagrams
            } else {
                &mut self.notes.lost_records
            };
            if is_lost {
                *lost = lost.saturating_add(u64::from(ahead));
            } else if ahead != 0 {
                self.notes.restarts = self.notes.restarts.saturating_add(1);
            }
        }
    }

    fn version_5(
        &mut self,
        exporter: Option<SocketAddr>,
        mut bytes: Bytes<'_>,
        take: Take<'_>,
    ) -> Option<()> {
        let count = bytes.u16()?;
        let clock = Clock { uptime_ms: bytes.u32(), export_us: seconds_us(bytes.u32()?) };
        bytes.u32()?;
        let sequence = bytes.u32()?;
        let engine = bytes.u16()?;
        bytes.u16()?;
        let sender = Sender::new(exporter, 5, u32::from(engine));
        self.sequence(sender, sequence, Some(u32::from(count)));
        for _ in 0..count {
            let record = flow_5(&mut bytes, clock)?;
            take(Ok(record));
        }
        bytes.0.is_empty().then_some(())
    }

    fn version_9(
        &mut self,
        exporter: Option<SocketAddr>,
        mut bytes: Bytes<'_>,
        take: Take<'_>,
    ) -> Option<()> {
        bytes.u16()?;
        let clock = Clock { uptime_ms: bytes.u32(), export_us: seconds_us(bytes.u32()?) };
        let (sequence, domain) = (bytes.u32()?, bytes.u32()?);
        let sender = Sender::new(exporter, 9, domain);
        self.sequence(sender, sequence, Some(1));
        self.sets(sender, clock, bytes, take).map(drop)
    }

    fn version_10(
        &mut self,
        exporter: Option<SocketAddr>,
        mut bytes: Bytes<'_>,
        take: Take<'_>,
    ) -> Option<()> {
        let length = usize::from(bytes.u16()?).checked_sub(4)?;
        bytes = Bytes(bytes.take(length)?);
        let clock = Clock { uptime_ms: None, export_us: seconds_us(bytes.u32()?) };
        let (sequence, domain) = (bytes.u32()?, bytes.u32()?);
        let sender = Sender::new(exporter, 10, domain);
        self.sequence(sender, sequence, None);
        let records = self.sets(sender, clock, bytes, take)?;
        // A set that could not be counted leaves it open what comes next.
        if let Some(domain) = self.domains.get_mut(&sender) {
            Arc::make_mut(domain).next = match records {
                Counted::Records(records) => Some(sequence.wrapping_add(records)),
                Counted::Unknown => None,
            };
        }
        Some(())
    }

    /// Decodes sets.
    fn sets(
        &mut self,
        sender: Sender,
        clock: Clock,
        mut bytes: Bytes<'_>,
        take: Take<'_>,
    ) -> Option<Counted> {
        let mut records = Counted::Records(0);
        while bytes.len() >= 4 {
            let (id, length) = (bytes.u16()?, usize::from(bytes.u16()?));
            let set = Bytes(bytes.take(length.checked_sub(4)?)?);
            match (sender.version, id) {
                (9, 0) | (10, 2) => self.learn(sender, set, false)?,
                (9, 1) | (10, 3) => self.learn(sender, set, true)?,
                (_, 256..) => {
                    let is_empty = set.0.is_empty();
                    let count = match self.template(sender, id) {
                        Some(template) => {
                            let count = data(&template, clock, set, take)?;
                            (count > 0 || is_empty).then_some(count).ok_or(Reason::BadExport)
                        }
                        None => Err(Reason::NoTemplate),
                    };
                    records = match count {
                        Ok(count) => records.and(count),
                        Err(reason) => {
                            take(Err(reason));
                            Counted::Unknown
                        }
                    };
                }
                // Reserved; nothing is known of it.
                _ => {}
            }
        }
        Some(records)
    }

    /// The template of a set. RFC 3954 §5.1 tells exporters of version 9 apart by address and source alone, so what came
    /// from another port holds too where the ports that have it agree; otherwise a record could be read by the template of
    /// another exporter.
    fn template(&self, sender: Sender, id: u16) -> Option<Arc<Template>> {
        let of = |domain: &Arc<Domain>| domain.templates.get(&id).map(Arc::clone);
        let own = self.domains.get(&sender).and_then(of);
        if own.is_some() || sender.version != 9 {
            return own;
        }
        let ports = Sender { port: 0, ..sender }..=Sender { port: u16::MAX, ..sender };
        let asked = self.domains.range(ports).take(PORTS_ASKED_MAX);
        let mut others = asked.filter_map(|(_, domain)| of(domain));
        let other = others.next()?;
        others.all(|another| another == other).then_some(other)
    }

    /// Takes in the templates of a set.
    fn learn(&mut self, sender: Sender, mut set: Bytes<'_>, is_options: bool) -> Option<()> {
        while set.len() >= 4 {
            let (id, count) = (set.u16()?, set.u16()?);
            if sender.version == 10 && count == 0 && id == if is_options { 3 } else { 2 } {
                // RFC 7011 §8.1: all of this kind are withdrawn.
                self.withdraw(sender, |_, template| template.is_options == is_options)?;
                continue;
            }
            if id < 256 {
                // Padding at the end of the set.
                return (id == 0).then_some(());
            }
            let template = if sender.version == 9 && is_options {
                // RFC 3954 §6.1: two lengths in bytes, of scopes and of options.
                let fields = usize::from(count).checked_add(usize::from(set.u16()?))? / 4;
                template(&mut set, fields, false, is_options)?
            } else {
                if sender.version == 10 && count == 0 {
                    self.withdraw(sender, |known, _| known == id)?;
                    continue;
                }
                if is_options {
                    set.u16()?;
                }
                template(&mut set, usize::from(count), sender.version == 10, is_options)?
            };
            self.keep(sender, id, template);
        }
        Some(())
    }

    /// Forgets those templates of a sender.
    fn withdraw(&mut self, sender: Sender, is_gone: impl Fn(u16, &Template) -> bool) -> Option<()> {
        let domain = Arc::make_mut(self.domains.get_mut(&sender)?);
        let mut cost = 0;
        domain.templates.retain(|id, template| {
            let is_gone = is_gone(*id, template);
            cost += if is_gone { template.cost() } else { 0 };
            !is_gone
        });
        self.cost = self.cost.saturating_sub(cost);
        Some(())
    }

    fn keep(&mut self, sender: Sender, id: u16, template: Template) {
        let Some(domain) = self.domains.get_mut(&sender) else {
            self.notes.refused = self.notes.refused.saturating_add(1);
            return;
        };
        let known = domain.templates.get(&id);
        if known.is_some_and(|known| **known == template) {
            return;
        }
        if known.is_none() && domain.templates.len() >= TEMPLATES_MAX {
            self.notes.refused = self.notes.refused.saturating_add(1);
            return;
        }
        let cost = template.cost();
        let before = Arc::make_mut(domain).templates.insert(id, Arc::new(template));
        self.cost = self.cost.saturating_add(cost);
        self.cost = self.cost.saturating_sub(before.map_or(0, |before| before.cost()));
        self.notes.templates = self.notes.templates.saturating_add(1);
        // This domain was heard last, and what one may have is less than all may have.
        while self.cost > FIELDS_SUM_MAX && self.domains.len() > 1 {
            self.forget_oldest();
        }
    }
}

fn template(
    set: &mut Bytes<'_>,
    count: usize,
    has_enterprises: bool,
    is_options: bool,
) -> Option<Template> {
    if count == 0 || count > FIELDS_MAX {
        return None;
    }
    let mut fields = Vec::with_capacity(count);
    let mut bytes_min = 0_usize;
    for _ in 0..count {
        let (mut kind, length) = (set.u16()?, set.u16()?);
        let mut enterprise = 0;
        if has_enterprises && kind & 0x8000 != 0 {
            kind &= 0x7fff;
            enterprise = set.u32()?;
        }
        // It holds nothing: a record of few bytes cannot be made one of many fields.
        if length == 0 {
            continue;
        }
        bytes_min += if length == u16::MAX { 1 } else { usize::from(length) };
        fields.push(Field { enterprise, kind, length });
    }
    // A record of no length would never end.
    (bytes_min > 0).then_some(Template { fields, is_options, bytes_min })
}

/// The records of a data set; what is shorter than the shortest record is padding.
fn data(template: &Template, clock: Clock, mut set: Bytes<'_>, take: Take<'_>) -> Option<u32> {
    let mut count = 0_u32;
    while set.len() >= template.bytes_min {
        let record = record(template, clock, &mut set)?;
        take(Ok(record));
        count = count.wrapping_add(1);
    }
    Some(count)
}

/// What is picked out of a record; each counter in the order of preference of its kinds.
#[derive(Default)]
struct Picked {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    detail: Detail,
    delta: [Option<u64>; 2],
    total: [Option<u64>; 2],
    /// Octets and packets of initiator and responder, or of the reverse direction.
    sides: [[Option<u64>; 2]; 2],
    observed_us: Option<i64>,
    other_addresses: Vec<IpAddr>,
}

fn record(template: &Template, clock: Clock, set: &mut Bytes<'_>) -> Option<FlowRecord> {
    let mut picked = Picked::default();
    for field in &template.fields {
        let length = if field.length == u16::MAX {
            // RFC 7011 §7.
            match set.u8()? {
                255 => usize::from(set.u16()?),
                short => usize::from(short),
            }
        } else {
            usize::from(field.length)
        };
        let value = set.take(length)?;
        match field.enterprise {
            0 => picked.note(field.kind, value, clock),
            REVERSE => picked.note_reverse(field.kind, value),
            _ => {}
        }
    }
    Some(if template.is_options { FlowRecord::without_address() } else { picked.flow(clock) })
}

impl Picked {
    /// An information element (IANA, IP Flow Information Export; NetFlow 9 uses the same numbers).
    fn note(&mut self, kind: u16, value: &[u8], clock: Clock) {
        let number = || number(value);
        let port = || number().and_then(|number| u16::try_from(number).ok());
        let detail = &mut self.detail;
        match kind {
            1 => self.delta[0] = number(),
            2 => self.delta[1] = number(),
            85 => self.total[0] = number(),
            86 => self.total[1] = number(),
            231 => self.sides[0][0] = number(),
            232 => self.sides[1][0] = number(),
            298 => self.sides[0][1] = number(),
            299 => self.sides[1][1] = number(),
            4 => {
                detail.proto = number().and_then(|number| u8::try_from(number).ok()).map(Protocol);
            }
            7 => detail.src_port = port(),
            11 => detail.dst_port = port(),
            8 | 27 => take_end(&mut self.src, address(value), &mut self.other_addresses),
            12 | 28 => take_end(&mut self.dst, address(value), &mut self.other_addresses),
            // What an address was translated to is an end of the same communication.
            225 | 226 | 281 | 282 => self.other_addresses.extend(address(value)),
            21 | 151 | 153 | 155 | 157 | 159 => {
                detail.flow_end_us = time(kind - 1, value, clock).or(detail.flow_end_us);
            }
            22 => detail.flow_start_us = time(20, value, clock).or(detail.flow_start_us),
            150 | 152 | 154 | 156 | 158 => {
                detail.flow_start_us = time(kind, value, clock).or(detail.flow_start_us);
            }
            322 => self.observed_us = time(150, value, clock),
            323 => self.observed_us = time(152, value, clock),
            324 | 325 => self.observed_us = time(154, value, clock),
            _ => {}
        }
    }

    fn note_reverse(&mut self, kind: u16, value: &[u8]) {
        match kind {
            1 | 85 => self.sides[1][0] = number(value),
            2 | 86 => self.sides[1][1] = number(value),
            _ => {}
        }
    }

    fn flow(self, clock: Clock) -> FlowRecord {
        let Self { src, dst, mut detail, delta, total, sides, observed_us, other_addresses } = self;
        if src.is_none() && dst.is_none() {
            return FlowRecord::without_address();
        }
        let [forth, back] = sides;
        let whole = |at: usize| {
            let pick = |counts: [Option<u64>; 2]| counts.get(at).copied().flatten();
            sum(pick(delta).or(pick(total)).or(pick(forth)), pick(back))
        };
        (detail.bytes, detail.packets) = (whole(0), whole(1));
        let ts_us = detail.flow_start_us.or(observed_us).unwrap_or(clock.export_us);
        let mut record = FlowRecord::new(Ends { ts_us, src, dst }, detail);
        record.addresses = other_addresses;
        record
    }
}

/// Takes in an address of an end. A template may have a field for each family: the one that was not used holds zeroes. Where
/// both were, the second is a further address of the communication.
fn take_end(end: &mut Option<IpAddr>, address: Option<IpAddr>, others: &mut Vec<IpAddr>) {
    let Some(address) = address else { return };
    match *end {
        Some(known) if !known.is_unspecified() => {
            others.extend(Some(address).filter(|it| !it.is_unspecified() && *it != known));
        }
        None => *end = Some(address),
        Some(_) if !address.is_unspecified() => *end = Some(address),
        Some(_) => {}
    }
}

/// An unsigned number of up to eight bytes (RFC 7011 §6.2: exporters may send fewer than the kind has).
fn number(value: &[u8]) -> Option<u64> {
    let fits = (1..=8).contains(&value.len());
    fits.then(|| value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn address(value: &[u8]) -> Option<IpAddr> {
    let mut bytes = Bytes(value);
    let address = match value.len() {
        4 => bytes.ipv4(),
        16 => bytes.ipv6(),
        _ => None,
    };
    address.map(|address| address.to_canonical())
}

fn seconds_us(seconds: u32) -> i64 {
    i64::from(seconds) * US
}

/// The time of an element, by the number of the one that says when the flow began.
fn time(kind: u16, value: &[u8], clock: Clock) -> Option<i64> {
    let number = number(value)?;
    let signed = i64::try_from(number).ok();
    match kind {
        20 => clock.at_uptime(u32::try_from(number).ok()?),
        150 => signed?.checked_mul(US),
        152 => signed?.checked_mul(1_000),
        // RFC 7011 §6.1.9: NTP's form, seconds and a binary fraction.
        154 | 156 if value.len() == 8 => {
            let seconds = i64::try_from(number >> 32).ok()?;
            let fraction = i64::try_from(((number & 0xffff_ffff) * 1_000_000) >> 32).ok()?;
            (seconds - NTP_TO_UNIX).checked_mul(US)?.checked_add(fraction)
        }
        158 => clock.export_us.checked_sub(signed?),
        _ => None,
    }
}

/// A record of version 5.
fn flow_5(bytes: &mut Bytes<'_>, clock: Clock) -> Option<FlowRecord> {
    let mut record = Bytes(bytes.take(48)?);
    let (src, dst) = (record.ipv4(), record.ipv4());
    record.take(8)?;
    let (packets, octets) = (record.u32()?, record.u32()?);
    let (first, last) = (record.u32()?, record.u32()?);
    let (src_port, dst_port) = (record.u16(), record.u16());
    record.take(2)?;
    let proto = record.u8().map(Protocol);
    let (start, end) = (clock.at_uptime(first), clock.at_uptime(last));
    let detail = Detail {
        src_port,
        dst_port,
        proto,
        bytes: Some(u64::from(octets)),
        packets: Some(u64::from(packets)),
        flow_start_us: start,
        flow_end_us: end,
    };
    let ts_us = start.unwrap_or(clock.export_us);
    Some(FlowRecord::new(Ends { ts_us, src, dst }, detail))
}

/// Whether bytes begin like an export.
pub(crate) fn is_export(begin: &[u8]) -> bool {
    let mut bytes = Bytes(begin);
    match (bytes.u16(), bytes.u16()) {
        (Some(5), Some(count)) => (1..=30).contains(&count),
        (Some(9), Some(count)) => (1..=1_000).contains(&count),
        (Some(10), Some(length)) => length >= 16,
        _ => false,
    }
}

/// The length of the datagram at the beginning of a stream of them; `None` where it makes no sense.
fn length_of(stream: &[u8]) -> Option<usize> {
    let mut bytes = Bytes(stream);
    match (bytes.u16()?, bytes.u16()?) {
        (5, count) => Some(24 + 48 * usize::from(count)),
        (10, length) => Some(usize::from(length)).filter(|length| *length >= 16),
        (9, _) => {
            // The header counts records, not bytes; but no set has the number of a version.
            let mut length = 20;
            loop {
                let mut set = Bytes(stream.get(length..).unwrap_or_default());
                match (set.u16(), set.u16()) {
                    (Some(0 | 1 | 256..), Some(bytes)) if bytes >= 4 => {
                        length += usize::from(bytes);
                    }
                    (Some(5 | 9 | 10) | None, _) => return Some(length),
                    _ => return None,
                }
            }
        }
        _ => None,
    }
}

impl<W: Write + Send> Engine<W> {
    /// Takes in one datagram of an exporter. `number` counts them within the source.
    pub fn datagram(
        &mut self,
        collector: &mut Collector,
        source: &str,
        exporter: Option<SocketAddr>,
        number: u64,
        datagram: &Sealed<'_>,
    ) -> Result<(), Read> {
        self.add_bytes(datagram.open().len() as u64);
        self.datagram_at(collector, source, exporter, (0, number), datagram.open())
    }

    pub(crate) fn datagram_at(
        &mut self,
        collector: &mut Collector,
        source: &str,
        exporter: Option<SocketAddr>,
        (offset, number): (u64, u64),
        datagram: &[u8],
    ) -> Result<(), Read> {
        let mut done = Ok(());
        collector.decode(exporter, datagram, &mut |record| {
            if done.is_ok() {
                done = self.take(source, offset, number, record);
            }
        });
        done
    }

    /// Looks through datagrams that stand behind each other without anything between them.
    pub(crate) fn read_exports(
        &mut self,
        source: &str,
        mut input: impl io::Read,
        collector: &mut Collector,
    ) -> Result<(), Read> {
        let mut buffer: Vec<u8> = Vec::new();
        let (mut at, mut offset, mut number, mut is_open) = (0, 0_u64, 0_u64, true);
        // Where the input fails, what was read of it before is looked through first.
        let mut ended = Ok(());
        loop {
            // The longest datagram has to lie in the buffer before anything is said of its length.
            if is_open && buffer.len() - at <= DATAGRAM_BYTES_MAX {
                buffer.drain(..at);
                at = 0;
                let wanted = (BUFFER_BYTES - buffer.len()) as u64;
                let mut more = io::Read::take(&mut input, wanted);
                let read = io::Read::read_to_end(&mut more, &mut buffer);
                is_open = read.as_ref().is_ok_and(|read| *read as u64 == wanted);
                ended = read.map(drop).map_err(Read::Input);
            }
            let rest = buffer.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return ended;
            }
            number += 1;
            let length = length_of(rest);
            let Some(datagram) = length.and_then(|length| rest.get(..length)) else {
                let is_cut = length.is_some() && !is_open;
                let reason = if is_cut { Reason::Interrupted } else { Reason::BadExport };
                self.add_bytes(rest.len() as u64);
                self.take(source, offset, number, Err::<FlowRecord, _>(reason))?;
                return ended;
            };
            self.datagram_at(collector, source, None, (offset, number), datagram)?;
            self.add_bytes(datagram.len() as u64);
            offset += datagram.len() as u64;
            at += datagram.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram of IPFIX with templates of so many fields, each of so many bytes.
    fn templates(domain: u32, ids: std::ops::Range<u16>, fields: u16, length: u16) -> Vec<u8> {
        let mut set = Vec::new();
        for id in ids {
            set.extend([id.to_be_bytes(), fields.to_be_bytes()].concat());
            for _ in 0..fields {
                set.extend([210_u16.to_be_bytes(), length.to_be_bytes()].concat());
            }
        }
        message(domain, 2, &set)
    }

    fn message(domain: u32, id: u16, set: &[u8]) -> Vec<u8> {
        let length = u16::try_from(set.len()).unwrap();
        let head = [10_u16.to_be_bytes(), (length + 20).to_be_bytes()].concat();
        let times = [0_u32.to_be_bytes(), 0_u32.to_be_bytes(), domain.to_be_bytes()].concat();
        let begin = [id.to_be_bytes(), (length + 4).to_be_bytes()].concat();
        [head, times, begin, set.to_vec()].concat()
    }

    fn decode(collector: &mut Collector, datagram: &[u8]) -> (u64, u64) {
        let (mut records, mut errors) = (0, 0);
        collector.decode(Some("192.0.2.1:40000".parse().unwrap()), datagram, &mut |record| {
            match record {
                Ok(_) => records += 1,
                Err(_) => errors += 1,
            }
        });
        (records, errors)
    }

    fn cost(collector: &Collector) -> usize {
        let all = collector.domains.values().flat_map(|domain| domain.templates.values());
        all.map(|template| template.cost()).sum()
    }

    #[test]
    fn whatever_is_sent_templates_stay_within_one_budget() {
        let mut collector = Collector::default();
        let mut most = 0;
        // One that is heard again and again keeps its templates, however many others come.
        decode(&mut collector, &templates(0, 256..257, 2, 4));
        for domain in 1..300 {
            for begin in [256, 286] {
                decode(&mut collector, &templates(domain, begin..begin + 30, 512, 1));
            }
            let (records, errors) = decode(&mut collector, &message(0, 256, &[0; 16]));
            assert_eq!((records, errors), (2, 0), "{domain}");
            assert_eq!(collector.cost, cost(&collector));
            most = most.max(collector.cost);
        }
        assert!(most <= FIELDS_SUM_MAX && most > FIELDS_SUM_MAX / 2, "{most}");
        assert_eq!(collector.heard.len(), collector.domains.len());
        // The longest silent are those that were forgotten: their sets cannot be read any more.
        assert_eq!(decode(&mut collector, &message(1, 256, &[0; 512])), (0, 1));
        assert_eq!(decode(&mut collector, &message(299, 256, &[0; 512])), (1, 0));
        assert!(collector.notes().forgotten > 200);
    }

    #[test]
    fn domains_stay_within_their_number_and_withdrawals_give_back() {
        let mut collector = Collector::default();
        for domain in 0..5_000 {
            decode(&mut collector, &templates(domain, 256..257, 1, 4));
        }
        assert_eq!(collector.domains.len(), DOMAINS_MAX);
        assert_eq!(collector.cost, DOMAINS_MAX * (1 + TEMPLATE_COST));
        let withdrawn = message(4_999, 2, &[256_u16.to_be_bytes(), 0_u16.to_be_bytes()].concat());
        decode(&mut collector, &withdrawn);
        assert_eq!(collector.cost, (DOMAINS_MAX - 1) * (1 + TEMPLATE_COST));
    }

    #[test]
    fn fields_that_hold_nothing_are_not_kept() {
        let mut collector = Collector::default();
        let fields = [[210_u16, 0], [4, 1]].concat();
        let words: Vec<u8> =
            [256, 2].into_iter().chain(fields).flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&mut collector, &message(1, 2, &words)), (0, 0));
        assert_eq!(collector.cost, 1 + TEMPLATE_COST);
        // A template of nothing else would make records without end.
        assert_eq!(decode(&mut collector, &templates(1, 257..258, 9, 0)), (0, 1));
    }

    #[test]
    fn a_copy_shares_what_is_not_changed() {
        let mut collector = Collector::default();
        decode(&mut collector, &templates(1, 256..260, 100, 1));
        decode(&mut collector, &templates(2, 256..260, 100, 1));
        let mut copy = collector.clone();
        decode(&mut copy, &templates(2, 300..301, 1, 1));
        let is_shared: Vec<bool> = collector
            .domains
            .values()
            .zip(copy.domains.values())
            .map(|(one, other)| Arc::ptr_eq(one, other))
            .collect();
        assert_eq!(is_shared, [true, false]);
        let of = |collector: &Collector| collector.domains.values().last().unwrap().templates.len();
        assert_eq!((of(&collector), of(&copy)), (4, 5));
    }
}
