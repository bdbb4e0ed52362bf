//! Before a release: who exactly would receive, exactly which bytes each would get, what stays and why.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::outgoing::{Outgoing, strictest};
use noroshi_charter::release::{Audience, Capacity, NOBODY, Recipient};
use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};
use noroshi_ledger::digest::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gate::{Candidate, Known, StayReason, Web};
use super::read::{self, Collection};
use super::{audience, freed};
use crate::office::people::Org;
use crate::office::store::{Reader, StoreFailure, Value};

/// How a version stands in the stream of an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was never there.
    Absent,
    /// It is there.
    There,
    /// It was there and was taken back; when it is released again it comes back at a new place.
    Withdrawn,
}

/// An object that would leave to somebody.
#[derive(Debug, Clone)]
pub struct Passes {
    /// The version that leaves.
    pub candidate: Candidate,
    /// The bits it leaves under, those of its sources included.
    pub bits: LegalBits,
    /// The class it leaves in: what its bits say, or what it was declared to be, whichever is stricter.
    pub class: LegalClass,
    /// The strictest colour of it that anybody gets, parts that are not left out included.
    pub tlp: Tlp,
    /// How it stands in the audience's stream.
    pub standing: Standing,
    /// The object had left the audience's stream and comes back, with this version or another.
    pub returns: bool,
}

impl Passes {
    /// Whether its recipients have it already, so that nothing leaves.
    pub fn already(&self) -> bool {
        self.standing == Standing::There
    }
}

/// An object that stays, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Stays {
    /// The object asked for.
    pub id: String,
    /// Why.
    pub reasons: Vec<StayReason>,
}

/// Exactly what one recipient would be sent of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The object.
    pub id: String,
    /// Its version's key.
    pub modified: String,
    /// The bytes.
    pub text: String,
    /// SHA-256 over the bytes.
    pub digest: Digest,
    /// Parts are left out.
    pub redacted: bool,
    /// The strictest colour of what is not left out.
    pub tlp: Tlp,
}

/// Recipients who get the same bytes.
#[derive(Debug, Clone)]
pub struct Group {
    /// Who; empty for the public.
    pub orgs: Vec<Org>,
    /// What each of them gets, in the order asked for.
    pub sent: Vec<Sending>,
    /// What stays for them.
    pub stays: Vec<Stays>,
}

/// What a release would do.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Where it would go.
    pub audience: Audience,
    /// The view it was asked for through.
    pub collection: Option<Collection>,
    /// What leaves to anybody, in the order asked for.
    pub passes: Vec<Passes>,
    /// What stays for everybody.
    pub stays: Vec<Stays>,
    /// Every recipient, by what they get.
    pub groups: Vec<Group>,
    /// Codes of what a careful person would look at twice.
    pub warnings: Vec<&'static str>,
    /// The last entry of the record it takes into account.
    pub as_of: i64,
}

impl Preview {
    /// The strictest colour that leaves, parts that are not left out included.
    pub fn tlp(&self) -> Tlp {
        self.passes.iter().map(|one| one.tlp).max().unwrap_or(Tlp::Clear)
    }

    /// The strictest class that leaves.
    pub fn class(&self) -> LegalClass {
        self.passes.iter().fold(LegalClass::CiaN, |class, one| class.stricter(one.class))
    }

    /// The bits that leave.
    pub fn bits(&self) -> LegalBits {
        self.passes.iter().fold(LegalBits::default(), |bits, one| bits.join(one.bits))
    }

    /// Reviews that what leaves stands on.
    pub fn reviews(&self) -> BTreeSet<String> {
        self.passes.iter().filter_map(|one| one.candidate.review.clone()).collect()
    }

    /// Names of the recipients, in a stable order.
    pub fn recipients(&self) -> BTreeSet<String> {
        self.groups.iter().flat_map(|group| &group.orgs).map(|org| org.org.to_string()).collect()
    }

    /// Everything a release stands on, line by line: the audience, who gets which bytes of which version under which colour,
    /// and in which class and with which bits each leaves.
    pub fn lines(&self) -> String {
        let mut lines = format!("audience {}\n", self.audience.label());
        for group in &self.groups {
            let orgs: Vec<&str> = group.orgs.iter().map(|org| org.org.as_str()).collect();
            lines.push_str(&format!("to {}\n", orgs.join(" ")));
            for one in &group.sent {
                let colour = one.tlp.label();
                lines.push_str(&format!("{} {} {} {colour}\n", one.id, one.modified, one.digest));
            }
        }
        for one in &self.passes {
            let LegalBits { has_selected_comms, has_secret } = one.bits;
            let (id, colour, class) = (one.candidate.id(), one.tlp.label(), one.class.code());
            lines
                .push_str(&format!("as {id} {colour} {class} {has_selected_comms} {has_secret}\n"));
        }
        lines
    }
}

