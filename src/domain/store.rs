//! What the domain asks of storage: where the repositories come from.

use std::sync::Arc;

use async_trait::async_trait;

use super::account::AccountId;
use super::api_key::repository::KeyRepository;
use super::audience::AudienceRepository;
use super::contact::ContactRepository;
use super::error::Result;
use super::group::GroupRepository;
use super::opt_out::OptOutRepository;
use super::template::saved::TemplateRepository;

/// A database: where repositories come from.
#[async_trait]
pub trait Store: Send + Sync {
    /// The contacts of one account.
    fn contacts(&self, account: AccountId) -> Box<dyn ContactRepository>;

    /// The groups of one account.
    fn groups(&self, account: AccountId) -> Box<dyn GroupRepository>;

    /// The opt-outs of one account.
    fn opt_outs(&self, account: AccountId) -> Box<dyn OptOutRepository>;

    /// The templates of one account.
    fn templates(&self, account: AccountId) -> Box<dyn TemplateRepository>;

    /// Recipients in one account.
    fn audiences(&self, account: AccountId) -> Arc<dyn AudienceRepository>;

    /// Accounts and keys.
    fn keys(&self) -> Box<dyn KeyRepository>;

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// It gives none.
    async fn ping(&self) -> Result<()>;

    /// Waits for what is under way and closes the database.
    async fn close(&self);
}
