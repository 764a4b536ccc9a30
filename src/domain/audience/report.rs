//! The summary of an audience: counts, and the problems behind the exclusions.
//!
//! Invariant: `asked == recipients + excluded`, and the counts of all problems add up to `excluded`.

use super::entry::{Entry, Exclusion, Included, Reason};
use crate::domain::contact::ContactId;
use crate::domain::template::engine::Template;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of requested recipients; each member of a group or segment counts, and each contact that matches a filter.
    pub asked: u64,
    pub recipients: u64,
    pub excluded: u64,
    /// SMS parts of all messages; 0 without a template.
    pub parts: u64,
}

/// The exclusions with one reason; for a missing variable, with one reason and one variable.
#[derive(Clone, Debug)]
pub struct Problem {
    pub count: u64,
    /// The first of these exclusions, at least one and at most [`Report::EXAMPLES`].
    pub examples: Vec<Exclusion>,
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub counts: Counts,
    /// In order of first occurrence.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Maximum number of examples per problem.
    pub const EXAMPLES: usize = 5;
    /// Upper bound on the number of problems: each reason, and each variable of a template.
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

    /// Moves the entry of a deleted contact to the reason `deleted`. `reason` is its former one if it was an
    /// exclusion; `parts` are those of its message otherwise.
    pub fn delete(&mut self, index: usize, parts: u64, reason: Option<&Reason>) {
        let Counts { asked: _, recipients, excluded, parts: all_parts } = &mut self.counts;
        if let Some(reason) = reason {
            let problem = self.problems.iter_mut().find(|problem| problem.includes(reason));
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

    /// The contacts that appear in examples.
    #[must_use]
    pub fn shown(&self) -> Vec<ContactId> {
        let examples = self.problems.iter().flat_map(|problem| &problem.examples);
        examples.filter_map(|example| example.contact.as_ref()).map(|contact| contact.id).collect()
    }

    /// Removes the personal data of the examples that satisfy `is_hidden`.
    pub fn hide(&mut self, is_hidden: impl Fn(&Exclusion) -> bool) {
        for example in self.problems.iter_mut().flat_map(|problem| &mut problem.examples) {
            if is_hidden(example) {
                (example.contact, example.phone, example.named) = (None, None, None);
            }
        }
    }

    fn count(&mut self, exclusion: &Exclusion) {
        match self.problems.iter_mut().find(|problem| problem.includes(&exclusion.reason)) {
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
    /// Whether an exclusion with this reason belongs to this problem.
    fn includes(&self, reason: &Reason) -> bool {
        self.examples.first().is_some_and(|first| {
            first.reason.code() == reason.code() && first.reason.variable().0 == reason.variable().0
        })
    }

    /// One sentence for the response: `92 of 10000 lack CITY`.
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
