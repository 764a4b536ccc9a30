//! The query parameters and the `Link` header of `/v1/contacts`.

use actix_web::http::header::HeaderValue;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::config::Limits;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::contact::{Contact, ContactQuery, OVERLAP};
use crate::domain::group::{GroupKey, MAX_SHOWN};
use crate::domain::pagination::CursorPage;
use crate::domain::{Permission, Timestamp, Violation};
use crate::http::extract::{ConditionalPermission, Parameters, Violations, query};
use crate::http::openapi::fields;
use crate::http::v1::pagination;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListContacts {
    #[param(schema_with = fields::page_limit, required = false)]
    limit: Option<String>,
    #[param(schema_with = starting_after, required = false)]
    starting_after: Option<String>,
    #[param(schema_with = ending_before, required = false)]
    ending_before: Option<String>,
    #[param(schema_with = username, required = false)]
    username: Option<String>,
    #[param(schema_with = phone_number, required = false)]
    phone_number: Option<String>,
    #[param(schema_with = updated_since, required = false)]
    updated_since: Option<String>,
    #[param(schema_with = group, required = false)]
    group: Option<String>,
    #[param(schema_with = expand, required = false)]
    expand: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct GetContact {
    #[param(schema_with = expand, required = false)]
    expand: Option<String>,
}

pub(super) struct ListCommand {
    pub(super) query: ContactQuery,
    /// Whether each contact includes its groups.
    pub(super) expand: bool,
}

/// The only value of `expand`.
const EXPAND: &str = "groups";

fn starting_after() -> Object {
    pagination::starting_after("contact")
}

fn ending_before() -> Object {
    pagination::ending_before("contact")
}

fn username() -> Object {
    fields::with_description(fields::handle(), "Only the contact with this username.")
}

fn phone_number() -> Object {
    fields::with_description(
        fields::phone(),
        "Only contacts with this phone number, in any accepted spelling.",
    )
}

fn updated_since() -> Object {
    fields::timestamp(&format!(
        "Only contacts that changed at or after this time. The list then starts with the most recently \
         changed contact, unless it is also filtered by another parameter. To follow changes, repeat the \
         request with the time {OVERLAP} seconds before the latest `updated_at` that you have seen: a change \
         may become visible up to {OVERLAP} seconds after its `updated_at`, and later than others with a \
         later `updated_at`. You then get some contacts a second time, but miss no change. Deleted contacts \
         are not listed."
    ))
}

fn group() -> Object {
    fields::with_description(
        fields::group::name(),
        "Only contacts in the group with this id or, if there is none, with this name.",
    )
}

fn expand() -> Object {
    ObjectBuilder::new()
        .title(Some("Expand"))
        .description(Some(format!(
            "`groups` adds to each contact the groups that it is in, newest first, at most {MAX_SHOWN}. The \
             entity tag of a contact does not cover them."
        )))
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some([EXPAND]))
        .build()
}

fn parse_expand(expand: Option<String>, violations: &mut Violations) -> bool {
    let parse =
        |text: &str| if text == EXPAND { Ok(()) } else { Err(Violation::NotOneOf { allowed: EXPAND }) };
    violations.parse("expand", expand, parse).is_some()
}

impl Parameters for GetContact {
    type Command = bool;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<bool>] = &[ConditionalPermission {
        permission: Permission::ReadGroups,
        when: "`expand` is given",
        applies: |expand| *expand,
    }];

    fn into_command(self, _: &Limits, violations: &mut Violations) -> Option<bool> {
        let Self { expand } = self;
        Some(parse_expand(expand, violations))
    }
}

impl Parameters for ListContacts {
    type Command = ListCommand;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<ListCommand>] = &[ConditionalPermission {
        permission: Permission::ReadGroups,
        when: "`group` or `expand` is given",
        applies: |ListCommand { query, expand }| *expand || query.group.is_some(),
    }];

    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<ListCommand> {
        let Self {
            limit,
            starting_after,
            ending_before,
            username,
            phone_number,
            updated_since,
            group,
            expand,
        } = self;
        let limit = query::limit("limit", limit, limits, violations);
        let cursor = pagination::parse_cursor(starting_after, ending_before, violations);
        let timestamp = |text: &str| Timestamp::parse(text).ok_or(Violation::NotTimestamp);
        let expand = parse_expand(expand, violations);
        let query = ContactQuery {
            cursor,
            limit: limit?,
            handle: violations.parse("username", username, Handle::parse),
            phone: violations.parse("phone_number", phone_number, Phone::parse),
            updated_since: violations.parse("updated_since", updated_since, timestamp),
            group: violations.parse("group", group, GroupKey::parse),
        };
        Some(ListCommand { query, expand })
    }
}

pub(super) fn links(path: &str, command: &ListCommand, page: &CursorPage<Contact>) -> Option<HeaderValue> {
    let ListCommand { query, expand } = command;
    let ContactQuery { cursor, limit, handle, phone, updated_since, group } = query;
    let filters = [
        ("username", handle.as_ref().map(|handle| handle.as_str().to_owned())),
        ("phone_number", phone.as_ref().map(|phone| phone.as_str().to_owned())),
        ("updated_since", updated_since.map(|since| since.to_string())),
        ("group", group.as_ref().map(ToString::to_string)),
        ("expand", expand.then(|| EXPAND.to_owned())),
    ];
    pagination::links(path, cursor, *limit, &filters, page, |contact| contact.id)
}
