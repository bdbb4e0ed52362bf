//! From a signal of foreign manipulation to what is done about it.
//!
//! # What it decides
//! Whether a case may take a step: `signal → triage → analysis → characterised | not FIMI → options → no action | the target
//! is informed | the platform is told | partners are told | the public is told → review`.
//!
//! # Source
//! No Act of Japan lays this down. The four criteria and their being cumulative are those of VIGINUM (décret 2021-922, art.
//! 3; answers nosdeputes 234694 and 234696): possible harm to fundamental interests, a foreign actor directly or indirectly,
//! manifestly inaccurate or misleading, and artificial or automated, massive and deliberate dissemination, actual or
//! intended. The panel, its consensus, the order in which people are told and that a minister cannot stop a notice follow
//! the Canadian Critical Election Incident Public Protocol. Both are models, entered here as the house's own rule.
//!
//! # Refuses when
//! - the step does not follow from where the case stands (`NRS-INFL-0901`);
//! - a criterion has no finding, no evidence or no analyst (`NRS-INFL-0902`);
//! - a criterion does not hold, and the case would still be called FIMI (`NRS-INFL-0903`);
//! - a minister's desk would take a step: ministers are informed, they do not approve (`NRS-INFL-0904`);
//! - the public would be told before the target (`NRS-INFL-0905`);
//! - in an election period, ministers were not informed (`NRS-INFL-0906`);
//! - in an election period, fewer than three members of the panel agreed to exactly this text, or one did not agree to it or
//!   to an earlier one and has not spoken since (`NRS-INFL-0907`);
//! - a vote of the panel comes from somebody who worked on the case, or such a person is on its roster (`NRS-INFL-0908`);
//! - a notice has no evidence, or names no way to have it corrected (`NRS-INFL-0909`);
//! - what the case means for domestic speech was not assessed (`NRS-INFL-0910`);
//! - personal data of domestic persons would go to a partner, to the public or into the graph (`NRS-INFL-0911`);
//! - no reason is given (`NRS-INFL-0912`);
//! - a case would be taken out that partners or the public were not told of (`NRS-INFL-0913`), or go into the graph before it
//!   was characterised (`NRS-INFL-0914`);
//! - a notice would be added where none is decided on, or one that went out would be taken out (`NRS-INFL-0915`);
//! - in an election period, one of the named considerations has no finding that the panel could weigh (`NRS-INFL-0916`);
//! - in an election period, no roster of three members or more was fixed for this round, or somebody on it has neither spoken
//!   on the text nor been recused (`NRS-INFL-0917`);
//! - a correction is of no notice that went out (`NRS-INFL-0918`);
//! - somebody is put on the roster by another than the legal hat, speaks without being on it, or is recused by another than
//!   the legal hat or themself, or after having spoken (`NRS-INFL-0919`).
//!
//! # Example
//! ```
//! use noroshi_charter::fimi::{Facts, State, may_step};
//! use noroshi_charter::hat::Hat;
//!
//! // Four criteria are needed; here is none.
//! let facts = Facts { reason: "seen on two platforms", ..Facts::default() };
//! let against = may_step(Hat::CaoAnalyst, State::Analysis, State::Characterised, &facts);
//! assert!(against.iter().any(|one| one.code == "NRS-INFL-0902"));
//! ```

use std::collections::BTreeMap;

use crate::hat::Hat;
use crate::release::Refusal;

const CLAUSE: &str = "procedure for foreign information manipulation";

/// Members that must agree before the public is told in an election period.
pub const PANEL_MIN: usize = 3;

/// What the panel weighs before the public is told in an election period (considerations of the Canadian protocol): how far
/// the ability to have a free and fair election is undermined; how far the vote's credibility is; how sure it is; reach,
/// scale, source and lifespan; whether it is new and believable; whether it corrects itself; who is behind it; how near
/// polling day is; what allies and security have to do with it; what a notice does to an investigation.
pub const CONSIDERATIONS: [&str; 10] = [
    "free_election",
    "credibility",
    "certainty",
    "reach",
    "novelty",
    "self_correction",
    "attribution",
    "polling_day",
    "allies",
    "investigation",
];

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Where a case stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum State { $($(#[$doc])* $name,)* }

        impl State {
            /// Every state, in the order of the procedure.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code, e.g. `inform_target`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The state of a code.
            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|state| state.code() == code)
            }
        }
    };
}

