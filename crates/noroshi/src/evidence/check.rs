//! `noroshi stix validate` and `noroshi stix id`: objects are looked at, nothing is written.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use noroshi_codec::stix::stream::{self, Aside, Limits, List, Shape};
use noroshi_evidence::id::{StixId, deterministic_id};
use noroshi_evidence::json::Scanner;
use noroshi_evidence::object::{OBJECT_BYTES_MAX, StixObject};
use noroshi_evidence::validate::{self, Check, Finding, Options, Severity};
use serde_json::{Map, Value, json};

use crate::cli::{Ended, Failed, print};

/// Versions remembered of one file, to notice that one occurs twice.
const VERSIONS_MAX: usize = 1_000_000;

/// `noroshi stix validate`.
#[derive(Debug, clap::Args)]
pub struct Validate {
    /// Bundles, TAXII envelopes, arrays of objects or single objects; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take what the standard only recommends for required.
    #[arg(long)]
    strict: bool,
}

/// `noroshi stix id`.
#[derive(Debug, clap::Args)]
pub struct Id {
    /// One observable; `-` is standard input.
    #[arg(value_name = "OBJECT.json")]
    file: PathBuf,
}

/// Prints one JSON line for each object; 1 if any is not valid.
pub fn validate(asked: &Validate) -> Ended {
    let mut all_valid = true;
    for file in &asked.files {
        let (reader, name) = open(file)?;
        all_valid &= Checked::new(&name, asked.strict).file(reader);
    }
    Ok(if all_valid { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn open(file: &Path) -> Result<(Box<dyn Read>, String), Failed> {
    if file == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), "-".to_owned()));
    }
    let name = file.display().to_string();
    match File::open(file) {
        Ok(open) => Ok((Box::new(open), name)),
        Err(source) => Err(Failed::Io { what: name, source }),
    }
}

/// The checks of one file.
struct Checked<'a> {
    file: &'a str,
    strict: bool,
    valid: bool,
    versions: BTreeSet<(String, String)>,
}

impl<'a> Checked<'a> {
    const fn new(file: &'a str, strict: bool) -> Self {
        Self { file, strict, valid: true, versions: BTreeSet::new() }
    }

    fn file(mut self, reader: impl Read) -> bool {
        let limits = Limits { kept_bytes_max: OBJECT_BYTES_MAX, ..Limits::default() };
        let mut stream = stream::read(reader, Shape::Any, limits);
        while let Some(item) = stream.next() {
            let mut others = stream.list().others.iter();
            let of_old_list =
                others.any(|(name, text)| name == "spec_version" && text == br#""2.0""#);
            let options = Options { of_old_list, ..Options::default() };
            match item {
                Ok(object) => self.object(&object, options),
                Err(aside) => self.aside(&aside, options),
            }
        }
        self.list(stream.list());
        self.valid
    }

    fn object(&mut self, object: &StixObject, options: Options) {
        let mut findings = validate::object(&object.to_value(), options);
        if let Some(modified) = object.head().modified
            && self.versions.len() < VERSIONS_MAX
            && !self.versions.insert((object.id().to_string(), modified.to_string()))
        {
            findings.push(Finding {
                path: String::new(),
                check: Check::DuplicateVersion,
                message: "this version occurs twice".to_owned(),
                section: "3.6",
            });
        }
        self.line(Some(object.id().as_str()), &findings, None);
    }

    /// What the house would not take in, looked at as far as it is JSON.
    fn aside(&mut self, aside: &Aside, options: Options) {
        let problem = &aside.problem;
        let value = problem.entry.and_then(|_| sound(&aside.kept));
        let findings = value.map(|value| validate::object(&value, options)).unwrap_or_default();
        let told = !validate::is_valid(&findings, false)
            || findings.iter().any(|finding| finding.check == Check::OldVersion);
        let reason = (!told).then(|| (problem.reason.code(), problem.reason.to_string()));
        self.line(problem.id.as_deref(), &findings, reason);
    }

    /// The list itself has a line when something is to be said of it.
    fn list(&mut self, list: &List) {
        if list.kind.as_deref() != Some("bundle") {
            return;
        }
        let mut head = Map::new();
        for (name, text) in &list.others {
            let value = serde_json::from_slice(text).unwrap_or(Value::Bool(true));
            head.insert(name.clone(), value);
        }
        head.insert("type".to_owned(), "bundle".into());
        if let Some(id) = &list.id {
            head.insert("id".to_owned(), id.as_str().into());
        }
        let findings = validate::object(&Value::Object(head), Options::default());
        if !findings.is_empty() {
            self.line(list.id.as_ref().map(StixId::as_str), &findings, None);
        }
    }

    fn line(&mut self, id: Option<&str>, findings: &[Finding], reason: Option<(&str, String)>) {
        let valid = reason.is_none() && validate::is_valid(findings, self.strict);
        self.valid &= valid;
        let of = |wanted: &dyn Fn(Severity) -> bool| -> Vec<Value> {
            let wanted = findings.iter().filter(|finding| wanted(finding.check.severity()));
            wanted.map(told).collect()
        };
        let strict = self.strict;
        let mut errors = of(&|severity| {
            severity == Severity::Error || (strict && severity == Severity::Warning)
        });
        if let Some((code, message)) = reason {
            errors.push(json!({ "path": "", "code": code, "message": message }));
        }
        let line = json!({
            "file": self.file, "id": id, "valid": valid, "errors": errors,
            "warnings": of(&|severity| severity == Severity::Warning && !strict),
            "notes": of(&|severity| severity == Severity::Note),
        });
        print(&line.to_string());
    }
}

fn told(finding: &Finding) -> Value {
    json!({
        "path": finding.path, "code": finding.check.code(), "message": finding.message,
        "section": finding.section,
    })
}

/// A value that is JSON and may be parsed: walked before anything recurses into it.
fn sound(bytes: &[u8]) -> Option<Value> {
    let text = core::str::from_utf8(bytes).ok()?;
    let mut scanner = Scanner::new(text);
    let scanned = scanner.value(&mut Vec::new()).ok()?;
    if scanned.fault.is_some() || !scanner.at_end() {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Prints the id that follows from the content of an observable; 1 if there is none.
pub fn id(asked: &Id) -> Ended {
    let (reader, name) = open(&asked.file)?;
    let mut bytes = Vec::new();
    let read = reader.take(OBJECT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|source| Failed::Io { what: name.clone(), source })?;
    let unusable =
        || Failed::Found { code: "NRS-EVID-0025", message: format!("`{name}` is not one object") };
    let value = sound(&bytes).ok_or_else(unusable)?;
    let map = value.as_object().ok_or_else(unusable)?;
    let object_type = map.get("type").and_then(Value::as_str).ok_or_else(unusable)?;
    let id = deterministic_id(object_type, map).ok_or_else(|| Failed::Found {
        code: "NRS-EVID-0199",
        message: "no id follows from the content of this object: it has a random one".to_owned(),
    })?;
    print(id.as_str());
    Ok(ExitCode::SUCCESS)
}
