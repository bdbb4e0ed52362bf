//! Questions in SQL over mechanical records: one SELECT over one table, read-only and bounded.
//!
//! The table is `records`; its columns are the fields of a mechanical record
//! ([`noroshi_evidence::mechanical::FIELDS`]) and nothing else. A communication that several selectors matched has a row
//! for each of them. The language is that of Apache DataFusion, without every part that could reach anything but the
//! table: it is built without readers of files and without the feature that has them, no format of files and no function
//! that makes a table is known to it, and what is not a SELECT over `records` is refused before it is planned ([`guard`]).
//! Nothing is spilled to disk. What a question can hold is bounded three times over: sorting, grouping and joining by the
//! engine's own count; all else by functions and operators whose values cannot grow ([`functions`]) over few rows at a
//! time; and whoever calls sets a limit for the process.

mod functions;
pub mod guard;
mod table;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::Value;

use crate::communication::{Problem, Scope};
use crate::shelf::Stored;
use table::{Records, Shared};

/// The one table there is.
pub const TABLE: &str = "records";
/// The longest answer, in bytes of its values.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How many rows are worked on at a time.
pub const BATCH_ROWS_MAX: usize = 1_024;
/// How much stack a question has: it may nest as deep as [`guard`] allows.
const STACK_BYTES: usize = 256 << 20;
/// How long a question is waited for that does not notice that its time is over.
const GRACE: Duration = Duration::from_secs(5);

/// How much a question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows of the answer; what goes beyond is cut off, and that is said.
    pub rows_max: usize,
    /// Time.
    pub time_max: Duration,
    /// Memory that sorting, grouping and joining may hold, in bytes. What a row group at hand takes comes on top.
    pub memory_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows_max: 10_000, time_max: Duration::from_secs(60), memory_bytes_max: 512 << 20 }
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows: numbers, texts, truth values, null. Times are texts (RFC 3339).
    pub rows: Vec<Vec<Value>>,
    /// Whether there would have been more.
    pub cut: bool,
    /// Rows of the table that were read.
    pub read: u64,
    /// Row groups that were left out unread.
    pub groups_pruned: u64,
    /// Files that could not be read; the answer is without them.
    pub problems: Vec<Problem>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The question may not be asked.
    #[error(transparent)]
    Refused(#[from] guard::Refused),
    /// It asks for a column or a function that is not there, or makes no sense otherwise.
    #[error("NRS-HUNT-0204: question cannot be answered: {0}")]
    Senseless(String),
    /// It took longer than it may.
    #[error("NRS-HUNT-0205: question took longer than the limit")]
    TooLong,
    /// It needs more memory than it may hold.
    #[error("NRS-HUNT-0206: question needs more memory than the limit")]
    TooMuch,
    /// A record has a value with which the question cannot be worked out. It is not said which: nothing of a record stands in an
    /// error.
    #[error(
        "NRS-HUNT-0210: question broke off at a value that does not fit it; leave such values out, or use `TRY_CAST`"
    )]
    Unfit,
    /// Something else went wrong.
    #[error("NRS-HUNT-0207: question could not be carried out")]
    Failed,
}

impl NoAnswer {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Senseless(_) => "NRS-HUNT-0204",
            Self::TooLong => "NRS-HUNT-0205",
            Self::TooMuch => "NRS-HUNT-0206",
            Self::Failed => "NRS-HUNT-0207",
            Self::Unfit => "NRS-HUNT-0210",
        }
    }
}

/// Asks one question of the records of a scope that may still be retained at `hunted_at`.
pub fn ask(
    files: Vec<Stored>,
    scope: Scope,
    hunted_at: Timestamp,
    question: &str,
    limits: Limits,
) -> Result<Answer, NoAnswer> {
    let (tell, told) = mpsc::channel();
    let question = question.to_owned();
    let thread = std::thread::Builder::new().name("question".to_owned()).stack_size(STACK_BYTES);
    let work = move || {
        let answer = answer(files, scope, hunted_at, &question, limits);
        // Whoever waited too long is not there any more.
        drop(tell.send(answer));
    };
    thread.spawn(work).map_err(|_| NoAnswer::Failed)?;
    match told.recv_timeout(limits.time_max.saturating_add(GRACE)) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(NoAnswer::TooLong),
        // It panicked.
        Err(RecvTimeoutError::Disconnected) => Err(NoAnswer::Failed),
    }
}

