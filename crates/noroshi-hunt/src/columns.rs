//! The columns of a row group, read no further than needed.
//!
//! A column of texts is mostly a dictionary: every value once, and for each row which one. What is asked of values is
//! asked of the dictionary, once a value instead of once a row, and where the dictionary holds nothing that is wanted
//! the rows are not even unpacked. `parquet` hands out pages; what stands in them is read here (Parquet format,
//! `Encodings.md`: `RLE_DICTIONARY`, `PLAIN`, and levels as RLE/bit-packing hybrid). Columns of numbers, and texts in any
//! other encoding, go through the readers of `parquet`.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::RowGroupReader;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::source::Source;

/// A row without a value.
pub(crate) const ABSENT: u32 = u32::MAX;

/// Where the fields of a record stand ([`noroshi_evidence::mechanical::FIELDS`]).
pub(crate) mod at {
    pub(crate) const SELECTOR_ID: usize = 0;
    pub(crate) const SELECTOR_VERSION: usize = 1;
    pub(crate) const MEASURE_ID: usize = 2;
    pub(crate) const TS: usize = 3;
    pub(crate) const SRC_IP: usize = 4;
    pub(crate) const DST_IP: usize = 5;
    pub(crate) const SRC_PORT: usize = 6;
    pub(crate) const DST_PORT: usize = 7;
    pub(crate) const PROTO: usize = 8;
    pub(crate) const BYTES: usize = 9;
    pub(crate) const PACKETS: usize = 10;
    pub(crate) const FLOW_START: usize = 11;
    pub(crate) const FLOW_END: usize = 12;
    pub(crate) const DIRECTION: usize = 13;
    pub(crate) const RETAIN_UNTIL: usize = 14;
}

type Done<T> = Result<T, ParquetError>;

fn torn() -> ParquetError {
    ParquetError::General("column contradicts itself".to_owned())
}

/// The values of a column of texts, each perhaps more than once.
#[derive(Default)]
struct Values {
    bytes: Vec<Bytes>,
    /// Which of `bytes`, and from where to where.
    places: Vec<(u32, u32, u32)>,
}

impl Values {
    /// Takes in `count` values, each behind its length (PLAIN).
    fn plain(&mut self, bytes: Bytes, count: usize) -> Done<()> {
        let which = u32::try_from(self.bytes.len()).map_err(|_| torn())?;
        let mut at = 0_usize;
        for _ in 0..count {
            let length = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(torn)?;
            let begin = at + 4;
            let end = begin + u32::from_le_bytes(*length) as usize;
            if end > bytes.len() {
                return Err(torn());
            }
            let place = u32::try_from(begin).ok().zip(u32::try_from(end).ok());
            let (begin, end) = place.ok_or_else(torn)?;
            self.places.push((which, begin, end));
            at = end as usize;
        }
        self.bytes.push(bytes);
        Ok(())
    }

    fn get(&self, value: usize) -> Option<&[u8]> {
        let (which, begin, end) = self.places.get(value)?;
        self.bytes.get(*which as usize)?.get(*begin as usize..*end as usize)
    }
}

/// A column of texts whose dictionary has been read, and its rows not yet.
pub(crate) struct Texts {
    pages: Box<dyn PageReader>,
    /// A data page that came where the dictionary would have been.
    first: Option<Page>,
    values: Values,
    rows: usize,
    is_optional: bool,
    /// Whether every value of the column stands in the dictionary.
    is_whole: bool,
}

