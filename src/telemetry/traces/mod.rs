//! Traces: spans of `tracing` with the targets of [`crate::trace`] become spans of OpenTelemetry, which are sent to a
//! collector with OTLP over HTTP.
//!
//! **Whether a span exists is decided before it costs anything**, by [`Sampling`], and not by OpenTelemetry's sampler, which
//! would be asked once the span has been allocated: what is not traced costs the decision.
//!
//! **The collector delays nobody**: who ends a span puts it into a bounded [`SpanQueue`], or drops it; a thread of its own
//! sends what is in there.

mod counters;
mod export;
mod queue;

use std::io;

use opentelemetry::trace::{SpanKind, TraceId, TracerProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, SdkTracerProvider, ShouldSample,
};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use url::Url;
use uuid::Uuid;

pub use self::counters::SpanCounters;
use self::export::Exporter;
use self::queue::SpanQueue;
use crate::trace;

const SERVICE: &str = "addressbook";

/// The running export.
#[derive(Debug)]
pub(super) struct Traces(SpanQueue);

impl Traces {
    /// Starts the thread that exports. Returns the layer that gives it the spans, and the one that decides which there are.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start<S>(
        endpoint: &Url,
        ratio: f64,
        counters: &SpanCounters,
    ) -> io::Result<(Self, impl Layer<S> + use<S>, Sampling)>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let resource = Resource::builder_empty().with_service_name(SERVICE).with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::now_v7().to_string()),
        ]);
        let resource = resource.build();
        let queue = SpanQueue::new(counters.clone());
        Exporter::start(queue.clone(), endpoint, &resource, counters.clone())?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(queue.clone())
            .build();
        let scope = InstrumentationScope::builder(SERVICE).with_version(env!("CARGO_PKG_VERSION")).build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer_with_scope(scope))
            // Where in the code a span was made, by which thread, and how long it was polled is of no use to operators.
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            // The parent of a span is that of `tracing`.
            .with_context_activation(false)
            .with_filter(FilterFn::new(is_ours).with_max_level_hint(LevelFilter::INFO));
        Ok((Self(queue), layer, Sampling::new(ratio)))
    }

    /// Sends what has not been sent, for as long as that is reasonable.
    pub(super) fn stop(self) {
        self.0.stop();
    }
}

/// Which spans exist.
#[derive(Debug)]
pub(super) struct Sampling {
    sampler: Sampler,
    ids: RandomIdGenerator,
}

impl Sampling {
    /// `ratio`: of the traces that begin here.
    fn new(ratio: f64) -> Self {
        Self { sampler: Sampler::TraceIdRatioBased(ratio), ids: RandomIdGenerator::default() }
    }

    /// Whether a trace begins. (Its id is another one than that which decides. Other services need not come to the same
    /// decision: they are told.)
    fn begins(&self) -> bool {
        let id: TraceId = self.ids.new_trace_id();
        let sampled = self.sampler.should_sample(None, id, "", &SpanKind::Internal, &[], &[]);
        sampled.decision == SamplingDecision::RecordAndSample
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(trace::PREFIX)
}

/// A filter of the whole subscriber: what it disables is not allocated. (What the filters of all single layers disable is.)
impl<S> Layer<S> for Sampling
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        // The log may have enabled spans of libraries: they are no part of a trace, but may be within one.
        let is_within_ours = || {
            let current = context.lookup_current();
            current.is_some_and(|current| current.scope().any(|span| is_ours(span.metadata())))
        };
        !is_ours(metadata)
            || match metadata.target() {
                trace::ROOT => self.begins(),
                trace::PART => is_within_ours(),
                _ => true,
            }
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) { Interest::sometimes() } else { Interest::always() }
    }

    /// Of our spans. Other levels are up to the log.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}
