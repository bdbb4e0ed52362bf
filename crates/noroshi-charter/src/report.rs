//! May this report be filed at this stage, and what is missing from it?
//!
//! # What it decides
//! Which of the seven items a stage needs, whether the times can be true, which computers and events the duty covers,
//! and which stage may follow which.
//! # Source
//! Order art. 4(1) (events by class of computer), art. 4(2) (stages), art. 4(3) (the seven items); Order art. 1 and
//! CO art. 1(3) (classes of computers); Act art. 5.
//! # Refuses when
//! Items 1 or 2 are empty; at the final stage any of items 3 to 7; awareness lies in the future or before the
//! occurrence; a computer has no class; the stage cannot follow. Everything wrong is told at once.
//! # Example
//! ```
//! use noroshi_charter::report::{Filing, Stage, check, refused};
//! let now = "2026-11-23T05:00:00Z".parse()?;
//! let filing = Filing {
//!     aware_at: Some("2026-11-22T23:00:00Z".parse()?),
//!     operator_name: "Example Power", contact: "duty officer", ..Filing::default()
//! };
//! assert!(!refused(&check(Stage::Initial, &filing, now)));
//! let missing: Vec<u8> = check(Stage::Final, &filing, now).iter().map(|finding| finding.item).collect();
//! assert_eq!(missing, [3, 4, 5, 6, 7]);
//! # Ok::<(), jiff::Error>(())
//! ```

use jiff::Timestamp;

/// Most computers one report names.
pub const COMPUTERS_MAX: usize = 500;
/// Most indicators one report carries.
pub const INDICATORS_MAX: usize = 2_000;
/// Longest free text of one item, in characters.
pub const TEXT_CHARS_MAX: usize = 20_000;
/// Longest name or contact, in characters.
pub const NAME_CHARS_MAX: usize = 300;

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$each:meta])* $name:ident = $id:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$each])* $name,)* }

        impl $type {
            /// Every one, in the order of the law.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable word for it.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// Reads the stable word.
            pub fn parse(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.id() == id)
            }
        }
    };
}

words! {
    /// Which of its stages a report is filed at (Order art. 4(2)).
    Stage {
        /// Promptly after awareness, with what is known.
        Initial = "initial",
        /// More of it, as often as there is more.
        Supplement = "supplement",
        /// Within 30 days of the day of awareness, whole.
        Final = "final",
    }
}

words! {
    /// Where a report stands.
    State {
        /// The first report is filed; the final one is still owed.
        InitialFiled = "initial-filed",
        /// The final report is filed; corrections may follow.
        FinalFiled = "final-filed",
    }
}

words! {
    /// What a computer is to the specified critical equipment (CO art. 1(3), Order art. 1).
    ComputerClass {
        /// The equipment itself or a part of it.
        K1 = "K1",
        /// Connected without a router between, and can send records to the equipment.
        K2Direct = "K2-1",
        /// The last router before it.
        K2Router = "K2-2",
        /// The last firewall before it.
        K2Firewall = "K2-3",
        /// A store-and-forward host behind a firewall, and that firewall.
        K2Relay = "K2-4",
        /// Keeps the plan of the network with its addresses.
        K2Plan = "K2-5a",
        /// Keeps all credentials of such a computer.
        K2Credentials = "K2-5b",
        /// Controls the access to these computers.
        K2Access = "K2-6",
        /// Has an address of its own at the edge.
        K2Edge = "K2-7",
        /// Controls the access to a host whose data the equipment needs.
        K3Access = "K3-1",
        /// The host whose data the equipment needs.
        K3Host = "K3-2",
    }
}

/// What must be reported of a computer (Order art. 4(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Precursors too (Order art. 4(1)(i)).
    A,
    /// Traces of an actual infringement only (Order art. 4(1)(ii)).
    B,
}

