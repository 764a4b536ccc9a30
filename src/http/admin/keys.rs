//! The keys of accounts: `/admin/v1/accounts/{id}/keys`, `/admin/v1/keys/{key}`

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header::LOCATION;

use super::dialect::{DIALECT, KEYS};
use crate::config::{self, CENTURY};
use crate::domain::api_key::last_use::LastUse;
use crate::domain::api_key::service::{DEFAULT_OVERLAP, KeyRequest};
use crate::domain::api_key::{ApiKey, IssuedKey, KeyId, KeyLabel, KeyQuery, UsedKey};
use crate::domain::pagination::CursorParams;
use crate::domain::{AccountId, Permissions};
use crate::http::auth::operator::Operator;
use crate::http::extract::Items;
use crate::http::openapi::examples::me as examples;
use crate::http::openapi::fields;
use crate::http::openapi::fields::api_key::EXAMPLE_TOKEN;
use crate::http::prelude::*;
use crate::http::v1::operations;
use crate::http::v1::pagination::{Listed, Page, cursor_params_of, links_resumed_at, respond_with_links};

const PATH: &str = "/admin/v1/keys";
const CREATE: &str = "createKey";
const ROTATE: &str = "rotateKey";
const REVOKE: &str = "revokeKey";
const NOUN: &str = "key";

static RESOURCE: ResourceDoc = ResourceDoc { tag: Some(KEYS), noun: NOUN, argument: "key", versioned: false };

/// A new key of an account. All members are optional.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    label: Optional<KeyLabel>,
    #[schema(schema_with = fields::api_key::requested_permissions)]
    permissions: Option<Items<String>>,
    #[schema(schema_with = fields::api_key::expires_in)]
    expires_in: Option<String>,
}

impl Payload for CreateKey {
    type Command = KeyRequest;

    fn into_command(self, violations: &mut Violations) -> Option<KeyRequest> {
        let Self { label, permissions, expires_in } = self;
        let label = violations.read("label", label);
        let permissions = permissions.map_or(Permissions::All, |list| read_permissions(list, violations));
        let expires_in = violations.parse("expires_in", expires_in, |text| {
            config::duration::<1_000, CENTURY>(text)
                .map_err(|_| Violation::NotDuration { min: "1s", max: "100 years" })
        });
        Some(KeyRequest { permissions, expires_in, label })
    }
}

/// An empty list is none: who has computed one does not mean all permissions.
fn read_permissions(Items(names): Items<String>, violations: &mut Violations) -> Permissions {
    if names.is_empty() {
        violations.add("permissions", Violation::NoItems);
    }
    let mut list: Vec<Permission> = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        match name.parse::<Permission>() {
            Ok(permission) if !list.contains(&permission) => list.push(permission),
            Ok(_) => {}
            Err(_) => violations.add(format!("permissions.{index}"), Violation::NotPermission),
        }
    }
    Permissions::Only(list)
}

/// How a key is rotated.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    #[schema(schema_with = fields::api_key::overlap)]
    overlap: Option<String>,
}

impl Payload for RotateKey {
    type Command = Duration;

    fn into_command(self, violations: &mut Violations) -> Option<Duration> {
        let overlap = violations.parse("overlap", self.overlap, |text| {
            config::duration::<0, CENTURY>(text)
                .map_err(|_| Violation::NotDuration { min: "0s", max: "100 years" })
        });
        Some(overlap.unwrap_or(DEFAULT_OVERLAP))
    }
}

/// A key of an account, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountKey {
    id: KeyId,
    account_id: AccountId,
    #[schema(schema_with = fields::me::key_label, required)]
    label: Option<KeyLabel>,
    #[schema(schema_with = fields::api_key::permissions)]
    permissions: Vec<&'static str>,
    #[schema(schema_with = fields::api_key::state)]
    state: &'static str,
    /// The time at which the key was created, in UTC with millisecond precision.
    created_at: Timestamp,
    #[schema(schema_with = fields::me::key_expires_at, required)]
    expires_at: Option<Timestamp>,
    #[schema(schema_with = fields::api_key::revoked_at, required)]
    revoked_at: Option<Timestamp>,
    #[schema(schema_with = fields::api_key::last_used_at, required)]
    last_used_at: Option<Timestamp>,
    #[schema(schema_with = fields::api_key::last_used_from, required)]
    last_used_from: Option<IpAddr>,
}

impl From<UsedKey> for AccountKey {
    fn from(UsedKey { key, last_use }: UsedKey) -> Self {
        let state = key.state(Timestamp::now()).as_str();
        let ApiKey { id, account, hash: _, permissions, label, created_at, expires_at, revoked_at } = key;
        let permissions = match permissions {
            Permissions::All => vec!["*"],
            Permissions::Only(list) => list.into_iter().map(Permission::as_str).collect(),
        };
        let (last_used_at, last_used_from) = last_use.map(|LastUse { at, from }| (at, from)).unzip();
        Self {
            id,
            account_id: account,
            label,
            permissions,
            state,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
            last_used_from: last_used_from.flatten(),
        }
    }
}

impl Listed for AccountKey {
    const PAGE: &'static str = "AccountKeyList";
    const PLURAL: &'static str = "keys";
}

/// A key that was just created, with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedAccountKey {
    #[schema(schema_with = fields::api_key::token)]
    token: String,
    key: AccountKey,
}

impl From<IssuedKey> for IssuedAccountKey {
    fn from(IssuedKey { token, key }: IssuedKey) -> Self {
        Self { token: token.reveal(), key: UsedKey { key, last_use: None }.into() }
    }
}

