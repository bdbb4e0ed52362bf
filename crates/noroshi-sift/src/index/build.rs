//! From a list to the sections of an index.

use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use noroshi_evidence::mechanical::Protocol;
use sha2::{Digest as _, Sha256};

use super::image::{Image, KINDS, SECTIONS, Section};
use super::table::{Filter, Key, Kind, Slots};
use super::{BuildIndex, SELECTORS_MAX};
use crate::digest::Digest;
use crate::selector::{Fingerprint, Only, Selector, SelectorValue, Side};

/// How many bytes one set of terms takes.
pub(super) const TERM_BYTES: usize = 40;
pub(super) const NET_BYTES: usize = 18;
/// What stands for no time.
pub(super) const NEVER_US: i64 = i64::MAX;
pub(super) const EVER_US: i64 = i64::MIN;

/// Bits that say which parts of terms there are.
pub(super) mod flag {
    pub(in super::super) const SRC: u8 = 1;
    pub(in super::super) const DST: u8 = 1 << 1;
    pub(in super::super) const PORT: u8 = 1 << 2;
    pub(in super::super) const PROTO: u8 = 1 << 3;
    pub(in super::super) const ID: u8 = 1 << 4;
    pub(in super::super) const MEASURE: u8 = 1 << 5;
    pub(in super::super) const APPROVAL: u8 = 1 << 6;
}

/// Sorts a list and arranges it. Of the same value under the same id the highest version stays.
pub(super) fn image(
    selectors: &[Selector],
    base: Option<Digest>,
    removed: Vec<u8>,
) -> Result<Image, BuildIndex> {
    if selectors.len() > SELECTORS_MAX {
        return Err(BuildIndex::TooMany(selectors.len()));
    }
    let sorted = sorted(selectors);
    let digest = digest_of(&sorted, base, &removed);
    let mut parts = Parts::new(Key::of(base.unwrap_or(digest)));
    for (number, (_, selector)) in sorted.iter().enumerate() {
        let repeats = number
            .checked_sub(1)
            .and_then(|before| sorted.get(before))
            .is_some_and(|(_, before)| before.value == selector.value);
        parts.push(selector, repeats)?;
    }
    drop(sorted);
    let (kinds, sections) = parts.sections(removed);
    Image::assemble(&sections, kinds, digest, base).map_err(|_| BuildIndex::TooLarge)
}

fn sorted(selectors: &[Selector]) -> Vec<(u128, &Selector)> {
    let mut sorted: Vec<(u128, &Selector)> =
        selectors.iter().map(|selector| (rank(&selector.value), selector)).collect();
    sorted.sort_unstable_by(|(left_rank, left), (right_rank, right)| {
        left_rank.cmp(right_rank).then_with(|| {
            // Of the same name the highest version comes first.
            left.name().cmp(&right.name()).then_with(|| right.cmp(left))
        })
    });
    sorted.dedup_by(|(_, later), (_, kept)| later.name() == kept.name());
    sorted
}

/// A number that orders as the value does, so that sorting seldom has to look at the value: the kind in the
/// top byte, then as much of the value as there is room for.
pub(super) fn rank(value: &SelectorValue) -> u128 {
    let first = |bytes: &[u8]| {
        let bytes = bytes.iter().copied().chain(std::iter::repeat(0)).take(15);
        bytes.fold(0, |rest, byte| rest << 8 | u128::from(byte))
    };
    let (kind, rest) = match value {
        SelectorValue::Address(IpAddr::V4(address)) => (0, u128::from(address.to_bits())),
        SelectorValue::Address(IpAddr::V6(address)) => (1, address.to_bits() >> 8),
        SelectorValue::Network(_) => (2, 0),
        SelectorValue::Domain { name, .. } => (3, first(name.as_str().as_bytes())),
        SelectorValue::Url(url) => (4, first(url.as_str().as_bytes())),
        SelectorValue::File(digest) => (5, first(digest.as_bytes())),
        SelectorValue::Certificate(digest) => (6, first(digest.as_bytes())),
        SelectorValue::Fingerprint(_) => (7, 0),
        SelectorValue::Email(hash) => (8, first(&hash.0)),
    };
    kind << 120 | rest
}

