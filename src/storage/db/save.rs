//! Writes rows back.

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    PrimaryKeyToColumn, QueryFilter,
};

use super::transaction::Transaction;

/// Writes all columns of a row but its key. (SQLite would check the foreign keys that refer to a key that is set, and an
/// entity's own update would read the row back.)
pub(crate) async fn save<M>(transaction: &Transaction, row: &M) -> Result<(), DbErr>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
{
    let mut row = row.clone().into_active_model().reset_all();
    let mut update = M::Entity::update_many();
    for key in <M::Entity as EntityTrait>::PrimaryKey::iter() {
        let column = key.into_column();
        if let ActiveValue::Set(value) | ActiveValue::Unchanged(value) = row.take(column) {
            update = update.filter(column.eq(value));
        }
    }
    update.set(row).exec(transaction).await?;
    Ok(())
}
