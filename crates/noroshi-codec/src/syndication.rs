//! What sites publish of themselves for machines: RSS 2.0 (and 1.0), Atom 1.0, sitemaps and indexes of sitemaps.
//!
//! Of an entry only what a post has is read: its name, its address, its time, who wrote it, and its title and summary as
//! words. No entity is ever expanded but the five of XML and numbered letters, and a document type is stepped over, so that
//! a document cannot grow by being read. Entries are read one by one: a document that breaks off gives what stands before.
//!
//! Sources: RSS 2.0.11; RDF Site Summary 1.0; RFC 4287 (Atom); the protocol of sitemaps.org 0.9.
//!
//! ```
//! use noroshi_codec::syndication::{Kind, decode};
//! let text = "<rss version='2.0'><channel><item><title>A &amp; B</title><link>https://news.example/1</link>\
//!     <pubDate>Fri, 27 Nov 2026 09:00:00 +0900</pubDate></item></channel></rss>";
//! let read = decode(text.as_bytes())?;
//! assert_eq!((read.kind, read.entries[0].text.as_str()), (Kind::Rss, "A & B"));
//! assert_eq!(read.entries[0].at_ms, Some(1_795_737_600_000));
//! # Ok::<(), noroshi_codec::syndication::NotAFeed>(())
//! ```

use std::borrow::Cow;

use encoding_rs::Encoding;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::rfc2822;
use jiff::tz::Offset;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use url::Url;

/// Longest document, in bytes, after it was unpacked (the protocol of sitemaps: 50 MB).
pub const DOCUMENT_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Most entries of one document (the protocol of sitemaps: 50,000).
pub const ENTRIES_MAX: usize = 50_000;
/// Longest text of one member, in bytes; what is beyond is cut.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most elements within one another.
pub const DEPTH_MAX: usize = 64;

const ATOM: &str = "http://www.w3.org/2005/Atom";
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
const NEWS: &str = "http://www.google.com/schemas/sitemap-news/0.9";
const RSS_1: &str = "http://purl.org/rss/1.0/";
const SITEMAP: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RSS 2.0, 0.9x or 1.0.
    Rss,
    /// Atom 1.0.
    Atom,
    /// A sitemap: pages of a site.
    Sitemap,
    /// An index of sitemaps: its entries are further documents.
    SitemapIndex,
}

impl Kind {
    /// Its stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Rss => "rss",
            Self::Atom => "atom",
            Self::Sitemap => "sitemap",
            Self::SitemapIndex => "sitemap_index",
        }
    }
}

/// One entry. What it does not say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// What it calls itself; its address where it says nothing.
    pub id: String,
    /// Its address.
    pub link: String,
    /// When it was published, in milliseconds since 1970 in UTC; midnight where only a day is said.
    pub at_ms: Option<i64>,
    /// Who wrote it, as it is written.
    pub author: String,
    /// Its title and its summary, without markup.
    pub text: String,
    /// Its language.
    pub language: String,
}

/// What was read of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What it is.
    pub kind: Kind,
    /// Its entries, in its order.
    pub entries: Vec<Entry>,
    /// Entries beyond [`ENTRIES_MAX`], which were counted and not read.
    pub beyond: u64,
    /// Why it breaks off before its end.
    pub broken: Option<String>,
}

/// Why a document is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFeed {
    /// It is longer than [`DOCUMENT_BYTES_MAX`].
    #[error("NRS-INFL-0121: the document is longer than {DOCUMENT_BYTES_MAX} bytes")]
    TooLong,
    /// Its letters are not those it says.
    #[error("NRS-INFL-0122: the letters are not those that the document says they are")]
    Letters,
    /// It begins with something else.
    #[error("NRS-INFL-0123: the document is neither RSS, Atom nor a sitemap; it begins with `{0}`")]
    Unknown(String),
}

