//! A page of a TAXII collection, whatever its size, beside medallion's page in the same run.
//!
//! ```text
//! bench_taxii [--place DIR] [--sizes 1000,100000] [--python PATH]
//! ```
//!
//! Fills an audience's stream straight into the database (the way in is measured elsewhere), opens the house over it
//! and asks over HTTP: pages of 100 and 1,000 from the beginning, the middle and the end, by type, by name, by date.
//! Server time is what `serve::page` takes; the answer's time includes HTTP and the durable record of the reading.
//! With `--python` (an interpreter that has medallion 3.0.0) the same page is asked of medallion over 2,000 objects.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use noroshi::config::Config;
use noroshi::house::{House, Serving};
use noroshi::office::commit::Change;
use noroshi::office::ctx::{Ctx, Via};
use noroshi::office::id::{OrgId, PersonId};
use noroshi::office::people::{self, Org};
use noroshi::office::store::Value;
use noroshi::share::gate::Filter;
use noroshi::share::serve::{self, Asked, View};
use noroshi_charter::hat::Hat;
use noroshi_charter::release::Audience;
use noroshi_evidence::marking::Tlp;
use noroshi_evidence::object::StixObject;

type Failed = Box<dyn std::error::Error>;

/// Tries of each question; the middle one counts.
const TRIES: usize = 21;
/// Objects that medallion is given: more, and it does not answer in time.
const MEDALLION_OBJECTS: usize = 2_000;

