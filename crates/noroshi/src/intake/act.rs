//! What intake changes: drafts, filings, corrections of the awareness, and the record of who has read.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use noroshi_charter::calendar::Calendar;
use noroshi_charter::clock::{Begin, Deadline, Due, Pack};
use noroshi_charter::report::{self, Stage, State};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::{Fact, Stage as LeafStage};
use serde_json::json;
use uuid::Uuid;

use super::content::{Body, Content, moment, understand};
use super::draft::{Draft, Fields};
use super::graph::{self, Ids};
use super::read::{self, Filed, Note, Summary};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::clock::stamp;
use crate::office::commit::{Change, CommitFailure, Committed, Idempotency, Job, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{ReportId, fill_random};
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// The rules reports are filed under.
pub const REGIME: &str = "jp.act";
/// The clocks that an awareness starts (Order art. 4(2)).
const CLOCKS: [&str; 2] = ["jp.act.initial", "jp.act.final"];
/// Characters of the outline that lists show.
const HEADLINE_CHARS_MAX: usize = 80;
/// Characters a reason may have.
const REASON_CHARS_MAX: usize = 2_000;
/// When the officer is reminded, before the final report is late.
const REMINDERS: [(&str, SignedDuration); 3] = [
    ("week", SignedDuration::from_hours(7 * 24)),
    ("day", SignedDuration::from_hours(24)),
    ("over", SignedDuration::ZERO),
];

/// A report to file.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What it says.
    pub body: Body,
    /// The draft it was written in, which ends with it.
    pub draft: Option<ReportId>,
    /// The caller's key for repeats.
    pub once: Option<Idempotency>,
}

/// What the operator gets for a filed stage.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The report.
    pub report: ReportId,
    /// The filed stage.
    pub filed: Filed,
    /// When the final report is due; absent when no clock ran.
    pub due: Option<read::Due>,
}

fn wrong(items: Vec<Item>) -> Failure {
    Refusal::new("NRS-INTK-0001", StatusCode::UNPROCESSABLE_ENTITY).items(items).into()
}

fn wrong_at(pointer: &str, code: &str) -> Failure {
    wrong(vec![Item { pointer: pointer.to_owned(), code: code.to_owned(), args: Vec::new() }])
}

fn own(ctx: &Ctx) -> On<'_> {
    On { owner: Some(&ctx.org), sector: ctx.sector.as_deref(), requester: None }
}

/// Files a new report: initial, or final at once.
pub async fn file(house: &Arc<House>, ctx: &Ctx, submission: Submission) -> Answer<Receipt> {
    house.authoriser.check(ctx, Action::IntakeFile, own(ctx))?;
    let mut content = understand(&submission.body, ctx.now).map_err(wrong)?;
    let state =
        report::next(None, content.stage).ok_or_else(|| wrong_at("/stage", "NRS-INTK-0028"))?;
    if content.stage == Stage::Final {
        content.notes.push(note(report::NO_INITIAL, "/stage"));
    }
    let id = submission.draft.clone().unwrap_or_else(|| ReportId::fresh(ctx.now));
    let made = Made::new(ctx, &id, 1, content, Ids::fresh())?;
    let mut change =
        made.change().write(insert_report(ctx, &made, state)).write(insert_stage(&made));
    for write in first_awareness(&made) {
        change = change.write(write);
    }
    change = with_graph(change, &made, ctx, ctx.now)?;
    change = with_reminders(change, &made.id, 1, made.due.as_ref(), ctx.now);
    finish(house, ctx, with_draft(change, ctx, submission.draft.as_ref()).once(submission.once))
        .await
}

/// Files a further stage of a report: a supplement, the final report, or a correction of it.
pub async fn add_stage(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &ReportId,
    submission: Submission,
) -> Answer<Receipt> {
    let (found, ids) = own_report(house, ctx, id).await?;
    let mut body = submission.body;
    let aware_now = stamp(found.aware_at);
    match body.aware_at.as_deref().filter(|text| !text.trim().is_empty()).map(moment) {
        // The awareness stands once it is said: a correction has its own way, with a reason.
        Some(Some(at)) if stamp(at) != aware_now => {
            return Err(wrong_at("/aware_at", "NRS-INTK-0029"));
        }
        Some(_) => {}
        None => body.aware_at = Some(aware_now),
    }
    let content = understand(&body, ctx.now).map_err(wrong)?;
    let state = report::next(Some(found.state), content.stage)
        .ok_or_else(|| wrong_at("/stage", "NRS-INTK-0028"))?;
    let made = Made::new(ctx, id, found.version + 1, content, ids)?;
    let mut change = made
        .change()
        .write(update_report(&made, &found, state, ctx.now))
        .write(insert_stage(&made));
    if made.content.stage == Stage::Final {
        change = change.write(Write::new(
            "UPDATE intake_obligation SET met_position = (SELECT coalesce(max(position), -1) + 1 FROM office_leaf) \
             WHERE report = $1 AND clock = 'jp.act.final' AND met_position IS NULL",
            vec![Value::from(id)],
        ));
    }
    change = with_graph(change, &made, ctx, found.filed_at)?;
    finish(house, ctx, with_draft(change, ctx, submission.draft.as_ref()).once(submission.once))
        .await
}

