//! Questions about cases, and the facts the charter decides on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::fimi::{CONSIDERATIONS, Criterion, Facts, State, Vote};
use noroshi_charter::hat::Hat;

use super::part::Body;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its identifier.
    pub incident: String,
    /// What it is called.
    pub title: String,
    /// Where it stands.
    pub state: State,
    /// Counts its steps.
    pub version: i64,
    /// For whom what leaves it is at most.
    pub tlp: String,
    /// Whether its data must be kept whatever its state.
    pub legal_hold: bool,
    /// The organisation that opened it.
    pub org: String,
    /// When.
    pub created_at: Timestamp,
}

/// A part of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its identifier.
    pub part: String,
    /// What it says.
    pub body: Body,
    /// Who added it.
    pub person: String,
    /// Under which hat.
    pub hat: String,
    /// When.
    pub at: Timestamp,
    /// When it ended, and why.
    pub ended: Option<(Timestamp, String)>,
}

/// A step a case took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it stood.
    pub from: String,
    /// Where it went.
    pub to: String,
    /// Why.
    pub reason: String,
    /// Who took it.
    pub person: String,
    /// Under which hat.
    pub hat: String,
    /// When.
    pub at: Timestamp,
}

/// A member's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Digest of the notice.
    pub notice: String,
    /// Who.
    pub person: String,
    /// Under which hat.
    pub hat: String,
    /// Whether the public should be told this.
    pub agrees: bool,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A case with everything it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The case.
    pub incident: Incident,
    /// Its parts, oldest first, ended ones too.
    pub parts: Vec<Part>,
    /// Its steps, oldest first.
    pub steps: Vec<Step>,
    /// Words of the panel, oldest first.
    pub words: Vec<Word>,
    /// Whether an election period is in force now.
    pub is_election: bool,
    /// When that period began.
    pub election_since: Option<Timestamp>,
}

const INCIDENT: &str = "SELECT incident, title, state, version, tlp, legal_hold, org, created_at FROM influence_incident";

fn incident_row(row: &Row<'_, '_>) -> Result<Incident, StoreFailure> {
    let state = row.text(2)?;
    Ok(Incident {
        incident: row.text(0)?,
        title: row.text(1)?,
        state: State::parse(&state)
            .ok_or_else(|| StoreFailure::Damaged(format!("`{state}` is no state of a case")))?,
        version: row.int(3)?,
        tlp: row.text(4)?,
        legal_hold: row.truth(5)?,
        org: row.text(6)?,
        created_at: row.time(7)?,
    })
}

/// One case, without its parts.
pub fn incident(reader: &Reader<'_>, id: &str) -> Result<Option<Incident>, StoreFailure> {
    reader.first(&format!("{INCIDENT} WHERE incident = $1"), &[Value::from(id)], incident_row)
}

/// Cases before one, newest first, at most `limit`.
pub fn incidents(
    reader: &Reader<'_>,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Incident>, StoreFailure> {
    let sql =
        format!("{INCIDENT} WHERE ($1 IS NULL OR incident < $1) ORDER BY incident DESC LIMIT $2");
    reader.all(&sql, &[Value::from(before), Value::from(i64::from(limit))], incident_row)
}

/// One case with everything.
pub fn whole(reader: &Reader<'_>, id: &str, now: Timestamp) -> Result<Option<Whole>, StoreFailure> {
    let Some(found) = incident(reader, id)? else { return Ok(None) };
    let of = [Value::from(id)];
    let parts = reader.all(
        "SELECT part, body, person, hat, at, ended_at, ended_why FROM influence_part WHERE incident = $1 ORDER BY at, part",
        &of,
        |row| {
            Ok(Part {
                part: row.text(0)?,
                body: row.json(1)?,
                person: row.text(2)?,
                hat: row.text(3)?,
                at: row.time(4)?,
                ended: row.time_or_none(5)?.zip(row.text_or_none(6)?),
            })
        },
    )?;
    let steps = reader.all(
        "SELECT from_state, to_state, reason, person, hat, at FROM influence_step WHERE incident = $1 ORDER BY at, step",
        &of,
        |row| {
            Ok(Step {
                from: row.text(0)?,
                to: row.text(1)?,
                reason: row.text(2)?,
                person: row.text(3)?,
                hat: row.text(4)?,
                at: row.time(5)?,
            })
        },
    )?;
    let words = reader.all(
        "SELECT notice, person, hat, agrees, reason, at FROM influence_vote WHERE incident = $1 ORDER BY at, vote",
        &of,
        |row| {
            Ok(Word {
                notice: row.text(0)?,
                person: row.text(1)?,
                hat: row.text(2)?,
                agrees: row.truth(3)?,
                reason: row.text(4)?,
                at: row.time(5)?,
            })
        },
    )?;
    let election_since = crate::influence::read::election_now(reader, now)?.map(|one| one.from);
    let is_election = election_since.is_some();
    Ok(Some(Whole { incident: found, parts, steps, words, is_election, election_since }))
}

