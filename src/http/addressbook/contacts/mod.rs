//! `/addressbook/contacts`, and the same under `/contacts`.

pub mod dto;
mod handlers;
mod list;

pub(super) use handlers::Key;

use super::{DIALECT, pagination};
use crate::domain::contact::fields::Handle;
use crate::domain::{Code, Fault, Field, FieldFault};
use crate::http::addressbook::envelope::Deleted;
use crate::http::openapi::{Spec, examples};
use crate::http::routes::Api;
use dto::{CreateRecord, Record, RecordAnswer, RecordList, RecordUpdated, UpdateRecord};

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    let record = || RecordAnswer::from(examples::contact());
    let list = RecordList {
        success: true,
        records: vec![Record::from(examples::contact())],
        offset: 0,
        limit: 10,
        total: 1,
    };
    let not_a_key = || FieldFault::at("contact", Fault::NotContactKey);
    api.protected(
        &DIALECT,
        __path_create_record,
        create_record,
        Spec::answering(200, record())
            .request("contact", "With data for templates", CreateRecord::example())
            .fails(&[Code::HandleTaken])
            .fault(FieldFault::of(Field::Handle, Fault::Required)),
    )
    .protected(
        &DIALECT,
        __path_list_records,
        list_records,
        Spec::answering(200, list)
            .fault(FieldFault::at("sortDir", Fault::NotOneOf { allowed: pagination::DIRECTIONS })),
    )
    .protected(
        &DIALECT,
        __path_get_record,
        get_record,
        Spec::answering(200, record()).fails(&[Code::PhoneAmbiguous]).fault(not_a_key()),
    )
    .protected(
        &DIALECT,
        __path_update_record,
        update_record,
        Spec::answering(200, RecordUpdated { success: true, record: Some(examples::contact().into()) })
            .request("change", "A new alias, one key of meta changed", UpdateRecord::example())
            .fails(&[Code::HandleTaken, Code::PhoneAmbiguous])
            .fault(FieldFault::of(Field::Handle, Fault::TooLong { max: Handle::MAX_CHARS })),
    )
    .protected(
        &DIALECT,
        __path_delete_record,
        delete_record,
        Spec::answering(200, Deleted { success: true }).fails(&[Code::PhoneAmbiguous]).fault(not_a_key()),
    )
    .alias("/addressbook/contacts", "/contacts")
}
