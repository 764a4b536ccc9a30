//! The path prefix under which a proxy serves the service: `https://example.com/contacts-api/`.
//!
//! The proxy removes the prefix from the path of a request and sends it in `X-Forwarded-Prefix`. Every URL in a response
//! must have it again. ([`super::base_url`] has scheme and host.)

use std::fmt;
use std::future::{Ready, ready};

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest, dev};

use super::app_state::AppState;
use super::error::api_error::ApiError;

pub const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Longer prefixes are ignored.
pub const MAX_BYTES: usize = 255;

/// The value of a header that occurs once.
pub(super) fn single_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

/// Empty, or path segments that begin with a slash each. Safe in headers, JSON and YAML without escaping, and never an
/// authority (`//host`).
#[derive(Debug, Default)]
pub struct Prefix(String);

impl Prefix {
    /// Empty unless the settings trust the proxy and it sent a valid prefix.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        if !AppState::of(request).is_ok_and(|state| state.trust_proxy) {
            return Self::default();
        }
        single_value(request.headers(), &FORWARDED_PREFIX).and_then(Self::parse).unwrap_or_default()
    }

    /// A trailing slash is removed.
    fn parse(text: &str) -> Option<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_valid_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        let is_valid = path.len() <= MAX_BYTES
            && (path.is_empty()
                || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_valid_segment)));
        is_valid.then(|| Self(path.to_owned()))
    }

    /// A path of the service as the client sees it.
    #[must_use]
    pub fn prepend_to(&self, path: impl fmt::Display) -> String {
        format!("{}{path}", self.0)
    }

    /// The base URL, given scheme and host.
    #[must_use]
    pub fn append_to(&self, origin: impl fmt::Display) -> String {
        format!("{origin}{}", self.0)
    }

    /// The prefix, or `/` if it is empty.
    #[must_use]
    pub fn root(&self) -> &str {
        if self.0.is_empty() { "/" } else { &self.0 }
    }
}

impl FromRequest for Prefix {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}
