//! `/v1/audiences`

mod handlers;
mod list;
mod request;
mod response;
mod schema;

use super::dialect::DIALECT;
use super::operations::{self, invalid_cursor, invalid_id};
use super::pagination::Listed;
use super::tags;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::audience;
use crate::http::openapi::examples::audience as examples;
use crate::http::openapi::{OperationDoc, ResourceDoc, fields};
use crate::http::routes::RouteTable;
use request::{AudienceItem, CreateAudience};
use response::{Audience, AudienceExclusion, AudienceRecipient, KeptAudience};

const RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::AUDIENCES), noun: "audience", argument: "audience", versioned: false };

/// Of the create operation, whose 404 is about the template.
const CREATE_RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::AUDIENCES), noun: "template", argument: "audience", versioned: false };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let kept = || KeptAudience::from(examples::kept_audience());
    let recipient = AudienceRecipient::at(Some(0), examples::included());
    let exclusion = AudienceExclusion::at(Some(0), examples::exclusion());
    table
        .protected(
            &DIALECT,
            __path_create_audience,
            create_audience,
            operations::creates(&RESOURCE, Audience::from(examples::kept_audience()))
                .describe(201, "The kept audience was created.")
                .responds::<Audience>(200, "The audience.", Audience::from(audience::example()))
                .resource(&CREATE_RESOURCE)
                .refers_to::<AudienceItem>()
                .request_example("aliases", "Two recipients and a text", CreateAudience::example())
                .request_example(
                    "dry_run",
                    "All contacts, counts and problems only",
                    CreateAudience::dry_run_example(),
                )
                .request_example(
                    "chosen",
                    "A segment, all contacts that match a filter, and a text",
                    CreateAudience::chosen_example(),
                )
                .request_example(
                    "kept",
                    "All contacts, kept to be read page by page",
                    CreateAudience::kept_example(),
                )
                .errors(fields::filter::ERRORS)
                .errors(&[
                    ErrorCode::AudienceTooLarge,
                    ErrorCode::AudienceQuota,
                    ErrorCode::AudienceInProgress,
                    ErrorCode::TemplateTooCostly,
                    ErrorCode::StorageFull,
                ])
                .example_violation(FieldViolation::at("recipients", Violation::Required)),
        )
        .protected(
            &DIALECT,
            __path_list_audiences,
            list_audiences,
            operations::lists(&RESOURCE, kept()).example_violation(invalid_cursor()),
        )
        .protected(
            &DIALECT,
            __path_get_audience,
            get_audience,
            operations::gets(&RESOURCE, kept()).example_violation(invalid_id()),
        )
        .protected(
            &DIALECT,
            __path_delete_audience,
            delete_audience,
            operations::deletes(&RESOURCE).example_violation(invalid_id()),
        )
        .protected(&DIALECT, __path_list_recipients, list_recipients, lists_entries(recipient))
        .protected(&DIALECT, __path_list_exclusions, list_exclusions, lists_entries(exclusion))
}

/// A list of a kept audience goes in one direction.
fn lists_entries<T: Listed>(example: T) -> OperationDoc {
    operations::lists(&RESOURCE, example)
        .header(200, "Link", "The link to the next page, if there is one (RFC 8288).")
        .example_violation(invalid_id())
}
