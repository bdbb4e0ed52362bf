//! The form of a text in which copies are the same.
//!
//! The steps and their order:
//! 1. leave out what differs between copies without changing what is said: handles, locators and the mark `RT`;
//! 2. NFKC (UAX #15);
//! 3. keep letters and digits only, so that emoji, invisible characters, punctuation and spaces go;
//! 4. Katakana becomes Hiragana;
//! 5. lower case;
//! 6. letters of the script that is in the minority become the look-alikes of the majority's ([`super::fold`]);
//! 7. Latin letters lose their marks; the dakuten of kana stay, because they make another word.
//!
//! Steps 4 and 6 are what makes a rewriting in the other kana or with look-alikes the same text. What they undid is
//! remembered as [`Tricks`], because hiding a copy is an indicator of its own.

use core::fmt;
use core::hash::Hasher;

use siphasher::sip::SipHasher13;
use unicode_normalization::{
    IsNormalized, UnicodeNormalization, char::decompose_canonical, is_nfc_quick, is_nfkc_quick,
};

use super::fold::{self, Script};

/// What was done to a text so that it is not found as a copy, though it reads the same. A set.
///
/// ```
/// use noroshi_insight::copies::Tricks;
/// let tricks = Tricks::LOOK_ALIKE | Tricks::ZERO_WIDTH;
/// assert_eq!(tricks.to_string(), "zero-width look-alike");
/// assert!(tricks.contains(Tricks::ZERO_WIDTH) && !tricks.contains(Tricks::KANA));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tricks(u8);

impl Tricks {
    /// Invisible characters within words.
    pub const ZERO_WIDTH: Self = Self(1);
    /// Characters that turn the direction of writing, so that the text is stored backwards.
    pub const DIRECTION: Self = Self(2);
    /// Letters of another script that look the same (step 6), or letters of a drawn alphabet.
    pub const LOOK_ALIKE: Self = Self(4);
    /// The other kana (step 4).
    pub const KANA: Self = Self(8);
    /// Full-width, half-width, mathematical or other compatibility forms (step 2).
    pub const WIDTH: Self = Self(16);
    /// Marks on Latin letters (step 7).
    pub const MARKS: Self = Self(32);

    const NAMES: [(Self, &str); 6] = [
        (Self::ZERO_WIDTH, "zero-width"),
        (Self::DIRECTION, "direction"),
        (Self::LOOK_ALIKE, "look-alike"),
        (Self::KANA, "kana"),
        (Self::WIDTH, "width"),
        (Self::MARKS, "marks"),
    ];

    /// Whether nothing was done.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) const fn differing(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    fn put(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl core::ops::BitOr for Tricks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The names in a fixed order, separated by spaces; nothing for the empty set.
impl fmt::Display for Tricks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (_, name) in Self::NAMES.iter().filter(|(trick, _)| self.contains(*trick)) {
            write!(f, "{before}{name}")?;
            before = " ";
        }
        Ok(())
    }
}

/// A text after the seven steps, and what they undid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normal {
    /// The letters and digits that are compared. Empty if there are none.
    pub text: String,
    /// Tricks that show in the text itself: nobody writes like this by habit.
    pub plain: Tricks,
    /// Ways of writing that are a trick only next to a copy written otherwise: kana, width, marks, and whole words in
    /// look-alikes.
    pub relative: Tricks,
    /// Whether the text was longer than what is read; the rest was left out.
    pub cut: bool,
    /// Equal for two texts if they are written with the same letters, before steps 2, 4, 6 and 7.
    pub(super) spelling: u64,
}

/// Normalises the first `chars_max` letters and digits of a text.
///
/// ```
/// use noroshi_insight::copies::normalise;
/// let plain = normalise("Vote early! https://poll.example/a", 4_000);
/// let hidden = normalise("RT @someone: V\u{43e}te e\u{200b}arly \u{1f5f3}", 4_000);
/// assert_eq!((&*plain.text, &plain.text), ("voteearly", &hidden.text));
/// assert_eq!(hidden.plain.to_string(), "zero-width look-alike");
/// ```
pub fn normalise(raw: &str, chars_max: usize) -> Normal {
    let mut writer = Writer::new(chars_max);
    let turned = raw.contains(OVERRIDES).then(|| unturned(raw));
    if turned.is_some() {
        writer.plain.put(Tricks::DIRECTION);
    }
    for token in turned.as_deref().unwrap_or(raw).split_whitespace() {
        if writer.cut {
            break;
        }
        said(token, &mut |piece| writer.piece(piece));
    }
    writer.finish()
}

