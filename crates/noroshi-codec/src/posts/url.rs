//! Addresses of shared pages, so that one page has one address.
//!
//! Lower case for the host, IDNA2008 names as A-labels, neither port 80 nor 443, no fragment, no parameters that only count
//! clicks, the others in order, escapes as RFC 3986 section 6.2.2 has them, and no `m.` or `amp.` in front of the host. A post
//! that a platform shows under several addresses has one: `youtu.be/ID` is `youtube.com/watch?v=ID`, and where the number alone
//! names a post, the account that stands before it is left out. Other shortened addresses stay as they are: nothing is fetched
//! to resolve them.

use std::ops::Range;

use url::Url;

/// Longest address read, in bytes.
pub const URL_BYTES_MAX: usize = 8 << 10;

/// Parameters that tell where a click came from and nothing about the page.
const CLICK_PARAMETERS: &[&str] = &[
    "fbclid",
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "gad_source",
    "srsltid",
    "msclkid",
    "twclid",
    "ttclid",
    "igshid",
    "igsh",
    "mibextid",
    "yclid",
    "mc_cid",
    "mc_eid",
    "ref_src",
    "ref_url",
];
/// Parameters that count clicks on one host and mean something elsewhere.
const CLICK_PARAMETERS_OF: &[(&str, &[&str])] = &[
    ("x.com", &["s", "t"]),
    ("youtube.com", &["si", "feature", "pp"]),
    ("youtu.be", &["si", "feature", "pp"]),
    ("t.me", &["single", "embed"]),
];
/// Names of one host, and the one that is kept.
const ALIASES: &[(&str, &str)] = &[
    ("twitter.com", "x.com"),
    ("telegram.me", "t.me"),
    ("telegram.dog", "t.me"),
    ("youtube-nocookie.com", "youtube.com"),
    ("threads.com", "threads.net"),
    ("fb.com", "facebook.com"),
];
/// What stands in front of a host and leads to the same page.
const FRONTS: &[&str] = &["www.", "m.", "amp.", "mobile."];

/// Where the addresses of a platform name accounts.
struct Platform {
    host: &'static str,
    /// First parts after which an account comes, and how many parts name it.
    after: &'static [(&'static str, usize)],
    /// First parts that are no account, where any other is one.
    pages: Option<&'static [&'static str]>,
    /// A parameter that names one.
    parameter: &'static str,
}

