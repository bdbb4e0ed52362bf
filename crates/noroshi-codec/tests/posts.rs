//! Bytes of any kind in the place of a table of posts, and nothing falls over. The targets of `fuzz/` run these functions
//! on what a fuzzer finds; here each runs on what a fixed seed gives.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is not as expected ends the test"
)]

use base64::Engine as _;
use bytes::Bytes;
use noroshi_codec::posts::{NoTable, Reader, Role, Settings};

/// How many rows are looked at: a few bytes of Parquet may be millions that are all equal.
const ROWS_MAX: usize = 4_096;

/// Every row of a table, as words; reading it twice gives the same.
fn told(reader: Result<Reader<'_>, NoTable>) -> Vec<String> {
    let Ok(mut reader) = reader else { return Vec::new() };
    let objects = reader.columns().objects().len();
    let mut rows = Vec::new();
    let mut before = 0;
    while rows.len() < ROWS_MAX {
        match reader.next_row() {
            Ok(None) | Err(_) => return rows,
            Ok(Some(Err(reject))) => {
                assert!(reject.line > before, "no line is counted twice");
                before = reject.line;
                rows.push(format!("{} {}", reject.line, reject.reason.code()));
            }
            Ok(Some(Ok(row))) => {
                assert!(row.line() > before, "no line is counted twice");
                before = row.line();
                let shared: Vec<&str> = (0..objects).map(|number| row.object(number)).collect();
                let account = row.text(Role::Account);
                assert!(!account.trim().is_empty(), "a post has an account");
                rows.push(format!("{} {account} {} {shared:?}", row.line(), row.at_ms()));
            }
        }
    }
    rows
}

fn text(table: &[u8]) -> Vec<String> {
    told(Reader::new(table, &Settings::default()))
}

fn file(file: &[u8]) -> Vec<String> {
    told(Reader::of_file(Bytes::copy_from_slice(file), &Settings::default()))
}

/// A table by itself, and rows below headings that are known.
pub(crate) fn posts(data: &[u8]) {
    for heading in [
        &b""[..],
        b"object_id,account_id,content_id,timestamp_share\n",
        b"{\"ts\":1,\"account\":\"a\",\"url_id\":\"u\"}\n",
    ] {
        let table = [heading, data].concat();
        assert_eq!(text(&table), text(&table));
        // As a file, a text is what it is when it is read from a pipe.
        assert!(noroshi_codec::posts::is_parquet(&table) || file(&table) == text(&table));
    }
}

/// A file of Parquet: the shares of other tests with bytes changed (the first two say where, the third what, and so on),
/// and the bytes themselves as its footer or as all that stands behind its mark.
pub(crate) fn parquet(data: &[u8]) {
    let letters = include_str!("data/shares.parquet.b64").replace('\n', "");
    let good = base64::engine::general_purpose::STANDARD.decode(letters).unwrap();
    let mut damaged = good.clone();
    for change in data.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % good.len();
        damaged[at] = change[2];
    }
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let footer = [b"PAR1", data, &length, b"PAR1"].concat();
    for table in [&damaged, &footer, &[b"PAR1", data].concat()] {
        let rows = file(table);
        assert_eq!(rows, file(table));
        assert!(*table != good || rows == text(include_bytes!("data/shares.csv")));
    }
}

/// Pieces out of which data is made, so that some of it gets far.
const PIECES: [&[u8]; 22] = [
    b"\n",
    b"\r\n",
    b"\t",
    b",",
    b"\"",
    b"\"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"o1,a,p1,1764000000\n",
    b"1764000000",
    b"\"account\":\"b\"",
    b"\"ts\":\"2026-11-27T00:00:00Z\"",
    b"['http://a.example/2']",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x83\x65\x83\x58",
    b"\\u0000",
    b"\0",
    b"-",
];

/// Runs a function on what a fixed seed makes of pieces.
fn seeded(rounds: usize, run: fn(&[u8])) {
    let mut state = 0x6e6f_726f_7368_6921_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for _ in 0..rounds {
        let mut data = Vec::new();
        for _ in 0..next() % 32 {
            match next() % 3 {
                0 => data.push(next().to_le_bytes()[0]),
                _ => data.extend(PIECES[usize::try_from(next()).unwrap() % PIECES.len()]),
            }
        }
        run(&data);
    }
}

#[test]
fn a_fixed_seed_of_tables_is_survived() {
    let one = b"object_id,account_id,content_id,timestamp_share\no1,a,p1,1764000000\n";
    assert_eq!(text(one).len(), 1);
    seeded(2_000, posts);
}

#[test]
fn a_fixed_seed_of_parquet_is_survived() {
    seeded(300, parquet);
}
