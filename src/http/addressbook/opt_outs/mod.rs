//! `/addressbook/optouts`

pub mod dto;
mod handlers;
mod list;

use super::dialect::DIALECT;
use super::envelope::Deleted;
use super::pagination;
use super::tags;
use crate::domain::{Field, FieldViolation, Violation};
use crate::http::openapi::examples::opt_out as examples;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{CreateRecord, Record, RecordList, RecordResponse};

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::OPT_OUTS), noun: "opt-out", argument: "opt_out" };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let record = || RecordResponse::from(examples::opt_out());
    let records = vec![Record::from(examples::opt_out())];
    let list = RecordList { success: true, records, offset: 0, limit: 10, total: 1 };
    let not_a_key = || FieldViolation::at("optout", Violation::NotContactKey);
    table
        .protected(
            &DIALECT,
            __path_create_record,
            create_record,
            OperationDoc::response(200, record())
                .resource(&RESOURCE)
                .request_example("opt_out", "All members", CreateRecord::example())
                .example_violation(FieldViolation::of(Field::Phone, Violation::Required)),
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
            OperationDoc::response(200, record()).resource(&RESOURCE).example_violation(not_a_key()),
        )
        .protected(
            &DIALECT,
            __path_delete_record,
            delete_record,
            OperationDoc::response(200, Deleted { success: true })
                .resource(&RESOURCE)
                .example_violation(not_a_key()),
        )
}
