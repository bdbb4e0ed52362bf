//! The verdict as people and programs read it.

use serde_json::{Value, json};

use crate::note::Vkey;
use crate::verify::audit::{Decision, Effect, EffectState, Measure, Report, Request};
use crate::verify::lie::Lie;
use crate::verify::{History, Refusal};
use crate::words::{self, Lang, Text};

/// Measures shown in words; JSON has all of them.
pub const MEASURES_SHOWN_MAX: usize = 50;

/// Characters shown of a value that comes from the log.
pub const VALUE_CHARS_MAX: usize = 200;

/// Where the key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// The reader brought it.
    Given,
    /// It was remembered from an earlier run.
    Remembered,
    /// It lay beside the log: it proves nothing about who wrote the log.
    CameWithLog,
}

/// What was remembered from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryUse {
    /// Nothing, and nothing is kept.
    None,
    /// Nothing yet; this run is kept.
    First,
    /// An earlier run.
    Known,
}

/// Everything the answer is made from.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// What the verification gave.
    pub result: &'a Result<Report, Refusal>,
    /// The key that was trusted.
    pub key: &'a Vkey,
    /// Where it came from.
    pub key_source: KeySource,
    /// What was remembered.
    pub memory: MemoryUse,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Everything holds.
    Pass,
    /// Everything that could be checked holds.
    Caution,
    /// Something does not hold.
    Fail,
    /// Nothing can be said.
    Unknown,
}

/// How the answer is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For the eye, with colour when `color`.
    Human {
        /// May colour be used? It never carries a meaning alone.
        color: bool,
    },
    /// Line by line without blank lines or indentation, for a screen reader.
    Plain,
    /// For programs.
    Json,
}

enum Line {
    Headline(String),
    Section(String),
    Item(String),
    SubItem(String),
}

impl Verdict<'_> {
    /// The answer in one word.
    pub fn grade(&self) -> Grade {
        match self.result {
            Ok(report) if self.cautions(report, Lang::En).is_empty() => Grade::Pass,
            Ok(_) => Grade::Caution,
            Err(Refusal::Lie(_)) => Grade::Fail,
            Err(Refusal::Unreadable { .. } | Refusal::NoLog | Refusal::TooMuch) => Grade::Unknown,
        }
    }

    /// The whole answer, ending in a newline.
    pub fn render(&self, lang: Lang, format: Format) -> String {
        let color = match format {
            Format::Json => return format!("{:#}\n", self.json(lang)),
            Format::Plain => None,
            Format::Human { color } => Some(color),
        };
        let lines = match self.result {
            Ok(report) => self.report_lines(report, lang),
            Err(Refusal::Lie(lie)) => lie_lines(lie, lang),
            Err(refusal) => unreadable_lines(refusal, lang),
        };
        let mut text = String::new();
        for line in lines {
            match (line, color) {
                (Line::Headline(line), Some(true)) => {
                    text.push_str(&painted(self.grade(), &line));
                    text.push('\n');
                }
                (Line::Section(line), Some(_)) => push_line(&mut text, "\n", &line),
                (Line::Item(line), Some(_)) => push_line(&mut text, "  ", &line),
                (Line::SubItem(line), Some(_)) => push_line(&mut text, "    ", &line),
                (
                    Line::Headline(line)
                    | Line::Section(line)
                    | Line::Item(line)
                    | Line::SubItem(line),
                    _,
                ) => push_line(&mut text, "", &line),
            }
        }
        text
    }

    fn cautions(&self, report: &Report, lang: Lang) -> Vec<String> {
        let mut cautions = Vec::new();
        if self.key_source == KeySource::CameWithLog {
            cautions.push(words::CAUTION_KEY.fill(lang, &[&self.key.to_string()]));
        }
        match self.memory {
            MemoryUse::None => cautions.push(words::CAUTION_NO_STATE.raw(lang).to_owned()),
            MemoryUse::First => cautions.push(words::CAUTION_FIRST.raw(lang).to_owned()),
            MemoryUse::Known => {}
        }
        if report.not_understood > 0 {
            let number = report.not_understood.to_string();
            cautions.push(words::CAUTION_UNKNOWN.fill(lang, &[&number]));
        }
        let overdue =
            report.measures.values().flat_map(|m| m.effects.values()).filter(|e| e.overdue).count();
        if overdue > 0 {
            cautions.push(words::CAUTION_OVERDUE.fill(lang, &[&overdue.to_string()]));
        }
        cautions
    }

    fn report_lines(&self, report: &Report, lang: Lang) -> Vec<Line> {
        let cautions = self.cautions(report, lang);
        let headline = if cautions.is_empty() { words::PASS } else { words::CAUTION };
        let mut lines = vec![Line::Headline(headline.raw(lang).to_owned())];
        let mut fact = |label: Text, value: &str| {
            lines.push(Line::Item(labelled(lang, label.raw(lang), value)));
        };
        fact(words::LOG, &shown(&report.origin));
        fact(words::SIZE, &report.size.to_string());
        if let Some((from, to)) = &report.times {
            fact(words::PERIOD, &words::FROM_TO.fill(lang, &[from, to]));
        }
        fact(words::ROOT, &report.root.to_string());
        fact(words::KEY, key_words(self.key_source).raw(lang));
        fact(words::HISTORY, &history_words(report, lang));
        if !cautions.is_empty() {
            lines.push(Line::Section(words::CAUTIONS.raw(lang).to_owned()));
            lines.extend(cautions.into_iter().map(Line::Item));
        }
        count_lines(report, lang, &mut lines);
        measure_lines(report, lang, &mut lines);
        lines
    }

    fn json(&self, lang: Lang) -> Value {
        let mut answer = json!({
            "verdict": match self.grade() {
                Grade::Pass => "pass",
                Grade::Caution => "caution",
                Grade::Fail => "fail",
                Grade::Unknown => "unknown",
            },
            "key": self.key.to_string(),
            "key_source": match self.key_source {
                KeySource::Given => "given",
                KeySource::Remembered => "remembered",
                KeySource::CameWithLog => "came_with_log",
            },
            "memory": match self.memory {
                MemoryUse::None => "none",
                MemoryUse::First => "first",
                MemoryUse::Known => "known",
            },
        });
        let (name, more) = match self.result {
            Ok(report) => {
                let cautions = self.cautions(report, lang);
                ("report", json!({ "cautions": cautions, "facts": report }))
            }
            Err(Refusal::Lie(lie)) => ("lie", lie_json(lie, lang)),
            Err(refusal) => ("reason", Value::String(reason(refusal, lang))),
        };
        if let Value::Object(fields) = &mut answer {
            fields.insert(name.to_owned(), more);
        }
        answer
    }
}