/// Characters that force a direction: right-to-left and left-to-right override.
pub(super) const OVERRIDES: [char; 2] = ['\u{202e}', '\u{202d}'];
/// A handle is at most this long on the platforms there are; more is text that hides behind an `@`.
const HANDLE_CHARS_MAX: usize = 64;

/// Puts what stands between a right-to-left override and its end into the order in which it is read.
fn unturned(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut run: Option<Vec<char>> = None;
    for c in raw.chars() {
        let ends = matches!(c, '\u{202c}' | '\u{202d}' | '\n');
        match &mut run {
            Some(turned) if ends || c == '\u{202e}' => {
                out.extend(turned.drain(..).rev());
                out.extend((c == '\n').then_some(c));
                run = (c == '\u{202e}').then(Vec::new);
            }
            Some(turned) => turned.push(c),
            None if c == '\u{202e}' => run = Some(Vec::new()),
            None => out.push(c),
        }
    }
    out.extend(run.unwrap_or_default().into_iter().rev());
    out
}

/// Step 1: the parts of a token that say something.
fn said(token: &str, write: &mut impl FnMut(&str)) {
    let bare = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '@' && c != '\u{ff20}');
    if bare == "RT" || starts_locator(bare) {
        return;
    }
    if let Some(after) = bare.strip_prefix(['@', '\u{ff20}']) {
        let rest = after.trim_start_matches(|c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
        });
        // Japanese and Chinese put no space after a handle; what follows it is part of what is said.
        let follows = rest.chars().find(|c| c.is_alphanumeric()).is_some_and(|c| !c.is_ascii());
        if follows && after.len() > rest.len() {
            without_locators(rest, write);
        } else if after.chars().nth(HANDLE_CHARS_MAX).is_some() {
            without_locators(after, write);
        }
        return;
    }
    without_locators(token, write);
}

pub(super) fn starts_locator(token: &str) -> bool {
    ["http://", "https://", "www."]
        .iter()
        .any(|start| token.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)))
}

/// Leaves out locators that stand in the middle of text without spaces.
fn without_locators(token: &str, write: &mut impl FnMut(&str)) {
    let mut rest = token;
    while let Some((before, after)) = split_locator(rest) {
        write(before);
        rest = after;
    }
    write(rest);
}

fn split_locator(text: &str) -> Option<(&str, &str)> {
    let at = text.match_indices("://").find_map(|(colon, _)| {
        let before = text.get(..colon)?;
        ["https", "http"]
            .iter()
            .find(|scheme| {
                let tail =
                    before.len().checked_sub(scheme.len()).and_then(|from| before.get(from..));
                tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme))
            })
            .map(|scheme| colon - scheme.len())
    })?;
    let (before, locator) = text.split_at_checked(at)?;
    let end = locator.find(|c: char| !c.is_ascii_graphic()).unwrap_or(locator.len());
    Some((before, locator.get(end..)?))
}

/// Collects the form of a text.
struct Writer {
    text: String,
    chars: usize,
    chars_max: usize,
    cut: bool,
    plain: Tricks,
    relative: Tricks,
    spelling: SipHasher13,
    /// How many letters are of Latin, Cyrillic, Greek and Armenian.
    letters: [usize; 4],
    /// Reused between tokens.
    composed: String,
    compatible: String,
}

const SCRIPTS: [Script; 4] = [Script::Latin, Script::Cyrillic, Script::Greek, Script::Armenian];

impl Writer {
    fn new(chars_max: usize) -> Self {
        Self {
            text: String::new(),
            chars: 0,
            chars_max,
            cut: false,
            plain: Tricks::default(),
            relative: Tricks::default(),
            spelling: SipHasher13::new(),
            letters: [0; 4],
            composed: String::new(),
            compatible: String::new(),
        }
    }

