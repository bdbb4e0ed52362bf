//! The pages of selection: certificates, what the law opens, mandates and pseudonyms. Each in both languages for the hats
//! that may see it, and for no other.

use noroshi_charter::hat::Hat;
use noroshi_sift::digest::Digest;
use serde_json::Value;

use crate::evidence_pages::Browser;
use crate::sift_law::{Law, TABLE, json_of, run_own};

const READERS: &[Hat] = &[
    Hat::CaoAnalyst,
    Hat::CommissionMember,
    Hat::CommissionChair,
    Hat::CommissionSecretariat,
    Hat::Legal,
];
const LEGAL: &[Hat] = &[Hat::Legal];

/// A page, who may see it, and what stands on it.
type Page<'a> = (String, &'a [Hat], &'a str);

async fn browser(law: &Law, hat: Hat) -> Browser {
    let office = law.test.org(&format!("office of {hat}"), "office", None).await;
    let who = law.test.person(&format!("walker-{hat}"), &office, hat).await;
    Browser::of(&law.test, &who).await
}

/// Every hat asks for every page in both languages.
async fn walk(browsers: &[(Hat, Browser)], pages: &[Page<'_>]) {
    for (hat, browser) in browsers {
        for ((path, may, word), lang) in pages.iter().flat_map(|page| [(page, "ja"), (page, "en")])
        {
            let (status, _, page) = browser.send(&format!("{path}?lang={lang}"), None).await;
            if !may.contains(hat) {
                assert_eq!(status, 403, "{hat} {path}: {page}");
                assert!(
                    !page.contains("measure-7") && !page.contains("pseudonym:"),
                    "{hat} {path}"
                );
                continue;
            }
            assert_eq!(status, 200, "{hat} {path}: {page}");
            assert!(page.contains(&format!("<html lang=\"{lang}\"")), "{path} is not in `{lang}`");
            assert!(page.contains("<h1") && page.contains(word), "{hat} {path} {word}: {page}");
            assert!(
                !page.contains('\u{27e6}'),
                "{path} has a word without translation in `{lang}`"
            );
        }
    }
}

/// What stands between two texts.
fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    page.split(begin).nth(1).and_then(|rest| rest.split(end).next()).expect("on the page")
}

const COMMENCEMENT: [(&str, &str); 9] = [
    ("mode", "foreign-to-foreign"),
    ("from-year", "2026"),
    ("from-month", "11"),
    ("from-day", "1"),
    ("from-hour", "0"),
    ("from-minute", "0"),
    ("basis", "order of an exercise"),
    ("period_days_max", "36500"),
    ("retention_days_max", "30"),
];

