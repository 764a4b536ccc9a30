//! What is written.

use crate::domain::Contact;
use crate::domain::group::GroupName;

/// A contact, with what else is exported of it.
#[derive(Clone, Copy, Debug)]
pub struct ExportedContact<'a> {
    pub contact: &'a Contact,
    /// `None` if groups are not exported.
    pub groups: Option<&'a [GroupName]>,
}
