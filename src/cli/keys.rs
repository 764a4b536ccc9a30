//! `addressbook keys`: API key administration directly in the database, without a running server.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::command::{CommandResult, runtime};
use super::settings_file::{self, SettingsFile};
use crate::app;
use crate::config::{self, CENTURY, DatabaseSettings};
use crate::domain::api_key::service::{KeyRequest, KeyService};
use crate::domain::api_key::{KeyId, KeyLabel, KeyState, ListedKey};
use crate::domain::{AccountName, Permission, Permissions, Timestamp};

#[derive(Args, Debug)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
#[command(after_help = settings_file::HELP)]
enum Command {
    /// Create a key, and its account if it does not exist; print only the key on standard output
    Create {
        /// The account that the key gives access to
        #[arg(long, value_name = "NAME", value_parser = account)]
        account: AccountName,
        /// A permission of the key; can be repeated; all permissions if omitted
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<Permission>,
        /// How long the key is valid (`90d`, `12h`); unlimited if omitted
        #[arg(long, value_name = "TIME", value_parser = config::duration::<1_000, CENTURY>)]
        expires: Option<Duration>,
        /// A label for the key in lists
        #[arg(long, value_name = "TEXT", value_parser = label)]
        label: Option<KeyLabel>,
        #[command(flatten)]
        to: To,
    },
    /// List keys, without their secrets
    List {
        /// Only keys of this account
        #[arg(long, value_name = "NAME", value_parser = account)]
        account: Option<AccountName>,
        #[command(flatten)]
        to: To,
    },
    /// Revoke a key permanently
    Revoke {
        /// The id of the key, as `keys list` shows it
        id: KeyId,
        #[command(flatten)]
        to: To,
    },
    /// Create a successor of a key; print only the new key on standard output
    Rotate {
        /// The id of the key, as `keys list` shows it
        id: KeyId,
        /// How long the old key remains valid
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = config::duration::<0, CENTURY>)]
        overlap: Duration,
        #[command(flatten)]
        to: To,
    },
}

/// Which database.
#[derive(Args, Debug)]
struct To {
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    database: DatabaseSettings,
}

fn account(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|violation| violation.sentence("the account's name"))
}

fn label(text: &str) -> Result<KeyLabel, String> {
    KeyLabel::parse(text).map_err(|violation| violation.sentence("the label"))
}

impl Keys {
    pub(super) fn run(self) -> CommandResult {
        let (Command::Create { to, .. }
        | Command::List { to, .. }
        | Command::Revoke { to, .. }
        | Command::Rotate { to, .. }) = &self.command;
        runtime()?.block_on(async {
            let store = app::open(&to.database).await?;
            let result = self.command.run(&KeyService::new(Arc::clone(&store))).await;
            store.close().await;
            result
        })
    }
}

impl Command {
    async fn run(&self, keys: &KeyService) -> CommandResult {
        match self {
            Self::Create { account, permissions, expires, label, to: _ } => {
                let request = KeyRequest {
                    permissions: Permissions::from_list(permissions.clone()),
                    expires_in: *expires,
                    label: label.clone(),
                };
                writeln!(stdout(), "{}", keys.create(account, request).await?.reveal())?;
            }
            Self::List { account, to: _ } => {
                let now = Timestamp::now();
                let listed = keys.list(account.as_ref()).await?;
                let mut out = stdout().lock();
                writeln!(
                    out,
                    "{:<16}  {:<8}  {:<24}  {:<24}  ACCOUNT  LABEL  PERMISSIONS",
                    "ID", "STATE", "CREATED", "EXPIRES"
                )?;
                for key in &listed {
                    writeln!(out, "{}", line(key, now))?;
                }
            }
            Self::Revoke { id, to: _ } => {
                keys.revoke(id).await?;
                eprintln!("the key {id} has been revoked");
            }
            Self::Rotate { id, overlap, to: _ } => {
                writeln!(stdout(), "{}", keys.rotate(id, *overlap).await?.reveal())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(ListedKey { key, account }: &ListedKey, now: Timestamp) -> String {
    let state = match key.state(now) {
        KeyState::Live => "live",
        KeyState::Expired => "expired",
        KeyState::Revoked => "revoked",
    };
    let expires = key.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
    let label = key.label.as_ref().map_or("-", |label| label.as_str());
    let permissions = match &key.permissions {
        Permissions::All => "all".to_owned(),
        only @ Permissions::Only(_) => only.to_string(),
    };
    let (id, created_at, account) = (&key.id, key.created_at, account.as_str());
    format!(
        "{id:<16}  {state:<8}  {:<24}  {expires:<24}  {account}  {label}  {permissions}",
        created_at.to_string()
    )
}