/// Where a document lies: `http` or `https`, a host, nobody's name and no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Longest address, in bytes.
    pub const BYTES_MAX: usize = 2_000;

    /// Reads an address as a browser would; what is asked for is what [`Address::text`] says and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut url = Url::parse(text).ok().filter(|_| text.len() <= Self::BYTES_MAX)?;
        url.set_fragment(None);
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
        (is_plain && is_web).then_some(Self(url))
    }

    /// An address that a document at this one names, wholly or in part.
    pub fn join(&self, text: &str) -> Option<Self> {
        Self::parse(self.0.join(text.trim()).ok()?.as_str())
    }

    /// The address, as it is asked for.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }

    /// The host: a name in small letters without a dot at its end, or a number.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default().trim_end_matches('.')
    }

    /// Host and port, which make one server.
    pub fn server(&self) -> (&str, Option<u16>) {
        (self.host(), self.0.port_or_known_default())
    }

    /// Whether it is asked for over TLS.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }
}

/// Reads a document.
pub fn decode(bytes: &[u8]) -> Result<Decoded, NotAFeed> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(NotAFeed::TooLong);
    }
    let text = letters(bytes).ok_or(NotAFeed::Letters)?;
    let mut reading = Reading::default();
    let mut reader = NsReader::from_str(&text);
    reader.config_mut().check_end_names = true;
    reader.config_mut().expand_empty_elements = true;
    let broken = loop {
        match reader.read_resolved_event() {
            Ok((_, Event::Eof)) => {
                break (!reading.path.is_empty()).then(|| "it breaks off".to_owned());
            }
            Ok((found, event)) => {
                let space = space_of(&found);
                if let Err(stop) = reading.event(space, &event) {
                    break stop;
                }
            }
            Err(problem) => break Some(problem.to_string()),
        }
    };
    match reading.kind {
        Some(kind) => {
            let broken = broken.filter(|words| !words.is_empty());
            Ok(Decoded { kind, entries: reading.entries, beyond: reading.beyond, broken })
        }
        None => Err(NotAFeed::Unknown(reading.root.unwrap_or_default())),
    }
}

/// The text of a document: by its mark, by what its first line says, else UTF-8 (XML 1.0 appendix F).
fn letters(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, had_errors) = encoding.decode_without_bom_handling(bytes.get(mark..)?);
        return (!had_errors).then_some(text);
    }
    let head = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let said = head
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split("?>").next())
        .and_then(|rest| rest.split("encoding").nth(1))
        .and_then(|rest| rest.split(['"', '\'']).nth(1));
    let encoding = match said {
        Some(name) => Encoding::for_label(name.trim().as_bytes())?,
        None => encoding_rs::UTF_8,
    };
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
    (!had_errors).then_some(text)
}

/// The vocabulary an element belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Space {
    #[default]
    None,
    Rss,
    Atom,
    Sitemap,
    DublinCore,
    News,
    Other,
}

fn space_of(found: &ResolveResult<'_>) -> Space {
    match found {
        ResolveResult::Unbound => Space::None,
        ResolveResult::Unknown(_) => Space::Other,
        ResolveResult::Bound(space) => match space.into_inner() {
            ATOM => Space::Atom,
            DUBLIN_CORE => Space::DublinCore,
            NEWS => Space::News,
            RSS_1 => Space::Rss,
            SITEMAP => Space::Sitemap,
            _ => Space::Other,
        },
    }
}

/// Members of an entry, as they are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Id,
    Link,
    Title,
    Summary,
    Content,
    Published,
    Updated,
    Author,
    Language,
}

#[derive(Debug, Default)]
struct Draft {
    id: String,
    link: String,
    title: String,
    summary: String,
    content: String,
    published: String,
    updated: String,
    author: String,
    language: String,
}

impl Draft {
    fn of(&mut self, member: Member) -> &mut String {
        match member {
            Member::Id => &mut self.id,
            Member::Link => &mut self.link,
            Member::Title => &mut self.title,
            Member::Summary => &mut self.summary,
            Member::Content => &mut self.content,
            Member::Published => &mut self.published,
            Member::Updated => &mut self.updated,
            Member::Author => &mut self.author,
            Member::Language => &mut self.language,
        }
    }

