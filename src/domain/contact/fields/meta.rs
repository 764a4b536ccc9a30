//! A contact's custom data: a JSON object within limits, the values of template variables.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::domain::violation::Violation;

/// A validated JSON object, held as JSON text: usually it is only copied between database and response, without
/// parsing.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(transparent)]
pub struct Meta(Box<RawValue>);

/// A change of `meta`.
#[derive(Clone, Debug)]
pub enum MetaPatch {
    /// Removes all members.
    Clear,
    /// A JSON merge patch (RFC 7396).
    Merge(Map<String, Value>),
    /// Sets members as they are, without merging; removes those without a value.
    Set(Vec<(String, Option<Value>)>),
}

impl MetaPatch {
    /// Checks the limits that hold for the patch alone; [`Meta::patched`] checks the result.
    pub fn parse(map: Map<String, Value>) -> Result<Self, Violation> {
        check_top(&map)?;
        Ok(Self::Merge(map))
    }
}

impl Meta {
    /// At the top level.
    pub const MAX_KEYS: usize = 50;
    /// At the top level.
    pub const MAX_KEY_CHARS: usize = 64;
    /// The object itself is level 1.
    pub const MAX_DEPTH: usize = 5;
    /// Of the JSON text.
    pub const MAX_BYTES: usize = 16 * 1024;

    pub fn parse(map: &Map<String, Value>) -> Result<Self, Violation> {
        check_top(map)?;
        let json = serde_json::value::to_raw_value(map)
            .map_err(|_| Violation::WrongType { expected: "an object".into() })?;
        if json.get().len() > Self::MAX_BYTES {
            return Err(Violation::TooLarge { max: Self::MAX_BYTES });
        }
        Ok(Self(json))
    }

    /// Whether a text can be a key at the top level.
    #[must_use]
    pub fn is_key(text: &str) -> bool {
        (1..=Self::MAX_KEY_CHARS).contains(&text.chars().count()) && !text.contains('\0')
    }

    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// Skips validation: the text was validated before it was stored.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn from_stored(json: String) -> serde_json::Result<Self> {
        RawValue::from_string(json).map(Self)
    }

    /// Applies a patch, and checks the limits of the result.
    pub fn patched(&self, patch: &MetaPatch) -> Result<Self, Violation> {
        match patch {
            MetaPatch::Clear => Ok(Self::default()),
            MetaPatch::Merge(changes) => {
                let mut map = self.to_map();
                merge(&mut map, changes);
                Self::parse(&map)
            }
            MetaPatch::Set(members) => {
                let mut map = self.to_map();
                for (key, value) in members {
                    match value {
                        Some(value) => drop(map.insert(key.clone(), value.clone())),
                        None => drop(map.shift_remove(key)),
                    }
                }
                Self::parse(&map)
            }
        }
    }

    /// The top-level keys whose values differ, were added or removed.
    #[must_use]
    pub fn changed_keys(&self, before: &Self) -> Vec<String> {
        if self == before {
            return Vec::new();
        }
        let (before, mut after) = (before.to_map(), self.to_map());
        let mut changed = Vec::new();
        for (key, value) in before {
            if after.shift_remove(&key).is_none_or(|new| new != value) {
                changed.push(key);
            }
        }
        changed.extend(after.into_iter().map(|(key, _)| key));
        changed
    }

    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        // Cannot fail: the text is a JSON object.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl Default for Meta {
    /// `{}`
    fn default() -> Self {
        Self(RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

/// RFC 7396, section 2: `null` removes a member, an object merges into it, any other value replaces it.
fn merge(target: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (key, change) in changes {
        match change {
            Value::Null => {
                target.shift_remove(key);
            }
            Value::Object(changes) => {
                let member = target.entry(key).or_insert(Value::Null);
                if !member.is_object() {
                    *member = Value::Object(Map::new());
                }
                if let Value::Object(member) = member {
                    merge(member, changes);
                }
            }
            other => {
                target.insert(key.clone(), other.clone());
            }
        }
    }
}

fn check(value: &Value, depth: usize) -> Result<(), Violation> {
    match value {
        Value::Object(map) => check_object(map, depth),
        Value::Array(list) => {
            check_depth(depth)?;
            list.iter().try_for_each(|value| check(value, depth + 1))
        }
        Value::String(text) => check_text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Top-level keys are names of template variables and have limits of their own.
fn check_top(map: &Map<String, Value>) -> Result<(), Violation> {
    if map.len() > Meta::MAX_KEYS {
        return Err(Violation::TooManyKeys { max: Meta::MAX_KEYS });
    }
    if map.keys().any(|key| !(1..=Meta::MAX_KEY_CHARS).contains(&key.chars().count())) {
        return Err(Violation::KeyLength { max: Meta::MAX_KEY_CHARS });
    }
    check_object(map, 1)
}

fn check_object(map: &Map<String, Value>, depth: usize) -> Result<(), Violation> {
    check_depth(depth)?;
    map.iter().try_for_each(|(key, value)| {
        check_text(key)?;
        check(value, depth + 1)
    })
}

fn check_depth(depth: usize) -> Result<(), Violation> {
    if depth > Meta::MAX_DEPTH { Err(Violation::TooDeep { max: Meta::MAX_DEPTH }) } else { Ok(()) }
}

/// PostgreSQL cannot store U+0000 in JSON or text; both databases reject it alike.
fn check_text(text: &str) -> Result<(), Violation> {
    if text.contains('\0') { Err(Violation::NulCharacter) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    fn parse(value: Value) -> Result<String, Violation> {
        Meta::parse(&map(value)).map(|meta| meta.as_json().to_owned())
    }

    #[test]
    fn enforces_each_limit_exactly() {
        assert_eq!(
            parse(json!({"NAME": "John", "CITY": 1.5})),
            Ok(r#"{"NAME":"John","CITY":1.5}"#.to_owned())
        );
        let with_keys = |count: usize| Value::Object((0..count).map(|i| (i.to_string(), json!(i))).collect());
        assert!(parse(with_keys(50)).is_ok());
        assert_eq!(parse(with_keys(51)), Err(Violation::TooManyKeys { max: 50 }));
        assert!(parse(json!({"a": {"b": {"c": {"d": [1]}}}})).is_ok());
        assert_eq!(parse(json!({"a": {"b": {"c": {"d": [[]]}}}})), Err(Violation::TooDeep { max: 5 }));
        assert!(parse(json!({"k".repeat(64): 1})).is_ok());
        assert_eq!(parse(json!({"k".repeat(65): 1})), Err(Violation::KeyLength { max: 64 }));
        assert_eq!(parse(json!({"": 1})), Err(Violation::KeyLength { max: 64 }));
        assert!(parse(json!({"a": {"": 1}})).is_ok(), "no variable's name");
        assert!(parse(json!({"a": "x".repeat(16 * 1024 - 8)})).is_ok());
        assert_eq!(
            parse(json!({"a": "x".repeat(16 * 1024 - 7)})),
            Err(Violation::TooLarge { max: 16 * 1024 })
        );
        assert_eq!(parse(json!({"a": ["\0"]})), Err(Violation::NulCharacter));
    }

    /// The cases of RFC 7396, appendix A, that have objects on both sides.
    #[test]
    fn merges_as_rfc_7396_does() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let meta = Meta::parse(&map(target)).unwrap();
            let merged = meta.patched(&MetaPatch::Merge(map(patch))).unwrap();
            assert_eq!(Value::Object(merged.to_map()), expected);
        }
    }
}
