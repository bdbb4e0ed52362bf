//! The change stream and its webhooks, as a peer's program sees them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use noroshi::office::commit::{Change, Write};
use noroshi::office::people;
use noroshi::office::store::{Reader, Value as Cell};
use noroshi_charter::hat::Hat;
use serde_json::{Value, json};
use sha2::Sha256;

use super::house::{TestHouse, ask, pause};
use super::peers::{Giver, id_of};

fn lines(answer: &Value) -> Vec<Value> {
    match answer {
        Value::String(text) => {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
        one => vec![one.clone()],
    }
}

fn ids(lines: &[Value]) -> Vec<String> {
    let objects = lines.iter().filter(|line| line["type"] == "object");
    objects.map(|line| line["object"]["id"].as_str().unwrap().to_owned()).collect()
}

async fn changes(giver: &Giver, query: &str) -> (u16, Vec<Value>) {
    let url = giver.test.url(&format!("/api/v1/changes{query}"));
    let (status, answer) = ask("GET", url, &giver.ally.token, None).await;
    (status, lines(&answer))
}

/// Nothing is sent again because something else changed (P-9b).
#[tokio::test(flavor = "multi_thread")]
async fn p9b_a_reader_goes_on_from_any_line_and_sees_everything_once() {
    let giver = Giver::open().await;
    giver.release(0..1_203).await;
    let (status, all) = changes(&giver, "").await;
    assert_eq!(status, 200);
    let wanted: Vec<String> = (0..1_203).map(id_of).collect();
    assert_eq!(ids(&all), wanted);
    // Cut off after any line: the rest follows, no object twice, none lost.
    for cut in [0, 1, 499, 500, 777, 1_202] {
        let cursor = all[cut]["cursor"].as_str().unwrap();
        let (_, rest) = changes(&giver, &format!("?cursor={cursor}")).await;
        assert_eq!(ids(&rest), wanted[cut + 1..], "cut after line {cut}");
    }
    let last = all.last().unwrap();
    assert_eq!(last["type"], "alive");
    giver.release(1_203..1_205).await;
    let cursor = last["cursor"].as_str().unwrap();
    let (_, rest) = changes(&giver, &format!("?cursor={cursor}")).await;
    assert_eq!(ids(&rest), [id_of(1_203), id_of(1_204)]);
    let (_, none) = changes(&giver, "?from=now").await;
    assert!(ids(&none).is_empty());
}

/// What is taken back keeps all its own times; whoever follows the stream by its places is told nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn p12_what_is_withdrawn_without_a_new_time_reaches_whoever_goes_on() {
    let giver = Giver::open().await;
    giver.release(0..3).await;
    let (_, all) = changes(&giver, "").await;
    let cursor = all.last().unwrap()["cursor"].as_str().unwrap().to_owned();
    let (_, none) = changes(&giver, &format!("?cursor={cursor}")).await;
    assert!(ids(&none).is_empty());
    let taken_back = json!({ "object": id_of(1), "kind": "recall", "reason": "it was wrong" });
    giver.post("/recalls", taken_back).await;
    let (_, rest) = changes(&giver, &format!("?cursor={cursor}")).await;
    let told = rest.iter().filter(|line| line["type"] == "object");
    let told: Vec<&Value> = told.filter(|line| line.to_string().contains(&id_of(1))).collect();
    assert_eq!(told.len(), 1, "{rest:?}");
    // Whoever begins anew gets the two that are left, and the message instead of the third.
    let (_, anew) = changes(&giver, "").await;
    let anew = ids(&anew);
    assert!(!anew.contains(&id_of(1)) && anew.contains(&id_of(0)) && anew.contains(&id_of(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_of_another_reader_or_a_made_up_one_is_refused() {
    let giver = Giver::open().await;
    giver.release(0..2).await;
    let (_, all) = changes(&giver, "").await;
    let cursor = all[0]["cursor"].as_str().unwrap().to_owned();
    let other = giver.test.org("Other CERT (fictional)", "partner", None).await;
    let other = giver.test.person("other", &other, Hat::PartnerForeign).await;
    let url = giver.test.url(&format!("/api/v1/changes?cursor={cursor}"));
    let (status, answer) = ask("GET", url, &other.token, None).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("NRS-SHAR-0431")));
    let (status, _) = changes(&giver, &format!("?cursor={}x", &cursor[..cursor.len() - 1])).await;
    assert_eq!(status, 400);
    let (status, _) = changes(&giver, &format!("?cursor={cursor}&from=now")).await;
    assert_eq!(status, 400);
    // Whoever receives nothing gets nothing of it; so does whoever may not read at all.
    let (_, none) = {
        let url = giver.test.url("/api/v1/changes");
        let (status, answer) = ask("GET", url, &other.token, None).await;
        (status, lines(&answer))
    };
    assert!(ids(&none).is_empty());
    let url = giver.test.url("/api/v1/changes");
    let (status, _) = ask("GET", url, &giver.legal.token, None).await;
    assert_eq!(status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_a_reader_too_far_behind_is_told_so() {
    let mut config = TestHouse::config();
    config.stream.days = 0;
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let (_, begin) = changes(&giver, "?from=now").await;
    let cursor = begin[0]["cursor"].as_str().unwrap().to_owned();
    giver.release(0..1).await;
    pause(Duration::from_millis(5)).await;
    let (status, answer) = changes(&giver, &format!("?cursor={cursor}")).await;
    assert_eq!((status, answer[0]["code"].as_str()), (410, Some("NRS-SHAR-0430")), "{answer:?}");
}

/// That something was added is told to those who may see it: to anybody else nothing came, however long ago its place was.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_not_told_of_what_it_missed_and_may_not_see() {
    let mut config = TestHouse::config();
    config.stream.days = 0;
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let (_, begin) = changes(&giver, "?from=now").await;
    let cursor = begin[0]["cursor"].as_str().unwrap().to_owned();
    giver.release(0..3).await;
    let objects: Vec<String> = (0..3).map(id_of).collect();
    let said = json!({ "objects": objects, "restricted_to": ["org-somebody"] });
    let url = giver.test.url("/api/v1/handling");
    let (status, answer) = ask("POST", url, &giver.legal.token, Some(said)).await;
    assert_eq!(status, 201, "{answer}");
    pause(Duration::from_millis(5)).await;
    let (status, answer) = changes(&giver, &format!("?cursor={cursor}")).await;
    assert_eq!(status, 200, "{answer:?}");
    assert!(ids(&answer).is_empty() && answer.len() == 1, "{answer:?}");
    // What comes then and is for it, it is told of.
    giver.release(3..4).await;
    pause(Duration::from_millis(5)).await;
    let (status, answer) = changes(&giver, &format!("?cursor={cursor}")).await;
    assert_eq!((status, answer[0]["code"].as_str()), (410, Some("NRS-SHAR-0430")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_stream_brings_what_is_released_later() {
    let giver = Giver::open().await;
    giver.release(0..1).await;
    let url = giver.test.url("/api/v1/changes?follow=true");
    let bearer = format!("Bearer {}", giver.ally.token);
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel::<String>();
    let reading = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let answer = agent.get(&url).header("authorization", &bearer).call().unwrap();
        let reader = BufReader::new(answer.into_body().into_reader());
        for line in reader.lines().map_while(Result::ok) {
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["type"] == "object" {
                let id = line["object"]["id"].as_str().unwrap().to_owned();
                if sender.send(id).is_err() {
                    return;
                }
            }
        }
    });
    assert_eq!(seen.recv().await, Some(id_of(0)));
    giver.release(1..3).await;
    assert_eq!(seen.recv().await, Some(id_of(1)));
    assert_eq!(seen.recv().await, Some(id_of(2)));
    // A house that stops ends the answer instead of waiting for its reader.
    giver.test.serving.stop().await;
    reading.await.unwrap();
}

/// An address that takes what is sent to it; the first requests are answered with 503.
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) got: Arc<Mutex<Vec<(String, String, String, String)>>>,
    /// The names and bodies of what was refused.
    pub(crate) refused: Arc<Mutex<Vec<(String, String)>>>,
}

pub(crate) fn receive(refusals: usize) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let got = Arc::new(Mutex::new(Vec::new()));
    let refused = Arc::new(Mutex::new(Vec::new()));
    let (kept, unanswered) = (Arc::clone(&got), Arc::clone(&refused));
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut head) = (0_usize, [String::new(), String::new(), String::new()]);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end();
                if line.is_empty() {
                    break;
                }
                let Some((name, value)) = line.split_once(": ") else { continue };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "webhook-id" => value.clone_into(&mut head[0]),
                    "webhook-timestamp" => value.clone_into(&mut head[1]),
                    "webhook-signature" => value.clone_into(&mut head[2]),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = if number < refusals { "503 Busy" } else { "204 No Content" };
            let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            write!(stream, "HTTP/1.1 {answer}\r\n{end}").unwrap();
            let ([id, at, signature], body) = (head, String::from_utf8(body).unwrap());
            if number >= refusals {
                kept.lock().unwrap().push((id, at, signature, body));
            } else {
                unanswered.lock().unwrap().push((id, body));
            }
        }
    });
    Receiver { url, got, refused }
}

