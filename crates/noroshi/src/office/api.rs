//! The API of the office: set-up, organisations, persons, hats, tokens.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::act::{self, Made, NewOrg, NewPerson};
use super::authorise::{Action, On};
use super::clock::stamp;
use super::ctx::{Ctx, Via};
use super::entry::{self, NewToken, TokenWish};
use super::people;
use super::read;
use crate::house::House;
use crate::web::api::{Body, Page, Paging};
use crate::web::form;
use crate::web::locale::Lang;
use crate::web::refusal::{Answer, Failure, Refusal};
use crate::web::visitor::Caller;

/// This pillar's part of the API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        set_up,
        me,
        add_org,
        list_orgs,
        add_person,
        list_persons,
        one_person,
        invite,
        accept,
        disable,
        enable,
        give_hat,
        take_hat,
        add_sensor,
        partner_token,
        make_token,
        list_tokens,
        revoke_token
    ),
    components(schemas(
        OrgIn,
        PersonIn,
        AdminIn,
        SetUpIn,
        SetUpOut,
        OrgOut,
        PersonOut,
        HatOut,
        Created,
        PersonCreated,
        TokenIn,
        TokenOut,
        TokenListed,
        SensorIn,
        SensorOut,
        PasswordIn,
        HatIn,
        Me
    ))
)]
pub struct Doc;

/// Routes below `/api/v1`.
pub fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/setup", post(set_up))
        .route("/me", get(me))
        .route("/orgs", post(add_org).get(list_orgs))
        .route("/persons", post(add_person).get(list_persons))
        .route("/persons/{id}", get(one_person))
        .route("/persons/{id}/invitation", post(invite))
        .route("/persons/{id}/disable", post(disable))
        .route("/persons/{id}/enable", post(enable))
        .route("/persons/{id}/hats", post(give_hat))
        .route("/persons/{id}/hats/{org}/{hat}", delete(take_hat))
        .route("/invitations/{invitation}", post(accept))
        .route("/sensors", post(add_sensor))
        .route("/partners/{org}/token", post(partner_token))
        .route("/tokens", post(make_token).get(list_tokens))
        .route("/tokens/{id}", delete(revoke_token))
}

/// An organisation to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrgIn {
    /// Its name in Japanese.
    name_ja: String,
    /// Its name in English.
    name_en: String,
    /// `office`, `ministry`, `operator`, `police`, `defence`, `commission`, `diet` or `partner`.
    kind: String,
    /// Sector code, for operators and ministries.
    #[serde(default)]
    sector: Option<String>,
}

impl OrgIn {
    fn wish(self) -> NewOrg {
        let sector = self.sector.filter(|sector| !sector.is_empty());
        NewOrg { name_ja: self.name_ja, name_en: self.name_en, kind: self.kind, sector }
    }
}

/// A login to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonIn {
    /// The name typed at sign-in: small letters, digits, `.`, `_`, `-`.
    login: String,
    /// The name shown.
    name: String,
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdminIn {
    /// The name typed at sign-in.
    login: String,
    /// The name shown.
    name: String,
    /// At least 15 characters.
    password: String,
}

/// What the set-up needs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUpIn {
    /// The one-time token printed at the first start.
    token: String,
    /// The first organisation.
    org: OrgIn,
    /// The first administrator.
    admin: AdminIn,
}

/// What the set-up made.
#[derive(Serialize, ToSchema)]
struct SetUpOut {
    /// The first organisation.
    org: String,
    /// The first administrator.
    person: String,
    /// An API token of the administrator, shown once.
    token: String,
    /// When the token ends.
    expires_at: String,
    /// Index of the leaf.
    position: u64,
}

/// What was made and where the log has it.
#[derive(Serialize, ToSchema)]
struct Created {
    /// Its identifier.
    id: String,
    /// Index of the leaf.
    position: u64,
}

impl From<Made> for Created {
    fn from(made: Made) -> Self {
        Self { id: made.id, position: made.position }
    }
}

fn created(body: impl Serialize) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

/// Sets the house up with its one-time token.
#[utoipa::path(post, path = "/setup", tag = "office", request_body = SetUpIn,
    responses((status = 201, body = SetUpOut), (status = 403, description = "the token is wrong, used or too old")))]
async fn set_up(State(house): State<Arc<House>>, body: Body<SetUpIn>) -> Answer {
    let SetUpIn { token, org, admin } = body.value;
    let person = NewPerson { login: admin.login, name: admin.name };
    let made =
        act::set_up(&house, &token, &org.wish(), &person, &admin.password, Lang::default()).await?;
    Ok(created(SetUpOut {
        org: made.org.to_string(),
        person: made.person.to_string(),
        token: made.token.secret.reveal().to_owned(),
        expires_at: stamp(made.token.expires_at),
        position: made.token.position,
    }))
}

