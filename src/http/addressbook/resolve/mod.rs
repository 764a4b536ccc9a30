//! `/addressbook/resolve`

mod dto;
mod handlers;

use super::DIALECT;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::openapi::examples::audience;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{ResolveAnswer, ResolveRequest};

/// The tag of its operations.
pub const TAG: &str = "Address book audiences";

const RESOURCE: ResourceDoc = ResourceDoc { tag: Some(TAG), noun: "template", argument: "audience" };

/// Adds the routes.
pub(super) fn routes(api: RouteTable) -> RouteTable {
    use handlers::*;

    api.protected(
        &DIALECT,
        __path_resolve,
        resolve,
        OperationDoc::answering(200, ResolveAnswer::from(audience::audience()))
            .about(&RESOURCE)
            .request("aliases", "Two aliases and a text", ResolveRequest::example())
            .request("dry_run", "Counts and problems only", ResolveRequest::dry_run_example())
            .fails(&[ErrorCode::NotFound, ErrorCode::TemplateTooCostly])
            .violation(FieldViolation::at("aliases", Violation::Required)),
    )
}
