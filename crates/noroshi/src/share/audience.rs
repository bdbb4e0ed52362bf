//! Who an audience is at this moment, and to which audiences an organisation belongs.
//!
//! The list of recipients is computed when it is needed and never kept: an organisation that leaves the council gets
//! nothing from that instant on. What an audience does not name exactly is nobody.

use noroshi_charter::hat::Hat;
use noroshi_charter::release::{Audience, Capacity, Ceiling, Protection, Recipient};
use noroshi_evidence::marking::LegalClass;

use super::read;
use crate::evidence::rows::tlp_of;
use crate::office::id::OrgId;
use crate::office::people::{self, Org};
use crate::office::store::{Reader, StoreFailure, Value};

/// Kinds of organisation that are national administrative organs which may hold what art. 37 speaks of. The commission
/// and parliament hold none of it (art. 2(9)).
pub const NATIONAL: [&str; 4] = ["office", "ministry", "police", "defence"];

/// Whether a kind of organisation can receive in a capacity. Members of the council are of any kind.
fn is_of(kind: &str, capacity: Capacity) -> bool {
    match capacity {
        Capacity::NationalOrgan => NATIONAL.contains(&kind),
        Capacity::Operator => kind == "operator",
        Capacity::Supplier => kind == "supplier",
        Capacity::Foreign => kind == "partner",
        Capacity::Council => true,
        Capacity::Public => false,
    }
}

/// The exact recipients of an audience now, in a stable order. The public has no list: it is everybody.
pub fn members(reader: &Reader<'_>, audience: &Audience) -> Result<Vec<Org>, StoreFailure> {
    if let Some(org) = audience.org() {
        let found = OrgId::parse(org).map(|org| people::find_org(reader, &org)).transpose()?;
        return Ok(found
            .flatten()
            .filter(|org| is_of(&org.kind, audience.capacity()))
            .into_iter()
            .collect());
    }
    match audience {
        Audience::Council => reader.all(
            "SELECT o.org, o.name_ja, o.name_en, o.kind, o.sector FROM share_council c \
             JOIN office_org o ON o.org = c.org WHERE c.left_at IS NULL ORDER BY o.name_en, o.org",
            &[],
            |row| people::org_at(row, 0),
        ),
        Audience::Operators => reader.all(
            "SELECT org, name_ja, name_en, kind, sector FROM office_org WHERE kind = 'operator' ORDER BY name_en, org",
            &[],
            |row| people::org_at(row, 0),
        ),
        Audience::Sector(sector) => reader.all(
            "SELECT org, name_ja, name_en, kind, sector FROM office_org WHERE kind = 'operator' AND sector = $1 \
             ORDER BY name_en, org",
            &[Value::from(sector)],
            |row| people::org_at(row, 0),
        ),
        Audience::National(_)
        | Audience::Operator(_)
        | Audience::Supplier(_)
        | Audience::Partner(_)
        | Audience::Public => Ok(Vec::new()),
    }
}

/// The audiences an organisation belongs to now, in a stable order; everybody belongs to the public.
pub fn audiences_of(reader: &Reader<'_>, org: &OrgId) -> Result<Vec<Audience>, StoreFailure> {
    let Some(found) = people::find_org(reader, org)? else { return Ok(vec![Audience::Public]) };
    let mut audiences = Vec::new();
    audiences.extend(own(&found));
    if found.kind == "operator" {
        audiences.extend(
            [Some(Audience::Operators), found.sector.map(Audience::Sector)].into_iter().flatten(),
        );
    }
    if sits_in_council(reader, org)? {
        audiences.push(Audience::Council);
    }
    audiences.push(Audience::Public);
    Ok(audiences)
}

/// The audiences of which somebody sees under a hat what was sent. Whoever represents its organisation in the council, or
/// as a supplier, sees what it is sent as that, and nothing that it is sent as something else (Act art. 42, 45).
pub fn audiences_under(
    reader: &Reader<'_>,
    org: &OrgId,
    hat: Hat,
) -> Result<Vec<Audience>, StoreFailure> {
    let mut all = audiences_of(reader, org)?;
    all.retain(|audience| is_under(hat, audience));
    Ok(all)
}

