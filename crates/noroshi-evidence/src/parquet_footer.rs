//! The footer of a Parquet file, looked at before it is believed.
//!
//! Decoders walk into groups of a schema by calling themselves, and a stack that runs over ends the program. So the
//! footer, a struct in Thrift's compact protocol, is stepped through once without that. Whoever reads Parquet that came from
//! elsewhere asks here first; nothing of the decoder is needed for it.

/// Longest footer, in bytes.
const FOOTER_BYTES_MAX: u64 = 64 << 20;
/// Length and mark at the very end.
const TAIL_BYTES: u64 = 8;
/// Most groups within one another, and most values within one another elsewhere.
const DEPTH_MAX: usize = 32;
/// Most groups and columns of a schema.
const ELEMENTS_MAX: usize = 10_000;

/// Field of the file's struct that holds the schema.
const SCHEMA: i64 = 2;
/// Field of an element of the schema that counts its children.
const CHILDREN: i64 = 5;

// Types of the compact protocol.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// What the end of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footer {
    /// One that a decoder may be given.
    Bounded,
    /// Encrypted: nothing can be said of it.
    Encrypted,
    /// Longer than 64 MiB.
    TooLarge,
    /// None, or one whose groups lie within one another more than 32 times.
    Damaged,
}

/// Looks at the end of a file of so many bytes; `read` gives some of them from a place, or none where it cannot.
pub fn look<B: AsRef<[u8]>>(file_bytes: u64, read: impl Fn(u64, usize) -> Option<B>) -> Footer {
    let bytes = |begin: u64, length: u64| read(begin, usize::try_from(length).ok()?);
    let Some(tail_begin) = file_bytes.checked_sub(TAIL_BYTES) else { return Footer::Damaged };
    let Some(tail) = bytes(tail_begin, TAIL_BYTES) else { return Footer::Damaged };
    let Some((length, mark)) = tail.as_ref().split_first_chunk() else { return Footer::Damaged };
    match mark {
        b"PAR1" => {}
        b"PARE" => return Footer::Encrypted,
        _ => return Footer::Damaged,
    }
    let length = u64::from(u32::from_le_bytes(*length));
    let Some(begin) = tail_begin.checked_sub(length) else { return Footer::Damaged };
    if length > FOOTER_BYTES_MAX {
        return Footer::TooLarge;
    }
    let is_one =
        bytes(begin, length).is_some_and(|footer| Walk { rest: footer.as_ref() }.file().is_some());
    if is_one { Footer::Bounded } else { Footer::Damaged }
}

