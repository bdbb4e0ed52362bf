//! Names of behaviour: the techniques of DISARM, checked against the table of one version, and those of older versions.
//!
//! The DISARM framework renumbers: published bundles name techniques that the present bundle does not have. What they are
//! now is said by [`ALIASES`], which is this house's reading and is shown beside what was written.

/// The version of the table.
pub const VERSION: &str = "49df5f6";

const IDS: &str = include_str!("disarm.txt");

/// Identifiers of older versions with what they are now; several where one was split.
pub const ALIASES: &[(&str, &[&str])] = &[
    ("T0007", &["T0151.002", "T0151.003", "T0146"]),
    ("T0013", &["T0149.001", "T0152.004"]),
    ("T0019", &["T0049.008"]),
    ("T0019.002", &["T0049.002"]),
    ("T0090", &["T0146"]),
    ("T0090.001", &["T0128.001"]),
    ("T0099.001", &["T0143.002", "T0097.208"]),
    ("T0099.002", &["T0143.004", "T0143.003"]),
    ("T0099.003", &["T0143.003", "T0097.200"]),
    ("T0099.004", &["T0143.003", "T0097.202"]),
    ("T0099.005", &["T0143.003", "T0097.111"]),
    ("T0104", &["T0151.001"]),
    ("T0104.001", &["T0151.001"]),
    ("T0104.004", &["T0151.001"]),
    ("T0104.005", &["T0015.001"]),
    ("T0104.006", &["T0015.002"]),
    ("T0105.002", &["T0152.006"]),
    ("T0112", &["T0153.001"]),
];

/// What an identifier is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// One of this version.
    Now,
    /// One of an older version, and what it is now.
    Before(&'static [&'static str]),
    /// None that is known.
    Unknown,
}

/// Every identifier of this version, in order.
pub fn ids() -> impl Iterator<Item = &'static str> {
    IDS.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

/// What an identifier is.
pub fn known(id: &str) -> Known {
    if ids().any(|known| known == id) {
        return Known::Now;
    }
    ALIASES.iter().find(|(old, _)| *old == id).map_or(Known::Unknown, |(_, now)| Known::Before(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_leads_from_what_is_no_more_to_what_is() {
        assert_eq!(ids().count(), 391);
        for (old, now) in ALIASES {
            assert!(!ids().any(|id| id == *old), "{old} is still there");
            for id in *now {
                assert_eq!(known(id), Known::Now, "{old} -> {id}");
            }
        }
        assert_eq!(known("T0084.001"), Known::Now);
        assert_eq!(known("T0090"), Known::Before(&["T0146"]));
        assert_eq!(known("T9999"), Known::Unknown);
    }
}
