//! How observables of others become attributes, as data: for each type the template, and for each property the relation.

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// With `AS` in front of the number.
    As,
    /// A time with an offset, as MISP writes it.
    Time,
    /// In capitals.
    Upper,
}

/// A property, the relation, the type of the attribute, and how the value is written.
pub(super) type Row = (&'static str, &'static str, &'static str, Form);

/// A type of observable and the template it becomes.
pub(super) struct Template {
    /// The type in STIX.
    pub(super) object: &'static str,
    /// The name of the template, and its category.
    pub(super) name: &'static str,
    pub(super) meta: &'static str,
    pub(super) rows: &'static [Row],
}

/// Hashes: the key in STIX, the type and relation in MISP.
pub(super) const HASHES: &[(&str, &str)] = &[
    ("MD5", "md5"),
    ("SHA-1", "sha1"),
    ("SHA1", "sha1"),
    ("SHA224", "sha224"),
    ("SHA-224", "sha224"),
    ("SHA-256", "sha256"),
    ("SHA256", "sha256"),
    ("SHA384", "sha384"),
    ("SHA-384", "sha384"),
    ("SHA-512", "sha512"),
    ("SHA512", "sha512"),
    ("SHA3224", "sha3-224"),
    ("SHA3-224", "sha3-224"),
    ("SHA3-256", "sha3-256"),
    ("SHA3384", "sha3-384"),
    ("SHA3-384", "sha3-384"),
    ("SHA3-512", "sha3-512"),
    ("SSDEEP", "ssdeep"),
    ("ssdeep", "ssdeep"),
    ("TLSH", "tlsh"),
    ("AUTHENTIHASH", "authentihash"),
    ("IMPHASH", "imphash"),
    ("PEHASH", "pehash"),
    ("TELFHASH", "telfhash"),
    ("VHASH", "vhash"),
];

/// Types whose one value is an attribute by itself: the type, the property, the attribute, the relation in a pattern.
pub(super) const SINGLE: &[(&str, &str, &str)] = &[
    ("autonomous-system", "number", "AS"),
    ("domain-name", "value", "domain"),
    ("email-addr", "value", "email"),
    ("ipv4-addr", "value", "ip-dst"),
    ("ipv6-addr", "value", "ip-dst"),
    ("mac-addr", "value", "mac-address"),
    ("mutex", "name", "mutex"),
    ("url", "value", "url"),
];

const fn plain(property: &'static str, relation: &'static str, kind: &'static str) -> Row {
    (property, relation, kind, Form::Plain)
}

const fn time(property: &'static str, relation: &'static str) -> Row {
    (property, relation, "datetime", Form::Time)
}

/// Templates by the type of the observable.
pub(super) const TEMPLATES: &[Template] = &[
    Template {
        object: "artifact",
        name: "artifact",
        meta: "file",
        rows: &[
            plain("decryption_key", "decryption_key", "text"),
            plain("encryption_algorithm", "encryption_algorithm", "text"),
            plain("mime_type", "mime_type", "mime-type"),
            plain("url", "url", "url"),
        ],
    },
    Template {
        object: "autonomous-system",
        name: "asn",
        meta: "network",
        rows: &[("number", "asn", "AS", Form::As), plain("name", "description", "text")],
    },
    Template {
        object: "directory",
        name: "directory",
        meta: "file",
        rows: &[
            time("atime", "access-time"),
            time("ctime", "creation-time"),
            time("mtime", "modification-time"),
            plain("path", "path", "text"),
            plain("path_enc", "path-encoding", "text"),
        ],
    },
    Template {
        object: "domain-name",
        name: "domain-ip",
        meta: "network",
        rows: &[
            plain("value", "domain", "domain"),
            plain("resolves_to_refs.value", "ip", "ip-dst"),
        ],
    },
    Template {
        object: "email-message",
        name: "email",
        meta: "network",
        rows: &[
            time("date", "send-date"),
            plain("received_lines", "header", "email-header"),
            plain("message_id", "message-id", "email-message-id"),
            plain("subject", "subject", "email-subject"),
            plain("additional_header_fields.X-Mailer", "x-mailer", "email-x-mailer"),
            plain("additional_header_fields.x_mailer", "x-mailer", "email-x-mailer"),
            plain("additional_header_fields.Reply-To", "reply-to", "email-reply-to"),
            plain("additional_header_fields.reply_to", "reply-to", "email-reply-to"),
            plain("additional_header_fields.X-Originating-IP", "received-header-ip", "ip-src"),
            plain("from_ref.value", "from", "email-src"),
            plain("from_ref.display_name", "from-display-name", "email-src-display-name"),
            plain("to_refs.value", "to", "email-dst"),
            plain("to_refs.display_name", "to-display-name", "email-dst-display-name"),
            plain("cc_refs.value", "cc", "email-dst"),
            plain("cc_refs.display_name", "cc-display-name", "email-dst-display-name"),
            plain("bcc_refs.value", "bcc", "email-dst"),
            plain("bcc_refs.display_name", "bcc-display-name", "email-dst-display-name"),
            plain("body", "email-body", "email-body"),
            plain("body_multipart.body", "email-body", "email-body"),
            plain("body_multipart.body_raw_ref.name", "attachment", "email-attachment"),
        ],
    },
    Template {
        object: "file",
        name: "file",
        meta: "file",
        rows: &[
            plain("mime_type", "mimetype", "mime-type"),
            plain("name", "filename", "filename"),
            plain("name_enc", "file-encoding", "text"),
            plain("size", "size-in-bytes", "size-in-bytes"),
            time("atime", "access-time"),
            time("ctime", "creation-time"),
            time("mtime", "modification-time"),
            plain("parent_directory_ref.path", "path", "text"),
        ],
    },
    Template {
        object: "network-traffic",
        name: "network-traffic",
        meta: "network",
        rows: &[
            plain("src_port", "src_port", "port"),
            plain("dst_port", "dst_port", "port"),
            plain("src_byte_count", "src_byte_count", "size-in-bytes"),
            plain("dst_byte_count", "dst_byte_count", "size-in-bytes"),
            plain("src_packets", "src_packets", "counter"),
            plain("dst_packets", "dst_packets", "counter"),
            ("protocols", "protocol", "text", Form::Upper),
            time("start", "start_time"),
            time("end", "end_time"),
            plain("src_ref.value", "src_ip", "ip-src"),
            plain("dst_ref.value", "dst_ip", "ip-dst"),
        ],
    },
    Template {
        object: "process",
        name: "process",
        meta: "misc",
        rows: &[
            plain("is_hidden", "hidden", "boolean"),
            plain("command_line", "command-line", "text"),
            time("created_time", "creation-time"),
            plain("cwd", "current-directory", "text"),
            plain("name", "name", "text"),
            plain("pid", "pid", "text"),
            plain("image_ref.name", "image", "filename"),
            plain("parent_ref.pid", "parent-pid", "text"),
            plain("parent_ref.command_line", "parent-command-line", "text"),
            plain("parent_ref.image_ref.name", "parent-image", "filename"),
        ],
    },
    Template {
        object: "software",
        name: "software",
        meta: "misc",
        rows: &[
            plain("cpe", "cpe", "cpe"),
            plain("languages", "language", "text"),
            plain("name", "name", "text"),
            plain("swid", "swid", "text"),
            plain("vendor", "vendor", "text"),
            plain("version", "version", "text"),
        ],
    },
    Template {
        object: "user-account",
        name: "user-account",
        meta: "misc",
        rows: &[
            plain("account_login", "username", "text"),
            plain("account_type", "account-type", "text"),
            plain("can_escalate_privs", "can_escalate_privs", "boolean"),
            plain("credential", "password", "text"),
            plain("display_name", "display-name", "text"),
            plain("is_disabled", "disabled", "boolean"),
            plain("is_privileged", "privileged", "boolean"),
            plain("is_service_account", "is_service_account", "boolean"),
            plain("user_id", "user-id", "text"),
            time("account_created", "created"),
            time("account_expires", "expires"),
            time("account_first_login", "first_login"),
            time("account_last_login", "last_login"),
            time("credential_last_changed", "password_last_changed"),
            plain("extensions.unix-account-ext.gid", "group-id", "text"),
            plain("extensions.unix-account-ext.groups", "group", "text"),
            plain("extensions.unix-account-ext.home_dir", "home_dir", "text"),
            plain("extensions.unix-account-ext.shell", "shell", "text"),
        ],
    },
    Template {
        object: "windows-registry-key",
        name: "registry-key",
        meta: "file",
        rows: &[plain("key", "key", "regkey"), time("modified_time", "last-modified")],
    },
    Template {
        object: "x509-certificate",
        name: "x509",
        meta: "network",
        rows: &[
            plain("is_self_signed", "self_signed", "boolean"),
            plain("issuer", "issuer", "text"),
            plain("serial_number", "serial-number", "text"),
            plain("signature_algorithm", "signature_algorithm", "text"),
            plain("subject", "subject", "text"),
            plain("subject_public_key_algorithm", "pubkey-info-algorithm", "text"),
            plain("subject_public_key_exponent", "pubkey-info-exponent", "text"),
            plain("subject_public_key_modulus", "pubkey-info-modulus", "text"),
            plain("version", "version", "text"),
            time("validity_not_before", "validity-not-before"),
            time("validity_not_after", "validity-not-after"),
        ],
    },
];

/// A value of a registry key.
pub(super) const REGISTRY_VALUE: &[Row] = &[
    plain("data", "data", "text"),
    plain("data_type", "data-type", "text"),
    plain("name", "name", "text"),
];

/// An executable within a file.
pub(super) const PE: &[Row] = &[
    time("time_date_stamp", "compilation-timestamp"),
    plain("imphash", "imphash", "imphash"),
    plain("number_of_sections", "number-sections", "counter"),
    plain("pe_type", "type", "text"),
    plain("optional_header.address_of_entry_point", "entrypoint-address", "text"),
];

/// A section of an executable.
pub(super) const SECTION: &[Row] = &[
    plain("entropy", "entropy", "float"),
    plain("name", "name", "text"),
    plain("size", "size-in-bytes", "size-in-bytes"),
];

/// A connection with a socket: the names that template gives to what connections have.
pub(super) const SOCKET: &[Row] = &[
    plain("src_ref.value", "ip-src", "ip-src"),
    plain("dst_ref.value", "ip-dst", "ip-dst"),
    plain("src_port", "src-port", "port"),
    plain("dst_port", "dst-port", "port"),
    plain("protocols", "protocol", "text"),
    plain("extensions.socket-ext.address_family", "address-family", "text"),
    plain("extensions.socket-ext.socket_type", "socket-type", "text"),
];

/// A connection that was a request.
pub(super) const REQUEST: &[Row] = &[
    plain("src_ref.value", "ip-src", "ip-src"),
    plain("dst_ref.value", "ip-dst", "ip-dst"),
    plain("extensions.http-request-ext.request_method", "method", "http-method"),
    plain("extensions.http-request-ext.request_value", "uri", "uri"),
    plain("extensions.http-request-ext.request_header.Content-Type", "content-type", "text"),
    plain("extensions.http-request-ext.request_header.Cookie", "cookie", "text"),
    plain("extensions.http-request-ext.request_header.Referer", "referer", "other"),
    plain("extensions.http-request-ext.request_header.User-Agent", "user-agent", "user-agent"),
];

/// What refers to another observable: the type, the property, the relationship, and whether it runs the other way.
pub(super) const REFERENCES: &[(&str, &str, &str, bool)] = &[
    ("directory", "contains_refs", "contains", false),
    ("domain-name", "resolves_to_refs", "alias-of", false),
    ("email-message", "body_multipart.body_raw_ref", "contains", false),
    ("email-message", "raw_email_ref", "raw-content", false),
    ("file", "parent_directory_ref", "contained-in", false),
    ("file", "contains_refs", "contains", false),
    ("file", "extensions.archive-ext.contains_refs", "contains", false),
    ("file", "content_ref", "content-of", true),
    ("network-traffic", "src_payload_ref", "source-sent", false),
    ("network-traffic", "dst_payload_ref", "destination-sent", false),
    ("network-traffic", "encapsulates_refs", "encapsulates", false),
    ("network-traffic", "encapsulated_by_ref", "encapsulated-by", false),
    ("process", "image_ref", "executes", false),
    ("process", "parent_ref", "child-of", false),
    ("process", "child_refs", "parent-of", false),
    ("process", "creator_user_ref", "creates", true),
    ("process", "opened_connection_refs", "opens", false),
    ("windows-registry-key", "creator_user_ref", "creates", true),
];

/// A malware analysis: the property, the relation, the type.
pub(super) const ANALYSIS: &[Row] = &[
    plain("analysis_definition_version", "analysis_definition_version", "text"),
    time("analysis_ended", "end_time"),
    plain("analysis_engine_version", "analysis_engine_version", "text"),
    time("analysis_started", "start_time"),
    plain("configuration_version", "configuration_version", "text"),
    plain("modules", "module", "text"),
    plain("product", "product", "text"),
    plain("result", "result", "text"),
    plain("result_name", "result_name", "text"),
    time("submitted", "submitted_time"),
    plain("version", "version", "text"),
];

/// A place with an address or a position.
pub(super) const PLACE: &[Row] = &[
    plain("city", "city", "text"),
    plain("country", "countrycode", "text"),
    plain("latitude", "latitude", "float"),
    plain("longitude", "longitude", "float"),
    plain("postal_code", "zipcode", "text"),
    plain("region", "region", "text"),
    plain("street_address", "address", "text"),
];

/// Somebody who is not a class of people.
pub(super) const IDENTITY: &[Row] = &[
    plain("name", "name", "text"),
    plain("description", "description", "text"),
    plain("identity_class", "identity_class", "text"),
    plain("contact_information", "contact_information", "text"),
    plain("roles", "roles", "text"),
    plain("sectors", "sectors", "text"),
];

/// A kind of knowledge: the type, MISP's name of the galaxy, its icon, and the properties that become `meta`.
pub(super) struct Knowledge {
    pub(super) object: &'static str,
    pub(super) name: &'static str,
    pub(super) icon: &'static str,
    pub(super) metas: &'static [&'static str],
}

