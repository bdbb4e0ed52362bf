//! What a stranger does with the log: checks receipts offline, verifies a copy, and sees a lie refused.

use std::path::{Path, PathBuf};

use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::note::Vkey;
use noroshi_ledger::tree;
use noroshi_ledger::verify::{Options, Source, SourceError, verify};
use serde_json::Value;

use super::client::{Broken, list_of, number_of, text_of};

/// A receipt's leaf leads to the root of the checkpoint that the receipt carries.
pub(super) fn check_inclusion(receipt: &Value) -> Result<(), Broken> {
    let unlike = |what: &str| Broken::Unlike(format!("the receipt's proof: {what}: {receipt}"));
    let hashes: Option<Vec<Digest>> =
        list_of(receipt, "/proof/hashes").iter().map(|hash| hash.as_str()?.parse().ok()).collect();
    let hashes = hashes.ok_or_else(|| unlike("a hash is not one"))?;
    let note = text_of(receipt, "/proof/checkpoint");
    let body = note.split_once("\n\n").map_or("", |(body, _)| body);
    let checkpoint: Checkpoint =
        format!("{body}\n").parse().map_err(|_| unlike("no checkpoint"))?;
    let leaf = tree::leaf_hash(text_of(receipt, "/leaf").as_bytes());
    let (index, size) = (number_of(receipt, "/proof/index"), number_of(receipt, "/proof/size"));
    if checkpoint.size != size {
        return Err(unlike("another size than its checkpoint's"));
    }
    tree::verify_inclusion(index, size, &leaf, &hashes, &checkpoint.root)
        .map_err(|problem| unlike(&problem.to_string()))
}

/// A folder with a copy of the log.
struct Folder(PathBuf);

impl Source for Folder {
    fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        match std::fs::read(self.0.join(path)) {
            Ok(bytes) if bytes.len() > bytes_max => Err(SourceError::TooLarge(bytes_max)),
            Ok(bytes) => Ok(Some(bytes)),
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(problem) => Err(SourceError::Failed(problem.to_string())),
        }
    }
}

/// C2SP tlog-tiles: entries of a whole bundle.
const ENTRIES_OF_A_BUNDLE: u64 = 256;

fn key_of(dir: &Path) -> Result<Vkey, Broken> {
    let path = dir.join("log.vkey");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| Broken::Io { what: path.display().to_string(), source })?;
    text.trim().parse().map_err(|_| Broken::Unlike("the log's key cannot be read".to_owned()))
}

/// Copies the log, verifies the copy offline, and gives the number of leaves.
pub(super) fn verify_copy(log: &Path, copy: &Path) -> Result<String, Broken> {
    // The checkpoint first: what it needs is on disk before it is, and is never taken away while the log grows on.
    std::fs::create_dir_all(copy)
        .map_err(|source| Broken::Io { what: copy.display().to_string(), source })?;
    for name in ["checkpoint", "log.vkey"] {
        let failed = |source| Broken::Io { what: name.to_owned(), source };
        std::fs::copy(log.join(name), copy.join(name)).map_err(failed)?;
    }
    copy_folder(&log.join("tile"), &copy.join("tile"))?;
    let key = key_of(copy)?;
    let report = verify(&mut Folder(copy.to_owned()), &Options { key, earlier: None })
        .map_err(|lie| Broken::Unlike(format!("the log does not verify: {lie}")))?;
    Ok(report.size.to_string())
}

/// Changes one byte of the copy; the verifier must say so. Gives its words.
pub(super) fn verify_tampered(copy: &Path) -> Result<String, Broken> {
    let bundle =
        first_bundle(copy).ok_or_else(|| Broken::Unlike("the copy has no entries".to_owned()))?;
    let failed = |source| Broken::Io { what: bundle.display().to_string(), source };
    let mut bytes = std::fs::read(&bundle).map_err(failed)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    std::fs::write(&bundle, &bytes).map_err(failed)?;
    let key = key_of(copy)?;
    match verify(&mut Folder(copy.to_owned()), &Options { key, earlier: None }) {
        Ok(_) => Err(Broken::Unlike("a changed byte was not noticed".to_owned())),
        Err(lie) => Ok(lie.to_string()),
    }
}

/// The first bundle of entries that the copied checkpoint names. The log may have grown while it was copied, so a wider
/// one may lie beside it, which nobody looks at.
fn first_bundle(copy: &Path) -> Option<PathBuf> {
    let entries = copy.join("tile").join("entries");
    let checkpoint = std::fs::read_to_string(copy.join("checkpoint")).ok()?;
    // C2SP tlog-checkpoint: origin, size, root hash, a line each.
    let size: u64 = checkpoint.lines().nth(1)?.parse().ok()?;
    let bundle = if size < ENTRIES_OF_A_BUNDLE {
        entries.join("000.p").join(size.to_string())
    } else {
        entries.join("000")
    };
    bundle.is_file().then_some(bundle)
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Broken> {
    let failed = |source| Broken::Io { what: from.display().to_string(), source };
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        let path = entry.path();
        if path.extension().is_some_and(|kind| kind == "part") {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            std::fs::copy(path, target).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_the_one_the_checkpoint_names_although_the_log_has_grown() {
        let dir = tempfile::tempdir().unwrap();
        let partial = dir.path().join("tile/entries/000.p");
        std::fs::create_dir_all(&partial).unwrap();
        for size in ["9", "41", "44"] {
            std::fs::write(partial.join(size), size).unwrap();
        }
        std::fs::write(dir.path().join("checkpoint"), "log.example\n41\nroot=\n").unwrap();
        assert_eq!(first_bundle(dir.path()), Some(partial.join("41")));
    }
}
