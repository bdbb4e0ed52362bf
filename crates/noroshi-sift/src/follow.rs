//! Files that grow, are renamed, cut and packed, each byte of which is to be read once.
//!
//! A [`Follower`] is a value: it is shown what files there are and says what to read from where. What it
//! knows can be written down at any time and taken up again. Whoever keeps it together with the certificate
//! of what was read up to it reads everything once, also after a kill.
//!
//! A log of lines is followed line by line; a line that has no end yet waits for it. Anything else (packed
//! logs, captures, tables) is read as a whole, once, when it has not changed between two looks.
//!
//! | what happens | what is done |
//! |---|---|
//! | renamed, by whatever tool | followed under its new name; the rest is read |
//! | cut to nothing and written anew | read from the beginning; what was not read before is lost, and stated |
//! | packed after it was renamed | recognised by its beginning; only what had not been read is read |
//! | copied, and then cut (`copytruncate`) | the copy waits while all of it stands in the original too; when that is cut or gone, the rest is read from the copy |
//! | found under another number of its device, as after a move to another disk | recognised by its beginning, and a packed log or capture by its length too; nothing is read again |
//! | there under several names | read once, under the one by which it was found; another name says nothing of it |
//! | removed before it was read | stated as [`Reason::Vanished`], unless whoever reads still holds it open |
//!
//! Whoever shows the files need not read the beginning of one that has not changed since it was last shown: then it is
//! known that it begins as before. Only where a file is new, or is to be read as a whole, is it held against the others, and
//! all beginnings are needed ([`Follower::compares`]); where one is missing then, the file waits for the next look.
//!
//! Of what stands in a file the state holds 32 bits of a keyed digest of its beginning, to tell files apart. The key does
//! not lie in the state: whoever has the state alone can try no guess of what stood in a file.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::{Engine, Read};
use crate::flow::FlowRecord;
use crate::lines::LINE_BYTES_MAX;
use crate::packed::{Unpacked, packing_of};
use crate::problem::Reason;
use crate::reading::{Reading, is_lines};
use crate::sealed::Sealed;
use crate::zeek::Header;

/// How many bytes of the beginning of a file are to be shown.
pub const HEAD_BYTES: usize = 8_192;
/// How many bytes of the beginning tell a file from another.
const MARK_BYTES: usize = 4_096;
/// What begins with fewer bytes is not recognised: it is shorter than any record.
const MARK_BYTES_MIN: usize = 16;
/// How many files are followed at a time.
pub const FILES_MAX: usize = 65_536;
/// How many files that are gone are remembered, to be recognised when they come back packed.
const GONE_MAX: usize = 4_096;
/// How much is read in one piece.
const PIECE_BYTES: usize = 256 << 10;
/// How far the lines that name the columns may reach.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// What stays when a file is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The device it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// One file as it is now.
pub struct Entry<'a> {
    /// Its name now.
    pub path: &'a str,
    /// What stays.
    pub identity: Identity,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it was asked for; others are looked at only because they may be a followed file under a new name.
    pub wanted: bool,
    /// Whether nothing has been written to it for a while. What is read as a whole is not read before.
    pub is_resting: bool,
    /// Whether it is there, and cannot be looked at now: nothing is said of it, nor of what is new beside it.
    pub is_busy: bool,
    /// Its first [`HEAD_BYTES`], or all of it; none where nothing was written to it since it was last shown to the same state.
    pub head: Option<Sealed<'a>>,
}

impl<'a> Entry<'a> {
    fn open(&self) -> Option<&'a [u8]> {
        self.head.as_ref().map(Sealed::open)
    }
}

/// The key under which beginnings of files are digested.
type MarkKey = [u8; 32];

/// What a file begins with: the digest of so many bytes, shortened so that nothing can be read out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    length: usize,
    sum: u32,
    /// Whether the digest has a key; earlier versions made it without one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keyed: bool,
}

impl Mark {
    fn of(key: &MarkKey, head: &[u8]) -> Self {
        Self::made(Some(key), head.get(..MARK_BYTES).unwrap_or(head))
    }

