//! Which questions may be asked: one SELECT over the one table.
//!
//! A question is read by the same parser as the engine's and refused for what it *is*, not for words in it: more than one
//! statement, a statement that is no query, a table of another name, a function or an expression in the place of a table,
//! clauses that write (`INTO`), lock or set anything. What is not known to be harmless is refused.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SetExpr, Statement as Sql, TableAlias, TableFactor,
    Visit as _, VisitMut as _, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::TABLE;
use super::functions::CONCATS_MAX;
use crate::record::QUESTION_BYTES_MAX;

/// How many words and signs a question may have; as many bound how deep it can nest.
pub const TOKENS_MAX: usize = 4_000;
/// How many expressions a question may have.
pub const EXPRESSIONS_MAX: usize = 2_000;
/// How many tables a question may name, the same counted each time.
pub const TABLES_MAX: usize = 16;

/// Why a question may not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not one SELECT and nothing else.
    #[error("NRS-HUNT-0201: question is not one SELECT")]
    NotASelect,
    /// Another table than `records`, or what is no table.
    #[error("NRS-HUNT-0202: question asks another table than `records`")]
    OtherTable,
    /// Longer or of more parts than the limits.
    #[error(
        "NRS-HUNT-0203: question is longer than {QUESTION_BYTES_MAX} bytes or has more than {EXPRESSIONS_MAX} expressions, {TABLES_MAX} tables or {CONCATS_MAX} `||`"
    )]
    TooMuch,
}

impl Refused {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotASelect => "NRS-HUNT-0201",
            Self::OtherTable => "NRS-HUNT-0202",
            Self::TooMuch => "NRS-HUNT-0203",
        }
    }
}

/// The question as a statement, where it may be asked. A chain of as many parts as the limits allow is gone through part
/// within part: whoever calls has a stack for that ([`super::ask`] makes one).
pub fn admit(question: &str) -> Result<Statement, Refused> {
    if question.len() > QUESTION_BYTES_MAX {
        return Err(Refused::TooMuch);
    }
    let tokens = Tokenizer::new(&GenericDialect {}, question).tokenize();
    let tokens = tokens.map_err(|_| Refused::NotASelect)?;
    let is_said = |token: &&Token| !matches!(token, Token::Whitespace(_));
    if tokens.iter().filter(is_said).count() > TOKENS_MAX {
        return Err(Refused::TooMuch);
    }
    let statements = DFParser::parse_sql(question).map_err(|_| Refused::NotASelect)?;
    let mut statements = statements.into_iter();
    let (Some(mut statement), None) = (statements.next(), statements.next()) else {
        return Err(Refused::NotASelect);
    };
    let Statement::Statement(sql) = &statement else { return Err(Refused::NotASelect) };
    if !matches!(**sql, Sql::Query(_)) {
        return Err(Refused::NotASelect);
    }
    let mut names = Names::default();
    let _done = sql.visit(&mut names);
    let mut check = Check { names: names.0, expressions: 0, tables: 0 };
    if let ControlFlow::Break(refused) = sql.visit(&mut check) {
        return Err(refused);
    }
    if let Statement::Statement(sql) = &mut statement {
        let _done = sql.visit(&mut Named(0));
    }
    Ok(statement)
}

/// Gives every query that stands as a table a name. The engine takes an expression for the one of the same spelling in the
/// query within, where neither has a name to tell them apart: `SELECT x + x AS x FROM (SELECT x + x AS x FROM …)` would be
/// added once.
struct Named(usize);

impl VisitorMut for Named {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { alias: alias @ None, .. } = factor {
            self.0 += 1;
            let name = Ident::with_quote('"', format!(" {}", self.0));
            *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
        }
        ControlFlow::Continue(())
    }
}

/// The names that the question itself gives to parts of it.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }
}

struct Check {
    names: BTreeSet<String>,
    expressions: usize,
    tables: usize,
}

