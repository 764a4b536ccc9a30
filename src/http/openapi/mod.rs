//! The OpenAPI document: made from the handlers and types that production serves, by a pure function.

mod dialect;
mod endpoints;
mod errors;
pub mod examples;
pub mod fields;
mod headers;
mod info;
mod links;
mod operation_doc;
pub mod parameters;
pub mod samples;
mod version_3_0;

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::__dev::SchemaReferences;
use utoipa::Path;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Components, HttpMethod, OpenApiBuilder, Paths, RefOr, Required, Schema};

use super::auth::access::Access;
use super::error::api_error::FieldError;
use crate::config::Limits;
use crate::domain::audience::Report;
use crate::domain::group::MAX_SHOWN;
use crate::domain::pagination::MAX_BATCH;
use crate::domain::template::engine::Template;
use crate::domain::violation::MAX_REPORTED_VIOLATIONS;

pub use endpoints::{ADDRESS_BOOK_PATH, JSON_PATH, Served, V1_PATH, VERSION_3_0_PATH, Variant, YAML_PATH};
pub use operation_doc::{OperationDoc, ResourceDoc};

/// The document while operations are added to it.
#[derive(Default)]
pub struct Document {
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Document {
    /// Adds an operation; answers its path template. `access` is what a protected one needs.
    pub(super) fn add<P: Path + SchemaReferences>(
        &mut self,
        _path: &P,
        access: Option<&Access>,
        spec: OperationDoc,
    ) -> String {
        let mut operation = P::operation();
        unfold(&mut operation);
        describe_parameters(&mut operation);
        spec.put_examples(&mut operation);
        name_body(&mut operation, &spec);
        if let (Some(access), Some(summary)) = (access, &mut operation.summary) {
            *summary = access.dialect.summary(summary);
        }
        let tag = spec.resource.and_then(|resource| resource.tag);
        let tag = tag.unwrap_or_else(|| access.map_or(info::HEALTH, |access| access.dialect.tag));
        operation.tags = Some(vec![tag.to_owned()]);
        // None at all says that no key is needed; silence would leave it open.
        operation.security = Some(Vec::new());
        if let Some(access) = access {
            let always = access.always.iter().map(|permission| permission.as_str());
            operation.security = Some(vec![SecurityRequirement::new(info::SCHEME, always)]);
            let description = operation.description.take().unwrap_or_default();
            operation.description = Some(format!("{description}\n\n{}", access.sentences()));
        }
        // What is deleted makes room, which is possible where there is none.
        let frees_room = P::methods() == [HttpMethod::Delete];
        errors::document(&mut operation, access, &spec, frees_room);
        errors::document_headers(&mut operation);
        let template = P::path();
        headers::document(&mut operation, &template, access);
        links::document(&mut operation);
        self.paths.add_path_operation(&template, P::methods(), operation);

        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        self.schemas.extend(schemas);
        self.schemas.extend(spec.schemas);
        template
    }

    /// The whole document, the same text whenever it is made. Limits that a setting can turn stand in it as
    /// they are set.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn finish(self, limits: &Limits) -> serde_json::Result<Value> {
        let Self { mut paths, schemas } = self;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                set_page_limits(operation, limits);
                set_audience_limits(operation, limits);
                samples::document(path, method, operation);
            }
        }
        let mut components = Components::new();
        components.schemas.extend(schemas);
        components.schemas.extend(errors::schemas());
        components.schemas.insert(fields::META.to_owned(), fields::meta_schema().into());
        components.schemas.insert(
            <FieldError as utoipa::ToSchema>::name().into_owned(),
            <FieldError as utoipa::PartialSchema>::schema(),
        );
        bound_lists(&mut components.schemas, limits);
        components.add_security_scheme(info::SCHEME, info::security_scheme());
        let document = OpenApiBuilder::new()
            .info(info::info())
            .servers(Some(info::servers()))
            .tags(Some(info::tags()))
            .paths(paths)
            .components(Some(components))
            .build();
        let mut document = serde_json::to_value(document)?;
        order_conditions(&mut document);
        Ok(document)
    }
}

