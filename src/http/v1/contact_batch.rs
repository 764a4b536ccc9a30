//! `/v1/contacts/batch`: many contacts in one request.

use serde_json::value::RawValue;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Array, Object};

use super::contacts::{Contact, UpdateContact};
use super::dialect::DIALECT;
use super::envelope::{self, V1ErrorBody};
use super::names::{NAMES, PROPERTIES};
use crate::config::Limits;
use crate::domain::contact::batch::Batch;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Phone};
use crate::domain::permission::granted::{DeleteContacts, ReadContacts};
use crate::domain::{ContactId, Error};
use crate::http::contact_batch::{
    self, BatchBody, BatchCounts, BatchDialect, Delete, DeletedCounts, Item, ItemParts, ItemResult,
    RequestedKey, Selection, Shown,
};
use crate::http::extract::Items;
use crate::http::extract::meta::MetaObject;
use crate::http::headers::IDEMPOTENT_REPLAYED;
use crate::http::openapi::{examples, fields};
use crate::http::prelude::*;
use crate::http::response;

const PATH: &str = "/v1/contacts/batch";
const APPLY: &str = "applyContactBatch";

static RESOURCE: ResourceDoc = ResourceDoc { tag: None, noun: "contact", argument: "batch", versioned: true };

const MATCH_BY: [&str; 3] = ["username", "id", "phone_number"];

static BATCHES: BatchDialect =
    BatchDialect { names: &NAMES, match_by: "username, id, phone_number", render_error };

fn render_error(error: &Error) -> String {
    // Cannot fail: texts and lists.
    serde_json::to_string(&envelope::body(error)).unwrap_or_default()
}

/// Contacts to create and to update: 1 to 1,000. `mode` and `contacts` are required. Null in an optional member
/// is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyContactBatch {
    #[validate(required)]
    #[schema(schema_with = contact_batch::mode, required)]
    mode: Option<String>,
    #[schema(schema_with = match_by, required = false)]
    match_by: Option<String>,
    /// Whether the batch is carried out as a whole or not at all. If an item fails, the response is its error.
    #[schema(required = false, nullable = false, default = false)]
    atomic: Option<bool>,
    #[validate(required)]
    #[schema(schema_with = contacts, required)]
    contacts: Option<Items<Box<RawValue>>>,
}

fn match_by() -> Object {
    contact_batch::match_by("ContactMatchBy", MATCH_BY)
}

fn contacts() -> Array {
    let item = Ref::from_schema_name(ContactBatchItem::name());
    fields::group::batch(item, "The contacts, in the order of the results.")
}

/// A contact to create or to update. To create one, `username` and `phone_number` are required, and null is treated
/// as absent. In an update, an absent member keeps its value, a value sets it, and null clears `display_name`,
/// `avatar_url` and `meta`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactBatchItem {
    #[schema(schema_with = contact_batch::item_id, required = false)]
    id: Option<String>,
    #[schema(schema_with = contact_batch::if_match, required = false)]
    if_match: Option<String>,
    username: Optional<Handle>,
    phone_number: Optional<Phone>,
    #[serde(default)]
    display_name: Clearable<DisplayName>,
    #[serde(default)]
    avatar_url: Clearable<AvatarUrl>,
    #[serde(default)]
    #[schema(schema_with = fields::meta_patch, required = false)]
    meta: Patch<MetaObject>,
}

impl Item for ContactBatchItem {
    fn into_parts(self, violations: &mut Violations) -> ItemParts {
        let Self { id, if_match, username, phone_number, display_name, avatar_url, meta } = self;
        let update = UpdateContact { username, phone_number, display_name, avatar_url, meta };
        ItemParts { id, if_match, patch: update.into_command(violations) }
    }
}

impl Payload for ApplyContactBatch {
    type Command = Batch;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Batch>] = contact_batch::PERMISSIONS;

    const ITEMS: Option<fn(&Batch) -> usize> = Some(|batch| batch.items.len());

    const HAS_RAW_ITEMS: bool = true;

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<Batch> {
        let Self { mode, match_by, atomic, contacts } = self;
        let body = BatchBody { mode, match_by, atomic, contacts };
        body.into_batch::<ContactBatchItem>(&BATCHES, violations)
    }
}

/// The results of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBatchResults {
    /// The number of items with each result.
    counts: BatchCounts,
    /// The result of each item, in the order of the request.
    results: Vec<ContactBatchResult>,
}

