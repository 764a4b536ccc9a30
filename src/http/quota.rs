//! Quotas: how much an account may store of each kind.

use serde::Serialize;

use crate::domain::account::limits::AccountLimits;
use crate::domain::field::MAX_FIELDS;

/// The extension of the document that lists them.
pub const EXTENSION: &str = "x-quotas";

/// `None`: any number.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quotas {
    pub contacts: Option<u64>,
    /// Declared fields.
    pub fields: u64,
    /// Entries of kept audiences.
    pub audience_entries: u64,
    /// Bytes of the files and the plans of imports.
    pub import_bytes: u64,
}

impl From<&AccountLimits> for Quotas {
    fn from(limits: &AccountLimits) -> Self {
        let AccountLimits {
            key_rate: _,
            account_rate: _,
            rate_window: _,
            contacts,
            audience_entries,
            import_bytes,
            streams: _,
            feeds: _,
            imports: _,
        } = *limits;
        let fields = u64::try_from(MAX_FIELDS).unwrap_or(u64::MAX);
        Self { contacts, fields, audience_entries, import_bytes }
    }
}
