//! Rules for any file: size, space, unfinished marks, paths of one machine.

use super::Findings;
use crate::code::{Source, has_word};
use crate::tree::{Tree, ends_with_extension};

/// The largest file in the tree.
const FILE_BYTES_MAX: usize = 512 * 1024;

/// Files that are programs in some language; prose may talk about unfinished marks.
const PROGRAMS: [&str; 11] =
    ["cedar", "css", "ftl", "html", "js", "py", "rs", "sh", "sql", "svg", "toml"];

/// Folders whose files are kept byte for byte: inputs of tests and what they compare with.
const VERBATIM: [&str; 6] = ["data", "fixtures", "generated", "golden", "snapshots", "testdata"];

/// First folders of absolute paths that exist on one machine only.
const MACHINE_FOLDERS: [&str; 5] = ["Users", "farm", "home", "root", "work"];

/// No mark of unfinished work without the number of an issue.
pub(super) fn unfinished(tree: &Tree, findings: &mut Findings) {
    let program = |path: &str| {
        path == ".ci/run" || PROGRAMS.iter().any(|extension| ends_with_extension(path, extension))
    };
    for (path, text) in tree.texts().filter(|(path, _)| program(path)) {
        let rust = ends_with_extension(path, "rs").then(|| Source::of(text).comments);
        for (at, line) in rust.as_deref().unwrap_or(text).lines().enumerate() {
            if has_word(line, "FIXME") || has_word(line, "XXX") {
                findings.problem_at(path, at, "marks unfinished work");
            }
            if has_word(line, "TODO") && !numbered(line) {
                findings.problem_at(
                    path,
                    at,
                    "has a `TODO` without the number of an issue, as in `TODO(#12)`",
                );
            }
        }
    }
}

fn numbered(line: &str) -> bool {
    line.split("TODO").skip(1).all(|rest| {
        let number =
            rest.strip_prefix("(#").and_then(|rest| rest.split_once(')')).map(|(number, _)| number);
        number
            .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    })
}

/// No file over the limit.
pub(super) fn size(tree: &Tree, findings: &mut Findings) {
    for (path, bytes) in tree.files().filter(|(_, bytes)| bytes.len() > FILE_BYTES_MAX) {
        findings
            .problem(path, format_args!("has {} bytes; the most is {FILE_BYTES_MAX}", bytes.len()));
    }
}

/// Nothing but text and pictures: a package, an archive or a program of others would otherwise come in unseen.
pub(super) fn opaque(tree: &Tree, findings: &mut Findings) {
    let text = |bytes: &[u8]| !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    let picture = |path: &str, bytes: &[u8]| {
        ends_with_extension(path, "png") && bytes.starts_with(b"\x89PNG\r\n\x1a\n")
    };
    let opaque = tree.files().filter(|(path, bytes)| !text(bytes) && !picture(path, bytes));
    for (path, _) in opaque {
        findings.problem(path, "is neither text nor a PNG picture");
    }
}

/// No space at the end of a line, one newline at the end of a file, no tab in Rust.
pub(super) fn space(tree: &Tree, findings: &mut Findings) {
    let verbatim = |path: &str| {
        ends_with_extension(path, "snap") || path.split('/').any(|part| VERBATIM.contains(&part))
    };
    for (path, text) in tree.texts().filter(|(path, text)| !text.is_empty() && !verbatim(path)) {
        for (at, line) in text.split('\n').enumerate() {
            if line.ends_with(char::is_whitespace) {
                findings.problem_at(path, at, "ends in a space");
            }
            if line.contains('\t') && ends_with_extension(path, "rs") {
                findings.problem_at(path, at, "has a tab");
            }
        }
        if !text.ends_with('\n') || text.ends_with("\n\n") {
            findings.problem(path, "does not end in exactly one newline");
        }
    }
}

/// No absolute path into somebody's folders.
pub(super) fn machine_paths(tree: &Tree, findings: &mut Findings) {
    for (path, text) in tree.texts() {
        for (at, line) in text.lines().enumerate() {
            for folder in MACHINE_FOLDERS.iter().filter(|folder| names_root_folder(line, folder)) {
                findings.problem_at(path, at, format_args!("has a path below `/{folder}`"));
            }
        }
    }
}

