//! `/addressbook/contacts`, and the same under `/contacts`.

pub mod dto;
mod handlers;
mod list;

use super::dialect::DIALECT;
use super::pagination;
use crate::domain::contact::fields::Handle;
use crate::domain::{ErrorCode, Field, FieldViolation, Violation};
use crate::http::addressbook::envelope::Deleted;
use crate::http::openapi::{OperationDoc, ResourceDoc, examples};
use crate::http::routes::RouteTable;
use dto::{CreateRecord, Record, RecordList, RecordResponse, RecordUpdated, UpdateRecord};

static RESOURCE: ResourceDoc = ResourceDoc { tag: None, noun: "contact", argument: "contact" };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let record = || RecordResponse::from(examples::contact());
    let list = RecordList {
        success: true,
        records: vec![Record::from(examples::contact())],
        offset: 0,
        limit: 10,
        total: 1,
    };
    let not_a_key = || FieldViolation::at("contact", Violation::NotContactKey);
    table
        .protected(
            &DIALECT,
            __path_create_record,
            create_record,
            OperationDoc::response(200, record())
                .resource(&RESOURCE)
                .request_example("contact", "With data for templates", CreateRecord::example())
                .errors(&[ErrorCode::HandleTaken])
                .example_violation(FieldViolation::of(Field::Handle, Violation::Required)),
        )
        .protected(
            &DIALECT,
            __path_list_records,
            list_records,
            OperationDoc::response(200, list).resource(&RESOURCE).example_violation(FieldViolation::at(
                "sortDir",
                Violation::NotOneOf { allowed: pagination::DIRECTIONS },
            )),
        )
        .protected(
            &DIALECT,
            __path_get_record,
            get_record,
            OperationDoc::response(200, record())
                .resource(&RESOURCE)
                .errors(&[ErrorCode::PhoneAmbiguous])
                .example_violation(not_a_key()),
        )
        .protected(
            &DIALECT,
            __path_update_record,
            update_record,
            OperationDoc::response(
                200,
                RecordUpdated { success: true, record: Some(examples::contact().into()) },
            )
            .resource(&RESOURCE)
            .request_example("change", "A new alias, one key of meta changed", UpdateRecord::example())
            .errors(&[ErrorCode::HandleTaken, ErrorCode::PhoneAmbiguous])
            .example_violation(FieldViolation::of(
                Field::Handle,
                Violation::TooLong { max: Handle::MAX_CHARS },
            )),
        )
        .protected(
            &DIALECT,
            __path_delete_record,
            delete_record,
            OperationDoc::response(200, Deleted { success: true })
                .resource(&RESOURCE)
                .errors(&[ErrorCode::PhoneAmbiguous])
                .example_violation(not_a_key()),
        )
        .alias("/addressbook/contacts", "/contacts")
}
