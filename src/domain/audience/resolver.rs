//! Finds recipients, some at a time, and judges each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};

use super::entry::{Entry, Exclusion, Included, Known, Reason};
use super::report::Report;
use super::repository::{AudienceRepository, Found, Number, Person, Whose};
use super::{Asked, Options, Request, Who};
use crate::domain::contact::ContactId;
use crate::domain::error::{Code, Result};
use crate::domain::fields::Phone;
use crate::domain::template::{Recipient, Template};

/// Most entries that are given at a time.
const LOT: usize = 500;

/// How many are judged before other requests of the same thread get their turn: a template that is slow on
/// purpose must not stop them.
const TURN: usize = 32;

async fn let_others_run(judged: usize) {
    if judged % TURN == TURN - 1 {
        tokio::task::yield_now().await;
    }
}

/// An audience while it is found.
pub struct Resolver {
    source: Arc<dyn AudienceRepository>,
    asked: std::iter::Enumerate<std::vec::IntoIter<Asked>>,
    open: Option<Walk>,
    directory: Directory,
    judge: Judge,
}

/// A group, or all contacts, on the way through it.
struct Walk {
    /// The number of the request's item, from 0.
    index: usize,
    fields: Option<Map<String, Value>>,
    people: BoxStream<'static, Result<Vec<Person>>>,
}

/// Those who were named one by one.
#[derive(Default)]
struct Directory {
    people: HashMap<ContactId, Person>,
    by_handle: HashMap<String, ContactId>,
    numbers: HashMap<String, Number>,
}

impl Resolver {
    /// Looks up those who were named one by one.
    ///
    /// # Errors
    /// The database is away.
    pub async fn begin(source: Arc<dyn AudienceRepository>, request: Request) -> Result<Self> {
        let Request { asked, template, options } = request;
        let directory = Directory::look_up(source.as_ref(), &asked).await?;
        let judge = Judge { template, options, numbers: HashSet::new(), report: Report::default() };
        Ok(Self { source, asked: asked.into_iter().enumerate(), open: None, directory, judge })
    }

    /// The next entries, in order; `None` at the end.
    ///
    /// # Errors
    /// The database is away.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>> {
        if let Some(Walk { index, fields, people }) = &mut self.open {
            if let Some(people) = people.next().await.transpose()? {
                let mut entries = Vec::with_capacity(people.len());
                for person in &people {
                    let_others_run(entries.len()).await;
                    entries.push(self.judge.person(*index, person, fields.as_ref()));
                }
                return Ok(Some(entries));
            }
            self.open = None;
        }
        let mut entries = Vec::new();
        while entries.len() < LOT {
            let_others_run(entries.len()).await;
            let Some((index, Asked { who, fields })) = self.asked.next() else { break };
            let group = match &who {
                Who::All => None,
                Who::Group(key) => match self.source.group(key.clone()).await {
                    Ok(group) => Some(group),
                    Err(error) if error.code() == Code::NotFound => {
                        let unknown = Exclusion::unknown(index, key.to_string(), Reason::UnknownGroup);
                        entries.push(self.judge.exclude(unknown));
                        continue;
                    }
                    Err(error) => return Err(error),
                },
                _ => {
                    entries.push(self.directory.judge(&mut self.judge, index, who, fields.as_ref()));
                    continue;
                }
            };
            self.open = Some(Walk { index, fields, people: self.source.walk(group) });
            return Ok(Some(entries));
        }
        Ok(if entries.is_empty() { None } else { Some(entries) })
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.judge.report
    }
}

