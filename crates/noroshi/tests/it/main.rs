//! The one integration-test binary: the house driven from outside, over HTTP.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "helpers of tests: what is not as expected ends the test"
)]

mod analyse;
mod analyse_desk;
mod commit;
mod council;
mod council_desk;
mod evidence;
mod evidence_pages;
mod exports;
mod freed;
mod gate;
mod graph;
mod house;
mod hunt;
mod influence;
mod influence_cases;
mod influence_cli;
mod influence_feeds;
mod intake;
mod kill;
mod leak;
mod medallion;
mod office;
mod opentaxii;
mod oversight;
mod pattern;
mod peers;
mod recall;
mod response;
mod share;
mod sift;
mod sift_disk;
mod sift_follow;
mod sift_law;
mod sift_pages;
mod sight;
mod story;
mod stream;
mod taxii;
mod tongues;
