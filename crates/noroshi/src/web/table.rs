//! How does every long list page, sort, filter, pick and export alike?
//!
//! What is shown stands in the address: filters, order, size, and the place reached. A page is found by the key of
//! the entry before it, never by a number, so that a list of millions costs what a list of ten costs and nothing is
//! skipped when something arrives. The way back is the trail of places come through, in the address too.
//!
//! ```
//! use noroshi::web::table::{Column, Spec, View};
//!
//! static SPEC: Spec = Spec {
//!     path: "/things",
//!     columns: &[Column { key: "at", label: "things-at", num: false, sorts: true }],
//!     filters: &["q", "state"],
//!     sort: ("at", true),
//! };
//! let view = View::parse(&SPEC, "q=a%20b&state=open&after=90&trail=120&unknown=1");
//! assert_eq!((view.filter("q"), view.after()), ("a b", Some("90")));
//! let pager = view.pager(Some("60".to_owned()), Some(200));
//! assert_eq!(pager.next, "/things?q=a%20b&state=open&after=60&trail=120&trail=90");
//! assert_eq!(pager.previous, "/things?q=a%20b&state=open&after=120");
//! ```

use std::collections::BTreeMap;

use super::form::Values;
use super::layout::{Link, Pager};
use super::locale::Words;
use super::visitor::percent;

/// Sizes of a page offered.
pub const SIZES: [u32; 3] = [50, 100, 200];
/// Places of the way back that are kept in the address; older ones lead to the first page.
const TRAIL_MAX: usize = 40;
/// Letters of a filter or a place.
const CHARS_MAX: usize = 512;
/// Entries that can be picked one by one.
pub const PICKS_MAX: usize = 200;

/// A column of a list.
#[derive(Debug)]
pub struct Column {
    /// Its name in the address.
    pub key: &'static str,
    /// The key of its words in the locales.
    pub label: &'static str,
    /// Whether it holds numbers.
    pub num: bool,
    /// Whether the list can be put in its order.
    pub sorts: bool,
}

/// A kind of list.
#[derive(Debug)]
pub struct Spec {
    /// Where it stands.
    pub path: &'static str,
    /// Its columns, left to right.
    pub columns: &'static [Column],
    /// Names of its filters.
    pub filters: &'static [&'static str],
    /// The order it has when none is asked for, and whether that is descending.
    pub sort: (&'static str, bool),
}

/// What of a list is shown.
#[derive(Debug, Clone)]
pub struct View {
    spec: &'static Spec,
    path: String,
    filters: BTreeMap<&'static str, String>,
    sort: &'static str,
    descending: bool,
    size: u32,
    after: Option<String>,
    trail: Vec<String>,
}

/// The head of a column.
#[derive(Debug, Clone)]
pub struct Head {
    /// The words.
    pub label: String,
    /// `num` or nothing.
    pub class: &'static str,
    /// Where a click leads; empty when the list has no such order.
    pub href: String,
    /// `ascending`, `descending`, or empty when the list is in another order.
    pub sorted: &'static str,
}

/// Something that can be done with what was picked.
#[derive(Debug, Clone)]
pub struct Verb {
    /// What is posted as `verb`.
    pub value: &'static str,
    /// The words.
    pub label: String,
}

/// A list ready to be shown: `ui::grid` renders it round the rows of the page.
#[derive(Debug, Clone)]
pub struct Grid {
    /// What the list is.
    pub caption: String,
    /// The heads.
    pub heads: Vec<Head>,
    /// What can be done with entries; without any, nothing can be picked.
    pub verbs: Vec<Verb>,
    /// Where the picked ones are posted.
    pub action: String,
    /// The view, as hidden fields.
    pub kept: Vec<(String, String)>,
    /// How many match the filter.
    pub total: u64,
    /// Whether these are all.
    pub counted_all: bool,
    /// Sizes of a page.
    pub sizes: Vec<(Link, bool)>,
    /// Before and after.
    pub pager: Pager,
    /// Whether a filter is set, and the way to the list without.
    pub unfiltered: Option<String>,
}

fn known(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.chars().count() <= CHARS_MAX).then(|| text.to_owned())
}

impl View {
    /// Reads the query of an address. What is unknown or too long is left out.
    pub fn parse(spec: &'static Spec, query: &str) -> Self {
        Self::of(spec, &Values::parse(query.as_bytes()))
    }

