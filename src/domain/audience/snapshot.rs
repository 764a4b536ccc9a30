//! A kept audience: its entries stay as they were found, whatever becomes of contacts and templates.

use super::report::Report;
use crate::domain::error::{Error, Result};
use crate::domain::id::id_type;
use crate::domain::timestamp::Timestamp;

id_type! {
    /// The id of an audience that is kept.
    AudienceId
}

/// An audience that is kept: its entries stay as they were found.
#[derive(Clone, Debug)]
pub struct AudienceSnapshot {
    /// Made by the server.
    pub id: AudienceId,
    /// When its entries were found.
    pub created_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Timestamp,
    /// What was found.
    pub report: Report,
}

/// How much may be kept.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotLimits {
    /// Most entries of one audience.
    pub entries: u64,
    /// Most entries of all audiences that an account keeps.
    pub quota: u64,
}

impl SnapshotLimits {
    /// An audience counts as so many entries at least: its own row, with the account of it, takes room too.
    const LEAST: u64 = 100;

    /// As how many entries an audience counts against the quota.
    #[must_use]
    pub fn weight(entries: u64) -> u64 {
        entries.max(Self::LEAST)
    }

    /// Refuses an audience of so many entries, in an account whose audiences count as `kept`.
    ///
    /// # Errors
    /// [`ErrorCode::AudienceTooLarge`](crate::domain::ErrorCode::AudienceTooLarge) and
    /// [`ErrorCode::AudienceQuota`](crate::domain::ErrorCode::AudienceQuota).
    pub fn check(self, entries: u64, kept: u64) -> Result<()> {
        let Self { entries: limit, quota } = self;
        if entries > limit {
            return Err(Error::kept_too_large(entries, limit));
        }
        let weight = Self::weight(entries);
        if kept.saturating_add(weight) > quota {
            return Err(Error::audience_quota(kept, weight, quota));
        }
        Ok(())
    }
}
