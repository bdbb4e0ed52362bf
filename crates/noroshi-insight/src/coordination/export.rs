//! Edges, groups and the network as files: CSV whose cells no spreadsheet takes for a formula, and `GraphML`.
//!
//! Every writer takes records and their analysis, because an analysis holds numbers and the records hold the names.

use std::io::{self, Write};

use super::analysis::{Analysis, Edge, Group, Level};
use super::events::Records;

/// One line for each edge: `account_a,account_b,weight,p,q` and what explains it.
///
/// `p` and `q` are empty where the null model was off. Of several traces the one with the smallest probability is told.
///
/// # Errors
/// What the sink returns.
pub fn edges_csv(records: &Records, analysis: &Analysis, sink: &mut impl Write) -> io::Result<()> {
    writeln!(
        sink,
        "account_a,account_b,weight,p,q,trace,window_seconds,joint_objects,common_objects,expected_by_activity,\
         expected_by_interest,q_interest,q_gap,q_circles,gap_seconds,first,last,days,a_leads,b_leads,leads_p,strength,backbone,truss,\
         stability,group"
    )?;
    for edge in &analysis.edges {
        edge_line(records, edge, sink)?;
    }
    Ok(())
}

fn edge_line(records: &Records, edge: &Edge, sink: &mut impl Write) -> io::Result<()> {
    let accounts = records.accounts();
    write!(
        sink,
        "{},{},{},{},{}",
        cell(&accounts.name(edge.a)),
        cell(&accounts.name(edge.b)),
        edge.weight,
        optional(edge.p),
        optional(edge.q)
    )?;
    let p = |p: Option<f64>| p.unwrap_or(1.0);
    let best = edge
        .traces
        .iter()
        .min_by(|left, right| p(left.p).total_cmp(&p(right.p)).then(left.trace.cmp(&right.trace)));
    match best {
        Some(told) => write!(
            sink,
            ",{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            name(told.kind),
            told.window_seconds,
            told.objects,
            told.common.map(|common| common.to_string()).unwrap_or_default(),
            optional(told.expected_activity),
            optional(told.expected_interest),
            optional(told.q_interest),
            optional(told.q_gap),
            optional(told.q_circles),
            real(told.gap_seconds),
            told.first,
            told.last,
            told.days,
            told.leads.a,
            told.leads.b,
            real(told.leads.p)
        )?,
        None => write!(sink, ",,,,,,,,,,,,,,,,")?,
    }
    writeln!(
        sink,
        ",{},{},{},{},{}",
        real(edge.strength),
        real(edge.backbone),
        edge.truss,
        optional(edge.stability),
        edge.group.map(|group| group.to_string()).unwrap_or_default()
    )
}

/// One line for each member of a group, groups and members in the order of the analysis.
///
/// # Errors
/// What the sink returns.
pub fn groups_csv(records: &Records, analysis: &Analysis, sink: &mut impl Write) -> io::Result<()> {
    writeln!(
        sink,
        "group,account,level,accounts,edges,edges_synchronous,traces,families,days,first,last,bursts,reach,exclusive,\
         gap_median_seconds,core_truss,group_stability,centrality,partners,stability,core"
    )?;
    for (index, group) in analysis.groups.iter().enumerate() {
        let shared = group_cells(group);
        for member in &group.members {
            let account = records.accounts().name(member.account);
            writeln!(
                sink,
                "{index},{},{shared},{},{},{},{}",
                cell(&account),
                real(member.centrality),
                member.partners,
                optional(member.stability),
                u8::from(member.core)
            )?;
        }
    }
    Ok(())
}

fn group_cells(group: &Group) -> String {
    format!(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
        level(group.level),
        group.members.len(),
        group.edges.len(),
        group.edges_synchronous,
        group.traces,
        group.families,
        group.days,
        group.first,
        group.last,
        group.bursts,
        group.reach,
        group.exclusive,
        group.gap_median_seconds,
        group.core_truss,
        optional(group.stability)
    )
}

/// The network as `GraphML` 1.0: nodes with their group, edges with weight, strength, p and q.
///
/// # Errors
/// What the sink returns.
pub fn graphml(records: &Records, analysis: &Analysis, sink: &mut impl Write) -> io::Result<()> {
    sink.write_all(GRAPHML_HEAD.as_bytes())?;
    let mut nodes: Vec<u32> = analysis.edges.iter().flat_map(|edge| [edge.a, edge.b]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let mut groups: Vec<(u32, usize, Level)> = Vec::new();
    for (index, group) in analysis.groups.iter().enumerate() {
        groups.extend(group.members.iter().map(|member| (member.account, index, group.level)));
    }
    groups.sort_unstable_by_key(|one| one.0);
    for node in nodes {
        let account = text(&records.accounts().name(node));
        write!(sink, "    <node id=\"n{node}\"><data key=\"account\">{account}</data>")?;
        let found = groups.binary_search_by_key(&node, |one| one.0).ok();
        if let Some(&(_, group, of)) = found.and_then(|found| groups.get(found)) {
            write!(
                sink,
                "<data key=\"group\">{group}</data><data key=\"level\">{}</data>",
                level(of)
            )?;
        }
        writeln!(sink, "</node>")?;
    }
    for edge in &analysis.edges {
        write!(
            sink,
            "    <edge source=\"n{}\" target=\"n{}\"><data key=\"weight\">{}</data><data key=\"strength\">{}</data>",
            edge.a,
            edge.b,
            edge.weight,
            real(edge.strength)
        )?;
        for (key, value) in [("p", edge.p), ("q", edge.q)] {
            if let Some(value) = value {
                write!(sink, "<data key=\"{key}\">{}</data>", real(value))?;
            }
        }
        writeln!(sink, "</edge>")?;
    }
    sink.write_all(b"  </graph>\n</graphml>\n")
}

const GRAPHML_HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="account" for="node" attr.name="account" attr.type="string"/>
  <key id="group" for="node" attr.name="group" attr.type="int"/>
  <key id="level" for="node" attr.name="level" attr.type="string"/>
  <key id="weight" for="edge" attr.name="weight" attr.type="int"/>
  <key id="strength" for="edge" attr.name="strength" attr.type="double"/>
  <key id="p" for="edge" attr.name="p" attr.type="double"/>
  <key id="q" for="edge" attr.name="q" attr.type="double"/>
  <graph id="coordination" edgedefault="undirected">
"#;

fn level(level: Level) -> &'static str {
    match level {
        Level::E0 => "E0",
        Level::E1 => "E1",
        Level::E2 => "E2",
        Level::E3 => "E3",
    }
}

