//! Registry keys and their values.

use serde_json::{Value, json};

use super::super::attributes::observable;
use super::super::emit::{Shape, put};
use super::super::model::{Event, Object};
use super::super::shapes::{REGISTRY, REGISTRY_VALUE};
use super::Filled;

/// Types of values the standard lists (section 6.17.2); others are custom.
const TYPES: &[&str] = &[
    "REG_NONE",
    "REG_SZ",
    "REG_EXPAND_SZ",
    "REG_BINARY",
    "REG_DWORD",
    "REG_DWORD_BIG_ENDIAN",
    "REG_DWORD_LITTLE_ENDIAN",
    "REG_LINK",
    "REG_MULTI_SZ",
    "REG_RESOURCE_LIST",
    "REG_FULL_RESOURCE_DESCRIPTION",
    "REG_RESOURCE_REQUIREMENTS_LIST",
    "REG_QWORD",
    "REG_INVALID_TYPE",
];

pub(super) fn key(object: &Object, event: &Event) -> Option<Shape> {
    let mut filled = Filled::rows(object, REGISTRY, "windows-registry-key", "");
    let mut values = Vec::new();
    let own = within(object, 0);
    if !own.properties.is_empty() {
        values.push(Value::Object(own.properties));
        filled.comparisons.extend(own.comparisons);
        filled.used.extend(own.used);
    }
    for part in super::parts(object, event) {
        let mut one = within(part, values.len());
        let prefix = format!("values[{}].", values.len());
        one.rest(part, "windows-registry-key", &prefix, &[]);
        values.push(Value::Object(one.properties));
        filled.comparisons.extend(one.comparisons);
    }
    finish(object, filled, &values)
}

pub(super) fn value(object: &Object) -> Option<Shape> {
    let one = within(object, 0);
    if one.properties.is_empty() {
        return None;
    }
    let values = vec![Value::Object(one.properties)];
    let filled = Filled { comparisons: one.comparisons, used: one.used, ..Filled::default() };
    finish(object, filled, &values)
}

fn finish(object: &Object, mut filled: Filled, values: &[Value]) -> Option<Shape> {
    if !values.is_empty() {
        put(&mut filled.properties, "values", json!(values));
    }
    // Section 6.17: a key or values of one; a time or a count alone is about nothing.
    if !["key", "values"].iter().any(|name| filled.properties.contains_key(*name)) {
        return None;
    }
    filled.rest(object, "windows-registry-key", "", &[]);
    let made = observable("windows-registry-key", object.uuid, Value::Object(filled.properties));
    Some(Shape::Seen { observables: vec![made], comparisons: filled.comparisons })
}

/// A value, whose type is left to the custom properties when the standard does not know it.
fn within(object: &Object, at: usize) -> Filled {
    let prefix = format!("values[{at}].");
    let known = object.all("data-type").all(|kind| TYPES.contains(&kind.value.as_str()));
    let rows: Vec<_> = REGISTRY_VALUE
        .iter()
        .filter(|(relation, _, _)| known || *relation != "data-type")
        .copied()
        .collect();
    Filled::rows(object, &rows, "windows-registry-key", &prefix)
}
