//! From records to the answer.

use super::analysis::{Analysis, ShuffledCopy, TraceReport, VIRAL_MAX, WATCH_MAX, Watched};
use super::arithmetic::{at, length, mix, probability, real};
use super::candidates::{Accounts, Candidates, Kept};
use super::companions;
use super::edges;
use super::events::{Records, Traced};
use super::groups;
use super::options::{FirstShare, Options, Refused, Semantics, Trace};
use super::order::Order;
use super::tested::Tested;

/// Finds which accounts act together. Equal records and options give equal answers, whatever the number of threads.
///
/// With the null model off every candidate is an edge: that shows who shared what together, and nothing about chance.
///
/// # Errors
/// [`Refused`] if an option or a trace is outside its limits.
pub fn analyse(records: &Records, options: &Options) -> Result<Analysis, Refused> {
    let traces: Vec<&Trace> = records.traces().iter().map(|traced| &traced.trace).collect();
    options.check(&traces)?;
    if options.null_model { Ok(test(records, &traces, options)) } else { compare(records, options) }
}

/// The rate of false discovery in one of several traces.
fn rate(options: &Options, traces: usize) -> f64 {
    options.false_discovery_max / length(traces.max(1))
}

fn test(records: &Records, traces: &[&Trace], options: &Options) -> Analysis {
    let rate = rate(options, traces.len());
    let accounts = records.accounts().count();
    let order = Order::of(records);
    let kept = records
        .traces()
        .iter()
        .enumerate()
        .map(|(trace, traced)| {
            let order = order.as_ref().map(|order| (order, trace));
            Kept::of(traced, accounts, options.slice_seconds, order)
        })
        .collect::<Vec<Kept>>();
    let shuffled_copy = options.shuffled_copy.then(|| shuffled_copy(&kept, traces, options, rate));
    let tested: Vec<Tested> = kept
        .into_iter()
        .zip(traces)
        .map(|(kept, trace)| Tested::of(kept, trace, options, rate))
        .collect();
    let mut edges = edges::significant(&tested, traces, options, rate);
    let shares: Vec<&Kept> = tested.iter().map(|trace| &trace.kept).collect();
    let mut groups = groups::of(&mut edges, &shares, &tested, options);
    let mut companions = companions::of(&edges, &groups, &tested, options, rate);
    let (mut watched, watched_all) = watched(&tested);
    if let Some(order) = &order {
        order.restore(&mut edges, &mut groups, &mut companions, &mut watched);
    }
    let reports = records.traces().iter().zip(&tested);
    Analysis {
        intake: records.intake().clone(),
        options: options.clone(),
        traces: reports.map(|(traced, tested)| report(traced, tested, rate)).collect(),
        edges,
        groups,
        companions,
        watched,
        watched_all,
        shuffled_copy,
    }
}

fn shuffled_copy(kept: &[Kept], traces: &[&Trace], options: &Options, rate: f64) -> ShuffledCopy {
    let seed = mix(options.seed ^ 0x5368_7566_666c_6564);
    let mut copy = ShuffledCopy { seed, edges: 0, watched: 0 };
    for ((kept, trace), number) in kept.iter().zip(traces).zip(0_u64..) {
        let tested = Tested::of(kept.shuffled(seed ^ mix(number)), trace, options, rate);
        let all = 0..tested.judged.len();
        copy.edges += tested.edges();
        copy.watched += all.filter(|&index| tested.watched(index)).count() as u64;
    }
    copy
}

/// What one trace was and gave.
fn report(traced: &Traced, tested: &Tested, rate: f64) -> TraceReport {
    let edges = tested.edges();
    TraceReport {
        accounts_active: tested.accounts.active(tested.objects_min),
        hypotheses: tested.hypotheses,
        false_discovery_max: rate,
        false_edges_expected: real(edges) * rate,
        edges,
        ..looked(traced, &tested.kept, &tested.found)
    }
}

fn looked(traced: &Traced, kept: &Kept, found: &Candidates) -> TraceReport {
    let mut viral = found.viral.clone();
    viral.sort_by_key(|&(unit, left_out)| (core::cmp::Reverse(left_out), unit));
    viral.truncate(VIRAL_MAX);
    TraceReport {
        kind: traced.trace.kind,
        windows_seconds: kept.windows.clone(),
        shares: traced.events.len() as u64,
        first_shares: kept.events.len() as u64,
        accounts_active: 0,
        hypotheses: 0.0,
        false_discovery_max: 0.0,
        false_edges_expected: 0.0,
        pairs_met: found.pairs_met,
        meetings: found.meetings_all,
        edges: 0,
        viral_objects: found.viral.len() as u64,
        meetings_left_out: found.viral.iter().map(|one| one.1).sum(),
        viral: viral.into_iter().map(|(unit, count)| (kept.object(unit), count)).collect(),
        slice_seconds: kept.slice_seconds(),
    }
}

fn watched(tested: &[Tested]) -> (Vec<Watched>, u64) {
    let mut all: Vec<Watched> = Vec::new();
    for (trace, tested) in tested.iter().enumerate() {
        let places = (0..tested.judged.len()).filter(|&index| tested.watched(index));
        all.extend(places.filter_map(|index| {
            let (pair, judged) = (tested.found.pairs.get(index)?, at(&tested.judged, index));
            Some(Watched {
                a: pair.a,
                b: pair.b,
                trace,
                objects: at(&pair.objects, judged.window),
                expected_activity: judged.expected,
                p: probability(judged.ln_p),
            })
        }));
    }
    let count = all.len() as u64;
    all.sort_by(|left, right| {
        left.p.total_cmp(&right.p).then((left.a, left.b, left.trace).cmp(&(
            right.a,
            right.b,
            right.trace,
        )))
    });
    all.truncate(WATCH_MAX);
    (all, count)
}

/// Candidates without a test.
fn compare(records: &Records, options: &Options) -> Result<Analysis, Refused> {
    let ([traced], true) = (
        records.traces(),
        records.traces().iter().all(|traced| traced.trace.windows_seconds.len() == 1),
    ) else {
        return Err(Refused::OneWindow);
    };
    let kept = Kept::of(traced, records.accounts().count(), options.slice_seconds, None);
    let distinct = options.semantics == Semantics::Distinct;
    let found =
        Candidates::of(&kept, options, if distinct { options.weight_min } else { u32::MAX });
    let mut edges = if distinct {
        edges::candidates(0, &traced.trace, &kept, &found, options.weight_min)
    } else {
        edges::peers(records, traced, options)
    };
    let groups = groups::of(&mut edges, &[&kept], &[], options);
    let mut report = looked(traced, &kept, &found);
    report.edges = edges.len() as u64;
    if traced.trace.first_share == FirstShare::Once {
        report.accounts_active = Accounts::of(&kept).active(1);
    }
    Ok(Analysis {
        intake: records.intake().clone(),
        options: options.clone(),
        traces: vec![report],
        edges,
        groups,
        companions: Vec::new(),
        watched: Vec::new(),
        watched_all: 0,
        shuffled_copy: None,
    })
}
