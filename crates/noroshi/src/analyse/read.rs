//! What belongs together, how the damage adds up, and what is said in cases.
//!
//! Visibility is decided here: whoever may not read every statutory report gets no report among the items, no
//! operator's name, and no small cell of the picture; each answer says how much it leaves out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::RwLockReadGuard;

use jiff::Timestamp;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::observable::Observable;
use noroshi_insight::campaign::{self, Suggestion};
use noroshi_insight::correlate::{
    Among, COMMON_ITEMS_DEFAULT, Common, Group, Item, ItemId, ItemKind, Link, Reason, Strength,
    correlate, correlate_among,
};
use noroshi_insight::picture::{Bucket, Damage, ORGANISATIONS_MIN_DEFAULT, Picture};
use noroshi_insight::postings::{Bits, Postings, View};

use super::merge;
use super::names::{Held, Names};
use super::notes::{self, Note, Reading};
use crate::evidence;
use crate::evidence::read::names::Naming;
use crate::evidence::read::{Sees, sees_small_cells};
use crate::house::House;
use crate::intake;
use crate::intake::read::CorrelationItem;
use crate::office::ctx::Ctx;
use crate::office::id::{CaseId, ReportId};
use crate::office::people::{self, Org};
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Days in Japan begin at this offset from UTC, in hours.
const JAPAN_HOURS: i8 = 9;
/// Neighbourhoods that are mentioned at once.
pub const NEAR_MAX: usize = 50;

/// How much of the whole a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    sees: Sees,
    small_cells: bool,
}

impl Scope {
    /// What `ctx` may see.
    pub fn of(house: &House, ctx: &Ctx) -> Self {
        Self { sees: Sees::of(house, ctx), small_cells: sees_small_cells(ctx.hat) }
    }

    /// True when statutory reports and operators' names are among what is seen.
    pub const fn reports(self) -> bool {
        self.sees.reports()
    }

    /// How far the reader sees in the evidence graph.
    pub const fn sees(self) -> Sees {
        self.sees
    }

    /// True when cells of few organisations are shown.
    pub const fn small_cells(self) -> bool {
        self.small_cells
    }
}

/// Where an item comes from, as in the API: `report`, `sighting`, `partner`.
pub const fn kind_code(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Report => "report",
        ItemKind::Sighting => "sighting",
        ItemKind::Partner => "partner",
    }
}

/// A thing that can be a member of a group or a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Report or STIX identifier.
    pub id: String,
    /// Where it comes from.
    pub kind: ItemKind,
    /// The organisation concerned, in Japanese and English; empty when there is none or it is not for this reader.
    pub org: (String, String),
    /// Its sector; empty when there is none.
    pub sector: String,
    /// The kind of damage of a report, the name of a partner's object; empty for sightings.
    pub what: String,
    /// When it happened, was seen or was made.
    pub time: Option<Timestamp>,
    /// What it names.
    pub observables: BTreeSet<Observable>,
}

impl Member {
    /// A line that tells what it is, without words of a language.
    pub fn label(&self) -> String {
        let first = self.observables.first().map(ToString::to_string).unwrap_or_default();
        let parts = match self.kind {
            ItemKind::Report => [self.org.0.as_str(), &self.sector, &self.what],
            ItemKind::Sighting => [self.org.0.as_str(), &self.sector, &first],
            ItemKind::Partner => [self.what.as_str(), "", &first],
        };
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" / ")
    }
}

/// Items a reader may correlate, and how many reports are left out.
#[derive(Debug, Clone, Default)]
pub struct Items {
    /// By identifier.
    pub members: BTreeMap<String, Member>,
    items: Vec<Item>,
    /// Where each item stands in `items`.
    places: BTreeMap<String, usize>,
    /// What was joined into each whole.
    parts: BTreeMap<String, Vec<String>>,
    /// Reports that this reader may not see.
    pub hidden_reports: u64,
    /// Items looked at.
    pub looked: usize,
}

/// What is asked together: the names of the graph, those of the reports the reader may see, and which objects count
/// as one.
struct Asked<'n> {
    graph: RwLockReadGuard<'n, Held>,
    reports: Vec<CorrelationItem>,
    /// Names of the reports, whose numbers follow the places of the graph.
    own: Postings,
    hidden_reports: u64,
    /// What is part of something, by the statements this reader follows.
    whole: BTreeMap<String, String>,
    /// The same in places, where both name something.
    merged: BTreeMap<u32, u32>,
    /// Places of the graph that are not for this reader.
    hidden: Bits,
}

