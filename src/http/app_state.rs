//! What every handler can reach.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::error::api_error::Problem;
use crate::config::Limits;
use crate::domain::Code;
use crate::domain::api_key::service::Keys;
use crate::domain::audience::Keeping;
use crate::domain::repository::Store;

/// The database, the keys, and what the settings say of requests.
pub struct State {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The keys in it.
    pub keys: Keys,
    /// The accounts that keep an audience just now.
    pub keeping: Keeping,
    /// What a request may take.
    pub limits: Limits,
    /// Whether a proxy stands in front, whose headers are believed.
    pub trust_proxy: bool,
}

impl State {
    /// The state of the server that a request came to.
    ///
    /// # Errors
    /// The server was put together without one.
    pub fn of(request: &HttpRequest) -> Result<&Self, Problem> {
        request.app_data::<Data<Self>>().map(|data| data.get_ref()).ok_or_else(|| Code::Internal.into())
    }
}
