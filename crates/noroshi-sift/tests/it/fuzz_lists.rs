//! Selectors out of bytes of any kind: lists, and bundles of STIX.

use noroshi_sift::index::SelectorIndex;
use noroshi_sift::selector::{Selector, SelectorValue, parse_list, parse_list_with};
use noroshi_sift::stix::parse_bundle;

use crate::fuzz::{LIST, key, seeded};
use crate::run::index;

/// What tells a selector from others; of those with the same, the greatest stays.
fn name(selector: &Selector) -> impl Ord {
    (selector.value.clone(), selector.only, selector.id.clone())
}

/// An index of what was read holds it, finds what can be looked up from here, and is the same from its file and over
/// another list.
fn found(selectors: &[Selector]) {
    let built = SelectorIndex::build(selectors.to_vec()).unwrap();
    let mut file = Vec::new();
    built.write_to(&mut file).unwrap();
    let loaded = SelectorIndex::of_bytes(file).unwrap();
    assert_eq!(loaded.digest(), built.digest());
    let kept: Vec<Selector> = loaded.selectors().collect();
    assert_eq!(kept.len(), loaded.len());
    for selector in selectors {
        let mut stays = kept.iter().filter(|kept| name(kept) == name(selector));
        let stays = stays.next().expect("one of the name");
        assert!(stays.version >= selector.version && loaded.holds(stays), "{selector:?}");
        let mut positions = Vec::new();
        match &selector.value {
            SelectorValue::Address(address) => loaded.find_address(*address, &mut positions),
            SelectorValue::Network(net) => loaded.find_address(net.broadcast(), &mut positions),
            SelectorValue::Domain { name, .. } => {
                loaded.find_name(name.as_str().to_uppercase().as_bytes(), &mut positions);
            }
            _ => continue,
        }
        let is_found = |position| loaded.selector(position).as_ref() == Some(stays);
        assert!(positions.into_iter().any(is_found), "{selector:?}");
        // The text of a value is read as that value.
        assert_eq!(SelectorValue::parse(&selector.value.to_string()).as_ref(), Ok(&selector.value));
    }
    let under = index(LIST);
    let all = under.selectors().chain(selectors.iter().cloned()).collect();
    let layered = under.layer(under.increment(selectors, &[]).unwrap()).unwrap();
    let anew = SelectorIndex::build(all).unwrap();
    assert_eq!(layered.compact().unwrap().digest(), anew.digest());
}

/// Lists in either form. A line is a selector, a problem or neither, and a key takes nothing away.
pub(crate) fn list(data: &[u8]) {
    for begin in [
        &b""[..],
        LIST.as_bytes(),
        b"url:evil.example/",
        b"203.0.113.5 ",
        b"domain,evil.example,",
        b"\"domain\",\"",
    ] {
        let text = [begin, data].concat();
        let (plain, refused) = parse_list(&text);
        let (selectors, problems) = parse_list_with(&text, Some(&key()));
        let lines = text.split(|byte| *byte == b'\n').count();
        assert!(selectors.len() + problems.len() <= lines);
        assert!(problems.windows(2).all(|two| two[0].line < two[1].line));
        assert!(problems.iter().all(|problem| refused.iter().any(|it| it.line == problem.line)));
        assert!(plain.iter().all(|selector| selectors.contains(selector)));
        found(&selectors);
    }
}

/// Bundles. A pattern never becomes wider than it is: a name stands for itself only.
pub(crate) fn bundle(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let of = |pattern: &str| {
        let indicator = serde_json::json!({ "type": "indicator", "pattern": pattern, "pattern_type": "stix",
            "id": "indicator--4c1fb7a0-0000-4000-8000-000000000001", "modified": "2026-11-23T00:00:00.5Z",
            "valid_until": "2027-11-23T00:00:00Z" });
        serde_json::json!({ "type": "bundle", "objects": [indicator] }).to_string().into_bytes()
    };
    let begin =
        b"{\"type\":\"bundle\",\"objects\":[{\"type\":\"indicator\",\"id\":\"indicator--1\",";
    for bundle in [
        data.to_vec(),
        [begin, data].concat(),
        of(&text),
        of(&format!("[ipv4-addr:value = '203.0.113.5'] {text}")),
        of(&format!("[domain-name:value = '{text}']")),
        of(&format!("[url:value IN ('http://evil.example/x', '{text}')]")),
        of(&format!("[network-traffic:dst_ref.value = '203.0.113.5' AND {text}]")),
        of(&format!("[{text}file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']")),
    ] {
        let Ok((selectors, problems)) = parse_bundle(&bundle, Some(&key())) else { continue };
        assert!(problems.windows(2).all(|two| two[0].line < two[1].line));
        for selector in &selectors {
            assert!(selector.id.is_some());
            assert!(!matches!(selector.value, SelectorValue::Domain { subdomains: true, .. }));
        }
        found(&selectors);
    }
}

/// Pieces out of which data is made, so that some of it gets far.
const PIECES: [&[u8]; 36] = [
    b"\n",
    b",",
    b"\"",
    b"'",
    b"/",
    b".",
    b":",
    b"=",
    b"*.",
    b" 443/tcp",
    b" dst:*/17",
    b"203.0.113.5",
    b"203.0.113.0/24",
    b"2001:db8::/33",
    b"::ffff:203.0.113.5",
    b"evil.example",
    b"xn--r8jz45g.example",
    b"\xe4\xbe\x8b\xe3\x81\x88.example",
    b"hxxp://evil[.]example/a?b,c#d",
    b"someone@evil.example",
    b"d41d8cd98f00b204e9800998ecf8427e",
    b"ja3:",
    b"ja4:t13d1516h2",
    b"cert:",
    b"type,value,id\n",
    b"ipv4,203.0.113.5,indicator--1,3,2027-01-01T00:00:00Z,,measure-1,approval-1",
    b"\xff",
    b"[",
    b"]",
    b"(",
    b" OR ",
    b" AND ",
    b"network-traffic:dst_port = 443",
    b"[domain-name:value = 'evil.example']",
    b"[file:hashes.'SHA-256' IN ('d41d')]",
    b"\"pattern\":\"[url:value = 'http://evil.example/x']\"}]}",
];

#[test]
fn a_fixed_seed_of_lists_is_survived() {
    seeded(&PIECES, list);
}

#[test]
fn a_fixed_seed_of_bundles_is_survived() {
    seeded(&PIECES, bundle);
}