impl<'n> Asked<'n> {
    fn of(reader: &Reader<'_>, names: &'n Names, scope: Scope) -> Result<Self, StoreFailure> {
        let mut found = Items::default();
        let reports = reports(reader, scope, &mut found)?;
        let graph = names.current(reader)?;
        let hidden = graph.hidden(reader, scope.sees)?;
        let mut own = Postings::default();
        for (number, report) in (graph.last.saturating_add(1)..).zip(&reports) {
            let seen: Vec<Observable> = report.observables.iter().cloned().collect();
            own.append(number, &seen);
        }
        own.settle();
        let whole = merge::in_force(reader, scope.sees)?;
        let mut merged = BTreeMap::new();
        for (part, root) in &whole {
            let held = |id| -> Result<Option<u32>, StoreFailure> {
                let place = evidence::read::names::place(reader, id)?;
                let place = place.and_then(|place| u32::try_from(place).ok());
                let seen = |place: &u32| graph.postings.holds(*place) && !hidden.has(*place);
                Ok(place.filter(seen))
            };
            if let (Some(part), Some(root)) = (held(part)?, held(root)?) {
                merged.insert(part, root);
            }
        }
        Ok(Self {
            graph,
            reports,
            own,
            hidden_reports: found.hidden_reports,
            whole,
            merged,
            hidden,
        })
    }

