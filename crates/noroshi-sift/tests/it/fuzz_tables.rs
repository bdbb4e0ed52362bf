//! Tables, and inputs of every kind while they are packed, out of bytes of any kind.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use noroshi_sift::problem::Reason;
use noroshi_sift::reading::Reading;
use noroshi_sift::store::read_records;
use noroshi_sift::table::Mapping;

use crate::fuzz::{damaged, read_any, seeded};
use crate::reading::{parquet_file, parquet_of};

const HEADING: &[u8] = b"ts,src,dst,dst_port,proto,bytes,duration,flow_end,query,host,sni,note\n";
const MAPPING: &str = "ts = wann (ms)\nsrc = von\ndst = nach\nsrc_port = tor\nbytes = ein + aus\nend = bis (ns)\n\
    duration = dauer\ndns_name = name, name 2\naddress = weitere\n";
const MAPPED: &[u8] = b"wann;von;nach;tor;ein;aus;bis;dauer;name;name 2;weitere\n";

fn mapped(mapping: Mapping) -> Reading {
    Reading { mapping: Some(mapping), ..Reading::default() }
}

/// Rows below a heading. Each that is not blank is counted once, as far as that can be told without reading quotes.
fn rows(reading: &Reading, heading: &[u8], data: &[u8]) {
    let table = [heading, data].concat();
    let read = read_any(reading, &table);
    let tally = read.certificate.tally;
    assert_eq!(tally.bytes, table.len() as u64);
    assert!(read.problems.first.iter().all(|problem| problem.offset <= tally.bytes));
    if !data.contains(&b'"') {
        let lines = data.split(|byte| matches!(byte, b'\r' | b'\n'));
        assert_eq!(tally.seen, lines.filter(|line| !line.is_empty()).count() as u64);
    }
}

/// Tables by the names of their columns and by a mapping, and mappings.
pub(crate) fn csv(data: &[u8]) {
    let ours = mapped(MAPPING.parse().unwrap());
    rows(&Reading::default(), HEADING, data);
    rows(&ours, MAPPED, data);
    read_any(&Reading::default(), data);
    read_any(&ours, data);
    for text in [data, &[MAPPING.as_bytes(), data].concat()] {
        if let Ok(mapping) = String::from_utf8_lossy(text).parse() {
            read_any(
                &mapped(mapping),
                &[MAPPED, b"1790000000123;192.0.2.7;203.0.113.5\n"].concat(),
            );
        }
    }
}

/// Files of Parquet with bytes changed, one with the bytes as a name, and the bytes between the marks of one.
pub(crate) fn parquet(data: &[u8]) {
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    let (choice, rest) = data.split_first().unwrap_or((&0, data));
    let good = parquet_file(match choice % 4 {
        0 => Compression::UNCOMPRESSED,
        1 => Compression::SNAPPY,
        2 => Compression::GZIP(GzipLevel::default()),
        _ => Compression::ZSTD(ZstdLevel::default()),
    });
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let footer = [b"PAR1", data, &length, b"PAR1"].concat();
    let named = parquet_of(&String::from_utf8_lossy(data));
    for (file, is_good) in [
        (damaged(good.clone(), rest), rest.len() < 3),
        (named, true),
        (footer, false),
        ([b"PAR1", data].concat(), false),
    ] {
        let tally = read_any(&Reading::default(), &file).certificate.tally;
        assert_eq!(tally.bytes, file.len() as u64);
        assert!(!is_good || (tally.seen, tally.errors) == (4, 0), "{tally:?}");
        // A table of others is no file of what is kept.
        assert!(read_records(Bytes::from(file)).is_err());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What is packed once is what is inside, a packing that breaks off says so, and one with bytes changed is survived.
pub(crate) fn packed(data: &[u8]) {
    let (choice, rest) = data.split_first().unwrap_or((&0, data));
    let table = [HEADING, data].concat();
    let is_packed = data.starts_with(b"\x1f\x8b\x08")
        || data.starts_with(b"\x28\xb5\x2f\xfd")
        || data.get(1..4) == Some(b"\x2a\x4d\x18");
    for (inside, is_table) in [(table.as_slice(), true), (data, false)] {
        let plain = read_any(&Reading::default(), inside);
        for whole in [gzip(inside), zstd::encode_all(inside, 1).unwrap()] {
            let unpacked = read_any(&Reading::default(), &whole);
            assert!(unpacked == plain || (!is_table && is_packed));
            let cut = 4 + usize::from(*choice) % (whole.len() - 4);
            let torn = read_any(&Reading::default(), &whole[..cut]).problems;
            let last = torn.first.last().map(|problem| problem.reason);
            // Of a table all is read; a capture may have ended before.
            let is_told = last == Some(Reason::Damaged) || torn.omitted > 0;
            assert!(is_told || !is_table, "{cut} of {}", whole.len());
            read_any(&Reading::default(), &damaged(whole, rest));
        }
    }
    for begin in [&b"\x1f\x8b\x08"[..], b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b""] {
        read_any(&Reading::default(), &[begin, data].concat());
    }
}

/// Pieces out of which data is made, so that some of it gets far.
const PIECES: [&[u8]; 24] = [
    b"\n",
    b"\r\n",
    b",",
    b";",
    b"\"",
    b"\"\"",
    b"1790000000,192.0.2.7,203.0.113.5,443,tcp,7,1.5,,evil.example,,,PLANTED\n",
    b"1790000000123;192.0.2.7;203.0.113.5;1;2;3;;1;evil.example;;192.0.2.1, 203.0.113.5\n",
    b"1790000000",
    b"9223372036854775807",
    b"-1",
    b"1e300",
    b"2026-11-23T00:00:00Z",
    b"203.0.113.5",
    b"2001:db8::5",
    b"evil.example",
    b"ts = a (ms)\nsrc = b\n",
    b"bytes = a + b\n",
    b" = ",
    b"\x00\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"PAR1",
    b"\x28\xb5\x2f\xfd\x00\x58",
];

#[test]
fn a_fixed_seed_of_tables_with_names_is_survived() {
    seeded(&PIECES, csv);
}

#[test]
fn a_fixed_seed_of_tables_in_columns_is_survived() {
    seeded(&PIECES, parquet);
}

#[test]
fn a_fixed_seed_of_packed_inputs_is_survived() {
    seeded(&PIECES, packed);
}
