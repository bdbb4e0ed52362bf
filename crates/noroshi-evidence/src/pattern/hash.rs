//! Hashes in a pattern: whether a constant can be a value of the kind of hash its path names.

use super::fault::Wrong;
use super::syntax::{Literal, Predicate, Relation, Step, Test};

/// What is wrong with a comparison of a hash, if it names a known kind and compares for equality.
pub(super) fn check(test: &Test) -> Option<Wrong> {
    let steps = &test.path.steps;
    let hashes = steps.iter().any(|step| *step == Step::Key("hashes".to_owned()));
    let Some(Step::Key(name)) = steps.last().filter(|_| hashes) else { return None };
    let kind = name.to_uppercase().replace('-', "");
    let literals = match &test.predicate {
        Predicate::Compare(Relation::Equal | Relation::Unequal, literal) => {
            std::slice::from_ref(literal)
        }
        Predicate::In(literals) => literals.as_slice(),
        _ => return None,
    };
    let wrong = literals.iter().find(|literal| match literal {
        Literal::Text(value) => !fits(&kind, value),
        _ => is_known(&kind),
    })?;
    Some(Wrong::Hash(wrong.to_string().trim_matches('\'').to_owned(), name.clone()))
}

fn is_known(kind: &str) -> bool {
    kind == "SSDEEP" || !digits(kind).is_empty()
}

fn fits(kind: &str, text: &str) -> bool {
    if kind == "SSDEEP" {
        let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b':' | b'.');
        return (1..=128).contains(&text.len()) && text.bytes().all(inside);
    }
    let lengths = digits(kind);
    lengths.is_empty()
        || (lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// How many hexadecimal digits a kind of hash may have; none for an unknown kind.
fn digits(kind: &str) -> &'static [usize] {
    match kind {
        "MD5" => &[32],
        "MD6" => &[32, 40, 56, 64, 96, 128],
        "RIPEMD160" | "SHA1" => &[40],
        "SHA224" | "SHA3224" => &[56],
        "SHA256" | "SHA3256" => &[64],
        "SHA384" | "SHA3384" => &[96],
        "SHA512" | "SHA3512" | "WHIRLPOOL" => &[128],
        _ => &[],
    }
}
