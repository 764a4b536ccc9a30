//! `/v1/opt_outs`

pub mod dto;
mod handlers;
mod list;

use super::dialect::DIALECT;
use super::tags;
use crate::domain::{FieldViolation, Violation};
use crate::http::openapi::examples::opt_out as examples;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{CreateOptOut, OptOut, OptOutList};

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::OPT_OUTS), noun: "opt-out", argument: "opt_out" };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let opt_out = || OptOut::from(examples::opt_out());
    let list = OptOutList { has_more: false, data: vec![opt_out()] };
    let not_a_key = || FieldViolation::at("opt_out", Violation::NotContactKey);
    table
        .protected(
            &DIALECT,
            __path_create_opt_out,
            create_opt_out,
            OperationDoc::response(201, opt_out())
                .and_response(200, opt_out())
                .resource(&RESOURCE)
                .request_example("full", "All members", CreateOptOut::full_example())
                .request_example("minimal", "Only the required members", CreateOptOut::minimal_example())
                .example_violation(FieldViolation::at("phone_number", Violation::Required)),
        )
        .protected(
            &DIALECT,
            __path_list_opt_outs,
            list_opt_outs,
            OperationDoc::response(200, list)
                .resource(&RESOURCE)
                .example_violation(FieldViolation::at("starting_after", Violation::NotUuid)),
        )
        .protected(
            &DIALECT,
            __path_get_opt_out,
            get_opt_out,
            OperationDoc::response(200, opt_out()).resource(&RESOURCE).example_violation(not_a_key()),
        )
        .protected(
            &DIALECT,
            __path_delete_opt_out,
            delete_opt_out,
            OperationDoc::no_content().resource(&RESOURCE).example_violation(not_a_key()),
        )
}
