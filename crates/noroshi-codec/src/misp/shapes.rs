//! How MISP objects become STIX objects, as data: for each template the relations that have a property.
//!
//! A relation that is not in the table becomes a custom property `x_misp_*`, so a newer template loses nothing.

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A number of kilometres, written in metres.
    Kilometres,
    /// True or false.
    Bool,
    /// A time.
    Time,
    /// One of a list of texts.
    List,
    /// A hash under the key that the path ends in.
    Hash,
    /// The number of an autonomous system.
    As,
    /// A registry key, its hive written out.
    Key,
    /// One of a list of languages.
    Language,
    /// The name of a character encoding; another stays a custom text.
    Charset,
    /// The content of an attachment.
    Payload,
    /// A locator among the external references.
    Link,
    /// The number of a known vulnerability: the name, and an external reference.
    Cve,
    /// The number of a known attack pattern: an external reference.
    Capec,
    /// A part of a name.
    Name,
    /// A way to reach somebody, among others in one text.
    Contact,
}

/// A relation, the property it becomes, and how.
pub(super) type Row = (&'static str, &'static str, Put);

/// A template that becomes one observable.
pub(super) struct Observed {
    pub(super) name: &'static str,
    pub(super) object: &'static str,
    /// Properties that follow from the template.
    pub(super) fixed: &'static [(&'static str, &'static str)],
    /// In the order in which a pattern names them.
    pub(super) rows: &'static [Row],
    /// One of these must be there, or the object would mean nothing.
    pub(super) needs: &'static [&'static str],
}

/// A template that becomes another domain object.
pub(super) struct Domain {
    pub(super) name: &'static str,
    pub(super) object: &'static str,
    pub(super) fixed: &'static [(&'static str, &'static str)],
    pub(super) rows: &'static [Row],
}

/// Names of character encodings in the IANA registry that files and directories are named in.
pub(super) const CHARSETS: &[&str] = &[
    "US-ASCII",
    "UTF-8",
    "UTF-7",
    "UTF-16",
    "UTF-16BE",
    "UTF-16LE",
    "UTF-32",
    "UTF-32BE",
    "UTF-32LE",
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-9",
    "ISO-8859-10",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "Shift_JIS",
    "EUC-JP",
    "EUC-KR",
    "ISO-2022-JP",
    "ISO-2022-KR",
    "GB2312",
    "GBK",
    "GB18030",
    "Big5",
    "Big5-HKSCS",
    "KOI8-R",
    "KOI8-U",
    "TIS-620",
    "macintosh",
    "IBM437",
    "IBM850",
    "IBM852",
    "IBM855",
    "IBM857",
    "IBM862",
    "IBM866",
];

const ACCOUNT: &[Row] =
    &[("account-id", "user_id", Put::Text), ("account-name", "account_login", Put::Text)];
const ACCOUNT_NEEDS: &[&str] = &["user_id", "account_login", "display_name", "credential"];

