//! The OpenAPI document: made from the handlers and types that production serves, by a pure function.

mod errors;
pub mod examples;
pub mod fields;
mod info;
pub mod parameters;
mod served;
mod spec;

use std::collections::BTreeMap;

use utoipa::__dev::SchemaReferences;
use utoipa::Path;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Components, OpenApi, OpenApiBuilder, Paths, RefOr, Required, Schema};

use super::dialect::Dialect;
use super::problem::FieldError;
use crate::config::Limits;
use crate::domain::Permission;

pub use served::{JSON_PATH, Served, YAML_PATH, configure};
pub use spec::Spec;

/// The document while operations are added to it.
#[derive(Default)]
pub struct Document {
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Document {
    /// Adds an operation; answers its path template. `access` is the dialect and the permission of a
    /// protected one.
    pub(super) fn add<P: Path + SchemaReferences>(
        &mut self,
        _path: &P,
        access: Option<(&'static Dialect, Permission)>,
        spec: Spec,
    ) -> String {
        let mut operation = P::operation();
        unfold(&mut operation);
        describe_parameters(&mut operation);
        spec.put_examples(&mut operation);
        name_body(&mut operation);
        operation.tags = Some(vec![access.map_or(info::HEALTH, |(dialect, _)| dialect.tag).to_owned()]);
        if let Some((dialect, permission)) = access {
            operation.security = Some(vec![SecurityRequirement::new(info::SCHEME, [permission.as_str()])]);
            let description = operation.description.take().unwrap_or_default();
            operation.description = Some(format!("{description}\n\nRequired permission: `{permission}`."));
            errors::document(&mut operation, dialect, permission, &spec);
        }
        errors::document_headers(&mut operation);
        let template = P::path();
        self.paths.add_path_operation(&template, P::methods(), operation);

        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        self.schemas.extend(schemas);
        template
    }

    /// The whole document. Limits that a setting can turn stand in it as they are set.
    #[must_use]
    pub fn finish(&self, limits: &Limits) -> OpenApi {
        let mut paths = self.paths.clone();
        for item in paths.paths.values_mut() {
            for operation in operations(item) {
                set_page_limits(operation, limits);
            }
        }
        let mut components = Components::new();
        components.schemas.extend(self.schemas.clone());
        components.schemas.extend(errors::schemas());
        components.schemas.insert(fields::META.to_owned(), fields::meta_schema().into());
        components.schemas.insert(
            <FieldError as utoipa::ToSchema>::name().into_owned(),
            <FieldError as utoipa::PartialSchema>::schema(),
        );
        components.add_security_scheme(info::SCHEME, info::security_scheme());
        OpenApiBuilder::new()
            .info(info::info())
            .servers(Some(info::servers()))
            .tags(Some(info::tags()))
            .paths(paths)
            .components(Some(components))
            .build()
    }
}

/// Doc comments are broken into lines for whoever reads the code; a paragraph is one line here.
fn unfold(operation: &mut Operation) {
    if let Some(text) = &mut operation.description {
        let paragraphs: Vec<_> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
}

/// Puts the description of a parameter where readers look for it: schemas that are made by functions
/// have it, parameters do not. For the same reason utoipa does not see that they are required.
fn describe_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Path
        {
            parameter.required = Required::True;
        }
        if let RefOr::T(Parameter { description, schema: Some(RefOr::T(Schema::Object(schema))), .. }) =
            parameter
            && description.is_none()
        {
            *description = schema.description.take();
        }
    }
}

/// Names the argument of methods that OpenAPI Generator makes: it would have the type's name, and
/// read `createContact(createContact)`.
fn name_body(operation: &mut Operation) {
    let creates = operation.operation_id.as_ref().is_some_and(|id| id.starts_with("create"));
    let name = if creates { "contact" } else { "changes" };
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.extensions = Some(Extensions::from_iter([("x-codegen-request-body-name", name)]));
    }
}

fn operations(item: &mut utoipa::openapi::PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// The `limit` of a list, between 1 and what the settings allow.
fn set_page_limits(operation: &mut Operation, limits: &Limits) {
    let parameters = operation.parameters.iter_mut().flatten();
    for parameter in parameters {
        if let RefOr::T(Parameter { name, schema: Some(RefOr::T(Schema::Object(schema))), .. }) = parameter
            && name == "limit"
        {
            schema.maximum = Some(utoipa::Number::from(limits.page_max as usize));
            schema.default = Some(limits.page_default.into());
        }
    }
}
