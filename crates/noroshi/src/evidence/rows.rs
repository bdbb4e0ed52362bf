//! `evidence::rows`.
