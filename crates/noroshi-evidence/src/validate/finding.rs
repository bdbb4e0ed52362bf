//! What a check found, and how it is named.

use core::fmt;

/// Whether the standard says MUST or SHOULD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; never makes an object invalid.
    Note,
    /// A SHOULD of the standard is not followed.
    Warning,
    /// A MUST of the standard is broken: the object is not valid.
    Error,
}

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal $severity:ident,)+) => {
        /// What is checked. The code is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check { $($(#[doc = $doc])+ $name,)+ }

        impl Check {
            /// All of them, in the order of their codes.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable code shown to a user.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Whether the standard says MUST or SHOULD.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
        }
    };
}

checks! {
    /// A value has another JSON type than the standard's.
    Form = "NRS-EVID-0129" Error,
    /// A required property is missing.
    Missing = "NRS-EVID-0101" Error,
    /// None of several properties is there, of which one must be.
    MissingAll = "NRS-EVID-0102" Error,
    /// Properties stand together that exclude each other, or one without another that it needs.
    Together = "NRS-EVID-0103" Error,
    /// The type is not of the form of a type.
    TypeName = "NRS-EVID-0104" Error,
    /// An identifier is not of the form of one.
    Identifier = "NRS-EVID-0105" Error,
    /// The id belongs to another type.
    IdOfOtherType = "NRS-EVID-0106" Error,
    /// Another version of the standard.
    SpecVersion = "NRS-EVID-0107" Error,
    /// A property is not named as properties must be.
    PropertyName = "NRS-EVID-0108" Error,
    /// A timestamp is none, or not as precise as it must be.
    Timestamp = "NRS-EVID-0109" Error,
    /// Two times stand in the wrong order.
    TimeOrder = "NRS-EVID-0110" Error,
    /// A number lies outside its range.
    Range = "NRS-EVID-0111" Error,
    /// A value is not in a closed vocabulary.
    ClosedVocabulary = "NRS-EVID-0112" Error,
    /// A reference points to a type it must not point to.
    RefTarget = "NRS-EVID-0113" Error,
    /// A list or dictionary is empty.
    Empty = "NRS-EVID-0114" Error,
    /// A key of a dictionary is not of the form of one.
    Key = "NRS-EVID-0115" Error,
    /// The value of a hash has another form than its algorithm's.
    HashValue = "NRS-EVID-0116" Error,
    /// A value is not of the form of what it should be.
    Value = "NRS-EVID-0117" Error,
    /// An external reference breaks the rules for its source.
    ExternalReference = "NRS-EVID-0118" Error,
    /// A selector of a marking is not of the form of one.
    SelectorForm = "NRS-EVID-0119" Error,
    /// A selector of a marking selects nothing.
    SelectorTarget = "NRS-EVID-0120" Error,
    /// A marking marks itself.
    MarkingCircle = "NRS-EVID-0121" Error,
    /// A TLP marking is not one of the prescribed ones.
    Tlp = "NRS-EVID-0122" Error,
    /// A name that the standard reserves.
    Reserved = "NRS-EVID-0123" Error,
    /// An extension breaks the rules for extensions.
    Extension = "NRS-EVID-0124" Error,
    /// The pattern of an indicator is not of the pattern language.
    Pattern = "NRS-EVID-0125" Error,
    /// A language is not named by a tag.
    Language = "NRS-EVID-0126" Error,
    /// The kind of UUID which this object must have.
    UuidMust = "NRS-EVID-0127" Error,
    /// A marking definition defines nothing.
    Marking = "NRS-EVID-0128" Error,
    /// The kind of UUID which this object should have.
    UuidVersion = "NRS-EVID-0150" Warning,
    /// The id of an observable does not follow from its content.
    IdNotDerived = "NRS-EVID-0151" Note,
    /// A value is not in an open vocabulary.
    OpenVocabulary = "NRS-EVID-0152" Warning,
    /// A value of an open vocabulary has capitals, spaces or underscores.
    VocabularyForm = "NRS-EVID-0153" Warning,
    /// A kill chain or phase has capitals, spaces or underscores.
    KillChainName = "NRS-EVID-0154" Warning,
    /// Something of one's own without an extension.
    CustomWithoutExtension = "NRS-EVID-0155" Warning,
    /// Something of one's own without a prefix that names its source.
    CustomPrefix = "NRS-EVID-0156" Warning,
    /// A relationship which the standard does not suggest.
    UnusualRelationship = "NRS-EVID-0157" Warning,
    /// A key of a dictionary has capitals.
    KeyForm = "NRS-EVID-0158" Warning,
    /// A hash algorithm outside the vocabulary.
    HashAlgorithm = "NRS-EVID-0159" Warning,
    /// A value that should be registered elsewhere (country, media type, protocol) and does not look so.
    Registry = "NRS-EVID-0160" Warning,
    /// Traffic without ports.
    Ports = "NRS-EVID-0161" Warning,
    /// An external reference with a locator but without hashes.
    ReferenceHashes = "NRS-EVID-0162" Warning,
    /// An indicator without name or description.
    IndicatorWords = "NRS-EVID-0163" Warning,
    /// A property that the standard advises against.
    Deprecated = "NRS-EVID-0164" Warning,
    /// An extension definition that says too little.
    ExtensionWords = "NRS-EVID-0165" Warning,
    /// A priority of a process without its suffix.
    Priority = "NRS-EVID-0166" Warning,
    /// The name of a product is not in the usual form.
    Product = "NRS-EVID-0167" Warning,
    /// One version twice in a bundle.
    DuplicateVersion = "NRS-EVID-0168" Warning,
    /// A kind of marking outside the standard.
    MarkingType = "NRS-EVID-0169" Warning,
    /// A property outside the standard; only when asked for.
    UnknownProperty = "NRS-EVID-0170" Warning,
    /// There are more findings than are kept.
    More = "NRS-EVID-0171" Note,
    /// A reference of an observable that is no identifier; the schemas of OASIS leave its form open.
    ObservableRef = "NRS-EVID-0172" Note,
    /// The object follows an older version of the standard; the rules of 2.1 were applied.
    OldVersion = "NRS-EVID-0173" Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: a JSON Pointer (RFC 6901); empty is the object itself.
    pub path: String,
    /// What was checked.
    pub check: Check,
    /// What is wrong, in English.
    pub message: String,
    /// Where the standard says so, for example `3.2`.
    pub section: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(out, "{path}: {} (STIX 2.1 section {})", self.message, self.section)
    }
}
