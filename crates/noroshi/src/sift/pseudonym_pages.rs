//! Pseudonyms for people: replacing a value, asking what one stands for, deciding, and reading it once.
//!
//! Two people take part: who asks does not decide, and nothing is shown before the other one has allowed it. What was
//! allowed stands on the answer to one request and on no page.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;

use super::pseudonyms::{self, Epoch, EpochLine, Listed, NewPseudonym, NewReveal, WORDS_BYTES_MAX};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell};
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure};
use crate::web::visitor::{Posted, Visitor};

/// Re-identifications on the page.
const LISTED_MAX: u32 = 100;

/// Routes of this part.
pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/sift/pseudonyms", get(show))
        .route("/sift/pseudonyms/make", post(make))
        .route("/sift/pseudonyms/ask", post(ask))
        .route("/sift/pseudonyms/destroy", post(destroy))
        .route("/sift/pseudonyms/{id}/decision", post(decide))
        .route("/sift/pseudonyms/{id}/read", post(read))
}

/// Who asks and who decides see the page.
pub(super) fn may_see(house: &House, visitor: &Visitor) -> Result<(), Failure> {
    let asks = house.authoriser.check(&visitor.ctx, Action::SiftPseudonym, On::default());
    let decides = || house.authoriser.check(&visitor.ctx, Action::SiftLaw, On::default());
    Ok(asks.or_else(|_| decides())?)
}

/// A re-identification as it stands on the page.
struct Line {
    id: String,
    pseudonym: String,
    purpose: String,
    case: String,
    asked_by: String,
    asked_at: Timestamp,
    tone: &'static str,
    /// The key of the words for where it stands.
    state: &'static str,
    may_decide: bool,
    may_read: bool,
}

fn line(listed: Listed, me: &str, decides: bool) -> Line {
    let is_mine = listed.asked_by == me;
    let (tone, state) = match (listed.allowed, listed.is_read) {
        (None, _) => ("warn", "sift-reveal-open"),
        (Some(false), _) => ("neutral", "sift-reveal-refused"),
        (Some(true), false) => ("ok", "sift-reveal-allowed"),
        (Some(true), true) => ("neutral", "sift-reveal-done"),
    };
    Line {
        may_decide: decides && !is_mine && listed.allowed.is_none(),
        may_read: is_mine && listed.allowed == Some(true) && !listed.is_read,
        id: listed.id,
        pseudonym: listed.pseudonym,
        purpose: listed.purpose,
        case: listed.case,
        asked_by: listed.asked_by_name,
        asked_at: listed.asked_at,
        tone,
        state,
    }
}

/// What an answer shows and no page repeats.
struct Shown {
    key: &'static str,
    text: String,
    note: &'static str,
}

#[derive(Template)]
#[template(path = "sift/pseudonyms.html")]
struct PseudonymsPage {
    shell: Shell,
    crumbs: Vec<Link>,
    reveals: Vec<Line>,
    epochs: Vec<EpochLine>,
    may_ask: bool,
    may_decide: bool,
    kinds: Vec<Choice>,
    shown: Option<Shown>,
    form: FormState,
}

async fn page_of(
    house: &Arc<House>,
    visitor: &Visitor,
    form: FormState,
    shown: Option<Shown>,
) -> Answer {
    may_see(house, visitor)?;
    let may = |action| house.authoriser.check(&visitor.ctx, action, On::default()).is_ok();
    let (may_ask, may_decide) = (may(Action::SiftPseudonym), may(Action::SiftLaw));
    let (listed, epochs) = house
        .store
        .read(|reader| Ok((pseudonyms::listed(reader, LISTED_MAX)?, pseudonyms::epochs(reader)?)))
        .await?;
    let (words, me) = (visitor.words(), visitor.ctx.person.as_str());
    let kind = |name: &str| Choice::new(name, words.t(format!("sift-kind-{name}")));
    html(&PseudonymsPage {
        crumbs: vec![Link { href: "/sift".to_owned(), label: words.t("sift-title") }],
        reveals: listed.into_iter().map(|one| line(one, me, may_decide)).collect(),
        epochs,
        may_ask,
        may_decide,
        kinds: ["email", "account"].into_iter().map(kind).collect(),
        shown,
        form,
        shell: page::shell(house, visitor, "sift-pseudonyms-title"),
    })
}

fn form_of(posted: &Posted) -> FormState {
    FormState::posted(posted.values.flat()).labelled("sift-field")
}

async fn show(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    page_of(&house, &visitor, FormState::new().labelled("sift-field"), None).await
}

