//! The detectors at the command line: what the contract names, over files as analysts have them.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

fn noroshi(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_noroshi")).args(arguments).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Four accounts that share every story within seconds, among readers who share one now and then.
fn shares() -> String {
    let mut table = "object_id,account_id,content_id,timestamp_share\n".to_owned();
    for story in 0_i64..12 {
        let at = 1_764_000_000 + story * 42_000;
        for (account, second) in ["ash", "elm", "fir", "oak"].into_iter().zip(0_i64..) {
            writeln!(
                table,
                "https://news.example/{story},{account},{account}-{story},{}",
                at + second
            )
            .unwrap();
        }
        for reader in 0..40 {
            let who = story * 31 + reader;
            writeln!(
                table,
                "https://news.example/{story},reader-{who},r-{who}-{story},{}",
                at + reader * 60
            )
            .unwrap();
        }
    }
    table
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn planted_coordination_is_found_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("shares.csv"), dir.path().join("out"));
    // A row without a time is put aside and told; the rest is read.
    std::fs::write(&file, shares() + "https://news.example/1,ash,x,soon\n").unwrap();
    let (file, folder) = (file.to_str().unwrap(), out.to_str().unwrap());
    let arguments = [
        "influence",
        "coordination",
        file,
        "--object",
        "object_id",
        "--window",
        "60",
        "--out",
        folder,
    ];
    let output = noroshi(&[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(1), "a row was put aside");
    let summary = json_of(&output);
    assert_eq!(
        (&summary["rows"], &summary["put_aside"]["NRS-INFL-0103"]),
        (&529.into(), &1.into()),
        "{summary}"
    );
    assert_eq!((&summary["edges"], &summary["groups"]), (&6.into(), &1.into()), "{summary}");
    assert_eq!(summary["shuffled_copy"]["edges"], 0);
    let edges = lines(&out.join("edges.csv"));
    assert!(edges[0].starts_with("account_a,account_b,weight,p,q"), "{}", edges[0]);
    let pairs: Vec<String> = edges[1..]
        .iter()
        .map(|line| line.split(',').take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        pairs,
        ["ash elm 12", "ash fir 12", "ash oak 12", "elm fir 12", "elm oak 12", "fir oak 12"]
    );
    let groups = lines(&out.join("groups.csv"));
    assert_eq!(groups.len(), 5, "{groups:?}");
    let graph = std::fs::read_to_string(out.join("graph.graphml")).unwrap();
    assert_eq!(graph.matches("<edge ").count(), 6, "{graph}");
    let rejects = lines(&out.join("rejects.jsonl"));
    assert!(rejects.len() == 1 && rejects[0].contains("\"line\":530"), "{rejects:?}");
    // Without the null model everybody who met is told, readers too.
    let output = noroshi(
        &[&arguments[..], &["--null", "off", "--min-weight", "1", "--format", "json"]].concat(),
    );
    assert!(json_of(&output)["edges"].as_u64().unwrap() > 100);
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shares.csv");
    std::fs::write(&file, shares()).unwrap();
    let (file, out) = (file.to_str().unwrap(), dir.path().join("out"));
    let check = |more: &[&str], code: &str| {
        let begin = ["influence", "coordination", file, "--out", out.to_str().unwrap()];
        let output = noroshi(&[&begin[..], more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(code), "{said}");
    };
    check(&["--object", "nothing", "--window", "60"], "NRS-INFL-0101");
    check(&["--object", "object_id", "--window", "0"], "NRS-INFL-0121");
    check(&["--object", "object_id", "--window", "60", "--false-discovery", "1"], "NRS-INFL-0121");
    // A question after what no row has is no finding that there is nothing.
    for nothing in ["repost", "reply", "url", "text"] {
        check(&["--object", nothing, "--window", "60"], "NRS-INFL-0124");
        check(&["--object", "object_id", "--object", nothing, "--window", "60"], "NRS-INFL-0124");
    }
}

/// What the codec's tests write: shares as CSV, and the same in row groups with nulls and dictionaries as Parquet.
fn twins() -> (Vec<u8>, Vec<u8>) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../noroshi-codec/tests/data");
    let letters = std::fs::read_to_string(data.join("shares.parquet.b64")).unwrap();
    let parquet = STANDARD.decode(letters.replace('\n', "")).unwrap();
    (std::fs::read(data.join("shares.csv")).unwrap(), parquet)
}

#[test]
fn parquet_gives_byte_for_byte_what_the_same_table_in_csv_gives() {
    let dir = tempfile::tempdir().unwrap();
    let (csv, parquet) = twins();
    let run = |name: &str, bytes: &[u8], more: &[&str]| {
        let (file, out) = (dir.path().join(name), dir.path().join(format!("{name}-out")));
        std::fs::write(&file, bytes).unwrap();
        let begin = ["influence", "coordination", file.to_str().unwrap(), "--object", "object_id"];
        let end = ["--window", "60", "--out", out.to_str().unwrap(), "--format", "json"];
        let output = noroshi(&[&begin[..], &end[..], more].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let files = ["edges.csv", "groups.csv", "graph.graphml", "rejects.jsonl"];
        (json_of(&output), files.map(|file| std::fs::read(out.join(file)).unwrap()))
    };
    for more in [&[][..], &["--null", "off", "--min-weight", "1"]] {
        let (one, other) = (run("shares", &csv, more), run("shares-2", &parquet, more));
        assert_eq!(one.0["edges"], other.0["edges"]);
        assert!(one.0["edges"].as_u64() >= Some(6), "{}", one.0);
        assert_eq!(one.0["put_aside"]["NRS-INFL-0104"], 12, "{}", one.0);
        assert_eq!(one.1, other.1);
    }
}

#[test]
fn parquet_that_cannot_be_read_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (_, whole) = twins();
    let (file, out) = (dir.path().join("shares"), dir.path().join("out"));
    let with = |place: &str, input: std::process::Stdio| {
        let output = Command::new(env!("CARGO_BIN_EXE_noroshi"))
            .args(["influence", "coordination", place, "--object", "object_id", "--window", "60"])
            .arg("--out")
            .arg(&out)
            .stdin(input)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!out.join("edges.csv").try_exists().unwrap(), "{said}");
        said
    };
    let mut broken = whole.clone();
    let half = broken.len() / 2;
    broken[half..half + 200].fill(0xff);
    let mut encrypted = whole.clone();
    let tail = encrypted.len() - 4;
    encrypted[tail..].copy_from_slice(b"PARE");
    for (bytes, code) in [
        (&broken[..], "NRS-INFL-0130"),
        (&whole[..whole.len() - 9], "NRS-INFL-0130"),
        (&whole[..40], "NRS-INFL-0130"),
        (&encrypted, "NRS-INFL-0131"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let said = with(file.to_str().unwrap(), std::process::Stdio::null());
        assert!(said.contains(code), "{code}: {said}");
    }
    std::fs::write(&file, &whole).unwrap();
    let said = with("-", std::fs::File::open(&file).unwrap().into());
    assert!(said.contains("NRS-INFL-0132"), "{said}");
}

/// A set of tags is one object whatever its order and width, and ten tags of two posts are one thing done together.
#[test]
fn the_tags_of_a_post_are_one_object() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("posts.csv"), dir.path().join("out"));
    let tags = ["Lamp", "oil", "ｶﾅ", "Straße", "a", "b", "c", "d", "e", "f"];
    let turned = ["F", "E", "ｄ", "c", "b", "ａ", "STRASSE", "カナ", "#OIL", "＃ｌａｍｐ", "oil"];
    for (post, object, weight) in [
        ("post", "hashtags", Some("1")),
        ("nothing", "hashtags", Some("1")),
        ("post", "mentions", Some("1")),
        ("nothing", "mentions", Some("1")),
    ] {
        let (one, other) =
            if object == "mentions" { (&tags[..], &tags[..]) } else { (&tags[..], &turned[..]) };
        let mut table = format!("{post}_id,account,ts,{object}\n");
        writeln!(table, "p1,ash,1764000000,{}", one.join(" ")).unwrap();
        writeln!(table, "p2,elm,1764000020,{}", other.join(" ")).unwrap();
        std::fs::write(&file, table).unwrap();
        let output = noroshi(&[
            "influence",
            "coordination",
            file.to_str().unwrap(),
            "--object",
            object,
            "--window",
            "60",
            "--null",
            "off",
            "--semantics",
            "distinct",
            "--out",
            out.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let edges = lines(&out.join("edges.csv"));
        let weights: Vec<&str> =
            edges[1..].iter().filter_map(|edge| edge.split(',').nth(2)).collect();
        assert_eq!(weights.first().copied(), weight, "{post} {object}: {edges:?}");
        assert_eq!(weights.len(), 1, "{post} {object}: {edges:?}");
    }
}

/// G2 at the command line: a mapping makes no private chat public, and what was refused is not written down.
#[test]
fn what_is_not_public_is_neither_read_nor_written() {
    let dir = tempfile::tempdir().unwrap();
    let (file, mapping) = (dir.path().join("result.json"), dir.path().join("mapping"));
    let export = r#"{"name": "g", "type": "private_group", "id": 8, "messages": [
        {"id": 1, "type": "message", "date_unixtime": "1795737600", "from_id": "user8", "text": "himitsu himitsu himitsu"},
        {"id": 2, "type": "message", "date_unixtime": "1795737601", "from_id": "user9", "text": "himitsu himitsu himitsu"}]}"#;
    let table = "account,ts,text,visibility\nuser8,1795737600,himitsu himitsu,followers\nuser9,1795737600,himitsu\n";
    for content in [export, table] {
        std::fs::write(&file, content).unwrap();
        for said in ["", "ignored = visibility\n", "text = visibility\n", "kind = visibility\n"] {
            std::fs::write(&mapping, said).unwrap();
            let out = dir.path().join("out");
            let output = noroshi(&[
                "influence",
                "copies",
                file.to_str().unwrap(),
                "--mapping",
                mapping.to_str().unwrap(),
                "--out",
                out.to_str().unwrap(),
                "--format",
                "json",
            ]);
            let summary = json_of(&output);
            assert_eq!(output.status.code(), Some(1), "{said} {summary}");
            assert_eq!(summary["posts"], 0, "{said} {summary}");
            let rejects = std::fs::read_to_string(out.join("rejects.jsonl")).unwrap();
            assert_eq!(rejects.lines().count(), 2, "{rejects}");
            assert!(rejects.contains("NRS-INFL-0105"), "{rejects}");
            assert!(!rejects.contains("himitsu") && !rejects.contains("user8"), "{rejects}");
        }
    }
}

