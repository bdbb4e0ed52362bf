//! What a query asks for: filters, limit and place (TAXII 2.1 §3.3, §3.4).

use axum::http::StatusCode;
use jiff::Timestamp;

use crate::share::serve::Versions;
use crate::web::form::Values;
use crate::web::refusal::{Failure, Refusal};

/// Values one `match` may list.
const MATCHES_MAX: usize = 200;
/// Longest query taken, in bytes.
pub const QUERY_BYTES_MAX: usize = 32 * 1024;
/// Digits of a microsecond; what is finer is before the next one.
const MICRO_DIGITS: usize = 6;
/// The version of STIX that is held here.
const SPEC_VERSION: &str = "2.1";

/// The kinds of list, and which `match` each knows (TAXII 2.1 §3.4, table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `…/objects/`
    Objects,
    /// `…/objects/{id}/`
    Object,
    /// `…/objects/{id}/versions/`
    Versions,
    /// `…/manifest/`
    Manifest,
}

impl List {
    /// Its name in a place and in the record of a reading.
    pub fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Object => "object",
            Self::Versions => "versions",
            Self::Manifest => "manifest",
        }
    }

    fn knows(self, field: &str) -> bool {
        match self {
            Self::Objects | Self::Manifest => {
                matches!(field, "id" | "type" | "version" | "spec_version")
            }
            Self::Object => matches!(field, "version" | "spec_version"),
            Self::Versions => field == "spec_version",
        }
    }
}

/// A query as it was understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only what was added after this, in microseconds since 1970; absent for all.
    pub added_after: Option<i64>,
    /// Only these identifiers; empty for all.
    pub ids: Vec<String>,
    /// Only these types; empty for all.
    pub types: Vec<String>,
    /// Which versions.
    pub versions: Versions,
    /// False when only versions of STIX were asked for that are not held here.
    pub spec_held: bool,
    /// Entries of one answer at most.
    pub limit: usize,
    /// Where to go on, as it was given.
    pub next: Option<String>,
}

impl Query {
    /// The filter as text, for the signature of a place: what changes the list changes it.
    pub fn filter(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {}",
            self.added_after, self.ids, self.types, self.versions, self.spec_held
        )
    }
}

/// How many entries an answer has.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When the client does not say.
    pub default: usize,
    /// At most.
    pub max: usize,
}

/// What cannot be read, by the name it has in the query.
fn bad(what: &str) -> Failure {
    Refusal::new("NRS-SHAR-0202", StatusCode::BAD_REQUEST)
        .arg("what", what.chars().take(60).collect::<String>())
        .into()
}

/// Reads a query for `list`; `object` is the one named in the path.
pub fn read(
    text: &str,
    list: List,
    object: Option<&str>,
    limits: Limits,
) -> Result<Query, Failure> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(bad("query"));
    }
    let values = Values::parse(text.as_bytes());
    let known = ["added_after", "limit", "next"];
    for name in values.names() {
        let field = name.strip_prefix("match[").and_then(|rest| rest.strip_suffix(']'));
        let understood = match field {
            Some(field) => list.knows(field),
            // What is no filter of the standard changes nothing, so it is passed over.
            None => !name.starts_with("match"),
        };
        // §3.4: each field at most once; several values stand in one, with commas between them.
        let once = values.all(name).len() <= 1 || !(field.is_some() || known.contains(&name));
        if !understood || !once {
            return Err(bad(name));
        }
    }
    let spec = several(&values, "match[spec_version]")?;
    let ids = match object {
        Some(object) => vec![object.to_owned()],
        None => several(&values, "match[id]")?,
    };
    let versions = match list {
        List::Versions => Versions { all: true, ..Versions::default() },
        _ => versions(&several(&values, "match[version]")?)?,
    };
    Ok(Query {
        added_after: values.some("added_after").map(instant).transpose()?,
        ids,
        types: several(&values, "match[type]")?,
        versions,
        spec_held: spec.is_empty() || spec.iter().any(|one| one == SPEC_VERSION),
        limit: limit(values.some("limit"), limits)?,
        next: values.some("next").map(str::to_owned),
    })
}

fn several(values: &Values, name: &str) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = values
        .all(name)
        .iter()
        .flat_map(|value| value.split(','))
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect();
    all.sort();
    all.dedup();
    if all.len() > MATCHES_MAX { Err(bad(name)) } else { Ok(all) }
}

