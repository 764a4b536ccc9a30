//! Group commit: updates, deletions, changes of members and opt-outs that share a transaction each have the result that
//! they would have alone, in some order.

use std::collections::BTreeSet;

use addressbook::domain::contact::fields::{Handle, Meta, MetaPatch, Phone};
use addressbook::domain::group::{
    Group, GroupKey, GroupName, MemberChange, MemberOp, MemberOutcome, MembersChanged, NewGroup,
};
use addressbook::domain::named::NamedResource;
use addressbook::domain::opt_out::NewOptOut;
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::{
    AccountId, Contact, ContactId, ContactKey, ContactPatch, ErrorCode, OptOut, OptOutId, OptOutKey,
    Timestamp,
};
use addressbook::storage::Database;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};

use crate::group_commits::{contact, open};
use crate::harness::change_log::Follower;
use crate::harness::{Backend, context, new_database};

/// Concurrent commands: all fit into one group.
const MANY: usize = 60;

/// Concurrent updates that each add a member of meta: it may have so many.
const UPDATES: usize = 40;

const ACCOUNT: i64 = 1;

/// The instances of a test: on PostgreSQL two on one database, which the commands use in turns.
struct Instances(Vec<Database>);

type Done<T> = Result<T, ErrorCode>;

/// Runs a test. Afterwards the log has to agree with tables and counters.
///
/// In one thread, so that a group is what the test submits at once: the committer runs when all of it is queued.
fn run(backend: Backend, test: impl AsyncFnOnce(&Instances)) {
    let Some(url) = new_database(backend) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut instances = Instances(vec![open(&url).await]);
        if backend == Backend::Postgres {
            instances.0.push(open(&url).await);
        }
        test(&instances).await;
        for database in &instances.0 {
            database.close().await;
        }
    });
    Follower::of_account(&url, ACCOUNT).assert_agreement();
}

/// Each test on both databases.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($instances:ident: &Instances) $body:block)*) => {$(
        $(#[$doc])*
        async fn $name($instances: &Instances) $body

        mod $name {
            use super::{Backend, run};

            #[test]
            fn sqlite() {
                run(Backend::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                run(Backend::Postgres, super::$name);
            }
        }
    )*};
}

impl Instances {
    /// The instance of the command with this number.
    fn of(&self, number: usize) -> &Database {
        &self.0[number % self.0.len()]
    }

    async fn create(&self, number: usize, contact: Contact) -> Done<Contact> {
        let contacts = self.of(number).contacts(&context(AccountId::new(ACCOUNT)));
        contacts.insert(contact, None).await.map(|created| created.resource).map_err(|error| error.code())
    }

    async fn update(
        &self,
        number: usize,
        key: ContactKey,
        patch: ContactPatch,
        precondition: Precondition,
    ) -> Done<Contact> {
        let contacts = self.of(number).contacts(&context(AccountId::new(ACCOUNT)));
        contacts.update(key, patch, precondition, Timestamp::now()).await.map_err(|error| error.code())
    }

    async fn delete(&self, number: usize, key: ContactKey, precondition: Precondition) -> Done<()> {
        let contacts = self.of(number).contacts(&context(AccountId::new(ACCOUNT)));
        contacts.delete(key, precondition).await.map_err(|error| error.code())
    }

    async fn get(&self, number: usize, id: ContactId) -> Done<Contact> {
        let contacts = self.of(number).contacts(&context(AccountId::new(ACCOUNT)));
        contacts.get(ContactKey::Id(id)).await.map_err(|error| error.code())
    }

    async fn create_group(&self, name: &str) -> Group {
        let new = NewGroup { name: GroupName::parse(name).unwrap(), description: None };
        let groups = self.of(0).groups(&context(AccountId::new(ACCOUNT)));
        groups.insert(Group::new(new), None).await.unwrap().resource
    }

    async fn change(
        &self,
        number: usize,
        group: &Group,
        changes: &[(MemberOp, ContactId)],
    ) -> Done<MembersChanged> {
        let groups = self.of(number).groups(&context(AccountId::new(ACCOUNT)));
        let change = |(op, contact): &(MemberOp, ContactId)| MemberChange {
            op: *op,
            contact: ContactKey::Id(*contact),
        };
        let changes = changes.iter().map(change).collect();
        groups.change_members(GroupKey::Id(group.id), changes).await.map_err(|error| error.code())
    }

