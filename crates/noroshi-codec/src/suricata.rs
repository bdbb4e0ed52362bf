//! Suricata 7 and later: datasets and the rules that use them.
//!
//! A dataset is a file with one value a line: strings in Base64, hashes in hexadecimal, addresses as text. It knows no
//! networks, no SHA-1 or SHA-512, and compares names as a whole; networks become rules of their own, and what has no form
//! is told. A locator is looked for in plain HTTP only: nobody sees the path of an encrypted one.
//!
//! The files of a feed belong into one folder, which the rules name by relative paths. Each number of a rule follows from
//! its place in the block that the operator reserves for this feed: those of the datasets never move.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_evidence::observable::{HashAlgorithm, Observable};

use crate::csv;
use crate::feed::{Entry, Files, LeftOut};

/// The rules.
pub const RULES: &str = "noroshi.rules";
/// All of every entry, for the next writing.
pub const COMPANION: &str = "noroshi.csv";
/// Longest dataset read back, in bytes.
pub const DATASET_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most rules for single locators and networks; beyond it entries are left out, because each rule costs every packet.
pub const SINGLE_RULES_MAX: usize = 5_000;

/// Where the numbers of the rules for hashes begin, within the block.
const HASH_RULES: usize = 10;
/// Where those for single networks and locators begin; they move when the feed changes.
const SINGLE_RULES: usize = 20;

/// A dataset: its file, and what it is called and what type it is in the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dataset {
    /// Names, compared with queries, TLS server names and HTTP hosts.
    Names,
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// MD5 of files.
    Md5,
    /// SHA-256 of files.
    Sha256,
}

impl Dataset {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Names, Self::Ipv4, Self::Ipv6, Self::Md5, Self::Sha256];

    /// The name of its file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Names => "noroshi-names.lst",
            Self::Ipv4 => "noroshi-ipv4.lst",
            Self::Ipv6 => "noroshi-ipv6.lst",
            Self::Md5 => "noroshi-md5.lst",
            Self::Sha256 => "noroshi-sha256.lst",
        }
    }

    /// Name and type in a rule. The type `ip` holds IPv6.
    const fn in_rules(self) -> (&'static str, &'static str) {
        match self {
            Self::Names => ("noroshi-names", "string"),
            Self::Ipv4 => ("noroshi-ipv4", "ipv4"),
            Self::Ipv6 => ("noroshi-ipv6", "ip"),
            Self::Md5 => ("noroshi-md5", "md5"),
            Self::Sha256 => ("noroshi-sha256", "sha256"),
        }
    }

    /// The dataset of a value and its line there.
    fn of(observable: &Observable) -> Option<(Self, String)> {
        let text = observable.to_string();
        match observable {
            Observable::Ipv4(_) if observable.is_single() => Some((Self::Ipv4, text)),
            Observable::Ipv6(_) if observable.is_single() => Some((Self::Ipv6, text)),
            Observable::Domain(_) => Some((Self::Names, STANDARD.encode(text))),
            Observable::FileHash(hash) => match hash.algorithm() {
                HashAlgorithm::Md5 => Some((Self::Md5, text)),
                HashAlgorithm::Sha256 => Some((Self::Sha256, text)),
                HashAlgorithm::Sha1 | HashAlgorithm::Sha512 => None,
            },
            Observable::Ipv4(_) | Observable::Ipv6(_) | Observable::Url(_) => None,
        }
    }
}

/// Writes the datasets, the rules and the companion. `sid` is the first number of the block reserved for this feed.
pub fn encode(sid: u32, entries: &[Entry]) -> Files<'_> {
    let mut made = Files::default();
    let mut sets: BTreeMap<Dataset, BTreeSet<String>> = BTreeMap::new();
    let (mut locators, mut networks) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        if let Some((set, line)) = Dataset::of(&entry.observable) {
            sets.entry(set).or_default().insert(line);
            continue;
        }
        let room = locators.len() + networks.len() < SINGLE_RULES_MAX;
        match &entry.observable {
            Observable::Url(url) if room => match locator(url.as_str()) {
                Some(rule) => drop(locators.insert(rule)),
                None => made.left_out.push((entry, LeftOut::Form)),
            },
            Observable::Ipv4(_) | Observable::Ipv6(_) if room => {
                networks.insert(entry.observable.to_string());
            }
            Observable::FileHash(_) => made.left_out.push((entry, LeftOut::Kind)),
            _ => made.left_out.push((entry, LeftOut::Length)),
        }
    }
    made.files.insert(RULES, rules(sid, &sets, &networks, &locators));
    for set in Dataset::ALL {
        let lines = sets.remove(&set).unwrap_or_default();
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
        made.files.insert(set.file(), text);
    }
    made.files.insert(COMPANION, csv::encode(entries));
    made
}

