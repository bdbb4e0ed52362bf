//! What the runs ask of a collection beside its shares: when accounts post, when they were made, what a post passes on, and
//! through which channel it came.
//!
//! Everything is asked in the same order whatever the order of arrival, so that a run is the same each time.

use rusqlite::params;

use super::{Vault, VaultFailure};

/// A post, as far as its time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted<'a> {
    /// The pseudonym.
    pub account: &'a str,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The program it was posted with, where the export says so.
    pub client: Option<&'a str>,
    /// When that was posted which it passes on or answers, where that is held too.
    pub source: Option<i64>,
}

/// The post that another passes on or answers, of the same platform.
const SOURCE: &str = "SELECT q.%s FROM share s JOIN object o ON o.number = s.object \
     JOIN post q ON q.platform = p.platform AND q.id = o.value WHERE s.post = p.number AND o.trace IN ('repost', 'reply') \
     ORDER BY o.trace DESC, q.number LIMIT 1";

fn no_text(_: rusqlite::types::FromSqlError) -> rusqlite::Error {
    rusqlite::Error::InvalidQuery
}

impl Vault {
    /// Every post between two moments, by pseudonym, time and number.
    pub fn posted(
        &self,
        within: (i64, i64),
        mut visit: impl FnMut(Posted<'_>),
    ) -> Result<u64, VaultFailure> {
        let mut rows = self.connection.prepare(&format!(
            "SELECT a.pseudonym, p.at, (SELECT o.value FROM share s JOIN object o ON o.number = s.object \
             WHERE s.post = p.number AND o.trace = 'client' LIMIT 1), ({}) \
             FROM post p JOIN account a ON a.number = p.account WHERE p.at >= ?1 AND p.at <= ?2 \
             ORDER BY a.pseudonym, p.at, p.number",
            SOURCE.replace("%s", "at")
        ))?;
        let mut rows = rows.query([within.0, within.1])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            visit(Posted {
                account: row.get_ref(0)?.as_str().map_err(no_text)?,
                at: row.get(1)?,
                client: row.get_ref(2)?.as_str_or_null().map_err(no_text)?,
                source: row.get(3)?,
            });
            seen += 1;
        }
        Ok(seen)
    }

