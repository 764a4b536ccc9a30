//! `/v1/me`

use super::dialect::DIALECT;
use super::tags;
use crate::config::Settings;
use crate::domain::account::limits::AccountLimits;
use crate::domain::api_key::{ApiKey, KeyId, KeyLabel};
use crate::domain::usage::Usage;
use crate::domain::{AccountName, Permissions};
use crate::http::openapi::examples::me as examples;
use crate::http::openapi::fields;
use crate::http::prelude::*;
use crate::http::quota::Quotas;
use crate::http::rate_limit::Policy;

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::ACCOUNT), noun: "account", argument: "account", versioned: false };

/// Whose request it is: the account and the key, what they may do, and what the account stores.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    account: MyAccount,
    key: MyKey,
    limits: MyLimits,
    usage: AccountUsage,
}

/// The account of the key.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyAccount {
    #[schema(schema_with = fields::me::account_name)]
    name: AccountName,
}

/// The key of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyKey {
    id: KeyId,
    #[schema(schema_with = fields::me::key_label, required)]
    label: Option<KeyLabel>,
    #[schema(schema_with = fields::me::permissions)]
    permissions: Vec<&'static str>,
    /// The time at which the key was created, in UTC with millisecond precision.
    created_at: Timestamp,
    #[schema(schema_with = fields::me::key_expires_at, required)]
    expires_at: Option<Timestamp>,
}

/// How many requests may be sent, how much the account may store, under the names of the numbers in `usage`, and what may be
/// under way at once.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyLimits {
    /// How many requests may be sent; empty if any number may.
    rates: Vec<MyRateLimit>,
    #[schema(schema_with = fields::me::contact_quota, required)]
    contacts: Option<u64>,
    /// How many fields may be declared.
    #[schema(format = Int64, minimum = 0, example = 20)]
    fields: u64,
    /// How many entries all kept audiences may have together. Each audience counts as at least 100.
    #[schema(format = Int64, minimum = 0, example = 1_000_000)]
    audience_entries: u64,
    /// How many bytes the files and the plans of all imports may have together.
    #[schema(format = Int64, minimum = 0, example = 4_294_967_296_u64)]
    import_bytes: u64,
    #[schema(schema_with = fields::me::stream_limit, required)]
    streams: Option<u64>,
    #[schema(schema_with = fields::me::feed_limit, required)]
    feeds: Option<u64>,
    #[schema(schema_with = fields::me::import_limit, required)]
    imports: Option<u64>,
}

/// A rate limit: a quota of requests, and the time in which it refills.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyRateLimit {
    #[schema(schema_with = fields::me::rate_limit_name)]
    name: &'static str,
    /// How many requests may be sent at once. Ten items of a batch count as one.
    #[schema(format = Int64, minimum = 1, example = 50_000)]
    quota: u32,
    /// The number of seconds in which the quota refills.
    #[schema(format = Int64, minimum = 1, example = 5)]
    window: u32,
}

/// What an account stores.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountUsage {
    /// Contacts.
    #[schema(format = Int64, minimum = 0, example = 1)]
    contacts: u64,
    /// Groups.
    #[schema(format = Int64, minimum = 0, example = 1)]
    groups: u64,
    /// Numbers that have opted out.
    #[schema(format = Int64, minimum = 0, example = 0)]
    opt_outs: u64,
    /// Declared fields.
    #[schema(format = Int64, minimum = 0, example = 1)]
    fields: u64,
    /// Entries of kept audiences, each audience counted as at least 100.
    #[schema(format = Int64, minimum = 0, example = 0)]
    audience_entries: u64,
    /// Bytes of files and plans of imports.
    #[schema(format = Int64, minimum = 0, example = 0)]
    import_bytes: u64,
}

impl From<AccountName> for MyAccount {
    fn from(name: AccountName) -> Self {
        Self { name }
    }
}

impl From<&ApiKey> for MyKey {
    fn from(key: &ApiKey) -> Self {
        let ApiKey { id, account: _, hash: _, permissions, label, created_at, expires_at, revoked_at: _ } =
            key;
        Self {
            id: id.clone(),
            label: label.clone(),
            permissions: names(permissions),
            created_at: *created_at,
            expires_at: *expires_at,
        }
    }
}

/// All of them by name, if the key has all: a client need not know which there are.
fn names(permissions: &Permissions) -> Vec<&'static str> {
    let permitted = Permission::ALL.iter().filter(|permission| permissions.allow(**permission));
    permitted.map(|permission| permission.as_str()).collect()
}

impl From<Usage> for AccountUsage {
    fn from(usage: Usage) -> Self {
        let Usage { contacts, groups, opt_outs, fields, audience_entries, import_bytes } = usage;
        Self { contacts, groups, opt_outs, fields, audience_entries, import_bytes }
    }
}

impl From<&AccountLimits> for MyLimits {
    fn from(limits: &AccountLimits) -> Self {
        let rates = Policy::all(limits).map(MyRateLimit::from).collect();
        let Quotas { contacts, fields, audience_entries, import_bytes } = limits.into();
        let AccountLimits {
            key_rate: _,
            account_rate: _,
            rate_window: _,
            contacts: _,
            audience_entries: _,
            import_bytes: _,
            streams,
            feeds,
            imports,
        } = *limits;
        Self { rates, contacts, fields, audience_entries, import_bytes, streams, feeds, imports }
    }
}

impl From<Policy> for MyRateLimit {
    fn from(policy: Policy) -> Self {
        let Policy { name, quota, window, .. } = policy;
        Self { name, quota: quota.get(), window: window.get() }
    }
}

/// Get the account and the key of the request
///
/// Returns which account and which key the request is made with, what the key permits, how much the account may do and
/// store, and how much it stores.
#[utoipa::path(get, path = "/v1/me", operation_id = "getMe")]
async fn get_me(authorized: Authorized<()>) -> HandlerResult {
    // It may have been closed, and purged, since the request began.
    let (name, usage) = authorized.usage().read().await?.ok_or(ErrorCode::AccountSuspended)?;
    let principal = authorized.principal();
    let (key, limits) = (principal.api_key().into(), principal.limits().into());
    Ok(HttpResponse::Ok().json(Me { account: name.into(), key, limits, usage: usage.into() }))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let example = Me {
        account: AccountName::default_account().into(),
        key: (&examples::key()).into(),
        limits: (&Settings::default().limits.of_accounts()).into(),
        usage: examples::usage().into(),
    };
    let about = "The account and the key of the request.";
    let get = OperationDoc::of(&RESOURCE).responds::<Me>(200, about, example);
    table.protected(&DIALECT, __path_get_me, get_me, get)
}
