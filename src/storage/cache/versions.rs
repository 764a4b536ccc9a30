//! Which writes there were, and what of the database a reader may put into memory although others write.

use std::collections::HashMap;

use crate::domain::AccountId;

/// What a write changes, and a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
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
pub(crate) struct Writes {
    begun: u64,
    /// The last one that memory has heard of: there is nothing to hear of those before it.
    told: u64,
    /// The last one of each subject.
    last: HashMap<Subject, u64>,
}

/// When a reader looked into the database: the last write that memory had heard of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(u64);

impl Writes {
    /// One begins.
    pub(crate) fn begin(&mut self, subjects: impl IntoIterator<Item = Subject>) {
        self.begun += 1;
        self.last.extend(subjects.into_iter().map(|subject| (subject, self.begun)));
    }

    /// Memory knows the first of those that it did not.
    pub(crate) fn tell(&mut self) {
        self.told = self.begun.min(self.told + 1);
    }

    /// None is under way any more, however it ended.
    pub(crate) fn rest(&mut self) {
        self.told = self.begun;
    }

    /// To be taken before the database is asked.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.told)
    }

    /// Whether what the database said of a subject is so now: no write of it was under way, and none has begun
    /// since.
    pub(crate) fn is_so(&self, subject: Subject, Moment(told): Moment) -> bool {
        self.last(subject) <= told
    }

    /// The number of the last one of a subject.
    pub(crate) fn last(&self, subject: Subject) -> u64 {
        self.last.get(&subject).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_overtaken_by_writes_of_what_it_reads() {
        let (mine, other) = (Subject::List(AccountId::new(1)), Subject::List(AccountId::new(2)));
        let mut writes = Writes::default();
        let before = writes.moment();
        writes.begin([mine]);
        let during = writes.moment();
        writes.rest();
        let after = writes.moment();
        let kept = |writes: &Writes, subject| [before, during, after].map(|at| writes.is_so(subject, at));
        assert_eq!(kept(&writes, mine), [false, false, true]);
        assert_eq!(kept(&writes, other), [true; 3]);
        assert_eq!(kept(&writes, Subject::Contacts(AccountId::new(1))), [true; 3]);
    }

    #[test]
    fn memory_may_hear_of_a_write_when_the_next_one_has_begun() {
        let [one, two] = [1, 2].map(|account| Subject::List(AccountId::new(account)));
        let mut writes = Writes::default();
        let may = |writes: &Writes| [one, two].map(|subject| writes.is_so(subject, writes.moment()));
        writes.begin([one]);
        assert_eq!(may(&writes), [false, true]);
        writes.begin([two]);
        assert_eq!(may(&writes), [false, false]);
        writes.tell();
        assert_eq!(may(&writes), [true, false], "of the first");
        writes.tell();
        assert_eq!(may(&writes), [true, true]);
        writes.rest();
        writes.begin([one]);
        assert_eq!(may(&writes), [false, true]);
    }
}
