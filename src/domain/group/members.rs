//! Who joins a group and who leaves it, each with a result of its own.

use std::collections::HashMap;

use crate::domain::contact::{ContactId, ContactKey};

/// Most groups that a contact shows.
pub const MAX_SHOWN: usize = 100;

/// What is to become of one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOp {
    /// It joins the group.
    Add,
    /// It leaves it.
    Remove,
}

/// One contact of a request about many.
#[derive(Clone, Debug)]
pub struct MemberChange {
    /// What is to become of it.
    pub verb: MemberOp,
    /// How the request names it.
    pub contact: ContactKey,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOutcome {
    /// It was not in the group, and is now.
    Added,
    /// It was in the group already.
    AlreadyMember,
    /// It was in the group, and is not any more.
    Removed,
    /// It was not in the group.
    NotMember,
    /// There is no such contact.
    NoSuchContact,
    /// Several contacts have the number.
    Ambiguous,
}

impl MemberOutcome {
    /// As it is written on the wire.
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

    /// What it means, for the documentation.
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

/// Whether a contact that exists is in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Before the request.
    pub before: bool,
    /// After it.
    pub after: bool,
}

/// Carries out a request on what is known of the contacts that it names: one item after the other, so
/// that a contact that stands twice is told what it found then. `None` in place of an id: the number is
/// ambiguous, or nobody has it.
pub fn apply(
    items: &[(MemberOp, Result<ContactId, MemberOutcome>)],
    members: &mut HashMap<ContactId, Membership>,
) -> Vec<MemberOutcome> {
    let mut settle_one = |verb: MemberOp, contact: ContactId| {
        let Some(membership) = members.get_mut(&contact) else { return MemberOutcome::NoSuchContact };
        let joins = verb == MemberOp::Add;
        let was = std::mem::replace(&mut membership.after, joins);
        match (verb, was) {
            (MemberOp::Add, false) => MemberOutcome::Added,
            (MemberOp::Add, true) => MemberOutcome::AlreadyMember,
            (MemberOp::Remove, true) => MemberOutcome::Removed,
            (MemberOp::Remove, false) => MemberOutcome::NotMember,
        }
    };
    items
        .iter()
        .map(|(verb, contact)| contact.map_or_else(|outcome| outcome, |contact| settle_one(*verb, contact)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_after_the_other() {
        let (inside, outside, nobody) =
            (ContactId::generate().0, ContactId::generate().0, ContactId::generate().0);
        let known = |is| Membership { before: is, after: is };
        let mut members = HashMap::from([(inside, known(true)), (outside, known(false))]);
        let (add, remove) = (MemberOp::Add, MemberOp::Remove);
        let items = [
            (add, Ok(outside)),
            (add, Ok(outside)),
            (add, Ok(inside)),
            (add, Ok(nobody)),
            (add, Err(MemberOutcome::Ambiguous)),
            (remove, Ok(outside)),
            (remove, Ok(outside)),
            (remove, Ok(inside)),
            (remove, Ok(nobody)),
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
