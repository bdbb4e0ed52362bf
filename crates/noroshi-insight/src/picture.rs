//! The damage as a table: sector by kind of damage by time, with totals.
//!
//! The whole picture is for those entitled to it. What goes to the public is [`Picture::without_small_cells`]:
//! with fifteen sectors and some two hundred operators, a cell of one or two organisations names them.
//! There, small cells vanish together with their place, and every total is the sum of what is shown, so
//! that nothing can be found again by subtraction. Publish one size of time bucket only: two sizes of the
//! same facts could be subtracted from each other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// Fewest organisations in a published cell, unless the caller says otherwise.
pub const ORGANISATIONS_MIN_DEFAULT: usize = 3;

/// The size of the time buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// A calendar day.
    Day,
    /// A calendar month, named by its first day.
    Month,
    /// A calendar year, named by its first day.
    Year,
}

impl Bucket {
    /// The first day of the bucket in which `day` lies.
    fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        }
    }
}

/// One reported damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The sector of the organisation, as the sector scheme names it.
    pub sector: Box<str>,
    /// The kind of damage, for example `ransomware`.
    pub kind: Box<str>,
    /// When it occurred, or was noticed if that is unknown.
    pub at: Timestamp,
    /// The organisation harmed; counted, never shown.
    pub organisation: Box<str>,
    /// Minutes of service lost.
    pub service_minutes: u64,
    /// Persons affected.
    pub persons_affected: u64,
    /// Loss in yen.
    pub loss_yen: u64,
}

/// What a cell or a total says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Reported damages.
    pub reports: u64,
    /// Different organisations.
    pub organisations: u64,
    /// Minutes of service lost.
    pub service_minutes: u64,
    /// Persons affected; the same person may be counted by several reports.
    pub persons_affected: u64,
    /// Loss in yen.
    pub loss_yen: u64,
}

/// A cell with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The sector.
    pub sector: Box<str>,
    /// The kind of damage.
    pub kind: Box<str>,
    /// The first day of the bucket.
    pub from: Date,
    /// What it says.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The table. Cells without damage are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    bucket: Bucket,
    cells: BTreeMap<(Box<str>, Box<str>, Date), Tally>,
}

/// Sums, and the organisations behind them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Tally {
    sums: Figures,
    organisations: BTreeSet<Box<str>>,
}

impl Tally {
    /// Sums end at the largest number instead of wrapping: absurd reports must not make small totals.
    fn add(&mut self, other: &Self) {
        let sums = &mut self.sums;
        sums.reports = sums.reports.saturating_add(other.sums.reports);
        sums.service_minutes = sums.service_minutes.saturating_add(other.sums.service_minutes);
        sums.persons_affected = sums.persons_affected.saturating_add(other.sums.persons_affected);
        sums.loss_yen = sums.loss_yen.saturating_add(other.sums.loss_yen);
        self.organisations.extend(other.organisations.iter().cloned());
    }

    fn figures(&self) -> Figures {
        Figures { organisations: self.organisations.len() as u64, ..self.sums }
    }
}

