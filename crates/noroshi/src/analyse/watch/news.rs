//! What is new in what is watched.

use jiff::{SignedDuration, Timestamp};
use noroshi_charter::hat::Hat;
use noroshi_evidence::observable::Observable;
use serde::{Deserialize, Serialize};

use crate::analyse::hypotheses;
use crate::analyse::merge;
use crate::analyse::notes::{self, Opens, Reading};
use crate::analyse::read::{self as analyse, Scope};
use crate::evidence::near::{self, Edge};
use crate::evidence::read::relations::Place;
use crate::evidence::read::{self as evidence, Filter, ObjectRow};
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
/// One more than that is looked for, which tells that there is more.
const WANTED: usize = NEWS_MAX + 1;
/// Rows asked for at once where the first did not suffice.
const PAGE: u32 = 500;
/// Rows of one question looked at; beyond it more is said to be there.
const LOOKED_MAX: u64 = 20_000;
/// What an import brings arrives at the moment at which it began, however long it takes: so far may what arrived later
/// stand before what arrived earlier.
const IMPORT_LASTS: SignedDuration = SignedDuration::from_hours(6);

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

/// What is new in one watch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Newest first, at most [`NEWS_MAX`].
    pub entries: Vec<Entry>,
    /// There is more.
    pub more: bool,
}

impl News {
    fn tell(&mut self, watch: &Watch, at: Timestamp, trigger: Trigger, subject: &str, other: &str) {
        self.entries.push(Entry {
            at,
            trigger,
            subject: subject.to_owned(),
            other: other.to_owned(),
            watch: watch.watch.clone(),
        });
    }
}

/// When something is news.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// After this.
    after: Timestamp,
    /// Before this.
    until: Timestamp,
}

impl Span {
    fn holds(self, at: Timestamp) -> bool {
        self.after < at && at < self.until
    }

    /// Whether behind what arrived at `at` nothing is news any more.
    fn is_past(self, at: Timestamp) -> bool {
        at < self.after.saturating_sub(IMPORT_LASTS).unwrap_or(Timestamp::MIN)
    }

    /// An order of arrival before which all news stands; none when it may stand anywhere.
    fn place(self, reader: &Reader<'_>) -> Result<Option<u64>, StoreFailure> {
        let late = self.until.saturating_add(IMPORT_LASTS).unwrap_or(Timestamp::MAX);
        evidence::before(reader, late)
    }

    const fn ends(self) -> (Timestamp, Timestamp) {
        (self.after, self.until)
    }
}

/// What is new in one watch after `after` and before `until`. What came later does not push it out.
pub fn news(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    after: Timestamp,
    until: Timestamp,
) -> Result<News, StoreFailure> {
    // INVARIANT: what is watched and may no longer be seen has no news.
    if !eyes.sees(reader, watch.kind, &watch.target)? {
        return Ok(News::default());
    }
    let span = Span { after, until };
    let mut found = News::default();
    match watch.kind {
        Kind::Object => of_object(reader, eyes, watch, span, &mut found)?,
        Kind::Case => of_case(reader, eyes, watch, span, &mut found)?,
        Kind::Search => of_search(reader, eyes, watch, span, &mut found)?,
        Kind::Observable => of_observable(reader, eyes, watch, span, &mut found)?,
    }
    found.entries.retain(|entry| span.holds(entry.at));
    found.entries.sort_by(|a, b| b.cmp(a));
    found.entries.dedup();
    found.more |= found.entries.len() > NEWS_MAX;
    found.entries.truncate(NEWS_MAX);
    Ok(found)
}

fn of_object(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    span: Span,
    found: &mut News,
) -> Result<(), StoreFailure> {
    let sees = eyes.scope.sees();
    for id in merge::siblings(reader, sees, &watch.target)? {
        versions(reader, eyes, watch, (&id, span), found)?;
        let more = edges(reader, eyes, (&id, span), |edge| {
            let sighted = edge.via.starts_with("sighting--") || edge.other.kind == "sighting";
            let trigger = if sighted { Trigger::Sighting } else { Trigger::Relation };
            found.tell(watch, edge.arrived_at, trigger, &id, &edge.other.id);
        })?;
        found.more |= more;
        for at in notes::times(reader, &eyes.who, (&id, Opens::OBJECT), span.ends(), WANTED)? {
            found.tell(watch, at, Trigger::Note, &id, "");
        }
        if eyes.releases {
            for (_, at) in share::sent::of_object(reader, &id, span.ends(), WANTED)? {
                found.tell(watch, at, Trigger::Release, &id, "");
            }
        }
    }
    Ok(())
}

