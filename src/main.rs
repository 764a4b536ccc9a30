//! The command line; see [`addressbook::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    addressbook::cli::main()
}