const PLATFORMS: &[Platform] = &[
    Platform {
        host: "x.com",
        after: &[],
        pages: Some(&[
            "i",
            "home",
            "search",
            "hashtag",
            "intent",
            "share",
            "explore",
            "settings",
            "notifications",
            "messages",
            "login",
            "signup",
            "tos",
            "privacy",
            "about",
            "jobs",
            "download",
        ]),
        parameter: "screen_name",
    },
    Platform {
        host: "t.me",
        after: &[("s", 1), ("c", 1)],
        pages: Some(&[
            "joinchat",
            "addstickers",
            "addemoji",
            "addlist",
            "share",
            "proxy",
            "socks",
            "iv",
            "login",
            "setlanguage",
            "bg",
            "contact",
            "invoice",
            "confirmphone",
            "boost",
        ]),
        parameter: "",
    },
    Platform {
        host: "facebook.com",
        after: &[("people", 2), ("pages", 2), ("stories", 1)],
        pages: Some(&[
            "watch",
            "groups",
            "events",
            "story.php",
            "permalink.php",
            "photo.php",
            "photo",
            "photos",
            "video.php",
            "profile.php",
            "share",
            "share.php",
            "sharer",
            "sharer.php",
            "hashtag",
            "reel",
            "reels",
            "login",
            "login.php",
            "help",
            "policies",
            "privacy",
            "plugins",
            "marketplace",
            "gaming",
            "games",
            "l.php",
            "dialog",
            "media",
            "notes",
            "legal",
            "business",
            "ads",
        ]),
        parameter: "id",
    },
    Platform {
        host: "instagram.com",
        after: &[("stories", 1)],
        pages: Some(&[
            "p", "reel", "reels", "tv", "explore", "accounts", "about", "direct", "legal",
        ]),
        parameter: "",
    },
    Platform {
        host: "youtube.com",
        after: &[("channel", 1), ("c", 1), ("user", 1)],
        pages: Some(&[
            "watch",
            "playlist",
            "results",
            "feed",
            "hashtag",
            "shorts",
            "live",
            "embed",
            "v",
            "gaming",
            "premium",
            "about",
            "t",
            "redirect",
            "post",
            "clip",
            "account",
            "channels",
            "attribution_link",
        ]),
        parameter: "",
    },
    Platform { host: "tiktok.com", after: &[], pages: None, parameter: "" },
    Platform { host: "threads.net", after: &[], pages: None, parameter: "" },
    Platform { host: "bsky.app", after: &[("profile", 1)], pages: None, parameter: "" },
    Platform {
        host: "linkedin.com",
        after: &[("in", 1), ("posts", 1)],
        pages: None,
        parameter: "",
    },
    Platform { host: "reddit.com", after: &[("user", 1), ("u", 1)], pages: None, parameter: "" },
    Platform {
        host: "weibo.com",
        after: &[("u", 1)],
        pages: Some(&["tv", "p", "ttarticle", "login", "newlogin", "hot", "search", "detail"]),
        parameter: "",
    },
    Platform {
        host: "vk.com",
        after: &[],
        pages: Some(&["feed", "video", "search", "login", "away.php", "share.php", "about"]),
        parameter: "",
    },
    Platform { host: "ok.ru", after: &[("profile", 1)], pages: None, parameter: "" },
    Platform {
        host: "note.com",
        after: &[],
        pages: Some(&["hashtag", "search", "topic", "topics", "categories", "login", "signup"]),
        parameter: "",
    },
    Platform {
        host: "twitch.tv",
        after: &[],
        pages: Some(&["videos", "directory", "search", "p", "downloads"]),
        parameter: "",
    },
    Platform { host: "gettr.com", after: &[("user", 1)], pages: None, parameter: "" },
];

/// The one address of a page; `None` for what is no `http` or `https` address.
pub fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > URL_BYTES_MAX {
        return None;
    }
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = one_host(url.host_str()?).to_owned();
    url.set_host(Some(&host)).ok()?;
    url.set_fragment(None);
    // Who is logged in is no part of the page's name.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    // Both schemes are one here, and so are the ports that stand for them.
    if matches!(url.port(), Some(80 | 443)) {
        url.set_port(None).ok()?;
    }
    let path = escapes(url.path());
    url.set_path(&path);
    let mut kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, value)| !counts_clicks(&host, name, value))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    kept.sort();
    if url.port().is_none()
        && let Some(post) = post(&host, &path, &kept)
    {
        return Some(post);
    }
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

/// What a cell of links holds: a page by its one address, also where the scheme was left out, or the number by which an
/// export replaces an address. `None` for anything else, which may be somebody's name.
pub fn shared(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(address) = canonical(text) {
        return Some(address);
    }
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_digest =
        text.len() >= DIGEST_DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_number || is_digest {
        return Some(text.to_owned());
    }
    let host = text.split('/').next().unwrap_or_default();
    let is_host = host.contains('.')
        && host.chars().any(char::is_alphabetic)
        && host.chars().all(|one| one.is_alphanumeric() || matches!(one, '.' | '-'));
    let is_page = is_host && (host.len() < text.len() || host.starts_with("www."));
    canonical(&format!("https://{}", Some(text).filter(|_| is_page)?))
}

/// Fewest hexadecimal digits that are a digest and no word.
const DIGEST_DIGITS_MIN: usize = 16;

/// The host of an address that [`canonical`] made.
pub fn host(canonical: &str) -> Option<&str> {
    let rest = canonical.split_once("://")?.1;
    rest.split(['/', '?', ':']).next().filter(|host| !host.is_empty())
}

/// Whether the pages of a host are posts of accounts.
pub fn is_platform(host: &str) -> bool {
    let host = one_host(host);
    host == "youtu.be" || PLATFORMS.iter().any(|platform| platform.host == host)
}