fn push_line(text: &mut String, before: &str, line: &str) {
    text.push_str(before);
    text.push_str(line);
    text.push('\n');
}

/// Green, amber, red; the words say the same.
fn painted(grade: Grade, line: &str) -> String {
    let code = match grade {
        Grade::Pass => 32,
        Grade::Caution | Grade::Unknown => 33,
        Grade::Fail => 31,
    };
    format!("\u{1b}[1;{code}m{line}\u{1b}[0m")
}

/// A value of the log as it may be printed: no control or direction-changing character reaches a terminal.
fn shown(value: &str) -> String {
    let mut text = String::new();
    for (number, letter) in value.chars().enumerate() {
        if number == VALUE_CHARS_MAX {
            text.push('…');
            break;
        }
        let unsafe_letter = letter.is_control()
            || matches!(letter, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if unsafe_letter {
            text.extend(letter.escape_unicode());
        } else {
            text.push(letter);
        }
    }
    text
}

fn labelled(lang: Lang, label: &str, value: &str) -> String {
    words::LABEL.fill(lang, &[label, value])
}

fn key_words(source: KeySource) -> Text {
    match source {
        KeySource::Given => words::KEY_GIVEN,
        KeySource::Remembered => words::KEY_REMEMBERED,
        KeySource::CameWithLog => words::KEY_WITH_LOG,
    }
}

fn history_words(report: &Report, lang: Lang) -> String {
    match report.history {
        History::NotJudged => words::HISTORY_NONE.raw(lang).to_owned(),
        History::Same => words::HISTORY_SAME.raw(lang).to_owned(),
        History::Extends { from } => {
            words::HISTORY_EXTENDS.fill(lang, &[&from.to_string(), &report.size.to_string()])
        }
    }
}

fn count_lines(report: &Report, lang: Lang, lines: &mut Vec<Line>) {
    if report.size == 0 {
        return;
    }
    lines.push(Line::Section(words::RECORDS.raw(lang).to_owned()));
    for kind in crate::leaf::KINDS {
        let (Some(count), Some(name)) = (report.counts.get(*kind), words::kind(kind)) else {
            continue;
        };
        lines.push(Line::Item(labelled(lang, name.raw(lang), &count.to_string())));
    }
    if report.not_understood > 0 {
        let name = words::NOT_UNDERSTOOD.raw(lang);
        lines.push(Line::Item(labelled(lang, name, &report.not_understood.to_string())));
    }
}

fn measure_lines(report: &Report, lang: Lang, lines: &mut Vec<Line>) {
    if report.measures.is_empty() {
        return;
    }
    lines.push(Line::Section(words::MEASURES.raw(lang).to_owned()));
    for (name, measure) in report.measures.iter().take(MEASURES_SHOWN_MAX) {
        lines.push(Line::Item(words::MEASURE.fill(lang, &[&shown(name)])));
        chain_lines(measure, lang, lines);
    }
    let more = report.measures.len().saturating_sub(MEASURES_SHOWN_MAX);
    if more > 0 {
        lines.push(Line::Item(words::MORE.fill(lang, &[&more.to_string()])));
    }
}

fn chain_lines(measure: &Measure, lang: Lang, lines: &mut Vec<Line>) {
    for (digest, request) in &measure.requests {
        lines.push(Line::SubItem(request_words(digest, request, lang)));
        if request.decisions.is_empty() {
            lines.push(Line::SubItem(words::PENDING.raw(lang).to_owned()));
        }
        lines.extend(request.decisions.iter().map(|d| Line::SubItem(decision_words(d, lang))));
    }
    for (name, effect) in &measure.effects {
        lines.push(Line::SubItem(effect_words(name, effect, lang)));
    }
    if measure.reports > 0 {
        lines.push(Line::SubItem(words::AFTER_REPORT.fill(lang, &[&measure.reports.to_string()])));
    }
}

fn request_words(digest: &str, request: &Request, lang: Lang) -> String {
    use crate::leaf::Choice;
    let votes = |choice| request.votes.values().filter(|vote| **vote == choice).count().to_string();
    // Twelve digits tell requests of one measure apart; JSON has all of them.
    let short: String = digest.chars().take(12).collect();
    words::REQUEST.fill(
        lang,
        &[
            &short,
            &request.leaf.to_string(),
            &votes(Choice::Approve),
            &votes(Choice::Refuse),
            &request.questions.to_string(),
            &request.answers.to_string(),
        ],
    )
}

fn decision_words(decision: &Decision, lang: Lang) -> String {
    let leaf = decision.leaf.to_string();
    match decision.outcome {
        crate::leaf::Outcome::Refused => words::REFUSED.fill(lang, &[&leaf]),
        crate::leaf::Outcome::Approved => {
            let quorum = decision.quorum.to_string();
            words::APPROVED.fill(lang, &[&leaf, &decision.not_before, &decision.not_after, &quorum])
        }
    }
}

fn effect_words(name: &str, effect: &Effect, lang: Lang) -> String {
    let ended = effect.ended.unwrap_or_default().to_string();
    let mut state = match effect.state {
        EffectState::Begun => words::STATE_BEGUN,
        EffectState::Active => words::STATE_ACTIVE,
        EffectState::Failed => words::STATE_FAILED,
        EffectState::Expired => words::STATE_EXPIRED,
        EffectState::RolledBack => words::STATE_ROLLED_BACK,
    }
    .fill(lang, &[&ended]);
    if effect.overdue {
        state = labelled(lang, words::STATE_OVERDUE.raw(lang), &state);
    }
    words::EFFECT.fill(lang, &[&shown(name), &effect.began.to_string(), &state])
}

fn lie_lines(lie: &Lie, lang: Lang) -> Vec<Line> {
    let text = words::rule(lie.rule);
    let mut lines = vec![Line::Headline(words::FAIL.raw(lang).to_owned())];
    let mut fact =
        |label: Text, value: &str| lines.push(Line::Item(labelled(lang, label.raw(lang), value)));
    fact(words::WHAT, text.what.raw(lang));
    fact(words::WHERE, &place(lie, lang));
    fact(words::MEANING, text.meaning.raw(lang));
    fact(words::CODE, lie.rule.code());
    for particular in &lie.particulars {
        fact(words::named(particular.name), &shown(&particular.value));
    }
    fact(words::NEXT, words::NEXT_LIE.raw(lang));
    lines
}

fn place(lie: &Lie, lang: Lang) -> String {
    match lie.leaf {
        Some(leaf) => words::WHERE_LEAF.fill(lang, &[&leaf.to_string()]),
        None => words::WHERE_LOG.raw(lang).to_owned(),
    }
}

fn lie_json(lie: &Lie, lang: Lang) -> Value {
    let text = words::rule(lie.rule);
    json!({
        "code": lie.rule.code(),
        "leaf": lie.leaf,
        "what": text.what.raw(lang),
        "meaning": text.meaning.raw(lang),
        "particulars": lie.particulars,
    })
}

/// Why there is no verdict, in one sentence.
fn reason(refusal: &Refusal, lang: Lang) -> String {
    match refusal {
        Refusal::Lie(lie) => words::rule(lie.rule).what.raw(lang).to_owned(),
        Refusal::NoLog => words::NO_LOG.raw(lang).to_owned(),
        Refusal::TooMuch => words::TOO_MUCH.raw(lang).to_owned(),
        Refusal::Unreadable { path, why } => {
            words::UNREADABLE.fill(lang, &[&shown(path), &shown(&why.to_string())])
        }
    }
}

fn unreadable_lines(refusal: &Refusal, lang: Lang) -> Vec<Line> {
    vec![
        Line::Headline(words::NO_VERDICT.raw(lang).to_owned()),
        Line::Item(reason(refusal, lang)),
        Line::Item(labelled(lang, words::NEXT.raw(lang), words::NEXT_UNREADABLE.raw(lang))),
    ]
}
