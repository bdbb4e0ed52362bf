//! What was asked of the commission, and what it decided.
//!
//! # What it decides
//! Whether a request is complete enough to be put to the vote, and what the votes cast on exactly that request amount
//! to: approved, refused, or nothing yet.
//!
//! # Source
//! Act art. 48 and 50 to 59 (the commission decides; the chair and two members are a quorum, a majority of those
//! present decides, the chair breaks a tie, an acting chair stands in); PDEA art. 6-2(4) (approval before the measure)
//! and 6-2 (a computer not found to be in Japan: the Foreign Minister is consulted before); SDF Act art. 81-3 (order
//! of the Prime Minister, request or consent of the National Public Safety Commission, jointly with the police);
//! separation Z-7 (who asks does not approve).
//!
//! # Refuses when
//! The request lacks what it must say (`NRS-RESP-0201` to `NRS-RESP-0214`). A vote is set aside when it was cast on
//! another text (`NRS-RESP-0221`), by somebody without a seat, by whoever asked or by their organisation, twice,
//! without reasons for a refusal, or outside the window. Set-aside votes are listed, not dropped.
//!
//! # Example
//! ```
//! # use noroshi_charter::approval::{example, decide, Choice, Outcome};
//! let (request, roster) = (example::request(), example::roster());
//! let mut votes = vec![example::vote(&request, "chair"), example::vote(&request, "member-1")];
//! assert!(matches!(decide(&request, &votes, &roster), Outcome::Pending(_)));
//! votes.push(example::vote(&request, "member-2"));
//! let Outcome::Decided(decision) = decide(&request, &votes, &roster) else { panic!() };
//! assert_eq!((decision.choice, decision.request_digest), (Choice::Approve, request.digest()));
//! // Any edit is another request: the votes do not follow it.
//! let mut edited = request.clone();
//! edited.purpose.push('.');
//! assert!(matches!(decide(&edited, &votes, &roster), Outcome::Pending(_)));
//! ```

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Digest, Finding, any_refusal};

/// Most targets one request names.
pub const TARGETS_MAX: usize = 1_000;
/// Most actions one request names.
pub const ACTIONS_MAX: usize = 2_000;
/// Longest text of one member, in characters.
pub const TEXT_CHARS_MAX: usize = 20_000;
/// Most votes looked at.
pub const VOTES_MAX: usize = 1_000;
/// Members that must be present beside the chair (Act art. 50 to 59).
pub const MEMBERS_BESIDE_CHAIR: usize = 2;

/// A person acting for an organisation; both are opaque identifiers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Who.
    pub person: String,
    /// For whom.
    pub org: String,
}

/// What sort of measure is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Controls on networks whose owners consented. The only kind that has actuators.
    Defensive,
    /// An order or measure on the legal route, recorded here and carried out by nobody here.
    LegalOrder,
}

/// Under which law the requester acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// PDEA art. 6-2.
    Police,
    /// SDF Act art. 81-3.
    Sdf,
}

/// Where the target's computer was found to be. Unknown counts as abroad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// There is reasonable ground to find it is in Japan.
    Jp,
    /// There is ground to find it is abroad.
    NotJp,
    /// There is no ground for either.
    Unknown,
}

/// Who was heard or gave consent before the request, by the identifiers of the actors of the law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Consulted {
    /// The Foreign Minister.
    #[serde(rename = "minister.foreign")]
    ForeignMinister,
    /// Order of the Prime Minister (SDF Act art. 81-3).
    #[serde(rename = "pm")]
    PrimeMinister,
    /// Request or consent of the National Public Safety Commission.
    #[serde(rename = "npsc")]
    PublicSafetyCommission,
    /// The police as the other side of a joint case.
    #[serde(rename = "npa.chief")]
    Police,
    /// The Minister of Defense.
    #[serde(rename = "minister.defense")]
    DefenseMinister,
    /// The National Security Council, when the Prime Minister finds it necessary.
    #[serde(rename = "nsc")]
    SecurityCouncil,
}

impl Consulted {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ForeignMinister,
        Self::PrimeMinister,
        Self::PublicSafetyCommission,
        Self::Police,
        Self::DefenseMinister,
        Self::SecurityCouncil,
    ];

    /// The stable identifier.
    pub const fn id(self) -> &'static str {
        match self {
            Self::ForeignMinister => "minister.foreign",
            Self::PrimeMinister => "pm",
            Self::PublicSafetyCommission => "npsc",
            Self::Police => "npa.chief",
            Self::DefenseMinister => "minister.defense",
            Self::SecurityCouncil => "nsc",
        }
    }

    /// Reads the stable identifier.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.id() == id)
    }
}

