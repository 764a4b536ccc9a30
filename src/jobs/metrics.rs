//! Metrics of the workers.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::domain::import::ImportState;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    result: &'static str,
}

/// How a step of an import has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum StepResult {
    Done,
    /// Cancelled, or taken over by another process.
    Ended,
    /// It will be repeated.
    Failed,
}

#[derive(Clone, Debug)]
pub struct JobMetrics {
    steps: Family<StepLabels, Counter>,
}

impl JobMetrics {
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let steps = Family::default();
        registry.register(
            "import_steps",
            "Steps of imports (`planning`, `committing`, `undoing`) that have ended in this process, by result: `done`, \
             `failed` (and to be repeated), or `ended` (cancelled, or taken over by another process)",
            Family::clone(&steps),
        );
        Self { steps }
    }

    pub(super) fn count(&self, state: ImportState, result: StepResult) {
        let result = match result {
            StepResult::Done => "done",
            StepResult::Ended => "ended",
            StepResult::Failed => "failed",
        };
        self.steps.get_or_create(&StepLabels { step: state.as_str(), result }).inc();
    }
}
