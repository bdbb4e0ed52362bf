//! The leak test: made-up worlds of objects with markings, references, derivations, opinions and findings; each part
//! carries a word of its own. An oracle that was written from the rules and not from the gate says which words a
//! recipient may read. Everything that is handed out is searched for the others.
//!
//! The same search is run over gates that were broken on purpose: each of them must be caught.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use noroshi_charter::derivation::{Carried, Source, Version, inherit};
use noroshi_charter::outgoing::{Held, Outgoing, judge};
use noroshi_charter::release::{Capacity, Ceiling, Facts, Protection, Recipient};
use noroshi_evidence::marking::{LegalBits, LegalClass, Tlp};
use noroshi_evidence::object::StixObject;
use noroshi_evidence::redact::{Node, Parts};
use serde_json::{Map, Value, json};

/// Judgements of one world for one recipient.
const CASES: u64 = 100_000;
/// Recipients each world is judged for.
const RECIPIENTS: u64 = 4;

// ---- chance ---------------------------------------------------------------------------------------------------------

/// A small generator (xorshift64*), so that a seed is a world.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap() % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

// ---- the world ------------------------------------------------------------------------------------------------------

/// A marking as the oracle knows it.
#[derive(Debug, Clone)]
enum Mark {
    Colour(Tlp),
    Unknown(String),
}

impl Mark {
    fn id(&self) -> String {
        match self {
            Self::Colour(tlp) => tlp.marking_id().to_string(),
            Self::Unknown(id) => id.clone(),
        }
    }
}

/// A word planted at a place, written as a selector.
#[derive(Debug)]
struct Word {
    at: String,
    word: String,
}

#[derive(Debug)]
struct Thing {
    id: String,
    text: String,
    words: Vec<Word>,
    /// Marking and the selectors it stands on.
    part_marks: Vec<(Mark, Vec<String>)>,
    colour: Option<Tlp>,
    unknown: bool,
    comms: bool,
    secret: bool,
    cleared: bool,
    exercise: bool,
    agreement: bool,
    consent: bool,
    originator: &'static str,
    named: Option<Vec<&'static str>>,
    /// It was released to the audience at all.
    released: bool,
    /// The class it was declared to be of.
    class: LegalClass,
    /// Other things it names, by number.
    names: BTreeSet<usize>,
    /// A version before this one, which named other things and came on other terms.
    earlier: Option<Earlier>,
}

/// What decides about an older version that is held.
#[derive(Debug)]
struct Earlier {
    comms: bool,
    secret: bool,
    cleared: bool,
    agreement: bool,
    names: BTreeSet<usize>,
}

const ORGS: [&str; 3] = ["org-a", "org-b", "org-c"];
const KINDS: [&str; 12] = [
    "tool",
    "malware",
    "indicator",
    "report",
    "note",
    "relationship",
    "sighting",
    "identity",
    "user-account",
    "domain-name",
    "location",
    "x-house-thing",
];

struct World {
    things: Vec<Thing>,
}

fn uuid(seed: u64, number: usize) -> String {
    format!("{:08x}-0000-4000-8000-{number:012x}", seed & 0xffff_ffff)
}

fn make_world(seed: u64) -> World {
    let mut chance = Chance::new(seed);
    let kinds: Vec<&str> = (0..2 + chance.below(5)).map(|_| *chance.of(&KINDS)).collect();
    let ids: Vec<String> =
        kinds.iter().enumerate().map(|(at, kind)| format!("{kind}--{}", uuid(seed, at))).collect();
    let things =
        (0..kinds.len()).map(|at| make_thing(&mut chance, seed, at, kinds[at], &ids)).collect();
    World { things }
}

/// Hands out words and remembers where they stand.
struct Planter<'a> {
    chance: &'a mut Chance,
    seed: u64,
    thing: usize,
    words: Vec<Word>,
}

impl Planter<'_> {
    fn word(&mut self, at: &str) -> String {
        let word = format!("zq{:x}q{}q{}zq", self.seed, self.thing, self.words.len());
        self.words.push(Word { at: at.to_owned(), word: word.clone() });
        word
    }

    fn text(&mut self, at: &str) -> Value {
        let word = self.word(at);
        json!(if self.chance.one_in(2) { word } else { format!("about {word}, said in words") })
    }
}

