//! The transport between the socket and the HTTP implementation. It adds a write timeout for peers that do not read, bounds
//! read-ahead, and replaces the error responses that the HTTP implementation writes itself.

pub mod per_address;
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
use super::metrics::WorkerMetrics;
use per_address::{ConnectionsPerAddress, CountedConnection, TooManyConnections};
use rejected::{Rejection, RequestStart};

/// The maximum number of bytes that one poll passes on, and that are read ahead while a request is handled.
///
/// The HTTP implementation parses all input before it checks how many pipelined requests are queued, and each takes
/// several KiB, however short it is. With a full buffer it also wakes itself in a busy loop until the first request is
/// finished.
const MAX_READ: usize = 4 * 1024;

/// Whether a request is being handled; reported by middleware and extractors.
#[derive(Debug, Default)]
pub struct RequestInProgress(Cell<bool>);

impl RequestInProgress {
    /// The request was received completely: nothing need be read until its response is written.
    pub fn begin(&self) {
        self.0.set(true);
    }

    /// The response is ready.
    pub fn end(&self) {
        self.0.set(false);
    }
}

pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    in_progress: Rc<RequestInProgress>,
    write_timeout: Duration,
    /// To render the responses to rejected requests.
    dialects: Dialects,
    /// To count them.
    metrics: Option<WorkerMetrics>,
    /// The deadline of a write that waits for space in the send buffer.
    write_deadline: Option<Pin<Box<Sleep>>>,
    read_ahead: Vec<u8>,
    /// The number of bytes passed on in this poll.
    passed_on: usize,
    /// The start of the request that is being handled.
    request: RequestStart,
    /// The rest of our response to a rejected request: the last response of the connection.
    rejection: Option<Bytes>,
    _counted: Option<CountedConnection>,
}

impl Connection {
    /// # Errors
    /// The address of the peer has too many connections, or none any more.
    pub fn new(
        stream: TcpStream,
        write_timeout: Duration,
        dialects: Dialects,
        metrics: Option<WorkerMetrics>,
        per_address: &ConnectionsPerAddress,
    ) -> io::Result<Self> {
        let peer = stream.peer_addr()?;
        let counted = per_address.open(peer.ip()).map_err(|TooManyConnections| {
            tracing::info!(%peer, "closed a connection of an address that has too many");
            io::Error::from(io::ErrorKind::ConnectionRefused)
        })?;
        Ok(Self {
            _counted: counted,
            stream,
            peer,
            in_progress: Rc::default(),
            write_timeout,
            dialects,
            metrics,
            write_deadline: None,
            read_ahead: Vec::new(),
            passed_on: 0,
            request: RequestStart::default(),
            rejection: None,
        })
    }

    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    #[must_use]
    pub fn in_progress(&self) -> Rc<RequestInProgress> {
        Rc::clone(&self.in_progress)
    }

    /// Reads ahead, to notice while a request is handled that the peer has closed the connection. Ready when it has.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.read_ahead.len() < MAX_READ {
            let mut bytes = [0; MAX_READ];
            let mut bytes = ReadBuf::new(&mut bytes[self.read_ahead.len()..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut bytes))?;
            if bytes.filled().is_empty() {
                // Requests before the end of the stream are handled first.
                return if self.read_ahead.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            self.read_ahead.extend(bytes.filled());
        }
        Poll::Pending
    }

    /// Applies the write timeout to the result of a write. Progress resets the deadline.
    fn with_deadline(
        &mut self,
        result: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.write_deadline = None;
            return result;
        }
        let timeout = self.write_timeout;
        let deadline = self.write_deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(deadline.as_mut().poll(cx));
        tracing::info!(peer = %self.peer, "closed a connection whose peer reads nothing");
        // Reset the connection: the kernel would otherwise keep the send buffer for minutes.
        drop(self.stream.set_zero_linger());
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// At the end of each poll of the HTTP implementation: wakes it if there is input for which the socket will not wake
    /// it.
    fn end_poll(&mut self, cx: &mut Context<'_>) {
        self.passed_on = 0;
        if !self.read_ahead.is_empty() && !self.is_paused() {
            cx.waker().wake_by_ref();
        }
    }

    /// Whether no input is passed on for now. A peer that does not read is not served: each request would add to the
    /// output that it does not read.
    fn is_paused(&self) -> bool {
        self.write_deadline.is_some() || self.in_progress.0.get()
    }

    /// Writes our response to a rejected request.
    fn poll_rejection(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rejection.take_if(|rest| !rest.is_empty()) {
            let result = Pin::new(&mut self.stream).poll_write(cx, &rest);
            let result = self.with_deadline(result, cx);
            let written = if let Poll::Ready(Ok(written)) = result { written } else { 0 };
            self.rejection = Some(rest.slice(written..));
            if ready!(result)? == 0 {
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
        if this.is_paused() {
            return this.poll_read_ahead(cx);
        }
        let room = MAX_READ.saturating_sub(this.passed_on).min(buffer.remaining());
        if room == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut bytes = [0; MAX_READ];
        let mut bytes = ReadBuf::new(&mut bytes[..room]);
        if this.read_ahead.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut bytes))?;
        } else {
            let length = room.min(this.read_ahead.len());
            bytes.put_slice(&this.read_ahead[..length]);
            this.read_ahead.drain(..length);
        }
        let bytes = bytes.filled();
        this.passed_on += bytes.len();
        this.request.read(bytes);
        buffer.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.rejection.is_none() {
            let rejection = rejected::replacement(bytes, &this.request, this.peer, this.dialects);
            this.rejection = rejection.map(|Rejection { status, response }| {
                this.metrics.as_ref().inspect(|metrics| metrics.count_rejected(status));
                response
            });
        }
        if this.rejection.is_some() {
            // Discard further output.
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.request.end();
        let result = this.with_deadline(result, cx);
        this.end_poll(cx);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_rejection(cx))?;
        this.end_poll(cx);
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rejection(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
