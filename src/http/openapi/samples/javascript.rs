//! JavaScript with `fetch`, as it is in Node.js 18 and later.

use super::literal::JSON;
use super::request::{RequestBody, ResponseBody, SampleRequest};

pub(super) fn render(request: &SampleRequest) -> String {
    let url = request.url_with_query(|name| format!("${{{name}}}"));
    let mut options = Vec::new();
    if request.method != "GET" {
        options.push(format!("method: \"{}\",", request.method));
    }
    let mut headers = Vec::new();
    if let Some(key) = request.key {
        headers.push(format!("Authorization: `Bearer ${{{key}}}`,"));
    }
    if let Some(body) = &request.body {
        headers.push(format!("\"Content-Type\": \"{}\",", body.media_type()));
    }
    if !headers.is_empty() {
        options.push(format!("headers: {{\n    {}\n  }},", headers.join("\n    ")));
    }
    match &request.body {
        Some(RequestBody::Json(body)) => {
            options.push(format!("body: JSON.stringify({}),", JSON.render(body, 1)));
        }
        Some(RequestBody::File { content, .. }) => {
            options.push(format!("body: {},", JSON.render(&content.as_str().into(), 1)));
        }
        None => {}
    }
    let options =
        if options.is_empty() { String::new() } else { format!(", {{\n  {}\n}}", options.join("\n  ")) };
    let output = match request.response {
        ResponseBody::Json => "await response.json()",
        ResponseBody::Text => "await response.text()",
        ResponseBody::None => "response.status",
    };
    format!(
        "\
const {{ {variables} }} = process.env;

const response = await fetch(`{url}`{options});
if (!response.ok) {{
  throw new Error(`${{response.status}}: ${{await response.text()}}`);
}}
console.log({output});
",
        variables = request.variables().join(", "),
    )
}
