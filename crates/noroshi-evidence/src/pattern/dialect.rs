//! Regular expressions of the specification (PCRE) in the dialect of the engine.
//!
//! The engine never backtracks, so no expression takes more than linear time. In return it has no look-around, no back
//! references, no atomic groups and no possessive repetition: an expression with one of these is refused by name. `$`
//! means the very end of the text (or of a line with `(?m)`), not also the place before a last line feed.

/// Rewrites what PCRE and the engine spell differently: `\Z`, `\/` and the like, and marks inside a class.
pub(super) fn translate(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut chars = source.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match (c, in_class) {
            ('\\', _) => match chars.next() {
                Some('Z') if !in_class => out.push_str(r"\n?\z"),
                Some('e') => out.push_str(r"\x1b"),
                // `<` and `>` after a backslash are word boundaries for the engine and plain for PCRE.
                Some(mark @ ('<' | '>')) => out.push(mark),
                Some(other) if other.is_ascii() || other.is_alphanumeric() => {
                    out.push('\\');
                    out.push(other);
                }
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            ('[', false) => {
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                // A bracket in the first place is itself.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str(r"\]");
                }
                in_class = true;
            }
            (']', true) => {
                out.push(']');
                in_class = false;
            }
            ('[', true) => {
                // `[:alpha:]` keeps its meaning; any other bracket is itself.
                if chars.peek() != Some(&':') {
                    out.push('\\');
                    out.push('[');
                    continue;
                }
                out.push('[');
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            ('&' | '~', true) => {
                out.push('\\');
                out.push(c);
            }
            ('{', false) if !is_count(chars.clone()) => out.push_str(r"\{"),
            (other, _) => out.push(other),
        }
    }
    out
}

/// Whether what follows an opening brace is a count: `3}`, `3,}`, `3,5}`.
fn is_count(chars: impl Iterator<Item = char>) -> bool {
    const LONGEST: usize = 24;
    let inner: String = chars.take(LONGEST).take_while(|c| *c != '}').collect();
    let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// The expression for bytes: each character is the byte with its number. `None` if one has none.
pub(super) fn as_bytes(source: &str) -> Option<String> {
    let mut out = String::with_capacity(source.len());
    for c in source.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let byte = u8::try_from(u32::from(c)).ok()?;
            out.push_str(r"\x");
            out.extend(
                [byte >> 4, byte & 15]
                    .map(|half| char::from_digit(u32::from(half), 16).unwrap_or('0')),
            );
        }
    }
    Some(out)
}
