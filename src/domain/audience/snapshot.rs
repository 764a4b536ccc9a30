//! Keeps an audience: its entries stay as they were found, whatever becomes of contacts and templates.

use std::sync::Arc;

use super::entry::Entry;
use super::repository::AudienceRepository;
use super::resolver::Resolver;
use super::{AudienceId, AudienceSnapshot, Request};
use crate::domain::error::{Error, Result};
use crate::domain::idempotency::{Created, IdempotentRequest};

/// How much may be kept.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotLimits {
    /// Most entries of one audience.
    pub entries: u64,
    /// Most entries of all audiences that an account keeps.
    pub quota: u64,
}

impl SnapshotLimits {
    /// An audience counts as so many entries at least: its own row, with the account of it, takes room too.
    const LEAST: u64 = 100;

    /// As how many entries an audience counts against the quota.
    #[must_use]
    pub fn weight(entries: u64) -> u64 {
        entries.max(Self::LEAST)
    }

    /// Refuses an audience of so many entries, in an account whose audiences count as `kept`.
    ///
    /// # Errors
    /// [`ErrorCode::AudienceTooLarge`](crate::domain::ErrorCode::AudienceTooLarge) and
    /// [`ErrorCode::AudienceQuota`](crate::domain::ErrorCode::AudienceQuota).
    pub fn check(self, entries: u64, kept: u64) -> Result<()> {
        let Self { entries: limit, quota } = self;
        if entries > limit {
            return Err(Error::kept_too_large(entries, limit));
        }
        let weight = Self::weight(entries);
        if kept.saturating_add(weight) > quota {
            return Err(Error::audience_quota(kept, weight, quota));
        }
        Ok(())
    }
}

/// Finds an audience and keeps it; or, where the same attempt was made before, tells what became of that.
/// To be called in a task of its own: what is begun is finished or taken back.
///
/// # Errors
/// Whatever [`SnapshotLimits::check`] and the repository answer.
pub async fn keep(
    source: Arc<dyn AudienceRepository>,
    request: Request,
    attempt: Option<IdempotentRequest>,
    limits: SnapshotLimits,
) -> Result<Created<AudienceSnapshot>> {
    let resolver = Resolver::begin(Arc::clone(&source), request).await?;
    let expected = resolver.expected().await?;
    let Created { made: id, replayed } = source.begin(attempt.clone(), expected, limits).await?;
    if replayed {
        return Created::replay(source.kept(id).await, "audience");
    }
    match fill(&source, resolver, id, limits).await {
        Ok(kept) => Ok(Created { made: kept, replayed }),
        Err(error) => {
            source.abandon(id, attempt).await;
            Err(error)
        }
    }
}

async fn fill(
    source: &Arc<dyn AudienceRepository>,
    mut resolver: Resolver,
    id: AudienceId,
    limits: SnapshotLimits,
) -> Result<AudienceSnapshot> {
    let (mut recipients, mut exclusions) = (0, 0);
    while let Some(entries) = resolver.next().await? {
        // It may have grown since it was counted.
        let count = resolver.report().counts.asked;
        if count > limits.entries {
            return Err(Error::kept_too_large(count, limits.entries));
        }
        let mut place = |entry: Entry| {
            let position = match entry {
                Entry::Included(_) => &mut recipients,
                Entry::Excluded(_) => &mut exclusions,
            };
            *position += 1;
            (*position - 1, entry)
        };
        source.keep(id, entries.into_iter().map(&mut place).collect()).await?;
    }
    source.finish(id, resolver.report().clone()).await
}
