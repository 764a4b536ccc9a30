//! Conditional requests (RFC 9110, section 13): entity tags and preconditions.

use std::future::{Ready, ready};

use actix_web::http::header::{self, EntityTag, Header, HeaderValue};
use actix_web::{FromRequest, HttpRequest, dev};

use crate::domain::precondition::Precondition;
use crate::http::error::api_error::ApiError;

/// `If-Match`: the precondition of a change.
pub struct IfMatch(pub Precondition);

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self(precondition(request.headers().get_all(header::IF_MATCH)))))
    }
}

impl IfMatch {
    /// From the text of the header.
    #[must_use]
    pub fn parse(text: &str) -> Precondition {
        match HeaderValue::from_str(text) {
            Ok(value) => precondition([&value].into_iter()),
            Err(_) => Precondition::OneOf(Vec::new()),
        }
    }
}

fn precondition<'v>(values: impl Iterator<Item = &'v HeaderValue> + 'v) -> Precondition {
    let mut values = values.peekable();
    match values.peek() {
        None => return Precondition::None,
        Some(first) if first.as_bytes().trim_ascii() == b"*" => return Precondition::Exists,
        Some(_) => {}
    }
    // A malformed tag matches no version.
    let tags: Vec<EntityTag> = header::from_comma_delimited(values).unwrap_or_default();
    Precondition::OneOf(tags.iter().filter_map(version).collect())
}

/// `If-None-Match`: the versions that the client has cached.
pub struct IfNoneMatch(header::IfNoneMatch);

impl IfNoneMatch {
    /// Whether the client has cached this version.
    #[must_use]
    pub fn has(&self, tag: &EntityTag) -> bool {
        match &self.0 {
            header::IfNoneMatch::Any => true,
            header::IfNoneMatch::Items(tags) => tags.iter().any(|own| own.weak_eq(tag)),
        }
    }
}

impl FromRequest for IfNoneMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let none = || header::IfNoneMatch::Items(Vec::new());
        let present = request.headers().contains_key(header::IF_NONE_MATCH);
        let tags =
            if present { header::IfNoneMatch::parse(request).unwrap_or_else(|_| none()) } else { none() };
        ready(Ok(Self(tags)))
    }
}

/// A strong entity tag: every change increments the version.
#[must_use]
pub fn entity_tag(version: i64) -> EntityTag {
    EntityTag::new_strong(version.to_string())
}

/// The version of a tag. The tag must be exactly as [`entity_tag`] writes it: `"01"` and `"+1"` match no version, nor does
/// a weak tag (section 8.8.3.2).
fn version(tag: &EntityTag) -> Option<i64> {
    tag.tag().parse().ok().filter(|version| entity_tag(*version).strong_eq(tag))
}
