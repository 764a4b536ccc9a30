//! What `/v1/audiences` answers.

use serde::Serialize;
use utoipa::ToSchema;

use super::list::position;
use crate::domain::audience::{AudienceId, Counts, Entry, Exclusion, Included, Kept, Problem, Report};
use crate::domain::contact::fields::Phone;
use crate::domain::{ContactId, Error, Timestamp};
use crate::http::audience::{Lines, Whole, known, schema, told};
use crate::http::openapi::fields;
use crate::http::v1::envelope::{self, V1ErrorBody};

/// Somebody who gets a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceRecipient {
    /// Which of the request's recipients named it, from 0.
    #[schema(format = Int32)]
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = position, required = false)]
    position: Option<i64>,
    /// The contact; absent where the number is no contact's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::id, required = false)]
    id: Option<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_handle, required = false)]
    username: Option<String>,
    #[schema(schema_with = fields::stored_phone)]
    phone_number: String,
    /// The text; absent where the request has no template.
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

/// Somebody who gets none, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceExclusion {
    /// Which of the request's recipients named it, from 0.
    #[schema(format = Int32)]
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = position, required = false)]
    position: Option<i64>,
    #[schema(schema_with = schema::reason)]
    reason: &'static str,
    /// Why, for people.
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
    /// What the request called it, where nothing was found under that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "jon")]
    named: Option<String>,
    /// What is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "CITY")]
    variable: Option<String>,
    /// What there is instead, where it differs by case alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "City")]
    similar: Option<String>,
}

/// Counts that add up: who was asked for, and what became of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceCounts {
    /// All who were asked for: each member of a group counts.
    #[schema(example = 1)]
    asked: u64,
    /// Those who get a message.
    #[schema(example = 1)]
    recipients: u64,
    /// Those who get none.
    #[schema(example = 0)]
    excluded: u64,
    /// SMS parts in all.
    #[schema(example = 1)]
    parts: u64,
}

/// A reason why some get no message.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceProblem {
    #[schema(schema_with = schema::reason)]
    reason: &'static str,
    /// What is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "CITY")]
    variable: Option<String>,
    /// How many.
    #[schema(example = 92)]
    count: u64,
    /// The same for people.
    #[schema(example = "92 of 10000 lack CITY")]
    message: String,
    /// The first of them.
    examples: Vec<AudienceExclusion>,
}

/// Counts, and what stands in the way of the others.
#[derive(Debug, Serialize)]
pub struct AudienceSummary {
    /// How many.
    counts: AudienceCounts,
    /// Why some get no message, in the order in which it came up.
    problems: Vec<AudienceProblem>,
}

/// An audience as it was found. One type for both answers, whether it is kept or not: most generated
/// clients know one type of success an operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(
    description = "An audience as it was found. `id`, `created_at` and `expires_at` are there where it is kept."
)]
pub struct Audience {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::id, required = false)]
    id: Option<AudienceId>,
    /// How many.
    counts: AudienceCounts,
    /// Why some get no message, in the order in which it came up.
    problems: Vec<AudienceProblem>,
    /// Those who get a message, in the order of the request; groups in the order of their lists. None in
    /// a dry run, and none where the audience is kept: `listAudienceRecipients` has them.
    recipients: Vec<AudienceRecipient>,
    /// Those who get none, in the same order. None in a dry run, and none where the audience is kept:
    /// `listAudienceExclusions` has them.
    exclusions: Vec<AudienceExclusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::created, required = false)]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::expires, required = false)]
    expires_at: Option<Timestamp>,
}

/// An audience that is kept as it was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeptAudience {
    #[schema(schema_with = super::id)]
    #[allow(missing_docs)]
    pub id: AudienceId,
    /// How many.
    counts: AudienceCounts,
    /// Why some get no message, in the order in which it came up.
    problems: Vec<AudienceProblem>,
    #[schema(schema_with = super::created)]
    created_at: Timestamp,
    #[schema(schema_with = super::expires)]
    expires_at: Timestamp,
}

/// A page of audiences.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceList {
    /// Whether there are more in the direction of the cursor.
    pub has_more: bool,
    /// Audiences that are kept, the newest first.
    pub data: Vec<KeptAudience>,
}

/// A page of those who get a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceRecipientPage {
    /// Whether more follow.
    pub has_more: bool,
    /// Recipients, in the order of the audience.
    pub data: Vec<AudienceRecipient>,
}

/// A page of those who get none.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudienceExclusionPage {
    /// Whether more follow.
    pub has_more: bool,
    /// Exclusions, in the order of the audience.
    pub data: Vec<AudienceExclusion>,
}

/// A line of a streamed audience: it has one of these members. The last line has `summary`, or `error`
/// where the audience broke off. The document describes it in words, in the operation: a second media type
/// makes generators answer with a union.
#[derive(Debug, Default, Serialize)]
pub struct AudienceLine {
    /// Somebody who gets a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<AudienceRecipient>,
    /// Somebody who gets none.
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusion: Option<AudienceExclusion>,
    /// Counts and problems of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<AudienceSummary>,
    /// Why the audience broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<V1ErrorBody>,
}

impl AudienceRecipient {
    pub(super) fn at(position: Option<i64>, included: Included) -> Self {
        let Included { index, contact, phone, message } = included;
        let (id, username) = known(contact);
        let (text, encoding, parts) = told(message);
        Self { index, position, id, username, phone_number: phone.into_string(), text, encoding, parts }
    }
}

impl AudienceExclusion {
    pub(super) fn at(position: Option<i64>, exclusion: Exclusion) -> Self {
        let Exclusion { index, contact, phone, named, reason } = exclusion;
        let (id, username) = known(contact);
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

impl From<Whole> for Audience {
    fn from(Whole { report, recipients, exclusions }: Whole) -> Self {
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

impl From<Kept> for Audience {
    fn from(kept: Kept) -> Self {
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

impl From<Kept> for KeptAudience {
    fn from(Kept { id, created_at, expires_at, report }: Kept) -> Self {
        let AudienceSummary { counts, problems } = report.into();
        Self { id, counts, problems, created_at, expires_at }
    }
}

impl Lines for AudienceLine {
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
