//! Creates, updates and deletions of contacts, as sets: each kind of a group takes a fixed number of statements, however
//! many commands it has.
//!
//! **An update never overwrites a newer version.** The contacts of all updates and deletions are read and locked first,
//! then the commands are applied in memory, one after the other, each to what the one before it left; at last the final
//! state of each contact is written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DeleteMany, EntityTrait, QueryFilter, QueryTrait, Statement,
};
use uuid::Uuid;

use crate::domain::precondition::Precondition;
use crate::domain::{
    AccountId, Contact, ContactId, ContactKey, ContactPatch, Error, ErrorCode, RequestContext, Result,
    Timestamp,
};
use crate::storage::audiences::snapshots;
use crate::storage::cache::contacts::ContactCache;
use crate::storage::change_set::{ChangeKind, ChangeSet};
use crate::storage::db::contact_lookup::{KeyMatch, KeyMatches};
use crate::storage::db::contact_rows::{self, ContactBatch, ContactKeyPair};
use crate::storage::db::json_sql;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::contact::{Column, Entity};
use crate::storage::error::handle_conflict;
use crate::storage::groups;
use crate::storage::write::contact_quota::ContactQuota;

pub(crate) struct Create<'c> {
    pub(crate) context: &'c Arc<RequestContext>,
    pub(crate) contact: &'c Arc<Contact>,
}

/// A change of an existing contact.
pub(crate) struct Edit<'c> {
    pub(crate) context: &'c Arc<RequestContext>,
    pub(crate) key: &'c ContactKey,
    pub(crate) precondition: &'c Precondition,
    pub(crate) kind: EditKind<'c>,
}

pub(crate) enum EditKind<'c> {
    Update { patch: &'c ContactPatch, now: Timestamp, rename: Rename },
    Delete,
}

/// What an update does that gives its contact another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rename {
    /// If the name is taken after all, the database rejects the whole transaction.
    Allowed,
    /// Nothing: it is to be executed alone.
    Postponed,
    /// It fails: another contact has the name.
    Taken,
}

/// What an edit left.
pub(crate) enum Edited {
    Updated(Arc<Contact>),
    /// The update changes nothing.
    Unchanged(Arc<Contact>),
    Deleted,
    /// See [`Rename::Postponed`].
    Postponed,
}

/// Age at which the timestamp of a create is renewed; well below the writer's `MAX_TIMESTAMP_AGE`.
const REFRESH_TIMESTAMP_AFTER: Duration = Duration::from_millis(500);

/// `updated_at` of a create that has waited long is renewed: it must not be long past when it becomes visible.
/// (`created_at` stays: it is part of the id.)
fn refreshed(contact: &Arc<Contact>, now: Timestamp) -> Arc<Contact> {
    if now.since(contact.updated_at) > REFRESH_TIMESTAMP_AFTER {
        Arc::new(Contact { updated_at: now, ..contact.as_ref().clone() })
    } else {
        Arc::clone(contact)
    }
}