fn make_thing(chance: &mut Chance, seed: u64, number: usize, kind: &str, ids: &[String]) -> Thing {
    let mut planter = Planter { chance, seed, thing: number, words: Vec::new() };
    let mut names = BTreeSet::new();
    let mut tree = Map::new();
    required(&mut planter, kind, number, ids, &mut tree, &mut names);
    optional(&mut planter, kind, number, ids, &mut tree, &mut names);
    let words = planter.words;
    let part_marks = part_marks(chance, seed, number, &words, &mut tree);
    let (mut colour, mut unknown) = (None, false);
    if !chance.one_in(4) {
        colour = Some(*chance.of(&[
            Tlp::Clear,
            Tlp::Clear,
            Tlp::Green,
            Tlp::Green,
            Tlp::Amber,
            Tlp::AmberStrict,
            Tlp::Red,
        ]));
        tree.insert(
            "object_marking_refs".to_owned(),
            json!([colour.unwrap().marking_id().to_string()]),
        );
    }
    if chance.one_in(20) {
        unknown = true;
        let id = format!("marking-definition--{}", uuid(seed, 900 + number));
        let place = tree.entry("object_marking_refs").or_insert_with(|| json!([]));
        place.as_array_mut().unwrap().push(json!(id));
    }
    let earlier = chance.one_in(3).then(|| Earlier {
        comms: chance.one_in(8),
        secret: chance.one_in(12),
        cleared: chance.one_in(4),
        agreement: chance.one_in(12),
        names: (0..chance.below(3)).map(|_| chance.below(ids.len())).collect(),
    });
    let named = chance.one_in(6).then(|| ORGS.into_iter().filter(|_| chance.one_in(2)).collect());
    Thing {
        id: ids[number].clone(),
        text: spell(chance, &Value::Object(tree)),
        words,
        part_marks,
        colour,
        unknown,
        comms: chance.one_in(10),
        secret: chance.one_in(15),
        cleared: chance.one_in(8),
        exercise: chance.one_in(20),
        agreement: chance.one_in(12),
        consent: chance.one_in(2),
        originator: ORGS[chance.below(ORGS.len())],
        named,
        released: !chance.one_in(6),
        class: if chance.one_in(10) { LegalClass::CiaP } else { LegalClass::CiaN },
        names,
        earlier,
    }
}

/// The text of a tree; sometimes with needless escapes, as a hostile or odd program would write it.
fn spell(chance: &mut Chance, tree: &Value) -> String {
    let text = tree.to_string();
    match chance.below(12) {
        0 => text.replace("--", "\\u002d-"),
        1 => text.replace("zq", "\\u007aq"),
        2 => serde_json::to_string_pretty(tree).unwrap(),
        _ => text,
    }
}

fn refer(planter: &mut Planter<'_>, ids: &[String], names: &mut BTreeSet<usize>) -> Value {
    // Now and then something that was never held here.
    if planter.chance.one_in(8) {
        return json!(format!("tool--{}", uuid(planter.seed, 5_000 + planter.chance.below(9))));
    }
    let other = planter.chance.below(ids.len());
    names.insert(other);
    json!(ids[other])
}

fn required(
    planter: &mut Planter<'_>,
    kind: &str,
    number: usize,
    ids: &[String],
    tree: &mut Map<String, Value>,
    names: &mut BTreeSet<usize>,
) {
    let mut put = |name: &str, value: Value| {
        tree.insert(name.to_owned(), value);
    };
    put("type", json!(kind));
    put("spec_version", json!("2.1"));
    put("id", json!(ids[number]));
    if !matches!(kind, "user-account" | "domain-name") {
        put("created", json!("2026-01-01T00:00:00Z"));
        put("modified", json!("2026-01-01T00:00:00Z"));
    }
    match kind {
        "tool" | "identity" => put("name", planter.text("name")),
        "malware" => put("is_family", json!(false)),
        "indicator" => {
            put("pattern", planter.text("pattern"));
            put("pattern_type", json!("x-house"));
            put("valid_from", json!("2026-01-01T00:00:00Z"));
        }
        "report" => {
            put("name", planter.text("name"));
            put("published", json!("2026-01-01T00:00:00Z"));
        }
        "note" => put("content", planter.text("content")),
        "relationship" => {
            put("relationship_type", json!("related-to"));
            put("source_ref", refer(planter, ids, names));
            put("target_ref", refer(planter, ids, names));
        }
        "sighting" => put("sighting_of_ref", refer(planter, ids, names)),
        "user-account" => put("user_id", planter.text("user_id")),
        "domain-name" => put("value", planter.text("value")),
        "location" => put("country", planter.text("country")),
        _ => {}
    }
    if matches!(kind, "report" | "note") {
        let refs: Vec<Value> =
            (0..1 + planter.chance.below(3)).map(|_| refer(planter, ids, names)).collect();
        put("object_refs", json!(refs));
    }
}

