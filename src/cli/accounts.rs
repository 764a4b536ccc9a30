//! `addressbook accounts`: accounts directly in the database, without a running server.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::command::CommandResult;
use super::settings_file;
use super::store::To;
use crate::config::{self, CENTURY, HOUR, written};
use crate::domain::account::limits::{AccountLimit, LimitChanges, LimitOverrides};
use crate::domain::account::service::{AccountService, DEFAULT_KEEP};
use crate::domain::account::{Account, AccountQuery, AccountState, StateChange};
use crate::domain::pagination::{Cursor, CursorParams, MAX_LIMIT};
use crate::domain::{AccountName, Timestamp};

#[derive(Args, Debug)]
pub(super) struct Accounts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
#[command(after_help = settings_file::HELP)]
enum Command {
    /// Create an account, without keys; print its id on standard output
    Create {
        /// The name of the account
        #[arg(value_name = "NAME", value_parser = account)]
        account: AccountName,
        #[command(flatten)]
        to: To,
    },
    /// List accounts, newest first
    List {
        #[command(flatten)]
        to: To,
    },
    /// Refuse the requests of an account until it is resumed
    Suspend {
        /// The name of the account
        #[arg(value_name = "NAME", value_parser = account)]
        account: AccountName,
        #[command(flatten)]
        to: To,
    },
    /// Carry out the requests of a suspended account again, or of a closed one that is not purged yet
    Resume {
        /// The name of the account
        #[arg(value_name = "NAME", value_parser = account)]
        account: AccountName,
        #[command(flatten)]
        to: To,
    },
    /// Suspend an account, and let the server delete it with everything in it later
    Close {
        /// The name of the account
        #[arg(value_name = "NAME", value_parser = account)]
        account: AccountName,
        /// How long what the account has is kept, from now on; at least an hour
        #[arg(long, value_name = "TIME", default_value = written(DEFAULT_KEEP), value_parser = config::duration::<HOUR, CENTURY>)]
        keep: Duration,
        #[command(flatten)]
        to: To,
    },
    /// Show the limits of an account, and set those that are given; on every instance after at most half a second
    Limits {
        /// The name of the account
        #[arg(value_name = "NAME", value_parser = account)]
        account: AccountName,
        /// A limit and its new value, `contacts=20000000`, or `default` for that of the server; can be repeated
        #[arg(value_name = "LIMIT=VALUE", value_parser = limit)]
        changes: Vec<(AccountLimit, Option<u64>)>,
        #[command(flatten)]
        to: To,
    },
    /// Show one account
    Show {
        /// The name of the account
        #[arg(value_name = "NAME", value_parser = account)]
        account: AccountName,
        #[command(flatten)]
        to: To,
    },
}

pub(super) fn account(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|violation| violation.sentence("the account's name"))
}

fn limit(text: &str) -> Result<(AccountLimit, Option<u64>), String> {
    let (name, value) = text.split_once('=').ok_or("a limit is set as LIMIT=VALUE")?;
    let unknown = || format!("unknown limit; the limits are {}", AccountLimit::NAMES);
    let limit = AccountLimit::parse(name).ok_or_else(unknown)?;
    if value == SERVERS {
        return Ok((limit, None));
    }
    // What is not a number is not within the bounds either.
    let value = limit.check(value.parse().unwrap_or(-1)).map_err(|violation| violation.sentence(name))?;
    Ok((limit, Some(value)))
}

/// In place of the value of a limit that an account does not have for itself.
const SERVERS: &str = "default";

impl Accounts {
    pub(super) fn run(self) -> CommandResult {
        let (Command::Create { to, .. }
        | Command::List { to }
        | Command::Suspend { to, .. }
        | Command::Resume { to, .. }
        | Command::Close { to, .. }
        | Command::Limits { to, .. }
        | Command::Show { to, .. }) = &self.command;
        to.run(async |store| self.command.run(&AccountService::new(Arc::clone(&store))).await)
    }
}

impl Command {
    async fn run(&self, accounts: &AccountService) -> CommandResult {
        match self {
            Self::Create { account, to: _ } => {
                writeln!(stdout(), "{}", accounts.create(account).await?.id)?;
            }
            Self::Suspend { account, to: _ } => change(accounts, account, StateChange::Suspend).await?,
            Self::Resume { account, to: _ } => change(accounts, account, StateChange::Resume).await?,
            Self::Close { account, keep, to: _ } => {
                let id = accounts.get_by_name(account).await?.id;
                print(&[accounts.close(id, *keep).await?], true)?;
            }
            Self::Limits { account, changes, to: _ } => {
                let mut account = accounts.get_by_name(account).await?;
                if !changes.is_empty() {
                    let changes = LimitChanges(changes.iter().copied().collect());
                    account = accounts.change_limits(account.id, changes).await?;
                }
                print_limits(&account.limits)?;
            }
            Self::List { to: _ } => list(accounts).await?,
            Self::Show { account, to: _ } => print(&[accounts.get_by_name(account).await?], true)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn change(
    accounts: &AccountService,
    name: &AccountName,
    change: StateChange,
) -> Result<(), Box<dyn std::error::Error>> {
    let id = accounts.get_by_name(name).await?.id;
    print(&[accounts.change_state(id, change).await?], true)?;
    Ok(())
}

/// Page by page: there can be many.
async fn list(accounts: &AccountService) -> Result<(), Box<dyn std::error::Error>> {
    let mut cursor = Cursor::default();
    for is_first in std::iter::once(true).chain(std::iter::repeat(false)) {
        let page = CursorParams { cursor, limit: MAX_LIMIT };
        let page = accounts.page(AccountQuery { page, name: None }).await?;
        print(&page.items, is_first)?;
        match page.items.last() {
            Some(last) if page.has_more => cursor.after = Some(last.id),
            _ => break,
        }
    }
    Ok(())
}

/// A time in a table.
pub(super) fn time_or(time: Option<Timestamp>, none: &str) -> String {
    time.map_or_else(|| none.to_owned(), |time| time.to_string())
}

fn print_limits(limits: &LimitOverrides) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{:<16}  VALUE", "LIMIT")?;
    for limit in AccountLimit::ALL {
        let value = limits.get(limit).map_or_else(|| SERVERS.to_owned(), |value| value.to_string());
        writeln!(out, "{:<16}  {value}", limit.as_str())?;
    }
    Ok(())
}

fn print(accounts: &[Account], with_header: bool) -> std::io::Result<()> {
    let mut out = stdout().lock();
    if with_header {
        let (id, state, created, purge) = ("ID", "STATE", "CREATED", "PURGE AFTER");
        let (used, contacts) = ("LAST USED", "CONTACTS");
        writeln!(out, "{id:<8}  {state:<9}  {created:<24}  {purge:<24}  {used:<24}  {contacts:>10}  NAME")?;
    }
    for account in accounts {
        let Account { id, name, created_at, suspended_at: _, state, contacts, last_used_at, limits: _ } =
            account;
        let purge = match state {
            AccountState::Closed { purge_at } => purge_at.to_string(),
            AccountState::Active | AccountState::Suspended => "-".to_owned(),
        };
        let (id, state, created) = (id.to_string(), state.as_str(), created_at.to_string());
        let (used, name) = (time_or(*last_used_at, "-"), name.as_str());
        writeln!(out, "{id:<8}  {state:<9}  {created:<24}  {purge:<24}  {used:<24}  {contacts:>10}  {name}")?;
    }
    Ok(())
}
