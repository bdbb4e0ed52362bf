//! Packets become flows.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use super::community::Tuple;
use super::heard::{Heard, Names};
use super::packet::Segment;
use crate::flow::FlowRecord;
use crate::switches::Switches;
use crate::view::{Detail, Ends};

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const FIN: u8 = 0x01;
const ACK: u8 = 0x10;
/// How many places of flows that have ended stay in the order, beside as many as there are open flows.
const PLACES_SPARE: usize = 1_024;

/// When a flow is at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many flows are open at a time; where one more comes, the one that rested longest is closed early.
    pub flows_max: usize,
    /// How long a flow of TCP may rest.
    pub idle_tcp_seconds: u32,
    /// How long any other flow may rest.
    pub idle_other_seconds: u32,
    /// After how long a flow is recorded though it goes on; the rest of it is another record.
    pub active_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows_max: 262_144,
            idle_tcp_seconds: 300,
            idle_other_seconds: 60,
            active_seconds: 1_800,
        }
    }
}

/// Ports on which servers listen. Where the beginning of a communication was not seen, the end with one of
/// them is taken for the one that answers.
const SERVER_PORTS: [u16; 62] = [
    20, 21, 22, 23, 25, 53, 67, 80, 81, 88, 110, 111, 119, 123, 135, 137, 139, 143, 161, 162, 389,
    443, 445, 502, 514, 563, 585, 587, 614, 631, 636, 989, 990, 992, 993, 995, 1080, 1434, 1812,
    2123, 2152, 3128, 3268, 3306, 3389, 3544, 4011, 4789, 5060, 5072, 5222, 5223, 5269, 5353, 5355,
    5432, 6081, 6379, 8000, 8080, 8888, 20000,
];

/// A communication, whoever spoke first.
type Key = Tuple;

fn key_of(tuple: Tuple) -> Key {
    let Tuple { src, dst, src_port, dst_port, proto } = tuple;
    if (src, src_port) <= (dst, dst_port) {
        tuple
    } else {
        Tuple { src: dst, dst: src, src_port: dst_port, dst_port: src_port, proto }
    }
}

/// Where a packet stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) ts_us: i64,
    pub(crate) offset: u64,
    pub(crate) number: u64,
}

/// A flow that is at its end, and where its first packet stood.
pub(crate) struct Ended {
    pub(crate) offset: u64,
    pub(crate) number: u64,
    pub(crate) tuple: Tuple,
    pub(crate) record: FlowRecord,
}

struct Flow {
    tuple: Tuple,
    begun: At,
    last_us: i64,
    bytes: u64,
    packets: u64,
    /// Both sides, or one of them for both, have said that it is over.
    closed: [bool; 2],
    heard: Option<Box<Heard>>,
    /// Which flow of the table it is, counted from one.
    generation: u64,
}

/// A place in the order of the flows.
#[derive(Clone, Copy)]
struct Noted {
    key: Key,
    /// The flow that stood here; another one may have come between the same ends since.
    generation: u64,
    ts_us: i64,
}

/// The flows that are open.
pub(crate) struct Table {
    limits: Limits,
    switches: Switches,
    flows: HashMap<Key, Flow>,
    /// INVARIANT: every open flow stands here once under its generation, with a time not later than its last packet.
    /// What stands here of flows that have ended is passed over when its turn comes: to take it out of the middle
    /// would cost as much as there are flows, for each packet that somebody hostile sends.
    order: VecDeque<Noted>,
    /// How many flows there have been.
    generations: u64,
    now_us: i64,
    /// Bytes held to look for names, over all flows.
    held: usize,
    /// How many flows were closed early because there were too many.
    pub(crate) evicted: u64,
    /// How often not every name was looked at.
    pub(crate) unheard: u64,
    pub(crate) ended: Vec<Ended>,
}

impl Table {
    pub(crate) fn new(limits: Limits, switches: Switches) -> Self {
        Self {
            limits,
            switches,
            flows: HashMap::new(),
            order: VecDeque::new(),
            generations: 0,
            now_us: i64::MIN,
            held: 0,
            evicted: 0,
            unheard: 0,
            ended: Vec::new(),
        }
    }

