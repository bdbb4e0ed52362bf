//! The log as static files: C2SP tlog-tiles paths, tiles, entry bundles, and which files an append writes.

use crate::digest::Digest;
use crate::tree::{Node, SIZE_MAX};

/// Hashes in a full tile, entries in a full bundle (tlog-tiles: tiles are 8 levels high).
pub const TILE_WIDTH: u64 = 256;

/// Bytes of a full tile.
pub const TILE_BYTES_MAX: usize = 8_192;

/// Levels of tiles: 8 levels of the tree each, for a tree of at most 2^63 leaves.
pub const TILE_LEVELS: u8 = 8;

/// Entries one call of [`files`] takes; a longer append is cut into several.
pub const APPEND_ENTRIES_MAX: u64 = 65_536;

/// The name of the file that holds the signed checkpoint.
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// What a file of the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Hashes of one tile level: level `l` holds the nodes of tree level `8 * l`.
    Hashes {
        /// Tile level, 0 to 7.
        level: u8,
    },
    /// The entries themselves.
    Entries,
}

/// A tile or a bundle: where in the log it lies and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// Hashes or entries.
    pub content: Content,
    /// Position within its level.
    pub index: u64,
    /// Hashes or entries inside, 1 to 256; below 256 the tile is partial.
    pub width: u16,
}

impl Tile {
    /// The tile that holds position `position` of a level with `count` positions; none when it holds no such position.
    pub fn holding(content: Content, position: u64, count: u64) -> Option<Self> {
        if position >= count {
            return None;
        }
        let index = position / TILE_WIDTH;
        let width = u16::try_from((count - index * TILE_WIDTH).min(TILE_WIDTH)).ok()?;
        Some(Self { content, index, width })
    }

    /// True when the tile will never change again.
    pub fn is_full(self) -> bool {
        u64::from(self.width) == TILE_WIDTH
    }

    /// The same tile once it is full. A partial tile may be removed when its full one exists (tlog-tiles).
    #[must_use]
    pub fn filled(self) -> Self {
        Self { width: 256, ..self }
    }

    /// The path of the file, relative to the log's address.
    pub fn path(self) -> String {
        let number = index_path(self.index);
        let level = match self.content {
            Content::Hashes { level } => level.to_string(),
            Content::Entries => "entries".to_owned(),
        };
        if self.is_full() {
            format!("tile/{level}/{number}")
        } else {
            format!("tile/{level}/{number}.p/{}", self.width)
        }
    }
}

/// tlog-tiles: groups of three digits, every group but the last with an `x` before it.
fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// How many nodes the tile level has in a tree of `size` leaves.
fn level_count(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

/// Tiles of one kind that differ between a tree of `old` and one of `new` leaves.
fn changed(content: Content, old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let (before, after) = match content {
        Content::Entries => (old, new),
        Content::Hashes { level } => (level_count(level, old), level_count(level, new)),
    };
    let range = if after > before { before / TILE_WIDTH..after.div_ceil(TILE_WIDTH) } else { 0..0 };
    range.filter_map(move |index| Tile::holding(content, index * TILE_WIDTH, after))
}

/// Every bundle and tile to write when a log grows from `old` to `new` leaves: bundles first, then tiles from
/// the lowest level up. A file never speaks of another that is not there yet.
pub fn tiles_to_write(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let levels = (0..TILE_LEVELS).map(|level| Content::Hashes { level });
    std::iter::once(Content::Entries)
        .chain(levels)
        .flat_map(move |content| changed(content, old, new))
}

/// Why entries cannot be bundled, or a bundle cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The length of an entry is a 16-bit number.
    #[error("an entry of `{0}` bytes is longer than 65535")]
    EntryTooLong(usize),
    /// The bundle ends in the middle of an entry.
    #[error("the bundle is cut off")]
    CutOff,
    /// The bundle has another number of entries than its name says.
    #[error("the bundle holds `{found}` entries where its name says `{named}`")]
    WrongCount {
        /// Entries inside.
        found: u64,
        /// Entries its path promises.
        named: u16,
    },
}

