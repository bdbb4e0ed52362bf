//! Which column means what.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::time::Zone;
use super::{COLUMNS_MAX, NoTable, Settings};

/// Longest mapping read, in bytes.
const MAPPING_BYTES_MAX: usize = 64 << 10;
/// Longest name of a column that is told, in characters.
const NAME_CHARS_MAX: usize = 60;
/// Digits from which on a cell of a line of unknown names is taken for contents.
const NAME_DIGITS_MAX: usize = 4;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The post's own id.
    Post,
    /// Where it was posted.
    Platform,
    /// Who posted it.
    Account,
    /// When.
    Time,
    /// `original`, `reply`, `repost`, `quote`, as the export says it.
    Kind,
    /// What it reposts.
    ParentPost,
    /// Whom it reposts.
    ParentAccount,
    /// What it replies to.
    ReplyTo,
    /// The language, as the platform says it.
    Language,
    /// The words.
    Text,
    /// Links.
    Urls,
    /// Tags.
    Hashtags,
    /// Whom it names.
    Mentions,
    /// Digests of pictures and films.
    Media,
    /// The program it was posted with.
    Client,
    /// When the account was made.
    AccountCreated,
    /// The name an account shows. Taken by a mapping only: an export that has it is not asked for it.
    Handle,
    /// How many follow the account.
    Followers,
    /// Who could see it; only `public` is read.
    Visibility,
    /// Read by nobody: names of persons and what else is not needed.
    Ignored,
}

impl Role {
    /// All of them, with the word of a mapping and the names that known exports give the column.
    ///
    /// Columns of: `CooRTweet` 2.1 (`R/data.R`), coordination-network-toolkit 1.5, the Clemson set of accounts, the archive of
    /// information operations that Twitter published, `CrowdTangle`, the Meta Content Library, the research API of `TikTok`.
    const TABLE: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Post, "post", &["post_id", "content_id", "message_id", "tweetid", "tweet_id", "id"]),
        (Self::Platform, "platform", &["platform"]),
        (
            Self::Account,
            "account",
            &[
                "account",
                "account_id",
                "user_id",
                "userid",
                "author_id",
                "external_author_id",
                "facebook id",
                "post_owner.id",
            ],
        ),
        (
            Self::Time,
            "time",
            &[
                "ts",
                "time",
                "timestamp",
                "timestamp_share",
                "tweet_time",
                "publish_date",
                "created_at",
                "post created",
                "creation_time",
                "create_time",
            ],
        ),
        (Self::Kind, "kind", &["kind", "post_type"]),
        (Self::ParentPost, "parent_post", &["parent_post", "repost_id", "retweet_tweetid"]),
        (Self::ParentAccount, "parent_account", &["parent_account", "retweet_userid"]),
        (Self::ReplyTo, "reply_to", &["reply_id", "in_reply_to_tweetid"]),
        (Self::Language, "language", &["lang", "language", "tweet_language"]),
        (Self::Text, "text", &["text", "message", "content", "tweet_text", "video_description"]),
        // What a post shares before where it stands: the address of a post names its account.
        (Self::Urls, "urls", &["urls", "links", "link_attachment.link", "link", "url"]),
        (Self::Hashtags, "hashtags", &["hashtags", "hashtag_names"]),
        (Self::Mentions, "mentions", &["mentions", "user_mentions"]),
        (Self::Media, "media", &["media"]),
        (Self::Client, "client", &["client", "tweet_client_name"]),
        (Self::AccountCreated, "account_created", &["account_creation_date"]),
        (Self::Handle, "handle", &[]),
        (Self::Followers, "followers", &["followers", "follower_count"]),
        (Self::Visibility, "visibility", &["visibility"]),
        (
            Self::Ignored,
            "ignored",
            &[
                "username",
                "user_display_name",
                "user_screen_name",
                "user_profile_description",
                "page name",
                "user name",
                "region",
                "harvested_date",
                "following",
                "following_count",
                "updates",
                "retweet",
                "acct",
                "collection_id",
                "latitude",
                "longitude",
                "user_reported_location",
                "user_profile_url",
                "post_owner.name",
                "post_owner.username",
                "post_owner.type",
                "mcl_url",
                "modified_time",
                "region_code",
                "view_count",
                "like_count",
                "comment_count",
                "share_count",
                "music_id",
                "author",
                "alt_external_id",
                "account_type",
                "account_category",
                "in_reply_to_userid",
                "quoted_tweet_userid",
                "page category",
                "page description",
                "page admin top country",
                "sponsor id",
                "sponsor name",
                "sponsor category",
                "description",
                "image text",
                "link text",
            ],
        ),
    ];

    /// The word of a mapping.
    pub fn word(self) -> &'static str {
        Self::TABLE.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// Whether such a column holds who somebody is, what somebody says or what describes somebody.
    const fn is_of_somebody(self) -> bool {
        matches!(
            self,
            Self::Account
                | Self::ParentAccount
                | Self::Text
                | Self::Mentions
                | Self::Client
                | Self::AccountCreated
                | Self::Followers
                | Self::Ignored
        )
    }

    /// Whether what such a column holds is kept as it stands: neither sealed, nor under a pseudonym, nor only compared.
    const fn is_kept_in_clear(self) -> bool {
        matches!(
            self,
            Self::Post
                | Self::Platform
                | Self::ParentPost
                | Self::ReplyTo
                | Self::Language
                | Self::Urls
                | Self::Hashtags
                | Self::Media
                | Self::Client
        )
    }

    fn of_column(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        Self::TABLE.iter().find(|row| row.2.contains(&name.as_str())).map(|row| row.0)
    }
}

