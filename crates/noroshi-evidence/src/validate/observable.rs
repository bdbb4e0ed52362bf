//! Observables (STIX 2.1 section 6) with the extensions which the standard defines for them.

use super::shape::Kind::{
    Any, Binary, Boolean, Charset, Closed, Cpe, Dictionary, Domain, Email, Extensions, Hashes, Hex,
    Integer, Ipv4, Ipv6, Language, List, Mac, Media, Number, OneOrMore, Open, Part, Protocol, Ref,
    Text, Time, TimeOfSecond, Url,
};
use super::shape::Rule::{AnyOf, Needs, NotBefore, NotEmpty, OneOf};
use super::shape::{COUNT, INTEGER, Kind, Shape, TEXTS, Target, may, must, shape};
use super::vocab;

const fn only(types: &'static [&'static str]) -> Kind {
    Ref(Target::Only(types))
}

const FILES: Kind = only(&["file", "directory"]);
const ADDRESS: Kind = only(&["ipv4-addr", "ipv6-addr", "mac-addr", "domain-name"]);
const ARTIFACT: Kind = only(&["artifact"]);
const ACCOUNT: Kind = only(&["user-account"]);
const MAILBOX: Kind = only(&["email-addr"]);
const FILE: Kind = only(&["file"]);
const TRAFFIC: Kind = only(&["network-traffic"]);
const PROCESS: Kind = only(&["process"]);
const AS: Kind = only(&["autonomous-system"]);
const PORT: Kind = Integer(0, 65_535);
const EXTENSIONS: super::shape::Property = may("extensions", Extensions);

const MIME_PART: Shape = shape(
    "mime-part-type",
    "6.6.2",
    &[
        may("body", Text),
        may("body_raw_ref", only(&["artifact", "file"])),
        may("content_type", Text),
        may("content_disposition", Text),
    ],
    &[OneOf(&["body", "body_raw_ref"])],
);
const STREAM: Shape = shape(
    "alternate-data-stream-type",
    "6.7.3.1",
    &[must("name", Text), may("hashes", Hashes), may("size", COUNT)],
    &[],
);
const SECTION: Shape = shape(
    "windows-pe-section-type",
    "6.7.6.2",
    &[
        must("name", Text),
        may("size", COUNT),
        may("entropy", Number(f64::MIN, f64::MAX)),
        may("hashes", Hashes),
    ],
    &[],
);
const OPTIONAL_HEADER: Shape = shape(
    "windows-pe-optional-header-type",
    "6.7.6.1",
    &[
        may("magic_hex", Hex),
        may("major_linker_version", INTEGER),
        may("minor_linker_version", INTEGER),
        may("size_of_code", COUNT),
        may("size_of_initialized_data", COUNT),
        may("size_of_uninitialized_data", COUNT),
        may("address_of_entry_point", INTEGER),
        may("base_of_code", INTEGER),
        may("base_of_data", INTEGER),
        may("image_base", INTEGER),
        may("section_alignment", INTEGER),
        may("file_alignment", INTEGER),
        may("major_os_version", INTEGER),
        may("minor_os_version", INTEGER),
        may("major_image_version", INTEGER),
        may("minor_image_version", INTEGER),
        may("major_subsystem_version", INTEGER),
        may("minor_subsystem_version", INTEGER),
        may("win32_version_value_hex", Hex),
        may("size_of_image", COUNT),
        may("size_of_headers", COUNT),
        may("checksum_hex", Hex),
        may("subsystem_hex", Hex),
        may("dll_characteristics_hex", Hex),
        may("size_of_stack_reserve", COUNT),
        may("size_of_stack_commit", COUNT),
        may("size_of_heap_reserve", COUNT),
        may("size_of_heap_commit", COUNT),
        may("loader_flags_hex", Hex),
        may("number_of_rva_and_sizes", INTEGER),
        may("hashes", Hashes),
    ],
    &[NotEmpty],
);
const REGISTRY_VALUE: Shape = shape(
    "windows-registry-value-type",
    "6.17.2",
    &[
        may("name", Text),
        may("data", Text),
        may(
            "data_type",
            Closed(&[
                "REG_NONE",
                "REG_SZ",
                "REG_EXPAND_SZ",
                "REG_BINARY",
                "REG_DWORD",
                "REG_DWORD_BIG_ENDIAN",
                "REG_DWORD_LITTLE_ENDIAN",
                "REG_LINK",
                "REG_MULTI_SZ",
                "REG_RESOURCE_LIST",
                "REG_FULL_RESOURCE_DESCRIPTION",
                "REG_RESOURCE_REQUIREMENTS_LIST",
                "REG_QWORD",
                "REG_INVALID_TYPE",
            ]),
        ),
    ],
    &[AnyOf(&["name", "data", "data_type"])],
);
const X509_V3: Shape = shape(
    "x509-v3-extensions-type",
    "6.18.2",
    &[
        may("basic_constraints", Text),
        may("name_constraints", Text),
        may("policy_constraints", Text),
        may("key_usage", Text),
        may("extended_key_usage", Text),
        may("subject_key_identifier", Text),
        may("authority_key_identifier", Text),
        may("subject_alternative_name", Text),
        may("issuer_alternative_name", Text),
        may("subject_directory_attributes", Text),
        may("crl_distribution_points", Text),
        may("inhibit_any_policy", Text),
        may("private_key_usage_period_not_before", Time),
        may("private_key_usage_period_not_after", Time),
        may("certificate_policies", Text),
        may("policy_mappings", Text),
    ],
    &[NotEmpty],
);

