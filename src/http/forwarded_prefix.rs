//! The path under which a proxy serves the service, where one does: `https://example.com/contacts-api/`.
//!
//! The proxy takes the prefix off before it passes a request on, and says so in `X-Forwarded-Prefix`.
//! Whatever names an address of ours in an answer puts it back. ([`super::base_url`] knows the rest of the address.)

use std::fmt;
use std::future::{Ready, ready};

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest, dev};

use super::app_state::AppState;
use super::error::api_error::ApiError;

/// The header in which a proxy names the prefix.
pub const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Longest prefix that is believed, in bytes.
pub const MAX_BYTES: usize = 255;

/// The value of a header that stands once; two contradict each other.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

/// Empty, or segments of which each begins with a slash. It can stand in a header, in JSON and in YAML
/// as it is, and never names another host.
#[derive(Debug, Default)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix of a request; empty unless the settings trust the proxy and it names a sound one.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        if !AppState::of(request).is_ok_and(|state| state.trust_proxy) {
            return Self::default();
        }
        only(request.headers(), &FORWARDED_PREFIX).and_then(Self::parse).unwrap_or_default()
    }

    /// A prefix without the slash that it may end with.
    fn parse(text: &str) -> Option<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let sound = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        let is_sound = path.len() <= MAX_BYTES
            && (path.is_empty() || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(sound)));
        is_sound.then(|| Self(path.to_owned()))
    }

    /// A path of ours, as the proxy's callers have to write it.
    #[must_use]
    pub fn before(&self, path: impl fmt::Display) -> String {
        format!("{}{path}", self.0)
    }

    /// The address under which callers of a proxy find the service, given scheme and host of the proxy.
    #[must_use]
    pub fn after(&self, origin: impl fmt::Display) -> String {
        format!("{origin}{}", self.0)
    }

    /// Where the service begins: the prefix, or `/`.
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
