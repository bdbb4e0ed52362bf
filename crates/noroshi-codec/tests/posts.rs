//! Bytes of any kind in the place of a table of posts, and nothing falls over. The target of `fuzz/` runs this function on
//! what a fuzzer finds; here it runs on what a fixed seed gives.

#![expect(clippy::unwrap_used, reason = "what is not as expected ends the test")]

use noroshi_codec::posts::{Reader, Role, Settings};

/// Every row of a table, as words; reading it twice gives the same.
fn told(table: &[u8]) -> Vec<String> {
    let Ok(mut reader) = Reader::new(table, &Settings::default()) else { return Vec::new() };
    let objects = reader.columns().objects().len();
    let mut rows = Vec::new();
    let mut before = 0;
    loop {
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
}

/// A table by itself, and rows below headings that are known.
pub(crate) fn posts(data: &[u8]) {
    for heading in [
        &b""[..],
        b"object_id,account_id,content_id,timestamp_share\n",
        b"{\"ts\":1,\"account\":\"a\",\"url_id\":\"u\"}\n",
    ] {
        let table = [heading, data].concat();
        assert_eq!(told(&table), told(&table));
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

#[test]
fn a_fixed_seed_of_tables_is_survived() {
    assert_eq!(
        told(b"object_id,account_id,content_id,timestamp_share\no1,a,p1,1764000000\n").len(),
        1
    );
    let mut state = 0x6e6f_726f_7368_6921_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for _ in 0..2_000 {
        let mut data = Vec::new();
        for _ in 0..next() % 32 {
            match next() % 3 {
                0 => data.push(next().to_le_bytes()[0]),
                _ => data.extend(PIECES[usize::try_from(next()).unwrap() % PIECES.len()]),
            }
        }
        posts(&data);
    }
}
