//! A file that is made once and served as it is, to browsers: with an entity tag, and told what it may
//! load and who may frame it.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETag, EntityTag, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::extract::IfNoneMatch;

/// A text that changes with what was hashed, for entity tags.
pub(super) fn version_of(hash: Sha256) -> String {
    HEXLOWER.encode(&hash.finalize()[..16])
}

/// A file with all that its answers need.
pub struct Asset {
    content_type: String,
    gzipped: bool,
    bytes: Bytes,
    /// Changes with the content, so that a reload fetches nothing that the browser has.
    tag: EntityTag,
    policy: &'static str,
}

impl Asset {
    /// A file under a content security policy; `gzipped` says that its bytes are.
    pub fn new(
        content_type: impl Into<String>,
        gzipped: bool,
        bytes: impl Into<Bytes>,
        policy: &'static str,
    ) -> Self {
        let bytes = bytes.into();
        let tag = EntityTag::new_strong(version_of(Sha256::new_with_prefix(&bytes)));
        Self { content_type: content_type.into(), gzipped, bytes, tag, policy }
    }

    /// The file, or 304 for a client that has it.
    pub fn answer(&self, cached: &IfNoneMatch) -> HttpResponse {
        if cached.has(&self.tag) {
            return self.begin(HttpResponse::NotModified()).insert_header(ETag(self.tag.clone())).finish();
        }
        let mut response = self.begin(HttpResponse::Ok());
        response.insert_header(ETag(self.tag.clone()));
        self.finish(response)
    }

    /// The file as the body of 404, which has no version of its own.
    pub fn not_found(&self) -> HttpResponse {
        self.finish(self.begin(HttpResponse::NotFound()))
    }

    fn begin(&self, mut response: HttpResponseBuilder) -> HttpResponseBuilder {
        response
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, self.policy))
            .insert_header((X_FRAME_OPTIONS, "DENY"))
            .insert_header((REFERRER_POLICY, "no-referrer"));
        response
    }

    fn finish(&self, mut response: HttpResponseBuilder) -> HttpResponse {
        if self.gzipped {
            response.insert_header((CONTENT_ENCODING, "gzip"));
        }
        response.content_type(self.content_type.as_str()).body(self.bytes.clone())
    }
}
