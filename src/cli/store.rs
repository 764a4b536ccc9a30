//! The database of a command that works directly in it, without a running server.

use std::sync::Arc;

use clap::Args;

use super::command::{CommandResult, runtime};
use super::settings_file::SettingsFile;
use crate::app;
use crate::config::DatabaseSettings;
use crate::domain::store::Store;

/// Which database.
#[derive(Args, Debug)]
pub(super) struct To {
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    database: DatabaseSettings,
}

impl To {
    /// Runs a command with the store, and closes it.
    pub(super) fn run(&self, command: impl AsyncFnOnce(Arc<dyn Store>) -> CommandResult) -> CommandResult {
        runtime()?.block_on(async {
            let store = app::open(&self.database).await?;
            let result = command(Arc::clone(&store)).await;
            store.close().await;
            result
        })
    }
}
