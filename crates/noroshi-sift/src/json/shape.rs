//! The shapes of lines that were read before.
//!
//! A sensor writes the same members in the same order again and again. What stands between two values (`","src_port":`)
//! is remembered as a [`Step`] once a line was read the strict way. A line that consists of nothing but steps, each in a
//! place where it stood before, and of values of the same kind is JSON: brackets and names need not be looked at again.
//! Any other line is read the strict way, and remembered.
//!
//! INVARIANT: which brackets are open before a step, and what they hold, decides with its bytes what is open behind it
//! and what its value is. One step follows another only where both have the same brackets between them.
//!
//! No value of a record is remembered, only names of members, and those no longer than the worker is there.

use std::collections::HashMap;

use super::{
    Found, Inner, JsonRecord, Member, Room, Scan, Special, holds_address, member_of, span,
};
use crate::bits;
use crate::problem::Reason;

/// How many bytes of a step are compared at once; a longer one is several.
const LITERAL_BYTES: usize = bits::LITERAL_BYTES;
/// The longest text between two values that is remembered.
const BETWEEN_BYTES_MAX: usize = 255;
/// How many steps are remembered before all are forgotten.
const STEPS_MAX: usize = 2_048;
/// How many steps behind a step are looked at, and how often there may be as many more.
const NEXT: usize = 8;
const LISTS_MAX: usize = 5;

/// Trying in vain takes time, and so does learning. Both are paid for by lines that were worth it, so that input in
/// which nothing comes again is read little slower than it would be without.
const TRIES_MAX: u32 = 2_048;
const TRY_MISSED: u32 = 32;
const TRY_WON: u32 = 16;
const LESSONS_MAX: u32 = 8_192;
const LESSON: u32 = 128;

/// A value of the record that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Member(Member),
    Address,
}

/// What a value is to the reader, or what the values inside of it are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    Nothing,
    Slot(Slot),
    Inner(Inner),
}

impl Role {
    /// What [`Found::note`] makes of a member of the record.
    fn of_record(name: &[u8]) -> Self {
        if let Some(member) = member_of(name) {
            return Self::Slot(Slot::Member(member));
        }
        if let Some(inner) = Inner::of_record(name) {
            return Self::Inner(inner);
        }
        if holds_address(name) { Self::Slot(Slot::Address) } else { Self::Nothing }
    }

    /// What [`Found::inner`] makes of a member of a value that is this.
    fn of_member(self, name: &[u8]) -> Self {
        match self {
            Self::Inner(inner) => inner.of_member(name).map_or(Self::Nothing, Self::Inner),
            _ => Self::Nothing,
        }
    }

    fn of_element(self) -> Self {
        match self {
            Self::Inner(inner) => inner.of_element().map_or(Self::Nothing, Self::Inner),
            _ => Self::Nothing,
        }
    }

    /// What a value that begins with this byte is.
    const fn of_value(self, first: u8) -> Self {
        match self {
            Self::Slot(Slot::Member(_)) if first == b'n' => Self::Nothing,
            Self::Inner(inner) if first != b'"' || !inner.is_value() => Self::Nothing,
            _ => self,
        }
    }
}

/// What follows the bytes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// A string, whose first quote belongs to the step and whose last one to the next.
    Text,
    Number,
    /// Nothing: the last so many bytes of the step are the value.
    Fixed(u8),
    /// The next bytes before a value.
    More,
    /// The end of the line.
    End,
    /// No step: nothing follows.
    Never,
}

/// What stands before a value, and what came next.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Step {
    literal: [u8; LITERAL_BYTES],
    /// A bit for each byte of the literal.
    wanted: u32,
    length: u8,
    value: Value,
    /// Whether there is nothing to note.
    is_quiet: bool,
    /// Which steps came behind this one; zero is none.
    next: [u16; NEXT],
    /// A step that stands for nothing but has more of them.
    more: u16,
}

impl Step {
    const NONE: Self = Self {
        // Nothing that is UTF-8.
        literal: [0xff; LITERAL_BYTES],
        wanted: u32::MAX,
        length: 0,
        value: Value::Never,
        is_quiet: true,
        next: [0; NEXT],
        more: 0,
    };