/// Who the caller is and what he acts under.
#[derive(Serialize, ToSchema)]
struct Me {
    /// The login's identifier.
    person: String,
    /// The organisation of the hat.
    org: String,
    /// The hat.
    hat: String,
    /// The name typed at sign-in.
    login: String,
    /// The name shown.
    name: String,
    /// Every hat this login holds.
    hats: Vec<HatOut>,
}

/// A hat held.
#[derive(Serialize, ToSchema)]
struct HatOut {
    /// For which organisation.
    org: String,
    /// The role.
    hat: String,
}

fn hats_out(hats: &[people::HeldHat]) -> Vec<HatOut> {
    hats.iter()
        .map(|held| HatOut { org: held.org.org.to_string(), hat: held.hat.id().to_owned() })
        .collect()
}

/// Who am I?
#[utoipa::path(get, path = "/me", tag = "office", responses((status = 200, body = Me)))]
async fn me(State(house): State<Arc<House>>, caller: Caller) -> Answer<Json<Me>> {
    let person = caller.ctx.person.clone();
    let row = house.store.read(move |reader| read::person(reader, &person)).await?;
    let row = row.ok_or_else(|| Failure::from(Refusal::absent()))?;
    Ok(Json(Me {
        person: row.person.to_string(),
        org: caller.ctx.org.to_string(),
        hat: caller.ctx.hat.id().to_owned(),
        login: row.login,
        name: row.name,
        hats: hats_out(&row.hats),
    }))
}

/// Adds an organisation.
#[utoipa::path(post, path = "/orgs", tag = "office", request_body = OrgIn, responses((status = 201, body = Created)))]
async fn add_org(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<OrgIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /orgs", &body.bytes);
    let made = act::add_org(&house, &caller.ctx, &body.value.wish(), once).await?;
    Ok(created(Created::from(made)))
}

/// An organisation.
#[derive(Serialize, ToSchema)]
struct OrgOut {
    /// Its identifier.
    id: String,
    /// Its name in Japanese.
    name_ja: String,
    /// Its name in English.
    name_en: String,
    /// What sort of organisation.
    kind: String,
    /// Sector code, for operators and ministries.
    sector: Option<String>,
}

fn manage(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    Ok(house.authoriser.check(
        ctx,
        Action::OfficeManage,
        On { owner: Some(&ctx.org), ..On::default() },
    )?)
}

fn after(paging: &Paging) -> Answer<String> {
    let Some(cursor) = &paging.cursor else { return Ok(String::new()) };
    let plain = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    plain.ok_or_else(|| Refusal::new("NRS-OFFC-0024", StatusCode::BAD_REQUEST).into())
}

/// Turns `limit + 1` rows into a page; `key` is what the list is ordered by.
fn page<R, T>(
    mut rows: Vec<R>,
    limit: u32,
    key: impl Fn(&R) -> String,
    shown: impl Fn(R) -> T,
) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let cursor = rows.last().filter(|_| more).map(|row| URL_SAFE_NO_PAD.encode(key(row)));
    Page { items: rows.into_iter().map(shown).collect(), cursor }
}

/// Lists organisations.
#[utoipa::path(get, path = "/orgs", tag = "office", params(Paging), responses((status = 200, body = Page<OrgOut>)))]
async fn list_orgs(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer<Json<Page<OrgOut>>> {
    manage(&house, &caller.ctx)?;
    let (after, limit) = (after(&paging)?, paging.limit());
    let rows = house.store.read(move |reader| read::orgs(reader, &after, limit + 1)).await?;
    let shown = |org: people::Org| OrgOut {
        id: org.org.to_string(),
        name_ja: org.name_ja,
        name_en: org.name_en,
        kind: org.kind,
        sector: org.sector,
    };
    Ok(Json(page(rows, limit, |org| org.org.to_string(), shown)))
}

/// A login that was added.
#[derive(Serialize, ToSchema)]
struct PersonCreated {
    /// Its identifier.
    id: String,
    /// One-time secret for `POST /invitations/{invitation}`; absent when the request was repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<String>,
    /// Where a browser sets the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Index of the leaf.
    position: u64,
}

impl PersonCreated {
    fn new(house: &House, made: Made, secret: Option<super::secret::Secret>) -> Self {
        let secret = secret.map(|secret| secret.reveal().to_owned());
        let address =
            secret.as_ref().map(|secret| format!("{}/invitations/{secret}", house.config.origin()));
        Self { id: made.id, invitation: secret, address, position: made.position }
    }
}

/// Adds a login without a password.
#[utoipa::path(post, path = "/persons", tag = "office", request_body = PersonIn,
    responses((status = 201, body = PersonCreated)))]
