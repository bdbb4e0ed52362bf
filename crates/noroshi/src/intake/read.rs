//! Who sees which report, and what stands in it. Visibility is decided here, before a row leaves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use noroshi_charter::report::{DamageKind, Stage, State};
use noroshi_evidence::observable::Observable;
use serde::Serialize;
use utoipa::ToSchema;

use super::content::Body;
use crate::office::authorise::{Action, Authoriser, On, Standing};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, ReportId};
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// Whose reports a hat sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them: the Prime Minister's desk and those who analyse for it.
    All,
    /// Those of one sector.
    Sector(String),
    /// Those of the own organisation.
    Own(OrgId),
}

/// Whose reports this hat sees; `None` when it sees none. The policy is asked, so that lists and single reports
/// cannot differ.
pub fn scope(authoriser: &Authoriser, ctx: &Ctx) -> Option<Scope> {
    let may = |own_org, own_sector| {
        authoriser.allows(
            ctx.hat,
            Action::IntakeRead,
            Standing { own_org, own_sector, own_request: false },
        )
    };
    if may(false, false) {
        return Some(Scope::All);
    }
    if let Some(sector) = ctx.sector.as_ref().filter(|_| may(false, true)) {
        return Some(Scope::Sector(sector.clone()));
    }
    may(true, false).then(|| Scope::Own(ctx.org.clone()))
}

/// One report as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its identifier.
    pub report: ReportId,
    /// The operator.
    pub org: OrgId,
    /// The operator's names.
    pub org_names: (String, String),
    /// Its sector.
    pub sector: String,
    /// Where it stands.
    pub state: State,
    /// Stages filed so far.
    pub version: u64,
    /// When the operator became aware, as corrected last.
    pub aware_at: Timestamp,
    /// First and last moment of what happened.
    pub occurred: (Option<Timestamp>, Option<Timestamp>),
    /// The damage.
    pub damage: DamageKind,
    /// K-classes of the computers named.
    pub classes: Vec<String>,
    /// First line of the outline.
    pub outline: String,
    /// The first filing.
    pub filed_at: Timestamp,
    /// The final filing.
    pub final_at: Option<Timestamp>,
    /// When the final report is due.
    pub due: Option<Due>,
}

/// When the final report is due: both dates, and the instant at which the later one is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The last day as the period is counted.
    pub statutory: Date,
    /// The last day when holidays of administrative organs are passed over.
    pub shifted: Date,
    /// The instant at which the shifted day is over.
    pub over_at: Timestamp,
}

impl Due {
    /// The last moment in time, which is what people are shown: 23:59 of the day and not 0:00 of the next.
    pub fn last(&self) -> Timestamp {
        self.over_at - jiff::SignedDuration::from_secs(1)
    }
}

impl Summary {
    /// Whether the final report is late: computed from the data whenever it is read, no timer is involved.
    pub fn overdue(&self, now: Timestamp) -> bool {
        self.open_due().is_some_and(|due| due.over_at <= now)
    }

    /// What is still owed.
    pub fn open_due(&self) -> Option<&Due> {
        self.due.as_ref().filter(|_| self.state == State::InitialFiled)
    }
}

const SUMMARY: &str = "SELECT r.report, r.org, o.name_ja, o.name_en, r.sector, r.state, r.version, r.aware_at, \
    r.occurred_from, r.occurred_to, r.damage_kind, r.classes, r.outline, r.filed_at, r.final_at, \
    r.due_statutory, r.due_shifted, r.due_over_at \
    FROM intake_report r JOIN office_org o ON o.org = r.org";

