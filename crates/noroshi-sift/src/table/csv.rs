//! CSV (RFC 4180), with comma, semicolon, tab or bar.

use std::io::{BufRead, ErrorKind, Write};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{COLUMNS_MAX, Cell, Cells, Layout, Mapping, Row};
use crate::engine::{Engine, Read};
use crate::flow::FlowRecord;
use crate::lines::LINE_BYTES_MAX;
use crate::problem::Reason;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How a table is written, and where its columns stand.
pub(crate) struct Form {
    delimiter: u8,
    layout: Layout,
}

/// The form, if the first line names the columns that are needed.
pub(crate) fn form_of(begin: &[u8], mapping: Option<&Mapping>) -> Option<Form> {
    let begin = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
    if matches!(begin.first(), None | Some(b'{' | b'#')) {
        return None;
    }
    let line = begin.split(|byte| *byte == b'\n').next().unwrap_or_default();
    DELIMITERS.into_iter().find_map(|delimiter| {
        let mut cells = vec![0; line.len() + 1];
        let mut ends = vec![0; COLUMNS_MAX];
        let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
        let (result, _, _, mut count) = reader.read_record(line, &mut cells, &mut ends);
        if matches!(result, ReadRecordResult::InputEmpty) {
            let rest = ends.get_mut(count..)?;
            count += reader.read_record(&[], &mut [0; 8], rest).3;
        }
        let text = |at: usize| {
            let begin = at.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
            std::str::from_utf8(cells.get(begin..*ends.get(at)?)?).ok()
        };
        let names: Vec<&str> = (0..count).map_while(text).collect();
        Layout::of(&names, mapping).map(|layout| Form { delimiter, layout })
    })
}

/// The cells of one record.
struct Fields<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl Cells for Fields<'_> {
    fn cell(&self, column: usize) -> Cell<'_> {
        let begin = match column.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(0),
        };
        let field = begin.zip(self.ends.get(column).copied());
        let field = field.and_then(|(begin, end)| self.bytes.get(begin..end));
        field.map_or(Cell::Absent, Cell::Text)
    }
}

/// The state between two buffers.
struct Records {
    reader: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    length: usize,
    count: usize,
    fault: Option<Reason>,
}

/// What a step over the input has come to.
enum Step {
    /// The buffer is used up.
    More,
    Record,
    End,
}

impl Records {
    fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            bytes: vec![0; 4_096],
            ends: vec![0; 256],
            length: 0,
            count: 0,
            fault: None,
        }
    }

    /// Reads on; returns how many bytes were used.
    fn step(&mut self, input: &[u8]) -> (Step, usize) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let bytes = self.bytes.get_mut(self.length..).unwrap_or_default();
            let ends = self.ends.get_mut(self.count..).unwrap_or_default();
            let (result, read, written, ended) = self.reader.read_record(rest, bytes, ends);
            used += read;
            self.length += written;
            self.count += ended;
            match result {
                ReadRecordResult::InputEmpty => return (Step::More, used),
                ReadRecordResult::Record => return (Step::Record, used),
                ReadRecordResult::End => return (Step::End, used),
                ReadRecordResult::OutputFull if self.bytes.len() < LINE_BYTES_MAX => {
                    self.bytes.resize(self.bytes.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < COLUMNS_MAX => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                // Too much is passed over without being held.
                ReadRecordResult::OutputFull => {
                    self.fault = Some(Reason::TooLong);
                    self.length = 0;
                }
                ReadRecordResult::OutputEndsFull => {
                    self.fault = self.fault.or(Some(Reason::FieldCount));
                    self.count = 0;
                }
            }
        }
    }

    fn clear(&mut self) {
        (self.length, self.count, self.fault) = (0, 0, None);
    }
}

impl<W: Write + Send> Engine<W> {
    /// Looks through a table whose first line names its columns.
    pub(crate) fn read_csv(
        &mut self,
        source: &str,
        mut input: impl BufRead,
        form: &Form,
    ) -> Result<(), Read> {
        let mut records = Records::new(form.delimiter);
        // The place where the record at hand begins, and how many have been.
        let (mut offset, mut begun, mut number) = (0_u64, 0_u64, 0_u64);
        loop {
            let buffer = match input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let torn = records.length > 0 || records.count > 0;
                    self.add_bytes(offset);
                    if torn {
                        let reason = Err::<FlowRecord, _>(Reason::Interrupted);
                        self.take(source, begun, number + 1, reason)?;
                    }
                    return Err(error.into());
                }
            };
            let (step, used) = records.step(buffer);
            input.consume(used);
            offset += used as u64;
            match step {
                Step::More => {}
                Step::Record => {
                    number += 1;
                    if number > 1 {
                        self.csv_record(source, (begun, number), &records, form)?;
                    }
                    records.clear();
                    begun = offset;
                }
                Step::End => {
                    self.add_bytes(offset);
                    return Ok(());
                }
            }
        }
    }

    fn csv_record(
        &mut self,
        source: &str,
        (offset, number): (u64, u64),
        records: &Records,
        form: &Form,
    ) -> Result<(), Read> {
        let fault = records
            .fault
            .or_else(|| (records.count != form.layout.count).then_some(Reason::FieldCount));
        let view = match fault {
            Some(reason) => Err(reason),
            None => Ok(Row {
                layout: &form.layout,
                cells: Fields {
                    bytes: records.bytes.get(..records.length).unwrap_or_default(),
                    ends: records.ends.get(..records.count).unwrap_or_default(),
                },
            }),
        };
        self.take(source, offset, number, view)
    }
}
