//! The operations of `/v1/contacts`.

use actix_web::http::header::{ETag, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use utoipa::IntoParams;

use super::dto::{Contact, ContactList, CreateContact, UpdateContact, UpdatedContact};
use super::list::{GetContact, ListContacts, links};
use crate::domain::idempotency::Created;
use crate::domain::permission::Grant;
use crate::domain::permission::granted::{CreateContacts, DeleteContacts, ReadContacts, UpdateContacts};
use crate::domain::{self, ContactId, ContactKey, Permission, Violation};
use crate::http::auth::access::Sees;
use crate::http::auth::authorized::Authorized;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, IfMatch, IfNoneMatch, Query, Segment, Segments, entity_tag};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::{IdempotencyKeyHeader, IfMatchHeader, IfNoneMatchHeader};
use crate::http::response;

type Answer = Result<HttpResponse, ApiError>;

const PATH: &str = "/v1/contacts";
const CREATE: &str = "createContact";

/// `{id}`
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct Id {
    #[param(schema_with = fields::id)]
    id: ContactId,
}

impl Segment for Id {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        ContactId::parse(text).map(|id| Self { id }).ok_or(Violation::NotUuid)
    }
}

impl From<Id> for ContactKey {
    fn from(Id { id }: Id) -> Self {
        Self::Id(id)
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
    allowed: Authorized<CreateContacts>,
    prefix: Prefix,
    body: Body<CreateContact>,
) -> Answer {
    let (new, attempt) = body.attempt(CREATE);
    let may_read = allowed.may(Permission::ReadContacts);
    let Created { made: contact, replayed } = allowed.contacts().create(new, attempt, may_read).await?;
    let mut response = response::made(HttpResponse::Created(), replayed);
    response.insert_header((LOCATION, prefix.before(format_args!("{PATH}/{}", contact.id))));
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
    allowed: Authorized<ReadContacts>,
    prefix: Prefix,
    Query(listed): Query<ListContacts>,
) -> Answer {
    let page = allowed.contacts().cursor_page(listed.query.clone()).await?;
    let mut response = response::page(links(&prefix.before(PATH), &listed, &page));
    let has_more = page.has_more;
    let data = if listed.expand {
        with_groups(&allowed, page.items).await?
    } else {
        page.items.into_iter().map(Contact::from).collect()
    };
    Ok(response.json(ContactList { has_more, data }))
}

/// Contacts with their groups, which are looked up for all of them at once.
async fn with_groups<G: Grant>(
    allowed: &Authorized<G>,
    contacts: Vec<domain::Contact>,
) -> Result<Vec<Contact>, ApiError> {
    let ids = contacts.iter().map(|contact| contact.id).collect();
    let groups = allowed.groups().of_contacts(ids).await?;
    let shown = contacts.into_iter().zip(groups);
    Ok(shown.map(|(contact, groups)| Contact::with_groups(contact, groups)).collect())
}

/// Get a contact
///
/// Returns the contact with this id. With `expand`, the response has no entity tag and is never 304: the tag
/// is the version of the contact, which does not change when the contact is added to or removed from a group.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}",
    operation_id = "getContact",
    params(Id, GetContact, IfNoneMatchHeader),
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
    allowed: Authorized<ReadContacts>,
    Segments(id): Segments<Id>,
    Query(expand): Query<GetContact>,
    cached: IfNoneMatch,
) -> Answer {
    let contact = allowed.contacts().get(id.into()).await?;
    if expand {
        let shown = with_groups(&allowed, vec![contact]).await?;
        return Ok(HttpResponse::Ok().json(shown.first()));
    }
    let tag = entity_tag(contact.version);
    if cached.has(&tag) {
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
    params(Id, IfMatchHeader),
    request_body = UpdateContact,
    responses((
        status = 200,
        description = "The contact after the change.",
        body = UpdatedContact,
        headers(("ETag" = String, description = "The version of the contact.")),
    )),
)]
pub(super) async fn update_contact(
    allowed: Authorized<UpdateContacts>,
    sees: Sees<ReadContacts>,
    Segments(id): Segments<Id>,
    IfMatch(precondition): IfMatch,
    body: Body<UpdateContact>,
) -> Answer {
    let contact = allowed.contacts().update(id.into(), body.command, precondition).await?;
    let (id, updated_at, tag) = (contact.id.as_uuid(), contact.updated_at, entity_tag(contact.version));
    let mut response = HttpResponse::Ok();
    Ok(response.insert_header(ETag(tag)).json(UpdatedContact::new(&sees, id, updated_at, contact)))
}

/// Delete a contact
///
/// Deletes the contact permanently.
#[utoipa::path(
    delete,
    path = "/v1/contacts/{id}",
    operation_id = "deleteContact",
    params(Id, IfMatchHeader),
    responses((status = 204, description = "The contact was deleted.")),
)]
pub(super) async fn delete_contact(
    allowed: Authorized<DeleteContacts>,
    Segments(id): Segments<Id>,
    IfMatch(precondition): IfMatch,
) -> Answer {
    allowed.contacts().delete(id.into(), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}
