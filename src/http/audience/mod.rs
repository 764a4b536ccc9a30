//! Resolving audiences over HTTP, independent of the dialect.

pub mod schema;
pub mod stream;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::{Accept, Header, Quality};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use super::app_state::AppState;
use super::auth::access::HandlerArgument;
use super::auth::authorized::Authorized;
use super::error::api_error::ApiError;
use super::extract::ConditionalPermission;
use super::forwarded_prefix::Prefix;
use super::media_type::{JSON, NDJSON};
use super::openapi::examples::audience as examples;
use super::request_id::RequestId;
use crate::domain::audience::{
    AudienceRepository, Budget, Caller, ContactRef, Entry, Exclusion, Included, Options, RecipientSpec,
    Report, Request, Resolver, Selector, SnapshotLimits, SnapshotsInFlight,
};
use crate::domain::permission::Grant;
use crate::domain::permission::granted::ReadContacts;
use crate::domain::template::engine::{Message, Template};
use crate::domain::template::saved::TemplateKey;
use crate::domain::{ContactId, Error, FieldViolation, Permission, Result};
use stream::Origin;

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

impl ResolveCommand {
    /// An audience of a group shows its members.
    pub const GROUPS: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::ReadGroups,
        when: "a recipient is a group",
        applies: |command| {
            command.recipients.iter().any(|recipient| matches!(recipient.who, Selector::Group(_)))
        },
    };

    /// The rendered texts show the saved template.
    pub const TEMPLATES: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::ReadTemplates,
        when: "the template is a saved template",
        applies: |command| matches!(command.template, Some(TemplateChoice::Saved(_))),
    };

    /// An audience shows which numbers have opted out, unless it includes them.
    pub const OPT_OUTS: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::ReadOptOuts,
        when: "`include_opted_out` is not true",
        applies: |command| !command.options.opted_out,
    };

    /// A kept audience counts towards the quota of the account.
    pub const KEEP: ConditionalPermission<Self> = ConditionalPermission {
        permission: Permission::CreateAudiences,
        when: "`keep` is true",
        applies: |command| command.keep,
    };

    /// The domain request, with the saved template loaded.
    ///
    /// # Errors
    /// The saved template does not exist.
    pub async fn into_request(
        self,
        authorized: &Authorized<ReadContacts>,
        budget: Budget,
    ) -> Result<Request> {
        let Self { recipients, template, options, dry_run: _, keep: _ } = self;
        let template = match template {
            None => None,
            Some(TemplateChoice::Inline(template)) => Some(*template),
            Some(TemplateChoice::Saved(key)) => {
                let saved = authorized.templates().find(&key).await?;
                // It was valid when it was saved.
                let violation = |violation| FieldViolation::at("template", violation);
                Some(Template::parse(saved.text.as_str()).map_err(violation)?)
            }
        };
        Ok(Request { asked: recipients, template, options, budget })
    }
}

/// A completely resolved audience.
pub struct ResolvedAudience {
    pub report: Report,
    /// Empty in a dry run.
    pub recipients: Vec<Included>,
    /// Empty in a dry run.
    pub exclusions: Vec<Exclusion>,
}

impl ResolvedAudience {
    /// For the OpenAPI document.
    #[must_use]
    pub fn example() -> Self {
        Self {
            report: examples::report(),
            recipients: vec![examples::included()],
            exclusions: vec![examples::exclusion()],
        }
    }
}

/// Resolves an audience completely, in memory.
///
/// # Errors
/// [`ErrorCode::AudienceTooLarge`](crate::domain::ErrorCode::AudienceTooLarge) if it is not a dry run and has more
/// recipients than `limit`.
pub async fn resolve_all(
    source: Arc<dyn AudienceRepository>,
    request: Request,
    dry_run: bool,
    limit: u64,
) -> Result<ResolvedAudience> {
    let mut resolver = Resolver::begin(source, request).await?;
    if !dry_run {
        check_size(resolver.expected().await?, limit)?;
    }
    let (mut recipients, mut exclusions) = (Vec::new(), Vec::new());
    while let Some(entries) = resolver.next().await? {
        if dry_run {
            continue;
        }
        // Groups may have grown since the count.
        check_size(resolver.report().counts.asked, limit)?;
        for entry in entries {
            match entry {
                Entry::Included(included) => recipients.push(included),
                Entry::Excluded(exclusion) => exclusions.push(exclusion),
            }
        }
    }
    Ok(ResolvedAudience { report: resolver.report().clone(), recipients, exclusions })
}

fn check_size(count: u64, limit: u64) -> Result<()> {
    if count > limit { Err(Error::answer_too_large(count, limit)) } else { Ok(()) }
}

/// The id and the handle of an optional contact.
#[must_use]
pub fn contact_fields(contact: Option<ContactRef>) -> (Option<ContactId>, Option<String>) {
    contact.map(|ContactRef { id, handle }| (id, handle.into_string())).unzip()
}

/// Text, encoding and number of parts of an optional message.
#[must_use]
pub fn render(message: Option<Message>) -> (Option<String>, Option<&'static str>, Option<usize>) {
    let (text, size) = message.map(|Message { text, size }| (text, size)).unzip();
    (text, size.map(|size| size.encoding.as_str()), size.map(|size| size.parts))
}

/// How the response to a request for an audience is produced.
pub struct ResponseFormat {
    /// Whether the client prefers NDJSON.
    pub ndjson: bool,
    /// The maximum number of recipients in a JSON response.
    pub json_limit: u64,
    pub snapshot_limits: SnapshotLimits,
    pub snapshots_in_flight: SnapshotsInFlight,
    pub prefix: Prefix,
    request_id: Option<RequestId>,
    cpu_limit: Duration,
    deadline: Instant,
}

impl ResponseFormat {
    #[must_use]
    pub fn origin<G: Grant>(&self, authorized: &Authorized<G>) -> Origin {
        Origin { request_id: self.request_id.clone(), principal: authorized.principal().clone() }
    }

    /// A stream has no deadline: it is sent while it is resolved.
    #[must_use]
    pub fn budget(&self, caller: &Caller, streams: bool) -> Budget {
        Budget {
            processor: self.cpu_limit,
            deadline: (!streams).then_some(self.deadline),
            caller: caller.clone(),
        }
    }
}

impl HandlerArgument for ResponseFormat {}

impl FromRequest for ResponseFormat {
    type Error = ApiError;
    type Future = Ready<std::result::Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(AppState::of(request).map(|state| Self {
            ndjson: prefers_ndjson(request),
            json_limit: state.limits.audience_answer_limit,
            snapshot_limits: SnapshotLimits {
                entries: state.limits.audience_kept_limit,
                quota: state.limits.audience_quota,
            },
            snapshots_in_flight: state.snapshots_in_flight.clone(),
            prefix: Prefix::of(request),
            request_id: request.extensions().get().cloned(),
            cpu_limit: state.limits.audience_cpu_limit,
            // Before the request timeout, whose error would be less specific.
            deadline: Instant::now() + state.limits.request_timeout.mul_f32(0.9),
        }))
    }
}

/// Whether `Accept` names NDJSON, and JSON later or not at all. (Generated clients list every media type of the document
/// and expect the first.)
fn prefers_ndjson(request: &HttpRequest) -> bool {
    let Ok(Accept(mut ranges)) = Accept::parse(request) else { return false };
    ranges.retain(|range| range.quality > Quality::ZERO);
    let ranked = Accept(ranges).ranked();
    let names = ranked.iter().map(|media| media.essence_str());
    names.into_iter().find(|name| [NDJSON, JSON].contains(name)) == Some(NDJSON)
}
