//! The files of kept records: which there are, and opening one.
//!
//! A folder may hold the records of one sensor or those of many; every file whose name ends in `.parquet` is one of
//! them. Where it lies below `measure=NAME` it holds records of that measure only (`noroshi sift run` writes it so).
//! The folder `day=` says when a selection *began* and nothing of when a record was, so no time is taken from it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use noroshi_evidence::parquet_footer::{self, Footer};
use noroshi_sift::addresses::{AddressTable, KEY, Place, places_of, sum};
use noroshi_sift::store::{self, ReadRecords};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{
    ChunkReader as _, FileReader, Length as _, RowGroupReader, SerializedFileReader,
};
use parquet::file::statistics::Statistics;

use crate::columns::{Packed, at};
use crate::source::Source;

/// How many files are looked through at a time.
pub const FILES_MAX: usize = 1_000_000;
/// How deep below the folder files are looked for.
pub const DEPTH_MAX: usize = 16;
/// The measure under which records of one's own network are filed.
pub const OWN_NETWORK: &str = "own-network";

/// One file of kept records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// Where it lies below the folder, parts separated by `/`.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes when it was found.
    pub bytes: u64,
}

impl Stored {
    /// The measure under whose name it is filed; none where it lies below no such folder. A name that is written with
    /// `%XX` is read back.
    pub fn measure(&self) -> Option<String> {
        let part = self.name.split('/').rev().find_map(|part| part.strip_prefix("measure="))?;
        unescaped(part)
    }

    /// Opens the file and asks whether it is what it should be, before anything in it is decoded.
    pub fn open(&self) -> Result<Opened, Unreadable> {
        let source = Source::open(&self.path)?;
        let read = |begin, length| source.get_bytes(begin, length).ok();
        if parquet_footer::look(source.len(), read) != Footer::Bounded {
            return Err(ReadRecords::Torn.into());
        }
        let from = std::panic::AssertUnwindSafe(source.clone());
        // The reader asserts some things about a file instead of checking them.
        let opened = std::panic::catch_unwind(|| SerializedFileReader::new(from.0));
        let reader = opened.map_err(|_| ReadRecords::Torn)?.map_err(ReadRecords::from)?;
        store::check(reader.metadata(), source.len())?;
        let about = reader.metadata().file_metadata();
        let is_ours = about.created_by() == Some("noroshi");
        let said = about.key_value_metadata().into_iter().flatten().find(|one| one.key == KEY);
        let text = said.filter(|_| is_ours).and_then(|said| said.value.as_deref());
        let tables = text.and_then(|text| places_of(text, reader.num_row_groups(), source.len()));
        Ok(Opened { reader, source, is_ours, tables: tables.unwrap_or_default() })
    }
}

fn unescaped(part: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            u8::try_from(high << 4 | low).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

/// Why a file of records was passed over. No byte of it is quoted.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It could not be read.
    #[error("NRS-HUNT-0101: file cannot be read")]
    Io(#[from] io::Error),
    /// It is not one of records, contradicts itself, or exceeds a limit.
    #[error("NRS-HUNT-0102: file is not one of mechanical records, or is damaged")]
    NotRecords(#[from] ReadRecords),
}

impl Unreadable {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "NRS-HUNT-0101",
            Self::NotRecords(_) => "NRS-HUNT-0102",
        }
    }
}

/// Why a folder was not gone through.
#[derive(Debug, thiserror::Error)]
pub enum ListRecords {
    /// A folder could not be read.
    #[error("`{0}` cannot be read")]
    Io(String, #[source] io::Error),
    /// More than [`FILES_MAX`] files or deeper than [`DEPTH_MAX`].
    #[error(
        "NRS-HUNT-0002: folder holds more than {FILES_MAX} files of records or is deeper than {DEPTH_MAX}"
    )]
    TooMany,
}

