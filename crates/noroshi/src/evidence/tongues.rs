//! The other tongues on their way in: recognised, turned into STIX, and brought in through the one import.
//!
//! What a converter puts aside is kept like what the import puts aside. Indicators of tables and pasted text, and the
//! entries of a catalogue, have no version of their own: one that says the same as what is held changes nothing, and one
//! that says something else becomes a new version of it.

use std::sync::Arc;

use jiff::Timestamp;
use noroshi_codec::csv::{self, Mapping};
use noroshi_codec::misp::{self, Audience, Distribution, Recipients};
use noroshi_codec::tongue::{Converted, Put};
use noroshi_codec::{kev, stix, veris, warninglist};
use noroshi_evidence::id::StixId;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::{StixObject, format_timestamp};
use noroshi_evidence::paste::{self, What};
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::Fact;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::act::{self, Bundle, Imported, Quarantined};
use super::aside;
use super::read::{self, Sees};
use crate::house::House;
use crate::office::commit::Change;
use crate::office::ctx::Ctx;
use crate::web::refusal::{Answer, Failure};

/// Bytes looked at to recognise a bundle, so that a large one is not parsed twice.
const HEAD_BYTES: usize = 4096;
/// Bytes of an entry put aside that are kept.
const ASIDE_BYTES_MAX: usize = 64 * 1024;
/// Entries put aside in one commit.
const CHUNK: usize = 2_000;

/// A tongue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tongue {
    /// Whichever it is recognised as; text that is nothing else is read for indicators.
    Auto,
    /// A STIX 2.1 bundle, ATT&CK and DISARM among them.
    Stix,
    /// A MISP event.
    Misp,
    /// The catalogue of known exploited vulnerabilities.
    Kev,
    /// A VERIS incident or a list of them.
    Veris,
    /// A table of indicators.
    Csv,
    /// Any text with indicators in it.
    Paste,
    /// A warning list.
    Warninglist,
}

/// What some bytes are, by their members; never [`Tongue::Auto`].
pub fn recognise(bytes: &[u8]) -> Tongue {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with(['{', '[']) {
        let first = text.lines().next().unwrap_or_default();
        return if first.trim_end() == csv::HEADER { Tongue::Csv } else { Tongue::Paste };
    }
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if squeezed.contains(r#""type":"bundle""#) {
        return Tongue::Stix;
    }
    match serde_json::from_slice::<Json>(bytes) {
        Ok(tree) if kev::recognises(&tree) => Tongue::Kev,
        Ok(tree) if veris::recognises(&tree) => Tongue::Veris,
        Ok(tree) if warninglist::recognises(&tree) => Tongue::Warninglist,
        Ok(tree) if tree.get("Event").is_some() || tree.get("response").is_some() => Tongue::Misp,
        Ok(tree) if tree.get("type").and_then(Json::as_str) == Some("bundle") => Tongue::Stix,
        // `[2001:db8::1]` begins a text, not a list.
        Err(_) if text.starts_with('[') => Tongue::Paste,
        _ => Tongue::Stix,
    }
}

/// What a reader of a tongue has to be told.
#[derive(Debug, Default)]
pub struct Told<'a> {
    /// Which column of a table means what.
    pub mapping: Mapping,
    /// The rules that incidents must keep.
    pub schema: Option<&'a veris::Schema>,
}

/// Objects, and what was put aside with its code and reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spoken {
    /// The objects.
    pub objects: Vec<StixObject>,
    /// What was put aside: place, name, bytes, code, reason.
    pub aside: Vec<Put<(&'static str, String)>>,
    /// Whether the input was read to its end.
    pub complete: bool,
    /// The least marking that its maker's choice of readers asks for.
    pub tlp: Option<Tlp>,
}

impl Spoken {
    fn of<P: std::fmt::Display>(made: Converted<P>, code: impl Fn(&P) -> &'static str) -> Self {
        let aside = made.aside.into_iter().map(|put| Put {
            problem: (code(&put.problem), put.problem.to_string()),
            entry: put.entry,
            id: put.id,
            bytes: put.bytes,
        });
        Self { objects: made.objects, aside: aside.collect(), complete: made.complete, tlp: None }
    }
}

/// Turns a tongue into objects. `None` for STIX and warning lists, which go their own ways.
pub fn speak(
    tongue: Tongue,
    bytes: &[u8],
    told: &Told<'_>,
    origin: &str,
    at: Timestamp,
) -> Option<Spoken> {
    match tongue {
        Tongue::Kev => Some(Spoken::of(kev::to_stix(bytes), kev::Problem::code)),
        Tongue::Veris => Some(Spoken::of(veris::to_stix(bytes, told.schema), veris::Problem::code)),
        Tongue::Csv => {
            let made = csv::to_stix(bytes, &told.mapping, origin, at);
            Some(Spoken::of(made, csv::Problem::code))
        }
        Tongue::Paste => Some(pasted(bytes, origin, at)),
        Tongue::Misp => Some(events(bytes)),
        Tongue::Auto | Tongue::Stix | Tongue::Warninglist => None,
    }
}

