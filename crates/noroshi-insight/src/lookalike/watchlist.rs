//! Whose names are protected, how they are read, and what their owners hold already.

use std::collections::HashSet;

use super::name::Name;

/// Names on one list at most.
pub const ENTRIES_MAX: usize = 100_000;
/// Readings or declared names of one entry at most.
const LIST_MAX: usize = 256;
/// Characters of one reading at most.
const READING_CHARACTERS_MAX: usize = 63;
/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 32 * 1024;
/// The list that ships with the program.
const JAPAN: &str = include_str!("../../data/watchlist-ja.tsv");

/// A label that stands for an office of a place (`pref.osaka.lg.jp`, `city.kobe.jp`): nobody's name without the place.
const OFFICES: [&str; 6] = ["pref", "city", "metro", "town", "vill", "ward"];

/// One protected name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// The name as given, A-labels: `www.example.co.jp` is kept as `example.co.jp`, `pref.osaka.lg.jp` as it is.
    pub host: String,
    /// What is registered: `example.co.jp`, `osaka.lg.jp`.
    pub registrable: String,
    /// The label imitations are held against, as a U-label: `example`, `pref-osaka`.
    pub label: String,
    /// The public suffix, as U-labels.
    pub suffix: String,
    /// Other ways to write it: kana, kanji, romaji.
    pub readings: Vec<String>,
    /// Other names of the same owner, never flagged.
    pub declared: Vec<String>,
    /// What it is, in the list's own words (`ministry`); may be empty.
    pub kind: String,
    /// The label is an everyday word, a place or many others' abbreviation.
    pub generic: bool,
    /// Only the whole host is protected, because its label alone says nothing (`www2.example.co.jp`).
    pub host_only: bool,
}

/// What is wrong with a line of a list; the other lines are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// Kinds of problems.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// Not a name.
    #[error("`{text}` is no domain name: {}", .reason.code())]
    Name {
        /// What stands there.
        text: String,
        /// Why it is none.
        reason: super::name::Refused,
    },
    /// Declaring it would hide every name below it.
    #[error("`{0}` is a public suffix and cannot be declared as owned")]
    PublicSuffix(String),
    /// A reading of more than 63 characters, or more than 256 in a list.
    #[error("too many or too long readings or declared names")]
    TooMuch,
    /// More than 100,000 names, or a line over 32 KiB.
    #[error("the list is longer than its limit")]
    TooLong,
    /// The same name again.
    #[error("`{0}` is on the list already")]
    Again(String),
    /// A header without a column `domain`.
    #[error("the header names no column `domain`")]
    Header,
}

/// Protected names with what their owners hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watchlist {
    entries: Vec<Protected>,
    hosts: HashSet<String>,
    /// Names that are their owner's with everything below them.
    owned: HashSet<String>,
    /// Names that are public suffixes: their owner's, and what lies below them is whoever registered it.
    suffixes: HashSet<String>,
}

/// Where each column stands.
struct Columns {
    domain: usize,
    readings: Option<usize>,
    owned: Option<usize>,
    declared: Option<usize>,
    kind: Option<usize>,
    flags: Option<usize>,
    separator: char,
}

