//! The request that the samples of an operation send.

use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, Object, SchemaFormat};
use utoipa::openapi::{RefOr, Schema};

use super::variables::{collections, id_variable, of_api};
use crate::domain::api_key::KeyKind;
use crate::http::media_type::JSON;

/// The first example of the operation, with the default values of its parameters.
pub(super) struct SampleRequest {
    pub(super) method: &'static str,
    pub(super) url: Vec<UrlPart>,
    pub(super) query: Vec<(String, String)>,
    /// The environment variable with the key, if one is required.
    pub(super) key: Option<&'static str>,
    pub(super) body: Option<RequestBody>,
    pub(super) response: ResponseBody,
}

/// The body of the request.
pub(super) enum RequestBody {
    Json(Value),
    File { media_type: String, content: String },
}

impl RequestBody {
    pub(super) fn media_type(&self) -> &str {
        match self {
            Self::Json(_) => JSON,
            Self::File { media_type, content: _ } => media_type,
        }
    }
}

/// The body of a successful response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseBody {
    None,
    Json,
    Text,
}

/// A part of a URL.
#[derive(Clone)]
pub(super) enum UrlPart {
    Text(String),
    /// The value of an environment variable.
    Variable(String),
}

impl SampleRequest {
    pub(super) fn of(template: &str, method: &'static str, operation: &Operation, kind: KeyKind) -> Self {
        let (base_url, key) = of_api(kind);
        let parameters = || operation.parameters.iter().flatten().filter_map(parameter);
        let mut url = vec![UrlPart::Variable(base_url.to_owned())];
        for part in template.split_inclusive(['{', '}']) {
            match part.strip_suffix('}') {
                Some(name) => url.extend(parameters().find_map(|(parameter, schema)| {
                    (parameter.name == name && parameter.parameter_in == ParameterIn::Path)
                        .then(|| value(template, name, schema))
                })),
                None => url.push(UrlPart::Text(part.trim_end_matches('{').to_owned())),
            }
        }
        let url = merged(url);
        let query = parameters()
            .filter(|(parameter, _)| parameter.parameter_in == ParameterIn::Query)
            .filter_map(|(parameter, schema)| Some((parameter.name.clone(), text(schema.default.as_ref()?))))
            .collect();
        let successes =
            operation.responses.responses.iter().filter_map(|(status, response)| match response {
                RefOr::T(response) if status.starts_with('2') => Some(response),
                _ => None,
            });
        let media_types: Vec<&String> = successes.flat_map(|response| response.content.keys()).collect();
        let response = if media_types.is_empty() {
            ResponseBody::None
        } else if media_types.iter().any(|media_type| *media_type == JSON) {
            ResponseBody::Json
        } else {
            ResponseBody::Text
        };
        let needs_key = operation.security.as_ref().is_some_and(|keys| !keys.is_empty());
        Self { method, url, query, key: needs_key.then_some(key), body: body(operation), response }
    }

    /// The environment variables that the sample reads: the base URL first, then the key, then ids.
    pub(super) fn variables(&self) -> Vec<&str> {
        let in_url = self.url.iter().filter_map(|part| match part {
            UrlPart::Variable(name) => Some(name.as_str()),
            UrlPart::Text(_) => None,
        });
        let mut variables: Vec<&str> = in_url.collect();
        variables.splice(1..1, self.key);
        variables
    }

    /// The URL; `variable` renders an environment variable in the language of the sample.
    pub(super) fn url(&self, variable: impl Fn(&str) -> String) -> String {
        render_parts(&self.url, variable)
    }

    pub(super) fn url_with_query(&self, variable: impl Fn(&str) -> String) -> String {
        render_parts(&self.parts_with_query(), variable)
    }

    pub(super) fn parts_with_query(&self) -> Vec<UrlPart> {
        let mut parts = self.url.clone();
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !query.is_empty() {
            parts.push(UrlPart::Text(format!("?{}", query.join("&"))));
        }
        merged(parts)
    }
}

/// Merges adjacent text parts.
fn merged(parts: Vec<UrlPart>) -> Vec<UrlPart> {
    parts.into_iter().fold(Vec::new(), |mut merged, part| {
        match (merged.last_mut(), part) {
            (Some(UrlPart::Text(last)), UrlPart::Text(text)) => last.push_str(&text),
            (_, part) => merged.push(part),
        }
        merged
    })
}

fn render_parts(parts: &[UrlPart], variable: impl Fn(&str) -> String) -> String {
    let parts = parts.iter().map(|part| match part {
        UrlPart::Text(text) => text.clone(),
        UrlPart::Variable(name) => variable(name),
    });
    parts.collect()
}

fn parameter(parameter: &RefOr<Parameter>) -> Option<(&Parameter, &Object)> {
    match parameter {
        RefOr::T(parameter) => match &parameter.schema {
            Some(RefOr::T(Schema::Object(schema))) => Some((parameter, schema)),
            _ => None,
        },
        RefOr::Ref(_) => None,
    }
}

/// The value of a path parameter: an environment variable for an id, which differs between servers, else its example.
fn value(template: &str, name: &str, schema: &Object) -> UrlPart {
    match (&schema.format, schema.examples.first()) {
        (Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)), _) | (_, None) => {
            let collection = collections(template).find(|(parameter, _)| *parameter == name);
            UrlPart::Variable(id_variable(collection.map_or(name, |(_, collection)| collection)))
        }
        (_, Some(example)) => UrlPart::Text(text(example)),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The first example of the request body.
fn body(operation: &Operation) -> Option<RequestBody> {
    let Some(RefOr::T(body)) = &operation.request_body else { return None };
    body.content.iter().find_map(|(media_type, content)| {
        let RefOr::T(content) = content else { return None };
        let Some(RefOr::T(example)) = content.examples.values().next() else { return None };
        let value = example.value.clone()?;
        Some(match value.as_str() {
            Some(text) if media_type != JSON => {
                RequestBody::File { media_type: media_type.clone(), content: text.to_owned() }
            }
            _ => RequestBody::Json(value),
        })
    })
}
