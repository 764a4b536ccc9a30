//! Links from responses about imports.

use super::spec::LinkSpec;

const ID: &[(&str, &str)] = &[("id", "$response.body#/id")];
const SAME: &[(&str, &str)] = &[("id", "$request.path.id")];

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "createImport",
        status: "201",
        to: &["putImportFile", "getImport", "deleteImport"],
        with: ID,
        about: "The next step: the file is sent.",
    },
    LinkSpec {
        from: "listImports",
        status: "200",
        to: &["getImport", "listImportRows", "getImportRejects"],
        with: &[("id", "$response.body#/data/0/id")],
        about: "Uses the id of an import on the page, here the first one.",
    },
    LinkSpec {
        from: "getImport",
        status: "200",
        to: &["listImportRows", "getImportRejects"],
        with: ID,
        about: "The rows of the import.",
    },
    LinkSpec {
        from: "putImportFile",
        status: "202",
        to: &["getImport", "listImportRows"],
        with: ID,
        about: "How far the plan is.",
    },
    LinkSpec {
        from: "listImportRows",
        status: "200",
        to: &["getImport", "getImportRejects"],
        with: SAME,
        about: "The import, and its rejected rows.",
    },
    LinkSpec {
        from: "getImportRejects",
        status: "200",
        to: &["getImport", "listImportRows"],
        with: SAME,
        about: "The import, and its rows.",
    },
    LinkSpec {
        from: "commitImport",
        status: "202",
        to: &["getImport", "listImportRows"],
        with: ID,
        about: "How far the import is.",
    },
    LinkSpec {
        from: "undoImport",
        status: "202",
        to: &["getImport", "listImportRows"],
        with: ID,
        about: "How far it is taken back.",
    },
    LinkSpec {
        from: "deleteImport",
        status: "204",
        to: &["listImports"],
        with: &[],
        about: "The remaining imports.",
    },
];
