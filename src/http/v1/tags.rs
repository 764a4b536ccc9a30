//! The tags of this dialect in the OpenAPI document, in its order.

use crate::http::dialect::Tag;

pub const CONTACTS: &str = "Contacts";
pub const GROUPS: &str = "Groups";
pub const OPT_OUTS: &str = "Opt-outs";
pub const TEMPLATES: &str = "Templates";
pub const AUDIENCES: &str = "Audiences";
pub const IMPORTS: &str = "Imports";
pub const FIELDS: &str = "Fields";
pub const SEGMENTS: &str = "Segments";
pub const CHANGES: &str = "Changes";
pub const AUDIT: &str = "Audit log";
pub const ERASURES: &str = "Erasures";
pub const ACCOUNT: &str = "Account";

pub const ALL: &[Tag] = &[
    Tag {
        name: CONTACTS,
        description: "Contacts with `username` and `phone_number`; cursor-based lists; errors as \
             `{\"error\": {\"code\", \"message\"}}`.",
    },
    Tag {
        name: GROUPS,
        description: "Named sets of contacts that are messaged together. A contact can be in many groups. Lists and \
             errors work as for contacts.",
    },
    Tag {
        name: OPT_OUTS,
        description: "Phone numbers that must not be messaged, whichever contacts have them. Lists and errors work as \
             for contacts.",
    },
    Tag {
        name: TEMPLATES,
        description: "Message texts with placeholders that are filled in for each recipient, saved under a name and \
             checked when they are saved. Lists and errors work as for contacts.",
    },
    Tag {
        name: AUDIENCES,
        description: "Who gets which text, who does not, and why: any mix of recipients, with opt-outs excluded and a \
             template rendered for each.",
    },
    Tag {
        name: IMPORTS,
        description: "Files of contacts (CSV, vCard, NDJSON, JSContact): sent, planned, looked at, committed, and undone if \
             need be. Lists and errors work as for contacts.",
    },
    Tag {
        name: FIELDS,
        description: "Keys of `meta` that contacts can be chosen and sorted by. Lists and errors work as for contacts.",
    },
    Tag {
        name: SEGMENTS,
        description: "Filters that are saved under a name. Lists and errors work as for contacts.",
    },
    Tag {
        name: CHANGES,
        description: "What was changed, in the order of commits and without gaps, deletions included: to keep an exact \
             copy, page by page or as a stream of events.",
    },
    Tag {
        name: AUDIT,
        description: "Which key has changed what, when, and in which request; newest first, without any value of a contact.",
    },
    Tag {
        name: ERASURES,
        description: "Requests that nothing of a person is left (GDPR, article 17), each with a receipt that says what was where.",
    },
    Tag {
        name: ACCOUNT,
        description: "The account and the key of a request: what they may do, and what the account stores. Every key may ask.",
    },
];
