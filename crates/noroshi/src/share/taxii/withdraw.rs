//! Taking back what one handed in oneself (TAXII 2.1 §5.7).
//!
//! The version leaves the audience of the collection; its place, and the evidence, stay. What others brought here is
//! theirs to take back.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use super::place::Root;
use super::query::{self, Limits, List};
use super::{Ready, collections, errors};
use crate::evidence::rows::version_key;
use crate::house::House;
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::share::serve::{self, Asked, Whose};
use crate::share::watch::{self, Look};
use crate::web::refusal::{Failure, Refusal};

/// Versions withdrawn by one request; who has more repeats it.
const VERSIONS_MAX: usize = 1_000;

/// Withdraws the versions asked for from the collection's audience.
pub async fn answer(
    house: &Arc<House>,
    ctx: &Ctx,
    at: (&Root, &str),
    object: &str,
    query: &str,
) -> Result<Ready, Failure> {
    let shelf = collections::find(house, ctx, at.0, at.1).await?;
    let (can_read, can_write) =
        (shelf.collection.can_read, collections::can_write(house, ctx, &shelf));
    // §5.7: who may do neither is told of nothing; who may do only one is told so.
    match (can_read, can_write) {
        (true, true) => {}
        (false, false) => return Err(Refusal::absent().into()),
        (false, true) => return Err(errors::forbidden("NRS-SHAR-0210")),
        (true, false) => return Err(errors::forbidden("NRS-SHAR-0203")),
    }
    let limits = Limits { default: VERSIONS_MAX, max: VERSIONS_MAX };
    let query = query::read(query, List::Object, Some(object), limits)?;
    let (view, org, now) = (shelf.view(), ctx.org.clone(), ctx.now);
    let audience = view.audience.label();
    let found = house
        .store
        .read(move |reader| {
            let asked = Asked {
                after: i64::MIN,
                until: serve::end(reader, &view.audience)?,
                ids: query.ids,
                types: Vec::new(),
                versions: query.versions,
                limit: if query.spec_held { VERSIONS_MAX } else { 0 },
                probed: true,
            };
            let slice = serve::page(reader, &view, &org, now, &asked)?;
            let key = |one: &serve::Served| (one.object.id().to_string(), version_key(&one.object));
            let found = slice.items.iter().map(|one| (one.added, one.whose, key(one)));
            Ok(found.collect::<Vec<_>>())
        })
        .await?;
    if found.is_empty() {
        return Err(Refusal::absent().into());
    }
    if found.iter().any(|(_, whose, _)| *whose == Whose::Others) {
        return Err(errors::forbidden("NRS-SHAR-0211"));
    }
    let added: Vec<i64> = found.iter().map(|(added, ..)| *added).collect();
    let mut change = Change::office("share.withdraw", object).payload(json!({
        "collection": shelf.collection.collection, "audience": audience, "added": added,
    }));
    for (place, whose, (id, modified)) in found {
        change = change.write(taken_back(&audience, place, whose, ctx));
        if whose != Whose::OwnCopy {
            // Whoever read it is told; a copy beside the stream was read by nobody else.
            let subject = watch::withdrawn(&audience, &modified, &id);
            change =
                change.write(Look::Withdrawn.at(&subject, "it was taken back over TAXII", ctx));
        }
    }
    house.door.commit(ctx, change).await?;
    Ok(Ready { status: StatusCode::OK, body: String::new(), added: None, notes: Vec::new() })
}

fn taken_back(audience: &str, place: i64, whose: Whose, ctx: &Ctx) -> Write {
    let mut params = vec![Value::from(audience), Value::from(place), Value::from(ctx.now)];
    if whose == Whose::OwnCopy {
        params.push(Value::from(&ctx.org));
        return Write::one(
            "UPDATE share_own SET withdrawn_at = $3 WHERE audience = $1 AND added = $2 AND org = $4 \
             AND withdrawn_at IS NULL",
            params,
        );
    }
    Write::one(
        "UPDATE share_item SET withdrawn_at = $3 WHERE audience = $1 AND added = $2 AND withdrawn_at IS NULL",
        params,
    )
}
