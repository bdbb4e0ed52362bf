//! `intake::read`.
