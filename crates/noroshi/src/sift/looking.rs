//! What a selection looks for, and at which fields.

use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use noroshi_sift::engine::{Engine, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mandate::Mandated;
use noroshi_sift::mode::Mode;
use noroshi_sift::selector::EmailKey;
use noroshi_sift::switches::Switches;

use super::cli::{begin_failed, index_of, io, usage};
use crate::cli::Failed;
use crate::office::clock::Clock;

/// Selectors.
#[derive(Debug, clap::Args)]
pub struct Sought {
    /// The selectors: an index, a list or a STIX bundle.
    #[arg(long, value_name = "INDEX")]
    selectors: PathBuf,
    /// An increment that lies over the index.
    #[arg(long, value_name = "FILE")]
    increment: Option<PathBuf>,
    /// The file with the key under which e-mail addresses are looked for.
    #[arg(long, value_name = "FILE")]
    email_key_file: Option<PathBuf>,
}

impl Sought {
    /// The key for e-mail addresses, where there is one.
    pub(super) fn email_key(&self) -> Result<Option<EmailKey>, Failed> {
        self.email_key_file.as_deref().map(email_key).transpose()
    }

    /// What is looked for.
    pub(super) fn index(&self, key: Option<&EmailKey>) -> Result<SelectorIndex, Failed> {
        index_of(&self.selectors, self.increment.as_deref(), key)
    }

    /// What is looked for, loaded again only where a file of it has changed.
    pub(super) fn index_now(
        &self,
        key: Option<&EmailKey>,
        loaded: &mut Loaded,
    ) -> Result<SelectorIndex, Failed> {
        let files = [Some(&self.selectors), self.increment.as_ref(), self.email_key_file.as_ref()];
        let files: Vec<&Path> = files.into_iter().flatten().map(PathBuf::as_path).collect();
        loaded.current(&files, || self.index(key))
    }
}

/// How long nothing may have been done to a file for its times to tell its contents apart, in seconds: a second change
/// within one tick of the file system's clock would not be seen.
const SETTLED_SECONDS: i64 = 2;

/// A list that was loaded, with what its files looked like. It is let go of when a new one has been loaded; whoever still
/// works with the old one keeps that, and it is freed with the last of them.
#[derive(Default)]
pub(super) struct Loaded {
    held: Option<(Stamp, SelectorIndex)>,
    loads: u64,
}

/// What a file looks like without being read: device, number, length, and when its contents and its entry changed, in
/// seconds and nanoseconds.
type Look = (u64, u64, u64, (i64, i64), (i64, i64));

#[derive(PartialEq, Eq)]
struct Stamp(Vec<Look>);

impl Stamp {
    fn of(files: &[&Path]) -> Result<Self, Failed> {
        let look = |file: &&Path| {
            let about = std::fs::metadata(file).map_err(io(file))?;
            let (contents, entry) =
                ((about.mtime(), about.mtime_nsec()), (about.ctime(), about.ctime_nsec()));
            Ok((about.dev(), about.ino(), about.len(), contents, entry))
        };
        files.iter().map(look).collect::<Result<_, _>>().map(Self)
    }

    fn is_settled(&self, now_seconds: i64) -> bool {
        let changed = self.0.iter().map(|(_, _, _, contents, entry)| contents.0.max(entry.0));
        changed.max().is_none_or(|at| now_seconds.saturating_sub(at) >= SETTLED_SECONDS)
    }
}

impl Loaded {
    /// How often a list was loaded.
    pub(super) const fn loads(&self) -> u64 {
        self.loads
    }

    /// The list as its files have it now.
    pub(super) fn current(
        &mut self,
        files: &[&Path],
        load: impl FnOnce() -> Result<SelectorIndex, Failed>,
    ) -> Result<SelectorIndex, Failed> {
        // What it looks like before it is read: a change while it is read is met the next time.
        let stamp = Stamp::of(files)?;
        if let Some((held, index)) = &self.held
            && *held == stamp
        {
            return Ok(index.clone());
        }
        let index = load()?;
        self.loads = self.loads.saturating_add(1);
        let is_settled = stamp.is_settled(Clock.now().as_second());
        self.held = is_settled.then(|| (stamp, index.clone()));
        Ok(index)
    }
}

/// Selectors and fields.
#[derive(Debug, clap::Args)]
pub struct Looking {
    #[command(flatten)]
    pub(super) sought: Sought,
    /// Look at a field that the mode leaves out: url-paths, email-addresses. A mandate says itself which are looked at.
    #[arg(long = "open", value_name = "FIELD", conflicts_with = "mandate")]
    open: Vec<String>,
    /// Leave out a field: further-addresses, dns-names, tls-names, http-hosts, url-paths, tls-fingerprints,
    /// certificates, files, email-addresses, ports.
    #[arg(long = "close", value_name = "FIELD", conflicts_with = "mandate")]
    close: Vec<String>,
}

impl Looking {
    /// A selection on the ground of a mandate, or in one's own network.
    pub(super) fn engine<W: Write + Send>(
        &self,
        (mode, mandated): (Mode, Option<Mandated>),
        (index, key): (SelectorIndex, Option<EmailKey>),
        settings: Settings,
        sink: W,
    ) -> Result<Engine<W>, Failed> {
        let begun = match mandated {
            Some(mandated) => Engine::under(mandated, index, settings, sink),
            None => Engine::with_switches(mode, self.switches(mode)?, index, settings, sink),
        };
        let engine = begun.map_err(begin_failed)?;
        Ok(match key {
            Some(key) => engine.with_email_key(key),
            None => engine,
        })
    }

    /// The fields that are looked at: those of the mode, opened and closed one by one.
    fn switches(&self, mode: Mode) -> Result<Switches, Failed> {
        let mut switches = Switches::of_mode(mode);
        for (names, is_on) in [(&self.open, true), (&self.close, false)] {
            for name in names {
                if !switches.set(name, is_on) {
                    let words = format!("`{name}` is not a field; see --help");
                    return Err(usage("NRS-SIFT-0026", words));
                }
            }
        }
        Ok(switches)
    }
}

pub(super) fn email_key(path: &Path) -> Result<EmailKey, Failed> {
    let bytes = std::fs::read(path).map_err(io(path))?;
    let words = format!("`{}` is shorter than 16 bytes, too short for a key", path.display());
    EmailKey::new(bytes.trim_ascii()).ok_or_else(|| usage("NRS-SIFT-0027", words))
}

#[cfg(test)]
mod tests {
    use noroshi_sift::selector::parse_list;

    use super::*;

    fn write_index(path: &Path, list: &str) {
        let (selectors, _) = parse_list(list.as_bytes());
        let part = path.with_extension("part");
        let mut sink = std::fs::File::create(&part).unwrap();
        SelectorIndex::build(selectors).unwrap().write_to(&mut sink).unwrap();
        std::fs::rename(&part, path).unwrap();
    }

    /// How often a file is mapped into this process, under whatever name it had.
    fn mappings(path: &Path) -> Vec<bool> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let name = path.display().to_string();
        let of = maps.lines().filter(|line| line.contains(&name));
        of.map(|line| line.ends_with("(deleted)")).collect()
    }

    #[test]
    fn a_list_is_loaded_when_it_has_changed_and_the_old_one_is_freed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("looked-for.index");
        write_index(&path, "203.0.113.5\n");
        let mut loaded = Loaded::default();
        let current =
            |loaded: &mut Loaded| loaded.current(&[&path], || index_of(&path, None, None)).unwrap();
        let first = current(&mut loaded);
        // What was written just now is not trusted to look different when it is written again.
        let again = current(&mut loaded);
        assert_eq!((first.digest(), loaded.loads()), (again.digest(), 2));
        assert!(!Stamp::of(&[&path]).unwrap().is_settled(Clock.now().as_second()));
        // As after a while.
        loaded.held = Some((Stamp::of(&[&path]).unwrap(), again));
        drop(first);
        for _ in 0..100 {
            current(&mut loaded);
        }
        assert_eq!(loaded.loads(), 2, "nothing has changed");
        assert_eq!(mappings(&path), [false], "and it is mapped once");

        let in_use = current(&mut loaded);
        write_index(&path, "203.0.113.5\n203.0.113.6\n");
        let other = current(&mut loaded);
        assert_eq!((in_use.len(), other.len(), loaded.loads()), (1, 2, 3));
        assert_eq!(mappings(&path).iter().filter(|is_gone| **is_gone).count(), 1, "still in use");
        drop(in_use);
        assert_eq!(mappings(&path), [false], "the old one is freed with whoever used it last");
        // One that cannot be loaded is an answer, and the next one that can is taken.
        std::fs::write(&path, "NRSINDEX and then nothing").unwrap();
        assert!(loaded.current(&[&path], || index_of(&path, None, None)).is_err());
        write_index(&path, "203.0.113.7\n");
        assert_eq!(current(&mut loaded).len(), 1);
    }
}
