//! JSON from outside, read without silent changes: no duplicate key is dropped, no number rounded.

pub mod number;
pub mod unique_keys;

use serde_json::{Map, Value};

use unique_keys::{DUPLICATE_KEY, UniqueKeys};

/// Why a JSON text was not accepted as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    Syntax,
    NotObject,
    DuplicateKey,
    /// A number that a JSON parser with 64-bit numbers would change.
    InexactNumber,
}

/// Parses a JSON object that has no duplicate key at any depth and no inexact number.
///
/// # Errors
/// See [`JsonError`].
pub fn parse_object(json: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let parsed = serde::de::DeserializeSeed::deserialize(UniqueKeys, &mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    // A number beyond the range of a double is a syntax error to the parser.
    let (_, may_be_inexact) = number::scan(json);
    let is_inexact = may_be_inexact && number::has_inexact(json);
    match parsed {
        Err(error) if error.to_string().starts_with(DUPLICATE_KEY) => Err(JsonError::DuplicateKey),
        _ if is_inexact => Err(JsonError::InexactNumber),
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(JsonError::NotObject),
        Err(_) => Err(JsonError::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_dropped_or_rounded_in_silence() {
        let parsed = parse_object(br#"{"a": [1, {"b": null}], "c": "x"}"#);
        assert_eq!(parsed.map(|map| map.len()), Ok(2));
        for (json, error) in [
            ("{", JsonError::Syntax),
            ("{} {}", JsonError::Syntax),
            ("", JsonError::Syntax),
            ("[]", JsonError::NotObject),
            ("null", JsonError::NotObject),
            (r#"{"a": 1, "a": 1}"#, JsonError::DuplicateKey),
            (r#"{"a": [{"b": 1, "b": 2}]}"#, JsonError::DuplicateKey),
            (r#"{"a": 18446744073709551616}"#, JsonError::InexactNumber),
            (r#"{"a": 1e400}"#, JsonError::InexactNumber),
        ] {
            assert_eq!(parse_object(json.as_bytes()), Err(error), "{json}");
        }
    }
}
