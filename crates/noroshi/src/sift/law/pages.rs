//! What the law opens, for people: each mode with what is in force, the tables, the sensors, the mandates with their
//! switches; and for the legal hat the form to enter a commencement.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use jiff::Timestamp;
use noroshi_charter::mandate::Ground;
use noroshi_sift::mandate::Mandate;
use noroshi_sift::switches::Switches;

use super::act::{self, NewCommencement, NewMandate, NewWithdrawal};
use super::{load_key, read};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::{Choice, FieldError, FormState};
use crate::web::layout::{Link, Shell};
use crate::web::locale::Words;
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::{Posted, Uploaded, Visitor};

/// Routes of this part.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/sift/law", get(show).post(enter))
        .route("/sift/law/tables", get(table_form).post(enter_table))
        .route("/sift/law/mandates", get(mandate_form).post(issue))
        .route("/sift/law/mandates/{id}/withdrawal", get(withdrawal_form).post(withdraw))
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
    let page = LawPage {
        crumbs: vec![Link { href: "/sift".to_owned(), label: words.t("sift-title") }],
        modes: modes(words, &entered, now),
        tables,
        sensors,
        mandates: mandates.into_iter().map(|one| mandate_line(words, one, now)).collect(),
        platform_key: load_key(&house.dir).map_err(act::broken)?.public().to_string(),
        may_enter: house.authoriser.check(&visitor.ctx, Action::SiftLaw, On::default()).is_ok(),
        choices: mode_choices(words),
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

fn crumbs(words: Words) -> Vec<Link> {
    vec![
        Link { href: "/sift".to_owned(), label: words.t("sift-title") },
        Link { href: "/sift/law".to_owned(), label: words.t("sift-law-title") },
    ]
}

fn mode_choices(words: Words) -> Vec<Choice> {
    let choice = |ground: Ground| {
        Choice::new(ground.code(), words.t(format!("sift-mode-{}", ground.code())))
    };
    Ground::ALL.into_iter().map(choice).collect()
}

/// Marks the field that a refusal is about, so that what was typed is shown again; other refusals are answered as such.
fn about_field(
    form: &mut FormState,
    failure: Failure,
    fields: &[(&'static str, &'static str)],
) -> Result<(), Failure> {
    let Failure::Refused(refusal) = failure else { return Err(failure) };
    let field = fields.iter().find(|(code, _)| *code == refusal.code).map(|(_, field)| *field);
    let Some(field) = field else { return Err(Failure::Refused(refusal)) };
    form.fail(field, FieldError::new(refusal.code, format!("sift-bad-{field}")));
    Ok(())
}

#[derive(Template)]
#[template(path = "sift/table.html")]
struct TablePage {
    shell: Shell,
    crumbs: Vec<Link>,
    form: FormState,
}

fn table_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::SiftLaw, On::default())?;
    let crumbs = crumbs(visitor.words());
    html(&TablePage { crumbs, form, shell: page::shell(house, visitor, "sift-table-enter") })
}

async fn table_form(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    table_page(&house, &visitor, empty_form())
}

/// Enters a prefix table: a file, or what was typed.
async fn enter_table(State(house): State<Arc<House>>, sent: Uploaded) -> Answer {
    let mut form = FormState::posted(sent.values.flat()).labelled("sift-field");
    let text = if sent.file.1.is_empty() {
        sent.values.get("text").to_owned()
    } else {
        // What is no text is no table; it is refused as one.
        String::from_utf8_lossy(&sent.file.1).into_owned()
    };
    if text.trim().is_empty() {
        form.fail("text", FieldError::required());
        return table_page(&house, &sent.visitor, form);
    }
    match act::enter_table(&house, &sent.visitor.ctx, text).await {
        Ok(_) => Ok(Redirect::to("/sift/law").into_response()),
        // These say by themselves what is wrong, and in which line.
        Err(failure) => Err(failure),
    }
}

#[derive(Template)]
#[template(path = "sift/mandate.html")]
struct MandatePage {
    shell: Shell,
    crumbs: Vec<Link>,
    sensors: Vec<Choice>,
    modes: Vec<Choice>,
    tables: Vec<Choice>,
    switches: Vec<Choice>,
    form: FormState,
}

/// An organisation and one of its sensors as one choice: names of organisations have no line feed.
fn sensor_choice(sensor: &read::Enrolled) -> Choice {
    let label = format!("{} ({})", sensor.sensor, sensor.org);
    Choice::new(format!("{} {}", sensor.org, sensor.sensor), label)
}