impl Texts {
    pub(crate) fn open(group: &dyn RowGroupReader, column: usize) -> Done<Self> {
        let about = group.metadata().column(column);
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| torn())?;
        let mut pages = group.get_column_page_reader(column)?;
        let mut values = Values::default();
        let first = match pages.get_next_page()? {
            Some(Page::DictionaryPage { buf, num_values, encoding, .. }) => {
                if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
                    return Err(torn());
                }
                values.plain(buf, num_values as usize)?;
                None
            }
            first => first,
        };
        // Without a word on it, or with one on pages in plain, the rows have to be looked at.
        let is_whole = first.is_none() && is_dictionary(about);
        let is_optional = about.column_descr().max_def_level() > 0;
        Ok(Self { pages, first, values, rows, is_optional, is_whole })
    }

    /// The values that are known so far.
    pub(crate) fn values(&self) -> impl Iterator<Item = &[u8]> + Clone {
        (0..self.values.places.len()).map(|value| self.values.get(value).unwrap_or_default())
    }

    /// One value.
    pub(crate) fn value(&self, code: u32) -> Option<&[u8]> {
        if code == ABSENT { None } else { self.values.get(code as usize) }
    }

    /// How many values are known.
    pub(crate) fn len(&self) -> usize {
        self.values.places.len()
    }

    /// Whether reading the rows will not bring any further value.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// For each row which value it has, or [`ABSENT`]. To be asked once; further values stand behind those known.
    pub(crate) fn rows(&mut self) -> Done<Vec<u32>> {
        let mut codes = Vec::with_capacity(self.rows.min(1 << 20));
        loop {
            let page = match self.first.take() {
                Some(page) => Some(page),
                None => self.pages.get_next_page()?,
            };
            let Some(page) = page else { break };
            self.page(page, &mut codes)?;
            if codes.len() > self.rows {
                return Err(torn());
            }
        }
        if codes.len() == self.rows { Ok(codes) } else { Err(torn()) }
    }

    fn page(&mut self, page: Page, codes: &mut Vec<u32>) -> Done<()> {
        let before = codes.len();
        let Split { codes: buf, count, encoding, levels } =
            split(page, self.rows, self.is_optional)?;
        let mut present = Vec::new();
        if self.is_optional && !is_all_ones(&levels, count) {
            hybrid(&levels, 1, count, &mut present).ok_or_else(torn)?;
        }
        let wanted =
            if present.is_empty() { count } else { present.iter().filter(|at| **at == 1).count() };
        self.decode(buf, encoding, wanted, codes)?;
        if !present.is_empty() {
            spread(codes, before, &present);
        }
        Ok(())
    }

    /// The rows as they are packed. To be asked once, in the place of [`Texts::rows`], of a column that
    /// [is whole](Texts::is_whole).
    pub(crate) fn packed(&mut self) -> Done<Packed> {
        Packed::read(self.pages.as_mut(), self.rows, self.is_optional)
    }

    fn decode(
        &mut self,
        buf: Bytes,
        encoding: Encoding,
        count: usize,
        codes: &mut Vec<u32>,
    ) -> Done<()> {
        let known = u32::try_from(self.len()).map_err(|_| torn())?;
        match encoding {
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let before = codes.len();
                let Some((width, packed)) = buf.split_first() else {
                    return if count == 0 { Ok(()) } else { Err(torn()) };
                };
                hybrid(packed, u32::from(*width), count, codes).ok_or_else(torn)?;
                let codes = codes.get(before..).unwrap_or_default();
                if codes.iter().max().is_some_and(|code| *code >= known) {
                    return Err(torn());
                }
                Ok(())
            }
            Encoding::PLAIN => {
                self.values.plain(buf, count)?;
                codes.extend((known..).take(count));
                Ok(())
            }
            _ => Err(ParquetError::NYI(OTHER.to_owned())),
        }
    }
}

/// Whether every value of a column stands in its dictionary.
pub(crate) fn is_dictionary(about: &ColumnChunkMetaData) -> bool {
    about.dictionary_page_offset().is_some()
        && about.page_encoding_stats_mask().is_some_and(|mask| {
            mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
        })
}

/// A data page, taken apart.
struct Split {
    codes: Bytes,
    count: usize,
    encoding: Encoding,
    levels: Bytes,
}

