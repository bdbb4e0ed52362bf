//! What does a report say? From the words of a caller to values the rules can look at, with everything wrong told.

use std::collections::BTreeSet;

use jiff::{Timestamp, TimestampRound, Unit};
use noroshi_charter::report::{
    self, COMPUTERS_MAX, Computer, ComputerClass, DamageKind, EventKind, Filing, Finding,
    INDICATORS_MAX, NAME_CHARS_MAX, Stage, TEXT_CHARS_MAX, Weight,
};
use noroshi_evidence::observable::Observable;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::web::refusal::Item;

/// A report as callers send it. Times are RFC 3339; what is not known yet is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Body {
    /// `initial`, `supplement` or `final` (item 1).
    pub stage: String,
    /// When the operator became aware; runs the clocks.
    pub aware_at: Option<String>,
    /// First moment of what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_from: Option<String>,
    /// Last moment of what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_to: Option<String>,
    /// What made the operator aware.
    pub trigger: String,
    /// Words of the law's list, e.g. `traces`, `unauthorised-access`.
    pub event_kinds: Vec<String>,
    /// The computers concerned (item 4).
    pub computers: Vec<ComputerBody>,
    /// Who reports (item 2).
    pub operator: OperatorBody,
    /// What happened (item 3).
    pub outline: String,
    /// Technical matters (item 5).
    pub technical: String,
    /// Addresses, names, locators and hashes, also defanged (item 5).
    pub indicators: Vec<String>,
    /// What was done about it (item 6).
    pub response: String,
    /// Anything else (item 7).
    pub other: String,
    /// What it did.
    pub impact: Impact,
    /// `intrusion`, `ransomware`, `ddos` or `other`: the common form it belongs to.
    pub damage_kind: String,
}

/// One computer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ComputerBody {
    /// `K1`, `K2-1` … `K3-2`.
    pub class: String,
    /// What the operator calls it.
    pub name: String,
    /// Whether it is in the register of notified computers.
    pub registered: bool,
}

/// Who reports and can be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperatorBody {
    /// The operator.
    pub name: String,
    /// Who can be asked, e.g. a desk's address.
    pub contact: String,
    /// Where somebody answers at any hour.
    pub phone24h: String,
}

/// What it did, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Impact {
    /// Minutes the service stood still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_stop_minutes: Option<u32>,
    /// Persons affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persons_affected: Option<u32>,
    /// Loss in yen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_yen: Option<u64>,
    /// Whether personal data is concerned.
    pub personal_data: bool,
}

/// A report understood and found fit to file at its stage.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its stage.
    pub stage: Stage,
    /// When the operator became aware.
    pub aware_at: Timestamp,
    /// First moment of what happened.
    pub occurred_from: Option<Timestamp>,
    /// Last moment of what happened.
    pub occurred_to: Option<Timestamp>,
    /// The damage.
    pub damage: DamageKind,
    /// Classes of the computers named.
    pub classes: BTreeSet<ComputerClass>,
    /// What was recognised among the indicators.
    pub observables: BTreeSet<Observable>,
    /// Remarks that are kept with the report.
    pub notes: Vec<Finding>,
    /// What was sent.
    pub body: Body,
}

/// Largest loss the statistics hold, in yen; more is a slip of the keyboard.
const YEN_MAX: u64 = 1_000_000_000_000_000;

