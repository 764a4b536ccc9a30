//! The dialect as the rest of the server sees it.

use super::envelope::{self, V1Error};
use super::names::NAMES;
use super::tags;
use crate::http::dialect::{Dialect, schemas_of};

pub const DOCUMENT_PATH: &str = "/openapi/v1.json";

pub static DIALECT: Dialect = Dialect {
    prefixes: &["v1"],
    document_path: DOCUMENT_PATH,
    tags: tags::ALL,
    summary_prefix: None,
    names: &NAMES,
    envelope: envelope::render,
    error_schema: "V1Error",
    error_schemas: schemas_of::<V1Error>,
};
