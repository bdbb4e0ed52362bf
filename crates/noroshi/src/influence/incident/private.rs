//! Names of private persons at home: wherever one stands in what would leave, it does not leave.
//!
//! A name is looked for however it is written: full-width or not, with spaces, marks or invisible letters between its
//! parts, in capitals, within a sentence. What is looked through are the texts themselves, not a form of them in which
//! quotation marks stand otherwise.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use super::part::Body;
use super::read::Whole;

/// From this length on, in letters, a name in Latin letters is found within words too; a shorter one is a word or more.
const WITHIN_WORDS_MIN: usize = 6;

/// Whether a text that would leave names a private person at home whom the case knows. A target that was taken out counts
/// as well, unless another one says that the name is nobody's at home.
pub(super) fn is_named(whole: &Whole, leaving: &Value) -> bool {
    let cleared: Vec<String> = whole.live().filter_map(|part| target(&part.body, false)).collect();
    let names = whole.parts.iter().filter_map(|part| match &part.body {
        Body::Target { name, domestic_person: true, .. } => Some(name.as_str()),
        _ => None,
    });
    let names: Vec<&str> = names.filter(|name| !cleared.contains(&folded(name))).collect();
    !names.is_empty() && any_text(leaving, &|text| names.iter().any(|name| names_in(text, name)))
}

fn target(body: &Body, domestic: bool) -> Option<String> {
    match body {
        Body::Target { name, domestic_person, .. } if *domestic_person == domestic => {
            Some(folded(name))
        }
        _ => None,
    }
}

/// Whether any text of a value, however deep, is such.
fn any_text(value: &Value, is: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is(text),
        Value::Array(entries) => entries.iter().any(|entry| any_text(entry, is)),
        Value::Object(members) => {
            members.iter().any(|(name, member)| is(name) || any_text(member, is))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn plain(text: &str) -> impl Iterator<Item = char> {
    text.nfkc().flat_map(char::to_lowercase)
}

/// Letters and digits alone, in one form.
fn folded(text: &str) -> String {
    plain(text).filter(|letter| letter.is_alphanumeric()).collect()
}

fn words(text: &str) -> Vec<String> {
    let text: String = plain(text).collect();
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn names_in(text: &str, name: &str) -> bool {
    let sought = folded(name);
    if sought.is_empty() {
        return false;
    }
    if !sought.is_ascii() || sought.len() >= WITHIN_WORDS_MIN {
        return folded(text).contains(&sought);
    }
    let (text, sought) = (words(text), words(name));
    text.windows(sought.len()).any(|some| *some == *sought)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        for (text, name) in [
            ("架空私人が標的", "架空私人"),
            ("標的は架空 私人。", "架空私人"),
            ("標的は架空私人", "架空\u{3000}私人"),
            ("架空・私\u{200b}人", "架空私人"),
            ("ｶｸｳ ﾊﾅｺ さん", "カクウハナコ"),
            ("KAKUU Hanako", "ｋａｋｕｕ　ｈａｎａｋｏ"),
            ("kakuu \"hana\" ko", "Kakuu \"Hana\" Ko"),
            ("by Li, of nowhere", "Li"),
        ] {
            assert!(names_in(text, name), "{name} in {text}");
        }
        for (text, name) in [("架空の話", "架空私人"), ("published by nobody", "Li"), ("a", "「」")]
        {
            assert!(!names_in(text, name), "{name} in {text}");
        }
        let deep = serde_json::json!({ "objects": [{ "name": "「架空\"私人\"」" }] });
        assert!(any_text(&deep, &|text| names_in(text, "架空\"私人\"")));
    }
}
