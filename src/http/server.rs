//! Assembles routes, documents, documentation and Swagger UI into the web server. The only module that names the
//! dialects.

use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpResponse, web};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use super::app_state::AppState;
use super::connection::Connection;
use super::connection::per_address::ConnectionsPerAddress;
use super::dialect::Dialects;
use super::error::api_error::ApiError;
use super::metrics::HttpMetrics;
use super::middleware::cors::cors;
use super::middleware::request_scope::request_scope;
use super::routes::{RouteTable, Routes};
use super::shutdown::Shutdown;
use super::{addressbook, admin, docs, health, openapi, swagger_ui, v1};
use crate::config::{Limits, Settings};
use crate::domain::ErrorCode;
use crate::domain::api_key::KeyKind;

static DIALECTS: Dialects =
    Dialects { default: &v1::dialect::DIALECT, others: &[&addressbook::dialect::DIALECT] };

fn route_table() -> RouteTable {
    let table = health::routes(RouteTable::new(DIALECTS, KeyKind::Account));
    let table = v1::routes(table);
    addressbook::routes(table)
}

/// A document that is derived from the complete one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The operations of v1.
    V1,
    /// The operations of the address book.
    AddressBook,
    /// All operations, in OpenAPI 3.0.
    Version3_0,
}

impl Variant {
    #[must_use]
    pub fn derive(self, document: &serde_json::Value) -> serde_json::Value {
        let variant = match self {
            Self::V1 => openapi::Variant::Dialect(&v1::dialect::DIALECT),
            Self::AddressBook => openapi::Variant::Dialect(&addressbook::dialect::DIALECT),
            Self::Version3_0 => openapi::Variant::Version3_0,
        };
        variant.derive(document)
    }
}

/// The OpenAPI document, with the limits of the settings.
///
/// # Errors
/// The document cannot be serialised.
pub fn document(limits: &Limits) -> serde_json::Result<serde_json::Value> {
    let (_, document) = route_table().into_parts();
    document.finish(limits)
}

/// What every worker serves. Built once, because building the document takes a while.
struct Shared {
    routes: Routes,
    docs: docs::Docs,
    documents: Arc<openapi::ServedDocuments>,
}

impl Shared {
    fn build(limits: &Limits) -> io::Result<Self> {
        let (routes, document) = route_table().into_parts();
        let document = document.finish(limits)?;
        let docs = docs::Docs::new(&document);
        Ok(Self { routes, docs, documents: Arc::new(openapi::ServedDocuments::new(document, DIALECTS)?) })
    }
}

