//! What a statutory selection may do, as the platform signed it.
//!
//! A [`Mandate`] is data: the legal hat enters what it says, the platform signs it, a sensor verifies it without asking
//! anybody. Only a mandate whose signature, sensor, period and prefix table have been checked becomes a [`Mandated`],
//! and only with that value does a selection begin in a statutory mode. There is no other way to one, and what it says
//! cannot be changed afterwards:
//!
//! ```compile_fail,E0451
//! use noroshi_sift::mandate::Mandated;
//! fn forge(terms: noroshi_sift::mandate::Mandate) -> Mandated {
//!     Mandated { terms, digest: unreachable!(), gate: unreachable!() }
//! }
//! ```
//! ```compile_fail,E0599
//! use noroshi_sift::mandate::{Mandate, Mandated};
//! fn forge(terms: Mandate) -> Mandated { Mandated::from(terms) }
//! ```
//! ```compile_fail,E0616
//! fn widen(mandated: &mut noroshi_sift::mandate::Mandated) { mandated.terms.scope.networks.clear(); }
//! ```
//! ```compile_fail,E0594
//! fn widen(mandated: &mut noroshi_sift::mandate::Mandated) { mandated.terms().retention_days_max = 9; }
//! ```
//! ```compile_fail,E0277
//! fn forge(text: &str) -> noroshi_sift::mandate::Mandated { serde_json::from_str(text).unwrap() }
//! ```
//! ```compile_fail,E0423
//! fn forge(terms: noroshi_sift::mandate::Mandate) -> noroshi_sift::mandate::Verified { noroshi_sift::mandate::Verified(terms) }
//! ```
//! The same with nothing forged:
//! ```
//! fn read(mandated: &noroshi_sift::mandate::Mandated) -> u32 { mandated.terms().retention_days_max }
//! fn terms(text: &str) -> noroshi_sift::mandate::Mandate { serde_json::from_str(text).unwrap() }
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use noroshi_evidence::mechanical::{MeasureId, SelectorId};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::gate::Gate;
use crate::mode::{Mode, SensorId};
use crate::prefix::{GeoBasis, Jurisdiction, PrefixTable};
use crate::signature::{PublicKey, SecretKey, Signature};
use crate::switches::Switches;

/// The name of the form.
pub const FORM: &str = "noroshi-mandate/1";
/// The name of the form of a withdrawal.
pub const WITHDRAWAL_FORM: &str = "noroshi-withdrawal/1";
/// How many networks a mandate may name.
pub const NETWORKS_MAX: usize = 4_096;
/// The longest text of a mandate, in bytes.
pub const WORDS_BYTES_MAX: usize = 4_096;
/// The largest file that is read as a mandate, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A network in the text form of a prefix, without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// A text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("NRS-SIFT-0045: network is not a prefix without host bits")]
pub struct NotANetwork;

impl Network {
    /// The prefix.
    pub const fn net(self) -> IpNet {
        self.0
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let net: IpNet = text.parse().map_err(|_| NotANetwork)?;
        if net.trunc() == net { Ok(Self(net)) } else { Err(NotANetwork) }
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// From when the clauses of a mode are in force, as the legal hat entered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commencement {
    /// The first moment.
    pub from: Timestamp,
    /// The order or other text that says so.
    pub basis: String,
    /// The entry of the ledger in which the legal hat configured it: the digest of its leaf's subject.
    pub entry: Digest,
}

/// To what the measure is confined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// In words: facility, line, misuse, as approved.
    pub words: String,
    /// At least one end lies in one of them; none where the measure is not confined to networks. A party agreement
    /// names those of the party.
    pub networks: Vec<Network>,
}

/// What a statutory selection may do. There is no default for any of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mandate {
    /// [`FORM`].
    pub form: String,
    /// Its name on the platform.
    pub id: SelectorId,
    /// The sensor that it is for.
    pub sensor: SensorId,
    /// The key under which that sensor is enrolled: names are unique within an organisation only.
    pub sensor_key: PublicKey,
    /// On what legal ground.
    pub mode: Mode,
    /// From when that ground is in force.
    pub commencement: Commencement,
    /// The measure; stands in every record.
    pub measure: MeasureId,
    /// The approval of the commission, or the agreement.
    pub approval: SelectorId,
    /// To what the measure is confined.
    pub scope: Scope,
    /// The first moment of the measure.
    pub not_before: Timestamp,
    /// The last moment of the measure.
    pub not_after: Timestamp,
    /// Which fields may be looked at.
    pub switches: Switches,
    /// For how many days what is kept may be retained at most.
    pub retention_days_max: u32,
    /// What counts as home. The Act knows one; an exercise may take another.
    pub home: Jurisdiction,
    /// The table that says where an address lies.
    pub prefix_table: GeoBasis,
    /// When it was issued.
    pub issued_at: Timestamp,
}

