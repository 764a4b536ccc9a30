//! Response bodies that are written to the connection in chunks and share memory with their source.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

/// The connection copies each chunk into its own buffer and keeps the copy until the peer has received it: a body
/// written at once would be in memory once more per connection.
const CHUNK_SIZE: usize = 16 * 1024;

/// A body of parts that are sent in order.
#[derive(Debug)]
pub struct ChunkedBody {
    remaining: VecDeque<Bytes>,
}

impl ChunkedBody {
    pub fn new(parts: impl IntoIterator<Item = Bytes>) -> Self {
        Self { remaining: parts.into_iter().filter(|part| !part.is_empty()).collect() }
    }
}

impl MessageBody for ChunkedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.remaining.iter().map(|part| part.len() as u64).sum())
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let Some(mut part) = self.remaining.pop_front() else { return Poll::Ready(None) };
        if part.len() > CHUNK_SIZE {
            self.remaining.push_front(part.split_off(CHUNK_SIZE));
        }
        Poll::Ready(Some(Ok(part)))
    }
}

/// Splits a body that is longer than a chunk and in memory as a whole.
pub fn chunked(body: BoxBody) -> BoxBody {
    match body.size() {
        BodySize::Sized(size) if size > CHUNK_SIZE as u64 => match body.try_into_bytes() {
            Ok(bytes) => BoxBody::new(ChunkedBody::new([bytes])),
            Err(body) => body,
        },
        _ => body,
    }
}
