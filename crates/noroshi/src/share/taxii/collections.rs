//! Collections as their readers see them: views of the audiences a reader belongs to, below one API root.

use std::sync::Arc;

use noroshi_evidence::marking::{LegalClass, Tlp};
use serde_json::json;

use super::negotiate::STIX;
use super::place::Root;
use crate::evidence::rows::tlp_of;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::ctx::Ctx;
use crate::office::store::{Reader, StoreFailure, Value};
use crate::share::audience;
use crate::share::read::{self, Collection};
use crate::share::serve::View;
use crate::web::refusal::{Failure, Refusal};

/// A collection with what the TAXII server knows of it beyond the view.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// The view.
    pub collection: Collection,
    /// The API root it stands under; absent for the default one.
    pub root: Option<String>,
    /// The least marking of what is handed in.
    pub push_tlp: Option<Tlp>,
    /// The legal class of what is handed in.
    pub push_class: LegalClass,
}

impl Shelf {
    /// The view of the audience's stream.
    pub fn view(&self) -> View {
        View { audience: self.collection.audience.clone(), filter: self.collection.filter.clone() }
    }

    fn is_below(&self, root: &Root) -> bool {
        self.root.as_ref().map_or(root.default, |path| *path == root.path)
    }
}

/// Adds what the TAXII server knows of a collection.
pub fn shelf(reader: &Reader<'_>, collection: Collection) -> Result<Option<Shelf>, StoreFailure> {
    let found = reader.first(
        "SELECT root, push_tlp, push_class FROM share_collection WHERE collection = $1",
        &[Value::from(&collection.collection)],
        |row| Ok((row.text_or_none(0)?, row.text_or_none(1)?, row.text_or_none(2)?)),
    )?;
    Ok(found.map(|(root, tlp, class)| Shelf {
        collection,
        root,
        push_tlp: tlp.as_deref().and_then(tlp_of),
        push_class: class.as_deref().and_then(read::class_of).unwrap_or(LegalClass::CiaN),
    }))
}

fn may(house: &House, ctx: &Ctx, action: Action) -> bool {
    house.authoriser.check(ctx, action, On { owner: Some(&ctx.org), ..On::default() }).is_ok()
}

/// The collections below an API root whose audience the caller's organisation belongs to now.
pub async fn visible(house: &Arc<House>, ctx: &Ctx, root: &Root) -> Result<Vec<Shelf>, Failure> {
    if !may(house, ctx, Action::ShareRead) {
        return Ok(Vec::new());
    }
    let (org, hat, root) = (ctx.org.clone(), ctx.hat, root.clone());
    let found = house
        .store
        .read(move |reader| {
            let mut shelves = Vec::new();
            for collection in read::collections_for(reader, &org, hat)? {
                shelves.extend(shelf(reader, collection)?.filter(|one| one.is_below(&root)));
            }
            Ok(shelves)
        })
        .await?;
    Ok(found)
}

/// One collection by identifier or alias. What is not for the caller is absent, and the same work is done for both.
pub async fn find(house: &Arc<House>, ctx: &Ctx, root: &Root, id: &str) -> Result<Shelf, Failure> {
    let allowed = may(house, ctx, Action::ShareRead);
    let (org, hat, root, id) = (ctx.org.clone(), ctx.hat, root.clone(), id.to_owned());
    let found = house
        .store
        .read(move |reader| {
            let audiences = audience::audiences_under(reader, &org, hat)?;
            let found = match read::collection(reader, &id)? {
                Some(collection) => shelf(reader, collection)?,
                None => None,
            };
            let mine = |one: &Shelf| audiences.contains(&one.collection.audience);
            Ok(found.filter(|one| allowed && one.is_below(&root) && mine(one)))
        })
        .await?;
    found.ok_or_else(|| Refusal::absent().into())
}

/// Whether the caller can hand something in here.
pub fn can_write(house: &House, ctx: &Ctx, shelf: &Shelf) -> bool {
    shelf.collection.can_write && may(house, ctx, Action::SharePush)
}

/// The collection resource (TAXII 2.1 §5.2.1). What it says can be done is what will be done for this caller.
pub fn shown(house: &House, ctx: &Ctx, shelf: &Shelf) -> serde_json::Value {
    let collection = &shelf.collection;
    let mut body = json!({
        "id": collection.collection,
        "title": collection.title,
        "can_read": collection.can_read,
        "can_write": can_write(house, ctx, shelf),
        "media_types": [STIX],
    });
    if let Some(members) = body.as_object_mut() {
        for (name, text) in [("description", &collection.description), ("alias", &collection.alias)]
        {
            if let Some(text) = text {
                members.insert(name.to_owned(), json!(text));
            }
        }
    }
    body
}
