//! Rust source split into code, text in quotes and comments, so that a rule looks only where it means to.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::tree::Tree;

/// What a character of a source file belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Code,
    Quoted,
    Comment,
}

/// One source file, three times: each keeps its lines, and what it leaves out is blank.
pub(crate) struct Source {
    /// Without comments and without what stands in quotes.
    pub(crate) code: String,
    /// Without comments.
    pub(crate) spoken: String,
    /// The comments alone.
    pub(crate) comments: String,
}

impl Source {
    /// Splits a file. Input that is not Rust gives some split, never a panic.
    pub(crate) fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut kinds = Vec::with_capacity(chars.len());
        while kinds.len() < chars.len() {
            let (end, kind) = token(&chars, kinds.len());
            kinds.resize(end.min(chars.len()), kind);
        }
        let keep = |kept: &[Kind]| -> String {
            let one =
                |(&c, kind): (&char, &Kind)| if c == '\n' || kept.contains(kind) { c } else { ' ' };
            chars.iter().zip(&kinds).map(one).collect()
        };
        Self {
            code: keep(&[Kind::Code]),
            spoken: keep(&[Kind::Code, Kind::Quoted]),
            comments: keep(&[Kind::Comment]),
        }
    }
}

/// Where the token that begins at `at` ends, and what it is. Always at least one character long.
fn token(chars: &[char], at: usize) -> (usize, Kind) {
    let peek = |ahead: usize| chars.get(at + ahead).copied();
    match (peek(0), peek(1), peek(2)) {
        (Some('/'), Some('/'), _) => (find(chars, at, |c| c == '\n'), Kind::Comment),
        (Some('/'), Some('*'), _) => (block_comment(chars, at), Kind::Comment),
        (Some('"'), ..) | (Some('\''), Some('\\'), _) => (quoted(chars, at), Kind::Quoted),
        (Some('\''), Some(_), Some('\'')) => (at + 3, Kind::Quoted),
        (Some('r'), Some('"' | '#'), _) => match raw_string(chars, at) {
            Some(end) => (end, Kind::Quoted),
            None => (at + 1, Kind::Code),
        },
        _ => (at + 1, Kind::Code),
    }
}

fn find(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    chars.iter().skip(from).position(|c| wanted(*c)).map_or(chars.len(), |steps| from + steps)
}

fn block_comment(chars: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut here = at;
    while here < chars.len() {
        match (chars.get(here), chars.get(here + 1)) {
            (Some('/'), Some('*')) => (depth, here) = (depth + 1, here + 2),
            (Some('*'), Some('/')) => (depth, here) = (depth.saturating_sub(1), here + 2),
            _ => here += 1,
        }
        if depth == 0 {
            break;
        }
    }
    here
}

fn quoted(chars: &[char], at: usize) -> usize {
    let quote = chars.get(at).copied();
    let mut here = at + 1;
    while let Some(c) = chars.get(here).copied() {
        here += if c == '\\' { 2 } else { 1 };
        if Some(c) == quote {
            break;
        }
    }
    here
}

fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let open = find(chars, at + 1, |c| c != '#');
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let hashes = open - at - 1;
    let mut here = open + 1;
    loop {
        let close = find(chars, here, |c| c == '"');
        let after = find(chars, close + 1, |c| c != '#').min(close + 1 + hashes);
        if after - close > hashes || close >= chars.len() {
            return Some(after);
        }
        here = close + 1;
    }
}

/// Which lines of the tree are compiled for tests only.
pub(crate) struct Tests {
    files: BTreeSet<String>,
}

impl Tests {
    /// Finds the files that are modules of tests: `#[cfg(test)] mod name;` stands in another file.
    pub(crate) fn of(tree: &Tree) -> Self {
        let files = tree.rust().flat_map(|(path, text)| test_modules(path, text)).collect();
        Self { files }
    }

    /// The lines, counted from 0, of one file.
    ///
    /// All of a module of tests, of a file below a `tests` folder or named `tests.rs`; else the items under
    /// `#[cfg(test)]`, which end, in source that rustfmt wrote, at a closing brace that stands as far in as the item.
    pub(crate) fn lines(&self, path: &str, code: &str) -> Vec<Range<usize>> {
        let whole = path.split('/').any(|part| part == "tests" || part == "tests.rs");
        let lines: Vec<&str> = code.lines().collect();
        if whole || self.files.contains(path) {
            return std::iter::once(0..lines.len()).collect();
        }
        let marks = lines.iter().enumerate().filter(|(_, line)| line.trim() == TEST_ONLY);
        marks.map(|(mark, _)| mark..item_end(&lines, mark + 1)).collect()
    }
}

const TEST_ONLY: &str = "#[cfg(test)]";

/// The files that `path` declares as modules for tests only.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let spoken = Source::of(text).spoken;
    let lines: Vec<&str> = spoken.lines().map(str::trim).collect();
    let marks = lines.iter().enumerate().filter(|(_, line)| **line == TEST_ONLY);
    marks.filter_map(|(mark, _)| module_file(path, lines.get(mark + 1..)?)).collect()
}