    /// Reads the fields that [`Grid::kept`] wrote into a form.
    pub fn of(spec: &'static Spec, values: &Values) -> Self {
        let filters =
            spec.filters.iter().filter_map(|name| Some((*name, known(values.get(name))?)));
        let asked = values.get("sort");
        let sorts = spec.columns.iter().find(|column| column.sorts && column.key == asked);
        let (sort, descending) =
            sorts.map_or(spec.sort, |column| (column.key, values.get("order") == "desc"));
        let size = values.get("size").parse().ok().filter(|size| SIZES.contains(size));
        let trail = values.all("trail").into_iter().filter_map(known);
        Self {
            spec,
            path: spec.path.to_owned(),
            filters: filters.collect(),
            sort,
            descending,
            size: size.unwrap_or(SIZES[0]),
            after: known(values.get("after")),
            trail: trail.take(TRAIL_MAX).collect(),
        }
    }

    /// The same view of a list that stands elsewhere, such as below one object.
    #[must_use]
    pub fn at(self, path: String) -> Self {
        Self { path, ..self }
    }

    /// Where the list stands, without a query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of a filter; empty when it is not set.
    pub fn filter(&self, name: &str) -> &str {
        self.filters.get(name).map_or("", String::as_str)
    }

    /// The column whose order the list has, and whether it is descending.
    pub const fn sort(&self) -> (&'static str, bool) {
        (self.sort, self.descending)
    }

    /// Entries of a page.
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// The place after which the page begins; none for the first.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Filters and order, without the place.
    fn pairs(&self) -> Vec<(String, String)> {
        let filters = self
            .spec
            .filters
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.filters.get(name)?.clone())));
        let mut pairs: Vec<_> = filters.collect();
        if (self.sort, self.descending) != self.spec.sort {
            pairs.push(("sort".to_owned(), self.sort.to_owned()));
            let order = if self.descending { "desc" } else { "asc" };
            pairs.push(("order".to_owned(), order.to_owned()));
        }
        if self.size != SIZES[0] {
            pairs.push(("size".to_owned(), self.size.to_string()));
        }
        pairs
    }

    fn place(&self) -> Vec<(String, String)> {
        let after = self.after.iter().map(|after| ("after".to_owned(), after.clone()));
        after.chain(self.trail.iter().map(|at| ("trail".to_owned(), at.clone()))).collect()
    }

    /// The query of filters and order, for the addresses of exports.
    pub fn query(&self) -> String {
        let pairs = self.pairs();
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        pairs.join("&")
    }

    fn address(&self, place: &[(String, String)]) -> String {
        let mut pairs = self.pairs();
        pairs.extend_from_slice(place);
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", self.path, pairs.join("&"))
    }

    /// The address of this very page.
    pub fn here(&self) -> String {
        self.address(&self.place())
    }

    /// The first page with one filter set otherwise.
    pub fn with(&self, name: &'static str, value: &str) -> String {
        let mut other = self.clone();
        match known(value) {
            Some(value) => other.filters.insert(name, value),
            None => other.filters.remove(name),
        };
        other.address(&[])
    }

    /// The ways back and on; `next` is the key of the last entry shown when there are more.
    pub fn pager(&self, next: Option<String>, total: Option<u64>) -> Pager {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let next = next.map(|next| {
            let mut place = vec![pair("after", &next)];
            let come = self.trail.iter().map(String::as_str).chain([self.after().unwrap_or("")]);
            let come: Vec<&str> = come.filter(|at| !at.is_empty()).collect();
            let from = come.len().saturating_sub(TRAIL_MAX);
            place.extend(come.iter().skip(from).map(|at| pair("trail", at)));
            self.address(&place)
        });
        let previous = self.after.is_some().then(|| {
            let Some((last, before)) = self.trail.split_last() else { return self.address(&[]) };
            let mut place = vec![pair("after", last)];
            place.extend(before.iter().map(|at| pair("trail", at)));
            self.address(&place)
        });
        Pager { previous: previous.unwrap_or_default(), next: next.unwrap_or_default(), total }
    }

    fn heads(&self, words: Words) -> Vec<Head> {
        let head = |column: &Column| {
            let current = column.key == self.sort;
            let turned = Self {
                sort: column.key,
                descending: if current { !self.descending } else { false },
                after: None,
                trail: Vec::new(),
                ..self.clone()
            };
            let sorted = if self.descending { "descending" } else { "ascending" };
            Head {
                label: words.t(column.label),
                class: if column.num { "num" } else { "" },
                href: if column.sorts { turned.address(&[]) } else { String::new() },
                sorted: if current && column.sorts { sorted } else { "" },
            }
        };
        self.spec.columns.iter().map(head).collect()
    }

    /// The list round its rows. `next` is the key of the last entry shown when there are more.
    pub fn grid(
        &self,
        words: Words,
        caption: String,
        next: Option<String>,
        (total, counted_all): (u64, bool),
    ) -> Grid {
        let size = |size: u32| {
            let href = Self { size, ..self.clone() }.address(&[]);
            (Link { href, label: words.n(size) }, size == self.size)
        };
        let mut kept = self.pairs();
        kept.extend(self.place());
        Grid {
            caption,
            heads: self.heads(words),
            verbs: Vec::new(),
            action: format!("{}/batch", self.path),
            kept,
            total,
            counted_all,
            sizes: SIZES.into_iter().map(size).collect(),
            pager: self.pager(next, counted_all.then_some(total)),
            unfiltered: (!self.filters.is_empty()).then(|| self.path.clone()),
        }
    }
}

