//! What is new in what is watched.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_charter::hat::Hat;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::observable::Observable;
use serde::{Deserialize, Serialize};

use crate::analyse::hypotheses;
use crate::analyse::merge;
use crate::analyse::notes::{self, Reading};
use crate::analyse::read::{self as analyse, Scope};
use crate::evidence::near;
use crate::evidence::read::{self as evidence, Filter};
use crate::evidence::rows::tlp_of;
use crate::house::House;
use crate::office::authorise::{Action, Standing};
use crate::office::ctx::Ctx;
use crate::office::id::CaseId;
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::share;
use crate::web::form::Values;

/// Things one person watches under one hat.
pub const WATCHES_MAX: usize = 200;
/// News of one watch that is told at once; more is said to be there.
pub const NEWS_MAX: usize = 50;

/// What can be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An object of the evidence graph and what counts as one with it.
    Object,
    /// A joint case.
    Case,
    /// What a search finds: the words as in the address of the search page.
    Search,
    /// An address, a name, a URL, a file.
    Observable,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Object, Self::Case, Self::Search, Self::Observable];

    /// The code in the store and the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Case => "case",
            Self::Search => "search",
            Self::Observable => "observable",
        }
    }

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Something that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Its identifier.
    pub watch: String,
    /// What sort of thing.
    pub kind: Kind,
    /// The thing.
    pub target: String,
    /// Since when.
    pub since: Timestamp,
    /// What came later is unread.
    pub seen_at: Timestamp,
}

fn watch(row: &Row<'_, '_>) -> Result<Watch, StoreFailure> {
    let code = row.text(1)?;
    Ok(Watch {
        watch: row.text(0)?,
        kind: Kind::parse(&code)
            .ok_or_else(|| StoreFailure::Damaged(format!("a watch of `{code}`")))?,
        target: row.text(2)?,
        since: row.time(3)?,
        seen_at: row.time(4)?,
    })
}

/// What a person watches under a hat, oldest first.
pub fn watches(reader: &Reader<'_>, of: &Whose) -> Result<Vec<Watch>, StoreFailure> {
    reader.all(
        "SELECT watch, kind, target, since, seen_at FROM analyse_watch \
         WHERE person = $1 AND org = $2 AND hat = $3 AND ended_at IS NULL ORDER BY since, watch LIMIT 200",
        &of.params(),
        watch,
    )
}

/// A person under a hat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The login.
    pub person: String,
    /// The organisation.
    pub org: String,
    /// The hat.
    pub hat: String,
}

impl Whose {
    /// The person of a request.
    pub fn of(ctx: &Ctx) -> Self {
        Self {
            person: ctx.person.to_string(),
            org: ctx.org.to_string(),
            hat: ctx.hat.id().to_owned(),
        }
    }

    /// The three parameters of a statement.
    pub fn params(&self) -> Vec<Value> {
        vec![Value::from(&self.person), Value::from(&self.org), Value::from(&self.hat)]
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// It arrived, or a version of it.
    Version,
    /// A relation to another object.
    Relation,
    /// A sighting.
    Sighting,
    /// It was revoked or deprecated.
    Revoked,
    /// Its marking or legal class changed.
    Marked,
    /// Somebody wrote a note.
    Note,
    /// It was released; told to those who may release.
    Release,
    /// A case changed.
    Case,
    /// A hypothesis or a conclusion in a case.
    Hypothesis,
    /// A search finds it now.
    Found,
    /// It names what is watched.
    Named,
}

impl Trigger {
    /// The code in the API and in the keys of its words.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Relation => "relation",
            Self::Sighting => "sighting",
            Self::Revoked => "revoked",
            Self::Marked => "marked",
            Self::Note => "note",
            Self::Release => "release",
            Self::Case => "case",
            Self::Hypothesis => "hypothesis",
            Self::Found => "found",
            Self::Named => "named",
        }
    }
}

/// One piece of news: identifiers only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub trigger: Trigger,
    /// The object or case it happened to.
    pub subject: String,
    /// The other object, where there is one.
    #[serde(default)]
    pub other: String,
    /// The watch it belongs to.
    pub watch: String,
}

/// Through whose eyes news is read.
#[derive(Debug, Clone)]
pub struct Eyes {
    /// How far they see.
    pub scope: Scope,
    /// To whom notes may be addressed.
    pub who: Reading,
    /// May read evidence.
    pub evidence: bool,
    /// May read cases.
    pub cases: bool,
    /// May release, and so knows of releases.
    pub releases: bool,
}