/// Appends one entry to a bundle: its length as two bytes big-endian, then the entry.
fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// A bundle of these entries.
pub fn encode_bundle<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleError> {
    let mut bundle = Vec::new();
    for entry in entries {
        push_entry(&mut bundle, entry)?;
    }
    Ok(bundle)
}

/// The entries of a bundle that must hold exactly `width` of them.
pub fn decode_bundle(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::with_capacity(usize::from(width).min(256));
    let mut rest = bundle;
    while !rest.is_empty() {
        if entries.len() >= usize::from(width) {
            return Err(BundleError::WrongCount { found: entries.len() as u64 + 1, named: width });
        }
        let (length, after) = rest.split_first_chunk::<2>().ok_or(BundleError::CutOff)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(BundleError::CutOff)?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() == usize::from(width) {
        Ok(entries)
    } else {
        Err(BundleError::WrongCount { found: entries.len() as u64, named: width })
    }
}

/// The first `width` entries of a bundle that may hold more, as the bytes of the narrower bundle.
pub(crate) fn narrow_bundle(bundle: &[u8], width: u16) -> Option<&[u8]> {
    let mut end = 0usize;
    for _ in 0..width {
        let length = bundle.get(end..)?.first_chunk::<2>()?;
        end += 2 + usize::from(u16::from_be_bytes(*length));
    }
    bundle.get(..end)
}

/// A file of the log, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Path relative to the log's folder or address.
    pub path: String,
    /// The whole content.
    pub bytes: Vec<u8>,
}

/// Why the files of an append could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// A log only grows.
    #[error("a log cannot shrink from `{old}` to `{new}`")]
    Shrinks {
        /// Leaves before.
        old: u64,
        /// Leaves after.
        new: u64,
    },
    /// Ask again in smaller steps.
    #[error("`{0}` entries at once are more than 65536")]
    TooMany(u64),
    /// The reader of entries lacks one.
    #[error("entry `{0}` is not there")]
    EntryMissing(u64),
    /// The reader of hashes lacks one.
    #[error("the hash of node `{index}` at level `{level}` is not there")]
    NodeMissing {
        /// Tree level.
        level: u8,
        /// Index within it.
        index: u64,
    },
    /// An entry does not fit.
    #[error("entry does not fit a bundle")]
    Bundle(#[from] BundleError),
}

