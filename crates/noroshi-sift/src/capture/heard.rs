//! Names inside a communication, looked at only where a legal switch allows it.

use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use super::community::Tuple;
use crate::bytes::Bytes;
use crate::flow::Field;
use crate::switches::Switches;

/// With how many names or addresses a flow is recorded though it goes on; the rest of it is another record.
const NAMES_MAX: usize = 64;
/// How many questions and answers of one message are looked at: more than a name server sends.
const QUESTIONS_MAX: u16 = 64;
const ANSWERS_MAX: u16 = 512;
/// How many bytes of the beginning of a stream are held to find a name in.
const BEGIN_BYTES_MAX: usize = 8_192;
/// The same over all flows.
const HELD_BYTES_MAX: usize = 32 << 20;
/// How many pointers of one DNS name are followed.
const POINTERS_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 255;
const DNS_PORTS: [u16; 3] = [53, 5353, 5355];

/// What has been heard in one flow.
///
/// INVARIANT: no `Debug`; what it holds dies with the flow.
pub(crate) struct Heard {
    switches: Switches,
    names: Vec<(Field, Box<[u8]>)>,
    addresses: Vec<IpAddr>,
    /// What the opener of a stream says.
    forth: Side,
    /// What is answered: listened to where it is a name server that answers.
    back: Side,
    /// Whether it is a name server that is spoken to, as far as ports say it.
    is_of_names: bool,
    /// How often a limit kept something from being looked at.
    unheard: u64,
}

/// One direction of a stream.
#[derive(Default)]
struct Side {
    /// Whether it is the one that answers.
    answers: bool,
    begin: Vec<u8>,
    /// The sequence number of the next byte of the beginning.
    next: Option<u32>,
    /// What is spoken, once that is known.
    speaks: Option<Speech>,
    /// Something before what came was missing.
    is_torn: bool,
    /// It has given its name, or never will.
    done: bool,
}

impl Side {
    fn release(&mut self, held: &mut usize) {
        *held = held.saturating_sub(self.begin.len());
        self.begin = Vec::new();
        self.done = true;
    }
}

/// What has more than one message in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    Dns,
    Http,
}

/// Names and addresses of a flow.
pub(crate) type Names = (Vec<(Field, Box<[u8]>)>, Vec<IpAddr>);

impl Heard {
    /// `None` where nothing may be looked at.
    pub(crate) fn of(tuple: Tuple, switches: Switches) -> Option<Box<Self>> {
        let allowed = match tuple.proto {
            Protocol::TCP => switches.tls_names || switches.http_hosts || switches.dns_names,
            Protocol::UDP => switches.dns_names,
            _ => false,
        };
        let is_of_names = switches.dns_names && has_dns_port(tuple);
        allowed.then(|| {
            Box::new(Self {
                switches,
                names: Vec::new(),
                addresses: Vec::new(),
                forth: Side::default(),
                back: Side { answers: true, done: !is_of_names, ..Side::default() },
                is_of_names,
                unheard: 0,
            })
        })
    }

    /// Whether as much was heard as one record is to have.
    pub(crate) const fn is_full(&self) -> bool {
        self.names.len() >= NAMES_MAX || self.addresses.len() >= NAMES_MAX
    }

    /// What was heard so far; the flow goes on.
    pub(crate) fn take(&mut self) -> Names {
        (std::mem::take(&mut self.names), std::mem::take(&mut self.addresses))
    }

    /// What was heard, and how often something was not; gives back the bytes that were held.
    pub(crate) fn end(mut self, held: &mut usize) -> (Names, u64) {
        let answer = std::mem::take(&mut self.back.begin);
        *held = held.saturating_sub(answer.len());
        self.half(&answer);
        self.forth.release(held);
        (self.take(), self.unheard)
    }

    /// One datagram of DNS.
    pub(crate) fn datagram(&mut self, tuple: Tuple, payload: &[u8]) {
        if self.switches.dns_names && has_dns_port(tuple) {
            // What cannot be read any further gives the names that stood before.
            self.dns(payload).unwrap_or_default();
        }
    }

    /// One segment of a stream; only what its opener says is looked at, and what a name server answers; and of that only
    /// where messages begin.
    pub(crate) fn stream(
        &mut self,
        is_forth: bool,
        starts: bool,
        sequence: u32,
        payload: &[u8],
        held: &mut usize,
    ) {
        let mut side = std::mem::take(self.side(is_forth));
        if starts {
            side.next = Some(sequence.wrapping_add(1));
        } else if !side.done && !payload.is_empty() {
            self.listen(&mut side, sequence, payload, held);
        }
        *self.side(is_forth) = side;
    }

    const fn side(&mut self, is_forth: bool) -> &mut Side {
        if is_forth { &mut self.forth } else { &mut self.back }
    }