fn optional(
    planter: &mut Planter<'_>,
    kind: &str,
    number: usize,
    ids: &[String],
    tree: &mut Map<String, Value>,
    names: &mut BTreeSet<usize>,
) {
    let description = if kind == "note" { "abstract" } else { "description" };
    if planter.chance.one_in(2) {
        tree.insert(description.to_owned(), planter.text(description));
    }
    if planter.chance.one_in(3) {
        let list: Vec<Value> = (0..1 + planter.chance.below(4))
            .map(|at| planter.text(&format!("labels.[{at}]")))
            .collect();
        tree.insert("labels".to_owned(), json!(list));
    }
    if planter.chance.one_in(3) {
        let entry = |at: usize, planter: &mut Planter<'_>| {
            json!({ "source_name": planter.text(&format!("external_references.[{at}].source_name")),
                "url": planter.text(&format!("external_references.[{at}].url")) })
        };
        let list: Vec<Value> =
            (0..1 + planter.chance.below(2)).map(|at| entry(at, planter)).collect();
        tree.insert("external_references".to_owned(), json!(list));
    }
    if planter.chance.one_in(3) {
        let key = planter.word("x_deep");
        let inner = format!("x_deep.{key}");
        // The name of a member is a word too; it stands where the member does.
        planter.words.last_mut().unwrap().at.clone_from(&inner);
        let list = json!([{ "one": planter.text(&format!("{inner}.[0].one")), "two": planter.text(&format!("{inner}.[0].two")) },
            planter.text(&format!("{inner}.[1]"))]);
        tree.insert(
            "x_deep".to_owned(),
            json!({ key: list, "plain": planter.text("x_deep.plain") }),
        );
    }
    if planter.chance.one_in(4) {
        tree.insert("created_by_ref".to_owned(), refer(planter, ids, names));
    }
    if planter.chance.one_in(4) && number + 1 < ids.len() {
        let other = planter.chance.below(ids.len());
        names.insert(other);
        let said = match planter.chance.below(4) {
            0 => format!("see {}", ids[other]),
            1 => format!("x{}", ids[other]),
            2 => format!("the-{}", ids[other].to_ascii_uppercase()),
            _ => ids[other].replace("--", "---"),
        };
        tree.insert("x_said".to_owned(), json!([{ "more": said }, "else"]));
    }
}

/// Markings on parts: on words, on what holds them, and sometimes on what is not there.
fn part_marks(
    chance: &mut Chance,
    seed: u64,
    number: usize,
    words: &[Word],
    tree: &mut Map<String, Value>,
) -> Vec<(Mark, Vec<String>)> {
    let mut marks = Vec::new();
    if words.is_empty() || chance.one_in(3) {
        return marks;
    }
    for at in 0..1 + chance.below(4) {
        let mark = if chance.one_in(4) {
            Mark::Unknown(format!("marking-definition--{}", uuid(seed, 1_000 + number * 10 + at)))
        } else {
            Mark::Colour(*chance.of(&Tlp::ALL))
        };
        let selectors: Vec<String> =
            (0..1 + chance.below(3)).map(|_| selector(chance, words)).collect();
        marks.push((mark, selectors));
    }
    let entries: Vec<Value> = marks
        .iter()
        .map(|(mark, selectors)| json!({ "marking_ref": mark.id(), "selectors": selectors }))
        .collect();
    tree.insert("granular_markings".to_owned(), json!(entries));
    marks
}

fn selector(chance: &mut Chance, words: &[Word]) -> String {
    let place = &chance.of(words).at;
    let steps: Vec<&str> = place.split('.').collect();
    if chance.one_in(15) {
        return format!("{place}.missing");
    }
    steps[..1 + chance.below(steps.len())].join(".")
}

// ---- the oracle -----------------------------------------------------------------------------------------------------

/// Which colours may be read in which capacity by an organisation that neither made the thing nor was named.
fn table(capacity: Capacity) -> &'static [Tlp] {
    match capacity {
        Capacity::Public => &[Tlp::Clear],
        Capacity::Council | Capacity::Supplier | Capacity::Foreign => &[Tlp::Clear, Tlp::Green],
        Capacity::Operator | Capacity::NationalOrgan => &[Tlp::Clear, Tlp::Green, Tlp::Amber],
    }
}

