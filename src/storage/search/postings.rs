//! Postings: which rows of a segment have a token, packed into blocks.
//!
//! A block is as large as a row that the database stores well, and has the postings of consecutive tokens: their number
//! (u16), the tokens (u32), the lengths of their rows (u16), the rows; integers in little-endian order.

use std::io;

use roaring::RoaringBitmap;

use super::tokens::Token;
use crate::domain::Result;
use crate::storage::error::corrupt;

/// How the rows of a token are stored: the first byte.
const BITMAP: u8 = 0;
const DIFFERENCES: u8 = 1;

/// A bitmap is shorter than the differences if more than every eighth row has the token.
const BITMAP_THRESHOLD: usize = 8;

/// Appends ascending rows of a segment with `rows` rows.
fn encode(set: &[u16], rows: usize, stored: &mut Vec<u8>) -> Result<()> {
    if set.len() * BITMAP_THRESHOLD > rows {
        stored.push(BITMAP);
        let bitmap: RoaringBitmap = set.iter().map(|row| u32::from(*row)).collect();
        return bitmap.serialize_into(&mut *stored).map_err(corrupt);
    }
    stored.push(DIFFERENCES);
    let mut last = 0;
    for row in set {
        let difference = row - last;
        last = *row;
        let mut buffer = [0; 3];
        stored.extend_from_slice(postcard::to_slice(&difference, &mut buffer).map_err(corrupt)?);
    }
    Ok(())
}

/// Adds stored rows to a set.
pub(super) fn decode(stored: &[u8], set: &mut RoaringBitmap) -> Result<()> {
    match stored {
        [BITMAP, bitmap @ ..] => {
            *set |= RoaringBitmap::deserialize_unchecked_from(bitmap).map_err(corrupt)?
        }
        [DIFFERENCES, differences @ ..] => {
            let (mut rest, mut row) = (differences, 0_u32);
            let mut rows = Vec::with_capacity(differences.len());
            while !rest.is_empty() {
                let difference: u16;
                (difference, rest) = postcard::take_from_bytes(rest).map_err(corrupt)?;
                row += u32::from(difference);
                rows.push(row);
            }
            *set |= RoaringBitmap::from_sorted_iter(rows).map_err(corrupt)?;
        }
        _ => return Err(corrupt("postings of an unknown form")),
    }
    Ok(())
}

/// The blocks of a segment, each with its first token.
pub(super) struct Packer {
    max_bytes: usize,
    blocks: Vec<(Token, Vec<u8>)>,
    tokens: Vec<(Token, u16)>,
    rows: Vec<u8>,
}

/// What a block has for each token beside its rows, and for all.
const TOKEN_BYTES: usize = size_of::<Token>() + size_of::<u16>();
const HEADER_BYTES: usize = size_of::<u16>();

impl Packer {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, blocks: Vec::new(), tokens: Vec::new(), rows: Vec::new() }
    }

    /// Adds a token, greater than all before it, with its ascending rows, of a segment with `rows` rows.
    pub(super) fn add(&mut self, token: Token, set: &[u16], rows: usize) -> Result<()> {
        let mut added = Vec::new();
        encode(set, rows, &mut added)?;
        let bytes = HEADER_BYTES + (self.tokens.len() + 1) * TOKEN_BYTES + self.rows.len() + added.len();
        if bytes > self.max_bytes {
            self.end_block();
        }
        self.tokens.push((token, u16::try_from(added.len()).map_err(corrupt)?));
        self.rows.append(&mut added);
        Ok(())
    }

    fn end_block(&mut self) {
        let Some((first, _)) = self.tokens.first().copied() else { return };
        // A token of eight kilobytes fills a block: there are far less than 2^16.
        let count = u16::try_from(self.tokens.len()).unwrap_or(u16::MAX);
        let mut block = count.to_le_bytes().to_vec();
        block.extend(self.tokens.iter().flat_map(|(token, _)| token.to_le_bytes()));
        block.extend(self.tokens.iter().flat_map(|(_, length)| length.to_le_bytes()));
        block.append(&mut self.rows);
        self.tokens.clear();
        self.blocks.push((first, block));
    }

    pub(super) fn finish(mut self) -> Vec<(Token, Vec<u8>)> {
        self.end_block();
        self.blocks
    }
}

/// A stored block.
pub(super) struct Block<'b> {
    tokens: &'b [u8],
    lengths: &'b [u8],
    rows: &'b [u8],
}

impl<'b> Block<'b> {
    pub(super) fn parse(bytes: &'b [u8]) -> Result<Self> {
        let too_short = || corrupt(io::Error::from(io::ErrorKind::UnexpectedEof));
        let (count, rest) = bytes.split_first_chunk().ok_or_else(too_short)?;
        let count = usize::from(u16::from_le_bytes(*count));
        let (tokens, rest) = rest.split_at_checked(count * size_of::<Token>()).ok_or_else(too_short)?;
        let (lengths, rows) = rest.split_at_checked(count * size_of::<u16>()).ok_or_else(too_short)?;
        Ok(Self { tokens, lengths, rows })
    }

    fn tokens(&self) -> impl ExactSizeIterator<Item = Token> + Clone + 'b {
        let (tokens, _) = self.tokens.as_chunks();
        tokens.iter().map(|bytes| Token::from_le_bytes(*bytes))
    }

    fn lengths(&self) -> impl Iterator<Item = usize> + 'b {
        let (lengths, _) = self.lengths.as_chunks();
        lengths.iter().map(|bytes| usize::from(u16::from_le_bytes(*bytes)))
    }

    /// The stored rows of a token.
    pub(super) fn find(&self, token: Token) -> Option<&'b [u8]> {
        let (tokens, _) = self.tokens.as_chunks();
        let at = tokens.binary_search_by_key(&token, |bytes| Token::from_le_bytes(*bytes)).ok()?;
        let mut lengths = self.lengths();
        let start = lengths.by_ref().take(at).sum();
        self.rows.get(start..start + lengths.next()?)
    }

    /// All tokens with their stored rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &'b [u8])> + 'b {
        let rows = self.rows;
        let mut start = 0;
        self.tokens().zip(self.lengths()).map_while(move |(token, length)| {
            let stored = rows.get(start..start + length)?;
            start += length;
            Some((token, stored))
        })
    }
}
