//! What was observed: observed-data and the objects they refer to, indexed for the matcher.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::syntax::Time;

/// Most observed-data of one run.
pub const OBSERVED_MAX: usize = 10_000_000;
/// Most objects of one run.
pub const OBJECTS_MAX: usize = 50_000_000;
/// Deepest nesting of bundles and arrays.
const NESTING_MAX: usize = 4;

/// Why a text or value is not a set of observations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unobserved {
    /// Not a bundle, an array or an observed-data object.
    #[error("not a bundle and not an array of observed-data and the objects they refer to")]
    Shape,
    /// An observed-data object without a property it needs, or with one of another type.
    #[error("the observed-data `{id}` has no usable `{property}`")]
    Property {
        /// Which.
        id: String,
        /// What it lacks.
        property: &'static str,
    },
    /// More than [`OBSERVED_MAX`] or [`OBJECTS_MAX`].
    #[error("there are too many observations or objects")]
    TooMany,
}

impl Unobserved {
    /// The stable code shown to a user.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Shape => "NRS-EVID-0230",
            Self::Property { .. } => "NRS-EVID-0231",
            Self::TooMany => "NRS-EVID-0232",
        }
    }
}

/// Observed-data in the order given, and their objects.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    pub(super) observed: Vec<Observed>,
    pub(super) objects: Vec<Object>,
    pub(super) by_id: HashMap<String, u32>,
    /// Names of the types that occur; an object holds its number.
    pub(super) types: Vec<String>,
    type_numbers: HashMap<String, u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) type_number: u32,
    pub(super) members: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Observed {
    id: String,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) number: u64,
    /// Numbers of its objects, sorted, each once.
    pub(super) holds: Vec<u32>,
    /// The names its own dictionary gives to objects, where it has one.
    pub(super) names: HashMap<String, u32>,
}

impl Observations {
    /// Takes a bundle, an array of bundles and objects, or one observed-data object.
    ///
    /// `object_refs` that lead to nothing are ignored, as references inside objects are. The dictionary `objects` of
    /// older versions is read as well. Objects nobody refers to are not observed.
    pub fn read(value: Value) -> Result<Self, Unobserved> {
        let mut all = Self::default();
        let mut waiting = Vec::new();
        all.collect(value, 0, &mut waiting)?;
        for observed in waiting {
            all.observe(observed)?;
        }
        Ok(all)
    }

    /// How many observed-data there are.
    pub fn len(&self) -> usize {
        self.observed.len()
    }

    /// Whether nothing was observed.
    pub fn is_empty(&self) -> bool {
        self.observed.is_empty()
    }

    /// The id of an observed-data object.
    pub fn id(&self, number: u32) -> Option<&str> {
        self.observed.get(usize::try_from(number).ok()?).map(|observed| observed.id.as_str())
    }

    fn collect(
        &mut self,
        value: Value,
        depth: usize,
        waiting: &mut Vec<Map<String, Value>>,
    ) -> Result<(), Unobserved> {
        if depth > NESTING_MAX {
            return Err(Unobserved::Shape);
        }
        match value {
            Value::Array(items) => {
                items.into_iter().try_for_each(|item| self.collect(item, depth + 1, waiting))
            }
            Value::Object(mut members) => match members.get("type").and_then(Value::as_str) {
                Some("bundle") => match members.remove("objects") {
                    Some(objects @ Value::Array(_)) => self.collect(objects, depth + 1, waiting),
                    _ => Err(Unobserved::Shape),
                },
                Some("observed-data") => {
                    waiting.push(members);
                    if waiting.len() > OBSERVED_MAX { Err(Unobserved::TooMany) } else { Ok(()) }
                }
                Some(_) => {
                    let id = members.get("id").and_then(Value::as_str).map(str::to_owned);
                    let number = self.object(members)?;
                    if let Some(id) = id {
                        self.by_id.insert(id, number);
                    }
                    Ok(())
                }
                None => Err(Unobserved::Shape),
            },
            _ => Err(Unobserved::Shape),
        }
    }

    fn object(&mut self, members: Map<String, Value>) -> Result<u32, Unobserved> {
        let object_type = members.get("type").and_then(Value::as_str).unwrap_or_default();
        let type_number = if let Some(number) = self.type_numbers.get(object_type) {
            *number
        } else {
            let number = u32::try_from(self.types.len()).map_err(|_| Unobserved::TooMany)?;
            self.types.push(object_type.to_owned());
            self.type_numbers.insert(object_type.to_owned(), number);
            number
        };
        if self.objects.len() >= OBJECTS_MAX {
            return Err(Unobserved::TooMany);
        }
        let number = u32::try_from(self.objects.len()).map_err(|_| Unobserved::TooMany)?;
        self.objects.push(Object { type_number, members });
        Ok(number)
    }

    fn observe(&mut self, mut members: Map<String, Value>) -> Result<(), Unobserved> {
        let id = members.get("id").and_then(Value::as_str).unwrap_or("without id").to_owned();
        let lacks = |property| Unobserved::Property { id: id.clone(), property };
        let time = |property| {
            let text = members.get(property).and_then(Value::as_str);
            text.and_then(Time::parse).and_then(|time| time.micros()).ok_or_else(|| lacks(property))
        };
        let (first, last) = (time("first_observed")?, time("last_observed")?);
        let number =
            members.get("number_observed").and_then(Value::as_u64).filter(|number| *number > 0);
        let number = number.ok_or_else(|| lacks("number_observed"))?;
        if first > last {
            return Err(lacks("last_observed"));
        }
        let refs = match members.get("object_refs") {
            Some(Value::Array(refs)) => Some(refs),
            Some(_) => return Err(lacks("object_refs")),
            None => None,
        };
        let found =
            refs.into_iter().flatten().filter_map(|id| self.by_id.get(id.as_str()?).copied());
        let mut holds: Vec<u32> = found.collect();
        let dictionary = match members.remove("objects") {
            Some(Value::Object(dictionary)) => dictionary,
            None if members.contains_key("object_refs") => Map::new(),
            _ => return Err(lacks("object_refs")),
        };
        let mut names = HashMap::new();
        for (name, object) in dictionary {
            let Value::Object(object) = object else { return Err(lacks("objects")) };
            let number = self.object(object)?;
            holds.push(number);
            names.insert(name, number);
        }
        holds.sort_unstable();
        holds.dedup();
        self.observed.push(Observed { id, first, last, number, holds, names });
        Ok(())
    }

    /// The object a reference leads to from within an observation; only its own objects can be reached.
    pub(super) fn resolve(&self, observed: &Observed, reference: &str) -> Option<&Object> {
        let number = observed.names.get(reference).or_else(|| {
            self.by_id.get(reference).filter(|number| observed.holds.binary_search(number).is_ok())
        })?;
        self.objects.get(usize::try_from(*number).ok()?)
    }
}