/// Templates with one observable.
pub(super) const OBSERVED: &[Observed] = &[
    Observed {
        name: "android-app",
        object: "software",
        fixed: &[],
        rows: &[("name", "name", Put::Text)],
        needs: &["name"],
    },
    Observed {
        name: "artifact",
        object: "artifact",
        fixed: &[],
        rows: &[
            ("md5", "hashes.MD5", Put::Hash),
            ("sha1", "hashes.SHA-1", Put::Hash),
            ("sha256", "hashes.SHA-256", Put::Hash),
            ("sha512", "hashes.SHA-512", Put::Hash),
            ("sha3-256", "hashes.SHA3-256", Put::Hash),
            ("sha3-512", "hashes.SHA3-512", Put::Hash),
            ("ssdeep", "hashes.SSDEEP", Put::Hash),
            ("tlsh", "hashes.TLSH", Put::Hash),
            ("payload_bin", "payload_bin", Put::Payload),
            ("url", "url", Put::Text),
            ("mime_type", "mime_type", Put::Text),
            ("encryption_algorithm", "encryption_algorithm", Put::Text),
            ("decryption_key", "decryption_key", Put::Text),
        ],
        needs: &["payload_bin", "url"],
    },
    Observed {
        name: "asn",
        object: "autonomous-system",
        fixed: &[],
        rows: &[("asn", "number", Put::As), ("description", "name", Put::Text)],
        needs: &["number"],
    },
    Observed {
        name: "cpe-asset",
        object: "software",
        fixed: &[],
        rows: &[
            ("cpe", "cpe", Put::Text),
            ("language", "languages", Put::Language),
            ("product", "name", Put::Text),
            ("vendor", "vendor", Put::Text),
            ("version", "version", Put::Text),
        ],
        needs: &["name"],
    },
    Observed {
        name: "credential",
        object: "user-account",
        fixed: &[],
        rows: &[("username", "user_id", Put::Text), ("password", "credential", Put::Text)],
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "directory",
        object: "directory",
        fixed: &[],
        rows: &[
            ("path", "path", Put::Text),
            ("path-encoding", "path_enc", Put::Charset),
            ("creation-time", "ctime", Put::Time),
            ("modification-time", "mtime", Put::Time),
            ("access-time", "atime", Put::Time),
        ],
        needs: &["path"],
    },
    Observed {
        name: "facebook-account",
        object: "user-account",
        fixed: &[("account_type", "facebook")],
        rows: ACCOUNT,
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "github-user",
        object: "user-account",
        fixed: &[("account_type", "github")],
        rows: &[
            ("id", "user_id", Put::Text),
            ("username", "account_login", Put::Text),
            ("user-fullname", "display_name", Put::Text),
        ],
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "gitlab-user",
        object: "user-account",
        fixed: &[("account_type", "gitlab")],
        rows: &[
            ("id", "user_id", Put::Text),
            ("name", "display_name", Put::Text),
            ("username", "account_login", Put::Text),
        ],
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "hashlookup",
        object: "file",
        fixed: &[],
        rows: &[
            ("MD5", "hashes.MD5", Put::Hash),
            ("SHA-1", "hashes.SHA-1", Put::Hash),
            ("SHA-256", "hashes.SHA-256", Put::Hash),
            ("SSDEEP", "hashes.SSDEEP", Put::Hash),
            ("TLSH", "hashes.TLSH", Put::Hash),
            ("FileName", "name", Put::Text),
            ("FileSize", "size", Put::Int),
        ],
        needs: &["name", "hashes"],
    },
    Observed {
        name: "mutex",
        object: "mutex",
        fixed: &[],
        rows: &[("name", "name", Put::Text)],
        needs: &["name"],
    },
    Observed {
        name: "parler-account",
        object: "user-account",
        fixed: &[("account_type", "parler")],
        rows: ACCOUNT,
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "reddit-account",
        object: "user-account",
        fixed: &[("account_type", "reddit")],
        rows: ACCOUNT,
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "telegram-account",
        object: "user-account",
        fixed: &[("account_type", "telegram")],
        rows: &[("id", "user_id", Put::Text), ("username", "account_login", Put::Text)],
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "twitter-account",
        object: "user-account",
        fixed: &[("account_type", "twitter")],
        rows: &[
            ("id", "user_id", Put::Text),
            ("name", "account_login", Put::Text),
            ("displayed-name", "display_name", Put::Text),
        ],
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "url",
        object: "url",
        fixed: &[],
        rows: &[("url", "value", Put::Text)],
        needs: &["value"],
    },
    Observed {
        name: "user-account",
        object: "user-account",
        fixed: &[],
        rows: &[
            ("username", "account_login", Put::Text),
            ("user-id", "user_id", Put::Text),
            ("account-type", "account_type", Put::Text),
            ("display-name", "display_name", Put::Text),
            ("password", "credential", Put::Text),
            ("can_escalate_privs", "can_escalate_privs", Put::Bool),
            ("disabled", "is_disabled", Put::Bool),
            ("is_service_account", "is_service_account", Put::Bool),
            ("privileged", "is_privileged", Put::Bool),
            ("created", "account_created", Put::Time),
            ("expires", "account_expires", Put::Time),
            ("first_login", "account_first_login", Put::Time),
            ("last_login", "account_last_login", Put::Time),
            ("password_last_changed", "credential_last_changed", Put::Time),
            ("group", "extensions.unix-account-ext.groups", Put::List),
            ("group-id", "extensions.unix-account-ext.gid", Put::Int),
            ("home_dir", "extensions.unix-account-ext.home_dir", Put::Text),
            ("shell", "extensions.unix-account-ext.shell", Put::Text),
        ],
        needs: ACCOUNT_NEEDS,
    },
    Observed {
        name: "x509",
        object: "x509-certificate",
        fixed: &[],
        rows: &[
            ("x509-fingerprint-md5", "hashes.MD5", Put::Hash),
            ("x509-fingerprint-sha1", "hashes.SHA-1", Put::Hash),
            ("x509-fingerprint-sha256", "hashes.SHA-256", Put::Hash),
            ("issuer", "issuer", Put::Text),
            ("pubkey-info-algorithm", "subject_public_key_algorithm", Put::Text),
            ("pubkey-info-exponent", "subject_public_key_exponent", Put::Int),
            ("pubkey-info-modulus", "subject_public_key_modulus", Put::Text),
            ("self_signed", "is_self_signed", Put::Bool),
            ("serial-number", "serial_number", Put::Text),
            ("signature_algorithm", "signature_algorithm", Put::Text),
            ("subject", "subject", Put::Text),
            ("validity-not-before", "validity_not_before", Put::Time),
            ("validity-not-after", "validity_not_after", Put::Time),
            ("version", "version", Put::Text),
        ],
        needs: &["hashes", "issuer", "serial_number", "subject", "version", "validity_not_before"],
    },
];

