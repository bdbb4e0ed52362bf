//! What operators' own tools are given: the entry that every format of a feed is written from.
//!
//! [`rpz`](crate::rpz), [`suricata`](crate::suricata), [`zeek_intel`](crate::zeek_intel) and [`csv`](crate::csv) write the
//! same entries. Each entry carries its end and the release it comes from. [`csv::encode`](crate::csv::encode) keeps all
//! of an entry and is the companion of formats that have no place for it: reading it back gives what was written, and
//! [`difference`] says what changed since, so that a feed is written anew only when it differs.
//!
//! A STIX bundle of the same feed is [`stix::encode_bundle`](crate::stix::encode_bundle) of the indicators themselves:
//! another maker's object is never written anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::observable::{DomainName, Observable};

use crate::rpz;

/// Longest name of a source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 120;

/// The release an entry comes from: letters, digits and `. _ : / -`, beginning with a letter or digit, so that it means
/// the same in every format and nothing to a spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(Box<str>);

impl Source {
    /// Reads a name; `None` when it has other characters or is too long.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        (begins && text.len() <= SOURCE_BYTES_MAX && text.bytes().all(allowed))
            .then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Display for Source {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(&self.0)
    }
}

/// One thing to look for or to block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What.
    pub observable: Observable,
    /// The indicator that says so.
    pub indicator: StixId,
    /// First moment at which it does not hold any more; none is without end.
    pub valid_until: Option<Timestamp>,
    /// Its marking.
    pub tlp: Tlp,
    /// The release it comes from.
    pub source: Source,
}

impl Entry {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| until > now)
    }
}

/// Why a format has no form for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum LeftOut {
    /// The format knows no such values.
    #[error("the format has no form for values of this kind")]
    Kind,
    /// The format knows such values, but not in this form (a network, an encrypted locator).
    #[error("the format has no form for this value")]
    Form,
    /// The name is too long for the zone.
    #[error("the name does not fit into the zone")]
    Length,
}

impl LeftOut {
    /// The stable code shown to a user.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Kind => "NRS-CODC-0193",
            Self::Form => "NRS-CODC-0194",
            Self::Length => "NRS-CODC-0195",
        }
    }
}

/// Files of a feed by their names, and the entries that have no form in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files<'a> {
    /// Name and text.
    pub files: BTreeMap<&'static str, String>,
    /// What is not in them, and why.
    pub left_out: Vec<(&'a Entry, LeftOut)>,
}

/// What changed between two writings of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// New, or with another end, marking or source.
    pub added: Vec<Entry>,
    /// Gone, or as they were before they changed.
    pub removed: Vec<Entry>,
}

impl Difference {
    /// Whether both are the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// What changed.
///
/// ```
/// use noroshi_codec::feed::difference;
/// assert!(difference(&[], &[]).is_empty());
/// ```
pub fn difference(before: &[Entry], after: &[Entry]) -> Difference {
    let (before, after): (BTreeSet<&Entry>, BTreeSet<&Entry>) =
        (before.iter().collect(), after.iter().collect());
    Difference {
        added: after.difference(&before).map(|entry| (*entry).clone()).collect(),
        removed: before.difference(&after).map(|entry| (*entry).clone()).collect(),
    }
}

/// The response-policy zone of a feed: its names are answered "no such name". The serial is the caller's, who raises it
/// when [`difference`] is not empty.
pub fn rpz<'a>(serial: u32, zone: &str, entries: &'a [Entry]) -> Files<'a> {
    let mut made = Files::default();
    let mut names: BTreeMap<DomainName, rpz::Answer> = BTreeMap::new();
    for entry in entries {
        match &entry.observable {
            Observable::Domain(name) if rpz::fits(name, zone) => {
                names.insert(name.clone(), rpz::Answer::NoSuchName);
            }
            Observable::Domain(_) => made.left_out.push((entry, LeftOut::Length)),
            _ => made.left_out.push((entry, LeftOut::Kind)),
        }
    }
    made.files.insert("rpz.zone", rpz::zone(serial, &names));
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_source_means_nothing_to_a_spreadsheet() {
        for bad in
            ["", "=1", "-x", "a b", "a\tb", "a,b", "a\"", "ア", &"a".repeat(SOURCE_BYTES_MAX + 1)]
        {
            assert_eq!(Source::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Source::parse("release:2026-11/7").unwrap().as_str(), "release:2026-11/7");
    }

    #[test]
    fn a_server_takes_the_zone() {
        let entry = |value: &str| Entry {
            observable: value.parse().unwrap(),
            indicator: StixId::new("indicator", uuid::Uuid::from_u128(1)).unwrap(),
            valid_until: None,
            tlp: Tlp::Green,
            source: Source::parse("release:1").unwrap(),
        };
        let entries = ["evil.example", "_x.狼煙.example", "192.0.2.1"].map(entry);
        let made = rpz(7, "rpz.operator.example", &entries);
        assert_eq!(made.left_out, [(&entries[2], LeftOut::Kind)]);
        let file = std::env::temp_dir().join(format!("noroshi-feed-{}.zone", std::process::id()));
        std::fs::write(&file, &made.files["rpz.zone"]).unwrap();
        let judged = std::process::Command::new("named-checkzone")
            .args(["-k", "ignore", "rpz.operator.example"])
            .arg(&file)
            .output();
        std::fs::remove_file(&file).unwrap();
        match judged {
            Ok(judged) => {
                assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout))
            }
            Err(_) => {
                println!("named-checkzone absent: the zone was not judged by another program")
            }
        }
    }

    proptest! {
        #[test]
        fn a_difference_leads_from_one_to_the_other(before in crate::csv::tests::entries(), after in crate::csv::tests::entries()) {
            let change = difference(&before, &after);
            let mut moved: BTreeSet<Entry> = before.iter().cloned().collect();
            for one in &change.removed {
                prop_assert!(moved.remove(one));
            }
            moved.extend(change.added.iter().cloned());
            prop_assert_eq!(moved, after.iter().cloned().collect::<BTreeSet<_>>());
            prop_assert_eq!(change.is_empty(), difference(&after, &before).is_empty());
        }
    }
}
