//! Carries out a page of a plan, and takes it back.
//!
//! **Order of locks** on PostgreSQL: the import, then as in [`crate::storage::commands`], with changes of members last. A
//! deadlock with a change of members alone is resolved by repeating the transaction.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::lease::Lease;
use super::prepared::{DecodedPage, PreparedPage};
use super::stored::{self, to_i64};
use crate::domain::contact::fields::Handle;
use crate::domain::contact::{ContactId, ContactKey, ContactPatch};
use crate::domain::group::{GroupId, GroupKey, GroupName, MemberChange, MemberOp, MemberOutcome};
use crate::domain::import::{
    ImportCounts, ImportJob, ImportState, PlannedRow, RowError, RowOutcome, RowStatus,
};
use crate::domain::precondition::Precondition;
use crate::domain::{ErrorCode, RequestContext, Result, Timestamp};
use crate::storage::cache::contacts::ContactCache;
use crate::storage::change_set::ChangeSet;
use crate::storage::contacts::commands::{self as contacts, Create, Edit, EditKind, Edited, Rename};
use crate::storage::database::handle::Database;
use crate::storage::db::contact_lookup::{KeyMatch, KeyMatches};
use crate::storage::db::save::save;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::import_page::{COMMITTED, Column, Entity, UNDONE};
use crate::storage::groups::{self, MembersCommand};
use crate::storage::write::contact_quota::ContactQuota;

/// Attempts at a page whose handles are taken by others while it is carried out.
const MAX_ATTEMPTS: u32 = 5;

