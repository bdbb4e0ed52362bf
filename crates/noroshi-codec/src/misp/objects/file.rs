//! Files: shortcuts and images too, with the directory they lie in, their content, and the executable they are.

use serde_json::{Map, Value, json};

use super::super::attributes::{id, is_hash, is_payload, observable, zipped};
use super::super::emit::{Properties, Shape, put};
use super::super::model::{Attribute, Event, Object};
use super::super::patterns::equals;
#[cfg(test)]
use super::super::patterns::path;
use super::super::shapes::{FILE, IMAGE, LNK, PE, Row, SECTION};
use super::{Filled, place};

/// Where the extension of an executable is within a file.
const EXTENSION: &str = "extensions.windows-pebinary-ext";

pub(super) fn file(object: &Object, event: &Event) -> Option<Shape> {
    let mut file = common(object, FILE);
    let executables = super::parts(object, event);
    if let Some(executable) = executables.iter().find(|part| part.name == "pe") {
        let (extension, comparisons) = extension(executable, event);
        let home = if is_standard(&extension) { EXTENSION } else { "x_misp_pe" };
        place(&mut file.properties, home, Value::Object(extension));
        file.comparisons.extend(comparisons);
    }
    file.finish(object)
}

/// An executable that no file refers to.
pub(super) fn executable(object: &Object, event: &Event) -> Option<Shape> {
    let mut properties = Map::new();
    let name = object.first("original-filename").or_else(|| object.first("internal-filename"))?;
    put(&mut properties, "name", name.value.as_str());
    let (extension, comparisons) = extension(object, event);
    if !is_standard(&extension) {
        return None;
    }
    place(&mut properties, EXTENSION, Value::Object(extension));
    let made = observable("file", object.uuid, Value::Object(properties));
    Some(Shape::Seen { observables: vec![made], comparisons })
}

pub(super) fn shortcut(object: &Object) -> Option<Shape> {
    common(object, LNK).finish(object)
}

pub(super) fn image(object: &Object) -> Option<Shape> {
    let mut filled = Filled::rows(object, IMAGE, "file", "");
    let mut others = Vec::new();
    let picture = object.all("attachment").find(|attribute| payload(attribute).is_some());
    let mut skip = Vec::new();
    if let Some(picture) = picture {
        let data = payload(picture)?;
        let mut artifact = json!({ "payload_bin": data, "x_misp_filename": picture.value });
        let mime = mime_type(&picture.value);
        if picture.to_ids {
            filled.comparisons.push(equals("file:content_ref.payload_bin", data));
            if let Some(mime) = mime {
                filled.comparisons.push(equals("file:content_ref.mime_type", mime));
            }
            filled.comparisons.push(equals("file:content_ref.x_misp_filename", &picture.value));
        }
        if let Some(artifact) = artifact.as_object_mut() {
            if let Some(mime) = mime {
                put(artifact, "mime_type", mime);
            }
            if let Some(url) = object.first("url") {
                put(artifact, "x_misp_url", url.value.as_str());
                if url.to_ids {
                    filled.comparisons.push(equals("file:content_ref.url", &url.value));
                }
            }
        }
        others.push(observable("artifact", picture.uuid, artifact));
        put(&mut filled.properties, "content_ref", id("artifact", picture.uuid));
        skip.extend(["attachment", "url"]);
    }
    filled.rest(object, "file", "", &skip);
    Parts { properties: filled.properties, comparisons: filled.comparisons, others }.finish(object)
}

/// The type of a picture, by the end of its name.
fn mime_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "svg" => "image/svg+xml",
        "tif" | "tiff" => "image/tiff",
        "webp" => "image/webp",
        _ => return None,
    })
}

/// A file on its way, and what stands beside it.
struct Parts {
    properties: Properties,
    comparisons: Vec<String>,
    others: Vec<Properties>,
}

impl Parts {
    /// Section 6.7: a file has hashes or a name.
    fn finish(self, object: &Object) -> Option<Shape> {
        let known = |name: &str| self.properties.contains_key(name);
        if !known("name") && !known("hashes") {
            return None;
        }
        let file = observable("file", object.uuid, Value::Object(self.properties));
        let mut observables = vec![file];
        observables.extend(self.others);
        Some(Shape::Seen { observables, comparisons: self.comparisons })
    }
}

fn payload(attribute: &Attribute) -> Option<&str> {
    attribute.data.as_deref().filter(|data| is_payload(data))
}

