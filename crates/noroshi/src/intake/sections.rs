//! A report in words: the seven items as sections with labelled lines, for the review, the report and the print.

use jiff::Timestamp;
use noroshi_charter::report::{ComputerClass, DamageKind, EventKind};

use super::content::{Body, indicators, moment};
use super::draft::Step;
use crate::web::forms::Choice;
use crate::web::locale::{Lang, Words};

/// One item of the Order with what was said to it.
pub(super) struct Section {
    /// Its title.
    pub(super) title: String,
    /// The step of the form on which it is said.
    pub(super) step: &'static str,
    /// Labelled lines.
    pub(super) rows: Vec<Line>,
}

/// A label and the lines beside it; none when nothing was said.
pub(super) struct Line {
    pub(super) label: String,
    pub(super) lines: Vec<String>,
}

/// The sections of a report, in the order of Order art. 4(3). Item 1, the stage, is the heading of the page.
pub(super) fn sections(words: Words, body: &Body) -> Vec<Section> {
    let line = |name: &str, text: &str| Line {
        label: words.t(format!("intake-field-{name}")),
        lines: text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
    };
    let section = |item: u8, step: Step, rows: Vec<Line>| Section {
        title: words.t(format!("intake-item-{item}")),
        step: step.id(),
        rows,
    };
    let time =
        |name: &str, text: Option<&String>| line(name, &when(words, text.map(String::as_str)));
    let events: Vec<String> =
        body.event_kinds.iter().map(|kind| words.t(format!("intake-event-{kind}"))).collect();
    let mut what = vec![
        time("aware", body.aware_at.as_ref()),
        line("trigger", &body.trigger),
        time("from", body.occurred_from.as_ref()),
        time("to", body.occurred_to.as_ref()),
        line("events", &events.join("\n")),
        line("outline", &body.outline),
    ];
    what.extend(damage(words, body));
    vec![
        section(
            2,
            Step::Review,
            vec![
                line("operator-name", &body.operator.name),
                line("operator-contact", &body.operator.contact),
                line("operator-phone", &body.operator.phone24h),
            ],
        ),
        section(3, Step::What, what),
        section(4, Step::Computers, computers(words, body)),
        section(
            5,
            Step::Technical,
            vec![
                line("technical", &body.technical),
                line("indicators", &shown_indicators(words, body).join("\n")),
            ],
        ),
        section(6, Step::Response, vec![line("response", &body.response)]),
        section(7, Step::Response, vec![line("other", &body.other)]),
    ]
}

fn when(words: Words, text: Option<&str>) -> String {
    text.and_then(moment).map(|at: Timestamp| words.moment(at)).unwrap_or_default()
}

fn damage(words: Words, body: &Body) -> Vec<Line> {
    let line = |name: &str, text: Option<String>| Line {
        label: words.t(format!("intake-field-{name}")),
        lines: text.into_iter().collect(),
    };
    let kind = DamageKind::parse(&body.damage_kind)
        .map(|kind| words.t(format!("intake-damage-{}", kind.id())));
    let personal = if body.impact.personal_data { "intake-yes" } else { "intake-no" };
    vec![
        line("damage", kind),
        line("stop", body.impact.service_stop_minutes.map(|minutes| minutes_text(words, minutes))),
        line("persons", body.impact.persons_affected.map(|persons| words.n(persons))),
        line("yen", body.impact.loss_yen.map(|yen| words.yen(yen))),
        line("personal", Some(words.t(personal))),
    ]
}

fn minutes_text(words: Words, minutes: u32) -> String {
    words.tv("intake-minutes", &[("n", words.n(minutes).into())])
}

fn computers(words: Words, body: &Body) -> Vec<Line> {
    let line = |computer: &super::content::ComputerBody| {
        let class = ComputerClass::parse(&computer.class).map_or_else(
            || computer.class.clone(),
            |class| words.t(format!("intake-class-{}", class.id())),
        );
        let registered =
            if computer.registered { "intake-registered" } else { "intake-unregistered" };
        Line {
            label: computer.class.clone(),
            lines: vec![computer.name.clone(), class, words.t(registered)],
        }
    };
    body.computers.iter().map(line).collect()
}

/// Indicators as understood, with their teeth drawn; what was not understood stands as typed and says so.
fn shown_indicators(words: Words, body: &Body) -> Vec<String> {
    let (understood, unread) = indicators(body.indicators.iter().map(String::as_str));
    let mut shown: Vec<String> =
        understood.iter().map(noroshi_evidence::observable::Observable::defanged).collect();
    let as_typed = unread.iter().filter_map(|at| body.indicators.get(*at));
    shown.extend(
        as_typed.map(|text| words.tv("intake-indicator-unread", &[("text", text.as_str().into())])),
    );
    shown
}

/// The law's list of events, as check boxes.
pub(super) fn event_choices(words: Words) -> Vec<Choice> {
    let choice = |kind: &EventKind| {
        let key = format!("intake-event-{}", kind.id());
        Choice::with_help(kind.id(), words.t(&key), words.t(format!("{key}-help")))
    };
    EventKind::ALL.iter().map(choice).collect()
}

/// The classes of computers in plain words.
pub(super) fn class_choices(words: Words) -> Vec<Choice> {
    let choice = |class: &ComputerClass| {
        let plain = words.t(format!("intake-class-{}", class.id()));
        Choice::new(class.id(), format!("{} {plain}", class.id()))
    };
    ComputerClass::ALL.iter().map(choice).collect()
}

/// The kinds of damage.
pub(super) fn damage_choices(words: Words) -> Vec<Choice> {
    let choice = |kind: &DamageKind| {
        let key = format!("intake-damage-{}", kind.id());
        Choice::with_help(kind.id(), words.t(&key), words.t(format!("{key}-help")))
    };
    DamageKind::ALL.iter().map(choice).collect()
}

/// A sector in words; a code without words shows itself.
pub(super) fn sector(words: Words, code: &str) -> String {
    let key = format!("intake-sector-{code}");
    if words.has(&key) { words.t(key) } else { code.to_owned() }
}

/// The name of an organisation in the reader's language.
pub(super) fn org_name(words: Words, names: &(String, String)) -> String {
    match words.lang() {
        Lang::Ja => names.0.clone(),
        Lang::En => names.1.clone(),
    }
}
