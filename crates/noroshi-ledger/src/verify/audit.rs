//! Do the statements of the log hold together? One entry at a time, from the first to the last.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::lie::{Lie, Named, Rule};
use super::{History, Refusal};
use crate::checkpoint::Checkpoint;
use crate::digest::Digest;
use crate::leaf::{Choice, EndCause, Execution, Fact, Leaf, Moment, Outcome};

/// Emitters, sensors, requests, votes, decisions and effects kept in memory together.
pub const STATE_ITEMS_MAX: u64 = 2_000_000;

/// Approving votes no decision goes below: the chair and two members.
pub const QUORUM_MIN: u32 = 3;

/// What was checked, when everything holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The log's name.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// Time of the first and of the last entry; none in an empty log.
    pub times: Option<(String, String)>,
    /// How it stands to what was seen before.
    pub history: History,
    /// Entries by kind.
    pub counts: BTreeMap<String, u64>,
    /// Entries of kinds this program does not know: in the tree and in order, their meaning unchecked.
    pub not_understood: u64,
    /// Every measure with its chain, by id.
    pub measures: BTreeMap<String, Measure>,
    /// The signed checkpoint, to be remembered.
    #[serde(skip)]
    pub note: String,
}

/// A measure: what was asked, decided and done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// Requests, by the digest of what was asked.
    pub requests: BTreeMap<String, Request>,
    /// Effects, by id.
    pub effects: BTreeMap<String, Effect>,
    /// Reports after the measure.
    pub reports: u64,
}

/// A request for approval and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The entry that asks.
    pub leaf: u64,
    /// Who asked; opaque.
    pub requesters: BTreeSet<String>,
    /// Questions of the commission.
    pub questions: u64,
    /// Answers to them.
    pub answers: u64,
    /// Each member's last vote.
    pub votes: BTreeMap<String, Choice>,
    /// Decisions, in order.
    pub decisions: Vec<Decision>,
}

/// A decision of the commission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The entry.
    pub leaf: u64,
    /// Approved or refused.
    pub outcome: Outcome,
    /// Approving votes it needed.
    pub quorum: u32,
    /// Approving votes it had.
    pub approvals: u32,
    /// Refusing votes it had.
    pub refusals: u32,
    /// First moment of the approval.
    pub not_before: String,
    /// Last moment of the approval.
    pub not_after: String,
    /// Digest of the authorisation.
    pub authorisation: Digest,
}

/// What a measure did to one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// The entry that began it last.
    pub began: u64,
    /// The end of the approval it acts under.
    pub not_after: String,
    /// How it stands.
    pub state: EffectState,
    /// The entry that ended it.
    pub ended: Option<u64>,
    /// True when its approval was over at the last entry and no end is recorded.
    pub overdue: bool,
}

/// How an effect stands at the last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Begun; no word from the device.
    Begun,
    /// The device confirmed it.
    Active,
    /// The device refused it.
    Failed,
    /// Its time was over.
    Expired,
    /// It was taken back.
    RolledBack,
}

impl EffectState {
    /// May the effect still be in force?
    pub fn is_open(self) -> bool {
        matches!(self, Self::Begun | Self::Active)
    }

    fn has_ended(self) -> bool {
        matches!(self, Self::Expired | Self::RolledBack)
    }
}

/// The state of the checks between two entries.
pub(super) struct Audit {
    origin: String,
    counts: BTreeMap<String, u64>,
    not_understood: u64,
    times: Option<(String, String)>,
    emitters: BTreeMap<String, (u64, Digest)>,
    /// Derivation reviews and recalls, by their identifiers.
    reviews: BTreeMap<String, Steps>,
    recalls: BTreeSet<String>,
    sensors: BTreeMap<String, (u64, Digest)>,
    measures: BTreeMap<String, Measure>,
    items: u64,
}

