//! A contact's own data: what templates fill their placeholders with.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::domain::violation::Violation;

/// A JSON object within the limits, kept as its JSON text: most of the time it only passes through
/// between database and response, and no tree of it is built.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(transparent)]
pub struct Meta(Box<RawValue>);

/// A change to a contact's meta, merged into it as RFC 7396 does.
#[derive(Clone, Debug)]
pub enum MetaPatch {
    /// `null`: nothing is left.
    Clear,
    /// Members that are null go, objects are merged, all else is set.
    Merge(Map<String, Value>),
}

impl MetaPatch {
    /// Reads a change: an object within the limits, which may have nulls.
    ///
    /// # Errors
    /// What is wrong with it, whatever it is merged into.
    pub fn parse(map: Map<String, Value>) -> Result<Self, Violation> {
        check_top(&map)?;
        Ok(Self::Merge(map))
    }
}

impl Meta {
    /// Most keys at the top level.
    pub const MAX_KEYS: usize = 50;
    /// Longest key at the top level, in characters.
    pub const MAX_KEY_CHARS: usize = 64;
    /// Deepest nesting; the object itself is the first level.
    pub const MAX_DEPTH: usize = 5;
    /// Largest JSON text, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Reads an object.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, Violation> {
        check_top(map)?;
        let json = serde_json::value::to_raw_value(map)
            .map_err(|_| Violation::WrongType { expected: "an object".into() })?;
        if json.get().len() > Self::MAX_BYTES {
            return Err(Violation::TooLarge { max: Self::MAX_BYTES });
        }
        Ok(Self(json))
    }

    /// The object as JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// An object that was read once already and comes back from storage.
    ///
    /// # Errors
    /// The text is no JSON.
    pub fn from_stored(json: String) -> serde_json::Result<Self> {
        RawValue::from_string(json).map(Self)
    }

    /// The object after a change.
    ///
    /// # Errors
    /// What would be wrong with the result.
    pub fn patched(&self, patch: &MetaPatch) -> Result<Self, Violation> {
        match patch {
            MetaPatch::Clear => Ok(Self::default()),
            MetaPatch::Merge(changes) => {
                let mut map = self.to_map();
                merge(&mut map, changes);
                Self::parse(&map)
            }
        }
    }

    /// The object as a tree.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        // Only objects get in, so that this cannot fail.
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

/// RFC 7396, section 2. `null` removes, an object merges, anything else replaces.
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

/// The top level, whose keys are the names of templates' variables.
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

/// PostgreSQL keeps no U+0000 in its JSON and text types; it is refused alike on both databases.
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
    fn holds_its_limits() {
        assert_eq!(
            parse(json!({"NAME": "John", "CITY": 1.5})),
            Ok(r#"{"NAME":"John","CITY":1.5}"#.to_owned())
        );
        let many = |count: usize| Value::Object((0..count).map(|i| (i.to_string(), json!(i))).collect());
        assert!(parse(many(50)).is_ok());
        assert_eq!(parse(many(51)), Err(Violation::TooManyKeys { max: 50 }));
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
