//! What became of the spans that ended.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// All zero where nothing is exported.
#[derive(Clone, Debug)]
pub struct SpanCounters {
    pub(super) exported: Counter,
    /// The queue had no room.
    pub(super) not_queued: Counter,
    /// The collector did not take them.
    pub(super) not_taken: Counter,
    dropped: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reason: &'static str,
}

impl Default for SpanCounters {
    fn default() -> Self {
        let dropped = Family::<Labels, Counter>::default();
        let of = |reason| dropped.get_or_create_owned(&Labels { reason });
        let (not_queued, not_taken) = (of("queue_full"), of("collector"));
        Self { exported: Counter::default(), not_queued, not_taken, dropped }
    }
}

impl SpanCounters {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "trace_spans_exported",
            "Spans that the collector of traces has taken (`--otlp-endpoint`)",
            self.exported.clone(),
        );
        registry.register(
            "trace_spans_dropped",
            "Spans that were not exported, because the queue was full (`queue_full`), or because the collector could not be \
             reached or did not take them (`collector`)",
            self.dropped.clone(),
        );
    }

    pub(super) fn all_dropped(&self) -> u64 {
        self.not_queued.get() + self.not_taken.get()
    }
}
