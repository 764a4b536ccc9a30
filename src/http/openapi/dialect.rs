//! The document of one dialect: its operations, and of the rest what they refer to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::http::dialect::Dialect;

/// What a reference to a component begins with.
const COMPONENTS: &str = "#/components/";

/// The part of a document that is about one dialect. What is about none of them (health) is left out.
pub(super) fn only(document: &Value, dialect: &'static Dialect) -> Value {
    let mut part = document.clone();
    let is_of_it = |path: &str| Dialect::at(path).is_some_and(|found| std::ptr::eq(found, dialect));
    let mut own_tags = BTreeSet::new();
    let mut other_tags = BTreeSet::new();
    let mut operation_ids = BTreeSet::new();
    for (path, item) in members(&document["paths"]) {
        for (_, operation) in members(item) {
            let tags = operation["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            if is_of_it(path) {
                own_tags.extend(tags);
                operation_ids.extend(operation["operationId"].as_str());
            } else {
                other_tags.extend(tags);
            }
        }
    }
    if let Some(paths) = part["paths"].as_object_mut() {
        paths.retain(|path, _| is_of_it(path));
        paths.values_mut().for_each(|item| retain_links(item, &operation_ids));
    }
    if let Some(tags) = part["tags"].as_array_mut() {
        // A tag of no operation at all speaks of the whole.
        let is_other = |name: &str| other_tags.contains(name) && !own_tags.contains(name);
        tags.retain(|tag| !tag["name"].as_str().is_some_and(is_other));
    }
    let used = used_components(&part);
    for (kind, components) in part["components"].as_object_mut().into_iter().flatten() {
        // A security scheme is named by `security`, not by a reference.
        if let (Some(components), true) = (components.as_object_mut(), kind != "securitySchemes") {
            components.retain(|name, _| used.get(kind).is_some_and(|names| names.contains(name)));
        }
    }
    part
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// Takes out the links to operations that are not there.
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

/// The components that the paths of a document refer to, and those that these refer to: names by kind.
fn used_components(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unread = vec![&document["paths"]];
    while let Some(value) = unread.pop() {
        match value {
            Value::Array(list) => unread.extend(list),
            Value::Object(map) => {
                unread.extend(map.values());
                let reference = map.get("$ref").and_then(Value::as_str);
                let component = reference.and_then(|text| text.strip_prefix(COMPONENTS)?.split_once('/'));
                if let Some((kind, name)) = component
                    && used.entry(kind.to_owned()).or_default().insert(name.to_owned())
                {
                    unread.push(&document["components"][kind][name]);
                }
            }
            _ => {}
        }
    }
    used
}
