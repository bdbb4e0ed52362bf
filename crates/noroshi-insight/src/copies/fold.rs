//! Letters that look like other letters, and which scripts they are of.
//!
//! The pairs are those of the Unicode confusables (UTS #39) among the letters of Latin, Cyrillic, Greek and Armenian
//! that a reader takes for one another in running text, written in lower case because the text is folded first.

/// The scripts whose letters are mistaken for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Armenian,
}

/// The script of a letter, where it is one of the four.
pub(super) const fn script(letter: char) -> Option<Script> {
    match letter {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{2af}' | '\u{1d00}'..='\u{1d7f}' => {
            Some(Script::Latin)
        }
        '\u{1e00}'..='\u{1eff}' => Some(Script::Latin),
        '\u{400}'..='\u{52f}' => Some(Script::Cyrillic),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Script::Greek),
        '\u{530}'..='\u{58f}' => Some(Script::Armenian),
        _ => None,
    }
}

/// Whether a letter is written without spaces between words: Han, kana or Hangul.
pub(super) const fn is_east_asian(letter: char) -> bool {
    matches!(letter,
        '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

/// Cyrillic and Latin, one for one and in both directions.
const CYRILLIC: [(char, char); 24] = [
    ('\u{430}', 'a'),
    ('\u{432}', 'b'),
    ('\u{441}', 'c'),
    ('\u{501}', 'd'),
    ('\u{435}', 'e'),
    ('\u{454}', 'e'),
    ('\u{43d}', 'h'),
    ('\u{4bb}', 'h'),
    ('\u{456}', 'i'),
    ('\u{458}', 'j'),
    ('\u{43a}', 'k'),
    ('\u{4cf}', 'l'),
    ('\u{43c}', 'm'),
    ('\u{43e}', 'o'),
    ('\u{440}', 'p'),
    ('\u{51b}', 'q'),
    ('\u{433}', 'r'),
    ('\u{455}', 's'),
    ('\u{442}', 't'),
    ('\u{475}', 'v'),
    ('\u{51d}', 'w'),
    ('\u{445}', 'x'),
    ('\u{443}', 'y'),
    ('\u{4af}', 'y'),
];

/// Greek and Latin. Of two forms that look different the one that looks like the small letter stands here.
const GREEK: [(char, char); 16] = [
    ('\u{3b1}', 'a'),
    ('\u{3b2}', 'b'),
    ('\u{3b5}', 'e'),
    ('\u{3b7}', 'h'),
    ('\u{3b9}', 'i'),
    ('\u{3ba}', 'k'),
    ('\u{3bc}', 'm'),
    ('\u{3bd}', 'v'),
    ('\u{3bf}', 'o'),
    ('\u{3c1}', 'p'),
    ('\u{3c4}', 't'),
    ('\u{3c5}', 'u'),
    ('\u{3c7}', 'x'),
    ('\u{3b6}', 'z'),
    ('\u{3b3}', 'y'),
    ('\u{3f2}', 'c'),
];

/// Armenian and Latin.
const ARMENIAN: [(char, char); 7] = [
    ('\u{585}', 'o'),
    ('\u{578}', 'n'),
    ('\u{57d}', 'u'),
    ('\u{570}', 'h'),
    ('\u{581}', 'g'),
    ('\u{566}', 'q'),
    ('\u{575}', 'j'),
];

/// Latin letters that are drawn like others: small capitals, the script a and g, the dotless i.
const STYLED: [(char, char); 27] = [
    ('\u{251}', 'a'),
    ('\u{261}', 'g'),
    ('\u{131}', 'i'),
    ('\u{1d00}', 'a'),
    ('\u{299}', 'b'),
    ('\u{1d04}', 'c'),
    ('\u{1d05}', 'd'),
    ('\u{1d07}', 'e'),
    ('\u{a730}', 'f'),
    ('\u{262}', 'g'),
    ('\u{29c}', 'h'),
    ('\u{26a}', 'i'),
    ('\u{1d0a}', 'j'),
    ('\u{1d0b}', 'k'),
    ('\u{29f}', 'l'),
    ('\u{1d0d}', 'm'),
    ('\u{274}', 'n'),
    ('\u{1d0f}', 'o'),
    ('\u{1d18}', 'p'),
    ('\u{280}', 'r'),
    ('\u{a731}', 's'),
    ('\u{1d1b}', 't'),
    ('\u{1d1c}', 'u'),
    ('\u{1d20}', 'v'),
    ('\u{1d21}', 'w'),
    ('\u{28f}', 'y'),
    ('\u{1d22}', 'z'),
];

/// The letter of `target` that `letter` (in lower case) is mistaken for, where there is one.
pub(super) fn look_alike(letter: char, target: Script) -> Option<char> {
    if letter.is_ascii() {
        return match target {
            Script::Cyrillic => from_latin(&CYRILLIC, letter),
            Script::Greek => from_latin(&GREEK, letter),
            Script::Armenian => from_latin(&ARMENIAN, letter),
            Script::Latin => None,
        };
    }
    let latin = match script(letter) {
        Some(Script::Cyrillic) => to_latin(&CYRILLIC, letter),
        Some(Script::Greek) => to_latin(&GREEK, letter),
        Some(Script::Armenian) => to_latin(&ARMENIAN, letter),
        Some(Script::Latin) | None => None,
    }?;
    if target == Script::Latin { Some(latin) } else { look_alike(latin, target) }
}

/// The plain letter that a styled Latin letter stands for.
///
/// Enclosed capitals have no compatibility decomposition, so they are said here too.
pub(super) fn plain(letter: char) -> Option<char> {
    let enclosed = |from: char| {
        let step = u32::from(letter) - u32::from(from);
        char::from_u32(u32::from('a') + step)
    };
    match letter {
        '\u{1f150}'..='\u{1f169}' => enclosed('\u{1f150}'),
        '\u{1f170}'..='\u{1f189}' => enclosed('\u{1f170}'),
        _ if letter.is_ascii() => None,
        _ => to_latin(&STYLED, letter),
    }
}

fn to_latin(table: &[(char, char)], letter: char) -> Option<char> {
    table.iter().find(|(other, _)| *other == letter).map(|(_, latin)| *latin)
}

fn from_latin(table: &[(char, char)], letter: char) -> Option<char> {
    table.iter().find(|(_, latin)| *latin == letter).map(|(other, _)| *other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_becomes_the_one_it_is_mistaken_for() {
        let cases = [
            ('а', Script::Latin, Some('a')),
            ('a', Script::Cyrillic, Some('а')),
            ('ο', Script::Latin, Some('o')),
            ('ο', Script::Cyrillic, Some('о')),
            ('օ', Script::Greek, Some('ο')),
            ('ж', Script::Latin, None),
            ('f', Script::Cyrillic, None),
            ('a', Script::Latin, None),
        ];
        for (letter, target, expected) in cases {
            assert_eq!(look_alike(letter, target), expected, "{letter}");
        }
    }

    #[test]
    fn styled_letters_are_plain_ones() {
        let said: String = "ʜᴇʟʟᴏ🅰🅉".chars().map(|c| plain(c).unwrap_or(c)).collect();
        assert_eq!(said, "helloa🅉", "squared letters that decompose are left to NFKC");
        assert_eq!(plain('\u{1f189}'), Some('z'));
    }
}
