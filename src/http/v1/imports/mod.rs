//! `/v1/imports`

mod handlers;
mod rejects;
mod request;
mod response;

use super::dialect::DIALECT;
use super::operations::{self, invalid_cursor, invalid_id};
use super::tags;
use crate::domain::{ErrorCode, FieldViolation, Violation};
use crate::http::openapi::examples::import as examples;
use crate::http::openapi::fields::import::EXAMPLE_DIGEST;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::prelude::json;
use crate::http::routes::RouteTable;
use response::{ContactImport, ImportRow};

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::IMPORTS), noun: "import", argument: "import", versioned: false };

pub(super) fn routes(table: RouteTable) -> RouteTable {
    use handlers::*;

    let planned = || ContactImport::new(examples::planned(), PATH);
    let row = ImportRow::new(0, examples::row(), &examples::columns());
    let starts = |about: &str| {
        OperationDoc::of(&RESOURCE)
            .responds::<ContactImport>(202, about, planned())
            .errors(&[ErrorCode::ImportState, ErrorCode::TooManyImports])
            .example_violation(invalid_id())
    };
    let options = json!({
        "mode": "upsert",
        "match_by": "username",
        "columns": [
            {"column": "Name", "to": "username"},
            {"column": "Mobile", "to": "phone_number"},
            {"column": "City", "to": "meta.CITY", "rule": "fill"},
        ],
        "default_region": "GB",
        "group": "customers",
    });
    table
        .protected(
            &DIALECT,
            __path_create_import,
            create_import,
            operations::creates(&RESOURCE, ContactImport::new(examples::created(), PATH))
                // `import` is reserved in many languages.
                .argument("options")
                .request_example(
                    "automatic",
                    "Columns recognised by their names",
                    json!({"mode": "upsert", "match_by": "username"}),
                )
                .request_example("columns", "Columns named, numbers of one country", options)
                .example_violation(FieldViolation::at("default_region", Violation::NotRegion)),
        )
        .protected(
            &DIALECT,
            __path_list_imports,
            list_imports,
            operations::lists(&RESOURCE, planned()).example_violation(invalid_cursor()),
        )
        .protected(
            &DIALECT,
            __path_get_import,
            get_import,
            operations::gets(&RESOURCE, planned()).example_violation(invalid_id()),
        )
        .protected(
            &DIALECT,
            __path_put_file,
            put_file,
            starts("The file was received and is being planned.")
                .argument("file")
                .file_example(examples::FILE)
                .errors(&[ErrorCode::ImportQuota]),
        )
        .protected(
            &DIALECT,
            __path_list_rows,
            list_rows,
            operations::lists(&RESOURCE, row)
                .header(200, "Link", "The link to the next page, if there is one (RFC 8288).")
                .example_violation(invalid_id()),
        )
        .protected(
            &DIALECT,
            __path_get_rejects,
            get_rejects,
            OperationDoc::of(&RESOURCE)
                .responds_with_file(200, "The rejected rows.", [("text/csv", examples::REJECTS.to_owned())])
                .header(200, "Content-Disposition", "The name of the file.")
                .example_violation(invalid_id()),
        )
        .protected(
            &DIALECT,
            __path_commit_import,
            commit_import,
            starts("The import is being carried out.")
                .argument("plan")
                .request_example("commit", "The plan that was seen", json!({"digest": EXAMPLE_DIGEST}))
                .errors(&[ErrorCode::PlanChanged]),
        )
        .protected(&DIALECT, __path_undo_import, undo_import, starts("The import is being taken back."))
        .protected(
            &DIALECT,
            __path_delete_import,
            delete_import,
            operations::deletes(&RESOURCE)
                .describe(204, "The import was cancelled or deleted.")
                .example_violation(invalid_id()),
        )
}
