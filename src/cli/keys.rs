//! `addressbook keys`: API key administration directly in the database, without a running server.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::accounts::{account, time_or};
use super::command::CommandResult;
use super::settings_file;
use super::store::To;
use crate::config::{self, CENTURY, written};
use crate::domain::api_key::service::{DEFAULT_OVERLAP, KeyRequest, KeyService};
use crate::domain::api_key::{KeyId, KeyLabel, KeyState, ListedKey, UsedKey};
use crate::domain::error::if_found;
use crate::domain::operator::OperatorKey;
use crate::domain::operator::service::OperatorService;
use crate::domain::store::Store;
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
        #[arg(long, value_name = "NAME", value_parser = account, required_unless_present = "operator")]
        account: Option<AccountName>,
        /// An operator key instead: it manages accounts and keys at the administration address, and reads no contacts
        #[arg(long, conflicts_with_all = ["account", "permissions"])]
        operator: bool,
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
        /// Only operator keys
        #[arg(long, conflicts_with = "account")]
        operator: bool,
        #[command(flatten)]
        to: To,
    },
    /// Revoke a key permanently, of an account or of an operator
    Revoke {
        /// The id of the key, as `keys list` shows it
        id: KeyId,
        #[command(flatten)]
        to: To,
    },
    /// Create a successor of a key, of an account or of an operator; print only the new key on standard output
    Rotate {
        /// The id of the key, as `keys list` shows it
        id: KeyId,
        /// How long the old key remains valid
        #[arg(long, value_name = "TIME", default_value = written(DEFAULT_OVERLAP), value_parser = config::duration::<0, CENTURY>)]
        overlap: Duration,
        #[command(flatten)]
        to: To,
    },
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
        to.run(async |store| self.command.run(&store).await)
    }
}

impl Command {
    async fn run(&self, store: &Arc<dyn Store>) -> CommandResult {
        let (keys, operators) = (KeyService::new(Arc::clone(store)), OperatorService::new(Arc::clone(store)));
        match self {
            Self::Create { account: None, operator: _, permissions: _, expires, label, to: _ } => {
                writeln!(stdout(), "{}", operators.create(*expires, label.clone()).await?.reveal())?;
            }
            Self::Create { account: Some(account), operator: _, permissions, expires, label, to: _ } => {
                let request = KeyRequest {
                    permissions: Permissions::from_list(permissions.clone()),
                    expires_in: *expires,
                    label: label.clone(),
                };
                writeln!(stdout(), "{}", keys.create(account, request).await?.reveal())?;
            }
            Self::List { account: _, operator: true, to: _ } => {
                let now = Timestamp::now();
                let listed = operators.list().await?;
                let mut out = stdout().lock();
                writeln!(out, "{COMMON_HEADER}  LABEL")?;
                for key in &listed {
                    writeln!(out, "{}", operator_line(key, now))?;
                }
            }
            Self::List { account, operator: false, to: _ } => {
                let now = Timestamp::now();
                let listed = keys.list(account.as_ref()).await?;
                let mut out = stdout().lock();
                let (used, from) = ("LAST USED", "FROM");
                writeln!(out, "{COMMON_HEADER}  {used:<24}  {from:<15}  ACCOUNT  LABEL  PERMISSIONS")?;
                for key in &listed {
                    writeln!(out, "{}", line(key, now))?;
                }
            }
            Self::Revoke { id, to: _ } => {
                if if_found(operators.revoke(id).await)?.is_none() {
                    keys.revoke(id).await?;
                }
                eprintln!("the key {id} has been revoked");
            }
            Self::Rotate { id, overlap, to: _ } => {
                let token = match if_found(operators.rotate(id, *overlap).await)? {
                    Some(token) => token,
                    None => keys.rotate(id, *overlap).await?.token,
                };
                writeln!(stdout(), "{}", token.reveal())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

const COMMON_HEADER: &str = "ID                STATE     CREATED                   EXPIRES                 ";

/// The columns that keys of both kinds have.
fn common_columns(
    id: &KeyId,
    state: KeyState,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
) -> String {
    let expires = time_or(expires_at, "never");
    format!("{:<16}  {:<8}  {:<24}  {expires:<24}", id.as_str(), state.as_str(), created_at.to_string())
}

fn label_or_dash(label: Option<&KeyLabel>) -> &str {
    label.map_or("-", KeyLabel::as_str)
}

fn line(ListedKey { key: UsedKey { key, last_use }, account }: &ListedKey, now: Timestamp) -> String {
    let permissions = match &key.permissions {
        Permissions::All => "all".to_owned(),
        only @ Permissions::Only(_) => only.to_string(),
    };
    let common = common_columns(&key.id, key.state(now), key.created_at, key.expires_at);
    let (account, label) = (account.as_str(), label_or_dash(key.label.as_ref()));
    let used = time_or(last_use.map(|last| last.at), "-");
    let from = last_use.and_then(|last| last.from);
    let from = from.map_or_else(|| "-".to_owned(), |address| address.to_string());
    format!("{common}  {used:<24}  {from:<15}  {account}  {label}  {permissions}")
}

fn operator_line(key: &OperatorKey, now: Timestamp) -> String {
    let common = common_columns(&key.id, key.state(now), key.created_at, key.expires_at);
    format!("{common}  {}", label_or_dash(key.label.as_ref()))
}
