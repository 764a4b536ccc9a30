//! Calls of documented operations, put together from the document.

use serde_json::{Map, Value};

use crate::harness::{Client, Reply};

/// An operation of the document, and what it is called with.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    pub method: String,
    pub path: String,
    /// The parameters that it has: name and place.
    pub known: Vec<(String, String)>,
    pub permission: Option<String>,
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
                let permission = &operation["security"][0]["ApiKey"][0];
                calls.push(Self {
                    id: text(&operation["operationId"]),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    known: known.map(|known| (text(&known["name"]), text(&known["in"]))).collect(),
                    permission: permission.as_str().map(str::to_owned),
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
        assert!(self.known.iter().any(|(known, _)| known == name), "{} has no parameter {name}", self.id);
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// On this contact, where it is about one.
    pub fn about(self, contact: &str) -> Self {
        match self.path_parameter() {
            Some(name) => self.with(&name, contact),
            None => self,
        }
    }

    pub fn with_body(&self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self.clone() }
    }

    /// The name of the parameter in its path.
    pub fn path_parameter(&self) -> Option<String> {
        self.known.iter().find(|(_, place)| place == "path").map(|(name, _)| name.clone())
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
        assert!(!path.contains('{'), "{} is about a contact", self.id);
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
