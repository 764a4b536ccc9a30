//! `/addressbook/optouts`

pub mod dto;
mod handlers;
mod list;

use super::envelope::Deleted;
use super::{DIALECT, pagination};
use crate::domain::{Fault, Field, FieldFault};
use crate::http::openapi::examples::opt_out as examples;
use crate::http::openapi::{Spec, Subject};
use crate::http::routes::Api;
use dto::{CreateRecord, Record, RecordAnswer, RecordList};

/// The tag of its operations.
pub const TAG: &str = "Address book opt-outs";

static SUBJECT: Subject = Subject { tag: Some(TAG), noun: "opt-out", argument: "opt_out" };

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    let record = || RecordAnswer::from(examples::opt_out());
    let records = vec![Record::from(examples::opt_out())];
    let list = RecordList { success: true, records, offset: 0, limit: 10, total: 1 };
    let not_a_key = || FieldFault::at("optout", Fault::NotContactKey);
    api.protected(
        &DIALECT,
        __path_create_record,
        create_record,
        Spec::answering(200, record())
            .about(&SUBJECT)
            .request("opt_out", "All members", CreateRecord::example())
            .fault(FieldFault::of(Field::Phone, Fault::Required)),
    )
    .protected(
        &DIALECT,
        __path_list_records,
        list_records,
        Spec::answering(200, list)
            .about(&SUBJECT)
            .fault(FieldFault::at("sortDir", Fault::NotOneOf { allowed: pagination::DIRECTIONS })),
    )
    .protected(
        &DIALECT,
        __path_get_record,
        get_record,
        Spec::answering(200, record()).about(&SUBJECT).fault(not_a_key()),
    )
    .protected(
        &DIALECT,
        __path_delete_record,
        delete_record,
        Spec::answering(200, Deleted { success: true }).about(&SUBJECT).fault(not_a_key()),
    )
}
