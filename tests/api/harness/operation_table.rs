//! What each operation is: its address, the permissions that it needs, and the status with which it succeeds. Written
//! by hand, from the contracts, and independent of the document: the document is compared with it, and the other
//! tests take permissions and statuses from here.

use serde_json::{Value, json};

/// An operation.
#[derive(Debug)]
pub struct Operation {
    pub id: &'static str,
    /// Method and path.
    pub address: &'static str,
    /// The status of a request that is carried out.
    pub success: u16,
    /// Other statuses that are no errors.
    pub also: &'static [u16],
    /// Whether it needs a key. One with a key and no permissions is for any key.
    pub needs_key: bool,
    /// The permissions that every request needs.
    pub always: &'static [&'static str],
    /// The permissions that some requests need.
    pub conditions: &'static [&'static str],
    /// The permission with which the response contains more than the request sent.
    pub shows: &'static [&'static str],
}

const fn row(
    id: &'static str,
    address: &'static str,
    success: u16,
    always: &'static [&'static str],
) -> Operation {
    let needs_key = true;
    Operation { id, address, success, also: &[], needs_key, always, conditions: &[], shows: &[] }
}

impl Operation {
    const fn also(self, also: &'static [u16]) -> Self {
        Self { also, ..self }
    }

    const fn without_key(self) -> Self {
        Self { needs_key: false, ..self }
    }

    const fn needs_at_times(self, conditions: &'static [&'static str]) -> Self {
        Self { conditions, ..self }
    }

    const fn shows_more_with(self, shows: &'static [&'static str]) -> Self {
        Self { shows, ..self }
    }

    /// The row of an operation.
    #[track_caller]
    pub fn named(id: &str) -> &'static Self {
        OPERATIONS
            .iter()
            .find(|operation| operation.id == id)
            .unwrap_or_else(|| panic!("{id} is not in the table"))
    }
}

/// Of what takes a filter.
const FILTER: &[&str] = &["read:Groups", "read:OptOuts", "read:Segments"];
const FILTER_OF_SEGMENT: &[&str] = &["read:Groups", "read:OptOuts"];
const COUNT_OF_SEGMENT: &[&str] = &["read:Contacts", "read:Groups", "read:OptOuts"];
const FILTER_OF_CHANGE: &[&str] = &["read:Contacts", "read:Groups", "read:OptOuts", "read:Segments"];

