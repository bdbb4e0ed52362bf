//! `analyse::read`.
