//! JSON as the literal of a language.

use serde_json::Value;

/// How a language writes what differs.
pub(super) struct Style {
    pub(super) indent: &'static str,
    pub(super) null: &'static str,
    pub(super) yes: &'static str,
    pub(super) no: &'static str,
    /// What stands behind the last member.
    pub(super) last: &'static str,
}

/// As JSON itself.
pub(super) const JSON: Style = Style { indent: "  ", null: "null", yes: "true", no: "false", last: "" };

impl Style {
    /// A value whose first line is written behind so many levels of indentation.
    pub(super) fn write(&self, value: &Value, level: usize) -> String {
        let (open, close, items): (_, _, Vec<String>) = match value {
            Value::Null => return self.null.to_owned(),
            Value::Bool(true) => return self.yes.to_owned(),
            Value::Bool(false) => return self.no.to_owned(),
            Value::Number(_) | Value::String(_) => return value.to_string(),
            Value::Array(list) => ("[", "]", list.iter().map(|item| self.write(item, level + 1)).collect()),
            Value::Object(map) => (
                "{",
                "}",
                map.iter()
                    .map(|(name, item)| {
                        format!("{}: {}", Value::from(name.as_str()), self.write(item, level + 1))
                    })
                    .collect(),
            ),
        };
        if items.is_empty() {
            return format!("{open}{close}");
        }
        let (inner, outer) = (self.indent.repeat(level + 1), self.indent.repeat(level));
        let between = format!(",\n{inner}");
        format!("{open}\n{inner}{}{}\n{outer}{close}", items.join(&between), self.last)
    }
}