/// What is passed on to what is made from something.
#[derive(Debug, Clone, Copy)]
enum What {
    Comms,
    Secret,
    Unconsented,
}

struct Oracle<'a> {
    world: &'a World,
    to: &'a Recipient,
    now: Timestamp,
}

impl Oracle<'_> {
    fn colour_is_fine(&self, thing: &Thing, colour: Tlp) -> bool {
        let own = self.to.org.as_deref() == Some(thing.originator);
        let named = thing
            .named
            .as_ref()
            .is_some_and(|all| all.iter().any(|org| self.to.org.as_deref() == Some(*org)));
        let widest = self.to.ceiling.tlp;
        let index = |tlp| Tlp::ALL.iter().position(|one| *one == tlp).unwrap();
        index(colour) <= index(widest)
            && (table(self.to.capacity).contains(&colour)
                || (own && self.to.capacity != Capacity::Public)
                || (named && colour == Tlp::Amber && self.to.capacity != Capacity::Public))
    }

    /// Whether the newest version, and the one before it, bears what is asked for.
    fn own(thing: &Thing, what: What) -> (bool, bool) {
        let earlier = thing.earlier.as_ref();
        match what {
            What::Comms => (thing.comms, earlier.is_some_and(|one| one.comms)),
            What::Secret => (thing.secret, earlier.is_some_and(|one| one.secret)),
            What::Unconsented => (
                thing.agreement && !thing.consent,
                earlier.is_some_and(|one| one.agreement) && !thing.consent,
            ),
        }
    }

    /// Whether a review of a version ends what is asked for; consent is the party's alone.
    fn ends(cleared: bool, what: What) -> bool {
        cleared && !matches!(what, What::Unconsented)
    }

    /// Whether something passes on what is asked for, by walking towards the sources, one path at a time: each of its
    /// versions counts in which no review ended it.
    fn passes_on(&self, number: usize, what: What, seen: &mut BTreeSet<usize>) -> bool {
        if !seen.insert(number) {
            return false;
        }
        let thing = &self.world.things[number];
        let (newest, before) = Self::own(thing, what);
        if !Self::ends(thing.cleared, what)
            && (newest || thing.names.iter().any(|other| self.passes_on(*other, what, seen)))
        {
            return true;
        }
        thing.earlier.as_ref().is_some_and(|earlier| {
            !Self::ends(earlier.cleared, what)
                && (before || earlier.names.iter().any(|other| self.passes_on(*other, what, seen)))
        })
    }

    /// Whether the newest version bears what is asked for when it leaves: no later version sheds what an earlier one bore
    /// or named.
    fn bears(&self, number: usize, what: What) -> bool {
        let thing = &self.world.things[number];
        if Self::ends(thing.cleared, what) {
            return false;
        }
        let (newest, before) = Self::own(thing, what);
        let earlier = thing.earlier.iter().flat_map(|one| &one.names);
        let mut seen = BTreeSet::new();
        newest
            || before
            || thing
                .names
                .iter()
                .chain(earlier)
                .any(|other| self.passes_on(*other, what, &mut seen))
    }

    /// Whether the class it was declared to be of lets it leave; a review that cleared it says what it is now.
    fn class_is_fine(&self, thing: &Thing) -> bool {
        let wide = [Capacity::Operator, Capacity::Supplier, Capacity::Public];
        let narrow = LegalClass::CiaN;
        thing.cleared
            || thing.class == narrow
            || !(wide.contains(&self.to.capacity)
                || self.to.ceiling.class == narrow
                || self.to.capacity == Capacity::Foreign
                    && self.to.protection.is_some_and(|found| found.scope == narrow))
    }

    fn whole_is_fine(&self, number: usize) -> bool {
        let thing = &self.world.things[number];
        let inside = self.to.capacity == Capacity::NationalOrgan;
        let comms = self.bears(number, What::Comms);
        let secret = self.bears(number, What::Secret);
        let from = thing.agreement || thing.earlier.as_ref().is_some_and(|one| one.agreement);
        let agreed = thing.consent || !(from || self.bears(number, What::Unconsented));
        let found = match (self.to.capacity, self.to.protection) {
            (Capacity::Foreign, Some(found)) => found.until > self.now,
            (Capacity::Foreign, None) => false,
            _ => true,
        };
        let named = thing
            .named
            .as_ref()
            .is_none_or(|all| all.iter().any(|org| self.to.org.as_deref() == Some(*org)));
        thing.released
            && !secret
            && (!comms || inside && self.to.ceiling.class == LegalClass::Cia)
            && found
            && named
            && !thing.exercise
            && agreed
            && self.class_is_fine(thing)
            && (!thing.unknown || inside)
            && self.colour_is_fine(thing, thing.colour.unwrap_or(Tlp::Amber))
    }

    fn mark_is_fine(&self, thing: &Thing, mark: &Mark) -> bool {
        match mark {
            Mark::Colour(tlp) => self.colour_is_fine(thing, *tlp),
            Mark::Unknown(_) => self.to.capacity == Capacity::NationalOrgan,
        }
    }

    /// Words and markings that may not be read.
    fn forbidden(&self) -> BTreeSet<String> {
        let mut forbidden = BTreeSet::new();
        for (number, thing) in self.world.things.iter().enumerate() {
            let whole = self.whole_is_fine(number);
            let missing = |selector: &String| selector.ends_with(".missing");
            for word in &thing.words {
                let covers = |selector: &String| {
                    missing(selector)
                        || word.at == *selector
                        || word.at.starts_with(&format!("{selector}."))
                };
                let mut marks =
                    thing.part_marks.iter().filter(|(_, selectors)| selectors.iter().any(covers));
                if !whole || marks.any(|(mark, _)| !self.mark_is_fine(thing, mark)) {
                    forbidden.insert(word.word.clone());
                }
            }
            for (mark, _) in &thing.part_marks {
                if let (Mark::Unknown(id), false) = (mark, whole && self.mark_is_fine(thing, mark))
                {
                    forbidden.insert(id.clone());
                }
            }
        }
        forbidden
    }

    /// Nothing speaks against these, nor against anything they name: they must go out exactly as they are.
    fn is_free(&self, number: usize) -> bool {
        let thing = &self.world.things[number];
        thing.part_marks.iter().all(|(mark, _)| self.mark_is_fine(thing, mark))
            && self.whole_is_fine(number)
            && thing.names.iter().all(|other| {
                let named = &self.world.things[*other];
                named.names.is_empty() && named.part_marks.is_empty() && self.whole_is_fine(*other)
            })
    }
}

