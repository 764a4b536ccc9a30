//! Python with `requests`.

use super::literal::LiteralStyle;
use super::request::{RequestBody, ResponseBody, SampleRequest};

const PYTHON: LiteralStyle =
    LiteralStyle { indent: "    ", null: "None", true_: "True", false_: "False", trailing: "," };

pub(super) fn render(request: &SampleRequest) -> String {
    let variables: String = request
        .variables()
        .iter()
        .map(|name| format!("{} = os.environ[\"{name}\"]\n", variable(name)))
        .collect();
    let mut arguments = vec![format!("f\"{}\"", request.url(|name| format!("{{{}}}", variable(name))))];
    if !request.query.is_empty() {
        let query = request.query.iter().map(|(name, value)| format!("\"{name}\": \"{value}\""));
        arguments.push(format!("params={{{}}}", query.collect::<Vec<_>>().join(", ")));
    }
    let mut headers = Vec::new();
    if let Some(key) = request.key {
        headers.push(format!("\"Authorization\": f\"Bearer {{{}}}\"", variable(key)));
    }
    // `requests` sets the header itself for JSON.
    if let Some(RequestBody::File { media_type, .. }) = &request.body {
        headers.push(format!("\"Content-Type\": \"{media_type}\""));
    }
    if !headers.is_empty() {
        arguments.push(format!("headers={{{}}}", headers.join(", ")));
    }
    match &request.body {
        Some(RequestBody::Json(body)) => arguments.push(format!("json={}", PYTHON.render(body, 1))),
        Some(RequestBody::File { content, .. }) => {
            arguments.push(format!("data={}", PYTHON.render(&content.as_str().into(), 1)));
        }
        None => {}
    }
    arguments.push("timeout=10".to_owned());
    format!(
        "\
# pip install requests
import os

import requests

{variables}
response = requests.{method}(
    {arguments},
)
response.raise_for_status()
print({output})
",
        method = request.method.to_lowercase(),
        arguments = arguments.join(",\n    "),
        output = match request.response {
            ResponseBody::Json => "response.json()",
            ResponseBody::Text => "response.text",
            ResponseBody::None => "response.status_code",
        },
    )
}

/// `CONTACT_ID` is `contact_id`.
pub(super) fn variable(name: &str) -> String {
    name.to_lowercase()
}
