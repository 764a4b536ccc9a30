//! Links from responses about groups.

use super::spec::LinkSpec;

const IN_RESPONSE: &str = "Uses the id of the group in the response.";
const OTHER_DIALECT: &str = "The same group is immediately available in the other dialect.";
const ON_PAGE: &str = "Uses the id of a group on the page, here the first one.";
const CONTACT_ON_PAGE: &str = "Uses the id of a contact on the page, here the first one.";
const REMAINING: &str = "The remaining groups.";
const CURRENT_STATE: &str = "The current state of the group or of its list of contacts.";

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "createGroup",
        status: "201",
        to: &["getGroup", "updateGroup", "deleteGroup", "listGroupMembers", "changeGroupMembers"],
        with: &[("id", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "createGroup",
        status: "201",
        to: &["getAddressBookGroup"],
        with: &[("group", "$response.body#/id")],
        about: OTHER_DIALECT,
    },
    LinkSpec {
        from: "createGroup",
        status: "409",
        to: &["listGroups"],
        with: &[("name", "$request.body#/name")],
        about: "The group that already has the name.",
    },
    LinkSpec {
        from: "listGroups",
        status: "200",
        to: &["getGroup", "updateGroup", "deleteGroup", "listGroupMembers", "changeGroupMembers"],
        with: &[("id", "$response.body#/data/0/id")],
        about: ON_PAGE,
    },
    LinkSpec {
        from: "listGroups",
        status: "200",
        to: &["listGroups"],
        with: &[("ending_before", "$response.body#/data/0/id")],
        about: "The groups that have been created since.",
    },
    LinkSpec {
        from: "getGroup",
        status: "200",
        to: &["updateGroup", "deleteGroup", "listGroupMembers", "changeGroupMembers"],
        with: &[("id", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "getGroup",
        status: "200",
        to: &["listContacts"],
        with: &[("group", "$response.body#/id")],
        about: "The contacts in the group, with further filters.",
    },
    LinkSpec {
        from: "updateGroup",
        status: "200",
        to: &["getGroup", "deleteGroup"],
        with: &[("id", "$response.body#/id")],
        about: IN_RESPONSE,
    },
    LinkSpec { from: "deleteGroup", status: "204", to: &["listGroups"], with: &[], about: REMAINING },
    LinkSpec {
        from: "listGroupMembers",
        status: "200",
        to: &["getContact", "updateContact", "deleteContact"],
        with: &[("id", "$response.body#/data/0/id")],
        about: CONTACT_ON_PAGE,
    },
    LinkSpec {
        from: "changeGroupMembers",
        status: "200",
        to: &["getGroup", "listGroupMembers"],
        with: &[("id", "$request.path.id")],
        about: CURRENT_STATE,
    },
    LinkSpec {
        from: "createAddressBookGroup",
        status: "200",
        to: &[
            "getAddressBookGroup",
            "updateAddressBookGroup",
            "deleteAddressBookGroup",
            "addAddressBookGroupContacts",
            "listAddressBookGroupContacts",
        ],
        with: &[("group", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "createAddressBookGroup",
        status: "200",
        to: &["getGroup"],
        with: &[("id", "$response.body#/record/id")],
        about: OTHER_DIALECT,
    },
    LinkSpec {
        from: "listAddressBookGroups",
        status: "200",
        to: &[
            "getAddressBookGroup",
            "deleteAddressBookGroup",
            "addAddressBookGroupContacts",
            "listAddressBookGroupContacts",
        ],
        with: &[("group", "$response.body#/records/0/id")],
        about: ON_PAGE,
    },
    LinkSpec {
        from: "getAddressBookGroup",
        status: "200",
        to: &[
            "updateAddressBookGroup",
            "deleteAddressBookGroup",
            "addAddressBookGroupContacts",
            "listAddressBookGroupContacts",
        ],
        with: &[("group", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "updateAddressBookGroup",
        status: "200",
        to: &["getAddressBookGroup", "deleteAddressBookGroup"],
        with: &[("group", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "deleteAddressBookGroup",
        status: "200",
        to: &["listAddressBookGroups"],
        with: &[],
        about: REMAINING,
    },
    LinkSpec {
        from: "addAddressBookGroupContacts",
        status: "200",
        to: &["getAddressBookGroup", "listAddressBookGroupContacts"],
        with: &[("group", "$request.path.group")],
        about: CURRENT_STATE,
    },
    LinkSpec {
        from: "listAddressBookGroupContacts",
        status: "200",
        to: &["removeAddressBookGroupContact"],
        with: &[("group", "$request.path.group"), ("contact", "$response.body#/records/0/id")],
        about: CONTACT_ON_PAGE,
    },
    LinkSpec {
        from: "listAddressBookGroupContacts",
        status: "200",
        to: &["getAddressBookContact"],
        with: &[("contact", "$response.body#/records/0/id")],
        about: CONTACT_ON_PAGE,
    },
    LinkSpec {
        from: "removeAddressBookGroupContact",
        status: "200",
        to: &["getAddressBookGroup", "listAddressBookGroupContacts"],
        with: &[("group", "$request.path.group")],
        about: CURRENT_STATE,
    },
];
