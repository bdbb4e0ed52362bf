//! The texts in both languages: same files, same keys, same variables.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::tree::{Tree, ends_with_extension};

const FOLDER: &str = "crates/noroshi/locales";
const LANGUAGES: [&str; 2] = ["ja", "en"];

/// Variables by key; an attribute is `key.attribute`.
type Entries = BTreeMap<String, BTreeSet<String>>;

/// Japanese and English have the same files, the same keys, and use the same variables in each.
pub(super) fn equal(tree: &Tree, findings: &mut Findings) {
    if !tree.has_folder(FOLDER) {
        findings.note("there are no texts yet");
        return;
    }
    let [japanese, english] = LANGUAGES.map(|language| read_language(tree, language, findings));
    let names: BTreeSet<&String> = japanese.keys().chain(english.keys()).collect();
    for name in names {
        match (japanese.get(name), english.get(name)) {
            (Some(ja), Some(en)) => compare(name, ja, en, findings),
            (Some(_), None) => {
                findings.problem(&format!("{FOLDER}/ja/{name}"), "is not in English");
            }
            (None, _) => findings.problem(&format!("{FOLDER}/en/{name}"), "is not in Japanese"),
        }
    }
}

fn read_language(
    tree: &Tree,
    language: &str,
    findings: &mut Findings,
) -> BTreeMap<String, Entries> {
    let folder = format!("{FOLDER}/{language}");
    let mut files = BTreeMap::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for name in tree.below(&folder).filter(|name| ends_with_extension(name, "ftl")) {
        let path = format!("{folder}/{name}");
        let (entries, problems) = parse(tree.text(&path).unwrap_or_default());
        for (line, problem) in problems {
            findings.problem_at(&path, line, problem);
        }
        for key in entries.keys() {
            if let Some(owner) = owners.insert(key.clone(), name.to_owned()) {
                findings.problem(&path, format_args!("key `{key}` stands in `{owner}` too"));
            }
        }
        files.insert(name.to_owned(), entries);
    }
    files
}

fn compare(name: &str, japanese: &Entries, english: &Entries, findings: &mut Findings) {
    let keys: BTreeSet<&String> = japanese.keys().chain(english.keys()).collect();
    for key in keys {
        let path = format!("{FOLDER}/{{ja,en}}/{name}");
        match (japanese.get(key), english.get(key)) {
            (Some(ja), Some(en)) if ja != en => {
                let list = |set: &BTreeSet<String>| {
                    set.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(" ")
                };
                let what = format_args!(
                    "key `{key}` uses `{}` in Japanese and `{}` in English",
                    list(ja),
                    list(en)
                );
                findings.problem(&path, what);
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) => {
                findings.problem(&path, format_args!("key `{key}` is not in English"));
            }
            (None, _) => findings.problem(&path, format_args!("key `{key}` is not in Japanese")),
        }
    }
}

/// Reads as much of Fluent's syntax as the comparison needs; the program's own parser judges the rest.
fn parse(text: &str) -> (Entries, Vec<(usize, String)>) {
    let mut entries = Entries::new();
    let mut problems = Vec::new();
    let mut entry: Option<String> = None;
    let mut attribute: Option<String> = None;
    let mut depth = 0_usize;
    for (at, line) in text.lines().enumerate() {
        let inside = line.starts_with([' ', '}', '{']) || depth > 0;
        if line.starts_with('#') && depth == 0 {
            entry = None;
            continue;
        }
        let mut value = line;
        if let Some((key, rest)) =
            line.split_once('=').filter(|(key, _)| !inside && is_key(key.trim_end()))
        {
            let key = key.trim_end().to_owned();
            if entries.insert(key.clone(), BTreeSet::new()).is_some() {
                problems.push((at, format!("key `{key}` stands twice")));
            }
            (entry, attribute, value) = (Some(key), None, rest);
        } else if let Some((name, rest)) = line
            .trim_start()
            .strip_prefix('.')
            .and_then(|line| line.split_once('='))
            .filter(|_| depth == 0)
        {
            attribute = entry.as_ref().map(|key| format!("{key}.{}", name.trim_end()));
            value = rest;
        } else if !line.trim().is_empty() && (!inside || entry.is_none()) {
            problems.push((at, format!("`{line}` belongs to no key")));
            continue;
        }
        let Some(owner) = attribute.clone().or_else(|| entry.clone()) else { continue };
        variables(value, &mut depth, entries.entry(owner).or_default());
    }
    if depth > 0 {
        problems.push((text.lines().count().saturating_sub(1), "a `{` is never closed".to_owned()));
    }
    (entries, problems)
}

