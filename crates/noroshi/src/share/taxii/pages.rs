//! Lists of a collection: objects, one object, its versions, the manifest (TAXII 2.1 §5.3, §5.4, §5.6, §5.8).

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::cursor::{BadNext, Marker, Place};
use super::negotiate::STIX;
use super::place::Root;
use super::query::{self, Limits, List, Query};
use super::{Ready, collections, errors};
use crate::house::House;
use crate::office::ctx::Ctx;
use crate::share::act::{self, Door};
use crate::share::handed;
use crate::share::serve::{self, Asked, Served, Slice, View};
use crate::web::refusal::{Failure, Refusal};

/// Answers one list. `at` is the API root and the collection, `of` the kind of list and the object it is about, `asked`
/// the query and whether only the headers are wanted, which is no reading.
pub async fn answer(
    house: &Arc<House>,
    ctx: &Ctx,
    at: (&Root, &str),
    of: (List, Option<&str>),
    asked: (&str, bool),
) -> Result<Ready, Failure> {
    let ((list, object), (query, head)) = (of, asked);
    let shelf = collections::find(house, ctx, at.0, at.1).await?;
    if !shelf.collection.can_read {
        return Err(errors::forbidden("NRS-SHAR-0210"));
    }
    let query = query::read(query, list, object, limits(house))?;
    let marker = marker(house, ctx, &shelf.collection.collection, of, &query)?;
    let place = match &query.next {
        Some(next) => Some(marker.read(next, ctx.now).map_err(bad_next)?),
        None => None,
    };
    for _ in 0..handed::TRIES {
        let found = find(house, ctx, shelf.view(), object, query.clone(), place).await?;
        let Found { slice, until, there } = found;
        // An object that is not there and one that is not for this reader are alike.
        if !there {
            return Err(Refusal::absent().into());
        }
        let (of, items) = (&shelf.collection, &slice.items);
        if !head && !act::record_read(house, ctx, of, Door::Taxii, list.name(), items).await? {
            continue;
        }
        let hours = i64::from(house.config.taxii.next_hours);
        let expires = ctx.now + SignedDuration::from_hours(hours);
        let next = slice.next.and_then(|after| marker.write(Place { after, until }, expires));
        return Ok(render(list, &slice, next.as_deref()));
    }
    Err(handed::unsettled())
}

fn limits(house: &House) -> Limits {
    let size = |entries: u32| usize::try_from(entries).unwrap_or(usize::MAX).max(1);
    let max = size(house.config.taxii.page_max);
    Limits { default: size(house.config.taxii.page_default).min(max), max }
}

fn bad_next(bad: BadNext) -> Failure {
    let code = match bad {
        BadNext::Forged => "NRS-SHAR-0204",
        BadNext::Expired => "NRS-SHAR-0205",
        BadNext::OtherList => "NRS-SHAR-0206",
    };
    Refusal::new(code, StatusCode::BAD_REQUEST).into()
}

fn marker(
    house: &House,
    ctx: &Ctx,
    collection: &str,
    of: (List, Option<&str>),
    query: &Query,
) -> Result<Marker, Failure> {
    let path = house.dir.join("keys").join("taxii.key");
    let key = crate::office::log::load_or_make_seed(&path)
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let filter = query.filter();
    let parts =
        [collection, ctx.org.as_str(), of.0.name(), of.1.unwrap_or_default(), filter.as_str()];
    Ok(Marker::new(key, parts))
}

/// A part of a list, where its walk ends, and whether the object it is about may be seen at all.
struct Found {
    slice: Slice,
    until: i64,
    there: bool,
}

async fn find(
    house: &Arc<House>,
    ctx: &Ctx,
    view: View,
    object: Option<&str>,
    query: Query,
    place: Option<Place>,
) -> Result<Found, Failure> {
    let (org, now) = (ctx.org.clone(), ctx.now);
    let object = object.map(str::to_owned);
    let found = house
        .store
        .read(move |reader| {
            let place = match place {
                Some(place) => place,
                None => Place {
                    after: query.added_after.unwrap_or(i64::MIN),
                    until: serve::end(reader, &view.audience)?,
                },
            };
            let asked = Asked {
                after: place.after,
                until: place.until,
                ids: query.ids,
                types: query.types,
                versions: query.versions,
                limit: query.limit,
                probed: true,
            };
            let slice = if query.spec_held {
                serve::page(reader, &view, &org, now, &asked)?
            } else {
                Slice::default()
            };
            let nothing = slice.items.is_empty() && slice.next.is_none();
            let there = match object {
                Some(id) if nothing => serve::shows(reader, &view, &org, now, &id)?,
                _ => true,
            };
            Ok(Found { slice, until: place.until, there })
        })
        .await?;
    Ok(found)
}

fn render(list: List, slice: &Slice, next: Option<&str>) -> Ready {
    let items = &slice.items;
    // §3.2: the headers stand where there is something to date.
    let added = items.first().zip(items.last());
    let added = added.map(|(first, last)| (first.date_added(), last.date_added()));
    let body = match list {
        _ if items.is_empty() && next.is_none() => "{}".to_owned(),
        List::Objects | List::Object => {
            noroshi_codec::stix::encode_envelope(items.iter().map(|one| &one.object), next)
        }
        List::Manifest => {
            let entry = |one: &Served| {
                json!({
                    "id": one.object.head().id.as_str(),
                    "date_added": one.date_added(),
                    "version": one.version(),
                    "media_type": STIX,
                })
            };
            listed("objects", &items.iter().map(entry).collect::<Vec<_>>(), next)
        }
        List::Versions => listed(
            "versions",
            &items.iter().map(|one| json!(one.version())).collect::<Vec<_>>(),
            next,
        ),
    };
    let notes = match list {
        List::Objects | List::Object => handed::notes(items),
        List::Manifest | List::Versions => Vec::new(),
    };
    Ready { status: StatusCode::OK, body, added, notes }
}

/// A list with the members that every list has.
fn listed(name: &str, entries: &[serde_json::Value], next: Option<&str>) -> String {
    let mut body = serde_json::Map::new();
    body.insert("more".to_owned(), json!(next.is_some()));
    if let Some(next) = next {
        body.insert("next".to_owned(), json!(next));
    }
    if !entries.is_empty() {
        body.insert(name.to_owned(), json!(entries));
    }
    serde_json::Value::Object(body).to_string()
}