    fn entry(&self, feed: &Self) -> Entry {
        let or = |own: &str, other: &str| {
            if own.trim().is_empty() { other.trim().to_owned() } else { own.trim().to_owned() }
        };
        let (title, rest) = (plain(&self.title), plain(&or(&self.summary, &self.content)));
        let text = match (title.is_empty(), rest.is_empty() || rest == title) {
            (_, true) => title,
            (true, false) => rest,
            (false, false) => format!("{title}\n{rest}"),
        };
        Entry {
            id: or(&self.id, &self.link),
            link: self.link.trim().to_owned(),
            at_ms: read_ms(&self.published).or_else(|| read_ms(&self.updated)),
            author: or(&self.author, &feed.author),
            text,
            language: or(&self.language, &feed.language),
        }
    }
}

#[derive(Default)]
struct Reading {
    kind: Option<Kind>,
    root: Option<String>,
    path: Vec<(Space, String)>,
    /// What the whole document says of itself.
    feed: Draft,
    /// The entry that is open, and how deep it lies.
    draft: Option<(usize, Draft)>,
    /// The member whose text is read, how deep it lies, and its text.
    member: Option<(Member, usize, String)>,
    entries: Vec<Entry>,
    beyond: u64,
}

/// Reading ends: at once without a word, or because of what is said.
type Stop = Option<String>;

impl Reading {
    fn event(&mut self, space: Space, event: &Event<'_>) -> Result<(), Stop> {
        match event {
            Event::Start(start) => self.open(space, start),
            Event::End(_) => {
                self.close();
                Ok(())
            }
            Event::Text(text) => {
                self.text(&text.xml10_content());
                Ok(())
            }
            Event::CData(text) => {
                self.text(&text.xml10_content());
                Ok(())
            }
            Event::GeneralRef(reference) => {
                self.reference(reference);
                Ok(())
            }
            // A document type may declare entities; it is stepped over, so there is none to expand.
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => Ok(()),
            Event::Empty(_) | Event::Eof => Ok(()),
        }
    }

    fn open(&mut self, space: Space, start: &BytesStart<'_>) -> Result<(), Stop> {
        let name = start.local_name().into_inner().to_owned();
        if self.path.is_empty() {
            self.begin(space, &name)?;
        }
        if self.path.len() >= DEPTH_MAX {
            return Err(Some("its elements lie too deep in one another".to_owned()));
        }
        self.path.push((space, name));
        let depth = self.path.len();
        if self.is_entry() {
            self.draft = Some((depth, Draft::default()));
            return Ok(());
        }
        if self.member.is_none()
            && let Some(member) = self.member_here()
        {
            if self.kind == Some(Kind::Atom) && member == Member::Link {
                self.atom_link(start);
            } else {
                self.member = Some((member, depth, String::new()));
            }
        }
        if depth == 1
            && let Some(language) = attribute(start, "xml:lang")
        {
            self.feed.language = language;
        }
        Ok(())
    }

    fn begin(&mut self, space: Space, name: &str) -> Result<(), Stop> {
        self.root = Some(name.chars().take(60).collect());
        self.kind = match (space, name) {
            (_, "rss") | (Space::Other, "RDF") => Some(Kind::Rss),
            (Space::Atom, "feed") => Some(Kind::Atom),
            (Space::Sitemap | Space::None, "urlset") => Some(Kind::Sitemap),
            (Space::Sitemap | Space::None, "sitemapindex") => Some(Kind::SitemapIndex),
            _ => return Err(None),
        };
        Ok(())
    }

