//! The vocabularies of the standard (STIX 2.1 section 10), as data.

/// An open vocabulary: a value outside it is permitted, but a warning.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Its name in the standard.
    pub(super) name: &'static str,
    /// The suggested values.
    pub(super) values: &'static [&'static str],
}

macro_rules! vocabularies {
    ($($constant:ident, $name:literal: $($value:literal)+;)+) => {
        $(pub(super) const $constant: Vocabulary =
            Vocabulary { name: $name, values: &[$($value),+] };)+
    };
}

vocabularies! {
    ACCOUNT_TYPE, "account-type-ov": "facebook" "ldap" "nis" "openid" "radius" "skype" "tacacs" "twitter" "unix"
        "windows-local" "windows-domain";
    ATTACK_MOTIVATION, "attack-motivation-ov": "accidental" "coercion" "dominance" "ideology" "notoriety"
        "organizational-gain" "personal-gain" "personal-satisfaction" "revenge" "unpredictable";
    ATTACK_RESOURCE_LEVEL, "attack-resource-level-ov": "individual" "club" "contest" "team" "organization" "government";
    GROUPING_CONTEXT, "grouping-context-ov": "suspicious-activity" "malware-analysis" "unspecified";
    IDENTITY_CLASS, "identity-class-ov": "individual" "group" "system" "organization" "class" "unknown";
    IMPLEMENTATION_LANGUAGE, "implementation-language-ov": "applescript" "bash" "c" "c++" "c#" "go" "java"
        "javascript" "lua" "objective-c" "perl" "php" "powershell" "python" "ruby" "scala" "swift" "typescript"
        "visual-basic" "x86-32" "x86-64";
    INDICATOR_TYPE, "indicator-type-ov": "anomalous-activity" "anonymization" "attribution" "benign" "compromised"
        "malicious-activity" "unknown";
    INDUSTRY_SECTOR, "industry-sector-ov": "aerospace" "agriculture" "automotive" "chemical" "commercial"
        "communications" "construction" "dams" "defense" "education" "emergency-services" "energy" "engineering"
        "entertainment" "financial-services" "government" "government-local" "government-national"
        "government-public-services" "government-regional" "healthcare" "hospitality-leisure" "infrastructure"
        "insurance" "manufacturing" "mining" "non-profit" "nuclear" "pharmaceuticals" "retail" "technology"
        "telecommunications" "transportation" "utilities" "water";
    INFRASTRUCTURE_TYPE, "infrastructure-type-ov": "amplification" "anonymization" "botnet" "command-and-control"
        "exfiltration" "hosting-malware" "hosting-target-lists" "phishing" "reconnaissance" "staging" "unknown";
    MALWARE_CAPABILITIES, "malware-capabilities-ov": "accesses-remote-machines" "anti-debugging" "anti-disassembly"
        "anti-emulation" "anti-memory-forensics" "anti-sandbox" "anti-vm" "captures-input-peripherals"
        "captures-output-peripherals" "captures-system-state-data" "cleans-traces-of-infection" "commits-fraud"
        "communicates-with-c2" "compromises-data-availability" "compromises-data-integrity"
        "compromises-system-availability" "controls-local-machine" "degrades-security-software"
        "degrades-system-updates" "determines-c2-server" "emails-spam" "escalates-privileges" "evades-av"
        "exfiltrates-data" "fingerprints-host" "hides-artifacts" "hides-executing-code" "infects-files"
        "infects-remote-machines" "installs-other-components" "persists-after-system-reboot"
        "prevents-artifact-access" "prevents-artifact-deletion" "probes-network-environment" "self-modifies"
        "steals-authentication-credentials" "violates-system-operational-integrity";
    MALWARE_RESULT, "malware-result-ov": "malicious" "suspicious" "benign" "unknown";
    MALWARE_TYPE, "malware-type-ov": "adware" "backdoor" "bot" "bootkit" "ddos" "downloader" "dropper" "exploit-kit"
        "keylogger" "ransomware" "remote-access-trojan" "resource-exploitation" "rogue-security-software" "rootkit"
        "screen-capture" "spyware" "trojan" "unknown" "virus" "webshell" "wiper" "worm";
    PATTERN_TYPE, "pattern-type-ov": "stix" "pcre" "sigma" "snort" "suricata" "yara";
    PROCESSOR_ARCHITECTURE, "processor-architecture-ov": "alpha" "arm" "ia-64" "mips" "powerpc" "sparc" "x86" "x86-64";
    REGION, "region-ov": "africa" "eastern-africa" "middle-africa" "northern-africa" "southern-africa"
        "western-africa" "americas" "caribbean" "central-america" "latin-america-caribbean" "northern-america"
        "south-america" "asia" "central-asia" "eastern-asia" "southern-asia" "south-eastern-asia" "western-asia"
        "europe" "eastern-europe" "northern-europe" "southern-europe" "western-europe" "oceania" "antarctica"
        "australia-new-zealand" "melanesia" "micronesia" "polynesia";
    REPORT_TYPE, "report-type-ov": "attack-pattern" "campaign" "identity" "indicator" "intrusion-set" "malware"
        "observed-data" "threat-actor" "threat-report" "tool" "vulnerability";
    THREAT_ACTOR_TYPE, "threat-actor-type-ov": "activist" "competitor" "crime-syndicate" "criminal" "hacker"
        "insider-accidental" "insider-disgruntled" "nation-state" "sensationalist" "spy" "terrorist" "unknown";
    THREAT_ACTOR_ROLE, "threat-actor-role-ov": "agent" "director" "independent" "infrastructure-architect"
        "infrastructure-operator" "malware-author" "sponsor";
    THREAT_ACTOR_SOPHISTICATION, "threat-actor-sophistication-ov": "none" "minimal" "intermediate" "advanced"
        "expert" "innovator" "strategic";
    TOOL_TYPE, "tool-type-ov": "denial-of-service" "exploitation" "information-gathering" "network-capture"
        "credential-exploitation" "remote-access" "vulnerability-scanning" "unknown";
    WINDOWS_PEBINARY_TYPE, "windows-pebinary-type-ov": "dll" "exe" "sys";
}

