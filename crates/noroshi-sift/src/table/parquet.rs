//! Parquet, a row group at a time, and of it the columns of the mapping only.
//!
//! The decoder below asserts some things about a file instead of checking them. What can be checked before is checked;
//! should it still give up, that is an answer about the file and not the end of the program.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use noroshi_evidence::parquet_footer::{self, Footer};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::{Cell, Cells, Layout, Mapping, Row, Unit};
use crate::engine::{Engine, Read};
use crate::flow::FlowRecord;
use crate::problem::Reason;
use crate::store::lies_inside;

/// How many rows are held at a time.
const BATCH_ROWS: usize = 8_192;
/// The most one column of a row group may say it holds when unpacked, in bytes.
const COLUMN_BYTES_MAX: i64 = 1 << 30;

/// The values of one column that are held, and for each row whether it has one.
enum Values {
    I32(Vec<i32>),
    I64(Vec<i64>),
    I96(Vec<Int96>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<ByteArray>),
}

struct Column {
    at: usize,
    reader: ColumnReader,
    /// What a number of it counts, where it is a time.
    unit: Option<Unit>,
    is_unsigned: bool,
    is_optional: bool,
    levels: Vec<i16>,
    values: Values,
    /// For each row held, which value is its.
    places: Vec<Option<usize>>,
}

impl Column {
    /// A column of a file of so many bytes; `None` where it is not one or says what cannot be.
    fn of(
        group: &dyn RowGroupReader,
        at: usize,
        kind: &ColumnDescriptor,
        file_bytes: u64,
    ) -> Option<Self> {
        // A list has no one value for a row.
        let is_plain = kind.max_rep_level() == 0;
        let about = group.metadata().columns().get(at)?;
        let is_too_large = about.uncompressed_size() > COLUMN_BYTES_MAX;
        if !is_plain || is_too_large || !lies_inside(about, file_bytes) {
            return None;
        }
        let reader = group.get_column_reader(at).ok()?;
        let values = match &reader {
            ColumnReader::Int32ColumnReader(_) => Values::I32(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::I64(Vec::new()),
            ColumnReader::Int96ColumnReader(_) => Values::I96(Vec::new()),
            ColumnReader::FloatColumnReader(_) => Values::F32(Vec::new()),
            ColumnReader::DoubleColumnReader(_) => Values::F64(Vec::new()),
            ColumnReader::ByteArrayColumnReader(_) => Values::Text(Vec::new()),
            ColumnReader::BoolColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
                return None;
            }
        };
        let (unit, is_optional) = (unit_of(kind), kind.max_def_level() > 0);
        let is_unsigned = is_unsigned(kind);
        let (levels, places) = (Vec::new(), Vec::new());
        Some(Self { at, reader, unit, is_unsigned, is_optional, levels, values, places })
    }

    /// Reads as many rows as are wanted, or all that are left.
    fn fill(&mut self, rows: usize, max_level: i16) -> Result<usize, ParquetError> {
        self.levels.clear();
        let levels = self.is_optional.then_some(&mut self.levels);
        let read = match (&mut self.reader, &mut self.values) {
            (ColumnReader::Int32ColumnReader(reader), Values::I32(values)) => {
                fill(reader, rows, levels, values)
            }
            (ColumnReader::Int64ColumnReader(reader), Values::I64(values)) => {
                fill(reader, rows, levels, values)
            }
            (ColumnReader::Int96ColumnReader(reader), Values::I96(values)) => {
                fill(reader, rows, levels, values)
            }
            (ColumnReader::FloatColumnReader(reader), Values::F32(values)) => {
                fill(reader, rows, levels, values)
            }
            (ColumnReader::DoubleColumnReader(reader), Values::F64(values)) => {
                fill(reader, rows, levels, values)
            }
            (ColumnReader::ByteArrayColumnReader(reader), Values::Text(values)) => {
                fill(reader, rows, levels, values)
            }
            _ => Err(ParquetError::General("columns out of order".to_owned())),
        }?;
        self.places.clear();
        if self.is_optional {
            let mut next = 0;
            self.places.extend(self.levels.iter().map(|level| {
                let place = next;
                next += usize::from(*level == max_level);
                (*level == max_level).then_some(place)
            }));
        } else {
            self.places.extend((0..read).map(Some));
        }
        Ok(read)
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        let Some(place) = self.places.get(row).copied().flatten() else { return Cell::Absent };
        match &self.values {
            Values::I32(values) => values.get(place).map_or(Cell::Absent, |value| {
                let unsigned = i64::from(value.cast_unsigned());
                Cell::Int(if self.is_unsigned { unsigned } else { i64::from(*value) })
            }),
            Values::I64(values) => {
                values.get(place).map_or(Cell::Absent, |value| match self.unit {
                    // A counter that does not fit stays at the largest value.
                    None if self.is_unsigned && *value < 0 => Cell::Int(i64::MAX),
                    None => Cell::Int(*value),
                    Some(Unit::Milliseconds) => Cell::Time(value.saturating_mul(1_000)),
                    Some(Unit::Nanoseconds) => Cell::Time(value / 1_000),
                    Some(Unit::Seconds | Unit::Microseconds) => Cell::Time(*value),
                })
            }
            Values::I96(values) => {
                values.get(place).map_or(Cell::Absent, |value| Cell::Time(value.to_micros()))
            }
            Values::F32(values) => {
                values.get(place).map_or(Cell::Absent, |value| Cell::Real(f64::from(*value)))
            }
            Values::F64(values) => {
                values.get(place).map_or(Cell::Absent, |value| Cell::Real(*value))
            }
            Values::Text(values) => {
                values.get(place).map_or(Cell::Absent, |value| Cell::Text(value.data()))
            }
        }
    }
}

