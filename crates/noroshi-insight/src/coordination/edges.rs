//! From tested pairs to edges with their evidence.

use std::collections::BTreeMap;

use super::analysis::{EXEMPLARS_MAX, Edge, Exemplar, Leads, TraceEvidence};
use super::arithmetic::{at, length, ln_cauchy, number, place, probability, sign_test};
use super::candidates::{Candidates, Kept, Meeting, Pair};
use super::events::{Records, Traced};
use super::options::{Models, Options, Trace, TraceFamily};
use super::peers;
use super::tested::{Judged, Tested};

/// The strength of an edge at most: −log10 of its probability.
const STRENGTH_MAX: f64 = 50.0;

/// Edges of several tested traces: pairs that are edges in at least one.
pub(crate) fn significant(
    tested: &[Tested],
    traces: &[&Trace],
    options: &Options,
    rate: f64,
) -> Vec<Edge> {
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for trace in tested {
        let edges = trace.accepted.iter().filter(|one| one.is_edge);
        let edges = edges.filter_map(|one| trace.found.pairs.get(one.index));
        pairs.extend(edges.map(|pair| (pair.a, pair.b)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
        .into_iter()
        .map(|(a, b)| {
            // Moments in which both shared something, and the family of the trace that told of them first.
            let mut moments: BTreeMap<(u32, u32), TraceFamily> = BTreeMap::new();
            let evidence: Vec<(TraceEvidence, Judged)> = tested
                .iter()
                .enumerate()
                .filter_map(|(place, trace)| {
                    evidence((place, trace), &mut moments, traces, options, rate, (a, b))
                })
                .collect();
            edge(a, b, evidence, traces, options)
        })
        .collect()
}

fn evidence(
    (number, tested): (usize, &Tested),
    moments: &mut BTreeMap<(u32, u32), TraceFamily>,
    traces: &[&Trace],
    options: &Options,
    rate: f64,
    (a, b): (u32, u32),
) -> Option<(TraceEvidence, Judged)> {
    let index = tested.find(a, b)?;
    let (judged, pair) = (at(&tested.judged, index), tested.found.pairs.get(index)?);
    let meetings: Vec<&Meeting> = tested.meetings(index).collect();
    let mut told = tell(&tested.kept, &meetings, pair.a);
    told.trace = number;
    told.kind = traces.get(number)?.kind;
    told.window_seconds = at(&tested.kept.windows, judged.window);
    told.expected_activity = Some(judged.expected);
    told.p = Some(probability(judged.ln_p));
    told.log10_p = Some(judged.ln_p / core::f64::consts::LN_10);
    told.q = Some(probability(judged.ln_q));
    if let Some(one) = tested.confirmation(index) {
        told.significant = one.is_edge;
        told.common = Some(one.common);
        told.expected_interest = Some(one.expected_interest);
        told.p_interest = Some(probability(one.ln_p_interest));
        told.q_interest = Some(probability(one.ln_q_interest));
        told.q_circles = Some(probability(one.ln_q_circles));
        told.p_gap = Some(probability(one.ln_p_gap));
        told.q_gap = Some(probability(one.ln_q_gap));
        told.confirmed = one.confirmed;
        told.synchronous = one.ln_q_interest <= options.synchrony_false_discovery_max.ln()
            || one.ln_q_gap <= rate.ln();
    }
    if told.confirmed {
        told.apart = apart(&meetings, &tested.kept, told.kind.family(), moments);
    }
    Some((told, judged))
}

/// How many joint shares lie at moments at which no trace of another family told of one: a post with a link and a picture is
/// one act, not two.
fn apart(
    meetings: &[&Meeting],
    kept: &Kept,
    family: TraceFamily,
    moments: &mut BTreeMap<(u32, u32), TraceFamily>,
) -> u32 {
    let mut apart = 0;
    for meeting in meetings {
        let (earlier, later) = meeting.shares(kept);
        let first = *moments.entry((earlier.time, later.time)).or_insert(family);
        apart += u32::from(first == family);
    }
    apart
}

fn edge(
    a: u32,
    b: u32,
    evidence: Vec<(TraceEvidence, Judged)>,
    traces: &[&Trace],
    options: &Options,
) -> Edge {
    let parts: Vec<(f64, f64)> = evidence
        .iter()
        .filter(|(_, judged)| judged.tested)
        .filter_map(|(told, judged)| {
            traces.get(told.trace).map(|trace| (trace.weight, judged.ln_p))
        })
        .collect();
    let ln_p = ln_cauchy(&parts);
    // By the models that are asked for: an edge that must be confirmed is as false as what confirms it.
    let ln_q_of = |(told, judged): &(TraceEvidence, Judged)| match options.models {
        Models::Confirmed if told.significant => {
            judged.ln_q.max(told.q_circles.unwrap_or(1.0).ln())
        }
        Models::Confirmed => 0.0,
        Models::Activity | Models::Both => judged.ln_q,
    };
    let ln_q = evidence.iter().map(ln_q_of).fold(0.0, f64::min);
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
        q_circles: None,
        p_gap: None,
        q_gap: None,
        confirmed: false,
        synchronous: false,
        apart: 0,
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