pub const OPERATIONS: &[Operation] = &[
    row("getHealth", "GET /healthz", 200, &[]).without_key(),
    row("getReadiness", "GET /readyz", 200, &[]).without_key(),
    // /v1: a create is answered with 201, a deletion with 204.
    row("listContacts", "GET /v1/contacts", 200, &["read:Contacts"]).needs_at_times(FILTER),
    row("countContacts", "GET /v1/contacts/count", 200, &["read:Contacts"]).needs_at_times(FILTER),
    row("createContact", "POST /v1/contacts", 201, &["create:Contacts"]),
    row("exportContacts", "GET /v1/contacts/export", 200, &["read:Contacts"]).needs_at_times(FILTER),
    row("getContact", "GET /v1/contacts/{id}", 200, &["read:Contacts"])
        .also(&[304])
        .needs_at_times(&["read:Groups"]),
    row("updateContact", "PATCH /v1/contacts/{id}", 200, &["update:Contacts"])
        .shows_more_with(&["read:Contacts"]),
    row("deleteContact", "DELETE /v1/contacts/{id}", 204, &["delete:Contacts"]),
    row("applyContactBatch", "POST /v1/contacts/batch", 200, &[])
        .needs_at_times(&["create:Contacts", "update:Contacts"])
        .shows_more_with(&["read:Contacts"]),
    row("getContactBatch", "POST /v1/contacts/batch/get", 200, &["read:Contacts"]).needs_at_times(FILTER),
    row("deleteContactBatch", "POST /v1/contacts/batch/delete", 200, &["delete:Contacts"])
        .needs_at_times(FILTER_OF_CHANGE),
    row("listGroups", "GET /v1/groups", 200, &["read:Groups"]),
    row("createGroup", "POST /v1/groups", 201, &["create:Groups"]),
    row("getGroup", "GET /v1/groups/{id}", 200, &["read:Groups"]),
    row("updateGroup", "PATCH /v1/groups/{id}", 200, &["update:Groups"]).shows_more_with(&["read:Groups"]),
    row("deleteGroup", "DELETE /v1/groups/{id}", 204, &["delete:Groups"]),
    row("listGroupMembers", "GET /v1/groups/{id}/members", 200, &["read:Groups", "read:Contacts"]),
    row("changeGroupMembers", "POST /v1/groups/{id}/members", 200, &["update:Groups"])
        .needs_at_times(FILTER_OF_CHANGE)
        .shows_more_with(&["read:Groups"]),
    row("listOptOuts", "GET /v1/opt_outs", 200, &["read:OptOuts"]),
    row("createOptOut", "POST /v1/opt_outs", 201, &["create:OptOuts"])
        .also(&[200])
        .shows_more_with(&["read:OptOuts"]),
    row("getOptOut", "GET /v1/opt_outs/{opt_out}", 200, &["read:OptOuts"]),
    row("deleteOptOut", "DELETE /v1/opt_outs/{opt_out}", 204, &["delete:OptOuts"]),
    row("listTemplates", "GET /v1/templates", 200, &["read:Templates"]),
    row("createTemplate", "POST /v1/templates", 201, &["create:Templates"]),
    row("getTemplate", "GET /v1/templates/{id}", 200, &["read:Templates"]).also(&[304]),
    row("updateTemplate", "PATCH /v1/templates/{id}", 200, &["update:Templates"])
        .shows_more_with(&["read:Templates"]),
    row("deleteTemplate", "DELETE /v1/templates/{id}", 204, &["delete:Templates"]),
    row("listFields", "GET /v1/fields", 200, &["read:Fields"]),
    row("declareField", "POST /v1/fields", 201, &["create:Fields"]),
    row("getField", "GET /v1/fields/{id}", 200, &["read:Fields"]),
    row("deleteField", "DELETE /v1/fields/{id}", 204, &["delete:Fields"]),
    row("listSegments", "GET /v1/segments", 200, &["read:Segments"]),
    row("createSegment", "POST /v1/segments", 201, &["create:Segments"]),
    row("getSegment", "GET /v1/segments/{id}", 200, &["read:Segments"])
        .also(&[304])
        .shows_more_with(COUNT_OF_SEGMENT),
    row("updateSegment", "PATCH /v1/segments/{id}", 200, &["update:Segments"])
        .shows_more_with(&["read:Segments"]),
    row("deleteSegment", "DELETE /v1/segments/{id}", 204, &["delete:Segments"]),
    row("listSegmentMembers", "GET /v1/segments/{id}/members", 200, &["read:Segments", "read:Contacts"])
        .needs_at_times(FILTER_OF_SEGMENT),
    row("explainSegment", "GET /v1/segments/{id}/explain", 200, &["read:Segments", "read:Contacts"])
        .needs_at_times(FILTER_OF_SEGMENT),
    row("listChanges", "GET /v1/changes", 200, &["read:Changes"]),
    row("listAuditEntries", "GET /v1/audit", 200, &["read:Audit"]),
    row("eraseContacts", "POST /v1/erasures", 201, &["erase:Contacts"]),
    row("listErasures", "GET /v1/erasures", 200, &["read:Erasures"]),
    row("getErasure", "GET /v1/erasures/{id}", 200, &["read:Erasures"]),
    // Any key may ask what it may do.
    row("getMe", "GET /v1/me", 200, &[]),
    row("listAudiences", "GET /v1/audiences", 200, &["read:Audiences"]),
    // Resolves, with 200; one that is kept is created, with 201.
    row("createAudience", "POST /v1/audiences", 200, &["read:Contacts"]).also(&[201]).needs_at_times(&[
        "read:Groups",
        "read:Templates",
        "read:OptOuts",
        "create:Audiences",
        "read:Segments",
    ]),
    row("getAudience", "GET /v1/audiences/{id}", 200, &["read:Audiences"]),
    row("deleteAudience", "DELETE /v1/audiences/{id}", 204, &["delete:Audiences"]),
    row("listAudienceRecipients", "GET /v1/audiences/{id}/recipients", 200, &["read:Audiences"]),
    row("listAudienceExclusions", "GET /v1/audiences/{id}/exclusions", 200, &["read:Audiences"]),
    row("listImports", "GET /v1/imports", 200, &["read:Imports"]),
    row("createImport", "POST /v1/imports", 201, &["create:Imports"]).needs_at_times(&[
        "create:Contacts",
        "update:Contacts",
        "create:Groups",
        "update:Groups",
    ]),
    row("getImport", "GET /v1/imports/{id}", 200, &["read:Imports"]),
    row("putImportFile", "PUT /v1/imports/{id}/file", 202, &["create:Imports"]),
    row("listImportRows", "GET /v1/imports/{id}/rows", 200, &["read:Imports"]),
    row("getImportRejects", "GET /v1/imports/{id}/rejects", 200, &["read:Imports"]),
    row("commitImport", "POST /v1/imports/{id}/commit", 202, &["create:Imports"]).needs_at_times(&[
        "create:Contacts",
        "update:Contacts",
        "create:Groups",
        "update:Groups",
    ]),
    row("undoImport", "POST /v1/imports/{id}/undo", 202, &["create:Imports"]).needs_at_times(&[
        "delete:Contacts",
        "update:Contacts",
        "update:Groups",
    ]),
    row("deleteImport", "DELETE /v1/imports/{id}", 204, &["create:Imports"]),
    // /addressbook: everything that succeeds is answered with 200.
    row("listAddressBookContacts", "GET /addressbook/contacts", 200, &["read:Contacts"])
        .needs_at_times(FILTER),
    row("countAddressBookContacts", "GET /addressbook/contacts/count", 200, &["read:Contacts"])
        .needs_at_times(FILTER),
    row("createAddressBookContact", "POST /addressbook/contacts", 200, &["create:Contacts"]),
    row("getAddressBookContact", "GET /addressbook/contacts/{contact}", 200, &["read:Contacts"]),
    row("updateAddressBookContact", "POST /addressbook/contacts/{contact}", 200, &["update:Contacts"])
        .shows_more_with(&["read:Contacts"]),
    row("deleteAddressBookContact", "DELETE /addressbook/contacts/{contact}", 200, &["delete:Contacts"]),
    row("applyAddressBookContactBatch", "POST /addressbook/contacts/batch", 200, &[])
        .needs_at_times(&["create:Contacts", "update:Contacts"])
        .shows_more_with(&["read:Contacts"]),
    row("getAddressBookContactBatch", "POST /addressbook/contacts/batch/get", 200, &["read:Contacts"])
        .needs_at_times(FILTER),
    row(
        "deleteAddressBookContactBatch",
        "POST /addressbook/contacts/batch/delete",
        200,
        &["delete:Contacts"],
    )
    .needs_at_times(FILTER_OF_CHANGE),
    row("listAddressBookGroups", "GET /addressbook/groups", 200, &["read:Groups"]),
    row("createAddressBookGroup", "POST /addressbook/groups", 200, &["create:Groups"]),
    row("getAddressBookGroup", "GET /addressbook/groups/{group}", 200, &["read:Groups"]),
    row("updateAddressBookGroup", "POST /addressbook/groups/{group}", 200, &["update:Groups"])
        .shows_more_with(&["read:Groups"]),
    row("deleteAddressBookGroup", "DELETE /addressbook/groups/{group}", 200, &["delete:Groups"]),
    row(
        "listAddressBookGroupContacts",
        "GET /addressbook/groups/{group}/contacts",
        200,
        &["read:Groups", "read:Contacts"],
    ),
    row("addAddressBookGroupContacts", "POST /addressbook/groups/{group}/contacts", 200, &["update:Groups"])
        .shows_more_with(&["read:Groups"]),
    row(
        "removeAddressBookGroupContact",
        "DELETE /addressbook/groups/{group}/contacts/{contact}",
        200,
        &["update:Groups"],
    ),
    row("listAddressBookSegments", "GET /addressbook/segments", 200, &["read:Segments"]),
    row("createAddressBookSegment", "POST /addressbook/segments", 200, &["create:Segments"]),
    row("getAddressBookSegment", "GET /addressbook/segments/{segment}", 200, &["read:Segments"])
        .shows_more_with(COUNT_OF_SEGMENT),
    row("updateAddressBookSegment", "POST /addressbook/segments/{segment}", 200, &["update:Segments"])
        .shows_more_with(&["read:Segments"]),
    row("deleteAddressBookSegment", "DELETE /addressbook/segments/{segment}", 200, &["delete:Segments"]),
    row(
        "listAddressBookSegmentContacts",
        "GET /addressbook/segments/{segment}/contacts",
        200,
        &["read:Segments", "read:Contacts"],
    )
    .needs_at_times(FILTER_OF_SEGMENT),
    row("listAddressBookOptOuts", "GET /addressbook/optouts", 200, &["read:OptOuts"]),
    row("createAddressBookOptOut", "POST /addressbook/optouts", 200, &["create:OptOuts"])
        .shows_more_with(&["read:OptOuts"]),
    row("getAddressBookOptOut", "GET /addressbook/optouts/{optout}", 200, &["read:OptOuts"]),
    row("deleteAddressBookOptOut", "DELETE /addressbook/optouts/{optout}", 200, &["delete:OptOuts"]),
    row("resolveAddressBookAliases", "POST /addressbook/resolve", 200, &["read:Contacts"])
        .needs_at_times(&["read:Templates", "read:OptOuts"]),
];

