//! Puts routes, document and Swagger UI into one web server.

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
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpResponse, web};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use super::app_state::AppState;
use super::connection::Connection;
use super::error::api_error::ApiError;
use super::middleware::cors::cors;
use super::middleware::edge::edge;
use super::routes::{RouteTable, Routes};
use super::{addressbook, docs, health, openapi, swagger_ui, v1};
use crate::config::{Limits, Settings};
use crate::domain::ErrorCode;

/// Every route that there is.
#[must_use]
pub fn api() -> RouteTable {
    let api = health::routes(RouteTable::default());
    let api = v1::routes(api);
    addressbook::routes(api)
}

/// The OpenAPI document, with the limits as they are set.
///
/// # Errors
/// It cannot be written as JSON.
pub fn document(limits: &Limits) -> serde_json::Result<serde_json::Value> {
    let (_, document) = api().into_parts();
    document.finish(limits)
}

/// What every worker serves: made once, because building the document takes a while.
struct Parts {
    routes: Routes,
    docs: docs::Docs,
    served: Arc<openapi::Served>,
}

impl Parts {
    fn make(limits: &Limits) -> io::Result<Self> {
        let (routes, document) = api().into_parts();
        let document = document.finish(limits)?;
        let docs = docs::Docs::new(&document);
        Ok(Self { routes, docs, served: Arc::new(openapi::Served::new(document)?) })
    }
}

/// A server that listens and does not answer yet, and where it listens.
///
/// # Errors
/// The address cannot be listened on.
pub fn bind(state: AppState, settings: &Settings) -> io::Result<(Server, SocketAddr)> {
    let limits = state.limits.clone();
    let parts = Arc::new(Parts::make(&limits)?);
    let state = Data::new(state);
    let origins = settings.cors_origins.clone();

    let workers = match settings.workers {
        0 => available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    };
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections_per_worker(settings, workers))
        .shutdown_timeout(limits.shutdown_timeout.as_secs())
        // Signals are `app`'s to handle: by default SIGINT would drop what is under way.
        .disable_signals();
    let shutdown = builder.graceful_shutdown_signal();
    // What `HttpServer` does, with a layer between the socket and HTTP.
    let serve = move || {
        let app = App::new()
            .app_data(state.clone())
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .wrap(from_fn(edge))
            .configure(|config| parts.routes.configure(config))
            .configure(|config| parts.served.configure(config))
            .configure(|config| parts.docs.configure(config))
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
            // A client that closes its end has gone: what it asked for need not go on.
            .h1_allow_half_closed(false)
            .on_connect_ext(|connection: &Connection, data| drop(data.insert(connection.answering())))
            .h1(map_config(app, |()| AppConfig::default()));
        let write_timeout = limits.write_timeout;
        fn_service(move |stream: TcpStream| {
            let connection = Connection::new(stream, write_timeout);
            let peer = connection.peer();
            ready(Ok::<_, DispatchError>((connection, peer)))
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

/// How long a connection may take to close once we have closed our end of it.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Most bytes that the system takes of a connection before it has sent them. Its own limit grows to
/// megabytes, and slowly where the peer's window is small: that would look like a peer that reads.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 128 * 1024;

/// Listens on every address of a name that can be listened on.
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

/// Most connections that a worker takes, where the limit of open files allows them.
const MOST_CONNECTIONS: usize = 25_000;

/// Files that the server has open whatever it does, and how many more with each worker and each
/// connection to the database.
const OWN_FILES: usize = 32;
const FILES_OF_A_WORKER: usize = 4;
const FILES_OF_THE_DATABASE: usize = 3;

/// How many connections each worker takes. Clients past that wait: they must not take the files that
/// are needed to answer those before them.
fn connections_per_worker(settings: &Settings, workers: usize) -> usize {
    let Ok(files) = rlimit::Resource::NOFILE.get_soft() else { return MOST_CONNECTIONS };
    let database = usize::try_from(settings.database.database_connections).unwrap_or(usize::MAX);
    let own = OWN_FILES
        .saturating_add(workers.saturating_mul(FILES_OF_A_WORKER))
        .saturating_add(database.saturating_mul(FILES_OF_THE_DATABASE));
    let left = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(own);
    (left / workers).clamp(1, MOST_CONNECTIONS)
}