const NTFS: Shape = shape(
    "ntfs-ext",
    "6.7.3",
    &[may("sid", Text), may("alternate_data_streams", List(&Part(&STREAM)))],
    &[NotEmpty],
);
const IMAGE: Shape = shape(
    "raster-image-ext",
    "6.7.4",
    &[
        may("image_height", INTEGER),
        may("image_width", INTEGER),
        may("bits_per_pixel", INTEGER),
        may("exif_tags", Dictionary(&Any)),
    ],
    &[NotEmpty],
);
const PDF: Shape = shape(
    "pdf-ext",
    "6.7.5",
    &[
        may("version", Text),
        may("is_optimized", Boolean),
        may("document_info_dict", Dictionary(&Text)),
        may("pdfid0", Text),
        may("pdfid1", Text),
    ],
    &[NotEmpty],
);
const ARCHIVE: Shape = shape(
    "archive-ext",
    "6.7.2",
    &[must("contains_refs", List(&FILES)), may("comment", Text)],
    &[],
);
const PEBINARY: Shape = shape(
    "windows-pebinary-ext",
    "6.7.6",
    &[
        must("pe_type", Open(&vocab::WINDOWS_PEBINARY_TYPE)),
        may("imphash", Text),
        may("machine_hex", Hex),
        may("number_of_sections", COUNT),
        may("time_date_stamp", TimeOfSecond),
        may("pointer_to_symbol_table_hex", Hex),
        may("number_of_symbols", COUNT),
        may("size_of_optional_header", COUNT),
        may("characteristics_hex", Hex),
        may("file_header_hashes", Hashes),
        may("optional_header", Part(&OPTIONAL_HEADER)),
        may("sections", List(&Part(&SECTION))),
    ],
    &[AnyOf(&[
        "imphash",
        "machine_hex",
        "number_of_sections",
        "time_date_stamp",
        "pointer_to_symbol_table_hex",
        "number_of_symbols",
        "size_of_optional_header",
        "characteristics_hex",
        "file_header_hashes",
        "optional_header",
        "sections",
    ])],
);
const HTTP: Shape = shape(
    "http-request-ext",
    "6.12.2",
    &[
        must("request_method", Text),
        must("request_value", Text),
        may("request_version", Text),
        may("request_header", Dictionary(&OneOrMore)),
        may("message_body_length", INTEGER),
        may("message_body_data_ref", ARTIFACT),
    ],
    &[],
);
const ICMP: Shape =
    shape("icmp-ext", "6.12.3", &[must("icmp_type_hex", Hex), must("icmp_code_hex", Hex)], &[]);
const SOCKET: Shape = shape(
    "socket-ext",
    "6.12.4",
    &[
        must(
            "address_family",
            Closed(&[
                "AF_UNSPEC",
                "AF_INET",
                "AF_IPX",
                "AF_APPLETALK",
                "AF_NETBIOS",
                "AF_INET6",
                "AF_IRDA",
                "AF_BTH",
            ]),
        ),
        may("is_blocking", Boolean),
        may("is_listening", Boolean),
        may("options", Dictionary(&INTEGER)),
        may(
            "socket_type",
            Closed(&["SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET"]),
        ),
        may("socket_descriptor", COUNT),
        may("socket_handle", INTEGER),
    ],
    &[],
);
const TCP: Shape = shape(
    "tcp-ext",
    "6.12.5",
    &[may("src_flags_hex", Hex), may("dst_flags_hex", Hex)],
    &[NotEmpty],
);
const WINDOWS_PROCESS: Shape = shape(
    "windows-process-ext",
    "6.13.2",
    &[
        may("aslr_enabled", Boolean),
        may("dep_enabled", Boolean),
        may("priority", Text),
        may("owner_sid", Text),
        may("window_title", Text),
        may("startup_info", Dictionary(&Any)),
        may("integrity_level", Closed(&["low", "medium", "high", "system"])),
    ],
    &[NotEmpty],
);
const WINDOWS_SERVICE: Shape = shape(
    "windows-service-ext",
    "6.13.3",
    &[
        may("service_name", Text),
        may("descriptions", TEXTS),
        may("display_name", Text),
        may("group_name", Text),
        may(
            "start_type",
            Closed(&[
                "SERVICE_AUTO_START",
                "SERVICE_BOOT_START",
                "SERVICE_DEMAND_START",
                "SERVICE_DISABLED",
                "SERVICE_SYSTEM_ALERT",
            ]),
        ),
        may("service_dll_refs", List(&FILE)),
        may(
            "service_type",
            Closed(&[
                "SERVICE_KERNEL_DRIVER",
                "SERVICE_FILE_SYSTEM_DRIVER",
                "SERVICE_WIN32_OWN_PROCESS",
                "SERVICE_WIN32_SHARE_PROCESS",
            ]),
        ),
        may(
            "service_status",
            Closed(&[
                "SERVICE_CONTINUE_PENDING",
                "SERVICE_PAUSE_PENDING",
                "SERVICE_PAUSED",
                "SERVICE_RUNNING",
                "SERVICE_START_PENDING",
                "SERVICE_STOP_PENDING",
                "SERVICE_STOPPED",
            ]),
        ),
    ],
    &[NotEmpty],
);
const UNIX_ACCOUNT: Shape = shape(
    "unix-account-ext",
    "6.16.2",
    &[may("gid", INTEGER), may("groups", TEXTS), may("home_dir", Text), may("shell", Text)],
    &[NotEmpty],
);

