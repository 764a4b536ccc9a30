//! The document of one dialect: its operations and the components that they refer to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::http::dialect::Dialect;

const COMPONENTS: &str = "#/components/";

/// Operations of no dialect (health) are left out.
pub(super) fn only(document: &Value, dialect: &Dialect) -> Value {
    let mut part = document.clone();
    let mut own_tags = BTreeSet::new();
    let mut other_tags = BTreeSet::new();
    let mut operation_ids = BTreeSet::new();
    for (path, item) in members(&document["paths"]) {
        for (_, operation) in members(item) {
            let tags = operation["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            if dialect.serves(path) {
                own_tags.extend(tags);
                operation_ids.extend(operation["operationId"].as_str());
            } else {
                other_tags.extend(tags);
            }
        }
    }
    if let Some(paths) = part["paths"].as_object_mut() {
        paths.retain(|path, _| dialect.serves(path));
        paths.values_mut().for_each(|item| retain_links(item, &operation_ids));
    }
    if let Some(tags) = part["tags"].as_array_mut() {
        // A tag without operations describes the document as a whole.
        let is_other = |name: &str| other_tags.contains(name) && !own_tags.contains(name);
        tags.retain(|tag| !tag["name"].as_str().is_some_and(is_other));
    }
    let used = used_components(&part);
    for (kind, components) in part["components"].as_object_mut().into_iter().flatten() {
        // Security schemes are named by `security`, not by a reference.
        if let (Some(components), true) = (components.as_object_mut(), kind != "securitySchemes") {
            components.retain(|name, _| used.get(kind).is_some_and(|names| names.contains(name)));
        }
    }
    part
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// Removes the links to other operations.
fn retain_links(item: &mut Value, operation_ids: &BTreeSet<&str>) {
    let operations = item.as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in operations {
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for response in responses.into_iter().flat_map(Map::values_mut) {
            let Some(response) = response.as_object_mut() else { continue };
            let Some(links) = response.get_mut("links").and_then(Value::as_object_mut) else { continue };
            links.retain(|_, link| link["operationId"].as_str().is_none_or(|id| operation_ids.contains(id)));
            if links.is_empty() {
                response.remove("links");
            }
        }
    }
}

/// The names, by kind, of the components that the paths of a document refer to, directly or indirectly.
fn used_components(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut pending = vec![&document["paths"]];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(list) => pending.extend(list),
            Value::Object(map) => {
                pending.extend(map.values());
                let reference = map.get("$ref").and_then(Value::as_str);
                let component = reference.and_then(|text| text.strip_prefix(COMPONENTS)?.split_once('/'));
                if let Some((kind, name)) = component
                    && used.entry(kind.to_owned()).or_default().insert(name.to_owned())
                {
                    pending.push(&document["components"][kind][name]);
                }
            }
            _ => {}
        }
    }
    used
}
