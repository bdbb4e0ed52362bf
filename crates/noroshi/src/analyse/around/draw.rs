//! The drawing: steps from left to right, each step a column of marks under the type they have. The same question gives
//! the same drawing.

use std::collections::BTreeMap;

use super::gather::{Around, Bundle, Mark};

/// Width and height of a mark, and the space between columns and rows, in units of the drawing.
const WIDE: usize = 208;
const HIGH: usize = 36;
const ROW: usize = 48;
const GAP: usize = 120;
/// How far a line within a column goes to the right.
const BOW: usize = 40;
/// Space at the edges.
const EDGE: usize = 16;
/// Marks of one column; more stand in a second one, half a row lower, so that lines pass between.
const ROWS_MAX: usize = 14;
/// Width of a label in halves of a letter: a Japanese letter counts two.
const LABEL_MAX: usize = 24;

/// A mark with its place.
pub(super) struct Placed {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) key: String,
    pub(super) kind: String,
    /// As much of its name as fits.
    pub(super) label: String,
    /// How many it stands for; 1 for an object.
    pub(super) count: u64,
    pub(super) start: bool,
}

/// A line with its way.
pub(super) struct Way {
    pub(super) path: String,
    pub(super) relation: String,
    pub(super) strong: bool,
}

/// The drawing.
pub(super) struct Drawing {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) marks: Vec<Placed>,
    pub(super) ways: Vec<Way>,
}

/// Cuts a label to what a mark holds.
pub(super) fn short(text: &str) -> String {
    let wide = |letter: char| if letter.is_ascii() { 1 } else { 2 };
    if text.chars().map(wide).sum::<usize>() <= LABEL_MAX {
        return text.to_owned();
    }
    let mut room = LABEL_MAX - 2;
    let mut cut = String::new();
    for letter in text.chars() {
        if wide(letter) > room {
            break;
        }
        room -= wide(letter);
        cut.push(letter);
    }
    cut.push('…');
    cut
}

enum One<'a> {
    Mark(&'a Mark),
    Bundle(&'a Bundle),
}

impl One<'_> {
    fn hop(&self) -> u8 {
        match self {
            One::Mark(mark) => mark.hop,
            One::Bundle(bundle) => bundle.hop,
        }
    }

    /// Neighbours of the same mark stand together, then the same types, single marks before bundles.
    fn order(&self, parents: &BTreeMap<&str, usize>) -> (usize, String, bool, String, String) {
        let parent = |key: &str| parents.get(key).copied().unwrap_or(usize::MAX);
        match self {
            One::Mark(mark) => {
                (parent(&mark.id), mark.kind.clone(), false, mark.name.clone(), mark.id.clone())
            }
            One::Bundle(bundle) => {
                let kind = bundle.kinds.keys().next().cloned().unwrap_or_default();
                (parent(&bundle.key), kind, true, String::new(), bundle.key.clone())
            }
        }
    }
}

/// Places everything; `name` gives the label of a mark, `told` that of a bundle.
pub(super) fn draw(
    around: &Around,
    name: impl Fn(&Mark) -> String,
    told: impl Fn(&Bundle) -> String,
) -> Drawing {
    let place: BTreeMap<&str, usize> =
        around.marks.iter().enumerate().map(|(at, mark)| (mark.id.as_str(), at)).collect();
    // The first line to a mark is the one by which it was reached.
    let mut parents: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &around.lines {
        let from = place.get(line.from.as_str()).copied().unwrap_or(usize::MAX);
        parents.entry(line.to.as_str()).or_insert(from);
    }
    let marks = around.marks.iter().map(One::Mark);
    let mut columns: BTreeMap<u8, Vec<One<'_>>> = BTreeMap::new();
    for one in marks.chain(around.bundles.iter().map(One::Bundle)) {
        columns.entry(one.hop()).or_default().push(one);
    }
    let rows = columns.values().map(|column| height_of(column.len())).max().unwrap_or(1);
    let mut drawing = Drawing { width: 0, height: 0, marks: Vec::new(), ways: Vec::new() };
    let (mut left, mut lowest) = (EDGE, 0);
    for column in columns.values_mut() {
        column.sort_by_cached_key(|one| one.order(&parents));
        let each = height_of(column.len());
        let parts = column.len().div_ceil(each);
        for (part, some) in column.chunks(each).enumerate() {
            let lower = part % 2 * (ROW / 2);
            let top = EDGE + (rows - some.len().min(rows)) * ROW / 2 + lower;
            for (row, one) in some.iter().enumerate() {
                let y = top + row * ROW;
                lowest = lowest.max(y + HIGH);
                drawing.marks.push(placed(one, left, y, &name, &told));
            }
            left += WIDE + if part + 1 == parts { GAP } else { GAP / 3 };
        }
    }
    // Lines within the last column bow to the right of it.
    drawing.width = left - GAP + BOW + EDGE;
    drawing.height = lowest + EDGE;
    drawing.ways = ways(around, &drawing.marks);
    drawing
}

