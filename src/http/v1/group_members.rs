//! The operations of `/v1/groups/{id}/members`, with their bodies.

use utoipa::openapi::schema::{Array, Object};

use super::contacts::Contact;
use super::dialect::DIALECT;
use super::groups::{self, PATH};
use super::names::PROPERTIES;
use super::operations::{self, invalid_id};
use super::pagination::respond;
use crate::config::Limits;
use crate::domain::contact::{ContactFilter, ContactQuery};
use crate::domain::filter::Filter;
use crate::domain::group::{
    GroupId, GroupKey, MAX_ADDED, MemberChange, MemberOp, MemberOutcome, MembersChanged,
};
use crate::domain::pagination::CursorParams;
use crate::domain::permission::granted::{ReadContacts, ReadGroups, UpdateGroups};
use crate::domain::{ContactId, ContactKey};
use crate::http::extract::Items;
use crate::http::extract::batch::{BatchList, parse_lists};
use crate::http::openapi::fields::filter::{HasFilter, in_place_of_lists};
use crate::http::openapi::{examples, fields};
use crate::http::prelude::*;

/// The body is a list of changes.
static RESOURCE: ResourceDoc = ResourceDoc { argument: "changes", ..groups::RESOURCE };

/// The lists of a request, in a sentence.
const LISTS: &str = "add and remove";

/// The contacts to add to a group and to remove from it: 1 to 1,000 in all. Contacts are added first, then
/// removed. A list that is null is treated as absent. Or `filter`, without both: the contacts that match it are added.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMembers {
    #[schema(schema_with = to_add, required = false)]
    add: Option<Items<String>>,
    #[schema(schema_with = to_remove, required = false)]
    remove: Option<Items<String>>,
    #[schema(schema_with = filter, required = false)]
    filter: Option<String>,
}

fn filter() -> Object {
    fields::filter::schema(
        &PROPERTIES,
        "The contacts that match at this moment are added, at most 10,000; not together with `add` and `remove`.",
    )
}

fn to_add() -> Array {
    fields::group::batch(fields::id(), "The contacts to add to the group.")
}

fn to_remove() -> Array {
    fields::group::batch(fields::id(), "The contacts to remove from the group.")
}

/// What a request changes.
pub enum Changes {
    Listed(Vec<(MemberOp, ContactId)>),
    AddMatching(Filter),
}

impl HasFilter for Changes {
    fn filter(&self) -> Option<&Filter> {
        match self {
            Self::Listed(_) => None,
            Self::AddMatching(filter) => Some(filter),
        }
    }
}

impl Payload for ChangeMembers {
    type Command = Changes;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Changes>] =
        &[Changes::CONTACTS, Changes::GROUPS, Changes::OPT_OUTS, Changes::SEGMENTS];

    const ITEMS: Option<fn(&Changes) -> usize> = Some(|changes| match changes {
        Changes::Listed(changes) => changes.len(),
        Changes::AddMatching(_) => 0,
    });

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<Self::Command> {
        let Self { add, remove, filter } = self;
        if let Some(filter) = filter {
            return in_place_of_lists(&filter, &PROPERTIES, LISTS, [&add, &remove], violations)
                .map(Changes::AddMatching);
        }
        let parse = |text: &str| ContactId::parse(text).ok_or(Violation::NotUuid);
        let lists = [
            BatchList { name: "add", items: add, parse },
            BatchList { name: "remove", items: remove, parse },
        ];
        let op = |list| if list == "add" { MemberOp::Add } else { MemberOp::Remove };
        let items = parse_lists(LISTS, lists, violations)?;
        Some(Changes::Listed(items.into_iter().map(|item| (op(item.list), item.value)).collect()))
    }
}

/// The results of adding contacts to a group and removing contacts from it.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupMembersChanged {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::group::shown_member_count, required = false)]
    member_count: Option<u64>,
    /// The result for each contact: first those of `add`, then those of `remove`, each in the order of its
    /// list.
    data: Vec<GroupMemberResult>,
}