impl Mandate {
    /// SHA-256 over the canonical JSON.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        self.canonical().map(|bytes| Digest::of(&bytes))
    }

    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// The mandate with the platform's signature.
    pub fn sign(self, key: &SecretKey) -> Result<Signed, serde_json::Error> {
        let signature = key.sign(FORM, &self.canonical()?);
        Ok(Signed { mandate: self, signature })
    }

    /// Every fault that the text has by itself, whoever signed it.
    pub fn faults(&self) -> Vec<Fault> {
        let words = [&self.scope.words, &self.commencement.basis];
        let faults = [
            (self.form != FORM, Fault::Form),
            (self.mode == Mode::OwnNetwork, Fault::OwnNetwork),
            (self.not_before > self.not_after, Fault::Period),
            (self.commencement.from > self.not_before, Fault::NotInForce),
            (self.retention_days_max == 0, Fault::Retention),
            (self.retention_days_max > crate::engine::RETENTION_DAYS_MAX, Fault::Retention),
            (
                words.iter().any(|text| text.trim().is_empty() || text.len() > WORDS_BYTES_MAX),
                Fault::Words,
            ),
            (self.scope.networks.len() > NETWORKS_MAX, Fault::Networks),
            (self.mode == Mode::PartyAgreement && self.scope.networks.is_empty(), Fault::Networks),
        ];
        faults.into_iter().filter(|(is_there, _)| *is_there).map(|(_, fault)| fault).collect()
    }
}

/// What is wrong with the text of a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another form.
    #[error("form is not `{FORM}`")]
    Form,
    /// One's own network needs no mandate and is never relabelled.
    #[error("own network is not a statutory mode")]
    OwnNetwork,
    /// It ends before it begins.
    #[error("period ends before it begins")]
    Period,
    /// The measure begins before its clauses are in force.
    #[error("measure begins before the clauses of its mode are in force")]
    NotInForce,
    /// No retention, or one that cannot be asked for.
    #[error("retention is not a number of days that can be asked for")]
    Retention,
    /// Scope or basis is not said.
    #[error("scope or basis is not said, or too long")]
    Words,
    /// Too many networks, or none where the party's must stand.
    #[error("networks are too many, or those of the party are missing")]
    Networks,
}

/// A mandate as it lies in a file: text and signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The text.
    pub mandate: Mandate,
    /// The platform's signature over it.
    pub signature: Signature,
}

/// That a mandate does not hold any longer, as the platform says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// [`WITHDRAWAL_FORM`].
    pub form: String,
    /// The name of the mandate.
    pub mandate: SelectorId,
    /// Its digest.
    pub digest: Digest,
    /// From when on it does not hold.
    pub at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl Withdrawal {
    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// The withdrawal with the platform's signature.
    pub fn sign(self, key: &SecretKey) -> Result<SignedWithdrawal, serde_json::Error> {
        let signature = key.sign(WITHDRAWAL_FORM, &self.canonical()?);
        Ok(SignedWithdrawal { withdrawal: self, signature })
    }
}

/// A withdrawal as it lies in a file: text and signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedWithdrawal {
    /// The text.
    pub withdrawal: Withdrawal,
    /// The platform's signature over it.
    pub signature: Signature,
}

impl SignedWithdrawal {
    /// Whether `platform` says of the mandate with this digest that it does not hold any longer.
    pub fn withdraws(&self, platform: &PublicKey, mandate: Digest) -> bool {
        let Self { withdrawal, signature } = self;
        withdrawal.form == WITHDRAWAL_FORM
            && withdrawal.digest == mandate
            && signature.key == *platform
            && withdrawal.canonical().is_ok_and(|text| signature.holds(WITHDRAWAL_FORM, &text))
    }
}