    fn new(part: &[u8], value: Value, is_quiet: bool) -> Self {
        let mut step = Self { wanted: 0, value, is_quiet, ..Self::NONE };
        step.literal.iter_mut().zip(part).for_each(|(to, from)| {
            *to = *from;
            step.wanted = step.wanted << 1 | 1;
            step.length += 1;
        });
        step
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "some thirty times a record")]
    fn is_here(&self, here: &[u8; LITERAL_BYTES]) -> bool {
        bits::same(here, &self.literal) & self.wanted == self.wanted
    }

    /// Where the value of this step ends that begins there; `None` where another kind of value does.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "some thirty times a record")]
    fn value_end(&self, scan: Scan<'_>, from: usize, end: usize) -> Option<usize> {
        match self.value {
            Value::Text => scan.text_end(from),
            Value::Number => scan.number_end(from),
            Value::Fixed(_) | Value::More => Some(from),
            Value::End => (from == end).then_some(end),
            Value::Never => None,
        }
    }
}

/// What is noted of a step and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Note {
    role: Role,
    /// How far before the value the list or object of a slot ended, and how far before it another one began; zero is
    /// not at all.
    closes: u8,
    opens: u8,
    opened: Slot,
}

impl Note {
    const NOTHING: Self = Self { role: Role::Nothing, closes: 0, opens: 0, opened: Slot::Address };
}

/// An open list or object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Frame {
    is_list: bool,
    role: Role,
}

/// The brackets that are open behind the value before, then what stands between, and whether that is all of it.
type Key = (u16, Vec<u8>, bool);

/// Reads lines with the help of those before.
#[derive(Debug)]
pub(crate) struct Shapes {
    known: Known,
    found: Found,
    tries: u32,
    lessons: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            known: Known::default(),
            found: Found::default(),
            tries: TRIES_MAX,
            lessons: LESSONS_MAX,
        }
    }
}

impl Shapes {
    /// What [`JsonRecord::parse`] says of a line.
    pub(crate) fn read<'a>(
        &'a mut self,
        block: &'a [u8],
        begin: usize,
        end: usize,
        special: &'a Special,
    ) -> Result<JsonRecord<'a>, Reason> {
        let scan = Scan::new(block, begin, end, special)?;
        self.lessons = (self.lessons + 1).min(LESSONS_MAX);
        let is_tried = self.tries >= TRY_MISSED;
        if is_tried
            && self.known.follow(&mut self.found, Scan { text: block, ..scan }, end).is_some()
        {
            self.tries = (self.tries + TRY_WON).min(TRIES_MAX);
        } else {
            self.strict(scan, is_tried)?;
        }
        Ok(JsonRecord { scan, found: Room::Lent(&self.found) })
    }

    #[inline(never)]
    fn strict(&mut self, scan: Scan<'_>, is_tried: bool) -> Result<(), Reason> {
        self.tries = if is_tried { self.tries - TRY_MISSED } else { self.tries + 1 };
        self.found.parse(scan)?;
        if is_tried && self.lessons >= LESSON {
            self.lessons -= LESSON;
            if Lesson::new(&mut self.known, scan).line().is_none() {
                self.known.make_room();
            }
        }
        Ok(())
    }
}

/// What is remembered.
#[derive(Debug)]
struct Known {
    /// The first one stands for the beginning of a line.
    steps: Vec<Step>,
    /// One for each step.
    notes: Vec<Note>,
    numbers: HashMap<Key, u16>,
    contexts: HashMap<Vec<Frame>, u16>,
    /// Which of the steps behind another gives way to a new one.
    turn: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            steps: vec![Step::NONE],
            notes: vec![Note::NOTHING],
            numbers: HashMap::new(),
            contexts: HashMap::new(),
            turn: 0,
        }
    }
}

