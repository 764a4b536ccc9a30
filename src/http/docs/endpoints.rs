//! The documentation as it is served: files that are made once.

use std::future::ready;
use std::sync::Arc;

use actix_web::http::header::{ACCEPT, HeaderMap, HeaderValue, LOCATION, VARY};
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::{File, PATH, files, missing};
use crate::domain::ErrorCode;
use crate::http::asset::Asset;
use crate::http::error::api_error::ApiError;
use crate::http::extract::IfNoneMatch;
use crate::http::routes::read_only;

/// A page, its style sheet and its script come from this server, and nothing else may be loaded or run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The documentation of a document: paths and what is there.
#[derive(Clone)]
pub struct Docs {
    files: Arc<Vec<(String, Arc<Asset>)>>,
    /// For browsers, where there is no such page.
    missing: Arc<Asset>,
}

impl Docs {
    /// Renders it.
    #[must_use]
    pub fn new(document: &Value) -> Self {
        let assets = files(document)
            .into_iter()
            .map(|File { path, kind, text }| (path, Arc::new(Asset::new(kind, false, text, POLICY))));
        let missing = Asset::new("text/html; charset=utf-8", false, missing(document), POLICY);
        Self { files: Arc::new(assets.collect()), missing: Arc::new(missing) }
    }

    /// Adds all addresses.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        for (path, asset) in self.files.iter() {
            let asset = Arc::clone(asset);
            config.service(read_only(path, move |cached: IfNoneMatch| ready(asset.answer(&cached))));
        }
        config.service(read_only(PATH.trim_end_matches('/'), lead_to_index));
        let missing = Arc::clone(&self.missing);
        config.service(read_only(&format!("{PATH}{{page}}"), move |request: HttpRequest| {
            ready(if wants_html(request.headers()) {
                let mut response = missing.not_found();
                response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
                Ok(response)
            } else {
                Err(ApiError::from(ErrorCode::RouteNotFound))
            })
        }));
    }
}

/// Whether a page in HTML is asked for by name, as browsers do; everything else gets the envelope of errors.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/html")
    })
}

/// To a neighbour: whatever a proxy has put before the path stays.
async fn lead_to_index() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "docs/")).finish()
}