fn summary(row: &Row<'_, '_>) -> Result<Summary, StoreFailure> {
    let due = match (row.text_or_none(15)?, row.text_or_none(16)?, row.time_or_none(17)?) {
        (Some(statutory), Some(shifted), Some(over_at)) => {
            Some(Due { statutory: day(&statutory)?, shifted: day(&shifted)?, over_at })
        }
        _ => None,
    };
    Ok(Summary {
        report: report_at(row, 0)?,
        org: org_at(row, 1)?,
        org_names: (row.text(2)?, row.text(3)?),
        sector: row.text(4)?,
        state: word(&row.text(5)?, State::parse)?,
        version: row.count(6)?,
        aware_at: row.time(7)?,
        occurred: (row.time_or_none(8)?, row.time_or_none(9)?),
        damage: word(&row.text(10)?, DamageKind::parse)?,
        classes: row
            .text(11)?
            .split(',')
            .filter(|class| !class.is_empty())
            .map(str::to_owned)
            .collect(),
        outline: row.text(12)?,
        filed_at: row.time(13)?,
        final_at: row.time_or_none(14)?,
        due,
    })
}

fn day(text: &str) -> Result<Date, StoreFailure> {
    text.parse().map_err(|_| StoreFailure::Damaged(format!("`{text}` is no day")))
}

fn word<T>(text: &str, parse: fn(&str) -> Option<T>) -> Result<T, StoreFailure> {
    parse(text).ok_or_else(|| StoreFailure::Damaged(format!("`{text}` is no known word")))
}

fn report_at(row: &Row<'_, '_>, at: usize) -> Result<ReportId, StoreFailure> {
    word(&row.text(at)?, ReportId::parse)
}

fn org_at(row: &Row<'_, '_>, at: usize) -> Result<OrgId, StoreFailure> {
    word(&row.text(at)?, OrgId::parse)
}

/// What a list shows of the reports in scope.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One sector.
    pub sector: Option<String>,
    /// One state.
    pub state: Option<State>,
    /// Only those whose final report is late.
    pub overdue: bool,
    /// Reports after this one in the list's order.
    pub after: Option<ReportId>,
    /// At most so many.
    pub limit: u32,
}

/// Reports in scope, newest first, and whether there are more after them.
pub fn list(
    reader: &Reader<'_>,
    scope: &Scope,
    filter: &Filter,
    now: Timestamp,
) -> Result<(Vec<Summary>, bool), StoreFailure> {
    let (org, sector) = match scope {
        Scope::All => (Value::Null, Value::Null),
        Scope::Sector(sector) => (Value::Null, Value::from(sector)),
        Scope::Own(org) => (Value::from(org), Value::Null),
    };
    let sql = format!(
        "{SUMMARY} WHERE ($1 IS NULL OR r.org = $1) AND ($2 IS NULL OR r.sector = $2) \
         AND ($3 IS NULL OR r.sector = $3) AND ($4 IS NULL OR r.state = $4) \
         AND ($5 = 0 OR (r.state = 'initial-filed' AND r.due_over_at <= $6)) \
         AND ($7 IS NULL OR r.report < $7) ORDER BY r.report DESC LIMIT $8"
    );
    let params = [
        org,
        sector,
        Value::from(filter.sector.clone()),
        Value::from(filter.state.map(State::id)),
        Value::from(filter.overdue),
        Value::from(now),
        filter.after.as_ref().map_or(Value::Null, Value::from),
        Value::Int(i64::from(filter.limit) + 1),
    ];
    let mut found = reader.all(&sql, &params, summary)?;
    let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    Ok((found, more))
}

/// What stands in scope, for the figures above a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// All reports.
    pub all: u64,
    /// Those that still owe a final one.
    pub open: u64,
    /// Those that owe it too late.
    pub overdue: u64,
}

