//! Deadlines for work that waits for the server.

use std::io::ErrorKind;
use std::time::Duration;

use sea_orm::sqlx::Error;

pub(super) async fn with_timeout<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(deadline, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::Io(ErrorKind::TimedOut.into())),
    }
}