    /// A key of fixed length before the text is enough: of the digest too little is kept to go on with it.
    fn made(key: Option<&MarkKey>, begin: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(key.map_or(&[][..], |key| key)).chain_update(begin);
        let [a, b, c, d, ..] = <[u8; 32]>::from(digest.finalize());
        Self { length: begin.len(), sum: u32::from_be_bytes([a, b, c, d]), keyed: key.is_some() }
    }

    /// Whether `head` begins as that which was marked.
    fn fits(self, key: &MarkKey, head: &[u8]) -> bool {
        let key = self.keyed.then_some(key);
        head.get(..self.length).is_some_and(|begin| Self::made(key, begin) == self)
    }
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Lines,
    Whole,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tracked {
    path: String,
    /// The name under which it was found; another one now says that it will not be written to any longer.
    found: String,
    identity: Identity,
    mark: Mark,
    kind: Kind,
    /// How far it has been read; of a packed log counted in what is inside.
    offset: u64,
    /// How many lines have been read.
    line: u64,
    /// From where to where the lines stand that name the columns in force.
    header: Option<(u64, u64)>,
    /// In the middle of a line that is too long.
    passing_over: bool,
    /// Its length when it was last looked at.
    size: u64,
    /// Nothing of it is left to be read.
    finished: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gone {
    mark: Mark,
    offset: u64,
    /// How long it was, where it had been read as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole_bytes: Option<u64>,
}

/// What a file begins with, held against marks. Each length is summed up once, however many marks there are.
struct Beginning<'a> {
    key: MarkKey,
    head: &'a [u8],
    sums: BTreeMap<(usize, bool), Mark>,
}

impl<'a> Beginning<'a> {
    const fn new(key: MarkKey, head: &'a [u8]) -> Self {
        Self { key, head, sums: BTreeMap::new() }
    }

    /// Whether it is surely a form of what was marked.
    fn is_of(&mut self, mark: Mark) -> bool {
        let Some(begin) = self.head.get(..mark.length).filter(|_| mark.length >= MARK_BYTES_MIN)
        else {
            return false;
        };
        let key = mark.keyed.then_some(&self.key);
        let made = || Mark::made(key, begin);
        *self.sums.entry((mark.length, mark.keyed)).or_insert_with(made) == mark
    }
}

/// The files that are there, and which lines the followed ones among them begin with.
struct There<'a> {
    files: BTreeMap<Identity, &'a Entry<'a>>,
    heads: BTreeMap<&'a [u8], Vec<Identity>>,
    /// Whether there may be more files than these.
    is_partial: bool,
    /// Whether the beginning of every followed file is shown, so that others can be held against them.
    is_comparable: bool,
}

impl<'a> There<'a> {
    fn new(entries: &'a [Entry<'a>], is_partial: bool, follower: &Follower) -> Self {
        let mut files: BTreeMap<Identity, &Entry<'_>> = BTreeMap::new();
        for entry in entries {
            let rank = |entry: &Entry<'_>| (follower.was_found_as(entry), entry.wanted);
            let shown = files.entry(entry.identity).or_insert(entry);
            if rank(entry) > rank(shown) {
                *shown = entry;
            }
        }
        let is_shown = |entry: &&Entry<'_>| {
            !entry.is_busy && (entry.head.is_some() || !follower.knows(entry.identity))
        };
        let is_comparable = files.values().all(is_shown);
        Self { files, heads: BTreeMap::new(), is_partial, is_comparable }
    }

    /// Whether an entry stands for its file. Of a file with several names it is the one under which the file was found, or
    /// else one that was asked for: another name says nothing of it.
    fn is_shown_as(&self, entry: &Entry<'_>) -> bool {
        self.files.get(&entry.identity).is_some_and(|shown| std::ptr::eq(*shown, entry))
    }

    /// Whether a file is there, as far as is known: of one that was not looked at it is not said that it is gone.
    fn holds(&self, identity: Identity) -> bool {
        self.is_partial || self.files.contains_key(&identity)
    }

    /// Notes the beginning of a followed file of lines.
    fn note(&mut self, identity: Identity) {
        let Some(head) = self.files.get(&identity).and_then(|entry| entry.open()) else { return };
        if !head.is_empty() {
            self.heads.entry(head).or_default().push(identity);
        }
    }

    /// The followed files one of which begins with all that is known of the other.
    fn alike(&self, head: &[u8]) -> Vec<Identity> {
        let longer =
            self.heads.range::<&[u8], _>(head..).take_while(|(other, _)| other.starts_with(head));
        let mut found: Vec<Identity> = longer.flat_map(|(_, all)| all).copied().collect();
        // A shorter beginning of this one stands before it, and so does everything that begins like that.
        let mut rest = head;
        while !rest.is_empty() {
            let before = self.heads.range::<&[u8], _>(..rest).next_back();
            let Some((other, all)) = before else { break };
            let common = rest.iter().zip(*other).take_while(|(one, other)| one == other).count();
            if common == other.len() {
                found.extend(all);
            }
            rest = rest.get(..common).unwrap_or_default();
            if common < other.len()
                && let Some(all) = self.heads.get(rest)
            {
                found.extend(all);
            }
        }
        found
    }
}

