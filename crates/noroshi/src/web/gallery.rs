//! Does every component render, in both languages, without a missing word or a broken reference?
//!
//! Test only: fictional pages made of every macro of `shell/macros.html`.

use askama::Template;
use jiff::{SignedDuration, Timestamp};

use super::{DemoBar, Flash, HatChoice, Link, NavItem, Pager, PersonBadge, Persona, Series};
use super::{Shell, Step, StepState, Theme, Tone};
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::locale::{Lang, Words};
use crate::web::table::{Column, Grid, Spec, Verb, View};

static LIST: Spec = Spec {
    path: "/things",
    columns: &[
        Column { key: "name", label: "evidence-name", num: false, sorts: true },
        Column { key: "count", label: "evidence-seen-count", num: true, sorts: false },
    ],
    filters: &["q"],
    sort: ("name", false),
};

/// A list with everything a list can have.
fn grid(lang: Lang) -> Grid {
    let words = Words::new(lang);
    let view = View::parse(&LIST, "q=a&after=3&size=100");
    let verbs = vec![Verb { value: "csv", label: words.t("evidence-export-csv") }];
    let caption = words.t("evidence-title");
    view.grid(words, caption, Some("9".to_owned()), (1281, true)).verbs(verbs)
}

/// One fictional page.
#[derive(Template)]
#[template(path = "shell/gallery.html")]
pub(crate) struct Gallery {
    shell: Shell,
    page: &'static str,
    due_late: Timestamp,
    due_soon: Timestamp,
    due_past: Timestamp,
    pager: Pager,
    grid: Grid,
    series: Series,
    steps: Vec<Step>,
    form: FormState,
    classes: Vec<Choice>,
    sectors: Vec<Choice>,
    impacts: Vec<Choice>,
    decisions: Vec<Choice>,
}

impl Gallery {
    fn w(&self, ja: &'static str, en: &'static str) -> &'static str {
        pick(self.shell.words.lang(), ja, en)
    }
}

fn pick(lang: Lang, ja: &'static str, en: &'static str) -> &'static str {
    match lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
}

fn shell(lang: Lang, theme: Theme, title: &str, now: Timestamp) -> Shell {
    let w = |ja, en| pick(lang, ja, en).to_owned();
    let item = |href: &str, label, icon: &str, count, current| NavItem {
        href: href.to_owned(),
        label,
        icon: icon.to_owned(),
        count,
        current,
    };
    let persona =
        |id: &str, label, org, current| Persona { id: id.to_owned(), label, org, current };
    Shell {
        theme,
        person: Some(PersonBadge {
            login: "analyst@nco.example".to_owned(),
            org: w("国家サイバー統括室（架空）", "National Cybersecurity Office (fictional)"),
            hat_label: w("分析官", "Analyst"),
        }),
        hats: vec![
            HatChoice { id: "1".to_owned(), label: w("分析官", "Analyst"), current: true },
            HatChoice {
                id: "2".to_owned(),
                label: w("演習統制", "Exercise director"),
                current: false,
            },
        ],
        nav: vec![
            item("/", w("ホーム", "Home"), "home", 0, false),
            item("/intake", w("報告・届出", "Reports"), "report", 12, true),
            item("/sift", w("選別", "Selection"), "sift", 0, false),
            item("/evidence", w("状況図", "Picture"), "graph", 3, false),
            item("/cases", w("案件", "Cases"), "case", 0, false),
            item("/response", w("措置", "Measures"), "shield", 1, false),
            item("/share", w("共有", "Sharing"), "share", 0, false),
            item("/standard", w("統一基準", "Standard"), "check", 0, false),
            item("/oversight", w("監理", "Oversight"), "scale", 0, false),
            item("/ledger", w("台帳", "Ledger"), "ledger", 0, false),
        ],
        csrf: "token<&\">".to_owned(),
        demo: Some(DemoBar {
            personas: vec![
                persona(
                    "op",
                    w("報告担当", "Reporting officer"),
                    w("架空みなと電力", "Fictional Power"),
                    false,
                ),
                persona("an", w("分析官", "Analyst"), w("統括室", "NCO"), true),
                persona("po", w("執行官", "Measures officer"), w("警察", "Police"), false),
                persona("co", w("委員", "Commissioner"), w("監理委員会", "Commission"), false),
                persona("al", w("連絡官", "Liaison"), w("同盟国", "Ally"), false),
            ],
        }),
        flash: Some(Flash {
            tone: Tone::Ok,
            text: w("報告 R-2026-0107 を受理しました。", "Report R-2026-0107 was accepted."),
            code: String::new(),
        }),
        ..Shell::bare(Words::new(lang), title, "/intake?state=open", "n0nce", now)
    }
}

