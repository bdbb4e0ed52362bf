//! What must and may be done?

pub mod hat;
