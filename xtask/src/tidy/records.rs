//! What the repository says about itself: changes, decisions, and what must never be.

use std::collections::BTreeMap;

use super::Findings;
use crate::code::{Source, has_word};
use crate::tree::{Tree, ends_with_extension};

const KINDS: [&str; 5] = ["added", "changed", "fixed", "security", "law"];
const NEVER: &str = "docs/never.md";
const PAINS: &str = "docs/pains.md";
const DECISIONS: &str = "docs/decisions";

/// A fragment is `changelog.d/<slug>.<kind>.md` with one line in Japanese and one in English.
pub(super) fn changelog(tree: &Tree, findings: &mut Findings) {
    for name in tree.below("changelog.d").filter(|name| *name != "README.md") {
        let path = format!("changelog.d/{name}");
        let (slug, kind) =
            name.strip_suffix(".md").and_then(|stem| stem.split_once('.')).unwrap_or_default();
        if slug.is_empty()
            || !slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            || !KINDS.contains(&kind)
        {
            findings.problem(
                &path,
                format_args!(
                    "is not named `<slug>.<kind>.md`, with a kind of {}",
                    KINDS.join(", ")
                ),
            );
        }
        let lines: Vec<&str> =
            tree.text(&path).unwrap_or_default().lines().filter(|line| !line.is_empty()).collect();
        for language in ["ja: ", "en: "] {
            let count = lines
                .iter()
                .filter(|line| {
                    line.strip_prefix(language).is_some_and(|rest| !rest.trim().is_empty())
                })
                .count();
            if count != 1 {
                findings.problem(
                    &path,
                    format_args!("has {count} lines that begin with `{language}`; one is wanted"),
                );
            }
        }
        if lines.len() > 2 {
            findings.problem(&path, "has more than the two lines");
        }
    }
}

/// Each line of the table in `docs/never.md` names tests that are in the tree.
pub(super) fn never(tree: &Tree, findings: &mut Findings) {
    names_tests(tree, findings, NEVER, &["what must never be", "test"]);
}

/// So does each line of the table in `docs/pains.md`.
pub(super) fn pains(tree: &Tree, findings: &mut Findings) {
    names_tests(tree, findings, PAINS, &["number", "what users of others met", "test"]);
}

/// The file has one table with these columns, the last of which names tests.
fn names_tests(tree: &Tree, findings: &mut Findings, file: &str, columns: &[&str]) {
    let Some(text) = tree.text(file) else {
        findings.problem(file, "is not there");
        return;
    };
    let rows = text.lines().enumerate().filter(|(_, line)| line.starts_with('|')).skip(2);
    let mut count = 0;
    for (at, row) in rows {
        count += 1;
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let Some((tests, words)) =
            cells.split_last().filter(|(_, words)| words.len() + 1 == columns.len())
        else {
            findings.problem_at(file, at, format_args!("is not `| {} |`", columns.join(" | ")));
            continue;
        };
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if words.iter().any(|word| word.is_empty()) || named.is_empty() {
            findings.problem_at(file, at, "names no test in backticks");
        }
        for name in named.iter().filter(|name| !test_exists(tree, name)) {
            findings.problem_at(file, at, format_args!("there is no test `{name}`"));
        }
    }
    if count == 0 {
        findings.problem(file, "has no table");
    }
}

/// Whether `path::name` is a test: a function marked as one, or `path::Item` above which a `compile_fail` example stands.
fn test_exists(tree: &Tree, name: &str) -> bool {
    let Some((path, item)) = name.rsplit_once("::") else { return false };
    let Some(text) = tree.text(path).filter(|_| ends_with_extension(path, "rs")) else {
        return false;
    };
    is_test(text, item) || refuses_to_compile(text, item)
}

fn is_test(text: &str, name: &str) -> bool {
    let marks =
        |line: &str| line.starts_with("#[") && (line.contains("test]") || line.contains("::test("));
    defined_under(text, name, &["fn"], marks)
}

fn refuses_to_compile(text: &str, item: &str) -> bool {
    let marks = |line: &str| line.starts_with("///") && line.contains("```compile_fail");
    defined_under(text, item, &["struct", "enum", "fn", "mod"], marks)
}

/// Whether an item of one of these kinds stands in the code under a line that `marks` accepts.
fn defined_under(text: &str, name: &str, kinds: &[&str], marks: impl Fn(&str) -> bool) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let code = Source::of(text).code;
    code.lines().enumerate().any(|(at, line)| {
        let defined = kinds.iter().any(|kind| has_word(line, &format!("{kind} {name}")));
        defined && above(&lines, at).any(&marks)
    })
}

