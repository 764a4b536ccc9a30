//! The administration API, its document, and its Swagger UI, on the administration address.

use std::future::ready;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{self, Data};
use actix_web::{Error as ActixError, HttpResponse};
use serde_json::Value;

use super::dialect::{DIALECT, DIALECTS, DOCUMENT_PATH, YAML_PATH};
use super::{accounts, keys};
use crate::config::Limits;
use crate::domain::ErrorCode;
use crate::domain::api_key::KeyKind;
use crate::http::app_state::AppState;
use crate::http::error::api_error::ApiError;
use crate::http::middleware::request_scope::request_scope;
use crate::http::openapi::ServedDocuments;
use crate::http::routes::{RouteTable, Routes};
use crate::http::swagger_ui;

fn route_table() -> RouteTable {
    keys::routes(accounts::routes(RouteTable::new(DIALECTS, KeyKind::Operator)))
}

/// The OpenAPI document of the administration API, with the limits of the settings.
///
/// # Errors
/// The document cannot be serialised.
pub fn document(limits: &Limits) -> serde_json::Result<Value> {
    let (_, document) = route_table().into_parts();
    document.finish(limits)
}

/// What the public server's requests share, once the database is open.
pub type ApiState = Arc<OnceLock<Data<AppState>>>;

/// What the server serves under `/admin`.
pub(super) struct Api {
    routes: Routes,
    documents: Arc<ServedDocuments>,
}

impl Api {
    pub(super) fn build(limits: &Limits) -> io::Result<Self> {
        let (routes, document) = route_table().into_parts();
        let documents = ServedDocuments::at((DOCUMENT_PATH, YAML_PATH), document.finish(limits)?, [])?;
        Ok(Self { routes, documents: Arc::new(documents) })
    }

    pub(super) fn configure(&self, config: &mut web::ServiceConfig) {
        self.routes.configure(config, None);
        self.documents.configure(config);
        swagger_ui::configure_administration(config);
        config.default_service(web::to(|| {
            ready(Err::<HttpResponse, _>(ApiError::from(ErrorCode::RouteNotFound)))
        }));
    }
}

/// What every request shares; see `middleware::request_scope`.
pub(super) async fn scope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    request_scope(request, next, DIALECTS, None).await
}

/// Gives the request the state of the public server, which there is once the database is open; 503 until then.
pub(super) async fn with_state(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let Some(state) = request.app_data::<ApiState>().and_then(|state| state.get().cloned()) else {
        let unavailable = ApiError::from(ErrorCode::Unavailable).respond(&DIALECT);
        return Ok(request.into_response(unavailable));
    };
    let mut data = Extensions::new();
    data.insert(state);
    request.add_data_container(Rc::new(data));
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}
