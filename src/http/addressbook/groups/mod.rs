//! `/addressbook/groups`

mod dto;
mod handlers;
mod list;
mod members;

use super::contacts::dto::{Record as Contact, RecordList as ContactList};
use super::dialect::DIALECT;
use super::envelope::Deleted;
use super::pagination;
use super::tags;
use crate::domain::group::{GroupName, MemberOutcome};
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::openapi::examples::{self, group as example};
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{CreateRecord, Record, RecordList, RecordResponse};

static RESOURCE: ResourceDoc = ResourceDoc { tag: Some(tags::GROUPS), noun: "group", argument: "group" };
static MEMBERS: ResourceDoc = ResourceDoc { argument: "changes", ..RESOURCE };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let record = || RecordResponse::from(example::group());
    let records = vec![Record::from(example::group())];
    let list = RecordList { success: true, records, offset: 0, limit: 10, total: 1 };
    let table = table
        .protected(
            &DIALECT,
            __path_create_record,
            create_record,
            OperationDoc::response(200, RecordResponse::from(example::new_group()))
                .resource(&RESOURCE)
                .request_example("group", "All members", CreateRecord::example())
                .errors(&[ErrorCode::NameTaken])
                .example_violation(FieldViolation::at("name", Violation::Required)),
        )
        .protected(
            &DIALECT,
            __path_list_records,
            list_records,
            OperationDoc::response(200, list).resource(&RESOURCE).example_violation(FieldViolation::at(
                "sortDir",
                Violation::NotOneOf { allowed: pagination::DIRECTIONS },
            )),
        )
        .protected(
            &DIALECT,
            __path_get_record,
            get_record,
            OperationDoc::response(200, record()).resource(&RESOURCE).example_violation(name_too_long()),
        )
        .protected(
            &DIALECT,
            __path_delete_record,
            delete_record,
            OperationDoc::response(200, Deleted { success: true })
                .resource(&RESOURCE)
                .example_violation(name_too_long()),
        );
    member_routes(table)
}

fn name_too_long() -> FieldViolation {
    FieldViolation::at("group", Violation::TooLong { max: GroupName::MAX_CHARS })
}

fn member_routes(table: RouteTable) -> RouteTable {
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
            result(Some(examples::MSISDN), None, MemberOutcome::Added),
            result(None, Some(examples::HANDLE), MemberOutcome::AlreadyMember),
        ],
    };
    table
        .protected(
            &DIALECT,
            __path_add_contacts,
            add_contacts,
            OperationDoc::response(200, added)
                .resource(&MEMBERS)
                .request_example(
                    "contacts",
                    "The same contact twice: by its number and by its alias",
                    AddContacts::example(),
                )
                .example_violation(FieldViolation::at("contacts.0", Violation::NotContactKey)),
        )
        .protected(
            &DIALECT,
            __path_list_contacts,
            list_contacts,
            OperationDoc::response(200, list).resource(&RESOURCE).example_violation(name_too_long()),
        )
        .protected(
            &DIALECT,
            __path_remove_contact,
            remove_contact,
            OperationDoc::response(200, Deleted { success: true })
                .resource(&RESOURCE)
                .errors(&[ErrorCode::PhoneAmbiguous])
                .example_violation(FieldViolation::at("contact", Violation::NotContactKey)),
        )
}
