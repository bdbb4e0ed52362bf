//! One input, whatever it is.
//!
//! | what it begins with | is read as |
//! |---|---|
//! | gzip, zstd | what is inside; once, not again inside that |
//! | pcap, pcapng | [`crate::capture`] |
//! | NetFlow 5 or 9, IPFIX | [`crate::export`] |
//! | Parquet | [`crate::table`] |
//! | a line of column names that have a time and an address | [`crate::table`] |
//! | anything else | Zeek's tables and JSON, and EVE, line by line |
//!
//! The name of a file decides nothing.

use std::io::{self, Write};

use bytes::Bytes;

use crate::capture::file::form_of;
use crate::capture::{CaptureNotes, CaptureSettings};
use crate::engine::{Engine, Read};
use crate::export::{Collector, is_export};
use crate::flow::FlowRecord;
use crate::packed::{Unpacked, packing_of, peek};
use crate::problem::Reason;
use crate::table::Mapping;

/// The longest Parquet that is read from a pipe or out of a packing, in bytes; it has to be held as a whole.
pub const PARQUET_HELD_BYTES_MAX: u64 = 256 << 20;

/// How inputs are read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// How captures are read.
    pub capture: CaptureSettings,
    /// Which columns of a table are what; where there is none, the names of the columns decide.
    pub mapping: Option<Mapping>,
}

impl<W: Write + Send> Engine<W> {
    /// Like [`Engine::read_any`], but passes over the first `skip` bytes of what is inside a packed log: they were
    /// read before it was packed.
    pub fn read_any_after(
        &mut self,
        source: &str,
        input: impl io::Read,
        skip: u64,
        reading: &Reading,
        collector: &mut Collector,
    ) -> Result<CaptureNotes, Read> {
        if skip == 0 {
            return self.read_any(source, input, reading, collector);
        }
        let (begin, input) = peek(input)?;
        let Some(packing) = packing_of(&begin) else {
            return Ok(CaptureNotes::default());
        };
        let mut unpacked = Unpacked::new(input, packing)?;
        let inside = io::BufReader::with_capacity(1 << 18, &mut unpacked);
        let done = self.read_after(source, inside, skip);
        self.broken(source, done, unpacked.fault(), unpacked.out())?;
        Ok(CaptureNotes::default())
    }

    /// A break of the packing is one more thing that could not be read, at the place that was reached.
    fn broken<T: Default>(
        &mut self,
        source: &str,
        done: Result<T, Read>,
        fault: Option<Reason>,
        out: u64,
    ) -> Result<T, Read> {
        match (done, fault) {
            (Err(Read::Input(_)), Some(reason)) => {
                self.take(source, out, 0, Err::<FlowRecord, _>(reason))?;
                Ok(T::default())
            }
            (done, _) => done,
        }
    }

    /// Looks through one input of any kind. `source` is the name under which problems are reported.
    ///
    /// What is damaged or makes no sense is counted and reported; an error means that the input itself or
    /// the sink failed.
    pub fn read_any(
        &mut self,
        source: &str,
        input: impl io::Read,
        reading: &Reading,
        collector: &mut Collector,
    ) -> Result<CaptureNotes, Read> {
        let (begin, input) = peek(input)?;
        let Some(packing) = packing_of(&begin) else {
            return self.read_plain(source, &begin, input, reading, collector);
        };
        let mut unpacked = Unpacked::new(input, packing)?;
        let done = match peek(&mut unpacked) {
            Ok((begin, inside)) => self.read_plain(source, &begin, inside, reading, collector),
            Err(error) => Err(Read::Input(error)),
        };
        self.broken(source, done, unpacked.fault(), unpacked.out())
    }

    fn read_plain(
        &mut self,
        source: &str,
        begin: &[u8],
        input: impl io::BufRead,
        reading: &Reading,
        collector: &mut Collector,
    ) -> Result<CaptureNotes, Read> {
        let none = CaptureNotes::default();
        if let Some(form) = form_of(begin) {
            return self.read_capture(source, input, form, reading.capture, collector);
        }
        if begin.starts_with(b"PAR1") {
            return self.read_held_parquet(source, input, reading.mapping.as_ref()).map(|()| none);
        }
        if is_export(begin) {
            return self.read_exports(source, input, collector).map(|()| none);
        }
        if let Some(form) = crate::table::csv::form_of(begin, reading.mapping.as_ref()) {
            return self.read_csv(source, input, &form).map(|()| none);
        }
        self.read(source, input).map(|()| none)
    }

    fn read_held_parquet(
        &mut self,
        source: &str,
        input: impl io::Read,
        mapping: Option<&Mapping>,
    ) -> Result<(), Read> {
        let mut held = Vec::new();
        let mut input = input.take(PARQUET_HELD_BYTES_MAX + 1);
        io::Read::read_to_end(&mut input, &mut held)?;
        if held.len() as u64 > PARQUET_HELD_BYTES_MAX {
            self.add_bytes(held.len() as u64);
            return self.take(source, 0, 0, Err::<FlowRecord, _>(Reason::TooLong));
        }
        self.read_parquet(source, Bytes::from(held), mapping)
    }
}

/// Whether what begins so is read line by line: nothing packed, no capture, no export and no table with names of
/// columns that say a role.
pub fn is_lines(begin: &[u8], reading: &Reading) -> bool {
    packing_of(begin).is_none()
        && form_of(begin).is_none()
        && !is_parquet(begin)
        && !is_export(begin)
        && crate::table::csv::form_of(begin, reading.mapping.as_ref()).is_none()
}

/// Whether a file begins like Parquet, which can be read in place and should not go through a pipe.
pub fn is_parquet(begin: &[u8]) -> bool {
    begin.starts_with(b"PAR1")
}