// ---- the gate -------------------------------------------------------------------------------------------------------

/// How the gate is broken, for the test of this test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    No,
    Parts,
    LastMark,
    Names,
    Derivation,
    /// A source is judged by its newest version.
    Sources,
    /// A later version sheds what an earlier one named.
    Versions,
    /// Consent is asked of what an agreement brought, not of what was made from it.
    MadeFrom,
    Class,
    Colour,
    Consent,
    Finding,
    Opinion,
    Ceiling,
    Unknown,
}

fn bits_of(comms: bool, secret: bool) -> LegalBits {
    LegalBits { has_selected_comms: comms, has_secret: secret }
}

/// The newest version of a thing and the one before it, as they are held.
fn versions_of(world: &World, thing: &Thing, parts: &Parts) -> Vec<Version> {
    let mut versions = vec![Version {
        bits: bits_of(thing.comms, thing.secret),
        unconsented: thing.agreement && !thing.consent,
        cleared: thing.cleared,
        names: parts.names().clone(),
    }];
    versions.extend(thing.earlier.iter().map(|one| Version {
        bits: bits_of(one.comms, one.secret),
        unconsented: one.agreement && !thing.consent,
        cleared: one.cleared,
        names: one.names.iter().map(|number| world.things[*number].id.clone()).collect(),
    }));
    versions
}

/// What the newest version carries when it leaves.
fn carried(world: &World, thing: &Thing, stock: &Stock, broken: Broken) -> Carried {
    let versions = versions_of(world, thing, &stock.read[&thing.id]);
    let looked = if broken == Broken::Versions { 1 } else { versions.len() };
    let mut all = Carried::default();
    for version in &versions {
        all.bits = all.bits.join(version.bits);
    }
    for name in versions[..looked].iter().flat_map(|version| &version.names) {
        all = all.join(stock.carried.get(name).copied().unwrap_or_default());
    }
    if thing.cleared {
        all.bits = LegalBits::default();
    }
    all
}

