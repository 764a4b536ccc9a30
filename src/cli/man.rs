//! `addressbook man`: the manual pages, written from what `--help` says.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;

use super::command::CommandResult;

pub(super) const HELP: &str = "\
The page that is printed is addressbook(1), which is read with:
  addressbook man | man --local-file -";

#[derive(Args, Debug)]
pub(super) struct Manual {
    /// Write it, and a page for each command, into this directory instead
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

impl Manual {
    pub(super) fn run(self, cli: Command) -> CommandResult {
        // `addressbook help COMMAND` prints what the command's page says.
        let mut cli = cli.disable_help_subcommand(true);
        cli.build();
        let version = cli.get_version().unwrap_or_default();
        let source = format!("{} {version}", cli.get_name());
        match self.output {
            None => write_page(&cli, &source, &mut io::stdout())?,
            Some(directory) => write_pages(&cli, &source, &directory)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The pages of a command and of those below it, each in a file of its own.
fn write_pages(command: &Command, source: &str, directory: &Path) -> Result<(), String> {
    let path = directory.join(page(command, source).get_filename());
    File::create(&path)
        .and_then(|mut file| write_page(command, source, &mut file))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    command.get_subcommands().try_for_each(|command| write_pages(command, source, directory))
}

fn write_page(command: &Command, source: &str, out: &mut impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    page(command, source).render(&mut text)?;
    out.write_all(&text)
}

fn page(command: &Command, source: &str) -> Man {
    let mut command = command.clone();
    // The forms that `--help` shows, and not a list of all flags, which follows anyway.
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    Man::new(command.override_usage(usage)).source(source).manual("addressbook")
}
