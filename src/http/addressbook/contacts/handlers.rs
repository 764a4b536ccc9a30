//! The operations of `/addressbook/contacts`.

use actix_web::HttpResponse;
use utoipa::openapi::schema::Object;

use super::dto::{CreateRecord, Record, RecordList, RecordResponse, RecordUpdated, UpdateRecord};
use super::list::ListRecords;
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateContacts, DeleteContacts, ReadContacts, UpdateContacts};
use crate::domain::precondition::Precondition;
use crate::domain::{ContactKey, Permission, Violation};
use crate::http::addressbook::envelope::Deleted;
use crate::http::auth::access::Visibility;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::{Body, PathParam, PathValue, Query};
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response::{self, HandlerResult};

const CREATE: &str = "createAddressBookContact";

impl PathValue for ContactKey {
    const NAME: &'static str = "contact";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text)
    }

    fn schema() -> Object {
        fields::id_or_phone("The id or the msisdn of the contact.")
    }
}

/// Create a contact
///
/// Creates a contact. Contacts can be referenced later when sending messages using aliases, batch campaigns,
/// or templates. The alias must not be in use; several contacts may share an msisdn.
#[utoipa::path(
    post,
    path = "/addressbook/contacts",
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateRecord,
    responses((
        status = 200,
        description = "The contact was created.",
        body = RecordResponse,
        headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` created the contact.")),
    )),
)]
pub(super) async fn create_record(
    authorized: Authorized<CreateContacts>,
    body: Body<CreateRecord>,
) -> HandlerResult {
    let (new, idempotent) = body.into_idempotent(CREATE);
    let may_read = authorized.may(Permission::ReadContacts);
    let Created { made: contact, replayed } = authorized.contacts().create(new, idempotent, may_read).await?;
    Ok(response::created(HttpResponse::Ok(), replayed).json(RecordResponse::from(contact)))
}

/// List contacts
///
/// Returns a page of the contacts, newest first by default, and the total number of contacts.
#[utoipa::path(
    get,
    path = "/addressbook/contacts",
    operation_id = "listAddressBookContacts",
    params(ListRecords),
    responses((status = 200, description = "A page of contacts.", body = RecordList)),
)]
pub(super) async fn list_records(
    authorized: Authorized<ReadContacts>,
    Query(query): Query<ListRecords>,
) -> HandlerResult {
    let page = authorized.contacts().offset_page(query).await?;
    Ok(HttpResponse::Ok().json(RecordList {
        success: true,
        records: page.items.into_iter().map(Record::from).collect(),
        offset: query.offset,
        limit: query.limit,
        total: page.total,
    }))
}

/// Get a contact
///
/// Returns the contact with this id or this msisdn. If several contacts share the msisdn, use the id.
#[utoipa::path(
    get,
    path = "/addressbook/contacts/{contact}",
    operation_id = "getAddressBookContact",
    params(PathParam<ContactKey>),
    responses((status = 200, description = "The contact.", body = RecordResponse)),
)]
pub(super) async fn get_record(
    authorized: Authorized<ReadContacts>,
    PathParam(key): PathParam<ContactKey>,
) -> HandlerResult {
    let contact = authorized.contacts().get(key).await?;
    Ok(HttpResponse::Ok().json(RecordResponse::from(contact)))
}

/// Update a contact
///
/// Changes the members in the body; every member is optional. `meta` is merged key by key: a key that is null
/// is removed.
#[utoipa::path(
    post,
    path = "/addressbook/contacts/{contact}",
    operation_id = "updateAddressBookContact",
    params(PathParam<ContactKey>),
    request_body = UpdateRecord,
    responses((status = 200, description = "The contact after the change.", body = RecordUpdated)),
)]
pub(super) async fn update_record(
    authorized: Authorized<UpdateContacts>,
    visibility: Visibility<ReadContacts>,
    PathParam(key): PathParam<ContactKey>,
    body: Body<UpdateRecord>,
) -> HandlerResult {
    let contact = authorized.contacts().update(key, body.command, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(RecordUpdated { success: true, record: visibility.filter(contact.into()) }))
}

/// Delete a contact
///
/// Deletes the contact permanently.
#[utoipa::path(
    delete,
    path = "/addressbook/contacts/{contact}",
    operation_id = "deleteAddressBookContact",
    params(PathParam<ContactKey>),
    responses((status = 200, description = "The contact was deleted.", body = Deleted)),
)]
pub(super) async fn delete_record(
    authorized: Authorized<DeleteContacts>,
    PathParam(key): PathParam<ContactKey>,
) -> HandlerResult {
    authorized.contacts().delete(key, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}
