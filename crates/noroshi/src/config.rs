//! Configuration: one file, `DIR/noroshi.toml`; every member has a default; unknown members are refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::web::locale::Lang;

/// Everything that can be configured. The doc comment of each member is its manual.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where people and programs reach this office.
    pub web: Web,
    /// TLS for everything the house serves. Off by default: a loopback, or a proxy in front.
    pub tls: Tls,
    /// The transparency log.
    pub log: Log,
    /// Deadlines and sizes of intake.
    pub intake: Intake,
    /// Bounds of measures.
    pub response: Response,
    /// Who must agree before information leaves.
    pub share: Share,
    /// What the influence pillar may read of the public web, and how it prints.
    pub influence: Influence,
    /// Actuators at operators, by the name that consents and playbooks use.
    pub actuators: Vec<Actuator>,
    /// Other TAXII 2.1 servers that may be read from or handed to.
    pub peers: Vec<Peer>,
    /// The change stream and its webhooks.
    pub stream: Stream,
    /// The TAXII server.
    pub taxii: Taxii,
    /// API roots of the TAXII server. Without any there is one, `taxii2/root`.
    pub apiroots: Vec<ApiRoot>,
}

/// Where people and programs reach this office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Address to listen on. Loopback by default: a reverse proxy with TLS stands in front.
    pub listen: SocketAddr,
    /// The address people type, without a path. Passkeys and cookies are bound to it.
    pub origin: String,
    /// Largest request body, in bytes, except for bundles of evidence.
    pub body_bytes_max: usize,
    /// Largest bundle of evidence, in bytes.
    pub bundle_bytes_max: usize,
    /// How long a browser session lasts, in hours.
    pub session_hours: u32,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            origin: String::new(),
            body_bytes_max: 1024 * 1024,
            bundle_bytes_max: 256 * 1024 * 1024,
            session_hours: 12,
        }
    }
}

/// TLS for everything the house serves. Files are read at the start; a new certificate needs a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// File with the certificate chain to present (PEM, the house's own first). Empty: plain HTTP.
    pub certificate: PathBuf,
    /// File with its private key (PEM).
    pub key: PathBuf,
    /// File with the authorities whose client certificates are looked at (PEM). Empty: none are asked for. A certificate
    /// lets in only whom the administrator registered its fingerprint for.
    pub client_ca: PathBuf,
}

/// The transparency log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The log's origin, the first line of each checkpoint. Never changes in the life of a log.
    pub origin: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { origin: "noroshi.example/log".to_owned() }
    }
}

/// Deadlines and sizes of intake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Intake {
    /// Guidance shown for "promptly" (速やかに), in hours. The law names no number; this is never a deadline.
    pub promptly_guidance_hours: u32,
}

impl Default for Intake {
    fn default() -> Self {
        Self { promptly_guidance_hours: 72 }
    }
}

/// Bounds of measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Response {
    /// What no measure may touch and how wide a block may be. Each operator's gateway has its own besides.
    pub guard: noroshi_charter::guard::Guard,
}

impl Default for Response {
    fn default() -> Self {
        Self { guard: crate::response::gateway::guard() }
    }
}

/// Who must agree before information leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Share {
    /// From which TLP colour on a release to anybody but a national organ needs a second person: `clear`, `green`,
    /// `amber`, `amber+strict` or `red`. Absent for none.
    pub second_person_from: Option<Colour>,
    /// Legal classes of which every release needs a second person: `CIA`, `CIA-PM`, `CIA-N`.
    pub second_person_classes: Vec<String>,
    /// Whether a release that stands on a derivation review needs a second person.
    pub second_person_reviewed: bool,
}

/// A TLP colour in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// TLP:CLEAR.
    Clear,
    /// TLP:GREEN.
    Green,
    /// TLP:AMBER.
    Amber,
    /// TLP:AMBER+STRICT.
    #[serde(rename = "amber+strict")]
    AmberStrict,
    /// TLP:RED.
    Red,
}

impl Colour {
    /// The colour.
    pub const fn tlp(self) -> noroshi_evidence::marking::Tlp {
        use noroshi_evidence::marking::Tlp;
        match self {
            Self::Clear => Tlp::Clear,
            Self::Green => Tlp::Green,
            Self::Amber => Tlp::Amber,
            Self::AmberStrict => Tlp::AmberStrict,
            Self::Red => Tlp::Red,
        }
    }
}

