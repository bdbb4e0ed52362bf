//! The file an index is.
//!
//! All numbers are little-endian; a section begins at a multiple of 64 bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `NRSINDEX` |
//! | 8..12 | the version of the format, [`VERSION`] |
//! | 12..16 | `0x01020304`, so that a file of other byte order is known as one |
//! | 16..24 | length of the file |
//! | 24..56 | digest of the list |
//! | 56..88 | digest of the list this one is laid over; zeroes for one that stands alone |
//! | 88..136 | for each of twelve kinds how many selectors it has, four bytes each |
//! | 136..136 + 24 n | for each section offset, length and checksum |
//! | then | checksum of all before |
//!
//! A checksum is for damage, not for forgery: who must know that a list is the approved one compares its digest.
//! Every checksum is verified before the first look-up.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use mmap_io::MemoryMappedFile;

use crate::digest::Digest;

/// The version of the format.
pub const VERSION: u32 = 1;
/// The longest index file, in bytes.
pub const FILE_BYTES_MAX: u64 = 16 << 30;

const MAGIC: &[u8; 8] = b"NRSINDEX";
const ORDER: u32 = 0x0102_0304;
const KINDS_AT: usize = 88;
pub(crate) const KINDS: usize = 12;
const TABLE_AT: usize = KINDS_AT + 4 * KINDS;
const ALIGN: usize = 64;

/// The parts of an index file, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Section {
    /// A filter over all values.
    Filter,
    /// Addresses of IPv4, sorted.
    V4,
    /// Where in them each range of high bits begins.
    V4Starts,
    /// Addresses of IPv6, sorted, in network order.
    V6,
    /// Prefixes: 4 or 6, length, sixteen bytes of address.
    Nets,
    /// One bit for each /16 of IPv4 that some prefix touches.
    NetTouched,
    /// The prefix lengths of IPv4, then those of IPv6 with 128 added.
    NetLengths,
    /// Where each text ends.
    TextEnds,
    /// Names, locators, digests, fingerprints.
    Texts,
    /// One bit for each name that is looked for without those below it.
    Exact,
    /// The table of all that are not addresses of IPv4.
    Slots,
    /// Which terms a selector has; empty where all have the same.
    TermOf,
    /// Terms, 40 bytes each.
    Terms,
    /// The texts of ids, measures and approvals.
    TermTexts,
    /// What a list over another one takes away from it, a line each.
    Removed,
}

pub(crate) const SECTIONS: usize = Section::Removed as usize + 1;
const HEADER_BYTES: usize = TABLE_AT + 24 * SECTIONS + 8;

/// Why a file is not used as an index. The codes are stable.
#[derive(Debug, thiserror::Error)]
pub enum LoadIndex {
    /// The file could not be read.
    #[error("index could not be read")]
    Io(#[from] io::Error),
    /// The file is something else.
    #[error("NRS-SIFT-0030: file is not an index of selectors")]
    NotAnIndex,
    /// The file is of another version of the format.
    #[error("NRS-SIFT-0031: index is of version `{0}`, not {VERSION}")]
    WrongVersion(u32),
    /// The file was written with the bytes of a number the other way round.
    #[error("NRS-SIFT-0032: index is of a machine with another byte order")]
    ForeignOrder,
    /// The file is shorter or longer than it says, or than the limit.
    #[error("NRS-SIFT-0033: index is not as long as it says, or too long")]
    WrongLength,
    /// A checksum does not agree.
    #[error("NRS-SIFT-0034: index is damaged")]
    Damaged,
    /// The parts of the file do not fit each other.
    #[error("NRS-SIFT-0035: index contradicts itself")]
    Contradicts,
    /// It is laid over another list than the one at hand, or over none.
    #[error("NRS-SIFT-0036: increment does not belong to this index")]
    OtherBase,
}

impl LoadIndex {
    /// The stable code; a failure to read has none of its own.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) | Self::NotAnIndex => "NRS-SIFT-0030",
            Self::WrongVersion(_) => "NRS-SIFT-0031",
            Self::ForeignOrder => "NRS-SIFT-0032",
            Self::WrongLength => "NRS-SIFT-0033",
            Self::Damaged => "NRS-SIFT-0034",
            Self::Contradicts => "NRS-SIFT-0035",
            Self::OtherBase => "NRS-SIFT-0036",
        }
    }
}

