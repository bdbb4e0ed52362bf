//! The fictional nation: organisations, people and what they write. Nobody in it exists.

use serde_json::{Value, json};

use super::telemetry::{NAMES, SECOND, SERVER};

/// Who can be played, in the order of the story: login, and the key of the role's words.
pub(super) const PERSONAS: [(&str, &str); 9] = [
    ("officer-logistics", "demo-persona-officer"),
    ("analyst", "demo-persona-analyst"),
    ("minister", "demo-persona-minister"),
    ("police", "demo-persona-police"),
    ("chair", "demo-persona-chair"),
    ("member-a", "demo-persona-member"),
    ("executor", "demo-persona-executor"),
    ("legal", "demo-persona-legal"),
    ("administrator", "demo-persona-admin"),
];

/// One organisation of the story.
pub(super) struct FictionalOrg {
    pub(super) key: &'static str,
    pub(super) name_ja: &'static str,
    pub(super) name_en: &'static str,
    pub(super) kind: &'static str,
    pub(super) sector: Option<&'static str>,
}

/// The office itself comes with the set-up; these are added by its administrator.
pub(super) const ORGS: [FictionalOrg; 9] = [
    org(
        "power",
        "暁光電力（架空）",
        "Gyoko Electric Power (fictional)",
        "operator",
        Some("electricity"),
    ),
    org(
        "hospital",
        "汐見総合病院（架空）",
        "Shiomi General Hospital (fictional)",
        "operator",
        Some("medical"),
    ),
    org(
        "logistics",
        "北辰運輸（架空）",
        "Hokushin Logistics (fictional)",
        "operator",
        Some("road-freight"),
    ),
    org(
        "ministry",
        "電力所管省（架空）",
        "Ministry for Electricity (fictional)",
        "ministry",
        Some("electricity"),
    ),
    org("cabinet", "内閣府分析室（架空）", "Cabinet Office Analysis (fictional)", "office", None),
    org("police", "警察（架空）", "Police (fictional)", "police", None),
    org(
        "commission",
        "監理委員会（架空）",
        "Supervisory Commission (fictional)",
        "commission",
        None,
    ),
    org("response", "措置執行班（架空）", "Execution Team (fictional)", "office", None),
    org("ally", "同盟国CERT（架空）", "Allied CERT (fictional)", "partner", None),
];

const fn org(
    key: &'static str,
    name_ja: &'static str,
    name_en: &'static str,
    kind: &'static str,
    sector: Option<&'static str>,
) -> FictionalOrg {
    FictionalOrg { key, name_ja, name_en, kind, sector }
}

/// One login of the story: login, shown name, organisation, hat.
pub(super) const PEOPLE: [(&str, &str, &str, &str); 12] = [
    ("officer-power", "担当 甲 / Officer A", "power", "operator.officer"),
    ("officer-hospital", "担当 乙 / Officer B", "hospital", "operator.officer"),
    ("officer-logistics", "担当 丙 / Officer C", "logistics", "operator.officer"),
    ("minister", "所管課 / Ministry desk", "ministry", "minister.sector"),
    ("pm", "報告窓口 / PM desk", "cabinet", "pm.desk"),
    ("analyst", "分析官 丁 / Analyst D", "cabinet", "cao.analyst"),
    ("police", "請求官 戊 / Requester E", "police", "police.requester"),
    ("chair", "委員長 / Chair", "commission", "commission.chair"),
    ("member-a", "委員 一 / Member 1", "commission", "commission.member"),
    ("member-b", "委員 二 / Member 2", "commission", "commission.member"),
    ("executor", "執行官 己 / Executor F", "response", "executor"),
    ("legal", "審査官 庚 / Reviewer G", "cabinet", "legal"),
];

