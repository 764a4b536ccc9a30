//! `/v1/audiences`

pub mod answer;
mod handlers;
mod list;
mod request;

use utoipa::openapi::schema::Object;

use super::DIALECT;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::openapi::examples::audience as examples;
use crate::http::openapi::{OperationDoc, ResourceDoc, fields};
use crate::http::routes::RouteTable;
use answer::{Audience, AudienceExclusionPage, AudienceList, AudienceRecipientPage, KeptAudience};
use request::{AudienceItem, CreateAudience};

/// The tag of its operations.
pub const TAG: &str = "Audiences";

/// How the document speaks of them.
const RESOURCE: ResourceDoc = ResourceDoc { tag: Some(TAG), noun: "audience", argument: "audience" };

fn id() -> Object {
    fields::described(fields::id(), "The id of the audience, assigned by the server.")
}

fn created() -> Object {
    fields::moment("The time at which the audience was resolved, in UTC with millisecond precision.")
}

fn expires() -> Object {
    fields::moment("The time at which the audience expires, in UTC with millisecond precision.")
}

/// The same of the operation that makes one: what may be missing there is a template.
const MAKING: ResourceDoc = ResourceDoc { tag: Some(TAG), noun: "template", argument: "audience" };

/// Adds the routes.
pub(super) fn routes(api: RouteTable) -> RouteTable {
    use handlers::*;

    let kept = || KeptAudience::from(examples::kept_audience());
    let audience = Audience::from(examples::audience());
    let recipients = AudienceRecipientPage {
        has_more: false,
        data: vec![answer::AudienceRecipient::at(Some(0), examples::included())],
    };
    let exclusions = AudienceExclusionPage {
        has_more: false,
        data: vec![answer::AudienceExclusion::at(Some(0), examples::exclusion())],
    };
    let not_uuid = || FieldViolation::at("id", Violation::NotUuid);
    api.protected(
        &DIALECT,
        __path_create_audience,
        create_audience,
        OperationDoc::answering(200, audience)
            .and(201, Audience::from(examples::kept_audience()))
            .about(&MAKING)
            .refers_to::<AudienceItem>()
            .request("aliases", "Two recipients and a text", CreateAudience::example())
            .request("dry_run", "All contacts, counts and problems only", CreateAudience::dry_run_example())
            .request("kept", "All contacts, kept to be read page by page", CreateAudience::kept_example())
            .fails(&[
                ErrorCode::NotFound,
                ErrorCode::AudienceTooLarge,
                ErrorCode::AudienceQuota,
                ErrorCode::AudienceInProgress,
                ErrorCode::TemplateTooCostly,
                ErrorCode::StorageFull,
            ])
            .violation(FieldViolation::at("recipients", Violation::Required)),
    )
    .protected(
        &DIALECT,
        __path_list_audiences,
        list_audiences,
        OperationDoc::answering(200, AudienceList { has_more: false, data: vec![kept()] })
            .about(&RESOURCE)
            .violation(FieldViolation::at("starting_after", Violation::NotUuid)),
    )
    .protected(
        &DIALECT,
        __path_get_audience,
        get_audience,
        OperationDoc::answering(200, kept()).about(&RESOURCE).violation(not_uuid()),
    )
    .protected(
        &DIALECT,
        __path_delete_audience,
        delete_audience,
        OperationDoc::silent().about(&RESOURCE).violation(not_uuid()),
    )
    .protected(
        &DIALECT,
        __path_list_recipients,
        list_recipients,
        OperationDoc::answering(200, recipients).about(&RESOURCE).violation(not_uuid()),
    )
    .protected(
        &DIALECT,
        __path_list_exclusions,
        list_exclusions,
        OperationDoc::answering(200, exclusions).about(&RESOURCE).violation(not_uuid()),
    )
}
