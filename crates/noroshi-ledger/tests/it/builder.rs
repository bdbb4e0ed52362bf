//! Logs made for tests: facts in, a folder out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::leaf::{Choice, EndCause, Execution, Fact, Leaf, Outcome, commitment};
use noroshi_ledger::note::Signer;
use noroshi_ledger::tile::{LogFile, files};
use noroshi_ledger::tree::{Frontier, leaf_hash};
use noroshi_ledger::verify::{Options, Source, SourceError};

pub(crate) const ORIGIN: &str = "log.noroshi.example/test";

pub(crate) fn signer() -> Signer {
    Signer::new(ORIGIN, &[1; 32]).unwrap()
}

pub(crate) fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A log being written by one office and as many sensors as there are.
#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Vec<u8>>,
    chains: BTreeMap<String, (u64, Digest)>,
    minute: u64,
}

impl Log {
    pub(crate) fn opened() -> Self {
        let mut log = Self::default();
        log.push(Fact::LogOpened { origin: ORIGIN.to_owned() });
        log
    }

    /// The leaf that would come next, a minute after the one before.
    pub(crate) fn next(&mut self, fact: Fact) -> Leaf {
        let emitter = "office-1".to_owned();
        let chain = self.chains.get(&emitter);
        let time = format!("2026-11-23T{:02}:{:02}:00.000Z", self.minute / 60, self.minute % 60);
        self.minute += 1;
        Leaf {
            v: 1,
            sequence: chain.map_or(0, |(last, _)| last + 1),
            previous: chain.map(|(_, hash)| *hash),
            emitter,
            time,
            hat: "duty".to_owned(),
            org: "office.example".to_owned(),
            fact,
            commitment: commitment(&[3; 32], b"{}"),
        }
    }

    pub(crate) fn push(&mut self, fact: Fact) -> u64 {
        let leaf = self.next(fact);
        self.push_leaf(&leaf)
    }

    pub(crate) fn push_leaf(&mut self, leaf: &Leaf) -> u64 {
        let bytes = leaf.encode().unwrap();
        self.chains.insert(leaf.emitter.clone(), (leaf.sequence, leaf_hash(&bytes)));
        self.entries.push(bytes);
        self.entries.len() as u64 - 1
    }

    /// The minute of the leaf that comes next.
    pub(crate) fn wait_until(&mut self, minute: u64) {
        self.minute = minute;
    }

    pub(crate) fn tree(&self, size: usize) -> (Frontier, BTreeMap<(u8, u64), Digest>) {
        let (mut frontier, mut nodes) = (Frontier::new(), BTreeMap::new());
        for entry in &self.entries[..size] {
            let hash = leaf_hash(entry);
            frontier
                .append(hash, |n| {
                    nodes.insert((n.level, n.index), n.hash);
                })
                .unwrap();
        }
        (frontier, nodes)
    }

    pub(crate) fn checkpoint(&self, size: usize) -> Checkpoint {
        Checkpoint::new(ORIGIN, size as u64, self.tree(size).0.root())
    }

    pub(crate) fn files(&self) -> Vec<LogFile> {
        let size = self.entries.len();
        let note = signer().sign(&self.checkpoint(size).to_string()).unwrap();
        let (_, nodes) = self.tree(size);
        files(
            0,
            size as u64,
            &note,
            |n| self.entries.get(usize::try_from(n).unwrap()).cloned(),
            |level, index| nodes.get(&(level, index)).copied(),
        )
        .unwrap()
    }

    pub(crate) fn shelf(&self) -> Shelf {
        Shelf(self.files().into_iter().map(|file| (file.path, file.bytes)).collect())
    }

    /// The log as a folder, with its key beside it.
    pub(crate) fn write(&self, folder: &Path) {
        for file in self.files() {
            let path = folder.join(file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.bytes).unwrap();
        }
        fs::write(folder.join("log.vkey"), format!("{}\n", signer().vkey())).unwrap();
    }
}

/// The files of a log in memory.
#[derive(Clone)]
pub(crate) struct Shelf(pub(crate) BTreeMap<String, Vec<u8>>);