fn digest_of(sorted: &[(u128, &Selector)], base: Option<Digest>, removed: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(b"noroshi-selectors/1\n");
    if let Some(base) = base {
        hasher.update(format!("over\t{base}\t{}\n", Digest::of(removed)));
    }
    let mut line = String::new();
    for (_, selector) in sorted {
        line.clear();
        // Writing to a `String` does not fail.
        let written = digest_line(selector, &mut line);
        debug_assert!(written.is_ok());
        hasher.update(&line);
    }
    Digest(hasher.finalize().into())
}

fn digest_line(selector: &Selector, line: &mut String) -> std::fmt::Result {
    let Selector { value, only, id, version, valid_from, expires, measure, approval } = selector;
    let id = id.as_ref().map_or("-", |id| id.as_str());
    write!(line, "{}\t{value}{only}\t{id}\t{version}\t", value.kind())?;
    match expires {
        Some(time) => write!(line, "{time}")?,
        None => line.push('-'),
    }
    if valid_from.is_some() || measure.is_some() || approval.is_some() {
        match valid_from {
            Some(time) => write!(line, "\t{time}")?,
            None => line.push_str("\t-"),
        }
        let measure = measure.as_ref().map_or("-", |id| id.as_str());
        let approval = approval.as_ref().map_or("-", |id| id.as_str());
        write!(line, "\t{measure}\t{approval}")?;
    }
    line.push('\n');
    Ok(())
}

/// The kind and the bytes under which a value that is no address is entered.
pub(super) fn text_of(value: &SelectorValue) -> Option<(Kind, Vec<u8>)> {
    Some(match value {
        SelectorValue::Address(_) | SelectorValue::Network(_) => return None,
        SelectorValue::Domain { name, .. } => (Kind::Domain, name.as_str().as_bytes().to_vec()),
        SelectorValue::Url(url) => (Kind::Url, url.as_str().as_bytes().to_vec()),
        SelectorValue::File(digest) => (Kind::File, digest.as_bytes().to_vec()),
        SelectorValue::Certificate(digest) => (Kind::Certificate, digest.as_bytes().to_vec()),
        SelectorValue::Fingerprint(fingerprint) => {
            (Kind::Fingerprint, fingerprint_bytes(fingerprint))
        }
        SelectorValue::Email(hash) => (Kind::Email, hash.0.to_vec()),
    })
}

/// A digit for which fingerprint, then the fingerprint.
pub(super) fn fingerprint_bytes(fingerprint: &Fingerprint) -> Vec<u8> {
    match fingerprint {
        Fingerprint::Ja3(bytes) => [b"3".as_slice(), bytes].concat(),
        Fingerprint::Ja3s(bytes) => [b"s".as_slice(), bytes].concat(),
        Fingerprint::Ja4(text) => [b"4", text.as_bytes()].concat(),
    }
}

/// The sections while they grow.
struct Parts {
    key: Key,
    count: u32,
    kinds: [u32; KINDS],
    hashes: Vec<u64>,
    slots: Vec<(u64, u32)>,
    v4: Vec<u32>,
    v6: Vec<u8>,
    nets: Vec<u8>,
    net_touched: Vec<u8>,
    net_lengths: Vec<u8>,
    text_ends: Vec<u8>,
    texts: Vec<u8>,
    exact: Vec<u8>,
    terms: Terms,
}

impl Parts {
    fn new(key: Key) -> Self {
        Self {
            key,
            count: 0,
            kinds: [0; KINDS],
            hashes: Vec::new(),
            slots: Vec::new(),
            v4: Vec::new(),
            v6: Vec::new(),
            nets: Vec::new(),
            net_touched: Vec::new(),
            net_lengths: Vec::new(),
            text_ends: Vec::new(),
            texts: Vec::new(),
            exact: Vec::new(),
            terms: Terms::default(),
        }
    }

