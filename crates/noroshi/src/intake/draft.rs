//! Drafts: what was typed so far, kept as typed, also where it is wrong; and how form and report turn into each other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use noroshi_charter::report::{COMPUTERS_MAX, EventKind, INDICATORS_MAX, Stage};

use super::content::{Body, ComputerBody, Impact, OperatorBody, moment};
use crate::office::ctx::Ctx;
use crate::office::id::ReportId;
use crate::office::store::{Reader, Row, StoreFailure, Value};
use crate::web::form::Values;
use crate::web::forms::FormState;

/// Drafts shown of one organisation.
const DRAFTS_MAX: i64 = 50;
/// Rows for computers on an empty form.
const ROWS_FIRST: usize = 1;
/// Characters kept of one field; tighter limits are told when the report is read.
const FIELD_CHARS_MAX: usize = 64 * 1024;

/// What was typed, by field of the form.
pub type Fields = BTreeMap<String, String>;

/// A report being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its identifier; becomes the report's when it is filed as a new report.
    pub draft: ReportId,
    /// Which stage is being written.
    pub stage: Stage,
    /// The report a later stage belongs to.
    pub report: Option<ReportId>,
    /// What was typed.
    pub fields: Fields,
    /// Saves so far; a save names the one it follows.
    pub version: u64,
    /// When it was saved.
    pub saved_at: Timestamp,
}

fn draft_at(row: &Row<'_, '_>) -> Result<Draft, StoreFailure> {
    let damaged = |what: &str| StoreFailure::Damaged(format!("a draft's {what}"));
    let id = |text: String| ReportId::parse(&text).ok_or_else(|| damaged("identifier"));
    Ok(Draft {
        draft: id(row.text(0)?)?,
        stage: Stage::parse(&row.text(1)?).ok_or_else(|| damaged("stage"))?,
        report: row.text_or_none(2)?.map(id).transpose()?,
        fields: row.json(3)?,
        version: row.count(4)?,
        saved_at: row.time(5)?,
    })
}

const COLUMNS: &str = "SELECT draft, stage, report, fields, version, saved_at FROM intake_draft";

/// An open draft of the caller's own organisation. Colleagues share drafts, so that a shift can hand over.
pub fn find(
    reader: &Reader<'_>,
    ctx: &Ctx,
    draft: &ReportId,
) -> Result<Option<Draft>, StoreFailure> {
    let sql = format!("{COLUMNS} WHERE draft = $1 AND org = $2 AND state = 'open'");
    reader.first(&sql, &[Value::from(draft), Value::from(&ctx.org)], draft_at)
}

/// Every open draft of the caller's own organisation, saved last first.
pub fn list(reader: &Reader<'_>, ctx: &Ctx) -> Result<Vec<Draft>, StoreFailure> {
    let sql =
        format!("{COLUMNS} WHERE org = $1 AND state = 'open' ORDER BY saved_at DESC LIMIT $2");
    reader.all(&sql, &[Value::from(&ctx.org), Value::Int(DRAFTS_MAX)], draft_at)
}

/// The pages of the form, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// What happened, and when the operator became aware.
    What,
    /// Which computers.
    Computers,
    /// Technical matters and indicators.
    Technical,
    /// Response and impact.
    Response,
    /// Contact, review, filing.
    Review,
}

impl Step {
    /// Every step in order.
    pub const ALL: [Self; 5] =
        [Self::What, Self::Computers, Self::Technical, Self::Response, Self::Review];

    /// The word in addresses and locale keys.
    pub const fn id(self) -> &'static str {
        match self {
            Self::What => "what",
            Self::Computers => "computers",
            Self::Technical => "technical",
            Self::Response => "response",
            Self::Review => "review",
        }
    }

    /// Reads the word.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.id() == id)
    }

    /// The step after; the last stays.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::What => Self::Computers,
            Self::Computers => Self::Technical,
            Self::Technical => Self::Response,
            Self::Response | Self::Review => Self::Review,
        }
    }

    /// The step before; the first stays.
    #[must_use]
    pub const fn before(self) -> Self {
        match self {
            Self::What | Self::Computers => Self::What,
            Self::Technical => Self::Computers,
            Self::Response => Self::Technical,
            Self::Review => Self::Response,
        }
    }

    /// The step on which a field stands.
    pub fn of_field(field: &str) -> Self {
        let start = field.split('-').next().unwrap_or_default();
        match start {
            "computer" | "computers" => Self::Computers,
            "technical" | "indicators" => Self::Technical,
            "damage" | "response" | "stop" | "persons" | "yen" | "personal" | "other" => {
                Self::Response
            }
            "operator" => Self::Review,
            _ => Self::What,
        }
    }
}

/// Fields of one value on each step, without those of computers and days.
const PLAIN: &[(Step, &[&str])] = &[
    (Step::What, &["trigger", "outline", "events"]),
    (Step::Computers, &[]),
    (Step::Technical, &["technical", "indicators"]),
    (Step::Response, &["damage", "response", "stop", "persons", "yen", "personal", "other"]),
    (Step::Review, &["operator-name", "operator-contact", "operator-phone"]),
];
const DAYS: [&str; 3] = ["aware", "from", "to"];
const PARTS: [&str; 5] = ["year", "month", "day", "hour", "minute"];

