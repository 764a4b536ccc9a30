//! The outcome for each requested recipient: included with its message, or excluded with a reason.

use crate::domain::contact::ContactId;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::template::engine::{Message, RenderError};

#[derive(Clone, Debug)]
pub enum Entry {
    Included(Included),
    Excluded(Exclusion),
}

/// The part of a contact that responses show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRef {
    pub id: ContactId,
    pub handle: Handle,
}

/// A recipient that gets a message.
#[derive(Clone, Debug)]
pub struct Included {
    /// Zero-based index of the request's item.
    pub index: usize,
    /// Absent if no contact has the requested number.
    pub contact: Option<ContactRef>,
    pub phone: Phone,
    /// Present if the request has a template.
    pub message: Option<Message>,
}

/// A recipient that gets no message.
#[derive(Clone, Debug)]
pub struct Exclusion {
    /// Zero-based index of the request's item.
    pub index: usize,
    pub contact: Option<ContactRef>,
    pub phone: Option<Phone>,
    /// The key from the request, if the lookup failed.
    pub named: Option<String>,
    pub reason: Reason,
}

/// The reason for an exclusion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    UnknownHandle,
    UnknownId,
    UnknownGroup,
    UnknownSegment,
    /// The recipient was requested by a number that several contacts share.
    AmbiguousNumber,
    OptedOut,
    /// An earlier recipient has the same number.
    DuplicateNumber,
    RenderError(RenderError),
    /// The contact was deleted after the snapshot was taken.
    Deleted,
}

macro_rules! reasons {
    ($($pattern:pat => $code:literal, $about:literal;)*) => {
        impl Reason {
            /// All codes with their descriptions.
            pub const ALL: &'static [(&'static str, &'static str)] = &[$(($code, $about)),*];

            /// The stable code.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self { $($pattern => $code,)* }
            }

            fn about(&self) -> &'static str {
                match self { $($pattern => $about,)* }
            }
        }
    };
}

reasons! {
    Self::UnknownHandle => "unknown_alias", "no contact has this name";
    Self::UnknownId => "unknown_id", "no contact has this id";
    Self::UnknownGroup => "unknown_group", "no group has this id or name";
    Self::UnknownSegment => "unknown_segment", "no segment has this id or name";
    Self::AmbiguousNumber => "ambiguous_number", "several contacts have this number";
    Self::OptedOut => "opted_out", "the number has opted out";
    Self::DuplicateNumber => "duplicate_number", "the number already gets a message";
    Self::RenderError(RenderError::Missing { .. }) => "missing_variable", "the contact lacks a variable that the template requires";
    Self::RenderError(RenderError::TooLong) => "text_too_long", "the text would take more than 10 SMS parts";
    Self::RenderError(RenderError::Empty) => "text_empty", "the rendered text is empty";
    Self::RenderError(RenderError::Failed { .. }) => "template_failed", "the template cannot be rendered with this data";
    Self::Deleted => "deleted", "the contact was deleted after the audience was kept";
}

impl Reason {
    /// One sentence for the response. It names variables but never contains their values, which are personal data.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::RenderError(RenderError::Missing { variable, similar: None }) => {
                format!("{variable} is missing")
            }
            Self::RenderError(RenderError::Missing { variable, similar: Some(similar) }) => {
                format!("{variable} is missing; {similar} exists, but names are case-sensitive")
            }
            Self::RenderError(RenderError::Failed { reason }) => {
                format!("the template cannot be rendered with this data: {reason}")
            }
            other => other.about().to_owned(),
        }
    }

    /// The missing variable, and an existing one that differs from it by case alone.
    #[must_use]
    pub fn variable(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::RenderError(RenderError::Missing { variable, similar }) => {
                (Some(variable), similar.as_deref())
            }
            _ => (None, None),
        }
    }
}

impl Entry {
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        let (Self::Included(Included { contact, .. }) | Self::Excluded(Exclusion { contact, .. })) = self;
        contact.as_ref().map(|contact| contact.id)
    }

    /// What replaces the entry in a snapshot when its contact is deleted: no data of the contact remains.
    #[must_use]
    pub fn deleted(&self) -> Exclusion {
        let (Self::Included(Included { index, .. }) | Self::Excluded(Exclusion { index, .. })) = self;
        Exclusion { index: *index, contact: None, phone: None, named: None, reason: Reason::Deleted }
    }
}

impl Exclusion {
    /// An exclusion because the lookup of `named` found nothing.
    pub(super) fn unknown(index: usize, named: String, reason: Reason) -> Self {
        Self { index, contact: None, phone: None, named: Some(named), reason }
    }

    /// An exclusion of a recipient whose number is known.
    pub(super) fn of(index: usize, contact: Option<ContactRef>, phone: Phone, reason: Reason) -> Self {
        Self { index, contact, phone: Some(phone), named: None, reason }
    }
}
