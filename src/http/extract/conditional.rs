//! Conditional requests (RFC 9110, section 13): entity tags and what is asked of them.

use std::future::{Ready, ready};

use actix_web::http::header::{self, EntityTag, Header};
use actix_web::{FromRequest, HttpRequest, dev};

use crate::domain::precondition::Precondition;
use crate::http::error::api_error::ApiError;

/// `If-Match`: what must hold for a change to be made.
pub struct IfMatch(pub Precondition);

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        if !request.headers().contains_key(header::IF_MATCH) {
            return ready(Ok(Self(Precondition::None)));
        }
        ready(Ok(Self(match header::IfMatch::parse(request) {
            Ok(header::IfMatch::Any) => Precondition::Exists,
            Ok(header::IfMatch::Items(tags)) => {
                Precondition::OneOf(tags.iter().filter_map(version).collect())
            }
            // Whatever it is, it is no version that a contact could have.
            Err(_) => Precondition::OneOf(Vec::new()),
        })))
    }
}

/// `If-None-Match`: versions that the client has already.
pub struct IfNoneMatch(header::IfNoneMatch);

impl IfNoneMatch {
    /// Whether the client has this version.
    #[must_use]
    pub fn has(&self, tag: &EntityTag) -> bool {
        match &self.0 {
            header::IfNoneMatch::Any => true,
            header::IfNoneMatch::Items(tags) => tags.iter().any(|cached| cached.weak_eq(tag)),
        }
    }
}

impl FromRequest for IfNoneMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let nothing = || header::IfNoneMatch::Items(Vec::new());
        let present = request.headers().contains_key(header::IF_NONE_MATCH);
        let cached = if present {
            header::IfNoneMatch::parse(request).unwrap_or_else(|_| nothing())
        } else {
            nothing()
        };
        ready(Ok(Self(cached)))
    }
}

/// The entity tag of a version: a strong one, since the version grows with every change.
#[must_use]
pub fn entity_tag(version: i64) -> EntityTag {
    EntityTag::new_strong(version.to_string())
}

/// The version whose tag this is, character by character: `"01"` and `"+1"` are tags of no version. A weak one
/// never matches here (section 8.8.3.2).
fn version(tag: &EntityTag) -> Option<i64> {
    tag.tag().parse().ok().filter(|version| entity_tag(*version).strong_eq(tag))
}
