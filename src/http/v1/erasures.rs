//! `/v1/erasures`

use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Array, ArrayBuilder};

use super::dialect::DIALECT;
use super::operations::{self, created, invalid_cursor, invalid_id};
use super::pagination::{Listed, respond};
use super::tags;
use crate::domain::contact::ContactId;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::erasure::{self, ErasureId, PlaceCount, Subject};
use crate::domain::pagination::CursorParams;
use crate::domain::permission::granted;
use crate::http::openapi::examples::erasure as example;
use crate::http::openapi::{examples, fields};
use crate::http::prelude::*;

const PATH: &str = "/v1/erasures";

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::ERASURES), noun: "erasure", argument: "erasure", versioned: false };

/// The members that name a person, in a sentence.
const SELECTORS: &str = "contact_id, phone_number and username";

/// Where it is wrong that none of them is there.
const BODY: &str = "body";

/// Who is to be erased: exactly one of the members. Null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseContacts {
    #[schema(schema_with = fields::erasure::contact_id, required = false)]
    contact_id: Option<String>,
    phone_number: Optional<Phone>,
    username: Optional<Handle>,
}

impl Payload for EraseContacts {
    type Command = Subject;

    fn into_command(self, violations: &mut Violations) -> Option<Subject> {
        let id = violations.parse("contact_id", self.contact_id, <ContactId as PathValue>::parse);
        let phone = violations.read("phone_number", self.phone_number);
        let handle = violations.read("username", self.username);
        let subjects = [
            ("contact_id", id.map(Subject::Contact)),
            ("phone_number", phone.map(Subject::Phone)),
            ("username", handle.map(Subject::Handle)),
        ];
        let mut named = subjects.into_iter().filter_map(|(member, subject)| Some((member, subject?)));
        match (named.next(), named.next()) {
            (Some((_, subject)), None) => Some(subject),
            (Some((with, _)), Some((member, _))) => {
                violations.add(member, Violation::NotTogether { with });
                None
            }
            // Unless a member is invalid.
            (None, _) if violations.is_empty() => {
                violations.add(BODY, Violation::NotExactlyOne { of: SELECTORS });
                None
            }
            (None, _) => None,
        }
    }
}

/// The receipt of an erasure. It has nothing of the person but ids.
#[derive(Debug, Serialize, ToSchema)]
pub struct Erasure {
    id: ErasureId,
    #[schema(schema_with = fields::erasure::state)]
    state: &'static str,
    /// The time of the request, in UTC with millisecond precision.
    created_at: Timestamp,
    #[schema(schema_with = fields::erasure::selected_by)]
    selected_by: &'static str,
    #[schema(schema_with = fields::erasure::contact_ids)]
    contact_ids: Vec<ContactId>,
    #[schema(schema_with = places)]
    places: Vec<ErasedPlace>,
    #[schema(schema_with = fields::erasure::completed_at, required)]
    completed_at: Option<Timestamp>,
    #[schema(schema_with = fields::erasure::backups_until, required)]
    backups_until: Option<Timestamp>,
}

/// What was found in a place.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasedPlace {
    #[schema(schema_with = fields::erasure::place)]
    place: &'static str,
    #[schema(schema_with = fields::erasure::erased)]
    erased: u64,
    #[schema(schema_with = fields::erasure::kept)]
    kept: u64,
}

fn places() -> Array {
    let item = Ref::from_schema_name(ErasedPlace::name());
    ArrayBuilder::new().items(item).description(Some("Every place, with what was found there.")).build()
}

impl From<erasure::Erasure> for Erasure {
    fn from(erasure: erasure::Erasure) -> Self {
        let erasure::Erasure {
            id,
            state,
            selected_by,
            contacts,
            places,
            created_at,
            completed_at,
            backups_until,
        } = erasure;
        Self {
            id,
            state: state.as_str(),
            created_at,
            selected_by: selected_by.as_str(),
            contact_ids: contacts,
            places: places.into_counts().into_iter().map(ErasedPlace::from).collect(),
            completed_at,
            backups_until,
        }
    }
}

