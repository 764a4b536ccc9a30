//! What the route table adds to the documentation of a handler.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Content, Header, Ref, RefOr, Response};

use crate::domain::{ErrorCode, FieldViolation};
use crate::http::dialect::{NamedSchema, schemas_of};
use crate::http::media_type::JSON;

/// Examples, and the errors that depend on what the operation does. Errors that depend on its shape (a body, a parameter, a
/// key) are derived.
#[derive(Default)]
pub struct OperationDoc {
    request_examples: Vec<(&'static str, &'static str, Value)>,
    file_example: Option<&'static str>,
    response_examples: Vec<(u16, Value)>,
    responses: Vec<(u16, Response)>,
    pub(super) errors: Vec<ErrorCode>,
    pub(super) violations: Vec<FieldViolation>,
    /// The body argument of generated client methods, if it is not that of the resource.
    pub(super) argument: Option<&'static str>,
    /// `None` for public operations.
    pub(super) resource: Option<&'static ResourceDoc>,
    /// Schemas that those of the operation refer to by name only.
    pub(super) schemas: Vec<NamedSchema>,
    pub(super) frees_storage: bool,
    pub(super) replays_results: bool,
}

/// How the document names the kind of resource of an operation.
#[derive(Debug)]
pub struct ResourceDoc {
    /// The default tag of the dialect if `None`.
    pub tag: Option<&'static str>,
    /// In a sentence: `group`.
    pub noun: &'static str,
    /// The body argument of generated client methods: `group`.
    pub argument: &'static str,
    /// Whether responses with the resource have an entity tag.
    pub versioned: bool,
}

impl OperationDoc {
    /// An operation on a kind of resource.
    #[must_use]
    pub fn of(resource: &'static ResourceDoc) -> Self {
        Self { resource: Some(resource), ..Self::default() }
    }

    /// A response with a `T`, and an example of it.
    #[must_use]
    pub fn responds<T: ToSchema>(
        mut self,
        status: u16,
        about: impl Into<String>,
        body: impl Serialize,
    ) -> Self {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).build();
        let response = ResponseBuilder::new().description(about).content(JSON, content).build();
        self.response_examples.push((status, example(body)));
        self.schemas.extend(schemas_of::<T>());
        self.responses.push((status, response));
        self
    }

    /// An example of a request body that is a file.
    #[must_use]
    pub fn file_example(self, example: &'static str) -> Self {
        Self { file_example: Some(example), ..self }
    }

    /// Another body argument of generated client methods than that of the resource.
    #[must_use]
    pub fn argument(self, argument: &'static str) -> Self {
        Self { argument: Some(argument), ..self }
    }

    /// A response without a body.
    #[must_use]
    pub fn responds_empty(mut self, status: u16, about: impl Into<String>) -> Self {
        self.responses.push((status, ResponseBuilder::new().description(about).build()));
        self
    }

    /// A response with a file, in each of these media types, with an example in each. (All of them are strings, as client
    /// generators make a union of the types of a response; but what is JSON is none, and has no schema.)
    #[must_use]
    pub fn responds_with_file(
        mut self,
        status: u16,
        about: impl Into<String>,
        files: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let about = about.into();
        let mut response = ResponseBuilder::new().description(&about);
        for (media_type, file) in files {
            let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build();
            let schema = (!media_type.ends_with("+json")).then_some(text);
            let mut content = ContentBuilder::new().schema(schema).build();
            add_example(&mut content, "example", &about, file.into());
            response = response.content(media_type, content);
        }
        self.responses.push((status, response.build()));
        self
    }

    /// A header of a response; replaces one with the same name.
    ///
    /// # Panics
    /// There is no such response: every test that builds the document fails.
    #[must_use]
    pub fn header(mut self, status: u16, name: &str, about: impl Into<String>) -> Self {
        self.response_mut(status).headers.insert(name.to_owned(), text_header(about, None).into());
        self
    }

    /// Replaces the description of a response.
    ///
    /// # Panics
    /// As [`Self::header`].
    #[must_use]
    pub fn describe(mut self, status: u16, about: &str) -> Self {
        about.clone_into(&mut self.response_mut(status).description);
        self
    }

    fn response_mut(&mut self, status: u16) -> &mut Response {
        let response = self.responses.iter_mut().find(|(own, _)| *own == status);
        let (_, response) = response.unwrap_or_else(|| panic!("no response with {status}"));
        response
    }

    /// An example of the request body.
    #[must_use]
    pub fn request_example(
        mut self,
        name: &'static str,
        summary: &'static str,
        body: impl Serialize,
    ) -> Self {
        self.request_examples.push((name, summary, example(body)));
        self
    }

    /// Errors that are not derived from the shape of the operation.
    #[must_use]
    pub fn errors(mut self, errors: &[ErrorCode]) -> Self {
        self.errors.extend(errors);
        self
    }

    /// Another kind of resource in the common errors than in the responses.
    #[must_use]
    pub fn resource(mut self, resource: &'static ResourceDoc) -> Self {
        self.resource = Some(resource);
        self
    }

    /// A schema that those of the operation refer to by name only.
    #[must_use]
    pub fn refers_to<T: ToSchema>(mut self) -> Self {
        self.schemas.extend(schemas_of::<T>());
        self
    }

    /// An operation that only deletes: it succeeds even if the disk is full.
    #[must_use]
    pub fn frees_storage(self) -> Self {
        Self { frees_storage: true, ..self }
    }

    /// A repeated request gets the results of the first, also when what that created is gone.
    #[must_use]
    pub fn replays_results(self) -> Self {
        Self { replays_results: true, ..self }
    }

    /// A violation in the example of the 400 response.
    #[must_use]
    pub fn example_violation(mut self, violation: FieldViolation) -> Self {
        self.violations.push(violation);
        self
    }

    pub(super) fn add_responses(&self, operation: &mut Operation) {
        let responses = self.responses.iter().cloned();
        let responses = responses.map(|(status, response)| (status.to_string(), response.into()));
        operation.responses.responses.extend(responses);
    }

    pub(super) fn add_examples(&self, operation: &mut Operation) {
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            for content in body.content.values_mut().filter_map(inline) {
                for (name, summary, value) in &self.request_examples {
                    add_example(content, name, summary, value.clone());
                }
                if let Some(example) = self.file_example {
                    add_example(content, "file", "A file", example.into());
                }
            }
        }
        for (status, value) in &self.response_examples {
            if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(&status.to_string())
                && let Some(content) = response.content.get_mut(JSON).and_then(inline)
            {
                add_example(content, "example", &response.description, value.clone());
            }
        }
    }
}

/// A file, for which Swagger UI shows a button.
pub(super) fn file_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .build()
}

pub(super) fn text_header(about: impl Into<String>, max: Option<usize>) -> Header {
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).max_length(max).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
}

fn inline(content: &mut RefOr<Content>) -> Option<&mut Content> {
    if let RefOr::T(content) = content { Some(content) } else { None }
}

pub(super) fn add_example(content: &mut Content, name: &str, summary: &str, value: Value) {
    let example = ExampleBuilder::new().summary(summary).value(Some(value)).build();
    content.examples.insert(name.to_owned(), example.into());
}

/// # Panics
/// The example cannot be serialised: every test that builds the document fails.
fn example(body: impl Serialize) -> Value {
    serde_json::to_value(body).expect("an example is JSON")
}
