//! The change log of a restored database gets another timeline; see [`crate::domain::change::Timeline`].

use sea_orm::sea_query::{Alias, Query, UpdateStatement};

use super::error::BackupError;
use super::manifest::Contents;
use crate::storage::entity::change_timeline::Column;

const TABLE: &str = "change_timeline";

/// The statement that renews it. `None`: the backup is older than timelines, and a migration makes one.
///
/// # Errors
/// There are no random numbers.
pub(super) fn renewal(
    contents: &Contents,
    schema: Option<&str>,
) -> Result<Option<UpdateStatement>, BackupError> {
    if !contents.rows.contains_key(TABLE) {
        return Ok(None);
    }
    let timeline = getrandom::u64().map_err(|error| BackupError::Database { reason: error.to_string() })?;
    let mut update = Query::update();
    match schema {
        Some(schema) => update.table((Alias::new(schema), Alias::new(TABLE))),
        None => update.table(TABLE),
    };
    Ok(Some(update.value(Column::Timeline, timeline.cast_signed()).to_owned()))
}
