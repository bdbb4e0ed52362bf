//! Generated documents: printed here, kept under `docs/`, compared by `cargo xtask generate --check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::{Ended, Failed};
use crate::config::Config;
use crate::web::locale::Lang;

/// What to print.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which document.
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// The API description.
    Openapi,
    /// The command line.
    Cli,
    /// Every member of the configuration.
    Config,
    /// Every refusal code with its words.
    Errors,
}

/// Prints a document.
pub fn run(arguments: &Arguments) -> Ended {
    let broken = |problem: serde_json::Error| Failed::House(Box::new(problem));
    let text = match arguments.kind {
        Kind::Openapi => crate::web::api::description().to_pretty_json().map_err(broken)?,
        Kind::Cli => crate::cli::reference(),
        Kind::Config => configuration(),
        Kind::Errors => errors(),
    };
    crate::cli::print(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// One documented member of a struct in `config.rs`.
struct Member {
    name: String,
    doc: String,
}

/// The public structs of a source file with their documented members, in order. Reads the shape that `rustfmt` gives:
/// `pub struct Name {`, members indented by four, a doc comment above each.
fn structs(source: &str) -> Vec<(String, String, Vec<Member>)> {
    let mut found: Vec<(String, String, Vec<Member>)> = Vec::new();
    let (mut doc, mut inside) = (String::new(), false);
    for line in source.lines() {
        let text = line.trim();
        if let Some(words) = text.strip_prefix("///") {
            doc.push_str(words);
        } else if let Some(name) =
            text.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {"))
        {
            found.push((name.to_owned(), std::mem::take(&mut doc), Vec::new()));
            inside = true;
        } else if text == "}" && !line.starts_with(' ') {
            (inside, doc) = (false, String::new());
        } else if let (true, Some(rest)) = (inside, text.strip_prefix("pub ")) {
            let name = rest.split(':').next().unwrap_or_default().to_owned();
            let member = Member { name, doc: std::mem::take(&mut doc) };
            if let Some((.., members)) = found.last_mut() {
                members.push(member);
            }
        } else if !text.starts_with("#[") {
            doc.clear();
        }
    }
    found
}

/// A default as it would stand in the file.
fn default_of(table: &toml::Table, section: &str, member: &str) -> String {
    let value = table.get(section).and_then(|section| section.get(member));
    value.map_or_else(|| "(must be given)".to_owned(), |value| format!("`{value}`"))
}

/// The reference of `noroshi.toml`: words from the doc comments, defaults from the program itself.
fn configuration() -> String {
    let table = toml::Table::try_from(Config::default()).unwrap_or_default();
    let all = structs(include_str!("config.rs"));
    let mut text = String::from(
        "# Configuration\n\nOne file, `DIR/noroshi.toml`. Every member has a default unless the table says otherwise; \
         a member that is not listed here stops the start.\n",
    );
    let root = all.iter().find(|(name, ..)| name == "Config");
    for member in root.map(|(.., members)| members.as_slice()).unwrap_or_default() {
        let several = table.get(&member.name).is_some_and(toml::Value::is_array);
        let wanted = if several { member.name.trim_end_matches('s') } else { &member.name };
        let Some((_, doc, members)) =
            all.iter().find(|(name, ..)| name.eq_ignore_ascii_case(wanted))
        else {
            continue;
        };
        let head =
            if several { format!("[[{}]]", member.name) } else { format!("[{}]", member.name) };
        // Writing to a string cannot fail.
        let _ok = write!(
            text,
            "\n## `{head}`\n\n{}\n\n| member | default | meaning |\n|---|---|---|\n",
            doc.trim()
        );
        for member in members {
            let default = default_of(&table, wanted, &member.name);
            let _ok = writeln!(
                text,
                "| `{}` | {default} | {} |",
                member.name,
                member.doc.trim().replace('|', "\\|")
            );
        }
    }
    text
}

/// Codes by key, with the words of both languages as they stand in the sources.
fn codes() -> BTreeMap<String, [String; 2]> {
    let mut found: BTreeMap<String, [String; 2]> = BTreeMap::new();
    for (lang, _, text) in crate::web::locale::sources() {
        let mut current = None;
        for line in text.lines() {
            let (key, words) = match line.split_once(" = ") {
                Some((key, words)) if key.starts_with("NRS-") => (Some(key.to_owned()), words),
                // A pattern goes on as long as its lines are indented.
                _ if line.starts_with(' ') => (current.take(), line.trim()),
                _ => (None, ""),
            };
            current = key;
            let Some(key) = &current else { continue };
            let [ja, en] = found.entry(key.clone()).or_default();
            let slot = if lang == Lang::Ja { ja } else { en };
            if !slot.is_empty() {
                slot.push(' ');
            }
            slot.push_str(words);
        }
    }
    found
}

/// Every refusal with what to do next, in both languages.
fn errors() -> String {
    let codes = codes();
    let mut text = String::from(
        "# Refusals\n\nEvery refusal has a stable code, says what is wrong and what to do next. In `{ … }` stand the \
         values of the case.\n",
    );
    let mut area = String::new();
    for (code, [ja, en]) in codes.iter().filter(|(code, _)| !code.ends_with("-next")) {
        let this = code.split('-').nth(1).unwrap_or_default();
        if this != area {
            this.clone_into(&mut area);
            // Writing to a string cannot fail.
            let _ok = writeln!(text, "\n## {area}");
        }
        let _ok = writeln!(text, "\n### {code}\n\n- {ja}\n- {en}");
        if let Some([ja, en]) = codes.get(&format!("{code}-next")) {
            let _ok = writeln!(text, "- ja: {ja}\n- en: {en}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_the_configuration_is_in_its_reference() {
        let text = configuration();
        let table = toml::Table::try_from(Config::default()).unwrap();
        for (section, value) in &table {
            assert!(text.contains(&format!("[{section}]")), "{section}:\n{text}");
            for member in value.as_table().into_iter().flat_map(toml::Table::keys) {
                assert!(text.contains(&format!("| `{member}` | `")), "{section}.{member}:\n{text}");
            }
        }
        assert!(text.contains("| `token_file` | (must be given) |"), "{text}");
        assert!(text.contains("| `session_hours` | `12` | How long"), "{text}");
    }

    #[test]
    fn every_refusal_says_something_in_both_languages() {
        let codes = codes();
        assert!(codes.len() > 60, "{} codes", codes.len());
        for (code, words) in &codes {
            assert!(words.iter().all(|words| !words.is_empty()), "{code}: {words:?}");
        }
        let text = errors();
        assert!(text.contains("### NRS-OFFC-0001\n") && text.contains("- en: "), "{text}");
    }

    /// Codes that the program makes refusals with have words and a next step.
    #[test]
    fn every_refusal_of_the_office_has_a_next_step() {
        let codes = codes();
        let sources = [
            include_str!("office/act.rs"),
            include_str!("office/entry.rs"),
            include_str!("office/passkey.rs"),
            include_str!("office/api.rs"),
            include_str!("web/visitor.rs"),
        ];
        for source in sources {
            for part in source.split("Refusal::new(\"").skip(1) {
                let code = part.split('"').next().unwrap();
                assert!(
                    codes.contains_key(code) && codes.contains_key(&format!("{code}-next")),
                    "{code}"
                );
            }
        }
    }
}
