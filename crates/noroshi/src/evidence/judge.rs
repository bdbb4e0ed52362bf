//! What an import refuses (docs/decisions/0010-what-import-refuses.md).
//!
//! The validator says what breaks the standard; here stands what that costs. A MUST whose breach makes an object
//! unusable or its handling uncertain puts the object aside; a MUST that real publishers break without harm is
//! counted like a warning, and the object comes in as it arrived.

use noroshi_codec::stix::{Decoded, Problem, Reason};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::validate::{self, Check, Finding, Options, Severity};

/// What was found in objects that came in nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tolerated {
    /// Broken MUSTs that are not fatal.
    pub errors: u64,
    /// SHOULDs that were not followed.
    pub warnings: u64,
}

/// Judges one object: why it is refused, or what is tolerated about it.
pub fn judge(object: &StixObject) -> Result<Tolerated, Reason> {
    let findings = validate::object(&object.to_value(), Options::default());
    if let Some(Finding { check, path, message, .. }) =
        findings.iter().find(|finding| is_fatal(finding.check))
    {
        let place = if path.is_empty() { "/" } else { path };
        return Err(Reason::Refused { code: check.code(), reason: format!("{place}: {message}") });
    }
    let count = |severity| {
        findings.iter().filter(|finding| finding.check.severity() == severity).count() as u64
    };
    Ok(Tolerated { errors: count(Severity::Error), warnings: count(Severity::Warning) })
}

/// Moves what an import refuses from the objects of a list to its problems.
pub fn sieve(mut decoded: Decoded) -> (Decoded, Tolerated) {
    let mut tolerated = Tolerated::default();
    let objects = core::mem::take(&mut decoded.objects);
    let places = core::mem::take(&mut decoded.places);
    for (object, (entry, bytes)) in objects.into_iter().zip(places) {
        match judge(&object) {
            Ok(found) => {
                tolerated.errors += found.errors;
                tolerated.warnings += found.warnings;
                decoded.objects.push(object);
                decoded.places.push((entry, bytes));
            }
            Err(reason) => {
                let id = Some(object.id().to_string());
                decoded.problems.push(Problem { entry: Some(entry), bytes, id, reason });
            }
        }
    }
    (decoded, tolerated)
}

/// Whether a broken rule puts an object aside.
const fn is_fatal(check: Check) -> bool {
    match check {
        // Without these the house cannot say what the object is, from when it is, what it points to.
        Check::Form
        | Check::Missing
        | Check::MissingAll
        | Check::Together
        | Check::TypeName
        | Check::Identifier
        | Check::IdOfOtherType
        | Check::SpecVersion
        | Check::Timestamp
        | Check::Range
        | Check::ClosedVocabulary
        | Check::RefTarget
        | Check::Extension
        | Check::Pattern
        // Without these nobody can say who may see what.
        | Check::SelectorForm
        | Check::SelectorTarget
        | Check::MarkingCircle
        | Check::Marking
        | Check::Tlp => true,
        // Real publishers break these, and what the object says stays clear.
        Check::TimeOrder
        | Check::Value
        | Check::HashValue
        | Check::ExternalReference
        | Check::Empty
        | Check::Key
        | Check::PropertyName
        | Check::Reserved
        | Check::Language
        | Check::UuidMust
        // What the standard only recommends.
        | Check::UuidVersion
        | Check::IdNotDerived
        | Check::OpenVocabulary
        | Check::VocabularyForm
        | Check::KillChainName
        | Check::CustomWithoutExtension
        | Check::CustomPrefix
        | Check::UnusualRelationship
        | Check::KeyForm
        | Check::HashAlgorithm
        | Check::Registry
        | Check::Ports
        | Check::ReferenceHashes
        | Check::IndicatorWords
        | Check::Deprecated
        | Check::ExtensionWords
        | Check::Priority
        | Check::Product
        | Check::DuplicateVersion
        | Check::MarkingType
        | Check::UnknownProperty
        | Check::More
        | Check::ObservableRef
        | Check::OldVersion => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_codec::stix::decode_bundle;

    fn refused(path: &str) -> Option<(usize, Vec<String>)> {
        let corpora = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/");
        let Ok(bytes) = std::fs::read(format!("{corpora}{path}")) else {
            // Past the test harness, which keeps the words of a test that passes to itself.
            use std::io::Write as _;
            writeln!(std::io::stderr(), "corpora absent: NOT CHECKED {path}").unwrap();
            return None;
        };
        let (decoded, _) = sieve(decode_bundle(&bytes));
        let reasons = decoded.problems.iter().map(|p| format!("{:?} {}", p.id, p.reason)).collect();
        Some((decoded.objects.len(), reasons))
    }

    #[test]
    fn every_real_bundle_gets_in() {
        for (path, objects_min) in [
            ("attack-enterprise-21/enterprise-attack-18.1-derived.json", 24_771),
            ("attack-stix21/ics-attack/ics-attack-8.2.json", 600),
            ("attack-stix21/ics-attack/ics-attack-16.1.json", 1_800),
            ("attack-stix21/ics-attack/ics-attack-18.1.json", 1_800),
            ("attack-stix21/mobile-attack/mobile-attack-14.1.json", 1_700),
            ("attack-stix21/mobile-attack/mobile-attack-17.1.json", 1_700),
            ("tlp2-stix/tlp2-markings.json", 5),
        ] {
            let Some((objects, reasons)) = refused(path) else { continue };
            assert_eq!(reasons, Vec::<String>::new(), "{path}");
            assert!(objects >= objects_min, "{path}: {objects}");
        }
    }

    #[test]
    fn a_broken_must_puts_one_object_aside_with_its_place() {
        let good = r#"{"type":"domain-name","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"example.com"}"#;
        let bad = r#"{"type":"identity","spec_version":"2.1","id":"identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2026-10-01T00:00:00.000Z","modified":"2026-10-01T00:00:00.000Z"}"#;
        let text = format!(
            r#"{{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[{good},{bad}]}}"#
        );
        let (decoded, _) = sieve(decode_bundle(text.as_bytes()));
        assert_eq!(decoded.objects.len(), 1);
        let problem = &decoded.problems[0];
        assert_eq!((problem.entry, problem.reason.code()), (Some(1), "NRS-EVID-0101"));
        assert_eq!(text.get(problem.bytes.clone()), Some(bad));
    }
}
