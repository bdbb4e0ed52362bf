//! The folder that a verb writes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use noroshi_codec::posts::Reject;
use serde_json::json;

use crate::cli::Failed;

/// A folder in which each file is whole or not there.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, Failed> {
        std::fs::create_dir_all(path).map_err(failed(path))?;
        Ok(Self(path.to_owned()))
    }

    /// Writes a file beside its place and moves it there.
    pub(super) fn file(
        &self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failed> {
        let (path, part) = (self.0.join(name), self.0.join(format!("{name}.part")));
        let mut out = BufWriter::new(File::create(&part).map_err(failed(&part))?);
        content(&mut out).map_err(failed(&part))?;
        out.into_inner()
            .map_err(|problem| failed(&part)(problem.into_error()))?
            .sync_all()
            .map_err(failed(&part))?;
        std::fs::rename(&part, &path).map_err(failed(&path))
    }

    pub(super) fn text(&self, name: &str, text: &str) -> Result<(), Failed> {
        self.file(name, |out| out.write_all(text.as_bytes()))
    }

    /// Rows that were put aside as they stood, one JSON object a line; of what was not public only its line and the code.
    pub(super) fn rejects(&self, rejects: &[Reject]) -> Result<(), Failed> {
        self.file("rejects.jsonl", |out| {
            for reject in rejects {
                let mut row = json!({
                    "line": reject.line, "code": reject.reason.code(), "reason": reject.reason.to_string(),
                });
                if let (false, Some(row)) = (reject.bytes.is_empty(), row.as_object_mut()) {
                    let stood = String::from_utf8_lossy(&reject.bytes).into_owned();
                    row.insert("row".to_owned(), stood.into());
                }
                writeln!(out, "{row}")?;
            }
            Ok(())
        })
    }
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> Failed {
    let what = path.display().to_string();
    move |source| Failed::Io { what: what.clone(), source }
}
