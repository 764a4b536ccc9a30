//! Resolving audiences over HTTP, independent of the dialect.

pub mod schema;
pub mod stream;

use std::future::{Ready, ready};
use std::time::Instant;

use actix_web::{FromRequest, HttpRequest, dev};

use super::app_state::AppState;
use super::auth::access::{HandlerArgument, RequestDoc};
use super::auth::stream_origin::StreamOrigin;
use super::error::api_error::ApiError;
use super::extract::ConditionalPermission;
use super::forwarded_prefix::Prefix;
use super::media_type::{NDJSON, is_preferred_to_json};
use super::openapi::examples::audience as examples;
use super::streams::StreamKind;
use crate::domain::audience::{ContactRef, ResolveCommand, ResolvedAudience, Selector, TemplateChoice};
use crate::domain::template::engine::Message;
use crate::domain::{ContactId, Permission};

/// An audience of a group shows its members; so does one of a filter with a condition on groups. (What the filter of a segment
/// is about is known once it is read: [`RequestedSegments`](crate::domain::audience::RequestedSegments).)
pub const READ_GROUPS: ConditionalPermission<ResolveCommand> = ConditionalPermission {
    permission: Permission::ReadGroups,
    when: "a recipient is a group, a filter with a condition on `group` or `segment`, or a segment whose filter has a \
           condition on `group`",
    applies: |command| needs(command, Permission::ReadGroups),
};

/// An audience of a segment shows who is in it.
pub const READ_SEGMENTS: ConditionalPermission<ResolveCommand> = ConditionalPermission {
    permission: Permission::ReadSegments,
    when: "a recipient is a segment, or a filter with a condition on `segment`",
    applies: |command| needs(command, Permission::ReadSegments),
};

/// Whether an item of the request shows what requires this permission.
fn needs(ResolveCommand { recipients, .. }: &ResolveCommand, permission: Permission) -> bool {
    recipients.iter().any(|recipient| match &recipient.selector {
        Selector::Handle(_) | Selector::Id(_) | Selector::Phone(_) | Selector::All => false,
        Selector::Group(_) => permission == Permission::ReadGroups,
        Selector::Segment(_) => permission == Permission::ReadSegments,
        Selector::Filter(filter) => filter.permissions().contains(&permission),
    })
}

/// The rendered texts show the saved template.
pub const READ_TEMPLATES: ConditionalPermission<ResolveCommand> = ConditionalPermission {
    permission: Permission::ReadTemplates,
    when: "the template is a saved template",
    applies: |command| matches!(command.template, Some(TemplateChoice::Saved(_))),
};

/// An audience shows which numbers have opted out, unless it includes them.
pub const READ_OPT_OUTS: ConditionalPermission<ResolveCommand> = ConditionalPermission {
    permission: Permission::ReadOptOuts,
    when: "`include_opted_out` is not true",
    applies: |command| !command.options.opted_out,
};

/// As [`READ_OPT_OUTS`], where recipients can be filters.
pub const READ_OPT_OUTS_OR_FILTER: ConditionalPermission<ResolveCommand> = ConditionalPermission {
    permission: Permission::ReadOptOuts,
    when: "`include_opted_out` is not true, or a recipient is a filter with a condition on `opted_out` or `segment`, or a \
           segment whose filter has a condition on `opted_out`",
    applies: |command| (READ_OPT_OUTS.applies)(command) || needs(command, Permission::ReadOptOuts),
};

/// A kept audience counts towards the quota of the account.
pub const CREATE_AUDIENCES: ConditionalPermission<ResolveCommand> = ConditionalPermission {
    permission: Permission::CreateAudiences,
    when: "`keep` is true",
    applies: |command| command.keep,
};

/// For the OpenAPI document.
#[must_use]
pub fn example() -> ResolvedAudience {
    ResolvedAudience {
        report: examples::report(),
        recipients: vec![examples::included()],
        exclusions: vec![examples::exclusion()],
    }
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
    pub prefix: Prefix,
    /// Before the request timeout, whose error would be less specific.
    pub deadline: Instant,
    pub origin: StreamOrigin,
}

impl HandlerArgument for ResponseFormat {
    fn document(doc: &mut RequestDoc) {
        StreamOrigin::document(doc);
    }
}

impl FromRequest for ResponseFormat {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let format = || {
            let limits = &AppState::of(request)?.limits;
            Ok(Self {
                ndjson: is_preferred_to_json(request, NDJSON),
                prefix: Prefix::of(request),
                deadline: Instant::now() + limits.request_timeout.mul_f32(0.9),
                origin: StreamOrigin::open(request, StreamKind::Contacts)?,
            })
        };
        ready(format())
    }
}