fn form(lang: Lang, now: Timestamp) -> FormState {
    let mut form = FormState::new().labelled("gallery-field");
    form.set(
        "title",
        pick(lang, "制御系端末から不審な通信", "Suspicious traffic from a control host"),
    );
    form.set_moment("aware", now);
    form.set("class", "k1");
    form.set("impact", "service\ndata");
    form.set("hosts", "many");
    form.fail("sector", FieldError::required());
    form.fail("hosts", FieldError::number());
    form
}

/// One of the fictional pages: `parts`, `form` or `paper`.
pub(crate) fn gallery(page: &'static str, lang: Lang, theme: Theme, now: Timestamp) -> Gallery {
    let w = |ja, en| pick(lang, ja, en).to_owned();
    let hours = |n: i64| now + SignedDuration::from_hours(n);
    let title = match page {
        "form" => w("インシデントの報告", "Incident report"),
        "paper" => w("依頼 M-2026-0012", "Request M-2026-0012"),
        _ => w("報告・届出", "Reports"),
    };
    let step = |label, state| Step { label, state, href: String::new() };
    let counts = [3, 5, 9, 14, 30, 44, 61, 58, 63, 40, 12, 4, 2, 1, 0, 0, 1, 0];
    let exercise = page == "paper";
    Gallery {
        shell: Shell { exercise, ..shell(lang, theme, &title, now) },
        page,
        due_late: hours(29 * 24),
        due_soon: hours(29),
        due_past: hours(-75),
        grid: grid(lang),
        pager: Pager { previous: String::new(), next: "?after=12".to_owned(), total: Some(1281) },
        series: Series::new(
            counts.into_iter().enumerate().map(|(hour, n)| (format!("{hour:02}:00"), n)),
            Some(9),
        ),
        steps: vec![
            step(w("連絡先", "Contact"), StepState::Done),
            step(w("発生した事象", "What happened"), StepState::Current),
            step(w("影響", "Impact"), StepState::Todo),
            step(w("確認と提出", "Check and file"), StepState::Todo),
        ],
        form: form(lang, now),
        classes: vec![
            Choice::with_help(
                "k1",
                "K1",
                w(
                    "特定重要設備そのもの、またはその一部",
                    "The critical equipment itself or a part of it",
                ),
            ),
            Choice::with_help(
                "k2",
                "K2",
                w("設備につながる計算機", "A computer connected to the equipment"),
            ),
            Choice::new("unknown", w("分からない", "Not known")),
        ],
        sectors: vec![
            Choice::new("power", w("電力", "Power")),
            Choice::new("health", w("医療", "Health")),
        ],
        impacts: vec![
            Choice::new("service", w("役務の停止・低下", "Service stopped or degraded")),
            Choice::new("data", w("情報の漏えいのおそれ", "Data may have leaked")),
            Choice::new("none", w("影響なし", "No impact")),
        ],
        decisions: vec![
            Choice::new("approve", w("承認する", "Approve")),
            Choice::new("condition", w("条件を付けて承認する", "Approve with conditions")),
            Choice::new("refuse", w("承認しない", "Refuse")),
        ],
    }
}

/// The fields of `shell/refusal.html`, which the error handler fills.
#[derive(Template)]
#[template(path = "shell/refusal.html")]
pub(crate) struct Refused {
    shell: Shell,
    status: u16,
    note: String,
    next: String,
    items: Vec<String>,
    links: Vec<Link>,
    code: &'static str,
    request: String,
}

