//! How far a command is: a line that is redrawn on a terminal, and otherwise a line now and then.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) struct Progress {
    /// Hidden unless standard error is a terminal.
    bar: ProgressBar,
    verb: &'static str,
    next_line: Cell<Instant>,
}

/// Between lines.
const INTERVAL: Duration = Duration::from_secs(10);

impl Progress {
    /// Of bytes whose number is not known beforehand; `verb` says what has happened to them.
    pub(super) fn start(verb: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {prefix} {bytes} in {elapsed}, {bytes_per_sec}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(verb);
        Self { bar, verb, next_line: Cell::new(Instant::now() + INTERVAL) }
    }

    pub(super) fn advance(&self, bytes: u64) {
        self.bar.set_position(bytes);
        if self.bar.is_hidden() && Instant::now() >= self.next_line.get() {
            eprintln!("{} {}", self.verb, HumanBytes(bytes));
            self.next_line.set(Instant::now() + INTERVAL);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
