//! Links from responses about contacts.

use super::spec::LinkSpec;

const IN_RESPONSE: &str = "Uses the id of the contact in the response.";
const OTHER_DIALECT: &str = "The same contact is immediately available in the other dialect.";
const ON_PAGE: &str = "Uses the id of a contact on the page, here the first one.";
const IN_RESULTS: &str = "Uses the id of a contact in the results, here the first one.";
const ALL: &str = "All contacts.";
const COUNTED: &str = "The contacts that were counted, with the same filters.";
const REMAINING: &str = "The remaining contacts.";

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "applyContactBatch",
        status: "200",
        to: &["getContact", "updateContact", "deleteContact"],
        with: &[("id", "$response.body#/results/0/id")],
        about: IN_RESULTS,
    },
    LinkSpec { from: "getContactBatch", status: "200", to: &["listContacts"], with: &[], about: ALL },
    LinkSpec {
        from: "deleteContactBatch",
        status: "200",
        to: &["listContacts"],
        with: &[],
        about: REMAINING,
    },
    LinkSpec {
        from: "applyAddressBookContactBatch",
        status: "200",
        to: &["getAddressBookContact", "updateAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/records/0/id")],
        about: IN_RESULTS,
    },
    LinkSpec {
        from: "getAddressBookContactBatch",
        status: "200",
        to: &["listAddressBookContacts"],
        with: &[],
        about: ALL,
    },
    LinkSpec {
        from: "deleteAddressBookContactBatch",
        status: "200",
        to: &["listAddressBookContacts"],
        with: &[],
        about: REMAINING,
    },
    LinkSpec {
        from: "createContact",
        status: "201",
        to: &["getAddressBookContact"],
        with: &[("contact", "$response.body#/id")],
        about: OTHER_DIALECT,
    },
    LinkSpec {
        from: "listContacts",
        status: "200",
        to: &["listContacts"],
        with: &[("ending_before", "$response.body#/data/0/id")],
        about: "The contacts that have been created since.",
    },
    LinkSpec {
        from: "listContacts",
        status: "200",
        to: &["exportContacts"],
        with: &[],
        about: "All contacts as one file.",
    },
    LinkSpec { from: "countContacts", status: "200", to: &["listContacts"], with: &[], about: COUNTED },
    LinkSpec {
        from: "countAddressBookContacts",
        status: "200",
        to: &["listAddressBookContacts"],
        with: &[],
        about: COUNTED,
    },
    LinkSpec {
        from: "exportContacts",
        status: "200",
        to: &["listContacts"],
        with: &[],
        about: "The contacts page by page.",
    },
    LinkSpec {
        from: "createAddressBookContact",
        status: "200",
        to: &["getAddressBookContact", "updateAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "createAddressBookContact",
        status: "200",
        to: &["getContact"],
        with: &[("id", "$response.body#/record/id")],
        about: OTHER_DIALECT,
    },
    LinkSpec {
        from: "listAddressBookContacts",
        status: "200",
        to: &["getAddressBookContact", "updateAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/records/0/id")],
        about: ON_PAGE,
    },
    LinkSpec {
        from: "getAddressBookContact",
        status: "200",
        to: &["updateAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "updateAddressBookContact",
        status: "200",
        to: &["getAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "deleteAddressBookContact",
        status: "200",
        to: &["listAddressBookContacts"],
        with: &[],
        about: REMAINING,
    },
];
