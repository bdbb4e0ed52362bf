//! Which bytes does a page need besides itself, and under which address may a browser keep them for ever?
//!
//! Every asset is built into the program and served under a name that contains a hash of its
//! content (`/assets/noroshi.1a2b3c4d.css`). A changed file has a changed address, so the answer is
//! immutable and a browser asks once. No page names any other host.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// The name in `assets/`, such as `noroshi.css`.
    pub name: &'static str,
    /// The address, with the hash in it.
    pub href: String,
    /// The media type.
    pub media: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

/// How long a browser may keep what can never change: one year, as far as RFC 9111 advises.
const CACHE: &str = "public, max-age=31536000, immutable";

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset("noroshi.css", "text/css; charset=utf-8", include_bytes!("../../assets/noroshi.css")),
        asset(
            "noroshi.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../assets/noroshi.js"),
        ),
        asset("mark.svg", "image/svg+xml", include_bytes!("../../assets/mark.svg")),
    ]
});

fn asset(name: &'static str, media: &'static str, bytes: &'static [u8]) -> Asset {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(bytes));
    let hash = format!("{a:02x}{b:02x}{c:02x}{d:02x}");
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, "bin"));
    Asset { name, href: format!("/assets/{stem}.{hash}.{kind}"), media, bytes }
}

/// The address of an asset by its plain name; empty when there is none (a test asks for each).
pub fn href(name: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.href)
}

/// The asset behind the last part of an address.
pub fn find(file: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.href.strip_prefix("/assets/") == Some(file))
}

/// `GET /assets/{file}`.
pub async fn serve(Path(file): Path<String>) -> Response {
    let Some(asset) = find(&file) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media)),
        (header::CACHE_CONTROL, HeaderValue::from_static(CACHE)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_asset_is_found_by_its_own_address_only() {
        for name in ["noroshi.css", "noroshi.js", "mark.svg"] {
            let address = href(name);
            let file = address.strip_prefix("/assets/").unwrap();
            assert_eq!(find(file).unwrap().name, name);
            assert_eq!(file.matches('.').count(), 2, "{file} carries no hash");
        }
        assert!(find("noroshi.css").is_none() && find("../Cargo.toml").is_none());
        assert_eq!(href("absent.css"), "");
    }

    #[test]
    fn what_a_page_loads_is_small_and_names_no_other_host() {
        let limits = [("noroshi.css", 46_000), ("noroshi.js", 9_000), ("mark.svg", 2_000)];
        for (name, bytes_max) in limits {
            let asset = ASSETS.iter().find(|asset| asset.name == name).unwrap();
            assert!(asset.bytes.len() < bytes_max, "{name} has {} bytes", asset.bytes.len());
            let text = std::str::from_utf8(asset.bytes).unwrap();
            for part in ["@import", "//fonts", "https://", "http://"] {
                let foreign = text.matches(part).count()
                    - text.matches("http://www.w3.org/2000/svg").count()
                        * usize::from(part == "http://");
                assert_eq!(foreign, 0, "{name} contains `{part}`");
            }
        }
    }

    #[test]
    fn the_layers_of_the_style_sheet_are_declared_once_and_in_order() {
        let css = include_str!("../../assets/noroshi.css");
        assert!(css.contains("@layer tokens, base, layout, components, utilities;"));
    }

    /// The colours of one theme: the block after `start`, over those of the light theme.
    fn colours(start: &str) -> BTreeMap<&'static str, [f64; 3]> {
        let css = include_str!("../../assets/noroshi.css");
        let mut colours = BTreeMap::new();
        for mark in [":root {", start] {
            let block = css.split(mark).nth(1).unwrap().split('}').next().unwrap();
            for (name, value) in block.split(';').filter_map(|line| line.split_once(':')) {
                let name = name.rsplit("--").next().unwrap().trim();
                let Some(hex) = value.trim().strip_prefix('#') else { continue };
                let digit = |at: usize| hex.chars().nth(at).unwrap().to_digit(16).unwrap();
                let channel = |n: usize| match hex.len() {
                    3 => digit(n) * 17,
                    _ => digit(n * 2) * 16 + digit(n * 2 + 1),
                };
                colours.insert(name, [0, 1, 2].map(|n| f64::from(channel(n)) / 255.0));
            }
        }
        colours
    }

    /// WCAG 2.2, definition of contrast ratio.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let linear =
            |c: f64| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        let luminance = |[r, g, b]: [f64; 3]| {
            0.2126f64.mul_add(linear(r), 0.7152f64.mul_add(linear(g), 0.0722 * linear(b)))
        };
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_edges_have_the_contrast_of_level_aa_in_both_themes() {
        // WCAG 2.2, 1.4.3 (text, 4.5) and 1.4.11 (edges of controls, 3).
        const PAIRS: &[(&str, &[&str], f64)] = &[
            ("ink", &["bg", "paper", "sunk", "hover", "key-soft", "signal-bg", "bad-bg"], 7.0),
            ("ink-2", &["bg", "paper", "sunk", "hover", "signal-bg"], 4.5),
            ("ink-3", &["bg", "paper", "sunk", "hover", "neutral-bg"], 4.5),
            ("link", &["bg", "paper", "sunk", "hover", "info-bg", "signal-bg", "warn-bg"], 4.5),
            ("on-key", &["key", "key-2"], 4.5),
            ("key", &["paper", "key-soft"], 4.5),
            ("on-ai", &["ai", "ai-2"], 4.5),
            ("on-ai-2", &["ai", "ai-2"], 4.5),
            ("ok", &["ok-bg"], 4.5),
            ("info", &["info-bg"], 4.5),
            ("warn", &["warn-bg", "paper"], 4.5),
            ("bad", &["bad-bg", "paper", "bg"], 4.5),
            ("signal", &["signal-bg", "paper"], 4.5),
            ("neutral", &["neutral-bg"], 4.5),
            ("demo", &["demo-bg", "paper"], 4.5),
            ("edge", &["paper", "bg"], 3.0),
            ("focus", &["paper", "bg"], 3.0),
            ("bar", &["paper", "sunk"], 3.0),
            ("bar-2", &["paper"], 3.0),
        ];
        for theme in
            [":root {", ":root[data-theme=\"dark\"] {", ":root:not([data-theme=\"light\"]) {"]
        {
            let colours = colours(theme);
            for (front, backs, least) in PAIRS {
                for back in *backs {
                    let ratio = contrast(colours[front], colours[back]);
                    assert!(
                        ratio >= *least,
                        "{theme} {front} on {back}: {ratio:.2}, wants {least}"
                    );
                }
            }
        }
    }
}