/// Corrects when the operator became aware: appended with its reason, never overwritten; the clock is counted anew.
pub async fn correct_awareness(
    house: &Arc<House>,
    ctx: &Ctx,
    id: &ReportId,
    aware_at: Option<Timestamp>,
    reason: &str,
) -> Answer<Committed> {
    let (found, _) = own_report(house, ctx, id).await?;
    let aware_at = aware_at.ok_or_else(|| wrong_at("/aware_at", "NRS-INTK-0010"))?;
    let (from, reason) = (found.occurred.0, reason.trim());
    if aware_at > ctx.now {
        return Err(wrong_at("/aware_at", "NRS-INTK-0011"));
    }
    if from.is_some_and(|from| aware_at < from) {
        return Err(wrong_at("/aware_at", "NRS-INTK-0012"));
    }
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(wrong_at("/reason", "NRS-INTK-0031"));
    }
    let known = id.clone();
    let before = house.store.read(move |reader| read::awareness(reader, &known)).await?;
    let sequence = before.last().map_or(1, |last| last.sequence + 1);
    let due = final_due(aware_at);
    let mut change = Change::office("intake.awareness", id.as_str())
        .payload(json!({ "aware_at": stamp(aware_at), "reason": reason, "sequence": sequence }))
        .write(Write::one(
            "UPDATE intake_report SET aware_at = $2, due_statutory = $3, due_shifted = $4, due_over_at = $5 \
             WHERE report = $1 AND aware_at = $6",
            vec![
                Value::from(id),
                Value::from(aware_at),
                Value::from(due.as_ref().map(|due| due.statutory.to_string())),
                Value::from(due.as_ref().map(|due| due.shifted.to_string())),
                Value::from(due.as_ref().map(|due| due.over_at)),
                Value::from(found.aware_at),
            ],
        ))
        .write(insert_awareness(id, sequence, aware_at, "", reason));
    for write in insert_obligations(id, sequence, aware_at, &met_after(found.state)) {
        change = change.write(write);
    }
    change = with_reminders(change, id, sequence, due.as_ref(), ctx.now);
    Ok(house.door.commit(ctx, change).await?)
}

/// Records that a desk has read a report. The operator's own reading is not recorded.
pub async fn view(house: &Arc<House>, ctx: &Ctx, found: &Summary) -> Answer<()> {
    if found.org == ctx.org {
        return Ok(());
    }
    let subject = found.report.to_string();
    let fact =
        Fact::AccessView { subject: subject.clone(), purpose: Action::IntakeRead.id().to_owned() };
    let change = Change::new("intake.view", subject, fact).write(Write::one(
        "INSERT INTO intake_view (position, report, person, org, hat, at) \
         VALUES ((SELECT coalesce(max(position), -1) + 1 FROM office_leaf), $1, $2, $3, $4, $5)",
        vec![
            Value::from(&found.report),
            Value::from(&ctx.person),
            Value::from(&ctx.org),
            Value::from(ctx.hat.id()),
            Value::from(ctx.now),
        ],
    ));
    house.door.commit(ctx, change).await?;
    Ok(())
}

