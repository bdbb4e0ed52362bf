//! `analyse::act`.
