//! Which writes there were, and what of the database a reader may put into memory although others write.

use std::collections::HashMap;

use crate::domain::AccountId;

/// What a write changes, and a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Which contacts there are, and their order.
    List(AccountId),
    /// What one looks like that there is. (Creates leave it as it is.)
    Contacts(AccountId),
    /// Who has opted out.
    OptOuts(AccountId),
}

/// The writes of a process, numbered in the order in which they begin. They come one by one; memory hears of one
/// when it is committed, which may be when the next one has begun.
#[derive(Debug, Default)]
pub(crate) struct WriteVersions {
    started: u64,
    /// The last one that memory has heard of: there is nothing to hear of those before it.
    published: u64,
    /// The last one of each subject.
    last: HashMap<Scope, u64>,
}

/// When a reader looked into the database: the last write that memory had heard of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadVersion(u64);

impl WriteVersions {
    /// One begins.
    pub(crate) fn begin(&mut self, scopes: impl IntoIterator<Item = Scope>) {
        self.started += 1;
        self.last.extend(scopes.into_iter().map(|scope| (scope, self.started)));
    }

    /// Memory knows the first of those that it did not.
    pub(crate) fn publish(&mut self) {
        self.published = self.started.min(self.published + 1);
    }

    /// None is under way any more, however it ended.
    pub(crate) fn release(&mut self) {
        self.published = self.started;
    }

    /// To be taken before the database is asked.
    pub(crate) fn read_version(&self) -> ReadVersion {
        ReadVersion(self.published)
    }

    /// Whether what the database said of a subject is so now: no write of it was under way, and none has begun
    /// since.
    pub(crate) fn is_current(&self, scope: Scope, ReadVersion(published): ReadVersion) -> bool {
        self.last_write(scope) <= published
    }

    /// The number of the last one of a subject.
    pub(crate) fn last_write(&self, scope: Scope) -> u64 {
        self.last.get(&scope).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_overtaken_by_writes_of_what_it_reads() {
        let (mine, other) = (Scope::List(AccountId::new(1)), Scope::List(AccountId::new(2)));
        let mut writes = WriteVersions::default();
        let before = writes.read_version();
        writes.begin([mine]);
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
    fn memory_may_hear_of_a_write_when_the_next_one_has_begun() {
        let [one, two] = [1, 2].map(|account| Scope::List(AccountId::new(account)));
        let mut writes = WriteVersions::default();
        let current =
            |writes: &WriteVersions| [one, two].map(|scope| writes.is_current(scope, writes.read_version()));
        writes.begin([one]);
        assert_eq!(current(&writes), [false, true]);
        writes.begin([two]);
        assert_eq!(current(&writes), [false, false]);
        writes.publish();
        assert_eq!(current(&writes), [true, false], "of the first");
        writes.publish();
        assert_eq!(current(&writes), [true, true]);
        writes.release();
        writes.begin([one]);
        assert_eq!(current(&writes), [false, true]);
    }
}
