//! `/v1/contacts`

use actix_web::http::Method;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use super::dialect::DIALECT;
use super::names::PROPERTIES;
use super::operations::{self, created, found, invalid_cursor, invalid_id, tagged};
use super::pagination::{Listed, Page, cursor_params, links, next_link, respond_with_links};
use super::updated::Updated;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::contact::{ContactFilter, ContactQuery, OVERLAP, OrderCursor, OrderedPage, OrderedQuery};
use crate::domain::filter::{ContactOrder, Filter, OrderPlace};
use crate::domain::group::{GroupId, GroupKey, GroupName, GroupRef, MAX_SHOWN};
use crate::domain::idempotency::Created;
use crate::domain::pagination::CursorParams;
use crate::domain::permission::Grant;
use crate::domain::permission::granted::{CreateContacts, DeleteContacts, ReadContacts, UpdateContacts};
use crate::domain::search::{ContactSearch, Found, MatchType, SearchCursor, SearchPage};
use crate::domain::{self, ContactId, ContactKey, ContactPatch, Field, NewContact};
use crate::http::error::api_error::ApiError;
use crate::http::extract::meta::{MetaObject, changed_meta, new_meta};
use crate::http::openapi::fields::filter::HasFilter;
use crate::http::openapi::fields::search as match_fields;
use crate::http::openapi::{examples, fields};
use crate::http::order;
use crate::http::prelude::*;
use crate::http::search::Search;

const PATH: &str = "/v1/contacts";
pub(super) const EXPORT_PATH: &str = "/v1/contacts/export";
const CREATE: &str = "createContact";

pub(super) static RESOURCE: ResourceDoc =
    ResourceDoc { tag: None, noun: "contact", argument: "contact", versioned: true };

/// A new contact. `username` and `phone_number` are required. Null in an optional member is treated as
/// absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateContact {
    #[validate(required)]
    username: Required<Handle>,
    #[validate(required)]
    phone_number: Required<Phone>,
    display_name: Optional<DisplayName>,
    avatar_url: Optional<AvatarUrl>,
    #[schema(schema_with = fields::meta, required = false)]
    meta: Option<MetaObject>,
}

impl Payload for CreateContact {
    type Command = NewContact;

    fn into_command(self, violations: &mut Violations) -> Option<NewContact> {
        let handle = violations.read("username", self.username);
        let phone = violations.read("phone_number", self.phone_number);
        let display_name = violations.read("display_name", self.display_name);
        let avatar_url = violations.read("avatar_url", self.avatar_url);
        let meta = new_meta(self.meta, violations);
        Some(NewContact { handle: handle?, phone: phone?, display_name, avatar_url, meta: meta? })
    }
}

/// The changes to a contact. An absent member keeps its value, a value sets it. Null clears `display_name`,
/// `avatar_url` and `meta`; `username` and `phone_number` cannot be cleared, and null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateContact {
    pub(super) username: Optional<Handle>,
    pub(super) phone_number: Optional<Phone>,
    #[serde(default)]
    pub(super) display_name: Clearable<DisplayName>,
    #[serde(default)]
    pub(super) avatar_url: Clearable<AvatarUrl>,
    #[serde(default)]
    #[schema(schema_with = fields::meta_patch, required = false)]
    pub(super) meta: Patch<MetaObject>,
}

impl Payload for UpdateContact {
    type Command = ContactPatch;

    fn into_command(self, violations: &mut Violations) -> Option<ContactPatch> {
        Some(ContactPatch {
            handle: violations.read("username", self.username),
            phone: violations.read("phone_number", self.phone_number),
            display_name: violations.read_patch("display_name", self.display_name),
            avatar_url: violations.read_patch("avatar_url", self.avatar_url),
            meta: changed_meta(self.meta, violations),
        })
    }
}

/// A contact.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contact {
    id: ContactId,
    username: Handle,
    phone_number: Phone,
    display_name: DisplayName,
    avatar_url: Nullable<AvatarUrl>,
    #[schema(schema_with = fields::meta)]
    meta: Meta,
    /// The time at which the contact was created, in UTC with millisecond precision.
    created_at: Timestamp,
    /// The time at which the contact was last changed, in UTC with millisecond precision.
    updated_at: Timestamp,
    /// The groups that the contact is in, newest first, at most 100. Present only if the request has
    /// `expand=groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    groups: Option<Vec<ContactGroup>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    match_type: Option<MatchType>,
}

/// A group that a contact is in.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactGroup {
    id: GroupId,
    name: GroupName,
}

