//! What surrounds every page, and what do all templates share?
//!
//! A page is a struct beside its handler with a field `shell: Shell` and a template that extends
//! `shell/base.html`. The templates call the methods of [`Shell`] for words, dates and numbers, and
//! the macros of `shell/macros.html` for components; `templates/README.md` shows how.
//!
//! ```
//! use noroshi::web::layout::{Shell, Tone};
//! use noroshi::web::locale::{Lang, Words};
//!
//! let now = "2026-11-23T05:05:00Z".parse()?;
//! let shell = Shell::bare(Words::new(Lang::En), "Status", "/status?lang=ja", "n0nce", now);
//! assert_eq!(shell.href_lang(Lang::En), "/status?lang=en");
//! assert_eq!(Tone::Warn.to_string(), "warn");
//! # Ok::<(), jiff::Error>(())
//! ```

use std::fmt;

use fluent_bundle::FluentValue;
use jiff::Timestamp;

use super::assets;
use super::locale::{Day, Lang, Moment, Number, Words};

/// Where the forms of the shell post to. The router owns the handlers, this owns the addresses.
pub mod paths {
    /// Sets `theme` and `lang`; answers with a redirect to `back`.
    pub const PREFERENCES: &str = "/preferences";
    /// Takes up another hat: `hat`, `back`.
    pub const HAT: &str = "/session/hat";
    /// Ends the session.
    pub const LEAVE: &str = "/session/leave";
    /// Demonstration only: becomes another fictional person: `persona`.
    pub const PERSONA: &str = "/session/persona";
    /// The search page, asked with `?q=`; offered to whoever may read the evidence graph.
    pub const SEARCH: &str = "/evidence";
}

/// Light, dark, or as the device has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the device has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order offered.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The code in the cookie, the form and `data-theme`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a code; anything unknown is the device's own.
    pub fn from_code(code: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.code() == code).unwrap_or_default()
    }
}

/// How something stands, as an icon, a word and only then a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say about it.
    Neutral,
    /// Worth knowing, under way.
    Info,
    /// Good, done, in force.
    Ok,
    /// Needs attention.
    Warn,
    /// Wrong, refused, late.
    Bad,
    /// The signal fire: urgent for a person now.
    Signal,
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Neutral => "neutral",
            Self::Info => "info",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Signal => "signal",
        })
    }
}

/// Who is signed in, as shown in the corner.
#[derive(Debug, Clone)]
pub struct PersonBadge {
    /// The login.
    pub login: String,
    /// The organisation of the hat.
    pub org: String,
    /// The hat worn now, in words.
    pub hat_label: String,
}

/// One hat the person may wear.
#[derive(Debug, Clone)]
pub struct HatChoice {
    /// What is posted.
    pub id: String,
    /// What is read, organisation included.
    pub label: String,
    /// True for the hat worn now.
    pub current: bool,
}

/// One entry of the main menu.
#[derive(Debug, Clone)]
pub struct NavItem {
    /// The address.
    pub href: String,
    /// The word.
    pub label: String,
    /// A symbol of `shell/icons.svg`, without the `i-`.
    pub icon: String,
    /// How much waits there for this person; none shows nothing.
    pub count: u64,
    /// True for the part of the house the page belongs to.
    pub current: bool,
}

/// The fictional people of the demonstration.
#[derive(Debug, Clone)]
pub struct DemoBar {
    /// In the order of the story.
    pub personas: Vec<Persona>,
}

/// One fictional person.
#[derive(Debug, Clone)]
pub struct Persona {
    /// What is posted.
    pub id: String,
    /// The role.
    pub label: String,
    /// The organisation.
    pub org: String,
    /// True for the one seen now.
    pub current: bool,
}

/// What the last action came to, told once at the top of the next page.
#[derive(Debug, Clone)]
pub struct Flash {
    /// How it went.
    pub tone: Tone,
    /// What happened.
    pub text: String,
    /// The code of a refusal, such as `NRS-RESP-0007`; empty when it went well.
    pub code: String,
}

/// A link with its words.
#[derive(Debug, Clone)]
pub struct Link {
    /// The address.
    pub href: String,
    /// The words.
    pub label: String,
}