impl Source for Shelf {
    fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        match self.0.get(path) {
            Some(bytes) if bytes.len() > bytes_max => Err(SourceError::TooLarge(bytes_max)),
            found => Ok(found.cloned()),
        }
    }
}

pub(crate) fn options() -> Options {
    Options { key: signer().vkey(), earlier: None }
}

pub(crate) fn requested(requester: &str) -> Fact {
    Fact::MeasureRequested {
        measure: "measure-1".to_owned(),
        request: digest("request"),
        requester: requester.to_owned(),
    }
}

pub(crate) fn vote(member: &str, choice: Choice) -> Fact {
    Fact::MeasureVote {
        measure: "measure-1".to_owned(),
        request: digest("request"),
        member: member.to_owned(),
        choice,
    }
}

pub(crate) fn decided(outcome: Outcome, quorum: u32, approvals: u32, refusals: u32) -> Fact {
    Fact::MeasureDecided {
        measure: "measure-1".to_owned(),
        request: digest("request"),
        outcome,
        quorum,
        approvals,
        refusals,
        not_before: "2026-11-23T00:05:00Z".to_owned(),
        not_after: "2026-11-23T02:00:00Z".to_owned(),
        authorisation: digest("authorisation"),
    }
}

pub(crate) fn begin(effect: &str) -> Fact {
    Fact::MeasureExecuteBegin {
        measure: "measure-1".to_owned(),
        request: digest("request"),
        authorisation: digest("authorisation"),
        effect: effect.to_owned(),
        command: digest("command"),
    }
}

pub(crate) fn end(effect: &str, outcome: Execution) -> Fact {
    Fact::MeasureExecuteEnd {
        measure: "measure-1".to_owned(),
        effect: effect.to_owned(),
        outcome,
        readback: digest("readback"),
    }
}

pub(crate) fn ended(effect: &str, cause: EndCause) -> Fact {
    Fact::MeasureEnded {
        measure: "measure-1".to_owned(),
        effect: effect.to_owned(),
        cause,
        readback: digest("readback"),
    }
}

pub(crate) fn batch(sequence: u64, previous: Option<&str>) -> Fact {
    Fact::SiftBatch {
        sensor: "sensor-1".to_owned(),
        sequence,
        mode: "own_network".to_owned(),
        from: "2026-11-22T00:00:00Z".to_owned(),
        to: "2026-11-22T01:00:00Z".to_owned(),
        seen: 100,
        kept: 2,
        unmatched: 90,
        direction: 0,
        content: 7,
        errors: 1,
        selectors: digest("selectors"),
        build: digest("build"),
        kept_root: digest("kept"),
        certificate: digest(&format!("certificate {sequence}")),
        previous: previous.map(digest),
    }
}

pub(crate) fn release(audience: &str, has_selected_comms: bool, has_secret: bool) -> Fact {
    Fact::ShareRelease {
        release: "release-1".to_owned(),
        collection: "collection-1".to_owned(),
        audience: audience.to_owned(),
        class: "cia_p".to_owned(),
        tlp: "amber".to_owned(),
        has_selected_comms,
        has_secret,
        objects: 3,
        digest: digest("objects"),
        reviews: Vec::new(),
    }
}

/// Requested, voted on by three, approved.
pub(crate) fn approved() -> Log {
    let mut log = Log::opened();
    log.push(requested("person-1"));
    for member in ["member-1", "member-2", "member-3"] {
        log.push(vote(member, Choice::Approve));
    }
    log.push(decided(Outcome::Approved, 3, 3, 0));
    log
}

/// Everything a good day holds: reports, certificates, a measure from request to end, a release, a view.
pub(crate) fn good_day() -> Log {
    let mut log = approved();
    log.push(begin("effect-1"));
    log.push(end("effect-1", Execution::Active));
    log.push(ended("effect-1", EndCause::Expired));
    log.push(Fact::MeasureReport { measure: "measure-1".to_owned(), digest: digest("report") });
    log.push(batch(0, None));
    log.push(batch(1, Some("certificate 0")));
    log.push(release("partner:ally.example", false, false));
    log.push(release("organ:police.example", true, true));
    log.push(Fact::AccessView { subject: "case-1".to_owned(), purpose: "inspection".to_owned() });
    log
}