impl Watchlist {
    /// Reads a list: one domain a line, or a table (tabs or commas, cells may be quoted) whose header names `domain` and
    /// any of `readings`, `owned`, `declared`, `kind`, `flags`; several values of a cell are separated by `;` or `|`.
    /// Without a header the columns are domain, readings, declared. Lines beginning with `#` are comments; a byte order
    /// mark and carriage returns are left out. What cannot be read is a problem of its line and costs only itself.
    pub fn parse(text: &str) -> (Self, Vec<Problem>) {
        let mut list = Self::default();
        let mut problems = Vec::new();
        let mut columns: Option<Columns> = None;
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line_number = number + 1;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut problem = |kind| problems.push(Problem { line: line_number, kind });
            if line.len() > LINE_BYTES_MAX || list.entries.len() >= ENTRIES_MAX {
                problem(ProblemKind::TooLong);
                continue;
            }
            let Some(known) = &columns else {
                let (found, is_header) = Columns::of(line);
                let Some(found) = found else {
                    problem(ProblemKind::Header);
                    return (list, problems);
                };
                if !is_header {
                    list.read_line(line, &found, &mut problem);
                }
                columns = Some(found);
                continue;
            };
            list.read_line(line, known, &mut problem);
        }
        (list, problems)
    }

    /// The list that ships with the program: names of public bodies, press, broadcasters and infrastructure of Japan.
    pub fn japan() -> Self {
        Self::parse(JAPAN).0
    }

    /// The protected names in the order of the list.
    pub fn entries(&self) -> &[Protected] {
        &self.entries
    }

    /// Whether `name` or a name above it is owned or declared by anybody on the list. Of a public suffix only the name itself
    /// is: below it others register.
    pub fn owns(&self, name: &Name) -> bool {
        self.suffixes.contains(without_www(name.ascii()))
            || name.ancestry().any(|above| self.owned.contains(above))
    }

    /// Adds what another list protects; what is on this one already stays as it is.
    pub fn extend(&mut self, other: Self) {
        for entry in other.entries {
            if self.entries.len() < ENTRIES_MAX && self.hosts.insert(entry.host.clone()) {
                self.entries.push(entry);
            }
        }
        self.owned.extend(other.owned.into_iter().collect::<std::collections::BTreeSet<_>>());
        self.suffixes.extend(other.suffixes.into_iter().collect::<std::collections::BTreeSet<_>>());
    }

    fn read_line(&mut self, line: &str, columns: &Columns, problem: &mut impl FnMut(ProblemKind)) {
        let cells = cells(line, columns.separator);
        let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map_or("", String::as_str);
        let domain = cell(Some(columns.domain));
        let name = match Name::parse(domain) {
            Ok(name) => name,
            Err(reason) => {
                let text = domain.chars().take(READING_CHARACTERS_MAX).collect();
                return problem(ProblemKind::Name { text, reason });
            }
        };
        let readings: Vec<String> = values(cell(columns.readings)).map(str::to_lowercase).collect();
        let declared: Vec<&str> =
            values(cell(columns.owned)).chain(values(cell(columns.declared))).collect();
        let long = readings.iter().any(|reading| reading.chars().count() > READING_CHARACTERS_MAX);
        if long || readings.len() > LIST_MAX || declared.len() > LIST_MAX {
            problem(ProblemKind::TooMuch);
        }
        let declared = self.declare(declared.into_iter().take(LIST_MAX), problem);
        let mut entry = protected(&name);
        entry.readings = readings
            .into_iter()
            .filter(|reading| reading.chars().count() <= READING_CHARACTERS_MAX)
            .take(LIST_MAX)
            .collect();
        entry.declared = declared;
        cell(columns.kind).trim().clone_into(&mut entry.kind);
        for flag in values(cell(columns.flags)) {
            entry.generic |= flag == "generic";
            entry.host_only |= flag == "host";
        }
        for own in [&entry.registrable, &entry.host] {
            let is_suffix = Name::parse(own).is_ok_and(|name| name.is_public_suffix());
            let kept = if is_suffix { &mut self.suffixes } else { &mut self.owned };
            kept.insert(own.clone());
        }
        if self.hosts.insert(entry.host.clone()) {
            self.entries.push(entry);
        } else {
            problem(ProblemKind::Again(entry.host));
        }
    }

    fn declare<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        problem: &mut impl FnMut(ProblemKind),
    ) -> Vec<String> {
        let mut declared = Vec::new();
        for text in names {
            match Name::parse(text) {
                Ok(name) if name.is_public_suffix() => {
                    problem(ProblemKind::PublicSuffix(name.ascii().to_owned()));
                }
                Ok(name) => {
                    let host = without_www(name.ascii()).to_owned();
                    self.owned.insert(host.clone());
                    declared.push(host);
                }
                Err(reason) => {
                    let text = text.chars().take(READING_CHARACTERS_MAX).collect();
                    problem(ProblemKind::Name { text, reason });
                }
            }
        }
        declared
    }
}

impl Columns {
    /// The columns by the first line, and whether that line is a header.
    fn of(line: &str) -> (Option<Self>, bool) {
        let separator = if line.contains('\t') { '\t' } else { ',' };
        let header: Vec<String> =
            cells(line, separator).iter().map(|cell| cell.trim().to_lowercase()).collect();
        let find = |names: &[&str]| header.iter().position(|cell| names.contains(&cell.as_str()));
        let domain = find(&["domain", "domain name", "name", "host"]);
        let known = ["readings", "reading", "owned", "declared", "kind", "flags"];
        let is_header = domain.is_some() || find(&known).is_some();
        let found = Self {
            domain: domain.unwrap_or(0),
            readings: if is_header { find(&["readings", "reading"]) } else { Some(1) },
            owned: find(&["owned"]),
            declared: if is_header { find(&["declared"]) } else { Some(2) },
            kind: find(&["kind"]),
            flags: find(&["flags"]),
            separator,
        };
        ((!is_header || domain.is_some()).then_some(found), is_header)
    }
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(host)
}

/// What is protected about a name.
fn protected(name: &Name) -> Protected {
    let host = without_www(name.ascii());
    let sub = name.sub().strip_prefix("www.").unwrap_or(name.sub());
    let sub = if sub == "www" { "" } else { sub };
    let place = name.suffix().split('.').next().unwrap_or_default();
    let (label, host_only) = if sub.is_empty() && OFFICES.contains(&name.label()) {
        (format!("{}-{place}", name.label()), false)
    } else if sub.is_empty() {
        (name.label().to_owned(), false)
    } else if OFFICES.contains(&sub) {
        (format!("{sub}-{}", name.label()), false)
    } else {
        (name.label().to_owned(), true)
    };
    Protected {
        host: host.to_owned(),
        registrable: name.registrable().to_owned(),
        label,
        suffix: name.suffix().to_owned(),
        readings: Vec::new(),
        declared: Vec::new(),
        kind: String::new(),
        generic: false,
        host_only,
    }
}

fn values(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([';', '|', '；', '、']).map(str::trim).filter(|value| !value.is_empty())
}

/// Cells of one line; a quoted cell may hold the separator, and `""` for a quote (RFC 4180 §2).
fn cells(line: &str, separator: char) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        let Some(cell) = cells.last_mut() else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            other if other == separator && !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}
