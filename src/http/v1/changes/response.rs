//! The feed on the wire.

use utoipa::openapi::RefOr;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use uuid::Uuid;

use super::super::contacts::Contact;
use super::super::groups::Group;
use super::super::names::NAMES;
use super::super::opt_outs::OptOut;
use super::super::segments::ContactSegment;
use super::super::templates::MessageTemplate;
use crate::domain::change::{ChangePage, ChangedField, Current};
use crate::domain::contact::ContactField;
use crate::domain::{self, ContactId, Field};
use crate::http::openapi::fields;
use crate::http::prelude::*;

/// Changes in the order of commits.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeList {
    /// The changes, oldest first.
    data: Vec<Change>,
    #[schema(schema_with = next)]
    next: String,
    /// Whether there are more changes already. A page without changes may have more.
    has_more: bool,
}

/// A change. A contact, a group, an opt-out, a template or a segment is included as it is now, which may be newer than the change; if
/// it has been deleted since, it is not included.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    #[schema(schema_with = fields::change::change_type)]
    r#type: &'static str,
    #[schema(schema_with = changed_id)]
    id: Uuid,
    /// The time of the change, in UTC with millisecond precision.
    at: Timestamp,
    /// The version after the change; for a deletion, the last one. Absent for opt-outs and memberships, which have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = 2)]
    version: Option<i64>,
    #[schema(schema_with = changed)]
    changed: Vec<String>,
    /// The contact. Null for deletions, for changes of other kinds, and if it has been deleted since.
    contact: Option<Contact>,
    /// The group that was created or updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    group: Option<Group>,
    /// The contact that was added to the group or removed from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = member, required = false)]
    member_id: Option<ContactId>,
    /// The opt-out that was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    opt_out: Option<OptOut>,
    /// The template that was created or updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    template: Option<MessageTemplate>,
    /// The segment that was created or updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    segment: Option<ContactSegment>,
}

fn next() -> RefOr<Schema> {
    fields::change::position("The position of the last change on the page: the `since` of the next request.")
        .into()
}

pub(in super::super) fn changed_id() -> RefOr<Schema> {
    let about = "The id of the contact, group, opt-out, template or segment; for a change of members, the id of the group.";
    fields::with_description(fields::id(), about).into()
}

pub(in super::super) fn member() -> RefOr<Schema> {
    fields::with_description(fields::id(), "The contact that was added to the group or removed from it.")
        .into()
}

pub(in super::super) fn changed() -> Array {
    ArrayBuilder::new()
        .items(fields::change::changed())
        .description(Some("What an update changed: names of members; `meta.KEY` is a key of `meta`."))
        .build()
}

impl From<ChangePage> for ChangeList {
    fn from(ChangePage { changes, next, has_more }: ChangePage) -> Self {
        Self { data: changes.into_iter().map(Change::from).collect(), next: next.to_string(), has_more }
    }
}

impl From<domain::change::Change> for Change {
    fn from(change: domain::change::Change) -> Self {
        let domain::change::Change {
            position: _, // of the page, or of the event in a stream
            change_type,
            id,
            member,
            at,
            version,
            changed,
            current,
        } = change;
        let mut this = Self {
            r#type: change_type.as_str(),
            id,
            at,
            version,
            changed: changed.iter().map(name).collect(),
            contact: None,
            group: None,
            member_id: member,
            opt_out: None,
            template: None,
            segment: None,
        };
        match current {
            None => {}
            Some(Current::Contact(contact)) => this.contact = Some(contact.into()),
            Some(Current::Group(group)) => this.group = Some(group.into()),
            Some(Current::OptOut(opt_out)) => this.opt_out = Some(opt_out.into()),
            Some(Current::Template(template)) => this.template = Some(template.into()),
            Some(Current::Segment(segment)) => this.segment = Some(segment.into()),
        }
        this
    }
}

/// As this dialect calls it.
pub(in super::super) fn name(field: &ChangedField) -> String {
    let of_contact = |field| (NAMES.name)(field).to_owned();
    match field {
        ChangedField::OfContact(ContactField::Handle) => of_contact(Field::Handle),
        ChangedField::OfContact(ContactField::Phone) => of_contact(Field::Phone),
        ChangedField::OfContact(ContactField::DisplayName) => of_contact(Field::DisplayName),
        ChangedField::OfContact(ContactField::AvatarUrl) => of_contact(Field::AvatarUrl),
        ChangedField::OfContact(ContactField::Meta(key)) => format!("{}.{key}", of_contact(Field::Meta)),
        ChangedField::Named(name) => name.clone(),
    }
}
