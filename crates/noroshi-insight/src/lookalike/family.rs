//! Which names were made by one hand, whatever they imitate.
//!
//! Each kind of family is context: labels that stand under many suffixes are common among honest names too, so none is
//! a finding alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::fold;
use super::name::{Name, Refused};
use super::template::{Template, templates};

/// Names looked at in one call at most; the rest is counted.
const NAMES_MAX: usize = 2_000_000;
/// Longest label compared by its letters, in characters: of a longer one the ways to leave two letters out are too many.
const VARIANT_CHARACTERS_MAX: usize = 40;
/// Shortest label compared by its letters.
const VARIANT_CHARACTERS_MIN: usize = 6;
/// Labels of at least this many characters may differ by two letters.
const VARIANT_TWO_CHARACTERS_MIN: usize = 10;
/// Longest window of a burst, in days.
const BURST_DAYS_MAX: i64 = 3;
/// Expected false bursts per group (Bonferroni over its windows).
const BURST_ALPHA: f64 = 0.001;

/// A name with what is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The name, as people or streams write it.
    pub host: String,
    /// The day of registration, in days since 1970-01-01, if known.
    pub registered_day: Option<i64>,
    /// Who registered it for its holder and which servers answer, if known; names of one group are scanned together.
    pub group: Option<String>,
    /// Parts of infrastructure, each with its kind: `ip 192.0.2.1`, `ns a.example`, `ga UA-1`.
    pub parts: Vec<String>,
}

/// When names make a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyOptions {
    /// Suffixes a label stands under at least.
    pub suffixes_min: usize,
    /// Days within which they were registered, where days are known.
    pub same_label_days_max: i64,
    /// Labels of a family of variants at least.
    pub variants_min: usize,
    /// Names in a burst at least.
    pub burst_names_min: usize,
    /// Names that fill a template at least.
    pub template_names_min: usize,
    /// A part of infrastructure that more names share than this is common, and not followed.
    pub part_names_max: usize,
}

impl Default for FamilyOptions {
    fn default() -> Self {
        Self {
            suffixes_min: 3,
            same_label_days_max: 14,
            variants_min: 3,
            burst_names_min: 5,
            template_names_min: 8,
            part_names_max: 500,
        }
    }
}

/// One label under many suffixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameLabel {
    /// The label.
    pub label: String,
    /// The names, by number in the input.
    pub members: Vec<usize>,
}

/// Labels of the same letters but for one or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variants {
    /// The labels.
    pub labels: Vec<String>,
    /// The names, by number in the input.
    pub members: Vec<usize>,
}

/// More registrations in a few days than the group's rate explains.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// The group, if the input has groups.
    pub group: Option<String>,
    /// First day.
    pub first_day: i64,
    /// Last day.
    pub last_day: i64,
    /// Names expected in as many days.
    pub expected: f64,
    /// Probability of as many or more, times the number of windows looked at.
    pub p_value: f64,
    /// The names, by number in the input.
    pub members: Vec<usize>,
}

/// Names joined by shared parts of infrastructure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The parts that join them.
    pub parts: Vec<String>,
    /// The names, by number in the input.
    pub members: Vec<usize>,
}

/// All families of a list, each kind sorted by its first member.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Families {
    /// One label, many suffixes.
    pub same_label: Vec<SameLabel>,
    /// Anagrams and small changes of one label.
    pub variants: Vec<Variants>,
    /// Bursts of registration.
    pub bursts: Vec<Burst>,
    /// Templates of labels.
    pub templates: Vec<Template>,
    /// Shared infrastructure.
    pub components: Vec<Component>,
    /// Parts shared by too many names to say anything.
    pub common_parts: Vec<String>,
    /// Lines that were no name.
    pub refused: BTreeMap<Refused, u64>,
    /// Names over the limit.
    pub cut: usize,
}

/// Mines the families of a list.
pub fn families(seen: &[Seen], options: &FamilyOptions) -> Families {
    let mut found = Families { cut: seen.len().saturating_sub(NAMES_MAX), ..Families::default() };
    let mut names: Vec<(usize, &Seen, Name)> = Vec::new();
    for (number, one) in seen.iter().take(NAMES_MAX).enumerate() {
        match Name::parse(&one.host) {
            Ok(name) => names.push((number, one, name)),
            Err(reason) => *found.refused.entry(reason).or_default() += 1,
        }
    }
    found.same_label = same_label(&names, options);
    found.variants = variants(&names, options);
    found.bursts = bursts(&names, options);
    found.templates = templates(
        names.iter().map(|(number, _, name)| (*number, name)),
        options.template_names_min,
    );
    (found.components, found.common_parts) = components(&names, options);
    found
}

type Named<'a> = (usize, &'a Seen, Name);