impl Whole {
    /// Parts that count: those that have not ended.
    pub fn live(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.ended.is_none())
    }

    /// The notice in force: the last one, with the digest members speak on.
    pub fn notice(&self) -> Option<(&Part, String)> {
        let last = self.live().filter(|part| matches!(part.body, Body::Notice { .. })).last()?;
        Some((last, last.body.spoken_on()?.to_string()))
    }

    /// The correction that the panel may speak on: the last draft, with its digest.
    pub fn draft(&self) -> Option<(&Part, String)> {
        let is_draft = |part: &&Part| matches!(part.body, Body::CorrectionDraft { .. });
        let last = self.live().filter(is_draft).last()?;
        Some((last, last.body.spoken_on()?.to_string()))
    }

    /// Digests of the texts that the panel may speak on: the notice in force, and the draft of a correction.
    pub fn spoken_on(&self) -> Vec<String> {
        [self.notice(), self.draft()].into_iter().flatten().map(|(_, digest)| digest).collect()
    }

    /// Whether a notice is one that went out: the last one when the public was told.
    pub fn went_out(&self, notice: &str) -> bool {
        let public = self.steps.iter().filter(|step| step.to == State::PublicNotice.code());
        let mut out = public.filter_map(|step| {
            let mut then = self.parts.iter().filter(|part| {
                matches!(part.body, Body::Notice { .. })
                    && part.at <= step.at
                    && part.ended.as_ref().is_none_or(|(at, _)| *at > step.at)
            });
            then.next_back()
        });
        out.any(|part| part.part == notice)
    }

    /// When the case last came to a state.
    fn came_to(&self, to: State) -> Option<Timestamp> {
        self.steps.iter().rev().find(|step| step.to == to.code()).map(|step| step.at)
    }

    /// When the options came to be considered for what the case is characterised as now. What was said or done in an
    /// earlier round of the procedure is on record, and does not count.
    fn round(&self) -> Option<Timestamp> {
        let came = |step: &&Step| {
            step.from == State::Characterised.code() && step.to == State::Options.code()
        };
        self.steps.iter().rev().find(came).map(|step| step.at)
    }

    /// From when on words, considerations and the information of ministers count for a notice: within this round, and
    /// within the election. `None` before a round has begun.
    fn since(&self) -> Option<Timestamp> {
        Some(self.round()?.max(self.election_since.unwrap_or(Timestamp::MIN)))
    }

    /// Whether the options came to be considered: from then on the panel has something to speak on.
    pub fn is_in_round(&self) -> bool {
        self.since().is_some()
    }

    /// Parts that count for a notice.
    fn counted(&self) -> impl Iterator<Item = &Part> {
        let since = self.since();
        self.live().filter(move |part| since.is_some_and(|since| part.at >= since))
    }

    /// Words that count: of this round, and of this election.
    pub fn words_that_count(&self) -> impl Iterator<Item = &Word> {
        let since = self.since();
        self.words.iter().filter(move |word| since.is_some_and(|since| word.at >= since))
    }

    fn is_of_a_correction(&self, digest: &str) -> bool {
        let drafts =
            self.parts.iter().filter(|part| matches!(part.body, Body::CorrectionDraft { .. }));
        let mut drafts = drafts.filter_map(|part| part.body.spoken_on());
        drafts.any(|one| one.to_string() == digest)
    }

    /// The last word of each member on a text, or on an earlier one in whose place it came, oldest first.
    pub fn words_on(&self, digest: &str) -> Vec<&Word> {
        let is_correction = self.is_of_a_correction(digest);
        let of = self
            .words_that_count()
            .filter(|word| self.is_of_a_correction(&word.notice) == is_correction);
        let last: BTreeMap<&str, &Word> = of.map(|word| (word.person.as_str(), word)).collect();
        let mut last: Vec<&Word> = last.into_values().collect();
        last.sort_by_key(|word| word.at);
        last
    }

    /// Who is on the panel in this round.
    pub fn roster(&self) -> Vec<&str> {
        let members = self.counted().filter_map(|part| match &part.body {
            Body::Panel { members } => Some(members),
            _ => None,
        });
        let members: BTreeSet<&str> = members.flatten().map(String::as_str).collect();
        members.into_iter().collect()
    }

    /// Who of them does not speak, with the reason.
    pub fn recused(&self) -> Vec<(&str, &str)> {
        self.counted()
            .filter_map(|part| match &part.body {
                Body::Recusal { member, reason } => Some((member.as_str(), reason.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The states the case went through, in their order.
    pub fn path(&self) -> Vec<State> {
        self.steps.iter().filter_map(|step| State::parse(&step.to)).collect()
    }

    /// Everybody who worked on the case. To fix the panel, or to stay away from it, is no such work.
    pub fn workers(&self) -> BTreeSet<&str> {
        let works = |part: &&Part| !matches!(part.body, Body::Panel { .. } | Body::Recusal { .. });
        let parts = self.parts.iter().filter(works).map(|part| part.person.as_str());
        parts.chain(self.steps.iter().map(|step| step.person.as_str())).collect()
    }

    /// Who reviewed a statement of a foreign nexus: the first two other people under hats that may.
    pub fn reviewers(&self, nexus: &str) -> Vec<(&str, Hat)> {
        let mut seen = BTreeSet::new();
        let reviews = self.live().filter_map(|part| match &part.body {
            Body::NexusReview { nexus: of, .. } if of == nexus => {
                Some((part.person.as_str(), Hat::parse(&part.hat)?))
            }
            _ => None,
        });
        reviews.filter(|(person, _)| seen.insert(*person)).collect()
    }

    /// Whether a statement of a foreign nexus counts: stated, with sources, and reviewed by two others.
    pub fn is_nexus_stated(&self, nexus: &str) -> bool {
        use noroshi_charter::coordination::{Nexus, Reviewer, may_state_nexus};
        let found = self.live().find(|part| part.part == nexus);
        let Some(Part { body: Body::Nexus { sources, confidence, .. }, person, .. }) = found else {
            return false;
        };
        let [(one, one_hat), (other, other_hat)] = *self.reviewers(nexus).as_slice() else {
            // More than two agree as well as two; fewer do not.
            return self.reviewers(nexus).len() > 2;
        };
        let reviewers =
            [Reviewer { person: one, hat: one_hat }, Reviewer { person: other, hat: other_hat }];
        may_state_nexus(&Nexus { sources, confidence, finder: person, reviewers }).is_empty()
    }

    /// What the charter needs to know, borrowed from here.
    pub fn criteria(&self) -> Vec<Criterion<'_>> {
        let criterion = |part: &'_ Part| -> Option<(u8, bool)> {
            match &part.body {
                Body::Criterion { number, holds, .. } => Some((*number, *holds)),
                _ => None,
            }
        };
        let of = |part: &'_ Part| criterion(part).is_some();
        self.live()
            .filter(|part| of(part))
            .filter_map(|part| match &part.body {
                Body::Criterion { number, holds, finding, evidence } => {
                    // That somebody abroad is behind it is said by two, or not at all.
                    let counts = *number != 2 || !*holds || self.is_nexus_stated(evidence);
                    Some(Criterion {
                        number: *number,
                        holds: *holds,
                        finding,
                        evidence: if counts { evidence } else { "" },
                        analyst: &part.person,
                    })
                }
                _ => None,
            })
            .collect()
    }

    /// Words on the notice in force.
    pub fn votes(&self) -> Vec<Vote<'_>> {
        self.notice().map(|(_, digest)| self.votes_on(&digest)).unwrap_or_default()
    }

    /// Words on a text, and on earlier ones in whose place it came.
    pub fn votes_on(&self, digest: &str) -> Vec<Vote<'_>> {
        self.words_on(digest)
            .into_iter()
            .filter_map(|word| {
                Some(Vote {
                    person: &word.person,
                    hat: Hat::parse(&word.hat)?,
                    agrees: word.agrees,
                    is_on_this: word.notice == digest,
                })
            })
            .collect()
    }

    /// What was found on the things a panel weighs, the last of each that counts, in the order of the charter.
    pub fn considered(&self) -> Vec<(&str, &Part)> {
        let of = |code: &&'static str| {
            let found = self.counted().filter_map(|part| match &part.body {
                Body::Consideration { consideration, .. } if consideration == code => {
                    Some((consideration.as_str(), part))
                }
                _ => None,
            });
            found.last()
        };
        CONSIDERATIONS.iter().filter_map(of).collect()
    }

    fn is_told(&self, wanted: &str, since: Option<Timestamp>) -> bool {
        let told = |part: &Part| matches!(&part.body, Body::Informed { who, .. } if who == wanted);
        since.is_some_and(|since| self.live().any(|part| part.at >= since && told(part)))
    }

    /// Whether somebody was told, in this round.
    pub fn is_informed(&self, wanted: &str) -> bool {
        self.is_told(wanted, self.round())
    }

    /// Whether it was assessed what a step would mean for domestic speech: since the analysis it rests on began, and for a
    /// notice within the election.
    fn is_speech_assessed(&self, to: State) -> bool {
        let begun = self.came_to(State::Analysis);
        let since = match to {
            State::PublicNotice => {
                begun.map(|begun| begun.max(self.election_since.unwrap_or(Timestamp::MIN)))
            }
            _ => begun,
        };
        let assessed = |part: &Part| matches!(part.body, Body::Speech { .. });
        since.is_some_and(|since| self.live().any(|part| part.at >= since && assessed(part)))
    }

    /// What a decision on the case rests on; `digest` is the text for the public that it is about.
    pub fn known(&self, digest: Option<&str>) -> Known<'_> {
        Known {
            criteria: self.criteria(),
            votes: digest.map(|digest| self.votes_on(digest)).unwrap_or_default(),
            workers: self.workers().into_iter().collect(),
            considered: self.considered().into_iter().map(|one| one.0).collect(),
            roster: self.roster(),
            recused: self.recused().into_iter().map(|one| one.0).collect(),
        }
    }
}

