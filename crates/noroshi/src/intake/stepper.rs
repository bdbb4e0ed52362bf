//! The form in five steps. Each step saves what was typed, also what is wrong; a step forward asks for what it needs.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use jiff::Timestamp;
use noroshi_charter::report::Stage;

use super::act::{self, Submission};
use super::api::own_draft;
use super::content::{Body, indicators, understand};
use super::draft::{self, Draft, Fields, Step, body_of, computer, field_of};
use super::read;
use super::sections::{self, Section};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::ctx::Ctx;
use crate::office::id::ReportId;
use crate::office::store::Value;
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{self, Flash, Shell, StepState, Tone};
use crate::web::locale::Words;
use crate::web::page::{html, shell};
use crate::web::refusal::{Answer, Failure, Item, Refusal, say};
use crate::web::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "intake/step.html")]
struct StepPage {
    shell: Shell,
    step: &'static str,
    stage: &'static str,
    version: u64,
    /// Where the steps of this draft lie, with a slash at the end; empty while there is no draft.
    base: String,
    /// Where the form is sent.
    action: String,
    steps: Vec<layout::Step>,
    form: FormState,
    fixed_aware: Option<Timestamp>,
    events: Vec<Choice>,
    classes: Vec<Choice>,
    rows: Vec<Row>,
    row_count: usize,
    notified: Vec<Choice>,
    understood_title: String,
    understood: Vec<(&'static str, String)>,
    unread: Vec<String>,
    damages: Vec<Choice>,
    personal: Vec<Choice>,
    sections: Vec<Section>,
    missing: Vec<Missing>,
    remarks: Vec<String>,
    due_note: String,
}

/// One computer's fields.
struct Row {
    legend: String,
    class: String,
    name: String,
    registered: String,
}

/// Something that keeps the report from being filed, and where to put it right.
struct Missing {
    text: String,
    code: String,
    step: &'static str,
    field: String,
}

/// What the address of a step names.
pub(super) type Place = Path<(String, String)>;

/// A report not begun yet: nothing is written by looking at it.
pub(super) async fn new_report(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    let owner = On {
        owner: Some(&visitor.ctx.org),
        sector: visitor.ctx.sector.as_deref(),
        requester: None,
    };
    house.authoriser.check(&visitor.ctx, Action::IntakeDraft, owner)?;
    let fields = operator_fields(&visitor);
    let view = View {
        draft: None,
        fields: &fields,
        step: Step::What,
        stage: Stage::Initial,
        version: 0,
        fixed: None,
    };
    html(&page(&house, &visitor, &view, &[]))
}

/// The operator's name is known; the rest is asked.
fn operator_fields(visitor: &Visitor) -> Fields {
    let org = &visitor.session.held.org;
    Fields::from([("operator-name".to_owned(), org.name_ja.clone())])
}

/// The first step of a new report: begins the draft.
pub(super) async fn begin(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut fields = operator_fields(&posted.visitor);
    draft::take(&mut fields, Step::What, &posted.values);
    let draft = act::begin_draft(&house, &posted.visitor.ctx, Stage::Initial, None, fields).await?;
    go_on(&house, &posted, draft, Step::What).await
}

/// A step of a draft.
pub(super) async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path((id, step)): Place,
) -> Answer {
    let step = Step::parse(&step).ok_or_else(Refusal::absent)?;
    let draft = match own_draft(&house, &visitor.ctx, &id).await {
        Ok(draft) => draft,
        Err(absent) => {
            return filed_already(&house, &visitor.ctx, &id)
                .await?
                .ok_or(absent)
                .map(|address| to(&address));
        }
    };
    let fixed = fixed_awareness(&house, &visitor.ctx, &draft).await?;
    let view = View::of(&draft, step, fixed);
    let wrong =
        if step == Step::Review { Vec::new() } else { mistakes(&view, visitor.ctx.now, false) };
    html(&page(&house, &visitor, &view, &wrong))
}

