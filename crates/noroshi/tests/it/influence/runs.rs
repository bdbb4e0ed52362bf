//! Runs over what was gathered: each detector from a file to its page, its files and its leaf.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Pillar, commands, get, mixed, refused};
use crate::evidence::{bundle, import};
use crate::evidence_pages::Browser;

const DAY: i64 = 86_400;

/// Takes a file of a run out as a program: status, text.
async fn file(pillar: &Pillar, run: &str, name: &str) -> (u16, String) {
    let url = pillar.test.url(&format!("/api/v1/influence/runs/{run}/tables/{name}"));
    let token = pillar.analyst.token.clone();
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer =
            agent.get(&url).header("authorization", format!("Bearer {token}")).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    })
    .await
    .unwrap()
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

/// 260 accounts that post now and then, one that posts like a clock, thirty made within the same hour, one that woke.
fn habits(pillar: &Pillar) -> String {
    let mut table = String::from("post_id,account,ts,account_creation_date,shown\n");
    let mut number = 0_u64;
    let mut row = |account: &str, at: i64, made: i64, shown: &str| {
        number += 1;
        // What is posted lies before the end of the collection; an archive may be older.
        writeln!(table, "h{number},{account},{at},{made},{shown}").unwrap();
    };
    let now = pillar.at(0);
    for account in 0..260_u64 {
        let name = format!("reader{account}");
        let made = if account < 30 {
            now - 300 * DAY + i64::try_from(mixed(account) % 3_000).unwrap()
        } else {
            now - 900 * DAY + i64::try_from(mixed(account) % 600).unwrap() * DAY
        };
        for post in 0..50_u64 {
            let drawn = mixed(account * 1_000 + post);
            let hour = 8 + i64::try_from(drawn % 14).unwrap();
            let day = i64::try_from((drawn >> 8) % 80).unwrap();
            let second = i64::try_from((drawn >> 20) % 3_600).unwrap();
            row(&name, now - day * DAY + hour * 3_600 + second - DAY, made, "");
        }
    }
    for turn in 0..300 {
        row("clockwork", now - 40 * DAY + turn * 600 + 7, now - 60 * DAY, "");
    }
    for turn in 0..30 {
        row(
            "dormouse",
            now - 5 * DAY + turn * 3_000,
            now - 600 * DAY,
            if turn == 0 { "one name" } else { "" },
        );
    }
    row("reader7", now - DAY, now - 300 * DAY, "One Name");
    table
}

#[tokio::test]
async fn cadence_is_described_measure_by_measure_and_never_added_up() {
    let pillar = Pillar::open().await;
    let test = &pillar.test;
    let collection = pillar.collection(20_000).await;
    let mapping = "post = post_id\naccount = account\ntime = ts\naccount_created = account_creation_date\nhandle = shown";
    let (_, done) = pillar.bring(&collection, habits(&pillar).as_bytes(), mapping).await;
    assert_eq!(done["taken"]["posts"], 13_331, "{done}");
    let run = pillar.run(&collection, json!({ "engine": "cadence" })).await;
    assert_eq!(run["state"], "done", "{run}");
    let sum = &run["summary"];
    assert_eq!(
        (&sum["creations"], &sum["sleepers"], &sum["names"]),
        (&json!(1), &json!(1), &json!(1)),
        "{run}"
    );
    let (status, rhythms) = file(&pillar, id(&run), "rhythms.csv").await;
    assert_eq!(status, 200);
    assert!(rhythms.starts_with("number,account,posts,measures\n"), "{rhythms}");
    let clock = rows(&rhythms).into_iter().find(|row| row[2] == "300").unwrap();
    assert!(clock[3].contains("burstiness") && clock[3].contains("gap-entropy"), "{clock:?}");
    // Nothing of a table is a figure of an account as a whole, and no name stands anywhere.
    let (_, creations) = file(&pillar, id(&run), "creations.json").await;
    let creations: Value = serde_json::from_str(&creations).unwrap();
    let burst = &creations["rows"][0]["row"];
    assert_eq!(burst["evidence"].as_array().unwrap().len(), 30, "{burst}");
    assert!(burst["p"].as_f64().unwrap() < 1e-4, "{burst}");
    let (_, names) = file(&pillar, id(&run), "names.json").await;
    assert!(names.contains("name:") && !names.to_lowercase().contains("one name"), "{names}");
    assert!(!format!("{rhythms}{creations}").contains("reader"), "a handle stands in a file");

    let browser = Browser::of(test, &pillar.analyst).await;
    let (status, page) = browser.get(&format!("/influence/runs/{}", id(&run))).await;
    assert!(status == 200 && page.contains("Accounts made together"), "{page}");
    assert!(page.contains("Nothing is added up"), "the page says what it is not: {page}");
    let (status, page) =
        browser.get(&format!("/influence/runs/{}/finds/creations/0", id(&run))).await;
    assert!(status == 200 && page.contains("were to be expected"), "{page}");
    let (status, page) =
        browser.get(&format!("/influence/runs/{}/finds/rhythms/0", id(&run))).await;
    assert!(status == 200 && page.contains("Posts by hour in Japan"), "{page}");
    let (status, _) =
        browser.get(&format!("/influence/runs/{}/finds/rhythms/99999", id(&run))).await;
    assert_eq!(status, 404);

    // The pack holds the same tables, and each table that was taken out is a leaf.
    let files = pillar.pack(id(&run)).await;
    assert_eq!(String::from_utf8(files["rhythms.csv"].clone()).unwrap(), rhythms);
    assert!(String::from_utf8(files["verify.txt"].clone()).unwrap().contains("cadence"));
    let taken = commands(&pillar).await;
    assert_eq!(taken.iter().filter(|one| *one == "influence.run.table").count(), 3);
}

