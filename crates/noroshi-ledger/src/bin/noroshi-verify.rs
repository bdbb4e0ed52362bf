//! `noroshi-verify`: checks a copy of the log without trusting whoever operates it.
//!
//! Exit codes: 0 everything holds, 1 something does not, 2 wrong use or unreadable.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use noroshi_ledger::certificate::{self, render::Trusted};
use noroshi_ledger::note::Vkey;
use noroshi_ledger::render::{Format, Grade, KeySource, MemoryUse, Verdict};
use noroshi_ledger::verify::{Memory, Options, Source, SourceError, verify};
use noroshi_ledger::words::{self, Lang, Text};

/// Bytes a key file may have.
const KEY_BYTES_MAX: usize = 4_096;
/// Bytes a memory may have: a checkpoint with signatures, as JSON.
const MEMORY_BYTES_MAX: usize = 262_144;
/// Time to reach a server.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Time for one file.
const FILE_TIME_MAX: Duration = Duration::from_mins(1);
/// Redirects followed for one file.
const REDIRECTS_MAX: u32 = 3;
/// The key that may lie beside a log.
const VKEY_PATH: &str = "log.vkey";

fn main() -> ExitCode {
    let asked: Vec<String> =
        std::env::args_os().map(|part| part.to_string_lossy().into_owned()).collect();
    let lang = lang_before_parsing(&asked);
    let matches = command(lang).get_matches();
    let ran = match matches.subcommand() {
        Some(("certificate", matches)) => run_certificate(matches, lang),
        _ => run(&matches, lang),
    };
    let code = match ran {
        Ok(code) => code,
        Err(Usage(text)) => {
            // A closed standard error leaves nobody to tell; the exit code still does.
            drop(writeln!(io::stderr(), "{text}"));
            2
        }
    };
    ExitCode::from(code)
}

/// Wrong use, or something beside the log that cannot be read: one sentence for the reader.
struct Usage(String);

impl Usage {
    fn new(text: Text, lang: Lang, values: &[&str]) -> Self {
        Self(text.fill(lang, values))
    }
}

fn run(matches: &ArgMatches, lang: Lang) -> Result<u8, Usage> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let mut source = source(text("log").unwrap_or_default());
    let memory_path = text("state").map(PathBuf::from);
    let memory = memory_path.as_deref().map(|path| recall(path, lang)).transpose()?.flatten();
    let remembered = memory.as_ref().map(|(key, _)| key);
    let (key, key_source) = choose_key(text("key"), remembered, source.as_mut(), lang)?;
    if let (Some((known, _)), Some(path)) = (&memory, &memory_path)
        && *known != key
    {
        return Err(Usage::new(words::OTHER_KEY, lang, &[&path.to_string_lossy()]));
    }
    let memory_use = match (&memory_path, &memory) {
        (None, _) => MemoryUse::None,
        (Some(_), None) => MemoryUse::First,
        (Some(_), Some(_)) => MemoryUse::Known,
    };
    let earlier = memory.map(|(_, checkpoint)| checkpoint);
    let options = Options { key, earlier };
    let result = verify(source.as_mut(), &options);
    let verdict = Verdict { result: &result, key: &options.key, key_source, memory: memory_use };
    let format = format(text("format"));
    let answer = verdict.render(lang, format);
    let to_err = verdict.grade() == Grade::Unknown && format != Format::Json;
    say(&answer, to_err);
    if let (Ok(report), Some(path)) = (&result, &memory_path) {
        let memory = Memory { vkey: options.key.to_string(), checkpoint: report.note.clone() };
        remember(path, &memory).map_err(|why| {
            let (path, why) = (path.to_string_lossy(), why.to_string());
            Usage::new(words::CANNOT_REMEMBER, lang, &[&path, &why])
        })?;
    }
    Ok(match verdict.grade() {
        Grade::Pass | Grade::Caution => 0,
        Grade::Fail => 1,
        Grade::Unknown => 2,
    })
}