impl Audit {
    pub(super) fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            counts: BTreeMap::new(),
            not_understood: 0,
            times: None,
            emitters: BTreeMap::new(),
            reviews: BTreeMap::new(),
            recalls: BTreeSet::new(),
            sensors: BTreeMap::new(),
            measures: BTreeMap::new(),
            items: 0,
        }
    }

    /// Checks entry number `index` against everything before it.
    pub(super) fn read(&mut self, index: u64, entry: &[u8], hash: &Digest) -> Result<(), Refusal> {
        let leaf = Leaf::decode(entry).map_err(|_| Lie::new(Rule::Leaf).at(index))?;
        self.order(&leaf, hash).and_then(|()| self.fact(index, &leaf)).map_err(|l| l.at(index))?;
        self.count(&leaf.fact);
        if self.items > STATE_ITEMS_MAX { Err(Refusal::TooMuch) } else { Ok(()) }
    }

    fn count(&mut self, fact: &Fact) {
        if matches!(fact, Fact::Other(_)) {
            self.not_understood += 1;
        } else {
            *self.counts.entry(fact.kind().to_owned()).or_default() += 1;
        }
    }

    /// Numbers without gaps and a chain for each emitter; one time for all that never goes back.
    fn order(&mut self, leaf: &Leaf, hash: &Digest) -> Result<(), Lie> {
        let lie = |rule| Lie::new(rule).with(Named::Emitter, &leaf.emitter);
        let before = self.emitters.get(&leaf.emitter);
        let next = before.map_or(0, |(last, _)| last + 1);
        if leaf.sequence != next {
            let lie = lie(Rule::EmitterSequence).with(Named::Expected, next);
            return Err(lie.with(Named::Found, leaf.sequence));
        }
        if leaf.previous != before.map(|(_, hash)| *hash) {
            return Err(lie(Rule::EmitterChain));
        }
        self.items += u64::from(before.is_none());
        self.emitters.insert(leaf.emitter.clone(), (leaf.sequence, *hash));
        match &mut self.times {
            None => self.times = Some((leaf.time.clone(), leaf.time.clone())),
            Some((_, last)) => {
                // Leaf times have one form, in which the order of the texts is the order of the moments.
                if leaf.time < *last {
                    let lie = Lie::new(Rule::Time).with(Named::Expected, &*last);
                    return Err(lie.with(Named::Found, &leaf.time));
                }
                last.clone_from(&leaf.time);
            }
        }
        Ok(())
    }

    fn fact(&mut self, index: u64, leaf: &Leaf) -> Result<(), Lie> {
        match &leaf.fact {
            Fact::LogOpened { origin } if *origin != self.origin => {
                let lie = Lie::new(Rule::OpenedOrigin).with(Named::Expected, &self.origin);
                Err(lie.with(Named::Found, origin))
            }
            Fact::SiftBatch { .. } => self.certificate(&leaf.fact),
            Fact::SiftDeletion { sensor, sequence, certificate, previous, .. } => {
                self.of_chain(sensor, *sequence, *certificate, Some(*previous))
            }
            Fact::HuntEntry { sensor, sequence, entry, previous, .. } => {
                // A chain of its own: a sensor selects and hunts.
                self.of_chain(&format!("{sensor} (hunts)"), *sequence, *entry, *previous)
            }
            Fact::ShareRelease { release: name, reviews, .. } => {
                release(&leaf.fact)?;
                let holds = |review: &String| self.reviews.get(review).is_some_and(Steps::hold);
                match reviews.iter().find(|review| !holds(review)) {
                    None => Ok(()),
                    Some(review) => Err(Lie::new(Rule::Review)
                        .with(Named::Release, name)
                        .with(Named::Expected, review)),
                }
            }
            Fact::ShareReview { review, object, step, reviewer } => {
                self.review(review, object, step, reviewer)
            }
            Fact::ShareRecall { recall, .. } => {
                self.items += 1;
                self.recalls.insert(recall.clone());
                Ok(())
            }
            Fact::ShareAcknowledge { recall } if !self.recalls.contains(recall) => {
                Err(Lie::new(Rule::Recall).with(Named::Expected, recall))
            }
            Fact::MeasureRequested { measure, request, requester } => {
                self.requested(index, measure, request, requester)
            }
            Fact::MeasureQuestion { measure, request, .. } => {
                self.with_request(measure, request, |found| found.questions += 1);
                Ok(())
            }
            Fact::MeasureAnswer { measure, request } => {
                self.with_request(measure, request, |found| found.answers += 1);
                Ok(())
            }
            Fact::MeasureVote { measure, request, member, choice } => {
                self.vote(measure, request, member, *choice)
            }
            Fact::MeasureDecided { .. } => self.decided(index, &leaf.fact),
            Fact::MeasureExecuteBegin { measure, request, authorisation, effect, .. } => {
                self.begin(index, &leaf.time, (measure, effect), request, authorisation)
            }
            Fact::MeasureExecuteEnd { measure, effect, outcome, .. } => {
                self.read_back((measure, effect), *outcome)
            }
            Fact::MeasureEnded { measure, effect, cause, .. } => {
                self.ended(index, (measure, effect), *cause)
            }
            Fact::MeasureReport { measure, .. } => {
                self.measure(measure).reports += 1;
                Ok(())
            }
            Fact::LogOpened { .. }
            | Fact::OfficeChange { .. }
            | Fact::IntakeDraft { .. }
            | Fact::IntakeReport { .. }
            | Fact::EvidenceChange { .. }
            | Fact::AnalyseChange { .. }
            | Fact::ShareRead { .. }
            | Fact::ShareRefused { .. }
            | Fact::ShareAcknowledge { .. }
            | Fact::AccessView { .. }
            | Fact::Other(_) => Ok(()),
        }
    }

    /// A step follows the one before it, about the same version.
    fn review(
        &mut self,
        review: &str,
        object: &Digest,
        step: &str,
        reviewer: &str,
    ) -> Result<(), Lie> {
        self.items += 1;
        let steps = self
            .reviews
            .entry(review.to_owned())
            .or_insert_with(|| Steps { object: *object, taken: Vec::new() });
        let follows = match STEPS.get(steps.taken.len()) {
            _ if steps.taken.iter().any(|(taken, _)| taken == REFUSED) => false,
            Some(_) if step == REFUSED => !steps.taken.is_empty(),
            Some(next) => *next == step,
            None => false,
        };
        if !follows || steps.object != *object {
            return Err(Lie::new(Rule::Review).with(Named::Expected, review));
        }
        steps.taken.push((step.to_owned(), reviewer.to_owned()));
        Ok(())
    }

    fn measure(&mut self, measure: &str) -> &mut Measure {
        if !self.measures.contains_key(measure) {
            self.items += 1;
        }
        self.measures.entry(measure.to_owned()).or_default()
    }

    fn with_request<T>(
        &mut self,
        measure: &str,
        request: &Digest,
        change: impl FnOnce(&mut Request) -> T,
    ) -> Option<T> {
        let measure = self.measures.get_mut(measure)?;
        measure.requests.get_mut(&request.to_string()).map(change)
    }

    fn requested(
        &mut self,
        index: u64,
        measure: &str,
        request: &Digest,
        requester: &str,
    ) -> Result<(), Lie> {
        self.items += 1;
        let place = self.measure(measure).requests.entry(request.to_string());
        let found = place.or_insert_with(|| Request {
            leaf: index,
            requesters: BTreeSet::new(),
            questions: 0,
            answers: 0,
            votes: BTreeMap::new(),
            decisions: Vec::new(),
        });
        found.requesters.insert(requester.to_owned());
        // A second requester could otherwise be recorded after having voted.
        not_both(measure, requester, found)
    }

    /// The last vote of a member counts.
    fn vote(
        &mut self,
        measure: &str,
        request: &Digest,
        member: &str,
        choice: Choice,
    ) -> Result<(), Lie> {
        self.items += 1;
        let checked = self.with_request(measure, request, |found| {
            found.votes.insert(member.to_owned(), choice);
            not_both(measure, member, found)
        });
        checked.unwrap_or_else(|| Err(Lie::new(Rule::Request).with(Named::Measure, measure)))
    }

    fn decided(&mut self, index: u64, fact: &Fact) -> Result<(), Lie> {
        let Fact::MeasureDecided {
            measure,
            request,
            outcome,
            quorum,
            approvals,
            refusals,
            not_before,
            not_after,
            authorisation,
        } = fact
        else {
            return Ok(());
        };
        self.items += 1;
        let decision = Decision {
            leaf: index,
            outcome: *outcome,
            quorum: *quorum,
            approvals: *approvals,
            refusals: *refusals,
            not_before: not_before.clone(),
            not_after: not_after.clone(),
            authorisation: *authorisation,
        };
        let checked = self.with_request(measure, request, |found| {
            backed_by_votes(measure, &decision, found)?;
            found.decisions.push(decision);
            Ok(())
        });
        checked.unwrap_or_else(|| Err(Lie::new(Rule::Request).with(Named::Measure, measure)))
    }

    fn begin(
        &mut self,
        index: u64,
        time: &str,
        (measure, effect): (&str, &str),
        request: &Digest,
        authorisation: &Digest,
    ) -> Result<(), Lie> {
        let lie = |rule| Lie::new(rule).with(Named::Measure, measure).with(Named::Effect, effect);
        self.items += 1;
        let approval = self
            .with_request(measure, request, |found| in_force(found, authorisation))
            .unwrap_or(Err(Rule::Approval))
            .map_err(lie)?;
        let now = Moment::parse(time);
        if now < Moment::parse(&approval.not_before) || now > Moment::parse(&approval.not_after) {
            return Err(lie(Rule::Window)
                .with(Named::Expected, format!("{} – {}", approval.not_before, approval.not_after))
                .with(Named::Found, time));
        }
        let begun = Effect {
            began: index,
            not_after: approval.not_after,
            state: EffectState::Begun,
            ended: None,
            overdue: false,
        };
        match self.measure(measure).effects.insert(effect.to_owned(), begun) {
            Some(before) if before.state.has_ended() => Err(lie(Rule::AfterEnd)),
            _ => Ok(()),
        }
    }

    fn effect(&mut self, (measure, effect): (&str, &str)) -> Result<&mut Effect, Lie> {
        let found = self.measures.get_mut(measure).and_then(|m| m.effects.get_mut(effect));
        found.ok_or_else(|| {
            Lie::new(Rule::NeverBegan).with(Named::Measure, measure).with(Named::Effect, effect)
        })
    }

    fn read_back(&mut self, key: (&str, &str), outcome: Execution) -> Result<(), Lie> {
        let effect = self.effect(key)?;
        effect.state = match (effect.state.has_ended(), outcome) {
            (false, Execution::Active) => EffectState::Active,
            (false, Execution::Failed) => EffectState::Failed,
            (true, Execution::Failed) => return Ok(()),
            (true, Execution::Active) => {
                let lie = Lie::new(Rule::AfterEnd).with(Named::Measure, key.0);
                return Err(lie.with(Named::Effect, key.1));
            }
        };
        Ok(())
    }

    fn ended(&mut self, index: u64, key: (&str, &str), cause: EndCause) -> Result<(), Lie> {
        let effect = self.effect(key)?;
        if effect.state.has_ended() {
            let lie = Lie::new(Rule::EndedTwice).with(Named::Measure, key.0);
            return Err(lie.with(Named::Effect, key.1));
        }
        effect.ended = Some(index);
        effect.state = match cause {
            EndCause::Expired => EffectState::Expired,
            EndCause::RolledBack => EffectState::RolledBack,
        };
        Ok(())
    }

    fn certificate(&mut self, fact: &Fact) -> Result<(), Lie> {
        let Fact::SiftBatch {
            sensor,
            sequence,
            seen,
            kept,
            unmatched,
            direction,
            content,
            errors,
            certificate,
            previous,
            ..
        } = fact
        else {
            return Ok(());
        };
        let lie = |rule| Lie::new(rule).with(Named::Sensor, sensor);
        // Each is below 2^53, so the sum of five stays below 2^64.
        let accounted = kept + unmatched + direction + content + errors;
        if *seen != accounted {
            let lie = lie(Rule::Balance).with(Named::Expected, seen);
            return Err(lie.with(Named::Found, accounted));
        }
        self.of_chain(sensor, *sequence, *certificate, *previous)
    }

    /// Selections and deletions of a sensor are one chain.
    fn of_chain(
        &mut self,
        sensor: &str,
        sequence: u64,
        certificate: Digest,
        previous: Option<Digest>,
    ) -> Result<(), Lie> {
        let lie = |rule| Lie::new(rule).with(Named::Sensor, sensor);
        let before = self.sensors.get(sensor);
        // A sensor's first certificate is number 0 or 1; after that there is only one next number.
        let next = before.map_or(sequence.min(1), |(last, _)| last + 1);
        if sequence != next {
            let lie = lie(Rule::SensorSequence).with(Named::Expected, next);
            return Err(lie.with(Named::Found, sequence));
        }
        if previous != before.map(|(_, digest)| *digest) {
            return Err(lie(Rule::SensorChain));
        }
        self.items += u64::from(before.is_none());
        self.sensors.insert(sensor.to_owned(), (sequence, certificate));
        Ok(())
    }

    pub(super) fn report(
        mut self,
        checkpoint: &Checkpoint,
        history: History,
        note: String,
    ) -> Report {
        let last = self.times.as_ref().and_then(|(_, last)| Moment::parse(last));
        for effect in self.measures.values_mut().flat_map(|m| m.effects.values_mut()) {
            effect.overdue = effect.state.is_open() && last > Moment::parse(&effect.not_after);
        }
        Report {
            origin: checkpoint.origin.clone(),
            size: checkpoint.size,
            root: checkpoint.root,
            times: self.times,
            history,
            counts: self.counts,
            not_understood: self.not_understood,
            measures: self.measures,
            note,
        }
    }
}