/// One film has one address, and a time without a zone is of the zone that was said, which is told.
#[test]
fn one_page_is_one_object_and_the_zone_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (file, mapping) = (dir.path().join("shares.csv"), dir.path().join("mapping"));
    let mut table = "urls,account_id,content_id,timestamp\n".to_owned();
    for film in 0..12 {
        for (account, second) in ["ash", "elm", "fir", "oak"].into_iter().zip(0..) {
            writeln!(
                table,
                "https://youtu.be/VID{film}?si={account}{film},{account},{account}{film},2026/11/{:02} 09:00:{second:02}",
                film + 10
            )
            .unwrap();
        }
        for reader in 0..40 {
            let who = film * 31 + reader;
            writeln!(
                table,
                "https://www.youtube.com/watch?v=VID{film},reader-{who},r{who}-{film},2026/11/{:02} 10:{reader:02}:00",
                film + 10
            )
            .unwrap();
        }
    }
    std::fs::write(&file, table).unwrap();
    std::fs::write(&mapping, "zone = Asia/Tokyo\n").unwrap();
    let output = noroshi(&[
        "influence",
        "coordination",
        file.to_str().unwrap(),
        "--object",
        "url",
        "--window",
        "60",
        "--mapping",
        mapping.to_str().unwrap(),
        "--out",
        dir.path().join("out").to_str().unwrap(),
        "--format",
        "json",
    ]);
    let summary = json_of(&output);
    assert_eq!((&summary["edges"], &summary["groups"]), (&6.into(), &1.into()), "{summary}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("528 times without a zone were taken in Asia/Tokyo"), "{told}");
}

