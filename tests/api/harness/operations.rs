//! Calls of documented operations: parameters and bodies come from the document, permissions and the statuses of success
//! from [`crate::harness::operation_table`].

use serde_json::{Map, Value, json};

use crate::harness::fixtures::Fixtures;
use crate::harness::operation_table::Operation;
use crate::harness::{Client, Reply};

/// An operation of the document, with the arguments of a call.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    pub method: String,
    pub path: String,
    /// Name and location of each parameter.
    pub known: Vec<(String, String)>,
    pub needs_key: bool,
    /// The first of the permissions that every request requires or, if there is none, that some require.
    pub permission: Option<String>,
    /// The permissions that every request requires.
    pub always: Vec<String>,
    /// The permissions that only some requests require.
    pub conditions: Vec<String>,
    /// The permissions with which the response contains more.
    pub shows: Vec<String>,
    /// The status of success.
    pub success: u16,
    /// The documented statuses.
    pub statuses: Vec<u16>,
    pub parameters: Map<String, Value>,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    /// Of the body.
    pub content_type: String,
}

impl Call {
    /// Every operation of a document, with the first example of its body.
    pub fn all(document: &Value) -> Vec<Self> {
        let mut calls = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let known = operation["parameters"].as_array().into_iter().flatten();
                let content = operation["requestBody"]["content"].as_object();
                let with_examples =
                    content.into_iter().flatten().find(|(_, body)| body["examples"].is_object());
                let content_type = with_examples.map(|(name, _)| name.clone()).unwrap_or_default();
                let examples = operation["requestBody"]["content"][&content_type]["examples"].as_object();
                let id = text(&operation["operationId"]);
                let row = Operation::named(&id);
                let texts = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
                calls.push(Self {
                    id,
                    method: method.to_uppercase(),
                    path: path.clone(),
                    known: known.map(|known| (text(&known["name"]), text(&known["in"]))).collect(),
                    needs_key: row.needs_key,
                    permission: row.always.first().or(row.conditions.first()).map(|&name| name.to_owned()),
                    always: texts(row.always),
                    conditions: texts(row.conditions),
                    shows: texts(row.shows),
                    success: row.success,
                    statuses: operation["responses"]
                        .as_object()
                        .unwrap()
                        .keys()
                        .map(|status| status.parse().unwrap())
                        .collect(),
                    parameters: Map::new(),
                    headers: Vec::new(),
                    body: examples.map(|examples| {
                        let value = &examples.values().next().unwrap()["value"];
                        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                    }),
                    content_type,
                });
            }
        }
        calls
    }

    /// Sets a parameter, which the operation must have.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        assert!(self.takes(name), "{} has no parameter {name}", self.id);
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Refers to these fixtures in path and body.
    pub fn on(mut self, fixtures: &Fixtures) -> Self {
        let path = self.path.clone();
        for (collection, segment) in path.split('/').zip(path.split('/').skip(1)) {
            if let Some(name) = segment.strip_prefix('{') {
                self = self.with(name.trim_end_matches('}'), fixtures.id(collection));
            }
        }
        // What is committed is the plan as it is.
        if self.id == "commitImport"
            && let Some(digest) = &fixtures.digest
        {
            self.body = Some(json!({"digest": digest}).to_string());
        }
        self
    }

    /// Whether it creates a top-level resource, not one of a parent.
    pub fn creates(&self) -> bool {
        ["create", "declare"].iter().any(|verb| self.id.starts_with(verb)) && !self.path.contains('{')
    }

    /// Whether it creates and updates many resources: an item that fails is a result.
    pub fn applies_batch(&self) -> bool {
        self.id.starts_with("apply")
    }

    /// The same batch with other items. `username` and `phone_number` get the names of the dialect.
    pub fn with_items(&self, members: &Value, items: &[Value]) -> Self {
        let rename = |text: String| match self.path.starts_with("/v1") {
            true => text,
            false => text.replace("\"username\"", "\"alias\"").replace("\"phone_number\"", "\"msisdn\""),
        };
        let mut body = members.clone();
        body["contacts"] = items.into();
        self.with_body(rename(body.to_string()))
    }

    /// With `keep` where it is optional: without it, an audience is only computed.
    pub fn with_keep(&self) -> Self {
        let mut body = self.json();
        if body["recipients"].is_array() {
            body["keep"] = true.into();
        }
        if self.has_json() { self.with_body(body.to_string()) } else { self.clone() }
    }

    /// Whether it has a parameter with this name.
    pub fn takes(&self, name: &str) -> bool {
        self.known.iter().any(|(known, _)| known == name)
    }

    pub fn has_json(&self) -> bool {
        self.body.is_some() && self.content_type == "application/json"
    }

    /// Null if the body is not JSON.
    pub fn json(&self) -> Value {
        self.body
            .as_deref()
            .filter(|_| self.has_json())
            .map_or(Value::Null, |body| serde_json::from_str(body).unwrap())
    }

    pub fn with_body(&self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self.clone() }
    }

    /// The last parameter in the path.
    pub fn last_path_parameter(&self) -> Option<&str> {
        self.path.rsplit('/').next()?.strip_prefix('{')?.strip_suffix('}')
    }

    /// The request target: path and query.
    pub fn target(&self) -> String {
        let (mut path, mut query) = (self.path.clone(), String::new());
        for (name, value) in &self.parameters {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match self.place(name) {
                "path" => path = path.replace(&format!("{{{name}}}"), &value),
                "query" => query += &format!("{}{name}={value}", if query.is_empty() { '?' } else { '&' }),
                _ => {}
            }
        }
        assert!(!path.contains('{'), "{}: on what?", self.id);
        path + &query
    }

    pub fn send(&self, client: &Client) -> Reply {
        let mut headers: Vec<(&str, &str)> = Vec::new();
        if self.body.is_some() && !self.headers.iter().any(|(name, _)| name == "Content-Type") {
            headers.push(("Content-Type", &self.content_type));
        }
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for (name, value) in &self.parameters {
            if self.place(name) == "header" {
                headers.push((name, value.as_str().unwrap()));
            }
        }
        client.send(
            &self.method,
            &self.target(),
            &headers,
            self.body.as_deref().unwrap_or_default().as_bytes(),
        )
    }

    fn place(&self, name: &str) -> &str {
        &self.known.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// Evaluates a runtime expression of OpenAPI against this call and its response.
    pub fn evaluate(&self, expression: &str, reply: &Reply) -> Value {
        let value = if let Some(pointer) = expression.strip_prefix("$response.body#") {
            reply.json().pointer(pointer).cloned()
        } else if let Some(pointer) = expression.strip_prefix("$request.body#") {
            let body: Value = serde_json::from_str(self.body.as_deref().unwrap()).unwrap();
            body.pointer(pointer).cloned()
        } else if let Some(name) = expression.strip_prefix("$response.header.") {
            Some(reply.header(name).into())
        } else if let Some(name) = expression.strip_prefix("$request.path.") {
            self.parameters.get(name).cloned()
        } else {
            None
        };
        let value = value.unwrap_or_else(|| panic!("{}: {expression} names nothing", self.id));
        assert!(value.as_str() != Some(""), "{}: {expression} is empty", self.id);
        value
    }
}