/// The attributes and documentation directly above a line, nearest first.
fn above<'line>(lines: &'line [&'line str], at: usize) -> impl Iterator<Item = &'line str> {
    let lines = lines.get(..at).unwrap_or_default().iter().rev().map(|line| line.trim());
    let ends_another = |line: &str| line.is_empty() || line.ends_with(['}', ';']);
    lines.take_while(move |line| line.starts_with("//") || !ends_another(line))
}

/// Decisions are `NNNN-title.md`, and no number stands twice.
pub(super) fn decisions(tree: &Tree, findings: &mut Findings) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for name in tree.below(DECISIONS) {
        let path = format!("{DECISIONS}/{name}");
        let number = name
            .strip_suffix(".md")
            .and_then(|stem| stem.split_once('-'))
            .map(|(number, _)| number);
        let Some(number) =
            number.filter(|number| number.len() == 4 && number.chars().all(|c| c.is_ascii_digit()))
        else {
            findings.problem(&path, "is not named `NNNN-title.md`");
            continue;
        };
        if let Some(other) = taken.insert(number, name) {
            findings.problem(&path, format_args!("has the number of `{other}`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::problems;
    use super::*;

    fn check(rule: fn(&Tree, &mut Findings), files: &[(&str, &str)], wanted: &[&str]) {
        assert_eq!(problems(rule, files), wanted, "{files:?}");
    }

    #[test]
    fn fragments_are_checked() {
        let both = "ja: 追加\nen: added\n";
        check(
            changelog,
            &[("changelog.d/sift-eve.added.md", both), ("changelog.d/README.md", "x")],
            &[],
        );
        let name =
            "is not named `<slug>.<kind>.md`, with a kind of added, changed, fixed, security, law";
        for bad in ["sift.new.md", "Sift.added.md", "sift.added.txt", "sift.md", ".added.md"] {
            check(
                changelog,
                &[(&format!("changelog.d/{bad}"), both)],
                &[&format!("changelog.d/{bad}: {name}")],
            );
        }
        let one = "changelog.d/a.added.md: has 0 lines that begin with `en: `; one is wanted";
        check(changelog, &[("changelog.d/a.added.md", "ja: 追加\n")], &[one]);
        check(changelog, &[("changelog.d/a.added.md", "ja: 追加\nen: \n")], &[one]);
        let more = "changelog.d/a.added.md: has more than the two lines";
        check(changelog, &[("changelog.d/a.added.md", "ja: 追加\nen: added\nand more\n")], &[more]);
    }

    const HEAD: &str = "# Never\n\n| what | test |\n|---|---|\n";

    fn never_row(row: &str, wanted: &[&str]) {
        let tests = "/// A type.\n/// ```compile_fail\n/// fn f() {}\n/// ```\npub struct Sealed;\n\npub struct Open;\n\n#[test]\nfn holds() {}\n\nfn helper() {}\n\n#[tokio::test]\nasync fn waits() {}\n";
        check(never, &[(NEVER, &format!("{HEAD}{row}\n")), ("crates/x/src/a.rs", tests)], wanted);
    }

    #[test]
    fn a_promise_names_its_test() {
        never_row("| lose a report | `crates/x/src/a.rs::holds` |", &[]);
        never_row(
            "| lose a report | `crates/x/src/a.rs::holds`, `crates/x/src/a.rs::waits` |",
            &[],
        );
        never_row("| print content | `crates/x/src/a.rs::Sealed` |", &[]);
        for absent in [
            "crates/x/src/a.rs::gone",
            "crates/x/src/a.rs::helper",
            "crates/x/src/a.rs::Open",
            "crates/y.rs::holds",
            "holds",
        ] {
            never_row(
                &format!("| lose a report | `{absent}` |"),
                &[&format!("docs/never.md:5: there is no test `{absent}`")],
            );
        }
        never_row("| lose a report | a test |", &["docs/never.md:5: names no test in backticks"]);
        never_row(
            "| lose a report |",
            &["docs/never.md:5: is not `| what must never be | test |`"],
        );
    }

    #[test]
    fn the_list_itself_must_be_there() {
        check(never, &[], &["docs/never.md: is not there"]);
        check(never, &[(NEVER, "# Never\n")], &["docs/never.md: has no table"]);
        check(pains, &[], &["docs/pains.md: is not there"]);
    }

    #[test]
    fn a_pain_has_a_number_and_its_test() {
        let row = |row: &str| format!("| no | met | test |\n|---|---|---|\n{row}\n");
        let test = ("crates/x/src/a.rs", "#[test]\nfn holds() {}\n");
        let whole = row("| 1 | it crawls | `crates/x/src/a.rs::holds` |");
        check(pains, &[(PAINS, &whole), test], &[]);
        check(
            pains,
            &[(PAINS, &row("| it crawls | `crates/x/src/a.rs::holds` |")), test],
            &["docs/pains.md:3: is not `| number | what users of others met | test |`"],
        );
        check(
            pains,
            &[(PAINS, &whole)],
            &["docs/pains.md:3: there is no test `crates/x/src/a.rs::holds`"],
        );
    }

    #[test]
    fn decisions_are_numbered_once() {
        check(
            decisions,
            &[("docs/decisions/0001-a.md", ""), ("docs/decisions/0002-b.md", "")],
            &[],
        );
        let twice = "docs/decisions/0001-b.md: has the number of `0001-a.md`";
        check(
            decisions,
            &[("docs/decisions/0001-a.md", ""), ("docs/decisions/0001-b.md", "")],
            &[twice],
        );
        check(
            decisions,
            &[("docs/decisions/a.md", "")],
            &["docs/decisions/a.md: is not named `NNNN-title.md`"],
        );
    }
}