/// `noroshi-verify certificate`: the certificates of a sensor, with no log.
fn run_certificate(matches: &ArgMatches, lang: Lang) -> Result<u8, Usage> {
    let texts = |name: &str| {
        let values = matches.get_many::<String>(name).unwrap_or_default();
        values.map(String::as_str).collect::<Vec<_>>()
    };
    let mut entries = Vec::new();
    for place in texts("files") {
        let before = entries.len();
        for path in certificate_paths(place, lang)? {
            entries.push(certificate_file(&path, certificate::CERTIFICATE_BYTES_MAX, lang)?);
        }
        if entries.len() == before {
            return Err(Usage::new(words::CERT_NO_FILES, lang, &[place]));
        }
        if entries.len() > certificate::ENTRIES_MAX {
            return Err(Usage::new(words::TOO_MUCH, lang, &[]));
        }
    }
    let proofs: Result<Vec<_>, Usage> = texts("proof")
        .into_iter()
        .map(|path| certificate_file(Path::new(path), certificate::PROOF_BYTES_MAX, lang))
        .collect();
    let key = match matches.get_one::<String>("key") {
        None => None,
        Some(asked) => {
            let from_file = || {
                let bytes = read_file(Path::new(asked), KEY_BYTES_MAX).ok()??;
                certificate::read_key(std::str::from_utf8(&bytes).ok()?)
            };
            let key = certificate::read_key(asked).or_else(from_file);
            Some(key.ok_or_else(|| Usage::new(words::BAD_KEY, lang, &[asked]))?)
        }
    };
    let trusted = if key.is_some() { Trusted::Given } else { Trusted::None };
    let result = certificate::check(&entries, &proofs?, key);
    let format = format(matches.get_one::<String>("format").map(String::as_str));
    let (answer, code) = certificate::render::render(&result, trusted, lang, format);
    say(&answer, false);
    Ok(code)
}