    /// Counts a segment.
    pub(crate) fn add(&mut self, segment: &Segment<'_>, at: At) {
        let key = key_of(segment.tuple);
        if self.flows.get(&key).is_some_and(|flow| self.is_over(flow, segment, at)) {
            self.end(&key);
        }
        if !self.flows.contains_key(&key) {
            self.make_room();
            self.generations += 1;
            let generation = self.generations;
            let flow = Flow {
                tuple: opened_by(segment),
                begun: at,
                last_us: at.ts_us,
                bytes: 0,
                packets: 0,
                closed: [false, false],
                heard: Heard::of(segment.tuple, self.switches),
                generation,
            };
            self.flows.insert(key, flow);
            self.order.push_back(Noted { key, generation, ts_us: at.ts_us });
        }
        let Some(flow) = self.flows.get_mut(&key) else { return };
        if flow.heard.as_ref().is_some_and(|heard| heard.is_full()) {
            self.ended.push(flow.part(at));
        }
        flow.bytes = flow.bytes.saturating_add(segment.bytes);
        flow.packets = flow.packets.saturating_add(segment.packets);
        flow.last_us = flow.last_us.max(at.ts_us);
        let is_forth =
            flow.tuple.src == segment.tuple.src && flow.tuple.src_port == segment.tuple.src_port;
        if let Some((flags, sequence)) = segment.tcp {
            let [forth, back] = &mut flow.closed;
            if flags & RST != 0 {
                (*forth, *back) = (true, true);
            } else if flags & FIN != 0 {
                *(if is_forth { forth } else { back }) = true;
            }
            if let Some(heard) = &mut flow.heard {
                let starts = flags & SYN != 0;
                heard.stream(is_forth, starts, sequence, segment.payload, &mut self.held);
            }
        } else if let Some(heard) = &mut flow.heard {
            heard.datagram(segment.tuple, segment.payload);
        }
    }

    /// Whether what comes is the beginning of another communication between the same ends.
    fn is_over(&self, flow: &Flow, segment: &Segment<'_>, at: At) -> bool {
        let starts = segment.tcp.is_some_and(|(flags, _)| flags & (SYN | ACK) == SYN);
        let goes_on_us = i64::from(self.limits.active_seconds) * 1_000_000;
        (starts && flow.closed == [true, true])
            || at.ts_us.saturating_sub(flow.last_us) > self.idle_us(flow)
            || at.ts_us.saturating_sub(flow.begun.ts_us) > goes_on_us
    }

    fn idle_us(&self, flow: &Flow) -> i64 {
        let seconds = if flow.tuple.proto == Protocol::TCP {
            self.limits.idle_tcp_seconds
        } else {
            self.limits.idle_other_seconds
        };
        i64::from(seconds) * 1_000_000
    }

    /// Moves the clock of the capture on and ends what has rested too long.
    pub(crate) fn advance(&mut self, now_us: i64) {
        self.now_us = self.now_us.max(now_us);
        // Each look moves at most one flow that is not over to the back, so that the cost stays even.
        while let Some(noted) = self.order.front().copied() {
            let Some(flow) = self.flow_of(noted) else {
                self.order.pop_front();
                continue;
            };
            let (idle_us, last_us) = (self.idle_us(flow), flow.last_us);
            if self.now_us.saturating_sub(noted.ts_us) <= idle_us {
                return;
            }
            self.order.pop_front();
            if self.now_us.saturating_sub(last_us) > idle_us {
                self.end(&noted.key);
            } else {
                self.order.push_back(Noted { ts_us: last_us, ..noted });
                return;
            }
        }
    }

    /// The flow that stands at a place of the order; none where it has ended.
    fn flow_of(&self, noted: Noted) -> Option<&Flow> {
        self.flows.get(&noted.key).filter(|flow| flow.generation == noted.generation)
    }

