//! A connection between the socket and the HTTP implementation: with a deadline for a peer that reads
//! nothing, with a bound on what is read ahead, and with our errors in place of those that the HTTP
//! implementation writes by itself.

pub mod rejected;

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::dialect::Dialects;
use rejected::RequestStart;

/// Most that is handed over in one poll, and most that is read ahead of a request that is being answered.
///
/// The HTTP implementation would parse whatever it is given, before it looks at how many requests wait
/// already: each takes several KiB, however short it was. And with its buffer full it asks to be polled
/// again at once, for as long as the first request takes.
const MAX_READ: usize = 4 * 1024;

/// Whether a request is being answered, as its handler says: a value that belongs to the connection.
#[derive(Debug, Default)]
pub struct Answering(Cell<bool>);

impl Answering {
    /// A request has arrived as a whole: nothing need be read before it is answered.
    pub fn begin(&self) {
        self.0.set(true);
    }

    /// Its response is on the way.
    pub fn end(&self) {
        self.0.set(false);
    }
}

/// The socket of a connection.
pub struct Connection {
    stream: TcpStream,
    peer: Option<SocketAddr>,
    answering: Rc<Answering>,
    write_timeout: Duration,
    /// For our own error responses.
    dialects: Dialects,
    /// The deadline of a write for which the socket has no room.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What was read ahead.
    ahead: Vec<u8>,
    /// How much was handed over since the last write.
    handed_over: usize,
    /// How the request began that is being answered, as far as it is known.
    request: RequestStart,
    /// Our own response, where the HTTP implementation has rejected a request. The last of a connection.
    rejection: Option<Bytes>,
}

impl Connection {
    /// A connection that was accepted.
    #[must_use]
    pub fn new(stream: TcpStream, write_timeout: Duration, dialects: Dialects) -> Self {
        let peer = stream.peer_addr().ok();
        Self {
            stream,
            peer,
            answering: Rc::default(),
            write_timeout,
            dialects,
            stalled: None,
            ahead: Vec::new(),
            handed_over: 0,
            request: RequestStart::default(),
            rejection: None,
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Where handlers say what they are about.
    #[must_use]
    pub fn answering(&self) -> Rc<Answering> {
        Rc::clone(&self.answering)
    }

    /// Reads ahead, which is how the end of a connection is noticed while a request is answered. Ready at
    /// that end.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.len() < MAX_READ {
            let mut bytes = [0; MAX_READ];
            let mut bytes = ReadBuf::new(&mut bytes[self.ahead.len()..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut bytes))?;
            if bytes.filled().is_empty() {
                // Requests before the end are answered first.
                return if self.ahead.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            self.ahead.extend(bytes.filled());
        }
        Poll::Pending
    }

    /// The outcome of a write to the socket. Any progress starts the deadline anew.
    fn written(&mut self, outcome: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let timeout = self.write_timeout;
        let deadline = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(deadline.as_mut().poll(cx));
        let peer = self.peer.map(tracing::field::display);
        tracing::info!(peer, "closed a connection whose peer reads nothing");
        // With a reset: what is in the socket's buffer would else stay there for minutes.
        drop(self.stream.set_zero_linger());
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// At the end of each poll of the HTTP implementation: it is polled again if there is something for it
    /// to read that the socket will not wake it for.
    fn poll_ends(&mut self, cx: &mut Context<'_>) {
        self.handed_over = 0;
        if !self.ahead.is_empty() && !self.is_held() {
            cx.waker().wake_by_ref();
        }
    }

    /// Whether nothing is handed over for now. Whoever does not read is not listened to: each request would
    /// add to what waits to be written.
    fn is_held(&self) -> bool {
        self.stalled.is_some() || self.answering.0.get()
    }

    /// Writes our response to a rejected request, as far as the socket takes it.
    fn poll_rejection(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rejection.take_if(|rest| !rest.is_empty()) {
            let outcome = Pin::new(&mut self.stream).poll_write(cx, &rest);
            let outcome = self.written(outcome, cx);
            let written = if let Poll::Ready(Ok(written)) = outcome { written } else { 0 };
            self.rejection = Some(rest.slice(written..));
            if ready!(outcome)? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.is_held() {
            return this.poll_ahead(cx);
        }
        let room = MAX_READ.saturating_sub(this.handed_over).min(buffer.remaining());
        if room == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut bytes = [0; MAX_READ];
        let mut bytes = ReadBuf::new(&mut bytes[..room]);
        if this.ahead.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut bytes))?;
        } else {
            let length = room.min(this.ahead.len());
            bytes.put_slice(&this.ahead[..length]);
            this.ahead.drain(..length);
        }
        let bytes = bytes.filled();
        this.handed_over += bytes.len();
        this.request.read(bytes);
        buffer.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.rejection.is_none() {
            this.rejection = rejected::replace(bytes, &this.request, this.peer, this.dialects);
        }
        if this.rejection.is_some() {
            // Nothing follows it.
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.request.answered();
        let outcome = this.written(outcome, cx);
        this.poll_ends(cx);
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_rejection(cx))?;
        this.poll_ends(cx);
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rejection(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