    fn view(&self) -> View<'_> {
        let parts = [&self.graph.postings, &self.own];
        View::new(&parts, self.merged.clone()).without(self.hidden.clone())
    }

    /// The items of these numbers, with everything that counts as one with them.
    fn load(
        &self,
        reader: &Reader<'_>,
        scope: Scope,
        numbers: &BTreeSet<u32>,
    ) -> Result<Items, StoreFailure> {
        let mut places: BTreeSet<u64> =
            numbers.range(..=self.graph.last).copied().map(u64::from).collect();
        let parts = self.merged.iter().filter(|(_, root)| numbers.contains(root));
        places.extend(parts.map(|(part, _)| u64::from(*part)));
        let places: Vec<u64> = places.into_iter().collect();
        let namings = evidence::read::names::at(reader, scope.sees, &places)?;
        let reports = numbers.range(self.graph.last.saturating_add(1)..);
        let reports = reports.filter_map(|number| self.report(*number)).cloned().collect();
        let mut found = Items {
            hidden_reports: self.hidden_reports,
            looked: self.graph.postings.items() + self.reports.len(),
            ..Items::default()
        };
        found.fill(reader, reports, namings)?;
        if !scope.reports() {
            // Whose network saw it is for those who may read reports.
            for member in found.members.values_mut().filter(|one| one.kind != ItemKind::Partner) {
                member.org = (String::new(), String::new());
            }
        }
        found.join(&self.whole);
        Ok(found)
    }

    fn report(&self, number: u32) -> Option<&CorrelationItem> {
        let after = number.checked_sub(self.graph.last)?.checked_sub(1)?;
        self.reports.get(usize::try_from(after).ok()?)
    }

    /// Everything that one item names, and its parts.
    fn names_of(
        &self,
        reader: &Reader<'_>,
        number: u32,
    ) -> Result<BTreeSet<Observable>, StoreFailure> {
        if let Some(report) = self.report(number) {
            return Ok(report.observables.clone());
        }
        let parts = self.merged.iter().filter(|(_, root)| **root == number).map(|(part, _)| *part);
        let mut seen = BTreeSet::new();
        for place in std::iter::once(number).chain(parts) {
            seen.extend(evidence::read::names::seen(reader, place)?);
        }
        Ok(seen)
    }

    /// The number of a group's key.
    fn number(&self, reader: &Reader<'_>, key: &str) -> Result<Option<u32>, StoreFailure> {
        if key.contains("--") {
            let place = evidence::read::names::place(reader, key)?;
            let place = place.and_then(|place| u32::try_from(place).ok());
            return Ok(place.filter(|place| !self.hidden.has(*place)));
        }
        let reports = (self.graph.last.saturating_add(1)..).zip(&self.reports);
        Ok(reports.into_iter().find(|(_, one)| one.report.as_str() == key).map(|(at, _)| at))
    }

    /// What hangs together with `start`: only the postings of what its members name are touched.
    fn around(&self, reader: &Reader<'_>, start: u32) -> Result<BTreeSet<u32>, StoreFailure> {
        let view = self.view();
        let (mut found, mut next) = (BTreeSet::new(), vec![start]);
        let mut followed = BTreeSet::new();
        while let Some(number) = next.pop() {
            if !found.insert(number) {
                continue;
            }
            for seen in self.names_of(reader, number)? {
                let mut names = view.outside(&seen);
                names.push(seen);
                for name in names {
                    if !followed.contains(&name) {
                        next.extend(view.linked(&name, COMMON_ITEMS_DEFAULT));
                        followed.insert(name);
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Those of `ids` that are items a reader may correlate.
pub fn items(
    reader: &Reader<'_>,
    scope: Scope,
    ids: &BTreeSet<String>,
) -> Result<Items, StoreFailure> {
    let mut found = Items::default();
    let reports = reports(reader, scope, &mut found)?;
    items_of(reader, scope.sees, found, reports, ids)
}

/// Those of `ids` that are among `reports`, or in the graph and for this reader.
fn items_of(
    reader: &Reader<'_>,
    sees: Sees,
    mut found: Items,
    mut reports: Vec<CorrelationItem>,
    ids: &BTreeSet<String>,
) -> Result<Items, StoreFailure> {
    reports.retain(|report| ids.contains(report.report.as_str()));
    let whole = merge::in_force(reader, sees)?;
    let roots: BTreeSet<&str> = ids.iter().map(|id| whole.get(id).unwrap_or(id).as_str()).collect();
    let parts = whole.iter().filter(|(_, root)| roots.contains(root.as_str()));
    let objects: BTreeSet<&str> = ids
        .iter()
        .map(String::as_str)
        .chain(roots.iter().copied())
        .chain(parts.map(|(part, _)| part.as_str()))
        .filter(|id| id.contains("--"))
        .collect();
    let objects: Vec<&str> = objects.into_iter().collect();
    let mut namings = evidence::read::names::of(reader, sees, &objects)?;
    namings.retain(|naming| !naming.observables.is_empty());
    namings.sort_by_key(|naming| naming.row.seq);
    found.looked = reports.len() + namings.len();
    found.fill(reader, reports, namings)?;
    found.join(&whole);
    Ok(found)
}

fn reports(
    reader: &Reader<'_>,
    scope: Scope,
    found: &mut Items,
) -> Result<Vec<CorrelationItem>, StoreFailure> {
    let reports = intake::read::correlation_items(reader)?;
    if scope.reports() {
        return Ok(reports);
    }
    found.hidden_reports = reports.len() as u64;
    Ok(Vec::new())
}

fn names(org: Option<&Org>) -> (String, String) {
    org.map(|org| (org.name_ja.clone(), org.name_en.clone())).unwrap_or_default()
}

fn member(naming: Naming, org: Option<&Org>) -> Member {
    let is_sighting = naming.row.kind == "sighting";
    Member {
        id: naming.row.id,
        kind: if is_sighting { ItemKind::Sighting } else { ItemKind::Partner },
        org: names(org),
        sector: org.and_then(|org| org.sector.clone()).unwrap_or_default(),
        what: if is_sighting { String::new() } else { naming.row.name },
        time: naming.times.map(|(_, last)| last),
        observables: naming.observables,
    }
}

impl Items {
    /// The items of a group.
    fn of(&self, group: &Group) -> impl Iterator<Item = &Item> {
        group.members.iter().filter_map(|id| self.items.get(*self.places.get(id.as_str())?))
    }

    fn fill(
        &mut self,
        reader: &Reader<'_>,
        reports: Vec<CorrelationItem>,
        namings: Vec<Naming>,
    ) -> Result<(), StoreFailure> {
        let orgs: BTreeMap<String, Org> =
            people::orgs(reader)?.into_iter().map(|org| (org.org.to_string(), org)).collect();
        for report in reports {
            let org = report.org.to_string();
            let member = Member {
                id: report.report.to_string(),
                kind: ItemKind::Report,
                org: names(orgs.get(&org)),
                sector: report.sector,
                what: report.damage.id().to_owned(),
                time: Some(report.at),
                observables: report.observables,
            };
            self.add(member, Some(&org));
        }
        let mut seen = BTreeSet::new();
        for naming in namings {
            let is_sighting = naming.row.kind == "sighting";
            // One sensor's one sighting is written once for each indicator of the value; here it counts once.
            let sighting = || (naming.row.source.clone(), naming.observables.clone(), naming.times);
            if is_sighting && !seen.insert(sighting()) {
                self.looked -= 1;
                continue;
            }
            let org = orgs.get(&naming.row.originator).filter(|_| is_sighting);
            self.add(member(naming, org), org.map(|org| org.org.as_str()));
        }
        Ok(())
    }

    /// What somebody stated to be one thing is one item: the whole names what its parts name, and a part's identifier
    /// leads to the whole. Everything joined here is for every reader of the items.
    fn join(&mut self, whole: &BTreeMap<String, String>) {
        let mut gone = BTreeSet::new();
        for (part, root) in whole {
            let (Some(member), Some(at)) = (self.members.get(part), self.places.get(root)) else {
                continue;
            };
            let named = member.observables.clone();
            gone.insert(part.as_str());
            if let Some(item) = self.items.get_mut(*at) {
                item.observables.extend(named.iter().cloned());
            }
            if let Some(member) = self.members.get_mut(root) {
                member.observables.extend(named);
            }
        }
        self.items.retain(|item| !gone.contains(item.id.as_str()));
        self.places = self
            .items
            .iter()
            .zip(0..)
            .map(|(item, at)| (item.id.as_str().to_owned(), at))
            .collect();
        for (part, root) in whole {
            if let (true, Some(member)) =
                (self.members.contains_key(part), self.members.get(root).cloned())
            {
                self.members.insert(part.clone(), member);
                self.parts.entry(root.clone()).or_default().push(part.clone());
            }
        }
    }

    fn add(&mut self, member: Member, org: Option<&str>) {
        self.places.insert(member.id.clone(), self.items.len());
        self.items.push(Item {
            id: ItemId::new(member.id.clone()),
            kind: member.kind,
            organisation: org.map(Into::into),
            sector: Some(member.sector.as_str())
                .filter(|sector| !sector.is_empty())
                .map(Into::into),
            time: member.time,
            observables: member.observables.clone(),
        });
        self.members.insert(member.id.clone(), member);
    }
}

/// Why members of a group hang together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// `same`, `inside` or `near`.
    pub kind: &'static str,
    /// What they have in common.
    pub observable: Observable,
    /// What lies inside it, when that is the reason.
    pub inner: Vec<Observable>,
    /// Whether they name the very same thing.
    pub strong: bool,
    /// The members.
    pub items: Vec<String>,
}

fn why(link: &Link) -> Why {
    let (kind, inner) = match &link.reason {
        Reason::Same { .. } => ("same", Vec::new()),
        Reason::Inside { inner, .. } => ("inside", inner.clone()),
        Reason::Near { inner, .. } => ("near", inner.clone()),
    };
    Why {
        kind,
        observable: link.reason.observable().clone(),
        inner,
        strong: link.strength == Strength::Strong,
        items: link.items.iter().map(|id| id.as_str().to_owned()).collect(),
    }
}

/// Items that hang together.
#[derive(Debug, Clone)]
pub struct Related {
    /// Stays the same when younger items join.
    pub key: String,
    /// The members, reports first.
    pub members: Vec<Member>,
    /// Why, strong reasons first.
    pub reasons: Vec<Why>,
    /// When it looks like one campaign: what speaks for it. It never says who.
    pub campaign: Option<Suggestion>,
    /// A case that holds one of the members already.
    pub case: Option<String>,
}

/// What correlation gives a reader.
#[derive(Debug, Clone, Default)]
pub struct Correlated {
    /// Groups, those that look like a campaign first, then by size.
    pub groups: Vec<Related>,
    /// Neighbours in small networks; they join nothing. The networks of the newest items, at most [`NEAR_MAX`].
    pub near: Vec<Why>,
    /// How many such networks there are.
    pub near_all: usize,
    /// What too many name to mean anything, with the number of items.
    pub passed: Vec<(Observable, &'static str, usize)>,
    /// Reports that this reader may not see.
    pub hidden_reports: u64,
    /// Items looked at.
    pub items: usize,
}

/// Correlates everything the reader may see.
pub fn correlated(
    reader: &Reader<'_>,
    names: &Names,
    scope: Scope,
) -> Result<Correlated, StoreFailure> {
    let asked = Asked::of(reader, names, scope)?;
    let view = asked.view();
    let mut met = view.meetings(COMMON_ITEMS_DEFAULT);
    let near_all = met.near.len();
    met.near.sort_by(|a, b| (b.newest, &a.network).cmp(&(a.newest, &b.network)));
    met.near.truncate(NEAR_MAX);
    let near: BTreeSet<Observable> = met.near.into_iter().map(|one| one.network).collect();
    let mut numbers: BTreeSet<u32> = met.items.into_iter().collect();
    numbers.extend(near.iter().flat_map(|network| view.neighbours(network)));
    let found = asked.load(reader, scope, &numbers)?;
    let among = Among { view: &view, near: &near };
    let answer = correlate_among(&found.items, COMMON_ITEMS_DEFAULT, among);
    let mut groups = Vec::with_capacity(answer.groups.len());
    for group in &answer.groups {
        groups.push(related(reader, group, &found)?);
    }
    groups.sort_by_key(|group| {
        let score = group.campaign.as_ref().map_or(0, |suggestion| suggestion.score);
        (std::cmp::Reverse(score), std::cmp::Reverse(group.members.len()), group.key.clone())
    });
    let mut passed = Vec::with_capacity(met.passing.len());
    for one in &met.passing {
        let seen = asked.names_of(reader, one.item)?;
        passed
            .extend(view.spelled(one, &seen).map(|one| (one.observable, code(one.why), one.items)));
    }
    passed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Correlated {
        groups,
        near: answer.near.iter().map(why).collect(),
        near_all,
        passed,
        hidden_reports: found.hidden_reports,
        items: found.looked,
    })
}

const fn code(why: Common) -> &'static str {
    match why {
        Common::Frequent => "frequent",
        Common::Local => "local",
    }
}

/// One group of [`correlated`], by its key, without looking at any other.
pub fn group(
    reader: &Reader<'_>,
    names: &Names,
    scope: Scope,
    key: &str,
) -> Result<Option<Related>, StoreFailure> {
    let asked = Asked::of(reader, names, scope)?;
    let Some(start) = asked.number(reader, key)? else { return Ok(None) };
    let numbers = asked.around(reader, start)?;
    let found = asked.load(reader, scope, &numbers)?;
    let among = Among { view: &asked.view(), near: &BTreeSet::new() };
    let answer = correlate_among(&found.items, COMMON_ITEMS_DEFAULT, among);
    let group = answer.groups.into_iter().find(|group| group.key.as_str() == key);
    group.map(|group| related(reader, &group, &found)).transpose()
}

fn related(reader: &Reader<'_>, group: &Group, found: &Items) -> Result<Related, StoreFailure> {
    let mut members: Vec<Member> =
        group.members.iter().filter_map(|id| found.members.get(id.as_str())).cloned().collect();
    members.sort_by_key(|member| (member.kind, member.time, member.id.clone()));
    let mut case = None;
    // A case holds what was put into it: a whole, or a part by its own name.
    let parts = |member: &Member| found.parts.get(&member.id).into_iter().flatten();
    let names = members.iter().flat_map(|member| std::iter::once(&member.id).chain(parts(member)));
    for name in names {
        if case.is_none() {
            case = reader.first(
                "SELECT case_id FROM analyse_member WHERE item = $1 AND removed_at IS NULL ORDER BY case_id LIMIT 1",
                &[Value::from(name)],
                |row| row.text(0),
            )?;
        }
    }
    Ok(Related {
        key: group.key.as_str().to_owned(),
        members,
        reasons: group.links.iter().map(why).collect(),
        campaign: campaign::suggest(group, found.of(group)).ok(),
        case,
    })
}

/// The picture as a reader may see it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The table.
    pub picture: Picture,
    /// Cells left out because they would name their few organisations.
    pub withheld: usize,
    /// Fewest organisations of a cell that is shown; 1 when all are.
    pub organisations_min: usize,
    /// Reports it was made from.
    pub reports: usize,
    /// The time of the latest of them.
    pub latest: Option<Timestamp>,
}

/// Adds up the damage of all reports. Small cells vanish for those who may not see single operators.
pub fn picture(reader: &Reader<'_>, scope: Scope) -> Result<Seen, StoreFailure> {
    let reports = intake::read::correlation_items(reader)?;
    let damages: Vec<Damage> = reports
        .iter()
        .map(|report| Damage {
            sector: report.sector.as_str().into(),
            kind: report.damage.id().into(),
            at: report.at,
            organisation: report.org.as_str().into(),
            service_minutes: report.stop_minutes.unwrap_or(0),
            persons_affected: report.persons.unwrap_or(0),
            loss_yen: report.loss_yen.unwrap_or(0),
        })
        .collect();
    // One size of time only for those who get a thinned table: two could be subtracted from each other.
    let whole = Picture::of(&damages, Bucket::Day, jiff::tz::offset(JAPAN_HOURS));
    let latest = reports.iter().map(|report| report.at).max();
    let (picture, withheld, organisations_min) = if scope.small_cells {
        (whole, 0, 1)
    } else {
        let (picture, withheld) = whole.without_small_cells(ORGANISATIONS_MIN_DEFAULT);
        (picture, withheld, ORGANISATIONS_MIN_DEFAULT)
    };
    Ok(Seen { picture, withheld, organisations_min, reports: reports.len(), latest })
}

/// A case in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRow {
    /// Its identifier.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// `open`.
    pub state: String,
    /// The group it was opened from.
    pub group_key: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Members now.
    pub members: u64,
    /// Notes that are for every reader of the case.
    pub notes: u64,
}

const CASE: &str = "SELECT c.case_id, c.title, c.summary, c.state, c.group_key, c.opened_at, \
     (SELECT COUNT(*) FROM analyse_member m WHERE m.case_id = c.case_id AND m.removed_at IS NULL), \
     (SELECT COUNT(*) FROM analyse_remark n WHERE n.subject = c.case_id AND n.audience = 'subject' \
     AND n.tlp NOT IN ('amber-strict', 'red')) FROM analyse_case c";

fn case_row(row: &Row<'_, '_>) -> Result<CaseRow, StoreFailure> {
    Ok(CaseRow {
        id: row.text(0)?,
        title: row.text(1)?,
        summary: row.text(2)?,
        state: row.text(3)?,
        group_key: row.text_or_none(4)?,
        opened_at: row.time(5)?,
        members: row.count(6)?,
        notes: row.count(7)?,
    })
}

/// Cases before `before` (an identifier; empty for the first page), newest first, at most `limit`.
pub fn cases(reader: &Reader<'_>, before: &str, limit: u32) -> Result<Vec<CaseRow>, StoreFailure> {
    let sql = format!("{CASE} WHERE ($1 = '' OR c.case_id < $1) ORDER BY c.case_id DESC LIMIT $2");
    reader.all(&sql, &[Value::from(before), Value::Int(i64::from(limit))], case_row)
}

/// One case without what is in it.
pub fn case_head(reader: &Reader<'_>, case: &CaseId) -> Result<Option<CaseRow>, StoreFailure> {
    reader.first(&format!("{CASE} WHERE c.case_id = $1"), &[Value::from(case)], case_row)
}

/// Something that happened to a case or in what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// `case.open`, `case.note`, `case.add`, `case.remove`, or `report`, `sighting`, `partner` for a member's own time.
    pub kind: String,
    /// What it was about: a member's label, or words.
    pub text: String,
    /// Index of the leaf, for what happened to the case.
    pub position: Option<u64>,
}

