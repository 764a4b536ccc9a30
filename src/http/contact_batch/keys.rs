//! Lists of contacts by their keys, to get or to delete them.

use super::results::DeletedCounts;
use super::schema::{DELETED, NOT_FOUND};
use crate::domain::contact::fields::Handle;
use crate::domain::{ContactId, ContactKey, Violation};
use crate::http::extract::batch::{BatchItem, BatchList, parse_lists};
use crate::http::extract::{Items, Violations};

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

/// Parses two lists that share one limit; `lists` enumerates them in a sentence.
pub fn parse_keys(
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
