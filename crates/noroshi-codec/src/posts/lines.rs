//! A stream of bytes as records: a line, or several lines where a quote is open.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_16BE, UTF_16LE};
use memchr::memchr;

use super::{RECORD_BYTES_MAX, RECORD_LINES_MAX};

/// Bytes that are turned into UTF-8 at a time.
const PIECE_BYTES: usize = 16 << 10;

/// The encoding of a text of two-byte letters, by its mark or by the zero byte of its first letter.
pub(super) fn wide(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] | [1..=0x7f, 0, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// A text of two-byte letters as UTF-8.
pub(super) struct Utf16<R> {
    input: R,
    decoder: Decoder,
    /// What has been decoded and not been taken.
    text: Vec<u8>,
    taken: usize,
    is_over: bool,
}

impl<R: BufRead> Utf16<R> {
    pub(super) fn new(input: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        Self { input, decoder, text: Vec::new(), taken: 0, is_over: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        while self.taken == self.text.len() && !self.is_over {
            let bytes = self.input.fill_buf()?;
            let have = bytes.len().min(PIECE_BYTES);
            let is_last = have == 0;
            self.text.resize(PIECE_BYTES * 3 + 16, 0);
            let piece = bytes.get(..have).unwrap_or_default();
            // A letter that is none becomes U+FFFD, which the reader of a cell shows.
            let (result, read, written, _) =
                self.decoder.decode_to_utf8(piece, &mut self.text, is_last);
            self.input.consume(read);
            self.text.truncate(written);
            self.taken = 0;
            self.is_over = is_last && result == CoderResult::InputEmpty;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill()?;
        let rest = self.text.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        Ok(count)
    }
}

/// What came next; the bytes stand in the buffer that was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// Nothing.
    End,
    /// A record that begins in this line.
    Record(u64),
    /// The beginning of one that is too long, or whose quote is never closed.
    TooLong(u64),
}

/// Records of a stream.
pub(super) struct Lines<R> {
    input: R,
    /// Lines that were taken and are to be given again, the next one last.
    again: Vec<Vec<u8>>,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    /// Steps over the mark that UTF-8 may begin with.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        Ok(Self { input, again: Vec::new(), line: 0 })
    }

    /// Gives a line once more.
    pub(super) fn again(&mut self, line: &[u8]) {
        self.again.push(line.to_vec());
        self.line -= 1;
    }

    /// The next record. With a delimiter, a line that ends within quotes goes on in the next one.
    ///
    /// A quote that is never closed costs the line it stands in and no other: those after it are given again.
    pub(super) fn next(&mut self, record: &mut Vec<u8>, delimiter: Option<u8>) -> io::Result<Raw> {
        record.clear();
        let Some(fits) = self.append_line(record)? else { return Ok(Raw::End) };
        let begin = self.line;
        if !fits {
            return Ok(Raw::TooLong(begin));
        }
        let Some(delimiter) = delimiter.filter(|_| memchr(b'"', record).is_some()) else {
            return Ok(Raw::Record(begin));
        };
        let mut quotes = Quotes::default();
        quotes.feed(record, delimiter);
        if !quotes.is_open() {
            return Ok(Raw::Record(begin));
        }
        let first = record.len();
        let mut ends = vec![first];
        while ends.len() < RECORD_LINES_MAX && record.len() < RECORD_BYTES_MAX {
            let from = record.len();
            record.push(b'\n');
            let Some(fits) = self.append_line(record)? else {
                record.pop();
                break;
            };
            ends.push(record.len());
            quotes.feed(record.get(from..).unwrap_or_default(), delimiter);
            if !fits || quotes.is_wrong {
                break;
            }
            if !quotes.is_open() {
                return Ok(Raw::Record(begin));
            }
        }
        // Last line first, so that the next one is on top.
        for pair in ends.windows(2).rev() {
            let [before, end] = pair else { continue };
            self.again(record.get(before + 1..*end).unwrap_or_default());
        }
        record.truncate(first);
        Ok(Raw::TooLong(begin))
    }

    /// Appends a line without its end; whether all of it was taken. `None` at the end.
    fn append_line(&mut self, record: &mut Vec<u8>) -> io::Result<Option<bool>> {
        if let Some(line) = self.again.pop() {
            self.line += 1;
            record.extend_from_slice(&line);
            return Ok(Some(true));
        }
        let (begin, mut fits, mut read) = (record.len(), true, false);
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            read = true;
            let end = memchr(b'\n', bytes);
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            let room = RECORD_BYTES_MAX.saturating_sub(record.len() - begin).min(part.len());
            fits &= room == part.len();
            record.extend_from_slice(part.get(..room).unwrap_or_default());
            let step = end.map_or(bytes.len(), |end| end + 1);
            self.input.consume(step);
            if end.is_some() {
                break;
            }
        }
        if !read {
            return Ok(None);
        }
        self.line += 1;
        if record.len() > begin && record.last() == Some(&b'\r') {
            record.pop();
        }
        Ok(Some(fits))
    }
}

/// Where a record stands, by the rules of RFC 4180 section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// The beginning of a cell; a quote here opens it.
    #[default]
    Begin,
    /// A cell without quotes; a quote within it is a letter.
    Plain,
    /// Within quotes.
    Quoted,
    /// After a quote within quotes: it closes, or the next one doubles it.
    Closing,
}

/// Whether the quotes of a record are closed.
#[derive(Debug, Default)]
struct Quotes {
    at: At,
    /// After a closing quote came something else than the end of the cell.
    is_wrong: bool,
}

impl Quotes {
    fn feed(&mut self, bytes: &[u8], delimiter: u8) {
        for byte in bytes {
            self.at = match (self.at, *byte) {
                (At::Quoted, b'"') => At::Closing,
                (At::Quoted, _) | (At::Begin | At::Closing, b'"') => At::Quoted,
                (_, byte) if byte == delimiter => At::Begin,
                (At::Closing, b'\r') => At::Closing,
                (At::Closing, _) => {
                    self.is_wrong = true;
                    At::Plain
                }
                (At::Begin | At::Plain, _) => At::Plain,
            };
        }
    }

    fn is_open(&self) -> bool {
        self.at == At::Quoted
    }
}