/// The columns that hold what accounts share, by the names that known exports give them. A column of any other name is
/// read by nobody unless somebody says so: it may hold a name, a text or a score.
const OBJECTS: [&str; 8] = [
    "object_id",
    "url_id",
    "hashtag_id",
    "domain_id",
    "phash_id",
    "image_id",
    "media_id",
    "text_cluster_id",
];

/// The word of a mapping for a column of objects; there may be several.
const OBJECT_WORD: &str = "object";
/// The word of a mapping for what the first line is.
const FIRST_LINE_WORD: &str = "first_line";
/// The word of a mapping for the zone of times that name none.
const ZONE_WORD: &str = "zone";

/// What words in the names of columns say of what a column holds, one a line: a class and a word.
const NAMES: &str = include_str!("names.tsv");

/// Whether a column of an unknown name is called like one that tells of somebody.
fn is_called_like_somebody(name: &str) -> bool {
    let (whole, words) = (name.to_lowercase(), words_of(name));
    let is_there = |word: &str| {
        if word.is_ascii() { words.iter().any(|one| one == word) } else { whole.contains(word) }
    };
    let has = |class: &str| class_of_names(class).any(is_there);
    let is_name = match words.as_slice() {
        [name] => name == "name",
        words => words.windows(2).any(|pair| match pair {
            [before, name] => {
                name == "name" && class_of_names("before-name").any(|one| one == before)
            }
            _ => false,
        }),
    };
    is_name || has("person") || (has("text") && !has("out-of-text"))
}

fn class_of_names(class: &str) -> impl Iterator<Item = &'static str> {
    let lines = NAMES.lines().filter_map(|line| line.split_once('\t'));
    lines.filter(move |line| line.0 == class).map(|line| line.1)
}

/// The words of a name, in lower case: `ScreenName`, `screen_name` and `screen name` have two, and so has a name in which
/// Latin letters follow others.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for one in name.chars() {
        let turns = before.is_lowercase() && one.is_uppercase();
        if !one.is_alphanumeric() || turns || before.is_ascii() != one.is_ascii() {
            words.push(String::new());
        }
        if one.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(one.to_lowercase());
        }
        before = one;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a cell of a first line is contents and no name: a time, an address, a handle.
fn is_contents(cell: &str) -> bool {
    super::is_posted(cell) || cell.contains("://") || cell.starts_with('@')
}

/// What the columns of a table are said to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Layout {
    /// By their names.
    #[default]
    Named,
    /// coordination-network-toolkit: eight columns by position, with a first line of their names or without. No other table
    /// is read by position.
    Toolkit,
    /// By a mapping.
    Mapped(Mapping),
}