/// A consultation as a fact with its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consultation {
    /// Who.
    pub who: Consulted,
    /// When.
    pub at: Timestamp,
    /// Where the record of it is found.
    pub reference: String,
}

/// What is done to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// Packets to and from the network are dropped.
    #[serde(rename = "deny.address")]
    DenyAddress,
    /// The name is answered as if it did not exist.
    #[serde(rename = "deny.domain")]
    DenyDomain,
}

impl Effect {
    /// Both.
    pub const ALL: [Self; 2] = [Self::DenyAddress, Self::DenyDomain];

    /// The stable word.
    pub const fn id(self) -> &'static str {
        match self {
            Self::DenyAddress => "deny.address",
            Self::DenyDomain => "deny.domain",
        }
    }

    /// Reads the stable word.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.id() == id)
    }
}

/// One effect on one target at some actuators.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// A target of the request, in canonical form.
    pub target: String,
    /// What is done to it.
    pub action: Effect,
    /// Where: names of actuators.
    pub actuators: BTreeSet<String>,
    /// The consents that are relied on, by identifier.
    pub consents: BTreeSet<String>,
}

/// From when to when; the end is the first instant outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First instant inside.
    pub not_before: Timestamp,
    /// First instant after.
    pub not_after: Timestamp,
}

impl Window {
    /// Whether an instant lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.not_before <= at && at < self.not_after
    }
}

/// The playbook that would run, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybookRef {
    /// Its identifier.
    pub id: String,
    /// Its version.
    pub modified: String,
    /// SHA-256 of its canonical JSON.
    pub digest: Digest,
}

/// Exactly what is asked. Its digest is what votes, decisions and executions are bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Identifier of the measure.
    pub measure: String,
    /// Identifier of the case.
    pub case: String,
    /// What sort of measure.
    pub kind: Kind,
    /// Under which law.
    pub route: Route,
    /// Who asks.
    pub requester: Party,
    /// What for.
    pub purpose: String,
    /// On what legal ground.
    pub legal_basis: String,
    /// Why milder means fail.
    pub necessity: String,
    /// Why the harm it does is in proportion to the harm it prevents.
    pub proportionality: String,
    /// How far it reaches, in words.
    pub scope: String,
    /// What else may happen; most targets are innocent machines.
    pub side_effects: String,
    /// Where the computer was found to be.
    pub location: Location,
    /// Who was heard before.
    pub consultations: Vec<Consultation>,
    /// What it is aimed at, canonical, without repetition.
    pub targets: BTreeSet<String>,
    /// What is done where.
    pub actions: BTreeSet<Action>,
    /// When it may begin and by when it must have ended.
    pub window: Window,
    /// How long one effect may last, in seconds.
    pub effect_seconds_max: u64,
    /// What would run; absent for the legal route.
    pub playbook: Option<PlaybookRef>,
    /// SHA-256 of the canonical plan: the batches that would reach the actuators.
    pub plan_digest: Option<Digest>,
}

/// What a deployment allows at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest window, in seconds.
    pub window_seconds_max: u64,
    /// Longest effect, in seconds (safeguard Z-3).
    pub effect_seconds_max: u64,
    /// Approving votes without which nothing is approved. The law asks for a majority of those present; the published
    /// log can count approvals but not presence, and its verifier accepts no approval with fewer than three.
    pub approvals_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { window_seconds_max: 30 * 86_400, effect_seconds_max: 7 * 86_400, approvals_min: 3 }
    }
}

impl Request {
    /// SHA-256 of its canonical JSON (RFC 8785).
    pub fn digest(&self) -> Digest {
        // Maps in a request have text for keys and its numbers are integers below 2^53 after `check`, so that there
        // always is a canonical form; were there none, no vote could be bound to it, which is what this digest says.
        Digest::of_canonical(self).unwrap_or(Digest([0; 32]))
    }

    /// SHA-256 of the canonical list of targets.
    pub fn targets_digest(&self) -> Digest {
        Digest::of_canonical(&self.targets).unwrap_or(Digest([0; 32]))
    }

    /// When `who` was consulted, the earliest.
    fn consulted(&self, who: Consulted) -> Option<Timestamp> {
        self.consultations.iter().filter(|one| one.who == who).map(|one| one.at).min()
    }

