//! Ready-made exports for an organisation's own tools: what was released to one of its audiences, passes the gate now,
//! is in force and is not doubtful. Every answer is judged anew; what is unchanged is answered with "not modified".

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::release::Audience;
use noroshi_codec::feed::{self, Entry, Source};
use noroshi_codec::{csv, stix, suricata, zeek_intel};
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::StixObject;
use noroshi_evidence::pattern::{self, Reading};
use noroshi_ledger::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::act::may_read;
use crate::evidence::lists::Loaded;
use crate::house::House;
use crate::office::commit::Write;
use crate::office::ctx::Ctx;
use crate::office::id::OrgId;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::share::act::Door;
use crate::share::audience;
use crate::share::gate::Filter;
use crate::share::handed::{self, Handing};
use crate::share::serve::{self, Asked, Served, View};
use crate::web::refusal::{Answer, Failure, Refusal};

/// Objects taken at once.
const PAGE: usize = 1_000;
/// Indicators of one export at most.
const INDICATORS_MAX: usize = 100_000;
/// The zone of names to refuse, and the first number of the block of rules.
const ZONE: &str = "rpz.noroshi.example";
const SID: u32 = 9_100_000;

/// The formats, as addresses name them.
pub const FORMATS: [&str; 5] = ["rpz", "suricata", "zeek", "csv", "stix"];

/// What is in an export.
#[derive(Debug, Default)]
struct Gathered {
    served: Vec<Served>,
    entries: Vec<Entry>,
    full: bool,
}

fn gather(
    reader: &Reader<'_>,
    place: &Audience,
    org: &OrgId,
    lists: &Loaded,
    now: Timestamp,
) -> Result<Gathered, StoreFailure> {
    let filter = Filter { types: vec!["indicator".to_owned()], tlp_max: Tlp::Red };
    let view = View { audience: place.clone(), filter };
    let until = serve::end(reader, place)?;
    let mut made = Gathered::default();
    let mut after = 0;
    loop {
        let asked = Asked { after, until, limit: PAGE, ..Asked::default() };
        let slice = serve::page(reader, &view, org, now, &asked)?;
        for one in slice.items {
            let found = entries(&one, lists, now);
            if found.is_empty() {
                continue;
            }
            if made.served.len() >= INDICATORS_MAX {
                made.full = true;
                return Ok(made);
            }
            made.entries.extend(found);
            made.served.push(one);
        }
        match slice.next {
            Some(next) => after = next,
            None => break,
        }
    }
    made.entries.sort();
    Ok(made)
}

/// The values of one indicator; none when it is not in force, says more than that one of them was seen, or names what is
/// doubtful.
fn entries(one: &Served, lists: &Loaded, now: Timestamp) -> Vec<Entry> {
    let head = one.object.head();
    let Some(indicator) = head.indicator.as_ref().filter(|_| !head.revoked) else {
        return Vec::new();
    };
    let in_force =
        indicator.valid_from <= now && indicator.valid_until.is_none_or(|until| until > now);
    if !in_force || &*indicator.pattern_type != "stix" {
        return Vec::new();
    }
    let Reading::Any(values) = pattern::read(&indicator.pattern) else { return Vec::new() };
    if values.iter().any(|value| lists.is_doubtful(value)) {
        return Vec::new();
    }
    let Some(source) = Source::parse(&one.release) else { return Vec::new() };
    let entry = |observable| Entry {
        observable,
        indicator: head.id.clone(),
        valid_until: indicator.valid_until,
        tlp: one.tlp,
        source: source.clone(),
    };
    values.into_iter().map(entry).collect()
}

/// When an organisation last fetched an export, its digest and serial.
fn last(
    reader: &Reader<'_>,
    org: &OrgId,
    place: &Audience,
    format: &str,
) -> Result<Option<(String, i64)>, StoreFailure> {
    reader.first(
        "SELECT digest, serial FROM share_export WHERE org = $1 AND audience = $2 AND format = $3",
        &[Value::from(org), Value::from(place.label()), Value::from(format)],
        |row| Ok((row.text(0)?, row.int(1)?)),
    )
}

/// The exports an organisation can fetch: audience, format, and when it last did.
pub fn offered(
    reader: &Reader<'_>,
    org: &OrgId,
) -> Result<Vec<(Audience, &'static str, Option<Timestamp>)>, StoreFailure> {
    let mut offered = Vec::new();
    for place in audience::audiences_of(reader, org)? {
        if place == Audience::Public {
            continue;
        }
        for format in FORMATS {
            let at = reader.first(
                "SELECT fetched_at FROM share_export WHERE org = $1 AND audience = $2 AND format = $3",
                &[Value::from(org), Value::from(place.label()), Value::from(format)],
                |row| row.time(0),
            )?;
            offered.push((place.clone(), format, at));
        }
    }
    Ok(offered)
}

/// An export as it is sent.
#[derive(Debug)]
pub struct Export {
    /// Its tag.
    pub tag: String,
    /// The media type.
    pub kind: &'static str,
    /// The text; absent when the caller has it.
    pub text: Option<String>,
}

