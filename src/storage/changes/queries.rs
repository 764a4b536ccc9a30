//! Queries for the feed.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait, JoinType, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::domain::change::{
    Change, ChangePage, ChangePosition, ChangeQuery, ChangeType, ChangeTypes, ChangedField, Current, Timeline,
};
use crate::domain::contact::ContactField;
use crate::domain::{AccountId, ContactId, Error, ErrorCode, OptOut, Result, Timestamp};
use crate::storage::db::{contact_lookup, json_sql};
use crate::storage::entity::change::{Column, Entity, Model};
use crate::storage::entity::{change_head, change_timeline, group, opt_out, segment, template};
use crate::storage::error::corrupt;
use crate::storage::named::NamedEntity;

/// Entries of other types than those asked for that one request skips at most: the response is then a page that has more.
const MAX_SKIPPED: u64 = 5_000;

/// Entries that are read at a time, at least, if some are to be skipped.
const MIN_BATCH: u64 = 500;

/// The position of the last change.
pub(crate) async fn last(connection: &impl ConnectionTrait, account: AccountId) -> Result<ChangePosition> {
    // In one statement: both are of the same moment.
    let of_account = Expr::col((change_head::Entity, change_head::Column::AccountId)).eq(account.get());
    let query = Query::select()
        .column((change_timeline::Entity, change_timeline::Column::Timeline))
        .column((change_head::Entity, change_head::Column::Sequence))
        .from(change_timeline::Entity)
        .join(JoinType::LeftJoin, change_head::Entity, of_account)
        .to_owned();
    let row = connection.query_one(&query).await?.ok_or_else(|| corrupt("the log has no timeline"))?;
    let timeline = Timeline::from_stored(row.try_get_by_index(0)?);
    let sequence: Option<i64> = row.try_get_by_index(1)?;
    let sequence = u64::try_from(sequence.unwrap_or(0)).map_err(corrupt)?;
    Ok(ChangePosition { timeline, sequence })
}

/// See [`ChangeRepository::page`](crate::domain::change::ChangeRepository::page).
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    since: ChangePosition,
    query: &ChangeQuery,
) -> Result<ChangePage> {
    // Before the entries: what is committed meanwhile does not look like a gap.
    let head = last(connection, account).await?;
    let expired = || Error::from(ErrorCode::PositionExpired);
    // From another database or from before a restore; from another account.
    if !since.is_in_log_to(head) {
        return Err(expired());
    }
    let ChangeQuery { since: _, types, limit } = *query;
    let batch = if types == ChangeTypes::ALL { limit } else { Ord::max(limit, MIN_BATCH) };
    let mut found: Vec<(ChangePosition, ChangeType, Model)> = Vec::new();
    let (mut position, mut skipped) = (since, 0);
    'full: while position.sequence < head.sequence {
        let entries = after(connection, account, position, batch).await?;
        // The log has no gaps but at its beginning, which expires.
        if entries.is_empty() {
            return Err(expired());
        }
        for entry in entries {
            let sequence = sequence(&entry)?;
            if sequence != position.sequence + 1 {
                return Err(expired());
            }
            let next = ChangePosition { sequence, ..position };
            let change_type = change_type(&entry)?;
            if !types.contains(change_type) {
                skipped += 1;
            } else if found.len() as u64 == limit {
                break 'full;
            } else {
                found.push((next, change_type, entry));
            }
            position = next;
        }
        if found.len() as u64 == limit || skipped >= MAX_SKIPPED {
            break;
        }
    }
    let has_more = position.sequence < head.sequence;
    let changes = with_current(connection, account, found).await?;
    Ok(ChangePage { changes, next: position, has_more })
}

async fn after(
    connection: &impl ConnectionTrait,
    account: AccountId,
    position: ChangePosition,
    limit: u64,
) -> Result<Vec<Model>> {
    let sequence = i64::try_from(position.sequence).map_err(corrupt)?;
    let entries = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Sequence.gt(sequence))
        .order_by_asc(Column::Sequence)
        .limit(limit)
        .all(connection)
        .await?;
    Ok(entries)
}