/// Rows of a column with so many marks, when it is cut into as few parts as may be.
fn height_of(marks: usize) -> usize {
    marks.div_ceil(marks.div_ceil(ROWS_MAX).max(1)).max(1)
}

fn placed(
    one: &One<'_>,
    x: usize,
    y: usize,
    name: &impl Fn(&Mark) -> String,
    told: &impl Fn(&Bundle) -> String,
) -> Placed {
    match one {
        One::Mark(mark) => Placed {
            x,
            y,
            key: mark.id.clone(),
            kind: mark.kind.clone(),
            label: short(&name(mark)),
            count: 1,
            start: mark.hop == 0,
        },
        One::Bundle(bundle) => Placed {
            x,
            y,
            key: bundle.key.clone(),
            kind: bundle.kinds.keys().next().cloned().unwrap_or_default(),
            label: short(&told(bundle)),
            count: bundle.count(),
            start: false,
        },
    }
}

fn ways(around: &Around, marks: &[Placed]) -> Vec<Way> {
    let at: BTreeMap<&str, (usize, usize)> =
        marks.iter().map(|mark| (mark.key.as_str(), (mark.x, mark.y + HIGH / 2))).collect();
    let way = |line: &super::gather::Line| {
        let (a, b) = (*at.get(line.from.as_str())?, *at.get(line.to.as_str())?);
        let path = if a.0 == b.0 {
            // Within a column: a bow at the right.
            let x = a.0 + WIDE;
            format!("M{x} {} C{} {} {} {} {x} {}", a.1, x + BOW, a.1, x + BOW, b.1, b.1)
        } else {
            let (from, to) = if a.0 < b.0 { (a, b) } else { (b, a) };
            let (start, middle) = (from.0 + WIDE, to.0.saturating_sub(GAP / 3));
            format!("M{start} {} C{middle} {} {middle} {} {} {}", from.1, from.1, to.1, to.0, to.1)
        };
        let strong = around.bundles.iter().any(|bundle| bundle.key == line.to);
        Some(Way { path, relation: line.relation.clone(), strong })
    };
    around.lines.iter().filter_map(way).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::around::gather::Line;

    #[test]
    fn nothing_stands_on_anything_else_and_the_same_question_gives_the_same_drawing() {
        let mark = |id: String, hop| Mark {
            name: id.clone(),
            id,
            kind: "tool".to_owned(),
            tlp: String::new(),
            hop,
            merged: 0,
        };
        let mut around = Around { marks: vec![mark("s".to_owned(), 0)], ..Around::default() };
        for n in 0..45 {
            around.marks.push(mark(format!("a{n}"), 1 + n % 3));
            around.lines.push(Line {
                from: "s".to_owned(),
                to: format!("a{n}"),
                relation: "uses".to_owned(),
                outgoing: true,
            });
        }
        let first = draw(&around, |mark| mark.name.clone(), |_| String::new());
        for (at, a) in first.marks.iter().enumerate() {
            assert!(a.x + WIDE <= first.width && a.y + HIGH <= first.height, "{}", a.key);
            for b in first.marks.iter().skip(at + 1) {
                let apart = a.x.abs_diff(b.x) >= WIDE || a.y.abs_diff(b.y) >= HIGH;
                assert!(apart, "{} and {}", a.key, b.key);
            }
        }
        assert_eq!(first.ways.len(), 45);
        let second = draw(&around, |mark| mark.name.clone(), |_| String::new());
        let places =
            |d: &Drawing| d.marks.iter().map(|m| (m.key.clone(), m.x, m.y)).collect::<Vec<_>>();
        assert_eq!(places(&first), places(&second));
    }

    #[test]
    fn labels_are_cut_by_the_width_they_have() {
        assert_eq!(short("malware"), "malware");
        assert_eq!(short("灯籠の指令サーバー第一号機"), "灯籠の指令サーバー第一…");
    }
}
