//! The export of Telegram Desktop ("machine-readable JSON"): one document with a chat, or with all chats of an account. It
//! is read as a stream and given on as lines, one a message, with the columns that are known by name.
//!
//! Only a public channel or a public group is public; of a message of any other chat nothing is given on but what kind of
//! chat it is, so that it is put aside and counted like any other that was not public, whatever a mapping says. A forward says whom it forwards and not which
//! message, so that it is a repost without a parent post.

use std::io::{self, BufRead, Read};

use serde_json::{Value, json};

use super::RECORD_BYTES_MAX;

/// What stands in the place of the visibility of a message that the platform wrote itself.
pub(super) const NOTICE: &str = "telegram:service";
/// The same of a message that is longer than a record may be.
pub(super) const TOO_LONG: &str = "telegram:too_long";

/// Longest name or number that is kept of a chat, in bytes.
const WORD_BYTES_MAX: usize = 1_024;
/// Most brackets within one another.
const DEPTH_MAX: usize = 64;
/// Kinds of chat, as an export names them.
const CHATS: [&str; 8] = [
    "\"public_channel\"",
    "\"public_supergroup\"",
    "\"private_channel\"",
    "\"private_supergroup\"",
    "\"private_group\"",
    "\"personal_chat\"",
    "\"bot_chat\"",
    "\"saved_messages\"",
];

/// Whether a document that begins like this is such an export.
pub(super) fn is_one(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if head.first() != Some(&b'{') {
        return false;
    }
    let has = |word: &str| memchr::memmem::find(head, word.as_bytes()).is_some();
    let has_chat = has("\"messages\"") && CHATS.iter().any(|kind| has(kind));
    has_chat || (has("\"about\"") && has("Telegram") && has("\"personal_information\""))
}

/// Reads an export as lines of JSON.
pub(super) struct Export<R> {
    input: R,
    stack: Vec<Frame>,
    line: Vec<u8>,
    taken: usize,
    is_over: bool,
}

/// A bracket that is open.
#[derive(Debug, Default)]
struct Frame {
    is_list: bool,
    /// Under which name it stands in the object around it.
    name: String,
    /// The member whose value comes next.
    member: Option<String>,
    chat: Chat,
}

/// What an object says of itself that would be a chat.
#[derive(Debug, Clone, Default)]
struct Chat {
    id: String,
    kind: String,
}

enum Token {
    Open(u8),
    Close,
    Text(String),
    Word(String),
    End,
}

impl<R: BufRead> Export<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, stack: Vec::new(), line: Vec::new(), taken: 0, is_over: false }
    }

    /// Makes the next line.
    fn fill(&mut self) -> io::Result<()> {
        self.line.clear();
        self.taken = 0;
        loop {
            match self.token()? {
                Token::End => {
                    self.is_over = true;
                    return Ok(());
                }
                Token::Open(b'{') if self.is_message() => {
                    let chat = self.chat();
                    self.line = match self.element()? {
                        Some(bytes) => line_of(&bytes, &chat),
                        None => aside(visibility(&chat).unwrap_or(TOO_LONG)),
                    }
                    .into_bytes();
                    self.line.push(b'\n');
                    return Ok(());
                }
                Token::Open(bracket) => self.open(bracket == b'[')?,
                Token::Close => {
                    self.stack.pop();
                }
                Token::Text(text) => self.text(text),
                Token::Word(word) => self.value(word),
            }
        }
    }

    fn open(&mut self, is_list: bool) -> io::Result<()> {
        if self.stack.len() >= DEPTH_MAX {
            let words = "the brackets of the export lie too deep in one another";
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        let name = self.stack.last_mut().and_then(|top| top.member.take()).unwrap_or_default();
        self.stack.push(Frame { is_list, name, ..Frame::default() });
        Ok(())
    }

    /// A text is the name of a member, or its value.
    fn text(&mut self, text: String) {
        match self.stack.last_mut() {
            Some(top) if !top.is_list && top.member.is_none() => top.member = Some(text),
            _ => self.value(text),
        }
    }

    fn value(&mut self, value: String) {
        let Some(top) = self.stack.last_mut() else { return };
        match top.member.take().as_deref() {
            Some("id") => top.chat.id = value,
            Some("type") => top.chat.kind = value,
            _ => {}
        }
    }

    /// Whether an object that begins here is a message.
    fn is_message(&self) -> bool {
        self.stack.last().is_some_and(|top| top.is_list && top.name == "messages")
    }

    fn chat(&self) -> Chat {
        let around = self.stack.len().checked_sub(2).and_then(|at| self.stack.get(at));
        around.map(|frame| frame.chat.clone()).unwrap_or_default()
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.input.fill_buf()?.first().copied();
        if byte.is_some() {
            self.input.consume(1);
        }
        Ok(byte)
    }

    fn token(&mut self) -> io::Result<Token> {
        loop {
            let Some(byte) = self.byte()? else { return Ok(Token::End) };
            return Ok(match byte {
                b'{' | b'[' => Token::Open(byte),
                b'}' | b']' => Token::Close,
                b'"' => Token::Text(self.string()?),
                b',' | b':' => continue,
                byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                    Token::Word(self.word(byte)?)
                }
                _ => continue,
            });
        }
    }

    /// The rest of a text, cut at [`WORD_BYTES_MAX`].
    fn string(&mut self) -> io::Result<String> {
        let mut held = vec![b'"'];
        let mut is_escaped = false;
        while let Some(byte) = self.byte()? {
            if held.len() < WORD_BYTES_MAX {
                held.push(byte);
            }
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => break,
                _ => {}
            }
        }
        Ok(serde_json::from_slice(&held).unwrap_or_default())
    }

    fn word(&mut self, first: u8) -> io::Result<String> {
        let mut held = vec![first];
        loop {
            let Some(byte) = self.input.fill_buf()?.first().copied() else { break };
            if !(byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
                break;
            }
            self.input.consume(1);
            if held.len() < WORD_BYTES_MAX {
                held.push(byte);
            }
        }
        Ok(String::from_utf8_lossy(&held).into_owned())
    }

    /// The object whose first bracket was read; `None` when it is longer than a record may be.
    fn element(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![b'{'];
        let (mut depth, mut in_text, mut is_escaped, mut fits) = (1_usize, false, false, true);
        while depth > 0 {
            let Some(byte) = self.byte()? else {
                self.is_over = true;
                break;
            };
            fits &= bytes.len() < RECORD_BYTES_MAX;
            if fits {
                bytes.push(byte);
            }
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_text => is_escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => depth -= 1,
                _ => {}
            }
        }
        Ok(fits.then_some(bytes))
    }
}

