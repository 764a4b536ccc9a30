//! The results of a batch.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::schema::{CREATED, FAILED, UNCHANGED, UPDATED};
use crate::domain::ContactId;
use crate::domain::ContactKey;
use crate::domain::contact::batch::{Batch, BatchOutcome, ItemChange, ItemOutcome};
use crate::domain::contact::fields::Handle;
use crate::domain::permission::Single;
use crate::http::auth::access::Visibility;
use crate::http::openapi::fields::count;

/// The number of items with each result.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ContactBatchCounts)]
pub struct BatchCounts {
    #[schema(schema_with = created)]
    created: usize,
    #[schema(schema_with = updated)]
    updated: usize,
    #[schema(schema_with = unchanged)]
    unchanged: usize,
    #[schema(schema_with = failed)]
    failed: usize,
}

/// The number of contacts with each result.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactBatchDeletedCounts)]
pub struct DeletedCounts {
    #[schema(schema_with = deleted)]
    deleted: usize,
    #[schema(schema_with = not_found)]
    not_found: usize,
}

impl DeletedCounts {
    pub(super) fn new(deleted: usize, not_found: usize) -> Self {
        Self { deleted, not_found }
    }
}

macro_rules! counts {
    ($($name:ident: $about:literal;)*) => {
        $(fn $name() -> utoipa::openapi::schema::Object {
            count($about)
        })*
    };
}

counts! {
    created: "The number of contacts that were created.";
    updated: "The number of contacts that were changed.";
    unchanged: "The number of contacts that already were as requested.";
    failed: "The number of items that failed.";
    deleted: "The number of contacts that were deleted.";
    not_found: "The number of contacts that do not exist.";
}

/// The result of an item, before it gets the names of its dialect.
#[derive(Debug)]
pub struct ItemResult {
    pub index: usize,
    pub status: &'static str,
    pub id: Option<ContactId>,
    pub handle: Option<Handle>,
    pub error: Option<Box<RawValue>>,
}

/// Which members of the result of each item a key may see that may not read contacts: those that the item has sent.
pub struct Shown(Option<Vec<Sent>>);

struct Sent {
    id: bool,
    handle: bool,
}

impl Shown {
    #[must_use]
    pub fn new<G: Single>(visibility: &Visibility<G>, batch: &Batch) -> Self {
        let sent = batch.items.iter().map(|item| Sent {
            id: matches!(item.key, Some(ContactKey::Id(_))),
            handle: item.handle().is_some(),
        });
        Self((!visibility.is_full()).then(|| sent.collect()))
    }

    /// For the OpenAPI document.
    #[must_use]
    pub fn everything() -> Self {
        Self(None)
    }

    /// The result of a create shows what was sent, and the id.
    fn get(&self, index: usize, change: ItemChange) -> (bool, bool) {
        match self.0.as_ref().and_then(|items| items.get(index)) {
            Some(Sent { id, handle }) if change != ItemChange::Created => (*id, *handle),
            _ => (true, true),
        }
    }
}

/// The counts, and the results in the order of the items.
#[must_use]
pub fn item_results(outcome: BatchOutcome, shown: &Shown) -> (BatchCounts, Vec<ItemResult>) {
    let mut counts = BatchCounts::default();
    let result = |(index, outcome)| match outcome {
        ItemOutcome::Done { change, id, handle } => {
            let (shows_id, shows_handle) = shown.get(index, change);
            let (count, (status, _)) = match change {
                ItemChange::Created => (&mut counts.created, CREATED),
                ItemChange::Updated => (&mut counts.updated, UPDATED),
                ItemChange::Unchanged => (&mut counts.unchanged, UNCHANGED),
            };
            *count += 1;
            let (id, handle) = (shows_id.then_some(id), handle.filter(|_| shows_handle));
            ItemResult { index, status, id, handle, error: None }
        }
        ItemOutcome::Failed { error } => {
            counts.failed += 1;
            // Cannot fail: the dialect has rendered JSON.
            let error = RawValue::from_string(error).ok();
            ItemResult { index, status: FAILED.0, id: None, handle: None, error }
        }
    };
    let results = outcome.items.into_iter().enumerate().map(result).collect();
    (counts, results)
}
