//! Streams an audience as NDJSON: of any size, with one batch of it in memory.

use std::iter::Peekable;
use std::vec::IntoIter;

use actix_web::web::Bytes;
use futures_util::Stream;
use serde::Serialize;

use crate::domain::Error;
use crate::domain::audience::{Entry, Report, Resolver};
use crate::http::auth::stream_origin::StreamOrigin;

/// The lines of a dialect.
pub trait LineFormat: 'static {
    type Line: Serialize;

    fn entry(entry: Entry) -> Self::Line;

    /// The last line. Without it, the response is incomplete.
    fn summary(report: &Report) -> Self::Line;

    /// The last line of an aborted stream.
    fn error(error: &Error) -> Self::Line;
}

/// Lines are serialised up to this size before the connection requests more.
const CHUNK_BYTES: usize = 32 * 1024;

enum StreamState {
    /// The rest of the current batch, and the source of the next one.
    Resolving(Peekable<IntoIter<Entry>>, Box<Resolver>),
    Finished,
}

pub fn stream<F: LineFormat>(
    resolver: Resolver,
    origin: StreamOrigin,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let state = StreamState::Resolving(Vec::new().into_iter().peekable(), Box::new(resolver));
    futures_util::stream::unfold((state, origin), async |(state, origin)| {
        let StreamState::Resolving(mut batch, mut resolver) = state else { return None };
        if batch.peek().is_none() {
            batch = match resolver.next().await {
                Ok(Some(entries)) => entries.into_iter().peekable(),
                Ok(None) => {
                    return Some((
                        serialise([F::summary(resolver.report())]),
                        (StreamState::Finished, origin),
                    ));
                }
                Err(error) => {
                    origin.log_abort("an audience", &error);
                    return Some((serialise([F::error(&error)]), (StreamState::Finished, origin)));
                }
            };
        }
        Some((serialise(batch.by_ref().map(F::entry)), (StreamState::Resolving(batch, resolver), origin)))
    })
}

/// Serialises at least one line.
fn serialise(lines: impl IntoIterator<Item = impl Serialize>) -> Result<Bytes, std::io::Error> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        if bytes.len() >= CHUNK_BYTES {
            break;
        }
    }
    Ok(bytes.into())
}
