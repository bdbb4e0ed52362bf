//! Datagrams in pieces.
//!
//! The pieces are kept until the datagram is whole, in bounded memory and time. A datagram that never
//! becomes whole is handed on with as much as its beginning says, so that no packet goes uncounted.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use super::packet::{Take, segment_of};

/// How many datagrams are waited for at a time.
const DATAGRAMS_MAX: usize = 1_024;
/// How many bytes of pieces are kept, over all datagrams.
const BYTES_MAX: usize = 8 << 20;
/// How many pieces one datagram may come in.
const PIECES_MAX: usize = 512;
/// The length of the longest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// How long the rest of a datagram is waited for (RFC 8200 §4.5: 60 s).
const WAIT_US: i64 = 60_000_000;

/// One piece.
pub(crate) struct Fragment<'a> {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) proto: u8,
    pub(crate) id: u32,
    /// Where its body belongs in the datagram.
    pub(crate) at: usize,
    pub(crate) is_last: bool,
    /// Bytes on the wire.
    pub(crate) bytes: u64,
    pub(crate) body: &'a [u8],
    /// Whether the body was captured to its end.
    pub(crate) is_whole: bool,
}

type Key = (IpAddr, IpAddr, u8, u32);

#[derive(Default)]
struct Waiting {
    begun_us: i64,
    bytes: u64,
    packets: u64,
    /// The pieces, ordered by where they belong, without overlaps.
    pieces: Vec<(usize, Vec<u8>)>,
    length: Option<usize>,
    /// A piece is missing for good, so there is nothing to be waited for.
    broken: bool,
}

/// A datagram that is complete.
pub(crate) struct Whole {
    pub(crate) body: Vec<u8>,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
}

/// The datagrams that are waited for, the oldest first.
#[derive(Default)]
pub(crate) struct Fragments {
    waiting: HashMap<Key, Waiting>,
    order: VecDeque<(Key, i64)>,
    held: usize,
    /// How many datagrams did not become whole.
    pub(crate) incomplete: u64,
}

impl Fragments {
    /// Adds a piece; returns the datagram if that was the last one missing.
    pub(crate) fn add(
        &mut self,
        piece: &Fragment<'_>,
        ts_us: i64,
        take: Take<'_>,
    ) -> Option<Whole> {
        let key = (piece.src, piece.dst, piece.proto, piece.id);
        self.make_room(key, piece.body.len(), take);
        if !self.waiting.contains_key(&key) {
            self.order.push_back((key, ts_us));
        }
        let waiting = self.waiting.entry(key).or_default();
        if waiting.packets == 0 {
            waiting.begun_us = ts_us;
        }
        waiting.bytes = waiting.bytes.saturating_add(piece.bytes);
        waiting.packets = waiting.packets.saturating_add(1);
        self.held += waiting.put(piece);
        if !waiting.is_complete() {
            return None;
        }
        let waiting = self.waiting.remove(&key)?;
        self.order.retain(|(other, _)| *other != key);
        self.held = self.held.saturating_sub(waiting.held());
        Some(waiting.whole())
    }

    /// Stops waiting for the oldest where one more is too many or so many more bytes are; for the datagram that goes on too.
    fn make_room(&mut self, key: Key, bytes: usize, take: Take<'_>) {
        while !self.order.is_empty()
            && (self.held + bytes > BYTES_MAX
                || (self.waiting.len() >= DATAGRAMS_MAX && !self.waiting.contains_key(&key)))
        {
            self.give_up(take);
        }
    }

    /// Stops waiting for what has been waited for too long.
    pub(crate) fn forget(&mut self, now_us: i64, take: Take<'_>) {
        while self.order.front().is_some_and(|(_, begun)| begun.saturating_add(WAIT_US) < now_us) {
            self.give_up(take);
        }
    }

    /// Stops waiting altogether.
    pub(crate) fn finish(&mut self, take: Take<'_>) {
        while !self.order.is_empty() {
            self.give_up(take);
        }
    }

    fn give_up(&mut self, take: Take<'_>) {
        let Some((key, _)) = self.order.pop_front() else { return };
        let Some(waiting) = self.waiting.remove(&key) else { return };
        self.held = self.held.saturating_sub(waiting.held());
        self.incomplete = self.incomplete.saturating_add(1);
        let begin = match waiting.pieces.first() {
            Some((0, body)) => body.as_slice(),
            _ => &[],
        };
        let (src, dst, proto, _) = key;
        take(&segment_of(src, dst, proto, (waiting.bytes, waiting.packets), begin));
    }
}

impl Waiting {
    fn held(&self) -> usize {
        self.pieces.iter().map(|(_, body)| body.len()).sum()
    }

    /// Keeps a piece and returns how many bytes that took.
    fn put(&mut self, piece: &Fragment<'_>) -> usize {
        let end = piece.at + piece.body.len();
        if end > DATAGRAM_BYTES_MAX || self.pieces.len() >= PIECES_MAX || !piece.is_whole {
            self.broken = true;
            // Of a piece that was cut off by the snap length the beginning is still worth having.
            if piece.at != 0 || end > DATAGRAM_BYTES_MAX || !self.pieces.is_empty() {
                return 0;
            }
        }
        if piece.is_last && piece.is_whole {
            self.length = Some(end);
        }
        let place = self.pieces.partition_point(|(at, _)| *at < piece.at);
        let before = place.checked_sub(1).and_then(|before| self.pieces.get(before));
        let overlaps = before.is_some_and(|(at, body)| at + body.len() > piece.at)
            || self.pieces.get(place).is_some_and(|(at, _)| *at < end);
        if overlaps {
            // RFC 5722: what overlaps is an attack or a copy; the first one stays.
            return 0;
        }
        self.pieces.insert(place, (piece.at, piece.body.to_vec()));
        piece.body.len()
    }

    fn is_complete(&self) -> bool {
        let Some(length) = self.length.filter(|_| !self.broken) else { return false };
        let mut at = 0;
        for (begin, body) in &self.pieces {
            if *begin != at {
                return false;
            }
            at += body.len();
        }
        at >= length
    }

    fn whole(self) -> Whole {
        let body = self.pieces.into_iter().flat_map(|(_, body)| body).collect();
        Whole { body, bytes: self.bytes, packets: self.packets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_that_go_on_are_held_within_the_limit_too() {
        let (mut fragments, mut handed_on) = (Fragments::default(), 0);
        let body = [0; 8_000];
        // One after the other each of a thousand datagrams grows by a piece, so that none of them is new after the first.
        let places = [0, 8_000, 16_000, 24_000];
        for (at, id) in places.into_iter().flat_map(|at| (0..1_000).map(move |id| (at, id))) {
            let piece = Fragment {
                src: [192, 0, 2, 7].into(),
                dst: [203, 0, 113, 5].into(),
                proto: 17,
                id,
                at,
                is_last: false,
                bytes: 8_020,
                body: &body,
                is_whole: true,
            };
            let whole = fragments.add(&piece, 0, &mut |segment| handed_on += segment.packets);
            assert!(whole.is_none() && fragments.held <= BYTES_MAX, "{}", fragments.held);
        }
        fragments.finish(&mut |segment| handed_on += segment.packets);
        assert_eq!((handed_on, fragments.held), (4_000, 0));
    }
}
