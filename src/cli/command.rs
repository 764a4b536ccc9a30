//! The result type and the runtime of all commands.

use std::io;
use std::process::ExitCode;

/// An exit code, or an error whose one-line message is printed.
pub(super) type CommandResult = Result<ExitCode, Box<dyn std::error::Error>>;

pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