/// Counts the reports in scope.
pub fn counts(reader: &Reader<'_>, scope: &Scope, now: Timestamp) -> Result<Counts, StoreFailure> {
    let (org, sector) = match scope {
        Scope::All => (Value::Null, Value::Null),
        Scope::Sector(sector) => (Value::Null, Value::from(sector)),
        Scope::Own(org) => (Value::from(org), Value::Null),
    };
    let counts = reader.first(
        "SELECT count(*), coalesce(sum(CASE WHEN state = 'initial-filed' THEN 1 ELSE 0 END), 0), \
         coalesce(sum(CASE WHEN state = 'initial-filed' AND due_over_at <= $3 THEN 1 ELSE 0 END), 0) \
         FROM intake_report WHERE ($1 IS NULL OR org = $1) AND ($2 IS NULL OR sector = $2)",
        &[org, sector, Value::from(now)],
        |row| Ok(Counts { all: row.count(0)?, open: row.count(1)?, overdue: row.count(2)? }),
    )?;
    Ok(counts.unwrap_or_default())
}

/// The sectors that have reports.
pub fn sectors(reader: &Reader<'_>) -> Result<Vec<String>, StoreFailure> {
    reader.all("SELECT DISTINCT sector FROM intake_report ORDER BY sector", &[], |row| row.text(0))
}

/// One report, or `None` when there is none or this hat may not see it; the two cannot be told apart.
pub fn find(
    reader: &Reader<'_>,
    authoriser: &Authoriser,
    ctx: &Ctx,
    report: &ReportId,
) -> Result<Option<Summary>, StoreFailure> {
    let found =
        reader.first(&format!("{SUMMARY} WHERE r.report = $1"), &[Value::from(report)], summary)?;
    Ok(found.filter(|found| {
        let on = On { owner: Some(&found.org), sector: Some(&found.sector), requester: None };
        authoriser.check(ctx, Action::IntakeRead, on).is_ok()
    }))
}

/// One filed stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Number within the report, from 1.
    pub sequence: u64,
    /// Which stage.
    pub stage: Stage,
    /// The receipt's number.
    pub number: String,
    /// SHA-256 of the snapshot, in hexadecimal.
    pub digest: String,
    /// What was filed: RFC 8785 text.
    pub snapshot: String,
    /// Its leaf in the log.
    pub position: u64,
    /// When it was filed.
    pub at: Timestamp,
}

impl Filed {
    /// What the operator said.
    pub fn body(&self) -> Result<Body, StoreFailure> {
        #[derive(serde::Deserialize)]
        struct Snapshot {
            content: Body,
        }
        let read: Result<Snapshot, _> = serde_json::from_str(&self.snapshot);
        read.map(|snapshot| snapshot.content).map_err(|problem| {
            StoreFailure::Damaged(format!("the snapshot of `{}`: {problem}", self.number))
        })
    }

    /// Codes and places of the remarks kept with it.
    pub fn notes(&self) -> Vec<Note> {
        #[derive(serde::Deserialize)]
        struct Snapshot {
            notes: Vec<Note>,
        }
        let read: Result<Snapshot, _> = serde_json::from_str(&self.snapshot);
        read.map(|snapshot| snapshot.notes).unwrap_or_default()
    }
}

/// A remark kept with a filed stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct Note {
    /// Stable code.
    pub code: String,
    /// JSON pointer into the content.
    pub pointer: String,
}

/// Every filed stage, first to last.
pub fn stages(reader: &Reader<'_>, report: &ReportId) -> Result<Vec<Filed>, StoreFailure> {
    reader.all(
        "SELECT s.sequence, s.stage, s.number, s.digest, s.snapshot, s.position, a.at \
         FROM intake_stage s JOIN office_audit a ON a.position = s.position WHERE s.report = $1 ORDER BY s.sequence",
        &[Value::from(report)],
        |row| {
            Ok(Filed {
                sequence: row.count(0)?,
                stage: word(&row.text(1)?, Stage::parse)?,
                number: row.text(2)?,
                digest: row.text(3)?,
                snapshot: row.text(4)?,
                position: row.count(5)?,
                at: row.time(6)?,
            })
        },
    )
}

/// When an operator became aware, as first said or as corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awareness {
    /// Number within the report, from 1.
    pub sequence: u64,
    /// The rules it belongs to.
    pub regime: String,
    /// The instant.
    pub aware_at: Timestamp,
    /// What made the operator aware.
    pub trigger: String,
    /// Why it was corrected; empty for the first.
    pub reason: String,
    /// When this was said.
    pub at: Timestamp,
    /// Its leaf in the log.
    pub position: u64,
}

