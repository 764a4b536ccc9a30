//! Metrics of requests.
//!
//! **No label can be grown by a caller**: an operation is one of the route table, or `none`; a status is one that
//! the service itself sends. Whatever a client chooses (path, method, headers, account) is no label.
//!
//! Each worker thread resolves its own handles, once per operation and status, so that a request finds its counter without
//! a lock or a hash of labels.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The value of the label `operation` of requests that reach no operation: unknown paths and methods, requests that cannot
/// be read, and the pages of the documentation.
const NO_OPERATION: &str = "none";

/// In seconds: from a contact in the cache up to `--request-timeout`.
const BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: Arc<str>,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: Arc<str>,
}

/// The metrics of all threads.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabels, Histogram>,
    in_progress: Gauge,
    abandoned: Counter,
}

impl HttpMetrics {
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_progress: Gauge::default(),
            abandoned: Counter::default(),
        };
        registry.register(
            "http_requests",
            "Requests that were answered, by operation id (`none`: no operation of the API) and status",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to the beginning of its response",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "http_requests_in_progress",
            "Requests whose response has not begun",
            metrics.in_progress.clone(),
        );
        registry.register(
            "http_requests_abandoned",
            "Requests whose client closed the connection before the response began",
            metrics.abandoned.clone(),
        );
        metrics
    }

    /// For a worker thread.
    #[must_use]
    pub fn for_worker(&self) -> WorkerMetrics {
        let no_operation = Rc::new(OperationMetrics::new(self, NO_OPERATION));
        WorkerMetrics(Rc::new(WorkerHandles { metrics: self.clone(), no_operation }))
    }
}

/// The metrics of a worker thread. Cloned for each request: one count of the thread's own, and none that threads share.
#[derive(Clone, Debug)]
pub struct WorkerMetrics(Rc<WorkerHandles>);

#[derive(Debug)]
struct WorkerHandles {
    metrics: HttpMetrics,
    no_operation: Rc<OperationMetrics>,
}

impl WorkerMetrics {
    /// To be attached to the requests of an operation.
    #[must_use]
    pub fn of_operation(&self, id: &str) -> Rc<OperationMetrics> {
        Rc::new(OperationMetrics::new(&self.0.metrics, id))
    }

    #[must_use]
    pub fn begin(self, started: Instant) -> RequestMetrics {
        self.0.metrics.in_progress.inc();
        RequestMetrics { worker: self, started, is_answered: false }
    }

    /// A request that the HTTP implementation has answered itself.
    pub fn count_rejected(&self, status: u16) {
        self.0.no_operation.count(status);
    }
}

/// A request in progress. Dropped before it is answered, it was abandoned.
#[derive(Debug)]
pub struct RequestMetrics {
    worker: WorkerMetrics,
    started: Instant,
    is_answered: bool,
}

impl RequestMetrics {
    /// `request` is `None` if it reached no operation.
    pub fn answered(mut self, request: Option<&HttpRequest>, status: StatusCode) {
        self.is_answered = true;
        let elapsed = self.started.elapsed();
        let extensions = request.map(|request| request.extensions());
        let operation = extensions.as_ref().and_then(|extensions| extensions.get::<Rc<OperationMetrics>>());
        operation.unwrap_or(&self.worker.0.no_operation).record(status.as_u16(), elapsed);
    }
}

impl Drop for RequestMetrics {
    fn drop(&mut self) {
        let metrics = &self.worker.0.metrics;
        metrics.in_progress.dec();
        if !self.is_answered {
            metrics.abandoned.inc();
        }
    }
}

/// The handles of a worker thread to the metrics of an operation.
#[derive(Debug)]
pub struct OperationMetrics {
    operation: Arc<str>,
    metrics: HttpMetrics,
    /// By status: an operation has few.
    counters: RefCell<Vec<(u16, Counter)>>,
    duration: OnceCell<Histogram>,
}

impl OperationMetrics {
    fn new(metrics: &HttpMetrics, id: &str) -> Self {
        Self {
            operation: id.into(),
            metrics: metrics.clone(),
            counters: RefCell::default(),
            duration: OnceCell::new(),
        }
    }

    /// Makes a request count as one of this operation.
    pub fn attach_to(self: &Rc<Self>, request: &HttpRequest) {
        request.extensions_mut().insert(Rc::clone(self));
    }

    fn record(&self, status: u16, elapsed: Duration) {
        self.count(status);
        let histogram = || {
            let labels = OperationLabels { operation: Arc::clone(&self.operation) };
            self.metrics.durations.get_or_create_owned(&labels)
        };
        self.duration.get_or_init(histogram).observe(elapsed.as_secs_f64());
    }

    fn count(&self, status: u16) {
        let mut counters = self.counters.borrow_mut();
        if let Some((_, counter)) = counters.iter().find(|(known, _)| *known == status) {
            counter.inc();
            return;
        }
        let labels = RequestLabels { operation: Arc::clone(&self.operation), status };
        let counter = self.metrics.requests.get_or_create_owned(&labels);
        counter.inc();
        counters.push((status, counter));
    }
}
