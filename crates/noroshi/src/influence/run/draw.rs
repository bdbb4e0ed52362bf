//! The picture of a network, laid out on the server: the same answer gives the same picture, and what does not fit is put
//! together and counted. With few accounts each is a mark; with many, groups are, so that a hundred thousand edges are as
//! readable as a hundred.

use std::collections::{BTreeMap, HashMap};

use super::results::{EdgeRow, GroupRow, MemberRow};

/// Accounts drawn one by one at most; more are drawn as groups.
pub(super) const ACCOUNTS_MAX: usize = 240;
/// Lines drawn at most, the strongest first.
pub(super) const LINES_MAX: usize = 3_000;
/// Groups drawn at most, the largest first.
pub(super) const GROUPS_MAX: usize = 120;
/// Radius of an account's mark.
const DOT: i32 = 7;
/// Space between groups.
const GAP: i32 = 28;
/// The least width and height, so that a few marks are not drawn as large as a page.
const LEAST: (i32, i32) = (640, 280);

/// A mark: an account, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) r: i32,
    pub(super) class: &'static str,
    pub(super) label: String,
    pub(super) title: String,
    pub(super) href: String,
}

/// A line between two marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) from: (i32, i32),
    pub(super) to: (i32, i32),
    pub(super) strong: bool,
}

/// The picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) marks: Vec<Mark>,
    pub(super) lines: Vec<Line>,
    /// Accounts or groups, and lines, that are not drawn.
    pub(super) hidden: (u64, u64),
    /// Whether marks are groups.
    pub(super) is_grouped: bool,
}

fn class(level: &str) -> &'static str {
    match level {
        "E3" => "g-node g-threat",
        "E2" => "g-node g-known",
        _ => "g-node",
    }
}

/// Radius on which `count` marks stand without touching.
fn ring(count: usize) -> i32 {
    let around = i32::try_from(count).unwrap_or(i32::MAX / 64).saturating_mul(DOT * 2 + 6);
    // A circle of that length: 44 / 7 is close enough to twice pi.
    (around.saturating_mul(7) / 44).max(DOT * 2)
}

/// Places on a ring around a middle, the first at the top, clockwise.
fn around(middle: (i32, i32), radius: i32, count: usize) -> Vec<(i32, i32)> {
    let place = |at: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred marks")]
        let turn = std::f64::consts::TAU * at as f64 / count.max(1) as f64;
        let (sin, cos) = turn.sin_cos();
        #[expect(clippy::cast_possible_truncation, reason = "within the drawing")]
        let on = |part: f64| (f64::from(radius) * part).round() as i32;
        (middle.0 + on(sin), middle.1 - on(cos))
    };
    (0..count).map(place).collect()
}

/// Columns of a field of `count` cells that is wider than high.
fn columns(count: usize) -> usize {
    let mut columns = 1;
    while columns * columns < count * 2 {
        columns += 1;
    }
    columns
}

/// A group with its members, as far as they are drawn.
pub(super) struct Shown<'a> {
    pub(super) group: &'a GroupRow,
    pub(super) members: Vec<MemberRow>,
}

