//! Snapshots ("kept audiences"): immutable copies of a resolved audience, and the limits on their number.
//!
//! Later changes to contacts and templates do not affect a snapshot, except that deleting a contact erases its data
//! from all entries.

use super::report::Report;
use crate::domain::error::{Error, Result};
use crate::domain::id::id_type;
use crate::domain::timestamp::Timestamp;

id_type! {
    AudienceId
}

#[derive(Clone, Debug)]
pub struct AudienceSnapshot {
    pub id: AudienceId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub report: Report,
}

#[derive(Clone, Copy, Debug)]
pub struct SnapshotLimits {
    /// Maximum number of entries of one snapshot.
    pub entries: u64,
    /// Maximum number of entries of all snapshots of an account.
    pub quota: u64,
}

impl SnapshotLimits {
    /// A small snapshot counts as this many entries: its own row and report take space too.
    const MIN_WEIGHT: u64 = 100;

    /// The number of entries that count against the quota.
    #[must_use]
    pub fn weight(entries: u64) -> u64 {
        entries.max(Self::MIN_WEIGHT)
    }

    /// Checks a new snapshot against both limits. `used` is the total weight of the account's snapshots.
    ///
    /// # Errors
    /// [`ErrorCode::AudienceTooLarge`](crate::domain::ErrorCode::AudienceTooLarge) and
    /// [`ErrorCode::AudienceQuota`](crate::domain::ErrorCode::AudienceQuota).
    pub fn check(self, entries: u64, used: u64) -> Result<()> {
        let Self { entries: limit, quota } = self;
        if entries > limit {
            return Err(Error::snapshot_too_large(entries, limit));
        }
        let weight = Self::weight(entries);
        if used.saturating_add(weight) > quota {
            return Err(Error::audience_quota(used, weight, quota));
        }
        Ok(())
    }
}