async fn add_person(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<PersonIn>,
) -> Answer {
    let once = form::idempotency(&headers, "POST /persons", &body.bytes);
    let new = NewPerson { login: body.value.login, name: body.value.name };
    let (made, secret) = act::add_person(&house, &caller.ctx, &new, once).await?;
    Ok(created(PersonCreated::new(&house, made, secret)))
}

/// A login.
#[derive(Serialize, ToSchema)]
struct PersonOut {
    /// Its identifier.
    id: String,
    /// The name typed at sign-in.
    login: String,
    /// The name shown.
    name: String,
    /// Made when.
    created_at: String,
    /// Shut out since then.
    disabled_at: Option<String>,
    /// True when a password is set.
    has_password: bool,
    /// Passkeys registered.
    passkeys: u64,
    /// Hats held.
    hats: Vec<HatOut>,
}

fn person_out(row: read::PersonRow) -> PersonOut {
    PersonOut {
        id: row.person.to_string(),
        hats: hats_out(&row.hats),
        login: row.login,
        name: row.name,
        created_at: stamp(row.created_at),
        disabled_at: row.disabled_at.map(stamp),
        has_password: row.has_password,
        passkeys: row.passkeys,
    }
}

/// Lists logins.
#[utoipa::path(get, path = "/persons", tag = "office", params(Paging),
    responses((status = 200, body = Page<PersonOut>)))]
async fn list_persons(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer<Json<Page<PersonOut>>> {
    manage(&house, &caller.ctx)?;
    let (after, limit) = (after(&paging)?, paging.limit());
    let rows = house.store.read(move |reader| read::persons(reader, &after, limit + 1)).await?;
    Ok(Json(page(rows, limit, |row| row.person.to_string(), person_out)))
}

/// Shows one login.
#[utoipa::path(get, path = "/persons/{id}", tag = "office", responses((status = 200, body = PersonOut)))]
async fn one_person(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<PersonOut>> {
    manage(&house, &caller.ctx)?;
    let person = super::id::PersonId::parse(&id).ok_or_else(|| Failure::from(Refusal::absent()))?;
    let row = house.store.read(move |reader| read::person(reader, &person)).await?;
    row.map(|row| Json(person_out(row))).ok_or_else(|| Refusal::absent().into())
}

/// Makes a new invitation for a login.
#[utoipa::path(post, path = "/persons/{id}/invitation", tag = "office",
    responses((status = 201, body = PersonCreated)))]
async fn invite(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let (made, secret) = act::invite_again(&house, &caller.ctx, &id).await?;
    Ok(created(PersonCreated::new(&house, made, Some(secret))))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordIn {
    /// At least 15 characters.
    password: String,
}

/// Sets the password an invitation is for.
#[utoipa::path(post, path = "/invitations/{invitation}", tag = "office", request_body = PasswordIn,
    responses((status = 204), (status = 403, description = "the invitation is wrong, used or too old")))]
async fn accept(
    State(house): State<Arc<House>>,
    Path(invitation): Path<String>,
    body: Body<PasswordIn>,
) -> Answer<StatusCode> {
    act::accept_invitation(&house, &invitation, &body.value.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shuts a login out.
#[utoipa::path(post, path = "/persons/{id}/disable", tag = "office", responses((status = 200, body = Created)))]
async fn disable(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Created>> {
    Ok(Json(act::set_disabled(&house, &caller.ctx, &id, true).await?.into()))
}

/// Lets a login in again.
#[utoipa::path(post, path = "/persons/{id}/enable", tag = "office", responses((status = 200, body = Created)))]
async fn enable(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Created>> {
    Ok(Json(act::set_disabled(&house, &caller.ctx, &id, false).await?.into()))
}

/// A hat to hand out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HatIn {
    /// For which organisation.
    org: String,
    /// The role, e.g. `operator.officer`.
    hat: String,
}

/// Hands a hat to a login.
#[utoipa::path(post, path = "/persons/{id}/hats", tag = "office", request_body = HatIn,
    responses((status = 201, body = Created), (status = 422, description = "a rule keeps the hats apart")))]
async fn give_hat(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Body<HatIn>,
) -> Answer {
    let once = form::idempotency(&headers, &format!("POST /persons/{id}/hats"), &body.bytes);
    let made =
        act::hand_out(&house, &caller.ctx, &id, &body.value.org, &body.value.hat, once).await?;
    Ok(created(Created::from(made)))
}

/// Withdraws a hat.
#[utoipa::path(delete, path = "/persons/{id}/hats/{org}/{hat}", tag = "office",
    responses((status = 200, body = Created)))]