struct Arguments {
    place: PathBuf,
    sizes: Vec<usize>,
    python: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, Failed> {
    let mut found =
        Arguments { place: PathBuf::from("."), sizes: vec![1_000, 100_000], python: None };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or("each option has a value")?;
        match name.as_str() {
            "--place" => found.place = value.into(),
            "--python" => found.python = Some(value.into()),
            "--sizes" => {
                found.sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            other => return Err(format!("`{other}` is no option").into()),
        }
    }
    Ok(found)
}

fn main() -> Result<(), Failed> {
    let arguments = arguments()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut ours = Duration::MAX;
    println!("{:<52}{:>14}{:>14}", "median of 21", "server time", "answer");
    for size in &arguments.sizes {
        // Beside the build output rather than in a memory file system, where a sync costs nothing.
        let dir = tempfile::Builder::new().prefix("bench-taxii-").tempdir_in(&arguments.place)?;
        let page = runtime.block_on(one_size(dir.path(), *size))?;
        ours = ours.min(page);
    }
    if let Some(python) = &arguments.python {
        let theirs = medallion(python)?;
        println!(
            "medallion, page of 100 of {MEDALLION_OBJECTS}: {:.0} ms; ours from any size above: {:.2} ms; factor {:.0}",
            theirs.as_secs_f64() * 1e3,
            ours.as_secs_f64() * 1e3,
            theirs.as_secs_f64() / ours.as_secs_f64()
        );
    }
    Ok(())
}

struct Scene {
    house: Arc<House>,
    view: View,
    org: OrgId,
    token: String,
    collection: String,
}

async fn one_size(dir: &Path, size: usize) -> Result<Duration, Failed> {
    let scene = prepare(dir).await?;
    let begun = Instant::now();
    fill(dir, &scene, size)?;
    println!("{size} objects, filled in {:.1} s", begun.elapsed().as_secs_f64());
    let serving = Serving::start(Arc::clone(&scene.house)).await?;
    let base = format!(
        "http://127.0.0.1:{}/taxii2/root/collections/{}/objects/",
        serving.address().port(),
        scene.collection
    );
    let all = i64::try_from(size)?;
    let plain = |after: i64, limit: usize| Asked { after, until: all, limit, ..Asked::default() };
    let named = Asked { ids: vec![id(size / 2)], ..plain(0, 100) };
    let typed = Asked { types: vec!["malware".to_owned()], ..plain(0, 100) };
    let date = serve::date_added;
    let questions = [
        ("first page of 100", plain(0, 100), "?limit=100".to_owned()),
        ("first page of 1,000", plain(0, 1_000), "?limit=1000".to_owned()),
        (
            "page of 100 in the middle",
            plain(all / 2, 100),
            format!("?limit=100&added_after={}", date(all / 2)),
        ),
        (
            "last page of 100",
            plain(all - 100, 100),
            format!("?limit=100&added_after={}", date(all - 100)),
        ),
        ("one type in a hundred, page of 100", typed, "?limit=100&match[type]=malware".to_owned()),
        ("one object by name", named, format!("?match[id]={}", id(size / 2))),
    ];
    let mut first = Duration::MAX;
    for (name, asked, query) in questions {
        let server = median(|| {
            let now = scene.house.clock.now();
            let begun = Instant::now();
            let slice = scene
                .house
                .store
                .read_now(|reader| serve::page(reader, &scene.view, &scene.org, now, &asked))?;
            assert!(!slice.items.is_empty(), "{name}");
            Ok(begun.elapsed())
        })?;
        let (url, token) = (format!("{base}{query}"), scene.token.clone());
        let answer = tokio::task::spawn_blocking(move || {
            median(|| ask(&url, &format!("Bearer {token}"))).map_err(|problem| problem.to_string())
        })
        .await??;
        println!(
            "  {name:<50}{:>11.2} ms{:>11.2} ms",
            server.as_secs_f64() * 1e3,
            answer.as_secs_f64() * 1e3
        );
        if name == "first page of 100" {
            first = answer;
        }
    }
    serving.stop().await;
    Ok(first)
}

fn median(mut one: impl FnMut() -> Result<Duration, Failed>) -> Result<Duration, Failed> {
    let mut all = (0..TRIES).map(|_| one()).collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    all.get(TRIES / 2).copied().ok_or_else(|| "no try".into())
}

fn ask(url: &str, authorization: &str) -> Result<Duration, Failed> {
    let begun = Instant::now();
    let mut answer = ureq::get(url)
        .header("authorization", authorization)
        .header("accept", "application/taxii+json;version=2.1")
        .call()?;
    answer.body_mut().with_config().limit(64 << 20).read_to_vec()?;
    Ok(begun.elapsed())
}

async fn prepare(dir: &Path) -> Result<Scene, Failed> {
    let mut config = Config::default();
    config.web.listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let house = House::open(dir, config, false)?;
    let now = house.clock.now();
    let org = Org {
        org: OrgId::fresh(now),
        name_ja: "Allied CERT (fictional)".to_owned(),
        name_en: "Allied CERT (fictional)".to_owned(),
        kind: "partner".to_owned(),
        sector: None,
    };
    let person = PersonId::fresh(now);
    let expires = now + jiff::SignedDuration::from_hours(24);
    let hat = Hat::PartnerForeign;
    let (token, secret) = people::new_token(&person, (&org.org, hat), "bench", now, expires);
    let ctx = Ctx {
        person: person.clone(),
        org: org.org.clone(),
        hat,
        sector: None,
        via: Via::Job,
        now,
        request: String::new(),
    };
    let change = Change::office("bench.prepare", person.as_str())
        .write(people::insert_org(&org))
        .write(people::insert_person(&person, "bench", "bench", None, now))
        .write(people::insert_hat(&person, &org.org, hat))
        .write(token);
    house.door.commit(&ctx, change).await?;
    let audience = Audience::Partner(org.org.to_string());
    let collection = "0c7d7e54-5f0d-4a49-8d9a-0d3f2f9f9a01".to_owned();
    let writes = [
        (
            "INSERT INTO share_audience (audience, last_added) VALUES ($1, 0)",
            vec![Value::from(audience.label())],
        ),
        (
            "INSERT INTO share_collection (collection, audience, title, types, tlp_max, created_at) \
             VALUES ($1, $2, 'Bench', '[]', 'amber', $3)",
            vec![Value::from(&collection), Value::from(audience.label()), Value::from(now)],
        ),
        (
            "INSERT INTO share_release (release, audience, person, at, outcome) VALUES ('release-bench', $1, 'p', $2, '{}')",
            vec![Value::from(audience.label()), Value::from(now)],
        ),
        (
            "INSERT INTO share_finding (finding, org, scope, found_at, valid_until) VALUES ('f', $1, 'CIA-P', $2, $3)",
            vec![Value::from(&org.org), Value::from(now), Value::from(expires)],
        ),
    ];
    let mut change = Change::office("bench.open", &collection);
    for (sql, params) in writes {
        change = change.write(noroshi::office::commit::Write::one(sql, params));
    }
    house.door.commit(&ctx, change).await?;
    let view = View { audience, filter: Filter { types: Vec::new(), tlp_max: Tlp::Amber } };
    Ok(Scene { house, view, org: org.org, token: secret.reveal().to_owned(), collection })
}

fn kind(number: usize) -> &'static str {
    if number.is_multiple_of(100) { "malware" } else { "indicator" }
}

fn id(number: usize) -> String {
    format!("{}--1b6ea7d9-2b0f-4f55-8f0a-{number:012x}", kind(number))
}