/// Begins a draft; `report` names the report a later stage belongs to.
pub async fn begin_draft(
    house: &Arc<House>,
    ctx: &Ctx,
    stage: Stage,
    report: Option<ReportId>,
    fields: Fields,
) -> Answer<Draft> {
    house.authoriser.check(ctx, Action::IntakeDraft, own(ctx))?;
    if let Some(report) = &report {
        let (found, _) = own_report(house, ctx, report).await?;
        report::next(Some(found.state), stage)
            .ok_or_else(|| wrong_at("/stage", "NRS-INTK-0028"))?;
    } else if stage == Stage::Supplement {
        return Err(wrong_at("/stage", "NRS-INTK-0028"));
    }
    let draft = ReportId::fresh(ctx.now);
    let change = draft_change("intake.draft.begin", &draft).write(Write::one(
        "INSERT INTO intake_draft (draft, org, person, stage, report, fields, version, state, created_at, saved_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, 'open', $7, $7)",
        vec![
            Value::from(&draft),
            Value::from(&ctx.org),
            Value::from(&ctx.person),
            Value::from(stage.id()),
            report.as_ref().map_or(Value::Null, Value::from),
            Value::from(json!(fields).to_string()),
            Value::from(ctx.now),
        ],
    ));
    house.door.commit(ctx, change).await?;
    Ok(Draft { draft, stage, report, fields, version: 1, saved_at: ctx.now })
}

/// Saves a draft as typed; `draft.version` is the save it follows.
pub async fn save_draft(house: &Arc<House>, ctx: &Ctx, draft: &Draft) -> Answer<u64> {
    house.authoriser.check(ctx, Action::IntakeDraft, own(ctx))?;
    let change = draft_change("intake.draft.save", &draft.draft).write(Write::one(
        "UPDATE intake_draft SET fields = $3, person = $4, saved_at = $5, version = version + 1 \
         WHERE draft = $1 AND org = $2 AND state = 'open' AND version = $6",
        vec![
            Value::from(&draft.draft),
            Value::from(&ctx.org),
            Value::from(json!(draft.fields).to_string()),
            Value::from(&ctx.person),
            Value::from(ctx.now),
            Value::from(draft.version),
        ],
    ));
    house.door.commit(ctx, change).await?;
    Ok(draft.version + 1)
}

/// Puts a draft away.
pub async fn discard_draft(house: &Arc<House>, ctx: &Ctx, draft: &ReportId) -> Answer<()> {
    house.authoriser.check(ctx, Action::IntakeDraft, own(ctx))?;
    let change = draft_change("intake.draft.discard", draft).write(Write::one(
        "UPDATE intake_draft SET state = 'discarded', saved_at = $3 WHERE draft = $1 AND org = $2 AND state = 'open'",
        vec![Value::from(draft), Value::from(&ctx.org), Value::from(ctx.now)],
    ));
    house.door.commit(ctx, change).await?;
    Ok(())
}

fn draft_change(command: &'static str, draft: &ReportId) -> Change {
    Change::new(command, draft.as_str(), Fact::IntakeDraft { report: draft.to_string() })
}

fn with_draft(change: Change, ctx: &Ctx, draft: Option<&ReportId>) -> Change {
    let Some(draft) = draft else { return change };
    change.write(Write::one(
        "UPDATE intake_draft SET state = 'filed', saved_at = $3 WHERE draft = $1 AND org = $2 AND state = 'open'",
        vec![Value::from(draft), Value::from(&ctx.org), Value::from(ctx.now)],
    ))
}

/// A report this officer may file for; others get the answer of one that does not exist.
async fn own_report(house: &Arc<House>, ctx: &Ctx, id: &ReportId) -> Answer<(Summary, Ids)> {
    let (at, who, report) = (Arc::clone(house), ctx.clone(), id.clone());
    let found = house
        .store
        .read(move |reader| {
            let Some(found) = read::find(reader, &at.authoriser, &who, &report)? else {
                return Ok(None);
            };
            let ids = reader.first(
                "SELECT incident, indicator, relation FROM intake_report WHERE report = $1",
                &[Value::from(&report)],
                |row| {
                    let uuid = |text: String| Uuid::parse_str(&text).unwrap_or_default();
                    let (incident, indicator, relation) =
                        (row.text(0)?, row.text(1)?, row.text(2)?);
                    Ok(Ids {
                        incident: uuid(incident),
                        indicator: uuid(indicator),
                        relation: uuid(relation),
                    })
                },
            )?;
            Ok(ids.map(|ids| (found, ids)))
        })
        .await?;
    let (found, ids) = found.ok_or_else(Refusal::absent)?;
    let on = On { owner: Some(&found.org), sector: Some(&found.sector), requester: None };
    house.authoriser.check(ctx, Action::IntakeFile, on)?;
    Ok((found, ids))
}

