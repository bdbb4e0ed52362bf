//! Kinds of organisation, and which hats somebody of each can wear.
//!
//! A sector's desk sits in a ministry and a vote in the commission: a hat handed out for the wrong kind of
//! organisation would give its holder a standing that the Acts do not know.

use noroshi_charter::hat::Hat;

/// Kinds of organisation, in the order in which they are offered.
pub const KINDS: &[&str] = &[
    "office",
    "ministry",
    "operator",
    "police",
    "defence",
    "commission",
    "diet",
    "partner",
    "supplier",
];

/// Whether an organisation of `kind` can have somebody with this hat.
pub fn fits(kind: &str, hat: Hat) -> bool {
    match hat {
        Hat::OperatorOfficer | Hat::OperatorSensor => kind == "operator",
        Hat::MinisterSector => kind == "ministry",
        Hat::PoliceRequester => kind == "police",
        Hat::SdfRequester => kind == "defence",
        Hat::CommissionMember | Hat::CommissionChair | Hat::CommissionSecretariat => {
            kind == "commission"
        }
        Hat::DietReader => kind == "diet" || kind == "office",
        Hat::PartnerForeign => kind == "partner",
        // Act art. 45(2): whoever consented sits in the council; the commission and parliament hold nothing of it.
        Hat::CouncilMember => !matches!(kind, "commission" | "diet"),
        Hat::SupplierOfficer => kind == "supplier",
        Hat::Executor => matches!(kind, "police" | "defence" | "operator" | "office"),
        Hat::PmDesk
        | Hat::CaoAnalyst
        | Hat::NcoAnalyst
        | Hat::Administrator
        | Hat::Legal
        | Hat::InfluencePanel => {
            matches!(kind, "office" | "ministry")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hat_fits_some_organisation_and_a_vote_only_the_commission() {
        for hat in Hat::ALL {
            assert!(KINDS.iter().any(|kind| fits(kind, *hat)), "{hat}");
        }
        for kind in KINDS.iter().filter(|kind| **kind != "commission") {
            assert!(
                !fits(kind, Hat::CommissionMember) && !fits(kind, Hat::CommissionChair),
                "{kind}"
            );
        }
    }
}
