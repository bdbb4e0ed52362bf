//! Forms of a label under which two names are the same to a reader's eye or ear.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::table;

/// Without hyphens.
pub(super) fn plain(label: &str) -> String {
    label.chars().filter(|c| *c != '-' && *c != '・').collect()
}

/// What a reader's eye keeps of a label: UTS #39 §4, then the Japanese table, then ASCII rules
/// (`m` is read as `rn` and `nn`, `w` as `vv`, `d` as `cl`, digits as letters). Two labels with one skeleton look alike.
pub(super) fn skeleton(label: &str) -> String {
    if label.is_ascii() {
        return ascii_rules(&label.replace('-', ""));
    }
    let dashed = dashes(label);
    let unmarked = table_folded(&dashed);
    ascii_rules(&unmarked)
}

/// A hyphen beside kana is read as the mark of a long vowel.
fn dashes(label: &str) -> String {
    let mut before = ' ';
    let mut out = String::with_capacity(label.len());
    for character in label.chars() {
        match character {
            '-' if is_kana(before) => out.push('ー'),
            '-' | '・' => {}
            other => out.push(other),
        }
        before = character;
    }
    out
}

fn table_folded(label: &str) -> String {
    let by_eye = |character: char| table::japanese(character).map_or(character, |fold| fold.to);
    // What the tables of this project know is folded before UTS #39 takes it apart; where the table of UTS #39 makes
    // something of it that the Japanese one knows too, that is folded again.
    let ours: String = label.nfc().map(by_eye).map(table::latin).collect();
    unicode_security::confusable_detection::skeleton(&ours)
        .nfd()
        .filter(|c| !is_combining_mark(*c) || matches!(c, '\u{3099}' | '\u{309a}'))
        .nfc()
        .flat_map(char::to_lowercase)
        .map(by_eye)
        .map(table::latin)
        .collect()
}

/// Single characters first, so that a digit standing for a letter makes a pair too (`c1` as `cl` as `d`). Letters that are read
/// as pairs are written as pairs: of three `n` nobody can say which two are the `m`.
fn ascii_rules(label: &str) -> String {
    let mut behind: Vec<char> = Vec::with_capacity(label.len() + 8);
    for character in label.chars().rev() {
        let folded = match character {
            '0' => 'o',
            '1' | '|' | 'i' => 'l',
            '2' => 'z',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '8' => 'b',
            '9' | 'q' => 'g',
            other => other,
        };
        match folded {
            'm' => behind.extend(['n', 'n']),
            'w' => behind.extend(['v', 'v']),
            'd' => behind.extend(['l', 'c']),
            // `rn` is read as `m`, and so as `nn`.
            'r' if behind.last() == Some(&'n') => behind.push('n'),
            other => behind.push(other),
        }
    }
    behind.into_iter().rev().collect()
}

/// How easily the one is taken for the other, in percent: the least likely of the pairs of the Japanese table that
/// differ; 100 where another table told.
pub(super) fn weight_percent(one: &str, other: &str) -> u8 {
    let pairs: Vec<(char, char)> = one.nfc().zip(other.nfc()).collect();
    if one.nfc().count() != other.nfc().count() {
        return 100;
    }
    let known = pairs.into_iter().filter(|(a, b)| a != b).filter_map(|(a, b)| {
        [table::japanese(a), table::japanese(b)]
            .into_iter()
            .flatten()
            .map(|f| f.weight_percent)
            .min()
    });
    known.min().unwrap_or(100)
}

/// Whether a character is hiragana, katakana or one of their marks.
pub(super) fn is_kana(character: char) -> bool {
    matches!(character, '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}')
}

/// The sound of a label in Latin letters, spelling set aside: Kunrei instead of Hepburn, long vowels short, `m` before
/// `b`, `m`, `p` as `n`. None where the label has characters that cannot be read aloud without a dictionary.
pub(super) fn sound(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(spelling(&plain(label)));
    }
    let mut latin = String::with_capacity(label.len());
    let mut characters = label.nfkc().filter(|c| *c != '-' && *c != '・').peekable();
    while let Some(character) = characters.next() {
        if character.is_ascii_alphanumeric() {
            latin.push(character.to_ascii_lowercase());
            continue;
        }
        if let Some(vowel) = long_vowel(character) {
            latin.push(vowel);
            continue;
        }
        let kana = hiragana(character);
        match kana {
            'ー' => {}
            'っ' => {
                if let Some(next) = characters.peek().and_then(|next| kana_sound(hiragana(*next)))
                    && let Some(consonant) = next.chars().next()
                {
                    latin.push(consonant);
                }
            }
            'ゃ' | 'ゅ' | 'ょ' | 'ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ' => {
                if latin.ends_with(['i', 'u', 'e']) {
                    latin.pop();
                }
                latin.push_str(small_sound(kana));
            }
            other => latin.push_str(kana_sound(other)?),
        }
    }
    Some(spelling(&latin))
}

