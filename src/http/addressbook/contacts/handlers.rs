//! The operations of `/addressbook/contacts`.

use actix_web::HttpResponse;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use super::dto::{CreateRecord, Record, RecordAnswer, RecordList, RecordUpdated, UpdateRecord};
use super::list::ListRecords;
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateContacts, DeleteContacts, ReadContacts, UpdateContacts};
use crate::domain::precondition::Precondition;
use crate::domain::{ContactKey, Permission, Violation};
use crate::http::addressbook::envelope::Deleted;
use crate::http::auth::access::Sees;
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, Query, Segment, Segments};
use crate::http::openapi::fields;
use crate::http::openapi::parameters::IdempotencyKeyHeader;
use crate::http::response;

const CREATE: &str = "createAddressBookContact";

type Answer = Result<HttpResponse, ApiError>;

/// `{contact}`: an id or a phone number.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http::addressbook) struct Key {
    #[param(schema_with = key, value_type = String)]
    pub(in crate::http::addressbook) contact: ContactKey,
}

impl Segment for Key {
    const NAME: &'static str = "contact";

    fn parse(text: &str) -> Result<Self, Violation> {
        Ok(Self { contact: ContactKey::parse(text)? })
    }
}

fn key() -> Object {
    fields::id_or_phone("The id or the msisdn of the contact.")
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
        body = RecordAnswer,
        headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` created the contact.")),
    )),
)]
pub(super) async fn create_record(allowed: Authorized<CreateContacts>, body: Body<CreateRecord>) -> Answer {
    let (new, attempt) = body.attempt(CREATE);
    let may_read = allowed.may(Permission::ReadContacts);
    let Created { made: contact, replayed } = allowed.contacts().create(new, attempt, may_read).await?;
    Ok(response::made(HttpResponse::Ok(), replayed).json(RecordAnswer::from(contact)))
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
    allowed: Authorized<ReadContacts>,
    Query(query): Query<ListRecords>,
) -> Answer {
    let page = allowed.contacts().offset_page(query).await?;
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
    params(Key),
    responses((status = 200, description = "The contact.", body = RecordAnswer)),
)]
pub(super) async fn get_record(
    allowed: Authorized<ReadContacts>,
    Segments(Key { contact }): Segments<Key>,
) -> Answer {
    let contact = allowed.contacts().get(contact).await?;
    Ok(HttpResponse::Ok().json(RecordAnswer::from(contact)))
}

/// Update a contact
///
/// Changes the members in the body; every member is optional. `meta` is merged key by key: a key that is null
/// is removed.
#[utoipa::path(
    post,
    path = "/addressbook/contacts/{contact}",
    operation_id = "updateAddressBookContact",
    params(Key),
    request_body = UpdateRecord,
    responses((status = 200, description = "The contact after the change.", body = RecordUpdated)),
)]
pub(super) async fn update_record(
    allowed: Authorized<UpdateContacts>,
    sees: Sees<ReadContacts>,
    Segments(Key { contact }): Segments<Key>,
    body: Body<UpdateRecord>,
) -> Answer {
    let contact = allowed.contacts().update(contact, body.command, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(RecordUpdated { success: true, record: sees.show(contact.into()) }))
}

/// Delete a contact
///
/// Deletes the contact permanently.
#[utoipa::path(
    delete,
    path = "/addressbook/contacts/{contact}",
    operation_id = "deleteAddressBookContact",
    params(Key),
    responses((status = 200, description = "The contact was deleted.", body = Deleted)),
)]
pub(super) async fn delete_record(
    allowed: Authorized<DeleteContacts>,
    Segments(Key { contact }): Segments<Key>,
) -> Answer {
    allowed.contacts().delete(contact, Precondition::None).await?;
    Ok(HttpResponse::Ok().json(Deleted { success: true }))
}
