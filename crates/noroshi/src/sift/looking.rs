//! What a selection looks for, and at which fields.

use std::io::Write;
use std::path::{Path, PathBuf};

use noroshi_sift::engine::{Engine, Settings};
use noroshi_sift::index::SelectorIndex;
use noroshi_sift::mandate::Mandated;
use noroshi_sift::mode::Mode;
use noroshi_sift::selector::EmailKey;
use noroshi_sift::switches::Switches;

use super::cli::{begin_failed, index_of, io, usage};
use crate::cli::Failed;

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
