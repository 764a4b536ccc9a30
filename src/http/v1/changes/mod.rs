//! `/v1/changes`

mod event_stream;
mod follow;
mod handlers;
mod request;
pub(super) mod response;

use super::dialect::DIALECT;
use super::tags;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::openapi::examples::change as examples;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use response::ChangeList;

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::CHANGES), noun: "change", argument: "change", versioned: false };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let list = OperationDoc::of(&RESOURCE)
        .responds::<ChangeList>(200, "A page of changes.", ChangeList::from(examples::page()))
        .errors(&[ErrorCode::PositionExpired])
        .example_violation(FieldViolation::at("since", Violation::NotPosition));
    table.protected(&DIALECT, __path_list_changes, list_changes, list)
}