/// MISP events.
fn events(bytes: &[u8]) -> Spoken {
    let made = misp::to_stix(bytes);
    let aside = made.problems.iter().map(|problem| Put {
        entry: None,
        id: problem.uuid.clone(),
        bytes: problem
            .bytes
            .clone()
            .and_then(|range| bytes.get(range))
            .unwrap_or_default()
            .to_vec(),
        problem: (problem.reason.code(), format!("{}: {}", problem.place, problem.reason)),
    });
    let tlp = made.audiences.iter().filter_map(least).max();
    Spoken { aside: aside.collect(), complete: made.bundle.is_some(), tlp, objects: made.objects }
}

/// What a choice of readers means as a marking. A sharing group names organisations of its maker's server: until
/// somebody here says who they are, what is meant for them goes back to its maker and to nobody else. An empty group is
/// nobody.
pub(super) fn least(audience: &Audience) -> Option<Tlp> {
    match audience.recipients() {
        Recipients::Nobody => Some(Tlp::Red),
        Recipients::Organisations(_) | Recipients::Community(Distribution::OrganisationOnly) => {
            Some(Tlp::AmberStrict)
        }
        Recipients::Community(_) | Recipients::Inherit => None,
    }
}

/// Indicators of a text; mail addresses become observables of their own.
fn pasted(bytes: &[u8], origin: &str, at: Timestamp) -> Spoken {
    let text = String::from_utf8_lossy(bytes);
    let paste = paste::read(&text);
    let mut made = Spoken { complete: paste.complete, ..Spoken::default() };
    for observable in paste.observables() {
        match csv::Line::of(observable.clone()).indicator(origin, at) {
            Ok(object) => made.objects.push(object),
            Err(problem) => made.aside.push(Put {
                entry: None,
                id: Some(observable.to_string()),
                bytes: observable.to_string().into_bytes(),
                problem: (problem.code(), problem.to_string()),
            }),
        }
    }
    let mut addresses = std::collections::BTreeSet::new();
    for found in &paste.found {
        if let What::Email { .. } = found.what {
            addresses.insert(found.what.to_string());
        }
    }
    made.objects.extend(addresses.iter().filter_map(|address| email(address)));
    let passed = paste.passed.into_iter().map(|passed| Put {
        entry: Some(passed.place.line),
        id: None,
        bytes: passed.text.clone().into_bytes(),
        problem: (passed.why.code(), format!("`{}` {}", passed.text, passed.why)),
    });
    made.aside.extend(passed);
    made
}

fn email(address: &str) -> Option<StixObject> {
    let value = json!({ "value": address });
    let id = noroshi_evidence::id::deterministic_id("email-addr", value.as_object()?)?;
    let object = json!({ "type": "email-addr", "spec_version": "2.1", "id": id, "value": address });
    StixObject::parse(&serde_json::to_string(&object).ok()?).ok()
}

/// Brings a tongue in: converted, put aside where it must be, then through the one import.
pub async fn bring_in(
    house: &Arc<House>,
    ctx: &Ctx,
    spoken: Spoken,
    mut bundle: Bundle,
    versioned: bool,
) -> Answer<Imported> {
    let Spoken { objects, aside, complete, tlp } = spoken;
    bundle.tlp = bundle.tlp.max(tlp);
    let (objects, same) = if versioned { (objects, 0) } else { settle(house, objects).await? };
    let id =
        StixId::new("bundle", Uuid::nil()).map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let text =
        stix::encode_bundle(&id, &objects).map_err(|problem| Failure::Broken(Box::new(problem)))?;
    bundle.bytes = text.into();
    let (tlp, class, originator) = (bundle.tlp, bundle.class, bundle.originator.trim().to_owned());
    let mut done = act::import(house, ctx, bundle).await?;
    done.complete &= complete;
    done.unchanged += same;
    put_aside(house, ctx, aside, &act::Terms { tlp, class, originator }, &mut done).await?;
    Ok(done)
}

/// Members that say when, not what.
const TIMES: [&str; 3] = ["created", "modified", "valid_from"];

/// Leaves out what says the same as what is held; what says something else goes on from it.
pub(super) async fn settle(
    house: &Arc<House>,
    objects: Vec<StixObject>,
) -> Answer<(Vec<StixObject>, u64)> {
    let ids: Vec<String> = objects.iter().map(|object| object.id().to_string()).collect();
    let held = house.store.read(move |reader| read::latest(reader, Sees::ALL, &ids)).await?;
    let held: std::collections::BTreeMap<StixId, StixObject> =
        held.into_iter().map(|(_, object)| (object.id().clone(), object)).collect();
    let (mut new, mut same) = (Vec::with_capacity(objects.len()), 0);
    for object in objects {
        match held.get(object.id()) {
            None => new.push(object),
            Some(known) => match follow(&object, known) {
                Some(next) => new.push(next),
                None => same += 1,
            },
        }
    }
    Ok((new, same))
}