pub(super) fn sequence(entry: &Model) -> Result<u64> {
    u64::try_from(entry.sequence).map_err(corrupt)
}

pub(super) fn change_type(entry: &Model) -> Result<ChangeType> {
    ChangeType::parse(&entry.event).ok_or_else(|| corrupt("an unknown event"))
}

/// Adds to each change the resource as it is now. It is read after the entries: never older than they are.
async fn with_current(
    connection: &impl ConnectionTrait,
    account: AccountId,
    entries: Vec<(ChangePosition, ChangeType, Model)>,
) -> Result<Vec<Change>> {
    let ids = |of: fn(ChangeType) -> bool| -> Vec<Uuid> {
        let named = entries.iter().filter(|(_, change_type, _)| of(*change_type));
        named.map(|(.., entry)| entry.resource_id).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let mut current = HashMap::new();
    let contacts = ids(|of| matches!(of, ChangeType::ContactCreated | ChangeType::ContactUpdated));
    for contact in contact_lookup::by_ids(connection, account, &contacts).await? {
        current.insert(contact.id.as_uuid(), Current::Contact(contact));
    }
    let groups = ids(|of| matches!(of, ChangeType::GroupCreated | ChangeType::GroupUpdated));
    for group in named::<group::Entity>(connection, account, &groups).await? {
        current.insert(group.id.as_uuid(), Current::Group(group));
    }
    let templates = ids(|of| matches!(of, ChangeType::TemplateCreated | ChangeType::TemplateUpdated));
    for template in named::<template::Entity>(connection, account, &templates).await? {
        current.insert(template.id.as_uuid(), Current::Template(template));
    }
    let segments = ids(|of| matches!(of, ChangeType::SegmentCreated | ChangeType::SegmentUpdated));
    for segment in named::<segment::Entity>(connection, account, &segments).await? {
        current.insert(segment.id.as_uuid(), Current::Segment(segment));
    }
    let opt_outs = ids(|of| matches!(of, ChangeType::OptOutCreated));
    if !opt_outs.is_empty() {
        let among = json_sql::ids(connection, &opt_outs)?;
        let select = opt_out::Entity::find().filter(opt_out::Column::AccountId.eq(account.get()));
        let select = select.filter(json_sql::in_query(connection, opt_out::Column::Id, among));
        for row in select.all(connection).await? {
            current.insert(row.id, Current::OptOut(OptOut::from(row)));
        }
    }
    entries
        .into_iter()
        .map(|(position, change_type, entry)| change(position, change_type, entry, &current))
        .collect()
}

/// The groups or templates with these ids.
async fn named<E: NamedEntity>(
    connection: &impl ConnectionTrait,
    account: AccountId,
    ids: &[Uuid],
) -> Result<Vec<E::Resource>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let among = json_sql::in_query(connection, E::ID, json_sql::ids(connection, ids)?);
    let rows = E::in_account(account).filter(among).all(connection).await?;
    E::load(connection, account, rows).await
}

pub(super) fn change(
    position: ChangePosition,
    change_type: ChangeType,
    entry: Model,
    current: &HashMap<Uuid, Current>,
) -> Result<Change> {
    let Model {
        account_id: _,
        sequence: _, // the position
        at,
        event: _, // the type
        resource_id,
        group_id,
        version,
        fields,
        key_id: _,     // for the audit log
        request_id: _, // likewise
    } = entry;
    // A membership is an entry about a contact, in a group.
    let (id, member) = match group_id {
        Some(group) => (group, Some(ContactId::from_uuid(resource_id))),
        None => (resource_id, None),
    };
    let names: Vec<String> = fields.as_deref().map_or(Ok(Vec::new()), json_sql::from_json)?;
    let field = |name: String| match change_type {
        ChangeType::ContactUpdated => {
            name.parse::<ContactField>().map(ChangedField::OfContact).map_err(corrupt)
        }
        _ => Ok(ChangedField::Named(name)),
    };
    Ok(Change {
        position,
        change_type,
        id,
        member,
        at: Timestamp::from_millis(at),
        version,
        changed: names.into_iter().map(field).collect::<Result<_>>()?,
        current: if member.is_none() { current.get(&id).cloned() } else { None },
    })
}