#[test]
fn posts_that_say_the_same_are_found_in_three_languages() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("posts.jsonl"), dir.path().join("out"));
    let texts = [
        (
            "ash",
            "The harbour lights of Kilnport went out again last night and nobody says why, pass this on.",
        ),
        (
            "elm",
            "THE HARBOUR LIGHTS of Kilnport went out again last night and nobody says why — pass this on!!",
        ),
        (
            "fir",
            "Тhе hаrbоur lights of Kilnport went out again last night and nobody says why, pass this on.",
        ),
        ("oak", "昨夜も窯港の灯台が消えたが誰も理由を説明しない。これを広めてほしいと思います。"),
        ("yew", "昨夜も窯港の灯台が消えたが誰も理由を説明しない。コレヲ広めてほしいと思います。"),
        ("bay", "Ferries run as usual."),
    ];
    let mut table = String::new();
    for (number, (account, text)) in texts.iter().enumerate() {
        let row = serde_json::json!({ "account": account, "ts": 1_764_000_000 + number, "post_id": number.to_string(), "text": text });
        writeln!(table, "{row}").unwrap();
    }
    std::fs::write(&file, table).unwrap();
    let output = noroshi(&[
        "influence",
        "copies",
        file.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let summary = json_of(&output);
    assert_eq!((&summary["clusters"], &summary["clustered"]), (&2.into(), &5.into()), "{summary}");
    let members = lines(&out.join("members.csv"));
    assert!(
        members.iter().any(|line| line.contains(",fir,") && line.contains("look-alike")),
        "{members:?}"
    );
    assert!(
        !members.iter().any(|line| line.contains("Kilnport")),
        "texts stay in the input unless they are asked for"
    );
    assert!(!lines(&out.join("clusters.csv")).iter().any(|line| line.contains("Kilnport")));
}

#[test]
fn names_that_imitate_are_found_and_the_owners_own_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let (list, names) = (dir.path().join("protected.tsv"), dir.path().join("names.txt"));
    std::fs::write(&list, "domain\treadings\tdeclared\nkilnport.example.co.jp\t窯港\t\nharbour.go.jp\t\tharbour-info.jp\n").unwrap();
    std::fs::write(&names, "hxxp://harbour[.]lg[.]jp/a\nhabour.go.jp\nwww.harbour.go.jp\nharbour-info.jp\nferry.jp\n\n").unwrap();
    let (list, names) = (list.to_str().unwrap(), names.to_str().unwrap());
    let output =
        noroshi(&["influence", "lookalike", "--protected", list, names, "--format", "json"]);
    let summary = json_of(&output);
    let hits: Vec<&str> = summary["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["candidate"].as_str().unwrap())
        .collect();
    assert_eq!(hits, ["harbour.lg.jp"], "{summary}");
    assert_eq!(summary["owned"], 2, "{summary}");
    assert_eq!(summary["closed"], 1, "habour.go.jp is the state's own: {summary}");
    let output = noroshi(&["influence", "lookalike", "--protected", list, "--generate"]);
    let made = String::from_utf8(output.stdout).unwrap();
    assert!(made.lines().any(|line| line == "harbour.lg.jp"), "{made}");
    assert!(!made.lines().any(|line| matches!(line, "harbour.go.jp" | "harbour-info.jp")));
}
