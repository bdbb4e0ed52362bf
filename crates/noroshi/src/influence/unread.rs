//! Why a table cannot be read: a code and the values that its words show, so that each reader is told in their own language.

use std::collections::BTreeMap;

use noroshi_codec::posts::{NoMapping, NoTable};

use crate::web::locale::Words;

/// A reason. No value of it is a name or a cell of the table: those are told in a table, as far as they are names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its stable code.
    pub code: String,
    /// What the words show, by name.
    pub values: BTreeMap<String, String>,
}

impl Unread {
    /// A reason that needs no more than its words.
    pub fn of(code: &str) -> Self {
        Self { code: code.to_owned(), values: BTreeMap::new() }
    }

    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }

    /// The code alone: records of before the values stood apart hold a sentence behind it.
    pub fn short(&self) -> &str {
        self.code.split(':').next().unwrap_or_default()
    }

    /// In the words of a reader.
    pub fn said(&self, words: Words) -> String {
        let code = self.short();
        if !words.has(code) {
            return self.code.clone();
        }
        let values: Vec<_> = self
            .values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().into()))
            .collect();
        words.tv(code, &values)
    }
}

impl From<NoMapping> for Unread {
    fn from(no: NoMapping) -> Self {
        match no {
            NoMapping::Line { line, roles } => {
                Self::of("NRS-INFL-0111").with("line", line).with("roles", roles)
            }
            NoMapping::Zone { line, zone } => {
                Self::of("NRS-INFL-0116").with("line", line).with("zone", zone)
            }
        }
    }
}

impl From<NoTable> for Unread {
    fn from(no: NoTable) -> Self {
        let reason = Self::of(no.code());
        match no {
            // What the table has instead is not told.
            NoTable::NoColumn(column, _) | NoTable::NoObject(column) | NoTable::Kind(column) => {
                reason.with("column", column)
            }
            NoTable::NoRole(role) => reason.with("role", role.word()),
            NoTable::Input(_)
            | NoTable::TooLong
            | NoTable::NoNames
            | NoTable::NotToolkit
            | NoTable::Empty
            | NoTable::Damaged
            | NoTable::Encrypted
            | NoTable::Stream
            | NoTable::TooLarge
            | NoTable::Packed => reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use noroshi_codec::posts::{Mapping, Reader, Settings};

    use super::*;
    use crate::web::locale::Lang;

    /// Every reason has words in both languages, and shows its values in them.
    #[test]
    fn every_reason_is_told_in_both_languages() {
        let no_role = Reader::new("when,what\n1795737600,x\n".as_bytes(), &Settings::default());
        let reasons: [(Unread, &str); 16] = [
            (NoTable::Input(std::io::Error::other("broken")).into(), ""),
            (NoTable::NoColumn("kakuu".to_owned(), "hidden".to_owned()).into(), "kakuu"),
            (no_role.err().unwrap().into(), ""),
            (NoTable::NoObject("author".to_owned()).into(), "author"),
            (NoTable::TooLong.into(), ""),
            (NoTable::NoNames.into(), ""),
            (NoTable::NotToolkit.into(), ""),
            (NoTable::Empty.into(), ""),
            (NoTable::Damaged.into(), "Parquet"),
            (NoTable::Encrypted.into(), "Parquet"),
            (NoTable::Stream.into(), "Parquet"),
            (NoTable::Kind("links".to_owned()).into(), "links"),
            (NoTable::TooLarge.into(), "Parquet"),
            (NoTable::Packed.into(), "Parquet"),
            (Mapping::from_str("account = 1\nnothing").unwrap_err().into(), "2"),
            (Mapping::from_str("zone = Kakuu/To").unwrap_err().into(), "Kakuu/To"),
        ];
        for (reason, shown) in &reasons {
            let said = [Lang::Ja, Lang::En].map(|lang| reason.said(Words::new(lang)));
            assert_ne!(said[0], said[1], "{reason:?}");
            for said in &said {
                assert!(said.contains(shown) && !said.contains("hidden"), "{reason:?}: {said}");
                assert!(!said.contains('$') && !said.starts_with("NRS-"), "{reason:?}: {said}");
            }
        }
        let old = Unread::of("NRS-INFL-0106: the table is empty");
        assert_eq!(
            old.said(Words::new(Lang::Ja)),
            Unread::of("NRS-INFL-0106").said(Words::new(Lang::Ja))
        );
    }
}