fn facts(thing: &Thing, carried: Carried, broken: Broken) -> Facts {
    let colour = match (broken, thing.colour) {
        (Broken::Colour, Some(Tlp::AmberStrict)) => Some(Tlp::Amber),
        (_, colour) => colour,
    };
    let earlier = thing.earlier.as_ref();
    Facts {
        bits: carried.bits,
        class: (!thing.cleared && broken != Broken::Class).then_some(thing.class),
        tlp: colour,
        unknown_markings: usize::from(thing.unknown && broken != Broken::Unknown),
        restricted_to: thing
            .named
            .as_ref()
            .filter(|_| broken != Broken::Opinion)
            .map(|all| all.iter().map(|org| (*org).to_owned()).collect()),
        originator: thing.originator.to_owned(),
        from_agreement: thing.agreement || earlier.is_some_and(|one| one.agreement),
        party_consented: thing.consent || broken == Broken::Consent,
        made_without_consent: carried.unconsented && broken != Broken::MadeFrom,
    }
}

/// A world as the gate holds it: what does not depend on the recipient.
struct Stock {
    read: BTreeMap<String, Parts>,
    carried: BTreeMap<String, Carried>,
}

fn hold(world: &World, broken: Broken) -> Stock {
    let read: BTreeMap<String, Parts> = world
        .things
        .iter()
        .map(|thing| (thing.id.clone(), Parts::read(StixObject::parse(&thing.text).unwrap())))
        .collect();
    let sources = world.things.iter().map(|thing| {
        let mut versions = versions_of(world, thing, &read[&thing.id]);
        if broken == Broken::Sources {
            versions.truncate(1);
        }
        let mut source = Source::of(&versions, &BTreeSet::new());
        if broken == Broken::Derivation {
            source.names.clear();
        }
        (thing.id.clone(), source)
    });
    let carried = inherit(&sources.collect());
    Stock { read, carried }
}

/// What the recipient is handed: the text of each object, by its place in the world.
fn hand_out(
    (world, stock): (&World, &Stock),
    to: &Recipient,
    now: Timestamp,
    broken: Broken,
) -> Vec<(usize, String, bool)> {
    let mut to = to.clone();
    if broken == Broken::Ceiling {
        to.ceiling = Ceiling::NONE;
    }
    if let (Broken::Finding, Some(found)) = (broken, &mut to.protection) {
        found.until = Timestamp::MAX;
    }
    let node = |thing: &Thing| {
        let held = Held {
            facts: facts(thing, carried(world, thing, stock, broken), broken),
            exercise: thing.exercise,
            parts: stock.read[&thing.id].clone(),
        };
        let verdict = judge(&held, &to, Tlp::Red, now);
        let allowed = thing.released && verdict.allows();
        let mut hidden = verdict.hidden;
        match broken {
            Broken::Parts => hidden.clear(),
            Broken::LastMark => drop(hidden.pop()),
            _ => {}
        }
        (thing.id.clone(), Node { allowed, body: Some((held.parts, hidden)) })
    };
    let nodes: BTreeMap<String, Node> = world.things.iter().map(node).collect();
    let nodes = match broken {
        Broken::Names => nodes.into_iter().filter(|(_, node)| node.allowed).collect(),
        _ => nodes,
    };
    let outgoing = Outgoing::settle(nodes);
    let sent = world.things.iter().enumerate().filter_map(|(at, thing)| {
        outgoing.sent(&thing.id).map(|sent| (at, sent.text, sent.redacted))
    });
    sent.collect()
}

// ---- the search -----------------------------------------------------------------------------------------------------

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    whole: u64,
    redacted: u64,
    stayed: u64,
}

