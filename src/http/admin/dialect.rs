//! The administration API: it has the conventions and the error envelope of `/v1`.

use crate::http::dialect::{Dialect, Dialects, Tag, schemas_of};
use crate::http::v1::envelope::{self, V1Error};
use crate::http::v1::names::NAMES;

pub const DOCUMENT_PATH: &str = "/admin/openapi.json";
pub(super) const YAML_PATH: &str = "/admin/openapi.yaml";

pub(super) const ACCOUNTS: &str = "Accounts";
pub(super) const KEYS: &str = "Keys";

pub(super) static DIALECT: Dialect = Dialect {
    prefixes: &["admin"],
    document_path: DOCUMENT_PATH,
    tags: &[
        Tag {
            name: ACCOUNTS,
            description: "The tenants of the service: each has contacts and keys of its own. Lists and errors work as under \
                 `/v1`.",
        },
        Tag {
            name: KEYS,
            description: "The keys of accounts, with which clients use the API. Their secrets are shown once.",
        },
    ],
    summary_prefix: None,
    names: &NAMES,
    envelope: envelope::render,
    error_schema: "V1Error",
    error_schemas: schemas_of::<V1Error>,
};

pub(super) static DIALECTS: Dialects = Dialects { default: &DIALECT, others: &[] };