/// Names of hash algorithms (section 10.7) with the length of their value in hexadecimal digits; 0 is another form.
pub(super) const HASHES: &[(&str, usize)] = &[
    ("MD5", 32),
    ("SHA-1", 40),
    ("SHA-256", 64),
    ("SHA-512", 128),
    ("SHA3-256", 64),
    ("SHA3-512", 128),
    ("SSDEEP", 0),
    ("TLSH", 0),
];

/// Section 3.2 of RFC 2046 and its successors: the top-level media types.
pub(super) const MEDIA_TYPES: &[&str] = &[
    "application",
    "audio",
    "font",
    "haptics",
    "image",
    "message",
    "model",
    "multipart",
    "text",
    "video",
];

/// Every ISO 3166-1 alpha-2 code.
pub(super) const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM \
BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN \
IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK \
ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS \
PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Section 6.12: a name as the IANA service registry forms them (RFC 6335 §5.1), in lower case.
pub(super) fn is_protocol(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Two-letter language codes (ISO 639-1), and the three-letter ones of ISO 639-2 that analysts meet.
pub(super) const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en \
eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja \
jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb \
nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so \
sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu ain \
ami ang arc ast bal ban ber bho bua ceb chr chv cmn cop crh csb dsb dum egy enm fil frm fro frr fur gez gil grc \
gsw hak haw hmn hsb ilo jav kok kmr kum lad lez lol lus lzh mad mag mai mal map mga mis mni moh mul mus nan nap \
nds new non nso oss pag pam pap peo phi qaa rap rom sah scn sco sga smn sms srn syr tet tlh tpi tum tyv udm uga \
und vec vai war wuu xal yao yue zap zun zxx zza aar abk afr aka amh ara arg asm ava ave aym aze bak bam bel ben \
bis bod bos bre bul cat ces cha che chu cor cos cre cym dan deu div dzo ell eng epo est eus ewe fao fas fij fin \
fra fry ful gla gle glg glv grn guj hat hau hbs heb her hin hmo hrv hun hye ibo ido iii iku ile ina ind ipk isl \
ita jpn kal kan kas kat kau kaz khm kik kin kir kom kon kor kua kur lao lat lav lim lin lit ltz lub lug mah mar \
mkd mlg mlt mon mri msa mya nau nav nbl nde ndo nep nld nno nob nor nya oci oji ori orm pan pli pol por pus que \
roh ron run rus sag san sin slk slv sme smo sna snd som sot spa sqi srd srp ssw sun swa swe tah tam tat tel tgk \
tgl tha tir ton tsn tso tuk tur twi uig ukr urd uzb ven vie vol wln wol xho yid yor zha zho zul";