impl Known {
    /// Goes along what is remembered; `None` where the line does not.
    #[inline]
    fn follow(&self, found: &mut Found, scan: Scan<'_>, end: usize) -> Option<()> {
        found.clear();
        let mut step = self.steps.first()?;
        let mut at = scan.at;
        let mut open = (Slot::Address, 0);
        loop {
            let rest = scan.text.get(at..)?;
            let padded;
            let here = if let Some(here) = rest.first_chunk::<LITERAL_BYTES>() {
                here
            } else {
                padded = with_zeroes(rest);
                &padded
            };
            // The first one that was learnt is nearly always the one that comes.
            let mut number = usize::from(step.next[0]);
            let mut next = self.steps.get(number)?;
            let mut from = at + usize::from(next.length);
            let to = if next.is_here(here) { next.value_end(scan, from, end) } else { None };
            if let Some(to) = to {
                at = to;
            } else {
                let before = at;
                (number, at) = self.other(step, here, Scan { at, ..scan }, end)?;
                next = self.steps.get(number)?;
                from = before + usize::from(next.length);
            }
            if !next.is_quiet {
                let said = self.notes.get(number)?;
                note(found, (said, next.value), (from, at), &mut open)?;
            }
            if next.value == Value::End {
                return Some(());
            }
            step = next;
        }
    }

    /// Which step comes behind this one, and where its value ends.
    #[inline(never)]
    fn other<'a>(
        &'a self,
        mut step: &'a Step,
        here: &[u8; LITERAL_BYTES],
        scan: Scan<'_>,
        end: usize,
    ) -> Option<(usize, usize)> {
        loop {
            for number in &step.next {
                let number = usize::from(*number);
                let next = self.steps.get(number)?;
                if next.value == Value::Never {
                    return None;
                }
                let from = scan.at + usize::from(next.length);
                if next.is_here(here)
                    && let Some(to) = next.value_end(scan, from, end)
                {
                    return Some((number, to));
                }
            }
            if step.more == 0 {
                return None;
            }
            step = self.steps.get(usize::from(step.more))?;
        }
    }

    /// Forgets everything where there is no more room.
    fn make_room(&mut self) {
        if self.steps.len() >= STEPS_MAX {
            *self = Self::default();
        }
    }

    fn add(&mut self, step: Step, note: Note) -> Option<u16> {
        if self.steps.len() >= STEPS_MAX {
            return None;
        }
        let number = u16::try_from(self.steps.len()).ok()?;
        self.steps.push(step);
        self.notes.push(note);
        Some(number)
    }

    /// Remembers that one step came behind another. Where there is no room, one of those that did is forgotten.
    fn link(&mut self, before: u16, number: u16) -> Option<()> {
        let mut list = before;
        for _ in 1..LISTS_MAX {
            let step = self.steps.get_mut(usize::from(list))?;
            if let Some(slot) = step.next.iter_mut().find(|slot| **slot == 0 || **slot == number) {
                *slot = number;
                return Some(());
            }
            list = match step.more {
                0 => {
                    let more = self.add(Step::NONE, Note::NOTHING)?;
                    self.steps.get_mut(usize::from(list))?.more = more;
                    more
                }
                more => more,
            };
        }
        self.turn += 1;
        let slots = &mut self.steps.get_mut(usize::from(list))?.next;
        let is_there = slots.contains(&number);
        let free = slots.iter().position(|slot| *slot == 0).unwrap_or(self.turn % NEXT);
        if let Some(slot) = slots.get_mut(free).filter(|_| !is_there) {
            *slot = number;
        }
        Some(())
    }
}

/// The first bytes of what is shorter, and zeroes behind them.
#[cold]
fn with_zeroes(rest: &[u8]) -> [u8; LITERAL_BYTES] {
    let mut bytes = [0; LITERAL_BYTES];
    bytes.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    bytes
}

/// Notes what a step says of where a value stands. `None`: the strict way would refuse it.
#[inline]
fn note(
    found: &mut Found,
    (said, value): (&Note, Value),
    (from, to): (usize, usize),
    open: &mut (Slot, usize),
) -> Option<()> {
    if said.closes > 0 {
        let (slot, begin) = *open;
        slot.fill(found, begin, from - usize::from(said.closes))?;
    }
    if said.opens > 0 {
        *open = (said.opened, from - usize::from(said.opens));
    }
    match said.role {
        Role::Nothing => Some(()),
        Role::Slot(slot) => match value {
            Value::Text => slot.fill(found, from - 1, to + 1),
            Value::Fixed(length) => slot.fill(found, from - usize::from(length), from),
            _ => slot.fill(found, from, to),
        },
        Role::Inner(inner) => {
            found.push(inner, span(from, to));
            Some(())
        }
    }
}