    fn listen(&mut self, side: &mut Side, sequence: u32, payload: &[u8], held: &mut usize) {
        let mut next = *side.next.get_or_insert(sequence);
        let is_http = side.speaks == Some(Speech::Http);
        let is_early = sequence.wrapping_sub(next).cast_signed() > 0;
        if is_early && is_http {
            // What is missing is mostly the content of a request; the next one begins anew.
            *held = held.saturating_sub(side.begin.len());
            side.begin.clear();
            next = sequence;
        }
        if is_early && !is_http && !side.is_torn && self.speaks_dns(side) {
            // In what comes behind a gap nothing says where a message begins. It may be closed yet, by what comes late.
            side.is_torn = true;
            self.unheard += 1;
        }
        // What was sent again is skipped; what came too early is lost to us.
        let again = next.wrapping_sub(sequence);
        let fresh = payload.get(usize::try_from(again).unwrap_or(usize::MAX)..);
        let Some(mut fresh) = fresh.filter(|fresh| !fresh.is_empty()) else { return };
        side.next = Some(next.wrapping_add(u32::try_from(fresh.len()).unwrap_or(u32::MAX)));
        let is_between = is_http && side.begin.is_empty();
        if is_between && !fresh.first().is_some_and(u8::is_ascii_uppercase) {
            return;
        }
        while !fresh.is_empty() && !side.done {
            let room = BEGIN_BYTES_MAX.saturating_sub(side.begin.len());
            let (part, rest) = fresh.split_at_checked(room).unwrap_or((fresh, &[]));
            if *held + part.len() > HELD_BYTES_MAX {
                self.unheard += 1;
                return side.release(held);
            }
            *held += part.len();
            side.begin.extend_from_slice(part);
            self.look_at_begin(side, held);
            fresh = rest;
        }
    }

    fn speaks_dns(&self, side: &Side) -> bool {
        self.is_of_names || side.speaks == Some(Speech::Dns)
    }

    /// Looks at what is held of a stream, message by message.
    fn look_at_begin(&mut self, side: &mut Side, held: &mut usize) {
        let mut begin = std::mem::take(&mut side.begin);
        let mut used = 0;
        let verdict = loop {
            match self.message(side, begin.get(used..).unwrap_or_default()) {
                Verdict::Next(bytes) => used += bytes,
                verdict => break verdict,
            }
        };
        let left = begin.len().saturating_sub(used);
        let is_open = verdict == Verdict::More && left < BEGIN_BYTES_MAX;
        let is_too_long = verdict == Verdict::More && !is_open;
        if is_too_long && side.answers {
            self.half(begin.get(used..).unwrap_or_default());
        }
        let end = if is_open { used } else { begin.len() };
        begin.drain(..end);
        *held = held.saturating_sub(end);
        side.begin = begin;
        self.unheard += u64::from(is_too_long && (side.answers || side.speaks.is_some()));
        // Behind the head of a request comes its content, and perhaps another request.
        side.done = !is_open && side.speaks != Some(Speech::Http);
    }

    /// What is there of an answer whose end was not seen gives the names that stand in it.
    fn half(&mut self, answer: &[u8]) {
        let message = answer.get(2..).unwrap_or_default();
        self.dns(message).unwrap_or_default();
    }

    /// The message at the beginning of some bytes.
    fn message(&mut self, side: &mut Side, begin: &[u8]) -> Verdict {
        match begin.first() {
            None => Verdict::More,
            Some(_) if side.answers => self.dns_stream(side, begin),
            Some(0x16) if self.switches.tls_names && side.speaks.is_none() => {
                let (name, verdict) = server_name(begin);
                name.into_iter().for_each(|name| self.note(Field::Tls, name));
                verdict
            }
            Some(b'A'..=b'Z') if self.switches.http_hosts && side.speaks != Some(Speech::Dns) => {
                self.request(side, begin)
            }
            Some(0..=0x15) if self.switches.dns_names && side.speaks != Some(Speech::Http) => {
                self.dns_stream(side, begin)
            }
            _ => Verdict::Nothing,
        }
    }

    /// DNS over TCP: a length in front of each message (RFC 1035 §4.2.2).
    fn dns_stream(&mut self, side: &mut Side, begin: &[u8]) -> Verdict {
        let mut bytes = Bytes(begin);
        let Some(length) = bytes.u16() else { return Verdict::More };
        let Some(message) = bytes.take(usize::from(length)) else { return Verdict::More };
        if self.dns(message).is_none() {
            return Verdict::Nothing;
        }
        side.speaks = Some(Speech::Dns);
        Verdict::Next(begin.len() - bytes.len())
    }

