//! Cursor pages served from the cache: if all contacts of a page are cached, the database only returns their
//! ids, and neither reads the rows nor encodes them as JSON.

use uuid::Uuid;

use super::contacts::ContactCache;
use crate::domain::contact::ContactQuery;
use crate::domain::pagination::{Cursor, CursorPage};
use crate::domain::{AccountId, Contact, ContactId, Result};

/// A page between cursors, if all of its contacts are cached and no write to the account begins while it is
/// read. `read` returns the ids between the cursors, up to a limit.
pub(crate) async fn page<F, Fut>(
    cache: &ContactCache,
    account: AccountId,
    query: &ContactQuery,
    read: F,
) -> Result<Option<CursorPage<Contact>>>
where
    F: FnOnce(Cursor<ContactId>, u64) -> Fut,
    Fut: Future<Output = Result<Vec<Uuid>>>,
{
    let ContactQuery { cursor, limit, handle: None, phone: None, updated_since: None, group: None } = *query
    else {
        return Ok(None);
    };
    // Neighbours are usually cached together: if the cursor's contact is not, the query would be wasted.
    let Some(_neighbour) = cursor.after.or(cursor.before).and_then(|id| cache.get(account, id)) else {
        return Ok(None);
    };
    let last_write = cache.last_write(account);
    // One more than requested, to learn whether there are more.
    let ids = read(cursor, limit + 1).await?;
    let contacts: Option<Vec<Contact>> =
        ids.into_iter().map(|id| cache.get(account, ContactId::from_uuid(id))).collect();
    // Otherwise the page could show the later of two writes without the earlier one.
    let undisturbed = cache.last_write(account) == last_write;
    Ok(contacts.filter(|_| undisturbed).map(|contacts| CursorPage::from_rows(contacts, &cursor, limit)))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::storage::cache::contacts::tests::{contact, created, deleted};

    fn after(contact: &Contact, limit: u64) -> ContactQuery {
        ContactQuery {
            cursor: Cursor { after: Some(contact.id), before: None },
            limit,
            handle: None,
            phone: None,
            updated_since: None,
            group: None,
        }
    }

    #[test]
    fn a_page_is_consistent_or_left_to_the_database() {
        let (cache, account, other) = (ContactCache::new(1 << 20), AccountId::new(1), AccountId::new(2));
        let [first, second, third] = ["first", "second", "third"].map(contact);
        let write = |account, contact: &Contact| {
            cache.start([created(account, contact)]);
            cache.end([created(account, contact)]);
        };
        let page = |query: &ContactQuery, meanwhile: &dyn Fn()| {
            let read = |cursor, limit| {
                assert_eq!((cursor, limit), (query.cursor, query.limit + 1));
                meanwhile();
                std::future::ready(Ok(vec![second.id.as_uuid(), third.id.as_uuid()]))
            };
            page(&cache, account, query, read).now_or_never().unwrap().unwrap()
        };
        let no_query = || panic!("the database must not be queried");

        cache.insert_if_current(cache.read_version(), account, [&second, &third]);
        assert!(page(&after(&first, 2), &no_query).is_none(), "its predecessor is not cached");
        cache.insert_if_current(cache.read_version(), account, [&first]);
        let found = page(&after(&first, 2), &|| ()).unwrap();
        assert_eq!((found.items, found.has_more), (vec![second.clone(), third.clone()], false));
        let found = page(&after(&first, 1), &|| write(other, &third)).unwrap();
        assert_eq!((found.items, found.has_more), (vec![second.clone()], true));
        let filtered = ContactQuery { phone: Some(first.phone.clone()), ..after(&first, 2) };
        assert!(page(&filtered, &no_query).is_none());

        let newer = Contact { version: 2, ..third.clone() };
        assert!(page(&after(&first, 2), &|| write(account, &newer)).is_none(), "it was written to");
        assert_eq!(page(&after(&first, 2), &|| ()).unwrap().items, [second.clone(), newer]);
        cache.start([deleted(account, &third)]);
        assert!(page(&after(&first, 2), &|| ()).is_none(), "a deletion is in progress");
    }
}
