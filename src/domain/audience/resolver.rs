//! Finds recipients, some at a time, and judges each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};

use super::entry::{Entry, Exclusion, Included, Known, Reason};
use super::report::Report;
use super::repository::{AudienceRepository, Found, Named, Number, Person};
use super::{Asked, Budget, Options, Request, Who};
use crate::domain::contact::Contact;
use crate::domain::contact::fields::Phone;
use crate::domain::error::{Code, Result};
use crate::domain::group::GroupId;
use crate::domain::template::engine::{Message, Recipient, Template, TooCostly};
use crate::domain::violation::{Fault, FieldFault};

/// Most entries that are given at a time.
const LOT: usize = 500;

/// For how long entries are judged before other requests of the same thread get their turn: neither a large
/// audience nor a template that is slow on purpose may stop them.
const TURN: Duration = Duration::from_millis(1);

/// The same for a request's first turn, in which most of them end: where equal ones take turns before their
/// end, each of them ends as late as the last one.
const FIRST_TURN: Duration = Duration::from_millis(5);

/// A request's turn to work, from one lot to the next, and what it may work in all.
struct Turn {
    ends: Instant,
    budget: Budget,
    /// For how long entries were judged, before [`Self::resumed`].
    used: Duration,
    /// Since when they are.
    resumed: Instant,
}

impl Turn {
    fn first(budget: Budget) -> Self {
        let now = Instant::now();
        Self { ends: now + FIRST_TURN, budget, used: Duration::ZERO, resumed: now }
    }

    /// Goes on after a wait, in which others were at work.
    fn resume(&mut self) {
        self.resumed = Instant::now();
    }

    /// Stops for a wait, or at the end.
    fn pause(&mut self) -> Result<()> {
        self.used += self.resumed.elapsed();
        self.budget.check(self.used)
    }

    async fn end_in_time(&mut self) -> Result<()> {
        if Instant::now() >= self.ends {
            self.pause()?;
            tokio::task::yield_now().await;
            self.resume();
            self.ends = self.resumed + TURN;
        }
        Ok(())
    }
}

/// An audience while it is found.
pub struct Resolver {
    source: Arc<dyn AudienceRepository>,
    asked: std::iter::Enumerate<IntoIter<Asked>>,
    open: Option<Walk>,
    directory: Directory,
    /// The groups that there are, by the number of the request's item.
    groups: HashMap<usize, GroupId>,
    /// How many items are one entry each, and whether one names all contacts.
    singles: u64,
    all: bool,
    judge: Judge,
    turn: Turn,
}

/// A group, or all contacts, on the way through it.
struct Walk {
    /// The number of the request's item, from 0.
    index: usize,
    fields: Option<Map<String, Value>>,
    people: BoxStream<'static, Result<Vec<Person>>>,
}

/// Those who were named one by one, in the order in which they were.
struct Directory {
    by_handle: IntoIter<Option<Person>>,
    by_id: IntoIter<Option<Person>>,
    numbers: IntoIter<Number>,
}

impl Resolver {
    /// Looks up those who were named one by one, and the groups.
    ///
    /// # Errors
    /// [`Code::Invalid`] where a group is named twice, by its id and by its name; the database is away.
    pub async fn begin(source: Arc<dyn AudienceRepository>, request: Request) -> Result<Self> {
        let Request { asked, template, options, budget } = request;
        let directory = Directory::look_up(source.as_ref(), &asked).await?;
        let groups = look_up_groups(source.as_ref(), &asked).await?;
        let (mut singles, mut all) = (0, false);
        for (index, Asked { who, fields: _ }) in asked.iter().enumerate() {
            match who {
                Who::All => all = true,
                Who::Group(_) if groups.contains_key(&index) => {}
                // A group that does not exist is one exclusion.
                Who::Group(_) | Who::Handle(_) | Who::Id(_) | Who::Phone(_) => singles += 1,
            }
        }
        let judge = Judge { template, options, numbers: HashSet::new(), report: Report::default() };
        Ok(Self {
            source,
            asked: asked.into_iter().enumerate(),
            open: None,
            directory,
            groups,
            singles,
            all,
            judge,
            turn: Turn::first(budget),
        })
    }

    /// How many will be found, as things stand: known from counters, without a look at any of them. To be asked
    /// before the first ones are taken.
    ///
    /// # Errors
    /// The database is away.
    pub async fn expected(&self) -> Result<u64> {
        if self.groups.is_empty() && !self.all {
            return Ok(self.singles);
        }
        Ok(self.singles + self.source.count(self.groups.values().copied().collect(), self.all).await?)
    }

    /// The next entries, in order; `None` at the end.
    ///
    /// # Errors
    /// The database is away; [`Code::TemplateTooCostly`]; the caller has gone.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>> {
        self.turn.budget.check(self.turn.used)?;
        if let Some(Walk { index, fields, people }) = &mut self.open {
            if let Some(people) = people.next().await.transpose()? {
                let mut entries = Vec::with_capacity(people.len());
                self.turn.resume();
                for person in people {
                    self.turn.end_in_time().await?;
                    entries.push(self.judge.person(*index, person, fields.as_ref())?);
                }
                self.turn.pause()?;
                return Ok(Some(entries));
            }
            self.open = None;
        }
        let mut entries = Vec::new();
        self.turn.resume();
        while entries.len() < LOT {
            self.turn.end_in_time().await?;
            let Some((index, Asked { who, fields })) = self.asked.next() else { break };
            let group = match &who {
                Who::All => None,
                Who::Group(key) => match self.groups.get(&index) {
                    Some(group) => Some(*group),
                    None => {
                        let unknown = Exclusion::unknown(index, key.to_string(), Reason::UnknownGroup);
                        entries.push(self.judge.exclude(unknown));
                        continue;
                    }
                },
                _ => {
                    entries.push(self.directory.judge(&mut self.judge, index, who, fields.as_ref())?);
                    continue;
                }
            };
            self.open = Some(Walk { index, fields, people: self.source.walk(group) });
            return Ok(Some(entries));
        }
        self.turn.pause()?;
        Ok(if entries.is_empty() { None } else { Some(entries) })
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.judge.report
    }
}

