//! Which column means what.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::{COLUMNS_MAX, NoTable, Settings};

/// Longest mapping read, in bytes.
const MAPPING_BYTES_MAX: usize = 64 << 10;

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

/// What the columns of a table are said to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Layout {
    /// By their names.
    #[default]
    Named,
    /// coordination-network-toolkit: eight columns by position, with a first line of names or without.
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

/// `role = column`, one a line; `#` begins a remark. `object = column` says that a column holds what accounts share, and
/// `ignored = column` that nobody reads it; both may stand several times. A number in the place of a name counts columns from 1, and then the
/// first line is a row like the others unless a column is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// Which column has which role.
    pub roles: BTreeMap<Role, Column>,
    /// Columns of objects, in the order in which [`super::Row::object`] counts them.
    pub objects: Vec<Column>,
    /// Columns that nobody reads.
    pub ignored: Vec<Column>,
}

/// A text is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("NRS-INFL-0111: line {line} of the mapping is not `role = column`; roles are {roles}")]
pub struct NoMapping {
    /// The line, from 1.
    pub line: usize,
    roles: String,
}

impl FromStr for Mapping {
    type Err = NoMapping;

    fn from_str(text: &str) -> Result<Self, NoMapping> {
        let roles = || {
            let words = Role::TABLE.iter().map(|row| row.1);
            words.chain([OBJECT_WORD]).collect::<Vec<_>>().join(", ")
        };
        let mut mapping = Self::default();
        let end = text.len().min(MAPPING_BYTES_MAX);
        for (line, words) in (1..).zip(text.get(..end).unwrap_or_default().lines()) {
            let words = words.split('#').next().unwrap_or_default().trim();
            if words.is_empty() {
                continue;
            }
            let read = words.split_once('=').and_then(|(role, column)| {
                let role = role.trim();
                let known = Role::TABLE.iter().find(|row| row.1 == role).map(|row| row.0);
                (known.is_some() || role == OBJECT_WORD).then_some(())?;
                let column = column.trim();
                let column = column
                    .parse()
                    .map_or_else(|_| Column::Named(column.to_owned()), Column::Number);
                (column != Column::Named(String::new())).then_some((known, column))
            });
            let (role, column) = read.ok_or_else(|| NoMapping { line, roles: roles() })?;
            match role {
                None => mapping.objects.push(column),
                Some(Role::Ignored) => mapping.ignored.push(column),
                Some(role) => {
                    mapping.roles.insert(role, column);
                }
            }
        }
        Ok(mapping)
    }
}

/// The columns of a table.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    names: Vec<String>,
    roles: BTreeMap<Role, usize>,
    objects: Vec<usize>,
    /// Those that a mapping says nobody reads.
    ignored: Vec<usize>,
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

    /// The name of a column.
    pub fn name(&self, at: usize) -> Option<&str> {
        self.names.get(at).map(String::as_str)
    }

    /// The columns that hold objects.
    pub fn objects(&self) -> &[usize] {
        &self.objects
    }

    /// Their names.
    pub fn object_names(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().filter_map(|at| self.name(*at))
    }

    /// Takes the names of a first line; whether it is one of names and no row.
    pub(super) fn take(
        &mut self,
        first: &[String],
        settings: &Settings,
        is_json: bool,
    ) -> Result<bool, NoTable> {
        let known = first.iter().filter(|name| Role::of_column(name).is_some()).count();
        let toolkit =
            settings.layout == Layout::Toolkit || (known == 0 && first.len() == TOOLKIT.len());
        let has_header = is_json || known > 0 || settings.is_named();
        self.names = if toolkit {
            TOOLKIT.map(str::to_owned).to_vec()
        } else {
            first.iter().take(COLUMNS_MAX).cloned().collect()
        };
        // Of several names that give one role the first of the table counts, wherever its column stands.
        for (role, _, known) in Role::TABLE.iter().filter(|row| row.0 != Role::Ignored) {
            let named =
                |known: &&str| self.names.iter().position(|name| name.to_lowercase() == **known);
            if let Some(at) = known.iter().find_map(named) {
                self.roles.insert(*role, at);
            }
        }
        if let Layout::Mapped(mapping) = &settings.layout {
            self.take_mapping(mapping)?;
        }
        self.take_objects(&settings.objects)?;
        for (role, words) in [(Role::Account, "the account"), (Role::Time, "the time")] {
            if !self.roles.contains_key(&role) {
                return Err(NoTable::NoRole(words));
            }
        }
        Ok(has_header)
    }

    fn take_mapping(&mut self, mapping: &Mapping) -> Result<(), NoTable> {
        for (role, column) in &mapping.roles {
            let at = self.find(column)?;
            self.roles.retain(|_, held| *held != at);
            self.roles.insert(*role, at);
        }
        for column in &mapping.objects {
            let at = self.find(column)?;
            // Known to hold an account, a text or what describes somebody: such a column is no object, whoever says so.
            if let Some(role) = self.names.get(at).and_then(|name| Role::of_column(name))
                && role.is_of_somebody()
            {
                return Err(NoTable::NoObject(column.to_string()));
            }
            self.roles.retain(|_, held| *held != at);
            self.objects.push(at);
        }
        for column in &mapping.ignored {
            let at = self.find(column)?;
            self.roles.retain(|_, held| *held != at);
            self.objects.retain(|held| *held != at);
            self.ignored.push(at);
        }
        Ok(())
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
        at.ok_or_else(|| NoTable::NoColumn(column.to_string(), self.names.join(", ")))
    }
}

impl Settings {
    /// Whether a mapping names columns, which then stand in the first line.
    fn is_named(&self) -> bool {
        let Layout::Mapped(mapping) = &self.layout else { return false };
        let mut columns = mapping.roles.values().chain(&mapping.objects).chain(&mapping.ignored);
        columns.any(|column| matches!(column, Column::Named(_)))
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
