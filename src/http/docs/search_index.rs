//! The index of the search, which `search.js` loads with the first query: a module with an entry for each section of a
//! guide and for each operation.

use serde_json::{Value, json};

use super::guides::{GUIDES, Guide};
use super::html::{Section, sections};
use super::operation::Operation;

/// A module and not JSON: the policy of the pages lets them load scripts, and nothing else.
pub(super) fn module(operations: &[Operation]) -> String {
    let guides = GUIDES.iter().flat_map(of_guide);
    let entries: Vec<Value> = guides.chain(operations.iter().map(of_operation)).collect();
    format!("export default {};\n", Value::from(entries))
}

fn of_guide(guide: &Guide) -> Vec<Value> {
    let entry = |(index, Section { anchor, heading, text })| match index {
        0 => json!({"href": guide.name, "title": heading, "about": "Guide", "text": text}),
        _ => json!({
            "href": format!("{}#{anchor}", guide.name),
            "title": heading,
            "about": guide.title(),
            "text": text,
        }),
    };
    sections(guide.text).into_iter().enumerate().map(entry).collect()
}

fn of_operation(operation: &Operation) -> Value {
    let Operation { id, title, description, method, path, attributes, errors, .. } = operation;
    let attributes = attributes.iter().map(|attribute| format!("{}: {}", attribute.name, attribute.about));
    let errors = errors.iter().map(|error| error.code.clone());
    // Its name in programs and its address are searched for as well.
    let words = [id.clone(), description.clone()].into_iter().chain(attributes).chain(errors);
    json!({
        "href": id,
        "title": title,
        "about": format!("{method} {path}"),
        "text": words.collect::<Vec<_>>().join(" "),
    })
}
