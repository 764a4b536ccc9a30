//! The blocks of segments, cached. A block never changes and its key is never used again, so that no cached block is ever
//! outdated.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter};

use super::segment::BlockKey;
use crate::domain::Result;
use crate::storage::db::json_sql::{self, Type};
use crate::storage::entity::search_block::{Column, Entity};
use crate::storage::instruments::Instruments;

pub(super) type Block = Arc<[u8]>;

pub(in crate::storage) struct BlockCache {
    blocks: Cache<BlockKey, Block, ByBytes>,
    instruments: Option<Instruments>,
}

#[derive(Clone)]
struct ByBytes;

/// Average size of a block, and overhead of each, in bytes.
const BLOCK_BYTES: usize = 3_000;
const OVERHEAD: usize = 64;

impl Weighter<BlockKey, Block> for ByBytes {
    fn weight(&self, _: &BlockKey, block: &Block) -> u64 {
        (block.len() + OVERHEAD) as u64
    }
}

impl BlockCache {
    pub(super) fn new(max_bytes: usize, instruments: Option<Instruments>) -> Self {
        let blocks = Cache::with_weighter(max_bytes / BLOCK_BYTES, max_bytes as u64, ByBytes);
        Self { blocks, instruments }
    }

    /// Adds the blocks with these keys that are not there yet.
    pub(super) async fn load(
        &self,
        connection: &impl ConnectionTrait,
        keys: &[BlockKey],
        blocks: &mut HashMap<BlockKey, Block>,
    ) -> Result<()> {
        let (mut missing, mut hits) = (Vec::new(), 0);
        for key in keys {
            if blocks.contains_key(key) {
                continue;
            }
            match self.blocks.get(key) {
                Some(block) => {
                    hits += 1;
                    blocks.insert(*key, block);
                }
                None => missing.push([*key]),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if let Some(instruments) = &self.instruments {
            instruments.search_blocks().count_several(hits, missing.len());
        }
        if missing.is_empty() {
            return Ok(());
        }
        let keys = json_sql::records(connection, &missing, &[("id", Type::Integer)])?;
        let select = Entity::find().filter(json_sql::in_query(connection, Column::Id, keys));
        for found in select.all(connection).await? {
            let block = Block::from(found.data);
            self.blocks.insert(found.id, Arc::clone(&block));
            blocks.insert(found.id, block);
        }
        Ok(())
    }
}