/// Why a mandate is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not this platform's signature over this text.
    #[error("NRS-SIFT-0080: mandate is not signed by the platform")]
    Signature,
    /// The text has a fault.
    #[error("NRS-SIFT-0081: mandate is at fault: {0}")]
    Fault(Fault),
    /// For another sensor, or another of the same name.
    #[error("NRS-SIFT-0082: mandate is for the sensor `{0}` and its key")]
    Sensor(SensorId),
    /// Too early or too late.
    #[error("NRS-SIFT-0083: mandate holds from `{from}` to `{to}`")]
    Period {
        /// Its first moment.
        from: Timestamp,
        /// Its last moment.
        to: Timestamp,
    },
    /// Another table than the one it names.
    #[error("NRS-SIFT-0084: prefix table is not `{0}` with the digest the mandate names")]
    Table(GeoBasis),
}

impl Signed {
    /// Whether `platform` signed it and the text is sound.
    pub fn verify(self, platform: &PublicKey) -> Result<Verified, Unfit> {
        let Self { mandate, signature } = self;
        let canonical = mandate.canonical().map_err(|_| Unfit::Signature)?;
        if signature.key != *platform || !signature.holds(FORM, &canonical) {
            return Err(Unfit::Signature);
        }
        match mandate.faults().first() {
            Some(fault) => Err(Unfit::Fault(*fault)),
            None => Ok(Verified(mandate)),
        }
    }
}

/// A mandate that the platform signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(Mandate);

impl Verified {
    /// What it says.
    pub const fn terms(&self) -> &Mandate {
        &self.0
    }

    /// The ground for a selection of `sensor`, enrolled under `key`, that begins at `now`, by the table the mandate names.
    pub fn open(
        self,
        sensor: &SensorId,
        key: &PublicKey,
        table: &Arc<PrefixTable>,
        now: Timestamp,
    ) -> Result<Mandated, Unfit> {
        let terms = self.0;
        if (&terms.sensor, &terms.sensor_key) != (sensor, key) {
            return Err(Unfit::Sensor(terms.sensor));
        }
        if !(terms.not_before..=terms.not_after).contains(&now) {
            return Err(Unfit::Period { from: terms.not_before, to: terms.not_after });
        }
        if terms.prefix_table != *table.basis() {
            return Err(Unfit::Table(terms.prefix_table));
        }
        let digest = terms.digest().map_err(|_| Unfit::Signature)?;
        let gate = Gate::mandated(&terms, Arc::clone(table));
        Ok(Mandated { terms, digest, gate })
    }
}

/// The ground of a statutory selection: verified, for this sensor, in force, with its table. It is made by
/// [`Verified::open`] and by nothing else, and has no method that changes it.
pub struct Mandated {
    terms: Mandate,
    digest: Digest,
    gate: Gate,
}

impl Mandated {
    /// What it says.
    pub const fn terms(&self) -> &Mandate {
        &self.terms
    }

    /// Its digest, for the certificate.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn into_parts(self) -> (Mandate, Digest, Gate) {
        (self.terms, self.digest, self.gate)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::IpAddr;

    use noroshi_evidence::mechanical::Direction;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn table() -> PrefixTable {
        let text = "# table: example\n# version: 7\n# date: 2026-11-01\n\
            192.0.2.0/24,JP\n192.0.2.64/26,FR\n198.51.100.0/24,FR\n2001:db8::/33,JP\n2001:db8:8000::/33,FR\n";
        PrefixTable::read(text.as_bytes()).unwrap()
    }

    fn key() -> SecretKey {
        SecretKey::of_seed([3; 32])
    }

    fn sensor_key() -> PublicKey {
        SecretKey::of_seed([9; 32]).public()
    }

