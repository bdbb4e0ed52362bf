//! Tables for people: hits and generated names as CSV that a spreadsheet does not execute.

use std::fmt::Write as _;

use super::generate::Generated;
use super::matcher::{Difference, Hit};

/// Characters with which a spreadsheet begins a formula (OWASP, CSV Injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// One cell: quoted by RFC 4180 §2 where it must be, an apostrophe before what a spreadsheet would execute.
fn cell(out: &mut String, text: &str) {
    let guarded = text.starts_with(FORMULA);
    let quoted = guarded || text.contains([',', '"', '\n', '\r']);
    if quoted {
        out.push('"');
    }
    if guarded {
        out.push('\'');
    }
    for character in text.chars() {
        if character == '"' {
            out.push('"');
        }
        out.push(character);
    }
    if quoted {
        out.push('"');
    }
}

fn row(out: &mut String, cells: &[&str]) {
    for (at, text) in cells.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        cell(out, text);
    }
    out.push_str("\r\n");
}

/// Hits as CSV, in the order given: host, unicode, registrable, rule, score, protected, difference, suffixes.
pub fn csv_hits<'a>(hits: impl IntoIterator<Item = &'a Hit>) -> String {
    let mut out = String::new();
    row(
        &mut out,
        &[
            "host",
            "unicode",
            "registrable",
            "rule",
            "score_percent",
            "protected",
            "difference",
            "suffix_protected",
            "suffix_candidate",
        ],
    );
    for hit in hits {
        let suffix = hit.suffix.as_ref();
        row(
            &mut out,
            &[
                &hit.host,
                &hit.unicode,
                &hit.registrable,
                hit.rule.code(),
                &hit.score_percent.to_string(),
                hit.protected.as_deref().unwrap_or_default(),
                &difference(&hit.difference),
                suffix.map_or("", |suffix| suffix.protected.as_str()),
                suffix.map_or("", |suffix| suffix.candidate.as_str()),
            ],
        );
    }
    out
}

/// Generated names as CSV: host, unicode, technique.
pub fn csv_candidates(generated: &Generated) -> String {
    let mut out = String::new();
    row(&mut out, &["host", "unicode", "technique"]);
    for candidate in &generated.candidates {
        row(&mut out, &[&candidate.host, &candidate.unicode, candidate.technique.code()]);
    }
    out
}

/// What differs, in words of the data; places count from 0 in the candidate's label.
fn difference(difference: &Difference) -> String {
    let mut out = String::new();
    match difference {
        Difference::Suffix => out.push_str("suffix"),
        Difference::Hyphens => out.push_str("hyphens"),
        Difference::Dots { www } => out.push_str(if *www { "dots www" } else { "dots" }),
        Difference::Looks(pairs) => {
            out.push_str("looks");
            for (at, protected, candidate) in pairs {
                put(&mut out, format_args!(" {at}:{protected}>{candidate}"));
            }
        }
        Difference::Reading(form) => put(&mut out, format_args!("reading {form}")),
        Difference::Edits(edits) => {
            for (number, edit) in edits.iter().enumerate() {
                let between = if number == 0 { "" } else { " " };
                let name = |c: Option<char>| c.map_or_else(String::new, String::from);
                let (from, to) = (name(edit.protected), name(edit.candidate));
                put(
                    &mut out,
                    format_args!("{between}{} {}:{from}>{to}", edit.kind.code(), edit.at),
                );
            }
        }
        Difference::Words(words) => {
            out.push_str("words");
            for (word, class) in words {
                put(&mut out, format_args!(" {word}/{}", class.code()));
            }
        }
        Difference::Embedded(part) => put(&mut out, format_args!("embedded {part}")),
        Difference::Government(suffix) => put(&mut out, format_args!("government {suffix}")),
        Difference::Scripts(label) => put(&mut out, format_args!("scripts {label}")),
    }
    out
}

/// Writing to a text cannot fail.
fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(what);
    debug_assert!(written.is_ok(), "a text takes what is written to it");
}
