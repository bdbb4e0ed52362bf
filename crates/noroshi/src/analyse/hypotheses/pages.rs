//! Hypotheses for people: the matrix, what tells them apart, and the forms to work on it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;

use super::act::{self, NewExhibit, NewHypothesis, NewJudgement};
use super::read::{self, Exhibit, Hypothesis, Judgement, Matrix, Who};
use super::rule::LABEL_CHARS_MAX;
use super::weigh::{CONFIDENCES, Degree, Verdict};
use crate::analyse::act::{TEXT_CHARS_MAX, TITLE_CHARS_MAX, existing};
use crate::analyse::desk::shown_name;
use crate::analyse::pages::{hat_words, may_change, name_in, pairs, with_status};
use crate::analyse::read::{self as analyse, Scope};
use crate::evidence::pages::kind_words;
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell, Tone};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Posted, Visitor};

/// Routes of the hypotheses.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/analyse/cases/{id}/hypotheses", get(show).post(put_up))
        .route("/analyse/cases/{id}/hypotheses/evidence", post(exhibit))
        .route("/analyse/cases/{id}/hypotheses/judge", post(judge))
        .route("/analyse/cases/{id}/hypotheses/conclude", post(conclude))
        .route("/analyse/cases/{id}/hypotheses/end", post(end))
}

/// A hypothesis as the head of a column.
struct Column {
    letter: char,
    label: String,
    kind: String,
    href: String,
    rationale: String,
    who: String,
    at: Timestamp,
    ended: Option<String>,
    against: String,
    fitting: String,
    judged: u32,
    least: bool,
}

/// What the hats said of one pair.
struct CellLine {
    heading: String,
    said: Vec<(Tone, String, String)>,
}

/// A piece of evidence as a row.
struct Line {
    item: String,
    href: String,
    kind: String,
    says: String,
    weight: String,
    tells: String,
    tone: Tone,
    cells: Vec<CellLine>,
    ended: Option<String>,
}

/// An entry of the history.
struct Said {
    at: Timestamp,
    tone: Tone,
    title: String,
    text: String,
    who: String,
}

/// A conclusion.
struct Concluded {
    title: String,
    confidence: String,
    basis: String,
    who: String,
    at: Timestamp,
    newest: bool,
}

#[derive(Template)]
#[template(path = "analyse/hypotheses.html")]
struct HypothesesPage {
    shell: Shell,
    crumbs: Vec<Link>,
    case: String,
    columns: Vec<Column>,
    given_up: Vec<Column>,
    lines: Vec<Line>,
    taken_out: Vec<Line>,
    conclusions: Vec<Concluded>,
    history: Vec<Said>,
    hidden: u64,
    form: FormState,
    hypothesis_choices: Vec<Choice>,
    exhibit_choices: Vec<Choice>,
    end_choices: Vec<Choice>,
    item_choices: Vec<Choice>,
    verdicts: Vec<Choice>,
    degrees: Vec<Choice>,
    confidences: Vec<Choice>,
    may_change: bool,
    may_judge: bool,
}

fn label(words: Words, one: &Hypothesis) -> String {
    match &one.object {
        Some(row) => shown_name(&row.kind, &row.name, &row.id),
        None if one.label.is_empty() => words.t("analyse-hyp-not-for-you"),
        None => one.label.clone(),
    }
}

fn who_words(words: Words, who: &Who) -> String {
    format!("{} / {}", name_in(words, &who.org), hat_words(words, &who.hat))
}

/// What is not for the reader is empty and leaves no mark between the others.
fn joined(parts: &[&str], mark: &str) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(mark)
}

/// Hypotheses are spoken of by letters, in the order in which they were put up.
fn letter(at: usize) -> char {
    let letters = ('A'..='Z').chain('a'..='z');
    letters.cycle().nth(at).unwrap_or('?')
}

/// Tenths as people read them.
fn tenths(words: Words, value: u32) -> String {
    format!("{}.{}", words.n(value / 10), value % 10)
}

fn column(words: Words, at: usize, one: &Hypothesis, least: Option<u32>) -> Column {
    Column {
        letter: letter(at),
        label: label(words, one),
        kind: one
            .object
            .as_ref()
            .map_or_else(|| words.t("analyse-hyp-category"), |row| kind_words(words, &row.kind)),
        href: one.object.as_ref().map(|row| format!("/evidence/{}", row.id)).unwrap_or_default(),
        rationale: one.rationale.clone(),
        who: who_words(words, &one.who),
        at: one.who.at,
        ended: one.ended.as_ref().map(|(_, why)| why.clone()),
        against: tenths(words, one.balance.against),
        fitting: tenths(words, one.balance.fitting),
        judged: one.balance.judged,
        least: one.balance.judged > 0 && least == Some(one.balance.against),
    }
}

fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Consistent => Tone::Ok,
        Verdict::Neutral => Tone::Neutral,
        Verdict::Inconsistent => Tone::Bad,
    }
}

fn line(words: Words, matrix: &Matrix, one: &Exhibit) -> Line {
    let cell = |(at, hypothesis): (usize, &Hypothesis)| CellLine {
        heading: format!("{} {}", letter(at), label(words, hypothesis)),
        said: matrix
            .cell(&one.exhibit, &hypothesis.hypothesis)
            .into_iter()
            .map(|said| {
                let verdict = words.t(format!("analyse-hyp-verdict-{}", said.verdict.code()));
                let who = who_words(words, &said.who);
                let why = joined(&[&who, &said.reason], ": ");
                (verdict_tone(said.verdict), verdict, why)
            })
            .collect(),
    };
    let (tone, tells) = match one.diagnosticity {
        0 => (Tone::Neutral, "analyse-hyp-tells-nothing"),
        1..=100 => (Tone::Info, "analyse-hyp-tells-some"),
        _ => (Tone::Signal, "analyse-hyp-tells-much"),
    };
    let degree = |degree: Degree| words.t(format!("analyse-hyp-degree-{}", degree.code()));
    Line {
        item: one.row.as_ref().map_or_else(
            || words.t("analyse-kind-report"),
            |row| shown_name(&row.kind, &row.name, &row.id),
        ),
        href: crate::analyse::notes::address(&one.item),
        kind: one
            .row
            .as_ref()
            .map_or_else(|| words.t("analyse-kind-report"), |row| kind_words(words, &row.kind)),
        says: one.says.clone(),
        weight: words.tv(
            "analyse-hyp-weight",
            &[
                ("credibility", degree(one.credibility).into()),
                ("relevance", degree(one.relevance).into()),
                ("weight", words.n(one.weight()).into()),
            ],
        ),
        tells: words.t(tells),
        tone,
        cells: matrix.open().enumerate().map(cell).collect(),
        ended: one.ended.as_ref().map(|(_, why)| why.clone()),
    }
}

/// Everything that was said, newest first.
fn history(words: Words, matrix: &Matrix) -> Vec<Said> {
    let name = |id: &str| {
        let found = matrix.hypotheses.iter().find(|one| one.hypothesis == id);
        found.map(|one| label(words, one)).unwrap_or_default()
    };
    let says = |id: &str| {
        let found = matrix.exhibits.iter().find(|one| one.exhibit == id);
        found.map(|one| one.says.clone()).unwrap_or_default()
    };
    let judged = |one: &Judgement| Said {
        at: one.who.at,
        tone: verdict_tone(one.verdict),
        title: words.tv(
            if one.superseded {
                "analyse-hyp-history-judged-before"
            } else {
                "analyse-hyp-history-judged"
            },
            &[
                ("verdict", words.t(format!("analyse-hyp-verdict-{}", one.verdict.code())).into()),
                ("name", name(&one.hypothesis).into()),
            ],
        ),
        text: joined(&[&says(&one.exhibit), &one.reason], " / "),
        who: who_words(words, &one.who),
    };
    let mut said: Vec<Said> = matrix.judgements.iter().map(judged).collect();
    for one in &matrix.hypotheses {
        said.push(Said {
            at: one.who.at,
            tone: Tone::Info,
            title: words.tv("analyse-hyp-history-put-up", &[("name", label(words, one).into())]),
            text: one.rationale.clone(),
            who: who_words(words, &one.who),
        });
        said.extend(one.ended.as_ref().map(|(at, why)| Said {
            at: *at,
            tone: Tone::Warn,
            title: words.tv("analyse-hyp-history-ended", &[("name", label(words, one).into())]),
            text: why.clone(),
            who: String::new(),
        }));
    }
    for one in &matrix.exhibits {
        said.push(Said {
            at: one.who.at,
            tone: Tone::Neutral,
            title: words.t("analyse-hyp-history-exhibit"),
            text: one.says.clone(),
            who: who_words(words, &one.who),
        });
        said.extend(one.ended.as_ref().map(|(at, why)| Said {
            at: *at,
            tone: Tone::Warn,
            title: words.t("analyse-hyp-history-exhibit-out"),
            text: format!("{} / {why}", one.says),
            who: String::new(),
        }));
    }
    said.sort_by_key(|one| std::cmp::Reverse(one.at));
    said
}

