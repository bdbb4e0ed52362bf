//! Who may see what: the Traffic Light Protocol, the classes of the law, and where a thing came from.
//!
//! Three restrictions travel with every object and only ever tighten: whatever is made out of several
//! inputs carries the strictest colour, every legal bit and every originator of all of them. Loosening is
//! a decision of people and lives in the charter, not here.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::StixId;

/// The object type of markings.
const MARKING: &str = "marking-definition";

/// The Traffic Light Protocol 2.0 (FIRST, August 2022), from the freest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tlp {
    /// To the world.
    #[serde(rename = "clear")]
    Clear,
    /// Inside the community.
    #[serde(rename = "green")]
    Green,
    /// To the recipient's organisation and its clients who need to know.
    #[serde(rename = "amber")]
    Amber,
    /// To the recipient's organisation only.
    #[serde(rename = "amber+strict")]
    AmberStrict,
    /// To the eyes of the individual recipients.
    #[serde(rename = "red")]
    Red,
}

impl Tlp {
    /// All five, from the freest to the strictest.
    pub const ALL: [Self; 5] =
        [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// The label as FIRST writes it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Clear => "TLP:CLEAR",
            Self::Green => "TLP:GREEN",
            Self::Amber => "TLP:AMBER",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Red => "TLP:RED",
        }
    }

    /// Reads a label of version 2.0 or 1.0, with or without `TLP:`, in any case.
    pub fn from_label(label: &str) -> Option<Self> {
        let upper = label.trim().to_ascii_uppercase();
        match upper.strip_prefix("TLP:").unwrap_or(&upper) {
            "CLEAR" | "WHITE" => Some(Self::Clear),
            "GREEN" => Some(Self::Green),
            "AMBER" => Some(Self::Amber),
            "AMBER+STRICT" => Some(Self::AmberStrict),
            "RED" => Some(Self::Red),
            _ => None,
        }
    }

    /// The UUID of the marking definition for version 2.0 (OASIS, extension 60a3c5c5-…).
    const fn uuid(self) -> Uuid {
        Uuid::from_u128(match self {
            Self::Clear => 0x9486_8c89_83c2_464b_929b_a1a8_aa3c_8487,
            Self::Green => 0xbab4_a63c_aed9_4cf5_a766_dfca_5aba_c2bb,
            Self::Amber => 0x55d9_20b0_5e8b_4f79_9ee9_91f8_68d9_b421,
            Self::AmberStrict => 0x939a_9414_2ddd_4d32_a0cd_375e_a402_b003,
            Self::Red => 0xe828_b379_4e03_4974_9ac4_e53a_884c_97c1,
        })
    }

    /// The UUID of the marking definition for version 1.0 (STIX 2.1 section 7.2.1.4); amber+strict has none.
    const fn uuid_of_version_1(self) -> Option<Uuid> {
        match self {
            Self::Clear => Some(Uuid::from_u128(0x613f_2e26_407d_48c7_9eca_b8e9_1df9_9dc9)),
            Self::Green => Some(Uuid::from_u128(0x3409_8fce_860f_48ae_8e50_ebd3_cc5e_41da)),
            Self::Amber => Some(Uuid::from_u128(0xf88d_31f6_486f_44da_b317_0133_3bde_0b82)),
            Self::AmberStrict => None,
            Self::Red => Some(Uuid::from_u128(0x5e57_c739_391a_4eb3_b6be_7d15_ca92_d5ed)),
        }
    }

    /// The id of the marking definition that says so in STIX.
    pub fn marking_id(self) -> StixId {
        StixId::trusted(MARKING, self.uuid())
    }

    /// What a marking definition says, of version 2.0 or 1.0; `None` for other markings.
    ///
    /// ```
    /// use noroshi_evidence::marking::Tlp;
    /// let white = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9".parse()?;
    /// assert_eq!(Tlp::from_marking_id(&white), Some(Tlp::Clear));
    /// # Ok::<(), noroshi_evidence::id::ParseId>(())
    /// ```
    pub fn from_marking_id(id: &StixId) -> Option<Self> {
        let uuid = id.uuid();
        let names = |tlp: &Self| tlp.uuid() == uuid || tlp.uuid_of_version_1() == Some(uuid);
        Self::ALL.into_iter().find(names).filter(|_| id.object_type() == MARKING)
    }

    /// The text of the marking definition, for those who do not hold it yet.
    pub fn marking_text(self) -> String {
        let colour = self.label().trim_start_matches("TLP:").to_ascii_lowercase();
        format!(
            concat!(
                r#"{{"created":"2022-10-01T00:00:00.000Z","extensions":{{"#,
                r#""extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":"#,
                r#"{{"extension_type":"property-extension","tlp_2_0":"{colour}"}}}},"#,
                r#""id":"{id}","name":"{label}","spec_version":"2.1","type":"marking-definition"}}"#,
            ),
            colour = colour,
            id = self.marking_id(),
            label = self.label(),
        )
    }
}

