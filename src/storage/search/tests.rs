//! The guarantees of tokens and segments, by comparing them with the texts themselves.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use roaring::RoaringBitmap;
use serde_json::json;
use uuid::Uuid;

use super::postings::{self, Block};
use super::segment::{self, BlockKey, Part};
use super::tokens::{self, Requirement, Token};
use crate::domain::contact::fields::{DisplayName, Handle, Meta, Phone};
use crate::domain::search::{Document, MatchType, SearchTerm};
use crate::domain::{Contact, ContactId, NewContact};

/// Few different characters, so that texts have much in common.
const TEXT: &str = "[ab1\u{e9}\u{df}\u{6771}\u{4eac}Z '-]{0,12}";

fn document(handle: &str, name: &str, meta: &str, number: &str) -> Document {
    let meta = Meta::parse(json!({"TEXT": meta, "LIST": [meta, 7]}).as_object().unwrap()).unwrap();
    Document::of(&Contact::new(NewContact {
        handle: Handle::from_stored(handle.to_owned()),
        phone: Phone::from_stored(format!("+{number}")),
        display_name: Some(DisplayName::from_stored(name.to_owned())),
        avatar_url: None,
        meta,
    }))
}

fn tokens_of(document: &Document) -> HashSet<Token> {
    let mut tokens = HashSet::new();
    tokens::of_document(document, &mut Vec::new(), |token| {
        tokens.insert(token);
    });
    tokens
}

fn has(tokens: &HashSet<Token>, requirement: &Requirement) -> bool {
    match requirement {
        Requirement::Tokens { first, others } => {
            first.iter().chain(others).all(|token| tokens.contains(token))
        }
        Requirement::All(parts) => parts.iter().all(|part| has(tokens, part)),
        Requirement::Any(parts) => parts.iter().any(|part| has(tokens, part)),
    }
}

/// A term that often matches: a part of the texts, sometimes with a typing mistake.
fn part_of(text: &str, start: usize, length: usize, mistake: Option<(usize, char)>) -> String {
    let mut part: Vec<char> = text.chars().skip(start % (text.chars().count() + 1)).take(length).collect();
    if let (Some((at, character)), false) = (mistake, part.is_empty()) {
        let at = at % part.len();
        part[at] = character;
    }
    part.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Else a contact that matches would not be found.
    #[test]
    fn what_matches_has_the_tokens_that_are_required(
        handle in TEXT, name in TEXT, meta in TEXT, number in "[0-9]{7,15}",
        free in TEXT, (start, length) in (0..40_usize, 0..14_usize),
        mistake in prop::option::of((0..14_usize, prop::char::range('a', 'c'))),
    ) {
        let document = document(&handle, &name, &meta, &number);
        let tokens = tokens_of(&document);
        let part = part_of(&format!("{handle} {name} {meta} {number}"), start, length, mistake);
        for term in [free.clone(), part.clone(), format!("{part} {free}"), number[number.len() - 4..].to_owned()] {
            let Ok(term) = SearchTerm::parse(&term) else { continue };
            if let Some(match_type) = MatchType::of(&term, &document) {
                let requirement = Requirement::of(&term, match_type);
                prop_assert!(requirement.is_some_and(|it| has(&tokens, &it)), "{term:?} as {match_type:?}");
                let requirement = Requirement::of_any_match(&term);
                prop_assert!(requirement.is_none_or(|it| has(&tokens, &it)), "{term:?} in any way");
            }
            if MatchType::is_fuzzy(&term, &document) {
                let requirement = Requirement::of(&term, MatchType::Fuzzy);
                prop_assert!(requirement.is_some_and(|it| has(&tokens, &it)), "{term:?} with a mistake");
            }
        }
    }
}

