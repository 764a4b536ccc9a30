//! Resolves an audience: looks recipients up in batches, evaluates each, and yields entries in request order.
//!
//! Memory is bounded by the batch, not by the audience, except for the set of numbers already included. Evaluation
//! runs on the worker thread: it yields to other requests after a time slice, and ends when the budget is exhausted.

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

/// Maximum number of entries per batch.
const BATCH_SIZE: usize = 500;

/// How long one request evaluates entries before it yields to the other requests of its worker thread: neither a
/// large audience nor a deliberately slow template may starve them.
const YIELD_INTERVAL: Duration = Duration::from_millis(1);

/// The first time slice is longer, so that most requests finish within it: if equal requests alternated, each would
/// finish as late as the last of them.
const FIRST_YIELD_INTERVAL: Duration = Duration::from_millis(5);

/// Cooperative scheduling of one request, and the processor time that it has used.
struct TimeSlice {
    ends: Instant,
    budget: Budget,
    /// Evaluation time up to [`Self::resumed`].
    used: Duration,
    resumed: Instant,
}

impl TimeSlice {
    fn first(budget: Budget) -> Self {
        let now = Instant::now();
        Self { ends: now + FIRST_YIELD_INTERVAL, budget, used: Duration::ZERO, resumed: now }
    }

    /// Restarts the clock after an `await`, during which other requests ran.
    fn resume(&mut self) {
        self.resumed = Instant::now();
    }

    /// Stops the clock before an `await`, and checks the budget.
    fn pause(&mut self) -> Result<()> {
        self.used += self.resumed.elapsed();
        self.budget.check(self.used)
    }

    async fn yield_if_due(&mut self) -> Result<()> {
        if Instant::now() >= self.ends {
            self.pause()?;
            tokio::task::yield_now().await;
            self.resume();
            self.ends = self.resumed + YIELD_INTERVAL;
        }
        Ok(())
    }
}

pub struct Resolver {
    repository: Arc<dyn AudienceRepository>,
    specs: std::iter::Enumerate<IntoIter<RecipientSpec>>,
    open_stream: Option<OpenStream>,
    lookup_table: LookupTable,
    /// The groups that exist, by index of the request's item.
    groups: HashMap<usize, GroupId>,
    /// The number of items that yield exactly one entry.
    singles: u64,
    /// Whether an item selects all contacts.
    all: bool,
    evaluator: Evaluator,
    slice: TimeSlice,
}

/// The item of a group, or of all contacts, whose recipients are being streamed.
struct OpenStream {
    /// Zero-based index of the request's item.
    index: usize,
    fields: Option<Map<String, Value>>,
    recipients: BoxStream<'static, Result<Vec<Recipient>>>,
}

/// The individually named recipients, in request order per kind of key.
struct LookupTable {
    by_handle: IntoIter<Option<Recipient>>,
    by_id: IntoIter<Option<Recipient>>,
    numbers: IntoIter<PhoneMatch>,
}

impl Resolver {
    /// Looks up the individually named recipients and the groups.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`]: a group is named twice, by id and by name.
    pub async fn begin(repository: Arc<dyn AudienceRepository>, request: Request) -> Result<Self> {
        let Request { asked: specs, template, options, budget } = request;
        let lookup_table = LookupTable::look_up(repository.as_ref(), &specs).await?;
        let groups = look_up_groups(repository.as_ref(), &specs).await?;
        let (mut singles, mut all) = (0, false);
        for (index, RecipientSpec { selector, fields: _ }) in specs.iter().enumerate() {
            match selector {
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
            repository,
            specs: specs.into_iter().enumerate(),
            open_stream: None,
            lookup_table,
            groups,
            singles,
            all,
            evaluator,
            slice: TimeSlice::first(budget),
        })
    }

    /// Estimates the number of entries from counters, without reading a recipient. To be called before the first
    /// [`Self::next`].
    pub async fn expected(&self) -> Result<u64> {
        if self.groups.is_empty() && !self.all {
            return Ok(self.singles);
        }
        Ok(self.singles + self.repository.count(self.groups.values().copied().collect(), self.all).await?)
    }

    /// The next batch of entries; `None` at the end.
    ///
    /// # Errors
    /// [`ErrorCode::TemplateTooCostly`]; the client has disconnected.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>> {
        self.slice.budget.check(self.slice.used)?;
        if let Some(OpenStream { index, fields, recipients }) = &mut self.open_stream {
            if let Some(batch) = recipients.next().await.transpose()? {
                let mut entries = Vec::with_capacity(batch.len());
                self.slice.resume();
                for recipient in batch {
                    self.slice.yield_if_due().await?;
                    entries.push(self.evaluator.recipient(*index, recipient, fields.as_ref())?);
                }
                self.slice.pause()?;
                return Ok(Some(entries));
            }
            self.open_stream = None;
        }
        let mut entries = Vec::new();
        self.slice.resume();
        while entries.len() < BATCH_SIZE {
            self.slice.yield_if_due().await?;
            let Some((index, RecipientSpec { selector, fields })) = self.specs.next() else {
                break;
            };
            let group = match &selector {
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
                    entries.push(self.lookup_table.evaluate_next(
                        &mut self.evaluator,
                        index,
                        selector,
                        fields.as_ref(),
                    )?);
                    continue;
                }
            };
            self.open_stream = Some(OpenStream { index, fields, recipients: self.repository.stream(group) });
            return Ok(Some(entries));
        }
        self.slice.pause()?;
        Ok(if entries.is_empty() { None } else { Some(entries) })
    }

    /// The summary of the entries returned so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.evaluator.report
    }
}

