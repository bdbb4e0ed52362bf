//! The published log: durable leaves become tiles and a signed checkpoint that anyone can copy and verify.
//!
//! Order matters and is kept: a leaf is durable in the store, then bundles and tiles are on disk, then the
//! checkpoint is signed and put beside them. A checkpoint is only signed when it extends the one before, so a store
//! restored from an old copy cannot make this office sign a second history.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::note::Signer;
use noroshi_ledger::tile::{self, CHECKPOINT_PATH, node_from_tile, tile_of_node};
use noroshi_ledger::tree::{self, Frontier, Node};
use tokio::sync::watch;

use super::claim::Claim;
use super::id::fill_random;
use super::store::{Store, StoreFailure, Value};

/// Leaves published in one round.
const ROUND_LEAVES_MAX: u64 = 8192;
/// Between two checkpoints at least this long, so that a flood of commits shares tiles.
const PUBLISH_PAUSE: Duration = Duration::from_millis(60);
/// How long a reader waits for a checkpoint that covers its leaf.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Why the log could not be opened, published or proved from.
#[derive(Debug, thiserror::Error)]
pub enum LogFailure {
    /// A file of the log.
    #[error("`{path}` cannot be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The leaves could not be read.
    #[error("the leaves cannot be read")]
    Store(#[from] StoreFailure),
    /// The key file is not one.
    #[error(
        "NRS-LOGS-0001: `{0}` is no log key; restore it from its copy, a new key would be a new log"
    )]
    Key(PathBuf),
    /// The published log is ahead of the store: a restored copy, or two offices over one log.
    #[error(
        "NRS-LOGS-0002: the published log has {published} leaves that the store does not hold so; \
         the store is older than the log. Restore the newest copy of the store; nothing was signed"
    )]
    Ahead {
        /// Size of the published checkpoint.
        published: u64,
    },
    /// The log cannot hold what it was given.
    #[error("the log cannot be extended: {0}")]
    Shape(String),
    /// No checkpoint covered the leaf in time.
    #[error("no checkpoint covers leaf {0} yet")]
    Unpublished(u64),
}

/// A proof that a leaf is in the log, checkable offline.
#[derive(Debug, Clone)]
pub struct InclusionProof {
    /// Index of the leaf.
    pub index: u64,
    /// Size of the tree the proof leads to.
    pub size: u64,
    /// Audit path, nearest sibling first (RFC 6962 §2.1.1).
    pub hashes: Vec<Digest>,
    /// The signed checkpoint of that tree.
    pub checkpoint: String,
    /// The leaf itself.
    pub leaf: Vec<u8>,
}

/// Publishes the log and answers for it.
pub struct Publisher {
    dir: PathBuf,
    store: Arc<Store>,
    vkey: String,
    origin: String,
    published: watch::Receiver<u64>,
}

impl Publisher {
    /// Opens `DIR/log`, makes the key at first use, checks that the store extends what was published, and starts
    /// the publishing thread that follows `durable`.
    pub fn open(
        dir: &Path,
        origin: &str,
        store: Arc<Store>,
        durable: watch::Receiver<u64>,
        claim: &Claim,
    ) -> Result<Arc<Self>, LogFailure> {
        let seed = load_or_make_seed(&dir.join("keys").join("log.key"))?;
        let signer =
            Signer::new(origin, &seed).map_err(|problem| LogFailure::Shape(problem.to_string()))?;
        let vkey = signer.vkey().to_string();
        let folder = dir.join("log");
        put(&folder, "log.vkey", format!("{vkey}\n").as_bytes())?;
        let frontier = recover(&folder, &store, &signer, *durable.borrow())?;
        let (sender, published) = watch::channel(frontier.size());
        let mut scribe = Scribe {
            folder: folder.clone(),
            store: Arc::clone(&store),
            origin: origin.to_owned(),
            signer,
            frontier,
            sender,
            _claim: claim.clone(),
        };
        scribe.catch_up(*durable.borrow())?;
        std::thread::Builder::new()
            .name("publish".to_owned())
            .spawn(move || scribe.follow(durable))
            .map_err(|source| LogFailure::Io { path: folder.clone(), source })?;
        Ok(Arc::new(Self { dir: folder, store, vkey, origin: origin.to_owned(), published }))
    }

    /// The folder with the published log, in the layout of C2SP tlog-tiles.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The log's verifier key, `name+id+key`.
    pub fn vkey(&self) -> &str {
        &self.vkey
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Leaves covered by the newest checkpoint.
    pub fn size(&self) -> u64 {
        *self.published.borrow()
    }

    /// Waits until a checkpoint covers leaf `index`.
    pub async fn covers(&self, index: u64) -> Result<(), LogFailure> {
        let mut published = self.published.clone();
        let covered = published.wait_for(|size| *size > index);
        match tokio::time::timeout(WAIT_MAX, covered).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(LogFailure::Unpublished(index)),
        }
    }