/// The result of an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBatchResult {
    #[schema(schema_with = contact_batch::index)]
    index: usize,
    #[schema(schema_with = contact_batch::change)]
    status: &'static str,
    /// The id of the contact; absent if the item failed, or if the key may not read contacts and the item does not
    /// have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ContactId, required = false)]
    id: Option<ContactId>,
    /// The username of the contact; absent as `id` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Handle, required = false)]
    username: Option<Handle>,
    /// What a request for this item alone would have been answered; only if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = V1ErrorBody, required = false)]
    error: Option<Box<RawValue>>,
}

impl From<ItemResult> for ContactBatchResult {
    fn from(result: ItemResult) -> Self {
        let ItemResult { index, status, id, handle, error } = result;
        Self { index, status, id, username: handle, error }
    }
}

/// Contacts by id or username, 1 to 1,000 in all, or by a filter that at most 1,000 match. A member that is null is treated as
/// absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactBatchKeys {
    #[schema(schema_with = ids, required = false)]
    ids: Option<Items<String>>,
    #[schema(schema_with = usernames, required = false)]
    usernames: Option<Items<String>>,
    #[schema(schema_with = filter, required = false)]
    filter: Option<String>,
}

fn filter() -> Object {
    fields::filter::schema(&PROPERTIES, "The contacts that match, in place of the lists.")
}

fn ids() -> Array {
    fields::group::batch(fields::id(), "The contacts, by id.")
}

fn usernames() -> Array {
    fields::group::batch(Handle::doc().accepted(), "The contacts, by username.")
}

impl Payload for ContactBatchKeys {
    type Command = Selection;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Selection>] = Selection::PERMISSIONS;

    const ITEMS: Option<fn(&Selection) -> usize> = Some(Selection::count);

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<Selection> {
        let Self { ids, usernames, filter } = self;
        let handles = ("usernames", usernames);
        Selection::parse("ids and usernames", ids, handles, (filter, &PROPERTIES), violations)
    }
}

/// The contacts that exist, and those that do not.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBatchFound {
    /// The contacts, in the order of the request: first those of `ids`, then those of `usernames`.
    data: Vec<Contact>,
    /// The requested contacts that do not exist, in the same order.
    missing: Vec<ContactBatchKey>,
}

/// A contact as the request names it: by id or by username.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBatchKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ContactId, required = false)]
    id: Option<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Handle, required = false)]
    username: Option<Handle>,
}

impl From<RequestedKey> for ContactBatchKey {
    fn from(key: RequestedKey) -> Self {
        let (id, username) = key.into_parts();
        Self { id, username }
    }
}

/// The results of deleting contacts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBatchDeleted {
    /// The number of contacts with each result.
    counts: DeletedCounts,
    /// The result for each contact, in the order of the request: first those of `ids`, then those of `usernames`.
    results: Vec<ContactBatchDeletion>,
}

/// The result of deleting a contact, named as in the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBatchDeletion {
    #[schema(schema_with = contact_batch::index)]
    index: usize,
    #[schema(schema_with = contact_batch::deletion)]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ContactId, required = false)]
    id: Option<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Handle, required = false)]
    username: Option<Handle>,
}

impl From<Delete> for ContactBatchDeletion {
    fn from(delete: Delete) -> Self {
        let Delete { index, status, key } = delete;
        let (id, username) = key.into_parts();
        Self { index, status, id, username }
    }
}

/// Create and update contacts
///
/// Creates and updates up to 1,000 contacts in one step. Each item has its own result, as if it had been a request of
/// its own: one that fails does not affect the others, and the response is 200 even if all fail. With `atomic`, the
/// first item that fails is the response instead, and nothing is changed. Of several items for one contact, or with
/// one username, the first counts, and the others fail with `duplicate_item`. An update that changes nothing makes no
/// new version. A request that is repeated with its `Idempotency-Key` gets the results of the first.
#[utoipa::path(post, path = PATH, operation_id = APPLY)]
async fn apply_contact_batch(
    authorized: Authorized<()>,
    body: IdempotentBody<ApplyContactBatch>,
    visibility: Visibility<ReadContacts>,
) -> HandlerResult {
    let (batch, idempotent) = body.into_parts(APPLY);
    let shown = Shown::new(&visibility, &batch);
    let outcome = authorized.contacts().apply_batch(batch, idempotent).await?;
    let mut response = response::idempotent(HttpResponse::Ok(), outcome.replayed);
    let (counts, results) = contact_batch::item_results(outcome, &shown);
    let results = results.into_iter().map(ContactBatchResult::from).collect();
    Ok(response.json(ContactBatchResults { counts, results }))
}