/// The ids of the requested groups, by item index; groups that do not exist are absent.
async fn look_up_groups(
    repository: &dyn AudienceRepository,
    specs: &[RecipientSpec],
) -> Result<HashMap<usize, GroupId>> {
    let (mut groups, mut seen) = (HashMap::new(), HashSet::new());
    for (index, RecipientSpec { selector, fields: _ }) in specs.iter().enumerate() {
        let Selector::Group(key) = selector else { continue };
        match repository.group(key.clone()).await {
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
    async fn look_up(repository: &dyn AudienceRepository, specs: &[RecipientSpec]) -> Result<Self> {
        let mut keys = LookupRequest::default();
        for RecipientSpec { selector, fields: _ } in specs {
            match selector {
                Selector::Handle(handle) => keys.handles.push(handle),
                Selector::Id(id) => keys.ids.push(*id),
                Selector::Phone(phone) => keys.phones.push(phone),
                Selector::Group(_) | Selector::All => {}
            }
        }
        let is_empty = keys.handles.is_empty() && keys.ids.is_empty() && keys.phones.is_empty();
        let LookupResult { by_handle, by_id, numbers } =
            if is_empty { LookupResult::default() } else { repository.find(keys).await? };
        Ok(Self { by_handle: by_handle.into_iter(), by_id: by_id.into_iter(), numbers: numbers.into_iter() })
    }

    /// Takes the next result for this kind of selector and evaluates it.
    fn evaluate_next(
        &mut self,
        evaluator: &mut Evaluator,
        index: usize,
        selector: Selector,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Entry> {
        let (recipient, named, unknown) = match selector {
            Selector::Handle(handle) => {
                (self.by_handle.next().flatten(), handle.into_string(), Reason::UnknownHandle)
            }
            Selector::Id(id) => (self.by_id.next().flatten(), id.to_string(), Reason::UnknownId),
            Selector::Phone(phone) => {
                return match self.numbers.next() {
                    Some(PhoneMatch::One(recipient)) => evaluator.recipient(index, recipient, fields),
                    Some(PhoneMatch::Several { .. }) => {
                        Ok(evaluator.exclude(Exclusion::of(index, None, phone, Reason::AmbiguousNumber)))
                    }
                    number => {
                        let opted_out = matches!(number, Some(PhoneMatch::None { opted_out: true }));
                        evaluator.number(index, phone, opted_out, fields)
                    }
                };
            }
            // Unreachable: these are streamed, not looked up.
            Selector::Group(key) => (None, key.to_string(), Reason::UnknownGroup),
            Selector::All => (None, String::new(), Reason::UnknownGroup),
        };
        match recipient {
            Some(recipient) => evaluator.recipient(index, recipient, fields),
            None => Ok(evaluator.exclude(Exclusion::unknown(index, named, unknown))),
        }
    }
}

/// Includes or excludes one recipient after the other, and keeps the report.
struct Evaluator {
    template: Option<Template>,
    options: Options,
    /// Numbers included so far.
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
        let message = self.render(&contact.phone, Some(&contact), opted_out, fields)?;
        let Contact { id, handle, phone, .. } = contact;
        Ok(self.add_entry(index, Some(ContactRef { id, handle }), phone, message))
    }

    /// A number that belongs to no contact.
    fn number(
        &mut self,
        index: usize,
        phone: Phone,
        opted_out: bool,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Entry> {
        let message = self.render(&phone, None, opted_out, fields)?;
        Ok(self.add_entry(index, None, phone, message))
    }

    /// The message if there is a template, or the reason for the exclusion. [`TooCostly`] fails the whole request:
    /// the fault lies with the template, not with a recipient.
    fn render(
        &mut self,
        phone: &Phone,
        contact: Option<&Contact>,
        opted_out: bool,
        fields: Option<&Map<String, Value>>,
    ) -> Result<std::result::Result<Option<Message>, Reason>> {
        if opted_out && !self.options.opted_out {
            return Ok(Err(Reason::OptedOut));
        }
        let deduplicate = !self.options.repeated_numbers;
        if deduplicate && !self.numbers.insert(phone.as_number()) {
            return Ok(Err(Reason::DuplicateNumber));
        }
        let input = RenderInput { phone, contact, fields };
        let message =
            self.template.as_ref().map(|template| template.render(input, self.options.missing_variables));
        let message = message.transpose().map_err(|TooCostly| ErrorCode::TemplateTooCostly)?;
        Ok(message.transpose().map_err(|error| {
            // The template may render for another contact with this number.
            self.numbers.remove(&phone.as_number());
            Reason::RenderError(error)
        }))
    }

    fn add_entry(
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
