//! Responses of `/v1/audiences`.

use serde::Serialize;
use utoipa::ToSchema;

use super::list::position;
use crate::domain::audience::{
    AudienceId, AudienceSnapshot, Counts, Entry, Exclusion, Included, Problem, Report, ResolvedAudience,
};
use crate::domain::contact::fields::Phone;
use crate::domain::{ContactId, Error, Timestamp};
use crate::http::audience::stream::LineFormat;
use crate::http::audience::{contact_fields, render, schema};
use crate::http::openapi::fields;
use crate::http::v1::envelope::{self, V1ErrorBody};
use crate::http::v1::pagination::Listed;

/// A recipient that gets a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceRecipient {
    /// The index of the item in the request's `recipients` that this entry comes from, starting at 0.
    #[schema(format = Int32)]
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = position, required = false)]
    position: Option<i64>,
    /// The contact; absent if no contact has the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::id, required = false)]
    id: Option<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_handle, required = false)]
    username: Option<String>,
    #[schema(schema_with = fields::stored_phone)]
    phone_number: String,
    /// The text; absent if the request has no template.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "Hi John, London calling")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::encoding, required = false)]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::parts, required = false)]
    parts: Option<usize>,
}

/// A recipient that gets no message, and the reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceExclusion {
    /// The index of the item in the request's `recipients` that this entry comes from, starting at 0.
    #[schema(format = Int32)]
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = position, required = false)]
    position: Option<i64>,
    #[schema(schema_with = schema::reason)]
    reason: &'static str,
    /// The reason, for people.
    #[schema(example = "the number has opted out")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::id, required = false)]
    id: Option<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_handle, required = false)]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_phone, required = false)]
    phone_number: Option<String>,
    /// The identifier from the request, if nothing was found for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "jon")]
    named: Option<String>,
    /// The variable that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "CITY")]
    variable: Option<String>,
    /// The variable that exists instead, if it differs only in case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "City")]
    similar: Option<String>,
}

/// The counts: `asked` is the sum of `recipients` and `excluded`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceCounts {
    /// The number of requested recipients; each member of a group or segment counts, and each contact that matches a filter.
    #[schema(example = 1)]
    asked: u64,
    /// The number of recipients that get a message.
    #[schema(example = 1)]
    recipients: u64,
    /// The number of recipients that get no message.
    #[schema(example = 0)]
    excluded: u64,
    /// The total number of SMS parts.
    #[schema(example = 1)]
    parts: u64,
}

/// A reason why some recipients get no message.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceProblem {
    #[schema(schema_with = schema::reason)]
    reason: &'static str,
    /// The variable that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "CITY")]
    variable: Option<String>,
    /// The number of excluded recipients with this reason.
    #[schema(example = 92)]
    count: u64,
    /// The reason and the count, for people.
    #[schema(example = "92 of 10000 lack CITY")]
    message: String,
    /// The first exclusions with this reason.
    examples: Vec<AudienceExclusion>,
}

#[derive(Debug, Serialize)]
pub struct AudienceSummary {
    /// The counts.
    counts: AudienceCounts,
    /// The reasons why some recipients get no message, in the order in which they came up.
    problems: Vec<AudienceProblem>,
}

/// An audience as it was resolved. One type for both responses, whether it is kept or not: most generated
/// clients support one success type per operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(
    description = "An audience as it was resolved. `id`, `created_at` and `expires_at` are present only if it is a kept audience."
)]
pub struct Audience {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::schema::id, required = false)]
    id: Option<AudienceId>,
    /// The counts.
    counts: AudienceCounts,
    /// The reasons why some recipients get no message, in the order in which they came up.
    problems: Vec<AudienceProblem>,
    /// The recipients that get a message, in the order of the request; those of a group, a segment or a filter
    /// newest contact first. Empty in a dry run, and empty for a kept audience: `listAudienceRecipients` returns them.
    recipients: Vec<AudienceRecipient>,
    /// The recipients that get no message, in the same order. Empty in a dry run, and empty for a kept
    /// audience: `listAudienceExclusions` returns them.
    exclusions: Vec<AudienceExclusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::schema::created, required = false)]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::schema::expires, required = false)]
    expires_at: Option<Timestamp>,
}

/// A kept audience, as it was resolved.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeptAudience {
    #[schema(schema_with = super::schema::id)]
    id: AudienceId,
    /// The counts.
    counts: AudienceCounts,
    /// The reasons why some recipients get no message, in the order in which they came up.
    problems: Vec<AudienceProblem>,
    #[schema(schema_with = super::schema::created)]
    created_at: Timestamp,
    #[schema(schema_with = super::schema::expires)]
    expires_at: Timestamp,
}

