//! What the storage counts and measures while it works. (What is read when it is asked for is in `storage::figures`.)

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Shared by all parts of a database. A database without them measures nothing.
#[derive(Clone, Debug)]
pub struct Instruments(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    group_size: Histogram,
    commit_duration: Histogram,
    rejected_writes: Counter,
    contacts: CacheInstruments,
    pages: CacheInstruments,
    opt_outs: CacheInstruments,
    search_blocks: CacheInstruments,
}

/// Commands in a group, in powers of two up to the largest group.
const GROUP_BUCKETS: (f64, f64, u16) = (1.0, 2.0, 8);

/// In seconds: from a disk with a write cache up to the timeout of a commit.
const COMMIT_BUCKETS: [f64; 12] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    cache: &'static str,
    result: &'static str,
}

type Lookups = Family<LookupLabels, Counter>;

/// The lookups in a cache.
#[derive(Clone, Debug)]
pub(crate) struct CacheInstruments {
    hits: Counter,
    misses: Counter,
}

impl CacheInstruments {
    fn new(lookups: &Lookups, cache: &'static str) -> Self {
        let counter = |result| lookups.get_or_create_owned(&LookupLabels { cache, result });
        Self { hits: counter("hit"), misses: counter("miss") }
    }

    pub(crate) fn count(&self, is_hit: bool) {
        if is_hit { &self.hits } else { &self.misses }.inc();
    }

    pub(crate) fn count_several(&self, hits: usize, misses: usize) {
        self.hits.inc_by(hits as u64);
        self.misses.inc_by(misses as u64);
    }
}

impl Instruments {
    pub fn register(registry: &mut Registry) -> Self {
        let (first, factor, count) = GROUP_BUCKETS;
        let lookups = Lookups::default();
        let inner = Inner {
            group_size: Histogram::new(exponential_buckets(first, factor, count)),
            commit_duration: Histogram::new(COMMIT_BUCKETS),
            rejected_writes: Counter::default(),
            contacts: CacheInstruments::new(&lookups, "contacts"),
            pages: CacheInstruments::new(&lookups, "pages"),
            opt_outs: CacheInstruments::new(&lookups, "opt_outs"),
            search_blocks: CacheInstruments::new(&lookups, "search"),
        };
        registry.register(
            "write_group_size",
            "Writes that were committed in one transaction, by group commit",
            inner.group_size.clone(),
        );
        registry.register_with_unit(
            "write_commit_duration",
            "Time of a commit, until the database has made the transaction durable",
            Unit::Seconds,
            inner.commit_duration.clone(),
        );
        registry.register(
            "write_queue_rejections",
            "Writes that were answered with 503 because the queue was full",
            inner.rejected_writes.clone(),
        );
        registry.register(
            "cache_lookups",
            "Lookups in the caches in memory, by cache and result (`hit` or `miss`)",
            lookups,
        );
        Self(Arc::new(inner))
    }

    pub(crate) fn record_group(&self, commands: usize) {
        // A group has at most some hundred commands.
        self.0.group_size.observe(commands as f64);
    }

    pub(crate) fn record_commit(&self, elapsed: Duration) {
        self.0.commit_duration.observe(elapsed.as_secs_f64());
    }

    pub(crate) fn count_rejected_write(&self) {
        self.0.rejected_writes.inc();
    }

    pub(crate) fn contacts(&self) -> &CacheInstruments {
        &self.0.contacts
    }

    pub(crate) fn pages(&self) -> &CacheInstruments {
        &self.0.pages
    }

    pub(crate) fn opt_outs(&self) -> &CacheInstruments {
        &self.0.opt_outs
    }

    pub(crate) fn search_blocks(&self) -> &CacheInstruments {
        &self.0.search_blocks
    }
}