/// The files to write when a log grows from `old` to `new` leaves, **in the order in which they must be durable**:
/// bundles, tiles from the lowest level up, and last the checkpoint, so that a reader who sees a checkpoint finds
/// everything under it. Each must be on disk (written aside, synced, renamed) before the checkpoint is.
///
/// `entry` gives the bytes of a leaf, `node` the hash of a complete subtree by level and index; both are asked for
/// what already was in the last partial tile, too.
pub fn files(
    old: u64,
    new: u64,
    checkpoint: &str,
    mut entry: impl FnMut(u64) -> Option<Vec<u8>>,
    mut node: impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Vec<LogFile>, FilesError> {
    if new < old || new > SIZE_MAX {
        return Err(FilesError::Shrinks { old, new });
    }
    if new - old > APPEND_ENTRIES_MAX {
        return Err(FilesError::TooMany(new - old));
    }
    let mut files = Vec::new();
    for tile in tiles_to_write(old, new) {
        let bytes = match tile.content {
            Content::Entries => bundle_bytes(tile, &mut entry)?,
            Content::Hashes { level } => tile_bytes(tile, level * 8, &mut node)?,
        };
        files.push(LogFile { path: tile.path(), bytes });
    }
    files.push(LogFile { path: CHECKPOINT_PATH.to_owned(), bytes: checkpoint.into() });
    Ok(files)
}

fn positions(tile: Tile) -> impl Iterator<Item = u64> {
    let first = tile.index * TILE_WIDTH;
    first..first + u64::from(tile.width)
}

fn bundle_bytes(
    tile: Tile,
    entry: &mut impl FnMut(u64) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, FilesError> {
    let mut bundle = Vec::new();
    for position in positions(tile) {
        let bytes = entry(position).ok_or(FilesError::EntryMissing(position))?;
        push_entry(&mut bundle, &bytes)?;
    }
    Ok(bundle)
}

fn tile_bytes(
    tile: Tile,
    level: u8,
    node: &mut impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Vec<u8>, FilesError> {
    let mut bytes = Vec::with_capacity(usize::from(tile.width) * 32);
    for index in positions(tile) {
        let hash = node(level, index).ok_or(FilesError::NodeMissing { level, index })?;
        bytes.extend_from_slice(&hash.0);
    }
    Ok(bytes)
}

/// The tile that holds what is needed to know node `(level, index)` of a tree of `size` leaves.
pub fn tile_of_node(size: u64, level: u8, index: u64) -> Option<Tile> {
    let tile_level = level / 8;
    let first = index.checked_shl(u32::from(level % 8))?;
    Tile::holding(Content::Hashes { level: tile_level }, first, level_count(tile_level, size))
}

/// The hash of node `(level, index)`, computed from the bytes of [`tile_of_node`]; none when it is not inside.
pub fn node_from_tile(tile: &[u8], level: u8, index: u64) -> Option<Digest> {
    let height = u32::from(level % 8);
    let first = usize::try_from(index.checked_shl(height)? % TILE_WIDTH).ok()?;
    let end = first + (1usize << height);
    let (hashes, _) = tile.as_chunks::<32>();
    let mut row: Vec<Digest> = hashes.get(first..end)?.iter().copied().map(Digest).collect();
    while row.len() > 1 {
        row = row
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[left, right]| crate::tree::node_hash(left, right))
            .collect();
    }
    row.first().copied()
}

/// Where a complete node stands in the tiles; none when its level lies inside a tile.
pub(crate) fn tile_place(node: &Node) -> Option<(u8, u64)> {
    node.level.is_multiple_of(8).then_some((node.level / 8, node.index))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::tree::{Frontier, leaf_hash};

    struct Whole {
        entries: Vec<Vec<u8>>,
        nodes: BTreeMap<(u8, u64), Digest>,
    }

    impl Whole {
        fn new(size: u64) -> Self {
            let entries: Vec<_> = (0..size).map(|n| format!("entry {n}").into_bytes()).collect();
            let (mut frontier, mut nodes) = (Frontier::new(), BTreeMap::new());
            for entry in &entries {
                frontier
                    .append(leaf_hash(entry), |n| {
                        nodes.insert((n.level, n.index), n.hash);
                    })
                    .unwrap();
            }
            Self { entries, nodes }
        }

        fn files(&self, old: u64, new: u64) -> Vec<LogFile> {
            files(
                old,
                new,
                "checkpoint\n",
                |n| self.entries.get(usize::try_from(n).unwrap()).cloned(),
                |level, index| self.nodes.get(&(level, index)).copied(),
            )
            .unwrap()
        }
    }

    #[test]
    fn paths() {
        let tile = |index, width| Tile { content: Content::Hashes { level: 2 }, index, width };
        assert_eq!(tile(0, 256).path(), "tile/2/000");
        assert_eq!(tile(1_234_067, 256).path(), "tile/2/x001/x234/067");
        assert_eq!(tile(999, 17).path(), "tile/2/999.p/17");
        let bundle = Tile { content: Content::Entries, index: 1000, width: 255 };
        assert_eq!(bundle.path(), "tile/entries/x001/000.p/255");
        assert_eq!(bundle.filled().path(), "tile/entries/x001/000");
    }

    #[test]
    fn seventy_thousand_leaves() {
        let partial: Vec<_> =
            tiles_to_write(0, 70_000).filter(|t| !t.is_full()).map(Tile::path).collect();
        assert_eq!(
            partial,
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        assert_eq!(tiles_to_write(0, 70_000).count(), 274 + 274 + 2 + 1);
        assert_eq!(tiles_to_write(70_000, 70_000).count(), 0);
    }

    #[test]
    fn order_is_bundles_tiles_checkpoint() {
        let paths: Vec<_> = Whole::new(300).files(250, 300).into_iter().map(|f| f.path).collect();
        assert_eq!(
            paths,
            [
                "tile/entries/000",
                "tile/entries/001.p/44",
                "tile/0/000",
                "tile/0/001.p/44",
                "tile/1/000.p/1",
                "checkpoint"
            ]
        );
    }

    #[test]
    fn impossible_appends_are_refused() {
        let none = |_| None;
        let no_node = |_, _| None;
        assert_eq!(files(2, 1, "", none, no_node), Err(FilesError::Shrinks { old: 2, new: 1 }));
        assert_eq!(files(0, 65_537, "", none, no_node), Err(FilesError::TooMany(65_537)));
        assert_eq!(files(0, 1, "", none, no_node), Err(FilesError::EntryMissing(0)));
        let node_missing = FilesError::NodeMissing { level: 0, index: 0 };
        assert_eq!(files(0, 1, "", |_| Some(vec![]), no_node), Err(node_missing));
        let long = FilesError::Bundle(BundleError::EntryTooLong(65_536));
        assert_eq!(files(0, 1, "", |_| Some(vec![0; 65_536]), no_node), Err(long));
    }

    #[test]
    fn bundles_are_read_strictly() {
        let bundle = encode_bundle([b"a".as_slice(), b"", b"bc"].into_iter()).unwrap();
        assert_eq!(bundle, [0, 1, b'a', 0, 0, 0, 2, b'b', b'c']);
        assert_eq!(decode_bundle(&bundle, 3).unwrap(), [b"a".as_slice(), b"", b"bc"]);
        assert_eq!(decode_bundle(&bundle[..8], 3), Err(BundleError::CutOff));
        let wrong = |found, named| Err(BundleError::WrongCount { found, named });
        assert_eq!(decode_bundle(&bundle, 2), wrong(3, 2));
        assert_eq!(decode_bundle(&bundle, 4), wrong(3, 4));
        assert_eq!(narrow_bundle(&bundle, 2), Some(&bundle[..5]));
        assert_eq!(narrow_bundle(&bundle, 4), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn growing_in_steps_writes_the_tiles_of_a_log_made_at_once(
            steps in prop::collection::vec(0u64..300, 1..6),
        ) {
            let whole = Whole::new(steps.iter().sum());
            let mut written = BTreeMap::new();
            let mut size = 0;
            for step in steps {
                for file in whole.files(size, size + step) {
                    written.insert(file.path, file.bytes);
                }
                size += step;
                for file in whole.files(0, size) {
                    prop_assert_eq!(written.get(&file.path), Some(&file.bytes), "{}", file.path);
                }
            }
        }

        #[test]
        fn every_node_can_be_read_back_from_the_tiles(size in 1u64..1200) {
            let whole = Whole::new(size);
            let files: BTreeMap<_, _> =
                whole.files(0, size).into_iter().map(|f| (f.path, f.bytes)).collect();
            for ((level, index), hash) in &whole.nodes {
                let tile = tile_of_node(size, *level, *index).unwrap();
                let read = node_from_tile(&files[&tile.path()], *level, *index);
                prop_assert_eq!(read, Some(*hash));
            }
        }

        #[test]
        fn arbitrary_bundles_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), width in 1u16..=256) {
            if let Ok(entries) = decode_bundle(&bytes, width) {
                prop_assert_eq!(encode_bundle(entries.into_iter()).unwrap(), bytes);
            }
        }
    }
}
