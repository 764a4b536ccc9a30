//! What an account stores of each kind that has a limit, or that is counted anyway.

use async_trait::async_trait;

use super::account::AccountName;
use super::error::Result;

/// Numbers of what an account stores at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub contacts: u64,
    pub groups: u64,
    pub opt_outs: u64,
    /// Declared fields.
    pub fields: u64,
    /// Entries of kept audiences, as their quota counts them.
    pub audience_entries: u64,
    /// Bytes of the files and the plans of imports.
    pub import_bytes: u64,
}

/// One account.
#[async_trait]
pub trait UsageRepository: Send + Sync {
    /// Its name, and what it stores; `None` if it does not exist any more.
    ///
    /// # Errors
    /// The database is unavailable.
    async fn read(&self) -> Result<Option<(AccountName, Usage)>>;
}
