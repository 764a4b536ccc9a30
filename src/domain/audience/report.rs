//! The account of an audience: counts that add up, and what stands in the way of the others.

use super::entry::{Entry, Exclusion, Included, Reason};
use crate::domain::contact::ContactId;
use crate::domain::template::engine::Template;

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of requested recipients; each member of a group counts.
    pub asked: u64,
    /// Those who get a message.
    pub recipients: u64,
    /// Those who get none.
    pub excluded: u64,
    /// SMS parts in all, where there is a template.
    pub parts: u64,
}

/// A reason why some recipients get no message.
#[derive(Clone, Debug)]
pub struct Problem {
    /// How many.
    pub count: u64,
    /// The first exclusions with this reason.
    pub examples: Vec<Exclusion>,
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many there are.
    pub counts: Counts,
    /// By reason and missing variable, in the order in which they came up. Each has an example.
    pub problems: Vec<Problem>,
}

impl Report {
    /// How many examples of a problem are kept.
    pub const EXAMPLES: usize = 5;
    /// How many problems there can be: each reason once, and each variable of a template that is missing.
    pub const MAX_PROBLEMS: usize = Reason::ALL.len() + Template::MAX_VARIABLES;

    pub(super) fn add(&mut self, entry: &Entry) {
        self.counts.asked += 1;
        match entry {
            Entry::Included(Included { index: _, contact: _, phone: _, message }) => {
                self.counts.recipients += 1;
                let parts = message.as_ref().map_or(0, |message| message.size.parts);
                self.counts.parts += u64::try_from(parts).unwrap_or(u64::MAX);
            }
            Entry::Excluded(exclusion) => {
                self.counts.excluded += 1;
                self.count(exclusion);
            }
        }
    }

    /// Takes a deleted contact out: its entry, which had such a reason if it was an exclusion, is an exclusion
    /// with the reason `deleted` now. No data of the contact is left in it.
    pub fn delete(&mut self, index: usize, parts: u64, reason: Option<&Reason>) {
        let Counts { asked: _, recipients, excluded, parts: all_parts } = &mut self.counts;
        if let Some(reason) = reason {
            let problem = self.problems.iter_mut().find(|problem| problem.is_about(reason));
            if let Some(problem) = problem {
                problem.count = problem.count.saturating_sub(1);
            }
            self.problems.retain(|problem| problem.count > 0);
        } else {
            *recipients = recipients.saturating_sub(1);
            *excluded += 1;
            *all_parts = all_parts.saturating_sub(parts);
        }
        self.count(&Exclusion { index, contact: None, phone: None, named: None, reason: Reason::Deleted });
    }

    /// The contacts that are shown in examples.
    #[must_use]
    pub fn shown(&self) -> Vec<ContactId> {
        let examples = self.problems.iter().flat_map(|problem| &problem.examples);
        examples.filter_map(|example| example.contact.as_ref()).map(|contact| contact.id).collect()
    }

    /// Takes the data of contacts out of the examples; which are such is for the caller to say.
    pub fn hide(&mut self, is_such: impl Fn(ContactId) -> bool) {
        for example in self.problems.iter_mut().flat_map(|problem| &mut problem.examples) {
            if example.contact.as_ref().is_some_and(|contact| is_such(contact.id)) {
                (example.contact, example.phone, example.named) = (None, None, None);
            }
        }
    }

    fn count(&mut self, exclusion: &Exclusion) {
        match self.problems.iter_mut().find(|problem| problem.is_about(&exclusion.reason)) {
            Some(problem) => {
                problem.count += 1;
                if problem.examples.len() < Self::EXAMPLES {
                    problem.examples.push(exclusion.clone());
                }
            }
            None => self.problems.push(Problem { count: 1, examples: vec![exclusion.clone()] }),
        }
    }
}

impl Problem {
    /// Whether exclusions with such a reason are counted here.
    fn is_about(&self, reason: &Reason) -> bool {
        self.examples.first().is_some_and(|first| {
            first.reason.code() == reason.code() && first.reason.variable().0 == reason.variable().0
        })
    }

    /// One plain sentence: `92 of 10000 lack CITY`.
    #[must_use]
    pub fn sentence(&self, asked: u64) -> String {
        let Self { count, examples } = self;
        let Some(first) = examples.first() else { return String::new() };
        match first.reason.variable() {
            (Some(variable), None) => format!("{count} of {asked} lack {variable}"),
            (Some(variable), Some(similar)) => {
                format!("{count} of {asked} lack {variable}; {similar} exists, but names are case-sensitive")
            }
            (None, _) => format!("{count} of {asked}: {}", first.reason.sentence()),
        }
    }
}