async fn finish(house: &Arc<House>, ctx: &Ctx, change: Change) -> Answer<Receipt> {
    let subject = change.subject.clone();
    let (subject, position) = match house.door.commit(ctx, change).await {
        Ok(made) => (subject, made.position),
        Err(CommitFailure::Repeated { subject, position, same_request: true }) => {
            (subject, position)
        }
        Err(problem) => return Err(problem.into()),
    };
    let report = ReportId::parse(&subject).ok_or_else(Refusal::absent)?;
    let (at, who, id) = (Arc::clone(house), ctx.clone(), report.clone());
    let found = house
        .store
        .read(move |reader| {
            let due = read::find(reader, &at.authoriser, &who, &id)?.and_then(|found| found.due);
            let stages = read::stages(reader, &id)?;
            Ok(stages
                .into_iter()
                .find(|stage| stage.position == position)
                .map(|stage| (stage, due)))
        })
        .await?;
    let (filed, due) = found.ok_or_else(Refusal::absent)?;
    Ok(Receipt { report, filed, due })
}

/// A stage ready to be written: its snapshot, its digest, its number.
struct Made {
    id: ReportId,
    sequence: u64,
    number: String,
    snapshot: String,
    digest: Digest,
    content: Content,
    ids: Ids,
    sector: String,
    due: Option<read::Due>,
}

impl Made {
    fn new(ctx: &Ctx, id: &ReportId, sequence: u64, content: Content, ids: Ids) -> Answer<Self> {
        let number = fresh_number(ctx.now);
        let sector = ctx.sector.clone().unwrap_or_default();
        let notes: Vec<Note> = content
            .notes
            .iter()
            .map(|note| Note { code: note.code.to_owned(), pointer: note.pointer.clone() })
            .collect();
        let pack = Pack::japan().name();
        let snapshot = json!({
            "v": 1, "report": id.as_str(), "number": number, "sequence": sequence, "regime": REGIME,
            "stage": content.stage.id(), "org": ctx.org.as_str(), "sector": sector, "notes": notes,
            "rules": { "id": pack.id, "version": pack.version, "digest": pack.digest },
            "content": content.body,
        });
        let snapshot = serde_json_canonicalizer::to_string(&snapshot)
            .map_err(|p| Failure::Broken(Box::new(p)))?;
        let digest = Digest::of(snapshot.as_bytes());
        let due = final_due(content.aware_at);
        Ok(Self { id: id.clone(), sequence, number, snapshot, digest, content, ids, sector, due })
    }

    fn change(&self) -> Change {
        let stage = match self.content.stage {
            Stage::Initial => LeafStage::Initial,
            Stage::Supplement => LeafStage::Supplement,
            Stage::Final => LeafStage::Final,
        };
        let fact = Fact::IntakeReport {
            report: self.id.to_string(),
            receipt: self.number.clone(),
            stage,
            digest: self.digest,
        };
        Change::new("intake.file", self.id.as_str(), fact).payload(json!({
            "number": self.number, "stage": self.content.stage.id(), "sequence": self.sequence,
            "digest": self.digest.to_string(),
        }))
    }
}

fn note(code: &'static str, pointer: &str) -> report::Finding {
    report::Finding { code, item: 1, pointer: pointer.to_owned(), weight: report::Weight::Notes }
}

/// A number that can be read over the telephone: the day, and eight letters without those that look alike.
fn fresh_number(now: Timestamp) -> String {
    const LETTERS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H',
        'J', 'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    let mut random = [0u8; 8];
    fill_random(&mut random);
    let letters: String = random
        .iter()
        .enumerate()
        .flat_map(|(at, byte)| {
            let letter = LETTERS.get(usize::from(byte % 32)).copied();
            (at == 4).then_some('-').into_iter().chain(letter)
        })
        .collect();
    format!("R{}-{letters}", noroshi_charter::calendar::civil_day(now).strftime("%Y%m%d"))
}

/// When the final report is due; `None` when no clock was in force on the day of awareness.
pub(super) fn final_due(aware_at: Timestamp) -> Option<read::Due> {
    let due = clock("jp.act.final", aware_at)?;
    match due.deadline {
        Deadline::Day { statutory, shifted, .. } => {
            due.deadline.ends().map(|over_at| read::Due { statutory, shifted, over_at })
        }
        Deadline::Word { .. } | Deadline::Instant { .. } => None,
    }
}

fn clock(id: &str, aware_at: Timestamp) -> Option<Due> {
    Pack::japan().due(id, Begin::At(aware_at), Calendar::japan()).ok()
}

