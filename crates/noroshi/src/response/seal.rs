//! The authorisation that an operator's gateway checks itself: what was decided, bound by digests, signed, and proved to
//! stand in the log.
//!
//! In this version the office holds the commission's seal (`DATA/keys/commission.key`, apart from the log's key). Keys
//! in the hands of each member are a later capability.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use noroshi_charter::approval::{Decision, Effect, Request};
use noroshi_charter::finding::Digest;
use noroshi_codec::dsse::{Envelope, IN_TOTO, NotBelieved, Statement};
use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::leaf::{Fact, Leaf, Outcome};
use noroshi_ledger::note::Vkey;
use serde::{Deserialize, Serialize};

use crate::office::clock::stamp;
use crate::office::log::{InclusionProof, LogFailure, load_or_make_seed};

/// Predicate type of the authorisation.
pub const PREDICATE: &str = "https://noroshi.example/attest/measure-authorisation/v1";

/// One effect as planned: one command for one actuator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Name within the measure.
    pub effect: String,
    /// Action step of the playbook.
    pub step: String,
    /// The actuator.
    pub actuator: String,
    /// Whose it is.
    pub org: String,
    /// What is done.
    pub action: Effect,
    /// To what, canonical.
    pub target: String,
    /// SHA-256 of the canonical command.
    pub command: Digest,
}

/// What an operator's devices would be given, in their own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The actuator.
    pub actuator: String,
    /// For the packet filter.
    pub nft: String,
    /// For the response-policy zone.
    pub rpz: String,
}

/// Everything that would be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The measure.
    pub measure: String,
    /// Every effect, in order.
    pub effects: Vec<Planned>,
    /// Per actuator.
    pub batches: Vec<Batch>,
}

impl Plan {
    /// SHA-256 of its canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of_canonical(self).unwrap_or(Digest([0; 32]))
    }
}

/// What the commission says about the digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The measure.
    pub measure: String,
    /// `approve` or `refuse`.
    pub decision: String,
    /// Legal ground, as asked.
    pub legal_basis: String,
    /// Where it may take effect.
    pub scope: Scope,
    /// First moment.
    pub not_before: Timestamp,
    /// First moment after.
    pub not_after: Timestamp,
    /// Longest life of an effect, in seconds.
    pub max_ttl_s: u64,
    /// Conditions of those who approved.
    pub conditions: BTreeSet<String>,
    /// Who voted, by opaque identifier.
    pub votes: std::collections::BTreeMap<String, noroshi_charter::approval::Choice>,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// Where an authorisation reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Names of actuators.
    pub actuators: BTreeSet<String>,
    /// Their owners.
    pub orgs: BTreeSet<String>,
    /// Targets at most.
    pub max_targets: usize,
}

/// Where the commission's key lies.
pub fn load_key(data: &Path) -> Result<[u8; 32], LogFailure> {
    load_or_make_seed(&data.join("keys").join("commission.key"))
}

/// The signed authorisation of a decision, and the digest of its payload.
pub fn authorise(
    request: &Request,
    plan: &Plan,
    decision: &Decision,
    seed: &[u8; 32],
) -> (Envelope, Digest) {
    let texts = [request.digest(), plan.digest(), request.targets_digest()]
        .map(|digest| digest.to_string());
    let [request_digest, plan_digest, targets] = &texts;
    let playbook = request.playbook.as_ref().map(|playbook| playbook.digest.to_string());
    let mut subjects = vec![
        ("request", request_digest.as_str()),
        ("plan", plan_digest.as_str()),
        ("targets", targets.as_str()),
    ];
    subjects.extend(playbook.as_deref().map(|digest| ("playbook", digest)));
    let approves = decision.choice == noroshi_charter::approval::Choice::Approve;
    let predicate = Predicate {
        measure: request.measure.clone(),
        decision: if approves { "approve" } else { "refuse" }.to_owned(),
        legal_basis: request.legal_basis.clone(),
        scope: Scope {
            actuators: plan.effects.iter().map(|effect| effect.actuator.clone()).collect(),
            orgs: plan.effects.iter().map(|effect| effect.org.clone()).collect(),
            max_targets: request.targets.len(),
        },
        not_before: request.window.not_before,
        not_after: request.window.not_after,
        max_ttl_s: request.effect_seconds_max,
        conditions: decision.conditions.clone(),
        votes: decision.votes.clone(),
        decided_at: decision.decided_at,
    };
    let statement = Statement::new(PREDICATE, &subjects, predicate);
    // A statement has text for keys and small numbers: it always has a canonical form.
    let payload = serde_json_canonicalizer::to_vec(&statement).unwrap_or_default();
    (Envelope::sign(IN_TOTO, &payload, seed), Digest::of(&payload))
}

/// A proof of inclusion as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Index of the leaf.
    pub index: u64,
    /// Size of the tree.
    pub size: u64,
    /// Audit path.
    pub hashes: Vec<noroshi_ledger::digest::Digest>,
    /// Signed checkpoint.
    pub checkpoint: String,
    /// The leaf, in base64.
    pub leaf: String,
}

impl From<InclusionProof> for Proof {
    fn from(proof: InclusionProof) -> Self {
        let InclusionProof { index, size, hashes, checkpoint, leaf } = proof;
        Self { index, size, hashes, checkpoint, leaf: STANDARD.encode(leaf) }
    }
}