/// The file of the module declared in the first line that is no attribute.
fn module_file(path: &str, lines: &[&str]) -> Option<String> {
    let (folder, file) = path.rsplit_once('/')?;
    let (at, line) = lines.iter().enumerate().find(|(_, line)| !line.starts_with("#["))?;
    let name = line.strip_suffix(';')?.rsplit_once("mod ")?.1;
    let elsewhere = lines
        .get(..at)?
        .iter()
        .find_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    Some(match (elsewhere, file.strip_suffix(".rs")?) {
        (Some(file), _) => format!("{folder}/{file}"),
        (None, "mod" | "lib" | "main") => format!("{folder}/{name}.rs"),
        (None, stem) => format!("{folder}/{stem}/{name}.rs"),
    })
}

fn item_end(lines: &[&str], from: usize) -> usize {
    let starts = |line: &str| {
        let word = line.split([' ', '(', '!']).next().unwrap_or_default();
        ITEM_WORDS.contains(&word)
    };
    let Some((first, line)) =
        lines.iter().enumerate().skip(from).find(|(_, line)| starts(line.trim_start()))
    else {
        return lines.len();
    };
    if line.trim_end().ends_with([';', '}']) {
        return first + 1;
    }
    let indent = line.len() - line.trim_start().len();
    let closes =
        |line: &str| line.len() > indent && line.trim() == "}" && line.find('}') == Some(indent);
    lines
        .iter()
        .enumerate()
        .skip(first)
        .find(|(_, line)| closes(line))
        .map_or(lines.len(), |(end, _)| end + 1)
}

const ITEM_WORDS: [&str; 14] = [
    "async",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "macro_rules",
    "mod",
    "pub",
    "static",
    "struct",
    "trait",
    "type",
    "use",
];

/// Whether `word` stands in the line with no letter, digit or `_` on either side.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &str, comments: &str) {
        let source = Source::of(text);
        assert_eq!(
            source.code.split_whitespace().collect::<Vec<_>>().join(" "),
            code,
            "code of {text}"
        );
        assert_eq!(
            source.comments.split_whitespace().collect::<Vec<_>>().join(" "),
            comments,
            "comments of {text}"
        );
        assert_eq!(source.code.lines().count(), text.lines().count(), "lines of {text}");
    }

    #[test]
    fn comments_and_quotes_are_told_apart() {
        check("a // b\nc", "a c", "// b");
        check("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */");
        check(r#"x("// no", y) // yes"#, "x( , y)", "// yes");
        check(r##"r#"a " // b"# c"##, "c", "");
        check(r#"br"\" d"#, "b d", "");
        check(r#"'"' 'a f(&'a str) '\'' // z"#, "'a f(&'a str)", "// z");
        check("r#type x", "r#type x", "");
        check("\"open // never closed", "", "");
        check("/* open", "", "/* open");
        check("r#\"open", "", "");
        check("\"ends in a backslash\\", "", "");
    }

    #[test]
    fn spoken_keeps_quotes() {
        assert_eq!(Source::of("f(\"a\") // b").spoken.trim_end(), "f(\"a\")");
    }

    fn test_lines(path: &str, text: &str) -> Vec<Range<usize>> {
        Tests::of(&Tree::of(&[])).lines(path, text)
    }

    #[test]
    fn test_items_end_at_their_brace() {
        let text = "fn a() {}\n#[cfg(test)]\n#[expect(\n    x,\n)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        assert_eq!(test_lines("crates/x/src/a.rs", text), vec![1..9]);
        let text = "#[cfg(test)]\nuse a::b;\nfn c() {}\n";
        assert_eq!(test_lines("crates/x/src/a.rs", text), vec![0..2]);
        let text = "fn a() {}\nfn b() {}\n";
        assert_eq!(test_lines("crates/x/tests/it/a.rs", text), vec![0..2]);
        assert_eq!(test_lines("crates/x/src/a.rs", "fn a() {}\n"), Vec::<Range<usize>>::new());
    }

    #[test]
    fn a_module_of_tests_is_tests_throughout() {
        let modules = |path: &str, text: &str| test_modules(path, text);
        assert_eq!(modules("c/src/lib.rs", "#[cfg(test)]\nmod a;\n"), ["c/src/a.rs"]);
        assert_eq!(modules("c/src/b.rs", "#[cfg(test)]\npub(crate) mod a;\n"), ["c/src/b/a.rs"]);
        assert_eq!(
            modules("c/src/b.rs", "#[cfg(test)]\n#[path = \"a.rs\"]\nmod x;\n"),
            ["c/src/a.rs"]
        );
        assert_eq!(modules("c/src/lib.rs", "#[cfg(test)]\nuse a;\nmod b;\n"), Vec::<String>::new());
        assert_eq!(
            modules("c/src/lib.rs", "#[cfg(test)]\nmod a {\n    mod b;\n}\n"),
            Vec::<String>::new()
        );
        let tree = Tree::of(&[("c/src/lib.rs", "#[cfg(test)]\nmod a;\n")]);
        assert_eq!(Tests::of(&tree).lines("c/src/a.rs", "one\ntwo\n"), vec![0..2]);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("use anyhow::bail;", "anyhow"));
        assert!(!has_word("use anyhow_like::bail;", "anyhow"));
        assert!(has_word("to do: TODO", "TODO"));
        assert!(!has_word("TODOS", "TODO"));
    }
}
