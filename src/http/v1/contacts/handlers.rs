//! The operations of `/v1/contacts`.

use actix_web::http::header::{ETag, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use utoipa::openapi::schema::Object;

use super::dto::{Contact, ContactList, CreateContact, UpdateContact, UpdatedContact};
use super::list::{GetContact, ListContacts, links};
use crate::domain::idempotency::Created;
use crate::domain::permission::Grant;
use crate::domain::permission::granted::{CreateContacts, DeleteContacts, ReadContacts, UpdateContacts};
use crate::domain::{self, ContactId, ContactKey, Permission, Violation};
use crate::http::auth::access::Visibility;
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, IfMatch, IfNoneMatch, PathParam, PathValue, Query, entity_tag};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::{IdempotencyKeyHeader, IfMatchHeader, IfNoneMatchHeader};
use crate::http::response::{self, HandlerResult};

const PATH: &str = "/v1/contacts";
const CREATE: &str = "createContact";

impl PathValue for ContactId {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text).ok_or(Violation::NotUuid)
    }

    fn schema() -> Object {
        fields::id()
    }
}

/// Create a contact
///
/// Creates a contact. The username must not be in use; several contacts may share a phone number.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = CREATE,
    params(IdempotencyKeyHeader),
    request_body = CreateContact,
    responses((
        status = 201,
        description = "The contact was created.",
        body = Contact,
        headers(
            ("Location" = String, description = "The path of the contact."),
            ("ETag" = String, description = "The version of the contact."),
            ("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same `Idempotency-Key` created the contact."),
        ),
    )),
)]
pub(super) async fn create_contact(
    authorized: Authorized<CreateContacts>,
    prefix: Prefix,
    body: Body<CreateContact>,
) -> HandlerResult {
    let (new, idempotent) = body.into_idempotent(CREATE);
    let may_read = authorized.may(Permission::ReadContacts);
    let Created { made: contact, replayed } = authorized.contacts().create(new, idempotent, may_read).await?;
    let mut response = response::created(HttpResponse::Created(), replayed);
    response.insert_header((LOCATION, prefix.prepend_to(format_args!("{PATH}/{}", contact.id))));
    Ok(with_tag(response, contact))
}

/// A response with one contact, and its entity tag.
fn with_tag(mut response: HttpResponseBuilder, contact: domain::Contact) -> HttpResponse {
    response.insert_header(ETag(entity_tag(contact.version))).json(Contact::from(contact))
}

/// List contacts
///
/// Returns a page of the contacts, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listContacts",
    params(ListContacts),
    responses((
        status = 200,
        description = "A page of contacts.",
        body = ContactList,
        headers(("Link" = String, description = "The links to the next and the previous page, if they exist (RFC 8288).")),
    )),
)]
pub(super) async fn list_contacts(
    authorized: Authorized<ReadContacts>,
    prefix: Prefix,
    Query(command): Query<ListContacts>,
) -> HandlerResult {
    let page = authorized.contacts().cursor_page(command.query.clone()).await?;
    let mut response = response::page(links(&prefix.prepend_to(PATH), &command, &page));
    let has_more = page.has_more;
    let data = if command.expand {
        with_groups(&authorized, page.items).await?
    } else {
        page.items.into_iter().map(Contact::from).collect()
    };
    Ok(response.json(ContactList { has_more, data }))
}

/// Looks up the groups of all contacts with one query.
async fn with_groups<G: Grant>(
    authorized: &Authorized<G>,
    contacts: Vec<domain::Contact>,
) -> Result<Vec<Contact>, ApiError> {
    let ids = contacts.iter().map(|contact| contact.id).collect();
    let groups = authorized.groups().of_contacts(ids).await?;
    let pairs = contacts.into_iter().zip(groups);
    Ok(pairs.map(|(contact, groups)| Contact::with_groups(contact, groups)).collect())
}

/// Get a contact
///
/// Returns the contact with this id. With `expand`, the response has no entity tag and is never 304: the tag
/// is the version of the contact, which does not change when the contact is added to or removed from a group.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}",
    operation_id = "getContact",
    params(PathParam<ContactId>, GetContact, IfNoneMatchHeader),
    responses(
        (
            status = 200,
            description = "The contact.",
            body = Contact,
            headers(("ETag" = String, description = "The version of the contact; absent with `expand`.")),
        ),
        (
            status = 304,
            description = "The contact has not changed since the version that the client has.",
            headers(("ETag" = String, description = "The version of the contact.")),
        ),
    ),
)]
pub(super) async fn get_contact(
    authorized: Authorized<ReadContacts>,
    PathParam(id): PathParam<ContactId>,
    Query(expand): Query<GetContact>,
    if_none_match: IfNoneMatch,
) -> HandlerResult {
    let contact = authorized.contacts().get(ContactKey::Id(id)).await?;
    if expand {
        let contacts = with_groups(&authorized, vec![contact]).await?;
        return Ok(HttpResponse::Ok().json(contacts.first()));
    }
    let tag = entity_tag(contact.version);
    if if_none_match.has(&tag) {
        return Ok(HttpResponse::NotModified().insert_header(ETag(tag)).finish());
    }
    Ok(with_tag(HttpResponse::Ok(), contact))
}

/// Update a contact
///
/// Changes the members in the body: an absent member keeps its value, null clears a member that can be
/// cleared, a value sets it. `meta` is merged key by key, as in RFC 7396.
#[utoipa::path(
    patch,
    path = "/v1/contacts/{id}",
    operation_id = "updateContact",
    params(PathParam<ContactId>, IfMatchHeader),
    request_body = UpdateContact,
    responses((
        status = 200,
        description = "The contact after the change.",
        body = UpdatedContact,
        headers(("ETag" = String, description = "The version of the contact.")),
    )),
)]
pub(super) async fn update_contact(
    authorized: Authorized<UpdateContacts>,
    visibility: Visibility<ReadContacts>,
    PathParam(id): PathParam<ContactId>,
    IfMatch(precondition): IfMatch,
    body: Body<UpdateContact>,
) -> HandlerResult {
    let contact = authorized.contacts().update(ContactKey::Id(id), body.command, precondition).await?;
    let (id, updated_at, tag) = (contact.id.as_uuid(), contact.updated_at, entity_tag(contact.version));
    let mut response = HttpResponse::Ok();
    Ok(response.insert_header(ETag(tag)).json(UpdatedContact::new(&visibility, id, updated_at, contact)))
}

/// Delete a contact
///
/// Deletes the contact permanently.
#[utoipa::path(
    delete,
    path = "/v1/contacts/{id}",
    operation_id = "deleteContact",
    params(PathParam<ContactId>, IfMatchHeader),
    responses((status = 204, description = "The contact was deleted.")),
)]
pub(super) async fn delete_contact(
    authorized: Authorized<DeleteContacts>,
    PathParam(id): PathParam<ContactId>,
    IfMatch(precondition): IfMatch,
) -> HandlerResult {
    authorized.contacts().delete(ContactKey::Id(id), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}
