//! The bytes of a file, a column at a time.
//!
//! `parquet` asks for a page header, a page, the next header, and so on: many small reads. Of the row group that is being
//! read, the dictionary of a column or its rows are read from the file at once, whatever of them is asked for first, and
//! handed out piece by piece without copying. What nobody asks for is not read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};

/// The longest part that is read at once, in bytes; what is longer is read piece by piece.
const PART_BYTES_MAX: u64 = 16 << 20;
/// How much is read ahead where a piece does not lie in a part, in bytes.
const AHEAD_BYTES: usize = 16 << 10;

/// A file of records. Clones share what was read.
#[derive(Clone)]
pub(crate) struct Source(Arc<Inner>);

struct Inner {
    file: File,
    bytes: u64,
    /// The dictionaries and the rows of the columns of the row group that is being read.
    parts: Mutex<Vec<Part>>,
}

struct Part {
    begin: u64,
    end: u64,
    bytes: Option<Bytes>,
}

impl Source {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self(Arc::new(Inner { file, bytes, parts: Mutex::default() })))
    }

    /// Says which row group is read from now on, and lets go of what was read of another.
    pub(crate) fn begin(&self, group: Option<&RowGroupMetaData>) {
        let columns = group.into_iter().flat_map(RowGroupMetaData::columns).flat_map(|column| {
            let (begin, length) = column.byte_range();
            let end = begin.saturating_add(length);
            let rows = u64::try_from(column.data_page_offset()).unwrap_or(begin).clamp(begin, end);
            let part = |begin, end| Part { begin, end, bytes: None };
            [part(begin, rows), part(rows, end)]
        });
        *self.parts() = columns.filter(|one| one.end <= self.0.bytes).collect();
    }

    fn parts(&self) -> MutexGuard<'_, Vec<Part>> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file has from a place on to the end of the part in which it lies; nothing where it lies in none.
    fn part(&self, start: u64) -> io::Result<Option<Bytes>> {
        let mut parts = self.parts();
        let around = parts.iter_mut().find(|one| (one.begin..one.end).contains(&start));
        let Some(part) = around.filter(|one| one.end - one.begin <= PART_BYTES_MAX) else {
            return Ok(None);
        };
        let bytes = match &part.bytes {
            Some(bytes) => bytes.clone(),
            None => {
                let bytes = self.read(part.begin, place(part.end - part.begin)?)?;
                part.bytes.insert(bytes).clone()
            }
        };
        Ok(Some(bytes.slice(place(start - part.begin)?..)))
    }

    fn read(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.0.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// A length in memory.
fn place(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.bytes
    }
}

impl ChunkReader for Source {
    type T = From;

    fn get_read(&self, start: u64) -> Result<From> {
        let held = self.part(start)?.unwrap_or_default();
        let next = start.saturating_add(held.len() as u64);
        Ok(From { source: self.clone(), held, next })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if let Some(bytes) = self.part(start)?
            && length <= bytes.len()
        {
            return Ok(bytes.slice(..length));
        }
        // A damaged file may say that a piece is longer than the file is.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.bytes) {
            return Err(ParquetError::EOF("file ends before a piece of it does".to_owned()));
        }
        Ok(self.read(start, length)?)
    }
}

/// The file from a place on.
pub(crate) struct From {
    source: Source,
    held: Bytes,
    /// Where what is not held begins.
    next: u64,
}

impl Read for From {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() {
            let left = self.source.0.bytes.saturating_sub(self.next);
            let length = left.min(AHEAD_BYTES.max(to.len()) as u64);
            self.held = self.source.read(self.next, place(length)?)?;
            self.next += length;
        }
        let length = to.len().min(self.held.len());
        if let Some(to) = to.get_mut(..length) {
            self.held.copy_to_slice(to);
        }
        Ok(length)
    }
}
