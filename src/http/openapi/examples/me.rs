//! The key of the example requests, and what its account stores.

use super::CREATED_AT;
use crate::domain::api_key::last_use::LastUse;
use crate::domain::api_key::{ApiKey, KeyId, KeyLabel, SecretHash};
use crate::domain::usage::Usage;
use crate::domain::{AccountId, Permission, Permissions, Timestamp};

pub const KEY_ID: &str = "4xq7n2rk5tvh3wma";
pub const LABEL: &str = "web shop";
/// Of no real client (RFC 5737).
pub const ADDRESS: &str = "198.51.100.7";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn key() -> ApiKey {
    ApiKey {
        id: KEY_ID.parse::<KeyId>().expect("an id"),
        account: AccountId::new(1),
        hash: SecretHash::from_stored(&[0; 32]).expect("a hash"),
        permissions: Permissions::from_list(vec![Permission::CreateContacts, Permission::ReadContacts]),
        label: Some(KeyLabel::parse(LABEL).expect("a label")),
        created_at: Timestamp::parse(CREATED_AT).expect("a timestamp"),
        expires_at: None,
        revoked_at: None,
    }
}

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn last_use() -> LastUse {
    LastUse {
        at: Timestamp::parse(CREATED_AT).expect("a timestamp"),
        from: Some(ADDRESS.parse().expect("an address")),
    }
}

#[must_use]
pub fn usage() -> Usage {
    Usage { contacts: 1, groups: 1, opt_outs: 0, fields: 1, audience_entries: 0, import_bytes: 0 }
}
