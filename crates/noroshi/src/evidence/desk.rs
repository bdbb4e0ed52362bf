//! The desk for what was put aside: seen, mended, tried again, dismissed; contradictions settled by a person.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use noroshi_evidence::marking::{LegalClass, Tlp};

use super::aside::{self, Aside, Filter, Order, State as Standing, Whole};
use super::diff::{self, Diff};
use super::mend::{self, As, Tried};
use super::pages::{Confirm, handed_on, nothing_picked};
use super::read::{self, Sees};
use super::{api, rows};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::form::Values;
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Link, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::table::{Column, Grid, Picked, Spec, Verb, View};
use crate::web::visitor::{Posted, Visitor};

static DESK: Spec = Spec {
    path: "/evidence/aside",
    columns: &[
        Column { key: "what", label: "evidence-aside-what", num: false, sorts: false },
        Column { key: "code", label: "evidence-aside-code", num: false, sorts: true },
        Column { key: "source", label: "evidence-how", num: false, sorts: true },
        Column { key: "at", label: "evidence-aside-at", num: false, sorts: true },
        Column { key: "state", label: "evidence-aside-state", num: false, sorts: false },
    ],
    filters: &["state", "kind", "code", "source", "q"],
    sort: ("at", true),
};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/evidence/aside", get(list))
        .route("/evidence/aside/batch", post(batch))
        .route("/evidence/aside/do", post(many))
        .route("/evidence/aside/{entry}", get(one).post(act))
        .route("/evidence/aside/{entry}/bytes", get(bytes))
}

/// A code in words, where there are any.
pub(super) fn code_words(words: Words, code: &str) -> String {
    if words.has(code) { words.t(code) } else { String::new() }
}

/// The legal classes, none chosen.
pub(super) fn class_choices(words: Words) -> Vec<Choice> {
    let choice = |class: LegalClass| {
        let key = format!("evidence-class-{}", class.code().to_lowercase());
        Choice::with_help(class.code(), class.code(), words.t(key))
    };
    LegalClass::ALL.into_iter().map(choice).collect()
}

/// The colours.
pub(super) fn tlp_choices() -> Vec<Choice> {
    let choice = |tlp: Tlp| {
        let code = rows::tlp_code(tlp);
        Choice::new(code, format!("TLP:{code}").to_uppercase().replace("-STRICT", "+STRICT"))
    };
    Tlp::ALL.into_iter().map(choice).collect()
}

/// How something is brought in, as chosen on a form. The class must be chosen.
pub(super) fn how(values: &Values) -> Answer<As> {
    let chosen = |what: &'static str| {
        Refusal::new("NRS-EVID-0506", StatusCode::UNPROCESSABLE_ENTITY).arg("what", what)
    };
    let tlp = match values.some("tlp") {
        None => None,
        Some(code) => Some(rows::tlp_of(code).ok_or_else(|| chosen("TLP"))?),
    };
    let class = values.some("class").and_then(api::class_of).ok_or_else(|| chosen("class"))?;
    let originator = values.some("originator").map(str::to_owned);
    Ok(As { tlp, class, originator, reason: values.get("reason").to_owned() })
}

/// An entry as it stands in the list.
struct Line {
    entry: Aside,
    what: String,
    words: String,
    kind: String,
    state: String,
    tone: &'static str,
    /// The least colour and class of whatever comes of it.
    floor: String,
}

fn line(words: Words, entry: Aside) -> Line {
    Line {
        what: entry.id.clone().unwrap_or_else(|| words.t("evidence-aside-unnamed")),
        words: code_words(words, &entry.code),
        kind: words.t(format!("evidence-aside-{}", entry.kind)),
        state: words.t(format!("evidence-aside-state-{}", entry.state)),
        tone: match entry.state.as_str() {
            "open" => "warn",
            "dismissed" => "neutral",
            _ => "ok",
        },
        floor: floor_words(&entry),
        entry,
    }
}

