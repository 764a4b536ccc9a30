//! Segments: the index of some contacts, sorted by id. A segment never changes; segments are merged into larger ones.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::postings::{self, Block, Packer};
use super::tokens::{self, Token};
use crate::domain::search::Document;
use crate::domain::{ContactId, Result};
use crate::storage::error::corrupt;

/// Rows are numbered with 16 bits.
pub(super) const MAX_ROWS: usize = 1 << 16;

/// Ids in one block of ids.
const IDS_PER_BLOCK: usize = 120;

const ID_BYTES: usize = size_of::<Uuid>();

/// A segment as it is held in memory: which of its blocks has what.
#[derive(Debug)]
pub(in crate::storage) struct Segment {
    id: i64,
    directory: Directory,
}

/// What of a segment is held in memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Directory {
    rows: usize,
    /// The first token of each block of postings.
    tokens: Vec<Token>,
    /// The first id of each block of ids.
    ids: Vec<Uuid>,
    last: Uuid,
}

/// The key of a block in the database: of the postings that begin with a token, or of the ids with a number.
pub(super) type BlockKey = i64;

/// Above the 32 bits of a token or number, and one bit that says which it is.
const SEGMENT_SHIFT: u32 = 33;
const IDS: BlockKey = 1 << 32;

/// A segment to be stored: the keys of its blocks are yet without its id.
pub(super) struct EncodedSegment {
    pub(super) directory: Directory,
    pub(super) blocks: Vec<(BlockKey, Vec<u8>)>,
}

/// The keys of all blocks of a segment.
pub(super) fn block_keys(segment: i64) -> std::ops::Range<BlockKey> {
    segment << SEGMENT_SHIFT..(segment + 1) << SEGMENT_SHIFT
}

impl Segment {
    pub(super) fn new(id: i64, directory: Directory) -> Self {
        Self { id, directory }
    }

    #[cfg(test)]
    pub(super) fn of_rows(id: i64, rows: usize) -> Self {
        Self::new(id, Directory { rows, tokens: Vec::new(), ids: Vec::new(), last: Uuid::nil() })
    }

    pub(super) fn id(&self) -> i64 {
        self.id
    }

    pub(super) fn rows(&self) -> usize {
        self.directory.rows
    }

    pub(super) fn first(&self) -> Option<Uuid> {
        self.directory.ids.first().copied()
    }

    pub(super) fn last(&self) -> Uuid {
        self.directory.last
    }

    /// Its size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let Directory { rows: _, tokens, ids, last: _ } = &self.directory;
        size_of::<Self>() + tokens.len() * size_of::<Token>() + ids.len() * size_of::<Uuid>()
    }

    /// The block that has a token, if one does.
    pub(super) fn block_of_token(&self, token: Token) -> Option<BlockKey> {
        let at = self.directory.tokens.partition_point(|first| *first <= token).checked_sub(1)?;
        Some(self.id << SEGMENT_SHIFT | BlockKey::from(*self.directory.tokens.get(at)?))
    }

    /// The block that has the id of a row, and where in it.
    pub(super) fn block_of_row(&self, row: usize) -> (BlockKey, usize) {
        (self.id_block(row / IDS_PER_BLOCK), row % IDS_PER_BLOCK)
    }

    /// The block that has an id or the one before it, and the number of its first row.
    pub(super) fn block_of_id(&self, id: Uuid) -> Option<(BlockKey, usize)> {
        let at = self.directory.ids.partition_point(|first| *first <= id).checked_sub(1)?;
        Some((self.id_block(at), at * IDS_PER_BLOCK))
    }

    /// The blocks of ids that may have some of these ids.
    pub(super) fn blocks_of_ids(&self, ids: &BTreeSet<Uuid>) -> BTreeSet<BlockKey> {
        let within = self.first().into_iter().flat_map(|first| ids.range(first..=self.last().max(first)));
        within.filter_map(|id| self.block_of_id(*id).map(|(block, _)| block)).collect()
    }

    fn id_block(&self, number: usize) -> BlockKey {
        self.id << SEGMENT_SHIFT | IDS | BlockKey::try_from(number).unwrap_or(0)
    }
}

/// The ids of a block.
pub(super) fn ids(block: &[u8]) -> impl ExactSizeIterator<Item = Uuid> + '_ {
    let (ids, _) = block.as_chunks::<ID_BYTES>();
    ids.iter().map(|bytes| Uuid::from_bytes(*bytes))
}