/// Forty letters of its own for each seed, so that no two are near copies.
fn story(seed: u64) -> String {
    let letter =
        |at: u64| char::from_u32(0x4e00 + u32::try_from(mixed(seed * 100 + at) % 3_000).unwrap());
    (0..40).map(|at| letter(at).unwrap()).collect()
}

/// Stories that go from one site to the next within the hour, each in its own words, and one site of its own.
fn copied(pillar: &Pillar) -> String {
    let mut table = String::from("post_id,account,ts,urls,text\n");
    for number in 0..8_i64 {
        let text = story(u64::try_from(number).unwrap());
        let sites = [("source", 0), ("relay", 1_500), ("paper", 4_000), ("mirror", 4_200)];
        for (site, lag) in sites {
            let said = if site == "paper" {
                format!("{}噂噂", text.chars().take(38).collect::<String>())
            } else {
                text.clone()
            };
            let at = pillar.at(number * 20_000 + lag);
            writeln!(
                table,
                "{site}{number},desk-{site},{at},https://{site}.example/{number},{said}"
            )
            .unwrap();
        }
    }
    table
}

#[tokio::test]
async fn copied_sites_are_a_map_from_the_source_on_with_what_they_run_on() {
    let pillar = Pillar::open().await;
    let test = &pillar.test;
    let collection = pillar.collection(1_000).await;
    pillar.bring(&collection, copied(&pillar).as_bytes(), "").await;
    let domain = |name: &str| {
        noroshi_evidence::observable::Observable::parse(name).unwrap().stix_id().to_string()
    };
    let address = noroshi_evidence::observable::Observable::parse("203.0.113.9").unwrap();
    let mut objects = vec![json!({
        "type": "ipv4-addr", "spec_version": "2.1", "id": address.stix_id(), "value": "203.0.113.9",
    })];
    for (number, name) in [(1, "paper.example"), (2, "mirror.example")] {
        objects.push(json!({ "type": "domain-name", "spec_version": "2.1", "id": domain(name), "value": name }));
        objects.push(json!({
            "type": "relationship", "spec_version": "2.1",
            "id": format!("relationship--1b6ea7d9-2b0f-4f55-8f0a-{number:012}"), "created": "2026-11-01T00:00:00.000Z",
            "modified": "2026-11-01T00:00:00.000Z", "relationship_type": "resolves-to", "source_ref": domain(name),
            "target_ref": address.stix_id(),
        }));
    }
    import(test, &pillar.analyst, bundle(&objects)).await;
    let asked = json!({ "engine": "sites", "traces": ["text"] });
    let run = pillar.run(&collection, asked).await;
    assert_eq!(run["state"], "done", "{run}");
    let (_, links) = file(&pillar, id(&run), "links.csv").await;
    let found = rows(&links);
    let pairs: Vec<(&str, &str)> = found.iter().map(|row| (row[1], row[2])).collect();
    assert!(pairs.contains(&("source.example", "relay.example")), "{links}");
    assert!(!pairs.contains(&("relay.example", "source.example")), "{links}");
    let (_, chains) = file(&pillar, id(&run), "chains.json").await;
    assert!(chains.contains("paper.example"), "{chains}");
    let browser = Browser::of(test, &pillar.analyst).await;
    let (status, page) = browser.get(&format!("/influence/runs/{}", id(&run))).await;
    assert!(status == 200 && page.contains("marker-end=\"url(#later)\""), "{page}");
    assert!(page.contains("203.0.113.9") && page.contains("Shared infrastructure"), "{page}");
    // The source stands left of the others.
    let x = |site: &str| {
        let at = page.find(&format!("<title>{site}</title>")).unwrap();
        let rest = &page[at..];
        let start = rest.find("x=\"").unwrap() + 3;
        rest[start..].split('"').next().unwrap().parse::<i32>().unwrap()
    };
    assert!(x("source.example") < x("relay.example") && x("relay.example") < x("paper.example"));
    // The texts of a link are read side by side with their difference.
    let number =
        found.iter().position(|row| (row[1], row[2]) == ("source.example", "paper.example"));
    let path = format!("/influence/runs/{}/finds/links/{}", id(&run), number.unwrap());
    let (status, page) = browser.get(&path).await;
    assert!(status == 200 && page.contains("<mark class=\"differs-"), "{page}");
    // Whoever may not see the graph's objects is told nothing of them, and a site has no other's address.
    let path = format!("/influence/collections/{collection}/runs");
    let own = json!({ "engine": "sites", "traces": ["url"] });
    refused(test, &pillar.analyst, &path, own, "NRS-INFL-1206").await;

    let run =
        pillar.run(&collection, json!({ "engine": "amplification", "traces": ["text"] })).await;
    assert_eq!(run["summary"]["spreads"], 8, "{run}");
    let (status, page) =
        browser.get(&format!("/influence/runs/{}/finds/spreads/0", id(&run))).await;
    assert!(status == 200 && page.contains("Accounts that had it, over time"), "{page}");
    let (_, spreads) = file(&pillar, id(&run), "spreads.csv").await;
    assert_eq!(rows(&spreads)[0][2..4], ["4", "4"], "{spreads}");
}

