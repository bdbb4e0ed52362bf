//! Captures of packets, reduced to flows.
//!
//! A flow is what goes between two ends on two ports until it rests or says that it is over; it becomes one
//! record with the bytes (from the IP header on) and packets of both directions, or several where it lasts or where more
//! than a few dozen names are heard in it. Of what the packets carry nothing is looked at, except the names for which a
//! legal switch is on.
//!
//! | what | where it is counted |
//! |---|---|
//! | a flow | like any record: kept, unmatched or turned away by direction |
//! | a frame without IP (ARP, spanning tree, encrypted radio) | `content` |
//! | a frame whose headers are cut off or contradict each other | `errors`, [`Reason::BadPacket`] |
//! | a frame of a link type that is not known | `errors`, [`Reason::UnknownLink`] |
//! | a file that ends inside a packet, or goes on as nonsense | `errors` once, [`Reason::Interrupted`] or [`Reason::BadCapture`]; what stood before it counts |
//!
//! A tunnel is a flow, and where tunnels are opened so is each flow inside it: IP in IP, GRE (with PPP,
//! ERSPAN and frames of radio), and on their assigned ports VXLAN, Geneve, GTP, Teredo, AYIYA and GRE in UDP.

mod community;
pub(crate) mod file;
mod fragments;
mod heard;
mod packet;
mod table;
mod tunnel;

use std::io::{Read as _, Write};
use std::net::SocketAddr;

pub use community::{Tuple, community_id};
use file::{Form, Packets, Stop};
use fragments::Fragments;
use noroshi_evidence::mechanical::Protocol;
use packet::{Found, Opener};
pub use table::Limits;
use table::{At, Table};

use crate::engine::{Engine, Read};
use crate::export::{self, Collector};
use crate::flow::FlowRecord;
use crate::problem::Reason;
use crate::switches::Switches;

/// How a capture is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaptureSettings {
    /// Whether what goes through a tunnel is looked at.
    pub tunnels: bool,
    /// When a flow is at its end.
    pub limits: Limits,
    /// Whether datagrams to the ports of exports are taken for exports, whose records are read as well.
    pub exports: bool,
}

/// What became of the packets, beside the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaptureNotes {
    /// Packets read.
    pub packets: u64,
    /// Flows that were closed early because too many were open; none of their packets is lost.
    pub evicted: u64,
    /// Datagrams of which not all fragments came.
    pub incomplete: u64,
    /// Messages of DNS with more entries than are looked at, and streams that were not listened to because too much of
    /// others was held.
    pub unheard: u64,
}

/// The flows of a capture, each with its Community ID: what [`Engine`] sees, for comparison with other tools.
///
/// Only tuples leave the crate; nothing of what the packets carry.
pub fn tuples(input: impl std::io::Read, tunnels: bool) -> std::io::Result<Vec<Tuple>> {
    let mut tuples = Vec::new();
    let mut input = input;
    let mut begin = [0; 4];
    input.read_exact(&mut begin)?;
    let Some(form) = file::form_of(&begin) else { return Ok(tuples) };
    let settings = CaptureSettings { tunnels, ..CaptureSettings::default() };
    let mut capture = Capture::new((&begin[..]).chain(input), form, settings, Switches::CLOSED);
    while capture.step(&mut |_, _, _| {}).is_ok() {
        tuples.extend(capture.table.ended.drain(..).map(|ended| ended.tuple));
    }
    capture.end();
    tuples.extend(capture.table.ended.drain(..).map(|ended| ended.tuple));
    Ok(tuples)
}

/// One capture under way.
struct Capture<R> {
    packets: Packets<R>,
    opener: Opener,
    table: Table,
    last: At,
    read: u64,
    /// Datagrams of exports that the packet at hand held, where they are wanted.
    exports: Option<Vec<(SocketAddr, Vec<u8>)>>,
}