/// What was typed on a step: saved first, judged afterwards.
pub(super) async fn save(
    State(house): State<Arc<House>>,
    Path((id, step)): Place,
    posted: Posted,
) -> Answer {
    let step = Step::parse(&step).ok_or_else(Refusal::absent)?;
    let ctx = &posted.visitor.ctx;
    let mut draft = match own_draft(&house, ctx, &id).await {
        Ok(draft) => draft,
        // The button was pressed twice: the first press filed it.
        Err(absent) => {
            return filed_already(&house, ctx, &id)
                .await?
                .ok_or(absent)
                .map(|address| to(&address));
        }
    };
    draft::take(&mut draft.fields, step, &posted.values);
    if posted.values.get("go") == "more" {
        let rows = (draft::rows(&draft.fields) + 1).to_string();
        draft.fields.insert("computer-rows".to_owned(), rows);
    }
    let follows = posted.values.get("version").parse::<u64>().unwrap_or(draft.version);
    if follows != draft.version {
        let fixed = fixed_awareness(&house, ctx, &draft).await?;
        let view = View::of(&draft, step, fixed);
        let mut page = page(&house, &posted.visitor, &view, &[]);
        let text = page.shell.t("intake-saved-meanwhile");
        page.shell.flash = Some(Flash { tone: Tone::Warn, text, code: "NRS-HOUS-0002".to_owned() });
        return Ok((StatusCode::CONFLICT, html(&page)?).into_response());
    }
    draft.version = act::save_draft(&house, ctx, &draft).await?;
    go_on(&house, &posted, draft, step).await
}

fn to(address: &str) -> axum::response::Response {
    Redirect::to(address).into_response()
}

async fn go_on(house: &Arc<House>, posted: &Posted, draft: Draft, step: Step) -> Answer {
    let (visitor, values) = (&posted.visitor, &posted.values);
    let fixed = fixed_awareness(house, &visitor.ctx, &draft).await?;
    let view = View::of(&draft, step, fixed);
    let here = |step: Step| format!("/intake/drafts/{}/{}", draft.draft, step.id());
    match values.get("go") {
        "save" => Ok(to("/intake?saved=1")),
        "back" => Ok(to(&here(step.before()))),
        "more" | "check" => Ok(to(&here(step))),
        "file" if step == Step::Review => file(house, visitor, &draft, &view).await,
        _ => {
            let wrong = mistakes(&view, visitor.ctx.now, true);
            if wrong.is_empty() {
                return Ok(to(&here(step.next())));
            }
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page(house, visitor, &view, &wrong))?)
                .into_response())
        }
    }
}

async fn file(house: &Arc<House>, visitor: &Visitor, draft: &Draft, view: &View<'_>) -> Answer {
    let (body, form) = view.body();
    if !form.is_ok() {
        let page = page(house, visitor, view, &[]);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response());
    }
    let submission = Submission { body, draft: Some(draft.draft.clone()), once: None };
    let receipt = match &draft.report {
        Some(report) => act::add_stage(house, &visitor.ctx, report, submission).await,
        None => act::file(house, &visitor.ctx, submission).await,
    };
    match receipt {
        Ok(receipt) => {
            let (report, sequence) = (&receipt.report, receipt.filed.sequence);
            Ok(to(&format!("/intake/reports/{report}/receipts/{sequence}?filed=1")))
        }
        Err(Failure::Refused(refusal)) if !refusal.items.is_empty() => {
            let mut page = page(house, visitor, view, &[]);
            let words = page.shell.words;
            page.missing = refusal.items.iter().map(|item| missing(words, item)).collect();
            Ok((refusal.status, html(&page)?).into_response())
        }
        Err(other) => Err(other),
    }
}

/// Where a draft that is open no more has led to.
async fn filed_already(house: &Arc<House>, ctx: &Ctx, id: &str) -> Answer<Option<String>> {
    let Some(draft) = ReportId::parse(id) else { return Ok(None) };
    let org = ctx.org.clone();
    let report = house.store.read(move |reader| {
        reader.first(
            "SELECT coalesce(report, draft) FROM intake_draft WHERE draft = $1 AND org = $2 AND state = 'filed'",
            &[Value::from(&draft), Value::from(&org)],
            |row| row.text(0),
        )
    });
    Ok(report.await?.map(|report| format!("/intake/reports/{report}")))
}