    pub(crate) fn mandate(mode: Mode) -> Mandate {
        let networks = match mode {
            Mode::PartyAgreement => vec!["192.0.2.0/24".parse().unwrap()],
            _ => Vec::new(),
        };
        Mandate {
            form: FORM.to_owned(),
            id: "mandate-1".parse().unwrap(),
            sensor: "sensor-1".parse().unwrap(),
            sensor_key: sensor_key(),
            mode,
            commencement: Commencement {
                from: "2026-11-01T00:00:00Z".parse().unwrap(),
                basis: "order of an exercise".to_owned(),
                entry: Digest::of(b"entry"),
            },
            measure: "measure-1".parse().unwrap(),
            approval: "approval-1".parse().unwrap(),
            scope: Scope { words: "line of an exercise".to_owned(), networks },
            not_before: "2026-11-10T00:00:00Z".parse().unwrap(),
            not_after: "2026-11-30T00:00:00Z".parse().unwrap(),
            switches: Switches { dns_names: true, ..Switches::CLOSED },
            retention_days_max: 30,
            home: Jurisdiction::JAPAN,
            prefix_table: table().basis().clone(),
            issued_at: "2026-11-05T00:00:00Z".parse().unwrap(),
        }
    }

    fn open_at(terms: Mandate, now: &str) -> Result<Mandated, Unfit> {
        let verified = terms.sign(&key()).unwrap().verify(&key().public())?;
        let sensor = "sensor-1".parse().unwrap();
        verified.open(&sensor, &sensor_key(), &Arc::new(table()), now.parse().unwrap())
    }

    pub(crate) fn open(terms: Mandate) -> Result<Mandated, Unfit> {
        open_at(terms, "2026-11-20T00:00:00Z")
    }

    #[test]
    fn a_withdrawal_is_of_one_mandate_and_of_one_platform() {
        let (platform, other) = (SecretKey::of_seed([1; 32]), SecretKey::of_seed([2; 32]));
        let withdrawal = Withdrawal {
            form: WITHDRAWAL_FORM.to_owned(),
            mandate: "mandate-1".parse().unwrap(),
            digest: Digest::of(b"one"),
            at: "2027-05-01T00:00:00Z".parse().unwrap(),
            reason: "the approval was taken back".to_owned(),
        };
        let signed = withdrawal.sign(&platform).unwrap();
        assert!(signed.withdraws(&platform.public(), Digest::of(b"one")));
        assert!(!signed.withdraws(&platform.public(), Digest::of(b"other")));
        assert!(!signed.withdraws(&other.public(), Digest::of(b"one")));
        let mut changed = signed;
        changed.withdrawal.reason.push('.');
        assert!(!changed.withdraws(&platform.public(), Digest::of(b"one")));
    }