impl Tracked {
    const fn gone(&self) -> Gone {
        let whole_bytes = match self.kind {
            Kind::Lines => None,
            Kind::Whole => Some(self.size),
        };
        Gone { mark: self.mark, offset: self.offset, whole_bytes }
    }
}

/// What a new file of lines is to another one.
enum Original {
    /// Nothing that is known.
    None,
    /// All of it stands in another one.
    Waits,
    /// It goes on with another one, read so far.
    Known(Box<Tracked>),
    /// It goes on with one of which only is known how far it has been read.
    Gone(u64),
}

impl Original {
    fn known(file: Tracked) -> Self {
        Self::Known(Box::new(file))
    }
}

/// What was noticed beside records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowNotes {
    /// Files that were cut and written anew.
    pub cut: u64,
    /// Files that were recognised as packed forms of what had been read.
    pub recognised: u64,
    /// Files read as a whole that changed afterwards; the change was not read.
    pub changed: u64,
    /// Files not followed because of [`FILES_MAX`].
    pub refused: u64,
}

/// Which files are followed, and how far each has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follower {
    #[serde(with = "list")]
    files: BTreeMap<Identity, Tracked>,
    gone: VecDeque<Gone>,
    notes: FollowNotes,
    /// Kept beside the state, never in it.
    #[serde(skip)]
    key: MarkKey,
}

/// Something to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which file.
    pub identity: Identity,
    /// Its name now, or the last one.
    pub path: String,
    /// What.
    pub what: What,
}

/// How something is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The lines that have come, by [`Engine::follow`]; where it is the last look, also one without an end.
    Lines {
        /// Whether no more will come.
        last: bool,
    },
    /// All of it, by [`Engine::read_any_after`], but for what was read before it was packed; then [`Follower::whole`].
    Whole {
        /// Bytes of what is inside that have been read.
        skip: u64,
    },
    /// It is gone; if it is still held open its rest is to be read, otherwise [`Follower::vanished`] says so.
    Gone,
}

impl Follower {
    /// The same, with the key of the folder. It has to be the one under which the state was made.
    #[must_use]
    pub fn keyed(self, key: [u8; 32]) -> Self {
        Self { key, ..self }
    }

    /// Whether the state knows files that only the key of its folder recognises.
    pub fn needs_key(&self) -> bool {
        let files = self.files.values().map(|file| file.mark);
        files.chain(self.gone.iter().map(|gone| gone.mark)).any(|mark| mark.keyed)
    }

    /// What was noticed so far.
    pub const fn notes(&self) -> FollowNotes {
        self.notes
    }

