//! Converts the document to OpenAPI 3.0, for tools that do not support 3.1.
//!
//! Constraints that 3.0 cannot express are dropped: the result permits more than the service, never less.

use serde_json::{Map, Value, json};

const VERSION: &str = "3.0.3";

/// Schema keywords whose values are the same in 3.0 and 3.1.
const UNCHANGED_KEYWORDS: [&str; 22] = [
    "title",
    "description",
    "format",
    "default",
    "enum",
    "required",
    "pattern",
    "minLength",
    "maxLength",
    "multipleOf",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "readOnly",
    "writeOnly",
    "deprecated",
    "discriminator",
    "externalDocs",
];

pub(super) fn down_convert(document: &Value) -> Value {
    let Value::Object(root) = document else { return document.clone() };
    let mut converted = Map::new();
    for (name, value) in root {
        let value = match name.as_str() {
            "openapi" => json!(VERSION),
            "webhooks" | "jsonSchemaDialect" => continue,
            "info" => info(value),
            "components" => components(value, document),
            _ => node(value, document),
        };
        converted.insert(name.clone(), value);
    }
    Value::Object(converted)
}

fn info(info: &Value) -> Value {
    let mut info = info.clone();
    if let Some(info) = info.as_object_mut() {
        info.shift_remove("summary");
        if let Some(license) = info.get_mut("license").and_then(Value::as_object_mut) {
            license.shift_remove("identifier");
        }
    }
    info
}

fn components(components: &Value, document: &Value) -> Value {
    let kinds = components.as_object().into_iter().flatten().filter(|(kind, _)| *kind != "pathItems");
    let converted = kinds.map(|(kind, values)| {
        let values = match kind.as_str() {
            "schemas" => each(values, |value| schema(value, document)),
            _ => node(values, document),
        };
        (kind.clone(), values)
    });
    Value::Object(converted.collect())
}

/// Converts the schemas inside a value that is not a schema.
fn node(value: &Value, document: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|value| node(value, document)).collect(),
        Value::Object(map) => {
            let converted = map.iter().map(|(name, value)| {
                let value = match name.as_str() {
                    "schema" => schema(value, document),
                    // In 3.0, only OAuth and OpenID Connect schemes have scopes. The description also has the
                    // permission.
                    "security" => security(value, document),
                    "example" | "examples" => value.clone(),
                    name if name.starts_with("x-") => value.clone(),
                    _ => node(value, document),
                };
                (name.clone(), value)
            });
            Value::Object(converted.collect())
        }
        _ => value.clone(),
    }
}

fn security(value: &Value, document: &Value) -> Value {
    let has_scopes = |scheme: &str| {
        let kind = &document["components"]["securitySchemes"][scheme]["type"];
        kind == "oauth2" || kind == "openIdConnect"
    };
    let requirements = value.as_array().into_iter().flatten();
    let converted = requirements.map(|requirement| {
        let schemes = requirement.as_object().into_iter().flatten();
        let schemes = schemes
            .map(|(name, scopes)| (name.clone(), if has_scopes(name) { scopes.clone() } else { json!([]) }));
        Value::Object(schemes.collect())
    });
    converted.collect()
}

fn each(map: &Value, convert: impl Fn(&Value) -> Value) -> Value {
    Value::Object(
        map.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), convert(value))).collect(),
    )
}