impl ComputerClass {
    /// What must be reported of it.
    pub const fn tier(self) -> Tier {
        match self {
            Self::K1 | Self::K2Direct | Self::K2Router => Tier::A,
            Self::K2Firewall
            | Self::K2Relay
            | Self::K2Plan
            | Self::K2Credentials
            | Self::K2Access
            | Self::K2Edge
            | Self::K3Access
            | Self::K3Host => Tier::B,
        }
    }
}

words! {
    /// What happened, in the law's own list (Order art. 4(1)).
    EventKind {
        /// イ: malicious code was made to be received.
        MalwareReceived = "malware-received",
        /// ロ: someone else's credential was entered over a line.
        CredentialEntered = "credential-entered",
        /// ハ: information or a command that gets round the access control was entered.
        BypassEntered = "bypass-entered",
        /// ニ: the same against a computer whose access control sits on another.
        BypassElsewhere = "bypass-elsewhere",
        /// ホ: a credential was obtained by harming the computer.
        CredentialObtained = "credential-obtained",
        /// ヘ and art. 4(1)(ii): traces are recorded.
        Traces = "traces",
        /// The infringement itself: malicious code ran (Act art. 2(4)(i)).
        MalwareExecuted = "malicious-code",
        /// The infringement itself: unauthorised access (Act art. 2(4)(ii)).
        UnauthorisedAccess = "unauthorised-access",
        /// The infringement itself: business obstructed, also by impairing the line (Act art. 2(4)(iii)).
        Obstruction = "obstruction",
    }
}

impl EventKind {
    /// True for what must be reported of tier A only.
    pub const fn is_precursor(self) -> bool {
        match self {
            Self::MalwareReceived
            | Self::CredentialEntered
            | Self::BypassEntered
            | Self::BypassElsewhere
            | Self::CredentialObtained => true,
            Self::Traces | Self::MalwareExecuted | Self::UnauthorisedAccess | Self::Obstruction => {
                false
            }
        }
    }
}

words! {
    /// The damage by the common forms 1 (`DDoS`), 2 (ransomware) and 3 (other).
    DamageKind {
        /// Somebody got in.
        Intrusion = "intrusion",
        /// Data held to ransom.
        Ransomware = "ransomware",
        /// Denial of service.
        Ddos = "ddos",
        /// Anything else.
        Other = "other",
    }
}

/// One computer of item 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Computer<'a> {
    /// Its class.
    pub class: ComputerClass,
    /// What the operator calls it.
    pub name: &'a str,
    /// Whether it is in the register of notified computers.
    pub registered: bool,
}

/// What a report says, as far as the rules look at it.
#[derive(Debug, Clone, Default)]
pub struct Filing<'a> {
    /// When the operator became aware.
    pub aware_at: Option<Timestamp>,
    /// First moment of what happened; unknown is allowed.
    pub occurred_from: Option<Timestamp>,
    /// Last moment of what happened; unknown is allowed.
    pub occurred_to: Option<Timestamp>,
    /// Item 2: who reports.
    pub operator_name: &'a str,
    /// Item 2: who can be asked.
    pub contact: &'a str,
    /// Item 3: what happened.
    pub outline: &'a str,
    /// Item 3 by the law's list.
    pub events: Vec<EventKind>,
    /// Item 4.
    pub computers: Vec<Computer<'a>>,
    /// Item 5.
    pub technical: &'a str,
    /// Item 6.
    pub response: &'a str,
    /// Item 7.
    pub other: &'a str,
}

/// What a finding does to the filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The report cannot be filed so.
    Refuses,
    /// Kept with the report and shown; it is filed all the same.
    Notes,
}

/// One thing about a filing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable code; the words stand in the locales under it.
    pub code: &'static str,
    /// Which of the seven items it is about; 0 for the times.
    pub item: u8,
    /// JSON pointer of the member it is about.
    pub pointer: String,
    /// What it does.
    pub weight: Weight,
}

fn refuse(code: &'static str, item: u8, pointer: impl Into<String>) -> Finding {
    Finding { code, item, pointer: pointer.into(), weight: Weight::Refuses }
}

