//! What both dialects do with an audience, each in its own words.

pub mod schema;
mod stream;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::{Accept, Header, Quality};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use super::app_state::AppState;
use super::auth::access::{Argument, Need};
use super::auth::authorized::Authorized;
use super::error::api_error::ApiError;
use super::forwarded_prefix::Prefix;
use super::middleware::edge::RequestId;
use crate::domain::audience::{
    AudienceRepository, Budget, Caller, ContactRef, Entry, Exclusion, Included, Options, RecipientSpec,
    Report, Request, Resolver, Selector, SnapshotLimits, SnapshotsInFlight,
};
use crate::domain::permission::Grant;
use crate::domain::permission::granted::ReadContacts;
use crate::domain::template::engine::{Message, Template};
use crate::domain::template::saved::TemplateKey;
use crate::domain::{ContactId, Error, FieldViolation, Permission, Result};

pub use stream::{JSON, Lines, NDJSON, Origin, lines};

/// What a request asks for.
pub struct ResolveCommand {
    /// Whom.
    pub asked: Vec<RecipientSpec>,
    /// With which text.
    pub template: Option<TemplateChoice>,
    /// What is wanted otherwise than by default.
    pub options: Options,
    /// Counts and problems alone.
    pub dry_run: bool,
    /// The audience is kept.
    pub keep: bool,
}

/// A template that a request names or brings.
pub enum TemplateChoice {
    /// Brought along.
    Text(Box<Template>),
    /// A saved one.
    Saved(TemplateKey),
}

impl ResolveCommand {
    /// An audience over a group shows who is in it.
    pub const GROUPS: Need<Self> = Need {
        permission: Permission::ReadGroups,
        when: "a recipient is a group",
        touches: |plan| plan.asked.iter().any(|asked| matches!(asked.who, Selector::Group(_))),
    };

    /// A saved template can be read from the texts that are made of it.
    pub const TEMPLATES: Need<Self> = Need {
        permission: Permission::ReadTemplates,
        when: "the template is a saved template",
        touches: |plan| matches!(plan.template, Some(TemplateChoice::Saved(_))),
    };

    /// An audience tells numbers that have opted out from the others, unless it takes both alike.
    pub const OPT_OUTS: Need<Self> = Need {
        permission: Permission::ReadOptOuts,
        when: "`include_opted_out` is not true",
        touches: |plan| !plan.options.opted_out,
    };

    /// A kept audience takes room, for as long as it is kept.
    pub const KEPT: Need<Self> =
        Need { permission: Permission::CreateAudiences, when: "`keep` is true", touches: |plan| plan.keep };

    /// The request, with its template at hand.
    ///
    /// # Errors
    /// There is no such template.
    pub async fn request(self, allowed: &Authorized<ReadContacts>, budget: Budget) -> Result<Request> {
        let Self { asked, template, options, dry_run: _, keep: _ } = self;
        let template = match template {
            None => None,
            Some(TemplateChoice::Text(template)) => Some(*template),
            Some(TemplateChoice::Saved(key)) => {
                let saved = allowed.templates().find(key).await?;
                // It was read once before it was saved.
                let violation = |violation| FieldViolation::at("template", violation);
                Some(Template::parse(saved.text.as_str()).map_err(violation)?)
            }
        };
        Ok(Request { asked, template, options, budget })
    }
}

/// An audience as a whole.
pub struct ResolvedAudience {
    /// The account of it.
    pub report: Report,
    /// Those who get a message; none in a dry run.
    pub recipients: Vec<Included>,
    /// Those who get none; none in a dry run.
    pub exclusions: Vec<Exclusion>,
}