/// Takes a data page of a column of so many rows apart.
fn split(page: Page, rows: usize, is_optional: bool) -> Done<Split> {
    let (codes, num_values, encoding, levels) = match page {
        Page::DictionaryPage { .. } => return Err(torn()),
        Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
            let mut levels = buf.slice(..0);
            let mut rest = buf;
            if is_optional {
                if def_level_encoding != Encoding::RLE {
                    return Err(torn());
                }
                let length = *rest.first_chunk::<4>().ok_or_else(torn)?;
                let end = (u32::from_le_bytes(length) as usize).saturating_add(4);
                if end > rest.len() {
                    return Err(torn());
                }
                levels = rest.slice(4..end);
                rest = rest.slice(end..);
            }
            (rest, num_values, encoding, levels)
        }
        Page::DataPageV2 {
            buf,
            num_values,
            encoding,
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } => {
            let (reps, defs) = (rep_levels_byte_len as usize, def_levels_byte_len as usize);
            if reps.saturating_add(defs) > buf.len() {
                return Err(torn());
            }
            (buf.slice(reps + defs..), num_values, encoding, buf.slice(reps..reps + defs))
        }
    };
    let count = num_values as usize;
    if count > rows { Err(torn()) } else { Ok(Split { codes, count, encoding, levels }) }
}

/// For each row which value of a dictionary it has, still packed.
pub(crate) struct Packed {
    pages: Vec<PackedPage>,
}

struct PackedPage {
    /// The first row.
    first: usize,
    /// How many rows.
    count: usize,
    /// One where a row has a value, nought where it has none; empty where every row has one.
    present: Vec<u32>,
    /// The width of a code, and the codes.
    codes: Bytes,
}

impl PackedPage {
    /// Hands over the codes in their order, each with how many rows in succession have it.
    fn each(&self, take: &mut impl FnMut(u32, usize)) -> Done<()> {
        let count = match self.present.as_slice() {
            [] => self.count,
            present => present.iter().filter(|at| **at == 1).count(),
        };
        match self.codes.split_first() {
            Some((width, packed)) => each(packed, u32::from(*width), count, take).ok_or_else(torn),
            None if count == 0 => Ok(()),
            None => Err(torn()),
        }
    }

    /// The code of every row.
    fn unpack(&self, codes: &mut Vec<u32>) -> Done<()> {
        codes.clear();
        self.each(&mut |code, times| codes.resize(codes.len() + times, code))?;
        if !self.present.is_empty() {
            spread(codes, 0, &self.present);
        }
        Ok(())
    }
}

impl Packed {
    /// The rows of a column whose values all stand in its dictionary, without reading that.
    pub(crate) fn of(source: &Source, about: &ColumnChunkMetaData, rows: i64) -> Done<Self> {
        let (begin, length) = about.byte_range();
        let data = u64::try_from(about.data_page_offset()).map_err(|_| torn())?;
        let left = (begin + length).checked_sub(data).and_then(|left| i64::try_from(left).ok());
        let only_data = about
            .clone()
            .into_builder()
            .set_dictionary_page_offset(None)
            .set_total_compressed_size(left.ok_or_else(torn)?)
            .build()?;
        let rows = usize::try_from(rows).map_err(|_| torn())?;
        let source = Arc::new(source.clone());
        let mut pages = SerializedPageReader::new(source, &only_data, rows, None)?;
        Self::read(&mut pages, rows, about.column_descr().max_def_level() > 0)
    }

