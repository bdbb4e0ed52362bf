//! Cuts an input into pieces of whole lines.

use std::io::{self, ErrorKind, Read};

use crate::problem::Reason;

/// The longest line that is looked at, in bytes. A longer one is passed over without being held.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// How much is read at a time: small enough to stay in a core's own cache until it has been looked through.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// A piece of an input: whole lines, or the one that cannot be handed on.
pub(crate) struct Piece {
    /// Bytes from the beginning of the input to the beginning of the piece.
    pub(crate) offset: u64,
    /// How many bytes of the buffer are whole lines; or why a line was passed over.
    pub(crate) content: Result<usize, Reason>,
}

/// Cuts an input into pieces of whole lines.
pub(crate) struct Chunks<R> {
    input: R,
    /// What was read behind the last line feed.
    carry: Vec<u8>,
    offset: u64,
    /// Set where the input ended, with the failure it may have ended in.
    ended: Option<io::Result<()>>,
}

impl<R: Read> Chunks<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, carry: Vec::new(), offset: 0, ended: None }
    }

    /// How many bytes of the input have been handed on, and how it ended.
    pub(crate) fn finish(self) -> (u64, io::Result<()>) {
        (self.offset, self.ended.unwrap_or(Ok(())))
    }

    /// Fills the buffer with the next lines; `None` behind the last. The last line may lack its line feed. Where the
    /// input fails, the line it failed in is handed on as [`Reason::Interrupted`]; of a line that is too long
    /// nothing but its length stays.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>) -> Option<Piece> {
        if self.ended.is_some() {
            return None;
        }
        buffer.resize(buffer.len().max(READ_BYTES), 0);
        let mut filled = self.carry.len();
        if filled >= buffer.len() {
            buffer.resize(filled + READ_BYTES, 0);
        }
        buffer.iter_mut().zip(self.carry.drain(..)).for_each(|(to, from)| *to = from);
        // What was carried may hold whole lines behind one that was passed over.
        let mut looked_at = 0;
        loop {
            let fresh = buffer.get(looked_at..filled).unwrap_or_default();
            if let Some(feed) = memchr::memrchr(b'\n', fresh) {
                let end = looked_at + feed + 1;
                self.carry.extend_from_slice(buffer.get(end..filled).unwrap_or_default());
                return Some(self.piece(end as u64, Ok(end)));
            }
            looked_at = filled;
            if filled > LINE_BYTES_MAX {
                return Some(self.pass_over(filled as u64, buffer));
            }
            if filled == buffer.len() {
                buffer.resize(filled * 2, 0);
            }
            match self.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => {
                    self.ended = Some(Ok(()));
                    return (filled > 0).then(|| self.piece(filled as u64, Ok(filled)));
                }
                Ok(read) => filled += read,
                Err(problem) => {
                    self.ended = Some(Err(problem));
                    return Some(self.piece(filled as u64, Err(Reason::Interrupted)));
                }
            }
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(into) {
                Err(problem) if problem.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    const fn piece(&mut self, bytes: u64, content: Result<usize, Reason>) -> Piece {
        let offset = self.offset;
        self.offset += bytes;
        Piece { offset, content }
    }

    /// Reads on to the end of a line of which so many bytes have been read.
    fn pass_over(&mut self, mut bytes: u64, buffer: &mut [u8]) -> Piece {
        loop {
            match self.read(buffer) {
                Ok(0) => {
                    self.ended = Some(Ok(()));
                    return self.piece(bytes, Err(Reason::TooLong));
                }
                Ok(read) => {
                    let fresh = buffer.get(..read).unwrap_or_default();
                    if let Some(feed) = memchr::memchr(b'\n', fresh) {
                        self.carry.extend_from_slice(fresh.get(feed + 1..).unwrap_or_default());
                        return self.piece(bytes + feed as u64 + 1, Err(Reason::TooLong));
                    }
                    bytes += read as u64;
                }
                Err(problem) => {
                    self.ended = Some(Err(problem));
                    return self.piece(bytes, Err(Reason::TooLong));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives at most so many bytes at a time.
    struct Sips<'a>(&'a [u8], usize);

    impl Read for Sips<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let (now, later) = self.0.split_at(self.1.min(into.len()).min(self.0.len()));
            into[..now.len()].copy_from_slice(now);
            self.0 = later;
            Ok(now.len())
        }
    }

    fn cut(input: &[u8], sip_bytes: usize) -> Vec<(u64, Result<Vec<u8>, Reason>)> {
        let mut lines = Vec::new();
        let mut chunks = Chunks::new(Sips(input, sip_bytes));
        let mut buffer = Vec::new();
        while let Some(piece) = chunks.next(&mut buffer) {
            match piece.content {
                Err(reason) => lines.push((piece.offset, Err(reason))),
                Ok(end) => {
                    let mut offset = piece.offset;
                    for line in buffer[..end].split_inclusive(|byte| *byte == b'\n') {
                        let text = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
                        // As whoever goes through the lines does.
                        let is_long = text.len() > LINE_BYTES_MAX;
                        lines.push((offset, if is_long { Err(Reason::TooLong) } else { Ok(text) }));
                        offset += line.len() as u64;
                    }
                }
            }
        }
        let (read, end) = chunks.finish();
        assert!(end.is_ok());
        assert_eq!(read, input.len() as u64);
        lines
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over() {
        let mut input = b"one\n".to_vec();
        input.extend(vec![b'x'; LINE_BYTES_MAX + 1]);
        input.extend(b"\ntwo\nthree");
        let long = LINE_BYTES_MAX as u64;
        for sip_bytes in [977, 64 << 10, 4 << 20] {
            let lines = cut(&input, sip_bytes);
            assert_eq!(lines[0], (0, Ok(b"one".to_vec())), "{sip_bytes}");
            assert_eq!(lines[1], (4, Err(Reason::TooLong)));
            assert_eq!(lines[2], (long + 6, Ok(b"two".to_vec())));
            assert_eq!(lines[3], (long + 10, Ok(b"three".to_vec())));
        }
    }

    #[test]
    fn an_input_that_fails_is_reported_where_it_failed() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut chunks = Chunks::new(Read::chain(&b"whole\nhal"[..], Fails));
        let mut buffer = Vec::new();
        let mut seen = Vec::new();
        while let Some(piece) = chunks.next(&mut buffer) {
            seen.push((piece.offset, piece.content.err()));
        }
        assert_eq!(seen, [(0, None), (6, Some(Reason::Interrupted))]);
        assert!(chunks.finish().1.is_err());
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_input(input in "[ab\n]{0,40}", sip_bytes in 1_usize..9) {
            let lines = cut(input.as_bytes(), sip_bytes);
            let texts: Vec<Vec<u8>> = lines.iter().map(|line| line.1.clone().unwrap()).collect();
            let mut expected: Vec<Vec<u8>> = input.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(texts, expected);
            for (offset, content) in lines {
                let begin = usize::try_from(offset).unwrap();
                prop_assert!(input.as_bytes()[begin..].starts_with(&content.unwrap()));
            }
        }
    }
}