/// What the markings of an object say together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// The strictest colour among them; `None` if there is none.
    pub tlp: Option<Tlp>,
    /// Markings that are not TLP. Whoever does not know them must not pass the object on.
    pub others: Vec<StixId>,
}

impl Marks {
    /// Reads `object_marking_refs`.
    pub fn read(refs: &[StixId]) -> Self {
        let mut marks = Self::default();
        for id in refs {
            match Tlp::from_marking_id(id) {
                Some(tlp) => marks.tlp = marks.tlp.max(Some(tlp)),
                None => marks.others.push(id.clone()),
            }
        }
        marks.others.sort();
        marks.others.dedup();
        marks
    }
}

/// The two independent facts from which the classes of the law follow.
///
/// Act on preventing damage to important computers, articles 37 to 44: information without selected
/// communications information may be provided; if it also holds no secret it may be made known.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct LegalBits {
    /// Holds selected communications information, or was derived from it.
    pub has_selected_comms: bool,
    /// Holds a secret that requires management under article 44.
    pub has_secret: bool,
}

impl LegalBits {
    /// Both facts of both: a bit once set stays set in everything derived from it.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        Self {
            has_selected_comms: self.has_selected_comms || other.has_selected_comms,
            has_secret: self.has_secret || other.has_secret,
        }
    }

    /// The narrowest class that admits these facts; it names what may be done with the information.
    ///
    /// ```
    /// use noroshi_evidence::marking::{LegalBits, LegalClass};
    /// let secret = LegalBits { has_secret: true, ..LegalBits::default() };
    /// assert_eq!(secret.class(), LegalClass::CiaPm);
    /// assert!(LegalClass::CiaP.admits(secret) && !LegalClass::CiaN.admits(secret));
    /// ```
    pub const fn class(self) -> LegalClass {
        match (self.has_selected_comms, self.has_secret) {
            (true, _) => LegalClass::Cia,
            (false, true) => LegalClass::CiaPm,
            (false, false) => LegalClass::CiaN,
        }
    }
}

/// The classes in which analysed information may be handed on (articles 37 to 44).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LegalClass {
    /// Analysed information: anything; national administrative organs only.
    #[serde(rename = "CIA")]
    Cia,
    /// For provision: no selected communications information.
    #[serde(rename = "CIA-P")]
    CiaP,
    /// For provision under management: as before, and it holds a secret.
    #[serde(rename = "CIA-PM")]
    CiaPm,
    /// For making known: neither selected communications information nor a secret.
    #[serde(rename = "CIA-N")]
    CiaN,
}

impl LegalClass {
    /// All four, from the widest content to the narrowest.
    pub const ALL: [Self; 4] = [Self::Cia, Self::CiaP, Self::CiaPm, Self::CiaN];

