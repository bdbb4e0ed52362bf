//! Parquet, a few rows of a row group at a time, and of it the columns that are read and no other.
//!
//! A cell is what the same table says in CSV: a number in digits, a moment in UTC with its `Z` and one of no zone
//! without, nothing for null. A list or a group is no cell: a column of that kind that would be read is refused.
//!
//! The decoder asserts some things about a file instead of checking them. What can be checked before is checked; should
//! it still give up, that is an answer about the file and not the end of the program.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::civil::date;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use noroshi_evidence::parquet_footer::{self, Footer};
use parquet::basic::{
    Compression, ConvertedType, Encoding, LogicalType, Repetition, TimeUnit, Type,
};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use uuid::Uuid;

use super::layout::{Columns, Head};
use super::lines::Raw;
use super::{NoTable, RECORD_BYTES_MAX, REJECT_BYTES_MAX, Settings};

/// Bytes by which a file is recognised.
pub(super) const MARK_BYTES: usize = 64;
/// What a file begins with; the second where its footer is encrypted.
const MARKS: [&[u8]; 2] = [b"PAR1", b"PARE"];
/// How many rows are held at a time.
const BATCH_ROWS: usize = 256;
/// The most one column of a row group may hold when unpacked, in bytes.
const COLUMN_BYTES_MAX: i64 = 1 << 30;
/// The most a page may hold whose texts are each written as what differs from the one before: each may be as long as all.
const DELTA_PAGE_BYTES_MAX: usize = 4 << 20;
/// Most rows.
const ROWS_MAX: u64 = 10_000_000_000;
/// Most rows to a byte of the file. Rows that are all equal take next to no room, but posts are not.
const ROWS_PER_BYTE_MAX: u64 = 1_000;

/// Whether a file that begins like this is Parquet. A text may begin with the same four letters.
pub(super) fn is_one(head: &[u8]) -> bool {
    let head = head.get(..MARK_BYTES).unwrap_or(head);
    let is_binary = |byte: &u8| byte.is_ascii_control() && !b"\t\r\n".contains(byte);
    let behind = MARKS.iter().find_map(|mark| head.strip_prefix(*mark));
    behind.is_some_and(|behind| behind.is_empty() || behind.iter().any(is_binary))
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Truth,
    Signed,
    Unsigned,
    Real,
    Day,
    /// How many of its units are a second, and whether they are counted in UTC.
    Moment(i64, bool),
    Uuid,
}

/// What a column of the table is in the file; of a list, a group and an unknown kind nothing.
#[derive(Debug)]
struct Field {
    name: String,
    source: Option<(usize, Kind)>,
}

/// A column that is read.
#[derive(Debug, Clone, Copy)]
struct Source {
    /// Its place in the table.
    at: usize,
    /// Its place among the columns of the file.
    leaf: usize,
    kind: Kind,
}

/// The rows of a file.
pub(super) struct Rows {
    file: Box<dyn FileReader>,
    sources: Vec<Source>,
    /// A column that would be read and is none of a kind that is: no row is, but what the columns are is told.
    refused: Option<String>,
    /// How many columns the table has.
    count: usize,
    /// The row group that comes next.
    group: usize,
    columns: Vec<Column>,
    /// Rows of the row group at hand that have not been read.
    left: usize,
    /// Rows that are held, and which of them comes next.
    held: usize,
    next: usize,
    line: u64,
}

