//! From tested pairs to edges with their evidence.

use super::analysis::{EXEMPLARS_MAX, Edge, Exemplar, Leads, TraceEvidence};
use super::arithmetic::{at, length, ln_cauchy, number, place, probability, sign_test};
use super::candidates::{Candidates, Kept, Meeting, Pair};
use super::events::{Records, Traced};
use super::options::{Options, Trace};
use super::peers;
use super::tested::{Interest, Judged, Tested};

/// The strength of an edge at most: −log10 of its probability.
const STRENGTH_MAX: f64 = 50.0;

/// Edges of several tested traces: pairs that are significant in at least one.
pub(crate) fn significant(
    tested: &[Tested],
    traces: &[&Trace],
    options: &Options,
    rate: f64,
) -> Vec<Edge> {
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    let mut interests: Vec<Vec<(usize, Interest)>> = Vec::new();
    for trace in tested {
        let accepted: Vec<usize> =
            (0..trace.judged.len()).filter(|&index| trace.accepted(index, rate)).collect();
        let accepted_pairs = accepted.iter().filter_map(|&index| trace.found.pairs.get(index));
        pairs.extend(accepted_pairs.map(|pair| (pair.a, pair.b)));
        let interest =
            if accepted.is_empty() { Vec::new() } else { trace.interest(&accepted, options) };
        interests.push(accepted.into_iter().zip(interest).collect());
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
        .into_iter()
        .map(|(a, b)| {
            let evidence: Vec<(TraceEvidence, Judged)> = tested
                .iter()
                .zip(&interests)
                .enumerate()
                .filter_map(|(place, (trace, interest))| {
                    evidence(place, trace, interest, traces, options, rate, (a, b))
                })
                .collect();
            edge(a, b, evidence, traces)
        })
        .collect()
}

fn evidence(
    number: usize,
    tested: &Tested,
    interests: &[(usize, Interest)],
    traces: &[&Trace],
    options: &Options,
    rate: f64,
    (a, b): (u32, u32),
) -> Option<(TraceEvidence, Judged)> {
    let index = tested.find(a, b)?;
    let (judged, pair) = (at(&tested.judged, index), tested.found.pairs.get(index)?);
    let interest = interests
        .binary_search_by_key(&index, |one| one.0)
        .ok()
        .and_then(|found| interests.get(found))
        .map(|one| one.1);
    let meetings: Vec<&Meeting> = tested.meetings(index).collect();
    let mut told = tell(&tested.kept, &meetings, pair.a);
    told.trace = number;
    told.kind = traces.get(number)?.kind;
    told.window_seconds = at(&tested.kept.windows, judged.window);
    told.expected_activity = Some(judged.expected);
    told.p = Some(probability(judged.ln_p));
    told.log10_p = Some(judged.ln_p / core::f64::consts::LN_10);
    told.q = Some(probability(judged.ln_q));
    told.significant = tested.accepted(index, rate);
    told.common = interest.map(|one| one.common);
    told.expected_interest = interest.map(|one| one.expected);
    told.p_interest = interest.map(|one| probability(one.ln_p));
    told.q_interest = interest.map(|one| probability(one.ln_q));
    let limit = options.synchrony_false_discovery_max.ln();
    told.synchronous = interest.is_some_and(|one| one.ln_q <= limit);
    Some((told, judged))
}

fn edge(a: u32, b: u32, evidence: Vec<(TraceEvidence, Judged)>, traces: &[&Trace]) -> Edge {
    let parts: Vec<(f64, f64)> = evidence
        .iter()
        .filter(|(_, judged)| judged.tested)
        .filter_map(|(told, judged)| {
            traces.get(told.trace).map(|trace| (trace.weight, judged.ln_p))
        })
        .collect();
    let ln_p = ln_cauchy(&parts);
    let ln_q = evidence.iter().map(|(_, judged)| judged.ln_q).fold(0.0, f64::min);
    let q = probability(ln_q + length(traces.len()).ln());
    Edge {
        a,
        b,
        weight: evidence.iter().map(|(told, _)| told.objects).sum(),
        p: Some(probability(ln_p)),
        q: Some(q),
        strength: (-ln_p / core::f64::consts::LN_10).min(STRENGTH_MAX),
        backbone: 1.0,
        truss: 2,
        stability: None,
        group: None,
        traces: evidence.into_iter().map(|(told, _)| told).collect(),
    }
}

/// What meetings say without any test.
fn tell(kept: &Kept, meetings: &[&Meeting], a: u32) -> TraceEvidence {
    let mut exemplars: Vec<(u32, Exemplar)> = Vec::with_capacity(meetings.len());
    let mut days: Vec<u32> = Vec::with_capacity(meetings.len());
    let (mut gaps, mut leads, mut first, mut last) = (0_u64, Leads::default(), u32::MAX, 0);
    for meeting in meetings {
        let (earlier, later) = meeting.shares(kept);
        let gap = later.time - earlier.time;
        let (one, two) = if earlier.account == a { (earlier, later) } else { (later, earlier) };
        match one.time.cmp(&two.time) {
            core::cmp::Ordering::Less => leads.a += 1,
            core::cmp::Ordering::Greater => leads.b += 1,
            core::cmp::Ordering::Equal => leads.together += 1,
        }
        gaps += u64::from(gap);
        (first, last) = (first.min(later.time), last.max(later.time));
        days.push(later.time / 86_400);
        let exemplar = Exemplar {
            object: kept.object(one.object),
            post_a: one.post,
            post_b: two.post,
            time_a: one.time,
            time_b: two.time,
        };
        exemplars.push((gap, exemplar));
    }
    leads.p = sign_test(leads.a, leads.b);
    days.sort_unstable();
    days.dedup();
    exemplars.sort_by_key(|(gap, one)| (*gap, one.time_a.min(one.time_b), one.object));
    exemplars.truncate(EXEMPLARS_MAX);
    TraceEvidence {
        trace: 0,
        kind: super::options::TraceKind::Other,
        window_seconds: kept.widest(),
        objects: number(meetings.len()),
        common: None,
        expected_activity: None,
        p: None,
        log10_p: None,
        q: None,
        significant: false,
        expected_interest: None,
        p_interest: None,
        q_interest: None,
        synchronous: false,
        gap_seconds: super::arithmetic::real(gaps) / length(meetings.len().max(1)),
        first,
        last,
        days: number(days.len()),
        leads,
        exemplars: exemplars.into_iter().map(|one| one.1).collect(),
    }
}

/// Every candidate of one trace as an edge, without a test.
pub(crate) fn candidates(
    number: usize,
    trace: &Trace,
    kept: &Kept,
    found: &Candidates,
    weight_min: u32,
) -> Vec<Edge> {
    let enough = |pair: &&Pair| found.meetings(pair).len() >= place(weight_min);
    let edges = found.pairs.iter().filter(enough).map(|pair| {
        let meetings: Vec<&Meeting> = found.meetings(pair).iter().collect();
        let mut told = tell(kept, &meetings, pair.a);
        told.trace = number;
        told.kind = trace.kind;
        untested(pair.a, pair.b, told.objects, vec![told])
    });
    edges.collect()
}

/// The edges of a published tool.
pub(crate) fn peers(records: &Records, traced: &Traced, options: &Options) -> Vec<Edge> {
    let window = traced.trace.windows_seconds.iter().copied().max().unwrap_or(0);
    peers::edges(records, traced, window, options.semantics)
        .into_iter()
        .filter(|edge| edge.weight >= options.weight_min)
        .map(|edge| untested(edge.a, edge.b, edge.weight, Vec::new()))
        .collect()
}

fn untested(a: u32, b: u32, weight: u32, traces: Vec<TraceEvidence>) -> Edge {
    Edge {
        a,
        b,
        weight,
        p: None,
        q: None,
        strength: f64::from(weight),
        backbone: 1.0,
        truss: 2,
        stability: None,
        group: None,
        traces,
    }
}