impl From<GroupRef> for ContactGroup {
    fn from(GroupRef { id, name }: GroupRef) -> Self {
        Self { id, name }
    }
}

impl Contact {
    fn with_groups(contact: domain::Contact, groups: Vec<GroupRef>) -> Self {
        Self { groups: Some(groups.into_iter().map(ContactGroup::from).collect()), ..contact.into() }
    }
}

impl From<domain::Contact> for Contact {
    fn from(contact: domain::Contact) -> Self {
        let domain::Contact {
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at,
            updated_at,
            version: _, // the entity tag
        } = contact;
        Self {
            id,
            display_name: display_name
                .unwrap_or_else(|| DisplayName::from_stored(handle.as_str().to_owned())),
            username: handle,
            phone_number: phone,
            avatar_url: Nullable(avatar_url),
            meta,
            created_at,
            updated_at,
            groups: None,
            match_type: None,
        }
    }
}

impl Listed for Contact {
    const PAGE: &'static str = "ContactList";
    const PLURAL: &'static str = "contacts";
}

/// Whether each contact includes its groups.
pub(super) struct Expand(pub(super) bool);

/// The only value of `expand`.
const EXPAND: &str = "groups";

pub struct ListContacts {
    query: ContactQuery,
    search: Option<Search>,
    /// How the contact before the page matched.
    after_match: Option<MatchType>,
    expand: Expand,
    order: Option<ContactOrder>,
    /// Where the contact before the page stood in the order.
    after_place: Option<OrderPlace>,
}

impl Parameters for Expand {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[ConditionalPermission {
        permission: Permission::ReadGroups,
        when: "`expand` is given",
        applies: |Self(expand)| *expand,
    }];

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let about = format!(
            "`groups` adds to each contact the groups that it is in, newest first, at most {MAX_SHOWN}. The \
             entity tag of a contact does not cover them."
        );
        Some(Self::described(query, &about))
    }
}

impl Expand {
    /// Reads the parameter, with its description.
    pub(super) fn described(query: &mut QueryReader<'_>, about: &str) -> Self {
        let schema = || {
            ObjectBuilder::new()
                .title(Some("Expand"))
                .description(Some(about))
                .schema_type(SchemaType::new(Type::String))
                .enum_values(Some([EXPAND]))
                .build()
        };
        let parse =
            |text: &str| if text == EXPAND { Ok(()) } else { Err(Violation::NotOneOf { allowed: EXPAND }) };
        let expand = query.filter("expand", schema, parse, |()| EXPAND.to_owned());
        Self(expand.is_some())
    }
}

const SEARCH: &str = "Only contacts that have each of these words, in any order: as a part of the username, of the display \
                      name or of a text in `meta`, or, of digits, as the beginning or the end of the phone number. Case and \
                      marks do not matter (`jose` finds José, `lukasz` finds Łukasz); words of one or two characters match \
                      beginnings of words. The best matches come first, among equals the newest. A page may have fewer \
                      contacts than `limit`, or none, although there are more: follow the `Link` header. Not together with \
                      `ending_before`.";

const AFTER_MATCH: &str = "With `search`: the `match_type` of the contact of `starting_after`, as in the `Link` header. Without \
                           it, the page starts where that contact is now";

const ORDER: &str = "Without it, the newest come first. Not together with `search` or `ending_before`. A contact whose value \
                     changes while pages are read can be listed twice, or not at all.";

const AFTER_PLACE: &str = "With `order_by`: the place of the contact of `starting_after` in the order, as in the `Link` header. \
                           Without it, the page starts where that contact is now";

impl HasFilter for ListContacts {
    fn filter(&self) -> Option<&Filter> {
        self.query.filter.filter()
    }
}

impl Parameters for ListContacts {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[
        ConditionalPermission {
            permission: Permission::ReadGroups,
            when: GROUPS_OR_EXPAND,
            applies: |Self { query, expand, .. }| expand.0 || needs_groups(&query.filter),
        },
        Self::OPT_OUTS,
        Self::SEGMENTS,
    ];

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let page = cursor_params(query);
        let updated_since = format!(
            "Only contacts that changed at or after this time. The list then starts with the most recently \
             changed contact, unless it is also filtered by another parameter. To follow changes, repeat the \
             request with the time {OVERLAP} seconds before the latest `updated_at` that you have seen: a change \
             may become visible up to {OVERLAP} seconds after its `updated_at`, and later than others with a \
             later `updated_at`. You then get some contacts a second time, but miss no change. Deleted contacts \
             are not listed."
        );
        let filter = contact_filter(query, &updated_since);
        let has_end = page.is_some_and(|page| page.cursor.before.is_some());
        let search = Search::read(query, SEARCH, has_end.then_some("ending_before"));
        let after_match = query.optional(
            "starting_after_match",
            || match_fields::match_type(AFTER_MATCH),
            MatchType::parse_input,
        );
        let expand = Expand::read(query);
        let conflict = has_end.then_some("ending_before").or(search.as_ref().map(|_| "search"));
        let order = order::read(query, &PROPERTIES, ORDER, conflict);
        let parse = |text: &str| OrderPlace::parse(text, order.as_ref().map(ContactOrder::key));
        let after_place = query.optional("starting_after_value", || order::place(AFTER_PLACE), parse);
        let CursorParams { cursor, limit } = page?;
        let query = ContactQuery { cursor, limit, filter };
        Some(Self { query, search, after_match, expand: expand?, order, after_place })
    }
}

