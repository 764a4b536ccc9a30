//! Validation and normalisation shared by all short texts, and the same rules as regular expressions for the schema.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization;

use super::violation::Violation;

/// Control characters, line and paragraph separators, and bidirectional controls, which let one name look like
/// another.
const CONTROLS: &[RangeInclusive<char>] = &[
    '\u{0}'..='\u{1f}',
    '\u{7f}'..='\u{9f}',
    '\u{61c}'..='\u{61c}',
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2066}'..='\u{2069}',
];

/// Zero-width characters: two handles that differ by one of them look the same.
const ZERO_WIDTH: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200d}',
    '\u{2060}'..='\u{2065}',
    '\u{206a}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
];

/// White space as [`char::is_whitespace`] defines it, without [`CONTROLS`].
const BLANKS: &[RangeInclusive<char>] = &[
    ' '..=' ',
    '\u{a0}'..='\u{a0}',
    '\u{1680}'..='\u{1680}',
    '\u{2000}'..='\u{200a}',
    '\u{202f}'..='\u{202f}',
    '\u{205f}'..='\u{205f}',
    '\u{3000}'..='\u{3000}',
];

fn within(ranges: &[RangeInclusive<char>], character: char) -> bool {
    ranges.iter().any(|range| range.contains(&character))
}

/// Whether a character is a control, a line or paragraph separator, or a bidi control.
#[must_use]
pub fn is_control(character: char) -> bool {
    within(CONTROLS, character)
}

/// Whether a character is a control (see [`is_control`]) or has no width.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    is_control(character) || within(ZERO_WIDTH, character)
}

/// Trims a text, normalises it to NFC, and checks for 1 to `max` characters.
///
/// `max` applies to the input, which is what a schema can check, and to the result, which can be longer: NFC
/// decomposes some characters.
///
/// # Errors
/// [`Violation::ForbiddenCharacter`], [`Violation::Blank`] or [`Violation::TooLong`].
pub fn clean(text: &str, max: usize, forbidden: fn(char) -> bool) -> Result<String, Violation> {
    // Fast path for nearly all input: visible ASCII is already trimmed and normalised.
    let is_visible_ascii = text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    let cleaned = if is_visible_ascii {
        text.to_owned()
    } else {
        if text.chars().any(forbidden) {
            return Err(Violation::ForbiddenCharacter);
        }
        text.trim().nfc().collect()
    };
    if cleaned.is_empty() {
        return Err(Violation::Blank);
    }
    if text.chars().count() > max || cleaned.chars().count() > max {
        return Err(Violation::TooLong { max });
    }
    Ok(cleaned)
}

/// In the form in which stored texts are compared.
#[must_use]
pub fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// The part of the rules that all regular expression dialects express alike: no ASCII control. (Dialects differ in
/// escapes beyond ASCII, and some match bytes.)
pub const PATTERN: &str = "^[^\\x00-\\x1f\\x7f]*$";

/// An ECMA 262 regular expression that matches forbidden texts: those with a forbidden character, and blank ones.
#[must_use]
pub fn forbidden_pattern(zero_width_forbidden: bool) -> String {
    let zero_width = if zero_width_forbidden { class(ZERO_WIDTH) } else { String::new() };
    format!("[{}{zero_width}]|^[{}]*$", class(CONTROLS), class(BLANKS))
}

/// An ECMA 262 regular expression that matches texts of white space and line breaks alone.
#[must_use]
pub fn blank_pattern() -> String {
    format!("^[\\u0009-\\u000d\\u0085\\u2028\\u2029{}]*$", class(BLANKS))
}

fn class(ranges: &[RangeInclusive<char>]) -> String {
    ranges
        .iter()
        .map(|range| {
            let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
            if first == last { format!("\\u{first:04x}") } else { format!("\\u{first:04x}-\\u{last:04x}") }
        })
        .collect()
}

/// What the text types of all resources have in common, for generic code (members of bodies, query parameters).
pub trait Text: Sized {
    /// Validates and normalises.
    fn parse(text: &str) -> Result<Self, Violation>;

    fn as_str(&self) -> &str;
}

/// Access to the text of a newtype, and its construction from a stored value.
macro_rules! stored_text {
    ($name:ident) => {
        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }

            /// Skips validation: the text was validated before it was stored.
            #[must_use]
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }
        }

        impl $crate::domain::text::Text for $name {
            fn parse(text: &str) -> std::result::Result<Self, $crate::domain::Violation> {
                Self::parse(text)
            }

            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}
pub(crate) use stored_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_controls_cover_exactly_what_trim_removes() {
        for character in '\0'..=char::MAX {
            assert_eq!(
                character.is_whitespace() && !is_control(character),
                within(BLANKS, character),
                "{character:?}"
            );
        }
    }

    #[test]
    fn trims_normalises_and_rejects() {
        assert_eq!(clean("  jo\u{68}n ", 64, is_invisible), Ok("john".to_owned()));
        assert_eq!(clean("e\u{301}", 2, is_invisible), Ok("\u{e9}".to_owned()));
        assert_eq!(clean("e\u{301}", 1, is_invisible), Err(Violation::TooLong { max: 1 }));
        assert_eq!(clean(" ab", 2, is_invisible), Err(Violation::TooLong { max: 2 }));
        assert_eq!(clean("\u{958}", 1, is_invisible), Err(Violation::TooLong { max: 1 }));
        assert_eq!(clean(" \u{3000}", 64, is_invisible), Err(Violation::Blank));
        assert_eq!(clean("", 64, is_invisible), Err(Violation::Blank));
        assert_eq!(clean("abc", 2, is_invisible), Err(Violation::TooLong { max: 2 }));
        assert_eq!(clean("a\nb", 64, is_invisible), Err(Violation::ForbiddenCharacter));
        assert_eq!(clean("a\u{200b}b", 64, is_invisible), Err(Violation::ForbiddenCharacter));
        assert_eq!(clean("\u{1f468}\u{200d}\u{1f469}", 64, is_control).map(|text| text.len()), Ok(11));
        assert_eq!(clean("a\u{202e}b", 64, is_control), Err(Violation::ForbiddenCharacter));
    }
}
