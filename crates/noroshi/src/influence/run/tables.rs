//! The tables in which a run tells what it found: which columns they have, and how a cell is read, shown and taken out.
//!
//! One description serves the page, the API, the CSV and the evidence pack, so that they cannot say different things.

use noroshi_insight::coordination::export::cell;
use serde_json::Value;

use crate::web::locale::Words;

/// Rows of one table of a run at most; what is beyond is counted in the summary.
pub const ROWS_MAX: usize = 5_000;

/// How a cell is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text as it stands.
    Text,
    /// A pseudonym, a domain, a key.
    Code,
    /// A whole number.
    Whole,
    /// A number with three places, small ones by their power of ten.
    Real,
    /// A part of one, shown in per cent.
    Part,
    /// Milliseconds since 1970.
    Moment,
    /// A span in milliseconds.
    Span,
    /// A list of texts, one after the other.
    List,
    /// A word, or a list of words, of the locale under this prefix.
    Word(&'static str),
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in files and in the body of a row.
    pub name: &'static str,
    /// How its cells are read.
    pub kind: Kind,
}

/// A table of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name in files and addresses.
    pub name: &'static str,
    /// The engines that fill it.
    pub engines: &'static [&'static str],
    /// Its columns.
    pub columns: &'static [Column],
    /// The columns of the evidence behind a row; none where the row says all.
    pub evidence: &'static [Column],
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

const BURST: &[Column] = &[
    column("from", Kind::Moment),
    column("until", Kind::Moment),
    column("accounts", Kind::Whole),
    column("expected", Kind::Real),
    column("p", Kind::Real),
];
const WHO_WHEN: &[Column] = &[column("account", Kind::Code), column("at", Kind::Moment)];

/// All tables.
pub const TABLES: &[Table] = &[
    Table { name: "creations", engines: &["cadence"], columns: BURST, evidence: WHO_WHEN },
    Table { name: "returns", engines: &["cadence"], columns: BURST, evidence: WHO_WHEN },
    Table {
        name: "sleepers",
        engines: &["cadence"],
        columns: &[
            column("account", Kind::Code),
            column("silent_from", Kind::Moment),
            column("woke", Kind::Moment),
            column("before", Kind::Whole),
            column("after", Kind::Whole),
        ],
        evidence: &[],
    },
    Table {
        name: "rhythms",
        engines: &["cadence"],
        columns: &[
            column("account", Kind::Code),
            column("posts", Kind::Whole),
            column("measures", Kind::Word("measure")),
        ],
        evidence: &[
            column("measure", Kind::Word("measure")),
            column("value", Kind::Real),
            column("less_regular", Kind::Whole),
            column("among", Kind::Whole),
        ],
    },
    Table {
        name: "shifts",
        engines: &["cadence"],
        columns: &[
            column("hours", Kind::Whole),
            column("accounts", Kind::Whole),
            column("sure", Kind::Whole),
        ],
        evidence: &[],
    },
    Table {
        name: "names",
        engines: &["cadence"],
        columns: &[
            column("name", Kind::Code),
            column("accounts", Kind::Whole),
            column("first", Kind::Moment),
            column("last", Kind::Moment),
        ],
        evidence: &[
            column("account", Kind::Code),
            column("first", Kind::Moment),
            column("last", Kind::Moment),
        ],
    },
    Table {
        name: "spreads",
        engines: &["amplification"],
        columns: &[
            column("object", Kind::Text),
            column("posts", Kind::Whole),
            column("accounts", Kind::Whole),
            column("channels", Kind::Whole),
            column("first", Kind::Moment),
            column("source", Kind::Code),
            column("half", Kind::Span),
            column("generations", Kind::Whole),
        ],
        evidence: &[
            column("at", Kind::Moment),
            column("account", Kind::Code),
            column("channel", Kind::Code),
        ],
    },
    Table {
        name: "chains",
        engines: &["sites", "amplification"],
        columns: &[column("sites", Kind::List), column("items", Kind::Whole)],
        evidence: &[
            column("from", Kind::Code),
            column("to", Kind::Code),
            column("items", Kind::Whole),
            column("lag", Kind::Span),
        ],
    },
    Table {
        name: "links",
        engines: &["sites", "amplification"],
        columns: &[
            column("from", Kind::Code),
            column("to", Kind::Code),
            column("items", Kind::Whole),
            column("back", Kind::Whole),
            column("share", Kind::Part),
            column("lag", Kind::Span),
            column("p", Kind::Real),
        ],
        evidence: &[
            column("item", Kind::Text),
            column("from_at", Kind::Moment),
            column("to_at", Kind::Moment),
        ],
    },
    Table {
        name: "firsts",
        engines: &["sites", "amplification"],
        columns: &[
            column("site", Kind::Code),
            column("first", Kind::Whole),
            column("held", Kind::Whole),
        ],
        evidence: &[],
    },
    Table {
        name: "residues",
        engines: &["residue"],
        columns: &[
            column("account", Kind::Code),
            column("at", Kind::Moment),
            column("class", Kind::Word("residue")),
            column("rule", Kind::Code),
            column("quoted", Kind::Word("quoted")),
        ],
        evidence: &[],
    },
    Table {
        name: "topics",
        engines: &["narratives"],
        columns: &[
            column("terms", Kind::List),
            column("texts", Kind::Whole),
            column("posts", Kind::Whole),
            column("accounts", Kind::Whole),
            column("first", Kind::Moment),
            column("last", Kind::Moment),
        ],
        evidence: &[column("week", Kind::Moment), column("texts", Kind::Whole)],
    },
];

