//! When a statutory mode of selection is open, and what a mandate under it may say.
//!
//! # What it decides
//! Whether the legal hat may enter from when the clauses of a mode are in force, and whether a mandate for one sensor may
//! be issued: in which mode, for which measure and period, with which retention; and whether it may be withdrawn. A
//! selection in a statutory mode runs under such a mandate and in no other way.
//!
//! # Source
//! 重要電子計算機被害防止法 附則第1条第4号 (chapters 3 to 7 come into force later than the rest), 第11条から第16条 (当事者協定), 第17条から第20条
//! (外外通信目的送信措置), 第32条 (特定外内), 第33条 (特定内外). How long a measure and the retention may last is entered with the
//! commencement, because the text that fixes it is not in force: it is data, never a constant.
//!
//! # Refuses when
//! - another hat than the legal one enters, issues or withdraws (`NRS-SIFT-0401`);
//! - no basis, scope, measure, approval or reason of a withdrawal is named (`NRS-SIFT-0402`);
//! - the clauses are not in force when the measure begins, or at all (`NRS-SIFT-0403`);
//! - the period ends before it begins, or lasts longer than was entered (`NRS-SIFT-0404`);
//! - there is no retention, or one longer than was entered (`NRS-SIFT-0405`);
//! - a party agreement names no network of the party (`NRS-SIFT-0406`);
//! - the limits entered are none (`NRS-SIFT-0407`).
//!
//! # Example
//! The legal hat enters that art. 17 is in force from 1 April with measures of at most 90 days. A mandate for a measure
//! from 1 May to 1 June is issued; one that begins on 20 March, or lasts until September, is refused.
//!
//! ```
//! use noroshi_charter::hat::Hat;
//! use noroshi_charter::mandate::{Ground, Limits, Commencement, may_commence};
//!
//! let entered = Commencement {
//!     ground: Ground::ForeignToForeign, from: "2027-04-01T00:00:00+09:00".parse()?, basis: "an order".to_owned(),
//!     limits: Limits { period_days_max: 90, retention_days_max: 30 },
//! };
//! assert!(may_commence(Hat::Legal, &entered).is_empty());
//! assert_eq!(may_commence(Hat::CaoAnalyst, &entered)[0].code, "NRS-SIFT-0401");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use jiff::{SignedDuration, Timestamp};

use crate::hat::Hat;
use crate::release::Refusal;

/// The legal ground of a selection that needs a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ground {
    /// 当事者協定.
    PartyAgreement,
    /// 外外通信目的送信措置.
    ForeignToForeign,
    /// 特定外内通信目的送信措置.
    ForeignToDomestic,
    /// 特定内外通信目的送信措置.
    DomesticToForeign,
}

impl Ground {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::PartyAgreement,
        Self::ForeignToForeign,
        Self::ForeignToDomestic,
        Self::DomesticToForeign,
    ];

    /// As records name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PartyAgreement => "party-agreement",
            Self::ForeignToForeign => "foreign-to-foreign",
            Self::ForeignToDomestic => "foreign-to-domestic",
            Self::DomesticToForeign => "domestic-to-foreign",
        }
    }

    /// Reads [`Ground::code`].
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ground| ground.code() == code)
    }

    /// The clause it stands on.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::PartyAgreement => "Act art. 11-16",
            Self::ForeignToForeign => "Act art. 17-20",
            Self::ForeignToDomestic => "Act art. 32",
            Self::DomesticToForeign => "Act art. 33",
        }
    }
}

/// How long a measure and its records may last, as the text in force says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Days from the beginning of a measure to its end.
    pub period_days_max: u32,
    /// Days for which records are retained.
    pub retention_days_max: u32,
}

/// From when the clauses of a ground are in force, as entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commencement {
    /// Which.
    pub ground: Ground,
    /// The first moment.
    pub from: Timestamp,
    /// The order or other text that says so.
    pub basis: String,
    /// What it says of time.
    pub limits: Limits,
}

/// What a mandate is to say, as far as the law has a word in it.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// On which ground.
    pub ground: Ground,
    /// The measure.
    pub measure: &'a str,
    /// The approval of the commission, or the agreement.
    pub approval: &'a str,
    /// To what it is confined, in words.
    pub scope: &'a str,
    /// How many networks it is confined to.
    pub networks: usize,
    /// The first moment.
    pub not_before: Timestamp,
    /// The last moment.
    pub not_after: Timestamp,
    /// Days for which records are retained.
    pub retention_days_max: u32,
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Every reason against entering a commencement; none means it is entered.
pub fn may_commence(hat: Hat, entered: &Commencement) -> Vec<Refusal> {
    let Limits { period_days_max, retention_days_max } = entered.limits;
    let faults = [
        (hat != Hat::Legal, "NRS-SIFT-0401"),
        (is_blank(&entered.basis), "NRS-SIFT-0402"),
        (period_days_max == 0 || retention_days_max == 0, "NRS-SIFT-0407"),
    ];
    refusals(entered.ground, &faults)
}

/// Every reason against withdrawing a mandate; none means it is withdrawn. Withdrawing needs no clause in force: what was
/// opened can always be closed.
pub fn may_withdraw(hat: Hat, ground: Ground, reason: &str) -> Vec<Refusal> {
    let faults = [(hat != Hat::Legal, "NRS-SIFT-0401"), (is_blank(reason), "NRS-SIFT-0402")];
    refusals(ground, &faults)
}

