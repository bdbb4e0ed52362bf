//! The jobs of this pillar.

use crate::office::jobs::Handler;

/// Handlers by kind of job.
pub const HANDLERS: &[(&str, Handler)] = &[];