/// Where an address names an account: which bytes of the text. `None` where it names a page, a post by its number, or nobody.
pub fn account(address: &str) -> Option<Range<usize>> {
    let begin = address.find("://")? + 3;
    let before = address.split(['?', '#']).next().unwrap_or_default();
    let rest = before.get(begin..)?;
    // An address that an archive keeps stands within the archive's own.
    if let Some(inner) = rest.find("/https://").or_else(|| rest.find("/http://")) {
        let from = begin + inner + 1;
        let found = account(address.get(from..)?)?;
        return Some(found.start + from..found.end + from);
    }
    let host = rest.split('/').next().unwrap_or_default();
    let mut at = begin + host.len() + 1;
    let mut parts: Vec<Range<usize>> = Vec::new();
    for part in rest.split('/').skip(1) {
        parts.push(at..at + part.len());
        at += part.len() + 1;
    }
    let of = |part: &Range<usize>| address.get(part.clone()).unwrap_or_default();
    // Most platforms that have begun since mark an account like this, whoever runs the server.
    let is_marked = |part: &str| {
        let name = part.strip_prefix('@').or_else(|| part.strip_prefix("%40"));
        name.is_some_and(|name| !name.is_empty() && !name.contains(','))
    };
    if let Some(marked) = parts.iter().find(|part| is_marked(of(part))) {
        return Some(marked.clone());
    }
    let (first, second) = (parts.first()?, parts.get(1).filter(|part| !part.is_empty()));
    if of(first) == "users" {
        return second.cloned();
    }
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.to_lowercase();
    let platform = PLATFORMS.iter().find(|platform| platform.host == one_host(&host))?;
    if let Some((_, count)) = platform.after.iter().find(|after| after.0 == of(first)) {
        let second = second?;
        let last = parts.get(*count).filter(|part| !part.is_empty()).unwrap_or(second);
        return Some(second.start..last.end);
    }
    let is_page = platform.pages.is_none_or(|pages| pages.contains(&of(first)));
    if is_page || first.is_empty() {
        return parameter(address, platform.parameter);
    }
    if platform.host == "vk.com"
        && let Some((owner, _)) = of(first).strip_prefix("wall").and_then(|of| of.split_once('_'))
    {
        return Some(first.start + 4..first.start + 4 + owner.len());
    }
    // An invitation names nobody.
    (!of(first).starts_with('+')).then(|| first.clone())
}

/// Where the value of a parameter stands.
fn parameter(address: &str, name: &str) -> Option<Range<usize>> {
    let from = address.find('?')? + 1;
    let query = address.get(from..)?.split('#').next().unwrap_or_default();
    let mut at = from;
    for pair in query.split('&') {
        if let Some((of, value)) = pair.split_once('=')
            && !name.is_empty()
            && of == name
            && !value.is_empty()
        {
            let begin = at + of.len() + 1;
            return Some(begin..begin + value.len());
        }
        at += pair.len() + 1;
    }
    None
}

/// The name of a host without what leads to the same page.
fn one_host(host: &str) -> &str {
    let host = host.trim_end_matches('.');
    let bare = FRONTS
        .iter()
        .find_map(|front| host.strip_prefix(front).filter(|rest| rest.contains('.')))
        .unwrap_or(host);
    ALIASES.iter().find(|alias| alias.0 == bare).map_or(bare, |alias| alias.1)
}

fn counts_clicks(host: &str, name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let here = CLICK_PARAMETERS_OF.iter().find(|of| of.0 == host).map_or(&[][..], |of| of.1);
    name.starts_with("utm_")
        || CLICK_PARAMETERS.contains(&name.as_str())
        || here.contains(&name.as_str())
        // The same page in another form.
        || (name == "amp" && matches!(value, "" | "1" | "true"))
}

