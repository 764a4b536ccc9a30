//! Table `changes`: the change log. One row a change, numbered per account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// Without gaps, in the order of commits, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// An [`Event`].
    pub event: String,
    pub resource_id: Uuid,
    /// The group of a member.
    pub group_id: Option<Uuid>,
    /// The version after the change; that of a deleted resource is its last.
    pub version: Option<i64>,
    /// What an update changed: a JSON array of names.
    pub fields: Option<String>,
    /// Who asked: the id of the API key.
    pub key_id: String,
    pub request_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What happened to which kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    ContactCreated,
    ContactUpdated,
    /// A tombstone. Its memberships end with the contact, without events of their own.
    ContactDeleted,
    GroupCreated,
    GroupUpdated,
    /// A tombstone. The memberships in a group end with it, without events of their own.
    GroupDeleted,
    MemberAdded,
    MemberRemoved,
    OptOutCreated,
    /// A tombstone.
    OptOutDeleted,
    TemplateCreated,
    TemplateUpdated,
    /// A tombstone.
    TemplateDeleted,
}

impl Event {
    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ContactCreated => "contact.created",
            Self::ContactUpdated => "contact.updated",
            Self::ContactDeleted => "contact.deleted",
            Self::GroupCreated => "group.created",
            Self::GroupUpdated => "group.updated",
            Self::GroupDeleted => "group.deleted",
            Self::MemberAdded => "group.member_added",
            Self::MemberRemoved => "group.member_removed",
            Self::OptOutCreated => "opt_out.created",
            Self::OptOutDeleted => "opt_out.deleted",
            Self::TemplateCreated => "template.created",
            Self::TemplateUpdated => "template.updated",
            Self::TemplateDeleted => "template.deleted",
        }
    }
}
