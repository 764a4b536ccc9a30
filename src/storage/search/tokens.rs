//! Tokens: what the index knows of a contact, as 32-bit hashes, and what a term requires of them.
//!
//! A token is a hint. Contacts that have all that a term requires are candidates, each of which is verified against its
//! present row: two texts with one hash cost a verification, nothing else. What must hold is the reverse: **a contact that
//! matches has the tokens that are required** (property test).
//!
//! The hashes are stored: whoever changes this file rebuilds all indexes with a migration.

use crate::domain::contact::fields::Phone;
use crate::domain::search::matching::{
    MAX_FUZZY_CHARS, MIN_FUZZY_CHARS, MIN_PART_CHARS, MIN_SUFFIX_DIGITS, runs, without_digits,
};
use crate::domain::search::term::front_of_number;
use crate::domain::search::words::begins_word;
use crate::domain::search::{Document, MatchType, SearchTerm};

pub(in crate::storage) type Token = u32;

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// Three characters within a word.
    Trigram = 1,
    /// The beginning of a word.
    WordPrefix,
    HandlePrefix,
    WholeHandle,
    NumberPrefix,
    NumberSuffix,
    /// A word of a name, or what is left of it without one of its letters: two words with one typing mistake between them
    /// have such a rest in common.
    Misspelling,
}

/// Characters of an indexed beginning, at most. (Without the fourth, `letter` has each `leticia` as a candidate whose
/// contact has a `newsletter`.)
const MAX_PREFIX: usize = 4;

const GRAM: usize = 3;

