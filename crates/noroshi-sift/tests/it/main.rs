//! The crate as its callers have it: inputs in, certificate and Parquet out.

#[cfg(test)]
mod balance;
#[cfg(test)]
mod begin;
#[cfg(test)]
mod corpora;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod index;
#[cfg(test)]
mod law;
#[cfg(test)]
mod marker;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod run;
