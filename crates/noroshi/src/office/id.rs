//! Identifiers: one newtype a kind, `prefix-` and a time-ordered UUID (RFC 9562 version 7).

use std::fmt;

use jiff::Timestamp;
use uuid::{Builder, Uuid};

/// A fresh time-ordered UUID; randomness from the operating system.
pub fn fresh_uuid(now: Timestamp) -> Uuid {
    let mut random = [0u8; 10];
    fill_random(&mut random);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// A random UUID (version 4), as CACAO and STIX want for new objects.
pub fn random_uuid() -> Uuid {
    let mut random = [0u8; 16];
    fill_random(&mut random);
    Builder::from_random_bytes(random).into_uuid()
}

/// Fills `bytes` from the operating system's generator.
///
/// A machine that cannot give randomness cannot run this program: it stops rather than go on with weak secrets.
pub fn fill_random(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        tracing::error!("the operating system gives no randomness; stopping");
        std::process::abort();
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new identifier, later in text order than those made before `now`.
            pub fn fresh(now: Timestamp) -> Self {
                Self(format!(concat!($prefix, "-{}"), fresh_uuid(now).as_simple()))
            }

            /// Reads an identifier of this kind; `None` when the prefix or the length is another.
            pub fn parse(text: &str) -> Option<Self> {
                let rest = text.strip_prefix(concat!($prefix, "-"))?;
                let plausible = (1..=64).contains(&rest.len())
                    && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                plausible.then(|| Self(text.to_owned()))
            }

            /// The text form, `prefix-hex`.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&$name> for crate::office::store::Value {
            fn from(id: &$name) -> Self {
                Self::Text(id.0.clone())
            }
        }
    };
}

id!(/// A legal person or organ that owns data.
    OrgId, "org");
id!(/// A natural person's login. Opaque: names stay off the log.
    PersonId, "person");
id!(/// An incident report and all its stages.
    ReportId, "report");
id!(/// A joint case.
    CaseId, "case");
id!(/// A measure asked for in a case.
    MeasureId, "measure");
id!(/// One effect of a measure on one actuator.
    EffectId, "effect");
id!(/// One release of evidence to an audience.
    ReleaseId, "release");
id!(/// A sensor that submits certificates of selection.
    SensorId, "sensor");
