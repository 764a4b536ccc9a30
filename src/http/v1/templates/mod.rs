//! `/v1/templates`

pub mod dto;
mod handlers;
mod list;

use super::dialect::DIALECT;
use super::tags;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::openapi::examples::template as examples;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{CreateTemplate, MessageTemplate, TemplateList, UpdateTemplate};

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::TEMPLATES), noun: "template", argument: "template" };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let template = || MessageTemplate::from(examples::template());
    let list = TemplateList { has_more: false, data: vec![template()] };
    let not_uuid = || FieldViolation::at("id", Violation::NotUuid);
    // An unclosed `{{`.
    let syntax_error = || {
        let violation = crate::domain::template::engine::Template::parse("Hello {{ NAME").err();
        FieldViolation::at("text", violation.unwrap_or(Violation::Blank))
    };
    table
        .protected(
            &DIALECT,
            __path_create_template,
            create_template,
            OperationDoc::response(201, template())
                .resource(&RESOURCE)
                .request_example("template", "With a fallback for one variable", CreateTemplate::example())
                .errors(&[ErrorCode::NameTaken])
                .example_violation(syntax_error()),
        )
        .protected(
            &DIALECT,
            __path_list_templates,
            list_templates,
            OperationDoc::response(200, list)
                .resource(&RESOURCE)
                .example_violation(FieldViolation::at("starting_after", Violation::NotUuid)),
        )
        .protected(
            &DIALECT,
            __path_get_template,
            get_template,
            OperationDoc::response(200, template()).resource(&RESOURCE).example_violation(not_uuid()),
        )
        .protected(
            &DIALECT,
            __path_update_template,
            update_template,
            OperationDoc::response(200, template())
                .resource(&RESOURCE)
                .request_example("text", "A new text", UpdateTemplate::example())
                .errors(&[ErrorCode::NameTaken])
                .example_violation(syntax_error()),
        )
        .protected(
            &DIALECT,
            __path_delete_template,
            delete_template,
            OperationDoc::no_content().resource(&RESOURCE).example_violation(not_uuid()),
        )
}
