//! `sift::read`.
