//! Links from responses about opt-outs.

use super::spec::LinkSpec;

const IN_RESPONSE: &str = "Uses the id of the opt-out in the response.";
const OTHER_DIALECT: &str = "The number has also opted out in the other dialect.";
const ON_PAGE: &str = "Uses the id of an opt-out on the page, here the first one.";
const REMAINING: &str = "The remaining opt-outs.";

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "createOptOut",
        status: "201",
        to: &["getOptOut", "deleteOptOut"],
        with: &[("opt_out", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "createOptOut",
        status: "201",
        to: &["getAddressBookOptOut"],
        with: &[("optout", "$response.body#/id")],
        about: OTHER_DIALECT,
    },
    LinkSpec {
        from: "createOptOut",
        status: "200",
        to: &["getOptOut", "deleteOptOut"],
        with: &[("opt_out", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "listOptOuts",
        status: "200",
        to: &["getOptOut", "deleteOptOut"],
        with: &[("opt_out", "$response.body#/data/0/id")],
        about: ON_PAGE,
    },
    LinkSpec {
        from: "listOptOuts",
        status: "200",
        to: &["listOptOuts"],
        with: &[("ending_before", "$response.body#/data/0/id")],
        about: "The opt-outs that have been created since.",
    },
    LinkSpec {
        from: "getOptOut",
        status: "200",
        to: &["deleteOptOut"],
        with: &[("opt_out", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "getOptOut",
        status: "200",
        to: &["listContacts"],
        with: &[("phone_number", "$response.body#/phone_number")],
        about: "The contacts that have the number.",
    },
    LinkSpec { from: "deleteOptOut", status: "204", to: &["listOptOuts"], with: &[], about: REMAINING },
    LinkSpec {
        from: "createAddressBookOptOut",
        status: "200",
        to: &["getAddressBookOptOut", "deleteAddressBookOptOut"],
        with: &[("optout", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "createAddressBookOptOut",
        status: "200",
        to: &["getOptOut"],
        with: &[("opt_out", "$response.body#/record/id")],
        about: OTHER_DIALECT,
    },
    LinkSpec {
        from: "listAddressBookOptOuts",
        status: "200",
        to: &["getAddressBookOptOut", "deleteAddressBookOptOut"],
        with: &[("optout", "$response.body#/records/0/id")],
        about: ON_PAGE,
    },
    LinkSpec {
        from: "getAddressBookOptOut",
        status: "200",
        to: &["deleteAddressBookOptOut"],
        with: &[("optout", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "deleteAddressBookOptOut",
        status: "200",
        to: &["listAddressBookOptOuts"],
        with: &[],
        about: REMAINING,
    },
];
