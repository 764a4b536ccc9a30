//! The command line: `addressbook serve` (the default), `migrate`, `backup`, `restore`, `verify`, `accounts`, `keys`, `import`,
//! `export`, `openapi`, `man` and `completions`.

mod accounts;
mod backup;
mod client;
mod command;
mod completions;
mod export;
mod import;
mod keys;
mod man;
mod openapi;
mod progress;
mod settings_file;
mod store;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use command::{CommandResult, runtime};
use settings_file::SettingsFile;

use crate::app::{self, App};
use crate::config::{DatabaseSettings, Settings};
use crate::telemetry::Telemetry;

/// A contacts service for messaging platforms: two API dialects over one store
#[derive(Parser, Debug)]
#[command(name = "addressbook", version, args_conflicts_with_subcommands = true, after_help = settings_file::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve requests (the default command)
    #[command(after_help = settings_file::HELP)]
    Serve(Box<Serve>),
    /// Bring the database's schema up to date and exit
    #[command(after_help = format!("{MIGRATE_HELP}\n\n{}", settings_file::HELP))]
    Migrate(Migrate),
    /// Back the database up into one file, beside a running server
    #[command(after_help = format!("{}\n\n{}", backup::BACKUP_HELP, settings_file::HELP))]
    Backup(backup::Backup),
    /// Restore a backup, after verifying it, to a database that no server uses
    #[command(after_help = format!("{}\n\n{}", backup::RESTORE_HELP, settings_file::HELP))]
    Restore(backup::Restore),
    /// Verify a backup: that it is whole, and has the rows that it says; needs no database
    #[command(after_help = backup::VERIFY_HELP)]
    Verify(backup::Verify),
    /// Create, list, show, limit, suspend, resume and close accounts; works while a server uses the same database
    Accounts(accounts::Accounts),
    /// Create, list, revoke and rotate API keys and operator keys; works while a server uses the same database
    Keys(keys::Keys),
    /// Import a file of contacts through a running server: plan it, show the plan, and commit or undo it
    #[command(after_help = import::HELP)]
    Import(Box<import::Import>),
    /// Write all contacts of a running server into a file
    Export(export::Export),
    /// Print the OpenAPI document, or compare it with the committed one
    Openapi(openapi::Openapi),
    /// Print the manual page, or write the pages of all commands
    #[command(after_help = man::HELP)]
    Man(man::Manual),
    /// Print the completions of this command line for a shell
    #[command(after_help = completions::HELP)]
    Completions(completions::Completions),
}

/// The exit code of `migrate --check` if there are any.
const MIGRATIONS_PENDING: u8 = 3;

const MIGRATE_HELP: &str = "\
The exit code is 0 if the schema is up to date and, with --check, 3 if it lacks migrations; 1 if there is no database, it cannot be \
reached, or its schema is newer than this program.";

#[derive(Args, Debug)]
struct Serve {
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args, Debug)]
struct Migrate {
    /// Change nothing: print the migrations that the database lacks, one per line
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    database: DatabaseSettings,
}

/// Parses the command line and runs its command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => {
            eprintln!("{}", one_line(&error));
            return ExitCode::from(2);
        }
    };
    let result = match cli.command {
        None => serve(&cli.serve.settings),
        Some(Command::Serve(serve)) => self::serve(&serve.settings),
        Some(Command::Migrate(migrate)) => migrate.run(),
        Some(Command::Backup(backup)) => backup.run(),
        Some(Command::Restore(restore)) => restore.run(),
        Some(Command::Verify(verify)) => verify.run(),
        Some(Command::Accounts(accounts)) => accounts.run(),
        Some(Command::Keys(keys)) => keys.run(),
        Some(Command::Import(import)) => import.run(),
        Some(Command::Export(export)) => export.run(),
        Some(Command::Openapi(openapi)) => openapi.run(),
        Some(Command::Man(man)) => man.run(Cli::command()),
        Some(Command::Completions(completions)) => completions.run(Cli::command()),
    };
    match result {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let command = settings_file::with_defaults(Cli::command(), std::env::args_os())?;
    Cli::from_arg_matches(&command.try_get_matches()?)
}

/// The first paragraph of clap's error message, on one line.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn serve(settings: &Settings) -> CommandResult {
    let telemetry = Telemetry::start(&settings.log, &settings.traces)?;
    raise_file_limit();
    let outcome = runtime()?.block_on(async {
        let app = App::start(settings, telemetry.span_counters()).await?;
        app.stop_on_signal(settings.limits.drain)?;
        app.announce(io::stderr().lock())?;
        app.log_start(settings);
        app.run().await?;
        Ok(ExitCode::SUCCESS)
    });
    telemetry.stop();
    outcome
}

/// Raises the soft limit of file descriptors, often 1,024, to the hard limit: each connection uses one.
fn raise_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => tracing::debug!(files, "limit of open files"),
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
    }
}

impl Migrate {
    fn run(self) -> CommandResult {
        let Self { check, file: _, database } = self;
        runtime()?.block_on(async {
            if check {
                let pending = app::pending_migrations(&database).await?;
                for migration in &pending {
                    writeln!(io::stdout(), "{migration}")?;
                }
                if !pending.is_empty() {
                    return Ok(ExitCode::from(MIGRATIONS_PENDING));
                }
            } else {
                app::migrate(&database).await?;
            }
            eprintln!("the schema is up to date");
            Ok(ExitCode::SUCCESS)
        })
    }
}
