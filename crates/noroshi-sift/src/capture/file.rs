//! Files of packets: pcap and pcapng.
//!
//! Both byte orders, micro- and nanoseconds, several interfaces with their own clocks. A file may end
//! anywhere; what was whole before is handed on.

use std::io::{self, Read};

use crate::problem::Reason;

/// The largest packet that is taken, in bytes; libpcap writes no larger one.
pub(crate) const PACKET_BYTES_MAX: usize = 262_144;
/// The largest block of a pcapng file, in bytes.
const BLOCK_BYTES_MAX: usize = 1 << 20;
/// How many interfaces one section of a pcapng file may describe.
const INTERFACES_MAX: usize = 4_096;
const NS_PER_US: u64 = 1_000;
const US_PER_SECOND: u64 = 1_000_000;

/// What a file of packets begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Pcap { big_endian: bool, nanoseconds: bool, modified: bool },
    PcapNg,
}

/// The form that the first four bytes announce.
pub(crate) fn form_of(begin: &[u8]) -> Option<Form> {
    let pcap =
        |big_endian, nanoseconds, modified| Some(Form::Pcap { big_endian, nanoseconds, modified });
    match begin.first_chunk::<4>()? {
        [0xa1, 0xb2, 0xc3, 0xd4] => pcap(true, false, false),
        [0xd4, 0xc3, 0xb2, 0xa1] => pcap(false, false, false),
        [0xa1, 0xb2, 0x3c, 0x4d] => pcap(true, true, false),
        [0x4d, 0x3c, 0xb2, 0xa1] => pcap(false, true, false),
        // Kuznetzov's form, whose packets have eight bytes more in front.
        [0xa1, 0xb2, 0xcd, 0x34] => pcap(true, false, true),
        [0x34, 0xcd, 0xb2, 0xa1] => pcap(false, false, true),
        [0x0a, 0x0d, 0x0d, 0x0a] => Some(Form::PcapNg),
        _ => None,
    }
}

/// One packet of a file; its bytes lie in the reader's buffer.
///
/// INVARIANT: no `Debug`, so that the bytes cannot be printed.
pub(crate) struct Packet<'a> {
    /// Bytes from the beginning of the file to the beginning of its record.
    pub(crate) offset: u64,
    /// Counted from one.
    pub(crate) number: u64,
    /// The link type (libpcap's `LINKTYPE_`).
    pub(crate) link: u16,
    /// Microseconds since the epoch; `None` where the file does not say.
    pub(crate) ts_us: Option<i64>,
    /// What was captured, perhaps cut off by the snap length.
    pub(crate) bytes: &'a [u8],
}

/// What is wrong with a file, and where; nothing behind it can be read.
pub(crate) struct Torn {
    pub(crate) offset: u64,
    pub(crate) number: u64,
    pub(crate) reason: Reason,
}

/// Why no further packet comes.
pub(crate) enum Stop {
    /// The end of the file, where it belongs.
    End,
    Torn(Torn),
    Input(io::Error),
}

#[derive(Clone, Copy)]
struct Interface {
    link: u16,
    /// Ticks in a second.
    rate: u64,
    /// Seconds to add (option `if_tsoffset`).
    shift_s: i64,
}

/// Reads the packets of one file.
pub(crate) struct Packets<R> {
    input: R,
    form: Form,
    big_endian: bool,
    offset: u64,
    number: u64,
    interfaces: Vec<Interface>,
    begun: bool,
    buffer: Vec<u8>,
}

impl<R: Read> Packets<R> {
    pub(crate) fn new(input: R, form: Form) -> Self {
        let big_endian = matches!(form, Form::Pcap { big_endian: true, .. });
        Self {
            input,
            form,
            big_endian,
            offset: 0,
            number: 0,
            interfaces: Vec::new(),
            begun: false,
            buffer: Vec::new(),
        }
    }

