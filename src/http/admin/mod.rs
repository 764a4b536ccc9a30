//! The server of the administration address: metrics and health, for the operator's tools, and the administration API. It is
//! not the public server under another name: it has a thread of its own, so that it responds when the public one is busy, and
//! before and after that one accepts connections. Metrics and health require no key, so that its address must not be
//! reachable by clients.

mod accounts;
mod api;
mod dialect;
mod keys;
mod limits;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, FromRequest, Handler, HttpResponse, HttpServer, Resource, Responder};
use futures_util::future::BoxFuture;

use super::health;
use super::lifecycle::Lifecycle;
use crate::config::Limits;
use crate::domain::store::Store;
use api::Api;
pub use api::{ApiState, document};
pub use dialect::DOCUMENT_PATH;

/// Collects the metrics, in the text format of Prometheus.
type Scrape = Arc<dyn Fn() -> BoxFuture<'static, Result<String, fmt::Error>> + Send + Sync>;

#[derive(Clone)]
pub struct AdminState {
    pub lifecycle: Lifecycle,
    /// Empty until the database is open.
    pub store: Arc<OnceLock<Arc<dyn Store>>>,
    pub scrape: Scrape,
    /// Of the administration API.
    pub api: ApiState,
}

/// Of the text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An operator has few tools; each connection is a file descriptor.
pub const MAX_CONNECTIONS: usize = 16;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The administration server, which listens, and its address.
///
/// # Errors
/// The address cannot be bound.
pub fn bind(address: &str, state: AdminState, limits: &Limits) -> io::Result<(Server, SocketAddr)> {
    let api_state = ApiState::clone(&state.api);
    let state = Data::new(state);
    let api = Arc::new(Api::build(limits)?);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(ApiState::clone(&api_state))
            .service(read_only("/metrics", metrics))
            .service(read_only("/healthz", async || health::alive()))
            .service(read_only("/readyz", readyz))
            .service(
                web::scope("")
                    .wrap(from_fn(api::scope))
                    .wrap(from_fn(api::with_state))
                    .configure(|config| api.configure(config)),
            )
    })
    .workers(1)
    .max_connections(MAX_CONNECTIONS)
    .client_request_timeout(REQUEST_TIMEOUT)
    .disable_signals()
    .bind(address)?;
    let address = server.addrs().first().copied().ok_or_else(|| io::Error::other("no address"))?;
    Ok((server.run(), address))
}

fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let not_allowed = async || {
        HttpResponse::build(StatusCode::METHOD_NOT_ALLOWED).insert_header((ALLOW, "GET, HEAD")).finish()
    };
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(not_allowed))
}

async fn metrics(state: Data<AdminState>) -> HttpResponse {
    match (state.scrape)().await {
        Ok(text) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, METRICS_TYPE))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(text),
        Err(fmt::Error) => {
            tracing::error!("the metrics could not be encoded");
            HttpResponse::InternalServerError().finish()
        }
    }
}

async fn readyz(state: Data<AdminState>) -> HttpResponse {
    health::readiness(&state.lifecycle, state.store.get().map(AsRef::as_ref)).await
}
