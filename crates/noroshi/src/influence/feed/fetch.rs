//! One document of the web is asked for: by an allowed name, of a public address, within its host, its size and its time.
//!
//! Names are looked up once, and what is connected to are the addresses that were looked at: a name cannot lead elsewhere
//! between the two. An answer that leads to another host is not followed. What was seen before is named with the question
//! (RFC 9110 §13.1), so that nothing is sent when nothing is new.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use noroshi_charter::gathering::is_allowed_host;
use noroshi_codec::syndication::{Address, DOCUMENT_BYTES_MAX};
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Most bytes that are taken of one answer.
pub const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Redirections within one host that are followed.
const REDIRECTIONS_MAX: u32 = 3;
/// How long a connection may take.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long an answer may take as a whole.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// What the house calls itself.
const AGENT: &str = "noroshi-feed/1";
/// Longest name of a version that is kept, in bytes.
const TAG_BYTES_MAX: usize = 512;

/// What may be asked for.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Hosts, as `influence.allow` has them.
    pub allow: Vec<String>,
    /// Whether addresses that are not public may be asked.
    pub within: bool,
}

/// What was seen of a document before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub modified: Option<String>,
}

/// What came.
#[derive(Debug)]
pub enum Fetched {
    /// Nothing new (304).
    Same,
    /// A document.
    Document {
        /// Where it came from, after redirections.
        from: Address,
        /// Its bytes, unpacked.
        body: Vec<u8>,
        /// Bytes that came over the wire.
        size: u64,
        /// What to name the next time.
        seen: Seen,
    },
}

/// Why nothing came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A stable code.
    pub code: &'static str,
    /// What is said of it.
    pub why: String,
    /// When to ask again at the earliest, in seconds, where the server says so.
    pub retry_seconds: Option<u64>,
}

/// A trouble with its words.
pub fn trouble(code: &'static str, why: impl ToString) -> Trouble {
    Trouble { code, why: why.to_string().chars().take(300).collect(), retry_seconds: None }
}

/// Whether an address is one of the public internet (IANA special-purpose registries, RFC 6890).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_four(four),
        IpAddr::V6(six) => match embedded(six) {
            Some(four) => is_public_four(four),
            None => is_public_six(six),
        },
    }
}

fn is_public_four(four: Ipv4Addr) -> bool {
    let [a, b, c, _] = four.octets();
    let special = four.is_private()
        || four.is_loopback()
        || four.is_link_local()
        || four.is_documentation()
        || four.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

/// The address of version 4 that one of version 6 stands for: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded(six: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = six.segments();
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(four(high, low))
        }
        [0x2002, high, low, ..] => Some(four(high, low)),
        _ => None,
    }
}

fn is_public_six(six: Ipv6Addr) -> bool {
    let [first, second, ..] = six.segments();
    // Only 2000::/3 is given out; of it 2001::/23 is for protocols and 2001:db8::/32 for documents.
    let given_out = (0x2000..0x4000).contains(&first);
    let special = first == 0x2001 && (second < 0x200 || second == 0xdb8);
    given_out && !special && !(first == 0x3fff && second < 0x1000)
}

/// A name leads to an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("it leads to {0}, which is no public address")]
struct NotPublic(IpAddr);

/// Looks names up, and hands on public addresses only.
#[derive(Debug)]
struct Public {
    within: bool,
    inner: DefaultResolver,
}

impl Resolver for Public {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        // One that is not public makes all of them doubtful.
        match found.iter().find(|one| !self.within && !is_public(one.ip())) {
            Some(one) => Err(ureq::Error::Io(std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                NotPublic(one.ip()),
            ))),
            None => Ok(found),
        }
    }
}

/// Asks for documents.
pub struct Fetcher {
    agent: ureq::Agent,
    reach: Reach,
}

