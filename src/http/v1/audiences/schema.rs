//! Schemas of the members of a kept audience.

use utoipa::openapi::schema::Object;

use crate::http::openapi::fields;

pub(super) fn id() -> Object {
    fields::id_of("audience")
}

pub(super) fn created() -> Object {
    fields::timestamp("The time at which the audience was resolved, in UTC with millisecond precision.")
}

pub(super) fn expires() -> Object {
    fields::timestamp("The time at which the audience expires, in UTC with millisecond precision.")
}