/// The ids of the groups that are named, by the numbers of their items; without those that there are not.
async fn look_up_groups(source: &dyn AudienceRepository, asked: &[Asked]) -> Result<HashMap<usize, GroupId>> {
    let (mut groups, mut seen) = (HashMap::new(), HashSet::new());
    for (index, Asked { who, fields: _ }) in asked.iter().enumerate() {
        let Who::Group(key) = who else { continue };
        match source.group(key.clone()).await {
            Ok(group) if seen.insert(group) => drop(groups.insert(index, group)),
            Ok(_) => {
                return Err(FieldFault::at(format!("recipients.{index}.group"), Fault::Duplicate).into());
            }
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(groups)
}

impl Directory {
    async fn look_up(source: &dyn AudienceRepository, asked: &[Asked]) -> Result<Self> {
        let mut named = Named::default();
        for Asked { who, fields: _ } in asked {
            match who {
                Who::Handle(handle) => named.handles.push(handle),
                Who::Id(id) => named.ids.push(*id),
                Who::Phone(phone) => named.phones.push(phone),
                Who::Group(_) | Who::All => {}
            }
        }
        let nobody = named.handles.is_empty() && named.ids.is_empty() && named.phones.is_empty();
        let Found { by_handle, by_id, numbers } =
            if nobody { Found::default() } else { source.find(named).await? };
        Ok(Self { by_handle: by_handle.into_iter(), by_id: by_id.into_iter(), numbers: numbers.into_iter() })
    }

    /// Judges the next one.
    fn judge(
        &mut self,
        judge: &mut Judge,
        index: usize,
        who: Who,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Entry> {
        let (person, named, unknown) = match who {
            Who::Handle(handle) => {
                (self.by_handle.next().flatten(), handle.into_string(), Reason::UnknownAlias)
            }
            Who::Id(id) => (self.by_id.next().flatten(), id.to_string(), Reason::UnknownId),
            Who::Phone(phone) => {
                return match self.numbers.next() {
                    Some(Number::One(person)) => judge.person(index, person, fields),
                    Some(Number::Several) => {
                        Ok(judge.exclude(Exclusion::of(index, None, phone, Reason::AmbiguousNumber)))
                    }
                    number => {
                        let opted_out = matches!(number, Some(Number::Nobodys { opted_out: true }));
                        judge.number(index, phone, opted_out, fields)
                    }
                };
            }
            // Walked through, and never looked up.
            Who::Group(key) => (None, key.to_string(), Reason::UnknownGroup),
            Who::All => (None, String::new(), Reason::UnknownGroup),
        };
        match person {
            Some(person) => judge.person(index, person, fields),
            None => Ok(judge.exclude(Exclusion::unknown(index, named, unknown))),
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

    fn person(&mut self, index: usize, person: Person, fields: Option<&Map<String, Value>>) -> Result<Entry> {
        let Person { contact, opted_out } = person;
        let message = self.decide(&contact.phone, Some(&contact), opted_out, fields)?;
        let Contact { id, handle, phone, .. } = contact;
        Ok(self.enter(index, Some(Known { id, handle }), phone, message))
    }

    /// Somebody who is no contact.
    fn number(
        &mut self,
        index: usize,
        phone: Phone,
        opted_out: bool,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Entry> {
        let message = self.decide(&phone, None, opted_out, fields)?;
        Ok(self.enter(index, None, phone, message))
    }

    /// The text, if there is a template; or why there is no message. It is one error for all if the text would
    /// cost too much: a template is at fault, and not a recipient.
    fn decide(
        &mut self,
        phone: &Phone,
        contact: Option<&Contact>,
        opted_out: bool,
        fields: Option<&Map<String, Value>>,
    ) -> Result<std::result::Result<Option<Message>, Reason>> {
        if opted_out && !self.options.opted_out {
            return Ok(Err(Reason::OptedOut));
        }
        let once = !self.options.repeated_numbers;
        if once && !self.numbers.insert(phone.as_number()) {
            return Ok(Err(Reason::DuplicateNumber));
        }
        let recipient = Recipient { phone, contact, fields };
        let message = self.template.as_ref().map(|template| template.render(recipient, self.options.gaps));
        let message = message.transpose().map_err(|TooCostly| Code::TemplateTooCostly)?;
        Ok(message.transpose().map_err(|unrendered| {
            // Another contact with this number may do.
            self.numbers.remove(&phone.as_number());
            Reason::Unrendered(unrendered)
        }))
    }

    fn enter(
        &mut self,
        index: usize,
        contact: Option<Known>,
        phone: Phone,
        message: std::result::Result<Option<Message>, Reason>,
    ) -> Entry {
        let entry = match message {
            Ok(message) => Entry::Included(Included { index, contact, phone, message }),
            Err(reason) => Entry::Excluded(Exclusion::of(index, contact, phone, reason)),
        };
        self.report.add(&entry);
        entry
    }
}
