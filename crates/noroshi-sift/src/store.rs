//! What is kept, as Parquet.
//!
//! One column for each field of the mechanical record, under the same name, so that any reader of Parquet
//! can be used and none of them finds anything else. Addresses and texts are strings, times are microseconds
//! in UTC, counters are unsigned.
//!
//! Files are written to be hunted in: the two columns of addresses are looked through whole, the others only where
//! there is a hit. So addresses are a dictionary of the whole row group, with a table of the same addresses as numbers
//! behind it ([`crate::addresses`]); numbers that are hardly ever equal are differences (Parquet format,
//! `Encodings.md`: `DELTA_BINARY_PACKED`); and a page is short, so that little is unpacked for one row. Texts and small
//! numbers are dictionaries, compressed with Snappy. Files that are written otherwise are read as well.

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_evidence::mechanical::{Direction, MechanicalRecord, Protocol};
use noroshi_evidence::parquet_footer::{self, Footer};
use parquet::basic::{Compression, Encoding};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::{Field, Row};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;

use crate::addresses::{KEY, Place, places_text, sum, table_of};

/// How many records one row group holds; as many are in memory before they are written.
pub const ROWS_PER_GROUP: usize = 32_768;
/// How many records one page of a column holds.
const ROWS_PER_PAGE: usize = 512;
/// How many of one that is looked through whole, or has few values.
const ROWS_PER_LONG_PAGE: usize = 8_192;
/// The largest dictionary of addresses, in bytes: the longest address of IPv6 and its length for each row fit.
const DICTIONARY_BYTES_MAX: usize = 2 << 20;
/// The longest file that is read back, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// The most a file may say it holds when uncompressed, in bytes.
pub const UNCOMPRESSED_BYTES_MAX: i64 = 4 << 30;
/// The most records that are read back from one file.
pub const ROWS_MAX: i64 = 20_000_000;

const SCHEMA: &str = "message mechanical_record {
    REQUIRED BYTE_ARRAY selector_id (STRING);
    REQUIRED INT32 selector_version (INTEGER(32,false));
    OPTIONAL BYTE_ARRAY measure_id (STRING);
    REQUIRED INT64 ts (TIMESTAMP(MICROS,true));
    OPTIONAL BYTE_ARRAY src_ip (STRING);
    OPTIONAL BYTE_ARRAY dst_ip (STRING);
    OPTIONAL INT32 src_port (INTEGER(16,false));
    OPTIONAL INT32 dst_port (INTEGER(16,false));
    OPTIONAL INT32 proto (INTEGER(8,false));
    OPTIONAL INT64 bytes (INTEGER(64,false));
    OPTIONAL INT64 packets (INTEGER(64,false));
    OPTIONAL INT64 flow_start (TIMESTAMP(MICROS,true));
    OPTIONAL INT64 flow_end (TIMESTAMP(MICROS,true));
    REQUIRED BYTE_ARRAY direction (STRING);
    REQUIRED INT64 retain_until (TIMESTAMP(MICROS,true));
}";

/// The columns of a file of records; nothing else is in one.
pub fn schema() -> Result<Type, ParquetError> {
    parse_message_type(SCHEMA)
}