/// Who asks for a measure does not vote on it.
fn not_both(measure: &str, person: &str, request: &Request) -> Result<(), Lie> {
    if request.votes.contains_key(person) && request.requesters.contains(person) {
        let lie = Lie::new(Rule::RequesterVoted).with(Named::Measure, measure);
        return Err(lie.with(Named::Member, person));
    }
    Ok(())
}

/// The counts of a decision are the votes in the log, and an approval has enough of them.
fn backed_by_votes(measure: &str, decision: &Decision, request: &Request) -> Result<(), Lie> {
    let count = |choice| request.votes.values().filter(|vote| **vote == choice).count() as u64;
    let (approvals, refusals) = (count(Choice::Approve), count(Choice::Refuse));
    let lie = |rule| Lie::new(rule).with(Named::Measure, measure);
    let approved = decision.outcome == Outcome::Approved;
    if approved && decision.quorum < QUORUM_MIN {
        let lie = lie(Rule::Quorum).with(Named::Expected, QUORUM_MIN);
        return Err(lie.with(Named::Found, decision.quorum));
    }
    if approved && (approvals < u64::from(decision.quorum) || approvals < refusals) {
        let needed = u64::from(decision.quorum).max(refusals);
        return Err(lie(Rule::Votes).with(Named::Expected, needed).with(Named::Found, approvals));
    }
    let said = (u64::from(decision.approvals), u64::from(decision.refusals));
    if said == (approvals, refusals) {
        return Ok(());
    }
    Err(lie(Rule::Count)
        .with(Named::Expected, format!("{approvals} : {refusals}"))
        .with(Named::Found, format!("{} : {}", said.0, said.1)))
}

