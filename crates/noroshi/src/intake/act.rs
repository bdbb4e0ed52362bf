//! `intake::act`.