impl Slot {
    #[inline]
    fn fill(self, found: &mut Found, begin: usize, end: usize) -> Option<()> {
        let place = span(begin, end);
        let filled = match self {
            Self::Member(member) => found.member(member, place),
            Self::Address => found.address(place),
        };
        filled.ok()
    }
}

impl Scan<'_> {
    /// Where a number ends.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "some ten times a record")]
    fn number_end(self, from: usize) -> Option<usize> {
        let here = self.text.get(from..)?.first_chunk::<LITERAL_BYTES>();
        let count = here.map_or(0, |here| bits::digits(here).trailing_ones() as usize);
        let behind = here.and_then(|here| here.get(count));
        // RFC 8259 §6: a zero stands at the beginning only by itself.
        let is_plain = count == 1 || count > 1 && here.is_some_and(|here| here[0] != b'0');
        if is_plain && matches!(behind, Some(b',' | b'}' | b']')) {
            return Some(from + count);
        }
        any_number_end(self.text, from)
    }
}

/// Where any number ends.
#[inline(never)]
fn any_number_end(text: &[u8], from: usize) -> Option<usize> {
    let mut scan = Scan { text, at: from, special: &[] };
    scan.number().ok().map(|()| scan.at)
}

/// Remembers a line that was read the strict way.
struct Lesson<'s, 'a> {
    known: &'s mut Known,
    scan: Scan<'a>,
    /// The step before, and what was open behind its value.
    step: u16,
    context: u16,
    /// What is open here.
    frames: Vec<Frame>,
    /// Where the value before ended.
    from: usize,
    /// Where the list or object of a slot began and ended since.
    opened: Option<(Slot, usize)>,
    closed: Option<usize>,
    is_full: bool,
}

impl<'s, 'a> Lesson<'s, 'a> {
    fn new(known: &'s mut Known, scan: Scan<'a>) -> Self {
        Self {
            known,
            scan,
            step: 0,
            context: 0,
            frames: Vec::new(),
            from: scan.at,
            opened: None,
            closed: None,
            is_full: false,
        }
    }

    /// `None` where there was no room for all of it.
    fn line(mut self) -> Option<()> {
        let mut scan = self.scan;
        scan.blank();
        // What goes wrong here went right before.
        let read = scan.members(0, |scan, name| self.value(scan, Role::of_record(name)));
        debug_assert!(read.is_ok() || self.is_full);
        read.ok()?;
        self.remember(self.scan.text.len(), Value::End, Role::Nothing)
    }

    fn value(&mut self, scan: &mut Scan<'a>, role: Role) -> Result<(), Reason> {
        let (begin, first) = (scan.at, scan.byte());
        let of_value = role.of_value(first);
        let remembered = match first {
            b'"' => {
                let remembered = self.remember(begin + 1, Value::Text, of_value);
                self.from = scan.string().ok_or(Reason::BadJson)?;
                remembered
            }
            b'{' | b'[' if !is_empty(*scan) => return self.nested(scan, role, first == b'['),
            b'{' | b'[' | b't' | b'f' | b'n' => {
                scan.value(0)?;
                self.fixed(begin, scan.at, of_value)
            }
            _ => {
                let remembered = self.remember(begin, Value::Number, of_value);
                scan.number()?;
                self.from = scan.at;
                remembered
            }
        };
        // No more than a way out of the line.
        remembered.ok_or(Reason::TooDeep)
    }

    /// A value of which there are only a few.
    fn fixed(&mut self, begin: usize, end: usize, role: Role) -> Option<()> {
        let length = u8::try_from(end - begin).ok()?;
        let remembered = self.remember(end, Value::Fixed(length), role);
        self.from = end;
        remembered
    }

