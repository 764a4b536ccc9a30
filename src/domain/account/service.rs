//! What operators do with accounts, over HTTP and on the command line.

use std::sync::Arc;

use super::{Account, AccountId, AccountName, AccountQuery};
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::pagination::CursorPage;
use crate::domain::store::Store;
use crate::domain::timestamp::Timestamp;

#[derive(Clone)]
pub struct AccountService {
    store: Arc<dyn Store>,
}

impl AccountService {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// # Errors
    /// [`ErrorCode::NameTaken`].
    pub async fn create(&self, name: &AccountName) -> Result<Account> {
        self.store.accounts().create(name, Timestamp::now()).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn get(&self, id: AccountId) -> Result<Account> {
        self.store.accounts().find(id).await?.ok_or_else(|| Error::no_such("account"))
    }

    /// # Errors
    /// [`ErrorCode::NotFound`]; the message has the name.
    pub async fn get_by_name(&self, name: &AccountName) -> Result<Account> {
        self.store.accounts().find_by_name(name).await?.ok_or_else(|| {
            Error::with_message(ErrorCode::NotFound, format!("there is no account `{}`", name.as_str()))
        })
    }

    /// # Errors
    /// The database is unavailable.
    pub async fn page(&self, query: AccountQuery) -> Result<CursorPage<Account>> {
        self.store.accounts().page(query).await
    }
}