    /// The newest signed checkpoint.
    pub fn checkpoint(&self) -> Result<String, LogFailure> {
        let path = self.dir.join(CHECKPOINT_PATH);
        fs::read_to_string(&path).map_err(|source| LogFailure::Io { path, source })
    }

    /// Proves that leaf `index` is in the log, waiting for a checkpoint that covers it.
    pub async fn prove(self: &Arc<Self>, index: u64) -> Result<InclusionProof, LogFailure> {
        self.covers(index).await?;
        let publisher = Arc::clone(self);
        tokio::task::spawn_blocking(move || publisher.prove_now(index))
            .await
            .map_err(|_| LogFailure::Store(StoreFailure::Stopping))?
    }

    fn prove_now(&self, index: u64) -> Result<InclusionProof, LogFailure> {
        let checkpoint = self.checkpoint()?;
        let shape = |problem: String| LogFailure::Shape(problem);
        let body = checkpoint.split_once("\n\n").map_or(checkpoint.as_str(), |(body, _)| body);
        let parsed = format!("{body}\n")
            .parse::<Checkpoint>()
            .map_err(|problem| shape(problem.to_string()))?;
        let hashes = tree::prove_inclusion(index, parsed.size, |level, at| {
            node_on_disk(&self.dir, parsed.size, level, at)
        })
        .map_err(|problem| shape(problem.to_string()))?;
        let leaf = self
            .store
            .read_now(|reader| {
                let params = [Value::from(index)];
                reader.first("SELECT bytes FROM office_leaf WHERE position = $1", &params, |row| {
                    row.blob(0)
                })
            })?
            .ok_or(LogFailure::Unpublished(index))?;
        Ok(InclusionProof { index, size: parsed.size, hashes, checkpoint, leaf })
    }
}

/// Owns the end of the published tree; lives on its own thread.
struct Scribe {
    folder: PathBuf,
    store: Arc<Store>,
    origin: String,
    signer: Signer,
    frontier: Frontier,
    sender: watch::Sender<u64>,
    /// Held as long as this thread may write.
    _claim: Claim,
}

impl Scribe {
    fn follow(mut self, mut durable: watch::Receiver<u64>) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
            tracing::error!("the publishing thread has no runtime");
            return;
        };
        while runtime.block_on(durable.changed()).is_ok() {
            let target = *durable.borrow_and_update();
            if let Err(problem) = self.catch_up(target) {
                tracing::error!(
                    chain = crate::web::refusal::chain(&problem),
                    "the log was not published"
                );
            }
            std::thread::sleep(PUBLISH_PAUSE);
        }
    }

    fn catch_up(&mut self, target: u64) -> Result<(), LogFailure> {
        while self.frontier.size() < target {
            self.publish(target.min(self.frontier.size() + ROUND_LEAVES_MAX))?;
        }
        if target == 0 {
            self.write_checkpoint_of_nothing()?;
        }
        Ok(())
    }

    fn write_checkpoint_of_nothing(&self) -> Result<(), LogFailure> {
        let note = self.sign(&self.frontier)?;
        put(&self.folder, CHECKPOINT_PATH, note.as_bytes())
    }

    fn sign(&self, frontier: &Frontier) -> Result<String, LogFailure> {
        let body = Checkpoint::new(&self.origin, frontier.size(), frontier.root()).to_string();
        self.signer.sign(&body).map_err(|problem| LogFailure::Shape(problem.to_string()))
    }

    fn publish(&mut self, new: u64) -> Result<(), LogFailure> {
        let old = self.frontier.size();
        let first = old - old % tile::TILE_WIDTH;
        let leaves = read_leaves(&self.store, first, new)?;
        let mut frontier = self.frontier.clone();
        let mut created: BTreeMap<(u8, u64), Digest> = BTreeMap::new();
        let fresh = leaves.iter().skip(usize::try_from(old - first).unwrap_or(usize::MAX));
        for leaf in fresh {
            let keep = |node: Node| {
                created.insert((node.level, node.index), node.hash);
            };
            frontier
                .append(tree::leaf_hash(leaf), keep)
                .map_err(|problem| LogFailure::Shape(problem.to_string()))?;
        }
        if frontier.size() != new {
            return Err(LogFailure::Shape(format!(
                "leaf {} is missing in the store",
                frontier.size()
            )));
        }
        let note = self.sign(&frontier)?;
        let entry = |at: u64| leaves.get(usize::try_from(at.checked_sub(first)?).ok()?).cloned();
        let node = |level: u8, at: u64| {
            created
                .get(&(level, at))
                .copied()
                .or_else(|| node_on_disk(&self.folder, old, level, at))
        };
        let files = tile::files(old, new, &note, entry, node)
            .map_err(|problem| LogFailure::Shape(problem.to_string()))?;
        // INVARIANT: the checkpoint is the last file, so it never speaks of a tile that is not on disk.
        for file in &files {
            put(&self.folder, &file.path, &file.bytes)?;
        }
        put(&self.folder, FRONTIER, &frontier.encode())?;
        self.frontier = frontier;
        self.sender.send_replace(new);
        Ok(())
    }
}