/// Why records were not written.
#[derive(Debug, thiserror::Error)]
#[error("records could not be written")]
pub struct WriteRecords(#[from] ParquetError);

/// Why records were not read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadRecords {
    /// Not Parquet, or torn.
    #[error("file is not readable as Parquet")]
    Parquet(#[from] ParquetError),
    /// The parts of the file do not fit each other.
    #[error("file contradicts itself")]
    Torn,
    /// Other columns than those of the mechanical record.
    #[error("file has other columns than a mechanical record has fields")]
    OtherColumns,
    /// A named limit of this module is exceeded.
    #[error("file is larger than the limit")]
    TooLarge,
    /// A value that its field cannot have.
    #[error("value of column `{0}` is not one its field can have")]
    BadValue(&'static str),
}

/// Writes records, a row group at a time.
pub struct RecordWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    /// Of each row group, where its tables of addresses lie.
    tables: Vec<[Place; 2]>,
}

impl<W: Write + Send> RecordWriter<W> {
    /// Begins a file.
    pub fn new(sink: W) -> Result<Self, WriteRecords> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let writer = SerializedFileWriter::new(sink, schema, Arc::new(properties()))?;
        Ok(Self { writer, tables: Vec::new() })
    }

    /// Writes one row group; of no records it writes nothing.
    pub fn write(&mut self, records: &[MechanicalRecord]) -> Result<(), WriteRecords> {
        if records.is_empty() {
            return Ok(());
        }
        let mut columns = columns_of(records).into_iter();
        let mut group = self.writer.next_row_group()?;
        while let (Some(mut writer), Some(column)) = (group.next_column()?, columns.next()) {
            let levels = column.levels;
            let levels = column.optional.then_some(levels.as_slice());
            match (column.values, writer.untyped()) {
                (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                    writer.write_batch(&values, levels, None)?;
                }
                (Values::Int32(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                    writer.write_batch(&values, levels, None)?;
                }
                (Values::Int64(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                    writer.write_batch(&values, levels, None)?;
                }
                _ => return Err(ParquetError::General("columns out of order".to_owned()).into()),
            }
            writer.close()?;
        }
        group.close()?;
        let src = self.table(table_of(records.iter().map(|record| record.src_ip)))?;
        let dst = self.table(table_of(records.iter().map(|record| record.dst_ip)))?;
        self.tables.push([src, dst]);
        Ok(())
    }

    /// Writes a table of addresses; where it lies.
    fn table(&mut self, table: Vec<u8>) -> Result<Place, WriteRecords> {
        let bytes = u32::try_from(table.len())
            .map_err(|_| ParquetError::General("row group is too large".to_owned()))?;
        let offset = self.writer.bytes_written() as u64;
        self.writer.write_all(&table).map_err(ParquetError::from)?;
        Ok(Place { offset, bytes, sum: sum(&table) })
    }

    /// Ends the file and hands back what it was written to.
    pub fn finish(mut self) -> Result<W, WriteRecords> {
        let places = KeyValue::new(KEY.to_owned(), places_text(&self.tables));
        self.writer.append_key_value_metadata(places);
        Ok(self.writer.into_inner()?)
    }
}

/// How each column is written.
fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_data_page_row_count_limit(ROWS_PER_PAGE)
        .set_write_batch_size(ROWS_PER_PAGE)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("noroshi".to_owned());
    for name in ["src_ip", "dst_ip"] {
        properties = properties
            .set_column_data_page_row_count_limit(name.into(), ROWS_PER_LONG_PAGE)
            .set_column_dictionary_page_size_limit(name.into(), DICTIONARY_BYTES_MAX);
    }
    for name in ["ts", "src_port", "bytes", "packets", "flow_start", "flow_end"] {
        properties = properties
            .set_column_compression(name.into(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(name.into(), false)
            .set_column_encoding(name.into(), Encoding::DELTA_BINARY_PACKED);
    }
    // Hardly more than one value each: a run, whatever its length.
    for name in ["selector_version", "measure_id", "proto", "direction", "retain_until"] {
        properties =
            properties.set_column_data_page_row_count_limit(name.into(), ROWS_PER_LONG_PAGE);
    }
    properties.build()
}

enum Values {
    Text(Vec<ByteArray>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
}

/// The values that are present, and for each record whether it has one.
struct Column {
    values: Values,
    levels: Vec<i16>,
    optional: bool,
}

fn column<T>(
    optional: bool,
    values: impl Iterator<Item = Option<T>>,
    wrap: impl FnOnce(Vec<T>) -> Values,
) -> Column {
    let mut levels = Vec::new();
    let present =
        values.inspect(|value| levels.push(i16::from(value.is_some()))).flatten().collect();
    Column { values: wrap(present), levels, optional }
}

/// INVARIANT: the order is that of [`SCHEMA`] and of the fields of the record.
fn columns_of(records: &[MechanicalRecord]) -> Vec<Column> {
    let text = |optional, of: &dyn Fn(&MechanicalRecord) -> Option<String>| {
        let values =
            records.iter().map(|record| of(record).map(|text| ByteArray::from(text.into_bytes())));
        column(optional, values, Values::Text)
    };
    let small = |optional, of: &dyn Fn(&MechanicalRecord) -> Option<u32>| {
        column(
            optional,
            records.iter().map(|record| of(record).map(u32::cast_signed)),
            Values::Int32,
        )
    };
    let count = |of: &dyn Fn(&MechanicalRecord) -> Option<u64>| {
        column(true, records.iter().map(|record| of(record).map(u64::cast_signed)), Values::Int64)
    };
    let time = |optional, of: &dyn Fn(&MechanicalRecord) -> Option<Timestamp>| {
        let values = records.iter().map(|record| of(record).map(Timestamp::as_microsecond));
        column(optional, values, Values::Int64)
    };
    vec![
        text(false, &|record| Some(record.selector_id.to_string())),
        small(false, &|record| Some(record.selector_version)),
        text(true, &|record| record.measure_id.as_ref().map(ToString::to_string)),
        time(false, &|record| Some(record.ts)),
        text(true, &|record| record.src_ip.map(|address| address.to_string())),
        text(true, &|record| record.dst_ip.map(|address| address.to_string())),
        small(true, &|record| record.src_port.map(u32::from)),
        small(true, &|record| record.dst_port.map(u32::from)),
        small(true, &|record| record.proto.map(|proto| u32::from(proto.0))),
        count(&|record| record.bytes),
        count(&|record| record.packets),
        time(true, &|record| record.flow_start),
        time(true, &|record| record.flow_end),
        text(false, &|record| Some(record.direction.label().to_owned())),
        time(false, &|record| Some(record.retain_until)),
    ]
}

/// Reads back what [`RecordWriter`] wrote, in its order, within the limits of this module.
///
/// The decoder below asserts some things about a file instead of checking them. What can be checked before is
/// checked; should it still give up, that is an answer about the file and not the end of the program.
pub fn read_records(
    file: impl ChunkReader + 'static,
) -> Result<Vec<MechanicalRecord>, ReadRecords> {
    if file.len() > FILE_BYTES_MAX {
        return Err(ReadRecords::TooLarge);
    }
    let read = std::panic::AssertUnwindSafe(|| decode(file));
    std::panic::catch_unwind(read).unwrap_or(Err(ReadRecords::Torn))
}

fn decode(file: impl ChunkReader + 'static) -> Result<Vec<MechanicalRecord>, ReadRecords> {
    let length = file.len();
    let read = |begin, length| file.get_bytes(begin, length).ok();
    if parquet_footer::look(file.len(), read) != Footer::Bounded {
        return Err(ReadRecords::Torn);
    }
    let reader = SerializedFileReader::new(file)?;
    check(reader.metadata(), length)?;
    reader.get_row_iter(None)?.map(|row| record_of(&row?)).collect()
}

/// Whether a file of so many bytes with this at its end is one of records, agrees with itself, and keeps the limits of
/// this module. Whoever decodes one asks this first.
pub fn check(metadata: &ParquetMetaData, length: u64) -> Result<(), ReadRecords> {
    if length > FILE_BYTES_MAX {
        return Err(ReadRecords::TooLarge);
    }
    if *metadata.file_metadata().schema() != schema()? {
        return Err(ReadRecords::OtherColumns);
    }
    let mut uncompressed = 0_i64;
    let mut rows = 0_i64;
    for group in metadata.row_groups() {
        rows = rows.saturating_add(group.num_rows().max(0));
        for column in group.columns() {
            if !lies_inside(column, length) || column.num_values() != group.num_rows() {
                return Err(ReadRecords::Torn);
            }
            uncompressed = uncompressed.saturating_add(column.uncompressed_size());
        }
    }
    if uncompressed > UNCOMPRESSED_BYTES_MAX || rows > ROWS_MAX {
        return Err(ReadRecords::TooLarge);
    }
    Ok(())
}

/// Whether the file has the bytes that a column says it has.
pub(crate) fn lies_inside(column: &ColumnChunkMetaData, file_bytes: u64) -> bool {
    let begin = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let begin = u64::try_from(begin.min(column.data_page_offset()));
    let size = u64::try_from(column.compressed_size());
    let end = begin.ok().zip(size.ok()).and_then(|(begin, size)| begin.checked_add(size));
    column.uncompressed_size() >= 0 && end.is_some_and(|end| end <= file_bytes)
}

fn record_of(row: &Row) -> Result<MechanicalRecord, ReadRecords> {
    let mut fields = Fields(row.get_column_iter());
    Ok(MechanicalRecord {
        selector_id: fields.required("selector_id", |field| text(field)?.parse().ok())?,
        selector_version: fields.required("selector_version", |field| match field {
            Field::UInt(version) => Some(*version),
            _ => None,
        })?,
        measure_id: fields.optional("measure_id", |field| text(field)?.parse().ok())?,
        ts: fields.required("ts", time)?,
        src_ip: fields.optional("src_ip", |field| text(field)?.parse().ok())?,
        dst_ip: fields.optional("dst_ip", |field| text(field)?.parse().ok())?,
        src_port: fields.optional("src_port", port)?,
        dst_port: fields.optional("dst_port", port)?,
        proto: fields.optional("proto", |field| match field {
            Field::UByte(number) => Some(Protocol(*number)),
            _ => None,
        })?,
        bytes: fields.optional("bytes", count)?,
        packets: fields.optional("packets", count)?,
        flow_start: fields.optional("flow_start", time)?,
        flow_end: fields.optional("flow_end", time)?,
        direction: fields.required("direction", |field| Direction::from_label(text(field)?))?,
        retain_until: fields.required("retain_until", time)?,
    })
}

/// The fields of a row from left to right.
struct Fields<I>(I);

impl<'a, I: Iterator<Item = (&'a String, &'a Field)>> Fields<I> {
    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a Field) -> Option<T>,
    ) -> Result<Option<T>, ReadRecords> {
        match self.0.next() {
            Some((_, Field::Null)) => Ok(None),
            Some((_, field)) => read(field).map(Some).ok_or(ReadRecords::BadValue(name)),
            None => Err(ReadRecords::BadValue(name)),
        }
    }

    fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a Field) -> Option<T>,
    ) -> Result<T, ReadRecords> {
        self.optional(name, read)?.ok_or(ReadRecords::BadValue(name))
    }
}

