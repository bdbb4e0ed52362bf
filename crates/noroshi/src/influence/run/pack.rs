//! The evidence pack of a run: one archive from which another team recomputes what was found, without us.
//!
//! POSIX tar (IEEE Std 1003.1, ustar) with fixed times and owners, so that the same run gives the same bytes. Accounts stand
//! under pseudonyms, posts under numbers; texts and handles are not in it. What is only worth watching (E1) is not in it
//! either.

use std::fmt::Write as _;

use noroshi_charter::coordination::Level;
use noroshi_charter::finding::Digest;
use noroshi_insight::coordination::export::cell;
use serde_json::{Value, json};

use super::finds;
use super::read::{Review, Run};
use super::relabel::Relabel;
use super::results::{EdgeRow, GroupRow, Results};
use crate::influence::pdf::{self, Block, Font};
use crate::influence::vault::VaultFailure;
use crate::web::locale::{Lang, Words};

/// Rows of one table of the pack at most.
const ROWS_MAX: u32 = 5_000_000;
/// Edges told one by one in the report of a group.
const TOLD: usize = 3;
/// Groups told in the report.
const GROUPS_TOLD: usize = 50;

/// Files of a run that is not about coordination, beside the reports; its tables come with them.
const OF_EVERY_RUN: [&str; 3] = ["finding.json", "verify.txt", "shares.csv"];

fn is_of_every_run(name: &str) -> bool {
    OF_EVERY_RUN.contains(&name) || name.starts_with("report.") || name.starts_with("pdf.")
}

/// Files by name, in the order of the archive.
type Files = Vec<(String, Vec<u8>)>;

