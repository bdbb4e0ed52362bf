//! The one integration-test binary: the house driven from outside, over HTTP.

mod commit;
mod house;
mod kill;
mod intake;
mod office;
mod oversight;
mod response;
