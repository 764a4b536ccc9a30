//! Recipient lookup: contacts that a request names one by one, from the cache where it has them, else from
//! the database.

use std::collections::{BTreeSet, HashMap};

use super::recipients;
use crate::domain::audience::{LookupRequest, LookupResult, PhoneMatch, Recipient};
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::{AccountId, Contact, ContactId, Result};
use crate::storage::cache::contacts::{ContactCache, OptedOut};
use crate::storage::database::handle::Database;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup::{self, KeyMatch};
use crate::storage::entity::contact::Column;
use crate::storage::opt_outs;

pub(crate) async fn find(
    database: &Database,
    account: AccountId,
    request: LookupRequest<'_>,
) -> Result<LookupResult> {
    let LookupRequest { handles, ids, phones } = request;
    let cache = database.cache();
    let by_handle: Vec<Option<Contact>> = handles.iter().map(|handle| cache?.find(account, handle)).collect();
    let by_id: Vec<Option<Contact>> = ids.iter().map(|id| cache?.get(account, *id)).collect();
    let opted_out = cache.and_then(|cache| cache.opted_out(account));
    let cached_phones = by_handle.iter().chain(&by_id).flatten().filter(|_| opted_out.is_none());
    let query = LookupQuery {
        handles: uncached(handles.iter().copied(), &by_handle).cloned().collect(),
        ids: uncached(&ids, &by_id).copied().collect(),
        phones: phones.into_iter().cloned().collect(),
        cached_phones: cached_phones.map(|contact| contact.phone.clone()).collect(),
        opted_out,
        has_cache: cache.is_some(),
    };
    let versioned_cache = cache.map(|cache| (cache, cache.read_version()));
    let rows = database.read(async move |reader| query.run(&reader, account).await).await?;
    let LookupRows { recipients, numbers, opted_out, is_complete } = rows;
    if let Some((cache, read_version)) = versioned_cache {
        cache.insert_if_current(
            read_version,
            account,
            recipients.values().map(|recipient| &recipient.contact),
        );
        if is_complete {
            cache.insert_opted_out_if_current(read_version, account, OptedOut::clone(&opted_out));
        }
    }

    let from_cache =
        |contact: Contact| Recipient { opted_out: has_opted_out(&opted_out, &contact.phone), contact };
    let ids_by_handle: HashMap<&Handle, ContactId> =
        recipients.values().map(|recipient| (&recipient.contact.handle, recipient.contact.id)).collect();
    let recipient = |id: Option<&ContactId>| id.and_then(|id| recipients.get(id)).cloned();
    let by_handle = handles.iter().zip(by_handle);
    let by_id = ids.iter().zip(by_id);
    let number = |(key_match, opted_out): (KeyMatch, bool)| match key_match {
        KeyMatch::Several => PhoneMatch::Several { opted_out },
        KeyMatch::One(id) => recipient(Some(&id)).map_or(PhoneMatch::None { opted_out }, PhoneMatch::One),
        KeyMatch::None => PhoneMatch::None { opted_out },
    };
    Ok(LookupResult {
        by_handle: by_handle
            .map(|(handle, contact)| contact.map(from_cache).or_else(|| recipient(ids_by_handle.get(handle))))
            .collect(),
        by_id: by_id.map(|(id, contact)| contact.map(from_cache).or_else(|| recipient(Some(id)))).collect(),
        numbers: numbers.into_iter().map(number).collect(),
    })
}

/// The keys that the cache does not have.
fn uncached<'k, K: 'k>(
    keys: impl IntoIterator<Item = &'k K>,
    cached: &[Option<Contact>],
) -> impl Iterator<Item = &'k K> {
    keys.into_iter().zip(cached).filter(|(_, cached)| cached.is_none()).map(|(key, _)| key)
}

fn has_opted_out(opted_out: &OptedOut, phone: &Phone) -> bool {
    opted_out.contains(&phone.as_number())
}

/// What the cache could not answer. An empty list costs no query.
struct LookupQuery {
    handles: Vec<Handle>,
    ids: Vec<ContactId>,
    /// Matched with contacts and with opt-outs.
    phones: Vec<Phone>,
    /// Numbers of cached contacts, matched with opt-outs alone.
    cached_phones: Vec<Phone>,
    /// The account's opt-outs, if they are cached.
    opted_out: Option<OptedOut>,
    /// Whether this process has a cache.
    has_cache: bool,
}

struct LookupRows {
    recipients: HashMap<ContactId, Recipient>,
    /// One entry for each of the query's `phones`: its contact, and whether it has opted out.
    numbers: Vec<(KeyMatch, bool)>,
    opted_out: OptedOut,
    /// Whether `opted_out` has all opt-outs of the account, read just now; it may then be cached.
    is_complete: bool,
}

impl LookupQuery {
    async fn run(self, reader: &Connection, account: AccountId) -> Result<LookupRows> {
        let Self { handles, mut ids, phones, cached_phones, opted_out, has_cache } = self;
        let texts: BTreeSet<&str> = phones.iter().map(Phone::as_str).collect();
        let matches = contact_lookup::match_unique(reader, account, Column::Phone, texts).await?;
        ids.extend(matches.values().filter_map(|key_match| match key_match {
            KeyMatch::One(id) => Some(id),
            KeyMatch::None | KeyMatch::Several => None,
        }));
        let handles: Vec<&str> = handles.iter().map(Handle::as_str).collect();
        let mut found = recipients::by_ids(reader, account, &ids).await?;
        found.extend(recipients::by_handles(reader, account, &handles).await?);

        let all = match &opted_out {
            None if has_cache => opt_outs::find_all(reader, account, ContactCache::MAX_OPT_OUTS).await?,
            _ => None,
        };
        let is_complete = all.is_some();
        let opted_out = match all.or(opted_out) {
            Some(numbers) => numbers,
            None => {
                let candidates: Vec<&Phone> = cached_phones.iter().chain(&phones).collect();
                opt_outs::find_opted_out(reader, account, &candidates).await?
            }
        };
        let number = |phone: &Phone| {
            (matches.get(phone.as_str()).copied().unwrap_or(KeyMatch::None), has_opted_out(&opted_out, phone))
        };
        Ok(LookupRows {
            recipients: found.into_iter().map(|recipient| (recipient.contact.id, recipient)).collect(),
            numbers: phones.iter().map(number).collect(),
            opted_out,
            is_complete,
        })
    }
}
