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
    let code = match run(&matches, lang) {
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
    Command::new("noroshi-verify")
        .about(words::ABOUT.raw(lang))
        .arg(Arg::new("log").value_name("DIR_OR_URL").required(true).help(words::ARG_LOG.raw(lang)))
        .arg(option("key", "VKEY_OR_FILE", words::ARG_KEY))
        .arg(option("state", "FILE", words::ARG_STATE))
        .arg(
            option("lang", "LANG", words::ARG_LANG)
                .value_parser(PossibleValuesParser::new(["ja", "en"])),
        )
        .arg(
            option("format", "FORMAT", words::ARG_FORMAT)
                .value_parser(PossibleValuesParser::new(["human", "plain", "json"])),
        )
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
