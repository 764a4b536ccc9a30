//! Table `audience_entries`, and the JSON of an entry. Its member names are stored: renaming one needs a
//! migration.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::audience::{ContactRef, Entry, Exclusion, Included, Reason};
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::template::engine::{Message, RenderError};
use crate::domain::template::sms;
use crate::domain::{ContactId, Error, ErrorCode};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audience_entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub audience_id: Uuid,
    /// 0: recipients, 1: exclusions.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    /// A [`StoredEntry`] as JSON.
    pub entry: String,
    /// The entry's contact; [`DELETED`] if that was deleted before the snapshot was finished.
    pub contact_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// No contact's id: marks entries whose contact was deleted, which the report does not count yet.
pub(crate) const DELETED: Uuid = Uuid::nil();

/// An entry as of the time of the snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredEntry {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<(Uuid, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    named: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<StoredReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<BeforeDeletion>,
}

/// The entry before its contact was deleted, as far as the report counts it.
#[derive(Debug, Serialize, Deserialize)]
struct BeforeDeletion {
    parts: u64,
    reason: Option<StoredReason>,
}

/// [`Reason`] with its details.
#[derive(Debug, Serialize, Deserialize)]
enum StoredReason {
    UnknownAlias,
    UnknownId,
    UnknownGroup,
    UnknownSegment,
    AmbiguousNumber,
    OptedOut,
    DuplicateNumber,
    Missing(String, Option<String>),
    TooLong,
    Empty,
    Failed(String),
    Deleted,
}

/// The effect of a contact's deletion on the report.
#[derive(Debug)]
pub(crate) struct Deletion {
    pub(crate) index: usize,
    /// Message parts.
    pub(crate) parts: u64,
    /// The former reason for its exclusion, if it was excluded.
    pub(crate) reason: Option<Reason>,
}

impl From<&Entry> for Deletion {
    fn from(entry: &Entry) -> Self {
        match entry {
            Entry::Included(Included { index, message, .. }) => {
                let parts = message.as_ref().map_or(0, |message| message.size.parts);
                Self { index: *index, parts: u64::try_from(parts).unwrap_or(u64::MAX), reason: None }
            }
            Entry::Excluded(Exclusion { index, reason, .. }) => {
                Self { index: *index, parts: 0, reason: Some(reason.clone()) }
            }
        }
    }
}

impl StoredEntry {
    /// The remainder of an entry whose contact was deleted.
    pub(crate) fn deleted(entry: &Entry) -> Self {
        let Deletion { index: _, parts, reason } = entry.into();
        let was = BeforeDeletion { parts, reason: reason.as_ref().map(StoredReason::from) };
        Self { was: Some(was), ..Self::from(&Entry::Excluded(entry.deleted())) }
    }

    /// The deletion that led to this entry.
    pub(crate) fn into_deletion(self) -> Option<Deletion> {
        let BeforeDeletion { parts, reason } = self.was?;
        Some(Deletion { index: self.index, parts, reason: reason.map(Reason::from) })
    }
}

impl From<&Entry> for StoredEntry {
    fn from(entry: &Entry) -> Self {
        let known = |contact: &Option<ContactRef>| {
            contact.as_ref().map(|ContactRef { id, handle }| (id.as_uuid(), handle.as_str().to_owned()))
        };
        match entry {
            Entry::Included(Included { index, contact, phone, message }) => Self {
                index: *index,
                contact: known(contact),
                phone: Some(phone.as_str().to_owned()),
                text: message.as_ref().map(|Message { text, size: _ }| text.clone()),
                named: None,
                reason: None,
                was: None,
            },
            Entry::Excluded(Exclusion { index, contact, phone, named, reason }) => Self {
                index: *index,
                contact: known(contact),
                phone: phone.as_ref().map(|phone| phone.as_str().to_owned()),
                text: None,
                named: named.clone(),
                reason: Some(reason.into()),
                was: None,
            },
        }
    }
}

impl TryFrom<StoredEntry> for Entry {
    type Error = Error;

    fn try_from(snapshot: StoredEntry) -> Result<Self, Error> {
        let StoredEntry { index, contact, phone, text, named, reason, was: _ } = snapshot;
        let contact = contact.map(|(id, handle)| ContactRef {
            id: ContactId::from_uuid(id),
            handle: Handle::from_stored(handle),
        });
        let phone = phone.map(Phone::from_stored);
        if let Some(reason) = reason {
            return Ok(Self::Excluded(Exclusion { index, contact, phone, named, reason: reason.into() }));
        }
        let phone = phone
            .ok_or_else(|| Error::caused_by(ErrorCode::Internal, "a stored recipient has no phone number"))?;
        let message = text.map(|text| Message { size: sms::measure(&text), text });
        Ok(Self::Included(Included { index, contact, phone, message }))
    }
}

impl From<&Reason> for StoredReason {
    fn from(reason: &Reason) -> Self {
        match reason {
            Reason::UnknownHandle => Self::UnknownAlias,
            Reason::UnknownId => Self::UnknownId,
            Reason::UnknownGroup => Self::UnknownGroup,
            Reason::UnknownSegment => Self::UnknownSegment,
            Reason::AmbiguousNumber => Self::AmbiguousNumber,
            Reason::OptedOut => Self::OptedOut,
            Reason::DuplicateNumber => Self::DuplicateNumber,
            Reason::RenderError(RenderError::Missing { variable, similar }) => {
                Self::Missing(variable.clone(), similar.clone())
            }
            Reason::RenderError(RenderError::TooLong) => Self::TooLong,
            Reason::RenderError(RenderError::Empty) => Self::Empty,
            Reason::RenderError(RenderError::Failed { reason }) => Self::Failed(reason.clone()),
            Reason::Deleted => Self::Deleted,
        }
    }
}

impl From<StoredReason> for Reason {
    fn from(reason: StoredReason) -> Self {
        match reason {
            StoredReason::UnknownAlias => Self::UnknownHandle,
            StoredReason::UnknownId => Self::UnknownId,
            StoredReason::UnknownGroup => Self::UnknownGroup,
            StoredReason::UnknownSegment => Self::UnknownSegment,
            StoredReason::AmbiguousNumber => Self::AmbiguousNumber,
            StoredReason::OptedOut => Self::OptedOut,
            StoredReason::DuplicateNumber => Self::DuplicateNumber,
            StoredReason::Missing(variable, similar) => {
                Self::RenderError(RenderError::Missing { variable, similar })
            }
            StoredReason::TooLong => Self::RenderError(RenderError::TooLong),
            StoredReason::Empty => Self::RenderError(RenderError::Empty),
            StoredReason::Failed(reason) => Self::RenderError(RenderError::Failed { reason }),
            StoredReason::Deleted => Self::Deleted,
        }
    }
}
