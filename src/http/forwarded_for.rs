//! The address of a client behind a proxy, for the log.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;

use super::app_state::AppState;

/// The address that a trusted proxy was called from: the last one in `X-Forwarded-For`, which it has added itself. Those
/// before it are whatever the client says.
pub(super) fn forwarded_for(request: &HttpRequest) -> Option<IpAddr> {
    if !AppState::of(request).is_ok_and(|state| state.trust_proxy) {
        return None;
    }
    let last = request.headers().get_all(X_FORWARDED_FOR).last()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}