states! {
    /// Somebody or a detector pointed at something.
    Signal = "signal",
    /// Is it worth an analysis?
    Triage = "triage",
    /// Evidence is gathered and the criteria are judged.
    Analysis = "analysis",
    /// All four criteria hold.
    Characterised = "characterised",
    /// It is something else, or nothing.
    NotFimi = "not_fimi",
    /// What could be done.
    Options = "options",
    /// Nothing is done.
    NoAction = "no_action",
    /// Whoever it is aimed at is told.
    InformTarget = "inform_target",
    /// The platform is told, under its own rules.
    PlatformReferral = "platform_referral",
    /// Partners are told.
    PartnerShare = "partner_share",
    /// The public is told.
    PublicNotice = "public_notice",
    /// What was done, and whether it was right.
    Review = "review",
}

impl State {
    /// Where a case may go from here.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Signal => &[Self::Triage],
            Self::Triage => &[Self::Analysis, Self::NotFimi],
            Self::Analysis => &[Self::Characterised, Self::NotFimi],
            Self::Characterised => &[Self::Options],
            Self::Options => &[
                Self::NoAction,
                Self::InformTarget,
                Self::PlatformReferral,
                Self::PartnerShare,
                Self::PublicNotice,
            ],
            // Several things may be done about one case, one after the other.
            Self::InformTarget | Self::PlatformReferral | Self::PartnerShare => {
                &[Self::Options, Self::Review]
            }
            Self::NoAction | Self::PublicNotice | Self::NotFimi => &[Self::Review],
            // A review may find that the analysis was wrong.
            Self::Review => &[Self::Analysis],
        }
    }

    /// Whether data of the case may still be needed: until its review.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Review)
    }
}

/// How many criteria there are.
pub const CRITERIA: usize = 4;

/// What was found on one criterion. All three texts are names or references, none of them empty when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Criterion<'a> {
    /// 1 to 4: interests, foreign actor, misleading, dissemination.
    pub number: u8,
    /// Whether it holds.
    pub holds: bool,
    /// What was found, in words.
    pub finding: &'a str,
    /// What it rests on: a run, an object, a document.
    pub evidence: &'a str,
    /// Who found it.
    pub analyst: &'a str,
}

impl Criterion<'_> {
    fn is_complete(&self) -> bool {
        [self.finding, self.evidence, self.analyst].iter().all(|text| !text.trim().is_empty())
    }
}

/// One member's word on a text for the public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote<'a> {
    /// Who.
    pub person: &'a str,
    /// Under which hat.
    pub hat: Hat,
    /// Whether the public should be told this.
    pub agrees: bool,
    /// Whether it was said of exactly the text in question, and not of an earlier one of the same round.
    pub is_on_this: bool,
}

/// What is known of a case when a step is asked for.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing that is known or not")]
pub struct Facts<'a> {
    /// Findings in the order they were made; the last of a number counts.
    pub criteria: &'a [Criterion<'a>],
    /// Whether an election period is in force now.
    pub is_election: bool,
    /// Whether its meaning for domestic speech was written down.
    pub is_speech_assessed: bool,
    /// Whether the target was told.
    pub is_target_informed: bool,
    /// Whether ministers were told.
    pub are_ministers_informed: bool,
    /// Words of this round on this text and on earlier ones, in the order they were given; the last of a person counts.
    pub votes: &'a [Vote<'a>],
    /// Who is on the panel in this round.
    pub roster: &'a [&'a str],
    /// Who of them is recused.
    pub recused: &'a [&'a str],
    /// Everybody who worked on the case.
    pub workers: &'a [&'a str],
    /// Whether the notice names its evidence.
    pub has_evidence: bool,
    /// Whether the notice says how it is corrected.
    pub has_correction_path: bool,
    /// Whether what would be shared holds personal data of domestic persons.
    pub has_domestic_personal_data: bool,
    /// Named considerations that have a finding.
    pub considered: &'a [&'a str],
    /// Why the step is taken.
    pub reason: &'a str,
}

