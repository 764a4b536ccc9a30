//! Permissions that depend on the command of a request.

use crate::domain::Permission;

/// A permission that a request requires if its command accesses something that the operation does not always access.
pub struct ConditionalPermission<C: 'static> {
    pub permission: Permission,
    /// Which requests require it, to follow "if" in a sentence.
    pub when: &'static str,
    /// Whether a command requires it.
    pub applies: fn(&C) -> bool,
}

impl<C> ConditionalPermission<C> {
    /// One that depends on something stored: the handler requires it, which reads that; here it is for the document.
    #[must_use]
    pub const fn of_stored(permission: Permission, when: &'static str) -> Self {
        Self { permission, when, applies: |_| false }
    }
}
