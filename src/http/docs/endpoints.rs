//! Serves the documentation, which is rendered once.

use std::future::ready;
use std::sync::Arc;

use actix_web::http::header::{ACCEPT, HeaderMap, HeaderValue, LOCATION, VARY};
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::site::{self, File, PATH};
use crate::domain::ErrorCode;
use crate::http::asset::Asset;
use crate::http::error::api_error::ApiError;
use crate::http::extract::IfNoneMatch;
use crate::http::resource::read_only;

/// Style sheet and script come from this server; nothing else may be loaded or run.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of the documentation by path.
#[derive(Clone)]
pub struct Docs {
    files: Arc<Vec<(String, Arc<Asset>)>>,
    not_found: Arc<Asset>,
}

impl Docs {
    #[must_use]
    pub fn new(document: &Value) -> Self {
        let assets = site::files(document).into_iter().map(|File { path, content_type, text }| {
            (path, Arc::new(Asset::new(content_type, false, text, CONTENT_SECURITY_POLICY)))
        });
        let not_found =
            Asset::new("text/html; charset=utf-8", false, site::not_found(document), CONTENT_SECURITY_POLICY);
        Self { files: Arc::new(assets.collect()), not_found: Arc::new(not_found) }
    }

    pub fn configure(&self, config: &mut web::ServiceConfig) {
        for (path, asset) in self.files.iter() {
            let asset = Arc::clone(asset);
            config.service(read_only(path, move |if_none_match: IfNoneMatch| {
                ready(asset.respond(&if_none_match))
            }));
        }
        config.service(read_only(PATH.trim_end_matches('/'), redirect_to_index));
        let not_found = Arc::clone(&self.not_found);
        config.service(read_only(&format!("{PATH}{{page}}"), move |request: HttpRequest| {
            ready(if wants_html(request.headers()) {
                let mut response = not_found.not_found();
                response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
                Ok(response)
            } else {
                Err(ApiError::from(ErrorCode::RouteNotFound))
            })
        }));
    }
}

/// Whether `Accept` names HTML, as browsers do; other clients get the error envelope.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/html")
    })
}

/// A relative location, so that the path prefix of a proxy is kept.
async fn redirect_to_index() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "docs/")).finish()
}