    fn read(from: &mut dyn PageReader, of_column: usize, is_optional: bool) -> Done<Self> {
        let mut pages = Vec::new();
        let mut rows = 0;
        while let Some(page) = from.get_next_page()? {
            let Split { codes, count, encoding, levels } = split(page, of_column, is_optional)?;
            if !matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY) {
                return Err(torn());
            }
            let mut present = Vec::new();
            if is_optional && !is_all_ones(&levels, count) {
                hybrid(&levels, 1, count, &mut present).ok_or_else(torn)?;
            }
            pages.push(PackedPage { first: rows, count, present, codes });
            rows += count;
            if rows > of_column {
                return Err(torn());
            }
        }
        if rows == of_column { Ok(Self { pages }) } else { Err(torn()) }
    }

    /// The rows, in order, whose value is wanted; `is_wanted` has an answer for every value of the dictionary.
    pub(crate) fn rows_with(&self, is_wanted: &[bool]) -> Done<Vec<u32>> {
        let mut rows = Vec::new();
        let mut is_torn = false;
        let mut codes = Vec::new();
        for page in &self.pages {
            if page.present.is_empty() {
                let mut row = page.first;
                page.each(&mut |code, times| {
                    match is_wanted.get(code as usize) {
                        Some(false) => {}
                        Some(true) => rows.extend(numbers(row, times)),
                        None => is_torn = true,
                    }
                    row += times;
                })?;
                continue;
            }
            page.unpack(&mut codes)?;
            for (row, code) in numbers(page.first, page.count).zip(&codes) {
                match is_wanted.get(*code as usize) {
                    Some(false) => {}
                    Some(true) => rows.push(row),
                    None => is_torn |= *code != ABSENT,
                }
            }
        }
        if is_torn { Err(torn()) } else { Ok(rows) }
    }

    /// Which value the rows have that are asked for (in order), or [`ABSENT`].
    pub(crate) fn codes_at(&self, rows: &[u32]) -> Done<Vec<u32>> {
        let mut found = Vec::with_capacity(rows.len());
        let mut codes = Vec::new();
        let mut rows = rows.iter().map(|row| *row as usize).peekable();
        for page in &self.pages {
            let is_here = |row: &usize| *row < page.first + page.count;
            if !rows.peek().is_some_and(is_here) {
                continue;
            }
            page.unpack(&mut codes)?;
            while let Some(row) = rows.next_if(is_here) {
                let at = row.checked_sub(page.first).ok_or_else(torn)?;
                found.push(*codes.get(at).ok_or_else(torn)?);
            }
        }
        if rows.peek().is_none() { Ok(found) } else { Err(torn()) }
    }
}

/// Numbers of rows; there are fewer of them than 32 bits can count ([`noroshi_sift::store::ROWS_MAX`]).
fn numbers(first: usize, count: usize) -> impl Iterator<Item = u32> {
    (first..first.saturating_add(count)).filter_map(|row| u32::try_from(row).ok())
}

/// What is said of an encoding that only the readers of `parquet` know.
const OTHER: &str = "texts in another encoding";

/// Both at once: the values of a column, and for each row which one it has.
pub(crate) fn texts(group: &dyn RowGroupReader, column: usize) -> Done<(Texts, Vec<u32>)> {
    let mut texts = Texts::open(group, column)?;
    match texts.rows() {
        Ok(rows) => Ok((texts, rows)),
        Err(ParquetError::NYI(what)) if what == OTHER => {
            let rows = plainly(group, column, &mut texts)?;
            Ok((texts, rows))
        }
        Err(problem) => Err(problem),
    }
}

/// Reads a column with the readers of `parquet`; every row has a value of its own then.
pub(crate) fn plainly(
    group: &dyn RowGroupReader,
    column: usize,
    texts: &mut Texts,
) -> Done<Vec<u32>> {
    let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(column)? else {
        return Err(torn());
    };
    let (mut values, mut levels) = (Vec::<ByteArray>::new(), Vec::new());
    read::<ByteArrayType>(&mut reader, texts.rows, texts.is_optional, &mut values, &mut levels)?;
    texts.values = Values::default();
    for (number, value) in (0..).zip(values) {
        let end = u32::try_from(value.len()).map_err(|_| torn())?;
        texts.values.places.push((number, 0, end));
        texts.values.bytes.push(Bytes::copy_from_slice(value.data()));
    }
    let mut next = 0;
    let code = |level: &i16| {
        let code = if *level > 0 { next } else { ABSENT };
        next += u32::from(*level > 0);
        code
    };
    Ok(levels.iter().map(code).collect())
}