/// A post that its platform shows under several addresses, by one of them.
fn post(host: &str, path: &str, query: &[(String, String)]) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (host, parts.as_slice()) {
        ("x.com", ["i", "web", "status", number, ..] | [_, "status" | "statuses", number, ..])
            if is_number(number) =>
        {
            Some(format!("https://x.com/i/status/{number}"))
        }
        ("youtube.com", ["watch"]) => {
            let id = query.iter().find(|pair| pair.0 == "v" && !pair.1.is_empty());
            video(&id?.1)
        }
        ("youtu.be", [id]) => video(id),
        ("youtube.com", ["shorts" | "live" | "embed" | "v", id]) if *id != "videoseries" => {
            video(id)
        }
        ("tiktok.com", [name, kind @ ("video" | "photo"), number, ..])
            if name.starts_with('@') && is_number(number) =>
        {
            Some(format!("https://tiktok.com/@/{kind}/{number}"))
        }
        ("instagram.com", ["p" | "reel" | "reels" | "tv", code])
        | ("instagram.com", [_, "p" | "reel" | "tv", code]) => {
            Some(format!("https://instagram.com/p/{code}"))
        }
        ("threads.net", [_, "post", code] | ["t", code]) => {
            Some(format!("https://threads.net/t/{code}"))
        }
        ("t.me", ["s", name, number]) if is_number(number) && query.is_empty() => {
            Some(format!("https://t.me/{name}/{number}"))
        }
        _ => None,
    }
}

/// A film by its identifier; what else stands in such an address tells where it begins or what comes next.
fn video(id: &str) -> Option<String> {
    let mut url = Url::parse("https://youtube.com/watch").ok()?;
    url.query_pairs_mut().append_pair("v", id);
    Some(url.into())
}