/// Finds an audience whole.
///
/// # Errors
/// [`ErrorCode::AudienceTooLarge`](crate::domain::ErrorCode::AudienceTooLarge) where it is no dry run and has more than `limit`; the database is away.
pub async fn whole(
    source: Arc<dyn AudienceRepository>,
    request: Request,
    dry_run: bool,
    limit: u64,
) -> Result<ResolvedAudience> {
    let mut resolver = Resolver::begin(source, request).await?;
    if !dry_run {
        require_answerable(resolver.expected().await?, limit)?;
    }
    let (mut recipients, mut exclusions) = (Vec::new(), Vec::new());
    while let Some(entries) = resolver.next().await? {
        if dry_run {
            continue;
        }
        // It may have grown since it was counted.
        require_answerable(resolver.report().counts.asked, limit)?;
        for entry in entries {
            match entry {
                Entry::Included(included) => recipients.push(included),
                Entry::Excluded(exclusion) => exclusions.push(exclusion),
            }
        }
    }
    Ok(ResolvedAudience { report: resolver.report().clone(), recipients, exclusions })
}

fn require_answerable(count: u64, limit: u64) -> Result<()> {
    if count > limit { Err(Error::answer_too_large(count, limit)) } else { Ok(()) }
}

/// The id and the handle of a contact that may not be there.
#[must_use]
pub fn known(contact: Option<ContactRef>) -> (Option<ContactId>, Option<String>) {
    contact.map(|ContactRef { id, handle }| (id, handle.into_string())).unzip()
}

/// The text of a message that may not be there, how it is sent, and in how many parts.
#[must_use]
pub fn render(message: Option<Message>) -> (Option<String>, Option<&'static str>, Option<usize>) {
    let (text, size) = message.map(|Message { text, size }| (text, size)).unzip();
    (text, size.map(|size| size.encoding.as_str()), size.map(|size| size.parts))
}

/// How a request for an audience is to be answered.
pub struct ResponseFormat {
    /// As lines of JSON, because the client prefers them.
    pub as_lines: bool,
    /// Most recipients in one answer.
    pub answer_limit: u64,
    /// What an audience that is kept, and an account, may have.
    pub keep_limits: SnapshotLimits,
    /// Who is keeping an audience just now.
    pub keeping: SnapshotsInFlight,
    /// The path under which a proxy serves the service.
    pub prefix: Prefix,
    request: Option<RequestId>,
    processor_limit: Duration,
    deadline: Instant,
}

impl ResponseFormat {
    /// Whose audience it is.
    #[must_use]
    pub fn origin<G: Grant>(&self, allowed: &Authorized<G>) -> Origin {
        Origin { request: self.request.clone(), principal: allowed.principal().clone() }
    }

    /// What the audience may take. A stream has no deadline: it is answered while it is found.
    #[must_use]
    pub fn budget(&self, caller: &Caller, streams: bool) -> Budget {
        Budget {
            processor: self.processor_limit,
            deadline: (!streams).then_some(self.deadline),
            caller: caller.clone(),
        }
    }
}

impl Argument for ResponseFormat {}

impl FromRequest for ResponseFormat {
    type Error = ApiError;
    type Future = Ready<std::result::Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(AppState::of(request).map(|state| Self {
            as_lines: accepts_lines(request),
            answer_limit: state.limits.audience_answer_limit,
            keep_limits: SnapshotLimits {
                entries: state.limits.audience_kept_limit,
                quota: state.limits.audience_quota,
            },
            keeping: state.keeping.clone(),
            prefix: Prefix::of(request),
            request: request.extensions().get().cloned(),
            processor_limit: state.limits.audience_cpu_limit,
            // Before the request as a whole is cut off: there is something better to say.
            deadline: Instant::now() + state.limits.request_timeout.mul_f32(0.9),
        }))
    }
}

/// Whether lines are asked for by name, and JSON is not or later: generated clients name all that the
/// document has, and read what it names first.
fn accepts_lines(request: &HttpRequest) -> bool {
    let Ok(Accept(mut ranges)) = Accept::parse(request) else { return false };
    ranges.retain(|range| range.quality > Quality::ZERO);
    let ranked = Accept(ranges).ranked();
    let named = ranked.iter().map(|media| media.essence_str());
    named.into_iter().find(|name| [NDJSON, JSON].contains(name)) == Some(NDJSON)
}
