//! How the inputs of a selection are opened and read.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use noroshi_sift::capture::{CaptureNotes, CaptureSettings};
use noroshi_sift::engine::{Engine, Read};
use noroshi_sift::export::Collector;
use noroshi_sift::follow::HEAD_BYTES;
use noroshi_sift::reading::{Reading, is_lines, is_parquet};
use noroshi_sift::table::{MAPPING_BYTES_MAX, Mapping};

use super::noted::Noted;
use super::progress::Taken;
use crate::cli::Failed;

/// How inputs are read.
#[derive(Debug, Clone, clap::Args)]
pub struct Inputs {
    /// Captures: look also at what goes through tunnels (IP in IP, GRE, VXLAN, Geneve, GTP, Teredo, AYIYA).
    #[arg(long)]
    tunnels: bool,
    /// Captures: take datagrams to the ports of NetFlow and IPFIX for exports and read their records too.
    #[arg(long)]
    exports: bool,
    /// Tables: which columns are what, one `role = column` a line; without it the names of the columns decide.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
}

impl Inputs {
    /// What the crate is to be told.
    pub fn reading(&self) -> Result<Reading, Failed> {
        let (tunnels, exports) = (self.tunnels, self.exports);
        let capture = CaptureSettings { tunnels, exports, ..CaptureSettings::default() };
        let mapping = self.mapping.as_deref().map(mapping_of).transpose()?;
        Ok(Reading { capture, mapping })
    }
}

fn mapping_of(path: &Path) -> Result<Mapping, Failed> {
    let what = path.display().to_string();
    let io = |source| Failed::Io { what: what.clone(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(io)?;
    file.take(MAPPING_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(io)?;
    text.parse().map_err(|wrong: noroshi_sift::table::NotAMapping| {
        let words = wrong.to_string();
        let code = wrong.reason.code();
        let plain = words.strip_prefix(&format!("{code}: ")).unwrap_or(&words);
        Failed::Usage { code, message: format!("`{what}`: {plain}") }
    })
}

/// Whether a file is read line by line; of a pipe under a name, which cannot go back to its beginning, that is not asked.
pub fn are_lines(file: &mut File, reading: &Reading) -> io::Result<bool> {
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut begin = Vec::new();
    io::Read::by_ref(file).take(HEAD_BYTES as u64).read_to_end(&mut begin)?;
    file.rewind()?;
    Ok(is_lines(&begin, reading))
}

/// Looks through an open file, but for the first `skip` bytes of what is inside a packed log.
pub(super) fn read_file<W: Write + Send>(
    engine: &mut Engine<W>,
    source: &str,
    mut file: File,
    skip: u64,
    reading: &Reading,
    (collector, taken): (&mut Collector, &Taken),
) -> Result<CaptureNotes, Read> {
    let mut begin = [0; 4];
    let have = file.read(&mut begin)?;
    if is_parquet(begin.get(..have).unwrap_or_default()) && file.metadata()?.is_file() {
        taken.add(file.metadata()?.len());
        let read = engine.read_parquet(source, file, reading.mapping.as_ref());
        return read.map(|()| CaptureNotes::default());
    }
    // A pipe under a name cannot go back to its beginning; what was taken out is put in front again.
    if file.rewind().is_ok() {
        engine.read_any_after(
            source,
            BufReader::with_capacity(1 << 18, taken.counted(file)),
            skip,
            reading,
            collector,
        )
    } else {
        let whole =
            io::Cursor::new(begin.get(..have).unwrap_or_default()).chain(taken.counted(file));
        engine.read_any_after(source, whole, skip, reading, collector)
    }
}

/// Looks through files one after the other, each read as what it is; `-` is standard input. What was noticed beside
/// records is handed back.
pub(super) fn read_all<W: Write + Send>(
    engine: &mut Engine<W>,
    files: &[PathBuf],
    reading: &Reading,
    threads: NonZeroUsize,
    taken: &Taken,
) -> Result<Noted, Failed> {
    let (mut collector, mut noted) = (Collector::default(), Noted::default());
    for file in files {
        let name = file.display().to_string();
        let read = if name == "-" {
            engine.read_any("-", taken.counted(io::stdin()), reading, &mut collector)
        } else {
            let failed = |source| Failed::Io { what: name.clone(), source };
            let mut opened = File::open(file).map_err(failed)?;
            if are_lines(&mut opened, reading).map_err(failed)? {
                let read = engine.read_with_threads(&name, taken.counted(opened), threads);
                read.map(|()| CaptureNotes::default())
            } else {
                read_file(engine, &name, opened, 0, reading, (&mut collector, taken))
            }
        };
        noted.capture(read.map_err(|problem| match problem {
            Read::Input(source) => Failed::Io { what: name, source },
            Read::Write(problem) => Failed::House(Box::new(problem)),
        })?);
    }
    noted.exports(collector.notes());
    Ok(noted)
}