    /// The host of a request of HTTP/1 (RFC 9112 §3.2), up to the end of its head.
    fn request(&mut self, side: &mut Side, begin: &[u8]) -> Verdict {
        let mut used = 0;
        for line in begin.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                return Verdict::More;
            }
            let is_first = used == 0;
            used += line.len();
            if is_first {
                if memchr::memmem::find(line, b" HTTP/1.").is_none() {
                    return Verdict::Nothing;
                }
                side.speaks = Some(Speech::Http);
                continue;
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                return Verdict::Next(used);
            }
            if let Some((name, value)) = line.split_at_checked(5)
                && name.eq_ignore_ascii_case(b"host:")
            {
                self.note(Field::Http, value.trim_ascii().into());
            }
        }
        Verdict::More
    }

    fn note(&mut self, field: Field, name: Box<[u8]>) {
        let is_new = !self.names.iter().any(|(_, known)| *known == name);
        if !name.is_empty() && is_new {
            self.names.push((field, name));
        }
    }

    fn note_address(&mut self, address: Option<IpAddr>) {
        let address = address.map(|address| address.to_canonical());
        self.addresses.extend(address.filter(|address| !self.addresses.contains(address)));
    }

    /// The names asked for, and names and addresses answered (RFC 1035 §4.1).
    fn dns(&mut self, message: &[u8]) -> Option<()> {
        let mut bytes = Bytes(message);
        bytes.u32()?;
        let (questions, answers) = (bytes.u16()?, bytes.u16()?);
        bytes.u32()?;
        for _ in 0..questions.min(QUESTIONS_MAX) {
            let name = dns_name(message, &mut bytes)?;
            self.note(Field::Dns, name);
            bytes.u32()?;
        }
        if questions > QUESTIONS_MAX {
            self.unheard += 1;
            return Some(());
        }
        for _ in 0..answers.min(ANSWERS_MAX) {
            dns_name(message, &mut bytes)?;
            let kind = bytes.u16()?;
            bytes.take(6)?;
            let length = usize::from(bytes.u16()?);
            let mut data = Bytes(bytes.take(length)?);
            match kind {
                1 if length == 4 => self.note_address(data.ipv4()),
                28 if length == 16 => self.note_address(data.ipv6()),
                // CNAME, NS and PTR hold a name, which may point back into the message.
                2 | 5 | 12 => {
                    let mut rest = Bytes(message.get(message.len() - bytes.len() - length..)?);
                    let name = dns_name(message, &mut rest)?;
                    self.note(Field::Dns, name);
                }
                _ => {}
            }
        }
        self.unheard += u64::from(answers > ANSWERS_MAX);
        Some(())
    }
}

fn has_dns_port(tuple: Tuple) -> bool {
    [tuple.src_port, tuple.dst_port].iter().any(|port| DNS_PORTS.contains(port))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// So many bytes are a message; another one may begin behind it.
    Next(usize),
    /// The rest of it may come with the next segment.
    More,
    /// Nothing further is to be found here.
    Nothing,
}

/// A name, following pointers backwards only (RFC 1035 §4.1.4).
fn dns_name<'a>(message: &'a [u8], bytes: &mut Bytes<'a>) -> Option<Box<[u8]>> {
    let mut name = Vec::new();
    let mut rest = *bytes;
    let mut left = None;
    for _ in 0..POINTERS_MAX + 128 {
        let length = rest.u8()?;
        match length {
            0 => {
                *bytes = left.unwrap_or(rest);
                return Some(name.into());
            }
            1..=63 => {
                if !name.is_empty() {
                    name.push(b'.');
                }
                name.extend_from_slice(rest.take(usize::from(length))?);
                if name.len() > NAME_BYTES_MAX {
                    return None;
                }
            }
            0xc0.. => {
                let at = usize::from(length & 0x3f) << 8 | usize::from(rest.u8()?);
                let here = message.len() - rest.len();
                left = left.or(Some(rest));
                rest = Bytes(message.get(at..).filter(|_| at < here)?);
            }
            _ => return None,
        }
    }
    None
}

/// The server name in the first message of TLS (RFC 8446 §4.1.2, RFC 6066 §3).
fn server_name(begin: &[u8]) -> (Option<Box<[u8]>>, Verdict) {
    let mut hello = Vec::new();
    let mut records = Bytes(begin);
    let mut is_cut = false;
    // The message may lie in several records.
    while let Some([kind, _, _, high, low]) = records.array::<5>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != 0x16 {
            return (None, Verdict::Nothing);
        }
        let body = records.take(length.min(records.len())).unwrap_or_default();
        hello.extend_from_slice(body);
        if body.len() < length {
            is_cut = true;
            break;
        }
    }
    let is_short = hello.len() < 4
        || hello.get(1..4).is_some_and(|length| {
            length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) + 4 > hello.len()
        });
    if hello.first().is_some_and(|kind| *kind != 1) {
        return (None, Verdict::Nothing);
    }
    match name_in_hello(&hello) {
        None if is_cut || is_short => (None, Verdict::More),
        name => (name, Verdict::Nothing),
    }
}

fn name_in_hello(hello: &[u8]) -> Option<Box<[u8]>> {
    let mut bytes = Bytes(hello);
    bytes.take(4 + 2 + 32)?;
    let session = bytes.u8()?;
    bytes.take(usize::from(session))?;
    let suites = bytes.u16()?;
    bytes.take(usize::from(suites))?;
    let compressions = bytes.u8()?;
    bytes.take(usize::from(compressions))?;
    bytes.u16()?;
    loop {
        let (kind, length) = (bytes.u16()?, bytes.u16()?);
        let body = bytes.take(usize::from(length))?;
        if kind != 0 {
            continue;
        }
        let mut list = Bytes(body);
        list.u16()?;
        if list.u8()? != 0 {
            return None;
        }
        let length = usize::from(list.u16()?);
        return list.take(length).filter(|name| name.len() <= NAME_BYTES_MAX).map(Into::into);
    }
}
