//! The address that a request came to, as its sender wrote it: scheme, host, and the path before ours.

use std::fmt;
use std::future::{Ready, ready};
use std::net::Ipv6Addr;

use actix_web::http::header::{HOST, HeaderName};
use actix_web::{FromRequest, HttpRequest, dev};

use super::app_state::AppState;
use super::error::api_error::ApiError;
use super::forwarded_prefix::{Prefix, only};

/// The headers in which a proxy names the scheme and the host that it was asked for.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
#[allow(missing_docs)]
pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Longest host that is taken over, without its port: as long as a domain name can be.
const MAX_HOST: usize = 253;

/// `https://example.com/contacts-api`, without a slash at its end; the path alone where no sound host is
/// named. Nothing in it needs an escape in JSON, YAML or HTML.
#[derive(Debug)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The address of a request. Scheme and host of the proxy's headers count only if the settings trust it;
    /// without one, the scheme is that of this server, which ends no TLS.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let prefix = Prefix::of(request);
        let trusted = AppState::of(request).is_ok_and(|state| state.trust_proxy);
        let forwarded = |name| if trusted { only(request.headers(), &name) } else { None };
        let scheme = match forwarded(FORWARDED_PROTO) {
            Some(proto) if proto.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        };
        // A request in absolute form has its host in its first line, and that one counts (RFC 9112, 3.2.2).
        let own = request.uri().authority().map(|authority| authority.as_str());
        let own = own.or_else(|| only(request.headers(), &HOST)).filter(|host| is_sound(host));
        let host = forwarded(FORWARDED_HOST).filter(|host| is_sound(host)).or(own);
        Self(match host {
            Some(host) => prefix.after(format_args!("{scheme}://{host}")),
            None => prefix.root().to_owned(),
        })
    }

    /// The address as text.
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

/// Whether this is a domain name or an IP address, with or without a port.
fn is_sound(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        // In an IPv6 address the last colon may be its own.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let sound_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            (1..=MAX_HOST).contains(&host.len())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    let sound_port =
        port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    sound_host && sound_port
}
