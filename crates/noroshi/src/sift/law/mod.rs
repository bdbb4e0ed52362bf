//! What the law opens for selection: commencement, prefix tables, mandates, and who the sensors are.
//!
//! All of it is data that is entered through the one door and stands in the log; none of it is in the program. What a
//! sensor needs of it is signed by the platform's key (`DATA/keys/sift.key`), so that the sensor verifies it without asking.

use std::path::Path;

use noroshi_sift::signature::SecretKey;

use crate::office::log::{LogFailure, load_or_make_seed};

pub mod act;
pub mod api;
pub mod enrol;
pub mod pages;
pub mod read;

/// Where the key lies that signs selectors and mandates.
const KEY: &str = "sift.key";

/// The platform's key; made at first use, before anybody can ask for it.
pub fn load_key(data: &Path) -> Result<SecretKey, LogFailure> {
    load_or_make_seed(&data.join("keys").join(KEY)).map(SecretKey::of_seed)
}
