//! Which hats may not meet on one login: who asks is not who approves, who watches is none of the watched.
//!
//! The rules follow from the powers the Acts give to separate organs; a login that held two of them would let one
//! person do both halves of a controlled act. Hats of one login may otherwise be held side by side (併任).

use noroshi_charter::hat::Hat;

/// A rule that keeps two hats apart.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in refusals, e.g. `SEP-1`.
    pub id: &'static str,
    /// Hats on one side.
    left: fn(Hat) -> bool,
    /// Hats on the other side.
    right: fn(Hat) -> bool,
}

fn commission(hat: Hat) -> bool {
    matches!(hat, Hat::CommissionMember | Hat::CommissionChair | Hat::CommissionSecretariat)
}

fn requester(hat: Hat) -> bool {
    matches!(hat, Hat::PoliceRequester | Hat::SdfRequester)
}

fn operator(hat: Hat) -> bool {
    matches!(hat, Hat::OperatorOfficer | Hat::OperatorSensor)
}

/// Every rule, in the order in which they are asked.
pub const RULES: &[Rule] = &[
    // The commission approves and inspects; it holds nothing that it approves or inspects (Act art. 46-62).
    Rule { id: "SEP-1", left: commission, right: |hat| !commission(hat) },
    // Who asks for a measure does not carry it out.
    Rule { id: "SEP-2", left: requester, right: |hat| hat == Hat::Executor },
    // The administrator hands out powers, so holds none of those that touch a network or let evidence out.
    Rule {
        id: "SEP-3",
        left: |hat| hat == Hat::Administrator,
        right: |hat| requester(hat) || matches!(hat, Hat::Executor | Hat::Legal),
    },
    // Operators and foreign partners are outside the state's own organs.
    Rule { id: "SEP-4", left: operator, right: |hat| !operator(hat) && hat != Hat::Executor },
    Rule { id: "SEP-5", left: |hat| hat == Hat::PartnerForeign, right: |hat| hat != Hat::PartnerForeign },
    // Parliament reads counts and takes part in nothing.
    Rule { id: "SEP-6", left: |hat| hat == Hat::DietReader, right: |hat| hat != Hat::DietReader },
    // A sensor's login belongs to a program.
    Rule { id: "SEP-7", left: |hat| hat == Hat::OperatorSensor, right: |hat| hat != Hat::OperatorSensor },
];

/// The first rule that keeps `wanted` away from a login that holds `held`.
pub fn apart(held: Hat, wanted: Hat) -> Option<&'static Rule> {
    let breaks = |rule: &&Rule| {
        ((rule.left)(held) && (rule.right)(wanted)) || ((rule.left)(wanted) && (rule.right)(held))
    };
    RULES.iter().find(breaks)
}

/// Kinds of organisation, in the order in which they are offered.
pub const KINDS: &[&str] =
    &["office", "ministry", "operator", "police", "defence", "commission", "diet", "partner"];

/// Whether an organisation of `kind` can have somebody with this hat.
pub fn fits(kind: &str, hat: Hat) -> bool {
    match hat {
        Hat::OperatorOfficer | Hat::OperatorSensor => kind == "operator",
        Hat::MinisterSector => kind == "ministry",
        Hat::PoliceRequester => kind == "police",
        Hat::SdfRequester => kind == "defence",
        Hat::CommissionMember | Hat::CommissionChair | Hat::CommissionSecretariat => kind == "commission",
        Hat::DietReader => kind == "diet" || kind == "office",
        Hat::PartnerForeign => kind == "partner",
        Hat::Executor => matches!(kind, "police" | "defence" | "operator" | "office"),
        Hat::PmDesk | Hat::CaoAnalyst | Hat::NcoAnalyst | Hat::Administrator | Hat::Legal => {
            matches!(kind, "office" | "ministry")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commission_is_none_of_those_it_decides_about() {
        for hat in Hat::ALL.iter().copied().filter(|hat| !commission(*hat)) {
            assert_eq!(apart(Hat::CommissionMember, hat).map(|rule| rule.id), Some("SEP-1"), "{hat}");
            assert_eq!(apart(hat, Hat::CommissionChair).map(|rule| rule.id), Some("SEP-1"), "{hat}");
        }
        assert!(apart(Hat::CommissionMember, Hat::CommissionChair).is_none());
    }

    #[test]
    fn the_matrix_is_as_agreed() {
        use std::fmt::Write as _;
        let mut table = String::from("# Hats that may not meet on one login, with the rule that says so.\n");
        for (at, one) in Hat::ALL.iter().enumerate() {
            for other in &Hat::ALL[at + 1..] {
                if let Some(rule) = apart(*one, *other) {
                    writeln!(table, "{} {one} {other}", rule.id).unwrap();
                }
                let turned = apart(*other, *one).map(|rule| rule.id);
                assert_eq!(apart(*one, *other).map(|rule| rule.id), turned, "the order does not matter");
            }
            assert!(apart(*one, *one).is_none(), "{one} may be held for two organisations");
        }
        super::super::authorise::golden::check("separation.txt", &table);
    }

    #[test]
    fn every_hat_fits_some_organisation() {
        for hat in Hat::ALL {
            assert!(KINDS.iter().any(|kind| fits(kind, *hat)), "{hat}");
        }
    }
}
