//! `/addressbook/groups`

mod dto;
mod handlers;
mod list;
mod members;

use super::contacts::dto::{Record as Contact, RecordList as ContactList};
use super::envelope::Deleted;
use super::{DIALECT, pagination};
use crate::domain::group::{GroupName, Outcome};
use crate::domain::{Code, Fault, FieldFault};
use crate::http::openapi::examples::{self, group as example};
use crate::http::openapi::{Spec, Subject};
use crate::http::routes::Api;
use dto::{CreateRecord, Record, RecordAnswer, RecordList};

/// The tag of its operations.
pub const TAG: &str = "Address book groups";

static SUBJECT: Subject = Subject { tag: Some(TAG), noun: "group", argument: "group" };
static MEMBERS: Subject = Subject { argument: "changes", ..SUBJECT };

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    let record = || RecordAnswer::from(example::group());
    let records = vec![Record::from(example::group())];
    let list = RecordList { success: true, records, offset: 0, limit: 10, total: 1 };
    let api = api
        .protected(
            &DIALECT,
            __path_create_record,
            create_record,
            Spec::answering(200, RecordAnswer::from(example::new_group()))
                .about(&SUBJECT)
                .request("group", "All members", CreateRecord::example())
                .fails(&[Code::NameTaken])
                .fault(FieldFault::at("name", Fault::Required)),
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
            Spec::answering(200, record()).about(&SUBJECT).fault(name_too_long()),
        )
        .protected(
            &DIALECT,
            __path_delete_record,
            delete_record,
            Spec::answering(200, Deleted { success: true }).about(&SUBJECT).fault(name_too_long()),
        );
    member_routes(api)
}

fn name_too_long() -> FieldFault {
    FieldFault::at("group", Fault::TooLong { max: GroupName::MAX_CHARS })
}

fn member_routes(api: Api) -> Api {
    use members::*;

    let records = vec![Contact::from(examples::contact())];
    let list = ContactList { success: true, records, offset: 0, limit: 10, total: 1 };
    let result = |contact: Option<&str>, alias: Option<&str>, outcome| {
        let (contact, alias) = (contact.map(str::to_owned), alias.map(str::to_owned));
        ContactResult { contact, alias, outcome }
    };
    let added = ContactsAdded {
        success: true,
        member_count: Some(1),
        results: vec![
            result(Some(examples::MSISDN), None, Outcome::Added),
            result(None, Some(examples::HANDLE), Outcome::AlreadyMember),
        ],
    };
    api.protected(
        &DIALECT,
        __path_add_contacts,
        add_contacts,
        Spec::answering(200, added)
            .about(&MEMBERS)
            .request(
                "contacts",
                "The same contact twice: by its number and by its alias",
                AddContacts::example(),
            )
            .fault(FieldFault::at("contacts.0", Fault::NotContactKey)),
    )
    .protected(
        &DIALECT,
        __path_list_contacts,
        list_contacts,
        Spec::answering(200, list).about(&SUBJECT).fault(name_too_long()),
    )
    .protected(
        &DIALECT,
        __path_remove_contact,
        remove_contact,
        Spec::answering(200, Deleted { success: true })
            .about(&SUBJECT)
            .fails(&[Code::PhoneAmbiguous])
            .fault(FieldFault::at("contact", Fault::NotContactKey)),
    )
}