fn is_key(key: &str) -> bool {
    let key = key.strip_prefix('-').unwrap_or(key);
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Collects `$names` inside braces, and follows how deep the braces are across lines.
fn variables(value: &str, depth: &mut usize, found: &mut BTreeSet<String>) {
    let mut quoted = false;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' if *depth > 0 => quoted = !quoted,
            '\\' if quoted => drop(rest.next()),
            _ if quoted => {}
            '{' => *depth += 1,
            '}' => *depth = depth.saturating_sub(1),
            '$' if *depth > 0 => {
                let part = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
                found.insert(rest.clone().take_while(part).collect());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::problems;
    use super::*;

    fn check(japanese: &str, english: &str, wanted: &[&str]) {
        let found = problems(
            equal,
            &[
                ("crates/noroshi/locales/ja/sift.ftl", japanese),
                ("crates/noroshi/locales/en/sift.ftl", english),
            ],
        );
        assert_eq!(found, wanted, "{japanese:?} against {english:?}");
    }

    #[test]
    fn equal_texts_pass() {
        check("# 注\na = 甲 { $n } 件\n", "# note\na = { $n } items\n", &[]);
        let plural = "a =\n    { $n ->\n        [one] one { $what }\n       *[other] { $n } of { $what }\n    }\nb = x\n";
        check("a = { $what } { $n }\nb = x\n", plural, &[]);
        check("a = x\n    .title = { $t }\n", "a = y\n    .title = { $t }\n", &[]);
        check("-brand = のろし\na = { -brand }\n", "-brand = Noroshi\na = { -brand }\n", &[]);
        check("a = 5$ { \"$x {\" }\n", "a = $5\n", &[]);
    }

    #[test]
    fn a_key_in_one_language_only_is_found() {
        let place = "crates/noroshi/locales/{ja,en}/sift.ftl: key";
        check("a = x\nb = y\n", "a = x\n", &[&format!("{place} `b` is not in English")]);
        check("a = x\n", "a = x\nb = y\n", &[&format!("{place} `b` is not in Japanese")]);
        check("a = x\n    .t = y\n", "a = x\n", &[&format!("{place} `a.t` is not in English")]);
    }

    #[test]
    fn other_variables_are_found() {
        let wanted = "crates/noroshi/locales/{ja,en}/sift.ftl: key `a` uses `$n` in Japanese and `$count` in English";
        check("a = { $n }\n", "a = { $count }\n", &[wanted]);
    }

    #[test]
    fn a_file_in_one_language_only_is_found() {
        let found = problems(equal, &[("crates/noroshi/locales/ja/sift.ftl", "a = x\n")]);
        assert_eq!(found, ["crates/noroshi/locales/ja/sift.ftl: is not in English"]);
        let found = problems(equal, &[("crates/noroshi/locales/en/sift.ftl", "a = x\n")]);
        assert_eq!(found, ["crates/noroshi/locales/en/sift.ftl: is not in Japanese"]);
    }

    #[test]
    fn a_key_twice_is_found() {
        let twice = "a = x\na = y\n";
        let (_, found) = parse(twice);
        assert_eq!(found, [(1, "key `a` stands twice".to_owned())]);
        let found = problems(
            equal,
            &[
                ("crates/noroshi/locales/ja/a.ftl", "k = x\n"),
                ("crates/noroshi/locales/ja/b.ftl", "k = x\n"),
                ("crates/noroshi/locales/en/a.ftl", "k = x\n"),
                ("crates/noroshi/locales/en/b.ftl", "l = x\n"),
            ],
        );
        assert_eq!(
            found,
            [
                "crates/noroshi/locales/ja/b.ftl: key `k` stands in `a.ftl` too",
                "crates/noroshi/locales/{ja,en}/b.ftl: key `k` is not in English",
                "crates/noroshi/locales/{ja,en}/b.ftl: key `l` is not in Japanese",
            ]
        );
    }

    #[test]
    fn what_belongs_nowhere_is_found() {
        assert_eq!(parse("no key here\n").1.len(), 1);
        assert_eq!(parse("    text before any key\n").1.len(), 1);
        assert_eq!(parse("a = { $n\n").1, [(0, "a `{` is never closed".to_owned())]);
    }

    #[test]
    fn no_texts_at_all_is_said() {
        let mut findings = Findings::default();
        equal(&Tree::of(&[]), &mut findings);
        assert_eq!((findings.problems.len(), findings.notes.len()), (0, 1));
    }
}
