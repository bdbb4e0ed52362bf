//! The answer as tables for other programs, without a file being touched: each function writes rows to a text.
//!
//! CSV of RFC 4180 with a heading and lines that end in CRLF, in UTF-8. A cell that a spreadsheet would take for a formula
//! gets an apostrophe in front, also behind spaces and in full-width form.

use core::fmt::{self, Write};

use jiff::Timestamp;

use super::template::{Part, Template};
use super::{Copies, Post};

/// One row a cluster: `cluster,key,accounts,posts,texts,first,last,chars_mean,standing,tricks,exemplar,text`.
///
/// Clusters are numbered from 1 in the order of [`Copies::clusters`]; times are RFC 3339 in UTC. `text` is the exemplar's
/// and stays empty unless `with_text` is set, because texts are kept for a shorter time than what is known about them.
pub fn clusters(
    copies: &Copies,
    posts: &[Post<'_>],
    with_text: bool,
    out: &mut impl Write,
) -> fmt::Result {
    line(
        out,
        &[
            "cluster",
            "key",
            "accounts",
            "posts",
            "texts",
            "first",
            "last",
            "chars_mean",
            "standing",
            "tricks",
            "exemplar",
            "text",
        ],
    )?;
    for (number, cluster) in (1_usize..).zip(&copies.clusters) {
        let exemplar = posts.get(cluster.exemplar);
        line(
            out,
            &[
                &number.to_string(),
                &cluster.key,
                &cluster.accounts.to_string(),
                &cluster.members.len().to_string(),
                &cluster.texts.to_string(),
                &time(cluster.first_ms),
                &time(cluster.last_ms),
                &cluster.chars_mean.to_string(),
                cluster.standing().name(),
                &cluster.tricks.to_string(),
                exemplar.map_or("", |post| post.id),
                exemplar.filter(|_| with_text).map_or("", |post| post.text),
            ],
        )?;
    }
    Ok(())
}

/// One row a post of a cluster: `cluster,post,account,time,label,similarity,tricks,cut`.
///
/// `similarity` has four decimals; `cut` is `cut` or empty.
pub fn members(copies: &Copies, posts: &[Post<'_>], out: &mut impl Write) -> fmt::Result {
    line(out, &["cluster", "post", "account", "time", "label", "similarity", "tricks", "cut"])?;
    for (number, cluster) in (1_usize..).zip(&copies.clusters) {
        let number = number.to_string();
        for member in &cluster.members {
            let Some(post) = posts.get(member.post) else { continue };
            line(
                out,
                &[
                    &number,
                    post.id,
                    post.account,
                    &time(post.time_ms),
                    member.label.name(),
                    &format!("{:.4}", member.similarity),
                    &member.tricks.to_string(),
                    if member.cut { "cut" } else { "" },
                ],
            )?;
        }
    }
    Ok(())
}

/// One row a part of a template: `template,clusters,posts,followed,part,kind,text,count`.
///
/// `clusters` are the numbers of the clusters it is made of; `followed` is how many of the `posts` that were looked at have
/// all fixed parts. `kind` is `fixed`, or what stands in a slot: `words`, `number`, `locator`, `handle`. A fixed part has
/// one row; a slot has one for each filler, those used most first.
pub fn templates(templates: &[Template], out: &mut impl Write) -> fmt::Result {
    line(out, &["template", "clusters", "posts", "followed", "part", "kind", "text", "count"])?;
    for (number, template) in (1_usize..).zip(templates) {
        let clusters: Vec<String> =
            template.clusters.iter().map(|place| (place + 1).to_string()).collect();
        let head = [
            number.to_string(),
            clusters.join(" "),
            template.posts.to_string(),
            template.followed.to_string(),
        ];
        for (place, part) in (1_usize..).zip(&template.parts) {
            let mut row = |kind: &str, text: &str, count: &str| {
                let [number, clusters, posts, followed] = &head;
                line(
                    out,
                    &[number, clusters, posts, followed, &place.to_string(), kind, text, count],
                )
            };
            match part {
                Part::Fixed(text) => row("fixed", text, "")?,
                Part::Slot { kind, fillers, .. } => {
                    for filler in fillers {
                        row(kind.name(), &filler.text, &filler.posts.to_string())?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A time outside of what the calendar holds is shown as its number.
fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

fn line(out: &mut impl Write, cells: &[&str]) -> fmt::Result {
    let mut before = "";
    for text in cells {
        out.write_str(before)?;
        cell(text, out)?;
        before = ",";
    }
    out.write_str("\r\n")
}

/// RFC 4180 §2, and never the beginning of a formula.
fn cell(text: &str, out: &mut impl Write) -> fmt::Result {
    let start = text.trim_start_matches([' ', '\u{3000}', '\u{a0}']);
    let formula = start.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    let mark = if formula { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n', '\t']) || text.starts_with(' ') || text.ends_with(' ') {
        return write!(out, "\"{mark}{}\"", text.replace('"', "\"\""));
    }
    write!(out, "{mark}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_breaks_no_row() {
        let cases = [
            ("plain 投票", "plain 投票"),
            ("=1+1", "'=1+1"),
            ("  =1", "\"'  =1\""),
            ("＝1", "'＝1"),
            ("-2", "'-2"),
            ("@a", "'@a"),
            ("a,b", "\"a,b\""),
            ("a\"\r\nb", "\"a\"\"\r\nb\""),
            ("\t=1", "\"'\t=1\""),
            ("", ""),
        ];
        for (text, expected) in cases {
            let mut out = String::new();
            cell(text, &mut out).unwrap();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_time_is_a_date_or_a_number() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(i64::MAX), i64::MAX.to_string());
    }
}
