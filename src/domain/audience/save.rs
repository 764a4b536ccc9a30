//! Keeps an audience as a snapshot: its entries stay as they were resolved, even if contacts and templates change.

use std::sync::Arc;

use super::entry::Entry;
use super::repository::AudienceRepository;
use super::request::Request;
use super::resolver::Resolver;
use super::snapshot::{AudienceId, AudienceSnapshot, SnapshotLimits};
use crate::domain::error::{Error, Result};
use crate::domain::idempotency::{Created, IdempotentRequest};

/// Resolves an audience and stores it batch by batch; a repeated request gets the snapshot that the first one created.
/// A failure deletes what was stored, so the future must run to its end.
///
/// # Errors
/// As [`SnapshotLimits::check`] and the repository.
pub(super) async fn save(
    repository: Arc<dyn AudienceRepository>,
    request: Request,
    idempotent: Option<IdempotentRequest>,
    limits: SnapshotLimits,
) -> Result<Created<AudienceSnapshot>> {
    let resolver = Resolver::begin(Arc::clone(&repository), request).await?;
    let expected = resolver.expected().await?;
    let Created { resource: id, replayed } = repository.begin(idempotent.clone(), expected, limits).await?;
    if replayed {
        return Created::replay(repository.get(id).await, "audience");
    }
    match fill(&repository, resolver, id, limits).await {
        Ok(snapshot) => Ok(Created { resource: snapshot, replayed }),
        Err(error) => {
            repository.abandon(id, idempotent).await;
            Err(error)
        }
    }
}

async fn fill(
    repository: &Arc<dyn AudienceRepository>,
    mut resolver: Resolver,
    id: AudienceId,
    limits: SnapshotLimits,
) -> Result<AudienceSnapshot> {
    let (mut recipients, mut exclusions) = (0, 0);
    while let Some(entries) = resolver.next().await? {
        // Groups may have grown since the count.
        let count = resolver.report().counts.asked;
        if count > limits.entries {
            return Err(Error::snapshot_too_large(count, limits.entries));
        }
        let mut with_position = |entry: Entry| {
            let position = match entry {
                Entry::Included(_) => &mut recipients,
                Entry::Excluded(_) => &mut exclusions,
            };
            *position += 1;
            (*position - 1, entry)
        };
        repository.add_entries(id, entries.into_iter().map(&mut with_position).collect()).await?;
    }
    repository.finish(id, resolver.report().clone()).await
}
