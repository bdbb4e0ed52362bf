//! The one integration-test binary: the house driven from outside, over HTTP.

mod commit;
mod house;
mod intake;
mod office;
mod oversight;
