//! Rules for Rust sources.

use super::Findings;
use crate::code::{Source, Tests};
use crate::tree::Tree;

/// Sources that must hold Japanese in quotes; a folder ends in `/`.
const JAPANESE: &[&str] = &[
    // Names of national holidays come from the law.
    "crates/noroshi-charter/src/calendar.rs",
    // Names of parties and bodies that are no seed of a collection: data that is held against, never shown.
    "crates/noroshi-charter/src/gathering.rs",
    // Full-width dots that would slip past a rule about names.
    "crates/noroshi-charter/src/guard.rs",
    // Words that stand in tables people send: data that is read, never shown.
    "crates/noroshi-codec/src/csv.rs",
    // Full-width forms of addresses and names, folded where they are read.
    "crates/noroshi-evidence/src/observable.rs",
    // Words before a version, and defanged forms, in text that people paste.
    "crates/noroshi-evidence/src/paste.rs",
    // Made-up names that a bench looks for.
    "crates/noroshi-insight/examples/lookalike_rate.rs",
    // Full-width signs with which a spreadsheet begins a formula.
    "crates/noroshi-insight/src/coordination/export.rs",
    // Kana, kanji and full-width forms that look or read alike.
    "crates/noroshi-insight/src/lookalike/",
    // Letters that may not begin or end a line of a report.
    "crates/noroshi/src/influence/pdf.rs",
    // The verifier depends on none of ours and brings both languages itself.
    "crates/noroshi-ledger/src/words.rs",
    // What the fictional people of the story type: data, like a fixture, and in their own language only.
    "crates/noroshi/src/demo/",
    // The full-width sign of a hashtag, folded where it is read.
    "crates/noroshi/src/influence/cli/table.rs",
    "crates/noroshi/src/influence/gather.rs",
    // Words that judge, which a narrative may not use: held against, never shown.
    "crates/noroshi/src/influence/incident/part.rs",
];

/// Each crate's `lib.rs` opens with module documentation.
pub(super) fn front_door(tree: &Tree, findings: &mut Findings) {
    let door = |path: &str| path.starts_with("crates/") && path.ends_with("/src/lib.rs");
    for (path, text) in tree.rust().filter(|(path, _)| door(path)) {
        if !text.starts_with("//!") {
            findings.problem(path, "does not open with `//!`");
        }
    }
}

/// No test is ignored, and none waits for time to pass.
pub(super) fn tests_run(tree: &Tree, findings: &mut Findings) {
    let tests_of = Tests::of(tree);
    for (path, text) in tree.rust() {
        let code = Source::of(text).code;
        let tests = tests_of.lines(path, &code);
        for (at, line) in code.lines().enumerate() {
            if line.contains("#[ignore") {
                findings.problem_at(path, at, "ignores a test");
            }
            if tests.iter().any(|range| range.contains(&at)) && sleeps(line) {
                findings.problem_at(
                    path,
                    at,
                    "sleeps in a test; wait for what must happen instead",
                );
            }
        }
    }
}

fn sleeps(line: &str) -> bool {
    line.match_indices("sleep(").any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// No Japanese in quotes outside tests and the files that read what people type. Comments may cite the law.
pub(super) fn words(tree: &Tree, findings: &mut Findings) {
    let tests_of = Tests::of(tree);
    let exempt = |path: &str| {
        path.starts_with("xtask/")
            || JAPANESE
                .iter()
                .any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)))
    };
    for (path, text) in tree.rust().filter(|(path, _)| !exempt(path)) {
        let source = Source::of(text);
        let tests = tests_of.lines(path, &source.code);
        for (at, line) in source.spoken.lines().enumerate() {
            if line.contains(japanese) && !tests.iter().any(|range| range.contains(&at)) {
                findings.problem_at(path, at, "has Japanese that belongs into `locales`");
            }
        }
    }
}

fn japanese(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use super::super::problems;
    use super::*;

    #[test]
    fn a_lib_without_a_question_is_found() {
        let found = problems(
            front_door,
            &[
                ("crates/noroshi-sift/src/lib.rs", "pub mod a;\n"),
                ("crates/noroshi-codec/src/lib.rs", "//! How do others say it?\n"),
                ("crates/noroshi-codec/src/rpz.rs", "use a::b;\n"),
            ],
        );
        assert_eq!(found, ["crates/noroshi-sift/src/lib.rs: does not open with `//!`"]);
    }

    #[test]
    fn ignored_and_sleeping_tests_are_found() {
        let check = |path: &str, text: &str, wanted: usize| {
            assert_eq!(problems(tests_run, &[(path, text)]).len(), wanted, "{text:?}");
        };
        check("crates/x/src/a.rs", "#[ignore]\nfn a() {}\n", 1);
        check("crates/x/src/a.rs", "#[ignore = \"slow\"]\nfn a() {}\n", 1);
        check("crates/x/tests/it/a.rs", "std::thread::sleep(d);\n", 1);
        check("crates/x/tests/it/a.rs", "tokio::time::sleep(d).await;\n", 1);
        check("crates/x/src/a.rs", "#[cfg(test)]\nmod tests {\n    fn a() { sleep(d) }\n}\n", 1);
        check("crates/x/src/jobs.rs", "tokio::time::sleep(d).await;\n", 0);
        check("crates/x/tests/it/a.rs", "// sleep(d)\nlet x = \"#[ignore]\";\nno_sleep(d);\n", 0);
    }

    #[test]
    fn japanese_outside_locales_is_found() {
        let check = |path: &str, text: &str, wanted: usize| {
            assert_eq!(problems(words, &[(path, text)]).len(), wanted, "{path} {text:?}");
        };
        check("crates/noroshi/src/sift/pages.rs", "let a = \"報告\";\n", 1);
        check("crates/noroshi/src/sift/pages.rs", "let a = 'ア';\n", 1);
        check("crates/noroshi/src/sift/pages.rs", "let a = \"ＡＢＣ\";\n", 1);
        check("crates/noroshi/src/sift/pages.rs", "/// \"Promptly\" (速やかに).\nlet a = 1;\n", 0);
        check(
            "crates/noroshi/src/sift/pages.rs",
            "#[cfg(test)]\nmod tests {\n    const A: &str = \"報告\";\n}\n",
            0,
        );
        check("crates/noroshi/tests/it/sift.rs", "let a = \"報告\";\n", 0);
        check("crates/noroshi-ledger/src/words.rs", "let a = \"報告\";\n", 0);
        check("crates/noroshi/src/demo/nation.rs", "let a = \"報告\";\n", 0);
        check("crates/noroshi/src/demo.rs", "let a = \"報告\";\n", 1);
    }
}
