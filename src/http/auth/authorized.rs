//! Authentication by API key, and the unconditional permissions of an operation.

use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::HttpRequest;

use super::bearer;
use super::caller::Caller;
use crate::domain::api_key::{KeyKind, Principal};
use crate::domain::audience::{AudienceService, AudienceSettings};
use crate::domain::change::ChangeService;
use crate::domain::contact::ContactFilter;
use crate::domain::contact::service::ContactService;
use crate::domain::erasure::ErasureService;
use crate::domain::error::if_found;
use crate::domain::field::FieldService;
use crate::domain::filter::Filter;
use crate::domain::group::GroupService;
use crate::domain::import::{ImportService, ImportSettings};
use crate::domain::opt_out::OptOutService;
use crate::domain::permission::Grant;
use crate::domain::segment::SegmentService;
use crate::domain::store::Store;
use crate::domain::template::saved::TemplateService;
use crate::domain::usage::UsageRepository;
use crate::domain::{AccountId, Permission, RequestContext};
use crate::http::app_state::AppState;
use crate::http::error::api_error::ApiError;
use crate::http::forwarded_for::client_address;
use crate::http::rate_limit::{ITEMS_PER_UNIT, RateLimitFields};
use crate::http::request_id::RequestId;

/// Proof that the key of the request has the permission `G` (or both of a pair). It is the first argument of every
/// protected handler, where [`crate::http::routes`] reads the permission for the OpenAPI document.
pub struct Authorized<G: Grant> {
    store: Arc<dyn Store>,
    audience_settings: Arc<AudienceSettings>,
    import_settings: ImportSettings,
    principal: Principal,
    context: Arc<RequestContext>,
    grant: PhantomData<G>,
}

impl<G: Grant> Authorized<G> {
    /// Whether the key has a permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.principal.may(permission)
    }

    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    #[must_use]
    pub fn account(&self) -> AccountId {
        self.principal.account()
    }

    #[must_use]
    pub fn contacts(&self) -> ContactService {
        ContactService::new(self.store.contacts(&self.context))
    }

    #[must_use]
    pub fn groups(&self) -> GroupService {
        GroupService::new(self.store.groups(&self.context))
    }

    #[must_use]
    pub fn opt_outs(&self) -> OptOutService {
        OptOutService::new(self.store.opt_outs(&self.context))
    }

    #[must_use]
    pub fn templates(&self) -> TemplateService {
        TemplateService::new(self.store.templates(&self.context))
    }

    #[must_use]
    pub fn fields(&self) -> FieldService {
        FieldService::new(self.store.fields(&self.context))
    }

    #[must_use]
    pub fn segments(&self) -> SegmentService {
        SegmentService::new(self.store.segments(&self.context))
    }

    /// How many contacts a stored filter matches, for the argument [`CountOfStoredFilter`](super::access::CountOfStoredFilter).
    /// `None`: the key may not know, or the filter names a group that does not exist any more.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count_stored(&self, filter: &Filter) -> Result<Option<u64>, ApiError> {
        let mut needed = filter.permissions().into_iter().chain([Permission::ReadContacts]);
        if !needed.all(|permission| self.may(permission)) {
            return Ok(None);
        }
        Ok(if_found(self.contacts().count(ContactFilter::from(filter.clone())).await)?)
    }

    #[must_use]
    pub fn changes(&self) -> ChangeService {
        ChangeService::new(self.store.changes(&self.context))
    }

    #[must_use]
    pub fn erasures(&self) -> ErasureService {
        ErasureService::new(self.store.erasures(&self.context))
    }

    /// What the account stores.
    #[must_use]
    pub fn usage(&self) -> Box<dyn UsageRepository> {
        self.store.usage(&self.context)
    }

    #[must_use]
    pub fn imports(&self) -> ImportService {
        ImportService::new(self.store.imports(&self.context), self.import_settings, *self.principal.limits())
    }

    #[must_use]
    pub fn audiences(&self) -> AudienceService {
        let (account, settings) = (self.account(), Arc::clone(&self.audience_settings));
        let repository = self.store.audiences(&self.context);
        let (templates, segments, limits) = (self.templates(), self.segments(), *self.principal.limits());
        AudienceService::new(account, repository, templates, segments, settings, limits)
    }
}

impl<G: Grant> Caller for Authorized<G> {
    const KIND: KeyKind = KeyKind::Account;

    const PERMISSIONS: &'static [Permission] = G::PERMISSIONS;

    /// Authenticates a request.
    ///
    /// # Errors
    /// 401 if the key is missing, malformed, unknown, expired or revoked; 429 if a rate limit refuses the request; 403 if the account is suspended, or the
    /// key lacks the permission.
    async fn check(request: &HttpRequest) -> Result<Self, ApiError> {
        let state = AppState::of(request)?;
        let principal = authenticate(request, state).await?;
        principal.record_use(client_address(request));
        request.extensions_mut().insert(principal.clone());
        principal.require_active()?;
        announce(request, state.rate_limits.spend_request(&principal).await?);
        let request_id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
        let context =
            RequestContext::new(principal.account(), principal.key().clone(), request_id.unwrap_or_default());
        let authorized = Self {
            store: Arc::clone(&state.store),
            audience_settings: Arc::clone(&state.audiences),
            import_settings: state.imports,
            principal,
            context,
            grant: PhantomData,
        };
        authorized.require(G::PERMISSIONS.iter().copied())?;
        Ok(authorized)
    }

    /// Spends what the items of a body cost beyond the request itself.
    ///
    /// # Errors
    /// 429 if a rate limit refuses the request.
    async fn spend_items(&self, request: &HttpRequest, items: usize) -> Result<(), ApiError> {
        if items >= ITEMS_PER_UNIT {
            let rate_limits = &AppState::of(request)?.rate_limits;
            announce(request, rate_limits.spend_items(&self.principal, items).await?);
        }
        Ok(())
    }

    /// # Errors
    /// 403 if the key lacks some of these permissions; the message names all that it lacks.
    fn require(&self, permissions: impl IntoIterator<Item = Permission>) -> Result<(), ApiError> {
        let missing: Vec<_> = permissions.into_iter().filter(|permission| !self.may(*permission)).collect();
        if missing.is_empty() { Ok(()) } else { Err(ApiError::forbidden(&missing)) }
    }
}

/// Leaves the header fields for the response.
fn announce(request: &HttpRequest, fields: RateLimitFields) {
    if !fields.is_empty() {
        request.extensions_mut().insert(fields);
    }
}

async fn authenticate(request: &HttpRequest, state: &AppState) -> Result<Principal, ApiError> {
    let token = bearer::token(request, KeyKind::Account)?;
    state.keys.authenticate(&token).await.map_err(|error| bearer::rejected(error, KeyKind::Account))
}