/// Relations of a file; `path` and `fullpath` become a directory, samples an artifact.
pub(super) const FILE: &[Row] = &[
    ("md5", "hashes.MD5", Put::Hash),
    ("sha1", "hashes.SHA-1", Put::Hash),
    ("sha224", "hashes.SHA224", Put::Hash),
    ("sha256", "hashes.SHA-256", Put::Hash),
    ("sha384", "hashes.SHA384", Put::Hash),
    ("sha512", "hashes.SHA-512", Put::Hash),
    ("sha512/224", "hashes.SHA224", Put::Hash),
    ("sha512/256", "hashes.SHA-256", Put::Hash),
    ("sha3-224", "hashes.SHA3224", Put::Hash),
    ("sha3-256", "hashes.SHA3-256", Put::Hash),
    ("sha3-384", "hashes.SHA3384", Put::Hash),
    ("sha3-512", "hashes.SHA3-512", Put::Hash),
    ("ssdeep", "hashes.SSDEEP", Put::Hash),
    ("tlsh", "hashes.TLSH", Put::Hash),
    ("authentihash", "hashes.AUTHENTIHASH", Put::Hash),
    ("vhash", "hashes.VHASH", Put::Hash),
    ("telfhash", "hashes.TELFHASH", Put::Hash),
    ("size-in-bytes", "size", Put::Int),
    ("filename", "name", Put::Text),
    ("file-encoding", "name_enc", Put::Charset),
    ("mimetype", "mime_type", Put::Text),
    ("creation-time", "ctime", Put::Time),
    ("modification-time", "mtime", Put::Time),
    ("access-time", "atime", Put::Time),
];

/// Relations of a shortcut; its own times, and the name before the hashes.
pub(super) const LNK: &[Row] = &[
    ("filename", "name", Put::Text),
    ("md5", "hashes.MD5", Put::Hash),
    ("sha1", "hashes.SHA-1", Put::Hash),
    ("sha224", "hashes.SHA224", Put::Hash),
    ("sha256", "hashes.SHA-256", Put::Hash),
    ("sha384", "hashes.SHA384", Put::Hash),
    ("sha512", "hashes.SHA-512", Put::Hash),
    ("sha512/224", "hashes.SHA224", Put::Hash),
    ("sha512/256", "hashes.SHA-256", Put::Hash),
    ("ssdeep", "hashes.SSDEEP", Put::Hash),
    ("tlsh", "hashes.TLSH", Put::Hash),
    ("size-in-bytes", "size", Put::Int),
    ("lnk-creation-time", "ctime", Put::Time),
    ("lnk-modification-time", "mtime", Put::Time),
    ("lnk-access-time", "atime", Put::Time),
];

