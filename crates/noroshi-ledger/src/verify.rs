//! The whole log, read as a stranger reads it: with a key, perhaps a memory, and no trust.
//!
//! The checks run in this order, and the first statement that does not hold ends them:
//! 1. the checkpoint is signed by the trusted key and names the key's log;
//! 2. it extends the checkpoint remembered from before, when there is one;
//! 3. every entry, every tile and the root are what the checkpoint says ([`walk`]);
//! 4. what the entries say holds together: order, authority, certificates, releases ([`audit`]).
//!
//! 3 and 4 share one pass. An entry is accused only when the tree under it is whole: nobody is blamed for what a
//! forger wrote into a copy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::note::{NOTE_BYTES_MAX, NoteError, Vkey};
use crate::tile::{CHECKPOINT_PATH, Tile};
use crate::tree::{prove_consistency, verify_consistency};

pub mod audit;
pub mod lie;
pub mod walk;

use audit::{Audit, Report};
use lie::{Lie, Named, Rule};

/// Where the files of a log come from.
pub trait Source {
    /// The bytes at `path`, relative to the log; none when there is no such file. More than `bytes_max` bytes are
    /// not read.
    fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError>;
}

/// Why a file could not be read; that it is not there is no error of the source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Longer than any file of that kind may be.
    #[error("the file is larger than `{0}` bytes")]
    TooLarge(usize),
    /// The disk or the network failed.
    #[error("{0}")]
    Failed(String),
}

/// What is trusted before the log is read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The only key whose signature counts.
    pub key: Vkey,
    /// The checkpoint that was verified before.
    pub earlier: Option<Checkpoint>,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The log says something that does not hold.
    #[error("{0}")]
    Lie(Lie),
    /// Nothing can be said: a file could not be read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// What the disk or the network said.
        #[source]
        why: SourceError,
    },
    /// There is no checkpoint: this is not the folder or address of a log.
    #[error("there is no log here")]
    NoLog,
    /// More emitters, sensors, votes and effects than this program keeps in memory.
    #[error("the log has more parties and measures than can be held in memory")]
    TooMuch,
}

impl From<Lie> for Refusal {
    fn from(lie: Lie) -> Self {
        Self::Lie(lie)
    }
}

/// How the log stands to what was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum History {
    /// Nothing was remembered: whether the log was rolled back or rewritten cannot be judged.
    NotJudged,
    /// The very log that was seen before.
    Same,
    /// The log seen before, and more.
    Extends {
        /// Entries it had.
        from: u64,
    },
}

/// Reads and checks the whole log. Memory grows with the number of emitters, sensors and measures, not with the log.
pub fn verify(source: &mut dyn Source, options: &Options) -> Result<Report, Refusal> {
    let (checkpoint, note) = signed_checkpoint(source, &options.key)?;
    let history = match &options.earlier {
        None => History::NotJudged,
        Some(earlier) => check_history(source, earlier, &checkpoint)?,
    };
    let mut audit = Audit::new(&checkpoint.origin);
    // The first untrue statement, kept until the tree is known to be whole.
    let mut held = None;
    walk::walk(source, &checkpoint, &mut |index, entry, hash| {
        if held.is_some() {
            return Ok(());
        }
        match audit.read(index, entry, hash) {
            Err(Refusal::Lie(lie)) => {
                held = Some(lie);
                Ok(())
            }
            answer => answer,
        }
    })?;
    match held {
        Some(lie) => Err(lie.into()),
        None => Ok(audit.report(&checkpoint, history, note)),
    }
}

/// The newest checkpoint and the note it came in.
fn signed_checkpoint(source: &mut dyn Source, key: &Vkey) -> Result<(Checkpoint, String), Refusal> {
    let path = CHECKPOINT_PATH;
    let note = match source.read(path, NOTE_BYTES_MAX) {
        Ok(Some(note)) => note,
        Ok(None) => return Err(Refusal::NoLog),
        Err(SourceError::TooLarge(_)) => return Err(Lie::new(Rule::CheckpointText).into()),
        Err(why) => return Err(Refusal::Unreadable { path: path.to_owned(), why }),
    };
    let checkpoint = open_checkpoint(&note, key)?;
    // A verified note is UTF-8, so nothing is lost here.
    Ok((checkpoint, String::from_utf8_lossy(&note).into_owned()))
}