/// The result for one contact.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupMemberResult {
    id: ContactId,
    #[schema(schema_with = fields::group::outcome)]
    outcome: MemberOutcome,
}

/// List the contacts of a group
///
/// Returns a page of the contacts in the group, newest contact first. `has_more` indicates whether there are
/// more; the `Link` header contains the URLs of the next and the previous page.
#[utoipa::path(get, path = "/v1/groups/{id}/members", operation_id = "listGroupMembers")]
async fn list_group_members(
    authorized: Authorized<(ReadGroups, ReadContacts)>,
    PathParam(id): PathParam<GroupId>,
    prefix: Prefix,
    Query { command: params, filters }: Query<CursorParams<ContactId>>,
) -> HandlerResult {
    let (CursorParams { cursor, limit }, group) = (params, Some(GroupKey::Id(id)));
    let query = ContactQuery { cursor, limit, filter: ContactFilter { group, ..ContactFilter::default() } };
    let page = authorized.contacts().cursor_page(query).await?;
    let path = prefix.prepend_to(format_args!("{PATH}/{id}/members"));
    Ok(respond::<Contact, _, _>(&path, &params, &filters, page, |contact| contact.id))
}

/// Add and remove contacts of a group
///
/// Adds contacts to the group and removes contacts from it, at most 1,000 in all, atomically: either the
/// whole request is carried out or none of it. Each contact has its own result; a contact that does not exist
/// is reported as such and does not affect the others.
///
/// With `filter`, the contacts that match at this moment are added, newest first in the response, at most 10,000: if more match,
/// nothing is changed, and the response is 400. The group stays as it is when contacts change later; a
/// segment follows them.
#[utoipa::path(post, path = "/v1/groups/{id}/members", operation_id = "changeGroupMembers")]
async fn change_group_members(
    authorized: Authorized<UpdateGroups>,
    visibility: Visibility<ReadGroups>,
    PathParam(id): PathParam<GroupId>,
    body: Body<ChangeMembers>,
) -> HandlerResult {
    let changes = match body.command {
        Changes::Listed(changes) => changes,
        Changes::AddMatching(filter) => {
            let found = authorized.contacts().find_matching_ids(filter, MAX_ADDED).await?;
            found.into_iter().map(|contact| (MemberOp::Add, contact)).collect()
        }
    };
    let contacts: Vec<ContactId> = changes.iter().map(|(_, contact)| *contact).collect();
    let items = changes.into_iter().map(|(op, id)| MemberChange { op, contact: ContactKey::Id(id) });
    let MembersChanged { member_count, outcomes } =
        authorized.groups().change_members(GroupKey::Id(id), items.collect()).await?;
    let results = contacts.into_iter().zip(outcomes);
    let data = results.map(|(id, outcome)| GroupMemberResult { id, outcome }).collect();
    Ok(HttpResponse::Ok().json(GroupMembersChanged { member_count: visibility.filter(member_count), data }))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let contact = examples::contact();
    let result = GroupMemberResult { id: contact.id, outcome: MemberOutcome::Added };
    let changed = GroupMembersChanged { member_count: Some(1), data: vec![result] };
    let list = operations::lists(&groups::RESOURCE, Contact::from(contact)).example_violation(invalid_id());
    let change = OperationDoc::of(&RESOURCE)
        .responds::<GroupMembersChanged>(200, "The result for each contact.", changed)
        .request_example("add", "One contact to add", json!({"add": [examples::ID]}))
        .request_example("filter", "All that match", json!({"filter": "display_name = \"John*\""}))
        .errors(fields::filter::ERRORS)
        .example_violation(FieldViolation::at("add.0", Violation::NotUuid));
    table.protected(&DIALECT, __path_list_group_members, list_group_members, list).protected(
        &DIALECT,
        __path_change_group_members,
        change_group_members,
        change,
    )
}
