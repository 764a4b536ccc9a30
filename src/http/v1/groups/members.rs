//! The operations of `/v1/groups/{id}/members`, with their bodies.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Array, Object};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::handlers::PATH;
use crate::config::Limits;
use crate::domain::contact::ContactQuery;
use crate::domain::group::{GroupId, GroupKey, MemberChange, MemberOp, MemberOutcome, MembersChanged};
use crate::domain::pagination::CursorParams;
use crate::domain::permission::granted::{ReadContacts, ReadGroups, UpdateGroups};
use crate::domain::{ContactId, ContactKey, Violation};
use crate::http::auth::access::Visibility;
use crate::http::auth::authorized::Authorized;
use crate::http::extract::batch::{BatchList, parse_lists};
use crate::http::extract::{Body, Items, Parameters, PathParam, Payload, Query, Violations, query};
use crate::http::forwarded_prefix::Prefix;
use crate::http::openapi::{examples, fields};
use crate::http::response::{self, HandlerResult};
use crate::http::v1::contacts::dto::{Contact, ContactList};
use crate::http::v1::pagination;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListMembers {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after, required = false)]
    starting_after: Option<String>,
    #[param(schema_with = ending_before, required = false)]
    ending_before: Option<String>,
}

fn starting_after() -> Object {
    pagination::starting_after("contact")
}

fn ending_before() -> Object {
    pagination::ending_before("contact")
}

impl Parameters for ListMembers {
    type Command = CursorParams<ContactId>;

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<Self::Command> {
        let Self { limit, starting_after, ending_before } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let cursor = pagination::parse_cursor(starting_after, ending_before, violations);
        Some(CursorParams { cursor, limit: limit? })
    }
}

/// The contacts to add to a group and to remove from it: 1 to 1,000 in all. Contacts are added first, then
/// removed. A list that is null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMembers {
    #[schema(schema_with = to_add, required = false)]
    add: Option<Items<String>>,
    #[schema(schema_with = to_remove, required = false)]
    remove: Option<Items<String>>,
}

fn to_add() -> Array {
    fields::group::batch(fields::id(), "The contacts to add to the group.")
}

fn to_remove() -> Array {
    fields::group::batch(fields::id(), "The contacts to remove from the group.")
}

impl ChangeMembers {
    pub(super) fn example() -> Value {
        json!({"add": [examples::ID]})
    }
}

impl Payload for ChangeMembers {
    type Command = Vec<(MemberOp, ContactId)>;

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<Self::Command> {
        let Self { add, remove } = self;
        let parse = |text: &str| ContactId::parse(text).ok_or(Violation::NotUuid);
        let lists = [
            BatchList { name: "add", items: add, parse },
            BatchList { name: "remove", items: remove, parse },
        ];
        let op = |list| if list == "add" { MemberOp::Add } else { MemberOp::Remove };
        Some(
            parse_lists("add and remove", lists, violations)?
                .into_iter()
                .map(|item| (op(item.list), item.value))
                .collect(),
        )
    }
}

/// The results of adding contacts to a group and removing contacts from it.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupMembersChanged {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::group::shown_member_count, required = false)]
    pub(super) member_count: Option<u64>,
    /// The result for each contact: first those of `add`, then those of `remove`, each in the order of its
    /// list.
    pub(super) data: Vec<GroupMemberResult>,
}

/// The result for one contact.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupMemberResult {
    #[schema(schema_with = fields::id)]
    pub(super) id: ContactId,
    #[schema(schema_with = fields::group::outcome)]
    pub(super) outcome: MemberOutcome,
}

/// List the contacts of a group
///
/// Returns a page of the contacts in the group, newest contact first. `has_more` indicates whether there are
/// more; the `Link` header contains the URLs of the next and the previous page.
#[utoipa::path(
    get,
    path = "/v1/groups/{id}/members",
    operation_id = "listGroupMembers",
    params(PathParam<GroupId>, ListMembers),
    responses((
        status = 200,
        description = "A page of contacts.",
        body = ContactList,
        headers(("Link" = String, description = "The links to the next and the previous page, if they exist (RFC 8288).")),
    )),
)]
pub(super) async fn list_group_members(
    authorized: Authorized<(ReadGroups, ReadContacts)>,
    PathParam(id): PathParam<GroupId>,
    prefix: Prefix,
    Query(CursorParams { cursor, limit }): Query<ListMembers>,
) -> HandlerResult {
    let group = Some(GroupKey::Id(id));
    let query = ContactQuery { cursor, limit, handle: None, phone: None, updated_since: None, group };
    let page = authorized.contacts().cursor_page(query).await?;
    let path = prefix.prepend_to(format_args!("{PATH}/{id}/members"));
    let mut response =
        response::page(pagination::links(&path, &cursor, limit, &[], &page, |contact| contact.id));
    let data = page.items.into_iter().map(Contact::from).collect();
    Ok(response.json(ContactList { has_more: page.has_more, data }))
}

/// Add and remove contacts of a group
///
/// Adds contacts to the group and removes contacts from it, at most 1,000 in all, atomically: either the
/// whole request is carried out or none of it. Each contact has its own result; a contact that does not exist
/// is reported as such and does not affect the others.
#[utoipa::path(
    post,
    path = "/v1/groups/{id}/members",
    operation_id = "changeGroupMembers",
    params(PathParam<GroupId>),
    request_body = ChangeMembers,
    responses((status = 200, description = "The result for each contact.", body = GroupMembersChanged)),
)]
pub(super) async fn change_group_members(
    authorized: Authorized<UpdateGroups>,
    visibility: Visibility<ReadGroups>,
    PathParam(id): PathParam<GroupId>,
    body: Body<ChangeMembers>,
) -> HandlerResult {
    let contacts: Vec<ContactId> = body.command.iter().map(|(_, contact)| *contact).collect();
    let items = body.command.into_iter().map(|(verb, id)| MemberChange { verb, contact: ContactKey::Id(id) });
    let MembersChanged { member_count, outcomes } =
        authorized.groups().change_members(GroupKey::Id(id), items.collect()).await?;
    let results = contacts.into_iter().zip(outcomes);
    let data = results.map(|(id, outcome)| GroupMemberResult { id, outcome }).collect();
    Ok(HttpResponse::Ok().json(GroupMembersChanged { member_count: visibility.filter(member_count), data }))
}
