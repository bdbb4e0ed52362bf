//! What must and may be done? The law as pure functions: values in, decisions out.
//!
//! One file is one rule of law and opens with *What it decides / Source / Refuses when / Example*. Time is an
//! argument; nothing here reads a clock, a disk or a socket. A refusal is a value that names its clause.
//!
//! ```
//! use noroshi_charter::hat::Hat;
//! use noroshi_charter::separation::may_add;
//!
//! // An approver's account has no other hat.
//! let refused = may_add(&[Hat::CommissionChair], Hat::PoliceRequester);
//! assert_eq!(refused, Err(("NRS-AUTH-0101", Hat::CommissionChair)));
//! assert_eq!(may_add(&[Hat::CaoAnalyst], Hat::Legal), Ok(()));
//! ```
//!
//! Invariants
//! - What is uncertain in law (`[M]`, `[U]` in the requirements) is data, never a constant.
//! - A decision is bound to the digest of exactly what was asked.
//! - All reasons are given, not the first.

pub mod approval;
pub mod calendar;
pub mod clock;
pub mod coordination;
pub mod counter;
pub mod declared;
pub mod derivation;
pub mod execution;
pub mod fimi;
pub mod finding;
pub mod gathering;
pub mod guard;
pub mod hat;
pub mod joining;
pub mod keeping;
pub mod mandate;
pub mod outgoing;
pub mod playbook;
pub mod reidentify;
pub mod release;
pub mod report;
pub mod separation;
pub mod unmask;
