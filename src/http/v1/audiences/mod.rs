//! `/v1/audiences`

pub mod answer;
mod handlers;
mod list;
mod request;

use utoipa::openapi::schema::Object;

use super::DIALECT;
use crate::domain::{Code, Fault, FieldFault};
use crate::http::openapi::examples::audience as examples;
use crate::http::openapi::{Spec, Subject, fields};
use crate::http::routes::Api;
use answer::{Audience, AudienceExclusionPage, AudienceList, AudienceRecipientPage, KeptAudience};
use request::{AudienceItem, CreateAudience};

/// The tag of its operations.
pub const TAG: &str = "Audiences";

/// How the document speaks of them.
const SUBJECT: Subject = Subject { tag: Some(TAG), noun: "audience", argument: "audience" };

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
const MAKING: Subject = Subject { tag: Some(TAG), noun: "template", argument: "audience" };

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
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
    let not_uuid = || FieldFault::at("id", Fault::NotUuid);
    api.protected(
        &DIALECT,
        __path_create_audience,
        create_audience,
        Spec::answering(200, audience)
            .and(201, Audience::from(examples::kept_audience()))
            .about(&MAKING)
            .refers_to::<AudienceItem>()
            .request("aliases", "Two recipients and a text", CreateAudience::example())
            .request("dry_run", "All contacts, counts and problems only", CreateAudience::dry_run_example())
            .request("kept", "All contacts, kept to be read page by page", CreateAudience::kept_example())
            .fails(&[
                Code::NotFound,
                Code::AudienceTooLarge,
                Code::AudienceQuota,
                Code::AudienceInProgress,
                Code::TemplateTooCostly,
                Code::StorageFull,
            ])
            .fault(FieldFault::at("recipients", Fault::Required)),
    )
    .protected(
        &DIALECT,
        __path_list_audiences,
        list_audiences,
        Spec::answering(200, AudienceList { has_more: false, data: vec![kept()] })
            .about(&SUBJECT)
            .fault(FieldFault::at("starting_after", Fault::NotUuid)),
    )
    .protected(
        &DIALECT,
        __path_get_audience,
        get_audience,
        Spec::answering(200, kept()).about(&SUBJECT).fault(not_uuid()),
    )
    .protected(
        &DIALECT,
        __path_delete_audience,
        delete_audience,
        Spec::silent().about(&SUBJECT).fault(not_uuid()),
    )
    .protected(
        &DIALECT,
        __path_list_recipients,
        list_recipients,
        Spec::answering(200, recipients).about(&SUBJECT).fault(not_uuid()),
    )
    .protected(
        &DIALECT,
        __path_list_exclusions,
        list_exclusions,
        Spec::answering(200, exclusions).about(&SUBJECT).fault(not_uuid()),
    )
}
