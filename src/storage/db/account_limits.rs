//! The limits that operators have set for accounts, as parts of statements.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::domain::Result;
use crate::domain::account::limits::{AccountLimit, LimitOverrides};
use crate::storage::entity::account_limit::{Column, Entity, Model};

/// The limit of an account; `usual` if it has none of its own.
pub(crate) fn or_usual(account: Expr, limit: AccountLimit, usual: i64) -> Expr {
    let own = Query::select()
        .column((Entity, Column::Value))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::AccountId)).eq(account))
        .and_where(Expr::col((Entity, Column::Name)).eq(limit.as_str()))
        .to_owned();
    Func::coalesce([Expr::from(own), Expr::val(usual)]).into()
}

/// Those of each of these accounts that has some.
pub(crate) async fn of_each(
    connection: &impl ConnectionTrait,
    accounts: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, LimitOverrides>> {
    let rows = Entity::find().filter(Column::AccountId.is_in(accounts)).all(connection).await?;
    let mut of_each = HashMap::<i64, Vec<Model>>::new();
    for row in rows {
        of_each.entry(row.account_id).or_default().push(row);
    }
    Ok(of_each.into_iter().map(|(account, rows)| (account, overrides(rows))).collect())
}

/// The limits of one account from its rows.
pub(crate) fn overrides(rows: impl IntoIterator<Item = Model>) -> LimitOverrides {
    LimitOverrides::from_stored(rows.into_iter().map(|Model { account_id: _, name, value }| (name, value)))
}