impl Eyes {
    /// The eyes of a hat, now.
    pub fn of(house: &House, ctx: &Ctx) -> Self {
        let may = |hat: Hat, action| house.authoriser.allows(hat, action, Standing::default());
        Self {
            scope: Scope::of(house, ctx),
            who: Reading::of(ctx),
            evidence: may(ctx.hat, Action::EvidenceRead),
            cases: may(ctx.hat, Action::AnalyseRead),
            releases: may(ctx.hat, Action::ShareRelease),
        }
    }

    /// Whether the thing watched is there for these eyes.
    pub fn sees(
        &self,
        reader: &Reader<'_>,
        kind: Kind,
        target: &str,
    ) -> Result<bool, StoreFailure> {
        match kind {
            Kind::Object => {
                Ok(self.evidence && evidence::brief(reader, self.scope.sees(), target)?.is_some())
            }
            Kind::Case => match CaseId::parse(target).filter(|_| self.cases) {
                Some(case) => Ok(analyse::case_head(reader, &case)?.is_some()),
                None => Ok(false),
            },
            Kind::Search | Kind::Observable => Ok(self.evidence),
        }
    }
}

/// What is new in one watch after `after` and before `until`, newest first, at most [`NEWS_MAX`].
pub fn news(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    after: Timestamp,
    until: Timestamp,
) -> Result<Vec<Entry>, StoreFailure> {
    // INVARIANT: what is watched and may no longer be seen has no news.
    if !eyes.sees(reader, watch.kind, &watch.target)? {
        return Ok(Vec::new());
    }
    let mut found = match watch.kind {
        Kind::Object => of_object(reader, eyes, watch, after)?,
        Kind::Case => of_case(reader, eyes, watch, after)?,
        Kind::Search => of_search(reader, eyes, watch, after)?,
        Kind::Observable => of_observable(reader, eyes, watch, after)?,
    };
    found.retain(|entry| entry.at < until);
    found.sort_by(|a, b| b.cmp(a));
    found.dedup();
    found.truncate(NEWS_MAX);
    Ok(found)
}

fn entry(watch: &Watch, at: Timestamp, trigger: Trigger, subject: &str, other: &str) -> Entry {
    Entry {
        at,
        trigger,
        subject: subject.to_owned(),
        other: other.to_owned(),
        watch: watch.watch.clone(),
    }
}

fn of_object(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    after: Timestamp,
) -> Result<Vec<Entry>, StoreFailure> {
    let sees = eyes.scope.sees();
    let mut found = Vec::new();
    for id in merge::siblings(reader, sees, &watch.target)? {
        let history = near::history(reader, sees, &id, NEWS_MAX)?;
        for (at, stage) in history.iter().enumerate().filter(|(_, one)| one.arrived_at > after) {
            let before = history.get(at + 1);
            let trigger = match before {
                Some(before) if stage.hidden && !before.hidden => Trigger::Revoked,
                Some(before) if (&stage.tlp, &stage.class) != (&before.tlp, &before.class) => {
                    Trigger::Marked
                }
                None if stage.hidden => Trigger::Revoked,
                Some(_) | None => Trigger::Version,
            };
            found.push(entry(watch, stage.arrived_at, trigger, &id, ""));
        }
        let edges = near::edges(reader, sees, &id, None, NEWS_MAX)?.edges;
        for edge in edges.into_iter().filter(|edge| edge.arrived_at > after) {
            let sighted = edge.via.starts_with("sighting--") || edge.other.kind == "sighting";
            let trigger = if sighted { Trigger::Sighting } else { Trigger::Relation };
            found.push(entry(watch, edge.arrived_at, trigger, &id, &edge.other.id));
        }
        let floor = evidence::brief(reader, sees, &id)?.and_then(|row| tlp_of(&row.tlp));
        let (notes, _) = notes::of_subject(reader, &eyes.who, &id, floor.unwrap_or(Tlp::Red))?;
        for note in notes.iter().filter(|note| note.at > after) {
            found.push(entry(watch, note.at, Trigger::Note, &id, ""));
        }
        if eyes.releases {
            for (_, at) in share::sent::of_object(reader, &id, after, 50)? {
                found.push(entry(watch, at, Trigger::Release, &id, ""));
            }
        }
    }
    Ok(found)
}

