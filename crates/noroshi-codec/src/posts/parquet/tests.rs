//! Files are written here from tables that are written as CSV too: both must say the same.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use parquet::data_type::{BoolType, ByteArrayType, DoubleType, Int32Type, Int64Type, Int96Type};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::*;
use crate::posts::{Layout, Reader, Reject, Role};

/// A column of a table, null where there is nothing.
#[derive(Debug, Clone)]
enum Cells {
    Truth(Vec<Option<bool>>),
    I32(Vec<Option<i32>>),
    I64(Vec<Option<i64>>),
    I96(Vec<Option<Int96>>),
    F64(Vec<Option<f64>>),
    Text(Vec<Option<Vec<u8>>>),
}

fn texts<const N: usize>(texts: [&str; N]) -> Cells {
    Cells::Text(texts.map(|text| (!text.is_empty()).then(|| text.into())).to_vec())
}

/// Writes a part of a column, all of whose values are optional.
fn put<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, cells: &[Option<T::T>]) {
    let values: Vec<T::T> = cells.iter().flatten().cloned().collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
}

fn rows_of(columns: &[Cells]) -> usize {
    columns.first().map_or(0, |column| match column {
        Cells::Truth(cells) => cells.len(),
        Cells::I32(cells) => cells.len(),
        Cells::I64(cells) => cells.len(),
        Cells::I96(cells) => cells.len(),
        Cells::F64(cells) => cells.len(),
        Cells::Text(cells) => cells.len(),
    })
}