fn concluded(words: Words, matrix: &Matrix) -> Vec<Concluded> {
    let conclusions = matrix.conclusions.iter().enumerate();
    conclusions
        .map(|(at, one)| Concluded {
            title: matrix
                .hypotheses
                .iter()
                .find(|it| it.hypothesis == one.hypothesis)
                .map(|it| label(words, it))
                .unwrap_or_default(),
            confidence: words.t(format!("analyse-hyp-confidence-{}", one.confidence)),
            basis: one.basis.clone(),
            who: who_words(words, &one.who),
            at: one.who.at,
            newest: at == 0,
        })
        .collect()
}

fn choices(words: Words, matrix: &Matrix) -> (Vec<Choice>, Vec<Choice>) {
    let hypotheses = matrix.open().enumerate().map(|(at, one)| {
        Choice::new(&one.hypothesis, format!("{} {}", letter(at), label(words, one)))
    });
    let exhibits = matrix.in_force().map(|one| {
        let says: String = one.says.chars().take(60).collect();
        Choice::new(&one.exhibit, says)
    });
    (hypotheses.collect(), exhibits.collect())
}

async fn show(State(house): State<Arc<House>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    show_with(&house, &visitor, &id, FormState::new()).await
}

async fn show_with(house: &Arc<House>, visitor: &Visitor, id: &str, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::AnalyseRead, On::default())?;
    let case = existing(house, id).await?;
    let scope = Scope::of(house, &visitor.ctx);
    let (head, matrix, members) = house
        .store
        .read(move |reader| {
            let members = crate::analyse::desk::named(
                reader,
                scope.sees(),
                &analyse::member_ids(reader, &case)?,
            )?;
            Ok((analyse::case_head(reader, &case)?, read::matrix(reader, scope, &case)?, members))
        })
        .await?;
    let head = head.ok_or_else(Refusal::absent)?;
    let words = visitor.words();
    let least =
        matrix.open().filter(|one| one.balance.judged > 0).map(|one| one.balance.against).min();
    let open = matrix.open().enumerate().map(|(at, one)| column(words, at, one, least));
    let given_up = matrix.hypotheses.iter().filter(|one| one.ended.is_some());
    let (hypothesis_choices, exhibit_choices) = choices(words, &matrix);
    let word = |prefix: &str, code: &str| {
        Choice::new(code, words.t(format!("analyse-hyp-{prefix}-{code}")))
    };
    let mut shell = page::shell(house, visitor, "analyse-hyp-title");
    shell.title = words.tv("analyse-hyp-of", &[("name", head.title.clone().into())]);
    let page = HypothesesPage {
        crumbs: vec![
            Link { href: "/analyse/cases".to_owned(), label: words.t("analyse-cases-title") },
            Link { href: format!("/analyse/cases/{id}"), label: head.title },
        ],
        case: id.to_owned(),
        columns: open.collect(),
        given_up: given_up.map(|one| column(words, 0, one, None)).collect(),
        lines: matrix.in_force().map(|one| line(words, &matrix, one)).collect(),
        taken_out: matrix
            .exhibits
            .iter()
            .filter(|one| one.ended.is_some())
            .map(|one| line(words, &matrix, one))
            .collect(),
        conclusions: concluded(words, &matrix),
        history: history(words, &matrix),
        hidden: matrix.hidden,
        end_choices: hypothesis_choices.iter().chain(&exhibit_choices).cloned().collect(),
        hypothesis_choices,
        exhibit_choices,
        item_choices: members
            .into_iter()
            .map(|(id, kind, name)| {
                Choice::new(id, format!("{} / {name}", kind_words(words, &kind)))
            })
            .collect(),
        verdicts: Verdict::ALL.into_iter().map(|one| word("verdict", one.code())).collect(),
        degrees: Degree::ALL.into_iter().map(|one| word("degree", one.code())).collect(),
        confidences: CONFIDENCES.into_iter().map(|one| word("confidence", one)).collect(),
        may_change: may_change(house, visitor),
        may_judge: house
            .authoriser
            .check(&visitor.ctx, Action::AnalyseJudge, On::default())
            .is_ok(),
        form,
        shell,
    };
    html(&page)
}

/// What a form refuses is told beside the field where there is one; anything else is a page of its own.
fn on_field(failure: Failure, form: &mut FormState, fields: &[(&str, &str)]) -> Answer<()> {
    let Failure::Refused(refusal) = &failure else { return Err(failure) };
    match fields.iter().find(|(code, _)| *code == refusal.code) {
        Some((code, field)) => {
            form.fail(*field, FieldError::new(*code, *code));
            Ok(())
        }
        None => Err(failure),
    }
}

