//! What becomes of each recipient.

use crate::domain::contact::ContactId;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::template::engine::{Message, RenderError};

/// One of those who were asked for.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Gets a message.
    Included(Included),
    /// Gets none.
    Excluded(Exclusion),
}

/// A contact, as far as an answer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRef {
    /// Its id.
    pub id: ContactId,
    /// Its handle.
    pub handle: Handle,
}

/// Somebody who gets a message.
#[derive(Clone, Debug)]
pub struct Included {
    /// Which item of the request named it, from 0.
    pub index: usize,
    /// The contact; none where the request named a number that is no contact's.
    pub contact: Option<ContactRef>,
    /// The number.
    pub phone: Phone,
    /// The text, if the request has a template.
    pub message: Option<Message>,
}

/// Somebody who gets none.
#[derive(Clone, Debug)]
pub struct Exclusion {
    /// Which item of the request named it, from 0.
    pub index: usize,
    /// The contact, if there is one.
    pub contact: Option<ContactRef>,
    /// The number, if it is known.
    pub phone: Option<Phone>,
    /// What the request called it, where nothing was found under that.
    pub named: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Why somebody gets no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No contact has the handle.
    UnknownAlias,
    /// No contact has the id.
    UnknownId,
    /// No group has the id or the name.
    UnknownGroup,
    /// Several contacts have the number by which one was named.
    AmbiguousNumber,
    /// The number has opted out.
    OptedOut,
    /// The number gets a message already.
    DuplicateNumber,
    /// The text cannot be made.
    RenderError(RenderError),
    /// The contact was deleted after the audience was kept.
    Deleted,
}

macro_rules! reasons {
    ($($pattern:pat => $code:literal, $about:literal;)*) => {
        impl Reason {
            /// All codes and what they mean.
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
    Self::UnknownAlias => "unknown_alias", "no contact has this name";
    Self::UnknownId => "unknown_id", "no contact has this id";
    Self::UnknownGroup => "unknown_group", "no group has this id or name";
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
    /// One plain sentence. It repeats names of data, never the data.
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

    /// The variable that is missing, and what there is that differs by case alone.
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
    /// The contact that it is about.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        let (Self::Included(Included { contact, .. }) | Self::Excluded(Exclusion { contact, .. })) = self;
        contact.as_ref().map(|contact| contact.id)
    }

    /// What stays of it in an audience that is kept, once its contact is deleted: its place.
    #[must_use]
    pub fn deleted(&self) -> Exclusion {
        let (Self::Included(Included { index, .. }) | Self::Excluded(Exclusion { index, .. })) = self;
        Exclusion { index: *index, contact: None, phone: None, named: None, reason: Reason::Deleted }
    }
}

impl Exclusion {
    /// Somebody of whom nothing was found.
    pub(super) fn unknown(index: usize, named: String, reason: Reason) -> Self {
        Self { index, contact: None, phone: None, named: Some(named), reason }
    }

    /// Somebody who was found.
    pub(super) fn of(index: usize, contact: Option<ContactRef>, phone: Phone, reason: Reason) -> Self {
        Self { index, contact, phone: Some(phone), named: None, reason }
    }
}
