//! Queries for recipients: contacts, each with whether its number has opted out.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::domain::audience::Recipient;
use crate::domain::group::GroupId;
use crate::domain::{AccountId, ContactId, Error, Result};
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup::in_account;
use crate::storage::db::contact_rows::ROW_AS_JSON;
use crate::storage::db::json_sql::{self, in_query};
use crate::storage::entity::contact::{Column, Entity, Model};
use crate::storage::entity::{member, opt_out};

#[derive(FromQueryResult)]
struct RecipientRow {
    #[sea_orm(nested)]
    contact: Model,
    opted_out: bool,
}

impl TryFrom<RecipientRow> for Recipient {
    type Error = Error;

    fn try_from(RecipientRow { contact, opted_out }: RecipientRow) -> Result<Self> {
        Ok(Self { contact: contact.try_into()?, opted_out })
    }
}

/// The contacts that a query selects, in its order.
async fn fetch_recipients(connection: &Connection, select: Select<Entity>) -> Result<Vec<Recipient>> {
    let opt_out = opt_out::Entity::find()
        .select_only()
        .column(opt_out::Column::Phone)
        .filter(opt_out::Column::AccountId.into_expr().equals((Entity, Column::AccountId)))
        .filter(opt_out::Column::Phone.into_expr().equals((Entity, Column::Phone)));
    let select = select.expr_as(Expr::exists(opt_out.into_query()), "opted_out");
    if connection.get_database_backend() == DbBackend::Sqlite {
        let item = format!("json_array({}, opted_out)", *ROW_AS_JSON);
        let rows: Vec<(Model, u8)> =
            json_sql::fetch_json(connection, select.build(DbBackend::Sqlite), &item).await?;
        let row = |(contact, opted_out)| RecipientRow { contact, opted_out: opted_out != 0 };
        return rows.into_iter().map(row).map(Recipient::try_from).collect();
    }
    let rows = select.into_model::<RecipientRow>().all(connection).await?;
    rows.into_iter().map(Recipient::try_from).collect()
}

/// The newest contacts of an account with an id below `before`.
pub(crate) async fn page(
    connection: &Connection,
    account: AccountId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Recipient>> {
    let select = in_account(account).filter(Column::Id.lt(before)).order_by_desc(Column::Id).limit(limit);
    fetch_recipients(connection, select).await
}

/// As [`page`], of a group's members.
pub(crate) async fn member_page(
    connection: &Connection,
    account: AccountId,
    group: GroupId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Recipient>> {
    let members = member::Entity::find()
        .select_only()
        .column(member::Column::ContactId)
        .filter(member::Column::AccountId.eq(account.get()))
        .filter(member::Column::GroupId.eq(group.as_uuid()))
        .filter(member::Column::ContactId.lt(before))
        .order_by_desc(member::Column::ContactId)
        .limit(limit);
    let is_member = in_query(connection, (Entity, Column::Id), members.into_query());
    fetch_recipients(connection, in_account(account).filter(is_member).order_by_desc(Column::Id)).await
}

/// Contacts by id, in any order.
pub(crate) async fn by_ids(
    connection: &Connection,
    account: AccountId,
    ids: &[ContactId],
) -> Result<Vec<Recipient>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = json_sql::ids(connection, ids)?;
    let select = in_account(account).filter(in_query(connection, (Entity, Column::Id), ids));
    fetch_recipients(connection, select).await
}

/// Contacts by handle, in any order.
pub(crate) async fn by_handles(
    connection: &Connection,
    account: AccountId,
    handles: &[&str],
) -> Result<Vec<Recipient>> {
    if handles.is_empty() {
        return Ok(Vec::new());
    }
    let handles = json_sql::texts(connection, handles)?;
    let select = in_account(account).filter(in_query(connection, (Entity, Column::Handle), handles));
    fetch_recipients(connection, select).await
}
