//! Recipients by filter.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::domain::audience::{MatchingRecipients, Recipient};
use crate::domain::contact::ContactFilter;
use crate::domain::filter::Filter;
use crate::domain::{AccountId, Contact, ContactId, Result};
use crate::storage::contact_stream;
use crate::storage::database::handle::Database;
use crate::storage::db::connection::Connection;
use crate::storage::filters::{self, Matcher};
use crate::storage::opt_outs;

struct Matching {
    database: Database,
    account: AccountId,
    matcher: Arc<Matcher>,
}

pub(super) async fn open(
    database: &Database,
    account: AccountId,
    filter: Filter,
) -> Result<Box<dyn MatchingRecipients>> {
    let filter = ContactFilter::from(filter);
    let counts = database.counts();
    let resolve = async move |reader: Connection| Matcher::resolve(&reader, &counts, account, &filter).await;
    let matcher = Arc::new(database.read(resolve).await?);
    Ok(Box::new(Matching { database: database.clone(), account, matcher }))
}

#[async_trait]
impl MatchingRecipients for Matching {
    async fn count(&self) -> Result<u64> {
        let matcher = Arc::clone(&self.matcher);
        self.database.read(async move |reader| filters::page::count(&reader, &matcher).await).await
    }

    fn stream(&self) -> BoxStream<'static, Result<Vec<Recipient>>> {
        let (account, matcher) = (self.account, Arc::clone(&self.matcher));
        let read = move |reader, after, limit| {
            let matcher = Arc::clone(&matcher);
            Box::pin(async move { page(&reader, account, &matcher, after, limit).await }) as _
        };
        contact_stream::pages(&self.database, Box::new(read))
    }
}

/// The numbers that have opted out are read after the contacts: an opt-out that was acknowledged before a contact was read is
/// seen.
async fn page(
    reader: &Connection,
    account: AccountId,
    matcher: &Matcher,
    after: Option<ContactId>,
    limit: u64,
) -> Result<Vec<Recipient>> {
    let contacts = filters::page::next_before(reader, matcher, after, limit).await?;
    let phones: Vec<_> = contacts.iter().map(|contact| &contact.phone).collect();
    let opted_out = opt_outs::find_opted_out(reader, account, &phones).await?;
    let recipient =
        |contact: Contact| Recipient { opted_out: opted_out.contains(&contact.phone.as_number()), contact };
    Ok(contacts.into_iter().map(recipient).collect())
}