/// Whether an error says that [`plainly`] has to be used.
pub(crate) fn is_other_encoding(problem: &ParquetError) -> bool {
    matches!(problem, ParquetError::NYI(what) if what == OTHER)
}

/// Reads so many rows; the levels of a required column are all one.
fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    is_optional: bool,
    values: &mut Vec<T::T>,
    levels: &mut Vec<i16>,
) -> Done<()> {
    let (mut left, before) = (rows, levels.len());
    while left > 0 {
        let wanted = is_optional.then_some(&mut *levels);
        let (read, ..) = reader.read_records(left, wanted, None, values)?;
        if read == 0 || read > left {
            return Err(torn());
        }
        left -= read;
    }
    if !is_optional {
        levels.resize(before + rows, 1);
    }
    if levels.len() == before + rows { Ok(()) } else { Err(torn()) }
}

/// The numbers of a column, one for each row; 32-bit ones as they are written, without a sign.
pub(crate) struct Numbers {
    values: Vec<i64>,
    /// Empty where every row has one.
    present: Vec<bool>,
}

impl Numbers {
    /// Reads the rows `wanted` (sorted, none twice); all where none are named.
    pub(crate) fn read(
        group: &dyn RowGroupReader,
        column: usize,
        wanted: Option<&[u32]>,
    ) -> Done<Self> {
        let about = group.metadata().column(column);
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| torn())?;
        let is_optional = about.column_descr().max_def_level() > 0;
        let mut levels = Vec::new();
        let found: Vec<i64> = match group.get_column_reader(column)? {
            ColumnReader::Int32ColumnReader(reader) => {
                let values = some(reader, rows, is_optional, wanted, &mut levels)?;
                values.into_iter().map(|value| i64::from(value.cast_unsigned())).collect()
            }
            ColumnReader::Int64ColumnReader(reader) => {
                some(reader, rows, is_optional, wanted, &mut levels)?
            }
            _ => return Err(torn()),
        };
        if found.len() == levels.len() {
            return Ok(Self { values: found, present: Vec::new() });
        }
        let present: Vec<bool> = levels.iter().map(|level| *level > 0).collect();
        let mut next = found.into_iter();
        let values = present
            .iter()
            .map(|is| if *is { next.next().unwrap_or_default() } else { 0 })
            .collect();
        Ok(Self { values, present })
    }

    /// The number of a row.
    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        if self.present.get(row) == Some(&false) { None } else { self.values.get(row).copied() }
    }
}

/// A number as its field has it; nothing where the field cannot have it.
#[expect(clippy::option_option, reason = "absent, and not what it must be, are two answers")]
pub(crate) fn small<T: TryFrom<i64>>(number: Option<i64>) -> Option<Option<T>> {
    number.map_or(Some(None), |number| T::try_from(number).ok().map(Some))
}

/// The values of some rows, or of all.
fn some<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    is_optional: bool,
    wanted: Option<&[u32]>,
    levels: &mut Vec<i16>,
) -> Done<Vec<T::T>> {
    let mut values = Vec::new();
    let Some(wanted) = wanted else {
        read::<T>(&mut reader, rows, is_optional, &mut values, levels)?;
        return Ok(values);
    };
    let mut at = 0_usize;
    for run in wanted.chunk_by(|one, next| one.checked_add(1) == Some(*next)) {
        let begin = run.first().map_or(at, |row| *row as usize);
        let gap = begin.checked_sub(at).ok_or_else(torn)?;
        if gap > 0 && reader.skip_records(gap)? != gap {
            return Err(torn());
        }
        read::<T>(&mut reader, run.len(), is_optional, &mut values, levels)?;
        at = begin + run.len();
    }
    Ok(values)
}

