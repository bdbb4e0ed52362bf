//! One office a folder: two writers over one log would write two histories.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait for an office that is just ending.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// The right to write into a data folder. The system takes it back when the last copy is gone, also after a kill.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Owns the lock of `DIR/lock`; each thread that writes holds a copy.
    _file: Arc<File>,
}

/// Why a folder cannot be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimFailure {
    /// Somebody else writes there.
    #[error(
        "NRS-HOUS-0010: another noroshi works on `{0}`; stop it first, or give another folder with --data"
    )]
    Taken(PathBuf),
    /// The lock file cannot be used.
    #[error("`{path}` cannot be used")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Claim {
    /// Claims `dir`, waiting a little for an office that is just ending.
    #[expect(clippy::disallowed_methods, reason = "bounds a wait; decides nothing")]
    pub fn on(dir: &Path) -> Result<Self, ClaimFailure> {
        let path = dir.join("lock");
        let failed = |source| ClaimFailure::Io { path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Arc::new(file) }),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(TRY_AGAIN)
                }
                Err(TryLockError::WouldBlock) => return Err(ClaimFailure::Taken(dir.to_owned())),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }
}
