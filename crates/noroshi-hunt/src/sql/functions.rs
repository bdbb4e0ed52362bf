//! Which functions there are: those whose value is no longer than what they are given.
//!
//! The engine counts what sorting, grouping and joining hold, and nothing of what an expression makes. A function that
//! makes a long text out of a short one (`repeat`, `lpad`, `replace`, `concat`, `overlay`), or a list out of many
//! (`array_agg`), could be asked for more than any machine has. `||` is there a few times only, because nested
//! questions double what it makes each time.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, BinaryExpr, Expr, LogicalPlan, Operator, ScalarUDF};

use super::{NoAnswer, guard, senseless};

/// How often a question may say `||`: eight doublings of a short text are a page, not more than that.
pub(super) const CONCATS_MAX: usize = 8;

const SCALAR: [&str; 37] = [
    "ascii",
    "bit_length",
    "btrim",
    "character_length",
    "coalesce",
    "contains",
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "ends_with",
    "find_in_set",
    "greatest",
    "initcap",
    "least",
    "left",
    "lower",
    "ltrim",
    "now",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "substr_index",
    "to_date",
    "to_hex",
    "to_timestamp",
    "to_unixtime",
    "upper",
];

const AGGREGATE: [&str; 20] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "first_value",
    "grouping",
    "last_value",
    "max",
    "median",
    "min",
    "stddev",
    "sum",
    "var",
];

/// The scalar functions.
pub(super) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let all = SessionStateDefaults::default_scalar_functions();
    all.into_iter().filter(|function| SCALAR.contains(&function.name())).collect()
}

/// The functions over groups of rows.
pub(super) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let all = SessionStateDefaults::default_aggregate_functions();
    all.into_iter().filter(|function| AGGREGATE.contains(&function.name())).collect()
}

/// Whether a question that was planned keeps to them: some are spoken in words of their own (`OVERLAY(… PLACING …)`), and
/// those the planner brings along.
pub(super) fn admit(plan: &LogicalPlan) -> Result<(), NoAnswer> {
    let (mut concats, mut unknown) = (0_usize, None);
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                match part {
                    Expr::ScalarFunction(call) if !SCALAR.contains(&call.name()) => {
                        unknown = Some(call.name().to_owned());
                    }
                    Expr::AggregateFunction(call) if !AGGREGATE.contains(&call.func.name()) => {
                        unknown = Some(call.func.name().to_owned());
                    }
                    Expr::BinaryExpr(BinaryExpr { op: Operator::StringConcat, .. }) => {
                        concats += 1;
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(senseless)?;
    if let Some(name) = unknown {
        return Err(NoAnswer::Senseless(format!("there is no function `{name}`")));
    }
    if concats > CONCATS_MAX {
        return Err(guard::Refused::TooMuch.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_function_that_is_named_is_there() {
        let scalar = scalar();
        let found: BTreeSet<&str> = scalar.iter().map(|function| function.name()).collect();
        assert_eq!(found, SCALAR.into_iter().collect());
        let aggregate = aggregate();
        let found: BTreeSet<&str> = aggregate.iter().map(|function| function.name()).collect();
        assert_eq!(found, AGGREGATE.into_iter().collect());
    }
}
