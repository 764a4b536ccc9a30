//! The example account.

use crate::domain::account::limits::LimitOverrides;
use crate::domain::account::{Account, AccountState};
use crate::domain::{AccountId, AccountName, Timestamp};

/// As text.
pub const ID: &str = "7";
pub const NAME: &str = "acme";

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn account() -> Account {
    Account {
        id: AccountId::parse(ID).expect("an id"),
        name: AccountName::parse(NAME).expect("a name"),
        created_at: Timestamp::parse(super::CREATED_AT).expect("a timestamp"),
        suspended_at: None,
        state: AccountState::Active,
        contacts: 0,
        last_used_at: None,
        limits: LimitOverrides::default(),
    }
}
