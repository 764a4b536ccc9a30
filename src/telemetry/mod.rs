//! Logging to standard error, the registry of metrics, and the export of traces.
//!
//! Invariant: no phone number, name, alias, meta or key is logged or in a trace.

pub mod metrics;
mod process;
mod traces;

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

pub use self::traces::SpanCounters;
use self::traces::Traces;
use crate::config::{LogFormat, LogSettings, TraceSettings};
use crate::trace;

/// The log and the traces of the process.
#[derive(Debug)]
pub struct Telemetry {
    spans: SpanCounters,
    traces: Option<Traces>,
}

impl Telemetry {
    /// Installs the global subscriber.
    ///
    /// # Errors
    /// The levels are invalid, or a thread cannot be started.
    pub fn start(log: &LogSettings, traces: &TraceSettings) -> Result<Self, String> {
        let levels = levels(&log.log)
            .ok_or_else(|| format!("the log levels `{}`: expected a level, or MODULE=LEVEL,…", log.log))?;
        let json = match log.log_format {
            LogFormat::Json => true,
            LogFormat::Text => false,
            LogFormat::Auto => !io::stderr().is_terminal(),
        };
        let lines = if json {
            fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(io::stderr).boxed()
        } else {
            fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).boxed()
        };
        // Whatever the levels are: without an exporter, nobody is interested in the spans of traces.
        let log = registry().with(lines.with_filter(levels.with_target(trace::PREFIX, LevelFilter::OFF)));
        let spans = SpanCounters::default();
        let Some(endpoint) = &traces.otlp_endpoint else {
            log.try_init().map_err(|error| error.to_string())?;
            return Ok(Self { spans, traces: None });
        };
        let (traces, layer, sampling) =
            Traces::start(endpoint, traces.otlp_sample, &spans).map_err(|error| error.to_string())?;
        log.with(layer).with(sampling).try_init().map_err(|error| error.to_string())?;
        Ok(Self { spans, traces: Some(traces) })
    }

    /// What became of the spans of the traces.
    #[must_use]
    pub fn span_counters(&self) -> &SpanCounters {
        &self.spans
    }

    /// Exports the last spans. To be called when nothing makes spans any more.
    pub fn stop(self) {
        if let Some(traces) = self.traces {
            traces.stop();
        }
    }
}

/// Parses a default level and levels by module. A part without `=` must be a level: `Targets` would take a misspelt
/// level for a module name, and log nothing.
fn levels(text: &str) -> Option<Targets> {
    let mut default_levels = text.split(',').filter(|part| !part.contains('='));
    let is_invalid = |part: &str| part.trim().parse::<LevelFilter>().is_err();
    if default_levels.any(is_invalid) { None } else { text.parse().ok() }
}