impl Directory {
    async fn look_up(source: &dyn AudienceRepository, asked: &[Asked]) -> Result<Self> {
        let (mut handles, mut ids, mut phones) = (Vec::new(), Vec::new(), Vec::new());
        for Asked { who, fields: _ } in asked {
            match who {
                Who::Handle(handle) => handles.push(handle.clone()),
                Who::Id(id) => ids.push(*id),
                Who::Phone(phone) => phones.push(phone.clone()),
                Who::Group(_) | Who::All => {}
            }
        }
        if handles.is_empty() && ids.is_empty() && phones.is_empty() {
            return Ok(Self::default());
        }
        let Found { people, numbers } = source.find(handles, ids, phones).await?;
        let by_handle =
            people.iter().map(|person| (person.contact.handle.as_str().to_owned(), person.contact.id));
        Ok(Self {
            by_handle: by_handle.collect(),
            people: people.into_iter().map(|person| (person.contact.id, person)).collect(),
            numbers: numbers.into_iter().map(|number| (number.phone.as_str().to_owned(), number)).collect(),
        })
    }

    fn judge(&self, judge: &mut Judge, index: usize, who: Who, fields: Option<&Map<String, Value>>) -> Entry {
        let (person, named, unknown) = match who {
            Who::Handle(handle) => {
                let id = self.by_handle.get(handle.as_str());
                (id.and_then(|id| self.people.get(id)), handle.into_string(), Reason::UnknownAlias)
            }
            Who::Id(id) => (self.people.get(&id), id.to_string(), Reason::UnknownId),
            Who::Phone(phone) => return self.judge_number(judge, index, phone, fields),
            // Walked through, and never looked up.
            Who::Group(key) => (None, key.to_string(), Reason::UnknownGroup),
            Who::All => (None, String::new(), Reason::UnknownGroup),
        };
        match person {
            Some(person) => judge.person(index, person, fields),
            None => judge.exclude(Exclusion::unknown(index, named, unknown)),
        }
    }

    fn judge_number(
        &self,
        judge: &mut Judge,
        index: usize,
        phone: Phone,
        fields: Option<&Map<String, Value>>,
    ) -> Entry {
        let number = self.numbers.get(phone.as_str());
        let person = match number.map(|number| number.whose) {
            Some(Whose::Several) => {
                return judge.exclude(Exclusion::of(index, None, phone, Reason::AmbiguousNumber));
            }
            Some(Whose::One(id)) => self.people.get(&id),
            Some(Whose::Nobodys) | None => None,
        };
        match person {
            Some(person) => judge.person(index, person, fields),
            None => judge.judge(index, None, &phone, number.is_some_and(|number| number.opted_out), fields),
        }
    }
}

/// Decides who gets a message.
struct Judge {
    template: Option<Template>,
    options: Options,
    /// Numbers that get a message.
    numbers: HashSet<u64>,
    report: Report,
}

impl Judge {
    fn exclude(&mut self, exclusion: Exclusion) -> Entry {
        let entry = Entry::Excluded(exclusion);
        self.report.add(&entry);
        entry
    }

    fn person(&mut self, index: usize, person: &Person, fields: Option<&Map<String, Value>>) -> Entry {
        self.judge(index, Some(person), &person.contact.phone, person.opted_out, fields)
    }

    fn judge(
        &mut self,
        index: usize,
        person: Option<&Person>,
        phone: &Phone,
        opted_out: bool,
        fields: Option<&Map<String, Value>>,
    ) -> Entry {
        let because = |reason| Exclusion::of(index, person, phone.clone(), reason);
        if opted_out && !self.options.opted_out {
            return self.exclude(because(Reason::OptedOut));
        }
        let once = !self.options.repeated_numbers;
        if once && self.numbers.contains(&phone.as_number()) {
            return self.exclude(because(Reason::DuplicateNumber));
        }
        let contact = person.map(|person| &person.contact);
        let recipient = Recipient { phone, contact, fields };
        let message = self.template.as_ref().map(|template| template.render(recipient, self.options.gaps));
        let message = match message.transpose() {
            Ok(message) => message,
            Err(unrendered) => return self.exclude(because(Reason::Unrendered(unrendered))),
        };
        if once {
            self.numbers.insert(phone.as_number());
        }
        let entry = Entry::Included(Included {
            index,
            contact: contact.map(Known::from),
            phone: phone.clone(),
            message,
        });
        self.report.add(&entry);
        entry
    }
}
