//! Exports: pages of contacts in the order of their ids, which does not change while they are read.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::queries::matching;
use crate::domain::contact::{
    ContactFilter, ContactWithGroups, Export, ExportPage, ExportQuery, ExportSource,
};
use crate::domain::group::{GroupId, GroupRef};
use crate::domain::{AccountId, Contact, ContactId, Result};
use crate::storage::changes;
use crate::storage::contact_stream::{self, Item};
use crate::storage::database::handle::Database;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_rows;
use crate::storage::entity::contact::{Column, Entity};
use crate::storage::filters::{self, Matcher};
use crate::storage::groups;

/// Which contacts, with groups and fields already looked up: a group that is renamed or replaced meanwhile stays the same.
#[derive(Clone, Debug)]
struct Selection {
    account: AccountId,
    filter: ContactFilter,
    group: Option<GroupId>,
    /// If there is an expression: all of the filter.
    matcher: Option<Matcher>,
    with_groups: bool,
}

struct Source {
    database: Database,
    selection: Arc<Selection>,
}

pub(super) async fn open(database: &Database, account: AccountId, query: ExportQuery) -> Result<Export> {
    let ExportQuery { filter, with_groups } = query;
    let counts = database.counts();
    let read = async move |reader: Connection| {
        let matcher = match &filter.expression {
            Some(_) => Some(Matcher::resolve(&reader, &counts, account, &filter).await?),
            None => None,
        };
        let group = match &filter.group {
            Some(key) => Some(groups::id_of(&reader, account, key).await?),
            None => None,
        };
        let position = changes::last(&reader, account).await?;
        Ok((position, Selection { account, filter, group, matcher, with_groups }))
    };
    let (position, selection) = database.read(read).await?;
    let selection = Arc::new(selection);
    Ok(Export { position, source: Box::new(Source { database: database.clone(), selection }) })
}

impl ExportSource for Source {
    fn pages(&self) -> BoxStream<'static, Result<ExportPage>> {
        let selection = Arc::clone(&self.selection);
        let read = move |reader, after, limit| {
            let selection = Arc::clone(&selection);
            Box::pin(async move { page(&reader, &selection, after, limit).await }) as _
        };
        contact_stream::pages(&self.database, Box::new(read))
    }
}

impl Item for ContactWithGroups {
    fn contact(&self) -> &Contact {
        &self.contact
    }

    fn extra_bytes(&self) -> usize {
        self.groups.iter().flatten().map(|group| size_of_val(group) + group.as_str().len()).sum()
    }
}

async fn page(
    connection: &Connection,
    selection: &Selection,
    after: Option<ContactId>,
    limit: u64,
) -> Result<ExportPage> {
    let contacts = contacts_after(connection, selection, after, limit).await?;
    if !selection.with_groups {
        let without = |contact| ContactWithGroups { contact, groups: None };
        return Ok(contacts.into_iter().map(without).collect());
    }
    let ids: Vec<ContactId> = contacts.iter().map(|contact| contact.id).collect();
    let groups = groups::all_groups_of(connection, selection.account, &ids).await?;
    let names = |groups: Vec<GroupRef>| groups.into_iter().map(|GroupRef { id: _, name }| name).collect();
    let pairs = contacts.into_iter().zip(groups);
    Ok(pairs.map(|(contact, groups)| ContactWithGroups { contact, groups: Some(names(groups)) }).collect())
}

async fn contacts_after(
    connection: &Connection,
    selection: &Selection,
    after: Option<ContactId>,
    limit: u64,
) -> Result<Vec<Contact>> {
    let Selection { account, filter, group, matcher, with_groups: _ } = selection;
    if let Some(matcher) = matcher {
        return filters::page::next_after(connection, matcher, after, limit).await;
    }
    let ContactFilter { handle, phone, updated_since, group: _, expression: _ } = filter;
    if let (Some(group), None, None) = (group, handle, phone) {
        return groups::contacts_after(connection, *account, *group, *updated_since, after, limit).await;
    }
    let mut select = matching(*account, handle.as_ref(), phone.as_ref(), *group);
    if let Some(since) = updated_since {
        let updated_at = Expr::col((Entity, Column::UpdatedAt));
        // Alone, an expression keeps the planner from the index of changes: each page would sort what is left of it.
        let is_alone = handle.is_none() && phone.is_none();
        let updated_at = if is_alone { updated_at.add(0) } else { updated_at };
        select = select.filter(updated_at.gte(since.millis()));
    }
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.as_uuid()));
    }
    // The handle is unique: without an order the planner chooses its index.
    if handle.is_none() {
        select = select.order_by_asc(Column::Id);
    }
    contact_rows::fetch_contacts(connection, select.limit(limit)).await
}
