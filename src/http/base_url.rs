//! The base URL of the service as the client sees it: scheme, host and path prefix.

use std::fmt;
use std::future::{Ready, ready};
use std::net::Ipv6Addr;

use actix_web::http::header::{HOST, HeaderName};
use actix_web::{FromRequest, HttpRequest, dev};

use super::app_state::AppState;
use super::error::api_error::ApiError;
use super::forwarded_prefix::{Prefix, single_value};

/// Set by a proxy: the scheme and the host of the original request.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The maximum length of a domain name.
const MAX_HOST: usize = 253;

/// `https://example.com/contacts-api`, without a trailing slash; the path only if the request has no valid host. No character
/// needs escaping in JSON, YAML or HTML.
#[derive(Debug)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Uses the forwarded scheme and host only if the settings trust the proxy.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let prefix = Prefix::of(request);
        let scheme = scheme(request);
        // The host of a request target in absolute form takes precedence over `Host` (RFC 9112, section 3.2.2).
        let own = request.uri().authority().map(|authority| authority.as_str());
        let own = own.or_else(|| single_value(request.headers(), &HOST)).filter(|host| is_valid(host));
        let host = forwarded(request, &FORWARDED_HOST).filter(|host| is_valid(host)).or(own);
        Self(match host {
            Some(host) => prefix.append_to(format_args!("{scheme}://{host}")),
            None => prefix.root().to_owned(),
        })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromRequest for BaseUrl {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// The scheme of the URL that the client uses. Without a proxy that is trusted it is http: the server does not terminate TLS.
pub fn scheme(request: &HttpRequest) -> &'static str {
    match forwarded(request, &FORWARDED_PROTO) {
        Some(proto) if proto.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    }
}

/// A header of the proxy, if the settings trust it.
fn forwarded<'r>(request: &'r HttpRequest, name: &HeaderName) -> Option<&'r str> {
    let is_trusted = AppState::of(request).is_ok_and(|state| state.trust_proxy);
    if is_trusted { single_value(request.headers(), name) } else { None }
}

/// Whether this is a domain name or an IP address, with an optional port.
fn is_valid(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of an IPv6 address may be part of it.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_valid_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            (1..=MAX_HOST).contains(&host.len())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    let is_valid_port =
        port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    is_valid_host && is_valid_port
}
