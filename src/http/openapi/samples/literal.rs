//! JSON values as literals of a language.

use serde_json::Value;

pub(super) struct LiteralStyle {
    pub(super) indent: &'static str,
    pub(super) null: &'static str,
    pub(super) true_: &'static str,
    pub(super) false_: &'static str,
    /// Follows the last item.
    pub(super) trailing: &'static str,
}

pub(super) const JSON: LiteralStyle =
    LiteralStyle { indent: "  ", null: "null", true_: "true", false_: "false", trailing: "" };

impl LiteralStyle {
    /// `level` is the indentation of the line that the literal begins on.
    pub(super) fn render(&self, value: &Value, level: usize) -> String {
        let (open, close, items): (_, _, Vec<String>) = match value {
            Value::Null => return self.null.to_owned(),
            Value::Bool(true) => return self.true_.to_owned(),
            Value::Bool(false) => return self.false_.to_owned(),
            Value::Number(_) | Value::String(_) => return value.to_string(),
            Value::Array(list) => ("[", "]", list.iter().map(|item| self.render(item, level + 1)).collect()),
            Value::Object(map) => (
                "{",
                "}",
                map.iter()
                    .map(|(name, item)| {
                        format!("{}: {}", Value::from(name.as_str()), self.render(item, level + 1))
                    })
                    .collect(),
            ),
        };
        if items.is_empty() {
            return format!("{open}{close}");
        }
        let (inner, outer) = (self.indent.repeat(level + 1), self.indent.repeat(level));
        let separator = format!(",\n{inner}");
        format!("{open}\n{inner}{}{}\n{outer}{close}", items.join(&separator), self.trailing)
    }
}
