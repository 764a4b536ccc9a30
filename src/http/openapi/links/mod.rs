//! Links: the operations that follow from a response, and which of its values they take.

mod audience;
mod audit;
mod change;
mod contact;
mod erasure;
mod field;
mod group;
mod health;
mod import;
mod me;
mod opt_out;
mod segment;
mod spec;
mod versioned;

use utoipa::openapi::RefOr;
use utoipa::openapi::link;
use utoipa::openapi::path::Operation;

use spec::{Link, LinkSpec};

const TABLES: [&[LinkSpec]; 12] = [
    contact::LINKS,
    group::LINKS,
    opt_out::LINKS,
    field::LINKS,
    segment::LINKS,
    audience::LINKS,
    import::LINKS,
    change::LINKS,
    audit::LINKS,
    erasure::LINKS,
    me::LINKS,
    health::LINKS,
];

/// Adds the links of an operation.
///
/// # Panics
/// A table names a response that the operation does not have, or an operation twice: every test that builds the document
/// fails.
pub(super) fn document(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let specs = TABLES.into_iter().flatten().filter(|spec| spec.from == id);
    for Link { status, to, with, about } in specs.flat_map(LinkSpec::links).chain(versioned::links(&id)) {
        let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) else {
            panic!("{id} has no {status}");
        };
        let link = link::Link::builder().operation_id(&to).description(about);
        let link = with.iter().fold(link, |link, (name, value)| link.parameter(*name, *value)).build();
        let previous = response.links.insert(to.clone(), link.into());
        assert!(previous.is_none(), "{id} {status} links to {to} twice");
    }
}
