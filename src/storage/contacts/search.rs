//! Carries out a search: candidates, verified against the present rows.

use std::collections::HashMap;

use crate::domain::contact::ContactFilter;
use crate::domain::search::{
    ContactSearch, Document, Found, MatchType, SearchCursor, SearchPage, SearchTerm,
};
use crate::domain::{AccountId, Contact, ContactId, Error, ErrorCode, Result};
use crate::storage::cache::counts::CountCache;
use crate::storage::db::connection::Connection;
use crate::storage::db::contact_lookup::by_ids;
use crate::storage::filters::{self, Matcher};
use crate::storage::search::{Candidates, Requirement, SearchIndex, View};

/// Contacts that one request verifies at most, about: then the page ends, with what it has. Seldom met: by a term all of
/// whose parts are frequent, but not together, and by a filter that few of them meet.
const MAX_VERIFIED: usize = 500;

/// Verified beyond what the page needs: some candidates do not match.
const SPARE: usize = 4;

/// If no more contacts than this can match in any way, they are all verified at once: cheaper than one way after the other.
const FEW_CANDIDATES: usize = 64;

/// If no more contacts than this meet the filters, they are compared with the term one by one, without the index.
const FEW: usize = 500;

/// A page of what a search finds.
pub(in crate::storage) async fn search(
    connection: &Connection,
    index: &SearchIndex,
    counts: &CountCache,
    account: AccountId,
    search: ContactSearch,
) -> Result<SearchPage> {
    let ContactSearch { term, fuzzy, filter, after, limit } = search;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let filter = Filter::of(connection, counts, account, &filter).await?;
    let term = Term { term, fuzzy };
    let after = match after {
        Some(cursor) => Some(position(connection, account, &term, cursor).await?),
        None => None,
    };
    if let Some(contacts) = filter.few(connection).await? {
        return Ok(term.page_of(contacts, after, limit));
    }
    let view = index.view(connection, account, &term.term, fuzzy).await?;
    let verified =
        Verified { connection, account, term: &term, filter: &filter, contacts: HashMap::new(), count: 0 };
    let page = page(index, &view, verified, after, limit).await?;
    filter.check_current(connection).await?;
    Ok(page)
}

struct Term {
    term: SearchTerm,
    fuzzy: bool,
}

/// A place in the order of what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Position {
    match_type: MatchType,
    id: ContactId,
}

impl Term {
    fn match_type(&self, contact: &Contact) -> Option<MatchType> {
        MatchType::best(&self.term, self.fuzzy, &Document::of(contact))
    }

    /// The page of all contacts that meet the filters.
    fn page_of(&self, contacts: Vec<Contact>, after: Option<Position>, limit: usize) -> SearchPage {
        let found = |contact: Contact| Some(Found { match_type: self.match_type(&contact)?, contact });
        let mut items: Vec<Found> = contacts.into_iter().filter_map(found).collect();
        items.sort_by_key(|found| (found.match_type as u8, std::cmp::Reverse(found.contact.id)));
        if let Some(after) = after {
            items.retain(|found| {
                after.match_type.is_better_than(found.match_type)
                    || (after.match_type == found.match_type && found.contact.id < after.id)
            });
        }
        cut(items, limit)
    }
}

/// A page of items of which there is one more if there are more.
fn cut(mut items: Vec<Found>, limit: usize) -> SearchPage {
    let has_more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| has_more);
    let next = last.map(|last| SearchCursor { id: last.contact.id, match_type: Some(last.match_type) });
    SearchPage { items, next }
}

async fn position(
    connection: &Connection,
    account: AccountId,
    term: &Term,
    cursor: SearchCursor,
) -> Result<Position> {
    let SearchCursor { id, match_type } = cursor;
    if let Some(match_type) = match_type {
        return Ok(Position { match_type, id });
    }
    let lost = || {
        let message =
            "The contact of the cursor was deleted or changed, and with it its position in what is found";
        Error::with_message(ErrorCode::NotFound, message)
    };
    let found = by_ids(connection, account, &[id.as_uuid()]).await?;
    let match_type = found.first().and_then(|contact| term.match_type(contact)).ok_or_else(lost)?;
    Ok(Position { match_type, id })
}

/// The filters beside the term, if there are any.
struct Filter(Option<Matcher>);

impl Filter {
    async fn of(
        connection: &Connection,
        counts: &CountCache,
        account: AccountId,
        filter: &ContactFilter,
    ) -> Result<Self> {
        if *filter == ContactFilter::default() {
            return Ok(Self(None));
        }
        Matcher::resolve(connection, counts, account, filter).await.map(Some).map(Self)
    }