/// Carries out a page, or takes it back, unless that was done before.
pub(super) async fn page(
    database: &Database,
    job: &ImportJob,
    lease: Lease,
    page: PreparedPage,
) -> Result<()> {
    let (job, page) = (Arc::new(job.clone()), Arc::new(page));
    let mut attempt = 1;
    loop {
        match page_once(database, &job, lease, &page).await {
            // Between the look-up of handles and the update, on PostgreSQL.
            Err(error) if error.code() == ErrorCode::HandleTaken && attempt < MAX_ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn page_once(
    database: &Database,
    job: &Arc<ImportJob>,
    lease: Lease,
    page: &Arc<PreparedPage>,
) -> Result<()> {
    let undo = job.import.state == ImportState::Undoing;
    let step = if undo { UNDONE } else { COMMITTED };
    let (cache, quota) = (database.cache().cloned(), database.contact_quota().clone());
    let (job, page) = (Arc::clone(job), Arc::clone(page));
    database
        .write(move |transaction| {
            Box::pin(async move {
                let mut import_row = lease.renew(transaction).await?;
                let context = &job.context;
                let in_page = Condition::all()
                    .add(Column::AccountId.eq(context.account().get()))
                    .add(Column::ImportId.eq(job.import.id.as_uuid()))
                    .add(Column::Number.eq(to_i64(page.number)));
                let stored_step = Entity::find().select_only().column(Column::Step).filter(in_page.clone());
                let stored_step: Option<i16> =
                    stored_step.lock(LockType::NoKeyUpdate).into_tuple().one(transaction).await?;
                let mut change_set = ChangeSet::default();
                if page.step < step && stored_step == Some(page.step) {
                    let mut decoded = page.decoded(transaction, &job).await?;
                    let execution = Execution { transaction, context, cache: cache.as_ref(), quota: &quota };
                    if undo {
                        execution.undo(&mut decoded.rows, &mut change_set).await?;
                    } else {
                        execution.commit(&mut decoded, &mut change_set).await?;
                    }
                    let (before, after) = (stored::from_json(&page.counts)?, ImportCounts::of(&decoded.rows));
                    Entity::update_many()
                        .col_expr(Column::Step, Expr::value(step))
                        .col_expr(Column::Counts, Expr::value(stored::to_json(&after)?))
                        .col_expr(Column::Content, Expr::value(decoded.encode()?))
                        .filter(in_page)
                        .exec(transaction)
                        .await?;
                    let sum: ImportCounts = stored::from_json(&import_row.counts)?;
                    import_row.counts = stored::to_json(&sum.replace(&before, &after))?;
                    let rows = i64::try_from(decoded.rows.len()).unwrap_or(0);
                    import_row.done = import_row.done.saturating_add(rows);
                }
                save(transaction, &import_row).await?;
                Ok(((), change_set))
            })
        })
        .await
}

/// What the steps of a page have in common.
struct Execution<'e> {
    transaction: &'e Transaction,
    context: &'e Arc<RequestContext>,
    cache: Option<&'e ContactCache>,
    quota: &'e ContactQuota,
}

/// A change of one contact: the index of its row, and what is to be done.
struct RowEdit {
    row: usize,
    key: ContactKey,
    precondition: Precondition,
    /// `None`: it is deleted.
    patch: Option<ContactPatch>,
}

fn changed_since(row: &mut PlannedRow, message: &str) {
    row.status = Some(RowStatus::ChangedSince);
    row.reason = Some(RowError::new("changed_since", None, message));
}

fn over_quota(row: &mut PlannedRow) {
    row.status = Some(RowStatus::OverQuota);
    row.reason = Some(RowError::new("contact_quota", None, FULL));
}

fn kept(row: &mut PlannedRow, message: &str) {
    row.status = Some(RowStatus::Kept);
    row.reason = Some(RowError::new("changed_since", None, message));
}

const CHANGED: &str = "the contact has changed since";
const DELETED: &str = "the contact was deleted since";
const FULL: &str = "the account has reached its limit of contacts";
const TAKEN: &str = "another contact has taken the username since";

impl Execution<'_> {
    async fn commit(&self, page: &mut DecodedPage, change_set: &mut ChangeSet) -> Result<()> {
        self.create(page, change_set).await?;
        let rows = &mut page.rows[..];
        let mut edits = Vec::new();
        for (row, planned) in rows.iter_mut().enumerate() {
            let (RowOutcome::Update, Some(contact), Some(version)) =
                (planned.outcome, planned.contact, planned.version)
            else {
                continue;
            };
            planned.status = Some(RowStatus::Applied);
            if !planned.changes.is_empty() {
                edits.push(RowEdit {
                    row,
                    key: ContactKey::Id(contact),
                    precondition: Precondition::OneOf(vec![version]),
                    patch: Some(planned.patch()),
                });
            }
        }
        for (row, failure) in self.edit(edits, rows, change_set).await? {
            changed_since(&mut rows[row], failure);
        }
        self.join(rows, change_set).await
    }

    async fn create(&self, page: &mut DecodedPage, change_set: &mut ChangeSet) -> Result<()> {
        let DecodedPage { rows, creates, .. } = page;
        let commands = creates.iter().map(|(_, contact)| Create { context: self.context, contact });
        let commands: Vec<Create<'_>> = commands.collect();
        let created = contacts::create(self.transaction, &commands, self.quota, change_set).await?;
        for ((index, _), created) in creates.iter().zip(created) {
            let row = &mut rows[*index];
            match created {
                Ok(contact) => {
                    row.status = Some(RowStatus::Applied);
                    (row.contact, row.version) = (Some(contact.id), Some(contact.version));
                }
                Err(error) if error.code() == ErrorCode::ContactQuota => over_quota(row),
                Err(_) => changed_since(row, TAKEN),
            }
        }
        Ok(())
    }

    /// Carries out edits; sets the versions of the rows. Returns the rows whose edits failed, and why.
    async fn edit(
        &self,
        edits: Vec<RowEdit>,
        rows: &mut [PlannedRow],
        change_set: &mut ChangeSet,
    ) -> Result<Vec<(usize, &'static str)>> {
        let taken = self.taken(&edits).await?;
        let now = Timestamp::now();
        let commands: Vec<Edit<'_>> = edits
            .iter()
            .map(|RowEdit { row, key, precondition, patch }| Edit {
                context: self.context,
                key,
                precondition,
                kind: match patch {
                    Some(patch) => {
                        let rename = if taken.contains(row) { Rename::Taken } else { Rename::Allowed };
                        EditKind::Update { patch, now, rename }
                    }
                    None => EditKind::Delete,
                },
            })
            .collect();
        let edited = contacts::edit(self.transaction, &commands, self.cache, change_set).await?;
        let mut failed = Vec::new();
        for (edit, edited) in edits.iter().zip(edited) {
            match edited {
                Ok(Edited::Updated(contact) | Edited::Unchanged(contact)) => {
                    rows[edit.row].version = Some(contact.version);
                }
                Ok(Edited::Deleted) => {}
                Ok(Edited::Postponed) => failed.push((edit.row, CHANGED)),
                Err(error) => match error.code() {
                    ErrorCode::PreconditionFailed => failed.push((edit.row, CHANGED)),
                    ErrorCode::NotFound => failed.push((edit.row, DELETED)),
                    ErrorCode::HandleTaken => failed.push((edit.row, TAKEN)),
                    _ => return Err(error),
                },
            }
        }
        Ok(failed)
    }

    /// The rows whose contacts would get handles that other contacts have. An update to one would reject the whole page.
    async fn taken(&self, edits: &[RowEdit]) -> Result<HashSet<usize>> {
        let wanted: Vec<(usize, &ContactKey, ContactKey)> = edits
            .iter()
            .filter_map(|edit| {
                let handle: Handle = edit.patch.as_ref()?.handle.clone()?;
                Some((edit.row, &edit.key, ContactKey::Handle(handle)))
            })
            .collect();
        let keys = wanted.iter().map(|(_, _, handle)| handle);
        let matches = KeyMatches::find(self.transaction, self.context.account(), keys).await?;
        let is_taken = |(_, contact, handle): &&(usize, &ContactKey, ContactKey)| match matches.get(handle) {
            KeyMatch::None => false,
            KeyMatch::One(other) => !matches!(contact, ContactKey::Id(id) if *id == other),
            KeyMatch::Several => true,
        };
        Ok(wanted.iter().filter(is_taken).map(|(row, _, _)| *row).collect())
    }

    /// Adds the contacts to their groups, which are created if there are none.
    async fn join(&self, rows: &mut [PlannedRow], change_set: &mut ChangeSet) -> Result<()> {
        let joining = |row: &&PlannedRow| row.status == Some(RowStatus::Applied) && !row.groups.is_empty();
        let names: BTreeSet<&str> =
            rows.iter().filter(joining).flat_map(|row| &row.groups).map(GroupName::as_str).collect();
        if names.is_empty() {
            return Ok(());
        }
        let ids = groups::find_or_create(self.transaction, self.context, &names, change_set).await?;
        let mut joining: BTreeMap<GroupId, Vec<(usize, ContactId)>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.status == Some(RowStatus::Applied))
        {
            for id in row.groups.iter().filter_map(|group| ids.get(group.as_str())) {
                joining.entry(*id).or_default().extend(row.contact.map(|contact| (index, contact)));
            }
        }
        for (group, index, outcome) in self.change_members(MemberOp::Add, joining, change_set).await? {
            match outcome {
                MemberOutcome::Added => rows[index].joined.push(group),
                MemberOutcome::NoSuchContact => changed_since(&mut rows[index], DELETED),
                _ => {}
            }
        }
        Ok(())
    }

    /// Changes members; returns the outcome for each group and row.
    async fn change_members(
        &self,
        op: MemberOp,
        groups: BTreeMap<GroupId, Vec<(usize, ContactId)>>,
        change_set: &mut ChangeSet,
    ) -> Result<Vec<(GroupId, usize, MemberOutcome)>> {
        let changes: Vec<(GroupKey, Vec<MemberChange>)> = groups
            .iter()
            .map(|(group, contacts)| {
                let change = |(_, id): &(usize, ContactId)| MemberChange { op, contact: ContactKey::Id(*id) };
                (GroupKey::Id(*group), contacts.iter().map(change).collect())
            })
            .collect();
        let commands: Vec<MembersCommand<'_>> = changes
            .iter()
            .map(|(group, changes)| MembersCommand { context: self.context, group, changes })
            .collect();
        let results = groups::change(self.transaction, &commands, change_set).await?;
        let mut outcomes = Vec::new();
        for ((group, contacts), changed) in groups.into_iter().zip(results) {
            // A group that was deleted in the meantime has no members.
            let Ok(changed) = changed else { continue };
            let of_rows = contacts.into_iter().zip(changed.outcomes);
            outcomes.extend(of_rows.map(|((row, _), outcome)| (group, row, outcome)));
        }
        Ok(outcomes)
    }

    async fn undo(&self, rows: &mut [PlannedRow], change_set: &mut ChangeSet) -> Result<()> {
        let mut edits = Vec::new();
        let mut leaving: BTreeMap<GroupId, Vec<(usize, ContactId)>> = BTreeMap::new();
        for (row, planned) in rows.iter_mut().enumerate() {
            let (Some(RowStatus::Applied), Some(contact), Some(version)) =
                (planned.status, planned.contact, planned.version)
            else {
                continue;
            };
            planned.status = Some(RowStatus::Undone);
            let is_created = planned.outcome == RowOutcome::Create;
            if is_created || !planned.changes.is_empty() {
                edits.push(RowEdit {
                    row,
                    key: ContactKey::Id(contact),
                    precondition: Precondition::OneOf(vec![version]),
                    patch: (!is_created).then(|| planned.reverse_patch()),
                });
            }
            for group in &planned.joined {
                leaving.entry(*group).or_default().push((row, contact));
            }
        }
        for (row, failure) in self.edit(edits, rows, change_set).await? {
            kept(&mut rows[row], failure);
        }
        // The memberships of a deleted contact have ended with it; one that is kept stays in its groups.
        for contacts in leaving.values_mut() {
            contacts.retain(|(row, _)| {
                rows[*row].status == Some(RowStatus::Undone) && rows[*row].outcome != RowOutcome::Create
            });
        }
        leaving.retain(|_, contacts| !contacts.is_empty());
        self.change_members(MemberOp::Remove, leaving, change_set).await?;
        Ok(())
    }
}