/// A Latin vowel with the mark of length.
fn long_vowel(character: char) -> Option<char> {
    Some(match character {
        'ā' | 'â' => 'a',
        'ī' | 'î' => 'i',
        'ū' | 'û' => 'u',
        'ē' | 'ê' => 'e',
        'ō' | 'ô' => 'o',
        _ => return None,
    })
}

/// Katakana as hiragana.
fn hiragana(character: char) -> char {
    match character {
        '\u{30a1}'..='\u{30f6}' => {
            u32::from(character).checked_sub(0x60).and_then(char::from_u32).unwrap_or(character)
        }
        other => other,
    }
}

fn small_sound(kana: char) -> &'static str {
    match kana {
        'ゃ' => "ya",
        'ゅ' => "yu",
        'ょ' => "yo",
        'ぁ' => "a",
        'ぃ' => "i",
        'ぅ' => "u",
        'ぇ' => "e",
        _ => "o",
    }
}

/// Rows of the table of kana in Kunrei spelling (Cabinet notice no. 1 of 1954), with the kana for foreign sounds.
const KANA: [(&str, &str); 17] = [
    ("", "あいうえお"),
    ("k", "かきくけこ"),
    ("s", "さしすせそ"),
    ("t", "たちつてと"),
    ("n", "なにぬねの"),
    ("h", "はひふへほ"),
    ("m", "まみむめも"),
    ("y", "や*ゆ*よ"),
    ("r", "らりるれろ"),
    ("w", "わゐ*ゑを"),
    ("g", "がぎぐげご"),
    ("z", "ざじずぜぞ"),
    ("d", "だ**でど"),
    ("b", "ばびぶべぼ"),
    ("p", "ぱぴぷぺぽ"),
    ("v", "**ゔ**"),
    ("z", "*ぢづ**"),
];

/// Every kana with its sound; built once.
static SOUNDS: std::sync::LazyLock<std::collections::HashMap<char, String>> =
    std::sync::LazyLock::new(|| {
        let mut sounds = std::collections::HashMap::new();
        for (consonant, row) in KANA {
            for (kana, vowel) in row.chars().zip("aiueo".chars()).filter(|(kana, _)| *kana != '*') {
                sounds.insert(kana, format!("{consonant}{vowel}"));
            }
        }
        sounds.insert('ん', "n".to_owned());
        sounds
    });

fn kana_sound(kana: char) -> Option<&'static str> {
    SOUNDS.get(&kana).map(String::as_str)
}

/// Hepburn as Kunrei; the longer spellings stand first.
const SPELLINGS: [(&str, &str); 16] = [
    ("sha", "sya"),
    ("shu", "syu"),
    ("sho", "syo"),
    ("shi", "si"),
    ("tch", "tty"),
    ("cha", "tya"),
    ("chu", "tyu"),
    ("cho", "tyo"),
    ("chi", "ti"),
    ("tsu", "tu"),
    ("fu", "hu"),
    ("ja", "zya"),
    ("ju", "zyu"),
    ("jo", "zyo"),
    ("ji", "zi"),
    ("dzu", "zu"),
];

/// One spelling for the ways to write a sound.
fn spelling(latin: &str) -> String {
    let mut out = String::with_capacity(latin.len());
    let mut rest = latin;
    while let Some(first) = rest.chars().next() {
        let spelled = if "stcfjd".contains(first) { SPELLINGS.as_slice() } else { &[] };
        let (to, length) = spelled
            .iter()
            .find(|(from, _)| rest.starts_with(from))
            .map_or((None, first.len_utf8()), |(from, to)| (Some(*to), from.len()));
        match to {
            Some(to) => out.push_str(to),
            None => out.push(first),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    short_vowels(&out)
}

/// Long vowels as short ones, `mb`, `mm`, `mp` as `nb`, `nm`, `np`.
fn short_vowels(latin: &str) -> String {
    let mut out = String::with_capacity(latin.len());
    let mut characters = latin.chars().peekable();
    while let Some(character) = characters.next() {
        let last = out.chars().last();
        match character {
            'u' if last == Some('o') => {}
            'h' if last == Some('o')
                && characters.peek().is_none_or(|next| !"aiueoy".contains(*next)) => {}
            vowel @ ('a' | 'o' | 'u') if last == Some(vowel) => {}
            'm' if characters.peek().is_some_and(|next| "bmp".contains(*next)) => out.push('n'),
            other => out.push(other),
        }
    }
    out
}