fn write_as(
    schema: &str,
    columns: &[Cells],
    group_rows: usize,
    properties: WriterPropertiesBuilder,
) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message posts {{ {schema} }}")).unwrap());
    let properties = properties.set_created_by("noroshi".to_owned()).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let rows = rows_of(columns);
    for begin in (0..rows).step_by(group_rows) {
        let part = begin..rows.min(begin + group_rows);
        let mut group = writer.next_row_group().unwrap();
        for column in columns {
            match column {
                Cells::Truth(cells) => put::<BoolType>(&mut group, &cells[part.clone()]),
                Cells::I32(cells) => put::<Int32Type>(&mut group, &cells[part.clone()]),
                Cells::I64(cells) => put::<Int64Type>(&mut group, &cells[part.clone()]),
                Cells::I96(cells) => put::<Int96Type>(&mut group, &cells[part.clone()]),
                Cells::F64(cells) => put::<DoubleType>(&mut group, &cells[part.clone()]),
                Cells::Text(cells) => {
                    let cells: Vec<Option<ByteArray>> = cells[part.clone()]
                        .iter()
                        .map(|cell| cell.clone().map(ByteArray::from))
                        .collect();
                    put::<ByteArrayType>(&mut group, &cells);
                }
            }
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn write(schema: &str, columns: &[Cells]) -> Vec<u8> {
    write_as(schema, columns, 2, WriterProperties::builder())
}

/// A file in memory. The type of such bytes is the decoder's, which does not name it.
fn file(bytes: &[u8]) -> impl ChunkReader<T: Send> + 'static + use<> {
    let page = Page::DictionaryPage {
        buf: bytes.to_vec().into(),
        num_values: 0,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    page.buffer().clone()
}

fn open(bytes: &[u8], settings: &Settings) -> Result<Reader<'static>, NoTable> {
    Reader::of_file(file(bytes), settings)
}

/// Every row of a table with all that may be known of it; the code of what ends it.
fn told(reader: Result<Reader<'_>, NoTable>) -> Result<Vec<String>, &'static str> {
    let mut reader = reader.map_err(|no| no.code())?;
    let objects = reader.columns().objects().len();
    let mut rows = Vec::new();
    while let Some(next) = reader.next_row().map_err(|no| no.code())? {
        rows.push(match next {
            Err(Reject { line, reason, bytes }) => format!("{line} {} {bytes:?}", reason.code()),
            Ok(row) => {
                let roles = [
                    Role::Post,
                    Role::Platform,
                    Role::Account,
                    Role::Kind,
                    Role::ParentPost,
                    Role::Text,
                    Role::Followers,
                    Role::Visibility,
                ];
                let texts = roles.map(|role| row.text(role));
                let shared: Vec<&str> = (0..objects).map(|number| row.object(number)).collect();
                let (links, tags) = (row.list(Role::Urls), row.list(Role::Hashtags));
                let (line, at, zoneless) = (row.line(), row.at_ms(), row.is_zoneless());
                format!("{line} {at} {zoneless} {texts:?} {shared:?} {links:?} {tags:?}")
            }
        });
    }
    Ok(rows)
}

/// How a table writes its times.
#[derive(Debug, Clone, Copy)]
enum Times {
    Text,
    Seconds,
    Real,
    Moments(&'static str, i64, bool),
}

const TIMES: [Times; 9] = [
    Times::Text,
    Times::Seconds,
    Times::Real,
    Times::Moments("MILLIS", 1_000, true),
    Times::Moments("MICROS", 1_000_000, true),
    Times::Moments("NANOS", 1_000_000_000, true),
    Times::Moments("MILLIS", 1_000, false),
    Times::Moments("MICROS", 1_000_000, false),
    Times::Moments("NANOS", 1_000_000_000, false),
];

impl Times {
    /// The column in a schema, its cells, and the same in CSV.
    fn column(self, times: &[Option<i64>]) -> (String, Cells, Vec<String>) {
        let all = |of: &dyn Fn(i64) -> String| -> Vec<String> {
            times.iter().map(|at| at.map(of).unwrap_or_default()).collect()
        };
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        match self {
            Self::Text => {
                let csv = all(&|seconds| at(seconds).to_string());
                let cells = csv.iter().map(|text| (!text.is_empty()).then(|| text.clone().into()));
                ("optional binary ts (STRING);".to_owned(), Cells::Text(cells.collect()), csv)
            }
            Self::Seconds => (
                "optional int64 ts;".to_owned(),
                Cells::I64(times.to_vec()),
                all(&|seconds| seconds.to_string()),
            ),
            Self::Real => {
                #[expect(clippy::cast_precision_loss, reason = "seconds far below 2^53")]
                let real = |seconds: i64| seconds as f64 + 0.25;
                let cells = times.iter().map(|at| at.map(real)).collect();
                let csv = all(&|seconds| format!("{:?}", real(seconds)));
                ("optional double ts;".to_owned(), Cells::F64(cells), csv)
            }
            Self::Moments(unit, per_second, is_utc) => {
                let cells = times.iter().map(|at| at.map(|seconds| seconds * per_second)).collect();
                let csv = all(&|seconds| {
                    let text = at(seconds).to_string();
                    if is_utc { text } else { text.trim_end_matches('Z').to_owned() }
                });
                (format!("optional int64 ts (TIMESTAMP({unit},{is_utc}));"), Cells::I64(cells), csv)
            }
        }
    }
}

/// A table of random posts as a file and as CSV.
#[derive(Debug, Clone)]
struct Both {
    schema: String,
    columns: Vec<Cells>,
    csv: String,
}

type Post = (Option<u8>, Option<i64>, Option<String>, Option<i64>, Option<bool>, Option<u32>);

fn both(posts: &[Post], times: Times) -> Both {
    let at: Vec<Option<i64>> = posts.iter().map(|post| post.1).collect();
    let (time, time_cells, time_texts) = times.column(&at);
    let account = |post: &Post| post.0.map(|number| format!("acct-{number}, \"{number}\""));
    let text = |of: &dyn Fn(&Post) -> Option<String>| {
        Cells::Text(posts.iter().map(|post| of(post).map(String::into_bytes)).collect())
    };
    let schema = format!(
        "optional binary account (STRING); {time} optional binary object_id (STRING); optional int64 post_id; \
         optional boolean post_type; optional int32 followers (INTEGER(32,false));"
    );
    let columns = vec![
        text(&account),
        time_cells,
        text(&|post| post.2.clone()),
        Cells::I64(posts.iter().map(|post| post.3).collect()),
        Cells::Truth(posts.iter().map(|post| post.4).collect()),
        Cells::I32(posts.iter().map(|post| post.5.map(u32::cast_signed)).collect()),
    ];
    let mut csv = "account,ts,object_id,post_id,post_type,followers\n".to_owned();
    let quoted = |cell: &str| {
        let needs = cell.contains([',', '"']);
        if needs { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
    };
    for (post, time) in posts.iter().zip(time_texts) {
        let number = |number: Option<String>| number.unwrap_or_default();
        writeln!(
            csv,
            "{},{time},{},{},{},{}",
            quoted(&account(post).unwrap_or_default()),
            quoted(post.2.as_deref().unwrap_or_default()),
            number(post.3.map(|number| number.to_string())),
            number(post.4.map(|truth| truth.to_string())),
            number(post.5.map(|number| number.to_string())),
        )
        .unwrap();
    }
    Both { schema, columns, csv }
}

fn post() -> impl Strategy<Value = Post> {
    (
        prop::option::weighted(0.9, 0..5_u8),
        prop::option::weighted(0.9, -2_000_000_000_i64..4_000_000_000),
        prop::option::weighted(0.8, "[a-c ,\"é架]{0,6}"),
        prop::option::weighted(0.8, any::<i64>()),
        prop::option::weighted(0.8, any::<bool>()),
        prop::option::weighted(0.8, any::<u32>()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_has_the_rows_of_the_same_table_in_csv(
        posts in prop::collection::vec(post(), 0..24),
        times in 0..TIMES.len(),
        group_rows in 1_usize..9,
        has_dictionary in any::<bool>(),
        packed in 0..4_usize,
        is_second in any::<bool>(),
        zone in prop::option::of(Just("Asia/Tokyo")),
    ) {
        use parquet::file::properties::WriterVersion;
        let both = both(&posts, TIMES[times]);
        let packed = [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(parquet::basic::GzipLevel::default()),
            Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        ][packed];
        let version = if is_second { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(has_dictionary)
            .set_compression(packed)
            .set_writer_version(version);
        let bytes = write_as(&both.schema, &both.columns, group_rows, properties);
        let zone = zone.map(|zone| zone.parse().unwrap());
        let settings = Settings { zone, ..Settings::default() };
        let expected = told(Reader::new(both.csv.as_bytes(), &settings)).unwrap();
        prop_assert_eq!(told(open(&bytes, &settings)).unwrap(), expected);
    }
}

/// What a column of a kind says, taken for the text of a post.
fn cell(schema: &str, cells: Cells) -> Result<String, &'static str> {
    let schema = format!("optional binary account (STRING); optional int64 ts; {schema}");
    let columns = [texts(["a"]), Cells::I64(vec![Some(1_764_000_000)]), cells];
    let mut reader =
        open(&write(&schema, &columns), &Settings::default()).map_err(|no| no.code())?;
    let row = reader.next_row().map_err(|no| no.code())?.unwrap().unwrap();
    Ok(row.text(Role::Text).to_owned())
}

#[test]
fn every_kind_is_written_as_tables_write_it() {
    let mut old = Int96::new();
    // 2025-11-24 is day 2,461,004 of the Julian count; 16:00 in nanoseconds.
    let nanos = 16 * 3_600 * 1_000_000_000_u64;
    let half = |at: u32| u32::try_from(nanos >> at & 0xffff_ffff).unwrap();
    old.set_data(half(0), half(32), 2_461_004);
    let one = |number| Cells::I64(vec![Some(number)]);
    for (schema, cells, expected) in [
        ("optional binary text;", texts(["x"]), "x"),
        ("optional binary text (ENUM);", texts(["x"]), "x"),
        ("optional boolean text;", Cells::Truth(vec![Some(true)]), "true"),
        ("optional int32 text (INTEGER(8,true));", Cells::I32(vec![Some(-3)]), "-3"),
        ("optional int32 text (UINT_32);", Cells::I32(vec![Some(-1)]), "4294967295"),
        ("optional int64 text (INTEGER(64,false));", one(-1), "18446744073709551615"),
        ("optional int32 text (DATE);", Cells::I32(vec![Some(20_416)]), "2025-11-24"),
        ("optional double text;", Cells::F64(vec![Some(3.0)]), "3.0"),
        ("optional double text;", Cells::F64(vec![Some(f64::NAN)]), ""),
        (
            "optional int64 text (TIMESTAMP_MILLIS);",
            one(1_764_000_000_250),
            "2025-11-24T16:00:00.25Z",
        ),
        ("optional int64 text (TIMESTAMP(NANOS,false));", one(1), "1970-01-01T00:00:00.000000001"),
        ("optional int64 text (TIMESTAMP(MICROS,true));", one(-1), "1969-12-31T23:59:59.999999Z"),
        (
            "optional int64 text (TIMESTAMP(MILLIS,true));",
            one(i64::MAX),
            "out of range: 9223372036854775807",
        ),
        ("optional int96 text;", Cells::I96(vec![Some(old)]), "2025-11-24T16:00:00"),
        ("optional int64 text;", Cells::I64(vec![None]), ""),
    ] {
        assert_eq!(cell(schema, cells).as_deref(), Ok(expected), "{schema}");
    }
    for schema in
        ["optional int64 text (DECIMAL(10,2));", "optional int64 text (TIME(MICROS,true));"]
    {
        assert_eq!(cell(schema, one(1)), Err("NRS-INFL-0133"), "{schema}");
    }
}

/// Account, time and a list of links.
fn nested() -> Vec<u8> {
    let schema = "message posts { required binary account (STRING); required int64 ts;
        optional group urls (LIST) { repeated group list { optional binary element (STRING); } } }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&["a".into()], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1_764_000_000], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let links = ["https://news.example/a".into(), "https://news.example/b".into()];
    column.typed::<ByteArrayType>().write_batch(&links, Some(&[3, 3]), Some(&[0, 1])).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_list_is_refused_where_it_would_be_read_and_can_be_left_out() {
    let bytes = nested();
    let mut reader = open(&bytes, &Settings::default()).unwrap();
    let names: Vec<&str> = (0..3).filter_map(|at| reader.columns().name(at)).collect();
    assert_eq!(names, ["account", "ts", "urls"], "whoever maps columns sees them");
    let no = reader.next_row().err().unwrap();
    assert!(matches!(&no, NoTable::Kind(column) if column == "urls"), "{no}");
    let layout = Layout::Mapped("ignored = urls".parse().unwrap());
    let rows = told(open(&bytes, &Settings { layout, ..Settings::default() })).unwrap();
    assert!(rows.len() == 1 && rows[0].starts_with("2 1764000000000 false"), "{rows:?}");
}

#[test]
fn only_columns_that_are_read_are_unpacked() {
    let schema =
        "optional binary account (STRING); optional int64 ts; optional binary username (STRING);";
    let columns = [
        texts(["a", ""]),
        Cells::I64(vec![Some(1_764_000_000); 2]),
        texts(["架空花子", "架空太郎"]),
    ];
    let mut reader = open(&write(schema, &columns), &Settings::default()).unwrap();
    assert!(reader.next_row().unwrap().unwrap().is_ok());
    let reject = reader.next_row().unwrap().unwrap().err().unwrap();
    assert_eq!((reject.line, reject.bytes.as_slice()), (3, &b",1764000000,"[..]));
}

#[test]
fn names_of_a_table_without_names_are_cells_and_not_told() {
    let schema = "optional binary @kakuu_hanako (STRING); optional int64 col2;";
    let columns = [texts(["a"]), Cells::I64(vec![Some(1_764_000_000)])];
    let layout = Layout::Mapped("account = 1\ntime = 2".parse().unwrap());
    let reader = open(&write(schema, &columns), &Settings { layout, ..Settings::default() });
    let reader = reader.unwrap();
    assert_eq!((reader.columns().name(0), reader.columns().first_line()), (Some(""), None));
}

#[test]
fn letters_and_visibility_are_judged_as_in_any_table() {
    let schema = "optional binary account; optional int64 ts; optional binary visibility;";
    let sjis = encoding_rs::SHIFT_JIS.encode("架空").0.into_owned();
    let accounts = vec![Some(sjis), Some(vec![b'a', 0xff]), Some(b"a".to_vec())];
    let columns = [
        Cells::Text(accounts),
        Cells::I64(vec![Some(1_764_000_000); 3]),
        texts(["public", "", "private"]),
    ];
    let mut reader = open(&write(schema, &columns), &Settings::default()).unwrap();
    let row = reader.next_row().unwrap().unwrap().unwrap();
    assert_eq!(row.text(Role::Account), "架空");
    for (line, code) in [(3, "NRS-INFL-0107"), (4, "NRS-INFL-0105")] {
        let reject = reader.next_row().unwrap().unwrap().err().unwrap();
        assert_eq!((reject.line, reject.reason.code(), reject.bytes.len()), (line, code, 0));
    }
    assert_eq!(reader.shift_jis_rows(), 1);
}

#[test]
fn parquet_is_known_by_its_mark_and_not_read_from_a_stream() {
    let bytes = nested();
    let no = Reader::new(bytes.as_slice(), &Settings::default()).err().unwrap();
    assert_eq!(no.code(), "NRS-INFL-0132");
    let csv = b"PAR1,account,ts\n1,a,1764000000\n";
    assert!(is_one(&bytes) && !is_one(csv) && !is_one(b"") && !is_one(b"PAR"));
    assert_eq!(told(open(csv, &Settings::default())).unwrap().len(), 1);
}

/// A small file of two row groups, and where the second begins.
fn sample() -> Vec<u8> {
    let schema =
        "optional binary account (STRING); optional int64 ts; optional binary object_id (STRING);";
    let columns = [
        texts(["a", "b", "a", "c"]),
        Cells::I64((0..4).map(|second| Some(1_764_000_000 + second)).collect()),
        texts(["o1", "o1", "o2", "o2"]),
    ];
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    write_as(schema, &columns, 2, properties)
}

#[test]
fn a_file_that_is_cut_or_encrypted_is_told_as_such() {
    let whole = sample();
    assert_eq!(told(open(&whole, &Settings::default())).unwrap().len(), 4);
    for length in MARKS[0].len()..whole.len() {
        let code = told(open(&whole[..length], &Settings::default()));
        assert_eq!(code, Err("NRS-INFL-0130"), "{length}");
    }
    let mut encrypted = whole.clone();
    let tail = encrypted.len() - 4;
    encrypted[tail..].copy_from_slice(b"PARE");
    assert_eq!(told(open(&encrypted, &Settings::default())), Err("NRS-INFL-0131"));
    // The same with a footer that says it is longer than all, or than is read.
    for length in [u32::MAX, 1 << 20, 0] {
        let mut wrong = whole.clone();
        wrong[tail - 4..tail].copy_from_slice(&length.to_le_bytes());
        assert_eq!(told(open(&wrong, &Settings::default())), Err("NRS-INFL-0130"), "{length}");
    }
}

#[test]
fn whatever_is_wrong_in_a_file_is_an_answer_about_the_file() {
    let whole = sample();
    let expected = told(open(&whole, &Settings::default())).unwrap();
    let mut damaged = 0;
    for at in 4..whole.len() {
        for flipped in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flipped;
            match told(open(&bytes, &Settings::default())) {
                Ok(rows) => assert!(rows.len() <= expected.len(), "{at} {flipped}: {rows:?}"),
                Err(_) => damaged += 1,
            }
        }
    }
    assert!(damaged > whole.len(), "{damaged} of {}", 3 * whole.len());
}

#[test]
fn what_a_file_says_of_itself_has_limits() {
    let whole = sample();
    // The codec stands behind the path of the column.
    let codec = b"account\x15\x02";
    let at = whole.windows(codec.len()).position(|window| window == codec).unwrap();
    let mut packed = whole.clone();
    // Brotli.
    packed[at + codec.len() - 1] = 0x08;
    assert_eq!(told(open(&packed, &Settings::default())), Err("NRS-INFL-0135"));
    // Rows that are all equal take no room: a million of them in some hundred bytes.
    let schema = "optional int32 account; optional int32 ts;";
    let rows = 1 << 20;
    let columns = [Cells::I32(vec![Some(1); rows]), Cells::I32(vec![Some(1_764_000_000); rows])];
    let properties = WriterProperties::builder().set_data_page_row_count_limit(rows);
    let bytes = write_as(schema, &columns, rows, properties);
    assert!(bytes.len() < 1_000, "{}", bytes.len());
    assert_eq!(told(open(&bytes, &Settings::default())), Err("NRS-INFL-0134"));
    // A text that is nearly as long as a record may be, and one that is longer.
    let long = |count: usize| Some(vec![b'x'; count]);
    let columns = [
        Cells::Text(vec![long(RECORD_BYTES_MAX - 100), long(RECORD_BYTES_MAX + 1), long(1)]),
        Cells::I64(vec![Some(1_764_000_000); 3]),
    ];
    let bytes = write("optional binary account (STRING); optional int64 ts;", &columns);
    let rows = told(open(&bytes, &Settings::default())).unwrap();
    assert_eq!(rows[1], format!("3 NRS-INFL-0108 {:?}", [b'x'; REJECT_BYTES_MAX]));
}

/// Four accounts that share every story within seconds, among readers who share one now and then; some rows have no
/// account or no object.
fn shares() -> Both {
    let mut rows: Vec<(Option<String>, i64, Option<String>, i64)> = Vec::new();
    for story in 0_i64..12 {
        let at = 1_764_000_000 + story * 42_000;
        let object = format!("https://news.example/{story}");
        for (account, second) in ["ash", "elm", "fir", "oak"].into_iter().zip(0_i64..) {
            rows.push((Some(account.to_owned()), at + second, Some(object.clone()), story));
        }
        for reader in 0..20 {
            let account = (reader != 7).then(|| format!("reader-{}", story * 11 + reader));
            let object = (reader != 9).then(|| object.clone());
            rows.push((account, at + reader * 60, object, 100 + story * 20 + reader));
        }
    }
    let mut csv = "object_id,account_id,content_id,timestamp_share\n".to_owned();
    for (account, at, object, post) in &rows {
        let at = Timestamp::from_second(*at).unwrap();
        let (account, object) = (account.as_deref(), object.as_deref());
        writeln!(csv, "{},{},{post},{at}", object.unwrap_or(""), account.unwrap_or("")).unwrap();
    }
    let text = |of: &dyn Fn(&(Option<String>, i64, Option<String>, i64)) -> Option<String>| {
        Cells::Text(rows.iter().map(|row| of(row).map(String::into_bytes)).collect())
    };
    let columns = vec![
        text(&|row| row.2.clone()),
        text(&|row| row.0.clone()),
        Cells::I64(rows.iter().map(|row| Some(row.3)).collect()),
        Cells::I64(rows.iter().map(|row| Some(row.1 * 1_000)).collect()),
    ];
    let schema = "optional binary object_id (STRING); optional binary account_id (STRING); \
                  optional int64 content_id; optional int64 timestamp_share (TIMESTAMP(MILLIS,true));";
    Both { schema: schema.to_owned(), columns, csv }
}

/// The pair of files below `tests/data` that tests of the program read: the same shares in both forms, the file in row
/// groups of fifty and with dictionaries, as letters.
#[test]
fn the_files_of_other_tests_are_the_shares_in_both_forms() {
    let both = shares();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()));
    let bytes = write_as(&both.schema, &both.columns, 50, properties);
    let letters = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let lines: Vec<&str> =
        letters.as_bytes().chunks(100).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for (name, made) in
        [("shares.csv", both.csv.clone()), ("shares.parquet.b64", lines.join("\n") + "\n")]
    {
        let held = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        if held != made {
            let fresh = std::env::temp_dir().join(name);
            std::fs::write(&fresh, &made).unwrap();
            panic!("tests/data/{name} is another one than `{}`", fresh.display());
        }
    }
    assert_eq!(
        told(open(&bytes, &Settings::default())),
        told(Reader::new(both.csv.as_bytes(), &Settings::default()))
    );
}