/// Every account as a mark, each group on a ring of its own.
pub(super) fn accounts(
    shown: &[Shown<'_>],
    edges: &[EdgeRow],
    all_edges: u64,
    run: &str,
) -> Picture {
    let widest = shown.iter().map(|one| ring(one.members.len())).max().unwrap_or(DOT);
    let cell = widest * 2 + DOT * 4 + GAP;
    let per_row = columns(shown.len());
    let mut picture = Picture::default();
    let mut place: HashMap<&str, (i32, i32)> = HashMap::new();
    for (at, one) in shown.iter().enumerate() {
        let at_cell = |part: usize| i32::try_from(part).unwrap_or(0) * cell + cell / 2;
        let middle = (at_cell(at % per_row), at_cell(at / per_row));
        let places = around(middle, ring(one.members.len()), one.members.len());
        for (member, (x, y)) in one.members.iter().zip(places) {
            place.entry(member.account.as_str()).or_insert((x, y));
            picture.marks.push(Mark {
                x,
                y,
                r: DOT,
                class: class(&one.group.level),
                label: String::new(),
                title: member.account.clone(),
                href: format!("/influence/runs/{run}/groups/{}", one.group.number),
            });
        }
    }
    let drawn = edges.iter().filter_map(|edge| {
        let (from, to) = (place.get(edge.ends.0.as_str())?, place.get(edge.ends.1.as_str())?);
        Some(Line { from: *from, to: *to, strong: edge.weight >= 10 })
    });
    picture.lines = drawn.take(LINES_MAX).collect();
    picture.hidden.1 = all_edges.saturating_sub(picture.lines.len() as u64);
    finish(picture, cell, per_row, shown.len())
}

/// Every group as a mark, with a line where accounts of two act together.
pub(super) fn groups(
    rows: &[GroupRow],
    between: &BTreeMap<(i64, i64), u64>,
    all_groups: u64,
    run: &str,
) -> Picture {
    let radius = |group: &GroupRow| {
        let mut side = 1;
        while u64::from(side * side) < group.accounts.min(10_000) {
            side += 1_u32;
        }
        10 + i32::try_from(side).unwrap_or(0) / 2
    };
    let widest = rows.iter().map(radius).max().unwrap_or(10);
    let cell = widest * 2 + GAP * 2;
    let per_row = columns(rows.len());
    let mut picture = Picture { is_grouped: true, ..Picture::default() };
    let mut place: BTreeMap<i64, (i32, i32)> = BTreeMap::new();
    for (at, group) in rows.iter().enumerate() {
        let at_cell = |part: usize| i32::try_from(part).unwrap_or(0) * cell + cell / 2;
        let (x, y) = (at_cell(at % per_row), at_cell(at / per_row));
        place.insert(group.number, (x, y));
        picture.marks.push(Mark {
            x,
            y,
            r: radius(group),
            class: class(&group.level),
            label: group.accounts.to_string(),
            title: format!("{} / {}", group.number, group.level),
            href: format!("/influence/runs/{run}/groups/{}", group.number),
        });
    }
    let lines = between.iter().filter_map(|((one, other), count)| {
        Some(Line { from: *place.get(one)?, to: *place.get(other)?, strong: *count >= 10 })
    });
    picture.lines = lines.take(LINES_MAX).collect();
    let lines_left = between.len().saturating_sub(picture.lines.len());
    picture.hidden = (all_groups.saturating_sub(rows.len() as u64), lines_left as u64);
    finish(picture, cell, per_row, rows.len())
}

fn finish(mut picture: Picture, cell: i32, per_row: usize, cells: usize) -> Picture {
    let rows = cells.div_ceil(per_row.max(1)).max(1);
    let side = |count: usize| i32::try_from(count.max(1)).unwrap_or(1).saturating_mul(cell);
    let (width, height) = (side(per_row.min(cells.max(1))), side(rows));
    (picture.width, picture.height) = (width.max(LEAST.0), height.max(LEAST.1));
    let (right, down) = ((picture.width - width) / 2, (picture.height - height) / 2);
    for mark in &mut picture.marks {
        mark.x += right;
        mark.y += down;
    }
    for line in &mut picture.lines {
        for end in [&mut line.from, &mut line.to] {
            *end = (end.0 + right, end.1 + down);
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn group(number: i64, accounts: u64) -> GroupRow {
        let level = "E2".to_owned();
        GroupRow { number, level, accounts, edges: 0, span: (0, 0), body: Value::Null }
    }

    #[test]
    fn marks_do_not_touch_and_stay_inside() {
        for sizes in [vec![3], vec![3, 40, 5, 9], vec![200], vec![3; 80]] {
            let groups: Vec<GroupRow> =
                (0..).zip(&sizes).map(|(at, size)| group(at, *size)).collect();
            let shown: Vec<Shown<'_>> = groups
                .iter()
                .map(|group| Shown {
                    group,
                    members: (0..group.accounts)
                        .map(|at| MemberRow {
                            account: format!("{}-{at}", group.number),
                            body: Value::Null,
                        })
                        .collect(),
                })
                .collect();
            let picture = accounts(&shown, &[], 7, "run");
            assert_eq!(picture.hidden.1, 7);
            assert!(picture.width >= LEAST.0 && picture.height >= LEAST.1);
            for (at, one) in picture.marks.iter().enumerate() {
                assert!(one.x > 0 && one.x < picture.width, "{one:?}");
                assert!(one.y > 0 && one.y < picture.height, "{one:?}");
                for other in &picture.marks[..at] {
                    let (dx, dy) = (one.x - other.x, one.y - other.y);
                    assert!(dx * dx + dy * dy > DOT * DOT * 2, "{one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn many_groups_are_few_marks_and_the_rest_is_counted() {
        let rows: Vec<GroupRow> = (0_i64..120).map(|at| group(at, 50)).collect();
        let between = BTreeMap::from([((0, 1), 3), ((0, 500), 9)]);
        let picture = groups(&rows, &between, 1_000, "run");
        assert_eq!((picture.marks.len(), picture.lines.len()), (120, 1));
        assert_eq!(picture.hidden, (880, 1), "a line to a group that is not drawn is told");
        assert_eq!(groups(&rows, &between, 1_000, "run"), picture);
        let near = |at: i64, by: i64| ((at, (at + by) % 120), 1);
        let many: BTreeMap<(i64, i64), u64> =
            (0..120).flat_map(|at| (1..60).map(move |by| near(at, by))).collect();
        let picture = groups(&rows, &many, 120, "run");
        assert_eq!(picture.lines.len(), LINES_MAX);
        assert_eq!(picture.hidden, (0, (many.len() - LINES_MAX) as u64));
    }
}
