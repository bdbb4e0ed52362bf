//! The verdict on certificates as people and programs read it.

use serde_json::{Value, json};

use super::{Broken, Report, Rule, Shown};
use crate::render::Format;
use crate::words::{self, Lang, Text};

/// Records shown in words; JSON has all of them.
pub const RECORDS_SHOWN_MAX: usize = 20;

/// The key that was trusted, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// The reader brought it.
    Given,
    /// None: signatures were compared with the keys that stand beside them.
    None,
}

/// What is worth knowing although everything holds.
fn cautions(report: &Report, trusted: Trusted, lang: Lang) -> Vec<String> {
    let mut cautions = Vec::new();
    let mut say = |is_so: bool, text: Text, value: &str| {
        if is_so {
            cautions.push(text.fill(lang, &[value]));
        }
    };
    let keys: Vec<&str> = report.keys.iter().map(String::as_str).collect();
    say(trusted == Trusted::None && !keys.is_empty(), words::CERT_CAUTION_KEY, &keys.join(", "));
    say(report.unsigned > 0, words::CERT_CAUTION_UNSIGNED, &report.unsigned.to_string());
    say(report.numbers.0 > 0, words::CERT_CAUTION_BEGINS, &report.numbers.0.to_string());
    cautions
}

/// The answer, ending in a newline, and the exit code: 0 holds, 1 does not.
pub fn render(
    result: &Result<Report, Broken>,
    trusted: Trusted,
    lang: Lang,
    format: Format,
) -> (String, u8) {
    let code = u8::from(result.is_err());
    if format == Format::Json {
        return (format!("{:#}\n", as_json(result, trusted, lang)), code);
    }
    let lines = match result {
        Ok(report) => report_lines(report, trusted, lang),
        Err(broken) => broken_lines(broken, lang),
    };
    let indent = if format == Format::Plain { "" } else { "  " };
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text.push_str(indent);
        }
        text.push_str(line);
        text.push('\n');
    }
    (text, code)
}

fn as_json(result: &Result<Report, Broken>, trusted: Trusted, lang: Lang) -> Value {
    match result {
        Ok(report) => {
            let cautions = cautions(report, trusted, lang);
            let verdict = if cautions.is_empty() { "pass" } else { "caution" };
            let shown: Vec<Value> = report
                .shown
                .iter()
                .map(|shown| {
                    let fields: serde_json::Map<String, Value> = shown
                        .fields
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), json!(value)))
                        .collect();
                    json!({ "sequence": shown.sequence, "index": shown.index, "record": fields })
                })
                .collect();
            let mut facts = json!(report);
            if let Some(facts) = facts.as_object_mut() {
                facts.insert("shown".to_owned(), json!(shown));
            }
            json!({ "verdict": verdict, "report": { "cautions": cautions, "facts": facts } })
        }
        Err(Broken { rule, file, expected, found }) => json!({
            "verdict": "fail",
            "broken": {
                "code": rule.code(), "file": file, "expected": expected, "found": found,
                "what": what(*rule).raw(lang),
            },
        }),
    }
}

fn labelled(lang: Lang, label: Text, value: &str) -> String {
    words::LABEL.fill(lang, &[label.raw(lang), value])
}

