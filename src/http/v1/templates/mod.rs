//! `/v1/templates`

pub mod dto;
mod handlers;
mod list;

use super::DIALECT;
use crate::domain::{Code, Fault, FieldFault};
use crate::http::openapi::examples::template as examples;
use crate::http::openapi::{Spec, Subject};
use crate::http::routes::Api;
use dto::{CreateTemplate, MessageTemplate, TemplateList, UpdateTemplate};

/// The tag of the operations.
pub const TAG: &str = "Templates";

static SUBJECT: Subject = Subject { tag: Some(TAG), noun: "template", argument: "template" };

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    let template = || MessageTemplate::from(examples::template());
    let list = TemplateList { has_more: false, data: vec![template()] };
    let not_uuid = || FieldFault::at("id", Fault::NotUuid);
    // What is wrong with a text whose `{{` is never closed.
    let unread = || {
        let fault = crate::domain::template::engine::Template::parse("Hello {{ NAME").err();
        FieldFault::at("text", fault.unwrap_or(Fault::Blank))
    };
    api.protected(
        &DIALECT,
        __path_create_template,
        create_template,
        Spec::answering(201, template())
            .about(&SUBJECT)
            .request("template", "With a fallback for one variable", CreateTemplate::example())
            .fails(&[Code::NameTaken])
            .fault(unread()),
    )
    .protected(
        &DIALECT,
        __path_list_templates,
        list_templates,
        Spec::answering(200, list).about(&SUBJECT).fault(FieldFault::at("starting_after", Fault::NotUuid)),
    )
    .protected(
        &DIALECT,
        __path_get_template,
        get_template,
        Spec::answering(200, template()).about(&SUBJECT).fault(not_uuid()),
    )
    .protected(
        &DIALECT,
        __path_update_template,
        update_template,
        Spec::answering(200, template())
            .about(&SUBJECT)
            .request("text", "A new text", UpdateTemplate::example())
            .fails(&[Code::NameTaken])
            .fault(unread()),
    )
    .protected(
        &DIALECT,
        __path_delete_template,
        delete_template,
        Spec::silent().about(&SUBJECT).fault(not_uuid()),
    )
}
