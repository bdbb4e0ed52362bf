//! What a sensor's service can be watched by: counters in a file of the Prometheus text format (version 0.0.4), replaced
//! whole after each certificate, which the node exporter's textfile collector or any script reads.
//!
//! Labels hold the sensor's name and nothing that was read: a value of telemetry as a label would be content that stays.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use noroshi_sift::certificate::{Certificate, Tally};
use noroshi_sift::mode::SensorId;

use super::cli::write;
use super::noted::Noted;
use crate::cli::Failed;

/// Counted since the service began.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    total: Tally,
    certificates: u64,
    /// How often reading paused because what is kept could not be written.
    pauses: u64,
    /// Whether it pauses now.
    is_paused: bool,
    selectors: u64,
    /// How often what is looked for was loaded.
    loads: u64,
    noted: Noted,
    /// Wanted files and folders that cannot be read now.
    unreadable: u64,
    last: Option<Last>,
}

/// What the last certificate said.
#[derive(Debug)]
struct Last {
    sequence: u64,
    finished_at: Timestamp,
}

impl Metrics {
    /// A certificate was written.
    pub(super) fn certified(&mut self, certificate: &Certificate) {
        let tally = certificate.tally;
        let sum = |total: &mut u64, more: u64| *total = total.saturating_add(more);
        sum(&mut self.total.seen, tally.seen);
        sum(&mut self.total.kept, tally.kept);
        sum(&mut self.total.unmatched, tally.unmatched);
        sum(&mut self.total.direction, tally.direction);
        sum(&mut self.total.content, tally.content);
        sum(&mut self.total.errors, tally.errors);
        sum(&mut self.total.bytes, tally.bytes);
        sum(&mut self.certificates, 1);
        self.is_paused = false;
        self.selectors = certificate.selectors_count;
        self.last =
            Some(Last { sequence: certificate.sequence, finished_at: certificate.finished_at });
    }

    /// What was noticed beside records in an interval that is certified.
    pub(super) fn noted(&mut self, noted: Noted) {
        self.noted.add(noted);
    }

    /// How often what is looked for was loaded.
    pub(super) const fn loaded(&mut self, loads: u64) {
        self.loads = loads;
    }

    /// How many wanted files and folders cannot be read now.
    pub(super) const fn unreadable(&mut self, count: u64) {
        self.unreadable = count;
    }

    /// Reading pauses.
    pub(super) fn paused(&mut self) {
        self.pauses = self.pauses.saturating_add(1);
        self.is_paused = true;
    }

    /// Replaces the file.
    pub(super) fn write(&self, path: &Path, sensor: &SensorId) -> Result<(), Failed> {
        write(path, self.text(&sensor.to_string()).as_bytes())
    }

    fn text(&self, sensor: &str) -> String {
        let sensor = escaped(sensor);
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, rows: &[(&str, u64)]| {
            // Writing to a string does not fail.
            writeln!(text, "# HELP noroshi_sift_{name} {help}\n# TYPE noroshi_sift_{name} {kind}")
                .ok();
            for (label, value) in rows {
                writeln!(text, "noroshi_sift_{name}{{sensor=\"{sensor}\"{label}}} {value}").ok();
            }
        };
        let total = &self.total;
        let places = [
            (",to=\"kept\"", total.kept),
            (",to=\"unmatched\"", total.unmatched),
            (",to=\"direction\"", total.direction),
            (",to=\"content\"", total.content),
            (",to=\"error\"", total.errors),
        ];
        family("records_total", "counter", "Records seen, by where they went.", &places);
        family("input_bytes_total", "counter", "Bytes of input read.", &[("", total.bytes)]);
        family(
            "certificates_total",
            "counter",
            "Certificates written.",
            &[("", self.certificates)],
        );
        family(
            "pauses_total",
            "counter",
            "Times that reading paused because the disk took nothing.",
            &[("", self.pauses)],
        );
        family("paused", "gauge", "1 while reading pauses.", &[("", u64::from(self.is_paused))]);
        family("selectors", "gauge", "Selectors that are looked for.", &[("", self.selectors)]);
        family(
            "selector_loads_total",
            "counter",
            "Times that selectors were loaded: at the beginning, and when their files had changed.",
            &[("", self.loads)],
        );
        family(
            "unreadable",
            "gauge",
            "Wanted files and folders that cannot be read now.",
            &[("", self.unreadable)],
        );
        let noted = self.noted.counts().map(|(name, count)| (format!(",what=\"{name}\""), count));
        let noted: Vec<(&str, u64)> =
            noted.iter().map(|(label, count)| (label.as_str(), *count)).collect();
        family("noted_total", "counter", "What was noticed beside records.", &noted);
        if let Some(last) = &self.last {
            let at = u64::try_from(last.finished_at.as_second()).unwrap_or_default();
            family(
                "certificate_sequence",
                "gauge",
                "Number of the last certificate.",
                &[("", last.sequence)],
            );
            family(
                "certificate_timestamp_seconds",
                "gauge",
                "When the last certificate was closed.",
                &[("", at)],
            );
        }
        text
    }
}

/// A value of a label: backslash, quote and line feed are escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_stand_as_prometheus_reads_them() {
        let mut metrics = Metrics::default();
        metrics.selectors = 3;
        metrics.unreadable(2);
        metrics.paused();
        let text = metrics.text("gate \"A\"\\");
        let expected = [
            r#"noroshi_sift_records_total{sensor="gate \"A\"\\",to="kept"} 0"#,
            r#"noroshi_sift_pauses_total{sensor="gate \"A\"\\"} 1"#,
            r#"noroshi_sift_paused{sensor="gate \"A\"\\"} 1"#,
            r#"noroshi_sift_selectors{sensor="gate \"A\"\\"} 3"#,
            r#"noroshi_sift_selector_loads_total{sensor="gate \"A\"\\"} 0"#,
            "# TYPE noroshi_sift_records_total counter",
            r#"noroshi_sift_unreadable{sensor="gate \"A\"\\"} 2"#,
            r#"noroshi_sift_noted_total{sensor="gate \"A\"\\",what="files_changed"} 0"#,
        ];
        for line in expected {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        // Nothing has been certified yet, and no number says otherwise.
        assert!(!text.contains("certificate_sequence"));
    }
}
