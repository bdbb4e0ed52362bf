//! How completely and how fast copies are found, beside what others do on the same texts.
//!
//! `cargo run --release -p noroshi-insight --example copies_rate -- [--ids T8,T9,T10,T11] [--posts N] [--pairs N]
//! [--seeds N] [--jglue FILE] [--ira FILE] [--python PATH] [--workers N]`
//!
//! Prints one line a figure: name, what was measured, value, target, and whether it is met. The posts are made up out of a
//! seed; T8 also takes Japanese captions that people wrote (JSTS of JGLUE, `--jglue`). The targets were set on tweets of a
//! set that is not at hand and that was seen while the parameters were chosen; what is measured on other data is said to be so.
//! T11 and T9 take that set with `--ira`: lines of `author TAB text`, or of `author TAB time TAB text`.
//!
//! `--ids` alone lists what can be measured. Wall time means little on a machine that does other work, so its load is
//! printed beside it. CPU seconds and the peak of memory are those of the process (`/proc/self`).

#![expect(clippy::print_stdout, reason = "the answer of a measuring program")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "made-up posts of known form and counts far below 2^53"
)]

#[path = "../tests/copies/generate.rs"]
mod generate;

use std::error::Error;
use std::num::NonZeroUsize;

use generate::{Dice, EDITS, Edit, LANGUAGES, Language, edited, text};
use noroshi_insight::copies::{Copies, Options, Post, Profile, Stream, cluster, normalise};
use rapidfuzz::distance::levenshtein::{Args, BatchComparator};
use sha2::{Digest, Sha256};

/// What can be measured.
const IDS: [&str; 4] = ["T8", "T9", "T10", "T11"];
/// What the peers run, on texts in a file.
const PEERS: &str = include_str!("../tests/peers/copies.py");

struct Asked {
    ids: Vec<String>,
    posts: usize,
    pairs: usize,
    seeds: usize,
    jglue: Option<String>,
    ira: Option<String>,
    python: Option<String>,
    workers: NonZeroUsize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(asked) = asked()? else {
        println!("{}", IDS.join("\n"));
        return Ok(());
    };
    let wanted = |id: &str| asked.ids.iter().any(|one| one == id);
    println!("id\twhat\tvalue\ttarget\tmet");
    if wanted("T8") {
        pairs(&asked)?;
    }
    if wanted("T10") {
        edits(&asked);
    }
    if wanted("T9") {
        speed(&asked)?;
    }
    if wanted("T11") {
        recovery(&asked);
    }
    Ok(())
}

fn asked() -> Result<Option<Asked>, Box<dyn Error>> {
    let mut asked = Asked {
        ids: IDS.iter().map(|id| (*id).to_owned()).collect(),
        posts: 929_000,
        pairs: 4_000,
        seeds: 500,
        jglue: None,
        ira: None,
        python: None,
        workers: NonZeroUsize::new(2).ok_or("two")?,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        match (name.as_str(), value) {
            ("--ids", None) => return Ok(None),
            ("--ids", Some(value)) => asked.ids = value.split(',').map(str::to_owned).collect(),
            ("--posts", Some(value)) => asked.posts = value.parse()?,
            ("--pairs", Some(value)) => asked.pairs = value.parse()?,
            ("--seeds", Some(value)) => asked.seeds = value.parse()?,
            ("--jglue", value) => asked.jglue = value,
            ("--ira", value) => asked.ira = value,
            ("--python", value) => asked.python = value,
            ("--workers", Some(value)) => asked.workers = value.parse()?,
            _ => return Err(format!("unknown argument `{name}`").into()),
        }
    }
    Ok(Some(asked))
}

/// A post that owns its parts.
struct Own {
    id: String,
    account: String,
    time_ms: i64,
    text: String,
}

fn posts(own: &[Own]) -> Vec<Post<'_>> {
    own.iter()
        .map(|own| Post {
            id: &own.id,
            account: &own.account,
            time_ms: own.time_ms,
            text: &own.text,
        })
        .collect()
}

fn own(texts: impl IntoIterator<Item = String>) -> Vec<Own> {
    (0_i64..)
        .zip(texts)
        .map(|(at, text)| Own { id: at.to_string(), account: at.to_string(), time_ms: at, text })
        .collect()
}

/// The first digits of the SHA-256 of all texts, so that two runs can be told to have read the same.
fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    let bytes = digest.finalize();
    let number = bytes.iter().take(6).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{number:012x}")
}

fn line(id: &str, what: &str, value: &str, target: &str, met: Option<bool>) {
    let met = match met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    };
    println!("{id}\t{what}\t{value}\t{target}\t{met}");
}