fn objects_of(body: &str) -> Vec<String> {
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    ids(&lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_carries_the_stream_signed_and_only_where_it_may() {
    let receiver = receive(0);
    let mut config = TestHouse::config();
    config.stream.hooks = vec![receiver.url.clone()];
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let hook = |url: String| {
        let (target, token) = (giver.test.url("/api/v1/hooks"), giver.ally.token.clone());
        async move { ask("POST", target, &token, Some(json!({ "url": url }))).await }
    };
    let (status, answer) = hook("https://elsewhere.example/".to_owned()).await;
    assert_eq!((status, answer["code"].as_str()), (422, Some("NRS-SHAR-0433")));
    let (status, answer) = hook(format!("{}.evil.example/", receiver.url)).await;
    assert_eq!((status, answer["code"].as_str()), (422, Some("NRS-SHAR-0433")));
    let (status, made) = hook(format!("{}/in", receiver.url)).await;
    assert_eq!(status, 201, "{made}");
    giver.release(0..3).await;
    let mut got = Vec::new();
    for _ in 0..400 {
        got = receiver.got.lock().unwrap().clone();
        if !got.is_empty() {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    let (id, at, signature, body) = got.first().expect("something was sent").clone();
    let sent: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ids(&sent), [id_of(0), id_of(1), id_of(2)]);
    let secret = made["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(secret).unwrap()).unwrap();
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    assert_eq!(signature, format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
    let (_, listed) = ask("GET", giver.test.url("/api/v1/hooks"), &giver.ally.token, None).await;
    assert_eq!(listed["items"][0]["url"], format!("{}/in", receiver.url));
    assert!(!listed.to_string().contains(secret), "the secret is shown once");
    let end = giver.test.url(&format!("/api/v1/hooks/{}/end", made["id"].as_str().unwrap()));
    assert_eq!(ask("POST", end.clone(), &giver.ally.token, None).await.0, 204);
    assert_eq!(ask("POST", end, &giver.ally.token, None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_is_tried_again_with_the_same_batch() {
    let receiver = receive(1);
    let mut config = TestHouse::config();
    config.stream.hooks = vec![receiver.url.clone()];
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let url = giver.test.url("/api/v1/hooks");
    let body = json!({ "url": receiver.url });
    assert_eq!(ask("POST", url.clone(), &giver.ally.token, Some(body)).await.0, 201);
    giver.release(0..2).await;
    let mut hook = Value::Null;
    for _ in 0..400 {
        hook = ask("GET", url.clone(), &giver.ally.token, None).await.1["items"][0].clone();
        if hook["failures"] == 1 {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    assert_eq!((hook["failures"].as_i64(), hook["sent"].as_i64()), (Some(1), Some(0)), "{hook}");
    assert_eq!(hook["error"], "answered 503");
    assert!(hook["due_at"].is_string(), "{hook}");
    // What is released meanwhile does not get into it: whoever took it in and could not say so knows it by its name.
    giver.release(2..3).await;
    write(&giver, "UPDATE share_hook SET due_at = NULL WHERE person = $1").await;
    for _ in 0..400 {
        if receiver.got.lock().unwrap().len() > 1 {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    let (first, got) = (receiver.refused.lock().unwrap()[0].clone(), receiver.got.lock().unwrap());
    assert_eq!((&got[0].0, objects_of(&got[0].3)), (&first.0, objects_of(&first.1)));
    assert_eq!(objects_of(&got[0].3), [id_of(0), id_of(1)]);
    assert_eq!(objects_of(&got[1].3), [id_of(2)]);
    assert_ne!(got[1].0, first.0);
}

/// What was recalled between two attempts is not sent a second time; the batch keeps its name and its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_sent_again_holds_only_what_may_still_be_had() {
    let receiver = receive(1);
    let mut config = TestHouse::config();
    config.stream.hooks = vec![receiver.url.clone()];
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let url = giver.test.url("/api/v1/hooks");
    let body = json!({ "url": receiver.url });
    assert_eq!(ask("POST", url.clone(), &giver.ally.token, Some(body)).await.0, 201);
    giver.release(0..2).await;
    for _ in 0..400 {
        let hook = ask("GET", url.clone(), &giver.ally.token, None).await.1["items"][0].clone();
        if hook["failures"] == 1 {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    let taken_back = json!({ "object": id_of(1), "kind": "recall", "reason": "it was wrong" });
    giver.post("/recalls", taken_back).await;
    write(&giver, "UPDATE share_hook SET due_at = NULL WHERE person = $1").await;
    for _ in 0..400 {
        if receiver.got.lock().unwrap().len() > 1 {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    let (first, got) = (receiver.refused.lock().unwrap()[0].clone(), receiver.got.lock().unwrap());
    assert_eq!((&got[0].0, objects_of(&got[0].3)), (&first.0, vec![id_of(0)]));
    assert!(got[1].3.contains(&id_of(1)) && objects_of(&got[1].3) != [id_of(1)], "{}", got[1].3);
}

/// Reads a followed stream line by line.
fn follow(giver: &Giver) -> tokio::sync::mpsc::UnboundedReceiver<Value> {
    let url = giver.test.url("/api/v1/changes?follow=true");
    let bearer = format!("Bearer {}", giver.ally.token);
    let (sender, seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let answer = agent.get(&url).header("authorization", &bearer).call().unwrap();
        let reader = BufReader::new(answer.into_body().into_reader());
        for line in reader.lines().map_while(Result::ok) {
            if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                return;
            }
        }
    });
    seen
}

async fn write(giver: &Giver, sql: &'static str) {
    let change = Change::office("test.write", "test")
        .write(Write::one(sql, vec![Cell::from(giver.ally.ctx.person.as_str())]));
    giver.test.house.door.commit(&giver.legal.ctx, change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_stream_ends_when_its_reader_may_not_read_any_more() {
    for sql in [
        "UPDATE office_token SET revoked_at = '2026-01-01T00:00:00.000Z' WHERE person = $1",
        "DELETE FROM office_hat WHERE person = $1",
        "UPDATE office_person SET disabled_at = '2026-01-01T00:00:00.000Z' WHERE person = $1",
    ] {
        let giver = Giver::open().await;
        giver.release(0..1).await;
        let mut seen = follow(&giver);
        assert_eq!(seen.recv().await.unwrap()["type"], "object");
        assert_eq!(seen.recv().await.unwrap()["type"], "alive");
        write(&giver, sql).await;
        giver.release(1..2).await;
        let last = seen.recv().await.unwrap();
        assert_eq!(
            (last["type"].as_str(), last["code"].as_str()),
            (Some("end"), Some("NRS-AUTH-0002")),
            "{sql}"
        );
        assert!(seen.recv().await.is_none(), "{sql}");
        giver.test.serving.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_follows_no_more_streams_than_it_may() {
    let giver = Giver::open().await;
    giver.release(0..1).await;
    let mut held = Vec::new();
    for _ in 0..noroshi::share::stream::followers::FOLLOWERS_MAX {
        let mut seen = follow(&giver);
        assert_eq!(seen.recv().await.unwrap()["type"], "object");
        held.push(seen);
    }
    let url = giver.test.url("/api/v1/changes?follow=true");
    let bearer = format!("Bearer {}", giver.ally.token);
    let (status, retry, answer) = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(&url).header("authorization", &bearer).call().unwrap();
        let retry = answer.headers().get("retry-after").map(|one| one.to_str().unwrap().to_owned());
        (answer.status().as_u16(), retry, answer.body_mut().read_to_string().unwrap())
    })
    .await
    .unwrap();
    assert_eq!((status, retry.as_deref()), (429, Some("60")), "{answer}");
    assert!(answer.contains("NRS-SHAR-0435"), "{answer}");
    // One that is not followed costs nobody anything.
    assert_eq!(changes(&giver, "").await.0, 200);
    giver.test.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_rests_when_whoever_made_it_may_not_read_any_more() {
    let receiver = receive(0);
    let mut config = TestHouse::config();
    config.stream.hooks = vec![receiver.url.clone()];
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let url = giver.test.url("/api/v1/hooks");
    let body = json!({ "url": receiver.url });
    assert_eq!(ask("POST", url.clone(), &giver.ally.token, Some(body)).await.0, 201);
    write(
        &giver,
        "UPDATE office_token SET revoked_at = '2026-01-01T00:00:00.000Z' WHERE person = $1",
    )
    .await;
    giver.release(0..2).await;
    let mut error = String::new();
    for _ in 0..400 {
        error = giver
            .test
            .house
            .store
            .read(|reader| {
                reader.first("SELECT COALESCE(error, '') FROM share_hook", &[], |row| row.text(0))
            })
            .await
            .unwrap()
            .unwrap();
        if !error.is_empty() {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    assert_eq!(error, "NRS-SHAR-0436");
    assert!(receiver.got.lock().unwrap().is_empty(), "nothing was sent");
}

/// What came after a webhook stopped is not lost with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_goes_on_where_the_one_it_takes_over_stopped() {
    let receiver = receive(1);
    let mut config = TestHouse::config();
    config.stream.hooks = vec![receiver.url.clone()];
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let url = giver.test.url("/api/v1/hooks");
    let body = json!({ "url": receiver.url });
    let (status, first) = ask("POST", url.clone(), &giver.ally.token, Some(body.clone())).await;
    assert_eq!(status, 201);
    giver.release(0..2).await;
    for _ in 0..400 {
        let hook = ask("GET", url.clone(), &giver.ally.token, None).await.1["items"][0].clone();
        if hook["failures"] == 1 {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    write(
        &giver,
        "UPDATE office_token SET revoked_at = '2026-01-01T00:00:00.000Z' WHERE person = $1",
    )
    .await;
    giver.release(2..4).await;
    let org = giver.ally.ctx.org.clone();
    let read = move |reader: &Reader<'_>| people::find_org(reader, &org);
    let org = giver.test.house.store.read(read).await.unwrap().unwrap();
    let next = giver.test.person("next", &org, Hat::PartnerForeign).await;
    let other = giver.test.org("Other CERT (fictional)", "partner", None).await;
    let other = giver.test.person("other", &other, Hat::PartnerForeign).await;
    let over = json!({ "url": receiver.url, "takes_over": first["id"] });
    let (status, _) = ask("POST", url.clone(), &other.token, Some(over.clone())).await;
    assert_eq!(status, 404, "not another organisation's");
    let (status, made) = ask("POST", url.clone(), &next.token, Some(over)).await;
    assert_eq!(status, 201, "{made}");
    for _ in 0..400 {
        if receiver.got.lock().unwrap().len() > 1 {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    {
        let refused = receiver.refused.lock().unwrap();
        let got = receiver.got.lock().unwrap();
        assert_eq!((&got[0].0, objects_of(&got[0].3)), (&refused[0].0, vec![id_of(0), id_of(1)]));
        assert_eq!(objects_of(&got[1].3), [id_of(2), id_of(3)]);
    }
    let (_, listed) = ask("GET", url, &next.token, None).await;
    let states: Vec<&Value> =
        listed["items"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["on", "ended"], "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_too_far_behind_is_not_taken_over_in_silence() {
    let receiver = receive(0);
    let mut config = TestHouse::config();
    config.stream.hooks = vec![receiver.url.clone()];
    config.stream.days = 0;
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    let url = giver.test.url("/api/v1/hooks");
    let body = json!({ "url": receiver.url });
    let (_, first) = ask("POST", url.clone(), &giver.ally.token, Some(body)).await;
    let end = giver.test.url(&format!("/api/v1/hooks/{}/end", first["id"].as_str().unwrap()));
    assert_eq!(ask("POST", end, &giver.ally.token, None).await.0, 204);
    giver.release(0..1).await;
    pause(Duration::from_millis(5)).await;
    let over = json!({ "url": receiver.url, "takes_over": first["id"] });
    let (status, answer) = ask("POST", url, &giver.ally.token, Some(over)).await;
    assert_eq!((status, answer["code"].as_str()), (410, Some("NRS-SHAR-0430")), "{answer}");
}

/// The stream of an audience that its organisation came into after the place was made.
#[tokio::test(flavor = "multi_thread")]
async fn p17_a_reader_is_told_what_it_missed_of_a_stream_it_came_into() {
    let mut config = TestHouse::config();
    config.stream.days = 0;
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    giver.release(0..2).await;
    let (_, begin) = changes(&giver, "?from=now").await;
    let cursor = begin[0]["cursor"].as_str().unwrap().to_owned();
    let council = async |number: usize| {
        let wish = json!({ "audience": "council", "objects": [id_of(number)] });
        let (status, done) = super::house::release(&giver.test, &giver.legal.token, wish).await;
        assert_eq!((status, done["released"].as_u64()), (201, Some(1)), "{done}");
        pause(Duration::from_millis(5)).await;
    };
    let sits = giver.test.org("Member (fictional)", "operator", Some("water")).await;
    giver.post(&format!("/council/{}", sits.org), json!({ "consent": "letter" })).await;
    council(0).await;
    giver.post(&format!("/council/{}", giver.ally.ctx.org), json!({ "consent": "letter" })).await;
    // What was added before it came in was nothing it could have had.
    let (status, answer) = changes(&giver, &format!("?cursor={cursor}")).await;
    assert_eq!((status, ids(&answer).len()), (200, 0), "{answer:?}");
    let later = answer[0]["cursor"].as_str().unwrap().to_owned();
    council(1).await;
    for place in [cursor, later] {
        let (status, answer) = changes(&giver, &format!("?cursor={place}")).await;
        assert_eq!(
            (status, answer[0]["code"].as_str()),
            (410, Some("NRS-SHAR-0430")),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_never_answers_holds_up_no_other() {
    // It takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = format!("http://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let receiver = receive(0);
    let mut config = TestHouse::config();
    config.stream.hooks = vec![receiver.url.clone(), slow.clone()];
    let giver = Giver::open_with(tempfile::tempdir().unwrap(), config).await;
    for url in [slow, receiver.url.clone()] {
        let body = json!({ "url": url });
        let target = giver.test.url("/api/v1/hooks");
        assert_eq!(ask("POST", target, &giver.ally.token, Some(body)).await.0, 201);
    }
    let begun = std::time::Instant::now();
    for (batch, numbers) in [0..2, 2..4].into_iter().enumerate() {
        giver.release(numbers).await;
        for _ in 0..200 {
            if receiver.got.lock().unwrap().len() > batch {
                break;
            }
            pause(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(receiver.got.lock().unwrap().len(), 2);
    // The silent one has 20 seconds to answer.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    drop(silent);
}