fn back(id: &str, anchor: &str) -> axum::response::Response {
    Redirect::to(&format!("/analyse/cases/{id}/hypotheses#{anchor}")).into_response()
}

async fn put_up(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let rationale = form.text("rationale", TEXT_CHARS_MAX);
    let new = NewHypothesis {
        object: form.optional("object", TITLE_CHARS_MAX).unwrap_or_default(),
        label: form.optional("label", LABEL_CHARS_MAX).unwrap_or_default(),
        rationale: rationale.unwrap_or_default(),
        no_person: form.chosen("no_person", "yes"),
    };
    if !form.is_ok() {
        return with_status(show_with(&house, &posted.visitor, &id, form).await);
    }
    match act::put_up(&house, &posted.visitor.ctx, &id, new).await {
        Ok(_) => Ok(back(&id, "matrix")),
        Err(failure) => {
            let fields = [
                ("NRS-ANAL-0101", "object"),
                ("NRS-ANAL-0112", "object"),
                ("NRS-ANAL-0113", "object"),
                ("NRS-ANAL-0110", "no_person"),
                ("NRS-ANAL-0114", "label"),
            ];
            on_field(failure, &mut form, &fields)?;
            with_status(show_with(&house, &posted.visitor, &id, form).await)
        }
    }
}

async fn exhibit(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let mut form = pairs(&posted);
    let other = form.optional("other_item", TITLE_CHARS_MAX);
    if other.is_none() {
        form.text("item", TITLE_CHARS_MAX);
    }
    let new = NewExhibit {
        item: other.unwrap_or_else(|| form.value("item").to_owned()),
        says: form.text("says", TEXT_CHARS_MAX).unwrap_or_default(),
        credibility: form.text("credibility", 16).unwrap_or_default(),
        relevance: form.text("relevance", 16).unwrap_or_default(),
    };
    if !form.is_ok() {
        return with_status(show_with(&house, &posted.visitor, &id, form).await);
    }
    match act::exhibit(&house, &posted.visitor.ctx, &id, new).await {
        Ok(_) => Ok(back(&id, "matrix")),
        Err(failure) => {
            on_field(failure, &mut form, &[("NRS-ANAL-0101", "other_item")])?;
            with_status(show_with(&house, &posted.visitor, &id, form).await)
        }
    }
}

async fn judge(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let new = NewJudgement {
        exhibit: form.text("exhibit", TITLE_CHARS_MAX).unwrap_or_default(),
        hypothesis: form.text("hypothesis", TITLE_CHARS_MAX).unwrap_or_default(),
        verdict: form.text("verdict", 16).unwrap_or_default(),
        reason: form.text("reason", TEXT_CHARS_MAX).unwrap_or_default(),
    };
    if !form.is_ok() {
        return with_status(show_with(&house, &posted.visitor, &id, form).await);
    }
    act::judge(&house, &posted.visitor.ctx, &id, new).await?;
    Ok(back(&id, "matrix"))
}

async fn conclude(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let mut form = pairs(&posted);
    let chosen = form.text("best", TITLE_CHARS_MAX).unwrap_or_default();
    let confidence = form.text("confidence", 16).unwrap_or_default();
    let basis = form.text("basis", TEXT_CHARS_MAX).unwrap_or_default();
    if !form.is_ok() {
        return with_status(show_with(&house, &posted.visitor, &id, form).await);
    }
    let done = act::conclude(&house, &posted.visitor.ctx, &id, &chosen, &confidence, &basis).await;
    match done {
        Ok(_) => Ok(back(&id, "conclusions")),
        Err(failure) => {
            let fields = [("NRS-ANAL-0116", "best"), ("NRS-ANAL-0117", "best")];
            on_field(failure, &mut form, &fields)?;
            with_status(show_with(&house, &posted.visitor, &id, form).await)
        }
    }
}

async fn end(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let mut form = pairs(&posted);
    let what = form.text("gone", TITLE_CHARS_MAX).unwrap_or_default();
    let why = form.text("gone-reason", TEXT_CHARS_MAX).unwrap_or_default();
    if !form.is_ok() {
        return with_status(show_with(&house, &posted.visitor, &id, form).await);
    }
    act::end(&house, &posted.visitor.ctx, &id, &what, &why).await?;
    Ok(back(&id, "matrix"))
}
