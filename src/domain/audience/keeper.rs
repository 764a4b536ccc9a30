//! Keeps an audience: its entries stay as they were found, whatever becomes of contacts and templates.

use std::sync::Arc;

use super::entry::Entry;
use super::repository::AudienceRepository;
use super::resolver::Resolver;
use super::{AudienceId, Kept, Request};
use crate::domain::error::{Code, Result};
use crate::domain::idempotency::{Attempt, Created};

/// Finds an audience and keeps it; or, where the same attempt was made before, tells what became of that.
/// To be called in a task of its own: what is begun is finished or taken back.
///
/// # Errors
/// [`Code::AudienceTooLarge`] where there are more than `limit`; whatever the repository answers.
pub async fn keep(
    source: Arc<dyn AudienceRepository>,
    request: Request,
    attempt: Option<Attempt>,
    limit: u64,
) -> Result<Created<Kept>> {
    let Created { made: id, replayed } = source.begin(attempt.clone()).await?;
    if replayed {
        return Ok(Created { made: source.kept(id).await?, replayed });
    }
    match fill(&source, request, id, limit).await {
        Ok(kept) => Ok(Created { made: kept, replayed }),
        Err(error) => {
            source.abandon(id, attempt).await;
            Err(error)
        }
    }
}

async fn fill(
    source: &Arc<dyn AudienceRepository>,
    request: Request,
    id: AudienceId,
    limit: u64,
) -> Result<Kept> {
    let mut resolver = Resolver::begin(Arc::clone(source), request).await?;
    let (mut recipients, mut exclusions) = (0, 0);
    while let Some(entries) = resolver.next().await? {
        if resolver.report().counts.asked > limit {
            return Err(Code::AudienceTooLarge.into());
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