    /// Looks at all the files there are and says what is to be read: what is known first, in the order given. Where
    /// `is_partial`, there may be more files than those that are shown, and none is taken for gone. `reading` says what is
    /// a table.
    pub fn observe(
        &mut self,
        entries: &[Entry<'_>],
        is_partial: bool,
        reading: &Reading,
    ) -> Vec<Step> {
        let mut there = There::new(entries, is_partial, self);
        let mut steps = Vec::new();
        let mut fresh = Vec::new();
        for entry in entries.iter().filter(|entry| there.is_shown_as(entry) && !entry.is_busy) {
            if self.files.contains_key(&entry.identity) {
                let what = self.again(entry, &there);
                steps.extend(what.map(|what| step(entry, what)));
            }
            // Also what was cut just now begins anew; where the others were not shown, at the next look.
            let is_new =
                entry.wanted && entry.size > 0 && !self.files.contains_key(&entry.identity);
            if is_new && there.is_comparable {
                fresh.push(entry);
            }
        }
        if !fresh.is_empty() {
            let lines = self.files.values().filter(|file| file.kind == Kind::Lines);
            lines.for_each(|file| there.note(file.identity));
        }
        for entry in fresh {
            let what = self.begin(entry, &mut there, reading);
            steps.extend(what.map(|what| step(entry, what)));
        }
        let gone = self.files.iter().filter(|(identity, _)| !there.holds(**identity));
        for (identity, file) in gone {
            steps.push(Step { identity: *identity, path: file.path.clone(), what: What::Gone });
        }
        steps
    }

    /// A file that is known. `there` are all files there are.
    fn again(&mut self, entry: &Entry<'_>, there: &There<'_>) -> Option<What> {
        let (key, head) = (self.key, entry.open());
        let file = self.files.get_mut(&entry.identity)?;
        let is_cut = file.kind == Kind::Lines && entry.size < file.offset;
        if is_cut || head.is_some_and(|head| !file.mark.fits(&key, head)) {
            self.notes.cut = self.notes.cut.saturating_add(1);
            // What was cut may have been copied before.
            self.forget(entry.identity);
            return None;
        }
        let rests = file.size == entry.size;
        file.size = entry.size;
        entry.path.clone_into(&mut file.path);
        if let Some(head) = head
            && (file.mark.length < MARK_BYTES || !file.mark.keyed)
        {
            file.mark = Mark::of(&key, head);
        }
        if file.kind == Kind::Lines {
            file.finished &= entry.size <= file.offset;
            let is_left = entry.path != file.found || !entry.wanted;
            let is_due = entry.size > file.offset;
            return is_due.then_some(What::Lines { last: is_left && rests });
        }
        if file.finished {
            self.notes.changed = self.notes.changed.saturating_add(u64::from(!rests));
            return None;
        }
        if !rests || !entry.is_resting || !there.is_comparable {
            return None;
        }
        // Only now: whatever packs a file removes it when it is done.
        let skip = match unpacked_head(head?) {
            Some(inside) if self.stands_elsewhere(&inside, there) => return None,
            Some(inside) => self.recognise(&inside, there).unwrap_or_default(),
            None => 0,
        };
        Some(What::Whole { skip })
    }

    /// Whether a followed file that is still there begins with all that is known of the inside of a packed one. That one
    /// waits: what is in it is read where it stands unpacked.
    fn stands_elsewhere(&self, inside: &[u8], there: &There<'_>) -> bool {
        inside.len() >= MARK_BYTES_MIN
            && self.files.values().filter(|file| file.kind == Kind::Lines).any(|file| {
                let entry = there.files.get(&file.identity);
                entry.and_then(|entry| entry.open()).is_some_and(|head| head.starts_with(inside))
            })
    }

    /// A file that is new; none where nothing of it is to be read, or it waits.
    fn begin<'a>(
        &mut self,
        entry: &'a Entry<'a>,
        there: &mut There<'a>,
        reading: &Reading,
    ) -> Option<What> {
        if self.files.len() >= FILES_MAX {
            self.notes.refused = self.notes.refused.saturating_add(1);
            return None;
        }
        let head = entry.open()?;
        let kind = if is_lines(head, reading) { Kind::Lines } else { Kind::Whole };
        if kind == Kind::Lines && !entry.is_resting && may_be_heading(head) {
            return None;
        }
        let mut file = Tracked {
            found: entry.path.to_owned(),
            path: entry.path.to_owned(),
            identity: entry.identity,
            mark: Mark::of(&self.key, head),
            kind,
            offset: 0,
            line: 0,
            header: None,
            passing_over: false,
            size: entry.size,
            finished: false,
        };
        if file.kind == Kind::Whole {
            file.finished = self.was_read_as_a_whole(&file, there);
            self.notes.recognised = self.notes.recognised.saturating_add(u64::from(file.finished));
            self.files.insert(entry.identity, file);
            return None;
        }
        match self.original((entry, head), there) {
            Original::None => {}
            Original::Waits => return None,
            Original::Known(known) => {
                self.notes.recognised = self.notes.recognised.saturating_add(1);
                (file.offset, file.line) = (known.offset, known.line);
                (file.header, file.passing_over) = (known.header, known.passing_over);
                file.finished = file.offset == entry.size;
            }
            Original::Gone(offset) => {
                self.notes.recognised = self.notes.recognised.saturating_add(1);
                (file.offset, file.finished) = (offset, offset == entry.size);
                // A copy has its columns where the other had them: at its beginning.
                let has_columns = offset > 0 && head.first() == Some(&b'#');
                file.header = has_columns.then_some((0, HEADER_BYTES_MAX));
            }
        }
        let is_due = file.offset < entry.size;
        self.files.insert(entry.identity, file);
        there.note(entry.identity);
        is_due.then_some(What::Lines { last: false })
    }

