//! What is kept of each post, and how it becomes clusters.

use std::collections::{BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::forest::Forest;
use super::guard::{self, Piece, Weighed};
use super::normal::{Normal, Tricks};
use super::texts::{Judge, Texts};
use super::{Cluster, Copies, Counts, Label, Member, Options, Post};

/// A post whose text is long enough to be compared.
#[derive(Clone, Copy)]
struct Record {
    post: u32,
    text: u32,
    account: u32,
    time_ms: i64,
    spelling: u64,
    plain: Tricks,
    relative: Tricks,
    cut: bool,
}

/// The posts so far.
#[derive(Default)]
pub(super) struct Collection {
    records: Vec<Record>,
    accounts: HashMap<Box<str>, u32>,
    ids: HashSet<u128>,
    pub(super) texts: Texts,
    pub(super) counts: Counts,
}

impl Collection {
    /// Takes note of the post with this number. True if its text is new and needs a signature.
    pub(super) fn take(
        &mut self,
        number: usize,
        post: &Post<'_>,
        normal: &Normal,
        options: &Options,
    ) -> bool {
        self.counts.posts += 1;
        if !self.ids.insert(identity(post.id)) {
            self.counts.repeated += 1;
            return false;
        }
        if normal.text.len() < options.text_bytes_min {
            self.counts.short += 1;
            return false;
        }
        self.counts.cut += usize::from(normal.cut);
        let (Ok(number), Some((text, new))) =
            (u32::try_from(number), self.texts.number(&normal.text))
        else {
            self.counts.beyond += 1;
            return false;
        };
        let next = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        let account = match self.accounts.get(post.account) {
            Some(known) => *known,
            None => *self.accounts.entry(post.account.into()).or_insert(next),
        };
        self.counts.texts += usize::from(new);
        self.records.push(Record {
            post: number,
            text,
            account,
            time_ms: post.time_ms,
            spelling: normal.spelling,
            plain: normal.plain,
            relative: normal.relative,
            cut: normal.cut,
        });
        new
    }

    /// The clusters of what hangs together in `forest`.
    pub(super) fn clusters(&self, mut forest: Forest, options: &Options) -> Copies {
        let mut rooted: Vec<(u32, Record)> =
            self.records.iter().map(|record| (forest.root(record.text), *record)).collect();
        rooted.sort_unstable_by_key(|(root, record)| {
            (*root, record.text, record.time_ms, record.post)
        });
        let components: Vec<Vec<Record>> = rooted
            .chunk_by(|left, right| left.0 == right.0)
            .map(|component| component.iter().map(|(_, record)| *record).collect::<Vec<_>>())
            .filter(|component| accounts(component) >= options.accounts_min)
            .collect();
        drop(rooted);
        let made = super::workers::map(options.workers, &components, |component| {
            self.component(component, options)
        });
        let mut copies = Copies { clusters: Vec::new(), counts: self.counts.clone() };
        for (clusters, pieces) in made {
            copies.counts.split += pieces.saturating_sub(1);
            copies.clusters.extend(clusters);
        }
        copies.clusters.sort_unstable_by(|one, other| {
            let size = |cluster: &Cluster| (cluster.accounts, cluster.members.len());
            size(other)
                .cmp(&size(one))
                .then(one.first_ms.cmp(&other.first_ms))
                .then_with(|| one.key.cmp(&other.key))
        });
        copies.counts.clustered = copies.clusters.iter().map(|one| one.members.len()).sum();
        copies
    }

    /// The clusters of one component, and into how many pieces it fell.
    fn component(&self, records: &[Record], options: &Options) -> (Vec<Cluster>, usize) {
        let said: Vec<&[Record]> =
            records.chunk_by(|left, right| left.text == right.text).collect();
        let weighed: Vec<Weighed> = said
            .iter()
            .filter_map(|said| {
                let text = said.first()?.text;
                Some(Weighed { text, posts: u32::try_from(said.len()).unwrap_or(u32::MAX) })
            })
            .collect();
        let pieces = guard::pieces(&weighed, &self.texts, options);
        let clusters = pieces
            .iter()
            .filter_map(|piece| self.cluster(piece, &said, options))
            .filter(|cluster| cluster.accounts >= options.accounts_min)
            .collect();
        (clusters, pieces.len())
    }

    fn cluster(&self, piece: &Piece, said: &[&[Record]], options: &Options) -> Option<Cluster> {
        let judge = Judge::new(&self.texts, options, piece.medoid);
        let mut members: Vec<(i64, Member)> = Vec::new();
        let mut people = BTreeSet::new();
        let mut chars = 0_u64;
        for (text, similarity) in &piece.texts {
            let place =
                said.binary_search_by_key(text, |said| said.first().map_or(0, |one| one.text));
            let Some(records) = place.ok().and_then(|place| said.get(place)) else { continue };
            let usual = usual(records);
            for record in *records {
                let tricks = tricks(record, usual);
                let label = if !tricks.is_empty() {
                    Label::Obfuscated
                } else if *text == piece.medoid {
                    Label::Exact
                } else if judge.is_beginning(*text) {
                    Label::Truncated
                } else {
                    Label::Copypasta
                };
                people.insert(record.account);
                chars += u64::from(self.texts.chars(*text));
                let (post, similarity) = (record.post as usize, *similarity);
                members.push((
                    record.time_ms,
                    Member { post, label, similarity, tricks, cut: record.cut },
                ));
            }
        }
        members.sort_unstable_by_key(|(time, member)| (*time, member.post));
        let exemplar = members.iter().find(|(_, one)| one.label == Label::Exact);
        let exemplar = exemplar.or_else(|| members.iter().find(|(_, one)| one.similarity >= 1.0));
        let posts = u64::try_from(members.len()).ok()?;
        Some(Cluster {
            key: key(self.texts.text(piece.medoid)),
            exemplar: exemplar.or(members.first())?.1.post,
            accounts: people.len(),
            texts: piece.texts.len(),
            first_ms: members.first()?.0,
            last_ms: members.last()?.0,
            chars_mean: u32::try_from(chars.checked_div(posts)?).ok()?,
            tricks: members.iter().fold(Tricks::default(), |all, (_, one)| all | one.tricks),
            members: members.into_iter().map(|(_, member)| member).collect(),
        })
    }
}

/// 128 bits, so that two posts do not become one by chance among billions.
fn identity(id: &str) -> u128 {
    let mut hasher = SipHasher13::new();
    core::hash::Hasher::write(&mut hasher, id.as_bytes());
    hasher.finish128().as_u128()
}

fn accounts(records: &[Record]) -> usize {
    records.iter().map(|record| record.account).collect::<BTreeSet<_>>().len()
}

/// How a text is usually written: by most posts, of equals the plainest.
fn usual(records: &[Record]) -> Option<Record> {
    let mut ways: Vec<Record> = records.to_vec();
    ways.sort_unstable_by_key(|one| (one.relative, one.spelling, one.time_ms, one.post));
    let usual = ways
        .chunk_by(|left, right| left.spelling == right.spelling)
        .reduce(|most, next| if next.len() > most.len() { next } else { most });
    usual.and_then(|way| way.first().copied())
}

/// What hides a post: what shows in itself, and how it is written otherwise than the same text usually is.
fn tricks(record: &Record, usual: Option<Record>) -> Tricks {
    let Some(usual) = usual.filter(|usual| usual.spelling != record.spelling) else {
        return record.plain;
    };
    let differing = record.relative.differing(usual.relative);
    record.plain | if differing.is_empty() { record.relative } else { differing }
}

/// Names a cluster by its medoid's text: the first half of its SHA-256 in hexadecimal digits.
fn key(text: &str) -> String {
    use core::fmt::Write as _;
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(String::with_capacity(32), |mut key, byte| {
        // Writing to a string cannot fail.
        let _infallible = write!(key, "{byte:02x}");
        key
    })
}