/// Takes the fields of one step from a posted form into the draft's; the other steps stay as they are.
pub fn take(fields: &mut Fields, step: Step, values: &Values) {
    let mut keep = |name: String, value: String| {
        let value: String = value.chars().take(FIELD_CHARS_MAX).collect();
        if value.is_empty() {
            fields.remove(&name)
        } else {
            fields.insert(name, value)
        };
    };
    let plain = PLAIN.iter().filter(|(of, _)| *of == step).flat_map(|(_, names)| names.iter());
    for name in plain {
        keep((*name).to_owned(), values.all(name).join("\n"));
    }
    if step == Step::What {
        for name in
            DAYS.iter().flat_map(|day| PARTS.iter().map(move |part| format!("{day}-{part}")))
        {
            let value = values.get(&name).to_owned();
            keep(name, value);
        }
    }
    if step == Step::Computers {
        let rows = values.get("rows").parse::<usize>().unwrap_or(ROWS_FIRST).min(COMPUTERS_MAX);
        keep("computer-rows".to_owned(), rows.to_string());
        for name in (0..rows)
            .flat_map(|row| ["class", "name", "registered"].map(|part| computer(row, part)))
        {
            let value = values.get(&name).to_owned();
            keep(name, value);
        }
    }
}

/// The name of a computer's field.
pub fn computer(row: usize, part: &str) -> String {
    format!("computer-{row}-{part}")
}

/// Rows for computers that the form shows.
pub fn rows(fields: &Fields) -> usize {
    let kept = fields.get("computer-rows").and_then(|rows| rows.parse().ok());
    kept.unwrap_or(ROWS_FIRST).clamp(ROWS_FIRST, COMPUTERS_MAX)
}

/// Pasted indicators, one by one: lines, spaces and commas part them.
pub fn indicator_texts(pasted: &str) -> Vec<String> {
    let part = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '\u{3001}');
    pasted
        .split(part)
        .filter(|text| !text.is_empty())
        .take(INDICATORS_MAX + 1)
        .map(str::to_owned)
        .collect()
}

/// The report a form describes. What cannot be read is noted in the form and left out; the form keeps it as typed.
pub fn body_of(
    form: &mut FormState,
    stage: Stage,
    fields: &Fields,
    fixed: Option<Timestamp>,
) -> Body {
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let computers = (0..rows(fields)).filter_map(|row| {
        let [class, name] = ["class", "name"].map(|part| text(&computer(row, part)));
        let registered = !text(&computer(row, "registered")).is_empty();
        (!class.is_empty() || !name.is_empty()).then_some(ComputerBody { class, name, registered })
    });
    let computers = computers.collect();
    let mut time = |name: &str| form.moment(name).map(|at| at.to_string());
    let aware_at = match fixed {
        Some(at) => Some(at.to_string()),
        None => time("aware"),
    };
    let (occurred_from, occurred_to) = (time("from"), time("to"));
    Body {
        stage: stage.id().to_owned(),
        aware_at,
        occurred_from,
        occurred_to,
        trigger: text("trigger"),
        event_kinds: form.all("events"),
        computers,
        operator: OperatorBody {
            name: text("operator-name"),
            contact: text("operator-contact"),
            phone24h: text("operator-phone"),
        },
        outline: text("outline"),
        technical: text("technical"),
        indicators: indicator_texts(&text("indicators")),
        response: text("response"),
        other: text("other"),
        impact: Impact {
            service_stop_minutes: form.number("stop"),
            persons_affected: form.number("persons"),
            loss_yen: form.number("yen"),
            personal_data: !text("personal").is_empty(),
        },
        damage_kind: text("damage"),
    }
}

/// The fields of a form that describe a report: a later stage begins with what the stage before said.
pub fn fields_of(body: &Body) -> Fields {
    let mut form = FormState::new();
    let mut fields = Fields::new();
    for (name, time) in
        [("aware", &body.aware_at), ("from", &body.occurred_from), ("to", &body.occurred_to)]
    {
        let Some(at) = time.as_deref().and_then(moment) else { continue };
        form.set_moment(name, at);
        for part in PARTS {
            fields.insert(format!("{name}-{part}"), form.part(name, part).to_owned());
        }
    }
    let events = body.event_kinds.iter().filter(|kind| EventKind::parse(kind).is_some());
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let yes = |truth: bool| if truth { "yes".to_owned() } else { String::new() };
    for (name, value) in [
        ("trigger", body.trigger.clone()),
        ("outline", body.outline.clone()),
        ("events", events.cloned().collect::<Vec<_>>().join("\n")),
        ("technical", body.technical.clone()),
        ("indicators", body.indicators.join("\n")),
        ("damage", body.damage_kind.clone()),
        ("response", body.response.clone()),
        ("other", body.other.clone()),
        ("stop", number(body.impact.service_stop_minutes.map(u64::from))),
        ("persons", number(body.impact.persons_affected.map(u64::from))),
        ("yen", number(body.impact.loss_yen)),
        ("personal", yes(body.impact.personal_data)),
        ("operator-name", body.operator.name.clone()),
        ("operator-contact", body.operator.contact.clone()),
        ("operator-phone", body.operator.phone24h.clone()),
        ("computer-rows", body.computers.len().max(ROWS_FIRST).to_string()),
    ] {
        fields.insert(name.to_owned(), value);
    }
    for (row, one) in body.computers.iter().enumerate() {
        fields.insert(computer(row, "class"), one.class.clone());
        fields.insert(computer(row, "name"), one.name.clone());
        fields.insert(computer(row, "registered"), yes(one.registered));
    }
    fields.retain(|_, value| !value.is_empty());
    fields
}

