//! The audiences of one account: resolving, streaming and keeping them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::entry::{Entry, Exclusion, Included};
use super::report::Report;
use super::repository::{AudienceRepository, EntryPage, Kind};
use super::request::{Options, RecipientSpec, Request, Selector};
use super::resolver::Resolver;
use super::save::save;
use super::segments::RequestedSegments;
use super::snapshot::{AudienceId, AudienceSnapshot, SnapshotLimits};
use crate::domain::account::AccountId;
use crate::domain::account::limits::AccountLimits;
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::in_flight::{InFlight, InFlightGuard};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::segment::SegmentService;
use crate::domain::template::engine::Template;
use crate::domain::template::saved::{TemplateKey, TemplateService};
use crate::domain::violation::FieldViolation;

/// What a request asks for.
pub struct ResolveCommand {
    pub recipients: Vec<RecipientSpec>,
    pub template: Option<TemplateChoice>,
    pub options: Options,
    /// Respond with counts and problems only.
    pub dry_run: bool,
    /// Store the audience as a snapshot.
    pub keep: bool,
}

pub enum TemplateChoice {
    /// From the request.
    Inline(Box<Template>),
    Saved(TemplateKey),
}

/// A completely resolved audience.
pub struct ResolvedAudience {
    pub report: Report,
    /// Empty in a dry run.
    pub recipients: Vec<Included>,
    /// Empty in a dry run.
    pub exclusions: Vec<Exclusion>,
}

/// The limits of audiences, and the snapshots that this process is creating.
#[derive(Debug)]
pub struct AudienceSettings {
    /// The maximum number of recipients of an audience that is resolved in memory.
    pub resolved_limit: u64,
    /// The maximum number of entries of a snapshot.
    pub kept_limit: u64,
    /// Processor time for rendering, over all recipients of a request.
    pub cpu_limit: Duration,
    /// One snapshot at a time for each account.
    snapshots_in_flight: InFlight<AccountId>,
}

impl AudienceSettings {
    #[must_use]
    pub fn new(resolved_limit: u64, kept_limit: u64, cpu_limit: Duration) -> Self {
        Self { resolved_limit, kept_limit, cpu_limit, snapshots_in_flight: InFlight::default() }
    }
}

/// The audiences of one account.
pub struct AudienceService {
    account: AccountId,
    repository: Arc<dyn AudienceRepository>,
    templates: TemplateService,
    segments: SegmentService,
    settings: Arc<AudienceSettings>,
    limits: AccountLimits,
}

impl AudienceService {
    #[must_use]
    pub fn new(
        account: AccountId,
        repository: Arc<dyn AudienceRepository>,
        templates: TemplateService,
        segments: SegmentService,
        settings: Arc<AudienceSettings>,
        limits: AccountLimits,
    ) -> Self {
        Self { account, repository, templates, segments, settings, limits }
    }

    /// Reads the segments that a command names, for the check of what their filters require.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`]: a segment is named twice, by id and by name.
    pub async fn segments(&self, command: &ResolveCommand) -> Result<RequestedSegments> {
        let recipients = command.recipients.iter().enumerate();
        let named = recipients.filter_map(|(index, recipient)| match &recipient.selector {
            Selector::Segment(key) => Some((index, key)),
            _ => None,
        });
        RequestedSegments::look_up(&self.segments, named).await
    }

    /// Resolves an audience in memory; in a dry run, its report alone.
    ///
    /// # Errors
    /// [`ErrorCode::AudienceTooLarge`], unless it is a dry run; [`ErrorCode::TemplateTooCostly`], also past the deadline;
    /// [`ErrorCode::NotFound`] if the saved template does not exist.
    pub async fn resolve(
        &self,
        command: ResolveCommand,
        segments: RequestedSegments,
        deadline: Instant,
    ) -> Result<ResolvedAudience> {
        let (dry_run, limit) = (command.dry_run, self.settings.resolved_limit);
        // The work ends with the future that it is done in: nothing has to cancel it.
        let budget = self.budget(Some(deadline), CancellationToken::new());
        let mut resolver =
            Resolver::begin(Arc::clone(&self.repository), self.request(command, segments, budget).await?)
                .await?;
        if !dry_run {
            let count = resolver.at_least().await?;
            if count > limit {
                return Err(Error::response_too_large(count, limit));
            }
        }
        let (mut recipients, mut exclusions) = (Vec::new(), Vec::new());
        while let Some(entries) = resolver.next().await? {
            if dry_run {
                continue;
            }
            // What matches filters was not counted, and groups may have grown since.
            if resolver.report().counts.asked > limit {
                return Err(Error::response_limit_exceeded(limit));
            }
            for entry in entries {
                match entry {
                    Entry::Included(included) => recipients.push(included),
                    Entry::Excluded(exclusion) => exclusions.push(exclusion),
                }
            }
        }
        Ok(ResolvedAudience { report: resolver.report().clone(), recipients, exclusions })
    }