/// The eight columns of coordination-network-toolkit.
const TOOLKIT: [&str; 8] =
    ["message_id", "user_id", "username", "repost_id", "reply_id", "message", "timestamp", "urls"];

/// A column by its name or by its number from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// `投稿日時`
    Named(String),
    /// `3`
    Number(usize),
}

impl fmt::Display for Column {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => out.write_str(name),
            Self::Number(number) => write!(out, "{number}"),
        }
    }
}

/// Where the names of columns come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// The first line of a table, which may be a row.
    Line,
    /// The members of an object, which are names.
    Members,
    /// The schema of a file, which holds names; what was made of a table without names holds those of its first row.
    Schema,
}

/// What the first line of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLine {
    /// Names of columns.
    Names,
    /// A row like the others.
    Row,
}

impl FirstLine {
    /// The word of a mapping.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Row => "row",
        }
    }
}

/// `role = column`, one a line; `#` begins a remark. `object = column` says that a column holds what accounts share, and
/// `ignored = column` that nobody reads it; both may stand several times. Whether a post was public is read all the same:
/// `visibility = column` names a further column that says so and takes none away. A number in the place of a name counts
/// columns from 1, and then the first line is a row like the others unless a column is named or `first_line = names` says
/// otherwise. `zone = Asia/Tokyo` or `zone = +09:00` says of which zone times are that name none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// Which column has which role.
    pub roles: BTreeMap<Role, Column>,
    /// Columns of objects, in the order in which [`super::Row::object`] counts them.
    pub objects: Vec<Column>,
    /// Columns that nobody reads.
    pub ignored: Vec<Column>,
    /// What the first line is, where somebody says so.
    pub first_line: Option<FirstLine>,
    /// Of which zone times are that name none, where somebody says so.
    pub zone: Option<Zone>,
}

/// A text is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMapping {
    /// A line says nothing.
    #[error("NRS-INFL-0111: line {line} of the mapping is not `role = column`; roles are {roles}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// The words that are known.
        roles: String,
    },
    /// A zone that is not known.
    #[error(
        "NRS-INFL-0116: line {line} of the mapping names the zone `{zone}`, which is not known; say it as an offset such as `+09:00`"
    )]
    Zone {
        /// The line, from 1.
        line: usize,
        /// What it says.
        zone: String,
    },
}

impl fmt::Display for Mapping {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first_line) = self.first_line {
            writeln!(out, "{FIRST_LINE_WORD} = {}", first_line.word())?;
        }
        if let Some(zone) = &self.zone {
            writeln!(out, "{ZONE_WORD} = {zone}")?;
        }
        for (role, column) in &self.roles {
            writeln!(out, "{} = {column}", role.word())?;
        }
        for column in &self.objects {
            writeln!(out, "{OBJECT_WORD} = {column}")?;
        }
        for column in &self.ignored {
            writeln!(out, "{} = {column}", Role::Ignored.word())?;
        }
        Ok(())
    }
}

impl FromStr for Mapping {
    type Err = NoMapping;

    fn from_str(text: &str) -> Result<Self, NoMapping> {
        let mut mapping = Self::default();
        let end = text.len().min(MAPPING_BYTES_MAX);
        for (line, words) in (1..).zip(text.get(..end).unwrap_or_default().lines()) {
            let words = words.split('#').next().unwrap_or_default().trim();
            if !words.is_empty() {
                mapping.line(line, words)?;
            }
        }
        Ok(mapping)
    }
}