fn text(field: &Field) -> Option<&str> {
    match field {
        Field::Str(text) => Some(text),
        _ => None,
    }
}

fn time(field: &Field) -> Option<Timestamp> {
    match field {
        Field::TimestampMicros(us) => Timestamp::from_microsecond(*us).ok(),
        _ => None,
    }
}

fn port(field: &Field) -> Option<u16> {
    match field {
        Field::UShort(port) => Some(*port),
        _ => None,
    }
}

fn count(field: &Field) -> Option<u64> {
    match field {
        Field::ULong(count) => Some(*count),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use noroshi_evidence::mechanical::FIELDS;
    use proptest::prelude::*;

    use super::*;

    fn any_time() -> impl Strategy<Value = Timestamp> {
        (0_i64..200_000_000_000_000_000).prop_map(|us| Timestamp::from_microsecond(us).unwrap())
    }

    prop_compose! {
        fn any_record()(
            id in "[!-~]{1,20}", version: u32, measure in proptest::option::of("[!-~]{1,5}"),
            times in (any_time(), any_time()),
            ends in any::<(Option<IpAddr>, Option<IpAddr>)>(),
            ports in any::<(Option<u16>, Option<u16>)>(), proto in any::<Option<u8>>(),
            counts in any::<(Option<u64>, Option<u64>)>(),
            flow in (proptest::option::of(any_time()), proptest::option::of(any_time())),
            direction in 0_usize..4,
        ) -> MechanicalRecord {
            MechanicalRecord {
                selector_id: id.parse().unwrap(), selector_version: version,
                measure_id: measure.map(|text| text.parse().unwrap()), ts: times.0,
                src_ip: ends.0, dst_ip: ends.1, src_port: ports.0, dst_port: ports.1,
                proto: proto.map(Protocol), bytes: counts.0, packets: counts.1,
                flow_start: flow.0, flow_end: flow.1, direction: Direction::ALL[direction],
                retain_until: times.1,
            }
        }
    }

    fn write(groups: &[&[MechanicalRecord]]) -> Vec<u8> {
        let mut writer = RecordWriter::new(Vec::new()).unwrap();
        for group in groups {
            writer.write(group).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn the_columns_are_the_fields() {
        let schema = parse_message_type(SCHEMA).unwrap();
        let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        assert_eq!(names, FIELDS);
    }

    #[test]
    fn no_record_is_a_file_too() {
        assert_eq!(read_records(bytes(write(&[]))).unwrap(), []);
    }

    #[test]
    fn a_file_with_other_columns_is_refused() {
        let schema = parse_message_type("message m { REQUIRED INT32 subject; }").unwrap();
        let properties = Arc::new(WriterProperties::builder().build());
        let other = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties).unwrap();
        let read = read_records(bytes(other.into_inner().unwrap()));
        assert!(matches!(read, Err(ReadRecords::OtherColumns)), "{read:?}");
    }

    /// A reader in memory, as the platform has it from a request.
    fn bytes(file: Vec<u8>) -> bytes::Bytes {
        file.into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn records_are_read_back_equal(
            first in proptest::collection::vec(any_record(), 0..12),
            second in proptest::collection::vec(any_record(), 0..12),
        ) {
            let file = write(&[&first, &second]);
            prop_assert_eq!(read_records(bytes(file)).unwrap(), [first, second].concat());
        }

        #[test]
        fn a_damaged_file_does_not_panic(
            records in proptest::collection::vec(any_record(), 1..6),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut file = write(&[&records]);
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            // Damage in a page may go unseen here; the root of the certificate does not let it pass.
            if let Ok(read) = read_records(bytes(file)) {
                prop_assert!(read.len() <= records.len());
            }
        }
    }
}
