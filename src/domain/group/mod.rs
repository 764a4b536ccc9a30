//! Groups: contacts that are messaged together. A contact can be in many.

mod fields;
mod members;
mod model;
mod repository;

pub use fields::{GroupDescription, GroupName};
pub use members::{MAX_SHOWN, MemberChange, MemberOp, MemberOutcome, Membership, apply};
pub use model::{
    Group, GroupId, GroupKey, GroupOffsetQuery, GroupPatch, GroupQuery, GroupRef, GroupSort, NewGroup,
};
pub use repository::{GroupRepository, MembersChanged};