    /// All contacts that meet the filters, if a filter shows cheaply that they are few.
    async fn few(&self, connection: &Connection) -> Result<Option<Vec<Contact>>> {
        match &self.0 {
            Some(matcher) => filters::page::few(connection, matcher, FEW).await,
            None => Ok(None),
        }
    }

    /// Those of some contacts that meet the filters.
    async fn among(
        &self,
        connection: &Connection,
        account: AccountId,
        ids: &[ContactId],
    ) -> Result<Vec<Contact>> {
        match &self.0 {
            Some(matcher) => filters::page::among(connection, matcher, ids).await,
            None => by_ids(connection, account, &ids.iter().map(|id| id.as_uuid()).collect::<Vec<_>>()).await,
        }
    }

    async fn check_current(&self, connection: &Connection) -> Result<()> {
        match &self.0 {
            Some(matcher) => matcher.check_current(connection).await,
            None => Ok(()),
        }
    }
}

/// The contacts of a request that have been read, and how they match.
struct Verified<'s> {
    connection: &'s Connection,
    account: AccountId,
    term: &'s Term,
    filter: &'s Filter,
    /// Not those that do not match or do not meet the filters.
    contacts: HashMap<ContactId, Option<Found>>,
    count: usize,
}

impl Verified<'_> {
    async fn read(&mut self, ids: &[ContactId]) -> Result<()> {
        let unknown: Vec<_> = ids.iter().copied().filter(|id| !self.contacts.contains_key(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        self.count += unknown.len();
        let found = self.filter.among(self.connection, self.account, &unknown).await?;
        self.contacts.extend(unknown.into_iter().map(|id| (id, None)));
        for contact in found {
            let match_type = self.term.match_type(&contact);
            self.contacts.insert(contact.id, match_type.map(|match_type| Found { contact, match_type }));
        }
        Ok(())
    }

    /// The contact, if it matches in this way.
    fn take(&mut self, id: ContactId, match_type: MatchType) -> Option<Found> {
        self.contacts.get_mut(&id)?.take_if(|found| found.match_type == match_type)
    }
}

/// All contacts that match, not counting typing mistakes, if they are few: the best match first.
async fn few_matches(
    index: &SearchIndex,
    view: &View,
    verified: &mut Verified<'_>,
) -> Result<Option<Vec<Found>>> {
    let Some(requirement) = Requirement::of_any_match(&verified.term.term) else { return Ok(None) };
    let matches = |(_, match_type): &&(ContactId, MatchType)| *match_type != MatchType::Fuzzy;
    let tail = view.tail.iter().filter(matches).map(|(id, _)| *id);
    let mut candidates =
        Candidates::new(verified.connection, index.blocks(), Some(requirement), &view.segments, tail, None);
    let Some(ids) = candidates.all(FEW_CANDIDATES).await? else { return Ok(None) };
    verified.read(&ids).await?;
    let mut found = Vec::new();
    for match_type in MatchType::ALL.into_iter().filter(|match_type| *match_type != MatchType::Fuzzy) {
        found.extend(ids.iter().filter_map(|id| verified.take(*id, match_type)));
    }
    Ok(Some(found))
}

async fn page(
    index: &SearchIndex,
    view: &View,
    mut verified: Verified<'_>,
    after: Option<Position>,
    limit: usize,
) -> Result<SearchPage> {
    let term = verified.term;
    let few = if after.is_none() { few_matches(index, view, &mut verified).await? } else { None };
    let is_known = few.is_some();
    let mut items = few.unwrap_or_default();
    if items.len() > limit {
        return Ok(cut(items, limit));
    }
    let is_wanted = |match_type: &MatchType| match match_type {
        MatchType::Fuzzy => term.fuzzy,
        _ => !is_known && after.is_none_or(|after| !match_type.is_better_than(after.match_type)),
    };
    for match_type in MatchType::ALL.into_iter().filter(is_wanted) {
        let below = after.filter(|after| after.match_type == match_type).map(|after| after.id);
        let tail = view.tail.iter().filter(|(_, of_tail)| *of_tail == match_type).map(|(id, _)| *id);
        let requirement = Requirement::of(&term.term, match_type);
        let mut candidates =
            Candidates::new(verified.connection, index.blocks(), requirement, &view.segments, tail, below);
        loop {
            let ids = candidates.next(limit + 1 - items.len() + SPARE).await?;
            let Some(last) = ids.last().copied() else { break };
            verified.read(&ids).await?;
            for id in ids {
                items.extend(verified.take(id, match_type));
                if items.len() > limit {
                    return Ok(cut(items, limit));
                }
            }
            if verified.count >= MAX_VERIFIED {
                return Ok(SearchPage {
                    items,
                    next: Some(SearchCursor { id: last, match_type: Some(match_type) }),
                });
            }
        }
    }
    Ok(SearchPage { items, next: None })
}
