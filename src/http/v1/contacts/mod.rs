//! `/v1/contacts`

pub mod dto;
mod handlers;
mod list;

use actix_web::http::Method;

use super::DIALECT;
use crate::domain::contact::fields::Handle;
use crate::domain::{Code, Fault, Field, FieldFault};
use crate::http::openapi::{Spec, examples};
use crate::http::routes::Api;
use dto::{Contact, ContactList, CreateContact, UpdateContact};

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    let contact = || Contact::from(examples::contact());
    let list = ContactList { has_more: false, data: vec![contact()] };
    let not_uuid = || FieldFault::at("id", Fault::NotUuid);
    api.protected(
        &DIALECT,
        __path_create_contact,
        create_contact,
        Spec::answering(201, contact())
            .request("minimal", "Only the required members", CreateContact::minimal_example())
            .request("full", "All members", CreateContact::full_example())
            .fails(&[Code::HandleTaken])
            .fault(FieldFault::of(Field::Handle, Fault::Required))
            .fault(FieldFault::of(Field::Phone, Fault::Required)),
    )
    .protected(
        &DIALECT,
        __path_list_contacts,
        list_contacts,
        Spec::answering(200, list)
            .fails(&[Code::NotFound])
            .fault(FieldFault::at("starting_after", Fault::NotUuid)),
    )
    .protected(&DIALECT, __path_get_contact, get_contact, Spec::answering(200, contact()).fault(not_uuid()))
    .protected(
        &DIALECT,
        __path_update_contact,
        update_contact,
        Spec::answering(200, contact())
            .request(
                "change",
                "One member set, one cleared, one key of meta changed",
                UpdateContact::example(),
            )
            .fails(&[Code::HandleTaken])
            .fault(FieldFault::of(Field::Handle, Fault::TooLong { max: Handle::MAX_CHARS })),
    )
    .protected(&DIALECT, __path_delete_contact, delete_contact, Spec::silent().fault(not_uuid()))
    // Clients of other services with this dialect update with PUT, and send the members that change alone.
    .method_alias("/v1/contacts/{id}", &Method::PATCH, Method::PUT)
}
