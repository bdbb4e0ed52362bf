//! What a hypothesis may name.
//!
//! Checked: the type of the object; that an actor is not held to be an individual; and, in words, the usual forms of
//! address, mail addresses, account names and telephone numbers. Not checkable: whether a word that looks like a
//! group's name is a person's. The writer confirms that it is not, by name, and the confirmation is in the log.

use serde_json::Value;

use crate::web::locale::{Lang, Words};

/// Types of object a hypothesis may name.
pub const TYPES: &[&str] = &["intrusion-set", "threat-actor", "campaign"];
/// Letters of a category.
pub const LABEL_CHARS_MAX: usize = 120;

/// Why a hypothesis is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It names something that is no group, actor or campaign.
    Type,
    /// The actor is held to be an individual.
    Individual,
    /// The words have the form of a person's name or address.
    Person,
}

/// Whether an object of this type and content may be named.
pub fn object(kind: &str, tree: &Value) -> Result<(), Refused> {
    if !TYPES.contains(&kind) {
        return Err(Refused::Type);
    }
    let text = |name: &str| tree.get(name).and_then(Value::as_str).unwrap_or_default();
    // STIX 2.1 §10.1 (attack-resource-level-ov) and identity-class-ov: both say `individual`.
    let individual =
        [text("resource_level"), text("identity_class")].into_iter().any(|one| one == "individual");
    if individual { Err(Refused::Individual) } else { words(text("name")) }
}

/// Whether these words may be a category.
pub fn words(text: &str) -> Result<(), Refused> {
    let narrow = crate::web::locale::fold_width(text);
    let lower = narrow.to_lowercase();
    // Endings in Japanese, words of their own in English: what people put beside a name.
    let forms = |lang| Words::new(lang).t("analyse-hyp-forms-of-address");
    let (endings, titles) = (forms(Lang::Ja), forms(Lang::En));
    let ends = |part: &str| endings.split(' ').any(|title| part != title && part.ends_with(title));
    let words: Vec<&str> =
        lower.split(|letter: char| !letter.is_alphanumeric() && !"@+-".contains(letter)).collect();
    let person = words.iter().any(|word| {
        ends(word)
            || titles.split(' ').any(|title| title == *word)
            || word.contains('@')
            || is_telephone(word)
    });
    if person { Err(Refused::Person) } else { Ok(()) }
}

fn is_telephone(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let only = word.chars().all(|letter| letter.is_ascii_digit() || "+-".contains(letter));
    only && (10..=15).contains(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_of_address_and_ways_to_reach_somebody_are_no_category() {
        for bad in [
            "架空太郎氏",
            "架空容疑者",
            "Mr Example",
            "dr. Example",
            "a@b.example",
            "@handle",
            "03-0000-0000x 0300000000",
            "＠ｈａｎｄｌｅ",
        ] {
            assert_eq!(words(bad), Err(Refused::Person), "{bad}");
        }
        for good in [
            "金銭目的の犯罪集団",
            "国家の支援を受けた集団",
            "内部関係者によるもの",
            "insider, no outside actor",
            "APT-X 2026",
            "様々な集団",
        ] {
            assert_eq!(words(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn only_groups_actors_and_campaigns_that_are_no_individuals() {
        assert_eq!(object("identity", &json!({ "name": "x" })), Err(Refused::Type));
        let one = json!({ "name": "x", "resource_level": "individual" });
        assert_eq!(object("threat-actor", &one), Err(Refused::Individual));
        assert_eq!(object("intrusion-set", &json!({ "name": "灯籠" })), Ok(()));
        assert_eq!(object("threat-actor", &json!({ "name": "架空さん" })), Err(Refused::Person));
    }
}
