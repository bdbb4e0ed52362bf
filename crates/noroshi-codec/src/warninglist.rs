//! Warning lists as MISP publishes them: one JSON object a list.

use noroshi_evidence::warning::{Kind, List, Speaks};
use serde::Deserialize;

/// Longest list read, in bytes.
pub const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest name of a list, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// Why a text is no warning list.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Longer than [`LIST_BYTES_MAX`].
    #[error("a warning list is longer than {LIST_BYTES_MAX} bytes")]
    TooLong,
    /// No JSON, or a required member is missing or of another form.
    #[error("the text is no warning list")]
    Form(#[source] serde_json::Error),
    /// A way of comparing that is not known; guessing would find the wrong things.
    #[error("`{0}` is no known way to compare")]
    Kind(String),
    /// A name is empty or longer than [`NAME_CHARS_MAX`].
    #[error("the name of the list is empty or too long")]
    Name,
}

impl Problem {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "NRS-CODC-0150",
            Self::Form(_) => "NRS-CODC-0151",
            Self::Kind(_) => "NRS-CODC-0152",
            Self::Name => "NRS-CODC-0153",
        }
    }
}

#[derive(Deserialize)]
struct Published {
    name: String,
    version: u64,
    #[serde(default)]
    description: String,
    r#type: String,
    list: Vec<String>,
    #[serde(default)]
    matching_attributes: Option<Vec<String>>,
}

/// Whether a JSON text is a warning list, by its members.
pub fn recognises(tree: &serde_json::Value) -> bool {
    let has = |name: &str| tree.get(name).is_some();
    has("list") && has("name") && has("version") && has("type")
}

/// Reads one list.
///
/// ```
/// let list = noroshi_codec::warninglist::decode(br#"{"name":"Resolvers","version":3,"type":"cidr",
///   "description":"","list":["192.0.2.53"],"matching_attributes":["ip-src","domain|ip"]}"#)?;
/// assert_eq!((list.version, list.entries.len()), (3, 1));
/// # Ok::<(), noroshi_codec::warninglist::Problem>(())
/// ```
pub fn decode(bytes: &[u8]) -> Result<List, Problem> {
    if bytes.len() > LIST_BYTES_MAX {
        return Err(Problem::TooLong);
    }
    let read: Published = serde_json::from_slice(bytes).map_err(Problem::Form)?;
    let kind = Kind::from_code(&read.r#type);
    let kind = kind.ok_or_else(|| Problem::Kind(read.r#type.chars().take(40).collect()))?;
    let name = read.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::Name);
    }
    let speaks = match &read.matching_attributes {
        Some(attributes) if !attributes.is_empty() => speaks(attributes),
        _ => Speaks::ALL,
    };
    Ok(List {
        name: name.to_owned(),
        version: read.version,
        description: read.description,
        kind,
        speaks,
        entries: read.list,
    })
}

/// The observables that MISP's attribute types hold.
fn speaks(attributes: &[String]) -> Speaks {
    let one = |part: &str| match part {
        "ip" | "ip-src" | "ip-dst" => Speaks::ADDRESSES,
        "domain" | "hostname" => Speaks::NAMES,
        "url" | "uri" | "link" => Speaks::LOCATORS,
        "md5" | "sha1" | "sha256" | "sha512" => Speaks::HASHES,
        _ => Speaks::default(),
    };
    // `domain|ip` holds both.
    let parts = attributes.iter().flat_map(|attribute| attribute.split('|'));
    parts.map(one).fold(Speaks::default(), Speaks::and)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_evidence::observable::Observable;
    use noroshi_evidence::warning::Matcher;

    #[test]
    fn what_is_no_list_is_refused() {
        let code = |text: &str| decode(text.as_bytes()).unwrap_err().code();
        assert_eq!(code("[]"), "NRS-CODC-0151");
        assert_eq!(code(&"[".repeat(100_000)), "NRS-CODC-0151");
        assert_eq!(code(r#"{"name":"x","version":1,"type":"string"}"#), "NRS-CODC-0151");
        assert_eq!(code(r#"{"name":"x","version":1,"type":"fuzzy","list":[]}"#), "NRS-CODC-0152");
        assert_eq!(code(r#"{"name":" ","version":1,"type":"string","list":[]}"#), "NRS-CODC-0153");
    }

    #[test]
    fn a_list_speaks_to_what_it_says() {
        let list = |attributes: &str| {
            let text = format!(
                r#"{{"name":"x","version":1,"type":"string","list":["192.0.2.1"],"matching_attributes":{attributes}}}"#
            );
            decode(text.as_bytes()).unwrap().speaks
        };
        assert_eq!(list("[]"), Speaks::ALL);
        assert_eq!(list(r#"["domain|ip"]"#), Speaks::ADDRESSES.and(Speaks::NAMES));
        assert!(list(r#"["phone-number"]"#).is_empty());
    }

    #[test]
    fn the_published_lists_are_all_read_and_answer() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/misp-warninglists/lists");
        let Ok(folders) = std::fs::read_dir(path) else {
            println!("corpora absent: skipped the published warning lists");
            return;
        };
        let mut files: Vec<_> = folders.map(|one| one.unwrap().path().join("list.json")).collect();
        files.sort();
        let lists: Vec<List> =
            files.iter().map(|file| decode(&std::fs::read(file).unwrap()).unwrap()).collect();
        let total: usize = lists.iter().map(|list| list.entries.len()).sum();
        assert_eq!((lists.len(), total), (136, 528_972));
        let (matcher, problems) = Matcher::build(&lists);
        println!("{} entries in use, {} not", matcher.entries(), problems.len());
        assert_eq!(problems, []);
        // Whatever a list holds is found by that list, if it speaks to that kind of value.
        let (mut asked, mut missed) = (0, Vec::new());
        for list in lists.iter().filter(|list| list.kind != Kind::Expression) {
            for entry in list.entries.iter().step_by(50) {
                let Ok(observable) = Observable::parse(entry.trim_start_matches('.')) else {
                    continue;
                };
                let other = match &observable {
                    Observable::Ipv4(_) | Observable::Ipv6(_) => Speaks::ADDRESSES,
                    Observable::Domain(_) => Speaks::NAMES,
                    Observable::Url(_) => Speaks::LOCATORS,
                    Observable::FileHash(_) => Speaks::HASHES,
                };
                if list.speaks.and(other) != list.speaks {
                    continue;
                }
                asked += 1;
                if !matcher.hits(&observable).iter().any(|hit| hit.list == list.name) {
                    missed.push(format!("{}: {entry}", list.name));
                }
            }
        }
        println!("asked {asked}");
        assert_eq!(missed, Vec::<String>::new());
        assert!(asked > 5_000);
        assert!(
            matcher
                .hits(&"evil-host.example".parse().unwrap())
                .iter()
                .all(|hit| hit.list.is_empty())
        );
    }
}