/// Puts `if` before `then`, behind the other keywords: utoipa writes extensions in the order of a hash map,
/// which is another one in each process.
fn order_conditions(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for keyword in ["if", "then"] {
                if let Some(condition) = members.shift_remove(keyword) {
                    members.insert(keyword.to_owned(), condition);
                }
            }
            members.values_mut().for_each(order_conditions);
        }
        Value::Array(items) => items.iter_mut().for_each(order_conditions),
        _ => {}
    }
}

/// Doc comments are broken into lines for whoever reads the code; a paragraph is one line here.
fn unfold(operation: &mut Operation) {
    if let Some(text) = &mut operation.description {
        let paragraphs: Vec<_> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
}

/// Puts the description and the example of a parameter where readers look for them: schemas that are made
/// by functions have both, parameters do not, and Postman and dredd read `example` at the parameter only.
/// For the same reason utoipa does not see that they are required.
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
        let RefOr::T(parameter) = parameter else { continue };
        if let Some(RefOr::T(Schema::Object(schema))) = &parameter.schema
            && let Some(example) = schema.examples.first().cloned()
        {
            *parameter = ParameterBuilder::from(std::mem::take(parameter)).example(Some(example)).build();
        }
    }
}

/// Names the argument of methods that OpenAPI Generator makes: it would have the type's name, and
/// read `createContact(createContact)`.
fn name_body(operation: &mut Operation, spec: &OperationDoc) {
    let updates = operation.operation_id.as_ref().is_some_and(|id| id.starts_with("update"));
    let argument = spec.resource.map_or("contact", |resource| resource.argument);
    let name = if updates { "changes" } else { argument };
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.extensions = Some(Extensions::from_iter([("x-codegen-request-body-name", name)]));
    }
}

fn operations(item: &mut utoipa::openapi::PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    methods.into_iter().zip(operations).filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
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

/// How many items each list in a response can have. (utoipa takes literals alone, where limits are
/// constants and settings.)
///
/// # Panics
/// There is a list without a limit here: seen by every test that makes the document.
fn bound_lists(schemas: &mut BTreeMap<String, RefOr<Schema>>, limits: &Limits) {
    for (name, schema) in schemas {
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        for (member, property) in &mut object.properties {
            if let RefOr::T(Schema::Array(list)) = property
                && list.max_items.is_none()
            {
                let max = max_items(name, member, limits);
                list.max_items = Some(max.unwrap_or_else(|| panic!("{name}.{member} has no limit")));
            }
        }
    }
}

fn max_items(schema: &str, member: &str, limits: &Limits) -> Option<usize> {
    let is_page = schema.ends_with("List") || schema.ends_with("Page");
    match (schema, member) {
        (_, "data" | "records") if is_page => usize::try_from(limits.page_max).ok(),
        ("Audience", "recipients" | "exclusions") => usize::try_from(limits.audience_answer_limit).ok(),
        ("AddressBookResolveAnswer", "records" | "excluded")
        | ("GroupMembersChanged", "data")
        | ("AddressBookGroupContactsAdded", "results") => Some(MAX_BATCH),
        (_, "problems") => Some(Report::MAX_PROBLEMS),
        (_, "examples") => Some(Report::EXAMPLES),
        (_, "variables") => Some(Template::MAX_VARIABLES),
        (_, "groups") => Some(MAX_SHOWN),
        (_, "details") => Some(MAX_REPORTED_VIOLATIONS),
        _ => None,
    }
}

/// The sizes of audiences that the settings allow, where a description names them.
fn set_audience_limits(operation: &mut Operation, limits: &Limits) {
    let Some(description) = &mut operation.description else { return };
    for (name, limit) in
        [("{answer_limit}", limits.audience_answer_limit), ("{kept_limit}", limits.audience_kept_limit)]
    {
        *description = description.replace(name, &with_separators(limit));
    }
}

/// `250,000`.
fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}
