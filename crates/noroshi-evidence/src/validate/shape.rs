//! How the tables of the standard are written down.

use super::vocab::Vocabulary;

/// What a value must be.
#[derive(Debug)]
pub(super) enum Kind {
    Any,
    Text,
    Boolean,
    Integer(i64, i64),
    Number(f64, f64),
    Time,
    /// With at least three digits behind the second.
    TimeOfVersion,
    /// Without a fraction.
    TimeOfSecond,
    SpecVersion,
    Hex,
    Binary,
    Url,
    Ipv4,
    Ipv6,
    Mac,
    Email,
    Domain,
    Cpe,
    Media,
    Protocol,
    Charset,
    Language,
    Country,
    Open(&'static Vocabulary),
    Closed(&'static [&'static str]),
    Ref(Target),
    List(&'static Kind),
    Hashes,
    /// Keys as in section 2.4, values of one kind.
    Dictionary(&'static Kind),
    /// A list of embedded objects or one.
    Part(&'static Shape),
    External,
    Granular,
    Extensions,
    /// The observables inside an `observed-data` of the deprecated form.
    Inner,
    /// Text or a list of texts.
    OneOrMore,
}

/// Which types a reference may point to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Any,
    Only(&'static [&'static str]),
    Not(&'static [&'static str]),
    /// Identities and what is not of the standard.
    Identity,
    /// Domain objects and what is not of the standard.
    Sighted,
    /// Observables and what is not of the standard.
    Observable,
    /// Observables, relationships and what is not of the standard.
    Observed,
}

/// A property of the standard.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: Kind,
}

/// A rule over several properties.
#[derive(Debug)]
pub(super) enum Rule {
    /// At least one of them.
    AnyOf(&'static [&'static str]),
    /// Exactly one of them.
    OneOf(&'static [&'static str]),
    /// The first needs the others.
    Needs(&'static str, &'static [&'static str]),
    /// The second is not before the first.
    NotBefore(&'static str, &'static str),
    /// The second is after the first.
    After(&'static str, &'static str),
    /// Something at all.
    NotEmpty,
}

/// An object type or an embedded one.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its name.
    pub(super) name: &'static str,
    /// Where the standard defines it.
    pub(super) section: &'static str,
    pub(super) properties: &'static [Property],
    pub(super) rules: &'static [Rule],
}

pub(super) const fn may(name: &'static str, kind: Kind) -> Property {
    Property { name, required: false, kind }
}

pub(super) const fn must(name: &'static str, kind: Kind) -> Property {
    Property { name, required: true, kind }
}

pub(super) const fn shape(
    name: &'static str,
    section: &'static str,
    properties: &'static [Property],
    rules: &'static [Rule],
) -> Shape {
    Shape { name, section, properties, rules }
}

pub(super) const COUNT: Kind = Kind::Integer(0, i64::MAX);
pub(super) const INTEGER: Kind = Kind::Integer(i64::MIN, i64::MAX);
pub(super) const TEXTS: Kind = Kind::List(&Kind::Text);
pub(super) const ANY_REF: Kind = Kind::Ref(Target::Any);