/// What each operator's officer files first. `aware_at` is when the operator became aware.
pub(super) fn initial_report(operator: &str, aware_at: &str) -> Value {
    let computer =
        |class: &str, name: &str| json!({ "class": class, "name": name, "registered": true });
    let contact = |name: &str| json!({ "name": name, "contact": "soc@operator.example", "phone24h": "+81-3-0000-0000" });
    match operator {
        "power" => json!({
            "stage": "initial", "aware_at": aware_at, "trigger": "EDR alert on a supervisory control server",
            "event_kinds": ["unauthorised-access", "malicious-code"],
            "computers": [computer("K1", "給電指令サーバー1 / dispatch server 1")],
            "operator": contact("暁光電力（架空）"),
            "outline": "給電指令系のサーバーで不審な外向き通信と未知の実行ファイルを確認。供給への影響は限定的。",
            "technical": "外向き通信先を二つ確認。実行ファイルは隔離済み。",
            "indicators": [SERVER, NAMES[0]],
            "response": "該当サーバーを系統から切り離し、予備系に切替。", "other": "",
            "impact": { "service_stop_minutes": 42, "persons_affected": 0, "loss_yen": 0, "personal_data": false },
            "damage_kind": "intrusion",
        }),
        "hospital" => json!({
            "stage": "initial", "aware_at": aware_at, "trigger": "Users cannot open the ordering system",
            "event_kinds": ["malicious-code"],
            "computers": [computer("K2-6", "認証サーバー / directory server")],
            "operator": contact("汐見総合病院（架空）"),
            "outline": "電子カルテの一部が開けない。身代金の要求文は今のところ見つかっていない。",
            "technical": "DNSの記録に見慣れない名前への問い合わせが続いている。",
            "indicators": [NAMES[1]],
            "response": "外来を紙運用に切替。バックアップを確認中。", "other": "",
            "impact": { "service_stop_minutes": 360, "persons_affected": 1200, "loss_yen": 0, "personal_data": true },
            "damage_kind": "ransomware",
        }),
        _ => json!({
            "stage": "initial", "aware_at": aware_at, "trigger": "Firewall log review after a slow-down",
            "event_kinds": ["traces"],
            "computers": [computer("K2-3", "境界ファイアウォール / border firewall")],
            "operator": contact("北辰運輸（架空）"),
            "outline": "配車システムが断続的に遅くなり、調査で不審な通信の痕跡を確認。",
            "technical": "同じ宛先への周期的な通信。",
            "indicators": [SERVER, NAMES[0]],
            "response": "通信を監視中。", "other": "",
            "impact": { "service_stop_minutes": 95, "persons_affected": 0, "loss_yen": 3_400_000, "personal_data": false },
            "damage_kind": "intrusion",
        }),
    }
}

/// The power company's full report: the first one's facts, completed.
pub(super) fn final_report(aware_at: &str) -> Value {
    let mut report = initial_report("power", aware_at);
    if let Some(members) = report.as_object_mut() {
        members.insert("stage".to_owned(), json!("final"));
        members.insert("other".to_owned(), json!("再発防止策を所管課に別途提出。"));
        members.insert(
            "technical".to_owned(),
            json!("保守端末の資格情報が使われた痕跡。通信先は二つで、いずれも遮断済み。"),
        );
    }
    report
}

/// What the police ask for: sinkhole two names and block one address at the two consenting operators.
pub(super) fn measure(case: &str, not_before: &str, not_after: &str, seconds: u64) -> Value {
    let deny = |target: &str, action: &str| json!({ "target": target, "action": action, "actuators": ["power-gateway", "logistics-gateway"] });
    json!({
        "case": case, "kind": "defensive",
        "purpose": "三事業者への侵入に使われている指令サーバーとの通信を止め、被害の拡大を防ぐ。",
        "legal_basis": "同意した事業者の網における防御措置（事業者の同意）",
        "necessity": "事業者への注意喚起だけでは、切替中の系統が指令を受け続けるため間に合わない。",
        "proportionality": "宛先一つと名前二つに限り、期限を付け、いつでも戻せる。正規の通信先との重なりはない。",
        "scope": "暁光電力（架空）と北辰運輸（架空）の境界に限る。",
        "side_effects": "対象の名前を使う正規の業務は確認されていない。",
        "location": "unknown",
        "consultations": [{ "who": "minister.foreign", "at": not_before, "reference": "架空-協議-1" }],
        "targets": [SERVER, NAMES[0], NAMES[1]],
        "actions": [
            deny(SERVER, "deny.address"),
            deny(NAMES[0], "deny.domain"),
            deny(NAMES[1], "deny.domain"),
        ],
        "not_before": not_before, "not_after": not_after, "effect_seconds_max": seconds,
    })
}

/// The second request of the story: an order to the administrator of a foreign server, through the legal route. It
/// has no actuator at all; the program records it and nothing more.
pub(super) fn legal_order(case: &str, not_before: &str, not_after: &str) -> Value {
    json!({
        "case": case, "kind": "legal-order",
        "purpose": "国外の第二サーバーの管理者に対する措置の要請を、法の手続に載せる。",
        "legal_basis": "警察官職務執行法第6条の2",
        "necessity": "管理者以外に止められる者がいない。",
        "proportionality": "要請は当該サーバーに限る。",
        "scope": "当該サーバーの管理者。",
        "side_effects": "第三者の利用は確認されていない。",
        "location": "not_jp",
        "consultations": [{ "who": "minister.foreign", "at": not_before, "reference": "架空-協議-2" }],
        "targets": [SECOND], "actions": [],
        "not_before": not_before, "not_after": not_after, "effect_seconds_max": 0,
    })
}
