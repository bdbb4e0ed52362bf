//! What differs between two versions of an object, member by member.

use std::collections::BTreeSet;

use serde_json::Value;

/// Differences shown; one more is counted in [`Diff::beyond`].
pub const CHANGES_MAX: usize = 200;
/// Letters of a value that are shown.
const SHOWN_CHARS_MAX: usize = 600;
/// How deep members are compared one by one; what lies deeper is compared as a whole.
const DEPTH_MAX: usize = 8;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// JSON pointer (RFC 6901) of the member.
    pub pointer: String,
    /// What stood there; absent when it is new.
    pub before: Option<String>,
    /// What stands there; absent when it is gone.
    pub after: Option<String>,
}

/// Every difference, in the order of the pointers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// At most [`CHANGES_MAX`].
    pub changes: Vec<Change>,
    /// How many more there are.
    pub beyond: usize,
}

/// Compares two versions.
pub fn between(before: &Value, after: &Value) -> Diff {
    let mut diff = Diff::default();
    compare(Some(before), Some(after), "", 0, &mut diff);
    diff
}

fn compare(
    before: Option<&Value>,
    after: Option<&Value>,
    pointer: &str,
    depth: usize,
    diff: &mut Diff,
) {
    if before == after {
        return;
    }
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after)
        && depth < DEPTH_MAX
    {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            compare(old.get(name), new.get(name), &place, depth + 1, diff);
        }
        return;
    }
    if diff.changes.len() >= CHANGES_MAX {
        diff.beyond += 1;
        return;
    }
    diff.changes.push(Change {
        pointer: pointer.to_owned(),
        before: before.map(shown),
        after: after.map(shown),
    });
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}\u{2026}", text.split_at(end).0),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_member_that_differs_is_named_with_both_values() {
        let old = json!({ "name": "a", "gone": 1, "ext": { "x/y": [1], "same": true } });
        let new = json!({ "name": "b", "ext": { "x/y": [1, 2], "same": true }, "new": null });
        let told: Vec<(String, Option<String>, Option<String>)> = between(&old, &new)
            .changes
            .into_iter()
            .map(|one| (one.pointer, one.before, one.after))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("/ext/x~1y".to_owned(), some("[1]"), some("[1,2]")),
                ("/gone".to_owned(), some("1"), None),
                ("/name".to_owned(), some("a"), some("b")),
                ("/new".to_owned(), None, some("null")),
            ]
        );
        assert_eq!(between(&old, &old), Diff::default());
    }

    #[test]
    fn a_great_difference_is_counted_to_its_end() {
        let many: serde_json::Map<String, Value> =
            (0..CHANGES_MAX + 7).map(|n| (format!("m{n}"), json!(n))).collect();
        let diff = between(&json!({}), &Value::Object(many));
        assert_eq!((diff.changes.len(), diff.beyond), (CHANGES_MAX, 7));
    }
}