/// What travels beside a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// The commission's decision.
    pub authorisation: Envelope,
    /// What was planned.
    pub plan: Plan,
    /// That the decision stands in the log.
    pub proof: Proof,
}

/// Why a gateway does not act. Each has a stable code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthorised {
    /// Not signed by the commission, or not an authorisation.
    #[error("NRS-GATE-0003: the approval is not the commission's: {0}")]
    Forged(String),
    /// Outside the window.
    #[error("NRS-GATE-0004: the approval is not in force now")]
    Window,
    /// Plan or targets are not those that were approved.
    #[error("NRS-GATE-0005: `{0}` is not what was approved")]
    Drift(&'static str),
    /// The command is not one that was approved for this actuator.
    #[error("NRS-GATE-0006: the command is not one that was approved for this actuator")]
    Scope,
    /// Not proved to stand in the log.
    #[error("NRS-GATE-0008: the decision is not proved to stand in the log: {0}")]
    Log(String),
}

/// Whom a gateway believes and who it is.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The commission's key.
    pub commission: [u8; 32],
    /// The log's key.
    pub log: Vkey,
    /// This actuator.
    pub actuator: String,
    /// Its owner.
    pub org: String,
}

/// The approved effect that a command of this digest and name is, with the predicate that covers it.
pub fn check<'a>(
    carried: &'a Carried,
    trust: &Trust,
    (command, command_id): (Digest, &str),
    now: Timestamp,
) -> Result<(&'a Planned, Predicate), NotAuthorised> {
    let forged = |problem: NotBelieved| NotAuthorised::Forged(problem.to_string());
    // The bytes that were verified are the bytes that are read.
    let payload = carried.authorisation.verify(IN_TOTO, &[trust.commission], 1).map_err(forged)?;
    let statement: Statement<Predicate> = serde_json::from_slice(&payload)
        .map_err(|problem| NotAuthorised::Forged(problem.to_string()))?;
    let predicate = &statement.predicate;
    if statement.predicate_type != PREDICATE || predicate.decision != "approve" {
        return Err(NotAuthorised::Forged("it approves nothing".to_owned()));
    }
    if now < predicate.not_before || now >= predicate.not_after {
        return Err(NotAuthorised::Window);
    }
    let is = |name, digest: Option<Digest>| {
        statement.sha256(name).and_then(Digest::parse).is_some_and(|bound| Some(bound) == digest)
    };
    if !is("plan", Some(carried.plan.digest())) || carried.plan.measure != predicate.measure {
        return Err(NotAuthorised::Drift("plan"));
    }
    let targets: BTreeSet<&str> =
        carried.plan.effects.iter().map(|effect| effect.target.as_str()).collect();
    if !is("targets", Digest::of_canonical(&targets)) || targets.len() > predicate.scope.max_targets
    {
        return Err(NotAuthorised::Drift("targets"));
    }
    let mine = |effect: &&Planned| {
        effect.command == command
            && effect.actuator == trust.actuator
            && effect.org == trust.org
            && command_id == command_name(&predicate.measure, &effect.effect)
            && predicate.scope.actuators.contains(&effect.actuator)
    };
    let planned = carried.plan.effects.iter().find(mine).ok_or(NotAuthorised::Scope)?;
    check_log(&carried.proof, trust, &statement, Digest::of(&payload))?;
    Ok((planned, statement.predicate))
}

fn check_log(
    proof: &Proof,
    trust: &Trust,
    statement: &Statement<Predicate>,
    payload: Digest,
) -> Result<(), NotAuthorised> {
    let wrong = |what: &str| NotAuthorised::Log(what.to_owned());
    let keys = [trust.log.clone()];
    let verified = noroshi_ledger::note::verify(proof.checkpoint.as_bytes(), &keys)
        .map_err(|problem| NotAuthorised::Log(problem.to_string()))?;
    if verified.signers.is_empty() {
        return Err(wrong("the checkpoint is not signed by the log"));
    }
    let checkpoint: Checkpoint = verified.text.parse().map_err(|_| wrong("the checkpoint"))?;
    if checkpoint.size != proof.size {
        return Err(wrong("the checkpoint is of another size"));
    }
    let bytes = STANDARD.decode(&proof.leaf).map_err(|_| wrong("the leaf"))?;
    let hash = noroshi_ledger::tree::leaf_hash(&bytes);
    noroshi_ledger::tree::verify_inclusion(
        proof.index,
        proof.size,
        &hash,
        &proof.hashes,
        &checkpoint.root,
    )
    .map_err(|problem| NotAuthorised::Log(problem.to_string()))?;
    let leaf = Leaf::decode(&bytes).map_err(|problem| NotAuthorised::Log(problem.to_string()))?;
    let predicate = &statement.predicate;
    let said = matches!(&leaf.fact, Fact::MeasureDecided { measure, request, outcome, not_before, not_after, authorisation, .. }
        if *measure == predicate.measure
            && Some(request.to_string().as_str()) == statement.sha256("request")
            && *outcome == Outcome::Approved
            && *not_before == stamp(predicate.not_before)
            && *not_after == stamp(predicate.not_after)
            && authorisation.0 == payload.0);
    if said { Ok(()) } else { Err(wrong("the leaf is of another decision")) }
}

/// The name of an effect's command: the same at every attempt.
pub fn command_name(measure: &str, effect: &str) -> String {
    format!("{measure}/{effect}")
}