fn first_awareness(made: &Made) -> Vec<Write> {
    let aware_at = made.content.aware_at;
    let mut writes = vec![insert_awareness(&made.id, 1, aware_at, &made.content.body.trigger, "")];
    let state = report::next(None, made.content.stage).unwrap_or(State::InitialFiled);
    writes.extend(insert_obligations(&made.id, 1, aware_at, &met_after(state)));
    writes
}

/// Which clocks have been met in a state.
fn met_after(state: State) -> BTreeSet<&'static str> {
    match state {
        State::InitialFiled => BTreeSet::from(["jp.act.initial"]),
        State::FinalFiled => BTreeSet::from(CLOCKS),
    }
}

fn insert_awareness(
    id: &ReportId,
    sequence: u64,
    aware_at: Timestamp,
    trigger: &str,
    reason: &str,
) -> Write {
    Write::one(
        "INSERT INTO intake_awareness (report, sequence, regime, aware_at, trigger_text, reason, position) \
         VALUES ($1, $2, $3, $4, $5, $6, (SELECT coalesce(max(position), -1) + 1 FROM office_leaf))",
        vec![
            Value::from(id),
            Value::from(sequence),
            Value::from(REGIME),
            Value::from(aware_at),
            Value::from(trigger),
            Value::from(reason),
        ],
    )
}

fn insert_obligations(
    id: &ReportId,
    sequence: u64,
    aware_at: Timestamp,
    met: &BTreeSet<&str>,
) -> Vec<Write> {
    let write = |due: Due| {
        let (mut days, mut guidance, mut unsure) = ((None, None), (None, None), false);
        match due.deadline {
            Deadline::Day { statutory, shifted, provisional } => {
                (days, unsure) =
                    ((Some(statutory.to_string()), Some(shifted.to_string())), provisional);
            }
            Deadline::Word { guidance: Some((from, to, _)), .. } => {
                guidance = (Some(from.to_string()), Some(to.to_string()));
            }
            Deadline::Word { guidance: None, .. } | Deadline::Instant { .. } => {}
        }
        let met = met.contains(due.clock.as_str());
        Write::one(
            "INSERT INTO intake_obligation (report, clock, sequence, pack, pack_version, pack_digest, source, \
             statutory, shifted, provisional, guidance_from, guidance_to, met_position) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
             CASE WHEN $13 = 1 THEN (SELECT coalesce(max(position), -1) + 1 FROM office_leaf) END)",
            vec![
                Value::from(id),
                Value::from(due.clock),
                Value::from(sequence),
                Value::from(due.pack.id),
                Value::from(due.pack.version),
                Value::from(due.pack.digest.to_string()),
                Value::from(due.source),
                Value::from(days.0),
                Value::from(days.1),
                Value::from(unsure),
                Value::from(guidance.0),
                Value::from(guidance.1),
                Value::from(met),
            ],
        )
    };
    CLOCKS.iter().filter_map(|id| clock(id, aware_at)).map(write).collect()
}

fn insert_stage(made: &Made) -> Write {
    Write::one(
        "INSERT INTO intake_stage (report, sequence, stage, number, digest, snapshot, position) \
         VALUES ($1, $2, $3, $4, $5, $6, (SELECT coalesce(max(position), -1) + 1 FROM office_leaf))",
        vec![
            Value::from(&made.id),
            Value::from(made.sequence),
            Value::from(made.content.stage.id()),
            Value::from(&made.number),
            Value::from(made.digest.to_string()),
            Value::from(&made.snapshot),
        ],
    )
}

/// The columns of a report that each stage tells anew, `$2` to `$10`.
fn told(made: &Made) -> Vec<Value> {
    let Content { body, classes, .. } = &made.content;
    let classes: Vec<&str> = classes.iter().map(|class| class.id()).collect();
    let line = body.outline.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    vec![
        Value::from(made.content.occurred_from),
        Value::from(made.content.occurred_to),
        Value::from(made.content.damage.id()),
        Value::from(classes.join(",")),
        Value::from(line.chars().take(HEADLINE_CHARS_MAX).collect::<String>()),
        Value::from(body.impact.service_stop_minutes.map(i64::from)),
        Value::from(body.impact.persons_affected.map(i64::from)),
        Value::from(body.impact.loss_yen),
        Value::from(body.impact.personal_data),
    ]
}