/// The tables that an engine fills, in the order of the page.
pub fn of_engine(engine: &str) -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(move |table| table.engines.contains(&engine))
}

/// One table of an engine.
pub fn find(engine: &str, name: &str) -> Option<&'static Table> {
    of_engine(engine).find(|table| table.name == name)
}

/// What a cell says to a reader.
pub fn shown(words: Words, kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Null) => String::new(),
        (Kind::Whole, value) => {
            value.as_i64().map_or_else(|| value.to_string(), |number| words.n(number))
        }
        (Kind::Real, value) => value.as_f64().map_or_else(String::new, real),
        (Kind::Part, value) => value.as_f64().map_or_else(String::new, |part| {
            #[expect(clippy::cast_possible_truncation, reason = "a part of one")]
            words.percent((part * 1_000.0).round() as i64, 1_000_i64)
        }),
        (Kind::Moment, value) => value
            .as_i64()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .map_or_else(String::new, |at| words.stamp(at)),
        (Kind::Span, value) => value.as_i64().map_or_else(String::new, |ms| {
            if ms < 120_000 {
                return words.tv("influence-seconds", &[("n", words.n(ms / 1_000).into())]);
            }
            words.took(jiff::SignedDuration::from_millis(ms))
        }),
        (Kind::Word(prefix), value) => {
            let word = |one: &str| words.t(format!("influence-{prefix}-{}", one.replace('_', "-")));
            listed(value, word, words.t("influence-list-comma").as_str())
        }
        (Kind::List, value) => {
            listed(value, str::to_owned, words.t("influence-list-comma").as_str())
        }
        (Kind::Text | Kind::Code, value) => plain(value),
    }
}

fn listed(value: &Value, word: impl Fn(&str) -> String, comma: &str) -> String {
    match value {
        Value::Array(all) => {
            let all: Vec<String> = all.iter().filter_map(Value::as_str).map(word).collect();
            all.join(comma)
        }
        other => word(&plain(other)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn real(number: f64) -> String {
    if number != 0.0 && number.abs() < 0.001 {
        format!("{number:.2e}")
    } else {
        format!("{number:.3}")
    }
}

/// A cell of a file: numbers as they are, lists with a bar between their entries, and no formula.
fn in_file(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().map(plain).collect();
            cell(&all.join(" | "))
        }
        Value::String(text) => cell(text),
        other => other.to_string(),
    }
}

/// Rows of a table as CSV, with their number first.
pub fn csv<'a>(columns: &[Column], rows: impl Iterator<Item = (i64, &'a Value)>) -> String {
    let mut text = String::from("number");
    for column in columns {
        text.push(',');
        text.push_str(column.name);
    }
    text.push('\n');
    for (number, body) in rows {
        text.push_str(&number.to_string());
        for column in columns {
            text.push(',');
            text.push_str(&in_file(body.get(column.name).unwrap_or(&Value::Null)));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::web::locale::Lang;

    #[test]
    fn a_cell_is_read_shown_and_taken_out() {
        let words = Words::new(Lang::En);
        for (kind, value, wanted) in [
            (Kind::Whole, json!(1_234), "1,234"),
            (Kind::Real, json!(1.5e-9), "1.50e-9"),
            (Kind::Real, json!(0.25), "0.250"),
            (Kind::Part, json!(0.5), "50.0%"),
            (Kind::List, json!(["a", "b"]), "a, b"),
            (Kind::Word("measure"), json!("quiet-hours"), "longest quiet part of the day (hours)"),
            (Kind::Code, json!("x.example"), "x.example"),
            (Kind::Moment, Value::Null, ""),
        ] {
            assert_eq!(shown(words, kind, &value), wanted, "{kind:?}");
        }
        let row = json!({ "a": "=1+1", "b": ["x", "y,z"], "c": 3, "d": null });
        let columns = ["a", "b", "c", "d"].map(|name| column(name, Kind::Text));
        assert_eq!(
            csv(&columns, [(7, &row)].into_iter()),
            "number,a,b,c,d\n7,'=1+1,\"x | y,z\",3,\n"
        );
    }

    #[test]
    fn every_table_and_column_has_its_words_in_both_languages() {
        for lang in [Lang::Ja, Lang::En] {
            let words = Words::new(lang);
            for table in TABLES {
                for key in ["table", "about", "say"] {
                    let key = format!("influence-{key}-{}", table.name);
                    assert!(words.has(&key), "{key}");
                }
                for column in table.columns.iter().chain(table.evidence) {
                    let key = format!("influence-column-{}", column.name.replace('_', "-"));
                    assert!(words.has(&key), "{key}");
                }
            }
            for measure in noroshi_insight::cadence::Measure::ALL {
                assert!(words.has(&format!("influence-measure-{}", measure.name())));
            }
            for class in ["self", "refusal", "draft", "placeholder", "tool", "markup"] {
                assert!(words.has(&format!("influence-residue-{class}")));
            }
            for kind in [
                "url",
                "domain",
                "repost",
                "fast-repost",
                "text",
                "media",
                "hashtag-set",
                "hashtag",
                "reply",
                "mention",
                "other",
            ] {
                assert!(words.has(&format!("influence-shared-{kind}")), "{kind}");
            }
            for rule in [
                "tld-swap",
                "hyphenation",
                "dot-omission",
                "visual",
                "reading",
                "short-repeat",
                "edit1",
                "edit2",
                "media-combo",
                "combosquat",
                "token-combo",
                "token-embed",
                "sub-embed",
                "gov-embed",
                "idn-mixed",
            ] {
                assert!(words.has(&format!("influence-imitation-{rule}")), "{rule}");
            }
        }
    }
}
