//! What is known around a name, each as a visible term.

/// A registration younger than this, in days, is new.
pub const AGE_DAYS_YOUNG: u32 = 90;

/// Observations about a candidate; whatever is unknown stays empty and adds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Days since registration.
    pub age_days: Option<u32>,
    /// The suffix is on the office's list of cheap or abused ones.
    pub suffix_abused: Option<bool>,
    /// Names the same registrar took on the same day within the candidate list.
    pub registrar_batch: Option<u32>,
    /// Name server, address or autonomous system shared with a known asset.
    pub infrastructure_shared: Option<bool>,
    /// No mail exchanger is published.
    pub mail_absent: Option<bool>,
    /// Redirects, or answers some countries only.
    pub redirects_or_fenced: Option<bool>,
    /// A certificate names it beside another imitation.
    pub certificate_neighbours: Option<bool>,
    /// Favicon or tracker identifier equals the protected site's or a known family's.
    pub page_marks_equal: Option<bool>,
    /// Shared by accounts of a group found coordinated (level E2 or higher).
    pub shared_by_group: Option<bool>,
}

/// Which fact a term is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TermKind {
    /// Younger than 90 days.
    Young,
    /// Cheap or abused suffix.
    Suffix,
    /// Registered in a batch.
    Batch,
    /// Shared infrastructure.
    Infrastructure,
    /// No mail exchanger.
    Mail,
    /// Redirect or geofence.
    Redirect,
    /// Certificate neighbours.
    Certificate,
    /// Favicon or tracker.
    PageMarks,
    /// Shared in a coordinated group.
    Group,
}

impl TermKind {
    /// The word of the term in files.
    pub fn code(self) -> &'static str {
        match self {
            Self::Young => "young",
            Self::Suffix => "suffix",
            Self::Batch => "batch",
            Self::Infrastructure => "infrastructure",
            Self::Mail => "mail",
            Self::Redirect => "redirect",
            Self::Certificate => "certificate",
            Self::PageMarks => "page-marks",
            Self::Group => "group",
        }
    }
}

/// One term of the context score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// What it is about.
    pub kind: TermKind,
    /// What it adds, in percent points.
    pub points: u8,
}

/// Names of one registrar on one day from which on they are a batch.
const BATCH_MIN: u32 = 3;

/// The terms of the facts given, in a fixed order. The points are a judgement of this project, not fitted to data:
/// they order a work list and decide nothing.
pub fn context_terms(facts: &Facts) -> Vec<Term> {
    let term = |holds: bool, kind, points| holds.then_some(Term { kind, points });
    let yes = |fact: Option<bool>| fact == Some(true);
    [
        term(facts.age_days.is_some_and(|days| days < AGE_DAYS_YOUNG), TermKind::Young, 15),
        term(yes(facts.suffix_abused), TermKind::Suffix, 5),
        term(facts.registrar_batch.is_some_and(|names| names >= BATCH_MIN), TermKind::Batch, 10),
        term(yes(facts.infrastructure_shared), TermKind::Infrastructure, 15),
        term(yes(facts.mail_absent), TermKind::Mail, 3),
        term(yes(facts.redirects_or_fenced), TermKind::Redirect, 10),
        term(yes(facts.certificate_neighbours), TermKind::Certificate, 10),
        term(yes(facts.page_marks_equal), TermKind::PageMarks, 20),
        term(yes(facts.shared_by_group), TermKind::Group, 10),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The sum of the terms, at most 100.
pub fn context_percent(terms: &[Term]) -> u8 {
    terms.iter().fold(0_u8, |sum, term| sum.saturating_add(term.points)).min(100)
}
