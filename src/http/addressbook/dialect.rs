//! The dialect as the rest of the server sees it.

use super::envelope::{self, AddressBookError};
use super::names::NAMES;
use super::tags;
use crate::http::dialect::{Dialect, schemas_of};

pub const DOCUMENT_PATH: &str = "/openapi/addressbook.json";

pub static DIALECT: Dialect = Dialect {
    prefixes: &["addressbook", "contacts"],
    document_path: DOCUMENT_PATH,
    tags: tags::ALL,
    summary_prefix: Some("Address book"),
    names: &NAMES,
    envelope: envelope::render,
    error_schema: "AddressBookError",
    error_schemas: schemas_of::<AddressBookError>,
};
