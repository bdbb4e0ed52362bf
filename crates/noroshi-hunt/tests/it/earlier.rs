//! Files as they were written before: one page format for all columns, no tables of addresses.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use noroshi_evidence::mechanical::{Direction, MechanicalRecord};
use noroshi_hunt::scan::{Counted, Hit, Hunter, Tally};
use noroshi_hunt::shelf::Stored;
use noroshi_sift::addresses::{KEY, places_of};
use noroshi_sift::store::{read_records, schema};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use crate::folder::{folder, index, now, record, write};

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    is_optional: bool,
    values: Vec<Option<T::T>>,
) {
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<T::T> = values.into_iter().flatten().collect();
    let mut writer = group.next_column().unwrap().unwrap();
    let levels = is_optional.then_some(levels.as_slice());
    writer.typed::<T>().write_batch(&present, levels, None).unwrap();
    writer.close().unwrap();
}

/// Records as an earlier version wrote them; of one whose dictionaries are too large the rest stands in plain.
fn earlier(records: &[MechanicalRecord], dictionary_bytes: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_page_size_limit(dictionary_bytes)
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(100)
        .set_created_by("noroshi".to_owned())
        .build();
    let schema = Arc::new(schema().unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for records in records.chunks(1_000) {
        let mut group = writer.next_row_group().unwrap();
        let text = |of: &dyn Fn(&MechanicalRecord) -> Option<String>| -> Vec<Option<ByteArray>> {
            records
                .iter()
                .map(|one| of(one).map(|text| ByteArray::from(text.into_bytes())))
                .collect()
        };
        let small = |of: &dyn Fn(&MechanicalRecord) -> Option<u32>| -> Vec<Option<i32>> {
            records.iter().map(|one| of(one).map(u32::cast_signed)).collect()
        };
        let large = |of: &dyn Fn(&MechanicalRecord) -> Option<i64>| -> Vec<Option<i64>> {
            records.iter().map(of).collect()
        };
        let us = Timestamp::as_microsecond;
        column::<ByteArrayType>(&mut group, false, text(&|one| Some(one.selector_id.to_string())));
        column::<Int32Type>(&mut group, false, small(&|one| Some(one.selector_version)));
        let measure = text(&|one| one.measure_id.as_ref().map(ToString::to_string));
        column::<ByteArrayType>(&mut group, true, measure);
        column::<Int64Type>(&mut group, false, large(&|one| Some(us(one.ts))));
        column::<ByteArrayType>(&mut group, true, text(&|one| one.src_ip.map(|at| at.to_string())));
        column::<ByteArrayType>(&mut group, true, text(&|one| one.dst_ip.map(|at| at.to_string())));
        column::<Int32Type>(&mut group, true, small(&|one| one.src_port.map(u32::from)));
        column::<Int32Type>(&mut group, true, small(&|one| one.dst_port.map(u32::from)));
        column::<Int32Type>(&mut group, true, small(&|one| one.proto.map(|proto| proto.0.into())));
        column::<Int64Type>(&mut group, true, large(&|one| one.bytes.map(u64::cast_signed)));
        column::<Int64Type>(&mut group, true, large(&|one| one.packets.map(u64::cast_signed)));
        column::<Int64Type>(&mut group, true, large(&|one| one.flow_start.map(us)));
        column::<Int64Type>(&mut group, true, large(&|one| one.flow_end.map(us)));
        let direction = text(&|one| Some(one.direction.label().to_owned()));
        column::<ByteArrayType>(&mut group, false, direction);
        column::<Int64Type>(&mut group, false, large(&|one| Some(us(one.retain_until))));
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// Records of every kind: both families, one inside the other, ends and numbers that are absent, several selectors.
fn records() -> Vec<MechanicalRecord> {
    let mut records = Vec::new();
    for at in 0..2_500 {
        let dst = match at % 5 {
            0 => format!("2001:db8::{:x}", at % 97),
            1 => format!("::ffff:198.51.100.{}", at % 250),
            _ => format!("203.0.113.{}", at % 200),
        };
        let mut one = record(&format!("192.0.2.{}", at % 50), &dst, at);
        if at % 7 == 0 {
            (one.src_ip, one.bytes) = (None, Some(u64::MAX));
        }
        if at % 11 == 0 {
            (one.dst_ip, one.dst_port, one.proto) = (None, None, None);
        }
        if at % 3 == 0 {
            (one.flow_start, one.flow_end) = (Some(one.ts), Some(one.ts));
        }
        records.push(one.clone());
        if at % 10 == 0 {
            records.push(MechanicalRecord { selector_id: "other".parse().unwrap(), ..one });
        }
    }
    assert_eq!(records[0].direction, Direction::OwnNetwork);
    records
}

const LIST: &str = "203.0.113.7\n198.51.100.41\n2001:db8::5\n192.0.2.0/30 443/tcp\nkept.example\n203.0.113.128/28\n";

fn hunted(file: &Stored, list: &str) -> (Vec<Hit>, Tally) {
    let mut hunter = Hunter::new(Arc::new(index(list)), now(), Vec::new());
    let mut hits = Vec::new();
    let done = hunter.file(file, &mut |hit| {
        hits.push(hit.clone());
        Ok(())
    });
    done.unwrap();
    assert!(hunter.tally().balances());
    (hits, hunter.finish().0)
}

#[test]
fn a_file_of_an_earlier_version_gives_the_same_hits() {
    let records = records();
    let (dir, files) = folder(&[&records]);
    let (hits, tally) = hunted(&files[0], LIST);
    assert!(hits.len() > 100 && tally.repeated > 0 && tally.unmatched > 0, "{tally:?}");
    for dictionary_bytes in [1 << 20, 400] {
        let bytes = earlier(&records, dictionary_bytes);
        assert_eq!(read_records(bytes::Bytes::from(bytes.clone())).unwrap(), records);
        write(dir.path(), &files[0].name, &bytes);
        let (before, before_tally) = hunted(&files[0], LIST);
        assert_eq!(before, hits, "dictionaries of {dictionary_bytes} bytes at most");
        assert_eq!(before_tally, tally);
        let (nothing, left_out) = hunted(&files[0], "198.51.100.250\n");
        assert_eq!((nothing.len(), left_out.matched), (0, 0));
    }
}

/// A count is what a hunt reads whole, from files of either kind.
#[test]
fn a_count_is_of_the_rows_that_a_hunt_would_read() {
    let mut records = records();
    for one in records.iter_mut().step_by(4) {
        one.retain_until = now();
    }
    let (dir, files) = folder(&[&records]);
    let count = |list: &str| {
        let hunter = Hunter::new(Arc::new(index(list)), now(), Vec::new());
        let mut counted = Counted::default();
        hunter.count(&files[0], &mut counted).unwrap();
        assert!(counted.balances());
        counted
    };
    // A condition on ports is not asked; the addresses of 192.0.2.0/30 count as they are.
    for list in [LIST, "203.0.113.7\n", "203.0.113.250\n"] {
        let (_, tally) = hunted(&files[0], list);
        let (before, counted) = (count(list), tally.matched + tally.unmatched + tally.repeated);
        let has = |one: &MechanicalRecord| {
            let found = |at: IpAddr| {
                let mut positions = Vec::new();
                index(list).find_address(at.to_canonical(), &mut positions);
                !positions.is_empty()
            };
            [one.src_ip, one.dst_ip].into_iter().flatten().any(found)
        };
        let (over, left): (Vec<_>, Vec<_>) =
            records.iter().filter(|one| has(one)).partition(|one| one.retain_until <= now());
        assert_eq!(
            (before.may_match, before.over),
            (left.len() as u64, over.len() as u64),
            "{list}"
        );
        assert!(counted + tally.rows_pruned.sum().unwrap() + tally.over == tally.rows);
        let new = std::fs::read(&files[0].path).unwrap();
        write(dir.path(), &files[0].name, &earlier(&records, 400));
        assert_eq!(count(list), before, "{list}");
        write(dir.path(), &files[0].name, &new);
    }
    assert!(count(LIST).may_match > 200 && count(LIST).over > 50);
    assert_eq!(count("203.0.113.250\n").may_match, 0);
}

/// What is not there is ruled out without a row being unpacked.
#[test]
fn a_table_rules_row_groups_out() {
    let records = records();
    let (_dir, files) = folder(&[&records]);
    let (hits, tally) =
        hunted(&files[0], "203.0.113.99\n203.0.113.250\n198.51.100.255\n2001:db8::ffff\n");
    assert_eq!(hits.len() as u64, tally.hits);
    let (none, tally) = hunted(&files[0], "203.0.113.250\n198.51.100.255\n2001:db8::ffff\n");
    assert_eq!((none.len(), tally.rows_pruned.dictionary), (0, records.len() as u64));
}

/// A file whose schema is a chain of so many groups: a decoder that calls itself for each ends the program.
fn chain_of_groups(depth: usize) -> Vec<u8> {
    // Thrift, compact: field 1 a number, field 2 a list of structs, each with the name `a` and one child.
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    let mut count = depth;
    while count >= 0x80 {
        footer.push(u8::try_from(count & 0x7f).unwrap() | 0x80);
        count >>= 7;
    }
    footer.push(u8::try_from(count).unwrap());
    footer.extend([0x48, 0x01, b'a', 0x15, 0x02, 0x00].repeat(depth));
    footer.extend([0x16, 0x00, 0x19, 0x0c, 0x00]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", footer.as_slice(), &length, b"PAR1"].concat()
}

#[test]
fn a_file_of_groups_within_groups_is_not_one_of_records() {
    let (dir, files) = folder(&[&records()]);
    write(dir.path(), &files[0].name, &chain_of_groups(300_000));
    let refused = files[0].open().err().map(|problem| problem.code());
    assert_eq!(refused, Some("NRS-HUNT-0102"));
}

#[test]
fn a_damaged_table_is_noticed_and_what_is_no_table_is_not_used() {
    let records = records();
    let (dir, files) = folder(&[&records]);
    let whole = std::fs::read(&files[0].path).unwrap();
    let reader = SerializedFileReader::new(bytes::Bytes::from(whole.clone())).unwrap();
    let about = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let text = about.iter().find(|one| one.key == KEY).unwrap().value.clone().unwrap();
    let places = places_of(&text, reader.num_row_groups(), whole.len() as u64).unwrap();
    assert_eq!(places.len(), records.len().div_ceil(1_000));
    let at = usize::try_from(places[0][1].offset).unwrap();
    let mut damaged = whole.clone();
    damaged[at + 20] ^= 1;
    write(dir.path(), &files[0].name, &damaged);
    let mut hunter = Hunter::new(Arc::new(index(LIST)), now(), Vec::new());
    let done = hunter.file(&files[0], &mut |_| io::Result::Ok(()));
    assert!(done.is_err(), "an address that was changed is not looked for in silence");
    assert!(hunter.tally().unreadable >= 1_000 && hunter.tally().balances());

    // Another name of the list of places: the texts are read.
    let key = KEY.as_bytes();
    let at = whole.windows(key.len()).position(|window| window == key).unwrap();
    let mut renamed = whole.clone();
    renamed[at] = b'x';
    write(dir.path(), &files[0].name, &renamed);
    let by_texts = hunted(&files[0], LIST);
    write(dir.path(), &files[0].name, &whole);
    assert_eq!(hunted(&files[0], LIST), by_texts);
}
