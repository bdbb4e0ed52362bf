//! Many values at once: what is known of each thing a pasted text names, as far as the reader sees.
//!
//! The text is read once and each value asked for once, so the work grows with the text and not with its square.
//! Nothing here writes: neither the text nor what was asked for is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use noroshi_evidence::observable::Observable;
use noroshi_evidence::paste::{self, What};

use super::read::{self, Filter, ObjectRow, Sees};
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::locale::fold_width;

/// Values answered.
pub const VALUES_MAX: usize = 10_000;
/// Objects looked at for one value.
const OBJECTS_MAX: i64 = 500;
/// Sightings counted for one value.
const SIGHTINGS_MAX: i64 = 10_000;
/// Objects that a name such as `T1059` or `CVE-2026-0001` may be written in, looked at for the ones that bear it.
const BEARERS_MAX: u32 = 50;
/// Lines named of a value that stands in many.
const LINES_MAX: usize = 20;
/// Letters of something unreadable that are repeated.
const SHOWN_CHARS_MAX: usize = 80;

/// The code of a line that holds nothing that can be looked for.
pub const NOTHING_READ: &str = "NRS-EVID-0510";

/// What is said of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    /// Something in the graph names it.
    Found,
    /// Nothing that the reader sees names it.
    Unknown,
    /// It cannot be looked for.
    Unreadable,
}

impl Answered {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Found, Self::Unknown, Self::Unreadable];

    /// The code in addresses and the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What is known of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// How many objects of each type name it.
    pub kinds: BTreeMap<String, u64>,
    /// Sightings of it.
    pub sightings: u64,
    /// The latest object that names it, its marking among the rest.
    pub latest: Option<ObjectRow>,
}

/// One value and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The value, canonical; what stands there when it is unreadable.
    pub value: String,
    /// The value as it can be shown without being clicked.
    pub shown: String,
    /// Type of what it is; empty when it is unreadable.
    pub kind: String,
    /// The lines it stands in, from 1; the first few.
    pub lines: Vec<usize>,
    /// How often it stands there.
    pub times: u64,
    /// The answer.
    pub answered: Answered,
    /// Why it cannot be looked for.
    pub code: Option<&'static str>,
    /// What is known of it.
    pub known: Known,
}

/// All answers, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// At most [`VALUES_MAX`].
    pub lines: Vec<Line>,
    /// Values beyond those.
    pub beyond: u64,
    /// Whether the text was read to its end.
    pub complete: bool,
}

impl Lookup {
    /// How many got this answer.
    pub fn count(&self, answered: Answered) -> u64 {
        self.lines.iter().filter(|line| line.answered == answered).count() as u64
    }
}

/// Something to look for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    Value(Observable),
    Email(String),
    Id(String),
    /// A name of a catalogue: a weakness, a technique.
    Name(String),
    Unreadable(String, &'static str),
}

