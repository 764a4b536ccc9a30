//! Where an answer leads: the operations that follow from it, and what of the answer they need.

mod group;

use utoipa::openapi::RefOr;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::Operation;

/// Operations that follow from an answer.
struct LinkSpec {
    from: &'static str,
    status: &'static str,
    to: &'static [&'static str],
    /// Parameters of theirs, and where their values stand (runtime expressions).
    with: &'static [(&'static str, &'static str)],
    about: &'static str,
}

const SHOWN: &str = "Uses the id of the contact in the response.";
const UNCHANGED: &str =
    "The entity tag ensures that no other client has changed the contact in the meantime.";
const BOTH: &str = "The same contact is immediately available in the other dialect.";
const FIRST: &str = "Uses the id of a contact on the page, here the first one.";
const NOW: &str = "Another client has changed the contact; this is its current state.";
const LEFT: &str = "The remaining contacts.";
const OUT: &str = "Uses the id of the opt-out in the response.";
const OUT_IN_BOTH: &str = "The number has also opted out in the other dialect.";
const FIRST_OUT: &str = "Uses the id of an opt-out on the page, here the first one.";
const STILL_OUT: &str = "The remaining opt-outs.";
const TEMPLATE: &str = "Uses the id of the template in the response.";
const TEMPLATE_UNCHANGED: &str =
    "The entity tag ensures that no other client has changed the template in the meantime.";
const TEMPLATE_NOW: &str = "Another client has changed the template; this is its current state.";

