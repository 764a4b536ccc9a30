//! `/v1/audiences`

mod handlers;
mod list;
mod request;
mod response;
mod schema;

use super::dialect::DIALECT;
use super::tags;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::audience;
use crate::http::openapi::examples::audience as examples;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use request::{AudienceItem, CreateAudience};
use response::{Audience, AudienceExclusionPage, AudienceList, AudienceRecipientPage, KeptAudience};

const RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::AUDIENCES), noun: "audience", argument: "audience", versioned: false };

/// Of the create operation, whose 404 is about the template.
const CREATE_RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::AUDIENCES), noun: "template", argument: "audience", versioned: false };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let kept = || KeptAudience::from(examples::kept_audience());
    let audience = Audience::from(audience::example());
    let recipients = AudienceRecipientPage {
        has_more: false,
        data: vec![response::AudienceRecipient::at(Some(0), examples::included())],
    };
    let exclusions = AudienceExclusionPage {
        has_more: false,
        data: vec![response::AudienceExclusion::at(Some(0), examples::exclusion())],
    };
    let not_uuid = || FieldViolation::at("id", Violation::NotUuid);
    table
        .protected(
            &DIALECT,
            __path_create_audience,
            create_audience,
            OperationDoc::response(200, audience)
                .and_response(201, Audience::from(examples::kept_audience()))
                .resource(&CREATE_RESOURCE)
                .refers_to::<AudienceItem>()
                .request_example("aliases", "Two recipients and a text", CreateAudience::example())
                .request_example(
                    "dry_run",
                    "All contacts, counts and problems only",
                    CreateAudience::dry_run_example(),
                )
                .request_example(
                    "kept",
                    "All contacts, kept to be read page by page",
                    CreateAudience::kept_example(),
                )
                .errors(&[
                    ErrorCode::NotFound,
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
            OperationDoc::response(200, AudienceList { has_more: false, data: vec![kept()] })
                .resource(&RESOURCE)
                .example_violation(FieldViolation::at("starting_after", Violation::NotUuid)),
        )
        .protected(
            &DIALECT,
            __path_get_audience,
            get_audience,
            OperationDoc::response(200, kept()).resource(&RESOURCE).example_violation(not_uuid()),
        )
        .protected(
            &DIALECT,
            __path_delete_audience,
            delete_audience,
            OperationDoc::no_content().resource(&RESOURCE).example_violation(not_uuid()),
        )
        .protected(
            &DIALECT,
            __path_list_recipients,
            list_recipients,
            OperationDoc::response(200, recipients).resource(&RESOURCE).example_violation(not_uuid()),
        )
        .protected(
            &DIALECT,
            __path_list_exclusions,
            list_exclusions,
            OperationDoc::response(200, exclusions).resource(&RESOURCE).example_violation(not_uuid()),
        )
}