impl Mapping {
    fn line(&mut self, line: usize, words: &str) -> Result<(), NoMapping> {
        let no_line = || {
            let words = Role::TABLE.iter().map(|row| row.1);
            let words = words.chain([OBJECT_WORD, FIRST_LINE_WORD, ZONE_WORD]);
            NoMapping::Line { line, roles: words.collect::<Vec<_>>().join(", ") }
        };
        let (word, said) = words.split_once('=').ok_or_else(no_line)?;
        let (word, said) = (word.trim(), said.trim());
        let number = said.parse().map_or_else(|_| Column::Named(said.to_owned()), Column::Number);
        match (word, Role::TABLE.iter().find(|row| row.1 == word).map(|row| row.0)) {
            _ if said.is_empty() => return Err(no_line()),
            (FIRST_LINE_WORD, _) => {
                let known = [FirstLine::Names, FirstLine::Row];
                let found = known.into_iter().find(|one| one.word() == said);
                self.first_line = Some(found.ok_or_else(no_line)?);
            }
            (ZONE_WORD, _) => {
                let zone = said.to_owned();
                self.zone = Some(said.parse().map_err(|_| NoMapping::Zone { line, zone })?);
            }
            (OBJECT_WORD, _) => self.objects.push(number),
            (_, Some(Role::Ignored)) => self.ignored.push(number),
            (_, Some(role)) => {
                self.roles.insert(role, number);
            }
            (_, None) => return Err(no_line()),
        }
        Ok(())
    }

    /// Whether it says nothing of columns.
    pub fn names_no_column(&self) -> bool {
        self.roles.is_empty() && self.objects.is_empty() && self.ignored.is_empty()
    }
}

/// The columns of a table.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Of a first line of names; nothing for each column where that line is a row.
    names: Vec<String>,
    /// Whether the names are names by all that is known, and may be told.
    are_told: bool,
    /// What the first line is; none of JSON, where each line has its names, and of Parquet, which has a schema.
    first_line: Option<FirstLine>,
    roles: BTreeMap<Role, usize>,
    objects: Vec<usize>,
    /// Those that a mapping says nobody reads.
    ignored: Vec<usize>,
    /// Those that say who could see a post: by their name whatever a mapping says, and by the mapping.
    visibility: Vec<usize>,
}

impl Columns {
    /// How many.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The column of a role.
    pub fn of(&self, role: Role) -> Option<usize> {
        self.roles.get(&role).copied()
    }

    /// The name of a column; nothing where the first line is a row, or looks like one: what it says is contents.
    pub fn name(&self, at: usize) -> Option<&str> {
        let name = self.names.get(at)?;
        Some(if self.are_told && !is_contents(name) { name.as_str() } else { "" })
    }

    /// The member of a JSON object that a column is.
    pub(super) fn member(&self, at: usize) -> Option<&str> {
        self.names.get(at).map(String::as_str)
    }

    /// What the first line is; none of JSON and Parquet.
    pub fn first_line(&self) -> Option<FirstLine> {
        self.first_line
    }

    /// The columns that are read: those of a role, of objects, and those that say who could see a post.
    pub(super) fn read(&self) -> BTreeSet<usize> {
        self.roles.values().chain(&self.objects).chain(&self.visibility).copied().collect()
    }

