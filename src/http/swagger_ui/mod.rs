//! Swagger UI, served from the binary: a page for the API, and one for that of operators, which differ in their HTML. A page
//! makes no request to another host.

mod files;

use std::future::ready;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web;

use super::error::api_error::ApiError;
use super::extract::IfNoneMatch;
use super::forwarded_prefix::Prefix;
use super::resource::read_only;
use crate::domain::ErrorCode;

pub const PATH: &str = "/swagger-ui/";

/// On the administration address.
pub const ADMINISTRATION_PATH: &str = "/admin/";

/// The HTML of the pages.
const API: &str = "index.html";
const ADMINISTRATION: &str = "administration.html";

/// Adds the page and redirects to it.
pub fn configure(config: &mut web::ServiceConfig) {
    serve(config, PATH, API);
}

/// Adds the page of the administration API and redirects to it.
pub fn configure_administration(config: &mut web::ServiceConfig) {
    serve(config, ADMINISTRATION_PATH, ADMINISTRATION);
}

fn serve(config: &mut web::ServiceConfig, path: &'static str, html: &'static str) {
    let redirect_to_page = move |prefix: Prefix| {
        ready(HttpResponse::Found().insert_header((LOCATION, prefix.prepend_to(path))).finish())
    };
    let page = move |if_none_match: IfNoneMatch| ready(respond(html, &if_none_match));
    let file = move |name: web::Path<String>, if_none_match: IfNoneMatch| {
        ready(match name.as_str() {
            API => respond(html, &if_none_match),
            ADMINISTRATION => Err(ErrorCode::RouteNotFound.into()),
            name => respond(name, &if_none_match),
        })
    };
    config
        .service(read_only("/", redirect_to_page))
        .service(read_only(path.trim_end_matches('/'), redirect_to_page))
        .service(read_only(path, page))
        .service(read_only(&format!("{path}{{file}}"), file));
}

fn respond(name: &str, if_none_match: &IfNoneMatch) -> Result<HttpResponse, ApiError> {
    Ok(files::find(name).ok_or(ErrorCode::RouteNotFound)?.respond(if_none_match))
}
