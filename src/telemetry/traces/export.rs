//! The thread that sends spans to the collector: OTLP 1, protobuf over HTTP.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use ureq::Agent;
use ureq::http::HeaderMap;
use ureq::http::header::RETRY_AFTER;
use url::Url;

use super::counters::SpanCounters;
use super::queue::SpanQueue;

/// How long the collector may take for a batch, from the resolution of its name to the end of its response.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Attempts at a batch that may be repeated, and the pauses between them: the first, which doubles, and the longest.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// How much of a response is read.
const MAX_RESPONSE: u64 = 64 * 1024;

/// How often the log says at most that spans are not exported.
const TOLD_EVERY: Duration = Duration::from_secs(10 * 60);

pub(super) struct Exporter {
    queue: SpanQueue,
    agent: Agent,
    url: String,
    resource: ResourceAttributesWithSchema,
    counters: SpanCounters,
    told: Told,
}

/// Why spans were not taken.
enum Failure {
    /// And will not be if they are sent again.
    Rejected(String),
    /// Perhaps they will be later: the statuses are those that OTLP names.
    Unavailable { reason: String, retry_after: Option<Duration> },
}

impl Exporter {
    pub(super) fn start(
        queue: SpanQueue,
        endpoint: &Url,
        resource: &Resource,
        counters: SpanCounters,
    ) -> io::Result<()> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("addressbook/", env!("CARGO_PKG_VERSION")))
            .build();
        let url = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let told = Told { endpoint: url.clone(), problem_at: None, is_problem: false, dropped: 0 };
        let exporter = Self { queue, agent: agent.into(), url, resource: resource.into(), counters, told };
        thread::Builder::new().name("otlp-export".to_owned()).spawn(move || exporter.run()).map(drop)
    }

    fn run(mut self) {
        while let Some(batch) = self.queue.next_batch() {
            self.export(batch);
        }
        self.queue.done();
    }

    fn export(&mut self, batch: Vec<SpanData>) {
        let size = batch.len() as u64;
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let timeout = self.queue.time_left().unwrap_or(TIMEOUT);
            if timeout.is_zero() {
                break;
            }
            match self.send(&body, timeout) {
                Ok(rejected) => {
                    let rejected = rejected.min(size);
                    self.counters.exported.inc_by(size - rejected);
                    self.counters.not_taken.inc_by(rejected);
                    if rejected > 0 {
                        self.told.problem("the collector has rejected some spans", &self.counters);
                    } else {
                        self.told.no_problem(&self.counters);
                    }
                    return;
                }
                Err(Failure::Rejected(reason)) => {
                    self.counters.not_taken.inc_by(size);
                    self.told.problem(&reason, &self.counters);
                    return;
                }
                Err(Failure::Unavailable { reason, retry_after }) => {
                    self.told.problem(&reason, &self.counters);
                    let wait = pause.max(retry_after.unwrap_or_default()).min(MAX_PAUSE);
                    if attempt == ATTEMPTS || !self.queue.pause(wait) {
                        break;
                    }
                    pause *= 2;
                }
            }
        }
        self.counters.not_taken.inc_by(size);
    }

    /// Returns how many of the spans the collector has not taken although it has accepted the request.
    fn send(&self, body: &[u8], timeout: Duration) -> Result<u64, Failure> {
        let request = self.agent.post(&self.url).header("Content-Type", "application/x-protobuf");
        let request = request.config().timeout_global(Some(timeout)).build();
        let mut response = request
            .send(body)
            .map_err(|error| Failure::Unavailable { reason: error.to_string(), retry_after: None })?;
        let status = response.status();
        match status.as_u16() {
            200..=299 => {
                // Whatever else the response is: the spans were accepted.
                let body = response.body_mut().with_config().limit(MAX_RESPONSE).read_to_vec();
                let response = body.ok().and_then(|body| ExportTraceServiceResponse::decode(&*body).ok());
                let partial = response.and_then(|response| response.partial_success);
                let rejected = partial.map_or(0, |partial| partial.rejected_spans);
                Ok(u64::try_from(rejected).unwrap_or(0))
            }
            429 | 502 | 503 | 504 => Err(Failure::Unavailable {
                reason: format!("the collector has responded with {status}"),
                retry_after: retry_after(response.headers()),
            }),
            _ => Err(Failure::Rejected(format!("the collector has responded with {status}"))),
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// What the log was told. A collector may be away for days, or every other minute.
struct Told {
    endpoint: String,
    /// When the log last said that there is a problem.
    problem_at: Option<Instant>,
    /// Whether it was not told since that there is none any more.
    is_problem: bool,
    /// How many spans had been dropped when the log was last told.
    dropped: u64,
}

impl Told {
    fn problem(&mut self, reason: &str, counters: &SpanCounters) {
        if self.problem_at.is_some_and(|at| at.elapsed() < TOLD_EVERY) {
            return;
        }
        self.dropped = counters.all_dropped();
        tracing::warn!(endpoint = self.endpoint, reason, dropped = self.dropped, "spans cannot be exported");
        (self.problem_at, self.is_problem) = (Some(Instant::now()), true);
    }

    /// A batch was taken. If the collector is too slow, others were dropped meanwhile.
    fn no_problem(&mut self, counters: &SpanCounters) {
        let dropped = counters.all_dropped();
        if self.is_problem {
            tracing::info!(endpoint = self.endpoint, dropped, "spans are exported again");
            (self.is_problem, self.dropped) = (false, dropped);
        } else if dropped > self.dropped {
            self.problem("the queue was full", counters);
        }
    }
}
