//! Links between the five operations of a versioned resource of v1: they follow from its name.

use super::spec::Link;

const ID: &[(&str, &str)] = &[("id", "$response.body#/id")];
const ID_ON_PAGE: &[(&str, &str)] = &[("id", "$response.body#/data/0/id")];
const ID_IN_REQUEST: &[(&str, &str)] = &[("id", "$request.path.id")];
const UNLESS_CACHED: &[(&str, &str)] =
    &[("id", "$response.body#/id"), ("If-None-Match", "$response.header.ETag")];
const IF_UNCHANGED: &[(&str, &str)] = &[("id", "$response.body#/id"), ("If-Match", "$response.header.ETag")];

struct Resource {
    /// In operation ids: `createContact`, `listContacts`.
    name: &'static str,
    /// In a sentence.
    noun: &'static str,
    /// The member that is unique within the account, by which the list can be filtered.
    unique: &'static str,
    taken: &'static [(&'static str, &'static str)],
}

const RESOURCES: [Resource; 3] = [
    Resource {
        name: "Contact",
        noun: "contact",
        unique: "username",
        taken: &[("username", "$request.body#/username")],
    },
    Resource {
        name: "Template",
        noun: "template",
        unique: "name",
        taken: &[("name", "$request.body#/name")],
    },
    Resource { name: "Segment", noun: "segment", unique: "name", taken: &[("name", "$request.body#/name")] },
];

/// The links of an operation.
pub(super) fn links(operation_id: &str) -> Vec<Link> {
    RESOURCES.into_iter().flat_map(|resource| of_resource(operation_id, resource)).collect()
}

fn of_resource(operation_id: &str, resource: Resource) -> Vec<Link> {
    let Resource { name, noun, unique, taken } = resource;
    let [create, get, update, delete] =
        ["create", "get", "update", "delete"].map(|verb| format!("{verb}{name}"));
    let list = format!("list{name}s");
    let in_response = format!("Uses the id of the {noun} in the response.");
    let taken_by = format!("The {noun} that already has the {unique}.");
    let on_page = format!("Uses the id of a {noun} on the page, here the first one.");
    let cached = format!("The response is 304, without a body, as long as the {noun} does not change.");
    let unchanged =
        format!("The entity tag ensures that no other client has changed the {noun} in the meantime.");
    let current = format!("Another client has changed the {noun}; this is its current state.");
    let remaining = format!("The remaining {noun}s.");
    let links = [
        (&create, "201", vec![&get, &update, &delete], ID, &in_response),
        (&create, "409", vec![&list], taken, &taken_by),
        (&list, "200", vec![&get, &update, &delete], ID_ON_PAGE, &on_page),
        (&get, "200", vec![&get], UNLESS_CACHED, &cached),
        (&get, "200", vec![&update, &delete], IF_UNCHANGED, &unchanged),
        (&update, "200", vec![&get, &delete], ID, &in_response),
        (&update, "200", vec![&update], IF_UNCHANGED, &unchanged),
        (&update, "412", vec![&get], ID_IN_REQUEST, &current),
        (&delete, "204", vec![&list], &[], &remaining),
        (&delete, "412", vec![&get], ID_IN_REQUEST, &current),
    ];
    links
        .into_iter()
        .filter(|(from, ..)| *from == operation_id)
        .flat_map(|(_, status, to, with, about)| {
            to.into_iter().map(move |to| Link { status, to: to.clone(), with, about: about.clone() })
        })
        .collect()
}
