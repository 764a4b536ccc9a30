//! The key of a request (Bearer only, RFC 6750, section 2.1).

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use crate::domain::api_key::{KeyKind, Token};
use crate::domain::{Error, ErrorCode};
use crate::http::error::api_error::ApiError;

pub(crate) const REALM: &str = r#"Bearer realm="addressbook""#;
const INVALID: &str = r#"Bearer realm="addressbook", error="invalid_token""#;

/// The messages for an API of which kind of key.
struct Messages {
    required: &'static str,
    malformed: &'static str,
    other_kind: &'static str,
    rejected: &'static str,
}

fn messages(kind: KeyKind) -> Messages {
    match kind {
        KeyKind::Account => Messages {
            required: "An API key is required: Authorization: Bearer <key>",
            malformed: "The API key is malformed; check that it was copied completely",
            other_kind: "This is an operator key, which is for the administration API only; an API key is required",
            rejected: "The API key is unknown, expired or revoked",
        },
        KeyKind::Operator => Messages {
            required: "An operator key is required: Authorization: Bearer <key>",
            malformed: "The operator key is malformed; check that it was copied completely",
            other_kind: "This is the API key of an account; the administration API requires an operator key",
            rejected: "The operator key is unknown, expired or revoked",
        },
    }
}

/// # Errors
/// 401 if there is no key, or one that is malformed or of the other kind.
pub(super) fn token(request: &HttpRequest, kind: KeyKind) -> Result<Token, ApiError> {
    let messages = messages(kind);
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return Err(ApiError::unauthorized(messages.required, REALM));
    };
    let (scheme, key) = header.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(ApiError::unauthorized(messages.required, REALM));
    }
    let token =
        Token::parse(key.trim()).ok_or_else(|| ApiError::unauthorized(messages.malformed, INVALID))?;
    if token.kind() != kind {
        return Err(ApiError::unauthorized(messages.other_kind, INVALID));
    }
    Ok(token)
}

/// The error of a failed authentication.
pub(super) fn rejected(error: Error, kind: KeyKind) -> ApiError {
    if error.code() == ErrorCode::Unauthorized {
        ApiError::unauthorized(messages(kind).rejected, INVALID)
    } else {
        error.into()
    }
}