/// Judges what was asked for against every recipient of an audience, and against the view it is asked for through.
pub fn preview(
    reader: &Reader<'_>,
    audience: Audience,
    collection: Option<Collection>,
    ids: &[String],
    now: Timestamp,
) -> Result<Preview, StoreFailure> {
    let label = audience.label();
    let mut seen = BTreeSet::new();
    let ids: Vec<&String> = ids.iter().filter(|id| seen.insert((*id).clone())).collect();
    let mut asked = BTreeMap::new();
    for id in &ids {
        let Some(candidate) = read::candidate(reader, id)? else { continue };
        let mut view: Vec<StayReason> =
            collection.iter().flat_map(|one| one.filter.reasons(&candidate)).collect();
        if read::is_recalled(reader, &candidate)? {
            view.push(StayReason::house("NRS-SHAR-0333"));
        }
        let known = Known { candidate: Some(candidate), offered: true, view };
        asked.insert((*id).clone(), known);
    }
    let web = read::web(reader, &label, asked, BTreeSet::new())?;
    let tlp_max = collection.as_ref().map_or(Tlp::Red, |one| one.filter.tlp_max);
    let groups = groups(reader, &audience, &web, &ids, (tlp_max, now))?;
    let passing: BTreeSet<&String> =
        groups.iter().flat_map(|one| &one.sent).map(|one| &one.id).collect();
    let (mut passes, mut stays) = (Vec::new(), Vec::new());
    for id in &ids {
        let candidate = web.known(id).and_then(|one| one.candidate.as_ref());
        match candidate.filter(|_| passing.contains(id)) {
            Some(candidate) => {
                let standing = standing(reader, &label, candidate)?;
                let returns = freed::returns(reader, &label, id)?;
                passes.push(passing_one(&web, candidate, (standing, returns), &groups));
            }
            None => {
                stays.push(Stays { id: (*id).clone(), reasons: for_all(id, candidate, &groups) })
            }
        }
    }
    let warnings = warnings(reader, &audience, &groups)?;
    let as_of = reader.number("SELECT MAX(position) FROM office_leaf", &[])?;
    Ok(Preview { audience, collection, passes, stays, groups, warnings, as_of })
}

/// What leaves of one object, over everybody who gets it.
fn passing_one(
    web: &Web,
    candidate: &Candidate,
    (standing, returns): (Standing, bool),
    groups: &[Group],
) -> Passes {
    let facts = web.facts(candidate);
    let class = facts.bits.class();
    let sent = groups.iter().flat_map(|group| &group.sent).filter(|one| one.id == candidate.id());
    Passes {
        standing,
        returns,
        bits: facts.bits,
        class: facts.class.map_or(class, |declared| declared.stricter(class)),
        tlp: sent.map(|one| one.tlp).max().unwrap_or(candidate.tlp()),
        candidate: candidate.clone(),
    }
}

/// Why an object stays for everybody: each reason once, in the order of the first recipients.
fn for_all(id: &str, candidate: Option<&Candidate>, groups: &[Group]) -> Vec<StayReason> {
    if candidate.is_none() {
        return vec![StayReason::house("NRS-SHAR-0113")];
    }
    let stays = groups.iter().flat_map(|group| &group.stays).filter(|one| one.id == id);
    let mut reasons = Vec::new();
    for reason in stays.flat_map(|one| &one.reasons) {
        if !reasons.contains(reason) {
            reasons.push(reason.clone());
        }
    }
    if groups.is_empty() {
        reasons.push(StayReason::of(&NOBODY));
    }
    reasons
}