async fn take_hat(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((id, org, hat)): Path<(String, String, String)>,
) -> Answer<Json<Created>> {
    Ok(Json(act::withdraw(&house, &caller.ctx, &id, &org, &hat).await?.into()))
}

/// A sensor's login to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SensorIn {
    /// The operator it watches for.
    org: String,
    /// The name of its login.
    login: String,
    /// The name shown.
    name: String,
}

/// A program's login with its token.
#[derive(Serialize, ToSchema)]
struct SensorOut {
    /// The login's identifier.
    id: String,
    /// Shown once.
    token: String,
    /// When the token ends.
    expires_at: String,
    /// Index of the leaf.
    position: u64,
}

fn program_out((person, token): (super::id::PersonId, NewToken)) -> SensorOut {
    SensorOut {
        id: person.to_string(),
        token: token.secret.reveal().to_owned(),
        expires_at: stamp(token.expires_at),
        position: token.position,
    }
}

/// Adds a sensor's login with its token.
#[utoipa::path(post, path = "/sensors", tag = "office", request_body = SensorIn,
    responses((status = 201, body = SensorOut)))]
async fn add_sensor(
    State(house): State<Arc<House>>,
    caller: Caller,
    body: Body<SensorIn>,
) -> Answer {
    let SensorIn { org, login, name } = body.value;
    let made = act::add_sensor(&house, &caller.ctx, &org, &NewPerson { login, name }).await?;
    Ok(created(program_out(made)))
}

/// Makes a token for a foreign partner's reader.
#[utoipa::path(post, path = "/partners/{org}/token", tag = "office", responses((status = 201, body = SensorOut)))]
async fn partner_token(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(org): Path<String>,
) -> Answer {
    Ok(created(program_out(act::partner_token(&house, &caller.ctx, &org).await?)))
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenIn {
    /// The name typed at sign-in.
    login: String,
    /// Its password.
    password: String,
    /// For which organisation the token acts.
    org: String,
    /// Under which hat.
    hat: String,
    /// What its owner calls it.
    label: String,
    /// How long it lives.
    days: u32,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
struct TokenOut {
    /// Shown once.
    token: String,
    /// When it ends.
    expires_at: String,
    /// Index of the leaf.
    position: u64,
}

/// Makes an API token for oneself, proved by password.
#[utoipa::path(post, path = "/tokens", tag = "office", request_body = TokenIn,
    responses((status = 201, body = TokenOut), (status = 401, description = "login or password is not right")))]
async fn make_token(State(house): State<Arc<House>>, body: Body<TokenIn>) -> Answer {
    let TokenIn { login, password, org, hat, label, days } = body.value;
    let login = entry::prove(&house, &login, &password).await?;
    let wish = TokenWish { org, hat, label, days };
    let made = entry::make_token(&house, &login.person, wish, Via::Session).await?;
    Ok(created(TokenOut {
        token: made.secret.reveal().to_owned(),
        expires_at: stamp(made.expires_at),
        position: made.position,
    }))
}

/// A token in a list.
#[derive(Serialize, ToSchema)]
struct TokenListed {
    /// Names it.
    id: String,
    /// What its owner calls it.
    label: String,
    /// For which organisation it acts.
    org: String,
    /// Under which hat.
    hat: String,
    /// Made when.
    created_at: String,
    /// Ends when.
    expires_at: String,
    /// Taken back when.
    revoked_at: Option<String>,
}

/// Lists one's own tokens, newest first, at most 200.
#[utoipa::path(get, path = "/tokens", tag = "office", responses((status = 200, body = Page<TokenListed>)))]
async fn list_tokens(
    State(house): State<Arc<House>>,
    caller: Caller,
) -> Answer<Json<Page<TokenListed>>> {
    house.authoriser.check(&caller.ctx, Action::OfficeToken, On::default())?;
    let person = caller.ctx.person.clone();
    let rows = house.store.read(move |reader| read::tokens(reader, &person)).await?;
    let shown = |row: read::TokenRow| TokenListed {
        id: row.id,
        label: row.label,
        org: row.held.org.org.to_string(),
        hat: row.held.hat.id().to_owned(),
        created_at: stamp(row.created_at),
        expires_at: stamp(row.expires_at),
        revoked_at: row.revoked_at.map(stamp),
    };
    Ok(Json(Page { items: rows.into_iter().map(shown).collect(), cursor: None }))
}

/// Takes back one of one's own tokens.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "office", responses((status = 200, body = Created)))]
async fn revoke_token(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Created>> {
    let position = entry::revoke_token(&house, &caller.ctx, &id).await?;
    Ok(Json(Created { id, position }))
}
