//! Hashtags in one form, and the tags of a post as a set: order, width, capitals and letters that nobody sees make no other.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

use super::events::is_unseen;

/// A tag in one form: NFKC, case folded, without its mark, spaces and letters that are not seen; empty where nothing is left.
///
/// ```
/// use noroshi_insight::coordination::tags::tag;
/// assert_eq!(tag("＃Ｔｏｋｙｏ"), tag("#tokyo"));
/// assert_eq!(tag("#\u{200b}"), "");
/// ```
pub fn tag(text: &str) -> String {
    let seen = text.nfkc().filter(|letter| !letter.is_whitespace() && !is_unseen(*letter));
    // Up and down again, letter by letter: `ß` is `ss` and a sigma at the end is one in the middle.
    let folded: String = seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    folded.nfkc().collect::<String>().trim_start_matches('#').to_owned()
}

/// The tags of a post as one object, which no other set has; `None` where there are fewer than `tags_min` different ones.
///
/// ```
/// use noroshi_insight::coordination::tags::set;
/// assert_eq!(set(["#Lamp", "#oil", "#ｌａｍｐ", "#harbour"], 3).as_deref(), Some("harbour lamp oil"));
/// assert_eq!(set(["#lamp", "#Lamp"], 2), None);
/// ```
pub fn set<'a>(tags: impl IntoIterator<Item = &'a str>, tags_min: usize) -> Option<String> {
    let all: BTreeSet<String> = tags.into_iter().map(tag).filter(|tag| !tag.is_empty()).collect();
    // No tag holds a space.
    (all.len() >= tags_min).then(|| all.into_iter().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_order_width_or_case_is_the_same_set() {
        let wanted = Some("カナ strasse σοσ tokyo".split(' ').collect::<BTreeSet<_>>())
            .map(|all| all.into_iter().collect::<Vec<_>>().join(" "));
        for tags in [
            ["#ｶﾅ", "#Straße", "#ΣΟΣ", "#Tokyo"],
            ["＃Ｔｏｋｙｏ", "STRASSE", "#σος", "#カナ"],
            ["#to\u{200b}kyo", "#カナ", "#strasse", "#Σος"],
        ] {
            assert_eq!(set(tags, 4), wanted, "{tags:?}");
        }
        assert_eq!(
            set(["#a b"], 1).as_deref(),
            Some("ab"),
            "a space parts tags of a set and no other"
        );
        assert_eq!(set(["#", "  ", "\u{feff}"], 1), None);
    }
}