/// Escapes in upper case, and none for a letter that needs none (RFC 3986 section 6.2.2).
fn escapes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let digits = after.get(..2).filter(|two| two.bytes().all(|one| one.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
            }
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None => out.push('%'),
        }
        rest = byte.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    out.push_str(rest);
    out
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
        check("https://x.com/a/photo?s=20&t=abc", Some("https://x.com/a/photo"));
        check("https://news.example/a?s=20", Some("https://news.example/a?s=20"));
        check("https://例え.example/", Some("https://xn--r8jz45g.example/"));
        check("https://news.example/a/", Some("https://news.example/a"));
        check("https://news.example", Some("https://news.example/"));
        check("https://m.example/", Some("https://m.example/"));
        // RFC 3986 section 6.2.2: escapes are of one case, and none stands for a letter that needs none.
        let escaped = Some("https://news.example/%E3%81%82~b%2F%25");
        check("https://news.example/%e3%81%82%7Eb%2f%25", escaped);
        check("https://news.example/あ~%62%2F%25", escaped);
        check("https://news.example/%+f%", Some("https://news.example/%+f%"));
        for port in ["http://news.example:443/", "https://news.example:80/"] {
            check(port, Some("https://news.example/"));
        }
        check("http://news.example:8080/", Some("https://news.example:8080/"));
        for click in ["amp=1", "amp", "twclid=a", "gbraid=a", "wbraid=a", "mibextid=a"] {
            check(&format!("https://news.example/a?{click}"), Some("https://news.example/a"));
        }
        check("https://news.example/a?amp=unit", Some("https://news.example/a?amp=unit"));
        check("https://news.example/a?si=1", Some("https://news.example/a?si=1"));
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

    #[test]
    fn a_post_has_one_address_wherever_its_platform_shows_it() {
        let check = |expected: &str, texts: &[&str]| {
            for text in texts {
                assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
                assert_eq!(canonical(expected).as_deref(), Some(expected));
            }
        };
        check(
            "https://youtube.com/watch?v=VID0",
            &[
                "https://youtu.be/VID0?si=a0xyz",
                "https://youtu.be/VID0?si=b0xyz&t=7",
                "https://www.youtube.com/watch?v=VID0&feature=youtu.be&pp=x",
                "https://m.youtube.com/watch?app=desktop&v=VID0&list=RD&index=2",
                "https://youtube.com/shorts/VID0?si=c",
                "https://www.youtube-nocookie.com/embed/VID0",
            ],
        );
        check("https://youtube.com/playlist?list=a", &["https://youtube.com/playlist?list=a&si=b"]);
        check(
            "https://x.com/i/status/1",
            &[
                "https://twitter.com/kakuu_hanako/status/1",
                "https://x.com/kakuu_hanako/status/1?s=20&t=abc",
                "https://mobile.twitter.com/other/status/1/photo/1",
                "https://x.com/i/web/status/1",
            ],
        );
        check(
            "https://t.me/kakuu/5",
            &["https://t.me/s/kakuu/5", "https://telegram.me/kakuu/5?single"],
        );
        check(
            "https://tiktok.com/@/video/12",
            &[
                "https://www.tiktok.com/@kakuu/video/12?_r=1&_t=8",
                "https://m.tiktok.com/@x/video/12",
            ],
        );
        check(
            "https://instagram.com/p/AbC",
            &["https://www.instagram.com/kakuu/reel/AbC/", "https://instagram.com/p/AbC/?igsh=1"],
        );
        check("https://threads.net/t/AbC", &["https://www.threads.net/@kakuu/post/AbC"]);
    }

    #[test]
    fn an_account_in_an_address_is_found_and_a_page_is_none() {
        let check = |address: &str, expected: Option<&str>| {
            let found = account(address).map(|range| &address[range]);
            assert_eq!(found, expected, "{address}");
        };
        for (address, named) in [
            ("https://x.com/kakuu_hanako", "kakuu_hanako"),
            ("https://twitter.com/kakuu_hanako/status/1?s=20", "kakuu_hanako"),
            ("https://WWW.X.com/kakuu_hanako/photo", "kakuu_hanako"),
            ("https://x.com/intent/user?a=b&screen_name=kakuu", "kakuu"),
            ("https://t.me/kakuu/5", "kakuu"),
            ("https://t.me/s/kakuu", "kakuu"),
            ("https://t.me/c/1200000001/5", "1200000001"),
            ("https://facebook.com/kakuu.hanako/posts/1", "kakuu.hanako"),
            ("https://facebook.com/people/Kakuu-Hanako/100/", "Kakuu-Hanako/100"),
            ("https://facebook.com/permalink.php?id=100&story_fbid=5", "100"),
            ("https://instagram.com/stories/kakuu/5", "kakuu"),
            ("https://youtube.com/@kakuu", "@kakuu"),
            ("https://youtube.com/channel/UCx/videos", "UCx"),
            ("https://tiktok.com/@kakuu", "@kakuu"),
            ("https://social.example/@kakuu/109", "@kakuu"),
            ("https://social.example/users/kakuu/statuses/109", "kakuu"),
            ("https://bsky.app/profile/kakuu.example/post/3k", "kakuu.example"),
            ("https://vk.com/wall-12_34", "-12"),
            ("https://web.archive.org/web/2026/https://twitter.com/kakuu/status/1", "kakuu"),
        ] {
            check(address, Some(named));
        }
        for address in [
            "https://x.com/i/status/1",
            "https://x.com/",
            "https://x.com/search?q=a",
            "https://t.me/+AbC",
            "https://youtube.com/watch?v=VID0",
            "https://tiktok.com/@/video/12",
            "https://instagram.com/p/AbC",
            "https://news.example/kakuu/5",
            "https://maps.example/@35.6,139.7,15z",
            "https://news.example",
            "no address",
            "",
        ] {
            check(address, None);
        }
        assert!(is_platform("mobile.twitter.com") && !is_platform("news.example"));
    }

    #[test]
    fn what_is_no_address_is_shared_only_where_it_is_a_number() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(shared(text).as_deref(), expected, "{text}")
        };
        check("https://news.example/a?utm_source=x", Some("https://news.example/a"));
        check("news.example/a", Some("https://news.example/a"));
        check("www.news.example", Some("https://news.example/"));
        check("4711", Some("4711"));
        check("0123456789abcdef", Some("0123456789abcdef"));
        for name in [
            "kakuu_hanako",
            "kakuu.hanako",
            "@kakuu",
            "face",
            "架空 花子",
            "大阪市架空町3丁目",
            "=A(1)",
            "",
        ] {
            check(name, None);
        }
    }
}
