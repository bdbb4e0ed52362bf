//! `share::read`.
