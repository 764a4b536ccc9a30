//! Logging to standard error, and the registry of metrics.
//!
//! Invariant: no phone number, name, alias, meta or key is logged.

pub mod metrics;
mod process;

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::{LogFormat, LogSettings};

/// Installs the global subscriber.
///
/// # Errors
/// The levels are invalid.
pub fn start(settings: &LogSettings) -> Result<(), String> {
    let levels = levels(&settings.log)
        .ok_or_else(|| format!("the log levels `{}`: expected a level, or MODULE=LEVEL,…", settings.log))?;
    let json = match settings.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let layer = if json {
        fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(io::stderr).boxed()
    } else {
        fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).boxed()
    };
    registry().with(layer.with_filter(levels)).try_init().map_err(|error| error.to_string())
}

/// Parses a default level and levels by module. A part without `=` must be a level: `Targets` would take a misspelt
/// level for a module name, and log nothing.
fn levels(text: &str) -> Option<Targets> {
    let mut default_levels = text.split(',').filter(|part| !part.contains('='));
    let is_invalid = |part: &str| part.trim().parse::<LevelFilter>().is_err();
    if default_levels.any(is_invalid) { None } else { text.parse().ok() }
}