fn fill<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: Option<&mut Vec<i16>>,
    values: &mut Vec<T::T>,
) -> Result<usize, ParquetError> {
    values.clear();
    reader.read_records(rows, levels, None, values).map(|(records, ..)| records)
}

fn unit_of(kind: &ColumnDescriptor) -> Option<Unit> {
    if let Some(LogicalType::Timestamp(time)) = kind.logical_type_ref() {
        return Some(match time.unit {
            TimeUnit::MILLIS => Unit::Milliseconds,
            TimeUnit::MICROS => Unit::Microseconds,
            TimeUnit::NANOS => Unit::Nanoseconds,
        });
    }
    match kind.converted_type() {
        ConvertedType::TIMESTAMP_MILLIS => Some(Unit::Milliseconds),
        ConvertedType::TIMESTAMP_MICROS => Some(Unit::Microseconds),
        _ => None,
    }
}

fn is_unsigned(kind: &ColumnDescriptor) -> bool {
    let said = matches!(
        kind.logical_type_ref(),
        Some(LogicalType::Integer(number)) if !number.is_signed
    );
    said || matches!(kind.converted_type(), ConvertedType::UINT_32 | ConvertedType::UINT_64)
}

/// The columns of the batch at hand, seen from one of its rows.
struct At<'a> {
    columns: &'a [Column],
    row: usize,
}

impl Cells for At<'_> {
    fn cell(&self, column: usize) -> Cell<'_> {
        let found = self.columns.binary_search_by_key(&column, |column| column.at);
        let column = found.ok().and_then(|found| self.columns.get(found));
        column.map_or(Cell::Absent, |column| column.cell(self.row))
    }
}

impl<W: Write + Send> Engine<W> {
    /// Looks through a Parquet file. What of it cannot be read is counted as one error for its row group.
    pub fn read_parquet(
        &mut self,
        source: &str,
        file: impl ChunkReader + 'static,
        mapping: Option<&Mapping>,
    ) -> Result<(), Read> {
        let file_bytes = file.len();
        self.add_bytes(file_bytes);
        let opened = guarded(|| {
            let read = |begin, length| file.get_bytes(begin, length).ok();
            if parquet_footer::look(file.len(), read) != Footer::Bounded {
                return None;
            }
            let reader = SerializedFileReader::new(file).ok()?;
            let layout = layout_of(reader.metadata().file_metadata().schema_descr(), mapping)?;
            Some((reader, layout))
        });
        let Some((reader, layout)) = opened else {
            return self.take(source, 0, 0, Err::<FlowRecord, _>(Reason::BadTable));
        };
        let mut number = 0;
        for index in 0..reader.num_row_groups() {
            let begun = guarded(|| {
                let group = reader.get_row_group(index).ok()?;
                let columns = columns_of(group.as_ref(), &layout, file_bytes)?;
                Some((group, columns))
            });
            let done = match begun {
                Some((group, columns)) => {
                    self.row_group(source, group.as_ref(), columns, &layout, &mut number)?
                }
                None => None,
            };
            if done.is_none() {
                self.take(source, 0, number + 1, Err::<FlowRecord, _>(Reason::BadTable))?;
            }
        }
        Ok(())
    }

    /// `None` where it contradicts itself.
    fn row_group(
        &mut self,
        source: &str,
        group: &dyn RowGroupReader,
        mut columns: Vec<Column>,
        layout: &Layout,
        number: &mut u64,
    ) -> Result<Option<()>, Read> {
        let schema = group.metadata().schema_descr_ptr();
        let Ok(mut left) = usize::try_from(group.metadata().num_rows()) else { return Ok(None) };
        while left > 0 {
            let wanted = left.min(BATCH_ROWS);
            let filled = guarded(|| {
                columns.iter_mut().try_for_each(|column| {
                    let max_level = schema.column(column.at).max_def_level();
                    let read = column.fill(wanted, max_level).ok()?;
                    (read == wanted && column.places.len() == wanted).then_some(())
                })
            });
            if filled.is_none() {
                return Ok(None);
            }
            for row in 0..wanted {
                *number += 1;
                let view = Row { layout, cells: At { columns: &columns, row } };
                self.take(source, 0, *number, Ok(view))?;
            }
            left -= wanted;
        }
        Ok(Some(()))
    }
}

/// Lets the decoder work; that it gives up is the same as that it finds nothing. No sink is reached inside, so that what
/// goes wrong there is never taken for a fault of the file.
fn guarded<T>(decode: impl FnOnce() -> Option<T>) -> Option<T> {
    // What was under way is let go of.
    catch_unwind(AssertUnwindSafe(decode)).ok().flatten()
}

fn columns_of(group: &dyn RowGroupReader, layout: &Layout, file_bytes: u64) -> Option<Vec<Column>> {
    let schema = group.metadata().schema_descr_ptr();
    let columns = layout.columns().into_iter();
    columns.map(|at| Column::of(group, at, &schema.column(at), file_bytes)).collect()
}

/// Nested columns go by their path; lists are no columns here.
fn layout_of(schema: &SchemaDescriptor, mapping: Option<&Mapping>) -> Option<Layout> {
    let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Layout::of(&names, mapping)
}
