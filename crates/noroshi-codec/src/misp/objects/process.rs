//! Processes, with their parent, their children and what they were started from.

use serde_json::{Map, Value, json};

use super::super::attributes::{id, observable};
use super::super::emit::{Properties, Shape, put};
use super::super::model::Object;
use super::super::patterns::equals;
use super::super::shapes::{PARENT, PROCESS};
use super::Filled;

/// Relations that become objects of their own.
const APART: &[&str] = &[
    "image",
    "parent-image",
    "parent-pid",
    "parent-command-line",
    "parent-process-name",
    "child-pid",
];

pub(super) fn shape(object: &Object) -> Option<Shape> {
    let mut filled = Filled::rows(object, PROCESS, "process", "");
    let mut others = Vec::new();
    if let Some(image) = object.first("image") {
        others.push(observable("file", image.uuid, json!({ "name": image.value })));
        put(&mut filled.properties, "image_ref", id("file", image.uuid));
        if image.to_ids {
            filled.comparisons.push(equals("process:image_ref.name", &image.value));
        }
    }
    if let Some(parent) = parent(object, &mut filled, &mut others) {
        put(&mut filled.properties, "parent_ref", parent);
    }
    let mut children = Vec::new();
    for child in object.all("child-pid") {
        let Ok(pid) = child.value.trim().parse::<u32>() else { continue };
        others.push(observable("process", child.uuid, json!({ "pid": pid })));
        children.push(json!(id("process", child.uuid)));
    }
    if !children.is_empty() {
        put(&mut filled.properties, "child_refs", children);
    }
    // STIX 2.1 §6.13: something must be known of a process.
    if filled.properties.is_empty() {
        return None;
    }
    filled.rest(object, "process", "", APART);
    let made = observable("process", object.uuid, Value::Object(filled.properties));
    let mut observables = vec![made];
    observables.extend(others);
    Some(Shape::Seen { observables, comparisons: filled.comparisons })
}

/// The parent, if anything is known of it; it is named after the first thing that is.
fn parent(object: &Object, filled: &mut Filled, others: &mut Vec<Properties>) -> Option<String> {
    let image = object.first("parent-image");
    let known = ["parent-pid", "parent-command-line", "parent-process-name", "parent-image"];
    let named = known.iter().find_map(|relation| object.first(relation))?;
    let rows = Filled::rows(object, PARENT, "process", "parent_ref.");
    let mut properties: Map<String, Value> = rows.properties;
    filled.comparisons.extend(rows.comparisons);
    if let Some(image) = image {
        others.push(observable("file", image.uuid, json!({ "name": image.value })));
        put(&mut properties, "image_ref", id("file", image.uuid));
        if image.to_ids {
            let steps = "process:parent_ref.image_ref.name";
            filled.comparisons.push(equals(steps, &image.value));
        }
    }
    let standard = ["pid", "command_line", "image_ref"];
    if !standard.iter().any(|name| properties.contains_key(*name)) {
        return None;
    }
    // The id is the parent's own: an image has one already.
    let uuid = if named.relation == "parent-image" { object.uuid } else { named.uuid };
    let uuid =
        if uuid == object.uuid { super::super::read::derived(object.uuid, "parent") } else { uuid };
    others.push(observable("process", uuid, Value::Object(properties)));
    Some(id("process", uuid))
}