/// The lengths of a number's indexed beginnings and ends.
const NUMBER_PREFIXES: [usize; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const NUMBER_SUFFIXES: [usize; 3] = [MIN_SUFFIX_DIGITS, 4, 6];

fn token(kind: Kind, characters: impl IntoIterator<Item = char>) -> Token {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = (kind as u64).wrapping_mul(MULTIPLIER);
    for character in characters {
        hash = (hash ^ u64::from(u32::from(character))).wrapping_mul(MULTIPLIER);
        hash ^= hash >> 29;
    }
    let bytes = hash.wrapping_mul(MULTIPLIER).to_be_bytes();
    Token::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Calls `add` with each token of a document, some of them several times. `word` is a buffer.
pub(super) fn of_document(document: &Document, word: &mut Vec<char>, mut add: impl FnMut(Token)) {
    let mut before = None;
    word.clear();
    for character in document.text().chars() {
        if character.is_alphanumeric() {
            word.push(character);
        } else if !word.is_empty() {
            add_word(word, before, &mut add);
            word.clear();
            before = None;
        }
    }
    add_word(word, before, &mut add);

    add(token(Kind::WholeHandle, document.handle().chars()));
    for length in 1..=document.handle().chars().take(MAX_PREFIX).count() {
        add(token(Kind::HandlePrefix, document.handle().chars().take(length)));
    }
    let number = document.number();
    for length in NUMBER_PREFIXES {
        if let Some(prefix) = number.get(..length) {
            add(token(Kind::NumberPrefix, prefix.chars()));
        }
    }
    for length in NUMBER_SUFFIXES {
        if let Some(suffix) = suffix(number, length) {
            add(token(Kind::NumberSuffix, suffix.chars()));
        }
    }
    for name in runs(document.names()).map(without_digits) {
        word.clear();
        word.extend(name.chars());
        if (MIN_FUZZY_CHARS - 1..=MAX_FUZZY_CHARS).contains(&word.len()) {
            misspellings(word, &mut add);
        }
    }
}

fn add_word(word: &[char], mut before: Option<char>, add: &mut impl FnMut(Token)) {
    for (start, character) in word.iter().enumerate() {
        if begins_word(before, *character) {
            for end in start + 1..=(start + MAX_PREFIX).min(word.len()) {
                add(token(Kind::WordPrefix, word[start..end].iter().copied()));
            }
        }
        before = Some(*character);
    }
    for gram in word.windows(GRAM) {
        add(token(Kind::Trigram, gram.iter().copied()));
    }
}

fn misspellings(word: &[char], add: &mut impl FnMut(Token)) {
    add(token(Kind::Misspelling, word.iter().copied()));
    for left_out in 0..word.len() {
        let rest = word.iter().enumerate().filter(|(at, _)| *at != left_out);
        add(token(Kind::Misspelling, rest.map(|(_, character)| *character)));
    }
}

fn suffix(number: &str, length: usize) -> Option<&str> {
    number.get(number.len().checked_sub(length)?..)
}

/// Which tokens a candidate has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Requirement {
    /// All of these tokens. Those of `others` are looked up only if many contacts have the first ones.
    Tokens {
        first: Vec<Token>,
        others: Vec<Token>,
    },
    All(Vec<Requirement>),
    Any(Vec<Requirement>),
}

impl Requirement {
    /// What a contact has that matches a term in this way. `None`: no contact matches it so.
    pub(in crate::storage) fn of(term: &SearchTerm, match_type: MatchType) -> Option<Self> {
        match match_type {
            MatchType::Exact => Some(exact(term)),
            MatchType::Prefix => Some(prefix(term)),
            MatchType::Word => word_starts(term),
            MatchType::Part => parts(term),
            MatchType::Fuzzy => fuzzy(term),
        }
    }

    /// What a contact has that matches a term in any way, not counting typing mistakes. `None`: cannot be said.
    pub(in crate::storage) fn of_any_match(term: &SearchTerm) -> Option<Self> {
        // A handle can begin with a term whose words are in no contact, if it has words of punctuation.
        let begin_with_letters = |text: &str| {
            let mut words = text.split_whitespace();
            words.all(|word| word.starts_with(char::is_alphanumeric))
        };
        let by_words = || term.words().iter().map(|word| self::word(word, Position::Anywhere)).collect();
        let number = term.number().into_iter().flat_map(number);
        if begin_with_letters(term.folded()) {
            Some(Self::Any(number.chain([Self::All(by_words())]).collect()))
        } else {
            None
        }
    }

    /// The tokens to look up first.
    pub(super) fn first(&self, tokens: &mut Vec<Token>) {
        match self {
            Self::Tokens { first, others: _ } => tokens.extend(first),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.first(tokens)),
        }
    }

    /// The tokens to look up if there are many candidates.
    pub(super) fn others(&self, tokens: &mut Vec<Token>) {
        match self {
            Self::Tokens { first: _, others } => tokens.extend(others),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.others(tokens)),
        }
    }

    fn one(token: Token) -> Self {
        Self::Tokens { first: vec![token], others: Vec::new() }
    }
}

/// What of a word's position in the contact is required.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Anywhere,
    WordStart,
}

fn exact(term: &SearchTerm) -> Requirement {
    let handle = Requirement::one(token(Kind::WholeHandle, term.folded().chars()));
    let front = term.number().map(front_of_number).filter(|front| front.len() >= Phone::MIN_DIGITS);
    match front {
        Some(front) => {
            let number = [number_prefix(front), number_suffix(front)].into_iter().flatten().collect();
            Requirement::Any(vec![handle, Requirement::All(number)])
        }
        None => handle,
    }
}

fn prefix(term: &SearchTerm) -> Requirement {
    let handle_prefix =
        |text: &str| Requirement::one(token(Kind::HandlePrefix, text.chars().take(MAX_PREFIX)));
    let whole = handle_prefix(term.folded());
    let Some((first, rest)) = term.words().split_first() else { return whole };
    let mut required = vec![handle_prefix(first), characters(first, Position::WordStart)];
    required.extend(rest.iter().map(|rest| word(rest, Position::WordStart)));
    let by_words = Requirement::All(required);
    if term.folded().starts_with(first.as_str()) { by_words } else { Requirement::Any(vec![whole, by_words]) }
}

