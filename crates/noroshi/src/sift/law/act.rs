//! Entering what is in force, prefix tables and mandates: the legal hat alone, through the one door.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_charter::mandate::{
    Commencement, Draft, Ground, Limits, may_commence, may_issue, may_withdraw,
};
use noroshi_charter::release::Refusal as Against;
use noroshi_sift::digest::Digest;
use noroshi_sift::mandate::{
    self, FORM, Fault, Mandate, Network, Scope, WITHDRAWAL_FORM, Withdrawal,
};
use noroshi_sift::mode::{Mode, SensorId};
use noroshi_sift::prefix::{Jurisdiction, PrefixTable};
use noroshi_sift::switches::Switches;
use serde::Deserialize;
use serde_json::json;

use super::{load_key, read};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Change, CommitFailure, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{OrgId, random_uuid};
use crate::office::store::Value;
use crate::web::refusal::{Answer, Failure, Item, Refusal};

/// The longest text that is entered, in bytes.
pub const WORDS_BYTES_MAX: usize = mandate::WORDS_BYTES_MAX;

/// What was made, and where the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its name.
    pub id: String,
    /// Index of its leaf.
    pub position: u64,
}

fn may(house: &House, ctx: &Ctx) -> Result<(), Failure> {
    Ok(house.authoriser.check(ctx, Action::SiftLaw, On::default())?)
}

/// All reasons are told; the first one names the refusal.
fn decided(against: Vec<Against>) -> Result<(), Refusal> {
    let Some(first) = against.first() else { return Ok(()) };
    let item = |one: &Against| Item {
        pointer: String::new(),
        code: one.code.to_owned(),
        args: vec![("clause", one.clause.to_owned())],
    };
    let refusal = Refusal::new(first.code, StatusCode::UNPROCESSABLE_ENTITY);
    Err(refusal.arg("clause", first.clause).items(against.iter().map(item).collect()))
}

/// A fault of the house.
pub fn broken<E: std::error::Error + Send + Sync + 'static>(problem: E) -> Failure {
    Failure::Broken(Box::new(problem))
}

async fn commit(house: &House, ctx: &Ctx, id: String, change: Change) -> Answer<Made> {
    let done = house.door.commit(ctx, change).await?;
    Ok(Made { id, position: done.position })
}

/// A commencement as the legal hat enters it.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommencement {
    /// The mode, as certificates name it.
    pub mode: String,
    /// The first moment at which its clauses are in force.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// The order or other text that says so.
    pub basis: String,
    /// Days a measure may last at most, as that text says.
    pub period_days_max: u32,
    /// Days records may be retained at most, as that text says.
    pub retention_days_max: u32,
}

fn ground(mode: &str) -> Result<Ground, Refusal> {
    Ground::parse(mode)
        .ok_or_else(|| Refusal::new("NRS-SIFT-0408", StatusCode::UNPROCESSABLE_ENTITY))
}