fn same_label(names: &[Named<'_>], options: &FamilyOptions) -> Vec<SameLabel> {
    let mut labels: BTreeMap<&str, Vec<(usize, Option<i64>, &str)>> = BTreeMap::new();
    for (number, one, name) in names {
        labels.entry(name.label()).or_default().push((*number, one.registered_day, name.suffix()));
    }
    let mut found = Vec::new();
    for (label, mut members) in labels {
        members.sort_by_key(|(number, day, _)| (*day, *number));
        for near in within(&members, options.same_label_days_max) {
            let suffixes: BTreeSet<&str> = near.iter().map(|(_, _, suffix)| *suffix).collect();
            if suffixes.len() >= options.suffixes_min {
                let mut members: Vec<usize> = near.iter().map(|(number, ..)| *number).collect();
                members.sort_unstable();
                found.push(SameLabel { label: label.to_owned(), members });
            }
        }
    }
    found.sort_by(|a, b| a.members.cmp(&b.members));
    found
}

/// Members in runs without a gap longer than `days_max`; those without a day are one run of their own.
fn within<'m>(
    members: &'m [(usize, Option<i64>, &'m str)],
    days_max: i64,
) -> impl Iterator<Item = &'m [(usize, Option<i64>, &'m str)]> {
    members.chunk_by(move |(_, before, _), (_, after, _)| match (before, after) {
        (None, None) => true,
        (Some(before), Some(after)) => after.saturating_sub(*before) <= days_max,
        _ => false,
    })
}

/// A forest of merged sets.
struct Sets {
    parent: Vec<usize>,
}

impl Sets {
    fn new(size: usize) -> Self {
        Self { parent: (0..size).collect() }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while let Some(above) = self.parent.get(at).copied().filter(|above| *above != at) {
            let higher = self.parent.get(above).copied().unwrap_or(above);
            if let Some(slot) = self.parent.get_mut(at) {
                *slot = higher;
            }
            at = higher;
        }
        at
    }

    /// The smaller number stays on top, so that the result does not depend on the order of merging.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let (low, high) = (one.min(other), one.max(other));
        if let Some(slot) = self.parent.get_mut(high) {
            *slot = low;
        }
    }
}

/// Labels whose letters differ by at most one (two from ten letters on), with the same first letter: both sides are
/// shortened in all ways, and those that meet are joined.
fn variants(names: &[Named<'_>], options: &FamilyOptions) -> Vec<Variants> {
    let mut labels: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, _, name) in names {
        let plain = fold::plain(name.label());
        let length = plain.chars().count();
        if (VARIANT_CHARACTERS_MIN..=VARIANT_CHARACTERS_MAX).contains(&length) {
            labels.entry(plain).or_default().push(*number);
        }
    }
    let mut sets = Sets::new(labels.len());
    for changes in [1, 2] {
        let mut met: HashMap<(char, Vec<char>), usize> = HashMap::new();
        for (at, label) in labels.keys().enumerate() {
            let mut letters: Vec<char> = label.chars().collect();
            let Some(head) = letters.first().copied() else { continue };
            if changes == 2 && letters.len() < VARIANT_TWO_CHARACTERS_MIN {
                continue;
            }
            letters.sort_unstable();
            for short in shortened(&letters, changes) {
                match met.get(&(head, short.clone())).copied() {
                    Some(other) => sets.join(at, other),
                    None => {
                        met.insert((head, short), at);
                    }
                }
            }
        }
    }
    let mut families: BTreeMap<usize, Variants> = BTreeMap::new();
    for (at, (label, numbers)) in labels.into_iter().enumerate() {
        let family = families
            .entry(sets.root(at))
            .or_insert_with(|| Variants { labels: Vec::new(), members: Vec::new() });
        family.labels.push(label);
        family.members.extend(numbers);
    }
    let mut found: Vec<Variants> = families
        .into_values()
        .filter(|family| family.labels.len() >= options.variants_min)
        .collect();
    for family in &mut found {
        family.members.sort_unstable();
    }
    found.sort_by(|a, b| a.members.cmp(&b.members));
    found
}

/// The sorted letters themselves and with up to `changes` left out, each once.
fn shortened(letters: &[char], changes: usize) -> BTreeSet<Vec<char>> {
    let mut found: BTreeSet<Vec<char>> = [letters.to_vec()].into();
    let mut last: BTreeSet<Vec<char>> = found.clone();
    for _ in 0..changes {
        let mut next = BTreeSet::new();
        for text in &last {
            for at in 0..text.len() {
                let mut short = text.clone();
                short.remove(at);
                next.insert(short);
            }
        }
        found.extend(next.iter().cloned());
        last = next;
    }
    found
}