impl<R: std::io::Read> Capture<R> {
    fn new(input: R, form: Form, settings: CaptureSettings, switches: Switches) -> Self {
        let CaptureSettings { tunnels, limits, exports } = settings;
        Self {
            packets: Packets::new(input, form),
            opener: Opener { fragments: Fragments::default(), tunnels },
            table: Table::new(limits, switches),
            last: At { ts_us: 0, offset: 0, number: 0 },
            read: 0,
            exports: exports.then(Vec::new),
        }
    }

    /// Takes one packet in. `other` hears of a frame that is no part of a flow.
    fn step(
        &mut self,
        other: &mut dyn FnMut(u64, u64, Result<FlowRecord, Reason>),
    ) -> Result<(), Stop> {
        let packet = self.packets.next()?;
        self.read = self.read.saturating_add(1);
        let (offset, number) = (packet.offset, packet.number);
        let Some(ts_us) = packet.ts_us else {
            other(offset, number, Err(Reason::BadTime));
            return Ok(());
        };
        let at = At { ts_us, offset, number };
        self.last = at;
        self.table.advance(ts_us);
        let table = &mut self.table;
        let exports = &mut self.exports;
        let mut segments = 0;
        let found = self.opener.frame(packet.link, ts_us, packet.bytes, &mut |segment| {
            segments += 1;
            table.add(segment, at);
            if let Some(exports) = exports
                && segment.tuple.proto == Protocol::UDP
                && export::PORTS.contains(&segment.tuple.dst_port)
            {
                let exporter = SocketAddr::new(segment.tuple.src, segment.tuple.src_port);
                exports.push((exporter, segment.payload.to_vec()));
            }
        });
        match found {
            Ok(Found::Ip) => {}
            Ok(Found::Other) => other(offset, number, Ok(FlowRecord::without_address())),
            // What was found before the headers broke off has been counted.
            Err(_) if segments > 0 => {}
            Err(reason) => other(offset, number, Err(reason)),
        }
        Ok(())
    }

    fn end(&mut self) {
        let (table, at) = (&mut self.table, self.last);
        self.opener.fragments.finish(&mut |segment| table.add(segment, at));
        self.table.finish();
    }
}

impl<W: Write + Send> Engine<W> {
    /// Looks through a capture of a form.
    pub(crate) fn read_capture(
        &mut self,
        source: &str,
        input: impl std::io::Read,
        form: Form,
        settings: CaptureSettings,
        collector: &mut Collector,
    ) -> Result<CaptureNotes, Read> {
        let mut capture = Capture::new(input, form, settings, self.switches());
        let stop = loop {
            let mut others = Vec::new();
            let step =
                capture.step(&mut |offset, number, record| others.push((offset, number, record)));
            for (offset, number, record) in others {
                self.take(source, offset, number, record)?;
            }
            self.take_ended(source, &mut capture.table)?;
            for (exporter, datagram) in capture.exports.iter_mut().flat_map(|all| all.drain(..)) {
                let at = (capture.last.offset, capture.last.number);
                self.datagram_at(collector, source, Some(exporter), at, &datagram)?;
            }
            if let Err(stop) = step {
                break stop;
            }
        };
        capture.end();
        self.take_ended(source, &mut capture.table)?;
        self.add_bytes(capture.packets.offset());
        match stop {
            Stop::End => {}
            Stop::Torn(torn) => {
                self.take(source, torn.offset, torn.number, Err::<FlowRecord, _>(torn.reason))?;
            }
            Stop::Input(error) => return Err(Read::Input(error)),
        }
        Ok(CaptureNotes {
            packets: capture.read,
            evicted: capture.table.evicted,
            incomplete: capture.opener.fragments.incomplete,
            unheard: capture.table.unheard,
        })
    }

    fn take_ended(&mut self, source: &str, table: &mut Table) -> Result<(), Read> {
        for ended in table.ended.drain(..) {
            self.take(source, ended.offset, ended.number, Ok(ended.record))?;
        }
        Ok(())
    }
}
