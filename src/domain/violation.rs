//! What can be wrong with one value, its code, and the sentence that says so.

use std::borrow::Cow;

/// A stored member of a contact. Each dialect has a name of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `username`, `alias`.
    Handle,
    /// `phone_number`, `msisdn`.
    Phone,
    /// `display_name`.
    DisplayName,
    /// `avatar_url`.
    AvatarUrl,
    /// `meta`.
    Meta,
}

/// The maximum number of violations in one response. If there are more, the response says so.
pub const MAX_REPORTED_VIOLATIONS: usize = 100;

/// What a name that is not known was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKind {
    /// A member of an object.
    Member,
    /// A parameter.
    Parameter,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A required member is absent.
    Required,
    /// Empty, or nothing but blanks.
    Blank,
    /// More characters than allowed.
    TooLong {
        /// Longest, in characters.
        max: usize,
    },
    /// A control, bidi-control or zero-width character.
    ForbiddenCharacter,
    /// Another JSON type than the documented one.
    WrongType {
        /// What is expected, with its article: `a string`.
        expected: Cow<'static, str>,
    },
    /// A member or parameter that this operation does not have.
    Unknown {
        /// Which of the two.
        kind: UnknownKind,
        /// What may have been meant.
        suggestion: Option<&'static str>,
        /// Whether there is a member for the caller's own data.
        has_meta: bool,
    },
    /// A number that JSON's readers would change.
    InexactNumber,
    /// A member or parameter given twice.
    Duplicate,
    /// Not an integer within the bounds.
    OutOfRange {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Not one of the values of a list.
    NotOneOf {
        /// The values, as they are to be written.
        allowed: &'static str,
    },
    /// Not a UUID.
    NotUuid,
    /// Neither an id nor a phone number.
    NotContactKey,
    /// Not an RFC 3339 moment.
    NotTimestamp,
    /// Not a phone number in the international form.
    NotPhone,
    /// A phone number as it is dialled inside its country.
    NationalPhone,
    /// A phone number whose country code no country has.
    UnassignedCountryCode,
    /// A phone number with too few or too many digits.
    PhoneLength,
    /// Not an `http` or `https` address.
    NotHttpUrl,
    /// An address with a user name or password in it.
    UrlWithUserinfo,
    /// A list without items.
    NoItems,
    /// A list with too many items.
    TooManyItems {
        /// Most items.
        max: usize,
    },
    /// Lists that have too many items between them.
    TooManyTogether {
        /// Their names, as a sentence lists them.
        lists: &'static str,
        /// Most items.
        max: usize,
    },
    /// None, or more than one, of the members that stand for each other.
    NotExactlyOne {
        /// Their names.
        of: &'static str,
    },
    /// A member beside the one that it would replace.
    NotTogether {
        /// The other one's name.
        with: &'static str,
    },
    /// A metadata object with too many keys.
    TooManyKeys {
        /// Most keys.
        max: usize,
    },
    /// A metadata key that is empty or too long.
    KeyLength {
        /// Longest, in characters.
        max: usize,
    },
    /// Metadata nested too deeply.
    TooDeep {
        /// Deepest.
        max: usize,
    },
    /// Metadata whose JSON is too large.
    TooLarge {
        /// Largest, in bytes.
        max: usize,
    },
    /// A template that cannot be read.
    TemplateSyntax {
        /// Where, from 1.
        line: usize,
        /// Where in the line, from 1, in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// U+0000 somewhere in the metadata.
    NulCharacter,
    /// Unique within the account, and another contact has it.
    Taken,
}

impl Violation {
    /// A member that is none of these.
    #[must_use]
    pub fn unknown_member(name: &str, known: &[&'static str]) -> Self {
        let (suggestion, has_meta) = (nearest(name, known), known.contains(&"meta"));
        Self::Unknown { kind: UnknownKind::Member, suggestion, has_meta }
    }

    /// A parameter that is none of these.
    #[must_use]
    pub fn unknown_parameter(name: &str, known: &[&'static str]) -> Self {
        Self::Unknown { kind: UnknownKind::Parameter, suggestion: nearest(name, known), has_meta: false }
    }

    /// The stable code, as it stands in `details`.
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
            Self::NotHttpUrl => "not_an_http_url",
            Self::UrlWithUserinfo => "url_with_userinfo",
            Self::NoItems => "no_items",
            Self::TooManyItems { .. } | Self::TooManyTogether { .. } => "too_many_items",
            Self::NotExactlyOne { .. } | Self::NotTogether { .. } => "not_exactly_one",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::KeyLength { .. } => "key_length",
            Self::TooDeep { .. } => "too_deep",
            Self::TooLarge { .. } => "too_large",
            Self::TemplateSyntax { .. } => "template_syntax",
            Self::NulCharacter => "nul_character",
            Self::Taken => "taken",
        }
    }

    /// One plain sentence about the member that the dialect calls `name`.
    ///
    /// It never repeats the value: values are personal data.
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
            Self::NotHttpUrl => format!("{name} must be an http or https URL"),
            Self::UrlWithUserinfo => format!("{name} must not contain a user name or password"),
            Self::NoItems => format!("{name} must have at least one item"),
            Self::TooManyItems { max } => format!("{name} must have at most {max} items"),
            Self::TooManyTogether { lists, max } => format!("{lists} together must have at most {max} items"),
            Self::NotExactlyOne { of } => format!("{name} must have exactly one of {of}"),
            Self::NotTogether { with } => format!("{name} must not be given together with {with}"),
            Self::TooManyKeys { max } => format!("{name} must have at most {max} keys"),
            Self::KeyLength { max } => format!("{name} must have keys of 1 to {max} characters"),
            Self::TooDeep { max } => format!("{name} must not be nested deeper than {max} levels"),
            Self::TooLarge { max } => format!("{name} must have at most {max} bytes as JSON"),
            Self::TemplateSyntax { line, column, message } => {
                format!("{name} is invalid at line {line}, column {column}: {message}")
            }
            Self::NulCharacter => format!("{name} must not contain the character U+0000"),
            Self::Taken => format!("{name} is already taken"),
        }
    }
}

/// The one that was meant, if one looks like it: a misspelling, another style (`phoneNumber`), a part of the
/// name (`phone`).
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const LONGEST: usize = 64;
    const SIMILAR: f64 = 0.84;
    if name.len() > LONGEST {
        return None;
    }
    let simplified = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let name = simplified(name);
    let scored = known.iter().map(|known| (strsim::jaro_winkler(&name, &simplified(known)), *known));
    scored.filter(|(score, _)| *score >= SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// Where a fault is: a member of the contact, or a name as the request wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A member of the contact; the dialect names it.
    Field(Field),
    /// A member, parameter or path segment by its name on the wire.
    Wire(Cow<'static, str>),
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Where.
    pub place: Place,
    /// What.
    pub violation: Violation,
}

impl FieldViolation {
    /// A fault in a member of the contact.
    #[must_use]
    pub fn of(field: Field, violation: Violation) -> Self {
        Self { place: Place::Field(field), violation }
    }

    /// A fault at a name of the wire.
    pub fn at(name: impl Into<Cow<'static, str>>, violation: Violation) -> Self {
        Self { place: Place::Wire(name.into()), violation }
    }
}
