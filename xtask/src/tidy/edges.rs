//! Who depends on whom, read from the manifests.

use toml::{Table, Value};

use super::{EDGES, Findings};
use crate::code::{Source, has_word};
use crate::tree::Tree;

/// Manifests and sources that may use the catch-all error type.
const ANYHOW: [&str; 3] = ["crates/noroshi/Cargo.toml", "crates/noroshi/src/main.rs", "xtask/"];

/// The edges between our crates are the ones in the table.
pub(super) fn crates(tree: &Tree, findings: &mut Findings) {
    for (path, manifest) in manifests_of(tree, findings) {
        let Some(name) = package_name(&manifest) else {
            findings.problem(&path, "has no package name");
            continue;
        };
        let folder = path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"));
        if folder.is_some_and(|folder| folder != name) {
            findings
                .problem(&path, format_args!("the folder of package `{name}` has another name"));
        }
        if folder.is_some() && !EDGES.iter().any(|(user, used)| *user == name || *used == name) {
            findings.problem(&path, format_args!("crate `{name}` is not in the table"));
        }
        for used in dependencies(&manifest) {
            let ours = used == "xtask" || used == "noroshi" || used.starts_with("noroshi-");
            if ours && !EDGES.contains(&(name.as_str(), used.as_str())) {
                findings.problem(&path, format_args!("`{name}` may not depend on `{used}`"));
            }
        }
    }
}

/// Every member takes lints and licence from the workspace.
pub(super) fn manifests(tree: &Tree, findings: &mut Findings) {
    for (path, manifest) in manifests_of(tree, findings) {
        let inherits = |table: Option<&Value>, key: Option<&str>| {
            let table = key.map_or(table, |key| table.and_then(|table| table.get(key)));
            table.and_then(|table| table.get("workspace")).and_then(Value::as_bool) == Some(true)
        };
        if !inherits(manifest.get("lints"), None) {
            findings.problem(&path, "lacks `[lints] workspace = true`");
        }
        if !inherits(manifest.get("package"), Some("license")) {
            findings.problem(&path, "lacks `license.workspace = true`");
        }
    }
}

/// The catch-all error type stays in the two programs.
pub(super) fn anyhow(tree: &Tree, findings: &mut Findings) {
    let allowed = |path: &str| {
        ANYHOW
            .iter()
            .any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)))
    };
    for (path, manifest) in
        manifests_of(tree, findings).into_iter().filter(|(path, _)| !allowed(path))
    {
        if dependencies(&manifest).iter().any(|used| used == "anyhow") {
            findings.problem(&path, "depends on `anyhow`");
        }
    }
    for (path, text) in tree.rust().filter(|(path, _)| !allowed(path)) {
        for (at, line) in
            Source::of(text).code.lines().enumerate().filter(|(_, line)| has_word(line, "anyhow"))
        {
            findings.problem_at(path, at, format_args!("uses `anyhow`: `{}`", line.trim()));
        }
    }
}

fn manifests_of(tree: &Tree, findings: &mut Findings) -> Vec<(String, Table)> {
    let member = |path: &str| {
        path == "xtask/Cargo.toml" || (path.starts_with("crates/") && path.ends_with("/Cargo.toml"))
    };
    let mut manifests = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| member(path)) {
        match text.parse::<Table>() {
            Ok(manifest) => manifests.push((path.to_owned(), manifest)),
            Err(problem) => {
                findings.problem(path, format_args!("is not TOML: {}", problem.message()));
            }
        }
    }
    manifests
}

fn package_name(manifest: &Table) -> Option<String> {
    manifest.get("package")?.get("name")?.as_str().map(str::to_owned)
}

