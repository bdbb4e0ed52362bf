//! Which hats may stand side by side on one login, and on one measure.
//!
//! # What it decides
//! Whether a login that holds some hats may be given another, and whether a person may take part in a measure in a
//! second part.
//!
//! # Source
//! 重要電子計算機被害防止法 第10章 (the commission is independent of those it supervises; its members hold no other paid post,
//! 第52条ff); the separation of requester, approver and executor (specs Z-7).
//!
//! # Refuses when
//! - a commission hat would stand beside any other hat of substance (`NRS-AUTH-0101`);
//! - the one who asks would also carry out (`NRS-AUTH-0102`);
//! - the one who runs the accounts would also decide, ask, carry out or release (`NRS-AUTH-0103`);
//! - a foreign partner or a sensor would also be somebody else (`NRS-AUTH-0104`);
//! - an operator's or a supplier's officer would also analyse, ask, carry out or release for the state
//!   (`NRS-AUTH-0105`); a member of the council may serve anybody but the commission and the panel;
//! - a member of the panel that decides on a notice before an election would hold any other hat (`NRS-AUTH-0106`).
//!
//! # Example
//! ```
//! use noroshi_charter::hat::Hat;
//! use noroshi_charter::separation::conflict;
//!
//! assert_eq!(conflict(Hat::CommissionMember, Hat::PoliceRequester), Some("NRS-AUTH-0101"));
//! assert_eq!(conflict(Hat::CaoAnalyst, Hat::NcoAnalyst), None);
//! ```

use crate::hat::Hat;

/// Why two hats may not stand on one login; `None` when they may. Symmetric.
pub fn conflict(one: Hat, other: Hat) -> Option<&'static str> {
    if one == other {
        return None;
    }
    let either = |part: fn(Hat) -> bool| part(one) || part(other);
    let across = |left: fn(Hat) -> bool, right: fn(Hat) -> bool| {
        (left(one) && right(other)) || (left(other) && right(one))
    };
    // An approver's account has no other hat at all (invariant 6): not even a second one in the commission.
    if either(is_decider)
        || (either(is_commission) && !(is_commission(one) && is_commission(other)))
    {
        return Some("NRS-AUTH-0101");
    }
    if either(is_panel) {
        return Some("NRS-AUTH-0106");
    }
    if either(is_alone) {
        return Some("NRS-AUTH-0104");
    }
    if across(is_administrator, has_substance) {
        return Some("NRS-AUTH-0103");
    }
    if across(is_requester, is_executor) {
        return Some("NRS-AUTH-0102");
    }
    if across(serves_a_company, serves_the_state) {
        return Some("NRS-AUTH-0105");
    }
    None
}

/// The first conflict between the hats held and a new one.
pub fn may_add(held: &[Hat], new: Hat) -> Result<(), (&'static str, Hat)> {
    held.iter().find_map(|hat| conflict(*hat, new).map(|code| (code, *hat))).map_or(Ok(()), Err)
}

fn is_decider(hat: Hat) -> bool {
    matches!(hat, Hat::CommissionMember | Hat::CommissionChair)
}

fn is_commission(hat: Hat) -> bool {
    is_decider(hat) || hat == Hat::CommissionSecretariat
}

fn is_alone(hat: Hat) -> bool {
    matches!(hat, Hat::PartnerForeign | Hat::OperatorSensor | Hat::DietReader)
}

/// Neither political nor the analyst whose case it is: what the panel says is nobody's other interest.
fn is_panel(hat: Hat) -> bool {
    hat == Hat::InfluencePanel
}

fn is_administrator(hat: Hat) -> bool {
    hat == Hat::Administrator
}

fn is_requester(hat: Hat) -> bool {
    matches!(hat, Hat::PoliceRequester | Hat::SdfRequester)
}

fn is_executor(hat: Hat) -> bool {
    hat == Hat::Executor
}

fn serves_a_company(hat: Hat) -> bool {
    matches!(hat, Hat::OperatorOfficer | Hat::SupplierOfficer)
}

/// Hats whose holder decides, asks, carries out, analyses or releases.
fn has_substance(hat: Hat) -> bool {
    !is_administrator(hat)
}

fn serves_the_state(hat: Hat) -> bool {
    !matches!(
        hat,
        Hat::OperatorOfficer
            | Hat::OperatorSensor
            | Hat::PartnerForeign
            | Hat::CouncilMember
            | Hat::SupplierOfficer
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The whole matrix, as an auditor reads it: the last two digits of the code, `--` where both may stand.
    fn matrix() -> String {
        let mut table = String::from(
            "hats that may not stand on one login: last two digits of NRS-AUTH-01xx, -- allowed\n",
        );
        for one in Hat::ALL {
            let cells: Vec<&str> = Hat::ALL
                .iter()
                .map(|other| {
                    conflict(*one, *other)
                        .map_or("--", |code| code.trim_start_matches("NRS-AUTH-01"))
                })
                .collect();
            writeln!(table, "{:<22} {}", one.id(), cells.join(" ")).unwrap();
        }
        table
    }

    #[test]
    fn the_matrix_is_the_golden_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/separation.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, matrix()).unwrap();
        }
        assert_eq!(matrix(), std::fs::read_to_string(path).unwrap(), "UPDATE_GOLDEN=1 rewrites it");
    }

    #[test]
    fn the_matrix_is_symmetric_and_an_approver_has_no_other_hat() {
        for one in Hat::ALL {
            for other in Hat::ALL {
                assert_eq!(conflict(*one, *other), conflict(*other, *one));
                if is_decider(*one) && one != other {
                    assert_eq!(conflict(*one, *other), Some("NRS-AUTH-0101"));
                }
            }
        }
    }
}
