//! Pages about the rules of law, made from the module documentation of `noroshi-charter`.
//!
//! A file whose documentation has *What it decides* is a rule. It then must have all four sections, which may be
//! written as headings (`# Source`), or as the beginning of a paragraph (`*Source*: …`, `**Source.** …`).

use crate::tree::Tree;

const SOURCES: &str = "crates/noroshi-charter/src";

/// The sections of a rule, in the order in which a page has them.
pub(crate) const SECTIONS: [&str; 4] = ["What it decides", "Source", "Refuses when", "Example"];

/// A page to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Name of the file, without its folder.
    pub(crate) name: String,
    /// Its Markdown, without the line that says it is generated.
    pub(crate) text: String,
}

/// One page a rule, and a table of contents. What cannot be made into a page is said instead.
pub(crate) fn pages(tree: &Tree) -> Result<Vec<Page>, Vec<String>> {
    let mut pages = Vec::new();
    let mut problems = Vec::new();
    let mut contents = String::from(
        "# Rules\n\nOne file of `noroshi-charter` each.\n\n| rule | what it decides |\n|---|---|\n",
    );
    for (path, text) in tree.rust() {
        let Some(module) =
            path.strip_prefix(SOURCES).and_then(|rest| rest.strip_prefix('/')?.strip_suffix(".rs"))
        else {
            continue;
        };
        let rule = match Rule::read(&module_documentation(text)) {
            Ok(Some(rule)) => rule,
            Ok(None) => continue,
            Err(lacks) => {
                problems.push(format!("{path}: {lacks}"));
                continue;
            }
        };
        let name = module.replace('/', "-");
        contents += &rule.row(&name);
        pages.push(Page { name: format!("{name}.md"), text: rule.markdown(path) });
    }
    pages.push(Page { name: "README.md".to_owned(), text: contents });
    if problems.is_empty() { Ok(pages) } else { Err(problems) }
}

/// The `//!` lines a file opens with, without their marks.
fn module_documentation(text: &str) -> Vec<&str> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect()
}

struct Rule {
    title: String,
    introduction: String,
    /// Texts in the order of [`SECTIONS`].
    sections: [String; 4],
}

impl Rule {
    fn read(lines: &[&str]) -> Result<Option<Self>, String> {
        let mut introduction = String::new();
        let mut sections: [Option<String>; 4] = [None, None, None, None];
        let mut current: Option<usize> = None;
        let mut fence = Fence::Outside;
        for line in lines {
            if let (Some((section, rest)), Fence::Outside) = (section_start(line), fence) {
                if let Some(slot) = sections.get_mut(section) {
                    if slot.is_some() {
                        return Err(format!(
                            "*{}* stands twice",
                            SECTIONS.get(section).unwrap_or(&"")
                        ));
                    }
                    *slot = Some(rest.to_owned() + "\n");
                }
                current = Some(section);
                continue;
            }
            let Some(line) = fence.step(line) else { continue };
            let slot = current
                .and_then(|section| sections.get_mut(section)?.as_mut())
                .unwrap_or(&mut introduction);
            slot.push_str(&line);
            slot.push('\n');
        }
        if sections.first().is_none_or(Option::is_none) {
            return Ok(None);
        }
        let mut missing = SECTIONS
            .iter()
            .zip(&sections)
            .filter(|(_, text)| text.as_ref().is_none_or(|text| text.trim().is_empty()));
        if let Some((section, _)) = missing.next() {
            return Err(format!("has no *{section}*"));
        }
        let introduction = introduction.trim();
        let (title, introduction) = introduction.split_once('\n').unwrap_or((introduction, ""));
        let title = title.trim_start_matches('#').trim().trim_end_matches('.').to_owned();
        if title.is_empty() {
            return Err("has no first line to take a title from".to_owned());
        }
        let sections = sections.map(|text| text.unwrap_or_default().trim().to_owned());
        Ok(Some(Self { title, introduction: introduction.trim().to_owned(), sections }))
    }

    /// What it decides, on one line of a table.
    fn decides(&self) -> String {
        let [decides, ..] = &self.sections;
        let first = decides.split("\n\n").next().unwrap_or_default();
        first.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
    }

    /// Its row in the table of contents.
    fn row(&self, name: &str) -> String {
        format!("| [{}]({name}.md) | {} |\n", self.title, self.decides())
    }

