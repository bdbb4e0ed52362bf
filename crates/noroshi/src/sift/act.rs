//! `sift::act`.