/// The field of the form that a JSON pointer is about.
pub fn field_of(pointer: &str) -> String {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts.as_slice() {
        ["aware_at"] => "aware".to_owned(),
        ["occurred_from"] => "from".to_owned(),
        ["occurred_to"] => "to".to_owned(),
        ["event_kinds", ..] => "events".to_owned(),
        ["indicators", ..] => "indicators".to_owned(),
        ["damage_kind"] => "damage".to_owned(),
        ["impact", "loss_yen"] => "yen".to_owned(),
        ["operator", "phone24h"] => "operator-phone".to_owned(),
        ["operator", part] => format!("operator-{part}"),
        ["computers", row, part] => format!("computer-{row}-{part}"),
        ["computers"] => "computer-0-class".to_owned(),
        [field] => (*field).to_owned(),
        _ => "trigger".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Body {
        Body {
            stage: "initial".to_owned(),
            aware_at: Some("2026-11-23T01:30:00Z".to_owned()),
            occurred_from: Some("2026-11-22T15:00:00Z".to_owned()),
            occurred_to: None,
            trigger: "alert".to_owned(),
            event_kinds: vec!["traces".to_owned(), "unauthorised-access".to_owned()],
            computers: vec![
                ComputerBody {
                    class: "K1".to_owned(),
                    name: "給電指令".to_owned(),
                    registered: true,
                },
                ComputerBody { class: "K2-3".to_owned(), name: "fw".to_owned(), registered: false },
            ],
            operator: OperatorBody {
                name: "n".to_owned(),
                contact: "c".to_owned(),
                phone24h: "p".to_owned(),
            },
            outline: "line\nline".to_owned(),
            technical: "t".to_owned(),
            indicators: vec!["203.0.113.7".to_owned(), "c2.example".to_owned()],
            response: "r".to_owned(),
            other: "o".to_owned(),
            impact: Impact {
                service_stop_minutes: Some(42),
                persons_affected: Some(0),
                loss_yen: Some(3_400_000),
                personal_data: true,
            },
            damage_kind: "intrusion".to_owned(),
        }
    }

    #[test]
    fn a_report_goes_into_the_form_and_comes_back_the_same() {
        let fields = fields_of(&full());
        let mut form = FormState::posted(fields.clone());
        assert_eq!(body_of(&mut form, Stage::Initial, &fields, None), full());
        assert!(form.is_ok());
    }

    #[test]
    fn full_width_and_era_input_is_understood_and_bad_days_are_kept_as_typed() {
        let mut fields = Fields::new();
        for (name, value) in [
            ("aware-year", "令和８"),
            ("aware-month", "１１"),
            ("aware-day", "２３"),
            ("stop", "１２０"),
        ] {
            fields.insert(name.to_owned(), value.to_owned());
        }
        let mut form = FormState::posted(fields.clone());
        let body = body_of(&mut form, Stage::Initial, &fields, None);
        assert_eq!(body.aware_at.as_deref(), Some("2026-11-22T15:00:00Z"));
        assert_eq!(body.impact.service_stop_minutes, Some(120));
        fields.insert("aware-month".to_owned(), "2".to_owned());
        fields.insert("aware-day".to_owned(), "31".to_owned());
        let mut form = FormState::posted(fields.clone());
        assert_eq!(body_of(&mut form, Stage::Initial, &fields, None).aware_at, None);
        assert!(form.error("aware").is_some());
        assert_eq!(form.part("aware", "day"), "31");
    }

    #[test]
    fn a_step_replaces_its_own_fields_only() {
        let mut fields = fields_of(&full());
        take(&mut fields, Step::Technical, &Values::parse(b"technical=new&indicators=&trigger=x"));
        assert_eq!(fields.get("technical").map(String::as_str), Some("new"));
        assert_eq!(fields.get("indicators"), None);
        assert_eq!(fields.get("trigger").map(String::as_str), Some("alert"));
    }

    #[test]
    fn pasted_indicators_are_parted_at_spaces_and_commas() {
        assert_eq!(
            indicator_texts("a.example, b.example、c.example\n d.example"),
            ["a.example", "b.example", "c.example", "d.example"]
        );
    }
}
