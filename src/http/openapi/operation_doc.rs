//! What the table of routes says of an operation beside its handler.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, RefOr};

use crate::domain::{ErrorCode, FieldViolation};
use crate::http::dialect::{NamedSchema, schemas_of};
use crate::http::media_type::JSON;

/// Examples, and the errors that follow from what the operation does. Those that follow from its
/// shape (a body, a parameter, a key) are added by themselves.
#[derive(Default)]
pub struct OperationDoc {
    requests: Vec<(&'static str, &'static str, Value)>,
    answers: Vec<(u16, Value)>,
    pub(super) errors: Vec<ErrorCode>,
    pub(super) violations: Vec<FieldViolation>,
    /// What the operation is about; a contact where nothing is said.
    pub(super) resource: Option<&'static ResourceDoc>,
    /// Schemas that the operation's own refer to by their names alone.
    pub(super) schemas: Vec<NamedSchema>,
}

/// A kind of thing that operations are about, as the document speaks of it.
#[derive(Debug)]
pub struct ResourceDoc {
    /// The tag of its operations; `None` for the dialect's own.
    pub tag: Option<&'static str>,
    /// What it is called in a sentence: `group`.
    pub noun: &'static str,
    /// What generated methods call the argument with the body: `group`.
    pub argument: &'static str,
}

impl OperationDoc {
    /// An operation that answers with a status and such a body.
    #[must_use]
    pub fn responding(status: u16, body: impl Serialize) -> Self {
        Self::default().and(status, body)
    }

    /// An operation whose answer has no body.
    #[must_use]
    pub fn no_content() -> Self {
        Self::default()
    }

    /// Another answer.
    #[must_use]
    pub fn and(mut self, status: u16, body: impl Serialize) -> Self {
        self.answers.push((status, example(body)));
        self
    }

    /// An example of the request body: a name, a line about it, and the body.
    #[must_use]
    pub fn request(mut self, name: &'static str, about: &'static str, body: impl Serialize) -> Self {
        self.requests.push((name, about, example(body)));
        self
    }

    /// Errors beside those that follow from the operation's shape.
    #[must_use]
    pub fn fails(mut self, errors: &[ErrorCode]) -> Self {
        self.errors.extend(errors);
        self
    }

    /// What the operation is about, if it is not a contact.
    #[must_use]
    pub fn about(mut self, resource: &'static ResourceDoc) -> Self {
        self.resource = Some(resource);
        self
    }

    /// A schema to which one of the operation's own refers by its name alone.
    #[must_use]
    pub fn refers_to<T: ToSchema>(mut self) -> Self {
        self.schemas.extend(schemas_of::<T>());
        self
    }

    /// What the example of a 400 says.
    #[must_use]
    pub fn violation(mut self, violation: FieldViolation) -> Self {
        self.violations.push(violation);
        self
    }

    pub(super) fn put_examples(&self, operation: &mut Operation) {
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            for content in body.content.values_mut().filter_map(inline) {
                for (name, about, value) in &self.requests {
                    put(content, name, about, value.clone());
                }
            }
        }
        for (status, value) in &self.answers {
            if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(&status.to_string())
                && let Some(content) = response.content.get_mut(JSON).and_then(inline)
            {
                put(content, "example", &response.description, value.clone());
            }
        }
    }
}

fn inline(content: &mut RefOr<Content>) -> Option<&mut Content> {
    if let RefOr::T(content) = content { Some(content) } else { None }
}

pub(super) fn put(content: &mut Content, name: &str, about: &str, value: Value) {
    let example = ExampleBuilder::new().summary(about).value(Some(value)).build();
    content.examples.insert(name.to_owned(), example.into());
}

/// # Panics
/// The example cannot be written as JSON: seen by every test that makes the document.
fn example(body: impl Serialize) -> Value {
    serde_json::to_value(body).expect("an example is JSON")
}