impl Grid {
    /// With things that can be done with entries.
    #[must_use]
    pub fn verbs(mut self, verbs: Vec<Verb>) -> Self {
        self.verbs = verbs;
        self
    }
}

/// What was picked: some entries, or all that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    /// These, each once, in the order of the page.
    Some(Vec<String>),
    /// Whatever matches the filter.
    Whole,
}

impl Picked {
    /// Reads what `ui::grid` posted.
    pub fn of(values: &Values) -> Self {
        if values.get("whole") == "1" {
            return Self::Whole;
        }
        let mut picks: Vec<String> = Vec::new();
        for pick in values.all("pick").into_iter().filter_map(known) {
            if picks.len() < PICKS_MAX && !picks.contains(&pick) {
                picks.push(pick);
            }
        }
        Self::Some(picks)
    }

    /// As hidden fields of the page that asks.
    pub fn fields(&self) -> Vec<(String, String)> {
        match self {
            Self::Whole => vec![("whole".to_owned(), "1".to_owned())],
            Self::Some(picks) => {
                picks.iter().map(|pick| ("pick".to_owned(), pick.clone())).collect()
            }
        }
    }
}

/// One cell of a table for other programs: quoted where it must be (RFC 4180 §2), and never a formula of a spreadsheet.
pub fn csv_cell(text: &str) -> String {
    let dangerous = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if dangerous { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// One line of a table for other programs.
pub fn csv_line<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| csv_cell(cell.as_ref())).collect();
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    static SPEC: Spec = Spec {
        path: "/things",
        columns: &[
            Column { key: "at", label: "shell-next", num: false, sorts: true },
            Column { key: "n", label: "shell-next", num: true, sorts: true },
            Column { key: "x", label: "shell-next", num: false, sorts: false },
        ],
        filters: &["q"],
        sort: ("at", true),
    };

    #[test]
    fn whoever_goes_on_and_back_comes_to_the_same_pages() {
        let mut address = "/things?q=a".to_owned();
        let mut seen = vec![address.clone()];
        for step in 1..=5 {
            let query = address.split_once('?').unwrap().1.to_owned();
            let pager = View::parse(&SPEC, &query).pager(Some(format!("k{step}")), None);
            address = pager.next;
            seen.push(address.clone());
        }
        for expected in seen.iter().rev().skip(1) {
            let query = address.split_once('?').unwrap().1.to_owned();
            address = View::parse(&SPEC, &query).pager(None, None).previous;
            assert_eq!(&address, expected);
        }
    }

    #[test]
    fn the_address_holds_what_is_asked_and_nothing_unknown() {
        let long = "x".repeat(CHARS_MAX + 1);
        let view = View::parse(&SPEC, &format!("q={long}&sort=x&size=7&order=desc"));
        assert_eq!((view.filter("q"), view.sort(), view.size()), ("", ("at", true), 50));
        let view = View::parse(&SPEC, "sort=n&order=desc&size=200&after=4");
        assert_eq!(view.here(), "/things?sort=n&order=desc&size=200&after=4");
        assert_eq!(view.with("q", "a&b"), "/things?q=a%26b&sort=n&order=desc&size=200");
    }

    #[test]
    fn a_cell_is_no_formula_and_breaks_no_line() {
        assert_eq!(
            csv_line(["=1+1", "a,b", "c\"d", "plain"]),
            "'=1+1,\"a,b\",\"c\"\"d\",plain\r\n"
        );
    }

    #[test]
    fn picks_are_counted_once() {
        let values = Values::parse(b"pick=1&pick=2&pick=1");
        assert_eq!(Picked::of(&values), Picked::Some(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(Picked::of(&Values::parse(b"whole=1&pick=3")), Picked::Whole);
    }
}
