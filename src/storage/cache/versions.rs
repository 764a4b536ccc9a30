//! Write versions: decide whether a reader may insert into the cache what it has read while writes go on.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::AccountId;

/// What a write changes and a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Which contacts exist, and their order.
    List(AccountId),
    /// The contents of existing contacts; unaffected by creates.
    Contacts(AccountId),
    /// The account's opt-outs.
    OptOuts(AccountId),
}

/// The writes of a process, numbered in the order in which they begin. They are serialised, but pipelined: a
/// write may be published to the cache after the next one has begun.
#[derive(Debug, Default)]
pub(crate) struct WriteVersions {
    started: u64,
    /// The last published write; those before it are published, too.
    published: u64,
    /// The last write of each scope.
    last: HashMap<Scope, u64>,
    /// The keys of cached contacts that unpublished writes change, by write, in the order in which they began.
    changing: VecDeque<HashSet<u64>>,
}

/// Taken by a reader before it reads the database: the last write that was published then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadVersion(u64);

impl WriteVersions {
    /// A write begins, which changes the contacts with these keys.
    pub(crate) fn begin(&mut self, scopes: impl IntoIterator<Item = Scope>, changing: HashSet<u64>) {
        self.changing.push_back(changing);
        self.started += 1;
        self.last.extend(scopes.into_iter().map(|scope| (scope, self.started)));
    }

    /// The oldest unpublished write is published.
    pub(crate) fn publish(&mut self) {
        self.changing.pop_front();
        self.published = self.started.min(self.published + 1);
    }

    /// No write is in progress: failed ones count as published.
    pub(crate) fn release(&mut self) {
        self.changing.clear();
        self.published = self.started;
    }

    /// Whether a write that has begun, and is not published, changes the contact with this key: the version of an earlier
    /// write must not be put into the cache any more.
    pub(crate) fn is_changing(&self, key: u64) -> bool {
        self.changing.iter().any(|keys| keys.contains(&key))
    }

    pub(crate) fn read_version(&self) -> ReadVersion {
        ReadVersion(self.published)
    }

    /// Whether no write of the scope was in progress when `ReadVersion` was taken, and none has begun since:
    /// what was read is then current.
    pub(crate) fn is_current(&self, scope: Scope, ReadVersion(published): ReadVersion) -> bool {
        self.last_write(scope) <= published
    }

    /// The number of the last write of a scope.
    pub(crate) fn last_write(&self, scope: Scope) -> u64 {
        self.last.get(&scope).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_makes_reads_of_its_scope_stale() {
        let (mine, other) = (Scope::List(AccountId::new(1)), Scope::List(AccountId::new(2)));
        let mut writes = WriteVersions::default();
        let before = writes.read_version();
        writes.begin([mine], HashSet::new());
        let during = writes.read_version();
        writes.release();
        let after = writes.read_version();
        let current =
            |writes: &WriteVersions, scope| [before, during, after].map(|at| writes.is_current(scope, at));
        assert_eq!(current(&writes, mine), [false, false, true]);
        assert_eq!(current(&writes, other), [true; 3]);
        assert_eq!(current(&writes, Scope::Contacts(AccountId::new(1))), [true; 3]);
    }

    #[test]
    fn a_write_may_be_published_after_the_next_one_has_begun() {
        let [one, two] = [1, 2].map(|account| Scope::List(AccountId::new(account)));
        let mut writes = WriteVersions::default();
        let current =
            |writes: &WriteVersions| [one, two].map(|scope| writes.is_current(scope, writes.read_version()));
        writes.begin([one], HashSet::new());
        assert_eq!(current(&writes), [false, true]);
        writes.begin([two], HashSet::new());
        assert_eq!(current(&writes), [false, false]);
        writes.publish();
        assert_eq!(current(&writes), [true, false], "the first write is published");
        writes.publish();
        assert_eq!(current(&writes), [true, true]);
        writes.release();
        writes.begin([one], HashSet::new());
        assert_eq!(current(&writes), [false, true]);
    }
}