impl Listed for KeptAudience {
    const PAGE: &'static str = "AudienceList";
    const PLURAL: &'static str = "kept audiences";
}

impl Listed for AudienceRecipient {
    const PAGE: &'static str = "AudienceRecipientPage";
    const PLURAL: &'static str = "recipients";
    const ORDER: &'static str = "in the order of the audience";
}

impl Listed for AudienceExclusion {
    const PAGE: &'static str = "AudienceExclusionPage";
    const PLURAL: &'static str = "exclusions";
    const ORDER: &'static str = "in the order of the audience";
}

/// A line of a streamed audience, which has one of these members. The last line has `summary`, or `error` if the stream was
/// aborted. Only the description of the operation documents it: with a second media type, the response type of generated
/// clients would be a union.
#[derive(Debug, Default, Serialize)]
pub struct AudienceLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<AudienceRecipient>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusion: Option<AudienceExclusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<AudienceSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<V1ErrorBody>,
}

impl AudienceRecipient {
    pub(super) fn at(position: Option<i64>, included: Included) -> Self {
        let Included { index, contact, phone, message } = included;
        let (id, username) = contact_fields(contact);
        let (text, encoding, parts) = render(message);
        Self { index, position, id, username, phone_number: phone.into_string(), text, encoding, parts }
    }
}

impl AudienceExclusion {
    pub(super) fn at(position: Option<i64>, exclusion: Exclusion) -> Self {
        let Exclusion { index, contact, phone, named, reason } = exclusion;
        let (id, username) = contact_fields(contact);
        let (variable, similar) = reason.variable();
        Self {
            index,
            position,
            reason: reason.code(),
            message: reason.sentence(),
            id,
            username,
            phone_number: phone.map(Phone::into_string),
            named,
            variable: variable.map(str::to_owned),
            similar: similar.map(str::to_owned),
        }
    }
}

impl From<Report> for AudienceSummary {
    fn from(Report { counts, problems }: Report) -> Self {
        let Counts { asked, recipients, excluded, parts } = counts;
        let problem = |problem: Problem| {
            let message = problem.sentence(asked);
            let Problem { count, examples } = problem;
            let first = examples.first().map(|example| &example.reason);
            AudienceProblem {
                reason: first.map_or("", |reason| reason.code()),
                variable: first.and_then(|reason| reason.variable().0).map(str::to_owned),
                count,
                message,
                examples: examples.into_iter().map(|example| AudienceExclusion::at(None, example)).collect(),
            }
        };
        Self {
            counts: AudienceCounts { asked, recipients, excluded, parts },
            problems: problems.into_iter().map(problem).collect(),
        }
    }
}

impl From<ResolvedAudience> for Audience {
    fn from(ResolvedAudience { report, recipients, exclusions }: ResolvedAudience) -> Self {
        let AudienceSummary { counts, problems } = report.into();
        Self {
            counts,
            problems,
            recipients: recipients.into_iter().map(|it| AudienceRecipient::at(None, it)).collect(),
            exclusions: exclusions.into_iter().map(|it| AudienceExclusion::at(None, it)).collect(),
            id: None,
            created_at: None,
            expires_at: None,
        }
    }
}

impl From<AudienceSnapshot> for Audience {
    fn from(kept: AudienceSnapshot) -> Self {
        let KeptAudience { id, counts, problems, created_at, expires_at } = kept.into();
        Self {
            id: Some(id),
            counts,
            problems,
            recipients: Vec::new(),
            exclusions: Vec::new(),
            created_at: Some(created_at),
            expires_at: Some(expires_at),
        }
    }
}

impl From<AudienceSnapshot> for KeptAudience {
    fn from(AudienceSnapshot { id, created_at, expires_at, report }: AudienceSnapshot) -> Self {
        let AudienceSummary { counts, problems } = report.into();
        Self { id, counts, problems, created_at, expires_at }
    }
}

impl LineFormat for AudienceLine {
    type Line = Self;

    fn entry(entry: Entry) -> Self {
        match entry {
            Entry::Included(included) => {
                Self { recipient: Some(AudienceRecipient::at(None, included)), ..Self::default() }
            }
            Entry::Excluded(exclusion) => {
                Self { exclusion: Some(AudienceExclusion::at(None, exclusion)), ..Self::default() }
            }
        }
    }

    fn summary(report: &Report) -> Self {
        Self { summary: Some(report.clone().into()), ..Self::default() }
    }

    fn error(error: &Error) -> Self {
        Self { error: Some(envelope::body(error)), ..Self::default() }
    }
}