impl Default for Share {
    fn default() -> Self {
        Self {
            second_person_from: Some(Colour::Amber),
            second_person_classes: vec!["CIA".to_owned(), "CIA-PM".to_owned()],
            second_person_reviewed: true,
        }
    }
}

/// What the influence pillar may read of the public web, and how it prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Influence {
    /// Hosts whose feeds and sitemaps collections may read: a name alone is that host, a name behind a dot
    /// (`.city.example`) every host below it. None is allowed when empty.
    pub allow: Vec<String>,
    /// Fewest minutes between two readings of one feed.
    pub feed_minutes_min: u32,
    /// Whether feeds may be read without TLS and of addresses that are not public (a mirror within the office's own
    /// network). Off: an allowed name that leads to such an address is not read.
    pub feeds_within: bool,
    /// Fonts for reports in PDF, the first one that is there; with `#N` behind a path the N-th face of a collection. The
    /// defaults are where Debian's `fonts-noto-cjk` puts its Japanese face. Without a font packs are made without PDF.
    pub pdf_fonts: Vec<String>,
}

impl Default for Influence {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            feed_minutes_min: 60,
            feeds_within: false,
            pdf_fonts: vec![
                "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc#0".to_owned(),
                "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc#0".to_owned(),
                "/usr/share/fonts/truetype/fonts-japanese-gothic.ttf".to_owned(),
            ],
        }
    }
}

/// An actuator gateway at an operator: an OpenC2 consumer that checks every authorisation itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actuator {
    /// Name used in consents, playbooks and the log.
    pub name: String,
    /// Identifier of the organisation whose network it works on.
    pub org: String,
    /// Address of its OpenC2 end point, e.g. `http://127.0.0.1:8531/.well-known/openc2`.
    pub url: String,
    /// File with the bearer secret for it.
    pub token_file: PathBuf,
}

/// The change stream and its webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stream {
    /// How many days the stream reaches back. A reader further behind is told so and takes the collections in over TAXII.
    pub days: u32,
    /// Addresses below which webhooks may be sent. None is allowed when empty.
    pub hooks: Vec<String>,
}

impl Default for Stream {
    fn default() -> Self {
        Self { days: 30, hooks: Vec::new() }
    }
}

/// Another TAXII 2.1 server. That it is read from or handed to is a person's decision, made on the page of peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Name used on pages, in the API and in the log.
    pub name: String,
    /// Address of its collection; or of its discovery or an API root, with `collection` beside it.
    pub url: String,
    /// Identifier, alias or title of the collection, when `url` does not lead to one.
    #[serde(default)]
    pub collection: Option<String>,
    /// STIX types to read; all when empty.
    #[serde(default)]
    pub types: Vec<String>,
    /// User name for Basic; a bearer token is sent when absent.
    #[serde(default)]
    pub user: Option<String>,
    /// File with the password or the bearer token.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// File with the certificates (PEM) that vouch for it; the public ones when absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// File with this office's certificate (PEM) for mutual TLS.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// File with the private key (PEM) of that certificate.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
}

/// The TAXII server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Taxii {
    /// Title in the discovery answer.
    pub title: String,
    /// What the server is for.
    pub description: String,
    /// Whom to ask about it; empty for nobody.
    pub contact: String,
    /// Entries of one answer when the client does not say.
    pub page_default: u32,
    /// Entries of one answer at most.
    pub page_max: u32,
    /// Largest envelope taken, in bytes (`max_content_length` of every API root).
    pub content_bytes_max: usize,
    /// How long a `next` is good, in hours.
    pub next_hours: u32,
}

impl Default for Taxii {
    fn default() -> Self {
        Self {
            title: "Noroshi".to_owned(),
            description: "What was released to your organisation.".to_owned(),
            contact: String::new(),
            page_default: 100,
            page_max: 1_000,
            content_bytes_max: 16 * 1024 * 1024,
            next_hours: 24,
        }
    }
}