/// The files of records below a folder, sorted by name. Links are not followed; files that are still written
/// (`.part`) are left out.
pub fn list(dir: &Path) -> Result<Vec<Stored>, ListRecords> {
    let mut found = Vec::new();
    gather(dir, "", 0, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn gather(
    dir: &Path,
    below: &str,
    depth: usize,
    found: &mut Vec<Stored>,
) -> Result<(), ListRecords> {
    let failed = |problem| ListRecords::Io(dir.display().to_string(), problem);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(failed)?;
        let is_records = Path::new(&name).extension().is_some_and(|end| end == "parquet");
        if kind.is_dir() {
            if depth >= DEPTH_MAX {
                return Err(ListRecords::TooMany);
            }
            gather(&entry.path(), &format!("{name}/"), depth + 1, found)?;
        } else if kind.is_file() && is_records {
            if found.len() >= FILES_MAX {
                return Err(ListRecords::TooMany);
            }
            let bytes = entry.metadata().map_err(failed)?.len();
            found.push(Stored { name, path: entry.path(), bytes });
        }
    }
    Ok(())
}

/// A file of records, opened.
pub struct Opened {
    reader: SerializedFileReader<Source>,
    source: Source,
    /// Whether `noroshi sift` wrote it, so that addresses are written the one way it writes them.
    pub(crate) is_ours: bool,
    /// Where the tables of addresses lie, for each row group; empty in a file that has none.
    tables: Vec<[Place; 2]>,
}

impl Opened {
    /// How many row groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    /// What is known of a row group without reading it.
    pub(crate) fn about(&self, group: usize) -> About<'_> {
        let metadata = self.reader.metadata();
        About { group: (group < metadata.num_row_groups()).then(|| metadata.row_group(group)) }
    }

    /// The table of a column of addresses of a row group; nothing where the file has none.
    pub(crate) fn addresses(
        &self,
        group: usize,
        column: usize,
    ) -> Result<Option<AddressTable>, ParquetError> {
        let Some([src, dst]) = self.tables.get(group) else { return Ok(None) };
        let place = if column == at::SRC_IP { src } else { dst };
        let bytes = self.source.get_bytes(place.offset, place.bytes as usize)?;
        let table = (sum(&bytes) == place.sum).then(|| AddressTable::read(&bytes)).flatten();
        let torn = || ParquetError::General("table of addresses is damaged".to_owned());
        table.map(Some).ok_or_else(torn)
    }

    /// Which value each row of a column has, all of which stand in its dictionary.
    pub(crate) fn packed(
        &self,
        group: &RowGroupMetaData,
        column: usize,
    ) -> Result<Packed, ParquetError> {
        Packed::of(&self.source, group.column(column), group.num_rows())
    }

    /// Reads something of a row group. What goes wrong is an answer about the file; the program goes on.
    pub(crate) fn read<T>(
        &self,
        group: usize,
        read: impl FnOnce(&dyn RowGroupReader) -> Result<T, ParquetError>,
    ) -> Result<T, Unreadable> {
        self.source.begin(self.about(group).group);
        let read = std::panic::AssertUnwindSafe(|| {
            let group = self.reader.get_row_group(group)?;
            read(group.as_ref())
        });
        let done = std::panic::catch_unwind(read).map_err(|_| ReadRecords::Torn);
        self.source.begin(None);
        let done = done?;
        Ok(done.map_err(ReadRecords::from)?)
    }
}

/// What the end of a file says of one of its row groups.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    group: Option<&'a RowGroupMetaData>,
}

impl<'a> About<'a> {
    pub(crate) fn rows(self) -> u64 {
        self.group.map_or(0, |group| u64::try_from(group.num_rows()).unwrap_or_default())
    }

    fn statistics(self, column: usize) -> Option<&'a Statistics> {
        self.group?.columns().get(column)?.statistics()
    }

    /// The least and the greatest number of a column; nothing where it is not said.
    pub(crate) fn numbers(self, column: usize) -> Option<(i64, i64)> {
        match self.statistics(column)? {
            Statistics::Int64(about) => Some((*about.min_opt()?, *about.max_opt()?)),
            _ => None,
        }
    }

    /// The least and the greatest text of a column, or bounds outside of them.
    pub(crate) fn texts(self, column: usize) -> Option<(&'a [u8], &'a [u8])> {
        let about = self.statistics(column)?;
        // The order of earlier versions of the format compared signed bytes.
        if about.is_min_max_deprecated() {
            return None;
        }
        about.min_bytes_opt().zip(about.max_bytes_opt())
    }

    /// Whether no row has a value in a column.
    pub(crate) fn is_empty(self, column: usize) -> bool {
        self.statistics(column).and_then(Statistics::null_count_opt) == Some(self.rows())
    }

    /// The measure of every row; nothing where it is not the same in all, or not said.
    pub(crate) fn measure(self) -> Option<&'a [u8]> {
        let is_in_all = self.statistics(at::MEASURE_ID)?.null_count_opt() == Some(0);
        let (least, greatest) = self.texts(at::MEASURE_ID)?;
        // A bound that was cut off is not the value.
        (is_in_all && least == greatest && least.len() < 64).then_some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_order_and_their_measure_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b/records/day=2026-11-23/measure=own-network/0.parquet",
            "a/records/day=2026-11-23/measure=m%2F7/1.parquet",
            "a/records/2.parquet",
            "a/records/3.parquet.part",
        ] {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let found = list(dir.path()).unwrap();
        let seen: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.measure())).collect();
        assert_eq!(
            seen,
            [
                ("a/records/2.parquet", None),
                ("a/records/day=2026-11-23/measure=m%2F7/1.parquet", Some("m/7".to_owned())),
                (
                    "b/records/day=2026-11-23/measure=own-network/0.parquet",
                    Some("own-network".to_owned())
                ),
            ]
        );
        assert!(matches!(found[0].open(), Err(Unreadable::NotRecords(_))));
    }
}