    /// INVARIANT: called in sorted order, so that the selectors of one value stand next to each other.
    fn push(&mut self, selector: &Selector, repeats: bool) -> Result<(), BuildIndex> {
        let (kind, hash) = match &selector.value {
            SelectorValue::Address(IpAddr::V4(address)) => {
                self.v4.push(address.to_bits());
                (0, self.key.of_v4(address.to_bits()))
            }
            SelectorValue::Address(IpAddr::V6(address)) => {
                self.v6.extend(address.octets());
                (1, self.key.of_v6(address.to_bits()))
            }
            SelectorValue::Network(net) => {
                self.net(*net);
                (2, self.key.of_net(*net))
            }
            value => self.text(value)?,
        };
        if let Some(count) = self.kinds.get_mut(kind) {
            *count += 1;
        }
        // Of selectors of the same value the first one is entered; the others stand behind it.
        if !repeats {
            self.hashes.push(hash);
            if kind != 0 {
                self.slots.push((hash, self.count));
            }
        }
        self.count += 1;
        self.terms.push(selector)
    }

    fn net(&mut self, net: IpNet) {
        let (family, bytes) = match net.addr() {
            IpAddr::V4(address) => (4, address.to_ipv6_compatible().octets()),
            IpAddr::V6(address) => (6, address.octets()),
        };
        self.nets.extend([family, net.prefix_len()]);
        self.nets.extend(bytes);
        let length = net.prefix_len() | if family == 6 { 128 } else { 0 };
        if let Err(at) = self.net_lengths.binary_search(&length) {
            self.net_lengths.insert(at, length);
        }
        if let IpNet::V4(net) = net {
            self.net_touched.resize(65_536 / 8, 0);
            for block in net.network().to_bits() >> 16..=net.broadcast().to_bits() >> 16 {
                if let Some(byte) = self.net_touched.get_mut(block as usize / 8) {
                    *byte |= 1 << (block % 8);
                }
            }
        }
    }

    fn text(&mut self, value: &SelectorValue) -> Result<(usize, u64), BuildIndex> {
        let Some((kind, bytes)) = text_of(value) else { return Err(BuildIndex::TooLarge) };
        let number = self.text_ends.len() / 4;
        if number.is_multiple_of(8) {
            self.exact.push(0);
        }
        if matches!(value, SelectorValue::Domain { subdomains: false, .. })
            && let Some(byte) = self.exact.last_mut()
        {
            *byte |= 1 << (number % 8);
        }
        self.texts.extend_from_slice(&bytes);
        let end = u32::try_from(self.texts.len()).map_err(|_| BuildIndex::TooLarge)?;
        self.text_ends.extend_from_slice(&end.to_le_bytes());
        Ok((kind as usize - 1, self.key.of_bytes(kind, &bytes)))
    }

    fn sections(self, removed: Vec<u8>) -> ([u32; KINDS], [Vec<u8>; SECTIONS]) {
        let mut sections = [const { Vec::new() }; SECTIONS];
        let filter = Filter::build(&self.hashes);
        drop(self.hashes);
        let slots = Slots::build(&self.slots);
        drop(self.slots);
        let mut put = |section: Section, bytes: Vec<u8>| {
            if let Some(part) = sections.get_mut(section as usize) {
                *part = bytes;
            }
        };
        put(Section::Filter, filter);
        put(Section::Slots, slots);
        put(Section::V4Starts, starts(&self.v4));
        put(Section::V4, self.v4.iter().flat_map(|bits| bits.to_le_bytes()).collect());
        put(Section::V6, self.v6);
        put(Section::Nets, self.nets);
        put(Section::NetTouched, self.net_touched);
        put(Section::NetLengths, self.net_lengths);
        put(Section::TextEnds, self.text_ends);
        put(Section::Texts, self.texts);
        put(Section::Exact, self.exact);
        let Terms { which, sets: terms, texts } = self.terms;
        let is_uniform = terms.len() <= TERM_BYTES;
        put(Section::TermOf, if is_uniform { Vec::new() } else { which });
        put(Section::Terms, terms);
        put(Section::TermTexts, texts);
        put(Section::Removed, removed);
        (self.kinds, sections)
    }
}

