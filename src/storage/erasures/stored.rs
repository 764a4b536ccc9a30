//! Erasures as they are stored.

use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::contact::ContactId;
use crate::domain::erasure::{
    Erasure, ErasureId, ErasurePlace, ErasureState, MAX_SHOWN_CONTACTS, Places, SelectedBy, Traces,
};
use crate::domain::{AccountId, Error, ErrorCode, RequestContext, Result, Timestamp};
use crate::storage::db::json_sql::{from_json, to_json};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::erasure::{Column, Entity, Model};

/// What is looked through in the background, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Responses,
    Audiences,
    Imports,
    /// Once more: an import, say, may have brought some back.
    Contacts,
    SearchIndex,
}

impl Step {
    pub(super) const ALL: [Self; 5] =
        [Self::Responses, Self::Audiences, Self::Imports, Self::Contacts, Self::SearchIndex];
}

fn unreadable() -> Error {
    Error::caused_by(ErrorCode::Internal, "a stored erasure cannot be read")
}

fn write_ids(traces: &Traces) -> Result<String> {
    to_json(&traces.contacts().map(ContactId::as_uuid).collect::<Vec<_>>())
}

/// The row of a new erasure.
pub(super) fn new_row(
    context: &RequestContext,
    selected_by: SelectedBy,
    traces: &Traces,
    places: &Places,
) -> Result<(ErasureId, Model)> {
    let (id, created_at) = ErasureId::generate();
    let row = Model {
        account_id: context.account().get(),
        id: id.as_uuid(),
        state: ErasureState::Running.as_str().to_owned(),
        selected_by: selected_by.as_str().to_owned(),
        contact_ids: write_ids(traces)?,
        places: to_json(places)?,
        remaining: to_json(&Step::ALL)?,
        traces: Some(to_json(traces)?),
        unindexed: false,
        key_id: context.key().as_str().to_owned(),
        request_id: context.request_id().to_owned(),
        lease: None,
        leased_until: None,
        created_at: created_at.millis(),
        completed_at: None,
        backups_until: None,
    };
    Ok((id, row))
}

pub(super) fn read(row: Model) -> Result<Erasure> {
    let Model {
        account_id: _,
        id,
        state,
        selected_by,
        contact_ids,
        places,
        remaining: _,
        traces: _,
        unindexed: _,
        key_id: _,
        request_id: _,
        lease: _,
        leased_until: _,
        created_at,
        completed_at,
        backups_until,
    } = row;
    let contacts: Vec<Uuid> = from_json(&contact_ids)?;
    Ok(Erasure {
        id: ErasureId::from_uuid(id),
        state: ErasureState::parse(&state).ok_or_else(unreadable)?,
        selected_by: SelectedBy::parse(&selected_by).ok_or_else(unreadable)?,
        contacts: contacts.into_iter().take(MAX_SHOWN_CONTACTS).map(ContactId::from_uuid).collect(),
        places: from_json(&places)?,
        created_at: Timestamp::from_millis(created_at),
        completed_at: completed_at.map(Timestamp::from_millis),
        backups_until: backups_until.map(Timestamp::from_millis),
    })
}

pub(super) fn steps(row: &Model) -> Result<Vec<Step>> {
    from_json(&row.remaining)
}

pub(super) fn traces(row: &Model) -> Result<Traces> {
    from_json(row.traces.as_deref().ok_or_else(unreadable)?)
}

pub(super) fn set_steps(row: &mut Model, steps: &[Step]) -> Result<()> {
    row.remaining = to_json(&steps)?;
    Ok(())
}

/// More contacts have been found: the index is to be looked through for them.
pub(super) fn set_traces(row: &mut Model, traces: &Traces) -> Result<()> {
    row.contact_ids = write_ids(traces)?;
    row.traces = Some(to_json(traces)?);
    row.unindexed = false;
    Ok(())
}

/// Adds to the counts of the receipt.
pub(super) fn add(row: &mut Model, place: ErasurePlace, erased: u64, kept: u64) -> Result<()> {
    let mut places: Places = from_json(&row.places)?;
    places.add(place, erased, kept);
    row.places = to_json(&places)?;
    Ok(())
}

/// Locks an erasure for the transaction. `None`: there is nothing to do for it any more.
pub(super) async fn lock(
    transaction: &Transaction,
    (account, id): (AccountId, Uuid),
) -> Result<Option<Model>> {
    let running = Entity::find_by_id((account.get(), id))
        .filter(Column::State.eq(ErasureState::Running.as_str()))
        .lock(LockType::NoKeyUpdate);
    Ok(running.one(transaction).await?)
}
