//! Numbers in place of texts in the indexes: `keyed(text)` in SQL and [`Key::of_text`] in the program.
//!
//! An identifier of fifty bytes makes every index that holds it five times as large as a number would. The number is
//! SipHash under a key that each folder draws for itself, so that nobody outside can make two texts that meet in one.
//! Two may meet by chance: whoever looks a number up compares the text too.
//!
//! Indexes that millions of texts enter hold a number in one of two parts (migration 0035): `fresh(text)`, the number
//! without its sign, or `settled(text)`, its complement. Whoever looks one up there asks for both.

use core::hash::Hasher as _;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use siphasher::sip::SipHasher13;

use super::id::fill_random;
use super::store::StoreFailure;

/// A folder's own key. Whoever knows it can make identifiers that slow searches down, nothing else.
#[derive(Clone, Copy)]
pub struct Key([u8; 16]);

impl Key {
    /// The folder's key; drawn when it has none.
    pub(super) fn of(connection: &Connection) -> Result<Self, StoreFailure> {
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS office_key (one INTEGER PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL)",
        )?;
        let mut fresh = [0; 16];
        fill_random(&mut fresh);
        connection.execute(
            "INSERT INTO office_key (one, key) VALUES (1, ?1) ON CONFLICT (one) DO NOTHING",
            [fresh],
        )?;
        let key = connection.query_row("SELECT key FROM office_key", [], |row| row.get(0))?;
        Ok(Self(key))
    }

    /// The number of a text that came lately: never negative.
    pub fn fresh(self, text: &str) -> i64 {
        self.of_text(text) & i64::MAX
    }

    /// The number of a text.
    pub fn of_text(self, text: &str) -> i64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(text.as_bytes());
        hasher.finish().cast_signed()
    }
}

/// Makes `keyed(text)`, `fresh(text)` and `settled(text)` known to the SQL of a connection.
pub(super) fn register(connection: &Connection, key: Key) -> Result<(), StoreFailure> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let named: [(&str, fn(Key, &str) -> i64); 3] =
        [("keyed", Key::of_text), ("fresh", Key::fresh), ("settled", |key, text| !key.fresh(text))];
    for (name, number) in named {
        connection.create_scalar_function(name, 1, flags, move |call| {
            let text = call.get_raw(0).as_str()?;
            Ok(number(key, text))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_key_and_the_program_and_the_store_agree() {
        let connection = Connection::open_in_memory().unwrap();
        let key = Key::of(&connection).unwrap();
        assert_eq!(Key::of(&connection).unwrap().0, key.0);
        register(&connection, key).unwrap();
        let text = "indicator--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101";
        let number: i64 =
            connection.query_row("SELECT keyed(?1)", [text], |row| row.get(0)).unwrap();
        assert_eq!(number, key.of_text(text));
        let (fresh, settled): (i64, i64) = connection
            .query_row("SELECT fresh(?1), settled(?1)", [text], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!((fresh, settled), (number & i64::MAX, !(number & i64::MAX)));
        assert!(fresh >= 0 && settled < 0, "of one number what is settled stands first");
        let other = Key::of(&Connection::open_in_memory().unwrap()).unwrap();
        assert_ne!(other.of_text(text), number, "another folder, another number");
    }
}