/// Whether the line has `/folder/` where an absolute path would begin: not after a name, a dot or another path.
fn names_root_folder(line: &str, folder: &str) -> bool {
    let wanted = format!("/{folder}/");
    line.match_indices(&wanted).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~/})]*>".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::problems;
    use super::*;

    fn count(rule: fn(&Tree, &mut Findings), path: &str, text: &str) -> usize {
        problems(rule, &[(path, text)]).len()
    }

    #[test]
    fn unfinished_marks_are_found() {
        assert_eq!(count(unfinished, "a.rs", "// FIXME\n"), 1);
        assert_eq!(count(unfinished, "a.rs", "/* XXX later */\n"), 1);
        assert_eq!(count(unfinished, "a.rs", "// TODO: later\n"), 1);
        assert_eq!(count(unfinished, "a.rs", "// TODO(#)\n// TODO(#1a)\n"), 2);
        assert_eq!(count(unfinished, "a.sql", "-- FIXME\n"), 1);
        assert_eq!(count(unfinished, ".ci/run", "# FIXME\n"), 1);
    }

    #[test]
    fn numbered_and_quoted_marks_pass() {
        assert_eq!(count(unfinished, "a.rs", "// TODO(#12): later\n"), 0);
        assert_eq!(count(unfinished, "a.rs", "let x = \"FIXME\";\n"), 0);
        assert_eq!(count(unfinished, "a.md", "TODO only with a number\n"), 0);
    }

    #[test]
    fn a_large_file_is_found() {
        let check = |bytes: usize| {
            let mut findings = Findings::default();
            size(&Tree::with_bytes("a.bin", vec![0; bytes]), &mut findings);
            findings.problems
        };
        assert_eq!(check(FILE_BYTES_MAX), Vec::<String>::new());
        assert_eq!(check(FILE_BYTES_MAX + 1), ["a.bin: has 524289 bytes; the most is 524288"]);
    }

    #[test]
    fn only_text_and_pictures_come_in() {
        let check = |path: &str, bytes: &[u8]| {
            let mut findings = Findings::default();
            opaque(&Tree::with_bytes(path, bytes.to_vec()), &mut findings);
            findings.problems.len()
        };
        assert_eq!(check("a.md", "狼煙\n".as_bytes()), 0);
        assert_eq!(check("docs/a.png", b"\x89PNG\r\n\x1a\n\0"), 0);
        assert_eq!(check("docs/a.png", b"PK\x03\x04\0"), 1);
        assert_eq!(check("a.whl", b"PK\x03\x04\0"), 1);
        assert_eq!(check("a.txt", b"\xff\xfe"), 1);
    }

    #[test]
    fn space_is_found() {
        assert_eq!(problems(space, &[("a.md", "x \ny\n")]), ["a.md:1: ends in a space"]);
        assert_eq!(problems(space, &[("a.md", "x\r\n")]), ["a.md:1: ends in a space"]);
        assert_eq!(problems(space, &[("a.rs", "\tx\n")]), ["a.rs:1: has a tab"]);
        assert_eq!(
            problems(space, &[("a.md", "x")]),
            ["a.md: does not end in exactly one newline"]
        );
        assert_eq!(
            problems(space, &[("a.md", "x\n\n")]),
            ["a.md: does not end in exactly one newline"]
        );
        assert_eq!(count(space, "a.md", "x\n\n\ty\n"), 0);
        assert_eq!(count(space, "crates/x/tests/golden/a.txt", "x "), 0);
        assert_eq!(count(space, "a.md", ""), 0);
    }

    #[test]
    fn machine_paths_are_found() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(
                count(machine_paths, "a.md", &format!("see `/{folder}/x`\n")),
                1,
                "{folder}"
            );
            assert_eq!(count(machine_paths, "a.rs", &format!("\"/{folder}/x\"\n")), 1, "{folder}");
            assert_eq!(
                count(machine_paths, "a.md", &format!("https://a.example/{folder}/x\n")),
                0,
                "{folder}"
            );
            assert_eq!(
                count(machine_paths, "a.md", &format!("../{folder}/x and a/{folder}/x\n")),
                0,
                "{folder}"
            );
        }
    }
}
