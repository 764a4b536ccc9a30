//! curl.

use super::literal::JSON;
use super::request::{RequestBody, SampleRequest};

pub(super) fn render(request: &SampleRequest) -> String {
    let mut lines = Vec::new();
    // The defaults of curl.
    let default_method = if request.body.is_some() { "POST" } else { "GET" };
    if request.method != default_method {
        lines.push(format!("--request {}", request.method));
    }
    if let Some(key) = request.key {
        lines.push(format!("--header \"Authorization: Bearer ${key}\""));
    }
    if let Some(body) = &request.body {
        lines.push(format!("--header \"Content-Type: {}\"", body.media_type()));
        let quoted = |text: &str| text.replace('\'', r"'\''");
        lines.push(match body {
            RequestBody::Json(body) => format!("--data '{}'", quoted(&JSON.render(body, 1))),
            // `--data` would remove the line breaks of a file.
            RequestBody::File { content, .. } => format!("--data-binary '{}'", quoted(content)),
        });
    }
    let url = request.url_with_query(|name| format!("${name}"));
    lines.insert(0, format!("curl --fail-with-body \"{url}\""));
    lines.join(" \\\n  ") + "\n"
}
