//! Describes schemas in prose.

use serde_json::Value;

/// A parameter, or a member of a body.
#[derive(Debug, PartialEq)]
pub(super) struct Attribute {
    pub(super) name: String,
    /// `path`, `query`, `header` or `body`; empty in a response.
    pub(super) location: String,
    /// Its type and limits.
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) about: String,
    pub(super) example: Option<String>,
}

impl Attribute {
    pub(super) fn of_parameter(document: &Value, parameter: &Value) -> Self {
        let about = text(&parameter["description"]);
        let required = parameter["required"] == true;
        let of_schema = Self::read(
            document,
            &parameter["schema"],
            &text(&parameter["name"]),
            &text(&parameter["in"]),
            required,
        );
        let own = Some(&parameter["example"]).filter(|example| !example.is_null());
        Self { about, example: own.map(Value::to_string).or(of_schema.example.clone()), ..of_schema }
    }

    fn read(document: &Value, schema: &Value, name: &str, location: &str, required: bool) -> Self {
        let target = resolve(document, schema);
        let own = |member: &str| if schema[member].is_null() { &target[member] } else { &schema[member] };
        let example = list(own("examples")).first().or(Some(own("example"))).filter(|it| !it.is_null());
        Self {
            name: name.to_owned(),
            location: location.to_owned(),
            kind: kind(document, target),
            required,
            about: text(own("description")),
            example: example.map(Value::to_string),
        }
    }
}

/// The members of an object at any depth, by path: `record.id`, `data[].id`.
pub(super) fn attributes(document: &Value, schema: &Value, location: &str) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    collect(document, schema, "", location, &mut attributes);
    attributes
}

fn collect(document: &Value, schema: &Value, prefix: &str, location: &str, attributes: &mut Vec<Attribute>) {
    let schema = resolve(document, schema);
    for (name, member) in members(&schema["properties"]) {
        let required = list(&schema["required"]).iter().any(|required| required == name);
        let path = format!("{prefix}{name}");
        attributes.push(Attribute::read(document, member, &path, location, required));
        let target = resolve(document, member);
        if target["items"].is_object() {
            collect(document, &target["items"], &format!("{path}[]."), location, attributes);
        } else {
            collect(document, target, &format!("{path}."), location, attributes);
        }
    }
}

/// The target of a reference; any other schema as it is.
pub(super) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    match target.and_then(|pointer| document.pointer(pointer)) {
        Some(target) => resolve(document, target),
        None => schema,
    }
}

/// Type and limits: `string, 1–64 characters`.
fn kind(document: &Value, schema: &Value) -> String {
    let mut parts = vec![types(document, schema)];
    parts.extend(schema["format"].as_str().filter(|format| !format.starts_with("int")).map(str::to_owned));
    parts.extend(range(&schema["minLength"], &schema["maxLength"], " characters"));
    parts.extend(range(&schema["minimum"], &schema["maximum"], ""));
    parts.extend(range(&schema["minProperties"], &schema["maxProperties"], " members"));
    parts.extend(range(&schema["minItems"], &schema["maxItems"], " items"));
    let choices: Vec<_> = list(&schema["enum"]).iter().map(|choice| format!("`{}`", plain(choice))).collect();
    if !choices.is_empty() {
        parts.push(format!("one of {}", choices.join(", ")));
    }
    if !schema["default"].is_null() {
        parts.push(format!("default `{}`", plain(&schema["default"])));
    }
    parts.join(", ")
}

fn types(document: &Value, schema: &Value) -> String {
    let alternatives = ["oneOf", "anyOf"].into_iter().flat_map(|of| list(&schema[of]));
    let of_alternatives = alternatives.map(|alternative| types(document, resolve(document, alternative)));
    let own =
        list(&schema["type"]).iter().chain(schema["type"].is_string().then_some(&schema["type"])).map(text);
    let mut types: Vec<String> = own.chain(of_alternatives).collect();
    types.dedup();
    if types.is_empty() { "any".to_owned() } else { types.join(" or ") }
}

fn range(min: &Value, max: &Value, unit: &str) -> Option<String> {
    match (min.as_u64(), max.as_u64()) {
        (Some(min), Some(max)) => Some(format!("{min}–{max}{unit}")),
        (None, Some(max)) => Some(format!("at most {max}{unit}")),
        (Some(min), None) if min > 0 => Some(format!("at least {min}{unit}")),
        _ => None,
    }
}

/// The required members: `{"error": {"code": string}}`.
pub(super) fn shape(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    if !schema["properties"].is_object() {
        return types(document, schema);
    }
    let required = list(&schema["required"]).iter().filter_map(Value::as_str);
    let members: Vec<_> = required
        .map(|name| format!("\"{name}\": {}", shape(document, &schema["properties"][name])))
        .collect();
    format!("{{{}}}", members.join(", "))
}

/// Empty if the value is not an object.
pub(super) fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Empty if the value is not an array.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Empty if the value is not a string.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
