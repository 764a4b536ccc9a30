//! What the domain asks of storage: where the repositories come from.

use std::sync::Arc;

use async_trait::async_trait;

use super::account::AccountId;
use super::account::repository::AccountRepository;
use super::api_key::repository::KeyRepository;
use super::audience::AudienceRepository;
use super::change::ChangeRepository;
use super::contact::ContactRepository;
use super::context::RequestContext;
use super::erasure::ErasureRepository;
use super::error::Result;
use super::field::FieldRepository;
use super::group::GroupRepository;
use super::import::{ImportQueue, ImportRepository};
use super::operator::repository::OperatorRepository;
use super::opt_out::OptOutRepository;
use super::rate_budget::BudgetRepository;
use super::segment::SegmentRepository;
use super::template::saved::TemplateRepository;
use super::usage::UsageRepository;

/// A database: where repositories come from.
#[async_trait]
pub trait Store: Send + Sync {
    /// The contacts of the request's account.
    fn contacts(&self, context: &Arc<RequestContext>) -> Box<dyn ContactRepository>;

    /// The groups of the request's account.
    fn groups(&self, context: &Arc<RequestContext>) -> Box<dyn GroupRepository>;

    /// The opt-outs of the request's account.
    fn opt_outs(&self, context: &Arc<RequestContext>) -> Box<dyn OptOutRepository>;

    /// The templates of the request's account.
    fn templates(&self, context: &Arc<RequestContext>) -> Box<dyn TemplateRepository>;

    /// Recipients in the request's account.
    fn audiences(&self, context: &Arc<RequestContext>) -> Arc<dyn AudienceRepository>;

    /// The imports of the request's account.
    fn imports(&self, context: &Arc<RequestContext>) -> Box<dyn ImportRepository>;

    /// The changes in the request's account.
    fn changes(&self, context: &Arc<RequestContext>) -> Box<dyn ChangeRepository>;

    /// The declared fields of the request's account.
    fn fields(&self, context: &Arc<RequestContext>) -> Box<dyn FieldRepository>;

    /// The segments of the request's account.
    fn segments(&self, context: &Arc<RequestContext>) -> Box<dyn SegmentRepository>;

    /// The erasures of the request's account.
    fn erasures(&self, context: &Arc<RequestContext>) -> Box<dyn ErasureRepository>;

    /// What the request's account stores.
    fn usage(&self, context: &Arc<RequestContext>) -> Box<dyn UsageRepository>;

    /// How much an account stores, for operators: numbers, and nothing of what they count.
    fn usage_of(&self, account: AccountId) -> Box<dyn UsageRepository>;

    /// The work that the imports of all accounts wait for.
    fn import_queue(&self) -> Arc<dyn ImportQueue>;

    fn accounts(&self) -> Box<dyn AccountRepository>;

    /// The keys of accounts.
    fn keys(&self) -> Box<dyn KeyRepository>;

    /// The keys of operators.
    fn operators(&self) -> Box<dyn OperatorRepository>;

    /// The budgets that this process shares with others; `None` if it is the only one that accepts requests.
    fn rate_budgets(&self) -> Option<Arc<dyn BudgetRepository>>;

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// It gives none.
    async fn ping(&self) -> Result<()>;

    /// Waits for what is under way and closes the database.
    async fn close(&self);
}