/// Every reason against taking a case from `from` to `to`.
pub fn may_step(hat: Hat, from: State, to: State, facts: &Facts<'_>) -> Vec<Refusal> {
    let mut faults = vec![
        (!from.next().contains(&to), "NRS-INFL-0901"),
        (is_minister(hat), "NRS-INFL-0904"),
        (facts.reason.trim().is_empty(), "NRS-INFL-0912"),
    ];
    match to {
        State::Characterised => {
            let found = counted(facts.criteria);
            let complete = found.values().filter(|one| one.is_complete()).count();
            faults.push((complete < CRITERIA, "NRS-INFL-0902"));
            faults.push((found.values().any(|one| !one.holds), "NRS-INFL-0903"));
        }
        State::Options => faults.push((!facts.is_speech_assessed, "NRS-INFL-0910")),
        State::PartnerShare => faults.push((facts.has_domestic_personal_data, "NRS-INFL-0911")),
        State::PublicNotice => faults.extend(notice(facts)),
        _ => {}
    }
    Refusal::all(CLAUSE, faults)
}

fn is_minister(hat: Hat) -> bool {
    matches!(hat, Hat::PmDesk | Hat::MinisterSector)
}

/// The last finding on each criterion that exists.
fn counted<'a>(criteria: &[Criterion<'a>]) -> BTreeMap<u8, Criterion<'a>> {
    let known = criteria.iter().filter(|one| (1..=4).contains(&one.number));
    known.map(|one| (one.number, *one)).collect()
}

fn notice(facts: &Facts<'_>) -> Vec<(bool, &'static str)> {
    let mut faults = vec![
        (!facts.is_target_informed, "NRS-INFL-0905"),
        (!facts.has_evidence || !facts.has_correction_path, "NRS-INFL-0909"),
        (!facts.is_speech_assessed, "NRS-INFL-0910"),
        (facts.has_domestic_personal_data, "NRS-INFL-0911"),
    ];
    if facts.is_election {
        faults.push((!facts.are_ministers_informed, "NRS-INFL-0906"));
        faults.extend(panel(facts));
        let open = CONSIDERATIONS.iter().any(|one| !facts.considered.contains(one));
        faults.push((open, "NRS-INFL-0916"));
    }
    faults
}

/// What the panel's consensus on a text lacks. Everybody on the roster who is not recused is heard. A "no" stands until
/// whoever said it speaks again, whatever becomes of the text meanwhile; a "yes" is to one text only.
fn panel(facts: &Facts<'_>) -> Vec<(bool, &'static str)> {
    let last: BTreeMap<&str, Vote<'_>> =
        facts.votes.iter().map(|vote| (vote.person, *vote)).collect();
    let sits = |person: &str| facts.roster.contains(&person) && !facts.recused.contains(&person);
    let agreed = last.values().filter(|vote| {
        vote.agrees && vote.is_on_this && vote.hat == Hat::InfluencePanel && sits(vote.person)
    });
    let is_consensus = last.values().all(|vote| vote.agrees) && agreed.count() >= PANEL_MIN;
    let is_heard =
        |person: &str| last.get(person).is_some_and(|vote| vote.is_on_this || !vote.agrees);
    let waits = facts.roster.iter().any(|person| sits(person) && !is_heard(person));
    let is_own = last.keys().chain(facts.roster).any(|person| facts.workers.contains(person));
    vec![
        (!is_consensus, "NRS-INFL-0907"),
        (is_own, "NRS-INFL-0908"),
        (facts.roster.len() < PANEL_MIN || waits, "NRS-INFL-0917"),
    ]
}