    /// Begins to resolve an audience of any size, batch by batch. There is no deadline: a stream is sent while it is
    /// resolved.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] if the saved template does not exist.
    pub async fn stream(&self, command: ResolveCommand, segments: RequestedSegments) -> Result<Resolver> {
        let budget = self.budget(None, CancellationToken::new());
        let request = self.request(command, segments, budget).await?;
        Resolver::begin(Arc::clone(&self.repository), request).await
    }

    /// Prepares to keep an audience. `cancelled` ends the work, and deletes what was stored of it.
    ///
    /// # Errors
    /// [`ErrorCode::AudienceInProgress`] while another one of the account is being created by this process;
    /// [`ErrorCode::NotFound`] if the saved template does not exist.
    pub async fn keep(
        &self,
        command: ResolveCommand,
        segments: RequestedSegments,
        idempotent: Option<IdempotentRequest>,
        deadline: Instant,
        cancelled: CancellationToken,
    ) -> Result<PendingSnapshot> {
        let request = self.request(command, segments, self.budget(Some(deadline), cancelled)).await?;
        let guard = self.settings.snapshots_in_flight.begin(self.account);
        Ok(PendingSnapshot {
            repository: Arc::clone(&self.repository),
            request,
            idempotent,
            limits: SnapshotLimits { entries: self.settings.kept_limit, quota: self.limits.audience_entries },
            _guard: guard.ok_or(ErrorCode::AudienceInProgress)?,
        })
    }

    /// A page of the kept audiences, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn list(&self, page: CursorParams<AudienceId>) -> Result<CursorPage<AudienceSnapshot>> {
        self.repository.list(page).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn get(&self, id: AudienceId) -> Result<AudienceSnapshot> {
        self.repository.get(id).await
    }

    /// A page of the entries of a kept audience, after a position.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn entries(
        &self,
        id: AudienceId,
        kind: Kind,
        after: Option<i64>,
        limit: u64,
    ) -> Result<EntryPage> {
        self.repository.page(id, kind, after, limit).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn delete(&self, id: AudienceId) -> Result<()> {
        self.repository.delete(id).await
    }

    fn budget(&self, deadline: Option<Instant>, cancelled: CancellationToken) -> Budget {
        Budget { processor: self.settings.cpu_limit, deadline, cancelled }
    }

    /// The request of a command, with its saved template loaded.
    async fn request(
        &self,
        command: ResolveCommand,
        segments: RequestedSegments,
        budget: Budget,
    ) -> Result<Request> {
        let ResolveCommand { recipients, template, options, dry_run: _, keep: _ } = command;
        let template = match template {
            None => None,
            Some(TemplateChoice::Inline(template)) => Some(*template),
            Some(TemplateChoice::Saved(key)) => {
                let saved = self.templates.get(key).await?;
                // It was valid when it was saved.
                let violation = |violation| FieldViolation::at("template", violation);
                Some(Template::parse(saved.text.as_str()).map_err(violation)?)
            }
        };
        Ok(Request { asked: recipients, segments, template, options, budget })
    }
}

/// A snapshot that is about to be created. It owns all that it needs: it runs in a task of its own, because the task of
/// the request ends with its client, and what was stored must then be deleted.
pub struct PendingSnapshot {
    repository: Arc<dyn AudienceRepository>,
    request: Request,
    idempotent: Option<IdempotentRequest>,
    limits: SnapshotLimits,
    _guard: InFlightGuard<AccountId>,
}

impl PendingSnapshot {
    /// # Errors
    /// [`ErrorCode::AudienceTooLarge`], [`ErrorCode::AudienceQuota`], and whatever ends the resolution early.
    pub async fn create(self) -> Result<Created<AudienceSnapshot>> {
        let Self { repository, request, idempotent, limits, _guard } = self;
        save(repository, request, idempotent, limits).await
    }
}
