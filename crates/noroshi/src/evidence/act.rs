//! `evidence::act`.