/// Every string of an answer as its reader decodes it.
fn decoded(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

/// Searches one answer; says what it found that should not be there.
fn search(
    (world, stock): (&World, &Stock),
    to: &Recipient,
    now: Timestamp,
    broken: Broken,
    seen: &mut Seen,
) -> Result<(), String> {
    let oracle = Oracle { world, to, now };
    let sent = hand_out((world, stock), to, now, broken);
    let answers: Vec<String> = sent.iter().map(|(_, text, _)| decoded(text)).collect();
    let everything = answers.concat();
    for word in oracle.forbidden() {
        if everything.contains(&word) {
            return Err(format!("`{word}` left: {everything}"));
        }
    }
    let lower = everything.to_ascii_lowercase().replace("---", "--");
    let gone: BTreeSet<usize> = sent.iter().map(|(at, ..)| *at).collect();
    for (at, thing) in world.things.iter().enumerate() {
        if !gone.contains(&at) && lower.contains(thing.id.as_str()) {
            return Err(format!("`{}` is named and stays: {everything}", thing.id));
        }
        let was = sent.iter().find(|(number, ..)| *number == at);
        if oracle.is_free(at) && was.is_none_or(|(_, text, _)| *text != thing.text) {
            return Err(format!("`{}` should leave as it is", thing.id));
        }
        match was {
            None => seen.stayed += 1,
            Some((_, text, redacted)) => {
                StixObject::parse(text).map_err(|problem| format!("{problem}: {text}"))?;
                *(if *redacted { &mut seen.redacted } else { &mut seen.whole }) += 1;
            }
        }
    }
    Ok(())
}

fn make_recipient(chance: &mut Chance, now: Timestamp) -> Recipient {
    let capacity = *chance.of(&[
        Capacity::NationalOrgan,
        Capacity::Council,
        Capacity::Operator,
        Capacity::Supplier,
        Capacity::Foreign,
        Capacity::Public,
    ]);
    let org = chance.of(&ORGS);
    let scope = *chance.of(&[LegalClass::CiaP, LegalClass::CiaN]);
    let until = if chance.one_in(5) { Timestamp::UNIX_EPOCH } else { Timestamp::MAX };
    assert!(now > Timestamp::UNIX_EPOCH);
    let ceiling = if chance.one_in(5) {
        Ceiling { class: *chance.of(&LegalClass::ALL), tlp: *chance.of(&Tlp::ALL) }
    } else {
        Ceiling::NONE
    };
    Recipient {
        org: (capacity != Capacity::Public).then(|| (*org).to_owned()),
        capacity,
        protection: (!chance.one_in(6)).then_some(Protection { scope, until }),
        ceiling,
    }
}

fn now() -> Timestamp {
    "2026-11-27T00:00:00Z".parse().unwrap()
}

/// Searches the worlds of these seeds, each for several recipients.
fn search_worlds(seeds: std::ops::Range<u64>, broken: Broken) -> Result<Seen, String> {
    let mut seen = Seen::default();
    for seed in seeds {
        let world = make_world(seed);
        let stock = hold(&world, broken);
        let mut chance = Chance::new(!seed);
        for _ in 0..RECIPIENTS {
            let to = make_recipient(&mut chance, now());
            search((&world, &stock), &to, now(), broken, &mut seen)
                .map_err(|what| format!("seed {seed}, {to:?}: {what}"))?;
        }
    }
    Ok(seen)
}

#[test]
fn a_hundred_thousand_judgements_leak_nothing() {
    let worlds = CASES / RECIPIENTS;
    let threads =
        u64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap();
    let part = worlds.div_ceil(threads);
    let searched = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|at| {
                scope.spawn(move || {
                    search_worlds(at * part..worlds.min((at + 1) * part), Broken::No)
                })
            })
            .collect();
        started.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let mut all = Seen::default();
    for one in searched {
        let seen = one.unwrap();
        all.whole += seen.whole;
        all.redacted += seen.redacted;
        all.stayed += seen.stayed;
    }
    println!("{CASES} judgements: {all:?}");
    // The gate is no wall: much leaves, and a fair part of it with parts left out.
    assert!(all.whole > CASES / 4 && all.redacted > CASES / 20 && all.stayed > CASES, "{all:?}");
}

#[test]
fn the_same_question_gets_the_same_bytes() {
    for seed in 0..300 {
        let to = make_recipient(&mut Chance::new(!seed), now());
        let handed = || {
            let world = make_world(seed);
            hand_out((&world, &hold(&world, Broken::No)), &to, now(), Broken::No)
        };
        assert_eq!(handed(), handed());
    }
}

#[test]
fn every_gate_that_is_broken_on_purpose_is_caught() {
    for broken in [
        Broken::Parts,
        Broken::LastMark,
        Broken::Names,
        Broken::Derivation,
        Broken::Sources,
        Broken::Versions,
        Broken::MadeFrom,
        Broken::Class,
        Broken::Colour,
        Broken::Consent,
        Broken::Finding,
        Broken::Opinion,
        Broken::Ceiling,
        Broken::Unknown,
    ] {
        let found = search_worlds(0..4_000, broken);
        assert!(found.is_err(), "a gate broken by {broken:?} leaked nothing that was noticed");
    }
}
