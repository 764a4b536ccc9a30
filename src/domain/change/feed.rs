//! What the feed says about a change.

use uuid::Uuid;

use super::position::ChangePosition;
use crate::domain::contact::{Contact, ContactField, ContactId};
use crate::domain::group::Group;
use crate::domain::opt_out::OptOut;
use crate::domain::segment::Segment;
use crate::domain::template::saved::SavedTemplate;
use crate::domain::timestamp::Timestamp;
use crate::domain::wire_names::wire_names;

wire_names! {
    /// What happened to which kind of resource.
    ChangeType {
        ContactCreated => "contact.created", "a contact was created";
        ContactUpdated => "contact.updated", "a contact was changed";
        ContactDeleted => "contact.deleted", "a contact was deleted, and with it its memberships in groups";
        GroupCreated => "group.created", "a group was created";
        GroupUpdated => "group.updated", "the name or the description of a group was changed";
        GroupDeleted => "group.deleted", "a group was deleted, and with it its memberships";
        MemberAdded => "group.member_added", "a contact was added to a group";
        MemberRemoved => "group.member_removed", "a contact was removed from a group";
        OptOutCreated => "opt_out.created", "a number was opted out";
        OptOutDeleted => "opt_out.deleted", "an opt-out was deleted";
        TemplateCreated => "template.created", "a template was created";
        TemplateUpdated => "template.updated", "a template was changed";
        TemplateDeleted => "template.deleted", "a template was deleted";
        SegmentCreated => "segment.created", "a segment was created";
        SegmentUpdated => "segment.updated", "a segment was changed";
        SegmentDeleted => "segment.deleted", "a segment was deleted";
    }
}

/// A set of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeTypes(u32);

impl ChangeTypes {
    pub const ALL: Self = Self(u32::MAX);

    /// Parses names separated by commas. `None` if a name is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut set = 0;
        for name in text.split(',') {
            set |= Self::bit(ChangeType::parse(name)?);
        }
        Some(Self(set))
    }

    /// Those in the set.
    pub fn iter(self) -> impl Iterator<Item = ChangeType> {
        ChangeType::ALL.into_iter().filter(move |change_type| self.contains(*change_type))
    }

    #[must_use]
    pub fn contains(self, change_type: ChangeType) -> bool {
        self.0 & Self::bit(change_type) != 0
    }

    fn bit(change_type: ChangeType) -> u32 {
        1 << change_type as u16
    }
}

/// What an update changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedField {
    OfContact(ContactField),
    /// Of a group or a template.
    Named(String),
}

/// A resource as it is when the feed is read: perhaps newer than the change, never older.
#[derive(Clone, Debug)]
pub enum Current {
    Contact(Contact),
    Group(Group),
    OptOut(OptOut),
    Template(SavedTemplate),
    Segment(Segment),
}

#[derive(Clone, Debug)]
pub struct Change {
    pub position: ChangePosition,
    pub change_type: ChangeType,
    /// Of the contact, group, opt-out or template. Of a membership, the group's.
    pub id: Uuid,
    /// The contact of a membership.
    pub member: Option<ContactId>,
    pub at: Timestamp,
    /// After the change; of a deletion, the last one. `None` if such resources have no version.
    pub version: Option<i64>,
    /// Of updates.
    pub changed: Vec<ChangedField>,
    /// `None` of memberships, and if the resource has been deleted since.
    pub current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
pub struct ChangeQuery {
    /// `None`: from now on.
    pub since: Option<ChangePosition>,
    pub types: ChangeTypes,
    pub limit: u64,
}

#[derive(Clone, Debug)]
pub struct ChangePage {
    /// In commit order.
    pub changes: Vec<Change>,
    /// Where to go on: nothing before it is missing, not even what was not asked for.
    pub next: ChangePosition,
    pub has_more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_a_set_of_known_names() {
        let types = ChangeTypes::parse("contact.deleted,template.deleted,contact.deleted").unwrap();
        assert_eq!(
            types.iter().collect::<Vec<_>>(),
            [ChangeType::ContactDeleted, ChangeType::TemplateDeleted]
        );
        assert!(ChangeType::ALL.into_iter().all(|change_type| ChangeTypes::ALL.contains(change_type)));
        for unknown in ["", "contact", "contact.deleted,", "contact.created, contact.deleted"] {
            assert_eq!(ChangeTypes::parse(unknown), None, "{unknown}");
        }
    }
}