    /// Whether the element just opened is an entry.
    fn is_entry(&self) -> bool {
        let Some((space, name)) = self.path.last() else { return false };
        let depth = self.path.len();
        self.draft.is_none()
            && match self.kind {
                Some(Kind::Rss) => {
                    name == "item" && depth <= 3 && matches!(space, Space::None | Space::Rss)
                }
                Some(Kind::Atom) => name == "entry" && depth == 2 && *space == Space::Atom,
                Some(Kind::Sitemap) => name == "url" && depth == 2,
                Some(Kind::SitemapIndex) => name == "sitemap" && depth == 2,
                None => false,
            }
    }

    /// What the element just opened is of its entry, or of the whole document.
    fn member_here(&self) -> Option<Member> {
        let (space, name) = self.path.last()?;
        let depth = self.path.len();
        let Some((entry, _)) = &self.draft else { return self.member_of_feed(*space, name, depth) };
        let parent = self.path.get(depth.checked_sub(2)?).map(|(_, name)| name.as_str());
        let direct = depth == entry + 1;
        match self.kind? {
            Kind::Rss if direct => member_of_rss(*space, name),
            Kind::Atom if direct && *space == Space::Atom => member_of_atom(name),
            Kind::Atom if depth == entry + 2 && parent == Some("author") && name == "name" => {
                Some(Member::Author)
            }
            Kind::Sitemap if *space == Space::News => member_of_news(name, parent),
            Kind::Sitemap | Kind::SitemapIndex if direct => match name.as_str() {
                "loc" => Some(Member::Link),
                "lastmod" => Some(Member::Updated),
                _ => None,
            },
            _ => None,
        }
    }

    fn member_of_feed(&self, space: Space, name: &str, depth: usize) -> Option<Member> {
        match self.kind? {
            Kind::Rss if depth == 3 && name == "language" && space != Space::Atom => {
                Some(Member::Language)
            }
            Kind::Atom if depth == 3 && space == Space::Atom && name == "name" => {
                let parent = self.path.get(1).map(|(_, name)| name.as_str());
                (parent == Some("author")).then_some(Member::Author)
            }
            _ => None,
        }
    }

    /// RFC 4287 §4.2.7: a link without a relation, or `alternate`, leads to the entry itself.
    fn atom_link(&mut self, start: &BytesStart<'_>) {
        let relation = attribute(start, "rel").unwrap_or_default();
        let Some((_, draft)) = &mut self.draft else { return };
        if matches!(relation.as_str(), "" | "alternate")
            && draft.link.is_empty()
            && let Some(address) = attribute(start, "href")
        {
            draft.link = address;
        }
    }

    fn close(&mut self) {
        let depth = self.path.len();
        self.path.pop();
        if let Some((member, _, text)) = self.member.take_if(|(_, at, _)| *at == depth) {
            let of = self.draft.as_mut().map_or(&mut self.feed, |(_, draft)| draft).of(member);
            if of.trim().is_empty() {
                *of = text;
            }
        }
        if let Some((_, draft)) = self.draft.take_if(|(at, _)| *at == depth) {
            if self.entries.len() < ENTRIES_MAX {
                self.entries.push(draft.entry(&self.feed));
            } else {
                self.beyond += 1;
            }
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, _, held)) = &mut self.member {
            let mut end = text.len().min(TEXT_BYTES_MAX.saturating_sub(held.len()));
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            held.push_str(text.get(..end).unwrap_or_default());
        }
    }

    /// A numbered letter or one of the five of XML; any other reference is left out.
    fn reference(&mut self, reference: &BytesRef<'_>) {
        if let Ok(Some(letter)) = reference.resolve_char_ref() {
            self.text(letter.encode_utf8(&mut [0; 4]));
        } else if let Some(letters) = resolve_xml_entity(&reference.xml10_content()) {
            self.text(letters);
        }
    }
}

