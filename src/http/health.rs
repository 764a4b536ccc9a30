//! Liveness and readiness checks.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::app_state::AppState;
use super::error::api_error::Cause;
use super::lifecycle::Lifecycle;
use super::openapi::OperationDoc;
use super::routes::RouteTable;
use crate::domain::store::Store;
use crate::http::response::HandlerResult;

const READINESS_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let responds = |about: &str| OperationDoc::default().responds::<Health>(200, about, Health::of("ok"));
    let unready = "The service is shutting down, or the database does not respond or does not accept writes.";
    table.public(__path_healthz, healthz, responds("The process is running.")).public(
        __path_readyz,
        readyz,
        responds("The database accepts writes.").responds::<Health>(
            503,
            unready,
            Health::unavailable("the database is read-only"),
        ),
    )
}

/// The health of the service.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// The status: `ok`, or `unavailable` while no requests should be sent here.
    #[schema(example = "ok")]
    status: &'static str,
    /// The reason why the status is not `ok`, for an operator; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "the database is read-only")]
    reason: Option<String>,
}

impl Health {
    fn of(status: &'static str) -> Self {
        Self { status, reason: None }
    }

    fn unavailable(reason: &str) -> Self {
        Self { status: "unavailable", reason: Some(reason.to_owned()) }
    }
}

/// Check that the process is running
///
/// Responds as long as the process is running, regardless of the state of the database. No API key is
/// required.
#[utoipa::path(get, path = "/healthz", operation_id = "getHealth")]
async fn healthz(_: HttpRequest) -> HandlerResult {
    Ok(alive())
}

/// Check that requests can be served
///
/// Checks that the service is not shutting down and that the database accepts writes, on a connection that is not used
/// for requests: a server that is merely busy stays ready. No API key is required.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness")]
async fn readyz(request: HttpRequest) -> HandlerResult {
    let state = AppState::of(&request)?;
    Ok(readiness(&state.lifecycle, Some(state.store.as_ref())).await)
}

/// Of a process that is running.
pub(super) fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Health::of("ok"))
}

/// There is no store before the database is open.
pub(super) async fn readiness(lifecycle: &Lifecycle, store: Option<&dyn Store>) -> HttpResponse {
    if let Some(reason) = lifecycle.reason_not_to_serve() {
        return unready(reason, String::new());
    }
    let Some(store) = store else { return unready("the database is not open", String::new()) };
    match tokio::time::timeout(READINESS_TIMEOUT, store.ping()).await {
        Ok(Ok(())) => alive(),
        Ok(Err(error)) => unready(error.message(), error.cause()),
        Err(_) => unready("the database does not respond", String::new()),
    }
}

/// 503. The log has the underlying cause, if there is one.
fn unready(reason: &str, cause: String) -> HttpResponse {
    let mut response = HttpResponse::ServiceUnavailable().json(Health::unavailable(reason));
    response.extensions_mut().insert(Cause(if cause.is_empty() { reason.to_owned() } else { cause }));
    response
}