    fn nested(&mut self, scan: &mut Scan<'a>, role: Role, is_list: bool) -> Result<(), Reason> {
        if let Role::Slot(slot) = role {
            self.opened = Some((slot, scan.at));
        }
        self.frames.push(Frame { is_list, role });
        if is_list {
            scan.elements(0, |scan| self.value(scan, role.of_element()))?;
        } else {
            scan.members(0, |scan, name| self.value(scan, role.of_member(name)))?;
        }
        self.frames.pop();
        if matches!(role, Role::Slot(_)) {
            self.closed = Some(scan.at);
        }
        Ok(())
    }

    /// Remembers what stands before a value, and what is open behind it.
    fn remember(&mut self, to: usize, value: Value, role: Role) -> Option<()> {
        let remembered = self.remember_all(to, value, role);
        self.is_full |= remembered.is_none();
        remembered
    }

    fn remember_all(&mut self, to: usize, value: Value, role: Role) -> Option<()> {
        let text = self.scan.text.get(self.from..to)?;
        if text.len() > BETWEEN_BYTES_MAX {
            return None;
        }
        let distance = |at: usize| u8::try_from(to - at).unwrap_or_default();
        let closes = self.closed.take().map_or(0, distance);
        let opened = self.opened.take();
        let note = Note {
            role,
            closes,
            opens: opened.map_or(0, |(_, at)| distance(at)),
            opened: opened.map_or(Slot::Address, |(slot, _)| slot),
        };
        let last = text.len().div_ceil(LITERAL_BYTES).saturating_sub(1);
        for (at, part) in text.chunks(LITERAL_BYTES).enumerate() {
            let is_last = at == last;
            let before = text.get(..at * LITERAL_BYTES + part.len())?;
            let note = if is_last { note } else { Note::NOTHING };
            let value = if is_last { value } else { Value::More };
            let key = (self.context, before.to_vec(), is_last);
            let number = if let Some(number) = self.known.numbers.get(&key) {
                *number
            } else {
                let step = Step::new(part, value, note == Note::NOTHING);
                let number = self.known.add(step, note)?;
                self.known.numbers.insert(key, number);
                number
            };
            self.known.link(self.step, number)?;
            self.step = number;
        }
        // Zero is the beginning of a line.
        let contexts = &mut self.known.contexts;
        let new = u16::try_from(contexts.len() + 1).ok()?;
        self.context = contexts.get(&self.frames).copied().unwrap_or(new);
        if self.context == new {
            contexts.insert(self.frames.clone(), new);
        }
        Some(())
    }
}