/// Every reason against telling the public a correction. `is_out` says whether the notice that it corrects went out.
pub fn may_correct(hat: Hat, is_out: bool, facts: &Facts<'_>) -> Vec<Refusal> {
    let mut faults = vec![
        (is_minister(hat), "NRS-INFL-0904"),
        (!is_out, "NRS-INFL-0918"),
        (facts.has_domestic_personal_data, "NRS-INFL-0911"),
    ];
    if facts.is_election {
        faults.extend(panel(facts));
    }
    Refusal::all(CLAUSE, faults)
}

/// Of the states a case went through, those since its last analysis.
fn since_analysis(path: &[State]) -> &[State] {
    path.rsplit(|state| *state == State::Analysis).next().unwrap_or_default()
}

/// Every reason against taking a case out of the house. `path` are the states it went through, in their order.
pub fn may_take_out(hat: Hat, path: &[State], has_domestic_personal_data: bool) -> Vec<Refusal> {
    let told = [State::PartnerShare, State::PublicNotice];
    let is_told = since_analysis(path).iter().any(|state| told.contains(state));
    Refusal::all(
        CLAUSE,
        [
            (is_minister(hat), "NRS-INFL-0904"),
            (has_domestic_personal_data, "NRS-INFL-0911"),
            (!is_told, "NRS-INFL-0913"),
        ],
    )
}

/// Every reason against putting a case into the graph of evidence, where other organisations see it.
pub fn may_enter_graph(hat: Hat, path: &[State], has_domestic_personal_data: bool) -> Vec<Refusal> {
    let is_characterised = since_analysis(path).contains(&State::Characterised);
    Refusal::all(
        CLAUSE,
        [
            (is_minister(hat), "NRS-INFL-0904"),
            (has_domestic_personal_data, "NRS-INFL-0911"),
            (!is_characterised, "NRS-INFL-0914"),
        ],
    )
}

/// Every reason against adding a notice to a case: it is written before the public is told, and never after.
pub fn may_add_notice(state: State) -> Vec<Refusal> {
    let drafted = matches!(state, State::Analysis | State::Characterised | State::Options);
    Refusal::all(CLAUSE, [(!drafted, "NRS-INFL-0915")])
}

/// Every reason against taking out a notice: one that went out is corrected.
pub fn may_end_notice(path: &[State]) -> Vec<Refusal> {
    Refusal::all(CLAUSE, [(is_public(path), "NRS-INFL-0915")])
}

/// Whether the public was told, since the last analysis.
pub fn is_public(path: &[State]) -> bool {
    since_analysis(path).contains(&State::PublicNotice)
}

/// Every reason against putting people on the panel of a round. `roster` is who is on it then: nobody comes off it.
pub fn may_fix_roster(hat: Hat, roster: &[&str], workers: &[&str]) -> Vec<Refusal> {
    Refusal::all(
        CLAUSE,
        [
            (is_minister(hat), "NRS-INFL-0904"),
            (roster.iter().any(|person| workers.contains(person)), "NRS-INFL-0908"),
            (roster.len() < PANEL_MIN, "NRS-INFL-0917"),
            (hat != Hat::Legal && !is_minister(hat), "NRS-INFL-0919"),
        ],
    )
}

/// Somebody who would not speak on a case although they are on its panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recusal<'a> {
    /// Who.
    pub member: &'a str,
    /// Who says so.
    pub by: &'a str,
    /// Under which hat.
    pub hat: Hat,
    /// Who is on the panel.
    pub roster: &'a [&'a str],
    /// Who has spoken in this round: a word is not taken back by going.
    pub spoken: &'a [&'a str],
    /// Why.
    pub reason: &'a str,
}

/// Every reason against a recusal.
pub fn may_recuse(asked: &Recusal<'_>) -> Vec<Refusal> {
    let own = asked.hat == Hat::InfluencePanel && asked.by == asked.member;
    let is_theirs = asked.hat == Hat::Legal || own;
    let is_due = asked.roster.contains(&asked.member) && !asked.spoken.contains(&asked.member);
    Refusal::all(
        CLAUSE,
        [
            (is_minister(asked.hat), "NRS-INFL-0904"),
            (asked.reason.trim().is_empty(), "NRS-INFL-0912"),
            (!is_theirs && !is_minister(asked.hat) || !is_due, "NRS-INFL-0919"),
        ],
    )
}