/// Host and target of a plain HTTP locator as conditions of a rule.
fn locator(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?;
    let at = rest.find('/')?;
    let (host, target) = rest.split_at_checked(at)?;
    let target = target.split('#').next()?;
    // The host of a request may carry a port; the buffer `http.host` does not (Suricata normalises it).
    let name = if host.starts_with('[') { return None } else { host.split(':').next()? };
    Some(format!(
        "http.host; content:\"{}\"; bsize:{}; http.uri.raw; content:\"{}\"; bsize:{};",
        escaped(name),
        name.len(),
        escaped(target),
        target.len()
    ))
}

/// What has a meaning in a rule, and everything that is no plain letter, as hexadecimal.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"./-_~?&=%+@,!".contains(byte);
    let mut written = String::new();
    for byte in text.bytes() {
        // Writing to a string cannot fail.
        let _ok = if plain(&byte) {
            write!(written, "{}", char::from(byte))
        } else {
            write!(written, "|{byte:02x}|")
        };
    }
    written
}

fn rules(
    sid: u32,
    sets: &BTreeMap<Dataset, BTreeSet<String>>,
    networks: &BTreeSet<String>,
    locators: &BTreeSet<String>,
) -> String {
    let mut text = String::new();
    let mut rule = |place: usize, head: &str, message: &str, conditions: &str| {
        let number = sid.saturating_add(u32::try_from(place).unwrap_or(u32::MAX));
        // Writing to a string cannot fail.
        let _ok = writeln!(
            text,
            "alert {head} (msg:\"NOROSHI {message}\"; {conditions} classtype:trojan-activity; sid:{number}; rev:1;)"
        );
    };
    for (place, (head, message, buffer, set)) in [
        ("dns any any -> any any", "name queried", "dns.query; to_lowercase;", Dataset::Names),
        ("tls any any -> any any", "name in TLS", "tls.sni; to_lowercase;", Dataset::Names),
        ("http any any -> any any", "name in HTTP", "http.host;", Dataset::Names),
        ("ip $HOME_NET any -> any any", "address contacted", "ip.dst;", Dataset::Ipv4),
        ("ip $HOME_NET any -> any any", "address contacted", "ip.dst;", Dataset::Ipv6),
    ]
    .into_iter()
    .enumerate()
    {
        let (name, kind) = set.in_rules();
        let load = format!("{buffer} dataset:isset,{name},type {kind},load {};", set.file());
        rule(place, head, message, &load);
    }
    let hashes = [(Dataset::Md5, "filemd5"), (Dataset::Sha256, "filesha256")];
    for (place, (set, keyword)) in (HASH_RULES..).step_by(2).zip(hashes) {
        if sets.get(&set).is_some_and(|lines| !lines.is_empty()) {
            rule(
                place,
                "http any any -> any any",
                "file seen",
                &format!("{keyword}:{};", set.file()),
            );
            rule(
                place + 1,
                "smtp any any -> any any",
                "file seen",
                &format!("{keyword}:{};", set.file()),
            );
        }
    }
    let networks = networks
        .iter()
        .map(|network| (format!("ip $HOME_NET any -> {network} any"), "network contacted", ""));
    let locators = locators.iter().map(|conditions| {
        ("http any any -> any any".to_owned(), "locator requested", conditions.as_str())
    });
    for (place, (head, message, conditions)) in (SINGLE_RULES..).zip(networks.chain(locators)) {
        rule(place, &head, message, conditions);
    }
    text
}

/// Why a dataset was not written by [`encode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line `{0}` is not of the form this program writes")]
pub struct Foreign(pub usize);

