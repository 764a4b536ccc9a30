//! Puts routes, document and Swagger UI into one web server.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use actix_web::dev::Server;
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpResponse, HttpServer, web};

use super::api::{Api, Routes};
use super::cors::cors;
use super::edge::edge;
use super::openapi;
use super::problem::Problem;
use super::state::State;
use super::{addressbook, docs, explorer, health, v1};
use crate::config::{Limits, Settings};
use crate::domain::Code;

/// Every route that there is.
#[must_use]
pub fn api() -> Api {
    let api = health::routes(Api::default());
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
    served: openapi::Served,
}

impl Parts {
    fn make(limits: &Limits) -> io::Result<Self> {
        let (routes, document) = api().into_parts();
        let document = document.finish(limits)?;
        let docs = docs::Docs::new(&document);
        Ok(Self { routes, docs, served: openapi::Served::new(document)? })
    }
}

/// A server that listens and does not answer yet, and where it listens.
///
/// # Errors
/// The address cannot be listened on.
pub fn bind(state: State, settings: &Settings) -> io::Result<(Server, SocketAddr)> {
    let limits = state.limits.clone();
    let parts = Arc::new(Parts::make(&limits)?);
    let state = Data::new(state);
    let origins = settings.cors_origins.clone();

    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(Data::new(parts.served.clone()))
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .wrap(from_fn(edge))
            .configure(|config| parts.routes.configure(config))
            .configure(openapi::configure)
            .configure(|config| parts.docs.configure(config))
            .configure(explorer::configure)
            .default_service(web::to(|| {
                std::future::ready(Err::<HttpResponse, _>(Problem::from(Code::RouteNotFound)))
            }))
    })
    .client_request_timeout(limits.header_timeout)
    .keep_alive(limits.keep_alive)
    .shutdown_timeout(limits.shutdown_timeout.as_secs())
    // Signals are `app`'s to handle: by default SIGINT would drop what is under way.
    .disable_signals();
    let workers = match settings.workers {
        0 => available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    };
    let server = server.workers(workers).max_connections(connections_per_worker(settings, workers));
    let server = server.bind(settings.bind.as_str())?;
    let address = server.addrs().into_iter().next().ok_or_else(|| io::Error::other("no address"))?;
    Ok((server.run(), address))
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