impl Picture {
    /// Adds up damages; `offset` says where days begin (Japan: nine hours).
    ///
    /// ```
    /// use noroshi_insight::picture::{Bucket, Damage, Picture};
    /// let damage = Damage {
    ///     sector: "energy".into(), kind: "ransomware".into(), at: "2026-11-22T15:00:00Z".parse()?,
    ///     organisation: "Example Electric".into(), service_minutes: 90, persons_affected: 7, loss_yen: 0,
    /// };
    /// let picture = Picture::of(&[damage], Bucket::Day, jiff::tz::offset(9));
    /// assert_eq!(picture.cells()[0].from.to_string(), "2026-11-23");
    /// assert_eq!(picture.total().service_minutes, 90);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn of(damages: &[Damage], bucket: Bucket, offset: Offset) -> Self {
        let mut cells: BTreeMap<_, Tally> = BTreeMap::new();
        for damage in damages {
            let from = bucket.start(offset.to_datetime(damage.at).date());
            let one = Tally {
                sums: Figures {
                    reports: 1,
                    organisations: 0,
                    service_minutes: damage.service_minutes,
                    persons_affected: damage.persons_affected,
                    loss_yen: damage.loss_yen,
                },
                organisations: BTreeSet::from([damage.organisation.clone()]),
            };
            let place = (damage.sector.clone(), damage.kind.clone(), from);
            cells.entry(place).or_default().add(&one);
        }
        Self { bucket, cells }
    }

    /// The size of the time buckets.
    pub const fn bucket(&self) -> Bucket {
        self.bucket
    }

    /// All cells, by sector, kind and time.
    pub fn cells(&self) -> Vec<Cell> {
        self.cells
            .iter()
            .map(|((sector, kind, from), tally)| Cell {
                sector: sector.clone(),
                kind: kind.clone(),
                from: *from,
                figures: tally.figures(),
            })
            .collect()
    }

    /// The sum of all cells; an organisation in several cells counts once.
    pub fn total(&self) -> Figures {
        let mut total = Tally::default();
        self.cells.values().for_each(|tally| total.add(tally));
        total.figures()
    }

    /// Totals of each sector.
    pub fn by_sector(&self) -> BTreeMap<Box<str>, Figures> {
        self.margin(|(sector, _, _)| sector.clone())
    }

    /// Totals of each kind of damage.
    pub fn by_kind(&self) -> BTreeMap<Box<str>, Figures> {
        self.margin(|(_, kind, _)| kind.clone())
    }

    /// Totals of each time bucket.
    pub fn by_time(&self) -> BTreeMap<Date, Figures> {
        self.margin(|(_, _, from)| *from)
    }

    /// Totals of each sector and kind of damage, over all time.
    pub fn by_sector_and_kind(&self) -> BTreeMap<(Box<str>, Box<str>), Figures> {
        self.margin(|(sector, kind, _)| (sector.clone(), kind.clone()))
    }

    /// The picture without cells of fewer than `organisations_min` organisations, and how many those were.
    ///
    /// INVARIANT: what is returned does not depend on anything inside a withheld cell, nor on where it
    /// stood; only their number is told.
    pub fn without_small_cells(&self, organisations_min: usize) -> (Self, usize) {
        let kept: BTreeMap<_, _> = self
            .cells
            .iter()
            .filter(|(_, tally)| tally.organisations.len() >= organisations_min)
            .map(|(place, tally)| (place.clone(), tally.clone()))
            .collect();
        let withheld = self.cells.len() - kept.len();
        (Self { bucket: self.bucket, cells: kept }, withheld)
    }

    fn margin<K: Ord>(
        &self,
        key: impl Fn(&(Box<str>, Box<str>, Date)) -> K,
    ) -> BTreeMap<K, Figures> {
        let mut margin: BTreeMap<K, Tally> = BTreeMap::new();
        for (place, tally) in &self.cells {
            margin.entry(key(place)).or_default().add(tally);
        }
        margin.into_iter().map(|(key, tally)| (key, tally.figures())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn damage(sector: &str, kind: &str, hour: i64, organisation: &str) -> Damage {
        Damage {
            sector: sector.into(),
            kind: kind.into(),
            at: Timestamp::from_second(hour * 3600).unwrap(),
            organisation: organisation.into(),
            service_minutes: 10,
            persons_affected: 5,
            loss_yen: 1000,
        }
    }

    fn japan() -> Offset {
        jiff::tz::offset(9)
    }

    #[test]
    fn damages_add_up_in_every_direction() {
        let damages = [
            damage("energy", "ransomware", 0, "A"),
            damage("energy", "ransomware", 1, "A"),
            damage("energy", "ddos", 20, "B"),
            damage("health", "ransomware", 20, "C"),
        ];
        let picture = Picture::of(&damages, Bucket::Day, japan());
        let lines: Vec<String> = picture
            .cells()
            .iter()
            .map(|c| {
                let f = c.figures;
                format!("{} {} {} {}/{}", c.sector, c.kind, c.from, f.reports, f.organisations)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "energy ddos 1970-01-02 1/1",
                "energy ransomware 1970-01-01 2/1",
                "health ransomware 1970-01-02 1/1",
            ]
        );
        assert_eq!(picture.total().organisations, 3);
        assert_eq!(picture.by_sector()["energy"].loss_yen, 3000);
        assert_eq!(picture.by_kind()["ransomware"].reports, 3);
        assert_eq!(picture.by_time().values().map(|f| f.reports).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(picture.by_sector_and_kind().len(), 3);
        let year = Picture::of(&damages, Bucket::Year, japan());
        assert_eq!(
            year.by_time().keys().map(ToString::to_string).collect::<Vec<_>>(),
            ["1970-01-01"]
        );
        assert_eq!(year.bucket(), Bucket::Year);
    }

    #[test]
    fn absurd_figures_stay_at_the_top() {
        let absurd = Damage { loss_yen: u64::MAX, ..damage("energy", "ddos", 0, "A") };
        let picture = Picture::of(&[absurd.clone(), absurd], Bucket::Month, japan());
        assert_eq!(picture.total().loss_yen, u64::MAX);
    }

    #[test]
    fn small_cells_vanish_with_their_place() {
        let damages = [
            damage("energy", "ransomware", 0, "A"),
            damage("energy", "ransomware", 0, "B"),
            damage("energy", "ransomware", 0, "C"),
            damage("health", "ransomware", 0, "D"),
            damage("health", "ransomware", 0, "D"),
            damage("health", "ransomware", 0, "D"),
        ];
        let picture = Picture::of(&damages, Bucket::Day, japan());
        let (public, withheld) = picture.without_small_cells(ORGANISATIONS_MIN_DEFAULT);
        assert_eq!((public.cells().len(), withheld), (1, 1));
        assert_eq!((public.total().reports, public.by_kind()["ransomware"].reports), (3, 3));
        assert!(!public.by_sector().contains_key("health"));
    }

    fn damages() -> impl Strategy<Value = Vec<Damage>> {
        let one = ("[ab]", "[xy]", 0_i64..60, "[A-F]", 0_u64..9).prop_map(
            |(sector, kind, hour, organisation, loss_yen)| Damage {
                loss_yen,
                ..damage(&sector, &kind, hour, &organisation)
            },
        );
        prop::collection::vec(one, 0..30)
    }

    proptest! {
        #[test]
        fn totals_are_the_sums_of_their_cells(damages in damages().prop_shuffle()) {
            let picture = Picture::of(&damages, Bucket::Day, japan());
            let total = picture.total();
            prop_assert_eq!(total.reports, damages.len() as u64);
            prop_assert_eq!(total.loss_yen, damages.iter().map(|d| d.loss_yen).sum::<u64>());
            for sum in [
                picture.cells().iter().map(|c| c.figures.loss_yen).sum::<u64>(),
                picture.by_sector().values().map(|f| f.loss_yen).sum(),
                picture.by_kind().values().map(|f| f.loss_yen).sum(),
                picture.by_time().values().map(|f| f.loss_yen).sum(),
            ] {
                prop_assert_eq!(sum, total.loss_yen);
            }
            let mut reversed = damages;
            reversed.reverse();
            prop_assert_eq!(Picture::of(&reversed, Bucket::Day, japan()), picture);
        }

        #[test]
        fn nothing_inside_a_withheld_cell_shows(damages in damages(), other in 0_u64..1000) {
            let place = |d: &Damage| (d.sector.clone(), d.kind.clone(), japan().to_datetime(d.at).date());
            let small = |d: &Damage| {
                let here = damages.iter().filter(|o| place(o) == place(d));
                here.map(|o| &o.organisation).collect::<BTreeSet<_>>().len() < 3
            };
            let changed: Vec<Damage> = damages
                .iter()
                .map(|d| if small(d) { Damage { loss_yen: other, ..d.clone() } } else { d.clone() })
                .collect();
            let public = |of: &[Damage]| Picture::of(of, Bucket::Day, japan()).without_small_cells(3);
            prop_assert_eq!(public(&changed), public(&damages));
            let (shown, _) = public(&damages);
            prop_assert!(shown.cells().iter().all(|c| c.figures.organisations >= 3));
        }
    }
}
