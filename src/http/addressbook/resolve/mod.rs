//! `/addressbook/resolve`

mod dto;
mod handlers;

use super::dialect::DIALECT;
use super::tags;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::audience;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{ResolveRequest, ResolveResponse};

const RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::AUDIENCES), noun: "template", argument: "audience", versioned: false };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    table.protected(
        &DIALECT,
        __path_resolve,
        resolve,
        OperationDoc::of(&RESOURCE)
            .responds::<ResolveResponse>(
                200,
                "The messages and the exclusions.",
                ResolveResponse::from(audience::example()),
            )
            .request_example("aliases", "Two aliases and a text", ResolveRequest::example())
            .request_example("dry_run", "Counts and problems only", ResolveRequest::dry_run_example())
            .errors(&[ErrorCode::NotFound, ErrorCode::TemplateTooCostly])
            .example_violation(FieldViolation::at("aliases", Violation::Required)),
    )
}
