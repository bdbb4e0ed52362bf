//! What the law opens, for people: each mode with what is in force, the tables, the sensors, the mandates with their
//! switches; and for the legal hat the form to enter a commencement.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use jiff::Timestamp;
use noroshi_charter::mandate::Ground;

use super::act::{self, NewCommencement};
use super::{load_key, read};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure};
use crate::web::visitor::{Posted, Visitor};

/// Routes of this part.
pub fn routes() -> Router<Arc<House>> {
    Router::new().route("/sift/law", get(show).post(enter))
}

/// A mode and what is entered for it.
struct ModeLine {
    code: &'static str,
    name: String,
    clause: &'static str,
    /// The entry that counts now.
    now: Option<read::Entered>,
    /// The earliest one that is to come, where none counts now.
    later: Option<Timestamp>,
}

/// A mandate as it stands on the page.
struct MandateLine {
    issued: read::Issued,
    mode: String,
    open: Vec<&'static str>,
    is_over: bool,
}

#[derive(Template)]
#[template(path = "sift/law.html")]
struct LawPage {
    shell: Shell,
    crumbs: Vec<Link>,
    modes: Vec<ModeLine>,
    tables: Vec<read::Table>,
    sensors: Vec<read::Enrolled>,
    mandates: Vec<MandateLine>,
    platform_key: String,
    may_enter: bool,
    /// The modes to choose from.
    choices: Vec<Choice>,
    form: FormState,
}

fn modes(words: Words, entered: &[read::Entered], now: Timestamp) -> Vec<ModeLine> {
    let line = |ground: Ground| {
        let mut of = entered.iter().filter(|one| one.commencement.ground == ground);
        let counts = of.clone().find(|one| one.commencement.from <= now).cloned();
        let later = of.by_ref().map(|one| one.commencement.from).filter(|from| *from > now).min();
        ModeLine {
            code: ground.code(),
            name: words.t(format!("sift-mode-{}", ground.code())),
            clause: ground.clause(),
            later: later.filter(|_| counts.is_none()),
            now: counts,
        }
    };
    Ground::ALL.into_iter().map(line).collect()
}

fn mandate_line(words: Words, issued: read::Issued, now: Timestamp) -> MandateLine {
    let terms = &issued.signed.mandate;
    let mode = serde_json::to_value(terms.mode).unwrap_or_default();
    let named = terms.switches.named();
    MandateLine {
        mode: words.t(format!("sift-mode-{}", mode.as_str().unwrap_or_default())),
        open: named.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect(),
        is_over: terms.not_after < now,
        issued,
    }
}

async fn page_of(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::SiftRead, On::default())?;
    let (entered, tables, sensors, mandates) = house
        .store
        .read(|reader| {
            Ok((
                read::commencements(reader)?,
                read::tables(reader)?,
                read::sensors(reader)?,
                read::mandates(reader, None)?,
            ))
        })
        .await?;
    let (words, now) = (visitor.words(), visitor.ctx.now);
    let choice = |ground: Ground| {
        Choice::new(ground.code(), words.t(format!("sift-mode-{}", ground.code())))
    };
    let page = LawPage {
        crumbs: vec![Link { href: "/sift".to_owned(), label: words.t("sift-title") }],
        modes: modes(words, &entered, now),
        tables,
        sensors,
        mandates: mandates.into_iter().map(|one| mandate_line(words, one, now)).collect(),
        platform_key: load_key(&house.dir).map_err(act::broken)?.public().to_string(),
        may_enter: house.authoriser.check(&visitor.ctx, Action::SiftLaw, On::default()).is_ok(),
        choices: Ground::ALL.into_iter().map(choice).collect(),
        form,
        shell: page::shell(house, visitor, "sift-law-title"),
    };
    html(&page)
}

fn empty_form() -> FormState {
    FormState::new().labelled("sift-field")
}

async fn show(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    page_of(&house, &visitor, empty_form()).await
}

/// Enters a commencement; what was refused is shown again with what was typed.
async fn enter(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let visitor = posted.visitor;
    let mut form = FormState::posted(posted.values.flat()).labelled("sift-field");
    let new = (
        form.one_of("mode", Ground::parse),
        form.moment("from"),
        form.text("basis", act::WORDS_BYTES_MAX / 4),
        form.number::<u32>("period_days_max"),
        form.number::<u32>("retention_days_max"),
    );
    let (Some(ground), Some(from), Some(basis), Some(period), Some(retention)) = new else {
        return page_of(&house, &visitor, form).await;
    };
    let new = NewCommencement {
        mode: ground.code().to_owned(),
        from,
        basis,
        period_days_max: period,
        retention_days_max: retention,
    };
    match act::commence(&house, &visitor.ctx, new).await {
        Ok(_) => Ok(Redirect::to("/sift/law").into_response()),
        Err(Failure::Refused(refusal)) if refusal.code == "NRS-SIFT-0407" => {
            form.fail("period_days_max", FieldError::number());
            page_of(&house, &visitor, form).await
        }
        Err(other) => Err(other),
    }
}
