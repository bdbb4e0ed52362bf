//! The files of the checkout as values, so that a rule can be tested on a tree that never was on a disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::stage::printed;

/// Path from the root, with `/` between the parts, and content.
#[derive(Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// What git tracks, and what it would track if one added everything.
    pub(crate) fn load(root: &Path) -> anyhow::Result<Self> {
        let mut list = Command::new("git");
        list.current_dir(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let names = String::from_utf8(printed(&mut list)?).context("a file name is not UTF-8")?;
        let mut files = BTreeMap::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let path = root.join(name);
            // A tracked file may be deleted in the working tree, and a link is not its target.
            let Ok(found) = path.symlink_metadata() else { continue };
            if found.is_file() {
                let bytes =
                    std::fs::read(&path).with_context(|| format!("`{name}` cannot be read"))?;
                files.insert(name.to_owned(), bytes);
            }
        }
        Ok(Self { files })
    }

    /// Every file with its bytes.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Every file that is text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files()
            .filter(|(_, bytes)| !bytes.contains(&0))
            .filter_map(|(path, bytes)| std::str::from_utf8(bytes).ok().map(|text| (path, text)))
    }

    /// Every Rust source file.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| ends_with_extension(path, "rs"))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(path)?).ok()
    }

    /// Whether a file of this path is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The files below a folder, by what follows the folder's name.
    pub(crate) fn below<'tree>(
        &'tree self,
        folder: &'tree str,
    ) -> impl Iterator<Item = &'tree str> {
        self.files.keys().filter_map(move |path| path.strip_prefix(folder)?.strip_prefix('/'))
    }

    /// Whether a folder has a file in it.
    pub(crate) fn has_folder(&self, folder: &str) -> bool {
        self.below(folder).next().is_some()
    }
}

#[cfg(test)]
impl Tree {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Self { files: files.collect() }
    }

    pub(crate) fn with_bytes(path: &str, bytes: Vec<u8>) -> Self {
        Self { files: BTreeMap::from([(path.to_owned(), bytes)]) }
    }
}

/// Whether the last part of a path ends in `.extension`.
pub(crate) fn ends_with_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_whole_names() {
        let tree = Tree::of(&[("docs/pillars/sift.md", "x\n"), ("docs2/a.md", "x\n")]);
        assert!(tree.has_folder("docs/pillars"));
        assert!(!tree.has_folder("doc"));
        assert_eq!(tree.below("docs").collect::<Vec<_>>(), ["pillars/sift.md"]);
    }

    #[test]
    fn bytes_that_are_not_text_are_no_text() {
        assert_eq!(Tree::with_bytes("a.bin", vec![b'a', 0, b'b']).texts().count(), 0);
        assert_eq!(Tree::with_bytes("a.bin", vec![0xff, 0xfe]).texts().count(), 0);
        assert_eq!(Tree::with_bytes("a.txt", b"a\n".to_vec()).texts().count(), 1);
    }
}
