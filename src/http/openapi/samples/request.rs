//! The request that the samples of an operation send.

use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, Object, SchemaFormat};
use utoipa::openapi::{RefOr, Schema};

use super::variables::{KEY, URL, collections, id_variable};

/// A request: the operation's own example, and what the document gives as defaults.
pub(super) struct SampleRequest {
    pub(super) method: &'static str,
    pub(super) url: Vec<Piece>,
    pub(super) query: Vec<(String, String)>,
    pub(super) needs_key: bool,
    pub(super) body: Option<Value>,
    /// Whether an answer that is no error has a body.
    pub(super) is_answered: bool,
}

/// A piece of an address.
#[derive(Clone)]
pub(super) enum Piece {
    Text(String),
    /// The value of an environment variable.
    Variable(String),
}

impl SampleRequest {
    pub(super) fn of(template: &str, method: &'static str, operation: &Operation) -> Self {
        let parameters = || operation.parameters.iter().flatten().filter_map(parameter);
        let mut url = vec![Piece::Variable(URL.to_owned())];
        for part in template.split_inclusive(['{', '}']) {
            match part.strip_suffix('}') {
                Some(name) => url.extend(parameters().find_map(|(parameter, schema)| {
                    (parameter.name == name && parameter.parameter_in == ParameterIn::Path)
                        .then(|| value(template, name, schema))
                })),
                None => url.push(Piece::Text(part.trim_end_matches('{').to_owned())),
            }
        }
        let url = joined(url);
        let query = parameters()
            .filter(|(parameter, _)| parameter.parameter_in == ParameterIn::Query)
            .filter_map(|(parameter, schema)| Some((parameter.name.clone(), text(schema.default.as_ref()?))))
            .collect();
        let is_answered = operation.responses.responses.iter().any(|(status, response)| {
            status.starts_with('2') && matches!(response, RefOr::T(response) if !response.content.is_empty())
        });
        let needs_key = operation.security.as_ref().is_some_and(|keys| !keys.is_empty());
        Self { method, url, query, needs_key, body: body(operation), is_answered }
    }

    /// The environment variables that it reads.
    pub(super) fn variables(&self) -> Vec<&str> {
        let in_url = self.url.iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        });
        let mut variables: Vec<&str> = in_url.collect();
        // Behind the address, which comes first.
        variables.splice(1..1, self.needs_key.then_some(KEY));
        variables
    }

    /// The address, with variables as a language writes them.
    pub(super) fn url(&self, variable: impl Fn(&str) -> String) -> String {
        written(&self.url, variable)
    }

    /// The same with the query.
    pub(super) fn url_and_query(&self, variable: impl Fn(&str) -> String) -> String {
        written(&self.pieces_and_query(), variable)
    }

    /// The pieces of the address with the query.
    pub(super) fn pieces_and_query(&self) -> Vec<Piece> {
        let mut pieces = self.url.clone();
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !query.is_empty() {
            pieces.push(Piece::Text(format!("?{}", query.join("&"))));
        }
        joined(pieces)
    }
}

/// The same with one piece of text where several stand side by side.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.into_iter().fold(Vec::new(), |mut joined, piece| {
        match (joined.last_mut(), piece) {
            (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
            (_, piece) => joined.push(piece),
        }
        joined
    })
}

fn written(pieces: &[Piece], variable: impl Fn(&str) -> String) -> String {
    let pieces = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Variable(name) => variable(name),
    });
    pieces.collect()
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

/// What stands for a path parameter: an id is made by the server and differs on each, all else is its
/// example.
fn value(template: &str, name: &str, schema: &Object) -> Piece {
    match (&schema.format, schema.examples.first()) {
        (Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)), _) | (_, None) => {
            let collection = collections(template).find(|(parameter, _)| *parameter == name);
            Piece::Variable(id_variable(collection.map_or(name, |(_, collection)| collection)))
        }
        (_, Some(example)) => Piece::Text(text(example)),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The first example of the request body.
fn body(operation: &Operation) -> Option<Value> {
    let Some(RefOr::T(body)) = &operation.request_body else { return None };
    let Some(RefOr::T(content)) = body.content.get("application/json") else { return None };
    match content.examples.values().next() {
        Some(RefOr::T(example)) => example.value.clone(),
        _ => None,
    }
}