/// The name a trace has in JSON, without a second list of them.
fn name(kind: super::options::TraceKind) -> String {
    serde_json::to_string(&kind).unwrap_or_default().trim_matches('"').to_owned()
}

fn optional(value: Option<f64>) -> String {
    value.map(real).unwrap_or_default()
}

/// A real number that reads back as the same one; very small ones with an exponent.
fn real(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-4 { format!("{value:e}") } else { format!("{value}") }
}

/// A cell of CSV (RFC 4180). What a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection);
/// so does what white space, a quotation mark or an invisible character would hide such a beginning behind.
pub fn cell(text: &str) -> String {
    let seen = text.trim_start_matches(|c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    });
    let formula = seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let guarded = if formula { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) || guarded.trim() != guarded {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

/// Text in XML 1.0: the five characters that mean something are escaped, what XML cannot hold becomes U+FFFD.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t'
            | '\n'
            | '\r'
            | ' '..='\u{d7ff}'
            | '\u{e000}'..='\u{fffd}'
            | '\u{10000}'..=char::MAX => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::{Builder, Options, Share, Trace, TraceKind, analyse};

    #[test]
    fn no_cell_is_a_formula() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("\u{200b}=cmd", "'\u{200b}=cmd"),
            ("＝1", "'＝1"),
            ("  @sum", "'  @sum"),
            ("-2", "'-2"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("\"=1", "\"'\"\"=1\""),
            ("狼煙", "狼煙"),
        ] {
            assert_eq!(cell(raw), expected);
        }
    }

    fn answer(null_model: bool) -> (Records, Analysis) {
        let mut builder = Builder::default();
        let trace = builder.trace(Trace::of(TraceKind::Url).window(60));
        for story in 0..12_i64 {
            for (account, late) in ["=evil()", "<b>&", "c,d"].into_iter().zip(0..) {
                let object = &format!("https://news.example/{story}");
                let time_seconds = 1_700_000_000 + story * 40_000 + late;
                builder.share(trace, &Share { object, account, post: "", time_seconds });
            }
            for reader in 0..30_i64 {
                let object = &format!("https://news.example/{story}");
                let account = &format!("reader {}", story * 30 + reader);
                let time_seconds = 1_700_000_000 + story * 40_000 + (reader + 5) * 61;
                builder.share(trace, &Share { object, account, post: "", time_seconds });
            }
        }
        let records = builder.finish();
        let options = Options { null_model, weight_min: 3, ..Options::default() };
        let analysis = analyse(&records, &options).unwrap();
        (records, analysis)
    }

    fn written(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut sink = Vec::new();
        write(&mut sink).unwrap();
        String::from_utf8(sink).unwrap()
    }

    #[test]
    fn every_line_has_the_cells_of_its_heading() {
        for null_model in [true, false] {
            let (records, analysis) = answer(null_model);
            assert_eq!((analysis.edges.len(), analysis.groups.len()), (3, 1));
            let edges = written(|sink| edges_csv(&records, &analysis, sink));
            let groups = written(|sink| groups_csv(&records, &analysis, sink));
            for table in [&edges, &groups] {
                let table = table.replace("\"c,d\"", "quoted");
                let cells: Vec<usize> = table.lines().map(|line| line.split(',').count()).collect();
                assert_eq!(cells.len(), 4, "{table}");
                assert!(cells.iter().all(|&count| count == cells[0]), "{table}");
            }
            assert!(edges.starts_with("account_a,account_b,weight,p,q,"));
            assert!(edges.contains("\n<b>&,'=evil(),12,"), "{edges}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_network_file() {
        let (records, analysis) = answer(true);
        let file = written(|sink| graphml(&records, &analysis, sink));
        assert!(file.contains("<data key=\"account\">&lt;b&gt;&amp;</data>"), "{file}");
        assert_eq!(file.matches("<node ").count(), 3);
        assert_eq!(file.matches("<edge ").count(), 3);
        assert_eq!(text("a\u{0}\u{b}\u{ffff}é"), "a\u{fffd}\u{fffd}\u{fffd}é");
    }

    #[test]
    fn without_the_null_model_there_is_no_probability_and_no_level() {
        let (records, analysis) = answer(false);
        let edges = written(|sink| edges_csv(&records, &analysis, sink));
        assert!(
            edges
                .lines()
                .skip(1)
                .all(|line| line.replace("\"c,d\"", "x").split(',').nth(3) == Some(""))
        );
        assert_eq!(analysis.groups[0].level, Level::E0);
    }
}
