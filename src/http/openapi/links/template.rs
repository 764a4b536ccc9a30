//! Links from responses about templates.

use super::spec::LinkSpec;

pub(super) const LINKS: &[LinkSpec] = &[LinkSpec {
    from: "createTemplate",
    status: "409",
    to: &["listTemplates"],
    with: &[("name", "$request.body#/name")],
    about: "The template that already has the name.",
}];
