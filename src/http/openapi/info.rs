//! What the document says of the service as a whole.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContactBuilder, Info, InfoBuilder, LicenseBuilder, Server, ServerBuilder, Tag};

use crate::domain::Permission;
use crate::http::{addressbook, v1};

/// The name of the security scheme.
pub(super) const SCHEME: &str = "ApiKey";

/// The tag of operations that belong to no dialect.
pub(super) const HEALTH: &str = "Health";

const DESCRIPTION: &str = "\
Contacts for messaging platforms: one store of names, phone numbers and template data for each account, in \
two API dialects.";

/// What the tag of the address book says: its names beside those of v1, since both dialects share their
/// contacts.
const ADDRESS_BOOK: &str = "\
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

pub(super) fn info() -> Info {
    InfoBuilder::new()
        .title("addressbook")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(ContactBuilder::new().name(Some("The operator of this service")).build()))
        .license(Some(
            // Without an identifier: readers make a link of it, and a choice of two has no page. This
            // one explains both.
            LicenseBuilder::new()
                .name(env!("CARGO_PKG_LICENSE"))
                .url(Some("https://spdx.org/licenses/"))
                .build(),
        ))
        .build()
}

pub(super) fn servers() -> Vec<Server> {
    vec![ServerBuilder::new().url("/").description(Some("This server")).build()]
}

pub(super) fn tags() -> Vec<Tag> {
    let tag = |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    vec![
        tag(
            v1::DIALECT.tag,
            "Contacts with `username` and `phone_number`; cursor-based lists; errors as \
             `{\"error\": {\"code\", \"message\"}}`.",
        ),
        tag(
            v1::groups::TAG,
            "Named sets of contacts that are messaged together. A contact can be in many groups. Lists and \
             errors work as for contacts.",
        ),
        tag(
            v1::opt_outs::TAG,
            "Phone numbers that must not be messaged, whichever contacts have them. Lists and errors work as \
             for contacts.",
        ),
        tag(
            v1::templates::TAG,
            "Message texts with placeholders that are filled in for each recipient, saved under a name and \
             checked when they are saved. Lists and errors work as for contacts.",
        ),
        tag(
            v1::audiences::TAG,
            "Who gets which text, who does not, and why: any mix of recipients, with opt-outs excluded and a \
             template rendered for each.",
        ),
        tag(addressbook::DIALECT.tag, ADDRESS_BOOK),
        tag(
            addressbook::groups::TAG,
            "Groups as in `/v1`, identified by name, with contacts identified by alias or number.",
        ),
        tag(addressbook::opt_outs::TAG, "Opt-outs as in `/v1`, with `msisdn`."),
        tag(addressbook::resolve::TAG, "Who gets which text, by alias."),
        tag(HEALTH, "Liveness and readiness, for monitoring and load balancers. No API key is required."),
    ]
}

pub(super) fn security_scheme() -> SecurityScheme {
    let permissions: String = Permission::ALL
        .iter()
        .map(|permission| format!("\n- `{permission}`: {}", permission.about()))
        .collect();
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("ab_live_<id>_<secret>")
            .description(Some(format!(
                "An API key, which `addressbook keys create` prints once, sent as \
                 `Authorization: Bearer ab_live_…`. A key gives access to one account and has \
                 permissions:\n{permissions}"
            )))
            .build(),
    )
}