/// When operations that show groups on request need `read:Groups`.
pub(super) const GROUPS_OR_EXPAND: &str =
    "`group` or `expand` is given, or `filter` has a condition on `group` or `segment`";

/// Whether filters need `read:Groups`.
pub(super) fn needs_groups(filter: &ContactFilter) -> bool {
    filter.group.is_some() || filter.mentions_groups()
}

/// The filters, with what there is to say about `updated_since`.
pub(super) fn contact_filter(query: &mut QueryReader<'_>, about_updated_since: &str) -> ContactFilter {
    let handle = query.text_filter("username", "Only the contact with this username.");
    let about = "Only contacts with this phone number, in any accepted spelling.";
    let phone = query.text_filter("phone_number", about);
    let parse = |text: &str| Timestamp::parse(text).ok_or(Violation::NotTimestamp);
    let schema = || fields::timestamp(about_updated_since);
    let updated_since = query.filter("updated_since", schema, parse, Timestamp::to_string);
    let group = query.filter("group", group_schema, GroupKey::parse, GroupKey::to_string);
    let expression = fields::filter::parameter(query, &PROPERTIES);
    ContactFilter { handle, phone, updated_since, group, expression }
}

fn group_schema() -> Object {
    fields::with_description(
        GroupName::doc().accepted(),
        "Only contacts in the group with this id or, if there is none, with this name.",
    )
}

/// Create a contact
///
/// Creates a contact. The username must not be in use; several contacts may share a phone number.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
async fn create_contact(
    authorized: Authorized<CreateContacts>,
    prefix: Prefix,
    body: IdempotentBody<CreateContact>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(CREATE);
    let may_read = authorized.may(Permission::ReadContacts);
    let Created { resource: contact, replayed } =
        authorized.contacts().create(new, idempotent, may_read).await?;
    let response = created(&prefix, PATH, contact.id, replayed);
    Ok(tagged(response, contact.version, Contact::from(contact)))
}

/// List contacts
///
/// Returns a page of the contacts, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page. With a `filter` that few contacts match and that no index
/// answers, a page can have fewer contacts than `limit`, or none, although `has_more` is true: follow the link to the next
/// one.
///
/// With `search`, the best matches come first, and each contact has a `match_type`. A search finds whatever was acknowledged
/// before it. With `search` and with `order_by`, the `Link` header contains the URL of the next page only.
#[utoipa::path(get, path = PATH, operation_id = "listContacts")]
async fn list_contacts(
    authorized: Authorized<ReadContacts>,
    prefix: Prefix,
    Query { command, filters }: Query<ListContacts>,
) -> HandlerResult {
    let ListContacts { query, search, after_match, expand: Expand(expand), order, after_place } = command;
    let path = prefix.prepend_to(PATH);
    if let Some(search) = search {
        let search = with_search(query, search, after_match);
        return search_contacts(&authorized, &path, search, &filters, expand).await;
    }
    if let Some(order) = order {
        let query = in_order(query, order, after_place);
        return list_in_order(&authorized, &path, query, &filters, expand).await;
    }
    list_page(&authorized, &path, query, &filters, expand).await
}

/// The contacts that are counted.
pub struct CountContacts(ContactFilter);

impl HasFilter for CountContacts {
    fn filter(&self) -> Option<&Filter> {
        self.0.filter()
    }
}

impl Parameters for CountContacts {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[
        ConditionalPermission {
            permission: Permission::ReadGroups,
            when: "`group` is given, or `filter` has a condition on `group` or `segment`",
            applies: |Self(filter)| needs_groups(filter),
        },
        Self::OPT_OUTS,
        Self::SEGMENTS,
    ];

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        Some(Self(contact_filter(query, "Only contacts that changed at or after this time.")))
    }
}