    /// The abbreviation used in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cia => "CIA",
            Self::CiaP => "CIA-P",
            Self::CiaPm => "CIA-PM",
            Self::CiaN => "CIA-N",
        }
    }

    /// Of two classes the one that fewer may receive: CIA before CIA-PM before CIA-P before CIA-N (articles 37 to 44).
    #[must_use]
    pub const fn stricter(self, other: Self) -> Self {
        if self.strictness() >= other.strictness() { self } else { other }
    }

    /// How few may receive it: 0 for CIA-N to 3 for CIA. Declaring order is that of content, not of recipients.
    pub const fn strictness(self) -> u8 {
        match self {
            Self::CiaN => 0,
            Self::CiaP => 1,
            Self::CiaPm => 2,
            Self::Cia => 3,
        }
    }

    /// Whether information with these facts belongs to the class.
    pub const fn admits(self, bits: LegalBits) -> bool {
        match self {
            Self::Cia => true,
            Self::CiaP => !bits.has_selected_comms,
            Self::CiaPm => !bits.has_selected_comms && bits.has_secret,
            Self::CiaN => !bits.has_selected_comms && !bits.has_secret,
        }
    }
}

/// The identity from which a thing came and whose opinion on its handling must be heard (article 45).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "StixId", into = "StixId")]
pub struct Originator(StixId);

/// The id of something other than an identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of an identity")]
pub struct NotAnIdentity(pub StixId);

impl NotAnIdentity {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        "NRS-EVID-0053"
    }
}

impl Originator {
    /// Takes the id of an identity.
    pub fn new(identity: StixId) -> Result<Self, NotAnIdentity> {
        if identity.object_type() == "identity" {
            Ok(Self(identity))
        } else {
            Err(NotAnIdentity(identity))
        }
    }

    /// The identity.
    pub const fn identity(&self) -> &StixId {
        &self.0
    }
}

impl TryFrom<StixId> for Originator {
    type Error = NotAnIdentity;

    fn try_from(identity: StixId) -> Result<Self, NotAnIdentity> {
        Self::new(identity)
    }
}

impl From<Originator> for StixId {
    fn from(originator: Originator) -> Self {
        originator.0
    }
}

/// Everything that restricts a thing.
///
/// INVARIANT: no method makes it freer; [`Handling::join`] is the least upper bound, so the order in
/// which inputs meet does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handling {
    tlp: Tlp,
    legal: LegalBits,
    originators: BTreeSet<Originator>,
}

impl Handling {
    /// The handling of something that came from one place.
    pub fn new(tlp: Tlp, legal: LegalBits, originator: Originator) -> Self {
        Self { tlp, legal, originators: BTreeSet::from([originator]) }
    }

    /// The colour.
    pub const fn tlp(&self) -> Tlp {
        self.tlp
    }

    /// The facts of the law.
    pub const fn legal(&self) -> LegalBits {
        self.legal
    }

    /// Everyone it came from.
    pub const fn originators(&self) -> &BTreeSet<Originator> {
        &self.originators
    }

