//! Why a command fails to start.

use std::io;

use crate::domain::Error;
use crate::storage::OpenError;
use crate::storage::backup::BackupError;

/// One line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{source} [{url}]")]
    Database {
        source: OpenError,
        /// Without the password.
        url: String,
    },
    #[error(transparent)]
    Backup(BackupError),
    #[error("cannot listen on {address}: {reason}")]
    Bind { address: String, reason: io::Error },
    #[error("--admin-bind must not be the address that clients use (--bind): {address}")]
    AdminIsPublic { address: String },
    #[error("the first API key could not be created: {0}")]
    FirstKey(#[from] Error),
    #[error("the first API key cannot be written to {path}: {reason}")]
    FirstKeyFile { path: String, reason: io::Error },
}