/// T8: pairs above the threshold that are in one cluster, of all there are.
fn pairs(asked: &Asked) -> Result<(), Box<dyn Error>> {
    for language in LANGUAGES {
        for (kind, edits) in [("campaign", &CAMPAIGN[..]), ("all edits", &EDITS[..])] {
            let texts = campaign(language, asked.pairs, edits);
            pair_recall(asked, &format!("{language:?}, made up, {kind}"), texts)?;
        }
    }
    match asked.jglue.as_ref().map(std::fs::read_to_string) {
        Some(lines) => {
            let mut texts = Vec::new();
            for row in lines?.lines() {
                let pair: serde_json::Value = serde_json::from_str(row)?;
                for side in ["sentence1", "sentence2"] {
                    texts.extend(pair.get(side).and_then(|text| text.as_str()).map(str::to_owned));
                }
            }
            texts.truncate(asked.pairs * 2);
            pair_recall(asked, "Japanese, JSTS captions", texts)?;
        }
        None => line("T8", "JSTS captions", "absent: no --jglue FILE", ">= 0.995", None),
    }
    Ok(())
}

/// What those who pass on a text do to it: little words around it, locators, cuts, typing errors.
const CAMPAIGN: [Edit; 11] = [
    Edit::Emoji,
    Edit::Tags,
    Edit::Url,
    Edit::Mention,
    Edit::Case,
    Edit::Punctuation,
    Edit::Prefix,
    Edit::Homoglyph,
    Edit::Truncate20,
    Edit::Drop5,
    Edit::Replace10,
];

/// Posts of which each fourth is an original and the others are edited copies of it.
fn campaign(language: Language, count: usize, edits: &[Edit]) -> Vec<String> {
    let mut dice = Dice(2_026);
    let mut texts = Vec::new();
    while texts.len() < count {
        let sentences = 1 + dice.below(3);
        let seed = text(language, sentences, &mut dice);
        for _ in 0..3 {
            let edit = edits[dice.below(edits.len())];
            texts.push(edited(&seed, edit, language, &mut dice));
        }
        texts.push(seed);
    }
    texts
}

fn pair_recall(asked: &Asked, name: &str, texts: Vec<String>) -> Result<(), Box<dyn Error>> {
    let data = digest(texts.iter().map(String::as_str));
    let own = own(texts);
    let posts = posts(&own);
    let normal: Vec<String> = own.iter().map(|one| normalise(&one.text, 4_000).text).collect();
    let start = cpu();
    let truth = truth(&normal);
    let brute = cpu() - start;
    for profile in [Profile::Fast, Profile::Full, Profile::Exhaustive] {
        let options = Options { profile, workers: asked.workers, ..Options::default() };
        let start = cpu();
        let copies = cluster(&posts, &options);
        let spent = cpu() - start;
        let loose = cluster(&posts, &Options { guard_permille: 0, ..options.clone() });
        let joined = |copies: &Copies| {
            let of = clusters_of(copies, own.len());
            let found = truth.iter().filter(|(a, b)| of[*a].is_some() && of[*a] == of[*b]).count();
            ratio(found, truth.len())
        };
        // Whether a pair is found does not depend on what else there is, as long as no bucket is capped.
        let one = Options { workers: NonZeroUsize::MIN, ..options.clone() };
        let alone = truth
            .iter()
            .filter(|(a, b)| !cluster(&[posts[*a], posts[*b]], &one).clusters.is_empty())
            .count();
        let recall = ratio(alone, truth.len());
        let met = (profile == Profile::Full).then_some(recall >= 0.995);
        let what =
            format!("{name}: {profile:?}, pairs above 0.693 of {} posts, data {data}", own.len());
        let value = format!(
            "{recall:.4} of {} pairs found directly; {:.4} hang together, {:.4} after the chaining guard; \
             {spent:.2} CPU s (all with all {brute:.1})",
            truth.len(),
            joined(&loose),
            joined(&copies),
        );
        line("T8", &what, &value, ">= 0.995", met);
    }
    if let Some(python) = &asked.python {
        peers(python, &normal, &truth, name)?;
    }
    Ok(())
}

/// All pairs above the threshold, by comparing all with all.
fn truth(texts: &[String]) -> Vec<(usize, usize)> {
    let lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
    let mut pairs = Vec::new();
    for (left, text) in texts.iter().enumerate().filter(|(_, text)| text.len() >= 30) {
        let comparator = BatchComparator::new(text.chars());
        for (right, other) in texts.iter().enumerate().skip(left + 1) {
            let longer = lengths[left].max(lengths[right]);
            let most = (longer * 307 - 1) / 1_000;
            if other.len() < 30 || lengths[left].abs_diff(lengths[right]) > most {
                continue;
            }
            let args = Args::default().score_cutoff(most);
            if comparator.distance_with_args(other.chars(), &args).is_some() {
                pairs.push((left, right));
            }
        }
    }
    pairs
}

