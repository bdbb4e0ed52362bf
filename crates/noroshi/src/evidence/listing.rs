//! The page of warning lists: which are loaded, what of the graph they hit and so keep out of blocks, and loading one.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;

use super::lists::{self, ListRow, Taken};
use super::pages::Rights;
use super::read::{Sees, admits};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::forms::{FieldError, FormState};
use crate::web::layout::{Link, Shell};
use crate::web::page;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Posted, Uploaded, Visitor, percent};

/// Values of one page.
const HITS: usize = 50;
/// Values counted for one list; beyond it the page says "at least".
const COUNTED_MAX: i64 = 10_000;
/// Names of indicators shown of one value.
const NAMED_MAX: i64 = 5;

/// Routes of this page; it comes before that of one object.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/evidence/lists", get(show).post(load))
        .route("/evidence/lists/drop", post(drop_one))
        .route("/evidence/lists/vouch", post(vouch))
}

/// A list and how many values of the graph it holds that this reader may see.
struct ListLine {
    row: ListRow,
    hits: u64,
    more: bool,
}

/// A value of the graph that is on a list.
struct HitLine {
    value: String,
    list: String,
    entry: String,
    /// Indicators in force that look for it.
    indicators: Vec<String>,
    /// Who vouched, why and when.
    vouched: Option<(String, Timestamp)>,
}

#[derive(Template)]
#[template(path = "evidence/lists.html")]
struct ListsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    lists: Vec<ListLine>,
    hits: Vec<HitLine>,
    next: Option<String>,
    rights: Rights,
    form: FormState,
    /// What became of the last load: name, and how it went.
    told: Option<String>,
    bytes_max: String,
}

/// Which part of the hits.
#[derive(Debug, Default, Deserialize)]
struct Behind {
    after: Option<String>,
}

/// SQL that is true when the reader sees a held version that names the value of the row `d`.
fn seen(key: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM evidence_posting p JOIN evidence_naming n ON n.seq = p.seq AND n.value = d.value \
         JOIN evidence_object o ON o.seq = p.seq AND o.latest = 1 WHERE p.slot IN (fresh(d.value), settled(d.value)) AND {})",
        admits("o", key)
    )
}

fn counted(reader: &Reader<'_>, sees: Sees) -> Result<Vec<ListLine>, StoreFailure> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM evidence_doubt d WHERE d.list = $2 AND {} LIMIT $3) AS some",
        seen("$1")
    );
    let with = |row: ListRow| {
        let params = [sees.key(), Value::from(&row.name), Value::from(COUNTED_MAX)];
        let hits = reader.number(&sql, &params)?;
        Ok(ListLine { row, hits: u64::try_from(hits).unwrap_or(0), more: hits >= COUNTED_MAX })
    };
    lists::loaded(reader)?.into_iter().map(with).collect()
}

/// The indicators in force that name a value, by its postings: those of their type are many more.
fn indicators() -> String {
    format!(
        "SELECT o.id FROM evidence_posting p CROSS JOIN evidence_naming n ON n.seq = p.seq AND n.value = $2 \
         CROSS JOIN evidence_object o ON o.seq = p.seq AND o.latest = 1 AND o.type = 'indicator' AND o.revoked = 0 \
         WHERE p.slot IN (fresh($2), settled($2)) AND o.valid_from <= $3 \
         AND (o.valid_until IS NULL OR o.valid_until > $3) AND {} \
         ORDER BY o.id LIMIT $4",
        admits("o", "$1")
    )
}

fn hits(
    reader: &Reader<'_>,
    sees: Sees,
    after: &str,
    now: Timestamp,
) -> Result<(Vec<HitLine>, Option<String>), StoreFailure> {
    let sql = format!(
        "SELECT d.value, d.list, d.entry, v.reason, v.at FROM evidence_doubt d \
         LEFT JOIN evidence_vouch v ON v.kind = d.kind AND v.value = d.value \
         WHERE (d.value || ' ' || d.list) > $2 AND {} ORDER BY (d.value || ' ' || d.list) LIMIT $3",
        seen("$1")
    );
    let limit = i64::try_from(HITS + 1).unwrap_or(i64::MAX);
    let mut found =
        reader.all(&sql, &[sees.key(), Value::from(after), Value::from(limit)], |row| {
            Ok(HitLine {
                value: row.text(0)?,
                list: row.text(1)?,
                entry: row.text(2)?,
                indicators: Vec::new(),
                vouched: row.text_or_none(3)?.zip(row.time_or_none(4)?),
            })
        })?;
    let more = found.len() > HITS;
    found.truncate(HITS);
    let next = found.last().filter(|_| more).map(|one| format!("{} {}", one.value, one.list));
    let sql = indicators();
    for one in &mut found {
        let params =
            [sees.key(), Value::from(&one.value), Value::from(now), Value::from(NAMED_MAX)];
        one.indicators = reader.all(&sql, &params, |row| row.text(0))?;
    }
    Ok((found, next))
}

