//! The graph of a case as a drawing: who reported at the left, what they share in the middle, who else knows at the
//! right. Every node is a link; the same facts stand in tables beside it.

use std::collections::BTreeMap;

use noroshi_evidence::observable::Observable;
use noroshi_insight::correlate::ItemKind;

use super::read::{Case, Member};
use crate::web::visitor::percent;

/// Nodes of one column; the rest is counted.
const COLUMN_MAX: usize = 10;
/// Height of a row and where the columns stand, in units of the drawing.
const ROW: usize = 96;
const LEFT: usize = 150;
const MIDDLE: usize = 480;
const RIGHT: usize = 810;
/// Letters of a label.
const LABEL_CHARS_MAX: usize = 24;

/// A node.
pub(super) struct Node {
    pub(super) x: usize,
    pub(super) y: usize,
    /// `g-victim`, `g-threat`, `g-known` or nothing.
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    /// Where it leads; empty when its reader may not go there.
    pub(super) href: String,
    pub(super) label: String,
    pub(super) note: String,
    /// What a screen reader says, in full.
    pub(super) title: String,
}

/// A line between two nodes.
pub(super) struct Line {
    pub(super) x1: usize,
    pub(super) y1: usize,
    pub(super) x2: usize,
    pub(super) y2: usize,
    /// Several members name it.
    pub(super) strong: bool,
}

/// The drawing.
pub(super) struct Graph {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) lines: Vec<Line>,
    /// Members and observables that are not drawn.
    pub(super) hidden: usize,
}

/// What the drawing says of a member: label, note and address.
pub(super) struct Told {
    pub(super) label: String,
    pub(super) note: String,
    pub(super) href: String,
}

fn short(text: &str) -> String {
    if text.chars().count() <= LABEL_CHARS_MAX {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LABEL_CHARS_MAX - 1).collect();
    cut.push('…');
    cut
}

/// The height of the `place`-th of `count` nodes, spread evenly over `rows` rows.
fn height(place: usize, count: usize, rows: usize) -> usize {
    let whole = rows * ROW;
    let step = whole / count.max(1);
    step / 2 + place * step
}

/// Draws a case; `tell` gives the words for a member.
pub(super) fn draw(case: &Case, tell: impl Fn(&Member) -> Told) -> Graph {
    let left: Vec<&Member> =
        case.members.iter().filter(|member| member.kind == ItemKind::Report).collect();
    let right: Vec<&Member> =
        case.members.iter().filter(|member| member.kind != ItemKind::Report).collect();
    // What several members name comes first: that is what holds the case together.
    let middle: Vec<&(Observable, usize)> = case.observables.iter().take(COLUMN_MAX).collect();
    let drawn = |column: &[&Member]| column.len().min(COLUMN_MAX);
    let rows = drawn(&left).max(drawn(&right)).max(middle.len()).max(1);
    let hidden = left.len() - drawn(&left) + right.len() - drawn(&right) + case.observables.len()
        - middle.len();
    let mut graph =
        Graph { width: 960, height: rows * ROW + 8, nodes: Vec::new(), lines: Vec::new(), hidden };
    let mut places: BTreeMap<&Observable, (usize, usize)> = BTreeMap::new();
    for (place, (observable, count)) in middle.iter().enumerate() {
        let y = height(place, middle.len(), rows);
        places.insert(observable, (y, *count));
        graph.nodes.push(Node {
            x: MIDDLE,
            y,
            class: if *count > 1 { "g-threat" } else { "" },
            icon: "signal",
            href: format!("/evidence?q={}", percent(&observable.to_string())),
            label: short(&observable.to_string()),
            note: String::new(),
            title: format!("{observable} ({count})"),
        });
    }
    for (column, x) in [(&left, LEFT), (&right, RIGHT)] {
        let count = drawn(column);
        for (place, member) in column.iter().take(COLUMN_MAX).enumerate() {
            let y = height(place, count, rows);
            let told = tell(member);
            for (target, named) in member.observables.iter().filter_map(|seen| places.get(seen)) {
                let (from, to) =
                    if x < MIDDLE { (x + 22, MIDDLE - 24) } else { (x - 22, MIDDLE + 24) };
                graph.lines.push(Line { x1: from, y1: y, x2: to, y2: *target, strong: *named > 1 });
            }
            let (class, icon) = match member.kind {
                ItemKind::Report => ("g-victim", "report"),
                ItemKind::Sighting => ("g-victim", "filter"),
                ItemKind::Partner => ("g-known", "flag"),
            };
            graph.nodes.push(Node {
                x,
                y,
                class,
                icon,
                href: told.href,
                title: format!("{} {}", told.label, told.note),
                label: short(&told.label),
                note: short(&told.note),
            });
        }
    }
    graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::read::CaseRow;

    fn member(number: usize, kind: ItemKind, seen: &[&str]) -> Member {
        Member {
            id: format!("m-{number}"),
            kind,
            org: (String::new(), String::new()),
            sector: String::new(),
            what: String::new(),
            time: None,
            observables: seen.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    fn case(members: Vec<Member>, observables: Vec<(Observable, usize)>) -> Case {
        let row = CaseRow {
            id: "case-1".to_owned(),
            title: String::new(),
            summary: String::new(),
            state: "open".to_owned(),
            group_key: None,
            opened_at: jiff::Timestamp::UNIX_EPOCH,
            members: members.len() as u64,
            notes: 0,
        };
        Case {
            row,
            members,
            hidden: 0,
            removed: Vec::new(),
            floor: noroshi_evidence::marking::Tlp::Amber,
            notes: Vec::new(),
            older_notes: 0,
            timeline: Vec::new(),
            observables,
            reasons: Vec::new(),
        }
    }

    /// Nothing is left out in silence (P-10c).
    #[test]
    fn p10c_every_node_lies_inside_and_what_is_not_drawn_is_counted() {
        let members = (0..14)
            .map(|number| {
                let kind = if number % 2 == 0 { ItemKind::Report } else { ItemKind::Partner };
                member(number, kind, &["203.0.113.77"])
            })
            .chain((0..9).map(|number| member(100 + number, ItemKind::Report, &[])))
            .collect();
        let observables = (0..15).map(|n| (format!("203.0.113.{n}").parse().unwrap(), 1)).collect();
        let told =
            |_: &Member| Told { label: "長".repeat(60), note: String::new(), href: String::new() };
        let graph = draw(&case(members, observables), told);
        assert_eq!(graph.hidden, 6 + 5, "what is not drawn is counted");
        for (place, node) in graph.nodes.iter().enumerate() {
            assert!(
                node.y < graph.height
                    && node.x < graph.width
                    && node.label.chars().count() <= LABEL_CHARS_MAX
            );
            let others = graph.nodes.iter().enumerate().filter(|(other, _)| *other != place);
            assert!(
                others
                    .into_iter()
                    .all(|(_, other)| other.x != node.x || other.y.abs_diff(node.y) >= ROW)
            );
        }
    }

    #[test]
    fn an_empty_case_is_drawn_without_dividing_by_nothing() {
        let told =
            |_: &Member| Told { label: String::new(), note: String::new(), href: String::new() };
        let graph = draw(&case(Vec::new(), Vec::new()), told);
        assert!(graph.nodes.is_empty() && graph.height > 0);
    }
}