/// The next version of `held` that says what `object` says; `None` when they say the same.
fn follow(object: &StixObject, held: &StixObject) -> Option<StixObject> {
    let (mut next, mut known) = (object.to_value(), held.to_value());
    let (next, known) = (next.as_object_mut()?, known.as_object_mut()?);
    let kept: Vec<_> =
        TIMES.iter().map(|name| (*name, next.remove(*name), known.remove(*name))).collect();
    if next == known {
        return None;
    }
    for (name, made, before) in kept {
        let value = if name == "modified" { made } else { before.or(made) };
        next.extend(value.map(|value| (name.to_owned(), value)));
    }
    // A version of the same moment would contradict the one that is held.
    let (mine, theirs) = (object.head().modified?, held.head().modified?);
    if mine == theirs {
        let later = theirs.checked_add(jiff::SignedDuration::from_millis(1)).ok()?;
        next.insert("modified".to_owned(), format_timestamp(later).into());
    }
    // The map sorts its members, and what the house makes holds no number that could be written in two ways.
    StixObject::parse(&serde_json::to_string(next).ok()?).ok()
}

async fn put_aside(
    house: &Arc<House>,
    ctx: &Ctx,
    aside: Vec<Put<(&'static str, String)>>,
    terms: &act::Terms,
    done: &mut Imported,
) -> Answer<()> {
    let source = &format!("import:{}", terms.originator);
    for chunk in aside.chunks(CHUNK) {
        let mut whole = Vec::new();
        let mut writes = Vec::with_capacity(chunk.len());
        for put in chunk {
            let (code, reason) = (put.problem.0, &put.problem.1);
            let digest = Digest::of(&put.bytes);
            whole.extend_from_slice(&digest.0);
            let kept = put.bytes.get(..ASIDE_BYTES_MAX).unwrap_or(&put.bytes);
            let kept = aside::Put {
                kind: "quarantine",
                id: put.id.as_deref(),
                code,
                reason,
                bytes: kept.to_vec(),
                digest: digest.to_string(),
                source,
                tlp: terms.tlp,
                class: terms.class,
                originator: &terms.originator,
            };
            writes.push(aside::put(kept, ctx.now));
            let (index, id, reason) = (put.entry, put.id.clone(), reason.clone());
            done.quarantined.push(Quarantined { index, id, code, reason });
        }
        let digest = Digest::of(&whole);
        let fact = Fact::EvidenceChange { command: "quarantine".to_owned(), objects: 0, digest };
        let mut change = Change::new("evidence.quarantine", source, fact)
            .payload(json!({ "source": source, "entries": chunk.len() }));
        change.writes = writes;
        done.position = Some(house.door.commit(ctx, change).await?.position);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Tongue) {
        assert_eq!(recognise(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn each_tongue_is_recognised_by_its_own_members() {
        check(r#"{ "type" : "bundle", "objects": []}"#, Tongue::Stix);
        check(r#"{"catalogVersion":"1","vulnerabilities":[]}"#, Tongue::Kev);
        check(
            r#"[{"incident_id":"1","schema_version":"1.3","actor":{},"action":{}}]"#,
            Tongue::Veris,
        );
        check(r#"{"name":"x","version":1,"type":"cidr","list":[]}"#, Tongue::Warninglist);
        check(r#"{"Event":{"info":"x"}}"#, Tongue::Misp);
        check("value,type,indicator,valid_until,tlp,source\r\n", Tongue::Csv);
        check("通信先は192.0.2.1です", Tongue::Paste);
        check("[2001:db8::1]:443 was seen", Tongue::Paste);
        check(r#"{"broken": "#, Tongue::Stix);
    }

    #[test]
    fn what_says_the_same_changes_nothing_and_what_differs_goes_on() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let line = |label: Option<&str>, when: &str| {
            let line = csv::Line {
                label: label.map(str::to_owned),
                ..csv::Line::of("evil.example".parse().unwrap())
            };
            line.indicator("table", at(when)).unwrap()
        };
        let held = line(None, "2026-11-01T00:00:00Z");
        assert_eq!(follow(&line(None, "2026-11-02T00:00:00Z"), &held), None);
        for when in ["2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"] {
            let next = follow(&line(Some("指令"), when), &held).unwrap();
            assert_eq!(next.head().created, held.head().created);
            assert!(next.head().modified > held.head().modified, "{when}");
            assert_eq!(next.head().name.as_deref(), Some("指令"));
        }
    }

    #[test]
    fn a_text_becomes_indicators_and_tells_what_it_passed_over() {
        let at = "2026-11-01T00:00:00Z".parse().unwrap();
        let text = "通信先はhxxp://evil[.]example/、連絡はa@evil.example、setup.exeを実行";
        let made = speak(Tongue::Paste, text.as_bytes(), &Told::default(), "memo", at).unwrap();
        let types: Vec<&str> = made.objects.iter().map(StixObject::object_type).collect();
        assert_eq!(types, ["indicator", "email-addr"]);
        assert_eq!(made.aside[0].problem.0, "NRS-EVID-0300");
    }
}