    async fn members(&self, group: &Group) -> (BTreeSet<ContactId>, u64) {
        let groups = self.of(0).groups(&context(AccountId::new(ACCOUNT)));
        let page = groups.members_by_offset(GroupKey::Id(group.id), 0, 1_000).await.unwrap();
        (page.items.iter().map(|contact| contact.id).collect(), page.total)
    }

    /// The opt-out of a number, and whether it is new.
    async fn opt_out(&self, number: usize, phone: &str) -> (OptOutId, bool) {
        let new = NewOptOut { phone: Phone::parse(phone).unwrap(), source: None, note: None };
        let opt_outs = self.of(number).opt_outs(&context(AccountId::new(ACCOUNT)));
        let created = opt_outs.create(OptOut::new(new), None).await.unwrap().resource;
        (created.opt_out.id, created.is_new)
    }

    async fn opt_in(&self, number: usize, key: OptOutKey) -> Done<()> {
        let opt_outs = self.of(number).opt_outs(&context(AccountId::new(ACCOUNT)));
        opt_outs.delete(key).await.map_err(|error| error.code())
    }

    async fn contacts(&self, prefix: &str, count: usize) -> Vec<Contact> {
        let creates = (0..count).map(|i| self.create(i, contact(&format!("{prefix} {i}"))));
        join_all(creates).await.into_iter().map(Result::unwrap).collect()
    }
}

const NOTHING: ContactPatch =
    ContactPatch { handle: None, phone: None, display_name: None, avatar_url: None, meta: None };

/// Sets a member of meta that no other update sets.
fn mark(number: usize) -> ContactPatch {
    let Value::Object(meta) = json!({format!("K{number}"): number}) else { unreachable!() };
    ContactPatch { meta: Some(MetaPatch::parse(meta).unwrap()), ..NOTHING }
}

fn rename(handle: &str) -> ContactPatch {
    ContactPatch { handle: Some(Handle::parse(handle).unwrap()), ..NOTHING }
}

fn key(contact: &Contact) -> ContactKey {
    ContactKey::Id(contact.id)
}

fn version(version: i64) -> Precondition {
    Precondition::OneOf(vec![version])
}

