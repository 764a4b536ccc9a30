//! Response bodies that share their memory with whatever made them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

/// Most that is handed to the connection at once. It copies what it is given into its own buffer, and
/// holds the copy until the peer has taken it: a body given whole would be there twice, once for each
/// connection.
pub const SLICE: usize = 16 * 1024;

/// A body of pieces that are sent one behind the other.
#[derive(Debug)]
pub struct Pieces {
    left: VecDeque<Bytes>,
}

impl Pieces {
    /// A body of these pieces.
    pub fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self { left: pieces.into_iter().filter(|piece| !piece.is_empty()).collect() }
    }
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left.iter().map(|piece| piece.len() as u64).sum())
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let Some(mut piece) = self.left.pop_front() else { return Poll::Ready(None) };
        if piece.len() > SLICE {
            self.left.push_front(piece.split_off(SLICE));
        }
        Poll::Ready(Some(Ok(piece)))
    }
}