/// Reads a report and checks it; everything wrong is told at once.
pub fn understand(body: &Body, now: Timestamp) -> Result<Content, Vec<Item>> {
    let mut reading = Reading::default();
    let stage = reading
        .word(&body.stage, "/stage", "NRS-INTK-0019", Stage::parse)
        .unwrap_or(Stage::Initial);
    reading.limits(body);
    let aware_at = reading.time(body.aware_at.as_deref(), "/aware_at");
    let occurred_from = reading.time(body.occurred_from.as_deref(), "/occurred_from");
    let occurred_to = reading.time(body.occurred_to.as_deref(), "/occurred_to");
    let damage = match body.damage_kind.as_str() {
        "" => DamageKind::Other,
        text => reading
            .word(text, "/damage_kind", "NRS-INTK-0025", DamageKind::parse)
            .unwrap_or(DamageKind::Other),
    };
    let (events, computers) = reading.things(body);
    let (observables, unread) = indicators(body.indicators.iter().map(String::as_str));
    let filing = Filing {
        aware_at,
        occurred_from,
        occurred_to,
        operator_name: &body.operator.name,
        contact: &body.operator.contact,
        outline: &body.outline,
        events,
        computers,
        technical: &body.technical,
        response: &body.response,
        other: &body.other,
    };
    let unreadable: BTreeSet<String> =
        reading.items.iter().map(|item| item.pointer.clone()).collect();
    let (refusing, mut notes): (Vec<_>, Vec<_>) = report::check(stage, &filing, now)
        .into_iter()
        .partition(|finding| finding.weight == Weight::Refuses);
    // A time that could not be read is not also missing.
    reading
        .items
        .extend(refusing.into_iter().filter(|f| !unreadable.contains(&f.pointer)).map(item_of));
    notes.extend(unread.iter().map(|at| remark("NRS-INTK-0022", format!("/indicators/{at}"))));
    let classes = filing.computers.iter().map(|computer| computer.class).collect();
    match (aware_at, reading.items.is_empty()) {
        (Some(aware_at), true) => {
            let body = body.clone();
            Ok(Content {
                stage,
                aware_at,
                occurred_from,
                occurred_to,
                damage,
                classes,
                observables,
                notes,
                body,
            })
        }
        _ => Err(reading.items),
    }
}

/// What is recognised among pasted indicators, and the places of what is not.
pub fn indicators<'a>(texts: impl Iterator<Item = &'a str>) -> (BTreeSet<Observable>, Vec<usize>) {
    let mut understood = BTreeSet::new();
    let mut unread = Vec::new();
    for (at, text) in texts.enumerate().take(INDICATORS_MAX) {
        match Observable::parse(text) {
            Ok(observable) => drop(understood.insert(observable)),
            Err(_) => unread.push(at),
        }
    }
    (understood, unread)
}

/// A finding as a problem document and a form show it.
pub(super) fn item_of(finding: Finding) -> Item {
    Item { pointer: finding.pointer, code: finding.code.to_owned(), args: Vec::new() }
}

fn remark(code: &'static str, pointer: String) -> Finding {
    Finding { code, item: 5, pointer, weight: Weight::Notes }
}

/// An instant in RFC 3339, to the millisecond, which is what the store holds.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let round = TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Trunc);
    text.trim().parse::<Timestamp>().ok()?.round(round).ok()
}

#[derive(Default)]
struct Reading {
    items: Vec<Item>,
}

impl Reading {
    fn wrong(&mut self, pointer: impl Into<String>, code: &str) {
        self.items.push(Item { pointer: pointer.into(), code: code.to_owned(), args: Vec::new() });
    }

    fn word<T>(
        &mut self,
        text: &str,
        pointer: &str,
        code: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(text.trim());
        if parsed.is_none() {
            self.wrong(pointer, code);
        }
        parsed
    }