/// Somebody who would speak on a text for the public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaker<'a> {
    /// Who.
    pub person: &'a str,
    /// Under which hat.
    pub hat: Hat,
    /// Everybody who worked on the case.
    pub workers: &'a [&'a str],
    /// Who is on the panel and not recused.
    pub sitting: &'a [&'a str],
}

/// Every reason against a member's word on a text for the public.
pub fn may_vote(speaker: &Speaker<'_>, reason: &str) -> Vec<Refusal> {
    let (hat, person) = (speaker.hat, speaker.person);
    let is_member = hat == Hat::InfluencePanel;
    Refusal::all(
        CLAUSE,
        [
            (is_minister(hat), "NRS-INFL-0904"),
            (!is_member && !is_minister(hat), "NRS-INFL-0907"),
            (speaker.workers.contains(&person), "NRS-INFL-0908"),
            (reason.trim().is_empty(), "NRS-INFL-0912"),
            (is_member && !speaker.sitting.contains(&person), "NRS-INFL-0919"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(found: &[Refusal]) -> Vec<&'static str> {
        found.iter().map(|one| one.code).collect()
    }

    fn criterion(number: u8, holds: bool) -> Criterion<'static> {
        Criterion { number, holds, finding: "found", evidence: "run-1", analyst: "a" }
    }

    fn agrees(person: &str) -> Vote<'_> {
        Vote { person, hat: Hat::InfluencePanel, agrees: true, is_on_this: true }
    }

    const PANEL: [&str; 3] = ["x", "y", "z"];

    /// Everything that a notice in an election period needs.
    fn ready<'a>(votes: &'a [Vote<'a>]) -> Facts<'a> {
        Facts {
            is_election: true,
            is_speech_assessed: true,
            is_target_informed: true,
            are_ministers_informed: true,
            votes,
            roster: &PANEL,
            workers: &["analyst"],
            considered: &CONSIDERATIONS,
            has_evidence: true,
            has_correction_path: true,
            reason: "decided",
            ..Facts::default()
        }
    }

    fn to_public(facts: &Facts<'_>) -> Vec<&'static str> {
        codes(&may_step(Hat::CaoAnalyst, State::Options, State::PublicNotice, facts))
    }

    #[test]
    fn only_the_steps_of_the_procedure_are_taken() {
        let all = [1, 2, 3, 4].map(|number| criterion(number, true));
        for from in State::ALL {
            for to in State::ALL {
                let facts = Facts { criteria: &all, ..ready(&[]) };
                let against = may_step(Hat::CaoAnalyst, *from, *to, &facts);
                let follows = from.next().contains(to);
                assert_eq!(
                    against.iter().all(|one| one.code != "NRS-INFL-0901"),
                    follows,
                    "{from:?} {to:?}"
                );
            }
        }
        assert!(State::Signal.next().iter().all(|to| *to == State::Triage));
    }

    #[test]
    fn before_an_election_every_named_consideration_is_weighed() {
        let votes = PANEL.map(agrees);
        let all = ready(&votes);
        assert_eq!(to_public(&all), [""; 0]);
        for left_out in CONSIDERATIONS {
            let rest: Vec<&str> =
                CONSIDERATIONS.into_iter().filter(|one| *one != left_out).collect();
            let facts = Facts { considered: &rest, ..all };
            assert_eq!(to_public(&facts), ["NRS-INFL-0916"], "{left_out}");
            let later = Facts { is_election: false, ..facts };
            assert_eq!(to_public(&later), [""; 0], "outside the period nothing is asked");
        }
    }

    #[test]
    fn a_case_is_characterised_by_four_complete_findings_that_hold() {
        let step = |criteria: &[Criterion<'_>]| {
            let facts = Facts { criteria, reason: "r", ..Facts::default() };
            codes(&may_step(Hat::CaoAnalyst, State::Analysis, State::Characterised, &facts))
        };
        let mut all = [1, 2, 3, 4].map(|number| criterion(number, true));
        assert_eq!(step(&all), [""; 0]);
        assert_eq!(step(&all[..3]), ["NRS-INFL-0902"]);
        all[2].holds = false;
        assert_eq!(step(&all), ["NRS-INFL-0903"]);
        for blank in 0..3 {
            let mut all = [1, 2, 3, 4].map(|number| criterion(number, true));
            match blank {
                0 => all[1].finding = " ",
                1 => all[1].evidence = "",
                _ => all[1].analyst = "\u{3000}",
            }
            assert_eq!(step(&all), ["NRS-INFL-0902"], "{blank}");
        }
        // A later finding takes the place of an earlier one.
        let again = [1, 2, 3, 4, 4].map(|number| criterion(number, true));
        let mut revised = again;
        revised[3].holds = false;
        assert_eq!(step(&revised), [""; 0]);
    }

    #[test]
    fn before_an_election_the_public_is_told_by_a_panel_that_agrees() {
        let three = PANEL.map(agrees);
        assert_eq!(to_public(&ready(&three)), [""; 0]);
        let few = ["NRS-INFL-0907", "NRS-INFL-0917"];
        assert_eq!(to_public(&ready(&three[..2])), few);
        let twice = ["x", "y", "y"].map(agrees);
        assert_eq!(to_public(&ready(&twice)), few, "one person, one word");
        let roster = ["w", "x", "y", "z"];
        let all = |votes: &[Vote<'_>]| to_public(&Facts { roster: &roster, ..ready(votes) });
        let mut against = roster.map(agrees).to_vec();
        against[0].agrees = false;
        assert_eq!(all(&against), ["NRS-INFL-0907"], "one who does not agree");
        against.push(agrees("w"));
        assert_eq!(all(&against), [""; 0], "who was won over");
        let own = Facts { workers: &["z"], ..ready(&three) };
        assert_eq!(to_public(&own), ["NRS-INFL-0908"]);
        let mut political = three;
        political[0].hat = Hat::PmDesk;
        assert_eq!(to_public(&ready(&political)), ["NRS-INFL-0907"]);
        let quiet = Facts { is_election: false, votes: &[], ..ready(&[]) };
        assert_eq!(to_public(&quiet), [""; 0], "outside an election period the office decides");
    }

    #[test]
    fn a_no_outlives_the_text_it_was_said_of_and_everybody_on_the_roster_is_heard() {
        let roster = ["w", "x", "y", "z"];
        let facts = |votes: &[Vote<'_>], roster: &[&str], recused: &[&str]| {
            to_public(&Facts { roster, recused, ..ready(votes) })
        };
        let earlier =
            |person, agrees| Vote { person, hat: Hat::InfluencePanel, agrees, is_on_this: false };
        // A letter was changed, and three agree to the new text: the fourth did not agree to the old one.
        let mut votes = vec![earlier("w", false)];
        votes.extend(PANEL.map(agrees));
        assert_eq!(facts(&votes, &roster, &[]), ["NRS-INFL-0907"]);
        assert_eq!(facts(&votes, &roster, &["w"]), ["NRS-INFL-0907"], "nor does going erase it");
        votes.push(agrees("w"));
        assert_eq!(facts(&votes, &roster, &[]), [""; 0]);
        // A "yes" is to one text only.
        let mut votes = vec![earlier("w", true)];
        votes.extend(PANEL.map(agrees));
        assert_eq!(facts(&votes, &roster, &[]), ["NRS-INFL-0917"]);
        // Whoever speaks first is not the panel: a fourth is heard, or recused.
        let three = PANEL.map(agrees);
        assert_eq!(facts(&three, &roster, &[]), ["NRS-INFL-0917"]);
        assert_eq!(facts(&three, &roster, &["w"]), [""; 0]);
        assert_eq!(facts(&three, &roster, &["z"]), ["NRS-INFL-0907", "NRS-INFL-0917"]);
        assert_eq!(facts(&three, &[], &[]), ["NRS-INFL-0907", "NRS-INFL-0917"], "no roster");
    }

    #[test]
    fn the_legal_hat_fixes_the_roster_and_a_recusal_has_a_reason_and_comes_before_a_word() {
        let fix = |hat, roster: &[&str]| codes(&may_fix_roster(hat, roster, &["analyst"]));
        assert_eq!(fix(Hat::Legal, &PANEL), [""; 0]);
        assert_eq!(fix(Hat::Legal, &PANEL[..2]), ["NRS-INFL-0917"]);
        assert_eq!(fix(Hat::Legal, &["x", "y", "analyst"]), ["NRS-INFL-0908"]);
        assert_eq!(fix(Hat::CaoAnalyst, &PANEL), ["NRS-INFL-0919"]);
        assert_eq!(fix(Hat::PmDesk, &PANEL), ["NRS-INFL-0904"]);
        let asked = Recusal {
            member: "x",
            by: "x",
            hat: Hat::InfluencePanel,
            roster: &PANEL,
            spoken: &["z"],
            reason: "a relative of the target",
        };
        let recuse = |asked: Recusal<'_>| codes(&may_recuse(&asked));
        assert_eq!(recuse(asked), [""; 0]);
        assert_eq!(recuse(Recusal { by: "l", hat: Hat::Legal, ..asked }), [""; 0]);
        assert_eq!(recuse(Recusal { reason: "\u{3000}", ..asked }), ["NRS-INFL-0912"]);
        assert_eq!(recuse(Recusal { by: "y", ..asked }), ["NRS-INFL-0919"], "nobody else");
        assert_eq!(recuse(Recusal { member: "z", by: "z", ..asked }), ["NRS-INFL-0919"]);
        assert_eq!(recuse(Recusal { member: "w", by: "w", ..asked }), ["NRS-INFL-0919"]);
        assert_eq!(recuse(Recusal { hat: Hat::PmDesk, ..asked }), ["NRS-INFL-0904"]);
        assert_eq!(recuse(Recusal { hat: Hat::CaoAnalyst, ..asked }), ["NRS-INFL-0919"]);
    }

    #[test]
    fn a_correction_is_of_a_notice_that_went_out_names_nobody_and_in_an_election_is_the_panels_word()
     {
        let three = PANEL.map(agrees);
        let facts = ready(&three);
        let correct = |out, facts: &Facts<'_>| codes(&may_correct(Hat::CaoAnalyst, out, facts));
        assert_eq!(correct(true, &facts), [""; 0]);
        assert_eq!(correct(false, &facts), ["NRS-INFL-0918"]);
        let named = Facts { has_domestic_personal_data: true, ..facts };
        assert_eq!(correct(true, &named), ["NRS-INFL-0911"]);
        let unheard = ready(&[]);
        assert_eq!(correct(true, &unheard), ["NRS-INFL-0907", "NRS-INFL-0917"]);
        let quiet = Facts { is_election: false, ..unheard };
        assert_eq!(correct(true, &quiet), [""; 0], "outside an election the office decides");
        assert_eq!(codes(&may_correct(Hat::PmDesk, true, &facts)), ["NRS-INFL-0904"]);
    }

    #[test]
    fn the_target_is_informed_first_and_ministers_are_informed_and_never_approve() {
        let three = ["x", "y", "z"].map(agrees);
        let early = Facts { is_target_informed: false, ..ready(&three) };
        assert_eq!(to_public(&early), ["NRS-INFL-0905"]);
        let unknown = Facts { are_ministers_informed: false, ..ready(&three) };
        assert_eq!(to_public(&unknown), ["NRS-INFL-0906"]);
        for hat in [Hat::PmDesk, Hat::MinisterSector] {
            for from in State::ALL {
                for to in from.next() {
                    let against = may_step(hat, *from, *to, &ready(&three));
                    assert!(codes(&against).contains(&"NRS-INFL-0904"), "{hat} {from:?} {to:?}");
                }
            }
        }
        let says = |person, hat, workers: &[&str]| {
            codes(&may_vote(&Speaker { person, hat, workers, sitting: &PANEL }, "r"))
        };
        for hat in [Hat::PmDesk, Hat::MinisterSector] {
            assert_eq!(says("m", hat, &[]), ["NRS-INFL-0904"]);
        }
        assert_eq!(says("x", Hat::InfluencePanel, &["y"]), [""; 0]);
        assert_eq!(says("x", Hat::InfluencePanel, &["x"]), ["NRS-INFL-0908"]);
        assert_eq!(says("w", Hat::InfluencePanel, &[]), ["NRS-INFL-0919"], "not on the roster");
        assert_eq!(says("x", Hat::Legal, &[]), ["NRS-INFL-0907"]);
    }

    #[test]
    fn a_case_leaves_when_partners_or_the_public_were_told_and_names_nobody_at_home() {
        use State::{
            Analysis, Characterised, NotFimi, Options, PartnerShare, PublicNotice, Review, Signal,
            Triage,
        };
        let whole = [Signal, Triage, Analysis, Characterised, Options, PartnerShare, Review];
        let out = |path: &[State], named| codes(&may_take_out(Hat::CaoAnalyst, path, named));
        let graph = |path: &[State], named| codes(&may_enter_graph(Hat::CaoAnalyst, path, named));
        for end in 0..=whole.len() {
            let shared = if end >= 6 { vec![] } else { vec!["NRS-INFL-0913"] };
            assert_eq!(out(&whole[..end], false), shared, "{end}");
            let held = if end >= 4 { vec![] } else { vec!["NRS-INFL-0914"] };
            assert_eq!(graph(&whole[..end], false), held, "{end}");
        }
        assert_eq!(out(&whole, true), ["NRS-INFL-0911"]);
        assert_eq!(graph(&whole, true), ["NRS-INFL-0911"]);
        // Found to be something else, or looked at anew: what was decided before does not carry.
        for path in [&[Signal, Triage, NotFimi][..], &[&whole[..], &[Analysis, NotFimi]].concat()] {
            assert_eq!(out(path, false), ["NRS-INFL-0913"], "{path:?}");
            assert_eq!(graph(path, false), ["NRS-INFL-0914"], "{path:?}");
        }
        let public = [Analysis, Characterised, Options, PublicNotice];
        assert_eq!(out(&public, false), [""; 0]);
        assert_eq!(codes(&may_take_out(Hat::PmDesk, &public, false)), ["NRS-INFL-0904"]);
        for state in State::ALL {
            let drafted = [Analysis, Characterised, Options].contains(state);
            assert_eq!(may_add_notice(*state).is_empty(), drafted, "{state:?}");
        }
        assert_eq!(codes(&may_end_notice(&public)), ["NRS-INFL-0915"]);
        assert!(may_end_notice(&public[..3]).is_empty());
        assert!(may_end_notice(&[&public[..], &[Review, Analysis]].concat()).is_empty());
    }

    #[test]
    fn a_notice_has_evidence_a_way_to_correct_it_and_no_partner_gets_domestic_personal_data() {
        let three = ["x", "y", "z"].map(agrees);
        let bare = Facts { has_evidence: false, ..ready(&three) };
        assert_eq!(to_public(&bare), ["NRS-INFL-0909"]);
        let final_word = Facts { has_correction_path: false, ..ready(&three) };
        assert_eq!(to_public(&final_word), ["NRS-INFL-0909"]);
        let personal = Facts { has_domestic_personal_data: true, ..ready(&[]) };
        let against = may_step(Hat::CaoAnalyst, State::Options, State::PartnerShare, &personal);
        assert_eq!(codes(&against), ["NRS-INFL-0911"]);
        let named = Facts { has_domestic_personal_data: true, ..ready(&three) };
        assert_eq!(to_public(&named), ["NRS-INFL-0911"]);
        let blind = Facts { is_speech_assessed: false, ..ready(&[]) };
        let against = may_step(Hat::CaoAnalyst, State::Characterised, State::Options, &blind);
        assert_eq!(codes(&against), ["NRS-INFL-0910"]);
    }
}
