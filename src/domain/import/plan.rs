//! The plan: what an import does with each row, before it does anything.
//!
//! **A row changes nothing but what the plan shows.** The plan has the values before and after each change, and the version
//! of the contact that it was made for; a contact that has another version when the import is committed is left alone.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use serde_json::{Map, Value};

use super::columns::ColumnIndex;
use super::mapping::{Rule, Target};
use super::options::{ImportMode, ImportOptions};
use super::row::{CellValue, Imported, ParsedRow, RowError, SourceRow};
use crate::domain::Error;
use crate::domain::contact::batch::MatchBy;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, MetaPatch, Phone};
use crate::domain::contact::{Contact, ContactField, ContactId, ContactKey, ContactPatch, NewContact};
use crate::domain::group::{GroupId, GroupName};
use crate::domain::wire_names::wire_names;

wire_names! {
    /// What the plan does with a row.
    RowOutcome {
        Create => "create", "a contact is created";
        Update => "update", "a contact is changed";
        Unchanged => "unchanged", "the contact has these values already";
        Skip => "skip", "the mode of the import leaves the row out";
        Reject => "reject", "the row is invalid";
    }
}

wire_names! {
    /// What is worth a look at a row that is carried out all the same.
    RowWarning {
        OptedOut => "opted_out", "the number has opted out, and stays so";
        SharedNumber => "shared_phone_number", "another contact has the same number";
    }
}

wire_names! {
    /// What became of a row that the plan carries out.
    RowStatus {
        Applied => "applied", "it was carried out";
        ChangedSince => "changed_since", "the contact has changed since the plan was made, and was left alone";
        Undone => "undone", "it was carried out and undone";
        Kept => "kept", "it was carried out and could not be undone, since the contact has changed since";
        OverQuota => "over_quota", "the contact was not created, since the account had reached its limit of contacts";
    }
}

/// A change of one field. `None`: no value.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    pub field: ContactField,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl fmt::Display for FieldChange {
    /// `CITY: "London" → "Leeds"`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, before, after } = self;
        match field {
            ContactField::Meta(key) => f.write_str(key)?,
            field => Target::of(field).fmt(f)?,
        }
        let value = |value: &Option<Value>| value.as_ref().map_or("none".to_owned(), Value::to_string);
        write!(f, ": {} → {}", value(before), value(after))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRow {
    /// As in [`SourceRow`].
    pub number: u64,
    pub outcome: RowOutcome,
    /// `None` before the commit, and of rows that are not carried out.
    pub status: Option<RowStatus>,
    /// The contact that it is about, if there is one.
    pub contact: Option<ContactId>,
    /// The version that the plan is made for; after the commit, the one that it left.
    pub version: Option<i64>,
    pub changes: Vec<FieldChange>,
    /// The groups that the contact joins.
    pub groups: Vec<GroupName>,
    /// After the commit: the groups that it was not in before.
    pub joined: Vec<GroupId>,
    pub warnings: Vec<RowWarning>,
    /// Why it is rejected or skipped, or was left alone.
    pub reason: Option<RowError>,
    /// The values of a rejected row, as the file has them.
    pub cells: Vec<(usize, String)>,
}

impl PlannedRow {
    fn new(number: u64, outcome: RowOutcome) -> Self {
        Self {
            number,
            outcome,
            status: None,
            contact: None,
            version: None,
            changes: Vec::new(),
            groups: Vec::new(),
            joined: Vec::new(),
            warnings: Vec::new(),
            reason: None,
            cells: Vec::new(),
        }
    }

    /// Whether the commit has something to do.
    #[must_use]
    pub fn is_carried_out(&self) -> bool {
        match self.outcome {
            RowOutcome::Create | RowOutcome::Update => true,
            RowOutcome::Unchanged | RowOutcome::Skip | RowOutcome::Reject => false,
        }
    }

    /// The contact that the row creates.
    ///
    /// # Errors
    /// Its required values are missing, which the plan rules out.
    pub fn new_contact(&self) -> Result<NewContact, Error> {
        self.patch().try_into()
    }

