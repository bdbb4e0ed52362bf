//! Cuts an input into sealed lines.

use std::io::{self, BufRead, ErrorKind};

use crate::problem::Reason;
use crate::sealed::Sealed;

/// The longest line that is looked at, in bytes. A longer one is passed over without being held.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// One line and where it stood.
pub(crate) struct Line<'a> {
    /// Bytes from the beginning of the input to the beginning of the line.
    pub(crate) offset: u64,
    /// Counted from one.
    pub(crate) number: u64,
    /// Without line feed; or why it cannot be handed on.
    pub(crate) content: Result<Sealed<'a>, Reason>,
}

/// The state between two buffers of one input.
#[derive(Default)]
pub(crate) struct Cutter {
    /// The beginning of a line whose end has not come yet.
    pending: Vec<u8>,
    /// How many bytes of a line over the limit have been passed over; `pending` is empty meanwhile.
    passed_over: Option<u64>,
    offset: u64,
    number: u64,
}

impl Cutter {
    /// Hands every line to `take`. Where the input fails, the line it failed in is handed on as
    /// [`Reason::Interrupted`] before the failure is returned.
    pub(crate) fn run<E: From<io::Error>>(
        mut self,
        mut input: impl BufRead,
        mut take: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        loop {
            let buffer = match input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.end(Some(Reason::Interrupted), &mut take)?;
                    return Err(error.into());
                }
            };
            let length = buffer.len();
            if length == 0 {
                self.end(None, &mut take)?;
                return Ok(self.offset);
            }
            self.buffer(buffer, &mut take)?;
            input.consume(length);
        }
    }

    fn buffer<E>(
        &mut self,
        buffer: &[u8],
        take: &mut impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = buffer;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(end).unwrap_or_default();
            rest = after.get(1..).unwrap_or_default();
            if self.pending.is_empty() && self.passed_over.is_none() {
                // The common case: the line lies in the buffer and is not copied.
                self.line(line, take)?;
            } else {
                self.carry(line);
                self.carried(1, None, take)?;
            }
        }
        self.carry(rest);
        Ok(())
    }

    /// A line that lies in one buffer.
    fn line<E>(
        &mut self,
        line: &[u8],
        take: &mut impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.number += 1;
        let offset = self.offset;
        self.offset += line.len() as u64 + 1;
        let content =
            if line.len() > LINE_BYTES_MAX { Err(Reason::TooLong) } else { Ok(Sealed::new(line)) };
        take(Line { offset, number: self.number, content })
    }

    /// Adds to the line whose end has not come yet. Of a line that is too long nothing but its length stays.
    fn carry(&mut self, part: &[u8]) {
        let held = (self.pending.len() + part.len()) as u64;
        if self.passed_over.is_some() || held > LINE_BYTES_MAX as u64 {
            self.passed_over = Some(self.passed_over.unwrap_or_default() + held);
            self.pending.clear();
        } else {
            self.pending.extend_from_slice(part);
        }
    }

    /// The line whose parts have been carried; `feed` is the length of the line feed behind it.
    fn carried<E>(
        &mut self,
        feed: u64,
        broken: Option<Reason>,
        take: &mut impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.number += 1;
        let offset = self.offset;
        let passed_over = self.passed_over.take();
        self.offset += passed_over.unwrap_or(self.pending.len() as u64) + feed;
        let content = passed_over
            .map(|_| Reason::TooLong)
            .or(broken)
            .map_or_else(|| Ok(Sealed::new(&self.pending)), Err);
        let result = take(Line { offset, number: self.number, content });
        self.pending.clear();
        result
    }

    fn end<E>(
        &mut self,
        broken: Option<Reason>,
        take: &mut impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.pending.is_empty() && self.passed_over.is_none() && broken.is_none() {
            return Ok(());
        }
        self.carried(0, broken, take)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn cut(input: &[u8], buffer_bytes: usize) -> Vec<(u64, u64, Result<Vec<u8>, Reason>)> {
        let mut lines = Vec::new();
        let reader = BufReader::with_capacity(buffer_bytes, input);
        let read = Cutter::default().run(reader, |line| {
            let content = line.content.map(|sealed| sealed.open().to_vec());
            lines.push((line.offset, line.number, content));
            Ok::<(), io::Error>(())
        });
        assert_eq!(read.unwrap(), input.len() as u64);
        lines
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over() {
        let mut input = b"one\n".to_vec();
        input.extend(vec![b'x'; LINE_BYTES_MAX + 1]);
        input.extend(b"\ntwo\nthree");
        let long = LINE_BYTES_MAX as u64;
        for buffer_bytes in [7, 64 << 10, 4 << 20] {
            let lines = cut(&input, buffer_bytes);
            assert_eq!(lines[0], (0, 1, Ok(b"one".to_vec())), "{buffer_bytes}");
            assert_eq!(lines[1], (4, 2, Err(Reason::TooLong)));
            assert_eq!(lines[2], (long + 6, 3, Ok(b"two".to_vec())));
            assert_eq!(lines[3], (long + 10, 4, Ok(b"three".to_vec())));
        }
    }

    #[test]
    fn an_input_that_fails_is_reported_where_it_failed() {
        struct Fails;
        impl io::Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut seen = Vec::new();
        let input = BufReader::new(io::Read::chain(&b"whole\nhal"[..], Fails));
        let result = Cutter::default().run(input, |line| {
            seen.push((line.offset, line.content.err()));
            Ok::<(), io::Error>(())
        });
        assert!(result.is_err());
        assert_eq!(seen, [(0, None), (6, Some(Reason::Interrupted))]);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_input(input in "[ab\n]{0,40}", buffer_bytes in 1_usize..9) {
            let lines = cut(input.as_bytes(), buffer_bytes);
            let texts: Vec<Vec<u8>> = lines.iter().map(|line| line.2.clone().unwrap()).collect();
            let mut expected: Vec<Vec<u8>> = input.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(texts, expected);
            for (offset, _, content) in lines {
                let begin = usize::try_from(offset).unwrap();
                prop_assert!(input.as_bytes()[begin..].starts_with(&content.unwrap()));
            }
        }
    }
}
