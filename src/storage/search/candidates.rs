//! The contacts that may match a term in one way, the newest first, of all segments and the tail.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use roaring::RoaringBitmap;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::blocks::{Block, BlockCache};
use super::postings;
use super::segment::{self, BlockKey, Segment};
use super::tokens::{Requirement, Token};
use crate::domain::{ContactId, Error, ErrorCode, Result};

/// Above it, all tokens of a word are looked up: in fewer candidates, verifying costs less.
const MANY: u64 = 24;

/// Rows of a segment whose ids are read together.
const IDS_AHEAD: usize = 16;

/// Segments are opened from the newest, first so many at a time, then twice as many.
const FIRST_GROUP: usize = 2;

/// A merge of sources by descending id. A segment is opened when it may have the next id: a frequent word is found in the
/// newest segment, and the others are not read.
pub(in crate::storage) struct Candidates<'s, C> {
    connection: &'s C,
    cache: &'s BlockCache,
    requirement: Option<Requirement>,
    /// Only contacts below this one.
    below: Option<Uuid>,
    /// By their last id, the greatest first.
    unopened: VecDeque<Arc<Segment>>,
    group: usize,
    open: Vec<Source>,
    tail: BTreeSet<Uuid>,
    blocks: HashMap<BlockKey, Block>,
}

/// The candidates of one segment that are left.
struct Source {
    segment: Arc<Segment>,
    rows: RoaringBitmap,
    /// The ids of the highest of them, which are no longer in `rows`; the highest is the last.
    ids: Vec<Uuid>,
}

impl<'s, C: ConnectionTrait> Candidates<'s, C> {
    pub(in crate::storage) fn new(
        connection: &'s C,
        cache: &'s BlockCache,
        requirement: Option<Requirement>,
        segments: &[Arc<Segment>],
        tail: impl Iterator<Item = ContactId>,
        below: Option<ContactId>,
    ) -> Self {
        let below = below.map(ContactId::as_uuid);
        let is_below = |id: &Uuid| below.is_none_or(|below| *id < below);
        // No contact of a later segment is searched for if nothing is required.
        let segments = if requirement.is_some() { segments } else { &[] };
        Self {
            connection,
            cache,
            requirement,
            below,
            unopened: segments.iter().map(Arc::clone).collect(),
            group: FIRST_GROUP,
            open: Vec::new(),
            tail: tail.map(ContactId::as_uuid).filter(is_below).collect(),
            blocks: HashMap::new(),
        }
    }

    /// All ids that are left in descending order, if they are few.
    pub(in crate::storage) async fn all(&mut self, limit: usize) -> Result<Option<Vec<ContactId>>> {
        let mut left = self.tail.len() as u64;
        while left <= limit as u64 && !self.unopened.is_empty() {
            self.open_segments().await?;
            left = self.open.iter().map(|source| source.rows.len()).sum::<u64>() + self.tail.len() as u64;
        }
        if left <= limit as u64 { self.next(limit).await.map(Some) } else { Ok(None) }
    }

    /// The next ids in descending order, each once; none if there are no more.
    pub(in crate::storage) async fn next(&mut self, limit: usize) -> Result<Vec<ContactId>> {
        let mut ids = Vec::with_capacity(limit);
        while ids.len() < limit {
            let Some(id) = self.highest().await? else { break };
            ids.push(ContactId::from_uuid(id));
            self.tail.remove(&id);
            for source in self.open.iter_mut().filter(|source| source.ids.last() == Some(&id)) {
                source.ids.pop();
            }
        }
        Ok(ids)
    }

    /// The highest id that is left.
    async fn highest(&mut self) -> Result<Option<Uuid>> {
        loop {
            self.read_ids().await?;
            let open = self.open.iter().filter_map(|source| source.ids.last());
            let highest = open.chain(self.tail.last()).max().copied();
            let may_be_higher =
                |segment: &Arc<Segment>| highest.is_none_or(|highest| segment.last() > highest);
            if !self.unopened.front().is_some_and(may_be_higher) {
                return Ok(highest);
            }
            self.open_segments().await?;
        }
    }

