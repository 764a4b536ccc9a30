//! How the layers make the spans of traces: with `tracing`, under the targets of this module.
//!
//! **Nothing else is exported**: no event of the log, and no span of a library, whatever they say. **A span has no personal
//! data**: no path, query, body or header of a request, and nothing that is stored; its attributes are words and numbers of
//! ours. **Without an exporter a span costs a load and a comparison**: no subscriber is interested in these targets, and the
//! arguments of the macro are not evaluated.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tracing::{Instrument, Span};

/// The targets of all spans begin with it. The log has none of them.
pub const PREFIX: &str = "addressbook::span";

/// Of a span that begins a trace: as many of them exist as the settings say.
pub const ROOT: &str = "addressbook::span::root";

/// Of a span that exists because its parent does: a part of the current span. Without a current span, there is none.
pub const PART: &str = "addressbook::span::part";

/// Of a span that exists in any case: whoever makes it has seen that its parent, here or elsewhere, is exported.
pub const SAMPLED: &str = "addressbook::span::sampled";

/// Waits for something, with a span if it takes a wait: most of these are short or none, and would hide the long ones.
pub async fn if_waiting<T>(work: impl Future<Output = T>, span: impl FnOnce() -> Span) -> T {
    let mut work = pin!(work);
    match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        Poll::Ready(done) => done,
        Poll::Pending => work.instrument(span()).await,
    }
}