    /// The changes as a patch.
    #[must_use]
    pub fn patch(&self) -> ContactPatch {
        patch(self.changes.iter().map(|change| (&change.field, change.after.as_ref())))
    }

    /// The patch that takes the changes back.
    #[must_use]
    pub fn reverse_patch(&self) -> ContactPatch {
        patch(self.changes.iter().map(|change| (&change.field, change.before.as_ref())))
    }
}

fn patch<'c>(changes: impl Iterator<Item = (&'c ContactField, Option<&'c Value>)>) -> ContactPatch {
    let mut patch =
        ContactPatch { handle: None, phone: None, display_name: None, avatar_url: None, meta: None };
    let mut members = Vec::new();
    for (field, value) in changes {
        let text = || value.and_then(Value::as_str).map(str::to_owned);
        match field {
            ContactField::Handle => patch.handle = text().map(Handle::from_stored),
            ContactField::Phone => patch.phone = text().map(Phone::from_stored),
            ContactField::DisplayName => patch.display_name = Some(text().map(DisplayName::from_stored)),
            ContactField::AvatarUrl => patch.avatar_url = Some(text().map(AvatarUrl::from_stored)),
            ContactField::Meta(key) => members.push((key.clone(), value.cloned())),
        }
    }
    if !members.is_empty() {
        patch.meta = Some(MetaPatch::Set(members));
    }
    patch
}

/// What the store has for a row.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    pub matched: Matched,
    /// The contact that has the row's handle.
    pub by_handle: Option<ContactId>,
    /// The groups that the matched contact is in.
    pub member_of: Vec<GroupName>,
    pub warnings: Vec<RowWarning>,
}

/// The contact that a row is about.
#[derive(Clone, Debug, Default)]
pub enum Matched {
    #[default]
    None,
    One(Box<Contact>),
    /// Several contacts have the number.
    Several,
}

/// The key by which a row finds its contact. `None` if the row does not have it.
#[must_use]
pub fn match_key(row: &ParsedRow, match_by: MatchBy) -> Option<ContactKey> {
    match match_by {
        MatchBy::Id => row.id.map(ContactKey::Id),
        MatchBy::Handle => row.handle.as_ref()?.value.clone().map(ContactKey::Handle),
        MatchBy::Phone => row.phone.as_ref()?.value.clone().map(ContactKey::Phone),
    }
}

/// Plans the rows of a file one after the other.
#[derive(Debug)]
pub struct Planner {
    mode: ImportMode,
    match_by: MatchBy,
    group: Option<GroupName>,
    /// Hashes of what may occur only once, with the number of the row that had it: 12 bytes per row, whatever its names. A
    /// collision, of which there is one in 37 million files with a million rows, rejects a row for no reason.
    seen: HashMap<[u32; 2], u32>,
    hasher: RandomState,
}

