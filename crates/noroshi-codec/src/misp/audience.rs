//! Who may see an event, as MISP says it.
//!
//! MISP gives events, attributes, objects and reports one of six distributions. A codec does not decide; it repeats
//! what the maker said, so that the gate can keep it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::model::Event;
use super::read::text_of_value;

/// How far the maker lets a thing go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distribution {
    /// 0: the maker's organisation on this server.
    OrganisationOnly,
    /// 1: the organisations of this server.
    ThisCommunity,
    /// 2: those, and the servers that are connected to it.
    ConnectedCommunities,
    /// 3: everybody.
    AllCommunities,
    /// 4: the members of a group, by name.
    SharingGroup,
    /// 5: whoever may see the event.
    Inherit,
}

/// An organisation of a sharing group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its uuid, the same on every server.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Whether it may invite others to the group.
    pub may_extend: bool,
}

/// Who may see one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The uuid of the event, attribute or object.
    pub about: Uuid,
    /// How far the maker lets it go.
    pub distribution: Distribution,
    /// The organisation that made the event.
    pub maker: Option<Uuid>,
    /// Name and uuid of the sharing group.
    pub group: Option<(Uuid, String)>,
    /// The organisations of the sharing group.
    pub members: BTreeSet<Member>,
}

/// The organisations an audience names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// Nobody: a group without members, or one that did not come with the event.
    Nobody,
    /// These organisations.
    Organisations(BTreeSet<Uuid>),
    /// A community that only the server it came from can list.
    Community(Distribution),
    /// Whoever may see the event.
    Inherit,
}

impl Audience {
    /// Who is meant. An empty sharing group means nobody, never everybody.
    pub fn recipients(&self) -> Recipients {
        let named = match self.distribution {
            Distribution::Inherit => return Recipients::Inherit,
            Distribution::ThisCommunity
            | Distribution::ConnectedCommunities
            | Distribution::AllCommunities => return Recipients::Community(self.distribution),
            Distribution::OrganisationOnly => self.maker.into_iter().collect(),
            Distribution::SharingGroup => {
                self.members.iter().map(|member| member.uuid).collect::<BTreeSet<Uuid>>()
            }
        };
        if named.is_empty() { Recipients::Nobody } else { Recipients::Organisations(named) }
    }
}

/// The audience of an event, and of what in it has another one.
pub(super) fn of_event(event: &Event) -> Vec<Audience> {
    let maker = event.maker.as_ref().map(|org| org.uuid);
    // Without a word about it, the narrowest reading.
    let own = of_head(&event.head, event.uuid, maker).unwrap_or(Audience {
        about: event.uuid,
        distribution: Distribution::OrganisationOnly,
        maker,
        group: None,
        members: BTreeSet::new(),
    });
    let mut audiences = vec![own];
    let attributes = event.attributes.iter().map(|attribute| (&attribute.head, attribute.uuid));
    let objects = event.objects.iter().map(|object| (&object.head, object.uuid));
    let within = event.objects.iter().flat_map(|object| &object.attributes);
    let within = within.map(|attribute| (&attribute.head, attribute.uuid));
    audiences.extend(
        attributes
            .chain(objects)
            .chain(within)
            .filter_map(|(head, about)| of_head(head, about, maker))
            .filter(|audience| audience.distribution != Distribution::Inherit),
    );
    audiences
}

fn of_head(head: &Map<String, Value>, about: Uuid, maker: Option<Uuid>) -> Option<Audience> {
    let said = head.get("distribution").and_then(text_of_value)?;
    let distribution = match said.as_str() {
        "1" => Distribution::ThisCommunity,
        "2" => Distribution::ConnectedCommunities,
        "3" => Distribution::AllCommunities,
        "4" => Distribution::SharingGroup,
        "5" => Distribution::Inherit,
        // A distribution nobody knows is read as the narrowest one.
        _ => Distribution::OrganisationOnly,
    };
    let mut audience =
        Audience { about, distribution, maker, group: None, members: BTreeSet::new() };
    if distribution == Distribution::SharingGroup
        && let Some(group) = head.get("SharingGroup")
    {
        audience.group = uuid_of(group).zip(group.get("name").and_then(text_of_value));
        let listed = group.get("SharingGroupOrg").and_then(Value::as_array);
        audience.members = listed.into_iter().flatten().filter_map(member).collect();
    }
    Some(audience)
}

fn member(entry: &Value) -> Option<Member> {
    let org = entry.get("Organisation")?;
    let extend = entry.get("extend").and_then(text_of_value);
    Some(Member {
        uuid: uuid_of(org)?,
        name: org.get("name").and_then(text_of_value).unwrap_or_default(),
        may_extend: extend.is_some_and(|flag| flag == "1" || flag == "true"),
    })
}

fn uuid_of(value: &Value) -> Option<Uuid> {
    Uuid::try_parse(value.get("uuid")?.as_str()?).ok()
}