#[tokio::test]
async fn residue_is_an_exhibit_and_narratives_are_candidates_to_name() {
    let pillar = Pillar::open().await;
    let collection = pillar.collection(1_000).await;
    let mut table = String::from("post_id,account,ts,text\n");
    let topics = [
        ["投票所の時間", "投票所の場所", "投票用紙の色", "開票の立会人", "選挙の名簿"],
        ["梅の収穫量", "梅の菓子の値", "砂糖の値上げ", "小麦の輸入量", "牛乳の出荷"],
    ];
    for post in 0..40_u64 {
        let words = topics[usize::try_from(post % 2).unwrap()];
        let drawn = |at: u64| words[usize::try_from(mixed(post * 10 + at) % 5).unwrap()];
        let text = format!("{}と{}と{}について {post}", drawn(0), drawn(1), drawn(2));
        writeln!(table, "n{post},a{post},{},{text}", pillar.at(i64::try_from(post).unwrap() * 900))
            .unwrap();
    }
    let phrase = "AI言語モデルとして、お答えします。投票所は開いています。";
    writeln!(table, "x1,kakuu,{},{phrase}", pillar.at(50_000)).unwrap();
    writeln!(table, "x2,other,{},「AI言語モデルとして」と書いた人がいた", pillar.at(50_001))
        .unwrap();
    pillar.bring(&collection, table.as_bytes(), "").await;
    let browser = Browser::of(&pillar.test, &pillar.analyst).await;

    let run = pillar.run(&collection, json!({ "engine": "residue" })).await;
    assert_eq!(
        (&run["summary"]["hits"], &run["summary"]["quoted"]),
        (&json!(2), &json!(1)),
        "{run}"
    );
    let (status, page) =
        browser.get(&format!("/influence/runs/{}/finds/residues/0", id(&run))).await;
    assert!(status == 200, "{page}");
    assert!(page.contains("<mark class=\"differs-changed\">AI言語モデルとして</mark>"), "{page}");
    let (_, taken) = file(&pillar, id(&run), "residues.json").await;
    assert!(!taken.contains("言語モデル"), "a text left the collection: {taken}");

    let run = pillar.run(&collection, json!({ "engine": "narratives" })).await;
    assert_eq!(run["state"], "done", "{run}");
    let (_, topics) = file(&pillar, id(&run), "topics.csv").await;
    let found = rows(&topics);
    assert!(found.len() >= 2, "{topics}");
    assert!(topics.contains("投票") && topics.contains('梅'), "{topics}");
    let (status, page) = browser.get(&format!("/influence/runs/{}/finds/topics/0", id(&run))).await;
    assert!(
        status == 200 && page.contains("について"),
        "the examples are there to be read: {page}"
    );

    // A month later the texts are gone: neither is asked of nothing, and the page says so.
    let empty = pillar.collection(10).await;
    let table = format!("post_id,account,ts,urls\ne1,a,{},https://news.example/x\n", pillar.at(0));
    pillar.bring(&empty, table.as_bytes(), "").await;
    for engine in ["residue", "narratives"] {
        let run = pillar.run(&empty, json!({ "engine": engine })).await;
        assert_eq!(run["summary"]["failure"], "NRS-INFL-1207", "{run}");
    }
}

