//! Creates, lists, revokes, rotates and authenticates API keys.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::uses::UseNotes;
use super::{
    ApiKey, FoundKey, IssuedKey, KeyId, KeyKind, KeyLabel, KeyOfAccount, KeyQuery, KeyState, ListedKey,
    Principal, Rotation, Token, UsedKey,
};
use crate::domain::account::limits::AccountLimits;
use crate::domain::account::service::AccountService;
use crate::domain::account::{AccountId, AccountName};
use crate::domain::error::{Error, ErrorCode, Result};
use crate::domain::pagination::CursorPage;
use crate::domain::permission::Permissions;
use crate::domain::store::Store;
use crate::domain::timestamp::Timestamp;

#[derive(Clone)]
pub struct KeyService {
    store: Arc<dyn Store>,
    /// Of accounts that have none of their own.
    limits: AccountLimits,
    /// Saves a database lookup per request. Misses are not cached: requests with random ids must not evict live keys.
    cache: Cache<KeyId, Arc<KeyOfAccount>>,
    uses: UseNotes,
}

/// Upper bound on how long a revoked key, or one of a suspended account, is still accepted, and on how long an account still has
/// its earlier limits, whichever process or instance has changed that.
const CACHE_TTL: Duration = Duration::from_millis(500);

const MAX_CACHED_KEYS: u64 = 100_000;

/// How long a rotated key remains valid if the operator says nothing.
pub const DEFAULT_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// The properties of a key to be created.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    pub permissions: Permissions,
    /// The key never expires if this is absent.
    pub expires_in: Option<Duration>,
    pub label: Option<KeyLabel>,
}

impl KeyService {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let cache = Cache::builder().max_capacity(MAX_CACHED_KEYS).time_to_live(CACHE_TTL).build();
        Self { store, limits: AccountLimits::NONE, cache, uses: UseNotes::default() }
    }

    /// For a server, which has limits.
    #[must_use]
    pub fn with_limits(self, limits: AccountLimits) -> Self {
        Self { limits, ..self }
    }

    /// Creates a key, and its account if that does not exist.
    pub async fn create(&self, account: &AccountName, request: KeyRequest) -> Result<Token> {
        let account = self.store.keys().ensure_account(account).await?;
        Ok(self.issue(account, request).await?.token)
    }

    /// Creates a key of an account.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`]: there is no such account.
    pub async fn create_in(&self, account: AccountId, request: KeyRequest) -> Result<IssuedKey> {
        AccountService::new(Arc::clone(&self.store)).get(account).await?;
        self.issue(account, request).await
    }

    async fn issue(&self, account: AccountId, request: KeyRequest) -> Result<IssuedKey> {
        let token = Token::generate(KeyKind::Account)?;
        let key = record(&token, account, request, Timestamp::now());
        self.store.keys().insert(key.clone()).await?;
        Ok(IssuedKey { token, key })
    }

    /// [`Self::first_key_if_none`] and [`Self::store_first`] in one call.
    pub async fn create_first(&self) -> Result<Option<Token>> {
        let Some(token) = self.first_key_if_none().await? else { return Ok(None) };
        Ok(self.store_first(&token).await?.then_some(token))
    }

    /// A candidate for the first key, not stored yet; `None` if any key exists.
    pub async fn first_key_if_none(&self) -> Result<Option<Token>> {
        if self.store.keys().any().await? { Ok(None) } else { Token::generate(KeyKind::Account).map(Some) }
    }

    /// Stores the first key, with all permissions, for the account `default`. Returns `false` if another instance
    /// was faster.
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
    /// [`ErrorCode::NotFound`]: there is no such account.
    pub async fn list(&self, account: Option<&AccountName>) -> Result<Vec<ListedKey>> {
        let account = match account {
            None => None,
            Some(name) => Some(AccountService::new(Arc::clone(&self.store)).get_by_name(name).await?.id),
        };
        self.store.keys().list(account).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`]: there is no such account, or it has no key that the cursor names.
    pub async fn page(&self, query: KeyQuery) -> Result<CursorPage<UsedKey>> {
        AccountService::new(Arc::clone(&self.store)).get(query.account).await?;
        self.store.keys().page(query).await
    }

    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn get(&self, id: &KeyId) -> Result<UsedKey> {
        self.store.keys().find(id).await?.ok_or_else(|| key_not_found(id))
    }

    /// A key that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`].
    pub async fn revoke(&self, id: &KeyId) -> Result<()> {
        let exists = self.store.keys().revoke(id, Timestamp::now()).await?;
        // What has the same cache need not wait for its entry to expire.
        self.cache.invalidate(id).await;
        if exists { Ok(()) } else { Err(key_not_found(id)) }
    }

    /// Creates a successor with the same permissions, label and lifetime. The old key stays valid for `overlap`, but
    /// never longer than before.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`]: there is no such key. [`ErrorCode::KeyNotLive`]: it has expired or was revoked.
    pub async fn rotate(&self, id: &KeyId, overlap: Duration) -> Result<IssuedKey> {
        let now = Timestamp::now();
        let UsedKey { key: old, last_use: _ } = self.get(id).await?;
        if old.state(now) != KeyState::Live {
            return Err(ErrorCode::KeyNotLive.into());
        }
        let token = Token::generate(KeyKind::Account)?;
        let Rotation { old_expires_at, expires_at } =
            Rotation::at(now, old.created_at, old.expires_at, overlap);
        let key = ApiKey { id: token.id().clone(), hash: token.hash(), created_at: now, expires_at, ..old };
        self.store.keys().replace(id, old_expires_at, key.clone()).await?;
        self.cache.invalidate(id).await;
        Ok(IssuedKey { token, key })
    }

    /// # Errors
    /// [`ErrorCode::Unauthorized`], without distinguishing an unknown key from a wrong secret or an expired or
    /// revoked key.
    pub async fn authenticate(&self, token: &Token) -> Result<Principal> {
        let key = self.find(token.id()).await?;
        if key.key.hash != token.hash() || key.key.state(Timestamp::now()) != KeyState::Live {
            return Err(ErrorCode::Unauthorized.into());
        }
        Ok(Principal { key })
    }

    /// Stores the last uses of keys that requests have noted since it was last called.
    ///
    /// # Errors
    /// The database is unavailable: they will be stored next time.
    pub async fn store_uses(&self) -> Result<()> {
        let uses = self.uses.unstored();
        if !uses.is_empty() {
            self.store.keys().store_uses(uses.clone()).await?;
            self.uses.set_stored(&uses);
        }
        Ok(())
    }

    /// Looks a key up in the cache, then in the database; concurrent misses of one key share one query.
    async fn find(&self, id: &KeyId) -> Result<Arc<KeyOfAccount>> {
        if let Some(key) = self.cache.get(id).await {
            return Ok(key);
        }
        let look_up = async {
            let found = self.store.keys().find_with_account(id).await?;
            let FoundKey { key, account, limits } = found.ok_or(Error::from(ErrorCode::Unauthorized))?;
            let limits = self.limits.overridden_by(&limits);
            let last_use = self.uses.of(&key);
            Ok::<_, Error>(Arc::new(KeyOfAccount { key, account, limits, last_use }))
        };
        // Boxed: inline, this large and rarely taken branch would enlarge the future of every request.
        Box::pin(self.cache.try_get_with(id.clone(), look_up))
            .await
            // All waiters share one error value, so that it cannot be moved out.
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

fn key_not_found(id: &KeyId) -> Error {
    Error::with_message(ErrorCode::NotFound, format!("There is no key {id}"))
}
