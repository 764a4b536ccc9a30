//! `/v1/groups`

mod dto;
mod handlers;
mod list;
mod members;

use super::DIALECT;
use super::contacts::dto::{Contact, ContactList};
use crate::domain::group::{GroupName, Outcome};
use crate::domain::{Code, Fault, FieldFault};
use crate::http::openapi::examples::{self, group as example};
use crate::http::openapi::{Spec, Subject};
use crate::http::routes::Api;
use dto::{CreateGroup, Group, GroupList, UpdateGroup};

/// The tag of the operations.
pub const TAG: &str = "Groups";

static SUBJECT: Subject = Subject { tag: Some(TAG), noun: "group", argument: "group" };
static MEMBERS: Subject = Subject { argument: "changes", ..SUBJECT };

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    use handlers::*;

    let group = || Group::from(example::group());
    let list = GroupList { has_more: false, data: vec![group()] };
    let not_uuid = || FieldFault::at("id", Fault::NotUuid);
    let api = api
        .protected(
            &DIALECT,
            __path_create_group,
            create_group,
            Spec::answering(201, Group::from(example::new_group()))
                .about(&SUBJECT)
                .request("full", "All members", CreateGroup::full_example())
                .request("minimal", "Only the required members", CreateGroup::minimal_example())
                .fails(&[Code::NameTaken])
                .fault(FieldFault::at("name", Fault::Required)),
        )
        .protected(
            &DIALECT,
            __path_list_groups,
            list_groups,
            Spec::answering(200, list)
                .about(&SUBJECT)
                .fault(FieldFault::at("starting_after", Fault::NotUuid)),
        )
        .protected(
            &DIALECT,
            __path_get_group,
            get_group,
            Spec::answering(200, group()).about(&SUBJECT).fault(not_uuid()),
        )
        .protected(
            &DIALECT,
            __path_update_group,
            update_group,
            Spec::answering(200, group())
                .about(&SUBJECT)
                .request("change", "A new name, and the description removed", UpdateGroup::example())
                .fails(&[Code::NameTaken])
                .fault(FieldFault::at("name", Fault::TooLong { max: GroupName::MAX_CHARS })),
        )
        .protected(
            &DIALECT,
            __path_delete_group,
            delete_group,
            Spec::silent().about(&SUBJECT).fault(not_uuid()),
        );
    member_routes(api)
}

fn member_routes(api: Api) -> Api {
    use members::*;

    let contact = examples::contact();
    let result = GroupMemberResult { id: contact.id, outcome: Outcome::Added };
    let list = ContactList { has_more: false, data: vec![Contact::from(contact)] };
    api.protected(
        &DIALECT,
        __path_list_group_members,
        list_group_members,
        Spec::answering(200, list).about(&SUBJECT).fault(FieldFault::at("id", Fault::NotUuid)),
    )
    .protected(
        &DIALECT,
        __path_change_group_members,
        change_group_members,
        Spec::answering(200, GroupMembersChanged { member_count: Some(1), data: vec![result] })
            .about(&MEMBERS)
            .request("add", "One contact to add", ChangeMembers::example())
            .fault(FieldFault::at("add.0", Fault::NotUuid)),
    )
}
