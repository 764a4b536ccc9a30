//! `/v1/groups`

mod dto;
mod handlers;
mod list;
mod members;

use super::contacts::dto::{Contact, ContactList};
use super::dialect::DIALECT;
use super::tags;
use crate::domain::group::{GroupName, MemberOutcome};
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::openapi::examples::{self, group as example};
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::routes::RouteTable;
use dto::{CreateGroup, Group, GroupList, UpdateGroup};

static RESOURCE: ResourceDoc = ResourceDoc { tag: Some(tags::GROUPS), noun: "group", argument: "group" };
static MEMBERS: ResourceDoc = ResourceDoc { argument: "changes", ..RESOURCE };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let group = || Group::from(example::group());
    let list = GroupList { has_more: false, data: vec![group()] };
    let not_uuid = || FieldViolation::at("id", Violation::NotUuid);
    let table = table
        .protected(
            &DIALECT,
            __path_create_group,
            create_group,
            OperationDoc::response(201, Group::from(example::new_group()))
                .resource(&RESOURCE)
                .request_example("full", "All members", CreateGroup::full_example())
                .request_example("minimal", "Only the required members", CreateGroup::minimal_example())
                .errors(&[ErrorCode::NameTaken])
                .example_violation(FieldViolation::at("name", Violation::Required)),
        )
        .protected(
            &DIALECT,
            __path_list_groups,
            list_groups,
            OperationDoc::response(200, list)
                .resource(&RESOURCE)
                .example_violation(FieldViolation::at("starting_after", Violation::NotUuid)),
        )
        .protected(
            &DIALECT,
            __path_get_group,
            get_group,
            OperationDoc::response(200, group()).resource(&RESOURCE).example_violation(not_uuid()),
        )
        .protected(
            &DIALECT,
            __path_update_group,
            update_group,
            OperationDoc::response(200, group())
                .resource(&RESOURCE)
                .request_example("change", "A new name, and the description removed", UpdateGroup::example())
                .errors(&[ErrorCode::NameTaken])
                .example_violation(FieldViolation::at(
                    "name",
                    Violation::TooLong { max: GroupName::MAX_CHARS },
                )),
        )
        .protected(
            &DIALECT,
            __path_delete_group,
            delete_group,
            OperationDoc::no_content().resource(&RESOURCE).example_violation(not_uuid()),
        );
    member_routes(table)
}

fn member_routes(table: RouteTable) -> RouteTable {
    use members::*;

    let contact = examples::contact();
    let result = GroupMemberResult { id: contact.id, outcome: MemberOutcome::Added };
    let list = ContactList { has_more: false, data: vec![Contact::from(contact)] };
    table
        .protected(
            &DIALECT,
            __path_list_group_members,
            list_group_members,
            OperationDoc::response(200, list)
                .resource(&RESOURCE)
                .example_violation(FieldViolation::at("id", Violation::NotUuid)),
        )
        .protected(
            &DIALECT,
            __path_change_group_members,
            change_group_members,
            OperationDoc::response(200, GroupMembersChanged { member_count: Some(1), data: vec![result] })
                .resource(&MEMBERS)
                .request_example("add", "One contact to add", ChangeMembers::example())
                .example_violation(FieldViolation::at("add.0", Violation::NotUuid)),
        )
}
