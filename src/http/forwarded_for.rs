//! The address of a client, also behind a proxy: for the log, and for the last use of keys.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;

use super::app_state::AppState;

/// Where a request comes from: the connection, or what a trusted proxy says.
pub(super) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let address = forwarded_for(request).or_else(|| request.peer_addr().map(|peer| peer.ip()));
    address.map(|address| address.to_canonical())
}

/// The address that a trusted proxy was called from: the last one in `X-Forwarded-For`, which it has added itself. Those
/// before it are whatever the client says.
pub(super) fn forwarded_for(request: &HttpRequest) -> Option<IpAddr> {
    if !AppState::of(request).is_ok_and(|state| state.trust_proxy) {
        return None;
    }
    let last = request.headers().get_all(X_FORWARDED_FOR).last()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}
