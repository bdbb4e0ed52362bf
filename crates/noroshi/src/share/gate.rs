//! What may leave: the charter's rules on objects that are held, and what follows when they name each other.
//!
//! An object leaves with exactly the bytes that are stored, or, where parts of it may not leave, without those parts
//! and with a note that says so, or not at all. Whatever is written names nothing that is held and does not leave.
//! The decisions are the charter's ([`noroshi_charter::outgoing`]); here they meet what the store knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_charter::derivation::{Carried, Source, inherit};
use noroshi_charter::outgoing::{Held, Outgoing, Sent, Verdict, judge};
use noroshi_charter::release::{Ceiling, Facts, Protection, Recipient, Refusal};
use noroshi_evidence::marking::{LegalBits, LegalClass, Marks, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::redact::Node;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::history::History;

/// One version of one object, with everything that decides whether it may leave.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The version's key; empty for what has no versions.
    pub modified: String,
    /// SHA-256 over the canonical text.
    pub digest: String,
    /// Name or value; empty when it has none.
    pub name: String,
    /// The object and what decides about it; its bits are its own, without what it was made from.
    pub held: Held,
    /// The review that cleared exactly this version, where there was one.
    pub review: Option<String>,
    /// What is known of the object over all its versions.
    pub history: Arc<History>,
    /// When this version came in.
    pub arrived_at: Timestamp,
    /// It is a message of this office about an object its recipients have.
    pub is_notice: bool,
}

impl Candidate {
    /// The object, its bytes untouched.
    pub const fn object(&self) -> &StixObject {
        self.held.parts.object()
    }

    /// Its identifier.
    pub fn id(&self) -> &str {
        self.object().head().id.as_str()
    }

    /// What it may have been made from: what any version of it names, and what it is said to be made from.
    pub fn sources(&self) -> impl Iterator<Item = &String> {
        self.history.names.iter()
    }

    /// Whether what it is itself, with some bits of what it was made from, lets it leave to somebody. What is kept for that
    /// is kept whatever else is found.
    pub fn may_leave(&self, made_from: LegalBits, to: &Recipient, now: Timestamp) -> bool {
        if self.is_notice {
            return judge(&self.held, &told(to), Tlp::Red, now).allows();
        }
        let mut held = self.held.clone();
        if self.review.is_none() {
            held.facts.bits = held.facts.bits.join(made_from);
        }
        judge(&held, to, Tlp::Red, now).allows()
    }

    /// The colour it leaves under.
    pub fn tlp(&self) -> Tlp {
        self.held.facts.tlp.unwrap_or(Tlp::Amber)
    }
}

/// What a collection shows, whatever a single object allows.
#[derive(Debug, Clone)]
pub struct Filter {
    /// STIX types; empty for all.
    pub types: Vec<String>,
    /// The strictest colour shown, of objects and of their parts.
    pub tlp_max: Tlp,
}

impl Filter {
    /// Every reason why a collection does not show the object, whatever its audience may have. Messages about what was
    /// recalled are shown by all.
    pub fn reasons(&self, candidate: &Candidate) -> Vec<StayReason> {
        let mut found = Vec::new();
        let kind = candidate.object().object_type();
        let takes = self.types.is_empty() || self.types.iter().any(|one| one == kind);
        if !takes && !candidate.is_notice {
            found.push(StayReason::new("NRS-SHAR-0110", HOUSE_RULE));
        }
        if candidate.tlp() > self.tlp_max && !candidate.is_notice {
            found.push(StayReason::new("NRS-SHAR-0111", HOUSE_RULE));
        }
        found
    }
}

/// The clause of a rule that no law asks for.
const HOUSE_RULE: &str = "";

/// Why an object stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct StayReason {
    /// Stable code.
    pub code: String,
    /// The clause it stands on; empty for a rule of the house.
    pub clause: String,
    /// Another object it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub names: Option<String>,
}

impl StayReason {
    fn new(code: &str, clause: &str) -> Self {
        Self { code: code.to_owned(), clause: clause.to_owned(), names: None }
    }

    /// What the charter gave as a reason.
    pub fn of(refusal: &Refusal) -> Self {
        Self::new(refusal.code, refusal.clause)
    }

    /// A rule of the house.
    pub fn house(code: &str) -> Self {
        Self::new(code, HOUSE_RULE)
    }

    /// It names an object that stays.
    pub fn names(other: &str) -> Self {
        Self { names: Some(other.to_owned()), ..Self::new("NRS-SHAR-0109", HOUSE_RULE) }
    }
}

/// What the markings of the whole object say.
pub fn marks_of(object: &StixObject) -> Marks {
    Marks::read(&object.head().object_marking_refs)
}

/// The colour of somebody's own words, as they themselves mark them.
pub fn own_tlp(object: &StixObject) -> Tlp {
    marks_of(object).tlp.unwrap_or(Tlp::Amber)
}

