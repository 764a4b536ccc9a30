//! Table `api_keys`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub account_id: i64,
    /// SHA-256 of the secret.
    pub hash: Vec<u8>,
    /// `*`, or names separated by blanks.
    pub permissions: String,
    pub label: Option<String>,
    /// Milliseconds since 1970, as the other two.
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::AccountId",
        to = "super::account::Column::Id"
    )]
    Account,
    #[sea_orm(
        belongs_to = "super::account_limit::Entity",
        from = "Column::AccountId",
        to = "super::account_limit::Column::AccountId"
    )]
    Limits,
    #[sea_orm(
        belongs_to = "super::key_use::Entity",
        from = "(Column::AccountId, Column::Id)",
        to = "(super::key_use::Column::AccountId, super::key_use::Column::KeyId)"
    )]
    Use,
}

impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

/// The limits of its account: none, or several rows.
impl Related<super::account_limit::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Limits.def()
    }
}

impl Related<super::key_use::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Use.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
