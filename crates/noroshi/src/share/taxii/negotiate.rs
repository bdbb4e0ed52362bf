//! Media types: what a client takes, and what it sends (TAXII 2.1 §1.6.8).

use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};

use crate::web::refusal::{Failure, Refusal};

/// The media type of every answer (TAXII 2.1 §1.6.8.1).
pub const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// The media type of what is in the collections.
pub const STIX: &str = "application/stix+json;version=2.1";
/// The only version of the protocol spoken here.
const VERSION: &str = "2.1";
/// Media ranges of one header looked at; nobody needs more.
const RANGES_MAX: usize = 64;

/// One media range of a header: type, version and weight.
struct Range<'a> {
    kind: &'a str,
    version: Option<&'a str>,
    /// A weight of zero means "anything but this" (RFC 9110 §12.4.2).
    refused: bool,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let (mut version, mut refused) = (None, false);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim() {
                "version" => version = Some(value),
                "q" => refused = value.parse::<f32>().is_ok_and(|weight| weight <= 0.0),
                _ => {}
            }
        }
        Self { kind, version, refused }
    }

    fn is_ours(&self) -> bool {
        self.version.is_none_or(|version| version == VERSION)
    }
}

/// The client must take what is sent; who says nothing takes anything (RFC 9110 §12.5.1).
pub fn accepts(headers: &HeaderMap) -> Result<(), Failure> {
    let lines: Vec<String> = headers
        .get_all(ACCEPT)
        .iter()
        .map(|value| value.to_str().unwrap_or_default().to_ascii_lowercase())
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let ranges: Vec<Range<'_>> =
        lines.iter().flat_map(|line| line.split(',')).take(RANGES_MAX).map(Range::read).collect();
    // The most specific range that speaks of our type decides.
    for kind in ["application/taxii+json", "application/*", "*/*"] {
        let mut of_kind = ranges.iter().filter(|range| range.kind == kind).peekable();
        if of_kind.peek().is_some() {
            let taken = of_kind.any(|range| range.is_ours() && !range.refused);
            return if taken { Ok(()) } else { Err(not_acceptable()) };
        }
    }
    Err(not_acceptable())
}

fn not_acceptable() -> Failure {
    Refusal::new("NRS-SHAR-0201", StatusCode::NOT_ACCEPTABLE).into()
}

/// What is handed in must be of the protocol's own type.
pub fn is_taxii(headers: &HeaderMap) -> Result<(), Failure> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = text.to_ascii_lowercase();
    let sent = Range::read(&text);
    if sent.kind == "application/taxii+json" && sent.is_ours() {
        Ok(())
    } else {
        Err(Refusal::new("NRS-SHAR-0207", StatusCode::UNSUPPORTED_MEDIA_TYPE).into())
    }
}

/// A length that is announced is checked before anything is read.
pub fn fits(headers: &HeaderMap, bytes_max: usize) -> Result<(), Failure> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match announced.map(str::parse::<usize>) {
        None => Ok(()),
        Some(Ok(bytes)) if bytes <= bytes_max => Ok(()),
        Some(_) => Err(too_large(bytes_max)),
    }
}

/// The refusal of a body over the limit that the API root states.
pub fn too_large(bytes_max: usize) -> Failure {
    Refusal::new("NRS-SHAR-0208", StatusCode::PAYLOAD_TOO_LARGE).arg("max", bytes_max).into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(name: axum::http::HeaderName, text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(text))])
    }

    #[test]
    fn answers_are_given_to_those_who_take_them() {
        assert!(accepts(&HeaderMap::new()).is_ok());
        for good in [
            "*/*",
            "application/taxii+json;version=2.1",
            "application/taxii+json; version=2.1",
            "application/taxii+json;version=\"2.1\"",
            "Application/TAXII+JSON",
            "text/html, */*;q=0.1",
            "application/json, application/taxii+json; version=2.1",
            "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
            "application/*",
        ] {
            assert!(accepts(&with(ACCEPT, good)).is_ok(), "{good}");
        }
        for bad in [
            "text/html",
            "application/taxii+json;version=2.0",
            "application/json",
            "application/taxii+json;q=0",
            "application/taxii+json;version=2.1;q=0, */*",
            "",
        ] {
            assert!(accepts(&with(ACCEPT, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_handed_in_has_the_type_of_the_protocol() {
        for good in ["application/taxii+json;version=2.1", "application/taxii+json"] {
            assert!(is_taxii(&with(CONTENT_TYPE, good)).is_ok(), "{good}");
        }
        for bad in [
            "application/json",
            "application/stix+json;version=2.1",
            "application/taxii+json;version=2.0",
            "",
        ] {
            assert!(is_taxii(&with(CONTENT_TYPE, bad)).is_err(), "{bad}");
        }
        assert!(is_taxii(&HeaderMap::new()).is_err());
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_unread() {
        assert!(fits(&with(CONTENT_LENGTH, "100"), 100).is_ok());
        assert!(fits(&HeaderMap::new(), 100).is_ok());
        assert!(fits(&with(CONTENT_LENGTH, "101"), 100).is_err());
        assert!(fits(&with(CONTENT_LENGTH, "99999999999999999999999"), 100).is_err());
    }
}
