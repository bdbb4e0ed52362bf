//! The table of mechanical records: only the columns that a question needs, and only row groups in which its conditions
//! can hold. Conditions are used to leave out; the engine asks them again of every row that is read.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder, TimestampMicrosecondArray,
    UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures_util::stream;
use jiff::Timestamp;
use noroshi_evidence::mechanical::FIELDS;
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;

use super::{BATCH_ROWS_MAX, lock};
use crate::columns::{ABSENT, Numbers, at, texts};
use crate::communication::{Problem, Scope};
use crate::shelf::{About, Opened, Stored};

/// What is learnt while a question is answered.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) problems: Mutex<Vec<Problem>>,
    /// Rows read, and row groups left out.
    pub(super) counts: Mutex<(u64, u64)>,
}

/// The records of some files.
pub(super) struct Records {
    files: Arc<Vec<Stored>>,
    scope: Scope,
    hunted_us: i64,
    shared: Arc<Shared>,
    schema: SchemaRef,
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "records of {} files", self.files.len())
    }
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

fn kind_of(column: usize) -> DataType {
    match column {
        at::SELECTOR_VERSION => DataType::UInt32,
        at::TS | at::FLOW_START | at::FLOW_END | at::RETAIN_UNTIL => time(),
        at::SRC_PORT | at::DST_PORT => DataType::UInt16,
        at::PROTO => DataType::UInt8,
        at::BYTES | at::PACKETS => DataType::UInt64,
        _ => DataType::Utf8,
    }
}

impl Records {
    pub(super) fn new(
        files: Vec<Stored>,
        scope: Scope,
        hunted_at: Timestamp,
        shared: Arc<Shared>,
    ) -> Self {
        let required =
            [at::SELECTOR_ID, at::SELECTOR_VERSION, at::TS, at::DIRECTION, at::RETAIN_UNTIL];
        let fields = FIELDS.iter().enumerate();
        let fields: Vec<Field> = fields
            .map(|(column, name)| Field::new(*name, kind_of(column), !required.contains(&column)))
            .collect();
        let files = files.into_iter().filter(|file| scope.may_lie_in(file)).collect();
        Self {
            files: Arc::new(files),
            scope,
            hunted_us: hunted_at.as_microsecond(),
            shared,
            schema: Arc::new(Schema::new(fields)),
        }
    }
}

#[async_trait]
impl TableProvider for Records {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Each is used as far as it is understood; none is relied on.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..FIELDS.len()).collect());
        let schema = Arc::new(self.schema.project(&columns)?);
        let mut bounds = Bounds::default();
        filters.iter().for_each(|filter| bounds.narrow(filter));
        let part = Part {
            files: Arc::clone(&self.files),
            scope: self.scope.clone(),
            hunted_us: self.hunted_us,
            shared: Arc::clone(&self.shared),
            schema: Arc::clone(&schema),
            columns,
            bounds,
            // With conditions, rows that are read may not count.
            limit: limit.filter(|_| filters.is_empty()),
        };
        let plan =
            StreamingTableExec::try_new(schema, vec![Arc::new(part)], None, None, false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// Within which bounds a row must lie to be of interest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Bounds {
    /// The least and the greatest time, in microseconds.
    ts: (Option<i64>, Option<i64>),
    /// Columns that must have one of these texts.
    texts: Vec<(usize, BTreeSet<String>)>,
}