/// Puts a mode into force, enters a table and issues a mandate, all through forms; the name of the mandate.
async fn mandated(law: &Law, legal: &Browser) -> String {
    // Before there is a table there is nothing to issue under.
    let (status, page) = legal.get("/sift/law/mandates").await;
    assert!(status == 200 && !page.contains("name=\"measure\""), "{page}");
    let (status, to, page) = legal.post("/sift/law", &COMMENCEMENT).await;
    assert_eq!((status, to.as_str()), (303, "/sift/law"), "{page}");
    // What is missing is asked for again, with what was typed.
    let (status, _, page) = legal.post("/sift/law", &COMMENCEMENT[..7]).await;
    assert!(status == 200 && page.contains("order of an exercise"), "{status} {page}");
    let (status, _) = legal.upload("/sift/law/tables", &legal.csrf, &[("text", "")], b"").await;
    assert_eq!(status, 200, "no table");
    let (status, page) =
        legal.upload("/sift/law/tables", &legal.csrf, &[("text", "")], TABLE.as_bytes()).await;
    assert_eq!(status, 303, "{page}");
    let sensor = format!("{} sensor-1", law.officer.ctx.org);
    let table = Digest::of(TABLE.as_bytes()).to_string();
    let wanted = |not_after: &'static str| {
        let dates = |name: &str, year: &str| {
            [("year", year), ("month", "11"), ("day", "2")]
                .map(|(part, value)| (format!("{name}-{part}"), value.to_owned()))
        };
        let mut all = [
            ("sensor", sensor.as_str()),
            ("mode", "foreign-to-foreign"),
            ("measure", "measure-7"),
            ("approval", "approval-1"),
            ("scope", "line of an exercise"),
            ("networks", ""),
            ("retention_days_max", "30"),
            ("prefix_table", table.as_str()),
            ("switches", "dns-names"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        all.extend(dates("not_before", "2026"));
        all.extend(dates("not_after", not_after));
        all
    };
    let issue = async |fields: Vec<(String, String)>, browser: &Browser| {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.post("/sift/law/mandates", &fields).await
    };
    // It would end before it begins.
    let (status, _, page) = issue(wanted("2025"), legal).await;
    assert!(status == 200 && page.contains("line of an exercise"), "{status} {page}");
    let analyst = Browser::of(&law.test, &law.analyst).await;
    assert_eq!(issue(wanted("2090"), &analyst).await.0, 403);
    assert_eq!(analyst.post("/sift/law", &COMMENCEMENT).await.0, 403);
    let (status, _) =
        analyst.upload("/sift/law/tables", &analyst.csrf, &[], TABLE.as_bytes()).await;
    assert_eq!(status, 403);
    let (status, to, page) = issue(wanted("2090"), legal).await;
    assert_eq!((status, to.as_str()), (303, "/sift/law"), "{page}");
    let (_, page) = legal.get("/sift/law").await;
    between(&page, "/sift/law/mandates/", "/withdrawal").to_owned()
}

/// Makes a pseudonym and asks what it stands for; the pseudonym, and the name of what was asked.
async fn asked(analyst: &Browser, legal: &Browser) -> (String, String) {
    let value = [
        ("kind", "email"),
        ("value", "Taro@example.jp"),
        ("of_purpose", "sift"),
        ("epoch", "2026-11"),
    ];
    let (status, _, page) = analyst.post("/sift/pseudonyms/make", &value).await;
    assert!(status == 200 && !page.contains("Taro"), "{status} {page}");
    let made = format!("pseudonym:{}", between(&page, "<p class=\"mono\">pseudonym:", "<"));
    let asking = [("pseudonym", made.as_str()), ("purpose", "warn the holder"), ("case", "case-1")];
    for (path, fields) in [("make", &value[..]), ("ask", &asking)] {
        let (status, _, page) = legal.post(&format!("/sift/pseudonyms/{path}"), fields).await;
        assert_eq!(status, 403, "who decides does not ask: {page}");
    }
    let (status, to, page) = analyst.post("/sift/pseudonyms/ask", &asking).await;
    assert_eq!((status, to.as_str()), (303, "/sift/pseudonyms"), "{page}");
    let (_, page) = legal.get("/sift/pseudonyms").await;
    let id = between(&page, "action=\"/sift/pseudonyms/reveal", "/decision");
    (made, format!("reveal{id}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_selection_opens_for_whoever_may_see_it_and_for_nobody_else() {
    let law = Law::open().await;
    let dir = tempfile::tempdir().unwrap();
    law.enrol(dir.path(), "sensor-1").await;
    assert!(run_own(dir.path()).status.success());
    let sent: Value = json_of(&law.submit(dir.path()).await);
    let certificate = sent["submitted"][0]["id"].as_str().unwrap();
    let legal = Browser::of(&law.test, &law.legal).await;
    let analyst = Browser::of(&law.test, &law.analyst).await;
    let mandate = mandated(&law, &legal).await;
    let (pseudonym, reveal) = asked(&analyst, &legal).await;
    let withdrawal = format!("/sift/law/mandates/{mandate}/withdrawal");
    let pages: [Page<'_>; 7] = [
        ("/sift".to_owned(), READERS, "sensor-1"),
        (format!("/sift/{certificate}"), READERS, certificate),
        ("/sift/law".to_owned(), READERS, "measure-7"),
        ("/sift/law/tables".to_owned(), LEGAL, "name=\"text\""),
        ("/sift/law/mandates".to_owned(), LEGAL, "name=\"measure\""),
        (withdrawal.clone(), LEGAL, "line of an exercise"),
        ("/sift/pseudonyms".to_owned(), &[Hat::CaoAnalyst, Hat::Legal], &pseudonym),
    ];
    let mut browsers = Vec::new();
    for hat in Hat::ALL {
        browsers.push((*hat, browser(&law, *hat).await));
    }
    walk(&browsers, &pages).await;
    // Who asked does not decide; who decided does not read.
    let at = |step: &str| format!("/sift/pseudonyms/{reveal}/{step}");
    let allow = [("allow", "yes")];
    assert_eq!(analyst.post(&at("decision"), &allow).await.0, 403);
    assert_eq!(legal.post(&at("decision"), &allow).await.0, 303);
    assert_ne!(legal.post(&at("read"), &[]).await.0, 200);
    let (_, page) = analyst.get("/sift/pseudonyms").await;
    assert!(page.contains(&at("read")) && !page.contains("Taro"), "{page}");
    let (status, _, page) = analyst.post(&at("read"), &[]).await;
    assert!(status == 200 && page.contains("Taro@example.jp"), "{page}");
    let (_, page) = analyst.get("/sift/pseudonyms").await;
    assert!(!page.contains("Taro") && !page.contains(&at("read")), "{page}");
    let epoch = [("of_purpose", "sift"), ("epoch", "2026-11")];
    assert_eq!(analyst.post("/sift/pseudonyms/destroy", &epoch).await.0, 403);
    assert_eq!(legal.post("/sift/pseudonyms/destroy", &epoch).await.0, 303);
    // A mandate is withdrawn once, with a reason.
    assert_eq!(analyst.post(&withdrawal, &[("reason", "the exercise ended")]).await.0, 403);
    assert_eq!(legal.post(&withdrawal, &[("reason", "")]).await.0, 200);
    let (status, to, page) = legal.post(&withdrawal, &[("reason", "the exercise ended")]).await;
    assert_eq!((status, to.as_str()), (303, "/sift/law"), "{page}");
    assert!(legal.get("/sift/law").await.1.contains("the exercise ended"));
    assert_eq!(legal.get(&withdrawal).await.0, 404);
    let after: [Page<'_>; 2] = [
        ("/sift/law".to_owned(), READERS, "the exercise ended"),
        ("/sift/pseudonyms".to_owned(), &[Hat::CaoAnalyst, Hat::Legal], "sift"),
    ];
    walk(&browsers, &after).await;
}
