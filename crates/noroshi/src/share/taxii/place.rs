//! What a path names: the end points of the standard below the configured API roots.

use axum::http::Method;

use crate::config::ApiRoot;

/// An API root as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its path, without slashes at the ends.
    pub path: String,
    /// Its title.
    pub title: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether it is the default one.
    pub default: bool,
}

/// The API roots, the default first.
pub fn roots(configured: Vec<ApiRoot>) -> Vec<Root> {
    let root = |(at, root): (usize, ApiRoot)| Root {
        path: root.path,
        title: root.title,
        description: root.description,
        default: at == 0,
    };
    configured.into_iter().enumerate().map(root).collect()
}

/// An end point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `/taxii2/` (§4.1).
    Discovery,
    /// `/{root}/` (§4.2).
    Root(Root),
    /// `/{root}/status/{id}/` (§4.3).
    Status(Root, String),
    /// `/{root}/collections/` (§5.1).
    Collections(Root),
    /// `…/{collection}/` (§5.2).
    Collection(Root, String),
    /// `…/manifest/` (§5.3).
    Manifest(Root, String),
    /// `…/objects/` (§5.4, §5.5).
    Objects(Root, String),
    /// `…/objects/{id}/` (§5.6, §5.7).
    Object(Root, String, String),
    /// `…/objects/{id}/versions/` (§5.8).
    Versions(Root, String, String),
    /// Below the server, and none of the above.
    Nowhere,
}

impl Place {
    /// The end point of a path; `None` for a path that is no matter of this server. A missing slash at the end is
    /// forgiven.
    pub fn find(roots: &[Root], path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        if path == "taxii2" {
            return Some(Self::Discovery);
        }
        let below = |root: &Root| {
            let rest = path.strip_prefix(root.path.as_str())?;
            if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
        };
        // The longest one, where one stands below another.
        let found = roots
            .iter()
            .filter_map(|root| below(root).map(|rest| (root, rest)))
            .max_by_key(|(root, _)| root.path.len());
        match found {
            Some((root, rest)) => Some(Self::below(root.clone(), rest)),
            None => path.starts_with("taxii2/").then_some(Self::Nowhere),
        }
    }

    fn below(root: Root, rest: &str) -> Self {
        let parts: Option<Vec<String>> = rest.split('/').map(decoded).collect();
        let parts = parts.unwrap_or_else(|| vec!["?".to_owned()]);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [""] => Self::Root(root),
            ["status", id] => Self::Status(root, (*id).to_owned()),
            ["collections"] => Self::Collections(root),
            ["collections", id] if !id.is_empty() => Self::Collection(root, (*id).to_owned()),
            ["collections", id, "manifest"] => Self::Manifest(root, (*id).to_owned()),
            ["collections", id, "objects"] => Self::Objects(root, (*id).to_owned()),
            ["collections", id, "objects", object] => {
                Self::Object(root, (*id).to_owned(), (*object).to_owned())
            }
            ["collections", id, "objects", object, "versions"] => {
                Self::Versions(root, (*id).to_owned(), (*object).to_owned())
            }
            _ => Self::Nowhere,
        }
    }

    /// The methods an end point knows, as `Allow` has them.
    pub fn allow(&self) -> &'static str {
        match self {
            Self::Objects(..) => "GET, HEAD, POST",
            Self::Object(..) => "GET, HEAD, DELETE",
            Self::Discovery
            | Self::Root(_)
            | Self::Status(..)
            | Self::Collections(_)
            | Self::Collection(..)
            | Self::Manifest(..)
            | Self::Versions(..)
            | Self::Nowhere => "GET, HEAD",
        }
    }

    /// Whether an end point knows a method.
    pub fn knows(&self, method: &Method) -> bool {
        self.allow().split(", ").any(|known| known == method.as_str())
    }
}

/// A segment of a path without its escapes; `None` when they are broken.
fn decoded(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(path: &str, default: bool) -> Root {
        Root { path: path.to_owned(), title: String::new(), description: String::new(), default }
    }

    #[test]
    fn paths_are_those_of_the_standard() {
        let roots = [root("taxii2/root", true), root("group", false), root("group/inner", false)];
        let find = |path: &str| Place::find(&roots, path);
        let (id, object) = ("c".to_owned(), "malware--x".to_owned());
        for slash in ["", "/"] {
            assert_eq!(find(&format!("/taxii2{slash}")), Some(Place::Discovery));
            assert_eq!(find(&format!("/group{slash}")), Some(Place::Root(roots[1].clone())));
            assert_eq!(find(&format!("/group/inner{slash}")), Some(Place::Root(roots[2].clone())));
            assert_eq!(
                find(&format!("/group/status/c{slash}")),
                Some(Place::Status(roots[1].clone(), id.clone()))
            );
            assert_eq!(
                find(&format!("/taxii2/root/collections/c/objects/malware%2D-x/versions{slash}")),
                Some(Place::Versions(roots[0].clone(), id.clone(), object.clone()))
            );
        }
        for nowhere in [
            "/taxii2/other/",
            "/group/x/",
            "/group/collections/c/objects/o/versions/v/",
            "/group/collections//",
            "/group/collections/%zz/",
            "/group/collections/%ff/",
        ] {
            assert_eq!(find(nowhere), Some(Place::Nowhere), "{nowhere}");
        }
        for not_ours in ["/", "", "/groups/", "/taxii/", "/evidence/x"] {
            assert_eq!(find(not_ours), None, "{not_ours}");
        }
    }

    #[test]
    fn each_place_knows_its_methods() {
        let objects = Place::Objects(root("x", true), String::new());
        assert!(objects.knows(&Method::POST) && !objects.knows(&Method::DELETE));
        // RFC 9110 §9.1: whoever answers GET answers HEAD.
        assert!(Place::Discovery.knows(&Method::HEAD) && !Place::Discovery.knows(&Method::PUT));
    }
}