/// Objects that were looked at together, with everything held that they name, however far.
#[derive(Debug, Default)]
pub struct Web {
    /// By identifier. What is not offered to the audience is there because of what was made from it.
    known: BTreeMap<String, Known>,
    /// What each carries as a source of others, that of its own sources included.
    carried: BTreeMap<String, Carried>,
}

/// One object of a [`Web`].
#[derive(Debug)]
pub struct Known {
    /// The object; absent for what is held but was too much to look at, which then never leaves.
    pub candidate: Option<Candidate>,
    /// It is in the audience's stream, or asked to be.
    pub offered: bool,
    /// Why a view does not take it.
    pub view: Vec<StayReason>,
}

impl Web {
    /// Puts the objects together and finds what each was made from.
    pub fn new(known: BTreeMap<String, Known>) -> Self {
        let sources: BTreeMap<String, Source> =
            known.iter().map(|(id, one)| (id.clone(), source_of(one.candidate.as_ref()))).collect();
        let carried = inherit(&sources);
        Self { known, carried }
    }

    /// An object with what its sources carry; a version that is not in the web takes that of what it names.
    fn held(&self, candidate: &Candidate) -> Held {
        let mut held = candidate.held.clone();
        // A message about an object says nothing of what the object says.
        if candidate.is_notice {
            held.facts.bits = LegalBits::default();
            return held;
        }
        let sources = candidate.sources().filter_map(|name| self.carried.get(name));
        let carried = sources.fold(Carried::default(), |all, one| all.join(*one));
        held.facts.bits = held.facts.bits.join(carried.bits);
        // A review clears the bits of its version. Consent is the party's alone (Act art. 38(3)).
        if candidate.review.is_some() {
            held.facts.bits = LegalBits::default();
        }
        held.facts.made_without_consent = carried.unconsented;
        held
    }

    /// Judges one version for one recipient.
    pub fn judge(
        &self,
        candidate: &Candidate,
        to: &Recipient,
        tlp_max: Tlp,
        now: Timestamp,
    ) -> Verdict {
        if candidate.is_notice {
            return judge(&self.held(candidate), &told(to), tlp_max, now);
        }
        judge(&self.held(candidate), to, tlp_max, now)
    }

    /// What decides about an object, with what its sources carry.
    pub fn facts(&self, candidate: &Candidate) -> Facts {
        self.held(candidate).facts
    }

    /// Everything that leaves to one recipient, settled together.
    pub fn outgoing(&self, to: &Recipient, tlp_max: Tlp, now: Timestamp) -> Outgoing {
        let node = |(id, one): (&String, &Known)| {
            let Some(candidate) = &one.candidate else { return (id.clone(), Node::default()) };
            let verdict = self.judge(candidate, to, tlp_max, now);
            let allowed = one.offered && one.view.is_empty() && verdict.allows();
            (
                id.clone(),
                Node { allowed, body: Some((candidate.held.parts.clone(), verdict.hidden)) },
            )
        };
        Outgoing::settle(self.known.iter().map(node).collect())
    }

    /// Whether an organisation's name decides about anything here: as an originator or in an opinion.
    pub fn speaks_of(&self, org: &str) -> bool {
        self.known.values().filter_map(|one| one.candidate.as_ref()).any(|candidate| {
            let facts = &candidate.held.facts;
            facts.originator == org || facts.restricted_to.iter().flatten().any(|one| one == org)
        })
    }

    /// One of the objects.
    pub fn known(&self, id: &str) -> Option<&Known> {
        self.known.get(id)
    }
}

/// Somebody as the recipient of a message about what it has already. It names only that, so it reaches also whoever may
/// have nothing else any more: a finding that ended or a ceiling that fell is often why there is a message at all.
fn told(to: &Recipient) -> Recipient {
    let protection = Protection { scope: LegalClass::CiaP, until: Timestamp::MAX };
    Recipient { protection: Some(protection), ceiling: Ceiling::NONE, ..to.clone() }
}

fn source_of(candidate: Option<&Candidate>) -> Source {
    // What was not looked at may hold anything: whatever names it carries the heaviest bits there are.
    let Some(candidate) = candidate else {
        let bits = LegalBits { has_selected_comms: true, has_secret: true };
        return Source { bits, unconsented: true, ..Source::default() };
    };
    // A message about an object says nothing of what the object says.
    if candidate.is_notice { Source::default() } else { candidate.history.source.clone() }
}

/// The bytes of one version beside what was settled; none when it stays.
pub fn write(outgoing: &Outgoing, candidate: &Candidate, verdict: &Verdict) -> Option<Sent> {
    let parts = &candidate.held.parts;
    let goes = verdict.allows() && !outgoing.is_stopped_translation(parts);
    goes.then(|| outgoing.write(parts, &verdict.hidden)).flatten()
}