fn of_case(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    after: Timestamp,
) -> Result<Vec<Entry>, StoreFailure> {
    let Some(case) = CaseId::parse(&watch.target) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for at in analyse::changes_of_case(reader, &case, after)? {
        found.push(entry(watch, at, Trigger::Case, &watch.target, ""));
    }
    let floor = notes::case_floor(reader, &case)?;
    let (notes, _) = notes::of_subject(reader, &eyes.who, &watch.target, floor)?;
    for note in notes.iter().filter(|note| note.at > after) {
        found.push(entry(watch, note.at, Trigger::Note, &watch.target, ""));
    }
    let matrix = hypotheses::read::matrix(reader, eyes.scope, &case)?;
    let said = matrix.hypotheses.iter().map(|one| one.who.at);
    let said = said
        .chain(matrix.judgements.iter().map(|one| one.who.at))
        .chain(matrix.conclusions.iter().map(|one| one.who.at));
    found.extend(
        said.filter(|at| *at > after)
            .map(|at| entry(watch, at, Trigger::Hypothesis, &watch.target, "")),
    );
    Ok(found)
}

/// A search as in the address of its page.
pub fn filter_of(target: &str) -> Filter {
    let values = Values::parse(target.as_bytes());
    Filter {
        q: values.get("q").to_owned(),
        kind: values.get("type").to_owned(),
        ..Filter::default()
    }
}

fn of_search(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    after: Timestamp,
) -> Result<Vec<Entry>, StoreFailure> {
    let filter = filter_of(&watch.target);
    let listed = evidence::list(reader, eyes.scope.sees(), &filter, None, 50)?;
    let new = listed.rows.into_iter().filter(|row| row.arrived_at > after);
    Ok(new.map(|row| entry(watch, row.arrived_at, Trigger::Found, &row.id, "")).collect())
}

fn of_observable(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    after: Timestamp,
) -> Result<Vec<Entry>, StoreFailure> {
    let Ok(observable) = Observable::parse(&watch.target) else { return Ok(Vec::new()) };
    let sees = eyes.scope.sees();
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let named = evidence::naming(reader, sees, &observable)?;
    // Where so many name it that the first page is full, the newest are found by search.
    let filter = Filter { q: observable.to_string(), ..Filter::default() };
    let listed = evidence::list(reader, sees, &filter, None, 50)?.rows;
    for row in named.into_iter().chain(listed) {
        if row.arrived_at <= after || !known.insert(row.id.clone()) {
            continue;
        }
        if evidence::observables_of(reader, &row.id)?.contains(&observable) {
            let trigger = if row.kind == "sighting" { Trigger::Sighting } else { Trigger::Named };
            found.push(entry(watch, row.arrived_at, trigger, &row.id, ""));
        }
    }
    Ok(found)
}

/// Whether an entry may be told to these eyes now: both objects it speaks of are there for them.
pub fn may_tell(reader: &Reader<'_>, eyes: &Eyes, entry: &Entry) -> Result<bool, StoreFailure> {
    let kind = if CaseId::parse(&entry.subject).is_some() { Kind::Case } else { Kind::Object };
    if entry.trigger == Trigger::Release && !eyes.releases {
        return Ok(false);
    }
    Ok(eyes.sees(reader, kind, &entry.subject)?
        && (entry.other.is_empty() || eyes.sees(reader, Kind::Object, &entry.other)?))
}

/// The digest of a day, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Its identifier.
    pub digest: String,
    /// The day in Japan, `2026-11-27`.
    pub day: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// What it may tell these eyes now.
    pub entries: Vec<Entry>,
    /// There was more than it holds.
    pub more: bool,
}

/// A person's digests, newest first, as they may be told now.
pub fn digests(
    reader: &Reader<'_>,
    eyes: &Eyes,
    of: &Whose,
    limit: u32,
) -> Result<Vec<Digest>, StoreFailure> {
    let mut params = of.params();
    params.push(Value::Int(i64::from(limit)));
    let kept = reader.all(
        "SELECT digest, day, made_at, entries, more FROM analyse_digest \
         WHERE person = $1 AND org = $2 AND hat = $3 ORDER BY day DESC LIMIT $4",
        &params,
        |row| {
            Ok(Digest {
                digest: row.text(0)?,
                day: row.text(1)?,
                made_at: row.time(2)?,
                entries: row.json(3)?,
                more: row.truth(4)?,
            })
        },
    )?;
    let mut digests = Vec::with_capacity(kept.len());
    for mut digest in kept {
        let mut told = Vec::with_capacity(digest.entries.len());
        for entry in digest.entries {
            if may_tell(reader, eyes, &entry)? {
                told.push(entry);
            }
        }
        digest.entries = told;
        // A digest of which nothing may be told any more is not told of.
        if !digest.entries.is_empty() {
            digests.push(digest);
        }
    }
    Ok(digests)
}