/// A case with everything in it that the reader may see.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its head.
    pub row: CaseRow,
    /// Members, reports first. Operators' names are empty for those who may not see them.
    pub members: Vec<Member>,
    /// Members that are gone, or not for this reader.
    pub hidden: u64,
    /// Members taken out, with the reason.
    pub removed: Vec<(String, String)>,
    /// The strictest marking among what the case holds: the least that a note gets.
    pub floor: Tlp,
    /// Notes for this reader, oldest first.
    pub notes: Vec<Note>,
    /// Older notes that are not among them.
    pub older_notes: u64,
    /// What happened, newest first.
    pub timeline: Vec<Event>,
    /// What members name, with how many of them do; most first.
    pub observables: Vec<(Observable, usize)>,
    /// Why members hang together.
    pub reasons: Vec<Why>,
}

/// When a case changed after `since` and before `until`, newest first, at most `limit`; notes are asked for by who may read
/// them.
pub fn changes_of_case(
    reader: &Reader<'_>,
    case: &CaseId,
    (since, until): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<Timestamp>, StoreFailure> {
    reader.all(
        "SELECT at FROM office_audit WHERE subject = $1 AND command LIKE 'case.%' AND command <> 'case.note' \
         AND at > $2 AND at < $3 ORDER BY position DESC LIMIT $4",
        &[
            Value::from(case),
            Value::from(since),
            Value::from(until),
            Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
        ],
        |row| row.time(0),
    )
}

/// Which objects of the evidence graph are members of which cases now.
pub fn memberships(reader: &Reader<'_>) -> Result<Vec<(String, String)>, StoreFailure> {
    reader.all(
        "SELECT item, case_id FROM analyse_member WHERE removed_at IS NULL AND kind <> 'report' ORDER BY item, case_id",
        &[],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )
}

/// Whether there is such a report of an operator; the caller has made sure that the reader may read reports.
pub fn is_report(reader: &Reader<'_>, id: &str) -> Result<bool, StoreFailure> {
    let Some(report) = ReportId::parse(id) else { return Ok(false) };
    Ok(!intake::read::stages(reader, &report)?.is_empty())
}

/// The identifiers of the members of a case now.
pub fn member_ids(reader: &Reader<'_>, case: &CaseId) -> Result<Vec<String>, StoreFailure> {
    reader.all(
        "SELECT item FROM analyse_member WHERE case_id = $1 AND removed_at IS NULL ORDER BY kind, item",
        &[Value::from(case)],
        |row| row.text(0),
    )
}

/// The STIX identifiers of everything of a case that is in the evidence graph: its sightings and partners' objects,
/// and what its reports put there. For the release gate, which judges each of them.
pub fn case_objects(reader: &Reader<'_>, case: &CaseId) -> Result<Vec<String>, StoreFailure> {
    let mut found = Vec::new();
    for id in member_ids(reader, case)? {
        if id.contains("--") {
            found.push(id);
            continue;
        }
        let source = format!("{}{id}", evidence::rows::FROM_REPORTS);
        found.extend(
            evidence::read::by_source(reader, Sees::ALL, &source)?.into_iter().map(|row| row.id),
        );
    }
    Ok(found)
}

/// One case, as far as the reader may see it. Whoever reads the case sees its reports as members (the case is joint),
/// but operators' names only with the right to reports. What of the graph is not for the reader is a number, whoever put
/// it into the case: a case opens nothing (`evidence::read::admits`).
pub fn case(
    reader: &Reader<'_>,
    scope: Scope,
    who: &Reading,
    case: &CaseId,
) -> Result<Option<Case>, StoreFailure> {
    let Some(row) = case_head(reader, case)? else { return Ok(None) };
    let ids = member_ids(reader, case)?;
    let wanted = ids.iter().cloned().collect();
    // The one exception: reports are members for every reader of a joint case.
    let reports = intake::read::correlation_items(reader)?;
    let all = items_of(reader, scope.sees, Items::default(), reports, &wanted)?;
    let hidden = ids.iter().filter(|id| !all.members.contains_key(*id)).count() as u64;
    let held = once_each(&ids, &all);
    let mut members: Vec<Member> = held.values().cloned().collect();
    if !scope.reports() {
        for member in members.iter_mut().filter(|member| member.kind != ItemKind::Partner) {
            member.org = (String::new(), String::new());
        }
    }
    members.sort_by_key(|member| (member.kind, member.time, member.id.clone()));
    let own = all.items.iter().filter_map(|item| {
        let member = held.get(item.id.as_str())?;
        Some(Item { id: ItemId::new(member.id.clone()), ..item.clone() })
    });
    let own: Vec<Item> = own.collect();
    let answer = correlate(&own, COMMON_ITEMS_DEFAULT);
    let reasons = answer.groups.iter().flat_map(|group| group.links.iter().map(why)).collect();
    let mut counted: BTreeMap<Observable, usize> = BTreeMap::new();
    for observable in members.iter().flat_map(|member| &member.observables) {
        *counted.entry(observable.clone()).or_default() += 1;
    }
    let mut observables: Vec<(Observable, usize)> = counted.into_iter().collect();
    observables.sort_by_key(|(observable, count)| (std::cmp::Reverse(*count), observable.clone()));
    let removed = reader.all(
        "SELECT item, removed_why FROM analyse_member WHERE case_id = $1 AND removed_at IS NOT NULL ORDER BY removed_at",
        &[Value::from(case)],
        |row| Ok((row.text(0)?, row.text_or_none(1)?.unwrap_or_default())),
    )?;
    let removed = seen_of(reader, scope.sees, removed)?;
    let marks = notes::of_case(reader, scope.sees, case)?;
    let subject = (case.as_str(), marks.opens);
    let (notes, older_notes) = notes::of_subject(reader, who, subject, marks.seen)?;
    let timeline = timeline(reader, scope.sees, case, (&members, &notes))?;
    Ok(Some(Case {
        row,
        members,
        hidden,
        removed,
        floor: marks.floor,
        notes,
        older_notes,
        timeline,
        observables,
        reasons,
    }))
}

/// Members that are one thing stand there once, by the name of the whole; under the name by which the case holds them,
/// because that is what can be taken out: the whole's own where it is held, else that of a part.
fn once_each<'m>(ids: &[String], all: &'m Items) -> BTreeMap<&'m str, Member> {
    let mut held: BTreeMap<&str, Member> = BTreeMap::new();
    for id in ids {
        let Some(member) = all.members.get(id) else { continue };
        if *id == member.id || !held.contains_key(member.id.as_str()) {
            held.insert(&member.id, Member { id: id.clone(), ..member.clone() });
        }
    }
    held
}

