//! The documentation as it is served: files that are made once.

use std::future::ready;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web;
use serde_json::Value;

use super::{File, PATH, files};
use crate::http::api::read_only;
use crate::http::asset::Asset;
use crate::http::extract::Cached;

/// A page and its style sheet come from this server, and nothing else may be loaded or run.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// The documentation of a document: paths and what is there.
#[derive(Clone)]
pub struct Docs(Arc<Vec<(String, Arc<Asset>)>>);

impl Docs {
    /// Renders it.
    #[must_use]
    pub fn new(document: &Value) -> Self {
        let assets = files(document)
            .into_iter()
            .map(|File { path, kind, text }| (path, Arc::new(Asset::new(kind, false, text, POLICY))));
        Self(Arc::new(assets.collect()))
    }

    /// Adds all addresses.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        for (path, asset) in self.0.iter() {
            let asset = Arc::clone(asset);
            config.service(read_only(path, move |cached: Cached| ready(asset.answer(&cached))));
        }
        config.service(read_only(PATH.trim_end_matches('/'), lead_to_index));
    }
}

/// To a neighbour: whatever a proxy has put before the path stays.
async fn lead_to_index() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "docs/")).finish()
}