impl Bounds {
    /// Takes in a condition that must hold, as far as it is understood.
    fn narrow(&mut self, filter: &Expr) {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left);
                self.narrow(right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
                (Expr::Column(column), Expr::Literal(value, _)) => self.compare(column, *op, value),
                (Expr::Literal(value, _), Expr::Column(column)) => {
                    if let Some(op) = op.swap() {
                        self.compare(column, op, value);
                    }
                }
                _ => {}
            },
            Expr::Between(between) if !between.negated => {
                if let (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) =
                    (&*between.expr, &*between.low, &*between.high)
                {
                    self.compare(column, Operator::GtEq, low);
                    self.compare(column, Operator::LtEq, high);
                }
            }
            Expr::InList(list) if !list.negated => {
                let texts = list.list.iter().map(|one| match one {
                    Expr::Literal(value, _) => value.try_as_str().flatten().map(ToOwned::to_owned),
                    _ => None,
                });
                if let (Expr::Column(column), Some(texts)) = (&*list.expr, texts.collect()) {
                    self.one_of(column, texts);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, column: &Column, op: Operator, value: &ScalarValue) {
        if let (Operator::Eq, Some(Some(text))) = (op, value.try_as_str()) {
            return self.one_of(column, BTreeSet::from([text.to_owned()]));
        }
        let ScalarValue::TimestampMicrosecond(Some(us), _) = value else { return };
        if column.name != "ts" {
            return;
        }
        let (from, to) = &mut self.ts;
        if matches!(op, Operator::Gt | Operator::GtEq | Operator::Eq) {
            *from = Some(from.map_or(*us, |from| from.max(*us)));
        }
        if matches!(op, Operator::Lt | Operator::LtEq | Operator::Eq) {
            *to = Some(to.map_or(*us, |to| to.min(*us)));
        }
    }

    fn one_of(&mut self, column: &Column, texts: BTreeSet<String>) {
        let at = FIELDS.iter().position(|name| *name == column.name);
        if let Some(at) = at.filter(|at| kind_of(*at) == DataType::Utf8) {
            self.texts.push((at, texts));
        }
    }

    /// Whether the end of the file says that no row of a row group is of interest.
    fn rule_out(&self, about: About<'_>) -> bool {
        let (from, to) = self.ts;
        let by_time = about.numbers(at::TS).is_some_and(|(first, last)| {
            from.is_some_and(|from| last < from) || to.is_some_and(|to| first > to)
        });
        by_time
            || self.texts.iter().any(|(column, texts)| {
                about.is_empty(*column)
                    || about.texts(*column).is_some_and(|(least, greatest)| {
                        !texts.iter().any(|text| (least..=greatest).contains(&text.as_bytes()))
                    })
            })
    }
}

#[derive(Clone)]
struct Part {
    files: Arc<Vec<Stored>>,
    scope: Scope,
    hunted_us: i64,
    shared: Arc<Shared>,
    schema: SchemaRef,
    columns: Vec<usize>,
    bounds: Bounds,
    limit: Option<usize>,
}

impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "records of {} files", self.files.len())
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let batches =
            Batches { part: self.clone(), file: 0, opened: None, group: 0, given: 0, rest: None };
        Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches)))
    }
}

/// One row group after the other, a few rows of it at a time.
struct Batches {
    part: Part,
    file: usize,
    opened: Option<Opened>,
    group: usize,
    given: usize,
    /// What of a row group has not been given yet.
    rest: Option<RecordBatch>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.part.limit.is_some_and(|limit| self.given >= limit) {
                return None;
            }
            if let Some(rest) = self.rest.take() {
                let rows = rest.num_rows().min(BATCH_ROWS_MAX);
                let left = rest.num_rows() - rows;
                self.rest = (left > 0).then(|| rest.slice(rows, left));
                self.given += rows;
                return Some(Ok(rest.slice(0, rows)));
            }
            let files = Arc::clone(&self.part.files);
            let stored = files.get(self.file)?;
            let Some(opened) = &self.opened else {
                match stored.open() {
                    Ok(opened) => (self.opened, self.group) = (Some(opened), 0),
                    Err(reason) => {
                        lock(&self.part.shared.problems)
                            .push(Problem { file: stored.name.clone(), reason });
                        self.file += 1;
                    }
                }
                continue;
            };
            if self.group >= opened.groups() {
                self.opened = None;
                self.file += 1;
                continue;
            }
            let group = self.group;
            self.group += 1;
            let about = opened.about(group);
            let is_over = about
                .numbers(at::RETAIN_UNTIL)
                .is_some_and(|(_, last)| last <= self.part.hunted_us);
            if is_over || self.part.bounds.rule_out(about) {
                lock(&self.part.shared.counts).1 += 1;
                continue;
            }
            match opened.read(group, |group| self.part.read(group)) {
                Ok(Some(batch)) => {
                    lock(&self.part.shared.counts).0 += batch.num_rows() as u64;
                    self.rest = Some(batch);
                }
                Ok(None) => lock(&self.part.shared.counts).1 += 1,
                Err(reason) => {
                    let problem = Problem { file: stored.name.clone(), reason };
                    lock(&self.part.shared.problems).push(problem);
                    self.opened = None;
                    self.file += 1;
                }
            }
        }
    }
}

