//! May this effect begin now?
//!
//! # What it decides
//! Whether an approved effect may begin at one operator's actuator, from facts read in the same moment.
//!
//! # Source
//! 警察官職務執行法第6条の2 (approval before, consultation of the Foreign Minister when the place is not found to be in
//! Japan); policy invariants 3, 4, 6; specs Z-7 and the state machine of a measure (I1, I2).
//!
//! # Refuses when
//! - it is not approved (`NRS-RESP-0301`), or what was approved is another text (`NRS-RESP-0302`);
//! - the window has not begun or is over (`NRS-RESP-0303`);
//! - the operator's consent does not cover it (`NRS-RESP-0304`), or the guard refuses the target (`NRS-RESP-0305`);
//! - the executor asked for it or decided it (`NRS-RESP-0306`);
//! - the place is not found to be in Japan and the Foreign Minister was not consulted before (`NRS-RESP-0307`).
//!
//! # Example
//! See the test `each_rule_refuses_alone`.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::approval::{Effect, Location, Window};
use crate::finding::{Digest, Finding};

/// An operator's consent, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The actuator.
    pub actuator: String,
    /// The actions consented to.
    pub actions: BTreeSet<Effect>,
    /// Until when.
    pub expires_at: Timestamp,
    /// Since when it is withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

impl Consent {
    /// Whether it covers the action at the actuator now.
    pub fn covers(&self, actuator: &str, action: Effect, now: Timestamp) -> bool {
        self.actuator == actuator
            && self.actions.contains(&action)
            && now < self.expires_at
            && self.withdrawn_at.is_none_or(|at| now < at)
    }
}

/// What is known in the moment of execution.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Whether the commission approved and nothing came after.
    pub approved: bool,
    /// Digest the approval is bound to.
    pub approved_digest: Digest,
    /// Digest of the request as it stands.
    pub request_digest: Digest,
    /// The approved window.
    pub window: Window,
    /// The actuator and the action.
    pub effect: (&'a str, Effect),
    /// The consents of the actuator's owner.
    pub consents: &'a [Consent],
    /// Whether the guard lets the target pass now.
    pub guarded: bool,
    /// Who carries out.
    pub executor: &'a str,
    /// Who asked, and who voted.
    pub others: &'a [String],
    /// Where the computer is.
    pub location: Location,
    /// When the Foreign Minister was consulted.
    pub consulted_at: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
}

/// Whether the effect may begin; every reason not to.
pub fn may_begin(facts: &Facts<'_>) -> Result<(), Vec<Finding>> {
    let (actuator, action) = facts.effect;
    let consulted = facts.consulted_at.is_some_and(|at| at <= facts.now);
    let rules = [
        (facts.approved, "NRS-RESP-0301", "PDEA art. 6-2(4)", "it is not approved"),
        (
            facts.approved_digest == facts.request_digest,
            "NRS-RESP-0302",
            "I2",
            "another text was approved",
        ),
        (
            facts.window.contains(facts.now),
            "NRS-RESP-0303",
            "invariant 3",
            "it is outside the approved window",
        ),
        (
            facts.consents.iter().any(|consent| consent.covers(actuator, action, facts.now)),
            "NRS-RESP-0304",
            "policy 4.4",
            "the operator's consent does not cover it",
        ),
        (facts.guarded, "NRS-RESP-0305", "Z-2", "the guard refuses the target"),
        (
            !facts.others.iter().any(|other| other == facts.executor),
            "NRS-RESP-0306",
            "Z-7",
            "the executor asked for it or decided it",
        ),
        (
            facts.location == Location::Jp || consulted,
            "NRS-RESP-0307",
            "invariant 4",
            "the Foreign Minister was not consulted before",
        ),
    ];
    let refused = rules.into_iter().filter(|(holds, ..)| !holds);
    let findings: Vec<_> = refused
        .map(|(_, code, clause, message)| Finding::refuses(code, clause, "", message))
        .collect();
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_refuses_alone() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let consents = [Consent {
            actuator: "gw".to_owned(),
            actions: [Effect::DenyAddress].into(),
            expires_at: at(100),
            withdrawn_at: None,
        }];
        let others = ["requester".to_owned(), "chair".to_owned()];
        let sound = Facts {
            approved: true,
            approved_digest: Digest::of(b"d"),
            request_digest: Digest::of(b"d"),
            window: Window { not_before: at(10), not_after: at(20) },
            effect: ("gw", Effect::DenyAddress),
            consents: &consents,
            guarded: true,
            executor: "executor",
            others: &others,
            location: Location::Unknown,
            consulted_at: Some(at(10)),
            now: at(15),
        };
        assert_eq!(may_begin(&sound), Ok(()));
        let withdrawn = [Consent { withdrawn_at: Some(at(15)), ..consents[0].clone() }];
        let cases = [
            (Facts { approved: false, ..sound.clone() }, "NRS-RESP-0301"),
            (Facts { approved_digest: Digest::of(b"e"), ..sound.clone() }, "NRS-RESP-0302"),
            (
                Facts { window: Window { not_before: at(1), not_after: at(14) }, ..sound.clone() },
                "NRS-RESP-0303",
            ),
            (
                Facts { window: Window { not_before: at(16), not_after: at(20) }, ..sound.clone() },
                "NRS-RESP-0303",
            ),
            (Facts { effect: ("gw", Effect::DenyDomain), ..sound.clone() }, "NRS-RESP-0304"),
            (Facts { effect: ("other", Effect::DenyAddress), ..sound.clone() }, "NRS-RESP-0304"),
            (Facts { consents: &withdrawn, ..sound.clone() }, "NRS-RESP-0304"),
            (Facts { guarded: false, ..sound.clone() }, "NRS-RESP-0305"),
            (Facts { executor: "requester", ..sound.clone() }, "NRS-RESP-0306"),
            (Facts { executor: "chair", ..sound.clone() }, "NRS-RESP-0306"),
            (Facts { consulted_at: None, ..sound.clone() }, "NRS-RESP-0307"),
            (
                Facts { consulted_at: Some(at(16)), location: Location::NotJp, ..sound.clone() },
                "NRS-RESP-0307",
            ),
        ];
        for (facts, code) in cases {
            let refused = may_begin(&facts).unwrap_err();
            assert_eq!(refused.iter().map(|finding| finding.code).collect::<Vec<_>>(), [code]);
        }
        assert_eq!(
            may_begin(&Facts { consulted_at: None, location: Location::Jp, ..sound }),
            Ok(())
        );
    }
}