/// Converts a JSON Schema 2020-12 schema.
fn schema(value: &Value, document: &Value) -> Value {
    let map = match value {
        Value::Bool(true) => return json!({}),
        Value::Object(map) => map,
        _ => return json!({"not": {}}),
    };
    let mut converted = Map::new();
    for (name, value) in map {
        match name.as_str() {
            "type" => convert_type(&mut converted, value),
            "oneOf" | "anyOf" => convert_variants(&mut converted, name, value, document),
            "allOf" => {
                let all = value.as_array().into_iter().flatten().map(|part| schema(part, document));
                add_to_all_of(&mut converted, all);
            }
            "$ref" => add_to_all_of(&mut converted, [json!({"$ref": value})]),
            "not" | "items" => {
                converted.insert(name.clone(), schema(value, document));
            }
            "additionalProperties" => {
                let value = if value.is_boolean() { value.clone() } else { schema(value, document) };
                converted.insert(name.clone(), value);
            }
            "properties" => {
                converted.insert(name.clone(), each(value, |member| schema(member, document)));
            }
            "const" => {
                converted.insert("enum".to_owned(), json!([value]));
            }
            "example" => {
                converted.insert(name.clone(), value.clone());
            }
            "examples" => {
                if let (Some(first), false) = (value.get(0), map.contains_key("example")) {
                    converted.insert("example".to_owned(), first.clone());
                }
            }
            "exclusiveMinimum" | "exclusiveMaximum" => {
                converted.insert(name.replacen("exclusiveM", "m", 1), value.clone());
                converted.insert(name.clone(), json!(true));
            }
            name if UNCHANGED_KEYWORDS.contains(&name) || name.starts_with("x-") => {
                converted.insert(name.to_owned(), value.clone());
            }
            _ => {}
        }
    }
    // `nullable` has no effect without `type`.
    if converted.contains_key("nullable")
        && !converted.contains_key("type")
        && let Some(kind) = type_of(map, document)
    {
        converted.insert("type".to_owned(), kind);
    }
    // A single reference needs no `allOf`. (3.0 ignores the siblings of a reference, hence `allOf` otherwise.)
    if let (1, Some(Value::Array(all))) = (converted.len(), converted.get("allOf"))
        && let [only] = &all[..]
        && only.get("$ref").is_some()
    {
        return only.clone();
    }
    Value::Object(converted)
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
}

fn set_nullable(schema: &mut Map<String, Value>) {
    schema.insert("nullable".to_owned(), json!(true));
}

fn add_to_all_of(schema: &mut Map<String, Value>, parts: impl IntoIterator<Item = Value>) {
    let all = schema.entry("allOf").or_insert_with(|| json!([]));
    if let Value::Array(all) = all {
        all.extend(parts);
    }
}

/// `null` becomes `nullable`. Several other types are dropped: 3.0 allows one.
fn convert_type(schema: &mut Map<String, Value>, value: &Value) {
    let types: Vec<&Value> = match value {
        Value::Array(types) => types.iter().collect(),
        one => vec![one],
    };
    if types.contains(&&json!("null")) {
        set_nullable(schema);
    }
    let others: Vec<_> = types.into_iter().filter(|one| *one != "null").collect();
    match others[..] {
        [one] => {
            schema.insert("type".to_owned(), one.clone());
        }
        [] => {
            schema.insert("enum".to_owned(), json!([null]));
        }
        _ => {}
    }
}

/// A `null` variant becomes `nullable`.
fn convert_variants(schema_map: &mut Map<String, Value>, keyword: &str, value: &Value, document: &Value) {
    let variants: Vec<&Value> = value.as_array().into_iter().flatten().collect();
    let others: Vec<&Value> = variants.iter().copied().filter(|variant| !is_null(variant)).collect();
    if others.len() == variants.len() {
        schema_map.insert(keyword.to_owned(), others.iter().map(|one| schema(one, document)).collect());
        return;
    }
    set_nullable(schema_map);
    match others[..] {
        [one] => {
            // The target itself: `nullable` beside a reference does not allow null, since the target does not.
            if let Some(about) = one.get("description") {
                schema_map.entry("description").or_insert_with(|| about.clone());
            }
            let target =
                one["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
            if let Value::Object(one) = schema(target.unwrap_or(one), document) {
                // Keywords of the surrounding schema take precedence.
                for (name, value) in one {
                    schema_map.entry(name).or_insert(value);
                }
            }
        }
        _ => {
            schema_map.insert(keyword.to_owned(), others.iter().map(|one| schema(one, document)).collect());
        }
    }
}

/// The type of a schema apart from null, if all its variants have the same one.
fn type_of(schema: &Map<String, Value>, document: &Value) -> Option<Value> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return type_of(document.pointer(name.strip_prefix('#')?)?.as_object()?, document);
    }
    if let Some(kind) = schema.get("type") {
        return kind.is_string().then(|| kind.clone());
    }
    let variants =
        ["oneOf", "anyOf", "allOf"].into_iter().find_map(|keyword| schema.get(keyword)?.as_array())?;
    let mut types = variants
        .iter()
        .filter(|variant| !is_null(variant))
        .map(|variant| type_of(variant.as_object()?, document));
    let first = types.next()??;
    types.all(|kind| kind.as_ref() == Some(&first)).then_some(first)
}
