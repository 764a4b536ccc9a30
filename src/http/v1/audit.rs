//! `/v1/audit`

use utoipa::openapi::Schema;
use uuid::Uuid;

use super::changes::response::{changed, changed_id, member, name};
use super::dialect::DIALECT;
use super::tags;
use crate::domain::api_key::{KeyId, KeyLabel};
use crate::domain::change::{
    Actor, AuditEntry, AuditPage, AuditQuery, Change, ChangePosition, ChangeType, ChangeTypes,
};
use crate::domain::permission::granted::ReadAudit;
use crate::domain::{ContactId, FieldViolation};
use crate::http::field::or_null;
use crate::http::openapi::examples::audit as examples;
use crate::http::openapi::fields;
use crate::http::prelude::*;

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::AUDIT), noun: "entry", argument: "entry", versioned: false };

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntryList {
    /// The changes, newest first.
    data: Vec<AuditedChange>,
    #[schema(schema_with = next, required)]
    next: Option<String>,
    /// Whether there are older changes that have not been looked at. A page without entries may have more.
    has_more: bool,
}

/// A change, and who made it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditedChange {
    #[schema(schema_with = fields::change::change_type)]
    r#type: &'static str,
    #[schema(schema_with = changed_id)]
    id: Uuid,
    /// The contact that was added to the group or removed from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = member, required = false)]
    member_id: Option<ContactId>,
    /// The version after the change; for a deletion, the last one. Absent for opt-outs and memberships, which have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = 2)]
    version: Option<i64>,
    #[schema(schema_with = changed)]
    changed: Vec<String>,
    /// The time of the change, in UTC with millisecond precision.
    at: Timestamp,
    key: AuditKey,
    #[schema(schema_with = fields::audit::request_id)]
    request_id: String,
}

/// The key with which a change was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditKey {
    id: KeyId,
    #[schema(schema_with = fields::me::key_label, required)]
    label: Option<KeyLabel>,
}

fn next() -> Schema {
    let about = "The position before which older changes are: the `before` of the next request. Null on the last page.";
    or_null(fields::change::position(about), about)
}

impl From<AuditPage> for AuditEntryList {
    fn from(AuditPage { entries, next }: AuditPage) -> Self {
        Self {
            data: entries.into_iter().map(AuditedChange::from).collect(),
            has_more: next.is_some(),
            next: next.map(|next| next.to_string()),
        }
    }
}

impl From<AuditEntry> for AuditedChange {
    fn from(AuditEntry { change, actor, request_id }: AuditEntry) -> Self {
        let Change { position: _, change_type, id, member, at, version, changed, current: _ } = change;
        Self {
            r#type: change_type.as_str(),
            id,
            member_id: member,
            version,
            changed: changed.iter().map(name).collect(),
            at,
            key: actor.into(),
            request_id,
        }
    }
}

impl From<Actor> for AuditKey {
    fn from(Actor { key, label }: Actor) -> Self {
        Self { id: key, label }
    }
}

impl Parameters for AuditQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let limit = query.limit();
        let about = "The position before which the changes are: the `next` of the page before. Without it, the page begins \
                     with the last change.";
        let parse = |text: &str| ChangePosition::parse(text).ok_or(Violation::NotPosition);
        let before = query.optional("before", || fields::change::position(about), parse);
        let about = "Only changes of this contact, group, opt-out, template or segment; of a contact or a group, its \
                     memberships included.";
        let parse = |text: &str| Uuid::try_parse(text).map_err(|_| Violation::NotUuid);
        let about_id = query.optional("id", || fields::audit::resource(about), parse);
        let key = query.optional("key", fields::audit::key, <KeyId as PathValue>::parse);
        let parse =
            |text: &str| ChangeTypes::parse(text).ok_or(Violation::NotOneOf { allowed: ChangeType::NAMES });
        let types = query.optional("types", fields::change::types, parse).unwrap_or(ChangeTypes::ALL);
        Some(Self { before, about: about_id, key, types, limit: limit? })
    }
}

/// List who has changed what
///
/// Returns the changes of contacts, groups and their members, opt-outs, templates and segments, newest first: what was
/// changed, when, with which key, and in which request. There are names of members, and no values: what a contact was is not
/// told, and stays out when it is deleted.
///
/// One request looks at up to 10,000 changes: with `id`, `key` or `types`, a page may have few entries or none although
/// `has_more` is true. Changes are kept for some time, by default for 30 days.
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAuditEntries")]
async fn list_audit_entries(
    authorized: Authorized<ReadAudit>,
    Query { command: query, .. }: Query<AuditQuery>,
) -> HandlerResult {
    let page = authorized.changes().audit(&query).await?;
    Ok(HttpResponse::Ok().json(AuditEntryList::from(page)))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let list = OperationDoc::of(&RESOURCE)
        .responds::<AuditEntryList>(200, "A page of the audit log.", AuditEntryList::from(examples::page()))
        .errors(&[ErrorCode::PositionExpired])
        .example_violation(FieldViolation::at("before", Violation::NotPosition));
    table.protected(&DIALECT, __path_list_audit_entries, list_audit_entries, list)
}
