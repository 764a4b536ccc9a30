//! The operation of `/v1/changes`.

use super::event_stream::stream;
use super::follow::Follow;
use super::request::ListChanges;
use super::response::ChangeList;
use crate::domain::change::ChangeQuery;
use crate::domain::permission::granted::ReadChanges;
use crate::http::media_type::EVENT_STREAM;
use crate::http::prelude::*;

/// List changes
///
/// Returns what was changed after a position: contacts, groups and their members, opt-outs and templates, in the order in
/// which the changes were committed, without gaps, deletions included. Follow them with the `next` of each page as the
/// `since` of the next request; with `wait`, such a request is answered as soon as there is a change.
///
/// For an exact copy: take a position (a request without `since`, or the header `X-Change-Position` of an export), read all
/// contacts, then follow the changes from that position, and apply each by its `id`.
///
/// With `Accept: text/event-stream`, the response is a stream of server-sent events that does not end: one event for each
/// change, with its type as `event`, its position as `id`, and the change as `data`. After a lost connection, clients go on
/// where they were: `Last-Event-ID` takes precedence over `since`.
///
/// Changes are kept for some time, by default for 30 days. After that, a position has expired: 410.
#[utoipa::path(get, path = "/v1/changes", operation_id = "listChanges")]
pub(super) async fn list_changes(
    authorized: Authorized<ReadChanges>,
    Query { command: ListChanges { query, wait }, .. }: Query<ListChanges>,
    follow: Follow,
) -> HandlerResult {
    let changes = authorized.changes();
    if !follow.as_stream {
        let page = changes.page(query, follow.end(wait)).await?;
        return Ok(HttpResponse::Ok().json(ChangeList::from(page)));
    }
    let query = ChangeQuery { since: follow.last_event.or(query.since), ..query };
    // The first page shows whether the position has expired.
    let page = changes.page(query, std::future::ready(())).await?;
    Ok(HttpResponse::Ok()
        .content_type(EVENT_STREAM)
        // Proxies must not wait until a buffer is full.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream(changes, query, follow, page)))
}
