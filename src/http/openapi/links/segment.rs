//! Links from responses about segments, beside those of every versioned resource.

use super::spec::LinkSpec;

const MEMBERS: &str = "The contacts that are in the segment at this moment, and why.";
const IN_RESPONSE: &str = "Uses the id of the segment in the response.";
const OTHER_DIALECT: &str = "The same segment is immediately available in the other dialect.";
const ON_PAGE: &str = "Uses the id of a segment on the page, here the first one.";
const REMAINING: &str = "The remaining segments.";
const CONTACT_ON_PAGE: &str = "Uses the id of a contact on the page, here the first one.";

pub(super) const LINKS: &[LinkSpec] = &[
    LinkSpec {
        from: "createSegment",
        status: "201",
        to: &["listSegmentMembers", "explainSegment"],
        with: &[("id", "$response.body#/id")],
        about: MEMBERS,
    },
    LinkSpec {
        from: "listSegments",
        status: "200",
        to: &["listSegmentMembers", "explainSegment"],
        with: &[("id", "$response.body#/data/0/id")],
        about: MEMBERS,
    },
    LinkSpec {
        from: "getSegment",
        status: "200",
        to: &["listSegmentMembers", "explainSegment"],
        with: &[("id", "$response.body#/id")],
        about: MEMBERS,
    },
    LinkSpec {
        from: "updateSegment",
        status: "200",
        to: &["listSegmentMembers", "explainSegment"],
        with: &[("id", "$response.body#/id")],
        about: MEMBERS,
    },
    LinkSpec {
        from: "listSegmentMembers",
        status: "200",
        to: &["getContact", "updateContact", "deleteContact"],
        with: &[("id", "$response.body#/data/0/id")],
        about: CONTACT_ON_PAGE,
    },
    LinkSpec {
        from: "createAddressBookSegment",
        status: "200",
        to: &[
            "getAddressBookSegment",
            "updateAddressBookSegment",
            "deleteAddressBookSegment",
            "listAddressBookSegmentContacts",
        ],
        with: &[("segment", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "createAddressBookSegment",
        status: "200",
        to: &["getSegment"],
        with: &[("id", "$response.body#/record/id")],
        about: OTHER_DIALECT,
    },
    LinkSpec {
        from: "listAddressBookSegments",
        status: "200",
        to: &["getAddressBookSegment", "deleteAddressBookSegment", "listAddressBookSegmentContacts"],
        with: &[("segment", "$response.body#/records/0/id")],
        about: ON_PAGE,
    },
    LinkSpec {
        from: "getAddressBookSegment",
        status: "200",
        to: &["updateAddressBookSegment", "deleteAddressBookSegment", "listAddressBookSegmentContacts"],
        with: &[("segment", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "updateAddressBookSegment",
        status: "200",
        to: &["getAddressBookSegment", "deleteAddressBookSegment"],
        with: &[("segment", "$response.body#/record/id")],
        about: IN_RESPONSE,
    },
    LinkSpec {
        from: "deleteAddressBookSegment",
        status: "200",
        to: &["listAddressBookSegments"],
        with: &[],
        about: REMAINING,
    },
    LinkSpec {
        from: "listAddressBookSegmentContacts",
        status: "200",
        to: &["getAddressBookContact"],
        with: &[("contact", "$response.body#/records/0/id")],
        about: CONTACT_ON_PAGE,
    },
    LinkSpec {
        from: "explainSegment",
        status: "200",
        to: &["listSegmentMembers"],
        with: &[("id", "$request.path.id")],
        about: MEMBERS,
    },
];
