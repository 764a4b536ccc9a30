//! Calls of documented operations: parameters and bodies come from the document, permissions and statuses of success
//! from [`crate::operation_table`].

use serde_json::{Map, Value};

use crate::fixtures::Things;
use crate::harness::{Client, Reply};
use crate::operation_table::Operation;

/// An operation of the document, and what it is called with.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    pub method: String,
    pub path: String,
    /// The parameters that it has: name and place.
    pub known: Vec<(String, String)>,
    /// The first of the permissions that each request needs.
    pub permission: Option<String>,
    /// All of them.
    pub always: Vec<String>,
    /// The permissions that some requests need.
    pub conditions: Vec<String>,
    /// The permissions with which the answer shows more.
    pub shows: Vec<String>,
    /// The status with which it succeeds.
    pub success: u16,
    /// The answers that it has.
    pub statuses: Vec<u16>,
    pub parameters: Map<String, Value>,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
}

impl Call {
    /// Every operation of a document, with the first example of its body.
    pub fn all(document: &Value) -> Vec<Self> {
        let mut calls = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let known = operation["parameters"].as_array().into_iter().flatten();
                let examples =
                    operation["requestBody"]["content"]["application/json"]["examples"].as_object();
                let id = text(&operation["operationId"]);
                let row = Operation::named(&id);
                let texts = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
                calls.push(Self {
                    id,
                    method: method.to_uppercase(),
                    path: path.clone(),
                    known: known.map(|known| (text(&known["name"]), text(&known["in"]))).collect(),
                    permission: row.always.first().map(|&name| name.to_owned()),
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
                    body: examples.map(|examples| examples.values().next().unwrap()["value"].to_string()),
                });
            }
        }
        calls
    }

    /// With a value for a parameter that it must have.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        assert!(self.takes(name), "{} has no parameter {name}", self.id);
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// On these things, where it is about such.
    pub fn on(mut self, things: &Things) -> Self {
        let path = self.path.clone();
        for (collection, segment) in path.split('/').zip(path.split('/').skip(1)) {
            if let Some(name) = segment.strip_prefix('{') {
                self = self.with(name.trim_end_matches('}'), things.id(collection));
            }
        }
        self
    }

    /// Whether it makes something of its own, and not something of another thing.
    pub fn creates(&self) -> bool {
        self.id.starts_with("create") && !self.path.contains('{')
    }

    /// So that something is made: an audience is told only, unless it is to be kept.
    pub fn to_make(&self) -> Self {
        let mut body = self.json();
        if body["recipients"].is_array() {
            body["keep"] = true.into();
        }
        if self.body.is_some() { self.with_body(body.to_string()) } else { self.clone() }
    }

    /// Whether it has such a parameter.
    pub fn takes(&self, name: &str) -> bool {
        self.known.iter().any(|(known, _)| known == name)
    }

    /// Its body as JSON.
    pub fn json(&self) -> Value {
        self.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).unwrap())
    }

    pub fn with_body(&self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self.clone() }
    }

    /// The parameter that its path ends with.
    pub fn last_path_parameter(&self) -> Option<&str> {
        self.path.rsplit('/').next()?.strip_prefix('{')?.strip_suffix('}')
    }

    /// The address, with its path and query parameters.
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
            headers.push(("Content-Type", "application/json"));
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

    /// A runtime expression of OpenAPI, after this call was answered.
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
