//! Synthetic telemetry of the fictional operators: documentation addresses only, the same bytes every time.

use std::fmt::Write as _;

/// Where the fictional attackers' server stands.
pub(super) const SERVER: &str = "203.0.113.77";
/// The names their programs ask for.
pub(super) const NAMES: [&str; 2] = ["update.lantern-cdn.example", "sync.lantern-cdn.example"];
/// A second address, known from the ally only.
pub(super) const SECOND: &str = "2001:db8:77::5";

/// Records a day of a small network writes.
pub(super) const RECORDS: u64 = 4_000;

/// A Zeek `conn.log` of `records` connections from `network` (three octets); every `hit_every`-th reaches the server.
pub(super) fn conn_log(
    network: &str,
    records: u64,
    hit_every: Option<u64>,
    start_seconds: i64,
) -> String {
    let mut text = String::from(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
         #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\torig_pkts\tresp_pkts\n\
         #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tcount\tcount\n",
    );
    for number in 0..records {
        let hit = hit_every.is_some_and(|every| number % every == every / 2);
        let remote =
            if hit { SERVER.to_owned() } else { format!("198.51.100.{}", 1 + number % 250) };
        let at = start_seconds + i64::try_from(number).unwrap_or(0) * 7;
        // Writing to a string cannot fail.
        let _ok = writeln!(
            text,
            "{at}.{:06}\tC{number:08x}\t{network}.{}\t{}\t{remote}\t443\ttcp\tssl\t1.5\t{}\t{}\tSF\t9\t11",
            number % 1_000_000,
            10 + number % 40,
            40_000 + number % 20_000,
            900 + number % 700,
            2_000 + number % 9_000,
        );
    }
    text
}

/// A Suricata EVE log of DNS questions; every `hit_every`-th asks for one of the attackers' names.
///
/// The `rdata` and `hostname` members stand for content that must not survive selection.
pub(super) fn eve_log(
    network: &str,
    records: u64,
    hit_every: Option<u64>,
    start: jiff::Timestamp,
) -> String {
    let mut text = String::new();
    for number in 0..records {
        let hit = hit_every.is_some_and(|every| number % every == every / 2);
        let name = if hit {
            NAMES.get(usize::from(number / 200 % 2 == 0)).copied().unwrap_or(SERVER).to_owned()
        } else {
            format!("host{}.shop.example", number % 300)
        };
        let at = start + jiff::SignedDuration::from_secs(i64::try_from(number).unwrap_or(0) * 11);
        let event = serde_json::json!({
            "timestamp": format!("{at:.6}"),
            "flow_id": number + 1,
            "event_type": "dns",
            "src_ip": format!("{network}.{}", 10 + number % 40),
            "src_port": 50_000 + number % 9_000,
            "dest_ip": format!("{network}.2"),
            "dest_port": 53,
            "proto": "UDP",
            "dns": { "type": "query", "id": number % 65_536, "rrname": name, "rrtype": "A", "tx_id": 0 },
        });
        let _ok = writeln!(text, "{event}");
    }
    text
}

/// The ally's bundle: two indicators of its own and one object that must never be passed on.
pub(super) fn ally_bundle(created: &str) -> String {
    // The ally knows that the server and one of the names belong together; no victim here could know it.
    let together = format!("[ipv4-addr:value = '{SERVER}' OR domain-name:value = '{}']", NAMES[1]);
    let second = format!("[ipv6-addr:value = '{SECOND}']");
    let indicator = |id: &str, name: &str, pattern: String| {
        serde_json::json!({
            "type": "indicator", "spec_version": "2.1", "id": format!("indicator--{id}"),
            "created": created, "modified": created, "name": name, "indicator_types": ["malicious-activity"],
            "pattern": pattern, "pattern_type": "stix", "valid_from": created,
            "created_by_ref": "identity--3d0f6c52-8a5f-4c5e-9a59-0a1f6a3f7d01",
            "x_ally_sensor_family": "kept-as-received",
        })
    };
    let bundle = serde_json::json!({
        "type": "bundle",
        "id": "bundle--6d0c1f4e-0a6c-4f0e-8f2b-2c3d0a7b1e11",
        "objects": [
            {
                "type": "identity", "spec_version": "2.1", "id": "identity--3d0f6c52-8a5f-4c5e-9a59-0a1f6a3f7d01",
                "created": created, "modified": created, "name": "Fictional Allied CERT", "identity_class": "organization",
            },
            indicator("1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c101", "Lantern server", together),
            indicator("1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c102", "Lantern second server", second),
        ],
    });
    bundle.to_string()
}

/// The office's own indicator about the server, written to be shared.
pub(super) const OWN_PRODUCT: &str = "indicator--2c7fb8e0-3c1a-4066-8a1b-6bd1c3a1d201";
/// An indicator that stems from communications information. It must never leave.
pub(super) const FROM_COMMUNICATIONS: &str = "indicator--2c7fb8e0-3c1a-4066-8a1b-6bd1c3a1d202";

/// A bundle with the office's own product.
pub(super) fn own_product(created: &str) -> String {
    one_indicator(OWN_PRODUCT, "Lantern server, assessed by the office", SERVER, created)
}

/// A bundle with something that stems from communications information (fictional: the statutory modes are locked).
pub(super) fn from_communications(created: &str) -> String {
    one_indicator(
        FROM_COMMUNICATIONS,
        "Lantern, stemming from communications information",
        "203.0.113.78",
        created,
    )
}

fn one_indicator(id: &str, name: &str, address: &str, created: &str) -> String {
    let indicator = serde_json::json!({
        "type": "indicator", "spec_version": "2.1", "id": id, "created": created, "modified": created, "name": name,
        "indicator_types": ["malicious-activity"], "pattern": format!("[ipv4-addr:value = '{address}']"),
        "pattern_type": "stix", "valid_from": created,
    });
    serde_json::json!({ "type": "bundle", "id": id.replacen("indicator", "bundle", 1), "objects": [indicator] })
        .to_string()
}
