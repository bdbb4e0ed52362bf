//! The key of a collection: accounts become pseudonyms by it, handles and texts are sealed under it.
//!
//! Each collection has a secret of its own (`DATA/keys/influence`), so that accounts of two collections cannot be joined,
//! and destroying the file ends every way back at once.

use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use noroshi_codec::posts;
use sha2::Sha256;

use crate::office::log::{LogFailure, load_or_make_seed};
use crate::office::seal::Sealer;
use crate::office::secret::hex;

/// Bytes of a pseudonym: 128 bits of HMAC-SHA-256.
const PSEUDONYM_BYTES: usize = 16;
/// What every pseudonym of an account begins with.
pub const PREFIX: &str = "acct:";

/// What is marked where an account stands in an address, apart from accounts of any platform.
const LINK: &str = "link";
/// What every such mark begins with.
const LINK_PREFIX: &str = "named:";

/// Hexadecimal digits of a pseudonym after it.
pub(super) const PSEUDONYM_DIGITS: usize = PSEUDONYM_BYTES * 2;

/// Bytes of what is remembered of a post that was deleted.
const MARK_BYTES: usize = 16;

/// Where the secret of a collection lies.
pub fn path(data: &Path, collection: &str) -> PathBuf {
    data.join("keys").join("influence").join(format!("{collection}.key"))
}

/// Whether the secret of a collection is there: without it nothing is opened any more.
pub fn is_there(data: &Path, collection: &str) -> bool {
    std::fs::exists(path(data, collection)).unwrap_or(false)
}

/// The purpose under which handles and texts are sealed.
const SEALED: &str = "noroshi/influence/sealed/1";