/// An API root of the TAXII server. The first one is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiRoot {
    /// Its path, without slashes at the ends, e.g. `trustgroup1`. No page of the house may begin with it.
    pub path: String,
    /// Its title.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl ApiRoot {
    /// Where the one root stands when none is configured.
    pub const DEFAULT: &'static str = "taxii2/root";

    /// Whether its path can be one: small words, none of which the house uses itself.
    fn is_free(&self) -> bool {
        let word = |part: &str| {
            !part.is_empty()
                && part.len() <= 64
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let mut parts = self.path.split('/');
        let first = parts.clone().next().unwrap_or_default();
        parts.all(word)
            && self.path != "taxii2"
            && (first == "taxii2" || !crate::web::TAKEN.contains(&first))
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFailure {
    /// The file could not be read.
    #[error("NRS-CONF-0001: `{path}` cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has a mistake; the message shows line and column.
    #[error(
        "NRS-CONF-0002: `{path}` has a mistake:\n{message}\nSee docs/generated/config.md for every member."
    )]
    Mistake {
        /// The file.
        path: PathBuf,
        /// What the parser says, with the place.
        message: String,
    },
    /// An API root has a path it cannot have.
    #[error(
        "NRS-CONF-0024: `{0}` cannot be the path of an API root: small letters, digits and hyphens, once each, and no \
         word that a page of the house begins with"
    )]
    ApiRoot(String),
}

impl Config {
    /// Reads `DIR/noroshi.toml`; defaults when there is no such file.
    pub fn load(dir: &Path) -> Result<Self, ConfigFailure> {
        let path = dir.join("noroshi.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigFailure::Unreadable { path, source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigFailure> {
        let config: Self = toml::from_str(text).map_err(|problem| ConfigFailure::Mistake {
            path: path.to_owned(),
            message: problem.to_string(),
        })?;
        config.check()?;
        Ok(config)
    }

    /// What the form of the file cannot say.
    pub fn check(&self) -> Result<(), ConfigFailure> {
        let mut seen = std::collections::BTreeSet::new();
        match self.apiroots.iter().find(|root| !root.is_free() || !seen.insert(&root.path)) {
            Some(root) => Err(ConfigFailure::ApiRoot(root.path.clone())),
            None => Ok(()),
        }
    }

    /// The API roots that are served, the default first.
    pub fn api_roots(&self) -> Vec<ApiRoot> {
        if self.apiroots.is_empty() {
            return vec![ApiRoot {
                path: ApiRoot::DEFAULT.to_owned(),
                title: self.taxii.title.clone(),
                description: String::new(),
            }];
        }
        self.apiroots.clone()
    }

    /// The address people type; made from the listening address when not configured.
    pub fn origin(&self) -> String {
        if self.web.origin.is_empty() {
            let scheme = if self.tls.certificate.as_os_str().is_empty() { "http" } else { "https" };
            format!("{scheme}://localhost:{}", self.web.listen.port())
        } else {
            self.web.origin.trim_end_matches('/').to_owned()
        }
    }
}

/// The language of words at the terminal: what `LC_ALL`, `LC_MESSAGES` or `LANG` ask for, else English.
#[expect(clippy::disallowed_methods, reason = "the terminal's language stands in the environment")]
pub fn terminal_lang() -> Lang {
    let asked =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    let first = asked.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    if first.starts_with("ja") { Lang::Ja } else { Lang::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_member_is_refused_with_its_place() {
        let refused = Config::parse(Path::new("noroshi.toml"), "[web]\nlissten = '127.0.0.1:1'\n");
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("NRS-CONF-0002") && message.contains("lissten"), "{message}");
    }

    #[test]
    fn an_api_root_stands_where_nothing_else_does() {
        let with = |paths: &[&str]| {
            let text: String = paths
                .iter()
                .map(|path| format!("[[apiroots]]\npath = '{path}'\ntitle = 'x'\n"))
                .collect();
            Config::parse(Path::new("noroshi.toml"), &text)
        };
        for good in ["trustgroup1", "taxii2/root", "taxii2/other", "a/b-c"] {
            assert!(with(&[good]).is_ok(), "{good}");
        }
        for bad in [
            "", "/x", "x/", "api", "api/x", "assets", "evidence", "taxii2", "A", "{x}", "x//y",
            "..", "a b",
        ] {
            assert!(with(&[bad]).unwrap_err().to_string().contains("NRS-CONF-0024"), "{bad}");
        }
        assert!(with(&["x", "x"]).is_err());
        assert_eq!(Config::default().api_roots()[0].path, "taxii2/root");
    }

    #[test]
    fn the_empty_file_is_the_default() {
        assert_eq!(Config::parse(Path::new("x"), "").unwrap(), Config::default());
    }
}