    /// Steps 2 to 5 for a run of text without spaces.
    fn piece(&mut self, piece: &str) {
        if piece.is_ascii() {
            for c in piece.chars().filter(char::is_ascii_alphanumeric) {
                let lower = c.to_ascii_lowercase();
                self.spelling.write_u32(u32::from(lower));
                self.push(lower);
            }
            return;
        }
        self.tricks(piece);
        let (mut composed, mut compatible) =
            (core::mem::take(&mut self.composed), core::mem::take(&mut self.compatible));
        composed.clear();
        compatible.clear();
        if is_nfc_quick(piece.chars()) == IsNormalized::Yes {
            composed.extend(piece.chars().filter(|c| is_kept(*c)));
        } else {
            composed.extend(piece.nfc().filter(|c| is_kept(*c)));
        }
        for c in composed.chars().flat_map(char::to_lowercase) {
            self.spelling.write_u32(u32::from(c));
        }
        if is_nfkc_quick(piece.chars()) == IsNormalized::Yes {
            compatible.push_str(&composed);
        } else {
            compatible.extend(piece.nfkc().filter(|c| is_kept(*c)));
        }
        if composed != compatible {
            self.relative.put(Tricks::WIDTH);
        }
        for c in compatible.chars() {
            self.letter(c);
        }
        self.composed = composed;
        self.compatible = compatible;
    }

    /// Steps 4, 5 and 7 for a letter or digit.
    fn letter(&mut self, c: char) {
        let c = match c {
            '\u{30a1}'..='\u{30f6}' | '\u{30fd}' | '\u{30fe}' => {
                self.relative.put(Tricks::KANA);
                char::from_u32(u32::from(c) - 0x60).unwrap_or(c)
            }
            _ => c,
        };
        let c = match fold::plain(c) {
            Some(plain) => {
                self.relative.put(Tricks::LOOK_ALIKE);
                plain
            }
            None => c,
        };
        for lower in c.to_lowercase().filter(|c| is_kept(*c)) {
            let lower = if lower == '\u{3c2}' { '\u{3c3}' } else { lower };
            let bare = if lower.is_ascii() { lower } else { self.unmarked(lower) };
            self.push(bare);
        }
    }

    fn unmarked(&mut self, c: char) -> char {
        if fold::script(c) != Some(Script::Latin) {
            return c;
        }
        let mut base = c;
        let mut first = true;
        decompose_canonical(c, |part| {
            if core::mem::take(&mut first) {
                base = part;
            }
        });
        if base != c {
            self.relative.put(Tricks::MARKS);
        }
        base
    }

    fn push(&mut self, c: char) {
        if self.chars == self.chars_max {
            self.cut = true;
            return;
        }
        self.chars += 1;
        if let Some(script) = fold::script(c)
            && let Some(letters) = self.letters.get_mut(script as usize)
        {
            *letters += 1;
        }
        self.text.push(c);
    }

    /// Notes what shows that the writer of a piece hid something.
    fn tricks(&mut self, piece: &str) {
        let mut before = None;
        let mut waiting = None;
        let mut word: [bool; 4] = [false; 4];
        for c in piece.chars() {
            if is_invisible(c) {
                waiting = waiting.or(before.map(|_| c));
                continue;
            }
            if !c.is_alphanumeric() {
                (before, waiting, word) = (None, None, [false; 4]);
                continue;
            }
            if let (Some(hidden), Some(left)) = (waiting.take(), before) {
                self.hidden(hidden, left);
            }
            before = Some(c);
            if let Some(seen) = fold::script(c).and_then(|script| word.get_mut(script as usize)) {
                *seen = true;
            }
            if word.iter().filter(|seen| **seen).count() > 1 && imitates(c) {
                self.plain.put(Tricks::LOOK_ALIKE);
            }
        }
    }

    /// Joiners belong to the writing of many scripts, and a break opportunity to text without spaces; inside a word of
    /// an alphabet they are there to be not seen.
    fn hidden(&mut self, hidden: char, left: char) {
        self.spelling.write_u32(u32::from(hidden));
        if fold::script(left).is_some() || left.is_ascii_digit() {
            self.plain.put(Tricks::ZERO_WIDTH);
        } else {
            self.relative.put(Tricks::ZERO_WIDTH);
        }
    }

