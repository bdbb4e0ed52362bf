//! Zeek's intelligence framework: one file with tabs between columns.
//!
//! Columns as the framework documents them: `indicator`, `indicator_type`, `meta.source`, `meta.desc`, `meta.url`. Locators
//! stand without their scheme, networks are subnets. The framework ends items only by one interval for all, so the end of
//! each entry stands in `meta.desc`, and a feed that is written anew leaves out what has ended.

use jiff::Timestamp;
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::observable::Observable;

use crate::feed::{Entry, Source};

/// The first line.
pub const HEADER: &str = "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url";
/// Longest file read back, in bytes.
pub const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The type and the text of a value in Zeek.
fn item(observable: &Observable) -> (&'static str, String) {
    let text = observable.to_string();
    match observable {
        Observable::Ipv4(_) | Observable::Ipv6(_) if observable.is_single() => {
            ("Intel::ADDR", text)
        }
        Observable::Ipv4(_) | Observable::Ipv6(_) => ("Intel::SUBNET", text),
        Observable::Domain(_) => ("Intel::DOMAIN", text),
        Observable::Url(_) => {
            ("Intel::URL", text.split_once("://").map_or("", |(_, rest)| rest).to_owned())
        }
        Observable::FileHash(_) => ("Intel::FILE_HASH", text),
    }
}

/// Writes entries, sorted. Every observable of the house has a form here; SHA-512 is written, though Zeek computes it
/// only when told to.
///
/// ```
/// use noroshi_codec::feed::{Entry, Source};
/// use noroshi_evidence::marking::Tlp;
/// let entry = Entry { observable: "https://evil.example/x".parse()?, valid_until: None, tlp: Tlp::Green,
///     indicator: "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f".parse()?, source: Source::parse("release:7").unwrap() };
/// let text = noroshi_codec::zeek_intel::encode([&entry]);
/// assert!(text.lines().nth(1).unwrap().starts_with("evil.example/x\tIntel::URL\trelease:7\t"));
/// assert_eq!(noroshi_codec::zeek_intel::decode(&text)?, [entry]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut lines: Vec<String> = entries.into_iter().map(line).collect();
    lines.sort();
    lines.dedup();
    let mut text = format!("{HEADER}\n");
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn line(entry: &Entry) -> String {
    let (kind, value) = item(&entry.observable);
    let until = entry.valid_until.map_or_else(|| "none".to_owned(), |until| until.to_string());
    // The scheme is not part of a locator here, but of the entry.
    let scheme = match &entry.observable {
        Observable::Url(url) => url.as_str().split_once("://").map_or("", |(scheme, _)| scheme),
        _ => "-",
    };
    format!(
        "{}\t{kind}\t{}\tindicator={} valid_until={until} tlp={} scheme={scheme}\t-",
        escaped(&value),
        entry.source,
        entry.indicator,
        entry.tlp.label(),
    )
}

/// Zeek reads `\xNN` and takes a lone `-` or a leading `#` for something else.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\x5c")
}

/// Why a file was not written by [`encode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line `{0}` is not of the form this program writes")]
pub struct Foreign(pub usize);

/// Reads back what [`encode`] wrote.
pub fn decode(text: &str) -> Result<Vec<Entry>, Foreign> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Foreign(0));
    }
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, first)| first != HEADER) {
        return Err(Foreign(1));
    }
    lines.map(|(at, line)| entry(line).ok_or(Foreign(at + 1))).collect()
}

fn entry(text: &str) -> Option<Entry> {
    let columns: Vec<&str> = text.split('\t').collect();
    let [value, _, source, about, "-"] = columns.as_slice() else { return None };
    let about: Vec<&str> = about.split(' ').collect();
    let [indicator, until, tlp, scheme] = about.as_slice() else { return None };
    let value = value.replace("\\x5c", "\\");
    let value = match scheme.strip_prefix("scheme=")? {
        "-" => value,
        scheme => format!("{scheme}://{value}"),
    };
    let until = until.strip_prefix("valid_until=")?;
    let valid_until: Option<Timestamp> =
        if until == "none" { None } else { Some(until.parse().ok()?) };
    let indicator: StixId = indicator.strip_prefix("indicator=")?.parse().ok()?;
    let entry = Entry {
        observable: Observable::parse(&value).ok()?,
        indicator,
        valid_until,
        tlp: Tlp::from_label(tlp.strip_prefix("tlp=")?)?,
        source: Source::parse(source)?,
    };
    // Type and every other letter are those that would be written.
    (line(&entry) == text).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn foreign_lines_are_told() {
        assert_eq!(decode(""), Err(Foreign(1)));
        assert_eq!(decode(&format!("{HEADER}\nevil.example\tIntel::DOMAIN\tx\n")), Err(Foreign(2)));
        let about = "indicator=indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f valid_until=none tlp=TLP:RED scheme=-";
        let good = format!("{HEADER}\nevil.example\tIntel::DOMAIN\tx\t{about}\t-\n");
        assert_eq!(decode(&good).unwrap().len(), 1);
        assert_eq!(decode(&good.replace("DOMAIN", "ADDR")), Err(Foreign(2)));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(entries in crate::csv::tests::entries()) {
            let text = encode(&entries);
            for line in text.lines().skip(1) {
                prop_assert_eq!(line.split('\t').count(), 5);
                prop_assert!(!line.starts_with(['#', '-']));
            }
            let read: BTreeSet<Entry> = decode(&text).unwrap().into_iter().collect();
            prop_assert_eq!(read, entries.into_iter().collect::<BTreeSet<_>>());
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,100}") {
            let whole = format!("{HEADER}\n{text}");
            prop_assert!(decode(&whole).is_err() || text.is_empty());
        }
    }
}
