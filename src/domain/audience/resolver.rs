//! Finds recipients, some at a time, and judges each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};

use super::budget::Budget;
use super::entry::{ContactRef, Entry, Exclusion, Included, Reason};
use super::report::Report;
use super::repository::{AudienceRepository, LookupRequest, LookupResult, PhoneMatch, Recipient};
use super::request::{Options, RecipientSpec, Request, Selector};
use crate::domain::contact::Contact;
use crate::domain::contact::fields::Phone;
use crate::domain::error::{ErrorCode, Result};
use crate::domain::group::GroupId;
use crate::domain::template::engine::{Message, RenderInput, Template, TooCostly};
use crate::domain::violation::{FieldViolation, Violation};

/// Most entries that are given at a time.
const BATCH_SIZE: usize = 500;

/// For how long entries are judged before other requests of the same thread get their turn: neither a large
/// audience nor a template that is slow on purpose may stop them.
const YIELD_INTERVAL: Duration = Duration::from_millis(1);

/// The same for a request's first turn, in which most of them end: where equal ones take turns before their
/// end, each of them ends as late as the last one.
const FIRST_YIELD_INTERVAL: Duration = Duration::from_millis(5);

/// A request's turn to work, from one lot to the next, and what it may work in all.
struct TimeSlice {
    ends: Instant,
    budget: Budget,
    /// For how long entries were judged, before [`Self::resumed`].
    used: Duration,
    /// Since when they are.
    resumed: Instant,
}

impl TimeSlice {
    fn first(budget: Budget) -> Self {
        let now = Instant::now();
        Self { ends: now + FIRST_YIELD_INTERVAL, budget, used: Duration::ZERO, resumed: now }
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
            self.ends = self.resumed + YIELD_INTERVAL;
        }
        Ok(())
    }
}

/// An audience while it is found.
pub struct Resolver {
    source: Arc<dyn AudienceRepository>,
    asked: std::iter::Enumerate<IntoIter<RecipientSpec>>,
    open: Option<OpenGroup>,
    lookup_table: LookupTable,
    /// The groups that there are, by the number of the request's item.
    groups: HashMap<usize, GroupId>,
    /// How many items are one entry each, and whether one names all contacts.
    singles: u64,
    all: bool,
    evaluator: Evaluator,
    slice: TimeSlice,
}

/// A group, or all contacts, on the way through it.
struct OpenGroup {
    /// The number of the request's item, from 0.
    index: usize,
    fields: Option<Map<String, Value>>,
    recipients: BoxStream<'static, Result<Vec<Recipient>>>,
}

/// Those who were named one by one, in the order in which they were.
struct LookupTable {
    by_handle: IntoIter<Option<Recipient>>,
    by_id: IntoIter<Option<Recipient>>,
    numbers: IntoIter<PhoneMatch>,
}