    /// Everything that keeps the request from being put to the vote, or is worth saying about it.
    pub fn check(&self, limits: Limits) -> Vec<Finding> {
        let mut findings = self.check_texts();
        findings.extend(self.check_window(limits));
        findings.extend(self.check_aim());
        findings.extend(self.check_consultations());
        findings
    }

    fn check_texts(&self) -> Vec<Finding> {
        let texts = [
            ("/purpose", &self.purpose),
            ("/legal_basis", &self.legal_basis),
            ("/necessity", &self.necessity),
            ("/proportionality", &self.proportionality),
            ("/scope", &self.scope),
            ("/side_effects", &self.side_effects),
        ];
        let mut findings = Vec::new();
        for (place, text) in texts {
            if text.trim().is_empty() {
                let message = format!("`{place}` is empty");
                findings.push(Finding::refuses(
                    "NRS-RESP-0201",
                    "PDEA art. 6-2(4)",
                    place,
                    message,
                ));
            } else if text.chars().count() > TEXT_CHARS_MAX {
                let message = format!("`{place}` is longer than {TEXT_CHARS_MAX} characters");
                findings.push(Finding::refuses("NRS-RESP-0202", "limit", place, message));
            }
        }
        findings
    }

    fn check_window(&self, limits: Limits) -> Vec<Finding> {
        let refuses = |code, clause, place: &str, message: &str| {
            Finding::refuses(code, clause, place, message)
        };
        let mut findings = Vec::new();
        let Window { not_before, not_after } = self.window;
        let seconds = not_after.as_second().saturating_sub(not_before.as_second());
        match u64::try_from(seconds) {
            Ok(seconds) if seconds > limits.window_seconds_max => {
                let message = "the window is longer than this deployment allows";
                findings.push(refuses("NRS-RESP-0204", "safeguard Z-3", "/window", message));
            }
            Ok(_) if not_before < not_after => {}
            Ok(_) | Err(_) => {
                let message = "the window ends before it begins";
                findings.push(refuses("NRS-RESP-0203", "Act art. 48", "/window", message));
            }
        }
        if self.kind == Kind::Defensive
            && !(1..=limits.effect_seconds_max).contains(&self.effect_seconds_max)
        {
            let message = "an effect has no end or lasts longer than this deployment allows";
            let place = "/effect_seconds_max";
            findings.push(refuses("NRS-RESP-0205", "safeguard Z-3", place, message));
        }
        findings
    }

    fn check_aim(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut refuses = |code, place: &str, message: &str| {
            findings.push(Finding::refuses(code, "safeguard Z-4", place, message));
        };
        if self.targets.is_empty() || self.targets.len() > TARGETS_MAX {
            refuses("NRS-RESP-0206", "/targets", "there is no target, or there are too many");
        }
        match self.kind {
            Kind::LegalOrder if !self.actions.is_empty() || self.playbook.is_some() => {
                refuses("NRS-RESP-0207", "/actions", "the legal route has no actuator");
            }
            Kind::LegalOrder => {}
            Kind::Defensive => {
                if self.actions.is_empty() || self.actions.len() > ACTIONS_MAX {
                    refuses(
                        "NRS-RESP-0208",
                        "/actions",
                        "there is no action, or there are too many",
                    );
                }
                if self.playbook.is_none() || self.plan_digest.is_none() {
                    refuses("NRS-RESP-0209", "/playbook", "the playbook or the plan is missing");
                }
            }
        }
        for (at, action) in self.actions.iter().enumerate() {
            let place = format!("/actions/{at}");
            if !self.targets.contains(&action.target) {
                refuses("NRS-RESP-0210", &place, "the action's target is not one of the targets");
            }
            if action.actuators.is_empty() || action.consents.is_empty() {
                refuses(
                    "NRS-RESP-0211",
                    &place,
                    "the action has no actuator or rests on no consent",
                );
            }
        }
        findings
    }

