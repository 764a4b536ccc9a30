//! Batches of contacts over HTTP, independent of the dialect: the body, whose items are parsed one by one, and the results.

mod keys;
mod results;
mod schema;

pub use keys::{Delete, RequestedKey, Selection, deleted};
pub use results::{BatchCounts, DeletedCounts, ItemResult, Shown, item_results};
pub use schema::{change, deletion, if_match, index, item_id, match_by, mode};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::domain::contact::batch::{
    Batch, BatchItem, BatchMode, BatchOutcome, ITEMS, InvalidItem, ItemChange, ItemOutcome,
    MAX_ITEM_VIOLATIONS, MatchBy,
};
use crate::domain::precondition::Precondition;
use crate::domain::violation::Place;
use crate::domain::{
    ContactId, ContactKey, ContactPatch, Error, ErrorCode, Field, FieldViolation, NewContact, Permission,
    Violation,
};
use crate::http::dialect::FieldNames;
use crate::http::extract::{ConditionalPermission, IfMatch, Items, Violations, member_names, parse_item};
use crate::http::openapi::examples;

const ID: &str = "id";

pub const PERMISSIONS: &[ConditionalPermission<Batch>] = &[
    ConditionalPermission {
        permission: Permission::CreateContacts,
        when: "`mode` is `create` or `upsert`",
        applies: |batch| batch.mode.creates(),
    },
    ConditionalPermission {
        permission: Permission::UpdateContacts,
        when: "`mode` is `update` or `upsert`",
        applies: |batch| batch.mode.updates(),
    },
];

/// The errors of items, with which an atomic batch is answered.
pub const ERRORS: &[ErrorCode] = &[
    ErrorCode::NotFound,
    ErrorCode::HandleTaken,
    ErrorCode::DuplicateItem,
    ErrorCode::PhoneAmbiguous,
    ErrorCode::PreconditionFailed,
    ErrorCode::ContactQuota,
    ErrorCode::StorageFull,
];

/// The description of the header `Idempotent-Replayed`.
pub const REPLAYED: &str = "`true` if an earlier request with the same `Idempotency-Key` got these results.";

/// For the OpenAPI document: one contact created, and an item that lacks what it needs to be a create.
#[must_use]
pub fn example(dialect: &BatchDialect) -> BatchOutcome {
    let contact = examples::contact();
    let (id, handle) = (contact.id, Some(contact.handle));
    let error = FieldViolation::of(Field::Phone, Violation::Required).into();
    let failed = ItemOutcome::Failed { error: (dialect.render_error)(&error) };
    let created = ItemOutcome::Done { change: ItemChange::Created, id, handle };
    BatchOutcome { items: vec![created, failed], replayed: false }
}

/// What a dialect says of its batches.
pub struct BatchDialect {
    pub names: &'static FieldNames,
    /// The values of `match_by`, as a sentence lists them.
    pub match_by: &'static str,
    pub render_error: fn(&Error) -> String,
}

/// An item of a batch in a dialect: an update with an id and a precondition.
pub trait Item: DeserializeOwned {
    fn into_parts(self, violations: &mut Violations) -> ItemParts;
}

pub struct ItemParts {
    pub id: Option<String>,
    pub if_match: Option<String>,
    pub patch: Option<ContactPatch>,
}

/// The members of the body.
pub struct BatchBody {
    pub mode: Option<String>,
    pub match_by: Option<String>,
    pub atomic: Option<bool>,
    pub contacts: Option<Items<Box<RawValue>>>,
}

impl BatchBody {
    /// Parses each item on its own: one that is invalid is a result, not a violation of the body.
    pub fn into_batch<T: Item>(self, dialect: &BatchDialect, violations: &mut Violations) -> Option<Batch> {
        let Self { mode, match_by, atomic, contacts } = self;
        let mode = mode.and_then(|mode| violations.check("mode", parse_mode(&mode)));
        let match_by = match match_by {
            None => Some(MatchBy::Handle),
            Some(text) => violations.check("match_by", dialect.parse_match_by(&text)),
        };
        let Items(contacts) = contacts?;
        if contacts.is_empty() {
            violations.add(ITEMS, Violation::NoItems);
        }
        let (mode, match_by) = (mode?, match_by?);
        let parser = ItemParser { mode, match_by, names: dialect.names };
        Some(Batch {
            mode,
            atomic: atomic.unwrap_or_default(),
            items: contacts.iter().map(|item| parser.parse::<T>(item)).collect(),
            render_error: dialect.render_error,
        })
    }
}

