//! A static file for browsers: rendered once, with an entity tag and a content security policy.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETag, EntityTag, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::extract::IfNoneMatch;

/// The text of an entity tag.
pub(super) fn digest_tag(hash: Sha256) -> String {
    HEXLOWER.encode(&hash.finalize()[..16])
}

pub struct Asset {
    content_type: String,
    gzipped: bool,
    bytes: Bytes,
    tag: EntityTag,
    content_security_policy: &'static str,
}

impl Asset {
    /// `gzipped` states that the bytes are compressed already.
    pub fn new(
        content_type: impl Into<String>,
        gzipped: bool,
        bytes: impl Into<Bytes>,
        content_security_policy: &'static str,
    ) -> Self {
        let bytes = bytes.into();
        let tag = EntityTag::new_strong(digest_tag(Sha256::new_with_prefix(&bytes)));
        Self { content_type: content_type.into(), gzipped, bytes, tag, content_security_policy }
    }

    /// The file, or 304 if the client has cached it.
    pub fn respond(&self, if_none_match: &IfNoneMatch) -> HttpResponse {
        if if_none_match.has(&self.tag) {
            return self.begin(HttpResponse::NotModified()).insert_header(ETag(self.tag.clone())).finish();
        }
        let mut response = self.begin(HttpResponse::Ok());
        response.insert_header(ETag(self.tag.clone()));
        self.finish(response)
    }

    /// The file as the body of a 404, without an entity tag.
    pub fn not_found(&self) -> HttpResponse {
        self.finish(self.begin(HttpResponse::NotFound()))
    }

    fn begin(&self, mut response: HttpResponseBuilder) -> HttpResponseBuilder {
        response
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, self.content_security_policy))
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