    #[test]
    fn a_sound_mandate_opens_its_mode_and_no_other() {
        for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::OwnNetwork) {
            let mandated = open(mandate(mode)).unwrap();
            assert_eq!(
                (mandated.terms(), mandated.digest()),
                (&mandate(mode), mandate(mode).digest().unwrap())
            );
        }
        assert_eq!(open(mandate(Mode::OwnNetwork)).err(), Some(Unfit::Fault(Fault::OwnNetwork)));
    }

    #[test]
    fn what_is_not_sound_opens_nothing() {
        let check = |expected: Fault, change: &dyn Fn(&mut Mandate)| {
            let mut terms = mandate(Mode::PartyAgreement);
            change(&mut terms);
            assert_eq!(open(terms).err(), Some(Unfit::Fault(expected)), "{expected}");
        };
        check(Fault::Form, &|terms| terms.form = "noroshi-mandate/2".to_owned());
        check(Fault::Period, &|terms| terms.not_after = "2026-11-09T00:00:00Z".parse().unwrap());
        check(Fault::NotInForce, &|terms| {
            terms.commencement.from = "2026-11-10T00:00:01Z".parse().unwrap()
        });
        check(Fault::Retention, &|terms| terms.retention_days_max = 0);
        check(Fault::Retention, &|terms| terms.retention_days_max = u32::MAX);
        check(Fault::Words, &|terms| terms.scope.words = " ".to_owned());
        check(Fault::Words, &|terms| terms.commencement.basis = String::new());
        check(Fault::Networks, &|terms| terms.scope.networks.clear());
    }

    #[test]
    fn a_mandate_is_for_one_sensor_one_period_one_table_and_one_platform() {
        let terms = || mandate(Mode::ForeignToForeign);
        let period = || Unfit::Period { from: terms().not_before, to: terms().not_after };
        assert_eq!(open_at(terms(), "2026-11-09T23:59:59Z").err(), Some(period()));
        assert_eq!(open_at(terms(), "2026-11-30T00:00:01Z").err(), Some(period()));
        assert!(open_at(terms(), "2026-11-30T00:00:00Z").is_ok());
        let other = Mandate { sensor: "sensor-2".parse().unwrap(), ..terms() };
        assert_eq!(open(other).err(), Some(Unfit::Sensor("sensor-2".parse().unwrap())));
        let other = Mandate { sensor_key: key().public(), ..terms() };
        assert_eq!(open(other).err(), Some(Unfit::Sensor("sensor-1".parse().unwrap())));
        let mut other = terms();
        other.prefix_table.digest = Digest::of(b"another file under the same name");
        assert!(matches!(open(other), Err(Unfit::Table(_))));
        let signed = terms().sign(&key()).unwrap();
        let stranger = SecretKey::of_seed([4; 32]);
        assert_eq!(signed.clone().verify(&stranger.public()).err(), Some(Unfit::Signature));
        let forged = Signed {
            signature: Signature {
                key: key().public(),
                ..terms().sign(&stranger).unwrap().signature
            },
            ..signed
        };
        assert_eq!(forged.verify(&key().public()).err(), Some(Unfit::Signature));
    }

    /// Where the definition puts an address, written without the table.
    fn home(address: IpAddr) -> Option<bool> {
        let inside = |net: &str| net.parse::<IpNet>().unwrap().contains(&address);
        if inside("192.0.2.64/26") || inside("198.51.100.0/24") || inside("2001:db8:8000::/33") {
            Some(false)
        } else if inside("192.0.2.0/24") || inside("2001:db8::/33") {
            Some(true)
        } else {
            None
        }
    }

    fn any_end() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u8>().prop_map(|last| IpAddr::from([192, 0, 2, last])),
            any::<u8>().prop_map(|last| IpAddr::from([198, 51, 100, last])),
            any::<u8>().prop_map(|last| IpAddr::from([203, 0, 113, last])),
            any::<u16>().prop_map(|part| IpAddr::from([0x2001, 0xdb8, part, 0, 0, 0, 0, 1])),
            any::<IpAddr>(),
        ]
    }

    proptest! {
        /// Whatever comes in, what is admitted is what the mandate says and nothing more.
        #[test]
        fn no_input_widens_a_mode(
            mode in 1_usize..5, src in any_end(), dst in any_end(),
            ts in 1_793_900_000_i64..1_796_400_000, network in proptest::option::of(0_u8..3),
        ) {
            let mode = Mode::ALL[mode];
            let mut terms = mandate(mode);
            if let Some(which) = network {
                let net = ["192.0.2.0/25", "198.51.100.128/25", "2001:db8::/40"][usize::from(which)];
                terms.scope.networks = vec![net.parse().unwrap()];
            }
            let gate = Gate::mandated(&terms, Arc::new(table()));
            let admitted = gate.admit(ts * 1_000_000, [Some(src), Some(dst)]);
            let direction = match (home(src), home(dst)) {
                (Some(false), Some(false)) => Some(Direction::ForeignToForeign),
                (Some(false), Some(true)) => Some(Direction::ForeignToDomestic),
                (Some(true), Some(false)) => Some(Direction::DomesticToForeign),
                _ => None,
            };
            let nets = &terms.scope.networks;
            let confined = nets.is_empty() || nets.iter().any(|net| net.net().contains(&src) || net.net().contains(&dst));
            let time = Timestamp::from_second(ts).unwrap();
            let is_within = (terms.not_before..=terms.not_after).contains(&time);
            let expected = direction == Some(mode.direction_of_records()) && confined && is_within;
            prop_assert_eq!(admitted.is_some(), expected);
            if let Some(admitted) = admitted {
                prop_assert_eq!(Some(admitted.direction), direction);
            }
        }

        /// A signed mandate says what was signed or nothing.
        #[test]
        fn any_changed_byte_ends_a_mandate(place in any::<prop::sample::Index>(), bit in 0_u8..7) {
            let signed = mandate(Mode::ForeignToForeign).sign(&key()).unwrap();
            let mut text = serde_json::to_vec(&signed).unwrap();
            let at = place.index(text.len());
            text[at] ^= 1 << bit;
            if let Ok(changed) = serde_json::from_slice::<Signed>(&text) {
                let verified = changed.verify(&key().public());
                // Some bytes are another spelling of the same value.
                prop_assert!(verified.is_err() || verified.unwrap().0 == signed.mandate);
            }
        }
    }
}