/// What became of an object, version by version.
fn versions(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    (id, span): (&str, Span),
    found: &mut News,
) -> Result<(), StoreFailure> {
    let history = near::history(reader, eyes.scope.sees(), id, span.until, WANTED + 1)?;
    let new = history.iter().enumerate().filter(|(_, one)| span.holds(one.arrived_at));
    for (at, stage) in new {
        let before = history.get(at + 1);
        let trigger = match before {
            Some(before) if stage.hidden && !before.hidden => Trigger::Revoked,
            Some(before) if (&stage.tlp, &stage.class) != (&before.tlp, &before.class) => {
                Trigger::Marked
            }
            None if stage.hidden => Trigger::Revoked,
            Some(_) | None => Trigger::Version,
        };
        found.tell(watch, stage.arrived_at, trigger, id, "");
    }
    Ok(())
}

/// Visits the new edges of an object, at most [`WANTED`], newest first; says whether there may be more.
fn edges(
    reader: &Reader<'_>,
    eyes: &Eyes,
    (id, span): (&str, Span),
    mut visit: impl FnMut(&Edge),
) -> Result<bool, StoreFailure> {
    let mut from = span.place(reader)?.map(|seq| Place::before(seq).to_string());
    let (mut limit, mut looked, mut told) = (WANTED, 0, 0);
    loop {
        let page = near::edges(reader, eyes.scope.sees(), id, from.as_deref(), limit)?;
        for edge in &page.edges {
            if span.is_past(edge.arrived_at) {
                return Ok(false);
            }
            if span.holds(edge.arrived_at) {
                visit(edge);
                told += 1;
            }
            if told >= WANTED {
                return Ok(true);
            }
        }
        looked += limit as u64;
        match page.next {
            None => return Ok(false),
            Some(_) if looked >= LOOKED_MAX => return Ok(true),
            next => from = next,
        }
        limit = usize::try_from(PAGE).unwrap_or(limit);
    }
}

fn of_case(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    span: Span,
    found: &mut News,
) -> Result<(), StoreFailure> {
    let Some(case) = CaseId::parse(&watch.target) else { return Ok(()) };
    for at in analyse::changes_of_case(reader, &case, span.ends(), WANTED)? {
        found.tell(watch, at, Trigger::Case, &watch.target, "");
    }
    let opens = notes::of_case(reader, eyes.scope.sees(), &case)?.opens;
    for at in notes::times(reader, &eyes.who, (&watch.target, opens), span.ends(), WANTED)? {
        found.tell(watch, at, Trigger::Note, &watch.target, "");
    }
    let matrix = hypotheses::read::matrix(reader, eyes.scope, &case)?;
    let said = matrix.hypotheses.iter().map(|one| one.who.at);
    let said = said
        .chain(matrix.judgements.iter().map(|one| one.who.at))
        .chain(matrix.conclusions.iter().map(|one| one.who.at));
    for at in said.filter(|at| span.holds(*at)) {
        found.tell(watch, at, Trigger::Hypothesis, &watch.target, "");
    }
    Ok(())
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

/// Visits what a search finds that is new, newest first, until [`WANTED`] were taken; says whether there may be more.
fn listed(
    reader: &Reader<'_>,
    eyes: &Eyes,
    (filter, span): (&Filter, Span),
    mut visit: impl FnMut(&ObjectRow) -> Result<bool, StoreFailure>,
) -> Result<bool, StoreFailure> {
    let mut before = span.place(reader)?;
    let (mut limit, mut looked, mut taken) = (u32::try_from(WANTED).unwrap_or(PAGE), 0, 0);
    loop {
        let page = evidence::list(reader, eyes.scope.sees(), filter, before, limit)?;
        for row in &page.rows {
            if span.is_past(row.arrived_at) {
                return Ok(false);
            }
            taken += usize::from(span.holds(row.arrived_at) && visit(row)?);
            if taken >= WANTED {
                return Ok(true);
            }
        }
        looked += page.looked.max(u64::from(limit));
        match page.next {
            None => return Ok(false),
            Some(_) if looked >= LOOKED_MAX => return Ok(true),
            next => before = next,
        }
        limit = PAGE;
    }
}

fn of_search(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    span: Span,
    found: &mut News,
) -> Result<(), StoreFailure> {
    let filter = filter_of(&watch.target);
    let more = listed(reader, eyes, (&filter, span), |row| {
        found.tell(watch, row.arrived_at, Trigger::Found, &row.id, "");
        Ok(true)
    })?;
    found.more |= more;
    Ok(())
}

fn of_observable(
    reader: &Reader<'_>,
    eyes: &Eyes,
    watch: &Watch,
    span: Span,
    found: &mut News,
) -> Result<(), StoreFailure> {
    let Ok(observable) = Observable::parse(&watch.target) else { return Ok(()) };
    // What only writes of it is found too, and passed over; what names it and was withdrawn is news like the rest.
    let filter = Filter { q: observable.to_string(), hidden: true, ..Filter::default() };
    let more = listed(reader, eyes, (&filter, span), |row| {
        let names = evidence::observables_of(reader, &row.id)?.contains(&observable);
        if names {
            let trigger = if row.kind == "sighting" { Trigger::Sighting } else { Trigger::Named };
            found.tell(watch, row.arrived_at, trigger, &row.id, "");
        }
        Ok(names)
    })?;
    found.more |= more;
    Ok(())
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
