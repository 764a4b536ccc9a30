//! Those whom a request names one by one: from memory as far as they are there, else from the database.

use std::collections::{BTreeSet, HashMap};

use super::recipients;
use crate::domain::audience::{LookupRequest, LookupResult, PhoneMatch, Recipient};
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::{AccountId, Contact, ContactId, Result};
use crate::storage::cache::contacts::{ContactCache, OptedOut};
use crate::storage::database::handle::Database;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup::{self, Whose};
use crate::storage::opt_outs;

/// Finds them.
pub(crate) async fn find(
    database: &Database,
    account: AccountId,
    named: LookupRequest<'_>,
) -> Result<LookupResult> {
    let LookupRequest { handles, ids, phones } = named;
    let cache = database.cache();
    let by_handle: Vec<Option<Contact>> = handles.iter().map(|handle| cache?.find(account, handle)).collect();
    let by_id: Vec<Option<Contact>> = ids.iter().map(|id| cache?.get(account, *id)).collect();
    let opted_out = cache.and_then(|cache| cache.opted_out(account));
    let known = by_handle.iter().chain(&by_id).flatten().filter(|_| opted_out.is_none());
    let question = Question {
        handles: unknown(handles.iter().copied(), &by_handle).cloned().collect(),
        ids: unknown(&ids, &by_id).copied().collect(),
        phones: phones.into_iter().cloned().collect(),
        known: known.map(|contact| contact.phone.clone()).collect(),
        opted_out,
        keeps: cache.is_some(),
    };
    let moment = cache.map(|cache| (cache, cache.moment()));
    let answer = database.read(async move |reader| question.ask(&reader, account).await).await?;
    let Answer { people, numbers, opted_out, is_all } = answer;
    if let Some((cache, moment)) = moment {
        cache.keep(moment, account, people.values().map(|person| &person.contact));
        if is_all {
            cache.keep_opted_out(moment, account, OptedOut::clone(&opted_out));
        }
    }

    let known = |contact: Contact| Recipient { opted_out: is_out(&opted_out, &contact.phone), contact };
    let ids_by_handle: HashMap<&Handle, ContactId> =
        people.values().map(|person| (&person.contact.handle, person.contact.id)).collect();
    let person = |id: Option<&ContactId>| id.and_then(|id| people.get(id)).cloned();
    let by_handle = handles.iter().zip(by_handle);
    let by_id = ids.iter().zip(by_id);
    let number = |(whose, opted_out): (Whose, bool)| match whose {
        Whose::Several => PhoneMatch::Several,
        Whose::One(id) => person(Some(&id)).map_or(PhoneMatch::None { opted_out }, PhoneMatch::One),
        Whose::None => PhoneMatch::None { opted_out },
    };
    Ok(LookupResult {
        by_handle: by_handle
            .map(|(handle, contact)| contact.map(known).or_else(|| person(ids_by_handle.get(handle))))
            .collect(),
        by_id: by_id.map(|(id, contact)| contact.map(known).or_else(|| person(Some(id)))).collect(),
        numbers: numbers.into_iter().map(number).collect(),
    })
}

/// Those of whom nothing is known.
fn unknown<'k, K: 'k>(
    keys: impl IntoIterator<Item = &'k K>,
    known: &[Option<Contact>],
) -> impl Iterator<Item = &'k K> {
    keys.into_iter().zip(known).filter(|(_, known)| known.is_none()).map(|(key, _)| key)
}

fn is_out(opted_out: &OptedOut, phone: &Phone) -> bool {
    opted_out.contains(&phone.as_number())
}

/// What the database is asked. Where there is nothing to ask, it is not asked.
struct Question {
    /// Who are these?
    handles: Vec<Handle>,
    ids: Vec<ContactId>,
    /// Whose are these, and have they opted out?
    phones: Vec<Phone>,
    /// Have these opted out? (They are the numbers of contacts in memory.)
    known: Vec<Phone>,
    /// All that have, if they are in memory.
    opted_out: Option<OptedOut>,
    /// Whether they would be kept there.
    keeps: bool,
}

/// What it says.
struct Answer {
    people: HashMap<ContactId, Recipient>,
    /// Of each of the numbers.
    numbers: Vec<(Whose, bool)>,
    opted_out: OptedOut,
    /// Whether these are all of the account, and newly read.
    is_all: bool,
}

impl Question {
    async fn ask(self, reader: &Connection, account: AccountId) -> Result<Answer> {
        let Self { handles, mut ids, phones, known, opted_out, keeps } = self;
        let texts: BTreeSet<&str> = phones.iter().map(Phone::as_str).collect();
        let whose = contact_lookup::whose(reader, account, "phone", texts).await?;
        ids.extend(whose.values().filter_map(|whose| match whose {
            Whose::One(id) => Some(id),
            Whose::None | Whose::Several => None,
        }));
        let handles: Vec<&str> = handles.iter().map(Handle::as_str).collect();
        let mut found = recipients::by_ids(reader, account, &ids).await?;
        found.extend(recipients::by_handles(reader, account, &handles).await?);

        let all = match &opted_out {
            None if keeps => opt_outs::all(reader, account, ContactCache::MOST_OPT_OUTS).await?,
            _ => None,
        };
        let is_all = all.is_some();
        let opted_out = match all.or(opted_out) {
            Some(numbers) => numbers,
            None => {
                let asked: Vec<&Phone> = known.iter().chain(&phones).collect();
                opt_outs::among(reader, account, &asked).await?
            }
        };
        let number = |phone: &Phone| {
            (whose.get(phone.as_str()).copied().unwrap_or(Whose::None), is_out(&opted_out, phone))
        };
        Ok(Answer {
            people: found.into_iter().map(|person| (person.contact.id, person)).collect(),
            numbers: phones.iter().map(number).collect(),
            opted_out,
            is_all,
        })
    }
}