/// Recipients, judged once for each way in which they can differ.
fn groups(
    reader: &Reader<'_>,
    audience: &Audience,
    web: &Web,
    ids: &[&String],
    (tlp_max, now): (Tlp, Timestamp),
) -> Result<Vec<Group>, StoreFailure> {
    let mut kinds: BTreeMap<String, (Recipient, Vec<Org>)> = BTreeMap::new();
    for org in audience::members(reader, audience)? {
        let to = audience::recipient(reader, Some(org.org.as_str()), audience)?;
        let own = web.speaks_of(org.org.as_str()).then(|| org.org.to_string());
        let kind = format!("{:?} {:?} {own:?}", to.protection, to.ceiling);
        kinds.entry(kind).or_insert_with(|| (to, Vec::new())).1.push(org);
    }
    if *audience == Audience::Public {
        kinds.insert(String::new(), (Recipient::public(), Vec::new()));
    }
    let mut groups: Vec<Group> = Vec::new();
    for (to, orgs) in kinds.into_values() {
        let (sent, stays) = judged(web, &to, ids, tlp_max, now);
        match groups.iter_mut().find(|group| group.sent == sent && group.stays == stays) {
            Some(group) => group.orgs.extend(orgs),
            None => groups.push(Group { orgs, sent, stays }),
        }
    }
    for group in &mut groups {
        group.orgs.sort_by(|one, other| one.org.cmp(&other.org));
    }
    groups.sort_by(|one, other| {
        let first = |group: &Group| group.orgs.first().map(|org| org.org.clone());
        first(one).cmp(&first(other))
    });
    Ok(groups)
}

fn judged(
    web: &Web,
    to: &Recipient,
    ids: &[&String],
    tlp_max: Tlp,
    now: Timestamp,
) -> (Vec<Sending>, Vec<Stays>) {
    let outgoing = web.outgoing(to, tlp_max, now);
    let (mut sent, mut stays) = (Vec::new(), Vec::new());
    for id in ids {
        let Some(known) = web.known(id) else { continue };
        let Some(candidate) = &known.candidate else { continue };
        if let Some(bytes) = outgoing.sent(id) {
            let verdict = web.judge(candidate, to, tlp_max, now);
            sent.push(Sending {
                tlp: strictest(&candidate.held, &verdict.hidden),
                id: (*id).clone(),
                modified: candidate.modified.clone(),
                digest: Digest::of(bytes.text.as_bytes()),
                text: bytes.text,
                redacted: bytes.redacted,
            });
        } else {
            let reasons = reasons(web, &outgoing, known, candidate, (to, tlp_max, now));
            stays.push(Stays { id: (*id).clone(), reasons });
        }
    }
    (sent, stays)
}

fn reasons(
    web: &Web,
    outgoing: &Outgoing,
    known: &Known,
    candidate: &Candidate,
    (to, tlp_max, now): (&Recipient, Tlp, Timestamp),
) -> Vec<StayReason> {
    let verdict = web.judge(candidate, to, tlp_max, now);
    let mut reasons: Vec<StayReason> = verdict.refusals.iter().map(StayReason::of).collect();
    reasons.extend(known.view.iter().cloned());
    reasons.extend(outgoing.stays_for(candidate.id()).map(|other| StayReason::names(other)));
    if reasons.is_empty() {
        reasons.push(StayReason::house("NRS-SHAR-0306"));
    }
    reasons
}

fn standing(
    reader: &Reader<'_>,
    audience: &str,
    candidate: &Candidate,
) -> Result<Standing, StoreFailure> {
    let params =
        [Value::from(audience), Value::from(candidate.id()), Value::from(&candidate.modified)];
    let withdrawn = reader.first(
        "SELECT withdrawn_at IS NOT NULL FROM share_item WHERE audience = $1 AND id = $2 AND modified = $3",
        &params,
        |row| row.truth(0),
    )?;
    Ok(match withdrawn {
        None => Standing::Absent,
        Some(false) => Standing::There,
        Some(true) => Standing::Withdrawn,
    })
}

/// What is unusual about this release: MISP's users have asked for it for years (#5467).
fn warnings(
    reader: &Reader<'_>,
    audience: &Audience,
    groups: &[Group],
) -> Result<Vec<&'static str>, StoreFailure> {
    let mut warnings = Vec::new();
    let before = read::last_release(reader, audience)?;
    match &before {
        None => warnings.push("NRS-SHAR-0320"),
        Some(row) => {
            let then: BTreeSet<&String> = row.outcome.recipients.iter().collect();
            let added = groups.iter().flat_map(|group| &group.orgs);
            if added.map(|org| org.org.to_string()).any(|org| !then.contains(&org)) {
                warnings.push("NRS-SHAR-0323");
            }
        }
    }
    if audience.capacity() == Capacity::Public {
        warnings.push("NRS-SHAR-0321");
    }
    if groups.len() > 1 {
        warnings.push("NRS-SHAR-0322");
    }
    if groups.iter().flat_map(|group| &group.sent).any(|one| one.redacted) {
        warnings.push("NRS-SHAR-0324");
    }
    Ok(warnings)
}