fn number(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

/// Everything of a run that may leave.
struct Out {
    groups: Vec<GroupRow>,
    edges: Vec<EdgeRow>,
    memberships: Vec<(i64, String)>,
}

fn gather(results: &Results, relabel: &mut Relabel) -> Result<Out, VaultFailure> {
    let all = (i64::MIN, i64::MAX);
    let leaves = |group: &GroupRow| Level::parse(&group.level).is_some_and(Level::may_leave);
    let mut groups: Vec<GroupRow> =
        results.groups(all, 0, ROWS_MAX)?.into_iter().filter(leaves).collect();
    // Companions of a group are in none, and what its members mention or repost is an account too.
    groups.iter_mut().for_each(|group| relabel.value(&mut group.body));
    let out = |group: i64| groups.iter().any(|one| one.number == group);
    let edges = results.edges(None, all, ROWS_MAX)?;
    let mut edges: Vec<EdgeRow> =
        edges.into_iter().filter(|edge| edge.group.is_some_and(out)).collect();
    edges.iter_mut().for_each(|edge| relabel.value(&mut edge.body));
    let memberships = results.memberships()?.into_iter().filter(|(group, _)| out(*group)).collect();
    Ok(Out { groups, edges, memberships })
}

fn edges_csv(out: &Out) -> String {
    let mut text = String::from(
        "account_a,account_b,weight,p,q,group,first,last,trace,window_seconds,common,expected_by_activity,expected_by_interest,q_interest,\
         q_gap,q_circles\n",
    );
    for edge in &out.edges {
        let traces = edge.body.get("traces").and_then(Value::as_array);
        let of = |name: &str| number(edge.body.get(name).unwrap_or(&Value::Null));
        let Some(told) = traces.and_then(|traces| traces.first()) else { continue };
        let at = |name: &str| number(told.get(name).unwrap_or(&Value::Null));
        let group = edge.group.map(|group| group.to_string()).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ok = writeln!(
            text,
            "{},{},{},{},{},{group},{},{},{},{},{},{},{},{},{},{}",
            cell(&edge.ends.0),
            cell(&edge.ends.1),
            edge.weight,
            of("p"),
            of("q"),
            edge.span.0,
            edge.span.1,
            cell(at("kind").trim_matches('"')),
            at("window"),
            at("common"),
            at("expected_activity"),
            at("expected_interest"),
            at("q_interest"),
            at("q_gap"),
            at("q_circles")
        );
    }
    text
}

fn groups_csv(out: &Out) -> String {
    let mut text = String::from(
        "group,level,accounts,edges,first,last,days,bursts,reach,exclusive,gap_median_seconds,stability\n",
    );
    for group in &out.groups {
        let of = |name: &str| number(group.body.get(name).unwrap_or(&Value::Null));
        let _ok = writeln!(
            text,
            "{},{},{},{},{},{},{},{},{},{},{},{}",
            group.number,
            group.level,
            group.accounts,
            group.edges,
            group.span.0,
            group.span.1,
            of("days"),
            of("bursts"),
            of("reach"),
            of("exclusive"),
            of("gap_median"),
            of("stability")
        );
    }
    text
}

fn accounts_csv(out: &Out) -> String {
    let mut text = String::from("group,account\n");
    for (group, account) in &out.memberships {
        let _ok = writeln!(text, "{group},{}", cell(account));
    }
    text
}

/// Joint shares that are kept as examples, by time.
fn timeline_csv(out: &Out) -> String {
    let mut rows: Vec<(i64, String)> = Vec::new();
    for edge in &out.edges {
        for trace in edge.body.get("traces").and_then(Value::as_array).into_iter().flatten() {
            for one in trace.get("exemplars").and_then(Value::as_array).into_iter().flatten() {
                let of = |name: &str| one.get(name).and_then(Value::as_i64).unwrap_or(0);
                let text = |name: &str| {
                    one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                let first = of("time_a").min(of("time_b"));
                rows.push((
                    first,
                    format!(
                        "{first},{},{},{},{},{},{}",
                        of("time_b") - of("time_a"),
                        cell(&edge.ends.0),
                        cell(&edge.ends.1),
                        cell(&text("object")),
                        text("post_a"),
                        text("post_b")
                    ),
                ));
            }
        }
    }
    rows.sort();
    rows.dedup();
    let head = "time,gap_seconds,account_a,account_b,object,post_a,post_b\n".to_owned();
    rows.iter().fold(head, |mut text, (_, row)| {
        text.push_str(row);
        text.push('\n');
        text
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn graphml(out: &Out) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n\
         <key id=\"g\" for=\"node\" attr.name=\"group\" attr.type=\"int\"/>\n\
         <key id=\"w\" for=\"edge\" attr.name=\"weight\" attr.type=\"int\"/>\n<graph edgedefault=\"undirected\">\n",
    );
    for (group, account) in &out.memberships {
        let account = escape(account);
        let _ok = writeln!(text, "<node id=\"{account}\"><data key=\"g\">{group}</data></node>");
    }
    for edge in &out.edges {
        let (one, other) = (escape(&edge.ends.0), escape(&edge.ends.1));
        let weight = edge.weight;
        let _ok = writeln!(
            text,
            "<edge source=\"{one}\" target=\"{other}\"><data key=\"w\">{weight}</data></edge>"
        );
    }
    text.push_str("</graph>\n</graphml>\n");
    text
}

/// The sentence that explains one edge: what was seen, what was expected, which test at which rate.
pub(super) fn sentence(words: Words, edge: &EdgeRow) -> String {
    let traces = edge.body.get("traces").and_then(Value::as_array);
    let Some(told) = traces.and_then(|traces| traces.first()) else { return String::new() };
    let of = |name: &str| told.get(name).and_then(Value::as_f64);
    let some = |name: &str| of(name).map_or_else(|| "\u{2013}".to_owned(), |at| format!("{at:.3}"));
    let whole = |name: &str| words.n(told.get(name).and_then(Value::as_u64).unwrap_or(0));
    words.tv(
        "influence-sentence",
        &[
            ("a", edge.ends.0.as_str().into()),
            ("b", edge.ends.1.as_str().into()),
            ("objects", whole("objects").into()),
            ("window", whole("window").into()),
            ("common", whole("common").into()),
            ("activity", some("expected_activity").into()),
            ("interest", some("expected_interest").into()),
            (
                "q",
                edge.body
                    .get("q")
                    .and_then(Value::as_f64)
                    .map_or_else(String::new, |q| format!("{q:.2e}"))
                    .into(),
            ),
        ],
    )
}

/// What every finding says beside itself: the null model, the rate, how many hypotheses, how many edges would be false, and
/// what the same gives on a shuffled copy.
pub(super) fn controls(words: Words, run: &Run) -> Vec<String> {
    let shuffled =
        run.summary.get("shuffled").and_then(|copy| copy.get("edges")).and_then(Value::as_u64);
    let mut lines = Vec::new();
    for trace in run.summary.get("traces").and_then(Value::as_array).into_iter().flatten() {
        let of = |name: &str| trace.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        lines.push(words.tv(
            "influence-controls",
            &[
                ("kind", shared_as(words, trace.get("kind").and_then(Value::as_str)).into()),
                ("rate", format!("{}", of("false_discovery_max")).into()),
                ("hypotheses", words.n(rounded(of("hypotheses"))).into()),
                ("expected", format!("{:.3}", of("false_edges_expected")).into()),
            ],
        ));
    }
    if let Some(edges) = shuffled {
        lines.push(words.tv("influence-shuffled", &[("edges", words.n(edges).into())]));
    }
    lines
}

/// What a kind of object is called; its code where it has no word.
fn shared_as(words: Words, kind: Option<&str>) -> String {
    let kind = kind.unwrap_or_default();
    let key = format!("influence-shared-{}", kind.replace('_', "-"));
    if words.has(&key) { words.t(key) } else { kind.to_owned() }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of pairs, which is whole or a half"
)]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

fn report(out: &Out, run: &Run, reviews: &[Review], lang: Lang) -> String {
    let words = Words::new(lang);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head><body>\n<h1>{}</h1>\n<p>{}</p>\n<ul>\n",
        lang.code(),
        escape(&run.run),
        escape(&words.t("influence-report-title")),
        escape(&words.t("influence-report-lead"))
    );
    for line in controls(words, run) {
        let _ok = writeln!(text, "<li>{}</li>", escape(&line));
    }
    text.push_str("</ul>\n");
    if run.parameters.engine != "coordination" {
        text.push_str(&tables_of(run, words));
    }
    for group in out.groups.iter().take(GROUPS_TOLD) {
        let level = level_of(group, reviews);
        let head = words.tv(
            "influence-group-head",
            &[
                ("number", group.number.to_string().into()),
                ("level", level.code().into()),
                ("accounts", words.n(group.accounts).into()),
            ],
        );
        let _ok = writeln!(text, "<h2>{}</h2>\n<ul>", escape(&head));
        for edge in out.edges.iter().filter(|edge| edge.group == Some(group.number)).take(TOLD) {
            let _ok = writeln!(text, "<li>{}</li>", escape(&sentence(words, edge)));
        }
        text.push_str("</ul>\n");
    }
    let _ok =
        writeln!(text, "<p>{}</p>\n</body></html>", escape(&words.t("influence-alternatives")));
    text
}

/// The same report on paper, in both languages; where no font is there, a file that says so.
fn papers(out: &Out, run: &Run, reviews: &[Review], fonts: &[String]) -> Files {
    let font = match Font::find(fonts) {
        Ok(font) => font,
        Err(no) => return vec![("pdf.txt".to_owned(), format!("{no}\n").into_bytes())],
    };
    let one = |lang: Lang| {
        let words = Words::new(lang);
        let title = words.t("influence-report-title");
        let blocks = paper(out, run, reviews, words);
        match pdf::render(&font, (&title, lang.code(), &run.run), &blocks) {
            Ok(bytes) => (format!("report.{}.pdf", lang.code()), bytes),
            Err(no) => (format!("pdf.{}.txt", lang.code()), format!("{no}\n").into_bytes()),
        }
    };
    vec![one(Lang::Ja), one(Lang::En)]
}

fn paper(out: &Out, run: &Run, reviews: &[Review], words: Words) -> Vec<Block> {
    let mut blocks = vec![Block::Text(words.t("influence-report-lead"))];
    blocks.extend(controls(words, run).into_iter().map(Block::Item));
    if run.parameters.engine != "coordination" {
        blocks.extend(numbers_of(run, words).into_iter().map(Block::Item));
        for table in super::tables::of_engine(&run.parameters.engine) {
            blocks.push(Block::Heading(2, words.t(format!("influence-table-{}", table.name))));
            let about = words.t(format!("influence-about-{}", table.name));
            blocks.push(Block::Text(format!("{about} ({}.csv)", table.name)));
        }
        return blocks;
    }
    let heads = ["group", "level", "accounts", "edges", "first", "last"];
    let heads = heads.iter().map(|head| words.t(format!("influence-{head}"))).collect();
    let moment = |seconds: i64| {
        jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.to_string())
    };
    let row = |group: &GroupRow| {
        vec![
            group.number.to_string(),
            level_of(group, reviews).code().to_owned(),
            words.n(group.accounts),
            words.n(group.edges),
            moment(group.span.0),
            moment(group.span.1),
        ]
    };
    let rows = out.groups.iter().take(GROUPS_TOLD).map(row).collect();
    blocks.push(Block::Table(vec![2, 2, 3, 3, 5, 5], heads, rows));
    for group in out.groups.iter().take(GROUPS_TOLD) {
        let head = words.tv(
            "influence-group-head",
            &[
                ("number", group.number.to_string().into()),
                ("level", level_of(group, reviews).code().into()),
                ("accounts", words.n(group.accounts).into()),
            ],
        );
        blocks.push(Block::Heading(2, head));
        let edges = out.edges.iter().filter(|edge| edge.group == Some(group.number)).take(TOLD);
        blocks.extend(edges.map(|edge| Block::Item(sentence(words, edge))));
    }
    blocks.push(Block::Text(words.t("influence-alternatives")));
    blocks
}