/// What every page needs around itself.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The reader's language.
    pub words: Words,
    /// The reader's theme.
    pub theme: Theme,
    /// The title of the page.
    pub title: String,
    /// Who is signed in.
    pub person: Option<PersonBadge>,
    /// The hats this person may wear.
    pub hats: Vec<HatChoice>,
    /// The main menu.
    pub nav: Vec<NavItem>,
    /// The token every form carries.
    pub csrf: String,
    /// The nonce of this answer's content security policy.
    pub nonce: String,
    /// Path and query of the request.
    pub path: String,
    /// The instant of the request; what "left" and "ago" are counted from.
    pub now: Timestamp,
    /// The persona bar, in a demonstration.
    pub demo: Option<DemoBar>,
    /// What the last action came to.
    pub flash: Option<Flash>,
    /// True inside an exercise space.
    pub exercise: bool,
}

impl Shell {
    /// The shell of a page nobody is signed in on.
    pub fn bare(
        words: Words,
        title: impl Into<String>,
        path: impl Into<String>,
        nonce: impl Into<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            words,
            theme: Theme::default(),
            title: title.into(),
            person: None,
            hats: Vec::new(),
            nav: Vec::new(),
            csrf: String::new(),
            nonce: nonce.into(),
            path: path.into(),
            now,
            demo: None,
            flash: None,
            exercise: false,
        }
    }

    /// The message of a key.
    pub fn t(&self, key: impl AsRef<str>) -> String {
        self.words.t(key)
    }

    /// The message of a key with variables.
    pub fn tv(&self, key: impl AsRef<str>, args: &[(&str, FluentValue<'_>)]) -> String {
        self.words.tv(key, args)
    }

    /// `ja` or `en`.
    pub const fn lang(&self) -> &'static str {
        self.words.lang().code()
    }

    /// The code of the theme.
    pub const fn theme(&self) -> &'static str {
        self.theme.code()
    }

    /// A whole number with separators.
    pub fn n(&self, number: impl Number) -> String {
        self.words.n(number)
    }

    /// An amount of yen.
    pub fn yen(&self, number: impl Number) -> String {
        self.words.yen(number)
    }

    /// A share in per cent.
    pub fn percent(&self, part: impl Number, whole: impl Number) -> String {
        self.words.percent(part, whole)
    }

    /// A calendar day in full.
    pub fn day(&self, day: impl Day) -> String {
        self.words.day(day)
    }

    /// An instant in full.
    pub fn moment(&self, at: impl Moment) -> String {
        self.words.moment(at)
    }

    /// An instant for dense tables.
    pub fn stamp(&self, at: impl Moment) -> String {
        self.words.stamp(at)
    }

    /// An instant for the `datetime` attribute: RFC 3339 in UTC, whole seconds.
    pub fn iso(&self, at: impl Moment) -> String {
        format!("{:.0}", at.moment())
    }

    /// How long ago, seen from this page's instant.
    pub fn ago(&self, then: impl Moment) -> String {
        self.words.ago(self.now, then)
    }

    /// What is left until a deadline, seen from this page's instant.
    pub fn left(&self, due: impl Moment) -> String {
        self.words.left(self.now, due)
    }

    /// How pressing a deadline is: past is bad, three days are the signal, a week wants attention.
    pub fn urgency(&self, due: impl Moment) -> Tone {
        let hours = due.moment().duration_since(self.now).as_hours();
        match hours {
            _ if due.moment() < self.now => Tone::Bad,
            0..72 => Tone::Signal,
            72..168 => Tone::Warn,
            _ => Tone::Info,
        }
    }

    /// "3 items".
    pub fn total(&self, number: impl Number) -> String {
        let n = i64::try_from(number.whole()).unwrap_or(i64::MAX);
        self.tv("shell-total", &[("n", n.into()), ("shown", self.n(number).into())])
    }

    /// "3 things need correcting".
    pub fn error_count(&self, number: impl Number) -> String {
        let n = i64::try_from(number.whole()).unwrap_or(i64::MAX);
        self.tv("shell-error-summary", &[("n", n.into())])
    }

    /// "max 120" for the scale of a drawing.
    pub fn largest(&self, number: impl Number) -> String {
        self.tv("shell-largest", &[("n", self.n(number).into())])
    }

    /// "Sector: choose one", for the summary of errors.
    pub fn labelled(&self, label: impl AsRef<str>, text: impl AsRef<str>) -> String {
        self.tv(
            "shell-labelled",
            &[("label", label.as_ref().into()), ("text", text.as_ref().into())],
        )
    }

    /// "As of ..." for the foot of a figure.
    pub fn asof(&self, at: impl Moment) -> String {
        self.tv("shell-asof", &[("at", self.moment(at).into())])
    }

    /// "Source: ..." for the foot of a figure.
    pub fn source(&self, source: impl AsRef<str>) -> String {
        self.tv("shell-asof-source", &[("source", source.as_ref().into())])
    }

    /// A long digest as people compare it: the first eight and the last four characters.
    pub fn short(&self, digest: impl AsRef<str>) -> String {
        let digest = digest.as_ref();
        let length = digest.chars().count();
        if length <= 16 {
            return digest.to_owned();
        }
        let head: String = digest.chars().take(8).collect();
        let tail: String = digest.chars().skip(length - 4).collect();
        format!("{head}\u{2026}{tail}")
    }

    /// The words of a TLP 2.0 label (FIRST, section 3): `amber-strict` becomes `TLP:AMBER+STRICT`.
    pub fn tlp(&self, level: impl fmt::Display) -> String {
        format!("TLP:{level}").to_uppercase().replace('-', "+")
    }

    /// The width of a bar, in hundredths of the largest; anything there at all stays visible.
    pub fn width(&self, value: impl Number, largest: impl Number) -> i128 {
        let (value, largest) = (value.whole().max(0), largest.whole().max(1));
        if value == 0 { 0 } else { (value * 100 / largest).clamp(1, 100) }
    }

    /// This very page in another language.
    pub fn href_lang(&self, lang: Lang) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut kept: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.starts_with("lang="))
            .collect();
        let choice = format!("lang={}", lang.code());
        kept.push(&choice);
        format!("{path}?{}", kept.join("&"))
    }

    /// True when this reader has something to search.
    pub fn searches(&self) -> bool {
        self.nav.iter().any(|item| item.href == paths::SEARCH)
    }

    /// The address of an embedded asset.
    pub fn asset(&self, name: impl AsRef<str>) -> &'static str {
        assets::href(name.as_ref())
    }
}

