//! `/addressbook/resolve`

mod dto;
mod handlers;

use super::dialect::DIALECT;
use super::tags;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::audience::ResolvedAudience;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{ResolveRequest, ResolveResponse};

const RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::AUDIENCES), noun: "template", argument: "audience" };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    table.protected(
        &DIALECT,
        __path_resolve,
        resolve,
        OperationDoc::responding(200, ResolveResponse::from(ResolvedAudience::example()))
            .about(&RESOURCE)
            .request("aliases", "Two aliases and a text", ResolveRequest::example())
            .request("dry_run", "Counts and problems only", ResolveRequest::dry_run_example())
            .fails(&[ErrorCode::NotFound, ErrorCode::TemplateTooCostly])
            .violation(FieldViolation::at("aliases", Violation::Required)),
    )
}
