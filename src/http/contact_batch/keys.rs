//! Lists of contacts by their keys, to get or to delete them.

use super::results::DeletedCounts;
use super::schema::{DELETED, NOT_FOUND};
use crate::domain::contact::fields::Handle;
use crate::domain::contact::service::ContactService;
use crate::domain::filter::{Filter, PropertyNames};
use crate::domain::{Contact, ContactId, ContactKey, Result, Violation};
use crate::http::extract::batch::{BatchItem, BatchList, parse_lists};
use crate::http::extract::{ConditionalPermission, Items, Violations};
use crate::http::openapi::fields::filter::{HasFilter, in_place_of_lists};

/// A contact as a request names it.
#[derive(Clone, Debug)]
pub enum RequestedKey {
    Id(ContactId),
    Handle(Handle),
}

impl From<&RequestedKey> for ContactKey {
    fn from(key: &RequestedKey) -> Self {
        match key {
            RequestedKey::Id(id) => Self::Id(*id),
            RequestedKey::Handle(handle) => Self::Handle(handle.clone()),
        }
    }
}

impl RequestedKey {
    /// As the member of a response that has one for each.
    #[must_use]
    pub fn into_parts(self) -> (Option<ContactId>, Option<Handle>) {
        match self {
            Self::Id(id) => (Some(id), None),
            Self::Handle(handle) => (None, Some(handle)),
        }
    }
}

/// The contacts that a request is about.
pub enum Selection {
    Keys(Vec<RequestedKey>),
    Matching(Filter),
}

impl Selection {
    /// A filter may delete contacts that the key cannot read, and says which they are.
    pub const PERMISSIONS: &'static [ConditionalPermission<Self>] =
        &[Self::CONTACTS, Self::GROUPS, Self::OPT_OUTS, Self::SEGMENTS];

    /// How many contacts it names.
    pub fn count(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::Matching(_) => 0,
        }
    }

    /// Parses a filter or, if there is none, lists of keys; see `parse_keys`.
    pub fn parse(
        lists: &'static str,
        ids: Option<Items<String>>,
        handles: (&'static str, Option<Items<String>>),
        (filter, names): (Option<String>, &PropertyNames),
        violations: &mut Violations,
    ) -> Option<Self> {
        let Some(filter) = filter else {
            return parse_keys(lists, ids, handles, violations).map(Self::Keys);
        };
        let lists_given = [&ids, &handles.1];
        in_place_of_lists(&filter, names, lists, lists_given, violations).map(Self::Matching)
    }
}

impl Selection {
    /// The contacts, and the keys that no contact has.
    ///
    /// # Errors
    /// See [`ContactService::find_matching`] and [`ContactService::get_many`].
    pub async fn find(self, contacts: &ContactService) -> Result<(Vec<Contact>, Vec<RequestedKey>)> {
        let keys = match self {
            Self::Matching(filter) => return Ok((contacts.find_matching(filter).await?, Vec::new())),
            Self::Keys(keys) => keys,
        };
        let found = contacts.get_many(keys.iter().map(Into::into).collect()).await?;
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for (key, contact) in keys.into_iter().zip(found) {
            match contact {
                Some(contact) => there.push(contact),
                None => missing.push(key),
            }
        }
        Ok((there, missing))
    }

    /// Deletes the contacts.
    ///
    /// # Errors
    /// See [`ContactService::delete_matching`] and [`ContactService::delete_many`].
    pub async fn delete(self, contacts: &ContactService) -> Result<(DeletedCounts, Vec<Delete>)> {
        Ok(match self {
            Self::Matching(filter) => {
                let ids = contacts.delete_matching(filter).await?;
                let all = vec![true; ids.len()];
                deleted(ids.into_iter().map(RequestedKey::Id).collect(), all)
            }
            Self::Keys(keys) => {
                let found = contacts.delete_many(keys.iter().map(Into::into).collect()).await?;
                deleted(keys, found)
            }
        })
    }
}

impl HasFilter for Selection {
    fn filter(&self) -> Option<&Filter> {
        match self {
            Self::Keys(_) => None,
            Self::Matching(filter) => Some(filter),
        }
    }
}

/// Parses two lists that share one limit; `lists` enumerates them in a sentence.
fn parse_keys(
    lists: &'static str,
    ids: Option<Items<String>>,
    handles: (&'static str, Option<Items<String>>),
    violations: &mut Violations,
) -> Option<Vec<RequestedKey>> {
    let id = |text: &str| ContactId::parse(text).map(RequestedKey::Id).ok_or(Violation::NotUuid);
    let (name, handles) = handles;
    let parsed = [
        BatchList { name: "ids", items: ids, parse: id },
        BatchList { name, items: handles, parse: |text| Handle::parse(text).map(RequestedKey::Handle) },
    ];
    let keys = parse_lists(lists, parsed, violations)?;
    Some(keys.into_iter().map(|BatchItem { list: _, text: _, value }| value).collect())
}

/// Whether a contact was found and deleted.
#[derive(Clone, Debug)]
pub struct Delete {
    pub index: usize,
    pub status: &'static str,
    pub key: RequestedKey,
}

/// The results of deletions, in the order of the request.
#[must_use]
pub fn deleted(keys: Vec<RequestedKey>, found: Vec<bool>) -> (DeletedCounts, Vec<Delete>) {
    let deleted = found.iter().filter(|found| **found).count();
    let counts = DeletedCounts::new(deleted, found.len() - deleted);
    let delete = |(index, (key, found)): (usize, (RequestedKey, bool))| Delete {
        index,
        status: if found { DELETED.0 } else { NOT_FOUND.0 },
        key,
    };
    (counts, keys.into_iter().zip(found).enumerate().map(delete).collect())
}