fn answer(
    files: Vec<Stored>,
    scope: Scope,
    hunted_at: Timestamp,
    question: &str,
    limits: Limits,
) -> Result<Answer, NoAnswer> {
    let statement = guard::admit(question)?;
    let shared = Arc::new(Shared::default());
    let records = Records::new(files, scope, hunted_at, Arc::clone(&shared));
    let context = context(records, limits)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|_| NoAnswer::Failed)?;
    let work = async {
        let plan = context.state().statement_to_plan(statement).await.map_err(senseless)?;
        // The second lock on the same door: what is planned may not change anything either.
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|_| guard::Refused::NotASelect)?;
        functions::admit(&plan)?;
        let frame = context.execute_logical_plan(plan).await.map_err(senseless)?;
        let columns = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
        let stream = frame.execute_stream().await.map_err(senseless)?;
        let (rows, cut) = rows(stream, limits.rows_max).await?;
        Ok::<_, NoAnswer>((columns, rows, cut))
    };
    let done = runtime.block_on(async { tokio::time::timeout(limits.time_max, work).await });
    let (columns, rows, cut) = done.map_err(|_| NoAnswer::TooLong)??;
    // Whatever still runs holds the shelf; it is not waited for.
    runtime.shutdown_background();
    let problems = std::mem::take(&mut *lock(&shared.problems));
    let counts = *lock(&shared.counts);
    Ok(Answer { columns, rows, cut, read: counts.0, groups_pruned: counts.1, problems })
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An engine that knows one table, and no way to any other.
fn context(records: Records, limits: Limits) -> Result<SessionContext, NoAnswer> {
    let environment = RuntimeEnvBuilder::new()
        .with_memory_limit(limits.memory_bytes_max, 1.0)
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        )
        .build_arc()
        .map_err(|_| NoAnswer::Failed)?;
    // One partition: the same question over the same records gives the same bytes.
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS_MAX)
        .with_information_schema(false)
        .set_bool("datafusion.execution.enable_recursive_ctes", false);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(environment)
        .with_scalar_functions(functions::scalar())
        .with_aggregate_functions(functions::aggregate())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .build();
    let context = SessionContext::new_with_state(state);
    context.register_table(TABLE, Arc::new(records)).map_err(|_| NoAnswer::Failed)?;
    Ok(context)
}

/// What the planner or the engine said, without the sources of its parts.
fn senseless(problem: DataFusionError) -> NoAnswer {
    match problem.find_root() {
        DataFusionError::ResourcesExhausted(_) => NoAnswer::TooMuch,
        DataFusionError::External(_)
        | DataFusionError::Internal(_)
        | DataFusionError::IoError(_) => NoAnswer::Failed,
        _ => {
            let words = problem.strip_backtrace();
            NoAnswer::Senseless(
                words.lines().next().unwrap_or_default().chars().take(500).collect(),
            )
        }
    }
}

/// What came of a question that was being answered. What the engine says then may quote records: nothing of it is handed on.
fn broken_off(problem: DataFusionError) -> NoAnswer {
    match senseless(problem) {
        NoAnswer::Senseless(_) => NoAnswer::Unfit,
        other => other,
    }
}

async fn rows(
    mut stream: datafusion::execution::SendableRecordBatchStream,
    rows_max: usize,
) -> Result<(Vec<Vec<Value>>, bool), NoAnswer> {
    let (mut rows, mut bytes) = (Vec::new(), 0_usize);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(broken_off)?;
        for row in 0..batch.num_rows() {
            if rows.len() >= rows_max || bytes > ANSWER_BYTES_MAX {
                return Ok((rows, true));
            }
            let values = values(&batch, row)?;
            bytes += values.iter().map(|value| value.as_str().map_or(8, str::len)).sum::<usize>();
            rows.push(values);
        }
    }
    Ok((rows, false))
}

fn values(batch: &RecordBatch, row: usize) -> Result<Vec<Value>, NoAnswer> {
    batch.columns().iter().map(|column| value(column, row)).collect()
}

/// One value: a number as a number, all else as it is written.
fn value(column: &ArrayRef, row: usize) -> Result<Value, NoAnswer> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        _ => {
            let options = FormatOptions::default();
            let written =
                ArrayFormatter::try_new(column, &options).map_err(|_| NoAnswer::Failed)?;
            written.value(row).try_to_string().map_err(|_| NoAnswer::Failed)?.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_worked_on_a_few_at_a_time() {
        use noroshi_evidence::mechanical::{Direction, MechanicalRecord};
        let time = Timestamp::UNIX_EPOCH;
        let record = MechanicalRecord {
            selector_id: "kept".parse().unwrap(),
            selector_version: 1,
            measure_id: None,
            ts: time,
            src_ip: Some("192.0.2.7".parse().unwrap()),
            dst_ip: Some("203.0.113.5".parse().unwrap()),
            src_port: None,
            dst_port: None,
            proto: None,
            bytes: None,
            packets: None,
            flow_start: None,
            flow_end: None,
            direction: Direction::OwnNetwork,
            retain_until: "2027-01-01T00:00:00Z".parse().unwrap(),
        };
        let dir = tempfile::tempdir().unwrap();
        let mut writer = noroshi_sift::store::RecordWriter::new(Vec::new()).unwrap();
        writer.write(&vec![record; 5_000]).unwrap();
        std::fs::write(dir.path().join("0.parquet"), writer.finish().unwrap()).unwrap();
        let files = crate::shelf::list(dir.path()).unwrap();
        let records = Records::new(files, Scope::OwnNetwork, time, Arc::new(Shared::default()));
        let context = context(records, Limits::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let batches = runtime.block_on(async {
            context.sql("SELECT src_ip FROM records").await.unwrap().collect().await.unwrap()
        });
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 5_000);
        assert!(batches.iter().all(|batch| batch.num_rows() <= BATCH_ROWS_MAX));
    }
}