/// Of what was taken out of a case that which its reader may see: an identifier tells that something is held.
fn seen_of(
    reader: &Reader<'_>,
    sees: Sees,
    removed: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, StoreFailure> {
    let mut seen = Vec::with_capacity(removed.len());
    for (item, why) in removed {
        if tells(reader, sees, &item)? {
            seen.push((item, why));
        }
    }
    Ok(seen)
}

/// Whether what was written of a member is for this reader: reports are members for every reader of a joint case.
fn tells(reader: &Reader<'_>, sees: Sees, item: &str) -> Result<bool, StoreFailure> {
    Ok(!item.contains("--") || evidence::read::brief(reader, sees, item)?.is_some())
}

fn timeline(
    reader: &Reader<'_>,
    sees: Sees,
    case: &CaseId,
    (members, notes): (&[Member], &[Note]),
) -> Result<Vec<Event>, StoreFailure> {
    let changes = reader.all(
        "SELECT at, command, payload, position FROM office_audit WHERE subject = $1 AND command LIKE 'case.%' \
         AND command <> 'case.note' ORDER BY position",
        &[Value::from(case)],
        |row| {
            let payload: serde_json::Value = row.json(2)?;
            let said = |name: &str| payload.get(name).and_then(serde_json::Value::as_str).map(ToOwned::to_owned);
            let event = Event {
                at: row.time(0)?,
                kind: row.text(1)?,
                text: said("why").or_else(|| said("title")).unwrap_or_default(),
                position: Some(row.count(3)?),
            };
            Ok((said("item"), event))
        },
    )?;
    let mut events = Vec::with_capacity(changes.len());
    for (item, mut event) in changes {
        // INVARIANT: that something changed is for every reader of the case; why, for those who see what it was about.
        if let Some(item) = item
            && !tells(reader, sees, &item)?
        {
            event.text.clear();
        }
        events.push(event);
    }
    // Only the notes this reader may read: that there are others is not told.
    events.extend(notes.iter().map(|note| Event {
        at: note.at,
        kind: "case.note".to_owned(),
        text: String::new(),
        position: None,
    }));
    events.extend(members.iter().filter_map(|member| {
        let kind = kind_code(member.kind).to_owned();
        Some(Event { at: member.time?, kind, text: member.label(), position: None })
    }));
    events.sort_by_key(|event| (std::cmp::Reverse(event.at), std::cmp::Reverse(event.position)));
    Ok(events)
}
