//! The parts of the document that describe the service as a whole.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContactBuilder, Info, InfoBuilder, LicenseBuilder, Server, ServerBuilder, Tag};

use crate::domain::Permission;
use crate::http::dialect::Dialects;

/// The name of the security scheme.
pub(super) const SCHEME: &str = "ApiKey";

/// The tag of operations of no dialect.
pub(super) const HEALTH: &str = "Health";

const DESCRIPTION: &str = "\
Contacts for messaging platforms: one store of names, phone numbers and template data for each account, in \
two API dialects.";

pub(super) fn info() -> Info {
    InfoBuilder::new()
        .title("addressbook")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(ContactBuilder::new().name(Some("The operator of this service")).build()))
        .license(Some(
            // Without an identifier: tools link to its page, and a choice of two licences has none. This page lists
            // both.
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

pub(super) fn tags(dialects: Dialects) -> Vec<Tag> {
    let tag = |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    let health = "Liveness and readiness, for monitoring and load balancers. No API key is required.";
    dialects
        .iter()
        .flat_map(|dialect| dialect.tags)
        .map(|own| tag(own.name, own.description))
        .chain([tag(HEALTH, health)])
        .collect()
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