/// The awareness of a report that is filed already: shown, not asked again.
async fn fixed_awareness(
    house: &Arc<House>,
    ctx: &Ctx,
    draft: &Draft,
) -> Answer<Option<Timestamp>> {
    let Some(report) = draft.report.clone() else { return Ok(None) };
    let (at, who) = (Arc::clone(house), ctx.clone());
    let found =
        house.store.read(move |reader| read::find(reader, &at.authoriser, &who, &report)).await?;
    Ok(found.map(|found| found.aware_at))
}

/// A draft on a step, as the page needs it.
struct View<'a> {
    draft: Option<&'a ReportId>,
    fields: &'a Fields,
    step: Step,
    stage: Stage,
    version: u64,
    fixed: Option<Timestamp>,
}

impl<'a> View<'a> {
    fn of(draft: &'a Draft, step: Step, fixed: Option<Timestamp>) -> Self {
        let (stage, version) = (draft.stage, draft.version);
        Self { draft: Some(&draft.draft), fields: &draft.fields, step, stage, version, fixed }
    }

    fn base(&self) -> String {
        self.draft.map(|draft| format!("/intake/drafts/{draft}/")).unwrap_or_default()
    }

    fn body(&self) -> (Body, FormState) {
        let mut form = FormState::posted(self.fields.clone()).labelled("intake-field");
        let body = body_of(&mut form, self.stage, self.fields, self.fixed);
        (body, form)
    }
}

/// What is wrong on this step: first what cannot be read, then what the rules say. `forward` also asks for what is
/// missing; saving and going back never do.
fn mistakes(view: &View<'_>, now: Timestamp, forward: bool) -> Vec<(String, FieldError)> {
    let (body, form) = view.body();
    let mut wrong: Vec<(String, FieldError)> =
        form.errors().into_iter().map(|(name, error)| (name.to_owned(), error.clone())).collect();
    let items = understand(&body, now).err().unwrap_or_default();
    for item in items {
        let field = field_of(&item.pointer);
        let told = wrong.iter().any(|(name, _)| *name == field);
        if !told && (forward || !is_missing(&item.code)) {
            wrong.push((field, error_of(&item)));
        }
    }
    wrong.retain(|(field, _)| Step::of_field(field) == view.step);
    wrong
}

/// Codes that say something is not there yet.
fn is_missing(code: &str) -> bool {
    ("NRS-INTK-0002"..="NRS-INTK-0010").contains(&code)
}

fn error_of(item: &Item) -> FieldError {
    let max =
        item.args.iter().find(|(name, _)| *name == "max").and_then(|(_, max)| max.parse().ok());
    FieldError { max, ..FieldError::new(&item.code, &item.code) }
}

fn missing(words: Words, item: &Item) -> Missing {
    let field = field_of(&item.pointer);
    Missing {
        text: say(words, &item.code, &item.args),
        code: item.code.clone(),
        step: Step::of_field(&field).id(),
        field,
    }
}

