//! Meta objects (STIX 2.1 section 7).

use super::shape::Kind::{Any, Closed, Dictionary, List, Ref, Text, Time};
use super::shape::{Shape, TEXTS, Target, may, must, shape};

/// Section 7.3: what an extension may be.
pub(super) const EXTENSION_TYPES: &[&str] =
    &["new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension"];

pub(super) const SHAPES: &[Shape] = &[
    shape(
        "extension-definition",
        "7.3",
        &[
            must("name", Text),
            may("description", Text),
            must("schema", Text),
            must("version", Text),
            must("extension_types", List(&Closed(EXTENSION_TYPES))),
            may("extension_properties", TEXTS),
        ],
        &[],
    ),
    shape(
        "language-content",
        "7.1",
        &[
            must("object_ref", Ref(Target::Not(&["bundle", "language-content"]))),
            may("object_modified", Time),
            must("contents", Dictionary(&Any)),
        ],
        &[],
    ),
    shape(
        "marking-definition",
        "7.2",
        &[may("name", Text), may("definition_type", Text), may("definition", Any)],
        &[],
    ),
];

/// The marking definitions of section 7.2.1.4: id, name, colour.
pub(super) const TLP: &[(&str, &str, &str)] = &[
    ("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "TLP:WHITE", "white"),
    ("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "TLP:GREEN", "green"),
    ("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "TLP:AMBER", "amber"),
    ("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "TLP:RED", "red"),
];

/// When all four were created.
pub(super) const TLP_CREATED: &str = "2017-01-20T00:00:00.000Z";

/// The extension by which version 2.0 of TLP is marked (OASIS common objects).
pub(super) const TLP_2_EXTENSION: &str =
    "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
