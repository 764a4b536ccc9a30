//! The registry of metrics. What is measured registers itself, in the layer that measures it; nothing is measured unless
//! there is a registry.

use std::fmt;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process::ProcessCollector;

/// Of the names of all metrics but those of the process, which have their usual names.
const PREFIX: &str = "addressbook";

#[derive(Debug, Default)]
pub struct Metrics(Registry);

impl Metrics {
    /// `register` adds the metrics of the service.
    pub fn new<T>(register: impl FnOnce(&mut Registry) -> T) -> (Self, T) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessCollector::new()));
        let ours = registry.sub_registry_with_prefix(PREFIX);
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "The version of the program; the value is always 1", version);
        let registered = register(ours);
        (Self(registry), registered)
    }

    /// In the text format of Prometheus.
    ///
    /// # Errors
    /// Those of the metrics themselves.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}