/// §3.3: a timestamp in UTC, written with `Z`; fractions as fine as the client likes.
fn instant(text: &str) -> Result<i64, Failure> {
    let plain = text.strip_suffix(['Z', 'z']).ok_or_else(|| bad("added_after"))?;
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("added_after"));
    }
    // Strictly later is meant: what lies between two microseconds is the earlier one.
    let micros: String = fraction.chars().chain("000000".chars()).take(MICRO_DIGITS).collect();
    let at: Timestamp = format!("{whole}.{micros}Z").parse().map_err(|_| bad("added_after"))?;
    Ok(at.as_microsecond())
}

/// §3.4: more than the server's own limit is not refused, only not given.
fn limit(text: Option<&str>, limits: Limits) -> Result<usize, Failure> {
    let Some(text) = text else { return Ok(limits.default) };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("limit"));
    }
    match text.parse::<usize>() {
        Ok(0) => Err(bad("limit")),
        Ok(limit) => Ok(limit.min(limits.max)),
        // A number too long to be held is more than the server's own limit.
        Err(_) => Ok(limits.max),
    }
}

fn versions(texts: &[String]) -> Result<Versions, Failure> {
    let mut versions = Versions::default();
    for text in texts {
        match text.as_str() {
            "last" => versions.last = true,
            "first" => versions.first = true,
            "all" => versions.all = true,
            at => versions.at.push(at.parse().map_err(|_| bad("match[version]"))?),
        }
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { default: 100, max: 1_000 };

    fn asked(query: &str) -> Result<Query, Failure> {
        read(query, List::Objects, None, LIMITS)
    }

    #[test]
    fn queries_are_read_as_the_standard_has_them() {
        let good = asked(
            "match[type]=malware,indicator&match[version]=all&limit=5000&added_after=2026-01-01T00:00:00.0000019Z&x=1&x=2",
        );
        let good = good.unwrap();
        assert_eq!(good.types, ["indicator", "malware"]);
        assert!(good.versions.all && good.spec_held);
        assert_eq!((good.limit, good.added_after), (1_000, Some(1_767_225_600_000_001)));
        assert_eq!(asked("limit=99999999999999999999999").unwrap().limit, 1_000);
        assert!(!asked("match[spec_version]=2.0").unwrap().spec_held);
        assert!(asked("match[spec_version]=2.0,2.1").unwrap().spec_held);
        // What is the same list has the same text, whatever the order it was written in.
        let (one, other) = (asked("match[id]=a,b").unwrap(), asked("match[id]=b,a,b").unwrap());
        assert_eq!(one.filter(), other.filter());
        assert_ne!(one.filter(), asked("match[id]=a").unwrap().filter());
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_passed_over() {
        for bad in [
            "limit=0",
            "limit=-1",
            "limit=x",
            "limit=1.5",
            "added_after=yesterday",
            "added_after=2026-01-01T00:00:00",
            "added_after=2026-01-01T00:00:00.Z",
            "added_after=2026-01-01T00:00:00.1.2Z",
            "added_after=2026-01-01T00:00:00%2B09:00",
            "match[version]=newest",
            "match[owner]=me",
            "match[]=me",
            "match=me",
            "match[type]=a&match[type]=b",
            "limit=1&limit=2",
        ] {
            assert!(asked(bad).is_err(), "{bad}");
        }
        let many = vec!["a"; 100].join(",");
        assert!(asked(&format!("match[id]={many}")).is_ok(), "the same one a hundred times");
        let many: Vec<String> = (0..=MATCHES_MAX).map(|number| number.to_string()).collect();
        assert!(asked(&format!("match[id]={}", many.join(","))).is_err());
        assert!(asked(&format!("x={}", "y".repeat(QUERY_BYTES_MAX))).is_err());
    }

    #[test]
    fn each_list_knows_its_own_filters() {
        let of = |list: List, query: &str| read(query, list, Some("x"), LIMITS).is_ok();
        assert!(of(List::Object, "match[version]=first") && !of(List::Object, "match[type]=x"));
        assert!(of(List::Versions, "match[spec_version]=2.1"));
        assert!(!of(List::Versions, "match[version]=last"));
        assert!(of(List::Manifest, "match[id]=x&match[type]=y&match[version]=all"));
    }
}
