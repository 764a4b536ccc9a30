//! The documentation as it is served: bytes and entity tags that are made once.

use std::future::ready;
use std::sync::Arc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETag, EntityTag, HeaderValue, LOCATION, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, http::header::CONTENT_TYPE};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;

use super::{PATH, files};
use crate::http::api::read_only;
use crate::http::extract::Cached;

/// A page and its style sheet come from this server, and nothing else may be loaded or run.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// A file with all that its answers need.
struct Asset {
    path: String,
    kind: &'static str,
    bytes: Bytes,
    tag: EntityTag,
}

/// The documentation of a document.
#[derive(Clone)]
pub struct Docs(Arc<Vec<Arc<Asset>>>);

impl Docs {
    /// Renders it.
    ///
    /// # Errors
    /// The document cannot be written as JSON.
    pub fn new(document: &OpenApi) -> serde_json::Result<Self> {
        let assets = files(&serde_json::to_value(document)?).into_iter().map(|file| {
            let digest = Sha256::digest(&file.text);
            let tag = EntityTag::new_strong(HEXLOWER.encode(&digest[..16]));
            Arc::new(Asset { path: file.path, kind: file.kind, bytes: file.text.into(), tag })
        });
        Ok(Self(Arc::new(assets.collect())))
    }

    /// Adds all addresses.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        for asset in self.0.iter() {
            let asset = Arc::clone(asset);
            let path = asset.path.clone();
            config.service(read_only(&path, move |cached: Cached| ready(asset.answer(&cached))));
        }
        config.service(read_only(PATH.trim_end_matches('/'), lead_to_index));
    }
}

/// To a neighbour: whatever a proxy has put before the path stays.
async fn lead_to_index() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "docs/")).finish()
}

impl Asset {
    fn answer(&self, cached: &Cached) -> HttpResponse {
        let known = cached.has(&self.tag);
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(ETag(self.tag.clone()))
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")))
            .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)))
            .insert_header((X_FRAME_OPTIONS, HeaderValue::from_static("DENY")))
            .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")));
        if known {
            return response.finish();
        }
        response.insert_header((CONTENT_TYPE, self.kind)).body(self.bytes.clone())
    }
}
