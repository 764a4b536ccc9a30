//! Path parameters.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev};
use percent_encoding::percent_decode_str;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Object;

use crate::domain::{FieldViolation, Violation};
use crate::http::error::api_error::ApiError;

/// A value that path parameters can have.
pub trait PathValue: Sized + 'static {
    /// The name in the path template.
    const NAME: &'static str;

    /// # Errors
    /// The text is not such a value.
    fn parse(text: &str) -> Result<Self, Violation>;

    /// For the OpenAPI document.
    fn schema() -> Object;
}

/// The path parameter named [`PathValue::NAME`].
pub struct PathParam<T>(pub T);

impl<T: PathValue> FromRequest for PathParam<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let raw = request.match_info().get(T::NAME).unwrap_or_default();
        // The router leaves some characters (`%2F`, `%2B`) encoded.
        let value = match percent_decode_str(raw).decode_utf8() {
            Ok(text) => T::parse(&text),
            Err(_) => Err(Violation::ForbiddenCharacter),
        };
        ready(value.map(Self).map_err(|violation| FieldViolation::at(T::NAME, violation).into()))
    }
}

impl<T: PathValue> PathParam<T> {
    #[must_use]
    pub fn document() -> Parameter {
        let parameter = ParameterBuilder::new().name(T::NAME).parameter_in(ParameterIn::Path);
        parameter.required(Required::True).schema(Some(T::schema())).build()
    }
}