/// Every reason against issuing a mandate; none means it is issued. `in_force` is what was entered for its ground and has
/// begun by the time the measure begins; the last entry counts.
pub fn may_issue(hat: Hat, draft: &Draft<'_>, in_force: Option<&Commencement>) -> Vec<Refusal> {
    let commenced = in_force
        .filter(|entered| entered.ground == draft.ground && entered.from <= draft.not_before);
    let limits = commenced.map(|entered| entered.limits);
    let lasts = draft.not_after.duration_since(draft.not_before);
    let days = |days: u32| SignedDuration::from_hours(i64::from(days) * 24);
    let too_long = limits.is_some_and(|limits| lasts > days(limits.period_days_max));
    let kept_too_long =
        limits.is_some_and(|limits| draft.retention_days_max > limits.retention_days_max);
    let texts = [draft.measure, draft.approval, draft.scope];
    let faults = [
        (hat != Hat::Legal, "NRS-SIFT-0401"),
        (texts.into_iter().any(is_blank), "NRS-SIFT-0402"),
        (commenced.is_none(), "NRS-SIFT-0403"),
        (draft.not_after < draft.not_before || too_long, "NRS-SIFT-0404"),
        (draft.retention_days_max == 0 || kept_too_long, "NRS-SIFT-0405"),
        (draft.ground == Ground::PartyAgreement && draft.networks == 0, "NRS-SIFT-0406"),
    ];
    refusals(draft.ground, &faults)
}

fn refusals(ground: Ground, faults: &[(bool, &'static str)]) -> Vec<Refusal> {
    let there = faults.iter().filter(|(is_there, _)| *is_there);
    there.map(|(_, code)| Refusal { code, clause: ground.clause() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn entered(ground: Ground) -> Commencement {
        Commencement {
            ground,
            from: at("2027-04-01T00:00:00Z"),
            basis: "an order".to_owned(),
            limits: Limits { period_days_max: 90, retention_days_max: 30 },
        }
    }

    fn draft(ground: Ground) -> Draft<'static> {
        Draft {
            ground,
            measure: "measure-1",
            approval: "approval-1",
            scope: "one line",
            networks: 1,
            not_before: at("2027-05-01T00:00:00Z"),
            not_after: at("2027-07-30T00:00:00Z"),
            retention_days_max: 30,
        }
    }

    fn codes(draft: &Draft<'_>, in_force: Option<&Commencement>) -> Vec<&'static str> {
        may_issue(Hat::Legal, draft, in_force).into_iter().map(|one| one.code).collect()
    }

    #[test]
    fn every_ground_is_locked_until_its_own_commencement_is_entered() {
        for ground in Ground::ALL {
            assert_eq!(Ground::parse(ground.code()), Some(ground));
            assert_eq!(codes(&draft(ground), None), ["NRS-SIFT-0403"]);
            for other in Ground::ALL {
                let found = codes(&draft(ground), Some(&entered(other)));
                assert_eq!(found.is_empty(), ground == other, "{ground:?} under {other:?}");
            }
            let early = Draft {
                not_before: at("2027-03-31T23:59:59Z"),
                not_after: at("2027-04-02T00:00:00Z"),
                ..draft(ground)
            };
            assert_eq!(codes(&early, Some(&entered(ground))), ["NRS-SIFT-0403"]);
        }
    }

    #[test]
    fn only_the_legal_hat_enters_and_issues() {
        let ground = Ground::ForeignToForeign;
        for hat in Hat::ALL {
            let refused = |found: Vec<Refusal>| found.iter().any(|one| one.code == "NRS-SIFT-0401");
            let is_other = *hat != Hat::Legal;
            assert_eq!(refused(may_commence(*hat, &entered(ground))), is_other, "{hat}");
            assert_eq!(
                refused(may_issue(*hat, &draft(ground), Some(&entered(ground)))),
                is_other,
                "{hat}"
            );
        }
    }

    #[test]
    fn only_the_legal_hat_withdraws_and_says_why() {
        let codes = |hat: Hat, reason: &str| -> Vec<&'static str> {
            let found = may_withdraw(hat, Ground::ForeignToForeign, reason);
            found.into_iter().map(|one| one.code).collect()
        };
        for hat in Hat::ALL {
            let expected: &[&str] = if *hat == Hat::Legal { &[] } else { &["NRS-SIFT-0401"] };
            assert_eq!(codes(*hat, "the approval was taken back"), expected, "{hat}");
        }
        assert_eq!(codes(Hat::Legal, " "), ["NRS-SIFT-0402"]);
    }

    #[test]
    fn every_limit_is_what_was_entered() {
        let ground = Ground::PartyAgreement;
        let check = |code: &str, change: &dyn Fn(&mut Draft<'static>)| {
            let mut draft = draft(ground);
            change(&mut draft);
            assert_eq!(codes(&draft, Some(&entered(ground))), [code]);
        };
        check("NRS-SIFT-0402", &|draft| draft.approval = " ");
        check("NRS-SIFT-0402", &|draft| draft.scope = "");
        check("NRS-SIFT-0404", &|draft| draft.not_after = at("2027-07-30T00:00:01Z"));
        check("NRS-SIFT-0404", &|draft| draft.not_after = at("2027-04-30T00:00:00Z"));
        check("NRS-SIFT-0405", &|draft| draft.retention_days_max = 31);
        check("NRS-SIFT-0405", &|draft| draft.retention_days_max = 0);
        check("NRS-SIFT-0406", &|draft| draft.networks = 0);
        let nothing = Commencement {
            limits: Limits { period_days_max: 0, retention_days_max: 1 },
            ..entered(ground)
        };
        assert_eq!(may_commence(Hat::Legal, &nothing)[0].code, "NRS-SIFT-0407");
    }
}
