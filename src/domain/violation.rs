//! Violations: what can be wrong with one input value, the stable code of each, and its sentence for the response.
//!
//! Invariant: a sentence never contains the rejected value, which may be personal data.

use std::borrow::Cow;

/// A field of a contact; each dialect has its own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `username`, `alias`.
    Handle,
    /// `phone_number`, `msisdn`.
    Phone,
    DisplayName,
    AvatarUrl,
    Meta,
}

/// The maximum number of violations in one response. If there are more, the response says so.
pub const MAX_REPORTED_VIOLATIONS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKind {
    /// Of a JSON object.
    Member,
    /// Beside the body.
    Parameter,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    Required,
    /// Empty or white space.
    Blank,
    TooLong {
        /// In characters.
        max: usize,
    },
    /// A control, bidirectional control or zero-width character.
    ForbiddenCharacter,
    /// A JSON type other than the documented one.
    WrongType {
        /// With its article: `a string`.
        expected: Cow<'static, str>,
    },
    /// A member or parameter that this operation does not have.
    Unknown {
        kind: UnknownKind,
        /// The most similar known name.
        suggestion: Option<&'static str>,
        /// Whether the object has a member `meta` for custom data.
        has_meta: bool,
    },
    /// A number that a JSON parser with 64-bit numbers would change.
    InexactNumber,
    Duplicate,
    /// Not an integer within the bounds, which are inclusive.
    OutOfRange {
        min: u64,
        max: u64,
    },
    NotOneOf {
        /// As the sentence lists them.
        allowed: &'static str,
    },
    NotUuid,
    /// Neither an id nor a phone number.
    NotContactKey,
    NotTimestamp,
    /// Not in international format.
    NotPhone,
    /// A phone number in national format.
    NationalPhone,
    UnassignedCountryCode,
    PhoneLength,
    /// A number that a spreadsheet has written in floating point.
    SpreadsheetNumber,
    NotRegion,
    NotDigest,
    NotPermission,
    NotDuration {
        /// As the sentence writes them.
        min: &'static str,
        max: &'static str,
    },
    NotPosition,
    NotKeyId,
    /// Not a number of seconds with its unit.
    NotSeconds {
        max: u64,
    },
    /// A value that a contact must have was to be cleared.
    NotClearable,
    /// More words than a search term can have.
    TooManyWords {
        max: usize,
    },
    NotHttpUrl,
    UrlWithUserinfo,
    NoItems,
    TooManyItems {
        max: usize,
    },
    /// Of a list whose items have these members.
    TooManyItemsWith {
        /// As the sentence lists them.
        members: &'static str,
        max: usize,
    },
    /// Several lists share one limit.
    TooManyTogether {
        /// As the sentence lists them.
        lists: &'static str,
        max: usize,
    },
    /// None, or more than one, of mutually exclusive members.
    NotExactlyOne {
        /// As the sentence lists them.
        of: &'static str,
    },
    /// A member together with its alternative.
    NotTogether {
        with: &'static str,
    },
    /// Of a filter.
    TooManyMatches {
        max: usize,
    },
    TooManyKeys {
        max: usize,
    },
    /// A key that is empty or too long.
    KeyLength {
        /// In characters.
        max: usize,
    },
    TooDeep {
        max: usize,
    },
    TooLarge {
        /// In bytes of JSON.
        max: usize,
    },
    TemplateSyntax {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        message: String,
    },
    FilterSyntax {
        /// From 1, in characters.
        position: usize,
        message: Cow<'static, str>,
    },
    NulCharacter,
    /// A unique value that another resource has.
    Taken,
}