/// What files and shortcuts have in common.
fn common(object: &Object, rows: &[Row]) -> Parts {
    let mut filled = Filled::rows(object, rows, "file", "");
    let mut others = Vec::new();
    let mut skip = Vec::new();
    let directory = object.first("path").or_else(|| object.first("fullpath"));
    if let Some(directory) = directory {
        let made = json!({ "path": directory.value });
        others.push(observable("directory", directory.uuid, made));
        put(&mut filled.properties, "parent_directory_ref", id("directory", directory.uuid));
        if directory.to_ids {
            let at = "file:parent_directory_ref.path";
            filled.comparisons.push(equals(at, &directory.value));
        }
        skip.push(directory.relation.as_str());
    }
    if let Some(sample) = object.first("malware-sample") {
        sampled(sample, &mut filled, &mut others);
        if filled.properties.contains_key("content_ref") {
            skip.push("malware-sample");
        }
    }
    let compared = filled.comparisons.clone();
    filled.rest(object, "file", "", &skip);
    // A sample without its content is compared as what it contains, not as a custom text.
    filled.comparisons.retain(|comparison| {
        compared.contains(comparison) || !comparison.starts_with("file:x_misp_malware_sample")
    });
    Parts { properties: filled.properties, comparisons: filled.comparisons, others }
}

fn sampled(sample: &Attribute, filled: &mut Filled, others: &mut Vec<Properties>) {
    let (name, md5) = match sample.value.split_once('|') {
        Some((name, md5)) if is_hash("MD5", md5) => (name, Some(md5)),
        _ => (sample.value.as_str(), None),
    };
    let mut comparisons = Vec::new();
    if let Some(data) = payload(sample) {
        let mut artifact = json!({
            "payload_bin": data, "mime_type": "application/zip", "x_misp_filename": name,
            "encryption_algorithm": "mime-type-indicated", "decryption_key": "infected",
        });
        if let (Some(artifact), Some(md5)) = (artifact.as_object_mut(), md5) {
            put(artifact, "hashes", json!({ "MD5": md5 }));
        }
        others.push(observable("artifact", sample.uuid, artifact));
        put(&mut filled.properties, "content_ref", id("artifact", sample.uuid));
        comparisons.push(equals("file:content_ref.payload_bin", data));
    }
    comparisons.push(equals("file:content_ref.x_misp_filename", name));
    if let Some(md5) = md5 {
        comparisons.push(equals("file:content_ref.hashes.MD5", md5));
    }
    comparisons.extend(zipped());
    if sample.to_ids {
        filled.comparisons.push(format!("({})", comparisons.join(" AND ")));
    }
}

/// Section 6.7.6: the extension says at least one thing of its own beside the kind.
fn is_standard(extension: &Properties) -> bool {
    extension.keys().any(|name| name != "pe_type" && !name.starts_with("x_misp_"))
}

/// The extension of an executable (section 6.7.6), its sections within.
fn extension(executable: &Object, event: &Event) -> (Properties, Vec<String>) {
    let prefix = format!("{EXTENSION}.");
    let mut filled = Filled::rows(executable, PE, "file", &prefix);
    filled.rest(executable, "file", &prefix, &[]);
    let (mut properties, mut comparisons) = (filled.properties, filled.comparisons);
    if !properties.contains_key("pe_type") {
        put(&mut properties, "pe_type", "unknown");
    }
    let mut sections = Vec::new();
    let within = super::parts(executable, event);
    for (at, section) in within.iter().filter(|part| part.name == "pe-section").enumerate() {
        let mut filled =
            Filled::rows(section, SECTION, "file", &format!("{prefix}sections[{at}]."));
        // The order in which sections are told apart: by name, then by content.
        filled.rest(section, "file", &format!("{prefix}sections[{at}]."), &[]);
        if !filled.properties.contains_key("name") {
            put(&mut filled.properties, "name", "unknown");
        }
        comparisons.extend(filled.comparisons);
        sections.push(Value::Object(filled.properties));
    }
    if !sections.is_empty() {
        put(&mut properties, "sections", sections);
    }
    (properties, comparisons)
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_into_the_extension_are_quoted() {
        let path = super::path("file", "extensions.windows-pebinary-ext.sections[0].hashes.SHA-1");
        assert_eq!(path, "file:extensions.'windows-pebinary-ext'.sections[0].hashes.'SHA-1'");
    }
}