const LINKS: &[LinkSpec] = &[
    // /v1
    LinkSpec {
        from: "createContact",
        status: "201",
        to: &["getContact", "updateContact", "deleteContact"],
        with: &[("id", "$response.body#/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "createContact",
        status: "201",
        to: &["getAddressBookContact"],
        with: &[("contact", "$response.body#/id")],
        about: BOTH,
    },
    LinkSpec {
        from: "createContact",
        status: "409",
        to: &["listContacts"],
        with: &[("username", "$request.body#/username")],
        about: "The contact that already has the username.",
    },
    LinkSpec {
        from: "listContacts",
        status: "200",
        to: &["getContact", "updateContact", "deleteContact"],
        with: &[("id", "$response.body#/data/0/id")],
        about: FIRST,
    },
    LinkSpec {
        from: "listContacts",
        status: "200",
        to: &["listContacts"],
        with: &[("ending_before", "$response.body#/data/0/id")],
        about: "The contacts that have been created since.",
    },
    LinkSpec {
        from: "getContact",
        status: "200",
        to: &["getContact"],
        with: &[("id", "$response.body#/id"), ("If-None-Match", "$response.header.ETag")],
        about: "The response is 304, without a body, as long as the contact does not change.",
    },
    LinkSpec {
        from: "getContact",
        status: "200",
        to: &["updateContact", "deleteContact"],
        with: &[("id", "$response.body#/id"), ("If-Match", "$response.header.ETag")],
        about: UNCHANGED,
    },
    LinkSpec {
        from: "updateContact",
        status: "200",
        to: &["getContact", "deleteContact"],
        with: &[("id", "$response.body#/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "updateContact",
        status: "200",
        to: &["updateContact"],
        with: &[("id", "$response.body#/id"), ("If-Match", "$response.header.ETag")],
        about: UNCHANGED,
    },
    LinkSpec {
        from: "updateContact",
        status: "412",
        to: &["getContact"],
        with: &[("id", "$request.path.id")],
        about: NOW,
    },
    LinkSpec { from: "deleteContact", status: "204", to: &["listContacts"], with: &[], about: LEFT },
    LinkSpec {
        from: "deleteContact",
        status: "412",
        to: &["getContact"],
        with: &[("id", "$request.path.id")],
        about: NOW,
    },
    LinkSpec {
        from: "createAudience",
        status: "201",
        to: &["getAudience", "listAudienceRecipients", "listAudienceExclusions", "deleteAudience"],
        with: &[("id", "$response.body#/id")],
        about: "Uses the id of the kept audience in the response.",
    },
    LinkSpec {
        from: "createAudience",
        status: "200",
        to: &["listAudiences"],
        with: &[],
        about: "The kept audiences.",
    },
    LinkSpec {
        from: "listAudiences",
        status: "200",
        to: &["getAudience", "listAudienceRecipients", "listAudienceExclusions"],
        with: &[("id", "$response.body#/data/0/id")],
        about: "Uses the id of an audience on the page, here the first one.",
    },
    LinkSpec {
        from: "getAudience",
        status: "200",
        to: &["listAudienceRecipients", "listAudienceExclusions"],
        with: &[("id", "$response.body#/id")],
        about: "The recipients and the exclusions of the audience.",
    },
    LinkSpec {
        from: "listAudienceRecipients",
        status: "200",
        to: &["listAudienceExclusions", "getAudience"],
        with: &[("id", "$request.path.id")],
        about: "The rest of the audience.",
    },
    LinkSpec {
        from: "listAudienceExclusions",
        status: "200",
        to: &["listAudienceRecipients", "getAudience"],
        with: &[("id", "$request.path.id")],
        about: "The rest of the audience.",
    },
    LinkSpec {
        from: "deleteAudience",
        status: "204",
        to: &["listAudiences"],
        with: &[],
        about: "The remaining audiences.",
    },
    // /addressbook
    LinkSpec {
        from: "createAddressBookContact",
        status: "200",
        to: &["getAddressBookContact", "updateAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/record/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "createAddressBookContact",
        status: "200",
        to: &["getContact"],
        with: &[("id", "$response.body#/record/id")],
        about: BOTH,
    },
    LinkSpec {
        from: "listAddressBookContacts",
        status: "200",
        to: &["getAddressBookContact", "updateAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/records/0/id")],
        about: FIRST,
    },
    LinkSpec {
        from: "getAddressBookContact",
        status: "200",
        to: &["updateAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/record/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "updateAddressBookContact",
        status: "200",
        to: &["getAddressBookContact", "deleteAddressBookContact"],
        with: &[("contact", "$response.body#/record/id")],
        about: SHOWN,
    },
    LinkSpec {
        from: "deleteAddressBookContact",
        status: "200",
        to: &["listAddressBookContacts"],
        with: &[],
        about: LEFT,
    },
    // Opt-outs
    LinkSpec {
        from: "createOptOut",
        status: "201",
        to: &["getOptOut", "deleteOptOut"],
        with: &[("opt_out", "$response.body#/id")],
        about: OUT,
    },
    LinkSpec {
        from: "createOptOut",
        status: "201",
        to: &["getAddressBookOptOut"],
        with: &[("optout", "$response.body#/id")],
        about: OUT_IN_BOTH,
    },
    LinkSpec {
        from: "createOptOut",
        status: "200",
        to: &["getOptOut", "deleteOptOut"],
        with: &[("opt_out", "$response.body#/id")],
        about: OUT,
    },
    LinkSpec {
        from: "listOptOuts",
        status: "200",
        to: &["getOptOut", "deleteOptOut"],
        with: &[("opt_out", "$response.body#/data/0/id")],
        about: FIRST_OUT,
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
        about: OUT,
    },
    LinkSpec {
        from: "getOptOut",
        status: "200",
        to: &["listContacts"],
        with: &[("phone_number", "$response.body#/phone_number")],
        about: "The contacts that have the number.",
    },
    LinkSpec { from: "deleteOptOut", status: "204", to: &["listOptOuts"], with: &[], about: STILL_OUT },
    LinkSpec {
        from: "createAddressBookOptOut",
        status: "200",
        to: &["getAddressBookOptOut", "deleteAddressBookOptOut"],
        with: &[("optout", "$response.body#/record/id")],
        about: OUT,
    },
    LinkSpec {
        from: "createAddressBookOptOut",
        status: "200",
        to: &["getOptOut"],
        with: &[("opt_out", "$response.body#/record/id")],
        about: OUT_IN_BOTH,
    },
    LinkSpec {
        from: "listAddressBookOptOuts",
        status: "200",
        to: &["getAddressBookOptOut", "deleteAddressBookOptOut"],
        with: &[("optout", "$response.body#/records/0/id")],
        about: FIRST_OUT,
    },
    LinkSpec {
        from: "getAddressBookOptOut",
        status: "200",
        to: &["deleteAddressBookOptOut"],
        with: &[("optout", "$response.body#/record/id")],
        about: OUT,
    },
    LinkSpec {
        from: "deleteAddressBookOptOut",
        status: "200",
        to: &["listAddressBookOptOuts"],
        with: &[],
        about: STILL_OUT,
    },
    LinkSpec {
        from: "resolveAddressBookAliases",
        status: "200",
        to: &["listAddressBookContacts"],
        with: &[],
        about: "The contacts and their aliases.",
    },
    // Templates
    LinkSpec {
        from: "createTemplate",
        status: "201",
        to: &["getTemplate", "updateTemplate", "deleteTemplate"],
        with: &[("id", "$response.body#/id")],
        about: TEMPLATE,
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
        about: TEMPLATE_UNCHANGED,
    },
    LinkSpec {
        from: "updateTemplate",
        status: "200",
        to: &["getTemplate", "deleteTemplate"],
        with: &[("id", "$response.body#/id")],
        about: TEMPLATE,
    },
    LinkSpec {
        from: "updateTemplate",
        status: "200",
        to: &["updateTemplate"],
        with: &[("id", "$response.body#/id"), ("If-Match", "$response.header.ETag")],
        about: TEMPLATE_UNCHANGED,
    },
    LinkSpec {
        from: "updateTemplate",
        status: "412",
        to: &["getTemplate"],
        with: &[("id", "$request.path.id")],
        about: TEMPLATE_NOW,
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
        about: TEMPLATE_NOW,
    },
    // Signs of life
    LinkSpec {
        from: "getHealth",
        status: "200",
        to: &["getReadiness"],
        with: &[],
        about: "Whether the database is available as well.",
    },
    LinkSpec {
        from: "getReadiness",
        status: "200",
        to: &["listContacts", "listAddressBookContacts"],
        with: &[],
        about: "Requests for contacts can be served.",
    },
];

/// Documents where the answers of an operation lead.
///
/// # Panics
/// The table names an answer that the operation does not have: seen by every test that makes the
/// document.
pub(super) fn document(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let all = LINKS.iter().chain(group::LINKS);
    for LinkSpec { from: _, status, to, with, about } in all.filter(|lead| lead.from == id) {
        let Some(RefOr::T(response)) = operation.responses.responses.get_mut(*status) else {
            panic!("{id} has no {status}");
        };
        for target in *to {
            let link = Link::builder().operation_id(*target).description(*about);
            let link = with.iter().fold(link, |link, (name, value)| link.parameter(*name, *value)).build();
            let before = response.links.insert((*target).to_owned(), link.into());
            assert!(before.is_none(), "{id} {status} leads twice to {target}");
        }
    }
}