async fn mandate_page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::SiftLaw, On::default())?;
    let (sensors, tables) =
        house.store.read(|reader| Ok((read::sensors(reader)?, read::tables(reader)?))).await?;
    let words = visitor.words();
    let table = |one: read::Table| {
        let label = format!("{}@{} ({})", one.name, one.version, one.date);
        Choice::new(one.digest, label)
    };
    let switch = |(name, _): (&'static str, bool)| Choice::new(name, name);
    let page = MandatePage {
        crumbs: crumbs(words),
        sensors: sensors.iter().map(sensor_choice).collect(),
        modes: mode_choices(words),
        tables: tables.into_iter().map(table).collect(),
        switches: Switches::CLOSED.named().into_iter().map(switch).collect(),
        form,
        shell: page::shell(house, visitor, "sift-mandate-issue"),
    };
    html(&page)
}

async fn mandate_form(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    mandate_page(&house, &visitor, empty_form()).await
}

/// What was typed, as far as it can be read; what cannot is marked.
fn typed(form: &mut FormState) -> Option<NewMandate> {
    let named = form.text("sensor", 512);
    let mode = form.text("mode", 64);
    let (measure, approval) = (form.text("measure", 128), form.text("approval", 128));
    let scope = form.text("scope", act::WORDS_BYTES_MAX / 4);
    let (not_before, not_after) = (form.moment("not_before"), form.moment("not_after"));
    let retention = form.number::<u32>("retention_days_max");
    let prefix_table = form.text("prefix_table", 64);
    for (name, is_missing) in [
        ("not_before", not_before.is_none()),
        ("not_after", not_after.is_none()),
        ("retention_days_max", retention.is_none()),
    ] {
        if is_missing && form.error(name).is_none() {
            form.fail(name, FieldError::required());
        }
    }
    let named = named?;
    let Some((org, sensor)) = named.split_once(' ') else {
        form.fail("sensor", FieldError::choice());
        return None;
    };
    Some(NewMandate {
        org: org.to_owned(),
        sensor: sensor.to_owned(),
        mode: mode?,
        measure: measure?,
        approval: approval?,
        scope: scope?,
        networks: form.all("networks"),
        not_before: not_before?,
        not_after: not_after?,
        switches: form.all("switches"),
        retention_days_max: retention?,
        prefix_table: prefix_table?,
    })
}

/// Issues a mandate; what was refused is shown again with what was typed.
async fn issue(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let visitor = posted.visitor;
    let values = &posted.values;
    let pairs = values.names().flat_map(|name| {
        let several = values.all(name).into_iter();
        several.map(move |value| (name.to_owned(), value.to_owned()))
    });
    let mut form = FormState::posted(pairs).labelled("sift-field");
    let Some(new) = typed(&mut form) else { return mandate_page(&house, &visitor, form).await };
    match act::issue(&house, &visitor.ctx, new).await {
        Ok(_) => Ok(Redirect::to("/sift/law").into_response()),
        Err(failure) => {
            const FIELDS: [(&str, &str); 9] = [
                ("NRS-SIFT-0402", "scope"),
                ("NRS-SIFT-0403", "mode"),
                ("NRS-SIFT-0404", "not_after"),
                ("NRS-SIFT-0405", "retention_days_max"),
                ("NRS-SIFT-0406", "networks"),
                ("NRS-SIFT-0408", "mode"),
                ("NRS-SIFT-0412", "sensor"),
                ("NRS-SIFT-0414", "measure"),
                ("NRS-SIFT-0415", "networks"),
            ];
            about_field(&mut form, failure, &FIELDS)?;
            mandate_page(&house, &visitor, form).await
        }
    }
}

#[derive(Template)]
#[template(path = "sift/withdraw.html")]
struct WithdrawPage {
    shell: Shell,
    crumbs: Vec<Link>,
    terms: Mandate,
    form: FormState,
}

async fn withdrawal_page(
    house: &Arc<House>,
    visitor: &Visitor,
    id: String,
    form: FormState,
) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::SiftLaw, On::default())?;
    let issued = house.store.read(move |reader| read::mandate(reader, &id)).await?;
    let issued = issued.filter(|issued| issued.withdrawn.is_none()).ok_or_else(Refusal::absent)?;
    html(&WithdrawPage {
        crumbs: crumbs(visitor.words()),
        terms: issued.signed.mandate,
        form,
        shell: page::shell(house, visitor, "sift-withdraw-title"),
    })
}

async fn withdrawal_form(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    visitor: Visitor,
) -> Answer {
    withdrawal_page(&house, &visitor, id, empty_form()).await
}

/// Withdraws a mandate.
async fn withdraw(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Answer {
    let visitor = posted.visitor;
    let mut form = FormState::posted(posted.values.flat()).labelled("sift-field");
    let Some(reason) = form.text("reason", act::WORDS_BYTES_MAX / 4) else {
        return withdrawal_page(&house, &visitor, id, form).await;
    };
    act::withdraw(&house, &visitor.ctx, &id, NewWithdrawal { reason }).await?;
    Ok(Redirect::to("/sift/law").into_response())
}
