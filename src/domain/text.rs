//! Rules that texts share.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization;

use super::violation::Violation;

/// Control characters, line and paragraph separators, and the characters that turn the direction of
/// a text around: they make one name look like another.
const CONTROLS: &[RangeInclusive<char>] = &[
    '\u{0}'..='\u{1f}',
    '\u{7f}'..='\u{9f}',
    '\u{61c}'..='\u{61c}',
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2066}'..='\u{2069}',
];

/// Characters without width: two handles that differ by one of them look the same.
const ZERO_WIDTH: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200d}',
    '\u{2060}'..='\u{2065}',
    '\u{206a}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
];

/// What [`char::is_whitespace`] says of the characters outside [`CONTROLS`].
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

/// Whether a character is a control or changes the direction of the text.
#[must_use]
pub fn is_control(character: char) -> bool {
    within(CONTROLS, character)
}

/// Whether a character is a control, changes the direction of the text, or has no width.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    is_control(character) || within(ZERO_WIDTH, character)
}

/// Reads a text of 1 to `max` characters: trimmed, in normal form C.
///
/// Both the text as it was sent and the text as it is kept have to be within `max`. The first is what a
/// schema can say; the second can be longer, because normal form C takes some characters apart.
///
/// # Errors
/// [`Violation::ForbiddenCharacter`], [`Violation::Blank`] or [`Violation::TooLong`].
pub fn clean(text: &str, max: usize, forbidden: fn(char) -> bool) -> Result<String, Violation> {
    // Nearly every text is short ASCII: one pass settles it.
    let plain = text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    let cleaned = if plain {
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

/// What of the rules each dialect of regular expressions can say in the same words: no ASCII control.
/// (Others have other words for characters past ASCII, or take a text for bytes.)
pub const PATTERN: &str = "^[^\\x00-\\x1f\\x7f]*$";

/// The texts that the rules forbid, as an ECMA 262 regular expression: those with a forbidden character,
/// and those of nothing but blanks.
#[must_use]
pub fn forbidden_pattern(zero_width_forbidden: bool) -> String {
    let zero_width = if zero_width_forbidden { class(ZERO_WIDTH) } else { String::new() };
    format!("[{}{zero_width}]|^[{}]*$", class(CONTROLS), class(BLANKS))
}

/// The texts of nothing but blanks and line breaks, as an ECMA 262 regular expression.
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

/// A value that is kept as a short text: how storage writes it and reads it back.
macro_rules! stored_text {
    ($name:ident) => {
        impl $name {
            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The value as text, without a copy.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }

            /// A value that was read once already and comes back from storage.
            #[must_use]
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }
        }
    };
}
pub(crate) use stored_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_what_rust_trims() {
        for character in '\0'..=char::MAX {
            assert_eq!(
                character.is_whitespace() && !is_control(character),
                within(BLANKS, character),
                "{character:?}"
            );
        }
    }

    #[test]
    fn cleans() {
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