/// Relations of an image.
pub(super) const IMAGE: &[Row] =
    &[("filename", "name", Put::Text), ("file-encoding", "name_enc", Put::Charset)];

/// Relations of a portable executable, within its extension.
pub(super) const PE: &[Row] = &[
    ("imphash", "imphash", Put::Text),
    ("number-sections", "number_of_sections", Put::Int),
    ("type", "pe_type", Put::Text),
    ("entrypoint-address", "optional_header.address_of_entry_point", Put::Int),
];

/// Relations of a section of a portable executable.
pub(super) const SECTION: &[Row] = &[
    ("name", "name", Put::Text),
    ("size-in-bytes", "size", Put::Int),
    ("entropy", "entropy", Put::Float),
    ("md5", "hashes.MD5", Put::Hash),
    ("sha1", "hashes.SHA-1", Put::Hash),
    ("sha224", "hashes.SHA224", Put::Hash),
    ("sha256", "hashes.SHA-256", Put::Hash),
    ("sha384", "hashes.SHA384", Put::Hash),
    ("sha512", "hashes.SHA-512", Put::Hash),
    ("sha512/224", "hashes.SHA224", Put::Hash),
    ("sha512/256", "hashes.SHA-256", Put::Hash),
    ("ssdeep", "hashes.SSDEEP", Put::Hash),
];

/// Relations of a registry key.
pub(super) const REGISTRY: &[Row] =
    &[("key", "key", Put::Key), ("last-modified", "modified_time", Put::Time)];

/// Relations of a registry value, within its key.
pub(super) const REGISTRY_VALUE: &[Row] = &[
    ("data", "data", Put::Text),
    ("data-type", "data_type", Put::Text),
    ("name", "name", Put::Text),
];

/// Relations of a process itself; parents, children and images are objects of their own.
pub(super) const PROCESS: &[Row] = &[
    ("pid", "pid", Put::Int),
    ("hidden", "is_hidden", Put::Bool),
    ("creation-time", "created_time", Put::Time),
    ("current-directory", "cwd", Put::Text),
    ("command-line", "command_line", Put::Text),
];

/// Relations of a parent process.
pub(super) const PARENT: &[Row] = &[
    ("parent-pid", "pid", Put::Int),
    ("parent-command-line", "command_line", Put::Text),
    ("parent-process-name", "x_misp_process_name", Put::Text),
];

/// Relations of a message; addresses, attachments and headers are placed by hand.
pub(super) const EMAIL: &[Row] = &[
    ("message-id", "message_id", Put::Text),
    ("subject", "subject", Put::Text),
    ("send-date", "date", Put::Time),
    ("header", "received_lines", Put::List),
];

/// Relations of connections, whatever the template calls them.
pub(super) const TRAFFIC: &[Row] = &[
    ("src-port", "src_port", Put::Int),
    ("dst-port", "dst_port", Put::Int),
    ("first-seen", "start", Put::Time),
    ("last-seen", "end", Put::Time),
    ("first-packet-seen", "start", Put::Time),
    ("last-packet-seen", "end", Put::Time),
    ("byte-count", "src_byte_count", Put::Int),
    ("src-bytes-count", "src_byte_count", Put::Int),
    ("dst-bytes-count", "dst_byte_count", Put::Int),
    ("packet-count", "src_packets", Put::Int),
];

const PERSON: &[(&str, &str)] = &[("identity_class", "individual")];
const ORGANISATION: &[(&str, &str)] = &[("identity_class", "organization")];