/// The approval with that authorisation, when no refusal came after it.
fn in_force(request: &Request, authorisation: &Digest) -> Result<Decision, Rule> {
    let approves =
        |d: &Decision| d.outcome == Outcome::Approved && d.authorisation == *authorisation;
    let place = request.decisions.iter().rposition(approves).ok_or(Rule::Approval)?;
    let mut from_there = request.decisions.iter().skip(place);
    let approval = from_there.next().ok_or(Rule::Approval)?;
    if from_there.any(|later| later.outcome == Outcome::Refused) {
        return Err(Rule::Refused);
    }
    Ok(approval.clone())
}

/// The steps of a derivation review, in their only order.
const STEPS: [&str; 5] =
    ["draft", "provenance_checked", "secret_checked", "rights_checked", "released"];
/// The end of a review that cleared nothing.
const REFUSED: &str = "refused";

/// A derivation review as far as it is recorded.
struct Steps {
    object: Digest,
    taken: Vec<(String, String)>,
}

impl Steps {
    /// Every step was taken, and neither the check of secrets nor the release by the person who checked the provenance.
    fn hold(&self) -> bool {
        let by = |step: &str| {
            let found = self.taken.iter().find(|(taken, _)| taken == step);
            found.map(|(_, person)| person.as_str())
        };
        let [provenance, secret, released] =
            [by("provenance_checked"), by("secret_checked"), by("released")];
        released.is_some() && provenance != secret && provenance != released
    }
}

/// Act on cyber response capability, art. 37 to 42: what derives from communications information goes neither abroad
/// nor to the council, operators, suppliers or the public; a designated secret goes nowhere outside.
fn release(fact: &Fact) -> Result<(), Lie> {
    let Fact::ShareRelease { release, audience, has_selected_comms, has_secret, .. } = fact else {
        return Ok(());
    };
    let plain = audience.trim().to_lowercase();
    let outside =
        ["partner:", "public", "operator", "supplier:"].iter().any(|kind| plain.starts_with(kind));
    let council = plain.starts_with("council");
    if (outside && (*has_selected_comms || *has_secret)) || (council && *has_selected_comms) {
        let lie = Lie::new(Rule::Release).with(Named::Release, release);
        return Err(lie.with(Named::Audience, audience));
    }
    Ok(())
}