/// The texts of some rows of a column.
pub(crate) fn some_texts(
    group: &dyn RowGroupReader,
    column: usize,
    wanted: &[u32],
) -> Done<Vec<Option<ByteArray>>> {
    let about = group.metadata().column(column);
    let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| torn())?;
    let is_optional = about.column_descr().max_def_level() > 0;
    let ColumnReader::ByteArrayColumnReader(reader) = group.get_column_reader(column)? else {
        return Err(torn());
    };
    let mut levels = Vec::new();
    let found = some(reader, rows, is_optional, Some(wanted), &mut levels)?;
    let mut next = found.into_iter();
    Ok(levels.iter().map(|level| if *level > 0 { next.next() } else { None }).collect())
}

/// Codes moved to the rows that have a value.
fn spread(codes: &mut Vec<u32>, from: usize, present: &[u32]) {
    let found = codes.split_off(from);
    let mut next = found.into_iter();
    codes.extend(
        present.iter().map(|is| if *is == 1 { next.next().unwrap_or(ABSENT) } else { ABSENT }),
    );
}

/// Whether levels are one run of ones: the usual case, in which every row has a value.
fn is_all_ones(levels: &[u8], count: usize) -> bool {
    let mut rest = levels;
    matches!(varint(&mut rest), Some(header) if header & 1 == 0 && header >> 1 == count as u64)
        && rest.first() == Some(&1)
}

