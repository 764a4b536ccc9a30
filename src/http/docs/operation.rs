//! The content of an operation's page, extracted from the document.

use serde_json::Value;

use super::schema::{self, Attribute};
use crate::http::media_type::JSON;
use crate::http::openapi::samples;

pub(super) struct Operation {
    pub(super) id: String,
    pub(super) tag: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) permissions: Option<Vec<String>>,
    pub(super) has_body: bool,
    pub(super) attributes: Vec<Attribute>,
    pub(super) samples: Vec<Sample>,
    /// Summary and body of each example of the request.
    pub(super) requests: Vec<(String, Value)>,
    /// Responses that are not errors.
    pub(super) responses: Vec<Response>,
    pub(super) errors: Vec<ErrorResponse>,
    pub(super) envelope: Option<String>,
    /// The members of the envelope.
    pub(super) error_attributes: Vec<Attribute>,
    pub(super) related: Vec<RelatedOperation>,
}

pub(super) struct Sample {
    pub(super) lang: String,
    pub(super) label: String,
    pub(super) source: String,
}

/// A response that is not an error.
pub(super) struct Response {
    pub(super) status: String,
    pub(super) about: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) example: Option<Value>,
    /// Media type and example of each format, of a response that is a file.
    pub(super) files: Vec<(String, String)>,
}

/// The target of a link.
pub(super) struct RelatedOperation {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) endpoint: String,
    pub(super) about: String,
}

pub(super) struct ErrorResponse {
    pub(super) status: String,
    pub(super) code: String,
    pub(super) about: String,
    pub(super) example: Value,
}

impl Operation {
    /// Every operation, in the order of the document's tags and paths.
    pub(super) fn all(document: &Value) -> Vec<Self> {
        let tags = schema::list(&document["tags"]);
        let mut operations: Vec<Self> = raw_operations(document)
            .map(|(path, method, operation)| Self::read(document, path, method, operation))
            .collect();
        operations.sort_by_key(|operation| tags.iter().position(|tag| tag["name"] == *operation.tag));
        operations
    }

    fn read(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let body = schema::resolve(document, &operation["requestBody"]);
        let content = &body["content"][JSON];
        let mut attributes: Vec<Attribute> = schema::list(&operation["parameters"])
            .iter()
            .map(|parameter| Attribute::of_parameter(document, schema::resolve(document, parameter)))
            .collect();
        attributes.extend(schema::attributes(document, &content["schema"], "body"));
        let (mut responses, mut errors, mut envelope, mut related) =
            (Vec::new(), Vec::new(), None, Vec::new());
        let mut error_attributes = Vec::new();
        for (status, response) in schema::members(&operation["responses"]) {
            let response = schema::resolve(document, response);
            let content = &response["content"][JSON];
            if status.starts_with('2') {
                related.extend(
                    schema::members(&response["links"])
                        .map(|(_, link)| RelatedOperation::read(document, link)),
                );
            }
            // The 503 of a health check has no envelope: it is not an error response.
            let schema = schema::resolve(document, &content["schema"]);
            if schema["properties"]["error"].is_object() {
                envelope = Some(schema::shape(document, &content["schema"]));
                error_attributes = schema::attributes(document, &content["schema"], "");
                errors.extend(ErrorResponse::of_status(status, response));
            } else {
                responses.push(Response::read(document, status, response));
            }
        }
        let samples = schema::list(&operation[samples::EXTENSION]).iter().map(|sample| Sample {
            lang: schema::text(&sample["lang"]),
            label: schema::text(&sample["label"]),
            source: schema::text(&sample["source"]),
        });
        Self {
            id: schema::text(&operation["operationId"]),
            tag: schema::text(&operation["tags"][0]),
            title: schema::text(&operation["summary"]),
            description: schema::text(&operation["description"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            permissions: schema::members(&operation["security"][0])
                .next()
                .map(|(_, permissions)| schema::list(permissions).iter().map(schema::text).collect()),
            has_body: body.is_object(),
            attributes,
            samples: samples.collect(),
            requests: schema::members(&content["examples"])
                .map(|(_, example)| (schema::text(&example["summary"]), example["value"].clone()))
                .collect(),
            responses,
            errors,
            envelope,
            error_attributes,
            related,
        }
    }

    /// The first sentence of the description.
    pub(super) fn first_sentence(&self) -> &str {
        self.description
            .split_inclusive(". ")
            .next()
            .unwrap_or_default()
            .split("\n\n")
            .next()
            .unwrap_or_default()
            .trim()
    }
}

/// Path, method and object of every operation.
fn raw_operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    schema::members(&document["paths"])
        .flat_map(|(path, item)| schema::members(item).map(move |(method, it)| (path, method, it)))
        .filter(|(_, _, operation)| operation["operationId"].is_string())
}

impl RelatedOperation {
    fn read(document: &Value, link: &Value) -> Self {
        let target =
            raw_operations(document).find(|(_, _, target)| target["operationId"] == link["operationId"]);
        let (path, method, target) = target.unwrap_or(("", "", &Value::Null));
        Self {
            id: schema::text(&link["operationId"]),
            title: schema::text(&target["summary"]),
            endpoint: format!("{} {path}", method.to_uppercase()),
            about: schema::text(&link["description"]),
        }
    }
}

impl ErrorResponse {
    /// Sorted by likelihood, which is the order in the description of the response; its examples are sorted
    /// alphabetically.
    fn of_status(status: &str, response: &Value) -> Vec<Self> {
        let order = schema::text(&response["description"]);
        let examples = schema::members(&response["content"][JSON]["examples"]);
        let mut errors: Vec<_> = examples
            .map(|(code, example)| Self {
                status: status.to_owned(),
                code: code.to_owned(),
                about: schema::text(&example["summary"]),
                example: example["value"].clone(),
            })
            .collect();
        errors.sort_by_key(|error| order.find(&error.about).unwrap_or(order.len()));
        errors
    }
}

impl Response {
    fn read(document: &Value, status: &str, response: &Value) -> Self {
        let content = &response["content"][JSON];
        let headers = schema::members(&response["headers"]).map(|(name, header)| {
            (name.to_owned(), schema::text(&schema::resolve(document, header)["description"]))
        });
        Self {
            status: status.to_owned(),
            about: schema::text(&response["description"]),
            headers: headers.collect(),
            attributes: schema::attributes(document, &content["schema"], ""),
            example: schema::members(&content["examples"])
                .next()
                .map(|(_, example)| example["value"].clone()),
            files: schema::members(&response["content"])
                .filter(|(media_type, _)| *media_type != JSON)
                .map(|(media_type, content)| {
                    let example = schema::members(&content["examples"]).next();
                    let text = example.map(|(_, example)| schema::text(&example["value"]));
                    (media_type.to_owned(), text.unwrap_or_default())
                })
                .collect(),
        }
    }
}