impl<R: BufRead> Read for Export<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.line.len() && !self.is_over {
            self.fill()?;
        }
        let rest = self.line.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        Ok(count)
    }
}

/// What a chat is, where it is not public: whatever a table is said to hold, nothing of it is given on.
fn visibility(chat: &Chat) -> Option<&str> {
    match chat.kind.as_str() {
        "public_channel" | "public_supergroup" => None,
        "" => Some("unknown"),
        other => Some(other),
    }
}

/// A message of which only is told why it is put aside.
fn aside(why: &str) -> String {
    json!({ "visibility": why }).to_string()
}

/// A message as a line; what is no JSON is given on as it stands, and is put aside as that.
fn line_of(bytes: &[u8], chat: &Chat) -> String {
    if let Some(other) = visibility(chat) {
        return aside(other);
    }
    let Ok(message) = serde_json::from_slice::<Value>(bytes) else {
        return String::from_utf8_lossy(bytes).replace(['\n', '\r'], " ");
    };
    let text = |name: &str| word(message.get(name));
    let kind = match message.get("type").and_then(Value::as_str) {
        Some("message") | None if message.get("forwarded_from").is_some() => "repost",
        Some("message") | None if message.get("reply_to_message_id").is_some() => "reply",
        Some("message") | None => "original",
        Some(_) => return aside(NOTICE),
    };
    let account = match text("from_id") {
        account if !account.is_empty() => account,
        // Older exports name no author of what a channel posts: it is the channel.
        _ if chat.kind.ends_with("channel") => format!("channel{}", chat.id),
        _ => String::new(),
    };
    let at = match text("date_unixtime") {
        at if !at.is_empty() => at,
        _ => text("date"),
    };
    let within = |id: String| if id.is_empty() { id } else { format!("{}/{id}", chat.id) };
    let parts = Parts::of(&message);
    json!({
        "post_id": within(text("id")), "platform": "telegram", "account": account, "ts": at, "kind": kind,
        "parent_account": text("forwarded_from_id"), "reply_id": within(text("reply_to_message_id")),
        "text": parts.text, "urls": parts.urls, "hashtags": parts.hashtags, "mentions": parts.mentions,
        "visibility": "public",
    })
    .to_string()
}

fn word(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// What stands in the text of a message.
#[derive(Default)]
struct Parts {
    text: String,
    urls: Vec<String>,
    hashtags: Vec<String>,
    mentions: Vec<String>,
}

impl Parts {
    /// `text` is a text, or a list of texts and of marked parts; `text_entities` is the list in newer exports.
    fn of(message: &Value) -> Self {
        let mut parts = Self::default();
        match message.get("text") {
            Some(Value::Array(pieces)) => pieces.iter().for_each(|piece| parts.piece(piece)),
            Some(text) => {
                parts.text = word(Some(text));
                let marked = message.get("text_entities").and_then(Value::as_array);
                let whole = std::mem::take(&mut parts.text);
                marked.into_iter().flatten().for_each(|piece| parts.piece(piece));
                parts.text = whole;
            }
            None => {}
        }
        parts
    }

    fn piece(&mut self, piece: &Value) {
        let text = match piece {
            Value::String(text) => text.clone(),
            piece => word(piece.get("text")),
        };
        self.text.push_str(&text);
        let text = text.trim().to_owned();
        match piece.get("type").and_then(Value::as_str) {
            Some("link") => self.urls.push(with_scheme(text)),
            Some("text_link") => self.urls.push(with_scheme(word(piece.get("href")))),
            Some("hashtag") => self.hashtags.push(text),
            Some("mention") => self.mentions.push(text),
            _ => {}
        }
    }
}

/// Telegram makes a link of a bare name too.
fn with_scheme(link: String) -> String {
    if link.is_empty() || link.contains("://") { link } else { format!("https://{link}") }
}
