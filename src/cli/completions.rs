//! `addressbook completions SHELL`: prints the completions of the command line for a shell.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::command::CommandResult;

pub(super) const HELP: &str = "\
Packages install them for bash, fish and zsh. By hand, for bash, for instance:
  addressbook completions bash > ~/.local/share/bash-completion/completions/addressbook";

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell that reads them
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut cli: Command) -> CommandResult {
        let name = cli.get_name().to_owned();
        // Not straight to standard output: the generator panics if it cannot write.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli, name, &mut script);
        io::stdout().write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
