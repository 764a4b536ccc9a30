//! `addressbook accounts`: accounts directly in the database, without a running server.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::command::CommandResult;
use super::settings_file;
use super::store::To;
use crate::domain::AccountName;
use crate::domain::account::service::AccountService;
use crate::domain::account::{Account, AccountQuery};
use crate::domain::pagination::{Cursor, CursorParams, MAX_LIMIT};

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

impl Accounts {
    pub(super) fn run(self) -> CommandResult {
        let (Command::Create { to, .. } | Command::List { to } | Command::Show { to, .. }) = &self.command;
        to.run(async |store| self.command.run(&AccountService::new(Arc::clone(&store))).await)
    }
}

impl Command {
    async fn run(&self, accounts: &AccountService) -> CommandResult {
        match self {
            Self::Create { account, to: _ } => {
                writeln!(stdout(), "{}", accounts.create(account).await?.id)?;
            }
            Self::List { to: _ } => list(accounts).await?,
            Self::Show { account, to: _ } => print(&[accounts.get_by_name(account).await?], true)?,
        }
        Ok(ExitCode::SUCCESS)
    }
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

fn print(accounts: &[Account], with_header: bool) -> std::io::Result<()> {
    let mut out = stdout().lock();
    if with_header {
        writeln!(out, "{:<8}  {:<24}  {:>10}  NAME", "ID", "CREATED", "CONTACTS")?;
    }
    for Account { id, name, created_at, contacts } in accounts {
        let (id, created_at) = (id.to_string(), created_at.to_string());
        writeln!(out, "{id:<8}  {created_at:<24}  {contacts:>10}  {}", name.as_str())?;
    }
    Ok(())
}