/// Texts rewritten a little, sets of tags and fast reposts: traces that are made of what is held.
#[tokio::test]
async fn made_traces_carry_a_coordination_run_and_cadence_only_stands_beside() {
    let pillar = Pillar::open().await;
    let collection = pillar.collection(10_000).await;
    let mut table = String::from("post_id,account,ts,repost_id,hashtags,text\n");
    let mut number = 0;
    let mut row = |account: &str, at: i64, repost: &str, tags: &str, text: &str| {
        number += 1;
        writeln!(table, "t{number},{account},{at},{repost},{tags},{text}").unwrap();
    };
    for week in 0..12_i64 {
        let begin = pillar.at(week * 40_000);
        let text = story(500 + u64::try_from(week).unwrap());
        for (place, account) in (0_i64..).zip(["kiln1", "kiln2", "kiln3", "kiln4"]) {
            let said = if place == 2 {
                format!("{}噂噂", text.chars().take(38).collect::<String>())
            } else {
                text.clone()
            };
            row(account, begin + place * 4, "", &format!("tag{week} lamp oil"), &said);
        }
        for reader in 0..30_u64 {
            let drawn = mixed(u64::try_from(week).unwrap() * 1_000 + reader);
            let at = begin + 100 + i64::try_from(drawn % 30_000).unwrap();
            let text = story(10_000 + u64::try_from(week).unwrap() * 100 + reader);
            row(&format!("reader{}", (drawn >> 20) % 300), at, "", "", &text);
        }
    }
    pillar.bring(&collection, table.as_bytes(), "").await;
    for trace in ["text", "hashtag_set"] {
        let asked = json!({ "engine": "coordination", "traces": [trace], "window_seconds": 60 });
        let run = pillar.run(&collection, asked).await;
        assert_eq!(
            (&run["summary"]["groups"], &run["summary"]["edges"]),
            (&json!(1), &json!(6)),
            "{trace}: {run}"
        );
        let path = format!("/influence/runs/{}/groups/0", id(&run));
        let (_, group) = get(&pillar.test, &pillar.analyst, &path).await;
        assert!(group["evidence"]["cadence_alike"].as_u64().unwrap() > 0, "{group}");
        let edge = &group["edges"][0]["evidence"];
        assert!(edge["cadence"].as_f64().unwrap() > 0.9 && edge["same_name"] == false, "{edge}");
        let (status, edges) = file(&pillar, id(&run), "edges.csv").await;
        assert!(status == 200 && edges.lines().count() == 7, "{edges}");
    }
    // Alone it is no trace.
    let path = format!("/influence/collections/{collection}/runs");
    for alone in ["client", "handle"] {
        let asked = json!({ "engine": "coordination", "traces": [alone] });
        refused(&pillar.test, &pillar.analyst, &path, asked, "NRS-INFL-1204").await;
    }
    let asked = json!({ "engine": "coordination", "traces": ["text"], "models": "none" });
    refused(&pillar.test, &pillar.analyst, &path, asked, "NRS-INFL-1208").await;
}