impl Rows {
    /// The rows of a file, and what its columns are. What its footer says is checked for all of it.
    pub(super) fn open(
        file: impl ChunkReader + 'static,
        settings: &Settings,
    ) -> Result<(Self, Columns), NoTable> {
        let read = |begin, length| file.get_bytes(begin, length).ok();
        match parquet_footer::look(file.len(), read) {
            Footer::Bounded => {}
            Footer::Encrypted => return Err(NoTable::Encrypted),
            Footer::TooLarge => return Err(NoTable::TooLarge),
            Footer::Damaged => return Err(NoTable::Damaged),
        }
        let file_bytes = file.len();
        let file = guarded(|| SerializedFileReader::new(file).ok()).ok_or(NoTable::Damaged)?;
        let file: Box<dyn FileReader> = Box::new(file);
        let fields = guarded(|| Some(fields_of(file.metadata().file_metadata().schema_descr())))
            .ok_or(NoTable::Damaged)?;
        let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
        let mut columns = Columns::default();
        columns.take(&names, settings, Head::Schema)?;
        let (mut sources, mut refused) = (Vec::new(), None);
        for at in columns.read() {
            match fields.get(at).and_then(|field| field.source) {
                Some((leaf, kind)) => sources.push(Source { at, leaf, kind }),
                None => refused = refused.or_else(|| Some(columns.word(at))),
            }
        }
        let leaves: Vec<usize> = sources.iter().map(|source| source.leaf).collect();
        check_groups(file.metadata().row_groups(), &leaves, file_bytes)?;
        let rows = Self {
            file,
            sources,
            refused,
            count: columns.count(),
            group: 0,
            columns: Vec::new(),
            left: 0,
            held: 0,
            next: 0,
            // The names are the first.
            line: 1,
        };
        Ok((rows, columns))
    }

    /// Writes the cells of the next row one behind the other, and where each of them stands.
    pub(super) fn next(
        &mut self,
        text: &mut Vec<u8>,
        cells: &mut Vec<(usize, usize)>,
    ) -> Result<Raw, NoTable> {
        if let Some(column) = &self.refused {
            return Err(NoTable::Kind(column.clone()));
        }
        while self.next == self.held {
            if !self.fill()? {
                return Ok(Raw::End);
            }
        }
        let row = self.next;
        self.next += 1;
        self.line += 1;
        text.clear();
        cells.clear();
        cells.resize(self.count, (0, 0));
        for column in &self.columns {
            let begin = text.len();
            column.write(row, text);
            let is_too_long = text.len() > RECORD_BYTES_MAX;
            if is_too_long {
                // Its beginning is what is kept of a row that is put aside.
                text.truncate(begin + REJECT_BYTES_MAX);
            }
            if let Some(cell) = cells.get_mut(column.source.at) {
                *cell = (begin, text.len());
            }
            if is_too_long {
                return Ok(Raw::TooLong(self.line));
            }
            // So that no letter of two bytes is made of the ends of two cells.
            text.push(b'\n');
        }
        Ok(Raw::Record(self.line))
    }

    /// Reads some rows; whether there are any.
    fn fill(&mut self) -> Result<bool, NoTable> {
        while self.left == 0 {
            if self.group >= self.file.num_row_groups() {
                return Ok(false);
            }
            let begun = guarded(|| self.begin(self.group));
            (self.columns, self.left) = begun.ok_or(NoTable::Damaged)?;
            self.group += 1;
        }
        let wanted = self.left.min(BATCH_ROWS);
        let columns = &mut self.columns;
        guarded(|| columns.iter_mut().try_for_each(|column| column.fill(wanted)))
            .ok_or(NoTable::Damaged)?;
        self.left -= wanted;
        (self.held, self.next) = (wanted, 0);
        Ok(true)
    }

    /// The columns of a row group at their first row, and how many rows it has.
    fn begin(&self, group: usize) -> Option<(Vec<Column>, usize)> {
        let group = self.file.get_row_group(group).ok()?;
        let rows = usize::try_from(group.metadata().num_rows()).ok()?;
        let column = |source: &Source| {
            let descriptor = group.metadata().schema_descr().column(source.leaf);
            let pages = Pages {
                inner: group.get_column_page_reader(source.leaf).ok()?,
                left: usize::try_from(COLUMN_BYTES_MAX).ok()?,
            };
            let is_optional = descriptor.max_def_level() > 0;
            let reader = get_column_reader(descriptor, Box::new(pages));
            Some(Column::of(*source, reader, is_optional))
        };
        Some((self.sources.iter().map(column).collect::<Option<_>>()?, rows))
    }
}

/// Lets the decoder work; that it gives up is the same as that it finds nothing.
fn guarded<T>(decode: impl FnOnce() -> Option<T>) -> Option<T> {
    // What was under way is let go of.
    catch_unwind(AssertUnwindSafe(decode)).ok().flatten()
}