/// Unpacks `count` numbers of `width` bits.
fn hybrid(packed: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> Option<()> {
    out.reserve(count);
    each(packed, width, count, &mut |value, times| match times {
        1 => out.push(value),
        times => out.resize(out.len() + times, value),
    })
}

/// Hands over `count` numbers of `width` bits, each with how often it stands in succession: runs of one number, and
/// groups of eight packed ones.
fn each(packed: &[u8], width: u32, count: usize, take: &mut impl FnMut(u32, usize)) -> Option<()> {
    if width > 32 {
        return None;
    }
    let mut rest = packed;
    let mut left = count;
    while left > 0 {
        let header = varint(&mut rest)?;
        let (numbers, is_packed) = (usize::try_from(header >> 1).ok()?, header & 1 == 1);
        let taken = if is_packed {
            let bytes = numbers.checked_mul(width as usize)?;
            // The last group may be cut off behind the last number.
            let (group, behind) = rest.split_at_checked(bytes.min(rest.len()))?;
            rest = behind;
            let taken = numbers.checked_mul(8)?.min(left);
            unpack(group, width, taken, take)?;
            taken
        } else {
            let (value, behind) = rest.split_at_checked(width.div_ceil(8) as usize)?;
            rest = behind;
            let value = value.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            let taken = numbers.min(left);
            take(value, taken);
            taken
        };
        if taken == 0 {
            return None;
        }
        left -= taken;
    }
    Some(())
}

/// Unpacks numbers that stand bit behind bit, the lowest first.
#[expect(clippy::cast_possible_truncation, reason = "the mask leaves `width` bits, 32 at most")]
fn unpack(
    packed: &[u8],
    width: u32,
    count: usize,
    take: &mut impl FnMut(u32, usize),
) -> Option<()> {
    if packed.len().checked_mul(8)? < count.checked_mul(width as usize)? {
        return None;
    }
    let mask = (1_u64 << width) - 1;
    let (words, rest) = packed.as_chunks::<4>();
    let rest = rest.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    let mut words = words.iter().map(|word| u32::from_le_bytes(*word)).chain([rest]);
    let (mut held, mut bits) = (0_u64, 0_u32);
    for _ in 0..count {
        if bits < width {
            held |= u64::from(words.next()?) << bits;
            bits += 32;
        }
        take((held & mask) as u32, 1);
        held >>= width;
        bits -= width;
    }
    Some(())
}

/// A number in groups of seven bits (ULEB128), of five bytes at most.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..5_u32 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_groups_are_unpacked_as_the_format_says() {
        // The example of the format: 0 to 7 in three bits.
        let mut out = Vec::new();
        hybrid(&[0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 8, &mut out).unwrap();
        assert_eq!(out, [0, 1, 2, 3, 4, 5, 6, 7]);
        out.clear();
        // Five times 4, then three more of a group, in which the rest is padding.
        hybrid(&[0x0a, 4, 0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 8, &mut out).unwrap();
        assert_eq!(out, [4, 4, 4, 4, 4, 0, 1, 2]);
        out.clear();
        assert_eq!(hybrid(&[0x0a], 3, 5, &mut out), None, "cut off");
        assert_eq!(hybrid(&[0x00, 0x00], 1, 1, &mut out), None, "a run of nothing never ends");
        assert_eq!(hybrid(&[0x03, 1], 33, 1, &mut out), None, "too wide");
        out.clear();
        // Width nought: a dictionary of one value needs no bits.
        hybrid(&[0x06], 0, 3, &mut out).unwrap();
        assert_eq!(out, [0, 0, 0]);
    }

    #[test]
    fn rows_are_found_among_packed_codes_with_and_without_gaps() {
        let page = |first, present: &[u32], count, codes: &'static [u8]| PackedPage {
            first,
            count,
            present: present.to_vec(),
            codes: Bytes::from_static(codes),
        };
        // 0 to 7 in three bits; then five times 4; then 1, nothing, 4.
        let packed = Packed {
            pages: vec![
                page(0, &[], 8, &[3, 0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010]),
                page(8, &[], 5, &[3, 0x0a, 4]),
                page(13, &[1, 0, 1], 3, &[3, 0x02, 1, 0x02, 4]),
            ],
        };
        let wanted =
            |codes: &[usize]| -> Vec<bool> { (0..8).map(|code| codes.contains(&code)).collect() };
        assert_eq!(packed.rows_with(&wanted(&[4])).unwrap(), [4, 8, 9, 10, 11, 12, 15]);
        assert_eq!(packed.rows_with(&wanted(&[1, 6])).unwrap(), [1, 6, 13]);
        assert_eq!(packed.rows_with(&wanted(&[])).unwrap(), [0_u32; 0]);
        assert!(packed.rows_with(&[false; 7]).is_err(), "a code without a value");
        assert_eq!(packed.codes_at(&[0, 7, 12, 14, 15]).unwrap(), [0, 7, 4, ABSENT, 4]);
        assert!(packed.codes_at(&[16]).is_err(), "a row that is not there");
    }

    proptest::proptest! {
        #[test]
        fn numbers_of_any_width_are_unpacked(
            width in 1_u32..=32, numbers in proptest::collection::vec(proptest::prelude::any::<u32>(), 1..70),
        ) {
            let mask = u32::MAX >> (32 - width);
            let numbers: Vec<u32> = numbers.into_iter().map(|number| number & mask).collect();
            // Bit by bit, as the format describes it.
            let groups = numbers.len().div_ceil(8);
            let mut packed = vec![0_u8; groups * width as usize];
            for (at, number) in numbers.iter().enumerate() {
                for bit in (0..width as usize).filter(|bit| number >> bit & 1 == 1) {
                    let place = at * width as usize + bit;
                    packed[place / 8] |= 1 << (place % 8);
                }
            }
            packed.insert(0, u8::try_from(groups << 1 | 1).unwrap());
            let mut out = Vec::new();
            proptest::prop_assert!(hybrid(&packed, width, numbers.len(), &mut out).is_some());
            proptest::prop_assert_eq!(out, numbers);
        }
    }

    #[test]
    fn levels_of_a_full_column_are_seen_at_once() {
        assert!(is_all_ones(&[0x10, 1], 8));
        assert!(!is_all_ones(&[0x10, 0], 8) && !is_all_ones(&[0x10, 1], 9) && !is_all_ones(&[], 0));
    }
}