/// Four accounts that share one thing of every kind within seconds, and readers who share the same at any time.
fn of_every_kind(pillar: &Pillar) -> String {
    let mut table = String::from(
        "post_id,account,ts,urls,hashtags,mentions,media,repost_id,reply_id,image_id,time,text\n",
    );
    let mut number = 0;
    for week in 0..24_u64 {
        let begin = pillar.at(i64::try_from(week).unwrap() * 20_000);
        writeln!(table, "s{week},source{week},{},,,,,,,,,", begin - 1).unwrap();
        let mut row = |account: &str, at: i64, tags: &str, text: &str| {
            number += 1;
            writeln!(
                table,
                "k{number},{account},{at},https://s{week}.example/a,tag{week}{tags},named{week},m{week},\
                 s{week},r{week},i{week},t{week},{text}"
            )
            .unwrap();
        };
        let (tags, text) = (format!(" lamp{week} oil{week}"), story(500 + week));
        for (place, account) in (0_i64..).zip(["kiln1", "kiln2", "kiln3", "kiln4"]) {
            row(account, begin + place * 2, &tags, &text);
        }
        for reader in 0..30 {
            let drawn = mixed(week * 1_000 + reader);
            let at = begin + 100 + i64::try_from(drawn % 15_000).unwrap();
            let text = story(10_000 + week * 100 + reader);
            row(&format!("reader{}", (drawn >> 20) % 300), at, "", &text);
        }
    }
    table
}

/// The accounts that stand under pseudonyms in any file.
fn accounts_in<'a>(files: impl Iterator<Item = &'a [u8]>) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    for file in files {
        let text = String::from_utf8_lossy(file);
        let all = text.match_indices("acct:").filter_map(|(at, _)| text.get(at..at + 37));
        let is_one = |one: &&str| one[5..].bytes().all(|byte| byte.is_ascii_hexdigit());
        found.extend(all.filter(is_one).map(str::to_owned));
    }
    found
}

/// What the command of a pack finds in its shares: both ends and the weight of each edge.
fn recomputed(files: &std::collections::BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shares.csv"), &files["shares.csv"]).unwrap();
    let verify = String::from_utf8(files["verify.txt"].clone()).unwrap();
    let command = verify.lines().find(|line| line.trim().starts_with("noroshi ")).unwrap();
    let arguments = command.split_whitespace().skip(1).map(|one| one.trim_matches('\''));
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_noroshi"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    ends(&std::fs::read_to_string(folder.path().join("again/edges.csv")).unwrap())
}

fn ends(edges: &str) -> Vec<String> {
    let mut ends: Vec<String> = rows(edges).iter().map(|row| row[..3].join(",")).collect();
    ends.sort();
    ends
}

