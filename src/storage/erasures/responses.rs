//! Erases a person from what is stored under idempotency keys: which contact a request made, the results of a batch, and the
//! fingerprint of the body, which a number could be guessed by.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use crate::domain::erasure::Traces;
use crate::domain::{AccountId, Result};
use crate::storage::contacts::batch;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::idempotency_key::{Column, Entity, Reference};
use crate::storage::write::idempotency::{delete_by_key, unreadable};

/// What is stored under a key.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct StoredResponse {
    operation: String,
    key: String,
    resource: Option<String>,
    result: Option<Vec<u8>>,
}

/// What remains of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// The key is in use, so that the request is not carried out again, which would bring the person back.
    Key,
    /// The key itself says who it was.
    Nothing,
}

impl StoredResponse {
    /// `None`: it is not about the person.
    fn without(&self, traces: &Traces) -> Result<Option<Rest>> {
        if traces.are_in(&self.key) {
            return Ok(Some(Rest::Nothing));
        }
        let is_about = match (&self.resource, &self.result) {
            (Some(resource), _) => {
                let Reference { id, is_new: _ } = serde_json::from_str(resource).map_err(|_| unreadable())?;
                traces.has_id(id)
            }
            (None, Some(result)) => batch::has_changed(result, |id| traces.has_id(id))?,
            (None, None) => false,
        };
        Ok(is_about.then_some(Rest::Key))
    }
}

/// The next responses of an account.
pub(super) async fn after(
    reader: &impl ConnectionTrait,
    account: AccountId,
    after: Option<&StoredResponse>,
    limit: u64,
) -> Result<Vec<StoredResponse>> {
    let mut select = Entity::find()
        .select_only()
        .columns([Column::Operation, Column::Key, Column::Result])
        .column_as(Column::Resource, "resource")
        .filter(Column::AccountId.eq(account.get()))
        .order_by_asc(Column::Operation)
        .order_by_asc(Column::Key)
        .limit(limit);
    if let Some(StoredResponse { operation, key, .. }) = after {
        let columns = [Column::Operation, Column::Key].map(Expr::col);
        let last = [Expr::val(operation.as_str()), Expr::val(key.as_str())];
        select = select.filter(Expr::tuple(columns).gt(Expr::tuple(last)));
    }
    Ok(select.into_model().all(reader).await?)
}

/// Those that are about a person.
pub(super) fn about(responses: &[StoredResponse], traces: &Traces) -> Result<Vec<StoredResponse>> {
    let mut found = Vec::new();
    for response in responses {
        if response.without(traces)?.is_some() {
            found.push(response.clone());
        }
    }
    Ok(found)
}

/// Erases what these responses say of the person. Returns how many there still were.
pub(super) async fn erase(
    transaction: &Transaction,
    account: AccountId,
    responses: &[StoredResponse],
    traces: &Traces,
) -> Result<u64> {
    let mut erased = 0;
    for StoredResponse { operation, key, .. } in responses {
        let this = Entity::find_by_id((account.get(), operation.clone(), key.clone()))
            .select_only()
            .columns([Column::Operation, Column::Key, Column::Result])
            .column_as(Column::Resource, "resource");
        let Some(stored) = this.into_model::<StoredResponse>().one(transaction).await? else { continue };
        match stored.without(traces)? {
            Some(Rest::Nothing) => delete_by_key(transaction, account.get(), operation, key).await?,
            Some(Rest::Key) => {
                Entity::update_many()
                    .col_expr(Column::Fingerprint, Expr::value(Vec::<u8>::new()))
                    .col_expr(Column::Resource, Expr::value(Option::<String>::None))
                    .col_expr(Column::Result, Expr::value(Option::<Vec<u8>>::None))
                    .filter(Column::AccountId.eq(account.get()))
                    .filter(Column::Operation.eq(operation))
                    .filter(Column::Key.eq(key))
                    .exec(transaction)
                    .await?;
            }
            None => continue,
        }
        erased += 1;
    }
    Ok(erased)
}