/// The number of contacts that match.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactCount {
    #[schema(schema_with = fields::filter::count)]
    count: u64,
}

/// Count contacts
///
/// Returns the number of contacts, or of those that match.
#[utoipa::path(get, path = "/v1/contacts/count", operation_id = "countContacts")]
async fn count_contacts(
    authorized: Authorized<ReadContacts>,
    Query { command: CountContacts(filter), .. }: Query<CountContacts>,
) -> HandlerResult {
    let count = authorized.contacts().count(filter).await?;
    Ok(HttpResponse::Ok().json(ContactCount { count }))
}

fn with_search(query: ContactQuery, search: Search, match_type: Option<MatchType>) -> ContactSearch {
    let ContactQuery { cursor, limit, filter } = query;
    let Search { term, fuzzy } = search;
    let after = cursor.after.map(|id| SearchCursor { id, match_type });
    ContactSearch { term, fuzzy, filter, after, limit }
}

async fn search_contacts<G: Grant>(
    authorized: &Authorized<G>,
    path: &str,
    search: ContactSearch,
    filters: &[(&str, String)],
    expand: bool,
) -> HandlerResult {
    let limit = search.limit;
    let SearchPage { items, next } = authorized.contacts().search(search).await?;
    let link = next.and_then(|SearchCursor { id, match_type }| {
        let match_type =
            match_type.map(|match_type| ("starting_after_match", match_type.as_str().to_owned()));
        next_link(path, limit, id, match_type.iter().chain(filters))
    });
    let (contacts, match_types): (Vec<_>, Vec<_>) =
        items.into_iter().map(|Found { contact, match_type }| (contact, match_type)).unzip();
    let contacts = represent(authorized, contacts, expand).await?;
    let pairs = contacts.into_iter().zip(match_types);
    let data =
        pairs.map(|(contact, match_type)| Contact { match_type: Some(match_type), ..contact }).collect();
    Ok(respond_with_links(link, Page::new(next.is_some(), data)))
}

fn in_order(query: ContactQuery, order: ContactOrder, place: Option<OrderPlace>) -> OrderedQuery {
    let ContactQuery { cursor, limit, filter } = query;
    OrderedQuery { order, filter, after: cursor.after.map(|id| OrderCursor { id, place }), limit }
}

async fn list_in_order<G: Grant>(
    authorized: &Authorized<G>,
    path: &str,
    query: OrderedQuery,
    filters: &[(&str, String)],
    expand: bool,
) -> HandlerResult {
    let limit = query.limit;
    let OrderedPage { items, next } = authorized.contacts().ordered_page(query).await?;
    let has_more = next.is_some();
    let link = next.and_then(|OrderCursor { id, place }| {
        let place = place.map(|place| ("starting_after_value", place.to_string()));
        next_link(path, limit, id, place.iter().chain(filters))
    });
    let data = represent(authorized, items, expand).await?;
    Ok(respond_with_links(link, Page::new(has_more, data)))
}

/// Responds with a page of a list of contacts at this path, which has these filters.
pub(super) async fn list_page<G: Grant>(
    authorized: &Authorized<G>,
    path: &str,
    query: ContactQuery,
    filters: &[(&str, String)],
    expand: bool,
) -> HandlerResult {
    let params = CursorParams { cursor: query.cursor, limit: query.limit };
    let page = authorized.contacts().cursor_page(query).await?;
    let links = links(path, &params, filters, &page, |contact| contact.id);
    let data = represent(authorized, page.items, expand).await?;
    Ok(respond_with_links(links, Page::new(page.has_more, data)))
}

/// As the response has them: with their groups, if they are expanded.
async fn represent<G: Grant>(
    authorized: &Authorized<G>,
    contacts: Vec<domain::Contact>,
    expand: bool,
) -> Result<Vec<Contact>, ApiError> {
    if expand {
        with_groups(authorized, contacts).await
    } else {
        Ok(contacts.into_iter().map(Contact::from).collect())
    }
}

/// Looks up the groups of all contacts with one query.
async fn with_groups<G: Grant>(
    authorized: &Authorized<G>,
    contacts: Vec<domain::Contact>,
) -> Result<Vec<Contact>, ApiError> {
    let ids = contacts.iter().map(|contact| contact.id).collect();
    let groups = authorized.groups().of_contacts(ids).await?;
    let pairs = contacts.into_iter().zip(groups);
    Ok(pairs.map(|(contact, groups)| Contact::with_groups(contact, groups)).collect())
}