fn member_of_rss(space: Space, name: &str) -> Option<Member> {
    match (space, name) {
        (Space::None | Space::Rss, "guid") => Some(Member::Id),
        (Space::None | Space::Rss, "link") => Some(Member::Link),
        (Space::None | Space::Rss, "title") => Some(Member::Title),
        (Space::None | Space::Rss, "description") => Some(Member::Summary),
        (Space::None, "pubDate") => Some(Member::Published),
        (Space::DublinCore, "date") => Some(Member::Updated),
        (Space::None, "author") | (Space::DublinCore, "creator") => Some(Member::Author),
        (Space::DublinCore, "language") => Some(Member::Language),
        _ => None,
    }
}

fn member_of_atom(name: &str) -> Option<Member> {
    match name {
        "id" => Some(Member::Id),
        "link" => Some(Member::Link),
        "title" => Some(Member::Title),
        "summary" => Some(Member::Summary),
        "content" => Some(Member::Content),
        "published" => Some(Member::Published),
        "updated" => Some(Member::Updated),
        _ => None,
    }
}

fn member_of_news(name: &str, parent: Option<&str>) -> Option<Member> {
    match name {
        "title" => Some(Member::Title),
        "publication_date" => Some(Member::Published),
        "language" if parent == Some("publication") => Some(Member::Language),
        _ => None,
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    // Unchecked: looking for doubles takes time that grows with the square of their number.
    let mut all = start.attributes();
    let found = all.with_checks(false).filter_map(Result::ok).find(|one| one.key.0 == name)?;
    Some(references(&found.value).trim().to_owned())
}

/// A text with the five references of XML and numbered letters read, any other left as it stands.
fn references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let found = after.split_once(';').and_then(|(name, behind)| {
            let letters = match name.strip_prefix('#') {
                None if name == "nbsp" => Some(" ".to_owned()),
                None => resolve_xml_entity(name).map(str::to_owned),
                Some(number) => {
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok(),
                        None => number.parse().ok(),
                    };
                    code.and_then(char::from_u32).map(String::from)
                }
            };
            letters.map(|letters| (letters, behind))
        });
        match found {
            Some((letters, behind)) => {
                out.push_str(&letters);
                rest = behind;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Words without markup: what stands between `<` and `>` is left out, blanks are one.
fn plain(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        words.push_str(before);
        // A sign that opens nothing is a sign.
        let opens = after.starts_with(|letter: char| {
            letter.is_ascii_alphabetic() || matches!(letter, '/' | '!' | '?')
        });
        match after.split_once('>').filter(|_| opens) {
            Some((_, behind)) => {
                words.push(' ');
                rest = behind;
            }
            None => {
                words.push('<');
                rest = after;
            }
        }
    }
    words.push_str(rest);
    let words = references(&words);
    let mut out = String::with_capacity(words.len());
    for word in words.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A time as RSS (RFC 2822), Atom (RFC 3339) or a sitemap (W3C: a year, a month, a day or a time) writes it.
fn read_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    if let Ok(at) = rfc2822::parse(text) {
        return Some(at.timestamp().as_millisecond());
    }
    let mut parts = text.split('-');
    let year = parts.next()?.parse().ok()?;
    let month = parts.next().map_or(Some(1), |part| part.parse().ok())?;
    let day = parts.next().map_or(Some(1), |part| part.parse().ok())?;
    let date = Date::new(year, month, day).ok().filter(|_| parts.next().is_none())?;
    Offset::UTC
        .to_timestamp(date.to_datetime(jiff::civil::Time::midnight()))
        .ok()
        .map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Decoded {
        decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn rss_gives_name_address_time_author_and_words() {
        let read = read(
            "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
             xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>site</title><language>ja</language>\
             <atom:link href=\"https://news.example/feed\" rel=\"self\"/>\
             <item><title><![CDATA[港の<b>灯油</b>]]></title><link>https://news.example/a?x=1&amp;y=2</link>\
             <atom:link href=\"https://other.example/\"/><guid isPermaLink=\"false\">tag:1</guid>\
             <description>&lt;p&gt;月曜日に尽きる &amp;amp; 終わり&lt;/p&gt;</description>\
             <dc:creator>架空 花子</dc:creator><pubDate>Fri, 27 Nov 2026 00:00:01 GMT</pubDate></item>\
             <item><title>2</title><link>https://news.example/b</link></item></channel></rss>",
        );
        assert_eq!((read.kind, read.broken, read.entries.len()), (Kind::Rss, None, 2));
        let first = &read.entries[0];
        assert_eq!(first.id, "tag:1");
        assert_eq!(first.link, "https://news.example/a?x=1&y=2");
        assert_eq!(first.text, "港の 灯油\n月曜日に尽きる & 終わり");
        assert_eq!((first.author.as_str(), first.language.as_str()), ("架空 花子", "ja"));
        assert_eq!(first.at_ms, Some(1_795_737_601_000));
        assert_eq!(
            (read.entries[1].id.as_str(), read.entries[1].at_ms),
            ("https://news.example/b", None)
        );
    }

    #[test]
    fn atom_links_lead_to_the_entry_and_the_feeds_author_stands_for_its_entries() {
        let read = read(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"en\"><author><name>desk</name></author>\
             <entry><id>urn:1</id><link rel=\"edit\" href=\"https://news.example/edit\"/>\
             <link href=\"https://news.example/1\"/><title type=\"html\">A &amp;lt; B</title>\
             <updated>2026-11-27T09:00:01+09:00</updated><content>words</content></entry>\
             <entry><id>urn:2</id><author><name>kiln</name></author><published>2026-11-27T00:00:00Z</published>\
             <updated>2026-11-28T00:00:00Z</updated><title>t</title></entry></feed>",
        );
        let told: Vec<_> = read
            .entries
            .iter()
            .map(|one| (one.id.as_str(), one.author.as_str(), one.at_ms))
            .collect();
        assert_eq!(
            told,
            [
                ("urn:1", "desk", Some(1_795_737_601_000)),
                ("urn:2", "kiln", Some(1_795_737_600_000))
            ]
        );
        assert_eq!(read.entries[0].link, "https://news.example/1");
        assert_eq!(read.entries[0].text, "A < B\nwords");
        assert_eq!(read.entries[0].language, "en");
    }

    #[test]
    fn sitemaps_give_pages_and_indexes_give_documents() {
        let pages = read(
            "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
             xmlns:news=\"http://www.google.com/schemas/sitemap-news/0.9\"><url><loc>https://news.example/1</loc>\
             <lastmod>2026-11-27</lastmod></url><url><loc>https://news.example/2</loc><news:news><news:publication>\
             <news:name>n</news:name><news:language>ja</news:language></news:publication>\
             <news:publication_date>2026-11-27T00:00:01Z</news:publication_date><news:title>題</news:title>\
             </news:news></url></urlset>",
        );
        assert_eq!(pages.kind, Kind::Sitemap);
        assert_eq!(pages.entries[0].at_ms, Some(1_795_737_600_000));
        let second = &pages.entries[1];
        assert_eq!((second.text.as_str(), second.language.as_str()), ("題", "ja"));
        assert_eq!(
            (second.at_ms, second.id.as_str()),
            (Some(1_795_737_601_000), "https://news.example/2")
        );
        let index = read(
            "<sitemapindex><sitemap><loc>https://news.example/s.xml.gz</loc></sitemap></sitemapindex>",
        );
        assert_eq!(
            (index.kind, index.entries[0].link.as_str()),
            (Kind::SitemapIndex, "https://news.example/s.xml.gz")
        );
    }

    #[test]
    fn an_address_is_what_a_browser_would_ask_for() {
        let host = |text: &str| Address::parse(text).map(|one| one.host().to_owned());
        assert_eq!(host("https://News.Example./feed").as_deref(), Some("news.example"));
        assert_eq!(host("https://ニュース.example/").as_deref(), Some("xn--zck9awe6d.example"));
        assert_eq!(
            host("https://allowed.example\\@other.example/").as_deref(),
            Some("allowed.example")
        );
        assert_eq!(host("http://2130706433/").as_deref(), Some("127.0.0.1"), "a number is a host");
        for wrong in ["ftp://a.example/", "https://u@a.example/", "file:///etc/passwd", "feed", ""]
        {
            assert_eq!(host(wrong), None, "{wrong}");
        }
        let base = Address::parse("https://news.example/a/feed.xml").unwrap();
        assert_eq!(base.join("../b").unwrap().text(), "https://news.example/b");
        assert_eq!(base.join("//other.example/x").unwrap().host(), "other.example");
    }

    #[test]
    fn no_entity_is_expanded_and_no_file_is_asked_for() {
        let mut bomb = String::from(
            "<!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY x SYSTEM \"file:///etc/passwd\">",
        );
        for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
            bomb.push_str(&format!("<!ENTITY {name} \"{}\">", format!("&{of};").repeat(10)));
        }
        bomb.push_str("]><rss><channel><item><title>1&g;2&x;3&#38;4</title><link>https://n.example/</link></item></channel></rss>");
        let read = read(&bomb);
        assert_eq!(read.entries[0].text, "123&4");
    }

    #[test]
    fn what_breaks_off_gives_what_stands_before_and_anything_else_is_refused() {
        let cut = read(
            "<rss><channel><item><link>https://n.example/1</link></item><item><link>https://n",
        );
        assert_eq!(cut.entries.len(), 1);
        assert!(cut.broken.is_some());
        let crossed =
            read("<rss><channel><item><link>https://n.example/1</link></item></rss></channel>");
        assert!(crossed.broken.is_some() && crossed.entries.len() == 1, "{crossed:?}");
        for other in ["", "hello", "<html><body/></html>", "<feed/>", "{\"a\":1}"] {
            assert!(matches!(decode(other.as_bytes()), Err(NotAFeed::Unknown(_))), "{other}");
        }
        let deep = format!("<rss>{}", "<a>".repeat(100_000));
        assert!(read(&deep).broken.unwrap().contains("deep"));
        assert!(matches!(
            decode(b"<?xml version=\"1.0\" encoding=\"utf-8\"?><rss>\xff\xfe</rss>"),
            Err(NotAFeed::Letters)
        ));
    }

    #[test]
    fn letters_are_those_that_the_document_says() {
        let mut shifted =
            b"<?xml version=\"1.0\" encoding=\"Shift_JIS\"?><rss><channel><item><title>".to_vec();
        shifted.extend_from_slice(b"\x93\x8a\x8de</title></item></channel></rss>");
        assert_eq!(decode(&shifted).unwrap().entries[0].text, "投稿");
        let wide: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(
                "<rss><channel><item><title>投稿</title></item></channel></rss>"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes),
            )
            .collect();
        assert_eq!(decode(&wide).unwrap().entries[0].text, "投稿");
    }

    #[test]
    fn what_is_too_much_is_counted_and_not_kept() {
        let many = format!(
            "<urlset>{}</urlset>",
            "<url><loc>https://n.example/</loc></url>".repeat(ENTRIES_MAX + 3)
        );
        let read = read(&many);
        assert_eq!((read.entries.len(), read.beyond), (ENTRIES_MAX, 3));
        let long = format!(
            "<rss><channel><item><title>{}</title></item></channel></rss>",
            "あ".repeat(TEXT_BYTES_MAX)
        );
        assert!(decode(long.as_bytes()).unwrap().entries[0].text.len() <= TEXT_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..300) {
            drop(decode(&bytes));
            let whole = "<rss><channel><item><title>&lt;a&gt; &#x41; &b;</title><link>x</link></item></channel></rss>".as_bytes();
            let mut torn = whole.get(..cut.min(whole.len())).unwrap_or_default().to_vec();
            torn.extend_from_slice(&bytes);
            drop(decode(&torn));
        }
    }
}