/// The columns of a file as a table has them: what stands at the top, whatever is in it.
fn fields_of(schema: &SchemaDescriptor) -> Vec<Field> {
    let roots = schema.root_schema().get_fields().iter().enumerate();
    let leaves: Vec<usize> =
        (0..schema.num_columns()).map(|leaf| schema.get_column_root_idx(leaf)).collect();
    let fields = roots.map(|(root, field)| {
        let about = field.get_basic_info();
        let is_list = about.has_repetition() && about.repetition() == Repetition::REPEATED;
        let is_flat = field.is_primitive() && !is_list;
        let leaf = leaves.binary_search(&root).ok().filter(|_| is_flat);
        let source = leaf.and_then(|leaf| Some((leaf, kind_of(&schema.column(leaf))?)));
        Field { name: field.name().trim().to_owned(), source }
    });
    fields.collect()
}

fn kind_of(column: &ColumnDescriptor) -> Option<Kind> {
    if let Some(said) = column.logical_type_ref() {
        return match said {
            LogicalType::String | LogicalType::Enum | LogicalType::Json => Some(Kind::Text),
            LogicalType::Integer(number) if number.is_signed => Some(Kind::Signed),
            LogicalType::Integer(_) => Some(Kind::Unsigned),
            LogicalType::Date => Some(Kind::Day),
            LogicalType::Uuid => Some(Kind::Uuid),
            // Null everywhere.
            LogicalType::Unknown => Some(Kind::Signed),
            LogicalType::Timestamp(time) => {
                let per_second = match time.unit {
                    TimeUnit::MILLIS => 1_000,
                    TimeUnit::MICROS => 1_000_000,
                    TimeUnit::NANOS => 1_000_000_000,
                };
                Some(Kind::Moment(per_second, time.is_adjusted_to_u_t_c))
            }
            _ => None,
        };
    }
    match column.converted_type() {
        ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Some(Kind::Text),
        ConvertedType::DATE => Some(Kind::Day),
        // These are of files of before moments without a zone could be told.
        ConvertedType::TIMESTAMP_MILLIS => Some(Kind::Moment(1_000, true)),
        ConvertedType::TIMESTAMP_MICROS => Some(Kind::Moment(1_000_000, true)),
        ConvertedType::INT_8
        | ConvertedType::INT_16
        | ConvertedType::INT_32
        | ConvertedType::INT_64 => Some(Kind::Signed),
        ConvertedType::UINT_8
        | ConvertedType::UINT_16
        | ConvertedType::UINT_32
        | ConvertedType::UINT_64 => Some(Kind::Unsigned),
        ConvertedType::NONE => match column.physical_type() {
            Type::BOOLEAN => Some(Kind::Truth),
            Type::INT32 | Type::INT64 => Some(Kind::Signed),
            // Some write it in UTC and some do not, and none says so.
            Type::INT96 => Some(Kind::Moment(1_000_000, false)),
            Type::FLOAT | Type::DOUBLE => Some(Kind::Real),
            Type::BYTE_ARRAY => Some(Kind::Text),
            Type::FIXED_LEN_BYTE_ARRAY => None,
        },
        _ => None,
    }
}

/// What the footer says of the columns that are read: they lie in the file, hold no more than is read, and are packed in a
/// way that is known.
fn check_groups(
    groups: &[RowGroupMetaData],
    leaves: &[usize],
    file_bytes: u64,
) -> Result<(), NoTable> {
    let mut rows = 0_u64;
    for group in groups {
        let here = u64::try_from(group.num_rows()).map_err(|_| NoTable::Damaged)?;
        rows = rows.saturating_add(here);
        for leaf in leaves {
            let about = group.columns().get(*leaf).ok_or(NoTable::Damaged)?;
            if about.num_values() != group.num_rows() || !lies_inside(about, file_bytes) {
                return Err(NoTable::Damaged);
            }
            if about.uncompressed_size() > COLUMN_BYTES_MAX {
                return Err(NoTable::TooLarge);
            }
            match about.compression() {
                Compression::UNCOMPRESSED
                | Compression::SNAPPY
                | Compression::GZIP(_)
                | Compression::ZSTD(_) => {}
                Compression::LZO
                | Compression::BROTLI(_)
                | Compression::LZ4
                | Compression::LZ4_RAW => return Err(NoTable::Packed),
            }
        }
    }
    let most = ROWS_MAX.min(file_bytes.saturating_mul(ROWS_PER_BYTE_MAX));
    if rows > most { Err(NoTable::TooLarge) } else { Ok(()) }
}

