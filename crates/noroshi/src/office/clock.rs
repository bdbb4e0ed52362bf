//! The only place that asks the machine what time it is.

use jiff::{Timestamp, TimestampRound, Unit};

/// Gives the present instant, to the millisecond, which is what the log can hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// The present instant, rounded down to whole milliseconds.
    pub fn now(self) -> Timestamp {
        let round = TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Trunc);
        let now = Timestamp::now();
        now.round(round).unwrap_or(now)
    }
}

/// RFC 3339 in UTC with exactly three fraction digits: `2026-10-01T00:00:00.000Z`.
///
/// One form everywhere, so that text order in the store is time order.
pub fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}