/// Where the bytes of an index are.
enum Bytes {
    Owned(Vec<u8>),
    /// Read-only and shared through the page cache with every process that has the file open.
    Mapped(Box<MemoryMappedFile>),
}

/// A checked file.
///
/// INVARIANT: every range of `sections` lies inside the bytes.
pub(crate) struct Image {
    bytes: Bytes,
    sections: [(usize, usize); SECTIONS],
    pub(crate) kinds: [u32; KINDS],
    pub(crate) digest: Digest,
    pub(crate) base: Option<Digest>,
}

impl fmt::Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Image").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Image {
    /// Puts sections together.
    pub(crate) fn assemble(
        parts: &[Vec<u8>; SECTIONS],
        kinds: [u32; KINDS],
        digest: Digest,
        base: Option<Digest>,
    ) -> Result<Self, LoadIndex> {
        let mut table = Vec::new();
        let mut end = HEADER_BYTES.next_multiple_of(ALIGN);
        for part in parts {
            for number in [end as u64, part.len() as u64, checksum(part)] {
                table.extend_from_slice(&number.to_le_bytes());
            }
            end = (end + part.len()).next_multiple_of(ALIGN);
        }
        let mut bytes = Vec::with_capacity(end);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&ORDER.to_le_bytes());
        bytes.extend_from_slice(&(end as u64).to_le_bytes());
        bytes.extend_from_slice(&digest.0);
        bytes.extend_from_slice(&base.map_or([0; 32], |base| base.0));
        for count in kinds {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        bytes.extend_from_slice(&table);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        for part in parts {
            bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
            bytes.extend_from_slice(part);
        }
        bytes.resize(end, 0);
        Self::check(Bytes::Owned(bytes), Sums::Known)
    }

    /// Takes the bytes of a file.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Result<Self, LoadIndex> {
        Self::check(Bytes::Owned(bytes), Sums::Verify)
    }

    /// Maps a file.
    ///
    /// The file must be replaced by renaming another over it and never be written in place: a mapping of a file
    /// that somebody shortens ends the process. `noroshi sift index` renames.
    pub(crate) fn open(path: &Path) -> Result<Self, LoadIndex> {
        // What is too short to be mapped is looked at like any other file that is none.
        let mut head = [0; HEADER_BYTES];
        let mut file = File::open(path)?;
        if file.metadata()?.len() > FILE_BYTES_MAX {
            return Err(LoadIndex::WrongLength);
        }
        if let Err(problem) = file.read_exact(&mut head) {
            return Err(match problem.kind() {
                io::ErrorKind::UnexpectedEof => LoadIndex::NotAnIndex,
                _ => problem.into(),
            });
        }
        let map = MemoryMappedFile::open_ro(path).map_err(io::Error::other)?;
        Self::check(Bytes::Mapped(Box::new(map)), Sums::Verify)
    }

    fn check(bytes: Bytes, sums: Sums) -> Result<Self, LoadIndex> {
        let whole = bytes.all();
        let header = Header { bytes: whole.get(..HEADER_BYTES).ok_or(LoadIndex::NotAnIndex)? };
        if !whole.starts_with(MAGIC) {
            return Err(LoadIndex::NotAnIndex);
        }
        match header.u32(12) {
            ORDER => {}
            order if order == ORDER.swap_bytes() => return Err(LoadIndex::ForeignOrder),
            _ => return Err(LoadIndex::Damaged),
        }
        if header.u32(8) != VERSION {
            return Err(LoadIndex::WrongVersion(header.u32(8)));
        }
        if header.u64(16) != whole.len() as u64 {
            return Err(LoadIndex::WrongLength);
        }
        let (before, sum) = header.bytes.split_last_chunk::<8>().ok_or(LoadIndex::NotAnIndex)?;
        if checksum(before) != u64::from_le_bytes(*sum) {
            return Err(LoadIndex::Damaged);
        }
        let mut sections = [(0, 0); SECTIONS];
        for (number, section) in sections.iter_mut().enumerate() {
            let at = TABLE_AT + 24 * number;
            let begin = usize::try_from(header.u64(at)).map_err(|_| LoadIndex::Contradicts)?;
            let length = usize::try_from(header.u64(at + 8)).map_err(|_| LoadIndex::Contradicts)?;
            let end = begin.checked_add(length).ok_or(LoadIndex::Contradicts)?;
            let part = whole.get(begin..end).ok_or(LoadIndex::Contradicts)?;
            if matches!(sums, Sums::Verify) && checksum(part) != header.u64(at + 16) {
                return Err(LoadIndex::Damaged);
            }
            *section = (begin, end);
        }
        let mut kinds = [0; KINDS];
        for (number, count) in kinds.iter_mut().enumerate() {
            *count = header.u32(KINDS_AT + 4 * number);
        }
        let base = header.digest(56);
        let (digest, base) = (header.digest(24), (base.0 != [0; 32]).then_some(base));
        Ok(Self { bytes, sections, kinds, digest, base })
    }

    /// The bytes of a section.
    #[inline]
    pub(crate) fn section(&self, section: Section) -> &[u8] {
        let (begin, end) = self.sections.get(section as usize).copied().unwrap_or_default();
        self.bytes.all().get(begin..end).unwrap_or_default()
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.all().len()
    }

    pub(crate) fn write_to(&self, mut sink: impl Write) -> io::Result<()> {
        sink.write_all(self.bytes.all())
    }
}