impl From<PlaceCount> for ErasedPlace {
    fn from(PlaceCount { place, erased, kept }: PlaceCount) -> Self {
        Self { place: place.as_str(), erased, kept }
    }
}

impl Listed for Erasure {
    const PAGE: &'static str = "ErasureList";
    const PLURAL: &'static str = "erasures";
}

/// Erase a person
///
/// Deletes the contact with this id or username, or all contacts with this phone number, and whatever else the account has of
/// the person: memberships, entries of kept audiences with their texts, stored responses, rows and rejects of imports, the
/// index. Nothing brings it back. The person's numbers stay opted out if they were: a hash is kept in place of each.
///
/// The contacts are deleted when the response is sent. `state` is `complete` if everything else is erased, too, and otherwise
/// `running`: then the rest is erased in the background, usually within a minute, with every contact that gets one of the
/// person's numbers meanwhile. The response is a receipt that says what was where. To erase a person of whom there is nothing is
/// no error: the receipt says so.
///
/// A phone number that other contacts have, too, is not searched for when a person is named by `contact_id` or `username`.
#[utoipa::path(post, path = PATH, operation_id = "eraseContacts")]
async fn erase_contacts(
    authorized: Authorized<granted::EraseContacts>,
    prefix: Prefix,
    body: Body<EraseContacts>,
) -> HandlerResult {
    let erasure = authorized.erasures().erase(body.command).await?;
    Ok(created(&prefix, PATH, erasure.id, false).json(Erasure::from(erasure)))
}

/// List erasures
///
/// Returns a page of the receipts, newest first. `has_more` indicates whether there are more; the `Link` header contains the
/// URLs of the next and the previous page.
#[utoipa::path(get, path = PATH, operation_id = "listErasures")]
async fn list_erasures(
    authorized: Authorized<granted::ReadErasures>,
    prefix: Prefix,
    Query { command: params, filters }: Query<CursorParams<ErasureId>>,
) -> HandlerResult {
    let page = authorized.erasures().cursor_page(params).await?;
    Ok(respond::<Erasure, _, _>(&prefix.prepend_to(PATH), &params, &filters, page, |erasure| erasure.id))
}

/// Get an erasure
///
/// Returns the receipt with this id: how far the erasure is, and what was where.
#[utoipa::path(get, path = "/v1/erasures/{id}", operation_id = "getErasure")]
async fn get_erasure(
    authorized: Authorized<granted::ReadErasures>,
    PathParam(id): PathParam<ErasureId>,
) -> HandlerResult {
    let erasure = authorized.erasures().get(id).await?;
    Ok(HttpResponse::Ok().json(Erasure::from(erasure)))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let erasure = || Erasure::from(example::erasure());
    let erase = OperationDoc::of(&RESOURCE)
        .responds::<Erasure>(
            201,
            "The person was erased, or is being erased; the response is the receipt.",
            erasure(),
        )
        .header(201, "Location", "The path of the receipt.")
        .refers_to::<ErasedPlace>()
        .request_example("contact_id", "By the id of the contact", json!({"contact_id": examples::ID}))
        .request_example("phone_number", "By a phone number", json!({"phone_number": examples::PHONE}))
        .request_example("username", "By a username", json!({"username": examples::HANDLE}))
        .example_violation(FieldViolation::at(BODY, Violation::NotExactlyOne { of: SELECTORS }));
    let list = operations::lists(&RESOURCE, erasure()).example_violation(invalid_cursor());
    let get = operations::gets(&RESOURCE, erasure()).example_violation(invalid_id());
    table
        .protected(&DIALECT, __path_erase_contacts, erase_contacts, erase)
        .protected(&DIALECT, __path_list_erasures, list_erasures, list)
        .protected(&DIALECT, __path_get_erasure, get_erasure, get)
}