/// The keys derived from the secret of one collection.
pub struct CollectionKey {
    accounts: Hmac<Sha256>,
    texts: Hmac<Sha256>,
    posts: Hmac<Sha256>,
    secret: [u8; 32],
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoKey {
    /// Its file.
    #[error("its file cannot be used")]
    File(#[from] LogFailure),
    /// The machine refuses to make a key of 32 bytes.
    #[error("a key of 32 bytes was refused")]
    Refused,
}

impl CollectionKey {
    /// The key of a collection; its secret is drawn when there is none.
    pub fn load(data: &Path, collection: &str) -> Result<Self, NoKey> {
        Self::of_secret(&load_or_make_seed(&path(data, collection))?)
    }

    /// The keys of a secret: one for each use, so that no output of one stands in for another.
    pub fn of_secret(secret: &[u8; 32]) -> Result<Self, NoKey> {
        let derive = |purpose: &[u8]| {
            let mut derive = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| NoKey::Refused)?;
            derive.update(purpose);
            let derived = derive.finalize().into_bytes();
            Hmac::new_from_slice(&derived).map_err(|_| NoKey::Refused)
        };
        Ok(Self {
            accounts: derive(b"noroshi-influence-account/1")?,
            texts: derive(b"noroshi-influence-text/1")?,
            posts: derive(b"noroshi-influence-post/1")?,
            secret: *secret,
        })
    }

    /// What stands for an account: `acct:` and 32 hexadecimal digits.
    pub fn pseudonym(&self, platform: &str, account: &str) -> String {
        let mut mac = self.accounts.clone();
        // The length keeps `a` + `bc` apart from `ab` + `c`.
        mac.update(&(platform.len() as u64).to_be_bytes());
        mac.update(platform.as_bytes());
        mac.update(account.as_bytes());
        let whole = mac.finalize().into_bytes();
        let short: Vec<u8> = whole.iter().copied().take(PSEUDONYM_BYTES).collect();
        format!("{PREFIX}{}", hex(&short))
    }

    /// An address or an identifier without the account that it names: in the place of the name stands a mark of the whole
    /// address, equal for equal addresses of this collection and for nothing else, so that no two of them tell that they name
    /// the same account. `None` for what names no account, which stays as it is.
    pub fn nameless(&self, text: &str) -> Option<String> {
        // Identifiers of feeds have a word in front of the address.
        let (front, text) = text.split_at_checked(text.find("http")?)?;
        Some(format!("{front}{}", self.nameless_address(text)?))
    }

    fn nameless_address(&self, text: &str) -> Option<String> {
        let address = posts::url::canonical(text)?;
        let Some(named) = posts::url::account(&address) else {
            // By its one address the number alone names the post.
            return posts::url::account(text.trim()).map(|_| address);
        };
        let (before, after) = (address.get(..named.start)?, address.get(named.end..)?);
        // Platforms take a name in any case.
        let name = address.get(named)?.to_lowercase();
        let mark = self.pseudonym(LINK, &format!("{before}{name}{after}"));
        Some(format!("{before}{}{after}", mark.replacen(PREFIX, LINK_PREFIX, 1)))
    }

    /// What stands for a text where texts do not go: equal for equal texts of this collection, and nothing to whoever holds
    /// the text but not the key. 64 hexadecimal digits.
    pub fn text_mark(&self, text: &str) -> String {
        let mut mac = self.texts.clone();
        mac.update(text.as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// What is remembered of a post that was deleted: by it the post is known again, and nothing else is said of it.
    pub fn post_mark(&self, platform: &str, id: &str) -> [u8; MARK_BYTES] {
        let mut mac = self.posts.clone();
        mac.update(&(platform.len() as u64).to_be_bytes());
        mac.update(platform.as_bytes());
        mac.update(id.as_bytes());
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut mark = [0; MARK_BYTES];
        for (slot, byte) in mark.iter_mut().zip(whole) {
            *slot = byte;
        }
        mark
    }

    fn sealer<'a>(&self, place: &'a str) -> Sealer<'a> {
        Sealer { key: self.secret, purpose: SEALED, holder: place.as_bytes() }
    }

    /// Seals a text, bound to where it stands: what is sealed beside one account or post cannot be put beside another.
    pub fn seal(&self, place: &str, text: &[u8]) -> Option<Vec<u8>> {
        self.sealer(place).seal(text)
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<String> {
        String::from_utf8(self.sealer(place).open(sealed)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_names_an_account_is_marked_and_tells_not_even_that_two_name_one() {
        let [one, other] =
            [[1; 32], [2; 32]].map(|secret| CollectionKey::of_secret(&secret).unwrap());
        let marked = one.nameless("https://t.me/Kakuu_Hanako/5").unwrap();
        assert!(marked.starts_with("https://t.me/named:") && marked.ends_with("/5"), "{marked}");
        assert_eq!(one.nameless("https://telegram.me/s/kakuu_hanako/5"), Some(marked.clone()));
        assert_ne!(other.nameless("https://t.me/kakuu_hanako/5"), Some(marked.clone()));
        let next = one.nameless("https://t.me/kakuu_hanako/6").unwrap();
        assert_ne!(next.split('/').nth(3), marked.split('/').nth(3), "each post by itself");
        for (address, nameless) in [
            ("https://twitter.com/kakuu/status/1", Some("https://x.com/i/status/1")),
            ("entry:https://x.com/kakuu/status/1", Some("entry:https://x.com/i/status/1")),
            ("https://news.example/kakuu", None),
            ("kakuu", None),
        ] {
            assert_eq!(one.nameless(address).as_deref(), nameless, "{address}");
        }
    }

    #[test]
    fn pseudonyms_of_two_collections_cannot_be_joined_and_seals_stay_in_their_place() {
        let [one, other] =
            [[1; 32], [2; 32]].map(|secret| CollectionKey::of_secret(&secret).unwrap());
        let name = one.pseudonym("x", "12345");
        assert_eq!(name, one.pseudonym("x", "12345"));
        assert_eq!(name.len(), PREFIX.len() + 32);
        assert!(!name.contains("12345"));
        assert_ne!(name, other.pseudonym("x", "12345"));
        assert_ne!(one.pseudonym("a", "bc"), one.pseudonym("ab", "c"));
        let text = "架空の本文";
        assert_eq!(one.text_mark(text), one.text_mark(text));
        assert_ne!(one.text_mark(text), other.text_mark(text), "texts of two collections neither");
        let plain = hex(&<Sha256 as sha2::Digest>::digest(text.as_bytes()));
        assert_ne!(one.text_mark(text), plain);
        assert_eq!(one.post_mark("x", "1"), one.post_mark("x", "1"));
        assert_ne!(one.post_mark("x", "1"), other.post_mark("x", "1"), "nor marks of posts");
        assert_ne!(one.post_mark("a", "bc"), one.post_mark("ab", "c"));
        let sealed = one.seal(&name, "架空の名".as_bytes()).unwrap();
        assert_eq!(one.open(&name, &sealed).as_deref(), Some("架空の名"));
        assert_eq!(one.open("acct:other", &sealed), None);
        assert_eq!(other.open(&name, &sealed), None);
    }
}