/// The permissions of some requests, by what happens without them.
fn conditional(operation: &Value, otherwise: &str) -> Vec<String> {
    let conditions = operation["responses"]["403"]["x-conditional-permissions"].as_array();
    let conditions = conditions.into_iter().flatten().filter(|condition| condition["otherwise"] == otherwise);
    conditions.map(|condition| condition["permission"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_document_agrees_with_the_table() {
    let document = addressbook::app::openapi(&addressbook::config::Settings::default().limits).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut documented = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented += 1;
            let row = Operation::named(operation["operationId"].as_str().unwrap());
            assert_eq!(row.address, format!("{} {path}", method.to_uppercase()));
            let security = if row.needs_key { json!([{"ApiKey": row.always}]) } else { json!([]) };
            assert_eq!(operation["security"], security, "{}", row.id);
            // A key of a suspended account is forbidden everything, what needs no permission too.
            assert_eq!(operation["responses"]["403"].is_object(), row.needs_key, "{}", row.id);
            assert_eq!(conditional(operation, "forbidden"), row.conditions, "{}", row.id);
            assert_eq!(conditional(operation, "hidden"), row.shows, "{}", row.id);
            let statuses =
                operation["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap());
            let mut statuses: Vec<u16> = statuses.filter(|status| *status < 400).collect();
            let mut expected: Vec<u16> = row.also.iter().copied().chain([row.success]).collect();
            statuses.sort_unstable();
            expected.sort_unstable();
            assert_eq!(statuses, expected, "{}", row.id);
        }
    }
    assert_eq!(documented, OPERATIONS.len());
}
