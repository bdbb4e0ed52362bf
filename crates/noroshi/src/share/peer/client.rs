//! One request to a TAXII 2.1 server and its answer. Blocking: call it off the async threads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use noroshi_ledger::digest::Digest;
use serde::Deserialize;
use serde_json::value::RawValue;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::cursor::{Ask, Seen};
use crate::office::id::random_uuid;

/// The media type of TAXII 2.1.
pub const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// Largest answer taken, in bytes.
pub const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long one answer may take from the first byte asked to the last byte given.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
/// How long a connection may take to stand.
const CONNECT_WAIT: Duration = Duration::from_secs(15);
/// Characters of a server's own words that are kept.
const WORDS_CHARS_MAX: usize = 300;
/// Longest wait that a server may ask for.
const RETRY_SECONDS_MAX: u64 = 24 * 3600;

/// How a server is reached. A secret is a path, never a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// User name for Basic; absent for Bearer.
    pub user: Option<String>,
    /// File with the password or the bearer token; absent for neither.
    pub secret_file: Option<PathBuf>,
    /// File with the certificates (PEM) that vouch for the server; absent for the public ones.
    pub ca_file: Option<PathBuf>,
    /// File with this office's own certificate (PEM), for mutual TLS.
    pub certificate_file: Option<PathBuf>,
    /// File with its private key (PEM).
    pub key_file: Option<PathBuf>,
}

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A file of the configuration cannot be used.
    #[error("the file `{path}` cannot be used: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// No answer came.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The server said no.
    #[error("the server answered {status}: {words}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What the server said, cut short.
        words: String,
        /// How long it asks to wait, in seconds.
        retry_seconds: Option<u64>,
    },
    /// The answer is not what TAXII 2.1 prescribes.
    #[error("the answer is not TAXII 2.1: {0}")]
    Form(String),
    /// The answer is larger than is taken.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// The server's discovery names API roots of other servers only, to which the secret does not go.
    #[error("the discovery leads to {0}")]
    Elsewhere(String),
    /// There is no collection of that name.
    #[error("the server has no collection `{0}` for this user")]
    NoCollection(String),
}

impl Trouble {
    /// The stable code shown to a person.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "NRS-SHAR-0400",
            Self::Unreachable(_) => "NRS-SHAR-0401",
            Self::Status { status: 401 | 403, .. } => "NRS-SHAR-0402",
            Self::Status { .. } => "NRS-SHAR-0403",
            Self::Form(_) => "NRS-SHAR-0404",
            Self::NoCollection(_) => "NRS-SHAR-0405",
            Self::Elsewhere(_) => "NRS-SHAR-0407",
            Self::TooLarge(_) => "NRS-SHAR-0408",
        }
    }

    /// How long the server asks to wait.
    pub const fn retry_seconds(&self) -> Option<u64> {
        match self {
            Self::Status { retry_seconds, .. } => *retry_seconds,
            _ => None,
        }
    }

    /// What came cannot be read; less at once, or something else, may be.
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Form(_) | Self::TooLarge(_))
    }

    /// The server does not take these objects together, or not this one.
    pub const fn refuses_the_batch(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 413 | 422, .. })
    }

    /// The server does not take the question as it was put.
    pub const fn refuses_the_question(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 404 | 410 | 416 | 422, .. })
    }
}

/// A server and how to speak to it.
pub struct Connection {
    agent: ureq::Agent,
    authorization: Option<String>,
}

/// One page of a collection.
#[derive(Debug)]
pub struct Page {
    /// The objects, in a bundle of their own, with the bytes that came.
    pub bundle: String,
    /// What it said about going on.
    pub seen: Seen,
}

/// One entry of a manifest (TAXII 2.1 §5.3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Identifier of the object.
    pub id: String,
    /// When it was added, as the server writes it.
    pub date_added: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

/// A part of a manifest.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Manifest {
    /// There is more.
    #[serde(default)]
    pub more: bool,
    /// In the order of addition.
    #[serde(default)]
    pub objects: Vec<Entry>,
}

/// What a server made of objects that were handed to it (TAXII 2.1 §4.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Status {
    /// Where to ask again.
    #[serde(default)]
    pub id: String,
    /// `complete` or `pending`.
    #[serde(default)]
    pub status: String,
    /// Objects that were taken.
    #[serde(default)]
    pub success_count: u64,
    /// Objects that were not.
    #[serde(default)]
    pub failure_count: u64,
    /// Objects that are looked at still.
    #[serde(default)]
    pub pending_count: u64,
    /// Those that were not taken, with the reason.
    #[serde(default)]
    pub failures: Vec<Detail>,
}

/// One object of a [`Status`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// Its identifier.
    #[serde(default)]
    pub id: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// Why.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    more: bool,
    #[serde(default)]
    next: Option<String>,
    #[serde(borrow, default)]
    objects: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Anything {
    #[serde(default)]
    api_roots: Vec<String>,
    #[serde(default)]
    default: Option<String>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    can_read: Option<bool>,
    #[serde(default)]
    collections: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    alias: Option<String>,
}

