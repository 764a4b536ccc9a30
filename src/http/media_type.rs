//! Media types of responses, and which of them a client prefers.

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header, Quality};

pub const JSON: &str = "application/json";
/// Server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";
/// One JSON value per line.
pub const NDJSON: &str = "application/x-ndjson";

/// Whether `Accept` names a media type, and JSON later or not at all. (Generated clients list every media type of the
/// document and expect the first.)
#[must_use]
pub fn is_preferred_to_json(request: &HttpRequest, media_type: &str) -> bool {
    let Ok(Accept(mut ranges)) = Accept::parse(request) else { return false };
    ranges.retain(|range| range.quality > Quality::ZERO);
    let ranked = Accept(ranges).ranked();
    let names = ranked.iter().map(|media| media.essence_str());
    names.into_iter().find(|name| [media_type, JSON].contains(name)) == Some(media_type)
}