/// What is known of a case, as the charter borrows it.
pub struct Known<'a> {
    criteria: Vec<Criterion<'a>>,
    /// Words on the text in question.
    pub votes: Vec<Vote<'a>>,
    /// Everybody who worked on the case.
    pub workers: Vec<&'a str>,
    considered: Vec<&'a str>,
    /// Who is on the panel.
    pub roster: Vec<&'a str>,
    /// Who of them is recused.
    pub recused: Vec<&'a str>,
}

impl<'a> Known<'a> {
    /// Who is on the panel and not recused.
    pub fn sitting(&self) -> Vec<&'a str> {
        self.roster.iter().copied().filter(|one| !self.recused.contains(one)).collect()
    }

    /// The facts of a step to a state; `leaving` is what would go out by it.
    pub fn facts<'f>(
        &'f self,
        whole: &Whole,
        to: State,
        leaving: &serde_json::Value,
        reason: &'f str,
    ) -> Facts<'f> {
        let notice = whole.notice().is_some();
        Facts {
            criteria: &self.criteria,
            is_election: whole.is_election,
            is_speech_assessed: whole.is_speech_assessed(to),
            is_target_informed: whole.is_informed("target"),
            are_ministers_informed: whole.is_told("ministers", whole.since()),
            votes: &self.votes,
            roster: &self.roster,
            recused: &self.recused,
            workers: &self.workers,
            considered: &self.considered,
            has_evidence: notice,
            has_correction_path: notice,
            has_domestic_personal_data: super::private::is_named(whole, leaving),
            reason,
        }
    }
}
