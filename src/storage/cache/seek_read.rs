//! Offset pages, read from the nearest seek point before them.

use super::contacts::ContactCache;
use super::seek_points::SeekPoint;
use crate::domain::contact::ContactOffsetQuery;
use crate::domain::pagination::OffsetPage;
use crate::domain::{AccountId, Contact, Result};

/// Reads a page from the nearest seek point, and records its beginning as a further one.
pub(crate) async fn read_page<F, Fut>(
    cache: &ContactCache,
    account: AccountId,
    query: ContactOffsetQuery,
    read: F,
) -> Result<OffsetPage<Contact>>
where
    F: Fn(Option<SeekPoint>) -> Fut,
    Fut: Future<Output = Result<OffsetPage<Contact>>>,
{
    let read_version = cache.read_version();
    let last_write = cache.last_write(account);
    let point = cache.seek_points.nearest(account, &query, last_write);
    let mut page = read(point).await?;
    // Writes are announced before they are visible. If none has begun since the seek point was looked up, the
    // reader saw the list for which its position is valid; otherwise the contact may have moved or been
    // deleted.
    if point.is_some() && cache.last_write(account) != last_write {
        page = read(None).await?;
    }
    cache.insert_seek_point_if_current(read_version, account, &query, &page);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::FutureExt;

    use super::*;
    use crate::domain::NewContact;
    use crate::domain::contact::fields::{Handle, Meta, Phone};
    use crate::storage::cache::contacts::tests::{created, deleted, opted_out};
    use crate::storage::cache::seek_points::tests::{accounts, at};

    fn contact() -> Contact {
        Contact::new(NewContact {
            handle: Handle::parse("one").unwrap(),
            phone: Phone::parse("+4479000000001").unwrap(),
            display_name: None,
            avatar_url: None,
            meta: Meta::default(),
        })
    }

    /// Reads a page and runs `meanwhile` during the first attempt; returns the position of the seek point
    /// that each attempt used.
    fn read(cache: &ContactCache, offset: u64, meanwhile: impl Fn()) -> Vec<Option<u64>> {
        let tries = RefCell::new(Vec::new());
        let page = read_page(cache, accounts()[0], at(offset), |point| {
            let mut tries = tries.borrow_mut();
            if tries.is_empty() {
                meanwhile();
            }
            tries.push(point.map(|point| point.position));
            let total = u64::try_from(tries.len()).unwrap();
            std::future::ready(Ok(OffsetPage { items: vec![contact()], total }))
        });
        let page = page.now_or_never().unwrap().unwrap();
        let tries = tries.into_inner();
        assert_eq!(page.total, u64::try_from(tries.len()).unwrap(), "the last one is answered");
        tries
    }

    #[test]
    fn seek_points_are_valid_until_their_account_is_written_to() {
        let (cache, [account, other]) = (ContactCache::new(1 << 20), accounts());
        let put = |account| [created(account, &contact())];
        assert_eq!(read(&cache, 1_000, || {}), [None]);
        assert_eq!(read(&cache, 1_600, || {}), [Some(1_000)]);
        assert_eq!(read(&cache, 1_700, || {}), [Some(1_600)]);
        assert_eq!(read(&cache, 900, || {}), [None]);
        cache.start(put(other));
        assert_eq!(read(&cache, 2_500, || {}), [Some(1_600)], "another account is being written to");
        assert_eq!(read(&cache, 2_500, || {}), [Some(2_500)], "it was recorded all the same");
        cache.end(put(other));
        assert_eq!(read(&cache, 2_500, || {}), [Some(2_500)]);
        cache.start([opted_out(account)]);
        cache.end([]);
        assert_eq!(read(&cache, 2_500, || {}), [Some(2_500)], "no contact was written");

        cache.start(put(account));
        assert_eq!(read(&cache, 2_500, || {}), [None], "the write may be visible already");
        cache.end(put(account));
        assert_eq!(read(&cache, 2_500, || {}), [None]);
        assert_eq!(read(&cache, 2_500, || {}), [Some(2_500)]);
        assert_eq!(read(&cache, 1_600, || {}), [None], "seek points from before the write are stale");
        cache.start([deleted(account, &contact())]);
        cache.end([]);
        assert_eq!(read(&cache, 2_500, || {}), [None]);
        cache.start([]);
        cache.clear();
        assert_eq!(read(&cache, 2_500, || {}), [None]);
    }

    #[test]
    fn a_page_with_a_stale_seek_point_is_read_again_without_one() {
        let (cache, [account, other]) = (ContactCache::new(1 << 20), accounts());
        let put = |account| [created(account, &contact())];
        let write = |account| {
            cache.start(put(account));
            cache.end(put(account));
        };
        assert_eq!(read(&cache, 1_000, || write(account)), [None], "it was not read from a seek point");
        assert_eq!(read(&cache, 1_000, || {}), [None], "nor was one recorded");
        assert_eq!(read(&cache, 2_000, || write(other)), [Some(1_000)], "it was to another account");
        assert_eq!(read(&cache, 2_000, || write(account)), [Some(2_000), None]);
        assert_eq!(read(&cache, 2_000, || {}), [None]);
        assert_eq!(read(&cache, 2_000, || cache.start(put(account))), [Some(2_000), None], "or is under way");
        cache.clear();
        assert_eq!(read(&cache, 2_000, || {}), [None]);
    }
}