/// The publisher's own note of where it stands; not part of the log.
const FRONTIER: &str = ".frontier";

/// Finds where publication stands and that the store agrees with it.
fn recover(
    folder: &Path,
    store: &Store,
    signer: &Signer,
    durable: u64,
) -> Result<Frontier, LogFailure> {
    let Some(note) = read_or_none(&folder.join(CHECKPOINT_PATH))? else {
        return Ok(Frontier::new());
    };
    let verified = noroshi_ledger::note::verify(&note, &[signer.vkey()])
        .map_err(|problem| LogFailure::Shape(format!("the published checkpoint: {problem}")))?;
    let published = verified
        .text
        .parse::<Checkpoint>()
        .map_err(|problem| LogFailure::Shape(problem.to_string()))?;
    let ahead = LogFailure::Ahead { published: published.size };
    if published.size > durable {
        return Err(ahead);
    }
    // A kill between checkpoint and frontier leaves the frontier one step behind: then it is made anew.
    let kept =
        read_or_none(&folder.join(FRONTIER))?.and_then(|bytes| Frontier::decode(&bytes).ok());
    let frontier = match kept {
        Some(kept) if kept.size() == published.size => kept,
        Some(_) | None => rebuild(store, published.size)?,
    };
    if frontier.root() == published.root { Ok(frontier) } else { Err(ahead) }
}

fn rebuild(store: &Store, size: u64) -> Result<Frontier, LogFailure> {
    let mut frontier = Frontier::new();
    while frontier.size() < size {
        let end = size.min(frontier.size() + ROUND_LEAVES_MAX);
        let leaves = read_leaves(store, frontier.size(), end)?;
        if leaves.is_empty() {
            return Err(LogFailure::Ahead { published: size });
        }
        for leaf in &leaves {
            frontier
                .append(tree::leaf_hash(leaf), |_| ())
                .map_err(|problem| LogFailure::Shape(problem.to_string()))?;
        }
    }
    Ok(frontier)
}

fn read_leaves(store: &Store, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreFailure> {
    store.read_now(|reader| {
        reader.all(
            "SELECT bytes FROM office_leaf WHERE position >= $1 AND position < $2 ORDER BY position",
            &[Value::from(from), Value::from(to)],
            |row| row.blob(0),
        )
    })
}

fn node_on_disk(folder: &Path, size: u64, level: u8, index: u64) -> Option<Digest> {
    let tile = tile_of_node(size, level, index)?;
    // A partial tile may have been replaced by its full one since.
    let bytes = [tile.path(), tile.filled().path()]
        .iter()
        .find_map(|path| fs::read(folder.join(path)).ok())?;
    node_from_tile(&bytes, level, index)
}

/// Writes a file so that it is either the old one or the new one, and on disk when this returns.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), LogFailure> {
    let path = folder.join(name);
    let failed = |source| LogFailure::Io { path: path.clone(), source };
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(failed)?;
    let aside = path.with_extension("part");
    let mut file = fs::File::create(&aside).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&aside, &path).map_err(failed)?;
    fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed)
}

fn read_or_none(path: &Path) -> Result<Option<Vec<u8>>, LogFailure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LogFailure::Io { path: path.to_owned(), source }),
    }
}

/// Reads a 32-byte seed in base64 from a file only its owner can read; makes it at first use.
pub fn load_or_make_seed(path: &Path) -> Result<[u8; 32], LogFailure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |source| LogFailure::Io { path: path.to_owned(), source };
    if let Some(text) = read_or_none(path)? {
        let seed = STANDARD
            .decode(text.trim_ascii())
            .ok()
            .and_then(|seed| <[u8; 32]>::try_from(seed).ok());
        return seed.ok_or_else(|| LogFailure::Key(path.to_owned()));
    }
    let mut seed = [0u8; 32];
    fill_random(&mut seed);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let aside = path.with_extension("part");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .map_err(failed)?;
    file.write_all(STANDARD.encode(seed).as_bytes()).map_err(failed)?;
    file.write_all(b"\n").map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&aside, path).map_err(failed)?;
    Ok(seed)
}
