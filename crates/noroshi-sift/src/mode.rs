//! On what ground something is looked through.

use std::fmt;
use std::str::FromStr;

use noroshi_evidence::mechanical::{Direction, SelectorId};
use serde::{Deserialize, Serialize};

/// The legal ground of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The network of whoever selects, under its own authority.
    OwnNetwork,
    /// An agreement with a party, 当事者協定 (Act arts. 11 to 16).
    PartyAgreement,
    /// 外外通信目的送信措置 (Act arts. 17 to 20).
    ForeignToForeign,
    /// 特定外内通信目的送信措置 (Act art. 32).
    ForeignToDomestic,
    /// 特定内外通信目的送信措置 (Act art. 33).
    DomesticToForeign,
}

/// Why a mode cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}: mode is locked until {clause} is in force")]
pub struct Locked {
    /// The stable code.
    pub code: &'static str,
    /// The clause that is not in force.
    pub clause: &'static str,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::OwnNetwork,
        Self::PartyAgreement,
        Self::ForeignToForeign,
        Self::ForeignToDomestic,
        Self::DomesticToForeign,
    ];

    /// The direction its records carry, or why there are none.
    // Act No. 42 of 2025, Suppl. Prov. art. 1(iv): chapters 3 to 7 come into force later than the rest.
    pub const fn direction(self) -> Result<Direction, Locked> {
        let clause = match self {
            Self::OwnNetwork => return Ok(Direction::OwnNetwork),
            Self::PartyAgreement => "Act No. 42 of 2025, arts. 11 to 16 (Suppl. Prov. art. 1(iv))",
            Self::ForeignToForeign => {
                "Act No. 42 of 2025, arts. 17 to 20 (Suppl. Prov. art. 1(iv))"
            }
            Self::ForeignToDomestic => "Act No. 42 of 2025, art. 32 (Suppl. Prov. art. 1(iv))",
            Self::DomesticToForeign => "Act No. 42 of 2025, art. 33 (Suppl. Prov. art. 1(iv))",
        };
        Err(Locked { code: "NRS-SIFT-0001", clause })
    }
}

/// The name of a sensor: one to 128 bytes of visible ASCII without spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SensorId(Box<str>);

/// A text is not the name of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("NRS-SIFT-0005: name of the sensor is not 1 to 128 bytes of visible ASCII")]
pub struct NotASensor;

impl FromStr for SensorId {
    type Err = NotASensor;

    fn from_str(text: &str) -> Result<Self, NotASensor> {
        // The same rule as for selectors.
        text.parse::<SelectorId>().map(|_| Self(text.into())).map_err(|_| NotASensor)
    }
}

impl TryFrom<String> for SensorId {
    type Error = NotASensor;

    fn try_from(text: String) -> Result<Self, NotASensor> {
        text.parse()
    }
}

impl From<SensorId> for String {
    fn from(id: SensorId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for SensorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