fn note(code: &'static str, item: u8, pointer: impl Into<String>) -> Finding {
    Finding { weight: Weight::Notes, ..refuse(code, item, pointer) }
}

/// Whether any of `findings` keeps the report from being filed.
pub fn refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.weight == Weight::Refuses)
}

/// Everything there is to say about a filing, in the order of the items; the times first.
pub fn check(stage: Stage, filing: &Filing<'_>, now: Timestamp) -> Vec<Finding> {
    let mut findings = times(filing, now);
    let mut need = |text: &str, item: u8, pointer: &str, code| {
        if text.trim().is_empty() {
            findings.push(refuse(code, item, pointer));
        }
    };
    // Order art. 4(3)(i) is the stage itself, which is always there.
    need(filing.operator_name, 2, "/operator/name", "NRS-INTK-0002");
    need(filing.contact, 2, "/operator/contact", "NRS-INTK-0003");
    if stage == Stage::Final {
        // Order art. 4(2): items 3 to 7 only as known at first, all of them at the end.
        need(filing.outline, 3, "/outline", "NRS-INTK-0004");
        let named = filing.computers.first().map_or("", |_| "named");
        need(named, 4, "/computers", "NRS-INTK-0005");
        need(filing.technical, 5, "/technical", "NRS-INTK-0006");
        need(filing.response, 6, "/response", "NRS-INTK-0007");
        need(filing.other, 7, "/other", "NRS-INTK-0008");
    }
    findings.extend(computers(filing));
    findings
}

fn times(filing: &Filing<'_>, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    match filing.aware_at {
        None => findings.push(refuse("NRS-INTK-0010", 0, "/aware_at")),
        Some(aware) if aware > now => findings.push(refuse("NRS-INTK-0011", 0, "/aware_at")),
        Some(aware) if filing.occurred_from.is_some_and(|from| aware < from) => {
            findings.push(refuse("NRS-INTK-0012", 0, "/aware_at"));
        }
        Some(_) => {}
    }
    if filing.occurred_from.is_some_and(|from| from > now) {
        findings.push(refuse("NRS-INTK-0013", 0, "/occurred_from"));
    }
    if filing.occurred_to.is_some_and(|to| to > now) {
        findings.push(refuse("NRS-INTK-0013", 0, "/occurred_to"));
    }
    if filing.occurred_from.zip(filing.occurred_to).is_some_and(|(from, to)| to < from) {
        findings.push(refuse("NRS-INTK-0014", 0, "/occurred_to"));
    }
    findings
}

fn computers(filing: &Filing<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, computer) in filing.computers.iter().enumerate() {
        if computer.name.trim().is_empty() {
            findings.push(refuse("NRS-INTK-0015", 4, format!("/computers/{at}/name")));
        }
        if !computer.registered {
            // Reported all the same; a notification of the computer is owed besides.
            findings.push(note("NRS-INTK-0016", 4, format!("/computers/{at}/registered")));
        }
    }
    let all_b = filing.computers.iter().all(|computer| computer.class.tier() == Tier::B);
    let precursors = filing.events.iter().all(|event| event.is_precursor());
    if !filing.computers.is_empty() && !filing.events.is_empty() && all_b && precursors {
        // Order art. 4(1)(ii): of tier B only traces of an infringement must be reported.
        findings.push(note("NRS-INTK-0017", 3, "/event_kinds"));
    }
    findings
}

/// Where a report stands after `stage`; `None` when the stage cannot follow. A final report without an initial one is
/// taken (and noted by [`NO_INITIAL`]), because refusing it would lose what the duty wants known.
pub const fn next(now: Option<State>, stage: Stage) -> Option<State> {
    match (now, stage) {
        (None, Stage::Initial) | (Some(State::InitialFiled), Stage::Supplement) => Some(State::InitialFiled),
        (None | Some(State::InitialFiled), Stage::Final)
        // A correction of a final report, or more to it, is a further version of it.
        | (Some(State::FinalFiled), Stage::Final | Stage::Supplement) => Some(State::FinalFiled),
        (None, Stage::Supplement) | (Some(_), Stage::Initial) => None,
    }
}

