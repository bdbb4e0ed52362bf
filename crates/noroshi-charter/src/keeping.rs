//! How long posts, texts and accounts are kept.
//!
//! # What it decides
//! Whether something gathered is over and is deleted, which periods may be set (shorter ones than the law's, never longer
//! ones), and what a case keeps beyond them: from its triage on the accounts that were found to act together, and everything
//! of a collection only by a legal hold.
//!
//! # Source
//! 個人情報の保護に関する法律 第61条, 第98条 (no more than the purpose needs); the six months are the cap of the French decree on VIGINUM.
//! The periods for raw texts and for the watch tier are the house's own.
//!
//! # Refuses when
//! A period is nothing or longer than its cap (`NRS-INFL-0301`).
//!
//! # Example
//! ```
//! use jiff::{SignedDuration, Timestamp};
//! use noroshi_charter::keeping::{Kind, Periods, is_over};
//!
//! let (then, days) = (Timestamp::UNIX_EPOCH, |days: i64| SignedDuration::from_hours(24 * days));
//! let periods = Periods::default();
//! assert!(!is_over(&periods, Kind::Post, then, then + days(180), false));
//! assert!(is_over(&periods, Kind::Post, then, then + days(181), false));
//! assert!(!is_over(&periods, Kind::Post, then, then + days(181), true), "a case is open");
//! assert!(is_over(&periods, Kind::RawText, then, then + days(31), true), "raw text goes all the same");
//! ```

use jiff::{SignedDuration, Timestamp};

use crate::fimi::State;
use crate::release::Refusal;

const CLAUSE: &str = "APPI art. 61, 98; rule of retention";

/// Longest period of posts and accounts, in days.
pub const POST_DAYS_MAX: u32 = 180;
/// Longest period of raw texts, in days.
pub const TEXT_DAYS_MAX: u32 = 30;
/// Longest period of the watch tier, in days.
pub const WATCH_DAYS_MAX: u32 = 14;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A post without its text, its account, what was shared.
    Post,
    /// The text of a post.
    RawText,
    /// What was only worth watching (level E1).
    Watch,
    /// A file that was handed in and has not been read yet.
    Upload,
}

/// Periods in days, each within its cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    posts: u32,
    texts: u32,
    watch: u32,
}

impl Default for Periods {
    fn default() -> Self {
        Self { posts: POST_DAYS_MAX, texts: TEXT_DAYS_MAX, watch: WATCH_DAYS_MAX }
    }
}

impl Periods {
    /// Periods for posts, raw texts and the watch tier.
    pub fn new(posts: u32, texts: u32, watch: u32) -> Result<Self, Vec<Refusal>> {
        let within = |days: u32, most: u32| (1..=most).contains(&days);
        let good = within(posts, POST_DAYS_MAX)
            && within(texts, TEXT_DAYS_MAX)
            && within(watch, WATCH_DAYS_MAX);
        if good {
            return Ok(Self { posts, texts, watch });
        }
        Err(Refusal::all(CLAUSE, [(true, "NRS-INFL-0301")]))
    }

    /// How long something of a kind is kept when nothing holds it.
    pub fn of(&self, kind: Kind) -> SignedDuration {
        let days = match kind {
            Kind::Post => self.posts,
            Kind::RawText => self.texts,
            Kind::Watch => self.watch,
            Kind::Upload => 1,
        };
        SignedDuration::from_hours(24 * i64::from(days))
    }
}

/// What a case keeps of a collection beyond its period; of several cases the one that keeps most counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// Nothing.
    #[default]
    Nothing,
    /// Posts of accounts that a run found in a group that may leave the collection.
    Found,
    /// Every post.
    Everything,
}

/// What a case keeps. One analyst opens a case alone: what was merely pointed to keeps nothing, and what is being dealt with
/// keeps those who were found to act together. A hold that the legal hat put on it keeps everything.
pub const fn hold(state: State, is_legal_hold: bool) -> Hold {
    match state {
        _ if is_legal_hold => Hold::Everything,
        State::Signal | State::NotFimi | State::Review => Hold::Nothing,
        State::Triage
        | State::Analysis
        | State::Characterised
        | State::Options
        | State::NoAction
        | State::InformTarget
        | State::PlatformReferral
        | State::PartnerShare
        | State::PublicNotice => Hold::Found,
    }
}

/// Whether something taken in at `at` is over. An open case or a legal hold keeps posts; it keeps neither raw texts (what a
/// case needs of them is frozen as an exhibit), nor what was only watched, nor files that nobody read.
pub fn is_over(
    periods: &Periods,
    kind: Kind,
    at: Timestamp,
    now: Timestamp,
    is_held: bool,
) -> bool {
    (kind != Kind::Post || !is_held) && now.duration_since(at) > periods.of(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_keeps_nothing_and_everything_is_kept_by_a_legal_hold_only() {
        for state in State::ALL {
            let kept = hold(*state, false);
            assert!(kept < Hold::Everything, "{state:?}");
            let ended = matches!(state, State::Signal | State::NotFimi | State::Review);
            assert_eq!(kept == Hold::Nothing, ended, "{state:?}");
            assert_eq!(hold(*state, true), Hold::Everything, "{state:?}");
        }
    }

    #[test]
    fn no_setting_keeps_longer_than_the_caps_and_only_posts_are_held() {
        assert!(Periods::new(180, 30, 14).is_ok() && Periods::new(1, 1, 1).is_ok());
        for (posts, texts, watch) in
            [(181, 30, 14), (180, 31, 14), (180, 30, 15), (0, 30, 14), (180, 0, 14), (180, 30, 0)]
        {
            let refused = Periods::new(posts, texts, watch).unwrap_err();
            assert_eq!(refused[0].code, "NRS-INFL-0301", "{posts} {texts} {watch}");
        }
        let then = Timestamp::UNIX_EPOCH;
        for kind in [Kind::Post, Kind::RawText, Kind::Watch, Kind::Upload] {
            let last = then + Periods::default().of(kind);
            let after = last + SignedDuration::from_millis(1);
            assert!(!is_over(&Periods::default(), kind, then, last, false), "{kind:?}");
            assert!(is_over(&Periods::default(), kind, then, after, false), "{kind:?}");
            let held = is_over(&Periods::default(), kind, then, after, true);
            assert_eq!(held, kind != Kind::Post, "{kind:?}");
        }
    }
}