    /// When accounts were made, where that is known: pseudonym and milliseconds since 1970, by pseudonym.
    pub fn made(&self) -> Result<Vec<(String, i64)>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT pseudonym, created_at FROM account WHERE created_at IS NOT NULL ORDER BY pseudonym",
        )?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number of the post that each post passes on or answers, where it is held: `(post, source)`, by post.
    pub fn sources(&self, within: (i64, i64)) -> Result<Vec<(i64, i64)>, VaultFailure> {
        let mut rows = self.connection.prepare(&format!(
            "SELECT number, source FROM (SELECT p.number, ({}) AS source FROM post p WHERE p.at >= ?1 AND p.at <= ?2) \
             WHERE source IS NOT NULL ORDER BY number",
            SOURCE.replace("%s", "number")
        ))?;
        let rows = rows.query_map([within.0, within.1], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reposts within `seconds` of what they repost, as `(pseudonym of the source, pseudonym, milliseconds, post)` by these.
    /// Only where the source is held can it be seen.
    pub fn fast_reposts(
        &self,
        seconds: i64,
        within: (i64, i64),
        mut visit: impl FnMut(&str, &str, i64, &str),
    ) -> Result<u64, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT b.pseudonym, a.pseudonym, p.at, 'p' || p.number FROM object o JOIN share s ON s.object = o.number \
             JOIN post p ON p.number = s.post JOIN account a ON a.number = p.account \
             JOIN post q ON q.platform = p.platform AND q.id = o.value JOIN account b ON b.number = q.account \
             WHERE o.trace = 'repost' AND p.at >= ?1 AND p.at <= ?2 AND p.at >= q.at AND p.at <= q.at + ?3 \
             ORDER BY b.pseudonym, p.at, a.pseudonym, p.number",
        )?;
        let mut rows = rows.query(params![within.0, within.1, seconds.saturating_mul(1_000)])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let text = |column| row.get_ref(column)?.as_str().map_err(no_text);
            visit(text(0)?, text(1)?, row.get(2)?, text(3)?);
            seen += 1;
        }
        Ok(seen)
    }

    /// The hashtags of each post that has at least `tags_min`, put together in text order: set, pseudonym, milliseconds, post,
    /// by these.
    pub fn hashtag_sets(
        &self,
        tags_min: u32,
        within: (i64, i64),
        mut visit: impl FnMut(&str, &str, i64, &str),
    ) -> Result<u64, VaultFailure> {
        let mut rows = self.connection.prepare(
            "SELECT tags, pseudonym, at, 'p' || number FROM (SELECT p.number, p.at, a.pseudonym, \
             GROUP_CONCAT(o.value, ' ' ORDER BY o.value) AS tags, COUNT(*) AS many FROM object o \
             JOIN share s ON s.object = o.number JOIN post p ON p.number = s.post JOIN account a ON a.number = p.account \
             WHERE o.trace = 'hashtag' AND p.at >= ?1 AND p.at <= ?2 GROUP BY p.number) WHERE many >= ?3 \
             ORDER BY tags, at, pseudonym, number",
        )?;
        let mut rows = rows.query(params![within.0, within.1, tags_min])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            let text = |column| row.get_ref(column)?.as_str().map_err(no_text);
            visit(text(0)?, text(1)?, row.get(2)?, text(3)?);
            seen += 1;
        }
        Ok(seen)
    }

    /// The channels of posts between two moments, as `(post, channel)` by these: the domains a post links to (`domain`), its
    /// platform (`platform`) or its account (anything else).
    pub fn channels(
        &self,
        kind: &str,
        within: (i64, i64),
    ) -> Result<Vec<(i64, String)>, VaultFailure> {
        let sql = match kind {
            "domain" => {
                "SELECT p.number, o.value FROM object o JOIN share s ON s.object = o.number \
                 JOIN post p ON p.number = s.post WHERE o.trace = 'domain' AND p.at >= ?1 AND p.at <= ?2 \
                 ORDER BY p.number, o.value"
            }
            "platform" => {
                "SELECT number, platform FROM post WHERE at >= ?1 AND at <= ?2 AND platform <> '' ORDER BY number"
            }
            _ => {
                "SELECT p.number, a.pseudonym FROM post p JOIN account a ON a.number = p.account \
                 WHERE p.at >= ?1 AND p.at <= ?2 ORDER BY p.number"
            }
        };
        let mut rows = self.connection.prepare(sql)?;
        let rows = rows.query_map([within.0, within.1], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Names that more than one account showed, and names of accounts that showed several, as `(name, pseudonym, first, last)`
    /// by these. Names are pseudonyms too.
    pub fn shown_names(&self) -> Result<Vec<(String, String, i64, i64)>, VaultFailure> {
        let mut rows = self.connection.prepare(
            "WITH shown AS (SELECT o.value AS name, a.pseudonym AS account, MIN(p.at) AS first, MAX(p.at) AS last \
             FROM object o JOIN share s ON s.object = o.number JOIN post p ON p.number = s.post \
             JOIN account a ON a.number = p.account WHERE o.trace = 'handle' GROUP BY o.number, a.number) \
             SELECT name, account, first, last FROM shown WHERE name IN (SELECT name FROM shown GROUP BY name HAVING COUNT(*) > 1) \
             OR account IN (SELECT account FROM shown GROUP BY account HAVING COUNT(*) > 1) ORDER BY name, account",
        )?;
        let rows =
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::{NewPost, Vault};

    fn post(id: &str, account: &str, at: i64, objects: &[(&str, &str)]) -> NewPost {
        NewPost {
            id: id.to_owned(),
            platform: "example".to_owned(),
            account: account.to_owned(),
            at,
            kind: "original",
            objects: objects
                .iter()
                .map(|(trace, value)| ((*trace).to_owned(), (*value).to_owned()))
                .collect(),
            account_created_at: Some(7),
            ..NewPost::default()
        }
    }

    fn vault(posts: Vec<NewPost>) -> Vault {
        let mut vault = Vault::in_memory(&[7; 32]).unwrap();
        let records = (1..).zip(posts).map(Ok);
        vault.take(1, records, 100, Timestamp::UNIX_EPOCH).unwrap();
        vault
    }

    const ALL: (i64, i64) = (i64::MIN, i64::MAX);

    #[test]
    fn a_repost_knows_its_source_where_that_is_held() {
        let vault = vault(vec![
            post("1", "source", 1_000, &[("client", "web")]),
            post("2", "quick", 9_000, &[("repost", "1")]),
            post("3", "slow", 90_000, &[("repost", "1")]),
            post("4", "quick", 99_000, &[("repost", "elsewhere")]),
        ]);
        let mut seen = Vec::new();
        vault.posted(ALL, |one| seen.push((one.at, one.client.is_some(), one.source))).unwrap();
        seen.sort_unstable();
        let wanted = [
            (1_000, true, None),
            (9_000, false, Some(1_000)),
            (90_000, false, Some(1_000)),
            (99_000, false, None),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(vault.sources(ALL).unwrap(), [(2, 1), (3, 1)]);
        let mut fast = Vec::new();
        vault
            .fast_reposts(10, ALL, |of, by, at, _| fast.push((of.to_owned(), by.to_owned(), at)))
            .unwrap();
        assert_eq!(fast.len(), 1, "ten seconds, not ninety: {fast:?}");
        assert_eq!(fast[0].2, 9_000);
        assert_eq!(vault.made().unwrap().len(), 3);
    }

    #[test]
    fn hashtags_are_a_set_and_names_are_pseudonyms() {
        let tags = [("hashtag", "zeta"), ("hashtag", "alpha"), ("hashtag", "mid")];
        let turned = [("hashtag", "mid"), ("hashtag", "zeta"), ("hashtag", "alpha")];
        let vault = vault(vec![
            post("1", "a", 1, &tags),
            post("2", "b", 2, &turned),
            post("3", "c", 3, &tags[..2]),
            post("4", "a", 4, &[("handle", "kakuu"), ("domain", "news.example")]),
            post("5", "b", 5, &[("handle", "kakuu")]),
            post("6", "c", 6, &[("handle", "other")]),
        ]);
        let mut sets = Vec::new();
        vault.hashtag_sets(3, ALL, |set, _, at, _| sets.push((set.to_owned(), at))).unwrap();
        let both = "alpha mid zeta".to_owned();
        assert_eq!(sets, [(both.clone(), 1), (both, 2)]);
        let names = vault.shown_names().unwrap();
        assert_eq!(names.len(), 2);
        assert!(names[0].0 == names[1].0 && names[0].0.starts_with("name:"), "{names:?}");
        assert!(!names[0].0.contains("kakuu"));
        assert_eq!(vault.channels("domain", ALL).unwrap(), [(4, "news.example".to_owned())]);
        assert_eq!(vault.channels("platform", ALL).unwrap().len(), 6);
        assert_eq!(vault.channels("account", ALL).unwrap().len(), 6);
    }
}
