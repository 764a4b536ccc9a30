//! Examples of response headers, built by the code that sets the real ones where that is possible.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{RefOr, Schema};

use super::examples;
use crate::domain::ErrorCode;
use crate::domain::api_key::KeyKind;
use crate::http::auth::access::Access;
use crate::http::auth::bearer::REALM;
use crate::http::dialect::Dialect;
use crate::http::error::api_error::ApiError;
use crate::http::headers::{CHANGE_POSITION, IDEMPOTENT_REPLAYED};
use crate::http::rate_limit::{self, RATE_LIMIT, RATE_LIMIT_POLICY};

/// Adds an example to each response header.
///
/// # Panics
/// A header has no example: every test that builds the document fails.
pub(super) fn document(operation: &mut Operation, path: &str, access: Option<&Access>, dialect: &Dialect) {
    let id = match access.map(|access| access.kind) {
        Some(KeyKind::Operator) => examples::account::ID,
        _ => examples::ID,
    };
    let path = path.split('/').map(|segment| if segment.starts_with('{') { id } else { segment });
    let path = path.collect::<Vec<_>>().join("/");
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        for (name, header) in &mut response.headers {
            let RefOr::T(header) = header else { continue };
            let example = example(name, status, (&path, id), access, dialect);
            let example = example.unwrap_or_else(|| panic!("{name} of {status} has no example"));
            if let Some(RefOr::T(Schema::Object(schema))) = &mut header.schema {
                schema.examples = vec![example.into()];
            }
        }
    }
}

fn example(
    name: &str,
    status: &str,
    (path, id): (&str, &str),
    access: Option<&Access>,
    dialect: &Dialect,
) -> Option<String> {
    let of = |error: ApiError| {
        let response = error.respond(dialect);
        Some(response.headers().get(name)?.to_str().ok()?.to_owned())
    };
    match (name, status) {
        ("ETag", _) => Some(examples::entity_tag()),
        ("Location", _) => Some(format!("{path}/{id}")),
        ("Link", _) => Some(format!("<{path}?limit=10&starting_after={id}>; rel=\"next\"")),
        ("Content-Disposition", _) => Some("attachment; filename=\"contacts-2025-11-10.csv\"".to_owned()),
        (CHANGE_POSITION, _) => Some(examples::change_position().to_string()),
        ("X-Request-Id", _) => Some(examples::ID.to_owned()),
        (IDEMPOTENT_REPLAYED, _) => Some("true".to_owned()),
        ("Retry-After" | RATE_LIMIT | RATE_LIMIT_POLICY, "429") => of(rate_limit::example()),
        ("Retry-After", _) => of(ErrorCode::Unavailable.into()),
        ("WWW-Authenticate", "403") => of(ApiError::forbidden(&access?.required())),
        ("WWW-Authenticate", _) => of(ApiError::unauthorized("", REALM)),
        _ => None,
    }
}