impl Parameters for CursorParams<KeyId> {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        cursor_params_of(query, NOUN)
    }
}

/// Create a key
///
/// Creates a key of an account. The response alone has its secret: it is stored as a hash.
#[utoipa::path(post, path = "/admin/v1/accounts/{id}/keys", operation_id = CREATE)]
async fn create_key(
    operator: Operator,
    PathParam(account): PathParam<AccountId>,
    prefix: Prefix,
    body: Body<CreateKey>,
) -> HandlerResult {
    let issued = operator.keys().create_in(account, body.command).await?;
    operator.log(CREATE, account, Some(&issued.key.id));
    Ok(created(&prefix, issued))
}

/// List the keys of an account
///
/// Returns a page of the keys of an account, newest first, expired and revoked ones included. `has_more` indicates whether
/// there are more; the `Link` header contains the URLs of the next and the previous page.
#[utoipa::path(get, path = "/admin/v1/accounts/{id}/keys", operation_id = "listKeys")]
async fn list_keys(
    operator: Operator,
    PathParam(account): PathParam<AccountId>,
    prefix: Prefix,
    Query { command: params, filters }: Query<CursorParams<KeyId>>,
) -> HandlerResult {
    let page = operator.keys().page(KeyQuery { account, page: params.clone() }).await?;
    let path = prefix.prepend_to(format_args!("/admin/v1/accounts/{account}/keys"));
    let links = links_resumed_at(&path, &params, &filters, &page, |used| used.key.id.clone(), None);
    let keys = page.items.into_iter().map(AccountKey::from).collect();
    Ok(respond_with_links(links, Page::new(page.has_more, keys)))
}

/// Get a key
///
/// Returns the key with this id, without its secret.
#[utoipa::path(get, path = "/admin/v1/keys/{key}", operation_id = "getKey")]
async fn get_key(operator: Operator, PathParam(id): PathParam<KeyId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(AccountKey::from(operator.keys().get(&id).await?)))
}

/// Rotate a key
///
/// Creates a successor of a key, with the same account, permissions, label and lifetime, counted from now. The old key
/// remains valid for the time of `overlap`.
#[utoipa::path(post, path = "/admin/v1/keys/{key}/rotate", operation_id = ROTATE)]
async fn rotate_key(
    operator: Operator,
    PathParam(id): PathParam<KeyId>,
    prefix: Prefix,
    body: Body<RotateKey>,
) -> HandlerResult {
    let issued = operator.keys().rotate(&id, body.command).await?;
    operator.log(ROTATE, issued.key.account, Some(&id));
    Ok(created(&prefix, issued))
}

/// Revoke a key
///
/// Revokes a key permanently: after at most half a second, every instance of the service refuses it. A key that is revoked
/// already stays as it is.
#[utoipa::path(post, path = "/admin/v1/keys/{key}/revoke", operation_id = REVOKE)]
async fn revoke_key(operator: Operator, PathParam(id): PathParam<KeyId>) -> HandlerResult {
    operator.keys().revoke(&id).await?;
    let key = operator.keys().get(&id).await?;
    operator.log(REVOKE, key.key.account, Some(&id));
    Ok(HttpResponse::Ok().json(AccountKey::from(key)))
}

fn created(prefix: &Prefix, issued: IssuedKey) -> HttpResponse {
    let location = prefix.prepend_to(format_args!("{PATH}/{}", issued.key.id));
    HttpResponse::Created().insert_header((LOCATION, location)).json(IssuedAccountKey::from(issued))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let used = |last_use| AccountKey::from(UsedKey { key: examples::key(), last_use });
    let key = || used(Some(examples::last_use()));
    let issues = |about: &str| {
        let issued = IssuedAccountKey { token: EXAMPLE_TOKEN.to_owned(), key: used(None) };
        OperationDoc::of(&RESOURCE).responds::<IssuedAccountKey>(201, about, issued).header(
            201,
            "Location",
            "The path of the key.",
        )
    };
    let not_a_key_id = |at| FieldViolation::at(at, Violation::NotKeyId);
    let not_a_duration = |at, min| FieldViolation::at(at, Violation::NotDuration { min, max: "100 years" });
    let create = issues("The key was created.")
        .request_example(
            "limited",
            "A key for one program",
            json!({
                "label": examples::LABEL,
                "permissions": [Permission::CreateContacts, Permission::ReadContacts],
                "expires_in": "90d",
            }),
        )
        .request_example("all", "A key with all permissions", json!({"label": "everything"}))
        .example_violation(not_a_duration("expires_in", "1s"));
    let list = operations::lists(&RESOURCE, key()).example_violation(not_a_key_id("starting_after"));
    let get = operations::gets(&RESOURCE, key()).example_violation(not_a_key_id("key"));
    let rotate = issues("The successor was created.")
        .argument("rotation")
        .request_example("overlap", "The old key remains valid for an hour", json!({"overlap": "1h"}))
        .errors(&[ErrorCode::KeyNotLive])
        .example_violation(not_a_duration("overlap", "0s"));
    let revoke = OperationDoc::of(&RESOURCE)
        .responds::<AccountKey>(200, "The key was revoked.", key())
        .example_violation(not_a_key_id("key"));
    table
        .protected(&DIALECT, __path_create_key, create_key, create)
        .protected(&DIALECT, __path_list_keys, list_keys, list)
        .protected(&DIALECT, __path_get_key, get_key, get)
        .protected(&DIALECT, __path_rotate_key, rotate_key, rotate)
        .protected(&DIALECT, __path_revoke_key, revoke_key, revoke)
}