/// A server that listens but does not accept connections yet, and its address. Its requests are counted if there are
/// metrics.
///
/// # Errors
/// The address cannot be bound.
pub fn bind(
    state: Data<AppState>,
    settings: &Settings,
    metrics: Option<HttpMetrics>,
) -> io::Result<(Server, SocketAddr)> {
    let limits = state.limits.clone();
    let shared = Arc::new(Shared::build(&limits)?);
    let origins = settings.cors_origins.clone();

    let workers = match settings.workers {
        0 => available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    };
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections_per_worker(settings, workers))
        .shutdown_timeout(limits.shutdown_timeout.as_secs())
        // `app` handles signals: the default for SIGINT drops requests in progress.
        .disable_signals();
    let shutdown = builder.graceful_shutdown_signal();
    let handlers = shutdown.clone();
    let handlers = Data::new(Shutdown::new(move || {
        let shutdown = handlers.clone();
        Box::pin(async move { shutdown.notified().await })
    }));
    // A proxy opens the connections of all clients.
    let max = (!settings.trust_proxy && limits.address_connections > 0).then_some(limits.address_connections);
    let per_address = ConnectionsPerAddress::new(max);
    // The same as `HttpServer`, with `Connection` between the socket and HTTP.
    let serve = move || {
        let metrics = metrics.as_ref().map(HttpMetrics::for_worker);
        let of_scope = metrics.clone();
        let app = App::new()
            .app_data(state.clone())
            .app_data(handlers.clone())
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .wrap(from_fn(move |request, next: Next<_>| {
                request_scope(request, next, DIALECTS, of_scope.clone())
            }))
            .configure(|config| shared.routes.configure(config, metrics.as_ref()))
            .configure(|config| shared.documents.configure(config))
            .configure(|config| shared.docs.configure(config))
            .configure(swagger_ui::configure)
            .default_service(web::to(|| {
                ready(Err::<HttpResponse, _>(ApiError::from(ErrorCode::RouteNotFound)))
            }));
        let shutdown = shutdown.clone();
        let http = HttpService::build()
            .client_request_timeout(limits.header_timeout)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .keep_alive(limits.keep_alive)
            .graceful_shutdown_signal(move || {
                let shutdown = shutdown.clone();
                async move { shutdown.notified().await }
            })
            // A client that closes its end of the connection cancels its request.
            .h1_allow_half_closed(false)
            .on_connect_ext(|connection: &Connection, data| drop(data.insert(connection.in_progress())))
            .h1(map_config(app, |()| AppConfig::default()));
        let (write_timeout, per_address) = (limits.write_timeout, per_address.clone());
        fn_service(move |stream: TcpStream| {
            let connection = Connection::new(stream, write_timeout, DIALECTS, metrics.clone(), &per_address);
            let with_peer = connection.map(|connection| {
                let peer = Some(connection.peer());
                (connection, peer)
            });
            ready(with_peer.map_err(DispatchError::Io))
        })
        .and_then(http)
    };
    let listeners = listen(&settings.bind)?;
    let address = listeners.first().ok_or_else(|| io::Error::other("no address"))?.local_addr()?;
    let builder = listeners
        .into_iter()
        .try_fold(builder, |builder, listener| builder.listen("http", listener, serve.clone()))?;
    Ok((builder.run(), address))
}

/// The time for a peer to close the connection after the server has closed its end.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// The maximum number of unsent bytes in the send buffer of a connection. By default the kernel grows the buffer to
/// megabytes, slowly if the peer's window is small: the write timeout would take that for a peer that reads.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 128 * 1024;

/// Listens on every address of a name that can be bound.
fn listen(name: &str) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut error = io::Error::other("the name has no address");
    for address in name.to_socket_addrs()? {
        let listener = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            #[cfg(target_os = "linux")]
            SockRef::from(&socket).set_tcp_notsent_lowat(MAX_UNSENT)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)?.into_std()
        };
        match listener() {
            Ok(listener) => listeners.push(listener),
            Err(reason) => error = reason,
        }
    }
    if listeners.is_empty() { Err(error) } else { Ok(listeners) }
}

/// The maximum number of connections per worker if the limit of open files allows it.
const MAX_CONNECTIONS: usize = 25_000;

/// File descriptors of the server itself, of each worker and of each database connection.
const BASE_FILES: usize = 32;
const FILES_PER_WORKER: usize = 4;
const FILES_PER_DATABASE_CONNECTION: usize = 3;

/// Of the administration server and its database connection.
const ADMIN_FILES: usize = admin::MAX_CONNECTIONS + 16;

/// The maximum number of connections per worker. Further clients wait: their connections must not use up the file
/// descriptors that requests in progress need.
fn connections_per_worker(settings: &Settings, workers: usize) -> usize {
    let Ok(files) = rlimit::Resource::NOFILE.get_soft() else { return MAX_CONNECTIONS };
    let database = usize::try_from(settings.database.database_connections).unwrap_or(usize::MAX);
    let reserved = BASE_FILES
        .saturating_add(workers.saturating_mul(FILES_PER_WORKER))
        .saturating_add(database.saturating_mul(FILES_PER_DATABASE_CONNECTION))
        .saturating_add(if settings.admin_bind.is_some() { ADMIN_FILES } else { 0 });
    let available = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(reserved);
    (available / workers).clamp(1, MAX_CONNECTIONS)
}
