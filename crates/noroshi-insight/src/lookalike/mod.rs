//! Which names imitate a protected one, and which names were made by one hand?
//!
//! A stream of candidates (certificate transparency, new registrations, passive DNS) is held against thousands of
//! protected names at once: the candidate is taken apart and looked up, nothing is compared name by name. A list of
//! what could be registered ([`generate`]) covers one change at a time; real campaigns combine a changed label with
//! another suffix, which looking up finds without listing it (see `docs/influence-lookalike.md`).
//!
//! ```
//! use noroshi_insight::lookalike::{Matcher, Options, Outcome, Rule, Watchlist};
//! let (watchlist, problems) = Watchlist::parse("mofa.example\nkawaraban.example");
//! assert!(problems.is_empty());
//! let matcher = Matcher::new(watchlist, Options::default());
//! let Outcome::Hit(hit) = matcher.judge("kawarabann[.]test") else { panic!("an imitation") };
//! assert_eq!((hit.rule, hit.protected.as_deref()), (Rule::Edit1, Some("kawaraban.example")));
//! assert_eq!(matcher.judge("www.kawaraban.example"), Outcome::Owned);
//! ```
//!
//! Invariants
//! - Never flags what is owned or declared: asked first, for the name and every name above it.
//! - Every hit says by which rule, of which protected name, and what differs where, as data.
//! - A score is of the likeness of two names. It says nothing of who registered one, or why.
//! - The cost of a candidate depends on its length, not on how many names are protected.

mod context;
mod edit;
mod export;
mod family;
mod fold;
mod generate;
mod matcher;
mod name;
mod rules;
mod table;
mod template;
mod watchlist;
mod words;

pub use context::{AGE_DAYS_YOUNG, Facts, Term, TermKind, context_percent, context_terms};
pub use edit::{Edit, EditKind};
pub use export::{csv_candidates, csv_hits};
pub use family::{Burst, Component, Families, FamilyOptions, SameLabel, Seen, Variants, families};
pub use generate::{Candidate, GENERATED_MAX, GenerateOptions, Generated, Technique, generate};
pub use matcher::{
    Difference, Hit, Matcher, Options, Outcome, Rule, SCORE_PERCENT_MIN, SuffixChange, Tally,
};
pub use name::{Name, Refused};
pub use template::Template;
pub use watchlist::{ENTRIES_MAX, Problem, ProblemKind, Protected, Watchlist};
pub use words::WordClass;

#[cfg(test)]
mod tests;