    /// Step 6, and the end.
    fn finish(mut self) -> Normal {
        let most = self.letters.iter().copied().max().unwrap_or(0);
        let scripts = self.letters.iter().filter(|letters| **letters > 0).count();
        if scripts > 1
            && let Some(place) = self.letters.iter().position(|letters| *letters == most)
            && let Some(target) = SCRIPTS.get(place)
        {
            let folded: String =
                self.text.chars().map(|c| fold::look_alike(c, *target).unwrap_or(c)).collect();
            if folded != self.text {
                self.relative.put(Tricks::LOOK_ALIKE);
                self.text = folded;
            }
        }
        Normal {
            text: self.text,
            plain: self.plain,
            relative: self.relative,
            cut: self.cut,
            spelling: self.spelling.finish(),
        }
    }
}

/// Whether some other script has a letter that looks like this one.
fn imitates(c: char) -> bool {
    c.to_lowercase().any(|lower| {
        SCRIPTS.iter().any(|target| {
            Some(*target) != fold::script(lower) && fold::look_alike(lower, *target).is_some()
        })
    })
}

/// Step 3. The Hangul fillers are letters to Unicode and nothing to the eye.
fn is_kept(c: char) -> bool {
    c.is_alphanumeric() && !is_invisible(c) || fold::plain(c).is_some()
}

/// Characters without a shape that stay where text is copied. The soft hyphen is left out: browsers and typesetters
/// put it there; so are variation selectors, which belong to emoji.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}'
        | '\u{34f}'
        | '\u{180e}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, text: &str, plain: Tricks) {
        let normal = normalise(raw, 100);
        assert_eq!((normal.text.as_str(), normal.plain), (text, plain), "{raw:?}");
    }

    #[test]
    fn what_differs_between_copies_is_left_out() {
        let none = Tricks::default();
        check("RT @a_b: Hello, world! https://x.example/q?a=1", "helloworld", none);
        check("(RT) .@a hello", "hello", none);
        check("www.x.example HTTP://X.example/ hello #Vote", "hellovote", none);
        check("詳細はhttps://x.example/aへ。", "詳細はへ", none);
        check("@kiln_1さん、投票は明日です", "さん投票は明日です", none);
        check("カタカナ ﾊﾝｶｸ Ｆｕｌｌ", "かたかなはんかくfull", none);
        check("が\u{3099}か\u{3099}", "がが", none);
        check("Où est l’été ? Straße", "ouestletestraße", none);
        check("Ёлка й", "ёлкай", none);
        check("👨‍👩‍👧 1️⃣ ok", "1ok", none);
        check("", "", none);
    }

    #[test]
    fn tricks_are_undone_and_named() {
        check("V\u{43e}te", "vote", Tricks::LOOK_ALIKE);
        check("Привeт", "привет", Tricks::LOOK_ALIKE);
        check("v\u{200b}o\u{2060}te", "vote", Tricks::ZERO_WIDTH);
        check("\u{202e}etov\u{202c} now", "votenow", Tricks::DIRECTION);
        check("vote\u{3164}now", "votenow", Tricks::ZERO_WIDTH);
        // What many write without any trick.
        check("می\u{200c}خواهم", "میخواهم", Tricks::default());
        check(
            "Я так люблю iPhone",
            "ятаклюблю\u{456}\u{440}\u{43d}\u{43e}n\u{435}",
            Tricks::default(),
        );
        check("投票\u{200b}日", "投票日", Tricks::default());
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let long = normalise(&"あ".repeat(101), 100);
        assert_eq!((long.text.chars().count(), long.cut), (100, true));
        assert!(!normalise(&"あ".repeat(100), 100).cut);
    }

    #[test]
    fn spelling_tells_ways_of_writing_apart_and_nothing_else() {
        let spelling = |raw| normalise(raw, 100).spelling;
        assert_eq!(spelling("Vote now!"), spelling("VOTE, now"));
        assert_ne!(spelling("ボート"), spelling("ぼーと"));
        assert_ne!(spelling("vote"), spelling("ｖｏｔｅ"));
        assert_eq!(spelling("か\u{3099}"), spelling("が"), "the same letter, taken apart");
    }
}
