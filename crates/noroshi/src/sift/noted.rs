//! What was noticed while reading beside records: what was lost before it came here, what did not come to its end, what
//! changed after it had been read. A certificate counts records; what never was one is said here.

use noroshi_sift::capture::CaptureNotes;
use noroshi_sift::export::ExportNotes;
use noroshi_sift::follow::FollowNotes;
use serde::Serialize;

/// How often something was noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Noted {
    /// Files that were cut and written anew.
    files_cut: u64,
    /// Files read as a whole that changed afterwards; the change was not read.
    files_changed: u64,
    /// Files not followed because too many are.
    files_refused: u64,
    /// Files that were recognised as another form of what had been read.
    files_recognised: u64,
    /// Flows of captures that were closed early because too many were open.
    flows_closed_early: u64,
    /// Datagrams in captures of which not all fragments came.
    datagrams_incomplete: u64,
    /// Messages and streams in captures in which not every name was looked at.
    names_unheard: u64,
    /// Exported records that were sent and never came.
    export_records_lost: u64,
    /// Datagrams of exports that were sent and never came.
    export_datagrams_lost: u64,
    /// How often an exporter began to count anew.
    exporters_restarted: u64,
    /// Templates refused because a limit was reached.
    templates_refused: u64,
    /// Observation domains whose templates were forgotten because a limit was reached.
    domains_forgotten: u64,
    /// Datagrams of senders that are none of the exporters that were named.
    datagrams_of_others: u64,
    /// Entries of a followed folder beyond those that are looked at.
    entries_beyond: u64,
}

impl Noted {
    /// Adds what a capture came to.
    pub(super) fn capture(&mut self, notes: CaptureNotes) {
        let more = Self {
            flows_closed_early: notes.evicted,
            datagrams_incomplete: notes.incomplete,
            names_unheard: notes.unheard,
            ..Self::default()
        };
        *self = self.with(more, u64::saturating_add);
    }

    /// Adds what exports came to.
    pub(super) fn exports(&mut self, notes: ExportNotes) {
        *self = self.with(Self::of_exports(notes), u64::saturating_add);
    }

    fn of_exports(notes: ExportNotes) -> Self {
        Self {
            export_records_lost: notes.lost_records,
            export_datagrams_lost: notes.lost_datagrams,
            exporters_restarted: notes.restarts,
            templates_refused: notes.refused,
            domains_forgotten: notes.forgotten,
            ..Self::default()
        }
    }

    fn of_files(notes: FollowNotes) -> Self {
        Self {
            files_cut: notes.cut,
            files_changed: notes.changed,
            files_refused: notes.refused,
            files_recognised: notes.recognised,
            ..Self::default()
        }
    }

    /// Adds what an interval came to, out of what stood at its beginning and at its end.
    pub(super) fn interval(
        &mut self,
        files: (FollowNotes, FollowNotes),
        exports: (ExportNotes, ExportNotes),
    ) {
        let more = Self::of_files(files.1).with(Self::of_files(files.0), u64::saturating_sub);
        *self = self.with(more, u64::saturating_add);
        let more =
            Self::of_exports(exports.1).with(Self::of_exports(exports.0), u64::saturating_sub);
        *self = self.with(more, u64::saturating_add);
    }

    /// Adds datagrams that were not taken because of who sent them.
    pub(super) fn others(&mut self, datagrams: u64) {
        self.datagrams_of_others = self.datagrams_of_others.saturating_add(datagrams);
    }

    /// Notes how many entries of a folder were not looked at; the most of any look counts.
    pub(super) fn beyond(&mut self, entries: u64) {
        self.entries_beyond = self.entries_beyond.max(entries);
    }

    /// Adds all of another.
    pub(super) fn add(&mut self, more: Self) {
        *self = self.with(more, u64::saturating_add);
    }

    fn with(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            files_cut: join(self.files_cut, other.files_cut),
            files_changed: join(self.files_changed, other.files_changed),
            files_refused: join(self.files_refused, other.files_refused),
            files_recognised: join(self.files_recognised, other.files_recognised),
            flows_closed_early: join(self.flows_closed_early, other.flows_closed_early),
            datagrams_incomplete: join(self.datagrams_incomplete, other.datagrams_incomplete),
            names_unheard: join(self.names_unheard, other.names_unheard),
            export_records_lost: join(self.export_records_lost, other.export_records_lost),
            export_datagrams_lost: join(self.export_datagrams_lost, other.export_datagrams_lost),
            exporters_restarted: join(self.exporters_restarted, other.exporters_restarted),
            templates_refused: join(self.templates_refused, other.templates_refused),
            domains_forgotten: join(self.domains_forgotten, other.domains_forgotten),
            datagrams_of_others: join(self.datagrams_of_others, other.datagrams_of_others),
            entries_beyond: join(self.entries_beyond, other.entries_beyond),
        }
    }

    /// Each by its name, in a fixed order.
    pub(super) const fn counts(&self) -> [(&'static str, u64); 14] {
        [
            ("files_cut", self.files_cut),
            ("files_changed", self.files_changed),
            ("files_refused", self.files_refused),
            ("files_recognised", self.files_recognised),
            ("flows_closed_early", self.flows_closed_early),
            ("datagrams_incomplete", self.datagrams_incomplete),
            ("names_unheard", self.names_unheard),
            ("export_records_lost", self.export_records_lost),
            ("export_datagrams_lost", self.export_datagrams_lost),
            ("exporters_restarted", self.exporters_restarted),
            ("templates_refused", self.templates_refused),
            ("domains_forgotten", self.domains_forgotten),
            ("datagrams_of_others", self.datagrams_of_others),
            ("entries_beyond", self.entries_beyond),
        ]
    }

    /// What a person should know of, in one line; none where nothing was lost.
    pub(super) fn words(&self) -> Option<String> {
        let told: Vec<String> = self
            .counts()
            .into_iter()
            // That a file was recognised is as it should be.
            .filter(|(name, count)| *count > 0 && *name != "files_recognised")
            .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
            .collect();
        (!told.is_empty())
            .then(|| format!("NRS-SIFT-0120: noticed beside records: {}", told.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interval_adds_is_said_and_nothing_else() {
        let mut noted = Noted::default();
        assert_eq!(noted.words(), None);
        let before = FollowNotes { cut: 3, recognised: 1, ..FollowNotes::default() };
        noted.interval((before, before), (ExportNotes::default(), ExportNotes::default()));
        assert_eq!(noted, Noted::default());
        let after = FollowNotes { changed: 2, recognised: 9, ..before };
        let lost = ExportNotes { lost_records: 7, datagrams: 50, ..ExportNotes::default() };
        noted.interval((before, after), (ExportNotes::default(), lost));
        noted.capture(CaptureNotes { packets: 9, evicted: 1, ..CaptureNotes::default() });
        assert_eq!(
            noted.words().unwrap(),
            "NRS-SIFT-0120: noticed beside records: files changed 2, flows closed early 1, export records lost 7"
        );
        let mut twice = noted;
        twice.add(noted);
        assert_eq!(twice.counts()[1], ("files_changed", 4));
    }

    #[test]
    fn the_names_of_the_counters_are_those_of_the_summary() {
        let json = serde_json::to_value(Noted::default()).unwrap();
        let names: Vec<&str> = Noted::default().counts().map(|(name, _)| name).to_vec();
        assert_eq!(json.as_object().unwrap().len(), names.len());
        assert!(names.iter().all(|name| json.get(name).is_some()));
    }
}