/// Every word on the awareness, first to last.
pub fn awareness(reader: &Reader<'_>, report: &ReportId) -> Result<Vec<Awareness>, StoreFailure> {
    reader.all(
        "SELECT w.sequence, w.regime, w.aware_at, w.trigger_text, w.reason, a.at, w.position \
         FROM intake_awareness w JOIN office_audit a ON a.position = w.position WHERE w.report = $1 ORDER BY w.sequence",
        &[Value::from(report)],
        |row| {
            Ok(Awareness {
                sequence: row.count(0)?,
                regime: row.text(1)?,
                aware_at: row.time(2)?,
                trigger: row.text(3)?,
                reason: row.text(4)?,
                at: row.time(5)?,
                position: row.count(6)?,
            })
        },
    )
}

/// What is owed and by which version of which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Obligation {
    /// Which clock, e.g. `jp.act.final`.
    pub clock: String,
    /// The awareness it runs from.
    pub sequence: u64,
    /// The pack of rules it was counted with.
    pub pack: String,
    /// Version of the pack.
    pub pack_version: String,
    /// SHA-256 of the pack.
    pub pack_digest: String,
    /// The clauses.
    pub source: String,
    /// The last day as the period is counted; absent where the law says "promptly".
    pub statutory: Option<String>,
    /// The last day when holidays are passed over.
    pub shifted: Option<String>,
    /// Whether the shifted day rests on a holiday not announced yet.
    pub provisional: bool,
    /// Guidance for "promptly", from and to; without legal effect.
    pub guidance: Option<(String, String)>,
    /// The leaf of the filing that met it.
    pub met: Option<u64>,
}

/// Everything owed, latest awareness last.
pub fn obligations(
    reader: &Reader<'_>,
    report: &ReportId,
) -> Result<Vec<Obligation>, StoreFailure> {
    reader.all(
        "SELECT clock, sequence, pack, pack_version, pack_digest, source, statutory, shifted, provisional, \
         guidance_from, guidance_to, met_position FROM intake_obligation WHERE report = $1 \
         ORDER BY sequence, clock DESC",
        &[Value::from(report)],
        |row| {
            Ok(Obligation {
                clock: row.text(0)?,
                sequence: row.count(1)?,
                pack: row.text(2)?,
                pack_version: row.text(3)?,
                pack_digest: row.text(4)?,
                source: row.text(5)?,
                statutory: row.text_or_none(6)?,
                shifted: row.text_or_none(7)?,
                provisional: row.truth(8)?,
                guidance: row.text_or_none(9)?.zip(row.text_or_none(10)?),
                met: row.int_or_none(11)?.and_then(|at| u64::try_from(at).ok()),
            })
        },
    )
}

/// One reading by a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The hat worn.
    pub hat: String,
    /// The organisation's names.
    pub org_names: (String, String),
    /// The leaf of the access.
    pub position: u64,
}

/// Most readings shown of one report; the log has all.
const SEEN_MAX: i64 = 100;

/// Who has read a report, latest first: hats and organisations, not persons.
pub fn seen_by(reader: &Reader<'_>, report: &ReportId) -> Result<Vec<Seen>, StoreFailure> {
    reader.all(
        "SELECT v.at, v.hat, o.name_ja, o.name_en, v.position FROM intake_view v \
         JOIN office_org o ON o.org = v.org WHERE v.report = $1 ORDER BY v.position DESC LIMIT $2",
        &[Value::from(report), Value::Int(SEEN_MAX)],
        |row| {
            Ok(Seen {
                at: row.time(0)?,
                hat: row.text(1)?,
                org_names: (row.text(2)?, row.text(3)?),
                position: row.count(4)?,
            })
        },
    )
}