    fn check_consultations(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let missing = |who| self.consulted(who).is_none();
        if self.location != Location::Jp && missing(Consulted::ForeignMinister) {
            let (code, clause, place) = ("NRS-RESP-0212", "PDEA art. 6-2", "/consultations");
            let message = "the computer was not found to be in Japan and the Foreign Minister was not consulted";
            // A block on a network whose owner consented touches no computer abroad; the legal route does.
            findings.push(match self.kind {
                Kind::LegalOrder => Finding::refuses(code, clause, place, message),
                Kind::Defensive => Finding::notes(code, clause, place, message),
            });
        }
        if self.route == Route::Sdf && self.kind == Kind::LegalOrder {
            for (who, what) in [
                (Consulted::PrimeMinister, "there is no order of the Prime Minister"),
                (
                    Consulted::PublicSafetyCommission,
                    "the National Public Safety Commission neither asked nor consented",
                ),
                (Consulted::Police, "the police are not the other side of the case"),
            ] {
                if missing(who) {
                    let (code, clause) = ("NRS-RESP-0213", "SDF Act art. 81-3");
                    findings.push(Finding::refuses(code, clause, "/consultations", what));
                }
            }
        }
        if self.consultations.iter().any(|one| one.reference.trim().is_empty()) {
            let message = "a consultation has no record";
            findings.push(Finding::refuses(
                "NRS-RESP-0214",
                "Act art. 48",
                "/consultations",
                message,
            ));
        }
        findings
    }
}

/// How a member votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// For the request.
    Approve,
    /// Against it.
    Refuse,
}

/// A named vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Who votes.
    pub member: Party,
    /// How.
    pub choice: Choice,
    /// Why; must not be empty for a refusal.
    pub reasons: String,
    /// On which conditions it is for the request.
    pub conditions: Vec<String>,
    /// Digest of the request that was read.
    pub request_digest: Digest,
    /// When.
    pub at: Timestamp,
}

/// What a person is in the commission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seat {
    /// The chair, or the full-time member who acts as chair.
    Chair,
    /// A member.
    Member,
}

/// Whether more votes may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sitting {
    /// Those who have not voted may still do so: decided only when they could change nothing.
    #[default]
    Open,
    /// The chair closed the vote: those who voted were present.
    Closed,
}

/// Who sits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// Each person with a seat, and their organisation, once.
    pub seats: BTreeMap<Party, Seat>,
    /// Whether the vote goes on.
    pub sitting: Sitting,
}

/// A vote that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Whose.
    pub member: Party,
    /// Why.
    pub finding: Finding,
}

/// What stands when nothing is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Votes that count so far, for and against.
    pub approve: usize,
    /// Votes against so far.
    pub refuse: usize,
    /// Whether the chair and enough members have voted.
    pub quorum: bool,
    /// Votes that do not count.
    pub set_aside: Vec<SetAside>,
}

/// What the commission decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Exactly which request.
    pub request_digest: Digest,
    /// How.
    pub choice: Choice,
    /// Those who voted, by person.
    pub votes: BTreeMap<String, Choice>,
    /// Whether the chair broke a tie.
    pub by_chair: bool,
    /// Conditions of those who approved, without repetition; empty for a refusal.
    pub conditions: BTreeSet<String>,
    /// When it may begin and must have ended.
    pub window: Window,
    /// When the last counted vote was cast.
    pub decided_at: Timestamp,
    /// Votes that do not count.
    pub set_aside: Vec<SetAside>,
}

impl Decision {
    /// How many voted so.
    pub fn count(&self, choice: Choice) -> usize {
        self.votes.values().filter(|vote| **vote == choice).count()
    }

    /// SHA-256 of its canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of_canonical(self).unwrap_or(Digest([0; 32]))
    }
}

/// What the votes amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Approved or refused.
    Decided(Decision),
    /// Nothing yet.
    Pending(Pending),
    /// The request may not be put to the vote as it stands.
    Inadmissible(Vec<Finding>),
}

/// Counts the votes on a request, within the default [`Limits`].
pub fn decide(request: &Request, votes: &[Vote], roster: &Roster) -> Outcome {
    decide_within(request, votes, roster, Limits::default())
}

