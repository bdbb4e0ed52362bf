//! `oversight::read`.