    /// Closes the flow that has rested longest; one that was busy since it was last looked at gets a second chance.
    fn make_room(&mut self) {
        let mut chances = self.order.len();
        while self.flows.len() >= self.limits.flows_max.max(1) {
            let Some(noted) = self.order.pop_front() else { return };
            let Some(flow) = self.flow_of(noted) else { continue };
            let last_us = flow.last_us;
            if last_us > noted.ts_us && chances > 0 {
                chances -= 1;
                self.order.push_back(Noted { ts_us: last_us, ..noted });
                continue;
            }
            self.end(&noted.key);
            self.evicted = self.evicted.saturating_add(1);
        }
    }

    fn end(&mut self, key: &Key) {
        let Some(flow) = self.flows.remove(key) else { return };
        self.ended.push(flow.end(&mut self.held, &mut self.unheard));
        // Places of flows that have ended may be as many as those of open ones; clearing them out costs each of them
        // one step.
        if self.order.len() > 2 * self.flows.len() + PLACES_SPARE {
            let flows = &self.flows;
            self.order.retain(|noted| {
                flows.get(&noted.key).is_some_and(|flow| flow.generation == noted.generation)
            });
        }
    }

    /// Ends every flow, in the order in which they were noted.
    pub(crate) fn finish(&mut self) {
        while let Some(noted) = self.order.pop_front() {
            if self.flow_of(noted).is_some()
                && let Some(flow) = self.flows.remove(&noted.key)
            {
                self.ended.push(flow.end(&mut self.held, &mut self.unheard));
            }
        }
    }
}

impl Flow {
    /// What was counted so far; what comes from here on is another record.
    fn part(&mut self, at: At) -> Ended {
        let names = self.heard.as_mut().map(|heard| heard.take()).unwrap_or_default();
        let ended = self.ended(names);
        (self.begun, self.bytes, self.packets) = (at, 0, 0);
        ended
    }

    fn end(mut self, held: &mut usize, unheard: &mut u64) -> Ended {
        let (names, missed) = self.heard.take().map(|heard| heard.end(held)).unwrap_or_default();
        *unheard = unheard.saturating_add(missed);
        self.ended(names)
    }

    fn ended(&self, (names, addresses): Names) -> Ended {
        let Self { tuple, begun, last_us, bytes, packets, .. } = *self;
        // The tuple stays as it was seen, because its identifier is made of those bytes.
        let [src, dst] = [tuple.src, tuple.dst].map(|end| Some(end.to_canonical()));
        let ends = Ends { ts_us: begun.ts_us, src, dst };
        let has_ports = matches!(tuple.proto, Protocol::TCP | Protocol::UDP | Protocol::SCTP);
        let detail = Detail {
            src_port: has_ports.then_some(tuple.src_port),
            dst_port: has_ports.then_some(tuple.dst_port),
            proto: Some(tuple.proto),
            bytes: Some(bytes),
            packets: Some(packets),
            flow_start_us: Some(begun.ts_us),
            flow_end_us: Some(last_us),
        };
        let record = FlowRecord { names, addresses, ..FlowRecord::new(ends, detail) };
        Ended { offset: begun.offset, number: begun.number, tuple, record }
    }
}

/// Who opened a communication of which this is the first segment.
fn opened_by(segment: &Segment<'_>) -> Tuple {
    let tuple = segment.tuple;
    let is_server = |port: u16| SERVER_PORTS.binary_search(&port).is_ok();
    let is_for_all = match tuple.dst {
        IpAddr::V4(address) => address.is_broadcast() || address.is_multicast(),
        IpAddr::V6(address) => address.is_multicast(),
    };
    let looks_like_an_answer =
        is_server(tuple.src_port) && !is_server(tuple.dst_port) && !is_for_all;
    let is_answer = match (tuple.proto, segment.tcp) {
        (Protocol::TCP, Some((flags, _))) if flags & SYN != 0 => flags & ACK != 0,
        (Protocol::TCP | Protocol::UDP, _) => looks_like_an_answer,
        _ => false,
    };
    if is_answer {
        Tuple {
            src: tuple.dst,
            dst: tuple.src,
            src_port: tuple.dst_port,
            dst_port: tuple.src_port,
            proto: tuple.proto,
        }
    } else {
        tuple
    }
}
