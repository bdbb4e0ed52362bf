//! DNS response-policy zones: a zone file for a set of names, and the same read back.
//!
//! Only QNAME triggers are written, and each for the name and everything below it. `rpz-client-ip`, which selects
//! people and not infrastructure, has no form here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use noroshi_evidence::observable::{DOMAIN_BYTES_MAX, DomainName};

/// Seconds a resolver may remember an answer of the zone; short, so that a rollback is felt.
pub const TTL: u32 = 30;
/// Longest zone file read back, in bytes.
pub const ZONE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a resolver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// "There is no such name" (`CNAME .`).
    NoSuchName,
    /// "The name has no such record" (`CNAME *.`).
    NoData,
    /// The true answer, whatever later rules say.
    PassThrough,
    /// An address of our own instead; a family without one is answered "no such record".
    Sinkhole(Sinkhole),
}

/// Where a name is led instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sinkhole {
    /// Answer to `A`.
    pub v4: Ipv4Addr,
    /// Answer to `AAAA`.
    pub v6: Option<Ipv6Addr>,
}

impl Answer {
    const POLICIES: [(Self, &'static str); 3] =
        [(Self::NoSuchName, "."), (Self::NoData, "*."), (Self::PassThrough, "rpz-passthru.")];

    /// The records of one owner: type and data.
    fn records(self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoSuchName | Self::NoData | Self::PassThrough => Self::POLICIES
                .iter()
                .filter(|(policy, _)| *policy == self)
                .map(|(_, target)| ("CNAME", (*target).to_owned()))
                .collect(),
            Self::Sinkhole(Sinkhole { v4, v6 }) => {
                let v6 = v6.map(|address| ("AAAA", address.to_string()));
                std::iter::once(("A", v4.to_string())).chain(v6).collect()
            }
        }
    }

    /// The answer that has exactly these records.
    fn of(records: &[(&str, &str)]) -> Option<Self> {
        match records {
            [("CNAME", target)] => {
                let known = Self::POLICIES.iter().find(|(_, text)| text == target);
                known.map(|(policy, _)| *policy)
            }
            [("A", v4)] => Some(Self::Sinkhole(Sinkhole { v4: v4.parse().ok()?, v6: None })),
            [("A", v4), ("AAAA", v6)] => {
                let v6 = Some(v6.parse().ok()?);
                Some(Self::Sinkhole(Sinkhole { v4: v4.parse().ok()?, v6 }))
            }
            _ => None,
        }
    }
}

/// Whether the wildcard of a name still fits into the zone (RFC 1035 §2.3.4); one that does not makes a server refuse
/// the whole zone, and with it every other block.
pub fn fits(name: &DomainName, zone: &str) -> bool {
    "*.".len() + name.as_str().len() + ".".len() + zone.trim_end_matches('.').len()
        <= DOMAIN_BYTES_MAX
}

/// The zone file: deterministic, owners relative to the zone, each name with its wildcard.
pub fn zone(serial: u32, names: &BTreeMap<DomainName, Answer>) -> String {
    let mut text = format!(
        "$TTL {TTL}\n@ IN SOA localhost. root.localhost. {serial} 60 30 3600 {TTL}\n@ IN NS localhost.\n"
    );
    for (name, answer) in names {
        for owner in [name.to_string(), format!("*.{name}")] {
            for (kind, data) in answer.records() {
                // Writing to a string cannot fail.
                let _ok = writeln!(text, "{owner} {kind} {data}");
            }
        }
    }
    text
}

/// Why a zone file was not written by [`zone`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line `{0}` is not of the form this program writes")]
pub struct Foreign(pub usize);

/// Reads back what [`zone`] wrote: serial and names. Anything else in the file is told, never passed over.
pub fn read(text: &str) -> Result<(u32, BTreeMap<DomainName, Answer>), Foreign> {
    if text.len() > ZONE_BYTES_MAX {
        return Err(Foreign(0));
    }
    let mut names: BTreeMap<DomainName, Vec<(&str, &str)>> = BTreeMap::new();
    let mut wild = names.clone();
    let mut serial = None;
    for (at, line) in text.lines().enumerate() {
        let foreign = || Foreign(at + 1);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] | ["$TTL", _] | ["@", "IN", "NS", _] => {}
            ["@", "IN", "SOA", _, _, number, ..] => {
                serial = Some(number.parse().map_err(|_| foreign())?);
            }
            [owner, kind @ ("CNAME" | "A" | "AAAA"), data] => {
                let (map, name) = match owner.strip_prefix("*.") {
                    Some(below) => (&mut wild, below),
                    None => (&mut names, *owner),
                };
                let name = DomainName::parse(name).map_err(|_| foreign())?;
                let records = map.entry(name).or_default();
                records.push((*kind, *data));
                if Answer::of(records).is_none() {
                    return Err(foreign());
                }
            }
            _ => return Err(foreign()),
        }
    }
    let serial = serial.filter(|_| names == wild).ok_or(Foreign(0))?;
    let answered = |(name, records): (DomainName, Vec<(&str, &str)>)| {
        Answer::of(&records).map(|answer| (name, answer)).ok_or(Foreign(0))
    };
    let names = names.into_iter().map(answered).collect::<Result<_, _>>()?;
    Ok((serial, names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_zone_is_read_back_as_written_and_nothing_foreign_passes() {
        let name = |text| DomainName::parse(text).unwrap();
        let names = BTreeMap::from([
            (name("c2.example"), Answer::NoSuchName),
            (name("a.example"), Answer::PassThrough),
        ]);
        let text = zone(7, &names);
        assert_eq!(read(&text).unwrap(), (7, names));
        assert!(text.contains("*.c2.example CNAME .\n"));
        assert_eq!(read(&format!("{text}c3.example TXT x\n")), Err(Foreign(8)));
        let foreign = format!("{text}c3.example A 192.0.2.1\n*.c3.example A 192.0.2.2\n");
        assert_eq!(read(&foreign), Err(Foreign(0)), "the wildcard leads elsewhere");
        assert_eq!(
            read(&format!("{text}c2.example A 192.0.2.1\n")),
            Err(Foreign(8)),
            "beside a policy"
        );
        assert_eq!(
            read(&text.replace("*.c2.example CNAME .\n", "")),
            Err(Foreign(0)),
            "a lost wildcard is told"
        );
        assert_eq!(read(""), Err(Foreign(0)));
    }

    #[test]
    fn a_sinkhole_has_both_families_or_one() {
        let name = |text| DomainName::parse(text).unwrap();
        let v4 = Ipv4Addr::new(192, 0, 2, 1);
        let both = Sinkhole { v4, v6: Some("2001:db8::1".parse().unwrap()) };
        let names = BTreeMap::from([
            (name("one.example"), Answer::Sinkhole(Sinkhole { v4, v6: None })),
            (name("two.example"), Answer::Sinkhole(both)),
        ]);
        let text = zone(1, &names);
        assert!(text.contains("*.two.example A 192.0.2.1\n*.two.example AAAA 2001:db8::1\n"));
        assert_eq!(read(&text).unwrap(), (1, names));
    }

    #[test]
    fn a_name_too_long_for_the_zone_is_told() {
        let label = "a".repeat(60);
        let long = DomainName::parse(&format!("{label}.{label}.{label}.{label}.example")).unwrap();
        assert!(!fits(&long, "rpz.noroshi.example."));
        assert!(fits(&DomainName::parse("c2.example").unwrap(), "rpz.noroshi.example."));
    }

    proptest! {
        #[test]
        fn every_set_of_names_reads_back(labels in proptest::collection::btree_map("[a-z][a-z0-9]{0,20}", 0u8..5, 0..20), serial: u32) {
            let v6 = Some(Ipv6Addr::LOCALHOST);
            let answer = |number: u8| match number {
                0 => Answer::NoSuchName,
                1 => Answer::NoData,
                2 => Answer::PassThrough,
                3 => Answer::Sinkhole(Sinkhole { v4: Ipv4Addr::LOCALHOST, v6: None }),
                _ => Answer::Sinkhole(Sinkhole { v4: Ipv4Addr::LOCALHOST, v6 }),
            };
            let names: BTreeMap<DomainName, Answer> = labels
                .iter()
                .map(|(label, number)| (DomainName::parse(&format!("{label}.example")).unwrap(), answer(*number)))
                .collect();
            prop_assert_eq!(read(&zone(serial, &names)), Ok((serial, names)));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            prop_assert!(read(&text).is_err() || text.contains("SOA"));
        }
    }
}
