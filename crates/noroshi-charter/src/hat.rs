//! Hats: the roles a person can hold for one organisation. Powers come from the hat worn, never from the login.

use std::fmt;

macro_rules! hats {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)*) => {
        /// A role held for one organisation (policy of the Act's actors; each action is done under exactly one).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Hat { $($(#[$doc])* $name,)* }

        impl Hat {
            /// Every hat, in the order of the golden tables.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable identifier, e.g. `commission.chair`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The hat of an identifier.
            pub fn parse(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|hat| hat.id() == id)
            }
        }
    };
}

hats! {
    /// 特別社会基盤事業者の担当者: files reports, consents to measures on its own network.
    OperatorOfficer = "operator.officer",
    /// An operator's sensor: a program that fetches selectors and hands in certificates.
    OperatorSensor = "operator.sensor",
    /// 所管大臣: reads the reports of its sector.
    MinisterSector = "minister.sector",
    /// 内閣総理大臣の窓口: reads every statutory report.
    PmDesk = "pm.desk",
    /// 内閣府の分析官: organises and analyses (Act art. 37).
    CaoAnalyst = "cao.analyst",
    /// 国家サイバー統括室の分析官.
    NcoAnalyst = "nco.analyst",
    /// 警察の請求者.
    PoliceRequester = "police.requester",
    /// 自衛隊の請求者.
    SdfRequester = "sdf.requester",
    /// Carries out approved measures.
    Executor = "executor",
    /// 委員.
    CommissionMember = "commission.member",
    /// 委員長.
    CommissionChair = "commission.chair",
    /// 事務局.
    CommissionSecretariat = "commission.secretariat",
    /// 国会: reads counts.
    DietReader = "diet.reader",
    /// 外国の機関: reads what was released to it.
    PartnerForeign = "partner.foreign",
    /// Adds people and hands out hats; decides nothing of substance.
    Administrator = "administrator",
    /// Releases evidence and unlocks what has come into force.
    Legal = "legal",
    /// 選挙期間中の公表を合議する非政治職の委員: decides with others, by consensus, whether the public is told.
    InfluencePanel = "influence.panel",
    /// 協議会構成員の担当者: sees and answers what its organisation is sent as a member of the council (Act art. 45).
    CouncilMember = "council.member",
    /// 電子計算機等供給者の担当者: sees and answers what its organisation is sent as a supplier (Act art. 42).
    SupplierOfficer = "supplier.officer",
}

impl fmt::Display for Hat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
