//! Making, listing, taking back, exchanging and checking keys.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::{ApiKey, KeyId, KeyLabel, KeyState, ListedKey, Principal, Token};
use crate::domain::account::{AccountId, AccountName};
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::permission::Permissions;
use crate::domain::store::Store;
use crate::domain::timestamp::Timestamp;

/// The keys of all accounts.
#[derive(Clone)]
pub struct KeyService {
    store: Arc<dyn Store>,
    /// Keys that were looked up a moment ago, so that a request costs a look into memory. Only keys
    /// that exist: looking for ones that do not must not crowd them out.
    known: Cache<KeyId, Arc<ApiKey>>,
}

/// How long a key that was looked up is believed. A key that is revoked, here, by another process or
/// on another instance, is refused after this time at the latest.
const BELIEVED: Duration = Duration::from_millis(500);

/// Most keys that are kept in memory.
const MOST_KNOWN: u64 = 100_000;

/// What an operator says of a key that is to be made.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// What it may do.
    pub permissions: Permissions,
    /// For how long it is accepted; without end where absent.
    pub expires_in: Option<Duration>,
    /// What the operator calls it.
    pub label: Option<KeyLabel>,
}

impl KeyService {
    /// Over a database.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let known = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(BELIEVED).build();
        Self { store, known }
    }

    /// Makes a key, and its account if that is new.
    ///
    /// # Errors
    /// The database is away.
    pub async fn create(&self, account: &AccountName, request: KeyRequest) -> Result<Token> {
        let keys = self.store.keys();
        let account = keys.ensure_account(account).await?;
        let token = Token::generate()?;
        keys.insert(record(&token, account, request, Timestamp::now())).await?;
        Ok(token)
    }

    /// Makes the first key and stores it; see [`Self::first_key_if_none`] and [`Self::store_first`].
    ///
    /// # Errors
    /// The database is away.
    pub async fn create_first(&self) -> Result<Option<Token>> {
        let Some(token) = self.first_key_if_none().await? else { return Ok(None) };
        Ok(self.store_first(&token).await?.then_some(token))
    }

    /// A key that may become the first one; nothing where there is any key already. Only reads.
    ///
    /// # Errors
    /// The database is away.
    pub async fn first_key_if_none(&self) -> Result<Option<Token>> {
        if self.store.keys().any().await? { Ok(None) } else { Token::generate().map(Some) }
    }

    /// Stores the first key, with all permissions, for the account `default`. Answers whether it did:
    /// another instance may have been faster.
    ///
    /// # Errors
    /// The database is away.
    pub async fn store_first(&self, token: &Token) -> Result<bool> {
        let request = KeyRequest {
            permissions: Permissions::All,
            expires_in: None,
            label: KeyLabel::parse("first start").ok(),
        };
        let blank = record(token, AccountId::new(0), request, Timestamp::now());
        let key = Arc::new(move |account| ApiKey { account, ..blank.clone() });
        self.store.keys().insert_first(&AccountName::default_account(), key).await
    }

    /// The keys of one account or of all, oldest first.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] where there is no such account.
    pub async fn list(&self, account: Option<&AccountName>) -> Result<Vec<ListedKey>> {
        let keys = self.store.keys();
        let account = match account {
            None => None,
            Some(name) => Some(keys.find_account(name).await?.ok_or_else(|| {
                Error::with_message(ErrorCode::NotFound, format!("there is no account `{}`", name.as_str()))
            })?),
        };
        keys.list(account).await
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] where there is no such key.
    pub async fn revoke(&self, id: &KeyId) -> Result<()> {
        if self.store.keys().revoke(id, Timestamp::now()).await? { Ok(()) } else { Err(no_such_key(id)) }
    }

    /// Makes a key that may do what an older one may; the older one is accepted for `overlap` more,
    /// and never longer than it would have been.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] where there is no such key, or it is not accepted any more.
    pub async fn rotate(&self, id: &KeyId, overlap: Duration) -> Result<Token> {
        let keys = self.store.keys();
        let now = Timestamp::now();
        let old = keys.find(id).await?.ok_or_else(|| no_such_key(id))?;
        if old.state(now) != KeyState::Live {
            return Err(Error::with_message(
                ErrorCode::NotFound,
                format!("the key {id} has expired or was revoked; create a new one with `keys create`"),
            ));
        }
        let token = Token::generate()?;
        let new = ApiKey {
            id: token.id().clone(),
            hash: token.hash(),
            created_at: now,
            // The same span of life, counted from now.
            expires_at: old.expires_at.map(|end| now.after(end.since(old.created_at))),
            ..old.clone()
        };
        let end = now.after(overlap);
        let end = old.expires_at.map_or(end, |expires_at| expires_at.min(end));
        keys.replace(id, end, new).await?;
        Ok(token)
    }

    /// Who a key stands for.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthorized`] where it is not accepted, for whatever reason.
    pub async fn authenticate(&self, token: &Token) -> Result<Principal> {
        let key = self.find(token.id()).await?;
        if key.hash != token.hash() || key.state(Timestamp::now()) != KeyState::Live {
            return Err(ErrorCode::Unauthorized.into());
        }
        Ok(Principal { key })
    }

    /// A key from memory; else from the database, once for all who ask at the same time.
    async fn find(&self, id: &KeyId) -> Result<Arc<ApiKey>> {
        if let Some(key) = self.known.get(id).await {
            return Ok(key);
        }
        let look_up = async {
            self.store.keys().find(id).await?.map(Arc::new).ok_or(Error::from(ErrorCode::Unauthorized))
        };
        // In a box of its own: else each request would bring along the room that this takes.
        Box::pin(self.known.try_get_with(id.clone(), look_up))
            .await
            // The one error is shared by all who waited for it.
            .map_err(|error| Error::caused_by(error.code(), error.cause()))
    }
}

fn record(token: &Token, account: AccountId, request: KeyRequest, now: Timestamp) -> ApiKey {
    let KeyRequest { permissions, expires_in, label } = request;
    ApiKey {
        id: token.id().clone(),
        account,
        hash: token.hash(),
        permissions,
        label,
        created_at: now,
        expires_at: expires_in.map(|span| now.after(span)),
        revoked_at: None,
    }
}

fn no_such_key(id: &KeyId) -> Error {
    Error::with_message(ErrorCode::NotFound, format!("there is no key {id}"))
}
