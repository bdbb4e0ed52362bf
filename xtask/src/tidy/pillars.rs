//! What a pillar has, and what it may take from another.

use super::{Findings, PILLARS};
use crate::code::{Source, Tests, has_word};
use crate::tree::Tree;

const HOUSE: &str = "crates/noroshi/src";

/// Folders of the house that are no pillars and must keep out of their `act` all the same.
const OTHER_ROOMS: [&str; 3] = ["evidence", "office", "web"];

/// Where the doors are hung: the list of routes, and the story told with all pillars.
const DOORKEEPERS: [&str; 3] = ["web/router.rs", "demo.rs", "demo/"];

/// A pillar with pages has its templates; every pillar has texts in both languages and a page of documentation.
pub(super) fn complete(tree: &Tree, findings: &mut Findings) {
    let there = |pillar: &&&str| tree.has_folder(&format!("{HOUSE}/{pillar}"));
    for pillar in PILLARS.iter().filter(there) {
        let folder = format!("{HOUSE}/{pillar}");
        let pages = tree.has(&format!("{folder}/pages.rs"));
        let templates = format!("crates/noroshi/templates/{pillar}");
        if pages && !tree.has_folder(&templates) {
            findings.problem(&folder, format_args!("has pages and no `{templates}`"));
        }
        let texts =
            ["ja", "en"].map(|language| format!("crates/noroshi/locales/{language}/{pillar}.ftl"));
        for wanted in texts.iter().chain([&format!("docs/pillars/{pillar}.md")]) {
            if !tree.has(wanted) {
                findings.problem(&folder, format_args!("has no `{wanted}`"));
            }
        }
    }
}

/// No file in one room of the house uses the `act` of another room that is a pillar.
pub(super) fn doors(tree: &Tree, findings: &mut Findings) {
    let tests_of = Tests::of(tree);
    for (path, text) in tree.rust() {
        let Some(inside) = path.strip_prefix(HOUSE).and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        let Some((room, _)) = inside.split_once('/') else { continue };
        let keeper = DOORKEEPERS
            .iter()
            .any(|place| inside == *place || (place.ends_with('/') && inside.starts_with(place)));
        if keeper || !(PILLARS.contains(&room) || OTHER_ROOMS.contains(&room)) {
            continue;
        }
        let code = Source::of(text).code;
        let tests = tests_of.lines(path, &code);
        for other in PILLARS.iter().filter(|other| **other != room) {
            for at in uses_of_act(&code, other)
                .into_iter()
                .filter(|at| !tests.iter().any(|range| range.contains(at)))
            {
                findings.problem_at(path, at, format_args!("uses `{other}::act`"));
            }
        }
    }
}

/// The lines that name `pillar::act`, also as part of `pillar::{…}`.
fn uses_of_act(code: &str, pillar: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut lines = Vec::new();
    for (at, _) in code.match_indices(pillar) {
        let (Some(before), Some(rest)) = (code.get(..at), code.get(at + pillar.len()..)) else {
            continue;
        };
        let Some(rest) = rest.trim_start().strip_prefix("::").map(str::trim_start) else {
            continue;
        };
        if before.ends_with(part) {
            continue;
        }
        let named = match rest.strip_prefix('{') {
            Some(group) => has_word(top_level(group).as_str(), "act"),
            None => rest.split(|c| !part(c)).next() == Some("act"),
        };
        if named {
            lines.push(before.matches('\n').count());
        }
    }
    lines
}

/// The names a `{…}` group of imports takes directly: what comes after the first `::` of each is left out.
fn top_level(group: &str) -> String {
    let mut depth = 0_usize;
    let mut names = String::new();
    let mut deeper = false;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => (deeper, names) = (false, names + " "),
            ':' if depth == 0 => (deeper, names) = (true, names + " "),
            // `act::File` names the module too, so what stands before the colons was kept.
            c if depth == 0 && !deeper => names.push(c),
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::problems;
    use super::*;

    #[test]
    fn a_pillar_without_its_things_is_found() {
        let found = problems(complete, &[("crates/noroshi/src/sift/pages.rs", "")]);
        assert_eq!(
            found,
            [
                "crates/noroshi/src/sift: has pages and no `crates/noroshi/templates/sift`",
                "crates/noroshi/src/sift: has no `crates/noroshi/locales/ja/sift.ftl`",
                "crates/noroshi/src/sift: has no `crates/noroshi/locales/en/sift.ftl`",
                "crates/noroshi/src/sift: has no `docs/pillars/sift.md`",
            ]
        );
    }

    #[test]
    fn a_complete_pillar_and_an_absent_one_pass() {
        let files = [
            "crates/noroshi/src/sift/act.rs",
            "crates/noroshi/locales/ja/sift.ftl",
            "crates/noroshi/locales/en/sift.ftl",
            "docs/pillars/sift.md",
        ];
        assert_eq!(problems(complete, &files.map(|path| (path, ""))), Vec::<String>::new());
    }

    fn check(path: &str, text: &str, wanted: &[usize]) {
        let found = problems(doors, &[(path, text)]);
        let wanted: Vec<String> =
            wanted.iter().map(|line| format!("{path}:{line}: uses `response::act`")).collect();
        assert_eq!(found, wanted, "{text:?}");
    }

    #[test]
    fn another_pillars_act_is_out_of_bounds() {
        let sift = "crates/noroshi/src/sift/pages.rs";
        check(sift, "use crate::response::act;\n", &[1]);
        check(sift, "fn f() {\n    crate::response::act::ask();\n}\n", &[2]);
        check(sift, "use super::super::response::act::Ask;\n", &[1]);
        check(sift, "use crate::response::{act, read};\n", &[1]);
        check(sift, "use crate::response::{\n    read::X, act::Ask,\n};\n", &[1]);
        check(sift, "use crate::{response::act};\n", &[1]);
        check("crates/noroshi/src/web/layout.rs", "use crate::response::act;\n", &[1]);
        check("crates/noroshi/src/office/jobs.rs", "use crate::response::act;\n", &[1]);
    }

    #[test]
    fn what_is_allowed_passes() {
        let sift = "crates/noroshi/src/sift/pages.rs";
        check(sift, "use crate::response::read;\nuse crate::response::read::act;\n", &[]);
        check(sift, "use crate::response::{read::act};\n", &[]);
        check(sift, "// crate::response::act\nlet x = \"response::act\";\n", &[]);
        check(sift, "use crate::response::action;\nuse crate::no_response::act;\n", &[]);
        check(sift, "#[cfg(test)]\nmod tests {\n    use crate::response::act;\n}\n", &[]);
        check("crates/noroshi/src/response/pages.rs", "use crate::response::act;\n", &[]);
        check("crates/noroshi/src/web/router.rs", "use crate::response::act;\n", &[]);
        check("crates/noroshi/src/demo/story.rs", "use crate::response::act;\n", &[]);
    }
}
