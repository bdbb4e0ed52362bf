//! `share::act`.
