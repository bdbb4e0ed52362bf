//! Questions about runs and reviews.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::act::Parameters;
use crate::office::store::{Reader, Row, StoreFailure, Value};

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its identifier.
    pub run: String,
    /// Over which collection.
    pub collection: String,
    /// What was asked.
    pub parameters: Parameters,
    /// Digest of the parameters.
    pub digest: String,
    /// Digest of what was read.
    pub input: Option<String>,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// Who asked.
    pub person: String,
    /// When.
    pub at: Timestamp,
    /// What it came to.
    pub summary: Json,
    /// When the oldest post was taken in that it read.
    pub oldest: Option<Timestamp>,
}

const RUN: &str = "SELECT run, collection, parameters, digest, input, state, person, at, COALESCE(summary, 'null'), \
     oldest_at FROM influence_run";

fn run_row(row: &Row<'_, '_>) -> Result<Run, StoreFailure> {
    Ok(Run {
        run: row.text(0)?,
        collection: row.text(1)?,
        parameters: row.json(2)?,
        digest: row.text(3)?,
        input: row.text_or_none(4)?,
        state: row.text(5)?,
        person: row.text(6)?,
        at: row.time(7)?,
        summary: row.json(8)?,
        oldest: row.time_or_none(9)?,
    })
}

/// One run.
pub fn run(reader: &Reader<'_>, id: &str) -> Result<Option<Run>, StoreFailure> {
    reader.first(&format!("{RUN} WHERE run = $1"), &[Value::from(id)], run_row)
}

/// Runs over a collection, newest first, at most `limit`.
pub fn runs(reader: &Reader<'_>, collection: &str, limit: u32) -> Result<Vec<Run>, StoreFailure> {
    let sql = format!("{RUN} WHERE collection = $1 ORDER BY run DESC LIMIT $2");
    reader.all(&sql, &[Value::from(collection), Value::from(i64::from(limit))], run_row)
}

/// What is said of a group by one or two people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its identifier.
    pub review: String,
    /// Of which run.
    pub run: String,
    /// Of which group.
    pub group: i64,
    /// Families of indicators.
    pub families: Vec<String>,
    /// What they rest on.
    pub basis: String,
    /// The first.
    pub first_by: String,
    /// Under which hat.
    pub first_hat: String,
    /// The second; none yet when absent.
    pub second_by: Option<String>,
    /// Why it was taken back, where it was.
    pub ended: Option<String>,
    /// Whether two people said it, nobody took it back, and the register leaves a group of it. Not known to the record
    /// alone: the members of the group are in the file of the run.
    pub stands: bool,
}

const REVIEW: &str = "SELECT review, run, group_no, families, basis, first_by, first_hat, second_by, ended_why \
     FROM influence_review";

fn review_row(row: &Row<'_, '_>) -> Result<Review, StoreFailure> {
    Ok(Review {
        review: row.text(0)?,
        run: row.text(1)?,
        group: row.int(2)?,
        families: row.json(3)?,
        basis: row.text(4)?,
        first_by: row.text(5)?,
        first_hat: row.text(6)?,
        second_by: row.text_or_none(7)?,
        ended: row.text_or_none(8)?,
        stands: false,
    })
}

/// One review.
pub fn review(reader: &Reader<'_>, id: &str) -> Result<Option<Review>, StoreFailure> {
    reader.first(&format!("{REVIEW} WHERE review = $1"), &[Value::from(id)], review_row)
}

/// Reviews of the groups of a run, oldest first.
pub fn reviews(reader: &Reader<'_>, run: &str) -> Result<Vec<Review>, StoreFailure> {
    let sql = format!("{REVIEW} WHERE run = $1 ORDER BY first_at, review");
    reader.all(&sql, &[Value::from(run)], review_row)
}