/// The least colour and class of whatever comes of an entry; empty when none are kept.
fn floor_words(entry: &Aside) -> String {
    let tlp = entry.tlp.as_deref().and_then(rows::tlp_of).map(Tlp::label);
    let parts = [tlp, entry.class.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How many there are of one code.
struct CodeGroup {
    code: String,
    words: String,
    count: u64,
    href: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "evidence/aside.html")]
struct DeskPage {
    shell: Shell,
    crumbs: Vec<Link>,
    states: Vec<Choice>,
    state: String,
    kinds: Vec<Choice>,
    kind: String,
    sources: Vec<Choice>,
    source: String,
    code: String,
    q: String,
    codes: Vec<CodeGroup>,
    lines: Vec<Line>,
    grid: Grid,
}

fn filter_of(view: &View) -> Filter {
    let state = match view.filter("state") {
        "" => Standing::Open.code(),
        "all" => "",
        other => other,
    };
    Filter {
        state: state.to_owned(),
        kind: view.filter("kind").to_owned(),
        code: view.filter("code").to_owned(),
        source: view.filter("source").to_owned(),
        q: view.filter("q").to_owned(),
    }
}

async fn list(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceImport, On::default())?;
    let view = View::parse(&DESK, query.as_deref().unwrap_or_default());
    let asked = view.clone();
    let (mut found, total, codes, sources) = house
        .store
        .read(move |reader| {
            let filter = filter_of(&asked);
            let (column, descending) = asked.sort();
            let order = (Order::of(column), descending);
            let found = aside::list(reader, &filter, order, asked.after(), asked.size() + 1)?;
            let any_code = Filter { code: String::new(), ..filter.clone() };
            Ok((
                found,
                aside::count(reader, &filter)?,
                aside::by_code(reader, &any_code)?,
                aside::sources(reader)?,
            ))
        })
        .await?;
    let size = usize::try_from(view.size()).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    let order = Order::of(view.sort().0);
    let next = found.last().filter(|_| more).map(|last| aside::place(order, last));
    let words = visitor.words();
    let verb = |value, key: &str| Verb { value, label: words.t(key) };
    let verbs =
        vec![verb("retry", "evidence-aside-retry"), verb("dismiss", "evidence-aside-dismiss")];
    let code = |(code, count): (String, u64)| {
        let current = view.filter("code") == code;
        CodeGroup {
            words: code_words(words, &code),
            href: view.with("code", if current { "" } else { &code }),
            current,
            count,
            code,
        }
    };
    let caption = words.t("evidence-aside-title");
    let page = DeskPage {
        crumbs: vec![Link { href: "/evidence".to_owned(), label: words.t("evidence-title") }],
        states: state_choices(words),
        state: view.filter("state").to_owned(),
        kinds: ["quarantine", "conflict"]
            .into_iter()
            .map(|kind| Choice::new(kind, words.t(format!("evidence-aside-{kind}"))))
            .collect(),
        kind: view.filter("kind").to_owned(),
        sources: sources.iter().map(|source| Choice::new(source, source)).collect(),
        source: view.filter("source").to_owned(),
        code: view.filter("code").to_owned(),
        q: view.filter("q").to_owned(),
        codes: codes.into_iter().map(code).collect(),
        lines: found.into_iter().map(|entry| line(words, entry)).collect(),
        grid: view.grid(words, caption, next, (total, true)).verbs(verbs),
        shell: page::shell(&house, &visitor, "evidence-aside-title"),
    };
    html(&page)
}

fn state_choices(words: Words) -> Vec<Choice> {
    let states = Standing::ALL.into_iter().map(Standing::code).chain(["all"]);
    states
        .map(|code| {
            let value = if code == "open" { "" } else { code };
            Choice::new(value, words.t(format!("evidence-aside-state-{code}")))
        })
        .collect()
}

/// The entries that were picked and on which nobody has decided, as numbers.
async fn chosen(house: &Arc<House>, view: &View, picked: &Picked) -> Answer<Vec<u64>> {
    if let Picked::Some(picks) = picked {
        return Ok(picks.iter().filter_map(|pick| pick.parse().ok()).collect());
    }
    let filter = Filter { state: Standing::Open.code().to_owned(), ..filter_of(view) };
    let limit = u32::try_from(mend::ENTRIES_MAX + 1).unwrap_or(u32::MAX);
    let found = house
        .store
        .read(move |reader| aside::list(reader, &filter, (Order::Arrival, true), None, limit))
        .await?;
    Ok(found.into_iter().map(|entry| entry.aside).collect())
}

async fn batch(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let Posted { visitor, values } = posted;
    house.authoriser.check(&visitor.ctx, Action::EvidenceImport, On::default())?;
    let (view, picked) = (View::of(&DESK, &values), Picked::of(&values));
    let asides = chosen(&house, &view, &picked).await?;
    if asides.is_empty() || asides.len() > mend::ENTRIES_MAX {
        return Err(nothing_picked(mend::ENTRIES_MAX).into());
    }
    let words = visitor.words();
    let retry = values.get("verb") == "retry";
    let verb = if retry { "retry" } else { "dismiss" };
    let count = words.n(asides.len() as u64);
    // What was counted is what is done: the numbers go along, not the filter.
    let numbers: Vec<String> = asides.iter().map(u64::to_string).collect();
    let grid = view.grid(words, String::new(), None, (0, true));
    let mut fields = handed_on(&grid, &Picked::Some(Vec::new()), verb);
    fields.push(("asides".to_owned(), numbers.join(" ")));
    let page = Confirm {
        question: words.tv(format!("evidence-aside-ask-{verb}"), &[("count", count.into())]),
        note: words.t(format!("evidence-aside-note-{verb}")),
        action: "/evidence/aside/do".to_owned(),
        fields,
        reason: true,
        classes: if retry { class_choices(words) } else { Vec::new() },
        colours: if retry { tlp_choices() } else { Vec::new() },
        button: words.t(format!("evidence-aside-{verb}")),
        back: Link { href: view.here(), label: words.t("shell-cancel") },
        shell: page::shell(&house, &visitor, "evidence-aside-title"),
    };
    html(&page)
}