    /// What a new file of lines goes on with.
    ///
    /// INVARIANT: of two files of which one begins with the other, one is read and the other one waits. So each line of
    /// a copy is read once, however far the copying has come and whichever is seen first.
    fn original(&mut self, new: (&Entry<'_>, &[u8]), there: &There<'_>) -> Original {
        let (entry, head) = new;
        let others = there.alike(head).into_iter().filter(|other| *other != entry.identity);
        let others = others.filter_map(|other| self.files.get(&other));
        let longest = others.max_by_key(|file| (file.size, file.identity));
        if let Some(file) = longest {
            if entry.size <= file.size {
                return Original::Waits;
            }
            // The new one is the longer one: it has everything that the other one has.
            let identity = file.identity;
            return self.files.remove(&identity).map_or(Original::None, Original::known);
        }
        let mut begin = Beginning::new(self.key, head);
        let gone = self.files.values_mut().find(|file| {
            file.kind == Kind::Lines
                && !there.holds(file.identity)
                && !file.finished
                && file.offset <= entry.size
                && begin.is_of(file.mark)
        });
        if let Some(file) = gone {
            // Its rest is read from the new one, and not again from where it is still held open.
            file.finished = true;
            return Original::known(file.clone());
        }
        let finished = self.files.values().filter(|file| !there.holds(file.identity));
        let finished = finished.map(Tracked::gone).collect::<Vec<_>>();
        let known = finished.iter().chain(self.gone.iter().rev()).find(|gone| {
            gone.whole_bytes.is_none() && gone.offset <= entry.size && begin.is_of(gone.mark)
        });
        known.map_or(Original::None, |gone| Original::Gone(gone.offset))
    }

    /// Whether a new file was read as a whole under another number: it begins and is as long as one that is not there
    /// any more.
    fn was_read_as_a_whole(&self, file: &Tracked, there: &There<'_>) -> bool {
        let is_same = |gone: &Gone| gone.mark == file.mark && gone.whole_bytes == Some(file.size);
        let away = self.files.values().filter(|known| !there.holds(known.identity));
        file.mark.length >= MARK_BYTES_MIN
            && (self.gone.iter().any(is_same)
                || away.filter(|known| known.finished).any(|known| is_same(&known.gone())))
    }

    /// How far that which begins so has been read under another name that is gone.
    fn recognise(&mut self, inside: &[u8], there: &There<'_>) -> Option<u64> {
        let mut begin = Beginning::new(self.key, inside);
        let followed = self.files.values_mut().find(|file| {
            let is_gone = !there.holds(file.identity);
            file.kind == Kind::Lines && is_gone && begin.is_of(file.mark)
        });
        let read = match followed {
            Some(file) => {
                file.finished = true;
                file.offset
            }
            None => {
                let mut lines = self.gone.iter().rev().filter(|gone| gone.whole_bytes.is_none());
                lines.find(|gone| begin.is_of(gone.mark))?.offset
            }
        };
        self.notes.recognised = self.notes.recognised.saturating_add(1);
        Some(read)
    }

    /// Keeps of a file what is needed to recognise it.
    fn forget(&mut self, identity: Identity) -> Option<Tracked> {
        let file = self.files.remove(&identity)?;
        let is_of_use = file.kind == Kind::Lines || file.finished;
        if is_of_use && file.mark.length >= MARK_BYTES_MIN {
            if self.gone.len() >= GONE_MAX {
                self.gone.pop_front();
            }
            self.gone.push_back(file.gone());
        }
        Some(file)
    }

    /// Notes that a whole file has been read.
    pub fn whole(&mut self, identity: Identity) {
        if let Some(file) = self.files.get_mut(&identity) {
            file.finished = true;
        }
    }

    /// Whether the file is followed, or was until it was gone.
    pub fn knows(&self, identity: Identity) -> bool {
        self.files.contains_key(&identity)
    }

    /// Whether it is the name under which a followed file was found.
    fn was_found_as(&self, entry: &Entry<'_>) -> bool {
        self.files.get(&entry.identity).is_some_and(|file| file.found == entry.path)
    }

    /// Whether a file is to be held against all others, whose beginnings are to be shown with it: it is new, or is read as
    /// a whole, has not been, and is not written to any more.
    pub fn compares(&self, identity: Identity, size: u64, wanted: bool, is_resting: bool) -> bool {
        match self.files.get(&identity) {
            None => wanted && size > 0,
            Some(file) => {
                file.kind == Kind::Whole && !file.finished && is_resting && file.size == size
            }
        }
    }

    /// Whether the file is there and something of it may still come.
    pub fn is_followed(&self, identity: Identity) -> bool {
        self.files.get(&identity).is_some_and(|file| !file.finished)
    }

    /// Notes that a file is gone for good. Returns its name and how far it had been read where more was seen of
    /// it than that.
    pub fn vanished(&mut self, identity: Identity) -> Option<(String, u64)> {
        let file = self.forget(identity)?;
        let is_lost = !file.finished && file.size > file.offset;
        is_lost.then_some((file.path, file.offset))
    }
}

fn step(entry: &Entry<'_>, what: What) -> Step {
    Step { identity: entry.identity, path: entry.path.to_owned(), what }
}

/// In JSON the files are a list; each has its identity in it.
mod list {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{Identity, Tracked};