/// Inserts the contacts whose handles are free; of several with the same handle, one. Returns each contact, or that its
/// handle is taken, or that its account may have no more contacts.
pub(crate) async fn create(
    transaction: &Transaction,
    creates: &[Create<'_>],
    quota: &ContactQuota,
    change_set: &mut ChangeSet,
) -> Result<Vec<Result<Arc<Contact>>>> {
    if creates.is_empty() {
        return Ok(Vec::new());
    }
    let accounts = creates.iter().map(|create| create.context.account());
    let mut room = quota.room(transaction, accounts).await?;
    let full: BTreeSet<AccountId> =
        room.iter().filter(|(_, room)| **room == 0).map(|(account, _)| *account).collect();
    let now = Timestamp::now();
    let contacts: Vec<Arc<Contact>> = creates.iter().map(|create| refreshed(create.contact, now)).collect();
    let mut rows: Vec<(AccountId, &Contact)> = creates
        .iter()
        .zip(&contacts)
        .map(|(create, contact)| (create.context.account(), contact.as_ref()))
        .filter(|(account, _)| !full.contains(account))
        .collect();
    if transaction.get_database_backend() == DbBackend::Postgres {
        // In the order of handles: in different orders, two transactions would wait for each other's.
        rows.sort_by_key(|(account, contact)| (account.get(), contact.handle.as_str()));
    }
    let batch = ContactBatch::new(transaction, ContactBatch::ALL, rows.into_iter())?;
    // The ids are new: rows with them were inserted by this statement.
    let inserted: Option<HashSet<Uuid>> = match batch.insert(transaction).await? {
        true => None,
        false => Some(batch.inserted_ids(transaction).await?.into_iter().collect()),
    };
    let mut excess: BTreeMap<AccountId, Vec<ContactId>> = BTreeMap::new();
    let results = creates.iter().zip(contacts).map(|(create, contact)| {
        let account = create.context.account();
        if full.contains(&account) {
            return Err(ErrorCode::ContactQuota.into());
        }
        if inserted.as_ref().is_some_and(|ids| !ids.contains(&contact.id.as_uuid())) {
            return Err(Error::handle_taken());
        }
        // A create whose handle is taken needs no room; so what has too little is known only now.
        match room.get_mut(&account) {
            Some(0) => {
                excess.entry(account).or_default().push(contact.id);
                return Err(ErrorCode::ContactQuota.into());
            }
            Some(room) => *room -= 1,
            None => {}
        }
        change_set.push(create.context, ChangeKind::ContactCreated(Arc::clone(&contact)));
        Ok(contact)
    });
    let results = results.collect();
    for (account, ids) in excess {
        deletion(transaction, account, &ids)?.exec(transaction).await?;
    }
    Ok(results)
}

/// Of the rows of contacts, and nothing that refers to them.
fn deletion(transaction: &Transaction, account: AccountId, ids: &[ContactId]) -> Result<DeleteMany<Entity>> {
    Ok(Entity::delete_many().filter(Column::AccountId.eq(account.get())).filter(json_sql::in_query(
        transaction,
        Column::Id,
        json_sql::ids(transaction, ids)?,
    )))
}

/// A contact that edits change.
struct Edits {
    stored: Arc<Contact>,
    /// `None`: deleted.
    current: Option<Arc<Contact>>,
    /// On whose behalf it was last changed.
    context: Option<Arc<RequestContext>>,
}

/// Carries out edits in their order. Returns what each left, or why it failed.
pub(crate) async fn edit(
    transaction: &Transaction,
    edits: &[Edit<'_>],
    cache: Option<&ContactCache>,
    change_set: &mut ChangeSet,
) -> Result<Vec<Result<Edited>>> {
    if edits.is_empty() {
        return Ok(Vec::new());
    }
    let ids = resolve(transaction, edits).await?;
    edit_resolved(transaction, edits, ids, cache, change_set).await
}

/// As [`edit`], of contacts whose ids are known.
pub(super) async fn edit_resolved(
    transaction: &Transaction,
    edits: &[Edit<'_>],
    ids: Vec<Result<ContactId>>,
    cache: Option<&ContactCache>,
    change_set: &mut ChangeSet,
) -> Result<Vec<Result<Edited>>> {
    let keys: BTreeSet<ContactKeyPair> = edits
        .iter()
        .zip(&ids)
        .filter_map(|(edit, id)| Some((edit.context.account(), *id.as_ref().ok()?)))
        .collect();
    let deletes = edits.iter().any(|edit| matches!(edit.kind, EditKind::Delete));
    let mut contacts = lock(transaction, keys, deletes, cache).await?;
    let mut results = Vec::with_capacity(edits.len());
    for (edit, id) in edits.iter().zip(ids) {
        results.push(id.and_then(|id| {
            let contact = contacts.get_mut(&(edit.context.account(), id)).ok_or_else(not_found)?;
            contact.apply(edit, change_set)
        }));
    }
    write(transaction, contacts, change_set).await?;
    Ok(results)
}

pub(super) fn not_found() -> Error {
    Error::no_such("contact")
}

/// The ids of the edited contacts.
async fn resolve(transaction: &Transaction, edits: &[Edit<'_>]) -> Result<Vec<Result<ContactId>>> {
    let mut keys: BTreeMap<AccountId, Vec<&ContactKey>> = BTreeMap::new();
    for edit in edits {
        keys.entry(edit.context.account()).or_default().push(edit.key);
    }
    let mut matches = HashMap::new();
    for (account, keys) in keys {
        matches.insert(account, KeyMatches::find(transaction, account, keys.into_iter()).await?);
    }
    let id = |edit: &Edit<'_>| match matches.get(&edit.context.account()).map(|found| found.get(edit.key)) {
        Some(KeyMatch::One(id)) => Ok(id),
        Some(KeyMatch::Several) => Err(ErrorCode::PhoneAmbiguous.into()),
        Some(KeyMatch::None) | None => Err(not_found()),
    };
    Ok(edits.iter().map(id).collect())
}

/// Reads the contacts that exist, and locks them until the transaction ends, in the order of their keys (on PostgreSQL;
/// SQLite has one writer). The writer itself keeps the cache: to the holder of the write guard, a cached contact is the
/// stored one.
async fn lock(
    transaction: &Transaction,
    keys: BTreeSet<ContactKeyPair>,
    deletes: bool,
    cache: Option<&ContactCache>,
) -> Result<HashMap<ContactKeyPair, Edits>> {
    let mut contacts = HashMap::with_capacity(keys.len());
    let mut keys: Vec<ContactKeyPair> = keys.into_iter().collect();
    if let Some(cache) = cache {
        keys.retain(|key| {
            let cached = cache.get(key.0, key.1);
            cached.map(|contact| contacts.insert(*key, Edits::new(contact))).is_none()
        });
    }
    // Members refer to the key of a contact, which an update leaves.
    let lock = if deletes { LockType::Update } else { LockType::NoKeyUpdate };
    for row in contact_rows::lock_by_keys(transaction, &keys, lock).await? {
        let key = (AccountId::new(row.account_id), ContactId::from_uuid(row.id));
        contacts.insert(key, Edits::new(Contact::try_from(row)?));
    }
    Ok(contacts)
}

impl Edits {
    fn new(stored: Contact) -> Self {
        let stored = Arc::new(stored);
        Self { current: Some(Arc::clone(&stored)), stored, context: None }
    }

    /// Applies an edit in memory.
    fn apply(&mut self, edit: &Edit<'_>, change_set: &mut ChangeSet) -> Result<Edited> {
        // It may have changed since it was looked up.
        let before =
            self.current.as_ref().filter(|contact| contact.has_key(edit.key)).ok_or_else(not_found)?;
        if !edit.precondition.allows(before.version) {
            return Err(ErrorCode::PreconditionFailed.into());
        }
        match &edit.kind {
            EditKind::Update { patch, now, rename } => {
                // Waiting for the locks may have taken long; see `writer::MAX_TIMESTAMP_AGE`.
                let now = (*now).max(Timestamp::now());
                let after = before.patched((*patch).clone(), now)?;
                if after.version == before.version {
                    return Ok(Edited::Unchanged(Arc::clone(before)));
                }
                if after.handle != before.handle {
                    match rename {
                        Rename::Allowed => {}
                        Rename::Postponed => return Ok(Edited::Postponed),
                        Rename::Taken => return Err(Error::handle_taken()),
                    }
                }
                let (before, after) = (Arc::clone(before), Arc::new(after));
                self.current = Some(Arc::clone(&after));
                self.context = Some(Arc::clone(edit.context));
                let updated = Edited::Updated(Arc::clone(&after));
                change_set.push(edit.context, ChangeKind::ContactUpdated { before, after });
                Ok(updated)
            }
            EditKind::Delete => {
                change_set.push(edit.context, ChangeKind::ContactDeleted(Arc::clone(before)));
                self.current = None;
                self.context = Some(Arc::clone(edit.context));
                Ok(Edited::Deleted)
            }
        }
    }
}

/// Writes the final states.
async fn write(
    transaction: &Transaction,
    contacts: HashMap<ContactKeyPair, Edits>,
    change_set: &mut ChangeSet,
) -> Result<()> {
    let [mut updated, mut with_name, mut with_phone, mut renamed] = [const { Vec::new() }; 4];
    let mut deleted: BTreeMap<AccountId, Vec<(ContactId, Arc<RequestContext>)>> = BTreeMap::new();
    // In the order of keys: neighbours are on the same page.
    let mut contacts: Vec<_> = contacts.into_iter().collect();
    contacts.sort_unstable_by_key(|(key, _)| *key);
    for ((account, id), Edits { stored, current, context }) in contacts {
        let Some(context) = context else { continue };
        match current {
            Some(contact) if contact.handle != stored.handle => renamed.push((account, contact)),
            Some(contact) if contact.phone != stored.phone => with_phone.push((account, contact)),
            Some(contact) if contact.display_name != stored.display_name => {
                with_name.push((account, contact))
            }
            Some(contact) => updated.push((account, contact)),
            None => deleted.entry(account).or_default().push((id, context)),
        }
    }
    if !renamed.is_empty() {
        let update = update(transaction, ContactBatch::ALL, &renamed)?;
        transaction.execute_raw(update).await.map_err(handle_conflict)?;
    }
    for (contacts, columns) in [
        (updated, ContactBatch::UPDATED),
        (with_name, ContactBatch::UPDATED_WITH_NAME),
        (with_phone, ContactBatch::UPDATED_WITH_PHONE),
    ] {
        if contacts.is_empty() {
            continue;
        }
        transaction.execute_at_commit(update(transaction, columns, &contacts)?).await?;
    }
    for (account, contacts) in deleted {
        delete(transaction, account, contacts, change_set).await?;
    }
    Ok(())
}

fn update(
    transaction: &Transaction,
    columns: &'static [Column],
    contacts: &[(AccountId, Arc<Contact>)],
) -> Result<Statement> {
    let rows = contacts.iter().map(|(account, contact)| (*account, contact.as_ref()));
    Ok(ContactBatch::new(transaction, columns, rows)?.update())
}

/// Deletes locked contacts of an account, their memberships, and their entries in kept audiences.
async fn delete(
    transaction: &Transaction,
    account: AccountId,
    contacts: Vec<(ContactId, Arc<RequestContext>)>,
    change_set: &mut ChangeSet,
) -> Result<()> {
    let contexts: HashMap<ContactId, Arc<RequestContext>> = contacts.into_iter().collect();
    let ids: Vec<ContactId> = contexts.keys().copied().collect();
    for (group, contact) in groups::remove_from_all(transaction, account, &ids).await? {
        if let Some(context) = contexts.get(&contact) {
            change_set.push(context, ChangeKind::MembershipEnded { group });
        }
    }
    // Before the deletion itself, which on SQLite is then executed with the commit.
    snapshots::remove_contacts(transaction, account, &ids).await?;
    let delete = deletion(transaction, account, &ids)?;
    transaction.execute_at_commit(delete.build(transaction.get_database_backend())).await?;
    Ok(())
}