fn clusters_of(copies: &Copies, posts: usize) -> Vec<Option<usize>> {
    let mut of = vec![None; posts];
    for (number, cluster) in copies.clusters.iter().enumerate() {
        for member in &cluster.members {
            of[member.post] = Some(number);
        }
    }
    of
}

/// The libraries that others use, on the same normalised texts.
fn peers(
    python: &str,
    texts: &[String],
    truth: &[(usize, usize)],
    name: &str,
) -> Result<(), Box<dyn Error>> {
    let file = std::env::temp_dir().join(format!("noroshi-copies-{}.json", std::process::id()));
    std::fs::write(
        &file,
        serde_json::to_vec(&serde_json::json!({"texts": texts, "truth": truth}))?,
    )?;
    let done = std::process::Command::new(python).arg("-c").arg(PEERS).arg(&file).output()?;
    std::fs::remove_file(&file)?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned().into());
    }
    for row in String::from_utf8(done.stdout)?.lines() {
        line("T8", &format!("{name}: peer {row}"), "as said", "-", None);
    }
    Ok(())
}

/// T10: each edit on its own, and all together.
fn edits(asked: &Asked) {
    for profile in [Profile::Fast, Profile::Full, Profile::Exhaustive] {
        let (mut sum, mut count) = (0.0, 0.0);
        for edit in EDITS {
            let mut values = Vec::new();
            for language in LANGUAGES {
                let found = edit_recall(asked, language, &[edit], profile);
                (sum, count) = (sum + found, count + 1.0);
                values.push(format!("{found:.3}"));
            }
            let least =
                matches!(edit, Edit::Homoglyph | Edit::Kana | Edit::ZeroWidth | Edit::FullWidth);
            let met = least.then(|| values.iter().all(|value| value.as_str() >= "0.99"));
            let target = if least { ">= 0.99" } else { "-" };
            line("T10", &format!("{profile:?} {edit:?} en/ru/ja"), &values.join(" "), target, met);
        }
        let what = format!("{profile:?} all edits, each with its seeds only");
        line("T10", &what, &format!("{:.4}", sum / count), ">= 0.97", Some(sum / count >= 0.97));
        let together: Vec<f64> = LANGUAGES
            .iter()
            .map(|language| edit_recall(asked, *language, &EDITS, profile))
            .collect();
        let mean = together.iter().sum::<f64>() / 3.0;
        let what = format!("{profile:?} all edits in one collection {together:.3?}");
        line("T10", &what, &format!("{mean:.4}"), ">= 0.97", Some(mean >= 0.97));
    }
}

fn edit_recall(asked: &Asked, language: Language, edits: &[Edit], profile: Profile) -> f64 {
    let mut dice = Dice(7);
    let mut texts = Vec::new();
    for _ in 0..asked.seeds {
        let seed = text(language, 3, &mut dice);
        texts.extend(edits.iter().map(|edit| edited(&seed, *edit, language, &mut dice)));
        texts.push(seed);
    }
    let own = own(texts);
    let options = Options { profile, workers: asked.workers, ..Options::default() };
    let of = clusters_of(&cluster(&posts(&own), &options), own.len());
    let group = edits.len() + 1;
    let found = of.chunks(group).map(|group| {
        let seed = group.last().copied().flatten();
        group.iter().rev().skip(1).filter(|one| one.is_some() && **one == seed).count()
    });
    ratio(found.sum(), asked.seeds * edits.len())
}

/// T9: a whole collection at once.
fn speed(asked: &Asked) -> Result<(), Box<dyn Error>> {
    let (own, name) = match &asked.ira {
        Some(file) => (read(file)?, "the given set"),
        None => (crowd(asked.posts), "made-up posts in place of the set of the target"),
    };
    let data = digest(own.iter().map(|one| one.text.as_str()));
    let bytes: usize = own.iter().map(|one| one.text.len()).sum();
    let posts = posts(&own);
    let held = peak_mb();
    for profile in [Profile::Fast, Profile::Full] {
        let options = Options { profile, workers: asked.workers, ..Options::default() };
        let (start, clock) = (cpu(), std::time::Instant::now());
        let copies = cluster(&posts, &options);
        let (spent, wall) = (cpu() - start, clock.elapsed().as_secs_f64());
        let what = format!(
            "{profile:?} {} posts, {} MB, {} texts, {name}, data {data}, {} threads",
            own.len(),
            bytes / 1_000_000,
            copies.counts.texts,
            options.workers
        );
        let value = format!(
            "{spent:.1} CPU s, {wall:.1} s wall at a load of {}, peak {:.0} MB of which posts {held:.0}; {} clusters, \
             {} posts in them, {} buckets capped, {} pieces split",
            load(),
            peak_mb(),
            copies.clusters.len(),
            copies.counts.clustered,
            copies.counts.buckets_capped,
            copies.counts.split
        );
        let met = wall <= 40.0 && peak_mb() <= 1_200.0;
        line(
            "T9",
            &what,
            &value,
            "<= 40 s wall, <= 1200 MB",
            (profile == Profile::Full).then_some(met),
        );
    }
    stream(&posts);
    Ok(())
}

