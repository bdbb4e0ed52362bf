//! `noroshi hunt beacons` and `noroshi hunt first-seen`.

use std::process::ExitCode;

use ipnet::IpNet;
use jiff::Timestamp;
use noroshi_evidence::mechanical::MeasureId;
use noroshi_hunt::beacon::{self, Asked, Beacon};
use noroshi_hunt::communication::{Looked, Problem};
use noroshi_hunt::first_seen::{self, New};
use noroshi_hunt::record::{Hunt, Outcome};
use noroshi_sift::digest::Digest;
use serde::Serialize;
use serde_json::{Value, json};

use super::book::Book;
use super::{Reason, Where, house, looked_json, name_problems, read_measure, read_time, scope};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::office::clock::Clock;

/// What is said with every result.
const INDICATION: &str = "an indication that somebody should look, not a verdict";

/// `noroshi hunt beacons`.
#[derive(Debug, clap::Args)]
pub struct Beacons {
    /// Pairs with fewer calls are not judged.
    #[arg(long, value_name = "N", default_value_t = 24)]
    calls_min: u32,
    /// Pairs with a lower score are not named, in thousandths.
    #[arg(long, value_name = "N", default_value_t = 700)]
    score_min: u32,
    /// How many are named.
    #[arg(long, value_name = "N", default_value_t = 100)]
    top: usize,
    /// Look at the records of this measure instead of those of one's own network.
    #[arg(long, value_name = "NAME", value_parser = read_measure)]
    measure: Option<MeasureId>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    place: Where,
}

/// `noroshi hunt first-seen`.
#[derive(Debug, clap::Args)]
pub struct FirstSeen {
    /// From when on destinations are held against those before; the last day of the records where nothing is said.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    since: Option<Timestamp>,
    /// A network whose addresses are not of interest as destinations; repeat it for each.
    #[arg(long = "inside", value_name = "PREFIX")]
    inside: Vec<IpNet>,
    /// How many are named.
    #[arg(long, value_name = "N", default_value_t = 100)]
    top: usize,
    /// Look at the records of this measure instead of those of one's own network.
    #[arg(long, value_name = "NAME", value_parser = read_measure)]
    measure: Option<MeasureId>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    place: Where,
}

/// Runs the verb.
pub(super) fn beacons(asked: &Beacons, format: Format) -> Ended {
    let (why, scope, files) =
        (asked.reason.why()?, scope(asked.measure.as_ref()), asked.place.files()?);
    let limits = Asked { calls_min: asked.calls_min, score_min: asked.score_min };
    let (mut book, _) = Book::open(&asked.place)?;
    let hunt = Hunt::Beacons {
        calls_min: limits.calls_min,
        score_min: limits.score_min,
        scope: scope.clone(),
    };
    let number = book.begin(why, hunt)?;
    let found = beacon::hunt(&files, &scope, Clock.now(), limits);
    end(&mut book, number, &found.beacons, &found.looked, &found.problems)?;
    let (named, omitted) = found.beacons.split_at(asked.top.min(found.beacons.len()));
    if format == Format::Json {
        let all = json!({
            "entry": number, "meaning": INDICATION, "beacons": named, "omitted": omitted.len(), "judged": found.judged,
            "pairs": found.pairs, "beyond_limit": found.beyond_limit, "counts": looked_json(&found.looked),
        });
        print(&all.to_string());
    } else {
        print("score\tsrc\tdst\tcalls\tinterval_s\tdeviation_s\tbytes\tfirst\tlast\tports");
        named.iter().for_each(|one| print(&beacon_line(one)));
        tell(&format!(
            "{} of {} judged pairs ({} pairs in all); {INDICATION}",
            found.beacons.len(),
            found.judged,
            found.pairs
        ));
        beyond(found.beyond_limit);
    }
    Ok(ExitCode::from(u8::from(!found.problems.is_empty())))
}

fn beacon_line(one: &Beacon) -> String {
    let bytes = one.sizes.map_or_else(|| "-".to_owned(), |sizes| sizes.median.to_string());
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{bytes}\t{}\t{}\t{}",
        one.score,
        one.src,
        one.dst,
        one.calls,
        one.intervals.median,
        one.intervals.deviation,
        one.first,
        one.last,
        ports(&one.ports),
    )
}

fn ports(ports: &[(Option<u8>, Option<u16>)]) -> String {
    let number =
        |number: Option<u16>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let ports = ports
        .iter()
        .map(|(proto, port)| format!("{}/{}", number(*port), number(proto.map(u16::from))));
    ports.collect::<Vec<_>>().join(",")
}

/// Runs the verb.
pub(super) fn first_seen(asked: &FirstSeen, format: Format) -> Ended {
    let (why, scope, files) =
        (asked.reason.why()?, scope(asked.measure.as_ref()), asked.place.files()?);
    let (mut book, _) = Book::open(&asked.place)?;
    let number = book.begin(why, Hunt::FirstSeen { since: asked.since, scope: scope.clone() })?;
    let found = first_seen::hunt(&files, &scope, Clock.now(), asked.since, &asked.inside);
    end(&mut book, number, &found.new, &found.looked, &found.problems)?;
    let (named, omitted) = found.new.split_at(asked.top.min(found.new.len()));
    if format == Format::Json {
        let all = json!({
            "entry": number, "meaning": INDICATION, "new": named, "omitted": omitted.len(), "since": found.since,
            "baseline_from": found.baseline_from, "baseline": found.baseline, "hunted": found.hunted,
            "destinations": found.destinations, "beyond_limit": found.beyond_limit, "counts": looked_json(&found.looked),
        });
        print(&all.to_string());
    } else {
        print("sources\tdst\tcalls\tbytes\tfirst\tlast\tports");
        named.iter().for_each(|one| print(&new_line(one)));
        tell(&words_of(&found));
        beyond(found.beyond_limit);
    }
    Ok(ExitCode::from(u8::from(!found.problems.is_empty())))
}

fn new_line(one: &New) -> String {
    let more = if one.more_sources { "+" } else { "" };
    format!(
        "{}{more}\t{}\t{}\t{}\t{}\t{}\t{}",
        one.sources,
        one.dst,
        one.calls,
        one.bytes,
        one.first,
        one.last,
        ports(&one.ports)
    )
}

fn words_of(found: &first_seen::Found) -> String {
    match (found.since, found.baseline_from) {
        (Some(since), Some(from)) => format!(
            "{} of {} destinations since {since} were not called before, in {} communications from {from} on; {INDICATION}",
            found.new.len(),
            found.destinations,
            found.baseline
        ),
        _ => "no record lies before that time: nothing can be said of what is new".to_owned(),
    }
}

fn beyond(count: u64) {
    if count > 0 {
        tell(&format!("a limit was reached: {count} communications were not taken in"));
    }
}

/// Writes down what came of it; the digest is over the results as lines of JSON.
fn end<T: Serialize>(
    book: &mut Book,
    number: u64,
    results: &[T],
    looked: &Looked,
    problems: &[Problem],
) -> Result<(), Failed> {
    let mut text = Vec::new();
    for one in results {
        let one: Value = serde_json::to_value(one).map_err(house)?;
        text.extend(serde_json_canonicalizer::to_vec(&one).map_err(house)?);
        text.push(b'\n');
    }
    let (ending, code) = name_problems(problems);
    let outcome = Outcome {
        of: number,
        ending,
        code,
        results: results.len() as u64,
        results_digest: Digest::of(&text),
        tally: None,
        looked: Some(*looked),
        seen: None,
    };
    book.end(outcome).map(drop)
}
