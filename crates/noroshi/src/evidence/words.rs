//! How text is cut for search: words of letters and digits, and for Japanese every pair of neighbouring letters.
//!
//! Japanese has no spaces; pairs find every term of two letters and more without a dictionary. A question is cut by
//! the same rule, so that both meet.

use noroshi_evidence::observable::Observable;
use unicode_normalization::UnicodeNormalization as _;

/// Terms of a question that are looked at.
const TERMS_MAX: usize = 16;

fn is_cjk(letter: char) -> bool {
    matches!(u32::from(letter),
        0x3005..=0x3007 | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0xFF66..=0xFF9F
        | 0x20000..=0x323AF)
}

/// Width and kana made one: compatibility forms are resolved (ＡＰＴ is APT, ﾀﾞ is ダ), and katakana is read as hiragana.
fn folded(text: &str) -> String {
    let hiragana = |letter: char| match letter {
        '\u{30a1}'..='\u{30f6}' | '\u{30fd}'..='\u{30fe}' => {
            char::from_u32(u32::from(letter) - 0x60).unwrap_or(letter)
        }
        other => other,
    };
    text.nfkc().map(hiragana).collect()
}

/// The words of `text` in order, lower case.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut run: Vec<char> = Vec::new();
    for letter in text.chars().chain(std::iter::once(' ')) {
        if is_cjk(letter) {
            flush_word(&mut word, &mut found);
            run.push(letter);
            continue;
        }
        flush_run(&mut run, &mut found);
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        } else {
            flush_word(&mut word, &mut found);
        }
    }
    found
}

fn flush_word(word: &mut String, found: &mut Vec<String>) {
    if !word.is_empty() {
        found.push(std::mem::take(word));
    }
}

fn flush_run(run: &mut Vec<char>, found: &mut Vec<String>) {
    match run.as_slice() {
        [] => {}
        [one] => found.push(one.to_string()),
        many => found.extend(many.windows(2).map(|pair| pair.iter().collect::<String>())),
    }
    run.clear();
}

/// What is stored for `text`.
pub(super) fn index(text: &str) -> String {
    words(&folded(text)).join(" ")
}

/// Letters of a word of letters and digits below which it is looked for as it is: what begins with two letters is
/// everything.
const PREFIX_CHARS_MIN: usize = 3;

/// The full-text question for what a person typed; `None` when nothing in it can be looked for. Defanged addresses
/// and names are understood; each term must occur, and the last word of each may go on.
pub(super) fn question(typed: &str) -> Option<String> {
    ask(typed, true)
}

/// [`question`] for the words as they are; none of them may go on.
pub(super) fn exact(typed: &str) -> Option<String> {
    ask(typed, false)
}

fn ask(typed: &str, goes_on: bool) -> Option<String> {
    let terms = typed.split_whitespace().take(TERMS_MAX).filter_map(|term| {
        let plain = Observable::parse(term).map(|seen| seen.to_string());
        let plain = plain.as_deref().unwrap_or(term);
        let cut = |text: &str| {
            let cut = words(text);
            let last = cut.last()?;
            let long = last.chars().count() >= PREFIX_CHARS_MIN || last.chars().any(is_cjk);
            let star = if goes_on && long { " *" } else { "" };
            Some(format!("\"{}\"{star}", cut.join(" ")))
        };
        let (new, old) = (cut(&folded(plain))?, cut(plain)?);
        // What was indexed before kana were folded stands there as it was written.
        Some(if new == old { new } else { format!("({new} OR {old})") })
    });
    let all = terms.collect::<Vec<_>>().join(" AND ");
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_is_cut_in_pairs_and_the_rest_in_words() {
        assert_eq!(index("灯籠作戦 Lantern-C2 (偽)"), "灯籠 籠作 作戦 lantern c2 偽");
        assert_eq!(index("攻撃APT28の手口"), "攻撃 apt28 の手 手口");
    }

    #[test]
    fn kana_and_width_make_no_difference() {
        assert_eq!(index("ランタン"), index("らんたん"));
        assert_eq!(index("ﾗﾝﾀﾝ ＡＰＴ２８"), index("ランタン apt28"));
        assert_eq!(question("らんた").as_deref(), Some("\"らん んた\" *"));
        assert_eq!(question("ランタ").as_deref(), Some("(\"らん んた\" * OR \"ラン ンタ\" *)"));
    }

    #[test]
    fn a_question_is_cut_like_the_text_and_cannot_speak_the_query_language() {
        assert_eq!(
            question("hxxp://c2[.]Evil.example").as_deref(),
            Some("\"http c2 evil example\" *")
        );
        assert_eq!(question("籠作").as_deref(), Some("\"籠作\" *"));
        assert_eq!(question("a\" OR \"b").as_deref(), Some("\"a\" AND \"or\" AND \"b\""));
        assert_eq!(question(" - \" * "), None);
        assert_eq!(question("灯").as_deref(), Some("\"灯\" *"));
        assert_eq!(exact("Lantern 籠作").as_deref(), Some("\"lantern\" AND \"籠作\""));
    }
}
