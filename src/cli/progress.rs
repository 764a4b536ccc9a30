//! How far a command is: a line that is redrawn on a terminal, and otherwise a line now and then.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) struct Progress {
    /// Hidden unless standard error is a terminal.
    bar: ProgressBar,
    verb: &'static str,
    unit: Unit,
    next_line: Cell<Instant>,
}

#[derive(Clone, Copy)]
pub(super) enum Unit {
    Bytes,
    Rows,
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
        Self { bar, verb, unit: Unit::Bytes, next_line: Cell::new(Instant::now() + INTERVAL) }
    }

    /// Of a known number of bytes or rows; `verb` says what is done with them.
    pub(super) fn of(verb: &'static str, total: u64, unit: Unit) -> Self {
        let template = match unit {
            Unit::Bytes => "{prefix} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
            Unit::Rows => "{prefix} {bar:30} {human_pos}/{human_len}, {per_sec}, {eta} left",
        };
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_prefix(verb);
        Self { bar, verb, unit, next_line: Cell::new(Instant::now() + INTERVAL) }
    }

    pub(super) fn advance(&self, done: u64) {
        self.bar.set_position(done);
        if self.bar.is_hidden() && Instant::now() >= self.next_line.get() {
            match self.unit {
                Unit::Bytes => eprintln!("{} {}", self.verb, HumanBytes(done)),
                Unit::Rows => eprintln!("{} {done} rows", self.verb),
            }
            self.next_line.set(Instant::now() + INTERVAL);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