/// The note on a final report that had no initial one.
pub const NO_INITIAL: &str = "NRS-INTK-0018";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn whole() -> Filing<'static> {
        Filing {
            aware_at: Some(at("2026-11-22T00:00:00Z")),
            occurred_from: Some(at("2026-11-20T00:00:00Z")),
            occurred_to: None,
            operator_name: "Example Power",
            contact: "duty officer",
            outline: "o",
            events: vec![EventKind::Traces],
            computers: vec![Computer { class: ComputerClass::K1, name: "EMS", registered: true }],
            technical: "t",
            response: "r",
            other: "none",
        }
    }

    fn codes(stage: Stage, filing: &Filing<'_>) -> Vec<&'static str> {
        check(stage, filing, at("2026-11-23T00:00:00Z"))
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn a_whole_report_passes_at_every_stage() {
        for stage in Stage::ALL {
            assert_eq!(codes(*stage, &whole()), Vec::<&str>::new(), "{}", stage.id());
        }
    }

    #[test]
    fn each_item_is_missed_by_its_own_code() {
        let check = |spoil: fn(&mut Filing<'static>), stage, code: &str| {
            let mut filing = whole();
            spoil(&mut filing);
            assert_eq!(codes(stage, &filing), [code]);
        };
        check(|f| f.operator_name = " ", Stage::Initial, "NRS-INTK-0002");
        check(|f| f.contact = "", Stage::Initial, "NRS-INTK-0003");
        check(|f| f.outline = "", Stage::Final, "NRS-INTK-0004");
        check(|f| f.computers.clear(), Stage::Final, "NRS-INTK-0005");
        check(|f| f.technical = "", Stage::Final, "NRS-INTK-0006");
        check(|f| f.response = "", Stage::Final, "NRS-INTK-0007");
        check(|f| f.other = "", Stage::Final, "NRS-INTK-0008");
        check(|f| f.aware_at = None, Stage::Initial, "NRS-INTK-0010");
        check(|f| f.aware_at = Some(at("2026-11-24T00:00:00Z")), Stage::Initial, "NRS-INTK-0011");
        check(|f| f.aware_at = Some(at("2026-11-19T00:00:00Z")), Stage::Initial, "NRS-INTK-0012");
        check(
            |f| f.occurred_to = Some(at("2026-11-19T00:00:00Z")),
            Stage::Initial,
            "NRS-INTK-0014",
        );
    }

    #[test]
    fn notes_do_not_refuse() {
        let mut filing = whole();
        filing.computers =
            vec![Computer { class: ComputerClass::K3Host, name: "historian", registered: false }];
        filing.events = vec![EventKind::MalwareReceived];
        let findings = check(Stage::Initial, &filing, at("2026-11-23T00:00:00Z"));
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["NRS-INTK-0016", "NRS-INTK-0017"]);
        assert!(!refused(&findings));
    }

    #[test]
    fn stages_follow_as_the_order_has_them() {
        assert_eq!(next(None, Stage::Initial), Some(State::InitialFiled));
        assert_eq!(next(None, Stage::Final), Some(State::FinalFiled));
        assert_eq!(next(None, Stage::Supplement), None);
        assert_eq!(next(Some(State::InitialFiled), Stage::Initial), None);
        assert_eq!(next(Some(State::InitialFiled), Stage::Final), Some(State::FinalFiled));
        assert_eq!(next(Some(State::FinalFiled), Stage::Supplement), Some(State::FinalFiled));
    }

    #[test]
    fn words_read_back() {
        for class in ComputerClass::ALL {
            assert_eq!(ComputerClass::parse(class.id()), Some(*class));
        }
        assert_eq!(ComputerClass::parse("K9"), None);
        let tier_a: Vec<_> =
            ComputerClass::ALL.iter().filter(|class| class.tier() == Tier::A).collect();
        assert_eq!(tier_a.len(), 3);
    }
}
