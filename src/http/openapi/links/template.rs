//! Links from responses about templates.

use super::spec::LinkSpec;

const IN_RESPONSE: &str = "Uses the id of the template in the response.";
const IF_UNCHANGED: &str =
    "The entity tag ensures that no other client has changed the template in the meantime.";
const CURRENT_STATE: &str = "Another client has changed the template; this is its current state.";

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "createTemplate",
        status: "201",
        to: &["getTemplate", "updateTemplate", "deleteTemplate"],
        with: &[("id", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "createTemplate",
        status: "409",
        to: &["listTemplates"],
        with: &[("name", "$request.body#/name")],
        about: "The template that already has the name.",
    },
    LinkSpec {
        from: "listTemplates",
        status: "200",
        to: &["getTemplate", "updateTemplate", "deleteTemplate"],
        with: &[("id", "$response.body#/data/0/id")],
        about: "Uses the id of a template on the page, here the first one.",
    },
    LinkSpec {
        from: "getTemplate",
        status: "200",
        to: &["getTemplate"],
        with: &[("id", "$response.body#/id"), ("If-None-Match", "$response.header.ETag")],
        about: "The response is 304, without a body, as long as the template does not change.",
    },
    LinkSpec {
        from: "getTemplate",
        status: "200",
        to: &["updateTemplate", "deleteTemplate"],
        with: &[("id", "$response.body#/id"), ("If-Match", "$response.header.ETag")],
        about: IF_UNCHANGED,
    },
    LinkSpec {
        from: "updateTemplate",
        status: "200",
        to: &["getTemplate", "deleteTemplate"],
        with: &[("id", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "updateTemplate",
        status: "200",
        to: &["updateTemplate"],
        with: &[("id", "$response.body#/id"), ("If-Match", "$response.header.ETag")],
        about: IF_UNCHANGED,
    },
    LinkSpec {
        from: "updateTemplate",
        status: "412",
        to: &["getTemplate"],
        with: &[("id", "$request.path.id")],
        about: CURRENT_STATE,
    },
    LinkSpec {
        from: "deleteTemplate",
        status: "204",
        to: &["listTemplates"],
        with: &[],
        about: "The remaining templates.",
    },
    LinkSpec {
        from: "deleteTemplate",
        status: "412",
        to: &["getTemplate"],
        with: &[("id", "$request.path.id")],
        about: CURRENT_STATE,
    },
];
