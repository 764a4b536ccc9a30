//! `/addressbook/resolve`

mod dto;
mod handlers;

use super::DIALECT;
use crate::domain::{Code, Fault, FieldFault};
use crate::http::openapi::examples::audience;
use crate::http::openapi::{Spec, Subject};
use crate::http::routes::Api;
use dto::{ResolveAnswer, ResolveRequest};

/// The tag of its operations.
pub const TAG: &str = "Address book audiences";

const SUBJECT: Subject = Subject { tag: Some(TAG), noun: "template", argument: "audience" };

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    api.protected(
        &DIALECT,
        __path_resolve,
        resolve,
        Spec::answering(200, ResolveAnswer::from(audience::audience()))
            .about(&SUBJECT)
            .request("aliases", "Two aliases and a text", ResolveRequest::example())
            .request("dry_run", "Counts and problems only", ResolveRequest::dry_run_example())
            .fails(&[Code::NotFound, Code::TemplateTooCostly])
            .fault(FieldFault::at("aliases", Fault::Required)),
    )
}
