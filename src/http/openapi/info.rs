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
Contacts for messaging platforms: who has which name and which number, and what to fill their \
templates with.

Two dialects speak of the same contacts. What one writes, the other reads at once:

| in `/v1` | in `/addressbook` | what it is |
|---|---|---|
| `id` | `id` | made by the server |
| `username` | `alias` | unique within the account |
| `phone_number` | `msisdn` | in international form, with and without `+` |
| `display_name` | – | the username unless set |
| `avatar_url` | – | kept, never fetched |
| `meta` | `meta` | any JSON object, for templates |
| `created_at`, `updated_at` | `created_on`, `updated_on` | UTC, to the millisecond |

Every request for contacts needs an API key; in Swagger UI, press **Authorize** and paste it. Each \
operation names the permission that the key must have.";

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
            "Contacts with `username` and `phone_number`; lists by cursor; errors as \
             `{\"error\": {\"code\", \"message\"}}`.",
        ),
        tag(
            v1::groups::TAG,
            "Contacts under one name, to be written to together. A contact can be in many groups. Lists and \
             errors as for contacts.",
        ),
        tag(
            v1::opt_outs::TAG,
            "Phone numbers that want no messages, whichever contacts have them. Lists and errors as for \
             contacts.",
        ),
        tag(
            v1::templates::TAG,
            "Texts with places to fill in for each recipient, kept under a name and checked when they are \
             saved. Lists and errors as for contacts.",
        ),
        tag(
            addressbook::DIALECT.tag,
            "The same contacts with `alias` and `msisdn`; lists by offset; errors as \
             `{\"success\": false, \"error\": {\"name\", \"statusCode\", \"message\"}}`.",
        ),
        tag(HEALTH, "Signs of life, for whatever watches over the service. No key is needed."),
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
                "An API key, as `addressbook keys create` prints it once: \
                 `Authorization: Bearer ab_live_…`. A key opens one account and has permissions:\n{permissions}"
            )))
            .build(),
    )
}