fn lies_inside(about: &ColumnChunkMetaData, file_bytes: u64) -> bool {
    let begin = about.dictionary_page_offset().unwrap_or_else(|| about.data_page_offset());
    let begin = u64::try_from(begin.min(about.data_page_offset()));
    let size = u64::try_from(about.compressed_size());
    let end = begin.ok().zip(size.ok()).and_then(|(begin, size)| begin.checked_add(size));
    about.uncompressed_size() >= 0 && end.is_some_and(|end| end <= file_bytes)
}

/// The pages of one column of a row group, and no more of them than may be held, whatever the footer said.
struct Pages {
    inner: Box<dyn PageReader>,
    left: usize,
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let Some(page) = self.inner.get_next_page()? else { return Ok(None) };
        let bytes = page.buffer().len();
        let is_delta = page.encoding() == Encoding::DELTA_BYTE_ARRAY;
        let left = self.left.checked_sub(bytes);
        match left.filter(|_| !is_delta || bytes <= DELTA_PAGE_BYTES_MAX) {
            Some(left) => self.left = left,
            None => return Err(ParquetError::General("a page is too large".to_owned())),
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.inner.at_record_boundary()
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// The values of one column that are held.
enum Values {
    Truth(Vec<bool>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    I96(Vec<Int96>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

struct Column {
    source: Source,
    reader: ColumnReader,
    is_optional: bool,
    levels: Vec<i16>,
    values: Values,
    /// For each row held, which value is its.
    places: Vec<Option<usize>>,
}

impl Column {
    fn of(source: Source, reader: ColumnReader, is_optional: bool) -> Self {
        let values = match &reader {
            ColumnReader::BoolColumnReader(_) => Values::Truth(Vec::new()),
            ColumnReader::Int32ColumnReader(_) => Values::I32(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::I64(Vec::new()),
            ColumnReader::Int96ColumnReader(_) => Values::I96(Vec::new()),
            ColumnReader::FloatColumnReader(_) => Values::F32(Vec::new()),
            ColumnReader::DoubleColumnReader(_) => Values::F64(Vec::new()),
            ColumnReader::ByteArrayColumnReader(_) => Values::Text(Vec::new()),
            ColumnReader::FixedLenByteArrayColumnReader(_) => Values::Fixed(Vec::new()),
        };
        Self { source, reader, is_optional, levels: Vec::new(), values, places: Vec::new() }
    }

    /// Reads as many rows as are wanted; nothing where there are fewer.
    fn fill(&mut self, rows: usize) -> Option<()> {
        use ColumnReader as R;
        use Values as V;
        self.levels.clear();
        let levels = self.is_optional.then_some(&mut self.levels);
        let read = match (&mut self.reader, &mut self.values) {
            (R::BoolColumnReader(reader), V::Truth(values)) => fill(reader, rows, levels, values),
            (R::Int32ColumnReader(reader), V::I32(values)) => fill(reader, rows, levels, values),
            (R::Int64ColumnReader(reader), V::I64(values)) => fill(reader, rows, levels, values),
            (R::Int96ColumnReader(reader), V::I96(values)) => fill(reader, rows, levels, values),
            (R::FloatColumnReader(reader), V::F32(values)) => fill(reader, rows, levels, values),
            (R::DoubleColumnReader(reader), V::F64(values)) => fill(reader, rows, levels, values),
            (R::ByteArrayColumnReader(reader), V::Text(values)) => {
                fill(reader, rows, levels, values)
            }
            (R::FixedLenByteArrayColumnReader(reader), V::Fixed(values)) => {
                fill(reader, rows, levels, values)
            }
            _ => None,
        }?;
        self.places.clear();
        if self.is_optional {
            let mut next = 0;
            self.places.extend(self.levels.iter().map(|level| {
                let place = next;
                // At the top of a schema a value is there or not.
                next += usize::from(*level == 1);
                (*level == 1).then_some(place)
            }));
        } else {
            self.places.extend((0..read).map(Some));
        }
        (read == rows && self.places.len() == rows).then_some(())
    }

    /// Writes the cell of a row: nothing for null.
    fn write(&self, row: usize, text: &mut Vec<u8>) {
        let Some(place) = self.places.get(row).copied().flatten() else { return };
        match &self.values {
            Values::Text(values) => {
                text.extend_from_slice(values.get(place).map_or(b"", |value| value.data()));
            }
            values => {
                let cell = cell_of(values, place, self.source.kind).unwrap_or_default();
                text.extend_from_slice(cell.as_bytes());
            }
        }
    }
}

fn fill<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: Option<&mut Vec<i16>>,
    values: &mut Vec<T::T>,
) -> Option<usize> {
    values.clear();
    reader.read_records(rows, levels, None, values).ok().map(|(records, ..)| records)
}

/// A value that is no text, as a table writes it.
fn cell_of(values: &Values, place: usize, kind: Kind) -> Option<String> {
    Some(match (values, kind) {
        (Values::Truth(values), _) => values.get(place)?.to_string(),
        (Values::I32(values), Kind::Day) => day(*values.get(place)?)?,
        (Values::I32(values), Kind::Unsigned) => values.get(place)?.cast_unsigned().to_string(),
        (Values::I32(values), _) => values.get(place)?.to_string(),
        (Values::I64(values), Kind::Moment(per_second, is_utc)) => {
            moment(*values.get(place)?, per_second, is_utc)
        }
        (Values::I64(values), Kind::Unsigned) => values.get(place)?.cast_unsigned().to_string(),
        (Values::I64(values), _) => values.get(place)?.to_string(),
        (Values::I96(values), _) => moment(values.get(place)?.to_micros(), 1_000_000, false),
        // With its point, as tables have it; what is no number is none.
        (Values::F32(values), _) => {
            values.get(place).filter(|value| !value.is_nan()).map(|value| format!("{value:?}"))?
        }
        (Values::F64(values), _) => {
            values.get(place).filter(|value| !value.is_nan()).map(|value| format!("{value:?}"))?
        }
        (Values::Fixed(values), Kind::Uuid) => {
            Uuid::from_slice(values.get(place)?.data()).ok()?.to_string()
        }
        (Values::Fixed(_) | Values::Text(_), _) => return None,
    })
}

fn day(days: i32) -> Option<String> {
    let span = Span::new().try_days(days).ok()?;
    date(1970, 1, 1).checked_add(span).ok().map(|day| day.to_string())
}

/// What is beyond the years that are written with four digits is told and is no time.
fn moment(count: i64, per_second: i64, is_utc: bool) -> String {
    let (seconds, rest) = (count.div_euclid(per_second), count.rem_euclid(per_second));
    let nanos = i32::try_from(rest * (1_000_000_000 / per_second)).unwrap_or_default();
    match Timestamp::new(seconds, nanos) {
        Ok(at) if is_utc => at.to_string(),
        Ok(at) => Offset::UTC.to_datetime(at).to_string(),
        Err(_) => format!("out of range: {count}"),
    }
}

/// A row as a line of CSV.
pub(super) fn line(text: &[u8], cells: &[(usize, usize)]) -> Vec<u8> {
    let mut line = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        if number > 0 {
            line.push(b',');
        }
        let bytes = text.get(cell.0..cell.1).unwrap_or_default();
        if bytes.iter().any(|byte| b",\"\r\n".contains(byte)) {
            line.push(b'"');
            for byte in bytes {
                line.extend(std::iter::repeat_n(*byte, 1 + usize::from(*byte == b'"')));
            }
            line.push(b'"');
        } else {
            line.extend_from_slice(bytes);
        }
    }
    line
}

#[cfg(test)]
mod tests;