/// Templates that become other domain objects.
pub(super) const DOMAIN: &[Domain] = &[
    Domain {
        name: "attack-pattern",
        object: "attack-pattern",
        fixed: &[],
        rows: &[
            ("id", "external_references", Put::Capec),
            ("name", "name", Put::Text),
            ("summary", "description", Put::Text),
            ("references", "external_references", Put::Link),
        ],
    },
    Domain {
        name: "course-of-action",
        object: "course-of-action",
        fixed: &[],
        rows: &[("name", "name", Put::Text), ("description", "description", Put::Text)],
    },
    Domain {
        name: "employee",
        object: "identity",
        fixed: PERSON,
        rows: &[
            ("full-name", "name", Put::Text),
            ("first-name", "name", Put::Name),
            ("middle-name", "name", Put::Name),
            ("last-name", "name", Put::Name),
            ("text", "description", Put::Text),
            ("employee-type", "roles", Put::List),
            ("email-address", "contact_information", Put::Contact),
        ],
    },
    Domain {
        name: "geolocation",
        object: "location",
        fixed: &[],
        rows: &[
            ("address", "street_address", Put::Text),
            ("zipcode", "postal_code", Put::Text),
            ("city", "city", Put::Text),
            ("countrycode", "country", Put::Text),
            ("region", "region", Put::Text),
            ("latitude", "latitude", Put::Float),
            ("longitude", "longitude", Put::Float),
            ("accuracy-radius", "precision", Put::Kilometres),
        ],
    },
    Domain {
        name: "identity",
        object: "identity",
        fixed: &[],
        rows: &[
            ("name", "name", Put::Text),
            ("description", "description", Put::Text),
            ("roles", "roles", Put::List),
            ("identity_class", "identity_class", Put::Text),
            ("sectors", "sectors", Put::List),
            ("contact_information", "contact_information", Put::Text),
        ],
    },
    Domain {
        name: "intrusion-set",
        object: "intrusion-set",
        fixed: &[],
        rows: &[
            ("name", "name", Put::Text),
            ("description", "description", Put::Text),
            ("aliases", "aliases", Put::List),
            ("first_seen", "first_seen", Put::Time),
            ("last_seen", "last_seen", Put::Time),
            ("goals", "goals", Put::List),
            ("resource_level", "resource_level", Put::Text),
            ("primary-motivation", "primary_motivation", Put::Text),
            ("secondary-motivation", "secondary_motivations", Put::List),
        ],
    },
    Domain {
        name: "legal-entity",
        object: "identity",
        fixed: ORGANISATION,
        rows: &[
            ("name", "name", Put::Text),
            ("text", "description", Put::Text),
            ("business", "sectors", Put::List),
            ("phone-number", "contact_information", Put::Contact),
            ("website", "contact_information", Put::Contact),
        ],
    },
    Domain {
        name: "news-agency",
        object: "identity",
        fixed: ORGANISATION,
        rows: &[
            ("name", "name", Put::Text),
            ("address", "contact_information", Put::Contact),
            ("e-mail", "contact_information", Put::Contact),
            ("phone-number", "contact_information", Put::Contact),
            ("link", "contact_information", Put::Contact),
        ],
    },
    Domain {
        name: "organization",
        object: "identity",
        fixed: ORGANISATION,
        rows: &[
            ("name", "name", Put::Text),
            ("description", "description", Put::Text),
            ("role", "roles", Put::List),
            ("address", "contact_information", Put::Contact),
            ("e-mail", "contact_information", Put::Contact),
            ("phone-number", "contact_information", Put::Contact),
        ],
    },
    Domain {
        name: "person",
        object: "identity",
        fixed: PERSON,
        rows: &[
            ("full-name", "name", Put::Text),
            ("first-name", "name", Put::Name),
            ("middle-name", "name", Put::Name),
            ("last-name", "name", Put::Name),
            ("text", "description", Put::Text),
            ("role", "roles", Put::List),
            ("address", "contact_information", Put::Contact),
            ("e-mail", "contact_information", Put::Contact),
            ("phone-number", "contact_information", Put::Contact),
        ],
    },
    Domain {
        name: "vulnerability",
        object: "vulnerability",
        fixed: &[],
        rows: &[
            ("id", "name", Put::Cve),
            ("summary", "description", Put::Text),
            ("references", "external_references", Put::Link),
        ],
    },
];

