//! The operations of `/v1/contacts`.

use actix_web::http::header::{ETag, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use utoipa::IntoParams;

use super::dto::{Contact, ContactList, CreateContact, UpdateContact, UpdatedContact};
use super::list::{GetContact, ListContacts, links};
use crate::domain::idempotency::Created;
use crate::domain::permission::Grant;
use crate::domain::permission::granted::{CreateContacts, DeleteContacts, ReadContacts, UpdateContacts};
use crate::domain::{self, ContactId, ContactKey, Fault, Permission};
use crate::http::auth::access::Sees;
use crate::http::auth::authorized::Allowed;
use crate::http::error::api_error::Problem;
use crate::http::extract::{Body, Cached, Expected, Query, Segment, Segments, entity_tag};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::fields;
use crate::http::openapi::parameters::{AttemptHeader, CachedHeader, ExpectedHeader};
use crate::http::response;

type Answer = Result<HttpResponse, Problem>;

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

    fn parse(text: &str) -> Result<Self, Fault> {
        ContactId::parse(text).map(|id| Self { id }).ok_or(Fault::NotUuid)
    }
}

impl From<Id> for ContactKey {
    fn from(Id { id }: Id) -> Self {
        Self::Id(id)
    }
}

/// Create a contact
///
/// Adds a contact to the contact list. The username must be new; several contacts may share a phone
/// number.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = CREATE,
    params(AttemptHeader),
    request_body = CreateContact,
    responses((
        status = 201,
        description = "The contact was made.",
        body = Contact,
        headers(
            ("Location" = String, description = "The path of the contact."),
            ("ETag" = String, description = "The version of the contact."),
            ("Idempotent-Replayed" = String, description = "`true` where an earlier request with the same `Idempotency-Key` made the contact."),
        ),
    )),
)]
pub(super) async fn create_contact(
    allowed: Allowed<CreateContacts>,
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
/// A page of the contact list, the newest first. `has_more` tells whether there are more; the `Link`
/// header has the addresses of the next and the previous page.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listContacts",
    params(ListContacts),
    responses((
        status = 200,
        description = "A page of contacts.",
        body = ContactList,
        headers(("Link" = String, description = "The next and the previous page (RFC 8288), where there are such.")),
    )),
)]
pub(super) async fn list_contacts(
    allowed: Allowed<ReadContacts>,
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
    allowed: &Allowed<G>,
    contacts: Vec<domain::Contact>,
) -> Result<Vec<Contact>, Problem> {
    let ids = contacts.iter().map(|contact| contact.id).collect();
    let groups = allowed.groups().of_contacts(ids).await?;
    let shown = contacts.into_iter().zip(groups);
    Ok(shown.map(|(contact, groups)| Contact::with_groups(contact, groups)).collect())
}

/// Get a contact
///
/// The contact with this id. With `expand`, the answer has no entity tag and is never a 304: the tag is
/// the version of the contact, which does not change when it joins or leaves a group.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}",
    operation_id = "getContact",
    params(Id, GetContact, CachedHeader),
    responses(
        (
            status = 200,
            description = "The contact.",
            body = Contact,
            headers(("ETag" = String, description = "The version of the contact; without `expand`.")),
        ),
        (
            status = 304,
            description = "The contact is still of the version that the client has.",
            headers(("ETag" = String, description = "The version of the contact.")),
        ),
    ),
)]
pub(super) async fn get_contact(
    allowed: Allowed<ReadContacts>,
    Segments(id): Segments<Id>,
    Query(expand): Query<GetContact>,
    cached: Cached,
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
/// Changes what the body names: a member that is absent keeps its value, null clears it where it can
/// be cleared, a value sets it. `meta` is merged key by key, as RFC 7396 does.
#[utoipa::path(
    patch,
    path = "/v1/contacts/{id}",
    operation_id = "updateContact",
    params(Id, ExpectedHeader),
    request_body = UpdateContact,
    responses((
        status = 200,
        description = "The contact after the change.",
        body = UpdatedContact,
        headers(("ETag" = String, description = "The version of the contact.")),
    )),
)]
pub(super) async fn update_contact(
    allowed: Allowed<UpdateContacts>,
    sees: Sees<ReadContacts>,
    Segments(id): Segments<Id>,
    Expected(precondition): Expected,
    body: Body<UpdateContact>,
) -> Answer {
    let contact = allowed.contacts().update(id.into(), body.command, precondition).await?;
    let (id, updated_at, tag) = (contact.id.as_uuid(), contact.updated_at, entity_tag(contact.version));
    let mut response = HttpResponse::Ok();
    Ok(response.insert_header(ETag(tag)).json(UpdatedContact::new(&sees, id, updated_at, contact)))
}

/// Delete a contact
///
/// Takes the contact out of the contact list, for good.
#[utoipa::path(
    delete,
    path = "/v1/contacts/{id}",
    operation_id = "deleteContact",
    params(Id, ExpectedHeader),
    responses((status = 204, description = "The contact is gone.")),
)]
pub(super) async fn delete_contact(
    allowed: Allowed<DeleteContacts>,
    Segments(id): Segments<Id>,
    Expected(precondition): Expected,
) -> Answer {
    allowed.contacts().delete(id.into(), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}
