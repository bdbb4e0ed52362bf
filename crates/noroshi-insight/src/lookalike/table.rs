//! Tables that ship with the program: characters read for one another.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;

/// Rows of `ja-confusables.tsv`: what may be read for what in Japanese.
const JAPANESE: &str = include_str!("../../data/ja-confusables.tsv");

/// What a character is folded to, and how easily one is taken for the other, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fold {
    pub(super) to: char,
    pub(super) weight_percent: u8,
}

/// Classes of the Japanese table, by member; the prototype folds to itself and is not in here.
static FOLDS: LazyLock<HashMap<char, Fold>> = LazyLock::new(|| {
    let mut folds = HashMap::new();
    for (prototype, members, weight_percent) in rows() {
        // The UTS #39 table is asked first, so its choice of a prototype is followed here.
        let to = uts39(prototype);
        for member in members.chars().chain([prototype]) {
            for form in [uts39(member), member] {
                if form != to {
                    folds.entry(form).or_insert(Fold { to, weight_percent });
                }
            }
        }
    }
    folds
});

/// Prototype, members without blanks, weight in percent.
pub(super) fn rows() -> impl Iterator<Item = (char, String, u8)> {
    JAPANESE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        let prototype = cells.next()?.chars().next()?;
        let members: String = cells.next()?.split_whitespace().collect();
        Some((prototype, members, cells.next()?.parse().ok()?))
    })
}

/// The prototype of one character by UTS #39, where that is one character again.
fn uts39(character: char) -> char {
    let mut buffer = [0_u8; 4];
    let text: &str = character.encode_utf8(&mut buffer);
    let mut skeleton = unicode_security::confusable_detection::skeleton(text);
    match (skeleton.next(), skeleton.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

/// What the Japanese table makes of a character.
pub(super) fn japanese(character: char) -> Option<Fold> {
    FOLDS.get(&character).copied()
}

/// Latin letters with hooks, strokes and small capitals, by the ASCII letter in their Unicode names, and Cyrillic letters
/// of the shape of a small capital; UTS #39 leaves most of them apart, readers do not.
const LATIN: [(char, &str); 26] = [
    ('a', "ᴀɐɑⱥ"),
    ('b', "ʙƀɓƃвь"),
    ('c', "ᴄȼƈɕ"),
    ('d', "ᴅđɖɗƌȡ"),
    ('e', "ᴇɇɛəǝ"),
    ('f', "ꜰƒ"),
    ('g', "ɢǥɠɡԍ"),
    ('h', "ʜħɦⱨɧн"),
    ('i', "ɪɨıɩ"),
    ('j', "ᴊɉʝȷ"),
    ('k', "ᴋƙⱪĸк"),
    ('l', "ʟłɫɬɭⱡƚ"),
    ('m', "ᴍɱм"),
    ('n', "ɴƞɲɳŋȵп"),
    ('o', "ᴏøɵɔ"),
    ('p', "ᴘƥᵽ"),
    ('q', "ʠɋԛ"),
    ('r', "ʀɍɼɽɾг"),
    ('s', "ꜱʂȿ"),
    ('t', "ᴛŧƫƭʈⱦȶт"),
    ('u', "ᴜʉʊ"),
    ('v', "ᴠʋⱱⱴ"),
    ('w', "ᴡⱳʍԝ"),
    ('x', "ӿⲭ"),
    ('y', "ʏɏƴ"),
    ('z', "ᴢƶʐʑȥɀⱬ"),
];

static LATIN_FOLDS: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    LATIN.iter().flat_map(|(to, from)| from.chars().map(|from| (from, *to))).collect()
});

/// The ASCII letter a Latin letter is read as, its marks left out.
pub(super) fn latin(character: char) -> char {
    LATIN_FOLDS.get(&character).copied().unwrap_or(character)
}

/// Characters that may be written for another in an imitation: the other members of its class, built once.
static DOUBLES: LazyLock<HashMap<char, Vec<char>>> = LazyLock::new(|| {
    let mut doubles: HashMap<char, Vec<char>> = HashMap::new();
    for (prototype, members, _) in rows() {
        let class: Vec<char> = members.chars().chain([prototype]).collect();
        for one in &class {
            doubles.entry(*one).or_default().extend(class.iter().filter(|other| *other != one));
        }
    }
    for (ascii, others) in LATIN.into_iter().chain(OTHER_SCRIPTS) {
        doubles.entry(ascii).or_default().extend(others.chars());
    }
    for others in doubles.values_mut() {
        // What width folding changes is the very name it stands for.
        others.retain(|one| one.to_string().nfkc().eq([*one]));
    }
    doubles
});

/// Characters that may be written for `character`.
pub(super) fn doubles(character: char) -> &'static [char] {
    DOUBLES.get(&character).map_or(&[], Vec::as_slice)
}

/// Letters of other scripts and with marks that are read as an ASCII letter, to be written down in lists of what could
/// be registered; finding them is the business of UTS #39.
const OTHER_SCRIPTS: [(char, &str); 24] = [
    ('a', "аàáâãäåāăą"),
    ('b', "ḃḅḇьв"),
    ('c', "сçćĉċč"),
    ('d', "ԁďḋḍḏ"),
    ('e', "еèéêëēĕėęě"),
    ('g', "ĝğġģǧ"),
    ('h', "һĥȟḣḥ"),
    ('i', "іìíîïĩīĭįǐ"),
    ('j', "јĵǰ"),
    ('k', "кķǩḳ"),
    ('l', "ӏĺļľḷ"),
    ('m', "мṁṃḿ"),
    ('n', "ñńņňṅṇ"),
    ('o', "оοòóôõöōŏőơ"),
    ('p', "рṕṗ"),
    ('r', "гŕŗřṙṛ"),
    ('s', "ѕśŝşšșṡṣ"),
    ('t', "тţťțṫṭ"),
    ('u', "ùúûüũūŭůűųư"),
    ('v', "ѵνṽṿ"),
    ('w', "ѡŵẁẃẅẇẉ"),
    ('x', "хẋẍ"),
    ('y', "уýÿŷỳỹ"),
    ('z', "źżžẑẓ"),
];