fn written(
    format: &str,
    file: Option<&str>,
    made: &Gathered,
    serial: i64,
) -> Answer<(String, &'static str)> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let entries = &made.entries;
    let absent = || Failure::from(Refusal::absent());
    let of = |mut files: feed::Files<'_>, name: &str| files.files.remove(name).ok_or_else(absent);
    Ok(match (format, file) {
        ("rpz", None) => {
            let serial = u32::try_from(serial).unwrap_or(u32::MAX);
            (of(feed::rpz(serial, ZONE, entries), "rpz.zone")?, TEXT)
        }
        ("suricata", file) => {
            (of(suricata::encode(SID, entries), file.unwrap_or(suricata::RULES))?, TEXT)
        }
        ("zeek", None) => (zeek_intel::encode(entries), TEXT),
        ("csv", None) => (csv::encode(entries), "text/csv; charset=utf-8"),
        ("stix", None) => (bundle(&made.served)?, "application/stix+json;version=2.1"),
        _ => return Err(absent()),
    })
}

/// The indicators with their own bytes, in a bundle whose identifier follows from them.
fn bundle(served: &[Served]) -> Answer<String> {
    let broken = |problem: Box<dyn std::error::Error + Send + Sync>| Failure::Broken(problem);
    let mut hash = Sha256::new();
    for one in served {
        hash.update(one.digest.as_bytes());
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let seed = u128::from_be_bytes(*bytes.first_chunk::<16>().unwrap_or(&[0; 16]));
    let uuid = uuid::Builder::from_random_bytes(seed.to_be_bytes()).into_uuid();
    let id = format!("bundle--{uuid}").parse().map_err(|problem| broken(Box::new(problem)))?;
    let objects: Vec<&StixObject> = served.iter().map(|one| &one.object).collect();
    stix::encode_bundle(&id, objects).map_err(|problem| broken(Box::new(problem)))
}

/// Makes an export of one of the caller's own audiences; what is handed out is recorded before the first byte.
pub async fn export(
    house: &Arc<House>,
    ctx: &Ctx,
    (label, format, file): (&str, &str, Option<&str>),
    known: impl Fn(&str) -> bool,
) -> Answer<Export> {
    may_read(house, ctx)?;
    let Some(&format) = FORMATS.iter().find(|one| **one == format) else {
        return Err(Refusal::absent().into());
    };
    for _ in 0..handed::TRIES {
        if let Some(export) = made(house, ctx, (label, format, file), &known).await? {
            return Ok(export);
        }
    }
    Err(handed::unsettled())
}

/// One export; none when something of it was taken back while it was made.
async fn made(
    house: &Arc<House>,
    ctx: &Ctx,
    (label, format, file): (&str, &'static str, Option<&str>),
    known: &impl Fn(&str) -> bool,
) -> Answer<Option<Export>> {
    let (org, now, lists, wanted) =
        (ctx.org.clone(), ctx.now, house.lists.current(), label.to_owned());
    let found = house
        .store
        .read(move |reader| {
            let own = audience::audiences_of(reader, &org)?;
            let place = match wanted.as_str() {
                "own" => own.into_iter().find(|place| place.org() == Some(org.as_str())),
                label => own.into_iter().find(|place| place.label() == label),
            };
            let Some(place) = place else { return Ok(None) };
            let made = gather(reader, &place, &org, &lists, now)?;
            let last = last(reader, &org, &place, format)?;
            Ok(Some((place, made, last)))
        })
        .await?;
    let (place, made, last) = found.ok_or_else(|| Failure::from(Refusal::absent()))?;
    if made.full {
        return Err(Refusal::new("NRS-SHAR-0530", StatusCode::SERVICE_UNAVAILABLE).into());
    }
    let digest = Digest::of(csv::encode(&made.entries).as_bytes()).to_string();
    let serial = match last {
        Some((before, serial)) if before == digest => serial,
        Some((_, serial)) => now.as_second().max(serial + 1),
        None => now.as_second(),
    };
    let (text, kind) = written(format, file, &made, serial)?;
    let tag = format!("\"{}\"", Digest::of(text.as_bytes()));
    if known(&tag) {
        return Ok(Some(Export { tag, kind, text: None }));
    }
    let through = format!("export-{format}");
    let handing =
        Handing { recipient: &ctx.org, audience: &place, through: &through, door: Door::Export };
    let change = handing.change(file.unwrap_or(format), &made.served, now).write(Write::one(
        "INSERT INTO share_export (org, audience, format, digest, serial, fetched_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (org, audience, format) DO UPDATE SET digest = excluded.digest, serial = excluded.serial, \
         fetched_at = excluded.fetched_at",
        vec![
            Value::from(&ctx.org),
            Value::from(place.label()),
            Value::from(format),
            Value::from(digest),
            Value::from(serial),
            Value::from(now),
        ],
    ));
    let recorded = handing.record(house, ctx, change).await?;
    Ok(recorded.then_some(Export { tag, kind, text: Some(text) }))
}
