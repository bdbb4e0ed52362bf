//! The attribute types of MISP: the category a type has when none is given, and whether it is meant for detection.
//!
//! Source: the MISP core format and the list of types a MISP server describes itself by.

/// What a type is when the attribute does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Defaults {
    /// The category.
    pub(super) category: &'static str,
    /// Whether it is meant for detection.
    pub(super) to_ids: bool,
}

/// Types that share their defaults.
const GROUPS: &[(&str, bool, &[&str])] = &[
    (
        "Artifacts dropped",
        false,
        &[
            "gene",
            "kusto-query",
            "mime-type",
            "named pipe",
            "pdb",
            "process-state",
            "windows-scheduled-task",
            "windows-service-displayname",
            "windows-service-name",
        ],
    ),
    ("Artifacts dropped", true, &["mutex"]),
    (
        "Attribution",
        false,
        &[
            "campaign-id",
            "campaign-name",
            "dns-soa-email",
            "threat-actor",
            "whois-creation-date",
            "whois-registrant-email",
            "whois-registrant-name",
            "whois-registrant-org",
            "whois-registrant-phone",
            "whois-registrar",
        ],
    ),
    (
        "External analysis",
        false,
        &["attachment", "cortex", "cpe", "link", "vulnerability", "weakness"],
    ),
    (
        "Financial fraud",
        true,
        &[
            "aba-rtn",
            "bank-account-nr",
            "bic",
            "bin",
            "btc",
            "cc-number",
            "dash",
            "iban",
            "prtn",
            "xmr",
        ],
    ),
    ("Internal reference", false, &["git-commit-id"]),
    (
        "Network activity",
        false,
        &[
            "AS",
            "cookie",
            "dkim",
            "dkim-signature",
            "http-method",
            "mac-address",
            "mac-eui-64",
            "port",
            "ssh-fingerprint",
            "user-agent",
        ],
    ),
    (
        "Network activity",
        true,
        &[
            "bro",
            "community-id",
            "dom-hash",
            "domain",
            "domain|ip",
            "email-dst",
            "eppn",
            "favicon-mmh3",
            "hassh-md5",
            "hasshserver-md5",
            "hostname",
            "hostname|port",
            "ip-dst",
            "ip-dst|port",
            "ip-src",
            "ip-src|port",
            "ja3-fingerprint-md5",
            "jarm-fingerprint",
            "onion-address",
            "pattern-in-traffic",
            "snort",
            "suricata",
            "uri",
            "url",
            "x509-fingerprint-md5",
            "x509-fingerprint-sha1",
            "x509-fingerprint-sha256",
            "zeek",
        ],
    ),
    (
        "Other",
        false,
        &[
            "anonymised",
            "boolean",
            "comment",
            "counter",
            "datetime",
            "float",
            "hex",
            "integer",
            "other",
            "size-in-bytes",
            "text",
            "uuid",
        ],
    ),
    (
        "Payload delivery",
        false,
        &[
            "email-body",
            "email-dst-display-name",
            "email-header",
            "email-message-id",
            "email-mime-boundary",
            "email-reply-to",
            "email-src-display-name",
            "email-subject",
            "email-thread-index",
            "email-x-mailer",
            "malware-type",
        ],
    ),
    (
        "Payload delivery",
        true,
        &[
            "authentihash",
            "azure-application-id",
            "cdhash",
            "chrome-extension-id",
            "edge-extension-id",
            "email-attachment",
            "email-src",
            "filename",
            "filename|authentihash",
            "filename|impfuzzy",
            "filename|imphash",
            "filename|md5",
            "filename|pehash",
            "filename|sha1",
            "filename|sha224",
            "filename|sha256",
            "filename|sha3-224",
            "filename|sha3-256",
            "filename|sha3-384",
            "filename|sha3-512",
            "filename|sha384",
            "filename|sha512",
            "filename|sha512/224",
            "filename|sha512/256",
            "filename|ssdeep",
            "filename|tlsh",
            "filename|vhash",
            "impfuzzy",
            "imphash",
            "malware-sample",
            "md5",
            "mobile-application-id",
            "pehash",
            "sha1",
            "sha224",
            "sha256",
            "sha3-224",
            "sha3-256",
            "sha3-384",
            "sha3-512",
            "sha384",
            "sha512",
            "sha512/224",
            "sha512/256",
            "ssdeep",
            "telfhash",
            "tlsh",
            "vhash",
        ],
    ),
    (
        "Payload installation",
        true,
        &[
            "filename-pattern",
            "pattern-in-file",
            "pattern-in-memory",
            "sigma",
            "stix2-pattern",
            "yara",
        ],
    ),
    ("Persistence mechanism", true, &["regkey", "regkey|value"]),
    (
        "Person",
        false,
        &[
            "country-of-residence",
            "date-of-birth",
            "first-name",
            "frequent-flyer-number",
            "full-name",
            "gender",
            "identity-card-number",
            "issue-date-of-the-visa",
            "last-name",
            "middle-name",
            "nationality",
            "passenger-name-record-locator-number",
            "passport-country",
            "passport-expiration",
            "passport-number",
            "payment-details",
            "pgp-private-key",
            "pgp-public-key",
            "phone-number",
            "place-of-birth",
            "place-port-of-clearance",
            "place-port-of-onward-foreign-destination",
            "place-port-of-original-embarkation",
            "primary-residence",
            "redress-number",
            "special-service-request",
            "travel-details",
            "visa-number",
        ],
    ),
    (
        "Social network",
        false,
        &["github-organisation", "github-repository", "github-username", "jabber-id", "twitter-id"],
    ),
    ("Social network", true, &["email"]),
    (
        "Targeting data",
        false,
        &[
            "target-email",
            "target-external",
            "target-location",
            "target-machine",
            "target-org",
            "target-user",
        ],
    ),
];

/// The defaults of a type; of a type nobody knows, what MISP gives to text.
pub(super) fn defaults(kind: &str) -> Defaults {
    GROUPS.iter().find(|(_, _, kinds)| kinds.contains(&kind)).map_or(
        Defaults { category: "Other", to_ids: false },
        |(category, to_ids, _)| Defaults { category, to_ids: *to_ids },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_defaults_a_server_gives_them() {
        assert_eq!(defaults("iban"), Defaults { category: "Financial fraud", to_ids: true });
        assert_eq!(defaults("AS"), Defaults { category: "Network activity", to_ids: false });
        assert_eq!(defaults("no-such-type"), defaults("text"));
        let all: Vec<_> = GROUPS.iter().flat_map(|(_, _, kinds)| kinds.iter()).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (194, 194));
    }
}
