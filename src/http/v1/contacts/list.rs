//! The parameters of `GET /v1/contacts`, and the links from a page to its neighbours.

use actix_web::http::header::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use crate::config::Limits;
use crate::domain::fields::{Handle, Phone};
use crate::domain::page::{Cursor, CursorPage, CursorQuery};
use crate::domain::{ContactId, Fault, Timestamp};
use crate::http::extract::{Faults, Parameters, query};
use crate::http::openapi::fields;

/// The parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListContacts {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after, required = false)]
    starting_after: Option<String>,
    #[param(schema_with = ending_before, required = false)]
    ending_before: Option<String>,
    #[param(schema_with = username, required = false)]
    username: Option<String>,
    #[param(schema_with = phone_number, required = false)]
    phone_number: Option<String>,
    #[param(schema_with = updated_since, required = false)]
    updated_since: Option<String>,
}

fn starting_after() -> Object {
    fields::described(fields::id(), "The page begins behind the contact with this id, towards older ones.")
}

fn ending_before() -> Object {
    fields::described(
        fields::id(),
        "The page ends before the contact with this id, towards newer ones; together with \
         `starting_after`, towards older ones.",
    )
}

fn username() -> Object {
    fields::described(fields::handle(), "Only the contact with this username.")
}

fn phone_number() -> Object {
    fields::described(fields::phone(), "Only contacts with this phone number, in any accepted spelling.")
}

fn updated_since() -> Object {
    fields::moment(
        "Only contacts that changed at this moment or later. The list then begins with the contact that \
         changed last, unless it is filtered by another parameter too.",
    )
}

impl Parameters for ListContacts {
    type Command = CursorQuery;

    fn into_command(self, limits: &Limits, faults: &mut Faults) -> Option<CursorQuery> {
        let Self { limit, starting_after, ending_before, username, phone_number, updated_since } = self;
        let limit = query::limit("limit", limit, limits, faults);
        let id = |text: &str| ContactId::parse(text).ok_or(Fault::NotUuid);
        let cursor = Cursor {
            after: faults.read("starting_after", starting_after, id),
            before: faults.read("ending_before", ending_before, id),
        };
        let moment = |text: &str| Timestamp::parse(text).ok_or(Fault::NotTimestamp);
        Some(CursorQuery {
            cursor,
            limit: limit?,
            handle: faults.read("username", username, Handle::parse),
            phone: faults.read("phone_number", phone_number, Phone::parse),
            updated_since: faults.read("updated_since", updated_since, moment),
        })
    }
}

/// The `Link` header of a page (RFC 8288), where it has a neighbour.
pub(super) fn links(path: &str, query: &CursorQuery, page: &CursorPage) -> Option<HeaderValue> {
    let CursorQuery { cursor, limit, handle, phone, updated_since } = query;
    let (first, last) = (page.contacts.first()?, page.contacts.last()?);
    // Where the page begins at a cursor, the contact of the cursor is on the page that one came from.
    let (previous, next) = match (cursor.after, cursor.before) {
        (None, None) => (false, page.has_more),
        (Some(_), _) => (true, page.has_more),
        (None, Some(_)) => (page.has_more, true),
    };
    let link = |name: &str, id: ContactId, relation: &str| {
        let mut target = format!("{path}?limit={limit}&{name}={id}");
        let other_end = cursor.before.filter(|_| cursor.after.is_some() && relation == "next");
        let filters = [
            ("ending_before", other_end.map(|id| id.to_string())),
            ("username", handle.as_ref().map(|handle| handle.as_str().to_owned())),
            ("phone_number", phone.as_ref().map(|phone| phone.as_str().to_owned())),
            ("updated_since", updated_since.map(|since| since.to_string())),
        ];
        for (name, value) in filters {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
            }
        }
        format!("<{target}>; rel=\"{relation}\"")
    };
    let links: Vec<String> = [
        next.then(|| link("starting_after", last.id, "next")),
        previous.then(|| link("ending_before", first.id, "prev")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if links.is_empty() { None } else { HeaderValue::try_from(links.join(", ")).ok() }
}
