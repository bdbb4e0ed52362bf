//! The rules a log can break, each with a code that never changes its meaning.

use std::fmt;

use serde::Serialize;

/// A rule. The words for it, in both languages, are in [`crate::words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The trusted key signed the checkpoint.
    Signature,
    /// The checkpoint is three lines of the required form.
    CheckpointText,
    /// The checkpoint names the log of the trusted key.
    Origin,
    /// A log never becomes shorter.
    Rollback,
    /// A log keeps every entry it once showed.
    History,
    /// Every file the checkpoint vouches for is there.
    FileMissing,
    /// A bundle holds as many entries as its name says.
    Bundle,
    /// An entry is the one the log's hashes were made from.
    EntryChanged,
    /// The hashes in the tiles follow from the entries.
    Tile,
    /// The root follows from the entries.
    Root,
    /// An entry is a leaf in canonical form.
    Leaf,
    /// An emitter's numbers have no gap.
    EmitterSequence,
    /// An emitter's leaves are chained.
    EmitterChain,
    /// Time does not go back.
    Time,
    /// The log names itself as its checkpoint does.
    OpenedOrigin,
    /// Votes and decisions belong to a recorded request.
    Request,
    /// Who asks does not vote.
    RequesterVoted,
    /// A decision needs at least three approving votes.
    Quorum,
    /// An approval is backed by enough votes.
    Votes,
    /// The counts of a decision are the votes in the log.
    Count,
    /// No execution without approval.
    Approval,
    /// No execution outside the approved time.
    Window,
    /// No execution after a refusal.
    Refused,
    /// No execution after the end.
    AfterEnd,
    /// What ended had begun.
    NeverBegan,
    /// What ended was not over already.
    EndedTwice,
    /// What a sensor saw is what it kept and destroyed.
    Balance,
    /// A sensor's certificates have no gap.
    SensorSequence,
    /// A sensor's certificates are chained.
    SensorChain,
    /// Communications information and secrets stay inside.
    Release,
    /// What a review cleared was checked by two people, step by step.
    Review,
    /// What is acknowledged was recalled.
    Recall,
}

impl Rule {
    /// Every rule, in the order of the codes.
    pub const ALL: [Self; 32] = [
        Self::Signature,
        Self::CheckpointText,
        Self::Origin,
        Self::Rollback,
        Self::History,
        Self::FileMissing,
        Self::Bundle,
        Self::EntryChanged,
        Self::Tile,
        Self::Root,
        Self::Leaf,
        Self::EmitterSequence,
        Self::EmitterChain,
        Self::Time,
        Self::OpenedOrigin,
        Self::Request,
        Self::RequesterVoted,
        Self::Quorum,
        Self::Votes,
        Self::Count,
        Self::Approval,
        Self::Window,
        Self::Refused,
        Self::AfterEnd,
        Self::NeverBegan,
        Self::EndedTwice,
        Self::Balance,
        Self::SensorSequence,
        Self::SensorChain,
        Self::Release,
        Self::Review,
        Self::Recall,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Signature => "NRS-VRFY-0001",
            Self::CheckpointText => "NRS-VRFY-0002",
            Self::Origin => "NRS-VRFY-0003",
            Self::Rollback => "NRS-VRFY-0004",
            Self::History => "NRS-VRFY-0005",
            Self::FileMissing => "NRS-VRFY-0010",
            Self::Bundle => "NRS-VRFY-0011",
            Self::EntryChanged => "NRS-VRFY-0012",
            Self::Tile => "NRS-VRFY-0013",
            Self::Root => "NRS-VRFY-0014",
            Self::Leaf => "NRS-VRFY-0020",
            Self::EmitterSequence => "NRS-VRFY-0021",
            Self::EmitterChain => "NRS-VRFY-0022",
            Self::Time => "NRS-VRFY-0023",
            Self::OpenedOrigin => "NRS-VRFY-0024",
            Self::Request => "NRS-VRFY-0030",
            Self::RequesterVoted => "NRS-VRFY-0031",
            Self::Quorum => "NRS-VRFY-0032",
            Self::Votes => "NRS-VRFY-0033",
            Self::Count => "NRS-VRFY-0034",
            Self::Approval => "NRS-VRFY-0035",
            Self::Window => "NRS-VRFY-0036",
            Self::Refused => "NRS-VRFY-0037",
            Self::AfterEnd => "NRS-VRFY-0038",
            Self::NeverBegan => "NRS-VRFY-0039",
            Self::EndedTwice => "NRS-VRFY-0040",
            Self::Balance => "NRS-VRFY-0050",
            Self::SensorSequence => "NRS-VRFY-0051",
            Self::SensorChain => "NRS-VRFY-0052",
            Self::Release => "NRS-VRFY-0060",
            Self::Review => "NRS-VRFY-0061",
            Self::Recall => "NRS-VRFY-0062",
        }
    }
}

/// What a particular of a lie is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// Name of the key.
    Key,
    /// Path of a file.
    File,
    /// What there should be.
    Expected,
    /// What there is.
    Found,
    /// An emitter.
    Emitter,
    /// A sensor.
    Sensor,
    /// A measure.
    Measure,
    /// An effect of a measure.
    Effect,
    /// A release.
    Release,
    /// An audience.
    Audience,
    /// A voter.
    Member,
}

/// A particular: what it is, and its value in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Particular {
    /// What it is.
    pub name: Named,
    /// The value.
    pub value: String,
}

/// The first statement of a log that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lie {
    /// The rule that is broken.
    pub rule: Rule,
    /// The entry that breaks it; none when it is about the log as a whole.
    pub leaf: Option<u64>,
    /// What is needed to look it up.
    pub particulars: Vec<Particular>,
}

impl Lie {
    /// A broken rule without particulars.
    pub fn new(rule: Rule) -> Self {
        Self { rule, leaf: None, particulars: Vec::new() }
    }

    /// The entry it is about.
    #[must_use]
    pub fn at(mut self, leaf: u64) -> Self {
        self.leaf = Some(leaf);
        self
    }

    /// One particular more.
    #[must_use]
    pub fn with(mut self, name: Named, value: impl fmt::Display) -> Self {
        self.particulars.push(Particular { name, value: value.to_string() });
        self
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "rule `{}` does not hold", self.rule.code())?;
        self.leaf.map_or(Ok(()), |leaf| write!(out, " at leaf `{leaf}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_order() {
        let codes: Vec<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        assert!(Rule::ALL.is_sorted_by(|a, b| a < b));
    }
}
