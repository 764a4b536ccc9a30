//! Where answers about groups lead.

use super::Lead;

const SHOWN: &str = "Uses the id of the group in the response.";
const BOTH: &str = "The same group is immediately available in the other dialect.";
const FIRST: &str = "Uses the id of a group on the page, here the first one.";
const CONTACT: &str = "Uses the id of a contact on the page, here the first one.";
const LEFT: &str = "The remaining groups.";
const NOW: &str = "The current state of the group or of its list of contacts.";

pub(super) const LEADS: &[Lead] = &[
    Lead {
        from: "createGroup",
        status: "201",
        to: &["getGroup", "updateGroup", "deleteGroup", "listGroupMembers", "changeGroupMembers"],
        with: &[("id", "$response.body#/id")],
        about: SHOWN,
    },
    Lead {
        from: "createGroup",
        status: "201",
        to: &["getAddressBookGroup"],
        with: &[("group", "$response.body#/id")],
        about: BOTH,
    },
    Lead {
        from: "createGroup",
        status: "409",
        to: &["listGroups"],
        with: &[("name", "$request.body#/name")],
        about: "The group that already has the name.",
    },
    Lead {
        from: "listGroups",
        status: "200",
        to: &["getGroup", "updateGroup", "deleteGroup", "listGroupMembers", "changeGroupMembers"],
        with: &[("id", "$response.body#/data/0/id")],
        about: FIRST,
    },
    Lead {
        from: "listGroups",
        status: "200",
        to: &["listGroups"],
        with: &[("ending_before", "$response.body#/data/0/id")],
        about: "The groups that have been created since.",
    },
    Lead {
        from: "getGroup",
        status: "200",
        to: &["updateGroup", "deleteGroup", "listGroupMembers", "changeGroupMembers"],
        with: &[("id", "$response.body#/id")],
        about: SHOWN,
    },
    Lead {
        from: "getGroup",
        status: "200",
        to: &["listContacts"],
        with: &[("group", "$response.body#/id")],
        about: "The contacts in the group, with further filters.",
    },
    Lead {
        from: "updateGroup",
        status: "200",
        to: &["getGroup", "deleteGroup"],
        with: &[("id", "$response.body#/id")],
        about: SHOWN,
    },
    Lead { from: "deleteGroup", status: "204", to: &["listGroups"], with: &[], about: LEFT },
    Lead {
        from: "listGroupMembers",
        status: "200",
        to: &["getContact", "updateContact", "deleteContact"],
        with: &[("id", "$response.body#/data/0/id")],
        about: CONTACT,
    },
    Lead {
        from: "changeGroupMembers",
        status: "200",
        to: &["getGroup", "listGroupMembers"],
        with: &[("id", "$request.path.id")],
        about: NOW,
    },
    Lead {
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
    Lead {
        from: "createAddressBookGroup",
        status: "200",
        to: &["getGroup"],
        with: &[("id", "$response.body#/record/id")],
        about: BOTH,
    },
    Lead {
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
    Lead {
        from: "getAddressBookGroup",
        status: "200",
        to: &["deleteAddressBookGroup", "addAddressBookGroupContacts", "listAddressBookGroupContacts"],
        with: &[("group", "$response.body#/record/id")],
        about: SHOWN,
    },
    Lead {
        from: "deleteAddressBookGroup",
        status: "200",
        to: &["listAddressBookGroups"],
        with: &[],
        about: LEFT,
    },
    Lead {
        from: "addAddressBookGroupContacts",
        status: "200",
        to: &["getAddressBookGroup", "listAddressBookGroupContacts"],
        with: &[("group", "$request.path.group")],
        about: NOW,
    },
    Lead {
        from: "listAddressBookGroupContacts",
        status: "200",
        to: &["removeAddressBookGroupContact"],
        with: &[("group", "$request.path.group"), ("contact", "$response.body#/records/0/id")],
        about: CONTACT,
    },
    Lead {
        from: "listAddressBookGroupContacts",
        status: "200",
        to: &["getAddressBookContact"],
        with: &[("contact", "$response.body#/records/0/id")],
        about: CONTACT,
    },
    Lead {
        from: "removeAddressBookGroupContact",
        status: "200",
        to: &["getAddressBookGroup", "listAddressBookGroupContacts"],
        with: &[("group", "$request.path.group")],
        about: NOW,
    },
];