/// Enters from when the clauses of a mode are in force. An earlier entry stays; for what begins later the new one counts.
pub async fn commence(house: &Arc<House>, ctx: &Ctx, new: NewCommencement) -> Answer<Made> {
    may(house, ctx)?;
    let entered = Commencement {
        ground: ground(&new.mode)?,
        from: new.from,
        basis: new.basis.trim().to_owned(),
        limits: Limits {
            period_days_max: new.period_days_max,
            retention_days_max: new.retention_days_max,
        },
    };
    decided(may_commence(ctx.hat, &entered))?;
    if entered.basis.len() > WORDS_BYTES_MAX {
        return Err(Refusal::new("NRS-SIFT-0402", StatusCode::UNPROCESSABLE_ENTITY).into());
    }
    let id = format!("commencement-{}", random_uuid().simple());
    let change = Change::office("sift.commence", &id)
        .payload(json!({ "mode": new.mode, "from": entered.from, "basis": entered.basis,
            "period_days_max": new.period_days_max, "retention_days_max": new.retention_days_max }))
        .write(Write::one(
            "INSERT INTO sift_commencement (id, mode, from_at, basis, period_days_max, retention_days_max, entered_by, \
             entered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                Value::from(&id),
                Value::from(entered.ground.code()),
                Value::from(entered.from),
                Value::from(&entered.basis),
                Value::from(u64::from(new.period_days_max)),
                Value::from(u64::from(new.retention_days_max)),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, id, change).await
}

/// Enters a prefix table. A version is entered once; another file under it is refused.
pub async fn enter_table(house: &Arc<House>, ctx: &Ctx, text: String) -> Answer<Made> {
    may(house, ctx)?;
    let table = PrefixTable::read(text.as_bytes()).map_err(|problem| {
        let words = problem.to_string();
        let why = words.split_once(": ").map_or(words.as_str(), |(_, plain)| plain).to_owned();
        Refusal::new("NRS-SIFT-0409", StatusCode::UNPROCESSABLE_ENTITY).arg("why", why)
    })?;
    let basis = table.basis();
    let digest = basis.digest.to_string();
    let change = Change::office("sift.table", &digest)
        .payload(json!({ "table": basis.table, "version": basis.version, "date": basis.date }))
        .write(Write::one(
            "INSERT INTO sift_prefix_table (digest, name, version, date, text, entered_by, entered_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7 \
             WHERE NOT EXISTS (SELECT 1 FROM sift_prefix_table WHERE digest = $1 OR (name = $2 AND version = $3))",
            vec![
                Value::from(&digest),
                Value::from(basis.table.as_str()),
                Value::from(basis.version.as_str()),
                Value::from(basis.date.to_string()),
                Value::from(text),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    match commit(house, ctx, digest, change).await {
        Err(Failure::Refused(refusal)) if refusal.status == StatusCode::CONFLICT => {
            Err(Refusal::new("NRS-SIFT-0410", StatusCode::CONFLICT).into())
        }
        other => other,
    }
}

/// A mandate as the legal hat words it.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMandate {
    /// The organisation whose sensor it is for.
    pub org: String,
    /// That sensor.
    pub sensor: String,
    /// The mode, as certificates name it.
    pub mode: String,
    /// The measure.
    pub measure: String,
    /// The approval of the commission, or the agreement.
    pub approval: String,
    /// To what the measure is confined, in words.
    pub scope: String,
    /// To which networks; none where it is not confined to networks.
    #[serde(default)]
    pub networks: Vec<String>,
    /// The first moment.
    #[schema(value_type = String)]
    pub not_before: Timestamp,
    /// The last moment.
    #[schema(value_type = String)]
    pub not_after: Timestamp,
    /// The switches that are opened; all others are closed.
    #[serde(default)]
    pub switches: Vec<String>,
    /// Days for which records may be retained.
    pub retention_days_max: u32,
    /// The digest of the prefix table.
    pub prefix_table: String,
}

/// The switches of those names open, the others closed.
fn switches(open: &[String]) -> Result<Switches, Refusal> {
    let unknown = |name: &str| {
        Refusal::new("NRS-SIFT-0411", StatusCode::UNPROCESSABLE_ENTITY).arg("switch", name)
    };
    let mut named = serde_json::Map::new();
    for (name, is_on) in Switches::CLOSED.named() {
        named.insert(name.to_owned(), json!(is_on));
    }
    for name in open {
        match named.get_mut(name) {
            Some(is_on) => *is_on = json!(true),
            None => return Err(unknown(name)),
        }
    }
    serde_json::from_value(serde_json::Value::Object(named)).map_err(|_| unknown("-"))
}

/// Issues a mandate for an enrolled sensor: signed by the platform, in the log, to be fetched by that sensor alone.
pub async fn issue(house: &Arc<House>, ctx: &Ctx, new: NewMandate) -> Answer<Made> {
    may(house, ctx)?;
    let ground = ground(&new.mode)?;
    let not_found = |code| Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY);
    let org = OrgId::parse(&new.org).ok_or_else(|| not_found("NRS-SIFT-0412"))?;
    let (whose, name, digest) = (org.clone(), new.sensor.clone(), new.prefix_table.clone());
    let begins = new.not_before;
    let (sensor, table, in_force) = house
        .store
        .read(move |reader| {
            Ok((
                read::sensor(reader, &whose, &name)?,
                read::table_text(reader, &digest)?,
                read::in_force(reader, ground, begins)?,
            ))
        })
        .await?;
    let sensor = sensor.ok_or_else(|| not_found("NRS-SIFT-0412"))?;
    let table = table.ok_or_else(|| not_found("NRS-SIFT-0413"))?;
    let draft = Draft {
        ground,
        measure: &new.measure,
        approval: &new.approval,
        scope: &new.scope,
        networks: new.networks.len(),
        not_before: new.not_before,
        not_after: new.not_after,
        retention_days_max: new.retention_days_max,
    };
    decided(may_issue(ctx.hat, &draft, in_force.as_ref().map(|entered| &entered.commencement)))?;
    // The charter has refused where nothing is in force.
    let in_force = in_force.ok_or_else(|| not_found("NRS-SIFT-0403"))?;
    let mandate = worded(ctx, &new, &sensor, &table, &in_force)?;
    let digest = mandate.digest().map_err(broken)?;
    let id = mandate.id.to_string();
    let key = load_key(&house.dir).map_err(broken)?;
    let signed = mandate.sign(&key).map_err(broken)?;
    let text = serde_json::to_string_pretty(&signed).map_err(broken)?;
    let terms = &signed.mandate;
    let change = Change::office("sift.mandate", digest.to_string())
        .payload(json!({ "mandate": terms }))
        .write(Write::one(
            "INSERT INTO sift_mandate (id, digest, org, sensor, mode, measure, not_before, not_after, text, issued_by, \
             issued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            vec![
                Value::from(&id),
                Value::from(digest.to_string()),
                Value::from(&org),
                Value::from(&new.sensor),
                Value::from(ground.code()),
                Value::from(terms.measure.as_str()),
                Value::from(terms.not_before),
                Value::from(terms.not_after),
                Value::from(text),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    commit(house, ctx, id, change).await
}

fn worded(
    ctx: &Ctx,
    new: &NewMandate,
    sensor: &read::Enrolled,
    table: &str,
    in_force: &read::Entered,
) -> Answer<Mandate> {
    let refused = |code| Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY);
    let named = |text: &str| text.trim().parse().map_err(|_| refused("NRS-SIFT-0414"));
    let networks: Result<Vec<Network>, _> =
        new.networks.iter().map(|text| text.trim().parse::<Network>()).collect();
    let table = PrefixTable::read(table.as_bytes()).map_err(broken)?;
    let entered = &in_force.commencement;
    let mandate = Mandate {
        form: FORM.to_owned(),
        id: named(&format!("mandate-{}", random_uuid().simple()))?,
        sensor: new.sensor.parse::<SensorId>().map_err(|_| refused("NRS-SIFT-0412"))?,
        sensor_key: sensor.key,
        mode: mode_of(entered.ground),
        commencement: mandate::Commencement {
            from: entered.from,
            basis: entered.basis.clone(),
            entry: Digest::of(in_force.id.as_bytes()),
        },
        measure: new.measure.trim().parse().map_err(|_| refused("NRS-SIFT-0414"))?,
        approval: named(&new.approval)?,
        scope: Scope {
            words: new.scope.trim().to_owned(),
            networks: networks.map_err(|_| refused("NRS-SIFT-0415"))?,
        },
        not_before: new.not_before,
        not_after: new.not_after,
        switches: switches(&new.switches)?,
        retention_days_max: new.retention_days_max,
        home: Jurisdiction::JAPAN,
        prefix_table: table.basis().clone(),
        issued_at: ctx.now,
    };
    // What a sensor would not follow is not issued.
    match mandate.faults().first() {
        None => Ok(mandate),
        Some(Fault::Words) => Err(refused("NRS-SIFT-0402").into()),
        Some(Fault::Networks) => Err(refused("NRS-SIFT-0415").into()),
        Some(Fault::Retention) => Err(refused("NRS-SIFT-0405").into()),
        Some(Fault::Period | Fault::NotInForce) => Err(refused("NRS-SIFT-0404").into()),
        Some(Fault::Form | Fault::OwnNetwork) => Err(refused("NRS-SIFT-0408").into()),
    }
}

/// A withdrawal as the legal hat words it.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWithdrawal {
    /// Why the mandate does not hold any longer.
    pub reason: String,
}

/// Withdraws a mandate at once and for good. Its sensor learns of it when it fetches next, and ends; a certificate of a
/// selection that began later is not taken.
pub async fn withdraw(house: &Arc<House>, ctx: &Ctx, id: &str, new: NewWithdrawal) -> Answer<Made> {
    may(house, ctx)?;
    let asked = id.to_owned();
    let issued = house.store.read(move |reader| read::mandate(reader, &asked)).await?;
    let issued = issued.ok_or_else(Refusal::absent)?;
    let terms = &issued.signed.mandate;
    let ground = Ground::ALL.into_iter().find(|ground| mode_of(*ground) == terms.mode);
    let ground = ground.ok_or_else(Refusal::absent)?;
    let reason = new.reason.trim().to_owned();
    decided(may_withdraw(ctx.hat, ground, &reason))?;
    if reason.len() > WORDS_BYTES_MAX {
        return Err(Refusal::new("NRS-SIFT-0402", StatusCode::UNPROCESSABLE_ENTITY).into());
    }
    let digest = terms.digest().map_err(broken)?;
    let withdrawal = Withdrawal {
        form: WITHDRAWAL_FORM.to_owned(),
        mandate: terms.id.clone(),
        digest,
        at: ctx.now,
        reason: reason.clone(),
    };
    let signed = withdrawal.sign(&load_key(&house.dir).map_err(broken)?).map_err(broken)?;
    let text = serde_json::to_string_pretty(&signed).map_err(broken)?;
    let change = Change::office("sift.withdraw", digest.to_string())
        .payload(json!({ "withdrawal": signed.withdrawal }))
        .write(Write::one(
            "INSERT INTO sift_withdrawal (mandate, reason, text, withdrawn_by, withdrawn_at) SELECT $1, $2, $3, $4, $5 \
             WHERE NOT EXISTS (SELECT 1 FROM sift_withdrawal WHERE mandate = $1)",
            vec![
                Value::from(&issued.id),
                Value::from(reason),
                Value::from(text),
                Value::from(&ctx.person),
                Value::from(ctx.now),
            ],
        ));
    let done = house.door.commit(ctx, change).await;
    let done = done.map_err(|problem| conflict(problem, "NRS-SIFT-0416"))?;
    Ok(Made { id: issued.id, position: done.position })
}

/// The same ground under its name in certificates.
pub const fn mode_of(ground: Ground) -> Mode {
    match ground {
        Ground::PartyAgreement => Mode::PartyAgreement,
        Ground::ForeignToForeign => Mode::ForeignToForeign,
        Ground::ForeignToDomestic => Mode::ForeignToDomestic,
        Ground::DomesticToForeign => Mode::DomesticToForeign,
    }
}

/// A conflict under a code of its own.
pub(super) fn conflict(problem: CommitFailure, code: &'static str) -> Failure {
    match problem {
        CommitFailure::Conflict { .. } => Refusal::new(code, StatusCode::CONFLICT).into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grounds_and_modes_have_the_same_names() {
        for ground in Ground::ALL {
            assert_eq!(serde_json::to_value(mode_of(ground)).unwrap(), json!(ground.code()));
        }
        assert_eq!(Ground::ALL.len() + 1, Mode::ALL.len(), "all but one's own network");
    }

    #[test]
    fn switches_are_opened_one_by_one() {
        assert_eq!(switches(&[]).unwrap(), Switches::CLOSED);
        let open = switches(&["ports".to_owned(), "dns-names".to_owned()]).unwrap();
        assert_eq!(open, Switches { ports: true, dns_names: true, ..Switches::CLOSED });
        assert_eq!(switches(&["everything".to_owned()]).unwrap_err().code, "NRS-SIFT-0411");
    }
}