    /// The handling of something made out of both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            tlp: self.tlp.max(other.tlp),
            legal: self.legal.join(other.legal),
            originators: self.originators.union(&other.originators).cloned().collect(),
        }
    }

    /// The handling of something made out of all inputs; `None` if there are none, because nothing is
    /// derived from nothing.
    pub fn derived_from<'a>(inputs: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut inputs = inputs.into_iter();
        let first = inputs.next()?.clone();
        Some(inputs.fold(first, |joined, next| joined.join(next)))
    }

    /// Whether this one restricts at least as much as `other`.
    pub fn covers(&self, other: &Self) -> bool {
        self.join(other) == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::StixObject;
    use proptest::prelude::*;

    #[test]
    fn markings_are_the_published_ones() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/corpora/tlp2-stix/tlp2-markings.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("corpora absent: skipped the published TLP markings");
            return;
        };
        let bundle: serde_json::Value = serde_json::from_str(&text).unwrap();
        let published = bundle["objects"].as_array().unwrap();
        assert_eq!(published.len(), Tlp::ALL.len());
        for marking in published {
            let object = StixObject::parse(&marking.to_string()).unwrap();
            let tlp = Tlp::from_marking_id(object.id()).unwrap();
            assert_eq!(object.head().name.as_deref(), Some(tlp.label()));
            let ours = StixObject::parse(&tlp.marking_text()).unwrap();
            assert_eq!(ours.digest(), object.digest());
        }
    }

    #[test]
    fn labels_and_old_markings_are_read() {
        for tlp in Tlp::ALL {
            assert_eq!(Tlp::from_label(tlp.label()), Some(tlp));
            assert_eq!(Tlp::from_marking_id(&tlp.marking_id()), Some(tlp));
            let name = serde_json::to_string(&tlp).unwrap();
            assert_eq!(Tlp::from_label(name.trim_matches('"')), Some(tlp));
        }
        assert_eq!(Tlp::from_label("tlp:white"), Some(Tlp::Clear));
        assert_eq!(Tlp::from_label("TLP:EX:CHR"), None);
        let old = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82".parse().unwrap();
        let other: StixId =
            "marking-definition--00000000-0000-4000-8000-000000000001".parse().unwrap();
        let marks = Marks::read(&[Tlp::Green.marking_id(), old, other.clone(), other.clone()]);
        assert_eq!(marks, Marks { tlp: Some(Tlp::Amber), others: vec![other] });
        let disguised = StixId::trusted("identity", Tlp::Clear.uuid());
        assert_eq!(Tlp::from_marking_id(&disguised), None);
    }

    #[test]
    fn classes_follow_from_the_two_facts() {
        let table: Vec<String> = [(false, false), (false, true), (true, false), (true, true)]
            .into_iter()
            .map(|(has_selected_comms, has_secret)| {
                let bits = LegalBits { has_selected_comms, has_secret };
                let admitted: Vec<_> = LegalClass::ALL
                    .into_iter()
                    .filter(|class| class.admits(bits))
                    .map(LegalClass::code)
                    .collect();
                assert!(bits.class().admits(bits));
                format!("{} of {}", bits.class().code(), admitted.join(" "))
            })
            .collect();
        assert_eq!(
            table,
            ["CIA-N of CIA CIA-P CIA-N", "CIA-PM of CIA CIA-P CIA-PM", "CIA of CIA", "CIA of CIA"]
        );
    }

    fn handling() -> impl Strategy<Value = Handling> {
        let originators = prop::collection::btree_set(0_u128..4, 1..3);
        (0_usize..5, any::<bool>(), any::<bool>(), originators).prop_map(
            |(tlp, has_selected_comms, has_secret, from)| Handling {
                tlp: Tlp::ALL[tlp],
                legal: LegalBits { has_selected_comms, has_secret },
                originators: from
                    .into_iter()
                    .map(|n| Originator(StixId::trusted("identity", Uuid::from_u128(n))))
                    .collect(),
            },
        )
    }

    proptest! {
        #[test]
        fn joining_is_a_least_upper_bound(a in handling(), b in handling(), c in handling()) {
            prop_assert_eq!(a.join(&b), b.join(&a));
            prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
            prop_assert_eq!(a.join(&a), a.clone());
            prop_assert!(a.join(&b).covers(&a) && a.join(&b).covers(&b));
            prop_assert!(!(c.covers(&a) && c.covers(&b)) || c.covers(&a.join(&b)));
            prop_assert_eq!(Handling::derived_from([&a, &b, &c]), Some(a.join(&b).join(&c)));
        }

        #[test]
        fn whatever_is_released_from_a_join_could_be_released_from_each(a in handling(), b in handling()) {
            let joined = a.join(&b).legal();
            for class in [LegalClass::Cia, LegalClass::CiaP, LegalClass::CiaN] {
                prop_assert!(!class.admits(joined) || (class.admits(a.legal()) && class.admits(b.legal())));
            }
        }

        #[test]
        fn handling_survives_writing(a in handling()) {
            let text = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(serde_json::from_str::<Handling>(&text).unwrap(), a);
        }
    }
}