async fn page_of(
    house: &Arc<House>,
    visitor: &Visitor,
    after: String,
    form: FormState,
    told: Option<String>,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceRead, On::default())?;
    let (sees, now) = (Sees::of(house, &visitor.ctx), visitor.ctx.now);
    let (lists, (hits, next)) = house
        .store
        .read(move |reader| Ok((counted(reader, sees)?, hits(reader, sees, &after, now)?)))
        .await?;
    let shell = page::shell(house, visitor, "evidence-lists-title");
    page::html(&ListsPage {
        crumbs: vec![Link { href: "/evidence".to_owned(), label: shell.t("evidence-title") }],
        next: next.map(|after| format!("/evidence/lists?after={}", percent(&after))),
        rights: Rights::of(house, visitor),
        bytes_max: shell.words.bytes(house.config.web.bundle_bytes_max as u64),
        lists,
        hits,
        form,
        told,
        shell,
    })
}

async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(behind): Query<Behind>,
) -> Answer {
    let after = behind.after.unwrap_or_default();
    page_of(&house, &visitor, after, FormState::default(), None).await
}

async fn load(State(house): State<Arc<House>>, sent: Uploaded) -> Answer {
    let Uploaded { visitor, file: (_, file), .. } = sent;
    house.authoriser.check(&visitor.ctx, Action::EvidenceImport, On::default())?;
    let mut form = FormState::default();
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let mut told = None;
    match noroshi_codec::warninglist::decode(&file) {
        _ if file.is_empty() => form.fail("file", FieldError::required()),
        Err(problem) => {
            form.fail("file", FieldError::new(problem.code(), "evidence-lists-unreadable"));
        }
        Ok(list) => {
            let done = lists::load(&house, &visitor.ctx, vec![list]).await?;
            for (name, taken) in done {
                let (key, ok) = match taken {
                    Taken::Loaded => ("evidence-lists-loaded", true),
                    Taken::Unchanged => ("evidence-lists-unchanged", true),
                    Taken::Refused => ("", false),
                };
                if ok {
                    status = StatusCode::OK;
                    told = Some(visitor.words().tv(key, &[("name", name.into())]));
                } else {
                    status = StatusCode::CONFLICT;
                    form.fail("file", FieldError::new(Taken::REFUSED, "evidence-lists-older"));
                }
            }
        }
    }
    let mut response = page_of(&house, &visitor, String::new(), form, told).await?;
    *response.status_mut() = status;
    Ok(response)
}

async fn drop_one(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    lists::drop_list(&house, &posted.visitor.ctx, posted.values.get("list")).await?;
    Ok(Redirect::to("/evidence/lists").into_response())
}

async fn vouch(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let (value, reason) = (posted.values.get("value"), posted.values.get("reason"));
    match lists::vouch(&house, &posted.visitor.ctx, value, reason).await {
        Ok(_) => Ok(Redirect::to("/evidence/lists").into_response()),
        Err(Failure::Refused(refusal)) if refusal.status.is_client_error() => {
            let Refusal { code, status, .. } = *refusal;
            if status == StatusCode::FORBIDDEN {
                return Err(Refusal::new(code, status).into());
            }
            let mut form = FormState::posted(posted.values.flat());
            form.fail("reason", FieldError::new(code, "evidence-lists-reason"));
            let mut response = page_of(&house, &posted.visitor, String::new(), form, None).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_indicators_of_a_value_are_found_by_its_postings() {
        let plan = crate::office::store::tests::plan_of(&super::indicators());
        let first = plan.first().map_or("", String::as_str);
        assert!(first.starts_with("SEARCH p USING PRIMARY KEY (slot=?"), "{plan:?}");
    }
}