impl Violation {
    #[must_use]
    pub fn unknown_member(name: &str, known: &[&'static str]) -> Self {
        let (suggestion, has_meta) = (nearest(name, known), known.contains(&"meta"));
        Self::Unknown { kind: UnknownKind::Member, suggestion, has_meta }
    }

    #[must_use]
    pub fn unknown_parameter(name: &str, known: &[&'static str]) -> Self {
        Self::Unknown { kind: UnknownKind::Parameter, suggestion: nearest(name, known), has_meta: false }
    }

    /// The stable code on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Blank => "blank",
            Self::TooLong { .. } => "too_long",
            Self::ForbiddenCharacter => "forbidden_character",
            Self::WrongType { .. } => "wrong_type",
            Self::Unknown { .. } => "unknown",
            Self::InexactNumber => "inexact_number",
            Self::Duplicate => "duplicate",
            Self::OutOfRange { .. } => "out_of_range",
            Self::NotOneOf { .. } => "not_one_of",
            Self::NotUuid => "not_a_uuid",
            Self::NotContactKey => "not_an_id_or_phone",
            Self::NotTimestamp => "not_a_timestamp",
            Self::NotPhone => "not_a_phone_number",
            Self::NationalPhone => "national_phone_number",
            Self::UnassignedCountryCode => "unassigned_country_code",
            Self::PhoneLength => "phone_length",
            Self::SpreadsheetNumber => "spreadsheet_number",
            Self::NotRegion => "not_a_region",
            Self::NotDigest => "not_a_digest",
            Self::NotPermission => "not_a_permission",
            Self::NotDuration { .. } => "not_a_duration",
            Self::NotPosition => "not_a_position",
            Self::NotKeyId => "not_a_key_id",
            Self::NotSeconds { .. } => "not_seconds",
            Self::NotClearable => "not_clearable",
            Self::TooManyWords { .. } => "too_many_words",
            Self::NotHttpUrl => "not_an_http_url",
            Self::UrlWithUserinfo => "url_with_userinfo",
            Self::NoItems => "no_items",
            Self::TooManyItems { .. }
            | Self::TooManyItemsWith { .. }
            | Self::TooManyTogether { .. }
            | Self::TooManyMatches { .. } => "too_many_items",
            Self::NotExactlyOne { .. } | Self::NotTogether { .. } => "not_exactly_one",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::KeyLength { .. } => "key_length",
            Self::TooDeep { .. } => "too_deep",
            Self::TooLarge { .. } => "too_large",
            Self::TemplateSyntax { .. } => "template_syntax",
            Self::FilterSyntax { .. } => "filter_syntax",
            Self::NulCharacter => "nul_character",
            Self::Taken => "taken",
        }
    }