/// A file, or the `certificate-*.json` of a folder.
fn certificate_paths(place: &str, lang: Lang) -> Result<Vec<PathBuf>, Usage> {
    let unreadable =
        |why: io::Error| Usage::new(words::UNREADABLE, lang, &[place, &why.to_string()]);
    if !fs::metadata(place).map_err(unreadable)?.is_dir() {
        return Ok(vec![PathBuf::from(place)]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(place).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("certificate-") && name.ends_with(".json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn certificate_file(path: &Path, bytes_max: usize, lang: Lang) -> Result<(String, Vec<u8>), Usage> {
    let shown = path.to_string_lossy().into_owned();
    let unreadable = |why: &str| Usage::new(words::UNREADABLE, lang, &[&shown, why]);
    let bytes = read_file(path, bytes_max).map_err(|why| unreadable(&why.to_string()))?;
    let bytes = bytes.ok_or_else(|| unreadable("-"))?;
    Ok((shown.clone(), bytes))
}

/// A reader who closed the pipe has the exit code.
fn say(answer: &str, to_err: bool) {
    if to_err {
        drop(io::stderr().write_all(answer.as_bytes()));
    } else {
        drop(io::stdout().write_all(answer.as_bytes()));
    }
}

fn command(lang: Lang) -> Command {
    let option = |name: &'static str, value: &'static str, help: Text| {
        Arg::new(name).long(name).value_name(value).help(help.raw(lang))
    };
    let lang_option = option("lang", "LANG", words::ARG_LANG)
        .value_parser(PossibleValuesParser::new(["ja", "en"]))
        .global(true);
    let format_option = option("format", "FORMAT", words::ARG_FORMAT)
        .value_parser(PossibleValuesParser::new(["human", "plain", "json"]));
    let files = Arg::new("files").value_name("FILE_OR_DIR").required(true).num_args(1..);
    let certificate = Command::new("certificate")
        .about(words::CERT_ABOUT.raw(lang))
        .arg(files.help(words::CERT_ARG_FILES.raw(lang)))
        .arg(option("key", "HEX_OR_FILE", words::CERT_ARG_KEY))
        .arg(option("proof", "FILE", words::CERT_ARG_PROOF).action(clap::ArgAction::Append))
        .arg(format_option.clone());
    Command::new("noroshi-verify")
        .about(words::ABOUT.raw(lang))
        .subcommand_negates_reqs(true)
        .subcommand(certificate)
        .arg(Arg::new("log").value_name("DIR_OR_URL").required(true).help(words::ARG_LOG.raw(lang)))
        .arg(option("key", "VKEY_OR_FILE", words::ARG_KEY))
        .arg(option("state", "FILE", words::ARG_STATE))
        .arg(lang_option)
        .arg(format_option)
}

#[expect(
    clippy::disallowed_methods,
    reason = "language and colour of a terminal program are asked of the environment by convention"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The language is needed before the arguments are parsed, so that `--help` speaks it.
fn lang_before_parsing(asked: &[String]) -> Lang {
    let mut wanted = None;
    for (place, part) in asked.iter().enumerate() {
        if let Some(value) = part.strip_prefix("--lang=") {
            wanted = Some(value.to_owned());
        } else if part == "--lang" {
            wanted = asked.get(place + 1).cloned();
        }
    }
    let wanted = wanted.or_else(|| environment("LC_ALL")).or_else(|| environment("LANG"));
    wanted.and_then(|name| name.parse().ok()).unwrap_or(Lang::En)
}

fn format(name: Option<&str>) -> Format {
    match name {
        Some("json") => Format::Json,
        Some("plain") => Format::Plain,
        _ => {
            Format::Human { color: io::stdout().is_terminal() && environment("NO_COLOR").is_none() }
        }
    }
}

/// The key of the reader, else the remembered one, else the one beside the log.
fn choose_key(
    asked: Option<&str>,
    remembered: Option<&Vkey>,
    source: &mut dyn Source,
    lang: Lang,
) -> Result<(Vkey, KeySource), Usage> {
    if let Some(asked) = asked {
        let found = asked.parse().ok().or_else(|| key_file(Path::new(asked)));
        let key = found.ok_or_else(|| Usage::new(words::BAD_KEY, lang, &[asked]))?;
        return Ok((key, KeySource::Given));
    }
    if let Some(key) = remembered {
        return Ok((key.clone(), KeySource::Remembered));
    }
    let bytes = source
        .read(VKEY_PATH, KEY_BYTES_MAX)
        .map_err(|why| Usage::new(words::UNREADABLE, lang, &[VKEY_PATH, &why.to_string()]))?
        .ok_or_else(|| Usage::new(words::NO_KEY, lang, &[]))?;
    let key = key_text(&bytes).ok_or_else(|| Usage::new(words::BAD_KEY, lang, &[VKEY_PATH]))?;
    Ok((key, KeySource::CameWithLog))
}

fn key_file(path: &Path) -> Option<Vkey> {
    key_text(&read_file(path, KEY_BYTES_MAX).ok()??)
}

fn key_text(bytes: &[u8]) -> Option<Vkey> {
    std::str::from_utf8(bytes).ok()?.trim_end().parse().ok()
}

type Recalled = Option<(Vkey, noroshi_ledger::checkpoint::Checkpoint)>;

fn recall(path: &Path, lang: Lang) -> Result<Recalled, Usage> {
    let shown = path.to_string_lossy();
    let bytes = read_file(path, MEMORY_BYTES_MAX)
        .map_err(|why| Usage::new(words::UNREADABLE, lang, &[&shown, &why.to_string()]))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let memory: Option<Memory> = serde_json::from_slice(&bytes).ok();
    let opened = memory.and_then(|memory| memory.open().ok());
    opened.map(Some).ok_or_else(|| Usage::new(words::BAD_STATE, lang, &[&shown]))
}

/// Written aside, synced and renamed: a power cut leaves the old memory or the new one.
fn remember(path: &Path, memory: &Memory) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let mut file = File::create(&aside)?;
    serde_json::to_writer_pretty(&mut file, memory)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn source(place: &str) -> Box<dyn Source> {
    if place.starts_with("http://") || place.starts_with("https://") {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIME_MAX))
            .timeout_global(Some(FILE_TIME_MAX))
            .max_redirects(REDIRECTS_MAX)
            .http_status_as_error(false)
            .build();
        Box::new(Web { agent: config.into(), base: place.trim_end_matches('/').to_owned() })
    } else {
        Box::new(Folder { base: PathBuf::from(place) })
    }
}

struct Folder {
    base: PathBuf,
}

impl Source for Folder {
    fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        read_file(&self.base.join(path), bytes_max)
    }
}

fn read_file(path: &Path, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
    use io::ErrorKind::{NotADirectory, NotFound};
    let failed = |why: io::Error| SourceError::Failed(why.to_string());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if matches!(why.kind(), NotFound | NotADirectory) => return Ok(None),
        Err(why) => return Err(failed(why)),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max { Err(SourceError::TooLarge(bytes_max)) } else { Ok(Some(bytes)) }
}

struct Web {
    agent: ureq::Agent,
    base: String,
}

impl Source for Web {
    fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let failed = |why: ureq::Error| match why {
            ureq::Error::BodyExceedsLimit(_) => SourceError::TooLarge(bytes_max),
            other => SourceError::Failed(other.to_string()),
        };
        let url = format!("{}/{path}", self.base);
        let mut response = self.agent.get(&url).call().map_err(failed)?;
        match response.status().as_u16() {
            200 => {}
            404 | 410 => return Ok(None),
            status => return Err(SourceError::Failed(format!("HTTP {status}"))),
        }
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        response.body_mut().with_config().limit(limit).read_to_vec().map(Some).map_err(failed)
    }
}