/// Get a contact
///
/// Returns the contact with this id. With `expand`, the response has no entity tag and is never 304: the tag
/// is the version of the contact, which does not change when the contact is added to or removed from a group.
#[utoipa::path(get, path = "/v1/contacts/{id}", operation_id = "getContact")]
async fn get_contact(
    authorized: Authorized<ReadContacts>,
    PathParam(id): PathParam<ContactId>,
    Query { command: Expand(expand), .. }: Query<Expand>,
    if_none_match: IfNoneMatch,
) -> HandlerResult {
    let contact = authorized.contacts().get(ContactKey::Id(id)).await?;
    if expand {
        let contacts = with_groups(&authorized, vec![contact]).await?;
        return Ok(HttpResponse::Ok().json(contacts.first()));
    }
    Ok(found(&if_none_match, contact.version, || Contact::from(contact)))
}

/// Update a contact
///
/// Changes the members in the body: an absent member keeps its value, null clears a member that can be
/// cleared, a value sets it. `meta` is merged key by key, as in RFC 7396.
#[utoipa::path(patch, path = "/v1/contacts/{id}", operation_id = "updateContact")]
async fn update_contact(
    authorized: Authorized<UpdateContacts>,
    visibility: Visibility<ReadContacts>,
    PathParam(id): PathParam<ContactId>,
    IfMatch(precondition): IfMatch,
    body: Body<UpdateContact>,
) -> HandlerResult {
    let contact = authorized.contacts().update(ContactKey::Id(id), body.command, precondition).await?;
    let (updated_at, version) = (contact.updated_at, contact.version);
    let updated = Updated::<Contact>::new(&visibility, id.as_uuid(), updated_at, contact);
    Ok(tagged(HttpResponse::Ok(), version, updated))
}

/// Delete a contact
///
/// Deletes the contact permanently.
#[utoipa::path(delete, path = "/v1/contacts/{id}", operation_id = "deleteContact")]
async fn delete_contact(
    authorized: Authorized<DeleteContacts>,
    PathParam(id): PathParam<ContactId>,
    IfMatch(precondition): IfMatch,
) -> HandlerResult {
    authorized.contacts().delete(ContactKey::Id(id), precondition).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let contact = || Contact::from(examples::contact());
    let minimal = json!({"username": examples::HANDLE, "phone_number": examples::PHONE});
    let full = json!({
        "username": examples::HANDLE,
        "phone_number": examples::PHONE,
        "display_name": examples::DISPLAY_NAME,
        "avatar_url": examples::AVATAR_URL,
        "meta": examples::meta(),
    });
    let changes = json!({"display_name": "Johnny", "avatar_url": null, "meta": {"CITY": "Paris"}});
    let too_long = Violation::TooLong { max: Handle::MAX_CHARS };
    let create = operations::creates(&RESOURCE, contact())
        .request_example("minimal", "Only the required members", minimal)
        .request_example("full", "All members", full)
        .errors(&[ErrorCode::HandleTaken, ErrorCode::ContactQuota])
        .example_violation(FieldViolation::of(Field::Handle, Violation::Required))
        .example_violation(FieldViolation::of(Field::Phone, Violation::Required));
    let list = operations::lists(&RESOURCE, contact())
        .errors(fields::filter::ERRORS)
        .example_violation(invalid_cursor())
        .example_violation(fields::filter::invalid());
    let count = OperationDoc::of(&RESOURCE)
        .responds::<ContactCount>(200, "The number of contacts.", ContactCount { count: 1 })
        .errors(fields::filter::ERRORS)
        .example_violation(fields::filter::invalid());
    let get = operations::gets(&RESOURCE, contact())
        .header(200, "ETag", "The version of the contact; absent with `expand`.")
        .example_violation(invalid_id());
    let update = operations::updates(&RESOURCE, contact())
        .request_example("change", "One member set, one cleared, one key of meta changed", changes)
        .errors(&[ErrorCode::HandleTaken])
        .example_violation(FieldViolation::of(Field::Handle, too_long));
    let delete = operations::deletes(&RESOURCE).example_violation(invalid_id());
    table
        .protected(&DIALECT, __path_create_contact, create_contact, create)
        .protected(&DIALECT, __path_list_contacts, list_contacts, list)
        .protected(&DIALECT, __path_count_contacts, count_contacts, count)
        .protected(&DIALECT, __path_get_contact, get_contact, get)
        .protected(&DIALECT, __path_update_contact, update_contact, update)
        .protected(&DIALECT, __path_delete_contact, delete_contact, delete)
        // Clients of other services with this dialect update with PUT, and send only the members that change.
        .method_alias("/v1/contacts/{id}", &Method::PATCH, Method::PUT)
}