impl Asked {
    fn of(what: &What) -> Self {
        match what {
            What::Observable(observable) => Self::Value(observable.clone()),
            What::Email { .. } => Self::Email(what.to_string()),
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Value(observable) => observable.stix_type(),
            Self::Email(_) => "email-addr",
            Self::Id(id) => id.split_once("--").map_or("", |(kind, _)| kind),
            Self::Name(name) if name.starts_with("CVE-") => "vulnerability",
            Self::Name(_) => "attack-pattern",
            Self::Unreadable(..) => "",
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Value(observable) => observable.to_string(),
            Self::Email(text) | Self::Id(text) | Self::Name(text) | Self::Unreadable(text, _) => {
                text.clone()
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Value(observable) => observable.defanged(),
            other => other.value(),
        }
    }
}

/// What a text asks for, and where: in the order of first mention.
fn asked(text: &str, each_line: bool) -> (Vec<(Asked, Vec<usize>)>, bool) {
    let paste = paste::read(text);
    let mut found: Vec<(usize, Asked)> = Vec::new();
    let mut touched: BTreeSet<usize> = BTreeSet::new();
    for one in &paste.found {
        touched.insert(one.place.line);
        found.push((one.place.line, Asked::of(&one.what)));
    }
    for passed in &paste.passed {
        touched.insert(passed.place.line);
        if named(&passed.text).is_none() {
            found.push((
                passed.place.line,
                Asked::Unreadable(passed.text.clone(), passed.why.code()),
            ));
        }
    }
    for (index, line) in text.lines().enumerate() {
        let line = fold_width(line);
        let names: Vec<Asked> = line.split(|c: char| !is_of_name(c)).filter_map(named).collect();
        let number = index + 1;
        let alone =
            !line.trim().is_empty() && (each_line || !line.trim().contains(char::is_whitespace));
        if names.is_empty() && alone && !touched.contains(&number) && paste.complete {
            let text = line.trim().chars().take(SHOWN_CHARS_MAX).collect();
            found.push((number, Asked::Unreadable(text, NOTHING_READ)));
        }
        found.extend(names.into_iter().map(|name| (number, name)));
    }
    found.sort_by_key(|(line, _)| *line);
    let mut places: HashMap<Asked, usize> = HashMap::new();
    let mut order: Vec<(Asked, Vec<usize>)> = Vec::new();
    for (line, asked) in found {
        let at = *places.entry(asked.clone()).or_insert_with(|| {
            order.push((asked, Vec::new()));
            order.len() - 1
        });
        if let Some((_, lines)) = order.get_mut(at) {
            lines.push(line);
        }
    }
    (order, paste.complete)
}

const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

/// An identifier, a weakness or a technique.
fn named(token: &str) -> Option<Asked> {
    let token = token.trim_matches(['.', '-', '_']);
    if let Some((kind, uuid)) = token.split_once("--") {
        let id = format!("{}--{}", kind.to_lowercase(), uuid.to_lowercase());
        return id.parse::<noroshi_evidence::id::StixId>().ok().map(|id| Asked::Id(id.to_string()));
    }
    let digits = |text: &str, least: usize| {
        text.len() >= least && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let upper = token.to_ascii_uppercase();
    if let Some((year, number)) = upper.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')) {
        return (digits(year, 4) && digits(number, 4)).then(|| Asked::Name(upper.clone()));
    }
    let body = upper.strip_prefix(['T', 'S', 'G', 'M', 'C'])?;
    let (number, part) = body.split_once('.').map_or((body, None), |(a, b)| (a, Some(b)));
    let fits = number.len() == 4
        && digits(number, 4)
        && part.is_none_or(|part| part.len() == 3 && digits(part, 3));
    fits.then_some(Asked::Name(upper))
}

/// Answers for everything a text names. With `each_line` a line that names nothing is answered too.
pub fn look_up(
    reader: &Reader<'_>,
    sees: Sees,
    text: &str,
    each_line: bool,
) -> Result<Lookup, StoreFailure> {
    let (wanted, complete) = asked(text, each_line);
    let beyond = wanted.len().saturating_sub(VALUES_MAX) as u64;
    let mut lookup = Lookup { lines: Vec::new(), beyond, complete };
    for (asked, lines) in wanted.into_iter().take(VALUES_MAX) {
        let (answered, code, known) = answer(reader, sees, &asked)?;
        lookup.lines.push(Line {
            value: asked.value(),
            shown: asked.shown(),
            kind: asked.kind().to_owned(),
            times: lines.len() as u64,
            lines: lines.into_iter().take(LINES_MAX).collect(),
            answered,
            code,
            known,
        });
    }
    Ok(lookup)
}

fn answer(
    reader: &Reader<'_>,
    sees: Sees,
    asked: &Asked,
) -> Result<(Answered, Option<&'static str>, Known), StoreFailure> {
    let known = match asked {
        Asked::Unreadable(_, code) => {
            return Ok((Answered::Unreadable, Some(code), Known::default()));
        }
        Asked::Value(observable) => of_value(reader, sees, observable)?,
        Asked::Email(address) => of_object(reader, sees, email_id(address).as_deref())?,
        Asked::Id(id) => of_object(reader, sees, Some(id))?,
        Asked::Name(name) => of_name(reader, sees, name)?,
    };
    let answered = if known.latest.is_some() { Answered::Found } else { Answered::Unknown };
    Ok((answered, None, known))
}

fn email_id(address: &str) -> Option<String> {
    let value = serde_json::json!({ "value": address });
    let id = noroshi_evidence::id::deterministic_id("email-addr", value.as_object()?)?;
    Some(id.to_string())
}

/// What names a value: `p` is its posting, `o` who names it. The postings come first: of what type those who name it are is
/// asked of each.
fn namers() -> String {
    format!(
        "evidence_posting p CROSS JOIN evidence_object o ON o.seq = p.seq AND o.latest = 1 AND {} \
         CROSS JOIN evidence_naming n ON n.seq = p.seq AND n.value = $1",
        read::admits("o", "$2")
    )
}

/// The sightings of a value: those that name it and those that point to what names it.
fn sightings() -> String {
    let namers = namers();
    format!(
        "SELECT COUNT(*) FROM (SELECT p.seq FROM {namers} WHERE p.slot IN (fresh($1), settled($1)) AND o.type = 'sighting' \
         UNION SELECT v.seq FROM {namers} JOIN evidence_edge e ON e.node = o.node AND e.way = 1 \
         JOIN evidence_object v ON v.seq = e.via AND v.type = 'sighting' AND v.latest = 1 AND v.hidden = 0 \
         AND {} WHERE p.slot IN (fresh($1), settled($1)) LIMIT $3) AS seen",
        read::admits("v", "$2")
    )
}

fn of_value(
    reader: &Reader<'_>,
    sees: Sees,
    observable: &Observable,
) -> Result<Known, StoreFailure> {
    let (value, namers) = (observable.to_string(), namers());
    let params = [Value::from(&value), sees.key(), Value::Int(OBJECTS_MAX)];
    let sql = format!(
        "SELECT o.type, o.id FROM {namers} WHERE p.slot IN (fresh($1), settled($1)) ORDER BY p.slot DESC, p.seq DESC LIMIT $3"
    );
    let found = reader.all(&sql, &params, |row| Ok((row.text(0)?, row.text(1)?)))?;
    let mut known = Known::default();
    let Some((_, latest)) = found.first() else { return Ok(known) };
    known.latest = read::brief(reader, sees, latest)?;
    for (kind, _) in &found {
        *known.kinds.entry(kind.clone()).or_default() += 1;
    }
    let params = [Value::from(value), sees.key(), Value::Int(SIGHTINGS_MAX)];
    known.sightings = u64::try_from(reader.number(&sightings(), &params)?).unwrap_or(0);
    Ok(known)
}

fn of_object(reader: &Reader<'_>, sees: Sees, id: Option<&str>) -> Result<Known, StoreFailure> {
    let Some(id) = id else { return Ok(Known::default()) };
    let Some(row) = read::brief(reader, sees, id)? else { return Ok(Known::default()) };
    let kinds = BTreeMap::from([(row.kind.clone(), 1)]);
    let sightings = sightings_of(reader, sees, id)?;
    Ok(Known { kinds, sightings, latest: Some(row) })
}

/// Sightings that point to an object.
fn sightings_of(reader: &Reader<'_>, sees: Sees, id: &str) -> Result<u64, StoreFailure> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT DISTINCT v.seq FROM evidence_edge e JOIN evidence_object v ON v.seq = e.via \
         AND v.type = 'sighting' AND v.latest = 1 AND v.hidden = 0 AND {} \
         WHERE e.node = {} AND e.way = 1 LIMIT $3) AS seen",
        read::admits("v", "$2"),
        read::NODE_OF_FIRST
    );
    let params = [Value::from(id), sees.key(), Value::Int(SIGHTINGS_MAX)];
    Ok(u64::try_from(reader.number(&sql, &params)?).unwrap_or(0))
}