/// Shows what was typed again, with the field marked that a refusal is about; other refusals are answered as such.
async fn again(
    house: &Arc<House>,
    visitor: &Visitor,
    mut form: FormState,
    failure: Failure,
    fields: &[(&'static str, &'static str)],
) -> Answer {
    let Failure::Refused(refusal) = failure else { return Err(failure) };
    let field = fields.iter().find(|(code, _)| *code == refusal.code).map(|(_, field)| *field);
    let Some(field) = field else { return Err(Failure::Refused(refusal)) };
    form.fail(field, FieldError::new(refusal.code, format!("sift-bad-{field}")));
    page_of(house, visitor, form, None).await
}

/// Replaces a value; the pseudonym is shown, the value is not kept on the page.
async fn make(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut form = form_of(&posted);
    let visitor = posted.visitor;
    let new = (
        form.text("kind", 16),
        form.text("value", 512),
        form.text("of_purpose", 64),
        form.text("epoch", 64),
    );
    let (Some(kind), Some(value), Some(purpose), Some(epoch)) = new else {
        return page_of(&house, &visitor, form, None).await;
    };
    let new = NewPseudonym { kind, value, purpose, epoch };
    match pseudonyms::replace(&house, &visitor.ctx, new).await {
        Ok(text) => {
            let shown =
                Shown { key: "sift-pseudonym-made", text, note: "sift-pseudonym-made-note" };
            page_of(&house, &visitor, FormState::new().labelled("sift-field"), Some(shown)).await
        }
        Err(failure) => {
            let fields = [("NRS-SIFT-0506", "of_purpose"), ("NRS-SIFT-0507", "value")];
            again(&house, &visitor, form, failure, &fields).await
        }
    }
}

/// Asks what a pseudonym stands for.
async fn ask(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let mut form = form_of(&posted);
    let visitor = posted.visitor;
    let new = (
        form.text("pseudonym", 512),
        form.text("purpose", WORDS_BYTES_MAX / 4),
        form.text("case", WORDS_BYTES_MAX / 4),
    );
    let (Some(pseudonym), Some(purpose), Some(case)) = new else {
        return page_of(&house, &visitor, form, None).await;
    };
    match pseudonyms::ask_for(&house, &visitor.ctx, NewReveal { pseudonym, purpose, case }).await {
        Ok(_) => Ok(Redirect::to("/sift/pseudonyms").into_response()),
        Err(failure) => {
            let fields = [("NRS-HOUS-0004", "pseudonym"), ("NRS-SIFT-0503", "purpose")];
            again(&house, &visitor, form, failure, &fields).await
        }
    }
}

/// Allows or refuses; never the person who asked.
async fn decide(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    // Whatever is not a clear yes is a no.
    let allow = posted.values.get("allow") == "yes";
    pseudonyms::decide_on(&house, &posted.visitor.ctx, id, allow).await?;
    Ok(Redirect::to("/sift/pseudonyms").into_response())
}

/// Shows what was allowed, once.
async fn read(State(house): State<Arc<House>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let visitor = posted.visitor;
    let text = pseudonyms::read_once(&house, &visitor.ctx, id).await?;
    let shown = Shown { key: "sift-reveal-value", text, note: "sift-reveal-value-note" };
    page_of(&house, &visitor, FormState::new().labelled("sift-field"), Some(shown)).await
}

/// Destroys the key of an epoch.
async fn destroy(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let value = |name: &str| posted.values.get(name).to_owned();
    let epoch = Epoch { purpose: value("of_purpose"), epoch: value("epoch") };
    pseudonyms::end(&house, &posted.visitor.ctx, epoch).await?;
    Ok(Redirect::to("/sift/pseudonyms").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_reads_and_somebody_else_decides() {
        let check = |allowed, is_read, decides, me: &str, expected: (bool, bool)| {
            let listed = Listed {
                id: "reveal-1".to_owned(),
                pseudonym: "pseudonym:email:sift:2026-11:00".to_owned(),
                purpose: "warn the holder".to_owned(),
                case: "case-1".to_owned(),
                asked_by: "person-1".to_owned(),
                asked_by_name: "one".to_owned(),
                asked_at: "2026-11-27T00:00:00Z".parse().unwrap(),
                allowed,
                is_read,
            };
            let line = line(listed, me, decides);
            assert_eq!((line.may_decide, line.may_read), expected, "{allowed:?} {is_read} {me}");
        };
        check(None, false, true, "person-2", (true, false));
        check(None, false, true, "person-1", (false, false));
        check(None, false, false, "person-2", (false, false));
        check(Some(true), false, false, "person-1", (false, true));
        check(Some(true), false, true, "person-2", (false, false));
        check(Some(true), true, false, "person-1", (false, false));
        check(Some(false), false, false, "person-1", (false, false));
    }
}