fn object(number: usize) -> String {
    let head = format!(
        r#""spec_version":"2.1","id":"{}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z""#,
        id(number)
    );
    if kind(number) == "malware" {
        return format!(r#"{{"type":"malware",{head},"name":"m{number}","is_family":true}}"#);
    }
    format!(
        r#"{{"type":"indicator",{head},"name":"i{number}","pattern":"[domain-name:value = 'a{number}.example']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"}}"#
    )
}

/// Straight into the tables, in one transaction: what is measured is how it comes out.
fn fill(dir: &Path, scene: &Scene, size: usize) -> Result<(), Failed> {
    let mut connection = rusqlite::Connection::open(dir.join("noroshi.db"))?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "synchronous", "off")?;
    let audience = scene.view.audience.label();
    let step = connection.transaction()?;
    {
        let mut evidence = step.prepare(
            "INSERT INTO evidence_object (id, modified, type, name, created, revoked, hidden, digest, bytes, tlp, class, \
             has_comms, has_secret, originator, source, from_report, arrived_at, node, latest) \
             VALUES (?1, ?2, ?3, '', ?2, 0, 0, ?4, ?5, 'green', 'CIA-N', 0, 0, 'bench', 'import:bench', 0, ?2, ?6, 1)",
        )?;
        let mut node = step.prepare("INSERT INTO evidence_node (node, id) VALUES (?1, ?2)")?;
        let mut slot = step.prepare("INSERT INTO evidence_slot (slot, node) VALUES (?1, ?2)")?;
        let mut item = step.prepare(
            "INSERT INTO share_item (audience, added, id, modified, type, digest, release) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'release-bench')",
        )?;
        for number in 1..=size {
            let text = object(number);
            let parsed = StixObject::parse(&text)?;
            let modified = noroshi::evidence::rows::version_key(&parsed);
            let (id, kind, digest) = (id(number), kind(number), parsed.digest().to_string());
            let place = i64::try_from(number)?;
            node.execute((place, &id))?;
            slot.execute((scene.house.store.fresh(&id), place))?;
            evidence.execute((&id, &modified, kind, &digest, &text, place))?;
            item.execute((&audience, i64::try_from(number)?, &id, &modified, kind, &digest))?;
        }
        step.execute("UPDATE share_audience SET last_added = ?1", [i64::try_from(size)?])?;
    }
    step.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;")?;
    Ok(())
}

/// Starts medallion with the same objects and asks for one page; the server prints its port and ends with its input.
const MEDALLION: &str = r#"
import json, sys, threading, time, urllib.request, base64, tempfile, os, logging
from werkzeug.serving import make_server
logging.disable(logging.CRITICAL)
count = int(sys.argv[1])
def one(n):
    return {"type": "indicator", "spec_version": "2.1", "id": "indicator--1b6ea7d9-2b0f-4f55-8f0a-%012x" % n,
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "name": "i%d" % n,
            "pattern": "[domain-name:value = 'a%d.example']" % n, "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z"}
objects = [one(n) for n in range(1, count + 1)]
manifest = [{"date_added": "2026-01-01T00:%02d:%02d.%06dZ" % (n // 60000 % 60, n // 1000 % 60, n % 1000),
             "id": o["id"], "media_type": "application/stix+json;version=2.1", "version": o["modified"]}
            for n, o in enumerate(objects)]
data = {"/discovery": {"title": "t", "default": "/r/", "api_roots": ["/r/"]},
        "r": {"information": {"title": "t", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 9765625},
              "status": [], "collections": [{"id": "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "title": "t", "can_read": True,
              "can_write": True, "media_types": ["application/stix+json;version=2.1"], "objects": objects, "manifest": manifest}]}}
path = os.path.join(tempfile.mkdtemp(), "data.json")
json.dump(data, open(path, "w"))
from medallion import application_instance as app, register_blueprints, set_config
config = {"backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": path},
          "users": {"admin": "x"}, "taxii": {"max_page_size": 1000}}
for part in ("users", "taxii", "backend"):
    set_config(app, part, config)
register_blueprints(app)
server = make_server("127.0.0.1", 0, app)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d/r/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/?limit=100" % server.server_port
request = urllib.request.Request(url, headers={"Accept": "application/taxii+json;version=2.1",
    "Authorization": "Basic " + base64.b64encode(b"admin:x").decode()})
begun = time.monotonic()
body = json.loads(urllib.request.urlopen(request, timeout=300).read())
took = time.monotonic() - begun
assert len(body["objects"]) == 100
print(took)
sys.stdout.flush()
os._exit(0)
"#;

fn medallion(python: &Path) -> Result<Duration, Failed> {
    let count = MEDALLION_OBJECTS.to_string();
    let ran = Command::new(python).args(["-c", MEDALLION, &count]).output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    match said.trim().parse::<f64>() {
        Ok(seconds) => Ok(Duration::from_secs_f64(seconds)),
        Err(_) => Err(format!("medallion: {}", String::from_utf8_lossy(&ran.stderr)).into()),
    }
}
