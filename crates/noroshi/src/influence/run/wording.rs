//! `residue` and `narratives`: what a text generator left in posts by mistake, and which posts are about the same thing.
//!
//! Exhibits and candidates for a reader. Neither says who wrote a text, nor whether what it says is so.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;

use noroshi_insight::{copies, narrative, residue};
use serde_json::{Value, json};

use super::act::Parameters;
use super::engine::{Came, Held, Ran, held_texts, span};
use super::results::Results;
use super::tables::ROWS_MAX;
use crate::influence::vault::{Vault, VaultFailure};

/// Texts do not leave the collection. What stands for each is keyed, so that nobody who holds a text finds its post.
pub(super) fn write_texts(
    sink: &mut impl Write,
    vault: &Vault,
    held: &[Held],
) -> Result<(), VaultFailure> {
    writeln!(sink, "content_id,account_id,timestamp_share,text_hmac")?;
    for one in held {
        let mark = vault.text_mark(&one.text);
        writeln!(sink, "{},{},{},{mark}", one.id, one.account, one.at.div_euclid(1_000))?;
    }
    Ok(())
}

pub(super) fn residues(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    sink: &mut impl Write,
) -> Result<Ran, VaultFailure> {
    let (held, left_out) = held_texts(vault, span(asked))?;
    write_texts(sink, vault, &held)?;
    if held.is_empty() {
        return Ok(Err("NRS-INFL-1207".to_owned()));
    }
    let (mut with, mut quoted, mut hits_all) = (0, 0, 0_i64);
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &held {
        let hits = residue::residue(&one.text);
        with += u64::from(!hits.is_empty());
        for hit in hits {
            quoted += u64::from(hit.quoted);
            *classes.entry(hit.class.name()).or_default() += 1;
            if usize::try_from(hits_all).is_ok_and(|all| all < ROWS_MAX) {
                let body = json!({
                    "account": one.account, "at": one.at, "class": hit.class.name(), "rule": hit.rule,
                    "language": hit.language, "quoted": if hit.quoted { "yes" } else { "no" },
                    "exhibit": { "post": one.post, "range": [hit.range.start, hit.range.end] },
                });
                results.add_find("residues", hits_all, &body)?;
            }
            hits_all += 1;
        }
    }
    Ok(Ok(Came {
        input: String::new(),
        summary: json!({
            "texts": held.len(), "with_residue": with, "hits": hits_all, "quoted": quoted, "classes": classes,
            "left_out": left_out,
        }),
        watched: Vec::new(),
        oldest: None,
    }))
}

pub(super) fn narratives(
    vault: &Vault,
    results: &Results,
    asked: &Parameters,
    sink: &mut impl Write,
) -> Result<Ran, VaultFailure> {
    let (held, left_out) = held_texts(vault, span(asked))?;
    write_texts(sink, vault, &held)?;
    if held.is_empty() {
        return Ok(Err("NRS-INFL-1207".to_owned()));
    }
    let standing = standing(&held);
    let texts: Vec<narrative::Text<'_>> = standing
        .iter()
        .filter_map(|(place, posts)| {
            let one = held.get(*place)?;
            Some(narrative::Text {
                id: &one.id,
                account: &one.account,
                time_ms: one.at,
                text: &one.text,
                posts: *posts,
            })
        })
        .collect();
    let found = narrative::group(&texts, &narrative::Options::default());
    for (number, group) in (0_i64..).zip(&found.groups).take(ROWS_MAX) {
        let post = |at: &usize| {
            standing.get(*at).and_then(|(place, _)| held.get(*place)).map(|one| one.post)
        };
        let terms: Vec<&str> = group.terms.iter().map(|(term, _)| term.as_str()).collect();
        let weeks: Vec<Value> = group
            .weeks
            .iter()
            .map(|(week, texts)| json!({ "week": week, "texts": texts }))
            .collect();
        let exemplars: Vec<i64> = group.exemplars.iter().filter_map(post).collect();
        let body = json!({
            "terms": terms, "texts": group.members.len(), "posts": group.posts, "accounts": group.accounts,
            "first": group.span_ms.0, "last": group.span_ms.1, "exemplars": exemplars, "evidence": weeks,
        });
        results.add_find("topics", number, &body)?;
    }
    Ok(Ok(Came {
        input: String::new(),
        summary: json!({
            "posts": held.len(), "texts": texts.len(), "topics": found.groups.len(), "alone": found.alone,
            "empty": found.empty, "left_out": left_out + found.left_out as u64,
        }),
        watched: Vec::new(),
        oldest: None,
    }))
}

/// One text for each cluster of near copies, and every text that is in none, with the number of its posts.
fn standing(held: &[Held]) -> Vec<(usize, usize)> {
    let posts: Vec<copies::Post<'_>> = held.iter().map(Held::post).collect();
    let options = copies::Options { accounts_min: 1, ..copies::Options::default() };
    let found = copies::cluster(&posts, &options);
    let mut inside: HashSet<usize> = HashSet::new();
    let mut standing: Vec<(usize, usize)> = Vec::new();
    for cluster in &found.clusters {
        inside.extend(cluster.members.iter().map(|member| member.post));
        standing.push((cluster.exemplar, cluster.members.len()));
    }
    standing
        .extend((0..held.len()).filter(|place| !inside.contains(place)).map(|place| (place, 1)));
    standing.sort_unstable();
    standing
}