/// Reminders recorded for the organisation's reports that still owe a final one.
pub fn reminders(
    reader: &Reader<'_>,
    org: &OrgId,
) -> Result<Vec<(ReportId, String)>, StoreFailure> {
    reader.all(
        "SELECT m.report, m.kind FROM intake_reminder m JOIN intake_report r ON r.report = m.report \
         WHERE r.org = $1 AND r.state = 'initial-filed' ORDER BY m.at DESC LIMIT 20",
        &[Value::from(org)],
        |row| Ok((report_at(row, 0)?, row.text(1)?)),
    )
}

/// A report as correlation needs it: facts without words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationItem {
    /// The report.
    pub report: ReportId,
    /// The operator.
    pub org: OrgId,
    /// Its sector.
    pub sector: String,
    /// When it happened, or when the operator became aware where that is not known.
    pub at: Timestamp,
    /// When the operator became aware.
    pub aware_at: Timestamp,
    /// What was recognised among its indicators.
    pub observables: BTreeSet<Observable>,
    /// The damage.
    pub damage: DamageKind,
    /// Minutes the service stood still.
    pub stop_minutes: Option<u64>,
    /// Persons affected.
    pub persons: Option<u64>,
    /// Loss in yen.
    pub loss_yen: Option<u64>,
}

/// Every report as correlation and the picture need it, oldest first. For those who may read all reports: the caller
/// checks (`analyse.picture`, `analyse.case`).
pub fn correlation_items(reader: &Reader<'_>) -> Result<Vec<CorrelationItem>, StoreFailure> {
    let mut observables: BTreeMap<String, BTreeSet<Observable>> = BTreeMap::new();
    let rows =
        reader.all("SELECT report, value FROM intake_observable ORDER BY report", &[], |row| {
            Ok((row.text(0)?, row.text(1)?))
        })?;
    for (report, value) in rows {
        observables.entry(report).or_default().extend(Observable::parse(&value).ok());
    }
    let count = |row: &Row<'_, '_>, at| {
        Ok::<_, StoreFailure>(row.int_or_none(at)?.and_then(|n| u64::try_from(n).ok()))
    };
    reader.all(
        "SELECT report, org, sector, coalesce(occurred_from, aware_at), aware_at, damage_kind, stop_minutes, persons, \
         loss_yen FROM intake_report ORDER BY report",
        &[],
        |row| {
            let report = report_at(row, 0)?;
            Ok(CorrelationItem {
                observables: observables.remove(report.as_str()).unwrap_or_default(),
                report,
                org: org_at(row, 1)?,
                sector: row.text(2)?,
                at: row.time(3)?,
                aware_at: row.time(4)?,
                damage: word(&row.text(5)?, DamageKind::parse)?,
                stop_minutes: count(row, 6)?,
                persons: count(row, 7)?,
                loss_yen: count(row, 8)?,
            })
        },
    )
}

/// One cell of the damage table: a sector, a kind of damage, a day in Japan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PictureCell {
    /// Reports.
    pub reports: u64,
    /// Minutes services stood still.
    pub stop_minutes: u64,
    /// Persons affected.
    pub persons: u64,
    /// Loss in yen.
    pub loss_yen: u64,
}

/// The damage by sector, kind and day (of the occurrence, else of the awareness), counted from the reports.
pub fn picture_rows(
    reader: &Reader<'_>,
) -> Result<BTreeMap<(String, &'static str, Date), PictureCell>, StoreFailure> {
    let mut cells: BTreeMap<_, PictureCell> = BTreeMap::new();
    for item in correlation_items(reader)? {
        let day = noroshi_charter::calendar::civil_day(item.at);
        let cell = cells.entry((item.sector, item.damage.id(), day)).or_default();
        cell.reports += 1;
        cell.stop_minutes += item.stop_minutes.unwrap_or(0);
        cell.persons += item.persons.unwrap_or(0);
        cell.loss_yen = cell.loss_yen.saturating_add(item.loss_yen.unwrap_or(0));
    }
    Ok(cells)
}
