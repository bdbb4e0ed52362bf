//! DNS response-policy zones: a zone file for a set of names, and the same read back.
//!
//! Only QNAME triggers are written, and each for the name and everything below it. `rpz-client-ip`, which selects
//! people and not infrastructure, has no form here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use noroshi_evidence::observable::DomainName;

/// Seconds a resolver may remember an answer of the zone; short, so that a rollback is felt.
pub const TTL: u32 = 30;

/// What a resolver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// "There is no such name" (`CNAME .`).
    NoSuchName,
    /// "The name has no such record" (`CNAME *.`).
    NoData,
    /// The true answer, whatever later rules say.
    PassThrough,
}

impl Answer {
    const ALL: [Self; 3] = [Self::NoSuchName, Self::NoData, Self::PassThrough];

    const fn target(self) -> &'static str {
        match self {
            Self::NoSuchName => ".",
            Self::NoData => "*.",
            Self::PassThrough => "rpz-passthru.",
        }
    }
}

/// The zone file: deterministic, owners relative to the zone, each name with its wildcard.
pub fn zone(serial: u32, names: &BTreeMap<DomainName, Answer>) -> String {
    let mut text = format!("$TTL {TTL}\n@ IN SOA localhost. root.localhost. {serial} 60 30 3600 {TTL}\n@ IN NS localhost.\n");
    for (name, answer) in names {
        // Writing to a string cannot fail.
        let _ok = write!(text, "{name} CNAME {0}\n*.{name} CNAME {0}\n", answer.target());
    }
    text
}

/// Why a zone file was not written by [`zone`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line `{0}` is not of the form this program writes")]
pub struct Foreign(pub usize);

/// Reads back what [`zone`] wrote: serial and names. Anything else in the file is told, never passed over.
pub fn read(text: &str) -> Result<(u32, BTreeMap<DomainName, Answer>), Foreign> {
    let mut names = BTreeMap::new();
    let mut wild = BTreeMap::new();
    let mut serial = None;
    for (at, line) in text.lines().enumerate() {
        let foreign = || Foreign(at + 1);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] | ["$TTL", _] | ["@", "IN", "NS", _] => {}
            ["@", "IN", "SOA", _, _, number, ..] => serial = Some(number.parse().map_err(|_| foreign())?),
            [owner, "CNAME", target] => {
                let answer = Answer::ALL.into_iter().find(|answer| answer.target() == *target).ok_or_else(foreign)?;
                let (map, name) = match owner.strip_prefix("*.") {
                    Some(below) => (&mut wild, below),
                    None => (&mut names, *owner),
                };
                map.insert(DomainName::parse(name).map_err(|_| foreign())?, answer);
            }
            _ => return Err(foreign()),
        }
    }
    match serial {
        Some(serial) if names == wild => Ok((serial, names)),
        _ => Err(Foreign(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_read_back_as_written_and_nothing_foreign_passes() {
        let name = |text| DomainName::parse(text).unwrap();
        let names = BTreeMap::from([(name("c2.example"), Answer::NoSuchName), (name("a.example"), Answer::PassThrough)]);
        let text = zone(7, &names);
        assert_eq!(read(&text).unwrap(), (7, names));
        assert!(text.contains("*.c2.example CNAME .\n"));
        assert_eq!(read(&format!("{text}c3.example A 192.0.2.1\n")), Err(Foreign(8)));
        assert_eq!(read(&text.replace("*.c2.example CNAME .\n", "")), Err(Foreign(0)), "a lost wildcard is told");
        assert_eq!(read(""), Err(Foreign(0)));
    }
}
