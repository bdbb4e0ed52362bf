//! That somebody looked at accounts under their pseudonyms is recorded before anything is shown: one leaf for each reader,
//! place and hour, with the purpose for which the posts were gathered. Within the hour it costs one question of an index.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::read;
use crate::house::House;
use crate::office::commit::{Change, Write};
use crate::office::ctx::Ctx;
use crate::office::store::Value;
use crate::web::refusal::Answer;

/// How long rows are kept that only say that a leaf is there.
const ROWS_FOR: SignedDuration = SignedDuration::from_hours(48);

/// Records that `ctx` looks at `place` (`accounts`, `run`) of a collection; `subject` is what is looked at.
pub(super) async fn look(
    house: &Arc<House>,
    ctx: &Ctx,
    collection: &str,
    (place, subject): (&'static str, &str),
) -> Answer<()> {
    let hour = ctx.now.strftime("%Y-%m-%dT%H").to_string();
    let key = [
        Value::from(&ctx.person),
        Value::from(ctx.hat.id()),
        Value::from(subject),
        Value::from(place),
        Value::from(&hour),
    ];
    let (asked, of) = (key.clone(), collection.to_owned());
    let (seen, purpose) = house
        .store
        .read(move |reader| {
            let seen = reader.number(
                "SELECT COUNT(*) FROM influence_seen WHERE person = $1 AND hat = $2 AND subject = $3 AND place = $4 \
                 AND hour = $5",
                &asked,
            )?;
            if seen > 0 {
                return Ok((true, None));
            }
            Ok((false, read::collection(reader, &of)?.map(|found| found.purpose)))
        })
        .await?;
    if seen {
        return Ok(());
    }
    let mut row = key.to_vec();
    row.extend([Value::from(&ctx.org), Value::from(ctx.now)]);
    let change = Change::office("influence.look", subject)
        .payload(json!({
            "place": place, "collection": collection, "purpose": purpose, "hour": hour,
        }))
        .write(Write::new(
            "INSERT INTO influence_seen (person, hat, subject, place, hour, org, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            row,
        ))
        .write(Write::new(
            "DELETE FROM influence_seen WHERE at < $1",
            vec![Value::from(ctx.now - ROWS_FOR)],
        ));
    house.door.commit(ctx, change).await?;
    Ok(())
}