/// Scan of windows of one to three days against a Poisson rate (Naus 1965; Kulldorff 1997), Bonferroni over windows;
/// of overlapping windows the least likely stays. The rate is that of the group without its busiest window, lest a
/// burst hides itself.
fn bursts(names: &[Named<'_>], options: &FamilyOptions) -> Vec<Burst> {
    let mut groups: BTreeMap<Option<&str>, BTreeMap<i64, Vec<usize>>> = BTreeMap::new();
    for (number, one, _) in names {
        if let Some(day) = one.registered_day {
            groups.entry(one.group.as_deref()).or_default().entry(day).or_default().push(*number);
        }
    }
    let mut found = Vec::new();
    for (group, days) in groups {
        found.extend(group_bursts(group, &days, options.burst_names_min));
    }
    found.sort_by_key(|burst| (burst.first_day, burst.group.clone()));
    found
}

#[expect(clippy::cast_precision_loss, reason = "counts of names and days, far below 2^53")]
fn group_bursts(group: Option<&str>, days: &BTreeMap<i64, Vec<usize>>, least: usize) -> Vec<Burst> {
    let (Some(first), Some(last)) = (days.keys().next().copied(), days.keys().last().copied())
    else {
        return Vec::new();
    };
    let span = (last.saturating_sub(first)).saturating_add(1);
    let total: usize = days.values().map(Vec::len).sum();
    let count = |from: i64, length: i64| -> usize {
        days.range(from..from.saturating_add(length)).map(|(_, members)| members.len()).sum()
    };
    let busiest = days.keys().map(|day| count(*day, BURST_DAYS_MAX)).max().unwrap_or(0);
    let rest = (total - busiest.min(total)).max(1);
    let rate = rest as f64 / (span - BURST_DAYS_MAX).max(1) as f64;
    let windows = (days.len() * 3) as f64;
    let mut likely: Vec<Burst> = Vec::new();
    for day in days.keys() {
        for length in 1..=BURST_DAYS_MAX {
            let seen = count(*day, length);
            let expected = rate * length as f64;
            let p_value = (poisson_tail(seen, expected) * windows).min(1.0);
            if seen >= least && p_value < BURST_ALPHA && span > BURST_DAYS_MAX {
                let members = days
                    .range(*day..day.saturating_add(length))
                    .flat_map(|(_, m)| m.clone())
                    .collect();
                let last_day = day.saturating_add(length - 1);
                let group = group.map(str::to_owned);
                likely.push(Burst { group, first_day: *day, last_day, expected, p_value, members });
            }
        }
    }
    // Far tails are all zero: the number of names tells them apart.
    likely.sort_by(|a, b| {
        a.p_value
            .total_cmp(&b.p_value)
            .then(b.members.len().cmp(&a.members.len()))
            .then(a.first_day.cmp(&b.first_day))
    });
    let mut kept: Vec<Burst> = Vec::new();
    for burst in likely {
        let overlaps =
            |other: &Burst| burst.first_day <= other.last_day && other.first_day <= burst.last_day;
        if !kept.iter().any(overlaps) {
            kept.push(burst);
        }
    }
    for burst in &mut kept {
        burst.members.sort_unstable();
    }
    kept
}

/// P(X >= seen) for a Poisson variable; summed from the tail, so that small values keep their digits.
#[expect(clippy::cast_precision_loss, reason = "counts of names, far below 2^53")]
fn poisson_tail(seen: usize, expected: f64) -> f64 {
    if seen == 0 {
        return 1.0;
    }
    let log_term = |k: usize| {
        let log_factorial: f64 = (1..=k).map(|i| (i as f64).ln()).sum();
        k as f64 * expected.ln() - expected - log_factorial
    };
    let mut term = log_term(seen).exp();
    let mut sum = 0.0;
    for k in seen + 1..seen + 1_000 {
        sum += term;
        term *= expected / k as f64;
        if term < sum * 1e-15 && k as f64 > expected {
            break;
        }
    }
    f64::min(sum, 1.0)
}

fn components(names: &[Named<'_>], options: &FamilyOptions) -> (Vec<Component>, Vec<String>) {
    let mut holders: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (place, (_, one, _)) in names.iter().enumerate() {
        for part in &one.parts {
            holders.entry(part).or_default().insert(place);
        }
    }
    let mut sets = Sets::new(names.len());
    let mut common = Vec::new();
    let mut joining: Vec<(&str, usize)> = Vec::new();
    for (part, places) in &holders {
        if places.len() > options.part_names_max {
            common.push((*part).to_owned());
        } else if let Some(first) = places.first().copied().filter(|_| places.len() > 1) {
            places.iter().for_each(|place| sets.join(first, *place));
            joining.push((part, first));
        }
    }
    let mut found: BTreeMap<usize, Component> = BTreeMap::new();
    for (part, place) in joining {
        let root = sets.root(place);
        let component = found
            .entry(root)
            .or_insert_with(|| Component { parts: Vec::new(), members: Vec::new() });
        component.parts.push(part.to_owned());
    }
    for (place, (number, ..)) in names.iter().enumerate() {
        if let Some(component) = found.get_mut(&sets.root(place)) {
            component.members.push(*number);
        }
    }
    (found.into_values().collect(), common)
}
