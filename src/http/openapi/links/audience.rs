//! Links from responses about audiences.

use super::spec::LinkSpec;

pub(super) const LINKS: &[LinkSpec] = &[
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
    LinkSpec {
        from: "resolveAddressBookAliases",
        status: "200",
        to: &["listAddressBookContacts"],
        with: &[],
        about: "The contacts and their aliases.",
    },
];