impl Part {
    /// The rows of a row group that belong to the scope; nothing where a dictionary rules all out.
    fn read(&self, group: &dyn RowGroupReader) -> Result<Option<RecordBatch>, ParquetError> {
        for (column, wanted) in &self.bounds.texts {
            let known = crate::columns::Texts::open(group, *column)?;
            let is_wanted =
                |text: &[u8]| std::str::from_utf8(text).is_ok_and(|text| wanted.contains(text));
            if known.is_whole() && !known.values().any(is_wanted) {
                return Ok(None);
            }
        }
        let (measures, codes) = texts(group, at::MEASURE_ID)?;
        let retain_until = Numbers::read(group, at::RETAIN_UNTIL, None)?;
        let belongs = |row: usize, code: u32| {
            self.scope.holds(measures.value(code))
                && retain_until.get(row).is_some_and(|until| until > self.hunted_us)
        };
        let rows: Vec<usize> = codes
            .iter()
            .enumerate()
            .filter(|(row, code)| belongs(*row, **code))
            .map(|(row, _)| row)
            .collect();
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|column| array(group, *column, &rows))
            .collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        batch.map(Some).map_err(|_| torn())
    }
}

fn torn() -> ParquetError {
    ParquetError::General("column has a value that it cannot have".to_owned())
}

/// The values of some rows of a column.
fn array(
    group: &dyn RowGroupReader,
    column: usize,
    rows: &[usize],
) -> Result<ArrayRef, ParquetError> {
    if kind_of(column) == DataType::Utf8 {
        let (values, codes) = texts(group, column)?;
        let mut array = StringBuilder::with_capacity(rows.len(), rows.len() * 16);
        for row in rows {
            let code = codes.get(*row).copied().unwrap_or(ABSENT);
            let text =
                values.value(code).map(std::str::from_utf8).transpose().map_err(|_| torn())?;
            array.append_option(text);
        }
        return Ok(Arc::new(array.finish()));
    }
    let numbers = Numbers::read(group, column, None)?;
    let values = rows.iter().map(|row| numbers.get(*row));
    Ok(match kind_of(column) {
        DataType::UInt8 => Arc::new(small(values)?.into_iter().collect::<UInt8Array>()),
        DataType::UInt16 => Arc::new(small(values)?.into_iter().collect::<UInt16Array>()),
        DataType::UInt32 => Arc::new(small(values)?.into_iter().collect::<UInt32Array>()),
        DataType::UInt64 => {
            Arc::new(values.map(|value| value.map(i64::cast_unsigned)).collect::<UInt64Array>())
        }
        _ => Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("+00:00")),
    })
}

fn small<T: TryFrom<i64>>(
    values: impl Iterator<Item = Option<i64>>,
) -> Result<Vec<Option<T>>, ParquetError> {
    values.map(|value| value.map(T::try_from).transpose().map_err(|_| torn())).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn conditions_become_bounds_as_far_as_they_are_understood() {
        let time =
            |us: i64| lit(ScalarValue::TimestampMicrosecond(Some(us), Some("+00:00".into())));
        let mut bounds = Bounds::default();
        bounds.narrow(&col("ts").gt_eq(time(5)).and(time(9).gt(col("ts"))));
        bounds.narrow(&col("dst_ip").eq(lit("203.0.113.5")));
        bounds.narrow(&col("src_ip").in_list(vec![lit("192.0.2.7"), lit("192.0.2.8")], false));
        // Not understood, so nothing is left out for them.
        bounds.narrow(&col("ts").lt(time(1)).or(col("bytes").gt(lit(3_u64))));
        bounds.narrow(&col("dst_ip").not_eq(lit("203.0.113.6")));
        bounds.narrow(&col("src_ip").in_list(vec![lit("192.0.2.9")], true));
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let expected = Bounds {
            ts: (Some(5), Some(9)),
            texts: vec![
                (at::DST_IP, set(&["203.0.113.5"])),
                (at::SRC_IP, set(&["192.0.2.7", "192.0.2.8"])),
            ],
        };
        assert_eq!(bounds, expected);
    }
}
