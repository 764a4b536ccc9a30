//! Rust with `ureq` (its feature `json`) and `serde_json`.

use super::literal::LiteralStyle;
use super::python::variable;
use super::request::{RequestBody, ResponseBody, SampleRequest};

/// The line width of rustfmt.
const WIDTH: usize = 100;

const RUST: LiteralStyle =
    LiteralStyle { indent: "    ", null: "null", true_: "true", false_: "false", trailing: "" };

pub(super) fn render(request: &SampleRequest) -> String {
    let variables: String = request
        .variables()
        .iter()
        .map(|name| format!("    let {} = env::var(\"{name}\")?;\n", variable(name)))
        .collect();
    let url = request.url(|name| format!("{{{}}}", variable(name)));
    let query = |(name, value): &(_, _)| format!(".query(\"{name}\", \"{value}\")");
    let mut calls: Vec<_> = request.query.iter().map(query).collect();
    if let Some(key) = request.key {
        calls.push(format!(".header(\"Authorization\", format!(\"Bearer {{{}}}\"))", variable(key)));
    }
    let send = match &request.body {
        Some(RequestBody::Json(body)) => format!(".send_json(json!({}))?", RUST.render(body, 2)),
        Some(RequestBody::File { media_type, content }) => {
            calls.push(format!(".content_type(\"{media_type}\")"));
            format!(".send({})?", RUST.render(&content.as_str().into(), 2))
        }
        None if request.method == "POST" => ".send_empty()?".to_owned(),
        None => ".call()?".to_owned(),
    };
    calls.push(send);
    let (kind, print) = match request.response {
        ResponseBody::Json => {
            calls.extend([".body_mut()".to_owned(), ".read_json()?".to_owned()]);
            ("body: Value", "println!(\"{body:#}\");")
        }
        ResponseBody::Text => {
            calls.extend([".body_mut()".to_owned(), ".read_to_string()?".to_owned()]);
            ("body", "println!(\"{body}\");")
        }
        ResponseBody::None => ("response", "println!(\"{}\", response.status());"),
    };
    let method = request.method.to_lowercase();
    let line = format!("    let {kind} = ureq::{method}(format!(\"{url}\"))");
    // Longer lines are wrapped as by rustfmt.
    let (line, indent) = if line.len() > WIDTH {
        (format!("    let {kind} = ureq::{method}(format!(\n        \"{url}\"\n    ))"), "    ")
    } else {
        (line, "        ")
    };
    let calls: String = calls.iter().map(|call| format!("\n{indent}{call}")).collect();
    let sends_json = matches!(request.body, Some(RequestBody::Json(_)));
    let imports = match (request.response == ResponseBody::Json, sends_json) {
        (true, true) => "\nuse serde_json::{Value, json};\n",
        (true, false) => "\nuse serde_json::Value;\n",
        (false, true) => "\nuse serde_json::json;\n",
        (false, false) => "",
    };
    let crates = if imports.is_empty() { "ureq" } else { "serde_json ureq --features ureq/json" };
    format!(
        "\
// cargo add {crates}
use std::env;
{imports}
fn main() -> Result<(), Box<dyn std::error::Error>> {{
{variables}
{line}{calls};
    {print}
    Ok(())
}}
",
    )
}