    pub(super) fn serialize<S: Serializer>(
        files: &BTreeMap<Identity, Tracked>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(files.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Identity, Tracked>, D::Error> {
        let files = Vec::<Tracked>::deserialize(deserializer)?;
        Ok(files.into_iter().map(|file| (file.identity, file)).collect())
    }
}

/// Whether what is there may be a part of the line that names the columns of a table, so that it cannot be said yet what
/// the file is.
fn may_be_heading(head: &[u8]) -> bool {
    head.len() < HEAD_BYTES
        && !matches!(head.first(), Some(b'{' | b'#'))
        && memchr::memchr(b'\n', head).is_none()
}

/// The beginning of what is inside a packed file.
fn unpacked_head(head: &[u8]) -> Option<Vec<u8>> {
    let mut unpacked = Unpacked::new(head, packing_of(head)?).ok()?;
    let mut inside = vec![0; MARK_BYTES];
    let mut have = 0;
    while have < MARK_BYTES {
        // The head breaks off in the middle; what came out before is enough.
        match unpacked.read(inside.get_mut(have..).unwrap_or_default()) {
            Ok(read) if read > 0 => have += read,
            _ => break,
        }
    }
    inside.truncate(have);
    Some(inside)
}

/// The columns in force in followed tables, so that they need not be read again at every look.
#[derive(Default)]
pub struct Headers(BTreeMap<Identity, (Option<(u64, u64)>, Header)>);

impl<W: Write + Send> Engine<W> {
    /// Reads lines of a followed file from where it was left, at most about `bytes_max` bytes; returns whether
    /// there may be more.
    pub fn follow(
        &mut self,
        follower: &mut Follower,
        headers: &mut Headers,
        step: &Step,
        mut file: impl io::Read + Seek,
        bytes_max: u64,
    ) -> Result<bool, Read> {
        let Some(tracked) = follower.files.get_mut(&step.identity) else { return Ok(false) };
        let mut header = match headers.0.remove(&step.identity) {
            Some((at, header)) if at == tracked.header => header,
            _ => header_at(tracked.header, &mut file)?,
        };
        file.seek(SeekFrom::Start(tracked.offset))?;
        let before = tracked.offset;
        let last = step.what != What::Lines { last: false };
        let done = self.pieces(tracked, &mut header, &mut file, last, bytes_max);
        self.add_bytes(tracked.offset - before);
        headers.0.insert(step.identity, (tracked.header, header));
        done
    }

    fn pieces(
        &mut self,
        tracked: &mut Tracked,
        header: &mut Header,
        file: &mut impl io::Read,
        last: bool,
        bytes_max: u64,
    ) -> Result<bool, Read> {
        let mut buffer: Vec<u8> = Vec::new();
        let end = tracked.offset.saturating_add(bytes_max);
        loop {
            let mut piece = file.by_ref().take(PIECE_BYTES as u64);
            let read = piece.read_to_end(&mut buffer)?;
            let whole = memchr::memrchr(b'\n', &buffer).map_or(0, |at| at + 1);
            self.followed_lines(tracked, header, buffer.get(..whole).unwrap_or_default())?;
            buffer.drain(..whole);
            if buffer.len() > LINE_BYTES_MAX {
                self.too_long(tracked, buffer.len() as u64)?;
                buffer.clear();
            }
            if read == 0 {
                if last && !buffer.is_empty() {
                    self.followed_lines(tracked, header, &buffer)?;
                }
                if last {
                    // What was seen of it and was cut away since was not read.
                    tracked.finished = tracked.offset >= tracked.size;
                }
                return Ok(false);
            }
            if tracked.offset >= end {
                return Ok(true);
            }
        }
    }

    /// Whole lines, or the last one without its end.
    fn followed_lines(
        &mut self,
        tracked: &mut Tracked,
        header: &mut Header,
        mut lines: &[u8],
    ) -> Result<(), Read> {
        if tracked.passing_over && !lines.is_empty() {
            // The end of a line that was too long.
            let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |feed| feed + 1);
            tracked.offset += end as u64;
            tracked.passing_over = false;
            lines = lines.get(end..).unwrap_or_default();
        }
        for (at, length) in directives(lines) {
            let begin = tracked.offset + at as u64;
            let end = begin + length as u64;
            tracked.header = match tracked.header {
                Some((first, behind)) if behind == begin => Some((first, end)),
                _ => Some((begin, end)),
            };
        }
        let offset = tracked.offset;
        tracked.offset += lines.len() as u64;
        let path = tracked.path.clone();
        self.take_lines(&path, header, lines, offset, &mut tracked.line)
    }

    /// A line that is too long and has no end yet is counted once and passed over.
    fn too_long(&mut self, tracked: &mut Tracked, bytes: u64) -> Result<(), Read> {
        let offset = tracked.offset;
        tracked.offset += bytes;
        if tracked.passing_over {
            return Ok(());
        }
        tracked.passing_over = true;
        tracked.line = tracked.line.saturating_add(1);
        let (path, number) = (tracked.path.clone(), tracked.line);
        self.take(&path, offset, number, Err::<FlowRecord, _>(Reason::TooLong))
    }

    /// Counts the rest of what is read as a whole and failed in the middle.
    pub fn interrupted(&mut self, path: &str) -> Result<(), Read> {
        self.take(path, 0, 0, Err::<FlowRecord, _>(Reason::Interrupted))
    }

    /// Counts what went away unread.
    pub fn vanished(&mut self, path: &str, offset: u64) -> Result<(), Read> {
        self.take(path, offset, 0, Err::<FlowRecord, _>(Reason::Vanished))
    }
}

/// Where lines stand that say something of columns, and how long they are. `#close` says nothing of them.
fn directives(lines: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    memchr::memchr_iter(b'#', lines)
        .filter(|at| at.checked_sub(1).is_none_or(|before| lines.get(before) == Some(&b'\n')))
        .filter_map(|at| {
            let rest = lines.get(at..)?;
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1);
            (!rest.starts_with(b"#close")).then_some((at, length))
        })
}

/// Reads the lines that name the columns again.
fn header_at(stands: Option<(u64, u64)>, file: &mut (impl io::Read + Seek)) -> io::Result<Header> {
    let mut header = Header::default();
    let Some((begin, end)) = stands else { return Ok(header) };
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    let length = end.saturating_sub(begin).min(HEADER_BYTES_MAX);
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n").filter(|text| text.first() == Some(&b'#')) else {
            break;
        };
        header.directive(text.strip_suffix(b"\r").unwrap_or(text));
    }
    Ok(header)
}
