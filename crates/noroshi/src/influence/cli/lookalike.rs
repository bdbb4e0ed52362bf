//! `noroshi influence lookalike`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use noroshi_insight::lookalike::{
    GenerateOptions, Hit, Matcher, Options, Outcome, Refused, Tally, Watchlist, csv_candidates,
    csv_hits, generate,
};
use serde_json::{Value, json};

use super::output::{Folder, failed};
use super::status;
use crate::cli::{Ended, Failed, Format, print, tell};

/// Longest list of protected names, in bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Longest line of a stream of names, in bytes; a longer one is cut and refused as a name.
const LINE_BYTES_MAX: u64 = 4 << 10;
/// Problems of a list that are named one by one.
const SHOWN_MAX: usize = 20;

/// `noroshi influence lookalike`.
#[derive(Debug, clap::Args)]
pub struct Lookalike {
    /// The protected names: one domain a line, or a table with `domain` and any of `readings`, `owned`, `declared`, `kind`,
    /// `flags`. Without it the list of public bodies, press and infrastructure of Japan that the program brings.
    #[arg(long, value_name = "FILE")]
    protected: Option<PathBuf>,
    /// Generate the names that imitate the protected ones instead of looking for them.
    #[arg(long, conflicts_with_all = ["candidates", "popular"])]
    generate: bool,
    /// Popular names, the most popular first, one a line or `rank,domain`: what is on it is shown as popular and not
    /// reported, unless it is known to be young.
    #[arg(long, value_name = "FILE")]
    popular: Option<PathBuf>,
    /// The least likeness that is reported, in percent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    least: Option<u8>,
    /// Write hits.csv (with --generate candidates.csv) into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Names, one a line, also defanged or as addresses of pages; `-` is standard input.
    #[arg(required_unless_present = "generate", value_name = "CANDIDATES")]
    candidates: Vec<PathBuf>,
}

pub(super) fn run(asked: &Lookalike, format: Format) -> Ended {
    let (watchlist, problems) = watchlist(asked.protected.as_deref())?;
    let folder = asked.out.as_deref().map(Folder::open).transpose()?;
    if asked.generate {
        return make(&watchlist, folder.as_ref(), problems, format);
    }
    let popular = asked.popular.as_deref().map(popular).transpose()?.unwrap_or_default();
    let mut options = Options { popular, ..Options::default() };
    if let Some(least) = asked.least {
        options.score_percent_min = least;
    }
    let matcher = Matcher::new(watchlist, options);
    let (mut tally, mut hits) = (Tally::default(), Vec::new());
    for file in &asked.candidates {
        judge(&matcher, file, &mut tally, &mut hits, format)?;
    }
    if let Some(folder) = folder {
        folder.text("hits.csv", &csv_hits(hits.iter()))?;
    }
    tell_tally(&matcher, &tally, &hits, problems, format);
    // A blank line is no name, and nothing that a script should notice.
    let refused: u64 = tally
        .refused
        .iter()
        .filter(|(why, _)| **why != Refused::Empty)
        .map(|(_, count)| count)
        .sum();
    Ok(status(refused + problems))
}

/// The list, and how many of its lines were put aside.
fn watchlist(file: Option<&Path>) -> Result<(Watchlist, u64), Failed> {
    let Some(path) = file else { return Ok((Watchlist::japan(), 0)) };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LIST_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(failed(path))?;
    let text = noroshi_codec::posts::letters(&bytes).ok_or_else(|| Failed::Usage {
        code: "NRS-INFL-0107",
        message: format!("`{}`: the letters are neither UTF-8 nor Shift_JIS", path.display()),
    })?;
    let (watchlist, problems) = Watchlist::parse(&text);
    for problem in problems.iter().take(SHOWN_MAX) {
        tell(&format!("{}:{}: {}: line put aside", path.display(), problem.line, problem.kind));
    }
    if watchlist.entries().is_empty() {
        let message = format!("`{}` protects no name", path.display());
        return Err(Failed::Usage { code: "NRS-INFL-0120", message });
    }
    Ok((watchlist, problems.len() as u64))
}