#[derive(Template)]
#[template(path = "evidence/aside_done.html")]
struct DonePage {
    shell: Shell,
    crumbs: Vec<Link>,
    told: String,
    left: Vec<(u64, String, String)>,
    back: String,
}

async fn many(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let Posted { visitor, values } = posted;
    let (words, view) = (visitor.words(), View::of(&DESK, &values));
    let asides: Vec<u64> =
        values.get("asides").split(' ').filter_map(|number| number.parse().ok()).collect();
    let mut left = Vec::new();
    let told = if values.get("verb") == "retry" {
        let done = mend::retry_all(&house, &visitor.ctx, &asides, &how(&values)?).await?;
        left = done
            .left
            .iter()
            .map(|(aside, code)| (*aside, (*code).to_owned(), code_words(words, code)))
            .collect();
        let args = [
            ("mended", words.n(done.mended).into()),
            ("left", words.n(done.left.len() as u64).into()),
        ];
        words.tv("evidence-aside-retried", &args)
    } else {
        mend::dismiss(&house, &visitor.ctx, &asides, values.get("reason")).await?;
        words.tv("evidence-aside-dismissed", &[("count", words.n(asides.len() as u64).into())])
    };
    let page = DonePage {
        crumbs: crumbs(words),
        told,
        left,
        back: view.here(),
        shell: page::shell(&house, &visitor, "evidence-aside-title"),
    };
    html(&page)
}

fn crumbs(words: Words) -> Vec<Link> {
    vec![
        Link { href: "/evidence".to_owned(), label: words.t("evidence-title") },
        Link { href: "/evidence/aside".to_owned(), label: words.t("evidence-aside-title") },
    ]
}

/// The bytes in three pieces, the fault in the middle.
#[derive(Default)]
struct Marked {
    before: String,
    fault: String,
    after: String,
}

#[derive(Template)]
#[template(path = "evidence/aside_one.html")]
struct OnePage {
    shell: Shell,
    crumbs: Vec<Link>,
    line: Line,
    whole: bool,
    digest: String,
    marked: Marked,
    mended: Option<String>,
    open: bool,
    conflict: bool,
    held: Option<(String, String)>,
    diff: Diff,
    classes: Vec<Choice>,
    colours: Vec<Choice>,
    form: FormState,
    wrong: Vec<(String, String, String)>,
}

/// Bytes that an answer may hold of text that is not its own encoding.
fn marked(found: &Whole) -> Marked {
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let Some(place) = aside::fault_place(&found.bytes, &found.entry.reason) else {
        return Marked { before: found.text(), ..Marked::default() };
    };
    Marked {
        before: text(found.bytes.get(..place.start)),
        fault: text(found.bytes.get(place.clone())),
        after: text(found.bytes.get(place.end..)),
    }
}

async fn found(house: &Arc<House>, visitor: &Visitor, entry: u64) -> Answer<Whole> {
    house.authoriser.check(&visitor.ctx, Action::EvidenceImport, On::default())?;
    let found = house.store.read(move |reader| aside::one(reader, entry)).await?;
    found.ok_or_else(|| Refusal::absent().into())
}

async fn one(State(house): State<Arc<House>>, visitor: Visitor, Path(entry): Path<u64>) -> Answer {
    let found = found(&house, &visitor, entry).await?;
    let mut form = FormState::new();
    form.set("text", found.text());
    form.set("originator", mend::originator_of(&found));
    form.set("tlp", found.entry.tlp.clone().unwrap_or_default());
    form.set("class", found.entry.class.clone().unwrap_or_default());
    show(&house, &visitor, found, form, Vec::new()).await
}