/// What may occur in one row only.
#[derive(Hash)]
enum Once<'r> {
    Contact(ContactId),
    Handle(&'r str),
    Phone(&'r str),
}

impl Planner {
    #[must_use]
    pub fn new(options: &ImportOptions) -> Self {
        let ImportOptions { mode, match_by, group, .. } = options;
        Self {
            mode: *mode,
            match_by: *match_by,
            group: group.clone(),
            seen: HashMap::new(),
            hasher: RandomState::new(),
        }
    }

    /// A row that cannot be parsed.
    #[must_use]
    pub fn reject(row: &SourceRow, reason: RowError) -> PlannedRow {
        let text = |value: &CellValue| match value {
            CellValue::Text(text) => text.clone(),
            CellValue::Json(Value::String(text)) => text.clone(),
            CellValue::Json(value) => value.to_string(),
        };
        PlannedRow {
            reason: Some(reason),
            cells: row.cells.iter().map(|(column, value)| (*column, text(value))).collect(),
            ..PlannedRow::new(row.number, RowOutcome::Reject)
        }
    }

    /// Plans a row, which must come in the order of the file.
    ///
    /// # Errors
    /// Why it is rejected.
    pub fn plan(
        &mut self,
        row: ParsedRow,
        stored: Stored,
        columns: &ColumnIndex,
    ) -> Result<PlannedRow, RowError> {
        let Stored { matched, by_handle, member_of, warnings } = stored;
        let key_column = match self.match_by {
            MatchBy::Id => Target::Id,
            MatchBy::Handle => Target::Handle,
            MatchBy::Phone => Target::Phone,
        };
        let column = |target: &Target| columns.column_of(target);
        let missing =
            |target: &Target| RowError::new("required", column(target), format!("{target} is required"));
        let mut planned = match matched {
            Matched::Several => {
                let message = "several contacts have this phone number; match by username or id";
                return Err(RowError::new("phone_number_ambiguous", column(&key_column), message));
            }
            Matched::One(contact) => {
                self.once(&Once::Contact(contact.id), row.number, column(&key_column))?;
                if self.mode == ImportMode::Create {
                    let reason = RowError::new("contact_exists", None, "the contact exists already");
                    let outcome = PlannedRow::new(row.number, RowOutcome::Skip);
                    PlannedRow { contact: Some(contact.id), reason: Some(reason), ..outcome }
                } else {
                    self.update(&row, &contact, by_handle, column(&Target::Handle), &column)?
                }
            }
            Matched::None if self.mode == ImportMode::Update => {
                if match_key(&row, self.match_by).is_none() {
                    return Err(missing(&key_column));
                }
                let reason = RowError::new("no_such_contact", None, "there is no such contact");
                PlannedRow { reason: Some(reason), ..PlannedRow::new(row.number, RowOutcome::Skip) }
            }
            Matched::None => {
                if row.id.is_some() {
                    let message = "there is no contact with this id; leave it out to create one";
                    return Err(RowError::new("no_such_contact", column(&Target::Id), message));
                }
                let handle = row.handle.as_ref().and_then(|handle| handle.value.as_ref());
                let handle = handle.ok_or_else(|| missing(&Target::Handle))?;
                let phone = row.phone.as_ref().and_then(|phone| phone.value.as_ref());
                let phone = phone.ok_or_else(|| missing(&Target::Phone))?;
                if by_handle.is_some() {
                    return Err(handle_taken(column(&Target::Handle)));
                }
                self.once(&Once::Handle(handle.as_str()), row.number, column(&Target::Handle))?;
                if self.match_by == MatchBy::Phone {
                    self.once(&Once::Phone(phone.as_str()), row.number, column(&Target::Phone))?;
                }
                self.create(&row, &column)?
            }
        };
        planned.groups.retain(|group| !member_of.contains(group));
        if planned.outcome == RowOutcome::Update && planned.changes.is_empty() && planned.groups.is_empty() {
            planned.outcome = RowOutcome::Unchanged;
        }
        planned.warnings = warnings;
        Ok(planned)
    }

    /// Rejects a second row about the same contact.
    fn once(&mut self, what: &Once<'_>, number: u64, column: Option<usize>) -> Result<(), RowError> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let hash = self.hasher.hash_one(what).to_ne_bytes();
        let [a, b, c, d, e, f, g, h] = hash;
        match self.seen.entry([u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(number);
                Ok(())
            }
            std::collections::hash_map::Entry::Occupied(first) => {
                let message = format!("row {} is about the same contact", first.get());
                Err(RowError::new("duplicate_row", column, message))
            }
        }
    }

    fn create(
        &self,
        row: &ParsedRow,
        column: &impl Fn(&Target) -> Option<usize>,
    ) -> Result<PlannedRow, RowError> {
        let mut changes = Vec::new();
        let mut set = |field: ContactField, after: Option<Value>| {
            if after.is_some() {
                changes.push(FieldChange { field, before: None, after });
            }
        };
        set(ContactField::Handle, text(row.handle.as_ref(), Handle::as_str));
        set(ContactField::Phone, text(row.phone.as_ref(), Phone::as_str));
        set(ContactField::DisplayName, text(row.display_name.as_ref(), DisplayName::as_str));
        set(ContactField::AvatarUrl, text(row.avatar_url.as_ref(), AvatarUrl::as_str));
        for (key, value) in &row.meta {
            set(ContactField::Meta(key.clone()), Some(value.clone()));
        }
        check_meta(&row.meta, column)?;
        Ok(PlannedRow {
            changes,
            groups: self.groups(row),
            ..PlannedRow::new(row.number, RowOutcome::Create)
        })
    }

    fn update(
        &mut self,
        row: &ParsedRow,
        stored: &Contact,
        by_handle: Option<ContactId>,
        handle_column: Option<usize>,
        column: &impl Fn(&Target) -> Option<usize>,
    ) -> Result<PlannedRow, RowError> {
        let mut changes = Vec::new();
        let mut set = |field: ContactField, before: Option<Value>, after: Option<Value>, rule: Rule| {
            let is_wanted = match rule {
                Rule::Overwrite => true,
                Rule::Fill => before.is_none(),
                Rule::Never => false,
            };
            if is_wanted && before != after {
                changes.push(FieldChange { field, before, after });
            }
        };
        let Contact {
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at: _,
            updated_at: _,
            version,
        } = stored;
        if let Some(imported) = &row.handle {
            let before = Some(Value::from(handle.as_str()));
            set(ContactField::Handle, before, text(Some(imported), Handle::as_str), imported.rule);
        }
        if let Some(imported) = &row.phone {
            let before = Some(Value::from(phone.as_str()));
            set(ContactField::Phone, before, text(Some(imported), Phone::as_str), imported.rule);
        }
        if let Some(imported) = &row.display_name {
            let before = display_name.as_ref().map(|name| Value::from(name.as_str()));
            let after = text(Some(imported), DisplayName::as_str);
            set(ContactField::DisplayName, before, after, imported.rule);
        }
        if let Some(imported) = &row.avatar_url {
            let before = avatar_url.as_ref().map(|url| Value::from(url.as_str()));
            set(ContactField::AvatarUrl, before, text(Some(imported), AvatarUrl::as_str), imported.rule);
        }
        let before = meta.to_map();
        for (key, value) in &row.meta {
            let field = ContactField::Meta(key.clone());
            set(field, before.get(key).cloned(), Some(value.clone()), row.meta_rule(key));
        }
        for key in &row.cleared_meta {
            set(ContactField::Meta(key.clone()), before.get(key).cloned(), None, row.meta_rule(key));
        }
        let mut after = before;
        for change in &changes {
            match (&change.field, &change.after) {
                (ContactField::Meta(key), Some(value)) => drop(after.insert(key.clone(), value.clone())),
                (ContactField::Meta(key), None) => drop(after.shift_remove(key)),
                (ContactField::Handle, Some(Value::String(handle))) => {
                    if by_handle.is_some_and(|other| other != *id) {
                        return Err(handle_taken(handle_column));
                    }
                    self.once(&Once::Handle(handle), row.number, handle_column)?;
                }
                _ => {}
            }
        }
        check_meta(&after, column)?;
        Ok(PlannedRow {
            contact: Some(*id),
            version: Some(*version),
            changes,
            groups: self.groups(row),
            ..PlannedRow::new(row.number, RowOutcome::Update)
        })
    }

    fn groups(&self, row: &ParsedRow) -> Vec<GroupName> {
        let mut groups = row.groups.clone();
        groups.extend(self.group.iter().filter(|group| !row.groups.contains(group)).cloned());
        groups
    }
}

fn text<T>(imported: Option<&Imported<T>>, text: fn(&T) -> &str) -> Option<Value> {
    imported?.value.as_ref().map(|value| Value::from(text(value)))
}

fn handle_taken(column: Option<usize>) -> RowError {
    RowError::new("taken", column, format!("{} is already taken", Target::Handle))
}

fn check_meta(meta: &Map<String, Value>, column: &impl Fn(&Target) -> Option<usize>) -> Result<(), RowError> {
    let error = |violation: crate::domain::Violation| {
        let column = column(&Target::MetaObject);
        RowError::new(violation.code(), column, violation.sentence(&Target::MetaObject.to_string()))
    };
    Meta::parse(meta).map(drop).map_err(error)
}