/// Whatever is shared: another team finds from the pack what was found here, and no file of it names an account that is in no
/// group, be it one that is mentioned or reposted.
#[tokio::test]
async fn every_kind_of_trace_is_recomputed_from_its_pack_and_names_nobody_else() {
    let pillar = Pillar::open().await;
    let collection = pillar.collection(10_000).await;
    let mapping = "object = image_id\nobject = time";
    let table = of_every_kind(&pillar);
    let (_, done) = pillar.bring(&collection, table.as_bytes(), mapping).await;
    assert_eq!(done["taken"]["posts"], 24 * 35, "{done}");
    for trace in [
        "url",
        "domain",
        "hashtag",
        "mention",
        "media",
        "repost",
        "reply",
        "text",
        "fast_repost",
        "hashtag_set",
        "image_id",
        "time",
    ] {
        let asked = json!({ "engine": "coordination", "traces": [trace], "window_seconds": 60 });
        let run = pillar.run(&collection, asked).await;
        assert_eq!(
            (&run["summary"]["groups"], &run["summary"]["edges"]),
            (&json!(1), &json!(6)),
            "{trace}: {run}"
        );
        let files = pillar.pack(id(&run)).await;
        let edges = String::from_utf8(files["edges.csv"].clone()).unwrap();
        assert!(edges.lines().next().unwrap().ends_with(",q_gap,q_circles"), "{edges}");
        let found = ends(&edges);
        assert_eq!(found.len(), 6, "{trace}");
        assert_eq!(recomputed(&files), found, "{trace}");
        let (_, edges) = file(&pillar, id(&run), "edges.json").await;
        let (_, groups) = file(&pillar, id(&run), "groups.json").await;
        let all = files.values().map(Vec::as_slice);
        let all = all.chain([edges.as_bytes(), groups.as_bytes()]);
        assert_eq!(accounts_in(all).len(), 4, "{trace}: only those in the group");
        // What is an account is the same number wherever it stands.
        let timeline = String::from_utf8(files["timeline.csv"].clone()).unwrap();
        let shares = String::from_utf8(files["shares.csv"].clone()).unwrap();
        let shared = rows(&timeline).iter().map(|row| row[4].to_owned()).collect::<Vec<_>>();
        let is_account = ["mention", "fast_repost"].contains(&trace);
        for object in shared {
            assert_eq!(object.starts_with("other-"), is_account, "{trace}: {object}");
            assert!(shares.contains(&format!("{object},")), "{trace}: {object}");
        }
    }
    // The same thing twice, under two names of its column, is one.
    let path = format!("/influence/collections/{collection}/runs");
    let twice = json!({ "engine": "coordination", "traces": ["media", "phash_id"] });
    refused(&pillar.test, &pillar.analyst, &path, twice, "NRS-INFL-1204").await;
    // What nobody shared is in no command.
    let asked =
        json!({ "engine": "coordination", "traces": ["object_id", "url"], "window_seconds": 60 });
    let run = pillar.run(&collection, asked).await;
    let files = pillar.pack(id(&run)).await;
    assert_eq!(recomputed(&files).len(), 6);
}

/// Runs that find no group name no account in what leaves, and nothing in it is a digest by which whoever holds a text finds
/// its post.
#[tokio::test]
async fn what_leaves_a_run_without_groups_names_no_account_and_finds_no_text() {
    use noroshi_insight::copies;
    let pillar = Pillar::open().await;
    let collection = pillar.collection(1_000).await;
    let mut table = copied(&pillar);
    writeln!(table, "x1,kakuu,{},,AI言語モデルとして、お答えします。", pillar.at(9)).unwrap();
    pillar.bring(&collection, table.as_bytes(), "").await;
    let texts: Vec<String> = (0..8).map(story).collect();
    let posts: Vec<copies::Post<'_>> = texts
        .iter()
        .map(|text| copies::Post { id: text, account: "a", time_ms: 0, text })
        .collect();
    let options = copies::Options { accounts_min: 1, ..copies::Options::default() };
    let keys: Vec<String> =
        copies::cluster(&posts, &options).clusters.into_iter().map(|one| one.key).collect();
    assert_eq!(keys.len(), 8);
    for (engine, trace) in [
        ("amplification", "text"),
        ("amplification", "url"),
        ("sites", "text"),
        ("copies", ""),
        ("residue", ""),
        ("cadence", ""),
        ("narratives", ""),
    ] {
        let mut asked = json!({ "engine": engine });
        if !trace.is_empty() {
            asked["traces"] = json!([trace]);
        }
        let run = pillar.run(&collection, asked).await;
        assert_eq!(run["state"], "done", "{run}");
        let mut files = pillar.pack(id(&run)).await;
        let tables: Vec<String> = files
            .keys()
            .filter_map(|name| name.strip_suffix(".csv").filter(|name| *name != "shares"))
            .map(str::to_owned)
            .collect();
        assert!(!tables.is_empty(), "{engine}");
        for table in tables {
            for form in ["csv", "json"] {
                let name = format!("{table}.{form}");
                let (status, text) = file(&pillar, id(&run), &name).await;
                assert_eq!(status, 200, "{name}");
                files.insert(format!("taken out {name}"), text.into_bytes());
            }
        }
        let named = accounts_in(files.values().map(Vec::as_slice));
        assert!(named.is_empty(), "{engine} {trace}: {named:?}");
        for (name, bytes) in &files {
            let text = String::from_utf8_lossy(bytes);
            for key in &keys {
                assert!(!text.contains(key.as_str()), "{engine} {trace}: {key} in {name}");
            }
        }
        if engine == "residue" {
            // The same account is the same number in the table and in what was found.
            let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
            let residues = text("residues.csv");
            let number = rows(&residues)[0][1].to_owned();
            assert!(number.starts_with("other-"), "{residues}");
            assert!(text("shares.csv").contains(&format!(",{number},")), "{number}");
        }
    }
}