/// Kinds of knowledge.
pub(super) const KNOWLEDGE: &[Knowledge] = &[
    Knowledge { object: "attack-pattern", name: "Attack Pattern", icon: "map", metas: &[] },
    Knowledge {
        object: "campaign",
        name: "Campaign",
        icon: "user-secret",
        metas: &["first_seen", "last_seen", "objective"],
    },
    Knowledge { object: "course-of-action", name: "Course of Action", icon: "link", metas: &[] },
    Knowledge {
        object: "infrastructure",
        name: "Infrastructure",
        icon: "server",
        metas: &["first_seen", "last_seen", "infrastructure_types"],
    },
    Knowledge {
        object: "intrusion-set",
        name: "Intrusion Set",
        icon: "user-secret",
        metas: &[
            "first_seen",
            "last_seen",
            "goals",
            "primary_motivation",
            "resource_level",
            "secondary_motivations",
        ],
    },
    Knowledge {
        object: "location",
        name: "Location",
        icon: "globe",
        metas: &["administrative_area", "country", "region"],
    },
    Knowledge {
        object: "malware",
        name: "Malware",
        icon: "optin-monster",
        metas: &[
            "first_seen",
            "last_seen",
            "architecture_execution_envs",
            "capabilities",
            "implementation_languages",
            "is_family",
            "malware_types",
        ],
    },
    Knowledge {
        object: "threat-actor",
        name: "Threat Actor",
        icon: "user-secret",
        metas: &[
            "first_seen",
            "last_seen",
            "goals",
            "personal_motivations",
            "primary_motivation",
            "resource_level",
            "roles",
            "secondary_motivations",
            "sophistication",
            "threat_actor_types",
        ],
    },
    Knowledge {
        object: "tool",
        name: "Tool",
        icon: "gavel",
        metas: &["tool_types", "tool_version"],
    },
    Knowledge { object: "vulnerability", name: "Vulnerability", icon: "bug", metas: &[] },
];