    fn markdown(&self, path: &str) -> String {
        let mut parts = vec![format!("# {}", self.title), self.introduction.clone()];
        for (section, body) in SECTIONS.iter().zip(&self.sections) {
            parts.push(format!("## {section}"));
            parts.push(body.clone());
        }
        parts.push(format!("Kept in [`{path}`](../../{path}).\n"));
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }
}

/// Which section a line opens, and what of its text stands in the same line.
fn section_start(line: &str) -> Option<(usize, &str)> {
    let bare = line.trim_start_matches('#').trim_start().trim_start_matches('*');
    if bare.len() == line.len() {
        return None;
    }
    SECTIONS.iter().enumerate().find_map(|(at, section)| {
        let rest = bare.strip_prefix(section)?;
        let marks = rest.trim_start_matches(['*', '.', ':', ' ']);
        (marks.len() < rest.len() || rest.is_empty()).then_some((at, marks))
    })
}

/// Whether one is between fences, and of which kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    Outside,
    Rust,
    Other,
}

impl Fence {
    /// The line as a page has it: none where rustdoc hides it too.
    fn step(&mut self, line: &str) -> Option<String> {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            let hidden =
                *self == Self::Rust && (line.trim() == "#" || line.trim_start().starts_with("# "));
            return (!hidden).then(|| line.to_owned());
        };
        if *self != Self::Outside {
            *self = Self::Outside;
            return Some("```".to_owned());
        }
        let rust = ["", "rust", "no_run", "should_panic", "compile_fail"]
            .contains(&language.split(',').next().unwrap_or_default().trim());
        *self = if rust { Self::Rust } else { Self::Other };
        Some(if rust { "```rust".to_owned() } else { line.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: &str = "\
//! The clock of the final report.
//!
//! # What it decides
//! By when a report | must be there.
//!
//! # Source
//! Order art. 4(2).
//!
//! *Refuses when*: never.
//!
//! **Example.**
//! ```
//! # use hidden::Thing;
//! let due = 30;
//! ```
//!
//! ```text
//! # shown
//! ```
use a::b;
//! not part of it
";

    #[test]
    fn a_rule_becomes_a_page() {
        let tree = Tree::of(&[
            ("crates/noroshi-charter/src/clock.rs", CLOCK),
            ("crates/noroshi-charter/src/lib.rs", "//! Why?\n"),
        ]);
        let pages = pages(&tree).unwrap();
        let [clock, contents] = pages.as_slice() else { panic!("{pages:?}") };
        assert_eq!(clock.name, "clock.md");
        assert_eq!(
            clock.text,
            "# The clock of the final report\n\n\
             ## What it decides\n\nBy when a report | must be there.\n\n\
             ## Source\n\nOrder art. 4(2).\n\n\
             ## Refuses when\n\nnever.\n\n\
             ## Example\n\n```rust\nlet due = 30;\n```\n\n```text\n# shown\n```\n\n\
             Kept in [`crates/noroshi-charter/src/clock.rs`](../../crates/noroshi-charter/src/clock.rs).\n"
        );
        assert!(contents.text.ends_with(
            "| [The clock of the final report](clock.md) | By when a report \\| must be there. |\n"
        ));
    }

    fn check(text: &str, problem: &str) {
        let tree = Tree::of(&[("crates/noroshi-charter/src/a.rs", text)]);
        assert_eq!(pages(&tree), Err(vec![format!("crates/noroshi-charter/src/a.rs: {problem}")]));
    }

    #[test]
    fn a_rule_without_a_section_is_refused() {
        check(
            "//! T\n//! # What it decides\n//! x\n//! # Source\n//! x\n//! # Refuses when\n//! x\n",
            "has no *Example*",
        );
        check("//! T\n//! # What it decides\n//! # Source\n//! x\n", "has no *What it decides*");
        check(
            "//! T\n//! # What it decides\n//! x\n//! # What it decides\n//! y\n",
            "*What it decides* stands twice",
        );
    }

    #[test]
    fn a_word_of_a_section_in_a_sentence_opens_none() {
        assert_eq!(section_start("Source of the rule"), None);
        assert_eq!(section_start("# Sources"), None);
        assert_eq!(section_start("*Source*: the Act"), Some((1, "the Act")));
        assert_eq!(section_start("## Example"), Some((3, "")));
    }
}
