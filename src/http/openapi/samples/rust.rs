//! Rust with `ureq` (its feature `json`) and `serde_json`.

use super::literal::Style;
use super::python::variable;
use super::request::SampleRequest;

/// The widest line that rustfmt leaves as it is.
const WIDTH: usize = 100;

const RUST: Style = Style { indent: "    ", null: "null", yes: "true", no: "false", last: "" };

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
        Some(body) => format!(".send_json(json!({}))?", RUST.write(body, 2)),
        None => ".call()?".to_owned(),
    });
    let (kind, print) = if request.is_answered {
        calls.extend([".body_mut()".to_owned(), ".read_json()?".to_owned()]);
        ("body: Value", "println!(\"{body:#}\");")
    } else {
        ("response", "println!(\"{}\", response.status());")
    };
    let method = request.method.to_lowercase();
    let line = format!("    let {kind} = ureq::{method}(format!(\"{url}\"))");
    // A line that is too long, and what follows it, as rustfmt writes them.
    let (line, indent) = if line.len() > WIDTH {
        (format!("    let {kind} = ureq::{method}(format!(\n        \"{url}\"\n    ))"), "    ")
    } else {
        (line, "        ")
    };
    let calls: String = calls.iter().map(|call| format!("\n{indent}{call}")).collect();
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
{line}{calls};
    {print}
    Ok(())
}}
",
    )
}
