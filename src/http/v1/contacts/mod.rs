//! `/v1/contacts`

pub mod dto;
mod handlers;
mod list;

use actix_web::http::Method;

use super::dialect::DIALECT;
use crate::domain::contact::fields::Handle;
use crate::domain::{ErrorCode, Field, FieldViolation, Violation};
use crate::http::openapi::{OperationDoc, ResourceDoc, examples};
use crate::http::routes::RouteTable;
use dto::{Contact, ContactList, CreateContact, UpdateContact};

static RESOURCE: ResourceDoc = ResourceDoc { tag: None, noun: "contact", argument: "contact" };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let contact = || Contact::from(examples::contact());
    let list = ContactList { has_more: false, data: vec![contact()] };
    let not_uuid = || FieldViolation::at("id", Violation::NotUuid);
    table
        .protected(
            &DIALECT,
            __path_create_contact,
            create_contact,
            OperationDoc::response(201, contact())
                .resource(&RESOURCE)
                .request_example("minimal", "Only the required members", CreateContact::minimal_example())
                .request_example("full", "All members", CreateContact::full_example())
                .errors(&[ErrorCode::HandleTaken])
                .example_violation(FieldViolation::of(Field::Handle, Violation::Required))
                .example_violation(FieldViolation::of(Field::Phone, Violation::Required)),
        )
        .protected(
            &DIALECT,
            __path_list_contacts,
            list_contacts,
            OperationDoc::response(200, list)
                .resource(&RESOURCE)
                .errors(&[ErrorCode::NotFound])
                .example_violation(FieldViolation::at("starting_after", Violation::NotUuid)),
        )
        .protected(
            &DIALECT,
            __path_get_contact,
            get_contact,
            OperationDoc::response(200, contact()).resource(&RESOURCE).example_violation(not_uuid()),
        )
        .protected(
            &DIALECT,
            __path_update_contact,
            update_contact,
            OperationDoc::response(200, contact())
                .resource(&RESOURCE)
                .request_example(
                    "change",
                    "One member set, one cleared, one key of meta changed",
                    UpdateContact::example(),
                )
                .errors(&[ErrorCode::HandleTaken])
                .example_violation(FieldViolation::of(
                    Field::Handle,
                    Violation::TooLong { max: Handle::MAX_CHARS },
                )),
        )
        .protected(
            &DIALECT,
            __path_delete_contact,
            delete_contact,
            OperationDoc::no_content().resource(&RESOURCE).example_violation(not_uuid()),
        )
        // Clients of other services with this dialect update with PUT, and send only the members that change.
        .method_alias("/v1/contacts/{id}", &Method::PATCH, Method::PUT)
}