fn report_lines(report: &Report, trusted: Trusted, lang: Lang) -> Vec<String> {
    let cautions = cautions(report, trusted, lang);
    let headline = if cautions.is_empty() { words::CERT_PASS } else { words::CERT_CAUTION };
    let numbers = format!("{}–{}", report.numbers.0, report.numbers.1);
    let tally = &report.tally;
    let modes: Vec<String> = report
        .modes
        .iter()
        .map(|(mode, measures)| {
            let measures: Vec<&str> = measures.iter().map(String::as_str).collect();
            [mode.as_str(), &measures.join(", ")].join(" ").trim_end().to_owned()
        })
        .collect();
    let mut lines = vec![headline.raw(lang).to_owned()];
    lines.extend(cautions);
    let say = [
        (words::NAME_SENSOR, report.sensor.clone()),
        (words::CERT_NUMBERS, numbers),
        (words::PERIOD, words::FROM_TO.fill(lang, &[&report.times.0, &report.times.1])),
        (words::CERT_MODES, modes.join("; ")),
        (words::CERT_TABLES, report.tables.iter().cloned().collect::<Vec<_>>().join(", ")),
        (
            words::CERT_ENTRIES,
            words::CERT_ENTRIES_VALUE.fill(
                lang,
                &[
                    &report.selections.to_string(),
                    &report.heartbeats.to_string(),
                    &report.deletions.to_string(),
                ],
            ),
        ),
        (
            words::CERT_TALLY,
            words::CERT_TALLY_VALUE.fill(
                lang,
                &[
                    tally.seen,
                    tally.kept,
                    tally.unmatched,
                    tally.direction,
                    tally.content,
                    tally.errors,
                ]
                .map(|count| count.to_string())
                .each_ref()
                .map(String::as_str),
            ),
        ),
        (
            words::CERT_ROWS,
            words::CERT_ROWS_VALUE
                .fill(lang, &[&report.rows.to_string(), &report.rows_deleted.to_string()]),
        ),
        (words::CERT_GAP, report.gap_seconds_max.to_string()),
        (words::CERT_LAST, report.last.to_string()),
    ];
    let said = say.iter().filter(|(_, value)| !value.is_empty());
    lines.extend(said.map(|(label, value)| labelled(lang, *label, value)));
    lines.extend(report.shown.iter().take(RECORDS_SHOWN_MAX).map(|shown| shown_line(shown, lang)));
    if let Some(more) = report.shown.len().checked_sub(RECORDS_SHOWN_MAX).filter(|more| *more > 0) {
        lines.push(words::MORE.fill(lang, &[&more.to_string()]));
    }
    lines
}

fn shown_line(shown: &Shown, lang: Lang) -> String {
    let fields: Vec<String> =
        shown.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    words::CERT_SHOWN
        .fill(lang, &[&shown.index.to_string(), &shown.sequence.to_string(), &fields.join(" ")])
}

fn broken_lines(broken: &Broken, lang: Lang) -> Vec<String> {
    let mut lines = vec![
        words::CERT_FAIL.raw(lang).to_owned(),
        labelled(lang, words::CODE, broken.rule.code()),
        labelled(lang, words::NAME_FILE, &broken.file),
        labelled(lang, words::WHAT, what(broken.rule).raw(lang)),
    ];
    let values = [(words::NAME_EXPECTED, &broken.expected), (words::NAME_FOUND, &broken.found)];
    lines.extend(values.iter().filter_map(|(label, value)| {
        let value: String = value.as_ref()?.chars().take(crate::render::VALUE_CHARS_MAX).collect();
        Some(labelled(lang, *label, &value))
    }));
    lines.push(labelled(lang, words::NEXT, words::CERT_NEXT.raw(lang)));
    lines
}

/// What is wrong when a rule is broken.
pub fn what(rule: Rule) -> Text {
    match rule {
        Rule::Form => words::CERT_FORM,
        Rule::Balance => words::CERT_BALANCE,
        Rule::Rules => words::CERT_RULES,
        Rule::Sensor => words::CERT_SENSOR,
        Rule::Sequence => words::CERT_SEQUENCE,
        Rule::Chain => words::CERT_CHAIN,
        Rule::Time => words::CERT_TIME,
        Rule::Unsigned => words::CERT_UNSIGNED,
        Rule::Signature => words::CERT_SIGNATURE,
        Rule::Deleted => words::CERT_DELETED,
        Rule::Early => words::CERT_EARLY,
        Rule::Twice => words::CERT_TWICE,
        Rule::Proof => words::CERT_PROOF,
        Rule::Record => words::CERT_RECORD,
        Rule::Unlike => words::CERT_UNLIKE,
    }
}