/// Names of every extension the standard defines.
pub(super) const EXTENSION_SHAPES: &[&Shape] = &[
    &NTFS,
    &IMAGE,
    &PDF,
    &ARCHIVE,
    &PEBINARY,
    &HTTP,
    &ICMP,
    &SOCKET,
    &TCP,
    &WINDOWS_PROCESS,
    &WINDOWS_SERVICE,
    &UNIX_ACCOUNT,
];

pub(super) const SHAPES: &[Shape] = &[
    shape(
        "artifact",
        "6.1",
        &[
            may("mime_type", Media),
            may("payload_bin", Binary),
            may("url", Url),
            may("hashes", Hashes),
            may(
                "encryption_algorithm",
                Closed(&["AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated"]),
            ),
            may("decryption_key", Text),
        ],
        &[
            OneOf(&["payload_bin", "url"]),
            Needs("url", &["hashes"]),
            Needs("decryption_key", &["encryption_algorithm"]),
        ],
    ),
    shape(
        "autonomous-system",
        "6.2",
        &[must("number", INTEGER), may("name", Text), may("rir", Text)],
        &[],
    ),
    shape(
        "directory",
        "6.3",
        &[
            must("path", Text),
            may("path_enc", Charset),
            may("ctime", Time),
            may("mtime", Time),
            may("atime", Time),
            may("contains_refs", List(&FILES)),
        ],
        &[],
    ),
    shape(
        "domain-name",
        "6.4",
        &[
            must("value", Domain),
            may("resolves_to_refs", List(&only(&["ipv4-addr", "ipv6-addr", "domain-name"]))),
        ],
        &[],
    ),
    shape(
        "email-addr",
        "6.5",
        &[must("value", Email), may("display_name", Text), may("belongs_to_ref", ACCOUNT)],
        &[],
    ),
    shape(
        "email-message",
        "6.6",
        &[
            must("is_multipart", Boolean),
            may("date", Time),
            may("content_type", Text),
            may("from_ref", MAILBOX),
            may("sender_ref", MAILBOX),
            may("to_refs", List(&MAILBOX)),
            may("cc_refs", List(&MAILBOX)),
            may("bcc_refs", List(&MAILBOX)),
            may("message_id", Text),
            may("subject", Text),
            may("received_lines", TEXTS),
            may("additional_header_fields", Dictionary(&OneOrMore)),
            may("body", Text),
            may("body_multipart", List(&Part(&MIME_PART))),
            may("raw_email_ref", ARTIFACT),
        ],
        &[],
    ),
    shape(
        "file",
        "6.7",
        &[
            EXTENSIONS,
            may("hashes", Hashes),
            may("size", COUNT),
            may("name", Text),
            may("name_enc", Charset),
            may("magic_number_hex", Hex),
            may("mime_type", Media),
            may("ctime", Time),
            may("mtime", Time),
            may("atime", Time),
            may("parent_directory_ref", only(&["directory"])),
            may("contains_refs", List(&Ref(Target::Observable))),
            may("content_ref", ARTIFACT),
        ],
        &[AnyOf(&["hashes", "name"])],
    ),
    shape(
        "ipv4-addr",
        "6.8",
        &[
            must("value", Ipv4),
            may("resolves_to_refs", List(&only(&["mac-addr"]))),
            may("belongs_to_refs", List(&AS)),
        ],
        &[],
    ),
    shape(
        "ipv6-addr",
        "6.9",
        &[
            must("value", Ipv6),
            may("resolves_to_refs", List(&only(&["mac-addr"]))),
            may("belongs_to_refs", List(&AS)),
        ],
        &[],
    ),
    shape("mac-addr", "6.10", &[must("value", Mac)], &[]),
    shape("mutex", "6.11", &[must("name", Text)], &[]),
    shape(
        "network-traffic",
        "6.12",
        &[
            EXTENSIONS,
            may("start", Time),
            may("end", Time),
            may("is_active", Boolean),
            may("src_ref", ADDRESS),
            may("dst_ref", ADDRESS),
            may("src_port", PORT),
            may("dst_port", PORT),
            must("protocols", List(&Protocol)),
            may("src_byte_count", INTEGER),
            may("dst_byte_count", INTEGER),
            may("src_packets", INTEGER),
            may("dst_packets", INTEGER),
            may("ipfix", Dictionary(&Any)),
            may("src_payload_ref", ARTIFACT),
            may("dst_payload_ref", ARTIFACT),
            may("encapsulates_refs", List(&TRAFFIC)),
            may("encapsulated_by_ref", TRAFFIC),
        ],
        &[AnyOf(&["src_ref", "dst_ref"]), NotBefore("start", "end")],
    ),
    shape(
        "process",
        "6.13",
        &[
            EXTENSIONS,
            may("is_hidden", Boolean),
            may("pid", INTEGER),
            may("created_time", Time),
            may("cwd", Text),
            may("command_line", Text),
            may("environment_variables", Dictionary(&Any)),
            may("opened_connection_refs", List(&TRAFFIC)),
            may("creator_user_ref", ACCOUNT),
            may("image_ref", FILE),
            may("parent_ref", PROCESS),
            may("child_refs", List(&PROCESS)),
        ],
        &[AnyOf(&[
            "extensions",
            "is_hidden",
            "pid",
            "created_time",
            "cwd",
            "command_line",
            "environment_variables",
            "opened_connection_refs",
            "creator_user_ref",
            "image_ref",
            "parent_ref",
            "child_refs",
        ])],
    ),
    shape(
        "software",
        "6.14",
        &[
            must("name", Text),
            may("cpe", Cpe),
            may("swid", Text),
            may("languages", List(&Language)),
            may("vendor", Text),
            may("version", Text),
        ],
        &[],
    ),
    shape("url", "6.15", &[must("value", Url)], &[]),
    shape(
        "user-account",
        "6.16",
        &[
            EXTENSIONS,
            may("user_id", Text),
            may("credential", Text),
            may("account_login", Text),
            may("account_type", Open(&vocab::ACCOUNT_TYPE)),
            may("display_name", Text),
            may("is_service_account", Boolean),
            may("is_privileged", Boolean),
            may("can_escalate_privs", Boolean),
            may("is_disabled", Boolean),
            may("account_created", Time),
            may("account_expires", Time),
            may("credential_last_changed", Time),
            may("account_first_login", Time),
            may("account_last_login", Time),
        ],
        &[AnyOf(&[
            "extensions",
            "user_id",
            "credential",
            "account_login",
            "account_type",
            "display_name",
            "is_service_account",
            "is_privileged",
            "can_escalate_privs",
            "is_disabled",
            "account_created",
            "account_expires",
            "credential_last_changed",
            "account_first_login",
            "account_last_login",
        ])],
    ),
    shape(
        "windows-registry-key",
        "6.17",
        &[
            may("key", Text),
            may("values", List(&Part(&REGISTRY_VALUE))),
            may("modified_time", Time),
            may("creator_user_ref", ACCOUNT),
            may("number_of_subkeys", INTEGER),
        ],
        &[AnyOf(&["key", "values", "modified_time", "creator_user_ref", "number_of_subkeys"])],
    ),
    shape(
        "x509-certificate",
        "6.18",
        &[
            may("is_self_signed", Boolean),
            may("hashes", Hashes),
            may("version", Text),
            may("serial_number", Text),
            may("signature_algorithm", Text),
            may("issuer", Text),
            may("validity_not_before", Time),
            may("validity_not_after", Time),
            may("subject", Text),
            may("subject_public_key_algorithm", Text),
            may("subject_public_key_modulus", Text),
            may("subject_public_key_exponent", INTEGER),
            may("x509_v3_extensions", Part(&X509_V3)),
        ],
        &[AnyOf(&[
            "is_self_signed",
            "hashes",
            "version",
            "serial_number",
            "signature_algorithm",
            "issuer",
            "validity_not_before",
            "validity_not_after",
            "subject",
            "subject_public_key_algorithm",
            "subject_public_key_modulus",
            "subject_public_key_exponent",
            "x509_v3_extensions",
        ])],
    ),
];