/// The checkpoint inside a note that `key` signed.
fn open_checkpoint(note: &[u8], key: &Vkey) -> Result<Checkpoint, Lie> {
    let verified =
        crate::note::verify(note, std::slice::from_ref(key)).map_err(|problem| match problem {
            NoteError::NoTrustedSignature | NoteError::BadSignature => {
                Lie::new(Rule::Signature).with(Named::Key, key.name())
            }
            NoteError::TooLarge | NoteError::Shape => Lie::new(Rule::CheckpointText),
        })?;
    let checkpoint: Checkpoint =
        verified.text.parse().map_err(|_| Lie::new(Rule::CheckpointText))?;
    if checkpoint.origin == key.name() {
        Ok(checkpoint)
    } else {
        Err(Lie::new(Rule::Origin)
            .with(Named::Expected, key.name())
            .with(Named::Found, &checkpoint.origin))
    }
}

/// RFC 6962 §2.1.2: the log of now begins with the log of then.
fn check_history(
    source: &mut dyn Source,
    earlier: &Checkpoint,
    now: &Checkpoint,
) -> Result<History, Refusal> {
    let sizes =
        |rule| Lie::new(rule).with(Named::Expected, earlier.size).with(Named::Found, now.size);
    if earlier.origin != now.origin {
        return Err(Lie::new(Rule::Origin)
            .with(Named::Expected, &earlier.origin)
            .with(Named::Found, &now.origin)
            .into());
    }
    if now.size < earlier.size {
        return Err(sizes(Rule::Rollback).into());
    }
    if now.size == earlier.size {
        let same = now.root == earlier.root;
        return if same { Ok(History::Same) } else { Err(sizes(Rule::History).into()) };
    }
    // Every log begins with the empty one; nothing is left to prove.
    if earlier.size > 0 {
        let proof = proof_from_tiles(source, earlier.size, now.size)?;
        verify_consistency(earlier.size, now.size, &proof, &earlier.root, &now.root)
            .map_err(|_| sizes(Rule::History))?;
    }
    Ok(History::Extends { from: earlier.size })
}

fn proof_from_tiles(
    source: &mut dyn Source,
    old: u64,
    new: u64,
) -> Result<Vec<crate::digest::Digest>, Refusal> {
    let mut tiles: BTreeMap<Tile, Vec<u8>> = BTreeMap::new();
    let mut refusal = None;
    let proof = prove_consistency(old, new, |level, index| {
        let tile = crate::tile::tile_of_node(new, level, index)?;
        if let std::collections::btree_map::Entry::Vacant(place) = tiles.entry(tile) {
            match walk::fetch(source, tile) {
                Ok(bytes) => {
                    place.insert(bytes);
                }
                Err(problem) => {
                    refusal = Some(problem);
                    return None;
                }
            }
        }
        crate::tile::node_from_tile(tiles.get(&tile)?, level, index)
    });
    match (proof, refusal) {
        (Ok(proof), _) => Ok(proof),
        (Err(_), Some(refusal)) => Err(refusal),
        (Err(_), None) => {
            Err(Lie::new(Rule::History).with(Named::Expected, old).with(Named::Found, new).into())
        }
    }
}

/// What a verifier remembers between two runs: the key, and the checkpoint that held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The key, as `name+id+base64`.
    pub vkey: String,
    /// The signed checkpoint as it was read.
    pub checkpoint: String,
}

/// Why a memory is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the memory of an earlier verification, or damaged")]
pub struct MemoryError;

impl Memory {
    /// The key and the checkpoint, when the checkpoint is signed by that key.
    pub fn open(&self) -> Result<(Vkey, Checkpoint), MemoryError> {
        let key: Vkey = self.vkey.parse().map_err(|_| MemoryError)?;
        let checkpoint =
            open_checkpoint(self.checkpoint.as_bytes(), &key).map_err(|_| MemoryError)?;
        Ok((key, checkpoint))
    }
}