/// Counts the votes on a request.
pub fn decide_within(
    request: &Request,
    votes: &[Vote],
    roster: &Roster,
    limits: Limits,
) -> Outcome {
    let findings = request.check(limits);
    if any_refusal(&findings) {
        return Outcome::Inadmissible(findings);
    }
    let digest = request.digest();
    let (counted, set_aside) = count(request, digest, votes, roster);
    let tally = Tally::of(&counted, roster);
    let outstanding = eligible(request, roster).saturating_sub(counted.len());
    let Some((choice, by_chair)) = tally.verdict(roster.sitting, outstanding, limits.approvals_min)
    else {
        let Tally { approve, refuse, .. } = tally;
        let quorum = tally.has_quorum();
        return Outcome::Pending(Pending { approve, refuse, quorum, set_aside });
    };
    let conditions = counted
        .iter()
        .filter(|vote| choice == Choice::Approve && vote.choice == Choice::Approve)
        .flat_map(|vote| vote.conditions.iter().cloned())
        .collect();
    Outcome::Decided(Decision {
        request_digest: digest,
        choice,
        votes: counted.iter().map(|vote| (vote.member.person.clone(), vote.choice)).collect(),
        by_chair,
        conditions,
        window: request.window,
        decided_at: counted.iter().map(|vote| vote.at).max().unwrap_or(request.window.not_before),
        set_aside,
    })
}

/// Seats that could cast a vote that counts.
fn eligible(request: &Request, roster: &Roster) -> usize {
    roster.seats.keys().filter(|member| !is_on_the_other_side(request, member)).count()
}

/// Separation Z-7: neither who asks nor anybody of the same organisation approves.
fn is_on_the_other_side(request: &Request, member: &Party) -> bool {
    member.person == request.requester.person || member.org == request.requester.org
}

fn count<'a>(
    request: &Request,
    digest: Digest,
    votes: &'a [Vote],
    roster: &Roster,
) -> (Vec<&'a Vote>, Vec<SetAside>) {
    let mut counted: Vec<&Vote> = Vec::new();
    let mut set_aside = Vec::new();
    let mut in_order: Vec<&Vote> = votes.iter().take(VOTES_MAX).collect();
    in_order.sort_by_key(|vote| vote.at);
    for vote in in_order {
        let again = counted.iter().any(|other| other.member.person == vote.member.person);
        match against(request, digest, vote, roster, again) {
            None => counted.push(vote),
            Some(finding) => set_aside.push(SetAside { member: vote.member.clone(), finding }),
        }
    }
    (counted, set_aside)
}

/// Why a vote does not count; `None` when it does.
fn against(
    request: &Request,
    digest: Digest,
    vote: &Vote,
    roster: &Roster,
    again: bool,
) -> Option<Finding> {
    let refuses = |code, clause, message: &str| Some(Finding::refuses(code, clause, "", message));
    if vote.request_digest != digest {
        return refuses("NRS-RESP-0221", "invariant I2", "the vote was cast on another text");
    }
    if is_on_the_other_side(request, &vote.member) {
        return refuses("NRS-RESP-0222", "separation Z-7", "who asks does not approve");
    }
    if !roster.seats.contains_key(&vote.member) {
        return refuses("NRS-RESP-0223", "Act art. 50-59", "the voter has no seat");
    }
    if again {
        return refuses("NRS-RESP-0224", "Act art. 50-59", "the member has voted already");
    }
    if vote.choice == Choice::Refuse && vote.reasons.trim().is_empty() {
        return refuses("NRS-RESP-0225", "Act art. 48", "a refusal has no reasons");
    }
    if vote.at >= request.window.not_after {
        return refuses("NRS-RESP-0226", "Act art. 48", "the window had ended");
    }
    None
}

/// The votes that count.
#[derive(Debug, Clone, Copy)]
struct Tally {
    approve: usize,
    refuse: usize,
    chair: Option<Choice>,
}

impl Tally {
    fn of(counted: &[&Vote], roster: &Roster) -> Self {
        let number = |choice| counted.iter().filter(|vote| vote.choice == choice).count();
        let is_chair = |vote: &&&Vote| roster.seats.get(&vote.member) == Some(&Seat::Chair);
        let chair = counted.iter().find(is_chair).map(|vote| vote.choice);
        Self { approve: number(Choice::Approve), refuse: number(Choice::Refuse), chair }
    }

    /// Act art. 50 to 59: the chair and at least two members.
    const fn has_quorum(self) -> bool {
        self.chair.is_some() && self.approve + self.refuse > MEMBERS_BESIDE_CHAIR
    }

