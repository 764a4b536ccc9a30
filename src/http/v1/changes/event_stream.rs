//! The changes as a stream of server-sent events (WHATWG HTML, section 9.2): one event for each change, with its type, its
//! position as id, and the same JSON as on a page.

use std::io;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;

use super::follow::Follow;
use super::response::Change;
use crate::domain::change::{ChangePage, ChangePosition, ChangeQuery, ChangeService};

/// Proxies close connections on which nothing is sent, mostly after a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct EventStream {
    changes: ChangeService,
    query: ChangeQuery,
    follow: Follow,
    /// What is to be sent next.
    page: Option<ChangePage>,
}

/// Starts with the page that the caller has read.
pub(super) fn stream(
    changes: ChangeService,
    query: ChangeQuery,
    follow: Follow,
    page: ChangePage,
) -> impl Stream<Item = io::Result<Bytes>> {
    let start = EventStream { changes, query, follow, page: Some(page) };
    unfold(start, async |mut stream| {
        let chunk = stream.next().await?;
        Some((chunk, stream))
    })
}

impl EventStream {
    /// `None` when the server is about to stop. The client connects again, and goes on where it was.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let page = match self.page.take() {
            Some(page) => page,
            None => match self.changes.page(self.query, self.follow.end(KEEP_ALIVE)).await {
                Ok(page) => page,
                Err(error) => {
                    self.follow.origin.log_abort("a change", &error);
                    return Some(Err(io::Error::other("the stream was aborted")));
                }
            },
        };
        let is_idle = self.query.since == Some(page.next);
        if is_idle && is_ready(self.follow.shutdown.begun()) {
            return None;
        }
        self.query.since = Some(page.next);
        Some(events(page, is_idle).map(Bytes::from))
    }
}

fn is_ready(future: impl Future<Output = ()>) -> bool {
    futures_util::FutureExt::now_or_never(future).is_some()
}

fn events(page: ChangePage, is_idle: bool) -> io::Result<Vec<u8>> {
    let ChangePage { changes, next, has_more: _ } = page;
    let mut events = Vec::new();
    let mut last: Option<ChangePosition> = None;
    for change in changes {
        let (position, name) = (change.position, change.change_type.as_str());
        events.extend_from_slice(format!("id: {position}\nevent: {name}\ndata: ").as_bytes());
        serde_json::to_writer(&mut events, &Change::from(change))?;
        events.extend_from_slice(b"\n\n");
        last = Some(position);
    }
    if is_idle {
        events.extend_from_slice(b": keep-alive\n\n");
    } else if last != Some(next) {
        // Without data it is no event: the client only remembers the position.
        events.extend_from_slice(format!("id: {next}\n\n").as_bytes());
    }
    Ok(events)
}