/// Where each range of high bits begins among sorted addresses, about four in each.
fn starts(v4: &[u32]) -> Vec<u8> {
    if v4.is_empty() {
        return Vec::new();
    }
    let bits = (v4.len() / 4).max(1).ilog2().min(24);
    let mut starts = Vec::with_capacity((1 << bits) * 4 + 4);
    let mut at = 0_usize;
    for range in 0_u64..=1 << bits {
        let first = range << (32 - bits);
        while v4.get(at).is_some_and(|value| u64::from(*value) < first) {
            at += 1;
        }
        starts.extend(u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
    }
    starts
}

/// Id, version, times and conditions, held once for neighbours that have the same.
#[derive(Default)]
struct Terms {
    which: Vec<u8>,
    sets: Vec<u8>,
    texts: Vec<u8>,
}

impl Terms {
    fn push(&mut self, selector: &Selector) -> Result<(), BuildIndex> {
        let before = (self.sets.len(), self.texts.len());
        let term = self.term(selector)?;
        // A plain list has one set of terms, and a list with ids has no two that are equal.
        if before.1 == self.texts.len() && self.sets.ends_with(&term) {
            // The neighbour's will do.
        } else {
            self.sets.extend_from_slice(&term);
        }
        let which = (self.sets.len() / TERM_BYTES).saturating_sub(1);
        self.which.extend(u32::try_from(which).unwrap_or(u32::MAX).to_le_bytes());
        Ok(())
    }

    fn term(&mut self, selector: &Selector) -> Result<[u8; TERM_BYTES], BuildIndex> {
        let Only { side, port, proto } = selector.only;
        let mut flags = match side {
            None => 0,
            Some(Side::Src) => flag::SRC,
            Some(Side::Dst) => flag::DST,
        };
        flags |= if port.is_some() { flag::PORT } else { 0 };
        flags |= if proto.is_some() { flag::PROTO } else { 0 };
        let texts = [
            (flag::ID, selector.id.as_ref().map(noroshi_evidence::mechanical::SelectorId::as_str)),
            (
                flag::MEASURE,
                selector.measure.as_ref().map(noroshi_evidence::mechanical::MeasureId::as_str),
            ),
            (
                flag::APPROVAL,
                selector.approval.as_ref().map(noroshi_evidence::mechanical::SelectorId::as_str),
            ),
        ];
        let (mut lengths, mut offsets) = ([0_u8; 3], [0_u32; 3]);
        for ((flag, text), (length, offset)) in
            texts.into_iter().zip(lengths.iter_mut().zip(&mut offsets))
        {
            let Some(text) = text else { continue };
            flags |= flag;
            *length = u8::try_from(text.len()).map_err(|_| BuildIndex::TooLarge)?;
            *offset = u32::try_from(self.texts.len()).map_err(|_| BuildIndex::TooLarge)?;
            self.texts.extend_from_slice(text.as_bytes());
        }
        let us = |time: Option<Timestamp>, none| time.map_or(none, Timestamp::as_microsecond);
        let mut term = Vec::with_capacity(TERM_BYTES);
        term.extend(selector.version.to_le_bytes());
        term.extend([flags, proto.unwrap_or(Protocol(0)).0]);
        term.extend(port.unwrap_or_default().to_le_bytes());
        term.extend(us(selector.valid_from, EVER_US).to_le_bytes());
        term.extend(us(selector.expires, NEVER_US).to_le_bytes());
        term.extend(lengths);
        term.push(0);
        for offset in offsets {
            term.extend(offset.to_le_bytes());
        }
        term.try_into().map_err(|_| BuildIndex::TooLarge)
    }
}
