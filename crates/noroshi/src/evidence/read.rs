//! `evidence::read`.
