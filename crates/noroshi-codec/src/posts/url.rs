//! Addresses of shared pages, so that one page has one address.
//!
//! Lower case for the host, IDNA2008 names as A-labels, no default port, no fragment, no parameters that only count clicks,
//! the others in order, and no `m.` or `amp.` in front of the host. Shortened addresses stay as they are: nothing is
//! fetched to resolve them.

use url::Url;

/// Longest address read, in bytes.
pub const URL_BYTES_MAX: usize = 8 << 10;

/// Parameters that tell where a click came from and nothing about the page.
const CLICK_PARAMETERS: &[&str] = &[
    "fbclid", "gclid", "dclid", "msclkid", "igshid", "igsh", "yclid", "mc_cid", "mc_eid",
    "ref_src", "ref_url",
];
/// Hosts of a platform whose share links carry `s` and `t` for the same purpose.
const SHARE_HOSTS: &[&str] = &["x.com", "twitter.com"];

/// The one address of a page; `None` for what is no `http` or `https` address.
pub fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > URL_BYTES_MAX {
        return None;
    }
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?.trim_end_matches('.').to_owned();
    let bare = ["www.", "m.", "amp.", "mobile."]
        .iter()
        .find_map(|front| host.strip_prefix(front).filter(|rest| rest.contains('.')));
    let host = bare.unwrap_or(&host).to_owned();
    url.set_host(Some(&host)).ok()?;
    url.set_fragment(None);
    // Who is logged in is no part of the page's name.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let is_share = SHARE_HOSTS.contains(&host.as_str());
    let mut kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            let counts = name.starts_with("utm_") || CLICK_PARAMETERS.contains(&name.as_str());
            !counts && !(is_share && matches!(name.as_str(), "s" | "t"))
        })
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    kept.sort();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    // Both schemes lead to the same page nearly always; two names for it would hide who shares it.
    let text = url.as_str().split_once("://").map(|(_, rest)| format!("https://{rest}"))?;
    let path = url.path();
    Some(if path.len() > 1 && path.ends_with('/') && url.query().is_none() {
        text.trim_end_matches('/').to_owned()
    } else {
        text
    })
}

/// The host of an address that [`canonical`] made.
pub fn host(canonical: &str) -> Option<&str> {
    let rest = canonical.split_once("://")?.1;
    rest.split(['/', '?', ':']).next().filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_has_one_address() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(canonical(text).as_deref(), expected, "{text}")
        };
        let one = Some("https://news.example/a?id=1&z=2");
        check("https://news.example/a?z=2&id=1", one);
        check("http://NEWS.example:80/a?id=1&utm_source=x&z=2#top", one);
        check("https://m.news.example/a?fbclid=abc&id=1&z=2", one);
        check("https://amp.news.example./a?id=1&z=2", one);
        check("https://user:word@news.example/a?id=1&z=2", one);
        check("https://x.com/a/status/1?s=20&t=abc", Some("https://x.com/a/status/1"));
        check("https://news.example/a?s=20", Some("https://news.example/a?s=20"));
        check("https://例え.example/", Some("https://xn--r8jz45g.example/"));
        check("https://news.example/a/", Some("https://news.example/a"));
        check("https://news.example", Some("https://news.example/"));
        check("https://m.example/", Some("https://m.example/"));
        for none in [
            "",
            "news.example/a",
            "ftp://news.example/",
            "javascript:alert(1)",
            "https://",
            &format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX)),
        ] {
            check(none, None);
        }
        assert_eq!(host("https://news.example/a"), Some("news.example"));
        assert_eq!(
            canonical(&canonical("https://m.news.example/a?b=1").unwrap()),
            canonical("https://news.example/a?b=1")
        );
    }
}