/// Reads a dataset back: every line a value of its kind, and in the form that Suricata takes.
pub fn decode(set: Dataset, text: &str) -> Result<Vec<Observable>, Foreign> {
    if text.len() > DATASET_BYTES_MAX {
        return Err(Foreign(0));
    }
    let read = |(at, line): (usize, &str)| {
        let foreign = Foreign(at + 1);
        let value = match set {
            Dataset::Names => {
                let bytes = STANDARD.decode(line).map_err(|_| foreign.clone())?;
                String::from_utf8(bytes).map_err(|_| foreign.clone())?
            }
            _ => line.to_owned(),
        };
        let observable = Observable::parse(&value).map_err(|_| foreign.clone())?;
        let same =
            Dataset::of(&observable).is_some_and(|(kind, written)| kind == set && written == line);
        if same { Ok(observable) } else { Err(foreign) }
    };
    text.lines().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Source;
    use noroshi_evidence::id::StixId;
    use noroshi_evidence::marking::Tlp;
    use proptest::prelude::*;

    fn entry(value: &str) -> Entry {
        Entry {
            observable: value.parse().unwrap(),
            indicator: StixId::new("indicator", uuid::Uuid::from_u128(1)).unwrap(),
            valid_until: None,
            tlp: Tlp::Green,
            source: Source::parse("release:1").unwrap(),
        }
    }

    #[test]
    fn values_are_written_as_the_datasets_want_them() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let entries = [
            "evil.example",
            "192.0.2.1",
            "2001:db8::1",
            "198.51.100.0/24",
            md5,
            sha1,
            "http://evil.example:81/a;b\"c?x=1",
            "https://evil.example/x",
        ]
        .map(entry);
        let made = encode(9_100_000, &entries);
        let file = |name: &str| made.files[name].as_str();
        assert_eq!(file("noroshi-names.lst"), "ZXZpbC5leGFtcGxl\n");
        assert_eq!(file("noroshi-ipv4.lst"), "192.0.2.1\n");
        assert_eq!(file("noroshi-ipv6.lst"), "2001:db8::1\n");
        assert_eq!(file("noroshi-md5.lst"), format!("{md5}\n"));
        let rules = file(RULES);
        assert!(rules.contains("dns.query; to_lowercase; dataset:isset,noroshi-names,type string,load noroshi-names.lst;"));
        assert!(rules.contains("-> 198.51.100.0/24 any (msg:"));
        assert!(rules.contains("content:\"/a|3b|b|22|c?x=1\"; bsize:10;"));
        let out: Vec<_> =
            made.left_out.iter().map(|(entry, why)| (entry.observable.to_string(), *why)).collect();
        assert_eq!(
            out,
            [
                (sha1.to_owned(), LeftOut::Kind),
                ("https://evil.example/x".to_owned(), LeftOut::Form)
            ]
        );
        assert_eq!(encode(9_100_000, &entries), made);
    }

    #[test]
    fn foreign_lines_are_told() {
        assert_eq!(decode(Dataset::Names, "evil.example\n"), Err(Foreign(1)));
        assert_eq!(decode(Dataset::Ipv4, "192.0.2.1\n192.0.2.0/24\n"), Err(Foreign(2)));
        assert_eq!(decode(Dataset::Md5, "D41D8CD98F00B204E9800998ECF8427E\n"), Err(Foreign(1)));
    }

    /// A rule of the documented form: action, header of seven words, options in brackets, each ended.
    fn is_rule(line: &str) -> bool {
        let Some((head, options)) = line.split_once(" (") else { return false };
        let quotes = options.matches('"').count() % 2 == 0;
        let words: Vec<&str> = head.split(' ').collect();
        quotes
            && words.len() == 7
            && words[4] == "->"
            && options.ends_with(" rev:1;)")
            && !options.contains("; ;")
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(entries in csv::tests::entries()) {
            let made = encode(1, &entries);
            let mut read: BTreeSet<Observable> = BTreeSet::new();
            for set in Dataset::ALL {
                read.extend(decode(set, &made.files[set.file()]).unwrap());
            }
            let written: BTreeSet<Observable> = entries.iter().map(|entry| entry.observable.clone())
                .filter(|one| Dataset::of(one).is_some()).collect();
            prop_assert_eq!(read, written);
            prop_assert!(made.files[RULES].lines().all(is_rule), "{}", made.files[RULES]);
            let sids: BTreeSet<&str> = made.files[RULES].split("sid:").skip(1).map(|part| part.split(';').next().unwrap()).collect();
            prop_assert_eq!(sids.len(), made.files[RULES].lines().count());
            prop_assert_eq!(csv::decode(&made.files[COMPANION]).unwrap().into_iter().collect::<BTreeSet<_>>(),
                entries.into_iter().collect::<BTreeSet<_>>());
        }
    }
}