/// What of a footer has not been stepped over. `None` everywhere: it is none.
struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn file(&mut self) -> Option<()> {
        self.fields(|walk, field, kind| match (field, kind) {
            (SCHEMA, LIST) => walk.schema(),
            _ => walk.value(kind, 0),
        })
    }

    /// A tree in the order in which one walks through it: each element says how many of those that follow are its own.
    fn schema(&mut self) -> Option<()> {
        let (kind, count) = self.list()?;
        if kind != STRUCT || count > ELEMENTS_MAX {
            return None;
        }
        let mut open: Vec<i64> = Vec::new();
        for _ in 0..count {
            let mut children = 0;
            self.fields(|walk, field, kind| {
                if (field, kind) == (CHILDREN, I32) {
                    children = walk.number()?;
                    return Some(());
                }
                walk.value(kind, 0)
            })?;
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            if open.len() > DEPTH_MAX {
                return None;
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Some(())
    }

    /// The fields of a struct, each with its number and its type; whoever is asked steps over its value.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut field = 0_i64;
        loop {
            let head = self.byte()?;
            let (step, kind) = (head >> 4, head & 0xf);
            if kind == STOP {
                return Some(());
            }
            field = if step == 0 { self.number()? } else { field.checked_add(i64::from(step))? };
            each(self, field, kind)?;
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.skip(1),
            I16 | I32 | I64 => self.number().map(|_| ()),
            DOUBLE => self.skip(8),
            BINARY => {
                let length = self.length()?;
                self.skip(length)
            }
            LIST | SET => {
                let (kind, count) = self.list()?;
                (0..count).try_for_each(|_| self.entry(kind, depth))
            }
            MAP => self.map(depth),
            STRUCT => self.fields(|walk, _, kind| walk.value(kind, depth + 1)),
            UUID => self.skip(16),
            _ => None,
        }
    }

    /// A value in a list, where a truth value has a byte of its own.
    fn entry(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => self.skip(1),
            kind => self.value(kind, depth + 1),
        }
    }

    fn map(&mut self, depth: usize) -> Option<()> {
        let count = self.length()?;
        if count == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        (0..count).try_for_each(|_| {
            self.entry(kinds >> 4, depth)?;
            self.entry(kinds & 0xf, depth)
        })
    }

    /// The type of a list's entries and how many there are: no more than there are bytes.
    fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.length()?,
            count => usize::from(count),
        };
        (count <= self.rest.len()).then_some((head & 0xf, count))
    }

    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.digits()?).ok()?;
        (length <= self.rest.len()).then_some(length)
    }

    fn number(&mut self) -> Option<i64> {
        let digits = self.digits()?;
        // Zigzag: the last bit is the sign.
        Some((digits >> 1).cast_signed() ^ -(digits & 1).cast_signed())
    }

    fn digits(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_at(footer: &[u8], mark: &[u8]) -> Footer {
        let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
        let file = [b"PAR1".as_slice(), footer, &length, mark].concat();
        look(file.len() as u64, |begin, length| {
            let begin = usize::try_from(begin).ok()?;
            file.get(begin..begin + length)
        })
    }

    #[test]
    fn a_file_is_asked_by_its_end() {
        assert_eq!(looked_at(&chain(3), b"PAR1"), Footer::Bounded);
        assert_eq!(looked_at(&chain(300_000), b"PAR1"), Footer::Damaged);
        assert_eq!(looked_at(&chain(3), b"PARE"), Footer::Encrypted);
        assert_eq!(looked_at(&chain(3), b"PAR2"), Footer::Damaged);
        let none = |_, _| None::<[u8; 8]>;
        assert_eq!((look(0, none), look(9, none)), (Footer::Damaged, Footer::Damaged));
    }

    /// A file's struct with a schema of groups, each the only child of the one before.
    fn chain(depth: usize) -> Vec<u8> {
        let mut footer = vec![0x15, 0x02, 0x19, 0xf0 | STRUCT];
        let mut count = depth;
        while count >= 0x80 {
            footer.push(u8::try_from(count & 0x7f).unwrap() | 0x80);
            count >>= 7;
        }
        footer.push(u8::try_from(count).unwrap());
        for _ in 0..depth {
            // Name `a`, one child.
            footer.extend_from_slice(&[0x48, 0x01, b'a', 0x15, 0x02, 0x00]);
        }
        footer.push(0x00);
        footer
    }

    #[test]
    fn groups_within_groups_end_somewhere() {
        let is_one = |footer: &[u8]| Walk { rest: footer }.file().is_some();
        assert!(is_one(&chain(3)) && is_one(&chain(DEPTH_MAX)));
        assert!(!is_one(&chain(DEPTH_MAX + 1)) && !is_one(&chain(9_000)));
        assert!(!is_one(&chain(ELEMENTS_MAX + 1)));
        for (cut, _) in chain(3).iter().enumerate() {
            assert!(!is_one(&chain(3)[..cut]), "{cut}");
        }
    }

    #[test]
    fn what_would_be_walked_for_ever_is_no_footer() {
        let is_one = |footer: &[u8]| Walk { rest: footer }.file().is_some();
        // A list that says it has 2^31 truth values, lists in lists, a number that does not end.
        assert!(!is_one(&[0x39, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00]));
        assert!(!is_one(&[[0x39].as_slice(), &[0x19; 4_000]].concat()));
        assert!(!is_one(&[[0x16].as_slice(), &[0xff; 40]].concat()));
        assert!(!is_one(&[]));
    }
}
