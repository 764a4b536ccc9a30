//! Table `field_values`: the index of the values of declared fields.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "field_values")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub contact_id: Uuid,
    /// The number of the field, or, of a value that does not fit its type, the negative of it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub field: i32,
    /// As [`IndexedValue`](crate::domain::field::IndexedValue) has it; empty if it does not fit.
    pub value: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
