//! Comparisons of STIX patterns (section 9): how they are written, and how the ones in a pattern are found.

/// Longest pattern taken apart, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Most comparisons taken out of a pattern.
const COMPARISONS_MAX: usize = 10_000;

/// `path = 'text'`.
pub(super) fn equals(path: &str, value: &str) -> String {
    format!("{path} = '{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// `path = number`. Section 9.2: a comparison of different types is false, so a number must not be quoted.
pub(super) fn equals_number(path: &str, number: i64) -> String {
    format!("{path} = {number}")
}

/// A path of an object's properties, from dots; what is no plain word is quoted.
pub(super) fn path(object: &str, properties: &str) -> String {
    let steps: Vec<String> = properties.split('.').map(step).collect();
    format!("{object}:{}", steps.join("."))
}

fn step(step: &str) -> String {
    let (name, list) = step.split_once('[').unwrap_or((step, ""));
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let name = if plain { name.to_owned() } else { format!("'{name}'") };
    if list.is_empty() { name } else { format!("{name}[{list}") }
}

/// One comparison of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    /// The type of the object that is looked at.
    pub(super) object: String,
    /// The property, without quotes, for example `hashes.SHA-256` or `to_refs[*].value`.
    pub(super) path: String,
    /// `=`, `LIKE`, `IN`, …
    pub(super) operator: String,
    /// The value, of `IN` the first.
    pub(super) value: String,
}

/// What a pattern says, as far as equal values go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Taken {
    pub(super) comparisons: Vec<Comparison>,
    /// Whether the pattern says no more than that these are equal, all of them or any.
    pub(super) complete: bool,
    /// Whether any of several is enough.
    pub(super) alternatives: bool,
}

/// Takes the comparisons out of a pattern.
pub(super) fn take_apart(pattern: &str) -> Taken {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Taken::default();
    }
    let Some(tokens) = tokenise(pattern) else { return Taken::default() };
    let mut taken = Taken { comparisons: Vec::new(), complete: true, alternatives: false };
    let mut rest = tokens.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            Token::Path(object, path) => {
                let (comparison, tail, plain) = comparison(object, path, tail);
                taken.complete &= plain;
                taken.comparisons.extend(comparison);
                rest = tail;
            }
            Token::Word(word) => {
                taken.complete &= matches!(word.as_str(), "AND" | "OR");
                taken.alternatives |= word == "OR";
            }
            Token::Mark(_) | Token::Text(_) | Token::Bare(_) => {}
        }
        if taken.comparisons.len() > COMPARISONS_MAX {
            return Taken::default();
        }
    }
    taken
}

/// Reads `[NOT] operator value` after a path.
fn comparison<'a>(
    object: &str,
    path: &str,
    mut rest: &'a [Token],
) -> (Option<Comparison>, &'a [Token], bool) {
    let mut plain = true;
    let mut operator = None;
    while let Some((first, tail)) = rest.split_first() {
        match first {
            Token::Word(word) if word == "NOT" => plain = false,
            Token::Word(word) if operator.is_none() => operator = Some(word.clone()),
            Token::Mark(mark) if operator.is_none() && "=!<>".contains(*mark) => {
                plain &= *mark == '=';
                operator = Some(mark.to_string());
            }
            Token::Mark('=' | '>' | '(' | ',') => {}
            Token::Text(value) | Token::Bare(value) => {
                let operator = operator.unwrap_or_default();
                plain &= operator == "=";
                let (object, path) = (object.to_owned(), path.to_owned());
                let found = Comparison { object, path, operator, value: value.clone() };
                return (Some(found), tail, plain);
            }
            _ => return (None, rest, false),
        }
        rest = tail;
    }
    (None, rest, false)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Path(String, String),
    Text(String),
    Bare(String),
    Word(String),
    Mark(char),
}

fn tokenise(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
        } else if c == '\'' {
            chars.next();
            tokens.push(Token::Text(quoted(&mut chars)?));
        } else if c.is_ascii_alphanumeric() || c == '-' || c == '+' {
            let word = bare(&mut chars)?;
            tokens.push(word_token(word, &mut chars)?);
        } else {
            chars.next();
            tokens.push(Token::Mark(c));
        }
    }
    Some(tokens)
}

type Chars<'a> = core::iter::Peekable<core::str::Chars<'a>>;

/// A literal up to its closing quote; a backslash takes the next character as it is.
fn quoted(chars: &mut Chars<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            '\'' => return Some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

fn bare(chars: &mut Chars<'_>) -> Option<String> {
    let mut word = String::new();
    while let Some(c) =
        chars.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
    {
        word.push(c);
    }
    (!word.is_empty()).then_some(word)
}

fn word_token(word: String, chars: &mut Chars<'_>) -> Option<Token> {
    if chars.next_if_eq(&':').is_some() {
        return Some(Token::Path(word, property_path(chars)?));
    }
    let typed = matches!(word.as_str(), "t" | "h" | "b");
    if typed && chars.next_if_eq(&'\'').is_some() {
        return Some(Token::Text(quoted(chars)?));
    }
    let value = word.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+')
        || word == "true"
        || word == "false";
    Some(if value { Token::Bare(word) } else { Token::Word(word) })
}

fn property_path(chars: &mut Chars<'_>) -> Option<String> {
    let mut path = String::new();
    while let Some(&c) = chars.peek() {
        match c {
            '\'' => {
                chars.next();
                path.push_str(&quoted(chars)?);
            }
            '[' => {
                while let Some(c) = chars.next_if(|c| *c != ']') {
                    path.push(c);
                }
                path.push(chars.next()?);
            }
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') => {
                path.push(c);
                chars.next();
            }
            _ => break,
        }
    }
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[(&str, &str)], complete: bool) {
        let taken = take_apart(pattern);
        let found: Vec<String> =
            taken.comparisons.iter().map(|c| format!("{}:{}", c.object, c.path)).collect();
        let values: Vec<&str> = taken.comparisons.iter().map(|c| c.value.as_str()).collect();
        let (paths, wanted): (Vec<&str>, Vec<&str>) = expected.iter().copied().unzip();
        assert_eq!((found, values), (paths.iter().map(ToString::to_string).collect(), wanted));
        assert_eq!(taken.complete, complete, "{pattern}");
    }

    #[test]
    fn comparisons_are_found_with_their_values() {
        check(
            "[domain-name:value = 'evil.example']",
            &[("domain-name:value", "evil.example")],
            true,
        );
        check(
            r"[file:hashes.'SHA-256' = 'ab' AND (file:name = 'o\'b\\c' OR file:size = 35)]",
            &[("file:hashes.SHA-256", "ab"), ("file:name", r"o'b\c"), ("file:size", "35")],
            true,
        );
        check(
            "[email-message:to_refs[*].value = 'a@b.example' AND x:y = true] WITHIN 5 SECONDS",
            &[("email-message:to_refs[*].value", "a@b.example"), ("x:y", "true")],
            false,
        );
        check("[ipv4-addr:value NOT = '192.0.2.1']", &[("ipv4-addr:value", "192.0.2.1")], false);
        check("[url:value IN ('a','b')]", &[("url:value", "a")], false);
        check("[x:y = 'open", &[], false);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = equals(&path("file", "hashes.SHA-1"), r"a\'b");
        assert_eq!(written, r"file:hashes.'SHA-1' = 'a\\\'b'");
        check(&format!("[{written}]"), &[("file:hashes.SHA-1", r"a\'b")], true);
        assert_eq!(path("email-message", "to_refs[0].value"), "email-message:to_refs[0].value");
    }
}