/// The numbers of a run that have a name, each in words.
fn numbers_of(run: &Run, words: Words) -> Vec<String> {
    let named = run.summary.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let key = format!("influence-sum-{}", name.replace('_', "-"));
        let value = value.as_u64().filter(|_| words.has(&key))?;
        Some(format!("{}: {}", words.t(&key), words.n(value)))
    });
    named.collect()
}

/// What a run that is not about coordination came to: its numbers, and what each of its tables is.
fn tables_of(run: &Run, words: Words) -> String {
    let mut text = String::from("<ul>\n");
    for line in numbers_of(run, words) {
        let _ok = writeln!(text, "<li>{}</li>", escape(&line));
    }
    text.push_str("</ul>\n");
    for table in super::tables::of_engine(&run.parameters.engine) {
        let _ok = writeln!(
            text,
            "<h2>{}</h2>\n<p>{} ({}.csv)</p>",
            escape(&words.t(format!("influence-table-{}", table.name))),
            escape(&words.t(format!("influence-about-{}", table.name))),
            table.name
        );
    }
    text
}

/// The level of a group: what its tests gave, or E4 where two people said so and it still stands.
pub(super) fn level_of(group: &GroupRow, reviews: &[Review]) -> Level {
    let said = reviews.iter().any(|one| one.group == group.number && one.stands);
    let tests = Level::parse(&group.level).unwrap_or(Level::E0);
    if said && tests == Level::E3 { Level::E4 } else { tests }
}

