//! The parameters of `GET /v1/contacts`, and the links from a page to its neighbours.

use actix_web::http::header::HeaderValue;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use crate::config::Limits;
use crate::domain::fields::{Handle, Phone};
use crate::domain::page::{CursorPage, CursorQuery};
use crate::domain::{Fault, Timestamp};
use crate::http::extract::{Faults, Parameters, query};
use crate::http::openapi::fields;
use crate::http::v1::paging;

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
    paging::starting_after("contact")
}

fn ending_before() -> Object {
    paging::ending_before("contact")
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
        let cursor = paging::cursor(starting_after, ending_before, faults);
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

/// The `Link` header of a page, where it has a neighbour.
pub(super) fn links(path: &str, query: &CursorQuery, page: &CursorPage) -> Option<HeaderValue> {
    let CursorQuery { cursor, limit, handle, phone, updated_since } = query;
    let filters = [
        ("username", handle.as_ref().map(|handle| handle.as_str().to_owned())),
        ("phone_number", phone.as_ref().map(|phone| phone.as_str().to_owned())),
        ("updated_since", updated_since.map(|since| since.to_string())),
    ];
    paging::links(path, cursor, *limit, &filters, page, |contact| contact.id)
}
