//! Packed inputs: gzip of any number of members, zstd of any number of frames.
//!
//! Half a file is read to where it breaks off, and the break is stated. What unpacks to too much is stopped.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::problem::Reason;

/// How many bytes may come out before the ratio is asked for.
const RATIO_FREE_BYTES: u64 = 64 << 20;
/// How many times its size a packed input may unpack to; logs reach some tens.
const RATIO_MAX: u64 = 400;
/// The most that one packed input may unpack to, in bytes.
const UNPACKED_BYTES_MAX: u64 = 1 << 42;
/// The largest window of zstd that is held: 128 MiB, what its own tool accepts unasked.
const WINDOW_LOG_MAX: u32 = 27;

/// How an input is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

/// The packing that the first bytes announce (RFC 1952 §2.3.1, RFC 8878 §3.1).
pub(crate) fn packing_of(begin: &[u8]) -> Option<Packing> {
    match begin {
        [0x1f, 0x8b, 8, ..] => Some(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Packing::Zstd),
        _ => None,
    }
}

/// Counts what is read, and remembers whether the input itself failed.
struct Counted<R> {
    input: R,
    read: u64,
    failed: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(read) => {
                self.read = self.read.saturating_add(read as u64);
                Ok(read)
            }
            Err(error) => {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }
}

enum Inner<R: Read> {
    Gzip(MultiGzDecoder<BufReader<Counted<R>>>),
    Zstd(Decoder<'static, BufReader<Counted<R>>>),
}

/// An input while it is unpacked.
pub(crate) struct Unpacked<R: Read> {
    inner: Inner<R>,
    out: u64,
    fault: Option<Reason>,
}

impl<R: Read> Unpacked<R> {
    pub(crate) fn new(input: R, packing: Packing) -> io::Result<Self> {
        let counted = BufReader::with_capacity(1 << 16, Counted { input, read: 0, failed: false });
        let inner = match packing {
            Packing::Gzip => Inner::Gzip(MultiGzDecoder::new(counted)),
            Packing::Zstd => {
                let mut decoder = Decoder::with_buffer(counted)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Inner::Zstd(decoder)
            }
        };
        Ok(Self { inner, out: 0, fault: None })
    }

    /// Why it ended before its end; `None` also where the input itself failed.
    pub(crate) const fn fault(&self) -> Option<Reason> {
        self.fault
    }

    /// How many bytes came out.
    pub(crate) const fn out(&self) -> u64 {
        self.out
    }

    fn counted(&self) -> &Counted<R> {
        match &self.inner {
            Inner::Gzip(decoder) => decoder.get_ref().get_ref(),
            Inner::Zstd(decoder) => decoder.get_ref().get_ref(),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fault.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let result = match &mut self.inner {
            Inner::Gzip(decoder) => decoder.read(buffer),
            Inner::Zstd(decoder) => decoder.read(buffer),
        };
        match result {
            Ok(read) => {
                self.out = self.out.saturating_add(read as u64);
                let packed = self.counted().read.max(1);
                let is_dense = self.out > RATIO_FREE_BYTES && self.out / packed > RATIO_MAX;
                if is_dense || self.out > UNPACKED_BYTES_MAX {
                    self.fault = Some(Reason::TooDense);
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) if self.counted().failed => Err(error),
            // The decoder's own words could quote what it met; they are not passed on.
            Err(_) => {
                self.fault = Some(Reason::Damaged);
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }
}

/// Reads enough of an input to see what it is, and hands back an input that begins with it.
pub(crate) fn peek<R: Read>(mut input: R) -> io::Result<(Vec<u8>, impl BufRead + use<R>)> {
    /// Enough for every magic number and for the names of the columns of a table.
    const BEGIN_BYTES: usize = 16 << 10;
    let mut begin = Vec::with_capacity(BEGIN_BYTES);
    // A pipe hands over what it has; a line or all that is wanted is enough.
    while begin.len() < BEGIN_BYTES && !(begin.len() >= 8 && begin.contains(&b'\n')) {
        let have = begin.len();
        begin.resize(BEGIN_BYTES, 0);
        let read = input.read(begin.get_mut(have..).unwrap_or_default());
        begin.truncate(have + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let whole = io::Cursor::new(begin.clone()).chain(input);
    Ok((begin, BufReader::with_capacity(1 << 18, whole)))
}
