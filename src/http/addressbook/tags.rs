//! The tags of this dialect in the OpenAPI document, in its order.

use crate::http::dialect::Tag;

pub const CONTACTS: &str = "Address book";
pub const GROUPS: &str = "Address book groups";
pub const SEGMENTS: &str = "Address book segments";
pub const OPT_OUTS: &str = "Address book opt-outs";
pub const AUDIENCES: &str = "Address book audiences";

/// Compares the names of both dialects, which share their contacts.
const CONTACTS_DESCRIPTION: &str = "\
The contacts of `/v1` with `alias` and `msisdn`; offset-based lists; errors as \
`{\"success\": false, \"error\": {\"name\", \"statusCode\", \"message\"}}`. A contact that is written through \
one dialect can immediately be read through the other:

| in `/v1` | in `/addressbook` | meaning |
|---|---|---|
| `id` | `id` | assigned by the server |
| `username` | `alias` | unique within the account |
| `phone_number` | `msisdn` | in international format, with and without `+` |
| `display_name` | – | the username unless set |
| `avatar_url` | – | stored, never fetched |
| `meta` | `meta` | any JSON object, for templates |
| `created_at`, `updated_at` | `created_on`, `updated_on` | UTC, to the millisecond |";

pub const ALL: &[Tag] = &[
    Tag { name: CONTACTS, description: CONTACTS_DESCRIPTION },
    Tag {
        name: GROUPS,
        description: "Groups as in `/v1`, identified by name, with contacts identified by alias or number.",
    },
    Tag {
        name: SEGMENTS,
        description: "Segments as in `/v1`, identified by name, with the words of this dialect.",
    },
    Tag { name: OPT_OUTS, description: "Opt-outs as in `/v1`, with `msisdn`." },
    Tag { name: AUDIENCES, description: "Who gets which text, by alias." },
];