impl Fetcher {
    /// One for a reading; connections are not kept beyond it.
    pub fn new(reach: Reach) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_global(Some(ANSWER_WAIT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(AGENT)
            // A proxy would look names up itself, unseen.
            .proxy(None)
            .build();
        let resolver = Public { within: reach.within, inner: DefaultResolver::default() };
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), resolver);
        Self { agent, reach }
    }

    /// Asks for a document. `seen` is what is known of it already.
    pub fn fetch(&self, address: &Address, seen: &Seen) -> Result<Fetched, Trouble> {
        let mut at = address.clone();
        for _ in 0..=REDIRECTIONS_MAX {
            self.may(&at)?;
            let answer = self.ask(&at, seen)?;
            let status = answer.status().as_u16();
            match status {
                200 => return taken(at, answer),
                304 => return Ok(Fetched::Same),
                301 | 302 | 303 | 307 | 308 => {
                    let to = header(&answer, "location").and_then(|text| at.join(&text));
                    let to = to.ok_or_else(|| trouble("NRS-INFL-1302", status))?;
                    let leaves = to.server() != at.server() && !upgrades(&at, &to);
                    if leaves || (at.is_secure() && !to.is_secure()) {
                        return Err(trouble("NRS-INFL-1303", to.host()));
                    }
                    at = to;
                }
                _ => {
                    let retry_seconds =
                        header(&answer, "retry-after").and_then(|text| text.trim().parse().ok());
                    return Err(Trouble { retry_seconds, ..trouble("NRS-INFL-1302", status) });
                }
            }
        }
        Err(trouble("NRS-INFL-1303", at.host()))
    }

    fn may(&self, at: &Address) -> Result<(), Trouble> {
        if !is_allowed_host(at.host(), &self.reach.allow) {
            return Err(trouble("NRS-INFL-1303", at.host()));
        }
        if !at.is_secure() && !self.reach.within {
            return Err(trouble("NRS-INFL-1303", at.text()));
        }
        Ok(())
    }

    fn ask(&self, at: &Address, seen: &Seen) -> Result<ureq::http::Response<ureq::Body>, Trouble> {
        let mut question = self.agent.get(at.text()).header(
            "accept",
            "application/rss+xml, application/atom+xml, application/xml, text/xml, application/gzip",
        );
        if let Some(etag) = &seen.etag {
            question = question.header("if-none-match", etag);
        }
        if let Some(modified) = &seen.modified {
            question = question.header("if-modified-since", modified);
        }
        question.call().map_err(|problem| told(&problem))
    }
}

/// The same host over TLS is the same host.
fn upgrades(from: &Address, to: &Address) -> bool {
    from.host() == to.host() && !from.is_secure() && to.is_secure()
}

fn told(problem: &ureq::Error) -> Trouble {
    let code = match problem {
        ureq::Error::Timeout(_) => "NRS-INFL-1307",
        ureq::Error::BodyExceedsLimit(_) => "NRS-INFL-1305",
        ureq::Error::Io(inner) if inner.get_ref().is_some_and(|why| why.is::<NotPublic>()) => {
            "NRS-INFL-1304"
        }
        _ => "NRS-INFL-1301",
    };
    trouble(code, cause(problem))
}

/// What stood in the way, as a word of the locales.
fn cause(problem: &ureq::Error) -> &'static str {
    use std::io::ErrorKind;
    match problem {
        ureq::Error::HostNotFound => "name",
        ureq::Error::Io(inner) => match inner.kind() {
            ErrorKind::ConnectionRefused => "refused",
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => "broken",
            _ => "other",
        },
        _ => "other",
    }
}

fn header(answer: &ureq::http::Response<ureq::Body>, name: &str) -> Option<String> {
    answer.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn taken(from: Address, mut answer: ureq::http::Response<ureq::Body>) -> Result<Fetched, Trouble> {
    let tag = |name: &str| header(&answer, name).filter(|text| text.len() <= TAG_BYTES_MAX);
    let seen = Seen { etag: tag("etag"), modified: tag("last-modified") };
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let body = body.map_err(|problem| told(&problem))?;
    let size = body.len() as u64;
    let body = if body.starts_with(&[0x1f, 0x8b]) { unpacked(&body)? } else { body };
    Ok(Fetched::Document { from, body, size, seen })
}

/// What is within gzip, as far as a document may be long: a small file that unpacks to a large one is refused.
fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Trouble> {
    let most = DOCUMENT_BYTES_MAX as u64;
    let mut body = Vec::new();
    let mut within = MultiGzDecoder::new(packed).take(most + 1);
    within.read_to_end(&mut body).map_err(|_| trouble("NRS-INFL-1306", "packed"))?;
    if body.len() as u64 > most {
        return Err(trouble("NRS-INFL-1305", "unpacked"));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_are_given_out_are_public() {
        for (text, expected) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("198.51.100.1", false),
            ("198.18.0.1", false),
            ("192.0.0.8", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::7f00:1", false),
            ("2002:a00:1::", false),
            ("2001:db8::1", false),
            ("2606:4700::1111", true),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_small_file_that_unpacks_to_a_large_one_is_refused() {
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![b'0'; 1024 * 1024];
        for _ in 0..=DOCUMENT_BYTES_MAX / zeros.len() {
            packed.write_all(&zeros).unwrap();
        }
        let packed = packed.finish().unwrap();
        assert!((packed.len() as u64) < ANSWER_BYTES_MAX / 100, "{}", packed.len());
        assert_eq!(unpacked(&packed).unwrap_err().code, "NRS-INFL-1305");
        assert_eq!(unpacked(&packed[..100]).unwrap_err().code, "NRS-INFL-1306");
    }
}
