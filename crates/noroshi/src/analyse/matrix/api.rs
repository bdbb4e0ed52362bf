//! Techniques in use, for programs: JSON and CSV.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::pages::{asked, seen};
use super::read::{Seen, Tactic, Technique};
use crate::house::House;
use crate::office::clock::stamp;
use crate::web::refusal::Answer;
use crate::web::visitor::Caller;

/// Types of user that have a column of their own in the CSV.
const COLUMNS: [&str; 5] = ["intrusion-set", "campaign", "report", "malware", "tool"];

/// A technique and how often it is used.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct TechniqueOut {
    id: String,
    number: String,
    name: String,
    /// How many things use it, by their type.
    uses: BTreeMap<String, u64>,
    /// Joint cases.
    cases: u64,
    /// There are more than were counted.
    more: bool,
    /// Its sub-techniques.
    #[schema(no_recursion)]
    parts: Vec<TechniqueOut>,
}

fn technique_out(one: Technique) -> TechniqueOut {
    TechniqueOut {
        id: one.id,
        number: one.number,
        name: one.name,
        cases: one.uses.cases,
        more: one.uses.more,
        uses: one.uses.kinds,
        parts: one.parts.into_iter().map(technique_out).collect(),
    }
}

/// A tactic with its techniques.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct TacticOut {
    name: String,
    number: String,
    techniques: Vec<TechniqueOut>,
}

/// Techniques by tactic.
#[derive(Serialize, ToSchema)]
pub(in crate::analyse) struct TechniquesOut {
    as_of: String,
    /// Every matrix held, by identifier.
    matrices: BTreeMap<String, String>,
    matrix: String,
    tactics: Vec<TacticOut>,
    /// Techniques that are revoked or deprecated.
    hidden: u64,
    /// Techniques that no tactic of this matrix holds.
    elsewhere: u64,
}

/// Techniques by tactic, with how often each is used in what this hat may see.
#[utoipa::path(get, path = "/analyse/matrix", tag = "analyse",
    params(("matrix" = Option<String>, Query, description = "a matrix held; the first when absent"),
        ("case" = Option<String>, Query, description = "only what this case uses"),
        ("by" = Option<String>, Query, description = "only what this campaign, set, actor, malware or tool uses"),
        ("from" = Option<String>, Query, description = "said on this day in Japan or later"),
        ("to" = Option<String>, Query, description = "said on this day or before")),
    responses((status = 200, body = TechniquesOut), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn matrix(
    State(house): State<Arc<House>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = asked(query.as_deref().unwrap_or_default())?;
    let found = seen(&house, &caller.ctx, asked).await?;
    let tactics = found.tactics.into_iter().map(|tactic| TacticOut {
        name: tactic.name,
        number: tactic.number,
        techniques: tactic.techniques.into_iter().map(technique_out).collect(),
    });
    let out = TechniquesOut {
        as_of: stamp(caller.ctx.now),
        matrix: found.chosen,
        tactics: tactics.collect(),
        hidden: found.hidden,
        elsewhere: found.elsewhere,
        matrices: found.matrices.into_iter().collect(),
    };
    Ok(Json(out).into_response())
}

/// The same as a table, one technique a line.
#[utoipa::path(get, path = "/analyse/matrix.csv", tag = "analyse",
    params(("matrix" = Option<String>, Query), ("case" = Option<String>, Query), ("by" = Option<String>, Query),
        ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
    responses((status = 200, content_type = "text/csv", body = String), (status = 404), (status = 422)))]
pub(in crate::analyse) async fn csv(
    State(house): State<Arc<House>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = asked(query.as_deref().unwrap_or_default())?;
    let found = seen(&house, &caller.ctx, asked).await?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"techniques.csv\""),
    ];
    Ok((headers, table(&found)).into_response())
}

fn table(seen: &Seen) -> String {
    let mut text = String::from(
        "tactic,technique,name,part_of,intrusion_sets,campaigns,reports,malware,tools,other,cases,total,more\r\n",
    );
    for tactic in &seen.tactics {
        for technique in &tactic.techniques {
            line(&mut text, tactic, technique, "");
            for part in &technique.parts {
                line(&mut text, tactic, part, &technique.number);
            }
        }
    }
    text
}

fn line(text: &mut String, tactic: &Tactic, one: &Technique, whole: &str) {
    let named: Vec<u64> = COLUMNS.iter().map(|kind| one.uses.of(kind)).collect();
    let other = one.uses.total() - one.uses.cases - named.iter().sum::<u64>();
    let mut fields = vec![cell(&tactic.name), cell(&one.number), cell(&one.name), cell(whole)];
    fields.extend(named.iter().map(ToString::to_string));
    fields.extend([other, one.uses.cases, one.uses.total()].map(|count| count.to_string()));
    fields.push(u8::from(one.uses.more).to_string());
    text.push_str(&fields.join(","));
    text.push_str("\r\n");
}

/// RFC 4180 §2, and never the begin of a formula: what came from elsewhere is opened in spreadsheets.
fn cell(text: &str) -> String {
    let guarded = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if guarded { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_and_starts_no_formula() {
        assert_eq!(cell("a,b\"c"), "\"a,b\"\"c\"");
        assert_eq!(cell("=cmd()"), "'=cmd()");
        assert_eq!(cell("plain"), "plain");
    }
}