impl Visitor for Check {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refused> {
        let is_recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        let has_more = !query.locks.is_empty()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || query.for_clause.is_some()
            || !query.pipe_operators.is_empty();
        // What is no name may not be taken for one either.
        let hides = query
            .with
            .iter()
            .flat_map(|with| &with.cte_tables)
            .any(|table| table.alias.name.value.eq_ignore_ascii_case(TABLE));
        if is_recursive || has_more || hides || !is_select(&query.body) {
            return ControlFlow::Break(Refused::NotASelect);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Refused> {
        let has_more = select.into.is_some()
            || !select.lateral_views.is_empty()
            || !select.connect_by.is_empty()
            || !select.optimizer_hints.is_empty();
        if has_more { ControlFlow::Break(Refused::NotASelect) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Refused> {
        let is_plain = match factor {
            TableFactor::Table {
                args,
                with_hints,
                version,
                partitions,
                json_path,
                sample,
                index_hints,
                ..
            } => {
                args.is_none()
                    && with_hints.is_empty()
                    && version.is_none()
                    && partitions.is_empty()
                    && json_path.is_none()
                    && sample.is_none()
                    && index_hints.is_empty()
            }
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => true,
            _ => false,
        };
        self.tables += 1;
        if !is_plain {
            return ControlFlow::Break(Refused::OtherTable);
        }
        if self.tables > TABLES_MAX {
            return ControlFlow::Break(Refused::TooMuch);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Refused> {
        let name = match relation.0.as_slice() {
            [part] => part.as_ident().map(|name| name.value.to_lowercase()),
            _ => None,
        };
        let is_known = name.is_some_and(|name| name == TABLE || self.names.contains(&name));
        if is_known { ControlFlow::Continue(()) } else { ControlFlow::Break(Refused::OtherTable) }
    }

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<Refused> {
        self.expressions += 1;
        if self.expressions > EXPRESSIONS_MAX {
            return ControlFlow::Break(Refused::TooMuch);
        }
        ControlFlow::Continue(())
    }
}

fn is_select(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_select(left) && is_select(right),
        SetExpr::Values(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_)
        | SetExpr::Table(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_select_over_the_one_table_and_nothing_else() {
        let thread = std::thread::Builder::new().stack_size(crate::sql::STACK_BYTES);
        thread.spawn(all).unwrap().join().unwrap();
    }

    fn all() {
        let check = |question: &str, expected: Option<Refused>| {
            assert_eq!(admit(question).err(), expected, "{question}");
        };
        for question in [
            "SELECT * FROM records",
            "select dst_ip, count(*) from Records where ts > '2026-11-22' group by 1 order by 2 desc limit 5",
            "WITH busy AS (SELECT src_ip FROM records) SELECT * FROM busy JOIN records USING (src_ip)",
            "SELECT 1 UNION ALL SELECT selector_version FROM records",
            "SELECT * FROM (SELECT * FROM records) AS inner_one WHERE dst_ip IN (SELECT dst_ip FROM records)",
        ] {
            check(question, None);
        }
        for question in [
            "",
            "SELECT",
            "SELECT 1; SELECT 2",
            "INSERT INTO records SELECT * FROM records",
            "DELETE FROM records",
            "UPDATE records SET bytes = 0",
            "DROP TABLE records",
            "CREATE TABLE other AS SELECT * FROM records",
            "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
            "COPY records TO 'out.csv'",
            "SET datafusion.execution.target_partitions = 9",
            "SHOW TABLES",
            "EXPLAIN SELECT * FROM records",
            "SELECT * INTO other FROM records",
            "SELECT * FROM records FOR UPDATE",
            "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT * FROM r",
            "WITH records AS (SELECT 1) SELECT * FROM records",
            "VALUES (1)",
            "TABLE records",
            "PREPARE p AS SELECT 1",
        ] {
            check(question, Some(Refused::NotASelect));
        }
        for question in [
            "SELECT * FROM '/etc/passwd'",
            "SELECT * FROM \"/etc/passwd.csv\"",
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM datafusion.public.records",
            "SELECT * FROM generate_series(1, 10)",
            "SELECT * FROM records, LATERAL generate_series(1, 3)",
            "SELECT * FROM UNNEST([1, 2])",
            "SELECT * FROM records JOIN other ON true",
            "SELECT (SELECT 1 FROM read_csv('x')) FROM records",
        ] {
            check(question, Some(Refused::OtherTable));
        }
        check(&format!("SELECT {}", "1, ".repeat(6_000)), Some(Refused::TooMuch));
        check(&format!("SELECT 1{}", "+1".repeat(3_000)), Some(Refused::TooMuch));
        check(&format!("SELECT 1{} FROM records", "+1".repeat(990)), None);
        check(&format!("SELECT 1{} FROM records", "+1".repeat(1_990)), Some(Refused::TooMuch));
        let joins = " CROSS JOIN records".repeat(16);
        check(&format!("SELECT 1 FROM records{joins}"), Some(Refused::TooMuch));
    }
}