/// The first posts once more, one by one.
fn stream(posts: &[Post<'_>]) {
    let some = posts.get(..100_000).unwrap_or(posts);
    let mut stream = Stream::new(Options { profile: Profile::Fast, ..Options::default() });
    let start = cpu();
    for post in some {
        stream.add(post);
    }
    let added = cpu();
    let grown = stream.clusters();
    let asked = cpu();
    let options = Options { profile: Profile::Fast, ..Options::default() };
    let found = cluster(some, &options);
    let agree = grown == found;
    let value = format!(
        "{:.0} posts a CPU s, clusters asked for in {:.2} CPU s, {} clusters, as the batch: {agree}",
        some.len() as f64 / (added - start),
        asked - added,
        grown.clusters.len()
    );
    line(
        "T9",
        &format!("stream, Fast, the first {} posts", some.len()),
        &value,
        "as the batch",
        Some(agree),
    );
}

/// Posts as a campaign among others makes them: one in four a copy, one in ten a changed copy of something before.
fn crowd(count: usize) -> Vec<Own> {
    let mut dice = Dice(929);
    let mut own: Vec<Own> = Vec::with_capacity(count);
    for at in 0..count {
        let draw = dice.below(100);
        // Copies go to few originals: the square of an even number is near nought more often.
        let before = at * dice.below(1_000) / 1_000 * dice.below(1_000) / 1_000;
        let text = match (draw, own.get(before)) {
            (0..25, Some(before)) => before.text.clone(),
            (25..35, Some(before)) => {
                let edit = CAMPAIGN[dice.below(CAMPAIGN.len())];
                edited(&before.text, edit, Language::English, &mut dice)
            }
            _ => words(&mut dice),
        };
        own.push(Own {
            id: at.to_string(),
            account: dice.below(2_800).to_string(),
            time_ms: i64::try_from(at).unwrap_or_default(),
            text,
        });
    }
    own
}

/// A post of made-up words: the grammar of the other sets would make too many posts that are alike.
fn words(dice: &mut Dice) -> String {
    const PARTS: [&str; 40] = [
        "an", "be", "co", "da", "el", "fi", "ga", "ho", "in", "ju", "ka", "lo", "mi", "no", "or",
        "pe", "qu", "ra", "st", "tu", "ur", "ve", "wi", "xa", "yo", "ze", "sha", "the", "ing",
        "ter", "ran", "mor", "lin", "per", "sol", "gre", "bla", "tion", "ness", "ous",
    ];
    let mut text = String::new();
    for _ in 0..8 + dice.below(12) {
        // Words are used as unevenly as those of a language.
        let most = 1 + dice.below(20_000);
        let mut word = Dice(dice.below(most) as u64);
        for _ in 0..=word.below(3) {
            text.push_str(PARTS[word.below(PARTS.len())]);
        }
        text.push(' ');
    }
    text
}

/// T11 needs the set itself.
fn recovery(asked: &Asked) {
    let value = match &asked.ira {
        Some(_) => {
            "clusters are those of T9 with --ira; accounts, purity and NMI are measured with coordination"
        }
        None => "absent: no --ira FILE",
    };
    line("T11", "accounts flagged, purity, NMI", value, ">= 2156, >= 0.90, >= 0.48", None);
}

fn read(file: &str) -> Result<Vec<Own>, Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut own = Vec::new();
    for (at, row) in text.lines().enumerate() {
        let cells: Vec<&str> = row.split('\t').collect();
        if let [author, .., said] = cells.as_slice() {
            own.push(Own {
                id: at.to_string(),
                account: (*author).to_owned(),
                time_ms: cells.get(1).and_then(|cell| cell.parse().ok()).unwrap_or_default(),
                text: (*said).to_owned(),
            });
        }
    }
    Ok(own)
}

fn ratio(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

/// User and system time of this process.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: Vec<f64> =
        after.split_whitespace().skip(11).take(2).filter_map(|one| one.parse().ok()).collect();
    // Linux counts in hundredths of a second (sysconf(_SC_CLK_TCK)).
    ticks.iter().sum::<f64>() / 100.0
}

/// How many processes wanted to run in the last minute.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

/// The most memory this process has had, in millions of bytes.
fn peak_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let row = text.lines().find_map(|row| row.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = row.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
    kib * 1_024.0 / 1e6
}
