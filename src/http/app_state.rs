//! What every handler can reach.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::error::api_error::ApiError;
use crate::config::Limits;
use crate::domain::ErrorCode;
use crate::domain::api_key::service::KeyService;
use crate::domain::audience::SnapshotsInFlight;
use crate::domain::store::Store;

/// The database, the keys, and what the settings say of requests.
pub struct AppState {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The keys in it.
    pub keys: KeyService,
    /// The accounts that keep an audience just now.
    pub keeping: SnapshotsInFlight,
    /// What a request may take.
    pub limits: Limits,
    /// Whether a proxy stands in front, whose headers are believed.
    pub trust_proxy: bool,
}

impl AppState {
    /// The state of the server that a request came to.
    ///
    /// # Errors
    /// The server was put together without one.
    pub fn of(request: &HttpRequest) -> Result<&Self, ApiError> {
        request.app_data::<Data<Self>>().map(|data| data.get_ref()).ok_or_else(|| ErrorCode::Internal.into())
    }
}