    /// What a column is called: its name where that may be told, otherwise its number from 1.
    pub(super) fn word(&self, at: usize) -> String {
        match self.name(at) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => (at + 1).to_string(),
        }
    }

    /// The columns that hold objects.
    pub fn objects(&self) -> &[usize] {
        &self.objects
    }

    /// What they are called: their names, or their numbers from 1 where they have none.
    pub fn object_names(&self) -> impl Iterator<Item = String> {
        self.objects.iter().map(|at| match self.name(*at) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("column-{}", at + 1),
        })
    }

    /// The columns that say who could see a post.
    pub(super) fn visibility(&self) -> &[usize] {
        &self.visibility
    }

    /// A mapping that says the same without a name: what is written down of how a table was read holds no cell of it.
    pub fn numbered(&self, mapping: &Mapping) -> Mapping {
        let number = |column: &Column| Some(Column::Number(self.find(column).ok()? + 1));
        let all = |columns: &[Column]| columns.iter().filter_map(number).collect();
        Mapping {
            roles: mapping
                .roles
                .iter()
                .filter_map(|(role, column)| Some((*role, number(column)?)))
                .collect(),
            objects: all(&mapping.objects),
            ignored: all(&mapping.ignored),
            first_line: self.first_line,
            zone: mapping.zone.clone(),
        }
    }

    /// Takes the names of a first line; whether it is one of names and no row.
    pub(super) fn take(
        &mut self,
        first: &[String],
        settings: &Settings,
        head: Head,
    ) -> Result<bool, NoTable> {
        let has_names = if settings.layout == Layout::Toolkit && head != Head::Members {
            self.take_toolkit(first, head)?
        } else {
            self.take_names(first, settings, head)?
        };
        self.first_line = match (head, has_names) {
            (Head::Members | Head::Schema, _) => None,
            (Head::Line, true) => Some(FirstLine::Names),
            (Head::Line, false) => Some(FirstLine::Row),
        };
        // Of several names that give one role the first of the table counts, wherever its column stands.
        for (role, _, known) in Role::TABLE.iter().filter(|row| row.0 != Role::Ignored) {
            let named =
                |known: &&str| self.names.iter().position(|name| name.to_lowercase() == **known);
            if let Some(at) = known.iter().find_map(named) {
                self.roles.insert(*role, at);
            }
        }
        self.visibility.extend(self.of(Role::Visibility));
        if let Layout::Mapped(mapping) = &settings.layout {
            self.take_mapping(mapping)?;
        }
        self.take_objects(&settings.objects)?;
        for role in [Role::Account, Role::Time] {
            if !self.roles.contains_key(&role) {
                return Err(NoTable::NoRole(role));
            }
        }
        Ok(has_names)
    }

    /// Eight columns by their position; whether the first line names them.
    fn take_toolkit(&mut self, first: &[String], head: Head) -> Result<bool, NoTable> {
        let names = first.iter().map(|name| name.to_lowercase());
        let has_names = names.eq(TOOLKIT.map(str::to_owned));
        let at = TOOLKIT.iter().position(|name| *name == "timestamp").and_then(|at| first.get(at));
        // Any other table of eight columns would be read as something that it is not.
        let is_row = head == Head::Line
            && first.len() == TOOLKIT.len()
            && at.is_some_and(|cell| super::is_moment(cell));
        if !has_names && !is_row {
            return Err(NoTable::NotToolkit);
        }
        self.names = TOOLKIT.map(str::to_owned).to_vec();
        self.are_told = true;
        Ok(has_names)
    }

    /// Columns by what the first line calls them; whether it does.
    fn take_names(
        &mut self,
        first: &[String],
        settings: &Settings,
        head: Head,
    ) -> Result<bool, NoTable> {
        let is_json = head == Head::Members;
        let is_known = first.iter().any(|name| Role::of_column(name).is_some());
        let is_row = first.iter().any(|cell| is_contents(cell));
        let is_posted = || first.iter().any(|cell| super::is_posted(cell));
        let has_names = head != Head::Line
            || match settings.first_line() {
                Some(said) => said == FirstLine::Names,
                None => settings.is_named() || (is_known && !is_posted()),
            };
        // Who names a column of a line that is a row would take a row for names, and a cell for a name.
        if settings.is_named() && !is_json && (!has_names || (is_row && !is_known)) {
            return Err(NoTable::NoNames);
        }
        let first = first.iter().take(COLUMNS_MAX);
        self.names = if has_names {
            first.cloned().collect()
        } else {
            first.map(|_| String::new()).collect()
        };
        let digits = |cell: &String| cell.chars().filter(char::is_ascii_digit).count();
        let is_plain = |cell: &String| {
            cell.chars().count() <= NAME_CHARS_MAX && (is_known || digits(cell) < NAME_DIGITS_MAX)
        };
        self.are_told = is_json || (has_names && !is_row && self.names.iter().all(is_plain));
        Ok(has_names)
    }

    fn take_mapping(&mut self, mapping: &Mapping) -> Result<(), NoTable> {
        for (role, column) in &mapping.roles {
            let at = self.find(column)?;
            if role.is_kept_in_clear() {
                self.is_of_nobody(at, Some(*role), column)?;
            }
            if *role == Role::Visibility {
                self.visibility.push(at);
            }
            self.free(at);
            self.roles.insert(*role, at);
        }
        for column in &mapping.objects {
            let at = self.find(column)?;
            self.is_of_nobody(at, None, column)?;
            self.free(at);
            self.objects.push(at);
        }
        for column in &mapping.ignored {
            let at = self.find(column)?;
            self.free(at);
            self.objects.retain(|held| *held != at);
            self.ignored.push(at);
        }
        Ok(())
    }

    /// Takes from a column what its name made it; that it says who could see a post it goes on saying.
    fn free(&mut self, at: usize) {
        self.roles.retain(|role, held| *held != at || *role == Role::Visibility);
    }

    /// Refuses a column that is known, or called like one, to hold an account, a text or what describes somebody: it is no
    /// object and nothing else that is kept as it stands, whoever says so.
    fn is_of_nobody(&self, at: usize, role: Option<Role>, column: &Column) -> Result<(), NoTable> {
        let name = self.names.get(at).map_or("", String::as_str);
        let is_of_somebody = match Role::of_column(name) {
            Some(known) => known.is_of_somebody() && Some(known) != role,
            None => is_called_like_somebody(name),
        };
        if is_of_somebody { Err(NoTable::NoObject(column.to_string())) } else { Ok(()) }
    }

    /// Columns that are named, those of the mapping, or those that known exports have; no other.
    fn take_objects(&mut self, named: &[String]) -> Result<(), NoTable> {
        if !named.is_empty() {
            // Counted as they were named.
            self.objects.clear();
        }
        for name in named {
            let at = self.find(&Column::Named(name.clone()))?;
            self.objects.push(at);
        }
        if self.objects.is_empty() {
            let is_object = |name: &str| OBJECTS.contains(&name.to_lowercase().as_str());
            let taken: Vec<usize> = self.roles.values().chain(&self.ignored).copied().collect();
            let found = self.names.iter().enumerate();
            let found = found.filter(|(at, name)| is_object(name) && !taken.contains(at));
            self.objects = found.map(|(at, _)| at).collect();
        }
        Ok(())
    }

    fn find(&self, column: &Column) -> Result<usize, NoTable> {
        let at = match column {
            Column::Named(name) => self.names.iter().position(|held| held == name),
            Column::Number(number) => number.checked_sub(1).filter(|at| *at < self.names.len()),
        };
        at.ok_or_else(|| {
            let names: Vec<&str> = (0..self.count()).filter_map(|at| self.name(at)).collect();
            NoTable::NoColumn(column.to_string(), names.join(", "))
        })
    }
}

