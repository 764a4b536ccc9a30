//! Groups of contacts. A contact can be a member of many groups.

mod fields;
mod members;
mod model;
mod repository;
mod service;

pub use fields::{GroupDescription, GroupName};
pub use members::{MAX_ADDED, MAX_SHOWN, MemberChange, MemberOp, MemberOutcome, Membership, apply};
pub use model::{Group, GroupId, GroupKey, GroupPatch, GroupQuery, GroupRef, NewGroup};
pub use repository::{GroupRepository, MembersChanged};
pub use service::GroupService;
