//! The id that ties a request, its response and its log lines together.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An extension of every request.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// A longer client id is replaced.
    pub const MAX_CHARS: usize = 128;

    /// The client's id if it is safe in a log line and in a header, else a generated one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let is_safe = |id: &&HeaderValue| {
            (1..=Self::MAX_CHARS).contains(&id.len())
                && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte))
        };
        headers.get(X_REQUEST_ID).filter(is_safe).cloned().map_or_else(Self::generate, Self)
    }

    /// A UUIDv7.
    #[must_use]
    pub fn generate() -> Self {
        let mut text = Uuid::encode_buffer();
        let id = Uuid::now_v7().hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none")))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