impl Resolver {
    /// Looks up those who were named one by one, and the groups.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`] where a group is named twice, by its id and by its name; the database is away.
    pub async fn begin(source: Arc<dyn AudienceRepository>, request: Request) -> Result<Self> {
        let Request { asked, template, options, budget } = request;
        let lookup_table = LookupTable::look_up(source.as_ref(), &asked).await?;
        let groups = look_up_groups(source.as_ref(), &asked).await?;
        let (mut singles, mut all) = (0, false);
        for (index, RecipientSpec { who, fields: _ }) in asked.iter().enumerate() {
            match who {
                Selector::All => all = true,
                Selector::Group(_) if groups.contains_key(&index) => {}
                // A group that does not exist is one exclusion.
                Selector::Group(_) | Selector::Handle(_) | Selector::Id(_) | Selector::Phone(_) => {
                    singles += 1
                }
            }
        }
        let evaluator = Evaluator { template, options, numbers: HashSet::new(), report: Report::default() };
        Ok(Self {
            source,
            asked: asked.into_iter().enumerate(),
            open: None,
            lookup_table,
            groups,
            singles,
            all,
            evaluator,
            slice: TimeSlice::first(budget),
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
    /// The database is away; [`ErrorCode::TemplateTooCostly`]; the caller has gone.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>> {
        self.slice.budget.check(self.slice.used)?;
        if let Some(OpenGroup { index, fields, recipients }) = &mut self.open {
            if let Some(recipients) = recipients.next().await.transpose()? {
                let mut entries = Vec::with_capacity(recipients.len());
                self.slice.resume();
                for recipient in recipients {
                    self.slice.end_in_time().await?;
                    entries.push(self.evaluator.recipient(*index, recipient, fields.as_ref())?);
                }
                self.slice.pause()?;
                return Ok(Some(entries));
            }
            self.open = None;
        }
        let mut entries = Vec::new();
        self.slice.resume();
        while entries.len() < BATCH_SIZE {
            self.slice.end_in_time().await?;
            let Some((index, RecipientSpec { who, fields })) = self.asked.next() else { break };
            let group = match &who {
                Selector::All => None,
                Selector::Group(key) => match self.groups.get(&index) {
                    Some(group) => Some(*group),
                    None => {
                        let unknown = Exclusion::unknown(index, key.to_string(), Reason::UnknownGroup);
                        entries.push(self.evaluator.exclude(unknown));
                        continue;
                    }
                },
                _ => {
                    entries.push(self.lookup_table.evaluator(
                        &mut self.evaluator,
                        index,
                        who,
                        fields.as_ref(),
                    )?);
                    continue;
                }
            };
            self.open = Some(OpenGroup { index, fields, recipients: self.source.walk(group) });
            return Ok(Some(entries));
        }
        self.slice.pause()?;
        Ok(if entries.is_empty() { None } else { Some(entries) })
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.evaluator.report
    }
}

/// The ids of the groups that are named, by the numbers of their items; without those that there are not.
async fn look_up_groups(
    source: &dyn AudienceRepository,
    asked: &[RecipientSpec],
) -> Result<HashMap<usize, GroupId>> {
    let (mut groups, mut seen) = (HashMap::new(), HashSet::new());
    for (index, RecipientSpec { who, fields: _ }) in asked.iter().enumerate() {
        let Selector::Group(key) = who else { continue };
        match source.group(key.clone()).await {
            Ok(group) if seen.insert(group) => drop(groups.insert(index, group)),
            Ok(_) => {
                return Err(
                    FieldViolation::at(format!("recipients.{index}.group"), Violation::Duplicate).into()
                );
            }
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(groups)
}

impl LookupTable {
    async fn look_up(source: &dyn AudienceRepository, asked: &[RecipientSpec]) -> Result<Self> {
        let mut named = LookupRequest::default();
        for RecipientSpec { who, fields: _ } in asked {
            match who {
                Selector::Handle(handle) => named.handles.push(handle),
                Selector::Id(id) => named.ids.push(*id),
                Selector::Phone(phone) => named.phones.push(phone),
                Selector::Group(_) | Selector::All => {}
            }
        }
        let nobody = named.handles.is_empty() && named.ids.is_empty() && named.phones.is_empty();
        let LookupResult { by_handle, by_id, numbers } =
            if nobody { LookupResult::default() } else { source.find(named).await? };
        Ok(Self { by_handle: by_handle.into_iter(), by_id: by_id.into_iter(), numbers: numbers.into_iter() })
    }

    /// Judges the next one.
    fn evaluator(
        &mut self,
        evaluator: &mut Evaluator,
        index: usize,
        who: Selector,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Entry> {
        let (recipient, named, unknown) = match who {
            Selector::Handle(handle) => {
                (self.by_handle.next().flatten(), handle.into_string(), Reason::UnknownAlias)
            }
            Selector::Id(id) => (self.by_id.next().flatten(), id.to_string(), Reason::UnknownId),
            Selector::Phone(phone) => {
                return match self.numbers.next() {
                    Some(PhoneMatch::One(recipient)) => evaluator.recipient(index, recipient, fields),
                    Some(PhoneMatch::Several) => {
                        Ok(evaluator.exclude(Exclusion::of(index, None, phone, Reason::AmbiguousNumber)))
                    }
                    number => {
                        let opted_out = matches!(number, Some(PhoneMatch::None { opted_out: true }));
                        evaluator.number(index, phone, opted_out, fields)
                    }
                };
            }
            // Walked through, and never looked up.
            Selector::Group(key) => (None, key.to_string(), Reason::UnknownGroup),
            Selector::All => (None, String::new(), Reason::UnknownGroup),
        };
        match recipient {
            Some(recipient) => evaluator.recipient(index, recipient, fields),
            None => Ok(evaluator.exclude(Exclusion::unknown(index, named, unknown))),
        }
    }
}

/// Decides who gets a message.
struct Evaluator {
    template: Option<Template>,
    options: Options,
    /// Numbers that get a message.
    numbers: HashSet<u64>,
    report: Report,
}

impl Evaluator {
    fn exclude(&mut self, exclusion: Exclusion) -> Entry {
        let entry = Entry::Excluded(exclusion);
        self.report.add(&entry);
        entry
    }

    fn recipient(
        &mut self,
        index: usize,
        recipient: Recipient,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Entry> {
        let Recipient { contact, opted_out } = recipient;
        let message = self.decide(&contact.phone, Some(&contact), opted_out, fields)?;
        let Contact { id, handle, phone, .. } = contact;
        Ok(self.enter(index, Some(ContactRef { id, handle }), phone, message))
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
        let recipient = RenderInput { phone, contact, fields };
        let message = self.template.as_ref().map(|template| template.render(recipient, self.options.gaps));
        let message = message.transpose().map_err(|TooCostly| ErrorCode::TemplateTooCostly)?;
        Ok(message.transpose().map_err(|unrendered| {
            // Another contact with this number may do.
            self.numbers.remove(&phone.as_number());
            Reason::RenderError(unrendered)
        }))
    }

    fn enter(
        &mut self,
        index: usize,
        contact: Option<ContactRef>,
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
