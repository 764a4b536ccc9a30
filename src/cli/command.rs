//! What all commands share.

use std::io;
use std::process::ExitCode;

/// The result of a command: an exit code, or one line that says why it failed.
pub(super) type CommandResult = Result<ExitCode, Box<dyn std::error::Error>>;

pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