async fn show(
    house: &Arc<House>,
    visitor: &Visitor,
    found: Whole,
    form: FormState,
    wrong: Vec<(String, String, String)>,
) -> Answer {
    let words = visitor.words();
    let conflict = found.entry.kind == "conflict";
    let asked: Vec<String> = found.entry.id.iter().filter(|_| conflict).cloned().collect();
    let sees = Sees::of(house, &visitor.ctx);
    let held = house.store.read(move |reader| read::latest(reader, sees, &asked)).await?;
    let held = held.into_iter().next();
    let arriving: serde_json::Value = serde_json::from_slice(&found.bytes).unwrap_or_default();
    let difference = held
        .as_ref()
        .map(|(_, object)| diff::between(&object.to_value(), &arriving))
        .unwrap_or_default();
    let page = OnePage {
        crumbs: crumbs(words),
        whole: found.is_whole(),
        marked: marked(&found),
        digest: found.digest.clone(),
        mended: found.mended.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        open: found.entry.state == Standing::Open.code(),
        conflict,
        held: held.map(|(row, _)| (row.id, row.name)),
        diff: difference,
        classes: class_choices(words),
        colours: tlp_choices(),
        form,
        wrong,
        line: line(words, found.entry),
        shell: page::shell(house, visitor, "evidence-aside-one"),
    };
    html(&page)
}

/// Exactly what arrived.
async fn bytes(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Path(entry): Path<u64>,
) -> Answer {
    let found = found(&house, &visitor, entry).await?;
    Ok(super::pages::file(&format!("aside-{entry}.bin"), "application/octet-stream", found.bytes))
}

async fn act(State(house): State<Arc<House>>, Path(entry): Path<u64>, posted: Posted) -> Answer {
    let Posted { visitor, values } = posted;
    let found = found(&house, &visitor, entry).await?;
    let done = match values.get("verb") {
        "dismiss" => mend::dismiss(&house, &visitor.ctx, &[entry], values.get("reason")).await,
        "keep" => mend::keep(&house, &visitor.ctx, entry, values.get("reason")).await,
        "take" => match how(&values) {
            Ok(how) => mend::take(&house, &visitor.ctx, entry, &how).await.map(|_| ()),
            Err(refused) => Err(refused),
        },
        _ => return mended(&house, &visitor, found, &values).await,
    };
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/evidence/aside/{entry}")).into_response()),
        Err(Failure::Refused(refusal)) => refused(&house, &visitor, found, &values, &refusal).await,
        Err(broken) => Err(broken),
    }
}

/// Tries the text of the form. What arrived unchanged is tried as it arrived.
async fn mended(house: &Arc<House>, visitor: &Visitor, found: Whole, values: &Values) -> Answer {
    let entry = found.entry.aside;
    let text = values.get("text").to_owned();
    let text = (text.trim() != found.text().replace("\r\n", "\n").trim()).then_some(text);
    let how = match how(values) {
        Ok(how) => how,
        Err(Failure::Refused(refusal)) => {
            return refused(house, visitor, found, values, &refusal).await;
        }
        Err(broken) => return Err(broken),
    };
    let told = match mend::retry(house, &visitor.ctx, entry, text, &how).await {
        Ok(Tried::In(id)) => {
            return Ok(Redirect::to(&format!("/evidence/{id}")).into_response());
        }
        Ok(Tried::Wrong(why)) => why.into_iter().map(|one| (one.code, one.reason)).collect(),
        Ok(Tried::Contradicts(why)) => why.into_iter().map(|one| (one.code, one.reason)).collect(),
        Ok(Tried::Partial) => vec![("NRS-EVID-0505", String::new())],
        Err(Failure::Refused(refusal)) => {
            return refused(house, visitor, found, values, &refusal).await;
        }
        Err(broken) => return Err(broken),
    };
    let words = visitor.words();
    let told = told
        .into_iter()
        .map(|(code, reason): (&str, String)| (code.to_owned(), code_words(words, code), reason));
    show_again(house, visitor, found, values, told.collect()).await
}

async fn refused(
    house: &Arc<House>,
    visitor: &Visitor,
    found: Whole,
    values: &Values,
    refusal: &Refusal,
) -> Answer {
    let words = visitor.words();
    let said = crate::web::refusal::say(words, refusal.code, &refusal.args);
    let items = refusal
        .items
        .iter()
        .map(|item| (item.code.clone(), code_words(words, &item.code), String::new()));
    let told = std::iter::once((refusal.code.to_owned(), said, String::new())).chain(items);
    show_again(house, visitor, found, values, told.collect()).await
}

/// The same page with every word kept, and what stands in the way at its top.
async fn show_again(
    house: &Arc<House>,
    visitor: &Visitor,
    found: Whole,
    values: &Values,
    wrong: Vec<(String, String, String)>,
) -> Answer {
    let mut form = FormState::new();
    for (name, value) in values.flat() {
        form.set(name, value);
    }
    if values.some("text").is_none() {
        form.set("text", found.text());
    }
    let mut answer = show(house, visitor, found, form, wrong).await?;
    *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(answer)
}
