//! What a collection is to the TAXII server: its API root and alias, whether it is read and written, and how what is
//! handed in is marked.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::put;
use axum::{Json, Router};
use noroshi_evidence::marking::LegalClass;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{OpenApi, ToSchema};

use crate::evidence::rows::{tlp_code, tlp_of};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::share::read::{self, class_of};
use crate::web::api::Body;
use crate::web::refusal::{Answer, Item, Refusal};
use crate::web::visitor::Caller;

/// Longest alias, in characters.
const ALIAS_CHARS_MAX: usize = 64;
/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 1_000;

/// This part of the API description.
#[derive(OpenApi)]
#[openapi(paths(set_taxii), components(schemas(TaxiiIn, TaxiiSet)))]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new().route("/collections/{id}/taxii", put(set_taxii))
}

/// How a collection stands on the TAXII server.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaxiiIn {
    /// Path of the API root it stands under; absent for the default one.
    root: Option<String>,
    /// A name that may stand for its identifier.
    alias: Option<String>,
    /// What it is about.
    description: Option<String>,
    /// Its audience can read it.
    can_read: Option<bool>,
    /// Its audience can hand something in.
    can_write: Option<bool>,
    /// The least marking of what is handed in, e.g. `amber`; absent: the object's own, amber without one.
    push_tlp: Option<String>,
    /// The legal class of what is handed in: `CIA-N` (when absent) or `CIA-P`.
    push_class: Option<String>,
}

/// It was set.
#[derive(Serialize, ToSchema)]
struct TaxiiSet {
    /// The collection.
    id: String,
    /// Index of the leaf.
    position: u64,
}

/// Says how a collection stands on the TAXII server. What is left out goes back to its default.
#[utoipa::path(put, path = "/collections/{id}/taxii", tag = "share", request_body = TaxiiIn,
    responses((status = 200, body = TaxiiSet), (status = 409, description = "the alias is taken")))]
async fn set_taxii(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<TaxiiIn>,
) -> Answer<Json<TaxiiSet>> {
    let position = set(&house, &caller.ctx, &id, &body.value).await?;
    Ok(Json(TaxiiSet { id, position }))
}

fn faults(house: &House, wish: &TaxiiIn) -> Vec<Item> {
    let mut items = Vec::new();
    let mut fault = |bad: bool, pointer: &str, code: &str| {
        if bad {
            let (pointer, code) = (pointer.to_owned(), code.to_owned());
            items.push(Item { pointer, code, args: Vec::new() });
        }
    };
    let roots = house.config.api_roots();
    let known = |path: &String| roots.iter().any(|root| root.path == *path);
    fault(wish.root.as_ref().is_some_and(|path| !known(path)), "/root", "NRS-SHAR-0230");
    let shaped = |alias: &String| {
        !alias.is_empty()
            && alias.len() <= ALIAS_CHARS_MAX
            && alias.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
            })
            // An alias that reads like an identifier could stand for another collection.
            && uuid::Uuid::try_parse(alias).is_err()
    };
    fault(wish.alias.as_ref().is_some_and(|alias| !shaped(alias)), "/alias", "NRS-SHAR-0231");
    let long = |text: &String| {
        text.chars().count() > DESCRIPTION_CHARS_MAX || text.chars().any(char::is_control)
    };
    fault(wish.description.as_ref().is_some_and(long), "/description", "NRS-SHAR-0232");
    let tlp = wish.push_tlp.as_deref();
    fault(tlp.is_some_and(|text| tlp_of(text).is_none()), "/push_tlp", "NRS-SHAR-0007");
    // What holds selected communications information or a secret is never taken in over the network.
    let open = |text: &str| matches!(class_of(text), Some(LegalClass::CiaN | LegalClass::CiaP));
    fault(
        wish.push_class.as_deref().is_some_and(|text| !open(text)),
        "/push_class",
        "NRS-SHAR-0233",
    );
    items
}

/// Sets it; gives the place in the log.
pub async fn set(house: &Arc<House>, ctx: &Ctx, id: &str, wish: &TaxiiIn) -> Answer<u64> {
    house.authoriser.check(ctx, Action::ShareRelease, On::default())?;
    let items = faults(house, wish);
    if !items.is_empty() {
        let refusal = Refusal::new("NRS-SHAR-0001", StatusCode::UNPROCESSABLE_ENTITY);
        return Err(refusal.items(items).into());
    }
    let (wanted, alias) = (id.to_owned(), wish.alias.clone());
    let (there, taken) = house
        .store
        .read(move |reader| {
            let there = read::collection(reader, &wanted)?;
            let taken = match &alias {
                Some(alias) => read::collection(reader, alias)?,
                None => None,
            };
            Ok((there, taken))
        })
        .await?;
    let there = there.ok_or_else(|| Refusal::new("NRS-SHAR-0012", StatusCode::NOT_FOUND))?;
    if taken.is_some_and(|other| other.collection != there.collection) {
        return Err(Refusal::new("NRS-SHAR-0234", StatusCode::CONFLICT).into());
    }
    let tlp = wish.push_tlp.as_deref().and_then(tlp_of).map(tlp_code);
    let change = Change::office("share.configure", &there.collection)
        .payload(json!({
            "root": wish.root, "alias": wish.alias, "can_read": wish.can_read, "can_write": wish.can_write,
            "push_tlp": tlp, "push_class": wish.push_class,
        }))
        .write(Write::one(
            "UPDATE share_collection SET root = $2, alias = $3, description = $4, can_read = $5, can_write = $6, \
             push_tlp = $7, push_class = $8 WHERE collection = $1",
            vec![
                Value::from(&there.collection),
                Value::from(wish.root.clone()),
                Value::from(wish.alias.clone()),
                Value::from(wish.description.clone()),
                Value::from(wish.can_read.unwrap_or(true)),
                Value::from(wish.can_write.unwrap_or(false)),
                Value::from(tlp),
                Value::from(wish.push_class.clone()),
            ],
        ));
    match house.door.commit(ctx, change).await {
        Ok(done) => Ok(done.position),
        Err(CommitFailure::Conflict { .. }) => {
            Err(Refusal::new("NRS-SHAR-0234", StatusCode::CONFLICT).into())
        }
        Err(problem) => Err(problem.into()),
    }
}
