//! Search terms.

use std::fmt;

use super::fold::fold;
use crate::domain::violation::Violation;

/// What is searched for: words, which a contact has in any order, or a phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchTerm {
    written: String,
    folded: String,
    words: Vec<String>,
    number: Option<String>,
}

/// What a phone number can have between its digits. (An ellipsis folds to dots.)
const NUMBER_PUNCTUATION: [char; 7] = ['+', '(', ')', '-', '.', '/', ' '];

impl SearchTerm {
    pub const MAX_CHARS: usize = 100;
    pub const MAX_WORDS: usize = 8;

    /// # Errors
    /// It is blank, too long, or has too many words.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        if text.chars().count() > Self::MAX_CHARS {
            return Err(Violation::TooLong { max: Self::MAX_CHARS });
        }
        let written = text.trim().to_owned();
        let folded = fold(&written);
        // Punctuation alone is no word: it can only be how a handle begins.
        let words: Vec<String> = folded
            .split_whitespace()
            .filter(|word| word.contains(char::is_alphanumeric))
            .map(str::to_owned)
            .collect();
        if folded.trim().is_empty() {
            return Err(Violation::Blank);
        }
        if words.len() > Self::MAX_WORDS {
            return Err(Violation::TooManyWords { max: Self::MAX_WORDS });
        }
        let digits: String =
            folded.chars().filter(|character| !NUMBER_PUNCTUATION.contains(character)).collect();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Self { written, folded, words, number: is_number.then_some(digits) })
    }

    /// As it was given, without surrounding white space.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The whole term.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    /// Each has a letter or a digit. None if the term is punctuation.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Its digits, if the term can be a phone number or a part of one.
    pub(crate) fn number(&self) -> Option<&str> {
        self.number.as_deref()
    }
}

impl fmt::Display for SearchTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// How a number begins that is given in international format: `00` stands for `+`.
pub(crate) fn front_of_number(digits: &str) -> &str {
    digits.strip_prefix("00").unwrap_or(digits)
}
