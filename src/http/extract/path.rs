//! Path segments.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev};
use percent_encoding::percent_decode_str;

use crate::domain::{FieldViolation, Violation};
use crate::http::error::api_error::ApiError;

/// A kind of path segment.
pub trait Segment: Sized + 'static {
    /// Its name in the path template.
    const NAME: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with the text.
    fn parse(text: &str) -> Result<Self, Violation>;
}

/// A segment of the path that was read without a fault.
pub struct Segments<S: Segment>(pub S);

impl<S: Segment> FromRequest for Segments<S> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let raw = request.match_info().get(S::NAME).unwrap_or_default();
        // The router leaves some characters (`%2F`, `%2B`) encoded.
        let read = match percent_decode_str(raw).decode_utf8() {
            Ok(text) => S::parse(&text),
            Err(_) => Err(Violation::ForbiddenCharacter),
        };
        ready(read.map(Self).map_err(|violation| FieldViolation::at(S::NAME, violation).into()))
    }
}
