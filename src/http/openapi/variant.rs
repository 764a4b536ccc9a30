//! Documents that are derived from the complete one.

use serde_json::Value;

use super::{dialect, version_3_0};
use crate::http::dialect::Dialect;

#[derive(Clone, Copy, Debug)]
pub enum Variant {
    /// The operations of one dialect.
    Dialect(&'static Dialect),
    /// All operations, in OpenAPI 3.0.
    Version3_0,
}

impl Variant {
    #[must_use]
    pub fn derive(self, document: &Value) -> Value {
        match self {
            Self::Dialect(dialect) => dialect::only(document, dialect),
            Self::Version3_0 => version_3_0::down_convert(document),
        }
    }
}