fn finding(out: &Out, run: &Run, reviews: &[Review]) -> Value {
    let groups: Vec<Value> = out
        .groups
        .iter()
        .map(|group| {
            json!({
                "group": group.number, "level": level_of(group, reviews).code(), "accounts": group.accounts,
                "edges": group.edges, "first": group.span.0, "last": group.span.1, "evidence": group.body,
            })
        })
        .collect();
    json!({
        "run": run.run, "collection": run.collection, "parameters": run.parameters, "parameters_digest": run.digest,
        "input_digest": run.input, "summary": run.summary, "groups": groups,
    })
}

/// The command that recomputes a run, where the command line can ask the same: all traces with the same windows. What
/// nobody shared is not asked for: the command line takes such a question for a mistake.
fn command(run: &Run) -> Option<String> {
    let traces = run.summary.get("traces").and_then(Value::as_array)?;
    let is_shared = |trace: &Value| trace.get("shares").and_then(Value::as_u64) != Some(0);
    let asked: Vec<&String> = run
        .parameters
        .traces
        .iter()
        .zip(traces)
        .filter(|(_, trace)| is_shared(trace))
        .map(|(name, _)| name)
        .collect();
    let traces: Vec<&Value> = traces.iter().filter(|trace| is_shared(trace)).collect();
    let windows: Vec<Vec<u64>> = traces
        .iter()
        .map(|trace| {
            let windows = trace.get("windows").and_then(Value::as_array);
            windows.into_iter().flatten().filter_map(Value::as_u64).collect()
        })
        .collect();
    let first = windows.first()?;
    if windows.iter().any(|one| one != first) {
        return None;
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let objects: Vec<String> = asked
        .iter()
        .map(|trace| format!("--object {}", quoted(&super::engine::column_of(trace))))
        .collect();
    let asked = &run.parameters;
    let windows: Vec<String> = first.iter().map(|one| format!("--window {one}")).collect();
    Some(format!(
        "noroshi influence coordination shares.csv {} {} --false-discovery {} --slice {} --seed {}{} --out again",
        objects.join(" "),
        windows.join(" "),
        asked.false_discovery_max,
        asked.slice_seconds,
        asked.seed,
        match asked.models.as_str() {
            "both" => " --both-models",
            "activity" => " --activity-model",
            _ => "",
        }
    ))
}

/// How another team recomputes a run, or why it cannot.
fn how(run: &Run) -> String {
    let by_hand = "   Each column before account_id is one kind of object; finding.json has the windows of each. The kinds have\n   different windows, which one command cannot ask for: ask the engine's library, or any other program that\n   knows the null model.\n";
    match run.parameters.engine.as_str() {
        "coordination" => format!(
            "3. Recompute it from shares.csv:\n{}4. Compare edges.csv: account_a, account_b, weight.\n",
            command(run).map_or_else(|| by_hand.to_owned(), |command| format!("   {command}\n"))
        ),
        "copies" => "3. Texts do not leave a collection, so copies are not recomputed from here. text_hmac is equal where texts are\n   equal; whoever oversees the office recomputes it there, while the texts are held (at most 30 days).\n"
            .to_owned(),
        "lookalike" => "3. shares.csv is a list of domains, one a line:\n   noroshi influence lookalike --protected NAMES shares.csv\n   with the protected names of finding.json, or without --protected the list that ships with the program.\n"
            .to_owned(),
        engine => format!(
            "3. The engine `{engine}` gives the tables of this pack from the same posts, where they are held. Texts do not leave a\n   collection: text_hmac is equal where texts are equal.\n"
        ),
    }
}

fn verify(run: &Run, shares: &str) -> String {
    let input = run.input.as_deref().unwrap_or_default();
    format!(
        "How to recompute this finding\n\n\
         1. shares.csv is what the engine read: SHA-256 {input}\n   (of the file here: {shares}; the two are the same, or the pack was changed)\n   \
         Accounts in a group of the finding stand under their pseudonyms, every other one under a number of this table.\n\
         2. finding.json holds the parameters: SHA-256 of their canonical JSON (RFC 8785) {}\n\
         {}\
         5. The log of the office has the leaf influence.run.done of {}, which commits to both digests.\n",
        run.digest,
        how(run),
        run.run
    )
}

/// One table of a coordination run as a file, without what may not leave; `None` where there is no such table.
pub(super) fn table(
    results: &Results,
    run: &Run,
    reviews: &[Review],
    name: &str,
    is_csv: bool,
) -> Result<Option<String>, VaultFailure> {
    let out = gather(results, &mut Relabel::kept(results)?)?;
    if is_csv {
        return Ok(match name {
            "groups" => Some(groups_csv(&out)),
            "edges" => Some(edges_csv(&out)),
            "accounts" => Some(accounts_csv(&out)),
            _ => None,
        });
    }
    let rows = match name {
        "groups" => finding(&out, run, reviews).get("groups").cloned().unwrap_or_default(),
        "edges" => edges_json(&out),
        "accounts" => {
            let one =
                |(group, account): &(i64, String)| json!({ "group": group, "account": account });
            out.memberships.iter().map(one).collect()
        }
        _ => return Ok(None),
    };
    Ok(Some(format!("{:#}\n", json!({ "run": run.run, "table": name, "rows": rows }))))
}

fn edges_json(out: &Out) -> Value {
    let one = |edge: &EdgeRow| {
        json!({
            "a": edge.ends.0, "b": edge.ends.1, "weight": edge.weight, "group": edge.group, "first": edge.span.0,
            "last": edge.span.1, "evidence": edge.body,
        })
    };
    out.edges.iter().map(one).collect()
}

/// The archive of a run. `shares` is the table that the run read.
pub fn pack(
    results: &Results,
    run: &Run,
    reviews: &[Review],
    shares: Vec<u8>,
    stix: &Value,
    fonts: &[String],
) -> Result<Vec<u8>, VaultFailure> {
    let mut relabel = Relabel::kept(results)?;
    let out = gather(results, &mut relabel)?;
    let digest = Digest::of(&shares).to_string();
    let pretty = |value: &Value| format!("{value:#}\n").into_bytes();
    let mut files: Files = vec![
        ("finding.json".to_owned(), pretty(&finding(&out, run, reviews))),
        ("edges.csv".to_owned(), edges_csv(&out).into_bytes()),
        ("groups.csv".to_owned(), groups_csv(&out).into_bytes()),
        ("accounts.csv".to_owned(), accounts_csv(&out).into_bytes()),
        ("timeline.csv".to_owned(), timeline_csv(&out).into_bytes()),
        ("network.graphml".to_owned(), graphml(&out).into_bytes()),
        ("report.ja.html".to_owned(), report(&out, run, reviews, Lang::Ja).into_bytes()),
        ("report.en.html".to_owned(), report(&out, run, reviews, Lang::En).into_bytes()),
        ("stix.json".to_owned(), pretty(stix)),
        ("verify.txt".to_owned(), verify(run, &digest).into_bytes()),
        ("shares.csv".to_owned(), shares),
    ];
    files.extend(papers(&out, run, reviews, fonts));
    if run.parameters.engine != "coordination" {
        files.retain(|(name, _)| is_of_every_run(name));
        for table in finds::names(&run.parameters.engine) {
            if let Some(text) = finds::csv_of(results, run, table, &mut relabel)? {
                files.push((format!("{table}.csv"), text.into_bytes()));
            }
        }
    }
    Ok(tar(&run.run, &files))
}

/// The groups of a run as STIX: channels under their pseudonyms, in a grouping for each group.
pub fn stix(results: &Results, run: &Run) -> Result<Value, VaultFailure> {
    let out = gather(results, &mut Relabel::kept(results)?)?;
    let names = out.groups.iter().map(|group| {
        let members: Vec<&str> = out
            .memberships
            .iter()
            .filter(|(of, _)| *of == group.number)
            .map(|(_, account)| account.as_str())
            .collect();
        (group, members)
    });
    Ok(crate::influence::incident::stix::findings(&run.run, run.at, names))
}

/// A ustar archive: one folder, files in order, no time, no owner.
fn tar(folder: &str, files: &Files) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        archive.extend(header(&format!("{folder}/{name}"), content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn header(name: &str, size: usize) -> [u8; 512] {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| {
        for (slot, byte) in block.iter_mut().skip(at).zip(text) {
            *slot = *byte;
        }
    };
    put(0, name.as_bytes().get(..100).unwrap_or(name.as_bytes()));
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    for (slot, byte) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").as_bytes()) {
        *slot = *byte;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_of_a_pack_is_a_formula() {
        let told = json!({ "kind": "=1+1", "exemplars": [
            { "object": "=HYPERLINK(\"x\")", "post_a": "p1", "post_b": "p2", "time_a": 1, "time_b": 2 },
            { "object": "＠SUM(1)", "post_a": "p3", "post_b": "p4", "time_a": 3, "time_b": 4 },
            { "object": "\u{200b}+1", "post_a": "p5", "post_b": "p6", "time_a": 5, "time_b": 6 },
        ] });
        let edge = EdgeRow {
            group: Some(0),
            ends: ("-1".to_owned(), "acct:b".to_owned()),
            weight: 1,
            span: (0, 0),
            body: json!({ "traces": [told] }),
        };
        let out =
            Out { groups: Vec::new(), edges: vec![edge], memberships: vec![(0, "@x".to_owned())] };
        for table in [timeline_csv(&out), edges_csv(&out), accounts_csv(&out)] {
            for cell in table.lines().skip(1).flat_map(|line| line.split(',')) {
                let cell = cell.trim_matches('"').trim_start_matches('\u{200b}');
                assert!(!cell.starts_with(['=', '+', '@', '＠']), "{cell} in {table}");
            }
            assert!(!table.contains(",-1,") && !table.starts_with("-1,"), "{table}");
        }
    }

    /// Two accounts in a group, a companion of it, and what one of them mentioned: only the two leave under pseudonyms, and
    /// each other one is the same number in every file.
    #[test]
    fn an_account_in_no_group_leaves_under_one_number_in_every_file() {
        let [one, two, companion, named] = [1, 2, 3, 4].map(|number| format!("acct:{number:032x}"));
        let dir = tempfile::tempdir().unwrap();
        let results = Results::create(dir.path(), "run-1").unwrap();
        let group = GroupRow {
            number: 0,
            level: "E2".to_owned(),
            accounts: 2,
            edges: 1,
            span: (0, 9),
            body: json!({ "companions": [{ "account": companion, "acts": 3 }] }),
        };
        results.add_group(&group).unwrap();
        for account in [&one, &two] {
            let row =
                super::super::results::MemberRow { account: account.clone(), body: json!({}) };
            results.add_member(0, &row).unwrap();
        }
        let seen =
            json!({ "object": named, "post_a": "p1", "post_b": "p2", "time_a": 1, "time_b": 2 });
        let edge = EdgeRow {
            group: Some(0),
            ends: (one.clone(), two.clone()),
            weight: 1,
            span: (0, 9),
            body: json!({ "traces": [{ "kind": "mention", "exemplars": [seen] }] }),
        };
        results.add_edge(&edge).unwrap();
        let table = dir.path().join("shares.csv");
        let rows = format!("{named},{one},p1,1\n{named},{two},p2,2\n{named},{companion},p3,3\n");
        std::fs::write(&table, rows).unwrap();
        let mut relabel = Relabel::new(&results).unwrap();
        relabel.file(&table).unwrap();
        relabel.keep(&results).unwrap();
        results.finish(dir.path(), "run-1").unwrap();
        let results = Results::open(dir.path(), "run-1").unwrap().unwrap();
        let parameters = r#"{ "engine": "coordination", "traces": ["mention"] }"#;
        let run = Run {
            run: "run-1".to_owned(),
            collection: "collection-1".to_owned(),
            parameters: serde_json::from_str(parameters).unwrap(),
            digest: String::new(),
            input: None,
            state: "done".to_owned(),
            person: String::new(),
            at: jiff::Timestamp::UNIX_EPOCH,
            summary: Value::Null,
            oldest: None,
        };
        let shares = std::fs::read(&table).unwrap();
        assert_eq!(
            String::from_utf8(shares.clone()).unwrap(),
            format!("other-1,{one},p1,1\nother-1,{two},p2,2\nother-1,other-2,p3,3\n")
        );
        let stix = stix(&results, &run).unwrap();
        let packed = pack(&results, &run, &[], shares, &stix, &[]).unwrap();
        let mut files = vec![String::from_utf8_lossy(&packed).into_owned()];
        for (name, is_csv) in
            [("groups", true), ("groups", false), ("edges", true), ("edges", false)]
        {
            files.push(table_of(&results, &run, name, is_csv));
        }
        for file in &files {
            assert!(!file.contains(&companion) && !file.contains(&named), "{file}");
        }
        assert!(files[0].contains(",other-1,p1,p2"), "the timeline: {}", files[0]);
        assert!(files[2].contains("\"other-2\""), "the companion: {}", files[2]);
        assert!(files[4].contains("\"other-1\"") && files[4].contains(&one), "{}", files[4]);
    }

    fn table_of(results: &Results, run: &Run, name: &str, is_csv: bool) -> String {
        table(results, run, &[], name, is_csv).unwrap().unwrap()
    }

    #[test]
    fn the_archive_is_one_that_others_read() {
        let files = vec![("a.txt".to_owned(), b"hello".to_vec()), ("b".to_owned(), vec![7; 512])];
        let archive = tar("run-1", &files);
        assert_eq!(archive.len(), 512 * 2 + 512 * 2 + 1024);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tar");
        std::fs::write(&path, &archive).unwrap();
        let read = std::process::Command::new("tar")
            .arg("-C")
            .arg(dir.path())
            .arg("-xf")
            .arg(&path)
            .status();
        assert!(read.unwrap().success());
        assert_eq!(std::fs::read(dir.path().join("run-1/a.txt")).unwrap(), b"hello");
        assert_eq!(std::fs::read(dir.path().join("run-1/b")).unwrap(), vec![7; 512]);
    }
}