on_both! {
    /// Many updates of one version: one is carried out, all others fail with `PreconditionFailed`.
    async fn of_several_updates_of_one_version_one_succeeds(instances: &Instances) {
        let one = instances.contacts("one", 1).await.remove(0);
        for expected in 1..=5 {
            let updates = (0..MANY).map(|i| {
                instances.update(i, key(&one), mark(1_000 * usize::try_from(expected).unwrap() + i), version(expected))
            });
            let results = join_all(updates).await;
            let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1, "of version {expected}");
            assert!(lost.iter().all(|result| *result == Err(ErrorCode::PreconditionFailed)), "{lost:?}");
            let won = won.into_iter().next().unwrap().unwrap();
            assert_eq!(won.version, expected + 1);
            assert_eq!(instances.get(1, one.id).await, Ok(won.clone()));
            assert_eq!(i64::try_from(won.meta.to_map().len()), Ok(expected), "only the successful ones");
        }
    }

    /// Updates without a precondition: each finds what the one before it left. None is lost.
    async fn of_several_updates_none_is_lost(instances: &Instances) {
        let one = instances.contacts("one", 1).await.remove(0);
        // By each kind of key. Two numbers alternate, so that some updates write another set of columns.
        let update = |i: usize| {
            let key = if i.is_multiple_of(2) { key(&one) } else { ContactKey::Handle(one.handle.clone()) };
            let phone = i.is_multiple_of(7).then(|| Phone::parse(&format!("+4479000000{:02}", i + 10)).unwrap());
            instances.update(i, key, ContactPatch { phone, ..mark(i) }, Precondition::None)
        };
        let results = join_all((0..UPDATES).map(update)).await;
        let last = i64::try_from(UPDATES).unwrap() + 1;
        let mut versions: Vec<i64> = results.iter().map(|updated| updated.as_ref().unwrap().version).collect();
        versions.sort_unstable();
        assert_eq!(versions, (2..=last).collect::<Vec<_>>());
        for (i, updated) in results.iter().enumerate() {
            let updated = updated.as_ref().unwrap();
            // Each shows its own change, and those before it.
            assert_eq!(i64::try_from(updated.meta.to_map().len()), Ok(updated.version - 1));
            assert!(updated.meta.to_map().contains_key(&format!("K{i}")));
        }
        let stored = instances.get(0, one.id).await.unwrap();
        assert_eq!((stored.version, stored.meta.to_map().len()), (last, UPDATES));
        assert_ne!(stored.phone, one.phone);
    }

    /// An update and a deletion of the same version: either the update succeeds and the deletion finds another version,
    /// or the deletion succeeds and the update finds nothing.
    async fn an_update_and_a_deletion_succeed_in_one_of_two_orders(instances: &Instances) {
        let contacts = instances.contacts("both", MANY).await;
        let pair = async |i: usize, one: &Contact| {
            let update = instances.update(i, key(one), mark(i), version(1));
            let delete = instances.delete(i + 1, key(one), version(1));
            // Both orders of arrival.
            if i.is_multiple_of(2) {
                tokio::join!(update, delete)
            } else {
                let (deleted, updated) = tokio::join!(delete, update);
                (updated, deleted)
            }
        };
        let results = join_all(contacts.iter().enumerate().map(|(i, one)| pair(i, one))).await;
        let mut updates = 0;
        for (i, (one, (updated, deleted))) in contacts.iter().zip(results).enumerate() {
            let stored = instances.get(i, one.id).await;
            match (updated, deleted) {
                (Ok(updated), Err(ErrorCode::PreconditionFailed)) => {
                    assert_eq!((updated.version, stored), (2, Ok(updated)));
                    updates += 1;
                }
                (Err(ErrorCode::NotFound), Ok(())) => assert_eq!(stored, Err(ErrorCode::NotFound)),
                other => panic!("{other:?}"),
            }
        }
        assert!((1..MANY).contains(&updates), "{updates}: both orders occur");
    }

    /// Without preconditions: the deletion succeeds in any case, and the contact is gone.
    async fn a_deletion_beside_updates_is_final(instances: &Instances) {
        let contacts = instances.contacts("gone", 6).await;
        let command = async |i: usize| {
            let one = &contacts[i % 6];
            if i / 6 == MANY / 12 {
                return instances.delete(i, key(one), Precondition::None).await.map(|()| None);
            }
            instances.update(i, key(one), mark(i), Precondition::None).await.map(Some)
        };
        let results = join_all((0..MANY).map(command)).await;
        for (i, one) in contacts.iter().enumerate() {
            let of_one: Vec<_> = results.iter().skip(i).step_by(6).collect();
            assert_eq!(of_one.iter().filter(|result| matches!(result, Ok(None))).count(), 1);
            assert!(of_one.iter().all(|result| matches!(result, Ok(_) | Err(ErrorCode::NotFound))), "{of_one:?}");
            let mut versions: Vec<i64> =
                of_one.iter().filter_map(|result| Some(result.as_ref().ok()?.as_ref()?.version)).collect();
            versions.sort_unstable();
            assert_eq!(versions, (2..2 + i64::try_from(versions.len()).unwrap()).collect::<Vec<_>>());
            assert_eq!(instances.get(i, one.id).await, Err(ErrorCode::NotFound));
        }
    }

    /// A contact is added to a group and deleted at once: it is no member, and is not counted.
    async fn a_contact_that_is_deleted_at_once_is_no_member(instances: &Instances) {
        let group = instances.create_group("group").await;
        let contacts = instances.contacts("member", MANY / 2).await;
        // The first half are members before.
        let (members, others) = contacts.split_at(MANY / 4);
        let add: Vec<_> = members.iter().map(|one| (MemberOp::Add, one.id)).collect();
        instances.change(0, &group, &add).await.unwrap();
        let kept = instances.contacts("kept", 1).await.remove(0);
        let change = async |i: usize, one: &Contact| {
            let op = if i.is_multiple_of(3) { MemberOp::Remove } else { MemberOp::Add };
            let changes = [(op, one.id), (MemberOp::Add, kept.id)];
            let change = instances.change(i, &group, &changes);
            let delete = instances.delete(i + 1, key(one), Precondition::None);
            if i.is_multiple_of(2) {
                tokio::join!(change, delete)
            } else {
                let (deleted, changed) = tokio::join!(delete, change);
                (changed, deleted)
            }
        };
        let results = join_all(contacts.iter().enumerate().map(|(i, one)| change(i, one))).await;
        let mut added = 0;
        for (i, (changed, deleted)) in results.into_iter().enumerate() {
            assert_eq!(deleted, Ok(()));
            let outcomes = changed.unwrap().outcomes;
            let was_member = i < members.len();
            let expected = match (i.is_multiple_of(3), was_member) {
                (true, true) => MemberOutcome::Removed,
                (true, false) => MemberOutcome::NotMember,
                (false, true) => MemberOutcome::AlreadyMember,
                (false, false) => MemberOutcome::Added,
            };
            assert!([expected, MemberOutcome::NoSuchContact].contains(&outcomes[0]), "{i}: {outcomes:?}");
            added += usize::from(outcomes[1] == MemberOutcome::Added);
        }
        assert_eq!(added, 1, "who stays was added once");
        assert_eq!(instances.members(&group).await, (BTreeSet::from([kept.id]), 1));
        for one in others {
            assert_eq!(instances.get(0, one.id).await, Err(ErrorCode::NotFound));
        }
    }

    /// Several changes of one membership: each finds what the one before it left.
    async fn changes_of_one_membership_take_turns(instances: &Instances) {
        let group = instances.create_group("group").await;
        let one = instances.contacts("one", 1).await.remove(0);
        let change = async |i: usize| {
            let op = if i.is_multiple_of(2) { MemberOp::Add } else { MemberOp::Remove };
            instances.change(i, &group, &[(op, one.id)]).await.unwrap()
        };
        let results = join_all((0..MANY).map(change)).await;
        let count = |outcome| results.iter().filter(|changed| changed.outcomes == [outcome]).count();
        let (added, removed) = (count(MemberOutcome::Added), count(MemberOutcome::Removed));
        let none = count(MemberOutcome::AlreadyMember) + count(MemberOutcome::NotMember);
        assert_eq!(added + removed + none, MANY);
        let members = instances.members(&group).await;
        assert_eq!(u64::try_from(added - removed), Ok(members.1));
        assert_eq!(members.0.len(), added - removed);
    }

    /// Commands that fail, each for its own reason, between commands that do not.
    async fn a_command_that_fails_fails_alone(instances: &Instances) {
        let contacts = instances.contacts("good", MANY).await;
        let taken = instances.contacts("taken", 1).await.remove(0);
        let (group, missing) = (instances.create_group("group").await, contact("missing"));
        let stranger = Group::new(NewGroup { name: GroupName::parse("stranger").unwrap(), description: None });
        type Command<'c> = BoxFuture<'c, Done<()>>;
        let bad = |i: usize| -> (Command<'_>, ErrorCode) {
            let one = &contacts[i];
            match i % 8 {
                0 => {
                    let update = instances.update(i, key(one), mark(i), version(7));
                    (Box::pin(async { update.await.map(drop) }), ErrorCode::PreconditionFailed)
                }
                1 => {
                    let update = instances.update(i, key(&missing), mark(i), Precondition::None);
                    (Box::pin(async { update.await.map(drop) }), ErrorCode::NotFound)
                }
                2 => (Box::pin(instances.delete(i, key(one), version(7))), ErrorCode::PreconditionFailed),
                3 => (Box::pin(instances.delete(i, key(&missing), Precondition::None)), ErrorCode::NotFound),
                4 => {
                    let create = instances.create(i, contact(taken.handle.as_str()));
                    (Box::pin(async { create.await.map(drop) }), ErrorCode::HandleTaken)
                }
                5 => {
                    let update = instances.update(i, key(one), rename(taken.handle.as_str()), Precondition::None);
                    (Box::pin(async { update.await.map(drop) }), ErrorCode::HandleTaken)
                }
                6 => {
                    let phone = Phone::parse("+447900000099").unwrap();
                    (Box::pin(instances.opt_in(i, OptOutKey::Phone(phone))), ErrorCode::NotFound)
                }
                _ => {
                    let (stranger, id) = (&stranger, one.id);
                    let change = async move { instances.change(i, stranger, &[(MemberOp::Add, id)]).await.map(drop) };
                    (Box::pin(change), ErrorCode::NotFound)
                }
            }
        };
        let good = async |i: usize| -> Done<()> {
            let one = &contacts[i];
            match i % 4 {
                0 => instances.update(i, key(one), mark(i), version(1)).await.map(drop),
                1 => instances.create(i, contact(&format!("new {i}"))).await.map(drop),
                2 => {
                    let renamed = rename(&format!("renamed {i}"));
                    instances.update(i, key(one), renamed, Precondition::None).await.map(drop)
                }
                _ => instances.change(i, &group, &[(MemberOp::Add, one.id)]).await.map(drop),
            }
        };
        let both = async |i: usize| {
            let (bad, expected) = bad(i);
            let (good, failed) = tokio::join!(good(i), bad);
            assert_eq!((good, failed), (Ok(()), Err(expected)), "{i}");
        };
        join_all((0..MANY).map(both)).await;
        for (i, one) in contacts.iter().enumerate() {
            let stored = instances.get(i, one.id).await.unwrap();
            let expected = match i % 4 {
                0 => {
                    let meta = Meta::parse(json!({format!("K{i}"): i}).as_object().unwrap()).unwrap();
                    Contact { version: 2, meta, ..one.clone() }
                }
                2 => Contact { version: 2, handle: Handle::parse(&format!("renamed {i}")).unwrap(), ..one.clone() },
                _ => one.clone(),
            };
            assert_eq!(Contact { updated_at: one.updated_at, ..stored }, expected);
        }
        assert_eq!(instances.members(&group).await.1, u64::try_from(MANY / 4).unwrap());
    }

    /// Several want one name, by a create or a rename: one gets it.
    async fn one_of_several_gets_a_name(instances: &Instances) {
        let contacts = instances.contacts("old", MANY).await;
        let claim = async |i: usize| {
            if i.is_multiple_of(3) {
                instances.create(i, contact("wanted")).await
            } else {
                instances.update(i, key(&contacts[i]), rename("wanted"), Precondition::None).await
            }
        };
        let results = join_all((0..MANY).map(claim)).await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{won:?}");
        assert!(lost.iter().all(|result| *result == Err(ErrorCode::HandleTaken)), "{lost:?}");
    }

    /// A number is opted out by several at once: it is new to one, and all get the same opt-out. It is opted in by
    /// several at once, by its number and by its id: one of them does it.
    async fn opt_outs_are_created_and_deleted_once(instances: &Instances) {
        for round in 0..5 {
            let numbers: Vec<String> = (0..6).map(|i| format!("+44770000{round:02}{i:02}")).collect();
            let created = join_all((0..MANY).map(|i| instances.opt_out(i, &numbers[i % 6]))).await;
            for (i, number) in numbers.iter().enumerate() {
                let of_number: Vec<_> = created.iter().skip(i).step_by(6).collect();
                assert_eq!(of_number.iter().filter(|(_, is_new)| *is_new).count(), 1, "{number}");
                assert!(of_number.iter().all(|(id, _)| *id == of_number[0].0), "{number}");
            }
            let delete = |i: usize| {
                let by_id = OptOutKey::Id(created[i % 6].0);
                let by_number = OptOutKey::Phone(Phone::parse(&numbers[i % 6]).unwrap());
                instances.opt_in(i, if (i / 6).is_multiple_of(2) { by_id } else { by_number })
            };
            let deleted = join_all((0..MANY).map(delete)).await;
            for (i, number) in numbers.iter().enumerate() {
                let of_number = deleted.iter().skip(i).step_by(6);
                let (done, refused): (Vec<&Done<()>>, Vec<&Done<()>>) = of_number.partition(|one| one.is_ok());
                assert_eq!(done.len(), 1, "{number}");
                assert!(refused.iter().all(|one| **one == Err(ErrorCode::NotFound)), "{refused:?}");
            }
        }
    }
}
