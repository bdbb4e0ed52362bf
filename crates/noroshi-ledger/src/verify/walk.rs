//! One pass over every entry: leaf hashes, tiles and root recomputed and compared, in bounded memory.

use super::lie::{Lie, Named, Rule};
use super::{Refusal, Source, SourceError};
use crate::checkpoint::Checkpoint;
use crate::digest::Digest;
use crate::leaf::LEAF_BYTES_MAX;
use crate::tile::{
    Content, TILE_BYTES_MAX, TILE_LEVELS, TILE_WIDTH, Tile, decode_bundle, narrow_bundle,
    tile_place,
};
use crate::tree::{Frontier, leaf_hash};

/// Bytes of the largest bundle: 256 entries, each with its length.
pub const BUNDLE_BYTES_MAX: usize = 256 * (2 + LEAF_BYTES_MAX);

/// What happens to each entry: its index, its bytes, its leaf hash.
pub type Visit<'a> = dyn FnMut(u64, &[u8], &Digest) -> Result<(), Refusal> + 'a;

/// Recomputes the tree of `checkpoint` from the entries and hands each entry to `visit`, once its leaf hash is known
/// to be the one in the tiles.
pub fn walk(
    source: &mut dyn Source,
    checkpoint: &Checkpoint,
    visit: &mut Visit<'_>,
) -> Result<(), Refusal> {
    let size = checkpoint.size;
    let mut tree = Recomputed::default();
    let mut first = 0;
    while let Some(tile) = Tile::holding(Content::Entries, first, size) {
        let bundle = fetch(source, tile)?;
        let entries = decode_bundle(&bundle, tile.width)
            .map_err(|_| Lie::new(Rule::Bundle).at(first).with(Named::File, tile.path()))?;
        let hashes: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        check_leaves(source, Tile { content: Content::Hashes { level: 0 }, ..tile }, &hashes)?;
        for ((index, entry), hash) in (first..).zip(&entries).zip(&hashes) {
            tree.append(source, *hash)?;
            visit(index, entry, hash)?;
        }
        first += u64::from(tile.width);
    }
    tree.finish(source, checkpoint)
}

/// The tile of a signed checkpoint, cut to the width it has there. A partial tile may be gone once its full one
/// exists (tlog-tiles).
pub(super) fn fetch(source: &mut dyn Source, tile: Tile) -> Result<Vec<u8>, Refusal> {
    let lie = |rule| {
        let first = tile.index * TILE_WIDTH;
        let lie = Lie::new(rule).with(Named::File, tile.path());
        if tile.content == Content::Entries { lie.at(first) } else { lie }
    };
    let damaged = if tile.content == Content::Entries { Rule::Bundle } else { Rule::Tile };
    for candidate in [tile, tile.filled()] {
        let path = candidate.path();
        let bytes_max = match tile.content {
            Content::Entries => BUNDLE_BYTES_MAX,
            Content::Hashes { .. } => TILE_BYTES_MAX,
        };
        match source.read(&path, bytes_max) {
            Ok(Some(bytes)) if candidate == tile => return Ok(bytes),
            Ok(Some(bytes)) => {
                let cut = match tile.content {
                    Content::Entries => narrow_bundle(&bytes, tile.width),
                    Content::Hashes { .. } => bytes.get(..usize::from(tile.width) * 32),
                };
                return cut.map(<[u8]>::to_vec).ok_or_else(|| lie(damaged).into());
            }
            Ok(None) => {}
            Err(SourceError::TooLarge(_)) => return Err(lie(damaged).into()),
            Err(why) => return Err(Refusal::Unreadable { path, why }),
        }
    }
    Err(lie(Rule::FileMissing).into())
}

/// The leaf hashes against the level-0 tile: the first that differs names the entry.
fn check_leaves(source: &mut dyn Source, tile: Tile, hashes: &[Digest]) -> Result<(), Refusal> {
    let bytes = fetch(source, tile)?;
    let (stored, rest) = bytes.as_chunks::<32>();
    if stored.len() != hashes.len() || !rest.is_empty() {
        return Err(Lie::new(Rule::Tile).with(Named::File, tile.path()).into());
    }
    let first = tile.index * TILE_WIDTH;
    for ((index, stored), hash) in (first..).zip(stored).zip(hashes) {
        if *stored != hash.0 {
            return Err(Lie::new(Rule::EntryChanged)
                .at(index)
                .with(Named::Expected, Digest(*stored))
                .with(Named::Found, hash)
                .into());
        }
    }
    Ok(())
}

/// The tree as it follows from the entries, with the tile of each level that is being filled.
#[derive(Default)]
struct Recomputed {
    frontier: Frontier,
    /// Position `l` holds the hashes of the unfinished tile of level `l`; level 0 is compared bundle by bundle.
    rows: [Row; TILE_LEVELS as usize],
}

#[derive(Default)]
struct Row {
    index: u64,
    bytes: Vec<u8>,
}

impl Recomputed {
    fn append(&mut self, source: &mut dyn Source, leaf: Digest) -> Result<(), Refusal> {
        let rows = &mut self.rows;
        let mut full = [false; TILE_LEVELS as usize];
        let grown = self.frontier.append(leaf, |node| {
            let Some((level, _)) = tile_place(&node).filter(|(level, _)| *level > 0) else {
                return;
            };
            let place = usize::from(level);
            if let (Some(row), Some(full)) = (rows.get_mut(place), full.get_mut(place)) {
                row.bytes.extend_from_slice(&node.hash.0);
                *full = row.bytes.len() == TILE_BYTES_MAX;
            }
        });
        grown.map_err(|_| Lie::new(Rule::CheckpointText))?;
        for ((level, row), full) in (0u8..).zip(rows).zip(full) {
            if full {
                row.compare(source, level)?;
                *row = Row { index: row.index + 1, bytes: Vec::new() };
            }
        }
        Ok(())
    }

    fn finish(&self, source: &mut dyn Source, checkpoint: &Checkpoint) -> Result<(), Refusal> {
        for (level, row) in (0u8..).zip(&self.rows) {
            if !row.bytes.is_empty() {
                row.compare(source, level)?;
            }
        }
        let root = self.frontier.root();
        if root == checkpoint.root {
            return Ok(());
        }
        let lie = Lie::new(Rule::Root).with(Named::Expected, checkpoint.root);
        Err(lie.with(Named::Found, root).into())
    }
}

impl Row {
    fn compare(&self, source: &mut dyn Source, level: u8) -> Result<(), Refusal> {
        let width = u16::try_from(self.bytes.len() / 32).unwrap_or(256);
        let tile = Tile { content: Content::Hashes { level }, index: self.index, width };
        if fetch(source, tile)? == self.bytes {
            Ok(())
        } else {
            Err(Lie::new(Rule::Tile).with(Named::File, tile.path()).into())
        }
    }
}
