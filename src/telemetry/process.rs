//! Metrics of the process, under the names that Prometheus clients of all languages use. What the operating system does not
//! tell (outside Linux) is left out.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::param::{clock_ticks_per_second, page_size};

#[derive(Debug)]
pub(super) struct ProcessCollector {
    /// In seconds since 1970.
    start: f64,
}

impl ProcessCollector {
    /// To be called when the process starts.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { start: now.map_or(0.0, |time| time.as_secs_f64()) }
    }
}

/// Seconds of processor time.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may contain spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / clock_ticks_per_second() as f64)
}

fn resident_bytes() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_size() as u64)
}

fn open_files() -> Option<u64> {
    // Without the directory itself, which is open while it is read.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64)
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut write = |name, help, unit, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let (seconds, bytes) = (Some(&Unit::Seconds), Some(&Unit::Bytes));
        write(
            "process_start_time",
            "When the process started, since 1970",
            seconds,
            &ConstGauge::new(self.start),
        )?;
        if let Some(time) = cpu_seconds() {
            write("process_cpu", "Processor time used", seconds, &ConstCounter::new(time))?;
        }
        if let Some(resident) = resident_bytes() {
            write("process_resident_memory", "Resident memory", bytes, &ConstGauge::new(resident))?;
        }
        if let Some(files) = open_files() {
            write("process_open_fds", "Open file descriptors", None, &ConstGauge::new(files))?;
        }
        if let Ok(limit) = rlimit::Resource::NOFILE.get_soft() {
            write("process_max_fds", "The limit of open file descriptors", None, &ConstGauge::new(limit))?;
        }
        Ok(())
    }
}