/// Registrable names with their place.
fn popular(path: &Path) -> Result<HashMap<String, u32>, Failed> {
    let mut ranks = HashMap::new();
    let file = BufReader::new(File::open(path).map_err(failed(path))?);
    for (place, line) in (1_u32..).zip(file.lines()) {
        let line = line.map_err(failed(path))?;
        let name = line.rsplit(',').next().unwrap_or(&line).trim().to_ascii_lowercase();
        ranks.entry(name).or_insert(place);
    }
    Ok(ranks)
}

/// Judges a stream of names line by line; nothing but the hits is held.
fn judge(
    matcher: &Matcher,
    file: &Path,
    tally: &mut Tally,
    hits: &mut Vec<Hit>,
    format: Format,
) -> Result<(), Failed> {
    let mut input: Box<dyn BufRead> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(1 << 18, File::open(file).map_err(failed(file))?))
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(failed(file))?
            == 0
        {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == LINE_BYTES_MAX {
            // The rest of the line belongs to it.
            input.skip_until(b'\n').map_err(failed(file))?;
        }
        let outcome = matcher.judge(&String::from_utf8_lossy(line.trim_ascii()));
        tally.count(&outcome);
        if let Outcome::Hit(hit) = outcome {
            if format != Format::Json {
                let protected = hit.protected.as_deref().unwrap_or("-");
                print(&format!(
                    "{}\t{}\t{}\t{protected}",
                    hit.unicode,
                    hit.rule.code(),
                    hit.score_percent
                ));
            }
            hits.push(*hit);
        }
    }
}

fn tell_tally(matcher: &Matcher, tally: &Tally, hits: &[Hit], problems: u64, format: Format) {
    let count = hits.len();
    if format != Format::Json {
        let (all, protected) = (tally.total(), matcher.watchlist().entries().len());
        tell(&format!(
            "{all} names against {protected} protected ones: {count} imitate, {} popular, {} under a closed suffix, {} owned, {} refused",
            tally.popular,
            tally.closed,
            tally.owned,
            tally.refused.values().sum::<u64>()
        ));
        return;
    }
    let rules: Value = tally
        .hits
        .iter()
        .map(|(rule, count)| (rule.code().to_owned(), json!(count)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let refused: Value = tally
        .refused
        .iter()
        .map(|(why, count)| (why.code().to_owned(), json!(count)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let hits: Vec<Value> = hits.iter().map(hit_json).collect();
    let summary = json!({
        "candidates": tally.total(), "protected": matcher.watchlist().entries().len(), "hits": hits, "by_rule": rules,
        "popular": tally.popular, "closed": tally.closed, "owned": tally.owned, "unlike": tally.unlike, "refused": refused,
        "list_lines_put_aside": problems,
    });
    print(&summary.to_string());
}

fn hit_json(hit: &Hit) -> Value {
    json!({
        "candidate": hit.host, "unicode": hit.unicode, "registrable": hit.registrable, "rule": hit.rule.code(),
        "score_percent": hit.score_percent, "protected": hit.protected,
    })
}

fn make(watchlist: &Watchlist, folder: Option<&Folder>, problems: u64, format: Format) -> Ended {
    let (mut all, mut csv, mut cut) = (Vec::new(), String::new(), 0);
    for protected in watchlist.entries() {
        let made = generate(protected, &GenerateOptions::default());
        cut += made.cut;
        if folder.is_some() {
            // One header, although there are many names.
            let rows = csv_candidates(&made);
            let begin =
                if csv.is_empty() { 0 } else { rows.find('\n').map_or(rows.len(), |end| end + 1) };
            csv.push_str(rows.get(begin..).unwrap_or_default());
        }
        match format {
            Format::Json => all.extend(made.candidates.iter().map(|one| {
                json!({ "protected": protected.host, "candidate": one.host, "unicode": one.unicode, "technique": one.technique.code() })
            })),
            Format::Human | Format::Plain => {
                let names: Vec<&str> = made.candidates.iter().map(|one| one.host.as_str()).collect();
                print(&names.join("\n"));
            }
        }
    }
    if let Some(folder) = folder {
        folder.text("candidates.csv", &csv)?;
    }
    if format == Format::Json {
        print(
            &json!({ "protected": watchlist.entries().len(), "cut": cut, "candidates": all })
                .to_string(),
        );
    } else if cut > 0 {
        tell(&format!("{cut} names over the limit were left out"));
    }
    Ok(status(problems))
}
