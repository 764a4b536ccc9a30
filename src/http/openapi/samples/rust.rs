//! Rust with `ureq` (its feature `json`) and `serde_json`.

use super::literal::Style;
use super::python::variable;
use super::request::Request;

const RUST: Style = Style { indent: "    ", null: "null", yes: "true", no: "false", last: "" };

pub(super) fn write(request: &Request) -> String {
    let variables: String = request
        .variables()
        .iter()
        .map(|name| format!("    let {} = env::var(\"{name}\")?;\n", variable(name)))
        .collect();
    let url = request.url(|name| format!("{{{}}}", variable(name)));
    let mut calls = vec![format!("ureq::{}(format!(\"{url}\"))", request.method.to_lowercase())];
    calls.extend(request.query.iter().map(|(name, value)| format!(".query(\"{name}\", \"{value}\")")));
    if request.needs_key {
        calls.push(".header(\"Authorization\", format!(\"Bearer {key}\"))".to_owned());
    }
    calls.push(match &request.body {
        Some(body) => format!(".send_json(json!({}))?", RUST.write(body, 2)),
        None => ".call()?".to_owned(),
    });
    let (kind, print) = if request.is_answered {
        calls.extend([".body_mut()".to_owned(), ".read_json()?".to_owned()]);
        ("answer: Value", "println!(\"{answer:#}\");")
    } else {
        ("response", "println!(\"{}\", response.status());")
    };
    let imports = match (request.is_answered, request.body.is_some()) {
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
    let {kind} = {calls};
    {print}
    Ok(())
}}
",
        calls = calls.join("\n        "),
    )
}