/// Whether a list or an object that begins here has nothing in it.
fn is_empty(mut scan: Scan<'_>) -> bool {
    scan.at += 1;
    scan.blank();
    matches!(scan.byte(), b']' | b'}')
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::super::Span;
    use super::*;

    /// All that is noted of a record.
    type Noted = (Vec<Option<Span>>, Vec<Span>, Vec<(Inner, Span)>);

    fn noted(record: Result<JsonRecord<'_>, Reason>) -> Result<Noted, Reason> {
        let record = record?;
        let found = record.found();
        let member = |at: usize| (found.present >> at & 1 == 1).then(|| found.members[at]);
        let members = (0..found.members.len()).map(member).collect();
        let addresses = found.addresses[..found.address_count].to_vec();
        Ok((members, addresses, found.inner_values().collect()))
    }

    /// Reads lines one behind the other both ways, and says how many were read along a shape.
    fn compare(lines: &[Vec<u8>], are_all_tried: bool) -> usize {
        let block = lines.join(&b'\n');
        let mut special = Special::default();
        special.index(&block);
        let mut shapes = Shapes::default();
        let (mut begin, mut count) = (0, 0);
        for line in lines {
            let end = begin + line.len();
            if are_all_tried {
                (shapes.tries, shapes.lessons) = (TRIES_MAX, LESSONS_MAX);
            }
            let mut found = Found::default();
            let is_known = Scan::new(&block, begin, end, &special).is_ok_and(|scan| {
                let scan = Scan { text: &block, ..scan };
                shapes.known.follow(&mut found, scan, end).is_some()
            });
            count += usize::from(is_known);
            let quick = noted(shapes.read(&block, begin, end, &special));
            let strict = noted(JsonRecord::parse(&block, begin, end, &special));
            assert_eq!(quick, strict, "{}", String::from_utf8_lossy(line));
            begin = end + 1;
        }
        let known = &shapes.known;
        assert!(known.steps.len() <= STEPS_MAX && known.steps.len() == known.notes.len());
        count
    }

    /// Lines as sensors write them.
    const SEEDS: [&str; 12] = [
        r#"{"timestamp":"2026-09-21T14:13:20.000000+0000","flow_id":1876890986968831,"in_iface":"eth0","event_type":"flow","src_ip":"10.0.14.5","src_port":12853,"dest_ip":"203.0.113.63","dest_port":443,"proto":"TCP","app_proto":"tls","flow":{"pkts_toserver":20,"pkts_toclient":101,"bytes_toserver":11500,"bytes_toclient":127469,"start":"2026-09-21T14:13:20.000000+0000","end":"2026-09-21T14:13:44.333932+0000","age":32,"state":"closed","reason":"timeout","alerted":false},"community_id":"1:ba450a33ef6ff86c=","tcp":{"tcp_flags":"1b","syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"}}"#,
        r#"{"timestamp":"2026-09-21T14:13:21.000000+0000","flow_id":18,"in_iface":"eth0","event_type":"flow","src_ip":"10.0.14.6","src_port":1,"dest_ip":"2001:db8::63","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":0,"pkts_toclient":101,"bytes_toserver":11500,"bytes_toclient":127469,"start":"2026-09-21T14:13:20.000000+0000","end":"2026-09-21T14:13:44.333932+0000","age":32,"state":"closed","reason":"timeout","alerted":true},"tcp":{"tcp_flags":"1b","syn":true,"ack":true,"state":"closed"}}"#,
        r#"{"timestamp":"2026-09-21T14:13:20.000862+0000","flow_id":789,"event_type":"dns","src_ip":"10.1.79.80","src_port":10963,"dest_ip":"10.0.0.1","dest_port":53,"proto":"UDP","dns":{"version":3,"type":"response","id":14750,"qr":true,"queries":[{"rrname":"a.example","rrtype":"A"}],"answers":[{"rrname":"a.example","rrtype":"A","ttl":556,"rdata":"203.0.113.188"},{"rrname":"b.example","rrtype":"A","ttl":5,"rdata":"203.0.113.5"}],"grouped":{"A":["203.0.113.188","203.0.113.5"],"CNAME":["b.example"]}}}"#,
        r#"{"timestamp":"2026-09-21T14:13:20.000862+0000","event_type":"http","src_ip":"10.1.79.80","src_port":10963,"dest_ip":"203.0.113.9","dest_port":80,"proto":"TCP","tx_id":0,"http":{"hostname":"c.example","url":"/a?b=\"c\"","http_user_agent":"curl/8.5.0","status":200,"length":1e3,"http_request_headers_of_a_long_name_that_is_more_than_one_step":{"name":"x"}}}"#,
        r#"{"timestamp":"2026-09-21T14:13:20.000862+0000","event_type":"tls","src_ip":"10.1.79.80","dest_ip":"203.0.113.9","proto":"TCP","tls":{"subject":"CN=d.example","fingerprint":"01:02","sni":"d.example","chain":["MIIA","MIIB"],"ja3":{"hash":"0011","string":"771,4"},"ja3s":{"hash":"22","string":"771"},"ja4":"t13d"}}"#,
        r#"{"timestamp":"2026-09-21T14:13:20.000862+0000","event_type":"fileinfo","src_ip":"10.1.79.80","dest_ip":"203.0.113.9","proto":"TCP","http":{"hostname":"e.example","url":"/"},"fileinfo":{"filename":"/x","gaps":false,"sid":[],"sha256":"aa","size":-1.5e-7}}"#,
        r#"{"timestamp":"2026-09-21T14:13:20.000862+0000","event_type":"smtp","src_ip":"10.1.79.80","dest_ip":"203.0.113.9","smtp":{"helo":"x","mail_from":"<a@b.example>","rcpt_to":["<c@d.example>","<e@f.example>"]},"email":{"status":"PARSE_DONE","to":[""]}}"#,
        r#"{"ts":1521911721.255387,"uid":"CH","id.orig_h":"10.0.0.1","id.orig_p":58,"id.resp_h":"10.0.0.2","id.resp_p":53,"proto":"udp","query":"x.example","qclass":1,"answers":["y.example","10.0.0.9"],"TTLs":[1.0,2.5],"rejected":false}"#,
        r#"{"ts":1521911721.255387,"uid":"CH","id.orig_h":"10.0.0.1","id.orig_p":58,"id.resp_h":"10.0.0.2","id.resp_p":53,"proto":"udp","query":null,"answers":[],"rejected":false}"#,
        r#"{"ts":1521911721.2,"fuid":"F","tx_hosts":["10.0.0.1"],"rx_hosts":["10.0.0.2","10.0.0.3"],"client_addr":null,"md5":"d4","sha1":"e5"}"#,
        r#"{"ts": 1521911721.2, "host": ["10.0.0.1"], "a": {"b": [[], {}, [{"c": [1, null]}]]}, "src": "10.0.0.2"} "#,
        r#"{}"#,
    ];

    fn seeds() -> Vec<Vec<u8>> {
        SEEDS.iter().map(|line| line.as_bytes().to_vec()).collect()
    }

    #[test]
    fn what_was_read_once_is_read_along_its_shape() {
        // Twice, and the last line of a block has nothing behind it.
        let lines = [seeds(), seeds()].concat();
        assert_eq!(compare(&lines, false), SEEDS.len());
    }

    #[test]
    fn what_a_shape_has_not_seen_is_refused_as_ever() {
        let line = br#"{"timestamp":"x","src_ip":"10.0.0.1","proto":"TCP","a":1,"b":"c"}"#;
        let before = String::from_utf8(line.to_vec()).unwrap();
        let mut lines = vec![line.to_vec(), line.to_vec()];
        for (from, to) in [
            ("1,", "01,"),
            ("1,", ","),
            ("1,", "1.,"),
            ("1,", "-,"),
            ("1,", "+1,"),
            ("1,", "12345678901234567890123456789012345678901234567890,"),
            ("1,", "0123456789012345678901234567890123,"),
            ("1,", "1e,"),
            ("1,", "\"1\","),
            ("TCP", "T\tCP"),
            ("TCP", "T\\CP"),
            ("TCP", "T\\u00zzCP"),
            ("TCP", "T\\\"CP\\n"),
            ("\"TCP\"", "null"),
            ("proto", "src_ip"),
            ("{", " {"),
            ("}", "}}"),
            ("}", "} {}"),
            ("}", ""),
            ("}", ",}"),
            ("\"b\"", "\"proto\":\"UDP\",\"b\""),
        ] {
            lines.push(before.replacen(from, to, 1).into_bytes());
            lines.push(line.to_vec());
        }
        lines.push([line.as_slice(), b"\xff"].concat());
        assert!(compare(&lines, false) >= 22);
    }

    #[test]
    fn little_is_tried_where_nothing_comes_again_and_room_is_bounded() {
        let mut lines: Vec<Vec<u8>> = (0..20_000_u64)
            .map(|at| format!("{{\"a{at}\":{{\"b{}\":[{at},\"{at}\"]}}}}", at * 7).into_bytes())
            .collect();
        assert_eq!(compare(&lines, true), 0);
        lines.truncate(3_000);
        lines.extend((0..3_000).flat_map(|_| seeds().into_iter().take(1)));
        // A while after lines of one kind come, they are known again.
        assert!(compare(&lines, false) > 2_800);
    }

    /// Values, well-formed most of the time, of names that mean something and of some that do not.
    fn value() -> impl Strategy<Value = String> {
        let leaf = select(vec![
            "\"\"",
            "\"a\"",
            "\"10.0.0.1\"",
            "\"\\u0041b\"",
            "\"狼煙\"",
            "\"a b\\\\\"",
            "\"\t\"",
            "\"\\x\"",
            "\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
            "0",
            "-0",
            "7",
            "12",
            "00",
            "1.5e-3",
            "-",
            "1.",
            "12345678901234567",
            "123456789012345678901234567890123456",
            "true",
            "false",
            "null",
            "nul",
            "[]",
            "{}",
            "[ ]",
        ]);
        let leaf = leaf.prop_map(str::to_owned);
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3)
                    .prop_map(|all| format!("[{}]", all.join(","))),
                object(inner),
            ]
        })
    }

    fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let name = select(vec![
            "timestamp",
            "src_ip",
            "proto",
            "host",
            "answers",
            "flow",
            "dns",
            "rrname",
            "rdata",
            "grouped",
            "tls",
            "sni",
            "ja3",
            "hash",
            "http",
            "hostname",
            "tx_hosts",
            "src",
            "md5",
            "rcptto",
            "smtp",
            "rcpt_to",
            "x",
            "y",
            "a_name_that_is_longer_than_what_is_compared_at_once",
            "\\u0068ost",
        ]);
        let member = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        proptest::collection::vec(member, 0..6).prop_map(|all| format!("{{{}}}", all.join(",")))
    }

    fn worsen(mut line: Vec<u8>, how: u8, at: Index, other: Index, byte: u8) -> Vec<u8> {
        if line.is_empty() {
            return line;
        }
        let (at, other) = (at.index(line.len()), other.index(line.len()));
        let (from, to) = (at.min(other), at.max(other));
        match how {
            0 => line[at] = byte,
            1 => drop(line.remove(at)),
            2 => line.insert(at, byte),
            3 => line.truncate(at),
            4 => drop(line.drain(from..to)),
            5 => {
                let part = line[from..to].to_vec();
                line.splice(to..to, part);
            }
            6 => {
                // Two members change places.
                let mut parts: Vec<_> = line.split(|byte| *byte == b',').collect();
                let (one, two) = (at % parts.len(), other % parts.len());
                parts.swap(one, two);
                line = parts.join(&b',');
            }
            7 => drop(line.splice(at..at, *b" ")),
            _ => {}
        }
        line.retain(|byte| *byte != b'\n');
        line
    }

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![any::<u8>(), select(b"\"\\{}[],:0123456789.eE+- \t\0n".to_vec())]
    }

    proptest! {
        #[test]
        fn both_ways_agree_about_lines_of_sensors_made_worse(
            steps in proptest::collection::vec(
                (0..SEEDS.len(), 0_u8..10, any::<Index>(), any::<Index>(), byte()), 1..60),
        ) {
            let mut lines = seeds();
            for (seed, how, at, other, byte) in steps {
                lines.push(worsen(SEEDS[seed].as_bytes().to_vec(), how, at, other, byte));
            }
            compare(&lines, true);
        }

        #[test]
        fn both_ways_agree_about_any_lines(
            lines in proptest::collection::vec(
                (object(value()), 0_u8..40, any::<Index>(), any::<Index>(), byte()), 1..40),
        ) {
            let lines: Vec<Vec<u8>> = lines
                .into_iter()
                .map(|(line, how, at, other, byte)| worsen(line.into_bytes(), how, at, other, byte))
                .collect();
            // Again, so that what was learnt of all is used for all.
            compare(&[lines.clone(), lines].concat(), true);
        }
    }

    #[test]
    fn both_ways_agree_about_real_logs() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
        let folder = folder.join("zeek-wrccdc/zeek-json");
        let Ok(files) = std::fs::read_dir(&folder) else {
            println!("corpora absent: skipped {}", folder.display());
            return;
        };
        for file in files {
            let file = file.unwrap().path();
            let mut bytes = Vec::new();
            let packed = std::fs::File::open(&file).unwrap();
            if file.extension().is_none_or(|end| end != "gz")
                || flate2::read::MultiGzDecoder::new(packed)
                    .take(4 << 20)
                    .read_to_end(&mut bytes)
                    .is_err()
            {
                continue;
            }
            let lines: Vec<Vec<u8>> =
                bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let known = compare(&lines, false);
            println!("{}: {known} of {}", file.display(), lines.len());
        }
    }
}
