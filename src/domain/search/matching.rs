//! How well a contact matches a term.

use memchr::memmem;

use super::document::Document;
use super::term::{SearchTerm, front_of_number};
use super::words::begins_word;
use crate::domain::wire_names::wire_names;

wire_names! {
    /// How a contact matches a search term, from the best to the least.
    MatchType {
        Exact => "exact", "the name or the phone number is the term";
        Prefix => "prefix", "the name begins with it";
        Word => "word", "each word of the term begins a word of the contact, or is the beginning or the end of its phone number";
        Part => "part", "each word of the term is a part of a word";
        Fuzzy => "fuzzy", "it is found only if a letter is replaced, added, left out, or exchanged with the next one";
    }
}

/// Of the digits of a number from the back: fewer would be found almost everywhere.
pub(crate) const MIN_SUFFIX_DIGITS: usize = 3;

/// Shorter words begin words: their parts would be found almost everywhere.
pub(crate) const MIN_PART_CHARS: usize = 3;

/// Shorter words have no typing mistakes: another word would be as near as the one that was meant.
pub(crate) const MIN_FUZZY_CHARS: usize = 4;

/// Of a name that is found in spite of a typing mistake.
pub(crate) const MAX_FUZZY_CHARS: usize = 16;

/// How one word of a term matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum WordMatch {
    HandlePrefix,
    WordStart,
    Part,
}

impl MatchType {
    /// How a contact matches; with `fuzzy` also in spite of typing mistakes.
    pub(crate) fn best(term: &SearchTerm, fuzzy: bool, document: &Document) -> Option<Self> {
        let by_mistake = || (fuzzy && Self::is_fuzzy(term, document)).then_some(Self::Fuzzy);
        Self::of(term, document).or_else(by_mistake)
    }

    /// How a contact matches, not counting typing mistakes.
    pub(crate) fn of(term: &SearchTerm, document: &Document) -> Option<Self> {
        let number = term.number().and_then(|digits| match_number(digits, document.number()));
        if document.handle() == term.folded() || number == Some(Self::Exact) {
            return Some(Self::Exact);
        }
        if document.handle().starts_with(term.folded()) {
            return Some(Self::Prefix);
        }
        let by_words = match_words(term.words(), document);
        match (by_words, number) {
            (Some(by_words), Some(number)) if number.is_better_than(by_words) => Some(number),
            (Some(by_words), _) => Some(by_words),
            (None, number) => number,
        }
    }

    /// Whether each word is a word of the contact's names but for one letter.
    pub(crate) fn is_fuzzy(term: &SearchTerm, document: &Document) -> bool {
        let is_similar = |word: &str| {
            let chars = word.chars().count();
            if chars < MIN_FUZZY_CHARS {
                return match_word(word, document).is_some();
            }
            runs(document.names()).map(without_digits).any(|name| {
                let name_chars = name.chars().count();
                name_chars <= MAX_FUZZY_CHARS
                    && name_chars.abs_diff(chars) <= 1
                    && strsim::osa_distance(word, name) <= 1
            })
        };
        let words = || term.words().iter().flat_map(|word| runs(word));
        words().next().is_some() && words().all(is_similar)
    }

    #[must_use]
    pub fn is_better_than(self, other: Self) -> bool {
        (self as u8) < other as u8
    }
}

/// The runs of letters and digits of a text.
pub(crate) fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// A name without the number that makes it unique.
pub(crate) fn without_digits(name: &str) -> &str {
    name.trim_end_matches(|character: char| character.is_ascii_digit())
}

fn match_number(digits: &str, number: &str) -> Option<MatchType> {
    let front = front_of_number(digits);
    if front == number {
        return Some(MatchType::Exact);
    }
    let matches = (!front.is_empty() && number.starts_with(front))
        || (digits.len() >= MIN_SUFFIX_DIGITS && number.ends_with(digits));
    matches.then_some(MatchType::Word)
}

fn match_words(words: &[String], document: &Document) -> Option<MatchType> {
    let (first, rest) = words.split_first()?;
    let first = match_word(first, document)?;
    let mut worst = WordMatch::HandlePrefix;
    for word in rest {
        worst = worst.max(match_word(word, document)?);
    }
    Some(match (first, worst) {
        (WordMatch::Part, _) | (_, WordMatch::Part) => MatchType::Part,
        (WordMatch::HandlePrefix, _) => MatchType::Prefix,
        (WordMatch::WordStart, _) => MatchType::Word,
    })
}

fn match_word(word: &str, document: &Document) -> Option<WordMatch> {
    if document.handle().starts_with(word) {
        return Some(WordMatch::HandlePrefix);
    }
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && match_number(word, document.number()).is_some() {
        return Some(WordMatch::WordStart);
    }
    let text = document.text();
    let mut is_part = false;
    for at in memmem::find_iter(text.as_bytes(), word.as_bytes()) {
        // Neither text begins within a character.
        let (before, here) = text.split_at(at);
        if here.chars().next().is_some_and(|first| begins_word(before.chars().next_back(), first)) {
            return Some(WordMatch::WordStart);
        }
        is_part = true;
    }
    (is_part && word.chars().nth(MIN_PART_CHARS - 1).is_some()).then_some(WordMatch::Part)
}