/// Indexes at most [`MAX_ROWS`] documents, sorted by id. Blocks have about `block_bytes`.
pub(super) fn build<'d>(
    documents: impl ExactSizeIterator<Item = (ContactId, &'d Document)>,
    block_bytes: usize,
) -> Result<EncodedSegment> {
    const TOKENS_PER_DOCUMENT: usize = 110;
    let rows = documents.len();
    let (mut ids, mut word) = (Vec::with_capacity(rows), Vec::new());
    // The token above, the row below.
    let mut entries: Vec<u64> = Vec::with_capacity(rows * TOKENS_PER_DOCUMENT);
    for (row, (id, document)) in documents.enumerate() {
        let row = u16::try_from(row).map_err(corrupt)?;
        tokens::of_document(document, &mut word, |token| {
            entries.push(u64::from(token) << u16::BITS | u64::from(row));
        });
        ids.push(id.as_uuid());
    }
    entries.sort_unstable();
    entries.dedup();
    let mut packer = Packer::new(block_bytes);
    let mut set = Vec::new();
    for of_token in entries.chunk_by(|a, b| a >> u16::BITS == b >> u16::BITS) {
        set.clear();
        set.extend(of_token.iter().map(|entry| (entry & u64::from(u16::MAX)) as u16));
        let token = of_token.first().map_or(0, |entry| (entry >> u16::BITS) as Token);
        packer.add(token, &set, rows)?;
    }
    encode(packer, &ids)
}

fn encode(packer: Packer, ids: &[Uuid]) -> Result<EncodedSegment> {
    let last = *ids.last().ok_or_else(|| corrupt("a segment without contacts"))?;
    let mut directory = Directory { rows: ids.len(), tokens: Vec::new(), ids: Vec::new(), last };
    let mut blocks = Vec::new();
    for (token, block) in packer.finish() {
        directory.tokens.push(token);
        blocks.push((BlockKey::from(token), block));
    }
    for (number, of_block) in ids.chunks(IDS_PER_BLOCK).enumerate() {
        directory.ids.extend(of_block.first());
        let block = of_block.iter().flat_map(|id| id.as_bytes()).copied().collect();
        blocks.push((IDS | BlockKey::try_from(number).map_err(corrupt)?, block));
    }
    Ok(EncodedSegment { directory, blocks })
}

/// The blocks of a segment to be merged, in the order of their keys.
pub(super) struct Part {
    pub(super) blocks: Vec<(BlockKey, Vec<u8>)>,
}

impl Part {
    fn ids(&self) -> Vec<Uuid> {
        let blocks = self.blocks.iter().filter(|(key, _)| key & IDS != 0);
        blocks.flat_map(|(_, block)| ids(block)).collect()
    }

    fn postings(&self) -> Result<Vec<(Token, &[u8])>> {
        let mut postings = Vec::new();
        for (_, block) in self.blocks.iter().filter(|(key, _)| key & IDS == 0) {
            postings.extend(Block::parse(block)?.iter());
        }
        Ok(postings)
    }
}

/// Merges segments with at most [`MAX_ROWS`] rows together. A contact that is in several of them has the tokens of all:
/// those of its earlier texts cost verifications, until the index is built anew.
pub(super) fn merge(parts: &[Part], block_bytes: usize) -> Result<EncodedSegment> {
    let merged = merge_without(parts, &BTreeSet::new(), block_bytes)?;
    merged.ok_or_else(|| corrupt("segments without contacts"))
}

/// As [`merge`], without some contacts. `None`: there are no others.
pub(super) fn merge_without(
    parts: &[Part],
    erased: &BTreeSet<Uuid>,
    block_bytes: usize,
) -> Result<Option<EncodedSegment>> {
    let of_parts: Vec<Vec<Uuid>> = parts.iter().map(Part::ids).collect();
    let mut all: Vec<Uuid> = of_parts.iter().flatten().copied().filter(|id| !erased.contains(id)).collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        return Ok(None);
    }
    if all.len() > MAX_ROWS {
        return Err(corrupt("a merged segment has too many rows"));
    }
    // For each part: the new numbers of its rows; erased ones have none.
    let number = |id: &Uuid| all.binary_search(id).ok().and_then(|row| u16::try_from(row).ok());
    let numbers: Vec<Vec<Option<u16>>> =
        of_parts.iter().map(|ids| ids.iter().map(number).collect()).collect();

    let postings: Vec<Vec<(Token, &[u8])>> = parts.iter().map(Part::postings).collect::<Result<_>>()?;
    // The next token of each part.
    let head = |part: usize, at: usize| {
        let (token, _) = postings.get(part)?.get(at)?;
        Some(Reverse((*token, part, at)))
    };
    let mut heads: BinaryHeap<_> = (0..parts.len()).filter_map(|part| head(part, 0)).collect();
    let mut packer = Packer::new(block_bytes);
    let (mut set, mut rows) = (Vec::new(), RoaringBitmap::new());
    while let Some(Reverse((token, part, at))) = heads.pop() {
        rows.clear();
        postings::decode(postings[part][at].1, &mut rows)?;
        set.extend(rows.iter().filter_map(|row| numbers[part].get(row as usize).copied().flatten()));
        heads.extend(head(part, at + 1));
        if heads.peek().is_none_or(|Reverse((next, ..))| *next != token) {
            set.sort_unstable();
            set.dedup();
            // Of a token that only erased contacts had, nothing stays.
            if !set.is_empty() {
                packer.add(token, &set, all.len())?;
            }
            set.clear();
        }
    }
    encode(packer, &all).map(Some)
}
