//! `/v1/opt_outs`

pub mod dto;
mod handlers;
mod list;

use super::DIALECT;
use crate::domain::{Fault, FieldFault};
use crate::http::openapi::examples::opt_out as examples;
use crate::http::openapi::{Spec, Subject};
use crate::http::routes::Api;
use dto::{CreateOptOut, OptOut, OptOutList};

/// The tag of the operations.
pub const TAG: &str = "Opt-outs";

static SUBJECT: Subject = Subject { tag: Some(TAG), noun: "opt-out", argument: "opt_out" };

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    let opt_out = || OptOut::from(examples::opt_out());
    let list = OptOutList { has_more: false, data: vec![opt_out()] };
    let not_a_key = || FieldFault::at("opt_out", Fault::NotContactKey);
    api.protected(
        &DIALECT,
        __path_create_opt_out,
        create_opt_out,
        Spec::answering(201, opt_out())
            .and(200, opt_out())
            .about(&SUBJECT)
            .request("full", "All members", CreateOptOut::full_example())
            .request("minimal", "Only the required members", CreateOptOut::minimal_example())
            .fault(FieldFault::at("phone_number", Fault::Required)),
    )
    .protected(
        &DIALECT,
        __path_list_opt_outs,
        list_opt_outs,
        Spec::answering(200, list).about(&SUBJECT).fault(FieldFault::at("starting_after", Fault::NotUuid)),
    )
    .protected(
        &DIALECT,
        __path_get_opt_out,
        get_opt_out,
        Spec::answering(200, opt_out()).about(&SUBJECT).fault(not_a_key()),
    )
    .protected(
        &DIALECT,
        __path_delete_opt_out,
        delete_opt_out,
        Spec::silent().about(&SUBJECT).fault(not_a_key()),
    )
}
