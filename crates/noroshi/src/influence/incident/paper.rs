//! A case on paper: what is known by actor, behaviour, content, degree and effect (ABCDE; Pamment 2020), how the criteria were
//! judged, and what was done. Names of private persons at home are not on it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::part::Body;
use super::read::{Part, Whole};
use crate::influence::pdf::Block;
use crate::web::locale::{Words, tokyo};

/// The five headings, with the parts below each.
const ABCDE: [(&str, &[&str]); 5] = [
    ("actor", &["hypothesis", "nexus"]),
    ("behaviour", &["behaviour"]),
    ("content", &["channel", "narrative", "asset", "observable"]),
    ("degree", &["amplification"]),
    ("effect", &["target", "harm", "speech"]),
];

fn moment(at: Timestamp) -> String {
    tokyo(at).strftime("%Y-%m-%d %H:%M").to_string()
}

fn word(words: Words, prefix: &str, code: &str) -> String {
    words.t(format!("influence-{prefix}-{}", code.replace('_', "-")))
}

/// What a part says on paper; a statement of a nexus that was not reviewed by two says nothing.
fn said(words: Words, whole: &Whole, part: &Part) -> Option<String> {
    let text = match &part.body {
        Body::Target { domestic_person: true, .. } => words.t("influence-target-withheld"),
        Body::Nexus { .. } if !whole.is_nexus_stated(&part.part) => return None,
        Body::Channel { name, channel_type, exposure, source, .. } => {
            let exposure = word(words, "choice", exposure);
            format!("{name} ({channel_type}; {exposure}) {source}")
        }
        Body::Hypothesis { actor, confidence, basis } => {
            format!("{actor} ({}): {basis}", word(words, "choice", confidence))
        }
        body => body.line(),
    };
    Some(format!("{}: {text}", word(words, "part", part.body.kind())))
}

/// The pieces of the report of a case.
pub fn blocks(words: Words, whole: &Whole) -> Vec<Block> {
    let mut out = vec![Block::Text(words.tv(
        "influence-paper-lead",
        &[
            ("id", whole.incident.incident.as_str().into()),
            ("state", word(words, "step", whole.incident.state.code()).into()),
            ("tlp", whole.incident.tlp.to_uppercase().into()),
            ("opened", moment(whole.incident.created_at).into()),
        ],
    ))];
    for (code, kinds) in ABCDE {
        out.push(Block::Heading(1, words.t(format!("influence-abcde-{code}"))));
        let parts = whole.live().filter(|part| kinds.contains(&part.body.kind()));
        let lines: Vec<Block> =
            parts.filter_map(|part| said(words, whole, part)).map(Block::Item).collect();
        if lines.is_empty() {
            out.push(Block::Text(words.t("shell-none")));
        }
        out.extend(lines);
    }
    out.push(Block::Heading(1, words.t("influence-criteria")));
    out.push(criteria(words, whole));
    out.push(Block::Heading(1, words.t("influence-procedure")));
    out.push(steps(words, whole));
    if let Some((part, digest)) = whole.notice() {
        out.push(Block::Heading(1, words.t("influence-part-notice")));
        out.push(Block::Text(part.body.line()));
        let agree = whole.votes().iter().filter(|vote| vote.agrees).count();
        let others = whole.votes().len() - agree;
        out.push(Block::Text(words.tv(
            "influence-paper-votes",
            &[
                ("digest", digest.as_str().into()),
                ("agree", words.n(agree).into()),
                ("others", words.n(others).into()),
            ],
        )));
    }
    out
}

/// Every text of a report, with its title.
pub fn texts(title: &str, blocks: &[Block]) -> Value {
    let of = |block: &Block| match block {
        Block::Heading(_, text) | Block::Text(text) | Block::Item(text) => json!(text),
        Block::Table(_, heads, rows) => json!([heads, rows]),
    };
    json!([title, blocks.iter().map(of).collect::<Vec<_>>()])
}

fn criteria(words: Words, whole: &Whole) -> Block {
    let row = |number: u8| {
        let found = whole.live().filter_map(|part| match &part.body {
            Body::Criterion { number: of, holds, finding, evidence } if *of == number => {
                Some((*holds, finding.clone(), evidence.clone()))
            }
            _ => None,
        });
        let title = format!("{number}. {}", words.t(format!("influence-criterion-{number}")));
        match found.last() {
            Some((holds, finding, evidence)) => {
                let counts = number != 2 || !holds || whole.is_nexus_stated(&evidence);
                let state = match (holds, counts) {
                    (true, true) => "influence-criterion-holds",
                    (true, false) => "influence-criterion-waits",
                    (false, _) => "influence-criterion-not",
                };
                vec![title, words.t(state), finding, evidence]
            }
            None => vec![title, words.t("influence-criterion-open"), String::new(), String::new()],
        }
    };
    let heads = ["criterion", "state", "field-finding", "field-evidence"];
    let heads = heads.iter().map(|head| words.t(format!("influence-{head}"))).collect();
    Block::Table(vec![5, 3, 5, 5], heads, (1..=4).map(row).collect())
}

fn steps(words: Words, whole: &Whole) -> Block {
    let rows = whole
        .steps
        .iter()
        .map(|step| vec![moment(step.at), word(words, "step", &step.to), step.reason.clone()]);
    let heads = ["when", "state", "field-reason"];
    let heads = heads.iter().map(|head| words.t(format!("influence-{head}"))).collect();
    Block::Table(vec![3, 3, 9], heads, rows.collect())
}