/// What a segment says: the tokens of each contact.
fn contents(part: &Part) -> BTreeMap<Uuid, BTreeSet<Token>> {
    let is_ids = |key: BlockKey| key >> 32 != 0;
    let ids: Vec<Uuid> = part
        .blocks
        .iter()
        .filter(|(key, _)| is_ids(*key))
        .flat_map(|(_, block)| segment::ids(block))
        .collect();
    let mut contents: BTreeMap<Uuid, BTreeSet<Token>> = ids.iter().map(|id| (*id, BTreeSet::new())).collect();
    let mut last = None;
    for (_, block) in part.blocks.iter().filter(|(key, _)| !is_ids(*key)) {
        let block = Block::parse(block).unwrap();
        for (token, stored) in block.iter() {
            assert!(last < Some(token), "in order, each once");
            last = Some(token);
            assert_eq!(block.find(token), Some(stored));
            let mut rows = RoaringBitmap::new();
            postings::decode(stored, &mut rows).unwrap();
            for row in rows {
                contents.get_mut(&ids[row as usize]).unwrap().insert(token);
            }
        }
    }
    contents
}

#[test]
fn segments_have_the_tokens_of_their_contacts_and_merged_ones_those_of_all() {
    let names = ["maria", "mario", "jose garcia", "an", "x", "anna-lena", "6"];
    let contact = |i: u128| {
        let name = format!("{} {}", names[i as usize % names.len()], i / 7);
        (ContactId::from_uuid(Uuid::from_u128(i)), document(&name, &name, "gold", &format!("4479{i:07}")))
    };
    let build = |ids: Vec<u128>| {
        let documents: Vec<_> = ids.into_iter().map(contact).collect();
        let expected: BTreeMap<_, BTreeSet<_>> = documents
            .iter()
            .map(|(id, document)| (id.as_uuid(), tokens_of(document).into_iter().collect()))
            .collect();
        let encoded = segment::build(documents.iter().map(|(id, document)| (*id, document)), 600).unwrap();
        let part = Part { blocks: encoded.blocks };
        assert_eq!(contents(&part), expected);
        (part, expected)
    };
    // One after the other, and updates in between.
    let (parts, expected): (Vec<_>, Vec<_>) =
        [(0..400).collect(), (400..1_000).collect(), (0..1_000).step_by(7).collect(), vec![5]]
            .map(build)
            .into_iter()
            .unzip();
    let merged = Part { blocks: segment::merge(&parts, 600).unwrap().blocks };
    assert!(merged.blocks.len() > 100, "many blocks");
    let expected: BTreeMap<_, _> = expected.into_iter().flatten().collect();
    assert_eq!(contents(&merged), expected);
}

#[test]
fn a_segment_without_erased_contacts_is_as_if_they_had_never_been_in_it() {
    let contact = |i: u128| {
        let name = format!("name {} {i}", i % 7);
        (ContactId::from_uuid(Uuid::from_u128(i)), document(&name, &name, "gold", &format!("4479{i:07}")))
    };
    let build = |ids: &mut dyn Iterator<Item = u128>| {
        let documents: Vec<_> = ids.map(contact).collect();
        segment::build(documents.iter().map(|(id, document)| (*id, document)), 600).unwrap()
    };
    // The first, the last, and some between them.
    let erased = |id: &u128| id.is_multiple_of(133);
    let part = || Part { blocks: build(&mut (0..400)).blocks };
    let without = |ids: &mut dyn Iterator<Item = u128>| {
        segment::merge_without(&[part()], &ids.map(Uuid::from_u128).collect(), 600).unwrap()
    };
    let rest = without(&mut (0..400).filter(erased)).unwrap();
    let expected = build(&mut (0..400).filter(|id| !erased(id)));
    assert_eq!(rest.blocks, expected.blocks);
    let directory = |segment: &segment::EncodedSegment| postcard::to_stdvec(&segment.directory).unwrap();
    assert_eq!(directory(&rest), directory(&expected));
    assert!(without(&mut (0..400)).is_none(), "a segment of nobody else");
}