fn word_starts(term: &SearchTerm) -> Option<Requirement> {
    let words = term.words();
    let by_words = Requirement::All(words.iter().map(|word| self::word(word, Position::WordStart)).collect());
    match (words, term.number()) {
        ([], _) => None,
        // A word of digits has this alternative already.
        ([word], Some(digits)) if word == digits => Some(by_words),
        (_, None) => Some(by_words),
        (_, Some(digits)) => {
            let mut either = vec![by_words];
            either.extend(number(digits));
            Some(Requirement::Any(either))
        }
    }
}

fn parts(term: &SearchTerm) -> Option<Requirement> {
    let has_part = |word: &String| word.chars().nth(MIN_PART_CHARS - 1).is_some();
    let required = || term.words().iter().map(|word| self::word(word, Position::Anywhere)).collect();
    term.words().iter().any(has_part).then(|| Requirement::All(required()))
}

fn fuzzy(term: &SearchTerm) -> Option<Requirement> {
    let required: Vec<_> = term.words().iter().flat_map(|word| runs(word)).map(similar).collect();
    (!required.is_empty()).then_some(Requirement::All(required))
}

fn similar(word: &str) -> Requirement {
    let characters: Vec<char> = word.chars().collect();
    if characters.len() < MIN_FUZZY_CHARS {
        return self::word(word, Position::Anywhere);
    }
    let mut tokens = Vec::new();
    misspellings(&characters, &mut |token| tokens.push(token));
    tokens.sort_unstable();
    tokens.dedup();
    Requirement::Any(tokens.into_iter().map(Requirement::one).collect())
}

/// A word of a term: its characters, or, of digits, the front or the back of the number.
fn word(word: &str, position: Position) -> Requirement {
    let characters = characters(word, position);
    let mut either: Vec<_> =
        if word.bytes().all(|byte| byte.is_ascii_digit()) { number(word).collect() } else { Vec::new() };
    if either.is_empty() {
        return characters;
    }
    either.push(characters);
    Requirement::Any(either)
}

fn number(digits: &str) -> impl Iterator<Item = Requirement> {
    number_prefix(front_of_number(digits)).into_iter().chain(number_suffix(digits))
}

fn number_prefix(digits: &str) -> Option<Requirement> {
    let length = NUMBER_PREFIXES.into_iter().rfind(|length| *length <= digits.len())?;
    Some(Requirement::one(token(Kind::NumberPrefix, digits.get(..length)?.chars())))
}

fn number_suffix(digits: &str) -> Option<Requirement> {
    let length = NUMBER_SUFFIXES.into_iter().rfind(|length| *length <= digits.len())?;
    Some(Requirement::one(token(Kind::NumberSuffix, suffix(digits, length)?.chars())))
}

/// Punctuation in a word separates its tokens. What follows it begins a word wherever the word stands.
fn characters(word: &str, position: Position) -> Requirement {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    let mut characters = word.chars().peekable();
    let mut is_beginning = true;
    let is_short = word.chars().nth(MIN_PART_CHARS - 1).is_none();
    while characters.peek().is_some() {
        let mut run = Vec::new();
        while let Some(character) = characters.next_if(|character| character.is_alphanumeric()) {
            run.push(character);
        }
        if !run.is_empty() && (!is_beginning || position == Position::WordStart || is_short) {
            first.push(token(Kind::WordPrefix, run.iter().copied().take(MAX_PREFIX)));
        }
        let grams = run.windows(GRAM).map(|gram| token(Kind::Trigram, gram.iter().copied()));
        let last = run.len().saturating_sub(GRAM);
        // Neighbours have most of their contacts in common.
        for (at, gram) in grams.enumerate() {
            if at % GRAM == 0 || at == last { first.push(gram) } else { others.push(gram) }
        }
        is_beginning = false;
        characters.next();
    }
    Requirement::Tokens { first, others }
}