/// The packages a manifest uses in any way: normal, for tests, for building, for one platform only, renamed or not.
fn dependencies(manifest: &Table) -> Vec<String> {
    let platforms =
        manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flat_map(Table::iter)
        .map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::problems;
    use super::*;

    fn manifest(name: &str, rest: &str) -> String {
        format!(
            "[package]\nname = \"{name}\"\nlicense.workspace = true\n[lints]\nworkspace = true\n{rest}"
        )
    }

    fn check(rule: fn(&Tree, &mut Findings), name: &str, rest: &str, wanted: &[&str]) {
        let path = format!("crates/{name}/Cargo.toml");
        assert_eq!(problems(rule, &[(&path, &manifest(name, rest))]), wanted);
    }

    #[test]
    fn an_edge_against_the_river_is_refused() {
        let refusal = "crates/noroshi-evidence/Cargo.toml: `noroshi-evidence` may not depend on `noroshi-codec`";
        for rest in [
            "[dependencies]\nnoroshi-codec.workspace = true\n",
            "[dev-dependencies]\nnoroshi-codec.workspace = true\n",
            "[build-dependencies]\nnoroshi-codec = { path = \"../noroshi-codec\" }\n",
            "[dependencies]\nharmless = { package = \"noroshi-codec\", path = \"..\" }\n",
            "[target.'cfg(unix)'.dependencies]\nnoroshi-codec.workspace = true\n",
        ] {
            check(crates, "noroshi-evidence", rest, &[refusal]);
        }
        check(crates, "noroshi-codec", "[dependencies]\nnoroshi-evidence.workspace = true\n", &[]);
    }

    #[test]
    fn the_ledger_may_use_none_of_ours() {
        let rest = "[dev-dependencies]\nnoroshi-evidence.workspace = true\n";
        let wanted = "crates/noroshi-ledger/Cargo.toml: `noroshi-ledger` may not depend on `noroshi-evidence`";
        check(crates, "noroshi-ledger", rest, &[wanted]);
    }

    #[test]
    fn a_new_crate_must_be_in_the_table() {
        check(
            crates,
            "noroshi-utils",
            "",
            &["crates/noroshi-utils/Cargo.toml: crate `noroshi-utils` is not in the table"],
        );
    }

    #[test]
    fn a_folder_is_called_as_its_package() {
        let found =
            problems(crates, &[("crates/codec/Cargo.toml", &manifest("noroshi-codec", ""))]);
        assert_eq!(
            found,
            ["crates/codec/Cargo.toml: the folder of package `noroshi-codec` has another name"]
        );
    }

    #[test]
    fn a_broken_manifest_is_a_problem() {
        let found = problems(crates, &[("crates/noroshi-sift/Cargo.toml", "[package\n")]);
        assert!(
            found.len() == 1 && found[0].starts_with("crates/noroshi-sift/Cargo.toml: is not TOML"),
            "{found:?}"
        );
    }

    #[test]
    fn lints_and_licence_come_from_the_workspace() {
        let found = problems(
            manifests,
            &[("xtask/Cargo.toml", "[package]\nname = \"xtask\"\nlicense = \"MIT\"\n")],
        );
        assert_eq!(
            found,
            [
                "xtask/Cargo.toml: lacks `[lints] workspace = true`",
                "xtask/Cargo.toml: lacks `license.workspace = true`"
            ]
        );
        check(manifests, "noroshi-sift", "", &[]);
    }

    #[test]
    fn anyhow_stays_in_the_programs() {
        let uses = "use anyhow::Context;\n";
        let found = problems(
            anyhow,
            &[
                ("crates/noroshi/src/house.rs", uses),
                ("crates/noroshi/src/main.rs", uses),
                (
                    "crates/noroshi-sift/src/lib.rs",
                    "//! Not anyhow.\nconst A: &str = \"anyhow\";\n",
                ),
                ("xtask/src/main.rs", uses),
            ],
        );
        assert_eq!(found, ["crates/noroshi/src/house.rs:1: uses `anyhow`: `use anyhow::Context;`"]);
        let rest = "[dependencies]\nanyhow.workspace = true\n";
        check(
            anyhow,
            "noroshi-sift",
            rest,
            &["crates/noroshi-sift/Cargo.toml: depends on `anyhow`"],
        );
        check(anyhow, "noroshi", rest, &[]);
    }
}