    /// One sentence for the response; `name` is the dialect's name of the value.
    #[must_use]
    pub fn sentence(&self, name: &str) -> String {
        match self {
            Self::Required => format!("{name} is required"),
            Self::Blank => format!("{name} must not be blank"),
            Self::TooLong { max } => format!("{name} must have at most {max} characters"),
            Self::ForbiddenCharacter => {
                format!("{name} must not contain control or invisible characters")
            }
            Self::WrongType { expected } => format!("{name} must be {expected}"),
            Self::Unknown { kind, suggestion, has_meta } => {
                let what = match kind {
                    UnknownKind::Member => "a known member",
                    UnknownKind::Parameter => "a parameter of this operation",
                };
                match suggestion {
                    Some(suggestion) => format!("{name} is not {what}; did you mean {suggestion}?"),
                    None if *has_meta => format!("{name} is not {what}; put custom data in meta"),
                    None => format!("{name} is not {what}"),
                }
            }
            Self::InexactNumber => {
                format!("{name} must be a number that fits in 64 bits; send a longer one as a string")
            }
            Self::Duplicate => format!("{name} must be given only once"),
            Self::OutOfRange { min, max } => {
                format!("{name} must be a whole number from {min} to {max}")
            }
            Self::NotOneOf { allowed } if !allowed.contains(',') => format!("{name} must be {allowed}"),
            Self::NotOneOf { allowed } => format!("{name} must be one of {allowed}"),
            Self::NotUuid => format!("{name} must be a UUID"),
            Self::NotContactKey => {
                format!("{name} must be an id or a phone number in international format")
            }
            Self::NotTimestamp => {
                format!("{name} must be an RFC 3339 time such as 2025-11-10T20:15:12.000Z")
            }
            Self::NotPhone => {
                format!("{name} must be a phone number in international format such as +4479000000001")
            }
            Self::NationalPhone => {
                format!(
                    "{name} looks like a national number; write it with + and the country code, such as \
                     +447900000001 for 07900 000001"
                )
            }
            Self::UnassignedCountryCode => {
                format!("{name} must start with an assigned country code")
            }
            Self::PhoneLength => format!("{name} must have 7 to 15 digits"),
            Self::SpreadsheetNumber => format!(
                "{name} was changed by a spreadsheet, which took it for a quantity; format the column as text, \
                 and enter the number again"
            ),
            Self::NotRegion => {
                format!("{name} must be a country code of two letters (ISO 3166-1) such as GB")
            }
            Self::NotDigest => format!("{name} must be the digest of a plan: 64 hexadecimal digits"),
            Self::NotPermission => format!("{name} must be the name of a permission, such as read:Contacts"),
            Self::NotDuration { min, max } => {
                format!("{name} must be a time such as 90d, 12h or 30m, between {min} and {max}")
            }
            Self::NotPosition => {
                format!("{name} must be a position, exactly as a response contained it")
            }
            Self::NotKeyId => format!("{name} must be the id of a key: 16 lower-case letters and digits"),
            Self::NotSeconds { max } => {
                format!("{name} must be a time from 0s to {max}s in whole seconds, such as 20s")
            }
            Self::NotClearable => format!("{name} cannot be cleared"),
            Self::TooManyWords { max } => format!("{name} must have at most {max} words"),
            Self::NotHttpUrl => format!("{name} must be an http or https URL"),
            Self::UrlWithUserinfo => format!("{name} must not contain a user name or password"),
            Self::NoItems => format!("{name} must have at least one item"),
            Self::TooManyItems { max } => format!("{name} must have at most {max} items"),
            Self::TooManyItemsWith { members, max } => {
                format!("{name} must have at most {max} items with {members}")
            }
            Self::TooManyTogether { lists, max } => format!("{lists} together must have at most {max} items"),
            Self::TooManyMatches { max } => {
                format!("{name} must match at most {max} contacts, and matches more")
            }
            Self::NotExactlyOne { of } => format!("{name} must have exactly one of {of}"),
            Self::NotTogether { with } => format!("{name} must not be given together with {with}"),
            Self::TooManyKeys { max } => format!("{name} must have at most {max} keys"),
            Self::KeyLength { max } => format!("{name} must have keys of 1 to {max} characters"),
            Self::TooDeep { max } => format!("{name} must not be nested deeper than {max} levels"),
            Self::TooLarge { max } => format!("{name} must have at most {max} bytes as JSON"),
            Self::TemplateSyntax { line, column, message } => {
                format!("{name} is invalid at line {line}, column {column}: {message}")
            }
            Self::FilterSyntax { position, message } => {
                format!("{name} is invalid at character {position}: {message}")
            }
            Self::NulCharacter => format!("{name} must not contain the character U+0000"),
            Self::Taken => format!("{name} is already taken"),
        }
    }
}

/// The most similar known name, if any: for misspellings, other naming styles (`phoneNumber`) and prefixes (`phone`).
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const MAX_BYTES: usize = 64;
    const MIN_SIMILARITY: f64 = 0.84;
    if name.len() > MAX_BYTES {
        return None;
    }
    let simplified = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let name = simplified(name);
    let scored = known.iter().map(|known| (strsim::jaro_winkler(&name, &simplified(known)), *known));
    scored
        .filter(|(score, _)| *score >= MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The location of a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A field of the contact, which the dialect names.
    Field(Field),
    /// The name of a member, parameter or path segment on the wire.
    Wire(Cow<'static, str>),
    /// Inside an item of a list.
    Item { list: &'static str, index: usize, place: Box<Self> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    pub place: Place,
    pub violation: Violation,
}

impl FieldViolation {
    #[must_use]
    pub fn of(field: Field, violation: Violation) -> Self {
        Self { place: Place::Field(field), violation }
    }

    pub fn at(name: impl Into<Cow<'static, str>>, violation: Violation) -> Self {
        Self { place: Place::Wire(name.into()), violation }
    }

    /// The violation of an item as one of the whole request.
    #[must_use]
    pub fn in_item(self, list: &'static str, index: usize) -> Self {
        Self { place: Place::Item { list, index, place: Box::new(self.place) }, ..self }
    }
}