    /// The decision, and whether the chair broke a tie. While the sitting is open it must hold however the
    /// outstanding members vote.
    fn verdict(
        self,
        sitting: Sitting,
        outstanding: usize,
        approvals_min: usize,
    ) -> Option<(Choice, bool)> {
        if !self.has_quorum() {
            return None;
        }
        let spare = match sitting {
            Sitting::Open => outstanding,
            Sitting::Closed => 0,
        };
        let holds = |ours: usize, theirs: usize, choice| {
            ours > theirs + spare || (ours == theirs + spare && self.chair == Some(choice))
        };
        let by_chair = self.approve == self.refuse;
        if self.approve >= approvals_min && holds(self.approve, self.refuse, Choice::Approve) {
            Some((Choice::Approve, by_chair))
        } else if holds(self.refuse, self.approve, Choice::Refuse) {
            Some((Choice::Refuse, by_chair))
        } else if self.approve + spare < approvals_min {
            // Not enough can come together any more.
            Some((Choice::Refuse, false))
        } else {
            None
        }
    }
}

/// A complete request with fictional parties, for the examples of this crate and the tests of others.
#[doc(hidden)]
pub mod example {
    use super::{
        Action, Choice, Effect, Kind, Location, Party, PlaybookRef, Request, Roster, Route, Seat,
        Sitting, Timestamp, Vote, Window,
    };
    use crate::finding::Digest;

    fn party(person: &str, org: &str) -> Party {
        Party { person: person.to_owned(), org: org.to_owned() }
    }