    /// Bytes read so far.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next packet.
    pub(crate) fn next(&mut self) -> Result<Packet<'_>, Stop> {
        match self.form {
            Form::Pcap { nanoseconds, modified, .. } => self.next_pcap(nanoseconds, modified),
            Form::PcapNg => self.next_block(),
        }
    }

    fn torn(&self, offset: u64, reason: Reason) -> Stop {
        Stop::Torn(Torn { offset, number: self.number + 1, reason })
    }

    /// Fills `length` bytes into the buffer from `at` on. Nothing at all, where allowed, is the end.
    fn fill(&mut self, at: usize, length: usize, may_end: bool) -> Result<(), Stop> {
        self.buffer.resize(at + length, 0);
        let mut have = 0;
        while have < length {
            let rest = self.buffer.get_mut(at + have..).unwrap_or_default();
            match self.input.read(rest) {
                Ok(0) if have == 0 && may_end => return Err(Stop::End),
                Ok(0) => return Err(self.torn(self.offset, Reason::Interrupted)),
                Ok(read) => have += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Input(error)),
            }
        }
        Ok(())
    }

    fn u16(&self, at: usize) -> u16 {
        let bytes = self.buffer.get(at..).and_then(|rest| rest.first_chunk::<2>().copied());
        let bytes = bytes.unwrap_or_default();
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(&self, at: usize) -> u32 {
        let bytes = self.buffer.get(at..).and_then(|rest| rest.first_chunk::<4>().copied());
        let bytes = bytes.unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn next_pcap(&mut self, nanoseconds: bool, modified: bool) -> Result<Packet<'_>, Stop> {
        if !self.begun {
            self.fill(0, 24, false)?;
            // The upper bits say how long the check sum of a frame is, not what it is.
            let link = u16::try_from(self.u32(20) & 0xffff).unwrap_or_default();
            self.interfaces.push(Interface { link, rate: US_PER_SECOND, shift_s: 0 });
            self.begun = true;
            self.offset = 24;
        }
        let header = if modified { 24 } else { 16 };
        self.fill(0, header, true)?;
        let (seconds, fraction) = (self.u32(0), u64::from(self.u32(4)));
        let length = self.u32(8) as usize;
        if length > PACKET_BYTES_MAX {
            return Err(self.torn(self.offset, Reason::BadCapture));
        }
        self.fill(0, length, false)?;
        let fraction = if nanoseconds { fraction / NS_PER_US } else { fraction };
        let us = u64::from(seconds) * US_PER_SECOND + fraction;
        let offset = self.offset;
        self.offset += (header + length) as u64;
        self.number += 1;
        let link = self.interfaces.first().map_or(u16::MAX, |interface| interface.link);
        Ok(Packet {
            offset,
            number: self.number,
            link,
            ts_us: i64::try_from(us).ok(),
            bytes: &self.buffer,
        })
    }

    fn next_block(&mut self) -> Result<Packet<'_>, Stop> {
        loop {
            let offset = self.offset;
            let kind = self.block(offset)?;
            let found = match kind {
                // Section header: interfaces are numbered anew.
                0x0a0d_0d0a => {
                    self.interfaces.clear();
                    None
                }
                1 => {
                    self.interface().ok_or_else(|| self.torn(offset, Reason::BadCapture))?;
                    None
                }
                2 => Some(self.enhanced(u32::from(self.u16(8)))),
                3 => Some(self.simple()),
                6 => Some(self.enhanced(self.u32(8))),
                _ => None,
            };
            let Some(found) = found else { continue };
            self.number += 1;
            let number = self.number;
            let Some((interface, ts_us, begin, length)) = found else {
                return Err(Stop::Torn(Torn { offset, number, reason: Reason::BadCapture }));
            };
            let bytes = self.buffer.get(begin..begin + length).unwrap_or_default();
            return Ok(Packet { offset, number, link: interface.link, ts_us, bytes });
        }
    }

    /// Reads a whole block into the buffer and returns its type.
    fn block(&mut self, offset: u64) -> Result<u32, Stop> {
        self.fill(0, 12, true)?;
        let is_section = self.buffer.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
        if is_section {
            self.big_endian = match self.buffer.get(8..12) {
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
                _ => return Err(self.torn(offset, Reason::BadCapture)),
            };
        }
        let length = self.u32(4) as usize;
        if !(12..=BLOCK_BYTES_MAX).contains(&length) || !length.is_multiple_of(4) {
            return Err(self.torn(offset, Reason::BadCapture));
        }
        self.fill(12, length - 12, false)?;
        if self.u32(length - 4) as usize != length {
            return Err(self.torn(offset, Reason::BadCapture));
        }
        self.offset += length as u64;
        Ok(self.u32(0))
    }

    /// Interface description block.
    fn interface(&mut self) -> Option<()> {
        if self.buffer.len() < 20 || self.interfaces.len() >= INTERFACES_MAX {
            return None;
        }
        let mut interface = Interface { link: self.u16(8), rate: US_PER_SECOND, shift_s: 0 };
        let mut at = 16;
        while at + 4 <= self.buffer.len() - 4 {
            let (code, length) = (self.u16(at), usize::from(self.u16(at + 2)));
            match code {
                0 => break,
                // if_tsresol: a power of ten, or of two where the highest bit is set.
                9 if length == 1 => {
                    let power = *self.buffer.get(at + 4)?;
                    let base: u64 = if power & 0x80 == 0 { 10 } else { 2 };
                    interface.rate = base.checked_pow(u32::from(power & 0x7f))?;
                }
                14 if length == 8 => {
                    let (high, low) = (self.u32(at + 4), self.u32(at + 8));
                    let (high, low) = if self.big_endian { (high, low) } else { (low, high) };
                    interface.shift_s = (u64::from(high) << 32 | u64::from(low)).cast_signed();
                }
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        self.interfaces.push(interface);
        Some(())
    }

    /// Enhanced packet block, and the older packet block, whose fields lie at the same places.
    fn enhanced(&self, interface: u32) -> Option<(Interface, Option<i64>, usize, usize)> {
        let interface = *self.interfaces.get(interface as usize)?;
        let length = self.u32(20) as usize;
        if length > PACKET_BYTES_MAX || length + 32 > self.buffer.len() {
            return None;
        }
        let ticks = u128::from(self.u32(12)) << 32 | u128::from(self.u32(16));
        let us = i64::try_from(ticks * u128::from(US_PER_SECOND) / u128::from(interface.rate)).ok();
        let shift = interface.shift_s.checked_mul(1_000_000);
        let ts_us = us.zip(shift).and_then(|(us, shift)| us.checked_add(shift));
        Some((interface, ts_us, 28, length))
    }

    /// Simple packet block: no time, the first interface.
    fn simple(&self) -> Option<(Interface, Option<i64>, usize, usize)> {
        let interface = *self.interfaces.first()?;
        let length = (self.u32(8) as usize).min(self.buffer.len().checked_sub(16)?);
        (length <= PACKET_BYTES_MAX).then_some((interface, None, 12, length))
    }
}
