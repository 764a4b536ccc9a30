//! The bounded queue between those who end spans, and never wait, and the thread that sends them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::counters::SpanCounters;

/// Spans that may wait. One has about half a kilobyte.
const CAPACITY: usize = 4_096;

/// Spans that are sent at once, and how long they wait until there are so many.
const BATCH: usize = 512;
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the end of the process waits for the last spans to be sent.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Clone, Debug)]
pub(super) struct SpanQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There is something to send, or the process ends, or all is sent.
    changed: Condvar,
    counters: SpanCounters,
}

#[derive(Debug, Default)]
struct State {
    spans: VecDeque<SpanData>,
    /// When the process ends, whatever has been sent; once it is about to.
    end: Option<Instant>,
    /// Whether the thread that sends has ended.
    is_done: bool,
}

impl SpanQueue {
    pub(super) fn new(counters: SpanCounters) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), counters }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, without end unless there is a timeout, as long as the condition holds.
    fn wait<'q>(
        &'q self,
        state: MutexGuard<'q, State>,
        timeout: Option<Duration>,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'q, State> {
        match timeout {
            Some(timeout) => {
                let waited = self.0.changed.wait_timeout_while(state, timeout, condition);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.0.changed.wait_while(state, condition).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The spans to be sent next. `None`: the process ends, and there are no more.
    pub(super) fn next_batch(&self) -> Option<Vec<SpanData>> {
        let state = self.state();
        let state = self.wait(state, None, |state| state.spans.is_empty() && state.end.is_none());
        let is_short = |state: &mut State| state.spans.len() < BATCH && state.end.is_none();
        let mut state = self.wait(state, Some(INTERVAL), is_short);
        let size = state.spans.len().min(BATCH);
        (size > 0).then(|| state.spans.drain(..size).collect())
    }

    /// How long the process may still wait for what is being sent; `None` while it does not end.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let end = self.state().end;
        end.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Pauses. Returns whether the process goes on.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let state = self.state();
        self.wait(state, Some(time), |state| state.end.is_none()).end.is_none()
    }

    /// The thread that sends ends.
    pub(super) fn done(&self) {
        self.state().is_done = true;
        self.0.changed.notify_all();
    }

    /// Waits until what is in the queue is sent, or has failed to be, or [`STOP_TIMEOUT`] is over.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.end = Some(Instant::now() + STOP_TIMEOUT);
        self.0.changed.notify_all();
        let state = self.wait(state, Some(STOP_TIMEOUT), |state| !state.is_done);
        let is_done = state.is_done;
        drop(state);
        if !is_done {
            tracing::warn!("the last spans could not be exported in time");
        }
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    /// Never waits for the collector: a span for which there is no room is dropped.
    fn on_end(&self, span: SpanData) {
        let mut state = self.state();
        if state.spans.len() >= CAPACITY {
            drop(state);
            self.0.counters.not_queued.inc();
            return;
        }
        state.spans.push_back(span);
        let length = state.spans.len();
        drop(state);
        if length == 1 || length == BATCH {
            self.0.changed.notify_all();
        }
    }

    /// See [`SpanQueue::stop`].
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