    async fn open_segments(&mut self) -> Result<()> {
        let Some(requirement) = self.requirement.take() else { return Ok(()) };
        let opened = self.unopened.drain(..self.group.min(self.unopened.len())).collect::<Vec<_>>();
        self.group *= 2;
        let mut tokens = Vec::new();
        requirement.first(&mut tokens);
        let keys = |segments: &[&Arc<Segment>], tokens: &[Token]| -> Vec<BlockKey> {
            let of_segment = |segment: &&Arc<Segment>| {
                let segment = Arc::clone(segment);
                tokens.iter().filter_map(move |token| segment.block_of_token(*token)).collect::<Vec<_>>()
            };
            segments.iter().flat_map(of_segment).collect()
        };
        let all: Vec<_> = opened.iter().collect();
        self.cache.load(self.connection, &keys(&all, &tokens), &mut self.blocks).await?;
        let mut found = Vec::with_capacity(opened.len());
        for segment in &opened {
            found.push(self.evaluate(&requirement, segment, false)?);
        }
        let many: Vec<_> = opened
            .iter()
            .zip(&found)
            .filter(|(_, rows)| rows.len() > MANY)
            .map(|(segment, _)| segment)
            .collect();
        tokens.clear();
        requirement.others(&mut tokens);
        if !tokens.is_empty() && !many.is_empty() {
            self.cache.load(self.connection, &keys(&many, &tokens), &mut self.blocks).await?;
            for (segment, rows) in opened.iter().zip(&mut found) {
                if rows.len() > MANY {
                    *rows = self.evaluate(&requirement, segment, true)?;
                }
            }
        }
        self.requirement = Some(requirement);
        for (segment, mut rows) in opened.into_iter().zip(found) {
            self.remove_not_below(&segment, &mut rows).await?;
            if !rows.is_empty() {
                self.open.push(Source { segment, rows, ids: Vec::new() });
            }
        }
        Ok(())
    }

    /// The rows of a segment that have what is required.
    fn evaluate(
        &self,
        requirement: &Requirement,
        segment: &Segment,
        with_others: bool,
    ) -> Result<RoaringBitmap> {
        match requirement {
            Requirement::Tokens { first, others } => {
                let others = others.iter().filter(|_| with_others);
                intersection(first.iter().chain(others).map(|token| self.rows_of(segment, *token)))
            }
            Requirement::All(parts) => {
                intersection(parts.iter().map(|part| self.evaluate(part, segment, with_others)))
            }
            Requirement::Any(parts) => {
                let mut rows = RoaringBitmap::new();
                for part in parts {
                    rows |= self.evaluate(part, segment, with_others)?;
                }
                Ok(rows)
            }
        }
    }

    fn rows_of(&self, segment: &Segment, token: Token) -> Result<RoaringBitmap> {
        let mut rows = RoaringBitmap::new();
        let block = segment.block_of_token(token).map(|key| self.block(key)).transpose()?;
        if let Some(block) = block
            && let Some(stored) = postings::Block::parse(block)?.find(token)
        {
            postings::decode(stored, &mut rows)?;
        }
        Ok(rows)
    }

    fn block(&self, key: BlockKey) -> Result<&Block> {
        let missing = || Error::caused_by(ErrorCode::Internal, "a block of the search index is missing");
        self.blocks.get(&key).ok_or_else(missing)
    }

    async fn remove_not_below(&mut self, segment: &Segment, rows: &mut RoaringBitmap) -> Result<()> {
        let Some(below) = self.below.filter(|below| *below <= segment.last()) else { return Ok(()) };
        let end = match segment.block_of_id(below) {
            Some((key, first_row)) => {
                self.cache.load(self.connection, &[key], &mut self.blocks).await?;
                first_row + segment::ids(self.block(key)?).take_while(|id| *id < below).count()
            }
            None => 0,
        };
        rows.remove_range(u32::try_from(end).unwrap_or(u32::MAX)..);
        Ok(())
    }

    /// Reads the ids of the highest rows where they are unknown.
    async fn read_ids(&mut self) -> Result<()> {
        let next_rows = |source: &Source| -> Vec<usize> {
            if source.ids.is_empty() {
                source.rows.iter().rev().take(IDS_AHEAD).map(|row| row as usize).collect()
            } else {
                Vec::new()
            }
        };
        let mut keys = Vec::new();
        for source in &self.open {
            keys.extend(next_rows(source).into_iter().map(|row| source.segment.block_of_row(row).0));
        }
        if keys.is_empty() {
            return Ok(());
        }
        self.cache.load(self.connection, &keys, &mut self.blocks).await?;
        let mut open = std::mem::take(&mut self.open);
        for source in &mut open {
            // The highest is to be the last.
            for row in next_rows(source).into_iter().rev() {
                let (key, at) = source.segment.block_of_row(row);
                source.ids.extend(segment::ids(self.block(key)?).nth(at));
                source.rows.remove(u32::try_from(row).unwrap_or(u32::MAX));
            }
        }
        open.retain(|source| !source.ids.is_empty());
        self.open = open;
        Ok(())
    }
}

/// What all sets have; the later ones are not made once nothing is left.
fn intersection(sets: impl Iterator<Item = Result<RoaringBitmap>>) -> Result<RoaringBitmap> {
    let mut common: Option<RoaringBitmap> = None;
    for set in sets {
        let set = set?;
        let common = match &mut common {
            Some(common) => {
                *common &= set;
                common
            }
            None => common.insert(set),
        };
        if common.is_empty() {
            break;
        }
    }
    Ok(common.unwrap_or_default())
}