/// A script is malware or a tool, by its state.
pub(super) const MALICIOUS_SCRIPT: &[Row] = &[
    ("filename", "name", Put::Text),
    ("comment", "description", Put::Text),
    ("language", "implementation_languages", Put::List),
];

/// A script that does no harm.
pub(super) const HARMLESS_SCRIPT: &[Row] =
    &[("filename", "name", Put::Text), ("comment", "description", Put::Text)];

/// A template that holds a rule in another language.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// The relation of the rule itself.
    pub(super) relation: &'static str,
    /// `pattern_type`.
    pub(super) language: &'static str,
    pub(super) rows: &'static [Row],
}

/// Rules in other languages.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "nova-rule",
        relation: "raw-rule",
        language: "nova",
        rows: &[("rule-name", "name", Put::Text)],
    },
    Rule {
        name: "owasp-crs-rule",
        relation: "raw-rule",
        language: "crs",
        rows: &[("rule-id", "name", Put::Text)],
    },
    Rule {
        name: "sigma",
        relation: "sigma",
        language: "sigma",
        rows: &[
            ("sigma-rule-name", "name", Put::Text),
            ("comment", "description", Put::Text),
            ("reference", "external_references", Put::Link),
        ],
    },
    Rule {
        name: "suricata",
        relation: "suricata",
        language: "suricata",
        rows: &[
            ("comment", "description", Put::Text),
            ("version", "pattern_version", Put::Text),
            ("ref", "external_references", Put::Link),
        ],
    },
    Rule {
        name: "wazuh-rule",
        relation: "wazuh-rule",
        language: "wazuh",
        rows: &[("rule-id", "name", Put::Text)],
    },
    Rule {
        name: "yara",
        relation: "yara",
        language: "yara",
        rows: &[
            ("yara-rule-name", "name", Put::Text),
            ("comment", "description", Put::Text),
            ("version", "pattern_version", Put::Text),
        ],
    },
];

/// ISO 639-1, the languages RFC 5646 has two letters for.
pub(super) const LANGUAGES: &[&str] = &[
    "aa", "ab", "ae", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bi",
    "bm", "bn", "bo", "br", "bs", "ca", "ce", "ch", "co", "cr", "cs", "cu", "cv", "cy", "da", "de",
    "dv", "dz", "ee", "el", "en", "eo", "es", "et", "eu", "fa", "ff", "fi", "fj", "fo", "fr", "fy",
    "ga", "gd", "gl", "gn", "gu", "gv", "ha", "he", "hi", "ho", "hr", "ht", "hu", "hy", "hz", "ia",
    "id", "ie", "ig", "ii", "ik", "io", "is", "it", "iu", "ja", "jv", "ka", "kg", "ki", "kj", "kk",
    "kl", "km", "kn", "ko", "kr", "ks", "ku", "kv", "kw", "ky", "la", "lb", "lg", "li", "ln", "lo",
    "lt", "lu", "lv", "mg", "mh", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "na", "nb", "nd",
    "ne", "ng", "nl", "nn", "no", "nr", "nv", "ny", "oc", "oj", "om", "or", "os", "pa", "pi", "pl",
    "ps", "pt", "qu", "rm", "rn", "ro", "ru", "rw", "sa", "sc", "sd", "se", "sg", "si", "sk", "sl",
    "sm", "sn", "so", "sq", "sr", "ss", "st", "su", "sv", "sw", "ta", "te", "tg", "th", "ti", "tk",
    "tl", "tn", "to", "tr", "ts", "tt", "tw", "ty", "ug", "uk", "ur", "uz", "ve", "vi", "vo", "wa",
    "wo", "xh", "yi", "yo", "za", "zh", "zu",
];
