//! Questions about cases, and the facts the charter decides on.

use std::collections::BTreeSet;

use jiff::Timestamp;
use noroshi_charter::fimi::{CONSIDERATIONS, Criterion, Facts, State, Vote};
use noroshi_charter::finding::Digest;
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
        let digest = Digest::of_canonical(&last.body)?;
        Some((last, digest.to_string()))
    }

    /// When the options came to be considered for what the case is characterised as now. What was said or done in an
    /// earlier round of the procedure is on record, and does not count.
    fn round(&self) -> Option<Timestamp> {
        let came = |step: &&Step| {
            step.from == State::Characterised.code() && step.to == State::Options.code()
        };
        self.steps.iter().rev().find(came).map(|step| step.at)
    }

    /// Words on a notice that count: of this round, and of this election.
    pub fn words_on<'a>(&'a self, digest: &str) -> impl Iterator<Item = &'a Word> {
        let since =
            self.round().map(|round| self.election_since.map_or(round, |one| one.max(round)));
        self.words.iter().filter(move |word| {
            word.notice == digest && since.is_some_and(|since| word.at >= since)
        })
    }

    /// The states the case went through, in their order.
    pub fn path(&self) -> Vec<State> {
        self.steps.iter().filter_map(|step| State::parse(&step.to)).collect()
    }

    /// Everybody who worked on the case.
    pub fn workers(&self) -> BTreeSet<&str> {
        let parts = self.parts.iter().map(|part| part.person.as_str());
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
        let Some((_, digest)) = self.notice() else { return Vec::new() };
        self.words_on(&digest)
            .filter_map(|word| {
                Some(Vote {
                    person: &word.person,
                    hat: Hat::parse(&word.hat)?,
                    agrees: word.agrees,
                })
            })
            .collect()
    }

    /// What was found on the things a panel weighs, the last of each, in the order of the charter.
    pub fn considered(&self) -> Vec<(&str, &Part)> {
        let of = |code: &&'static str| {
            let found = self.live().filter_map(|part| match &part.body {
                Body::Consideration { consideration, .. } if consideration == code => {
                    Some((consideration.as_str(), part))
                }
                _ => None,
            });
            found.last()
        };
        CONSIDERATIONS.iter().filter_map(of).collect()
    }

    /// Whether somebody was told, in this round.
    pub fn is_informed(&self, wanted: &str) -> bool {
        let Some(since) = self.round() else { return false };
        let told = |part: &Part| matches!(&part.body, Body::Informed { who, .. } if who == wanted);
        self.live().any(|part| part.at >= since && told(part))
    }

    /// The facts of a step; `leaving` is what would go out by it.
    pub fn facts<'a>(
        &self,
        criteria: &'a [Criterion<'a>],
        votes: &'a [Vote<'a>],
        workers: &'a [&'a str],
        considered: &'a [&'a str],
        leaving: &serde_json::Value,
        reason: &'a str,
    ) -> Facts<'a> {
        let notice = self.notice().is_some();
        Facts {
            criteria,
            is_election: self.is_election,
            is_speech_assessed: self.live().any(|part| matches!(part.body, Body::Speech { .. })),
            is_target_informed: self.is_informed("target"),
            are_ministers_informed: self.is_informed("ministers"),
            votes,
            workers,
            considered,
            has_evidence: notice,
            has_correction_path: notice,
            has_domestic_personal_data: super::private::is_named(self, leaving),
            reason,
        }
    }
}
