//! The crate as its callers have it: inputs in, certificate and Parquet out.

#[cfg(test)]
mod balance;
#[cfg(test)]
mod begin;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod corpora;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod fuzz_follow;
#[cfg(test)]
mod fuzz_lists;
#[cfg(test)]
mod fuzz_packets;
#[cfg(test)]
mod fuzz_tables;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_core;
#[cfg(test)]
mod index;
#[cfg(test)]
mod law;
#[cfg(test)]
mod marker;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod run;