/// What a form says is needed is what is refused without.
#[tokio::test]
async fn the_form_of_a_run_asks_for_what_its_engine_reads_and_says_what_is_needed() {
    let pillar = Pillar::open().await;
    let collection = pillar.collection(100).await;
    let table =
        format!("post_id,account,ts,urls,text\n1,a,{},https://news.example/x,本文\n", pillar.at(0));
    pillar.bring(&collection, table.as_bytes(), "").await;
    let browser = Browser::of(&pillar.test, &pillar.analyst).await;
    let path = format!("/influence/collections/{collection}/runs");
    for engine in noroshi::influence::run::act::ENGINES {
        let (status, page) = browser.get(&format!("{path}?engine={engine}")).await;
        assert_eq!(status, 200);
        let needs = ["coordination", "amplification", "sites"].contains(&engine);
        assert_eq!(page.contains("name=\"traces\""), needs, "{engine}");
        assert_eq!(page.contains("name=\"window\""), engine == "coordination", "{engine}");
        assert_eq!(page.contains("name=\"protected\""), engine == "lookalike", "{engine}");
        if needs {
            let at = page.find("id=\"traces\"").unwrap();
            let legend = &page[at..page[at..].find("</legend>").unwrap() + at];
            assert!(
                legend.contains("need-must"),
                "{engine} refuses none, so the form must say so: {legend}"
            );
            assert!(page[at..].contains(" checked"), "{engine}: one is chosen already");
            let (status, _, page) = browser.post(&path, &[("engine", engine)]).await;
            assert!(status == 422 && page.contains("NRS-INFL-1204"), "{engine}: {page}");
        } else {
            let (status, to, page) = browser.post(&path, &[("engine", engine)]).await;
            assert!(status == 303 && to.starts_with("/influence/runs/"), "{engine}: {page}");
        }
    }
}

/// Marks of a picture.
fn marks(page: &str) -> usize {
    page.matches("<g class=\"g-node").count()
}

/// A hundred thousand edges through the real path: sixty groups of sixty, and one of four hundred and fifty.
#[tokio::test]
async fn a_hundred_thousand_edges_are_a_picture_that_can_be_read() {
    let pillar = Pillar::open().await;
    let collection = pillar.collection(100_000).await;
    let mut table = String::from("post_id,account,ts,urls\n");
    let mut number = 0;
    let mut act = |group: usize, members: usize, actions: usize| {
        for action in 0..actions {
            let drawn = i64::try_from(mixed((group * 100 + action) as u64) % 500_000).unwrap();
            for member in 0..members {
                number += 1;
                let at = pillar.at(drawn - 200_000 + i64::try_from(member % 25).unwrap());
                writeln!(
                    table,
                    "e{number},g{group}m{member},{at},https://news.example/{group}-{action}"
                )
                .unwrap();
            }
        }
    };
    (0..60).for_each(|group| act(group, 60, 6));
    pillar.bring(&collection, table.as_bytes(), "").await;
    let asked = json!({ "engine": "coordination", "traces": ["url"], "window_seconds": 60 });
    let run = pillar.run(&collection, asked).await;
    assert_eq!(run["state"], "done", "{run}");
    let edges = run["summary"]["edges"].as_u64().unwrap();
    assert!(edges >= 100_000, "{run}");
    let browser = Browser::of(&pillar.test, &pillar.analyst).await;
    let begun = std::time::Instant::now();
    let (status, page) = browser.get(&format!("/influence/runs/{}", id(&run))).await;
    println!("{edges} edges: {} bytes of page in {:?}", page.len(), begun.elapsed());
    assert_eq!(status, 200);
    assert!(page.len() < 400_000, "{} bytes", page.len());
    assert_eq!(marks(&page), 60, "a mark for each group");
    assert!(page.contains("106,200 edges"), "what is put together is counted");
    let (status, page) = browser.get(&format!("/influence/runs/{}/groups/0", id(&run))).await;
    assert!(status == 200 && page.len() < 700_000, "{} bytes", page.len());
    assert_eq!(marks(&page), 60);
}
