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
use super::repository::{
    AudienceRepository, LookupRequest, LookupResult, MatchingRecipients, PhoneMatch, Recipient,
};
use super::request::{Options, RecipientSpec, Request, Selector};
use super::segments::RequestedSegments;
use crate::domain::contact::Contact;
use crate::domain::contact::fields::Phone;
use crate::domain::error::{ErrorCode, Result, if_found};
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
    /// Of the items that yield any number of entries, by index.
    sources: HashMap<usize, Source>,
    /// The number of items that yield exactly one entry.
    singles: u64,
    evaluator: Evaluator,
    slice: TimeSlice,
}

/// Where the recipients of an item come from.
enum Source {
    All,
    Group(GroupId),
    Matching(Box<dyn MatchingRecipients>),
}

/// The item whose recipients are being streamed.
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
    /// Looks up the individually named recipients and the groups, and resolves the filters.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`]: a group is named twice, by id and by name. Those of [`AudienceRepository::matching`].
    pub async fn begin(repository: Arc<dyn AudienceRepository>, request: Request) -> Result<Self> {
        let Request { asked: specs, segments, template, options, budget } = request;
        let lookup_table = LookupTable::look_up(repository.as_ref(), &specs).await?;
        let sources = look_up_sources(repository.as_ref(), &specs, &segments).await?;
        // A group or a segment that does not exist is one exclusion.
        let singles = (specs.len() - sources.len()) as u64;
        let evaluator = Evaluator { template, options, numbers: HashSet::new(), report: Report::default() };
        Ok(Self {
            repository,
            specs: specs.into_iter().enumerate(),
            open_stream: None,
            lookup_table,
            sources,
            singles,
            evaluator,
            slice: TimeSlice::first(budget),
        })
    }

    /// Estimates the number of entries from counters, those of filters left out, without reading a recipient. To be called
    /// before the first [`Self::next`].
    pub async fn at_least(&self) -> Result<u64> {
        let (mut groups, mut all) = (Vec::new(), false);
        for source in self.sources.values() {
            match source {
                Source::All => all = true,
                Source::Group(group) => groups.push(*group),
                Source::Matching(_) => {}
            }
        }
        if groups.is_empty() && !all {
            return Ok(self.singles);
        }
        Ok(self.singles + self.repository.count(groups, all).await?)
    }

    /// As [`Self::at_least`], with what matches the filters, which is counted: that can take as long as to read it.
    pub async fn expected(&self) -> Result<u64> {
        let mut expected = self.at_least().await?;
        for source in self.sources.values() {
            if let Source::Matching(matching) = source {
                self.slice.budget.check(self.slice.used)?;
                expected += matching.count().await?;
            }
        }
        Ok(expected)
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
            let recipients = match self.sources.get(&index) {
                None => {
                    entries.push(self.lookup_table.evaluate_next(
                        &mut self.evaluator,
                        index,
                        selector,
                        fields.as_ref(),
                    )?);
                    continue;
                }
                Some(Source::All) => self.repository.stream(None),
                Some(Source::Group(group)) => self.repository.stream(Some(*group)),
                Some(Source::Matching(matching)) => matching.stream(),
            };
            self.open_stream = Some(OpenStream { index, fields, recipients });
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

/// The sources of the items, by index; absent are those of items that name one recipient, and of groups and segments that do
/// not exist.
async fn look_up_sources(
    repository: &dyn AudienceRepository,
    specs: &[RecipientSpec],
    segments: &RequestedSegments,
) -> Result<HashMap<usize, Source>> {
    let (mut sources, mut seen) = (HashMap::new(), HashSet::new());
    for (index, RecipientSpec { selector, fields: _ }) in specs.iter().enumerate() {
        let filter = match selector {
            Selector::Handle(_) | Selector::Id(_) | Selector::Phone(_) => None,
            Selector::All => {
                sources.insert(index, Source::All);
                None
            }
            Selector::Group(key) => {
                if let Some(group) = if_found(repository.group(key.clone()).await)? {
                    if !seen.insert(group) {
                        let place = format!("recipients.{index}.group");
                        return Err(FieldViolation::at(place, Violation::Duplicate).into());
                    }
                    sources.insert(index, Source::Group(group));
                }
                None
            }
            Selector::Segment(_) => segments.filter(index),
            Selector::Filter(filter) => Some(filter),
        };
        if let Some(filter) = filter {
            let matching = repository.matching(filter.clone()).await;
            let matching = matching.map_err(|error| error.of_item("recipients", index))?;
            sources.insert(index, Source::Matching(matching));
        }
    }
    Ok(sources)
}

impl LookupTable {
    async fn look_up(repository: &dyn AudienceRepository, specs: &[RecipientSpec]) -> Result<Self> {
        let mut keys = LookupRequest::default();
        for RecipientSpec { selector, fields: _ } in specs {
            match selector {
                Selector::Handle(handle) => keys.handles.push(handle),
                Selector::Id(id) => keys.ids.push(*id),
                Selector::Phone(phone) => keys.phones.push(phone),
                Selector::Group(_) | Selector::All | Selector::Segment(_) | Selector::Filter(_) => {}
            }
        }
        let is_empty = keys.handles.is_empty() && keys.ids.is_empty() && keys.phones.is_empty();
        let LookupResult { by_handle, by_id, numbers } =
            if is_empty { LookupResult::default() } else { repository.find(keys).await? };
        Ok(Self { by_handle: by_handle.into_iter(), by_id: by_id.into_iter(), numbers: numbers.into_iter() })
    }

    /// Takes the next result for this kind of selector and evaluates it. An item without a [`Source`] that names several
    /// recipients names something that does not exist.
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
            Selector::Group(key) => (None, key.to_string(), Reason::UnknownGroup),
            Selector::Segment(key) => (None, key.to_string(), Reason::UnknownSegment),
            // Unreachable: these always have a source.
            Selector::All | Selector::Filter(_) => (None, String::new(), Reason::UnknownGroup),
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