/// One step of a long form.
#[derive(Debug, Clone)]
pub struct Step {
    /// The words.
    pub label: String,
    /// Where it stands.
    pub state: StepState,
    /// A way to it; empty while it is locked.
    pub href: String,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Filled in.
    Done,
    /// The one on the page.
    Current,
    /// Still to come.
    Todo,
}

impl fmt::Display for StepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Current => "current",
            Self::Todo => "todo",
        })
    }
}

/// A page of a long list, reached by cursors rather than by number.
#[derive(Debug, Clone, Default)]
pub struct Pager {
    /// Address of the page before; empty on the first.
    pub previous: String,
    /// Address of the page after; empty on the last.
    pub next: String,
    /// How many there are in all, where that is known.
    pub total: Option<u64>,
}

/// Values over time, drawn as columns.
#[derive(Debug, Clone)]
pub struct Series {
    columns: Vec<Column>,
}

/// One column of a [`Series`], placed in a drawing that is 100 high.
#[derive(Debug, Clone)]
pub struct Column {
    /// What it stands for.
    pub label: String,
    /// The value.
    pub value: u64,
    /// The left edge; columns stand 10 apart.
    pub x: usize,
    /// The upper edge.
    pub y: u64,
    /// The height.
    pub height: u64,
    /// True where something changed, such as the start of a block.
    pub marked: bool,
}

impl Series {
    /// Places labelled values; `marked` names the column to draw in the signal colour.
    pub fn new(values: impl IntoIterator<Item = (String, u64)>, marked: Option<usize>) -> Self {
        let values: Vec<(String, u64)> = values.into_iter().collect();
        let largest = values.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1);
        let place = |(index, (label, value)): (usize, (String, u64))| {
            let share = u128::from(value) * 100 / u128::from(largest);
            let height = u64::try_from(share).unwrap_or(100).max(u64::from(value > 0));
            Column {
                label,
                value,
                x: index * 10,
                y: 100 - height,
                height,
                marked: Some(index) == marked,
            }
        };
        Self { columns: values.into_iter().enumerate().map(place).collect() }
    }

    /// The columns, left to right.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The width of the drawing.
    pub fn width(&self) -> usize {
        (self.columns.len() * 10).max(10)
    }

    /// The largest value, for the scale.
    pub fn largest(&self) -> u64 {
        self.columns.iter().map(|column| column.value).max().unwrap_or(0)
    }
}

#[cfg(test)]
#[path = "gallery.rs"]
pub(crate) mod gallery;
