//! Where answers about groups lead.

use super::LinkSpec;

const SHOWN: &str = "Uses the id of the group in the response.";
const BOTH: &str = "The same group is immediately available in the other dialect.";
const FIRST: &str = "Uses the id of a group on the page, here the first one.";
const CONTACT: &str = "Uses the id of a contact on the page, here the first one.";
const LEFT: &str = "The remaining groups.";
const NOW: &str = "The current state of the group or of its list of contacts.";

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "createGroup",
        status: "201",
        to: &["getGroup", "updateGroup", "deleteGroup", "listGroupMembers", "changeGroupMembers"],
        with: &[("id", "$response.body#/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "createGroup",
        status: "201",
        to: &["getAddressBookGroup"],
        with: &[("group", "$response.body#/id")],
        about: BOTH,
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
        about: FIRST,
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
        about: SHOWN,
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
        about: SHOWN,
    },
    LinkSpec { from: "deleteGroup", status: "204", to: &["listGroups"], with: &[], about: LEFT },
    LinkSpec {
        from: "listGroupMembers",
        status: "200",
        to: &["getContact", "updateContact", "deleteContact"],
        with: &[("id", "$response.body#/data/0/id")],
        about: CONTACT,
    },
    LinkSpec {
        from: "changeGroupMembers",
        status: "200",
        to: &["getGroup", "listGroupMembers"],
        with: &[("id", "$request.path.id")],
        about: NOW,
    },
    LinkSpec {
        from: "createAddressBookGroup",
        status: "200",
        to: &[
            "getAddressBookGroup",
            "deleteAddressBookGroup",
            "addAddressBookGroupContacts",
            "listAddressBookGroupContacts",
        ],
        with: &[("group", "$response.body#/record/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "createAddressBookGroup",
        status: "200",
        to: &["getGroup"],
        with: &[("id", "$response.body#/record/id")],
        about: BOTH,
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
        about: FIRST,
    },
    LinkSpec {
        from: "getAddressBookGroup",
        status: "200",
        to: &["deleteAddressBookGroup", "addAddressBookGroupContacts", "listAddressBookGroupContacts"],
        with: &[("group", "$response.body#/record/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "deleteAddressBookGroup",
        status: "200",
        to: &["listAddressBookGroups"],
        with: &[],
        about: LEFT,
    },
    LinkSpec {
        from: "addAddressBookGroupContacts",
        status: "200",
        to: &["getAddressBookGroup", "listAddressBookGroupContacts"],
        with: &[("group", "$request.path.group")],
        about: NOW,
    },
    LinkSpec {
        from: "listAddressBookGroupContacts",
        status: "200",
        to: &["removeAddressBookGroupContact"],
        with: &[("group", "$request.path.group"), ("contact", "$response.body#/records/0/id")],
        about: CONTACT,
    },
    LinkSpec {
        from: "listAddressBookGroupContacts",
        status: "200",
        to: &["getAddressBookContact"],
        with: &[("contact", "$response.body#/records/0/id")],
        about: CONTACT,
    },
    LinkSpec {
        from: "removeAddressBookGroupContact",
        status: "200",
        to: &["getAddressBookGroup", "listAddressBookGroupContacts"],
        with: &[("group", "$request.path.group")],
        about: NOW,
    },
];
