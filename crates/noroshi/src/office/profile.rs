//! One's own page: password, passkeys, API tokens, language and theme.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;

use super::ctx::Via;
use super::entry::{self, TOKEN_DAYS_MAX, TokenWish};
use super::pages::{kept, mark, password_help, with_status};
use super::people::HeldHat;
use super::read::{self, PasskeyRow, PersonRow, TokenRow};
use crate::house::House;
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Flash, Shell, Theme, Tone};
use crate::web::locale::{Lang, Words};
use crate::web::page::{hat_key, html, shell};
use crate::web::refusal::{Answer, Refusal};
use crate::web::visitor::{Posted, Visitor};

/// Routes of one's own page.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/profile", get(profile))
        .route("/profile/password", post(password))
        .route("/profile/tokens", post(make_token))
        .route("/profile/tokens/revoke", post(revoke_token))
}

/// A token as the page shows it.
struct TokenView {
    row: TokenRow,
    hat: String,
    tone: Tone,
    state: String,
    live: bool,
}

#[derive(Template)]
#[template(path = "office/profile.html")]
struct ProfilePage {
    shell: Shell,
    me: PersonRow,
    hats: Vec<String>,
    passkeys: Vec<PasskeyRow>,
    passkeys_offered: bool,
    passkeys_more: bool,
    tokens: Vec<TokenView>,
    /// The secret of a token made just now; never shown again.
    fresh: String,
    form: FormState,
    choices: Vec<Choice>,
    langs: Vec<Choice>,
    themes: Vec<Choice>,
    password_help: String,
    days_help: String,
}

/// A hat with its organisation, in words.
pub(super) fn hat_label(words: Words, held: &HeldHat) -> String {
    let org = match words.lang() {
        Lang::Ja => &held.org.name_ja,
        Lang::En => &held.org.name_en,
    };
    format!("{} - {org}", words.t(hat_key(held.hat)))
}

async fn page(house: &Arc<House>, visitor: &Visitor, form: FormState) -> Answer<ProfilePage> {
    let person = visitor.ctx.person.clone();
    let (me, passkeys, tokens) = house
        .store
        .read(move |reader| {
            Ok((
                read::person(reader, &person)?,
                read::passkeys(reader, &person)?,
                read::tokens(reader, &person)?,
            ))
        })
        .await?;
    let Some(me) = me else { return Err(Refusal::absent().into()) };
    let mut shell = shell(house, visitor, "office-profile-title");
    "/profile".clone_into(&mut shell.path);
    let words = shell.words;
    let view = |row: TokenRow| {
        let (tone, key) = match (&row.revoked_at, row.expires_at <= visitor.ctx.now) {
            (Some(_), _) => (Tone::Neutral, "office-token-revoked"),
            (None, true) => (Tone::Neutral, "office-token-ended"),
            (None, false) => (Tone::Ok, "office-token-live"),
        };
        TokenView {
            hat: hat_label(words, &row.held),
            tone,
            state: words.t(key),
            live: tone == Tone::Ok,
            row,
        }
    };
    let choice = |held: &HeldHat| {
        Choice::new(format!("{} {}", held.hat.id(), held.org.org), hat_label(words, held))
    };
    Ok(ProfilePage {
        hats: me.hats.iter().map(|held| hat_label(words, held)).collect(),
        choices: me.hats.iter().map(choice).collect(),
        me,
        passkeys_offered: super::passkey::offered(house),
        passkeys_more: super::passkey::can_add(house, passkeys.len()),
        passkeys,
        tokens: tokens.into_iter().map(view).collect(),
        fresh: String::new(),
        form,
        langs: Lang::ALL
            .map(|lang| {
                Choice::new(lang.code(), words.t(format!("shell-language-{}", lang.code())))
            })
            .to_vec(),
        themes: Theme::ALL
            .map(|theme| {
                Choice::new(theme.code(), words.t(format!("shell-theme-{}", theme.code())))
            })
            .to_vec(),
        password_help: password_help(words),
        days_help: words
            .tv("office-token-days-help", &[("max", TOKEN_DAYS_MAX.to_string().into())]),
        shell,
    })
}

#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    done: String,
}

fn blank(visitor: &Visitor) -> FormState {
    let mut form = FormState::new();
    form.set("lang", &visitor.session.lang);
    form.set("theme", &visitor.session.theme);
    form.set("days", "90");
    form
}

async fn profile(
    State(house): State<Arc<House>>,
    visitor: Visitor,
    Query(query): Query<Done>,
) -> Answer {
    let mut page = page(&house, &visitor, blank(&visitor)).await?;
    let key = match query.done.as_str() {
        "password" => "office-password-done",
        "passkey" => "office-passkey-done",
        "token" => "office-token-done",
        _ => return html(&page),
    };
    page.shell.flash = Some(Flash { tone: Tone::Ok, text: page.shell.t(key), code: String::new() });
    html(&page)
}

async fn password(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let (visitor, values) = (&posted.visitor, &posted.values);
    match entry::change_password(&house, visitor, values.get("old"), values.get("new")).await {
        Ok(()) => Ok(Redirect::to("/profile?done=password").into_response()),
        Err(failure) => {
            let mut form = blank(visitor);
            mark(&mut form, failure)?;
            with_status(StatusCode::UNPROCESSABLE_ENTITY, &page(&house, visitor, form).await?)
        }
    }
}

async fn make_token(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    let (visitor, values) = (&posted.visitor, &posted.values);
    let (hat, org) = values.get("held").split_once(' ').unwrap_or_default();
    let wish = TokenWish {
        org: org.to_owned(),
        hat: hat.to_owned(),
        label: values.get("label").to_owned(),
        days: crate::web::locale::fold_width(values.get("days")).trim().parse().unwrap_or(0),
    };
    match entry::make_token(&house, &visitor.ctx.person, wish, Via::Session).await {
        Ok(made) => {
            let mut page = page(&house, visitor, blank(visitor)).await?;
            made.secret.reveal().clone_into(&mut page.fresh);
            with_status(StatusCode::CREATED, &page)
        }
        Err(failure) => {
            let mut form = kept(values);
            form.set("lang", &visitor.session.lang);
            form.set("theme", &visitor.session.theme);
            mark(&mut form, failure)?;
            with_status(StatusCode::UNPROCESSABLE_ENTITY, &page(&house, visitor, form).await?)
        }
    }
}

async fn revoke_token(State(house): State<Arc<House>>, posted: Posted) -> Answer {
    entry::revoke_token(&house, &posted.visitor.ctx, posted.values.get("token")).await?;
    Ok(Redirect::to("/profile?done=token").into_response())
}