/// Get many contacts
///
/// Returns up to 1,000 contacts by id or username, or those that match a filter, newest first. If more match, none are
/// returned.
#[utoipa::path(post, path = "/v1/contacts/batch/get", operation_id = "getContactBatch")]
async fn get_contact_batch(
    authorized: Authorized<ReadContacts>,
    body: Body<ContactBatchKeys>,
) -> HandlerResult {
    let (found, missing) = body.command.find(&authorized.contacts()).await?;
    let data = found.into_iter().map(Contact::from).collect();
    let missing = missing.into_iter().map(Into::into).collect();
    Ok(HttpResponse::Ok().json(ContactBatchFound { data, missing }))
}

/// Delete many contacts
///
/// Deletes up to 1,000 contacts permanently, in one step. A contact that does not exist is reported as such and does
/// not affect the others. With `filter`, the contacts that match are deleted; if they are more than 1,000, nothing is
/// changed. One that is changed while they are deleted is left alone, and is not in the results.
#[utoipa::path(post, path = "/v1/contacts/batch/delete", operation_id = "deleteContactBatch")]
async fn delete_contact_batch(
    authorized: Authorized<DeleteContacts>,
    body: Body<ContactBatchKeys>,
) -> HandlerResult {
    let (counts, deletions) = body.command.delete(&authorized.contacts()).await?;
    let results = deletions.into_iter().map(ContactBatchDeletion::from).collect();
    Ok(HttpResponse::Ok().json(ContactBatchDeleted { counts, results }))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let contact = examples::contact();
    let (id, username) = (contact.id, contact.handle.clone());
    let upsert = json!({
        "mode": "upsert",
        "match_by": "username",
        "contacts": [
            {"username": examples::HANDLE, "phone_number": examples::PHONE, "meta": examples::meta()},
            {"username": "ann", "display_name": null},
        ],
    });
    let update = json!({
        "mode": "update",
        "match_by": "id",
        "atomic": true,
        "contacts": [
            {"id": examples::ID, "if_match": examples::entity_tag(), "display_name": examples::DISPLAY_NAME},
        ],
    });
    let matching = || json!({"filter": format!("username = \"{}\" OR display_name = \"{}\"", examples::HANDLE, examples::DISPLAY_NAME)});
    let keys = || json!({"ids": [examples::ID], "usernames": [examples::HANDLE]});
    let applied = contact_batch::example(&BATCHES);
    let (counts, results) = contact_batch::item_results(applied, &Shown::everything());
    let results = results.into_iter().map(ContactBatchResult::from).collect();
    let missing = vec![ContactBatchKey { id: None, username: Some(username.clone()) }];
    let found = ContactBatchFound { data: vec![contact.into()], missing };
    let requested = vec![RequestedKey::Id(id), RequestedKey::Handle(username)];
    let (deleted, deletions) = contact_batch::deleted(requested, vec![true, false]);
    let deletions = deletions.into_iter().map(ContactBatchDeletion::from).collect();
    let apply = OperationDoc::of(&RESOURCE)
        .responds::<ContactBatchResults>(
            200,
            "The result of each item.",
            ContactBatchResults { counts, results },
        )
        .header(200, IDEMPOTENT_REPLAYED, contact_batch::REPLAYED)
        .request_example("upsert", "One contact to create, and one to update", upsert)
        .request_example("versions", "An update by id, on condition of a version", update)
        .refers_to::<ContactBatchItem>()
        .errors(contact_batch::ERRORS)
        .replays_results()
        .example_violation(FieldViolation::at("mode", Violation::Required));
    let get = OperationDoc::of(&RESOURCE)
        .responds::<ContactBatchFound>(200, "The contacts.", found)
        .request_example("keys", "One contact by id, one by username", keys())
        .request_example("matching", "The contacts that match a filter", matching())
        .errors(fields::filter::ERRORS)
        .example_violation(FieldViolation::at("ids.0", Violation::NotUuid));
    let delete = OperationDoc::of(&RESOURCE)
        .responds::<ContactBatchDeleted>(
            200,
            "The result for each contact.",
            ContactBatchDeleted { counts: deleted, results: deletions },
        )
        .request_example("keys", "One contact by id, one by username", keys())
        .request_example("matching", "The contacts that match a filter", matching())
        .errors(fields::filter::ERRORS)
        .frees_storage()
        .example_violation(FieldViolation::at("ids.0", Violation::NotUuid));
    table
        .protected(&DIALECT, __path_apply_contact_batch, apply_contact_batch, apply)
        .protected(&DIALECT, __path_get_contact_batch, get_contact_batch, get)
        .protected(&DIALECT, __path_delete_contact_batch, delete_contact_batch, delete)
}
