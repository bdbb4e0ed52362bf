//! nftables: the JSON batches our gateway gives to `nft -j -f -`, their text for people, and the read-back.
//!
//! One table of our own, `inet`, with two sets of timed elements and base chains in front of the site's filter. Sets
//! never merge (`auto-merge` makes an address disappear into a wider element with that element's time), and their size
//! bounds the damage of any mistake in the kernel itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ipnet::IpNet;
use serde_json::{Value, json};

/// Elements one set can hold.
pub const SET_SIZE: u32 = 4096;
/// Bytes of a set listing that are read.
pub const LISTING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Before the site's own filter (priority 0).
const PRIORITY: i32 = -10;
const CHAINS: [&str; 3] = ["input", "forward", "output"];

/// The networks to block, with the seconds each has left.
pub type Elements = BTreeMap<IpNet, u64>;

fn set_of(net: &IpNet) -> &'static str {
    match net {
        IpNet::V4(_) => "block4",
        IpNet::V6(_) => "block6",
    }
}

/// The address or network as nftables writes it.
fn text(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.trunc().to_string()
    }
}

fn value(net: &IpNet) -> Value {
    if net.prefix_len() == net.max_prefix_len() {
        json!(net.addr().to_string())
    } else {
        json!({ "prefix": { "addr": net.network().to_string(), "len": net.prefix_len() } })
    }
}

fn rules(table: &str) -> Vec<Value> {
    let mut batch = Vec::new();
    for chain in CHAINS {
        let place = json!({ "family": "inet", "table": table, "name": chain, "type": "filter", "hook": chain,
            "prio": PRIORITY, "policy": "accept" });
        batch.push(json!({ "add": { "chain": place } }));
        batch.push(
            json!({ "flush": { "chain": { "family": "inet", "table": table, "name": chain } } }),
        );
        for (protocol, set) in [("ip", "@block4"), ("ip6", "@block6")] {
            for field in ["saddr", "daddr"] {
                let left = json!({ "payload": { "protocol": protocol, "field": field } });
                let expr = json!([{ "match": { "op": "==", "left": left, "right": set } }, { "drop": null }]);
                let rule =
                    json!({ "family": "inet", "table": table, "chain": chain, "expr": expr });
                batch.push(json!({ "add": { "rule": rule } }));
            }
        }
    }
    batch
}

/// The whole wanted state as one atomic batch: table, sets, chains and exactly these elements. Applying it twice, or
/// after a restart, leads to the same state.
pub fn batch(table: &str, elements: &Elements) -> Value {
    let mut batch = vec![json!({ "add": { "table": { "family": "inet", "name": table } } })];
    for (name, kind) in [("block4", "ipv4_addr"), ("block6", "ipv6_addr")] {
        let set = json!({ "family": "inet", "table": table, "name": name, "type": kind,
            "flags": ["interval", "timeout"], "size": SET_SIZE });
        batch.push(json!({ "add": { "set": set } }));
        batch.push(
            json!({ "flush": { "set": { "family": "inet", "table": table, "name": name } } }),
        );
    }
    batch.extend(rules(table));
    for (net, seconds) in elements {
        let element = json!([{ "elem": { "val": value(net), "timeout": seconds } }]);
        let place =
            json!({ "family": "inet", "table": table, "name": set_of(net), "elem": element });
        batch.push(json!({ "add": { "element": place } }));
    }
    json!({ "nftables": batch })
}

/// What [`batch`] adds, in nftables' own words, for a dry run.
pub fn lines(table: &str, elements: &Elements) -> String {
    elements.iter().fold(String::new(), |mut all, (net, seconds)| {
        // Writing to a string cannot fail.
        let _ok = writeln!(
            all,
            "add element inet {table} {} {{ {} timeout {seconds}s }}",
            set_of(net),
            text(net)
        );
        all
    })
}

/// Why a listing cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Longer than [`LISTING_BYTES_MAX`].
    #[error("the listing is too long")]
    TooLarge,
    /// Not JSON of a set listing, or an element this program never writes.
    #[error("the listing is not of a set this program writes: `{0}`")]
    Shape(String),
}

/// Reads the answer of `nft -j list set …`: each network with the seconds it has left.
pub fn read_set(listing: &[u8]) -> Result<Elements, Unreadable> {
    if listing.len() > LISTING_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let shape = |what: &str| Unreadable::Shape(what.to_owned());
    let whole: Value = serde_json::from_slice(listing).map_err(|_| shape("not JSON"))?;
    let items =
        whole.get("nftables").and_then(Value::as_array).ok_or_else(|| shape("no `nftables`"))?;
    let set = items.iter().find_map(|item| item.get("set")).ok_or_else(|| shape("no set"))?;
    let elements = set.get("elem").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |element: &Value| {
        let inner = element.get("elem")?;
        Some((network(inner.get("val")?)?, inner.get("expires")?.as_u64()?))
    };
    elements
        .iter()
        .map(|element| read(element).ok_or_else(|| shape(&element.to_string())))
        .collect()
}

fn network(value: &Value) -> Option<IpNet> {
    if let Some(address) = value.as_str() {
        return address.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    }
    let prefix = value.get("prefix")?;
    let address = prefix.get("addr")?.as_str()?.parse().ok()?;
    IpNet::new(address, u8::try_from(prefix.get("len")?.as_u64()?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_is_whole_and_says_the_same_to_people() {
        let elements = Elements::from([
            ("203.0.113.7/32".parse().unwrap(), 60),
            ("2001:db8:1::/48".parse().unwrap(), 5),
        ]);
        let whole = batch("noroshi", &elements);
        let added: Vec<&Value> = whole["nftables"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|command| command.pointer("/add/element/elem/0/elem"))
            .collect();
        let prefix = json!({ "prefix": { "addr": "2001:db8:1::", "len": 48 } });
        let wanted = [
            json!({ "val": "203.0.113.7", "timeout": 60 }),
            json!({ "val": prefix, "timeout": 5 }),
        ];
        assert_eq!(added, wanted.iter().collect::<Vec<_>>());
        let said = lines("noroshi", &elements);
        assert!(
            said.contains("add element inet noroshi block4 { 203.0.113.7 timeout 60s }"),
            "{said}"
        );
    }

    #[test]
    fn a_listing_is_read_and_a_foreign_element_is_told() {
        let listing = br#"{"nftables":[{"metainfo":{}},{"set":{"name":"block4","elem":[
            {"elem":{"val":"203.0.113.7","timeout":60,"expires":59}},
            {"elem":{"val":{"prefix":{"addr":"203.0.113.128","len":25}},"timeout":9,"expires":8}}]}}]}"#;
        let read = read_set(listing).unwrap();
        assert_eq!(read.get(&"203.0.113.7/32".parse().unwrap()), Some(&59));
        assert_eq!(read.get(&"203.0.113.128/25".parse().unwrap()), Some(&8));
        assert_eq!(read_set(br#"{"nftables":[{"set":{"name":"block4"}}]}"#).unwrap().len(), 0);
        assert!(
            read_set(br#"{"nftables":[{"set":{"elem":["203.0.113.7"]}}]}"#).is_err(),
            "an element without a time"
        );
    }
}
