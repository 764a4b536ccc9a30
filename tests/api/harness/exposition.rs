//! What `/metrics` serves, parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use super::client::Client;

/// A metric as its `HELP` and `TYPE` lines describe it.
#[derive(Debug, PartialEq, Eq)]
pub struct Description {
    pub kind: String,
    pub help: String,
}

/// One response of `/metrics`.
#[derive(Debug)]
pub struct Exposition {
    /// By name.
    pub metrics: BTreeMap<String, Description>,
    /// By name and labels, as they stand in the text but in alphabetical order.
    values: BTreeMap<String, f64>,
    pub text: String,
}

impl Exposition {
    #[track_caller]
    pub fn of(admin: &Client) -> Self {
        let reply = admin.get("/metrics");
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
        Self::parse(String::from_utf8(reply.body).unwrap())
    }

    fn parse(text: String) -> Self {
        let (mut metrics, mut values) = (BTreeMap::new(), BTreeMap::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap().to_owned();
                let description = Description { kind, help: help.to_owned() };
                assert_eq!(metrics.insert(name.to_owned(), description), None, "{name} is described twice");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let series = match series.split_once('{') {
                Some((name, labels)) => {
                    let labels = labels.strip_suffix('}').unwrap();
                    // No value of a label has a comma.
                    let labels: BTreeSet<&str> = labels.split(',').collect();
                    format!("{name}{{{}}}", labels.into_iter().collect::<Vec<_>>().join(","))
                }
                None => series.to_owned(),
            };
            let value = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(values.insert(series, value), None, "twice: {line}");
        }
        Self { metrics, values, text }
    }

    /// The value of a series such as `name{a="1",b="2"}`; the labels in alphabetical order.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.values.get(series).copied()
    }

    /// The same; 0 if there is no such series (yet).
    pub fn count(&self, series: &str) -> f64 {
        self.get(series).unwrap_or(0.0)
    }

    pub fn series(&self) -> BTreeSet<&str> {
        self.values.keys().map(String::as_str).collect()
    }

    /// Whether there is a metric of this name; the parts of a histogram have names of their own.
    pub fn has(&self, name: &str) -> bool {
        self.metrics.contains_key(name)
            || ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|part| name.strip_suffix(part))
                .any(|name| self.metrics.get(name).is_some_and(|description| description.kind == "histogram"))
    }
}

/// Gives a text to `promtool`, and asserts that it has no objections. `None`: it is not installed, which only `TEST_PROMTOOL`
/// forbids.
pub fn promtool(arguments: &[&str], input: &str) -> Option<String> {
    let started = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        assert!(std::env::var_os("TEST_PROMTOOL").is_none(), "promtool is not found");
        super::skip("promtool is not found");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    Some(said)
}