/// Objects that bear a name of a catalogue.
fn of_name(reader: &Reader<'_>, sees: Sees, name: &str) -> Result<Known, StoreFailure> {
    let filter = Filter { q: name.to_owned(), ..Filter::default() };
    let rows = read::list(reader, sees, &filter, None, BEARERS_MAX)?.rows;
    let ids: Vec<String> = rows.into_iter().map(|row| row.id).collect();
    let mut known = Known::default();
    for (row, object) in read::latest(reader, sees, &ids)? {
        let tree = object.to_value();
        let references = tree.get("external_references").and_then(serde_json::Value::as_array);
        let bears = references.into_iter().flatten().any(|one| {
            one.get("external_id")
                .and_then(serde_json::Value::as_str)
                .is_some_and(|id| id.eq_ignore_ascii_case(name))
        });
        if !bears && !row.name.eq_ignore_ascii_case(name) {
            continue;
        }
        *known.kinds.entry(row.kind.clone()).or_default() += 1;
        known.sightings += sightings_of(reader, sees, &row.id)?;
        known.latest.get_or_insert(row);
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, each_line: bool, expected: &[(&str, &str, &[usize])]) {
        let (found, _) = asked(text, each_line);
        let told: Vec<(String, String, Vec<usize>)> = found
            .into_iter()
            .map(|(asked, lines)| (asked.kind().to_owned(), asked.value(), lines))
            .collect();
        let told: Vec<(&str, &str, &[usize])> = told
            .iter()
            .map(|(kind, value, lines)| (kind.as_str(), value.as_str(), lines.as_slice()))
            .collect();
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn a_text_asks_for_each_thing_once_and_says_where() {
        check(
            "通信先は203.0.113[.]9。\nＣＶＥ－２０２６－０００１とT1059.001、t1059\n203.0.113.9",
            false,
            &[
                ("ipv4-addr", "203.0.113.9", &[1, 3]),
                ("vulnerability", "CVE-2026-0001", &[2]),
                ("attack-pattern", "T1059.001", &[2]),
                ("attack-pattern", "T1059", &[2]),
            ],
        );
        check(
            "MALWARE--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777\nqqq\nwords of no list\n",
            false,
            &[
                ("malware", "malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777", &[1]),
                ("", "qqq", &[2]),
            ],
        );
        check("words of a list", true, &[("", "words of a list", &[1])]);
    }

    #[test]
    fn a_value_is_looked_up_by_its_postings_and_no_type_is_walked() {
        let plan = crate::office::store::tests::plan_of(&sightings());
        let walk = plan.iter().find(|line| line.contains("USING INDEX evidence_object_type"));
        assert_eq!(walk, None, "{plan:?}");
        let starts =
            plan.iter().filter(|line| line.starts_with("SEARCH p USING PRIMARY KEY (slot=?"));
        assert_eq!(starts.count(), 2, "{plan:?}");
    }
}