    fn time(&mut self, text: Option<&str>, pointer: &str) -> Option<Timestamp> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        let parsed = moment(text);
        if parsed.is_none() {
            self.wrong(pointer, "NRS-INTK-0023");
        }
        parsed
    }

    fn short(&mut self, text: &str, chars_max: usize, pointer: impl Into<String>) {
        if text.chars().count() > chars_max {
            let args = vec![("max", chars_max.to_string())];
            self.items.push(Item {
                pointer: pointer.into(),
                code: "NRS-INTK-0021".to_owned(),
                args,
            });
        }
    }

    fn limits(&mut self, body: &Body) {
        for (text, max, pointer) in [
            (&body.trigger, NAME_CHARS_MAX, "/trigger"),
            (&body.operator.name, NAME_CHARS_MAX, "/operator/name"),
            (&body.operator.contact, NAME_CHARS_MAX, "/operator/contact"),
            (&body.operator.phone24h, NAME_CHARS_MAX, "/operator/phone24h"),
            (&body.outline, TEXT_CHARS_MAX, "/outline"),
            (&body.technical, TEXT_CHARS_MAX, "/technical"),
            (&body.response, TEXT_CHARS_MAX, "/response"),
            (&body.other, TEXT_CHARS_MAX, "/other"),
        ] {
            self.short(text, max, pointer);
        }
        for (count, max, pointer) in [
            (body.computers.len(), COMPUTERS_MAX, "/computers"),
            (body.indicators.len(), INDICATORS_MAX, "/indicators"),
            (body.event_kinds.len(), EventKind::ALL.len(), "/event_kinds"),
        ] {
            if count > max {
                let args = vec![("max", max.to_string())];
                self.items.push(Item {
                    pointer: pointer.to_owned(),
                    code: "NRS-INTK-0026".to_owned(),
                    args,
                });
            }
        }
        if body.impact.loss_yen.is_some_and(|yen| yen > YEN_MAX) {
            self.wrong("/impact/loss_yen", "NRS-INTK-0027");
        }
    }

    fn things<'b>(&mut self, body: &'b Body) -> (Vec<EventKind>, Vec<Computer<'b>>) {
        let mut events = Vec::new();
        for (at, text) in body.event_kinds.iter().enumerate().take(EventKind::ALL.len()) {
            events.extend(self.word(
                text,
                &format!("/event_kinds/{at}"),
                "NRS-INTK-0024",
                EventKind::parse,
            ));
        }
        let mut computers = Vec::new();
        for (at, computer) in body.computers.iter().enumerate().take(COMPUTERS_MAX) {
            self.short(&computer.name, NAME_CHARS_MAX, format!("/computers/{at}/name"));
            let pointer = format!("/computers/{at}/class");
            let class = self.word(&computer.class, &pointer, "NRS-INTK-0020", ComputerClass::parse);
            computers.extend(class.map(|class| Computer {
                class,
                name: &computer.name,
                registered: computer.registered,
            }));
        }
        (events, computers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T05:00:00Z".parse().unwrap()
    }

    fn least() -> Body {
        Body {
            stage: "initial".to_owned(),
            aware_at: Some("2026-11-23T10:00:00+09:00".to_owned()),
            operator: OperatorBody {
                name: "op".to_owned(),
                contact: "desk".to_owned(),
                ..OperatorBody::default()
            },
            ..Body::default()
        }
    }

    fn codes(body: &Body) -> Vec<(String, String)> {
        understand(body, now())
            .unwrap_err()
            .into_iter()
            .map(|item| (item.pointer, item.code))
            .collect()
    }

    #[test]
    fn the_least_initial_report_is_a_stage_a_time_and_a_name() {
        let content = understand(&least(), now()).unwrap();
        assert_eq!(content.stage, Stage::Initial);
        assert!(content.notes.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_where_it_stands() {
        let check = |spoil: fn(&mut Body), pointer: &str, code: &str| {
            let mut body = least();
            spoil(&mut body);
            assert_eq!(codes(&body), [(pointer.to_owned(), code.to_owned())]);
        };
        check(
            |b| b.aware_at = Some("2026-02-31T00:00:00Z".to_owned()),
            "/aware_at",
            "NRS-INTK-0023",
        );
        check(
            |b| b.aware_at = Some("2026-11-23T06:00:00Z".to_owned()),
            "/aware_at",
            "NRS-INTK-0011",
        );
        check(
            |b| b.occurred_from = Some("2026-11-23T04:00:00Z".to_owned()),
            "/aware_at",
            "NRS-INTK-0012",
        );
        check(|b| b.stage = "last".to_owned(), "/stage", "NRS-INTK-0019");
        check(|b| b.event_kinds = vec!["burglary".to_owned()], "/event_kinds/0", "NRS-INTK-0024");
        check(|b| b.outline = "長".repeat(TEXT_CHARS_MAX + 1), "/outline", "NRS-INTK-0021");
        check(
            |b| {
                b.computers = vec![ComputerBody {
                    class: "K9".to_owned(),
                    name: "x".to_owned(),
                    registered: true,
                }]
            },
            "/computers/0/class",
            "NRS-INTK-0020",
        );
    }

    #[test]
    fn indicators_are_recognised_also_defanged_and_the_rest_is_noted() {
        let mut body = least();
        body.indicators =
            ["203.0.113[.]7", "hxxp://c2.example/", "???"].map(str::to_owned).to_vec();
        let content = understand(&body, now()).unwrap();
        let texts: Vec<String> = content.observables.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["203.0.113.7", "http://c2.example/"]);
        let pointers: Vec<&str> = content.notes.iter().map(|note| note.pointer.as_str()).collect();
        assert_eq!(pointers, ["/indicators/2"]);
    }
}
