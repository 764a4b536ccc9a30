//! Python with `requests`.

use super::literal::LiteralStyle;
use super::request::{ResponseBody, SampleRequest};

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
    if request.needs_key {
        arguments.push("headers={\"Authorization\": f\"Bearer {key}\"}".to_owned());
    }
    if let Some(body) = &request.body {
        arguments.push(format!("json={}", PYTHON.render(body, 1)));
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