impl Connection {
    /// Reads the secrets and makes ready; nothing is sent.
    pub fn open(access: &Access) -> Result<Self, Trouble> {
        let secret = access.secret_file.as_deref().map(secret).transpose()?;
        let authorization = match (&access.user, secret) {
            (Some(user), secret) => {
                let pair = format!("{user}:{}", secret.unwrap_or_default());
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
            (None, Some(token)) => Some(format!("Bearer {token}")),
            (None, None) => None,
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_global(Some(ANSWER_WAIT))
            .max_redirects(3)
            .tls_config(tls(access)?)
            .build()
            .into();
        Ok(Self { agent, authorization })
    }

    /// The address of a collection, found from a server's discovery, an API root or the collection itself. `wanted` is
    /// an identifier, an alias or a title; it may be absent where there is only one.
    pub fn collection(&self, url: &str, wanted: Option<&str>) -> Result<String, Trouble> {
        let url = with_slash(url);
        let found = self.look(&url)?;
        if found.can_read.is_some() {
            return Ok(url);
        }
        let (mut roots, mut elsewhere) = (Vec::new(), None);
        if !found.versions.is_empty() {
            roots.push(url.clone());
        }
        for root in found.default.into_iter().chain(found.api_roots) {
            let root = with_slash(&absolute(&url, &root));
            // The secret is for the configured server and goes nowhere else, whatever a discovery names.
            if host(&root) != host(&url) {
                elsewhere = elsewhere.or(Some(root));
            } else if !roots.contains(&root) {
                roots.push(root);
            }
        }
        for root in roots {
            let listed = self.look(&format!("{root}collections/"))?.collections;
            let named = |one: &&Listed| match wanted {
                None => listed.len() == 1,
                Some(name) => {
                    one.id == name || one.title == name || one.alias.as_deref() == Some(name)
                }
            };
            if let Some(one) = listed.iter().find(named) {
                return Ok(format!("{root}collections/{}/", one.id));
            }
        }
        Err(match elsewhere {
            Some(root) => Trouble::Elsewhere(root),
            None => Trouble::NoCollection(wanted.unwrap_or_default().to_owned()),
        })
    }

    fn look(&self, url: &str) -> Result<Anything, Trouble> {
        let (text, _) = self.get(url, &[])?;
        serde_json::from_str(&text).map_err(|problem| Trouble::Form(problem.to_string()))
    }

    /// One page of the objects of the collection at `url`.
    pub fn page(&self, url: &str, ask: &Ask, types: &[String]) -> Result<Page, Trouble> {
        // Without it a server gives the newest versions only (§3.4), and those between two walks would never come.
        let mut query =
            vec![("limit", ask.limit.to_string()), ("match[version]", "all".to_owned())];
        query.extend(ask.after.clone().map(|after| ("added_after", after)));
        query.extend(ask.next.clone().map(|next| ("next", next)));
        if !types.is_empty() {
            query.push(("match[type]", types.join(",")));
        }
        let (text, last) = self.get(&format!("{}objects/", with_slash(url)), &query)?;
        let envelope: Envelope<'_> =
            serde_json::from_str(&text).map_err(|problem| Trouble::Form(problem.to_string()))?;
        let objects = envelope.objects.map_or("[]", RawValue::get);
        let empty = objects.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"[]");
        // Empty pages are alike and may lead on all the same.
        let page = (!empty).then(|| Digest::of(objects.as_bytes()).to_string());
        Ok(Page {
            bundle: bundle(objects),
            seen: Seen { more: envelope.more, next: envelope.next, last, empty, page },
        })
    }

    /// What was added to the collection at `url` after a date, without the objects.
    pub fn manifest(
        &self,
        url: &str,
        after: Option<&str>,
        limit: u32,
        types: &[String],
    ) -> Result<Manifest, Trouble> {
        let mut query = vec![("limit", limit.to_string()), ("match[version]", "all".to_owned())];
        query.extend(after.map(|after| ("added_after", after.to_owned())));
        if !types.is_empty() {
            query.push(("match[type]", types.join(",")));
        }
        let (text, _) = self.get(&format!("{}manifest/", with_slash(url)), &query)?;
        serde_json::from_str(&text).map_err(|problem| Trouble::Form(problem.to_string()))
    }

    /// One version of one object, as the text of a list.
    pub fn object(&self, url: &str, id: &str, version: &str) -> Result<String, Trouble> {
        let mut query = Vec::new();
        if !version.is_empty() {
            query.push(("match[version]", version.to_owned()));
        }
        let (text, _) = self.get(&format!("{}objects/{id}/", with_slash(url)), &query)?;
        let envelope: Envelope<'_> =
            serde_json::from_str(&text).map_err(|problem| Trouble::Form(problem.to_string()))?;
        Ok(envelope.objects.map_or("[]", RawValue::get).to_owned())
    }

    /// Hands objects to the collection at `url`: the text of a list of objects.
    pub fn add(&self, url: &str, objects: &str) -> Result<Status, Trouble> {
        let url = format!("{}objects/", with_slash(url));
        let mut request = self.agent.post(&url).header("accept", MEDIA_TYPE);
        request = request.header("content-type", MEDIA_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request
            .send(format!(r#"{{"objects":{objects}}}"#))
            .map_err(|problem| Trouble::Unreachable(problem.to_string()))?;
        let (text, _) = read(answer)?;
        serde_json::from_str(&text).map_err(|problem| Trouble::Form(problem.to_string()))
    }

    /// What became of objects that were handed over. `collection` is the address they were handed to.
    pub fn status(&self, collection: &str, id: &str) -> Result<Status, Trouble> {
        let root = collection.rsplit_once("collections/").map_or(collection, |(root, _)| root);
        let (text, _) = self.get(&format!("{root}status/{id}/"), &[])?;
        serde_json::from_str(&text).map_err(|problem| Trouble::Form(problem.to_string()))
    }

    fn get(
        &self,
        url: &str,
        query: &[(&str, String)],
    ) -> Result<(String, Option<String>), Trouble> {
        let mut request = self.agent.get(url).header("accept", MEDIA_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in query {
            request = request.query(*name, value);
        }
        let answer = request.call().map_err(|problem| Trouble::Unreachable(problem.to_string()))?;
        read(answer)
    }
}

/// A bundle around the text of a list of objects.
pub(super) fn bundle(objects: &str) -> String {
    format!(r#"{{"type":"bundle","id":"bundle--{}","objects":{objects}}}"#, random_uuid())
}

/// The body of a good answer, and the last date added it speaks of.
fn read(mut answer: ureq::http::Response<ureq::Body>) -> Result<(String, Option<String>), Trouble> {
    let status = answer.status().as_u16();
    let header = |name: &str| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let last = header("x-taxii-date-added-last").filter(|text| text.parse::<Timestamp>().is_ok());
    let retry_seconds = header("retry-after")
        .and_then(|text| text.trim().parse::<u64>().ok())
        .map(|seconds| seconds.min(RETRY_SECONDS_MAX));
    let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(
        |problem| match problem {
            ureq::Error::BodyExceedsLimit(limit) => Trouble::TooLarge(limit),
            problem => Trouble::Unreachable(problem.to_string()),
        },
    )?;
    if matches!(status, 200..=299) {
        return Ok((text, last));
    }
    #[derive(Deserialize)]
    struct Said {
        title: String,
    }
    let words = serde_json::from_str::<Said>(&text).map_or(text, |said| said.title);
    let words = words.chars().filter(|one| !one.is_control()).take(WORDS_CHARS_MAX).collect();
    Err(Trouble::Status { status, words, retry_seconds })
}

fn with_slash(url: &str) -> String {
    format!("{}/", url.trim_end_matches('/'))
}

/// An address that may be relative to the server's own.
fn absolute(base: &str, url: &str) -> String {
    if url.contains("://") {
        return url.to_owned();
    }
    format!("{}/{}", host(base), url.trim_start_matches('/'))
}

/// Scheme, host and port of an address.
fn host(url: &str) -> &str {
    url.match_indices('/').nth(2).map_or(url, |(at, _)| url.split_at(at).0)
}

fn secret(path: &Path) -> Result<String, Trouble> {
    Ok(String::from_utf8_lossy(&file(path)?).trim().to_owned())
}

fn file(path: &Path) -> Result<Vec<u8>, Trouble> {
    std::fs::read(path)
        .map_err(|problem| Trouble::File { path: path.to_owned(), why: problem.to_string() })
}

fn tls(access: &Access) -> Result<TlsConfig, Trouble> {
    let bad = |path: &Path, why: &dyn std::fmt::Display| Trouble::File {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let mut config = TlsConfig::builder();
    if let Some(path) = &access.ca_file {
        let certificates = certificates(path)?;
        config = config.root_certs(RootCerts::new_with_certs(&certificates));
    }
    if let (Some(certificate), Some(key)) = (&access.certificate_file, &access.key_file) {
        let chain = certificates(certificate)?;
        let key = PrivateKey::from_pem(&file(key)?).map_err(|problem| bad(key, &problem))?;
        config = config.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
    }
    Ok(config.build())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Trouble> {
    let bad = |why: String| Trouble::File { path: path.to_owned(), why };
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&file(path)?) {
        if let ureq::tls::PemItem::Certificate(one) = item.map_err(|why| bad(why.to_string()))? {
            found.push(one);
        }
    }
    if found.is_empty() {
        return Err(bad("it holds no certificate".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_may_be_relative() {
        assert_eq!(absolute("https://a.example/taxii2/", "/api/"), "https://a.example/api/");
        assert_eq!(
            absolute("https://a.example/taxii2/", "https://b.example/x"),
            "https://b.example/x"
        );
        assert_eq!(with_slash("https://a.example/x//"), "https://a.example/x/");
    }

    #[test]
    fn the_bytes_of_objects_stay() {
        let text = r#"{"more":true,"next":"n","objects":[ {"a" : 1.0, "a2":"é"} ]}"#;
        let envelope: Envelope<'_> = serde_json::from_str(text).unwrap();
        let made = bundle(envelope.objects.unwrap().get());
        assert!(made.contains(r#"[ {"a" : 1.0, "a2":"é"} ]"#), "{made}");
    }
}
