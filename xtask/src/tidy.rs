//! The rules of this tree. Each is a pure function over [`Tree`] with a test that breaks it.
//!
//! A rule says what is wrong and where; what to do follows from its `why`.

mod edges;
mod locales;
mod pillars;
mod records;
mod rust;
mod text;

use std::path::Path;

use anyhow::bail;

use crate::stage::say;
use crate::tree::Tree;

/// Which crate may depend on which: facts flow one way. Adding a line here is an architectural decision.
///
/// ```text
///         +-- codec ---------------+
///         +-- sift ---- hunt ------+
/// evidence+-- insight -------------+-- noroshi
///         +-- charter -------------+
///                       ledger ----+
/// ```
const EDGES: [(&str, &str); 13] = [
    ("noroshi-codec", "noroshi-evidence"),
    ("noroshi-sift", "noroshi-evidence"),
    ("noroshi-insight", "noroshi-evidence"),
    ("noroshi-charter", "noroshi-evidence"),
    ("noroshi-hunt", "noroshi-evidence"),
    ("noroshi-hunt", "noroshi-sift"),
    ("noroshi", "noroshi-evidence"),
    ("noroshi", "noroshi-codec"),
    ("noroshi", "noroshi-sift"),
    ("noroshi", "noroshi-hunt"),
    ("noroshi", "noroshi-insight"),
    ("noroshi", "noroshi-charter"),
    ("noroshi", "noroshi-ledger"),
];

/// The pillars: one word each, used for the module, its templates, texts and docs page.
const PILLARS: [&str; 9] = [
    "intake",
    "sift",
    "analyse",
    "influence",
    "response",
    "share",
    "readiness",
    "standard",
    "oversight",
];

struct Rule {
    name: &'static str,
    why: &'static str,
    check: fn(&Tree, &mut Findings),
}

const RULES: &[Rule] = &[
    Rule {
        name: "edges",
        why: "facts flow one way; the allowed edges stand in xtask/src/tidy.rs",
        check: edges::crates,
    },
    Rule {
        name: "manifests",
        why: "lints and licence are said once, in the workspace",
        check: edges::manifests,
    },
    Rule {
        name: "anyhow",
        why: "only the two programs at the very end may forget what failed",
        check: edges::anyhow,
    },
    Rule {
        name: "locales",
        why: "both languages say the same things about the same values",
        check: locales::equal,
    },
    Rule {
        name: "pillars",
        why: "a pillar's one word is the address of everything it has",
        check: pillars::complete,
    },
    Rule {
        name: "doors",
        why: "a pillar uses another pillar's `read`, never its `act`",
        check: pillars::doors,
    },
    Rule {
        name: "unfinished",
        why: "what is to be done is an issue with a number",
        check: text::unfinished,
    },
    Rule {
        name: "opaque",
        why: "what cannot be read in a review does not come in",
        check: text::opaque,
    },
    Rule { name: "size", why: "a checkout stays small", check: text::size },
    Rule { name: "space", why: "differences show what changed", check: text::space },
    Rule {
        name: "machine paths",
        why: "the tree means the same on every machine",
        check: text::machine_paths,
    },
    Rule {
        name: "front door",
        why: "a crate opens with the question it answers",
        check: rust::front_door,
    },
    Rule {
        name: "tests run",
        why: "a test that is ignored or sleeps tells nothing",
        check: rust::tests_run,
    },
    Rule {
        name: "words",
        why: "what people read lives in locales, in both languages",
        check: rust::words,
    },
    Rule {
        name: "changelog",
        why: "a fragment a change, in both languages, collides with nobody",
        check: records::changelog,
    },
    Rule { name: "never", why: "a promise without a test is a hope", check: records::never },
    Rule {
        name: "pains",
        why: "what others suffer from is no pain here only while a test says so",
        check: records::pains,
    },
    Rule { name: "decisions", why: "a decision is cited by its number", check: records::decisions },
];

/// What the rules found.
#[derive(Default)]
struct Findings {
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    /// Something is wrong with a file.
    fn problem(&mut self, path: &str, what: impl std::fmt::Display) {
        self.problems.push(format!("{path}: {what}"));
    }

    /// Something is wrong in a line, counted from 0 here and from 1 where it is printed.
    fn problem_at(&mut self, path: &str, line: usize, what: impl std::fmt::Display) {
        self.problems.push(format!("{path}:{}: {what}", line + 1));
    }

    /// A rule had nothing to look at.
    fn note(&mut self, what: &str) {
        self.notes.push(what.to_owned());
    }
}

/// Runs every rule on the checkout and prints what is wrong.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let tree = Tree::load(root)?;
    let mut count = 0;
    for rule in RULES {
        let mut findings = Findings::default();
        (rule.check)(&tree, &mut findings);
        for note in &findings.notes {
            say(&format!("tidy: {}: {note}", rule.name));
        }
        if !findings.problems.is_empty() {
            say(&format!("tidy: {} ({})", rule.name, rule.why));
        }
        for problem in &findings.problems {
            say(&format!("  {problem}"));
        }
        count += findings.problems.len();
    }
    match count {
        0 => {
            say(&format!("tidy: {} rules hold", RULES.len()));
            Ok(())
        }
        1 => bail!("1 problem"),
        more => bail!("{more} problems"),
    }
}

#[cfg(test)]
fn problems(check: fn(&Tree, &mut Findings), files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Findings::default();
    check(&Tree::of(files), &mut findings);
    findings.problems
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn chain(from: &str, depth: usize) -> usize {
        assert!(depth < 20, "a cycle through `{from}`");
        EDGES
            .iter()
            .filter(|(user, _)| *user == from)
            .map(|(_, used)| chain(used, depth + 1))
            .max()
            .unwrap_or(0)
            + 1
    }

    #[test]
    fn the_table_has_no_cycle_and_its_longest_chain_is_four_crates() {
        assert_eq!(EDGES.iter().collect::<BTreeSet<_>>().len(), 13, "an edge stands twice");
        assert_eq!(EDGES.iter().map(|(user, _)| chain(user, 0)).max(), Some(4));
    }

    #[test]
    fn the_ledger_uses_none_of_ours() {
        assert!(EDGES.iter().all(|(user, _)| *user != "noroshi-ledger"));
    }

    #[test]
    fn names_of_rules_are_unique() {
        assert_eq!(RULES.iter().map(|rule| rule.name).collect::<BTreeSet<_>>().len(), RULES.len());
    }
}
