//! Quotas: how much an account may store of each kind.

use serde::Serialize;

use crate::config::Limits;
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

impl From<&Limits> for Quotas {
    fn from(limits: &Limits) -> Self {
        Self {
            contacts: Some(limits.contact_quota).filter(|quota| *quota > 0),
            fields: u64::try_from(MAX_FIELDS).unwrap_or(u64::MAX),
            audience_entries: limits.audience_quota,
            import_bytes: limits.import_quota,
        }
    }
}
