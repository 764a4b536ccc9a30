//! Table `opt_outs`, and the conversion between row and [`OptOut`].

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::{Note, Source};
use crate::domain::{AccountId, OptOut, OptOutId, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize, Serialize)]
#[sea_orm(table_name = "opt_outs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// E.164, with `+`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub phone: String,
    pub id: Uuid,
    pub source: Option<String>,
    pub note: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for OptOut {
    fn from(row: Model) -> Self {
        let Model { account_id: _, phone, id, source, note, created_at } = row;
        Self {
            id: OptOutId::from_uuid(id),
            phone: Phone::from_stored(phone),
            source: source.map(Source::from_stored),
            note: note.map(Note::from_stored),
            created_at: Timestamp::from_millis(created_at),
        }
    }
}

impl Model {
    pub(crate) fn new(account: AccountId, opt_out: OptOut) -> Self {
        let OptOut { id, phone, source, note, created_at } = opt_out;
        Self {
            account_id: account.get(),
            phone: phone.into_string(),
            id: id.as_uuid(),
            source: source.map(Source::into_string),
            note: note.map(Note::into_string),
            created_at: created_at.millis(),
        }
    }
}