fn parse_mode(text: &str) -> Result<BatchMode, Violation> {
    match text {
        schema::CREATE => Ok(BatchMode::Create),
        schema::UPDATE => Ok(BatchMode::Update),
        schema::UPSERT => Ok(BatchMode::Upsert),
        _ => Err(Violation::NotOneOf { allowed: schema::MODES }),
    }
}

impl BatchDialect {
    fn parse_match_by(&self, text: &str) -> Result<MatchBy, Violation> {
        let name = |field| (self.names.name)(field);
        match text {
            ID => Ok(MatchBy::Id),
            text if text == name(Field::Handle) => Ok(MatchBy::Handle),
            text if text == name(Field::Phone) => Ok(MatchBy::Phone),
            _ => Err(Violation::NotOneOf { allowed: self.match_by }),
        }
    }
}

struct ItemParser {
    mode: BatchMode,
    match_by: MatchBy,
    names: &'static FieldNames,
}

impl ItemParser {
    fn parse<T: Item>(&self, json: &RawValue) -> BatchItem {
        let mut violations = Violations::at_most(MAX_ITEM_VIOLATIONS);
        let parts = match parse_item::<T>(json, &mut violations) {
            Ok(item) => item.into_parts(&mut violations),
            Err(error) => return invalid(None, InvalidItem { as_create: error.clone(), as_update: error }),
        };
        let ItemParts { id, if_match, patch } = parts;
        let precondition = if_match.map_or(Precondition::None, |text| IfMatch::parse(&text));
        let is_by_id = self.mode != BatchMode::Create && self.match_by == MatchBy::Id;
        let id = match id {
            Some(_) if !is_by_id => {
                violations.add(ID, Violation::unknown_member(ID, &[]));
                None
            }
            Some(text) => violations.check(ID, ContactId::parse(&text).ok_or(Violation::NotUuid)),
            None => None,
        };
        let key = self.key(id, patch.as_ref());
        let is_missing = self.mode == BatchMode::Update && key.is_none();
        match patch {
            Some(patch) if violations.is_empty() && !is_missing => {
                BatchItem { key, precondition, content: Ok(patch) }
            }
            patch => invalid(key, self.errors::<T>(violations, patch, is_missing)),
        }
    }

    fn key(&self, id: Option<ContactId>, patch: Option<&ContactPatch>) -> Option<ContactKey> {
        if self.mode == BatchMode::Create {
            return None;
        }
        match self.match_by {
            MatchBy::Id => id.map(ContactKey::Id),
            MatchBy::Handle => patch?.handle.clone().map(ContactKey::Handle),
            MatchBy::Phone => patch?.phone.clone().map(ContactKey::Phone),
        }
    }

    /// What each of the two single operations would have answered.
    fn errors<T: Item>(
        &self,
        violations: Violations,
        patch: Option<ContactPatch>,
        key_is_missing: bool,
    ) -> InvalidItem {
        let mut as_create = violations.clone();
        if let Some(Err(error)) = patch.map(NewContact::try_from) {
            for found in error.violations() {
                if let Place::Field(field) = found.place {
                    add_unless_invalid(&mut as_create, (self.names.name)(field), &found.violation);
                }
            }
        }
        let mut as_update = violations;
        if key_is_missing {
            let name = match self.match_by {
                MatchBy::Id => ID,
                MatchBy::Handle => (self.names.name)(Field::Handle),
                MatchBy::Phone => (self.names.name)(Field::Phone),
            };
            add_unless_invalid(&mut as_update, name, &Violation::Required);
        }
        let [as_create, as_update] = [as_create, as_update].map(|mut violations| {
            violations.sort(member_names::<T>());
            violations.into_error()
        });
        InvalidItem { as_create, as_update }
    }
}

/// A member that could not be parsed has a violation already, and is neither missing nor too large.
fn add_unless_invalid(violations: &mut Violations, name: &'static str, violation: &Violation) {
    if !violations.any_within(name) {
        violations.add(name, violation.clone());
    }
}

fn invalid(key: Option<ContactKey>, invalid: InvalidItem) -> BatchItem {
    BatchItem { key, precondition: Precondition::None, content: Err(invalid) }
}
