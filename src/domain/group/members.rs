//! Membership changes: a batch adds and removes contacts, with one outcome per item.

use std::collections::HashMap;

use crate::domain::contact::{ContactId, ContactKey};

/// Maximum number of groups in the representation of a contact.
pub const MAX_SHOWN: usize = 100;

/// Maximum number of contacts that a filter adds to a group in one transaction.
pub const MAX_ADDED: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOp {
    Add,
    Remove,
}

/// One item of a batch.
#[derive(Clone, Debug)]
pub struct MemberChange {
    pub op: MemberOp,
    pub contact: ContactKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOutcome {
    Added,
    AlreadyMember,
    Removed,
    NotMember,
    NoSuchContact,
    /// Several contacts have the number.
    Ambiguous,
}

impl MemberOutcome {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::AlreadyMember => "already_member",
            Self::Removed => "removed",
            Self::NotMember => "not_member",
            Self::NoSuchContact => "no_such_contact",
            Self::Ambiguous => "ambiguous",
        }
    }

    /// The description in the documentation.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Added => "it was not in the group and has been added",
            Self::AlreadyMember => "it was already in the group",
            Self::Removed => "it was in the group and has been removed",
            Self::NotMember => "it was not in the group",
            Self::NoSuchContact => "there is no such contact",
            Self::Ambiguous => "several contacts have the number",
        }
    }
}

impl serde::Serialize for MemberOutcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Whether an existing contact is a member, before and after the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    pub before: bool,
    pub after: bool,
}

/// Applies a batch in memory, item by item: an item sees the effect of earlier items on the same contact. `members`
/// has an entry for each contact that exists; an item that could not be resolved carries its outcome in place of an
/// id.
pub fn apply(
    items: &[(MemberOp, Result<ContactId, MemberOutcome>)],
    members: &mut HashMap<ContactId, Membership>,
) -> Vec<MemberOutcome> {
    let mut apply_one = |op: MemberOp, contact: ContactId| {
        let Some(membership) = members.get_mut(&contact) else { return MemberOutcome::NoSuchContact };
        let is_member = op == MemberOp::Add;
        let was_member = std::mem::replace(&mut membership.after, is_member);
        match (op, was_member) {
            (MemberOp::Add, false) => MemberOutcome::Added,
            (MemberOp::Add, true) => MemberOutcome::AlreadyMember,
            (MemberOp::Remove, true) => MemberOutcome::Removed,
            (MemberOp::Remove, false) => MemberOutcome::NotMember,
        }
    };
    items
        .iter()
        .map(|(op, contact)| contact.map_or_else(|outcome| outcome, |contact| apply_one(*op, contact)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_sees_the_effect_of_the_items_before_it() {
        let (inside, outside, missing) =
            (ContactId::generate().0, ContactId::generate().0, ContactId::generate().0);
        let membership = |is_member| Membership { before: is_member, after: is_member };
        let mut members = HashMap::from([(inside, membership(true)), (outside, membership(false))]);
        let (add, remove) = (MemberOp::Add, MemberOp::Remove);
        let items = [
            (add, Ok(outside)),
            (add, Ok(outside)),
            (add, Ok(inside)),
            (add, Ok(missing)),
            (add, Err(MemberOutcome::Ambiguous)),
            (remove, Ok(outside)),
            (remove, Ok(outside)),
            (remove, Ok(inside)),
            (remove, Ok(missing)),
        ];
        use MemberOutcome::*;
        assert_eq!(
            apply(&items, &mut members),
            [
                Added,
                AlreadyMember,
                AlreadyMember,
                NoSuchContact,
                Ambiguous,
                Removed,
                NotMember,
                Removed,
                NoSuchContact
            ]
        );
        assert_eq!(members[&inside], Membership { before: true, after: false });
        assert_eq!(members[&outside], Membership { before: false, after: false });
    }
}
