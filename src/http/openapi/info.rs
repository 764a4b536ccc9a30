//! The parts of the document that describe the service as a whole.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContactBuilder, Info, InfoBuilder, LicenseBuilder, Server, ServerBuilder, Tag};

use crate::domain::Permission;
use crate::domain::api_key::KeyKind;
use crate::http::dialect::Dialects;

/// The name of the security scheme.
pub(super) fn scheme(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Account => "ApiKey",
        KeyKind::Operator => "OperatorKey",
    }
}

/// The tag of operations of no dialect.
pub(super) const HEALTH: &str = "Health";

const DESCRIPTION: &str = "\
Contacts for messaging platforms: one store of names, phone numbers and template data for each account, in \
two API dialects.";

const ADMINISTRATION: &str = "\
Accounts and their keys, for the operator of the service: served at the administration address only, and without access to \
what is in an account.";

pub(super) fn info(kind: KeyKind) -> Info {
    let (title, description) = match kind {
        KeyKind::Account => ("addressbook", DESCRIPTION),
        KeyKind::Operator => ("addressbook administration", ADMINISTRATION),
    };
    InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
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

pub(super) fn tags(dialects: Dialects, kind: KeyKind) -> Vec<Tag> {
    let tag = |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    let health = "Liveness and readiness, for monitoring and load balancers. No API key is required.";
    dialects
        .iter()
        .flat_map(|dialect| dialect.tags)
        .map(|own| tag(own.name, own.description))
        .chain((kind == KeyKind::Account).then(|| tag(HEALTH, health)))
        .collect()
}

pub(super) fn security_scheme(kind: KeyKind) -> SecurityScheme {
    let (format, description) = match kind {
        KeyKind::Account => {
            let permissions: String = Permission::ALL
                .iter()
                .map(|permission| format!("\n- `{permission}`: {}", permission.about()))
                .collect();
            let about = format!(
                "An API key, which `addressbook keys create` prints once, sent as \
                 `Authorization: Bearer ab_live_…`. A key gives access to one account and has \
                 permissions:\n{permissions}"
            );
            ("ab_live_<id>_<secret>", about)
        }
        KeyKind::Operator => {
            let about = "An operator key, which `addressbook keys create --operator` prints once, sent as \
                         `Authorization: Bearer ab_operator_…`. It gives access to every operation of this API, and to \
                         none of the API of accounts.";
            ("ab_operator_<id>_<secret>", about.to_owned())
        }
    };
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format(format)
            .description(Some(description))
            .build(),
    )
}