fn insert_report(ctx: &Ctx, made: &Made, state: State) -> Write {
    let mut params = vec![Value::from(&made.id)];
    params.extend(told(made));
    params.extend([
        Value::from(&ctx.org),
        Value::from(&made.sector),
        Value::from(REGIME),
        Value::from(state.id()),
        Value::from(made.content.aware_at),
        Value::from(ctx.now),
        Value::from((state == State::FinalFiled).then_some(ctx.now)),
        Value::from(made.due.as_ref().map(|due| due.statutory.to_string())),
        Value::from(made.due.as_ref().map(|due| due.shifted.to_string())),
        Value::from(made.due.as_ref().map(|due| due.over_at)),
        Value::from(made.ids.incident.to_string()),
        Value::from(made.ids.indicator.to_string()),
        Value::from(made.ids.relation.to_string()),
    ]);
    Write::one(
        "INSERT INTO intake_report (report, occurred_from, occurred_to, damage_kind, classes, outline, stop_minutes, \
         persons, loss_yen, personal_data, org, sector, regime, state, aware_at, filed_at, final_at, due_statutory, \
         due_shifted, due_over_at, incident, indicator, relation, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         $23, 1)",
        params,
    )
}

fn update_report(made: &Made, found: &Summary, state: State, now: Timestamp) -> Write {
    let mut params = vec![Value::from(&made.id)];
    params.extend(told(made));
    let final_at = found.final_at.or((state == State::FinalFiled).then_some(now));
    params.extend([Value::from(state.id()), Value::from(final_at), Value::from(found.version)]);
    // INVARIANT: two stages filed at once cannot both be the next one.
    Write::one(
        "UPDATE intake_report SET occurred_from = $2, occurred_to = $3, damage_kind = $4, classes = $5, outline = $6, \
         stop_minutes = $7, persons = $8, loss_yen = $9, personal_data = $10, state = $11, final_at = $12, \
         version = version + 1 WHERE report = $1 AND version = $13",
        params,
    )
}

fn with_graph(mut change: Change, made: &Made, ctx: &Ctx, first: Timestamp) -> Answer<Change> {
    for observable in &made.content.observables {
        change = change.write(Write::new(
            "INSERT INTO intake_observable (report, kind, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            vec![
                Value::from(&made.id),
                Value::from(observable.stix_type()),
                Value::from(observable.to_string()),
            ],
        ));
    }
    let told = graph::Told {
        ids: &made.ids,
        name: &made.number,
        sector: &made.sector,
        damage: made.content.damage.id(),
        observables: &made.content.observables,
        seen_at: made.content.occurred_from.unwrap_or(made.content.aware_at),
        first,
        now: ctx.now,
    };
    let objects = graph::objects(&told).map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let writes = graph::writes(objects, ctx.org.as_str(), made.id.as_str(), ctx.now);
    Ok(writes.into_iter().fold(change, Change::write))
}

fn with_reminders(
    change: Change,
    id: &ReportId,
    sequence: u64,
    due: Option<&read::Due>,
    now: Timestamp,
) -> Change {
    let Some(due) = due else { return change };
    REMINDERS.iter().fold(change, |change, (kind, before)| {
        let due_at = due.over_at - *before;
        if due_at < now && *kind != "over" {
            return change;
        }
        change.job(Job {
            kind: super::jobs::REMIND,
            subject: id.to_string(),
            payload: json!({ "sequence": sequence, "kind": kind }),
            due_at,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_day_of_japan_and_no_letters_that_look_alike() {
        let number = fresh_number("2026-11-22T15:00:00Z".parse().unwrap());
        let (day, letters) = number.split_once('-').unwrap();
        assert_eq!(day, "R20261123");
        assert_eq!(letters.len(), 9);
        assert!(letters.chars().all(|letter| letter == '-' || letter.is_ascii_alphanumeric()));
        assert!(!letters.contains(['I', 'L', 'O', 'U']));
        assert_ne!(number, fresh_number("2026-11-22T15:00:00Z".parse().unwrap()));
    }

    #[test]
    fn the_final_report_is_due_as_the_vectors_say() {
        let check = |aware: &str, statutory: &str, shifted: &str| {
            let due = final_due(aware.parse().unwrap()).unwrap();
            assert_eq!(
                (due.statutory.to_string().as_str(), due.shifted.to_string().as_str()),
                (statutory, shifted)
            );
        };
        check("2026-11-26T03:00:00+09:00", "2026-12-26", "2026-12-28");
        check("2026-11-30T15:00:00Z", "2026-12-31", "2027-01-04");
        assert_eq!(final_due("2026-09-30T14:59:59Z".parse().unwrap()), None);
    }
}
