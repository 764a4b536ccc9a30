//! Rust with `ureq` (its feature `json`) and `serde_json`.

use super::literal::LiteralStyle;
use super::python::variable;
use super::request::{ResponseBody, SampleRequest};

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
    if request.needs_key {
        calls.push(".header(\"Authorization\", format!(\"Bearer {key}\"))".to_owned());
    }
    calls.push(match &request.body {
        Some(body) => format!(".send_json(json!({}))?", RUST.render(body, 2)),
        None => ".call()?".to_owned(),
    });
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
    let imports = match (request.response == ResponseBody::Json, request.body.is_some()) {
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