fn page(
    house: &House,
    visitor: &Visitor,
    view: &View<'_>,
    wrong: &[(String, FieldError)],
) -> StepPage {
    let shell = shell(house, visitor, &format!("intake-title-{}", view.stage.id()));
    let words = shell.words;
    let (body, unreadable) = view.body();
    let mut form = FormState::posted(view.fields.clone()).labelled("intake-field");
    for (field, error) in wrong {
        form.fail(field.clone(), error.clone());
    }
    let review = view.step == Step::Review;
    let judged = understand(&body, visitor.ctx.now);
    let mut missing_items: Vec<Missing> = Vec::new();
    let mut remarks = Vec::new();
    if review {
        let told = unreadable.errors().into_iter().map(|(field, error)| Missing {
            text: format!("{} {}", unreadable.label(field, words), error.text(words)),
            code: error.code.clone(),
            step: Step::of_field(field).id(),
            field: field.to_owned(),
        });
        missing_items.extend(told);
        match &judged {
            Ok(content) => remarks.extend(content.notes.iter().map(|note| words.t(note.code))),
            Err(items) => missing_items.extend(items.iter().map(|item| missing(words, item))),
        }
        remarks.dedup();
    }
    let (understood, unread) = indicators(body.indicators.iter().map(String::as_str));
    let unread = unread.iter().filter_map(|at| body.indicators.get(*at).cloned()).collect();
    let begins = view.fixed.is_none() && view.stage == Stage::Initial;
    let due = judged.ok().filter(|_| begins).and_then(|content| act::final_due(content.aware_at));
    StepPage {
        step: view.step.id(),
        stage: view.stage.id(),
        version: view.version,
        action: if view.draft.is_some() {
            format!("{}{}", view.base(), view.step.id())
        } else {
            "/intake/new".to_owned()
        },
        base: view.base(),
        steps: steps(words, view),
        fixed_aware: view.fixed,
        events: sections::event_choices(words),
        classes: sections::class_choices(words),
        notified: vec![Choice::new("yes", words.t("intake-registered-yes"))],
        row_count: draft::rows(view.fields),
        rows: (0..draft::rows(view.fields)).map(|row| row_of(words, row)).collect(),
        understood_title: words.tv("intake-understood", &[("n", understood.len().into())]),
        understood: understood.iter().map(|one| (one.stix_type(), one.defanged())).collect(),
        unread,
        damages: sections::damage_choices(words),
        personal: vec![Choice::new("yes", words.t("intake-personal-yes"))],
        sections: if review { sections::sections(words, &body) } else { Vec::new() },
        missing: missing_items,
        remarks,
        due_note: due.map(|due| super::pages::both_days(words, &due)).unwrap_or_default(),
        form,
        shell,
    }
}

fn row_of(words: Words, row: usize) -> Row {
    Row {
        legend: words.tv("intake-computer", &[("n", (row + 1).into())]),
        class: computer(row, "class"),
        name: computer(row, "name"),
        registered: computer(row, "registered"),
    }
}

fn steps(words: Words, view: &View<'_>) -> Vec<layout::Step> {
    let step = |step: Step| layout::Step {
        label: words.t(format!("intake-step-{}", step.id())),
        state: match step.cmp(&view.step) {
            std::cmp::Ordering::Less => StepState::Done,
            std::cmp::Ordering::Equal => StepState::Current,
            std::cmp::Ordering::Greater => StepState::Todo,
        },
        // A draft can be entered anywhere; a report not begun has only its first step.
        href: if view.draft.is_some() && step != view.step {
            format!("{}{}", view.base(), step.id())
        } else {
            String::new()
        },
    };
    Step::ALL.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::form::Values;

    fn view(fields: &Fields, step: Step) -> View<'_> {
        View { draft: None, fields, step, stage: Stage::Initial, version: 1, fixed: None }
    }

    fn fields(text: &[u8], step: Step) -> Fields {
        let mut fields = Fields::new();
        draft::take(&mut fields, step, &Values::parse(text));
        fields
    }

    #[test]
    fn going_back_never_asks_and_going_on_asks_for_what_this_step_needs() {
        let now = "2026-11-23T05:00:00Z".parse().unwrap();
        let empty = Fields::new();
        assert!(mistakes(&view(&empty, Step::What), now, false).is_empty());
        let wanted = mistakes(&view(&empty, Step::What), now, true);
        assert_eq!(wanted.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["aware"]);
        assert!(mistakes(&view(&empty, Step::Technical), now, true).is_empty());
    }

    #[test]
    fn an_impossible_day_is_told_on_its_step_and_once() {
        let now = "2026-11-23T05:00:00Z".parse().unwrap();
        let kept = fields(b"aware-year=2026&aware-month=2&aware-day=31", Step::What);
        let wrong = mistakes(&view(&kept, Step::What), now, true);
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].0, "aware");
        assert_eq!(wrong[0].1.code, "NRS-FORM-0004");
        let kept = fields(b"aware-year=2027&aware-month=1&aware-day=1", Step::What);
        assert_eq!(mistakes(&view(&kept, Step::What), now, false)[0].1.code, "NRS-INTK-0011");
    }
}
