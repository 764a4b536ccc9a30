//! Signs of life, for whatever watches over the service.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Api;
use super::openapi::Spec;
use super::problem::Problem;
use super::state::State;

/// How long the database may take for a sign of life.
const PATIENCE: Duration = Duration::from_secs(2);

/// Adds the routes.
pub(super) fn routes(api: Api) -> Api {
    api.public(__path_healthz, healthz, Spec::answering(200, Health::of("ok"))).public(
        __path_readyz,
        readyz,
        Spec::answering(200, Health::of("ok")).and(503, Health::of("unavailable")),
    )
}

/// Whether the service can do its work.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`, or `unavailable` while the database does not answer.
    #[schema(example = "ok")]
    status: &'static str,
}

impl Health {
    fn of(status: &'static str) -> Self {
        Self { status }
    }
}

/// Is the process alive?
///
/// Answers as long as the process does, whatever the state of the database. No key is needed.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "getHealth",
    responses((status = 200, description = "The process is alive.", body = Health)),
)]
async fn healthz(_: HttpRequest) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(Health::of("ok")))
}

/// Can requests be answered?
///
/// Asks the database for a sign of life. No key is needed.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    responses(
        (status = 200, description = "The database answers.", body = Health),
        (status = 503, description = "The database does not answer.", body = Health),
    ),
)]
async fn readyz(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let state = State::of(&request)?;
    let ready = tokio::time::timeout(PATIENCE, state.store.ping()).await.is_ok_and(|ping| ping.is_ok());
    Ok(if ready {
        HttpResponse::Ok().json(Health::of("ok"))
    } else {
        HttpResponse::ServiceUnavailable().json(Health::of("unavailable"))
    })
}