impl Settings {
    /// Whether columns are named, which then stand in the first line.
    fn is_named(&self) -> bool {
        let Layout::Mapped(mapping) = &self.layout else { return !self.objects.is_empty() };
        let mut columns = mapping.roles.values().chain(&mapping.objects).chain(&mapping.ignored);
        !self.objects.is_empty() || columns.any(|column| matches!(column, Column::Named(_)))
    }

    /// What the first line is said to be.
    fn first_line(&self) -> Option<FirstLine> {
        let Layout::Mapped(mapping) = &self.layout else { return None };
        mapping.first_line
    }

    /// Of which zone times are that name none.
    pub fn zone(&self) -> Zone {
        let mapped = match &self.layout {
            Layout::Mapped(mapping) => mapping.zone.clone(),
            Layout::Named | Layout::Toolkit => None,
        };
        self.zone.clone().or(mapped).unwrap_or_default()
    }
}

/// The members of the first line of JSON lines: the known ones in any case, since a later line may have them.
pub(super) fn member_names(line: &[u8]) -> Vec<String> {
    let first: Value = serde_json::from_slice(line).unwrap_or_default();
    let mut names: Vec<String> =
        first.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect();
    names.truncate(COLUMNS_MAX / 2);
    let known = Role::TABLE.iter().filter(|row| row.0 != Role::Ignored);
    for row in known {
        // One that the first line has under another of its names stands for the role.
        if !names.iter().any(|name| Role::of_column(name) == Some(row.0)) {
            names.extend(row.2.first().map(|name| (*name).to_owned()));
        }
    }
    names
}

/// A member as a cell: its text, or the number or truth value as it is written; nothing for what is nested or null.
pub(super) fn plain(value: &Value) -> Cow<'static, str> {
    match value {
        Value::String(text) => Cow::Owned(text.clone()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(flag) => Cow::Owned(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Cow::Borrowed(""),
    }
}