impl Bytes {
    #[inline]
    fn all(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(map) => map.as_slice_bytes(0, map.len()).unwrap_or_default(),
        }
    }
}

/// Whether the checksums of sections have to be computed.
#[derive(Debug, Clone, Copy)]
enum Sums {
    Verify,
    /// They were made of these bytes a moment ago.
    Known,
}

struct Header<'a> {
    bytes: &'a [u8],
}

impl Header<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or([0; N])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    fn digest(&self, at: usize) -> Digest {
        Digest(self.array(at))
    }
}

/// Four lanes of multiply and fold, so that memory and not arithmetic is the limit.
fn checksum(bytes: &[u8]) -> u64 {
    const STEPS: [u64; 4] = [
        0x9e37_79b9_7f4a_7c15,
        0xbf58_476d_1ce4_e5b9,
        0x94d0_49bb_1331_11eb,
        0xd6e8_feb8_6659_fd93,
    ];
    let mut lanes = STEPS;
    let mut take = |chunk: &[u8; 32]| {
        let (words, _) = chunk.as_chunks::<8>();
        for ((lane, word), step) in lanes.iter_mut().zip(words).zip(STEPS) {
            *lane = fold(*lane ^ u64::from_le_bytes(*word), step);
        }
    };
    let (chunks, rest) = bytes.as_chunks::<32>();
    chunks.iter().for_each(&mut take);
    let mut last = [0; 32];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    take(&last);
    lanes.into_iter().fold(bytes.len() as u64, |sum, lane| fold(sum ^ lane, STEPS[0]))
}

/// Adding the word back keeps what a product of zero would lose.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are wanted")]
const fn fold(word: u64, step: u64) -> u64 {
    let product = word as u128 * step as u128;
    (product as u64 ^ (product >> 64) as u64).wrapping_add(word.rotate_left(23))
}
