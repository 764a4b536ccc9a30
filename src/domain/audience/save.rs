//! Keeps an audience: its entries stay as they were found, whatever becomes of contacts and templates.

use std::sync::Arc;

use super::entry::Entry;
use super::repository::AudienceRepository;
use super::request::Request;
use super::resolver::Resolver;
use super::snapshot::{AudienceId, AudienceSnapshot, SnapshotLimits};
use crate::domain::error::{Error, Result};
use crate::domain::idempotency::{Created, IdempotentRequest};

/// Finds an audience and keeps it; or, where the same attempt was made before, tells what became of that.
/// To be called in a task of its own: what is begun is finished or taken back.
///
/// # Errors
/// Whatever [`SnapshotLimits::check`] and the repository answer.
pub async fn save(
    source: Arc<dyn AudienceRepository>,
    request: Request,
    attempt: Option<IdempotentRequest>,
    limits: SnapshotLimits,
) -> Result<Created<AudienceSnapshot>> {
    let resolver = Resolver::begin(Arc::clone(&source), request).await?;
    let expected = resolver.expected().await?;
    let Created { made: id, replayed } = source.begin(attempt.clone(), expected, limits).await?;
    if replayed {
        return Created::replay(source.get(id).await, "audience");
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
        source.add_entries(id, entries.into_iter().map(&mut place).collect()).await?;
    }
    source.finish(id, resolver.report().clone()).await
}
