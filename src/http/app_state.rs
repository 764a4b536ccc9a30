//! The state that extractors and handlers share.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::error::api_error::ApiError;
use super::lifecycle::Lifecycle;
use super::rate_limit::RateLimits;
use super::streams::Streams;
use crate::config::Limits;
use crate::domain::ErrorCode;
use crate::domain::api_key::service::KeyService;
use crate::domain::audience::AudienceSettings;
use crate::domain::import::ImportSettings;
use crate::domain::store::Store;

pub struct AppState {
    pub store: Arc<dyn Store>,
    pub keys: KeyService,
    pub audiences: Arc<AudienceSettings>,
    pub imports: ImportSettings,
    pub limits: Limits,
    pub lifecycle: Lifecycle,
    pub rate_limits: RateLimits,
    pub streams: Streams,
    /// Whether the `X-Forwarded-*` headers of a proxy are trusted.
    pub trust_proxy: bool,
}

impl AppState {
    /// # Errors
    /// The application was built without state.
    pub fn of(request: &HttpRequest) -> Result<&Self, ApiError> {
        request.app_data::<Data<Self>>().map(|data| data.get_ref()).ok_or_else(|| ErrorCode::Internal.into())
    }
}