/// Whether a hat is for what an audience is sent.
pub fn is_under(hat: Hat, audience: &Audience) -> bool {
    let capacity = match hat {
        Hat::CouncilMember => Capacity::Council,
        Hat::SupplierOfficer => Capacity::Supplier,
        _ => return true,
    };
    audience.capacity() == capacity || *audience == Audience::Public
}

/// The audience that is this organisation alone; none for a kind that receives nothing.
pub fn own(org: &Org) -> Option<Audience> {
    let name = org.org.to_string();
    match org.kind.as_str() {
        "partner" => Some(Audience::Partner(name)),
        "operator" => Some(Audience::Operator(name)),
        "supplier" => Some(Audience::Supplier(name)),
        kind if NATIONAL.contains(&kind) => Some(Audience::National(name)),
        _ => None,
    }
}

fn sits_in_council(reader: &Reader<'_>, org: &OrgId) -> Result<bool, StoreFailure> {
    let sql = "SELECT COUNT(*) FROM share_council WHERE org = $1 AND left_at IS NULL";
    Ok(reader.number(sql, &[Value::from(org)])? > 0)
}

/// Every audience that can be chosen now, with the organisation where it is one; partners come first.
pub fn all(reader: &Reader<'_>) -> Result<Vec<(Audience, Option<Org>)>, StoreFailure> {
    let orgs = people::orgs(reader)?;
    let operators = orgs.iter().filter(|org| org.kind == "operator");
    let mut sectors: Vec<String> = operators.filter_map(|org| org.sector.clone()).collect();
    sectors.sort();
    sectors.dedup();
    let mut all: Vec<(Audience, Option<Org>)> =
        orgs.into_iter().filter_map(|org| Some((own(&org)?, Some(org)))).collect();
    all.sort_by_key(|(audience, _)| audience.capacity() != Capacity::Foreign);
    all.extend([(Audience::Council, None), (Audience::Operators, None)]);
    all.extend(sectors.into_iter().map(|sector| (Audience::Sector(sector), None)));
    all.push((Audience::Public, None));
    Ok(all)
}

/// Whether an organisation belongs to an audience now. The work is the same whatever the answer.
pub fn belongs(
    reader: &Reader<'_>,
    org: &OrgId,
    audience: &Audience,
) -> Result<bool, StoreFailure> {
    Ok(audiences_of(reader, org)?.contains(audience))
}

/// What decides about one organisation as a recipient in an audience, as found at this moment.
pub fn recipient(
    reader: &Reader<'_>,
    org: Option<&str>,
    audience: &Audience,
) -> Result<Recipient, StoreFailure> {
    let capacity = audience.capacity();
    let Some(org) = org else { return Ok(Recipient { capacity, ..Recipient::public() }) };
    let found = read::finding(reader, org)?;
    let protection = found.map(|one| Protection { scope: one.scope, until: one.valid_until });
    Ok(Recipient {
        org: Some(org.to_owned()),
        capacity,
        protection,
        ceiling: ceiling(reader, org)?,
    })
}

/// The ceiling that was set for an organisation.
pub fn ceiling(reader: &Reader<'_>, org: &str) -> Result<Ceiling, StoreFailure> {
    let set = reader.first(
        "SELECT class, tlp FROM share_ceiling WHERE org = $1",
        &[Value::from(org)],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )?;
    let Some((class, tlp)) = set else { return Ok(Ceiling::NONE) };
    let class: Option<LegalClass> = read::class_of(&class);
    match (class, tlp_of(&tlp)) {
        (Some(class), Some(tlp)) => Ok(Ceiling { class, tlp }),
        _ => Err(StoreFailure::Damaged(format!("the ceiling of `{org}`"))),
    }
}