/// The error page.
pub(crate) fn error_page(lang: Lang, theme: Theme, now: Timestamp) -> Refused {
    let w = |ja, en| pick(lang, ja, en).to_owned();
    let mut shell = Shell { demo: None, flash: None, ..shell(lang, theme, "", now) };
    shell.title = shell.t("shell-error-title");
    Refused {
        shell,
        status: 409,
        note: w("この措置には有効な承認がありません。", "This measure has no approval in force."),
        next: w("委員会に承認を求めてください。", "Ask the commission for an approval."),
        items: vec![w("対象が承認後に変わりました", "The targets changed after the approval")],
        links: vec![Link {
            href: "/response".to_owned(), label: w("措置の一覧", "All measures")
        }],
        code: "NRS-RESP-0007",
        request: "0192f0c17d1e7c409a372f5b7a61c0de".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn pages() -> Vec<(String, String)> {
        let now = "2026-11-23T05:05:00Z".parse().unwrap();
        let mut pages = Vec::new();
        for lang in Lang::ALL {
            for theme in Theme::ALL {
                for page in ["parts", "form", "paper"] {
                    let html = gallery(page, lang, theme, now).render().unwrap();
                    pages.push((format!("{page} {} {}", lang.code(), theme.code()), html));
                }
                let html = error_page(lang, theme, now).render().unwrap();
                pages.push((format!("error {} {}", lang.code(), theme.code()), html));
            }
        }
        pages
    }

    /// The values of one attribute, everywhere in a page.
    fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
        let start = format!(" {attribute}=\"");
        html.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_component_renders_without_a_missing_word() {
        for (name, html) in pages() {
            assert!(
                !html.contains('\u{27e6}'),
                "{name}: {}",
                html.split('\u{27e6}').nth(1).unwrap()
            );
            assert!(!html.contains("{{") && !html.contains("{$"), "{name} shows template syntax");
        }
    }

    #[test]
    fn every_reference_inside_a_page_leads_somewhere() {
        for (name, html) in pages() {
            let ids: Vec<&str> = values(&html, "id");
            let known: BTreeSet<&str> = ids.iter().copied().collect();
            assert_eq!(ids.len(), known.len(), "{name} has an id twice");
            let links = values(&html, "href").into_iter().filter_map(|href| href.strip_prefix('#'));
            let labels = values(&html, "for").into_iter().chain(values(&html, "aria-labelledby"));
            for id in links.chain(labels).filter(|id| *id != "x") {
                assert!(known.contains(id), "{name}: nothing has the id `{id}`");
            }
            for id in values(&html, "aria-describedby").iter().flat_map(|list| list.split(' ')) {
                assert!(
                    known.contains(id),
                    "{name}: nothing has the id `{id}` that describes a field"
                );
            }
        }
    }

    #[test]
    fn what_a_person_typed_is_escaped_and_kept() {
        let now = "2026-11-23T05:05:00Z".parse().unwrap();
        let mut page = gallery("form", Lang::En, Theme::Dark, now);
        page.form.set("title", "\"><script>alert(1)</script>");
        page.form.set("summary", "</textarea><b>");
        let html = page.render().unwrap();
        assert!(!html.contains("<script>alert") && !html.contains("</textarea><b>"));
        assert!(
            html.contains("script&#62;alert(1)") && html.contains("&#60;/textarea&#62;&#60;b&#62;")
        );
        assert!(html.contains("value=\"token&#60;&#38;&#34;&#62;\""));
    }

    #[test]
    fn pages_hold_no_inline_style_or_handler_and_name_no_other_host() {
        for (name, html) in pages() {
            for part in [" style=", " onclick=", " onload=", "javascript:", "https://", "http://"] {
                assert!(!html.contains(part), "{name} contains `{part}`");
            }
            assert_eq!(html.matches("<script").count(), 1, "{name}");
            assert_eq!(values(&html, "nonce"), ["n0nce"], "{name}");
        }
    }

    #[test]
    fn every_form_that_posts_carries_the_token() {
        for (name, html) in pages() {
            for form in
                html.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap())
            {
                if form.contains("method=\"post\"") {
                    assert!(
                        form.contains("name=\"csrf\""),
                        "{name}: {}",
                        form.chars().take(120).collect::<String>()
                    );
                }
            }
        }
    }

    #[test]
    fn every_icon_that_a_page_uses_is_in_the_sprite() {
        let sprite = include_str!("../../templates/shell/icons.svg");
        let now = "2026-11-23T05:05:00Z".parse().unwrap();
        let html = gallery("parts", Lang::Ja, Theme::System, now).render().unwrap();
        for tone in [Tone::Neutral, Tone::Info, Tone::Ok, Tone::Warn, Tone::Bad, Tone::Signal] {
            assert!(sprite.contains(&format!("id=\"i-{tone}\"")), "no icon for {tone}");
        }
        assert!(html.matches("<use href=\"#i-").count() > 40);
    }
}