    fn seconds(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Block one address at one consenting operator; the window is 2026-12-01T00:00Z to 2026-12-02T00:00Z.
    pub fn request() -> Request {
        let text = |text: &str| text.to_owned();
        let action = Action {
            target: text("203.0.113.7"),
            action: Effect::DenyAddress,
            actuators: [text("power-edge")].into(),
            consents: [text("consent-1")].into(),
        };
        Request {
            measure: text("measure-1"),
            case: text("case-1"),
            kind: Kind::Defensive,
            route: Route::Police,
            requester: party("officer", "police"),
            purpose: text("stop commands reaching the victims"),
            legal_basis: text("consent of the operators"),
            necessity: text("notices were not answered"),
            proportionality: text("one address, one day"),
            scope: text("one operator"),
            side_effects: text("none known"),
            location: Location::Jp,
            consultations: Vec::new(),
            targets: [text("203.0.113.7")].into(),
            actions: [action].into(),
            window: Window {
                not_before: seconds(1_796_083_200),
                not_after: seconds(1_796_169_600),
            },
            effect_seconds_max: 86_400,
            playbook: Some(PlaybookRef {
                id: text("playbook--0b0e2c5e-6a0f-4a44-9d0b-2c0a7b6a3a10"),
                modified: text("2026-11-01T00:00:00.000Z"),
                digest: Digest::of(b"playbook"),
            }),
            plan_digest: Some(Digest::of(b"plan")),
        }
    }

    /// A chair and four members.
    pub fn roster() -> Roster {
        let members = ["member-1", "member-2", "member-3", "member-4"];
        let mut roster = Roster { sitting: Sitting::Open, ..Roster::default() };
        roster.seats.insert(party("chair", "commission"), Seat::Chair);
        roster.seats.extend(members.map(|name| (party(name, "commission"), Seat::Member)));
        roster
    }

    /// A vote for the request.
    pub fn vote(request: &Request, person: &str) -> Vote {
        Vote {
            member: party(person, "commission"),
            choice: Choice::Approve,
            reasons: "necessary and in proportion".to_owned(),
            conditions: Vec::new(),
            request_digest: request.digest(),
            at: request.window.not_before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;
    use proptest::prelude::*;

    fn refusal(request: &Request, person: &str) -> Vote {
        Vote { choice: Choice::Refuse, ..example::vote(request, person) }
    }

    fn decided(request: &Request, votes: &[Vote], roster: &Roster) -> Decision {
        match decide(request, votes, roster) {
            Outcome::Decided(decision) => decision,
            other => panic!("{other:?}"),
        }
    }

    fn pending(request: &Request, votes: &[Vote], roster: &Roster) -> Pending {
        match decide(request, votes, roster) {
            Outcome::Pending(pending) => pending,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_chair_and_two_members_decide() {
        let (request, roster) = (example::request(), example::roster());
        let members =
            ["member-1", "member-2", "member-3"].map(|name| example::vote(&request, name));
        assert!(!pending(&request, &members, &roster).quorum, "no chair, no quorum");
        let chair = example::vote(&request, "chair");
        let votes = [chair, members[0].clone(), members[1].clone()];
        assert_eq!(decided(&request, &votes, &roster).choice, Choice::Approve);
        assert!(!pending(&request, &votes[..2], &roster).quorum);
    }

    #[test]
    fn an_open_sitting_waits_while_the_rest_could_turn_it() {
        let request = example::request();
        let mut roster = example::roster();
        let votes = [
            example::vote(&request, "chair"),
            example::vote(&request, "member-1"),
            refusal(&request, "member-2"),
        ];
        assert!(pending(&request, &votes, &roster).quorum);
        roster.sitting = Sitting::Closed;
        // Two to one is a majority, and one approval short of what the log's verifier accepts.
        assert_eq!(decided(&request, &votes, &roster).choice, Choice::Refuse);
        let statute = Limits { approvals_min: 1, ..Limits::default() };
        let Outcome::Decided(decision) = decide_within(&request, &votes, &roster, statute) else {
            panic!()
        };
        assert_eq!((decision.choice, decision.by_chair), (Choice::Approve, false));
    }

    #[test]
    fn the_chair_breaks_a_tie() {
        let request = example::request();
        let mut roster = example::roster();
        roster.sitting = Sitting::Closed;
        let votes = [
            refusal(&request, "chair"),
            refusal(&request, "member-1"),
            example::vote(&request, "member-2"),
            example::vote(&request, "member-3"),
        ];
        let decision = decided(&request, &votes, &roster);
        assert_eq!((decision.choice, decision.by_chair), (Choice::Refuse, true));
        assert!(decision.conditions.is_empty());
    }

    /// A vote that must be set aside with `code`, next to three that count.
    fn check_set_aside(spoil: impl Fn(&mut Vote, &Request), code: &str) {
        let (request, roster) = (example::request(), example::roster());
        let mut votes: Vec<Vote> =
            ["chair", "member-1"].iter().map(|name| example::vote(&request, name)).collect();
        let mut bad = example::vote(&request, "member-2");
        spoil(&mut bad, &request);
        votes.push(bad);
        let pending = pending(&request, &votes, &roster);
        let codes: Vec<_> = pending.set_aside.iter().map(|aside| aside.finding.code).collect();
        assert_eq!((pending.approve, codes), (2, vec![code]));
    }

    #[test]
    fn votes_that_do_not_count_are_listed() {
        check_set_aside(|vote, _| vote.request_digest = Digest::of(b"other"), "NRS-RESP-0221");
        check_set_aside(|vote, r| vote.member = r.requester.clone(), "NRS-RESP-0222");
        check_set_aside(|vote, r| vote.member.org.clone_from(&r.requester.org), "NRS-RESP-0222");
        check_set_aside(|vote, _| vote.member.person = "stranger".to_owned(), "NRS-RESP-0223");
        check_set_aside(|vote, _| vote.member.person = "chair".to_owned(), "NRS-RESP-0224");
        let silent = |vote: &mut Vote, _: &Request| {
            vote.choice = Choice::Refuse;
            vote.reasons = " ".to_owned();
        };
        check_set_aside(silent, "NRS-RESP-0225");
        check_set_aside(|vote, r| vote.at = r.window.not_after, "NRS-RESP-0226");
    }

    #[test]
    fn a_second_vote_does_not_replace_the_first() {
        let (request, roster) = (example::request(), example::roster());
        let mut second = refusal(&request, "chair");
        second.at = request.window.not_before + 1.second();
        let first = example::vote(&request, "chair");
        // Also when they arrive in the other order.
        let pending = pending(&request, &[second, first], &roster);
        assert_eq!((pending.approve, pending.refuse), (1, 0));
    }

    fn codes(request: &Request) -> Vec<&'static str> {
        let findings = request.check(Limits::default());
        findings.iter().filter(|one| one.is_refusal()).map(|one| one.code).collect()
    }

    #[test]
    fn an_incomplete_request_is_not_voted_on() {
        let check = |spoil: fn(&mut Request), code: &str| {
            let mut request = example::request();
            spoil(&mut request);
            assert_eq!(codes(&request), [code]);
            let outcome = decide(&request, &[], &example::roster());
            assert!(matches!(outcome, Outcome::Inadmissible(_)));
        };
        check(|r| r.necessity.clear(), "NRS-RESP-0201");
        check(|r| r.scope = "x".repeat(TEXT_CHARS_MAX + 1), "NRS-RESP-0202");
        check(|r| r.window.not_after = r.window.not_before, "NRS-RESP-0203");
        check(|r| r.window.not_after = r.window.not_before - 1.second(), "NRS-RESP-0203");
        check(|r| r.window.not_after = r.window.not_before + 9999.hours(), "NRS-RESP-0204");
        check(|r| r.effect_seconds_max = 0, "NRS-RESP-0205");
        check(|r| r.effect_seconds_max = 8 * 86_400, "NRS-RESP-0205");
        check(|r| r.kind = Kind::LegalOrder, "NRS-RESP-0207");
        check(|r| r.actions.clear(), "NRS-RESP-0208");
        check(|r| r.plan_digest = None, "NRS-RESP-0209");
        check(|r| r.targets = ["198.51.100.1".to_owned()].into(), "NRS-RESP-0210");
    }

    #[test]
    fn the_legal_route_abroad_needs_the_foreign_minister() {
        let legal = |location, route, heard: &[Consulted]| {
            let at = Timestamp::UNIX_EPOCH;
            let reference = "record 1".to_owned();
            let consultations = heard
                .iter()
                .map(|who| Consultation { who: *who, at, reference: reference.clone() })
                .collect();
            let (actions, playbook) = (BTreeSet::new(), None);
            let kind = Kind::LegalOrder;
            let base = example::request();
            codes(&Request { kind, route, location, consultations, actions, playbook, ..base })
        };
        assert_eq!(legal(Location::Unknown, Route::Police, &[]), ["NRS-RESP-0212"]);
        assert_eq!(legal(Location::NotJp, Route::Police, &[]), ["NRS-RESP-0212"]);
        assert!(legal(Location::Unknown, Route::Police, &[Consulted::ForeignMinister]).is_empty());
        assert!(legal(Location::Jp, Route::Police, &[]).is_empty());
        assert_eq!(legal(Location::Jp, Route::Sdf, &[]), ["NRS-RESP-0213"; 3]);
        let all = [Consulted::PrimeMinister, Consulted::PublicSafetyCommission, Consulted::Police];
        assert!(legal(Location::Jp, Route::Sdf, &all).is_empty());
        // For a block on consenting networks it is only said.
        let block = Request { location: Location::Unknown, ..example::request() };
        assert!(codes(&block).is_empty());
        let said = block.check(Limits::default());
        assert_eq!(said.iter().map(|one| one.code).collect::<Vec<_>>(), ["NRS-RESP-0212"]);
    }

    #[test]
    fn who_was_heard_reads_back() {
        for who in Consulted::ALL {
            assert_eq!(Consulted::parse(who.id()), Some(who));
            assert_eq!(serde_json::to_value(who).unwrap(), who.id());
        }
    }

    #[test]
    fn the_digest_is_that_of_the_text_an_auditor_sees() {
        let request = example::request();
        let json = serde_json::to_string_pretty(&request).unwrap();
        let read: Request = serde_json::from_str(&json).unwrap();
        assert_eq!((read.digest(), &read), (request.digest(), &request));
        let mut other = request.clone();
        other.effect_seconds_max -= 1;
        assert_ne!(other.digest(), request.digest());
        assert_ne!(request.digest(), Digest([0; 32]));
    }

    #[test]
    fn conditions_of_those_who_approve_are_kept() {
        let (request, roster) = (example::request(), example::roster());
        let mut votes: Vec<Vote> = ["chair", "member-1", "member-2"]
            .iter()
            .map(|name| example::vote(&request, name))
            .collect();
        votes[0].conditions = vec!["report daily".to_owned()];
        votes[1].conditions = vec!["report daily".to_owned(), "tell the owner".to_owned()];
        let decision = decided(&request, &votes, &roster);
        assert_eq!(
            decision.conditions,
            ["report daily".to_owned(), "tell the owner".to_owned()].into()
        );
    }

    proptest! {
        /// However the rest vote, a decision of an open sitting is the one a full count would give.
        #[test]
        fn an_early_decision_is_never_turned(choices in proptest::collection::vec(any::<bool>(), 5), early in 0usize..=5) {
            let request = example::request();
            let mut roster = example::roster();
            let names = ["chair", "member-1", "member-2", "member-3", "member-4"];
            let votes: Vec<Vote> = names.iter().zip(&choices).map(|(name, approve)| {
                if *approve { example::vote(&request, name) } else { refusal(&request, name) }
            }).collect();
            if let Outcome::Decided(decision) = decide(&request, &votes[..early], &roster) {
                roster.sitting = Sitting::Closed;
                prop_assert_eq!(decision.choice, decided(&request, &votes, &roster).choice);
            }
        }
    }
}
